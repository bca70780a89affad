/* SPDX-License-Identifier: Apache-2.0 */
/* The run ledger: one line of JSON per run. The facts are the process's, so the tests build on each
 * other in the order of the file. */
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/ledger.h"
#include "tests/unit/unit.h"

static char path[64];

static int make_path(void **state __attribute__((unused)))
{
    snprintf(path, sizeof path, "/tmp/pz-test-ledger-%ld", (long)getpid());
    return 0;
}

static int remove_path(void **state __attribute__((unused)))
{
    unlink(path);
    return 0;
}

AROUND_ALL(make_path, remove_path)

/* Append a line, and return the file's last one. */
static json_t *append(const char *program, const char *command, enum pz_status exit,
                      const char *why)
{
    struct pz_err reason = { .text = "" }, err = { .text = "" };
    char *text, *last;
    json_t *doc = NULL;
    size_t n;

    snprintf(reason.text, sizeof reason.text, "%s", why);
    if (pz_ledger_append(path, program, command, exit, &reason, &err) != PZ_OK)
        fail_msg("%s", err.text);
    assert_int_equal(pz_file_read(path, 1 << 20, &text, &n, NULL), PZ_OK);
    assert_true(n > 0 && text[n - 1] == '\n');
    text[n - 1] = '\0';
    last = strrchr(text, '\n');
    last = last ? last + 1 : text;
    if (pz_json_parse(last, strlen(last), "line", &doc, &err) != PZ_OK)
        fail_msg("%s", err.text);
    free(text);
    return doc;
}

static const char *text_of(const json_t *doc, const char *key)
{
    const char *s = json_string_value(json_object_get(doc, key));

    return s ? s : "(none)";
}

TEST(a_run_that_noted_nothing_has_its_time_cost_and_exit)
{
    json_t *doc = append("pz-train", NULL, PZ_OK, "");

    assert_string_equal(text_of(doc, "program"), "pz-train");
    assert_string_equal(text_of(doc, "kind"), "train"); /* the program without pz- */
    assert_true(json_number_value(json_object_get(doc, "wall_seconds")) >= 0);
    assert_true(json_number_value(json_object_get(doc, "peak_memory_bytes")) > 100000);
    assert_int_equal(json_integer_value(json_object_get(doc, "exit")), 0);
    assert_null(json_object_get(doc, "error"));
    json_decref(doc);
    doc = append("pz-event", "put", PZ_NO_INPUT, "x: \"gone\"\n");
    assert_string_equal(text_of(doc, "kind"), "put"); /* the subcommand */
    assert_int_equal(json_integer_value(json_object_get(doc, "exit")), PZ_NO_INPUT);
    assert_string_equal(text_of(doc, "error"), "x: \"gone\"\n");
    json_decref(doc);
}

TEST(of_a_name_the_last_value_counts_and_counts_add_up)
{
    json_t *doc;

    pz_ledger_number("rows", 3);
    pz_ledger_number("rows", 2.5);
    pz_ledger_text("file", "a");
    pz_ledger_text("file", "b \"c\"");
    pz_ledger_count("events", 2);
    pz_ledger_count("events", 40);
    pz_ledger_number("turned", 7);
    pz_ledger_text("turned", "text"); /* a name may change its kind */
    pz_ledger_text("kind", "nightly");
    doc = append("pz-train", "x", PZ_OK, "");
    assert_true(json_number_value(json_object_get(doc, "rows")) == 2.5);
    assert_string_equal(text_of(doc, "file"), "b \"c\"");
    assert_int_equal(json_integer_value(json_object_get(doc, "events")), 42);
    assert_string_equal(text_of(doc, "turned"), "text");
    assert_string_equal(text_of(doc, "kind"), "nightly"); /* instead of the command */
    json_decref(doc);
}

TEST(a_text_has_255_bytes_at_most)
{
    char text[300];
    json_t *doc;

    memset(text, 'x', sizeof text);
    text[256] = '\0';
    pz_ledger_text("file", text);
    doc = append("pz-train", NULL, PZ_OK, "");
    assert_int_equal(strlen(text_of(doc, "file")), 255);
    json_decref(doc);
}

/* Five names are taken by the tests above. */
TEST(there_are_32_facts_and_more_are_left_out)
{
    static char name[30][8];
    json_t *doc;

    for (int i = 0; i < 30; i++) {
        snprintf(name[i], sizeof name[i], "n%d", i);
        pz_ledger_number(name[i], i);
    }
    doc = append("pz-train", NULL, PZ_OK, "");
    assert_non_null(json_object_get(doc, "n26"));
    assert_null(json_object_get(doc, "n27"));
    pz_ledger_number("n26", -1); /* a known one can still change */
    json_decref(doc);
    doc = append("pz-train", NULL, PZ_OK, "");
    assert_int_equal(json_integer_value(json_object_get(doc, "n26")), -1);
    json_decref(doc);
}

TEST(a_ledger_that_cannot_be_written_is_an_error)
{
    struct pz_err why = { .text = "" }, err = { .text = "" };

    assert_int_equal(pz_ledger_append("/nonexistent/x", "pz-train", NULL, PZ_OK, &why, &err),
                     PZ_CANT_CREATE);
    assert_non_null(strstr(err.text, "/nonexistent/x"));
}
