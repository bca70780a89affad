/* SPDX-License-Identifier: Apache-2.0 */
/* The least data that Amazon Personalize trains from. */
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

/* PZ_BAD_DATA in Personalize's words when there is less than it trains from.
 * Threads: any */
enum pz_status pz_dataset_check_minimum(const struct pz_dataset *ds, struct pz_err *err);

#endif
