/* SPDX-License-Identifier: Apache-2.0 */
/* Private to live/: entries of the store's tables, by key and in order. LMDB has no checksums, so
 * every value carries a check of its own, which is made and looked at here alone; what others see
 * is without.
 *
 *   pz_walk_begin(&w, s, txn, db);
 *   while (pz_walk_next(&w))
 *       ... w.key, w.value; w.rc = an LMDB or errno value ends it, so may break
 *   return pz_walk_end(&w);
 *
 * Functions that return int give 0 or an LMDB or errno value. MDB_CORRUPTED: a check does not fit;
 * what is not found is looked for once more in the pages themselves (sound.c), so that a damaged
 * one is no absence.
 *
 * Threads: one a transaction. */
#ifndef PZ_LIVE_RECORDS_H
#define PZ_LIVE_RECORDS_H

#include "live/db.h"

/* The value of a key, borrowed from the map until something is written. MDB_NOTFOUND: it has
 * none. */
int pz_db_get(struct pz_live_store *s, MDB_txn *txn, enum pz_db db, const void *key, size_t n,
              MDB_val *value);

/* Store a value. flags: of mdb_put; MDB_NOOVERWRITE gives MDB_KEYEXIST where there is one. */
int pz_db_put(struct pz_live_store *s, MDB_txn *txn, enum pz_db db, const void *key, size_t n,
              const void *value, size_t n_value, unsigned flags);

/* Make room for a value of n_value bytes, to be written at *value and then sealed. */
int pz_db_reserve(struct pz_live_store *s, MDB_txn *txn, enum pz_db db, const void *key, size_t n,
                  size_t n_value, unsigned flags, void **value);
void pz_db_seal(enum pz_db db, const void *key, size_t n, void *value, size_t n_value);

/* Remove the entry of a key. MDB_NOTFOUND: there is none. */
int pz_db_del(struct pz_live_store *s, MDB_txn *txn, enum pz_db db, const void *key, size_t n);

struct pz_walk {
    MDB_cursor *c;
    MDB_cursor_op first, on; /* how to go to the next entry: now; afterwards */
    MDB_val key, value;      /* of the entry: borrowed from the map, until something is written */
    enum pz_db db;
    bool known;                /* pages are believed */
    uint64_t n, all;           /* entries met; how many there are, where all are to be met */
    const unsigned char *page; /* that the last one was on */
    int rc;
};

/* Walk all entries of a table; those from a key of n bytes on; or those before it, backwards, from
 * the last when key is NULL. The key is borrowed until the first step. What fails is told by the
 * end. */
void pz_walk_begin(struct pz_walk *w, struct pz_live_store *s, MDB_txn *txn, enum pz_db db);
void pz_walk_from(struct pz_walk *w, struct pz_live_store *s, MDB_txn *txn, enum pz_db db,
                  const void *key, size_t n);
void pz_walk_back(struct pz_walk *w, struct pz_live_store *s, MDB_txn *txn, enum pz_db db,
                  const void *key, size_t n);

/* Walk LMDB's own list of free pages. */
void pz_walk_begin_free(struct pz_walk *w, MDB_txn *txn);

/* Go to the next entry; false: there is none, or w->rc says why not. */
bool pz_walk_next(struct pz_walk *w);

/* Go to the entry of a key that is known to be there, and on from there: the pages are believed, as
 * it would be missed. 0, MDB_NOTFOUND or another LMDB value. */
int pz_walk_to(struct pz_walk *w, const void *key, size_t n);

/* Remove the entry that the walk is at. Returns w->rc. */
int pz_walk_delete(struct pz_walk *w);

/* 0 when nothing failed. */
int pz_walk_end(struct pz_walk *w);

/* ---- for who begins transactions (open.c) */

/* Begin to use a transaction in this thread: look up the format of its store, which says whether
 * values have checks; 0: a new store. */
int pz_db_learn_format(struct pz_live_store *s, MDB_txn *txn, bool writes, uint64_t *format);

/* Whether the store of this thread's transaction has its event ids in buckets (claims.c): since
 * format 4. */
bool pz_db_has_packed_ids(void);

/* From now on the values of this transaction have checks; add them to those of format 2. */
int pz_db_add_checks(struct pz_live_store *s, MDB_txn *txn, bool old);

/* Whether every table has as many entries as the last transaction left in it; note how many it
 * has. */
int pz_db_check_counts(struct pz_live_store *s, MDB_txn *txn);
int pz_db_note_counts(struct pz_live_store *s, MDB_txn *txn);

#endif
