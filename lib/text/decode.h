/* SPDX-License-Identifier: Apache-2.0 */
/* Decompression of streams that were not made by pz: gzip, xz, bzip2, told by their first bytes.
 *
 * Threads: one at a time on the same decoder; decoders share nothing. */
#ifndef PZ_TEXT_DECODE_H
#define PZ_TEXT_DECODE_H

#include <stddef.h>

#include "base/err.h"

enum pz_packing { PZ_PACKING_NONE, PZ_PACKING_GZIP, PZ_PACKING_XZ, PZ_PACKING_BZIP2 };

/* How the first n bytes of a stream say that it is packed. Threads: any */
enum pz_packing pz_packing_of(const char *bytes, size_t n);

struct pz_decoder;

/* A decoder.
 * Errors: PZ_TRY_AGAIN memory is out
 * Owner:  the caller, until pz_decoder_free (which accepts NULL) */
enum pz_status pz_decoder_new(enum pz_packing packing, struct pz_decoder **out, struct pz_err *err);
void pz_decoder_free(struct pz_decoder *d);

/* Decode some of in[n_in] into out[n_out]. Streams that follow each other are one.
 *
 * *took    bytes of in that were used
 * *got     bytes of out that were written
 * *inside  whether a stream is unfinished
 * Errors: PZ_BAD_DATA damaged; PZ_TRY_AGAIN memory is out */
enum pz_status pz_decoder_step(struct pz_decoder *d, const char *in, size_t n_in, size_t *took,
                               char *out, size_t n_out, size_t *got, int *inside,
                               struct pz_err *err);

#endif
