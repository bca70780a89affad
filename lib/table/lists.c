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

#include "base/simd.h"

/* Looked at together, without a branch between them: a file is sound nearly always. */
enum { TOGETHER = 4096 };

static inline uint64_t until(uint64_t from, uint64_t n)
{
    return n - from < TOGETHER ? n : from + TOGETHER;
}

PZ_KERNEL static uint32_t largest(const uint32_t *x, uint64_t from, uint64_t to)
{
    uint32_t most = 0;

    for (uint64_t k = from; k < to; k++)
        most = x[k] > most ? x[k] : most;
    return most;
}

PZ_KERNEL static uint32_t count_bad(const float *x, uint64_t from, uint64_t to, float least)
{
    uint32_t bad = 0;

    for (uint64_t k = from; k < to; k++)
        /* Two comparisons instead of isfinite: they also hold the bound, and vectorize. */
        bad += !((x[k] >= least) & (x[k] <= FLT_MAX)); /* bad for NaN */
    return bad;
}

/* How many of x[from] .. x[to - 1] are not above the one before. */
PZ_KERNEL static uint32_t count_falls(const uint32_t *x, uint64_t from, uint64_t to)
{
    uint32_t falls = 0;

    for (uint64_t k = from + 1; k < to; k++)
        falls += x[k - 1] >= x[k];
    return falls;
}

bool pz_lists_good(const uint64_t *ptr, uint64_t n, uint64_t end, uint64_t most,
                   const uint32_t *entry, uint32_t below)
{
    /* Both ends are known to exist before any offset is followed: ptr has n + 1 entries. */
    bool good = ptr[0] == 0 && ptr[n] == end;

    for (uint64_t i = 0; i < n && good; i++)
        good = ptr[i] <= ptr[i + 1] && ptr[i + 1] - ptr[i] <= most;
    for (uint64_t k = 0; k < end && good; k = until(k, end))
        good = largest(entry, k, until(k, end)) < below;
    return good;
}

bool pz_lists_ascend(const uint64_t *ptr, uint64_t n, const uint32_t *entry)
{
    uint32_t falls = 0;

    for (uint64_t i = 0; i < n && falls == 0; i++)
        falls = count_falls(entry, ptr[i], ptr[i + 1]);
    return falls == 0;
}

bool pz_numbers_good(const float *x, uint64_t n, float least)
{
    bool good = true;

    for (uint64_t k = 0; k < n && good; k = until(k, n))
        good = count_bad(x, k, until(k, n), least) == 0;
    return good;
}
