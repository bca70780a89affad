/* SPDX-License-Identifier: Apache-2.0 */
/* The options of learning that programs share, from texts to a training's settings. */
#ifndef PZ_TRAIN_OPTIONS_H
#define PZ_TRAIN_OPTIONS_H

#include "base/opt.h"
#include "train/train.h"

/* As option tables fill them. */
struct pz_train_options {
    struct pz_strs events, params; /* --event, --param */
    const char *metric;            /* --tune-metric */
    long long tune, seed;
    double tune_time; /* processor seconds */
    bool no_tune;
};

/* Fill cfg but for what programs say in ways of their own: recipe, keep, timeout, record_time.
 *
 * Errors:  PZ_USAGE a bad event rule or metric; PZ_TRY_AGAIN memory is out
 * Owner:   cfg borrows from options, and owns its rules: pz_train_options_clear, also after errors
 * Threads: one a cfg */
enum pz_status pz_train_options_read(const struct pz_train_options *options, struct pz_log *log,
                                     struct pz_train_cfg *cfg, struct pz_err *err);
void pz_train_options_clear(struct pz_train_cfg *cfg);

#endif
