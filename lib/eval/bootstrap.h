/* SPDX-License-Identifier: Apache-2.0 */
/* Private to eval/: bootstrap intervals.
 *
 * Threads: one call at a time for each figures; it uses the others inside. */
#ifndef PZ_EVAL_BOOTSTRAP_H
#define PZ_EVAL_BOOTSTRAP_H

#include "eval/evaluate.h"

/* Fill f->resample from f->each, and f->low, f->high from it: the 2.5 and 97.5 % points of the
 * means of PZ_RESAMPLES resamples of the cases. Which cases a resample draws depends on seed, its
 * number and n_cases only, so that resamples of two models are pairs. Parallel; the same at any
 * thread count. */
void pz_bootstrap(struct pz_figures *f, uint64_t seed);

#endif
