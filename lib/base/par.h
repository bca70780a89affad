/* SPDX-License-Identifier: Apache-2.0 */
/* Parallel loops: the only header that includes <omp.h>.
 *
 * House rules: one `#pragma omp parallel for schedule(dynamic, N) num_threads(pz_par_threads())` on
 * one outer loop in a driver; the body writes its own row only; scratch is per thread, indexed by
 * pz_par_id(); sums run per row and are folded in index order. So the same seed gives the same
 * bytes at any thread count.
 *
 * Threads: pz_par_set before any loop; the rest anywhere. */
#ifndef PZ_BASE_PAR_H
#define PZ_BASE_PAR_H

#include <omp.h>

/* Threads that parallel loops shall use: what pz_par_set said, else OMP_NUM_THREADS, else all cores
 * that the process may run on and that its control group's quota pays for. At least 1. */
int pz_par_threads(void);

/* Start the threads now, so that a lack of memory later is not met while starting them. */
void pz_par_start(void);

/* Set the number of threads for the whole process; 0 leaves it to OpenMP. Called once by a program.
 */
void pz_par_set(int n_threads);

/* This thread's number inside a parallel loop, 0 .. pz_par_threads()-1; 0 outside. */
static inline int pz_par_id(void)
{
    return omp_get_thread_num();
}

#endif
