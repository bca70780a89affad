/* SPDX-License-Identifier: Apache-2.0 */
/* Private to live/: the LMDB environment of the live store. The only header that includes lmdb.h.
 *
 * Databases; ids are their bytes, numbers 8 bytes big-endian:
 *   events     number -> record (store.c)
 *   owner      'u' and user id, or 's' and session id; NUL; number -> nothing. An event with a user
 *              is the user's; one with a session alone the session's. 'r', number -> which row the
 *              change of that number was of (changes.c). 'd', 'u' or 's', id, NUL, u32 -> a
 *              piece of the owner's digest (digest.c)
 *   ids        hashes of event ids, in buckets (claims.c): a repeated event is acknowledged and
 *              kept once
 *   sessions   session id -> number of the event that joined it to a user, user id: the first event
 *              that carries both decides
 *   joins      user id, NUL, that number -> session id
 *   forgotten  user id -> number
 *   items, users  id -> number, row (rows.c)
 * Each value is followed by a check (records.c).
 *   meta       "format" and "id", the store's identity -> number; "counts" -> of each table but
 *              this; "last" -> the last number given out, never used again; "rows" -> the number of
 *              the last change in items and users, "rows_mark" -> a hash of all of them in order;
 *              "file" and "origins" (origins.c);
 *              of a view of a log "log" -> its URL, "bound" -> 1, "boot" (shared.c)
 *
 * Threads: any on one store, which locks itself; what runs inside a transaction belongs to its
 * thread. */
#ifndef PZ_LIVE_DB_H
#define PZ_LIVE_DB_H

#include <endian.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include "base/err.h"
#include "live/store.h"

enum pz_db {
    PZ_DB_EVENTS,
    PZ_DB_OWNER,
    PZ_DB_IDS,
    PZ_DB_JOINS,
    PZ_DB_SESSIONS,
    PZ_DB_FORGOTTEN,
    PZ_DB_ITEMS,
    PZ_DB_USERS,
    PZ_DB_META,
    PZ_N_DBS
};

enum { PZ_DB_CHECK = 4 }; /* bytes of a value's check */

/* Formats of a store, of which programs refuse those that they do not know. */
enum {
    PZ_DB_CHECKED = 3, /* values have checks */
    PZ_DB_PACKED = 4,  /* ids of events lie in buckets; what a store is made in, or changed to */
    /* 5: digests of another layout; they are passed over, and removed as others are */
    PZ_DB_DIGESTS = 6 /* owners may have digests, which a removal has to drop (digest.c) */
};

/* One a file and process: everybody who opens the same store gets the same one, see open.c. */
struct pz_journal;

struct pz_live_store {
    MDB_env *env; /* NULL: it was given up and could not be opened again yet */
    MDB_dbi db[PZ_N_DBS];
    bool writable, unlocked;  /* unlocked: a reader without write permission */
    bool fresh;               /* nothing was ever stored when it was opened */
    atomic_bool follows;      /* it is a view of a log (shared.c), which alone gives numbers */
    pthread_mutex_t log_lock; /* of the next two */
    struct pz_journal *log;   /* connection for putting; NULL: none now */
    double log_failed;        /* when the last try to have one failed; 0: it did not */
    atomic_bool broken;       /* a commit crashed in a damaged file: nothing is done any more */
    pthread_rwlock_t growing; /* read: in a transaction; write: the map changes its size, or the
                               * file was replaced and is opened anew */
    char *dir;
    dev_t dev; /* of data.mdb: what tells stores apart, whatever their paths */
    ino_t ino;
    uint64_t file;              /* what the file is known by beyond this process (origins.c) */
    pid_t pid;                  /* who opened it: an environment does not survive a fork */
    size_t n_users;             /* opened and not closed; under the lock of open.c */
    struct pz_live_store *next; /* likewise */
};

/* The work inside one transaction: 0 or an LMDB or errno value. It may be run again from the start.
 */
typedef int pz_db_fn(struct pz_live_store *s, MDB_txn *txn, void *context);

/* Run fn, or say MDB_CORRUPTED when LMDB crashes in it: it believes what a file says of itself. */
int pz_db_guarded(struct pz_live_store *s, MDB_txn *txn, pz_db_fn *fn, void *context);

/* Run fn in a write transaction.
 *
 * what     for the message ("storing events")
 * Errors:  PZ_OK means durable, everything else that nothing of it is stored. PZ_IO disk full or
 *          failing; PZ_BAD_DATA damaged store; PZ_CANT_CREATE no permission; PZ_NO_INPUT the store
 *          was removed; PZ_TRY_AGAIN out of memory, descriptors or locks
 * Threads: any; one writes at a time. fn must not call into the store */
enum pz_status pz_db_write(struct pz_live_store *s, pz_db_fn *fn, void *context, const char *what,
                           struct pz_err *err);

/* The same, but a power cut may undo it and damage the file: what a log has is read again then
 * (shared.c). What a later pz_db_write stores makes it durable too.
 *
 * Errors:  as pz_db_write
 * Threads: likewise */
enum pz_status pz_db_write_lazily(struct pz_live_store *s, pz_db_fn *fn, void *context,
                                  const char *what, struct pz_err *err);

/* Run fn on a snapshot that holds everything acknowledged before the call.
 *
 * Errors:  as pz_db_write; PZ_TRY_AGAIN also when writers are faster than a reader without lock
 * Threads: any number at once. fn must not call into the store */
enum pz_status pz_db_read(struct pz_live_store *s, pz_db_fn *fn, void *context, const char *what,
                          struct pz_err *err);

/* What an LMDB or errno value means to a person. rc != 0.
 *
 * Errors:  PZ_IO disk full or failing; PZ_BAD_DATA damaged; PZ_CANT_CREATE no permission;
 *          PZ_NO_INPUT not there; PZ_TRY_AGAIN out of memory, descriptors or locks; PZ_INTERNAL
 *          anything else */
enum pz_status pz_db_fail(const struct pz_live_store *s, int rc, const char *what,
                          struct pz_err *err);

/* Whether the file at the store's path is another one than the one in use (compacted, restored),
 * or none. */
bool pz_db_moved(const struct pz_live_store *s);

/* Open the file that is at the store's path now, if it is another one; anew: in any case. 0, or an
 * LMDB or errno value, and all is as before; the environment may be NULL after anew. */
int pz_db_reopen(struct pz_live_store *s, bool anew);

/* Make the map larger after MDB_MAP_FULL, or follow another process after MDB_MAP_RESIZED. */
int pz_db_grow(struct pz_live_store *s, int why);

/* Whether the pages of a store's file fit together, as far as that can be seen without its records:
 * 0, MDB_CORRUPTED, or an errno value where that cannot be found out. fd: of data.mdb. Cost: one
 * look at every page in use. Inside a transaction, or where the program crashed:
 * async-signal-safe. */
int pz_db_sound(int fd);

/* Whether the two pages at the start are of two transactions that follow each other: 0,
 * MDB_CORRUPTED, or an errno value where that cannot be found out. fd: of data.mdb. Cost: two small
 * reads. */
int pz_db_start_sound(int fd);

/* How many of the pages from `from` on are free, by LMDB's own list of free pages. */
int pz_db_count_free(MDB_txn *txn, size_t from, size_t *n);

/* The name of a table in the file.
 *
 * Owner: constant */
const char *pz_db_name(enum pz_db db);

/* What every transaction begins with, before anything else of the store is called in it: find out
 * the format, and if it is an old one and the transaction writes, change it. 0, an LMDB or errno
 * value. */
int pz_db_enter(struct pz_live_store *s, MDB_txn *txn, bool writes);

/* For compaction, which keeps all openings of the process waiting. */
void pz_db_lock_stores(void);
void pz_db_unlock_stores(void);

/* A store beside the list, with its files made at s->dir, under that lock. 0 or an LMDB or errno
 * value; pz_db_close_files in any case. */
int pz_db_open_files(struct pz_live_store *s, bool make);
void pz_db_close_files(struct pz_live_store *s);

/* A number kept under a name in "meta"; 0 when it is not there. Return 0 or an LMDB value. */
int pz_db_get_meta(struct pz_live_store *s, MDB_txn *txn, const char *name, uint64_t *number);
int pz_db_put_meta(struct pz_live_store *s, MDB_txn *txn, const char *name, uint64_t number);

/* The last number given out, to give out the next: 0, an LMDB value, or EREMOTE in a store that
 * follows a log, and s->follows says so then. A copy of another store has got an identity of its
 * own then. */
int pz_db_next(struct pz_live_store *s, MDB_txn *txn, uint64_t *last);

/* Bytes kept under a name in "meta", as text into buf of n bytes; "" when there are none. */
int pz_db_get_text(struct pz_live_store *s, MDB_txn *txn, const char *name, char *buf, size_t n);

/* Bytes as LMDB takes them; it does not write through values that are put or looked up. */
static inline MDB_val pz_db_val(const void *bytes, size_t n)
{
    return (MDB_val){ n, (void *)(uintptr_t)bytes };
}

/* A number as 8 bytes, big-endian. */
static inline void pz_db_put_number(unsigned char out[8], uint64_t number)
{
    number = htobe64(number);
    memcpy(out, &number, 8);
}

/* The number that 8 bytes are. */
static inline uint64_t pz_db_get_number(const void *bytes)
{
    uint64_t number;

    memcpy(&number, bytes, 8);
    return be64toh(number);
}

#endif
