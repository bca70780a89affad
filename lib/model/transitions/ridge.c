/* SPDX-License-Identifier: Apache-2.0 */
/* The neighbourhood ridge: a sparse, order-aware relative of EASE and SLIM (Steck 2019; Ning &
 * Karypis 2011). For every target j the next item is regressed on the decayed history, restricted
 * to the sources N that precede j most, given how popular they are:
 *
 *   (G[N,N] + lambda g I) b = C[N,j]
 *
 * with g the mean of what one event adds to its own diagonal entry of G: lambda counts events, so
 * that one default serves data of any decay, length and user normalisation.
 *
 * Targets are independent, so they are solved in parallel, each on its own small dense matrix. The
 * Gram rows come from a sparse table that holds each pair once, with the rarer of the two, so that
 * rows are short (Beauty: 8,300 entries read for a target's items instead of 21,800); it is cut to
 * a budget and packed (gram.h: about 3 bytes * (GRAM_ENTRIES + 64 n_items)). A small catalogue has
 * a full square one. Cutting can cost positive definiteness: pivots below lambda, which the whole
 * matrix cannot have, show it and are raised to lambda.
 *
 * Features (categories of items) are sources like items, with the penalty lambda / attributes^2.
 *
 * Floor: a system of m sources takes m^3 / 3 multiplications and additions, 7 us for 100 where a
 * core makes 98 operations a nanosecond. The same events: 156 us a target, 32 of them in Cholesky;
 * most of the rest waits for the sources' Gram rows, up to 2 kB each from beyond the caches.
 *
 * Cholesky runs in float: lambda bounds the condition number, and the elementwise updates (four
 * pivot rows at a time, no reductions) vectorise without changing the order of any sum. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/par.h"
#include "base/ranks.h"
#include "base/signals.h"
#include "base/simd.h"
#include "data/shares.h"
#include "model/transitions/cells.h"
#include "model/transitions/gram.h"
#include "model/transitions/transitions.h"

enum { GRAM_ENTRIES = 1 << 23, GRAM_ROW_MIN = 64, TARGET_BLOCK = 256 /* a thread */, PAD = 8 };

/* ---- Cholesky: A = U'U in the upper triangle, row-major ---- */

/* Row i of U from row i of A whose earlier pivots are already subtracted. */
static inline void scale_row(float *row, size_t i, size_t n, float floor)
{
    /* The raised pivot acts as more penalty for this one source; the others' equations stay as they
     * were. */
    float pivot = row[i] > floor ? row[i] : floor, inverse = 1 / sqrtf(pivot);

    row[i] = sqrtf(pivot);
    for (size_t j = i + 1; j < n; j++)
        row[j] *= inverse;
}

static inline void subtract_row(float *row, const float *pivot, size_t i, size_t n)
{
    float f = pivot[i];

    for (size_t j = i; j < n; j++)
        row[j] -= f * pivot[j];
}

/* Rows first .. n of A, less the products with four pivot rows: A[i] -= sum over p of p[i] * p.
 * Four pivot rows at a time: row i is loaded and stored once for four, which is what the n^3 / 3
 * operations of a factorisation wait for otherwise. */
static inline void subtract_panel(float *A, size_t n, size_t stride, size_t first)
{
    const float *restrict p0 = A + (first - 4) * stride, *restrict p1 = p0 + stride;
    const float *restrict p2 = p1 + stride, *restrict p3 = p2 + stride;

    for (size_t i = first; i < n; i++) {
        float *restrict row = A + i * stride;
        float f0 = p0[i], f1 = p1[i], f2 = p2[i], f3 = p3[i];

        for (size_t j = i; j < n; j++)
            row[j] -= f0 * p0[j] + f1 * p1[j] + f2 * p2[j] + f3 * p3[j];
    }
}

static inline void factor(float *A, size_t n, size_t stride, float floor)
{
    size_t k = 0;

    for (; k + 4 <= n; k += 4) {
        for (size_t i = k; i < k + 4; i++) {
            for (size_t p = k; p < i; p++)
                subtract_row(A + i * stride, A + p * stride, i, n);
            scale_row(A + i * stride, i, n, floor);
        }
        subtract_panel(A, n, stride, k + 4);
    }
    for (size_t i = k; i < n; i++) {
        for (size_t p = k; p < i; p++)
            subtract_row(A + i * stride, A + p * stride, i, n);
        scale_row(A + i * stride, i, n, floor);
    }
}

PZ_KERNEL void pz_trans_cholesky(float *A, size_t n, size_t stride, float floor, float *x)
{
    factor(A, n, stride, floor);
    for (size_t i = 0; i < n; i++) { /* U'y = b, column by column */
        const float *row = A + i * stride;

        x[i] /= row[i];
        for (size_t j = i + 1; j < n; j++)
            x[j] -= row[j] * x[i];
    }
    for (size_t i = n; i-- > 0;) { /* U x = y */
        const float *row = A + i * stride;
        /* A sum over a row, in double: the only reduction, and the last place where digits are
         * lost. */
        double sum = (double)x[i];

        for (size_t j = i + 1; j < n; j++)
            sum -= (double)row[j] * (double)x[j];
        x[i] = (float)(sum / (double)row[i]);
    }
}

/* ---- systems ---- */

/* Where the Gram matrix is read from: the square where there is one. */
struct gram {
    struct pz_gram rows;
    float *square; /* [n_items * n_items] */
};

struct scratch {
    uint64_t *key;   /* [longest list] */
    uint16_t *place; /* [n_items] place of an item in N, `dummy` elsewhere */
    uint64_t *at;    /* [n_max] entries of counts that N stands for */
    float *A, *x;
};

struct job {
    const struct pz_csr *counts;
    const uint32_t *item; /* of the counts, from entry `first` on */
    uint64_t first;
    const float *pop;
    const uint8_t *wanted;
    const struct gram *gram;
    uint32_t n_max,
        stride; /* unknowns of the largest system; stride > n_max: the last column is a bin */
    float lambda, boost; /* boost: weight of features as sources */
    uint32_t n_items;
    struct scratch *scratch;
    float *value;
};

static inline uint32_t source_of(const struct job *job, uint64_t entry)
{
    return job->item[entry - job->first];
}

/* How much a source matters to a target: count / sqrt(popularity), features boosted. */
static uint64_t source_key(const struct job *job, uint64_t entry)
{
    uint32_t b = source_of(job, entry);
    /* By the root, half-way between the count (popular items always) and the share of its source
     * (rare ones always). */
    float v = job->pop[b] > 0 ? job->counts->value[entry] / sqrtf(job->pop[b]) : 0;

    return pz_trans_key(b < job->n_items ? v : v * job->boost, b);
}

/* Choose N among the sources of target j: their places in counts, ascending. Returns how many. */
static uint32_t choose_sources(const struct job *job, uint32_t j, struct scratch *w)
{
    uint64_t start = job->counts->ptr[j], n = job->counts->ptr[j + 1] - start;
    uint64_t cut = 0;
    uint32_t m = 0;

    for (uint64_t k = 0; k < n; k++)
        w->key[k] = source_key(job, start + k);
    if (n > job->n_max) {
        cut = UINT64_MAX;
        pz_trans_select(w->key, (uint32_t)n, job->n_max);
        for (uint32_t k = 0; k < job->n_max; k++)
            cut = w->key[k] < cut ? w->key[k] : cut;
    }
    for (uint64_t k = 0; k < n; k++)
        /* Keys differ, so that exactly n_max reach the cut, in their order in the list. */
        if (source_key(job, start + k) >= cut)
            w->at[m++] = start + k;
    return m;
}

/* A[N,N] from sparse rows; a pair stands in one of the two rows, above or below the diagonal. */
static void gather_rows(const struct job *job, struct scratch *w, uint32_t m)
{
    const struct pz_gram *g = &job->gram->rows;

    for (uint32_t i = 0; i < m; i++)
        w->place[source_of(job, w->at[i])] = (uint16_t)i;
    for (uint32_t i = 0; i < m; i++) {
        if (i + 1 < m) /* rows lie all over memory: one comes while the one before it is read */
            pz_gram_prefetch(g, source_of(job, w->at[i + 1]));
        /* Unwanted entries land in the bin column, so that the loop has no branch. */
        pz_gram_gather(g, source_of(job, w->at[i]), w->place, w->A + (size_t)i * job->stride,
                       job->stride);
    }
    for (uint32_t i = 0; i < m; i++)
        w->place[source_of(job, w->at[i])] = (uint16_t)(job->stride - 1);
    for (uint32_t i = 0; i < m; i++)
        for (uint32_t k = i + 1; k < m; k++)
            w->A[(size_t)i * job->stride + k] +=
                w->A[(size_t)k * job->stride + i]; /* one of them is 0 */
}

static void gather_square(const struct job *job, struct scratch *w, uint32_t m)
{
    size_t n = job->counts->n;

    for (uint32_t i = 0; i < m; i++) {
        const float *from = job->gram->square + n * source_of(job, w->at[i]);
        float *row = w->A + (size_t)i * job->stride;

        for (uint32_t k = i; k < m; k++)
            row[k] = from[source_of(job, w->at[k])];
    }
}

static void solve_target(const struct job *job, uint32_t j)
{
    struct scratch *w = &job->scratch[pz_par_id()];
    float min = job->boost > 1 ? job->lambda / (job->boost * job->boost) : job->lambda;
    uint32_t m;

    if (pz_cells_owner(j) != pz_ranks_id() || (job->wanted && !job->wanted[j]))
        return;
    m = choose_sources(job, j, w);
    if (job->gram->square)
        gather_square(job, w, m);
    else
        gather_rows(job, w, m);
    for (uint32_t i = 0; i < m; i++) {
        bool item = source_of(job, w->at[i]) < job->n_items;

        w->A[(size_t)i * job->stride + i] += item ? job->lambda
                                                  : job->lambda / (job->boost * job->boost);
        w->x[i] = job->counts->value[w->at[i]];
    }
    pz_trans_cholesky(w->A, m, job->stride, 0.99f * min, w->x);
    for (uint64_t k = job->counts->ptr[j]; k < job->counts->ptr[j + 1]; k++)
        job->value[k] = 0;
    for (uint32_t i = 0; i < m; i++)
        job->value[w->at[i]] = w->x[i];
}

static void scratch_free(struct scratch *w)
{
    for (int t = 0; w && t < pz_par_threads(); t++) {
        free(w[t].key);
        free(w[t].place);
        free(w[t].at);
        free(w[t].A);
        free(w[t].x);
    }
    free(w);
}

static enum pz_status scratch_new(struct job *job, uint32_t longest, struct pz_err *err)
{
    size_t n = job->counts->n;
    bool ok;

    job->scratch = pz_mem_array((size_t)pz_par_threads(), sizeof *job->scratch);
    ok = job->scratch != NULL;
    for (int t = 0; ok && t < pz_par_threads(); t++) {
        struct scratch *w = &job->scratch[t];

        w->key = pz_mem_array(longest, sizeof *w->key);
        w->place = pz_mem_array(n, sizeof *w->place);
        w->at = pz_mem_array(job->n_max, sizeof *w->at);
        w->A = pz_mem_array((size_t)job->n_max * job->stride, sizeof *w->A);
        w->x = pz_mem_array(job->n_max, sizeof *w->x);
        ok = w->key && w->place && w->at && w->A && w->x;
        for (size_t i = 0; ok && i < n; i++)
            w->place[i] = (uint16_t)(job->stride - 1);
    }
    return ok ? PZ_OK : pz_err_memory(err, "ridge systems", 4.0 * job->n_max * job->stride);
}

static uint32_t block_end(uint32_t first, uint32_t n)
{
    uint32_t block = TARGET_BLOCK * (uint32_t)pz_par_threads();

    return n - first < block ? n : first + block;
}

/* The sources of a block of targets: counts are folded. */
static uint32_t *room_for_block(const struct pz_csr *counts)
{
    uint64_t most = 0;

    for (uint32_t first = 0, end; first < counts->n; first = end) {
        end = block_end(first, counts->n);
        most = counts->ptr[end] - counts->ptr[first] > most ? counts->ptr[end] - counts->ptr[first]
                                                            : most;
    }
    return pz_mem_room(most, sizeof(uint32_t));
}

static enum pz_status run(struct job *job, struct pz_err *err)
{
    const struct pz_csr *counts = job->counts;
    uint32_t *block = counts->item ? NULL : room_for_block(counts);
    const uint8_t *at = NULL;
    enum pz_status st = counts->item || block ? PZ_OK : pz_err_memory(err, "ridge systems", 1e6);

    for (uint32_t first = 0, end; first < counts->n && st == PZ_OK; first = end) {
        end = block_end(first, counts->n);
        job->first = block ? counts->ptr[first] : 0;
        job->item = block ? block : counts->item;
        if (block)
            at = pz_csr_unfold_rows(counts, first, end, at, block);
#pragma omp parallel for schedule(dynamic, 16) num_threads(pz_par_threads())
        for (uint32_t j = first; j < end; j++)
            solve_target(job, j);
        /* Between blocks: a signal waits for one block at most, and the loop over targets has no
         * branch for it. */
        if (pz_stop_asked())
            st = pz_err_set(err, PZ_INTERRUPTED, "interrupted while solving transitions");
    }
    free(block);
    return st;
}

/* ---- the Gram matrix ---- */

/* Mark the sources of all wanted targets. */
static void mark_sources(const struct pz_csr *counts, const uint8_t *wanted, uint8_t *source)
{
    for (uint32_t j = 0; j < counts->n; j++)
        for (uint64_t k = counts->ptr[j]; wanted[j] && k < counts->ptr[j + 1]; k++)
            source[counts->item[k]] = 1;
}

/* The rows become a square. */
static enum pz_status to_square(struct gram *g, struct pz_err *err)
{
    size_t n = g->rows.n;
    struct pz_entry *row = pz_mem_room(g->rows.most, sizeof *row);

    g->square = pz_mem_array(n * n, sizeof *g->square);
    for (uint32_t i = 0; i < n && row && g->square; i++) {
        uint32_t m = pz_gram_entries(&g->rows, i, row);

        for (uint32_t k = 0; k < m; k++)
            if (row[k].value != 0)
                g->square[i * n + row[k].item] = g->square[row[k].item * n + i] = row[k].value;
    }
    free(row);
    pz_gram_clear(&g->rows);
    return row && g->square ? PZ_OK
                            : pz_err_memory(err, "the Gram matrix", 4.0 * (double)n * (double)n);
}

uint32_t pz_trans_gram_row_max(uint32_t n)
{
    uint32_t row_max = n ? GRAM_ENTRIES / n : 0;

    return row_max < GRAM_ROW_MIN ? GRAM_ROW_MIN : row_max > n ? n : row_max;
}

/* The counts are folded then: memory is at its peak. */
static enum pz_status make_gram(const struct pz_trans_view *v, struct pz_csr *counts,
                                const float *pop, const uint8_t *wanted, struct gram *g,
                                struct pz_err *err)
{
    uint32_t n = counts->n, row_max = pz_trans_gram_row_max(n);
    float *scale = pz_mem_array(n, sizeof *scale);
    uint8_t *source = wanted ? pz_mem_array(n, 1) : NULL;
    enum pz_status st = PZ_OK;

    if (!scale || (wanted && !source)) {
        st = pz_err_memory(err, "the Gram matrix", 5.0 * n);
    } else {
        for (uint32_t i = 0; i < n; i++)
            scale[i] = pop[i] > 0 ? 1 / sqrtf(pop[i]) : 0;
        if (wanted)
            mark_sources(counts, wanted, source);
        if (wanted && v->feats->n > 0) /* rows of features are sums of all their items' */
            memset(source, 1, v->n_items);
        pz_csr_fold(counts);
        st = pz_trans_gram(v, source, scale, row_max, &g->rows, err);
    }
    if (st == PZ_OK && n <= PZ_TRANS_DENSE)
        st = to_square(g, err);
    free(scale);
    free(source);
    return st;
}

/* g: what an event adds to its own diagonal entry, on average. */
static double mean_self(const struct pz_trans_view *v)
{
    int64_t all[2] = { 0, 0 }; /* the sum in units; how many */

    pz_shares_turn(v->c, all, sizeof all);
    all[1] += (int64_t)v->n;
    for (uint64_t p = 0; p < v->n; p++)
        all[0] += (int64_t)(v->unit *
                            (v->a * (double)v->target[p] + (1 - v->a) * (double)v->tail[p]));
    pz_shares_pass(v->c, all, sizeof all);
    return all[0] > 0 ? (double)all[0] / v->unit / (double)all[1] : 1;
}

enum pz_status pz_trans_solve(struct pz_trans_view *v, struct pz_csr *counts, const float *pop,
                              const uint8_t *wanted, float *value, struct pz_err *err)
{
    struct gram gram = { 0 };
    struct job job = {
        .counts = counts, .pop = pop, .wanted = wanted, .gram = &gram, .value = value
    };
    uint64_t longest = 0;
    double self = 1;
    enum pz_status st = make_gram(v, counts, pop, wanted, &gram, err);

    if (st == PZ_OK)
        self = mean_self(v);
    pz_trans_view_drop(v); /* the systems need nothing of it, and the room */
    pz_mem_trim();
    for (uint32_t j = 0; j < counts->n; j++)
        if (counts->ptr[j + 1] - counts->ptr[j] > longest)
            longest = counts->ptr[j + 1] - counts->ptr[j];
    job.n_max = (uint32_t)v->set[PZ_TRANS_NEIGHBOURS];
    job.n_max = longest < job.n_max ? (uint32_t)longest : job.n_max;
    /* At least one more than n_max: the bin column. */
    job.stride = (job.n_max + PAD) / PAD * PAD;
    job.n_items = v->n_items;
    job.lambda = (float)(v->set[PZ_TRANS_LAMBDA] * self);
    job.boost = v->set[PZ_TRANS_ATTRIBUTES] > 0 ? (float)v->set[PZ_TRANS_ATTRIBUTES] : 1;
    if (st == PZ_OK)
        st = scratch_new(&job, (uint32_t)longest, err);
    if (st == PZ_OK)
        st = run(&job, err);
    scratch_free(job.scratch);
    pz_gram_clear(&gram.rows);
    free(gram.square);
    return st == PZ_OK ? pz_csr_unfold(counts, err) : st;
}

float pz_trans_follow(const struct pz_trans *t, uint32_t j, const float *value)
{
    double solved = 0, plain = 0;

    for (uint64_t k = t->counts.ptr[j]; k < t->counts.ptr[j + 1]; k++)
        if (value[k] != 0) {
            solved += (double)value[k];
            plain += pz_trans_diagonal(t, t->counts.item[k], (double)t->counts.value[k]);
        }
    /* Where coefficients cancel, nothing is known. */
    return solved > 0 && plain > 0 ? (float)(solved / plain) : 0;
}
