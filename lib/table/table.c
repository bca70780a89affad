/* SPDX-License-Identifier: Apache-2.0 */
/* Reading tables: see table.h and layout.h.
 *
 * The file is mapped. A packed column is decoded into memory at the first call and checked against the
 * checksum of its frames (zstd) and of its values (XXH3); a flat column is a pointer into the map, whose
 * values were checked when the flat file was made and are checked again by pz_table_verify. Sizes from
 * the contents are compared with the frames' own before anything is allocated. */
#include "table/table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/par.h"
#include "table/hash.h"
#include "table/layout.h"
#include "table/zst.h"

struct pz_table {
    char *path;
    char kind[5];
    bool flat;
    unsigned char *map;
    uint64_t size;
    struct pz_layout_column *col;
    size_t n;
};

static enum pz_status map_file(struct pz_table *t, struct pz_err *err)
{
    struct stat info;
    int fd = open(t->path, O_RDONLY | O_CLOEXEC);
    enum pz_status st = PZ_OK;

    if (fd < 0)
        return pz_err_errno(err, PZ_NO_INPUT, errno, "cannot open %s", t->path);
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        st = pz_err_set(err, PZ_BAD_DATA, "%s is not a regular file", t->path);
    else if ((uint64_t)info.st_size < PZ_HEAD_BYTES + PZ_FOOT_BYTES)
        st = pz_err_set(err, PZ_BAD_DATA, "%s is not a pz file or was cut off", t->path);
    if (st == PZ_OK) {
        t->size = (uint64_t)info.st_size;
        t->map = mmap(NULL, (size_t)t->size, PROT_READ, MAP_SHARED, fd, 0);
        if (t->map == MAP_FAILED) {
            t->map = NULL;
            st = pz_err_errno(err, PZ_IO, errno, "cannot map %s", t->path);
        }
    }
    close(fd);
    return st;
}

static enum pz_status open_packed(struct pz_table *t, struct pz_err *err)
{
    const unsigned char *foot = t->map + t->size - PZ_FOOT_BYTES;
    uint64_t offset = pz_get64(foot + 8);
    uint32_t stored = pz_get32(foot + 16), raw = pz_get32(foot + 20);
    unsigned char *contents;
    enum pz_status st;

    if (pz_get32(t->map + 16) != PZ_FORMAT_VERSION)
        return pz_err_set(err, PZ_BAD_DATA, "format version %u; this pz reads version %u",
                          pz_get32(t->map + 16), PZ_FORMAT_VERSION);
    if (pz_get32(foot) != PZ_SKIP_FOOT || pz_get32(foot + 4) != PZ_FOOT_BYTES - 8 ||
        memcmp(foot + 32, "pz01end\n", 8) != 0 || offset > t->size || stored > t->size - offset ||
        offset + stored + PZ_FOOT_BYTES != t->size || raw > (1u << 30))
        return pz_err_set(err, PZ_BAD_DATA, "the file is cut off or damaged at its end");
    contents = malloc((size_t)raw + 1);
    if (!contents)
        return pz_err_memory(err, "the table of contents", raw);
    st = pz_zst_unpack(contents, raw, t->map + offset, stored, err);
    if (st == PZ_OK && pz_hash64(contents, raw) != pz_get64(foot + 24))
        st = pz_err_set(err, PZ_BAD_DATA, "the table of contents is damaged");
    if (st == PZ_OK)
        st = pz_layout_decode(contents, raw, offset, &t->col, &t->n, err);
    free(contents);
    return st;
}

static enum pz_status open_flat(struct pz_table *t, struct pz_err *err)
{
    uint64_t offset = pz_get64(t->map + 16), n = pz_get64(t->map + 24);

    if (pz_get32(t->map + 12) != PZ_FORMAT_VERSION)
        return pz_err_set(err, PZ_BAD_DATA, "format version %u; this pz reads version %u",
                          pz_get32(t->map + 12), PZ_FORMAT_VERSION);
    if (t->size < PZ_FLAT_BYTES || pz_get64(t->map + 40) != t->size || offset > t->size ||
        n != t->size - offset || pz_hash64(t->map + offset, (size_t)n) != pz_get64(t->map + 32))
        return pz_err_set(err, PZ_BAD_DATA, "the file is cut off or damaged");
    return pz_layout_decode(t->map + offset, (size_t)n, offset, &t->col, &t->n, err);
}

enum pz_status pz_table_open(const char *path, const char *kind, struct pz_table **out,
                             struct pz_err *err)
{
    struct pz_table *t = calloc(1, sizeof *t);
    enum pz_status st;

    *out = NULL;
    if (!t || !(t->path = pz_mem_strndup(path, strlen(path)))) {
        free(t);
        return pz_err_memory(err, "a table", sizeof *t);
    }
    st = map_file(t, err);
    if (st == PZ_OK) {
        t->flat = memcmp(t->map, PZ_FLAT_MAGIC, 8) == 0;
        memcpy(t->kind, t->map + (t->flat ? 8 : 12), 4);
        if (!t->flat && (pz_get32(t->map) != PZ_SKIP_HEAD ||
                         pz_get32(t->map + 4) != PZ_HEAD_BYTES - 8 || memcmp(t->map + 8, "pz01", 4)))
            st = pz_err_set(err, PZ_BAD_DATA, "not a pz file");
        else if (kind && memcmp(t->kind, kind, 4) != 0)
            st = pz_err_set(err, PZ_BAD_DATA, "this is a %s file where a %s file is needed",
                            t->kind[0] == 'd' ? "dataset" : "model",
                            kind[0] == 'd' ? "dataset" : "model");
        else
            st = t->flat ? open_flat(t, err) : open_packed(t, err);
        if (st != PZ_OK)
            pz_err_prefix(err, "%s", path);
    }
    if (st != PZ_OK) {
        pz_table_close(t);
        t = NULL;
    }
    *out = t;
    return st;
}

void pz_table_close(struct pz_table *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n && !t->flat && t->col; i++)
        free(t->col[i].data);
    pz_layout_free(t->col, t->n);
    if (t->map)
        munmap(t->map, (size_t)t->size);
    free(t->path);
    free(t);
}

bool pz_table_is_flat(const struct pz_table *t)
{
    return t->flat;
}

const char *pz_table_kind(const struct pz_table *t)
{
    return t->kind;
}

size_t pz_table_n_columns(const struct pz_table *t)
{
    return t->n;
}

struct pz_column_info pz_table_column(const struct pz_table *t, size_t i)
{
    const struct pz_layout_column *col = &t->col[i];
    uint64_t stored = col->n_frames ? 0 : col->n * pz_type_bytes(col->type);

    for (uint32_t f = 0; f < col->n_frames; f++)
        stored += col->frame[f];
    return (struct pz_column_info){ col->name, col->type, col->n, stored };
}

static struct pz_layout_column *find_column(const struct pz_table *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->col[i].name, name) == 0)
            return &t->col[i];
    return NULL;
}

bool pz_table_has(const struct pz_table *t, const char *name)
{
    return find_column(t, name) != NULL;
}

static size_t frame_size(uint64_t raw, uint32_t f)
{
    uint64_t left = raw - (uint64_t)f * PZ_FRAME_BYTES;

    return left < PZ_FRAME_BYTES ? (size_t)left : PZ_FRAME_BYTES;
}

/* Decode all frames of a column into data. */
static enum pz_status decode(const struct pz_table *t, const struct pz_layout_column *col,
                             unsigned char *data, struct pz_err *err)
{
    uint64_t raw = col->n * pz_type_bytes(col->type);
    uint64_t *start = pz_mem_array((size_t)col->n_frames + 1, sizeof *start);
    int failed = 0, count = (int)col->n_frames;

    if (!start)
        return pz_err_memory(err, "decoding", 8.0 * col->n_frames);
    start[0] = col->offset;
    for (uint32_t f = 0; f < col->n_frames; f++)
        start[f + 1] = start[f] + col->frame[f];
#pragma omp parallel for schedule(dynamic, 1) num_threads(pz_par_threads()) if (count > 1)
    for (int f = 0; f < count; f++)
        if (pz_zst_unpack(data + (uint64_t)f * PZ_FRAME_BYTES, frame_size(raw, (uint32_t)f),
                          t->map + start[f], col->frame[f], NULL) != PZ_OK) {
#pragma omp atomic write
            failed = 1;
        }
    free(start);
    if (failed || pz_hash64(data, (size_t)raw) != col->hash)
        return pz_err_set(err, PZ_BAD_DATA, "%s: column %s is damaged", t->path, col->name);
    return PZ_OK;
}

/* Whether the frames say that they hold what the contents promise: asked before memory is taken, so
 * that a damaged count cannot ask for a terabyte. */
static bool frames_agree(const struct pz_table *t, const struct pz_layout_column *col, uint64_t raw)
{
    uint64_t at = col->offset;

    for (uint32_t f = 0; f < col->n_frames; f++) {
        if (pz_zst_raw_size(t->map + at, col->frame[f]) != frame_size(raw, f))
            return false;
        at += col->frame[f];
    }
    return col->n_frames > 0 || raw == 0;
}

static enum pz_status load(struct pz_table *t, struct pz_layout_column *col, struct pz_err *err)
{
    uint64_t raw = col->n * pz_type_bytes(col->type);
    enum pz_status st;
    unsigned char *data;

    if (t->flat) {
        if (col->offset % PZ_MEM_ALIGN != 0)
            return pz_err_set(err, PZ_BAD_DATA, "%s: column %s is not aligned", t->path, col->name);
        col->data = t->map + col->offset;
        return PZ_OK;
    }
    if (!frames_agree(t, col, raw))
        return pz_err_set(err, PZ_BAD_DATA, "%s: column %s is damaged", t->path, col->name);
    data = pz_mem_array((size_t)raw, 1);
    if (!data)
        return pz_err_memory(err, col->name, (double)raw);
    st = decode(t, col, data, err);
    if (st != PZ_OK)
        free(data);
    else
        col->data = data;
    return st;
}

enum pz_status pz_table_get(struct pz_table *t, const char *name, enum pz_type type,
                            uint64_t want_n, const void **data, uint64_t *n, struct pz_err *err)
{
    struct pz_layout_column *col = find_column(t, name);
    enum pz_status st = PZ_OK;

    if (!col)
        return pz_err_set(err, PZ_BAD_DATA, "%s: no column %s", t->path, name);
    if (col->type != type)
        return pz_err_set(err, PZ_BAD_DATA, "%s: column %s has another type", t->path, name);
    if (want_n != PZ_ANY && col->n != want_n)
        return pz_err_set(err, PZ_BAD_DATA, "%s: column %s has %llu values, not %llu", t->path, name,
                          (unsigned long long)col->n, (unsigned long long)want_n);
    if (!col->data)
        st = load(t, col, err);
    *data = col->data;
    if (n)
        *n = col->n;
    return st;
}

void pz_table_drop(struct pz_table *t, const char *name)
{
    struct pz_layout_column *col = find_column(t, name);

    if (!col || t->flat)
        return;
    free(col->data);
    col->data = NULL;
}

enum pz_status pz_table_get_dict(struct pz_table *t, const char *name, struct pz_dict *dict,
                                 struct pz_err *err)
{
    char column[PZ_NAME_MAX + 16];
    const void *offset = NULL, *bytes = NULL;
    uint64_t n = 0, n_bytes = 0;
    enum pz_status st;

    memset(dict, 0, sizeof *dict);
    snprintf(column, sizeof column, "%s.offset", name);
    st = pz_table_get(t, column, PZ_U64, PZ_ANY, &offset, &n, err);
    snprintf(column, sizeof column, "%s.bytes", name);
    if (st == PZ_OK)
        st = pz_table_get(t, column, PZ_U8, PZ_ANY, &bytes, &n_bytes, err);
    if (st == PZ_OK && (n == 0 || n > UINT32_MAX))
        st = pz_err_set(err, PZ_BAD_DATA, "%s: dictionary %s is damaged", t->path, name);
    if (st != PZ_OK)
        return st;
    *dict = (struct pz_dict){ .n = (uint32_t)(n - 1), .offset = offset, .bytes = bytes };
    return t->flat ? PZ_OK : pz_dict_check(dict, n_bytes, err);
}

enum pz_status pz_table_get_text(struct pz_table *t, const char *name, char **text,
                                 struct pz_err *err)
{
    const void *bytes = NULL;
    uint64_t n = 0;
    enum pz_status st = pz_table_get(t, name, PZ_U8, PZ_ANY, &bytes, &n, err);

    *text = NULL;
    if (st != PZ_OK)
        return st;
    *text = pz_mem_strndup(bytes, (size_t)n);
    return *text ? PZ_OK : pz_err_memory(err, name, (double)n);
}

enum pz_status pz_table_verify(struct pz_table *t, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (size_t i = 0; i < t->n && st == PZ_OK; i++) {
        struct pz_layout_column *col = &t->col[i];
        bool had = col->data != NULL;

        if (!had)
            st = load(t, col, err);
        if (st == PZ_OK && t->flat &&
            pz_hash64(col->data, (size_t)(col->n * pz_type_bytes(col->type))) != col->hash)
            st = pz_err_set(err, PZ_BAD_DATA, "%s: column %s is damaged", t->path, col->name);
        if (!had && st == PZ_OK)
            pz_table_drop(t, col->name);
    }
    return st;
}

static enum pz_status write_flat_column(struct pz_out *out, struct pz_table *t,
                                        struct pz_layout_column *col, struct pz_err *err)
{
    static const unsigned char zero[PZ_MEM_ALIGN];
    size_t pad = (PZ_MEM_ALIGN - pz_out_size(out) % PZ_MEM_ALIGN) % PZ_MEM_ALIGN;
    bool had = col->data != NULL;
    enum pz_status st = pz_out_write(out, zero, pad, err);

    if (st == PZ_OK && !had)
        st = load(t, col, err);
    if (st == PZ_OK)
        st = pz_out_write(out, col->data, (size_t)(col->n * pz_type_bytes(col->type)), err);
    if (!had)
        pz_table_drop(t, col->name);
    return st;
}

/* The size and hash in the flat head are known only at the end, and outputs are written in order: so
 * the layout is computed first (columns are plain arrays), then everything is written once. */
static enum pz_status flat_layout(const struct pz_table *t, struct pz_layout_column *flat,
                                  unsigned char *head, unsigned char **contents, size_t *n_contents,
                                  struct pz_err *err)
{
    uint64_t at = PZ_FLAT_BYTES;
    enum pz_status st;

    for (size_t i = 0; i < t->n; i++) {
        at = (at + PZ_MEM_ALIGN - 1) / PZ_MEM_ALIGN * PZ_MEM_ALIGN;
        flat[i] = t->col[i];
        flat[i].n_frames = 0;
        flat[i].frame = NULL;
        flat[i].offset = at;
        at += t->col[i].n * pz_type_bytes(t->col[i].type);
    }
    st = pz_layout_encode(flat, t->n, contents, n_contents, err);
    memset(head, 0, PZ_FLAT_BYTES);
    memcpy(head, PZ_FLAT_MAGIC, 8);
    memcpy(head + 8, t->kind, 4);
    pz_put32(head + 12, PZ_FORMAT_VERSION);
    pz_put64(head + 16, at);
    pz_put64(head + 24, *n_contents);
    pz_put64(head + 32, st == PZ_OK ? pz_hash64(*contents, *n_contents) : 0);
    pz_put64(head + 40, at + *n_contents);
    return st;
}

enum pz_status pz_table_unpack(struct pz_table *t, const char *path, struct pz_err *err)
{
    struct pz_layout_column *flat = pz_mem_array(t->n, sizeof *flat);
    unsigned char head[PZ_FLAT_BYTES], *contents = NULL;
    size_t n_contents = 0;
    struct pz_out *out = NULL;
    enum pz_status st = flat ? flat_layout(t, flat, head, &contents, &n_contents, err)
                             : pz_err_memory(err, "the table of contents", 1e4);

    if (st == PZ_OK)
        st = pz_out_open(path, &out, err);
    if (st == PZ_OK)
        st = pz_out_write(out, head, sizeof head, err);
    for (size_t i = 0; i < t->n && st == PZ_OK; i++)
        st = write_flat_column(out, t, &t->col[i], err);
    if (st == PZ_OK)
        st = pz_out_write(out, contents, n_contents, err);
    if (st == PZ_OK)
        st = pz_out_commit(out, err);
    else
        pz_out_abort(out);
    free(contents);
    free(flat);
    return st;
}

enum pz_status pz_table_fingerprint(struct pz_table *t, char *hex, struct pz_err *err)
{
    struct pz_hash *h = pz_hash_new();

    if (!h)
        return pz_err_memory(err, "a hash", 1e3);
    for (size_t i = 0; i < t->n; i++) {
        unsigned char facts[24];

        pz_put64(facts, (uint64_t)t->col[i].type);
        pz_put64(facts + 8, t->col[i].n);
        pz_put64(facts + 16, t->col[i].hash);
        pz_hash_add(h, t->col[i].name, strlen(t->col[i].name) + 1);
        pz_hash_add(h, facts, sizeof facts);
    }
    pz_hash_finish(h, hex);
    return PZ_OK;
}
