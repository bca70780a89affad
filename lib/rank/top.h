/* SPDX-License-Identifier: Apache-2.0 */
/* Private to rank/: the best of many scores.
 *
 * Threads: any, each with hits of its own. */
#ifndef PZ_RANK_TOP_H
#define PZ_RANK_TOP_H

#include "rank/rank.h"

/* The `want` best items of a set with a score above 0, best first, equal scores to the lower index.
 *
 * score    [n]
 * set      a bit an item
 * max      [words of n] what no score of 64 items exceeds that are in the set; NULL: not known
 * hit      room for want
 * Returns how many there are. Cannot fail. Threads: any */
size_t pz_top(const float *score, const uint64_t *set, const float *max, uint32_t n,
              struct pz_hit *hit, size_t want);

/* Put h into a heap of n <= want hits whose root is the worst once it is full, which it was worse
 * than. Returns how many it holds then. */
size_t pz_top_enter(struct pz_hit *hit, size_t n, size_t want, struct pz_hit h);

/* Sort hits best first, equal ones by item index. */
void pz_top_sort(struct pz_hit *hit, size_t n);

#endif
