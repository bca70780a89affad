/* SPDX-License-Identifier: Apache-2.0 */
/* A part of a dataset as a dataset of its own. */
#ifndef PZ_DATA_SUBSET_H
#define PZ_DATA_SUBSET_H

#include "data/dataset.h"

/* Write the interactions that keep marks, with all items and users, as a *.pzd. Impressions and
 * what is known of live stores stay behind: the part is for judging, not for learning.
 *
 * keep  [ds->n_interactions], 0 or 1
 * Atomic. Memory: 25 bytes a kept interaction, and the context columns. */
enum pz_status pz_subset_save(const struct pz_dataset *ds, const uint8_t *keep, const char *path,
                              struct pz_err *err);

#endif
