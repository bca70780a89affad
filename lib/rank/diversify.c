/* SPDX-License-Identifier: Apache-2.0 */
/* Diversity by maximal marginal relevance (Carbonell & Goldstein 1998): the next item is the one
 * with the largest
 *     (1 - lambda) relevance - lambda * largest similarity to an item chosen before
 * relevance: share of the best candidate's score. similarity: the cosine of the model's item
 * vectors, negative ones counting as 0, or the share of common values of a column (Jaccard). Equal
 * ones keep their order. */
#include <math.h>

#include "base/simd.h"
#include "rank/ranker.h"

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

const float *pz_rank_vectors(const struct pz_ranker *r, uint32_t *dim)
{
    const float *v = NULL;

    for (size_t i = 0; i < r->m->n_parts && !v; i++)
        if (r->m->part[i].scorer->vectors)
            v = r->m->part[i].scorer->vectors(r->m->part[i].part, dim);
    return v;
}

/* An item's vector, or NULL: items that came since training have none. */
static const float *vector_of(const struct pz_ranker *r, const float *v, uint32_t dim,
                              uint32_t item)
{
    return v && item < pz_model_learned(r->m) ? v + (size_t)item * dim : NULL;
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
static void update_alike(struct pz_ranker *r, const struct pz_hit *pool, size_t n, size_t chosen)
{
    uint32_t dim = 0;
    const float *v = r->req->rules.diversity_column ? NULL : pz_rank_vectors(r, &dim);
    const float *own = vector_of(r, v, dim, pool[chosen].item);

    for (size_t i = 0; i < n; i++) {
        struct pz_slot *s = &r->slot[i];
        float norm = s->norm * r->slot[chosen].norm, alike;

        if (s->taken)
            continue;
        if (!v)
            alike = jaccard(&r->alike, pool[chosen].item, pool[i].item);
        else
            alike = norm > 0 ? dot(own, vector_of(r, v, dim, pool[i].item), dim) / norm : 0;
        s->alike = alike > s->alike ? alike : s->alike;
    }
}

static void fill_slots(struct pz_ranker *r, const struct pz_hit *pool, size_t n)
{
    uint32_t dim = 0;
    const float *v = pz_rank_vectors(r, &dim);
    bool scored = n > 0 && pool[0].blend > 0;
    float best = scored ? pool[0].blend : n > 0 ? r->fallback[pool[0].item] : 1;

    for (size_t i = 0; i < n; i++) {
        const float *x = vector_of(r, v, dim, pool[i].item);

        r->slot[i] = (struct pz_slot){
            .relevance = (scored ? pool[i].blend : r->fallback[pool[i].item]) / best,
            .norm = x ? sqrtf(dot(x, x, dim)) : 0,
        };
    }
}

size_t pz_diversify(struct pz_ranker *r, const struct pz_hit *pool, size_t n, struct pz_hit *out,
                    size_t want)
{
    float lambda = (float)r->req->rules.diversity;
    size_t done = 0;

    fill_slots(r, pool, n);
    while (done < want) {
        size_t best = n;
        float most = -INFINITY;

        for (size_t i = 0; i < n; i++) {
            float worth = (1 - lambda) * r->slot[i].relevance - lambda * r->slot[i].alike;

            if (!r->slot[i].taken && worth > most && pz_caps_fit(r, pool[i].item)) {
                most = worth;
                best = i;
            }
        }
        if (best == n || pz_caps_take(r, pool[best].item, NULL) != PZ_OK)
            break;
        r->slot[best].taken = true;
        out[done++] = pool[best];
        update_alike(r, pool, n, best);
    }
    return done;
}
