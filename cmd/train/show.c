/* SPDX-License-Identifier: Apache-2.0 */
/* What pz-train prints in place of a training.
 *
 *   --info      what a model learned from, consists of and was worth (model/describe.h)
 *   --trials    what tuning tried for a model, from its manifest
 *   --dry-run   what a training would take, from counts and trials on a part of the data
 *               (train/estimate.c)
 *   -p list     every setting of every part with range, default and meaning, from the tables that
 *               the programs themselves read */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "campaign/campaign.h"
#include "cmd/train/train.h"
#include "model/describe.h"
#include "table/table.h"

/* What a trial took, "-" where the training was not to record it. */
static const char *seconds_of(const json_t *trial, char text[32])
{
    const json_t *seconds = json_object_get(trial, "seconds");

    snprintf(text, 32, "%.3f", json_number_value(seconds));
    return seconds ? text : "-";
}

enum pz_status train_print_trials(const struct train_cfg *cfg, struct pz_err *err)
{
    struct pz_model *m = NULL;
    enum pz_status st = pz_model_open(cfg->trials, &m, err);
    const json_t *trials = st == PZ_OK ? json_object_get(m->manifest, "trials") : NULL, *trial;
    char seconds[32];
    size_t i;

    if (st == PZ_OK && !cfg->common.json)
        printf("%-12s %7s %8s %6s %4s %8s  %s\n", "scorer", "metric", "weight", "users", "kept",
               "seconds", "settings");
    json_array_foreach (trials, i, trial) {
        char *text = json_dumps(cfg->common.json ? trial : json_object_get(trial, "settings"),
                                JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));

        if (cfg->common.json)
            printf("%s\n", text ? text : "{}");
        else
            printf("%-12s %7.4f %8.3f %6lld %4s %8s  %s\n",
                   json_string_value(json_object_get(trial, "scorer")),
                   json_number_value(json_object_get(trial, "metric")),
                   json_number_value(json_object_get(trial, "weight")),
                   (long long)json_integer_value(json_object_get(trial, "users")),
                   json_is_true(json_object_get(trial, "kept")) ? "yes" : "no",
                   seconds_of(trial, seconds), text ? text : "");
        free(text);
    }
    pz_model_free(m);
    return st;
}

enum pz_status train_print_info(const struct train_cfg *cfg, struct pz_err *err)
{
    char path[4096];
    struct pz_model *m = NULL;
    struct pz_str text = { 0 };
    json_t *facts = NULL;
    enum pz_status st = pz_campaign_model_path(cfg->info, path, sizeof path, err);

    if (st == PZ_OK)
        st = pz_model_open(path, &m, err);
    if (st == PZ_OK && !(facts = pz_model_describe(m)))
        st = pz_err_memory(err, "what the model says of itself", 1e5);
    if (st == PZ_OK)
        st = pz_table_recheck(m->table, err);
    if (st == PZ_OK && cfg->common.json)
        pz_json_dump(&text, facts, false);
    else if (st == PZ_OK)
        pz_model_describe_text(facts, false, &text);
    if (st == PZ_OK && cfg->common.json)
        pz_str_addc(&text, '\n');
    if (st == PZ_OK)
        st = pz_cmd_print(&text, "what the model says of itself", err);
    json_decref(facts);
    pz_str_clear(&text);
    pz_model_free(m);
    return st;
}

static json_t *outlay_json(const struct pz_outlay *o)
{
    return json_pack("{s:f, s:f}", "memory_mb", round(o->bytes / 1e6), "cpu_seconds", o->cpu_s);
}

/* ds: NULL for an update, of which only new data are read */
static void print_plan_json(const struct pz_dataset *ds, const struct pz_estimate *e)
{
    json_t *doc = outlay_json(&e->asked);
    char *text;

    if (ds) {
        json_object_set_new(doc, "interactions", json_integer((json_int_t)ds->n_interactions));
        json_object_set_new(doc, "users", json_integer(ds->users.n));
        json_object_set_new(doc, "items", json_integer(ds->items.n));
    }
    if (e->slow) {
        json_object_set_new(doc, "slow_part", json_string(e->slow));
        json_object_set_new(doc, "without", outlay_json(&e->without));
        json_object_set_new(doc, "with", outlay_json(&e->with));
    }
    text = json_dumps(doc, JSON_COMPACT | JSON_REAL_PRECISION(3));
    printf("%s\n", text ? text : "{}");
    free(text);
    json_decref(doc);
}

static void print_plan(const struct pz_dataset *ds, const struct pz_estimate *e)
{
    if (ds)
        printf("%llu interactions, %u users, %u items; ", (unsigned long long)ds->n_interactions,
               ds->users.n, ds->items.n);
    printf("about %.0f MB of memory and %.3g processor seconds\n", e->asked.bytes / 1e6,
           e->asked.cpu_s);
    if (e->slow)
        printf("without %s %.0f MB and %.3g s, with it %.0f MB and %.3g s\n", e->slow,
               e->without.bytes / 1e6, e->without.cpu_s, e->with.bytes / 1e6, e->with.cpu_s);
}

static void print_estimate(const struct pz_dataset *ds, const struct pz_estimate *e, bool json,
                           struct pz_log *log)
{
    const char *whose;
    double allowed = pz_limits_memory(&whose);

    if (e->asked.bytes > allowed)
        pz_log(log, PZ_LOG_WARN, "that is more than the %.0f MB that %s allows", allowed / 1e6,
               whose);
    if (json)
        print_plan_json(ds, e);
    else
        print_plan(ds, e);
}

enum pz_status train_print_plan(const struct pz_dataset *ds, const struct pz_train_cfg *job,
                                bool json, struct pz_err *err)
{
    struct pz_estimate e;
    enum pz_status st = pz_train_estimate(ds, job, &e, err);

    if (st == PZ_OK)
        print_estimate(ds, &e, json, job->log);
    return st;
}

enum pz_status train_print_update(const char *base, struct pz_dataset *const *delta, size_t n_delta,
                                  const struct pz_update_cfg *job, bool json, struct pz_err *err)
{
    struct pz_estimate e;
    enum pz_status st = pz_train_estimate_update(base, delta, n_delta, job, &e, err);

    if (st == PZ_OK)
        print_estimate(NULL, &e, json, job->log);
    return st;
}

enum pz_status train_print_settings(bool json, struct pz_err *err)
{
    struct pz_str text = { 0 };

    pz_params_list(&text, json ? PZ_LIST_JSON : PZ_LIST_TEXT);
    return pz_cmd_print(&text, "the settings", err);
}
