/* SPDX-License-Identifier: Apache-2.0 */
/* The search of the trend of items, which all parts heed: see tune.h and model/trend.h.
 *
 * Coarse: every half-life of a scale, each with half and with full power, beside the parts that are
 * there; then, and again when all parts are there, one setting after the other is followed while it
 * wins. A trial is judged as those of parts are (search.c): the first quarter of the users sends
 * the hopeless home, and to win it must gain SURE standard errors, the first of many tries
 * SURE_FIRST and WORTH. Users whose questions lie so far before the end of the data that no trend
 * reaches them are passed by: their values stay.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "train/tune.h"

static const double SURE = 0.8, SURE_FIRST = 1.5, WORTH = 0.01, DAY = 86400;

static const struct pz_setting settings[PZ_TREND_N] = {
    { PZ_SETTING("power", "power of how recent an item's events are that multiplies its scores; 0: "
                          "no trend"),
      PZ_ALLOWED(0, 0, 4), PZ_SEARCHED(0, 1.5), PZ_READ_OUT },
    { PZ_SETTING("half_life", "days after which an event counts half for the trend"),
      PZ_ALLOWED(30, 1e-4, 36500), PZ_SEARCHED(0.1, 100), PZ_LOG_SCALE, PZ_READ_OUT },
    { PZ_SETTING("rate", "how far young items are judged by rate, not by count"),
      PZ_ALLOWED(0, 0, 1), PZ_SEARCHED(0, 1), PZ_READ_OUT },
};

const struct pz_scorer pz_trend_choice = { .name = "trend",
                                           .meaning = "what happens with an item now",
                                           .settings = settings,
                                           .n_settings = PZ_TREND_N };

void pz_trend_choice_init(struct pz_choice *c, const struct pz_corpus *corpus)
{
    const struct pz_setting *half = &settings[PZ_TREND_HALF_LIFE];
    /* From a 300th of the time that the data cover to a third: what is shorter sees single events,
     * what is longer is popularity. */
    double days = fmin(fmax(pz_corpus_span(corpus) / DAY, 1000 * half->min), half->max);

    pz_choice_init(c, &pz_trend_choice);
    c->low[PZ_TREND_HALF_LIFE] = days / 300;
    c->high[PZ_TREND_HALF_LIFE] = days / 3;
    c->value[PZ_TREND_HALF_LIFE] = days / 10;
}

enum pz_status pz_trend_chosen(const struct pz_choice *c, const struct pz_corpus *corpus,
                               struct pz_trend *out, struct pz_err *err)
{
    struct pz_trend how = { .power = c->value[PZ_TREND_POWER],
                            .half_life_s = DAY * c->value[PZ_TREND_HALF_LIFE],
                            .rate = c->value[PZ_TREND_RATE] };

    return pz_trend_make(corpus, &how, out, err);
}

/* Whether a question is asked too early for a trend. */
static bool is_faded(const struct pz_trend *t, int64_t now)
{
    return pz_trend_fade(t, now) <= 0;
}

/* Mark the users whom neither trend reaches. */
static void mark_still(const struct pz_valid *v, const struct pz_trend *a, const struct pz_trend *b)
{
    for (uint32_t u = 0; u < v->n_users; u++) {
        v->still[u] = 1;
        for (uint32_t k = v->first[u]; k < v->first[u + 1]; k++)
            v->still[u] &= is_faded(a, v->c[k].now) && is_faded(b, v->c[k].now);
    }
}

/* Judge the blend as it stands on users [from, to) into s->trial. */
static enum pz_status judge(struct pz_search *s, uint32_t from, uint32_t to, struct pz_err *err)
{
    double weight = s->part[0].weight;

    return pz_valid_judge(s->v, s->part, s->n_parts, 0, &weight, 1, from, to, s->trial, err);
}

/* Whether a trial judged on all users wins. Items are the same for all users, so that chance
 * favours some trend where there is none: the first must be worth a share of what lists are worth.
 */
static bool wins(const struct pz_search *s, bool first)
{
    uint32_t all = s->v->n_users;
    double gain = pz_search_gain(s->trial, s->each, all);

    if (!first)
        return gain > SURE;
    return gain > SURE_FIRST && pz_search_mean(s->trial, all) > (1 + WORTH) * s->mean;
}

static enum pz_status judge_trial(struct pz_search *s, bool first, bool *won, struct pz_err *err)
{
    uint32_t all = s->v->n_users, rung = all / 4 < PZ_RUNG_MIN ? all : all / 4, judged = rung;
    enum pz_status st;

    /* Users who are passed by keep the values that they have. */
    memcpy(s->trial, s->each, all * sizeof *s->trial);
    st = judge(s, 0, rung, err);
    if (st == PZ_OK && pz_search_gain(s->trial, s->each, rung) > 0) {
        st = judge(s, rung, all, err);
        judged = all;
        *won = st == PZ_OK && wins(s, first);
    }
    pz_search_note(s, s->trend, s->part[0].weight, pz_search_mean(s->trial, judged), judged, *won);
    return st;
}

/* Try the trend with other settings; undone when it does not win. */
static enum pz_status try_trend(struct pz_search *s, const double *value, bool *won,
                                struct pz_err *err)
{
    struct pz_choice *c = s->trend, kept = *c;
    struct pz_trend old = s->now;
    enum pz_status st;

    *won = false;
    memcpy(c->value, value, PZ_TREND_N * sizeof *value);
    st = pz_trend_chosen(c, &s->v->train, &s->now, err);
    pz_valid_forget(s->v);
    if (st == PZ_OK) {
        mark_still(s->v, &old, &s->now);
        st = judge_trial(s, !old.scale, won, err);
        memset(s->v->still, 0, s->v->n_users);
    }
    pz_valid_forget(s->v);
    if (*won) {
        memcpy(s->each, s->trial, s->v->n_users * sizeof *s->each);
        s->mean = pz_search_mean(s->each, s->v->n_users);
        pz_trend_clear(&old);
    } else {
        pz_trend_clear(&s->now);
        s->now = old;
        *c = kept;
    }
    return st;
}

static bool is_searched(const struct pz_choice *c, size_t k)
{
    return c->low[k] < c->high[k];
}

static enum pz_status coarse(struct pz_search *s, struct pz_err *err)
{
    const struct pz_choice *c = s->trend;
    const double steps = 4;
    bool any_half_life = is_searched(c, PZ_TREND_HALF_LIFE), won;
    enum pz_status st = PZ_OK;

    for (double k = any_half_life ? 0 : steps; k <= steps && st == PZ_OK; k++) {
        double low = c->low[PZ_TREND_HALF_LIFE], high = c->high[PZ_TREND_HALF_LIFE];
        double half_life = low * pow(high / low, 1 - k / steps);

        for (double power = 0.5; power <= 1 && st == PZ_OK; power += 0.5) {
            double to[PZ_TREND_N] = { fmax(power, c->low[PZ_TREND_POWER]), half_life,
                                      c->value[PZ_TREND_RATE] };

            if (!pz_search_out_of_time(s))
                st = try_trend(s, to, &won, err);
        }
    }
    return st;
}

/* Follow one setting up or down while it wins. */
static enum pz_status follow(struct pz_search *s, size_t k, double step, struct pz_err *err)
{
    const struct pz_choice *c = s->trend;
    bool won = true;
    enum pz_status st = PZ_OK;

    while (won && st == PZ_OK && !pz_search_out_of_time(s)) {
        double to[PZ_TREND_N];

        memcpy(to, c->value, sizeof to);
        to[k] = pz_choice_moved(c, k, step);
        if (to[k] == c->value[k])
            break;
        st = try_trend(s, to, &won, err);
    }
    return st;
}

enum pz_status pz_search_trend(struct pz_search *s, bool fine, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    if (!fine && is_searched(s->trend, PZ_TREND_POWER))
        st = coarse(s, err);
    for (size_t k = 0; k < pz_trend_choice.n_settings && s->now.scale; k++) {
        static const double steps[PZ_TREND_N] = { 1.0 / 6, 0.125, 0.5 };

        if (st == PZ_OK && is_searched(s->trend, k))
            st = follow(s, k, steps[k], err);
        if (st == PZ_OK && is_searched(s->trend, k))
            st = follow(s, k, -steps[k], err);
    }
    return st;
}
