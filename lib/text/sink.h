/* SPDX-License-Identifier: Apache-2.0 */
/* Output that is compressed as its name says: FILE.zst by zstd, FILE.gz by gzip, else plain. The
 * file appears whole or not at all, as base/file has it.
 *
 *     pz_sink_open -> pz_sink_write... -> pz_sink_commit, or pz_sink_abort
 *
 * Threads: one a sink. */
#ifndef PZ_TEXT_SINK_H
#define PZ_TEXT_SINK_H

#include <stddef.h>

#include "base/err.h"

struct pz_sink;

/* Open an output.
 *
 * path     "-": standard output, plain
 * Errors:  PZ_CANT_CREATE, PZ_IO as pz_out_open; PZ_TRY_AGAIN memory
 * Owner:   pz_sink_commit or pz_sink_abort frees it
 * Threads: one a sink */
enum pz_status pz_sink_open(const char *path, struct pz_sink **out, struct pz_err *err);

/* Write n bytes.
 *
 * Errors:  PZ_IO writing failed; PZ_INTERNAL the compressor did
 * Threads: one a sink */
enum pz_status pz_sink_write(struct pz_sink *s, const void *bytes, size_t n, struct pz_err *err);

/* Write what is left and make the file appear; frees the sink, also when it fails.
 *
 * Errors:  as pz_sink_write, and as pz_out_commit
 * Threads: one a sink */
enum pz_status pz_sink_commit(struct pz_sink *s, struct pz_err *err);

/* Give up: no file appears. Accepts NULL. */
void pz_sink_abort(struct pz_sink *s);

#endif
