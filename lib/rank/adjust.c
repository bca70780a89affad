/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that multiply scores before the choice, alike for the blend and the fallback:
 *
 *   rotation   (1 - rate)^s, s the sum of 2^(-age / half-life) over the times the item was shown to
 *              the user
 *   objective  (value / largest value)^power of a numeric column: with power 1 the order is that of
 *              expected value, score being a chance; values of 0 and below and nulls count as the
 *              smallest above 0
 *   boosts     the factor of every boost whose filter the item passes */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "rank/ranker.h"

enum { DAY = 86400 };

static int by_item(const void *x, const void *y)
{
    const struct pz_shown *a = x, *b = y;

    return a->item < b->item ? -1 : a->item > b->item;
}

/* One entry a showing, then one an item. Exploration wants them where no rotation does. */
static enum pz_status prepare_shown(struct pz_ranker *r, struct pz_err *err)
{
    const struct pz_rules *rules = &r->req->rules;
    const struct pz_live *live = r->req->live;
    double half = rules->rotation_half_life_s > 0 ? (double)rules->rotation_half_life_s : DAY;
    size_t n = 0, kept = 0;

    r->n_shown = 0;
    for (size_t i = 0; live && i < live->n_events; i++) {
        const struct pz_live_event *e = &live->event[i];
        double age = r->now > e->time ? (double)(r->now - e->time) : 0, left;

        if (e->n_shown == 0 || !pz_rank_counts(r, e))
            continue;
        left = pow(1 - rules->rotation, exp2(-age / half));
        if (!pz_mem_grow(&r->shown, &r->cap_shown, n + e->n_shown, sizeof *r->shown))
            return pz_err_memory(err, "showings", (double)n * sizeof *r->shown);
        for (size_t k = 0; k < e->n_shown; k++) {
            uint32_t item = pz_dict_find_str(&r->m->items, e->shown[k]);

            if (item != PZ_NONE)
                r->shown[n++] = (struct pz_shown){ item, 1, (float)left };
        }
    }
    if (n > 0)
        qsort(r->shown, n, sizeof *r->shown, by_item);
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && r->shown[kept - 1].item == r->shown[i].item) {
            r->shown[kept - 1].times++;
            r->shown[kept - 1].left *= r->shown[i].left;
        } else {
            r->shown[kept++] = r->shown[i];
        }
    }
    r->n_shown = kept;
    return PZ_OK;
}

static void widen(struct pz_objective *o, double value)
{
    if (value > 0) {
        o->least = value < o->least ? value : o->least;
        o->largest = value > o->largest ? value : o->largest;
    }
}

/* The range of the model's values; rows put since may widen it. */
static enum pz_status prepare_objective(struct pz_ranker *r, struct pz_err *err)
{
    const struct pz_rules *rules = &r->req->rules;
    struct pz_objective *o = &r->objective;
    const struct pz_attr *base, *over;
    enum pz_status st;

    *o = (struct pz_objective){ .power = rules->objective_power, .least = INFINITY };
    if (!rules->objective)
        return PZ_OK;
    st = pz_column_find(r, rules->objective, &o->column, err);
    if (st != PZ_OK)
        return st;
    base = o->column.base;
    over = o->column.over;
    if ((base && !base->num) || (over && !over->num))
        return pz_err_set(err, PZ_USAGE, "the objective %s is not a column of numbers",
                          rules->objective);
    for (uint32_t i = 0; base && i < pz_model_learned(r->m); i++)
        widen(o, base->num[i]);
    for (uint32_t i = 0; over && i < o->column.overlay->ids.n; i++)
        widen(o, over->num[i]);
    o->on = o->largest > 0 && o->power > 0;
    return PZ_OK;
}

static enum pz_status prepare_boosts(struct pz_ranker *r, struct pz_err *err)
{
    const struct pz_rules *rules = &r->req->rules;
    enum pz_status st = PZ_OK;

    if (rules->n_boosts == 0)
        return PZ_OK;
    if (!pz_mem_grow(&r->boosted, &r->cap_boosted, rules->n_boosts * r->words, sizeof *r->boosted))
        return pz_err_memory(err, "boosts", 8.0 * (double)(rules->n_boosts * r->words));
    for (size_t b = 0; b < rules->n_boosts && st == PZ_OK; b++) {
        uint64_t *set = r->boosted + b * r->words;

        pz_bits_fill(set, r->m->items.n, true);
        st = pz_rank_filter(r, rules->boost[b].filter, rules->boost[b].values, set, err);
    }
    return st;
}

enum pz_status pz_rank_prepare(struct pz_ranker *r, struct pz_err *err)
{
    enum pz_status st = prepare_shown(r, err);

    if (st == PZ_OK)
        st = prepare_objective(r, err);
    return st == PZ_OK ? prepare_boosts(r, err) : st;
}

float pz_rank_rotation(const struct pz_ranker *r, uint32_t item)
{
    struct pz_shown key = { .item = item };
    const struct pz_shown *found = r->n_shown
                                       ? bsearch(&key, r->shown, r->n_shown, sizeof key, by_item)
                                       : NULL;

    return found ? found->left : 1;
}

static float gain(const struct pz_objective *o, double value)
{
    double share = (value > 0 ? value : o->least) / o->largest; /* NaN is not > 0 */

    return (float)(o->power == 1 ? share : pow(share, o->power));
}

float pz_rank_objective(const struct pz_ranker *r, uint32_t item)
{
    return r->objective.on ? gain(&r->objective, pz_column_number(&r->objective.column, item)) : 1;
}

float pz_rank_boost(const struct pz_ranker *r, uint32_t item)
{
    float factor = 1;

    for (size_t b = 0; b < r->req->rules.n_boosts; b++)
        if (pz_bits_has(r->boosted + b * r->words, item))
            factor *= (float)r->req->rules.boost[b].factor;
    return factor;
}

void pz_rank_adjust(const struct pz_ranker *r, float *score)
{
    for (size_t i = 0; i < r->n_shown; i++)
        if (score[r->shown[i].item] > 0)
            score[r->shown[i].item] *= r->shown[i].left;
    for (uint32_t i = 0; r->objective.on && i < r->m->items.n; i++)
        if (score[i] > 0)
            score[i] *= pz_rank_objective(r, i);
    for (uint32_t i = 0; r->req->rules.n_boosts > 0 && i < r->m->items.n; i++)
        if (score[i] > 0)
            score[i] *= pz_rank_boost(r, i);
}
