/* SPDX-License-Identifier: Apache-2.0 */
/* Private to rank/: a column of Items as it is now: the model's, overlaid by rows put since.
 *
 * Threads: any: a column does not change once it is found. */
#ifndef PZ_RANK_COLUMN_H
#define PZ_RANK_COLUMN_H

#include "rank/asked.h"

struct pz_column {
    const struct pz_attr *base; /* NULL: the model lacks it */
    const struct pz_attr *over; /* NULL: the overlay lacks it, or there is none */
    const struct pz_overlay *overlay;
    const struct pz_dict *items;
};

/* Find a column by name, with or without "Items.".
 *
 * Errors:  PZ_USAGE no such column ("did you mean")
 * Owner:   *out borrows from the model and the request's live rows */
enum pz_status pz_column_find(const struct pz_asked *asked, const char *name, struct pz_column *out,
                              struct pz_err *err);

/* How many values an item has. */
size_t pz_column_count(const struct pz_column *c, uint32_t item);

/* The k-th value as a number that is equal for equal values. */
uint64_t pz_column_key(const struct pz_column *c, uint32_t item, size_t k);

/* The number in a numeric column, NAN for null. */
double pz_column_number(const struct pz_column *c, uint32_t item);

#endif
