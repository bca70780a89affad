/* SPDX-License-Identifier: Apache-2.0 */
/* The row: what every reader of tables hands out, whatever engine found it.
 *
 * Two engines read rows. rows.h is for streams: libcsv gets the bytes as they come, row by row, on
 * one thread, from a pipe that may fall silent. record.h is for files read by all threads: a block
 * of whole records is scanned and cut in place. Both start with the same look at the head of the
 * text (head.h), and both keep these rules, so that a file has the same rows whoever reads it:
 *
 *   1. A record ends at a newline outside quotes; a CR before it belongs to the line end. Blank
 *      lines are no records.
 *   2. A quote opens a quoted cell only as its first byte; elsewhere it is a byte like others.
 *      Inside, "" stands for one quote.
 *   3. A record is bad when there is text between a closing quote and the next delimiter, when a
 *      quote is still open after PZ_RECORD_MAX bytes or at the end of the text, or when it has
 *      another number of cells than the header.
 *   4. After a bad record reading goes on at the line after its first one: a stray quote costs one
 *      line, never those behind it.
 *   5. JSON: one object per line; what is no object is bad. Streams also take an object that goes
 *      over several lines; one that breaks off costs its first line alone. */
#ifndef PZ_TEXT_ROW_H
#define PZ_TEXT_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes in a CSV record; a quote that is open for longer counts as never closed. */
#define PZ_RECORD_MAX 4194304u

struct pz_cell {
    const char *s; /* not NUL-terminated */
    size_t n;      /* 0: empty, null or missing */
};

struct json_t;

/* One record. What it points to belongs to the reader, until the next call. */
struct pz_row {
    bool end;                   /* streams: there are no more rows; nothing else is set */
    const struct pz_cell *cell; /* [n_cells] as the columns; valid unless .bad */
    size_t n_cells;
    uint64_t line;             /* where it starts, from 1 at the start of the text or block */
    const char *raw;           /* its bytes, without the line end */
    size_t n_raw;              /* of a bad record: of its first line */
    const char *bad;           /* why it is no row; NULL: it is one */
    const struct json_t *json; /* streams of JSON: the object, in place of cells */
    bool check_text; /* bytes from 0x80 on or NUL may be inside: cells have to be checked */
};

/* The reasons of rules 2 and 3, which both engines give in the same words. */
#define PZ_ROW_GARBAGE "there is text between a closing quote and the next delimiter"
#define PZ_ROW_OPEN "a quote is opened and never closed"
#define PZ_ROW_RAGGED "has %zu fields where the header has %zu"

#endif
