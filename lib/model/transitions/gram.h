/* SPDX-License-Identifier: Apache-2.0 */
/* Private to model/transitions/: the Gram matrix in three bytes an entry, as ranks send it, too.
 *
 *     begin -> append, block by block -> fit -> (entries | gather)... -> clear
 *
 * A row is a head, then how far each item is from the one before, all in one byte or all in two,
 * whichever is less, then the values in 16 bits: 5 of an exponent below that of the row's largest
 * and 11 of a mantissa. So a value is off by 2^-12 of itself at most, .02 % where a penalty of
 * tens of events stands beside it, and what is below 2^-30 of the row's largest is 0. Where items
 * are too far apart for a step, entries of value 0 stand between.
 *
 * Floor: gathering reads 3 bytes an entry, which is what a system of the ridge waits for, and does
 * two loads, two shifts or additions and a store for it. The alternative, 8 bytes in a pz_csr, made
 * the matrix the largest thing of a training.
 *
 * Threads: one may append; then any number may read. */
#ifndef PZ_MODEL_TRANSITIONS_GRAM_H
#define PZ_MODEL_TRANSITIONS_GRAM_H

#include "model/transitions/cells.h"

struct pz_gram {
    uint32_t n;    /* rows */
    uint64_t *ptr; /* [n + 1] where in data a row begins */
    uint8_t *data;
    size_t cap, most; /* bytes of data there is room for; entries of the longest row */
};

/* An empty matrix of n rows of up to row_max entries.
 * Errors:  PZ_TRY_AGAIN memory is out
 * Owner:   pz_gram_clear, also after a failure
 * Threads: any, on different ones */
enum pz_status pz_gram_begin(struct pz_gram *g, uint32_t n, uint32_t row_max, struct pz_err *err);
void pz_gram_clear(struct pz_gram *g);

/* Append rows first .. first + n - 1, of several ranks those of each from itself; values below 0
 * are 0.
 * Errors:  PZ_TRY_AGAIN memory is out
 * Threads: the main thread */
enum pz_status pz_gram_append(struct pz_gram *g, const struct pz_cut_rows *rows, uint32_t first,
                              uint32_t n, struct pz_err *err);

/* Give back the room beyond the rows. */
void pz_gram_fit(struct pz_gram *g);

/* The entries of a row, ascending, into out [g->most]; those that only bridge have the value 0 and
 * may be among them. Returns how many. Threads: any */
uint32_t pz_gram_entries(const struct pz_gram *g, uint32_t row, struct pz_entry *out);

/* to[place[item]] becomes the value of each entry of the row, and what none is of 0; to[width].
 * Entries of one place overwrite each other. Threads: any */
void pz_gram_gather(const struct pz_gram *g, uint32_t row, const uint16_t *place, float *to,
                    uint32_t width);

/* Ask memory for a row that is gathered soon. Threads: any */
void pz_gram_prefetch(const struct pz_gram *g, uint32_t row);

#endif
