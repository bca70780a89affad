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
#include "live/live_data.h"

enum { PZ_DIGEST_KEPT = PZ_LIVE_SHOWN_MAX }; /* events that a digest never goes to */

/* Events of one owner that are of one type and item, all with a value or all without. */
struct pz_digest_row {
    const char *type;     /* NULL: none */
    const char *item;     /* "": none */
    uint64_t first, last; /* the smallest and the largest of their numbers */
    int64_t time, early;  /* the latest, the earliest */
    double value, least;  /* the largest, the smallest; NAN: they have none */
    uint32_t n;           /* how many they are */
    uint16_t ref;         /* of the item in a piece */
    bool mixed;           /* the latest time or the largest value is not that of the last of them */
};

struct pz_digest_about {
    uint64_t upto;  /* the number that it goes to; 0: there is none */
    uint64_t stamp; /* a hash of all rows and of the owner's newest number then */
    uint32_t n_rows;
};

/* What there is of an owner. who: 'u' a user, 's' a session. */
int pz_digest_look(struct pz_live_store *s, MDB_txn *txn, char who, const char *id,
                   struct pz_digest_about *about);

/* How a piece begins in the file; what follows it: digest.c. */
struct pz_digest_head {
    uint64_t upto;
    uint32_t all, n_rows; /* rows of the digest, of the piece */
    uint64_t base;        /* the smallest number of an event */
    uint8_t layout;
    uint8_t says; /* PZ_LIVE_PAIRS: no row is mixed; PZ_LIVE_ENDS: all earliest times are known */
    uint8_t unused[2];
    uint32_t n_items;
    int64_t latest; /* of the times */
    uint64_t last;  /* the largest number */
    uint32_t n_groups, n_valued;
    uint64_t stamp; /* of pz_digest_about */
};

/* Rows of one type, all with a value or all without. */
struct pz_digest_group {
    uint32_t n;
    uint32_t type; /* where in text, and the lowest bit: they have values */
};

enum { PZ_DIGEST_MANY = INT32_MAX /* events in a row, and between its first and last */ };

/* Rows of a range of items, which ascend. */
struct pz_digest_piece {
    const struct pz_digest_head *head;
    const struct pz_live_fact *fact;     /* [n_rows] by group, then by item */
    const double (*value)[2];            /* [n_valued] the largest, the smallest */
    const struct pz_digest_group *group; /* [n_groups] */
    const uint32_t (*number)[2];         /* [n_rows] first and last less base; the top bit: mixed */
    const uint16_t *ref;                 /* [n_rows] the item */
    const uint16_t *offset;              /* [n_items + 1] where in text, and the end of the last */
    const char *text;                    /* "": none */
    size_t bytes;                        /* of all of them */
};

/* Whether the latest time or the largest value of a row is not that of its last event. */
static inline bool pz_digest_mixed(const uint32_t number[2])
{
    return number[1] > PZ_DIGEST_MANY;
}

/* The number of the last event of a row. */
static inline uint64_t pz_digest_last(const struct pz_digest_piece *piece, size_t row)
{
    return piece->head->base + (piece->number[row][1] & PZ_DIGEST_MANY);
}

typedef int pz_digest_fn(void *context, const struct pz_digest_piece *piece);

/* Call fn for every piece of an owner's digest. All lives in the arena. */
int pz_digest_read(struct pz_live_store *s, MDB_txn *txn, char who, const char *id,
                   struct pz_arena *arena, pz_digest_fn *fn, void *context);

/* After an event was stored under its number and owner: bring the owner's digest up to date, if it
 * is time to. */
int pz_digest_follow(struct pz_live_store *s, MDB_txn *txn, const struct pz_event *e,
                     uint64_t number);

/* Remove an owner's digest, as one of their events goes; it is made anew when it is time to. */
int pz_digest_drop(struct pz_live_store *s, MDB_txn *txn, char who, const char *id);

#endif
