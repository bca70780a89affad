/* SPDX-License-Identifier: Apache-2.0 */
/* Decompression: see decode.h. zlib, liblzma and libbz2 each have a struct with the same four
 * fields (next and available, in and out), so one step is the same for all: hand over the
 * buffers, decode once, see how far it came.
 *
 * At the end of a stream the decoder starts afresh, since gzip files are joined with cat, and
 * pbzip2 and pixz write many streams. Whether a stream is unfinished is told after every step,
 * so that the caller can tell a file that ends from one that was cut. */
#include "text/decode.h"

#include <bzlib.h>
#include <limits.h>
#include <lzma.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST /* makes its input const */
#include <zlib.h>

struct pz_decoder {
    enum pz_packing packing;
    bool started; /* the library's stream is initialised */
    z_stream gzip;
    lzma_stream xz;
    bz_stream bzip2;
};

enum outcome { GOES_ON, STREAM_ENDED, DAMAGED, NO_MEMORY };

/* xz -9 needs 65 MB to decode; a file that asks for more than a gigabyte is damaged or means harm.
 */
enum { LZMA_MEMORY = 1 << 30 };

enum pz_packing pz_packing_of(const char *bytes, size_t n)
{
    if (n >= 3 && memcmp(bytes, "\x1f\x8b\x08", 3) == 0)
        return PZ_PACKING_GZIP;
    if (n >= 6 && memcmp(bytes,
                         "\xfd"
                         "7zXZ\0",
                         6) == 0)
        return PZ_PACKING_XZ;
    if (n >= 10 && memcmp(bytes, "BZh", 3) == 0 && memcmp(bytes + 4, "1AY&SY", 6) == 0)
        return PZ_PACKING_BZIP2;
    return PZ_PACKING_NONE;
}

static bool start(struct pz_decoder *d)
{
    static const lzma_stream none = LZMA_STREAM_INIT;

    memset(&d->gzip, 0, sizeof d->gzip);
    memset(&d->bzip2, 0, sizeof d->bzip2);
    d->xz = none;
    if (d->packing == PZ_PACKING_GZIP)
        /* 15: the largest window; 16: a gzip header, and nothing else, is expected. */
        d->started = inflateInit2(&d->gzip, 15 + 16) == Z_OK;
    else if (d->packing == PZ_PACKING_XZ)
        d->started = lzma_stream_decoder(&d->xz, LZMA_MEMORY, 0) == LZMA_OK;
    else
        d->started = BZ2_bzDecompressInit(&d->bzip2, 0, 0) == BZ_OK;
    return d->started;
}

static void stop(struct pz_decoder *d)
{
    if (!d->started)
        return;
    if (d->packing == PZ_PACKING_GZIP)
        inflateEnd(&d->gzip);
    else if (d->packing == PZ_PACKING_XZ)
        lzma_end(&d->xz);
    else
        BZ2_bzDecompressEnd(&d->bzip2);
    d->started = false;
}

enum pz_status pz_decoder_new(enum pz_packing packing, struct pz_decoder **out, struct pz_err *err)
{
    struct pz_decoder *d = calloc(1, sizeof *d);

    *out = d;
    if (!d)
        return pz_err_memory(err, "a decoder", sizeof *d);
    d->packing = packing;
    return PZ_OK;
}

void pz_decoder_free(struct pz_decoder *d)
{
    if (d)
        stop(d);
    free(d);
}

/* The three libraries' steps: how many bytes are left in *n_in and *n_out afterwards. */
static enum outcome step_gzip(z_stream *z, const char *in, size_t *n_in, char *out, size_t *n_out)
{
    int rc;

    z->next_in = (const unsigned char *)in;
    z->avail_in = (uInt)*n_in;
    z->next_out = (unsigned char *)out;
    z->avail_out = (uInt)*n_out;
    rc = inflate(z, Z_NO_FLUSH);
    *n_in = z->avail_in;
    *n_out = z->avail_out;
    /* Z_BUF_ERROR is no error: nothing could be done for want of input or of room. */
    return rc == Z_STREAM_END                ? STREAM_ENDED
           : rc == Z_MEM_ERROR               ? NO_MEMORY
           : rc == Z_OK || rc == Z_BUF_ERROR ? GOES_ON
                                             : DAMAGED;
}

static enum outcome step_xz(lzma_stream *z, const char *in, size_t *n_in, char *out, size_t *n_out)
{
    lzma_ret rc;

    z->next_in = (const uint8_t *)in;
    z->avail_in = *n_in;
    z->next_out = (uint8_t *)out;
    z->avail_out = *n_out;
    rc = lzma_code(z, LZMA_RUN);
    *n_in = z->avail_in;
    *n_out = z->avail_out;
    return rc == LZMA_STREAM_END                               ? STREAM_ENDED
           : rc == LZMA_MEM_ERROR || rc == LZMA_MEMLIMIT_ERROR ? NO_MEMORY
           : rc == LZMA_OK || rc == LZMA_BUF_ERROR             ? GOES_ON
                                                               : DAMAGED;
}

static enum outcome step_bzip2(bz_stream *z, const char *in, size_t *n_in, char *out, size_t *n_out)
{
    int rc;

    z->next_in = (char *)(uintptr_t)in; /* libbz2 has no const; it only reads */
    z->avail_in = (unsigned)*n_in;
    z->next_out = out;
    z->avail_out = (unsigned)*n_out;
    rc = BZ2_bzDecompress(z);
    *n_in = z->avail_in;
    *n_out = z->avail_out;
    return rc == BZ_STREAM_END  ? STREAM_ENDED
           : rc == BZ_MEM_ERROR ? NO_MEMORY
           : rc == BZ_OK        ? GOES_ON
                                : DAMAGED;
}

enum pz_status pz_decoder_step(struct pz_decoder *d, const char *in, size_t n_in, size_t *took,
                               char *out, size_t n_out, size_t *got, int *inside,
                               struct pz_err *err)
{
    /* zlib and bzip2 count in unsigned int. */
    size_t left_in = n_in < INT_MAX ? n_in : INT_MAX, all_in = left_in;
    size_t left_out = n_out < INT_MAX ? n_out : INT_MAX, all_out = left_out;
    enum outcome end;

    *took = *got = 0;
    if (!d->started && !start(d))
        return pz_err_memory(err, "a decoder", 1e6);
    end = d->packing == PZ_PACKING_GZIP ? step_gzip(&d->gzip, in, &left_in, out, &left_out)
          : d->packing == PZ_PACKING_XZ ? step_xz(&d->xz, in, &left_in, out, &left_out)
                                        : step_bzip2(&d->bzip2, in, &left_in, out, &left_out);
    *took = all_in - left_in;
    *got = all_out - left_out;
    *inside = end == GOES_ON;
    if (end == STREAM_ENDED)
        stop(d);
    if (end == DAMAGED)
        return pz_err_set(err, PZ_BAD_DATA, "the compressed data are damaged");
    return end == NO_MEMORY ? pz_err_memory(err, "a decoder", LZMA_MEMORY) : PZ_OK;
}
