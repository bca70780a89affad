/* SPDX-License-Identifier: Apache-2.0 */
/* Compressed output: see sink.h. A megabyte at a time becomes a frame of zstd or a member of
 * gzip of its own; both formats say that frames and members one after another are one stream,
 * which every decoder reads as such.
 *
 * So no state of a compressor lives between writes, the memory is two buffers whatever the
 * length, and equal bytes written give equal files however they were cut into writes. */
#include "text/sink.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/file.h"
#include "table/zst.h"

enum { BLOCK = 1 << 20, GZIP_WINDOW = 15 + 16 /* zlib: a gzip header and trailer */ };

enum packing { PLAIN, ZSTD, GZIP };

struct pz_sink {
    struct pz_out *out;
    enum packing packing;
    char *raw, *packed; /* [BLOCK], [cap] */
    size_t n, cap;
};

static enum packing packing_of(const char *path)
{
    size_t n = strlen(path);

    if (n > 4 && strcmp(path + n - 4, ".zst") == 0)
        return ZSTD;
    return n > 3 && strcmp(path + n - 3, ".gz") == 0 ? GZIP : PLAIN;
}

static void free_sink(struct pz_sink *s)
{
    free(s->raw);
    free(s->packed);
    free(s);
}

enum pz_status pz_sink_open(const char *path, struct pz_sink **out, struct pz_err *err)
{
    struct pz_sink *s = calloc(1, sizeof *s);
    enum pz_status st = PZ_OK;

    *out = NULL;
    if (!s)
        return pz_err_memory(err, "an output", sizeof *s);
    s->packing = packing_of(path);
    if (s->packing != PLAIN) {
        s->cap = pz_zst_bound(BLOCK) + compressBound(BLOCK) + 64;
        s->raw = malloc(BLOCK);
        s->packed = malloc(s->cap);
        if (!s->raw || !s->packed)
            st = pz_err_memory(err, "an output", (double)(BLOCK + s->cap));
    }
    if (st == PZ_OK)
        st = pz_out_open(path, &s->out, err);
    if (st != PZ_OK) {
        free_sink(s);
        return st;
    }
    *out = s;
    return PZ_OK;
}

/* One gzip member; 0: it failed. */
/* No name and no time in the header: the same bytes every time. */
static size_t gzip_pack(char *dst, size_t cap, char *src, size_t n)
{
    z_stream z = { .next_in = (Bytef *)src,
                   .avail_in = (uInt)n,
                   .next_out = (Bytef *)dst,
                   .avail_out = (uInt)cap };
    bool good = deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
                             Z_DEFAULT_STRATEGY) == Z_OK;

    if (!good)
        return 0;
    good = deflate(&z, Z_FINISH) == Z_STREAM_END;
    deflateEnd(&z);
    return good ? z.total_out : 0;
}

static enum pz_status pack(struct pz_sink *s, struct pz_err *err)
{
    size_t n = s->packing == ZSTD ? pz_zst_pack(s->packed, s->cap, s->raw, s->n, 0)
                                  : gzip_pack(s->packed, s->cap, s->raw, s->n);

    s->n = 0;
    return n > 0 ? pz_out_write(s->out, s->packed, n, err)
                 : pz_err_set(err, PZ_INTERNAL, "the output could not be compressed");
}

enum pz_status pz_sink_write(struct pz_sink *s, const void *bytes, size_t n, struct pz_err *err)
{
    const char *from = bytes;
    enum pz_status st = PZ_OK;

    if (s->packing == PLAIN)
        return pz_out_write(s->out, bytes, n, err);
    while (n > 0 && st == PZ_OK) {
        size_t part = n < BLOCK - s->n ? n : BLOCK - s->n;

        memcpy(s->raw + s->n, from, part);
        s->n += part;
        from += part;
        n -= part;
        if (s->n == BLOCK)
            st = pack(s, err);
    }
    return st;
}

enum pz_status pz_sink_commit(struct pz_sink *s, struct pz_err *err)
{
    /* Nothing written is still a valid, empty stream, which every decoder accepts; no bytes at all
     * are not. */
    bool empty = s->packing != PLAIN && pz_out_size(s->out) == 0;
    enum pz_status st = s->n > 0 || empty ? pack(s, err) : PZ_OK;

    if (st == PZ_OK)
        st = pz_out_commit(s->out, err);
    else
        pz_out_abort(s->out);
    free_sink(s);
    return st;
}

void pz_sink_abort(struct pz_sink *s)
{
    if (!s)
        return;
    pz_out_abort(s->out);
    free_sink(s);
}
