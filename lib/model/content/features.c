/* SPDX-License-Identifier: Apache-2.0 */
/* Features of attributes: see content.h. A column's distinct values are read once into lists of
 * (feature, times); rows then only follow their codes. The dictionary is made of the same lists
 * with every name still in it. Terms weigh (1 + log tf) * idf (Salton & Buckley 1988).
 *
 * A dictionary keeps the names that most rows have: n rows times its square is the work of the
 * regressions, which are to take seconds, so that large catalogues get fewer names. The threshold
 * is a number of rows: names equally frequent stay or go together. What a dictionary lacks has no
 * feature, and every row has the feature "*". */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/content/content.h"

enum { TERM_BYTES = 64 };

/* Multiplications that all the regressions may take. */
static const double WORK = 1e11;

static bool is_listed(const struct pz_attr *a)
{
    return a->kind == PZ_ATTR_CATEGORY || a->kind == PZ_ATTR_TEXT;
}

/* ---- the features of a column's distinct values ---- */

/* Where names become numbers: a dictionary that is there, or one in the making. */
struct namer {
    const struct pz_dict *dict;
    struct pz_dict_builder *builder; /* when dict is NULL */
    bool failed;
    struct pz_str name;
};

static uint32_t name_number(struct namer *n)
{
    uint32_t k;

    if (n->name.failed) {
        n->failed = true;
        return PZ_NONE;
    }
    if (n->dict)
        return pz_dict_find(n->dict, n->name.data, n->name.len);
    k = pz_dict_builder_add(n->builder, n->name.data, n->name.len);
    n->failed |= k == PZ_NONE;
    return k;
}

/* Value c of a column has features id[ptr[c]..ptr[c + 1]). */
struct column {
    uint64_t *ptr;
    uint32_t *id;
    size_t cap;
};

static void column_clear(struct column *col)
{
    free(col->ptr);
    free(col->id);
    memset(col, 0, sizeof *col);
}

static bool column_add(struct column *col, uint64_t at, struct namer *n)
{
    uint32_t id = name_number(n);

    if (n->failed || !pz_mem_grow(&col->id, &col->cap, at + 1, sizeof *col->id))
        return false;
    col->id[at] = id;
    return true;
}

static bool is_word_byte(unsigned char c)
{
    return c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Words of two bytes or more; bytes outside ASCII belong to words. */
static bool add_terms(struct column *col, const struct pz_attr *a, const char *s, size_t len,
                      uint64_t *at, struct namer *n)
{
    for (size_t i = 0; i < len; i++) {
        size_t from = i;

        while (i < len && is_word_byte((unsigned char)s[i]))
            i++;
        /* One letter says nothing, and what is longer than any word is a key or a link. */
        if (i - from < 2 || i - from > TERM_BYTES)
            continue;
        pz_str_reset(&n->name);
        pz_str_adds(&n->name, a->name);
        pz_str_addc(&n->name, ':');
        for (size_t k = from; k < i; k++)
            pz_str_addc(&n->name, s[k] >= 'A' && s[k] <= 'Z' ? (char)(s[k] + 'a' - 'A') : s[k]);
        if (!column_add(col, (*at)++, n))
            return false;
    }
    return true;
}

static bool column_make(struct column *col, const struct pz_attr *a, struct namer *n)
{
    uint64_t at = 0;

    memset(col, 0, sizeof *col);
    col->ptr = pz_mem_array((size_t)a->values.n + 1, sizeof *col->ptr);
    for (uint32_t c = 0; col->ptr && c < a->values.n; c++) {
        size_t len;
        const char *s = pz_dict_get(&a->values, c, &len);

        if (a->kind == PZ_ATTR_TEXT) {
            if (!add_terms(col, a, s, len, &at, n))
                return false;
        } else {
            pz_str_reset(&n->name);
            pz_str_adds(&n->name, a->name);
            pz_str_addc(&n->name, '=');
            pz_str_add(&n->name, s, len);
            if (!column_add(col, at++, n))
                return false;
        }
        col->ptr[c + 1] = at;
    }
    return col->ptr != NULL;
}

/* ---- the dictionary ---- */

/* Everything that is counted while a dictionary is made; numbers are the builder's. */
struct count {
    struct namer namer;
    struct column *column; /* [n_attrs] */
    uint32_t *items;       /* [numbers] rows that have it */
    uint64_t n_rows;       /* rows read */
};

static bool is_read(const struct pz_attrs *attrs, const uint8_t *use, uint64_t row)
{
    return (!use || use[row]) && (!attrs->present || attrs->present[row]);
}

static bool count_column(struct count *c, const struct pz_attrs *attrs, const uint8_t *use,
                         uint32_t k, uint64_t *last)
{
    const struct pz_attr *a = &attrs->attr[k];
    const struct column *col = &c->column[k];

    for (uint64_t row = 0; row < attrs->n_rows; row++) {
        if (!is_read(attrs, use, row))
            continue;
        for (uint64_t p = a->ptr[row]; p < a->ptr[row + 1]; p++)
            for (uint64_t q = col->ptr[a->code[p]]; q < col->ptr[a->code[p] + 1]; q++) {
                /* A row counts once for a name, however often it has it: the document frequency. */
                c->items[col->id[q]] += last[col->id[q]] != row + 1;
                last[col->id[q]] = row + 1;
            }
    }
    return true;
}

static bool count_columns(struct count *c, const struct pz_attrs *attrs, const uint8_t *use)
{
    uint64_t *last;
    bool ok = true;

    for (uint32_t k = 0; k < attrs->n_attrs && ok; k++)
        if (is_listed(&attrs->attr[k]))
            ok = column_make(&c->column[k], &attrs->attr[k], &c->namer);
    c->items = pz_mem_array(pz_dict_builder_count(c->namer.builder), sizeof *c->items);
    last = pz_mem_array(pz_dict_builder_count(c->namer.builder), sizeof *last);
    ok = ok && c->items && last;
    for (uint64_t row = 0; row < attrs->n_rows; row++)
        c->n_rows += is_read(attrs, use, row);
    for (uint32_t k = 0; k < attrs->n_attrs && ok; k++)
        if (is_listed(&attrs->attr[k]))
            ok = count_column(c, attrs, use, k, last);
    free(last);
    return ok;
}

static int descending(const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

    return a < b ? 1 : a > b ? -1 : 0;
}

/* How many names of a table of n rows: n times their square is the work of the regressions. */
static uint32_t most_names(uint64_t n)
{
    double max = sqrt(WORK / (double)(n + 1));

    return max < PZ_CONTENT_FEATURES ? (uint32_t)max : PZ_CONTENT_FEATURES;
}

/* The fewest rows that a name needs: 2, or so many that at most most_names pass. */
static bool least_rows(const struct count *c, uint32_t *min)
{
    uint32_t n = pz_dict_builder_count(c->namer.builder), max = most_names(c->n_rows);
    uint32_t *sorted = pz_mem_copy(c->items, n, sizeof *sorted);

    *min = 2;
    if (sorted && n > max) {
        qsort(sorted, n, sizeof *sorted, descending);
        if (sorted[max] >= *min)
            /* One more than what the first too many has: names equally frequent go together. */
            *min = sorted[max] + 1;
    }
    free(sorted);
    return sorted != NULL;
}

/* Names chosen so far and the value of each. */
struct chosen {
    struct pz_dict_builder *builder;
    float *value;
    size_t cap;
};

static bool choose(struct chosen *to, const char *name, size_t len, float value)
{
    uint32_t k = pz_dict_builder_add(to->builder, name, len);

    if (k == PZ_NONE || !pz_mem_grow(&to->value, &to->cap, (size_t)k + 1, sizeof *to->value))
        return false;
    to->value[k] = value;
    return true;
}

static bool choose_listed(const struct count *c, struct chosen *to)
{
    uint32_t n = pz_dict_builder_count(c->namer.builder), min;
    bool ok = least_rows(c, &min);

    for (uint32_t k = 0; k < n && ok; k++) {
        size_t len;
        const char *name = pz_dict_builder_get(c->namer.builder, k, &len);
        bool term = !memchr(name, '=', len); /* column names have no '=' or ':' */

        if (c->items[k] >= min)
            ok = choose(to, name, len,
                        term ? logf((float)(c->n_rows + 1) / (float)c->items[k]) : 1);
    }
    return ok;
}

static int ascending(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;

    return a < b ? -1 : a > b;
}

static bool choose_name(struct chosen *to, const struct pz_attr *a, const char *tail, float value)
{
    char name[PZ_NAME_MAX + 16];
    int n = snprintf(name, sizeof name, "%s%s", a->name, tail);

    return choose(to, name, (size_t)n, value);
}

/* Knots at the quantiles of a column's values; equal ones are one. */
static bool choose_knots(const struct pz_attrs *attrs, const uint8_t *use, const struct pz_attr *a,
                         struct chosen *to)
{
    double *x = pz_mem_array(attrs->n_rows, sizeof *x);
    uint64_t n = 0;
    uint32_t knots = 0;
    bool ok = x != NULL;
    float last = NAN;

    for (uint64_t row = 0; row < attrs->n_rows && ok; row++)
        if (is_read(attrs, use, row) && isfinite(a->num[row]))
            x[n++] = a->num[row];
    if (n > 0)
        qsort(x, n, sizeof *x, ascending);
    for (uint64_t k = 0; k < PZ_CONTENT_KNOTS && n > 0 && ok; k++) {
        /* The first is the smallest value and the last the largest: nothing that was seen lies
         * outside. */
        float at = (float)x[(n - 1) * k / (PZ_CONTENT_KNOTS - 1)];
        char tail[8];

        if (at == last)
            continue;
        snprintf(tail, sizeof tail, "#%u", knots++);
        ok = choose_name(to, a, tail, at);
        last = at;
    }
    free(x);
    return ok;
}

static bool choose_others(const struct pz_attrs *attrs, const uint8_t *use, struct chosen *to)
{
    bool ok = choose(to, "*", 1, 1);

    for (uint32_t k = 0; k < attrs->n_attrs && ok; k++) {
        const struct pz_attr *a = &attrs->attr[k];

        if (a->kind == PZ_ATTR_NUMBER)
            ok = choose_knots(attrs, use, a, to);
        else if (a->kind == PZ_ATTR_BOOL)
            ok = choose_name(to, a, "=true", 1) && choose_name(to, a, "=false", 1);
    }
    return ok;
}

static enum pz_status finish(struct chosen *from, struct pz_content_dict *out, struct pz_err *err)
{
    uint32_t *final = NULL;
    enum pz_status st = pz_dict_builder_finish(from->builder, &out->names, &final, err);

    if (st == PZ_OK && !(out->own = pz_mem_array(out->names.n, sizeof *out->own)))
        st = pz_err_memory(err, "features", 4.0 * out->names.n);
    for (uint32_t k = 0; st == PZ_OK && k < out->names.n; k++)
        out->own[final[k]] = from->value[k];
    out->value = out->own;
    free(final);
    return st;
}

enum pz_status pz_content_dict_make(const struct pz_attrs *attrs, const uint8_t *use,
                                    struct pz_content_dict *out, struct pz_err *err)
{
    struct count c = { .namer = { .builder = pz_dict_builder_new() },
                       .column = pz_mem_array(attrs->n_attrs, sizeof *c.column) };
    struct chosen to = { .builder = pz_dict_builder_new() };
    enum pz_status st = PZ_OK;

    memset(out, 0, sizeof *out);
    if (!c.namer.builder || !c.column || !to.builder || !count_columns(&c, attrs, use) ||
        !choose_listed(&c, &to) || !choose_others(attrs, use, &to))
        st = pz_err_memory(err, "features of attributes", 16.0 * (double)attrs->n_rows);
    if (st == PZ_OK)
        st = finish(&to, out, err);
    for (uint32_t k = 0; c.column && k < attrs->n_attrs; k++)
        column_clear(&c.column[k]);
    free(c.column);
    free(c.items);
    free(to.value);
    pz_str_clear(&c.namer.name);
    pz_dict_builder_free(c.namer.builder);
    pz_dict_builder_free(to.builder);
    return st;
}

void pz_content_dict_clear(struct pz_content_dict *d)
{
    pz_dict_clear(&d->names);
    free(d->own);
    memset(d, 0, sizeof *d);
}

/* ---- rows ---- */

/* One row in the making. */
struct row {
    uint32_t *place; /* [names.n] 1 + where a feature stands, 0 between rows */
    uint32_t *id;    /* growing */
    float *weight;
    size_t id_cap, weight_cap, n;
};

static bool row_add(struct row *r, uint32_t id, float weight)
{
    if (id == PZ_NONE)
        return true;
    if (r->place[id] > 0) {
        r->weight[r->place[id] - 1] += weight;
        return true;
    }
    if (!pz_mem_grow(&r->id, &r->id_cap, r->n + 1, sizeof *r->id) ||
        !pz_mem_grow(&r->weight, &r->weight_cap, r->n + 1, sizeof *r->weight))
        return false;
    r->id[r->n] = id;
    r->weight[r->n++] = weight;
    r->place[id] = (uint32_t)r->n;
    return true;
}

/* Times become weights of unit length from place `from` on. */
static void scale_listed(const struct pz_content_dict *d, struct row *r, size_t from)
{
    double norm = 0;

    for (size_t k = from; k < r->n; k++) {
        r->weight[k] = (1 + logf(r->weight[k])) * d->value[r->id[k]];
        norm += (double)r->weight[k] * (double)r->weight[k];
    }
    for (size_t k = from; k < r->n; k++)
        r->weight[k] = (float)((double)r->weight[k] / sqrt(norm));
}

static bool add_listed(const struct pz_content_dict *d, const struct pz_attr *a,
                       const struct column *col, uint64_t row, struct row *r)
{
    size_t from = r->n;
    bool ok = true;

    for (uint64_t p = a->ptr[row]; p < a->ptr[row + 1]; p++)
        for (uint64_t q = col->ptr[a->code[p]]; q < col->ptr[a->code[p] + 1] && ok; q++)
            ok = row_add(r, col->id[q], 1);
    scale_listed(d, r, from);
    return ok;
}

/* The knots of a column in order: ids of "COLUMN#0", "COLUMN#1", ... */
static uint32_t find_knots(const struct pz_content_dict *d, const struct pz_attr *a, uint32_t *knot)
{
    uint32_t n = 0;

    for (; n < PZ_CONTENT_KNOTS; n++) {
        char name[PZ_NAME_MAX + 16];

        snprintf(name, sizeof name, "%s#%u", a->name, n);
        knot[n] = pz_dict_find_str(&d->names, name);
        if (knot[n] == PZ_NONE)
            break;
    }
    return n;
}

static bool add_number(const struct pz_content_dict *d, const uint32_t *knot, uint32_t n, double x,
                       struct row *r)
{
    uint32_t k = 0;
    float share;

    if (n == 0 || !isfinite(x))
        return true;
    while (k + 1 < n && (double)d->value[knot[k + 1]] <= x)
        k++;
    if (k + 1 == n || x <= (double)d->value[knot[k]])
        return row_add(r, knot[k], 1);
    /* Linear between two knots, so that weights of knots make a function of the number that bends
     * at each (a spline of degree one); outside it stays as at the end. */
    share = (float)((x - (double)d->value[knot[k]]) /
                    ((double)d->value[knot[k + 1]] - (double)d->value[knot[k]]));
    return row_add(r, knot[k], 1 - share) && (share == 0 || row_add(r, knot[k + 1], share));
}

struct encoder {
    const struct pz_content_dict *d;
    const struct pz_attrs *attrs;
    struct column *column;              /* [n_attrs] */
    uint32_t (*knot)[PZ_CONTENT_KNOTS]; /* [n_attrs] ids; of BOOL: false, true */
    uint32_t *n_knots;                  /* [n_attrs] */
    uint32_t star;
};

static bool encode_row(const struct encoder *e, uint64_t row, struct row *r)
{
    bool ok = row_add(r, e->star, 1);

    for (uint32_t k = 0; k < e->attrs->n_attrs && ok; k++) {
        const struct pz_attr *a = &e->attrs->attr[k];

        if (is_listed(a))
            ok = add_listed(e->d, a, &e->column[k], row, r);
        else if (a->kind == PZ_ATTR_NUMBER)
            ok = add_number(e->d, e->knot[k], e->n_knots[k], a->num[row], r);
        else if (a->kind == PZ_ATTR_BOOL && isfinite(a->num[row]))
            ok = row_add(r, e->knot[k][a->num[row] > 0], 1);
    }
    return ok;
}

static bool encoder_make(struct encoder *e)
{
    struct namer n = { .dict = &e->d->names };
    bool ok = true;

    e->column = pz_mem_array(e->attrs->n_attrs, sizeof *e->column);
    e->knot = pz_mem_array(e->attrs->n_attrs, sizeof *e->knot);
    e->n_knots = pz_mem_array(e->attrs->n_attrs, sizeof *e->n_knots);
    e->star = pz_dict_find(&e->d->names, "*", 1);
    ok = e->column && e->knot && e->n_knots;
    for (uint32_t k = 0; k < e->attrs->n_attrs && ok; k++) {
        const struct pz_attr *a = &e->attrs->attr[k];

        if (is_listed(a))
            ok = column_make(&e->column[k], a, &n);
        else if (a->kind == PZ_ATTR_NUMBER)
            e->n_knots[k] = find_knots(e->d, a, e->knot[k]);
        for (uint32_t b = 0; b < 2 && a->kind == PZ_ATTR_BOOL; b++) {
            char name[PZ_NAME_MAX + 16];

            snprintf(name, sizeof name, "%s=%s", a->name, b ? "true" : "false");
            e->knot[k][b] = pz_dict_find_str(&e->d->names, name);
        }
    }
    pz_str_clear(&n.name);
    return ok;
}

static void encoder_clear(struct encoder *e)
{
    for (uint32_t k = 0; e->column && k < e->attrs->n_attrs; k++)
        column_clear(&e->column[k]);
    free(e->column);
    free(e->knot);
    free(e->n_knots);
}

enum pz_status pz_content_encode(const struct pz_content_dict *d, const struct pz_attrs *attrs,
                                 struct pz_csr *out, struct pz_err *err)
{
    struct encoder e = { .d = d, .attrs = attrs };
    struct row r = { .place = pz_mem_array(d->names.n, sizeof *r.place) };
    uint64_t *ptr = pz_mem_array((size_t)attrs->n_rows + 1, sizeof *ptr);
    bool ok = r.place && encoder_make(&e);
    size_t from = 0;

    ok = ok && ptr;
    for (uint64_t row = 0; row < attrs->n_rows && ok; row++) {
        if (!attrs->present || attrs->present[row])
            ok = encode_row(&e, row, &r);
        for (; from < r.n; from++)
            r.place[r.id[from]] = 0;
        ptr[row + 1] = r.n;
    }
    *out = pz_csr_take((uint32_t)attrs->n_rows, d->names.n, ptr, r.id, r.weight);
    free(r.place);
    encoder_clear(&e);
    return ok ? PZ_OK : pz_err_memory(err, "features of items", 8.0 * (double)r.n);
}
