/* SPDX-License-Identifier: Apache-2.0 */
/* Watermarks: which numbers of which live stores are contained in a dataset or a model, so that
 * live events and rows which training has seen do not count twice, and so that a gap is noticed.
 *
 * Numbers are kept as sets of ranges. A delta (a day's export) has the range that it was exported
 * for, also of numbers that are no event of its own: of forgettings, of rows among events, of
 * events that nobody has. Merging and updating unite them; what is missing between them is told by
 * number before anything is made of it.
 *
 * A store that is a copy of another, or was restored, has an identity of its own for the numbers
 * that it gives from then on. Those before it are the other's as well: what contains them under one
 * identity contains them under both.
 *
 * Threads: one at a time on the same ranges or marks while they are changed; else any. */
#ifndef PZ_DATA_WATERMARKS_H
#define PZ_DATA_WATERMARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* ---- ranges ---- */

struct pz_range {
    uint64_t first, last; /* both contained, 1 <= first <= last */
};

/* A set of numbers: ranges ascending, neither overlapping nor touching. All-zero is the empty set;
 * free with pz_ranges_clear. */
struct pz_ranges {
    struct pz_range *v;
    size_t n, cap;
};

/* Add first .. last (nothing when last < first or first is 0). False when memory is out. */
bool pz_ranges_add(struct pz_ranges *r, uint64_t first, uint64_t last);

/* Add all of another set. False when memory is out. */
bool pz_ranges_unite(struct pz_ranges *r, const struct pz_ranges *other);

/* Whether all of first .. last is in the set; of nothing, yes. */
bool pz_ranges_contain(const struct pz_ranges *r, uint64_t first, uint64_t last);

/* The largest N with 1 .. N in the set; 0: not even 1 is. */
uint64_t pz_ranges_upto(const struct pz_ranges *r);

/* Append what is missing between `from` and the last number of the set, as "719-1350, 1400";
 * returns how many numbers that are. from 1: below the set too; from the first of the set: between
 * its ranges. Long lists end in "...". */
uint64_t pz_ranges_missing(const struct pz_ranges *r, uint64_t from, struct pz_str *out);

/* Free; the set is empty then. */
void pz_ranges_clear(struct pz_ranges *r);

/* ---- watermarks ---- */

struct pz_watermark {
    char store[17];                            /* identity of a live store: 16 hex digits */
    char origin[17];                           /* the store that it was a copy of; "": none */
    uint64_t shared;                           /* 1 .. this are numbers of the origin, too */
    uint64_t events, rows;                     /* 1 .. these are contained without a gap */
    struct pz_ranges event_ranges, row_ranges; /* all that is contained; owned */
};

/* One watermark per store, in the order of their identities. All-zero is none; free with
 * pz_watermarks_clear. */
struct pz_watermarks {
    struct pz_watermark *v;
    size_t n, cap;
};

/* Add the events first .. last and the rows rows_first .. rows_last of a store.
 *
 * Errors:  false when memory is out
 * Owner:   the marks keep copies */
bool pz_watermarks_add(struct pz_watermarks *marks, const char *store, struct pz_range events,
                       struct pz_range rows);

/* Say that a store was a copy of another one when its last number was `shared`. Of both it may be
 * that nothing is contained.
 *
 * Errors:  false when memory is out
 * Owner:   the marks keep copies */
bool pz_watermarks_add_origin(struct pz_watermarks *marks, const char *store, const char *origin,
                              uint64_t shared);

/* Add all that other marks contain. False when memory is out. */
bool pz_watermarks_unite(struct pz_watermarks *marks, const struct pz_watermarks *other);

/* The watermark of a store, or NULL.
 * Owner: the marks, until the next addition */
const struct pz_watermark *pz_watermarks_find(const struct pz_watermarks *marks, const char *store);

/* Whether all that `part` contains is in `whole` already: nothing new. False for a part without
 * marks, of which nothing is known. */
bool pz_watermarks_contain(const struct pz_watermarks *whole, const struct pz_watermarks *part);

/* Whether numbers are missing.
 *
 * whole    from number 1 on, as of what is published or updated; else only between the ranges, as
 *          of deltas that are merged with each other
 * what     in front of the message: whose numbers, "the data"
 * Errors:  PZ_BAD_DATA names the store and the missing numbers; PZ_TRY_AGAIN out of memory */
enum pz_status pz_watermarks_check(const struct pz_watermarks *marks, bool whole, const char *what,
                                   struct pz_err *err);

/* The same for the mark of one store.
 * Errors: as pz_watermarks_check */
enum pz_status pz_watermark_check(const struct pz_watermark *mark, bool whole, const char *what,
                                  struct pz_err *err);

/* As text: a line "STORE EVENTS ROWS" per store; EVENTS and ROWS are N for 1 .. N (0: none), else
 * ranges "FIRST-LAST,FIRST-LAST". Of a copy " ORIGIN SHARED" follows. */
void pz_watermarks_write(const struct pz_watermarks *marks, struct pz_str *out);

/* Add the watermarks of such a text.
 *
 * Errors:  PZ_BAD_DATA it is none; PZ_TRY_AGAIN out of memory
 * Owner:   also after a failure the marks are to be cleared */
enum pz_status pz_watermarks_read(struct pz_watermarks *marks, const char *text,
                                  struct pz_err *err);

/* Free the watermarks; none are left. */
void pz_watermarks_clear(struct pz_watermarks *marks);

#endif
