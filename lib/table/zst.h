/* SPDX-License-Identifier: Apache-2.0 */
/* zstd frames: the only module that sees the zstd library.
 *
 * Threads: a decoder of a stream belongs to one; the rest is safe anywhere. */
#ifndef PZ_TABLE_ZST_H
#define PZ_TABLE_ZST_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Largest compressed size of n raw bytes. */
size_t pz_zst_bound(size_t n);

/* Compress n bytes into one frame with checksum and content size; dst has cap >= pz_zst_bound(n).
 * Returns the frame's bytes, 0 on failure. level 0: the default. */
size_t pz_zst_pack(void *dst, size_t cap, const void *src, size_t n, int level);

/* Raw bytes that the frame of n bytes says it holds; UINT64_MAX when it is no frame. */
uint64_t pz_zst_raw_size(const void *src, size_t n);

/* Decode one frame of n bytes that must give exactly raw bytes, checksum included.
 * Errors: PZ_BAD_DATA it does not; PZ_TRY_AGAIN memory is out */
enum pz_status pz_zst_unpack(void *dst, size_t raw, const void *src, size_t n, struct pz_err *err);

struct pz_unzst;

/* A decoder of a stream of frames; NULL when memory is out.
 * Owner: the caller, by pz_unzst_free, which accepts NULL. */
struct pz_unzst *pz_unzst_new(void);
void pz_unzst_free(struct pz_unzst *u);
/* Decode some of in[0..n_in) into out[0..n_out): *took input bytes used, *gave output bytes made,
 * *inside 1 while a frame is unfinished.
 * Errors: PZ_BAD_DATA no zstd stream, or a checksum is wrong; PZ_TRY_AGAIN memory is out */
enum pz_status pz_unzst_step(struct pz_unzst *u, const void *in, size_t n_in, size_t *took,
                             void *out, size_t n_out, size_t *gave, int *inside,
                             struct pz_err *err);

#endif
