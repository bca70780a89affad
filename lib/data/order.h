/* SPDX-License-Identifier: Apache-2.0 */
/* Whether times say in which order things happened.
 *
 * Threads: any */
#ifndef PZ_DATA_ORDER_H
#define PZ_DATA_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "table/dict.h"

struct pz_corpus;

/* Histories by user, as datasets, corpora and models have them. */
struct pz_histories_of {
    uint32_t n_users;
    const uint64_t *ptr;         /* [n_users + 1] */
    const uint32_t *item;        /* [ptr[n_users]] */
    const int64_t *time;         /* [ptr[n_users]] ascending within a user */
    const struct pz_dict *items; /* byte-ordered */
    const struct pz_corpus *c; /* whose they are, which may be in shares (shares.h); NULL: whole */
};

/* False where all times are equal, and where pz_order_is_of_ids.
 * Threads: any */
bool pz_order_known(const struct pz_histories_of *h);

/* Whether times are places in lists that are sorted by item id. Files for which nobody kept the
 * times have such: taken for an order, the next item would be one with a larger id. Times of a
 * calendar are believed, and so are lists whose ids mostly go up by the same step: those are
 * chapters of a series.
 * Threads: any */
bool pz_order_is_of_ids(const struct pz_histories_of *h);

#endif
