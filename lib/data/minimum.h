/* SPDX-License-Identifier: Apache-2.0 */
/* The least data that Amazon Personalize trains from.
 *
 * Threads: any. */
#ifndef PZ_DATA_MINIMUM_H
#define PZ_DATA_MINIMUM_H

#include "data/dataset.h"

#define PZ_MIN_INTERACTIONS 1000u
#define PZ_MIN_USERS 25u /* with two or more interactions */

struct pz_amounts {
    uint64_t interactions;
    uint32_t users, active_users; /* with one interaction or more; with two or more */
};

/* Count. Cannot fail; threads: any */
struct pz_amounts pz_dataset_amounts(const struct pz_dataset *ds);

/* Whether there is what it trains from.
 * Errors: PZ_BAD_DATA there is less; the message has Personalize's words */
enum pz_status pz_dataset_check_minimum(const struct pz_dataset *ds, struct pz_err *err);

#endif
