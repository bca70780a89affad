/* SPDX-License-Identifier: Apache-2.0 */
/* Updating: see train.h. The old model holds all it learned from, so it is read as a dataset and
 * merged with the deltas; positions of new events are found by comparing histories:
 *
 *   - a user's new events that are the newest are added to what was counted
 *   - a user with others has their old history taken back and counts again as a whole
 *
 * Where the merged data equal what the model was learned from there is nothing new, and the model's
 * bytes are copied. A part is fitted anew, on all data with the old settings, when its scorer has
 * no update, when the interactions have grown by more than its refit_at since it was last fitted
 * (the manifest says on how many it was), or when the times of the old data said nothing of order
 * and those of the new do, or when there are
 * few of them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/signals.h"
#include "base/str.h"
#include "data/group.h"
#include "data/order.h"
#include "model/dense.h"
#include "train/chain.h"
#include "train/heavy.h"
#include "train/options.h"
#include "train/outcome.h"
#include "train/training.h"

/* So few interactions are learned from anew in less time than it takes to look at. */
static const double SMALL = 10000;

struct updating {
    struct pz_training t;
    struct pz_model *old;
    struct pz_train_cfg cfg;
    const char *path;    /* of the new model */
    uint32_t *old_item;  /* [ds->items.n] index in the old model, or PZ_NONE */
    uint32_t *new_item;  /* [old->items.n] the other way round; PZ_NONE: left out */
    uint64_t *first_new; /* [ds->users.n] */
    uint32_t *late;      /* [n_late] old users who count again as a whole, or no more */
    uint32_t n_late;
    struct pz_corpus_own back; /* what was counted of them; NULL ptr: nothing */
    double learn_s;            /* as in struct pz_update_cfg, and the next one */
    const char *judged;
    size_t n_anew;   /* parts that were fitted anew because of drift */
    bool same_order; /* the times say of order what they said */
    bool lost_heavy; /* a heavy user was left out: what they taught is not known apart */
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
    /* For a model whose manifest does not say; the merged one is made of all of them. */
    memset(ds->fingerprint, '0', sizeof ds->fingerprint - 1);
    return live && *live ? pz_watermarks_read(&ds->watermarks, live, err) : PZ_OK;
}

static enum pz_status merge(struct updating *u, struct pz_dataset *const *delta, size_t n_delta,
                            struct pz_without *without, struct pz_dataset **out, struct pz_err *err)
{
    struct pz_dataset old, **all = pz_mem_array(n_delta + 1, sizeof *all);
    const char *print = json_string_value(json_object_get(u->old->manifest, "dataset"));
    enum pz_status st = all ? view(u->old, &old, err) : pz_err_memory(err, "datasets", 1e3);

    if (st == PZ_OK) {
        if (print && strlen(print) < sizeof old.fingerprint)
            memcpy(old.fingerprint, print, strlen(print) + 1);
        all[0] = &old;
        memcpy(all + 1, delta, n_delta * sizeof *all);
        st = pz_dataset_merge(all, n_delta + 1, without, out, err);
        pz_watermarks_clear(&old.watermarks);
    }
    if (st == PZ_OK)
        st = pz_watermarks_check(&(*out)->watermarks, true, "the model and the new data together",
                                 err);
    free(all);
    return st;
}

/* Whether the merged data are what the model was learned from. Repeated events were dropped, so
 * that as many are the same. */
static bool nothing_new(const struct updating *u, const struct pz_dataset *ds, struct pz_str *marks)
{
    const struct pz_model *m = u->old;
    const char *live = json_string_value(json_object_get(m->manifest, "live"));

    pz_watermarks_write(&ds->watermarks, marks);
    return ds->n_interactions == m->n_interactions && ds->items.n == m->items.n &&
           ds->users.n == m->users.n && pz_attrs_same(&ds->item_attrs, &m->item_attrs) &&
           pz_attrs_same(&ds->user_attrs, &m->user_attrs) &&
           strcmp(marks->data ? marks->data : "", live ? live : "") == 0;
}

/* The old model's bytes at another place. */
static enum pz_status copy_model(const char *from, const char *to, struct pz_err *err)
{
    char *bytes = NULL;
    size_t n = 0;
    enum pz_status st = pz_file_read(from, SIZE_MAX / 2, &bytes, &n, err);

    if (st == PZ_OK)
        st = pz_file_write(to, bytes, n, err);
    free(bytes);
    return st;
}

/* The old model's index of an id of the new dictionary, or PZ_NONE. */
static uint32_t old_index(const struct pz_dict *old, const struct pz_dict *now, uint32_t i)
{
    size_t len;
    const char *id = pz_dict_get(now, i, &len);

    return pz_dict_find(old, id, len);
}

/* Whether what was at position p of the old histories taught, and is of an item that stays. */
static bool taught(const struct updating *u, uint64_t p)
{
    return u->old->weight[p] > 0 && u->new_item[u->old->item[p]] != PZ_NONE;
}

/* Where a user's new events begin; false when their old ones do not stand before them unchanged. */
static bool find_first_new(struct updating *u, uint32_t user)
{
    const struct pz_model *m = u->old;
    const struct pz_corpus *c = &u->t.corpus.c;
    uint32_t was = old_index(&m->users, &u->t.ds->users, user);
    uint64_t at = c->ptr[user];

    u->first_new[user] = at;
    for (uint64_t p = was == PZ_NONE ? 0 : m->ptr[was]; was != PZ_NONE && p < m->ptr[was + 1];
         p++) {
        /* What is kept for the history alone, and what is gone, the corpus does not have. */
        if (!taught(u, p))
            continue;
        if (at == c->ptr[user + 1] || u->old_item[c->item[at]] != m->item[p] ||
            c->time[at] != m->time[p])
            return false;
        at++;
    }
    u->first_new[user] = at;
    return true;
}

/* The old histories of the late users, in the numbers of the new items. */
static enum pz_status take_back(struct updating *u, struct pz_err *err)
{
    const struct pz_model *m = u->old;
    struct pz_corpus *c = &u->back.c;
    uint64_t n = 0, *ptr = u->back.owned[0] = pz_mem_array((size_t)u->n_late + 1, sizeof *ptr);
    const uint32_t *was = u->late;
    uint32_t *item;
    int64_t *time;
    float *weight;

    for (uint32_t k = 0; k < u->n_late; k++)
        n += m->ptr[was[k] + 1] - m->ptr[was[k]];
    item = u->back.owned[1] = pz_mem_array(n, sizeof *item);
    time = u->back.owned[2] = pz_mem_array(n, sizeof *time);
    weight = u->back.owned[3] = pz_mem_array(n, sizeof *weight);
    if (!ptr || !item || !time || !weight)
        return pz_err_memory(err, "late events", 16.0 * (double)n);
    n = 0;
    for (uint32_t k = 0; k < u->n_late; k++) {
        for (uint64_t p = m->ptr[was[k]]; p < m->ptr[was[k] + 1]; p++)
            if (taught(u, p)) {
                item[n] = u->new_item[m->item[p]];
                time[n] = m->time[p];
                weight[n++] = m->weight[p];
            }
        ptr[k + 1] = n;
    }
    *c = (struct pz_corpus){ .n_users = u->n_late,
                             .n_items = u->t.corpus.c.n_items,
                             .ptr = ptr,
                             .item = item,
                             .time = time,
                             .weight = weight,
                             .newest = u->t.corpus.c.newest,
                             .ordered = u->t.corpus.c.ordered,
                             .event_power = u->t.corpus.c.event_power,
                             .wishes = u->t.corpus.c.wishes };
    return PZ_OK;
}

/* How many events of an old user counted. */
static uint64_t count_old(const struct updating *u, uint32_t was)
{
    uint64_t n = 0;

    for (uint64_t p = u->old->ptr[was]; p < u->old->ptr[was + 1]; p++)
        n += u->old->weight[p] > 0;
    return n;
}

/* What the users who are left out taught is taken back as well. */
static void find_left_out(struct updating *u)
{
    const struct pz_dict *old = &u->old->users;

    for (uint32_t was = 0; was < old->n; was++) {
        uint64_t n = old_index(&u->t.ds->users, old, was) == PZ_NONE ? count_old(u, was) : 0;

        if (n > 0)
            u->late[u->n_late++] = was;
        u->lost_heavy |= n > u->t.cap;
    }
}

static enum pz_status find_late(struct updating *u, bool without, struct pz_err *err)
{
    const struct pz_dataset *ds = u->t.ds;
    enum pz_status st = PZ_OK;

    u->late = pz_mem_array(u->old->users.n, sizeof *u->late);
    if (!u->late)
        return pz_err_memory(err, "an update", 4.0 * ds->users.n);
    for (uint32_t i = 0; i < ds->users.n; i++)
        if (!find_first_new(u, i)) {
            uint32_t was = old_index(&u->old->users, &ds->users, i);

            if (count_old(u, was) > u->t.cap) /* teaches no more, late or not */
                u->first_new[i] = u->t.corpus.c.ptr[i + 1];
            else
                u->late[u->n_late++] = was;
        }
    if (u->n_late > 0)
        pz_log(u->cfg.log, PZ_LOG_NOTE,
               "%u users have new events between old ones: they count again as a whole", u->n_late);
    if (without)
        find_left_out(u);
    if (u->n_late > 0)
        st = take_back(u, err);
    return st;
}

static bool old_was_ordered(const struct pz_model *m)
{
    return pz_order_known(
        &(struct pz_histories_of){ m->users.n, m->ptr, m->item, m->time, &m->items, NULL });
}

static enum pz_status compare(struct updating *u, bool without, struct pz_err *err)
{
    const struct pz_dataset *ds = u->t.ds;
    const json_t *cap = json_object_get(u->old->manifest, "user_cap");

    u->t.cap = cap ? (uint64_t)json_integer_value(cap) : UINT64_MAX;
    u->old_item = pz_mem_array(ds->items.n, sizeof *u->old_item);
    u->new_item = pz_mem_array(u->old->items.n, sizeof *u->new_item);
    u->first_new = pz_mem_array(ds->users.n, sizeof *u->first_new);
    if (!u->old_item || !u->new_item || !u->first_new)
        return pz_err_memory(err, "an update", 8.0 * ds->items.n + 8.0 * ds->users.n);
    memset(u->new_item, 0xff, u->old->items.n * sizeof *u->new_item); /* PZ_NONE is all ones */
    for (uint32_t i = 0; i < ds->items.n; i++) {
        u->old_item[i] = old_index(&u->old->items, &ds->items, i);
        if (u->old_item[i] != PZ_NONE)
            u->new_item[u->old_item[i]] = i;
    }
    u->same_order = old_was_ordered(u->old) == u->t.corpus.c.ordered;
    return find_late(u, without, err);
}

double pz_update_fitted_on(const json_t *manifest, size_t p)
{
    const json_t *entry = json_array_get(json_object_get(manifest, "parts"), p);
    const json_t *n = json_object_get(entry, "fitted_on"),
                 *all = json_object_get(json_object_get(manifest, "counts"), "interactions");

    return json_number_value(n ? n : all);
}

/* So little data are learned from anew in no time. */
static bool is_small(const struct pz_scorer *s, double now)
{
    return now < SMALL && !s->any_time;
}

bool pz_update_anew(const struct pz_scorer *s, double was, double now)
{
    return !s->update || is_small(s, now) || (s->refit_at > 0 && now > was * (1 + s->refit_at));
}

/* The old part has been read, or is not going to be: its columns and itself are dropped. */
static void drop_old(struct updating *u, size_t p)
{
    struct pz_part *old = &u->old->part[p];
    size_t n = strlen(old->scorer->name);

    old->scorer->free(old->part);
    old->part = NULL;
    for (size_t i = 0; i < pz_table_n_columns(u->old->table); i++) {
        const char *name = pz_table_column(u->old->table, i).name;

        /* The memory of the old part is free before the next part is made. */
        if (strncmp(name, old->scorer->name, n) == 0 && name[n] == '/')
            pz_table_drop(u->old->table, name);
    }
}

/* The old histories and ids have been read: they are in the new data. */
static void drop_histories(struct updating *u)
{
    static const char *const name[] = { "hist/ptr",    "hist/item",    "hist/time",
                                        "hist/weight", "hist/event",   "hist/value",
                                        "users.bytes", "users.offset", NULL };

    for (size_t i = 0; name[i]; i++)
        pz_table_drop(u->old->table, name[i]);
}

/* Heavy users go on teaching what they taught; their new events are for their histories only. */
static enum pz_status teach(struct updating *u, struct pz_err *err)
{
    const struct pz_corpus *c = &u->t.corpus.c;
    enum pz_status st;

    st = pz_training_teach(&u->t, u->same_order ? u->first_new : NULL, err);
    for (uint32_t i = 0; i < c->n_users && st == PZ_OK && u->t.teach != c; i++) {
        bool heavy = u->first_new[i] - c->ptr[i] > u->t.cap;

        /* From numbers of the whole corpus to those of the one that teaches, which is cut for heavy
         * users. */
        u->first_new[i] = heavy ? u->t.teach->ptr[i + 1]
                                : u->t.teach->ptr[i] + u->first_new[i] - c->ptr[i];
    }
    return st;
}

/* Whether part p is fitted anew. */
static bool is_anew(const struct updating *u, size_t p)
{
    const struct pz_corpus *c = &u->t.corpus.c;

    return !u->same_order || u->lost_heavy ||
           pz_update_anew(u->t.choice[p].scorer, pz_update_fitted_on(u->old->manifest, p),
                          (double)c->ptr[c->n_users]);
}

static enum pz_status bring_up(struct updating *u, size_t p, struct pz_err *err)
{
    const struct pz_scorer *s = u->t.choice[p].scorer;
    const struct pz_corpus *c = &u->t.corpus.c;
    struct pz_fit_cfg fit = { .value = u->t.choice[p].value,
                              .seed = u->cfg.seed,
                              /* the other half is for what comes behind */
                              .time_limit_s = pz_training_time_left(&u->t) / 2,
                              .learn_s = u->learn_s,
                              .log = u->cfg.log };
    struct pz_delta delta = { u->old_item, u->first_new, u->back.c.ptr ? &u->back.c : NULL,
                              u->old->table };
    double was = pz_update_fitted_on(u->old->manifest, p), now = (double)c->ptr[c->n_users],
           cpu = pz_cpu_seconds();
    bool anew = is_anew(u, p);
    enum pz_status st = anew ? pz_training_fit(&u->t, p, err) : pz_model_load_part(u->old, p, err);

    if (st == PZ_OK && !anew)
        st = s->update(u->old->part[p].part, u->t.teach, &delta, &fit, &u->t.part[p], err);
    if (st == PZ_OK && !anew && !s->borrows)
        drop_old(u, p);
    if (st == PZ_OK && !anew)
        st = pz_training_put_away(&u->t, p, err);
    if (st == PZ_OK && !anew && s->borrows)
        drop_old(u, p);
    u->t.fitted_on[p] = (uint64_t)(anew ? now : was);
    u->n_anew += anew && !is_small(s, now) && s->refit_at > 0;
    pz_log(u->cfg.log, PZ_LOG_DEBUG, "%s: %s, %.2f CPU s", s->name,
           anew ? "fitted anew" : "updated", pz_cpu_seconds() - cpu);
    return st;
}

/* Time to learn on is of use to few parts. */
static void tell_idle_time(const struct updating *u)
{
    bool any = u->learn_s <= 0;

    for (size_t p = 0; p < u->t.n; p++)
        any |= u->t.choice[p].scorer->any_time;
    if (!any)
        pz_log(u->cfg.log, PZ_LOG_WARN,
               "--update-time has no effect: this model has no part that would learn on");
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
                                          inputs, "added", u->n_anew == 0));
    return list;
}

static enum pz_status update(struct updating *u, struct pz_dataset *const *delta, size_t n_delta,
                             bool without, struct pz_err *err)
{
    enum pz_status st = pz_corpus_make(u->t.ds, u->cfg.rules, u->cfg.n_rules, NULL, &u->t.corpus,
                                       err);

    if (st == PZ_OK)
        st = pz_exclude_columns(u->cfg.excluded, u->cfg.n_excluded, false, &u->t.corpus.c,
                                &u->t.learned, err);
    if (st == PZ_OK) {
        pz_training_begin(&u->t);
        st = pz_outcome_take(u->old->manifest, &u->t, err);
        if (st == PZ_OK && u->t.n > u->old->n_parts)
            st = pz_err_set(err, PZ_BAD_DATA, "the model's manifest lists parts that it lacks");
    }
    if (st == PZ_OK) {
        tell_idle_time(u);
        st = compare(u, without, err);
    }
    drop_histories(u);
    if (st == PZ_OK)
        st = teach(u, err);
    if (st == PZ_OK)
        st = pz_trend_chosen(&u->t.trend, u->t.teach, &u->t.now, err);
    u->t.reuse = u->old->table;
    if (st == PZ_OK)
        st = pz_training_store(&u->t, u->path, err);
    for (size_t p = 0; p < u->t.n && st == PZ_OK; p++)
        if (is_anew(u, p)) /* nothing of it is needed, and the fits may have its room */
            drop_old(u, p);
    pz_mem_trim();
    for (size_t p = 0; p < u->t.n && st == PZ_OK; p++) {
        st = bring_up(u, p, err);
        st = st == PZ_OK ? pz_training_in_time(&u->t, p + 1, err) : st;
    }
    if (st == PZ_OK && pz_stop_asked())
        st = pz_err_set(err, PZ_INTERRUPTED, "stopped while updating");
    if (st == PZ_OK)
        u->t.lineage = lineage(u, delta, n_delta);
    if (st == PZ_OK)
        st = pz_chain_next(u->old->manifest, (double)u->t.corpus.c.ptr[u->t.corpus.c.n_users],
                           u->judged, u->cfg.log, &u->t.chain, err);
    return st;
}

enum pz_status pz_train_update(const char *old_path, struct pz_dataset *const *delta,
                               size_t n_delta, const struct pz_update_cfg *cfg, const char *path,
                               struct pz_err *err)
{
    struct updating u = { .cfg = { .log = cfg->log, .timeout_s = cfg->timeout_s },
                          .path = path,
                          .learn_s = cfg->learn_s,
                          .judged = cfg->judged };
    struct pz_dataset *ds = NULL;
    struct pz_str marks = { 0 };
    enum pz_status st = pz_mat_reserve(err);
    bool same;

    pz_mem_large_apart();
    if (st == PZ_OK)
        st = pz_model_open_to_update(old_path, &u.old, err);
    if (st == PZ_OK)
        st = pz_outcome_take_rules(u.old->manifest, &u.cfg, err);
    if (st == PZ_OK)
        st = merge(&u, delta, n_delta, cfg->without, &ds, err);
    same = st == PZ_OK && nothing_new(&u, ds, &marks);
    pz_str_clear(&marks);
    if (same) {
        pz_log(cfg->log, PZ_LOG_NOTE, "nothing new: the model stays as it is");
        st = pz_table_verify(u.old->table, err); /* its parts were not read */
        if (st == PZ_OK)
            st = copy_model(old_path, path, err);
        pz_train_options_clear(&u.cfg);
        pz_dataset_free(ds);
        pz_model_free(u.old);
        return st;
    }
    if (st == PZ_OK) {
        u.cfg.recipe = u.old->recipe;
        u.cfg.seed = (uint64_t)json_integer_value(json_object_get(u.old->manifest, "seed"));
        u.t =
            (struct pz_training){ .ds = ds,
                                  .cfg = &u.cfg,
                                  .softmax_scale = u.old->softmax_scale,
                                  .trials = json_incref(json_object_get(u.old->manifest, "trials")),
                                  .check = json_incref(json_object_get(u.old->manifest, "check")) };
        st = update(&u, delta, n_delta, cfg->without != NULL, err);
    }
    if (st == PZ_OK)
        st = pz_table_recheck(u.old->table, err);
    if (st == PZ_OK)
        st = pz_training_end(&u.t, err);
    pz_training_clear(&u.t);
    pz_train_options_clear(&u.cfg);
    free(u.old_item);
    free(u.new_item);
    free(u.first_new);
    free(u.late);
    pz_corpus_clear(&u.back);
    pz_dataset_free(ds);
    pz_model_free(u.old);
    return st;
}

/* All that is needed of a model whose settings are taken: its histories may be as long as those
 * that are learned from. */
static enum pz_status read_manifest(const char *path, json_t **doc, struct pz_err *err)
{
    struct pz_table *t = NULL;
    enum pz_status st = pz_table_open(path, "modl", &t, err);

    if (st != PZ_OK)
        return st;
    st = pz_model_manifest(t, doc, err);
    if (st != PZ_OK && st != PZ_TRY_AGAIN)
        pz_err_prefix(err, "%s", path);
    pz_table_close(t);
    return st;
}

enum pz_status pz_train_again(const char *tuned_path, const struct pz_dataset *ds, double timeout_s,
                              struct pz_log *log, const char *path, struct pz_err *err)
{
    struct pz_train_cfg cfg = { .log = log, .timeout_s = timeout_s };
    json_t *doc = NULL;
    enum pz_status st = read_manifest(tuned_path, &doc, err);

    if (st == PZ_OK)
        st = pz_outcome_train(doc, false, ds, &cfg, path, err);
    json_decref(doc);
    return st;
}
