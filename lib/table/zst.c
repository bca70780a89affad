/* SPDX-License-Identifier: Apache-2.0 */
/* zstd frames: see zst.h. Every frame that is written carries its content size and a checksum, so
 * that a reader knows what to allocate before it decodes, and that what it decoded is what was
 * packed.
 *
 * Two ways to read: a whole frame whose size is known (columns of our files), and a stream of
 * frames of any origin, a piece at a time (inputs). The first never trusts the frame: it must hold
 * exactly what the table of contents says. */
#include "table/zst.h"

#include <zstd.h>
#include <zstd_errors.h>

size_t pz_zst_bound(size_t n)
{
    return ZSTD_compressBound(n);
}

/* A context per call is little beside a frame of a megabyte, and threads need share none. */
size_t pz_zst_pack(void *dst, size_t cap, const void *src, size_t n, int level)
{
    ZSTD_CCtx *cctx = ZSTD_createCCtx();
    size_t got = 0;

    if (!cctx)
        return 0;
    /* 3 is zstd's default, named here because a library may change its own, and with it our bytes.
     */
    ZSTD_CCtx_setParameter(cctx, ZSTD_c_compressionLevel, level ? level : 3);
    ZSTD_CCtx_setParameter(cctx, ZSTD_c_checksumFlag, 1);
    got = ZSTD_compress2(cctx, dst, cap, src, n);
    ZSTD_freeCCtx(cctx);
    return ZSTD_isError(got) ? 0 : got;
}

uint64_t pz_zst_raw_size(const void *src, size_t n)
{
    unsigned long long raw = ZSTD_getFrameContentSize(src, n);

    return raw == ZSTD_CONTENTSIZE_ERROR || raw == ZSTD_CONTENTSIZE_UNKNOWN ? UINT64_MAX : raw;
}

enum pz_status pz_zst_unpack(void *dst, size_t raw, const void *src, size_t n, struct pz_err *err)
{
    size_t got;

    if (pz_zst_raw_size(src, n) != raw)
        return pz_err_set(err, PZ_BAD_DATA, "a frame's size does not match the table of contents");
    got = ZSTD_decompress(dst, raw, src, n);
    if (ZSTD_isError(got) && ZSTD_getErrorCode(got) == ZSTD_error_memory_allocation)
        return pz_err_memory(err, "decoding", (double)raw);
    if (ZSTD_isError(got))
        return pz_err_set(err, PZ_BAD_DATA, "a damaged frame: %s", ZSTD_getErrorName(got));
    if (got != raw)
        return pz_err_set(err, PZ_BAD_DATA, "a frame is shorter than it says");
    return PZ_OK;
}

struct pz_unzst *pz_unzst_new(void)
{
    return (struct pz_unzst *)ZSTD_createDStream();
}

void pz_unzst_free(struct pz_unzst *u)
{
    ZSTD_freeDStream((ZSTD_DStream *)u);
}

enum pz_status pz_unzst_step(struct pz_unzst *u, const void *in, size_t n_in, size_t *took,
                             void *out, size_t n_out, size_t *gave, int *inside, struct pz_err *err)
{
    ZSTD_inBuffer src = { in, n_in, 0 };
    ZSTD_outBuffer dst = { out, n_out, 0 };
    size_t left = ZSTD_decompressStream((ZSTD_DStream *)u, &dst, &src);

    if (ZSTD_isError(left))
        return pz_err_set(err, PZ_BAD_DATA, "damaged zstd data: %s", ZSTD_getErrorName(left));
    *took = src.pos;
    *gave = dst.pos;
    *inside = left != 0;
    return PZ_OK;
}
