/* SPDX-License-Identifier: Apache-2.0 */
/* Columns: see columns.h.
 *
 * A text column is the numbers of its distinct cells. The cells of all threads are united and
 * sorted, the type is inferred from them where no schema gives it, and each distinct cell is turned
 * into a number, or into its parts between '|', once; the rows then only look up. */
#include "import/columns.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "import/cell.h"

/* One text column while it is typed. */
struct cells {
    struct pz_dict dict;   /* distinct cells */
    uint32_t **map;        /* [n_workers][...] number -> index */
    uint64_t *code;        /* [longest row group] scratch */
    uint64_t *part_ptr;    /* CATEGORY: [dict.n + 1] into part */
    uint32_t *part;        /* indices of values */
    struct pz_dict values; /* CATEGORY: distinct parts */
};

size_t pz_staged_longest(const struct pz_staged *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->staging->n; i++)
        n = s->staging->group[i].n_rows > n ? s->staging->group[i].n_rows : n;
    return n;
}

static void cells_clear(const struct pz_staged *s, struct cells *c)
{
    pz_dict_clear(&c->dict);
    pz_dict_clear(&c->values);
    for (int k = 0; k < s->n_workers && c->map; k++)
        free(c->map[k]);
    free(c->map);
    free(c->code);
    free(c->part_ptr);
    free(c->part);
}

static enum pz_status unite_cells(const struct pz_staged *s, uint32_t f, struct cells *c,
                                  struct pz_err *err)
{
    struct pz_texts **text = pz_mem_array((size_t)s->n_workers, sizeof *text);
    enum pz_status st = PZ_OK;

    c->map = pz_mem_array((size_t)s->n_workers, sizeof *c->map);
    c->code = pz_mem_array(pz_staged_longest(s), sizeof *c->code);
    if (!text || !c->map || !c->code)
        st = pz_err_memory(err, "a column", 8.0 * (double)pz_staged_longest(s));
    for (int k = 0; k < s->n_workers && st == PZ_OK; k++)
        text[k] = &s->worker[k].text[s->mapping->table][f];
    if (st == PZ_OK)
        st = pz_texts_unite(text, (size_t)s->n_workers, &c->dict, c->map, err);
    for (int k = 0; k < s->n_workers && st == PZ_OK; k++)
        pz_texts_clear(text[k]);
    free(text);
    return st;
}

/* Turn a row group's codes, in place, into index + 1 of the cell, 0 for null. */
static void read_codes(const struct pz_row_group *group, uint32_t f, uint32_t *const *map,
                       uint64_t *code)
{
    pz_row_group_read(group, f, 0, code);
    for (uint32_t r = 0; r < group->n_rows; r++)
        if (code[r] > 0)
            code[r] = (uint64_t)map[group->worker][code[r] - 1] + 1;
}

static uint64_t count_nulls(const struct pz_staged *s, uint32_t f, uint64_t *code)
{
    uint64_t n = 0, null = pz_role_null(s->mapping->field[f].role);

    for (size_t i = 0; i < s->staging->n; i++) {
        pz_row_group_read(&s->staging->group[i], f, null, code);
        for (uint32_t r = 0; r < s->staging->group[i].n_rows; r++)
            n += code[r] == null;
    }
    return n;
}

/* ---- numbers ---- */

/* The value of every cell, by the field's type. Inferred types cannot fail here. */
static double *parse_cells(const struct pz_field *f, const struct pz_dict *dict)
{
    double *value = pz_mem_array(dict->n, sizeof *value);

    for (uint32_t i = 0; value && i < dict->n; i++) {
        size_t n;
        const char *s = pz_dict_get(dict, i, &n);
        uint64_t code = 0;

        if (f->kind == PZ_ATTR_BOOL)
            pz_encode_bool(s, n, &code);
        else
            pz_encode_number(f, s, n, &code);
        memcpy(&value[i], &code, sizeof *value);
    }
    return value;
}

static enum pz_status fill_numbers_from_cells(const struct pz_staged *s, uint32_t f,
                                              const struct pz_field *type, struct cells *c,
                                              double *num, struct pz_err *err)
{
    double *value = parse_cells(type, &c->dict);
    uint64_t at = 0;

    if (!value)
        return pz_err_memory(err, type->name, 8.0 * c->dict.n);
    for (size_t i = 0; i < s->staging->n; i++) {
        const struct pz_row_group *group = &s->staging->group[i];

        read_codes(group, f, c->map, c->code);
        for (uint32_t r = 0; r < group->n_rows; r++)
            num[at++] = c->code[r] ? value[c->code[r] - 1] : (double)NAN;
    }
    free(value);
    return PZ_OK;
}

/* Words that are numbers or times already. */
static void fill_numbers_from_codes(const struct pz_staged *s, uint32_t f, uint64_t *code,
                                    double *num)
{
    enum pz_role role = s->mapping->field[f].role;
    uint64_t at = 0;

    for (size_t i = 0; i < s->staging->n; i++) {
        const struct pz_row_group *group = &s->staging->group[i];

        pz_row_group_read(group, f, pz_role_null(role), code);
        if (role != PZ_ROLE_CREATED) {
            memcpy(num + at, code, group->n_rows * sizeof *num);
            at += group->n_rows;
            continue;
        }
        for (uint32_t r = 0; r < group->n_rows; r++)
            num[at++] = code[r] ? (double)pz_decode_time(code[r]) : (double)NAN;
    }
}

/* ---- lists ---- */

/* Cut every cell at '|'; empty parts are dropped. */
static enum pz_status split_cells(struct cells *c, struct pz_err *err)
{
    struct pz_dict_builder *b = pz_dict_builder_new();
    uint32_t *final = NULL;
    size_t cap = 0, n = 0;
    bool good = b && (c->part_ptr = pz_mem_array((size_t)c->dict.n + 1, sizeof *c->part_ptr));
    enum pz_status st = PZ_OK;

    for (uint32_t i = 0; i < c->dict.n && good; i++) {
        size_t len;
        const char *s = pz_dict_get(&c->dict, i, &len), *end = s + len;

        while (s < end && good) {
            const char *bar = memchr(s, '|', (size_t)(end - s)), *stop = bar ? bar : end;

            if (stop > s) {
                good = pz_mem_grow(&c->part, &cap, n + 1, sizeof *c->part) &&
                       (c->part[n] = pz_dict_builder_add(b, s, (size_t)(stop - s))) != PZ_NONE;
                n++;
            }
            s = stop + (bar != NULL);
        }
        c->part_ptr[i + 1] = n;
    }
    if (!good)
        st = pz_err_memory(err, "categories", 4.0 * (double)n);
    if (st == PZ_OK)
        st = pz_dict_builder_finish(b, &c->values, &final, err);
    for (size_t k = 0; k < n && st == PZ_OK; k++)
        c->part[k] = final[c->part[k]];
    free(final);
    pz_dict_builder_free(b);
    return st;
}

/* STRING and TEXT: every cell is its own single part. */
static enum pz_status whole_cells(struct cells *c, struct pz_err *err)
{
    c->part_ptr = pz_mem_array((size_t)c->dict.n + 1, sizeof *c->part_ptr);
    c->part = pz_mem_array(c->dict.n, sizeof *c->part);
    if (!c->part_ptr || !c->part)
        return pz_err_memory(err, "texts", 12.0 * c->dict.n);
    for (uint32_t i = 0; i < c->dict.n; i++) {
        c->part[i] = i;
        c->part_ptr[i + 1] = i + 1;
    }
    c->values = c->dict;
    memset(&c->dict, 0, sizeof c->dict);
    return PZ_OK;
}

static uint64_t *make_row_ptr(const struct pz_staged *s, uint32_t f, struct cells *c)
{
    uint64_t *ptr = pz_mem_array(s->staging->n_rows + 1, sizeof *ptr), at = 0;

    for (size_t i = 0; ptr && i < s->staging->n; i++) {
        read_codes(&s->staging->group[i], f, c->map, c->code);
        for (uint32_t r = 0; r < s->staging->group[i].n_rows; r++, at++) {
            uint64_t cell = c->code[r];

            ptr[at + 1] = ptr[at] + (cell ? c->part_ptr[cell] - c->part_ptr[cell - 1] : 0);
        }
    }
    return ptr;
}

static enum pz_status fill_lists(const struct pz_staged *s, uint32_t f, struct cells *c,
                                 struct pz_attr *out, struct pz_err *err)
{
    uint64_t *ptr = make_row_ptr(s, f, c), at = 0;
    uint32_t *code = ptr ? pz_mem_array(ptr[s->staging->n_rows], sizeof *code) : NULL;

    out->ptr = ptr;
    out->code = code;
    if (!code)
        return pz_err_memory(err, out->name, 12.0 * (double)s->staging->n_rows);
    for (size_t i = 0; i < s->staging->n; i++) {
        read_codes(&s->staging->group[i], f, c->map, c->code);
        for (uint32_t r = 0; r < s->staging->group[i].n_rows; r++, at++) {
            uint64_t cell = c->code[r], n = ptr[at + 1] - ptr[at];

            out->nullable |= n == 0; /* also a cell of nothing but '|' */
            if (n > 0)
                memcpy(code + ptr[at], c->part + c->part_ptr[cell - 1], n * sizeof *code);
        }
    }
    out->values = c->values;
    memset(&c->values, 0, sizeof c->values);
    return PZ_OK;
}

/* ---- a column ---- */

static enum pz_status fill_attr(const struct pz_staged *s, uint32_t f, const struct pz_field *type,
                                struct cells *c, struct pz_attr *out, struct pz_err *err)
{
    double *num = NULL;
    enum pz_status st;

    if (type->kind == PZ_ATTR_NUMBER || type->kind == PZ_ATTR_BOOL) {
        out->num = num = pz_mem_array(s->staging->n_rows, sizeof *num);
        if (!num)
            return pz_err_memory(err, type->name, 8.0 * (double)s->staging->n_rows);
        if (s->mapping->field[f].role == PZ_ROLE_TEXT)
            return fill_numbers_from_cells(s, f, type, c, num, err);
        fill_numbers_from_codes(s, f, c->code, num);
        return PZ_OK;
    }
    st = type->kind == PZ_ATTR_CATEGORY ? split_cells(c, err) : whole_cells(c, err);
    return st == PZ_OK ? fill_lists(s, f, c, out, err) : st;
}

static enum pz_status make_attr(const struct pz_staged *s, uint32_t f, struct pz_attr *out,
                                struct pz_err *err)
{
    const struct pz_mapping_field *field = &s->mapping->field[f];
    struct pz_field type = field->f;
    struct cells c = { .map = NULL };
    uint64_t nulls;
    enum pz_status st = unite_cells(s, f, &c, err);

    if (st == PZ_OK) {
        nulls = count_nulls(s, f, c.code);
        if (!field->given)
            pz_schema_infer(&type, &c.dict, s->staging->n_rows - nulls,
                            s->mapping->table == PZ_ITEMS);
        if (!s->mapping->by_schema)
            type.nullable = nulls > 0;
        memcpy(out->name, type.name, sizeof out->name);
        out->kind = type.kind;
        out->nullable = type.nullable;
        out->whole = type.whole;
        out->wide = type.wide;
        st = fill_attr(s, f, &type, &c, out, err);
        pz_staging_drop(s->staging, f);
    }
    cells_clear(s, &c);
    return st;
}

static bool is_attribute(enum pz_role role)
{
    return role == PZ_ROLE_CREATED || role == PZ_ROLE_NUMBER || role == PZ_ROLE_BOOL ||
           role == PZ_ROLE_TEXT;
}

/* Fields in the order of the schema, or in that of their first appearance. */
static size_t order_fields(const struct pz_mapping *mapping, uint32_t *order)
{
    size_t n = 0;

    for (uint32_t f = 0; f < mapping->n; f++) {
        const struct pz_mapping_field *field = &mapping->field[f], *other;
        size_t at = n++;

        while (at > 0 && !mapping->by_schema && (other = &mapping->field[order[at - 1]]) &&
               (other->first > field->first ||
                (other->first == field->first && other->first_at > field->first_at))) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = f;
    }
    return n;
}

enum pz_status pz_columns_make(const struct pz_staged *s, struct pz_attrs *out, struct pz_err *err)
{
    uint32_t *order = pz_mem_array(PZ_MAPPING_MAX, sizeof *order);
    size_t n = order ? order_fields(s->mapping, order) : 0;
    enum pz_status st = PZ_OK;

    *out = (struct pz_attrs){ .n_rows = s->staging->n_rows, .owned = true };
    out->attr = pz_mem_array(s->mapping->n, sizeof *out->attr);
    if (!order || !out->attr)
        st = pz_err_memory(err, "columns", 1e4);
    for (size_t i = 0; i < n && st == PZ_OK; i++)
        if (is_attribute(s->mapping->field[order[i]].role))
            st = make_attr(s, order[i], &out->attr[out->n_attrs++], err);
    free(order);
    return st;
}
