/* SPDX-License-Identifier: Apache-2.0 */
/* The blend, roughly: see rough.h.
 *
 * The exact blend of an item is base + sum over the rough parts of factor * score, added up in the
 * order and by the functions of pz_model_score, which takes such parts last. A factor wants the
 * part's largest score exactly: the items whose score plus bound reaches the largest score minus
 * bound are few, and scored exactly.
 *
 * Bounds: that of a part grows by the largest trend of the 64 items and by its factor; those of the
 * parts add up, and ROUNDING covers what the additions of the blend round differently. */
#include "model/rough.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/simd.h"
#include "model/blend.h"

enum { FEW_ITEMS = 2000 /* are scored exactly as soon */ };

/* Parts of the blend's weight: a sum of PZ_MAX_PARTS floats twice, in other orders. */
static const float ROUNDING = 4 * PZ_MAX_PARTS * 0x1p-24f;

bool pz_rough_suits(const struct pz_model *m)
{
    for (size_t i = 0; i < m->n_parts && m->items.n > FEW_ITEMS; i++)
        if (m->part[i].scorer->rough && m->part[i].weight > 0)
            return true;
    return false;
}

static size_t scratch_of(const struct pz_part *p)
{
    return p->scorer->rough ? (p->scorer->scratch_bytes(p->part) + 63) / 64 * 64 : 0;
}

static size_t words(const struct pz_model *m)
{
    return ((size_t)m->items.n + 63) / 64;
}

struct pz_rough *pz_rough_new(const struct pz_model *m)
{
    struct pz_rough *r = calloc(1, sizeof *r);
    size_t bytes = 0;

    if (!r)
        return NULL;
    for (size_t i = 0; i < m->n_parts; i++)
        bytes += scratch_of(&m->part[i]);
    r->base = pz_mem_array(m->items.n, sizeof *r->base);
    r->off = pz_mem_array(2 * words(m), sizeof *r->off); /* the blend's, then a part's */
    r->max = pz_mem_array(words(m), sizeof *r->max);
    r->scratch = pz_mem_array(bytes, 1);
    if (r->base && r->off && r->max && r->scratch)
        return r;
    pz_rough_free(r);
    return NULL;
}

void pz_rough_free(struct pz_rough *r)
{
    if (!r)
        return;
    free(r->base);
    free(r->off);
    free(r->max);
    free(r->scratch);
    free(r);
}

/* The largest of each 64 scores whose bits are set, 0 where none is above. */
static void find_max(const float *score, uint32_t n, const uint64_t *allowed, float *max)
{
    for (uint32_t i = 0; i < n; i += 64)
        max[i / 64] = pz_score_max(score + i, n - i < 64 ? n - i : 64, allowed + i / 64);
}

static float exact_score(const struct pz_part *p, void *scratch, int64_t now, uint32_t item)
{
    float score = p->scorer->exact(p->part, scratch, item);

    pz_trend_apply_to(p->trend, now, item, &score);
    return score;
}

/* One rough part of a query. */
struct rough_scores {
    const struct pz_part *p;
    void *scratch;
    int64_t now;
    const float *raw, *off, *max; /* [items.n], [words], [words] */
};

/* The largest exact score of the n items allowed, 0 when none is above. */
static float largest(const struct rough_scores *s, const uint64_t *allowed, uint32_t n)
{
    float least = 0, top = 0;

    for (uint32_t w = 0; w < (n + 63) / 64; w++)
        least = s->max[w] - s->off[w] > least ? s->max[w] - s->off[w] : least;
    for (uint32_t w = 0; w < (n + 63) / 64; w++) {
        if (s->max[w] + s->off[w] < least)
            continue;
        for (uint64_t bits = allowed[w]; bits; bits &= bits - 1) {
            uint32_t i = w * 64 + (uint32_t)__builtin_ctzll(bits);
            float score = s->raw[i] + s->off[w] < least ? 0
                                                        : exact_score(s->p, s->scratch, s->now, i);

            top = score > top ? score : top;
        }
    }
    return top;
}

PZ_KERNEL static void add_off(float *restrict sum, const float *restrict off, float factor,
                              size_t n)
{
    for (size_t w = 0; w < n; w++)
        sum[w] += factor * off[w];
}

/* Add what was scored of one part, off in the second half of r->off, to a query's blend. */
static void add_rough(const struct pz_model *m, size_t i, struct pz_rough_task *t, void *scratch)
{
    const struct pz_part *p = &m->part[i];
    struct pz_rough *r = t->rough;
    uint32_t n = m->items.n;
    float *raw = t->job.scratch, *off = r->off + words(m), factor, top;

    memset(raw + pz_model_learned(m), 0, (n - pz_model_learned(m)) * sizeof *raw);
    pz_trend_apply(p->trend, r->now, raw, n);
    pz_trend_widen(p->trend, r->now, off, n);
    find_max(raw, n, t->job.allowed, r->max);
    top = largest(&(struct rough_scores){ p, scratch, r->now, raw, off, r->max }, t->job.allowed,
                  n);
    if (top <= 0)
        return;
    factor = (float)pz_part_weight(p, t->job.q) / top;
    r->part[r->n++] = (struct pz_rough_part){ p, scratch, factor };
    t->job.used |= 1u << i;
    pz_blend_add(t->job.out, raw, n, factor);
    add_off(r->off, off, factor, words(m));
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

        if (!t->done || pz_part_weight(p, t->job.q) <= 0)
            continue;
        off[n_ready] = t->rough->off + words(m);
        memset(off[n_ready], 0, words(m) * sizeof *off[n_ready]);
        scratch[n_ready] = t->rough->scratch + at;
        raw[n_ready] = t->job.scratch;
        t->done = p->scorer->rough(p->part, pz_part_query(p, t->job.q), scratch[n_ready]);
        if (t->done)
            ready[n_ready++] = t;
    }
    p->scorer->rough_scan(p->part, scratch, n_ready, raw, off);
    for (size_t k = 0; k < n_ready; k++)
        add_rough(m, i, ready[k], scratch[k]);
}

/* Add the base; the bounds grow by what its addition rounds, and max takes them in. */
static void add_base(struct pz_rough *r, const struct pz_model *m, const struct pz_scoring *job)
{
    uint32_t n = m->items.n;
    float weight = 0;

    for (size_t i = 0; i < m->n_parts; i++)
        weight += (float)pz_part_weight(&m->part[i], job->q);
    pz_blend_add(job->out, r->base, n, 1);
    find_max(job->out, n, job->allowed, r->max);
    for (size_t w = 0; w < words(m); w++) {
        r->off[w] = r->off[w] * (1 + ROUNDING) + weight * ROUNDING;
        r->max[w] += r->off[w];
    }
}

void pz_rough_score(const struct pz_model *m, struct pz_rough_task *task, size_t n)
{
    size_t at = 0;

    for (size_t k = 0; k < n; k++) {
        struct pz_rough *r = task[k].rough;

        r->n = 0;
        r->now = task[k].job.q->now;
        task[k].job.used = 0;
        task[k].done = true;
        memset(task[k].job.out, 0, m->items.n * sizeof *task[k].job.out);
        memset(r->off, 0, words(m) * sizeof *r->off);
    }
    for (size_t i = 0; i < m->n_parts; i++)
        if (m->part[i].scorer->rough) {
            score_part(m, i, at, task, n);
            at += scratch_of(&m->part[i]);
        }
    for (size_t k = 0; k < n; k++)
        if (task[k].done) {
            pz_blend_base(m, &task[k].job, task[k].rough->base);
            add_base(task[k].rough, m, &task[k].job);
        }
}

float pz_rough_exact(const struct pz_rough *r, uint32_t item)
{
    float blend = r->base[item];

    for (size_t i = 0; i < r->n; i++) {
        const struct pz_rough_part *p = &r->part[i];
        float score = exact_score(p->part, p->scratch, r->now, item);

        pz_blend_add(&blend, &score, 1, p->factor);
    }
    return blend;
}
