/* SPDX-License-Identifier: Apache-2.0 */
/* Splits: which interactions are for training, which are the history of a test case, and which are
 * the truth that a recommender must find.
 *
 * Threads: any, each with a role array of its own. */
#ifndef PZ_DATA_SPLIT_H
#define PZ_DATA_SPLIT_H

#include <stdint.h>

#include "base/err.h"
#include "data/dataset.h"

enum pz_split_kind {
    PZ_SPLIT_PERSONALIZE, /* "personalize[:P%]": P % (10) of the users, chosen by seed, are held out
                           * whole; their newest 10 % (at least 1, rounded up) are ground truth, the
                           * rest history; users with fewer than 2 interactions are not chosen */
    PZ_SPLIT_LEAVE_LAST,  /* "leave-last[:N]": every user's newest N (1) are truth, the rest history
                           * and  training; users with fewer than N + 1 interactions train only */
    PZ_SPLIT_TIME,   /* "time:TIMESTAMP" (seconds or ISO-8601, or P%: the newest P % of all): what
                      * comes at or after it is truth; before: history and training */
    PZ_SPLIT_USERS,  /* "users[:P%]": P % of users held out whole; newest half is truth */
    PZ_SPLIT_RANDOM, /* "random[:P%]": a seeded P % (20) of every user's interactions is truth:
                      * for data without order */
    PZ_SPLIT_COLD_ITEMS /* "cold-items[:P%]": all interactions of P % (5) of the items are truth, so
                         * that training knows these items by their metadata only */
};

struct pz_split_spec {
    enum pz_split_kind kind;
    double share;   /* 0.1 for 10 % */
    uint32_t count; /* of leave-last */
    int64_t time;   /* of time; INT64_MIN: by share */
};

/* Parse a SPEC of the command line.
 * Errors: PZ_USAGE it is none */
enum pz_status pz_split_parse(const char *spec, struct pz_split_spec *out, struct pz_err *err);

/* Roles of interactions, [ds->n_interactions], one byte each. */
enum pz_role { PZ_ROLE_NONE = 0, PZ_ROLE_TRAIN = 1, PZ_ROLE_HISTORY = 2, PZ_ROLE_TRUTH = 4 };

/* Assign roles (bits: leave-last's earlier events are TRAIN | HISTORY).
 *
 * Events of one user, item and moment are one interaction here: they are held out together. Among
 * events of one time the order is drawn from (seed, user id, item id). So the order of rows in a
 * file never matters. A user's draw depends on (seed, user id) only. Held out are exactly the asked
 * share of the users with two interactions or more (rounded), those with the smallest draws: when
 * other users are added, only users at the border change sides. "cold-items" draws exactly the
 * share of the items with interactions, by (seed, item id). By share, "time" takes the newest P %
 * (rounded, at least one) and all of equal time; "random" takes at least one and leaves at least
 * one, of users with two or more.
 *
 * role     caller's array of ds->n_interactions; undefined after an error
 * Errors:  PZ_TRY_AGAIN memory
 * Threads: any, each with a role array of its own */
enum pz_status pz_split_assign(const struct pz_dataset *ds, const struct pz_split_spec *spec,
                               uint64_t seed, uint8_t *role, struct pz_err *err);

/* The latest time that has at least k of the n times at or after it; n > 0, 0 < k <= n. */
int64_t pz_split_cut(const int64_t *time, uint64_t n, uint64_t k);

#endif
