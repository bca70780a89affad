/* SPDX-License-Identifier: Apache-2.0 */
/* Private to train/: how much the weights of event types say. See power.c. */
#ifndef PZ_TRAIN_POWER_H
#define PZ_TRAIN_POWER_H

#include "train/train.h"

/* The power by which weights of corpus c are damped (pz_weight_damp): that of cfg where it names
 * one; where weights differ and there is tuning, the one that validation finds; else 0, the
 * default. Tells what the weights then are.
 *
 * Errors:  as pz_valid_cut, pz_valid_judge and pz_scorer.fit
 * Owner:   nothing is handed out
 * Threads: one training, one thread; the same at any number of threads */
enum pz_status pz_power_choose(const struct pz_corpus *c, const struct pz_train_cfg *cfg,
                               double *power, struct pz_err *err);

#endif
