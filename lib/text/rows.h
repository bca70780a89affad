/* SPDX-License-Identifier: Apache-2.0 */
/* Row readers: CSV (comma, semicolon or tab, found from the header line; RFC 4180 quoting) and JSON
 * Lines, plain or zstd, from a file or standard input, as rows of named cells. */
#ifndef PZ_TEXT_ROWS_H
#define PZ_TEXT_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct pz_cell {
    const char *s; /* not NUL-terminated */
    size_t n;      /* 0: empty, null or missing */
};

struct pz_row {
    bool end;                   /* no more rows; nothing else is set */
    uint64_t line;              /* where the record starts, from 1 */
    const struct pz_cell *cell; /* [pz_rows_n_columns], valid until the next call */
    const char *raw;            /* the record as it stands in the file, for reject files */
    size_t n_raw;
    const char *bad; /* why the whole record is no row (NULL: it is one) */
};

struct pz_rows_in;

/* Open path ("-" is standard input). JSON Lines when the first byte that is no blank is '{'. An
 * empty file or one without a header is PZ_BAD_DATA. */
enum pz_status pz_rows_open(const char *path, struct pz_rows_in **in, struct pz_err *err);
void pz_rows_close(struct pz_rows_in *in);

/* Columns known so far; JSON Lines may add some with every row. Names are borrowed. */
size_t pz_rows_n_columns(const struct pz_rows_in *in);
const char *pz_rows_column(const struct pz_rows_in *in, size_t i);

/* The file's name for messages. */
const char *pz_rows_name(const struct pz_rows_in *in);

/* Whether the input is JSON Lines. Raw: their records are handed over as they stand (.raw alone).
 */
bool pz_rows_is_json(const struct pz_rows_in *in);
void pz_rows_set_raw(struct pz_rows_in *in);

/* Whether the next row, or the end, can be had now or within ms milliseconds (a signal ends the
 * waiting early): false while a pipe is silent in the middle of a record or between two. */
bool pz_rows_wait(struct pz_rows_in *in, int ms);

/* The next row. A record that cannot be read is a row with .bad; an input that cannot be read is
 * the status. Records may be up to 64 MB. */
enum pz_status pz_rows_next(struct pz_rows_in *in, struct pz_row *row, struct pz_err *err);

#endif
