/* SPDX-License-Identifier: Apache-2.0 */
/* Private to rank/: step 2, the mask: which items may be recommended.
 *
 * Threads: one a mask, which belongs to one ranker. */
#ifndef PZ_RANK_MASK_H
#define PZ_RANK_MASK_H

#include "base/bits.h"
#include "filter/filter.h"
#include "rank/history.h"

struct pz_mask {
    uint32_t n;                  /* items */
    uint64_t *allowed;           /* items that may be recommended: own, or promotable */
    uint64_t *own;               /* where these are others than those that may be promoted */
    uint64_t *promotable;        /* items that may be promoted: the seen rule alone */
    uint64_t *scratch;           /* of one call */
    const uint32_t *live_item;   /* of the history that it was made of; borrowed */
    struct pz_filter_work *work; /* made by the first filter */
};

/* A filter with the values bound to it; both borrowed. */
struct pz_bound {
    const struct pz_filter *filter;
    const struct pz_filter_values *values; /* NULL: it has no placeholders */
};

enum { PZ_MASK_SETS = 3 };

/* Room for n items, of which PZ_MASK_SETS sets are taken from a slab; false: memory is out
 * (pz_mask_clear then, too). Free with pz_mask_clear, before the slab. */
bool pz_mask_init(struct pz_mask *mask, uint32_t n, struct pz_mem_slab *slab);
void pz_mask_clear(struct pz_mask *mask);

/* Fill allowed and promotable from the seen rule, the past and the request's filter.
 *
 * Errors:  PZ_USAGE the filter is about users, or speaks of an item and none is given, or values
 *          are missing; PZ_TRY_AGAIN memory
 * Threads: one a mask */
enum pz_status pz_mask_make(struct pz_mask *mask, const struct pz_asked *asked,
                            const struct pz_history *h, struct pz_err *err);

/* Clear the bits of items that do not pass a filter; of the mask only its working memory is used.
 *
 * Errors:  as pz_mask_make
 * Threads: one a mask */
enum pz_status pz_mask_filter(struct pz_mask *mask, const struct pz_request *req,
                              const struct pz_bound *filter, uint64_t *set, struct pz_err *err);

/* Take one item out; PZ_NONE: none. */
void pz_mask_leave_out(struct pz_mask *mask, uint32_t item);

/* Keep the items of the request's list among those allowed. */
void pz_mask_keep_list(struct pz_mask *mask, const struct pz_asked *asked);

/* The part of the request's filter that an item does not pass into out->condition and n_condition;
 * n_condition is 0 when it passes.
 *
 * Errors:  as pz_mask_make
 * Owner:   the text is the filter's
 * Threads: one a mask */
enum pz_status pz_mask_why(const struct pz_mask *mask, const struct pz_request *req, uint32_t item,
                           struct pz_why *out, struct pz_err *err);

/* Whether an event makes its item seen at a moment. */
bool pz_mask_is_seen(const struct pz_rules *rules, int64_t now, const struct pz_past *event);

#endif
