/* SPDX-License-Identifier: Apache-2.0 */
/* Private to rank/: step 5, the choice: which items, in which order.
 *
 * Threads: one a choice, which belongs to one ranker. */
#ifndef PZ_RANK_CHOOSE_H
#define PZ_RANK_CHOOSE_H

#include "rank/diversify.h"
#include "rank/score.h"

struct pz_chosen {
    struct pz_hit *hit; /* [n] the page */
    size_t n;
    uint64_t *gone; /* items that have their place, on this page or an earlier one */
    bool any_gone;
    struct pz_caps caps;
    struct pz_diversity diversity;
    /* of one call */
    uint64_t *open, *eligible;
    struct pz_hit *pool; /* [n_pool] candidates in order */
    struct pz_hit *promoted;
    size_t n_pool, cap_pool, cap_promoted, cap_hits;
};

enum { PZ_CHOSEN_SETS = 3 };

/* Room for a model's items, of which PZ_CHOSEN_SETS sets are taken from a slab; false: memory is
 * out (pz_chosen_clear then, too, before the slab). */
bool pz_chosen_init(struct pz_chosen *c, uint32_t n_items, struct pz_mem_slab *slab);
void pz_chosen_clear(struct pz_chosen *c);

/* Find the columns of caps and diversity.
 *
 * Errors:  PZ_USAGE a column that is not there, too many caps, nothing to diversify by */
enum pz_status pz_chosen_prepare(struct pz_chosen *c, const struct pz_asked *asked,
                                 struct pz_err *err);

/* Fill hit, n and gone: up to `want` allowed items by blend, then fallback, as caps, diversity and
 * promotions say; of the page asked for.
 *
 * Errors:  PZ_USAGE a promotion's filter, as in pz_mask_make; PZ_TRY_AGAIN memory */
enum pz_status pz_choose(struct pz_chosen *c, const struct pz_scored *scored, size_t want,
                         struct pz_err *err);

/* Whether a further page would have items. */
bool pz_chosen_any_left(const struct pz_chosen *c, const struct pz_mask *mask);

/* Make room for n hits.
 *
 * Errors:  PZ_TRY_AGAIN memory */
enum pz_status pz_chosen_grow(struct pz_chosen *c, size_t n, struct pz_err *err);

#endif
