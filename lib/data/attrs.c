/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes: see attrs.h. On disk: PREFIX/schema (text: "rows N", then a line an attribute: its
 * name, its kind, and those of "nullable", "whole" and "wide" that hold, with one blank between)
 * and per attribute PREFIX/NAME.num (f64), or PREFIX/NAME.ptr (u64), .code (u32) and the
 * dictionary PREFIX/NAME.values; PREFIX/present (u8).
 *
 * Names have no blanks (the importer sees to it). What comes from a packed file is checked
 * before it is used: the count of rows, that offsets ascend, and that every code is one of the
 * dictionary's. */
#include "data/attrs.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "table/lists.h"

const struct pz_attr *pz_attrs_find(const struct pz_attrs *attrs, const char *name)
{
    for (uint32_t a = 0; attrs && a < attrs->n_attrs; a++)
        if (pz_str_same_name(attrs->attr[a].name, name))
            return &attrs->attr[a];
    return NULL;
}

static bool ends_in(const char *name, const char *word)
{
    size_t n = strlen(name), m = strlen(word);

    return n >= m && pz_str_same_name(name + n - m, word);
}

const struct pz_attr *pz_attrs_title(const struct pz_attrs *attrs)
{
    static const char *const likely[] = { "TITLE",        "NAME",       "ITEM_NAME",
                                          "PRODUCT_NAME", "ITEM_TITLE", "PRODUCT_TITLE",
                                          "MOVIE_TITLE" };

    for (size_t i = 0; i < sizeof likely / sizeof *likely; i++) {
        const struct pz_attr *a = pz_attrs_find(attrs, likely[i]);

        if (a && !a->num)
            return a;
    }
    for (uint32_t i = 0; attrs && i < attrs->n_attrs; i++) {
        const struct pz_attr *a = &attrs->attr[i];

        if (!a->num && (ends_in(a->name, "TITLE") || ends_in(a->name, "NAME")) &&
            2 * (uint64_t)a->values.n > attrs->n_rows)
            return a;
    }
    return NULL;
}

static const char *const kind_names[] = { "number", "bool", "category", "text", "string" };

/* More rows than any machine can hold: a damaged count, refused before it enters a sum. */
#define MAX_ROWS (UINT64_C(1) << 48)

static bool has_numbers(const struct pz_attr *a)
{
    return a->kind == PZ_ATTR_NUMBER || a->kind == PZ_ATTR_BOOL;
}

static const char *column(char *buf, const char *prefix, const char *name, const char *part)
{
    snprintf(buf, PZ_NAME_MAX * 2, "%s/%s%s", prefix, name, part);
    return buf;
}

static enum pz_status save_attr(const struct pz_attrs *attrs, const struct pz_attr *a,
                                const char *prefix, struct pz_writer *w, struct pz_err *err)
{
    char name[PZ_NAME_MAX * 2];
    enum pz_status st;

    if (has_numbers(a))
        return pz_writer_add(w, column(name, prefix, a->name, ".num"), PZ_F64, a->num,
                             attrs->n_rows, err);
    st = pz_writer_add(w, column(name, prefix, a->name, ".ptr"), PZ_U64, a->ptr, attrs->n_rows + 1,
                       err);
    if (st == PZ_OK)
        st = pz_writer_add(w, column(name, prefix, a->name, ".code"), PZ_U32, a->code,
                           a->ptr[attrs->n_rows], err);
    if (st == PZ_OK)
        st = pz_writer_add_dict(w, column(name, prefix, a->name, ".values"), &a->values, err);
    return st;
}

enum pz_status pz_attrs_save(const struct pz_attrs *attrs, const char *prefix, struct pz_writer *w,
                             struct pz_err *err)
{
    char name[PZ_NAME_MAX * 2];
    struct pz_str schema = { 0 };
    enum pz_status st = PZ_OK;

    pz_str_addf(&schema, "rows %llu\n", (unsigned long long)attrs->n_rows);
    for (uint32_t i = 0; i < attrs->n_attrs; i++) {
        const struct pz_attr *a = &attrs->attr[i];

        pz_str_addf(&schema, "%s %s%s%s%s\n", a->name, kind_names[a->kind],
                    a->nullable ? " nullable" : "", a->whole ? " whole" : "",
                    a->wide ? " wide" : "");
    }
    if (schema.failed)
        st = pz_err_memory(err, "a schema", 1e4);
    if (st == PZ_OK)
        st = pz_writer_add_text(w, column(name, prefix, "schema", ""), schema.data, err);
    if (st == PZ_OK && attrs->present)
        st = pz_writer_add(w, column(name, prefix, "present", ""), PZ_U8, attrs->present,
                           attrs->n_rows, err);
    for (uint32_t i = 0; i < attrs->n_attrs && st == PZ_OK; i++)
        st = save_attr(attrs, &attrs->attr[i], prefix, w, err);
    pz_str_clear(&schema);
    return st;
}

static enum pz_status check_codes(const struct pz_attr *a, uint64_t n_rows, uint64_t n_codes,
                                  struct pz_err *err)
{
    uint64_t longest = a->kind == PZ_ATTR_CATEGORY ? n_codes : 1;

    return pz_lists_good(a->ptr, n_rows, n_codes, longest, a->code, a->values.n)
               ? PZ_OK
               : pz_err_set(err, PZ_BAD_DATA, "attribute %s is damaged", a->name);
}

static enum pz_status load_attr(struct pz_table *t, const char *prefix, struct pz_attrs *attrs,
                                struct pz_attr *a, struct pz_err *err)
{
    char name[PZ_NAME_MAX * 2];
    const void *data = NULL;
    uint64_t n_codes = 0;
    enum pz_status st;

    if (has_numbers(a)) {
        st = pz_table_get(t, column(name, prefix, a->name, ".num"), PZ_F64, attrs->n_rows, &data,
                          NULL, err);
        a->num = data;
        return st;
    }
    st = pz_table_get(t, column(name, prefix, a->name, ".ptr"), PZ_U64, attrs->n_rows + 1, &data,
                      NULL, err);
    a->ptr = data;
    if (st == PZ_OK)
        st = pz_table_get(t, column(name, prefix, a->name, ".code"), PZ_U32, PZ_ANY, &data,
                          &n_codes, err);
    a->code = data;
    if (st == PZ_OK)
        st = pz_table_get_dict(t, column(name, prefix, a->name, ".values"), &a->values, err);
    if (st == PZ_OK && !pz_table_is_flat(t))
        st = check_codes(a, attrs->n_rows, n_codes, err);
    return st;
}

static bool parse_line(char *line, struct pz_attr *a)
{
    char *save = NULL, *name = strtok_r(line, " ", &save), *kind = strtok_r(NULL, " ", &save),
         *flag;
    size_t k = 0;

    if (!name || !kind || strlen(name) > PZ_NAME_MAX)
        return false;
    strcpy(a->name, name);
    while (k < 5 && strcmp(kind_names[k], kind) != 0)
        k++;
    a->kind = (enum pz_attr_kind)k;
    while ((flag = strtok_r(NULL, " ", &save))) {
        a->nullable |= strcmp(flag, "nullable") == 0;
        a->whole |= strcmp(flag, "whole") == 0;
        a->wide |= strcmp(flag, "wide") == 0;
    }
    return k < 5;
}

/* The first line, "rows N". */
static bool parse_rows(const char *line, uint64_t *n)
{
    long long rows;

    if (!line || strncmp(line, "rows ", 5) != 0 ||
        !pz_str_to_i64(line + 5, strlen(line + 5), &rows) || rows < 0 || (uint64_t)rows > MAX_ROWS)
        return false;
    *n = (uint64_t)rows;
    return true;
}

static enum pz_status parse_schema(char *text, struct pz_attrs *attrs, struct pz_err *err)
{
    char *save = NULL, *line = strtok_r(text, "\n", &save);
    size_t cap = 0;

    if (!parse_rows(line, &attrs->n_rows))
        return pz_err_set(err, PZ_BAD_DATA, "a schema is damaged");
    while ((line = strtok_r(NULL, "\n", &save))) {
        if (!pz_mem_grow(&attrs->attr, &cap, (size_t)attrs->n_attrs + 1, sizeof *attrs->attr))
            return pz_err_memory(err, "attributes", 1e4);
        memset(&attrs->attr[attrs->n_attrs], 0, sizeof *attrs->attr);
        if (!parse_line(line, &attrs->attr[attrs->n_attrs++]))
            return pz_err_set(err, PZ_BAD_DATA, "a schema is damaged");
    }
    return PZ_OK;
}

enum pz_status pz_attrs_load(struct pz_table *t, const char *prefix, struct pz_attrs *attrs,
                             struct pz_err *err)
{
    char name[PZ_NAME_MAX * 2], *text = NULL;
    const void *data = NULL;
    enum pz_status st;

    memset(attrs, 0, sizeof *attrs);
    st = pz_table_get_text(t, column(name, prefix, "schema", ""), &text, err);
    if (st == PZ_OK)
        st = parse_schema(text, attrs, err);
    free(text);
    if (st == PZ_OK && pz_table_has(t, column(name, prefix, "present", ""))) {
        st = pz_table_get(t, name, PZ_U8, attrs->n_rows, &data, NULL, err);
        attrs->present = data;
    }
    for (uint32_t i = 0; i < attrs->n_attrs && st == PZ_OK; i++)
        st = load_attr(t, prefix, attrs, &attrs->attr[i], err);
    if (st != PZ_OK)
        pz_attrs_clear(attrs);
    return st;
}

void pz_attrs_clear(struct pz_attrs *attrs)
{
    for (uint32_t i = 0; i < attrs->n_attrs; i++) {
        free(attrs->attr[i].own.num);
        free(attrs->attr[i].own.ptr);
        free(attrs->attr[i].own.code);
        pz_dict_clear(&attrs->attr[i].values);
    }
    free(attrs->own_present);
    free(attrs->attr);
    memset(attrs, 0, sizeof *attrs);
}

const char *pz_number_misfit(bool whole, bool wide, double x)
{
    if (whole && x != floor(x))
        return wide ? "is not a whole number, which a long has to be"
                    : "is not a whole number, which an int has to be";
    if (whole && !wide && (x < -2147483648.0 || x >= 2147483648.0))
        return "is a number out of range of an int";
    /* Beyond it a double skips whole numbers, and an id that was rounded names something else. */
    if (whole && fabs(x) > 0x1p53)
        return "is a number out of range: beyond 2^53 whole numbers are not exact";
    return !whole && !wide && fabs(x) > (double)FLT_MAX ? "is a number out of range of a float"
                                                        : NULL;
}

static void add_number(struct pz_str *text, const struct pz_attr *a, double x)
{
    if (isnan(x))
        return;
    if (a->kind == PZ_ATTR_BOOL)
        pz_str_adds(text, x != 0 ? "true" : "false");
    else if (a->whole)
        pz_str_addf(text, "%.0f", x);
    else if (a->wide)
        pz_str_add_double(text, x);
    else
        pz_str_add_float(text, (float)x);
}

void pz_attr_add_text(struct pz_str *out, const struct pz_attr *a, uint64_t row)
{
    if (a->num) {
        add_number(out, a, a->num[row]);
        return;
    }
    for (uint64_t k = a->ptr[row]; k < a->ptr[row + 1]; k++) {
        size_t n;
        const char *s = pz_dict_get(&a->values, a->code[k], &n);

        if (k > a->ptr[row])
            pz_str_addc(out, '|');
        pz_str_add(out, s, n);
    }
}

static bool same_values(const struct pz_dict *a, const struct pz_dict *b)
{
    return a->n == b->n &&
           (a->n == 0 || (memcmp(a->offset, b->offset, (a->n + 1) * sizeof *a->offset) == 0 &&
                          memcmp(a->bytes, b->bytes, a->offset[a->n]) == 0));
}

/* NaN is null: equal to itself. */
static bool same_numbers(const double *a, const double *b, uint64_t n)
{
    for (uint64_t r = 0; r < n; r++)
        if (!(a[r] == b[r] || (isnan(a[r]) && isnan(b[r]))))
            return false;
    return true;
}

static bool same_attr(const struct pz_attr *a, const struct pz_attr *b, uint64_t n_rows)
{
    if (strcmp(a->name, b->name) != 0 || a->kind != b->kind || !a->num != !b->num)
        return false;
    if (a->num)
        return same_numbers(a->num, b->num, n_rows);
    return memcmp(a->ptr, b->ptr, (n_rows + 1) * sizeof *a->ptr) == 0 &&
           (a->ptr[n_rows] == 0 ||
            memcmp(a->code, b->code, a->ptr[n_rows] * sizeof *a->code) == 0) &&
           same_values(&a->values, &b->values);
}

bool pz_attrs_same(const struct pz_attrs *a, const struct pz_attrs *b)
{
    if (a->n_attrs != b->n_attrs || a->n_rows != b->n_rows)
        return false;
    for (uint64_t r = 0; r < a->n_rows && (a->present || b->present) && a->n_attrs > 0; r++)
        if ((a->present ? a->present[r] : 1) != (b->present ? b->present[r] : 1))
            return false;
    for (uint32_t i = 0; i < a->n_attrs; i++)
        if (!same_attr(&a->attr[i], &b->attr[i], a->n_rows))
            return false;
    return true;
}
