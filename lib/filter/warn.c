/* SPDX-License-Identifier: Apache-2.0 */
/* Filter expressions, warnings: values that nothing has. A filter that asks for such a value is
 * not wrong, an item or event may have it tomorrow; but most often it is misspelt, and then an
 * INCLUDE is empty and an EXCLUDE does nothing, in silence.
 *
 * Candidates for "did you mean" are the column's distinct values, up to MAX_CANDIDATES; columns
 * of at most MAX_SHOWN values are shown whole. Values are looked for in the model and in rows
 * put since. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "filter/eval.h"
#include "filter/filter.h"

enum { MAX_CANDIDATES = 20000, MAX_SHOWN = 8 };

/* Where a test's values could have come from: dictionaries of the model and of rows put since. */
struct source {
    const struct pz_dict *dict[2]; /* NULL: none */
    const char *what;              /* "no item has CATEGORY" */
};

static bool has_value(const struct source *s, const struct pz_filter_bytes *v, bool is_type)
{
    for (int k = 0; k < 2; k++) {
        const struct pz_dict *dict = s->dict[k];

        if (dict && !is_type && pz_dict_find(dict, v->s, v->n) != PZ_NONE)
            return true;
        for (uint32_t i = 0; dict && is_type && i < dict->n; i++) {
            size_t n;
            const char *type = pz_dict_get(dict, i, &n);

            if (pz_str_same_word(type, n, v->s, v->n))
                return true;
        }
    }
    return false;
}

/* The values as strings of the arena; *n of them. NULL: memory is out. */
static const char **list_values(const struct source *s, struct pz_arena *arena, size_t *n)
{
    size_t all = (s->dict[0] ? s->dict[0]->n : 0) + (s->dict[1] ? s->dict[1]->n : 0);
    const char **name;

    *n = all < MAX_CANDIDATES ? all : MAX_CANDIDATES;
    if (!(name = pz_arena_take(arena, (*n + 1) * sizeof *name)))
        return NULL;
    for (size_t i = 0; i < *n; i++) {
        bool second = !s->dict[0] || i >= s->dict[0]->n;
        size_t len, at = second && s->dict[0] ? i - s->dict[0]->n : i;
        const char *text = pz_dict_get(s->dict[second], (uint32_t)at, &len);

        if (!(name[i] = pz_arena_strndup(arena, text, len)))
            return NULL;
    }
    return name;
}

static void add_values(struct pz_str *out, const char *const *name, size_t n)
{
    if (n == 0) {
        pz_str_adds(out, " (there are none)");
    } else if (n <= MAX_SHOWN) {
        for (size_t i = 0; i < n; i++)
            pz_str_addf(out, "%s\"%s\"", i ? ", " : " (there are ", name[i]);
        pz_str_addc(out, ')');
    }
}

static void warn(const struct source *s, const struct pz_filter_bytes *v, struct pz_str *out)
{
    struct pz_arena arena = { NULL };
    size_t n = 0;
    const char **name = list_values(s, &arena, &n);
    const char *text = name ? pz_arena_strndup(&arena, v->s, v->n) : NULL;

    if (text) {
        pz_str_addf(out, "%s \"%s\"%s", s->what, text, pz_str_hint("", text, name, n).text);
        add_values(out, name, n);
        pz_str_addc(out, '\n');
    }
    out->failed |= !text;
    pz_arena_clear(&arena);
}

/* False: any value is possible in the column, or its values are no texts. */
static bool find_source(const struct pz_filter *f, const struct pz_filter_column *col, char *what,
                        size_t n_what, struct source *s)
{
    const struct pz_overlay *over = col->area == PZ_AREA_EVENT ? NULL
                                    : col->of_users            ? f->users
                                                               : f->items;

    *s = (struct source){ .what = what };
    if (pz_filter_is_number(col) || (col->what == PZ_WHAT_ID && col->of_users))
        return false; /* of users, those known from live events alone would be missed */
    if (col->what == PZ_WHAT_TYPE) {
        snprintf(what, n_what, "no interaction has the event type");
        s->dict[0] = &f->m->events;
    } else if (col->what == PZ_WHAT_ID) {
        snprintf(what, n_what, "there is no item");
        s->dict[0] = &f->m->items;
        s->dict[1] = f->items ? &f->items->ids : NULL;
    } else {
        snprintf(what, n_what, "no %s has %s",
                 col->area == PZ_AREA_EVENT ? "interaction"
                 : col->of_users            ? "user"
                                            : "item",
                 col->name);
        s->dict[0] = col->attr ? &col->attr->values : NULL;
        s->dict[1] = over && col->over ? &col->over->values : NULL;
    }
    return true;
}

static bool is_live_type(const struct pz_filter *f, const struct pz_filter_bytes *v)
{
    char *type = f->has_type ? pz_mem_strndup(v->s, v->n) : NULL;
    bool is = type && f->has_type(f->context, type);

    free(type);
    return is;
}

/* The types that stand in quotes as one, separated by commas, are tests of their own. */
static bool is_joined(const struct pz_filter_column *col, const struct pz_filter_bytes *v)
{
    return col->what == PZ_WHAT_TYPE && memchr(v->s, ',', v->n);
}

void pz_filter_warnings(const struct pz_filter *f, const struct pz_filter_values *values,
                        struct pz_str *out)
{
    for (size_t i = 0; i < f->n_tests; i++) {
        const struct pz_filter_node *test = f->test[i];
        const struct pz_filter_column *col = test->left ? pz_filter_left(f, test) : NULL;
        const struct pz_filter_set *set = test->when == PZ_WHEN_COMPILED          ? &f->set[i]
                                          : test->when == PZ_WHEN_BOUND && values ? &values->set[i]
                                                                                  : NULL;
        char what[PZ_NAME_MAX + 64];
        struct source s;

        if (!col || !set || set->any || !find_source(f, col, what, sizeof what, &s))
            continue;
        for (size_t k = 0; k < set->n_text; k++)
            if (!has_value(&s, &set->text[k], col->what == PZ_WHAT_TYPE) &&
                !is_joined(col, &set->text[k]) &&
                !(col->what == PZ_WHAT_TYPE && is_live_type(f, &set->text[k])))
                warn(&s, &set->text[k], out);
    }
}

void pz_filter_log_warnings(const struct pz_filter *f, const struct pz_filter_values *values,
                            struct pz_log *log)
{
    struct pz_str text = { 0 };

    pz_filter_warnings(f, values, &text);
    for (char *line = text.data, *end; line && (end = strchr(line, '\n')); line = end + 1)
        pz_log(log, PZ_LOG_WARN, "filter: %.*s", (int)(end - line), line);
    pz_str_clear(&text);
}
