/* SPDX-License-Identifier: Apache-2.0 */
/* Private to live/: digests, what the older events of a busy owner come to: a row for each type and
 * item that they have, so that a query need not read them one by one. See digest.c.
 *
 * Functions that return int give 0 or an LMDB or errno value.
 *
 * Threads: one a transaction. */
#ifndef PZ_LIVE_DIGEST_H
#define PZ_LIVE_DIGEST_H

#include "base/mem.h"
#include "live/events.h"

enum { PZ_DIGEST_KEPT = PZ_LIVE_SHOWN_MAX }; /* events that a digest never goes to */

/* Events of one owner that are of one type and item, all with a value or all without. */
struct pz_digest_row {
    const char *type;     /* NULL: none */
    const char *item;     /* "": none */
    size_t n_item;        /* its bytes */
    uint64_t first, last; /* the smallest and the largest of their numbers */
    int64_t time;         /* the latest */
    double value;         /* the largest; NAN: they have none */
    uint32_t n;           /* how many they are */
    bool mixed;           /* the time or the value is not that of the last of them */
};

/* Up to which number an owner's digest goes (0: they have none), and its rows. who: 'u' a user,
 * 's' a session. */
int pz_digest_look(struct pz_live_store *s, MDB_txn *txn, char who, const char *id, uint64_t *upto,
                   uint32_t *n);

typedef int pz_digest_fn(void *context, const struct pz_digest_row *row);

/* Call fn for every row of an owner's digest, by type, the ones with a value first, then by the
 * bytes of the item. Strings live in the arena. */
int pz_digest_read(struct pz_live_store *s, MDB_txn *txn, char who, const char *id,
                   struct pz_arena *arena, pz_digest_fn *fn, void *context);

/* After an event was stored under its number and owner: bring the owner's digest up to date, if it
 * is time to. */
int pz_digest_follow(struct pz_live_store *s, MDB_txn *txn, const struct pz_event *e,
                     uint64_t number);

/* Remove an owner's digest, as one of their events goes; it is made anew when it is time to. */
int pz_digest_drop(struct pz_live_store *s, MDB_txn *txn, char who, const char *id);

#endif
