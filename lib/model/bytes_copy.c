/* SPDX-License-Identifier: Apache-2.0 */
/* A copy in bytes of a part's vectors, in memory and in flat files: see bytes.h.
 *
 * Publishing makes the copy and stores it as derived columns; who opens such a file maps them. A
 * flat file without them stays without, as one answer would pay more for a copy than it gains. The
 * copy holds nothing that the vectors do not say, so that it has no part in a model's fingerprint.
 *
 * Of many vectors the longest come first: what an answer reads of them then lies together, in few
 * pages. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/bytes.h"

enum { NAME_BYTES = PZ_NAME_MAX + 1, N_ALWAYS = 4, N_COLUMNS = 6 };

/* Vectors at any places cost three times those in a row. One answer from made data without any
 * structure, the worst case: .33 ms by a scan of 27,000 items x 64 and x 128, .65 by lengths; of
 * 330,000 items 7.5 and 4.5. */
uint32_t pz_bytes_many = 100000;

static size_t n_offs(size_t n)
{
    return (n + 63) / 64;
}

/* A vector by its length. */
struct by_length {
    float length;
    uint32_t item;
};

static int longest_first(const void *x, const void *y)
{
    const struct by_length *a = x, *b = y;

    if (a->length < b->length || a->length > b->length)
        return a->length > b->length ? -1 : 1;
    return a->item < b->item ? -1 : a->item > b->item;
}

enum pz_status pz_bytes_longest(const float *length, uint32_t n, uint32_t *item, struct pz_err *err)
{
    struct by_length *list = pz_mem_array(n, sizeof *list);

    if (!list)
        return pz_err_memory(err, "vectors by length", 8.0 * n);
    for (uint32_t i = 0; i < n; i++)
        list[i] = (struct by_length){ length[i], i };
    qsort(list, n, sizeof *list, longest_first);
    for (uint32_t i = 0; i < n; i++)
        item[i] = list[i].item;
    free(list);
    return PZ_OK;
}

/* The columns of a copy: where each array is in the struct, and its length. */
struct column {
    const char *name;
    enum pz_type type;
    const void *data;
    uint64_t n;
};

static size_t list_columns(const struct pz_bytes_copy *c, struct column *list)
{
    uint64_t n = c->rows.n;
    const struct column all[N_COLUMNS] = { { "codes", PZ_U8, c->rows.code, n * c->rows.d },
                                           { "scale", PZ_F32, c->rows.scale, n },
                                           { "off", PZ_F32, c->off, 2 * n_offs(n) },
                                           { "length", PZ_F32, c->length, n },
                                           { "longest", PZ_U32, c->longest, n },
                                           { "place", PZ_U32, c->place, n } };
    size_t n_columns = c->by_length ? N_COLUMNS : N_ALWAYS;

    for (size_t i = 0; i < n_columns; i++)
        list[i] = all[i];
    return n_columns;
}

/* The arrays of the columns into the struct. */
static void set_columns(struct pz_bytes_copy *c, const void *const *data)
{
    c->rows.code = data[0];
    c->rows.scale = data[1];
    c->off = data[2];
    c->length = data[3];
    c->longest = data[4];
    c->place = data[5];
}

static enum pz_status make(const float *row, struct pz_bytes_copy *c, struct pz_err *err)
{
    size_t n = c->rows.n, d = c->rows.d;
    struct column list[N_COLUMNS];
    size_t n_columns = list_columns(c, list);
    enum pz_status st = PZ_OK;
    uint32_t *place;

    for (size_t i = 0; i < n_columns; i++) {
        c->own[i] = pz_mem_array(list[i].n, pz_type_bytes(list[i].type));
        if (!c->own[i])
            return pz_err_memory(err, "vectors as bytes", (double)d * (double)n);
    }
    set_columns(c, (const void *const *)c->own);
    place = c->own[5];
    pz_bytes_row_lengths(row, n, d, c->own[3]);
    if (place)
        st = pz_bytes_longest(c->length, (uint32_t)n, c->own[4], err);
    for (uint32_t i = 0; st == PZ_OK && place && i < n; i++)
        place[c->longest[i]] = i;
    if (st == PZ_OK)
        pz_bytes_rows(row, c->longest, n, d, c->own[0], c->own[1], c->own[2]);
    return st;
}

static void name_of(char *full, const char *name, const char *column)
{
    snprintf(full, NAME_BYTES, PZ_DERIVED "%s/%s", name, column);
}

enum pz_status pz_bytes_copy_load(struct pz_table *t, const char *name, const float *row, size_t n,
                                  size_t d, bool by_length, struct pz_bytes_copy *copy,
                                  struct pz_err *err)
{
    char full[NAME_BYTES];
    struct column list[N_COLUMNS];
    const void *data[N_COLUMNS] = { NULL };
    enum pz_status st = PZ_OK;
    size_t n_columns;

    *copy = (struct pz_bytes_copy){ .rows = { .n = n, .d = d }, .by_length = by_length };
    n_columns = list_columns(copy, list);
    /* Who wrote one of them wrote all: the last to come is looked for. */
    name_of(full, name, list[n_columns - 1].name);
    if (!pz_table_has(t, full))
        return pz_table_is_flat(t) || !pz_table_is_asked(t) ? PZ_OK : make(row, copy, err);
    for (size_t i = 0; i < n_columns && st == PZ_OK; i++) {
        name_of(full, name, list[i].name);
        st = pz_table_get(t, full, list[i].type, list[i].n, &data[i], NULL, err);
    }
    if (st == PZ_OK)
        set_columns(copy, data);
    return st;
}

enum pz_status pz_bytes_copy_derive(const struct pz_bytes_copy *copy, const char *name,
                                    struct pz_derived *out, struct pz_err *err)
{
    struct column list[N_COLUMNS];
    size_t n_columns = copy->rows.code ? list_columns(copy, list) : 0;
    enum pz_status st = PZ_OK;

    for (size_t i = 0; i < n_columns && st == PZ_OK; i++) {
        char full[NAME_BYTES];

        snprintf(full, sizeof full, "%s/%s", name, list[i].name);
        st = pz_derived_add(out, full, list[i].type, list[i].data, list[i].n, NULL, err);
    }
    return st;
}

void pz_bytes_copy_rows(const struct pz_bytes_copy *copy, const struct pz_bytes_query8 *q,
                        const uint32_t *item, size_t n, float *out, float *bound)
{
    enum { BLOCK = 64 };
    uint32_t row[BLOCK];

    for (size_t i = 0; i < n; i += BLOCK) {
        size_t left = n - i < BLOCK ? n - i : BLOCK;

        for (size_t k = 0; k < left; k++)
            row[k] = copy->place ? copy->place[item[i + k]] : item[i + k];
        pz_bytes_rough_rows(&copy->rows, copy->off, q, row, left, out + i, bound + i);
    }
}

void pz_bytes_copy_clear(struct pz_bytes_copy *copy)
{
    for (size_t i = 0; i < sizeof copy->own / sizeof *copy->own; i++)
        free(copy->own[i]);
}
