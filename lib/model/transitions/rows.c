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
#include "base/simd.h"
#include "data/shares.h"
#include "model/transitions/cells.h"
#include "model/transitions/gram.h"
#include "model/transitions/transitions.h"

enum { BLOCK_ROWS_MIN = 16, SWAP_CELLS = 1 << 19 };

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
    uint64_t fresh;               /* pairs of earlier positions, of an update, count by stale */
    double stale;
    struct pz_trans_moment mine; /* that of p */
    uint32_t within;             /* twice the distance of two of its events */
};

/* t of the later position of a pair, for users of an update less what was counted before. */
static inline double fresh_target(const struct pz_trans_view *v, const struct reach *r,
                                  uint64_t later, double weight)
{
    double pair = weight * (double)v->target[later];

    return later >= r->fresh ? pair : pair * r->stale;
}

/* Twice the middle of the moment of position q. */
static inline uint64_t middle(const struct pz_trans_view *v, const struct reach *r, uint64_t q)
{
    struct pz_trans_moment m = r->mine;

    if (v->shift[q] != PZ_TRANS_FAR)
        return 2 * q + (uint64_t)v->shift[q];
    if (q < m.first || q >= m.end) /* a large one is mostly that of p */
        m = pz_trans_moment(v, q);
    return m.first + m.end;
}

/* r^(d - nearer / 2) of p and position q, d apart. */
static inline double steepness(const struct pz_trans_view *v, const struct reach *r, uint64_t q,
                               uint32_t nearer)
{
    uint64_t mine = r->mine.first + r->mine.end, its = middle(v, r, q),
             twice = q < r->p ? mine - its : its - mine;

    /* 0 apart is one moment: its events have no order, and stand as far apart as they do on
     * average. */
    twice = twice == 0 ? r->within : twice;
    return (double)v->power[(twice < v->max ? twice : v->max) - nearer];
}

static void count_pairs(const struct pz_trans_view *v, const struct reach *r,
                        const struct direction *dir, struct pz_cells *s)
{
    double both = dir->steep_before + dir->steep_after; /* events of one moment: either order */

    for (uint64_t q = r->low; q < r->p; q++) {
        double steep = q >= r->mine.first ? both : dir->steep_before;
        double weight = dir->flat + steep * steepness(v, r, q, 2);

        add(s, v->item[q], fresh_target(v, r, r->p, weight));
    }
    for (uint64_t q = r->after; q < r->high; q++) {
        double steep = q < r->mine.end ? both : dir->steep_after;
        double weight = dir->flat + steep * steepness(v, r, q, 2);

        add(s, v->item[q], fresh_target(v, r, q, weight));
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
        add(s, v->item[q], target + tail * steepness(v, r, q, 0));
    add(s, v->item[r->p], target + tail);
    for (uint64_t q = r->p + 1; q < r->high; q++)
        add(s, v->item[q],
            flat * (double)v->target[q] + steep * (double)v->tail[q] * steepness(v, r, q, 0));
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
PZ_PREFETCH void prefetch(const struct pz_trans_view *v, uint64_t o, uint64_t end, bool gram)
{
    enum { FAR = 8, NEAR = 4, AROUND = 8 };

    if (o + FAR < end) {
        uint32_t p = v->occ[o + FAR], from = p < AROUND ? 0 : p - AROUND;

        __builtin_prefetch(v->begins + p / 64);
        __builtin_prefetch(v->moments + p / 64);
        if (v->user)
            __builtin_prefetch(v->user + p);
        for (uint32_t q = from; q <= from + 2 * AROUND; q += 2 * AROUND) {
            __builtin_prefetch(v->item + q);
            __builtin_prefetch(v->shift + q);
            __builtin_prefetch(v->target + q);
            if (gram)
                __builtin_prefetch(v->tail + q);
        }
    }
    if (o + NEAR < end && v->user) {
        uint32_t user = v->user[v->occ[o + NEAR]];

        __builtin_prefetch(v->fresh + user);
        __builtin_prefetch(v->stale + user);
    }
}

static inline struct reach reach_of(const struct pz_trans_view *v, uint64_t p)
{
    uint64_t most = p + v->window + 1;
    struct reach r = { .p = p, .after = p + 1 };

    r.low = pz_trans_begin(v->begins, p, p > v->window ? p - v->window : 0);
    r.high = pz_trans_end(v->begins, p, most < v->n ? most : v->n);
    r.mine = pz_trans_moment(v, p);
    r.within = pz_trans_within(r.mine);
    if (!v->user)
        return r;
    r.fresh = v->fresh[v->user[p]];
    r.stale = (double)v->stale[v->user[p]];
    if (p < r.fresh && v->stale[v->user[p]] == 0) { /* its pairs with old ones hold */
        r.low = p;
        r.after = r.fresh;
    }
    return r;
}

static void row_item(const struct pz_trans_view *v, uint32_t item, double weight, bool by_target,
                     bool gram, struct pz_cells *s)
{
    double factor = weight * v->unit, steep = factor * (1 - v->a);
    struct direction dir = { factor * v->a, by_target ? steep : 0, by_target ? 0 : steep };

    for (uint64_t o = v->occ_ptr[item]; o < v->occ_ptr[item + 1]; o++) {
        struct reach r = reach_of(v, v->occ[o]);

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

/* Growing lists; before: NULL when it is not asked for. */
struct grow {
    uint64_t *ptr;
    uint32_t *item;
    float *value, *before;
    size_t item_cap, value_cap, before_cap;
};

struct job {
    const struct pz_trans_view *view;
    const float *scale;
    const struct pz_trans_old *old;
    const uint8_t *wanted;
    bool by_target;
    struct pz_gram *gram; /* where rows of the Gram matrix go; NULL: they are counts */
    struct pz_cells *scratch;
    struct pz_cut_rows cut; /* [block rows] */
    float *before; /* beside them, of an update that asks for it: as in struct pz_trans_old */
    struct grow g; /* the rows before the block */
    struct pz_packed *packed;  /* [block rows] for other ranks, where users are in shares */
    uint64_t *events;          /* [n_items] of all ranks, there */
    struct pz_swapped swapped; /* from other ranks */
};

/* The Gram row of feature a from the rows of its items, which hold all their features: pairs of
 * features only. */
static void sum_rows(const struct job *job, uint32_t a, struct pz_cells *s)
{
    const struct pz_trans_feats *f = job->view->feats;

    for (uint64_t k = f->inv_ptr[a]; k < f->inv_ptr[a + 1]; k++) {
        uint32_t e = pz_gram_entries(job->gram, f->inv_item[k], s->entry);

        for (; e > 0 && s->entry[e - 1].item >= f->n_items + a; e--)
            add(s, s->entry[e - 1].item,
                (double)f->inv_weight[k] * (double)s->entry[e - 1].value * job->view->unit);
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
        row_item(v, row, 1, job->by_target, job->gram != NULL, s);
    for (uint64_t k = row < v->n_items ? 0 : f->inv_ptr[a];
         row >= v->n_items && k < f->inv_ptr[a + 1]; k++)
        row_item(v, f->inv_item[k], (double)f->inv_weight[k], job->by_target, false, s);
}

/* All cells of a row; those of features are sums over items of u_A times the items' cells. */
static void make_cells(const struct job *job, uint32_t row, uint32_t slot, struct pz_cells *s)
{
    if (of_rows(job, row)) {
        sum_rows(job, row - job->view->n_items, s);
        return;
    }
    if (job->packed)
        pz_cells_merge(s, &job->swapped, slot);
    else
        count_cells(job, row, s);
    if (job->view->feats->n > 0)
        spread(job->view->feats, s);
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

/* Whether the Gram row of an item or feature holds its pair with another: see pz_trans_gram. */
static bool holds(const struct job *job, uint32_t item, uint32_t other)
{
    float mine = job->scale[item], its = job->scale[other];

    if (item >= job->view->n_items || other >= job->view->n_items || mine == its)
        return other >= item;
    return mine > its;
}

/* Append an entry to the n of a row that may stay; returns how many there are. */
static inline uint32_t append(const struct job *job, uint32_t row, struct pz_entry *to, uint32_t n,
                              struct pz_entry e)
{
    /* The diagonal of the Gram matrix always stays; what was taken back leaves nothing. */
    bool may_stay = job->gram ? holds(job, row, e.item) && (e.value > 0 || e.item == row)
                              : e.value > 0;

    to[n] = e;
    return n + may_stay;
}

/* What is left to read of an old row. */
struct old_row {
    uint64_t k, end;
};

/* The old row of a row; none is empty. */
static struct old_row old_of(const struct pz_trans_old *old, uint32_t row)
{
    uint32_t from = old ? old->old_row[row] : PZ_NONE;

    return from == PZ_NONE ? (struct old_row){ 0, 0 }
                           : (struct old_row){ old->counts->ptr[from], old->counts->ptr[from + 1] };
}

/* The item of the next old entry that there still is; PZ_NONE: there is none. */
static inline uint32_t next_old(const struct pz_trans_old *old, struct old_row *at)
{
    uint32_t item = PZ_NONE;

    while (at->k < at->end && (item = old->new_row[old->counts->item[at->k]]) == PZ_NONE)
        at->k++;
    return item;
}

/* What stood at an old entry, decayed. */
static inline float old_value(const struct pz_trans_old *old, uint64_t k)
{
    return (float)(old->factor * (double)old->counts->value[k]);
}

/* The entries of a row in ascending order: listed cells and, in an update, the old row, which
 * ascends in the new numbers, too, since dictionaries are sorted. Returns how many. */
static uint32_t join(const struct job *job, uint32_t row, struct pz_cells *s)
{
    const struct pz_trans_old *old = job->old;
    struct old_row at = old_of(old, row);
    uint32_t n = 0, was = next_old(old, &at);
    double part = 1 / job->view->unit; /* exact: the unit is a power of two */

    for (uint32_t t = 0; t < s->n_touched; t++) {
        uint32_t cell = s->touched[t];
        struct pz_entry e = { .item = cell };

        for (; was < cell; at.k++, was = next_old(old, &at))
            n = append(job, row, s->entry, n,
                       (struct pz_entry){ was, old_value(old, at.k), old_value(old, at.k) });
        if (was == cell) {
            e.before = old_value(old, at.k++);
            was = next_old(old, &at);
        }
        e.value = (float)((double)e.before + (double)s->sum[cell] * part);
        n = append(job, row, s->entry, n, e);
    }
    for (; was != PZ_NONE; at.k++, was = next_old(old, &at))
        n = append(job, row, s->entry, n,
                   (struct pz_entry){ was, old_value(old, at.k), old_value(old, at.k) });
    return n;
}

/* By its value * scale, the diagonal and features of a Gram row above everything. */
static uint64_t entry_key(const struct job *job, uint32_t row, const struct pz_entry *e)
{
    if (job->gram && (e->item == row || e->item >= job->view->n_items))
        return pz_trans_key(3e38f, e->item);
    return pz_trans_key(e->value * job->scale[e->item], e->item);
}

/* The smallest key that stays of n entries when `keep` do; 0: all do. */
static uint64_t least_key(const struct job *job, uint32_t row, struct pz_cells *s, uint32_t n)
{
    uint64_t low = UINT64_MAX;

    if (n <= job->cut.keep)
        return 0;
    for (uint32_t k = 0; k < n; k++)
        s->key[k] = entry_key(job, row, &s->entry[k]);
    pz_trans_select(s->key, n, job->cut.keep);
    for (uint32_t k = 0; k < job->cut.keep; k++)
        low = s->key[k] < low ? s->key[k] : low;
    return low;
}

/* The entries that stay, into the slot's row. */
static void cut_row(const struct job *job, uint32_t row, struct pz_cells *s, uint32_t n,
                    uint32_t slot)
{
    const struct pz_cut_rows *cut = &job->cut;
    size_t first = (size_t)slot * cut->keep, at = first;
    uint64_t min = least_key(job, row, s, n);

    for (uint32_t k = 0; k < n; k++) {
        const struct pz_entry *e = &s->entry[k];

        if (min > 0 && entry_key(job, row, e) < min)
            continue;
        cut->item[at] = e->item;
        cut->value[at] = e->value;
        if (job->before)
            job->before[at] = e->before;
        at++;
    }
    cut->count[slot] = (uint32_t)(at - first);
}

/* The old row as it was: one that was cut is not longer than `keep`. */
static void copy_old(const struct job *job, uint32_t row, uint32_t slot)
{
    const struct pz_trans_old *old = job->old;
    struct old_row at = old_of(old, row);
    size_t first = (size_t)slot * job->cut.keep, n = 0;

    for (uint32_t was = next_old(old, &at); was != PZ_NONE && n < job->cut.keep;
         at.k++, was = next_old(old, &at)) {
        job->cut.item[first + n] = was;
        job->cut.value[first + n++] = old_value(old, at.k);
    }
    if (job->before)
        memset(job->before + first, 0, n * sizeof *job->before);
    job->cut.count[slot] = (uint32_t)n;
}

static void make_row(const struct job *job, uint32_t row, uint32_t slot)
{
    struct pz_cells *s = &job->scratch[pz_par_id()];

    job->cut.count[slot] = 0;
    if (pz_cells_owner(row) != pz_ranks_id() || (job->wanted && !job->wanted[row]))
        return;
    if (job->old && is_untouched(job, row)) {
        copy_old(job, row, slot);
        return;
    }
    make_cells(job, row, slot, s);
    pz_cells_list(s);
    cut_row(job, row, s, join(job, row, s), slot);
    pz_cells_reset(s);
}

/* The cut rows of an array of `block`, behind each other. */
static void lay(const struct job *job, const void *block, void *to, uint32_t rows)
{
    enum { BYTES = 4 };
    char *at = to;

    for (uint32_t r = 0; r < rows; r++) {
        size_t n = (size_t)job->cut.count[r] * BYTES;

        memcpy(at, (const char *)block + (size_t)r * job->cut.keep * BYTES, n);
        at += n;
    }
}

static bool append_rows(struct job *job, uint32_t first, uint32_t rows)
{
    struct grow *g = &job->g;
    uint64_t from = g->ptr[first], n = from;

    for (uint32_t r = 0; r < rows; r++)
        g->ptr[first + r + 1] = n += job->cut.count[r];
    if (!pz_mem_grow(&g->item, &g->item_cap, n, sizeof *g->item) ||
        !pz_mem_grow(&g->value, &g->value_cap, n, sizeof *g->value) ||
        (job->before && !pz_mem_grow(&g->before, &g->before_cap, n, sizeof *g->before)))
        return false;
    lay(job, job->cut.item, g->item + from, rows);
    lay(job, job->cut.value, g->value + from, rows);
    if (job->before)
        lay(job, job->before, g->before + from, rows);
    return true;
}

/* Rows before `end` are made: nobody reads the old rows before that of the next one again. */
static void give_back(const struct pz_trans_old *old, uint32_t end, uint32_t n_items)
{
    while (end < n_items && old->old_row[end] == PZ_NONE)
        end++;
    if (end < n_items && old->table)
        pz_trans_give_back_counts(old->table, old->counts->ptr[old->old_row[end]]);
}

/* ---- users in shares ---- */

/* Make zero what the row does not hold. */
static void drop_unheld(const struct job *job, uint32_t row, struct pz_cells *s)
{
    for (uint32_t k = 0; k < s->n_touched; k++)
        if (!holds(job, row, s->touched[k]))
            s->sum[s->touched[k]] = 0;
}

static bool pack_row(const struct job *job, uint32_t row, uint32_t slot)
{
    struct pz_cells *s = &job->scratch[pz_par_id()];
    bool ok;

    if (!job->wanted || job->wanted[row])
        count_cells(job, row, s);
    pz_cells_list(s);
    if (job->gram && job->view->feats->n == 0) /* with features what is dropped is in their sums */
        drop_unheld(job, row, s);
    ok = pz_cells_pack(s, &job->packed[slot]);
    pz_cells_reset(s);
    return ok;
}

/* What the users of all ranks add to the rows of a block, to those who have the rows. */
static enum pz_status swap_rows(struct job *job, uint32_t first, uint32_t rows, struct pz_err *err)
{
    int failed = 0;

#pragma omp parallel for schedule(dynamic, 16) num_threads(pz_par_threads()) reduction(+ : failed)
    for (uint32_t r = 0; r < rows; r++)
        failed += !pack_row(job, first + r, r);
    return failed ? pz_err_memory(err, "rows for other ranks", 12.0 * job->view->n_items)
                  : pz_cells_swap(job->packed, first, rows, &job->swapped, err);
}

/* Rows of a block from `first` on: where they go to other ranks, as many as have few enough
 * pairs. */
static uint32_t rows_of_block(const struct job *job, uint32_t first, uint32_t end, uint32_t block)
{
    const struct pz_trans_view *v = job->view;
    double pairs = 0;
    uint32_t r = 0;

    end = end - first < block ? end : first + block;
    for (; job->packed && first + r < end && (r == 0 || pairs < SWAP_CELLS); r++)
        pairs += first + r < v->n_items
                     ? fmin(2.0 * v->window * (double)job->events[first + r], v->n_items)
                     : v->n_items;
    return job->packed ? r : end - first;
}

/* What users in shares need. */
static enum pz_status take_packed(struct job *job, uint32_t block, struct pz_err *err)
{
    const struct pz_trans_view *v = job->view;

    if (!v->c->all_ptr)
        return PZ_OK;
    job->packed = pz_mem_array(block, sizeof *job->packed);
    job->events = pz_mem_array(v->n_items, sizeof *job->events);
    if (!job->packed || !job->events)
        return pz_err_memory(err, "rows for other ranks", 8.0 * v->n_items);
    pz_shares_turn(v->c, job->events, v->n_items * sizeof *job->events);
    for (uint32_t i = 0; i < v->n_items; i++)
        job->events[i] += v->occ_ptr[i + 1] - v->occ_ptr[i];
    pz_shares_pass(v->c, job->events, v->n_items * sizeof *job->events);
    return PZ_OK;
}

/* ---- all rows ---- */

/* Rows first .. end. */
static enum pz_status run_blocks(struct job *job, uint32_t first, uint32_t end, uint32_t block,
                                 struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (uint32_t rows; first < end && st == PZ_OK; first += rows) {
        rows = rows_of_block(job, first, end, block);
        if (job->packed && !of_rows(job, first))
            st = swap_rows(job, first, rows, err);
        if (st != PZ_OK)
            break;
#pragma omp parallel for schedule(dynamic, 16) num_threads(pz_par_threads())
        for (uint32_t r = 0; r < rows; r++)
            make_row(job, first + r, r);
        pz_swapped_clear(&job->swapped);
        if (job->gram)
            st = pz_gram_append(job->gram, &job->cut, first, rows, err);
        else if (!append_rows(job, first, rows))
            st = pz_err_memory(err, "transitions", 8.0 * (double)job->g.item_cap);
        if (st == PZ_OK && job->old)
            give_back(job->old, first + rows, job->view->n_items);
        if (job->gram && end == job->view->n_items) /* nothing is counted after the matrix */
            pz_mem_give_back(job->view->occ, job->view->occ_ptr[first + rows],
                             sizeof *job->view->occ);
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

/* Begin an array of entries of the own among n rows, with room for about all of them in large
 * pages: in an update a little more than there were, else whole rows. */
static bool take_room(void *array, size_t *cap, const struct job *job, uint32_t n_rows)
{
    enum { BYTES = 4 };
    const struct pz_csr *old = job->old ? job->old->counts : NULL;
    size_t own_rows = n_rows / (uint32_t)pz_ranks_n() + 1,
           n = old ? (size_t)old->ptr[old->n] / 8 * 9 + 1 : own_rows * job->cut.keep;
    void *p = old ? pz_mem_room(n, BYTES) : pz_mem_reserve(n, BYTES);

    if (!p)
        return pz_mem_grow(array, cap, 1, BYTES);
    *cap = n;
    memcpy(array, &p, sizeof p); /* of whatever type */
    return true;
}

/* What a block of rows takes. */
static enum pz_status take_block(struct job *job, uint32_t n, uint32_t block, struct pz_err *err)
{
    struct pz_cut_rows *cut = &job->cut;

    job->scratch = pz_cells_new(n);
    cut->item = pz_mem_room((size_t)block * cut->keep, sizeof *cut->item);
    cut->value = pz_mem_room((size_t)block * cut->keep, sizeof *cut->value);
    cut->count = pz_mem_array(block, sizeof *cut->count);
    return job->scratch && cut->item && cut->value && cut->count
               ? PZ_OK
               : pz_err_memory(err, "transitions", 8.0 * block * cut->keep);
}

/* What the lists of counts take, and begin with. */
static enum pz_status take_lists(struct job *job, uint32_t n, uint32_t block, struct pz_err *err)
{
    struct grow *g = &job->g;
    bool ok;

    g->ptr = pz_mem_array((size_t)n + 1, sizeof *g->ptr);
    ok = g->ptr && take_room(&g->item, &g->item_cap, job, n) &&
         take_room(&g->value, &g->value_cap, job, n);
    if (ok && job->old && job->old->before) {
        job->before = pz_mem_room((size_t)block * job->cut.keep, sizeof *job->before);
        ok = job->before && take_room(&g->before, &g->before_cap, job, n);
    }
    return ok ? PZ_OK : pz_err_memory(err, "transitions", 8.0 * n);
}

/* Make all rows, in blocks. */
static enum pz_status build(struct job *job, struct pz_err *err)
{
    uint32_t n = job->view->n_items + job->view->feats->n, block = block_of(job, n);
    enum pz_status st = take_block(job, n, block, err);

    if (st == PZ_OK)
        st = take_packed(job, block, err);
    if (st == PZ_OK)
        st = job->gram ? pz_gram_begin(job->gram, n, job->cut.keep, err)
                       : take_lists(job, n, block, err);
    if (st == PZ_OK)
        st = run_blocks(job, 0, job->view->n_items, block, err);
    if (st == PZ_OK) /* features after the items that they are summed from */
        st = run_blocks(job, job->view->n_items, n, block, err);
    pz_cells_free(job->scratch);
    for (uint32_t r = 0; job->packed && r < block; r++)
        free(job->packed[r].data);
    free(job->packed);
    free(job->events);
    pz_swapped_clear(&job->swapped);
    free(job->cut.item);
    free(job->cut.value);
    free(job->cut.count);
    free(job->before);
    return st;
}

enum pz_status pz_trans_count(const struct pz_trans_view *v, bool by_target, const float *scale,
                              const struct pz_trans_old *old, struct pz_csr *out,
                              struct pz_err *err)
{
    struct job job = { .view = v, .scale = scale, .old = old, .by_target = by_target };
    uint32_t n = v->n_items + v->feats->n;
    enum pz_status st;

    job.cut.keep = (uint32_t)v->set[PZ_TRANS_KEEP];
    st = build(&job, err);
    if (st == PZ_OK) {
        pz_mem_fit(&job.g.item, job.g.ptr[n], sizeof *job.g.item);
        pz_mem_fit(&job.g.value, job.g.ptr[n], sizeof *job.g.value);
        pz_mem_fit(&job.g.before, job.g.ptr[n], sizeof *job.g.before);
    }
    *out = pz_csr_take(n, n, job.g.ptr, job.g.item, job.g.value);
    if (st != PZ_OK)
        pz_csr_clear(out);
    if (old && old->before)
        *old->before = job.g.before; /* NULL without */
    return st;
}

enum pz_status pz_trans_gram(const struct pz_trans_view *v, const uint8_t *wanted,
                             const float *scale, uint32_t row_max, struct pz_gram *out,
                             struct pz_err *err)
{
    struct job job = {
        .view = v, .scale = scale, .wanted = wanted, .by_target = true, .gram = out
    };
    enum pz_status st;

    /* Pairs with features are all kept: the rows of features are summed from them. */
    job.cut.keep = row_max + v->feats->n;
    st = build(&job, err);
    if (st == PZ_OK)
        pz_gram_fit(out);
    else
        pz_gram_clear(out);
    return st;
}
