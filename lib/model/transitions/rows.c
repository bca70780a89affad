/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of pair sums: one item at a time over all its positions, accumulated densely, kept sparsely.
 *
 * A row costs (positions of the item) * 2 * window additions and one array of cells a thread, so
 * nothing of size items x items ever exists: rows are made in blocks, cut to their largest entries
 * inside the parallel loop and appended in index order, which makes the result independent of the
 * number of threads.
 *
 * Floor: an addition to a cell of 8 bytes takes .8 to 1.3 ns in the second cache. A million made
 * events (69,000 users, 13,500 items) are 24 million pairs, both ways, once for the counts and once
 * for the Gram matrix, and take 15 ns each: three numbers are read, a power is looked up, two
 * products are made in double, and each position waits for its history, which is asked for ahead
 * (26 ns without).
 *
 * Selection works on 64-bit keys (bits of the non-negative float, then the complement of the item),
 * all different, so that the set kept is unique. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/par.h"
#include "base/ranks.h"
#include "base/signals.h"
#include "model/transitions/cells.h"
#include "model/transitions/transitions.h"

enum { BLOCK_ROWS_MIN = 16 };

/* ---- one row ---- */

/* Add x units, rounded to whole ones, to a cell: so the order of additions does not matter. */
static inline void add(struct pz_cells *s, uint32_t item, double x)
{
    *pz_cells_touch(s, item) += (int64_t)x;
}

/* What a row needs of its direction: weight of a pair, in units, by which of the two is earlier. */
struct direction {
    double flat, steep_before, steep_after; /* a, (1-a) when the other item is before / after */
};

/* The positions low .. high around p that pair with it. */
struct reach {
    uint64_t low, p, after, high; /* low .. p - 1 and after .. high - 1 */
    uint32_t user;
};

/* t of the later position of a pair, for users of an update less what was counted before. */
static inline double fresh_target(const struct pz_trans_view *v, uint32_t user, uint64_t later,
                                  double weight)
{
    double pair = weight * (double)v->target[later];

    return later >= v->fresh[user] ? pair : pair * (double)v->stale[user];
}

/* r^(d - nearer / 2) of two positions d apart. */
static inline double steepness(const struct pz_trans_view *v, uint64_t earlier, uint64_t later,
                               uint32_t nearer)
{
    /* 0 apart is one moment: its events have no order, and stand as far apart as they do on average
     * (`within`). */
    uint32_t twice = v->at[later] - v->at[earlier];

    twice = twice == 0 ? v->within[later] : twice;
    return (double)v->power[(twice < v->max ? twice : v->max) - nearer];
}

static void count_pairs(const struct pz_trans_view *v, const struct reach *r,
                        const struct direction *dir, struct pz_cells *s)
{
    double both = dir->steep_before + dir->steep_after; /* events of one moment: either order */

    for (uint64_t q = r->low; q < r->p; q++) {
        double steep = v->at[q] == v->at[r->p] ? both : dir->steep_before;
        double weight = dir->flat + steep * steepness(v, q, r->p, 2);

        add(s, v->item[q], fresh_target(v, r->user, r->p, weight));
    }
    for (uint64_t q = r->after; q < r->high; q++) {
        double steep = v->at[q] == v->at[r->p] ? both : dir->steep_after;
        double weight = dir->flat + steep * steepness(v, r->p, q, 2);

        add(s, v->item[q], fresh_target(v, r->user, q, weight));
    }
}

static void gram_pairs(const struct pz_trans_view *v, const struct reach *r, double factor,
                       struct pz_cells *s)
{
    /* The Gram matrix is a sum over triples, two sources before each target. All the targets after
     * the later one of a pair are in its tail T, so that one pass over pairs is enough
     * (test_transitions: the_closed_form_is_the_gram_matrix_of_histories). */
    double flat = factor * v->a, steep = factor * (1 - v->a);
    double target = flat * (double)v->target[r->p], tail = steep * (double)v->tail[r->p];

    for (uint64_t q = r->low; q < r->p; q++)
        add(s, v->item[q], target + tail * steepness(v, q, r->p, 0));
    add(s, v->item[r->p], target + tail);
    for (uint64_t q = r->p + 1; q < r->high; q++)
        add(s, v->item[q],
            flat * (double)v->target[q] + steep * (double)v->tail[q] * steepness(v, r->p, q, 0));
}

/* Cells of features from the cells of items. */
static void spread(const struct pz_trans_feats *f, struct pz_cells *s)
{
    pz_cells_list(s);
    for (uint32_t k = 0; k < s->n_touched; k++) {
        uint32_t item = s->touched[k];
        double from = (double)s->sum[item];

        for (uint64_t a = f->rows.ptr[item]; a < f->rows.ptr[item + 1]; a++)
            add(s, f->n_items + f->rows.item[a], (double)f->rows.value[a] * from);
    }
}

/* An item's positions lie all over memory, a history each: ask for those to come, first for what a
 * position knows, then for what its user does. */
static inline void prefetch(const struct pz_trans_view *v, uint64_t o, uint64_t end, bool gram)
{
    enum { FAR = 8, NEAR = 4, AROUND = 8 };

    if (o + FAR < end) {
        uint32_t p = v->occ[o + FAR], from = p < AROUND ? 0 : p - AROUND;

        __builtin_prefetch(v->user + p);
        for (uint32_t q = from; q <= from + 2 * AROUND; q += 2 * AROUND) {
            __builtin_prefetch(v->item + q);
            __builtin_prefetch(v->at + q);
            __builtin_prefetch(v->target + q);
            if (gram)
                __builtin_prefetch(v->tail + q);
        }
    }
    if (o + NEAR < end) {
        uint32_t user = v->user[v->occ[o + NEAR]];

        __builtin_prefetch(v->ptr + user);
        __builtin_prefetch(v->fresh + user);
        __builtin_prefetch(v->stale + user);
    }
}

static void row_item(const struct pz_trans_view *v, uint32_t item, double weight, bool by_target,
                     bool gram, struct pz_cells *s)
{
    double factor = weight * v->unit, steep = factor * (1 - v->a);
    struct direction dir = { factor * v->a, by_target ? steep : 0, by_target ? 0 : steep };

    for (uint64_t o = v->occ_ptr[item]; o < v->occ_ptr[item + 1]; o++) {
        uint64_t p = v->occ[o], start = v->ptr[v->user[p]], end = v->ptr[v->user[p] + 1];
        uint64_t fresh = v->fresh[v->user[p]];
        bool settled = p < fresh && v->stale[v->user[p]] == 0; /* its pairs with old ones hold */
        struct reach r = { .low = settled                 ? p
                                  : p - start > v->window ? p - v->window
                                                          : start,
                           .p = p,
                           .after = settled ? fresh : p + 1,
                           .high = end - p > v->window + 1 ? p + v->window + 1 : end,
                           .user = v->user[p] };

        prefetch(v, o, v->occ_ptr[item + 1], gram);
        if (gram)
            gram_pairs(v, &r, factor, s);
        else
            count_pairs(v, &r, &dir, s);
    }
}

/* ---- selection ---- */

uint64_t pz_trans_key(float v, uint32_t item)
{
    uint32_t bits;

    memcpy(&bits, &v, sizeof bits); /* non-negative floats order as their bits do */
    /* The complement: of equal values the lower item has the larger key. */
    return (uint64_t)bits << 32 | (uint32_t)~item;
}

uint32_t pz_trans_key_item(uint64_t key)
{
    return ~(uint32_t)key;
}

static uint64_t median3(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t low = a < b ? a : b, high = a < b ? b : a;

    return c < low ? low : c > high ? high : c;
}

uint32_t pz_trans_select(uint64_t *key, uint32_t n, uint32_t k)
{
    uint32_t left = 0, right = n;

    if (n <= k)
        return n;
    while (left < k && k < right) { /* Hoare's quickselect, descending, around place k */
        /* The median of three: lists arrive sorted by item, often with values that fall, where the
         * first key alone would make it quadratic. */
        uint64_t pivot = median3(key[left], key[left + (right - left) / 2], key[right - 1]);
        uint32_t i = left, j = right - 1;

        for (;;) {
            while (key[i] > pivot)
                i++;
            while (key[j] < pivot)
                j--;
            if (i >= j)
                break;
            uint64_t swap = key[i];

            key[i] = key[j];
            key[j] = swap;
        }
        if (k <= i) /* keys differ, so i == j here and key[i] == pivot stands in its final place */
            right = i;
        else
            left = i + 1;
    }
    return k;
}

/* ---- blocks of rows into lists ---- */

/* Growing lists. */
struct grow {
    uint64_t *ptr;
    uint32_t *item;
    float *value;
    size_t item_cap, value_cap;
};

struct job {
    const struct pz_trans_view *view;
    const float *scale;
    const struct pz_trans_old *old;
    const uint8_t *wanted;
    bool by_target, gram;
    struct pz_cells *scratch;
    struct pz_cut_rows cut; /* [block rows] */
    struct grow g;          /* the rows before the block */
};

/* The Gram row of feature a from the rows of its items, which hold all their features: pairs of
 * features only. */
static void sum_rows(const struct job *job, uint32_t a, struct pz_cells *s)
{
    const struct pz_trans_feats *f = job->view->feats;

    for (uint64_t k = f->inv_ptr[a]; k < f->inv_ptr[a + 1]; k++) {
        uint64_t first = job->g.ptr[f->inv_item[k]], e = job->g.ptr[f->inv_item[k] + 1];

        for (; e > first && job->g.item[e - 1] >= f->n_items + a; e--)
            add(s, job->g.item[e - 1],
                (double)f->inv_weight[k] * (double)job->g.value[e - 1] * job->view->unit);
    }
}

/* Whether a row is summed from rows that are there, not from events. */
static bool of_rows(const struct job *job, uint32_t row)
{
    return row >= job->view->n_items && job->gram;
}

/* Fill the cells of items of one item's or feature's (n_items + a) row: counts to it (by_target) or
 * from it, or its Gram row. */
static void count_cells(const struct job *job, uint32_t row, struct pz_cells *s)
{
    const struct pz_trans_view *v = job->view;
    const struct pz_trans_feats *f = v->feats;
    uint32_t a = row - v->n_items;

    if (row < v->n_items)
        row_item(v, row, 1, job->by_target, job->gram, s);
    for (uint64_t k = row < v->n_items ? 0 : f->inv_ptr[a];
         row >= v->n_items && k < f->inv_ptr[a + 1]; k++)
        row_item(v, f->inv_item[k], (double)f->inv_weight[k], job->by_target, false, s);
}

/* All cells of a row; those of features are sums over items of u_A times the items' cells. */
static void make_cells(const struct job *job, uint32_t row, struct pz_cells *s)
{
    if (of_rows(job, row)) {
        sum_rows(job, row - job->view->n_items, s);
        return;
    }
    count_cells(job, row, s);
    if (job->view->feats->n > 0)
        spread(job->view->feats, s);
}

static void add_old(const struct pz_trans_old *old, double unit, uint32_t item, struct pz_cells *s)
{
    uint32_t row = old->old_row[item];

    if (row == PZ_NONE)
        return;
    for (uint64_t k = old->counts->ptr[row]; k < old->counts->ptr[row + 1]; k++) {
        uint32_t other = old->new_row[old->counts->item[k]];

        if (other != PZ_NONE)
            add(s, other, unit * old->factor * (double)old->counts->value[k]);
    }
}

/* Whether nothing new was counted of a row: the old one holds. */
static bool is_untouched(const struct job *job, uint32_t row)
{
    const struct pz_trans_view *v = job->view;
    const struct pz_trans_feats *f = v->feats;

    if (row < v->n_items)
        return v->occ_ptr[row] == v->occ_ptr[row + 1];
    row -= v->n_items;
    for (uint64_t k = f->inv_ptr[row]; k < f->inv_ptr[row + 1]; k++)
        if (v->occ_ptr[f->inv_item[k]] < v->occ_ptr[f->inv_item[k] + 1])
            return false;
    return true;
}

/* The old row as it was; both dictionaries are sorted, so that entries still ascend. */
static void copy_old(const struct job *job, uint32_t row, uint32_t slot)
{
    const struct pz_csr *counts = job->old->counts;
    uint32_t from = job->old->old_row[row];
    size_t at = (size_t)slot * job->cut.keep;

    for (uint64_t k = from == PZ_NONE ? 0 : counts->ptr[from];
         from != PZ_NONE && k < counts->ptr[from + 1]; k++) {
        uint32_t other = job->old->new_row[counts->item[k]];

        if (other == PZ_NONE)
            continue;
        job->cut.item[at] = other;
        job->cut.value[at++] = (float)(job->old->factor * (double)counts->value[k]);
    }
    job->cut.count[slot] = (uint32_t)(at - (size_t)slot * job->cut.keep);
}

static double cell_value(const struct job *job, const struct pz_cells *s, uint32_t other)
{
    return (double)s->sum[other] / job->view->unit;
}

/* Whether the Gram row of an item or feature holds its pair with another: see pz_trans_gram. */
static bool holds(const struct job *job, uint32_t item, uint32_t other)
{
    float mine = job->scale[item], its = job->scale[other];

    if (item >= job->view->n_items || other >= job->view->n_items || mine == its)
        return other >= item;
    return mine > its;
}

/* The key of a cell: value * scale; the diagonal and features of a Gram row above everything; 0:
 * not kept. */
static uint64_t cell_key(const struct job *job, uint32_t item, uint32_t other,
                         const struct pz_cells *s)
{
    double v = cell_value(job, s, other);

    if (job->gram && !holds(job, item, other))
        return 0;
    if (job->gram && (other == item || (v > 0 && other >= job->view->n_items)))
        return pz_trans_key(3e38f, other);
    return v > 0 ? pz_trans_key((float)v * job->scale[other], other) : 0;
}

/* The smallest key that stays when `keep` do. */
static uint64_t least_key(const struct job *job, uint32_t item, struct pz_cells *s)
{
    uint64_t low = UINT64_MAX;
    uint32_t n = 0;

    for (uint32_t k = 0; k < s->n_touched; k++) {
        s->key[n] = cell_key(job, item, s->touched[k], s);
        n += s->key[n] > 0;
    }
    /* All stay: 1 is below every key that is kept, and 0 is no entry. */
    if (n <= job->cut.keep)
        return 1;
    pz_trans_select(s->key, n, job->cut.keep);
    for (uint32_t k = 0; k < job->cut.keep; k++)
        low = s->key[k] < low ? s->key[k] : low;
    return low;
}

static void make_row(const struct job *job, uint32_t item, uint32_t slot)
{
    struct pz_cells *s = &job->scratch[pz_par_id()];
    size_t at = (size_t)slot * job->cut.keep;
    uint64_t min;
    uint32_t n = 0;

    job->cut.count[slot] = 0;
    if (pz_cells_owner(item) != pz_ranks_id() || (job->wanted && !job->wanted[item]))
        return;
    /* A row that was cut once is not longer than `keep`: adding nothing to it comes to a copy. */
    if (job->old && is_untouched(job, item)) {
        copy_old(job, item, slot);
        return;
    }
    make_cells(job, item, s);
    if (job->old)
        add_old(job->old, job->view->unit, item, s);
    pz_cells_list(s);
    min = least_key(job, item, s);
    for (uint32_t k = 0; k < s->n_touched; k++) {
        uint32_t other = s->touched[k];

        if (cell_key(job, item, other, s) < min)
            continue;
        job->cut.item[at + n] = other;
        job->cut.value[at + n++] = (float)cell_value(job, s, other);
    }
    job->cut.count[slot] = n;
    pz_cells_reset(s);
}

static bool append_rows(struct job *job, uint32_t first, uint32_t rows)
{
    struct grow *g = &job->g;
    uint64_t n = g->ptr[first];

    for (uint32_t r = 0; r < rows; r++)
        n += job->cut.count[r];
    if (!pz_mem_grow(&g->item, &g->item_cap, n, sizeof *g->item) ||
        !pz_mem_grow(&g->value, &g->value_cap, n, sizeof *g->value))
        return false;
    for (uint32_t r = 0; r < rows; r++) {
        uint64_t at = g->ptr[first + r];

        memcpy(g->item + at, job->cut.item + (size_t)r * job->cut.keep,
               job->cut.count[r] * sizeof *g->item);
        memcpy(g->value + at, job->cut.value + (size_t)r * job->cut.keep,
               job->cut.count[r] * sizeof *g->value);
        g->ptr[first + r + 1] = at + job->cut.count[r];
    }
    return true;
}

/* Rows first .. end. */
static enum pz_status run_blocks(struct job *job, uint32_t first, uint32_t end, uint32_t block,
                                 struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (uint32_t rows; first < end && st == PZ_OK; first += rows) {
        rows = end - first < block ? end - first : block;
#pragma omp parallel for schedule(dynamic, 16) num_threads(pz_par_threads())
        for (uint32_t r = 0; r < rows; r++)
            make_row(job, first + r, r);
        if (job->gram)
            st = pz_cells_share(&job->cut, first, rows, err);
        if (st == PZ_OK && !append_rows(job, first, rows))
            st = pz_err_memory(err, "transitions", 8.0 * (double)job->g.item_cap);
        if (st == PZ_OK && pz_stop_asked())
            st = pz_err_set(err, PZ_INTERRUPTED, "interrupted while counting transitions");
    }
    return st;
}

/* Blocks of about a million entries: enough rows for all threads, little memory beside the lists
 * themselves. */
static uint32_t block_of(const struct job *job, uint32_t n)
{
    uint32_t block = PZ_TRANS_BLOCK / (job->cut.keep + 1);

    block = block < BLOCK_ROWS_MIN ? BLOCK_ROWS_MIN : block;
    return block > n ? n + 1 : block;
}

static enum pz_status take_memory(struct job *job, uint32_t n, uint32_t block, struct pz_err *err)
{
    struct grow *g = &job->g;
    struct pz_cut_rows *cut = &job->cut;

    job->scratch = pz_cells_new(n);
    g->ptr = pz_mem_array((size_t)n + 1, sizeof *g->ptr);
    cut->item = pz_mem_room((size_t)block * cut->keep, sizeof *cut->item);
    cut->value = pz_mem_room((size_t)block * cut->keep, sizeof *cut->value);
    cut->count = pz_mem_array(block, sizeof *cut->count);
    return job->scratch && g->ptr && cut->item && cut->value && cut->count &&
                   pz_mem_grow(&g->item, &g->item_cap, 1, sizeof *g->item) &&
                   pz_mem_grow(&g->value, &g->value_cap, 1, sizeof *g->value)
               ? PZ_OK
               : pz_err_memory(err, "transitions", 8.0 * block * cut->keep);
}

/* Run the job and hand over its lists. */
static enum pz_status build(struct job *job, struct pz_csr *out, struct pz_err *err)
{
    uint32_t n = job->view->n_items + job->view->feats->n, block = block_of(job, n);
    enum pz_status st = take_memory(job, n, block, err);

    if (st == PZ_OK)
        st = run_blocks(job, 0, job->view->n_items, block, err);
    if (st == PZ_OK) /* features after the items that they are summed from */
        st = run_blocks(job, job->view->n_items, n, block, err);
    pz_cells_free(job->scratch);
    free(job->cut.item);
    free(job->cut.value);
    free(job->cut.count);
    *out = pz_csr_take(n, n, job->g.ptr, job->g.item, job->g.value);
    if (st != PZ_OK)
        pz_csr_clear(out);
    return st;
}

enum pz_status pz_trans_count(const struct pz_trans_view *v, bool by_target, const float *scale,
                              const struct pz_trans_old *old, struct pz_csr *out,
                              struct pz_err *err)
{
    struct job job = { .view = v, .scale = scale, .old = old, .by_target = by_target };

    job.cut.keep = (uint32_t)v->set[PZ_TRANS_KEEP];
    return build(&job, out, err);
}

enum pz_status pz_trans_gram(const struct pz_trans_view *v, const uint8_t *wanted,
                             const float *scale, uint32_t row_max, struct pz_csr *out,
                             struct pz_err *err)
{
    struct job job = {
        .view = v, .scale = scale, .wanted = wanted, .by_target = true, .gram = true
    };

    /* Pairs with features are all kept: the rows of features are summed from them. */
    job.cut.keep = row_max + v->feats->n;
    return build(&job, out, err);
}

/* ---- transposing ---- */

/* The smallest key that stays of n entries when only row_max do; 0 when all do. */
static uint64_t cut_of(const uint32_t *item, const float *value, uint64_t n, uint32_t row_max,
                       uint64_t *key)
{
    uint64_t low = UINT64_MAX;

    if (n <= row_max)
        return 0;
    for (uint64_t k = 0; k < n; k++)
        key[k] = pz_trans_key(value[k] < 0 ? -value[k] : value[k], item[k]);
    pz_trans_select(key, (uint32_t)n, row_max);
    for (uint32_t k = 0; k < row_max; k++)
        low = key[k] < low ? key[k] : low;
    return low;
}

/* Drop, in place, what falls below the cut of its list. key: room for the longest list. */
static void cut_rows(uint64_t *ptr, uint32_t *item, float *value, uint32_t n_lists,
                     uint32_t row_max, uint64_t *key)
{
    uint64_t to = 0, from = 0;

    for (uint32_t i = 0; i < n_lists; i++) {
        uint64_t end = ptr[i + 1],
                 cut = cut_of(item + from, value + from, end - from, row_max, key);

        for (; from < end; from++) {
            float v = value[from] < 0 ? -value[from] : value[from];

            if (cut > 0 && pz_trans_key(v, item[from]) < cut)
                continue;
            item[to] = item[from];
            value[to++] = value[from];
        }
        ptr[i + 1] = to;
    }
}

static void scatter(const struct pz_csr *in, uint64_t *ptr, uint32_t *item, float *value)
{
    for (uint32_t j = in->n; j-- > 0;)
        for (uint64_t k = in->ptr[j]; k < in->ptr[j + 1]; k++) {
            uint64_t at;

            /* A coefficient of 0 is a source that was not chosen. */
            if (in->value[k] == 0)
                continue;
            at = --ptr[in->item[k]];
            item[at] = j;
            value[at] = in->value[k];
        }
}

enum pz_status pz_trans_transpose(const struct pz_csr *in, uint32_t n_out, uint32_t row_max,
                                  struct pz_csr *out, struct pz_err *err)
{
    uint64_t n = 0, *ptr = pz_mem_array((size_t)n_out + 1, sizeof *ptr);
    uint64_t *key = pz_mem_array(in->n, sizeof *key);
    uint32_t *item;
    float *value;

    for (uint64_t k = 0; ptr && k < in->ptr[in->n]; k++)
        if (in->value[k] != 0) {
            ptr[in->item[k]]++;
            n++;
        }
    for (uint32_t i = 0; ptr && i < n_out; i++)
        ptr[i + 1] += ptr[i];
    item = pz_mem_room(n, sizeof *item);
    value = pz_mem_room(n, sizeof *value);
    *out = pz_csr_take(n_out, in->n, ptr, item, value);
    if (!ptr || !key || !item || !value) {
        pz_csr_clear(out);
        free(key);
        return pz_err_memory(err, "transitions by source", 8.0 * (double)n);
    }
    scatter(in, ptr, item, value);
    cut_rows(ptr, item, value, n_out, row_max, key);
    free(key);
    return PZ_OK;
}
