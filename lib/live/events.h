/* SPDX-License-Identifier: Apache-2.0 */
/* Private to live/: events and rows inside a transaction. Functions return 0 or an LMDB or errno
 * value.
 *
 * Threads: one a transaction. */
#ifndef PZ_LIVE_EVENTS_H
#define PZ_LIVE_EVENTS_H

#include "live/records.h"

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
int pz_live_add_record(struct pz_live_store *s, MDB_txn *txn, uint64_t number,
                       const struct pz_event *e);

/* The key under which "owner" has an event, into PZ_LIVE_KEY_BYTES bytes; returns its length. */
size_t pz_live_owner_key(unsigned char *key, const struct pz_event *e, uint64_t number);

/* The user that a session joined and the number of the event that did it. MDB_NOTFOUND: it has
 * not. */
int pz_live_joined(struct pz_live_store *s, MDB_txn *txn, const char *session,
                   char user[PZ_LIVE_ID_MAX + 1], uint64_t *number);

/* One event, borrowing from the map. MDB_NOTFOUND: there is none of that number. */
int pz_live_get(struct pz_live_store *s, MDB_txn *txn, uint64_t number, struct pz_event *e);

typedef int pz_live_session_fn(struct pz_live_store *s, MDB_txn *txn, struct pz_walk *w,
                               const char *session, uint64_t number, void *context);

/* Call fn for every session that joined the user. fn may delete what the walk is at. */
int pz_live_each_session(struct pz_live_store *s, MDB_txn *txn, const char *user,
                         pz_live_session_fn *fn, void *context);

/* Append the numbers between `after` and `before` (neither of them) of events of one user ('u') or
 * session ('s'), the newest first; at most `most`. */
int pz_live_owned(struct pz_live_store *s, MDB_txn *txn, char who, const char *id, uint64_t after,
                  uint64_t before, size_t most, struct pz_numbers *list);

typedef int pz_live_owner_fn(struct pz_live_store *s, MDB_txn *txn, char who, const char *id,
                             uint64_t after, void *context);

/* Call fn for all whose events count as the user's: the user themselves ('u'), every session ('s')
 * that joined them, and, as a session id serves as a user id until it joins somebody, a session of
 * that name. after: from where on their events are new to whoever knows those up to `after`. */
int pz_live_each_owner(struct pz_live_store *s, MDB_txn *txn, const char *user, uint64_t after,
                       pz_live_owner_fn *fn, void *context);

/* Append the numbers of all these events. */
int pz_live_numbers(struct pz_live_store *s, MDB_txn *txn, const char *user,
                    struct pz_numbers *list);

/* ---- the list of changes of rows (changes.c) ---- */

/* Ids of rows in byte order, each once. */
struct pz_changes {
    char **id; /* [n] owned: free it; the ids live in an arena */
    size_t n, cap;
    bool whole; /* it has all that were asked for */
};

/* Around the changes of one transaction, of n rows: *all says whether to add all of them, or the
 * last one alone. */
int pz_changes_begin(struct pz_live_store *s, MDB_txn *txn, size_t n, bool *all);
int pz_changes_add(struct pz_live_store *s, MDB_txn *txn, enum pz_live_table table, const char *id,
                   uint64_t number, uint64_t mark);
int pz_changes_end(struct pz_live_store *s, MDB_txn *txn, size_t n_added);

/* End the list where it names the user. */
int pz_changes_forget(struct pz_live_store *s, MDB_txn *txn, const char *user_id);

/* The mark of all changes up to `number`, one of a row. MDB_NOTFOUND: the list does not reach back
 * to it. */
int pz_changes_mark(struct pz_live_store *s, MDB_txn *txn, uint64_t number, uint64_t *mark);

/* Ids of the rows that changed since; list->whole false: the list does not reach back to it. */
int pz_changes_read(struct pz_live_store *s, MDB_txn *txn, enum pz_live_table table, uint64_t after,
                    struct pz_arena *arena, struct pz_changes *list);

/* ---- parts of a change, whoever gave it its number */

/* Store an event under a number larger than all. at: Unix seconds; oldest: ids that were taken
 * before it are free again. */
int pz_live_put_one(struct pz_live_store *s, MDB_txn *txn, const struct pz_event *e,
                    uint64_t number, int64_t at, int64_t oldest, enum pz_live_fate *fate);

/* Tie the event's session to its user, if it is not tied to anybody yet. */
int pz_live_join(struct pz_live_store *s, MDB_txn *txn, const struct pz_event *e, uint64_t number);

/* Note that rows changed, the last one under `number`, and the mark of all changes up to it. */
int pz_live_note_rows(struct pz_live_store *s, MDB_txn *txn, uint64_t number, uint64_t mark);

/* Keep a row as bytes behind its id, the form of a record but for its number, and note it. */
int pz_live_put_row_bytes(struct pz_live_store *s, MDB_txn *txn, enum pz_live_table table,
                          const char *id, const char *cells, size_t n, uint64_t number);

/* Remember how far what is not here any more goes, under "collected" or "rows_collected": what is
 * exported from now on does not contain it. */
int pz_live_note(struct pz_live_store *s, MDB_txn *txn, const char *name, uint64_t upto);

/* Forget a user under a number; removed: the events that go, NULL: not wanted. */
int pz_live_forget_at(struct pz_live_store *s, MDB_txn *txn, const char *user_id, bool purge,
                      uint64_t number, struct pz_live_receipt *receipt);

/* The bytes of an event's record: how many, and to p. */
size_t pz_live_record_bytes(const struct pz_event *e);
void pz_live_write_record(char *p, const struct pz_event *e);

/* Read a record of n bytes. Borrows from it. MDB_CORRUPTED when it is none. */
int pz_live_read_record(const MDB_val *v, struct pz_event *e);

/* The bytes of a row's cells: how many, and to p. */
size_t pz_live_cells_bytes(const struct pz_live_row *row);
void pz_live_write_cells(char *p, const struct pz_live_row *row);

/* Whether a row can be kept.
 *
 * Errors:  PZ_BAD_DATA says why not */
enum pz_status pz_live_check_row(const struct pz_live_row *row, struct pz_err *err);

#endif
