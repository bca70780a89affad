/* SPDX-License-Identifier: Apache-2.0 */
/* Where things are in CSV text: the bytes that structure it, and the ends of records.
 *
 * Threads: any: nothing is kept between calls. */
#ifndef PZ_TEXT_SCAN_H
#define PZ_TEXT_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a CSV file is written. */
struct pz_csv_form {
    char delimiter;
    bool backslash;   /* inside quotes, \" and \\ stand for " and \ (besides "" for ") */
    size_t n_columns; /* cells that a record has; 0: not known yet */
    size_t unquoted;  /* which column, from 1, may hold delimiters without quotes; 0: none */
};

/* What kinds of bytes a text has. */
struct pz_scan_found {
    bool quote; /* '"' */
    bool high;  /* bytes from 0x80 on: UTF-8 has to be checked */
    bool nul;   /* a NUL byte */
};

/* Find the marks of a text: every delimiter, newline and quote, in ascending order.
 *
 * text   n bytes, n < 2^32
 * at     caller's array of n + 64 entries: the offsets of the marks
 * Returns how many there are; *found says what else was met. Cannot fail; thread-safe. */
size_t pz_scan_marks(const char *text, size_t n, char delimiter, uint32_t *at,
                     struct pz_scan_found *found);

/* The plain version of pz_scan_marks, which the fast one is tested against. */
size_t pz_scan_marks_plain(const char *text, size_t n, char delimiter, uint32_t *at,
                           struct pz_scan_found *found);

enum pz_scan_end {
    PZ_SCAN_RECORD,  /* a whole record */
    PZ_SCAN_GARBAGE, /* bytes between a closing quote and the next delimiter */
    PZ_SCAN_RAGGED,  /* it goes over several lines and has not n_columns cells */
    PZ_SCAN_MORE     /* the text ends inside a record */
};

/* The end of the record that starts at text[at].
 *
 * *next    PZ_SCAN_RECORD: the offset after its newline. PZ_SCAN_GARBAGE, PZ_SCAN_RAGGED: the
 *          offset after the newline of its first line, where reading goes on. PZ_SCAN_MORE:
 *          unchanged
 * *cells   how many it has (PZ_SCAN_RECORD, PZ_SCAN_RAGGED); NULL: not wanted
 * A quote opens a quoted cell only as its first byte; elsewhere it is a byte like others.
 * Threads: any */
enum pz_scan_end pz_scan_record(const struct pz_csv_form *form, const char *text, size_t n,
                                size_t at, size_t *next, size_t *cells);

/* Where a text that starts with a record and may end inside one can be cut: the offset after the
 * last whole record that no bad record before it looked beyond, so that a reader of the front says
 * the same of each as a reader of the whole; 0 when there is none. Cannot fail. Threads: any */
size_t pz_scan_cut(const struct pz_csv_form *form, const char *text, size_t n);

/* Bytes of the line at text if it is one that says nothing, with its newline; 0: it says something
 * or has no newline. Beside blank lines these are the empty rows of spreadsheets, of nothing but
 * delimiters where there are several columns, and what old systems put between pages and behind the
 * end: form feeds, Ctrl-Z, NUL. Threads: any */
size_t pz_scan_blank(const struct pz_csv_form *form, const char *text, size_t n);

/* Bytes of a text without Ctrl-Z, form feeds and NULs at its end. Threads: any */
size_t pz_scan_trim(const char *text, size_t n);

/* Why a record has not as many cells as the header, into out: what both engines say.
 * raw: its n bytes, which may tell */
void pz_scan_ragged(const struct pz_csv_form *form, const char *raw, size_t n, size_t n_cells,
                    char *out, size_t size);

#endif
