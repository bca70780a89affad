/* SPDX-License-Identifier: Apache-2.0 */
/* Popularity: how many different users an item has, each counted once with their heaviest event,
 * halved every half_life days before the newest event (0: no decay). With trend > 0 the score is
 * the growth between the last two windows of `window` hours (Personalize's trending-now): max(0,
 * now - before), falling back to the counts where nothing grew.
 *
 * With shrink > 0 the counts are mixed with those of the segments that the user's attributes and
 * the context put them in (segments.h), which is what is known of a user without a history.
 *
 * Columns: popularity/score (f32 [n_items]), popularity/segments/... Scores are never negative. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/shares.h"
#include "model/counts.h"
#include "model/parts.h"
#include "model/popularity/segments.h"
#include "table/lists.h"

enum { SET_HALF_LIFE, SET_TREND, SET_WINDOW, SET_SHRINK, N_SETTINGS };

static const struct pz_setting settings[N_SETTINGS] = {
    [SET_HALF_LIFE] = { PZ_SETTING("half_life", "days after which an event counts half; 0: never"),
                        PZ_ALLOWED(0, 0, 36500), PZ_SEARCHED(3, 365), PZ_LOG_SCALE },
    [SET_TREND] = { PZ_SETTING("trend", "1: growth between windows instead of counts"),
                    PZ_ALLOWED(0, 0, 1), PZ_WHOLE },
    [SET_WINDOW] = { PZ_SETTING("window", "hours of a trend window"), PZ_ALLOWED(2, 0.1, 87600),
                     PZ_LOG_SCALE },
    [SET_SHRINK] = { PZ_SETTING("shrink", "segments of users: weight of everybody's counts beside "
                                          "a segment's own; 0: no segments"),
                     PZ_ALLOWED(0, 0, 1e9), PZ_LOG_SCALE },
};

struct popularity {
    uint32_t n_items;
    const float *score;
    float *owned;
    struct pz_segments segments;
};

static void part_free(void *part)
{
    struct popularity *p = part;

    if (p) {
        free(p->owned);
        pz_segments_clear(&p->segments);
    }
    free(p);
}

/* Weighted events in the last window minus those in the one before. */
static void count_growth(const struct pz_corpus *c, double window_s, double *growth)
{
    pz_shares_turn(c, growth, c->n_items * sizeof *growth);
    for (uint64_t p = 0; p < c->ptr[c->n_users]; p++) {
        double age = (double)(c->newest - pz_corpus_time(c, p));

        if (age < window_s)
            growth[c->item[p]] += (double)c->weight[p];
        else if (age < 2 * window_s)
            growth[c->item[p]] -= (double)c->weight[p];
    }
    pz_shares_pass(c, growth, c->n_items * sizeof *growth);
}

/* Growing items first, then the others by their counts, scaled to stay below any growth. */
static void mix_trend(const struct pz_corpus *c, const double *growth, const double *sum,
                      float *score)
{
    double largest = 0;

    for (uint32_t i = 0; i < c->n_items; i++)
        largest = sum[i] > largest ? sum[i] : largest;
    for (uint32_t i = 0; i < c->n_items; i++) {
        /* Growth is in events of weight up to 1: a thousandth is below what one light event adds,
         * so that an item which grows stands before all that do not. */
        double base = largest > 0 ? 1e-3 * sum[i] / largest : 0;

        score[i] = (float)((growth[i] > 0 ? growth[i] : 0) + base);
    }
}

static enum pz_status fit(const struct pz_corpus *c, const struct pz_fit_cfg *cfg, void **part,
                          struct pz_err *err)
{
    struct popularity *p = calloc(1, sizeof *p);
    double *sum = pz_mem_array(c->n_items, sizeof *sum), *growth = NULL;
    struct pz_decay decay = { .half_life_s = cfg->value[SET_HALF_LIFE] * 86400 };
    enum pz_status st = PZ_OK;

    if (p)
        p->owned = pz_mem_array(c->n_items, sizeof *p->owned);
    if (cfg->value[SET_TREND] > 0)
        growth = pz_mem_array(c->n_items, sizeof *growth);
    if (!p || !p->owned || !sum || (cfg->value[SET_TREND] > 0 && !growth)) {
        st = pz_err_memory(err, "popularity", 24.0 * c->n_items);
    } else {
        p->n_items = c->n_items;
        p->score = p->owned;
        st = pz_count_users(c, &decay, sum, err);
        if (growth)
            count_growth(c, cfg->value[SET_WINDOW] * 3600, growth);
        if (growth)
            mix_trend(c, growth, sum, p->owned);
        for (uint32_t i = 0; i < c->n_items && !growth; i++)
            p->owned[i] = (float)sum[i];
    }
    if (st == PZ_OK && !growth)
        st = pz_segments_make(c, cfg->value[SET_SHRINK], &p->segments, err);
    free(sum);
    free(growth);
    return pz_part_hand_out(st, p, part_free, part);
}

static enum pz_status save(const void *part, struct pz_writer *w, struct pz_err *err)
{
    const struct popularity *p = part;

    enum pz_status st = pz_writer_add(w, "popularity/score", PZ_F32, p->score, p->n_items, err);

    return st == PZ_OK ? pz_segments_save(&p->segments, w, err) : st;
}

static enum pz_status load(struct pz_table *t, uint32_t n_items, void **part, struct pz_err *err)
{
    struct popularity *p = calloc(1, sizeof *p);
    const void *score = NULL;
    enum pz_status st = p ? PZ_OK : pz_err_memory(err, "popularity", sizeof *p);

    if (st == PZ_OK)
        st = pz_table_get(t, "popularity/score", PZ_F32, n_items, &score, NULL, err);
    if (st == PZ_OK) {
        p->n_items = n_items;
        p->score = score;
        if (!pz_table_is_flat(t) && !pz_numbers_good(score, n_items, 0))
            st = pz_err_set(err, PZ_BAD_DATA, "popularity/score: a number is damaged");
    }
    if (st == PZ_OK)
        st = pz_segments_load(t, n_items, &p->segments, err);
    return pz_part_hand_out(st, p, part_free, part);
}

static size_t scratch_bytes(const void *part)
{
    (void)part;
    return 0;
}

static bool score(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    const struct popularity *p = part;

    (void)scratch;
    memcpy(out, p->score, p->n_items * sizeof *out);
    pz_segments_mix(&p->segments, q, out);
    return p->n_items > 0;
}

/* Of segments each query has a mixture of its own. */
static const float *fixed(const void *part, const struct pz_query *q)
{
    const struct popularity *p = part;

    (void)q;
    return p->segments.names.n == 0 ? p->score : NULL;
}

/* Histories cut after one event, nDCG@10 compared with 0: MovieLens 100K +.018, LastFM +.008,
 * Beauty
 * +.0025; after six or more no difference. Sessions are all short, so that the weight itself is
 * tuned on such. */
static const double COLD_WEIGHT = 0.5;

/* As a fallback it has segments; alone it is one list for all. */
static void start(const struct pz_setup *setup, struct pz_choice *c)
{
    if (setup->n_before > 0) {
        c->weight = 0.01;
        c->cold_weight = setup->newest_users ? 0 : COLD_WEIGHT;
        c->value[SET_SHRINK] = 100;
    }
    if (setup->recipe->trending)
        pz_choice_fix(c, SET_TREND, 1);
}

const struct pz_scorer pz_popularity = {
    .name = "popularity",
    .meaning = "decayed counts of users, or growth",
    .settings = settings,
    .n_settings = N_SETTINGS,
    .relates = true,
    .is_fallback = true,
    .start = start,
    .fit = fit,
    .in_shares = true,
    .save = save,
    .load = load,
    .free = part_free,
    .scratch_bytes = scratch_bytes,
    .score = score,
    .fixed = fixed,
};
