/* SPDX-License-Identifier: Apache-2.0 */
/* Private to import/: staged interactions become those of a dataset. */
#ifndef PZ_IMPORT_INTERACTIONS_H
#define PZ_IMPORT_INTERACTIONS_H

#include "import/columns.h"

/* Fill ds->n_interactions, ptr, item, time, event, value, impressions and context; ds->users and
 * ds->items must be there, and user_map[worker], item_map[worker] (number of the worker -> index).
 * Identical rows are kept once; *duplicates counts the others. What is staged is freed on the way.
 * Memory beside it: 8 bytes an interaction, and without other columns than the three needed ones 4
 * more at the end. */
enum pz_status pz_interactions_make(const struct pz_staged *s, uint32_t *const *user_map,
                                    uint32_t *const *item_map, struct pz_dataset *ds,
                                    uint64_t *duplicates, struct pz_err *err);

#endif
