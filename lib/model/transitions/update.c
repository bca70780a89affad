/* SPDX-License-Identifier: Apache-2.0 */
/* A delta added to transitions: new part = old counts + the pairs that new interactions make.
 *
 *   1. popularity and old counts decay to the new newest time; the new interactions' weights are
 *      added
 *   2. pairs with at least one new position are counted over the users that have new ones, added to
 *      the old lists and cut again (with user_norm, pairs of old positions count with the change of
 *      their user's factor); apart from what cutting dropped these are the counts of a new fit
 *   3. the ridge is solved again for the targets that have new interactions, on the Gram matrix of
 *      the whole corpus restricted to their sources; the other targets keep their coefficients
 *
 * New interactions are taken to be later than the old ones of the same user. The repeat curve and
 * the trend are those of the whole corpus. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/transitions/transitions.h"

struct merge {
    const struct pz_trans *old;
    const struct pz_corpus *c;
    const uint32_t *old_item;
    const uint64_t *first_new;
    uint32_t *old_row; /* [items + features] of the new part -> the old, or PZ_NONE */
    uint32_t *new_row; /* [items + features] of the old part -> the new */
    double factor;     /* decay from the old newest time to the new */
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
    memset(m->old_row, 0xff, n_new * sizeof *m->old_row);
    memset(m->new_row, 0xff, n_old * sizeof *m->new_row);
    for (uint32_t i = 0; i < m->c->n_items; i++)
        m->old_row[i] = m->old_item[i];
    for (uint32_t a = 0; a < is->n; a++) {
        size_t len;
        const char *name = pz_dict_get(&is->names, a, &len);
        uint32_t k = was->n ? pz_dict_find(&was->names, name, len) : PZ_NONE;

        m->old_row[m->c->n_items + a] = k == PZ_NONE ? PZ_NONE : m->old->n_items + k;
    }
    for (uint32_t i = 0; i < n_new; i++)
        if (m->old_row[i] != PZ_NONE)
            m->new_row[m->old_row[i]] = i;
    for (uint32_t i = 0; i < n_old; i++)
        if (m->new_row[i] == PZ_NONE)
            return pz_err_set(err, PZ_INTERNAL, "transitions: item %u is gone after the update", i);
    return PZ_OK;
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
                             m->old_item, &t->feats, err);
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
        if (m->old_item[i] != PZ_NONE)
            t->own_pop[i] = (float)(m->factor * (double)m->old->pop[m->old_item[i]]);
    pz_trans_repeat(c, t->own_repeat);
    return pz_trans_pop(c, t->set, m->first_new, &t->feats, t->own_pop, err);
}

static enum pz_status add_counts(struct merge *m, struct pz_err *err)
{
    struct pz_trans *t = m->t;
    bool ridge = t->set[PZ_TRANS_RIDGE] > 0;
    struct pz_trans_old old = { &m->old->counts, m->old_row, m->new_row, m->factor };
    struct pz_trans_view v = { 0 };
    uint32_t rows = t->n_items + t->feats.n;
    float *scale = pz_mem_array(rows, sizeof *scale);
    enum pz_status st = scale ? PZ_OK : pz_err_memory(err, "transitions", 4.0 * rows);

    if (st == PZ_OK)
        st = pz_trans_view_init(&v, m->c, t->set, &t->feats, m->first_new, err);
    if (st == PZ_OK) {
        pz_trans_fill_scale(t->pop, rows, ridge ? 0.5 : t->set[PZ_TRANS_TARGET_NORM], scale);
        st = pz_trans_count(&v, ridge, scale, &old, &t->counts, err);
    }
    pz_trans_view_clear(&v);
    free(scale);
    return st;
}

/* The place of an item in one list of l, or SIZE_MAX. */
static size_t place_of(const struct pz_csr *l, uint32_t list, uint32_t item)
{
    uint64_t low = l->ptr[list], high = l->ptr[list + 1];

    while (low < high) {
        uint64_t mid = low + (high - low) / 2;

        if (l->item[mid] < item)
            low = mid + 1;
        else
            high = mid;
    }
    return low < l->ptr[list + 1] && l->item[low] == item ? low : SIZE_MAX;
}

/* Put the old coefficients (by source) at the places of the new counts (by target). */
static void keep_coefficients(const struct merge *m, float *value)
{
    const struct pz_csr *coef = &m->old->coef;

    for (uint32_t b = 0; b < coef->n; b++)
        for (uint64_t k = coef->ptr[b]; k < coef->ptr[b + 1]; k++) {
            size_t at = place_of(&m->t->counts, m->new_row[coef->item[k]], m->new_row[b]);

            if (at != SIZE_MAX)
                value[at] = coef->value[k];
        }
}

static void mark_targets(const struct merge *m, uint8_t *wanted)
{
    for (uint32_t u = 0; u < m->c->n_users; u++)
        for (uint64_t p = m->first_new[u]; p < m->c->ptr[u + 1]; p++)
            wanted[m->c->item[p]] = 1; /* features keep theirs: one delta hardly moves them */
}

static enum pz_status solve_again(struct merge *m, struct pz_err *err)
{
    struct pz_trans *t = m->t;
    struct pz_csr solved = t->counts;
    struct pz_trans_view v = { 0 };
    float *value = pz_mem_array(t->counts.ptr[t->counts.n], sizeof *value);
    uint8_t *wanted = pz_mem_array(t->counts.n, 1);
    enum pz_status st = PZ_OK;

    if (!value || !wanted)
        st = pz_err_memory(err, "ridge coefficients", 5.0 * t->n_items);
    if (st == PZ_OK)
        st = pz_trans_view_init(&v, m->c, t->set, &t->feats, NULL, err);
    if (st == PZ_OK) {
        keep_coefficients(m, value);
        mark_targets(m, wanted);
        st = pz_trans_solve(&v, &t->counts, t->pop, wanted, value, err);
    }
    solved.value = value;
    if (st == PZ_OK)
        st = pz_trans_transpose(&solved, t->counts.n, PZ_TRANS_ROW_MAX, &t->coef, err);
    pz_trans_view_clear(&v);
    free(value);
    free(wanted);
    return st;
}

enum pz_status pz_trans_update(const void *old, const struct pz_corpus *c, const uint32_t *old_item,
                               const uint64_t *first_new, const struct pz_fit_cfg *cfg, void **part,
                               struct pz_err *err)
{
    struct merge m = { .old = old, .c = c, .old_item = old_item, .first_new = first_new };
    enum pz_status st = begin(&m, err);

    (void)cfg; /* the settings are those of the old part */
    if (st == PZ_OK)
        st = add_counts(&m, err);
    if (st == PZ_OK && m.t->set[PZ_TRANS_RIDGE] > 0)
        st = solve_again(&m, err);
    if (st == PZ_OK)
        st = pz_trans_scale(m.t, err);
    if (st != PZ_OK) {
        pz_trans_free(m.t);
        m.t = NULL;
    }
    free(m.old_row);
    free(m.new_row);
    *part = m.t;
    return st;
}
