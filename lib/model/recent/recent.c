/* SPDX-License-Identifier: Apache-2.0 */
/* Recent popularity: what everybody has now. With n_ui(t) the weight of the user's heaviest event
 * with the item, by what age leaves of it, (1 + age / tau)^-TAIL, half of it after half_life days:
 * a mixture of popularity at all half-lives, which forgives a choice that is off (Deskdrop before
 * its newest tenth, nDCG@10 of recent popularity alone when the half-life is a third, right, three
 * times as long: .038 .041 .037, of exponential decay .038 .042 .037; MovieLens 100K .336 .354 .352
 * and .342 .355 .351 around 7 days, but at a day .324 and .286),
 *
 *   s_i = sum_u n_ui (1 - 2^-(l_i + 0.1))^-rate
 *
 * l_i the half-lives since the item's first event: an item that came yesterday is judged by what it
 * has a day, not by how little that is yet. A question of the past is not answered by what lives
 * now: the part's weight halves every quarter of a half-life before the end of the data, so that,
 * unlike popularity, which is of all time, it may weigh much. It says itself what lives, and is
 * given no trend (model/trend.h).
 *
 * Columns: recent/score (f32 [n_items]), recent/set (f64: settings, time of the newest event).
 * Scores are never negative. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/shares.h"
#include "model/counts.h"
#include "model/parts.h"
#include "table/lists.h"

enum { SET_HALF_LIFE, SET_RATE, SET_N };

static const double DAY = 86400, TAIL = 1.5;

static const struct pz_setting settings[SET_N] = {
    [SET_HALF_LIFE] = { PZ_SETTING("half_life", "days after which an event counts half"),
                        PZ_ALLOWED(7, 1e-4, 36500), PZ_SEARCHED(0.1, 100), PZ_LOG_SCALE,
                        PZ_SCANNED },
    [SET_RATE] = { PZ_SETTING("rate", "how far young items are judged by rate, not by count"),
                   PZ_ALLOWED(0, 0, 1), PZ_SEARCHED(0, 1) },
};

struct recent {
    double set[SET_N];
    double newest; /* seconds */
    uint32_t n_items;
    const float *score;
    float *owned;
};

static void part_free(void *part)
{
    struct recent *r = part;

    if (r)
        free(r->owned);
    free(r);
}

/* The time of each item's first event; first[n_items] of items without one stay as they are. */
static void find_first(const struct pz_corpus *c, double *first)
{
    for (uint32_t i = 0; i < c->n_items; i++)
        first[i] = INFINITY;
    pz_shares_turn(c, first, c->n_items * sizeof *first);
    for (uint64_t p = 0; p < c->ptr[c->n_users]; p++)
        first[c->item[p]] = fmin(first[c->item[p]], (double)pz_corpus_time(c, p));
    pz_shares_pass(c, first, c->n_items * sizeof *first);
}

static void fill(struct recent *r, const double *sum, const double *first)
{
    for (uint32_t i = 0; i < r->n_items; i++) {
        double lived = (r->newest - first[i]) / (DAY * r->set[SET_HALF_LIFE]);
        double rate = sum[i] > 0 ? pz_count_rate(lived, r->set[SET_RATE]) : 1;

        r->owned[i] = (float)(sum[i] * rate);
    }
}

static enum pz_status fit(const struct pz_corpus *c, const struct pz_fit_cfg *cfg, void **part,
                          struct pz_err *err)
{
    struct recent *r = calloc(1, sizeof *r);
    double *sum = pz_mem_array(c->n_items, sizeof *sum);
    double *first = pz_mem_array(c->n_items, sizeof *first);
    struct pz_decay decay = { .half_life_s = DAY * cfg->value[SET_HALF_LIFE], .tail = TAIL };
    enum pz_status st = PZ_OK;

    if (r)
        r->owned = pz_mem_array(c->n_items, sizeof *r->owned);
    if (!r || !r->owned || !sum || !first)
        st = pz_err_memory(err, "recent popularity", 20.0 * c->n_items);
    if (st == PZ_OK) {
        memcpy(r->set, cfg->value, sizeof r->set);
        r->newest = (double)c->newest;
        r->n_items = c->n_items;
        r->score = r->owned;
        st = pz_count_users(c, &decay, sum, err);
    }
    if (st == PZ_OK) {
        find_first(c, first);
        fill(r, sum, first);
    }
    free(sum);
    free(first);
    return pz_part_hand_out(st, r, part_free, part);
}

static enum pz_status save(const void *part, struct pz_writer *w, struct pz_err *err)
{
    const struct recent *r = part;
    double set[SET_N + 1];
    enum pz_status st = pz_writer_add(w, "recent/score", PZ_F32, r->score, r->n_items, err);

    memcpy(set, r->set, sizeof r->set);
    set[SET_N] = r->newest;
    return st == PZ_OK ? pz_writer_add(w, "recent/set", PZ_F64, set, SET_N + 1, err) : st;
}

static enum pz_status load(struct pz_table *t, uint32_t n_items, void **part, struct pz_err *err)
{
    struct recent *r = calloc(1, sizeof *r);
    const void *score = NULL, *set = NULL;
    enum pz_status st = r ? PZ_OK : pz_err_memory(err, "recent popularity", sizeof *r);

    if (st == PZ_OK)
        st = pz_table_get(t, "recent/score", PZ_F32, n_items, &score, NULL, err);
    if (st == PZ_OK)
        st = pz_table_get(t, "recent/set", PZ_F64, SET_N + 1, &set, NULL, err);
    if (st == PZ_OK) {
        memcpy(r->set, set, sizeof r->set);
        r->newest = ((const double *)set)[SET_N];
        r->n_items = n_items;
        r->score = score;
        st = pz_scorer_check(&pz_recent, r->set, err);
    }
    if (st == PZ_OK &&
        !(isfinite(r->newest) && (pz_table_is_flat(t) || pz_numbers_good(score, n_items, 0))))
        st = pz_err_set(err, PZ_BAD_DATA, "recent/score: a number is damaged");
    return pz_part_hand_out(st, r, part_free, part);
}

static double presence(const void *part, int64_t now)
{
    const struct recent *r = part;

    return pz_count_fade(r->newest - (double)now, DAY * r->set[SET_HALF_LIFE]);
}

static size_t scratch_bytes(const void *part)
{
    (void)part;
    return 0;
}

static bool score(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    const struct recent *r = part;

    (void)q;
    (void)scratch;
    memcpy(out, r->score, r->n_items * sizeof *out);
    return r->n_items > 0;
}

static const float *fixed(const void *part, const struct pz_query *q)
{
    (void)q;
    return ((const struct recent *)part)->score;
}

/* Half-lives are shares of the time that the events span. It has to win its place: without a look
 * at what comes next nothing says that it helps. */
static void start(const struct pz_setup *setup, struct pz_choice *c)
{
    const struct pz_setting *half = &settings[SET_HALF_LIFE];
    double days = fmin(fmax(pz_corpus_span(setup->corpus) / DAY, 1000 * half->min), half->max);

    c->low[SET_HALF_LIFE] = days / 1000;
    c->high[SET_HALF_LIFE] = days / 3;
    c->value[SET_HALF_LIFE] = days / 30;
    c->weight = 0;
}

static enum pz_suits suits(const struct pz_setup *setup)
{
    return setup->corpus->ordered ? PZ_SUITS : PZ_SUITS_NEVER;
}

const struct pz_scorer pz_recent = {
    .name = "recent",
    .meaning = "what everybody has now",
    .settings = settings,
    .n_settings = SET_N,
    .suits = suits,
    .start = start,
    .fit = fit,
    .in_shares = true,
    .save = save,
    .load = load,
    .free = part_free,
    .presence = presence,
    .scratch_bytes = scratch_bytes,
    .score = score,
    .fixed = fixed,
};
