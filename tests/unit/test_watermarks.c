/* SPDX-License-Identifier: Apache-2.0 */
/* Watermarks of live stores: sets of ranges, united in any order, whose gaps are named; texts are
 * distrusted. */

#include "data/watermarks.h"
#include "tests/unit/unit.h"

static const char store[] = "aaaaaaaaaaaaaaaa";

static void expect_text(const struct pz_watermarks *m, const char *want)
{
    struct pz_str text = { 0 };
    pz_watermarks_write(m, &text);
    assert_string_equal(text.data, want);
    pz_str_clear(&text);
}

TEST(ranges_of_a_store_are_united_and_stores_are_in_order)
{
    struct pz_watermarks m = { 0 }, again = { 0 };
    assert_true(pz_watermarks_add(&m, "bbbbbbbbbbbbbbbb", (struct pz_range){ 1, 5 },
                                  (struct pz_range){ 1, 1 }));
    assert_true(pz_watermarks_add(&m, store, (struct pz_range){ 1, 7 }, (struct pz_range){ 1, 0 }));
    assert_true(pz_watermarks_add(&m, "bbbbbbbbbbbbbbbb", (struct pz_range){ 8, 9 },
                                  (struct pz_range){ 2, 3 }));
    expect_text(&m, "aaaaaaaaaaaaaaaa 7 0\nbbbbbbbbbbbbbbbb 1-5,8-9 3\n");
    assert_int_equal(pz_watermarks_find(&m, "bbbbbbbbbbbbbbbb")->events, 5);
    assert_null(pz_watermarks_find(&m, ""));
    assert_int_equal(pz_watermarks_read(&again,
                                        "aaaaaaaaaaaaaaaa 7 0\nbbbbbbbbbbbbbbbb 1-5,8-9 3\n", NULL),
                     PZ_OK);
    assert_true(pz_watermarks_contain(&m, &again) && pz_watermarks_contain(&again, &m));
    assert_true(
        pz_watermarks_add(&again, store, (struct pz_range){ 8, 8 }, (struct pz_range){ 0, 0 }));
    assert_true(!pz_watermarks_contain(&m, &again) && pz_watermarks_contain(&again, &m));
    pz_watermarks_clear(&m);
    pz_watermarks_clear(&again);
}

TEST(what_is_missing_is_counted_and_named)
{
    static const struct {
        struct pz_range have[8];
        uint64_t from, n;
        const char *named;
    } rows[] = {
        { { { 3, 5 }, { 9, 9 } }, 1, 5, "1-2, 6-8" },
        { { { 3, 5 }, { 9, 9 } }, 3, 3, "6-8" },
        { { { 3, 5 } }, 2, 1, "2" }, /* one number alone */
        { { { 1, 5 } }, 1, 0, "" },
        { { { 2, 2 }, { 4, 4 }, { 6, 6 }, { 8, 8 }, { 10, 10 } }, 1, 5, "1, 3, 5, 7, 9" },
        { { { 2, 2 }, { 4, 4 }, { 6, 6 }, { 8, 8 }, { 10, 10 }, { 12, 12 } },
          1,
          6,
          "1, 3, 5, 7, 9, ..." },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pz_ranges r = { 0 };
        struct pz_str named = { 0 };

        pz_str_adds(&named, "");
        for (size_t k = 0; rows[i].have[k].first > 0; k++)
            assert_true(pz_ranges_add(&r, rows[i].have[k].first, rows[i].have[k].last));
        assert_int_equal(pz_ranges_missing(&r, rows[i].from, &named), rows[i].n);
        assert_string_equal(named.data, rows[i].named);
        pz_ranges_clear(&r);
        pz_str_clear(&named);
    }
}

TEST(ranges_agree_with_a_plain_set_of_numbers)
{
    enum { N = 24 };
    unsigned seed = 1;
    for (int round = 0; round < 2000; round++) {
        struct pz_ranges r = { 0 };
        bool in[N + 2] = { false };
        for (int k = 0; k < 5; k++) {
            uint64_t first = (seed = seed * 1103515245 + 12345) >> 16 & 15;
            uint64_t last = first + ((seed = seed * 1103515245 + 12345) >> 16 & 7);
            assert_true(pz_ranges_add(&r, first, last));
            for (uint64_t i = first; first > 0 && i <= last; i++) {
                in[i] = true;
            }
        }
        uint64_t upto = 0;
        while (in[upto + 1]) {
            upto++;
        }
        assert_int_equal(pz_ranges_upto(&r), upto);
        for (uint64_t i = 1; i <= N; i++) {
            assert_int_equal(pz_ranges_contain(&r, i, i), in[i]);
        }
        for (size_t i = 1; i < r.n; i++) {
            assert_true(r.v[i].first > r.v[i - 1].last + 1);
        }
        pz_ranges_clear(&r);
    }
}

TEST(a_gap_is_named_by_its_numbers)
{
    struct pz_watermarks m = { 0 };
    struct pz_err err = { 0 };
    const struct pz_range none = { 0, 0 };
    assert_true(pz_watermarks_add(&m, store, (struct pz_range){ 1351, 2028 }, none));
    assert_int_equal(pz_watermarks_check(&m, false, "the data", &err), PZ_OK);
    assert_int_equal(pz_watermarks_check(&m, true, "the data", &err), PZ_BAD_DATA);
    assert_non_null(strstr(err.text, "the data lack events 1-1350 of the live store aaaaaaaaaaaa"));
    assert_true(pz_watermarks_add(&m, store, (struct pz_range){ 1, 718 }, none));
    assert_true(pz_watermarks_add(&m, store, (struct pz_range){ 720, 800 }, none));
    assert_int_equal(pz_watermarks_check(&m, false, "the data", &err), PZ_BAD_DATA);
    assert_non_null(strstr(err.text, "events 719, 801-1350 of"));
    assert_true(pz_watermarks_add(&m, store, (struct pz_range){ 700, 1400 }, none));
    assert_int_equal(pz_watermarks_check(&m, true, "the data", &err), PZ_OK);
    pz_watermarks_clear(&m);
}

/* Five deltas, some of them overlapping, in all 120 orders; one left out is noticed, twice does not
 * matter. */
TEST(daily_deltas_end_in_the_whole_in_any_order_or_in_a_gap)
{
    const struct pz_range day[] = { { 1, 10 }, { 11, 25 }, { 20, 40 }, { 41, 41 }, { 42, 60 } };
    for (unsigned order = 0; order < 5 * 5 * 5 * 5 * 5; order++) {
        struct pz_watermarks m = { 0 };
        bool in[5] = { false };
        unsigned left = order;
        for (int k = 0; k < 5; k++, left /= 5) {
            assert_true(pz_watermarks_add(&m, store, day[left % 5], (struct pz_range){ 0, 0 }));
            in[left % 5] = true;
        }
        bool whole = true;
        for (int last = 4, k = 0; k < 5; k++) { /* a missing tail is no gap: it is not known */
            while (last >= 0 && !in[last]) {
                last--;
            }
            whole = whole && (in[k] || k > last);
        }
        assert_int_equal(pz_watermarks_check(&m, true, "x", NULL), whole ? PZ_OK : PZ_BAD_DATA);
        pz_watermarks_clear(&m);
    }
}

TEST(a_text_that_is_none_is_refused)
{
    const char *bad[] = { "x",
                          "aaaaaaaaaaaaaaaa 1\n",
                          "aaaaaaaaaaaaaaaa 1 x\n",
                          "aaa 1 2\n",
                          "aaaaaaaaaaaaaaaa 1 2\nx",
                          "aaaaaaaaaaaaaaaaa 1 2\n",
                          "aaaaaaaaaaaaaaaa 5-4 2\n",
                          "aaaaaaaaaaaaaaaa 0-4 2\n",
                          "aaaaaaaaaaaaaaaa 1-4, 2\n",
                          "aaaaaaaaaaaaaaaa -1 2\n",
                          "aaaaaaaaaaaaaaaa 99999999999999999999 2\n",
                          "aaaaaaaaaaaaaaaa 1 2 \n",
                          "aaaaaaaaaaaaaaaa 1 2 bbbb 3\n",
                          "aaaaaaaaaaaaaaaa 1 2 bbbbbbbbbbbbbbbb\n",
                          "aaaaaaaaaaaaaaaa 1 2 bbbbbbbbbbbbbbbb x\n",
                          "aaaaaaaaaaaaaaaa 1 2 bbbbbbbbbbbbbbbb 3 4\n",
                          "aaaaaaaaaaaaaaaa 1 2" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct pz_watermarks m = { 0 };
        assert_int_equal(pz_watermarks_read(&m, bad[i], NULL), PZ_BAD_DATA);
        pz_watermarks_clear(&m);
    }
}

/* A copy of a store whose last number was 3, and a copy of that one, made at 5. */
TEST(a_copy_of_a_store_shares_the_numbers_before_it_was_made)
{
    const char *a = "aaaaaaaaaaaaaaaa", *b = "bbbbbbbbbbbbbbbb", *c = "cccccccccccccccc";
    const struct pz_range none = { 0, 0 };
    struct pz_watermarks m = { 0 }, again = { 0 };
    struct pz_str text = { 0 }, same = { 0 };

    assert_true(pz_watermarks_add_origin(&m, c, b, 5));
    assert_true(pz_watermarks_add_origin(&m, b, a, 3));
    assert_true(pz_watermarks_add(&m, a, (struct pz_range){ 1, 7 }, (struct pz_range){ 1, 2 }));
    assert_int_equal(pz_watermarks_find(&m, b)->events, 3);
    assert_int_equal(pz_watermarks_find(&m, c)->events, 3);
    assert_int_equal(pz_watermarks_find(&m, c)->rows, 2);
    assert_true(pz_watermarks_add(&m, c, (struct pz_range){ 4, 9 }, none));
    assert_int_equal(pz_watermarks_find(&m, a)->events, 7);
    assert_int_equal(pz_watermarks_find(&m, b)->events, 5);
    assert_int_equal(pz_watermarks_find(&m, c)->events, 9);
    pz_watermarks_write(&m, &text);
    assert_string_equal(text.data, "aaaaaaaaaaaaaaaa 7 2\n"
                                   "bbbbbbbbbbbbbbbb 5 2 aaaaaaaaaaaaaaaa 3\n"
                                   "cccccccccccccccc 9 2 bbbbbbbbbbbbbbbb 5\n");
    assert_int_equal(pz_watermarks_read(&again, text.data, NULL), PZ_OK);
    pz_watermarks_write(&again, &same);
    assert_string_equal(text.data, same.data);
    assert_int_equal(pz_watermarks_check(&again, true, "the data", NULL), PZ_OK);
    pz_watermarks_clear(&m);
    pz_watermarks_clear(&again);
    pz_str_clear(&text);
    pz_str_clear(&same);
}

/* A day of a copy, and all that its origin had up to some number. */
TEST(a_day_of_a_copy_fits_behind_what_its_origin_had)
{
    const char *a = "aaaaaaaaaaaaaaaa", *b = "bbbbbbbbbbbbbbbb";
    const struct pz_range none = { 0, 0 };

    for (uint64_t had = 1; had <= 5; had++) {
        struct pz_watermarks whole = { 0 }, day = { 0 };
        bool gap = had < 2; /* the day begins at 3; of what the origin had 1 .. 4 are shared */

        assert_true(pz_watermarks_add(&whole, a, (struct pz_range){ 1, had }, none));
        assert_true(pz_watermarks_add(&day, b, (struct pz_range){ 3, 9 }, none));
        assert_true(pz_watermarks_add_origin(&day, b, a, 4));
        assert_int_equal(pz_watermarks_check(&day, true, "x", NULL), PZ_BAD_DATA);
        assert_false(pz_watermarks_contain(&whole, &day));
        assert_true(pz_watermarks_unite(&whole, &day));
        assert_int_equal(pz_watermarks_check(&whole, true, "x", NULL), gap ? PZ_BAD_DATA : PZ_OK);
        assert_int_equal(pz_watermarks_find(&whole, b)->events, gap ? 1 : 9);
        assert_true(pz_watermarks_contain(&whole, &day));
        pz_watermarks_clear(&whole);
        pz_watermarks_clear(&day);
    }
}
