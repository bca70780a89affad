/* SPDX-License-Identifier: Apache-2.0 */

#include "base/par.h"
#include "tests/unit/unit.h"

/* omp_set_num_threads is what OMP_NUM_THREADS sets before a program starts. */
TEST(threads_are_those_asked_for_else_those_of_the_environment)
{
    omp_set_num_threads(7);
    assert_int_equal(pz_par_threads(), 7);
    pz_par_set(3);
    assert_int_equal(pz_par_threads(), 3);
    pz_par_set(0);
    assert_int_equal(pz_par_threads(), 7);
}
