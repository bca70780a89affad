/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling of paired comparisons over days. One day's test is small: a point comparison of it says
 * no to a third of good models. So each judgement notes the day's paired sums in the run ledger,
 * and a gate reads those of the last days with today's.
 *
 * Threads: one for each pool. */
#ifndef PZ_EVAL_POOL_H
#define PZ_EVAL_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { PZ_POOL_METRICS = 4, PZ_POOL_NAME = 96 };

/* Sums over users of a metric, of the judged model and of the one it is compared with. */
struct pz_pool_sum {
    char metric[PZ_POOL_NAME];
    uint32_t n_days;
    uint64_t n; /* users of all days */
    double mine, rival;
    double square; /* of the differences */
};

/* All-zero: nothing is pooled. */
struct pz_pool {
    struct pz_pool_sum *sum; /* [n] earlier days; owned */
    size_t n;
    uint32_t n_days;                          /* the width of the window; 0: today alone */
    char used[PZ_POOL_METRICS][PZ_POOL_NAME]; /* metrics that the gate compared with vs */
};

/* Read the days before `newest` that are within n_days of it, that day included and left out; of
 * two records of one day and metric the later counts, so that a run that is repeated is not counted
 * twice. A ledger that is not there yet is empty; lines of other programs are passed over.
 *
 * newest   a moment of today, in Unix seconds
 * Errors:  PZ_BAD_DATA a line is no JSON; PZ_IO, PZ_TRY_AGAIN
 * Owner:   pz_pool_clear, also after an error */
enum pz_status pz_pool_read(const char *ledger, int64_t newest, uint32_t n_days,
                            struct pz_pool *pool, struct pz_err *err);
void pz_pool_clear(struct pz_pool *pool);

/* Add today's users to the earlier days of a metric.
 *
 * mine, rival  [n] of the same users, stride floats apart */
struct pz_pool_sum pz_pool_with(const struct pz_pool *pool, const char *metric, const float *mine,
                                const float *rival, size_t n, size_t stride);

/* Add the sums of other users. */
void pz_pool_add(struct pz_pool_sum *to, const struct pz_pool_sum *from);

/* The 95 % interval of the mean difference, by the normal distribution. */
void pz_pool_interval(const struct pz_pool_sum *s, double *low, double *high);

/* Note that the gate compared a metric with vs: pz_pool_note writes those. */
void pz_pool_use(struct pz_pool *pool, const char *metric);

/* Note today's sums of one metric in the ledger line of this run. number < PZ_POOL_METRICS. */
void pz_pool_note(size_t number, int64_t newest, const struct pz_pool_sum *today);

#endif
