/* SPDX-License-Identifier: Apache-2.0 */
/* Transitions: which item follows which, the core of every recipe. See transitions.h for the
 * formulas.
 *
 *   features.c   categories of items as features
 *   view.c    histories with their weights, positions by item
 *   rows.c    rows of pair sums, cut to the largest
 *   transpose.c  lists by what they name
 *   gram.c    Gram rows packed
 *   ridge.c   neighbourhood ridge: Gram rows, small systems, Cholesky
 *   score.c   scores and explanations
 *   update.c  a delta added to the counts
 *   cost.c    what a fit takes
 *   file.c    columns
 *
 * kNN keeps counts by source and scores with C[b->j] / (pop_b^x pop_j^y); the ridge keeps counts by
 * target, solves for coefficients and scores with them. Either way the counts stay in the model,
 * `keep` an item, so that an update adds to them. Everything is deterministic at any number of
 * threads: a row is one thread's work. */
#include "model/transitions/transitions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/par.h"
#include "base/ranks.h"
#include "model/parts.h"

static const struct pz_setting settings[PZ_TRANS_N] = {
    [PZ_TRANS_RIDGE] = { PZ_SETTING(
                             "ridge",
                             "1: coefficients by neighbourhood ridge; 0: normalised counts (kNN)"),
                         PZ_ALLOWED(1, 0, 1), PZ_SEARCHED(0, 1), PZ_WHOLE },
    [PZ_TRANS_DECAY] = { PZ_SETTING("decay", "weight of a pair per position between"),
                         PZ_ALLOWED(0.9, 0, 1), PZ_SEARCHED(0.4, 0.97) },
    [PZ_TRANS_SYMMETRIC] = { PZ_SETTING("symmetric", "share of a pair's weight that regards "
                                                     "neither order nor distance"),
                             PZ_ALLOWED(0.25, 0, 1), PZ_SEARCHED(0, 0.7) },
    [PZ_TRANS_WINDOW] = { PZ_SETTING("window", "positions between which pairs count"),
                          PZ_ALLOWED(50, 1, 1000), PZ_LOG_SCALE, PZ_WHOLE },
    [PZ_TRANS_SOURCE_NORM] = { PZ_SETTING("source_norm", "power of the source's popularity that "
                                                         "divides its counts (kNN)"),
                               PZ_ALLOWED(0.5, 0, 1), PZ_SEARCHED(0.3, 0.9), PZ_READ_OUT },
    [PZ_TRANS_TARGET_NORM] = { PZ_SETTING(
                                   "target_norm",
                                   "power of the target's popularity that divides its score"),
                               PZ_ALLOWED(0, 0, 1), PZ_SEARCHED(0, 0.5), PZ_READ_OUT },
    [PZ_TRANS_RECENCY] = { PZ_SETTING("recency", "power of the rank that divides an event"),
                           PZ_ALLOWED(0.8, 0, 4), PZ_SEARCHED(0.3, 1.5), PZ_READ_OUT },
    [PZ_TRANS_KEEP] = { PZ_SETTING("keep", "counts kept an item"), PZ_ALLOWED(200, 1, 4096),
                        PZ_LOG_SCALE, PZ_WHOLE },
    [PZ_TRANS_NEIGHBOURS] = { PZ_SETTING("neighbours", "sources in one ridge system"),
                              PZ_ALLOWED(100, 1, 2000), PZ_LOG_SCALE, PZ_WHOLE },
    [PZ_TRANS_LAMBDA] = { PZ_SETTING("lambda", "penalty of the ridge, in events"),
                          PZ_ALLOWED(90, 1e-6, 1e9), PZ_SEARCHED(20, 400), PZ_LOG_SCALE },
    [PZ_TRANS_USER_NORM] = { PZ_SETTING(
                                 "user_norm",
                                 "power of a user's number of events that divides their pairs"),
                             PZ_ALLOWED(0.2, 0, 2), PZ_SEARCHED(0, 0.5) },
    [PZ_TRANS_HALF_LIFE] = { PZ_SETTING("half_life",
                                        "days after which a pair counts half; 0: never"),
                             PZ_ALLOWED(0, 0, 36500), PZ_LOG_SCALE },
    [PZ_TRANS_HISTORY] = { PZ_SETTING("history", "last events of a history that score"),
                           PZ_ALLOWED(200, 1, 1000), PZ_LOG_SCALE, PZ_WHOLE, PZ_READ_OUT },
    [PZ_TRANS_HOP] = { PZ_SETTING("hop", "weight of a second step"), PZ_ALLOWED(0, 0, 100),
                       PZ_SEARCHED(0, 1), PZ_READ_OUT },
    [PZ_TRANS_REPEAT] = { PZ_JUDGED(PZ_JUDGED_ON_REPEAT),
                          PZ_SETTING("repeat", "weight of coming back to items of the history"),
                          PZ_ALLOWED(0.5, 0, 100), PZ_SEARCHED(0.1, 10), PZ_LOG_SCALE,
                          PZ_READ_OUT },
    [PZ_TRANS_ATTRIBUTES] = { PZ_SETTING("attributes",
                                         "weight of item categories as sources; 0: none"),
                              PZ_ALLOWED(1.5, 0, 100), PZ_SEARCHED(0.3, 3), PZ_LOG_SCALE },
    [PZ_TRANS_ATTR_TARGET] = { PZ_SETTING("attribute_target",
                                          "weight of item categories as targets"),
                               PZ_ALLOWED(10, 0, 1000), PZ_SEARCHED(1, 30), PZ_LOG_SCALE,
                               PZ_READ_OUT },
    [PZ_TRANS_ATTR_POP] = { PZ_SETTING("attribute_pop",
                                       "power of an item's popularity within its categories"),
                            PZ_ALLOWED(0.25, 0, 1), PZ_SEARCHED(0, 0.5), PZ_READ_OUT },
    [PZ_TRANS_TREND] = { PZ_JUDGED(PZ_JUDGED_AT_END),
                         PZ_SETTING(
                             "trend",
                             "power of how recent an item's events are that multiplies its score"),
                         PZ_ALLOWED(0, 0, 2), PZ_SEARCHED(0, 0.8), PZ_READ_OUT },
};

void pz_trans_free(void *part)
{
    struct pz_trans *t = part;

    if (t) {
        pz_csr_clear(&t->counts);
        pz_csr_clear(&t->coef);
        pz_trans_feats_clear(&t->feats);
        free(t->own_pop);
        free(t->own_repeat);
        free(t->own_trend);
        free(t->own_due);
        free(t->own_follow);
        free(t->own_source);
        free(t->own_target);
        free(t->own_attr);
    }
    free(t);
}

void pz_trans_fill_scale(const float *pop, uint32_t n, double power, float *scale)
{
    for (uint32_t i = 0; i < n; i++)
        scale[i] = pop[i] > 0 && power > 0 ? powf(pop[i], -(float)power) : 1;
}

static void fill_target_scale(struct pz_trans *t)
{
    pz_trans_fill_scale(t->pop, t->n_items, t->set[PZ_TRANS_TARGET_NORM], t->own_target);
    for (uint32_t i = 0; i < t->n_items && t->set[PZ_TRANS_TREND] > 0; i++)
        t->own_target[i] *= powf(t->trend[i], (float)t->set[PZ_TRANS_TREND]);
}

static void fill_attr_scale(struct pz_trans *t)
{
    for (uint32_t i = 0; i < t->n_items; i++)
        t->own_attr[i] = powf(t->pop[i] + 1, (float)t->set[PZ_TRANS_ATTR_POP]);
}

/* kNN: pop^-x of items. An attribute happens with many items: it speaks by its mean, pop^-1, as
 * loudly as an item of typical popularity. */
static void fill_source_scale(struct pz_trans *t)
{
    double x = t->set[PZ_TRANS_RIDGE] > 0 ? 0 : t->set[PZ_TRANS_SOURCE_NORM], sum = 0, squares = 0;
    float *attr = t->own_source + t->n_items;

    pz_trans_fill_scale(t->pop, t->n_items, x, t->own_source);
    for (uint32_t i = 0; i < t->n_items; i++) {
        sum += (double)t->pop[i];
        squares += (double)t->pop[i] * (double)t->pop[i];
    }
    pz_trans_fill_scale(t->pop + t->n_items, t->feats.n, x > 0 ? 1 : 0, attr);
    for (uint32_t a = 0; a < t->feats.n && x > 0 && sum > 0; a++)
        attr[a] *= (float)pow(squares / sum, 1 - x);
}

enum pz_status pz_trans_scale(struct pz_trans *t, struct pz_err *err)
{
    uint32_t rows = t->n_items + t->feats.n;

    t->own_source = t->own_source ? t->own_source : pz_mem_array(rows, sizeof *t->own_source);
    t->own_target = t->own_target ? t->own_target : pz_mem_array(t->n_items, sizeof *t->own_target);
    t->own_attr = t->own_attr ? t->own_attr : pz_mem_array(t->n_items, sizeof *t->own_attr);
    if (!t->own_source || !t->own_target || !t->own_attr)
        return pz_err_memory(err, "transitions", 12.0 * rows);
    t->source_scale = t->own_source;
    t->target_scale = t->own_target;
    t->attr_scale = t->own_attr;
    fill_source_scale(t);
    fill_target_scale(t);
    fill_attr_scale(t);
    return pz_trans_feats_kinds(&t->feats, err);
}

static void set(void *part, size_t setting, double value)
{
    struct pz_trans *t = part;

    if (t->set[setting] == value)
        return;
    t->set[setting] = value;
    if (setting == PZ_TRANS_SOURCE_NORM)
        fill_source_scale(t);
    if (setting == PZ_TRANS_TARGET_NORM || setting == PZ_TRANS_TREND)
        fill_target_scale(t);
    if (setting == PZ_TRANS_ATTR_POP)
        fill_attr_scale(t);
}

/* An empty part with everything but lists. */
static enum pz_status begin(const struct pz_corpus *c, const double *value, struct pz_trans **out,
                            struct pz_err *err)
{
    struct pz_trans *t = calloc(1, sizeof *t);
    const struct pz_attrs *attrs = value[PZ_TRANS_ATTRIBUTES] > 0 ? c->item_attrs : NULL;
    enum pz_status st = PZ_OK;

    if (t) {
        st = pz_trans_feats_make(attrs, c->n_items, NULL, NULL, &t->feats, err);
        memcpy(t->set, value, sizeof t->set);
        t->n_items = c->n_items;
        t->ordered = c->ordered;
        t->newest = c->newest;
        t->pop = t->own_pop = pz_mem_array((size_t)c->n_items + t->feats.n, sizeof *t->own_pop);
        t->repeat = t->own_repeat = pz_mem_array(PZ_TRANS_LAGS, sizeof *t->own_repeat);
        t->trend = t->own_trend = pz_mem_array(c->n_items, sizeof *t->own_trend);
    }
    *out = t;
    if (!t || !t->own_pop || !t->own_repeat || !t->own_trend)
        return pz_err_memory(err, "transitions", 8.0 * c->n_items);
    if (st == PZ_OK)
        st = pz_trans_trend(c, t->own_trend, err);
    if (st == PZ_OK)
        st = pz_trans_pop(c, t->set, NULL, &t->feats, t->own_pop, err);
    pz_trans_repeat(c, t->own_repeat);
    return st == PZ_OK ? pz_trans_scale(t, err) : st;
}

/* Coefficients by source from those at the places of the counts. */
static enum pz_status take_coef(struct pz_trans *t, const float *value, struct pz_err *err)
{
    struct pz_csr solved = t->counts; /* the same places, other values */

    t->follow = t->own_follow = pz_mem_array(t->counts.n, sizeof *t->own_follow);
    if (!t->own_follow)
        return pz_err_memory(err, "ridge coefficients", 4.0 * t->counts.n);
    for (uint32_t j = 0; j < t->counts.n; j++)
        t->own_follow[j] = pz_trans_follow(t, j, value);
    solved.value = value;
    return pz_trans_transpose(&solved, t->counts.n, PZ_TRANS_ROW_MAX, &t->coef, err);
}

/* The counts, and with the ridge the coefficients, of the own rows; then of all. */
static enum pz_status fit_rows(struct pz_trans_view *v, struct pz_trans *t, bool only_saved,
                               struct pz_err *err)
{
    bool ridge = t->set[PZ_TRANS_RIDGE] > 0;
    uint32_t rows = t->n_items + t->feats.n;
    float *scale = pz_mem_array(rows, sizeof *scale), *value = NULL;
    enum pz_status st = scale ? PZ_OK : pz_err_memory(err, "transitions", 4.0 * rows);

    if (st == PZ_OK) {
        pz_trans_fill_scale(t->pop, rows, ridge ? 0.5 : t->set[PZ_TRANS_TARGET_NORM], scale);
        st = pz_trans_count(v, ridge, scale, NULL, &t->counts, err);
    }
    if (st == PZ_OK && ridge) {
        /* Of zero pages, which take no room before the Gram matrix is there and the view is not. */
        value = calloc(t->counts.ptr[t->counts.n] + 1, sizeof *value);
        st = value ? pz_trans_solve(v, &t->counts, t->pop, NULL, value, err)
                   : pz_err_memory(err, "ridge coefficients", 4.0 * (double)t->counts.ptr[rows]);
    }
    if (st == PZ_OK)
        st = pz_trans_gather(&t->counts, ridge ? &value : NULL, only_saved, err);
    if (st == PZ_OK && ridge && (!only_saved || pz_ranks_first())) /* else nobody asks for them */
        st = take_coef(t, value, err);
    free(scale);
    free(value);
    return st;
}

static enum pz_status fit(const struct pz_corpus *c, const struct pz_fit_cfg *cfg, void **part,
                          struct pz_err *err)
{
    struct pz_trans *t = NULL;
    struct pz_trans_view v = { 0 };
    enum pz_status st = begin(c, cfg->value, &t, err);

    if (st == PZ_OK)
        st = pz_trans_view_init(&v, c, t->set, &t->feats, NULL, err);
    pz_fit_has_read(cfg, PZ_CORPUS_TIMES | PZ_CORPUS_WEIGHTS);
    if (st == PZ_OK)
        st = fit_rows(&v, t, cfg->only_saved, err);
    pz_trans_view_clear(&v);
    return pz_part_hand_out(st, t, pz_trans_free, part);
}

/* Where users come and go, so do items (Diginetica, P@20: .529 at 0, .537 at .4). */
static const double TREND_OF_SESSIONS = 0.4;

/* Without order every pair of a history counts, so long histories would drown the others
 * (Gowalla: nDCG@20 .143 at 0, .148 at .5). */
static const double USER_NORM_UNORDERED = 0.5;

static const double SYMMETRIC_ELSEWHERE = 0.5;

/* Whether kNN is better, and how popularity divides its scores, is searched without order, too. */
static void search_again(struct pz_choice *c, size_t k)
{
    c->low[k] = settings[k].low;
    c->high[k] = settings[k].high;
}

static void start(const struct pz_setup *setup, struct pz_choice *c)
{
    if (!setup->corpus->ordered) {
        pz_choice_fix(c, PZ_TRANS_USER_NORM, USER_NORM_UNORDERED);
        search_again(c, PZ_TRANS_RIDGE);
        search_again(c, PZ_TRANS_SOURCE_NORM);
        search_again(c, PZ_TRANS_TARGET_NORM);
    }
    if (setup->newest_users)
        c->value[PZ_TRANS_TREND] = TREND_OF_SESSIONS;
}

/* kNN that heeds order little. (Without order the switch alone leads to kNN.) */
static bool elsewhere(struct pz_choice *c)
{
    bool ridge_free = c->low[PZ_TRANS_RIDGE] < c->high[PZ_TRANS_RIDGE],
         order_free = c->low[PZ_TRANS_SYMMETRIC] < c->high[PZ_TRANS_SYMMETRIC];

    if (!ridge_free || !order_free)
        return false;
    c->value[PZ_TRANS_RIDGE] = 0;
    c->value[PZ_TRANS_SYMMETRIC] = fmin(fmax(SYMMETRIC_ELSEWHERE, c->low[PZ_TRANS_SYMMETRIC]),
                                        c->high[PZ_TRANS_SYMMETRIC]);
    return true;
}

const struct pz_scorer pz_transitions = {
    .name = "transitions",
    .meaning = "which item follows which",
    .settings = settings,
    .n_settings = PZ_TRANS_N,
    .relates = true,
    .start = start,
    .elsewhere = elsewhere,
    .fit = fit,
    .in_shares = true,
    .cost = pz_trans_cost,
    .update_cost = pz_trans_update_cost,
    .update = pz_trans_update,
    .refit_at = 0.25,
    .save = pz_trans_save,
    .derive = pz_trans_derive,
    .load = pz_trans_load,
    .free = pz_trans_free,
    .set = set,
    .scratch_bytes = pz_trans_scratch_bytes,
    .score = pz_trans_score,
    .score_few = pz_trans_score_few,
    .score_block = pz_trans_score_block,
    .explain = pz_trans_explain,
};
