/* SPDX-License-Identifier: Apache-2.0 */
/* How many users an item has, of all time or of late.
 *
 * Threads: any, on different sums. */
#ifndef PZ_MODEL_COUNTS_H
#define PZ_MODEL_COUNTS_H

#include "base/err.h"
#include "data/corpus.h"

/* What age leaves of an event: 1 at the newest event of the data, half after half_life_s seconds. */
struct pz_decay {
    double half_life_s; /* 0: nothing is lost */
    double tail; /* 0: 2^-(age / half_life). Else (1 + age / s)^-tail, s so that a half-life leaves
                           half: half-lives of all lengths mixed, of which the short ones count most */
};

/* Add to sum[c->n_items] each user's heaviest event of each item, by what age leaves of it.
 * Errors: PZ_TRY_AGAIN memory is out */
enum pz_status pz_count_users(const struct pz_corpus *c, const struct pz_decay *decay, double *sum,
                              struct pz_err *err);

#endif
