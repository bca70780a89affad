/* SPDX-License-Identifier: Apache-2.0 */
/* Private to rank/: step 3, the adjustment: exploration, and rules that multiply scores.
 *
 * Threads: one an adjustment, which belongs to one ranker. */
#ifndef PZ_RANK_ADJUST_H
#define PZ_RANK_ADJUST_H

#include "rank/column.h"
#include "rank/explore.h"
#include "rank/mask.h"

/* The objective in force: factor = (value / largest)^power. */
struct pz_objective {
    struct pz_column column;
    double least, largest, power; /* smallest positive and largest value */
    bool on;
};

struct pz_adjustment {
    const struct pz_rules *rules; /* borrowed from the request */
    uint32_t n_items;
    struct pz_shown *shown; /* [n_shown] showings since training, in order of items */
    size_t n_shown;
    struct pz_explored explored[PZ_EXPLORE_MAX]; /* [n_explored] items that exploration lifted */
    size_t n_explored;
    struct pz_objective objective;
    uint64_t *boosted; /* [n_boosts * words] items that pass each boost's filter */
    size_t cap_shown, cap_boosted;
};

/* Make ready the rules that multiply scores; of the mask only its working memory is used.
 *
 * Errors:  PZ_USAGE a column that is not there or not of numbers, a filter as in pz_mask_make;
 *          PZ_TRY_AGAIN memory
 * Threads: one an adjustment */
enum pz_status pz_adjustment_prepare(struct pz_adjustment *a, const struct pz_asked *asked,
                                     const struct pz_history *h, struct pz_mask *mask,
                                     struct pz_err *err);

/* Mix exploration into blend [items.n], where the recipe explores; fills explored. rough: its off,
 * max, settle and scores are those of the blend. Returns what it leaves of each blend, 1 where
 * nothing is explored. */
float pz_adjustment_explore(struct pz_adjustment *a, const struct pz_asked *asked,
                            const struct pz_history *h, const struct pz_mask *mask,
                            const struct pz_explore_items *rough, float *blend);

/* Add to set what can be among the first `want` items that it will lift, see pz_explore_ahead. */
void pz_adjustment_explore_ahead(const struct pz_adjustment *a, const struct pz_asked *asked,
                                 const struct pz_history *h, const struct pz_mask *mask,
                                 const struct pz_explore_items *rough, size_t want, uint64_t *set);

/* What exploration added to an item, 0 for most. */
float pz_adjustment_exploration(const struct pz_adjustment *a, uint32_t item);

/* Multiply scores [items.n] by what the rules say; negative ones stay. */
void pz_adjustment_apply(const struct pz_adjustment *a, float *score);

/* The factors of one item. */
float pz_adjustment_rotation(const struct pz_adjustment *a, uint32_t item);
float pz_adjustment_objective(const struct pz_adjustment *a, uint32_t item);
float pz_adjustment_boost(const struct pz_adjustment *a, uint32_t item);

/* Free the memory; all-zero is accepted. */
void pz_adjustment_clear(struct pz_adjustment *a);

#endif
