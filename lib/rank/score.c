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

#include "base/mem.h"
#include "base/simd.h"
#include "model/blend.h"
#include "rank/arrive.h"
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
    s->scratch = pz_model_map(m, slab, pz_model_scratch(m), 1);
    s->blend = pz_model_map(m, slab, m->items.n, sizeof *s->blend);
    s->fallback = pz_model_map(m, slab, m->items.n, sizeof *s->fallback);
    return s->blend && s->fallback && s->scratch;
}

void pz_scores_clear(struct pz_scores *s)
{
    pz_rough_free(s->rough);
    free(s->chance);
    free(s->added);
}

/* Whether a request is for some items and their scores, no more. */
static bool wants_some(const struct pz_request *req)
{
    return !req->explain && req->n_rank == 0 && req->rules.n_boosts == 0 && !req->rules.objective;
}

/* Parts meet on a scale of all that the seen rule leaves, whatever a filter or a list leaves of
 * that: two items keep their order, and an item that most parts do not know is not judged by their
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

        if (wants_rough(s)) {
            forget_exact(s->scores);
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
        s->n_beside = 0;
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
        job[i] = job_of(left[i]);
    }
    if (n_left > 0)
        pz_model_score_block(left[0]->asked->m, job, n_left);
    for (size_t i = 0; i < n_left; i++)
        left[i]->scores->used = job[i].used;
    for (size_t i = 0; i < n; i++)
        pz_scores_arrive(scored[i]);
}

static bool in_plain(const struct pz_scores *s, uint32_t item)
{
    return pz_bits_has(s->rough->plain, item / 64);
}

/* Exploration settles what it lifts. */
static void lift_beside(struct pz_scores *s, const struct pz_explored *lifted)
{
    for (size_t i = 0; i < s->n_beside; i++)
        if (s->beside[i].item == lifted->item) {
            s->beside[i].blend += lifted->bonus;
            return;
        }
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
        if (in_plain(s, lifted[i].item)) {
            lift_beside(s, &lifted[i]);
        } else {
            float *max = &s->rough->max[lifted[i].item / 64], blend = s->blend[lifted[i].item];

            *max = blend > *max ? blend : *max;
        }
}

void pz_scores_prefetch(const struct pz_scores *s, uint32_t item)
{
    if (s->is_rough && !pz_bits_has(s->exact, item))
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

/* Whether an item beside is one of a set and nowhere else. */
static bool is_beside(const struct pz_scores *s, size_t k, const uint64_t *set)
{
    return in_plain(s, s->beside[k].item) && pz_bits_has(set, s->beside[k].item);
}

/* Write those plain words that have items of a set, if these may have at least so much. Returns
 * whether there were any. */
static bool write_above(struct pz_scores *s, const uint64_t *set, float least)
{
    size_t words = s->rough->rest_max >= least ? pz_bits_words(s->n_items) : 0;
    bool any = false;

    for (size_t k = 0; k < s->n_beside; k++)
        if (s->beside[k].blend >= least && is_beside(s, k, set)) {
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
    if (s->is_rough && in_plain(s, item))
        write_word(s, item / 64);
    if (!s->is_rough || pz_bits_has(s->exact, item))
        return;
    pz_bits_add(s->exact, item);
    s->blend[item] = pz_rough_exact(s->rough, item);
    pz_blend_scale(&s->blend[item], 1, s->kept);
}

float pz_scores_exact(struct pz_scores *s, uint32_t item)
{
    float blend;

    if (!s->is_rough || !in_plain(s, item) || s->n_beside == PZ_BESIDE_MAX) {
        pz_scores_settle(s, item);
        return s->blend[item];
    }
    blend = pz_rough_exact(s->rough, item);
    s->beside[s->n_beside++] = (struct pz_beside){ item, blend };
    return blend;
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

enum {
    FEW_BITS = 8, /* of a word: one by one */
    LANES = 32    /* sums side by side: compilers leave loops of so many in registers */
};

/* sum[k] += exp(scale * (score - top)) of the n <= 64 scores whose bits are set. */
static inline __attribute__((always_inline)) void add_word(const float *score, uint32_t n,
                                                           uint64_t bits, float scale, float top,
                                                           double *sum)
{
    float e[2 * LANES];

    for (uint32_t i = 0; i < n; i++)
        e[i] = pz_exp_fast(scale * (score[i] - top));
    for (uint64_t out = ~bits; out; out &= out - 1)
        e[__builtin_ctzll(out)] = 0;
    for (size_t k = 0; k < LANES; k++)
        sum[k] += (double)(e[k] + e[LANES + k]);
}

/* 64 scores together are less than they seem by times * off; words of scores in skip, a bit each,
 * are left out. All-zero: none are. */
struct less {
    const float *off;
    float times;
    const uint64_t *skip;
};

/* The same over all n scores of a set. */
PZ_KERNEL static double sum_less(const float *score, const uint64_t *set, uint32_t n, float scale,
                                 float top, const struct less *less)
{
    double sum[LANES] = { 0 }, total = 0;
    struct pz_bits_run run = { 0, 0 };

    while (pz_bits_next_run(less->skip, pz_bits_words(n), &run))
        for (size_t w = run.begin; w < run.end; w++) {
            float from = less->off ? top + less->times * less->off[w] : top;
            uint32_t i = (uint32_t)w * 64;
            uint64_t bits = set[w];

            if (__builtin_popcountll(bits) <= FEW_BITS)
                for (; bits; bits &= bits - 1)
                    total += (double)pz_exp_fast(
                        scale * (score[i + (uint32_t)__builtin_ctzll(bits)] - from));
            else if (n - i >= 64)
                add_word(score + i, 64, bits, scale, from, sum);
            else
                add_word(score + i, n - i, bits, scale, from, sum);
        }
    for (size_t k = 0; k < LANES; k++)
        total += sum[k];
    return total;
}

double pz_softmax_sum(const float *score, const uint64_t *set, uint32_t n, float scale, float top)
{
    return sum_less(score, set, n, scale, top, &(struct less){ NULL, 0, NULL });
}

enum { EXACT_ITEMS = 1000 /* so few are summed exactly: shares of a list add up to 1 */ };

/* The sum over those of a set that are exact. */
static double exact_sum(const struct pz_scores *s, const uint64_t *set, double scale, float top)
{
    const uint64_t *plain = s->is_rough ? s->rough->plain : NULL;
    struct pz_bits_run run = { 0, 0 };
    double total = 0;

    while (pz_bits_next_run(plain, pz_bits_words(s->n_items), &run))
        for (size_t w = run.begin; w < run.end; w++)
            for (uint64_t bits = s->is_rough ? set[w] & s->exact[w] : set[w]; bits;
                 bits &= bits - 1)
                total += exp(scale *
                             (double)(s->blend[w * 64 + (size_t)__builtin_ctzll(bits)] - top));
    for (size_t k = 0; s->is_rough && k < s->n_beside; k++)
        if (is_beside(s, k, set))
            total += exp(scale * (double)(s->beside[k].blend - top));
    return total;
}

enum {
    SAMPLE = 2048, /* items that stand for the others of their kind */
    FEW = 256      /* likewise, at first, of kinds that matter less */
};

/* A sample: items at hand, and sums over all of them of what they have at most, m, and have about,
 * a, and of their products. */
struct sample {
    const struct pz_scores *s;
    float scale, top;
    uint32_t item[PZ_ROUGH_ITEMS];
    size_t n, taken;
    double m, a, mm, ma, aa;
};

/* A sum that a sample tells of, and its standard error. */
struct estimate {
    double sum, error;
};

static void add_sample(struct sample *to)
{
    float at_most[PZ_ROUGH_ITEMS], about[PZ_ROUGH_ITEMS];

    for (size_t i = 0; i < to->n; i++)
        at_most[i] = to->s->blend[to->item[i]]; /* of which nothing is read */
    pz_rough_look(to->s->rough, to->item, to->n, -INFINITY, at_most, about);
    for (size_t i = 0; i < to->n; i++) {
        float blend = to->s->blend[to->item[i]];
        double m = (double)pz_exp_fast(to->scale * (blend - to->top)),
               a = (double)pz_exp_fast(to->scale * (to->s->kept * about[i] - to->top));

        to->m += m;
        to->a += a;
        to->mm += m * m;
        to->ma += m * a;
        to->aa += a * a;
    }
    to->taken += to->n;
    to->n = 0;
}

/* Take every step-th item of a set. */
static void take_sample(struct sample *to, const uint64_t *set, uint32_t n_items, size_t step)
{
    size_t skip = 0;

    for (size_t w = 0; w < pz_bits_words(n_items); w++) {
        uint64_t bits = set[w];
        size_t n = pz_bits_of_word(bits);

        if (n <= skip) {
            skip -= n;
            continue;
        }
        for (; bits; bits &= bits - 1) {
            if (skip-- > 0)
                continue;
            skip = step - 1;
            to->item[to->n++] = (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(bits);
            if (to->n == PZ_ROUGH_ITEMS)
                add_sample(to);
        }
    }
    add_sample(to);
}

/* The root of a mean square, which rounding may have made less than 0, over so many. */
static double error_of(double sum_of_squares, double n)
{
    return sum_of_squares > 0 ? sqrt(sum_of_squares) / n : 0;
}

/* The sum over a set of rough blends from a sample of about so many: r times the sum of what they
 * are at most, r = a / m, as off as a - r m is (Cochran 1977, 6.4); of such that are alike, their
 * number times the mean of the sample. */
static struct estimate sampled_sum(const struct pz_scores *s, const uint64_t *set, bool alike,
                                   size_t about, float scale, float top)
{
    size_t n = pz_bits_count(set, s->n_items), step = n / about + 1;
    struct sample of = { .s = s, .scale = scale, .top = top };
    double taken, r, all;

    take_sample(&of, set, s->n_items, step);
    if (step == 1 || of.m <= 0)
        return (struct estimate){ of.a, 0 };
    taken = (double)of.taken;
    if (alike)
        return (struct estimate){ of.a * (double)n / taken,
                                  (double)n * error_of(of.aa - of.a * of.a / taken, taken) };
    r = of.a / of.m;
    all = pz_softmax_sum(s->blend, set, s->n_items, scale, top);
    return (struct estimate){ all * r,
                              all * error_of(of.aa - 2 * r * of.ma + r * r * of.mm, of.m) };
}

/* The sum over a set that likely matters little beside a sum that is off by so much: a few items
 * tell whether it does. */
static double sum_beside(const struct pz_scores *s, const uint64_t *set, double error, float scale,
                         float top)
{
    struct estimate e = sampled_sum(s, set, false, FEW, scale, top);

    return e.error > error / 2 ? sampled_sum(s, set, false, SAMPLE, scale, top).sum : e.sum;
}

/* How many of a set are in words that were not written, but for those beside, and how many are in
 * others that are plain but for items that are exact; these leave the set. */
PZ_KERNEL static size_t count_plain(const struct pz_scores *s, const uint64_t *allowed,
                                    uint64_t *set)
{
    const struct pz_rough *r = s->rough;
    size_t words = pz_bits_words(s->n_items), n = 0;

    for (size_t k = 0; k < s->n_beside; k++)
        n -= is_beside(s, k, allowed);
    for (size_t w = r->learned / 64; w < words; w++) {
        if (allowed[w] == UINT64_MAX && pz_bits_has(r->plain, w)) {
            n += 64;
        } else if (pz_bits_has(r->plain, w)) {
            n += pz_bits_of_word(allowed[w]);
        } else if (pz_rough_is_plain(r, w)) {
            n += pz_bits_of_word(set[w]);
            set[w] = 0;
        }
    }
    return n;
}

/* The sum over those of a set that are not exact, where all were scanned, added to that over the
 * others: what is alike is counted. set: room for a set. */
static double add_scanned(const struct pz_scores *s, const uint64_t *allowed, float scale,
                          float top, uint64_t *set, double total)
{
    const struct pz_rough *r = s->rough;
    struct less less = { r->off, s->kept, r->plain };
    struct pz_bits_run run = { 0, 0 };
    size_t n;

    while (pz_bits_next_run(r->plain, pz_bits_words(s->n_items), &run))
        pz_bits_without(set + run.begin, allowed + run.begin, s->exact + run.begin,
                        (run.end - run.begin) * 64);
    n = count_plain(s, allowed, set);
    total += (double)n * (double)pz_exp_fast(scale * (r->rest - top));
    return total + sum_less(s->blend, set, s->n_items, scale, top, &less);
}

/* What is exact is summed up exactly; of what was looked at closer, of the others that have a base
 * and of the rest, which is alike, samples tell. set: room for a set. */
static double rough_sum(const struct pz_scores *s, const uint64_t *allowed, double scale, float top,
                        uint64_t *set)
{
    const struct pz_rough *r = s->rough;
    float f = (float)scale;
    struct estimate rest;
    double total;

    total = exact_sum(s, allowed, scale, top);
    if (!r->any_reach)
        return add_scanned(s, allowed, f, top, set, total);
    pz_bits_without(set, allowed, r->touched, s->n_items);
    pz_bits_without(set, set, s->near, s->n_items);
    pz_bits_without(set, set, s->exact, s->n_items);
    rest = sampled_sum(s, set, !r->dense && !r->any_scan, SAMPLE, f, top);
    total += rest.sum;
    pz_bits_both(set, allowed, s->near, s->n_items);
    pz_bits_without(set, set, s->exact, s->n_items);
    total += sum_beside(s, set, rest.error, f, top);
    pz_bits_both(set, allowed, r->touched, s->n_items);
    pz_bits_without(set, set, s->near, s->n_items);
    pz_bits_without(set, set, s->exact, s->n_items);
    return total + sum_beside(s, set, rest.error, f, top);
}

/* The largest blend of a set. */
static float largest_of(struct pz_scores *s, const uint64_t *set)
{
    const uint64_t *plain = s->is_rough ? s->rough->plain : NULL;
    const float *max = s->is_rough ? s->rough->max : NULL;
    float top = pz_score_max_below(s->blend, s->n_items, set, max, plain);

    if (s->is_rough && write_above(s, set, top))
        top = pz_score_max_below(s->blend, s->n_items, set, max, plain);
    return top;
}

/* The largest blend is taken out of the exponents. */
void pz_scored_softmax(const struct pz_scored *scored, struct pz_hit *hit, size_t n, bool all)
{
    struct pz_scores *s = scored->scores;
    const float *blend = s->blend;
    const uint64_t *allowed = scored->mask->allowed;
    uint32_t n_items = scored->asked->m->items.n;
    double scale = scored->asked->m->softmax_scale;
    bool few = !pz_bits_more_than(allowed, n_items, EXACT_ITEMS);
    float top;
    double total;

    if (few)
        pz_scores_settle_all(s, allowed, n_items);
    top = largest_of(s, allowed);
    if (few)
        total = exact_sum(s, allowed, scale, top);
    else if (s->is_rough)
        total = rough_sum(s, allowed, scale, top, scored->mask->scratch);
    else
        total = pz_softmax_sum(blend, allowed, n_items, (float)scale, top);

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
