/* SPDX-License-Identifier: Apache-2.0 */
/* Private to rank/: the best of many scores.
 *
 * Threads: any, each with hits of its own. */
#ifndef PZ_RANK_TOP_H
#define PZ_RANK_TOP_H

#include "rank/rank.h"

/* What is known of words of 64 scores. */
struct pz_top_words {
    const float *max;     /* what no score exceeds of items that are in the set */
    const uint64_t *skip; /* words, a bit each, that are left out */
};

/* The `want` best items of a set with a score above 0, best first, equal scores to the lower index.
 *
 * score    [n]
 * set      a bit an item
 * known    NULL: nothing is
 * hit      room for want
 * Returns how many there are. Cannot fail. Threads: any */
size_t pz_top(const float *score, const uint64_t *set, const struct pz_top_words *known, uint32_t n,
              struct pz_hit *hit, size_t want);

/* Put h into a heap of n <= want hits whose root is the worst once it is full, which it was worse
 * than. Returns how many it holds then. */
size_t pz_top_enter(struct pz_hit *hit, size_t n, size_t want, struct pz_hit h);

/* Sort hits best first, equal ones by item index. */
void pz_top_sort(struct pz_hit *hit, size_t n);

#endif
