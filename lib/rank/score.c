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
#include "model/blend.h"
#include "rank/top.h"

bool pz_scores_init(struct pz_scores *s, const struct pz_model *m)
{
    *s = (struct pz_scores){ .blend = pz_mem_array(m->items.n, sizeof *s->blend),
                             .fallback = pz_mem_array(m->items.n, sizeof *s->fallback),
                             .scratch = pz_mem_array(pz_model_scratch(m), 1) };
    if (pz_rough_suits(m)) {
        s->rough = pz_rough_new(m);
        s->exact = pz_bits_new(m->items.n);
        if (!s->rough || !s->exact)
            return false;
    }
    return s->blend && s->fallback && s->scratch;
}

void pz_scores_clear(struct pz_scores *s)
{
    free(s->blend);
    free(s->fallback);
    free(s->scratch);
    pz_rough_free(s->rough);
    free(s->exact);
}

/* Whether a request is for some items and their scores, no more. */
static bool wants_some(const struct pz_request *req)
{
    return !req->explain && req->n_rank == 0 && req->rules.n_boosts == 0 && !req->rules.objective;
}

/* Parts meet on a scale of all that the seen rule leaves, whatever a filter or a list leaves of that:
 * two items keep their order, and an item that most parts do not know is not judged by their
 * noise. */
static struct pz_scoring job_of(const struct pz_scored *s)
{
    return (struct pz_scoring){ .q = &s->history->query,
                                .allowed = s->mask->promotable,
                                .scratch = s->scores->scratch,
                                .out = s->scores->blend };
}

/* Whether to score roughly. */
static bool wants_rough(const struct pz_scored *s)
{
    return s->scores->rough && wants_some(s->asked->req);
}

/* Score roughly those of n queries that want it: the others, and those that cannot be, stay. Returns how
 * many stay. */
static size_t make_rough(const struct pz_scored **scored, size_t n)
{
    struct pz_rough_task task[PZ_SCORE_BLOCK];
    const struct pz_scored *asked[PZ_SCORE_BLOCK];
    size_t n_tasks = 0, n_left = 0;

    for (size_t i = 0; i < n; i++) {
        const struct pz_scored *s = scored[i];

        if (wants_rough(s)) {
            asked[n_tasks] = s;
            task[n_tasks++] = (struct pz_rough_task){ .rough = s->scores->rough, .job = job_of(s) };
        } else {
            scored[n_left++] = s;
        }
    }
    if (n_tasks > 0)
        pz_rough_score(asked[0]->asked->m, task, n_tasks);
    for (size_t i = 0; i < n_tasks; i++) {
        struct pz_scores *s = asked[i]->scores;

        if (!task[i].done) {
            scored[n_left++] = asked[i];
            continue;
        }
        s->used = task[i].job.used;
        s->has_fallback = false;
        s->is_rough = true;
        s->kept = 1;
        pz_bits_fill(s->exact, asked[i]->asked->m->items.n, false);
    }
    return n_left;
}

void pz_scores_make_exact(const struct pz_scored *scored, float *part_score)
{
    struct pz_scores *s = scored->scores;

    s->has_fallback = false;
    s->is_rough = false;
    pz_model_score(scored->asked->m, &scored->history->query, scored->mask->promotable, s->scratch,
                   s->blend, part_score, &s->used);
}

void pz_scores_make(const struct pz_scored *const *scored, size_t n)
{
    struct pz_scoring job[PZ_SCORE_BLOCK];
    const struct pz_scored *left[PZ_SCORE_BLOCK];
    size_t n_left;

    for (size_t i = 0; i < n; i++)
        left[i] = scored[i];
    n_left = make_rough(left, n);
    for (size_t i = 0; i < n_left; i++) {
        left[i]->scores->is_rough = false;
        left[i]->scores->has_fallback = false;
        job[i] = job_of(left[i]);
    }
    if (n_left > 0)
        pz_model_score_block(left[0]->asked->m, job, n_left);
    for (size_t i = 0; i < n_left; i++)
        left[i]->scores->used = job[i].used;
}

void pz_scores_explored(struct pz_scores *s, uint32_t n_items, float kept,
                        const struct pz_explored *lifted, size_t n)
{
    static const float UP = 1.000001f; /* more than the products round */

    if (!s->is_rough)
        return;
    s->kept = kept;
    for (size_t w = 0; w < pz_bits_words(n_items); w++) {
        s->rough->off[w] *= kept * UP;
        s->rough->max[w] *= kept * UP;
    }
    for (size_t i = 0; i < n; i++) {
        float *max = &s->rough->max[lifted[i].item / 64], blend = s->blend[lifted[i].item];

        *max = blend > *max ? blend : *max;
    }
}

void pz_scores_settle(struct pz_scores *s, uint32_t item)
{
    if (!s->is_rough || pz_bits_has(s->exact, item))
        return;
    pz_bits_add(s->exact, item);
    s->blend[item] = pz_rough_exact(s->rough, item);
    pz_blend_scale(&s->blend[item], 1, s->kept);
}

/* What the `want`-th best of a set has at least; 0: there are fewer. */
static float least_of_best(const struct pz_scores *s, const struct pz_hit *hit, size_t n,
                           size_t want)
{
    float least = n == want ? INFINITY : 0;

    for (size_t i = 0; i < n; i++) {
        float off = pz_bits_has(s->exact, hit[i].item) ? 0 : s->rough->off[hit[i].item / 64];

        least = hit[i].blend - off < least ? hit[i].blend - off : least;
    }
    return least > 0 ? least : 0;
}

void pz_scores_settle_best(struct pz_scores *s, const uint64_t *set, uint32_t n_items,
                           struct pz_hit *hit, size_t want)
{
    float least;

    if (!s->is_rough || want == 0)
        return;
    least = least_of_best(s, hit, pz_top(s->blend, set, s->rough->max, n_items, hit, want), want);
    for (uint32_t w = 0; w < pz_bits_words(n_items); w++) {
        if (s->rough->max[w] < least)
            continue;
        for (uint64_t bits = set[w]; bits; bits &= bits - 1) {
            uint32_t i = w * 64 + (uint32_t)__builtin_ctzll(bits);

            if (s->blend[i] + s->rough->off[w] >= least)
                pz_scores_settle(s, i);
        }
    }
}

void pz_scores_settle_all(struct pz_scores *s, const uint64_t *set, uint32_t n_items)
{
    for (uint32_t w = 0; s->is_rough && w < pz_bits_words(n_items); w++)
        for (uint64_t bits = set[w]; bits; bits &= bits - 1)
            pz_scores_settle(s, w * 64 + (uint32_t)__builtin_ctzll(bits));
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
    bool few = pz_bits_count(allowed, n_items) <= EXACT_ITEMS;
    float top;
    double total;

    if (few)
        pz_scores_settle_all(scored->scores, allowed, n_items);
    top = pz_score_max_below(blend, n_items, allowed, pz_scores_max(scored->scores));
    total = few ? exact_sum(blend, allowed, n_items, scale, top)
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
