/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that multiply scores before the choice, alike for the blend and the fallback:
 *
 *   rotation   (1 - rate)^s, s the sum of 2^(-age / half-life) over the times the item was shown to
 *              the user
 *   objective  (value / largest value)^power of a numeric column: with power 1 the order is that of
 *              expected value, score being a chance; values of 0 and below and nulls count as the
 *              smallest above 0
 *   boosts     the factor of every boost whose filter the item passes */
#include "rank/adjust.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

enum { DAY = 86400 };

static int by_item(const void *x, const void *y)
{
    const struct pz_shown *a = x, *b = y;

    return a->item < b->item ? -1 : a->item > b->item;
}

/* One entry a showing, then one an item. Exploration wants them where no rotation does. */
static enum pz_status prepare_shown(struct pz_adjustment *a, const struct pz_asked *asked,
                                    const struct pz_history *h, struct pz_err *err)
{
    const struct pz_rules *rules = &asked->req->rules;
    const struct pz_live *live = asked->req->live;
    double half = rules->rotation_half_life_s > 0 ? (double)rules->rotation_half_life_s : DAY;
    size_t n = 0, kept = 0;

    a->n_shown = 0;
    for (size_t i = 0; live && i < live->n_events; i++) {
        const struct pz_live_event *e = &live->event[i];
        double age = h->now > e->time ? (double)(h->now - e->time) : 0, left;

        if (e->n_shown == 0 || !pz_history_counts(asked->req, e))
            continue;
        left = pow(1 - rules->rotation, exp2(-age / half));
        if (!pz_mem_grow(&a->shown, &a->cap_shown, n + e->n_shown, sizeof *a->shown))
            return pz_err_memory(err, "showings", (double)n * sizeof *a->shown);
        for (size_t k = 0; k < e->n_shown; k++) {
            uint32_t item = pz_dict_find_str(&asked->m->items, e->shown[k]);

            if (item != PZ_NONE)
                a->shown[n++] = (struct pz_shown){ item, 1, (float)left };
        }
    }
    if (n > 0)
        qsort(a->shown, n, sizeof *a->shown, by_item);
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && a->shown[kept - 1].item == a->shown[i].item) {
            a->shown[kept - 1].times++;
            a->shown[kept - 1].left *= a->shown[i].left;
        } else {
            a->shown[kept++] = a->shown[i];
        }
    }
    a->n_shown = kept;
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
static enum pz_status prepare_objective(struct pz_adjustment *a, const struct pz_asked *asked,
                                        struct pz_err *err)
{
    const struct pz_rules *rules = &asked->req->rules;
    struct pz_objective *o = &a->objective;
    const struct pz_attr *base, *over;
    enum pz_status st;

    *o = (struct pz_objective){ .power = rules->objective_power, .least = INFINITY };
    if (!rules->objective)
        return PZ_OK;
    st = pz_column_find(asked, rules->objective, &o->column, err);
    if (st != PZ_OK)
        return st;
    base = o->column.base;
    over = o->column.over;
    if ((base && !base->num) || (over && !over->num))
        return pz_err_set(err, PZ_USAGE, "the objective %s is not a column of numbers",
                          rules->objective);
    for (uint32_t i = 0; base && i < pz_model_learned(asked->m); i++)
        widen(o, base->num[i]);
    for (uint32_t i = 0; over && i < o->column.overlay->ids.n; i++)
        widen(o, over->num[i]);
    o->on = o->largest > 0 && o->power > 0;
    return PZ_OK;
}

static enum pz_status prepare_boosts(struct pz_adjustment *a, const struct pz_asked *asked,
                                     struct pz_mask *mask, struct pz_err *err)
{
    const struct pz_rules *rules = &asked->req->rules;
    size_t words = pz_bits_words(asked->m->items.n);
    enum pz_status st = PZ_OK;

    if (rules->n_boosts == 0)
        return PZ_OK;
    if (!pz_mem_grow(&a->boosted, &a->cap_boosted, rules->n_boosts * words, sizeof *a->boosted))
        return pz_err_memory(err, "boosts", 8.0 * (double)(rules->n_boosts * words));
    for (size_t b = 0; b < rules->n_boosts && st == PZ_OK; b++) {
        uint64_t *set = a->boosted + b * words;

        pz_bits_fill(set, asked->m->items.n, true);
        st = pz_mask_filter(mask, asked->req,
                            &(struct pz_bound){ rules->boost[b].filter, rules->boost[b].values },
                            set, err);
    }
    return st;
}

enum pz_status pz_adjustment_prepare(struct pz_adjustment *a, const struct pz_asked *asked,
                                     const struct pz_history *h, struct pz_mask *mask,
                                     struct pz_err *err)
{
    enum pz_status st = prepare_shown(a, asked, h, err);

    a->rules = &asked->req->rules;
    a->n_items = asked->m->items.n;
    a->n_explored = 0;
    if (st == PZ_OK)
        st = prepare_objective(a, asked, err);
    return st == PZ_OK ? prepare_boosts(a, asked, mask, err) : st;
}

/* Young items get places in answers for users, where the recipe explores: whether this is one. What
 * is known of the items goes into *items. */
static bool explores(const struct pz_adjustment *a, const struct pz_asked *asked,
                     const struct pz_history *h, const struct pz_mask *mask,
                     struct pz_explore_cfg *cfg, struct pz_explore_items *items)
{
    const struct pz_request *req = asked->req;
    const struct pz_model *m = asked->m;

    *cfg = (struct pz_explore_cfg){
        .weight = req->exploration_weight < 0 ? PZ_EXPLORE_WEIGHT : req->exploration_weight,
        .cutoff_days = req->exploration_cutoff_days > 0 ? req->exploration_cutoff_days
                                                        : PZ_EXPLORE_CUTOFF_DAYS,
        .newest = m->newest,
        .draw = pz_explore_draw(req->seed, req->user_id, h->now),
    };
    items->n = m->items.n;
    items->learned = items->counted = pz_model_learned(m);
    items->since = m->item_since;
    items->newest = m->block_since;
    items->oldest = m->block_oldest;
    items->oldest_of_many = m->chunk_oldest;
    items->count = m->item_count;
    items->shown = m->item_shown;
    items->live = a->shown;
    items->n_live = a->n_shown;
    items->allowed = mask->allowed;
    return m->recipe->explores && m->item_since && h->query.task == PZ_TASK_USER && cfg->weight > 0;
}

float pz_adjustment_explore(struct pz_adjustment *a, const struct pz_asked *asked,
                            const struct pz_history *h, const struct pz_mask *mask,
                            const struct pz_explore_items *rough, float *blend)
{
    struct pz_explore_cfg cfg;
    struct pz_explore_items items = *rough;

    if (!explores(a, asked, h, mask, &cfg, &items))
        return 1;
    a->n_explored = pz_explore(&cfg, &items, blend, a->explored);
    return (float)(1 - cfg.weight);
}

void pz_adjustment_explore_ahead(const struct pz_adjustment *a, const struct pz_asked *asked,
                                 const struct pz_history *h, const struct pz_mask *mask,
                                 const struct pz_explore_items *rough, size_t want, uint64_t *set)
{
    struct pz_explore_cfg cfg;
    struct pz_explore_items items = *rough;

    if (explores(a, asked, h, mask, &cfg, &items))
        pz_explore_ahead(&cfg, &items, want, set);
}

float pz_adjustment_exploration(const struct pz_adjustment *a, uint32_t item)
{
    for (size_t i = 0; i < a->n_explored; i++)
        if (a->explored[i].item == item)
            return a->explored[i].bonus;
    return 0;
}

float pz_adjustment_rotation(const struct pz_adjustment *a, uint32_t item)
{
    struct pz_shown key = { .item = item };
    const struct pz_shown *found = a->n_shown
                                       ? bsearch(&key, a->shown, a->n_shown, sizeof key, by_item)
                                       : NULL;

    return found ? found->left : 1;
}

static float gain(const struct pz_objective *o, double value)
{
    double share = (value > 0 ? value : o->least) / o->largest; /* NaN is not > 0 */

    return (float)(o->power == 1 ? share : pow(share, o->power));
}

float pz_adjustment_objective(const struct pz_adjustment *a, uint32_t item)
{
    return a->objective.on ? gain(&a->objective, pz_column_number(&a->objective.column, item)) : 1;
}

float pz_adjustment_boost(const struct pz_adjustment *a, uint32_t item)
{
    float factor = 1;

    for (size_t b = 0; b < a->rules->n_boosts; b++)
        if (pz_bits_has(a->boosted + b * pz_bits_words(a->n_items), item))
            factor *= (float)a->rules->boost[b].factor;
    return factor;
}

void pz_adjustment_apply(const struct pz_adjustment *a, float *score)
{
    for (size_t i = 0; i < a->n_shown; i++)
        if (score[a->shown[i].item] > 0)
            score[a->shown[i].item] *= a->shown[i].left;
    for (uint32_t i = 0; a->objective.on && i < a->n_items; i++)
        if (score[i] > 0)
            score[i] *= pz_adjustment_objective(a, i);
    for (uint32_t i = 0; a->rules->n_boosts > 0 && i < a->n_items; i++)
        if (score[i] > 0)
            score[i] *= pz_adjustment_boost(a, i);
}

void pz_adjustment_clear(struct pz_adjustment *a)
{
    free(a->shown);
    free(a->boosted);
}
