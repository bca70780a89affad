/* SPDX-License-Identifier: Apache-2.0 */
/* What parts derive for publication: columns of a flat file that spare opening it their making.
 * Every scorer is fitted, written, laid out flat with and without them, and asked the same. */
#include "base/file.h"
#include "model/bytes.h"
#include "tests/unit/scorer_fixture.h"

enum { ITEMS = 203, USERS = 60, LENGTH = 30 };

static char packed[64], flat[80];

static int make_paths(void **state __attribute__((unused)))
{
    snprintf(packed, sizeof packed, "/tmp/pz-derived.%d", (int)getpid());
    snprintf(flat, sizeof flat, "%s.flat", packed);
    return 0;
}

static int remove_paths(void **state __attribute__((unused)))
{
    unlink(packed);
    unlink(flat);
    return 0;
}

AROUND_ALL(make_paths, remove_paths)

static void save(const struct fitted *f)
{
    struct pz_writer *w;
    struct pz_err err;

    assert_int_equal(pz_writer_open(packed, "modl", 0, &w, &err), PZ_OK);
    assert_int_equal(f->s->save(f->part, w, &err), PZ_OK);
    assert_int_equal(pz_writer_commit(w, &err), PZ_OK);
}

/* The packed file laid out flat; a fingerprint of the flat one into hex. */
static void lay_out(const struct pz_derived *derived, char *hex)
{
    struct pz_table *t;
    struct pz_err err;

    assert_int_equal(pz_table_open(packed, "modl", &t, &err), PZ_OK);
    assert_int_equal(pz_table_unpack(t, derived, flat, &err), PZ_OK);
    pz_table_close(t);
    assert_int_equal(pz_table_open(flat, "modl", &t, &err), PZ_OK);
    assert_int_equal(pz_table_verify(t, &err), PZ_OK);
    assert_int_equal(pz_table_fingerprint(t, hex, &err), PZ_OK);
    pz_table_close(t);
}

/* Scores of a history by the part in a file. */
static void score_from(const char *path, const struct pz_scorer *s, const struct tiny *t,
                       float *out)
{
    struct fitted f = { .s = s };
    struct pz_table *table;
    struct pz_err err;

    assert_int_equal(pz_table_open(path, "modl", &table, &err), PZ_OK);
    assert_int_equal(s->load(table, ITEMS, &f.part, &err), PZ_OK);
    fitted_score(&f, t->item, 8, out, ITEMS);
    s->free(f.part);
    pz_table_close(table);
}

/* Rough scores, with lengths of all items in descending order where they tell. */
static void read_rows(const struct pz_scorer *s, const void *part, void *scratch, float *out)
{
    float raw[ITEMS], off[ITEMS];
    struct pz_reach reach;
    uint32_t item[ITEMS];

    if (!s->reach(part, scratch, &reach)) {
        s->rough_scan(part, &scratch, 1, &out, &(float *){ off });
        return;
    }
    for (uint32_t i = 0; i < ITEMS; i++)
        item[i] = ITEMS - 1 - i;
    s->rough_rows(part, scratch, item, ITEMS, raw, off);
    for (uint32_t i = 0; i < ITEMS; i++)
        out[item[i]] = raw[i] + reach.length[item[i]] + (float)reach.longest[i];
}

/* The same roughly, where the scorer can. */
static void rough_from(const char *path, const struct pz_scorer *s, const struct tiny *t,
                       float *out)
{
    struct pz_query q = query_of(t->item, 8);
    struct pz_table *table;
    struct pz_err err;
    float off[ITEMS / 64 + 1], *bound = off;
    void *part, *scratch;

    if (!s->rough) {
        score_from(path, s, t, out);
        return;
    }
    assert_int_equal(pz_table_open(path, "modl", &table, &err), PZ_OK);
    assert_int_equal(s->load(table, ITEMS, &part, &err), PZ_OK);
    scratch = pz_mem_array(s->scratch_bytes(part), 1);
    assert_true(s->rough(part, &q, scratch));
    if (s->reach)
        read_rows(s, part, scratch, out);
    else
        s->rough_scan(part, &scratch, 1, &out, &bound);
    free(scratch);
    s->free(part);
    pz_table_close(table);
}

/* What a part derives, but all zero. */
static void derive_zeros(const struct pz_scorer *s, const void *part, struct pz_derived *out)
{
    struct pz_derived own = { NULL, 0, 0 };
    struct pz_err err;

    assert_int_equal(s->derive(part, &own, &err), PZ_OK);
    for (size_t i = 0; i < own.n; i++) {
        struct pz_column_info c = pz_derived_column(&own, i);

        void *zeros = pz_mem_array(c.n, pz_type_bytes(c.type));

        assert_int_equal(pz_derived_add(out, c.name + strlen(PZ_DERIVED), c.type, zeros, c.n, zeros,
                                        &err),
                         PZ_OK);
    }
    pz_derived_clear(&own);
}

/* The packed file laid out with what its part derives, or with zeros instead. */
static void lay_out_derived(const struct pz_scorer *s, bool zeros, char *hex)
{
    struct pz_derived derived = { NULL, 0, 0 };
    struct pz_table *table;
    void *part = NULL;
    struct pz_err err;

    assert_int_equal(pz_table_open(packed, "modl", &table, &err), PZ_OK);
    assert_int_equal(s->load(table, ITEMS, &part, &err), PZ_OK);
    if (zeros)
        derive_zeros(s, part, &derived);
    else
        assert_int_equal(s->derive(part, &derived, &err), PZ_OK);
    assert_true(derived.n > 0);
    lay_out(&derived, hex);
    pz_derived_clear(&derived);
    s->free(part);
    pz_table_close(table);
}

static void check(const struct fitted *f, const struct tiny *t)
{
    float want[ITEMS], got[ITEMS];
    char hex[33], same[33];

    save(f);
    score_from(packed, f->s, t, want);
    lay_out(NULL, hex); /* as versions before this one wrote it */
    score_from(flat, f->s, t, got);
    assert_memory_equal(got, want, sizeof want);
    lay_out_derived(f->s, false, same);
    assert_string_equal(same, hex);
    score_from(flat, f->s, t, got);
    assert_memory_equal(got, want, sizeof want);
    if (f->s->heads && !f->s->rough) /* which test_probe.c looks at: no score depends on it */
        return;
    rough_from(flat, f->s, t, want);
    lay_out_derived(f->s, true, hex); /* believed, as any flat column: taken, not made again */
    rough_from(flat, f->s, t, got);
    assert_memory_not_equal(got, want, sizeof want);
}

static void check_all(void)
{
    struct tiny *t = tiny_random(USERS, ITEMS, LENGTH, 5);
    size_t checked = 0;

    for (const struct pz_scorer *const *s = pz_scorers; *s; s++) {
        struct fitted f;

        if (!(*s)->derive)
            continue;
        fitted_settings(&f, *s, NULL, NULL);
        fitted_fit(&f, &t->c);
        check(&f, t);
        (*s)->free(f.part);
        checked++;
    }
    assert_true(checked >= 3);
    free(t);
}

TEST(parts_take_from_a_flat_file_what_they_derived_for_it)
{
    check_all();
}

TEST(parts_of_many_items_do_too)
{
    uint32_t many = pz_bytes_many;

    pz_bytes_many = 0;
    check_all();
    pz_bytes_many = many;
}
