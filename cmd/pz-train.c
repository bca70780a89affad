/* SPDX-License-Identifier: Apache-2.0 */
/* pz-train: datasets become a model file. The option table and the order of the work. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/ledger.h"
#include "base/mem.h"
#include "base/opt.h"
#include "base/par.h"
#include "base/ranks.h"
#include "campaign/campaign.h"
#include "cmd/train/train.h"
#include "data/group.h"
#include "data/minimum.h"
#include "data/subset.h"
#include "live/put.h"
#include "table/table.h"
#include "train/options.h"

static const struct pz_opt opts[] = {
    PZ_OUT('o', "output", struct train_cfg, output, NULL, "FILE", "model file to write (.pzm)"),
    PZ_STR(
        'r', "recipe", struct train_cfg, recipe, TRAIN_RECIPE, "NAME",
        "what to learn: user-personalization, personalized-ranking, related-items, similar-items, "
        "popularity-count or trending-now; Amazon's names and recipe ARNs work too"),
    PZ_LIST(
        'p', "param", struct train_cfg, learn.params, "NAME=VALUE",
        "fix a setting (factors.dim=64), search it (factors.dim=32..128), fix a part's weight "
        "(weight.content=0.2) or switch a part on, off or auto. sequence, the slow part, is kept "
        "where it adds to the others, and off under a time budget. list prints all settings. May "
        "be given several times"),
    PZ_LIST('e', "event", struct train_cfg, learn.events, "TYPE:weight=W,threshold=T",
            "learn from this event type with this weight, from values at or above the threshold, "
            "which validation chooses for threshold=auto. Types that no --event names are left out "
            "when there is one"),
    PZ_REAL(
        0, "event-power", struct train_cfg, learn.event_power, "0 (validation chooses)", 0, 1, "P",
        "the weights of --event act by their P-th power: 1 in full, 0.125, which is usual, gently"),
    PZ_LIST(0, "exclude-column", struct train_cfg, learn.excluded, "TABLE.COLUMN",
            "learn nothing from this column (Items.PRICE, Users.AGE, Interactions.DEVICE), or from "
            "those of excludedDatasetColumns in FILE.json; filters and answers have them. May be "
            "given several times"),
    PZ_INT('t', "tune", struct train_cfg, learn.tune, PZ_TUNE_TRIALS, 0, 1000, "N",
           "fits to try for each part; fewer on large data"),
    PZ_REAL(0, "tune-time", struct train_cfg, learn.tune_time, "0 (no limit)", 0, 1e6, "SECONDS",
            "processor seconds for tuning. Parts that it has no time to judge take part untuned, "
            "but for sequence. With a limit the result may differ between machines"),
    PZ_REAL(0, "timeout", struct train_cfg, timeout, "0 (no limit)", 0, 1e6, "SECONDS",
            "seconds by the clock that the whole run may take. Tuning ends in time for the last "
            "fits with the best so far, sequence is off unless asked for, and parts for which "
            "there is no time are left out; an --update or --tuned-from that does not end in time "
            "writes nothing (exit code 75). With a limit the result may differ between machines"),
    PZ_STR(
        0, "tune-metric", struct train_cfg, learn.metric, TRAIN_METRIC, "NAME",
        "what tuning maximises: ndcg@K, mrr@K, recall@K, precision@K, hit@K, or mix, the mean of "
        "ndcg@10 and ndcg@100"),
    PZ_STR(
        0, "tune-for", struct train_cfg, learn.tune_for, "auto", "next|both|any|auto",
        "what lists are tuned for: next, what users do next, after each event; both, that and all "
        "that comes until the next training, which are two questions where times are those of a "
        "calendar; any, what is missing in a history, whenever it was; auto: both, but next with "
        "--holdout leave-last and any with --holdout random"),
    PZ_STR(0, "update", struct train_cfg, update, NULL, "MODEL",
           "bring this model up to date with the datasets, which hold what is new, by its own "
           "recipe and settings, and write the result to --output"),
    PZ_STR(0, "without", struct train_cfg, without, NULL, "FILE|-",
           "with --update: leave out these users, who asked to be forgotten: ids one a line, or a "
           "CSV with USER_ID. There need be no new data then"),
    PZ_STR(0, "without-items", struct train_cfg, without_items, NULL, "FILE|-",
           "with --update: leave out these items, which are no more: ids one a line, or a CSV with "
           "ITEM_ID. There need be no new data then"),
    PZ_REAL(
        0, "update-time", struct train_cfg, update_time, "0 (new items find a place)", 0, 1e6,
        "SECONDS",
        "with --update: processor seconds for sequence to learn from what is new, which it only "
        "reads otherwise. When they end before its passes the result may differ between machines"),
    PZ_STR(0, "judged", struct train_cfg, judged, NULL, "FILE",
           "with --update: what pz-eval --json said of MODEL on the new data, before they were "
           "learned; the new model states what its chain is worth, and whether that fell"),
    PZ_STR(
        0, "tuned-from", struct train_cfg, tuned_from, NULL, "MODEL",
        "train in full on the datasets with the recipe, event rules, settings and weights of this "
        "model, or of a campaign's, and search nothing"),
    PZ_STR(0, "trial", struct train_cfg, trial, NULL, "K/N",
           "make the search alone, as the K-th of N that begin in different regions of the "
           "settings, and print what it found as a line of JSON: a job of a scheduler"),
    PZ_LIST(0, "with-trials", struct train_cfg, with_trials, "FILE",
            "train in full by the best of the searches in these files of --trial, which were made "
            "on the same datasets. Further files may follow as operands"),
    PZ_INT(0, "searches", struct train_cfg, searches, "1", 1, PZ_SEARCHES_MAX, "N",
           "make N searches, as --trial makes them, and train by the best; several ranks make "
           "several at once"),
    PZ_STR(0, "holdout", struct train_cfg, holdout, NULL, "SPEC",
           "learn without a part of the data, for pz-eval MODEL TEST.pzd: leave-last[:N], "
           "time:TIMESTAMP, time:P% or random[:P%], as in pz-eval --split"),
    PZ_OUT(0, "holdout-out", struct train_cfg, holdout_out, NULL, "TEST.pzd",
           "where that part goes"),
    PZ_FLAG(0, "no-tune", struct train_cfg, learn.no_tune, "use the default settings and weights"),
    PZ_INT(0, "seed", struct train_cfg, learn.seed, TRAIN_SEED, 0, 9e15, "N",
           "seed of everything random"),
    PZ_FLAG('n', "dry-run", struct train_cfg, dry_run,
            "say what would be learned from and about how much memory and processor time it takes, "
            "with and without sequence, of --update too; write nothing"),
    PZ_FLAG(
        0, "strict", struct train_cfg, strict,
        "refuse data below Amazon Personalize's minimum (1000 interactions, 25 users with two)"),
    PZ_FLAG(0, "record-time", struct train_cfg, record_time,
            "keep in the model what each trial and all of the training took; without it equal "
            "trainings give equal bytes"),
    PZ_STR(0, "info", struct train_cfg, info, NULL, "MODEL",
           "say what a model, or the current one of a campaign, learned from, what it consists of "
           "and what it was worth when it was tuned"),
    PZ_STR(0, "trials", struct train_cfg, trials, NULL, "MODEL",
           "print the trials of a model file"),
    PZ_OPT_COMMON(struct train_cfg, common),
    PZ_END
};

static enum pz_status train(const struct train_cfg *cfg, const struct pz_dataset *ds,
                            const struct pz_recipe *recipe, struct pz_log *log, struct pz_err *err)
{
    uint8_t *keep = NULL;
    struct pz_train_cfg job;
    enum pz_status st = pz_train_options_read(&cfg->learn, cfg->holdout, log, &job, err);

    job.recipe = recipe;
    job.timeout_s = cfg->timeout;
    job.record_time = cfg->record_time;
    if (st == PZ_OK && cfg->strict)
        st = pz_dataset_check_minimum(ds, err);
    if (st == PZ_OK && cfg->holdout) {
        keep = pz_mem_array(ds->n_interactions, 1);
        st = keep ? pz_subset_hold_out(ds, cfg->holdout, (uint64_t)cfg->learn.seed,
                                       cfg->holdout_out, keep, err)
                  : pz_err_memory(err, "what is held out", (double)ds->n_interactions);
        job.keep = keep;
    }
    if (st == PZ_OK)
        st = train_parse_trial(cfg->trial, &job, err);
    if (st == PZ_OK && cfg->trial)
        st = train_print_trial(ds, &job, err);
    else if (st == PZ_OK && cfg->dry_run)
        st = train_print_plan(ds, &job, cfg->common.json, err);
    else if (st == PZ_OK && cfg->searches > 1) {
        job.n_searches = (uint32_t)cfg->searches;
        st = pz_train_searches(ds, &job, cfg->output, err);
    } else if (st == PZ_OK)
        st = pz_train(ds, &job, cfg->output, err);
    free(keep);
    pz_train_options_clear(&job);
    return st;
}

static enum pz_status update(const struct train_cfg *cfg, const struct pz_strs *args,
                             struct pz_log *log, struct pz_err *err)
{
    char base[4096];
    bool some_go = cfg->without || cfg->without_items;
    struct pz_dataset **delta = pz_mem_array(args->n, sizeof *delta);
    struct pz_put_without without = { .user = { .n = 0 } };
    struct pz_update_cfg job = { .without = some_go ? &without.out : NULL,
                                 .timeout_s = cfg->timeout,
                                 .learn_s = cfg->update_time,
                                 .judged = cfg->judged,
                                 .log = log };
    enum pz_status st = delta ? PZ_OK : pz_err_memory(err, "datasets", 1e3);

    pz_ledger_text("kind", "update");
    if (st == PZ_OK)
        st = pz_campaign_model_path(cfg->update, base, sizeof base, err);
    if (st == PZ_OK)
        st = pz_put_read_without(cfg->without, cfg->without_items, &without, err);
    for (size_t i = 0; i < args->n && st == PZ_OK; i++)
        st = pz_dataset_open(&args->v[i], 1, &delta[i], err);
    if (st == PZ_OK && cfg->dry_run)
        st = train_print_update(base, delta, args->n, &job, cfg->common.json, err);
    else if (st == PZ_OK)
        st = pz_train_update(base, delta, args->n, &job, cfg->output, err);
    if (st == PZ_OK)
        pz_put_tell_without(&without, log);
    pz_put_without_clear(&without);
    for (size_t i = 0; delta && i < args->n; i++)
        pz_dataset_free(delta[i]);
    free(delta);
    return st;
}

static enum pz_status train_again(const struct train_cfg *cfg, const struct pz_dataset *ds,
                                  struct pz_log *log, struct pz_err *err)
{
    char base[4096];
    enum pz_status st = pz_campaign_model_path(cfg->tuned_from, base, sizeof base, err);

    return st == PZ_OK ? pz_train_again(base, ds, cfg->timeout, log, cfg->output, err) : st;
}

static void add_settings(struct pz_str *out)
{
    pz_params_list(out, PZ_LIST_MDOC);
}

/* Whether the data are for a training that needs none of the interactions of other ranks: one
 * without tuning, which chooses no thresholds either. */
static bool may_share(const struct train_cfg *cfg)
{
    for (size_t i = 0; i < cfg->learn.events.n; i++)
        if (strstr(cfg->learn.events.v[i], "threshold=auto"))
            return false;
    return (cfg->learn.no_tune || cfg->tuned_from) && !cfg->strict && !cfg->holdout &&
           !cfg->with_trials.n && !cfg->trial && !cfg->dry_run && cfg->searches <= 1;
}

static enum pz_status run(void *config, struct pz_strs *args, struct pz_log *log,
                          struct pz_err *err)
{
    struct train_cfg *cfg = config;
    const struct pz_recipe *recipe = NULL;
    const char *advice = NULL;
    struct pz_dataset *ds = NULL;
    enum pz_status st;

    if (pz_params_ask_list(&cfg->learn.params))
        return train_print_settings(cfg->common.json, err);
    if (cfg->info)
        return train_print_info(cfg, err);
    if (cfg->trials)
        return train_print_trials(cfg, err);
    st = train_sort_trials(cfg, args, err);
    if (st == PZ_OK)
        st = train_check(cfg, args, err);
    if (st == PZ_OK)
        st = pz_recipe_choose(cfg->recipe, &recipe, &advice, err);
    if (st != PZ_OK)
        return st;
    if (advice)
        pz_log(log, PZ_LOG_NOTE, "%s is %s here; %s", cfg->recipe, recipe->name, advice);
    if (cfg->update)
        st = update(cfg, args, log, err);
    else
        st = (may_share(cfg) ? pz_dataset_open_share : pz_dataset_open)(args->v, args->n, &ds, err);
    if (st == PZ_OK && cfg->tuned_from)
        st = train_again(cfg, ds, log, err);
    else if (st == PZ_OK && cfg->with_trials.n)
        st = pz_train_with_trials(cfg->with_trials.v, cfg->with_trials.n, ds, cfg->timeout, log,
                                  cfg->output, err);
    else if (st == PZ_OK && !cfg->update)
        st = train(cfg, ds, recipe, log, err);
    if (st == PZ_OK && !cfg->dry_run && !cfg->trial)
        st = train_report(cfg, ds ? pz_dataset_size(ds) : 0, log, err);
    pz_dataset_free(ds);
    return st;
}

int main(int argc, char **argv)
{
    const struct pz_cmd cmd = {
        .name = "pz-train",
        .synopsis =
            "-o MODEL.pzm [options] DATA.pzd...\n--update OLD.pzm -o MODEL.pzm DELTA.pzd...\n"
            "--tuned-from OLD.pzm -o MODEL.pzm DATA.pzd...\n"
            "--trial K/N [options] DATA.pzd... >FILE\n"
            "--with-trials FILE... -o MODEL.pzm DATA.pzd...\n"
            "--info MODEL.pzm\n"
            "--trials MODEL.pzm",
        .summary = "Learn a model from datasets.",
        .examples =
            "  pz-train -o home.pzm shop.pzd\n"
            "  pz-train --update home.pzm -o home2.pzm day.pzd\n"
            "  pz-train -o home.pzm --event Purchase:weight=1 --event View:weight=0.2 shop.pzd",
        .opts = opts,
        .cfg_bytes = sizeof(struct train_cfg),
        .common_offset = offsetof(struct train_cfg, common),
        .operands = "pzd",
        .format = PZ_FORMAT_VERSION,
        .learns = true,
        .start = pz_ranks_start,
        .run = run,
        .values = pz_train_options_values,
        .settings = add_settings,
    };

    return pz_ranks_end(pz_cmd_main(&cmd, argc, argv));
}
