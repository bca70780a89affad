/* SPDX-License-Identifier: Apache-2.0 */
/* What follows an item, as weights of features: formulas in content.h. Ridge regression (Hoerl &
 * Kennard 1970), one an item, all over the same rows: they share A, whose inverse is made once;
 * then a block of items is one product of matrices.
 *
 * Every row is one thread's work, and what is summed over items is summed in their order: the same
 * at any thread count. Of a row only the largest weights are kept, as soon as it is there: memory
 * does not grow with items times features. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/par.h"
#include "model/content/content.h"
#include "model/dense.h"

enum { BLOCK = 64 };

#define ROUNDING (64 * FLT_EPSILON) /* of the largest A_ff: what a ridge has to be above */
#define RIDGE_MOST 1e9f

/* Rows of the `kept` largest weights while they are made: row b has n[b] of them from b * kept on.
 */
struct largest {
    uint32_t kept, *n, *id;
    float *weight;
};

struct map {
    const struct pz_csr *x;
    const struct pz_csr *counts;
    const float *count;
    const double *set;
    size_t n_feats;
    float *trust;               /* [x->n] d_j */
    float *target;              /* [x->n] d_j n_j^-target_norm */
    float *matrix;              /* [n_feats * n_feats] A, then its inverse, then M */
    float *across;              /* [n_feats * n_feats] sum_b d_b x_b^T t_b */
    float *unit;                /* [n_feats] A_ff^(1/2) */
    struct largest follow, map; /* t_b, rows of M */
};

static double norm(double count, double power)
{
    return count > 0 ? pow(count, -power) : 0;
}

static void fill_weights(struct map *m)
{
    for (uint32_t i = 0; i < m->x->n; i++) {
        double n = (double)m->count[i];

        /* Few events say little about what follows, whatever they say: such an item teaches less
         * than its one row. */
        m->trust[i] = n > 0 ? (float)(n / (n + m->set[PZ_CONTENT_TRUST])) : 0;
        m->target[i] = m->trust[i] * (float)norm(n, m->set[PZ_CONTENT_TARGET_NORM]);
    }
}

/* A, both triangles; ridge: at least that much of it. */
static void fill_matrix(struct map *m, float ridge)
{
    const struct pz_csr *x = m->x;
    float most = 0;

    memset(m->matrix, 0, m->n_feats * m->n_feats * sizeof *m->matrix);
    for (uint32_t i = 0; i < x->n; i++)
        for (uint64_t k = x->ptr[i]; k < x->ptr[i + 1] && m->trust[i] > 0; k++)
            for (uint64_t l = x->ptr[i]; l < x->ptr[i + 1]; l++)
                m->matrix[x->item[k] * m->n_feats + x->item[l]] += m->trust[i] * x->value[k] *
                                                                   x->value[l];
    for (size_t f = 0; f < m->n_feats; f++)
        most = fmaxf(most, m->matrix[f * m->n_feats + f]);
    for (size_t f = 0; f < m->n_feats; f++) {
        float *diagonal = &m->matrix[f * m->n_feats + f];

        /* Positive definite, whatever the features: they may be few, or one the sum of others. Of
         * many items A is so large that rounding would take a small ridge away. */
        *diagonal += fmaxf(ridge, ROUNDING * most);
        m->unit[f] = sqrtf(*diagonal);
    }
}

/* A^-1, with a larger ridge where rounding left less than nothing of it. */
static enum pz_status fill_inverse(struct map *m, struct pz_mat matrix, struct pz_err *err)
{
    float ridge = (float)m->set[PZ_CONTENT_RIDGE];
    enum pz_status st;

    do {
        fill_matrix(m, ridge);
        st = pz_mat_invert(matrix, err);
        ridge *= 10;
    } while (st == PZ_INTERNAL && ridge < RIDGE_MOST);
    return st;
}

/* row += weight * x_i. */
static void add_features(const struct pz_csr *x, uint32_t i, float weight, float *row)
{
    for (uint64_t k = x->ptr[i]; k < x->ptr[i + 1]; k++)
        row[x->item[k]] += weight * x->value[k];
}

/* row += sum_j d_j y_bj x_j. */
static void add_followers(const struct map *m, uint32_t b, float *row)
{
    float source = (float)norm((double)m->count[b], m->set[PZ_CONTENT_SOURCE_NORM]);

    for (uint64_t k = m->counts->ptr[b]; k < m->counts->ptr[b + 1]; k++) {
        uint32_t j = m->counts->item[k];

        add_features(m->x, j, source * m->target[j] * m->counts->value[k], row);
    }
}

static int ascending(const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

    return a < b ? -1 : a > b;
}

/* Keep the largest of a dense row as row b. key: [n_feats] room. */
static void keep_row(const struct map *m, const struct largest *to, uint32_t b, const float *row,
                     uint64_t *key)
{
    uint32_t n = 0, *id = to->id + (size_t)b * to->kept;

    for (uint32_t f = 0; f < m->n_feats; f++)
        /* The size of a weight in the unit of its feature: a rare feature has a small A_ff, and its
         * weight is large for that reason alone. */
        if (row[f] != 0)
            key[n++] = pz_trans_key(fabsf(row[f]) * m->unit[f], f);
    n = pz_trans_select(key, n, to->kept);
    for (uint32_t k = 0; k < n; k++)
        id[k] = pz_trans_key_item(key[k]);
    qsort(id, n, sizeof *id, ascending);
    for (uint32_t k = 0; k < n; k++)
        to->weight[(size_t)b * to->kept + k] = row[id[k]];
    to->n[b] = n;
}

/* Scratch of one thread. */
struct scratch {
    float *in, *out; /* [BLOCK * n_feats] */
    uint64_t *key;   /* [n_feats] */
};

/* t_b of a block's items from their transitions. */
static void regress(struct map *m, uint32_t from, struct scratch *r)
{
    uint32_t n = m->x->n - from < BLOCK ? m->x->n - from : BLOCK;

    memset(r->in, 0, n * m->n_feats * sizeof *r->in);
    for (uint32_t k = 0; k < n; k++)
        add_followers(m, from + k, r->in + k * m->n_feats);
    pz_gemm_ab((struct pz_gemm){ n, m->n_feats, m->n_feats, 0 }, r->in, m->matrix, r->out);
    for (uint32_t k = 0; k < n; k++)
        keep_row(m, &m->follow, from + k, r->out + k * m->n_feats, r->key);
}

static void fill_across(struct map *m)
{
    const struct pz_csr *x = m->x;
    const struct largest *t = &m->follow;

    for (uint32_t b = 0; b < x->n; b++)
        for (uint64_t k = x->ptr[b]; k < x->ptr[b + 1]; k++) {
            float *row = m->across + x->item[k] * m->n_feats, weight = m->trust[b] * x->value[k];

            for (size_t f = (size_t)b * t->kept; f < (size_t)b * t->kept + t->n[b]; f++)
                row[t->id[f]] += weight * t->weight[f];
        }
}

/* t_b <- t_b + share (x_b M - t_b). */
static void mix(struct map *m, uint32_t b, struct scratch *r)
{
    const struct largest *t = &m->follow;
    /* An item without events has count 0 and share 1: its t is what its features say, x M. */
    double fade = m->set[PZ_CONTENT_FADE];
    float share = (float)(fade / ((double)m->count[b] + fade));

    memset(r->in, 0, m->n_feats * sizeof *r->in);
    for (uint32_t k = 0; k < t->n[b]; k++)
        r->in[t->id[(size_t)b * t->kept + k]] = (1 - share) * t->weight[(size_t)b * t->kept + k];
    for (uint64_t k = m->x->ptr[b]; k < m->x->ptr[b + 1]; k++) {
        const float *row = m->matrix + m->x->item[k] * m->n_feats;
        float weight = share * m->x->value[k];

        for (size_t f = 0; f < m->n_feats; f++)
            r->in[f] += weight * row[f];
    }
    keep_row(m, t, b, r->in, r->key);
}

static enum pz_status learn(struct map *m, struct scratch *scratch, struct pz_err *err)
{
    struct pz_mat matrix = pz_mat_of(m->matrix, m->n_feats, m->n_feats);
    enum pz_status st;

    fill_weights(m);
    st = fill_inverse(m, matrix, err);
    if (st != PZ_OK)
        return st;
#pragma omp parallel for schedule(dynamic, 1) num_threads(pz_par_threads())
    for (uint32_t from = 0; from < m->x->n; from += BLOCK)
        regress(m, from, &scratch[pz_par_id()]);
    fill_across(m);
    st = pz_mat_apply(matrix, pz_mat_of(m->across, m->n_feats, m->n_feats), err);
    if (st != PZ_OK)
        return st;
#pragma omp parallel for schedule(dynamic, 64) num_threads(pz_par_threads())
    for (uint32_t b = 0; b < m->x->n; b++)
        mix(m, b, &scratch[pz_par_id()]);
#pragma omp parallel for schedule(dynamic, 64) num_threads(pz_par_threads())
    for (uint32_t f = 0; f < m->x->n_cols; f++)
        keep_row(m, &m->map, f, m->matrix + f * m->n_feats, scratch[pz_par_id()].key);
    return PZ_OK;
}

/* The n rows without the free places between them. */
static bool pack(const struct largest *from, uint32_t n, uint32_t n_feats, struct pz_csr *out)
{
    uint64_t *ptr = pz_mem_array((size_t)n + 1, sizeof *ptr);
    uint32_t *id = NULL;
    float *weight = NULL;

    for (uint32_t b = 0; ptr && b < n; b++)
        ptr[b + 1] = ptr[b] + from->n[b];
    if (ptr) {
        id = pz_mem_array(ptr[n], sizeof *id);
        weight = pz_mem_array(ptr[n], sizeof *weight);
    }
    for (uint32_t b = 0; id && weight && b < n; b++) {
        memcpy(id + ptr[b], from->id + (size_t)b * from->kept, from->n[b] * sizeof *id);
        memcpy(weight + ptr[b], from->weight + (size_t)b * from->kept, from->n[b] * sizeof *weight);
    }
    *out = pz_csr_take(n, n_feats, ptr, id, weight);
    return ptr && id && weight;
}

static bool largest_take(struct largest *l, size_t n, uint32_t kept)
{
    l->kept = kept;
    l->n = pz_mem_array(n, sizeof *l->n);
    l->id = pz_mem_array(n * kept, sizeof *l->id);
    l->weight = pz_mem_array(n * kept, sizeof *l->weight);
    return l->n && l->id && l->weight;
}

static void largest_clear(struct largest *l)
{
    free(l->n);
    free(l->id);
    free(l->weight);
}

static void scratch_free(struct scratch *scratch)
{
    for (int t = 0; scratch && t < pz_par_threads(); t++) {
        free(scratch[t].in);
        free(scratch[t].out);
        free(scratch[t].key);
    }
    free(scratch);
}

/* One for each thread, or NULL without memory. */
static struct scratch *scratch_new(size_t n_feats)
{
    struct scratch *scratch = pz_mem_array((size_t)pz_par_threads(), sizeof *scratch);
    bool ok = scratch != NULL;

    for (int t = 0; ok && t < pz_par_threads(); t++) {
        scratch[t] = (struct scratch){ pz_mem_array(BLOCK * n_feats, sizeof(float)),
                                       pz_mem_array(BLOCK * n_feats, sizeof(float)),
                                       pz_mem_array(n_feats, sizeof(uint64_t)) };
        ok = scratch[t].in && scratch[t].out && scratch[t].key;
    }
    if (ok)
        return scratch;
    scratch_free(scratch);
    return NULL;
}

static bool take_memory(struct map *m)
{
    size_t n = m->x->n, f = m->n_feats;
    uint32_t kept = f < PZ_CONTENT_KEPT ? (uint32_t)f : PZ_CONTENT_KEPT;

    m->trust = pz_mem_array(n, sizeof *m->trust);
    m->target = pz_mem_array(n, sizeof *m->target);
    m->matrix = pz_mem_array(f * f, sizeof *m->matrix);
    m->across = pz_mem_array(f * f, sizeof *m->across);
    m->unit = pz_mem_array(f, sizeof *m->unit);
    return largest_take(&m->follow, n, kept) && largest_take(&m->map, f, kept) && m->trust &&
           m->target && m->matrix && m->across && m->unit;
}

enum pz_status pz_content_map(const struct pz_csr *x, const struct pz_csr *counts,
                              const float *count, const double *set, struct pz_content_map *out,
                              struct pz_err *err)
{
    struct map m = { .x = x, .counts = counts, .count = count, .set = set, .n_feats = x->n_cols };
    struct scratch *scratch = scratch_new(m.n_feats);
    bool ok = take_memory(&m) && scratch;
    enum pz_status st = PZ_OK;

    memset(out, 0, sizeof *out);
    if (ok)
        st = learn(&m, scratch, err);
    if (st == PZ_OK && (!ok || !pack(&m.follow, x->n, x->n_cols, &out->follow) ||
                        !pack(&m.map, x->n_cols, x->n_cols, &out->map)))
        st = pz_err_memory(err, "what follows items",
                           8.0 * (double)(m.n_feats * m.n_feats) + 8.0 * PZ_CONTENT_KEPT * x->n);
    scratch_free(scratch);
    largest_clear(&m.follow);
    largest_clear(&m.map);
    free(m.trust);
    free(m.target);
    free(m.matrix);
    free(m.across);
    free(m.unit);
    return st;
}
