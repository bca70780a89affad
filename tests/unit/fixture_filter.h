/* SPDX-License-Identifier: Apache-2.0 */
/* Tables from small texts, for tests of filters: the first line names the columns, "NAME:n"
 * (number, a float), ":d" (a double), ":b" (boolean), ":c" (category, parts separated by '|'),
 * ":s" (string); then a line a row; cells are separated by ';', an empty one is null; the first
 * column is the id. */
#ifndef FIXTURE_FILTER_H
#define FIXTURE_FILTER_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/str.h"
#include "filter/filter.h"

enum { MAX_COLUMNS = 16 };

static void must(bool good)
{
    if (!good)
        abort();
}

struct table {
    char *text; /* what the cells point into */
    size_t n_columns, n_rows;
    char *name[MAX_COLUMNS], kind[MAX_COLUMNS];
    char *(*cell)[MAX_COLUMNS];
};

static void split_line(char *line, char *cell[MAX_COLUMNS], size_t *n)
{
    *n = 0;
    for (char *at = line; at; *n += 1) {
        cell[*n] = at;
        if ((at = strchr(at, ';')))
            *at++ = '\0';
    }
}

static struct table read_table(const char *text)
{
    struct table t = { .text = strdup(text) };
    size_t cap = 0, n;

    for (char *line = t.text, *next; line && *line; line = next) {
        if ((next = strchr(line, '\n')))
            *next++ = '\0';
        if (t.n_columns == 0) {
            split_line(line, t.name, &t.n_columns);
            for (size_t c = 1; c < t.n_columns; c++) {
                t.kind[c] = strchr(t.name[c], ':')[1];
                *strchr(t.name[c], ':') = '\0';
            }
            continue;
        }
        must(pz_mem_grow(&t.cell, &cap, t.n_rows + 1, sizeof *t.cell));
        split_line(line, t.cell[t.n_rows++], &n);
        must(n == t.n_columns);
    }
    return t;
}

static void free_table(struct table *t)
{
    free(t->text);
    free(t->cell);
}

static struct pz_dict make_dict(const struct table *t, size_t column)
{
    struct pz_dict_builder *b = pz_dict_builder_new();
    struct pz_dict dict;

    for (size_t r = 0; r < t->n_rows; r++)
        pz_dict_builder_add(b, t->cell[r][column], strlen(t->cell[r][column]));
    must(pz_dict_builder_finish(b, &dict, NULL, NULL) == PZ_OK);
    pz_dict_builder_free(b);
    return dict;
}

/* The row of the table that has this id, or SIZE_MAX. */
static size_t row_of_id(const struct table *t, const char *id, size_t n)
{
    for (size_t r = 0; r < t->n_rows; r++)
        if (strlen(t->cell[r][0]) == n && memcmp(t->cell[r][0], id, n) == 0)
            return r;
    return SIZE_MAX;
}

static void make_numbers(const struct table *t, size_t column, const size_t *row, size_t n,
                         struct pz_attr *a)
{
    double *num = malloc((n + 1) * sizeof *num);

    a->kind = t->kind[column] == 'b' ? PZ_ATTR_BOOL : PZ_ATTR_NUMBER;
    a->wide = t->kind[column] == 'd';
    for (size_t i = 0; i < n; i++) {
        const char *s = row[i] == SIZE_MAX ? "" : t->cell[row[i]][column];

        num[i] = !*s                       ? NAN
                 : a->kind == PZ_ATTR_BOOL ? strcmp(s, "true") == 0
                 : a->wide                 ? atof(s)
                                           : pz_as_float(atof(s));
    }
    a->num = a->own.num = num;
}

static void make_texts(const struct table *t, size_t column, const size_t *row, size_t n,
                       struct pz_attr *a)
{
    struct pz_dict_builder *b = pz_dict_builder_new();
    uint64_t *ptr = calloc(n + 1, sizeof *ptr);
    uint32_t *code = NULL, *final = NULL;
    size_t cap = 0;

    a->kind = t->kind[column] == 'c' ? PZ_ATTR_CATEGORY : PZ_ATTR_STRING;
    for (size_t i = 0; i < n; i++) {
        const char *s = row[i] == SIZE_MAX ? "" : t->cell[row[i]][column];

        ptr[i + 1] = ptr[i];
        while (*s) {
            size_t len = a->kind == PZ_ATTR_CATEGORY ? strcspn(s, "|") : strlen(s);

            must(pz_mem_grow(&code, &cap, ptr[i + 1] + 1, sizeof *code));
            code[ptr[i + 1]++] = pz_dict_builder_add(b, s, len);
            s += len + (s[len] == '|');
        }
    }
    must(pz_dict_builder_finish(b, &a->values, &final, NULL) == PZ_OK);
    for (uint64_t i = 0; i < ptr[n]; i++)
        code[i] = final[code[i]];
    free(final);
    pz_dict_builder_free(b);
    a->ptr = a->own.ptr = ptr;
    a->code = a->own.code = code ? code : malloc(1);
}

/* Columns from `first` on as attributes of n rows, the i-th from the table's row[i]. */
static struct pz_attrs make_attrs(const struct table *t, size_t first, const size_t *row, size_t n)
{
    struct pz_attrs attrs = { .n_rows = n };

    attrs.attr = calloc(t->n_columns, sizeof *attrs.attr);
    for (size_t c = first; c < t->n_columns; c++) {
        struct pz_attr *a = &attrs.attr[attrs.n_attrs++];

        snprintf(a->name, sizeof a->name, "%s", t->name[c]);
        a->nullable = true;
        if (strchr("ndb", t->kind[c]))
            make_numbers(t, c, row, n, a);
        else
            make_texts(t, c, row, n, a);
    }
    return attrs;
}

/* Attributes with rows in the order of a dictionary. */
static struct pz_attrs make_rows(const struct table *t, const struct pz_dict *ids)
{
    size_t *row = malloc((ids->n + 1) * sizeof *row);
    struct pz_attrs attrs;

    for (uint32_t i = 0; i < ids->n; i++) {
        size_t n;
        const char *id = pz_dict_get(ids, i, &n);

        row[i] = row_of_id(t, id, n);
    }
    attrs = make_attrs(t, 1, row, ids->n);
    free(row);
    return attrs;
}

/* A table of interactions: USER_ID;ITEM_ID:s;EVENT_TYPE:s;TIMESTAMP:n;EVENT_VALUE:n and context
 * columns. */
enum { E_USER, E_ITEM, E_TYPE, E_TIME, E_VALUE, E_CONTEXT };

struct shop {
    struct table items, users, events;
    struct pz_model m;
    size_t *event_row; /* of each interaction of the model */
};

static void make_histories(struct shop *s)
{
    struct pz_model *m = &s->m;
    size_t n = s->events.n_rows, at = 0;
    uint64_t *ptr = calloc(m->users.n + 1, sizeof *ptr);
    uint32_t *item = malloc((n + 1) * sizeof *item);
    int64_t *time = malloc((n + 1) * sizeof *time);
    uint8_t *event = malloc(n + 1);
    float *value = malloc((n + 1) * sizeof *value);

    s->event_row = malloc((n + 1) * sizeof *s->event_row);
    for (uint32_t u = 0; u < m->users.n; u++) {
        for (size_t r = 0; r < n; r++) {
            char *const *cell = s->events.cell[r];

            if (pz_dict_find_str(&m->users, cell[E_USER]) != u)
                continue;
            item[at] = pz_dict_find_str(&m->items, cell[E_ITEM]);
            time[at] = atoll(cell[E_TIME]);
            event[at] = (uint8_t)pz_dict_find_str(&m->events, cell[E_TYPE]);
            value[at] = *cell[E_VALUE] ? (float)atof(cell[E_VALUE]) : NAN;
            s->event_row[at++] = r;
        }
        ptr[u + 1] = at;
    }
    m->n_interactions = at;
    m->ptr = ptr;
    m->item = item;
    m->time = time;
    m->event = event;
    m->value = value;
    m->context = make_attrs(&s->events, E_CONTEXT, s->event_row, at);
}

static struct shop *make_shop(const char *items, const char *users, const char *events)
{
    struct shop *s = calloc(1, sizeof *s);

    s->items = read_table(items);
    s->users = read_table(users);
    s->events = read_table(events);
    s->m.items = make_dict(&s->items, 0);
    s->m.users = make_dict(&s->users, 0);
    s->m.events = make_dict(&s->events, E_TYPE);
    s->m.item_attrs = make_rows(&s->items, &s->m.items);
    s->m.user_attrs = make_rows(&s->users, &s->m.users);
    make_histories(s);
    return s;
}

static inline void free_shop(struct shop *s)
{
    pz_dict_clear(&s->m.items);
    pz_dict_clear(&s->m.users);
    pz_dict_clear(&s->m.events);
    pz_attrs_clear(&s->m.item_attrs);
    pz_attrs_clear(&s->m.user_attrs);
    pz_attrs_clear(&s->m.context);
    free((void *)(uintptr_t)s->m.ptr);
    free((void *)(uintptr_t)s->m.item);
    free((void *)(uintptr_t)s->m.time);
    free((void *)(uintptr_t)s->m.event);
    free((void *)(uintptr_t)s->m.value);
    free(s->event_row);
    free_table(&s->items);
    free_table(&s->users);
    free_table(&s->events);
    free(s);
}

/* Rows put since: a table like items or users. */
static struct pz_overlay make_overlay(const struct table *t)
{
    struct pz_overlay o = { .ids = make_dict(t, 0) };

    o.attrs = make_rows(t, &o.ids);
    return o;
}

static inline void clear_overlay(struct pz_overlay *o)
{
    pz_dict_clear(&o->ids);
    pz_attrs_clear(&o->attrs);
}

#endif
