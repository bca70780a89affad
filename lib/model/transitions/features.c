/* SPDX-License-Identifier: Apache-2.0 */
/* Features: the categories of items, as further sources and targets of transitions.
 *
 * An event of an item is also an event of its attributes A with weights u_A (1 + log of how often
 * the value is listed, scaled to unit length). As sources they let an item with little data speak
 * by its brand; as targets, "the next item has A", they reach items that never met the history, new
 * ones included. On Amazon Beauty half of the true next items never met the history at all.
 *
 * Taken are values of categorical columns that at least two items have, the MAX_FEATURES most
 * frequent; of an item the MAX_PER_ITEM with the largest tf-idf. An attribute is known by
 * "COLUMN=value", so that an update finds it again; items that the old part knew keep the features
 * its counts were made with. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/transitions/transitions.h"
#include "table/hash.h"

enum { MAX_FEATURES = 4096, MAX_PER_ITEM = 8 };

/* While features are made: raw numbers are (column, code) pairs counted through. */
struct making {
    const struct pz_attrs *attrs;
    uint32_t n_items;
    uint64_t *base; /* [n_attrs + 1] first raw number of a column */
    uint32_t *df;   /* [raw] items that have the value */
    uint32_t *id;   /* [raw] feature, or PZ_NONE */
    const struct pz_trans_feats *old;
    const uint32_t *old_item; /* new -> old item, NULL in a fit */
    uint32_t *old_id;         /* [old->n] feature of an old feature */
    struct pz_trans_feats *out;
    uint64_t *ptr;
    uint32_t *list; /* growing: features of all items so far */
    float *weight;
    size_t list_cap, weight_cap;
};

static bool learned(const struct pz_attr *a)
{
    return a->kind == PZ_ATTR_CATEGORY;
}

static void clear_making(struct making *m)
{
    free(m->base);
    free(m->df);
    free(m->id);
    free(m->old_id);
}

/* Whether entry p of a list that starts at `start` repeats an earlier one. */
static bool repeats(const struct pz_attr *a, uint64_t start, uint64_t p)
{
    /* Lists of an item are short: a few categories. */
    for (uint64_t q = start; q < p; q++)
        if (a->code[q] == a->code[p])
            return true;
    return false;
}

static enum pz_status count_items(struct making *m, struct pz_err *err)
{
    uint32_t n_attrs = m->attrs->n_attrs;
    uint64_t raw;

    m->base = pz_mem_array((size_t)n_attrs + 1, sizeof *m->base);
    if (!m->base)
        return pz_err_memory(err, "attributes", 8.0 * n_attrs);
    for (uint32_t a = 0; a < n_attrs; a++)
        m->base[a + 1] = m->base[a] +
                         (learned(&m->attrs->attr[a]) ? m->attrs->attr[a].values.n : 0);
    raw = m->base[n_attrs];
    m->df = pz_mem_array(raw, sizeof *m->df);
    m->id = pz_mem_array(raw, sizeof *m->id);
    if (!m->df || !m->id)
        return pz_err_memory(err, "attributes", 8.0 * (double)raw);
    for (uint32_t c = 0; c < n_attrs; c++) {
        const struct pz_attr *a = &m->attrs->attr[c];

        for (uint64_t i = 0; learned(a) && i < m->n_items; i++)
            for (uint64_t p = a->ptr[i]; p < a->ptr[i + 1]; p++)
                if (!repeats(a, a->ptr[i], p))
                    m->df[m->base[c] + a->code[p]]++;
    }
    return PZ_OK;
}

/* The smallest number of items that a value needs, so that at most MAX_FEATURES pass: at least 2.
 */
static enum pz_status least_items(const struct making *m, uint64_t *cut, struct pz_err *err)
{
    uint64_t raw = m->base[m->attrs->n_attrs], n = 0, *key = pz_mem_array(raw, sizeof *key);

    if (!key)
        return pz_err_memory(err, "attributes", 8.0 * (double)raw);
    for (uint64_t r = 0; r < raw; r++)
        if (m->df[r] >= 2)
            /* As pz_trans_key: more items first, then the earlier value. */
            key[n++] = (uint64_t)m->df[r] << 32 | (uint32_t) ~(uint32_t)r;
    *cut = 0;
    if (n > MAX_FEATURES) {
        pz_trans_select(key, (uint32_t)n, MAX_FEATURES);
        *cut = UINT64_MAX;
        for (uint32_t k = 0; k < MAX_FEATURES; k++)
            *cut = key[k] < *cut ? key[k] : *cut;
    }
    free(key);
    return PZ_OK;
}

/* Name the values that pass; m->id is then a builder's number. */
static enum pz_status add_names(struct making *m, struct pz_dict_builder *b, uint64_t cut,
                                struct pz_err *err)
{
    struct pz_str name = { 0 };
    bool ok = true;

    for (uint32_t c = 0; c < m->attrs->n_attrs; c++)
        for (uint64_t r = m->base[c]; ok && r < m->base[c + 1]; r++) {
            const struct pz_attr *a = &m->attrs->attr[c];
            size_t len;
            const char *value = pz_dict_get(&a->values, (uint32_t)(r - m->base[c]), &len);

            m->id[r] = PZ_NONE;
            if (m->df[r] < 2 || ((uint64_t)m->df[r] << 32 | (uint32_t) ~(uint32_t)r) < cut)
                continue;
            pz_str_reset(&name);
            pz_str_adds(&name, a->name);
            pz_str_addc(&name, '=');
            pz_str_add(&name, value, len);
            ok = !name.failed;
            m->id[r] = ok ? pz_dict_builder_add(b, name.data, name.len) : PZ_NONE;
            ok = m->id[r] != PZ_NONE;
        }
    pz_str_clear(&name);
    return ok ? PZ_OK : pz_err_memory(err, "attribute names", 0);
}

/* Fill out->names, m->id and m->old_id. */
static enum pz_status name_features(struct making *m, struct pz_err *err)
{
    struct pz_dict_builder *b = pz_dict_builder_new();
    uint32_t *final = NULL;
    uint64_t cut = 0;
    enum pz_status st = b ? least_items(m, &cut, err) : pz_err_memory(err, "attribute names", 0);

    m->old_id = pz_mem_array(m->old ? m->old->n : 0, sizeof *m->old_id);
    if (st == PZ_OK && !m->old_id)
        st = pz_err_memory(err, "attribute names", 0);
    for (uint32_t k = 0; st == PZ_OK && m->old && k < m->old->n; k++) {
        size_t len;
        const char *name = pz_dict_get(&m->old->names, k, &len);

        m->old_id[k] = pz_dict_builder_add(b, name, len);
        if (m->old_id[k] == PZ_NONE)
            st = pz_err_memory(err, "attribute names", 0);
    }
    if (st == PZ_OK)
        st = add_names(m, b, cut, err);
    if (st == PZ_OK)
        st = pz_dict_builder_finish(b, &m->out->names, &final, err);
    for (uint64_t r = 0; st == PZ_OK && r < m->base[m->attrs->n_attrs]; r++)
        m->id[r] = m->id[r] == PZ_NONE ? PZ_NONE : final[m->id[r]];
    for (uint32_t k = 0; st == PZ_OK && m->old && k < m->old->n; k++)
        m->old_id[k] = final[m->old_id[k]];
    m->out->n = m->out->names.n;
    pz_dict_builder_free(b);
    free(final);
    return st;
}

/* ---- features of one item ---- */

struct candidate {
    uint32_t id;
    float weight, rank; /* unscaled weight; tf-idf */
};

/* Put a candidate among the best MAX_PER_ITEM, sorted by rank (ties: lower id first). */
static uint32_t insert(struct candidate *best, uint32_t n, struct candidate c)
{
    uint32_t at = n;

    while (at > 0 &&
           (best[at - 1].rank < c.rank || (best[at - 1].rank == c.rank && best[at - 1].id > c.id)))
        at--;
    if (at == MAX_PER_ITEM)
        return n;
    n = n < MAX_PER_ITEM ? n + 1 : n;
    memmove(best + at + 1, best + at, (n - at - 1) * sizeof *best);
    best[at] = c;
    return n;
}

static int by_id(const void *a, const void *b)
{
    uint32_t x = ((const struct candidate *)a)->id, y = ((const struct candidate *)b)->id;

    return (x > y) - (x < y);
}

static uint32_t item_candidates(const struct making *m, uint32_t item, struct candidate *best)
{
    uint32_t n = 0;

    for (uint32_t c = 0; c < m->attrs->n_attrs; c++) {
        const struct pz_attr *a = &m->attrs->attr[c];

        for (uint64_t p = learned(a) ? a->ptr[item] : 0; learned(a) && p < a->ptr[item + 1]; p++) {
            uint64_t raw = m->base[c] + a->code[p];
            uint32_t tf = 0;
            struct candidate k = { .id = m->id[raw] };

            if (k.id == PZ_NONE || repeats(a, a->ptr[item], p))
                continue;
            for (uint64_t q = p; q < a->ptr[item + 1]; q++)
                tf += a->code[q] == a->code[p];
            k.weight = 1 + logf((float)tf);
            /* tf-idf chooses; what the feature weighs is the tf alone, since how common it is shows
             * in its own counts. */
            k.rank = k.weight * logf(1 + (float)m->n_items / (float)m->df[raw]);
            n = insert(best, n, k);
        }
    }
    return n;
}

/* The features that the old part gave to an item it knew. */
static uint32_t old_candidates(const struct making *m, uint32_t old, struct candidate *best)
{
    uint32_t n = 0;

    for (uint64_t k = m->old->rows.ptr[old]; n < MAX_PER_ITEM && k < m->old->rows.ptr[old + 1]; k++)
        best[n++] = (struct candidate){ .id = m->old_id[m->old->rows.item[k]],
                                        .weight = m->old->rows.value[k] };
    return n;
}

static enum pz_status add_item(struct making *m, uint32_t item, struct pz_err *err)
{
    struct candidate best[MAX_PER_ITEM + 1];
    uint32_t old = m->old && m->old_item ? m->old_item[item] : PZ_NONE;
    uint32_t n = old != PZ_NONE ? old_candidates(m, old, best) : item_candidates(m, item, best);
    uint64_t at = m->ptr[item];
    double norm = 0;

    /* Lists ascend, as everywhere. */
    qsort(best, n, sizeof *best, by_id);
    m->ptr[item + 1] = at + n;
    if (!pz_mem_grow(&m->list, &m->list_cap, at + n + 1, sizeof *m->list) ||
        !pz_mem_grow(&m->weight, &m->weight_cap, at + n + 1, sizeof *m->weight))
        return pz_err_memory(err, "features of items", 8.0 * (double)at);
    for (uint32_t k = 0; k < n; k++)
        norm += (double)best[k].weight * (double)best[k].weight;
    for (uint32_t k = 0; k < n; k++) {
        m->list[at + k] = best[k].id;
        m->weight[at + k] = (float)((double)best[k].weight / sqrt(norm));
    }
    return PZ_OK;
}

/* Make inv_* from ptr, id and weight. */
static enum pz_status invert(struct pz_trans_feats *f, struct pz_err *err)
{
    uint64_t n = f->rows.ptr[f->n_items];

    f->inv_ptr = pz_mem_array((size_t)f->n + 1, sizeof *f->inv_ptr);
    f->inv_item = pz_mem_array(n, sizeof *f->inv_item);
    f->inv_weight = pz_mem_array(n, sizeof *f->inv_weight);
    if (!f->inv_ptr || !f->inv_item || !f->inv_weight)
        return pz_err_memory(err, "items of features", 8.0 * (double)n);
    for (uint64_t k = 0; k < n; k++)
        f->inv_ptr[f->rows.item[k]]++;
    for (uint32_t a = 0; a < f->n; a++)
        f->inv_ptr[a + 1] += f->inv_ptr[a];
    for (uint32_t i = f->n_items; i-- > 0;)
        for (uint64_t k = f->rows.ptr[i]; k < f->rows.ptr[i + 1]; k++) {
            uint64_t at = --f->inv_ptr[f->rows.item[k]];

            f->inv_item[at] = i;
            f->inv_weight[at] = f->rows.value[k];
        }
    return PZ_OK;
}

/* No features: lists of length 0. */
static enum pz_status make_none(uint32_t n_items, struct pz_trans_feats *out, struct pz_err *err)
{
    out->n_items = n_items;
    out->rows = pz_csr_take(n_items, 0, pz_mem_array((size_t)n_items + 1, sizeof(uint64_t)),
                            pz_mem_array(1, sizeof(uint32_t)), pz_mem_array(1, sizeof(float)));
    if (!out->rows.ptr || !out->rows.item || !out->rows.value)
        return pz_err_memory(err, "features of items", 8.0 * n_items);
    return PZ_OK;
}

enum pz_status pz_trans_feats_make(const struct pz_attrs *attrs, uint32_t n_items,
                                   const struct pz_trans_feats *old, const uint32_t *old_item,
                                   struct pz_trans_feats *out, struct pz_err *err)
{
    struct making m = {
        .attrs = attrs, .n_items = n_items, .old = old, .old_item = old_item, .out = out
    };
    enum pz_status st;

    memset(out, 0, sizeof *out);
    if (!attrs || attrs->n_attrs == 0)
        return make_none(n_items, out, err);
    st = count_items(&m, err);
    if (st == PZ_OK)
        st = name_features(&m, err);
    m.ptr = pz_mem_array((size_t)n_items + 1, sizeof *m.ptr);
    if (st == PZ_OK && (!m.ptr || !pz_mem_grow(&m.list, &m.list_cap, 1, sizeof *m.list) ||
                        !pz_mem_grow(&m.weight, &m.weight_cap, 1, sizeof *m.weight)))
        st = pz_err_memory(err, "features of items", 8.0 * n_items);
    for (uint32_t i = 0; st == PZ_OK && i < n_items; i++)
        st = add_item(&m, i, err);
    out->n_items = n_items;
    out->rows = pz_csr_take(n_items, out->n, m.ptr, m.list, m.weight);
    if (st == PZ_OK)
        st = invert(out, err);
    clear_making(&m);
    return st;
}

/* Bit by bit: weights of equal lists are made by the same operations. */
static bool alike(const struct pz_trans_feats *f, uint32_t a, uint32_t b)
{
    uint64_t n = f->rows.ptr[a + 1] - f->rows.ptr[a];

    return f->rows.ptr[b + 1] - f->rows.ptr[b] == n &&
           memcmp(f->rows.item + f->rows.ptr[a], f->rows.item + f->rows.ptr[b],
                  n * sizeof *f->rows.item) == 0 &&
           memcmp(f->rows.value + f->rows.ptr[a], f->rows.value + f->rows.ptr[b],
                  n * sizeof *f->rows.value) == 0;
}

/* kind [n_items] and head, slot zero: open addressing of kind + 1. Returns how many kinds. */
static uint32_t number_kinds(const struct pz_trans_feats *f, uint32_t *slot, size_t n_slots,
                             uint32_t *kind, uint32_t *head)
{
    uint32_t n_kinds = 0;

    for (uint32_t i = 0; i < f->n_items; i++) {
        size_t n = f->rows.ptr[i + 1] - f->rows.ptr[i];
        size_t at = pz_hash64(f->rows.item + f->rows.ptr[i], n * sizeof *f->rows.item) &
                    (n_slots - 1);

        while (slot[at] && !alike(f, head[slot[at] - 1], i))
            at = (at + 1) & (n_slots - 1);
        if (!slot[at]) {
            head[n_kinds] = i;
            slot[at] = ++n_kinds;
        }
        kind[i] = slot[at] - 1;
    }
    return n_kinds;
}

enum pz_status pz_trans_feats_kinds(struct pz_trans_feats *f, struct pz_err *err)
{
    size_t n_slots = 16;
    uint32_t *slot;

    free(f->own_kind);
    free(f->own_head);
    f->kind = f->head = f->own_kind = f->own_head = NULL;
    f->n_kinds = 0;
    if (f->n == 0)
        return PZ_OK;
    /* At most half full, so that a search ends after a step or two. */
    while (n_slots < 2 * (size_t)f->n_items)
        n_slots *= 2;
    slot = pz_mem_array(n_slots, sizeof *slot);
    f->kind = f->own_kind = pz_mem_array(f->n_items, sizeof *f->kind);
    f->head = f->own_head = pz_mem_array(f->n_items, sizeof *f->head);
    if (slot && f->kind && f->head)
        f->n_kinds = number_kinds(f, slot, n_slots, f->own_kind, f->own_head);
    free(slot);
    return slot && f->kind && f->head ? PZ_OK
                                      : pz_err_memory(err, "kinds of items", 16.0 * f->n_items);
}

void pz_trans_feats_clear(struct pz_trans_feats *f)
{
    pz_csr_clear(&f->rows);
    pz_dict_clear(&f->names);
    free(f->inv_ptr);
    free(f->inv_item);
    free(f->inv_weight);
    free(f->own_kind);
    free(f->own_head);
    memset(f, 0, sizeof *f);
}
