/* SPDX-License-Identifier: Apache-2.0 */
/* Private to live/: events inside a transaction. Functions return 0 or an LMDB or errno value.
 *
 * Threads: one a transaction. */
#ifndef PZ_LIVE_EVENTS_H
#define PZ_LIVE_EVENTS_H

#include "live/db.h"

enum { PZ_LIVE_KEY_BYTES = PZ_LIVE_ID_MAX + 16, PZ_LIVE_N_TEXTS = 8 };

struct pz_numbers {
    uint64_t *v; /* owned: free it */
    size_t n, cap;
};

/* The i-th text of an event, in the order of the records.
 * Owner: the event */
const char **pz_live_text(struct pz_event *e, int i);

/* Keys of "joins": id, NUL, number. Returns the length. */
size_t pz_live_join_key(unsigned char *key, const char *id, uint64_t number);

/* Append the record of an event under a number larger than all. */
int pz_live_add_record(struct pz_live_store *s, MDB_txn *txn, MDB_val *key,
                       const struct pz_event *e);

/* The key under which "owner" has an event, into PZ_LIVE_KEY_BYTES bytes; returns its length. */
size_t pz_live_owner_key(unsigned char *key, const struct pz_event *e, uint64_t number);

/* The user that a session joined and the number of the event that did it; false when it has not. */
bool pz_live_joined(struct pz_live_store *s, MDB_txn *txn, const char *session,
                    char user[PZ_LIVE_ID_MAX + 1], uint64_t *number);

/* One event, borrowing from the map. MDB_NOTFOUND: there is none of that number. */
int pz_live_get(struct pz_live_store *s, MDB_txn *txn, uint64_t number, struct pz_event *e);

typedef int pz_live_session_fn(struct pz_live_store *s, MDB_txn *txn, MDB_cursor *c,
                               const char *session, uint64_t number, void *context);

/* Call fn for every session that joined the user. fn may delete what the cursor stands on. */
int pz_live_each_session(struct pz_live_store *s, MDB_txn *txn, const char *user,
                         pz_live_session_fn *fn, void *context);

/* Append the numbers above `after` of the user's own events, of those of sessions that joined the
 * user, and, as a session id serves as a user id until it joins somebody, of those of a session of
 * that name; of each at most the newest `most`. */
int pz_live_numbers(struct pz_live_store *s, MDB_txn *txn, const char *user, uint64_t after,
                    size_t most, struct pz_numbers *list);

#endif
