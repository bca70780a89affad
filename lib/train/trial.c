/* SPDX-License-Identifier: Apache-2.0 */
/* Searches as jobs: see train.h. Search 1 is the one that a training makes by itself. The others
 * begin each part with jumps to other regions of its settings (search.c), drawn by the seed and
 * their number, which are taken where they win; all are judged on the same cases, so that their
 * values can be compared. A line knows nothing of the machine that it was made on, and holds
 * numbers exactly: the model of the best one has the same bytes wherever searches and fit ran, and
 * with one search those of a plain training.
 *
 * Lines of different questions are no choice of one: dataset, recipe, rules, options and the number
 * of searches must be the same in all. A search that is missing is told, not refused: a job may
 * have failed. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/ranks.h"
#include "text/rows.h"
#include "train/outcome.h"

json_t *pz_train_question(const struct pz_dataset *ds, const struct pz_train_cfg *cfg)
{
    json_t *params = json_array();

    for (size_t i = 0; i < cfg->n_params; i++)
        json_array_append_new(params, json_string(cfg->params[i]));
    for (size_t i = 0; i < cfg->n_excluded; i++)
        json_array_append_new(params, json_sprintf("exclude %s", cfg->excluded[i]));
    return json_pack("{s:s, s:s, s:I, s:o, s:I, s:I, s:I, s:I, s:f, s:o}", "dataset",
                     ds->fingerprint, "recipe", cfg->recipe->name, "seed", (json_int_t)cfg->seed,
                     "events", pz_outcome_rules(cfg), "tune", (json_int_t)cfg->n_trials, "metric",
                     (json_int_t)cfg->metric.kind, "k", (json_int_t)cfg->metric.k, "tune_for",
                     (json_int_t)cfg->tune_for, "event_power", cfg->event_power, "params", params);
}

enum pz_status pz_trial_write(const struct pz_training *t, struct pz_str *line, struct pz_err *err)
{
    json_t *doc = json_pack("{s:I, s:I, s:o}", "trial", (json_int_t)t->cfg->trial, "of",
                            (json_int_t)t->cfg->n_searches, "asked",
                            pz_train_question(t->ds, t->cfg));
    enum pz_status st = doc ? pz_outcome_write(t, doc, err)
                            : pz_err_memory(err, "what the search found", 1e5);
    char *text = st == PZ_OK ? json_dumps(doc, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;

    if (st == PZ_OK && !text)
        st = pz_err_memory(err, "what the search found", 1e5);
    if (text) {
        pz_str_adds(line, text);
        pz_str_addc(line, '\n');
    }
    if (st == PZ_OK && line->failed)
        st = pz_err_memory(err, "what the search found", 1e5);
    free(text);
    json_decref(doc);
    return st;
}

/* ---- the best of several ---- */

struct trials {
    const char *fingerprint; /* of the data */
    json_t *best;            /* owned */
    double value;
    json_int_t n, of;
    uint8_t *seen; /* [of] */
};

static double value_of(const json_t *line)
{
    return json_number_value(json_object_get(json_object_get(line, "check"), "value"));
}

static enum pz_status begin(struct trials *all, const json_t *line, struct pz_err *err)
{
    const json_t *asked = json_object_get(line, "asked");
    const char *of_data = json_string_value(json_object_get(asked, "dataset"));

    all->of = json_integer_value(json_object_get(line, "of"));
    if (!of_data || all->of < 1 || all->of > PZ_SEARCHES_MAX)
        return pz_err_set(err, PZ_BAD_DATA, "no line of pz-train --trial");
    if (strcmp(of_data, all->fingerprint) != 0)
        return pz_err_set(err, PZ_BAD_DATA,
                          "the search was made on other data (%s) than these (%s)", of_data,
                          all->fingerprint);
    all->seen = pz_mem_array((size_t)all->of, 1);
    return all->seen ? PZ_OK : pz_err_memory(err, "searches", (double)all->of);
}

/* The better one stays; of equal ones that with the lower number, whatever the order of lines. */
static enum pz_status take(void *data, const json_t *line, struct pz_err *err)
{
    struct trials *all = data;
    json_int_t k = json_integer_value(json_object_get(line, "trial"));
    enum pz_status st = all->best ? PZ_OK : begin(all, line, err);

    if (st != PZ_OK)
        return st;
    if (k < 1 || k > all->of || json_integer_value(json_object_get(line, "of")) != all->of ||
        (all->best &&
         !json_equal(json_object_get(line, "asked"), json_object_get(all->best, "asked"))))
        return pz_err_set(err, PZ_BAD_DATA,
                          "the search was made with other data or options than those before it");
    all->n += !all->seen[k - 1];
    all->seen[k - 1] = 1;
    if (all->best && (value_of(line) < all->value ||
                      (value_of(line) <= all->value &&
                       k >= json_integer_value(json_object_get(all->best, "trial")))))
        return PZ_OK;
    json_decref(all->best);
    all->best = json_deep_copy(line);
    all->value = value_of(line);
    return all->best ? PZ_OK : pz_err_memory(err, "a search", 1e5);
}

static void tell(const struct trials *all, struct pz_log *log)
{
    struct pz_str missing = { 0 };

    for (json_int_t k = 0; k < all->of; k++)
        if (!all->seen[k])
            pz_str_addf(&missing, "%s%lld", missing.len ? ", " : "", (long long)k + 1);
    if (missing.len > 0)
        pz_log(log, PZ_LOG_WARN, "of %lld searches these are missing: %s", (long long)all->of,
               missing.failed ? "some" : missing.data);
    pz_log(log, PZ_LOG_NOTE, "search %lld of %lld is the best: %.4f",
           (long long)json_integer_value(json_object_get(all->best, "trial")), (long long)all->of,
           all->value);
    pz_str_clear(&missing);
}

/* Train by the best. */
static enum pz_status learn_by(struct trials *all, const struct pz_dataset *ds, double timeout_s,
                               struct pz_log *log, const char *out, struct pz_err *err)
{
    struct pz_train_cfg cfg = { .log = log, .timeout_s = timeout_s };
    enum pz_status st = PZ_OK;

    if (!all->best)
        st = pz_err_set(err, PZ_BAD_DATA, "there is no line of pz-train --trial");
    if (st == PZ_OK) {
        tell(all, log);
        st = pz_outcome_train(all->best, true, ds, &cfg, out, err);
    }
    return st;
}

static void trials_clear(struct trials *all)
{
    json_decref(all->best);
    free(all->seen);
}

enum pz_status pz_train_with_trials(const char *const *path, size_t n, const struct pz_dataset *ds,
                                    double timeout_s, struct pz_log *log, const char *out,
                                    struct pz_err *err)
{
    struct trials all = { .fingerprint = ds->fingerprint };
    enum pz_status st = PZ_OK;

    for (size_t i = 0; i < n && st == PZ_OK; i++)
        st = pz_rows_each_object(path[i], "pz-train --trial", take, &all, err);
    if (st == PZ_OK)
        st = learn_by(&all, ds, timeout_s, log, out, err);
    trials_clear(&all);
    return st;
}

/* ---- all of them here ---- */

static enum pz_status take_lines(struct trials *all, const char *text, size_t n, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (size_t at = 0, end; at < n && st == PZ_OK; at = end + 1) {
        json_t *line = NULL;

        end = at + (size_t)((const char *)memchr(text + at, '\n', n - at) - (text + at));
        st = pz_json_parse(text + at, end - at, "a search", &line, err);
        if (st == PZ_OK)
            st = take(all, line, err);
        json_decref(line);
    }
    return st;
}

/* The searches of this rank's group; lines: those of its first rank. */
static enum pz_status search_in_groups(const struct pz_dataset *ds, const struct pz_train_cfg *cfg,
                                       struct pz_str *lines, struct pz_err *err)
{
    struct pz_train_cfg one = *cfg;
    uint32_t ranks = (uint32_t)pz_ranks_n(),
             groups = ranks < cfg->n_searches ? ranks : cfg->n_searches;
    enum pz_status st = PZ_OK;

    for (uint32_t k = (uint32_t)pz_ranks_split((int)groups); k < cfg->n_searches && st == PZ_OK;
         k += groups) {
        one.trial = k + 1;
        st = pz_train_trial(ds, &one, lines, err);
    }
    if (!pz_ranks_first())
        pz_str_reset(lines);
    pz_ranks_unite();
    return st;
}

enum pz_status pz_train_searches(const struct pz_dataset *ds, const struct pz_train_cfg *cfg,
                                 const char *out, struct pz_err *err)
{
    struct trials all = { .fingerprint = ds->fingerprint };
    struct pz_str lines = { 0 };
    size_t n = (size_t)pz_ranks_n(), *from = pz_mem_array(n + 1, sizeof *from);
    void *text = NULL;
    enum pz_status st = from ? search_in_groups(ds, cfg, &lines, err)
                             : pz_err_memory(err, "searches", 8.0 * (double)n);

    if (st == PZ_OK)
        st = pz_ranks_collect(lines.data, lines.len, &text, from, err);
    if (st == PZ_OK)
        st = take_lines(&all, text, from[n], err);
    if (st == PZ_OK)
        st = learn_by(&all, ds, cfg->timeout_s, cfg->log, out, err);
    trials_clear(&all);
    pz_str_clear(&lines);
    free(text);
    free(from);
    return st;
}
