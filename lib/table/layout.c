/* SPDX-License-Identifier: Apache-2.0 */
/* The table of contents: see layout.h. */
#include "table/layout.h"

#include <stdlib.h>

#include "base/mem.h"

size_t pz_type_bytes(enum pz_type type)
{
    static const uint8_t bytes[] = { 0, 1, 2, 4, 8, 4, 8, 4, 8 };

    return type >= PZ_U8 && type <= PZ_F64 ? bytes[type] : 0;
}

enum pz_status pz_layout_encode(const struct pz_layout_column *col, size_t n, unsigned char **bytes,
                                size_t *n_bytes, struct pz_err *err)
{
    size_t size = 4;
    unsigned char *p;

    for (size_t i = 0; i < n; i++)
        size += 1 + strlen(col[i].name) + 1 + 3 * 8 + 4 + 4 * (size_t)col[i].n_frames;
    *bytes = p = malloc(size);
    *n_bytes = size;
    if (!p)
        return pz_err_memory(err, "the table of contents", (double)size);
    pz_put32(p, (uint32_t)n);
    p += 4;
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(col[i].name);

        *p++ = (unsigned char)len;
        memcpy(p, col[i].name, len);
        p += len;
        *p++ = (unsigned char)col[i].type;
        pz_put64(p, col[i].n);
        pz_put64(p + 8, col[i].hash);
        pz_put64(p + 16, col[i].offset);
        pz_put32(p + 24, col[i].n_frames);
        p += 28;
        if (col[i].n_frames)
            memcpy(p, col[i].frame, 4 * (size_t)col[i].n_frames);
        p += 4 * (size_t)col[i].n_frames;
    }
    return PZ_OK;
}

static enum pz_status broken(struct pz_err *err)
{
    return pz_err_set(err, PZ_BAD_DATA, "the table of contents is damaged");
}

/* One column at *p; checks that its frames lie inside the file and agree with its size. */
static enum pz_status decode_column(const unsigned char **p, const unsigned char *end,
                                    uint64_t file_bytes, struct pz_layout_column *col,
                                    struct pz_err *err)
{
    size_t len = *p < end ? **p : 0;
    uint64_t raw, stored = 0;

    if (len == 0 || len > PZ_NAME_MAX || (size_t)(end - *p) < len + 30)
        return broken(err);
    memcpy(col->name, *p + 1, len);
    *p += 1 + len;
    col->type = (enum pz_type) * (*p)++;
    col->n = pz_get64(*p);
    col->hash = pz_get64(*p + 8);
    col->offset = pz_get64(*p + 16);
    col->n_frames = pz_get32(*p + 24);
    *p += 28;
    if (pz_type_bytes(col->type) == 0 || (size_t)(end - *p) / 4 < col->n_frames ||
        __builtin_mul_overflow(col->n, pz_type_bytes(col->type), &raw))
        return broken(err);
    if (col->n_frames && col->n_frames != (raw + PZ_FRAME_BYTES - 1) / PZ_FRAME_BYTES)
        return broken(err);
    if (!col->n_frames)
        stored = raw;
    for (uint32_t f = 0; f < col->n_frames; f++)
        stored += pz_get32(*p + 4 * (size_t)f);
    if (stored > file_bytes || col->offset > file_bytes - stored)
        return broken(err);
    col->frame = pz_mem_copy(*p, col->n_frames, 4);
    *p += 4 * (size_t)col->n_frames;
    return col->frame ? PZ_OK : pz_err_memory(err, "the table of contents", 4.0 * col->n_frames);
}

enum pz_status pz_layout_decode(const unsigned char *bytes, size_t n_bytes, uint64_t file_bytes,
                                struct pz_layout_column **col, size_t *n, struct pz_err *err)
{
    const unsigned char *p = bytes + 4, *end = bytes + n_bytes;
    enum pz_status st = PZ_OK;

    *col = NULL;
    *n = 0;
    if (n_bytes < 4 || pz_get32(bytes) > n_bytes / 30)
        return broken(err);
    *n = pz_get32(bytes);
    *col = pz_mem_array(*n, sizeof **col);
    if (!*col)
        return pz_err_memory(err, "the table of contents", (double)*n * sizeof **col);
    for (size_t i = 0; i < *n && st == PZ_OK; i++)
        st = decode_column(&p, end, file_bytes, &(*col)[i], err);
    return st == PZ_OK && p != end ? broken(err) : st;
}

void pz_layout_free(struct pz_layout_column *col, size_t n)
{
    for (size_t i = 0; i < n && col; i++)
        free(col[i].frame);
    free(col);
}
