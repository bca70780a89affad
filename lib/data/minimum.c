/* SPDX-License-Identifier: Apache-2.0 */
/* Personalize's minimum: see minimum.h. One count serves the insights of an import, which warn,
 * and pz-train --strict, which refuses as CreateSolutionVersion does; the words are those of its
 * message.
 *
 * What is counted are interactions as stored, of all event types, and users with at least two of
 * them. An id that stands in Users or Items alone counts for nothing. One pass over the users;
 * nothing is allocated. */
#include "data/minimum.h"

struct pz_amounts pz_dataset_amounts(const struct pz_dataset *ds)
{
    struct pz_amounts a = { .interactions = ds->n_interactions };

    for (uint32_t u = 0; u < ds->users.n; u++) {
        uint64_t n = ds->ptr[u + 1] - ds->ptr[u];

        a.users += n >= 1;
        a.active_users += n >= 2;
    }
    return a;
}

enum pz_status pz_dataset_check_minimum(const struct pz_dataset *ds, struct pz_err *err)
{
    struct pz_amounts a = pz_dataset_amounts(ds);

    if (a.interactions < PZ_MIN_INTERACTIONS)
        return pz_err_set(err, PZ_BAD_DATA, "Dataset has fewer than %u interactions",
                          PZ_MIN_INTERACTIONS);
    if (a.active_users < PZ_MIN_USERS)
        return pz_err_set(err, PZ_BAD_DATA,
                          "Dataset has fewer than %u users with at least 2 interactions each",
                          PZ_MIN_USERS);
    return PZ_OK;
}
