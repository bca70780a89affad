/* SPDX-License-Identifier: Apache-2.0 */
/* A part of a dataset as a dataset of its own.
 *
 * Threads: any, each with a path of its own. */
#ifndef PZ_DATA_SUBSET_H
#define PZ_DATA_SUBSET_H

#include "data/dataset.h"

/* Write the interactions that keep marks, with all items and users, as a *.pzd. Impressions and
 * what is known of live stores stay behind: the part is for judging, not for learning.
 *
 * keep  [ds->n_interactions], 0 or 1
 *
 * The file appears whole or not at all. Memory: 25 bytes a kept interaction, and the context
 * columns.
 *
 * Errors: as pz_dataset_save */
enum pz_status pz_subset_save(const struct pz_dataset *ds, const uint8_t *keep, const char *path,
                              struct pz_err *err);

/* Split a dataset for a training: what is held out goes to a *.pzd, keep says what is learned from.
 * What pz-eval asks of such a model must be in its histories, which have nothing of users or items
 * that are held out whole: such splits are refused.
 *
 * split    leave-last[:N], time:..., random[:P%], as pz_split_parse
 * keep     caller's [ds->n_interactions], 1 for what is learned from; undefined after an error
 * Errors:  PZ_USAGE another split; PZ_TRY_AGAIN memory; what saving says
 * Threads: any */
enum pz_status pz_subset_hold_out(const struct pz_dataset *ds, const char *split, uint64_t seed,
                                  const char *path, uint8_t *keep, struct pz_err *err);

#endif
