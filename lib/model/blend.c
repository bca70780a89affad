/* SPDX-License-Identifier: Apache-2.0 */
/* The blend: each part's scores divided by their largest over the items that may be recommended,
 * then summed with the model's weights ("Blend" in the measurements: parts of any scale mix
 * without calibration, and multiplying one part's scores by a constant changes nothing). It is the
 * weighted CombSUM of information retrieval (Fox & Shaw 1994).
 *
 * A part that says nothing positive of the allowed items is left out, so that nothing is divided
 * by zero. Parts are added in the model's order, those that can be scored roughly (rough.h) behind
 * the others: a block of queries gets the bits that each query gets alone, and the exact blend of
 * an item can be had from the sum of the others. Nothing is allocated; scratch holds a part's
 * scores first, then what its scorer asks for. */
#include <string.h>

#include "base/bits.h"
#include "base/simd.h"
#include "model/blend.h"
#include "model/counts.h"

enum { VISIT_S = 1800 };

static size_t round_up(size_t n)
{
    return (n + 63) / 64 * 64;
}

size_t pz_model_scratch(const struct pz_model *m)
{
    size_t max = 0;

    for (size_t i = 0; i < m->n_parts; i++) {
        size_t n = m->part[i].scorer->scratch_bytes(m->part[i].part);

        max = n > max ? n : max;
    }
    return round_up(max) + round_up((size_t)m->items.n * sizeof(float));
}

void *pz_model_map(const struct pz_model *m, struct pz_mem_slab *slab, size_t n, size_t elem_bytes,
                   bool often)
{
    enum {
        FEW = 1 << 16,  /* most of so few are written for an answer */
        MANY = 1 << 18, /* their floats fill half of a large page */
    };
    uint32_t learned = pz_model_learned(m);

    return pz_mem_slab_map(slab, n, elem_bytes, often && learned <= FEW ? learned : 0,
                           learned >= MANY);
}

enum { FEW_BITS = 8 /* of a word: one by one */ };

typedef int32_t float_bits __attribute__((__may_alias__));

/* The largest of n <= 64 scores whose bits are set, and of top >= 0. Floats from 0 on are in the
 * order of their bits, negative ones are below them as whole numbers, too: of those compilers make
 * a maximum of a few instructions. */
static inline __attribute__((always_inline)) float largest_of(const float *score, uint32_t n,
                                                              uint64_t bits, float top)
{
    const float_bits *value = (const float_bits *)score;
    float_bits own[64], most;

    memcpy(&most, &top, sizeof most);
    if (__builtin_popcountll(bits) <= FEW_BITS) {
        for (; bits; bits &= bits - 1) {
            float_bits one = value[__builtin_ctzll(bits)];

            most = one > most ? one : most;
        }
    } else {
        if (n < 64 || ~bits != 0) {
            memset(own, 0, sizeof own);
            memcpy(own, score, n * sizeof *own);
            for (uint64_t out = ~bits; out; out &= out - 1)
                own[__builtin_ctzll(out)] = 0;
            value = own;
        }
        for (size_t k = 0; k < 64; k++)
            most = value[k] > most ? value[k] : most;
    }
    memcpy(&top, &most, sizeof top);
    return top;
}

/* The largest of the scores of items begin, a multiple of 64, to end - 1, and of top. */
static inline __attribute__((always_inline)) float largest_from(const float *score, uint32_t begin,
                                                                uint32_t end,
                                                                const uint64_t *allowed,
                                                                const float *bound, float top)
{
    for (uint32_t i = begin; i < end; i += 64) {
        uint64_t bits = allowed ? allowed[i / 64] : ~(uint64_t)0;

        if (bound && bound[i / 64] <= top)
            continue;
        if (end - i >= 64)
            top = largest_of(score + i, 64, bits, top);
        else
            top = largest_of(score + i, end - i, bits, top);
    }
    return top;
}

PZ_KERNEL float pz_score_max_below(const float *score, uint32_t n, const uint64_t *allowed,
                                   const float *bound, const uint64_t *skip)
{
    struct pz_bits_run run = { 0, 0 };
    float top = 0;

    while (pz_bits_next_run(skip, pz_bits_words(n), &run))
        top = largest_from(score, (uint32_t)run.begin * 64,
                           run.end * 64 < n ? (uint32_t)run.end * 64 : n, allowed, bound, top);
    return top;
}

PZ_KERNEL float pz_score_max(const float *score, uint32_t n, const uint64_t *allowed)
{
    return largest_from(score, 0, n, allowed, NULL, 0);
}

PZ_KERNEL void pz_score_max_words(const float *score, uint32_t n, const uint64_t *allowed,
                                  float *max)
{
    for (uint32_t i = 0; i < n; i += 64)
        max[i / 64] = largest_from(score, i, n - i < 64 ? n : i + 64, allowed, NULL, 0);
}

PZ_KERNEL uint64_t pz_scores_above(const float *score, uint32_t n, float bar)
{
    uint8_t flag[64] = { 0 };

    if (n == 64)
        for (uint32_t k = 0; k < 64; k++)
            flag[k] = score[k] > bar;
    else
        for (uint32_t k = 0; k < n; k++)
            flag[k] = score[k] > bar;
    return pz_flags_to_bits(flag);
}

PZ_KERNEL void pz_blend_add(float *out, const float *score, uint32_t n, float factor)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] += factor * score[i];
}

PZ_KERNEL void pz_blend_scale(float *score, uint32_t n, float factor)
{
    for (uint32_t i = 0; i < n; i++)
        score[i] *= factor;
}

double pz_part_weight(const struct pz_part *part, const struct pz_query *q)
{
    bool user = q->task != PZ_TASK_RELATED && q->n_hist > 0;
    struct pz_weights plain = { part->weight, part->cold_weight };
    const struct pz_weights *w = q->keeps_seen ? &part->own[PZ_LISTS_KEPT] : &plain,
                            *next = &part->own[q->keeps_seen ? PZ_LISTS_KEPT_NEXT : PZ_LISTS_NEXT];
    double weight = w->weight + q->next * (next->weight - w->weight);
    double cold = w->cold_weight + q->next * (next->cold_weight - w->cold_weight);
    double share = part->scorer->presence ? part->scorer->presence(part->part, q->now) : 1;

    return share * (user ? weight + cold / (double)q->n_hist : weight);
}

bool pz_part_is_idle(const struct pz_part *part)
{
    bool idle = part->weight <= 0 && part->cold_weight <= 0;

    for (enum pz_lists l = 0; l < PZ_LISTS; l++)
        idle = idle && part->own[l].weight <= 0 && part->own[l].cold_weight <= 0;
    return idle;
}

const char *pz_lists_weight(enum pz_lists lists)
{
    static const char *const name[] = { "weight_kept", "weight_next", "weight_kept_next" };

    return name[lists];
}

const char *pz_lists_early(enum pz_lists lists)
{
    static const char *const name[] = { "early_kept", "early_next", "early_kept_next" };

    return name[lists];
}

double pz_model_next(const struct pz_model *m, int64_t now, double pause_s)
{
    if (m->slice_s <= 0)
        return 0;
    return pause_s <= VISIT_S ? 1 : 1 - pz_count_fade((double)m->newest - (double)now, m->slice_s);
}

const struct pz_query *pz_part_query(const struct pz_part *part, const struct pz_query *q)
{
    return q->known && !part->scorer->extend ? q->known : q;
}

bool pz_part_score(const struct pz_part *part, const struct pz_query *q, uint32_t n, void *scratch,
                   float *score)
{
    memset(score, 0, n * sizeof *score);
    if (!part->scorer->score(part->part, pz_part_query(part, q), scratch, score))
        return false;
    pz_trend_apply(part->trend, q->now, score, n);
    return true;
}

void pz_blend_score(const struct pz_part *part, const struct pz_blend_ask *ask, size_t n,
                    uint32_t n_items, float *top)
{
    const struct pz_scorer *scorer = part->scorer;
    const struct pz_query *q[PZ_SCORE_BLOCK] = { NULL };
    void *scratch[PZ_SCORE_BLOCK] = { NULL };
    float *score[PZ_SCORE_BLOCK] = { NULL };
    bool said[PZ_SCORE_BLOCK] = { false };

    for (size_t k = 0; k < n; k++) {
        q[k] = pz_part_query(part, ask[k].q);
        scratch[k] = ask[k].scratch;
        score[k] = ask[k].score;
        memset(score[k], 0, n_items * sizeof *score[k]);
    }
    if (scorer->score_block)
        scorer->score_block(part->part, q, n, scratch, score, said);
    for (size_t k = 0; k < n; k++) {
        if (!scorer->score_block)
            said[k] = scorer->score(part->part, q[k], scratch[k], score[k]);
        if (said[k])
            pz_trend_apply(part->trend, ask[k].q->now, score[k], n_items);
        top[k] = said[k] ? pz_score_max(score[k], n_items, ask[k].allowed) : 0;
    }
}

/* The scratch of a job begins with room for a part's scores. */
static struct pz_blend_ask ask_of(const struct pz_model *m, const struct pz_scoring *job)
{
    return (struct pz_blend_ask){ job->q, job->allowed,
                                  (char *)job->scratch +
                                      round_up((size_t)m->items.n * sizeof(float)),
                                  job->scratch };
}

void pz_blend_add_part(const struct pz_model *m, size_t i, struct pz_scoring *job, float *out,
                       float *part_score)
{
    const struct pz_part *p = &m->part[i];
    uint32_t n = m->items.n;
    struct pz_blend_ask ask = ask_of(m, job);
    double weight = pz_part_weight(p, job->q);
    float top = 0;

    if (weight > 0 || part_score)
        pz_blend_score(p, &ask, 1, n, &top);
    if (top <= 0)
        return;
    job->used |= 1u << i;
    if (weight > 0)
        pz_blend_add(out, ask.score, n, (float)weight / top);
    if (part_score)
        pz_blend_add(part_score, ask.score, n, 1 / top);
}

void pz_model_score(const struct pz_model *m, const struct pz_query *q, const uint64_t *allowed,
                    void *scratch, float *out, float *part_score, uint32_t *used)
{
    struct pz_scoring job = { .q = q, .allowed = allowed, .scratch = scratch, .out = out };

    memset(out, 0, m->items.n * sizeof *out);
    if (part_score)
        memset(part_score, 0, m->n_parts * m->items.n * sizeof *out);
    for (size_t k = 0; k < 2 * m->n_parts; k++) {
        size_t i = k % m->n_parts;

        if ((m->part[i].scorer->rough != NULL) == (k >= m->n_parts))
            pz_blend_add_part(m, i, &job, out, part_score ? part_score + i * m->items.n : NULL);
    }
    *used = job.used;
}

/* Part i of all queries, added to their blends. */
static void add_part(const struct pz_model *m, size_t i, struct pz_scoring *job, size_t n)
{
    const struct pz_part *p = &m->part[i];
    struct pz_blend_ask ask[PZ_SCORE_BLOCK] = { 0 };
    double weight[PZ_SCORE_BLOCK];
    float top[PZ_SCORE_BLOCK];
    bool any = false;

    for (size_t k = 0; k < n; k++) {
        ask[k] = ask_of(m, &job[k]);
        weight[k] = pz_part_weight(p, job[k].q);
        any |= weight[k] > 0;
    }
    if (!any)
        return;
    pz_blend_score(p, ask, n, m->items.n, top);
    for (size_t k = 0; k < n; k++) {
        if (top[k] <= 0 || weight[k] <= 0)
            continue;
        job[k].used |= 1u << i;
        pz_blend_add(job[k].out, ask[k].score, m->items.n, (float)weight[k] / top[k]);
    }
}

void pz_model_score_block(const struct pz_model *m, struct pz_scoring *job, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        job[k].used = 0;
        memset(job[k].out, 0, m->items.n * sizeof *job[k].out);
    }
    for (size_t k = 0; k < 2 * m->n_parts; k++) {
        size_t i = k % m->n_parts;
        bool last = k >= m->n_parts;

        if ((m->part[i].scorer->rough != NULL) == last)
            add_part(m, i, job, n);
    }
}
