/* SPDX-License-Identifier: Apache-2.0 */
/* Soundness of lists and numbers: see lists.h. */
#include "table/lists.h"

bool pz_lists_good(const uint64_t *ptr, uint64_t n, uint64_t end, uint64_t most,
                   const uint32_t *entry, uint32_t below)
{
    bool good = ptr[0] == 0 && ptr[n] == end;

    for (uint64_t i = 0; i < n && good; i++)
        good = ptr[i] <= ptr[i + 1] && ptr[i + 1] - ptr[i] <= most;
    for (uint64_t k = 0; k < end && good; k++)
        good = entry[k] < below;
    return good;
}

bool pz_numbers_good(const float *x, uint64_t n, float least)
{
    bool good = true;

    for (uint64_t k = 0; k < n && good; k++)
        good = x[k] >= least && x[k] <= FLT_MAX; /* false for NaN */
    return good;
}
