/* SPDX-License-Identifier: Apache-2.0 */
/* Arrivals: items that came since training, and that users have had since. Parts do not know them,
 * or their attributes alone; here is how likely such an item is a user's next one, by what is
 * counted of live events. See arrivals.c.
 *
 * Threads: they do not change once they are made: any number may ask. */
#ifndef PZ_MODEL_ARRIVALS_H
#define PZ_MODEL_ARRIVALS_H

#include "model/query.h"

/* What was counted of one item of a history: what users had after it. */
struct pz_followed {
    uint32_t item;  /* in the model's numbers */
    double total;   /* events that came after it, of whatever items */
    uint64_t first; /* its part of pairs begins here, and ends where that of the next begins */
};

/* Events of an arrival after an item. */
struct pz_arrival_pair {
    uint32_t arrival; /* index of it among arrivals */
    float count;      /* in the unit of total */
};

struct pz_arrivals {
    uint32_t n;
    uint32_t *item; /* [n] in the model's numbers, ascending */
    double *share;  /* [n] of all that happens now, 0 < share < 1 */
    double *lived;  /* [n] the share of the events of totals that came when it was there */
    uint32_t n_followed;
    struct pz_followed *followed; /* [n_followed + 1] by item, and where pairs end */
    struct pz_arrival_pair *pair; /* by arrival, of each followed one */
    double few;                   /* events, in the unit of total, that decide little */
};

/* The chance that each arrival is the next item of a query, into chance[n].
 * Threads: any */
void pz_arrivals_chances(const struct pz_arrivals *a, const struct pz_query *q, double *chance);

/* The parts of the history in the chance of the k-th arrival, contrib[q->n_hist], beyond what it is
 * for whoever has no history.
 * Threads: any */
void pz_arrivals_explain(const struct pz_arrivals *a, const struct pz_query *q, uint32_t k,
                         float *contrib);

/* Accepts NULL. */
void pz_arrivals_free(struct pz_arrivals *a);

#endif
