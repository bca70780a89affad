/* SPDX-License-Identifier: Apache-2.0 */
/* Writing packed tables: see table.h and layout.h for the format.
 *
 *   1. The head is written when the file is opened, so that a cut file is recognised as ours.
 * 2. A column is hashed whole, cut into frames of a fixed number of raw bytes, and a window of them
 *      is compressed in parallel and written in order.
 *   3. The contents (names, types, counts, hashes, places) come last, then the foot that points to
 *      them: a reader starts at the end, and a file without a foot is no file.
 * Invariants: frames are cut by raw bytes alone, so the bytes do not depend on the number of
 * threads; memory is a window of frames, whatever the column's length; names are unique printable
 * ASCII; an output that failed leaves nothing under its name (base/file).
 *
 * Reuse: a model that is updated has most frames in common with the one before. A frame of the old
 * file is copied as it is stored when its raw bytes are equal, which saves its compression; the
 * stored bytes are checked against their hash first, since copying would pass damage on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/ledger.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/par.h"
#include "table/hash.h"
#include "table/layout.h"
#include "table/reader.h"
#include "table/zst.h"

enum { WINDOW = 16 }; /* frames in memory at a time, at most */

struct pz_writer {
    struct pz_out *out;
    int level;
    char kind[4];
    bool flat;
    const struct pz_table *reuse; /* borrowed; NULL: none */
    struct pz_hash *stored;       /* of the column that is being written */
    unsigned char *bytes[WINDOW]; /* owned; room for packed frames, made when needed: pages that are
                                     given back and taken again for each column cost as much as
                                     packing */
    struct pz_layout_column *col;
    size_t n, cap;
};

static enum pz_status open_with_head(const char *path, const char *kind, const void *head, size_t n,
                                     struct pz_writer **w, struct pz_err *err)
{
    struct pz_writer *writer = calloc(1, sizeof *writer);
    enum pz_status st;

    *w = NULL;
    if (!writer)
        return pz_err_memory(err, "a table writer", sizeof *writer);
    memcpy(writer->kind, kind, 4);
    st = pz_out_check_binary(path, err);
    if (st == PZ_OK)
        st = pz_out_open(path, &writer->out, err);
    if (st == PZ_OK)
        st = pz_out_write(writer->out, head, n, err);
    if (st != PZ_OK) {
        pz_writer_abort(writer);
        writer = NULL;
    }
    *w = writer;
    return st;
}

enum pz_status pz_writer_open(const char *path, const char *kind, int level, struct pz_writer **w,
                              struct pz_err *err)
{
    unsigned char head[PZ_HEAD_BYTES];
    enum pz_status st;

    pz_put32(head, PZ_SKIP_HEAD);
    pz_put32(head + 4, PZ_HEAD_BYTES - 8);
    memcpy(head + 8, PZ_PACKED_MAGIC, 4);
    memcpy(head + 12, kind, 4);
    pz_put32(head + 16, PZ_FORMAT_VERSION);
    st = open_with_head(path, kind, head, sizeof head, w, err);
    if (st == PZ_OK)
        (*w)->level = level;
    return st;
}

enum pz_status pz_writer_open_flat(const char *path, const char *kind, struct pz_writer **w,
                                   struct pz_err *err)
{
    static const unsigned char none[PZ_FLAT_BYTES]; /* until the contents are known */
    enum pz_status st = open_with_head(path, kind, none, sizeof none, w, err);

    if (st == PZ_OK)
        (*w)->flat = true;
    return st;
}

void pz_writer_reuse(struct pz_writer *w, const struct pz_table *t)
{
    w->reuse = t->flat ? NULL : t;
}

struct packed_frame {
    unsigned char *bytes;        /* [cap] */
    const unsigned char *stored; /* what is written: bytes, or a frame of another file */
    size_t n;                    /* 0: failed */
};

/* The column of the file to copy from that may have frames in common with col; NULL: none. */
static const struct pz_layout_column *find_reusable(const struct pz_writer *w,
                                                    const struct pz_layout_column *col)
{
    /* Equal hashes of the values stand for equal values; otherwise the old values must be in
     * memory, to be compared frame by frame. */
    const struct pz_table *t = w->reuse;

    for (size_t i = 0; t && i < t->n; i++)
        if (strcmp(t->col[i].name, col->name) == 0) {
            const struct pz_layout_column *old = &t->col[i];
            bool same = old->n == col->n && old->hash == col->hash;

            if (old->type != col->type || !(same || old->data) ||
                pz_hash64(t->map + old->offset, (size_t)old->stored) != old->stored_hash)
                return NULL;
            return old;
        }
    return NULL;
}

/* Point the frames at .. at + count that the old file has to where it has them. *offset: of frame
 * `at` there. */
static void take_stored(const struct pz_writer *w, const struct pz_layout_column *old,
                        const struct pz_layout_column *col, const unsigned char *data,
                        struct packed_frame *frame, int count, uint32_t at, uint64_t *offset)
{
    bool same = old->n == col->n && old->hash == col->hash;

    for (uint32_t f = at; f < at + (uint32_t)count && f < old->n_frames; f++) {
        size_t n = pz_layout_frame(pz_layout_raw(col), f);
        const unsigned char *was = old->data;

        if (same || (n == pz_layout_frame(pz_layout_raw(old), f) &&
                     memcmp(data + (uint64_t)f * PZ_FRAME_BYTES, was + (uint64_t)f * PZ_FRAME_BYTES,
                            n) == 0)) {
            frame[f - at].stored = w->reuse->map + *offset;
            frame[f - at].n = old->frame[f];
        }
        *offset += old->frame[f];
    }
}

/* Compress frames at .. at + count of a column of raw bytes, but those that are stored already.
 * data: where the first of them begins. */
static void pack_window(struct packed_frame *frame, int count, const unsigned char *data,
                        uint64_t raw, uint32_t at, int level)
{
    size_t cap = pz_zst_bound(PZ_FRAME_BYTES);

#pragma omp parallel for schedule(dynamic, 1) num_threads(pz_par_threads()) if (count > 1)
    for (int i = 0; i < count; i++)
        if (frame[i].stored == frame[i].bytes)
            frame[i].n = pz_zst_pack(frame[i].bytes, cap,
                                     data + (uint64_t)(uint32_t)i * PZ_FRAME_BYTES,
                                     pz_layout_frame(raw, at + (uint32_t)i), level);
}

static enum pz_status write_window(struct pz_writer *w, struct pz_layout_column *col,
                                   const struct packed_frame *frame, int count, uint32_t at,
                                   struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (int i = 0; i < count && st == PZ_OK; i++) {
        if (frame[i].n == 0)
            return pz_err_memory(err, "compression", (double)pz_zst_bound(PZ_FRAME_BYTES));
        st = pz_out_write(w->out, frame[i].stored, frame[i].n, err);
        pz_hash_add(w->stored, frame[i].stored, frame[i].n);
        col->frame[at + (uint32_t)i] = (uint32_t)frame[i].n;
    }
    return st;
}

/* Values that come piece by piece, a window of frames at a time. */
struct coming {
    const struct pz_column_source *from;
    unsigned char *window;
    struct pz_hash *hash; /* of those that came */
};

static enum pz_status take_window(struct coming *c, const struct pz_layout_column *col, int count,
                                  uint32_t at, struct pz_err *err)
{
    size_t n = 0;
    enum pz_status st;

    for (int i = 0; i < count; i++)
        n += pz_layout_frame(pz_layout_raw(col), at + (uint32_t)i);
    st = c->from->next(c->from->source, c->window, n, err);
    if (st == PZ_OK)
        pz_hash_add(c->hash, c->window, n);
    return st;
}

/* data: the values; NULL: they come. */
static enum pz_status write_frames(struct pz_writer *w, struct pz_layout_column *col,
                                   const unsigned char *data, struct coming *coming,
                                   struct pz_err *err)
{
    struct packed_frame frame[WINDOW] = { { NULL, NULL, 0 } };
    const struct pz_layout_column *old = data ? find_reusable(w, col) : NULL;
    uint64_t offset = old ? old->offset : 0;
    uint64_t raw = pz_layout_raw(col);
    uint32_t most = pz_par_threads() < WINDOW ? (uint32_t)pz_par_threads() : WINDOW;
    uint32_t slots = col->n_frames < most ? col->n_frames : most;
    enum pz_status st = PZ_OK;

    for (uint32_t i = 0; i < slots; i++) {
        if (!w->bytes[i]) /* pages not used are not taken */
            w->bytes[i] = malloc(pz_zst_bound(PZ_FRAME_BYTES));
        frame[i].bytes = w->bytes[i];
        if (!frame[i].bytes)
            st = pz_err_memory(err, "compression", (double)pz_zst_bound(PZ_FRAME_BYTES) * slots);
    }
    if (coming && st == PZ_OK && !(coming->window = pz_mem_room(slots, PZ_FRAME_BYTES)))
        st = pz_err_memory(err, "a column", (double)slots * PZ_FRAME_BYTES);
    for (uint32_t at = 0; at < col->n_frames && st == PZ_OK; at += slots) {
        /* The last window may be shorter. */
        int count = (int)(col->n_frames - at < slots ? col->n_frames - at : slots);

        for (int i = 0; i < count; i++)
            frame[i].stored = frame[i].bytes;
        if (old)
            take_stored(w, old, col, data, frame, count, at, &offset);
        if (coming)
            st = take_window(coming, col, count, at, err);
        if (st != PZ_OK)
            break;
        pack_window(frame, count, coming ? coming->window : data + (uint64_t)at * PZ_FRAME_BYTES,
                    raw, at, w->level);
        st = write_window(w, col, frame, count, at, err);
    }
    if (coming)
        free(coming->window);
    col->stored_hash = pz_hash_finish64(w->stored);
    return st;
}

static enum pz_status check_name(const struct pz_writer *w, const char *name, struct pz_err *err)
{
    size_t len = strlen(name);

    if (len == 0 || len > PZ_NAME_MAX)
        return pz_err_set(err, PZ_BAD_DATA,
                          "column name of %zu bytes, at most %d are possible: %.40s", len,
                          PZ_NAME_MAX, name);
    for (size_t i = 0; i < len; i++)
        if (name[i] < 0x20 || name[i] > 0x7e)
            return pz_err_set(err, PZ_BAD_DATA, "a column name is not printable ASCII");
    for (size_t i = 0; i < w->n; i++)
        if (strcmp(w->col[i].name, name) == 0)
            return pz_err_set(err, PZ_BAD_DATA, "two columns %s", name);
    return PZ_OK;
}

/* The values as they are. */
static enum pz_status write_flat(struct pz_writer *w, struct pz_layout_column *col,
                                 const void *data, struct pz_err *err)
{
    enum pz_status st;

    w->n++;
    col->stored_hash = col->hash;
    col->offset = pz_layout_align(pz_out_size(w->out), PZ_MEM_ALIGN);
    col->data = data;
    st = pz_layout_write_values(w->out, col, err);
    col->data = NULL; /* borrowed until now */
    return st;
}

/* The next column, without its place. */
static enum pz_status begin_column(struct pz_writer *w, const char *name, enum pz_type type,
                                   uint64_t n, struct pz_err *err)
{
    struct pz_layout_column *col;
    enum pz_status st = check_name(w, name, err);

    if (st != PZ_OK)
        return st;
    if (!pz_mem_grow(&w->col, &w->cap, w->n + 1, sizeof *w->col))
        return pz_err_memory(err, "the table of contents", 1e4);
    col = &w->col[w->n];
    memset(col, 0, sizeof *col);
    memcpy(col->name, name, strlen(name) + 1);
    col->type = type;
    col->n = n;
    return PZ_OK;
}

/* The column begun, packed. */
static enum pz_status add_packed(struct pz_writer *w, const void *data, struct coming *coming,
                                 struct pz_err *err)
{
    struct pz_layout_column *col = &w->col[w->n];
    uint64_t raw = pz_layout_raw(col);

    col->offset = pz_out_size(w->out);
    col->n_frames = (uint32_t)(raw / PZ_FRAME_BYTES + (raw % PZ_FRAME_BYTES != 0));
    col->frame = pz_mem_array(col->n_frames, sizeof *col->frame);
    w->stored = pz_hash_new();
    if (!col->frame || !w->stored) {
        free(col->frame);
        if (w->stored)
            pz_hash_finish64(w->stored);
        return pz_err_memory(err, "the table of contents", 4.0 * col->n_frames);
    }
    w->n++;
    return write_frames(w, col, data, coming, err);
}

enum pz_status pz_writer_add(struct pz_writer *w, const char *name, enum pz_type type,
                             const void *data, uint64_t n, struct pz_err *err)
{
    enum pz_status st = begin_column(w, name, type, n, err);

    if (st != PZ_OK)
        return st;
    /* Cannot overflow: the values are in memory. */
    w->col[w->n].hash = pz_hash64(data, (size_t)(n * pz_type_bytes(type)));
    return w->flat ? write_flat(w, &w->col[w->n], data, err)
                   : add_packed(w, n > 0 ? data : "", NULL, err);
}

enum pz_status pz_writer_add_from(struct pz_writer *w, const char *name, enum pz_type type,
                                  uint64_t n, const struct pz_column_source *source,
                                  struct pz_err *err)
{
    struct coming coming = { .from = source, .hash = pz_hash_new() };
    enum pz_status st = coming.hash ? begin_column(w, name, type, n, err)
                                    : pz_err_memory(err, "a column", 1e3);
    size_t at = w->n;

    if (st == PZ_OK)
        st = add_packed(w, NULL, &coming, err);
    if (coming.hash) {
        uint64_t hash = pz_hash_finish64(coming.hash);

        if (st == PZ_OK)
            w->col[at].hash = hash;
    }
    return st;
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
    size_t n_raw = 0, n_packed = 0;
    uint64_t offset = pz_out_size(w->out);
    enum pz_status st = pz_layout_encode(w->col, w->n, &raw, &n_raw, err);

    if (st == PZ_OK) {
        packed = malloc(pz_zst_bound(n_raw));
        n_packed = packed ? pz_zst_pack(packed, pz_zst_bound(n_raw), raw, n_raw, w->level) : 0;
        if (n_packed == 0)
            st = pz_err_memory(err, "the table of contents", (double)pz_zst_bound(n_raw));
    }
    if (st == PZ_OK)
        st = pz_out_write(w->out, packed, n_packed, err);
    if (st == PZ_OK) {
        pz_put32(foot, PZ_SKIP_FOOT);
        pz_put32(foot + 4, PZ_FOOT_BYTES - 8);
        pz_put64(foot + 8, offset);
        pz_put32(foot + 16, (uint32_t)n_packed);
        pz_put32(foot + 20, (uint32_t)n_raw);
        pz_put64(foot + 24, pz_hash64(packed, n_packed));
        memcpy(foot + 32, PZ_END_MAGIC, 8);
        st = pz_out_write(w->out, foot, sizeof foot, err);
    }
    free(raw);
    free(packed);
    return st;
}

/* The contents behind the columns, and the head that tells of them. */
static enum pz_status write_flat_contents(struct pz_writer *w, struct pz_err *err)
{
    unsigned char head[PZ_FLAT_BYTES], *contents = NULL;
    size_t n = 0;
    uint64_t offset = pz_out_size(w->out);
    enum pz_status st = pz_layout_encode(w->col, w->n, &contents, &n, err);

    if (st == PZ_OK)
        st = pz_out_write(w->out, contents, n, err);
    if (st == PZ_OK) {
        pz_layout_flat_head(w->kind, offset, contents, n, head);
        st = pz_out_rewrite(w->out, 0, head, sizeof head, err);
    }
    free(contents);
    return st;
}

void pz_writer_rest(struct pz_writer *w)
{
    for (int i = 0; w && i < WINDOW; i++) {
        free(w->bytes[i]);
        w->bytes[i] = NULL;
    }
}

static void writer_free(struct pz_writer *w)
{
    pz_layout_free(w->col, w->n);
    pz_writer_rest(w);
    free(w);
}

enum pz_status pz_writer_commit(struct pz_writer *w, struct pz_err *err)
{
    char fingerprint[33];
    enum pz_status st = w->flat ? write_flat_contents(w, err) : write_contents(w, err);

    if (st == PZ_OK)
        st = pz_layout_fingerprint(w->col, w->n, fingerprint, err);
    if (st == PZ_OK) {
        st = pz_out_commit(w->out, err);
        if (!w->flat)
            pz_ledger_text(memcmp(w->kind, "modl", 4) == 0 ? "model" : "dataset", fingerprint);
    } else {
        pz_out_abort(w->out);
    }
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
