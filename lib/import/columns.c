/* SPDX-License-Identifier: Apache-2.0 */
/* Columns: see columns.h.
 *
 * A text column is the numbers of its distinct cells. The cells of all threads are united and
 * sorted, the type is inferred from them where no schema gives it, and each distinct cell is turned
 * into a number, or into its parts between '|', once; the rows then only look up. */
#include "import/columns.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "import/cell.h"

/* One text column while it is typed. */
struct cells {
    struct pz_dict dict;   /* distinct cells */
    uint32_t **map;        /* [n_workers][...] number -> index */
    uint64_t *word;        /* [longest chunk] scratch */
    uint64_t *part_ptr;    /* CATEGORY: [dict.n + 1] into part */
    uint32_t *part;        /* indices of values */
    struct pz_dict values; /* CATEGORY: distinct parts */
};

size_t pz_staged_longest(const struct pz_staged *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->stage->n; i++)
        n = s->stage->chunk[i].n_rows > n ? s->stage->chunk[i].n_rows : n;
    return n;
}

static void cells_clear(const struct pz_staged *s, struct cells *c)
{
    pz_dict_clear(&c->dict);
    pz_dict_clear(&c->values);
    for (int k = 0; k < s->n_workers && c->map; k++)
        free(c->map[k]);
    free(c->map);
    free(c->word);
    free(c->part_ptr);
    free(c->part);
}

static enum pz_status unite_cells(const struct pz_staged *s, uint32_t f, struct cells *c,
                                  struct pz_err *err)
{
    struct pz_texts **text = pz_mem_array((size_t)s->n_workers, sizeof *text);
    enum pz_status st = PZ_OK;

    c->map = pz_mem_array((size_t)s->n_workers, sizeof *c->map);
    c->word = pz_mem_array(pz_staged_longest(s), sizeof *c->word);
    if (!text || !c->map || !c->word)
        st = pz_err_memory(err, "a column", 8.0 * (double)pz_staged_longest(s));
    for (int k = 0; k < s->n_workers && st == PZ_OK; k++)
        text[k] = &s->worker[k].text[s->plan->table][f];
    if (st == PZ_OK)
        st = pz_texts_unite(text, (size_t)s->n_workers, &c->dict, c->map, err);
    for (int k = 0; k < s->n_workers && st == PZ_OK; k++)
        pz_texts_clear(text[k]);
    free(text);
    return st;
}

/* Turn a chunk's words, in place, into index + 1 of the cell, 0 for null. */
static void read_codes(const struct pz_chunk *chunk, uint32_t f, uint32_t *const *map,
                       uint64_t *word)
{
    pz_chunk_read(chunk, f, 0, word);
    for (uint32_t r = 0; r < chunk->n_rows; r++)
        if (word[r] > 0)
            word[r] = (uint64_t)map[chunk->worker][word[r] - 1] + 1;
}

static uint64_t count_nulls(const struct pz_staged *s, uint32_t f, uint64_t *word)
{
    uint64_t n = 0, null = pz_use_null(s->plan->field[f].use);

    for (size_t i = 0; i < s->stage->n; i++) {
        pz_chunk_read(&s->stage->chunk[i], f, null, word);
        for (uint32_t r = 0; r < s->stage->chunk[i].n_rows; r++)
            n += word[r] == null;
    }
    return n;
}

/* ---- numbers ---- */

/* The value of every cell, by the field's type. Inferred types cannot fail here. */
static double *parse_cells(const struct pz_field *f, const struct pz_dict *dict)
{
    double *value = pz_mem_array(dict->n, sizeof *value);

    for (uint32_t i = 0; value && i < dict->n; i++) {
        size_t n;
        const char *s = pz_dict_get(dict, i, &n);
        uint64_t word = 0;

        if (f->kind == PZ_ATTR_BOOL)
            pz_word_bool(s, n, &word);
        else
            pz_word_number(f, s, n, &word);
        memcpy(&value[i], &word, sizeof *value);
    }
    return value;
}

static enum pz_status fill_numbers_from_cells(const struct pz_staged *s, uint32_t f,
                                              const struct pz_field *type, struct cells *c,
                                              double *num, struct pz_err *err)
{
    double *value = parse_cells(type, &c->dict);
    uint64_t at = 0;

    if (!value)
        return pz_err_memory(err, type->name, 8.0 * c->dict.n);
    for (size_t i = 0; i < s->stage->n; i++) {
        const struct pz_chunk *chunk = &s->stage->chunk[i];

        read_codes(chunk, f, c->map, c->word);
        for (uint32_t r = 0; r < chunk->n_rows; r++)
            num[at++] = c->word[r] ? value[c->word[r] - 1] : (double)NAN;
    }
    free(value);
    return PZ_OK;
}

/* Words that are numbers or times already. */
static void fill_numbers_from_words(const struct pz_staged *s, uint32_t f, uint64_t *word,
                                    double *num)
{
    enum pz_use use = s->plan->field[f].use;
    uint64_t at = 0;

    for (size_t i = 0; i < s->stage->n; i++) {
        const struct pz_chunk *chunk = &s->stage->chunk[i];

        pz_chunk_read(chunk, f, pz_use_null(use), word);
        if (use != PZ_USE_CREATED) {
            memcpy(num + at, word, chunk->n_rows * sizeof *num);
            at += chunk->n_rows;
            continue;
        }
        for (uint32_t r = 0; r < chunk->n_rows; r++)
            num[at++] = word[r] ? (double)pz_word_to_time(word[r]) : (double)NAN;
    }
}

/* ---- lists ---- */

/* Cut every cell at '|'; empty parts are dropped. */
static enum pz_status split_cells(struct cells *c, struct pz_err *err)
{
    struct pz_dict_builder *b = pz_dict_builder_new();
    uint32_t *final = NULL;
    size_t cap = 0, n = 0;
    bool good = b && (c->part_ptr = pz_mem_array((size_t)c->dict.n + 1, sizeof *c->part_ptr));
    enum pz_status st = PZ_OK;

    for (uint32_t i = 0; i < c->dict.n && good; i++) {
        size_t len;
        const char *s = pz_dict_get(&c->dict, i, &len), *end = s + len;

        while (s < end && good) {
            const char *bar = memchr(s, '|', (size_t)(end - s)), *stop = bar ? bar : end;

            if (stop > s) {
                good = pz_mem_grow(&c->part, &cap, n + 1, sizeof *c->part) &&
                       (c->part[n] = pz_dict_builder_add(b, s, (size_t)(stop - s))) != PZ_NONE;
                n++;
            }
            s = stop + (bar != NULL);
        }
        c->part_ptr[i + 1] = n;
    }
    if (!good)
        st = pz_err_memory(err, "categories", 4.0 * (double)n);
    if (st == PZ_OK)
        st = pz_dict_builder_finish(b, &c->values, &final, err);
    for (size_t k = 0; k < n && st == PZ_OK; k++)
        c->part[k] = final[c->part[k]];
    free(final);
    pz_dict_builder_free(b);
    return st;
}

/* STRING and TEXT: every cell is its own single part. */
static enum pz_status whole_cells(struct cells *c, struct pz_err *err)
{
    c->part_ptr = pz_mem_array((size_t)c->dict.n + 1, sizeof *c->part_ptr);
    c->part = pz_mem_array(c->dict.n, sizeof *c->part);
    if (!c->part_ptr || !c->part)
        return pz_err_memory(err, "texts", 12.0 * c->dict.n);
    for (uint32_t i = 0; i < c->dict.n; i++) {
        c->part[i] = i;
        c->part_ptr[i + 1] = i + 1;
    }
    c->values = c->dict;
    memset(&c->dict, 0, sizeof c->dict);
    return PZ_OK;
}

static uint64_t *make_row_ptr(const struct pz_staged *s, uint32_t f, struct cells *c)
{
    uint64_t *ptr = pz_mem_array(s->stage->n_rows + 1, sizeof *ptr), at = 0;

    for (size_t i = 0; ptr && i < s->stage->n; i++) {
        read_codes(&s->stage->chunk[i], f, c->map, c->word);
        for (uint32_t r = 0; r < s->stage->chunk[i].n_rows; r++, at++) {
            uint64_t cell = c->word[r];

            ptr[at + 1] = ptr[at] + (cell ? c->part_ptr[cell] - c->part_ptr[cell - 1] : 0);
        }
    }
    return ptr;
}

static enum pz_status fill_lists(const struct pz_staged *s, uint32_t f, struct cells *c,
                                 struct pz_attr *out, struct pz_err *err)
{
    uint64_t *ptr = make_row_ptr(s, f, c), at = 0;
    uint32_t *code = ptr ? pz_mem_array(ptr[s->stage->n_rows], sizeof *code) : NULL;

    out->ptr = ptr;
    out->code = code;
    if (!code)
        return pz_err_memory(err, out->name, 12.0 * (double)s->stage->n_rows);
    for (size_t i = 0; i < s->stage->n; i++) {
        read_codes(&s->stage->chunk[i], f, c->map, c->word);
        for (uint32_t r = 0; r < s->stage->chunk[i].n_rows; r++, at++) {
            uint64_t cell = c->word[r], n = ptr[at + 1] - ptr[at];

            out->nullable |= n == 0; /* also a cell of nothing but '|' */
            if (n > 0)
                memcpy(code + ptr[at], c->part + c->part_ptr[cell - 1], n * sizeof *code);
        }
    }
    out->values = c->values;
    memset(&c->values, 0, sizeof c->values);
    return PZ_OK;
}

/* ---- a column ---- */

static enum pz_status fill_attr(const struct pz_staged *s, uint32_t f, const struct pz_field *type,
                                struct cells *c, struct pz_attr *out, struct pz_err *err)
{
    double *num = NULL;
    enum pz_status st;

    if (type->kind == PZ_ATTR_NUMBER || type->kind == PZ_ATTR_BOOL) {
        out->num = num = pz_mem_array(s->stage->n_rows, sizeof *num);
        if (!num)
            return pz_err_memory(err, type->name, 8.0 * (double)s->stage->n_rows);
        if (s->plan->field[f].use == PZ_USE_TEXT)
            return fill_numbers_from_cells(s, f, type, c, num, err);
        fill_numbers_from_words(s, f, c->word, num);
        return PZ_OK;
    }
    st = type->kind == PZ_ATTR_CATEGORY ? split_cells(c, err) : whole_cells(c, err);
    return st == PZ_OK ? fill_lists(s, f, c, out, err) : st;
}

static enum pz_status make_attr(const struct pz_staged *s, uint32_t f, struct pz_attr *out,
                                struct pz_err *err)
{
    const struct pz_plan_field *field = &s->plan->field[f];
    struct pz_field type = field->f;
    struct cells c = { .map = NULL };
    uint64_t nulls;
    enum pz_status st = unite_cells(s, f, &c, err);

    if (st == PZ_OK) {
        nulls = count_nulls(s, f, c.word);
        if (!field->given)
            pz_schema_infer(&type, &c.dict, s->stage->n_rows - nulls, s->plan->table == PZ_ITEMS);
        if (!s->plan->by_schema)
            type.nullable = nulls > 0;
        memcpy(out->name, type.name, sizeof out->name);
        out->kind = type.kind;
        out->nullable = type.nullable;
        out->whole = type.whole;
        out->wide = type.wide;
        st = fill_attr(s, f, &type, &c, out, err);
        pz_stage_drop(s->stage, f);
    }
    cells_clear(s, &c);
    return st;
}

static bool is_attribute(enum pz_use use)
{
    return use == PZ_USE_CREATED || use == PZ_USE_NUMBER || use == PZ_USE_BOOL ||
           use == PZ_USE_TEXT;
}

/* Fields in the order of the schema, or in that of their first appearance. */
static size_t order_fields(const struct pz_plan *plan, uint32_t *order)
{
    size_t n = 0;

    for (uint32_t f = 0; f < plan->n; f++) {
        const struct pz_plan_field *field = &plan->field[f], *other;
        size_t at = n++;

        while (at > 0 && !plan->by_schema && (other = &plan->field[order[at - 1]]) &&
               (other->first > field->first ||
                (other->first == field->first && other->first_at > field->first_at))) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = f;
    }
    return n;
}

enum pz_status pz_columns_make(const struct pz_staged *s, struct pz_attrs *out, struct pz_err *err)
{
    uint32_t *order = pz_mem_array(PZ_PLAN_MAX, sizeof *order);
    size_t n = order ? order_fields(s->plan, order) : 0;
    enum pz_status st = PZ_OK;

    *out = (struct pz_attrs){ .n_rows = s->stage->n_rows, .owned = true };
    out->attr = pz_mem_array(s->plan->n, sizeof *out->attr);
    if (!order || !out->attr)
        st = pz_err_memory(err, "columns", 1e4);
    for (size_t i = 0; i < n && st == PZ_OK; i++)
        if (is_attribute(s->plan->field[order[i]].use))
            st = make_attr(s, order[i], &out->attr[out->n_attrs++], err);
    free(order);
    return st;
}
