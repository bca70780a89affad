/* SPDX-License-Identifier: Apache-2.0 */
/* What a file says of lists and numbers, looked at before it is used: a packed table may come from
 * anywhere.
 *
 * Threads: safe anywhere. */
#ifndef PZ_TABLE_LISTS_H
#define PZ_TABLE_LISTS_H

#include <float.h>
#include <stdbool.h>
#include <stdint.h>

/* Whether n lists in one array are sound: list i is entry[ptr[i]] .. entry[ptr[i + 1] - 1], the
 * offsets rise from 0 to end, no list has more than `most` entries, every entry is below `below`.
 *
 * ptr    [n + 1]
 * entry  [end]; NULL only if end is 0 */
bool pz_lists_good(const uint64_t *ptr, uint64_t n, uint64_t end, uint64_t most,
                   const uint32_t *entry, uint32_t below);

/* Whether the entries of each of n lists that are good rise strictly. */
bool pz_lists_ascend(const uint64_t *ptr, uint64_t n, const uint32_t *entry);

/* Whether all n numbers are finite and not below `least`, -FLT_MAX for any. */
bool pz_numbers_good(const float *x, uint64_t n, float least);

#endif
