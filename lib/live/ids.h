/* SPDX-License-Identifier: Apache-2.0 */
/* Private to live/: event ids that were taken, and users who were forgotten, under salted hashes.
 * Functions that return int give 0 or an LMDB or errno value; all run inside a transaction.
 *
 * Threads: one a transaction. */
#ifndef PZ_LIVE_IDS_H
#define PZ_LIVE_IDS_H

#include "live/db.h"

/* Take an event's id for the number. *fate: PZ_LIVE_STORED when it was free, PZ_LIVE_REPEATED when
 * the same event had it, PZ_LIVE_CONFLICT when an event of another user or item had it. */
int pz_ids_claim(struct pz_live_store *s, MDB_txn *txn, const struct pz_event *e, uint64_t number,
                 enum pz_live_fate *fate);

/* Remove ids of events up to number `upto` that were taken before `before` (Unix seconds). */
int pz_ids_trim(struct pz_live_store *s, MDB_txn *txn, uint64_t upto, int64_t before,
                uint64_t *n_removed);

/* Whether the user asked to be forgotten. A failing look counts as yes: nothing of them is used. */
bool pz_ids_is_forgotten(struct pz_live_store *s, MDB_txn *txn, const char *user_id);

/* Remember that the user is forgotten since `number`; by_name: the id itself is kept as well. */
int pz_ids_forget(struct pz_live_store *s, MDB_txn *txn, const char *user_id, uint64_t number,
                  bool by_name);

/* One entry of "forgotten": the user's id, "" when only its hash is kept. MDB_CORRUPTED: none. */
int pz_ids_read_forgotten(struct pz_live_store *s, MDB_txn *txn, const MDB_val *key,
                          const MDB_val *value, char user_id[PZ_LIVE_ID_MAX + 1], uint64_t *number);

/* Make the salt of a new store, or of one of format 1, whose ids are hashed then. */
int pz_ids_make(struct pz_live_store *s, MDB_txn *txn, uint64_t format);

#endif
