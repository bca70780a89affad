/* SPDX-License-Identifier: Apache-2.0 */
/* Concatenating attribute rows: what merging datasets and sorting context columns have in common.
 *
 * A column of codes:
 *   1. unite the inputs' dictionaries (linear), which gives a map old code -> code for each
 *   2. count the lists' lengths, then lay the mapped codes and mark each as used
 *   3. when some are unused, close the gaps in the dictionary and renumber: values that nobody has
 *      any more leave the file, and the order of the rest stays
 * No string is hashed or compared in 2 and 3, so the cost is that of the rows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/attrs.h"

enum { COLUMNS_MAX = 4096 };

struct concat {
    const struct pz_attrs *const *in;
    size_t n_in;
    const struct pz_source *source;
    uint64_t n_rows;
    uint8_t *used; /* [n_in] 1 where a row comes from this input */
};

static const char *kind_name(const struct pz_attr *a)
{
    static const char *const names[] = { "numbers", "booleans", "categorical", "textual",
                                         "string" };

    return names[a->kind];
}

static bool is_number(const struct pz_attr *a)
{
    return a->kind == PZ_ATTR_NUMBER || a->kind == PZ_ATTR_BOOL;
}

/* A column without any value fits every kind: a small file has such ones. */
static bool is_empty(const struct pz_attr *a, uint64_t n_rows)
{
    if (!a->num)
        return a->ptr && a->ptr[n_rows] == 0;
    for (uint64_t r = 0; r < n_rows; r++)
        if (!isnan(a->num[r]))
            return false;
    return true;
}

/* What a column of two kinds becomes: strings are categories or texts where another part has those;
 * false when they are not the same thing. */
static bool unite_kinds(struct pz_attr *have, bool have_empty, const struct pz_attr *a, bool empty)
{
    if (have->kind == a->kind || empty)
        return true;
    if (have_empty) {
        have->kind = a->kind;
        have->whole = a->whole;
        have->wide = a->wide;
        return true;
    }
    if (is_number(have) || is_number(a))
        return false;
    have->kind = have->kind == PZ_ATTR_CATEGORY || a->kind == PZ_ATTR_CATEGORY ? PZ_ATTR_CATEGORY
                                                                               : PZ_ATTR_TEXT;
    return true;
}

static enum pz_status add_column(struct pz_attrs *out, size_t *cap, const struct pz_attr *a,
                                 struct pz_err *err)
{
    struct pz_attr *made;

    if (!pz_mem_grow(&out->attr, cap, (size_t)out->n_attrs + 1, sizeof *out->attr))
        return pz_err_memory(err, "attributes", 1e4);
    made = &out->attr[out->n_attrs++];
    *made = *a;
    /* Name, kind and flags are taken over; the values are made later. */
    made->num = NULL;
    made->ptr = NULL;
    made->code = NULL;
    memset(&made->values, 0, sizeof made->values);
    memset(&made->own, 0, sizeof made->own);
    return PZ_OK;
}

/* The columns' union, kinds united. */
static enum pz_status unite_columns(const struct concat *g, struct pz_attrs *out,
                                    struct pz_err *err)
{
    bool *empty = pz_mem_array(COLUMNS_MAX, sizeof *empty);
    size_t cap = 0;
    enum pz_status st = empty ? PZ_OK : pz_err_memory(err, "attributes", COLUMNS_MAX);

    for (size_t k = 0; k < g->n_in; k++)
        for (uint32_t i = 0; i < g->in[k]->n_attrs && st == PZ_OK; i++) {
            const struct pz_attr *a = &g->in[k]->attr[i];
            const struct pz_attr *found = pz_attrs_find(out, a->name);
            struct pz_attr *have = found ? &out->attr[found - out->attr] : NULL;
            bool none = is_empty(a, g->in[k]->n_rows);

            if (!have) {
                st = add_column(out, &cap, a, err);
                empty[(out->n_attrs - 1) % COLUMNS_MAX] = none;
                continue;
            }
            if (!unite_kinds(have, empty[(have - out->attr) % COLUMNS_MAX], a, none))
                st =
                    pz_err_set(err, PZ_BAD_DATA,
                               "column %s holds %s in one dataset and %s in another; import one of "
                               "them again with --like OTHER.pzd",
                               a->name, kind_name(have), kind_name(a));
            empty[(have - out->attr) % COLUMNS_MAX] &= none;
            have->nullable |= a->nullable;
            have->wide |= a->wide && !none;
            have->whole &= a->whole || none;
        }
    free(empty);
    return st;
}

static const struct pz_attr *source_of(const struct concat *g, const struct pz_attr **from,
                                       uint64_t r)
{
    return g->source[r].part == PZ_NONE ? NULL : from[g->source[r].part];
}

static enum pz_status concat_numbers(const struct concat *g, const struct pz_attr **from,
                                     struct pz_attr *a, struct pz_err *err)
{
    double *num = pz_mem_array(g->n_rows, sizeof *num);

    if (!num)
        return pz_err_memory(err, a->name, 8.0 * (double)g->n_rows);
    for (uint64_t r = 0; r < g->n_rows; r++) {
        const struct pz_attr *src = source_of(g, from, r);

        /* A column without a single value may have been of another kind in this input. */
        num[r] = src && src->num ? src->num[g->source[r].row] : NAN;
    }
    a->num = a->own.num = num;
    return PZ_OK;
}

/* Close the gaps of an owned dictionary. rank: [dict->n] 1 where the value is used; becomes its new
 * index. The bytes move within their arrays. */
static void drop_unused(struct pz_dict *dict, uint32_t *rank)
{
    uint64_t *offset = dict->own_offset;
    char *bytes = dict->own_bytes;
    uint64_t start = 0, to = 0;
    uint32_t n = 0;

    for (uint32_t i = 0; i < dict->n; i++) {
        uint64_t end = offset[i + 1];

        if (rank[i]) {
            /* Downwards only, so what is still to be read is not overwritten. */
            memmove(bytes + to, bytes + start, end - start);
            to += end - start;
            rank[i] = n++;
            offset[n] = to;
        }
        start = end;
    }
    dict->n = n;
}

/* Unite the inputs' values into a->values; map[k]: code of input k -> code. */
static enum pz_status unite_values(const struct concat *g, const struct pz_attr **from,
                                   struct pz_attr *a, uint32_t **map, struct pz_err *err)
{
    static const uint64_t zero[1] = { 0 };
    static const struct pz_dict none = { .n = 0, .offset = zero, .bytes = "" };
    const struct pz_dict **in = pz_mem_array(g->n_in, sizeof *in);
    enum pz_status st;

    if (!in)
        return pz_err_memory(err, a->name, 8.0 * (double)g->n_in);
    for (size_t k = 0; k < g->n_in; k++)
        in[k] = from[k] && from[k]->ptr ? &from[k]->values : &none;
    st = pz_dict_merge(in, g->n_in, &a->values, map, err);
    free(in);
    return st;
}

/* Lay the codes of all rows through the maps, count them in ptr, mark them in used. */
static enum pz_status lay_codes(const struct concat *g, const struct pz_attr **from,
                                uint32_t *const *map, struct pz_attr *a, uint32_t *used,
                                struct pz_err *err)
{
    uint64_t *ptr = pz_mem_array(g->n_rows + 1, sizeof *ptr);
    uint32_t *code;

    a->ptr = a->own.ptr = ptr;
    if (!ptr)
        return pz_err_memory(err, a->name, 8.0 * (double)g->n_rows);
    for (uint64_t r = 0; r < g->n_rows; r++) {
        const struct pz_attr *src = source_of(g, from, r);
        uint64_t row = g->source[r].row;

        ptr[r + 1] = ptr[r] + (src && src->ptr ? src->ptr[row + 1] - src->ptr[row] : 0);
    }
    a->code = a->own.code = code = pz_mem_array(ptr[g->n_rows], sizeof *code);
    if (!code)
        return pz_err_memory(err, a->name, 4.0 * (double)ptr[g->n_rows]);
    for (uint64_t r = 0; r < g->n_rows; r++) {
        const struct pz_attr *src = source_of(g, from, r);

        for (uint64_t k = 0; k < ptr[r + 1] - ptr[r]; k++) {
            uint32_t c = map[g->source[r].part][src->code[src->ptr[g->source[r].row] + k]];

            code[ptr[r] + k] = c;
            used[c] = 1;
        }
    }
    return PZ_OK;
}

static enum pz_status concat_lists(const struct concat *g, const struct pz_attr **from,
                                   struct pz_attr *a, struct pz_err *err)
{
    uint32_t **map = pz_mem_array(g->n_in, sizeof *map), *rank = NULL, n_before;
    enum pz_status st = map ? unite_values(g, from, a, map, err)
                            : pz_err_memory(err, a->name, 8.0 * (double)g->n_in);

    if (st == PZ_OK && !(rank = pz_mem_array(a->values.n, sizeof *rank)))
        st = pz_err_memory(err, a->name, 4.0 * a->values.n);
    if (st == PZ_OK)
        st = lay_codes(g, from, map, a, rank, err);
    if (st == PZ_OK) {
        n_before = a->values.n;
        drop_unused(&a->values, rank);
        /* Nothing was dropped: the codes are right as they are. */
        for (uint64_t k = 0; a->values.n < n_before && k < a->ptr[g->n_rows]; k++)
            a->own.code[k] = rank[a->own.code[k]];
    }
    for (size_t k = 0; map && k < g->n_in; k++)
        free(map[k]);
    free(map);
    free(rank);
    return st;
}

static enum pz_status concat_column(const struct concat *g, struct pz_attr *a, struct pz_err *err)
{
    const struct pz_attr **from = pz_mem_array(g->n_in, sizeof(void *));
    bool missing = false;
    enum pz_status st;

    if (!from)
        return pz_err_memory(err, a->name, 1e3);
    for (size_t k = 0; k < g->n_in; k++) {
        from[k] = pz_attrs_find(g->in[k], a->name);
        missing |= g->used[k] && !from[k];
    }
    a->nullable |= missing;
    st = a->kind == PZ_ATTR_NUMBER || a->kind == PZ_ATTR_BOOL ? concat_numbers(g, from, a, err)
                                                              : concat_lists(g, from, a, err);
    free(from);
    return st;
}

static enum pz_status concat_present(const struct concat *g, struct pz_attrs *out,
                                     struct pz_err *err)
{
    uint8_t *present;
    bool any = false;

    for (size_t k = 0; k < g->n_in; k++)
        any |= g->in[k]->present != NULL;
    if (!any)
        return PZ_OK;
    out->present = out->own_present = present = pz_mem_array(g->n_rows, 1);
    if (!present)
        return pz_err_memory(err, "attributes", (double)g->n_rows);
    for (uint64_t r = 0; r < g->n_rows; r++) {
        const struct pz_source *s = &g->source[r];

        present[r] = s->part != PZ_NONE &&
                     (!g->in[s->part]->present || g->in[s->part]->present[s->row]);
    }
    return PZ_OK;
}

enum pz_status pz_attrs_concat(const struct pz_attrs *const *in, size_t n_in,
                               const struct pz_source *source, uint64_t n_rows,
                               struct pz_attrs *out, struct pz_err *err)
{
    struct concat g = { in, n_in, source, n_rows, pz_mem_array(n_in, 1) };
    enum pz_status st = g.used ? PZ_OK : pz_err_memory(err, "attributes", (double)n_in);

    memset(out, 0, sizeof *out);
    out->n_rows = n_rows;
    for (uint64_t r = 0; r < n_rows && g.used; r++)
        if (source[r].part != PZ_NONE)
            g.used[source[r].part] = 1;
    if (st == PZ_OK)
        st = unite_columns(&g, out, err);
    for (uint32_t i = 0; i < out->n_attrs && st == PZ_OK; i++)
        st = concat_column(&g, &out->attr[i], err);
    if (st == PZ_OK)
        st = concat_present(&g, out, err);
    free(g.used);
    if (st != PZ_OK)
        pz_attrs_clear(out);
    return st;
}
