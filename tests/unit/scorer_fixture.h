/* SPDX-License-Identifier: Apache-2.0 */
/* Small corpora and questions for the tests of scorers. */
#ifndef PZ_TESTS_SCORER_FIXTURE_H
#define PZ_TESTS_SCORER_FIXTURE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/par.h"
#include "base/rng.h"
#include "model/scorer.h"
#include "tests/unit/unit.h"

enum { TINY_USERS = 600, TINY_EVENTS = 20000 };

static inline void assert_near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%.9g is not within %g of %.9g", got, tolerance, want);
}

/* A corpus with its memory. */
struct tiny {
    struct pz_corpus c;
    uint64_t ptr[TINY_USERS + 1];
    uint32_t item[TINY_EVENTS];
    int64_t time[TINY_EVENTS];
    float weight[TINY_EVENTS];
};

static inline void tiny_add(struct tiny *t, uint32_t item, int64_t time)
{
    uint64_t p = t->ptr[t->c.n_users + 1]++;

    t->item[p] = item;
    t->time[p] = time;
    t->weight[p] = 1;
    t->c.newest = time > t->c.newest ? time : t->c.newest;
}

static inline struct tiny *tiny_new(uint32_t n_items)
{
    struct tiny *t = calloc(1, sizeof *t);

    t->c = (struct pz_corpus){ .n_items = n_items,
                               .ptr = t->ptr,
                               .item = t->item,
                               .time = t->time,
                               .weight = t->weight,
                               .ordered = true };
    return t;
}

static inline void tiny_end_user(struct tiny *t)
{
    t->c.n_users++;
    t->ptr[t->c.n_users + 1] = t->ptr[t->c.n_users];
}

/* "ab|cab": a user for each word, item 0 for each 'a', 1 for 'b', ...; times 0, 1, 2, ... */
static inline struct tiny *tiny_make(const char *text, uint32_t n_items)
{
    struct tiny *t = tiny_new(n_items);
    int64_t time = 0;

    for (const char *p = text; *p; p++)
        if (*p == '|') {
            tiny_end_user(t);
            time = 0;
        } else {
            tiny_add(t, (uint32_t)(*p - 'a'), time++);
        }
    tiny_end_user(t);
    return t;
}

/* Users with 2 .. length events each, of items drawn with a preference for low numbers and for the
 * user's own tenth of the catalogue, so that there is something to learn. */
static inline struct tiny *tiny_random(uint32_t n_users, uint32_t n_items, uint32_t length,
                                       uint64_t seed)
{
    struct tiny *t = tiny_new(n_items);
    struct pz_rng rng;

    pz_rng_init(&rng, seed, 0);
    for (uint32_t u = 0; u < n_users; u++) {
        uint32_t n = 2 + pz_rng_below(&rng, length - 1), width = n_items / 10 + 1;

        for (uint32_t k = 0; k < n; k++) {
            double x = pz_rng_unit(&rng);
            uint32_t own = (u % 10 * width + pz_rng_below(&rng, width)) % n_items;

            tiny_add(t, pz_rng_below(&rng, 3) ? own : (uint32_t)(x * x * n_items),
                     (int64_t)k * 100);
        }
        tiny_end_user(t);
    }
    return t;
}

/* A fitted part with its settings. */
struct fitted {
    const struct pz_scorer *s;
    double value[64];
    void *part;
};

/* Defaults, then pairs (name, value) up to NULL. */
static inline void fitted_settings(struct fitted *f, const struct pz_scorer *s,
                                   const char *const *name, const double *value)
{
    f->s = s;
    pz_scorer_defaults(s, f->value);
    for (size_t i = 0; name && name[i]; i++) {
        assert_true(pz_scorer_setting(s, name[i]) < s->n_settings);
        f->value[pz_scorer_setting(s, name[i])] = value[i];
    }
}

static inline void fitted_fit(struct fitted *f, const struct pz_corpus *c)
{
    struct pz_fit_cfg cfg = { .value = f->value, .seed = 7 };
    struct pz_err err;

    assert_int_equal(f->s->fit(c, &cfg, &f->part, &err), PZ_OK);
}

static inline struct pz_query query_of(const uint32_t *hist, size_t n)
{
    static const float one[1000] = { [0 ... 999] = 1 };

    /* without times: no two events of one moment */
    return (struct pz_query){ .task = PZ_TASK_USER, .n_hist = n, .hist = hist, .hist_weight = one };
}

/* Scores of a history into out[n_items]. */
static inline bool fitted_score(const struct fitted *f, const uint32_t *hist, size_t n, float *out,
                                uint32_t n_items)
{
    struct pz_query q = query_of(hist, n);
    void *scratch = pz_mem_array(f->s->scratch_bytes(f->part), 1);
    bool says;

    memset(out, 0, n_items * sizeof *out);
    says = f->s->score(f->part, &q, scratch, out);
    free(scratch);
    return says;
}

/* Explanations of a history's events must sum to the score of every item. */
static inline void assert_explains(const struct fitted *f, const uint32_t *hist, size_t n,
                                   uint32_t n_items, double tolerance)
{
    struct pz_query q = query_of(hist, n);
    void *scratch = pz_mem_array(f->s->scratch_bytes(f->part), 1);
    float *out = pz_mem_array(n_items, sizeof *out), *share = pz_mem_array(n, sizeof *share),
          top = 0;

    assert_true(f->s->score(f->part, &q, scratch, out));
    for (uint32_t i = 0; i < n_items; i++)
        top = out[i] > top ? out[i] : top;
    assert_true(top > 0);
    for (uint32_t i = 0; i < n_items; i++) {
        double sum = 0;

        f->s->explain(f->part, &q, i, scratch, share);
        for (size_t k = 0; k < n; k++)
            sum += (double)share[k];
        assert_true(fabs(sum - (double)out[i]) <= tolerance * (double)top);
    }
    free(scratch);
    free(out);
    free(share);
}

static inline const char *fixture_path(void)
{
    static char path[64];

    snprintf(path, sizeof path, "/tmp/pz-test-scorer-%ld", (long)getpid());
    return path;
}

static inline void fitted_save(const struct fitted *f, const char *path)
{
    struct pz_writer *w;
    struct pz_err err;

    assert_int_equal(pz_writer_open(path, "modl", 0, &w, &err), PZ_OK);
    assert_int_equal(f->s->save(f->part, w, &err), PZ_OK);
    assert_int_equal(pz_writer_commit(w, &err), PZ_OK);
}

/* The bytes of the part's file; the caller frees. */
static inline char *fitted_bytes(const struct fitted *f, size_t *n)
{
    FILE *file;
    char *bytes;

    fitted_save(f, fixture_path());
    file = fopen(fixture_path(), "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *n = (size_t)ftell(file);
    rewind(file);
    bytes = malloc(*n);
    assert_int_equal(fread(bytes, 1, *n, file), *n);
    fclose(file);
    unlink(fixture_path());
    return bytes;
}

/* The same file at 1, 2 and 4 threads. */
static inline void assert_same_at_any_thread_count(struct fitted *f, const struct pz_corpus *c)
{
    char *first = NULL;
    size_t n_first = 0;

    for (int threads = 1; threads <= 4; threads *= 2) {
        size_t n;
        char *bytes;

        pz_par_set(threads);
        fitted_fit(f, c);
        bytes = fitted_bytes(f, &n);
        f->s->free(f->part);
        if (first) {
            assert_int_equal(n, n_first);
            assert_memory_equal(first, bytes, n);
            free(bytes);
        } else {
            first = bytes;
            n_first = n;
        }
    }
    pz_par_set(0);
    free(first);
}

/* A saved part, loaded, scores as the one in memory; flat: through the mapped form. */
static inline void assert_survives_a_file(const struct fitted *f, const uint32_t *hist, size_t n,
                                          uint32_t n_items, bool flat)
{
    struct fitted back = { .s = f->s };
    struct pz_table *t;
    struct pz_err err;
    char path[80];
    float *want = pz_mem_array(n_items, sizeof *want), *got = pz_mem_array(n_items, sizeof *got);

    snprintf(path, sizeof path, "%s.flat", fixture_path());
    fitted_save(f, fixture_path());
    assert_int_equal(pz_table_open(fixture_path(), "modl", &t, &err), PZ_OK);
    if (flat) {
        assert_int_equal(pz_table_unpack(t, NULL, path, &err), PZ_OK);
        pz_table_close(t);
        assert_int_equal(pz_table_open(path, "modl", &t, &err), PZ_OK);
    }
    assert_int_equal(f->s->load(t, n_items, &back.part, &err), PZ_OK);
    assert_true(fitted_score(f, hist, n, want, n_items));
    assert_true(fitted_score(&back, hist, n, got, n_items));
    assert_memory_equal(want, got, n_items * sizeof *want);
    f->s->free(back.part);
    assert_int_equal(f->s->load(t, n_items + 1, &back.part, &err), PZ_BAD_DATA);
    assert_null(back.part);
    pz_table_close(t);
    unlink(fixture_path());
    unlink(path);
    free(want);
    free(got);
}

/* Nothing, one item, one user, a lone event: a part is made, scores nothing or something finite. */
static inline void assert_bears_little_data(const struct pz_scorer *s)
{
    static const char *const texts[] = { "", "a", "aaa", "a|a|a", "abcd", "a|b|c|d" };

    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
        for (uint32_t n_items = k < 4 ? 1 : 4; n_items <= 5; n_items += 4) {
            struct tiny *t = tiny_make(texts[k], n_items);
            struct fitted f;
            uint32_t hist[1] = { 0 };
            float out[9];

            fitted_settings(&f, s, NULL, NULL);
            fitted_fit(&f, &t->c);
            (void)fitted_score(&f, hist, 1, out, n_items);
            for (uint32_t i = 0; i < n_items; i++)
                assert_true(out[i] > -1e30f && out[i] < 1e30f);
            assert_false(fitted_score(&f, hist, 0, out, n_items));
            s->free(f.part);
            free(t);
        }
}

#endif
