/* SPDX-License-Identifier: Apache-2.0 */
/* The trend of items: see trend.h.
 *
 * With w_p the damped weight of event p and g_p what a half-life leaves of it at the end of the
 * data, A_i the sum of w_p over the events of item i, R_i that of w_p g_p, and m = sum R / sum A:
 *
 *   share_i = (R_i / m + FEW) / (A_i + FEW)      scale_i = share_i^power
 *
 * With rate > 0 R_i is multiplied by (1 - 2^-(l + 0.1))^-rate, l the half-lives since the first
 * event of i: an item that came yesterday is judged by what it has a day, not by how little that is
 * yet.
 *
 * FEW events' worth of the mean keep items with little data near 1. The popularity of an item times
 * its share is about its recent popularity, so that one factor serves all parts: what everybody
 * likes becomes what everybody likes now.
 *
 * A question of the past is not answered by what lives now: it is given the factor
 * 1 + fade (scale - 1) with a fade that halves every quarter of a half-life before the end of the
 * data.
 *
 * Items that nobody had, put live or listed only, are as young as can be: theirs is the mean scale
 * over what happens now, sum R_i scale_i / sum R_i. */
#include "model/trend.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/simd.h"
#include "data/shares.h"
#include "model/counts.h"
#include "table/lists.h"

static const double FEW = 3;

/* What shares are made of. */
struct sums {
    double *recent; /* [n_items] R; in one block with the next two */
    double *all;    /* [n_items] A */
    double *first;  /* [n_items] time of the first event */
    double total_recent, total;
};

static enum pz_status add_up(const struct pz_corpus *c, double half_s, struct sums *s,
                             struct pz_err *err)
{
    size_t bytes = 3 * (size_t)c->n_items * sizeof *s->recent;
    struct pz_share users;

    s->recent = pz_mem_array(bytes, 1);
    if (!s->recent)
        return pz_err_memory(err, "item trends", (double)bytes);
    s->all = s->recent + c->n_items;
    s->first = s->all + c->n_items;
    users = pz_shares_begin(c, s->recent, bytes);
    for (uint64_t p = c->ptr[users.first]; p < c->ptr[users.end]; p++) {
        double w = (double)pz_weight_damp(c->weight[p], c->event_power),
               time = (double)pz_corpus_time(c, p);
        uint32_t i = c->item[p];

        s->first[i] = s->all[i] <= 0 || time < s->first[i] ? time : s->first[i];
        s->all[i] += w;
        s->recent[i] += w * exp2(-((double)c->newest - time) / half_s);
    }
    pz_shares_end(c, s->recent, bytes);
    return PZ_OK;
}

/* Counts become rates (model/counts.h). */
static void judge_by_rate(struct sums *s, const struct pz_corpus *c, double half_s, double rate)
{
    for (uint32_t i = 0; i < c->n_items && rate > 0; i++) {
        double lived = ((double)c->newest - s->first[i]) / half_s;

        s->recent[i] *= s->all[i] > 0 ? pz_count_rate(lived, rate) : 1;
    }
}

static void add_totals(struct sums *s, uint32_t n_items)
{
    for (uint32_t i = 0; i < n_items; i++) {
        s->total_recent += s->recent[i];
        s->total += s->all[i];
    }
}

static void fill_shares(const struct sums *s, uint32_t n_items, float *share)
{
    double mean = s->total > 0 ? s->total_recent / s->total : 1;

    for (uint32_t i = 0; i < n_items; i++)
        share[i] = (float)((s->recent[i] / mean + FEW) / (s->all[i] + FEW));
}

enum pz_status pz_trend_shares(const struct pz_corpus *c, double half_s, float *share,
                               struct pz_err *err)
{
    struct sums s = { .recent = NULL };
    enum pz_status st = add_up(c, half_s, &s, err);

    if (st == PZ_OK) {
        add_totals(&s, c->n_items);
        fill_shares(&s, c->n_items, share);
    }
    free(s.recent);
    return st;
}

/* What an item that nobody had gets; those of the corpus are given it. */
static float set_young(const struct sums *s, uint32_t n_items, float *scale)
{
    double sum = 0;
    float young;

    for (uint32_t i = 0; i < n_items; i++)
        sum += s->recent[i] * (double)scale[i];
    young = s->total_recent > 0 ? (float)(sum / s->total_recent) : 1;
    for (uint32_t i = 0; i < n_items; i++)
        if (s->all[i] <= 0)
            scale[i] = young;
    return young;
}

enum pz_status pz_trend_make(const struct pz_corpus *c, const struct pz_trend *how,
                             struct pz_trend *out, struct pz_err *err)
{
    struct sums s = { .recent = NULL };
    float *scale;
    enum pz_status st;

    memset(out, 0, sizeof *out);
    if (how->power <= 0 || how->half_life_s <= 0)
        return PZ_OK;
    scale = pz_mem_array(c->n_items, sizeof *scale);
    st = scale ? add_up(c, how->half_life_s, &s, err)
               : pz_err_memory(err, "item trends", 28.0 * c->n_items);
    if (st == PZ_OK) {
        judge_by_rate(&s, c, how->half_life_s, how->rate);
        add_totals(&s, c->n_items);
        fill_shares(&s, c->n_items, scale);
        for (uint32_t i = 0; i < c->n_items; i++)
            scale[i] = powf(scale[i], (float)how->power);
        *out = (struct pz_trend){ .power = how->power,
                                  .half_life_s = how->half_life_s,
                                  .rate = how->rate,
                                  .newest = c->newest,
                                  .n_items = c->n_items,
                                  .scale = scale,
                                  .own = scale,
                                  .young = set_young(&s, c->n_items, scale) };
    } else {
        free(scale);
    }
    free(s.recent);
    return st;
}

void pz_trend_clear(struct pz_trend *t)
{
    free(t->own);
    memset(t, 0, sizeof *t);
}

enum pz_status pz_trend_save(const struct pz_trend *t, struct pz_writer *w, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    if (t->scale)
        st = pz_writer_add(w, "item_trend", PZ_F32, t->scale, t->n_items, err);
    return st == PZ_OK && t->scale ? pz_writer_add(w, "item_trend/young", PZ_F32, &t->young, 1, err)
                                   : st;
}

enum pz_status pz_trend_load(struct pz_table *table, uint32_t n_items, struct pz_trend *t,
                             struct pz_err *err)
{
    const void *scale = NULL, *young = NULL;
    enum pz_status st;

    if (t->power <= 0)
        return PZ_OK;
    st = pz_table_get(table, "item_trend", PZ_F32, n_items, &scale, NULL, err);
    if (st == PZ_OK)
        st = pz_table_get(table, "item_trend/young", PZ_F32, 1, &young, NULL, err);
    if (st == PZ_OK && !((pz_table_is_flat(table) || pz_numbers_good(scale, n_items, 0)) &&
                         pz_numbers_good(young, 1, 0) && t->half_life_s > 0))
        st = pz_err_set(err, PZ_BAD_DATA, "item_trend: a number is damaged");
    if (st == PZ_OK) {
        t->n_items = n_items;
        t->scale = scale;
        t->young = *(const float *)young;
    }
    return st;
}

double pz_trend_fade(const struct pz_trend *t, int64_t now)
{
    return t && t->scale ? pz_count_fade((double)(t->newest - now), t->half_life_s) : 0;
}

float pz_trend_factor(const struct pz_trend *t, int64_t now, uint32_t item)
{
    double fade = pz_trend_fade(t, now);

    if (fade <= 0)
        return 1;
    return 1 + (float)fade * ((item < t->n_items ? t->scale[item] : t->young) - 1);
}

PZ_KERNEL static void multiply(const float *scale, float fade, float *score, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        score[i] *= 1 + fade * (scale[i] - 1);
}

void pz_trend_apply(const struct pz_trend *t, int64_t now, float *score, uint32_t n)
{
    double fade = pz_trend_fade(t, now);
    uint32_t learned;

    if (fade <= 0)
        return;
    learned = n < t->n_items ? n : t->n_items;
    multiply(t->scale, (float)fade, score, learned);
    for (uint32_t i = learned; i < n; i++)
        score[i] *= pz_trend_factor(t, now, i);
}

void pz_trend_apply_to(const struct pz_trend *t, int64_t now, uint32_t item, float *score)
{
    double fade = pz_trend_fade(t, now);

    if (fade <= 0)
        return;
    if (item < t->n_items)
        multiply(t->scale + item, (float)fade, score, 1);
    else
        *score *= pz_trend_factor(t, now, item);
}

PZ_KERNEL static float largest_of(const float *x, uint32_t n, float top)
{
    for (uint32_t i = 0; i < n; i++)
        top = x[i] > top ? x[i] : top;
    return top;
}

void pz_trend_widen(const struct pz_trend *t, int64_t now, float *off, uint32_t n)
{
    static const float UP = 1.000001f; /* more than the factor rounds */
    double fade = pz_trend_fade(t, now);
    float young;

    if (fade <= 0)
        return;
    young = t->n_items < n ? t->young : 0;
    for (uint32_t i = 0; i < n; i += 64) {
        uint32_t left = i < t->n_items ? t->n_items - i : 0;
        float top = largest_of(t->scale + i, left < 64 ? left : 64, left < 64 ? young : 0);

        off[i / 64] *= UP * (1 + (float)fade * (top - 1));
    }
}
