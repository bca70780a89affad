/* SPDX-License-Identifier: Apache-2.0 */
/* Writing packed tables: see table.h and layout.h. Frames are compressed in parallel, a window of
 * them at a time, and written in order, so the bytes do not depend on the number of threads. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/par.h"
#include "table/hash.h"
#include "table/layout.h"
#include "table/zst.h"

enum { WINDOW = 16 }; /* frames in memory at a time */

struct pz_writer {
    struct pz_out *out;
    int level;
    struct pz_layout_column *col;
    size_t n, cap;
};

enum pz_status pz_writer_open(const char *path, const char *kind, int level, struct pz_writer **w,
                              struct pz_err *err)
{
    unsigned char head[PZ_HEAD_BYTES];
    struct pz_writer *writer = calloc(1, sizeof *writer);
    enum pz_status st;

    *w = NULL;
    if (!writer)
        return pz_err_memory(err, "a table writer", sizeof *writer);
    writer->level = level;
    pz_put32(head, PZ_SKIP_HEAD);
    pz_put32(head + 4, PZ_HEAD_BYTES - 8);
    memcpy(head + 8, "pz01", 4);
    memcpy(head + 12, kind, 4);
    pz_put32(head + 16, PZ_FORMAT_VERSION);
    st = pz_out_open(path, &writer->out, err);
    if (st == PZ_OK)
        st = pz_out_write(writer->out, head, sizeof head, err);
    if (st != PZ_OK) {
        pz_writer_abort(writer);
        writer = NULL;
    }
    *w = writer;
    return st;
}

struct packed_frame {
    unsigned char *bytes; /* [cap] */
    size_t n;             /* 0: failed */
};

static size_t frame_size(uint64_t raw, uint32_t f)
{
    uint64_t left = raw - (uint64_t)f * PZ_FRAME_BYTES;

    return left < PZ_FRAME_BYTES ? (size_t)left : PZ_FRAME_BYTES;
}

static enum pz_status write_frames(struct pz_writer *w, struct pz_layout_column *col,
                                   const unsigned char *data, uint64_t raw, struct pz_err *err)
{
    struct packed_frame frame[WINDOW] = { { NULL, 0 } };
    size_t cap = pz_zst_bound(raw < PZ_FRAME_BYTES ? (size_t)raw : PZ_FRAME_BYTES);
    uint32_t slots = col->n_frames < WINDOW ? col->n_frames : WINDOW;
    enum pz_status st = PZ_OK;

    for (uint32_t i = 0; i < slots; i++) {
        frame[i].bytes = malloc(cap);
        if (!frame[i].bytes)
            st = pz_err_memory(err, "compression", (double)cap * slots);
    }
    for (uint32_t at = 0; at < col->n_frames && st == PZ_OK; at += slots) {
        int count = (int)(col->n_frames - at < slots ? col->n_frames - at : slots);

#pragma omp parallel for schedule(dynamic, 1) num_threads(pz_par_threads()) if (count > 1)
        for (int i = 0; i < count; i++)
            frame[i].n = pz_zst_pack(frame[i].bytes, cap,
                                     data + ((uint64_t)at + (uint32_t)i) * PZ_FRAME_BYTES,
                                     frame_size(raw, at + (uint32_t)i), w->level);
        for (int i = 0; i < count && st == PZ_OK; i++) {
            if (frame[i].n == 0)
                st = pz_err_set(err, PZ_INTERNAL, "zstd could not compress a frame");
            else
                st = pz_out_write(w->out, frame[i].bytes, frame[i].n, err);
            col->frame[at + (uint32_t)i] = (uint32_t)frame[i].n;
        }
    }
    for (uint32_t i = 0; i < slots; i++)
        free(frame[i].bytes);
    return st;
}

enum pz_status pz_writer_add(struct pz_writer *w, const char *name, enum pz_type type,
                             const void *data, uint64_t n, struct pz_err *err)
{
    struct pz_layout_column *col;
    uint64_t raw = n * pz_type_bytes(type);

    if (strlen(name) > PZ_NAME_MAX)
        return pz_err_set(err, PZ_BAD_DATA, "column name too long: %s", name);
    if (!pz_mem_grow(&w->col, &w->cap, w->n + 1, sizeof *w->col))
        return pz_err_memory(err, "the table of contents", 1e4);
    col = &w->col[w->n];
    memset(col, 0, sizeof *col);
    strcpy(col->name, name);
    col->type = type;
    col->n = n;
    col->hash = pz_hash64(data, (size_t)raw);
    col->offset = pz_out_size(w->out);
    col->n_frames = (uint32_t)((raw + PZ_FRAME_BYTES - 1) / PZ_FRAME_BYTES);
    col->frame = pz_mem_array(col->n_frames, sizeof *col->frame);
    if (!col->frame)
        return pz_err_memory(err, "the table of contents", 4.0 * col->n_frames);
    w->n++;
    return write_frames(w, col, data, raw, err);
}

enum pz_status pz_writer_add_dict(struct pz_writer *w, const char *name, const struct pz_dict *dict,
                                  struct pz_err *err)
{
    static const uint64_t none[1] = { 0 };
    char column[PZ_NAME_MAX + 16];
    const uint64_t *offset = dict->offset ? dict->offset : none;
    enum pz_status st;

    snprintf(column, sizeof column, "%s.offset", name);
    st = pz_writer_add(w, column, PZ_U64, offset, (uint64_t)dict->n + 1, err);
    snprintf(column, sizeof column, "%s.bytes", name);
    if (st == PZ_OK)
        st = pz_writer_add(w, column, PZ_U8, dict->bytes, offset[dict->n], err);
    return st;
}

enum pz_status pz_writer_add_text(struct pz_writer *w, const char *name, const char *text,
                                  struct pz_err *err)
{
    return pz_writer_add(w, name, PZ_U8, text, strlen(text), err);
}

static enum pz_status write_contents(struct pz_writer *w, struct pz_err *err)
{
    unsigned char foot[PZ_FOOT_BYTES] = { 0 }, *raw = NULL, *packed = NULL;
    size_t n_raw = 0, n_packed = 0, cap;
    uint64_t offset = pz_out_size(w->out);
    enum pz_status st = pz_layout_encode(w->col, w->n, &raw, &n_raw, err);

    if (st == PZ_OK) {
        cap = pz_zst_bound(n_raw);
        packed = malloc(cap);
        n_packed = packed ? pz_zst_pack(packed, cap, raw, n_raw, 3) : 0;
        if (n_packed == 0)
            st = pz_err_memory(err, "the table of contents", (double)cap);
    }
    if (st == PZ_OK)
        st = pz_out_write(w->out, packed, n_packed, err);
    if (st == PZ_OK) {
        pz_put32(foot, PZ_SKIP_FOOT);
        pz_put32(foot + 4, PZ_FOOT_BYTES - 8);
        pz_put64(foot + 8, offset);
        pz_put32(foot + 16, (uint32_t)n_packed);
        pz_put32(foot + 20, (uint32_t)n_raw);
        pz_put64(foot + 24, pz_hash64(raw, n_raw));
        memcpy(foot + 32, "pz01end\n", 8);
        st = pz_out_write(w->out, foot, sizeof foot, err);
    }
    free(raw);
    free(packed);
    return st;
}

static void writer_free(struct pz_writer *w)
{
    pz_layout_free(w->col, w->n);
    free(w);
}

enum pz_status pz_writer_commit(struct pz_writer *w, struct pz_err *err)
{
    enum pz_status st = write_contents(w, err);

    if (st == PZ_OK)
        st = pz_out_commit(w->out, err);
    else
        pz_out_abort(w->out);
    writer_free(w);
    return st;
}

void pz_writer_abort(struct pz_writer *w)
{
    if (!w)
        return;
    pz_out_abort(w->out);
    writer_free(w);
}
