/* SPDX-License-Identifier: Apache-2.0 */
/* Overlays: see overlay.h. Rows come in byte order of ids, so the ids are a dictionary as they
 * come. Cells are numbered by their text, column by column; at the end each distinct text is
 * parsed, or cut into its parts, once, and the rows look up.
 *
 * Columns that the model has keep its name and type, and what does not fit is null; the types of
 * others are inferred as an import would, so that a row means the same before and after the next
 * training. */
#include "live/overlay.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/str.h"
#include "data/schema.h"
#include "import/infer.h"

struct column {
    struct pz_field type;
    bool known;
    char key[PZ_NAME_MAX + 1]; /* as the rows write it */
    struct pz_dict_builder *texts;
    uint32_t *cell; /* [n_cells] number of the text + 1, 0: null; rows behind n_cells have nulls */
    size_t n_cells, cap;
};

struct building {
    const struct pz_attrs *model;
    enum pz_live_table table;
    struct column *column;
    size_t n_columns, cap_columns;
    uint64_t *offset; /* [n_rows + 1] */
    struct pz_str ids;
    size_t n_rows, cap_offset;
};

static enum pz_status no_memory(const struct building *b, struct pz_err *err)
{
    return pz_err_memory(err, "rows put since training", 64.0 * (double)b->n_rows);
}

/* ---- collecting cells ---- */

static struct column *add_column(struct building *b, const char *name)
{
    const struct pz_attr *a = pz_attrs_find(b->model, name);
    struct column *c;

    if (!pz_mem_grow(&b->column, &b->cap_columns, b->n_columns + 1, sizeof *b->column))
        return NULL;
    c = &b->column[b->n_columns];
    memset(c, 0, sizeof *c);
    c->known = a != NULL;
    strncpy(c->key, name, PZ_NAME_MAX);
    memcpy(c->type.name, a ? a->name : c->key, sizeof c->type.name);
    if (a) {
        c->type.kind = a->kind;
        c->type.whole = a->whole;
        c->type.wide = a->wide;
    }
    c->texts = pz_dict_builder_new();
    b->n_columns += c->texts != NULL;
    return c->texts ? c : NULL;
}

/* Rows mostly have their columns in one order: look first at place i. */
static struct column *find_column(struct building *b, size_t i, const char *name)
{
    if (i < b->n_columns && strcmp(b->column[i].key, name) == 0)
        return &b->column[i];
    for (size_t k = 0; k < b->n_columns; k++)
        if (pz_str_same_name(b->column[k].key, name))
            return &b->column[k];
    return add_column(b, name);
}

static bool set_cell(struct column *c, size_t row, const char *text)
{
    uint32_t number = pz_dict_builder_add(c->texts, text, strlen(text));

    if (number == PZ_NONE || !pz_mem_grow(&c->cell, &c->cap, row + 1, sizeof *c->cell))
        return false;
    memset(c->cell + c->n_cells, 0, (row - c->n_cells) * sizeof *c->cell);
    c->cell[row] = number + 1;
    c->n_cells = row + 1;
    return true;
}

static enum pz_status add_row(void *context, const struct pz_live_row *row, struct pz_err *err)
{
    struct building *b = context;

    if (!pz_mem_grow(&b->offset, &b->cap_offset, b->n_rows + 2, sizeof *b->offset))
        return no_memory(b, err);
    b->offset[b->n_rows] = b->ids.len;
    pz_str_adds(&b->ids, row->id);
    for (size_t i = 0; i < row->n; i++) {
        struct column *c = find_column(b, i, row->name[i]);

        /* a name twice in a row, in two spellings: the first counts */
        if (!c || (c->n_cells <= b->n_rows && !set_cell(c, b->n_rows, row->value[i])))
            return no_memory(b, err);
    }
    b->offset[++b->n_rows] = b->ids.len;
    return b->ids.failed ? no_memory(b, err) : PZ_OK;
}

/* ---- typing ---- */

static uint32_t cell_of(const struct column *c, size_t row)
{
    return row < c->n_cells ? c->cell[row] : 0;
}

static double parse(const struct pz_attr *a, const char *s, size_t n)
{
    double x;
    bool truth;

    if (a->kind == PZ_ATTR_BOOL)
        return pz_str_to_bool(s, n, &truth) ? truth : (double)NAN;
    if (!pz_str_to_double(s, n, &x))
        return NAN;
    return pz_attr_is_float(a) ? pz_as_float(x) : x;
}

static enum pz_status make_numbers(const struct building *b, const struct column *c,
                                   struct pz_attr *out, struct pz_err *err)
{
    uint32_t n_texts = pz_dict_builder_count(c->texts);
    double *value = pz_mem_array(n_texts, sizeof *value);
    double *num = pz_mem_array(b->n_rows, sizeof *num);

    out->num = out->own.num = num;
    /* Each distinct text is parsed once. */
    for (uint32_t i = 0; value && i < n_texts; i++) {
        size_t n;
        const char *s = pz_dict_builder_get(c->texts, i, &n);

        value[i] = parse(out, s, n);
    }
    for (size_t r = 0; value && num && r < b->n_rows; r++)
        num[r] = cell_of(c, r) ? value[cell_of(c, r) - 1] : (double)NAN;
    free(value);
    return value && num ? PZ_OK : no_memory(b, err);
}

/* The texts of a column as lists of values: text i has part[ptr[i]] .. part[ptr[i + 1]]. */
struct parts {
    uint64_t *ptr;
    uint32_t *part, *final;
    size_t n, cap;
};

static bool cut(struct pz_dict_builder *values, const char *s, size_t n, bool many, struct parts *p)
{
    const char *end = s + n;

    while (s < end) {
        const char *bar = many ? memchr(s, '|', (size_t)(end - s)) : NULL, *stop = bar ? bar : end,
                   *next = stop + (bar != NULL);
        size_t len = (size_t)(stop - s);

        pz_str_trim(&s, &len);
        if (len > 0) {
            if (!pz_mem_grow(&p->part, &p->cap, p->n + 1, sizeof *p->part))
                return false;
            p->part[p->n] = pz_dict_builder_add(values, s, len);
            if (p->part[p->n++] == PZ_NONE)
                return false;
        }
        s = next;
    }
    return true;
}

static bool cut_all(const struct column *c, bool many, struct pz_dict_builder *values,
                    struct parts *p)
{
    uint32_t n_texts = pz_dict_builder_count(c->texts);

    p->ptr = pz_mem_array((size_t)n_texts + 1, sizeof *p->ptr);
    for (uint32_t i = 0; p->ptr && values && i < n_texts; i++) {
        size_t n;
        const char *s = pz_dict_builder_get(c->texts, i, &n);

        if (!cut(values, s, n, many, p))
            return false;
        p->ptr[i + 1] = p->n;
    }
    return p->ptr && values;
}

/* Rows look up the parts of their texts. */
static bool fill_lists(const struct building *b, const struct column *c, const struct parts *p,
                       struct pz_attr *out)
{
    uint64_t *ptr = pz_mem_array(b->n_rows + 1, sizeof *ptr);
    uint32_t *code;

    out->ptr = out->own.ptr = ptr;
    for (size_t r = 0; ptr && r < b->n_rows; r++) {
        uint32_t cell = cell_of(c, r);

        ptr[r + 1] = ptr[r] + (cell ? p->ptr[cell] - p->ptr[cell - 1] : 0);
    }
    out->code = out->own.code = code = ptr ? pz_mem_array(ptr[b->n_rows], sizeof *code) : NULL;
    for (size_t r = 0; code && r < b->n_rows; r++)
        for (uint64_t k = 0; k < ptr[r + 1] - ptr[r]; k++)
            code[ptr[r] + k] = p->final[p->part[p->ptr[cell_of(c, r) - 1] + k]];
    return code != NULL;
}

static enum pz_status make_lists(const struct building *b, const struct column *c,
                                 struct pz_attr *out, struct pz_err *err)
{
    struct pz_dict_builder *values = pz_dict_builder_new();
    struct parts p = { NULL, NULL, NULL, 0, 0 };
    enum pz_status st = cut_all(c, out->kind == PZ_ATTR_CATEGORY, values, &p) ? PZ_OK
                                                                              : no_memory(b, err);

    if (st == PZ_OK)
        st = pz_dict_builder_finish(values, &out->values, &p.final, err);
    if (st == PZ_OK && !fill_lists(b, c, &p, out))
        st = no_memory(b, err);
    pz_dict_builder_free(values);
    free(p.ptr);
    free(p.part);
    free(p.final);
    return st;
}

/* The type of a column that the model does not have. */
static enum pz_status infer(const struct building *b, struct column *c, struct pz_err *err)
{
    struct pz_dict sorted = { 0 };
    uint64_t n_values = 0;
    enum pz_status st = pz_dict_builder_finish(c->texts, &sorted, NULL, err);

    for (size_t r = 0; r < c->n_cells; r++)
        n_values += c->cell[r] != 0;
    if (st == PZ_OK)
        pz_infer(&c->type, &sorted,
                 /* The same inference as an import's, so that a column does not change its type
                  * when the rows become data. */
                 &(struct pz_infer_cfg){ .n_rows = n_values,
                                         .long_texts = b->table == PZ_LIVE_ITEMS },
                 NULL);
    pz_dict_clear(&sorted);
    return st;
}

static enum pz_status make_attr(const struct building *b, struct column *c, struct pz_attr *out,
                                struct pz_err *err)
{
    enum pz_status st = c->known ? PZ_OK : infer(b, c, err);

    memcpy(out->name, c->type.name, sizeof out->name);
    out->kind = c->type.kind;
    out->nullable = true;
    out->whole = c->type.whole;
    out->wide = c->type.wide;
    if (st != PZ_OK)
        return st;
    return out->kind == PZ_ATTR_NUMBER || out->kind == PZ_ATTR_BOOL ? make_numbers(b, c, out, err)
                                                                    : make_lists(b, c, out, err);
}

static enum pz_status make_overlay(struct building *b, struct pz_overlay *o, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    o->ids = pz_dict_own((uint32_t)b->n_rows, b->offset, b->ids.data);
    b->offset = NULL;
    b->ids.data = NULL;
    o->attrs = (struct pz_attrs){ .n_rows = b->n_rows };
    o->attrs.attr = pz_mem_array(b->n_columns, sizeof *o->attrs.attr);
    if (!o->attrs.attr)
        return no_memory(b, err);
    for (size_t i = 0; i < b->n_columns && st == PZ_OK; i++)
        st = make_attr(b, &b->column[i], &o->attrs.attr[o->attrs.n_attrs++], err);
    return st;
}

enum pz_status pz_overlay_build(struct pz_live_store *s, enum pz_live_table table, uint64_t after,
                                const struct pz_attrs *known, struct pz_overlay **out,
                                struct pz_err *err)
{
    struct building b = { .model = known, .table = table };
    struct pz_overlay *o = NULL;
    enum pz_status st = pz_live_each_row(s, table, after, add_row, &b, err);

    if (st == PZ_OK && b.n_rows > 0) {
        o = calloc(1, sizeof *o);
        st = o ? make_overlay(&b, o, err) : no_memory(&b, err);
    }
    for (size_t i = 0; i < b.n_columns; i++) {
        pz_dict_builder_free(b.column[i].texts);
        free(b.column[i].cell);
    }
    free(b.column);
    free(b.offset);
    free(b.ids.data);
    if (st != PZ_OK) {
        pz_overlay_free(o);
        o = NULL;
    }
    *out = o;
    return st;
}

/* ---- together with rows put later ---- */

enum pz_status pz_overlay_merge(const struct pz_overlay *old, const struct pz_overlay *since,
                                struct pz_overlay **out, struct pz_source **source,
                                struct pz_err *err)
{
    const struct pz_dict *ids[2] = { &old->ids, since ? &since->ids : NULL };
    const struct pz_attrs *in[2] = { &old->attrs, since ? &since->attrs : NULL };
    size_t n_in = since ? 2 : 1;
    uint32_t *map[2] = { NULL, NULL };
    struct pz_overlay *o = calloc(1, sizeof *o);
    enum pz_status st = o ? pz_dict_merge(ids, n_in, &o->ids, map, err)
                          : pz_err_memory(err, "rows put since training", sizeof *o);

    *source = st == PZ_OK ? pz_mem_array(o->ids.n, sizeof **source) : NULL;
    if (st == PZ_OK && !*source)
        st = pz_err_memory(err, "rows put since training", 16.0 * o->ids.n);
    for (uint32_t k = 0; k < n_in && st == PZ_OK; k++)
        for (uint32_t i = 0; i < ids[k]->n; i++)
            (*source)[map[k][i]] = (struct pz_source){ k, i };
    if (st == PZ_OK)
        st = pz_attrs_concat(in, n_in, *source, o->ids.n, &o->attrs, err);
    for (uint32_t i = 0; st == PZ_OK && i < o->attrs.n_attrs; i++)
        o->attrs.attr[i].nullable = true;
    free(map[0]);
    free(map[1]);
    if (st != PZ_OK) {
        pz_overlay_free(o);
        free(*source);
        o = NULL;
        *source = NULL;
    }
    *out = o;
    return st;
}

enum pz_status pz_overlay_save(const struct pz_overlay *o, const char *prefix, struct pz_writer *w,
                               struct pz_err *err)
{
    enum pz_status st = pz_writer_add_dict(w, prefix, &o->ids, err);

    if (st == PZ_OK)
        st = pz_writer_add(w, "row", PZ_U32, o->row, o->ids.n, err);
    return st == PZ_OK ? pz_attrs_save(&o->attrs, prefix, w, err) : st;
}

enum pz_status pz_overlay_load(struct pz_table *t, const char *prefix, struct pz_overlay **out,
                               struct pz_err *err)
{
    struct pz_overlay *o = calloc(1, sizeof *o);
    const void *row = NULL;
    enum pz_status st = o ? pz_table_get_dict(t, prefix, &o->ids, err)
                          : pz_err_memory(err, "rows put since training", sizeof *o);

    if (st == PZ_OK)
        st = pz_table_get(t, "row", PZ_U32, o->ids.n, &row, NULL, err);
    if (st == PZ_OK)
        st = pz_attrs_load(t, prefix, &o->attrs, err);
    if (st == PZ_OK && o->attrs.n_rows != o->ids.n)
        st = pz_err_set(err, PZ_BAD_DATA, "the rows put since training are damaged");
    if (st != PZ_OK) {
        pz_overlay_free(o);
        o = NULL;
    } else {
        o->row = row;
    }
    *out = o;
    return st;
}

void pz_overlay_free(struct pz_overlay *o)
{
    if (!o)
        return;
    pz_dict_clear(&o->ids);
    pz_attrs_clear(&o->attrs);
    free(o->own_row);
    free(o);
}
