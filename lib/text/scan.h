/* SPDX-License-Identifier: Apache-2.0 */
/* Where things are in CSV text: the bytes that structure it, and the ends of records. */
#ifndef PZ_TEXT_SCAN_H
#define PZ_TEXT_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a CSV file is written. */
struct pz_csv_form {
    char delimiter;
    bool backslash; /* inside quotes, \" and \\ stand for " and \ (besides "" for ") */
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
    PZ_SCAN_MORE     /* the text ends inside a record */
};

/* The end of the record that starts at text[at].
 *
 * *next  PZ_SCAN_RECORD: the offset after its newline. PZ_SCAN_GARBAGE: the offset after the
 *        newline of its first line, where reading goes on. PZ_SCAN_MORE: unchanged.
 * A quote opens a quoted field only as the first byte of a field; elsewhere it is a byte like
 * others. Thread-safe. */
enum pz_scan_end pz_scan_record(const struct pz_csv_form *form, const char *text, size_t n,
                                size_t at, size_t *next);

/* Where a text that starts with a record and may end inside one can be cut: the offset after the
 * last whole record, 0 when there is none. *open  the offset of an unfinished record whose quote is
 * open at the end of the text, else n. */
size_t pz_scan_cut(const struct pz_csv_form *form, const char *text, size_t n, size_t *open);

#endif
