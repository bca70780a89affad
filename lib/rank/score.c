/* SPDX-License-Identifier: Apache-2.0 */
/* Scores: the blend of the model's parts, the fallback for items that no part knows, and the shares
 * that answers carry. */
#include <math.h>
#include <string.h>

#include "rank/explore.h"
#include "rank/ranker.h"

/* Young items get places in answers for users, where the recipe explores. */
static void explore(struct pz_ranker *r)
{
    const struct pz_request *req = r->req;
    const struct pz_model *m = r->m;
    struct pz_explore_cfg cfg = {
        .weight = req->exploration_weight < 0 ? PZ_EXPLORE_WEIGHT : req->exploration_weight,
        .cutoff_days = req->exploration_cutoff_days > 0 ? req->exploration_cutoff_days
                                                        : PZ_EXPLORE_CUTOFF_DAYS,
        .newest = m->newest,
        .draw = pz_explore_draw(req->seed, req->user_id, r->now),
    };
    struct pz_explore_items items = { .n = m->items.n,
                                      .since = m->item_since,
                                      .count = m->item_count,
                                      .shown = m->item_shown,
                                      .live = r->shown,
                                      .n_live = r->n_shown,
                                      .allowed = r->allowed };

    r->n_explored = 0;
    if (m->recipe->explores && m->item_since && r->q.task == PZ_TASK_USER)
        r->n_explored = pz_explore(&cfg, &items, r->blend, r->explored);
}

float pz_rank_exploration(const struct pz_ranker *r, uint32_t item)
{
    for (size_t i = 0; i < r->n_explored; i++)
        if (r->explored[i].item == item)
            return r->explored[i].bonus;
    return 0;
}

enum pz_status pz_rank_score(struct pz_ranker *r, struct pz_err *err)
{
    bool explain = r->req->explain;
    enum pz_status st = explain ? pz_explain_begin(r, err) : PZ_OK;

    if (st != PZ_OK)
        return st;
    /* Parts meet on a scale of all that the seen rule leaves, whatever a filter or a list leaves of
     * that: two items keep their order, and an item that most parts do not know is not judged by
     * their noise. */
    pz_model_score(r->m, &r->q, r->promotable, r->scratch, r->blend, explain ? r->part_score : NULL,
                   &r->used);
    if (explain)
        pz_explain_keep(r);
    explore(r);
    pz_rank_adjust(r, r->blend);
    r->has_fallback = false;
    return PZ_OK;
}

/* The last part of every recipe (popularity); items nobody had get a trace. */
void pz_rank_fallback(struct pz_ranker *r)
{
    const struct pz_part *p = &r->m->part[r->m->n_parts - 1];
    uint32_t n = r->m->items.n;
    float least = INFINITY;

    if (r->has_fallback)
        return;
    r->has_fallback = true;
    pz_part_score(p, &r->q, n, r->scratch, r->fallback);
    for (uint32_t i = 0; i < n; i++)
        if (r->fallback[i] > 0 && r->fallback[i] < least)
            least = r->fallback[i];
    for (uint32_t i = 0; i < n; i++)
        if (r->fallback[i] <= 0)
            r->fallback[i] = isfinite(least) ? least * 0.5f : 1.0f;
    pz_rank_adjust(r, r->fallback);
}

/* The largest blend is taken out of the exponents. */
void pz_rank_softmax(const struct pz_ranker *r, struct pz_hit *hit, size_t n, bool all)
{
    double scale = r->m->softmax_scale, total = 0;
    float largest = 0;

    for (uint32_t i = 0; i < r->m->items.n; i++)
        if (pz_bits_has(r->allowed, i) && r->blend[i] > largest)
            largest = r->blend[i];
    for (uint32_t i = 0; i < r->m->items.n; i++)
        if (pz_bits_has(r->allowed, i))
            total += exp(scale * (double)(r->blend[i] - largest));
    for (size_t i = 0; i < n && total > 0; i++)
        if (all || r->blend[hit[i].item] > 0)
            hit[i].score = exp(scale * (double)(r->blend[hit[i].item] - largest)) / total;
}

enum pz_origin pz_rank_origin(const struct pz_ranker *r)
{
    bool forgotten = r->req->live && r->req->live->forgotten;

    if (r->used == 0 || r->used == 1u << (r->m->n_parts - 1))
        return PZ_ORIGIN_POPULAR;
    if (r->q.task == PZ_TASK_RELATED)
        return PZ_ORIGIN_SIMILAR;
    return r->user != PZ_NONE && !forgotten ? PZ_ORIGIN_PERSONAL : PZ_ORIGIN_SESSION;
}
