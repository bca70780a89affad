/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests: cmocka, and a macro that makes a function a test. One file is one program:
 *
 *     #include "unit.h"
 *
 *     TEST(ties_go_to_the_lower_item)
 *     {
 *         assert_int_equal(...);
 *     }
 *
 * The name is a sentence; tests run in the order of the file; main is here. */
#ifndef PZ_TESTS_UNIT_H
#define PZ_TESTS_UNIT_H

/* cmocka wants these before it: clang-format must not sort them */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
/* clang-format on */

/* Whether a sanitizer watches, for tests of what it does not let happen. */
#ifdef __has_feature
#define UNIT_SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNIT_SANITIZED 1
#else
#define UNIT_SANITIZED 0
#endif

enum { UNIT_TESTS_MAX = 200 };

static struct CMUnitTest unit_tests[UNIT_TESTS_MAX];
static size_t n_unit_tests;

#define TEST(name)                                                              \
    static void name(void **);                                                  \
    __attribute__((constructor)) static void add_##name(void)                   \
    {                                                                           \
        unit_tests[n_unit_tests++] = (struct CMUnitTest)cmocka_unit_test(name); \
    }                                                                           \
    static void name(void **unit_state __attribute__((unused)))

/* What runs before and after all tests of the file, and before and after each of them:
 *
 *     AROUND_ALL(make_path, remove_path)
 *     AROUND_EACH(fresh_folder, remove_folder) */
static CMFixtureFunction unit_setup, unit_teardown, unit_each_setup, unit_each_teardown;

#define AROUND_ALL(before, after)                                 \
    __attribute__((constructor)) static void set_around_all(void) \
    {                                                             \
        unit_setup = before;                                      \
        unit_teardown = after;                                    \
    }

#define AROUND_EACH(before, after)                                 \
    __attribute__((constructor)) static void set_around_each(void) \
    {                                                              \
        unit_each_setup = before;                                  \
        unit_each_teardown = after;                                \
    }

int main(void)
{
    for (size_t i = 0; i < n_unit_tests; i++) {
        unit_tests[i].setup_func = unit_each_setup;
        unit_tests[i].teardown_func = unit_each_teardown;
    }
    return _cmocka_run_group_tests("tests", unit_tests, n_unit_tests, unit_setup, unit_teardown);
}

#endif
