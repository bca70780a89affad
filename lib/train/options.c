/* SPDX-License-Identifier: Apache-2.0 */
/* Options of learning: see options.h. pz-train and pz-eval --split read the same texts, so that a
 * model that is judged is the model that is trained.
 *
 * Texts are only read here, none is looked up in the data: whether an event type or a parameter is
 * there is said by the training. cfg is filled whole, also when a text is wrong, so that clearing
 * it is always right. */
#include "train/options.h"

enum pz_status pz_train_options_read(const struct pz_train_options *options, struct pz_log *log,
                                     struct pz_train_cfg *cfg, struct pz_err *err)
{
    struct pz_event_rule *rules = NULL;
    enum pz_status st = pz_event_rules_parse(options->events.v, options->events.n, &rules, err);

    *cfg = (struct pz_train_cfg){ .rules = rules,
                                  .n_rules = options->events.n,
                                  .params = options->params.v,
                                  .n_params = options->params.n,
                                  .n_trials = options->no_tune ? 0 : (uint32_t)options->tune,
                                  .tune_time_s = options->tune_time,
                                  .seed = (uint64_t)options->seed,
                                  .log = log };
    return st == PZ_OK ? pz_metric_parse(options->metric, &cfg->metric, err) : st;
}

void pz_train_options_clear(struct pz_train_cfg *cfg)
{
    pz_event_rules_free((struct pz_event_rule *)(uintptr_t)cfg->rules, cfg->n_rules);
    cfg->rules = NULL;
}
