/* SPDX-License-Identifier: Apache-2.0 */
/* Which options of pz-train go together. There are five ways to a model, and each has options of
 * its own: a training, --update, --tuned-from, --with-trials, and --trial, which makes none. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/ranks.h"
#include "campaign/operand.h"
#include "cmd/train/train.h"

/* Whether an option is given, other than by its default, that only a search heeds. */
static bool is_of_training(const struct train_cfg *cfg)
{
    return cfg->learn.params.n || cfg->learn.events.n || cfg->learn.excluded.n ||
           cfg->learn.no_tune || cfg->strict || cfg->searches > 1 || cfg->record_time ||
           cfg->learn.tune_time > 0 || cfg->learn.event_power > 0 ||
           cfg->learn.tune != strtoll(PZ_TUNE_TRIALS, NULL, 10) ||
           cfg->learn.seed != strtoll(TRAIN_SEED, NULL, 10) ||
           strcmp(cfg->recipe, TRAIN_RECIPE) != 0 || strcmp(cfg->learn.metric, TRAIN_METRIC) != 0 ||
           strcmp(cfg->learn.tune_for, "auto") != 0;
}

/* Models where datasets belong, and the other way round. */
static enum pz_status check_operands(const struct train_cfg *cfg, const struct pz_strs *args,
                                     struct pz_err *err)
{
    const unsigned dataset = 1u << PZ_OPERAND_DATASET,
                   model = 1u << PZ_OPERAND_MODEL | 1u << PZ_OPERAND_CAMPAIGN;
    const char *old = cfg->update ? cfg->update : cfg->tuned_from;
    enum pz_status st = PZ_OK;

    if (old && args->n > 0 && pz_operands_swapped(old, model, args->v[0], dataset))
        return pz_err_set(err, PZ_USAGE, "the model comes behind --%s: pz-train --%s %s -o %s %s",
                          cfg->update ? "update" : "tuned-from",
                          cfg->update ? "update" : "tuned-from", args->v[0],
                          cfg->output ? cfg->output : "MODEL.pzm", old);
    if (old)
        st = pz_operand_want(old, model, err);
    for (size_t i = 0; i < args->n && st == PZ_OK; i++)
        st = pz_operand_want(args->v[i], dataset, err);
    return st;
}

/* The way to a model that is not a search of this run, as an option; NULL: it is a training. */
static const char *way(const struct train_cfg *cfg)
{
    return cfg->update          ? "--update"
           : cfg->tuned_from    ? "--tuned-from"
           : cfg->with_trials.n ? "--with-trials"
                                : NULL;
}

static enum pz_status check_ways(const struct train_cfg *cfg, struct pz_err *err)
{
    const char *how = way(cfg);

    if (!!cfg->update + !!cfg->tuned_from + !!cfg->with_trials.n + !!cfg->trial > 1)
        return pz_err_set(err, PZ_USAGE,
                          "--update, --tuned-from, --with-trials and --trial exclude each other");
    if ((cfg->without || cfg->without_items || cfg->judged || cfg->update_time > 0) && !cfg->update)
        return pz_err_set(err, PZ_USAGE, "%s goes with --update",
                          cfg->without         ? "--without"
                          : cfg->without_items ? "--without-items"
                          : cfg->judged        ? "--judged"
                                               : "--update-time");
    if (!cfg->holdout != !cfg->holdout_out)
        return pz_err_set(err, PZ_USAGE, "--holdout SPEC and --holdout-out TEST.pzd go together");
    if ((how || cfg->trial || cfg->searches > 1) &&
        (cfg->holdout || (cfg->dry_run && !cfg->update)))
        return pz_err_set(err, PZ_USAGE, "%s goes without --dry-run and --holdout",
                          how          ? how
                          : cfg->trial ? "--trial"
                                       : "--searches");
    if (cfg->trial && cfg->searches > 1)
        return pz_err_set(err, PZ_USAGE, "--trial makes one search, --searches all: give one");
    if (cfg->dry_run && (cfg->without || cfg->without_items))
        return pz_err_set(err, PZ_USAGE, "--dry-run plans an update by new data alone");
    if (cfg->dry_run && cfg->holdout)
        return pz_err_set(err, PZ_USAGE, "--dry-run plans a training without --holdout");
    if (how && is_of_training(cfg))
        return pz_err_set(err, PZ_USAGE,
                          "%s keeps recipe, event rules, settings and seed; options that choose "
                          "them or tune are for a training",
                          how);
    if (cfg->trial && cfg->output)
        return pz_err_set(err, PZ_USAGE,
                          "--trial makes no model: its line goes to standard output");
    return PZ_OK;
}

/* What looks at the clock would decide otherwise on each rank. */
static enum pz_status check_ranks(const struct train_cfg *cfg, struct pz_err *err)
{
    const char *clock = cfg->dry_run               ? "--dry-run"
                        : cfg->update_time > 0     ? "--update-time"
                        : cfg->timeout > 0         ? "--timeout"
                        : cfg->learn.tune_time > 0 ? "--tune-time"
                                                   : NULL;

    return clock && pz_ranks_n() > 1
               ? pz_err_set(err, PZ_USAGE, "%s is for one process: several ranks would not agree",
                            clock)
               : PZ_OK;
}

enum pz_status train_check(const struct train_cfg *cfg, const struct pz_strs *args,
                           struct pz_err *err)
{
    enum pz_status st = check_ways(cfg, err);

    if (st == PZ_OK)
        st = check_ranks(cfg, err);
    if (st == PZ_OK && args->n == 0 && !cfg->without && !cfg->without_items)
        st = pz_err_set(err, PZ_USAGE, "no dataset given; see pz-train --help");
    if (st == PZ_OK)
        st = check_operands(cfg, args, err);
    if (st == PZ_OK && !cfg->output && !cfg->dry_run && !cfg->trial)
        st = pz_err_set(err, PZ_USAGE, "-o MODEL.pzm is missing");
    return st == PZ_OK ? pz_out_check_binary(cfg->output, err) : st;
}
