/* SPDX-License-Identifier: Apache-2.0 */
/* Private to live/: digests, what the older events of a busy owner come to: a row for each type and
 * item that they have, so that a query need not read them one by one. See digest.c.
 *
 * Functions that return int give 0 or an LMDB or errno value.
 *
 * Threads: one a transaction. */
#ifndef PZ_LIVE_DIGEST_H
#define PZ_LIVE_DIGEST_H

#include <math.h>

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

/* Rows of one type, all with a value or all without, as they lie in the file. */
struct pz_digest_piece {
    const char *type;             /* NULL: none */
    const char *row, *item, *end; /* of what is not read yet; end: of the items */
    uint64_t base;
    uint32_t n; /* rows not read yet */
    bool valued;
};

enum { PZ_DIGEST_ROW = 20 /* bytes, and a value */, PZ_DIGEST_MANY = INT32_MAX };

/* The next row; false: there is none, or (piece->n is not 0 then) the piece is damaged. Here, so
 * that a row need not be put together in memory. */
static inline bool pz_digest_next(struct pz_digest_piece *piece, struct pz_digest_row *r)
{
    uint32_t number[2], times;

    if (piece->n == 0 || piece->item >= piece->end)
        return false;
    memcpy(number, piece->row, 8);
    memcpy(&r->time, piece->row + 8, 8);
    memcpy(&times, piece->row + 16, 4);
    r->value = NAN;
    if (piece->valued)
        memcpy(&r->value, piece->row + PZ_DIGEST_ROW, 8);
    r->type = piece->type;
    r->first = piece->base + number[0];
    r->last = piece->base + number[1];
    r->n = times & PZ_DIGEST_MANY;
    r->mixed = times > PZ_DIGEST_MANY;
    r->item = piece->item;
    r->n_item = strlen(r->item);
    piece->item += r->n_item + 1;
    piece->row += PZ_DIGEST_ROW + (piece->valued ? 8 : 0);
    piece->n--;
    return true;
}

typedef int pz_digest_fn(void *context, struct pz_digest_piece *piece);

/* Call fn for every piece of an owner's digest, which reads its rows: by type, the ones with a
 * value first, then by the bytes of the item. Strings live in the arena; a piece with rows left is
 * damaged. */
int pz_digest_read(struct pz_live_store *s, MDB_txn *txn, char who, const char *id,
                   struct pz_arena *arena, pz_digest_fn *fn, void *context);

/* After an event was stored under its number and owner: bring the owner's digest up to date, if it
 * is time to. */
int pz_digest_follow(struct pz_live_store *s, MDB_txn *txn, const struct pz_event *e,
                     uint64_t number);

/* Remove an owner's digest, as one of their events goes; it is made anew when it is time to. */
int pz_digest_drop(struct pz_live_store *s, MDB_txn *txn, char who, const char *id);

#endif
