/* SPDX-License-Identifier: Apache-2.0 */
/* Private to live/: event ids that were taken, and users who were forgotten, under salted hashes.
 * Functions that return int give 0 or an LMDB or errno value; all run inside a transaction.
 *
 * Threads: one a transaction. */
#ifndef PZ_LIVE_IDS_H
#define PZ_LIVE_IDS_H

#include "live/records.h"

/* Events that want their ids. */
struct pz_claiming {
    const struct pz_event *event; /* [n] */
    size_t n;
    uint64_t last;           /* number given out last */
    int64_t at;              /* Unix seconds: from when the ids are taken */
    int64_t oldest;          /* ids taken before it are free */
    enum pz_live_fate *fate; /* [n] others than PZ_LIVE_STORED are passed over */
};

/* Take the ids of the events whose fate is PZ_LIVE_STORED for the numbers behind `last`, which
 * those get whose fate it stays, in order. The fate of the others: PZ_LIVE_REPEATED when the same
 * event has the id, PZ_LIVE_CONFLICT when an event of another user or item has it. EOVERFLOW: a
 * number has more than 40 bits. */
int pz_ids_claim(struct pz_live_store *s, MDB_txn *txn, const struct pz_claiming *of);

/* What became of an event that was applied under a number before, and whose record is not there. */
int pz_ids_fate(struct pz_live_store *s, MDB_txn *txn, const struct pz_event *e, uint64_t number,
                enum pz_live_fate *fate);

enum { PZ_IDS_HASH_BYTES = 16 };

/* The salted hash of a user's id. */
int pz_ids_hash(struct pz_live_store *s, MDB_txn *txn, const char *user_id,
                unsigned char hash[PZ_IDS_HASH_BYTES]);

/* Remember a user of whom only the hash is known. */
int pz_ids_forget_hash(struct pz_live_store *s, MDB_txn *txn,
                       const unsigned char hash[PZ_IDS_HASH_BYTES], uint64_t number);

/* When an event's id was taken, to four minutes; now for one that has none, or where that is not
 * known. */
int pz_ids_time(struct pz_live_store *s, MDB_txn *txn, const struct pz_event *e, uint64_t number,
                int64_t *at);

/* The salt; and another one in its place, of a store that has no hashes yet. */
int pz_ids_get_salt(struct pz_live_store *s, MDB_txn *txn, unsigned char *salt);
int pz_ids_set_salt(struct pz_live_store *s, MDB_txn *txn, const unsigned char *salt);

/* Remove ids of events up to number `upto` that were taken before `before` (Unix seconds). */
int pz_ids_trim(struct pz_live_store *s, MDB_txn *txn, uint64_t upto, int64_t before,
                uint64_t *n_removed);

/* Whether the user asked to be forgotten. A failing look says yes: nothing of them is used. */
int pz_ids_is_forgotten(struct pz_live_store *s, MDB_txn *txn, const char *user_id, bool *is);

/* Remember that the user is forgotten since `number`; by_name: the id itself is kept as well. */
int pz_ids_forget(struct pz_live_store *s, MDB_txn *txn, const char *user_id, uint64_t number,
                  bool by_name);

/* One entry of "forgotten": the user's id, "" when only its hash is kept. MDB_CORRUPTED: none. */
int pz_ids_read_forgotten(struct pz_live_store *s, MDB_txn *txn, const MDB_val *key,
                          const MDB_val *value, char user_id[PZ_LIVE_ID_MAX + 1], uint64_t *number);

/* Make the salt of a new store, or of one of format 1, whose ids are hashed then. */
int pz_ids_make(struct pz_live_store *s, MDB_txn *txn, uint64_t format);

/* Pack the ids of a store of formats 1 to 3, those of the first hashed. */
int pz_ids_pack(struct pz_live_store *s, MDB_txn *txn);

#endif
