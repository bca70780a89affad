/* SPDX-License-Identifier: Apache-2.0 */
/* A text file (CSV or JSON Lines, plain or compressed) as blocks that end at record
 * ends, so that many threads can parse it. */
#ifndef PZ_TEXT_BLOCK_H
#define PZ_TEXT_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "text/scan.h"

#define PZ_BLOCK_BYTES 1048576u /* bytes a block, as a rule */
#define PZ_RECORD_MAX \
    4194304u /* bytes a record; a quote open for longer counts as never closed \
              */

/* Whole records. All-zero is empty; free(text) ends it. */
struct pz_block {
    char *text; /* [n], the last byte is a newline */
    size_t n, cap;
    uint64_t seq; /* 0, 1, ... in the order of the file */
};

struct pz_blocks_in;

/* Open path ("-" is standard input), tell CSV from JSON Lines by the first byte that is no blank,
 * read the header of CSV and find its delimiter (comma, semicolon or tab: the most frequent one
 * outside quotes). A UTF-8 byte order mark is passed over. PZ_BAD_DATA: an empty file, UTF-16, a
 * JSON array, a header that cannot be read. backslash: see struct pz_csv_form. */
enum pz_status pz_blocks_open(const char *path, bool backslash, struct pz_blocks_in **out,
                              struct pz_err *err);
void pz_blocks_close(struct pz_blocks_in *in);

/* The name for messages; whether it is JSON Lines; else how the CSV is written. Borrowed. */
const char *pz_blocks_name(const struct pz_blocks_in *in);
bool pz_blocks_is_json(const struct pz_blocks_in *in);
const struct pz_csv_form *pz_blocks_form(const struct pz_blocks_in *in);

/* The header record of a CSV file with its newline; borrowed. */
const char *pz_blocks_header(const struct pz_blocks_in *in, size_t *n);

/* Lines before the first block. */
uint64_t pz_blocks_lines(const struct pz_blocks_in *in);

/* The next block's records, as far as they are read already, without taking them: for a look at the
 * first values. Valid until pz_blocks_next. May be empty only when the file has no rows. */
enum pz_status pz_blocks_peek(struct pz_blocks_in *in, const char **text, size_t *n,
                              struct pz_err *err);

/* The next block into *block, whose memory is used again; n = 0 at the end. One call at a time.
 * PZ_BAD_DATA: a record over PZ_RECORD_MAX. */
enum pz_status pz_blocks_next(struct pz_blocks_in *in, struct pz_block *block, struct pz_err *err);

/* Bytes of the file, as stored, in all (0: unknown) and consumed. */
uint64_t pz_blocks_size(const struct pz_blocks_in *in);
uint64_t pz_blocks_consumed(const struct pz_blocks_in *in);

#endif
