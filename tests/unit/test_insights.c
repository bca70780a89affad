/* SPDX-License-Identifier: Apache-2.0 */
/* Insights: small datasets in, findings out. A finding is pinned where it begins and just
 * before. */
#include <unistd.h>

#include "base/file.h"
#include "data/info.h"
#include "import/insights.h"
#include "tests/unit/unit.h"

static char dir[32], file[PZ_N_TABLES][64];

static int make_paths(void **state __attribute__((unused)))
{
    snprintf(dir, sizeof dir, "/tmp/pz-insights.XXXXXX");
    if (!mkdtemp(dir))
        return 1;
    for (int t = 0; t < PZ_N_TABLES; t++)
        snprintf(file[t], sizeof file[t], "%s/%d", dir, t);
    return 0;
}

static int remove_paths(void **state __attribute__((unused)))
{
    for (int t = 0; t < PZ_N_TABLES; t++)
        unlink(file[t]);
    return rmdir(dir);
}

AROUND_ALL(make_paths, remove_paths)

enum { NOW = 2000000000, THEN = 1000000000 };

/* Tables being written, and what an import of them says. */
struct world {
    struct pz_str text[PZ_N_TABLES];
    struct pz_schema schema;
    struct pz_dataset *ds;
    struct pz_import_count count[PZ_N_TABLES];
    json_t *doc;
};

/* n events of different times: two of each user, items in turn. */
static void add_events(struct world *w, int n)
{
    pz_str_adds(&w->text[0], "USER_ID,ITEM_ID,TIMESTAMP\n");
    for (int k = 0; k < n; k++)
        pz_str_addf(&w->text[0], "u%d,i%d,%d\n", k / 2, k % 10, THEN + k);
}

static void look(struct world *w)
{
    struct pz_import_cfg cfg = { .max_errors = 1e9, .schema = &w->schema };
    struct pz_err err = { .text = "" };

    for (int t = 0; t < PZ_N_TABLES; t++) {
        if (!w->text[t].data)
            continue;
        assert_int_equal(pz_file_write(file[t], w->text[t].data, w->text[t].len, NULL), PZ_OK);
        assert_true(pz_strs_add(&cfg.files[t], file[t]));
    }
    if (pz_import(&cfg, &w->ds, w->count, &err) != PZ_OK)
        fail_msg("%s", err.text);
    assert_int_equal(pz_check(w->ds, NOW, w->count, &w->doc, NULL), PZ_OK);
    for (int t = 0; t < PZ_N_TABLES; t++)
        pz_strs_clear(&cfg.files[t]);
}

static void done(struct world *w)
{
    for (int t = 0; t < PZ_N_TABLES; t++)
        pz_str_clear(&w->text[t]);
    pz_dataset_free(w->ds);
    pz_schema_clear(&w->schema);
    json_decref(w->doc);
    memset(w, 0, sizeof *w);
}

/* The finding of that id, or NULL. */
static const json_t *find(const struct world *w, const char *id)
{
    const json_t *entry;
    size_t i;

    json_array_foreach (json_object_get(w->doc, "insights"), i, entry)
        if (strcmp(json_string_value(json_object_get(entry, "id")), id) == 0)
            return entry;
    return NULL;
}

static void check_found(const struct world *w, const char *id, const char *severity,
                        long long count)
{
    const json_t *entry = find(w, id);

    if (!entry)
        fail_msg("%s is not found", id);
    assert_string_equal(json_string_value(json_object_get(entry, "severity")), severity);
    assert_int_equal(json_integer_value(json_object_get(entry, "count")), count);
}

TEST(sound_data_have_no_findings)
{
    struct world w = { .ds = NULL };
    struct pz_str text = { 0 };

    add_events(&w, 1000);
    look(&w);
    assert_int_equal(json_array_size(json_object_get(w.doc, "insights")), 0);
    assert_int_equal(pz_check_serious(w.doc), 0);
    pz_check_text(&text, w.doc);
    assert_non_null(strstr(text.data, "Nothing conspicuous."));
    pz_str_clear(&text);
    done(&w);
}

TEST(less_than_personalize_s_minimum_is_serious)
{
    struct world w = { .ds = NULL };

    add_events(&w, 999);
    look(&w);
    check_found(&w, "few-interactions", "serious", 999);
    assert_null(find(&w, "few-active-users"));
    done(&w);
    add_events(&w, 49); /* 24 users with two, one with one */
    look(&w);
    check_found(&w, "few-active-users", "serious", 24);
    assert_int_equal(pz_check_serious(w.doc), 2);
    done(&w);
    add_events(&w, 50); /* 25 */
    look(&w);
    assert_null(find(&w, "few-active-users"));
    done(&w);
}

TEST(users_with_one_event_are_a_note_then_serious)
{
    static const struct {
        int two, one;
        const char *severity; /* NULL: none */
    } rows[] = { { 50, 50, NULL }, { 49, 51, "note" }, { 2, 198, "note" }, { 1, 100, "serious" } };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w = { .ds = NULL };

        add_events(&w, 2 * rows[i].two);
        for (int k = 0; k < rows[i].one; k++)
            pz_str_addf(&w.text[0], "once%d,i1,%d\n", k, THEN + 5000 + k);
        look(&w);
        if (rows[i].severity)
            check_found(&w, "users-with-one", rows[i].severity, rows[i].one);
        else
            assert_null(find(&w, "users-with-one"));
        done(&w);
    }
}

TEST(times_that_tell_nothing_or_the_wrong_thing_are_found)
{
    struct world w = { .ds = NULL };

    pz_str_adds(&w.text[0], "USER_ID,ITEM_ID,TIMESTAMP\na,i,5000000000\nb,j,5000000000\n");
    look(&w);
    check_found(&w, "one-timestamp", "serious", 2);
    check_found(&w, "future", "serious", 2);
    assert_null(find(&w, "early"));
    done(&w);
    pz_str_addf(&w.text[0], "USER_ID,ITEM_ID,TIMESTAMP\na,i,%d\nb,j,%d\n", NOW, NOW + 1);
    look(&w);
    check_found(&w, "future", "serious", 1); /* now is not in the future */
    done(&w);
    pz_str_adds(&w.text[0], "USER_ID,ITEM_ID,TIMESTAMP\na,i,315532799\nb,j,315532800\n");
    look(&w);
    check_found(&w, "early", "warning", 1); /* 1980 begins with the second */
    done(&w);
    pz_str_adds(&w.text[0], "USER_ID,ITEM_ID,TIMESTAMP\na,i,1000000000\na,j,1000000000\n"
                            "b,i,1000000001\nb,j,1000000001\nc,i,1\nc,j,1000000000\n");
    look(&w);
    check_found(&w, "users-one-timestamp", "warning", 2);
    done(&w);
}

TEST(more_than_ten_event_types_are_too_many_for_personalize)
{
    for (int n = 10; n <= 11; n++) {
        struct world w = { .ds = NULL };

        pz_str_adds(&w.text[0], "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\n");
        for (int k = 0; k < n; k++)
            pz_str_addf(&w.text[0], "u,i,%d,e%d\n", THEN + k, k);
        look(&w);
        assert_true((find(&w, "many-event-types") != NULL) == (n > 10));
        done(&w);
    }
}

TEST(rejected_and_repeated_rows_are_found)
{
    struct world w = { .ds = NULL };

    add_events(&w, 10);
    pz_str_addf(&w.text[0], "u0,i0,x\nu0,i0,%d\n", THEN);
    look(&w);
    check_found(&w, "rejected-rows", "serious", 1);
    check_found(&w, "duplicate-rows", "note", 1); /* one of twelve: below a tenth */
    done(&w);
    add_events(&w, 8);
    pz_str_addf(&w.text[0], "u0,i0,%d\n", THEN);
    look(&w);
    check_found(&w, "duplicate-rows", "warning", 1); /* one of nine */
    done(&w);
}

TEST(ids_that_do_not_meet_or_look_odd_are_found)
{
    struct world w = { .ds = NULL };

    pz_str_adds(&w.text[0], "USER_ID,ITEM_ID,TIMESTAMP\na,i,1000000000\na,\" j\",1000000001\n"
                            "\"b\"\"\",i,1000000002\n");
    pz_str_adds(&w.text[1], "ITEM_ID,P\ni,1\nx,2\ny,3\n");
    look(&w);
    check_found(&w, "ids-without-interactions", "warning", 2); /* two of three: over half */
    check_found(&w, "ids-without-row", "note", 1);             /* one of two: not over half */
    check_found(&w, "awkward-ids", "warning", 1);
    done(&w);
    pz_str_adds(&w.text[0], "USER_ID,ITEM_ID,TIMESTAMP\n"
                            "a,\" j\",1000000001\na,\"j \",1000000002\na,\"k\"\"\",1000000003\n"
                            "a,k\x01,1000000004\na,k l,1000000005\na,\xc3\xa4,1000000006\n");
    look(&w);
    check_found(&w, "awkward-ids", "warning",
                4); /* not those with a blank inside or beyond ASCII */
    done(&w);
}

/* A column of Items with `have` values in `rows` rows, each a different number of x. */
static void add_column(struct world *w, const char *type, int have, int rows)
{
    struct pz_str schema = { 0 };

    add_events(w, 20);
    pz_str_addf(&schema,
                "{\"name\":\"Items\",\"fields\":[{\"name\":\"ITEM_ID\",\"type\":\"string\"},"
                "{\"name\":\"C\",\"type\":[\"null\",\"string\"]%s}]}",
                type);
    assert_int_equal(pz_schema_add(&w->schema, schema.data, schema.len, "s", NULL), PZ_OK);
    pz_str_adds(&w->text[1], "ITEM_ID,C\n");
    for (int k = 0; k < rows; k++)
        pz_str_addf(&w->text[1], "i%d,%s\n", k, k < have ? "x" : "");
    pz_str_clear(&schema);
}

TEST(columns_are_complete_from_70_percent_on_and_texts_from_85)
{
    static const struct {
        const char *type;
        int have, rows;
        bool found;
    } rows[] = { { ",\"categorical\":true", 70, 100, false },
                 { ",\"categorical\":true", 69, 100, true },
                 { ",\"textual\":true", 85, 100, false },
                 { ",\"textual\":true", 84, 100, true },
                 { "", 70, 100, false },
                 { "", 69, 100, true } };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w = { .ds = NULL };

        add_column(&w, rows[i].type, rows[i].have, rows[i].rows);
        look(&w);
        if ((find(&w, "incomplete-column") != NULL) != rows[i].found)
            fail_msg("row %zu", i);
        done(&w);
    }
}

/* One value of n characters, each of which is `letter`. */
static bool is_long(const char *type, const char *letter, int n)
{
    struct world w = { .ds = NULL };
    bool found;

    add_column(&w, type, 0, 0);
    pz_str_adds(&w.text[1], "i0,");
    for (int k = 0; k < n; k++)
        pz_str_adds(&w.text[1], letter);
    pz_str_adds(&w.text[1], "\n");
    look(&w);
    found = find(&w, "long-values") != NULL;
    done(&w);
    return found;
}

TEST(a_long_value_is_measured_in_characters)
{
    static const char category[] = ",\"categorical\":true", text[] = ",\"textual\":true";
    static const char *const letters[] = { "x", "\xc3\xa4", "\xe2\x82\xac" };

    for (size_t i = 0; i < 3; i++) {
        assert_false(is_long(category, letters[i], 1000));
        assert_true(is_long(category, letters[i], 1001));
        assert_false(is_long(text, letters[i], 20000));
        assert_true(is_long(text, letters[i], 20001));
    }
    assert_false(is_long("", "x", 30000)); /* a plain string is not learned from */
    assert_false(is_long(category, "x|", 500));
    assert_true(is_long(category, "xx|", 334)); /* 334 of two, and 333 bars between them: 1001 */
}

TEST(more_than_thirty_categories_are_noted)
{
    for (int n = 30; n <= 31; n++) {
        struct world w = { .ds = NULL };

        add_column(&w, ",\"categorical\":true", 0, 0);
        for (int k = 0; k < n; k++)
            pz_str_addf(&w.text[1], "i%d,c%d\n", k, k);
        look(&w);
        assert_true((find(&w, "many-categories") != NULL) == (n > 30));
        done(&w);
    }
}

TEST(a_user_of_over_a_hundred_times_the_others_is_no_person)
{
    for (int n = 100; n <= 101; n++) { /* others have 2: ten times that is below 100 */
        struct world w = { .ds = NULL };

        add_events(&w, 100);
        for (int k = 0; k < n; k++)
            pz_str_addf(&w.text[0], "robot,i%d,%d\n", k % 10, THEN + 5000 + k);
        look(&w);
        if (n > 100)
            check_found(&w, "extreme-users", "warning", 1);
        else
            assert_null(find(&w, "extreme-users"));
        done(&w);
    }
}

/* ---- the other description of a dataset ---- */

TEST(info_counts_what_is_there)
{
    struct world w = { .ds = NULL };
    struct pz_str text = { 0 };
    json_t *doc, *column;

    pz_str_adds(&w.text[0], "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\na,i,10,v\na,j,20,b\nb,i,15,v\n");
    pz_str_adds(&w.text[1], "ITEM_ID,P\ni,1.5\nx,\n");
    look(&w);
    doc = pz_info_json(w.ds);
    assert_int_equal(json_integer_value(json_object_get(doc, "interactions")), 3);
    assert_int_equal(json_integer_value(json_object_get(doc, "active_users")), 2);
    assert_int_equal(json_integer_value(json_object_get(doc, "users_with_two")), 1);
    assert_int_equal(json_integer_value(json_object_get(doc, "items")), 3);
    assert_int_equal(json_integer_value(
                         json_object_get(json_object_get(doc, "time"), "first_timestamp")),
                     10);
    assert_int_equal(json_integer_value(
                         json_object_get(json_object_get(doc, "time"), "last_timestamp")),
                     20);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(doc, "event_types"), "v")),
                     2);
    assert_int_equal(json_integer_value(
                         json_object_get(json_object_get(doc, "items_table"), "rows")),
                     2);
    column = json_array_get(json_object_get(json_object_get(doc, "items_table"), "columns"), 0);
    assert_string_equal(json_string_value(json_object_get(column, "type")), "double");
    assert_int_equal(json_integer_value(json_object_get(column, "values")), 1);
    pz_info_text(&text, doc);
    assert_non_null(strstr(text.data, "Interactions: 3, by 2 users (1 with two or more)"));
    assert_non_null(strstr(text.data, "Items: 2 rows"));
    assert_null(strstr(text.data, "Users: ")); /* no such table */
    pz_str_clear(&text);
    json_decref(doc);
    done(&w);
}
