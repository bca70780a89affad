/* SPDX-License-Identifier: Apache-2.0 */
/* Event ids and forgotten users: see ids.h. Both must be recognised for a long time and never be
 * read: an event id so that a late repeat stays out, a forgotten user so that no history in a model
 * is used. So their keys are hashes with the store's salt (192 random bytes in "meta"), of one
 * length however long the ids are.
 *
 *   ids        hash of the event id -> number, u64 hash of user (or session) and item, i64 Unix
 *              seconds when it was taken
 *   forgotten  hash of the user id -> number, then the id itself until it is purged
 *
 * In format 1 the keys were the ids themselves and the values numbers. A writer turns them into
 * hashes; a reader of such a store compares ids. */
#include "live/ids.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/mem.h"
#include "base/time.h"
#include "table/hash.h"

enum { HASH_BYTES = 16, ID_VALUE_BYTES = 24 };

/* NULL in *salt: format 1. */
static int get_salt(struct pz_live_store *s, MDB_txn *txn, const unsigned char **salt)
{
    MDB_val v;
    int rc = pz_db_get(s, txn, PZ_DB_META, "salt", 4, &v);

    *salt = rc == 0 && v.mv_size == PZ_HASH_SALT_BYTES ? v.mv_data : NULL;
    return rc == MDB_NOTFOUND ? 0 : rc == 0 && !*salt ? MDB_CORRUPTED : rc;
}

static MDB_val make_key(const unsigned char *salt, const char *id, unsigned char hash[HASH_BYTES])
{
    if (!salt)
        return pz_db_val(id, strlen(id));
    pz_hash_salted(id, strlen(id), salt, hash);
    return pz_db_val(hash, HASH_BYTES);
}

static int get(struct pz_live_store *s, MDB_txn *txn, enum pz_db db, const MDB_val *key,
               MDB_val *value)
{
    return pz_db_get(s, txn, db, key->mv_data, key->mv_size, value);
}

static int put(struct pz_live_store *s, MDB_txn *txn, enum pz_db db, const MDB_val *key,
               const void *value, size_t n, unsigned flags)
{
    return pz_db_put(s, txn, db, key->mv_data, key->mv_size, value, n, flags);
}

/* ---- event ids ---- */

static void make_value(unsigned char value[ID_VALUE_BYTES], const struct pz_event *e,
                       uint64_t number, int64_t at)
{
    const char *who = e->user_id ? e->user_id : e->session_id, *item = e->item_id ? e->item_id : "";
    /* Tells a sender who repeats an event from two who chose the same id for different ones. */
    uint64_t what = pz_hash64(who, strlen(who)) * 31 + pz_hash64(item, strlen(item));

    pz_db_put_number(value, number);
    pz_db_put_number(value + 8, what);
    pz_db_put_number(value + 16, (uint64_t)at);
}

/* When an id was taken; of format 1 that is not known. */
static int64_t time_of(const MDB_val *v)
{
    return v->mv_size == ID_VALUE_BYTES
               ? (int64_t)pz_db_get_number((const unsigned char *)v->mv_data + 16)
               : 0;
}

int pz_ids_claim(struct pz_live_store *s, MDB_txn *txn, const struct pz_event *e, uint64_t number,
                 int64_t at, int64_t oldest, enum pz_live_fate *fate)
{
    unsigned char hash[HASH_BYTES], value[ID_VALUE_BYTES];
    const unsigned char *salt;
    MDB_val k, v;
    int rc = get_salt(s, txn, &salt);

    *fate = PZ_LIVE_STORED;
    if (rc != 0)
        return rc;
    make_value(value, e, number, at);
    k = make_key(salt, e->event_id, hash);
    rc = put(s, txn, PZ_DB_IDS, &k, value, sizeof value, MDB_NOOVERWRITE);
    if (rc == MDB_KEYEXIST)
        rc = get(s, txn, PZ_DB_IDS, &k, &v);
    else
        return rc;
    if (rc != 0)
        return rc;
    if (time_of(&v) < oldest)
        return put(s, txn, PZ_DB_IDS, &k, value, sizeof value, 0);
    /* of format 1 only the number is known */
    *fate = v.mv_size < 16 || memcmp((const char *)v.mv_data + 8, value + 8, 8) == 0
                ? PZ_LIVE_REPEATED
                : PZ_LIVE_CONFLICT;
    return 0;
}

int pz_ids_trim(struct pz_live_store *s, MDB_txn *txn, uint64_t upto, int64_t before,
                uint64_t *n_removed)
{
    struct pz_walk w;

    pz_walk_begin(&w, s, txn, PZ_DB_IDS);
    while (pz_walk_next(&w)) {
        /* Kept while a sender may still repeat it, or while the event itself is still here. */
        if (w.value.mv_size < 8 || pz_db_get_number(w.value.mv_data) > upto ||
            time_of(&w.value) >= before)
            continue;
        pz_walk_delete(&w);
        ++*n_removed;
    }
    return pz_walk_end(&w);
}

int pz_ids_fate(struct pz_live_store *s, MDB_txn *txn, const struct pz_event *e, uint64_t number,
                enum pz_live_fate *fate)
{
    unsigned char hash[HASH_BYTES], value[ID_VALUE_BYTES];
    const unsigned char *salt;
    MDB_val k, v;
    int rc = get_salt(s, txn, &salt);

    *fate = PZ_LIVE_STORED; /* and forgotten or collected since */
    if (rc != 0 || !e->event_id)
        return rc;
    make_value(value, e, number, 0);
    k = make_key(salt, e->event_id, hash);
    rc = get(s, txn, PZ_DB_IDS, &k, &v);
    if (rc == 0 && v.mv_size == ID_VALUE_BYTES && memcmp(v.mv_data, value, 8) != 0)
        *fate = memcmp((const char *)v.mv_data + 8, value + 8, 8) == 0 ? PZ_LIVE_REPEATED
                                                                       : PZ_LIVE_CONFLICT;
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* ---- forgotten users ---- */

int pz_ids_is_forgotten(struct pz_live_store *s, MDB_txn *txn, const char *user_id, bool *is)
{
    unsigned char hash[HASH_BYTES];
    const unsigned char *salt;
    MDB_val k, v;
    int rc = get_salt(s, txn, &salt);

    /* What cannot be read counts as forgotten: it is the answer that does no harm. */
    *is = true;
    if (rc != 0)
        return rc;
    k = make_key(salt, user_id, hash);
    rc = get(s, txn, PZ_DB_FORGOTTEN, &k, &v);
    *is = rc != MDB_NOTFOUND;
    return *is ? rc : 0;
}

int pz_ids_forget(struct pz_live_store *s, MDB_txn *txn, const char *user_id, uint64_t number,
                  bool by_name)
{
    unsigned char hash[HASH_BYTES], value[8 + PZ_LIVE_ID_MAX];
    const unsigned char *salt;
    size_t n = by_name ? strlen(user_id) : 0;
    MDB_val k;
    int rc = get_salt(s, txn, &salt);

    if (rc != 0)
        return rc;
    pz_db_put_number(value, number);
    memcpy(value + 8, user_id, n);
    k = make_key(salt, user_id, hash);
    return put(s, txn, PZ_DB_FORGOTTEN, &k, value, 8 + n, 0);
}

int pz_ids_hash(struct pz_live_store *s, MDB_txn *txn, const char *user_id,
                unsigned char hash[PZ_IDS_HASH_BYTES])
{
    const unsigned char *salt;
    int rc = get_salt(s, txn, &salt);

    if (rc == 0 && !salt)
        rc = MDB_VERSION_MISMATCH; /* format 1, which a writer has turned into 2 */
    if (rc == 0)
        make_key(salt, user_id, hash);
    return rc;
}

int pz_ids_time(struct pz_live_store *s, MDB_txn *txn, const struct pz_event *e, int64_t *at)
{
    unsigned char hash[HASH_BYTES];
    const unsigned char *salt;
    MDB_val k, v;
    int rc = get_salt(s, txn, &salt);

    *at = pz_time_now();
    if (rc != 0 || !e->event_id)
        return rc;
    k = make_key(salt, e->event_id, hash);
    rc = get(s, txn, PZ_DB_IDS, &k, &v);
    if (rc == 0)
        *at = time_of(&v);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int pz_ids_forget_hash(struct pz_live_store *s, MDB_txn *txn,
                       const unsigned char hash[PZ_IDS_HASH_BYTES], uint64_t number)
{
    unsigned char value[8];

    pz_db_put_number(value, number);
    return pz_db_put(s, txn, PZ_DB_FORGOTTEN, hash, HASH_BYTES, value, 8, 0);
}

int pz_ids_get_salt(struct pz_live_store *s, MDB_txn *txn, unsigned char *salt)
{
    const unsigned char *own;
    int rc = get_salt(s, txn, &own);

    if (rc == 0 && !own)
        rc = MDB_VERSION_MISMATCH;
    if (rc == 0)
        memcpy(salt, own, PZ_HASH_SALT_BYTES);
    return rc;
}

int pz_ids_set_salt(struct pz_live_store *s, MDB_txn *txn, const unsigned char *salt)
{
    return pz_db_put(s, txn, PZ_DB_META, "salt", 4, salt, PZ_HASH_SALT_BYTES, 0);
}

int pz_ids_read_forgotten(struct pz_live_store *s, MDB_txn *txn, const MDB_val *key,
                          const MDB_val *value, char user_id[PZ_LIVE_ID_MAX + 1], uint64_t *number)
{
    const unsigned char *salt;
    const char *id = value->mv_data;
    size_t n = value->mv_size;
    int rc = get_salt(s, txn, &salt);

    if (rc != 0)
        return rc;
    if (n < 8 || n - 8 > PZ_LIVE_ID_MAX || key->mv_size > PZ_LIVE_ID_MAX)
        return MDB_CORRUPTED;
    *number = pz_db_get_number(id);
    id = salt ? id + 8 : key->mv_data;
    n = salt ? n - 8 : key->mv_size;
    memcpy(user_id, id, n);
    user_id[n] = '\0';
    return 0;
}

/* ---- new stores, and those of format 1 ---- */

/* One entry of format 1, and what becomes of it. */
struct old {
    char id[PZ_LIVE_ID_MAX + 1];
    uint64_t number;
};

static int read_old(struct pz_live_store *s, MDB_txn *txn, enum pz_db db, struct old **list,
                    size_t *n)
{
    size_t cap = 0;
    struct pz_walk w;

    pz_walk_begin(&w, s, txn, db);
    while (pz_walk_next(&w)) {
        struct old *to;

        if (w.value.mv_size != 8 || w.key.mv_size > PZ_LIVE_ID_MAX)
            w.rc = MDB_CORRUPTED;
        else if (!pz_mem_grow(list, &cap, *n + 1, sizeof **list))
            w.rc = ENOMEM;
        if (w.rc != 0)
            break;
        to = &(*list)[(*n)++];
        memcpy(to->id, w.key.mv_data, w.key.mv_size);
        to->id[w.key.mv_size] = '\0';
        to->number = pz_db_get_number(w.value.mv_data);
    }
    return pz_walk_end(&w);
}

static int hash_one(struct pz_live_store *s, MDB_txn *txn, enum pz_db db, const struct old *old)
{
    unsigned char hash[HASH_BYTES], be[8] = { 0 };
    const unsigned char *salt;
    MDB_val k;
    int rc = get_salt(s, txn, &salt);

    if (rc != 0)
        return rc;
    if (db == PZ_DB_FORGOTTEN)
        return pz_ids_forget(s, txn, old->id, old->number, true);
    pz_db_put_number(be, old->number);
    k = make_key(salt, old->id, hash);
    return put(s, txn, db, &k, be, 8, 0);
}

static int hash_all(struct pz_live_store *s, MDB_txn *txn, enum pz_db db)
{
    struct old *list = NULL;
    size_t n = 0;
    int rc = read_old(s, txn, db, &list, &n);

    if (rc == 0)
        /* In the same transaction: a crash leaves format 1 whole. */
        rc = mdb_drop(txn, s->db[db], 0);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = hash_one(s, txn, db, &list[i]);
    free(list);
    return rc;
}

int pz_ids_make(struct pz_live_store *s, MDB_txn *txn, uint64_t format)
{
    unsigned char salt[PZ_HASH_SALT_BYTES];
    /* A salt of the store's own: hashes of two stores cannot be compared, nor a table of ids be
     * made beforehand. */
    int rc = getrandom(salt, sizeof salt, 0) == (ssize_t)sizeof salt ? 0 : errno;

    if (rc == 0)
        rc = pz_ids_set_salt(s, txn, salt);
    if (rc == 0 && format == 1)
        rc = hash_all(s, txn, PZ_DB_IDS);
    return rc == 0 && format == 1 ? hash_all(s, txn, PZ_DB_FORGOTTEN) : rc;
}
