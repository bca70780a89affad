/* SPDX-License-Identifier: Apache-2.0 */
/* Private to live/: walking the entries of a table of the store.
 *
 *   pz_walk_begin(&w, s, txn, db);
 *   while (pz_walk_next(&w))
 *       ... w.key, w.value; w.rc = an LMDB or errno value ends it, so may break
 *   return pz_walk_end(&w);
 *
 * Threads: one a transaction. */
#ifndef PZ_LIVE_WALK_H
#define PZ_LIVE_WALK_H

#include "live/db.h"

struct pz_walk {
    MDB_cursor *c;
    MDB_cursor_op first, on; /* how to go to the next entry: now; afterwards */
    MDB_val key, value;      /* of the entry: borrowed from the map, until something is written */
    int rc;
};

/* Walk all entries of a table; those from a key of n bytes on; or those before it, backwards, from the
 * last when key is NULL. The key is borrowed until the first step. What fails is told by the end. */
void pz_walk_begin(struct pz_walk *w, struct pz_live_store *s, MDB_txn *txn, enum pz_db db);
void pz_walk_from(struct pz_walk *w, struct pz_live_store *s, MDB_txn *txn, enum pz_db db,
                  const void *key, size_t n);
void pz_walk_back(struct pz_walk *w, struct pz_live_store *s, MDB_txn *txn, enum pz_db db,
                  const void *key, size_t n);

/* Walk LMDB's own list of free pages. */
void pz_walk_begin_free(struct pz_walk *w, MDB_txn *txn);

/* Go to the next entry; false: there is none, or w->rc says why not. */
bool pz_walk_next(struct pz_walk *w);

/* Go to the entry of a key, and on from there. 0, MDB_NOTFOUND or another LMDB value. */
int pz_walk_to(struct pz_walk *w, const void *key, size_t n);

/* Remove the entry that the walk is at. Returns w->rc. */
int pz_walk_delete(struct pz_walk *w);

/* 0 when nothing failed. */
int pz_walk_end(struct pz_walk *w);

#endif
