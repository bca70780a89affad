/* SPDX-License-Identifier: Apache-2.0 */
/* Private to data/: datasets that become one.
 *
 * Threads: one a merge; the parts may be read elsewhere at the same time. */
#ifndef PZ_DATA_MERGE_H
#define PZ_DATA_MERGE_H

#include "data/dataset.h"

struct pz_merge {
    struct pz_dataset *const *in; /* [n_in] the parts; borrowed */
    size_t n_in;
    /* [n_in] old index -> new, ascending; PZ_NONE in those of users and items: left out; owned. */
    uint32_t **user_map, **item_map, **event_map;
    struct pz_dataset *ds; /* the whole; its dictionaries are there */
};

/* Merge the interactions of all parts into m->ds: ptr, item, time, event, value, impressions,
 * context. Within a user by time; equal times by part, then by row; what is equal in everything is
 * kept once. Cost: linear in the interactions; memory: the result's, and 16 bytes a row when there
 * are impressions or context columns.
 *
 * Errors: PZ_BAD_DATA some parts have event types and others not, or a column is of two kinds;
 *         PZ_TRY_AGAIN memory is out */
enum pz_status pz_merge_rows(struct pz_merge *m, struct pz_err *err);

#endif
