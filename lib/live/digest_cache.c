/* SPDX-License-Identifier: Apache-2.0 */
/* Digests as they were read: see digest_cache.h. To read one takes about 150 instructions an item
 * and type, most of them for its check, its copy and the looking up of items. A process that
 * answers again and again, for the same users among others, spares them.
 *
 * A digest is found by its stamp, a hash of all that it says, so that nothing has to be told that
 * it was made anew or removed: it is then not asked for any more, and goes as others come. Whoever
 * uses one holds it. What is held does not go; what does not fit is not kept.
 *
 * The events behind a digest, its tail, are kept from the second time on that somebody asks for it.
 * They stay what they are as long as the stamp does: whoever removes an event drops the digest, and
 * the next one has another stamp, as it is made when a newer event comes. So a reader reads those
 * behind the tail alone. */
#include "live/digest_cache.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/rng.h"
#include "table/hash.h"

enum { LISTS = 256 };

struct pz_live_cache {
    pthread_mutex_t turn;
    struct pz_digest_whole *first[LISTS]; /* by the owner */
    size_t bytes, most;
    uint64_t now; /* counts the uses */
};

/* What an answer holds. */
struct pz_live_held {
    struct pz_digest_whole *digest;
    struct pz_live_held *next;
};

struct pz_live_cache *pz_live_cache_new(size_t most)
{
    struct pz_live_cache *cache = calloc(1, sizeof *cache);

    if (cache) {
        cache->most = most;
        pthread_mutex_init(&cache->turn, NULL);
    }
    return cache;
}

static void free_digest(struct pz_digest_whole *d)
{
    pz_arena_clear(&d->arena);
    free(d);
}

void pz_live_cache_free(struct pz_live_cache *cache)
{
    for (size_t i = 0; cache && i < LISTS; i++)
        while (cache->first[i]) {
            struct pz_digest_whole *d = cache->first[i];

            cache->first[i] = d->next;
            free_digest(d);
        }
    if (cache)
        pthread_mutex_destroy(&cache->turn);
    free(cache);
}

/* Numbers are given anew where a file came in the place of another. */
static uint64_t owner_of(const struct pz_live_store *s, char who, const char *id)
{
    return pz_rng_mix(pz_rng_mix(s->file ^ s->ino) ^ pz_hash64(id, strlen(id)) ^
                      (unsigned char)who);
}

/* stamp: NULL: the one with a tail, which *tail becomes */
static struct pz_digest_whole *take(struct pz_live_cache *cache, uint64_t owner,
                                    const uint64_t *stamp, struct pz_digest_tail *tail)
{
    struct pz_digest_whole *d;

    pthread_mutex_lock(&cache->turn);
    for (d = cache->first[owner % LISTS];
         d && (d->owner != owner || (stamp ? d->stamp != *stamp : d->tail.n == 0));)
        d = d->next;
    if (d) {
        d->n_holders++;
        d->used = ++cache->now;
        d->again = true;
        *tail = d->tail;
    }
    pthread_mutex_unlock(&cache->turn);
    return d;
}

/* Remove the one that was not used for longest; false: all are held. */
static bool drop_oldest(struct pz_live_cache *cache)
{
    struct pz_digest_whole **oldest = NULL, *d;

    for (size_t i = 0; i < LISTS; i++)
        for (struct pz_digest_whole **at = &cache->first[i]; *at; at = &(*at)->next)
            if ((*at)->n_holders == 0 && (!oldest || (*at)->used < (*oldest)->used))
                oldest = at;
    if (!oldest)
        return false;
    d = *oldest;
    *oldest = d->next;
    cache->bytes -= d->bytes;
    free_digest(d);
    return true;
}

/* Of two threads that read the same at a time both keep theirs: the older one goes in time. */
static void keep(struct pz_live_cache *cache, struct pz_digest_whole *d, uint64_t stamp)
{
    d->stamp = stamp;
    pthread_mutex_lock(&cache->turn);
    while (cache->bytes + d->bytes > cache->most && drop_oldest(cache))
        continue;
    d->listed = cache->bytes + d->bytes <= cache->most;
    if (d->listed) {
        struct pz_digest_whole **first = &cache->first[d->owner % LISTS];

        d->next = *first;
        d->used = ++cache->now;
        *first = d;
        cache->bytes += d->bytes;
    }
    pthread_mutex_unlock(&cache->turn);
}

void pz_live_release(struct pz_live *live)
{
    for (; live->held; live->held = live->held->next) {
        struct pz_digest_whole *d = live->held->digest;
        struct pz_live_cache *cache = d->cache;
        bool last;

        pthread_mutex_lock(&cache->turn);
        last = --d->n_holders == 0 && !d->listed;
        pthread_mutex_unlock(&cache->turn);
        if (last)
            free_digest(d);
    }
}

/* ---- reading ---- */

struct reading {
    struct pz_digest_whole *to;
    struct pz_arena *arena;
    struct pz_dict_walk items;
};

static int add_piece(void *context, const struct pz_digest_piece *piece)
{
    struct reading *r = context;
    const uint32_t n = piece->head->n_items;
    struct pz_digest_items *all = pz_arena_take(r->arena, sizeof *all);
    struct pz_dict_walk items = r->items;

    if (!all)
        return ENOMEM;
    *all = (struct pz_digest_items){ *piece, pz_arena_take(r->arena, n * sizeof *all->item),
                                     pz_arena_take(r->arena, n * sizeof *all->id), r->to->piece };
    if (!all->item || !all->id)
        return ENOMEM;
    for (uint32_t i = 0; i < n; i++) {
        const char *id = piece->text + piece->offset[i];
        size_t len = piece->offset[i + 1] - piece->offset[i] - 1U;

        all->item[i] = items.dict && len > 0 ? pz_dict_walk_to(&items, id, len) : PZ_NONE;
        all->id[i] = len > 0 ? id : NULL;
    }
    r->items = items;
    r->to->piece = all;
    r->to->bytes += piece->bytes + n * (sizeof *all->item + sizeof *all->id) + sizeof *all;
    return 0;
}

/* Into an arena of its own, or without a cache into the caller's. */
static int read_digest(struct pz_live_store *s, MDB_txn *txn, char who, const char *id,
                       const struct pz_live_want *want, struct pz_arena *arena,
                       struct pz_digest_whole **out)
{
    struct pz_digest_whole *d = want->cache ? malloc(sizeof *d) : pz_arena_take(arena, sizeof *d);
    struct reading r = { d, arena, { .dict = want->items } };
    int rc;

    if (!d)
        return ENOMEM;
    *d = (struct pz_digest_whole){ .owner = owner_of(s, who, id),
                                   .cache = want->cache,
                                   .n_holders = 1 };
    if (want->cache)
        r.arena = &d->arena;
    rc = pz_digest_read(s, txn, who, id, r.arena, add_piece, &r);
    if (rc != 0 && want->cache)
        free_digest(d);
    *out = rc == 0 ? d : NULL;
    return rc;
}

int pz_digest_get(struct pz_live_store *s, MDB_txn *txn, char who, const char *id, uint64_t stamp,
                  const struct pz_live_want *want, struct pz_arena *arena, struct pz_live *live,
                  struct pz_digest_whole **out)
{
    struct pz_live_held *held = pz_arena_take(arena, sizeof *held);
    struct pz_digest_tail tail;
    int rc = held ? 0 : ENOMEM;

    *out = rc == 0 && want->cache ? take(want->cache, owner_of(s, who, id), &stamp, &tail) : NULL;
    if (rc == 0 && !*out) {
        rc = read_digest(s, txn, who, id, want, arena, out);
        if (rc == 0 && want->cache)
            keep(want->cache, *out, stamp);
    }
    if (rc != 0 || !want->cache)
        return rc;
    *held = (struct pz_live_held){ *out, live->held };
    live->held = held;
    return 0;
}

/* ---- tails ---- */

int pz_digest_take(struct pz_live_store *s, char who, const char *id,
                   const struct pz_live_want *want, struct pz_arena *arena, struct pz_live *live,
                   struct pz_digest_whole **out, struct pz_digest_tail *tail)
{
    struct pz_live_held *held = pz_arena_take(arena, sizeof *held);

    *out = held && want->cache ? take(want->cache, owner_of(s, who, id), NULL, tail) : NULL;
    if (*out) {
        *held = (struct pz_live_held){ *out, live->held };
        live->held = held;
    }
    return held ? 0 : ENOMEM;
}

/* Room for n events more. Others read what the tail was: a longer one is a copy. */
static bool grow_tail(struct pz_digest_whole *d, size_t n)
{
    struct pz_live_event *event;

    n += d->tail.n;
    if (n <= d->cap)
        return true;
    event = pz_arena_take(&d->arena, 2 * n * sizeof *event);
    if (!event)
        return false;
    if (d->tail.n > 0)
        memcpy(event, d->tail.event, d->tail.n * sizeof *event);
    d->bytes += 2 * n * sizeof *event;
    d->tail.event = event;
    d->cap = 2 * n;
    return true;
}

static const char *copy_text(struct pz_digest_whole *d, const char *s, bool *failed)
{
    size_t n = s ? strlen(s) : 0;
    const char *copy = s ? pz_arena_strndup(&d->arena, s, n) : NULL;

    d->bytes += n;
    *failed |= s && !copy;
    return copy;
}

/* before: the one before it in the tail; NULL: none */
static bool copy_event(struct pz_digest_whole *d, const struct pz_live_want *want,
                       const struct pz_live_event *before, const struct pz_live_event *e,
                       struct pz_live_event *to)
{
    const char *type = before ? before->event_type : NULL;
    const char **shown = pz_arena_take(&d->arena, e->n_shown * sizeof *shown);
    bool failed = !shown;

    *to = *e;
    to->item_id = copy_text(d, e->item_id, &failed);
    to->event_type = type && e->event_type && strcmp(type, e->event_type) == 0
                         ? type
                         : copy_text(d, e->event_type, &failed);
    to->properties = copy_text(d, e->properties, &failed);
    for (size_t i = 0; i < e->n_shown && !failed; i++)
        shown[i] = copy_text(d, e->shown[i], &failed);
    to->shown = shown;
    to->found = e->item_id && want->items ? pz_dict_find_str(want->items, e->item_id) + 1 : 0;
    return !failed;
}

/* Events come in order; somebody else may have kept some of them meanwhile. Without memory the tail
 * stays as it is. */
static void add_tail(struct pz_digest_whole *d, const struct pz_live_want *want,
                     const struct pz_live_event *event, size_t n)
{
    struct pz_live_event *to;

    while (n > 0 && d->tail.n > 0 && event->number <= d->tail.event[d->tail.n - 1].number) {
        event++;
        n--;
    }
    if (!grow_tail(d, n))
        return;
    to = d->tail.event + d->tail.n;
    for (size_t i = 0; i < n; i++)
        if (!copy_event(d, want, d->tail.n + i > 0 ? to + i - 1 : NULL, event + i, to + i))
            return;
    d->tail.n += n;
}

void pz_digest_keep(struct pz_digest_whole *d, const struct pz_live_want *want,
                    const struct pz_live_event *event, size_t n)
{
    struct pz_live_cache *cache = d->cache;

    if (!cache || n == 0)
        return;
    pthread_mutex_lock(&cache->turn);
    if (d->again) {
        size_t before = d->bytes;

        add_tail(d, want, event, n);
        cache->bytes += d->listed ? d->bytes - before : 0;
    }
    pthread_mutex_unlock(&cache->turn);
}
