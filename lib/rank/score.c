/* SPDX-License-Identifier: Apache-2.0 */
/* Scores: the blend of the model's parts, the fallback for items that no part knows, and the shares
 * that answers carry. */
#include "rank/score.h"

#include <math.h>
#include <stdlib.h>

bool pz_scores_init(struct pz_scores *s, const struct pz_model *m)
{
    *s = (struct pz_scores){ .blend = pz_mem_array(m->items.n, sizeof *s->blend),
                             .fallback = pz_mem_array(m->items.n, sizeof *s->fallback),
                             .scratch = pz_mem_array(pz_model_scratch(m), 1) };
    return s->blend && s->fallback && s->scratch;
}

void pz_scores_clear(struct pz_scores *s)
{
    free(s->blend);
    free(s->fallback);
    free(s->scratch);
}

void pz_scores_make(struct pz_scores *s, const struct pz_asked *asked, const struct pz_history *h,
                    const struct pz_mask *mask, float *part_score)
{
    s->has_fallback = false;
    /* Parts meet on a scale of all that the seen rule leaves, whatever a filter or a list leaves of
     * that: two items keep their order, and an item that most parts do not know is not judged by
     * their noise. */
    pz_model_score(asked->m, &h->query, mask->promotable, s->scratch, s->blend, part_score,
                   &s->used);
}

/* The last part of every recipe (popularity); items nobody had get a trace. */
const float *pz_scored_fallback(const struct pz_scored *scored)
{
    const struct pz_model *m = scored->asked->m;
    const struct pz_part *p = &m->part[m->n_parts - 1];
    struct pz_scores *s = scored->scores;
    uint32_t n = m->items.n;
    float least = INFINITY;

    if (s->has_fallback)
        return s->fallback;
    s->has_fallback = true;
    pz_part_score(p, &scored->history->query, n, s->scratch, s->fallback);
    for (uint32_t i = 0; i < n; i++)
        if (s->fallback[i] > 0 && s->fallback[i] < least)
            least = s->fallback[i];
    for (uint32_t i = 0; i < n; i++)
        if (s->fallback[i] <= 0)
            s->fallback[i] = isfinite(least) ? least * 0.5f : 1.0f;
    pz_adjustment_apply(scored->adjustment, s->fallback);
    return s->fallback;
}

/* The largest blend is taken out of the exponents. */
void pz_scored_softmax(const struct pz_scored *scored, struct pz_hit *hit, size_t n, bool all)
{
    const float *blend = scored->scores->blend;
    const uint64_t *allowed = scored->mask->allowed;
    uint32_t n_items = scored->asked->m->items.n;
    double scale = scored->asked->m->softmax_scale, total = 0;
    float largest = 0;

    for (uint32_t i = 0; i < n_items; i++)
        if (pz_bits_has(allowed, i) && blend[i] > largest)
            largest = blend[i];
    for (uint32_t i = 0; i < n_items; i++)
        if (pz_bits_has(allowed, i))
            total += exp(scale * (double)(blend[i] - largest));
    for (size_t i = 0; i < n && total > 0; i++)
        if (all || blend[hit[i].item] > 0)
            hit[i].score = exp(scale * (double)(blend[hit[i].item] - largest)) / total;
}

enum pz_origin pz_scored_origin(const struct pz_scored *scored)
{
    const struct pz_live *live = scored->asked->req->live;
    const struct pz_history *h = scored->history;
    uint32_t used = scored->scores->used;

    if (used == 0 || used == 1u << (scored->asked->m->n_parts - 1))
        return PZ_ORIGIN_POPULAR;
    if (h->query.task == PZ_TASK_RELATED)
        return PZ_ORIGIN_SIMILAR;
    return h->user != PZ_NONE && !(live && live->forgotten) ? PZ_ORIGIN_PERSONAL
                                                            : PZ_ORIGIN_SESSION;
}
