/* SPDX-License-Identifier: Apache-2.0 */
/* Factors: implicit ALS with frequency-scaled regularisation (Hu, Koren & Volinsky 2008; Rendle, Krichene,
 * Zhang & Koren 2022). For every user u, and for items likewise:
 *   (sum_i w_ui y_i y_i^T + alpha0 Y^T Y + lambda (n_u + alpha0 |I|)^nu I) x_u = sum_i w_ui y_i
 * solved by a few conjugate-gradient steps from the last sweep's vector.
 *
 * No user vectors are kept. A query's vector is the same equation on the history as it is now, with
 * weights divided by rank^recency (newest = rank 1): known, new and anonymous users are treated alike.
 * Scores may be negative.
 *
 * Columns: factors/items (f32 [n_items * d]), factors/gram (f32 [d * d], alpha0 Y^T Y), factors/facts
 * (f64: d, lambda, nu, alpha0 * n_items, recency). */
#include "model/factors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/par.h"
#include "base/rng.h"
#include "model/parts.h"

enum { SET_DIM, SET_SWEEPS, SET_ALPHA, SET_LAMBDA, SET_NU, SET_RECENCY, N_SETTINGS };
enum { CG_STEPS = 3, QUERY_STEPS = 12, QUERY_HIST = 200, GRAM_BLOCK = 1024, N_FACTS = 5 };

static const struct pz_setting settings[N_SETTINGS] = {
    { "dim", 64, 8, 1024, 0, 0, false, true, false, "length of a vector, a multiple of 8" },
    { "sweeps", 8, 1, 100, 0, 0, false, true, false, "alternations" },
    { "alpha0", 0.1, 1e-4, 10, 0.02, 0.6, true, false, false, "weight of what did not happen" },
    { "lambda", 0.003, 1e-6, 10, 0.0008, 0.03, true, false, false, "regularisation" },
    { "nu", 1, 0, 2, 0, 0, false, false, false, "exponent of the frequency in the regularisation" },
    { "recency", 0.6, 0, 3, 0, 1.2, false, false, true, "weight of a history event: 1/rank^recency" },
};

struct factors {
    uint32_t n_items;
    size_t d;
    double lambda, nu, mass; /* mass = alpha0 * number of items */
    double recency;
    const float *item; /* [n_items * d] */
    const float *gram; /* [d * d] */
    float *own_item, *own_gram;
};

static void part_free(void *part)
{
    struct factors *f = part;

    if (!f)
        return;
    free(f->own_item);
    free(f->own_gram);
    free(f);
}

/* The other way round: for each item its users. */
struct transpose {
    uint64_t *ptr;  /* [n_items + 1] */
    uint32_t *user; /* [n] */
    float *weight;
};

static bool transpose(const struct pz_corpus *c, struct transpose *t)
{
    uint64_t n = c->ptr[c->n_users], *fill = pz_mem_array((size_t)c->n_items + 1, sizeof *fill);

    t->ptr = pz_mem_array((size_t)c->n_items + 1, sizeof *t->ptr);
    t->user = pz_mem_array(n, sizeof *t->user);
    t->weight = pz_mem_array(n, sizeof *t->weight);
    if (!fill || !t->ptr || !t->user || !t->weight) {
        free(fill);
        return false;
    }
    for (uint64_t p = 0; p < n; p++)
        t->ptr[c->item[p] + 1]++;
    for (uint32_t i = 0; i < c->n_items; i++)
        t->ptr[i + 1] += t->ptr[i];
    memcpy(fill, t->ptr, (size_t)c->n_items * sizeof *fill);
    for (uint32_t u = 0; u < c->n_users; u++)
        for (uint64_t p = c->ptr[u]; p < c->ptr[u + 1]; p++) {
            uint64_t at = fill[c->item[p]]++;

            t->user[at] = u;
            t->weight[at] = c->weight[p];
        }
    free(fill);
    return true;
}

/* gram = alpha0 Y^T Y: blocks in parallel, folded in order. blocks: [n_blocks * d * d] scratch. */
static void all_gram(const float *y, size_t n, size_t d, float alpha0, float *blocks, float *gram)
{
    size_t n_blocks = (n + GRAM_BLOCK - 1) / GRAM_BLOCK, dd = d * d;

    memset(gram, 0, dd * sizeof *gram);
    for (size_t from = 0; from < n_blocks; from += 64) {
        size_t count = n_blocks - from < 64 ? n_blocks - from : 64;

        memset(blocks, 0, count * dd * sizeof *blocks);
#pragma omp parallel for schedule(dynamic, 1) num_threads(pz_par_threads())
        for (size_t b = 0; b < count; b++) {
            size_t first = (from + b) * GRAM_BLOCK;

            pz_gram(y + first * d, n - first < GRAM_BLOCK ? n - first : GRAM_BLOCK, d,
                    blocks + b * dd);
        }
        for (size_t b = 0; b < count; b++)
            for (size_t k = 0; k < dd; k++)
                gram[k] += alpha0 * blocks[b * dd + k];
    }
}

struct side {
    const uint64_t *ptr;
    const uint32_t *id;
    const float *weight;
    const float *y; /* the other side's vectors */
    float *x;       /* this side's */
    size_t n, n_other, d;
};

static float regularisation(double lambda, double nu, double count, double mass)
{
    return (float)(lambda * pow(count + mass, nu));
}

static void solve_side(const struct side *s, const float *gram, const double *value, float *work)
{
    double mass = value[SET_ALPHA] * (double)s->n_other;

#pragma omp parallel for schedule(dynamic, 64) num_threads(pz_par_threads())
    for (size_t r = 0; r < s->n; r++) {
        struct pz_row_problem p = { s->y, s->id + s->ptr[r], s->weight + s->ptr[r],
                                    (size_t)(s->ptr[r + 1] - s->ptr[r]), s->d, gram, 0 };

        if (p.n == 0) { /* nobody: no vector */
            memset(s->x + r * s->d, 0, s->d * sizeof *s->x);
            continue;
        }
        p.reg = regularisation(value[SET_LAMBDA], value[SET_NU], (double)p.n, mass);
        pz_solve_row(&p, s->x + r * s->d, CG_STEPS, work + (size_t)pz_par_id() * 4 * s->d);
    }
}

static void start_vectors(float *x, size_t n, size_t d, uint64_t seed)
{
#pragma omp parallel for schedule(static) num_threads(pz_par_threads())
    for (size_t r = 0; r < n; r++) {
        struct pz_rng rng;

        pz_rng_init(&rng, seed, r);
        for (size_t k = 0; k < d; k++)
            x[r * d + k] = (float)(pz_rng_normal(&rng) * 0.1 / sqrt((double)d));
    }
}

static void alternate(const struct pz_corpus *c, const struct transpose *t,
                      const struct pz_fit_cfg *cfg, struct factors *f, float *user, float *blocks,
                      float *work)
{
    struct side users = { c->ptr, c->item, c->weight, f->own_item, user, c->n_users, c->n_items, f->d };
    struct side items = { t->ptr, t->user, t->weight, user, f->own_item, c->n_items, c->n_users, f->d };
    float alpha0 = (float)cfg->value[SET_ALPHA];

    start_vectors(f->own_item, c->n_items, f->d, cfg->seed);
    start_vectors(user, c->n_users, f->d, cfg->seed + 1);
    for (int s = 0; s < (int)cfg->value[SET_SWEEPS] && !pz_stop_asked(); s++) {
        all_gram(f->own_item, c->n_items, f->d, alpha0, blocks, f->own_gram);
        solve_side(&users, f->own_gram, cfg->value, work);
        all_gram(user, c->n_users, f->d, alpha0, blocks, f->own_gram);
        solve_side(&items, f->own_gram, cfg->value, work);
    }
    all_gram(f->own_item, c->n_items, f->d, alpha0, blocks, f->own_gram);
}

static enum pz_status fit(const struct pz_corpus *c, const struct pz_fit_cfg *cfg, void **part,
                          struct pz_err *err)
{
    struct factors *f = calloc(1, sizeof *f);
    struct transpose t = { NULL, NULL, NULL };
    float *user = NULL, *blocks = NULL, *work = NULL;
    size_t d = ((size_t)cfg->value[SET_DIM] + 7) / 8 * 8;
    enum pz_status st = PZ_OK;

    if (f) {
        *f = (struct factors){ .n_items = c->n_items, .d = d, .lambda = cfg->value[SET_LAMBDA],
                               .nu = cfg->value[SET_NU], .recency = cfg->value[SET_RECENCY],
                               .mass = cfg->value[SET_ALPHA] * c->n_items };
        f->item = f->own_item = pz_mem_array((size_t)c->n_items * d, sizeof(float));
        f->gram = f->own_gram = pz_mem_array(d * d, sizeof(float));
        user = pz_mem_array((size_t)c->n_users * d, sizeof(float));
        blocks = pz_mem_array(64 * d * d, sizeof(float));
        work = pz_mem_array((size_t)pz_par_threads() * 4 * d, sizeof(float));
    }
    if (!f || !f->own_item || !f->own_gram || !user || !blocks || !work || !transpose(c, &t))
        st = pz_err_memory(err, "factors", 4.0 * (double)d * (c->n_items + (double)c->n_users));
    else
        alternate(c, &t, cfg, f, user, blocks, work);
    free(t.ptr);
    free(t.user);
    free(t.weight);
    free(user);
    free(blocks);
    free(work);
    if (st != PZ_OK) {
        part_free(f);
        f = NULL;
    }
    *part = f;
    return st;
}

static enum pz_status save(const void *part, struct pz_writer *w, struct pz_err *err)
{
    const struct factors *f = part;
    double facts[N_FACTS] = { (double)f->d, f->lambda, f->nu, f->mass, f->recency };
    enum pz_status st = pz_writer_add(w, "factors/items", PZ_F32, f->item, (uint64_t)f->n_items * f->d,
                                      err);

    if (st == PZ_OK)
        st = pz_writer_add(w, "factors/gram", PZ_F32, f->gram, (uint64_t)f->d * f->d, err);
    if (st == PZ_OK)
        st = pz_writer_add(w, "factors/facts", PZ_F64, facts, N_FACTS, err);
    return st;
}

static enum pz_status load(struct pz_table *t, uint32_t n_items, const struct pz_attrs *item_attrs,
                           const struct pz_attrs *user_attrs, void **part, struct pz_err *err)
{
    struct factors *f = calloc(1, sizeof *f);
    const void *data = NULL;
    const double *facts;
    enum pz_status st = f ? pz_table_get(t, "factors/facts", PZ_F64, N_FACTS, &data, NULL, err)
                          : pz_err_memory(err, "factors", sizeof *f);

    (void)item_attrs;
    (void)user_attrs;
    if (st == PZ_OK) {
        facts = data;
        if (!(facts[0] >= 8 && facts[0] <= 1024) || fmod(facts[0], 8) != 0)
            st = pz_err_set(err, PZ_BAD_DATA, "the factors are damaged");
        else
            *f = (struct factors){ .n_items = n_items, .d = (size_t)facts[0], .lambda = facts[1],
                                   .nu = facts[2], .mass = facts[3], .recency = facts[4] };
    }
    if (st == PZ_OK)
        st = pz_table_get(t, "factors/items", PZ_F32, (uint64_t)n_items * f->d, &data, NULL, err);
    if (st == PZ_OK) {
        f->item = data;
        st = pz_table_get(t, "factors/gram", PZ_F32, (uint64_t)f->d * f->d, &data, NULL, err);
    }
    if (st == PZ_OK) {
        f->gram = data;
    } else {
        part_free(f);
        f = NULL;
    }
    *part = f;
    return st;
}

static void set(void *part, size_t setting, double value)
{
    if (setting == SET_RECENCY)
        ((struct factors *)part)->recency = value;
}

static size_t scratch_bytes(const void *part)
{
    const struct factors *f = part;

    return 5 * f->d * sizeof(float) + QUERY_HIST * (sizeof(uint32_t) + sizeof(float));
}

/* The vector of a history; x at the start of scratch. False for an empty one. */
static bool fold_in(const struct factors *f, const struct pz_query *q, float *scratch)
{
    size_t n = q->n_hist < QUERY_HIST ? q->n_hist : QUERY_HIST;
    float *x = scratch, *work = x + f->d, *weight = work + 4 * f->d;
    const uint32_t *id = q->hist + q->n_hist - n;
    struct pz_row_problem p = { f->item, id, weight, n, f->d, f->gram,
                                regularisation(f->lambda, f->nu, (double)n, f->mass) };

    for (size_t k = 0; k < n; k++)
        weight[k] = q->hist_weight[q->n_hist - n + k] * (float)pow((double)(n - k), -f->recency);
    memset(x, 0, f->d * sizeof *x);
    if (n > 0)
        pz_solve_row(&p, x, QUERY_STEPS, work);
    return n > 0;
}

/* Related items: cosine with the one item of the history. */
static void score_related(const struct factors *f, uint32_t item, float *out)
{
    const float *y = f->item + (size_t)item * f->d;
    float mine = pz_dot(y, y, f->d);

    pz_scan(f->item, y, f->n_items, f->d, out);
    for (uint32_t i = 0; i < f->n_items; i++) {
        const float *z = f->item + (size_t)i * f->d;
        float norm = out[i] > 0 ? sqrtf(mine * pz_dot(z, z, f->d)) : 0;

        out[i] = norm > 0 ? out[i] / norm : 0;
    }
}

static bool score(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    const struct factors *f = part;

    if (q->n_hist == 0)
        return false;
    if (q->task == PZ_TASK_RELATED) {
        score_related(f, q->hist[q->n_hist - 1], out);
        return true;
    }
    fold_in(f, q, scratch);
    pz_scan(f->item, scratch, f->n_items, f->d, out);
    return true;
}

static const float *vectors(const void *part, uint32_t *dim)
{
    const struct factors *f = part;

    *dim = (uint32_t)f->d;
    return f->item;
}

const struct pz_scorer pz_factors = {
    .name = "factors",
    .meaning = "implicit ALS; the user's vector is solved from the history at query time",
    .settings = settings,
    .n_settings = N_SETTINGS,
    .fit = fit,
    .save = save,
    .load = load,
    .free = part_free,
    .set = set,
    .scratch_bytes = scratch_bytes,
    .score = score,
    .vectors = vectors,
};
