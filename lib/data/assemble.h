/* SPDX-License-Identifier: Apache-2.0 */
/* Assembling: rows in any order become the interactions of a dataset. Import and merge share it. */
#ifndef PZ_DATA_ASSEMBLE_H
#define PZ_DATA_ASSEMBLE_H

#include "data/dataset.h"

/* Interactions in input order, indices final. Arrays are borrowed; NULL where a column is missing. */
struct pz_rows {
    uint64_t n;
    const uint32_t *user, *item;
    const int64_t *time;
    const uint8_t *event;
    const float *value;
    const uint64_t *impression_ptr; /* [n + 1] */
    const uint32_t *impression;
    const struct pz_attrs *context; /* n rows; NULL or no columns: none */
};

/* Group by user, order by time (equal times in input order), keep identical events once (same user,
 * item, time, type, value, context), and fill ds: n_inter, ptr, item, time, event, value, impressions,
 * context. ds->users, items, events must be there. *n_duplicates: rows left out.
 * Cost: a counting sort by user and a sort per user; about 40 bytes a row while it works. */
enum pz_status pz_assemble(const struct pz_rows *rows, struct pz_dataset *ds,
                           uint64_t *n_duplicates, struct pz_err *err);

#endif
