/* SPDX-License-Identifier: Apache-2.0 */
/* The blend: each part's scores divided by their largest over the items that may be recommended,
 * then summed with the model's weights ("Blend" in the measurements: parts of any scale mix without
 * calibration, and multiplying one part's scores by a constant changes nothing). */
#include <string.h>

#include "base/simd.h"
#include "model/blend.h"

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

/* The largest of 64 scores whose bits are set, and of top. */
static inline __attribute__((always_inline)) float largest_of(const float *score, uint64_t bits,
                                                              float top)
{
    float max[16] = { 0 };

    if (~bits == 0) {
        for (size_t i = 0; i < 64; i += 16)
            for (size_t k = 0; k < 16; k++)
                max[k] = score[i + k] > max[k] ? score[i + k] : max[k];
        for (size_t k = 0; k < 16; k++)
            top = max[k] > top ? max[k] : top;
    }
    for (; ~bits != 0 && bits; bits &= bits - 1) {
        float s = score[__builtin_ctzll(bits)];

        top = s > top ? s : top;
    }
    return top;
}

PZ_KERNEL static float largest_allowed(const float *score, uint32_t n, const uint64_t *allowed)
{
    float top = 0;

    for (uint32_t i = 0; i < n; i += 64) {
        uint64_t bits = allowed ? allowed[i / 64] : ~(uint64_t)0;

        top = largest_of(score + i, n - i < 64 ? bits & (((uint64_t)1 << (n - i)) - 1) : bits, top);
    }
    return top;
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

    return user ? part->weight + part->cold_weight / (double)q->n_hist : part->weight;
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

bool pz_blend_score(const struct pz_part *part, const struct pz_query *q, const uint64_t *allowed,
                    uint32_t n, void *scratch, float *score, float *top)
{
    if (!pz_part_score(part, q, n, scratch, score))
        return false;
    *top = largest_allowed(score, n, allowed);
    return *top > 0;
}

void pz_model_score(const struct pz_model *m, const struct pz_query *q, const uint64_t *allowed,
                    void *scratch, float *out, float *part_score, uint32_t *used)
{
    uint32_t n = m->items.n;
    float *raw = scratch, top;
    void *rest = (char *)scratch + round_up((size_t)n * sizeof(float));

    *used = 0;
    memset(out, 0, n * sizeof *out);
    if (part_score)
        memset(part_score, 0, m->n_parts * n * sizeof *out);
    for (size_t i = 0; i < m->n_parts; i++) {
        const struct pz_part *p = &m->part[i];
        double weight = pz_part_weight(p, q);

        if ((weight <= 0 && !part_score) || !pz_blend_score(p, q, allowed, n, rest, raw, &top))
            continue;
        *used |= 1u << i;
        if (weight > 0)
            pz_blend_add(out, raw, n, (float)weight / top);
        if (part_score)
            pz_blend_add(part_score + i * n, raw, n, 1 / top);
    }
}
