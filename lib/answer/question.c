/* SPDX-License-Identifier: Apache-2.0 */
/* Questions of a batch: see question.h. A row of CSV and a line of JSON become the same struct;
 * members are found in any of their spellings (userId, user_id, USER_ID), and ids may be written
 * as numbers.
 *
 * A row that is no question is not a failure: it gets a problem, and the batch says it in the
 * place of an answer. Only memory is a failure; a flag collects it while a row is read. All
 * strings live in the arena of the block. */
#include "answer/question.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"

/* What cannot be kept for want of memory is missing; *failed then says so. */
static char *keep(struct pz_arena *arena, const char *s, size_t n, bool *failed)
{
    char *kept = n ? pz_arena_strndup(arena, s, n) : NULL;

    *failed = *failed || (n && !kept);
    return kept;
}

/* The pieces of n bytes between separators, without empty ones. */
static const char *const *split(struct pz_arena *arena, const char *s, size_t n, char separator,
                                size_t *n_out, bool *failed)
{
    char *text = keep(arena, s, n, failed);
    size_t count = text ? 1 : 0;
    const char **list;

    for (char *p = text; p && *p; p++)
        count += *p == separator;
    list = count ? pz_arena_take(arena, count * sizeof *list) : NULL;
    *failed = *failed || (count && !list);
    *n_out = 0;
    for (char *next; list && text; text = next) {
        next = strchr(text, separator);
        if (next)
            *next++ = '\0';
        if (*text)
            list[(*n_out)++] = text;
    }
    return list;
}

/* ---- CSV ---- */

static const struct pz_cell *cell(const struct pz_rows_in *in, const struct pz_row *row,
                                  const char *name)
{
    static const struct pz_cell none = { "", 0 };

    for (size_t i = 0; i < pz_rows_n_columns(in); i++)
        if (pz_str_same_name(pz_rows_column(in, i), name))
            return &row->cell[i];
    return &none;
}

/* Ids that are no text would be those of nobody. */
static const char *text_fault(const struct pz_rows_in *in, const struct pz_row *row,
                              struct pz_arena *arena, bool *failed)
{
    const char *why = NULL;
    char text[160];
    int n;

    for (size_t i = 0; i < row->n_cells && !why; i++) {
        why = pz_str_text_fault(row->cell[i].s, row->cell[i].n);
        if (why) {
            n = snprintf(text, sizeof text, "column %.64s %s", pz_rows_column(in, i), why);
            why = keep(arena, text, (size_t)n, failed);
        }
    }
    return why;
}

static void read_cells(const struct pz_rows_in *in, const struct pz_row *row,
                       struct pz_arena *arena, struct pz_question *q, bool *failed)
{
    const struct pz_cell *c = cell(in, row, "userId");

    q->problem = text_fault(in, row, arena, failed);

    q->user_id = keep(arena, c->s, c->n, failed);
    c = cell(in, row, "itemId");
    q->item_id = keep(arena, c->s, c->n, failed);
    c = cell(in, row, "itemList");
    q->list = split(arena, c->s, c->n, '|', &q->n_list, failed);
    c = cell(in, row, "history");
    q->history = split(arena, c->s, c->n, '|', &q->n_history, failed);
    c = cell(in, row, "filterValues");
    q->filter_values = keep(arena, c->s, c->n, failed);
    q->has_number = cell(in, row, "numResults")->n > 0;
}

/* ---- JSON Lines ---- */

/* A scalar as text: ids may be written as numbers. NULL: it is none. */
static char *scalar(struct pz_arena *arena, const json_t *value, bool *failed)
{
    char text[32];
    int n;

    if (json_is_string(value))
        return keep(arena, json_string_value(value), json_string_length(value), failed);
    if (!json_is_integer(value))
        return NULL;
    n = snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
    return keep(arena, text, (size_t)n, failed);
}

/* *good: becomes false where an entry is no scalar, or value no list. */
static const char *const *strings(struct pz_arena *arena, const json_t *value, size_t *n,
                                  bool *good, bool *failed)
{
    const char **list = NULL;
    const json_t *entry;
    size_t i;

    *n = 0;
    *good &= !value || json_is_null(value) || json_is_string(value) || json_is_array(value);
    if (json_is_string(value))
        return split(arena, json_string_value(value), json_string_length(value), '|', n, failed);
    if (json_array_size(value) > 0)
        list = pz_arena_take(arena, json_array_size(value) * sizeof *list);
    *failed = *failed || (json_array_size(value) > 0 && !list);
    json_array_foreach (value, i, entry) {
        char *text = list ? scalar(arena, entry, failed) : NULL;

        if (text)
            list[(*n)++] = text;
        *good &= text || json_is_string(entry) || *failed;
    }
    return list;
}

/* The member of that name, in any of its spellings: userId, user_id, USER_ID. */
static const json_t *member(const json_t *doc, const char *name)
{
    const char *key;
    json_t *value;

    json_object_foreach (pz_json_lend(doc), key, value) {
        if (pz_str_same_name(key, name))
            return value;
    }
    return NULL;
}

/* The first one counts. */
static void add_problem(struct pz_arena *arena, struct pz_question *q, const char *name,
                        const char *why, bool *failed)
{
    char text[80];
    int n = snprintf(text, sizeof text, "%s: %s", name, why);

    if (!q->problem)
        q->problem = keep(arena, text, (size_t)n, failed);
}

/* What is no object is repeated as a string. */
static void echo_text(const struct pz_row *row, struct pz_arena *arena, struct pz_question *q,
                      bool *failed)
{
    struct pz_str text = { 0 };

    pz_json_add_string(&text, row->raw, row->n_raw);
    *failed = *failed || text.failed;
    q->echo = text.failed ? NULL : keep(arena, text.data, text.len, failed);
    pz_str_clear(&text);
}

/* What is known of the moment: numbers and truths may stand there as such. */
static void read_context(struct pz_arena *arena, const json_t *object, struct pz_question *q,
                         bool *failed)
{
    size_t n = json_object_size(object);
    struct pz_context *list = n ? pz_arena_take(arena, n * sizeof *list) : NULL;
    struct pz_str cell = { 0 };
    bool good = !object || json_is_null(object) || json_is_object(object);
    const char *key;
    json_t *value;

    *failed = *failed || (n && !list);
    json_object_foreach (pz_json_lend(list ? object : NULL), key, value) {
        pz_str_reset(&cell);
        good &= pz_json_add_scalar(&cell, value);
        if (cell.len > 0)
            list[q->n_context++] = (struct pz_context){ keep(arena, key, strlen(key), failed),
                                                        keep(arena, cell.data, cell.len, failed) };
    }
    *failed = *failed || cell.failed;
    pz_str_clear(&cell);
    q->context = list;
    if (!good)
        add_problem(arena, q, "context", "must be an object of plain values", failed);
}

static const char *read_id(struct pz_arena *arena, const json_t *doc, const char *name,
                           struct pz_question *q, bool *failed)
{
    const json_t *value = member(doc, name);
    const char *text = scalar(arena, value, failed);

    if (!text && value && !json_is_null(value) && !json_is_string(value))
        add_problem(arena, q, name, "must be a string", failed);
    return text;
}

static const char *const *read_list(struct pz_arena *arena, const json_t *doc, const char *name,
                                    struct pz_question *q, size_t *n, bool *failed)
{
    bool good = true;
    const char *const *list = strings(arena, member(doc, name), n, &good, failed);

    if (!good)
        add_problem(arena, q, name, "must be a list of strings", failed);
    return list;
}

static void read_object(const struct pz_row *row, struct pz_arena *arena, struct pz_question *q,
                        bool *failed)
{
    const json_t *doc = row->json;
    const json_t *values;

    if (row->bad) {
        q->problem = keep(arena, row->bad, strlen(row->bad), failed);
        echo_text(row, arena, q, failed);
        return;
    }
    q->echo = keep(arena, row->raw, row->n_raw, failed);
    q->user_id = read_id(arena, doc, "userId", q, failed);
    q->item_id = read_id(arena, doc, "itemId", q, failed);
    q->attributes = read_id(arena, doc, "itemAttributes", q, failed);
    q->list = read_list(arena, doc, "itemList", q, &q->n_list, failed);
    if (!q->list) /* as GetPersonalizedRanking has it */
        q->list = read_list(arena, doc, "inputList", q, &q->n_list, failed);
    if (q->n_list == 0 &&
        (json_is_array(member(doc, "itemList")) || json_is_array(member(doc, "inputList"))))
        add_problem(arena, q, "itemList", "is empty", failed);
    q->history = read_list(arena, doc, "history", q, &q->n_history, failed);
    read_context(arena, member(doc, "context"), q, failed);
    q->has_number = member(doc, "numResults") != NULL;
    values = member(doc, "filterValues");
    if (values) {
        char *text = json_dumps(values, JSON_COMPACT | JSON_ENCODE_ANY);

        q->filter_values = text ? keep(arena, text, strlen(text), failed) : NULL;
        *failed = *failed || !text;
        free(text);
    }
}

/* A row that asks for nobody: say so with what it has instead. */
static const char *no_question(const struct pz_rows_in *in, struct pz_arena *arena, bool *failed)
{
    struct pz_str text = { 0 };
    const char *problem;

    pz_str_adds(&text, "neither userId nor itemId nor history");
    for (size_t i = 0; i < pz_rows_n_columns(in) && i < 10 && !pz_rows_is_json(in); i++)
        pz_str_addf(&text, "%s%.64s", i ? ", " : "; the columns of the first line are ",
                    pz_rows_column(in, i));
    *failed = *failed || text.failed;
    problem = text.failed ? NULL : keep(arena, text.data, text.len, failed);
    pz_str_clear(&text);
    return problem;
}

enum pz_status pz_question_read(const struct pz_rows_in *in, const struct pz_row *row,
                                struct pz_arena *arena, struct pz_question *q, struct pz_err *err)
{
    bool failed = false;
    char where[320];
    int n = snprintf(where, sizeof where, "%.256s:%llu", pz_rows_name(in),
                     (unsigned long long)row->line);

    *q = (struct pz_question){ .where = keep(arena, where, (size_t)n, &failed) };
    if (pz_rows_is_json(in))
        read_object(row, arena, q, &failed);
    else if (row->bad)
        q->problem = keep(arena, row->bad, strlen(row->bad), &failed);
    else
        read_cells(in, row, arena, q, &failed);
    if (!q->problem && !q->user_id && !q->item_id && !q->attributes && q->n_history == 0)
        q->problem = no_question(in, arena, &failed);
    return failed ? pz_err_memory(err, "a batch", 1e5) : PZ_OK;
}

void pz_question_fill(const struct pz_question *q, struct pz_request *req)
{
    req->user_id = q->user_id;
    req->item_id = q->item_id;
    req->rank = q->list;
    req->n_rank = q->n_list;
    req->history = q->history;
    req->n_history = q->n_history;
    req->echo = q->echo;
    if (q->n_context > 0) {
        req->context = q->context;
        req->n_context = q->n_context;
    }
}
