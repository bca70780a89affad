/* SPDX-License-Identifier: Apache-2.0 */
/* Input streams: a file or standard input, plain or compressed with zstd, gzip, xz or bzip2 (told
 * by its first bytes, not its name). What is no text is refused with the command that makes text of
 * it.
 *
 * Threads: one call on a stream at a time; streams share nothing. */
#ifndef PZ_TEXT_STREAM_H
#define PZ_TEXT_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct pz_in;

/* Open a file; path "-" is standard input.
 *
 * Errors: PZ_NO_INPUT it cannot be opened, or is a directory; PZ_IO reading failed; PZ_BAD_DATA it
 *         is no text, or a file of pz's own; PZ_TRY_AGAIN memory is out
 * Owner:  the caller, until pz_in_close */
enum pz_status pz_in_open(const char *path, struct pz_in **in, struct pz_err *err);

/* Read up to n decoded bytes into buf; *got = 0 only at the end.
 *
 * Errors: PZ_BAD_DATA compressed data are damaged or end too soon; PZ_NO_INPUT it is a directory;
 *         PZ_IO reading failed; PZ_TRY_AGAIN memory is out */
enum pz_status pz_in_read(struct pz_in *in, void *buf, size_t n, size_t *got, struct pz_err *err);

/* Whether pz_in_read has something to give, or the end, now or within ms milliseconds. A signal
 * ends the waiting early. */
bool pz_in_wait(const struct pz_in *in, int ms);

/* The name for messages ("standard input" for "-"); the size of the file in bytes as stored, 0 when
 * unknown; the stored bytes consumed so far (for progress).
 * Owner: the name is the stream's, until pz_in_close */
const char *pz_in_name(const struct pz_in *in);

/* The same for a path before or after it is open: the path itself, or the word for "-".
 * Owner: the caller's path, or nobody's */
const char *pz_in_name_of(const char *path);

/* A name for messages as a command to type has it: FILE for standard input.
 * Owner: the caller's name, or nobody's. Threads: any */
const char *pz_in_typed(const char *name);
uint64_t pz_in_size(const struct pz_in *in);
uint64_t pz_in_consumed(const struct pz_in *in);

/* Close and free; accepts NULL. */
void pz_in_close(struct pz_in *in);

#endif
