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
 *   transitions/due          f32 [rows]        after an update: see update.c
 *   transitions/follow       f32 [rows]        of the ridge: see struct pz_trans
 *   transitions/count_ptr    u64 [rows + 1], count_item u32, count f32: counts by source (kNN) or
 *                            target
 *   transitions/coef_ptr     u64 [rows + 1], coef_item u32, coef f32: the ridge's, by source;
 *                            absent for kNN
 * The scales by popularity follow from pop and set and are made at loading, unless a flat file has
 * them under derived/: transitions/source f32 [rows], target and attr f32 [n_items], and, with
 * features, kind u32 [n_items] and head u32 [kinds]. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/parts.h"
#include "model/transitions/transitions.h"
#include "table/lists.h"

/* The parts of a row ascend, so that an entry is found by halving. */
#define COLUMNS(name)                                                           \
    {                                                                           \
        .ptr = "transitions/" name "_ptr", .item = "transitions/" name "_item", \
        .value = "transitions/" name, .ascending = true, .min_value = -FLT_MAX  \
    }
static const struct pz_csr_columns feat_columns = COLUMNS("feat"), count_columns = COLUMNS("count"),
                                   coef_columns = COLUMNS("coef");

static enum pz_status save_feats(const struct pz_trans_feats *f, struct pz_writer *w,
                                 struct pz_err *err)
{
    static const uint64_t zero = 0;
    struct pz_dict none = { .offset = &zero, .bytes = "" };
    enum pz_status st = pz_csr_save(&f->rows, &feat_columns, w, err);

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
    if (st == PZ_OK && t->due)
        st = pz_writer_add(w, "transitions/due", PZ_F32, t->due, t->counts.n, err);
    if (st == PZ_OK && t->follow)
        st = pz_writer_add(w, "transitions/follow", PZ_F32, t->follow, t->counts.n, err);
    if (st == PZ_OK)
        st = save_feats(&t->feats, w, err);
    if (st == PZ_OK)
        st = pz_csr_save(&t->counts, &count_columns, w, err);
    if (st == PZ_OK && t->set[PZ_TRANS_RIDGE] > 0)
        st = pz_csr_save(&t->coef, &coef_columns, w, err);
    return st;
}

enum pz_status pz_trans_derive(const void *part, struct pz_derived *out, struct pz_err *err)
{
    const struct pz_trans *t = part;
    const struct pz_trans_feats *f = &t->feats;
    enum pz_status st = pz_derived_add(out, "transitions/source", PZ_F32, t->source_scale,
                                       t->counts.n, NULL, err);

    if (st == PZ_OK)
        st = pz_derived_add(out, "transitions/target", PZ_F32, t->target_scale, t->n_items, NULL,
                            err);
    if (st == PZ_OK)
        st = pz_derived_add(out, "transitions/attr", PZ_F32, t->attr_scale, t->n_items, NULL, err);
    if (st == PZ_OK && f->n > 0)
        st = pz_derived_add(out, "transitions/kind", PZ_U32, f->kind, f->n_items, NULL, err);
    if (st == PZ_OK && f->n > 0)
        st = pz_derived_add(out, "transitions/head", PZ_U32, f->head, f->n_kinds, NULL, err);
    return st;
}

static enum pz_status read_kinds(struct pz_table *table, struct pz_trans_feats *f,
                                 struct pz_err *err)
{
    const void *kind = NULL, *head = NULL;
    uint64_t n = 0;
    enum pz_status st = pz_table_get(table, PZ_DERIVED "transitions/kind", PZ_U32, f->n_items,
                                     &kind, NULL, err);

    if (st == PZ_OK)
        st = pz_table_get(table, PZ_DERIVED "transitions/head", PZ_U32, PZ_ANY, &head, &n, err);
    if (st == PZ_OK && n > f->n_items)
        st = pz_err_set(err, PZ_BAD_DATA, "transitions/head: more kinds than items");
    f->kind = kind;
    f->head = head;
    f->n_kinds = (uint32_t)n;
    return st;
}

/* What derive wrote, from a flat file, or made. */
static enum pz_status read_derived(struct pz_table *table, struct pz_trans *t, struct pz_err *err)
{
    const void *source = NULL, *target = NULL, *attr = NULL;
    enum pz_status st;

    if (!pz_table_has(table, PZ_DERIVED "transitions/source"))
        return pz_trans_scale(t, err);
    st = pz_table_get(table, PZ_DERIVED "transitions/source", PZ_F32, t->counts.n, &source, NULL,
                      err);
    if (st == PZ_OK)
        st = pz_table_get(table, PZ_DERIVED "transitions/target", PZ_F32, t->n_items, &target, NULL,
                          err);
    if (st == PZ_OK)
        st = pz_table_get(table, PZ_DERIVED "transitions/attr", PZ_F32, t->n_items, &attr, NULL,
                          err);
    t->source_scale = source;
    t->target_scale = target;
    t->attr_scale = attr;
    return st == PZ_OK && t->feats.n > 0 ? read_kinds(table, &t->feats, err) : st;
}

static enum pz_status read_small(struct pz_table *table, struct pz_trans *t, struct pz_err *err)
{
    const void *set = NULL, *state = NULL, *pop = NULL, *repeat = NULL, *trend = NULL, *due = NULL,
               *follow = NULL;
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
    if (st == PZ_OK && pz_table_has(table, "transitions/due"))
        st = pz_table_get(table, "transitions/due", PZ_F32, n_pop, &due, NULL, err);
    if (st == PZ_OK && pz_table_has(table, "transitions/follow"))
        st = pz_table_get(table, "transitions/follow", PZ_F32, n_pop, &follow, NULL, err);
    if (st == PZ_OK && n_pop != (uint64_t)t->n_items + t->feats.n)
        st = pz_err_set(err, PZ_BAD_DATA,
                        "transitions/pop: a value for every item and feature is expected");
    if (st == PZ_OK && !pz_table_is_flat(table) &&
        !(pz_numbers_good(pop, n_pop, 0) && pz_numbers_good(repeat, PZ_TRANS_LAGS, 0) &&
          pz_numbers_good(trend, t->n_items, 0) && (!due || pz_numbers_good(due, n_pop, 0)) &&
          (!follow || pz_numbers_good(follow, n_pop, 0))))
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
    t->due = due;
    t->follow = follow;
    return PZ_OK;
}

static enum pz_status load_feats(struct pz_table *table, struct pz_trans *t, struct pz_err *err)
{
    struct pz_trans_feats *f = &t->feats;
    enum pz_status st = pz_table_get_dict(table, "transitions/feat_name", &f->names, err);

    if (st == PZ_OK)
        st = pz_csr_load(table, &feat_columns, t->n_items, f->names.n, &f->rows, err);
    f->n_items = t->n_items;
    f->n = f->names.n;
    return st; /* inv_* is for counting only */
}

enum pz_status pz_trans_load_coef(struct pz_table *table, uint32_t rows, struct pz_csr *coef,
                                  struct pz_err *err)
{
    return pz_csr_load(table, &coef_columns, rows, rows, coef, err);
}

static void give_back(struct pz_table *t, const struct pz_csr_columns *columns, uint64_t n)
{
    pz_table_give_back(t, columns->item, n);
    pz_table_give_back(t, columns->value, n);
}

void pz_trans_give_back_counts(struct pz_table *t, uint64_t n)
{
    give_back(t, &count_columns, n);
}

void pz_trans_drop_counts(struct pz_table *t)
{
    pz_table_drop(t, count_columns.item);
    pz_table_drop(t, count_columns.value);
}

float *pz_trans_own_coef(struct pz_table *t)
{
    return pz_table_copy(t, coef_columns.value);
}

void pz_trans_give_back_coef(struct pz_table *t, uint64_t n)
{
    give_back(t, &coef_columns, n);
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
        st = pz_csr_load(table, &count_columns, rows, rows, &t->counts, err);
    if (st == PZ_OK && t->set[PZ_TRANS_RIDGE] > 0 && pz_table_is_asked(table))
        st = pz_trans_load_coef(table, rows, &t->coef, err);
    if (st == PZ_OK)
        st = read_derived(table, t, err);
    return pz_part_hand_out(st, t, pz_trans_free, part);
}
