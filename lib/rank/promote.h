/* SPDX-License-Identifier: Apache-2.0 */
/* Private to rank/: which places promoted items take.
 *
 * Threads: any. */
#ifndef PZ_RANK_PROMOTE_H
#define PZ_RANK_PROMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which of n places k promoted items take: place[i] set for k of them, by chance from seed. */
void pz_promote_places(uint64_t seed, size_t n, size_t k, bool *place);

#endif
