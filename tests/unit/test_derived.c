/* SPDX-License-Identifier: Apache-2.0 */
/* What parts derive for publication: columns of a flat file that spare opening it their making. Every
 * scorer is fitted, written, laid out flat with and without them, and asked the same. */
#include "base/file.h"
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

/* What a part derives, but all zero. */
static void derive_zeros(const struct fitted *f, struct pz_derived *out)
{
    struct pz_derived own = { NULL, 0, 0 };
    struct pz_err err;

    assert_int_equal(f->s->derive(f->part, &own, &err), PZ_OK);
    for (size_t i = 0; i < own.n; i++) {
        struct pz_column_info c = pz_derived_column(&own, i);

        assert_int_equal(pz_derived_add(out, c.name + strlen(PZ_DERIVED), c.type,
                                        pz_mem_array(c.n, pz_type_bytes(c.type)), c.n, true, &err),
                         PZ_OK);
    }
    pz_derived_clear(&own);
}

static void check(const struct fitted *f, const struct tiny *t)
{
    float want[ITEMS], got[ITEMS];
    char hex[33], same[33];
    struct pz_derived derived = { NULL, 0, 0 }, zeros = { NULL, 0, 0 };
    struct pz_err err;

    save(f);
    score_from(packed, f->s, t, want);
    lay_out(NULL, hex); /* as versions before this one wrote it */
    score_from(flat, f->s, t, got);
    assert_memory_equal(got, want, sizeof want);
    assert_int_equal(f->s->derive(f->part, &derived, &err), PZ_OK);
    lay_out(&derived, same);
    assert_string_equal(same, hex);
    score_from(flat, f->s, t, got);
    assert_memory_equal(got, want, sizeof want);
    derive_zeros(f, &zeros); /* believed, as any flat column: taken, not made again */
    lay_out(&zeros, hex);
    score_from(flat, f->s, t, got);
    assert_memory_not_equal(got, want, sizeof want);
    pz_derived_clear(&derived);
    pz_derived_clear(&zeros);
}

TEST(parts_take_from_a_flat_file_what_they_derived_for_it)
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
