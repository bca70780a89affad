/* SPDX-License-Identifier: Apache-2.0 */
/* Private to import/: staged interactions become those of a dataset.
 *
 * Threads: one an import; it uses all cores itself. */
#ifndef PZ_IMPORT_INTERACTIONS_H
#define PZ_IMPORT_INTERACTIONS_H

#include "import/columns.h"

/* Fill ds->n_interactions, ptr, item, time, event, value, impressions and context; ds->users and
 * ds->items must be there, and user_map[worker], item_map[worker] (number of the worker -> index).
 * Identical rows are kept once; *duplicates counts the others, and stays as it is after a failure,
 * when not all were compared. What is staged is freed on the way.
 * Memory beside it: 8 bytes an interaction, and without other columns than the three needed ones 4
 * more at the end.
 *
 * Errors: PZ_BAD_DATA too many rows or event types for a dataset, or rows with an event type among
 *         rows without; PZ_TRY_AGAIN memory is out
 * Owner:  the dataset has what was made, also after a failure */
enum pz_status pz_interactions_make(const struct pz_staged *s, uint32_t *const *user_map,
                                    uint32_t *const *item_map, struct pz_dataset *ds,
                                    uint64_t *duplicates, struct pz_err *err);

#endif
