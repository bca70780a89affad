/* SPDX-License-Identifier: Apache-2.0 */
/* Probes: see probe.h. To the steps behind it an answer by a probe is a rough one (model/rough.h)
 * in which all that may be recommended is exact, and words without such items are plain: so none of
 * them reads more than a few words, and few of them know of probes. */
#include "rank/probe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/simd.h"
#include "rank/top.h"

enum {
    WORD = 64,
    STEPS = 256,    /* of a ladder */
    SAMPLED = 1000, /* words that tell of all */
    TIMES = 20,     /* as many as are wanted are looked at, at least */
    SPARSE = 2,     /* of what sparse parts speak of, times as many as of vectors */
    HEAD = 4,       /* of scores that are the same for everybody, times as many */
    CLOSER = 2,     /* of the best, times as many */
    EXPLORED = 32   /* of the items that exploration lifts the first: others gain a hundredth */
};

/* How many of the longest vectors of a part are looked at; 0: it is no probe. */
static uint32_t depth_of(const struct pz_asked *asked, size_t n_allowed)
{
    const struct pz_request *req = asked->req;
    const struct pz_rules *rules = &req->rules;
    double depth = fmax(ceil(req->probe * asked->m->items.n), TIMES * (double)req->num);

    if (rules->n_promotions > 0 || rules->n_caps > 0 || rules->diversity > 0)
        return 0;
    return 2 * depth < (double)n_allowed ? (uint32_t)depth : 0;
}

/* Items of word w. */
static uint32_t length_of(const struct pz_rough *r, size_t w)
{
    size_t left = r->n_items - w * WORD;

    return left < WORD ? (uint32_t)left : WORD;
}

/* A base that about n items of a set have, of what every step-th word says. */
static float bar_of(const struct pz_rough *r, const uint64_t *set, size_t n)
{
    size_t words = pz_bits_words(r->learned), count[STEPS] = { 0 };
    size_t step = pz_bits_words(r->n_items) / SAMPLED + 1;
    size_t bar = STEPS, above = 0;
    float top = 0;

    for (size_t w = 0; w < words; w += step)
        top = fmaxf(top, pz_score_max(r->base + w * WORD, length_of(r, w), set + w));
    for (size_t w = 0; w < words && top > 0; w += step)
        for (uint64_t bits = set[w]; bits; bits &= bits - 1) {
            float base = r->base[w * WORD + (size_t)__builtin_ctzll(bits)];

            count[base > 0 ? (size_t)(base / top * (STEPS - 1)) : 0] += step;
        }
    while (bar > 0 && above + count[bar - 1] <= n)
        above += count[--bar];
    return top * (float)bar / (STEPS - 1);
}

/* Of the items of which sparse parts say anything those that have most, about n of them. */
static void add_touched(const struct pz_rough *r, const uint64_t *promotable, size_t n,
                        uint64_t *set)
{
    size_t words = pz_bits_words(r->n_items);
    float bar;

    pz_bits_both(set, r->touched, promotable, r->n_items);
    if (!pz_bits_more_than(set, r->n_items, n))
        return;
    bar = bar_of(r, set, n);
    for (size_t w = 0; (w = pz_bits_next_used(set, w, words)) < words; w++)
        set[w] &= pz_scores_above(r->base + w * WORD, length_of(r, w), bar);
}

/* The first of a part's items by length, and as many more as a filter asks for. */
static void add_longest(const struct pz_rough *r, const uint32_t *longest,
                        const struct pz_mask *mask, uint32_t depth, uint64_t *set)
{
    uint32_t met = 0;

    for (uint32_t i = 0; i < r->learned && met < depth; i++) {
        bool allowed = pz_bits_has(mask->allowed, longest[i]);

        met += allowed;
        if (allowed || (i < depth && pz_bits_has(mask->promotable, longest[i])))
            pz_bits_add(set, longest[i]);
    }
}

/* The n allowed items of which a part says most that says the same to everybody; best: room. */
PZ_KERNEL static void add_fixed(const struct pz_rough *r, const struct pz_rough_fixed *f,
                                const uint64_t *allowed, size_t n, struct pz_hit *best,
                                uint64_t *set)
{
    size_t found = 0;
    float least = 0, score[WORD];

    for (uint32_t first = 0; first < r->learned; first += WORD) {
        uint32_t left = r->learned - first < WORD ? r->learned - first : WORD;
        uint64_t bits = allowed[first / WORD];

        if (f->most && f->most[first / WORD] <= least)
            continue;
        if (left == WORD)
            pz_rough_limits(&f->limit, first, WORD, score);
        else
            pz_rough_limits(&f->limit, first, left, score);
        for (bits &= pz_scores_above(score, left, least); bits; bits &= bits - 1) {
            uint32_t k = (uint32_t)__builtin_ctzll(bits);

            if (score[k] <= least)
                continue;
            found = pz_top_enter(best, found, n,
                                 (struct pz_hit){ .item = first + k, .blend = score[k] });
            least = found == n ? best[0].blend : 0;
        }
    }
    for (size_t i = 0; i < found; i++)
        pz_bits_add(set, best[i].item);
}

/* Those that users had since training, and the newest. */
static void add_arrivals(const struct pz_model *m, const struct pz_mask *mask, uint32_t depth,
                         uint64_t *set)
{
    uint32_t n = m->items.n, learned = pz_model_learned(m);

    for (uint32_t k = 0; m->arrivals && k < m->arrivals->n; k++)
        if (pz_bits_has(mask->promotable, m->arrivals->item[k]))
            pz_bits_add(set, m->arrivals->item[k]);
    for (uint32_t i = n - learned > depth ? n - depth : learned; i < n; i++)
        if (pz_bits_has(mask->promotable, i))
            pz_bits_add(set, i);
}

static float settle(void *scores, uint32_t item)
{
    return ((struct pz_scores *)scores)->blend[item];
}

static void add_explored(const struct pz_scored *s, uint64_t *set)
{
    struct pz_explore_items items = { .plain = s->scores->rough->plain,
                                      .rest = 1,
                                      .settle = settle,
                                      .young = s->mask->scratch,
                                      .kept = s->scores->young,
                                      .kept_from = &s->scores->young_from,
                                      .list = &s->scores->young_list };

    pz_adjustment_explore_ahead(s->adjustment, s->asked, s->history, s->mask, &items, EXPLORED,
                                set);
}

/* A sample of the allowed items that are not in the set joins it. */
static void add_sample(struct pz_probe *p, const struct pz_mask *mask, uint64_t *set)
{
    size_t words = pz_bits_words(mask->n);

    p->n_sample = 0;
    for (size_t k = 0; k < PZ_BEYOND; k++)
        for (size_t w = k * words / PZ_BEYOND; w < (k + 1) * words / PZ_BEYOND; w++) {
            uint64_t bits = mask->allowed[w] & ~set[w];

            if (bits) {
                p->sample[p->n_sample] = (uint32_t)(w * WORD) + (uint32_t)__builtin_ctzll(bits);
                pz_bits_add(set, p->sample[p->n_sample++]);
                break;
            }
        }
}

/* List a set; false: memory is out. */
static bool list_items(struct pz_probe *p, const uint64_t *set, uint32_t n_items)
{
    size_t n = pz_bits_count(set, n_items), words = pz_bits_words(n_items);

    if (!pz_mem_grow(&p->item, &p->cap_item, n, sizeof *p->item) ||
        !pz_mem_grow(&p->blend, &p->cap_blend, n, sizeof *p->blend) ||
        !pz_mem_grow(&p->score, &p->cap_score, n, sizeof *p->score))
        return false;
    p->n = 0;
    for (size_t w = 0; (w = pz_bits_next_used(set, w, words)) < words; w++)
        for (uint64_t bits = set[w]; bits; bits &= bits - 1)
            p->item[p->n++] = (uint32_t)(w * WORD) + (uint32_t)__builtin_ctzll(bits);
    return true;
}

/* What is looked at, in ascending order; false: memory is out. */
static bool choose(const struct pz_scored *s, uint32_t depth, struct pz_probe *p)
{
    const struct pz_mask *mask = s->mask;
    const struct pz_rough *r = s->scores->rough;
    uint64_t *set = s->scores->near;
    size_t head = HEAD * (size_t)s->asked->req->num;
    struct pz_hit *best = pz_mem_array(head, sizeof *best);

    if (!best)
        return false;
    add_touched(r, mask->promotable, SPARSE * (size_t)depth, set);
    for (size_t k = 0; k < r->n; k++)
        if (r->part[k].longest)
            add_longest(r, r->part[k].longest, mask, depth, set);
    for (size_t k = 0; k < r->n_fixed; k++)
        add_fixed(r, &r->fixed[k], mask->allowed, head, best, set);
    pz_rough_heads(r, mask->promotable, set);
    add_arrivals(s->asked->m, mask, depth, set);
    add_explored(s, set);
    add_sample(p, mask, set);
    free(best);
    return list_items(p, set, mask->n);
}

/* Bytes change places of what is nearly alike: a closer look at the best. */
static bool look_at_best(const struct pz_scored *s, struct pz_probe *p)
{
    size_t n = 0, want = CLOSER * (size_t)s->asked->req->num;
    struct pz_hit *best = pz_mem_array(want, sizeof *best);

    for (size_t i = 0; best && i < p->n; i++)
        if (n < want || p->blend[i] > best[0].blend)
            n = pz_top_enter(best, n, want,
                             (struct pz_hit){ .item = (uint32_t)i, .blend = p->blend[i] });
    for (size_t i = 0; i < n; i++)
        p->blend[best[i].item] = pz_rough_closer(s->scores->rough, p->item[best[i].item],
                                                 best[i].blend);
    free(best);
    return best != NULL;
}

/* All else is left out from here on. */
static void leave_rest(const struct pz_scored *scored, struct pz_probe *p)
{
    struct pz_scores *s = scored->scores;
    struct pz_rough *r = s->rough;
    struct pz_mask *mask = scored->mask;
    size_t k = 0;

    for (size_t i = 0; i < p->n; i++) {
        size_t w = p->item[i] / WORD;

        if (pz_bits_has(r->plain, w)) {
            pz_bits_remove(r->plain, w);
            s->exact[w] = s->near[w];
            r->max[w] = 0;
        }
        r->max[w] = fmaxf(r->max[w], p->blend[i]);
        s->blend[p->item[i]] = p->blend[i];
        if (k < p->n_sample && p->sample[k] == p->item[i])
            p->beyond[k++] = p->blend[i];
    }
    pz_bits_both(mask->promotable, mask->promotable, s->near, mask->n);
    pz_bits_both(mask->allowed, mask->allowed, s->near, mask->n);
}

bool pz_probe(const struct pz_scored *scored)
{
    struct pz_scores *s = scored->scores;
    struct pz_probe *p = &s->own_probe;
    struct pz_rough_task t = { .rough = s->rough, .job = pz_scored_job(scored) };
    size_t n_allowed;
    uint32_t depth;
    bool good;

    if (scored->asked->req->probe <= 0)
        return false;
    n_allowed = pz_bits_count(scored->mask->allowed, scored->mask->n);
    depth = depth_of(scored->asked, n_allowed);
    if (depth == 0)
        return false;
    pz_bits_fill(s->rough->plain, pz_bits_words(s->n_items), true);
    pz_rough_begin_some(scored->asked->m, &t);
    good = t.done && choose(scored, depth, p);
    if (good)
        pz_rough_some(scored->asked->m, &t, p->item, p->n, p->blend, p->score);
    good = good && t.job.used != 0 && look_at_best(scored, p);
    if (!good) {
        pz_bits_fill(s->near, s->n_items, false);
        return false;
    }
    leave_rest(scored, p);
    p->n_beyond = (double)n_allowed - (double)pz_bits_count(scored->mask->allowed, scored->mask->n);
    s->used = t.job.used;
    s->has_fallback = false;
    s->is_rough = true;
    s->kept = 1;
    s->n_beside = 0;
    s->rough->rest = s->rough->rest_max = 0;
    s->probe = p;
    return true;
}
