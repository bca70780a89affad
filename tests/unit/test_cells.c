/* SPDX-License-Identifier: Apache-2.0 */
/* Text to values: cells, times, the types of columns, the names of columns; one table each. */
#include <math.h>

#include "base/time.h"
#include "import/cell.h"
#include "import/guess.h"
#include "import/infer.h"
#include "import/mapping.h"
#include "tests/unit/unit.h"

#define LENGTH(a) (sizeof(a) / sizeof *(a))

/* ---- times ---- */

static const struct {
    const char *text;
    int form; /* -1: no time */
    int64_t seconds;
} times[] = {
    { "0", PZ_TIME_SECONDS, 0 },
    { "1700000000", PZ_TIME_SECONDS, 1700000000 },
    { "-5", PZ_TIME_SECONDS, -5 },
    { "1700000000.9", PZ_TIME_SECONDS, 1700000000 },
    { "99999999999", PZ_TIME_SECONDS, 99999999999 },
    { "100000000000", PZ_TIME_MILLIS, 100000000 },
    { "1700000000123", PZ_TIME_MILLIS, 1700000000 },
    { "1700000000123456", PZ_TIME_MICROS, 1700000000 },
    { "1700000000123456789", PZ_TIME_NANOS, 1700000000 },
    { "20210129", PZ_TIME_YYYYMMDD, 1611878400 },
    { "20210229", PZ_TIME_SECONDS, 20210229 },
    { "18991231", PZ_TIME_SECONDS, 18991231 },
    { "2021-01-29", PZ_TIME_ISO8601, 1611878400 },
    { "2020-02-29", PZ_TIME_ISO8601, 1582934400 },
    { "2021-02-29", -1, 0 },
    { "2021-13-01", -1, 0 },
    { "2021-01-29T07:01", PZ_TIME_ISO8601, 1611903660 },
    { "2021-01-29 07:01:00.123Z", PZ_TIME_ISO8601, 1611903660 },
    { "2021-01-29 07:01:00 UTC", PZ_TIME_ISO8601, 1611903660 },
    { "2021-01-29 07:01:00+0230", PZ_TIME_ISO8601, 1611894660 },
    { "2021-01-29 24:01:00", -1, 0 },
    { "2021-01-29 07:01:00 XYZ", -1, 0 },
    { "2021/01/29", PZ_TIME_ISO8601, 1611878400 },
    { "2021/01-29", -1, 0 },
    { "20210129T070100Z", PZ_TIME_ISO8601, 1611903660 },
    { "29-01-2021", PZ_TIME_DAY_FIRST, 1611878400 },
    { "29/1/2021 7:01", PZ_TIME_DAY_FIRST, 1611903660 },
    { "01/29/2021", PZ_TIME_MONTH_FIRST, 1611878400 },
    { "1/29/2021 12:00 AM", PZ_TIME_MONTH_FIRST, 1611878400 },
    { "1/29/2021 12:00 PM", PZ_TIME_MONTH_FIRST, 1611921600 },
    { "1/29/2021 13:00 PM", -1, 0 },
    { "01/02/2021", -1, 0 },
    { "1.2.2021", PZ_TIME_DAY_FIRST, 1612137600 },
    { "31.04.2021", -1, 0 },
    { "", -1, 0 },
    { "yesterday", -1, 0 },
    { "2021", PZ_TIME_SECONDS, 2021 },
};

TEST(a_time_is_told_from_its_text)
{
    for (size_t i = 0; i < LENGTH(times); i++) {
        size_t n = strlen(times[i].text);
        enum pz_time_form form;
        int64_t seconds = 0;
        bool is_time = pz_time_guess(times[i].text, n, &form);

        if (is_time != (times[i].form >= 0))
            fail_msg("\"%s\": %s", times[i].text, is_time ? "a time" : "no time");
        if (!is_time)
            continue;
        assert_int_equal(form, times[i].form);
        assert_true(pz_time_parse(times[i].text, n, form, &seconds));
        assert_int_equal(seconds, times[i].seconds);
    }
}

TEST(a_format_reads_the_whole_text_in_utc)
{
    int64_t s;

    assert_true(pz_time_parse_as("29.01.21 07:01", 14, "%d.%m.%y %H:%M", &s));
    assert_int_equal(s, 1611903660);
    assert_true(pz_time_parse_as("2021-01-29 07:01 +0200", 22, "%Y-%m-%d %H:%M %z", &s));
    assert_int_equal(s, 1611896460);
    assert_false(pz_time_parse_as("29.01.21 07:01x", 15, "%d.%m.%y %H:%M", &s));
    assert_false(pz_time_parse_as("29.01.21", 8, "%d.%m.%Y", &s) && s > 0);
}

/* ---- numbers and nulls ---- */

static const struct {
    const char *text;
    bool comma;
    double x; /* NaN: no number */
} numbers[] = {
    { "1", false, 1 },        { "-0.5", false, -0.5 },
    { " 2 ", false, 2 },      { "1e3", false, 1000 },
    { "1,5", false, NAN },    { "1,5", true, 1.5 },
    { "-1,25", true, -1.25 }, { "1.234,5", true, NAN },
    { "1,234,5", true, NAN }, { "", false, NAN },
    { "x", false, NAN },      { "0x10", false, NAN },
    { "inf", false, NAN },    { "nan", false, NAN },
    { "1e999", false, NAN },  { "123456789012345", false, 123456789012345 },
    { "1 2", false, NAN },
};

TEST(a_number_is_told_from_its_text)
{
    for (size_t i = 0; i < LENGTH(numbers); i++) {
        double x = NAN;
        bool is = pz_cell_number(numbers[i].text, strlen(numbers[i].text), numbers[i].comma, &x);

        if (is == isnan(numbers[i].x) || (is && x != numbers[i].x))
            fail_msg("\"%s\"", numbers[i].text);
    }
}

TEST(null_has_the_spellings_of_pandas_or_those_given)
{
    static const char *const yes[] = { "NaN", "nan", "NULL", "null", "None", "N/A",
                                       "n/a", "NA",  "<NA>", "#N/A", "\\N",  "<null>" };
    static const char *const no[] = { "Nan", "none", "0", "-", "NAN", "Nil", "nanx" };
    const char *own[] = { "-", "?" };
    struct pz_strs given = { own, 2, 2 }, nothing = { NULL, 0, 0 };

    for (size_t i = 0; i < LENGTH(yes); i++)
        assert_true(pz_cell_is_null(NULL, yes[i], strlen(yes[i])));
    for (size_t i = 0; i < LENGTH(no); i++)
        assert_false(pz_cell_is_null(NULL, no[i], strlen(no[i])));
    assert_true(pz_cell_is_null(&given, "-", 1));
    assert_false(pz_cell_is_null(&given, "NULL", 4));
    assert_false(pz_cell_is_null(&nothing, "NULL", 4));
}

/* ---- types of columns ---- */

struct column {
    const char *name, *cells; /* separated by ~ */
    enum pz_attr_kind kind;
    bool is_time, whole;
    const char *separator; /* of lists; "[" for brackets */
    uint32_t n_strays;
};

static const struct column columns[] = {
    { "A", "1~2~3", PZ_ATTR_NUMBER, false, true, "|", 0 },
    { "A", "1.5~2", PZ_ATTR_NUMBER, false, false, "|", 0 },
    { "A_ID", "1~2~3", PZ_ATTR_STRING, false, false, "|", 0 },
    { "ZIP", "01067~99999", PZ_ATTR_STRING, false, false, "|", 0 },
    { "A", "true~FALSE", PZ_ATTR_BOOL, false, false, "|", 0 },
    { "A", "x|y~z", PZ_ATTR_CATEGORY, false, false, "|", 0 },
    { "YEAR", "1~2~3~4~5~6~7~8~9~x", PZ_ATTR_STRING, false, false, "|", 1 },
    { "YEAR", "1~2~3~x", PZ_ATTR_STRING, false, false, "|", 1 },
    { "YEAR", "1~2~3~x~y", PZ_ATTR_STRING, false, false, "|", 0 },
    { "YEAR", "1~x", PZ_ATTR_STRING, false, false, "|", 0 },
    { "A", "2021-01-29~2020-12-01 10:00", PZ_ATTR_NUMBER, true, true, "|", 0 },
    { "A", "2021-01-29~soon", PZ_ATTR_STRING, false, false, "|", 0 },
    { "A", "2021-01-29~soon~2021-01-30", PZ_ATTR_STRING, false, false, "|", 1 },
    { "A", "29.1.2021~30.1.2021~31.1.2021~?", PZ_ATTR_STRING, false, false, "|", 1 },
    { "EXPIRES_AT", "1635725400000~1638316800000", PZ_ATTR_NUMBER, true, true, "|", 0 },
    { "STOCK", "1635725400000~1638316800000", PZ_ATTR_NUMBER, false, true, "|", 0 },
    { "RELEASE_DATE", "20210101~19990501", PZ_ATTR_NUMBER, true, true, "|", 0 },
    { "A", "29.1.2021~30.1.2021", PZ_ATTR_NUMBER, true, true, "|", 0 },
    { "A", "03/04/2021~05/06/2021", PZ_ATTR_STRING, false, false, "|", 0 },
    { "G", "Comedy, Drama~Drama~Comedy~Horror, Comedy", PZ_ATTR_CATEGORY, false, false, ",", 0 },
    { "T", "President, The~Lion King, The~Heat~Net, The", PZ_ATTR_STRING, false, false, "|", 0 },
    { "L", "[\"a\",\"b\"]~['a']~[]", PZ_ATTR_CATEGORY, false, false, "[", 0 },
    { "L", "[a]~b", PZ_ATTR_STRING, false, false, "|", 0 },
    { "A", "", PZ_ATTR_STRING, false, false, "|", 0 },
};

TEST(the_type_of_a_column_is_told_from_its_cells)
{
    for (size_t i = 0; i < LENGTH(columns); i++) {
        const struct column *c = &columns[i];
        struct pz_dict_builder *b = pz_dict_builder_new();
        struct pz_dict dict = { 0 };
        struct pz_field field = { .name = "" };
        struct pz_infer_cfg cfg = { .is_import = true };
        struct pz_inferred how;
        const char *form;

        for (const char *s = c->cells; *s;) {
            size_t n = strcspn(s, "~");

            pz_dict_builder_add(b, s, n);
            cfg.n_rows++;
            s += n + (s[n] == '~');
        }
        assert_int_equal(pz_dict_builder_finish(b, &dict, NULL, NULL), PZ_OK);
        strcpy(field.name, c->name);
        pz_infer(&field, &dict, &cfg, &how);
        form = how.list == PZ_LIST_BRACKETS ? "[" : how.separator;
        if (field.kind != c->kind || how.is_time != c->is_time || field.whole != c->whole ||
            strcmp(form, c->separator) != 0 || how.n_strays != c->n_strays)
            fail_msg("%s %s: kind %d, time %d, whole %d, separator %s, strays %u", c->name,
                     c->cells, (int)field.kind, how.is_time, field.whole, form, how.n_strays);
        pz_dict_builder_free(b);
        pz_dict_clear(&dict);
    }
}

/* ---- columns of files ---- */

TEST(a_mapping_knows_names_pairs_and_tables)
{
    const char *pairs[] = { "USER_ID=customer", "Items.ITEM_ID=id", "DEPTH=a.b" };
    struct pz_import_cfg cfg = { .map = { pairs, 3, 3 } };
    bool met[3] = { false }, report;
    struct pz_mapping m;
    size_t user, item;

    assert_int_equal(pz_mapping_init(&m, PZ_INTERACTIONS, &cfg, met, NULL), PZ_OK);
    user = pz_mapping_role(&m, PZ_ROLE_USER);
    item = pz_mapping_role(&m, PZ_ROLE_ITEM);
    assert_int_equal(pz_mapping_find(&m, "Customer"), user);
    assert_int_equal(pz_mapping_find(&m, "item-id"), item);
    assert_int_not_equal(pz_mapping_find(&m, "id"), item); /* that pair is for Items */
    assert_int_equal(pz_mapping_find(&m, ""), SIZE_MAX);
    assert_int_not_equal(pz_mapping_find_inside(&m, "a.b", &report), SIZE_MAX);
    assert_int_equal(pz_mapping_find_inside(&m, "c.d", &report), SIZE_MAX);
    assert_true(report);
    assert_int_equal(pz_mapping_find_inside(&m, "c.e", &report), SIZE_MAX);
    assert_false(report); /* once per object */
    assert_true(met[0] && !met[1] && met[2]);
    pz_mapping_clear(&m);
    assert_int_equal(pz_mapping_init(&m, PZ_ITEMS, &cfg, met, NULL), PZ_OK);
    assert_int_equal(pz_mapping_find(&m, "id"), pz_mapping_role(&m, PZ_ROLE_ITEM));
    assert_true(met[1]);
    pz_mapping_clear(&m);
}

TEST(a_first_line_of_numbers_is_data)
{
    char *data[] = { (char[]){ "196" }, (char[]){ "242" }, (char[]){ "x" } };
    char *names[] = { (char[]){ "user" }, (char[]){ "item" }, (char[]){ "2024" } };

    assert_true(pz_guess_is_data(data, 3));
    assert_false(pz_guess_is_data(names, 3));
    assert_false(pz_guess_is_data(NULL, 0));
}
