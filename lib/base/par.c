/* SPDX-License-Identifier: Apache-2.0 */
/* Parallel loops: see par.h. The number of threads is one figure of the process, set once from
 * --threads; results never depend on it.
 *
 * Loops ask for it in their pragma (num_threads) instead of calling omp_set_num_threads, so that
 * code which embeds the library keeps its own setting, and a test can compare one thread with four
 * in one process. omp_get_max_threads honours OMP_NUM_THREADS and the affinity mask of containers.
 */
#include "base/par.h"

#include <stdlib.h>

#include "base/limits.h"

static int wanted; /* 0: what OpenMP says */

void pz_par_set(int n_threads)
{
    wanted = n_threads > 0 ? n_threads : 0;
}

void pz_par_start(void)
{
#pragma omp parallel num_threads(pz_par_threads())
    (void)pz_par_id();
}

int pz_par_threads(void)
{
    static _Atomic int quota = -1; /* of the control group; whoever looks first finds the same */
    int all = omp_get_max_threads();

    if (wanted > 0)
        return wanted;
    if (quota < 0)
        quota = getenv("OMP_NUM_THREADS") ? 0 : pz_limits_cpus();
    return quota > 0 && quota < all ? quota : all;
}
