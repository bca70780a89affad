/* SPDX-License-Identifier: Apache-2.0 */
/* Scores: the blend of the model's parts, the fallback for items that no part knows, and the
 * shares that answers carry.
 *
 * Parts are put on one scale over all that the seen rule leaves, not over what a filter or a
 * list leaves, so that two items keep their order whatever else is asked. The fallback is the
 * last part of every recipe, popularity, with a trace for items nobody had, so that it is above
 * 0 everywhere; it is made only when an answer needs it. A softmax takes the largest blend out
 * of the exponents, so that none overflows. */
#include "rank/score.h"

#include <math.h>
#include <stdlib.h>

#include "base/simd.h"

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

void pz_scores_make_block(const struct pz_scored *const *scored, size_t n)
{
    struct pz_scoring job[PZ_SCORE_BLOCK];

    for (size_t i = 0; i < n; i++)
        job[i] = (struct pz_scoring){ .q = &scored[i]->history->query,
                                      .allowed = scored[i]->mask->promotable,
                                      .scratch = scored[i]->scores->scratch,
                                      .out = scored[i]->scores->blend };
    if (n > 0)
        pz_model_score_block(scored[0]->asked->m, job, n);
    for (size_t i = 0; i < n; i++) {
        scored[i]->scores->used = job[i].used;
        scored[i]->scores->has_fallback = false;
    }
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

/* Sum of exp(scale * (score - top)) over the n <= 64 scores whose bits are set. */
static inline __attribute__((always_inline)) float sum_word(const float *score, uint32_t n,
                                                            uint64_t bits, float scale, float top)
{
    float e[64] = { 0 }, sum[16] = { 0 }, total = 0;

    for (uint32_t i = 0; i < n; i++)
        e[i] = pz_exp_fast(scale * (score[i] - top));
    for (uint64_t out = ~bits; out; out &= out - 1)
        e[__builtin_ctzll(out)] = 0;
    for (size_t i = 0; i < 64; i += 16)
        for (size_t k = 0; k < 16; k++)
            sum[k] += e[i + k];
    for (size_t k = 0; k < 16; k++)
        total += sum[k];
    return total;
}

/* The same over all n scores of a set; within 1e-5 of the exact sum, in proportion (a test). */
PZ_KERNEL double pz_softmax_sum(const float *score, const uint64_t *set, uint32_t n, float scale,
                                float top)
{
    double total = 0;

    for (uint32_t i = 0; i < n; i += 64) {
        if (n - i >= 64 && set[i / 64])
            total += (double)sum_word(score + i, 64, set[i / 64], scale, top);
        else if (set[i / 64])
            total += (double)sum_word(score + i, n - i, set[i / 64], scale, top);
    }
    return total;
}

enum { EXACT_ITEMS = 1000 /* so few are summed exactly: shares of a list add up to 1 */ };

static double exact_sum(const float *score, const uint64_t *set, uint32_t n, double scale,
                        float top)
{
    double total = 0;

    for (uint32_t i = 0; i < n; i += 64)
        for (uint64_t bits = set[i / 64]; bits; bits &= bits - 1)
            total += exp(scale * (double)(score[i + (uint32_t)__builtin_ctzll(bits)] - top));
    return total;
}

/* The largest blend is taken out of the exponents. */
void pz_scored_softmax(const struct pz_scored *scored, struct pz_hit *hit, size_t n, bool all)
{
    const float *blend = scored->scores->blend;
    const uint64_t *allowed = scored->mask->allowed;
    uint32_t n_items = scored->asked->m->items.n;
    double scale = scored->asked->m->softmax_scale;
    float top = pz_score_max(blend, n_items, allowed);
    double total = pz_bits_count(allowed, n_items) <= EXACT_ITEMS
                       ? exact_sum(blend, allowed, n_items, scale, top)
                       : pz_softmax_sum(blend, allowed, n_items, (float)scale, top);

    for (size_t i = 0; i < n && total > 0; i++)
        if (all || blend[hit[i].item] > 0)
            hit[i].score = exp(scale * (double)(blend[hit[i].item] - top)) / total;
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
