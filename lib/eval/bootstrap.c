/* SPDX-License-Identifier: Apache-2.0 */
/* The percentile bootstrap (Efron 1979) over test cases. A resample's draws are made once for
 * all metrics and add whole rows, which the compiler turns into vector adds.
 *
 * Resample b draws from its own stream (seed, b), so the figures do not depend on threads; and
 * two models that were judged on the same cases have the same draws, so their difference is
 * taken resample by resample (a paired bootstrap). Bounds are the 2.5 and 97.5 % points. */
#include "eval/bootstrap.h"

#include <math.h>
#include <stdlib.h>

#include "base/par.h"
#include "base/rng.h"

static int by_double(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;

    return a < b ? -1 : a > b;
}

/* Sort the PZ_RESAMPLES values and take the 2.5 and 97.5 % points. */
static void bounds(double *value, double *low, double *high)
{
    qsort(value, PZ_RESAMPLES, sizeof *value, by_double);
    /* 2.5 % of the resamples lie below it, as many above the other bound. */
    *low = value[PZ_RESAMPLES / 40];
    *high = value[PZ_RESAMPLES - 1 - PZ_RESAMPLES / 40];
}

/* sum[n_metrics] = mean of n_cases rows drawn with replacement. */
static void resample(const struct pz_figures *f, struct pz_rng *rng, double *sum)
{
    size_t n = f->n_metrics;

    for (size_t k = 0; k < f->n_cases; k++) {
        const float *row = f->each + (size_t)pz_rng_below(rng, (uint32_t)f->n_cases) * n;

        for (size_t i = 0; i < n; i++)
            sum[i] += (double)row[i];
    }
    for (size_t i = 0; i < n; i++)
        sum[i] /= (double)f->n_cases;
}

void pz_bootstrap(struct pz_figures *f, uint64_t seed)
{
#pragma omp parallel for schedule(static) num_threads(pz_par_threads())
    for (int b = 0; b < PZ_RESAMPLES; b++) {
        struct pz_rng rng;

        pz_rng_init(&rng, seed, (uint64_t)b);
        resample(f, &rng, f->resample + (size_t)b * f->n_metrics);
    }
    for (size_t i = 0; i < f->n_metrics; i++) {
        double value[PZ_RESAMPLES];

        for (size_t b = 0; b < PZ_RESAMPLES; b++)
            value[b] = f->resample[b * f->n_metrics + i];
        bounds(value, &f->low[i], &f->high[i]);
    }
}

struct pz_lift pz_compare(const struct pz_figures *a, const struct pz_figures *b, size_t metric)
{
    struct pz_lift lift = { .difference = a->mean[metric] - b->mean[metric] };
    double value[PZ_RESAMPLES];

    lift.ratio = b->mean[metric] > 0 ? a->mean[metric] / b->mean[metric] - 1 : INFINITY;
    for (size_t k = 0; k < PZ_RESAMPLES; k++)
        /* Resample k drew the same cases for both: what is hard for both cancels out. */
        value[k] = a->resample[k * a->n_metrics + metric] - b->resample[k * b->n_metrics + metric];
    bounds(value, &lift.low, &lift.high);
    return lift;
}
