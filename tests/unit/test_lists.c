/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "table/lists.h"
#include "tests/unit/unit.h"

/* Two lists of entries below 9: (3, 8) and (0). */
static const uint32_t entry[] = { 3, 8, 0 };

static bool good(uint64_t a, uint64_t b, uint64_t c, uint64_t end, uint64_t most, uint32_t below)
{
    return pz_lists_good((const uint64_t[]){ a, b, c }, 2, end, most, entry, below);
}

TEST(sound_lists_are_good)
{
    assert_true(good(0, 2, 3, 3, 2, 9));
    assert_true(good(0, 0, 3, 3, 3, 9));
    assert_true(pz_lists_good((const uint64_t[]){ 0 }, 0, 0, 0, NULL, 0));
    assert_true(pz_lists_good((const uint64_t[]){ 0, 0 }, 1, 0, 0, NULL, 0));
}

TEST(every_lie_about_lists_is_seen)
{
    assert_false(good(1, 2, 3, 3, 3, 9)); /* begins late */
    assert_false(good(0, 2, 2, 3, 3, 9)); /* ends early */
    assert_false(good(0, 2, 4, 3, 3, 9)); /* ends late */
    assert_false(good(0, 3, 2, 2, 3, 9)); /* falls */
    assert_false(good(0, UINT64_MAX, 3, 3, UINT64_MAX, 9));
    assert_false(good(0, 2, 3, 3, 1, 9)); /* too long a list */
    assert_false(good(0, 2, 3, 3, 2, 8)); /* too large an entry */
}

TEST(numbers_are_finite_and_not_below_the_least)
{
    for (int at = 0; at < 2; at++) {
        float x[] = { 0, 0 };

        x[at] = NAN;
        assert_false(pz_numbers_good(x, 2, -FLT_MAX));
        x[at] = INFINITY;
        assert_false(pz_numbers_good(x, 2, 0));
        x[at] = -INFINITY;
        assert_false(pz_numbers_good(x, 2, -FLT_MAX));
        x[at] = -1;
        assert_false(pz_numbers_good(x, 2, 0));
        assert_true(pz_numbers_good(x, 2, -FLT_MAX));
        x[at] = FLT_MAX;
        assert_true(pz_numbers_good(x, 2, 0));
    }
    assert_true(pz_numbers_good(NULL, 0, 0));
}
