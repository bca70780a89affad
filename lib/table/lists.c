/* SPDX-License-Identifier: Apache-2.0 */
/* Soundness of lists and numbers: see lists.h.
 *
 * A packed file may come from anywhere, so what it says is looked at once, in one pass, when a
 * column is decoded; kernels then index without a check. Order matters: offsets first, since
 * entries are found through them, and only then the entries.
 *
 * Invariants checked: offsets begin at 0, never fall and end at the number of entries, so that
 * lists tile the array; no list is longer than promised, which bounds scratch memory that is sized
 * once; every entry is an index that exists; every number is finite. */
#include "table/lists.h"

bool pz_lists_good(const uint64_t *ptr, uint64_t n, uint64_t end, uint64_t most,
                   const uint32_t *entry, uint32_t below)
{
    /* Both ends are known to exist before any offset is followed: ptr has n + 1 entries. */
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
        /* Two comparisons instead of isfinite: they also hold the bound, and vectorize. */
        good = x[k] >= least && x[k] <= FLT_MAX; /* false for NaN */
    return good;
}
