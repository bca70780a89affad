/* SPDX-License-Identifier: Apache-2.0 */
/* The base of a rough blend (rough.h): what parts give that are scored exactly, without a pass over
 * all items where none is needed.
 *
 *   few    a part that leaves most items 0 writes into the base itself, which is 0, and says where;
 *          only these items are multiplied and, for the next query, put back to 0
 *   fixed  scores that stand in an array of the part's are read from there
 *   dense  all others, and what comes behind one: as pz_model_score has it
 *
 * Parts are added in the order of the blend, so fixed ones count as such only behind all others, as
 * popularity is. Each operation on a score is that of pz_model_score: the same bits. */
#include <string.h>

#include "base/bits.h"
#include "base/simd.h"
#include "model/blend.h"
#include "model/rough.h"

enum { WORD = 64 };

struct pz_rough_limit pz_rough_limit_of(const struct pz_part *p, const float *length, int64_t now)
{
    float fade = (float)pz_trend_fade(p->trend, now);

    return (struct pz_rough_limit){ length, fade > 0 ? p->trend->scale : NULL, 1, fade };
}

/* Items of word w. */
static uint32_t length_of(const struct pz_rough *r, size_t w)
{
    size_t left = r->n_items - w * WORD;

    return left < WORD ? (uint32_t)left : WORD;
}

/* The next run of words of which anything was touched, behind *run, at first all-zero. */
static bool next_touched(const struct pz_rough *r, struct pz_bits_run *run)
{
    size_t n = pz_bits_words(r->learned), w = pz_bits_next_used(r->touched, run->end, n);

    run->begin = w;
    while (w < n && r->touched[w])
        w++;
    run->end = w;
    return run->begin < n;
}

/* Items of a run of words. */
static uint32_t items_of(const struct pz_rough *r, const struct pz_bits_run *run)
{
    return (uint32_t)((run->end - run->begin - 1) * WORD) + length_of(r, run->end - 1);
}

/* Multiply words of which anything was touched: what was not is 0. */
PZ_KERNEL static void multiply_few(struct pz_rough *r, float factor)
{
    struct pz_bits_run run = { 0, 0 };

    while (next_touched(r, &run)) {
        float *base = r->base + run.begin * WORD;
        uint32_t n = items_of(r, &run);

        for (uint32_t k = 0; k < n; k++)
            base[k] *= factor;
    }
}

static void empty(struct pz_rough *r)
{
    struct pz_bits_run run = { 0, 0 };

    if (r->base == r->all && (r->dense || r->all != r->few))
        memset(r->all, 0, (r->dense ? r->n_items : r->learned) * sizeof *r->all);
    while (next_touched(r, &run)) {
        memset(r->few + run.begin * WORD, 0, items_of(r, &run) * sizeof *r->few);
        memset(r->touched + run.begin, 0, (run.end - run.begin) * sizeof *r->touched);
    }
    r->base = r->few;
    r->dense = false;
}

/* Have room for the base of all items. */
static void widen(struct pz_rough *r)
{
    if (r->base != r->all)
        memcpy(r->all, r->few, r->learned * sizeof *r->all);
    r->base = r->all;
}

/* Multiply what was touched in a run of words by trends. */
static void apply_trend(struct pz_rough *r, const struct pz_rough_limit *l,
                        const struct pz_bits_run *run)
{
    for (size_t w = run->begin; w < run->end; w++)
        for (uint64_t bits = r->touched[w]; bits; bits &= bits - 1) {
            uint32_t item = (uint32_t)(w * WORD) + (uint32_t)__builtin_ctzll(bits);

            r->base[item] *= pz_rough_trend(l, item);
        }
}

/* Multiply what was touched by trends, where there are any; returns the largest allowed. */
static float largest_few(struct pz_rough *r, const struct pz_rough_limit *l,
                         const uint64_t *allowed)
{
    struct pz_bits_run run = { 0, 0 };
    float top = 0;

    while (next_touched(r, &run)) {
        float most;

        if (l->trend)
            apply_trend(r, l, &run);
        most = pz_score_max(r->base + run.begin * WORD, items_of(r, &run), allowed + run.begin);
        top = most > top ? most : top;
    }
    return top;
}

/* The base is empty. */
static void add_few(const struct pz_model *m, size_t i, struct pz_rough_task *t)
{
    const struct pz_part *p = &m->part[i];
    const struct pz_query *q = pz_part_query(p, t->job.q);
    struct pz_rough *r = t->rough;
    struct pz_rough_limit l = pz_rough_limit_of(p, NULL, r->now);
    float top = 0;

    if (p->scorer->score_few(p->part, q, t->job.scratch, r->base, r->touched))
        top = largest_few(r, &l, t->job.allowed);
    if (top <= 0) {
        empty(r);
        return;
    }
    t->job.used |= 1u << i;
    multiply_few(r, (float)pz_part_weight(p, t->job.q) / top);
}

/* The largest score of one word, of the allowed ones; allowed NULL: of all. */
static inline __attribute__((always_inline)) float most_of(const struct pz_rough_limit *l,
                                                           uint32_t first, uint32_t n,
                                                           const uint64_t *allowed)
{
    float score[WORD];
    uint32_t left = n - first < WORD ? n - first : WORD;

    if (left == WORD)
        pz_rough_limits(l, first, WORD, score);
    else
        pz_rough_limits(l, first, left, score);
    return pz_score_max(score, left, allowed ? allowed + first / WORD : NULL);
}

PZ_KERNEL static void find_most(const struct pz_rough_limit *l, uint32_t n, float *most)
{
    for (uint32_t first = 0; first < n; first += WORD)
        most[first / WORD] = most_of(l, first, n, NULL);
}

/* The largest scores of each word, made where those known are of others; NULL: memory is out. */
static const float *most_of_part(struct pz_rough *r, struct pz_rough_most *kept,
                                 const struct pz_rough_limit *l)
{
    float fade = l->trend ? l->fade : 0;

    if (!kept->most)
        kept->most = pz_mem_array(pz_bits_words(r->learned), sizeof *kept->most);
    if (kept->most && (kept->score != l->length || kept->fade != fade)) {
        find_most(l, r->learned, kept->most);
        kept->score = l->length;
        kept->fade = fade;
    }
    return kept->most;
}

/* most: of each word, NULL: not known. */
PZ_KERNEL static float largest_fixed(const struct pz_rough_limit *l, uint32_t n,
                                     const uint64_t *allowed, const float *most)
{
    float top = 0;

    for (uint32_t first = 0; first < n; first += WORD) {
        float one;

        if (most && most[first / WORD] <= top)
            continue;
        one = most_of(l, first, n, allowed);
        top = one > top ? one : top;
    }
    return top;
}

static void add_fixed(const struct pz_model *m, size_t i, struct pz_rough_task *t,
                      const float *score)
{
    const struct pz_part *p = &m->part[i];
    struct pz_rough *r = t->rough;
    struct pz_rough_limit l = pz_rough_limit_of(p, score, r->now);
    const float *most = most_of_part(r, &r->most[i], &l);
    float top = largest_fixed(&l, r->learned, t->job.allowed, most);

    if (top <= 0)
        return;
    t->job.used |= 1u << i;
    r->fixed[r->n_fixed++] = (struct pz_rough_fixed){ l, (float)pz_part_weight(p, t->job.q) / top,
                                                      most };
}

/* Whether no other kind of part comes behind part i. */
static bool is_behind(const struct pz_model *m, size_t i)
{
    for (; i < m->n_parts; i++)
        if (!m->part[i].scorer->rough && !m->part[i].scorer->fixed)
            return false;
    return true;
}

static bool any_allowed(const struct pz_query *q, const uint64_t *allowed)
{
    for (size_t k = 0; k < q->n_hist; k++)
        if (pz_bits_has(allowed, q->hist[k]))
            return true;
    return false;
}

/* A part of the history's items has nothing to say where these are left out. */
static void add_dense(const struct pz_model *m, size_t i, struct pz_rough_task *t)
{
    if (m->part[i].scorer->of_history && !any_allowed(t->job.q, t->job.allowed))
        return;
    t->done = !t->some;
    if (!t->done)
        return;
    widen(t->rough);
    pz_blend_add_part(m, i, &t->job, t->rough->base, NULL);
    if (t->job.used >> i & 1)
        t->rough->dense = true;
}

/* Where the answer of a `fixed` is NULL the part has to be dense, and so have those before it. */
static const float *fixed_of(const struct pz_model *m, size_t i, const struct pz_query *q)
{
    const float *score = NULL;

    if (!is_behind(m, i))
        return NULL;
    for (size_t k = m->n_parts; k-- > i;) {
        const struct pz_scorer *s = m->part[k].scorer;

        if (s->rough || pz_part_weight(&m->part[k], q) <= 0)
            continue;
        score = s->fixed(m->part[k].part, pz_part_query(&m->part[k], q));
        if (!score)
            return NULL;
    }
    return score;
}

void pz_rough_base(const struct pz_model *m, struct pz_rough_task *t)
{
    struct pz_rough *r = t->rough;
    bool first = true;

    empty(r);
    r->n_fixed = 0;
    for (size_t i = 0; i < m->n_parts; i++) {
        const struct pz_part *p = &m->part[i];
        const float *score;

        if (p->scorer->rough || pz_part_weight(p, t->job.q) <= 0 || (t->some && p->scorer->some))
            continue;
        score = fixed_of(m, i, t->job.q);
        if (score)
            add_fixed(m, i, t, score);
        else if (first && p->scorer->score_few)
            add_few(m, i, t);
        else
            add_dense(m, i, t);
        first = false;
    }
}

float pz_rough_base_of(const struct pz_rough *r, uint32_t item)
{
    /* What nobody touched is 0, and its page may not be there yet. */
    float blend = r->dense || (item < r->learned && pz_bits_has(r->touched, item)) ? r->base[item]
                                                                                   : 0;

    for (size_t p = 0; p < r->n_fixed && item < r->learned; p++) {
        const struct pz_rough_limit *l = &r->fixed[p].limit;
        float score = l->length[item];

        score *= pz_rough_trend(l, item);
        pz_blend_add(&blend, &score, 1, r->fixed[p].factor);
    }
    return blend;
}
