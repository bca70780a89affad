/* SPDX-License-Identifier: Apache-2.0 */
/* Private to live/: digests as they were read, with the model's indices of their items, and the
 * events behind them, kept in memory for whoever asks of the same owner again. */
#ifndef PZ_LIVE_DIGEST_CACHE_H
#define PZ_LIVE_DIGEST_CACHE_H

#include "live/digest.h"
#include "live/store.h"

/* A piece, and the model's indices and the ids of its items. */
struct pz_digest_items {
    struct pz_digest_piece piece;
    uint32_t *item;  /* [piece.head->n_items] PZ_NONE: it has none */
    const char **id; /* NULL: none */
    struct pz_digest_items *next;
};

/* Events of an owner behind their digest, from the first one on: they do not change. */
struct pz_digest_tail {
    struct pz_live_event *event; /* [n] in order, .found where the model has the item */
    size_t n;
};

/* A digest: does not change, but gets a longer tail. */
struct pz_digest_whole {
    uint64_t stamp;
    struct pz_digest_items *piece; /* in any order */
    /* Private to digest_cache.c. */
    struct pz_digest_tail tail;
    size_t cap;
    uint64_t owner;
    size_t bytes;
    struct pz_arena arena;
    struct pz_live_cache *cache;
    struct pz_digest_whole *next;
    uint64_t used;
    unsigned n_holders;
    bool listed, again; /* again: it was asked for more than once */
};

/* The digest of an owner, from the cache by its stamp, or read and kept there, and held for *live.
 * Without a cache it is read into the arena. who, id: as pz_digest_read
 *
 * Owner:   the cache, or the arena
 * Threads: any number with one cache */
int pz_digest_get(struct pz_live_store *s, MDB_txn *txn, char who, const char *id, uint64_t stamp,
                  const struct pz_live_want *want, struct pz_arena *arena, struct pz_live *live,
                  struct pz_digest_whole **out);

/* The digest of an owner that is in the cache with a tail, held for *live; *out NULL: there is none
 * like that. It may not be theirs any more: compare the stamp. *tail: as it is now.
 *
 * Owner:   the cache
 * Threads: any number with one cache */
int pz_digest_take(struct pz_live_store *s, char who, const char *id,
                   const struct pz_live_want *want, struct pz_arena *arena, struct pz_live *live,
                   struct pz_digest_whole **out, struct pz_digest_tail *tail);

/* Keep the newest n of an owner's events as a digest's tail, for who asks again: all behind the
 * digest, or all behind its tail as somebody was given it. A digest that was asked for once gets
 * none, nor where memory is out.
 *
 * Threads: any number with one cache */
void pz_digest_keep(struct pz_digest_whole *d, const struct pz_live_want *want,
                    const struct pz_live_event *event, size_t n);

#endif
