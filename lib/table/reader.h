/* SPDX-License-Identifier: Apache-2.0 */
/* Private to table/: an open table, and reading one column of it.
 *
 * Threads: one at a time per table; decoding uses all of them. */
#ifndef PZ_TABLE_READER_H
#define PZ_TABLE_READER_H

#include <sys/stat.h>

#include "table/layout.h"

struct pz_table {
    char *path; /* for messages */
    char kind[5];
    bool flat, anew;    /* anew: see pz_table_read_anew */
    bool unasked;       /* see pz_table_ask_nothing */
    unsigned char *map; /* the whole file */
    uint64_t size;
    struct stat info;             /* of the file when it was opened */
    struct pz_layout_column *col; /* [n]; .data owned when packed, into map when flat */
    size_t n;
};

/* Make col->data point to the values: decode and check a packed column, find a flat one in the map.
 * Errors: PZ_BAD_DATA frames or hashes do not fit; PZ_TRY_AGAIN memory is out */
enum pz_status pz_column_load(struct pz_table *t, struct pz_layout_column *col, struct pz_err *err);

/* As pz_table_get_part; the column of a packed table stays as it is.
 * Errors: as pz_column_load
 * Owner:  the caller frees *data */
enum pz_status pz_column_part(const struct pz_table *t, const struct pz_layout_column *col,
                              uint64_t first, uint64_t n, void **data, struct pz_err *err);

/* Check a column's stored bytes and values against the contents; leaves .data as it was.
 * Errors: as pz_column_load */
enum pz_status pz_column_verify(struct pz_table *t, struct pz_layout_column *col,
                                struct pz_err *err);

/* Forget decoded values; nothing to do when flat. */
void pz_column_drop(struct pz_layout_column *col);

#endif
