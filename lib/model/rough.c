/* SPDX-License-Identifier: Apache-2.0 */
/* The blend, roughly: see rough.h.
 *
 * The exact blend of an item is base + sum over the rough parts of factor * score, added up in the
 * order and by the functions of pz_model_score, which takes such parts last. Limits come from
 * |score| <= reach * length (Cauchy and Schwarz): in a catalogue with a long tail most vectors are
 * so short that nobody needs to read them (LEMP: Teflioudi, Gemulla & Mykytiuk 2015, prunes by the
 * same bound).
 *
 *   largest  a factor wants the part's largest score exactly: of the items that can have it by
 *            their length some are looked at in 8 bits, and of these few are scored exactly
 *   limits   base + what was scanned, as far as it may be off + min(weight, factor * reach *
 *            length)
 *   a look   8 bits instead of the last term
 *
 * An item's trend multiplies its scores, so also their limits. `slack` covers what the additions of
 * the blend round differently; items far below 0, where it would not, are never chosen. */
#include "model/rough.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/simd.h"
#include "model/blend.h"

enum { FEW_ITEMS = 2000 /* are scored exactly as soon */, WORD = 64 };

static const float GOOD = 0.6f; /* of the best */

/* Parts of the blend's weight: a sum of PZ_MAX_PARTS floats twice, in other orders. */
static const float ROUNDING = 4 * PZ_MAX_PARTS * 0x1p-24f;

static const float UP = 1.000001f; /* more than a few products round */

bool pz_rough_suits(const struct pz_model *m)
{
    for (size_t i = 0; i < m->n_parts && m->items.n > FEW_ITEMS; i++)
        if (m->part[i].scorer->rough && !pz_part_is_idle(&m->part[i]))
            return true;
    return false;
}

static size_t scratch_of(const struct pz_part *p)
{
    return p->scorer->rough || p->scorer->some ? (p->scorer->scratch_bytes(p->part) + 63) / 64 * 64
                                               : 0;
}

/* Words of items, and of those that parts know. */
static size_t words(const struct pz_rough *r)
{
    return pz_bits_words(r->n_items);
}

static size_t words_learned(const struct pz_rough *r)
{
    return pz_bits_words(r->learned);
}

size_t pz_rough_bytes(const struct pz_model *m)
{
    size_t n = pz_bits_words(m->items.n);

    return pz_bits_bytes(m->items.n, 1) + pz_bits_bytes(n, 1) +
           pz_mem_slab_bytes(2 * n, sizeof(float)) + pz_mem_slab_bytes(n, sizeof(float));
}

struct pz_rough *pz_rough_new(const struct pz_model *m, struct pz_mem_slab *slab)
{
    struct pz_rough *r = calloc(1, sizeof *r);
    size_t bytes = 0;

    if (!r)
        return NULL;
    for (size_t i = 0; i < m->n_parts; i++)
        bytes += scratch_of(&m->part[i]);
    r->n_items = m->items.n;
    r->learned = pz_model_learned(m);
    r->touched = pz_bits_take(slab, m->items.n);
    r->off = pz_mem_slab_take(slab, 2 * words(r), sizeof *r->off); /* the blend's, then a part's */
    r->max = pz_mem_slab_take(slab, words(r), sizeof *r->max);
    r->plain = pz_bits_take(slab, words(r));
    r->scan = pz_mem_slab_map(slab, r->learned, sizeof *r->scan, r->learned, true);
    r->few = pz_model_map(m, slab, WORD * words_learned(r), sizeof *r->few, true);
    r->all = r->learned < r->n_items ? pz_model_map(m, slab, m->items.n, sizeof *r->all, false)
                                     : r->few;
    r->base = r->few;
    r->scratch = pz_mem_array(bytes, 1);
    if (r->few && r->all && r->touched && r->scan && r->off && r->max && r->plain && r->scratch) {
        pz_bits_fill(r->plain, words(r), true);
        return r;
    }
    pz_rough_free(r);
    return NULL;
}

void pz_rough_free(struct pz_rough *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < PZ_MAX_PARTS; i++)
        free(r->most[i].most);
    free(r->scratch);
    free(r);
}

static float exact_score(const struct pz_part *p, void *scratch, int64_t now, uint32_t item)
{
    float score = p->scorer->exact(p->part, scratch, item);

    pz_trend_apply_to(p->trend, now, item, &score);
    return score;
}

/* ---- the largest score of a part */

/* One rough part of a query. */
struct ready {
    const struct pz_part *p;
    void *scratch;
    int64_t now;
    struct pz_rough_limit limit;
};

/* Exact scores of those of n items that can have more than top; returns the largest, or top. */
static float look_for_top(const struct ready *s, const uint32_t *item, size_t n, float top)
{
    float raw[PZ_ROUGH_ITEMS], off[PZ_ROUGH_ITEMS];

    s->p->scorer->rough_rows(s->p->part, s->scratch, item, n, raw, off);
    for (size_t i = 0; i < n; i++) {
        float most = (raw[i] + off[i]) * pz_rough_trend(&s->limit, item[i]) * UP, score;

        if (most <= top)
            continue;
        score = exact_score(s->p, s->scratch, s->now, item[i]);
        top = score > top ? score : top;
    }
    return top;
}

/* What a trend multiplies with at most. */
static float largest_trend(const struct pz_rough_limit *l, uint32_t n)
{
    float most = l->trend ? pz_score_max(l->trend, n, NULL) : 1;

    return most > 1 ? 1 + l->fade * (most - 1) : 1;
}

/* Those of a word that are allowed and whose base may not be 0. */
static uint64_t based(const struct pz_rough *r, const uint64_t *allowed, size_t w)
{
    return r->dense ? allowed[w] : allowed[w] & r->touched[w];
}

/* Some items that the other parts find good: whoever is first lets few be looked at after them.
 * Returns how many, at most PZ_ROUGH_ITEMS. */
static size_t find_promising(const struct pz_rough *r, const uint64_t *allowed, uint32_t *item)
{
    float top = 0;
    size_t n = 0;

    for (size_t w = 0; w < pz_bits_words(r->learned); w++)
        for (uint64_t bits = based(r, allowed, w); bits; bits &= bits - 1) {
            float base = r->base[w * WORD + (size_t)__builtin_ctzll(bits)];

            top = base > top ? base : top;
        }
    for (size_t w = 0; w < pz_bits_words(r->learned) && top > 0; w++)
        for (uint64_t bits = based(r, allowed, w); bits; bits &= bits - 1) {
            item[n] = (uint32_t)(w * WORD) + (uint32_t)__builtin_ctzll(bits);
            n += item[n] < r->learned && r->base[item[n]] > top * GOOD;
            if (n == PZ_ROUGH_ITEMS)
                return n;
        }
    return n;
}

/* The largest exact score of the items allowed, 0 when none is above: from the longest vector on,
 * until none can have more. most: what a trend multiplies with at most. */
static float largest_by_length(const struct ready *s, const struct pz_rough *r,
                               const uint32_t *longest, const uint64_t *allowed)
{
    const struct pz_rough_limit *l = &s->limit;
    uint32_t item[PZ_ROUGH_ITEMS];
    size_t n = find_promising(r, allowed, item);
    float top = look_for_top(s, item, n, 0), most = largest_trend(l, r->learned);

    for (uint32_t k = 0; k < r->learned; k += PZ_ROUGH_ITEMS) {
        if (l->reach * l->length[longest[k]] * most * UP <= top)
            break;
        n = 0;
        for (uint32_t i = k; i < r->learned && i < k + PZ_ROUGH_ITEMS; i++)
            if (pz_bits_has(allowed, longest[i]))
                item[n++] = longest[i];
        top = look_for_top(s, item, n, top);
    }
    return top;
}

/* The same of scores raw, off by so much at most, 64 together. max: room for a number for each
 * 64. */
static float largest_of_scan(const struct ready *s, const float *raw, const float *off, uint32_t n,
                             const uint64_t *allowed, float *max)
{
    float least = 0, top = 0;

    pz_score_max_words(raw, n, allowed, max);
    for (uint32_t w = 0; w < (n + 63) / 64; w++)
        least = max[w] - off[w] > least ? max[w] - off[w] : least;
    for (uint32_t w = 0; w < (n + 63) / 64; w++) {
        uint32_t first = w * WORD, left = n - first < WORD ? n - first : WORD;
        uint64_t bits = allowed[w];

        if (max[w] < least - off[w])
            continue;
        bits &= pz_scores_above(raw + first, left, nextafterf(least - off[w], -INFINITY));
        for (; bits; bits &= bits - 1) {
            float score = exact_score(s->p, s->scratch, s->now,
                                      first + (uint32_t)__builtin_ctzll(bits));

            top = score > top ? score : top;
        }
    }
    return top;
}

/* ---- scores of a part */

PZ_KERNEL static void add_off(float *restrict sum, const float *restrict off, float factor,
                              size_t n)
{
    for (size_t w = 0; w < n; w++)
        sum[w] += factor * off[w];
}

PZ_KERNEL static void begin_scan(float *restrict sum, const float *restrict raw, uint32_t n,
                                 float factor)
{
    for (uint32_t i = 0; i < n; i++)
        sum[i] = factor * raw[i];
}

/* Put a part that has something to say, its largest score top, on a query's list. */
static struct pz_rough_part *add_part(struct pz_rough_task *t, size_t i, const struct ready *s,
                                      float top)
{
    struct pz_rough *r = t->rough;
    float weight = (float)pz_part_weight(s->p, t->job.q);

    if (top <= 0)
        return NULL;
    r->part[r->n] = (struct pz_rough_part){
        .part = s->p,
        .scratch = s->scratch,
        .limit = s->limit,
        .factor = weight / top,
        .weight = weight * UP,
    };
    t->job.used |= 1u << i;
    return &r->part[r->n++];
}

/* A part whose lengths tell. */
static void add_by_length(const struct pz_model *m, size_t i, struct pz_rough_task *t,
                          void *scratch, const struct pz_reach *reach)
{
    struct ready s = { .p = &m->part[i], .scratch = scratch, .now = t->rough->now };

    s.limit = pz_rough_limit_of(s.p, reach->length, s.now);
    s.limit.reach = reach->factor * UP;
    if (add_part(t, i, &s, largest_by_length(&s, t->rough, reach->longest, t->job.allowed)))
        t->rough->any_reach = true;
}

/* A part that was scanned: raw scores in the task's scratch, off in the second half of r->off. */
static void add_scan(const struct pz_model *m, size_t i, struct pz_rough_task *t, void *scratch)
{
    struct ready s = { .p = &m->part[i], .scratch = scratch, .now = t->rough->now };
    struct pz_rough *r = t->rough;
    float *raw = t->job.scratch, *off = r->off + words(r);
    struct pz_rough_part *p;
    uint32_t n = r->learned; /* items that came since have nothing of it */

    pz_trend_apply(s.p->trend, s.now, raw, n);
    pz_trend_widen(s.p->trend, s.now, off, n);
    p = add_part(t, i, &s, largest_of_scan(&s, raw, off, n, t->job.allowed, r->max));
    if (!p)
        return;
    if (r->any_scan)
        pz_blend_add(r->scan, raw, n, p->factor);
    else
        begin_scan(r->scan, raw, n, p->factor);
    r->any_scan = true;
    add_off(r->off, off, p->factor, words_learned(r));
}

/* Make part i of a query ready; *reach is all-zero where it wants to be scanned. Returns whether it
 * is to be scored at all. */
static bool make_ready(const struct pz_part *p, struct pz_rough_task *t, void *scratch,
                       struct pz_reach *reach)
{
    *reach = (struct pz_reach){ NULL, NULL, 0 };
    if (!t->done || pz_part_weight(p, t->job.q) <= 0)
        return false;
    t->done = p->scorer->rough(p->part, pz_part_query(p, t->job.q), scratch);
    if (t->done && p->scorer->reach)
        p->scorer->reach(p->part, scratch, reach);
    return t->done;
}

/* Part i of all queries that can be scored roughly so far; `at` is where its scratch is. */
static void score_part(const struct pz_model *m, size_t i, size_t at, struct pz_rough_task *task,
                       size_t n)
{
    const struct pz_part *p = &m->part[i];
    struct pz_rough_task *ready[PZ_SCORE_BLOCK];
    void *scratch[PZ_SCORE_BLOCK];
    float *raw[PZ_SCORE_BLOCK], *off[PZ_SCORE_BLOCK];
    size_t n_ready = 0;

    for (size_t k = 0; k < n; k++) {
        struct pz_rough_task *t = &task[k];
        struct pz_reach reach;

        if (!make_ready(p, t, t->rough->scratch + at, &reach))
            continue;
        if (reach.length) {
            add_by_length(m, i, t, t->rough->scratch + at, &reach);
            continue;
        }
        off[n_ready] = t->rough->off + words(t->rough);
        memset(off[n_ready], 0, words_learned(t->rough) * sizeof *off[n_ready]);
        scratch[n_ready] = t->rough->scratch + at;
        raw[n_ready] = t->job.scratch;
        ready[n_ready++] = t;
    }
    if (n_ready > 0)
        p->scorer->rough_scan(p->part, scratch, n_ready, raw, off);
    for (size_t k = 0; k < n_ready; k++)
        add_scan(m, i, ready[k], scratch[k]);
}

/* ---- limits of the blend */

/* What the n <= 64 items from `first` on have at most. */
static inline __attribute__((always_inline)) void add_up(const struct pz_rough *r, size_t first,
                                                         uint32_t n, uint32_t learned, float *sum)
{
    float own[WORD] = { 0 }, limit[WORD];
    float most = r->slack + r->off[first / WORD];

    if (r->any_scan)
        memcpy(own, r->scan + first, learned * sizeof *own);
    for (uint32_t k = 0; k < n; k++)
        own[k] += r->base[first + k] + most;
    for (size_t p = 0; p < r->n_fixed; p++) {
        float factor = r->fixed[p].factor;

        pz_rough_limits(&r->fixed[p].limit, first, learned, limit);
        for (uint32_t k = 0; k < learned; k++)
            own[k] += factor * limit[k];
    }
    for (size_t p = 0; p < r->n; p++) {
        float factor = r->part[p].factor, weight = r->part[p].weight;

        if (!r->part[p].limit.length)
            continue;
        pz_rough_limits(&r->part[p].limit, first, learned, limit);
        for (uint32_t k = 0; k < learned; k++) {
            float gain = factor * limit[k];

            own[k] += gain < weight ? gain : weight;
        }
    }
    memcpy(sum, own, n * sizeof *own);
}

/* The same of a plain word: the pages of its base stay unread. */
static inline __attribute__((always_inline)) void fill_up(const struct pz_rough *r, size_t first,
                                                          uint32_t n, float *sum)
{
    float most = r->slack + r->off[first / WORD], own[WORD];

    for (uint32_t k = 0; k < WORD; k++)
        own[k] = most;
    memcpy(sum, own, n * sizeof *own);
}

PZ_KERNEL static void add_limits(const struct pz_rough *r, uint32_t n, float *out)
{
    uint32_t first = 0, learned = r->learned;
    size_t all = words(r);

    for (; first + WORD <= learned; first += WORD)
        add_up(r, first, WORD, WORD, out + first);
    for (size_t w = pz_bits_next_word(r->plain, first / WORD, all); w < all;
         w = pz_bits_next_word(r->plain, w + 1, all)) {
        uint32_t left;

        first = (uint32_t)w * WORD;
        left = n - first < WORD ? n - first : WORD;
        if (!pz_rough_is_plain(r, w))
            add_up(r, first, left, learned <= first ? 0 : learned - first, out + first);
        else if (left == WORD)
            fill_up(r, first, WORD, out + first);
        else
            fill_up(r, first, left, out + first);
    }
}

/* Which words are plain and stay so. Samples, which lengths want, read all items. */
static void find_plain(struct pz_rough *r)
{
    bool any = !r->dense && !r->any_reach;

    pz_bits_fill(r->plain, words(r), any);
    for (size_t k = 0; any && k < words_learned(r); k++)
        pz_bits_remove(r->plain, k);
    r->rest = r->slack;
    r->rest_max = r->slack > 0 ? r->slack : 0;
}

/* The largest of each word that was written; those from `known` on may be plain. */
static void find_max(const struct pz_rough_task *t, size_t known)
{
    struct pz_rough *r = t->rough;
    struct pz_bits_run run = { 0, known };

    pz_score_max_words(t->job.out, (uint32_t)(known * WORD), t->job.allowed, r->max);
    while (pz_bits_next_run(r->plain, words(r), &run))
        for (size_t w = run.begin; w < run.end; w++) {
            const uint64_t *allowed = t->job.allowed + w;
            const float *out = t->job.out + w * WORD;
            size_t left = r->n_items - w * WORD;

            if (pz_rough_is_plain(r, w))
                r->max[w] = *allowed && *out > 0 ? *out : 0;
            else
                r->max[w] = pz_score_max(out, (uint32_t)(left < WORD ? left : WORD), allowed);
        }
}

/* The base is there, the parts are: what each item has at most. */
static void add_up_all(const struct pz_model *m, struct pz_rough_task *t)
{
    struct pz_rough *r = t->rough;
    float weight = 0;

    for (size_t i = 0; i < m->n_parts; i++)
        weight += (float)pz_part_weight(&m->part[i], t->job.q);
    r->slack = 2 * weight * ROUNDING;
    for (size_t w = 0; w < words_learned(r); w++)
        r->off[w] *= 1 + ROUNDING;
    find_plain(r);
    add_limits(r, m->items.n, t->job.out);
    find_max(t, r->learned / WORD);
}

static void begin(struct pz_rough_task *t)
{
    struct pz_rough *r = t->rough;

    r->n = r->n_asked = 0;
    r->any_scan = r->any_reach = false;
    r->now = t->job.q->now;
    t->job.used = 0;
    t->done = true;
}

void pz_rough_score(const struct pz_model *m, struct pz_rough_task *task, size_t n)
{
    size_t at = 0;

    for (size_t k = 0; k < n; k++) {
        struct pz_rough *r = task[k].rough;

        begin(&task[k]);
        memset(r->off, 0, words_learned(r) * sizeof *r->off);
        pz_rough_base(m, &task[k]);
    }
    for (size_t i = 0; i < m->n_parts; i++) {
        if (m->part[i].scorer->rough)
            score_part(m, i, at, task, n);
        at += scratch_of(&m->part[i]);
    }
    for (size_t k = 0; k < n; k++)
        if (task[k].done)
            add_up_all(m, &task[k]);
}

/* ---- some items alone */

/* Make a part ready for its list; the factor of one that reads vectors is not known yet. */
static void begin_some(const struct pz_part *p, struct pz_rough_task *t, void *scratch)
{
    struct pz_rough *r = t->rough;
    struct pz_reach reach;

    if (p->scorer->some) {
        if (pz_part_weight(p, t->job.q) > 0 &&
            p->scorer->some(p->part, pz_part_query(p, t->job.q), scratch))
            r->asked[r->n_asked++] = (struct pz_rough_asked){ p, scratch };
        return;
    }
    if (!t->job.q->n_hist || !make_ready(p, t, scratch, &reach))
        return;
    t->done = p->scorer->rough_rows != NULL;
    r->part[r->n++] = (struct pz_rough_part){ .part = p,
                                              .scratch = scratch,
                                              .limit = pz_rough_limit_of(p, NULL, r->now),
                                              .longest = reach.longest };
}

void pz_rough_begin_some(const struct pz_model *m, struct pz_rough_task *t)
{
    char *scratch = t->rough->scratch;

    t->some = true;
    begin(t);
    pz_rough_base(m, t);
    for (size_t i = 0; i < m->n_parts && t->done; i++) {
        if (m->part[i].scorer->rough || m->part[i].scorer->some)
            begin_some(&m->part[i], t, scratch);
        scratch += scratch_of(&m->part[i]);
    }
}

void pz_rough_heads(const struct pz_rough *r, const uint64_t *allowed, uint64_t *set)
{
    for (size_t k = 0; k < r->n_asked; k++) {
        const struct pz_part *p = r->asked[k].part;

        if (p->scorer->heads)
            p->scorer->heads(p->part, r->asked[k].scratch, allowed, set);
    }
}

/* As pz_scorer.score_some, of a part that reads vectors. */
static void rows_of(const struct pz_rough_part *p, const uint32_t *item, size_t n, float *score)
{
    float off[PZ_ROUGH_ITEMS];

    for (size_t i = 0; i < n; i += PZ_ROUGH_ITEMS)
        p->part->scorer->rough_rows(p->part->part, p->scratch, item + i,
                                    n - i < PZ_ROUGH_ITEMS ? n - i : PZ_ROUGH_ITEMS, score + i,
                                    off);
}

/* The blend of n items gains what a part said of them. Returns the factor of its scores. */
static float add_some(const struct pz_model *m, const struct pz_part *p, struct pz_rough_task *t,
                      const uint32_t *item, size_t n, float *score, float *blend)
{
    struct pz_rough_limit l = pz_rough_limit_of(p, NULL, t->rough->now);
    float top = 0, factor;

    for (size_t k = 0; k < n; k++) {
        score[k] *= pz_rough_trend(&l, item[k]);
        if (score[k] > top && pz_bits_has(t->job.allowed, item[k]))
            top = score[k];
    }
    if (top <= 0)
        return 0;
    factor = (float)pz_part_weight(p, t->job.q) / top;
    t->job.used |= 1u << (p - m->part);
    pz_blend_add(blend, score, (uint32_t)n, factor);
    return factor;
}

void pz_rough_some(const struct pz_model *m, struct pz_rough_task *t, const uint32_t *item,
                   size_t n, float *blend, float *score)
{
    struct pz_rough *r = t->rough;
    size_t learned = n;

    while (learned > 0 && item[learned - 1] >= r->learned)
        learned--;
    for (size_t k = 0; k < n; k++)
        blend[k] = pz_rough_base_of(r, item[k]);
    for (size_t k = 0; k < r->n; k++) {
        rows_of(&r->part[k], item, learned, score);
        r->part[k].factor = add_some(m, r->part[k].part, t, item, learned, score, blend);
    }
    for (size_t k = 0; k < r->n_asked; k++) {
        const struct pz_part *p = r->asked[k].part;

        p->scorer->score_some(p->part, r->asked[k].scratch, item, n, score);
        add_some(m, p, t, item, n, score, blend);
    }
}

float pz_rough_closer(const struct pz_rough *r, uint32_t item, float blend)
{
    for (size_t k = 0; k < r->n && item < r->learned; k++) {
        const struct pz_rough_part *p = &r->part[k];
        float raw;

        rows_of(p, &item, 1, &raw);
        blend += p->factor * (exact_score(p->part, p->scratch, r->now, item) -
                              raw * pz_rough_trend(&p->limit, item));
    }
    return blend;
}

/* ---- a closer look */

/* Keep those of n items at `place` that have at least so much; returns how many. */
static size_t keep(float least, uint8_t *place, size_t n, const float *at_most)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++)
        if (at_most[place[i]] >= least)
            place[kept++] = place[i];
    return kept;
}

/* What a part gives the n items at `place` is added to sum, and to at_most in place of its
 * limit. */
static void look(const struct pz_rough_part *p, const uint32_t *item, const uint8_t *place,
                 size_t n, float *at_most, float *sum)
{
    float raw[PZ_ROUGH_ITEMS], off[PZ_ROUGH_ITEMS];
    uint32_t own[PZ_ROUGH_ITEMS];

    for (size_t i = 0; i < n; i++)
        own[i] = item[place[i]];
    p->part->scorer->rough_rows(p->part->part, p->scratch, own, n, raw, off);
    for (size_t i = 0; i < n; i++) {
        float trend = pz_rough_trend(&p->limit, own[i]), factor = p->factor * trend;
        float gain = p->factor * (p->limit.reach * p->limit.length[own[i]] * trend);

        gain = gain < p->weight ? gain : p->weight;
        at_most[place[i]] += factor * (raw[i] + off[i] * UP) - gain;
        sum[place[i]] += factor * raw[i];
    }
}

/* What is known of an item beside the parts whose lengths tell. */
static float known_of(const struct pz_rough *r, uint32_t item)
{
    return pz_rough_base_of(r, item) + (r->any_scan && item < r->learned ? r->scan[item] : 0);
}

void pz_rough_look(const struct pz_rough *r, const uint32_t *item, size_t n, float least,
                   float *at_most, float *about)
{
    uint8_t place[PZ_ROUGH_ITEMS];
    float sum[PZ_ROUGH_ITEMS] = { 0 };
    size_t learned = 0, left;

    for (; learned < n && item[learned] < r->learned; learned++)
        place[learned] = (uint8_t)learned;
    left = learned;
    for (size_t k = 0; k < r->n; k++)
        if (r->part[k].limit.length) {
            left = keep(least, place, left, at_most);
            look(&r->part[k], item, place, left, at_most, sum);
        }
    left = keep(least, place, left, at_most);
    memcpy(about, at_most, learned * sizeof *about);
    for (size_t i = learned; i < n; i++)
        about[i] = known_of(r, item[i]);
    for (size_t i = 0; i < left; i++)
        about[place[i]] = known_of(r, item[place[i]]) + sum[place[i]];
}

void pz_rough_prefetch(const struct pz_rough *r, uint32_t item)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->part[i].part->scorer->prefetch)
            r->part[i].part->scorer->prefetch(r->part[i].part->part, item);
}

float pz_rough_exact(const struct pz_rough *r, uint32_t item)
{
    float blend = pz_rough_base_of(r, item);

    for (size_t i = 0; i < r->n; i++) {
        const struct pz_rough_part *p = &r->part[i];
        float score = exact_score(p->part, p->scratch, r->now, item);

        pz_blend_add(&blend, &score, 1, p->factor);
    }
    return blend;
}
