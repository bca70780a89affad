/* SPDX-License-Identifier: Apache-2.0 */
/* Gathering attribute rows: what merging datasets and sorting context columns have in common. A column
 * of codes is gathered in two passes: count, then fill with the values' numbers in a new dictionary, so
 * that values nobody uses any more leave the file. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "data/attrs.h"

struct gather {
    const struct pz_attrs *const *in;
    size_t n_in;
    const struct pz_source *source;
    uint64_t n_rows;
};

/* The columns' union, kinds compared. */
static enum pz_status unite_columns(const struct gather *g, struct pz_attrs *out,
                                    struct pz_err *err)
{
    size_t cap = 0;

    for (size_t k = 0; k < g->n_in; k++)
        for (uint32_t i = 0; i < g->in[k]->n_attrs; i++) {
            const struct pz_attr *a = &g->in[k]->attr[i];
            struct pz_attr *have = (struct pz_attr *)(uintptr_t)pz_attrs_find(out, a->name);

            if (have && have->kind != a->kind)
                return pz_err_set(err, PZ_BAD_DATA, "column %s has different types in the datasets",
                                  a->name);
            if (have) {
                have->nullable |= a->nullable;
                have->wide |= a->wide;
                have->whole &= a->whole;
                continue;
            }
            if (!pz_mem_grow(&out->attr, &cap, (size_t)out->n_attrs + 1, sizeof *out->attr))
                return pz_err_memory(err, "attributes", 1e4);
            out->attr[out->n_attrs] = *a;
            out->attr[out->n_attrs].num = NULL;
            out->attr[out->n_attrs].ptr = NULL;
            out->attr[out->n_attrs].code = NULL;
            memset(&out->attr[out->n_attrs++].values, 0, sizeof(struct pz_dict));
        }
    return PZ_OK;
}


static enum pz_status gather_numbers(const struct gather *g, const struct pz_attr **from,
                                     struct pz_attr *a, struct pz_err *err)
{
    double *num = pz_mem_array(g->n_rows, sizeof *num);

    if (!num)
        return pz_err_memory(err, a->name, 8.0 * (double)g->n_rows);
    for (uint64_t r = 0; r < g->n_rows; r++) {
        const struct pz_attr *src = g->source[r].part == PZ_NONE ? NULL : from[g->source[r].part];

        num[r] = src ? src->num[g->source[r].row] : NAN;
    }
    a->num = num;
    return PZ_OK;
}

static uint64_t list_length(const struct pz_attr *src, uint64_t row)
{
    return src ? src->ptr[row + 1] - src->ptr[row] : 0;
}

/* Fill ptr and, through the builder, temporary codes. */
static enum pz_status gather_lists(const struct gather *g, const struct pz_attr **from,
                                   struct pz_attr *a, struct pz_err *err)
{
    uint64_t *ptr = pz_mem_array(g->n_rows + 1, sizeof *ptr);
    uint32_t *code = NULL, *final = NULL;
    struct pz_dict_builder *b = pz_dict_builder_new();
    enum pz_status st = ptr && b ? PZ_OK : pz_err_memory(err, a->name, 8.0 * (double)g->n_rows);

    a->ptr = ptr;
    for (uint64_t r = 0; r < g->n_rows && st == PZ_OK; r++)
        ptr[r + 1] = ptr[r] + list_length(g->source[r].part == PZ_NONE ? NULL
                                                                       : from[g->source[r].part],
                                          g->source[r].row);
    if (st == PZ_OK && !(code = pz_mem_array(ptr[g->n_rows], sizeof *code)))
        st = pz_err_memory(err, a->name, 4.0 * (double)ptr[g->n_rows]);
    a->code = code;
    for (uint64_t r = 0; r < g->n_rows && st == PZ_OK; r++) {
        const struct pz_attr *src = g->source[r].part == PZ_NONE ? NULL : from[g->source[r].part];

        for (uint64_t k = 0; k < ptr[r + 1] - ptr[r] && st == PZ_OK; k++) {
            size_t len;
            const char *s = pz_dict_get(&src->values, src->code[src->ptr[g->source[r].row] + k], &len);

            code[ptr[r] + k] = pz_dict_builder_add(b, s, len);
            if (code[ptr[r] + k] == PZ_NONE)
                st = pz_err_memory(err, a->name, 1e6);
        }
    }
    if (st == PZ_OK)
        st = pz_dict_builder_finish(b, &a->values, &final, err);
    for (uint64_t k = 0; st == PZ_OK && k < ptr[g->n_rows]; k++)
        code[k] = final[code[k]];
    free(final);
    pz_dict_builder_free(b);
    return st;
}

static enum pz_status gather_column(const struct gather *g, struct pz_attr *a, struct pz_err *err)
{
    const struct pz_attr **from = pz_mem_array(g->n_in, sizeof(void *));
    bool missing = false;
    enum pz_status st;

    if (!from)
        return pz_err_memory(err, a->name, 1e3);
    for (size_t k = 0; k < g->n_in; k++) {
        from[k] = pz_attrs_find(g->in[k], a->name);
        missing |= !from[k];
    }
    a->nullable |= missing;
    st = a->kind == PZ_ATTR_NUMBER || a->kind == PZ_ATTR_BOOL ? gather_numbers(g, from, a, err)
                                                              : gather_lists(g, from, a, err);
    free(from);
    return st;
}

static enum pz_status gather_present(const struct gather *g, struct pz_attrs *out,
                                     struct pz_err *err)
{
    uint8_t *present;
    bool any = false;

    for (size_t k = 0; k < g->n_in; k++)
        any |= g->in[k]->present != NULL;
    if (!any)
        return PZ_OK;
    out->present = present = pz_mem_array(g->n_rows, 1);
    if (!present)
        return pz_err_memory(err, "attributes", (double)g->n_rows);
    for (uint64_t r = 0; r < g->n_rows; r++) {
        const struct pz_source *s = &g->source[r];

        present[r] = s->part != PZ_NONE &&
                     (!g->in[s->part]->present || g->in[s->part]->present[s->row]);
    }
    return PZ_OK;
}

enum pz_status pz_attrs_gather(const struct pz_attrs *const *in, size_t n_in,
                               const struct pz_source *source, uint64_t n_rows,
                               struct pz_attrs *out, struct pz_err *err)
{
    struct gather g = { in, n_in, source, n_rows };
    enum pz_status st;

    memset(out, 0, sizeof *out);
    out->n_rows = n_rows;
    out->owned = true;
    st = unite_columns(&g, out, err);
    for (uint32_t i = 0; i < out->n_attrs && st == PZ_OK; i++)
        st = gather_column(&g, &out->attr[i], err);
    if (st == PZ_OK)
        st = gather_present(&g, out, err);
    if (st != PZ_OK)
        pz_attrs_clear(out);
    return st;
}
