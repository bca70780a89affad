/* SPDX-License-Identifier: Apache-2.0 */
/* Filters: see filter.h. Text -> tree (parse.c) -> names and types (check.c) -> the tests that
 * depend on nothing but rows are answered here for all rows; then values are bound, and queries
 * asked (apply.c).
 *
 * A compiled filter does not change: what a binding or a query fills is its own. Filter values
 * arrive as texts, from options, settings or requests, and get the type of the column that they
 * are compared with when they are bound. */
#include "filter/filter.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/json.h"
#include "base/str.h"
#include "filter/eval.h"

/* ---- compiling */
static bool is_of_rows(const struct pz_filter *f, const struct pz_filter_node *test)
{
    enum pz_filter_area area = test->left ? pz_filter_left(f, test)->area : PZ_AREA_EVENT;

    return area == PZ_AREA_ROW || (test->by_row && area != PZ_AREA_EVENT);
}

/* The rows put since in place of the model's. */
static enum pz_status find_overlay(struct pz_filter *f, struct pz_err *err)
{
    const struct pz_overlay *over = f->of_users ? f->users : f->items;
    const struct pz_dict *dict = f->of_users ? &f->m->users : &f->m->items;
    uint32_t *row;

    if (!over || over->ids.n == 0)
        return PZ_OK;
    f->over = over;
    f->over_row = over->row;
    if (over->row)
        return PZ_OK;
    if (!(row = pz_arena_take(&f->arena, over->ids.n * sizeof *row)))
        return pz_err_memory(err, "a filter", 4.0 * over->ids.n);
    for (uint32_t i = 0; i < over->ids.n; i++) {
        size_t n;
        const char *id = pz_dict_get(&over->ids, i, &n);

        row[i] = pz_dict_find(dict, id, n);
    }
    f->over_row = row;
    return PZ_OK;
}

/* Fill the right sides that are known by now; answer the tests of rows among them. */
static enum pz_status finish(struct pz_filter *f, struct pz_err *err)
{
    size_t n = f->of_users ? f->m->users.n : f->m->items.n;
    struct pz_filter_ctx ctx = { .f = f, .n_rows = n };
    enum pz_status st = PZ_OK;

    f->set = pz_mem_array(f->n_tests, sizeof *f->set);
    f->cache = pz_filter_cache_new();
    if (!f->set || !f->cache)
        return pz_err_memory(err, "a filter", 1e4);
    for (size_t i = 0; i < f->n_tests && st == PZ_OK; i++) {
        struct pz_filter_node *test = f->test[i];
        uint64_t *bits;

        if (test->when != PZ_WHEN_COMPILED) {
            if (test->left && is_of_rows(f, test) && !test->by_row)
                f->column[test->left->column].index = pz_filter_index_new(); /* NULL: it scans */
            continue;
        }
        st = pz_filter_set_fill(&ctx, test, &f->set[i], err);
        if (st != PZ_OK || !is_of_rows(f, test) || pz_filter_left(f, test)->area != PZ_AREA_ROW)
            continue;
        if (!(bits = pz_arena_take(&f->arena, (pz_bits_words(n) + 1) * sizeof *bits)))
            return pz_err_memory(err, "a filter", 0.125 * (double)n);
        pz_filter_scan(&ctx, test, &f->set[i], bits);
        test->bits = bits;
    }
    return st;
}

enum pz_status pz_filter_compile(const char *text, const struct pz_filter_schema *schema,
                                 struct pz_filter **out, struct pz_err *err)
{
    struct pz_filter *f = calloc(1, sizeof *f);
    enum pz_status st = PZ_OK;

    if (!f || !(f->text = pz_mem_strndup(text, strlen(text))))
        st = pz_err_memory(err, "a filter", (double)strlen(text));
    if (st == PZ_OK) {
        f->m = schema->m;
        f->items = schema->items;
        f->users = schema->users;
        f->has_type = schema->has_type;
        f->context = schema->context;
        st = pz_filter_parse(f->text, &f->arena, &f->clause, err);
    }
    if (st == PZ_OK)
        st = pz_filter_check(f, err);
    if (st == PZ_OK)
        st = find_overlay(f, err);
    if (st == PZ_OK)
        st = finish(f, err);
    if (st != PZ_OK) {
        pz_filter_free(f);
        f = NULL;
    }
    *out = f;
    return st;
}

void pz_filter_free(struct pz_filter *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->n_tests && f->set; i++)
        pz_filter_set_clear(&f->set[i]);
    pz_filter_cache_free(f->cache);
    free(f->set);
    free(f->test);
    for (size_t i = 0; i < f->n_columns; i++)
        pz_filter_index_free(f->column[i].index);
    free(f->column);
    free(f->place);
    pz_arena_clear(&f->arena);
    free(f->text);
    free(f);
}

const char *pz_filter_text(const struct pz_filter *f)
{
    return f->text;
}

bool pz_filter_of_users(const struct pz_filter *f)
{
    return f->of_users;
}

/* ---- filter values as given */
static enum pz_status set_arg(struct pz_filter_args *args, const char *name, size_t n,
                              const char *value, struct pz_err *err)
{
    char *copy = pz_mem_strndup(value, strlen(value));
    size_t i = 0;

    while (i < args->n && (strncmp(args->v[i].name, name, n) != 0 || args->v[i].name[n] != '\0'))
        i++;
    if (copy && i == args->n && pz_mem_grow(&args->v, &args->cap, i + 1, sizeof *args->v)) {
        args->v[i] = (struct pz_filter_arg){ pz_mem_strndup(name, n), NULL };
        args->n += args->v[i].name != NULL;
    }
    if (!copy || i == args->n) {
        free(copy);
        return pz_err_memory(err, "filter values", (double)strlen(value));
    }
    free(args->v[i].value);
    args->v[i].value = copy;
    return PZ_OK;
}

static enum pz_status add_json(struct pz_filter_args *args, const char *text, struct pz_err *err)
{
    json_t *doc = NULL, *value;
    const char *name;
    enum pz_status st = pz_json_parse(text, strlen(text), "filter values", &doc, err);

    if (st != PZ_OK) {
        if (err)
            err->status = PZ_USAGE;
        return PZ_USAGE;
    }
    json_object_foreach (doc, name, value) {
        struct pz_str number = { 0 };

        if (json_is_number(value))
            pz_str_add_double(&number, json_number_value(value));
        else if (!json_is_string(value))
            st = pz_err_set(err, PZ_USAGE,
                            "filter values: %s: a string such as \"\\\"a\\\",\\\"b\\\"\" is needed",
                            name);
        if (st == PZ_OK)
            st = set_arg(args, name, strlen(name),
                         number.data ? number.data : json_string_value(value), err);
        pz_str_clear(&number);
        if (st != PZ_OK)
            break;
    }
    json_decref(doc);
    return st;
}

enum pz_status pz_filter_args_add(struct pz_filter_args *args, const char *text, struct pz_err *err)
{
    const char *from = text + strspn(text, " \t\n"), *equals = strchr(from, '=');

    if (*from == '{')
        return add_json(args, from, err);
    if (*from == '$')
        from++;
    if (!equals || equals == from)
        return pz_err_set(
            err, PZ_USAGE,
            "filter values: \"%s\" is neither NAME=VALUE nor a JSON object {\"NAME\":\"VALUE\"}",
            text);
    return set_arg(args, from, (size_t)(equals - from), equals + 1, err);
}

enum pz_status pz_filter_args_copy(struct pz_filter_args *args, const struct pz_filter_args *from,
                                   struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (size_t i = 0; from && i < from->n && st == PZ_OK; i++)
        st = set_arg(args, from->v[i].name, strlen(from->v[i].name), from->v[i].value, err);
    return st;
}

void pz_filter_args_clear(struct pz_filter_args *args)
{
    for (size_t i = 0; i < args->n; i++) {
        free(args->v[i].name);
        free(args->v[i].value);
    }
    free(args->v);
    memset(args, 0, sizeof *args);
}

/* ---- binding */
static enum pz_status bad_value(const struct pz_filter_place *p, const char *what,
                                struct pz_err *err)
{
    return pz_err_set(err, PZ_USAGE, "filter value %s: %s", p->name, what);
}

/* "a","b" or a, b: texts into the arena. */
static enum pz_status parse_value(struct pz_filter_values *v, const struct pz_filter_place *p,
                                  const char *s, struct pz_filter_set *out, struct pz_err *err)
{
    char *to = pz_arena_take(&v->arena, strlen(s) + 1);

    if (!to)
        return pz_err_memory(err, "filter values", (double)strlen(s));
    for (bool more = true; more; more = *s++ == ',') {
        char quote = *(s += strspn(s, " \t\n")), *from = to;

        if (quote == '"' || quote == '\'') {
            for (s++; *s && *s != quote; s++)
                *to++ = *s == '\\' && (s[1] == '\\' || s[1] == '"' || s[1] == '\'') ? *++s : *s;
            if (*s++ != quote)
                return bad_value(p, "a quote is never closed", err);
            s += strspn(s, " \t\n");
        } else {
            while (*s && *s != ',')
                *to++ = *s++;
            while (to > from && (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\n'))
                to--;
            if (to == from)
                return bad_value(p, "a value is missing; quote it: \"a\",\"b\"", err);
        }
        if (*s && *s != ',')
            return bad_value(p, "a comma is needed between values: \"a\",\"b\"", err);
        if (!pz_mem_grow(&out->text, &out->cap_text, out->n_text + 1, sizeof *out->text))
            return pz_err_memory(err, "filter values", 16.0 * (double)out->n_text);
        out->text[out->n_text++] = (struct pz_filter_bytes){ from, (size_t)(to - from) };
    }
    return PZ_OK;
}

static enum pz_status check_value(const struct pz_filter_place *p,
                                  const struct pz_filter_set *given, struct pz_err *err)
{
    double x;

    if (p->scalar && given->n_text != 1)
        return bad_value(p, "one value is needed here, not a list", err);
    for (size_t i = 0; i < given->n_text && p->number; i++) {
        struct pz_filter_bytes t = given->text[i];

        if (!pz_filter_number(t.s, t.n, true, &x) && !pz_filter_number(t.s, t.n, false, &x) &&
            !(t.n == 1 && *t.s == '*' && !p->scalar))
            return bad_value(p, "a number is needed here", err);
    }
    return PZ_OK;
}

static enum pz_status unknown_value(const struct pz_filter *f, const char *name, struct pz_err *err)
{
    const char *names[64];
    size_t n = 0;

    for (; n < f->n_places && n < 64; n++)
        names[n] = f->place[n].name;
    return pz_err_set(err, PZ_USAGE, "filter value %s: the filter has no placeholder $%s%s", name,
                      name, pz_str_hint("$", name, names, n).text);
}

static enum pz_status bind_args(struct pz_filter_values *v, const struct pz_filter_args *args,
                                struct pz_err *err)
{
    const struct pz_filter *f = v->f;
    enum pz_status st = PZ_OK;

    for (size_t k = 0; args && k < args->n && st == PZ_OK; k++) {
        size_t i = 0;

        while (i < f->n_places && strcmp(f->place[i].name, args->v[k].name) != 0)
            i++;
        if (i == f->n_places)
            return unknown_value(f, args->v[k].name, err);
        st = parse_value(v, &f->place[i], args->v[k].value, &v->given[i], err);
        if (st == PZ_OK)
            st = check_value(&f->place[i], &v->given[i], err);
    }
    for (size_t i = 0; i < f->n_places && st == PZ_OK; i++)
        if (f->place[i].required && v->given[i].n_text == 0)
            st = pz_filter_fault(f->text, f->place[i].at, err, "no filter value %s is given",
                                 f->place[i].name);
    return st;
}

static bool lacks_value(const struct pz_filter_values *v, const struct pz_filter_expr *e)
{
    return e && ((e->kind == PZ_EXPR_PLACE && v->given[e->place].n_text == 0) ||
                 lacks_value(v, e->a) || lacks_value(v, e->b));
}

static bool node_lacks_value(const struct pz_filter_values *v, const struct pz_filter_node *n)
{
    for (; n; n = n->next) {
        for (const struct pz_filter_expr *e = n->right; e; e = e->next)
            if (lacks_value(v, e))
                return true;
        if (node_lacks_value(v, n->child))
            return true;
    }
    return false;
}

enum pz_status pz_filter_bind(const struct pz_filter *f, const struct pz_filter_args *args,
                              struct pz_filter_values **out, struct pz_err *err)
{
    struct pz_filter_values *v = calloc(1, sizeof *v);
    struct pz_filter_ctx ctx = { .f = f, .values = v };
    enum pz_status st = v ? PZ_OK : pz_err_memory(err, "filter values", sizeof *v);

    if (st == PZ_OK) {
        v->f = f;
        v->given = pz_mem_array(f->n_places, sizeof *v->given);
        v->set = pz_mem_array(f->n_tests, sizeof *v->set);
        v->off = pz_mem_array(f->n_clauses, sizeof *v->off);
        if (!v->given || !v->set || !v->off)
            st = pz_err_memory(err, "filter values", 1e4);
    }
    if (st == PZ_OK)
        st = bind_args(v, args, err);
    for (size_t i = 0; i < f->n_tests && st == PZ_OK; i++)
        if (f->test[i]->when == PZ_WHEN_BOUND)
            st = pz_filter_set_fill(&ctx, f->test[i], &v->set[i], err);
    for (const struct pz_filter_clause *c = f->clause; c && st == PZ_OK; c = c->next)
        v->off[c->id] = node_lacks_value(v, c->where) || node_lacks_value(v, c->only_if);
    if (st != PZ_OK) {
        pz_filter_values_free(v);
        v = NULL;
    }
    *out = v;
    return st;
}

void pz_filter_values_free(struct pz_filter_values *values)
{
    if (!values)
        return;
    for (size_t i = 0; i < values->f->n_places && values->given; i++)
        pz_filter_set_clear(&values->given[i]);
    for (size_t i = 0; i < values->f->n_tests && values->set; i++)
        pz_filter_set_clear(&values->set[i]);
    free(values->off);
    free(values->given);
    free(values->set);
    pz_arena_clear(&values->arena);
    free(values);
}
