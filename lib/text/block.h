/* SPDX-License-Identifier: Apache-2.0 */
/* A text file (CSV or JSON Lines, plain or compressed) as blocks that end at record
 * ends, so that many threads can parse it.
 *
 * Threads: one call on a reader at a time; readers share nothing. */
#ifndef PZ_TEXT_BLOCK_H
#define PZ_TEXT_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "text/head.h"
#include "text/row.h"

#define PZ_BLOCK_BYTES 1048576u /* bytes per block, as a rule */

/* Whole records. All-zero is empty; free(text) ends it. */
struct pz_block {
    char *text; /* [n], the last byte is a newline */
    size_t n, cap;
    uint64_t seq; /* 0, 1, ... in the order of the file */
};

struct pz_blocks_in;

/* Open path ("-" is standard input) and look at its head (head.h). cfg may be NULL and is not kept.
 * Errors: PZ_NO_INPUT, PZ_IO it cannot be read; PZ_BAD_DATA as pz_text_head_read; PZ_TRY_AGAIN
 * Owner:  the caller, until pz_blocks_close (which accepts NULL)
 * Threads: one call on a reader at a time */
enum pz_status pz_blocks_open(const char *path, const struct pz_text_cfg *cfg,
                              struct pz_blocks_in **out, struct pz_err *err);
void pz_blocks_close(struct pz_blocks_in *in);

/* The name for messages; what the head said.
 * Owner: the reader, until pz_blocks_close */
const char *pz_blocks_name(const struct pz_blocks_in *in);
const struct pz_text_head *pz_blocks_head(const struct pz_blocks_in *in);

/* The next block's records, as far as they are read already, without taking them: for a look at the
 * first values. May be empty only when the file has no rows.
 *
 * Errors: as pz_blocks_next; after PZ_BAD_DATA, of a line without end, *text is the front of it
 * Owner:  *text is the reader's, valid until pz_blocks_next */
enum pz_status pz_blocks_peek(struct pz_blocks_in *in, const char **text, size_t *n,
                              struct pz_err *err);

/* The next block into *block, whose memory is used again; n = 0 at the end.
 *
 * Errors: PZ_BAD_DATA a record over PZ_RECORD_MAX, or damaged compression; PZ_IO reading failed;
 *         PZ_TRY_AGAIN memory is out */
enum pz_status pz_blocks_next(struct pz_blocks_in *in, struct pz_block *block, struct pz_err *err);

/* Whether the last line, once it was read, had no newline: the sign of a file that was cut. */
bool pz_blocks_unended(const struct pz_blocks_in *in);

/* Bytes of the file, as stored, in all (0: unknown) and consumed. */
uint64_t pz_blocks_size(const struct pz_blocks_in *in);
uint64_t pz_blocks_consumed(const struct pz_blocks_in *in);

#endif
