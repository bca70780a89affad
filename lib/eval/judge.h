/* SPDX-License-Identifier: Apache-2.0 */
/* A judgement from files to a verdict, as pz-eval asks for it.
 *
 *   pz_judgement_name     whom the model is compared with; the gate's form is checked
 *   pz_judgement_split    models are trained on a part of the data, cases are the rest; or
 *   pz_judgement_given    a model is opened, cases come from a test dataset
 *   pz_judgement_run      figures of all contenders, the gate's opinion
 *   pz_verdict_text ...   reports of j->v (verdict.h), pz_judgement_per_user
 *   pz_judgement_clear    in any case, once
 *
 * Threads: one for each judgement; training and evaluating use the others inside. */
#ifndef PZ_EVAL_JUDGE_H
#define PZ_EVAL_JUDGE_H

#include "eval/cases.h"
#include "eval/verdict.h"
#include "train/train.h"

/* All-zero but for v.seed and v.how to begin with. */
struct pz_judgement {
    struct pz_verdict v;
    struct pz_model *model[PZ_MAX_RIVALS + 1]; /* [0] is judged, [i + 1] is rival i's; owned */
    struct pz_cases cases;
};

/* Who is compared: with a split the recipes, the first of them judged; without one (split NULL) a
 * given model and, if vs, another one. Popularity is always among the rivals.
 *
 * Errors:  PZ_USAGE an unknown recipe, too many, or a gate that cannot be */
enum pz_status pz_judgement_name(struct pz_judgement *j, const char *split,
                                 const char *const *recipe, size_t n_recipes, bool vs,
                                 struct pz_err *err);

/* Split datasets, train the first recipe by job and the others with its event rules and defaults.
 *
 * job   event rules, settings, tuning and log; its recipe and keep are set here
 * keep  where the first model stays; NULL: nowhere
 * Errors:  PZ_USAGE a bad split; what pz_dataset_open, pz_train and pz_model_open say */
enum pz_status pz_judgement_split(struct pz_judgement *j, const struct pz_strs *data,
                                  struct pz_train_cfg *job, const char *keep, struct pz_err *err);

/* Train and open a model. keep: the file it goes to; NULL: a temporary one that goes as soon as it
 * is open.
 *
 * Errors:  what pz_train and pz_model_open say; PZ_CANT_CREATE no temporary file
 * Owner:   the caller: pz_model_free */
enum pz_status pz_judgement_train(const struct pz_dataset *ds, const struct pz_train_cfg *job,
                                  const char *keep, struct pz_model **out, struct pz_err *err);

/* The seen rule that a recipe is judged by when none is given; the list to order is the
 * catalogue. */
enum pz_seen pz_judgement_seen(const struct pz_recipe *recipe);

/* Open what is judged: a model file or a campaign, whose current version is taken.
 *
 * model, vs  paths; vs NULL: none
 * test       datasets, read as one: all of it is ground truth
 * history    a dataset whose histories are asked with; NULL: the model's own
 * Errors:    what opening says */
enum pz_status pz_judgement_given(struct pz_judgement *j, const char *model, const char *vs,
                                  const char *const *test, size_t n_test, const char *history,
                                  struct pz_err *err);

/* Let the gate compare with vs over the last n_days of the run ledger, today's test included; after
 * the cases are made, before pz_judgement_run. What the gate compares with vs is noted in the
 * ledger line of every run.
 *
 * Errors:  as pz_pool_read */
enum pz_status pz_judgement_pool(struct pz_judgement *j, const char *ledger, uint32_t n_days,
                                 struct pz_err *err);

/* Judge all contenders under the first one's seen rule.
 *
 * Errors:  PZ_BAD_DATA no ground truth, or there is a gate and a contender has learned test events
 *          already; what pz_evaluate says */
enum pz_status pz_judgement_run(struct pz_judgement *j, struct pz_err *err);

/* Write a line for each test user: user_id and every metric, tab-separated.
 *
 * Errors:  PZ_CANT_CREATE, PZ_IO */
enum pz_status pz_judgement_per_user(const struct pz_judgement *j, const char *path,
                                     struct pz_err *err);

/* Close the models, free everything; all-zero again. */
void pz_judgement_clear(struct pz_judgement *j);

#endif
