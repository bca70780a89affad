/* SPDX-License-Identifier: Apache-2.0 */
/* Training: see train.h. Corpus -> tune -> fit every part on all of it -> write. The model file's
 * columns are users, items, events (dictionaries), hist/... and context/ (histories.c), item_count,
 * attributes (items/, users/), each part's own columns, and the manifest. No date enters the file,
 * and durations only on demand, so that the same inputs give the same bytes; times go to the log.
 */
#include "train/train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/ranks.h"
#include "base/signals.h"
#include "base/str.h"
#include "base/time.h"
#include "data/shares.h"
#include "model/dense.h"
#include "model/histories.h"
#include "train/heavy.h"
#include "train/liked.h"
#include "train/outcome.h"
#include "train/power.h"
#include "train/training.h"

/* On larger data the encoder takes the better part of a minute and more, twice: only for those who
 * ask. */
enum { UNASKED_EVENTS = 2000000 };

/* What is asked with the default of the part that takes long: tuning decides, but under a time
 * budget it is off. */
static const char *switched(const struct pz_train_cfg *cfg, const struct pz_scorer *s)
{
    const char *how = pz_params_asked(cfg, s);

    return how || !s->any_time ? how : cfg->tune_time_s > 0 || cfg->timeout_s > 0 ? "off" : "auto";
}

static bool is_wanted(const struct pz_train_cfg *cfg, const struct pz_scorer *s)
{
    const char *how = pz_params_asked(cfg, s);

    return how && strcmp(how, "on") == 0;
}

/* Whether anybody has two events. Otherwise nothing is known to go together, and what learns of
 * that tells noise. */
static bool any_pair(const struct pz_corpus *c)
{
    for (uint32_t u = 0; u < c->n_users; u++)
        if (pz_corpus_events(c, u) > 1)
            return true;
    return false;
}

/* A part with its defaults, as they start for this data. Without order half of the settings mean
 * nothing, and the others gain no more than noise: only what the scorer says is searched. */
static void start_part(struct pz_training *t, const struct pz_scorer *s,
                       const struct pz_setup *setup)
{
    struct pz_choice *c = &t->choice[t->n];

    pz_choice_init(c, s);
    /* The first part is the measure of all others: only ratios of weights matter. */
    c->weight = t->n == 0 ? 1 : 0.3;
    if (!setup->corpus->ordered)
        pz_choice_fix_all(c);
    if (s->start)
        s->start(setup, c);
    t->n++;
}

/* Whether a part of the recipe is to be learned. */
static bool takes_part(const struct pz_training *t, const struct pz_scorer *s,
                       const struct pz_setup *setup, bool pairs)
{
    const char *how = switched(t->cfg, s);
    enum pz_suits suits = s->suits ? s->suits(setup) : PZ_SUITS;

    if (how && strcmp(how, "off") == 0)
        return false;
    if (!pairs && !s->is_fallback && !is_wanted(t->cfg, s))
        return false;
    return suits == PZ_SUITS || (suits == PZ_SUITS_IF_ASKED && how);
}

/* The recipe's parts that this data can feed. */
static void choose_parts(struct pz_training *t)
{
    struct pz_setup setup = { .corpus = t->teach,
                              .recipe = t->cfg->recipe,
                              .newest_users = pz_tune_newest(t->teach) };
    bool pairs = any_pair(t->teach);

    if (!pairs && !setup.recipe->fallback_only)
        pz_log(t->cfg->log, PZ_LOG_NOTE,
               "no user has two events: popularity is all there is to learn");
    for (size_t i = 0; pz_scorers[i] && t->n < PZ_MAX_PARTS; i++) {
        setup.n_before = t->n;
        if (pz_recipe_has(setup.recipe, pz_scorers[i]) &&
            takes_part(t, pz_scorers[i], &setup, pairs))
            start_part(t, pz_scorers[i], &setup);
    }
}

/* Why the data cannot decide on a part that takes long: without order there is nothing for it to
 * read, without tuning nothing to judge it by, and on large data one pass is too much unasked.
 * NULL: they can. */
static const char *undecided(const struct pz_training *t)
{
    const struct pz_corpus *c = &t->corpus.c;

    return !c->ordered                          ? "the times say nothing of order"
           : t->cfg->n_trials == 0              ? "without tuning nothing tells what it brings"
           : pz_corpus_size(c) > UNASKED_EVENTS ? "a pass over these data takes long"
                                                : NULL;
}

bool pz_training_decides(const struct pz_training *t, const struct pz_scorer *s)
{
    return !s->any_time || strcmp(switched(t->cfg, s), "auto") != 0 || !undecided(t);
}

static void drop_undecided(struct pz_training *t)
{
    const char *why = undecided(t);
    size_t n = 0;

    for (size_t p = 0; p < t->n; p++) {
        const struct pz_scorer *s = t->choice[p].scorer;

        if (pz_training_decides(t, s))
            t->choice[n++] = t->choice[p];
        else if (pz_params_asked(t->cfg, s))
            pz_log(t->cfg->log, PZ_LOG_NOTE, "%s is left out: %s", s->name, why);
    }
    t->n = n;
}

/* Where event types weigh differently, they are steps to one wish; who wants what is new is told of
 * each once. */
static void set_wishes(struct pz_training *t)
{
    for (size_t i = 1; i < t->cfg->n_rules; i++)
        t->corpus.c.wishes = t->corpus.c.wishes ||
                             (t->cfg->recipe->exclude_seen &&
                              t->cfg->rules[i].weight != t->cfg->rules[0].weight);
}

void pz_training_begin(struct pz_training *t)
{
    const struct pz_corpus *c = &t->corpus.c;
    char when[32];

    if (t->ds->all_ptr)
        pz_log(t->cfg->log, PZ_LOG_DEBUG,
               "each rank has read the interactions of its share of users");
    if (pz_ranks_common(t->ds->item))
        pz_log(t->cfg->log, PZ_LOG_DEBUG, "the ranks have all interactions in common");
    if (c->beyond > 0)
        pz_log(
            t->cfg->log, PZ_LOG_WARN,
            "%llu of %llu interactions are later than all others by far: ages count back from %s, "
            "where the others end",
            (unsigned long long)c->beyond, (unsigned long long)pz_corpus_size(c),
            pz_time_format(c->newest, when));
    if (!c->ordered && pz_corpus_span(c) > 0)
        pz_log(t->cfg->log, PZ_LOG_NOTE,
               "the times count rows sorted by item id: they are not taken for an order");
    set_wishes(t);
}

/* What a threshold that nobody asked for keeps from teaching: it happened, and answers do not show
 * it again, so trials must not either. */
static enum pz_status make_disliked(const struct pz_training *t, struct pz_corpus_own *out,
                                    struct pz_err *err)
{
    size_t n = t->ds->n_interactions;
    float *weight = pz_mem_array(n, sizeof *weight);
    uint8_t *low = pz_mem_array(n, 1);
    enum pz_status st = weight && low
                            ? pz_corpus_weights(t->ds, t->cfg->rules, t->cfg->n_rules, weight, err)
                            : pz_err_memory(err, "low values", 5.0 * (double)n);

    for (size_t p = 0; p < n && st == PZ_OK; p++)
        low[p] = weight[p] < 0 && (!t->cfg->keep || t->cfg->keep[p]);
    if (st == PZ_OK)
        st = pz_corpus_make(t->ds, NULL, 0, low, out, err);
    free(weight);
    free(low);
    return st;
}

static bool any_unasked(const struct pz_train_cfg *cfg)
{
    for (size_t i = 0; i < cfg->n_rules; i++)
        if (cfg->rules[i].unasked && isfinite(cfg->rules[i].threshold))
            return true;
    return false;
}

static enum pz_status tune(struct pz_training *t, struct pz_err *err)
{
    struct pz_corpus_own disliked = { .c = { .n_users = 0 } };
    enum pz_status st = PZ_OK;
    struct pz_tune_cfg cfg = { .n_trials = t->cfg->n_trials,
                               .time_s = t->cfg->tune_time_s,
                               .end_s = t->cfg->timeout_s,
                               .fit_limit_s = 0.4 * t->cfg->timeout_s,
                               .task = t->cfg->recipe->task,
                               .metric = t->cfg->metric,
                               .tune_for = t->cfg->tune_for,
                               .exclude_seen = t->cfg->recipe->exclude_seen,
                               .seed = t->cfg->seed,
                               .search = t->cfg->trial,
                               .log = t->cfg->log,
                               .trials = t->trials,
                               .check = t->check,
                               .seen_verdict = &t->seen,
                               .slice_s = &t->slice_s,
                               .record_time = t->cfg->record_time };

    /* Popularity alone has nothing that could be compared. */
    if (t->cfg->n_trials == 0 || (t->n == 1 && t->choice[0].scorer->is_fallback))
        return PZ_OK;
    if (cfg.exclude_seen && any_unasked(t->cfg)) {
        st = make_disliked(t, &disliked, err);
        cfg.seen = &disliked.c;
    }
    if (st == PZ_OK)
        st = pz_tune(t->teach, &cfg, t->choice, t->n, &t->trend, &t->softmax_scale, err);
    pz_corpus_clear(&disliked);
    return st;
}

double pz_training_time_left(const struct pz_training *t)
{
    /* pz_wall_seconds counts from the start of the program: --timeout is for all of it, reading
     * included. Nothing left is a millisecond, as 0 would mean no limit. */
    double left = t->cfg->timeout_s - pz_wall_seconds();

    return t->cfg->timeout_s <= 0 ? 0 : left > 1e-3 ? left : 1e-3;
}

static bool is_idle(const struct pz_choice *c)
{
    bool idle = c->weight <= 0;

    for (enum pz_lists l = 0; l < PZ_LISTS; l++)
        idle = idle && c->own[l].weight <= 0;
    return idle;
}

/* Parts that tuning gave no weight are left out, except those that users asked for, the fallback
 * and those that other steps read. */
static void drop_idle(struct pz_training *t)
{
    size_t n = 0;

    for (size_t p = 0; p < t->n; p++) {
        const struct pz_choice *c = &t->choice[p];

        if (is_idle(c) && !is_wanted(t->cfg, c->scorer) && !c->scorer->is_fallback &&
            !c->scorer->kept_idle) {
            if (t->cfg->n_trials > 0)
                pz_log(t->cfg->log, c->unjudged ? PZ_LOG_WARN : PZ_LOG_NOTE, "%s %s: left out",
                       c->scorer->name,
                       c->unjudged ? "could not be judged in time" : "adds nothing here");
        } else {
            t->choice[n++] = *c;
        }
    }
    t->n = n;
}

/* Part p into the file, which the first rank alone writes; then nobody needs it. */
enum pz_status pz_training_put_away(struct pz_training *t, size_t p, struct pz_err *err)
{
    const struct pz_scorer *s = t->choice[p].scorer;
    enum pz_status st = t->file ? s->save(t->part[p], t->file, err) : PZ_OK;

    s->free(t->part[p]);
    t->part[p] = NULL;
    pz_writer_rest(t->file);
    return st;
}

/* What a part does not read rests while it is fitted, where the corpus that teaches is that of the
 * dataset. */
static void rest(void *training, unsigned what)
{
    struct pz_training *t = training;

    if (t->stores && t->teach == &t->corpus.c)
        pz_corpus_rest(&t->corpus, t->ds, what);
}

enum pz_status pz_training_fit(struct pz_training *t, size_t p, struct pz_err *err)
{
    struct pz_choice *c = &t->choice[p];
    const struct pz_scorer *s = c->scorer;
    struct pz_fit_cfg fit = { .value = t->choice[p].value,
                              .seed = t->cfg->seed,
                              .time_limit_s = pz_training_time_left(t),
                              .only_saved = true,
                              .log = t->cfg->log,
                              .has_read = rest,
                              .training = t };
    enum pz_status st = pz_corpus_wake(&t->corpus, t->ds,
                                       (PZ_CORPUS_TIMES | PZ_CORPUS_WEIGHTS) & ~s->unread, err);

    rest(t, s->unread);
    if (st == PZ_OK)
        st = c->begun ? s->finish(c->begun, t->teach, &fit, &t->part[p], err)
                      : s->fit(t->teach, &fit, &t->part[p], err);
    if (c->begun)
        s->free(c->begun);
    c->begun = NULL;

    pz_log_step(t->cfg->log, 1);
    if (st == PZ_OK)
        pz_ranks_report(t->cfg->log, s->name);
    if (st == PZ_OK && pz_stop_asked() && !s->any_time)
        st = pz_err_set(err, PZ_INTERRUPTED, "stopped while fitting");
    t->done[p] = st == PZ_OK;
    return st == PZ_OK && t->stores ? pz_training_put_away(t, p, err) : st;
}

/* Whether --timeout is over. */
static bool time_is_up(const struct pz_training *t)
{
    return t->cfg->timeout_s > 0 && pz_wall_seconds() >= t->cfg->timeout_s;
}

enum pz_status pz_training_in_time(const struct pz_training *t, size_t n_ready, struct pz_err *err)
{
    return !time_is_up(t) ? PZ_OK
                          : pz_err_set(err, PZ_TRY_AGAIN,
                                       "--timeout %g is over: %zu of %zu parts are ready, and no "
                                       "model was written; give it more time",
                                       t->cfg->timeout_s, n_ready, t->n);
}

/* Whether the time is over and nobody insists on part p. */
static bool may_leave_out(const struct pz_training *t, size_t p)
{
    const struct pz_scorer *s = t->choice[p].scorer;

    return time_is_up(t) && !s->is_fallback && !is_wanted(t->cfg, s);
}

/* Parts that there was no time for are left out; the fallback is always fitted, as it is quick. */
static void drop_unfitted(struct pz_training *t)
{
    size_t n = 0;

    for (size_t p = 0; p < t->n; p++)
        if (t->done[p]) {
            t->choice[n++] = t->choice[p];
        } else {
            pz_log(t->cfg->log, PZ_LOG_WARN, "%s is left out: --timeout %g is over",
                   t->choice[p].scorer->name, t->cfg->timeout_s);
        }
    t->n = n;
}

void pz_training_order(const struct pz_training *t, size_t *order)
{
    size_t n = 0;

    for (int any_time = 0; any_time < 2; any_time++)
        for (size_t p = 0; p < t->n; p++)
            if (t->choice[p].scorer->any_time == any_time)
                order[n++] = p;
}

enum pz_status pz_training_share(struct pz_training *t, const size_t *order, size_t i,
                                 struct pz_err *err)
{
    bool shared = t->teach->all_ptr != NULL,
         shares = shared || pz_shares_worth(pz_corpus_size(&t->corpus.c), t->corpus.c.n_items);
    enum pz_status st;

    for (; i < t->n; i++)
        shares = shares && t->choice[order[i]].scorer->in_shares;
    if (shares == shared)
        return PZ_OK;
    pz_log(t->cfg->log, PZ_LOG_DEBUG, "each rank keeps the interactions of %s",
           shares ? "its share of users" : "all users for what needs them");
    if (!shares)
        return pz_shares_whole(t->cap < UINT64_MAX ? &t->cut : &t->corpus, err);
    st = pz_shares_keep(&t->corpus, err);
    return st == PZ_OK ? pz_shares_keep(&t->cut, err) : st;
}

enum { STOP_GRACE_S = 60 }; /* for the last steps of an encoder, and writing the model */

/* Each part goes into the file as soon as it is there. */
static enum pz_status fit_parts(struct pz_training *t, struct pz_err *err)
{
    size_t order[PZ_MAX_PARTS];
    enum pz_status st = PZ_OK;

    pz_log_begin(t->cfg->log, "fitting", "parts", t->n);
    pz_training_order(t, order);
    for (size_t i = 0; i < t->n && st == PZ_OK; i++) {
        size_t p = order[i];

        if (p > 0 && may_leave_out(t, p))
            continue;
        pz_stop_grace(t->choice[p].scorer->any_time ? STOP_GRACE_S : 0);
        st = pz_training_share(t, order, i, err);
        if (st == PZ_OK)
            st = pz_training_fit(t, p, err);
    }
    if (st == PZ_OK)
        drop_unfitted(t);
    if (st == PZ_OK && pz_stop_asked())
        pz_log(t->cfg->log, PZ_LOG_WARN, "stopped early: the model holds the best so far");
    pz_log_done(t->cfg->log);
    return st;
}

/* What all of it took so far; writing the file is left. */
static json_t *cost(void)
{
    return json_pack("{s:f, s:f, s:I}", "wall_seconds", pz_wall_seconds(), "cpu_seconds",
                     pz_cpu_seconds(), "peak_memory_bytes", (json_int_t)pz_mem_peak());
}

/* What it took is told on demand only: it makes two equal trainings differ. */
static enum pz_status write_manifest(const struct pz_training *t, struct pz_writer *w,
                                     struct pz_err *err)
{
    const struct pz_corpus *c = &t->corpus.c;
    struct pz_str text = { 0 }, marks = { 0 };
    json_t *doc;
    enum pz_status st;

    pz_watermarks_write(&t->ds->watermarks, &marks);
    doc = json_pack("{s:s, s:s, s:I, s:I, s:f, s:s, s:s, s:{s:I, s:I, s:I}, s:o, s:o, s:o}",
                    "recipe", t->cfg->recipe->name, "version", PZ_VERSION, "seed",
                    (json_int_t)t->cfg->seed, "newest", (json_int_t)c->newest, "softmax_scale",
                    t->softmax_scale, "dataset", t->ds->fingerprint, "live",
                    marks.data ? marks.data : "", "counts", "users", (json_int_t)c->n_users,
                    "items", (json_int_t)c->n_items, "interactions", (json_int_t)pz_corpus_size(c),
                    "events", pz_outcome_rules(t->cfg), "parts", pz_outcome_parts(t), "trials",
                    json_incref(t->trials));
    if (doc)
        pz_outcome_add_findings(t, doc);
    if (doc && t->cap < UINT64_MAX)
        json_object_set_new(doc, "user_cap", json_integer((json_int_t)t->cap));
    if (doc && t->now.scale)
        json_object_set_new(doc, "trend", pz_outcome_trend(t));
    if (doc && t->lineage)
        json_object_set(doc, "lineage", t->lineage);
    if (doc && t->chain)
        json_object_set(doc, "chain", t->chain);
    if (doc && t->cfg->record_time)
        json_object_set_new(doc, "cost", cost());
    if (doc)
        pz_json_dump(&text, doc, true);
    json_decref(doc);
    pz_str_clear(&marks);
    if (!text.data || text.failed)
        st = pz_err_memory(err, "the manifest", 1e5);
    else
        st = pz_writer_add_text(w, "manifest", text.data, err);
    pz_str_clear(&text);
    return st;
}

static enum pz_status write_attrs(const struct pz_training *t, struct pz_writer *w,
                                  struct pz_err *err)
{
    enum pz_status st = pz_attrs_save(&t->ds->item_attrs, "items", w, err);

    return st == PZ_OK ? pz_attrs_save(&t->ds->user_attrs, "users", w, err) : st;
}

/* Writing is most of what an update takes, and its model is replaced by the next: a level that
 * hardly tries. 1 % of RetailRocket's events: 3.49e9 instructions at level 1, 3.11e9 at -1, 2.81e9
 * at -3 and 2.60e9 at -6; 32, 38, 39 and 43 MB. */
enum { UPDATE_LEVEL = -6 };

enum pz_status pz_training_store(struct pz_training *t, const char *path, struct pz_err *err)
{
    enum pz_status st;

    t->stores = true;
    if (!pz_ranks_first()) /* all have the same model, but for interactions in shares */
        return pz_histories_write(t->ds, t->cfg->rules, t->cfg->n_rules, t->cfg->keep, &t->corpus.c,
                                  NULL, err);
    st = pz_writer_open(path, "modl", t->reuse ? UPDATE_LEVEL : 0, &t->file, err);
    if (st == PZ_OK && t->reuse)
        pz_writer_reuse(t->file, t->reuse);
    if (st == PZ_OK)
        st = pz_writer_add_dict(t->file, "items", &t->ds->items, err);
    if (st == PZ_OK)
        st = pz_writer_add_dict(t->file, "users", &t->ds->users, err);
    if (st == PZ_OK)
        st = pz_writer_add_dict(t->file, "events", &t->ds->events, err);
    if (st == PZ_OK)
        st = pz_histories_write(t->ds, t->cfg->rules, t->cfg->n_rules, t->cfg->keep, &t->corpus.c,
                                t->file, err);
    if (st == PZ_OK)
        st = write_attrs(t, t->file, err);
    if (st == PZ_OK)
        st = pz_trend_save(&t->now, t->file, err);
    pz_writer_rest(t->file);
    return st;
}

enum pz_status pz_training_end(struct pz_training *t, struct pz_err *err)
{
    struct pz_writer *w = t->file;
    enum pz_status st = pz_corpus_wake(&t->corpus, t->ds, PZ_CORPUS_TIMES | PZ_CORPUS_WEIGHTS, err);

    if (st == PZ_OK && w)
        st = write_manifest(t, w, err);
    if (!w || st != PZ_OK)
        return st;
    t->file = NULL;
    return pz_writer_commit(w, err);
}

void pz_training_clear(struct pz_training *t)
{
    for (size_t p = 0; p < t->n; p++) {
        if (t->part[p])
            t->choice[p].scorer->free(t->part[p]);
        if (t->choice[p].begun)
            t->choice[p].scorer->free(t->choice[p].begun);
    }
    pz_writer_abort(t->file);
    pz_trend_clear(&t->now);
    json_decref(t->trials);
    json_decref(t->check);
    json_decref(t->lineage);
    json_decref(t->chain);
    pz_corpus_clear(&t->cut);
    pz_corpus_clear(&t->corpus);
    pz_learned_clear(&t->learned);
}

enum pz_status pz_training_teach(struct pz_training *t, const uint64_t *end, struct pz_err *err)
{
    const struct pz_corpus *c = &t->corpus.c;
    enum pz_status st;
    double share;
    uint32_t n;

    t->teach = c;
    if (t->cap == UINT64_MAX)
        return PZ_OK;
    n = pz_heavy_count(c, t->cap, &share);
    pz_log(t->cfg->log, PZ_LOG_WARN,
           "%u of %u users have more than %llu interactions each, %.0f %% of all: that many of "
           "each teach, the newest",
           n, c->n_users, (unsigned long long)t->cap, 100 * share);
    st = pz_heavy_cut(c, t->cap, end, &t->cut, err);
    t->teach = &t->cut.c;
    return st;
}

static void warn_if_small(const struct pz_training *t)
{
    const struct pz_corpus *c = &t->corpus.c;
    uint32_t users = 0;

    for (uint32_t u = 0; u < c->n_users; u++)
        users += pz_corpus_events(c, u) >= 2;
    if (pz_corpus_size(c) < 1000)
        pz_log(t->cfg->log, PZ_LOG_WARN,
               "%llu interactions count; Amazon Personalize asks for 1000",
               (unsigned long long)pz_corpus_size(c));
    if (users < 25)
        pz_log(t->cfg->log, PZ_LOG_WARN,
               "%u users have two interactions; Amazon Personalize asks for 25", users);
}

/* A threshold that no value reaches leaves out all events of its type: a slip, not a wish. */
static enum pz_status check_rules(const struct pz_training *t, struct pz_err *err)
{
    const struct pz_dataset *ds = t->ds;
    const struct pz_train_cfg *cfg = t->cfg;
    float *weight = cfg->n_rules ? pz_mem_array(ds->n_interactions, sizeof *weight) : NULL;
    enum pz_status st = PZ_OK;

    if (cfg->n_rules && !weight)
        return pz_err_memory(err, "event rules", 4.0 * (double)ds->n_interactions);
    for (size_t i = 0; i < cfg->n_rules && st == PZ_OK; i++) {
        bool any = !isfinite(cfg->rules[i].threshold);

        if (!any)
            st = pz_corpus_weights(ds, &cfg->rules[i], 1, weight, err);
        if (st == PZ_OK)
            pz_shares_turn(&t->corpus.c, &any, sizeof any);
        for (uint64_t p = 0; st == PZ_OK && p < ds->n_interactions && !any; p++)
            any = weight[p] > 0;
        if (st == PZ_OK)
            pz_shares_pass(&t->corpus.c, &any, sizeof any);
        if (st == PZ_OK && !any)
            st = pz_err_set(err, PZ_USAGE,
                            "--event %s:threshold=%g: no %s event has a value of that or more, so "
                            "none would be learned from",
                            cfg->rules[i].type, cfg->rules[i].threshold, cfg->rules[i].type);
    }
    free(weight);
    return st;
}

enum pz_status pz_training_prepare(struct pz_training *t, struct pz_err *err)
{
    const struct pz_train_cfg *cfg = t->cfg;
    double power = 0;
    enum pz_status st = pz_mat_reserve(err);

    if (st == PZ_OK)
        st = pz_corpus_make(t->ds, cfg->rules, cfg->n_rules, cfg->keep, &t->corpus, err);
    if (st == PZ_OK && t->ds->items.n == 0)
        st = pz_err_set(err, PZ_BAD_DATA, "the data have no items");
    if (st == PZ_OK)
        st = pz_exclude_columns(cfg->excluded, cfg->n_excluded, true, &t->corpus.c, &t->learned,
                                err);
    if (st == PZ_OK)
        st = pz_params_check(cfg, err);
    if (st == PZ_OK)
        st = check_rules(t, err);
    if (st == PZ_OK) {
        warn_if_small(t);
        pz_training_begin(t);
        t->cap = pz_heavy_cap(&t->corpus.c);
        st = pz_training_teach(t, NULL, err);
    }
    if (st == PZ_OK)
        st = pz_power_choose(t->teach, cfg, &power, err);
    if (st == PZ_OK) {
        t->corpus.c.event_power = t->cut.c.event_power = power;
        pz_trend_choice_init(&t->trend, t->teach);
        choose_parts(t);
    }
    if (st == PZ_OK)
        st = pz_params_apply(t, err);
    return st;
}

/* From the data to what the parts shall be: all but the fits on all data. */
static enum pz_status search(struct pz_training *t, struct pz_err *err)
{
    enum pz_status st = pz_training_prepare(t, err);

    if (st == PZ_OK) {
        drop_undecided(t);
        st = tune(t, err);
    }
    if (st == PZ_OK)
        pz_ranks_report(t->cfg->log, "tuning");
    drop_idle(t);
    return st;
}

/* path NULL: the search alone, and what it found into line. */
static enum pz_status train(const struct pz_dataset *ds, const struct pz_train_cfg *cfg,
                            const char *path, struct pz_str *line, struct pz_err *err)
{
    struct pz_training t = {
        .ds = ds, .cfg = cfg, .softmax_scale = 8, .trials = json_array(), .check = json_object()
    };
    enum pz_status st = search(&t, err);
    double begin = pz_cpu_seconds();

    if (st == PZ_OK && !path) {
        st = pz_trial_write(&t, line, err);
        pz_training_clear(&t);
        return st;
    }
    if (st == PZ_OK)
        st = pz_trend_chosen(&t.trend, t.teach, &t.now, err);
    if (st == PZ_OK)
        st = pz_training_store(&t, path, err);
    if (st == PZ_OK)
        st = fit_parts(&t, err);
    if (st == PZ_OK)
        st = pz_training_end(&t, err);
    pz_log(cfg->log, PZ_LOG_DEBUG, "stage: last fits and file: %.3f CPU s",
           pz_cpu_seconds() - begin);
    pz_training_clear(&t);
    return st;
}

/* Without rules tuning asks whether low values teach; thresholds that are asked for are chosen. */
static enum pz_status choose_liked(const struct pz_dataset *ds, const struct pz_train_cfg *cfg,
                                   struct pz_event_rule **rules, size_t *n, struct pz_err *err)
{
    if (cfg->n_rules == 0)
        return ds->value && cfg->n_trials > 0 && !cfg->recipe->fallback_only
                   ? pz_liked_find(ds, cfg, rules, n, err)
                   : PZ_OK;
    *rules = pz_mem_copy(cfg->rules, cfg->n_rules, sizeof **rules);
    return *rules ? pz_liked_choose(ds, cfg, *rules, cfg->n_rules, err)
                  : pz_err_memory(err, "event rules", 1e3);
}

/* With what counts as liked chosen first. */
static enum pz_status train_liked(const struct pz_dataset *ds, const struct pz_train_cfg *cfg,
                                  const char *path, struct pz_str *line, struct pz_err *err)
{
    struct pz_train_cfg with = *cfg;
    struct pz_event_rule *rules = NULL;
    enum pz_status st;

    pz_mem_large_apart();
    st = choose_liked(ds, cfg, &rules, &with.n_rules, err);
    with.rules = rules;
    if (st == PZ_OK)
        st = train(ds, &with, path, line, err);
    free(rules);
    return st;
}

enum pz_status pz_train(const struct pz_dataset *ds, const struct pz_train_cfg *cfg,
                        const char *path, struct pz_err *err)
{
    return train_liked(ds, cfg, path, NULL, err);
}

enum pz_status pz_train_trial(const struct pz_dataset *ds, const struct pz_train_cfg *cfg,
                              struct pz_str *line, struct pz_err *err)
{
    return train_liked(ds, cfg, NULL, line, err);
}
