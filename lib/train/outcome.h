/* SPDX-License-Identifier: Apache-2.0 */
/* Private to train/: what a search found, as JSON, and a training that takes it in place of a
 * search. It is what a model's manifest holds of it, so that a model is such an outcome, too.
 *
 * Threads: one training, one thread. */
#ifndef PZ_TRAIN_OUTCOME_H
#define PZ_TRAIN_OUTCOME_H

#include "train/training.h"

/* Members of a manifest: the event rules, their largest weight 1; the parts with weights and
 * settings; the trend of items.
 * Owner: json_decref; incomplete or NULL when memory is out */
json_t *pz_outcome_rules(const struct pz_train_cfg *cfg);
json_t *pz_outcome_parts(const struct pz_training *t);
json_t *pz_outcome_trend(const struct pz_training *t);

/* What was found beside the parts, into doc: seen, event_power and check, those that there are.
 * False: memory is out. */
bool pz_outcome_add_findings(const struct pz_training *t, json_t *doc);

/* Put recipe, seed, softmax_scale, events, parts, trend, seen, event_power, trials and check of a
 * training whose search is over into out, an object.
 * Errors: PZ_TRY_AGAIN memory is out */
enum pz_status pz_outcome_write(const struct pz_training *t, json_t *out, struct pz_err *err);

/* The event rules and excluded columns of an outcome, into cfg's own; texts are borrowed from doc.
 * Errors: PZ_BAD_DATA they are damaged; PZ_TRY_AGAIN memory is out
 * Owner:  the caller frees them by pz_train_options_clear, also after a failure */
enum pz_status pz_outcome_take_rules(const json_t *doc, struct pz_train_cfg *cfg,
                                     struct pz_err *err);

/* Choices, trend, seen rule and power of event weights of an outcome, into a training whose corpus
 * is made and that has no parts yet.
 * Errors: PZ_BAD_DATA a part or a setting that this pz does not have */
enum pz_status pz_outcome_take(const json_t *doc, struct pz_training *t, struct pz_err *err);

/* The line of pz_train_trial of a training whose search is over (trial.c).
 * Errors: PZ_TRY_AGAIN memory is out */
enum pz_status pz_trial_write(const struct pz_training *t, struct pz_str *line, struct pz_err *err);

/* Train in full by an outcome and write the model. cfg: log, timeout_s; the rest is the outcome's.
 * keep_check: the outcome is of these data, and its check and all are the model's.
 * Errors: as pz_train_again */
enum pz_status pz_outcome_train(const json_t *doc, bool keep_check, const struct pz_dataset *ds,
                                struct pz_train_cfg *cfg, const char *path, struct pz_err *err);

#endif
