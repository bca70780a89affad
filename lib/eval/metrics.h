/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics of one ranked list against one user's ground truth, as Amazon Personalize defines them,
 * and more.
 *
 * Threads: any: functions of their arguments. */
#ifndef PZ_EVAL_METRICS_H
#define PZ_EVAL_METRICS_H

#include <stddef.h>
#include <stdint.h>

/* The hits of a list: hit[i] = 1 when the item at rank i + 1 is in the ground truth; n ranks (the
 * list may be shorter than k: missing ranks are misses); n_truth > 0 different items of truth. k >
 * 0. All are in [0, 1], cannot fail, thread-safe. */

/* Sum of 1/log2(1 + rank) over hits in the first k, divided by that of min(n_truth, k) hits on top.
 */
double pz_metric_ndcg(const uint8_t *hit, size_t n, size_t n_truth, size_t k);
/* The same with gains other than 0 and 1: gain[i] >= 0 is that of the item at rank i + 1,
 * ideal[n_truth] those of the truth, best first. Scaling all gains changes nothing, so
 * Personalize's division of event weights by their mean is left out. */
double pz_metric_weighted_ndcg(const float *gain, size_t n, const float *ideal, size_t n_truth,
                               size_t k);
/* 1 / rank of the first hit within k, 0 without one. */
double pz_metric_mrr(const uint8_t *hit, size_t n, size_t k);
/* Hits within k divided by k, also when the list or the ground truth is shorter. */
double pz_metric_precision(const uint8_t *hit, size_t n, size_t k);
/* Hits within k divided by n_truth. */
double pz_metric_recall(const uint8_t *hit, size_t n, size_t n_truth, size_t k);
/* 1 when there is a hit within k. */
double pz_metric_hit(const uint8_t *hit, size_t n, size_t k);
/* Mean over the truth of the precision at each hit within k, divided by min(n_truth, k). */
double pz_metric_map(const uint8_t *hit, size_t n, size_t n_truth, size_t k);

/* How unexpected an item is, in bits: log2 of n_users + 1 over interactions of the item + 1. */
double pz_metric_novelty(uint32_t interactions, uint32_t n_users);

/* Gini coefficient of how often items were recommended: 0 all alike, near 1 a few take all.
 * count: [n], sorted in place. 0 when nothing was recommended. */
double pz_metric_gini(uint32_t *count, size_t n);

#endif
