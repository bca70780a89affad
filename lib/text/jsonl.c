/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Lines of a block: see record.h. A line goes through Jansson, so escapes, numbers and
 * repeated keys are judged by one parser; values become text, as they would stand in a CSV cell.
 *
 * Which column a key is, the caller says by a slot. All values of a row stand in one growing
 * text: while it grows cells keep offsets, and they get their pointers when the row is whole. A
 * key that has no value in this row has an empty cell. Blank lines are passed over. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/record.h"

enum { PATH_BYTES = 256 };

void pz_jsonl_init(struct pz_jsonl_reader *r, pz_jsonl_slot *slot, void *context)
{
    memset(r, 0, sizeof *r);
    r->slot = slot;
    r->context = context;
}

void pz_jsonl_start(struct pz_jsonl_reader *r, const char *text, size_t n)
{
    r->text = text;
    r->n = n;
    r->at = 0;
    r->line = 1;
}

void pz_jsonl_clear(struct pz_jsonl_reader *r)
{
    free(r->cell);
    free(r->offset);
    pz_str_clear(&r->values);
    memset(r, 0, sizeof *r);
}

static bool has_bar(const json_t *value)
{
    return json_is_string(value) &&
           memchr(json_string_value(value), '|', json_string_length(value)) != NULL;
}

/* {"S": "u1"} and {"N": "7"}, as DynamoDB exports. */
static const json_t *dynamo_value(const json_t *value)
{
    const json_t *s = json_object_get(value, "S"), *inside = s ? s : json_object_get(value, "N");

    return json_object_size(value) == 1 && json_is_string(inside) ? inside : value;
}

/* The value of MongoDB's extended JSON, {"$oid": "..."} and the like, or of DynamoDB's; else the
 * value itself. */
static const json_t *unwrap(const json_t *value)
{
    /* The relaxed and the canonical form of mongoexport, whose types a table has no need of. */
    static const char *const names[] = { "$oid",       "$date",         "$numberLong",
                                         "$numberInt", "$numberDouble", "$numberDecimal" };

    for (size_t i = 0; json_object_size(value) == 1 && i < sizeof names / sizeof *names; i++)
        if (json_object_get(value, names[i])) {
            value = json_object_get(value, names[i]);
            i = SIZE_MAX; /* a $date holds a $numberLong */
        }
    return dynamo_value(value);
}

static bool is_nested(const json_t *value)
{
    const json_t *part;
    size_t i;

    json_array_foreach (value, i, part) {
        part = unwrap(part);
        if (json_is_object(part) || json_is_array(part))
            return true;
    }
    /* An array of plain values is a list; an object, or an array with one inside, has no cell. */
    return json_is_object(value);
}

/* A value that is_nested says no of. */
static const char *add_value(struct pz_str *text, const json_t *value)
{
    const json_t *part;
    size_t i;

    if (!json_is_array(value))
        pz_json_add_scalar(text, value);
    json_array_foreach (value, i, part) {
        part = unwrap(part);
        if (i > 0)
            pz_str_addc(text, '|');
        /* A '|' in a category separates values; joined, the two could not be told apart again. */
        if (has_bar(part))
            return "an array with a '|' inside a string, which separates values";
        pz_json_add_scalar(text, part);
    }
    return NULL;
}

/* New slots come behind the known ones. Entries appear at most as fast as slots are given out. */
static bool reach_slot(struct pz_jsonl_reader *r, size_t slot)
{
    if (!pz_mem_grow(&r->cell, &r->cap_cells, slot + 1, sizeof *r->cell) ||
        !pz_mem_grow(&r->offset, &r->cap_offset, slot + 1, sizeof *r->offset))
        return false;
    for (; r->n_cells <= slot; r->n_cells++)
        r->cell[r->n_cells] = (struct pz_cell){ "", 0 };
    return true;
}

/* The value of one slot; cell[].n is known at once, cell[].s only when values has stopped moving.
 */
static bool take_value(struct pz_jsonl_reader *r, size_t slot, const char *key, const json_t *value)
{
    size_t from = r->values.len;
    const char *problem;

    /* Slots of one reader grow while it reads; a row's cells are as many as were met so far. */
    if (!reach_slot(r, slot))
        return false;
    if (r->cell[slot].n > 0) {
        snprintf(r->problem, sizeof r->problem, "two keys stand for one column, one is \"%.60s\"",
                 key);
        return false;
    }
    problem = add_value(&r->values, value);
    if (problem) {
        snprintf(r->problem, sizeof r->problem, "column %.60s: %s", key, problem);
        return false;
    }
    r->offset[slot] = from;
    r->cell[slot].n = r->values.len - from;
    return true;
}

/* The members of an object inside the row, whose path is `outer`. */
static bool take_inside(struct pz_jsonl_reader *r, const json_t *object, const char *outer)
{
    char path[PATH_BYTES];
    const char *key;
    json_t *member;
    bool good = true;

    json_object_foreach (pz_json_lend(object), key, member) {
        const json_t *value = unwrap(member);
        int n = snprintf(path, sizeof path, "%s.%s", outer, key);
        size_t slot;

        /* A path that is longer than any name --map could give is passed over. */
        if (!good || n < 0 || (size_t)n >= sizeof path)
            continue;
        if (json_is_object(value))
            good = take_inside(r, value, path);
        else if (is_nested(value) && (size_t)n + 2 < sizeof path)
            r->slot(r->context, strcat(path, "[]"), true);
        else if (!is_nested(value) && (slot = r->slot(r->context, path, true)) != SIZE_MAX)
            good = take_value(r, slot, path, value);
    }
    return good;
}

static bool take_member(struct pz_jsonl_reader *r, const char *key, const json_t *value)
{
    char path[PATH_BYTES];
    size_t slot;

    value = unwrap(value);
    if (json_is_object(value)) {
        bool good = take_inside(r, value, key);

        r->slot(r->context, key, true); /* behind its values, which say more */
        return good;
    }
    if (is_nested(value)) {
        snprintf(path, sizeof path, "%.200s[]", key);
        r->slot(r->context, path, true);
        return true;
    }
    slot = r->slot(r->context, key, false);
    return slot == SIZE_MAX || take_value(r, slot, key, value);
}

static bool take_object(struct pz_jsonl_reader *r, json_t *object)
{
    const char *key;
    json_t *value;
    bool good = true;

    pz_str_reset(&r->values);
    for (size_t i = 0; i < r->n_cells; i++)
        /* Lengths alone are reset: 0 is an empty cell wherever s points. */
        r->cell[i].n = 0;
    json_object_foreach (object, key, value)
        good = good && take_member(r, key, value);
    for (size_t i = 0; i < r->n_cells && good; i++)
        if (r->cell[i].n > 0)
            r->cell[i].s = r->values.data + r->offset[i];
    return good && !r->values.failed;
}

static void take_line(struct pz_jsonl_reader *r, struct pz_row *row)
{
    struct pz_err why = { .status = PZ_OK };
    json_t *doc = NULL;

    r->problem[0] = '\0';
    if (pz_json_parse(row->raw, row->n_raw, "JSON", &doc, &why) != PZ_OK)
        snprintf(r->problem, sizeof r->problem, "%.190s", why.text);
    else if (!json_is_object(doc))
        snprintf(r->problem, sizeof r->problem, "a line must be a JSON object");
    else if (!take_object(r, doc) && !r->problem[0])
        snprintf(r->problem, sizeof r->problem, "out of memory");
    json_decref(doc);
    row->bad = r->problem[0] ? r->problem : NULL;
    row->cell = r->cell;
    row->n_cells = r->n_cells;
}

static bool is_blank(const char *s, size_t n)
{
    /* strchr finds the NUL behind its string too. */
    while (n > 0 && strchr(" \t\r\f\x1a", s[n - 1]))
        n--;
    return n == 0;
}

bool pz_jsonl_next(struct pz_jsonl_reader *r, struct pz_row *row)
{
    while (r->at < r->n) {
        const char *s = r->text + r->at, *newline = memchr(s, '\n', r->n - r->at);
        size_t n = newline ? (size_t)(newline - s) : r->n - r->at;

        r->at += n + (newline != NULL);
        r->line++;
        if (is_blank(s, n))
            continue;
        *row = (struct pz_row){ .line = r->line - 1, .raw = s, .n_raw = n, .check_text = true };
        take_line(r, row);
        return true;
    }
    return false;
}
