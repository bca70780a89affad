/* SPDX-License-Identifier: Apache-2.0 */
/* Reading one column: see reader.h.
 *
 * Packed, in this order:
 *   1. the frames must say that they hold what the contents promise, so that a damaged or dishonest
 *      count cannot ask for a terabyte
 *   2. the hash of the stored bytes (XXH3), which notices any altered bit, also those that zstd
 *      ignores
 *   3. take memory; decode all frames, in parallel, each into its own place; each frame's checksum
 *   4. the hash of the values
 * The pages of the stored bytes are given back to the kernel as soon as they are read, or a process
 * would keep the file in its memory twice.
 *
 * A flat column was checked when the file was made; it is not looked at here, for that would read
 * it all. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/par.h"
#include "table/hash.h"
#include "table/reader.h"
#include "table/zst.h"

static enum pz_status damaged(const struct pz_layout_column *col, struct pz_err *err)
{
    return pz_err_set(err, PZ_BAD_DATA, "column %s is damaged", col->name);
}

static bool frames_agree(const struct pz_table *t, const struct pz_layout_column *col)
{
    uint64_t at = col->offset, raw = pz_layout_raw(col);

    for (uint32_t f = 0; f < col->n_frames; f++) {
        if (pz_zst_raw_size(t->map + at, col->frame[f]) != pz_layout_frame(raw, f))
            return false;
        at += col->frame[f];
    }
    return true;
}

/* Tell the kernel that the stored pages (whole ones) from .. to may leave this process's memory. */
static void forget_pages(const struct pz_table *t, uint64_t from, uint64_t to)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

    from = pz_layout_align(from, page);
    to = to / page * page;
    if (from < to)
        madvise(t->map + from, (size_t)(to - from),
                MADV_DONTNEED); /* a hint: failing costs nothing */
}

/* Read a piece at a time: the stored bytes do not stand beside each other in memory, nor, while
 * they are decoded, beside all of the values. */
static bool stored_agree(const struct pz_table *t, const struct pz_layout_column *col)
{
    enum { PIECE = 1 << 18 };
    struct pz_hash *h = t->flat ? NULL : pz_hash_new();
    uint64_t end = col->offset + col->stored;

    if (!h)
        return pz_hash64(t->map + col->offset, (size_t)col->stored) == col->stored_hash;
    for (uint64_t at = col->offset, n; at < end; at += n) {
        n = end - at < PIECE ? end - at : PIECE;
        pz_hash_add(h, t->map + at, (size_t)n);
        forget_pages(t, at, at + n);
    }
    return pz_hash_finish64(h) == col->stored_hash;
}

/* Decode all frames of a column into data, start[f] being the place of frame f in the file. */
static enum pz_status decode_frames(const struct pz_table *t, const struct pz_layout_column *col,
                                    const uint64_t *start, unsigned char *data)
{
    uint64_t raw = pz_layout_raw(col);
    int damage = 0, no_memory = 0;

#pragma omp parallel for schedule(dynamic, 1) num_threads(pz_par_threads()) if (col->n_frames > 1)
    for (uint32_t f = 0; f < col->n_frames; f++) {
        enum pz_status st = pz_zst_unpack(data + (uint64_t)f * PZ_FRAME_BYTES,
                                          pz_layout_frame(raw, f), t->map + start[f], col->frame[f],
                                          NULL);

        forget_pages(t, start[f], start[f] + col->frame[f]);
#pragma omp atomic
        damage += st == PZ_BAD_DATA;
#pragma omp atomic
        no_memory += st == PZ_TRY_AGAIN;
    }
    if (no_memory)
        return PZ_TRY_AGAIN;
    return damage || pz_hash64(data, (size_t)raw) != col->hash ? PZ_BAD_DATA : PZ_OK;
}

static enum pz_status decode(const struct pz_table *t, const struct pz_layout_column *col,
                             unsigned char *data, struct pz_err *err)
{
    uint64_t *start = pz_mem_array((size_t)col->n_frames + 1, sizeof *start);
    enum pz_status st;

    if (!start)
        return pz_err_memory(err, "decoding", 8.0 * col->n_frames);
    start[0] = col->offset;
    for (uint32_t f = 0; f < col->n_frames; f++)
        start[f + 1] = start[f] + col->frame[f];
    st = decode_frames(t, col, start, data);
    free(start);
    if (st == PZ_TRY_AGAIN)
        return pz_err_memory(err, col->name, (double)pz_layout_raw(col));
    return st == PZ_OK ? PZ_OK : damaged(col, err);
}

enum pz_status pz_column_load(struct pz_table *t, struct pz_layout_column *col, struct pz_err *err)
{
    unsigned char *data;
    enum pz_status st;

    if (t->flat) {
        col->data = t->map + col->offset;
        return PZ_OK;
    }
    if (!frames_agree(t, col) || !stored_agree(t, col))
        return damaged(col, err);
    data = pz_mem_room((size_t)pz_layout_raw(col), 1);
    if (!data)
        return pz_err_memory(err, col->name, (double)pz_layout_raw(col));
    st = decode(t, col, data, err);
    if (st != PZ_OK) {
        free(data);
        data = NULL;
    }
    col->data = col->own = data;
    return st;
}

/* A part of a column, in bytes, and where it goes. */
struct part {
    uint64_t first, end;
    unsigned char *to;
};

/* What a part has of frame f of raw bytes, stored at `at`. */
static enum pz_status decode_part(const struct pz_table *t, const struct pz_layout_column *col,
                                  uint32_t f, uint64_t at, const struct part *p, struct pz_err *err)
{
    uint64_t begin = (uint64_t)f * PZ_FRAME_BYTES, n = pz_layout_frame(pz_layout_raw(col), f),
             from = p->first > begin ? p->first : begin,
             to = p->end < begin + n ? p->end : begin + n;
    bool whole = to - from == n;
    unsigned char *frame = whole ? p->to + (begin - p->first) : pz_mem_room((size_t)n, 1);
    enum pz_status st;

    if (!frame)
        return pz_err_memory(err, col->name, (double)n);
    st = pz_zst_unpack(frame, (size_t)n, t->map + at, col->frame[f], err);
    forget_pages(t, at, at + col->frame[f]);
    if (st == PZ_OK && !whole)
        memcpy(p->to + (from - p->first), frame + (from - begin), (size_t)(to - from));
    if (!whole)
        free(frame);
    return st == PZ_BAD_DATA ? damaged(col, err) : st;
}

enum pz_status pz_column_part(const struct pz_table *t, const struct pz_layout_column *col,
                              uint64_t first, uint64_t n, void **data, struct pz_err *err)
{
    size_t bytes = pz_type_bytes(col->type);
    struct part p = { first * bytes, (first + n) * bytes, pz_mem_room((size_t)n + 1, bytes) };
    enum pz_status st = p.to ? PZ_OK : pz_err_memory(err, col->name, (double)n * (double)bytes);
    uint64_t at = col->offset;

    if (st == PZ_OK && (t->flat || !frames_agree(t, col) || !stored_agree(t, col)))
        st = damaged(col, err);
    for (uint32_t f = 0; f < col->n_frames && st == PZ_OK; at += col->frame[f++])
        if ((uint64_t)f * PZ_FRAME_BYTES < p.end && ((uint64_t)f + 1) * PZ_FRAME_BYTES > p.first)
            st = decode_part(t, col, f, at, &p, err);
    if (st != PZ_OK) {
        free(p.to);
        p.to = NULL;
    }
    *data = p.to;
    return st;
}

void pz_column_drop(struct pz_layout_column *col)
{
    free(col->own);
    col->data = col->own = NULL;
}

enum pz_status pz_column_verify(struct pz_table *t, struct pz_layout_column *col,
                                struct pz_err *err)
{
    struct pz_layout_column again = *col;
    enum pz_status st;

    if (t->flat) /* stored bytes and values are the same bytes */
        return stored_agree(t, col) && col->hash == col->stored_hash ? PZ_OK : damaged(col, err);
    /* A copy of the entry: verifying must not drop values that a caller holds. */
    again.data = again.own = NULL;
    st = pz_column_load(t, &again, err);
    pz_column_drop(&again);
    return st;
}
