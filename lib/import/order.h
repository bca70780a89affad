/* SPDX-License-Identifier: Apache-2.0 */
/* Private to import/: interactions of each user in time order, without repeats.
 *
 * Threads: one a call; pz_order_users uses all cores itself. */
#ifndef PZ_IMPORT_ORDER_H
#define PZ_IMPORT_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* A key: the time in the upper 32 bits (as an order-preserving code), what the row is in the lower.
 */
static inline uint64_t pz_key(uint64_t time_code, uint32_t payload)
{
    return time_code << 32 | payload;
}

/* How repeats are found among keys of one user and time. */
struct pz_same {
    /* A number that is equal for equal rows; NULL: the payloads themselves tell. */
    uint64_t (*hash)(const void *context, uint32_t payload);
    bool (*equal)(const void *context, uint32_t a, uint32_t b);
    const void *context;
};

/* Sort each user's keys by time, stably, and drop those that repeat an earlier one of the same
 * time.
 *
 * key     [ptr[n_users]] grouped by user, in input order within one; kept keys move to the front of
 *         their group
 * ptr     [n_users + 1]
 * kept    [n_users] how many keys of a user stay
 * Users run in parallel. Cost: linear in the keys (insertion sort of short groups, radix sort of
 * others).
 *
 * Errors: PZ_TRY_AGAIN memory is out */
enum pz_status pz_order_users(uint64_t *key, const uint64_t *ptr, uint32_t n_users,
                              const struct pz_same *same, uint32_t *kept, struct pz_err *err);

/* Sort n keys stably by their upper 32 bits; scratch: n entries. */
void pz_order_sort(uint64_t *key, size_t n, uint64_t *scratch);

#endif
