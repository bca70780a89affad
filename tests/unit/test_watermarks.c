/* SPDX-License-Identifier: Apache-2.0 */
/* Marks of live stores: the larger numbers count, the order is that of the stores, texts are
 * distrusted. */

#include "data/watermarks.h"
#include "tests/unit/unit.h"

TEST(of_two_marks_of_a_store_the_larger_numbers_count)
{
    struct pz_watermarks m = { 0 };
    struct pz_str text = { 0 };
    const struct pz_watermark marks[] = { { "bbbbbbbbbbbbbbbb", 5, 1 },
                                          { "aaaaaaaaaaaaaaaa", 7, 7 },
                                          { "bbbbbbbbbbbbbbbb", 3, 2 } };
    for (size_t i = 0; i < 3; i++) {
        assert_true(pz_watermarks_add(&m, &marks[i]));
    }
    pz_watermarks_write(&m, &text);
    assert_string_equal(text.data, "aaaaaaaaaaaaaaaa 7 7\nbbbbbbbbbbbbbbbb 5 2\n");
    assert_int_equal(pz_watermarks_find(&m, "bbbbbbbbbbbbbbbb")->events, 5);
    assert_null(pz_watermarks_find(&m, ""));
    pz_watermarks_clear(&m);
    assert_int_equal(pz_watermarks_read(&m, text.data, NULL), PZ_OK);
    assert_int_equal(m.n, 2);
    pz_watermarks_clear(&m);
    pz_str_clear(&text);
}

TEST(a_text_that_is_none_is_refused)
{
    const char *bad[] = { "x",         "aaaaaaaaaaaaaaaa 1\n",    "aaaaaaaaaaaaaaaa 1 x\n",
                          "aaa 1 2\n", "aaaaaaaaaaaaaaaa 1 2\nx", "aaaaaaaaaaaaaaaaa 1 2\n" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct pz_watermarks m = { 0 };
        assert_int_equal(pz_watermarks_read(&m, bad[i], NULL), PZ_BAD_DATA);
        pz_watermarks_clear(&m);
    }
}
