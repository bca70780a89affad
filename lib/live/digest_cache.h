/* SPDX-License-Identifier: Apache-2.0 */
/* Private to live/: digests as they were read, with the model's indices of their items, kept in
 * memory for whoever asks of the same owner again. */
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

/* A digest: does not change. */
struct pz_digest_whole {
    uint64_t stamp;
    struct pz_digest_items *piece; /* in any order */
    /* Private to digest_cache.c. */
    size_t bytes;
    struct pz_arena arena;
    struct pz_live_cache *cache;
    struct pz_digest_whole *next;
    uint64_t used;
    unsigned n_holders;
    bool listed;
};

/* The digest of an owner, from the cache by its stamp, or read and kept there, and held for *live.
 * Without a cache it is read into the arena. who, id: as pz_digest_read
 *
 * Owner:   the cache, or the arena
 * Threads: any number with one cache */
int pz_digest_get(struct pz_live_store *s, MDB_txn *txn, char who, const char *id, uint64_t stamp,
                  const struct pz_live_want *want, struct pz_arena *arena, struct pz_live *live,
                  struct pz_digest_whole **out);

#endif
