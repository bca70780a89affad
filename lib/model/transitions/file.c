/* SPDX-License-Identifier: Apache-2.0 */
/* Transitions in a table. Columns:
 *   transitions/set          f64 [PZ_TRANS_N]  the settings of the fit, in the order of enum
 *                            pz_trans_set
 *   transitions/state        i64 [2]           ordered (0, 1); time that the counts are decayed to
 *   transitions/pop          f32 [rows]        decayed weight of each item and feature
 *   transitions/feat_ptr     u64 [n_items + 1], feat_item u32, feat f32: features of items
 *   transitions/feat_name.*  dictionary of the features; rows = n_items + features
 *   transitions/repeat       f32 [PZ_TRANS_LAGS]
 *   transitions/trend        f32 [n_items]
 *   transitions/count_ptr    u64 [rows + 1], count_item u32, count f32: counts by source (kNN) or
 *                            target
 *   transitions/coef_ptr     u64 [rows + 1], coef_item u32, coef f32: the ridge's, by source;
 *                            absent for kNN
 * The scales by popularity follow from pop and set and are made at loading. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/parts.h"
#include "model/transitions/transitions.h"
#include "table/lists.h"

static enum pz_status save_lists(const struct pz_trans_lists *l, const char *name,
                                 struct pz_writer *w, struct pz_err *err)
{
    uint64_t n = l->ptr[l->n];
    char column[PZ_NAME_MAX + 1];
    enum pz_status st;

    snprintf(column, sizeof column, "transitions/%s_ptr", name);
    st = pz_writer_add(w, column, PZ_U64, l->ptr, (uint64_t)l->n + 1, err);
    snprintf(column, sizeof column, "transitions/%s_item", name);
    if (st == PZ_OK)
        st = pz_writer_add(w, column, PZ_U32, l->item, n, err);
    snprintf(column, sizeof column, "transitions/%s", name);
    if (st == PZ_OK)
        st = pz_writer_add(w, column, PZ_F32, l->value, n, err);
    return st;
}

static enum pz_status save_feats(const struct pz_trans_feats *f, struct pz_writer *w,
                                 struct pz_err *err)
{
    struct pz_trans_lists l = { f->n_items, f->ptr, f->id, f->weight, false };
    static const uint64_t zero = 0;
    struct pz_dict none = { .offset = &zero, .bytes = "" };
    enum pz_status st = save_lists(&l, "feat", w, err);

    return st == PZ_OK
               ? pz_writer_add_dict(w, "transitions/feat_name", f->n ? &f->names : &none, err)
               : st;
}

enum pz_status pz_trans_save(const void *part, struct pz_writer *w, struct pz_err *err)
{
    const struct pz_trans *t = part;
    int64_t state[2] = { t->ordered, t->newest };
    enum pz_status st = pz_writer_add(w, "transitions/set", PZ_F64, t->set, PZ_TRANS_N, err);

    if (st == PZ_OK)
        st = pz_writer_add(w, "transitions/state", PZ_I64, state, 2, err);
    if (st == PZ_OK)
        st = pz_writer_add(w, "transitions/pop", PZ_F32, t->pop, t->counts.n, err);
    if (st == PZ_OK)
        st = pz_writer_add(w, "transitions/repeat", PZ_F32, t->repeat, PZ_TRANS_LAGS, err);
    if (st == PZ_OK)
        st = pz_writer_add(w, "transitions/trend", PZ_F32, t->trend, t->n_items, err);
    if (st == PZ_OK)
        st = save_feats(&t->feats, w, err);
    if (st == PZ_OK)
        st = save_lists(&t->counts, "count", w, err);
    if (st == PZ_OK && t->set[PZ_TRANS_RIDGE] > 0)
        st = save_lists(&t->coef, "coef", w, err);
    return st;
}

static enum pz_status check_lists(const struct pz_trans_lists *l, uint64_t n, uint32_t below,
                                  const char *name, struct pz_err *err)
{
    bool ok = pz_lists_good(l->ptr, l->n, n, n, l->item, below) &&
              pz_numbers_good(l->value, n, -FLT_MAX);

    for (uint32_t i = 0; ok && i < l->n; i++)
        for (uint64_t k = l->ptr[i] + 1; ok && k < l->ptr[i + 1]; k++)
            ok = l->item[k - 1] < l->item[k];
    return ok ? PZ_OK : pz_err_set(err, PZ_BAD_DATA, "transitions/%s: the lists are broken", name);
}

/* n_lists lists of entries < below. */
static enum pz_status load_lists(struct pz_table *t, const char *name, uint32_t n_lists,
                                 uint32_t below, struct pz_trans_lists *l, struct pz_err *err)
{
    const void *ptr = NULL, *item = NULL, *value = NULL;
    uint64_t n = 0;
    char column[PZ_NAME_MAX + 1];
    enum pz_status st;

    snprintf(column, sizeof column, "transitions/%s_ptr", name);
    st = pz_table_get(t, column, PZ_U64, (uint64_t)n_lists + 1, &ptr, NULL, err);
    snprintf(column, sizeof column, "transitions/%s_item", name);
    if (st == PZ_OK)
        st = pz_table_get(t, column, PZ_U32, PZ_ANY, &item, &n, err);
    snprintf(column, sizeof column, "transitions/%s", name);
    if (st == PZ_OK)
        st = pz_table_get(t, column, PZ_F32, n, &value, NULL, err);
    if (st != PZ_OK)
        return st;
    *l = (struct pz_trans_lists){ n_lists, ptr, item, value, false };
    return pz_table_is_flat(t) ? PZ_OK : check_lists(l, n, below, name, err);
}

static enum pz_status read_small(struct pz_table *table, struct pz_trans *t, struct pz_err *err)
{
    const void *set = NULL, *state = NULL, *pop = NULL, *repeat = NULL, *trend = NULL;
    uint64_t n_pop = 0;
    enum pz_status st = pz_table_get(table, "transitions/set", PZ_F64, PZ_TRANS_N, &set, NULL, err);

    if (st == PZ_OK)
        st = pz_table_get(table, "transitions/state", PZ_I64, 2, &state, NULL, err);
    if (st == PZ_OK)
        st = pz_table_get(table, "transitions/pop", PZ_F32, PZ_ANY, &pop, &n_pop, err);
    if (st == PZ_OK)
        st = pz_table_get(table, "transitions/repeat", PZ_F32, PZ_TRANS_LAGS, &repeat, NULL, err);
    if (st == PZ_OK)
        st = pz_table_get(table, "transitions/trend", PZ_F32, t->n_items, &trend, NULL, err);
    if (st == PZ_OK && n_pop != (uint64_t)t->n_items + t->feats.n)
        st = pz_err_set(err, PZ_BAD_DATA,
                        "transitions/pop: a value for every item and feature is expected");
    if (st == PZ_OK && !pz_table_is_flat(table) &&
        !(pz_numbers_good(pop, n_pop, 0) && pz_numbers_good(repeat, PZ_TRANS_LAGS, 0) &&
          pz_numbers_good(trend, t->n_items, 0)))
        st = pz_err_set(err, PZ_BAD_DATA, "transitions: a number is damaged");
    if (st == PZ_OK)
        st = pz_scorer_check(&pz_transitions, set, err);
    if (st != PZ_OK)
        return st;
    memcpy(t->set, set, sizeof t->set);
    t->ordered = ((const int64_t *)state)[0] != 0;
    t->newest = ((const int64_t *)state)[1];
    t->pop = pop;
    t->repeat = repeat;
    t->trend = trend;
    return PZ_OK;
}

static enum pz_status load_feats(struct pz_table *table, struct pz_trans *t, struct pz_err *err)
{
    struct pz_trans_lists l = { 0 };
    struct pz_trans_feats *f = &t->feats;
    enum pz_status st = pz_table_get_dict(table, "transitions/feat_name", &f->names, err);

    if (st == PZ_OK)
        st = load_lists(table, "feat", t->n_items, f->names.n, &l, err);
    if (st != PZ_OK)
        return st;
    f->n_items = t->n_items;
    f->n = f->names.n;
    f->ptr = l.ptr;
    f->id = l.item;
    f->weight = l.value;
    return PZ_OK; /* inv_* is for counting only */
}

enum pz_status pz_trans_load(struct pz_table *table, uint32_t n_items, void **part,
                             struct pz_err *err)
{
    struct pz_trans *t = calloc(1, sizeof *t);
    enum pz_status st = t ? PZ_OK : pz_err_memory(err, "transitions", sizeof *t);
    uint32_t rows;

    if (st == PZ_OK) {
        t->n_items = n_items;
        st = load_feats(table, t, err);
    }
    if (st == PZ_OK)
        st = read_small(table, t, err);
    rows = n_items + (t ? t->feats.n : 0);
    if (st == PZ_OK)
        st = load_lists(table, "count", rows, rows, &t->counts, err);
    if (st == PZ_OK && t->set[PZ_TRANS_RIDGE] > 0)
        st = load_lists(table, "coef", rows, rows, &t->coef, err);
    if (st == PZ_OK)
        st = pz_trans_scale(t, err);
    if (st != PZ_OK) {
        pz_trans_free(t);
        t = NULL;
    }
    *part = t;
    return st;
}
