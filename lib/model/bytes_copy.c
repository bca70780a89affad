/* SPDX-License-Identifier: Apache-2.0 */
/* A copy in bytes of a part's vectors, in memory and in flat files: see bytes.h.
 *
 * Publishing makes the copy and stores it as derived columns; who opens such a file maps them. A flat
 * file without them stays without, as one answer would pay more for a copy than it gains. The copy
 * holds nothing that the vectors do not say, so that it has no part in a model's fingerprint. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/bytes.h"

enum { NAME_BYTES = PZ_NAME_MAX + 1 };

static size_t n_offs(size_t n)
{
    return (n + 63) / 64;
}

static enum pz_status make(const float *row, struct pz_bytes_copy *c, struct pz_err *err)
{
    size_t n = c->rows.n, d = c->rows.d;

    c->rows.code = c->own_code = pz_mem_array(n * d, 1);
    c->rows.scale = c->own_scale = pz_mem_array(n, sizeof *c->own_scale);
    c->off = c->own_off = pz_mem_array(n_offs(n), sizeof *c->own_off);
    if (!c->own_code || !c->own_scale || !c->own_off)
        return pz_err_memory(err, "vectors as bytes", (double)d * (double)n);
    pz_bytes_rows(row, n, d, c->own_code, c->own_scale, c->own_off);
    return PZ_OK;
}

/* One column of a flat table. */
static const void *get(struct pz_table *t, const char *name, const char *column, enum pz_type type,
                       uint64_t n, enum pz_status *st, struct pz_err *err)
{
    char full[NAME_BYTES];
    const void *data = NULL;

    snprintf(full, sizeof full, PZ_DERIVED "%s/%s", name, column);
    if (*st == PZ_OK)
        *st = pz_table_get(t, full, type, n, &data, NULL, err);
    return data;
}

enum pz_status pz_bytes_copy_load(struct pz_table *t, const char *name, const float *row, size_t n,
                                  size_t d, struct pz_bytes_copy *copy, struct pz_err *err)
{
    char codes[NAME_BYTES];
    enum pz_status st = PZ_OK;

    *copy = (struct pz_bytes_copy){ .rows = { .n = n, .d = d } };
    snprintf(codes, sizeof codes, PZ_DERIVED "%s/codes", name);
    if (!pz_table_has(t, codes))
        return pz_table_is_flat(t) ? PZ_OK : make(row, copy, err);
    copy->rows.code = get(t, name, "codes", PZ_U8, (uint64_t)n * d, &st, err);
    copy->rows.scale = get(t, name, "scale", PZ_F32, n, &st, err);
    copy->off = get(t, name, "off", PZ_F32, 2 * n_offs(n), &st, err);
    return st;
}

enum pz_status pz_bytes_copy_derive(const struct pz_bytes_copy *copy, const char *name,
                                    struct pz_derived *out, struct pz_err *err)
{
    const struct {
        const char *column;
        enum pz_type type;
        const void *data;
        uint64_t n;
    } list[] = { { "codes", PZ_U8, copy->rows.code, (uint64_t)copy->rows.n * copy->rows.d },
                 { "scale", PZ_F32, copy->rows.scale, copy->rows.n },
                 { "off", PZ_F32, copy->off, 2 * n_offs(copy->rows.n) } };
    enum pz_status st = PZ_OK;

    for (size_t i = 0; copy->rows.code && i < 3 && st == PZ_OK; i++) {
        char full[NAME_BYTES];

        snprintf(full, sizeof full, "%s/%s", name, list[i].column);
        st = pz_derived_add(out, full, list[i].type, list[i].data, list[i].n, NULL, err);
    }
    return st;
}

void pz_bytes_copy_clear(struct pz_bytes_copy *copy)
{
    free(copy->own_code);
    free(copy->own_scale);
    free(copy->own_off);
}
