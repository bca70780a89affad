/* SPDX-License-Identifier: Apache-2.0 */
/* Scores: the blend of the model's parts, and the fallback for items that no part knows; the shares
 * that answers carry are in softmax.c.
 *
 * Parts are put on one scale over all that the seen rule leaves, not over what a filter or a
 * list leaves, so that two items keep their order whatever else is asked. The fallback is the
 * last part of every recipe, popularity, with a trace for items nobody had, so that it is above
 * 0 everywhere; it is made only when an answer needs it. */
#include "rank/score.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/simd.h"
#include "model/blend.h"
#include "rank/arrive.h"
#include "rank/probe.h"
#include "rank/top.h"

static const float UP = 1.000001f; /* more than a few products round */

size_t pz_scores_bytes(const struct pz_model *m)
{
    return pz_rough_suits(m) ? pz_bits_bytes(m->items.n, 3) + pz_rough_bytes(m) : 0;
}

size_t pz_scores_more(const struct pz_model *m)
{
    size_t n_scores = pz_rough_suits(m) ? 4 : 2; /* one of them of fewer items */

    return n_scores * pz_mem_slab_bytes(m->items.n, sizeof(float)) +
           pz_mem_slab_bytes(pz_model_scratch(m), 1);
}

/* What is written in more places comes first. */
bool pz_scores_init(struct pz_scores *s, const struct pz_model *m, struct pz_mem_slab *slab)
{
    *s = (struct pz_scores){ .n_items = m->items.n };
    if (pz_rough_suits(m)) {
        s->rough = pz_rough_new(m, slab);
        s->exact = pz_bits_take(slab, m->items.n);
        s->near = pz_bits_take(slab, m->items.n);
        s->young = pz_bits_take(slab, m->items.n);
        s->young_from = INT64_MAX;
        if (!s->rough || !s->exact || !s->near || !s->young)
            return false;
    }
    if (m->arrivals) {
        s->chance = pz_mem_array(m->arrivals->n, sizeof *s->chance);
        s->added = pz_mem_array(m->arrivals->n, sizeof *s->added);
        if (!s->chance || !s->added)
            return false;
    }
    s->scratch = pz_model_map(m, slab, pz_model_scratch(m) / sizeof(float), sizeof(float), true);
    s->blend = pz_model_map(m, slab, m->items.n, sizeof *s->blend, true);
    s->fallback = pz_model_map(m, slab, m->items.n, sizeof *s->fallback, false);
    return s->blend && s->fallback && s->scratch;
}

void pz_scores_clear(struct pz_scores *s)
{
    pz_rough_free(s->rough);
    free(s->chance);
    free(s->added);
    free(s->young_list.item);
    free(s->young_list.tried);
    free(s->own_probe.item);
    free(s->own_probe.blend);
    free(s->own_probe.score);
}

/* Whether a request is for some items and their scores, no more. */
static bool wants_some(const struct pz_request *req)
{
    return !req->explain && req->n_rank == 0 && req->rules.n_boosts == 0 && !req->rules.objective;
}

/* Parts meet on a scale of all that the seen rule leaves, whatever a filter or a list leaves of
 * that: two items keep their order, and an item that most parts do not know is not judged by their
 * noise. */
struct pz_scoring pz_scored_job(const struct pz_scored *s)
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

/* Nothing of the last query is exact. In words that nobody wrote nothing was. */
static void forget_exact(struct pz_scores *s)
{
    struct pz_bits_run run = { 0, 0 };

    while (pz_bits_next_run(s->rough->plain, pz_bits_words(s->n_items), &run)) {
        memset(s->exact + run.begin, 0, (run.end - run.begin) * sizeof *s->exact);
        memset(s->near + run.begin, 0, (run.end - run.begin) * sizeof *s->near);
    }
}

/* Score roughly those of n queries that want it: the others, and those that cannot be, stay.
 * Returns how many stay. */
static size_t make_rough(const struct pz_scored **scored, size_t n)
{
    struct pz_rough_task task[PZ_SCORE_BLOCK];
    const struct pz_scored *asked[PZ_SCORE_BLOCK];
    size_t n_tasks = 0, n_left = 0;

    for (size_t i = 0; i < n; i++) {
        const struct pz_scored *s = scored[i];

        s->scores->probe = NULL;
        if (!wants_rough(s)) {
            scored[n_left++] = s;
            continue;
        }
        forget_exact(s->scores);
        if (pz_probe(s))
            continue;
        asked[n_tasks] = s;
        task[n_tasks++] = (struct pz_rough_task){ .rough = s->scores->rough,
                                                  .job = pz_scored_job(s) };
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
        s->n_beside = 0;
    }
    return n_left;
}

void pz_scores_make_exact(const struct pz_scored *scored, float *part_score)
{
    struct pz_scores *s = scored->scores;

    s->has_fallback = false;
    s->is_rough = false;
    s->probe = NULL;
    pz_model_score(scored->asked->m, &scored->history->query, scored->mask->promotable, s->scratch,
                   s->blend, part_score, &s->used);
    pz_scores_arrive(scored);
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
        job[i] = pz_scored_job(left[i]);
    }
    if (n_left > 0)
        pz_model_score_block(left[0]->asked->m, job, n_left);
    for (size_t i = 0; i < n_left; i++)
        left[i]->scores->used = job[i].used;
    for (size_t i = 0; i < n; i++)
        pz_scores_arrive(scored[i]);
}

static int by_item(const void *x, const void *y)
{
    const struct pz_beside *a = x, *b = y;

    return a->item < b->item ? -1 : a->item > b->item;
}

/* Exploration settles what it lifts, in ascending order. */
static void lift_beside(struct pz_scores *s, const struct pz_explored *lifted)
{
    struct pz_beside key = { .item = lifted->item },
                     *found = bsearch(&key, s->beside, s->n_beside, sizeof key, by_item);

    if (found)
        found->blend += lifted->bonus;
}

void pz_scores_explored(struct pz_scores *s, uint32_t n_items, float kept,
                        const struct pz_explored *lifted, size_t n)
{
    struct pz_bits_run run = { 0, 0 };

    if (!s->is_rough)
        return;
    s->kept = kept;
    while (pz_bits_next_run(s->rough->plain, pz_bits_words(n_items), &run))
        for (size_t w = run.begin; w < run.end; w++)
            s->rough->max[w] *= kept * UP;
    s->rough->rest *= kept;
    s->rough->rest_max *= kept * UP;
    for (size_t i = 0; i < s->n_beside; i++)
        pz_blend_scale(&s->beside[i].blend, 1, kept);
    for (size_t i = 0; i < n; i++)
        if (pz_scores_in_plain(s, lifted[i].item)) {
            lift_beside(s, &lifted[i]);
        } else {
            float *max = &s->rough->max[lifted[i].item / 64], blend = s->blend[lifted[i].item];

            *max = blend > *max ? blend : *max;
        }
}

void pz_scores_prefetch(const struct pz_scores *s, uint32_t item)
{
    if (s->is_rough && item < s->rough->learned && !pz_bits_has(s->exact, item))
        pz_rough_prefetch(s->rough, item);
}

/* Write a plain word. */
static void write_word(struct pz_scores *s, size_t w)
{
    struct pz_rough *r = s->rough;

    for (size_t i = w * 64; i < w * 64 + 64 && i < s->n_items; i++)
        s->blend[i] = r->rest;
    r->max[w] = r->rest_max;
    pz_bits_remove(r->plain, w);
    for (size_t k = 0; k < s->n_beside; k++) {
        const struct pz_beside *b = &s->beside[k];

        if (b->item / 64 != w)
            continue;
        s->blend[b->item] = b->blend;
        r->max[w] = b->blend > r->max[w] ? b->blend : r->max[w];
        pz_bits_add(s->exact, b->item);
    }
}

/* Write those plain words that have items of a set, if these may have at least so much. Returns
 * whether there were any. */
static bool write_above(struct pz_scores *s, const uint64_t *set, float least)
{
    size_t words = s->rough->rest_max >= least ? pz_bits_words(s->n_items) : 0;
    bool any = false;

    for (size_t k = 0; k < s->n_beside; k++)
        if (s->beside[k].blend >= least && pz_scores_is_beside(s, k, set)) {
            write_word(s, s->beside[k].item / 64);
            any = true;
        }
    for (size_t w = s->rough->learned / 64; w < words; w++)
        if (set[w] && pz_bits_has(s->rough->plain, w)) {
            write_word(s, w);
            any = true;
        }
    return any;
}

size_t pz_scores_top(struct pz_scores *s, const uint64_t *set, uint32_t n_items, struct pz_hit *hit,
                     size_t want)
{
    struct pz_top_words known = { NULL, NULL };
    size_t n;
    bool again;

    if (s->is_rough)
        known = (struct pz_top_words){ s->rough->max, s->rough->plain };
    do {
        n = pz_top(s->blend, set, &known, n_items, hit, want);
        again = s->is_rough && want > 0 && write_above(s, set, n == want ? hit[n - 1].blend : 0);
    } while (again);
    return n;
}

void pz_scores_settle(struct pz_scores *s, uint32_t item)
{
    if (s->probe)
        return;
    if (s->is_rough && pz_scores_in_plain(s, item))
        write_word(s, item / 64);
    if (!s->is_rough || pz_bits_has(s->exact, item))
        return;
    pz_bits_add(s->exact, item);
    s->blend[item] = pz_rough_exact(s->rough, item);
    pz_blend_scale(&s->blend[item], 1, s->kept);
}

float pz_scores_exact(struct pz_scores *s, uint32_t item)
{
    if (!s->is_rough || !pz_scores_in_plain(s, item) || s->n_beside == PZ_BESIDE_MAX) {
        pz_scores_settle(s, item);
        return s->blend[item];
    }
    s->beside[s->n_beside++] = (struct pz_beside){ item, 0 };
    return 0;
}

float pz_scores_largest(struct pz_scores *s, const uint64_t *set)
{
    const uint64_t *plain = s->is_rough ? s->rough->plain : NULL;
    const float *max = s->is_rough ? s->rough->max : NULL;
    float top = pz_score_max_below(s->blend, s->n_items, set, max, plain);

    if (s->is_rough && write_above(s, set, top))
        top = pz_score_max_below(s->blend, s->n_items, set, max, plain);
    return top;
}

/* Items that can be had 64 at a time: those of a set, of some words, that have at least so much. */
struct above {
    const struct pz_scores *s;
    const uint64_t *set;
    uint32_t n_items, w;
    float least;
    struct pz_bits_run run; /* that w is in */
};

/* The next word of such items, its first item into *first; 0: there are no more. */
static uint64_t next_above(struct above *a, uint32_t *first)
{
    for (;; a->w++) {
        uint64_t bits;

        if (a->w >= a->run.end) {
            if (!pz_bits_next_run(a->s->rough->plain, pz_bits_words(a->n_items), &a->run))
                return 0;
            a->w = (uint32_t)a->run.begin;
        }
        *first = a->w * 64;
        if (a->s->rough->max[a->w] < a->least || !a->set[a->w])
            continue;
        bits = a->set[a->w] & ~a->s->exact[a->w] &
               pz_scores_above(a->s->blend + *first,
                               a->n_items - *first < 64 ? a->n_items - *first : 64,
                               nextafterf(a->least, -INFINITY));
        if (bits) {
            a->w++;
            return bits;
        }
    }
}

/* A closer look at items, and what the want-th best of all that were seen has at least. */
struct look {
    struct pz_scores *s;
    uint32_t item[PZ_ROUGH_ITEMS];
    size_t n;
    struct pz_hit *best; /* a heap, by what they have at least */
    size_t n_best, want;
    float least;
};

static void look_at(struct look *to)
{
    struct pz_scores *s = to->s;
    float at_most[PZ_ROUGH_ITEMS], about[PZ_ROUGH_ITEMS], up = UP / s->kept;

    for (size_t i = 0; i < to->n; i++)
        at_most[i] = up * s->blend[to->item[i]];
    pz_rough_look(s->rough, to->item, to->n, to->least / s->kept, at_most, about);
    for (size_t i = 0; i < to->n; i++) {
        /* As far below what it is about as the limit is above. */
        float at_least = s->kept * (2 * about[i] - at_most[i]), *blend = &s->blend[to->item[i]];

        *blend = s->kept * at_most[i] < *blend ? s->kept * at_most[i] : *blend;
        if (at_least > to->least)
            to->n_best = pz_top_enter(to->best, to->n_best, to->want,
                                      (struct pz_hit){ .item = to->item[i], .blend = at_least });
    }
    if (to->n_best == to->want && to->best[0].blend > to->least)
        to->least = to->best[0].blend;
    to->n = 0;
}

/* A closer look at the items of a set that have at least so much and had none yet. */
static void look_above(struct look *to, const uint64_t *set, uint32_t n_items, float least)
{
    struct above a = { .s = to->s, .set = set, .n_items = n_items, .least = least };
    uint32_t first;
    uint64_t bits;

    while ((bits = next_above(&a, &first)) != 0) {
        bits &= ~to->s->near[first / 64];
        for (; bits; bits &= bits - 1) {
            to->item[to->n] = first + (uint32_t)__builtin_ctzll(bits);
            pz_bits_add(to->s->near, to->item[to->n++]);
            if (to->n == PZ_ROUGH_ITEMS)
                look_at(to);
        }
        a.least = to->least > least ? to->least : least;
    }
    look_at(to);
}

/* What was looked at has less now, and so have the words that it is in. */
static void lower_max(struct pz_scores *s, uint32_t n_items)
{
    for (uint32_t w = 0; w < pz_bits_words(n_items); w++) {
        uint32_t first = w * 64, n = n_items - first < 64 ? n_items - first : 64;
        float now = s->near[w] ? pz_score_max(s->blend + first, n, NULL) : s->rough->max[w];

        s->rough->max[w] = now < s->rough->max[w] ? now : s->rough->max[w];
    }
}

enum { FIRST_SHARE = 16 };

/* What one in FIRST_SHARE words has at least, in steps of the largest. */
static float first_bar(const struct pz_scores *s, uint32_t n_items)
{
    enum { STEPS = 64 };
    const float *max = s->rough->max;
    size_t n[STEPS] = { 0 }, above = 0, step = STEPS;
    float top = 0;

    for (size_t w = 0; w < pz_bits_words(n_items); w++)
        top = max[w] > top ? max[w] : top;
    for (size_t w = 0; w < pz_bits_words(n_items) && top > 0; w++)
        n[max[w] > 0 ? (size_t)(max[w] / top * (STEPS - 1)) : 0]++;
    while (step > 0 && above * FIRST_SHARE < pz_bits_words(n_items))
        above += n[--step];
    return top * (float)step / (STEPS - 1);
}

/* A closer look at the items of a set that can be among its `want` best, of which the last has at
 * least so much. Those that can have most come first: they make that more, and others need no look
 * then. best: room for want. */
static void look_at_best(struct pz_scores *s, const uint64_t *set, uint32_t n_items, float least,
                         struct pz_hit *best, size_t want)
{
    struct look to = { .s = s, .best = best, .want = want, .least = least };
    float bar = first_bar(s, n_items);

    if (bar > least)
        look_above(&to, set, n_items, bar);
    look_above(&to, set, n_items, to.least);
    lower_max(s, n_items);
}

/* Make exact those of a set that have at least so much. */
static void settle_above(struct pz_scores *s, const uint64_t *set, uint32_t n_items, float least)
{
    struct above a = { .s = s, .set = set, .n_items = n_items, .least = least };
    uint32_t first;
    uint64_t bits;

    write_above(s, set, least);
    while ((bits = next_above(&a, &first)) != 0)
        for (; bits; bits &= bits - 1)
            pz_scores_settle(s, first + (uint32_t)__builtin_ctzll(bits));
}

/* Make exact the n items of a set that seem to be its best, n >= want; what the want-th best has at
 * least, 0: there are fewer. */
static float settle_seeming(struct pz_scores *s, const uint64_t *set, uint32_t n_items,
                            struct pz_hit *hit, size_t n, size_t want)
{
    n = pz_scores_top(s, set, n_items, hit, n);
    for (size_t i = 0; i < n; i++)
        pz_scores_prefetch(s, hit[i].item);
    for (size_t i = 0; i < n; i++) {
        pz_scores_settle(s, hit[i].item);
        hit[i].blend = s->blend[hit[i].item];
    }
    pz_top_sort(hit, n);
    return n >= want && hit[want - 1].blend > 0 ? hit[want - 1].blend : 0;
}

enum { SEEM = 64 /* items of which some prove good, where fewer are wanted */ };

void pz_scores_settle_best(struct pz_scores *s, const uint64_t *set, uint32_t n_items,
                           struct pz_hit *hit, size_t want)
{
    struct pz_hit own[SEEM];
    float least;

    if (!s->is_rough || want == 0)
        return;
    if (s->rough->any_reach) {
        /* The longest vectors are not the best: only of several some are. */
        least = want < SEEM ? settle_seeming(s, set, n_items, own, SEEM, want)
                            : settle_seeming(s, set, n_items, hit, want, want);
        look_at_best(s, set, n_items, least, hit, want);
    }
    least = settle_seeming(s, set, n_items, hit, want, want);
    settle_above(s, set, n_items, least);
}

void pz_scores_settle_all(struct pz_scores *s, const uint64_t *set, uint32_t n_items)
{
    for (uint32_t w = 0; s->is_rough && w < pz_bits_words(n_items); w++) {
        for (uint64_t bits = set[w]; bits; bits &= bits - 1)
            pz_scores_prefetch(s, w * 64 + (uint32_t)__builtin_ctzll(bits));
        for (uint64_t bits = set[w]; bits; bits &= bits - 1)
            pz_scores_settle(s, w * 64 + (uint32_t)__builtin_ctzll(bits));
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
