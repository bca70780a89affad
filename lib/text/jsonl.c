/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Lines of a block: see record.h. A line goes through Jansson, so escapes, numbers and
 * repeated keys are judged by one parser; values become text, as they would stand in a CSV cell. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/record.h"

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

static const char *add_value(struct pz_str *text, const json_t *value)
{
    const json_t *part;
    size_t i;

    if (json_is_object(value))
        return "a nested object; only plain values and arrays of them are columns";
    if (!json_is_array(value))
        return pz_json_add_scalar(text, value) ? NULL : "a nested value";
    json_array_foreach (value, i, part) {
        if (i > 0)
            pz_str_addc(text, '|');
        if (has_bar(part))
            return "an array with a '|' inside a string, which separates values";
        if (!pz_json_add_scalar(text, part))
            return "an array of arrays or objects; only plain values can be in it";
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

/* cell[].n is known at once; cell[].s only when values has stopped moving. */
static bool take_object(struct pz_jsonl_reader *r, json_t *object)
{
    const char *key, *fault = NULL;
    json_t *value;

    pz_str_reset(&r->values);
    for (size_t i = 0; i < r->n_cells; i++)
        r->cell[i].n = 0;
    json_object_foreach (object, key, value) {
        size_t slot = r->slot(r->context, key), from = r->values.len;

        if (slot == SIZE_MAX)
            continue;
        if (!reach_slot(r, slot))
            return false;
        if (r->cell[slot].n > 0) {
            snprintf(r->problem, sizeof r->problem,
                     "two keys stand for one column, one is \"%.60s\"", key);
            return false;
        }
        fault = add_value(&r->values, value);
        if (fault) {
            snprintf(r->problem, sizeof r->problem, "column %.60s: %s", key, fault);
            return false;
        }
        r->offset[slot] = from;
        r->cell[slot].n = r->values.len - from;
    }
    for (size_t i = 0; i < r->n_cells; i++)
        if (r->cell[i].n > 0)
            r->cell[i].s = r->values.data + r->offset[i];
    return !r->values.failed;
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
    while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t' || s[n - 1] == '\r'))
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
