/* SPDX-License-Identifier: Apache-2.0 */
#include <cmocka.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/par.h"

/* omp_set_num_threads is what OMP_NUM_THREADS sets before a program starts. */
static void threads_are_those_asked_for_else_those_of_the_environment(void **state)
{
    (void)state;
    omp_set_num_threads(7);
    assert_int_equal(pz_par_threads(), 7);
    pz_par_set(3);
    assert_int_equal(pz_par_threads(), 3);
    pz_par_set(0);
    assert_int_equal(pz_par_threads(), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_are_those_asked_for_else_those_of_the_environment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
