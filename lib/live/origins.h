/* SPDX-License-Identifier: Apache-2.0 */
/* Private to live/: where a store's numbers come from. A campaign that is copied to try something,
 * or restored from yesterday's copy, gives numbers that the other one gives, too, to other events:
 * under one identity, what one of them exported would count as known of the other, and be lost.
 * So a store remembers the file it was made in, and in another one it draws a new identity before
 * it gives a number; what it was before, and up to which number, stays with it as its origins.
 *
 * A file is known by the moment it was made, which no copy has, or by its inode where the file
 * system does not tell. Bytes that are written over the file's own are not seen as a copy.
 *
 * Functions that return int give 0 or an LMDB or errno value; all run inside a transaction.
 *
 * Threads: one a transaction. */
#ifndef PZ_LIVE_ORIGINS_H
#define PZ_LIVE_ORIGINS_H

#include "live/db.h"

/* What a file is known by; 0 when it cannot be told. fd: of data.mdb */
uint64_t pz_origins_file(int fd);

/* This file is the store's: of one that is new, or takes the place of the old one. */
int pz_origins_note(struct pz_live_store *s, MDB_txn *txn);

/* Whether the store is in another file than its own. */
int pz_origins_moved(struct pz_live_store *s, MDB_txn *txn, bool *moved);

/* Before a number behind `last` is given: in another file than its own the store draws a new
 * identity. One that was copied hundreds of times keeps what it has. */
int pz_origins_keep(struct pz_live_store *s, MDB_txn *txn, uint64_t last);

#endif
