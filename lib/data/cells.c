/* SPDX-License-Identifier: Apache-2.0 */
/* Columns while they are read: see cells.h. */
#include "data/cells.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

enum pz_status pz_cells_add(struct pz_cells *c, uint64_t row, const char *s, size_t n,
                            struct pz_err *err)
{
    uint32_t code = PZ_NONE;

    if (!c->values)
        c->values = pz_dict_builder_new();
    if (c->values && n > 0)
        code = pz_dict_builder_add(c->values, s, n);
    if (!c->values || (n > 0 && code == PZ_NONE) ||
        !pz_mem_grow(&c->code, &c->cap, row + 1, sizeof *c->code))
        return pz_err_memory(err, c->name, 4.0 * (double)row);
    while (c->n < row)
        c->code[c->n++] = PZ_NONE;
    c->code[c->n++] = code;
    return PZ_OK;
}

void pz_cells_clear(struct pz_cells *c)
{
    pz_dict_builder_free(c->values);
    free(c->code);
    memset(c, 0, sizeof *c);
}

static bool parse_number(const struct pz_cells *c, const struct pz_field *f, const char *s, size_t n,
                         double *x)
{
    enum pz_time_form form;
    int64_t seconds;

    if (c->is_time) {
        if (!pz_time_guess(s, n, &form) || !pz_time_parse(s, n, form, &seconds))
            return false;
        *x = (double)seconds;
        return true;
    }
    if (f->kind == PZ_ATTR_BOOL) {
        *x = n == 4 && memcmp(s, "true", 4) == 0;
        return *x == 1 || (n == 5 && memcmp(s, "false", 5) == 0);
    }
    if (!pz_str_to_double(s, n, x))
        return false;
    if (f->kind == PZ_ATTR_NUMBER && !f->whole && !f->wide)
        *x = (double)(float)*x;
    return !f->whole || *x == floor(*x);
}

static enum pz_status finish_numbers(const struct pz_cells *c, uint64_t n_rows,
                                     const struct pz_field *f, struct pz_attr *out,
                                     struct pz_err *err)
{
    uint32_t n_values = pz_dict_builder_count(c->values);
    double *value = pz_mem_array(n_values, sizeof *value);
    double *num = pz_mem_array(n_rows, sizeof *num);
    enum pz_status st = value && num ? PZ_OK : pz_err_memory(err, c->name, 8.0 * (double)n_rows);

    for (uint32_t i = 0; i < n_values && st == PZ_OK; i++) {
        size_t len;
        const char *s = pz_dict_builder_get(c->values, i, &len);

        if (!parse_number(c, f, s, len, &value[i]))
            st = pz_err_set(err, PZ_BAD_DATA, "column %s: not %s: \"%.*s\"", c->name,
                            f->kind == PZ_ATTR_BOOL ? "true or false"
                            : f->whole              ? "a whole number"
                                                    : "a number",
                            (int)(len < 60 ? len : 60), s);
    }
    for (uint64_t r = 0; r < n_rows && st == PZ_OK; r++)
        num[r] = r < c->n && c->code[r] != PZ_NONE ? value[c->code[r]] : NAN;
    free(value);
    out->num = num;
    return st;
}

/* The next part of "A|B" at *s; false at the end. Empty parts are passed over. */
static bool next_part(const char **s, const char *end, bool split, const char **part, size_t *n)
{
    while (*s < end) {
        const char *bar = split ? memchr(*s, '|', (size_t)(end - *s)) : NULL;

        *part = *s;
        *n = (size_t)((bar ? bar : end) - *s);
        *s = bar ? bar + 1 : end;
        if (*n > 0)
            return true;
    }
    return false;
}

/* Lists of part numbers for each distinct value. */
struct part_lists {
    uint64_t *ptr; /* [n_values + 1] */
    uint32_t *part;
    size_t cap;
    struct pz_dict_builder *parts;
    uint32_t *final;
};

static enum pz_status split_values(const struct pz_cells *c, bool split, struct part_lists *l,
                                   struct pz_dict *values, struct pz_err *err)
{
    uint32_t n_values = pz_dict_builder_count(c->values);
    uint64_t n = 0;

    l->parts = pz_dict_builder_new();
    l->ptr = pz_mem_array((size_t)n_values + 1, sizeof *l->ptr);
    if (!l->parts || !l->ptr)
        return pz_err_memory(err, c->name, 8.0 * n_values);
    for (uint32_t i = 0; i < n_values; i++) {
        size_t len;
        const char *s = pz_dict_builder_get(c->values, i, &len), *end = s + len, *part;

        while (next_part(&s, end, split, &part, &len)) {
            if (!pz_mem_grow(&l->part, &l->cap, n + 1, sizeof *l->part) ||
                (l->part[n++] = pz_dict_builder_add(l->parts, part, len)) == PZ_NONE)
                return pz_err_memory(err, c->name, 4.0 * (double)n);
        }
        l->ptr[i + 1] = n;
    }
    return pz_dict_builder_finish(l->parts, values, &l->final, err);
}

static enum pz_status finish_lists(const struct pz_cells *c, uint64_t n_rows, bool split,
                                   struct pz_attr *out, struct pz_err *err)
{
    struct part_lists l = { 0 };
    enum pz_status st = split_values(c, split, &l, &out->values, err);
    uint64_t *ptr = pz_mem_array(n_rows + 1, sizeof *ptr);
    uint32_t *code = NULL;

    if (st == PZ_OK && !ptr)
        st = pz_err_memory(err, c->name, 8.0 * (double)n_rows);
    out->ptr = ptr;
    for (uint64_t r = 0; r < n_rows && st == PZ_OK; r++) {
        uint32_t v = r < c->n ? c->code[r] : PZ_NONE;

        ptr[r + 1] = ptr[r] + (v == PZ_NONE ? 0 : l.ptr[v + 1] - l.ptr[v]);
    }
    if (st == PZ_OK && !(code = pz_mem_array(ptr[n_rows], sizeof *code)))
        st = pz_err_memory(err, c->name, 4.0 * (double)ptr[n_rows]);
    out->code = code;
    for (uint64_t r = 0; r < n_rows && st == PZ_OK; r++)
        for (uint64_t k = 0; k < ptr[r + 1] - ptr[r]; k++)
            code[ptr[r] + k] = l.final[l.part[l.ptr[c->code[r]] + k]];
    free(l.ptr);
    free(l.part);
    free(l.final);
    pz_dict_builder_free(l.parts);
    return st;
}

static enum pz_status infer(const struct pz_cells *c, uint64_t n_rows, struct pz_field *guess,
                            struct pz_err *err)
{
    struct pz_dict cells;
    enum pz_status st = pz_dict_builder_finish(c->values, &cells, NULL, err);

    if (st == PZ_OK) {
        strcpy(guess->name, c->name);
        pz_schema_infer(guess, &cells, n_rows, true);
        pz_dict_clear(&cells);
    }
    return st;
}

enum pz_status pz_cells_finish(struct pz_cells *c, uint64_t n_rows, const struct pz_field *field,
                               struct pz_attr *out, struct pz_err *err)
{
    struct pz_field guess = { .kind = PZ_ATTR_STRING };
    bool has_null = c->n < n_rows;
    enum pz_status st = PZ_OK;

    memset(out, 0, sizeof *out);
    if (!c->values && !(c->values = pz_dict_builder_new()))
        return pz_err_memory(err, c->name, 1e3);
    for (uint64_t r = 0; r < c->n && !has_null; r++)
        has_null = c->code[r] == PZ_NONE;
    if (!field) {
        if (c->is_time)
            guess = (struct pz_field){ .kind = PZ_ATTR_NUMBER, .whole = true, .wide = true };
        else
            st = infer(c, n_rows, &guess, err);
        if (st != PZ_OK)
            return st;
        guess.nullable = has_null;
        field = &guess;
    } else if (has_null && !field->nullable) {
        return pz_err_set(err, PZ_BAD_DATA,
                          "column %s has empty cells, which its schema does not allow; make the type "
                          "[\"null\", ...] or fill them",
                          c->name);
    }
    strcpy(out->name, field->name[0] ? field->name : c->name);
    out->kind = field->kind;
    out->nullable = field->nullable;
    out->whole = field->whole;
    out->wide = field->wide;
    if (field->kind == PZ_ATTR_NUMBER || field->kind == PZ_ATTR_BOOL)
        return finish_numbers(c, n_rows, field, out, err);
    return finish_lists(c, n_rows, field->kind == PZ_ATTR_CATEGORY, out, err);
}
