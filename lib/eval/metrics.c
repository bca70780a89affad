/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics: see metrics.h. Each judges one list of n hits, best first, against n_truth items, at
 * a cut-off of k.
 *
 * Gains are binary, or weights of events; NDCG discounts rank i (from 1) by log2(i + 1) and
 * divides by the best list that was possible (Järvelin & Kekäläinen 2002); MAP divides by the
 * smaller of n_truth and k. Precision divides by k, also when the list is shorter. Gini is that
 * of how often each item was recommended, 0 when all are alike. */
#include "eval/metrics.h"

#include <math.h>
#include <stdlib.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

double pz_metric_ndcg(const uint8_t *hit, size_t n, size_t n_truth, size_t k)
{
    double gain = 0, ideal = 0;

    for (size_t i = 0; i < least(n, k); i++)
        gain += hit[i] ? 1 / log2((double)i + 2) : 0;
    for (size_t i = 0; i < least(n_truth, k); i++)
        ideal += 1 / log2((double)i + 2);
    return ideal > 0 ? gain / ideal : 0;
}

double pz_metric_weighted_ndcg(const float *gain, size_t n, const float *ideal, size_t n_truth,
                               size_t k)
{
    double got = 0, best = 0;

    for (size_t i = 0; i < least(n, k); i++)
        got += (double)gain[i] / log2((double)i + 2);
    for (size_t i = 0; i < least(n_truth, k); i++)
        best += (double)ideal[i] / log2((double)i + 2);
    return best > 0 ? got / best : 0;
}

double pz_metric_novelty(uint32_t interactions, uint32_t n_users)
{
    return log2(((double)n_users + 1) / ((double)interactions + 1));
}

double pz_metric_mrr(const uint8_t *hit, size_t n, size_t k)
{
    for (size_t i = 0; i < least(n, k); i++)
        if (hit[i])
            return 1 / ((double)i + 1);
    return 0;
}

static size_t count_hits(const uint8_t *hit, size_t n, size_t k)
{
    size_t hits = 0;

    for (size_t i = 0; i < least(n, k); i++)
        hits += hit[i];
    return hits;
}

double pz_metric_precision(const uint8_t *hit, size_t n, size_t k)
{
    return (double)count_hits(hit, n, k) / (double)k;
}

double pz_metric_recall(const uint8_t *hit, size_t n, size_t n_truth, size_t k)
{
    return (double)count_hits(hit, n, k) / (double)n_truth;
}

double pz_metric_hit(const uint8_t *hit, size_t n, size_t k)
{
    return count_hits(hit, n, k) > 0;
}

double pz_metric_map(const uint8_t *hit, size_t n, size_t n_truth, size_t k)
{
    double sum = 0;
    size_t hits = 0;

    for (size_t i = 0; i < least(n, k); i++)
        if (hit[i])
            sum += (double)++hits / ((double)i + 1);
    return sum / (double)least(n_truth, k);
}

static int by_count(const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

    return a < b ? -1 : a > b;
}

double pz_metric_gini(uint32_t *count, size_t n)
{
    double total = 0, weighted = 0;

    qsort(count, n, sizeof *count, by_count);
    for (size_t i = 0; i < n; i++) {
        total += count[i];
        weighted += (double)(i + 1) * count[i];
    }
    return total > 0 ? 2 * weighted / ((double)n * total) - ((double)n + 1) / (double)n : 0;
}
