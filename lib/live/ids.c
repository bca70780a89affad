/* SPDX-License-Identifier: Apache-2.0 */
/* Forgotten users, and the salt of hashes: see ids.h. Event ids and forgotten users must be
 * recognised for a long time and never be read: an event id so that a late repeat stays out
 * (claims.c), a forgotten user so that no history in a model is used. So they are kept as hashes
 * with the store's salt (192 random bytes in "meta"), of one length however long the ids are.
 *
 *   forgotten  hash of the user id -> number, then the id itself until it is purged
 *
 * In format 1 the keys were the ids themselves and the values numbers. A writer turns them into
 * hashes; a reader of such a store compares ids. */
#include "live/ids.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/mem.h"
#include "table/hash.h"

enum { HASH_BYTES = 16 };

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
