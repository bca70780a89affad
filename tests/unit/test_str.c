/* SPDX-License-Identifier: Apache-2.0 */
/* Strings: text -> value tables, and what is written reads back. */
#include "base/str.h"
#include "base/word.h"

#include <math.h>

#include "tests/unit/unit.h"

TEST(a_buffer_grows_and_is_always_terminated)
{
    struct pz_str s = { 0 };

    for (int i = 0; i < 1000; i++)
        pz_str_addf(&s, "%d,", i % 10);
    assert_int_equal(s.len, 2000);
    assert_int_equal(strlen(s.data), 2000);
    pz_str_reset(&s);
    assert_int_equal(s.len, 0);
    assert_string_equal(s.data, "");
    pz_str_add(&s, "a\0b", 3);
    assert_int_equal(s.len, 3);
    assert_int_equal(s.data[3], 0);
    pz_str_clear(&s);
    assert_null(s.data);
}

TEST(counts_have_as_many_digits_as_they_need_or_more)
{
    static const struct {
        uint64_t n;
        size_t digits;
        const char *text;
    } t[] = { { 0, 0, "0" },     { 0, 1, "0" },
              { 0, 3, "000" },   { 7, 2, "07" },
              { 10, 1, "10" },   { 99, 2, "99" },
              { 100, 2, "100" }, { UINT64_MAX, 1, "18446744073709551615" } };

    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct pz_str s = { 0 };

        pz_str_add_count(&s, t[i].n, t[i].digits);
        assert_string_equal(s.data, t[i].text);
        pz_str_clear(&s);
    }
}

TEST(a_word_is_found_whole_or_not_at_all)
{
    static const struct {
        const char *text, *word;
        int at; /* -1: nowhere */
    } t[] = {
        { "", "u1", -1 },
        { "u1", "u1", 0 },
        { "u12", "u1", -1 },
        { "xu1", "u1", -1 },
        { "u12 u1", "u1", 4 },
        { "[u1,u2]", "u2", 4 },
        { "u1-a", "u1", -1 },
        { "a_u1", "u1", -1 },
        { "u1u1", "u1", -1 },
        { "\xc3\xa9u1", "u1", -1 },
        { "ann@x.org!", "ann@x.org", 0 },
        { "aXaXa", "aXa", -1 },
    };

    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        const char *p = pz_word_find(t[i].text, strlen(t[i].text), t[i].word, strlen(t[i].word));

        assert_int_equal(p ? p - t[i].text : -1, t[i].at);
    }
}

TEST(whole_numbers_are_read_whole_or_not_at_all)
{
    static const struct {
        const char *text;
        bool ok;
        long long value;
    } t[] = {
        { "0", true, 0 },
        { "-0", true, 0 },
        { "+17", true, 17 },
        { "9223372036854775807", true, INT64_MAX },
        { "-9223372036854775808", true, INT64_MIN },
        { "9223372036854775808", false, 0 },
        { "-9223372036854775809", false, 0 },
        { "", false, 0 },
        { "-", false, 0 },
        { "1 ", false, 0 },
        { " 1", false, 0 },
        { "1.0", false, 0 },
        { "0x1", false, 0 },
        { "1e3", false, 0 },
    };
    long long value;

    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        bool ok = pz_str_to_i64(t[i].text, strlen(t[i].text), &value);

        if (ok != t[i].ok || (ok && value != t[i].value))
            fail_msg("\"%s\"", t[i].text);
    }
}

TEST(decimals_are_read_without_the_locale_and_without_surprises)
{
    static const struct {
        const char *text;
        bool ok;
        double value;
    } t[] = {
        { "1.5", true, 1.5 }, { "-.5", true, -0.5 }, { "1e3", true, 1000 }, { "1E-3", true, 1e-3 },
        { "5.", true, 5 },    { "", false, 0 },      { ".", false, 0 },     { "1,5", false, 0 },
        { "nan", false, 0 },  { "inf", false, 0 },   { "1e400", false, 0 }, { "0x1p3", false, 0 },
        { "1.5 ", false, 0 }, { "--1", false, 0 },   { "1e", false, 0 },
    };
    double value;

    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        bool ok = pz_str_to_double(t[i].text, strlen(t[i].text), &value);

        if (ok != t[i].ok || (ok && value != t[i].value))
            fail_msg("\"%s\"", t[i].text);
    }
    assert_false(pz_str_to_double("1\0002", 3, &value)); /* a NUL ends nothing */
}

TEST(numbers_are_written_as_short_as_they_read_back)
{
    static const struct {
        double x;
        const char *text;
    } t[] = { { 0.1, "0.1" },   { 1, "1" },           { 1e30, "1e+30" },    { -2.5, "-2.5" },
              { 1 / 3., NULL }, { M_PI, NULL },       { NAN, "nan" },       { INFINITY, "inf" },
              { 5e-324, NULL }, { 1e15 + 0.3, NULL }, { -INFINITY, "-inf" } };

    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct pz_str s = { 0 };
        double back;

        pz_str_add_double(&s, t[i].x);
        if (t[i].text)
            assert_string_equal(s.data, t[i].text);
        if (isfinite(t[i].x)) {
            assert_true(pz_str_to_double(s.data, s.len, &back));
            assert_true(back == t[i].x);
        }
        pz_str_clear(&s);
    }
}

TEST(a_field_is_quoted_only_where_it_must_be)
{
    static const char *const t[][2] = {
        { "plain", "plain" },
        { "a,b", "\"a,b\"" },
        { "say \"x\"", "\"say \"\"x\"\"\"" },
        { "", "" },
        { " lead", "\" lead\"" },
        { "line\nbreak", "\"line\nbreak\"" },
        { "cr\r", "\"cr\r\"" },
        { "a;b", "a;b" },
        { "a b", "a b" },
    };

    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct pz_str s = { 0 };

        pz_str_add_csv(&s, t[i][0], strlen(t[i][0]), ',');
        assert_string_equal(s.data ? s.data : "", t[i][1]);
        pz_str_clear(&s);
    }
}

TEST(utf8_is_judged_by_rfc_3629)
{
    static const struct {
        const char *bytes;
        size_t n;
        bool ok;
    } t[] = {
        { "abc", 3, true },
        { "", 0, true },
        { "\xc3\xa9", 2, true },
        { "\xe2\x82\xac", 3, true },
        { "\xf0\x9f\x98\x80", 4, true },
        { "\xf4\x8f\xbf\xbf", 4, true },
        { "\xc3", 1, false },             /* cut */
        { "\xc0\xaf", 2, false },         /* overlong */
        { "\xe0\x80\xaf", 3, false },     /* overlong */
        { "\xed\xa0\x80", 3, false },     /* a surrogate */
        { "\xf4\x90\x80\x80", 4, false }, /* beyond U+10FFFF */
        { "\xff", 1, false },
        { "\x80", 1, false },
        { "a\0b", 3, false },
    };

    for (size_t i = 0; i < sizeof t / sizeof *t; i++)
        if (pz_str_is_utf8(t[i].bytes, t[i].n) != t[i].ok)
            fail_msg("case %zu", i);
}

TEST(names_are_compared_without_case_and_marks)
{
    assert_true(pz_str_same_name("userId", "USER_ID"));
    assert_true(pz_str_same_name("user-id", "User_ID"));
    assert_true(pz_str_same_name("_x_", "X"));
    assert_false(pz_str_same_name("userId", "userIds"));
    assert_true(pz_str_same_name("User Id", "userid")); /* a header made for people */
    assert_false(pz_str_same_name("user.id", "userid"));
}

TEST(the_nearest_word_is_near)
{
    static const char *const words[] = { "weight", NULL, "threshold", "num" };

    assert_string_equal(pz_str_nearest("wieght", words, 4), "weight");
    assert_string_equal(pz_str_nearest("THRESHOLDS", words, 4), "threshold");
    assert_string_equal(pz_str_nearest("nun", words, 4), "num");
    assert_null(pz_str_nearest("banana", words, 4));
    assert_null(pz_str_nearest("x", words, 0));
}

/* Distances are counted between words of at most 64 letters. */
TEST(a_word_of_more_than_64_letters_is_near_to_nothing)
{
    char a[66], b[66];
    const char *const candidate[] = { b };

    for (size_t n = 64; n <= 65; n++)
        for (size_t m = 64; m <= 65; m++) {
            memset(a, 'a', sizeof a);
            memset(b, 'a', sizeof b);
            a[n] = b[m] = '\0';
            if ((pz_str_nearest(a, candidate, 1) != NULL) != (n == 64 && m == 64))
                fail_msg("%zu and %zu letters", n, m);
        }
}

TEST(event_types_are_the_same_but_for_the_case_of_letters)
{
    assert_true(pz_str_same_word("Add_To-Cart", 11, "ADD_to-cart", 11));
    assert_false(pz_str_same_word("view", 4, "views", 5));
    assert_false(pz_str_same_word("a@", 2, "a`", 2)); /* these differ by one bit, as cases do */
    assert_false(pz_str_same_word("[x]", 3, "{x}", 3));
    assert_true(pz_str_same_word("", 0, "", 0));
}

TEST(a_hint_is_a_tail_of_a_message_or_nothing)
{
    static const char *const words[] = { "weight", "threshold" };

    assert_string_equal(pz_str_hint("--", "wieght", words, 2).text, "; did you mean --weight?");
    assert_string_equal(pz_str_hint("", "banana", words, 2).text, "");
}

TEST(truth_has_these_words_and_no_others)
{
    static const char *const yes[] = { "true", "TRUE", "Yes", "on", "y", "T", "1" },
                             *const no[] = { "false", "False", "NO", "off", "N", "f", "0" },
                             *const neither[] = { "", "2", "maybe", "tru", "true ", "01", "-1" };
    bool truth;

    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        assert_true(pz_str_to_bool(yes[i], strlen(yes[i]), &truth) && truth);
        assert_true(pz_str_to_bool(no[i], strlen(no[i]), &truth) && !truth);
        assert_false(pz_str_to_bool(neither[i], strlen(neither[i]), &truth));
    }
}
