/* SPDX-License-Identifier: Apache-2.0 */
/* Columns that nothing is learned from: see excluded.h. A corpus borrows its tables of attributes,
 * so that others with fewer columns and the same values can take their place; models are written
 * from the dataset, whose tables are whole. */
#include "train/excluded.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

enum { MAX_BYTES = 1 << 24 };

static const char *const tables[3] = { "Items", "Users", "Interactions" };

/* ---- what is asked for ---- */

/* The first member of that name, at any depth. */
static const json_t *find(const json_t *doc, const char *name)
{
    const json_t *found = json_object_get(doc, name);
    const char *key;
    json_t *value;
    size_t i;

    json_object_foreach (pz_json_lend(doc), key, value)
        found = found ? found : find(value, name);
    json_array_foreach (doc, i, value)
        found = found ? found : find(value, name);
    return found;
}

/* Append "TABLE.COLUMN" and a NUL for each column of {"TABLE": ["COLUMN", ...], ...}. False: it is
 * something else. */
static bool add_lists(const json_t *lists, struct pz_str *names, size_t *n)
{
    const char *table;
    json_t *list, *column;
    size_t i;
    bool good = json_is_object(lists);

    json_object_foreach (pz_json_lend(lists), table, list) {
        good = good && json_is_array(list);
        json_array_foreach (list, i, column) {
            good = good && json_is_string(column);
            pz_str_addf(names, "%s.%s", table, good ? json_string_value(column) : "");
            pz_str_add(names, "", 1);
            ++*n;
        }
    }
    return good;
}

static enum pz_status add_file(const char *path, struct pz_str *names, size_t *n,
                               struct pz_err *err)
{
    char *bytes = NULL;
    size_t n_bytes = 0;
    json_t *doc = NULL;
    enum pz_status st = pz_file_read(path, MAX_BYTES, &bytes, &n_bytes, err);

    if (st == PZ_OK)
        st = pz_json_parse(bytes, n_bytes, path, &doc, err);
    if (st == PZ_OK && !add_lists(find(doc, "excludedDatasetColumns"), names, n))
        st = pz_err_set(err, PZ_BAD_DATA,
                        "%s: no excludedDatasetColumns with lists of columns, as in "
                        "{\"Items\": [\"PRICE\"]}",
                        path);
    json_decref(doc);
    free(bytes);
    return st;
}

static bool is_file(const char *given)
{
    size_t n = strlen(given);

    return n > 5 && strcmp(given + n - 5, ".json") == 0;
}

enum pz_status pz_excluded_read(const char *const *given, size_t n, const char ***out,
                                size_t *n_out, struct pz_err *err)
{
    struct pz_str names = { 0 };
    enum pz_status st = PZ_OK;
    char *text;

    *out = NULL;
    *n_out = 0;
    for (size_t i = 0; i < n && st == PZ_OK; i++)
        if (is_file(given[i])) {
            st = add_file(given[i], &names, n_out, err);
        } else {
            pz_str_add(&names, given[i], strlen(given[i]) + 1);
            ++*n_out;
        }
    if (st == PZ_OK && *n_out > 0) {
        *out = names.failed ? NULL : pz_mem_array(*n_out * sizeof **out + names.len, 1);
        st = *out ? PZ_OK : pz_err_memory(err, "columns", 1e4);
    }
    if (*out) {
        text = memcpy(*out + *n_out, names.data, names.len);
        for (size_t i = 0; i < *n_out; i++, text += strlen(text) + 1)
            (*out)[i] = text;
    }
    *n_out = *out ? *n_out : 0;
    pz_str_clear(&names);
    return st;
}

/* ---- what is left ---- */

/* The table that a column's name begins with, and what follows; 3: none of them. */
static size_t split(const char *column, const char **rest)
{
    size_t t = 0, n = strcspn(column, ".");

    while (t < 3 && !(strlen(tables[t]) == n && strncasecmp(column, tables[t], n) == 0))
        t++;
    *rest = column[n] ? column + n + 1 : column + n;
    return t;
}

static enum pz_status unknown(const struct pz_attrs *a, const char *column, const char *rest,
                              struct pz_err *err)
{
    const char **name = pz_mem_array((size_t)a->n_attrs + 1, sizeof *name);

    for (uint32_t i = 0; name && i < a->n_attrs; i++)
        name[i] = a->attr[i].name;
    pz_err_set(err, PZ_USAGE, "--exclude-column %s: the data have no such column%s", column,
               pz_str_hint("", rest, name, name ? a->n_attrs : 0).text);
    free(name);
    return PZ_USAGE;
}

/* A table with room for as many columns, of which none is taken away yet. */
static enum pz_status copy(const struct pz_attrs *from, struct pz_attrs *to, struct pz_err *err)
{
    if (!from || from->n_attrs == 0)
        return PZ_OK;
    *to = *from;
    to->own_present = NULL;
    to->attr = pz_mem_copy(from->attr, from->n_attrs, sizeof *from->attr);
    return to->attr ? PZ_OK : pz_err_memory(err, "columns", 1e4);
}

static void take_away(struct pz_attrs *a, const struct pz_attr *column)
{
    size_t at = (size_t)(column - a->attr);

    memmove(a->attr + at, a->attr + at + 1, (a->n_attrs - at - 1) * sizeof *a->attr);
    a->n_attrs--;
}

enum pz_status pz_exclude_columns(const char *const *column, size_t n, bool strict,
                                  struct pz_corpus *c, struct pz_learned *out, struct pz_err *err)
{
    const struct pz_attrs **of[3] = { &c->item_attrs, &c->user_attrs, &c->context };
    enum pz_status st = PZ_OK;

    for (size_t t = 0; t < 3 && n > 0 && st == PZ_OK; t++)
        st = copy(*of[t], &out->table[t], err);
    for (size_t i = 0; i < n && st == PZ_OK; i++) {
        const char *rest;
        size_t t = split(column[i], &rest);
        const struct pz_attr *a = t < 3 ? pz_attrs_find(&out->table[t], rest) : NULL;

        if (t == 3)
            st = pz_err_set(err, PZ_USAGE,
                            "--exclude-column %s: Items.NAME, Users.NAME or Interactions.NAME is "
                            "needed",
                            column[i]);
        else if (a)
            take_away(&out->table[t], a);
        else if (strict)
            st = unknown(&out->table[t], column[i], rest, err);
    }
    for (size_t t = 0; t < 3 && n > 0 && st == PZ_OK; t++)
        *of[t] = out->table[t].attr ? &out->table[t] : *of[t];
    return st;
}

void pz_learned_clear(struct pz_learned *l)
{
    for (size_t t = 0; t < 3; t++)
        free(l->table[t].attr);
    memset(l, 0, sizeof *l);
}
