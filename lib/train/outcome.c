/* SPDX-License-Identifier: Apache-2.0 */
/* What a search found: see outcome.h. Numbers are exact here; a manifest rounds them to 15
 * digits. */
#include "train/outcome.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/dense.h"
#include "train/heavy.h"
#include "train/options.h"

json_t *pz_outcome_rules(const struct pz_train_cfg *cfg)
{
    json_t *list = json_array();
    double largest = 0;

    for (size_t i = 0; i < cfg->n_rules; i++)
        largest = cfg->rules[i].weight > largest ? cfg->rules[i].weight : largest;
    for (size_t i = 0; i < cfg->n_rules; i++) {
        json_t *rule = json_pack("{s:s, s:f}", "type", cfg->rules[i].type, "weight",
                                 cfg->rules[i].weight / largest);

        /* -inf stands for none, which JSON cannot say: the member is left out. */
        if (isfinite(cfg->rules[i].threshold))
            json_object_set_new(rule, "threshold", json_real(cfg->rules[i].threshold));
        if (cfg->rules[i].unasked)
            json_object_set_new(rule, "unasked", json_true());
        json_array_append_new(list, rule);
    }
    return list;
}

static void put_weights(json_t *entry, const struct pz_choice *c)
{
    for (enum pz_lists l = 0; l < PZ_LISTS; l++)
        if (c->weighs[l]) {
            json_object_set_new(entry, pz_lists_weight(l), json_real(c->own[l].weight));
            json_object_set_new(entry, pz_lists_early(l), json_real(c->own[l].cold_weight));
        }
}

json_t *pz_outcome_parts(const struct pz_training *t)
{
    json_t *list = json_array();

    for (size_t p = 0; p < t->n; p++) {
        const struct pz_choice *c = &t->choice[p];
        json_t *settings = json_object(), *entry;

        for (size_t k = 0; k < c->scorer->n_settings; k++)
            json_object_set_new(settings, c->scorer->settings[k].name, json_real(c->value[k]));
        entry = json_pack("{s:s, s:f, s:f, s:o}", "scorer", c->scorer->name, "weight", c->weight,
                          "early", c->cold_weight, "settings", settings);
        put_weights(entry, c);
        /* Only where it differs from all of the data: after updates. */
        if (t->fitted_on[p])
            json_object_set_new(entry, "fitted_on", json_integer((json_int_t)t->fitted_on[p]));
        if (c->reached > 0)
            json_object_set_new(entry, "reached", json_real(c->reached));
        json_array_append_new(list, entry);
    }
    return list;
}

json_t *pz_outcome_trend(const struct pz_training *t)
{
    return json_pack("{s:f, s:f, s:f}", "power", t->trend.value[PZ_TREND_POWER], "half_life",
                     t->trend.value[PZ_TREND_HALF_LIFE], "rate", t->trend.value[PZ_TREND_RATE]);
}

static json_t *excluded(const struct pz_train_cfg *cfg)
{
    json_t *list = json_array();

    for (size_t i = 0; i < cfg->n_excluded; i++)
        json_array_append_new(list, json_string(cfg->excluded[i]));
    return list;
}

bool pz_outcome_add_findings(const struct pz_training *t, json_t *doc)
{
    bool ok = true;

    if (t->seen != PZ_SEEN_UNJUDGED)
        ok = json_object_set_new(doc, "seen",
                                 json_string(t->seen == PZ_SEEN_BETTER_KEPT ? "keep"
                                                                            : "exclude")) == 0;
    if (t->slice_s > 0)
        ok = json_object_set_new(doc, "slice_seconds", json_real(t->slice_s)) == 0 && ok;
    if (t->corpus.c.event_power > 0)
        ok = json_object_set_new(doc, "event_power", json_real(t->corpus.c.event_power)) == 0 && ok;
    if (t->cfg->n_excluded > 0)
        ok = json_object_set_new(doc, "excluded_columns", excluded(t->cfg)) == 0 && ok;
    if (json_object_size(t->check) > 0)
        ok = json_object_set(doc, "check", t->check) == 0 && ok;
    return ok;
}

enum pz_status pz_outcome_write(const struct pz_training *t, json_t *out, struct pz_err *err)
{
    json_t *doc = json_pack("{s:s, s:I, s:f, s:o, s:o, s:o, s:O}", "recipe", t->cfg->recipe->name,
                            "seed", (json_int_t)t->cfg->seed, "softmax_scale", t->softmax_scale,
                            "events", pz_outcome_rules(t->cfg), "parts", pz_outcome_parts(t),
                            "trend", pz_outcome_trend(t), "trials", t->trials);
    bool ok = doc && pz_outcome_add_findings(t, doc) && json_object_update(out, doc) == 0;

    json_decref(doc);
    return ok ? PZ_OK : pz_err_memory(err, "what the search found", 1e5);
}

/* Columns that the model did not learn from. */
static enum pz_status take_excluded(const json_t *doc, struct pz_train_cfg *cfg, struct pz_err *err)
{
    const json_t *list = json_object_get(doc, "excluded_columns"), *name;
    size_t i;

    cfg->n_excluded = json_array_size(list);
    cfg->excluded = cfg->own_excluded = pz_mem_array(cfg->n_excluded, sizeof *cfg->own_excluded);
    if (!cfg->own_excluded)
        return pz_err_memory(err, "excluded columns", 1e3);
    json_array_foreach (list, i, name) {
        cfg->own_excluded[i] = json_string_value(name);
        if (!cfg->own_excluded[i])
            return pz_err_set(err, PZ_BAD_DATA, "the excluded columns of the model are damaged");
    }
    return PZ_OK;
}

enum pz_status pz_outcome_take_rules(const json_t *doc, struct pz_train_cfg *cfg,
                                     struct pz_err *err)
{
    const json_t *list = json_object_get(doc, "events"), *rule;
    struct pz_event_rule *rules = pz_mem_array(json_array_size(list), sizeof *rules);
    size_t i;

    cfg->rules = cfg->own_rules = rules;
    cfg->n_rules = json_array_size(list);
    if (!rules)
        return pz_err_memory(err, "event rules", 1e3);
    json_array_foreach (list, i, rule) {
        const json_t *threshold = json_object_get(rule, "threshold");

        rules[i].type = json_string_value(json_object_get(rule, "type"));
        rules[i].weight = json_number_value(json_object_get(rule, "weight"));
        rules[i].threshold = threshold ? json_number_value(threshold) : -INFINITY;
        rules[i].unasked = json_is_true(json_object_get(rule, "unasked"));
        if (!rules[i].type || rules[i].weight <= 0)
            return pz_err_set(err, PZ_BAD_DATA, "the event rules of the model are damaged");
    }
    return take_excluded(doc, cfg, err);
}

static double number(const json_t *o, const char *name)
{
    return json_number_value(json_object_get(o, name));
}

/* A part that is there, with weight and settings; a setting that an older pz did not have stays at
 * its default. */
static enum pz_status take_part(const json_t *entry, struct pz_choice *c, struct pz_err *err)
{
    const char *name = json_string_value(json_object_get(entry, "scorer"));
    const struct pz_scorer *scorer = name ? pz_scorer_find(name) : NULL;
    const json_t *settings = json_object_get(entry, "settings");

    if (!scorer)
        return pz_err_set(err, PZ_BAD_DATA, "there is no part \"%s\" in this pz", name ? name : "");
    pz_choice_init(c, scorer);
    c->weight = number(entry, "weight");
    c->cold_weight = number(entry, "early");
    for (enum pz_lists l = 0; l < PZ_LISTS; l++) {
        c->weighs[l] = json_object_get(entry, pz_lists_weight(l)) != NULL;
        c->own[l] = (struct pz_weights){ number(entry, pz_lists_weight(l)),
                                         number(entry, pz_lists_early(l)) };
    }
    c->reached = number(entry, "reached");
    for (size_t k = 0; k < scorer->n_settings; k++) {
        const json_t *value = json_object_get(settings, scorer->settings[k].name);

        c->value[k] = value ? json_number_value(value) : c->value[k];
    }
    return pz_scorer_check(scorer, c->value, err);
}

enum pz_status pz_outcome_take(const json_t *doc, struct pz_training *t, struct pz_err *err)
{
    const json_t *entry, *trend = json_object_get(doc, "trend");
    const char *seen = json_string_value(json_object_get(doc, "seen"));
    enum pz_status st = PZ_OK;
    size_t i;

    t->seen = !seen                       ? PZ_SEEN_UNJUDGED
              : strcmp(seen, "keep") == 0 ? PZ_SEEN_BETTER_KEPT
                                          : PZ_SEEN_BETTER_HIDDEN;
    t->slice_s = number(doc, "slice_seconds");
    t->corpus.c.event_power = number(doc, "event_power");
    pz_choice_init(&t->trend, &pz_trend_choice);
    t->trend.value[PZ_TREND_POWER] = number(trend, "power");
    t->trend.value[PZ_TREND_HALF_LIFE] = number(trend, "half_life");
    t->trend.value[PZ_TREND_RATE] = number(trend, "rate");
    if (!(t->softmax_scale > 0))
        return pz_err_set(err, PZ_BAD_DATA, "softmax_scale is not above 0");
    if (trend)
        st = pz_scorer_check(&pz_trend_choice, t->trend.value, err);
    if (json_array_size(json_object_get(doc, "parts")) > PZ_MAX_PARTS)
        return pz_err_set(err, PZ_BAD_DATA, "there are more than %d parts", PZ_MAX_PARTS);
    json_array_foreach (json_object_get(doc, "parts"), i, entry) {
        st = st == PZ_OK ? take_part(entry, &t->choice[i], err) : st;
        t->n++;
    }
    return st;
}

/* What the search learned of these data and left to be finished. */
static enum pz_status begin_again(struct pz_training *t, struct pz_err *err)
{
    struct pz_tune_cfg cfg = { .task = t->cfg->recipe->task,
                               .exclude_seen = t->cfg->recipe->exclude_seen,
                               .seed = t->cfg->seed };

    return pz_tune_again(t->teach, &cfg, t->choice, t->n, err);
}

/* Of other data nothing was learned yet. */
static enum pz_status begin_anew(struct pz_training *t)
{
    for (size_t p = 0; p < t->n; p++)
        t->choice[p].reached = 0;
    return PZ_OK;
}

/* Fit all parts; the file is that of a training. */
static enum pz_status fit_all(struct pz_training *t, struct pz_err *err)
{
    size_t order[PZ_MAX_PARTS];
    enum pz_status st = PZ_OK;

    pz_training_order(t, order);
    for (size_t i = 0; i < t->n && st == PZ_OK; i++) {
        st = pz_training_share(t, order, i, err);
        if (st == PZ_OK)
            st = pz_training_fit(t, order[i], err);
        st = st == PZ_OK ? pz_training_in_time(t, i + 1, err) : st;
    }
    return st;
}

enum pz_status pz_outcome_train(const json_t *doc, bool keep_check, const struct pz_dataset *ds,
                                struct pz_train_cfg *cfg, const char *path, struct pz_err *err)
{
    const char *recipe = json_string_value(json_object_get(doc, "recipe"));
    struct pz_training t = { .ds = ds,
                             .cfg = cfg,
                             .softmax_scale = number(doc, "softmax_scale"),
                             .trials = json_incref(json_object_get(doc, "trials")),
                             .check = keep_check ? json_incref(json_object_get(doc, "check"))
                                                 : NULL };
    enum pz_status st = pz_mat_reserve(err);

    cfg->recipe = recipe ? pz_recipe_find(recipe, NULL) : NULL;
    cfg->seed = (uint64_t)json_integer_value(json_object_get(doc, "seed"));
    if (st == PZ_OK && !cfg->recipe)
        st = pz_err_set(err, PZ_BAD_DATA, "recipe \"%s\" is not known to this pz",
                        recipe ? recipe : "");
    if (st == PZ_OK)
        st = pz_outcome_take_rules(doc, cfg, err);
    if (st == PZ_OK)
        st = pz_corpus_make(ds, cfg->rules, cfg->n_rules, cfg->keep, &t.corpus, err);
    if (st == PZ_OK)
        st = pz_exclude_columns(cfg->excluded, cfg->n_excluded, false, &t.corpus.c, &t.learned,
                                err);
    if (st == PZ_OK) {
        pz_training_begin(&t);
        st = pz_outcome_take(doc, &t, err);
    }
    if (st == PZ_OK) {
        t.cap = pz_heavy_cap(&t.corpus.c);
        st = pz_training_teach(&t, NULL, err);
    }
    if (st == PZ_OK)
        st = keep_check ? begin_again(&t, err) : begin_anew(&t);
    if (st == PZ_OK)
        st = pz_trend_chosen(&t.trend, t.teach, &t.now, err);
    if (st == PZ_OK)
        st = pz_training_store(&t, path, err);
    if (st == PZ_OK)
        st = fit_all(&t, err);
    if (st == PZ_OK)
        st = pz_training_end(&t, err);
    pz_training_clear(&t);
    pz_train_options_clear(cfg);
    return st;
}
