/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacking: a table of either form becomes a flat one, which is mapped and used in place, with
 * columns beside its own that follow from them. A campaign keeps its models so: opening one costs
 * no decoding, and all processes share its pages.
 *
 * The head of a flat file tells the place and the hash of the contents, and outputs are written in
 * order: so the layout is computed first (columns are plain arrays), then everything is written
 * once, column by column, each decoded, checked, written and dropped before the next. Memory is
 * that of the largest column.
 *
 * Invariants: columns begin at multiples of a cache line, so that kernels may load whole vectors;
 * the bytes between them are zero and are verified to be; stored hash and hash of the values are
 * one, as the bytes are. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/number.h"
#include "table/hash.h"
#include "table/reader.h"

void pz_layout_flat_head(const char kind[4], uint64_t offset, const unsigned char *contents,
                         size_t n_contents, unsigned char head[PZ_FLAT_BYTES])
{
    memset(head, 0, PZ_FLAT_BYTES);
    memcpy(head, PZ_FLAT_MAGIC, 8);
    memcpy(head + 8, kind, 4);
    pz_put32(head + 12, PZ_FORMAT_VERSION);
    pz_put64(head + 16, offset);
    pz_put64(head + 24, n_contents);
    pz_put64(head + 32, pz_hash64(contents, n_contents));
    pz_put64(head + 40, offset + n_contents);
}

enum pz_status pz_derived_add(struct pz_derived *d, const char *name, enum pz_type type,
                              const void *data, uint64_t n, void *own, struct pz_err *err)
{
    struct pz_layout_column *col;

    if (!data || !pz_mem_grow(&d->col, &d->cap, d->n + 1, sizeof *d->col)) {
        free(own);
        return pz_err_memory(err, name, (double)n * (double)pz_type_bytes(type));
    }
    col = &d->col[d->n++];
    *col = (struct pz_layout_column){ .type = type, .n = n, .data = data, .own = own };
    snprintf(col->name, sizeof col->name, PZ_DERIVED "%s", name);
    col->hash = pz_hash64(data, (size_t)pz_layout_raw(col));
    return PZ_OK;
}

struct pz_column_info pz_derived_column(const struct pz_derived *d, size_t i)
{
    const struct pz_layout_column *col = &d->col[i];

    return (struct pz_column_info){ col->name, col->type, col->n, pz_layout_raw(col) };
}

void pz_derived_clear(struct pz_derived *d)
{
    for (size_t i = 0; i < d->n; i++)
        free(d->col[i].own);
    free(d->col);
    *d = (struct pz_derived){ NULL, 0, 0 };
}

/* What the flat file will hold, in order: columns of t, which stay t's, and derived ones. */
static struct pz_layout_column *list_columns(const struct pz_table *t,
                                             const struct pz_derived *derived, size_t *n)
{
    struct pz_layout_column *list = pz_mem_array(t->n + derived->n, sizeof *list);

    *n = 0;
    for (size_t i = 0; list && i < t->n; i++)
        if (!pz_layout_is_derived(&t->col[i]))
            list[(*n)++] = t->col[i];
    for (size_t i = 0; list && i < derived->n; i++)
        list[(*n)++] = derived->col[i];
    return list;
}

static enum pz_status make_layout(const struct pz_table *t, const struct pz_derived *derived,
                                  unsigned char head[PZ_FLAT_BYTES], unsigned char **contents,
                                  size_t *n_contents, struct pz_err *err)
{
    size_t n = 0;
    struct pz_layout_column *flat = list_columns(t, derived, &n);
    uint64_t at = PZ_FLAT_BYTES;
    enum pz_status st;

    if (!flat)
        return pz_err_memory(err, "the table of contents", (double)(t->n * sizeof *flat));
    for (size_t i = 0; i < n; i++) {
        flat[i].n_frames = 0;
        flat[i].stored_hash = flat[i].hash;
        flat[i].offset = pz_layout_align(at, PZ_MEM_ALIGN);
        at = flat[i].offset + pz_layout_raw(&flat[i]);
    }
    st = pz_layout_encode(flat, n, contents, n_contents, err);
    if (st == PZ_OK)
        pz_layout_flat_head(t->kind, at, *contents, *n_contents, head);
    free(flat);
    return st;
}

enum pz_status pz_layout_write_values(struct pz_out *out, const struct pz_layout_column *col,
                                      struct pz_err *err)
{
    static const unsigned char zero[PZ_MEM_ALIGN];
    uint64_t at = pz_out_size(out);
    enum pz_status st = pz_out_write(out, zero, (size_t)(pz_layout_align(at, PZ_MEM_ALIGN) - at),
                                     err);

    return st == PZ_OK ? pz_out_write(out, col->data, (size_t)pz_layout_raw(col), err) : st;
}

static enum pz_status write_column(struct pz_out *out, struct pz_table *t,
                                   struct pz_layout_column *col, struct pz_err *err)
{
    bool had = col->data != NULL;
    enum pz_status st = t->flat ? pz_column_verify(t, col, err) : PZ_OK;

    if (st == PZ_OK && !had)
        st = pz_column_load(t, col, err);
    /* values that a caller was given may have been changed in place (they are only const by
     * promise) */
    if (st == PZ_OK && had && pz_hash64(col->data, (size_t)pz_layout_raw(col)) != col->hash)
        st = pz_err_set(err, PZ_INTERNAL, "column %s was changed in memory", col->name);
    if (st == PZ_OK)
        st = pz_layout_write_values(out, col, err);
    if (!had)
        pz_column_drop(col);
    return st;
}

enum pz_status pz_table_unpack(struct pz_table *t, const struct pz_derived *derived,
                               const char *path, struct pz_err *err)
{
    static const struct pz_derived none;
    unsigned char head[PZ_FLAT_BYTES], *contents = NULL;
    size_t n_contents = 0;
    struct pz_out *out = NULL;
    enum pz_status st = make_layout(t, derived ? derived : &none, head, &contents, &n_contents,
                                    err);

    if (st == PZ_OK)
        st = pz_out_open(path, &out, err);
    if (st == PZ_OK)
        pz_out_for_map(out);
    if (st == PZ_OK)
        st = pz_out_write(out, head, sizeof head, err);
    for (size_t i = 0; i < t->n && st == PZ_OK; i++)
        if (!pz_layout_is_derived(&t->col[i]))
            st = write_column(out, t, &t->col[i], err);
    for (size_t i = 0; derived && i < derived->n && st == PZ_OK; i++)
        st = pz_layout_write_values(out, &derived->col[i], err);
    if (st == PZ_OK)
        st = pz_out_write(out, contents, n_contents, err);
    if (st == PZ_OK)
        st = pz_out_commit(out, err);
    else
        pz_out_abort(out);
    free(contents);
    return st;
}
