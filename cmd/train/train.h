/* SPDX-License-Identifier: Apache-2.0 */
/* pz-train: what its option table fills in, and what it prints in place of a training. */
#ifndef PZ_CMD_TRAIN_H
#define PZ_CMD_TRAIN_H

#include <stdbool.h>

#include "base/opt.h"
#include "data/dataset.h"
#include "train/options.h"

/* defaults */
#define TRAIN_RECIPE "user-personalization"
#define TRAIN_METRIC "mix"
#define TRAIN_SEED "1"

struct train_cfg {
    const char *output, *recipe;
    double timeout, update_time;
    struct pz_train_options learn;
    bool dry_run, strict, record_time;
    const char *trial;
    long long searches;
    struct pz_strs with_trials;
    const char *info, *trials, *update, *without, *without_items, *tuned_from, *holdout,
        *holdout_out, *judged;
    struct pz_common common;
};

/* Whether the options go together and the operands are of the right kind.
 * Errors: PZ_USAGE with what to type instead */
enum pz_status train_check(const struct train_cfg *cfg, const struct pz_strs *args,
                           struct pz_err *err);

/* --trial K/N into job; nothing where text is NULL.
 * Errors: PZ_USAGE it is not of that form */
enum pz_status train_parse_trial(const char *text, struct pz_train_cfg *job, struct pz_err *err);

/* --trial: search, and print the line. */
enum pz_status train_print_trial(const struct pz_dataset *ds, const struct pz_train_cfg *job,
                                 struct pz_err *err);

/* --with-trials FILE...: operands that are no datasets are further files of lines, as a shell's
 * pattern gives them. */
enum pz_status train_sort_trials(struct train_cfg *cfg, struct pz_strs *args, struct pz_err *err);

/* What a training took, on standard error, and with --json on standard output. interactions: that
 * it learned from; 0: an update, which learned from a delta. */
enum pz_status train_report(const struct train_cfg *cfg, uint64_t interactions, struct pz_log *log,
                            struct pz_err *err);

/* --info: what a model or the current one of a campaign says of itself, as text or as JSON. */
enum pz_status train_print_info(const struct train_cfg *cfg, struct pz_err *err);

/* --trials: what tuning tried for a model, as a table or as a line of JSON for each trial. */
enum pz_status train_print_trials(const struct train_cfg *cfg, struct pz_err *err);

/* -p list: every setting, as a table or as a line of JSON for each. */
enum pz_status train_print_settings(bool json, struct pz_err *err);

/* --dry-run: what would be learned from, and about what it takes. */
enum pz_status train_print_plan(const struct pz_dataset *ds, const struct pz_train_cfg *job,
                                bool json, struct pz_err *err);

/* The same of --update. */
enum pz_status train_print_update(const char *base, struct pz_dataset *const *delta, size_t n_delta,
                                  const struct pz_update_cfg *job, bool json, struct pz_err *err);

#endif
