/* SPDX-License-Identifier: Apache-2.0 */
/* Private to rank/: diversity by maximal marginal relevance.
 *
 * Threads: one a struct pz_diversity, which belongs to one ranker. */
#ifndef PZ_RANK_DIVERSIFY_H
#define PZ_RANK_DIVERSIFY_H

#include "rank/caps.h"

/* A candidate's standing. */
struct pz_slot {
    float relevance; /* share of the best candidate's */
    float alike;     /* largest similarity to what was chosen */
    float norm;      /* of its vector */
    bool taken;
};

/* Candidates in order of relevance. */
struct pz_pool {
    const struct pz_hit *hit; /* [n] */
    size_t n;
    const float *fallback; /* [items.n] relevance where none has a blend; NULL: all have */
};

struct pz_diversity {
    float lambda;
    bool by_column; /* likeness is that of values of alike, else of vectors */
    struct pz_column alike;
    const float *vectors; /* [n_learned * dim] borrowed from the model; NULL: none */
    uint32_t dim, n_learned;
    struct pz_slot *slot; /* owned */
    size_t cap_slots;
};

/* Find what the request diversifies by.
 *
 * Errors:  PZ_USAGE no such column, or no column named and the model has no vectors */
enum pz_status pz_diversity_prepare(struct pz_diversity *d, const struct pz_asked *asked,
                                    struct pz_err *err);

/* Choose up to *n candidates by maximal marginal relevance (Carbonell & Goldstein 1998), within the
 * caps, into out; *n becomes how many.
 *
 * Errors:  PZ_TRY_AGAIN memory
 * Threads: one a diversity */
enum pz_status pz_diversify(struct pz_diversity *d, struct pz_caps *caps,
                            const struct pz_pool *pool, struct pz_hit *out, size_t *n,
                            struct pz_err *err);

#endif
