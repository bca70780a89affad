/* SPDX-License-Identifier: Apache-2.0 */
/* A delta added to transitions: new part = old counts + the pairs that new interactions make.
 *
 *   1. popularity and old counts decay to the new newest time; the new interactions' weights are
 *      added
 *   2. pairs with at least one new position are counted over the users that have new ones, added to
 *      the old rows and cut again (with user_norm, pairs of old positions count with the change of
 *      their user's factor); what a user's late events put out of order is taken back and counted
 *      again (view.c). Rows that nothing was added to are copied. Apart from what cutting dropped
 *      these are the counts of a new fit
 *   3. the ridge's coefficients follow their counts by one step of a diagonal solver from where
 *      they stand: db = k dC / (pop + lambda), with k what relates the two in the row as it was
 *      solved (`follow`), in a new row the mean of all. The systems themselves, which need the Gram
 *      matrix of the whole corpus, are solved again for the targets whose counts have changed by
 *      more than SOLVE_BOUND since they were, the most changed first, while the positions of their
 *      sources stay within SOLVE_PER_NEW times those of the delta; others wait, their change is
 *      remembered in `due`
 *
 * The repeat curve and the trend are those of the whole corpus. Items that are left out go with
 * their rows and columns; what was counted across them, of the items around, stays. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/simd.h"
#include "model/transitions/transitions.h"

/* A target is solved again when this share of its counts is new since it was. */
static const float SOLVE_BOUND = 0.1f;

/* Positions that may be read for the sources of targets solved again, for each new one. */
enum { SOLVE_PER_NEW = 5 };

/* Below so many interactions in all, every target whose counts changed is solved again: that takes
 * a tenth of a second (Deskdrop by day, nDCG@25 of the first two days: .104 and .071, as of a full
 * training, where the budget alone gives .100 and .067). */
enum { SOLVE_ALL_BELOW = 75000 };

/* Nanoseconds for an item and an event where all systems are solved, and for an item and a new
 * event where they are not: on six sets of 60,000 to 500,000 events with 1 % new. */
static const double SOLVED_NS = 32000, READ_NS = 800, ITEM_NS = 2500, NEW_NS = 10000;

struct pz_fit_cost pz_trans_update_cost(const struct pz_update_size *size)
{
    bool all = size->n_events < SOLVE_ALL_BELOW;
    double rows = size->n_items < PZ_TRANS_DENSE ? size->n_items : PZ_TRANS_DENSE;
    struct pz_fit_cost c = { .beside = all ? 4 * rows * rows : 0 };

    c.work_ns = all ? SOLVED_NS * size->n_items + READ_NS * size->n_events
                    : ITEM_NS * size->n_items + NEW_NS * size->n_new;
    return c;
}

struct merge {
    const struct pz_trans *old;
    const struct pz_corpus *c;
    const struct pz_delta *delta;
    uint32_t *old_row; /* [items + features] of the new part -> the old, or PZ_NONE */
    uint32_t *new_row; /* [items + features] of the old part -> the new, or PZ_NONE: left out */
    double factor;     /* decay from the old newest time to the new */
    struct pz_trans_view v; /* of the delta */
    float *value;           /* [entries of the new counts] of touched rows, else 0: see below */
    struct pz_trans *t;
};

/* Numbers of items and features, old and new. */
static enum pz_status match_rows(struct merge *m, struct pz_err *err)
{
    const struct pz_trans_feats *was = &m->old->feats, *is = &m->t->feats;
    uint32_t n_old = m->old->n_items + was->n, n_new = m->c->n_items + is->n;

    m->old_row = pz_mem_array(n_new, sizeof *m->old_row);
    m->new_row = pz_mem_array(n_old, sizeof *m->new_row);
    if (!m->old_row || !m->new_row)
        return pz_err_memory(err, "transitions", 8.0 * n_new);
    /* PZ_NONE is all ones. */
    memset(m->old_row, 0xff, n_new * sizeof *m->old_row);
    memset(m->new_row, 0xff, n_old * sizeof *m->new_row);
    for (uint32_t i = 0; i < m->c->n_items; i++)
        m->old_row[i] = m->delta->old_item[i];
    for (uint32_t a = 0; a < is->n; a++) {
        size_t len;
        const char *name = pz_dict_get(&is->names, a, &len);
        uint32_t k = was->n ? pz_dict_find(&was->names, name, len) : PZ_NONE;

        m->old_row[m->c->n_items + a] = k == PZ_NONE ? PZ_NONE : m->old->n_items + k;
    }
    for (uint32_t i = 0; i < n_new; i++)
        if (m->old_row[i] != PZ_NONE)
            m->new_row[m->old_row[i]] = i;
    return PZ_OK;
}

/* Users who count again as a whole had weight already. */
static void take_back_pop(struct merge *m)
{
    const struct pz_corpus *back = m->delta->taken_back;

    for (uint64_t p = 0; back && p < back->ptr[back->n_users]; p++) {
        double age = (double)(m->c->newest - pz_corpus_time(back, p));
        float left = m->t->own_pop[back->item[p]] -
                     pz_weight_damp(back->weight[p], back->event_power) *
                         (float)pz_trans_decay(m->t->set, age);

        /* Taking back what was added in float may leave a little less than nothing. */
        m->t->own_pop[back->item[p]] = left > 0 ? left : 0;
    }
}

static enum pz_status begin(struct merge *m, struct pz_err *err)
{
    const struct pz_corpus *c = m->c;
    struct pz_trans *t = m->t = calloc(1, sizeof *t);
    const struct pz_attrs *attrs = m->old->set[PZ_TRANS_ATTRIBUTES] > 0 ? c->item_attrs : NULL;
    enum pz_status st = PZ_OK;

    if (!t)
        return pz_err_memory(err, "transitions", sizeof *t);
    memcpy(t->set, m->old->set, sizeof t->set);
    t->n_items = c->n_items;
    t->ordered = c->ordered;
    t->newest = c->newest > m->old->newest ? c->newest : m->old->newest;
    m->factor = pz_trans_decay(t->set, (double)(t->newest - m->old->newest));
    st = pz_trans_feats_make(attrs, c->n_items, m->old->feats.n ? &m->old->feats : NULL,
                             m->delta->old_item, &t->feats, err);
    t->pop = t->own_pop = pz_mem_array((size_t)c->n_items + t->feats.n, sizeof *t->own_pop);
    t->repeat = t->own_repeat = pz_mem_array(PZ_TRANS_LAGS, sizeof *t->own_repeat);
    t->trend = t->own_trend = pz_mem_array(c->n_items, sizeof *t->own_trend);
    if (st == PZ_OK && (!t->own_pop || !t->own_repeat || !t->own_trend))
        st = pz_err_memory(err, "transitions", 8.0 * c->n_items);
    if (st == PZ_OK)
        st = match_rows(m, err);
    if (st == PZ_OK)
        st = pz_trans_trend(c, t->own_trend, err);
    if (st != PZ_OK)
        return st;
    for (uint32_t i = 0; i < c->n_items; i++)
        if (m->delta->old_item[i] != PZ_NONE)
            t->own_pop[i] = (float)(m->factor * (double)m->old->pop[m->delta->old_item[i]]);
    take_back_pop(m);
    pz_trans_repeat(c, t->own_repeat);
    return pz_trans_pop(c, t->set, m->delta->first_new, &t->feats, t->own_pop, err);
}

static enum pz_status add_counts(struct merge *m, struct pz_err *err)
{
    struct pz_trans *t = m->t;
    bool ridge = t->set[PZ_TRANS_RIDGE] > 0;
    struct pz_trans_old old = { .counts = &m->old->counts,
                                .old_row = m->old_row,
                                .new_row = m->new_row,
                                .factor = m->factor,
                                .table = m->delta->old_table,
                                .before = ridge ? &m->value : NULL };
    uint32_t rows = t->n_items + t->feats.n;
    float *scale = pz_mem_array(rows, sizeof *scale);
    enum pz_status st = scale ? PZ_OK : pz_err_memory(err, "transitions", 4.0 * rows);

    if (st == PZ_OK)
        st = pz_trans_view_init(&m->v, m->c, t->set, &t->feats, m->delta, err);
    if (st == PZ_OK) {
        pz_trans_fill_scale(t->pop, rows, ridge ? 0.5 : t->set[PZ_TRANS_TARGET_NORM], scale);
        st = pz_trans_count(&m->v, ridge, scale, &old, &t->counts, err);
    }
    if (st == PZ_OK)
        st = pz_trans_gather(&t->counts, ridge ? &m->value : NULL, false, err);
    free(scale);
    return st;
}

/* ---- coefficients ----
 *
 * merge.value, at the places of the new counts, of rows whose counts changed: the old count; of
 * rows solved again soon the coefficient, of others what it changes by; at last what there was
 * no coefficient of before. Old coefficients are read when all is solved, so that they do not
 * stand beside the Gram matrix. */

struct step {
    struct merge *m;
    uint8_t *touched; /* [rows] */
    float *change;    /* [rows] share of a row's counts that is new since it was solved */
    uint8_t *wanted;  /* [rows] targets that are solved again */
    uint32_t *order;  /* [n_order] targets that may be, the most changed first */
    uint32_t n_order;
    uint64_t *place;    /* [rows] a place in each row */
    struct pz_csr coef; /* of the old part; borrowed */
    float *own_coef;    /* its values, to be changed in place */
    float *copied;      /* the same where they are to be freed */
};

static void mark_touched(struct step *s)
{
    const struct pz_trans_view *v = &s->m->v;

    for (uint32_t i = 0; i < v->n_items; i++)
        s->touched[i] = v->occ_ptr[i] < v->occ_ptr[i + 1];
    for (uint32_t a = 0; a < v->feats->n; a++)
        for (uint64_t k = v->feats->inv_ptr[a]; k < v->feats->inv_ptr[a + 1]; k++)
            s->touched[v->n_items + a] |= s->touched[v->feats->inv_item[k]];
}

/* How much is new in each touched row. */
static void measure_change(struct step *s)
{
    const struct pz_csr *now = &s->m->t->counts;

    for (uint32_t j = 0; j < now->n; j++) {
        double before = 0, after = 0;

        for (uint64_t k = now->ptr[j]; s->touched[j] && k < now->ptr[j + 1]; k++) {
            before += (double)s->m->value[k];
            after += (double)now->value[k];
        }
        s->change[j] += after > before ? (float)((after - before) / after) : 0;
    }
}

static int most_changed(const void *x, const void *y, void *change)
{
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    const float *c = change;

    return c[a] > c[b] ? -1 : c[a] < c[b] ? 1 : a < b ? -1 : a > b;
}

/* Positions that the delta counts. */
static uint64_t count_new(const struct merge *m)
{
    uint64_t n = 0;

    for (uint32_t u = 0; u < m->c->n_users; u++)
        n += m->c->ptr[u + 1] - m->delta->first_new[u];
    return n;
}

/* The targets to be solved again. Returns how many. occurs: [rows] positions of an item */
static uint32_t choose_targets(struct step *s, const uint64_t *occurs, uint8_t *source)
{
    const struct pz_csr *now = &s->m->t->counts;
    bool all = s->m->c->ptr[s->m->c->n_users] < SOLVE_ALL_BELOW;
    uint64_t budget = all ? UINT64_MAX : SOLVE_PER_NEW * count_new(s->m);
    uint32_t n = 0;

    for (uint32_t j = 0; j < s->m->t->n_items; j++)
        if (s->change[j] > (all ? 0 : SOLVE_BOUND))
            s->order[s->n_order++] = j;
    qsort_r(s->order, s->n_order, sizeof *s->order, most_changed, s->change);
    for (uint32_t o = 0; o < s->n_order && (all || s->m->t->feats.n == 0); o++) {
        uint32_t j = s->order[o];
        uint64_t cost = 0;

        for (uint64_t k = now->ptr[j]; k < now->ptr[j + 1]; k++)
            cost += source[now->item[k]] ? 0 : occurs[now->item[k]];
        /* Not the end: a cheaper target further down may still fit. */
        if (cost > budget)
            continue;
        budget -= cost;
        for (uint64_t k = now->ptr[j]; k < now->ptr[j + 1]; k++)
            source[now->item[k]] = 1;
        s->wanted[j] = 1;
        n++;
    }
    return n;
}

static enum pz_status solve_chosen(struct step *s, struct pz_err *err)
{
    struct pz_trans *t = s->m->t;
    const struct pz_corpus *c = s->m->c;
    struct pz_trans_view all = { 0 };
    uint8_t *source = pz_mem_array(t->counts.n, 1);
    uint64_t *occurs = pz_mem_array(t->counts.n, sizeof *occurs);
    enum pz_status st = source && occurs
                            ? PZ_OK
                            : pz_err_memory(err, "ridge coefficients", 9.0 * t->counts.n);

    for (uint64_t p = 0; st == PZ_OK && p < c->ptr[c->n_users]; p++)
        occurs[c->item[p]]++;
    if (st == PZ_OK && choose_targets(s, occurs, source) > 0) {
        st = pz_trans_view_init(&all, c, t->set, &t->feats, NULL, err);
        if (st == PZ_OK)
            st = pz_trans_solve(&all, &t->counts, t->pop, s->wanted, s->m->value, err);
        if (st == PZ_OK)
            st = pz_trans_gather(&t->counts, &s->m->value, false, err);
        pz_trans_view_clear(&all);
    }
    /* Change that waits adds up over updates (change begins with the old due), so that a target
     * which changes a little every day is solved one day, too. */
    for (uint32_t j = 0; st == PZ_OK && j < t->counts.n; j++) {
        t->own_due[j] = s->wanted[j] ? 0 : s->change[j];
        if (s->wanted[j])
            t->own_follow[j] = pz_trans_follow(t, j, s->m->value);
        /* One that waited may be solved in an update that does not touch it: its old coefficients
         * go. */
        s->touched[j] |= s->wanted[j];
    }
    free(source);
    free(occurs);
    return st;
}

/* The mean of how much coefficients follow counts, for rows that were never solved. */
static float mean_follow(const struct pz_trans *t)
{
    double sum = 0;
    uint32_t n = 0;

    for (uint32_t j = 0; j < t->counts.n; j++) {
        sum += (double)t->follow[j];
        n += t->follow[j] > 0;
    }
    return n > 0 ? (float)(sum / n) : 0;
}

/* What one step changes in the touched rows that were not solved. */
static void follow_counts(struct step *s)
{
    const struct pz_trans *t = s->m->t;
    const struct pz_csr *now = &t->counts;
    float *value = s->m->value, mean = mean_follow(t);

    for (uint32_t j = 0; j < now->n; j++) {
        double k = (double)(t->follow[j] > 0 ? t->follow[j] : mean);

        if (!s->touched[j] || s->wanted[j])
            continue;
        for (uint64_t e = now->ptr[j]; e < now->ptr[j + 1]; e++)
            value[e] = (float)(k * pz_trans_diagonal(t, now->item[e],
                                                     (double)now->value[e] - (double)value[e]));
    }
}

/* Ask for what coefficients further on need: each target has its place somewhere else. */
PZ_PREFETCH void prefetch(const struct step *s, uint64_t k, uint64_t end)
{
    enum { FAR = 32, NEAR = 16 };
    const struct merge *m = s->m;
    uint32_t j = k + FAR < end ? m->new_row[s->coef.item[k + FAR]] : PZ_NONE;

    if (j != PZ_NONE)
        __builtin_prefetch(s->place + j);
    j = k + NEAR < end ? m->new_row[s->coef.item[k + NEAR]] : PZ_NONE;
    if (j != PZ_NONE && s->touched[j]) {
        __builtin_prefetch(m->t->counts.item + s->place[j]);
        __builtin_prefetch(m->value + s->place[j]);
    }
}

/* Bring old coefficient k, of a touched target, up to date where it is; what merge.value keeps is
 * new. */
static inline void take_step(struct step *s, uint32_t source, uint32_t target, uint64_t k)
{
    const struct pz_csr *now = &s->m->t->counts;
    uint64_t at = s->place[target], end = now->ptr[target + 1];
    float *value = s->m->value;

    while (at < end && now->item[at] < source)
        at++;
    s->place[target] = at;
    if (at < end && now->item[at] == source) {
        s->own_coef[k] = value[at] + (s->wanted[target] ? 0 : s->own_coef[k]);
        value[at] = 0;
    } else {
        s->own_coef[k] = 0; /* its count is no more */
    }
}

/* Sources come in ascending order, so that a place in each row only moves on. */
static void take_steps(struct step *s)
{
    const struct merge *m = s->m;
    const struct pz_csr *coef = &s->coef;

    memcpy(s->place, m->t->counts.ptr, m->t->counts.n * sizeof *s->place);
    for (uint32_t b = 0; b < coef->n; b++) {
        uint32_t source = m->new_row[b];

        for (uint64_t k = coef->ptr[b]; source != PZ_NONE && k < coef->ptr[b + 1]; k++) {
            uint32_t j = m->new_row[coef->item[k]];

            prefetch(s, k, coef->ptr[coef->n]);
            if (j != PZ_NONE && s->touched[j])
                take_step(s, source, j, k);
        }
    }
}

/* Row b of the coefficients by source: old and fresh ones; both ascend. */
static uint64_t merge_row(const struct step *s, uint32_t b, const struct pz_csr *fresh,
                          uint32_t *item, float *value)
{
    const struct merge *m = s->m;
    uint32_t from = m->old_row[b];
    uint64_t k = from == PZ_NONE ? 0 : s->coef.ptr[from],
             end = from == PZ_NONE ? 0 : s->coef.ptr[from + 1];
    uint64_t f = fresh->ptr[b], n = 0;

    for (; k < end; k++) {
        uint32_t j = m->new_row[s->coef.item[k]];

        if (j == PZ_NONE || s->own_coef[k] == 0)
            continue;
        for (; f < fresh->ptr[b + 1] && fresh->item[f] < j; f++) {
            item[n] = fresh->item[f];
            value[n++] = fresh->value[f];
        }
        item[n] = j;
        value[n++] = s->own_coef[k];
    }
    for (; f < fresh->ptr[b + 1]; f++) {
        item[n] = fresh->item[f];
        value[n++] = fresh->value[f];
    }
    return n;
}

/* The old coefficients are read for the last time, in order; what was read goes back. */
static void merge_rows(const struct step *s, const struct pz_csr *fresh, uint64_t *ptr,
                       uint32_t *item, float *value)
{
    enum { TOGETHER = 64 };
    const struct merge *m = s->m;

    for (uint32_t b = 0; b < fresh->n; b++) {
        ptr[b + 1] = ptr[b] + merge_row(s, b, fresh, item + ptr[b], value + ptr[b]);
        if (b % TOGETHER == 0 && b < m->c->n_items && m->old_row[b] != PZ_NONE &&
            m->delta->old_table)
            pz_trans_give_back_coef(m->delta->old_table, s->coef.ptr[m->old_row[b]]);
    }
}

/* The coefficients of untouched targets as they were, those of touched ones from merge.value. */
static enum pz_status join_coefficients(struct step *s, struct pz_err *err)
{
    struct pz_trans *t = s->m->t;
    struct pz_csr solved = t->counts, fresh = { 0 };
    uint64_t max = 0, *ptr = pz_mem_array((size_t)t->counts.n + 1, sizeof *ptr);
    uint32_t *item = NULL;
    float *value = NULL;
    enum pz_status st;

    take_steps(s);
    solved.value = s->m->value;
    st = pz_trans_transpose(&solved, t->counts.n, PZ_TRANS_ROW_MAX, &fresh, err);
    if (st == PZ_OK) {
        free(s->m->value); /* its room is for what is made of it */
        s->m->value = NULL;
        max = s->coef.ptr[s->coef.n] + fresh.ptr[fresh.n];
        item = pz_mem_room(max, sizeof *item);
        value = pz_mem_room(max, sizeof *value);
    }
    if (st == PZ_OK && (!ptr || !item || !value))
        st = pz_err_memory(err, "ridge coefficients", 8.0 * (double)max);
    if (st == PZ_OK)
        merge_rows(s, &fresh, ptr, item, value);
    pz_csr_clear(&fresh);
    t->coef = pz_csr_take(t->counts.n, t->counts.n, ptr, item, value);
    return st == PZ_OK ? pz_trans_cut_rows(&t->coef, PZ_TRANS_ROW_MAX, err) : st;
}

/* The old coefficients, their values as a copy. */
static enum pz_status read_coefficients(struct step *s, struct pz_err *err)
{
    const struct merge *m = s->m;
    struct pz_table *from = m->delta->old_table;
    enum pz_status st = PZ_OK;

    s->coef = m->old->coef;
    if (!s->coef.ptr && from)
        st = pz_trans_load_coef(from, m->old->counts.n, &s->coef, err);
    if (st != PZ_OK)
        return st;
    s->own_coef = from ? pz_trans_own_coef(from) : NULL;
    if (!s->own_coef) /* of a file that is read in place, or of a part that is read again */
        s->own_coef = s->copied = pz_mem_copy(s->coef.value, s->coef.ptr[s->coef.n],
                                              sizeof *s->own_coef);
    return s->own_coef ? PZ_OK : pz_err_memory(err, "ridge coefficients", 1e6);
}

/* What an array says of the old rows; NULL: nothing. to: [rows] zero */
static void recall(const struct merge *m, const float *was, float *to)
{
    for (uint32_t j = 0; j < m->t->counts.n && was; j++)
        to[j] = m->old_row[j] == PZ_NONE ? 0 : was[m->old_row[j]];
}

static enum pz_status update_ridge(struct merge *m, struct pz_err *err)
{
    uint32_t rows = m->t->counts.n;
    struct step s = { .m = m,
                      .touched = pz_mem_array(rows, 1),
                      .change = pz_mem_array(rows, sizeof(float)),
                      .wanted = pz_mem_array(rows, 1),
                      .order = pz_mem_array(rows, sizeof(uint32_t)),
                      .place = pz_mem_array(rows, sizeof(uint64_t)) };
    enum pz_status st = PZ_OK;

    m->t->due = m->t->own_due = pz_mem_array(rows, sizeof(float));
    m->t->follow = m->t->own_follow = pz_mem_array(rows, sizeof(float));
    if (!s.touched || !s.change || !s.wanted || !s.order || !s.place || !m->t->own_due ||
        !m->t->own_follow)
        st = pz_err_memory(err, "ridge coefficients", 40.0 * rows);
    if (st == PZ_OK) {
        recall(m, m->old->due, s.change);
        recall(m, m->old->follow, m->t->own_follow);
        mark_touched(&s);
        pz_trans_view_clear(&m->v); /* solving looks at all positions, not at what is new */
        measure_change(&s);
        if (m->delta->old_table) /* they have been read, and are as large as all that is to come */
            pz_trans_drop_counts(m->delta->old_table);
        pz_mem_trim();
        st = solve_chosen(&s, err);
    }
    pz_mem_trim();
    if (st == PZ_OK)
        st = read_coefficients(&s, err);
    if (st == PZ_OK)
        follow_counts(&s);
    if (st == PZ_OK)
        st = join_coefficients(&s, err);
    free(s.touched);
    free(s.change);
    free(s.wanted);
    free(s.order);
    free(s.place);
    free(s.copied);
    return st;
}

enum pz_status pz_trans_update(const void *old, const struct pz_corpus *c,
                               const struct pz_delta *delta, const struct pz_fit_cfg *cfg,
                               void **part, struct pz_err *err)
{
    struct merge m = { .old = old, .c = c, .delta = delta };
    enum pz_status st = begin(&m, err);

    (void)cfg; /* the settings are those of the old part */
    if (st == PZ_OK)
        st = add_counts(&m, err);
    if (st == PZ_OK && m.t->set[PZ_TRANS_RIDGE] > 0)
        st = update_ridge(&m, err);
    if (st == PZ_OK)
        st = pz_trans_scale(m.t, err);
    if (st != PZ_OK) {
        pz_trans_free(m.t);
        m.t = NULL;
    }
    pz_trans_view_clear(&m.v);
    free(m.value);
    free(m.old_row);
    free(m.new_row);
    *part = m.t;
    return st;
}
