/* SPDX-License-Identifier: Apache-2.0 */
/* Private to import/: a look at the first rows of a stranger's file: its columns, and what is in
 * them.
 *
 * Threads: any, each with its own look. */
#ifndef PZ_IMPORT_LOOK_H
#define PZ_IMPORT_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "text/block.h"

#define PZ_LOOK_COLUMNS 200 /* more are not looked at */
#define PZ_LOOK_PARTS 4     /* separators of lists in cells */

/* What the rows have in one column; counts of rows. */
struct pz_seen {
    char *value;                 /* the first cell that holds something; NULL: none does; owned */
    uint32_t filled;             /* cells that hold something */
    uint32_t numbers, fractions; /* of them, numbers; with a point or an exponent */
    uint32_t small, zeros;       /* numbers such as ratings, below 1000; 0 */
    uint32_t dates, moments;     /* dates and times as text; numbers that could be times */
    uint32_t events;             /* words such as "view" and "purchase" */
    uint32_t same;               /* as the first */
    uint32_t counted;            /* one more than in the row before */
    uint32_t users, items;       /* written as ids of people, of things, often are */
    uint32_t bracketed, parted[PZ_LOOK_PARTS]; /* "[...]"; with '|', ';', ',' or ' ' in it */
};

/* All-zero: nothing. JSON: the columns are the keys, those of objects inside as "user.id". */
struct pz_look {
    char *name[PZ_LOOK_COLUMNS]; /* [n] owned */
    struct pz_seen seen[PZ_LOOK_COLUMNS];
    size_t n;
    uint32_t rows;   /* that were looked at */
    uint32_t uneven; /* of them, with more or fewer cells than the header */
};

/* Look at the first rows behind the header of a file, or, with a first line that is data itself
 * (headless), at that line too.
 *
 * Errors: PZ_BAD_DATA as pz_blocks_peek and pz_json_form_check; PZ_TRY_AGAIN memory is out
 * Owner:  *look is filled also on failure; clear it */
enum pz_status pz_look_at(struct pz_blocks_in *in, bool headless, struct pz_look *look,
                          struct pz_err *err);
void pz_look_clear(struct pz_look *look);

/* How often what the ids of a column do comes in heaps: the share of rows that come within half an
 * hour of the one before with the same id and another of the other column, in the order of time.
 * People come, do several things and leave; what happens to a thing is spread. Of the rows in the
 * first block of a CSV file.
 *
 * id, other, time  columns
 * share            receives it; *pairs: of so many rows, 0 where there are only a few ids
 * Errors: PZ_TRY_AGAIN memory is out; as pz_blocks_peek */
enum pz_status pz_look_heaps(struct pz_blocks_in *in, size_t id, size_t other, size_t time,
                             double *share, uint32_t *pairs, struct pz_err *err);

/* How the ids of one column stand beside those of another, in the rows of the first block. */
struct pz_spread {
    uint32_t ids;              /* different ones */
    uint32_t again, elsewhere; /* rows whose id was there before; with another of the other column
                                * than where it was first */
    uint32_t runs;             /* rows that follow one with another id */
};

/* Errors: as pz_look_heaps */
enum pz_status pz_look_spread(struct pz_blocks_in *in, size_t id, size_t other,
                              struct pz_spread *spread, struct pz_err *err);

/* Whether a cell is a time; named: its column is called so, and numbers of any size and dates that
 * could be two will do. */
bool pz_look_is_time(const char *cell, bool named);

#endif
