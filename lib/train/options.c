/* SPDX-License-Identifier: Apache-2.0 */
/* Options of learning: see options.h. pz-train and pz-eval --split read the same texts, so that a
 * model that is judged is the model that is trained; what lists are tuned for may follow the split.
 *
 * Texts are only read here, none is looked up in the data: whether an event type or a parameter is
 * there is said by the training. cfg is filled whole, also when a text is wrong, so that clearing
 * it is always right. */
#include "train/options.h"

#include <stdlib.h>
#include <string.h>

#include "data/split.h"
#include "model/recipe.h"
#include "train/excluded.h"

/* auto: a test of what each user did last is what next is tuned for, and one of what they did
 * whenever it was, any. */
static enum pz_status read_tune_for(const char *text, const char *held_out, enum pz_tune_for *out,
                                    struct pz_err *err)
{
    struct pz_split_spec split;
    enum pz_status st;

    *out = PZ_FOR_ANY;
    while (*out > PZ_FOR_BOTH && strcmp(text, pz_tune_for_name(*out)) != 0)
        (*out)--;
    if (strcmp(text, "auto") != 0 || !held_out)
        return PZ_OK;
    st = pz_split_parse(held_out, &split, err);
    if (st == PZ_OK && split.kind == PZ_SPLIT_LEAVE_LAST)
        *out = PZ_FOR_NEXT;
    if (st == PZ_OK && split.kind == PZ_SPLIT_RANDOM)
        *out = PZ_FOR_ANY;
    return st;
}

enum pz_status pz_train_options_read(const struct pz_train_options *options, const char *held_out,
                                     struct pz_log *log, struct pz_train_cfg *cfg,
                                     struct pz_err *err)
{
    struct pz_event_rule *rules = NULL;
    enum pz_status st = pz_event_rules_parse(options->events.v, options->events.n, &rules, err);

    *cfg = (struct pz_train_cfg){ .rules = rules,
                                  .own_rules = rules,
                                  .n_rules = options->events.n,
                                  .params = options->params.v,
                                  .n_params = options->params.n,
                                  .n_trials = options->no_tune ? 0 : (uint32_t)options->tune,
                                  .tune_time_s = options->tune_time,
                                  .event_power = options->event_power,
                                  .seed = (uint64_t)options->seed,
                                  .log = log };
    if (st == PZ_OK)
        st = pz_excluded_read(options->excluded.v, options->excluded.n, &cfg->own_excluded,
                              &cfg->n_excluded, err);
    cfg->excluded = cfg->own_excluded;
    if (st == PZ_OK)
        st = read_tune_for(options->tune_for, held_out, &cfg->tune_for, err);
    return st == PZ_OK ? pz_metric_parse(options->metric, &cfg->metric, err) : st;
}

void pz_train_options_clear(struct pz_train_cfg *cfg)
{
    free(cfg->own_rules);
    free(cfg->own_excluded);
    cfg->rules = cfg->own_rules = NULL;
    cfg->excluded = cfg->own_excluded = NULL;
}

void pz_train_options_values(const char *option, struct pz_str *out)
{
    if (strcmp(option, "recipe") == 0) {
        for (const struct pz_recipe *r = pz_recipes; r->name; r++)
            pz_str_addf(out, "%s%s", r == pz_recipes ? "" : " ", r->name);
    } else if (strcmp(option, "param") == 0) {
        pz_params_list(out, PZ_LIST_NAMES);
        pz_str_adds(out, " list");
    } else if (strcmp(option, "tune-metric") == 0) {
        pz_str_adds(out, "mix ndcg@10 ndcg@100 mrr@25 recall@10 hit@10");
    } else if (strcmp(option, "split") == 0) {
        pz_str_adds(out, "personalize leave-last time: users random cold-items");
    } else if (strcmp(option, "holdout") == 0) {
        pz_str_adds(out, "leave-last time: random");
    }
}
