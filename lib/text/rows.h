/* SPDX-License-Identifier: Apache-2.0 */
/* The engine for streams: rows of CSV or JSON, plain or compressed, from a file, a pipe or standard
 * input, one after the other as they come. row.h has the rules.
 *
 *     pz_rows_open -> { pz_rows_wait -> pz_rows_next }... -> pz_rows_close
 *
 * Waiting is optional; it lets a caller finish what it has while a pipe is silent.
 *
 * Threads: one call on a reader at a time; readers share nothing. */
#ifndef PZ_TEXT_ROWS_H
#define PZ_TEXT_ROWS_H

#include "base/err.h"
#include "text/head.h"
#include "text/row.h"

struct pz_rows_in;

/* Open path ("-" is standard input) and look at its head (head.h); cfg may be NULL. A pipe is
 * waited for until its header is there.
 * Errors:  PZ_NO_INPUT, PZ_IO it cannot be read; PZ_BAD_DATA, PZ_USAGE as pz_text_head_read, or
 *          cfg->backslash or ->unquoted, which libcsv does not know; PZ_TRY_AGAIN no memory
 * Owner:   the caller, until pz_rows_close (which accepts NULL)
 * Threads: one call on a reader at a time */
enum pz_status pz_rows_open(const char *path, const struct pz_text_cfg *cfg, struct pz_rows_in **in,
                            struct pz_err *err);
void pz_rows_close(struct pz_rows_in *in);

/* The columns of the header; none for JSON.
 * Owner: the reader, until pz_rows_close */
size_t pz_rows_n_columns(const struct pz_rows_in *in);
const char *pz_rows_column(const struct pz_rows_in *in, size_t i);

/* The file's name for messages; whether the input is JSON.
 * Owner: the reader, until pz_rows_close */
const char *pz_rows_name(const struct pz_rows_in *in);
bool pz_rows_is_json(const struct pz_rows_in *in);

/* Whether the next row, or the end, can be had now or within ms milliseconds (a signal ends the
 * waiting early): false while a pipe is silent in the middle of a record or between two. Ends the
 * validity of the last row. */
bool pz_rows_wait(struct pz_rows_in *in, int ms);

/* The next row. A record that cannot be read is a row with .bad; an input that cannot be read is
 * the status.
 * Errors:  PZ_IO, PZ_BAD_DATA (of compressed data, or a line of more than PZ_RECORD_MAX bytes);
 *          PZ_TRY_AGAIN no memory
 * Owner:   what the row points to is the reader's, valid until the next call */
enum pz_status pz_rows_next(struct pz_rows_in *in, struct pz_row *row, struct pz_err *err);

/* Call take(data, object) for every line of a file of JSON objects, until it fails; its error gets
 * the file and line in front.
 *
 * what     what the lines should be, for the error: "pz-train --trial"
 * object   borrowed, for the time of the call
 * Errors:  PZ_BAD_DATA no JSON, or a line that is no object; as pz_rows_open and take */
enum pz_status pz_rows_each_object(const char *path, const char *what,
                                   enum pz_status (*take)(void *data, const struct json_t *object,
                                                          struct pz_err *err),
                                   void *data, struct pz_err *err);

#endif
