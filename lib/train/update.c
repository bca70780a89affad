/* SPDX-License-Identifier: Apache-2.0 */
/* Updating: see train.h. The old model holds all it learned from, so it is read as a dataset and
 * merged with the deltas; positions of new events are found by comparing histories. A part may add
 * the delta to what it has only where histories grew at their ends: what is out of order changes
 * pairs that were counted. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/signals.h"
#include "data/group.h"
#include "train/heavy.h"
#include "train/training.h"

struct updating {
    struct pz_training t;
    struct pz_model *old;
    struct pz_train_cfg cfg;
    struct pz_event_rule *rules; /* owned; types borrowed from the old manifest */
    uint32_t *old_item;          /* [ds->items.n] index in the old model, or PZ_NONE */
    uint64_t *first_new;         /* [ds->users.n] */
    bool appended;
};

/* The old model's data as a dataset; all is borrowed but the marks. */
static enum pz_status view(const struct pz_model *m, struct pz_dataset *ds, struct pz_err *err)
{
    const char *live = json_string_value(json_object_get(m->manifest, "live"));

    *ds = (struct pz_dataset){ .users = m->users,
                               .items = m->items,
                               .events = m->events,
                               .n_interactions = m->n_interactions,
                               .ptr = m->ptr,
                               .item = m->item,
                               .time = m->time,
                               .event = m->event,
                               .value = m->value,
                               .context = m->context,
                               .item_attrs = m->item_attrs,
                               .user_attrs = m->user_attrs };
    memset(ds->fingerprint, '0', sizeof ds->fingerprint - 1);
    return live && *live ? pz_watermarks_read(&ds->watermarks, live, err) : PZ_OK;
}

static enum pz_status merge(struct updating *u, struct pz_dataset *const *delta, size_t n_delta,
                            struct pz_dataset **out, struct pz_err *err)
{
    struct pz_dataset old, **all = pz_mem_array(n_delta + 1, sizeof *all);
    const char *print = json_string_value(json_object_get(u->old->manifest, "dataset"));
    enum pz_status st = all ? view(u->old, &old, err) : pz_err_memory(err, "datasets", 1e3);

    if (st == PZ_OK) {
        if (print && strlen(print) < sizeof old.fingerprint)
            memcpy(old.fingerprint, print, strlen(print) + 1);
        all[0] = &old;
        memcpy(all + 1, delta, n_delta * sizeof *all);
        st = pz_dataset_merge(all, n_delta + 1, out, err);
        pz_watermarks_clear(&old.watermarks);
    }
    if (st == PZ_OK)
        st = pz_watermarks_check(&(*out)->watermarks, true, "the model and the new data together",
                                 err);
    free(all);
    return st;
}

static enum pz_status take_rules(struct updating *u, struct pz_err *err)
{
    const json_t *list = json_object_get(u->old->manifest, "events"), *rule;
    size_t i;

    u->rules = pz_mem_array(json_array_size(list), sizeof *u->rules);
    if (!u->rules)
        return pz_err_memory(err, "event rules", 1e3);
    json_array_foreach (list, i, rule) {
        const json_t *threshold = json_object_get(rule, "threshold");

        u->rules[i].type = json_string_value(json_object_get(rule, "type"));
        u->rules[i].weight = json_number_value(json_object_get(rule, "weight"));
        u->rules[i].threshold = threshold ? json_number_value(threshold) : -INFINITY;
        if (!u->rules[i].type || u->rules[i].weight <= 0)
            return pz_err_set(err, PZ_BAD_DATA, "the model's event rules are damaged");
    }
    u->cfg.rules = u->rules;
    u->cfg.n_rules = json_array_size(list);
    return PZ_OK;
}

/* What was found beside the parts stays as it was. */
static void take_findings(struct updating *u)
{
    u->t.judged_seen = json_object_get(u->old->manifest, "seen") != NULL;
    u->t.keep_seen = u->old->keep_seen;
    pz_choice_init(&u->t.trend, &pz_trend_choice);
    u->t.trend.value[PZ_TREND_POWER] = u->old->trend.power;
    u->t.trend.value[PZ_TREND_HALF_LIFE] = u->old->trend.half_life_s / 86400;
    u->t.trend.value[PZ_TREND_RATE] = u->old->trend.rate;
}

static enum pz_status take_choices(struct updating *u, struct pz_err *err)
{
    const json_t *list = json_object_get(u->old->manifest, "parts"), *entry;
    enum pz_status st = PZ_OK;
    size_t i;

    json_array_foreach (list, i, entry) {
        const json_t *settings = json_object_get(entry, "settings");
        struct pz_choice *c = &u->t.choice[i];

        if (i >= u->old->n_parts)
            return pz_err_set(err, PZ_BAD_DATA, "the model's manifest lists parts that it lacks");
        pz_choice_init(c, u->old->part[i].scorer);
        c->weight = u->old->part[i].weight;
        c->cold_weight = u->old->part[i].cold_weight;
        for (size_t k = 0; k < c->scorer->n_settings; k++) {
            const json_t *value = json_object_get(settings, c->scorer->settings[k].name);

            c->value[k] = value ? json_number_value(value) : c->value[k];
        }
        u->t.n++;
        st = st == PZ_OK ? pz_scorer_check(c->scorer, c->value, err) : st;
    }
    return st;
}

/* The old model's index of an id of the new dictionary, or PZ_NONE. */
static uint32_t old_index(const struct pz_dict *old, const struct pz_dict *now, uint32_t i)
{
    size_t len;
    const char *id = pz_dict_get(now, i, &len);

    return pz_dict_find(old, id, len);
}

/* Where a user's new events begin, provided that their old ones stand before them unchanged. */
static bool find_first_new(struct updating *u, uint32_t user)
{
    const struct pz_model *m = u->old;
    const struct pz_corpus *c = &u->t.corpus.c;
    uint32_t was = old_index(&m->users, &u->t.ds->users, user);
    uint64_t at = c->ptr[user];

    for (uint64_t p = was == PZ_NONE ? 0 : m->ptr[was]; was != PZ_NONE && p < m->ptr[was + 1];
         p++) {
        if (m->weight[p] <= 0)
            continue;
        if (at == c->ptr[user + 1] || u->old_item[c->item[at]] != m->item[p] ||
            c->time[at] != m->time[p])
            return false;
        at++;
    }
    u->first_new[user] = at;
    return true;
}

static enum pz_status compare(struct updating *u, struct pz_err *err)
{
    const struct pz_dataset *ds = u->t.ds;

    u->old_item = pz_mem_array(ds->items.n, sizeof *u->old_item);
    u->first_new = pz_mem_array(ds->users.n, sizeof *u->first_new);
    if (!u->old_item || !u->first_new)
        return pz_err_memory(err, "an update", 4.0 * ds->items.n + 8.0 * ds->users.n);
    for (uint32_t i = 0; i < ds->items.n; i++)
        u->old_item[i] = old_index(&u->old->items, &ds->items, i);
    u->appended = true;
    for (uint32_t i = 0; i < ds->users.n && u->appended; i++)
        u->appended = find_first_new(u, i);
    if (!u->appended)
        pz_log(u->cfg.log, PZ_LOG_NOTE,
               "new events lie between old ones: all parts are fitted again");
    return PZ_OK;
}

/* Heavy users go on teaching what they taught; their new events are for their histories only. */
static enum pz_status teach(struct updating *u, struct pz_err *err)
{
    const json_t *cap = json_object_get(u->old->manifest, "user_cap");
    const struct pz_corpus *c = &u->t.corpus.c;
    enum pz_status st;

    u->t.cap = cap ? (uint64_t)json_integer_value(cap) : UINT64_MAX;
    st = pz_training_teach(&u->t, u->appended ? u->first_new : NULL, err);
    for (uint32_t i = 0; i < c->n_users && st == PZ_OK && u->t.teach != c; i++) {
        bool heavy = u->first_new[i] - c->ptr[i] > u->t.cap;

        u->first_new[i] = heavy ? u->t.teach->ptr[i + 1]
                                : u->t.teach->ptr[i] + u->first_new[i] - c->ptr[i];
    }
    return st;
}

static enum pz_status bring_up(struct updating *u, size_t p, struct pz_err *err)
{
    const struct pz_scorer *s = u->t.choice[p].scorer;
    struct pz_fit_cfg fit = { .value = u->t.choice[p].value,
                              .seed = u->cfg.seed,
                              .log = u->cfg.log };

    if (!s->update || !u->appended)
        return pz_training_fit(&u->t, p, err);
    return s->update(u->old->part[p].part, u->t.teach, u->old_item, u->first_new, &fit,
                     &u->t.part[p], err);
}

/* The old model's lineage with this step at its end. */
static json_t *lineage(const struct updating *u, struct pz_dataset *const *delta, size_t n_delta)
{
    const json_t *before = json_object_get(u->old->manifest, "lineage");
    json_t *list = before ? json_deep_copy(before) : json_array(), *inputs = json_array();

    for (size_t i = 0; i < n_delta; i++)
        json_array_append_new(inputs, json_string(delta[i]->fingerprint));
    json_array_append_new(list, json_pack("{s:O, s:o, s:b}", "parent",
                                          json_object_get(u->old->manifest, "dataset"), "deltas",
                                          inputs, "added", u->appended));
    return list;
}

static enum pz_status update(struct updating *u, struct pz_dataset *const *delta, size_t n_delta,
                             struct pz_err *err)
{
    enum pz_status st = take_rules(u, err);

    if (st == PZ_OK)
        st = pz_corpus_make(u->t.ds, u->cfg.rules, u->cfg.n_rules, NULL, &u->t.corpus, err);
    if (st == PZ_OK) {
        pz_training_wishes(&u->t);
        take_findings(u);
        st = take_choices(u, err);
    }
    if (st == PZ_OK)
        st = compare(u, err);
    if (st == PZ_OK)
        st = teach(u, err);
    if (st == PZ_OK)
        st = pz_trend_chosen(&u->t.trend, u->t.teach, &u->t.now, err);
    for (size_t p = 0; p < u->t.n && st == PZ_OK; p++)
        st = bring_up(u, p, err);
    if (st == PZ_OK && pz_stop_asked())
        st = pz_err_set(err, PZ_INTERRUPTED, "stopped while updating");
    if (st == PZ_OK)
        u->t.lineage = lineage(u, delta, n_delta);
    return st;
}

enum pz_status pz_train_update(const char *old_path, struct pz_dataset *const *delta,
                               size_t n_delta, struct pz_log *log, const char *path,
                               struct pz_err *err)
{
    struct updating u = { .cfg = { .log = log } };
    struct pz_dataset *ds = NULL;
    enum pz_status st = pz_model_open(old_path, &u.old, err);

    if (st == PZ_OK)
        st = merge(&u, delta, n_delta, &ds, err);
    if (st == PZ_OK) {
        u.cfg.recipe = u.old->recipe;
        u.cfg.seed = (uint64_t)json_integer_value(json_object_get(u.old->manifest, "seed"));
        u.t = (struct pz_training){ .ds = ds,
                                    .cfg = &u.cfg,
                                    .softmax_scale = u.old->softmax_scale,
                                    .trials = json_incref(
                                        json_object_get(u.old->manifest, "trials")) };
        st = update(&u, delta, n_delta, err);
    }
    if (st == PZ_OK)
        st = pz_training_write(&u.t, path, err);
    pz_training_clear(&u.t);
    free(u.rules);
    free(u.old_item);
    free(u.first_new);
    pz_dataset_free(ds);
    pz_model_free(u.old);
    return st;
}
