/* SPDX-License-Identifier: Apache-2.0 */
/* How many users an item has, of all time or of late.
 *
 * And two rules of what lives now, for all who count so.
 *
 * Threads: any, on different sums. */
#ifndef PZ_MODEL_COUNTS_H
#define PZ_MODEL_COUNTS_H

#include "base/err.h"
#include "data/corpus.h"

/* What age leaves of an event: 1 at the newest event of the data, half after half_life_s
 * seconds. */
struct pz_decay {
    double half_life_s; /* 0: nothing is lost */
    /* 0: 2^-(age / half_life). Else (1 + age / s)^-tail, s so that a half-life leaves half:
     * half-lives of all lengths mixed, of which the short ones count most. */
    double tail;
};

/* Add to sum[c->n_items] each user's heaviest event of each item, by what age leaves of it.
 * Errors: PZ_TRY_AGAIN memory is out */
enum pz_status pz_count_users(const struct pz_corpus *c, const struct pz_decay *decay, double *sum,
                              struct pz_err *err);

/* What a count of young items is multiplied by to be a rate: (1 - 2^-(lived + 0.1))^-rate, lived
 * the half-lives since the item's first event. What is left of a half-life's past in which the item
 * was not there yet cannot speak against it; the tenth keeps a first event from counting without
 * end.
 *
 * rate  0: 1, counts as they are; 1: rates */
double pz_count_rate(double lived, double rate);

/* The share that what lives now has in a question asked so many seconds before the end of the data:
 * 1 at the end and after it, half a quarter of a half-life before it, 0 where it would be below a
 * hundredth. */
double pz_count_fade(double before_s, double half_life_s);

#endif
