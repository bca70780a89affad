/* SPDX-License-Identifier: Apache-2.0 */
/* Input streams: see stream.h. The first bytes decide, not the name: zstd's magic number (of a
 * frame, or of a skippable frame as parallel compressors put in front), gzip's, xz's and bzip2's
 * start their decoder; our own files and what is no text (Parquet, workbooks, archives,
 * databases) are refused with the command that helps; anything else is plain.
 *
 * The bytes that were looked at stay in the buffer, so a pipe works as a file does. Compressed
 * data that end in the middle of a frame or stream are an error: a file that was cut is never
 * taken for a shorter one. */
#include "text/stream.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ledger.h"
#include "base/mem.h"
#include "base/signals.h"
#include "table/zst.h"
#include "text/decode.h"

enum { IN_BYTES = 1 << 17 };

struct pz_in {
    int fd;
    char *name;
    uint64_t size, consumed;
    struct pz_unzst *unzst;     /* NULL: no zstd */
    struct pz_decoder *decoder; /* gzip, xz, bzip2; NULL: none */
    bool full;                  /* the decoder may have more of what it was given */
    int inside;                 /* a frame is unfinished */
    size_t have, at;            /* stored bytes in buf, first unused */
    char buf[IN_BYTES];
};

/* Refill the empty buffer; have = 0 at the end. */
static enum pz_status fill(struct pz_in *in, size_t want, struct pz_err *err)
{
    /* A pipe gives what it has: `want` bytes are waited for only where a look at the first ones
     * needs them. */
    in->at = 0;
    in->have = 0;
    while (in->have < want) {
        ssize_t got = read(in->fd, in->buf + in->have, IN_BYTES - in->have);

        if (got < 0 && pz_stop_retry(errno))
            continue;
        if (got < 0)
            return pz_err_errno(err, errno == EISDIR ? PZ_NO_INPUT : PZ_IO, errno, "reading %s",
                                in->name);
        if (got == 0)
            break;
        in->have += (size_t)got;
        in->consumed += (uint64_t)got;
        pz_ledger_count("bytes_in", (uint64_t)got);
    }
    return PZ_OK;
}

static bool is_zstd(const char *p)
{
    /* 0x184D2A50 to 0x184D2A5F, little-endian. Our own files begin with one, too. */
    bool skippable = (p[0] & 0xf0) == 0x50 && memcmp(p + 1, "\x2a\x4d\x18", 3) == 0;

    return skippable || memcmp(p, "\x28\xb5\x2f\xfd", 4) == 0;
}

/* What is no text at all, with the command that makes text of it. */
struct foreign {
    const char *magic;
    size_t n;
    const char *first; /* of a zip archive: how the name of its first file begins; else "" */
    const char *what, *command;
};

static bool is_foreign(const struct foreign *f, const char *p, size_t n)
{
    enum { NAME_AT = 30 };
    size_t first = strlen(f->first);
    bool word = f->n < 4 && n > f->n && isalnum((unsigned char)f->magic[0]);

    /* So few letters may begin a header: ORCID. */
    if (word && (isalnum((unsigned char)p[f->n]) || memchr("_-,;|\t \"", p[f->n], 8)))
        return false;
    return n >= f->n && memcmp(p, f->magic, f->n) == 0 &&
           (first == 0 || (n >= NAME_AT + first && memcmp(p + NAME_AT, f->first, first) == 0));
}

#define WORKBOOK "an xlsx workbook", "xlsx2csv %s > out.csv"
#define PANDAS(kind) \
    "python3 -c \"import pandas; pandas.read_" kind "('%s').to_csv('out.csv', index=False)\""

/* The first table of an SQLite database, whose first page has the statements that made its tables,
 * from its end on; or dots. */
static void find_table(const char *p, size_t n, char *name, size_t cap)
{
    static const char word[] = "CREATE TABLE ";
    const char *end = p + n, *at = NULL, *next = p;
    size_t len = 0;

    while ((next = memmem(next, (size_t)(end - next), word, sizeof word - 1)) != NULL)
        at = next += sizeof word - 1;
    for (; at && at < end && len + 1 < cap && (isalnum((unsigned char)*at) || *at == '_'); at++)
        name[len++] = *at;
    snprintf(name + len, cap - len, "%s", len > 0 ? "" : "...");
}

static enum pz_status refuse_foreign(const struct pz_in *in, struct pz_err *err)
{
    static const struct foreign kinds[] = {
        { "PAR1", 4, "", "Parquet", "duckdb -c \"COPY (FROM '%s') TO 'out.csv'\"" },
        { "PK\3\4", 4, "[Content_Types].xml", WORKBOOK },
        { "PK\3\4", 4, "_rels/", WORKBOOK },
        { "PK\3\4", 4, "docProps/", WORKBOOK },
        { "PK\3\4", 4, "xl/", WORKBOOK },
        { "PK\3\4", 4, "", "a zip archive", "unzip -p %s > out.csv" },
        { "SQLite format 3", 16, "", "an SQLite database",
          "sqlite3 -csv -header %s 'SELECT * FROM %t' > out.csv" },
        { "Obj\1", 4, "", "Avro", "duckdb -c \"COPY (FROM read_avro('%s')) TO 'out.csv'\"" },
        { "ORC", 3, "", "ORC", "orc-contents %s > out.jsonl" },
        { "\xd0\xcf\x11\xe0", 4, "", "an xls workbook", "ssconvert %s out.csv" },
        { "7z\xbc\xaf\x27\x1c", 6, "", "a 7z archive", "7z x -so %s > out.csv" },
        { "Rar!\x1a\x07", 6, "", "a RAR archive", "unrar p -inul %s > out.csv" },
        { "\x1f\x9d", 2, "", "packed by compress", "zcat < %s > out.csv" },
        { "\x04\x22\x4d\x18", 4, "", "packed by lz4", "lz4 -dc %s > out.csv" },
        { "ARROW1", 6, "", "Arrow (Feather)", PANDAS("feather") },
        { "\x89HDF", 4, "", "HDF5", PANDAS("hdf") },
        { "\x80\x04\x95", 3, "", "a Python pickle", PANDAS("pickle") },
        { "\x80\x05\x95", 3, "", "a Python pickle", PANDAS("pickle") },
    };
    const char *name = in->fd == STDIN_FILENO ? "FILE" : in->name;
    char command[700], table[64];

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t n = 0;

        if (!is_foreign(&kinds[i], in->buf, in->have))
            continue;
        find_table(in->buf, in->have, table, sizeof table);
        for (const char *c = kinds[i].command; *c && n + 300 < sizeof command; c++)
            if (c[0] == '%' && (c[1] == 's' || c[1] == 't'))
                n += (size_t)snprintf(command + n, sizeof command - n, "%.256s",
                                      *++c == 's' ? name : table);
            else
                command[n++] = *c;
        command[n] = '\0';
        return pz_err_set(err, PZ_BAD_DATA, "%s is %s, not text; convert it: %s", in->name,
                          kinds[i].what, command);
    }
    return PZ_OK;
}

static enum pz_status look(struct pz_in *in, struct pz_err *err)
{
    enum pz_status st = fill(in, 16, err);
    enum pz_packing packing = pz_packing_of(in->buf, in->have);

    if (st == PZ_OK)
        st = refuse_foreign(in, err);
    if (st == PZ_OK && packing != PZ_PACKING_NONE)
        return pz_decoder_new(packing, &in->decoder, err);
    if (st == PZ_OK && in->have >= 12 && is_zstd(in->buf) && memcmp(in->buf + 8, "pz01", 4) == 0)
        return pz_err_set(err, PZ_BAD_DATA,
                          "%s is a pz file, not text; pz-import --export makes text of a dataset",
                          in->name);
    if (st == PZ_OK && in->have >= 4 && is_zstd(in->buf)) {
        in->unzst = pz_unzst_new();
        if (!in->unzst)
            return pz_err_memory(err, "the zstd decoder", 1e6);
    }
    return st;
}

static const char unnamed[] = "standard input";

const char *pz_in_name_of(const char *path)
{
    return strcmp(path, "-") == 0 ? unnamed : path;
}

const char *pz_in_typed(const char *name)
{
    return strcmp(name, unnamed) == 0 ? "FILE" : name;
}

enum pz_status pz_in_open(const char *path, struct pz_in **in_ptr, struct pz_err *err)
{
    struct pz_in *in = calloc(1, sizeof *in);
    int is_stdin = strcmp(path, "-") == 0;
    struct stat info;
    enum pz_status st = PZ_OK;

    *in_ptr = NULL;
    if (!in)
        return pz_err_memory(err, "an input buffer", sizeof *in);
    in->name = pz_mem_strndup(pz_in_name_of(path), strlen(pz_in_name_of(path)));
    do
        in->fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    while (in->fd < 0 && pz_stop_retry(errno));
    if (!in->name)
        st = pz_err_memory(err, "a file name", 256);
    else if (in->fd < 0)
        st = pz_err_errno(err, PZ_NO_INPUT, errno, "cannot open %s", path);
    else if (fstat(in->fd, &info) == 0 && S_ISREG(info.st_mode))
        in->size = (uint64_t)info.st_size;
    if (st == PZ_OK)
        st = look(in, err);
    if (st != PZ_OK) {
        pz_in_close(in);
        in = NULL;
    }
    *in_ptr = in;
    return st;
}

static enum pz_status step(struct pz_in *in, size_t *took, void *buf, size_t n, size_t *got,
                           struct pz_err *err)
{
    const char *from = in->buf + in->at;
    size_t have = in->have - in->at;

    return in->unzst
               ? pz_unzst_step(in->unzst, from, have, took, buf, n, got, &in->inside, err)
               : pz_decoder_step(in->decoder, from, have, took, buf, n, got, &in->inside, err);
}

static enum pz_status read_packed(struct pz_in *in, void *buf, size_t n, size_t *got,
                                  struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    while (*got == 0 && st == PZ_OK) {
        size_t took = 0;

        if (in->at == in->have && !in->full)
            st = fill(in, 1, err);
        if (st == PZ_OK && in->have == 0 && !in->full) {
            /* Only an end between frames is an end. */
            if (in->inside)
                st = pz_err_set(err, PZ_BAD_DATA, "%s ends in the middle of its %s data", in->name,
                                in->unzst ? "zstd" : "compressed");
            return st;
        }
        if (st == PZ_OK)
            st = step(in, &took, buf, n, got, err);
        if (st == PZ_BAD_DATA)
            pz_err_prefix(err, "%s", in->name);
        in->at += took;
        /* The room was used up: the decoder may hold decoded bytes though all its input was taken.
         * zstd keeps a byte of its input back for as long as it does, so it needs no such flag. */
        in->full = in->decoder && *got == n;
    }
    return st;
}

enum pz_status pz_in_read(struct pz_in *in, void *buf, size_t n, size_t *got, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    *got = 0;
    if (n == 0)
        return PZ_OK;
    if (in->unzst || in->decoder)
        return read_packed(in, buf, n, got, err);
    if (in->at == in->have)
        st = fill(in, 1, err);
    if (st == PZ_OK) {
        *got = in->have - in->at < n ? in->have - in->at : n;
        memcpy(buf, in->buf + in->at, *got);
        in->at += *got;
    }
    return st;
}

bool pz_in_wait(const struct pz_in *in, int ms)
{
    struct pollfd fd = { .fd = in->fd, .events = POLLIN };

    /* A closed pipe counts as ready: the end can be had. */
    return in->at < in->have || poll(&fd, 1, ms) > 0;
}

const char *pz_in_name(const struct pz_in *in)
{
    return in->name;
}

uint64_t pz_in_size(const struct pz_in *in)
{
    return in->size;
}

uint64_t pz_in_consumed(const struct pz_in *in)
{
    return in->consumed;
}

void pz_in_close(struct pz_in *in)
{
    if (!in)
        return;
    if (in->fd > STDIN_FILENO)
        close(in->fd);
    pz_unzst_free(in->unzst);
    pz_decoder_free(in->decoder);
    free(in->name);
    free(in);
}
