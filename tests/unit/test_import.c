/* SPDX-License-Identifier: Apache-2.0 */
/* Import from text to dataset, one row per rule: what is kept (exported again), what is rejected
 * and why, what is counted; and the limits that the manual states, each at its last good value and
 * one beyond. */
#include <unistd.h>

#include "base/file.h"
#include "base/par.h"
#include "base/rng.h"
#include "base/str.h"
#include "data/export.h"
#include "data/minimum.h"
#include "import/import.h"
#include "tests/unit/unit.h"

#define LENGTH(a) (sizeof(a) / sizeof *(a))

static char dir[32], file[PZ_N_TABLES][64], reject[64], out[64];

static int make_paths(void **state __attribute__((unused)))
{
    snprintf(dir, sizeof dir, "/tmp/pz-test-import.XXXXXX");
    if (!mkdtemp(dir))
        return 1;
    for (int t = 0; t < PZ_N_TABLES; t++)
        snprintf(file[t], sizeof file[t], "%s/%d.csv", dir, t);
    snprintf(reject, sizeof reject, "%s/reject", dir);
    snprintf(out, sizeof out, "%s/out", dir);
    return 0;
}

static int remove_paths(void **state __attribute__((unused)))
{
    for (int t = 0; t < PZ_N_TABLES; t++)
        unlink(file[t]);
    unlink(reject);
    unlink(out);
    return rmdir(dir);
}

AROUND_ALL(make_paths, remove_paths)

/* ---- tables to a dataset ---- */

/* What an import made of its tables: the dataset, or NULL and the error. */
struct imported {
    enum pz_status st;
    struct pz_err err;
    struct pz_dataset *ds;
    struct pz_import_count count[PZ_N_TABLES];
    char *reject;
};

static void read_reject(struct imported *r)
{
    size_t n;

    if (pz_file_read(reject, 1u << 26, &r->reject, &n, NULL) != PZ_OK)
        r->reject = NULL;
    unlink(reject);
}

/* Import the tables that are not NULL; cfg has what else is asked for. */
static struct imported import(struct pz_import_cfg cfg, const char *const text[PZ_N_TABLES],
                              const size_t n[PZ_N_TABLES])
{
    struct imported r = { .st = PZ_OK };

    for (int t = 0; t < PZ_N_TABLES; t++) {
        if (!text[t])
            continue;
        assert_int_equal(pz_file_write(file[t], text[t], n ? n[t] : strlen(text[t]), NULL), PZ_OK);
        assert_true(pz_strs_add(&cfg.files[t], file[t]));
    }
    cfg.reject = reject;
    r.st = pz_import(&cfg, &r.ds, r.count, &r.err);
    read_reject(&r);
    for (int t = 0; t < PZ_N_TABLES; t++)
        pz_strs_clear(&cfg.files[t]);
    return r;
}

static void done(struct imported *r)
{
    pz_dataset_free(r->ds);
    free(r->reject);
}

/* A table of the dataset as CSV, without its header line where there is none else to see. */
static void add_table(struct pz_str *to, const struct pz_dataset *ds, enum pz_table_id table)
{
    struct pz_out *o;
    char *text;
    size_t n;

    if (!pz_export_has(ds, table))
        return;
    assert_int_equal(pz_out_open(out, &o, NULL), PZ_OK);
    assert_int_equal(pz_export(ds, table, o, NULL), PZ_OK);
    assert_int_equal(pz_out_commit(o, NULL), PZ_OK);
    assert_int_equal(pz_file_read(out, 1u << 26, &text, &n, NULL), PZ_OK);
    pz_str_add(to, text, n);
    free(text);
}

#define UIT "USER_ID,ITEM_ID,TIMESTAMP\n"
#define ONE UIT "u,i,1\n"

static const struct {
    const char *text[PZ_N_TABLES];
    const char *is;            /* the tables, exported; or "! " and a part of the message */
    uint64_t rejected, repeat; /* of Interactions */
    const char *why;           /* a part of the first rejected row's line in the reject file */
} imports[] = {
    { { ONE }, ONE, 0, 0, NULL },
    /* users by their ids' bytes, events by time, equal times as they came */
    { { UIT "b,i,5\na,i,9\na,j,2\na,k,2\n" }, UIT "a,j,2\na,k,2\na,i,9\nb,i,5\n", 0, 0, NULL },
    { { UIT "a,k,2\na,j,2\n" }, UIT "a,k,2\na,j,2\n", 0, 0, NULL },
    /* names of columns, their order, columns of other tools */
    { { "timestamp,item-id,userId\n1,i,u\n" }, ONE, 0, 0, NULL },
    { { "USER_ID;ITEM_ID;TIMESTAMP\nu;i;1\n" }, ONE, 0, 0, NULL },
    { { "{\"USER_ID\":\"u\",\"ITEM_ID\":\"i\",\"TIMESTAMP\":1}\n" }, ONE, 0, 0, NULL },
    /* objects inside JSON are passed over, keys of an object in the order in which they are met */
    { { "{\"USER_ID\":\"u\",\"ITEM_ID\":\"i\",\"TIMESTAMP\":1,\"o\":{\"x\":1}}\n" },
      ONE,
      0,
      0,
      NULL },
    { { "{\"USER_ID\":\"u\",\"Z\":\"z\",\"ITEM_ID\":\"i\",\"TIMESTAMP\":1}\n"
        "{\"B\":\"b\",\"USER_ID\":\"u\",\"ITEM_ID\":\"i\",\"TIMESTAMP\":2,\"A\":\"a\"}\n" },
      "USER_ID,ITEM_ID,TIMESTAMP,Z,B,A\nu,i,1,z,,\nu,i,2,,b,a\n",
      0,
      0,
      NULL },
    /* times of eight digits and more are read eight at a time */
    { { UIT "u,i,1234567890\nu,i,98765432\nu,i,1234567:90\nu,i,12/4567890\n" },
      UIT "u,i,98765432\nu,i,1234567890\n",
      2,
      0,
      "\"column\":\"TIMESTAMP\"" },
    /* repeats: every column counts */
    { { UIT "u,i,1\nu,i,1\nu,i,2\nu,i,1\n" }, UIT "u,i,1\nu,i,2\n", 0, 2, NULL },
    { { "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\nu,i,1,a\nu,i,1,b\nu,i,1,a\n" },
      "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\nu,i,1,a\nu,i,1,b\n",
      0,
      1,
      NULL },
    { { "USER_ID,ITEM_ID,TIMESTAMP,EVENT_VALUE\nu,i,1,2.5\nu,i,1,\nu,i,1,2.5\nu,i,1,\n" },
      "USER_ID,ITEM_ID,TIMESTAMP,EVENT_VALUE\nu,i,1,2.5\nu,i,1,\n",
      0,
      2,
      NULL },
    { { "USER_ID,ITEM_ID,TIMESTAMP,IMPRESSION\nu,i,1,i|j\nu,i,1,j|i\nu,i,1,i|j\n" },
      "USER_ID,ITEM_ID,TIMESTAMP,IMPRESSION\nu,i,1,i|j\nu,i,1,j|i\n",
      0,
      1,
      NULL },
    { { "USER_ID,ITEM_ID,TIMESTAMP,DEVICE\nu,i,1,tv\nu,i,1,phone\nu,i,1,tv\n" },
      "USER_ID,ITEM_ID,TIMESTAMP,DEVICE\nu,i,1,tv\nu,i,1,phone\n",
      0,
      1,
      NULL },
    /* a rejected row leaves nothing: neither its user nor its item nor its type is there */
    { { "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\nv,j,x,z\nu,i,1,a\n" },
      "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\nu,i,1,a\n",
      1,
      0,
      "\"column\":\"TIMESTAMP\"" },
    { { UIT ",i,1\nu,i,1\n" }, ONE, 1, 0, "\"column\":\"USER_ID\",\"reason\":\"is empty\"" },
    { { UIT "u,,1\nu,i,1\n" }, ONE, 1, 0, "\"column\":\"ITEM_ID\",\"reason\":\"is empty\"" },
    { { UIT "u,i,\nu,i,1\n" }, ONE, 1, 0, "\"column\":\"TIMESTAMP\",\"reason\":\"is empty\"" },
    { { UIT "null,i,1\nu,i,1\n" }, ONE, 1, 0, "\"reason\":\"stands for no value (--null" },
    { { UIT "u,i,0000-00-00 00:00:00\nu,i,1\n" },
      ONE,
      1,
      0,
      "\"column\":\"TIMESTAMP\",\"reason\":\"stands for a missing time\"" },
    { { UIT "u,i,NULL\nu,i,1\n" }, ONE, 1, 0, "\"reason\":\"stands for a missing time\"" },
    { { UIT "u,i\nu,i,1\n" }, ONE, 1, 0, "has 2 fields where the header has 3" },
    { { UIT "u,i\xff,1\nu,i,1\n" }, ONE, 1, 0, "\"column\":\"ITEM_ID\"" },
    { { "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\nu,i,1,\nu,i,1,a\n" },
      "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\nu,i,1,a\n",
      1,
      0,
      "\"column\":\"EVENT_TYPE\",\"reason\":\"is empty\"" },
    { { "USER_ID,ITEM_ID,TIMESTAMP,EVENT_VALUE\nu,i,1,x\nu,i,1,2\n" },
      "USER_ID,ITEM_ID,TIMESTAMP,EVENT_VALUE\nu,i,1,2\n",
      1,
      0,
      "\"column\":\"EVENT_VALUE\"" },
    /* what spells "no value" is an empty cell where a cell may be empty */
    { { "USER_ID,ITEM_ID,TIMESTAMP,DEVICE\nu,i,1,NaN\nu,i,2,tv\n" },
      "USER_ID,ITEM_ID,TIMESTAMP,DEVICE\nu,i,1,\nu,i,2,tv\n",
      0,
      0,
      NULL },
    /* impressions make items of their own; empty parts are none */
    { { "USER_ID,ITEM_ID,TIMESTAMP,IMPRESSION\nu,i,1,|p||q|\nu,i,2,\n" },
      "USER_ID,ITEM_ID,TIMESTAMP,IMPRESSION\nu,i,1,p|q\nu,i,2,\n",
      0,
      0,
      NULL },
    /* times of more than 136 years: ranked instead of counted from the first */
    { { UIT "u,k,9000000000\nu,j,-9000000000\nu,i,1\n" },
      UIT "u,j,-9000000000\nu,i,1\nu,k,9000000000\n",
      0,
      0,
      NULL },
    { { UIT "u,k,4294967296\nu,j,0\nu,i,1\nu,j,0\n" },
      UIT "u,j,0\nu,i,1\nu,k,4294967296\n",
      0,
      1,
      NULL }, /* one second more than 32 bits hold */
    { { UIT "u,k,4294967295\nu,j,0\n" }, UIT "u,j,0\nu,k,4294967295\n", 0, 0, NULL },
    /* items and users: the last row of an id counts, columns are the union */
    { { ONE, "ITEM_ID,PRICE\ni,1\nz,5\ni,2\n" }, ONE "ITEM_ID,PRICE\ni,2\nz,5\n", 0, 0, NULL },
    { { ONE, "ITEM_ID,G\ni,a|b\n", "USER_ID,AGE\nu,7\nw,8\n" },
      ONE "ITEM_ID,G\ni,a|b\nUSER_ID,AGE\nu,7\nw,8\n",
      0,
      0,
      NULL },
    { { ONE, "ITEM_ID,T\ni,\"a,\"\"b\"\"\nc\"\n" },
      ONE "ITEM_ID,T\ni,\"a,\"\"b\"\"\nc\"\n",
      0,
      0,
      NULL },
    /* no table */
    { { "" }, "! the file is empty", 0, 0, NULL },
    { { UIT }, "! no rows", 0, 0, NULL },
    { { "USER_ID,ITEM_ID\nu,i\n" }, "! TIMESTAMP", 0, 0, NULL },
};

static bool is_as(const struct imported *r, const char *is, const char *got)
{
    return is[0] == '!' ? r->st == PZ_BAD_DATA && strstr(r->err.text, is + 2) != NULL
                        : r->st == PZ_OK && strcmp(got, is) == 0;
}

TEST(tables_become_a_dataset_or_a_reason)
{
    for (size_t i = 0; i < LENGTH(imports); i++) {
        struct pz_import_cfg cfg = { .max_errors = 2 };
        struct imported r = import(cfg, imports[i].text, NULL);
        struct pz_str got = { 0 };

        pz_str_adds(&got, "");
        for (int t = 0; t < PZ_N_TABLES && r.st == PZ_OK; t++)
            add_table(&got, r.ds, (enum pz_table_id)t);
        if (!is_as(&r, imports[i].is, got.data))
            fail_msg("%s\nbecomes %s%s\nand not %s", imports[i].text[0], got.data, r.err.text,
                     imports[i].is);
        if (r.st == PZ_OK &&
            (r.count[0].rejected != imports[i].rejected ||
             r.count[0].duplicate != imports[i].repeat ||
             r.count[0].read != r.count[0].kept + r.count[0].rejected + r.count[0].duplicate))
            fail_msg("%s\ncounts", imports[i].text[0]);
        if (imports[i].why && (!r.reject || !strstr(r.reject, imports[i].why)))
            fail_msg("%s\nis rejected with %s", imports[i].text[0], r.reject);
        pz_str_clear(&got);
        done(&r);
    }
}

/* Rows of short ids and numbers are taken in one walk, unless the caller says what stands for no
 * value: the same rows with and without a word that none of them has. */
static void write_rows(struct pz_str *to, uint64_t seed)
{
    static const char letters[] = "0123456789bNn<#-1";
    struct pz_rng rng;

    pz_rng_init(&rng, seed, 0);
    pz_str_adds(to, UIT);
    for (size_t k = 0; k < 5000; k++) {
        for (size_t cell = 0; cell < 2; cell++) {
            for (uint32_t n = pz_rng_below(&rng, 11); n > 0; n--)
                pz_str_addc(to, letters[pz_rng_below(&rng, sizeof letters - 1)]);
            pz_str_addc(to, ',');
        }
        for (uint32_t n = 1 + pz_rng_below(&rng, 12); n > 0; n--)
            pz_str_addc(to, pz_rng_below(&rng, 200) ? (char)('0' + pz_rng_below(&rng, 10))
                                                    : (char)(33 + pz_rng_below(&rng, 90)));
        pz_str_addc(to, '\n');
    }
}

TEST(most_rows_are_taken_in_one_walk_which_says_what_the_long_one_says)
{
    struct pz_strs none = { 0 };
    struct pz_str text = { 0 }, kept[2] = { { 0 }, { 0 } };
    char *rejected[2];
    uint64_t n_rejected[2];

    assert_true(pz_strs_add(&none, "no such word"));
    write_rows(&text, 7);
    for (size_t k = 0; k < 2; k++) {
        struct imported r = import((struct pz_import_cfg){ .max_errors = 5000,
                                                           .null = k ? &none : NULL },
                                   (const char *[PZ_N_TABLES]){ text.data }, NULL);

        assert_int_equal(r.st, PZ_OK);
        add_table(&kept[k], r.ds, 0);
        n_rejected[k] = r.count[0].rejected;
        rejected[k] = r.reject;
        r.reject = NULL;
        done(&r);
    }
    assert_true(n_rejected[0] > 500 && n_rejected[0] < 4000);
    assert_int_equal(n_rejected[0], n_rejected[1]);
    assert_string_equal(rejected[0], rejected[1]);
    assert_string_equal(kept[0].data, kept[1].data);
    for (size_t k = 0; k < 2; k++) {
        pz_str_clear(&kept[k]);
        free(rejected[k]);
    }
    pz_str_clear(&text);
    pz_strs_clear(&none);
}

TEST(a_rejected_row_leaves_no_id_behind)
{
    static const char *const text[PZ_N_TABLES] = { UIT "v,j,x\nu,i,1\n" };
    struct imported r = import((struct pz_import_cfg){ .max_errors = 1 }, text, NULL);

    assert_int_equal(r.st, PZ_OK);
    assert_int_equal(r.ds->users.n, 1);
    assert_int_equal(r.ds->items.n, 1);
    done(&r);
}

/* A megabyte of rows in which A comes last, then a block that begins with B: whichever thread is
 * first, the columns stand in the order of the file. */
TEST(columns_of_json_come_in_the_order_of_the_file)
{
    for (int round = 0; round < 3; round++) {
        struct pz_str text = { 0 };
        const char *tables[PZ_N_TABLES] = { NULL };
        struct imported r;

        for (int i = 0; text.len < (1 << 20) - 100; i++)
            pz_str_addf(&text, "{\"USER_ID\":\"u%d\",\"ITEM_ID\":\"i\",\"TIMESTAMP\":1}\n", i);
        pz_str_adds(&text, "{\"USER_ID\":\"u\",\"ITEM_ID\":\"i\",\"TIMESTAMP\":1,\"A\":\"a\"}\n");
        for (int i = 0; i < 20000; i++)
            pz_str_addf(&text,
                        "{\"USER_ID\":\"v%d\",\"ITEM_ID\":\"i\",\"TIMESTAMP\":1,\"B\":\"b\"}\n", i);
        tables[PZ_INTERACTIONS] = text.data;
        pz_par_set(2);
        r = import((struct pz_import_cfg){ .max_errors = 0 }, tables, NULL);
        pz_par_set(0);
        assert_int_equal(r.st, PZ_OK);
        assert_int_equal(r.ds->context.n_attrs, 2);
        assert_string_equal(r.ds->context.attr[0].name, "A");
        assert_string_equal(r.ds->context.attr[1].name, "B");
        pz_str_clear(&text);
        done(&r);
    }
}

/* The two ends of an allowance: as many bad rows, or one more; as a number and as a share. */
TEST(bad_rows_are_allowed_up_to_the_limit)
{
    static const char *const text[PZ_N_TABLES] = { UIT "u,i,x\nu,i,y\nu,i,1\nu,i,2\n" };
    static const struct {
        double max;
        bool percent;
        enum pz_status st;
    } limits[] = { { 0, false, PZ_BAD_DATA },
                   { 1, false, PZ_BAD_DATA },
                   { 2, false, PZ_OK },
                   { 49.9, true, PZ_BAD_DATA },
                   { 50, true, PZ_OK } };

    for (size_t i = 0; i < LENGTH(limits); i++) {
        struct pz_import_cfg cfg = { .max_errors = limits[i].max, .percent = limits[i].percent };
        struct imported r = import(cfg, text, NULL);

        if (r.st != limits[i].st)
            fail_msg("%g%s: %s", limits[i].max, limits[i].percent ? " %" : "", r.err.text);
        assert_int_equal(r.count[0].read, 4); /* counted whether it succeeds or not */
        assert_int_equal(r.count[0].rejected, 2);
        done(&r);
    }
}

/* ---- limits of a cell ---- */

/* One row whose cell `at` of five has n bytes of c, behind a good one. */
static void add_long(struct pz_str *text, int at, char c, size_t n)
{
    static const char *const plain[] = { "u", "i", "1", "e", "s" };

    pz_str_adds(text, "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,IMPRESSION\nu,i,1,e,s\n");
    for (int k = 0; k < 5; k++) {
        pz_str_adds(text, k > 0 ? "," : "");
        if (k != at)
            pz_str_adds(text, plain[k]);
        for (size_t b = 0; k == at && b < n; b++)
            pz_str_addc(text, c);
    }
    pz_str_addc(text, '\n');
}

static const struct {
    int cell;
    char c;
    size_t most;
    const char *why;
} cell_limits[] = {
    { 0, 'u', 256, "\"column\":\"USER_ID\",\"reason\":\"is longer than 256 bytes\"" },
    { 1, 'i', 256, "\"column\":\"ITEM_ID\",\"reason\":\"is longer than 256 bytes\"" },
    { 3, 'e', 100000, "\"column\":\"EVENT_TYPE\",\"reason\":\"is longer than 100,000 bytes\"" },
    { 4, 's', 256,
      "\"column\":\"IMPRESSION\",\"reason\":\"has an item id longer than 256 bytes\"" },
    { 4, '|', 100000, "\"column\":\"IMPRESSION\",\"reason\":\"is longer than 100,000 bytes\"" },
};

TEST(the_longest_cell_is_kept_and_a_byte_more_is_rejected)
{
    for (size_t i = 0; i < LENGTH(cell_limits); i++)
        for (size_t over = 0; over <= 1; over++) {
            struct pz_str text = { 0 };
            const char *tables[PZ_N_TABLES] = { NULL };
            struct imported r;

            add_long(&text, cell_limits[i].cell, cell_limits[i].c, cell_limits[i].most + over);
            tables[PZ_INTERACTIONS] = text.data;
            r = import((struct pz_import_cfg){ .max_errors = 1 }, tables, NULL);
            if (r.st != PZ_OK || r.count[0].rejected != over ||
                (over && !strstr(r.reject, cell_limits[i].why)))
                fail_msg("cell %d of %zu bytes: %s %s", cell_limits[i].cell,
                         cell_limits[i].most + over, r.err.text, r.reject ? r.reject : "");
            pz_str_clear(&text);
            done(&r);
        }
}

/* ---- limits of a table ---- */

TEST(a_table_has_at_most_512_columns)
{
    for (int over = 0; over <= 1; over++) { /* the needed three, and 509 or 510 others */
        struct pz_str text = { 0 };
        const char *tables[PZ_N_TABLES] = { NULL };
        struct imported r;

        pz_str_adds(&text, "USER_ID,ITEM_ID,TIMESTAMP");
        for (int c = 0; c < 509 + over; c++)
            pz_str_addf(&text, ",C%d", c);
        pz_str_adds(&text, "\nu,i,1");
        for (int c = 0; c < 509 + over; c++)
            pz_str_addf(&text, ",x%d", c);
        pz_str_addc(&text, '\n');
        tables[PZ_INTERACTIONS] = text.data;
        r = import((struct pz_import_cfg){ .max_errors = 0 }, tables, NULL);
        if (r.st == PZ_OK)
            assert_int_equal(r.ds->context.n_attrs, 509);
        assert_int_equal(r.st, PZ_OK);
        pz_str_clear(&text);
        done(&r);
    }
}

TEST(a_dataset_has_at_most_255_event_types)
{
    for (int over = 0; over <= 1; over++) {
        struct pz_str text = { 0 };
        const char *tables[PZ_N_TABLES] = { NULL };
        struct imported r;

        pz_str_adds(&text, "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\n");
        for (int e = 0; e < PZ_MAX_EVENT_TYPES + over; e++)
            pz_str_addf(&text, "u,i,1,e%d\n", e);
        tables[PZ_INTERACTIONS] = text.data;
        r = import((struct pz_import_cfg){ .max_errors = 0 }, tables, NULL);
        assert_int_equal(r.st, over ? PZ_BAD_DATA : PZ_OK);
        if (over)
            assert_non_null(strstr(r.err.text, "255"));
        pz_str_clear(&text);
        done(&r);
    }
}

/* ---- Personalize's minimum ---- */

/* n events; the first `active` users have two each, one more has the others. */
static void add_events(struct pz_str *text, uint32_t n, uint32_t active)
{
    pz_str_adds(text, UIT);
    for (uint32_t k = 0; k < n; k++)
        pz_str_addf(text, "u%u,i%u,%u\n", k < 2 * active ? k / 2 : active, k % 7, k);
}

TEST(the_least_data_to_train_from_are_personalize_s)
{
    static const struct {
        uint32_t n, active;
        const char *why; /* NULL: enough */
    } amounts[] = {
        { 1000, 24, NULL }, /* and the 25th has the other 952 */
        { 999, 24, "fewer than 1000 interactions" },
        { 1000, 23, "fewer than 25 users with at least 2 interactions" },
    };

    for (size_t i = 0; i < LENGTH(amounts); i++) {
        struct pz_str text = { 0 };
        const char *tables[PZ_N_TABLES] = { NULL };
        struct imported r;
        struct pz_err err = { .text = "" };
        struct pz_amounts have;
        enum pz_status st;

        add_events(&text, amounts[i].n, amounts[i].active);
        tables[PZ_INTERACTIONS] = text.data;
        r = import((struct pz_import_cfg){ .max_errors = 0 }, tables, NULL);
        assert_int_equal(r.st, PZ_OK);
        have = pz_dataset_amounts(r.ds);
        assert_int_equal(have.interactions, amounts[i].n);
        assert_int_equal(have.users, amounts[i].active + 1);
        st = pz_dataset_check_minimum(r.ds, &err);
        if (st != (amounts[i].why ? PZ_BAD_DATA : PZ_OK) ||
            (amounts[i].why && !strstr(err.text, amounts[i].why)))
            fail_msg("%u events, %u users: %s", amounts[i].n, amounts[i].active, err.text);
        pz_str_clear(&text);
        done(&r);
    }
}

TEST(a_user_with_one_event_is_a_user_but_not_an_active_one)
{
    static const char *const text[PZ_N_TABLES] = { UIT "a,i,1\nb,i,1\nb,j,2\n", NULL,
                                                   "USER_ID,AGE\nc,3\n" };
    struct imported r = import((struct pz_import_cfg){ .max_errors = 0 }, text, NULL);
    struct pz_amounts have;

    assert_int_equal(r.st, PZ_OK);
    have = pz_dataset_amounts(r.ds);
    assert_int_equal(r.ds->users.n, 3);
    assert_int_equal(have.users, 2); /* c has a row and no event */
    assert_int_equal(have.active_users, 1);
    done(&r);
}
