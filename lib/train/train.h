/* SPDX-License-Identifier: Apache-2.0 */
/* Training: a dataset becomes a model file.
 *
 * Threads: each of these uses all cores, heeds signals and counts the processor time of the
 * process: one at a time a process. */
#ifndef PZ_TRAIN_TRAIN_H
#define PZ_TRAIN_TRAIN_H

#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/opt.h"
#include "base/str.h"
#include "data/corpus.h"
#include "data/dataset.h"
#include "data/group.h"
#include "model/model.h"
#include "train/validation.h"

#define PZ_TUNE_TRIALS "10" /* the default of --tune */

struct pz_train_cfg {
    const struct pz_recipe *recipe;
    const struct pz_event_rule *rules;
    struct pz_event_rule *own_rules; /* the same where pz_train_options_clear frees them */
    size_t n_rules;
    const char *const *excluded; /* columns that nothing is learned from, "Items.PRICE" */
    const char **own_excluded;   /* the same where pz_train_options_clear frees it */
    size_t n_excluded;
    const char *const *params; /* "factors.dim=64", "weight.content=0.2", "sequence=auto" */
    size_t n_params;
    double event_power;  /* by which event weights are damped; 0: validation chooses */
    const uint8_t *keep; /* [n_interactions] interactions to learn from; NULL: all */
    double timeout_s;    /* wall seconds of the process until the model is written; 0: no limit */
    uint32_t n_trials;   /* fits tried for each part; 0: no tuning */
    struct pz_metric metric;    /* what tuning maximises */
    enum pz_tune_for tune_for;  /* and of which lists */
    uint32_t trial, n_searches; /* of pz_train_trial: which search of how many, from 1 */
    double tune_time_s;         /* processor seconds for tuning; 0: no limit */
    bool record_time; /* the manifest tells what trials and training took: equal trainings differ
                         then */
    uint64_t seed;
    struct pz_log *log;
};

/* Learn and write path (atomic). The held-out validation part is cut from what `keep` leaves, never
 * from the rest. Same data, settings and seed: same bytes at any thread count, unless a time limit
 * strikes: tuning then ends in time for the last fits with the best so far, and parts for which
 * there is no time are left out.
 *
 * Errors: PZ_USAGE a parameter or an event rule that does not fit the data; PZ_BAD_DATA no items;
 *         PZ_INTERRUPTED a signal before there was anything to write; PZ_TRY_AGAIN memory is out;
 *         as pz_scorer.fit, pz_writer_open, _add and _commit. path is then as it was */
enum pz_status pz_train(const struct pz_dataset *ds, const struct pz_train_cfg *cfg,
                        const char *path, struct pz_err *err);

/* The search of a training alone, as a job among cfg->n_searches of which it is number cfg->trial:
 * what it found is appended to line, a JSON object and a newline, the same on any machine. Nothing
 * is written.
 *
 * Errors:  as pz_train
 * Owner:   the caller has line */
enum pz_status pz_train_trial(const struct pz_dataset *ds, const struct pz_train_cfg *cfg,
                              struct pz_str *line, struct pz_err *err);
enum { PZ_SEARCHES_MAX = 10000 };

/* What a training is asked: the data by their fingerprint, recipe, rules, options and seed. Equal
 * objects are equal questions; jobs of one work carry it, so that no other is mixed in.
 *
 * Owner:   a new reference; NULL when memory is out */
json_t *pz_train_question(const struct pz_dataset *ds, const struct pz_train_cfg *cfg);

/* Learn by the best of searches made by pz_train_trial, and write the model: it has the bytes that
 * a training by that search would have written, with one search those of pz_train.
 *
 * path     [n] files of such lines, "-" is standard input; a file may hold many
 * ds       the data that the searches were made on, by their fingerprint
 * Errors:  PZ_BAD_DATA a line is none, or of other data or another question; PZ_TRY_AGAIN the time
 *          is over; as pz_rows_open and pz_train */
enum pz_status pz_train_with_trials(const char *const *path, size_t n, const struct pz_dataset *ds,
                                    double timeout_s, struct pz_log *log, const char *out,
                                    struct pz_err *err);

/* Make cfg->n_searches searches and learn by the best: the model has the bytes that
 * pz_train_with_trials makes of their lines. Several ranks make several at once, in groups.
 *
 * Errors:  as pz_train_trial and pz_train */
enum pz_status pz_train_searches(const struct pz_dataset *ds, const struct pz_train_cfg *cfg,
                                 const char *out, struct pz_err *err);

/* Processor seconds of all threads, and peak memory of the process in bytes. */
struct pz_outlay {
    double cpu_s, bytes;
};

/* What a training will take. */
struct pz_estimate {
    struct pz_outlay
        asked; /* as it was asked for; the mean, where it may leave the slow part out */
    struct pz_outlay without; /* the part that takes long */
    struct pz_outlay with;    /* when that is tried and kept; of no meaning where slow is NULL */
    const char *slow;         /* its name; NULL: the training has none */
};

/* Estimate pz_train's cost from counts of the data, and with tuning from fits on a share of it, at
 * less than a tenth of that cost (estimate.c). Writes nothing.
 * Errors: as pz_train */
enum pz_status pz_train_estimate(const struct pz_dataset *ds, const struct pz_train_cfg *cfg,
                                 struct pz_estimate *out, struct pz_err *err);

struct pz_update_cfg;

/* The same of pz_train_update, at about a tenth of its cost: from the contents of the old model's
 * file and the deltas (estimate_update.c). cfg: learn_s. out->slow: the model has a part that takes
 * long, and out->without is what an update takes of a model that has none.
 * Errors: as pz_train_update */
enum pz_status pz_train_estimate_update(const char *old_path, struct pz_dataset *const *delta,
                                        size_t n_delta, const struct pz_update_cfg *cfg,
                                        struct pz_estimate *out, struct pz_err *err);

struct pz_update_cfg {
    /* Users and items to leave out: nothing of the users is in the new model but what factors
     * learned from all together; the items' rows and events are gone, what they taught of other
     * items stays until a full training. NULL: nobody. */
    struct pz_without *without;
    /* Wall seconds of the process for all of it; 0: no limit. A model without some of its parts
     * would be no update of it, so that there is none when the time is over. */
    double timeout_s;
    /* Processor seconds for parts that would take new events in without learning from them; 0:
     * none. */
    double learn_s;
    /* File of what pz-eval --json said of the model and the deltas; NULL: nothing. The new model
     * states it as what its chain is worth. */
    const char *judged;
    struct pz_log *log;
};

/* Bring a model up to date: what it learned from and the deltas together, with its recipe, event
 * rules, settings, weights and seed; nothing is tuned. Parts add the delta at its cost; one that
 * cannot, or that has drifted, is fitted again (update.c says when). Where there is nothing new,
 * the old model's bytes are copied. The manifest's lineage names the old model's dataset and the
 * deltas' by their fingerprints.
 *
 * old_path  a *.pzm
 * delta     [n_delta] datasets of new interactions, items or users; rows of items and users replace
 *           old ones
 * Impressions of the old data are not in a model; those of the deltas alone are counted.
 *
 * Errors: as pz_model_open; PZ_TRY_AGAIN the time is over; PZ_BAD_DATA the model's manifest does
 *         not fit its parts; PZ_INTERRUPTED a signal asked for the end; as pz_dataset_merge and
 *         pz_train. path is then as it was */
enum pz_status pz_train_update(const char *old_path, struct pz_dataset *const *delta,
                               size_t n_delta, const struct pz_update_cfg *cfg, const char *path,
                               struct pz_err *err);

/* Train in full on a dataset with the recipe, event rules, settings, weights and seed of a model:
 * what a weekly job does, so that its quality does not depend on a search each week. timeout_s as
 * in struct pz_update_cfg.
 *
 * Errors:  PZ_TRY_AGAIN the time is over; PZ_NO_INPUT, PZ_BAD_DATA the model cannot be read;
 *          PZ_USAGE a rule's event type is not in the data; as pz_train
 * Owner:   nothing is handed out
 * Threads: one training a process */
enum pz_status pz_train_again(const char *tuned_path, const struct pz_dataset *ds, double timeout_s,
                              struct pz_log *log, const char *path, struct pz_err *err);

#endif
