/* SPDX-License-Identifier: Apache-2.0 */
/* Private to train/: heavy users, robots most of them, and how much of them teaches. See
 * heavy.c. */
#ifndef PZ_TRAIN_HEAVY_H
#define PZ_TRAIN_HEAVY_H

#include "data/corpus.h"

/* How many events of one user teach at most; UINT64_MAX when no user has more than that.
 * Threads: safe */
uint64_t pz_heavy_cap(const struct pz_corpus *c);

/* How many users have more events than cap, and which share of all events is theirs.
 * Threads: safe */
uint32_t pz_heavy_count(const struct pz_corpus *c, uint64_t cap, double *share);

/* The part of a corpus that teaches: of users with more than cap events the newest cap.
 *
 * end  [c->n_users] positions: of users with more than cap events before end, the newest cap before
 *      it teach, and what comes after it does not, so that an update leaves standing what their
 *      events taught; NULL: their ptr[u + 1]
 * Errors:  PZ_TRY_AGAIN memory is out; *out is then all-zero
 * Owner:   the caller clears *out by pz_corpus_clear; attributes of items and users stay borrowed
 * Threads: safe */
enum pz_status pz_heavy_cut(const struct pz_corpus *c, uint64_t cap, const uint64_t *end,
                            struct pz_corpus_own *out, struct pz_err *err);

#endif
