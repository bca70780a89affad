/* SPDX-License-Identifier: Apache-2.0 */
/* Reading tables: see table.h, layout.h and, for one column, column.c.
 *
 * The file is mapped. Opening checks the head, the foot and the contents, nothing else: it costs
 * the number of columns. Every byte of the file is under some check: the contents' bytes under a
 * hash in the foot (packed) or head (flat), the columns under hashes in the contents, the rest must
 * be exactly what it can only be. */
#include "table/table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/ledger.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/signals.h"
#include "table/hash.h"
#include "table/reader.h"
#include "table/zst.h"

static enum pz_status map_file(struct pz_table *t, const char *path, struct pz_err *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    enum pz_status st = is_stdin ? pz_file_stdin(&fd, err) : PZ_OK;

    if (st != PZ_OK)
        return st;
    if (fd < 0)
        return pz_err_errno(err, PZ_NO_INPUT, errno, "cannot open %s", t->path);
    if (fstat(fd, &t->info) != 0)
        st = pz_err_errno(err, PZ_IO, errno, "cannot look at %s", t->path);
    else if (!S_ISREG(t->info.st_mode))
        st = pz_err_set(err, PZ_BAD_DATA, "%s is not a regular file; a pipe is read as -", t->path);
    else if ((uint64_t)t->info.st_size < PZ_HEAD_BYTES + PZ_FOOT_BYTES)
        st = pz_err_set(err, PZ_BAD_DATA, "%s is not a pz file or was cut off", t->path);
    if (st == PZ_OK) {
        t->size = (uint64_t)t->info.st_size;
        /* Shared and read-only: all processes that serve one model have it in memory once. */
        t->map = mmap(NULL, (size_t)t->size, PROT_READ, MAP_SHARED, fd, 0);
        if (t->map == MAP_FAILED) {
            t->map = NULL;
            st = pz_err_errno(err, errno == ENOMEM ? PZ_TRY_AGAIN : PZ_IO, errno, "cannot map %s",
                              t->path);
        }
    }
    /* The map keeps the file: it may be renamed over or removed while it is read. */
    if (!is_stdin)
        close(fd);
    return st;
}

/* Whether the columns of a flat table are not what was written. Called in a signal handler, when
 * the process has crashed and this file is the suspect: a disk that gives other bytes than were
 * checked explains a crash that would otherwise be ours. No lock, no allocation. */
static bool is_damaged(const void *table)
{
    const struct pz_table *t = table;

    for (size_t i = 0; t->flat && i < t->n; i++)
        if (pz_hash64(t->map + t->col[i].offset, (size_t)t->col[i].stored) != t->col[i].stored_hash)
            return true;
    return false;
}

static enum pz_status check_version(uint32_t version, struct pz_err *err)
{
    if (version == PZ_FORMAT_VERSION)
        return PZ_OK;
    return pz_err_set(err, PZ_BAD_DATA, "format version %u; this pz reads version %u", version,
                      PZ_FORMAT_VERSION);
}

/* Decode the contents at offset, stored bytes that must give raw. */
static enum pz_status read_contents(struct pz_table *t, uint64_t offset, uint32_t stored,
                                    uint32_t raw, struct pz_err *err)
{
    struct pz_extent where = { PZ_HEAD_BYTES, offset, 1 };
    unsigned char *contents;
    enum pz_status st;

    /* Looked at before `raw` bytes are asked for. */
    if (pz_zst_raw_size(t->map + offset, stored) != raw)
        return pz_err_set(err, PZ_BAD_DATA, "the table of contents is damaged");
    contents = malloc((size_t)raw + 1);
    if (!contents)
        return pz_err_memory(err, "the table of contents", raw);
    st = pz_zst_unpack(contents, raw, t->map + offset, stored, err);
    if (st == PZ_OK)
        st = pz_layout_decode(contents, raw, &where, &t->col, &t->n, err);
    free(contents);
    return st;
}

static enum pz_status open_packed(struct pz_table *t, struct pz_err *err)
{
    const unsigned char *foot = t->map + t->size - PZ_FOOT_BYTES;
    uint64_t offset = pz_get64(foot + 8);
    uint32_t stored = pz_get32(foot + 16), raw = pz_get32(foot + 20);
    enum pz_status st = check_version(pz_get32(t->map + 16), err);

    if (st == PZ_OK &&
        (pz_get32(foot) != PZ_SKIP_FOOT || pz_get32(foot + 4) != PZ_FOOT_BYTES - 8 ||
         memcmp(foot + 32, PZ_END_MAGIC, 8) != 0 || offset > t->size || stored > t->size - offset ||
         offset + stored + PZ_FOOT_BYTES != t->size || raw > PZ_CONTENTS_MAX))
        st = pz_err_set(err, PZ_BAD_DATA, "the file is cut off or damaged at its end");
    if (st == PZ_OK && pz_hash64(t->map + offset, stored) != pz_get64(foot + 24))
        st = pz_err_set(err, PZ_BAD_DATA, "the table of contents is damaged");
    return st == PZ_OK ? read_contents(t, offset, stored, raw, err) : st;
}

static bool all_zero(const unsigned char *p, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

static enum pz_status open_flat(struct pz_table *t, struct pz_err *err)
{
    uint64_t offset = pz_get64(t->map + 16), n = pz_get64(t->map + 24);
    struct pz_extent where = { PZ_FLAT_BYTES, offset, PZ_MEM_ALIGN };
    enum pz_status st = check_version(pz_get32(t->map + 12), err);

    if (st == PZ_OK && (t->size < PZ_FLAT_BYTES || pz_get64(t->map + 40) != t->size ||
                        offset > t->size || n != t->size - offset || n > PZ_CONTENTS_MAX ||
                        !all_zero(t->map + 48, PZ_FLAT_BYTES - 48) ||
                        pz_hash64(t->map + offset, (size_t)n) != pz_get64(t->map + 32)))
        st = pz_err_set(err, PZ_BAD_DATA, "the file is cut off or damaged");
    return st == PZ_OK ? pz_layout_decode(t->map + offset, (size_t)n, &where, &t->col, &t->n, err)
                       : st;
}

/* Where the kind stands in the first 16 bytes; NULL: they are not a table's. */
static const unsigned char *find_kind(const unsigned char *head)
{
    const unsigned char *kind = NULL;

    if (memcmp(head, PZ_FLAT_MAGIC, 8) == 0)
        kind = head + 8;
    else if (pz_get32(head) == PZ_SKIP_HEAD && pz_get32(head + 4) == PZ_HEAD_BYTES - 8 &&
             memcmp(head + 8, PZ_PACKED_MAGIC, 4) == 0)
        kind = head + 12;
    return kind && pz_layout_is_kind((const char *)kind) ? kind : NULL;
}

bool pz_table_kind(const char *path, char kind[4])
{
    unsigned char head[16];
    const unsigned char *at = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd >= 0 && pread(fd, head, sizeof head, 0) == (ssize_t)sizeof head)
        at = find_kind(head);
    if (fd >= 0)
        close(fd);
    if (at)
        memcpy(kind, at, 4);
    return at != NULL;
}

static const char *kind_name(const char *kind)
{
    return kind[0] == 'd' ? "dataset" : kind[0] == 'r' ? "live rows" : "model";
}

/* What of the file is not in memory is to be read in large pages, as pz_out_for_map writes it: in
 * small ones, which stay small, every later answer of any process takes the time of six times as
 * many page faults. */
static void read_in_large_pages(const struct pz_table *t)
{
    (void)madvise(t->map, (size_t)t->size, MADV_HUGEPAGE); /* without them slower, not wrong */
}

/* Tell the form and the kind by the first bytes, then read the contents. */
static enum pz_status open_mapped(struct pz_table *t, const char *kind, struct pz_err *err)
{
    /* map_file has made sure that head and foot are inside the file. */
    const unsigned char *at = find_kind(t->map);

    if (!at)
        return pz_err_set(err, PZ_BAD_DATA, "not a pz file");
    memcpy(t->kind, at, 4);
    t->flat = at == t->map + 8;
    if (t->flat)
        read_in_large_pages(t);
    if (kind && memcmp(t->kind, kind, 4) != 0)
        return pz_err_set(err, PZ_BAD_DATA, "this is a %s file where a %s file is needed",
                          kind_name(t->kind), kind_name(kind));
    return t->flat ? open_flat(t, err) : open_packed(t, err);
}

enum pz_status pz_table_open(const char *path, const char *kind, struct pz_table **out,
                             struct pz_err *err)
{
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    struct pz_table *t = calloc(1, sizeof *t);
    enum pz_status st;

    *out = NULL;
    if (!t || !(t->path = pz_mem_strndup(name, strlen(name)))) {
        free(t);
        return pz_err_memory(err, "a table", sizeof *t);
    }
    st = map_file(t, path, err);
    if (st == PZ_OK) {
        st = open_mapped(t, kind, err);
        if (st != PZ_OK)
            pz_err_prefix(err, "%s", path);
    }
    if (st == PZ_OK)
        pz_ledger_count("bytes_in", t->size);
    if (st == PZ_OK)
        pz_signals_watch(&(struct pz_watched){ t->map, (size_t)t->size, t->path, is_damaged, t });
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
    for (size_t i = 0; i < t->n; i++)
        pz_column_drop(&t->col[i]);
    pz_layout_free(t->col, t->n);
    if (t->map)
        pz_signals_unwatch(t->map);
    if (t->map)
        munmap(t->map, (size_t)t->size);
    free(t->path);
    free(t);
}

bool pz_table_is_flat(const struct pz_table *t)
{
    return t->flat && !t->anew;
}

void pz_table_ask_nothing(struct pz_table *t)
{
    t->unasked = true;
}

bool pz_table_is_asked(const struct pz_table *t)
{
    return !t->unasked;
}

void pz_table_read_anew(struct pz_table *t)
{
    t->anew = true;
}

const char *pz_table_path(const struct pz_table *t)
{
    return t->path;
}

size_t pz_table_n_columns(const struct pz_table *t)
{
    return t->n;
}

struct pz_column_info pz_table_column(const struct pz_table *t, size_t i)
{
    const struct pz_layout_column *col = &t->col[i];

    return (struct pz_column_info){ col->name, col->type, col->n, col->stored };
}

static struct pz_layout_column *find_column(const struct pz_table *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->col[i].name, name) == 0)
            return t->anew && pz_layout_is_derived(&t->col[i]) ? NULL : &t->col[i];
    return NULL;
}

bool pz_table_has(const struct pz_table *t, const char *name)
{
    return find_column(t, name) != NULL;
}

enum pz_status pz_table_get(struct pz_table *t, const char *name, enum pz_type type,
                            uint64_t want_n, const void **data, uint64_t *n, struct pz_err *err)
{
    struct pz_layout_column *col = find_column(t, name);
    enum pz_status st = PZ_OK;

    *data = NULL;
    if (!col)
        return pz_err_set(err, PZ_BAD_DATA, "no column %s", name);
    if (col->type != type)
        return pz_err_set(err, PZ_BAD_DATA, "column %s has another type", name);
    if (want_n != PZ_ANY && col->n != want_n)
        return pz_err_set(err, PZ_BAD_DATA, "column %s has %llu values, not %llu", name,
                          (unsigned long long)col->n, (unsigned long long)want_n);
    col->asked = true;
    if (!col->data)
        st = pz_column_load(t, col, err);
    *data = col->data;
    if (n)
        *n = col->n;
    return st;
}

enum pz_status pz_table_get_part(struct pz_table *t, const char *name, enum pz_type type,
                                 uint64_t first, uint64_t n, void **data, struct pz_err *err)
{
    struct pz_layout_column *col = find_column(t, name);

    *data = NULL;
    if (!col || col->type != type || first > col->n || n > col->n - first)
        return pz_err_set(err, PZ_BAD_DATA, "column %s is not there, or has another type or length",
                          name);
    col->asked = true;
    return pz_column_part(t, col, first, n, data, err);
}

void *pz_table_copy(struct pz_table *t, const char *name)
{
    struct pz_layout_column *col = find_column(t, name);

    return col ? col->own : NULL;
}

uint64_t pz_table_bytes(const struct pz_table *t, bool asked)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < t->n; i++)
        if (t->col[i].asked == asked)
            bytes += pz_layout_raw(&t->col[i]);
    return bytes;
}

void pz_table_drop(struct pz_table *t, const char *name)
{
    struct pz_layout_column *col = find_column(t, name);

    if (col)
        pz_column_drop(col);
}

void pz_table_give_back(struct pz_table *t, const char *name, uint64_t n)
{
    struct pz_layout_column *col = find_column(t, name);

    if (col && col->own)
        pz_mem_give_back(col->own, (size_t)(n < col->n ? n : col->n), pz_type_bytes(col->type));
}

bool pz_table_has_dict(const struct pz_table *t, const char *name)
{
    char column[PZ_NAME_MAX + 16];

    snprintf(column, sizeof column, "%s.offset", name);
    return pz_table_has(t, column);
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
    /* The ends of the offsets are looked at in flat tables too, in O(1). */
    if (st == PZ_OK && (n == 0 || n > UINT32_MAX || ((const uint64_t *)offset)[0] != 0 ||
                        ((const uint64_t *)offset)[n - 1] != n_bytes))
        st = pz_err_set(err, PZ_BAD_DATA, "dictionary %s is damaged", name);
    if (st != PZ_OK)
        return st;
    *dict = (struct pz_dict){ .n = (uint32_t)(n - 1), .offset = offset, .bytes = bytes };
    if (!t->flat)
        st = pz_dict_check(dict, n_bytes, err);
    if (st != PZ_OK)
        pz_err_prefix(err, "dictionary %s", name);
    return st;
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

/* The bytes between the columns of a flat file are zero. */
static bool gaps_are_zero(const struct pz_table *t)
{
    uint64_t at = PZ_FLAT_BYTES;

    for (size_t i = 0; i < t->n; i++) {
        if (!all_zero(t->map + at, t->col[i].offset - at))
            return false;
        at = t->col[i].offset + t->col[i].stored;
    }
    return true;
}

enum pz_status pz_table_verify(struct pz_table *t, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (size_t i = 0; i < t->n && st == PZ_OK; i++)
        st = pz_column_verify(t, &t->col[i], err);
    if (st == PZ_OK && t->flat && !gaps_are_zero(t))
        st = pz_err_set(err, PZ_BAD_DATA, "the file is damaged between its columns");
    if (st != PZ_OK)
        pz_err_prefix(err, "%s", t->path);
    return st;
}

enum pz_status pz_table_fingerprint(struct pz_table *t, char *hex, struct pz_err *err)
{
    return pz_layout_fingerprint(t->col, t->n, hex, err);
}
