/* SPDX-License-Identifier: Apache-2.0 */
/* Private to rank/: at most N items of one value of a column.
 *
 * Threads: one a struct pz_caps, which belongs to one ranker. */
#ifndef PZ_RANK_CAPS_H
#define PZ_RANK_CAPS_H

#include "rank/column.h"

enum { PZ_MAX_CAPS = 8 };

/* Items placed so far by value of a column: an open hash table. */
struct pz_tally {
    struct pz_tally_cell {
        uint64_t key;
        uint32_t count; /* 0: free */
    } * cell;
    size_t n_cells, used; /* n_cells: a power of 2 */
};

struct pz_caps {
    const struct pz_rules *rules; /* borrowed from the request */
    struct pz_column column[PZ_MAX_CAPS];
    struct pz_tally tally; /* .cell owned */
};

/* Find the columns of the request's caps.
 *
 * Errors:  PZ_USAGE a column that is not there, or too many caps */
enum pz_status pz_caps_prepare(struct pz_caps *caps, const struct pz_asked *asked,
                               struct pz_err *err);

/* Whether one more item of these values fits. */
bool pz_caps_fit(const struct pz_caps *caps, uint32_t item);

/* Count an item.
 *
 * Errors:  PZ_TRY_AGAIN memory */
enum pz_status pz_caps_take(struct pz_caps *caps, uint32_t item, struct pz_err *err);

/* Forget all items. */
void pz_caps_reset(struct pz_caps *caps);

#endif
