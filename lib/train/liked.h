/* SPDX-License-Identifier: Apache-2.0 */
/* Private to train/: from which value on an event says that somebody liked an item. See liked.c. */
#ifndef PZ_TRAIN_LIKED_H
#define PZ_TRAIN_LIKED_H

#include "train/train.h"

/* Choose the thresholds of rules that ask for it (NAN), in place: -INFINITY where none is better.
 *
 * cfg    its rules are not read; keep, recipe and seed are
 * rules  [n_rules] the caller's copy
 * Errors:  PZ_TRY_AGAIN memory is out; PZ_USAGE a rule names a type that the data lack
 * Owner:   nothing is handed out
 * Threads: one training, one thread; the same at any number of threads */
enum pz_status pz_liked_choose(const struct pz_dataset *ds, const struct pz_train_cfg *cfg,
                               struct pz_event_rule *rules, size_t n_rules, struct pz_err *err);

/* Thresholds that nobody asked for, of the types of event whose values are a scale: *rules
 * [*n_rules], none where none is better.
 *
 * cfg      as above
 * Errors:  as pz_liked_choose
 * Owner:   the caller frees *rules, in any case; the types lie behind them in one block
 * Threads: as pz_liked_choose */
enum pz_status pz_liked_find(const struct pz_dataset *ds, const struct pz_train_cfg *cfg,
                             struct pz_event_rule **rules, size_t *n_rules, struct pz_err *err);

#endif
