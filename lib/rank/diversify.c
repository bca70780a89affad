/* SPDX-License-Identifier: Apache-2.0 */
/* Diversity by maximal marginal relevance (Carbonell & Goldstein 1998): the next item is the one
 * with the largest
 *     (1 - lambda) relevance - lambda * largest similarity to an item chosen before
 * relevance: share of the best candidate's score. similarity: the cosine of the model's item
 * vectors, negative ones counting as 0, or the share of common values of a column (Jaccard). Equal
 * ones keep their order. */
#include "rank/diversify.h"

#include <math.h>

#include "base/mem.h"
#include "base/simd.h"

enum { LANES = 8 };

PZ_KERNEL static float dot(const float *a, const float *b, uint32_t d)
{
    float sum[LANES] = { 0 }, total = 0;
    uint32_t k = 0;

    for (; k + LANES <= d; k += LANES)
        for (uint32_t l = 0; l < LANES; l++)
            sum[l] += a[k + l] * b[k + l];
    for (uint32_t l = 0; l < LANES; l++)
        total += sum[l];
    for (; k < d; k++)
        total += a[k] * b[k];
    return total;
}

/* The model's item vectors; NULL: it has none. */
static const float *vectors(const struct pz_model *m, uint32_t *dim)
{
    const float *v = NULL;

    for (size_t i = 0; i < m->n_parts && !v; i++)
        if (m->part[i].scorer->vectors)
            v = m->part[i].scorer->vectors(m->part[i].part, dim);
    return v;
}

enum pz_status pz_diversity_prepare(struct pz_diversity *d, const struct pz_asked *asked,
                                    struct pz_err *err)
{
    const struct pz_rules *rules = &asked->req->rules;

    d->lambda = (float)rules->diversity;
    d->n_learned = pz_model_learned(asked->m);
    d->vectors = NULL;
    if (rules->diversity <= 0)
        return PZ_OK;
    d->vectors = vectors(asked->m, &d->dim);
    d->by_column = rules->diversity_column != NULL;
    if (d->by_column)
        return pz_column_find(asked, rules->diversity_column, &d->alike, err);
    return d->vectors ? PZ_OK
                      : pz_err_set(err, PZ_USAGE,
                                   "the model has no item vectors to diversify by; name a column");
}

/* An item's vector, or NULL: items that came since training have none. */
static const float *vector_of(const struct pz_diversity *d, uint32_t item)
{
    return d->vectors && item < d->n_learned ? d->vectors + (size_t)item * d->dim : NULL;
}

static float jaccard(const struct pz_column *c, uint32_t a, uint32_t b)
{
    size_t n_a = pz_column_count(c, a), n_b = pz_column_count(c, b), common = 0;

    for (size_t i = 0; i < n_a; i++)
        for (size_t k = 0; k < n_b; k++)
            common += pz_column_key(c, a, i) == pz_column_key(c, b, k);
    return common ? (float)common / (float)(n_a + n_b - common) : 0;
}

/* What one more chosen item means for all that are left. */
static void update_alike(struct pz_diversity *d, const struct pz_hit *pool, size_t n, size_t chosen)
{
    const float *own = vector_of(d, pool[chosen].item);

    for (size_t i = 0; i < n; i++) {
        struct pz_slot *s = &d->slot[i];
        float norm = s->norm * d->slot[chosen].norm, alike;

        if (s->taken)
            continue;
        if (d->by_column)
            alike = jaccard(&d->alike, pool[chosen].item, pool[i].item);
        else
            alike = norm > 0 ? dot(own, vector_of(d, pool[i].item), d->dim) / norm : 0;
        s->alike = alike > s->alike ? alike : s->alike;
    }
}

static void fill_slots(struct pz_diversity *d, const struct pz_hit *pool, size_t n,
                       const float *fallback)
{
    bool scored = n > 0 && pool[0].blend > 0;
    float best = scored ? pool[0].blend : n > 0 ? fallback[pool[0].item] : 1;

    for (size_t i = 0; i < n; i++) {
        const float *x = vector_of(d, pool[i].item);

        d->slot[i] = (struct pz_slot){
            .relevance = (scored ? pool[i].blend : fallback[pool[i].item]) / best,
            .norm = x ? sqrtf(dot(x, x, d->dim)) : 0,
        };
    }
}

/* The slot that is worth most and fits; n: none. */
static size_t best_slot(const struct pz_diversity *d, const struct pz_caps *caps,
                        const struct pz_hit *pool, size_t n)
{
    size_t best = n;
    float most = -INFINITY;

    for (size_t i = 0; i < n; i++) {
        float worth = (1 - d->lambda) * d->slot[i].relevance - d->lambda * d->slot[i].alike;

        if (!d->slot[i].taken && worth > most && pz_caps_fit(caps, pool[i].item)) {
            most = worth;
            best = i;
        }
    }
    return best;
}

enum pz_status pz_diversify(struct pz_diversity *d, struct pz_caps *caps,
                            const struct pz_pool *pool, struct pz_hit *out, size_t *n,
                            struct pz_err *err)
{
    size_t want = *n;
    enum pz_status st = PZ_OK;

    *n = 0;
    if (!pz_mem_grow(&d->slot, &d->cap_slots, pool->n + 1, sizeof *d->slot))
        return pz_err_memory(err, "candidates", (double)pool->n * sizeof *d->slot);
    fill_slots(d, pool->hit, pool->n, pool->fallback);
    while (*n < want && st == PZ_OK) {
        size_t best = best_slot(d, caps, pool->hit, pool->n);

        if (best == pool->n)
            break;
        st = pz_caps_take(caps, pool->hit[best].item, err);
        d->slot[best].taken = true;
        out[(*n)++] = pool->hit[best];
        update_alike(d, pool->hit, pool->n, best);
    }
    return st;
}
