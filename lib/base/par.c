/* SPDX-License-Identifier: Apache-2.0 */
/* Parallel loops: see par.h. */
#include "base/par.h"

static int wanted; /* 0: what OpenMP says */

void pz_par_set(int n_threads)
{
    wanted = n_threads > 0 ? n_threads : 0;
}

int pz_par_threads(void)
{
    return wanted > 0 ? wanted : omp_get_max_threads();
}
