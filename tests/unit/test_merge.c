/* SPDX-License-Identifier: Apache-2.0 */
/* Merging datasets, held to the other way to the same thing: importing all their files as one
 * table. Small random worlds with few users, items, times and values, so that repeats, equal times
 * and cells that only some files have are frequent. Both ways, and a merge in two steps, must
 * export the same text. */
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/par.h"
#include "base/rng.h"
#include "base/str.h"
#include "data/export.h"
#include "data/group.h"
#include "import/import.h"
#include "tests/unit/unit.h"

enum { PARTS = 3 };

static char dir[32], path[64];

static int make_paths(void **state __attribute__((unused)))
{
    snprintf(dir, sizeof dir, "/tmp/pz-test-merge.XXXXXX");
    if (!mkdtemp(dir))
        return 1;
    snprintf(path, sizeof path, "%s/out", dir);
    return 0;
}

static int remove_paths(void **state __attribute__((unused)))
{
    char text[64];

    snprintf(text, sizeof text, "rm -rf %s", dir);
    return system(text);
}

AROUND_ALL(make_paths, remove_paths)

/* One world: what a round is made of. */
struct world {
    struct pz_rng rng;
    struct pz_schema schema;
    bool event, value, shown, context; /* columns besides the needed ones */
    uint32_t n_users, n_items, n_times;
    char file[PARTS][PZ_N_TABLES][64];
};

static uint32_t roll(struct world *w, uint32_t n)
{
    return pz_rng_below(&w->rng, n);
}

#define STRING(name) "{\"name\":\"" name "\",\"type\":\"string\"}"
#define OR_NULL(name, type) "{\"name\":\"" name "\",\"type\":[\"null\",\"" type "\"]}"

static void add_schema(struct world *w, const struct pz_str *text)
{
    struct pz_err err = { .text = "" };

    if (pz_schema_add(&w->schema, text->data, text->len, "schema", &err) != PZ_OK)
        fail_msg("%s", err.text);
}

static void make_schema(struct world *w)
{
    struct pz_str s = { 0 };

    pz_str_adds(&s, "[{\"name\":\"Interactions\",\"fields\":[" STRING("USER_ID") "," STRING(
                        "ITEM_ID") ",{\"name\":\"TIMESTAMP\",\"type\":\"long\"}");
    pz_str_adds(&s, w->event ? "," STRING("EVENT_TYPE") : "");
    pz_str_adds(&s, w->value ? "," OR_NULL("EVENT_VALUE", "float") : "");
    pz_str_adds(&s, w->shown ? "," OR_NULL("IMPRESSION", "string") : "");
    pz_str_adds(&s, w->context ? "," OR_NULL("DEVICE", "string") "," OR_NULL("N", "int") : "");
    pz_str_adds(&s, "]},{\"name\":\"Items\",\"fields\":[" STRING("ITEM_ID") "," OR_NULL(
                        "P", "double") ",{\"name\":\"G\",\"type\":[\"null\",\"string\"],"
                                       "\"categorical\":true}]},"
                                       "{\"name\":\"Users\",\"fields\":[" STRING(
                                           "USER_ID") "," OR_NULL("AGE", "int") "]}]");
    add_schema(w, &s);
    pz_str_clear(&s);
}

static void add_event(struct world *w, struct pz_str *t, int part)
{
    static const char *const values[] = { "", "0", "1.5" },
                             *const shown[] = { "", "i0|i1", "i1|i0" },
                             *const device[] = { "", "tv", "phone" }, *const n[] = { "", "7" };

    /* each part has users of its own too, so that the numbers of users differ from part to part */
    pz_str_addf(t, "%c%u,i%u,%u", roll(w, 3) ? 'u' : 'a' + part, roll(w, w->n_users),
                roll(w, w->n_items), 100 + roll(w, w->n_times));
    if (w->event)
        pz_str_addf(t, ",%c", 'v' + roll(w, 2));
    if (w->value)
        pz_str_addf(t, ",%s", values[roll(w, 3)]);
    if (w->shown)
        pz_str_addf(t, ",%s", shown[roll(w, 3)]);
    if (w->context)
        pz_str_addf(t, ",%s,%s", device[roll(w, 3)], n[roll(w, 2)]);
    pz_str_addc(t, '\n');
}

static void add_item(struct world *w, struct pz_str *t)
{
    static const char *const price[] = { "", "1", "2.5" }, *const genre[] = { "", "x", "x|y", "z" };

    pz_str_addf(t, "i%u,%s,%s\n", roll(w, w->n_items + 2), price[roll(w, 3)], genre[roll(w, 4)]);
}

/* Without the fsync of pz_file_write, which would be most of the test's time. */
static void put_file(const char *to, const struct pz_str *text)
{
    FILE *f = fopen(to, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(text->data, 1, text->len, f), text->len);
    assert_int_equal(fclose(f), 0);
}

static void write_part(struct world *w, int part)
{
    struct pz_str t[PZ_N_TABLES] = { { 0 } };

    pz_str_addf(&t[0], "USER_ID,ITEM_ID,TIMESTAMP%s%s%s%s\n", w->event ? ",EVENT_TYPE" : "",
                w->value ? ",EVENT_VALUE" : "", w->shown ? ",IMPRESSION" : "",
                w->context ? ",DEVICE,N" : "");
    for (uint32_t i = 0, n = 1 + roll(w, 120); i < n; i++)
        add_event(w, &t[0], part);
    pz_str_adds(&t[1], "ITEM_ID,P,G\n");
    for (uint32_t i = 0, n = 1 + roll(w, 8); i < n; i++)
        add_item(w, &t[1]);
    pz_str_adds(&t[2], "USER_ID,AGE\n");
    for (uint32_t i = 0, n = 1 + roll(w, 4); i < n; i++)
        pz_str_addf(&t[2], "u%u,%u\n", roll(w, w->n_users), roll(w, 50));
    for (int k = 0; k < PZ_N_TABLES; k++) {
        snprintf(w->file[part][k], sizeof w->file[part][k], "%s/%d.%d", dir, part, k);
        put_file(w->file[part][k], &t[k]);
        pz_str_clear(&t[k]);
    }
}

/* Import parts [from, to) as one. */
static struct pz_dataset *import(const struct world *w, int from, int to)
{
    struct pz_import_cfg cfg = { .schema = &w->schema };
    struct pz_import_count count[PZ_N_TABLES];
    struct pz_dataset *ds = NULL;
    struct pz_err err = { .text = "" };

    for (int part = from; part < to; part++)
        for (int k = 0; k < PZ_N_TABLES; k++)
            assert_true(pz_strs_add(&cfg.files[k], w->file[part][k]));
    if (pz_import(&cfg, &ds, count, &err) != PZ_OK)
        fail_msg("%s", err.text);
    for (int k = 0; k < PZ_N_TABLES; k++)
        pz_strs_clear(&cfg.files[k]);
    return ds;
}

static struct pz_dataset *merge(struct pz_dataset *const *in, size_t n)
{
    struct pz_dataset *ds = NULL;
    struct pz_err err = { .text = "" };

    if (pz_dataset_merge(in, n, NULL, &ds, &err) != PZ_OK)
        fail_msg("%s", err.text);
    return ds;
}

/* All tables as text, and the schema. */
static char *text_of(const struct pz_dataset *ds)
{
    struct pz_str schema = { 0 };
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    struct pz_out *out;
    char *text;
    size_t n;

    assert_true(fd >= 0);
    assert_int_equal(pz_out_attach(fd, path, &out, NULL), PZ_OK);
    for (int t = 0; t < PZ_N_TABLES; t++)
        assert_int_equal(pz_export(ds, (enum pz_table_id)t, out, NULL), PZ_OK);
    pz_dataset_schema(ds, &schema);
    assert_int_equal(pz_out_write(out, schema.data, schema.len, NULL), PZ_OK);
    assert_int_equal(pz_out_commit(out, NULL), PZ_OK);
    close(fd);
    assert_int_equal(pz_file_read(path, 1 << 24, &text, &n, NULL), PZ_OK);
    pz_str_clear(&schema);
    return text;
}

static void check_world(uint64_t seed)
{
    struct world w = {
        .event = seed & 1, .value = seed & 2, .shown = seed & 4, .context = seed & 8
    };
    struct pz_dataset *part[PARTS], *whole, *merged, *two[2], *stepwise;
    char *want, *got, *also;

    pz_rng_init(&w.rng, seed, 0);
    w.n_users = 1 + roll(&w, 6);
    w.n_items = 1 + roll(&w, 5);
    w.n_times = 1 + roll(&w, seed % 3 ? 8 : 1); /* every third: one time for all */
    make_schema(&w);
    for (int k = 0; k < PARTS; k++)
        write_part(&w, k);
    for (int k = 0; k < PARTS; k++)
        part[k] = import(&w, k, k + 1);
    whole = import(&w, 0, PARTS);
    merged = merge(part, PARTS);
    two[0] = merge(part, 2);
    two[1] = part[2];
    stepwise = merge(two, 2);
    want = text_of(whole);
    got = text_of(merged);
    also = text_of(stepwise);
    if (strcmp(want, got) != 0 || strcmp(want, also) != 0)
        fail_msg("seed %llu: imported as one:\n%s\nmerged:\n%s\nmerged in two steps:\n%s",
                 (unsigned long long)seed, want, got, also);
    free(want);
    free(got);
    free(also);
    for (int k = 0; k < PARTS; k++)
        pz_dataset_free(part[k]);
    pz_dataset_free(whole);
    pz_dataset_free(merged);
    pz_dataset_free(two[0]);
    pz_dataset_free(stepwise);
    pz_schema_clear(&w.schema);
}

TEST(a_merge_of_imports_is_the_import_of_all_files)
{
    for (uint64_t seed = 0; seed < 96; seed++) {
        pz_par_set(seed % 8 ? 1 : 2);
        check_world(seed);
    }
    pz_par_set(0);
}
