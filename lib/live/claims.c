/* SPDX-License-Identifier: Apache-2.0 */
/* Ids of events that were taken: see ids.h. An id costs 16 bytes: they lie in buckets, the leaves
 * of a B-tree whose branches are LMDB's.
 *
 *   ids   the lowest hash that a bucket may have (8 bytes) -> its entries, by hash
 *   entry u64 upper half of the salted hash of an event id; then u64: number of the event (upper 40
 *         bits), when the id was taken in units of 256 Unix seconds (lower 24)
 *
 * Numbers big-endian. A bucket of more than MOST entries is cut into even pieces; equal hashes stay
 * together. Many ids go in by order of their hashes, so that each bucket is written once.
 *
 * Whether an entry of the same hash is the same id, the event itself says, as long as it is here;
 * of one that was collected or forgotten the hash is believed. */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/time.h"
#include "live/events.h"
#include "live/ids.h"
#include "table/hash.h"

enum {
    ENTRY = 16,
    MOST = 60, /* four buckets a page of LMDB */
    FULL = 52, /* of the pieces that many ids at once make: room for a few */
    UNIT_BITS = 8,
    TIME_BITS = 24,
    NUMBER_BITS = 40
};

struct claim {
    uint64_t hash, what; /* as in an entry */
    size_t event;
};

/* What stands under a key; all-zero: there is no bucket for a hash yet. */
struct bucket {
    uint64_t key;
    const unsigned char *entry; /* [n * ENTRY], borrowed until something is written */
    size_t n;
};

static uint64_t hash_at(const unsigned char *entry, size_t i)
{
    return pz_db_get_number(entry + i * ENTRY);
}

static uint64_t what_at(const unsigned char *entry, size_t i)
{
    return pz_db_get_number(entry + i * ENTRY + 8);
}

static uint64_t number_of(uint64_t what)
{
    return what >> TIME_BITS;
}

/* The last second of the unit: never earlier than it was. */
static int64_t time_of(uint64_t what)
{
    return (int64_t)(((what & ((1u << TIME_BITS) - 1)) << UNIT_BITS) | ((1u << UNIT_BITS) - 1));
}

static int make_what(uint64_t number, int64_t at, uint64_t *what)
{
    uint64_t unit = at > 0 ? (uint64_t)at >> UNIT_BITS : 0;

    *what = number << TIME_BITS | (unit < 1u << TIME_BITS ? unit : (1u << TIME_BITS) - 1);
    return number >> NUMBER_BITS ? EOVERFLOW : 0;
}

/* Where the entries of a hash begin. */
static size_t find_hash(const struct bucket *b, uint64_t hash)
{
    size_t low = 0, high = b->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (hash_at(b->entry, middle) < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The entry that a walk is at. */
static int take_bucket(const struct pz_walk *w, struct bucket *b)
{
    if (w->key.mv_size != 8 || w->value.mv_size % ENTRY != 0)
        return MDB_CORRUPTED;
    *b = (struct bucket){ pz_db_get_number(w->key.mv_data), w->value.mv_data,
                          w->value.mv_size / ENTRY };
    return 0;
}

/* The bucket whose hashes include this one. */
static int find_bucket(struct pz_live_store *s, MDB_txn *txn, uint64_t hash, struct bucket *b)
{
    unsigned char behind[8] = { 0 };
    struct pz_walk w;

    *b = (struct bucket){ 0, NULL, 0 };
    pz_db_put_number(behind, hash + 1);
    pz_walk_back(&w, s, txn, PZ_DB_IDS, hash == UINT64_MAX ? NULL : behind, sizeof behind);
    if (pz_walk_next(&w))
        w.rc = take_bucket(&w, b);
    return pz_walk_end(&w);
}

/* The first bucket with a key from this on; *b is all-zero when there is none. */
static int next_bucket(struct pz_live_store *s, MDB_txn *txn, uint64_t from, struct bucket *b)
{
    unsigned char key[8] = { 0 };
    struct pz_walk w;

    *b = (struct bucket){ 0, NULL, 0 };
    pz_db_put_number(key, from);
    pz_walk_from(&w, s, txn, PZ_DB_IDS, key, sizeof key);
    if (pz_walk_next(&w))
        w.rc = take_bucket(&w, b);
    return pz_walk_end(&w);
}

/* ---- putting ---- */

static int put_bucket(struct pz_live_store *s, MDB_txn *txn, uint64_t key,
                      const unsigned char *entry, size_t n)
{
    unsigned char be[8] = { 0 };

    pz_db_put_number(be, key);
    return pz_db_put(s, txn, PZ_DB_IDS, be, sizeof be, entry, n * ENTRY, 0);
}

/* Entries that all belong from a key on, as one bucket or several. */
static int put_pieces(struct pz_live_store *s, MDB_txn *txn, uint64_t key,
                      const unsigned char *entry, size_t n)
{
    size_t pieces = n <= MOST ? 1 : (n + FULL - 1) / FULL, from = 0;
    int rc = 0;

    for (size_t p = 1; p <= pieces && rc == 0; p++) {
        size_t upto = n * p / pieces;

        while (upto > from && upto < n && hash_at(entry, upto) == hash_at(entry, upto - 1))
            upto++;
        if (upto <= from)
            continue;
        rc = put_bucket(s, txn, from == 0 ? key : hash_at(entry, from), entry + from * ENTRY,
                        upto - from);
        from = upto;
    }
    return rc;
}

static void add_entry(unsigned char *to, size_t *n, uint64_t hash, uint64_t what)
{
    pz_db_put_number(to + *n * ENTRY, hash);
    pz_db_put_number(to + *n * ENTRY + 8, what);
    ++*n;
}

/* A bucket's entries and new ones, by hash. Entries from before `oldest` give way to one of their
 * hash. */
static size_t merge(const struct bucket *b, const struct claim *c, size_t n, int64_t oldest,
                    unsigned char *to)
{
    size_t n_to = 0, k = 0;

    for (size_t i = 0; i < b->n || k < n;) {
        if (k == n || (i < b->n && hash_at(b->entry, i) <= c[k].hash)) {
            uint64_t hash = hash_at(b->entry, i), what = what_at(b->entry, i);

            if (k == n || hash < c[k].hash || time_of(what) >= oldest)
                add_entry(to, &n_to, hash, what);
            i++;
        } else {
            add_entry(to, &n_to, c[k].hash, c[k].what);
            k++;
        }
    }
    return n_to;
}

/* New entries, ascending by hash. */
static int insert_all(struct pz_live_store *s, MDB_txn *txn, const struct claim *c, size_t n,
                      int64_t oldest)
{
    unsigned char *to = NULL;
    size_t cap = 0;
    int rc = 0;

    for (size_t i = 0, k; i < n && rc == 0; i = k) {
        struct bucket b, next = { 0, NULL, 0 };

        k = i + 1;
        rc = find_bucket(s, txn, c[i].hash, &b);
        if (rc == 0 && c[i].hash < UINT64_MAX)
            rc = next_bucket(s, txn, c[i].hash + 1, &next);
        while (k < n && (!next.entry || c[k].hash < next.key))
            k++;
        if (rc == 0 && !pz_mem_grow(&to, &cap, (b.n + k - i) * ENTRY, 1))
            rc = ENOMEM;
        if (rc == 0)
            rc = put_pieces(s, txn, b.key, to, merge(&b, c + i, k - i, oldest, to));
    }
    free(to);
    return rc;
}

/* ---- claiming ---- */

static const char *text_of(const char *s)
{
    return s ? s : "";
}

/* Tells a sender who repeats an event from two who chose the same id for different ones. */
static enum pz_live_fate compare_events(const struct pz_event *a, const struct pz_event *b)
{
    const char *who = text_of(a->user_id ? a->user_id : a->session_id),
               *other = text_of(b->user_id ? b->user_id : b->session_id);

    return strcmp(who, other) == 0 && strcmp(text_of(a->item_id), text_of(b->item_id)) == 0
               ? PZ_LIVE_REPEATED
               : PZ_LIVE_CONFLICT;
}

static uint64_t make_hash(const char *id, const unsigned char *salt)
{
    unsigned char hash[PZ_IDS_HASH_BYTES];

    pz_hash_salted(id, strlen(id), salt, hash);
    return pz_db_get_number(hash);
}

/* Whether an entry of an event's hash is its id's. STORED: of another. */
static int compare_stored(struct pz_live_store *s, MDB_txn *txn, const struct pz_event *e,
                          uint64_t number, enum pz_live_fate *fate)
{
    struct pz_event stored;
    int rc = pz_live_get(s, txn, number, &stored);

    *fate = PZ_LIVE_REPEATED;
    if (rc == 0)
        *fate = strcmp(text_of(stored.event_id), e->event_id) != 0 ? PZ_LIVE_STORED
                                                                   : compare_events(&stored, e);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* STORED: the id is free. */
static int look_up(struct pz_live_store *s, MDB_txn *txn, const struct pz_event *e, uint64_t hash,
                   int64_t oldest, enum pz_live_fate *fate)
{
    struct bucket b;
    int rc = find_bucket(s, txn, hash, &b);

    *fate = PZ_LIVE_STORED;
    for (size_t i = find_hash(&b, hash);
         rc == 0 && *fate == PZ_LIVE_STORED && i < b.n && hash_at(b.entry, i) == hash; i++)
        if (time_of(what_at(b.entry, i)) >= oldest)
            rc = compare_stored(s, txn, e, number_of(what_at(b.entry, i)), fate);
    return rc;
}

static int by_hash(const void *x, const void *y)
{
    const struct claim *a = x, *b = y;

    return a->hash != b->hash ? (a->hash < b->hash ? -1 : 1)
                              : (a->event > b->event) - (a->event < b->event);
}

/* An id that comes twice is the first event's. STORED: it is in none of the claims before i. */
static enum pz_live_fate look_before(const struct pz_claiming *of, const struct claim *c, size_t i)
{
    const struct pz_event *e = &of->event[c[i].event];

    for (size_t k = i; k > 0 && c[k - 1].hash == c[i].hash; k--) {
        const struct pz_event *other = &of->event[c[k - 1].event];

        if (of->fate[c[k - 1].event] == PZ_LIVE_STORED && strcmp(other->event_id, e->event_id) == 0)
            return compare_events(other, e);
    }
    return PZ_LIVE_STORED;
}

/* Which of the claims hold; the fates of the others are set. */
static int decide(struct pz_live_store *s, MDB_txn *txn, const struct pz_claiming *of,
                  const struct claim *c, size_t n)
{
    int rc = 0;

    for (size_t i = 0; i < n && rc == 0; i++) {
        enum pz_live_fate *fate = &of->fate[c[i].event];

        rc = look_up(s, txn, &of->event[c[i].event], c[i].hash, of->oldest, fate);
        if (rc == 0 && *fate == PZ_LIVE_STORED)
            *fate = look_before(of, c, i);
    }
    return rc;
}

/* Claims that hold, with the numbers that their events get; *n: how many they are. number: room for
 * one an event. */
static int give_numbers(const struct pz_claiming *of, struct claim *c, size_t *n, uint64_t *number)
{
    uint64_t last = of->last;
    size_t n_held = 0;
    int rc = 0;

    for (size_t i = 0; i < of->n; i++)
        number[i] = of->fate[i] == PZ_LIVE_STORED ? ++last : 0;
    for (size_t i = 0; i < *n && rc == 0; i++)
        if (number[c[i].event] > 0) {
            c[n_held] = c[i];
            rc = make_what(number[c[i].event], of->at, &c[n_held].what);
            n_held++;
        }
    *n = n_held;
    return rc;
}

int pz_ids_claim(struct pz_live_store *s, MDB_txn *txn, const struct pz_claiming *of)
{
    unsigned char salt[PZ_HASH_SALT_BYTES];
    struct claim *c = pz_mem_array(of->n, sizeof *c);
    uint64_t *number = pz_mem_array(of->n, sizeof *number);
    size_t n = 0;
    int rc = c && number ? pz_ids_get_salt(s, txn, salt) : ENOMEM;

    for (size_t i = 0; i < of->n && rc == 0; i++)
        if (of->fate[i] == PZ_LIVE_STORED && of->event[i].event_id)
            c[n++] = (struct claim){ make_hash(of->event[i].event_id, salt), 0, i };
    if (rc == 0 && n > 1)
        qsort(c, n, sizeof *c, by_hash);
    if (rc == 0)
        rc = decide(s, txn, of, c, n);
    if (rc == 0)
        rc = give_numbers(of, c, &n, number);
    if (rc == 0)
        rc = insert_all(s, txn, c, n, of->oldest);
    free(number);
    free(c);
    return rc;
}

/* ---- asking ---- */

/* The bucket in which an event's id is, and its hash. */
static int find_id(struct pz_live_store *s, MDB_txn *txn, const struct pz_event *e,
                   struct bucket *b, uint64_t *hash)
{
    unsigned char salt[PZ_HASH_SALT_BYTES];
    int rc = pz_ids_get_salt(s, txn, salt);

    if (rc != 0)
        return rc;
    *hash = make_hash(e->event_id, salt);
    return find_bucket(s, txn, *hash, b);
}

int pz_ids_fate(struct pz_live_store *s, MDB_txn *txn, const struct pz_event *e, uint64_t number,
                enum pz_live_fate *fate)
{
    struct bucket b = { 0, NULL, 0 };
    uint64_t hash = 0;
    int rc = e->event_id ? find_id(s, txn, e, &b, &hash) : 0;

    *fate = PZ_LIVE_STORED; /* and forgotten or collected since */
    for (size_t i = find_hash(&b, hash); rc == 0 && i < b.n && hash_at(b.entry, i) == hash; i++) {
        if (number_of(what_at(b.entry, i)) == number) {
            *fate = PZ_LIVE_STORED;
            return 0;
        }
        if (*fate == PZ_LIVE_STORED)
            rc = compare_stored(s, txn, e, number_of(what_at(b.entry, i)), fate);
    }
    return rc;
}

int pz_ids_time(struct pz_live_store *s, MDB_txn *txn, const struct pz_event *e, uint64_t number,
                int64_t *at)
{
    struct bucket b = { 0, NULL, 0 };
    uint64_t hash = 0;
    int rc = e->event_id && pz_db_has_packed_ids() ? find_id(s, txn, e, &b, &hash) : 0;

    *at = pz_time_now();
    for (size_t i = find_hash(&b, hash); rc == 0 && i < b.n && hash_at(b.entry, i) == hash; i++)
        if (number_of(what_at(b.entry, i)) == number && time_of(what_at(b.entry, i)) < *at)
            *at = time_of(what_at(b.entry, i));
    return rc;
}

/* ---- removing ---- */

/* Those of a bucket that stay, into `to`. Kept while a sender may still repeat it, or while the
 * event itself is still here. */
static size_t keep_some(const struct bucket *b, uint64_t upto, int64_t before, unsigned char *to)
{
    size_t n = 0;

    for (size_t i = 0; i < b->n; i++) {
        uint64_t what = what_at(b->entry, i);

        if (number_of(what) > upto || time_of(what) >= before)
            add_entry(to, &n, hash_at(b->entry, i), what);
    }
    return n;
}

static int put_rest(struct pz_live_store *s, MDB_txn *txn, const struct bucket *b,
                    const unsigned char *entry, size_t n)
{
    unsigned char be[8] = { 0 };

    pz_db_put_number(be, b->key);
    if (n == b->n)
        return 0;
    return n > 0 ? put_bucket(s, txn, b->key, entry, n)
                 : pz_db_del(s, txn, PZ_DB_IDS, be, sizeof be);
}

int pz_ids_trim(struct pz_live_store *s, MDB_txn *txn, uint64_t upto, int64_t before,
                uint64_t *n_removed)
{
    unsigned char *kept = NULL;
    size_t cap = 0, n;
    struct bucket b;
    uint64_t from = 0;
    int rc = next_bucket(s, txn, 0, &b);

    while (rc == 0 && b.entry) {
        rc = pz_mem_grow(&kept, &cap, b.n * ENTRY + 1, 1) ? 0 : ENOMEM;
        if (rc != 0)
            break;
        n = keep_some(&b, upto, before, kept);
        *n_removed += b.n - n;
        from = b.key + 1;
        rc = put_rest(s, txn, &b, kept, n);
        b.entry = NULL;
        if (rc == 0 && from > 0)
            rc = next_bucket(s, txn, from, &b);
    }
    free(kept);
    return rc;
}

/* ---- stores of formats 1 to 3 ---- */

/* An entry as it was: a hash of 16 bytes to a number, and since format 2 a hash of who and what (8
 * bytes) and when it was taken (8 bytes). */
static int read_old(const struct pz_walk *w, struct claim *c)
{
    const unsigned char *value = w->value.mv_data;
    bool is_timed = w->value.mv_size == 24;

    if (w->key.mv_size != PZ_IDS_HASH_BYTES || (w->value.mv_size != 8 && !is_timed))
        return MDB_CORRUPTED;
    c->hash = pz_db_get_number(w->key.mv_data);
    return make_what(pz_db_get_number(value), is_timed ? (int64_t)pz_db_get_number(value + 16) : 0,
                     &c->what);
}

int pz_ids_pack(struct pz_live_store *s, MDB_txn *txn)
{
    struct claim *c = NULL;
    size_t n = 0, cap = 0;
    struct pz_walk w;
    int rc;

    pz_walk_begin(&w, s, txn, PZ_DB_IDS);
    while (pz_walk_next(&w)) {
        w.rc = pz_mem_grow(&c, &cap, n + 1, sizeof *c) ? read_old(&w, &c[n]) : ENOMEM;
        n += w.rc == 0;
    }
    rc = pz_walk_end(&w);
    if (rc == 0)
        /* In the same transaction: a crash leaves the old format whole. */
        rc = mdb_drop(txn, s->db[PZ_DB_IDS], 0);
    if (rc == 0)
        rc = insert_all(s, txn, c, n, INT64_MIN);
    free(c);
    return rc;
}
