/* SPDX-License-Identifier: Apache-2.0 */
/* The LMDB environment of the live store: see live_db.h.
 *
 * Durability: commits are synced (LMDB's default), so what a write acknowledged survives a power
 * cut. Size: the map is an upper bound of the file. It starts as the file says; when it is full it
 * grows by a half, and when another process made it larger this one follows; the transaction is
 * then done again. Readers that died: their slots are freed whenever a writer opens the store, or
 * when no slot is left. Readers without write permission (another user's folder, a read-only disk)
 * cannot take a slot in the lock file. They read without one, and look afterwards whether a writer
 * committed meanwhile: pages of a snapshot are used again by the second commit after it at the
 * earliest, so that an unchanged last transaction proves that nothing was overwritten; otherwise
 * they read again. */
#include "live/db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

enum { FORMAT = 1, MAX_READERS = 1024, MAX_TRIES = 100 };

#define LOCK_BYTES 131072 /* at least what LMDB needs for MAX_READERS: 64 bytes a slot */
#define MIN_GROWTH (16u << 20)

enum pz_status pz_db_fail(const struct pz_live_store *s, int rc, const char *what,
                          struct pz_err *err)
{
    enum pz_status st = PZ_INTERNAL;
    const char *hint = "";

    if (rc == ENOSPC || rc == EDQUOT || rc == EFBIG || rc == EIO) {
        st = PZ_IO;
        hint = rc == EIO ? "" : "; nothing of this is stored, all that was acknowledged before is";
    } else if (rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND || rc == MDB_INVALID ||
               rc == MDB_VERSION_MISMATCH) {
        st = PZ_BAD_DATA;
        hint = "; the live store is damaged";
    } else if (rc == EACCES || rc == EROFS || rc == EPERM) {
        st = PZ_CANT_CREATE;
    } else if (rc == ENOENT) {
        st = PZ_NO_INPUT;
    } else if (rc == ENOMEM || rc == EAGAIN || rc == MDB_READERS_FULL) {
        st = PZ_TRY_AGAIN;
    }
    return pz_err_set(err, st, "%s: %s: %s%s", s->dir, what, mdb_strerror(rc), hint);
}

/* The lock file is mapped and written through the map: on a full disk that would be SIGBUS. So it
 * gets its blocks before LMDB sees it. Never when it exists: closing it would drop LMDB's own lock
 * on it. */
static int reserve_lock(const char *dir)
{
    char path[4096];
    int fd, rc;

    if (snprintf(path, sizeof path, "%s/lock.mdb", dir) >= (int)sizeof path)
        return ENAMETOOLONG;
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return errno == EEXIST ? 0 : errno;
    rc = posix_fallocate(fd, 0, LOCK_BYTES);
    if (rc == EOPNOTSUPP || rc == EINVAL)
        rc = 0;
    if (rc != 0)
        unlink(path);
    close(fd);
    return rc;
}

static int make_identity(struct pz_live_store *s, MDB_txn *txn)
{
    uint64_t id = 0;
    int rc = getrandom(&id, sizeof id, 0) == (ssize_t)sizeof id ? 0 : errno;

    if (rc == 0)
        rc = pz_db_put_meta(s, txn, "id", id);
    return rc == 0 ? pz_db_put_meta(s, txn, "format", FORMAT) : rc;
}

static int check_format(struct pz_live_store *s, MDB_txn *txn)
{
    uint64_t format, last;
    int rc = pz_db_get_meta(s, txn, "last", &last);

    s->fresh = rc == 0 && last == 0;
    if (rc == 0)
        rc = pz_db_get_meta(s, txn, "format", &format);
    if (rc == 0 && format == 0 && s->writable)
        return make_identity(s, txn);
    return rc == 0 && format != FORMAT ? MDB_VERSION_MISMATCH : rc;
}

static int open_dbs(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    static const char *const names[PZ_N_DBS] = { "events",    "owner", "ids",   "joins", "sessions",
                                                 "forgotten", "items", "users", "meta" };
    int rc = 0;

    (void)context;
    for (int i = 0; i < PZ_N_DBS && rc == 0; i++)
        rc = mdb_dbi_open(txn, names[i], s->writable ? MDB_CREATE : 0, &s->db[i]);
    if (rc == MDB_NOTFOUND) /* a reader came before the first commit: pz_live_open sees to it */
        return 0;
    return rc == 0 ? check_format(s, txn) : rc;
}

static int open_env(struct pz_live_store *s, unsigned flags)
{
    int rc = mdb_env_create(&s->env);

    if (rc == 0)
        rc = mdb_env_set_maxdbs(s->env, PZ_N_DBS);
    if (rc == 0)
        rc = mdb_env_set_maxreaders(s->env, MAX_READERS);
    if (rc == 0)
        rc = mdb_env_open(s->env, s->dir, MDB_NOTLS | flags, 0666);
    if (rc != 0 && s->env) {
        mdb_env_close(s->env);
        s->env = NULL;
    }
    return rc;
}

static int open_all(struct pz_live_store *s)
{
    int dead, rc;

    if (s->writable && mkdir(s->dir, 0777) != 0 && errno != EEXIST)
        return errno;
    rc = s->writable ? reserve_lock(s->dir) : 0;
    if (rc == 0)
        rc = open_env(s, s->writable ? 0 : MDB_RDONLY);
    if (!s->writable && (rc == EACCES || rc == EROFS || rc == EPERM)) {
        s->unlocked = true;
        rc = open_env(s, MDB_RDONLY | MDB_NOLOCK);
    }
    if (rc == 0 && s->writable)
        mdb_reader_check(s->env, &dead);
    return rc;
}

/* LMDB syncs what is in its file, not the names of the file and its folder. */
static enum pz_status sync_names(const struct pz_live_store *s, struct pz_err *err)
{
    char parent[4096];
    enum pz_status st = pz_file_sync_dir(s->dir, err);

    return st == PZ_OK && pz_file_dirname(s->dir, parent, sizeof parent)
               ? pz_file_sync_dir(parent, err)
               : st;
}

enum pz_status pz_live_open(const char *dir, bool writable, struct pz_live_store **out,
                            struct pz_err *err)
{
    struct pz_live_store *s = calloc(1, sizeof *s);
    enum pz_status st = PZ_OK;
    int rc;

    *out = NULL;
    if (!s || !(s->dir = pz_mem_strndup(dir, strlen(dir)))) {
        free(s);
        return pz_err_memory(err, "the live store", sizeof *s);
    }
    s->writable = writable;
    pthread_rwlock_init(&s->growing, NULL);
    rc = open_all(s);
    if (rc != 0)
        st = rc == ENOENT && !writable ? PZ_OK : pz_db_fail(s, rc, "opening", err);
    else if (writable)
        st = pz_db_write(s, open_dbs, NULL, "opening", err);
    else
        st = pz_db_read(s, open_dbs, NULL, false, "opening", err);
    if (st == PZ_OK && rc == 0 && writable && s->fresh)
        st = sync_names(s, err);
    if (rc != 0 || st != PZ_OK || s->db[PZ_DB_META] == 0) {
        pz_live_close(s);
        return st;
    }
    *out = s;
    return PZ_OK;
}

void pz_live_close(struct pz_live_store *s)
{
    if (!s)
        return;
    if (s->env)
        mdb_env_close(s->env);
    pthread_rwlock_destroy(&s->growing);
    free(s->dir);
    free(s);
}

/* Make room after MDB_MAP_FULL, or follow another process after MDB_MAP_RESIZED. */
static int grow(struct pz_live_store *s, int why)
{
    MDB_envinfo info;
    int rc;

    pthread_rwlock_wrlock(&s->growing);
    rc = mdb_env_info(s->env, &info);
    if (rc == 0)
        rc = mdb_env_set_mapsize(s->env, why == MDB_MAP_RESIZED
                                             ? 0
                                             : info.me_mapsize + info.me_mapsize / 2 + MIN_GROWTH);
    pthread_rwlock_unlock(&s->growing);
    return rc;
}

static int write_once(struct pz_live_store *s, pz_db_fn *fn, void *context)
{
    MDB_txn *txn;
    int rc;

    pthread_rwlock_rdlock(&s->growing);
    rc = mdb_txn_begin(s->env, NULL, 0, &txn);
    if (rc == 0) {
        rc = fn(s, txn, context);
        if (rc == 0)
            rc = mdb_txn_commit(txn);
        else
            mdb_txn_abort(txn);
    }
    pthread_rwlock_unlock(&s->growing);
    return rc;
}

enum pz_status pz_db_write(struct pz_live_store *s, pz_db_fn *fn, void *context, const char *what,
                           struct pz_err *err)
{
    int rc = write_once(s, fn, context);

    for (int i = 0; i < MAX_TRIES && (rc == MDB_MAP_FULL || rc == MDB_MAP_RESIZED); i++) {
        rc = grow(s, rc);
        if (rc == 0)
            rc = write_once(s, fn, context);
    }
    return rc == 0 ? PZ_OK : pz_db_fail(s, rc, what, err);
}

/* *overtaken: a writer committed while fn read without a lock; what fn saw or returned means
 * nothing. */
static int read_once(struct pz_live_store *s, pz_db_fn *fn, void *context, bool *overtaken)
{
    MDB_envinfo info;
    MDB_txn *txn;
    int rc;

    *overtaken = false;
    pthread_rwlock_rdlock(&s->growing);
    rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
    if (rc == 0) {
        rc = fn(s, txn, context);
        *overtaken = s->unlocked &&
                     (mdb_env_info(s->env, &info) != 0 || info.me_last_txnid != mdb_txn_id(txn));
        mdb_txn_commit(txn); /* not abort: that would close the handles that fn opened */
    }
    pthread_rwlock_unlock(&s->growing);
    return rc;
}

enum pz_status pz_db_read(struct pz_live_store *s, pz_db_fn *fn, void *context, bool once,
                          const char *what, struct pz_err *err)
{
    bool overtaken = true;
    int dead, rc = 0;

    for (int i = 0; i < MAX_TRIES && overtaken; i++) {
        rc = read_once(s, fn, context, &overtaken);
        if (rc == MDB_READERS_FULL && mdb_reader_check(s->env, &dead) == 0)
            rc = read_once(s, fn, context, &overtaken);
        while (rc == MDB_MAP_RESIZED && grow(s, rc) == 0)
            rc = read_once(s, fn, context, &overtaken);
        if (once)
            break;
    }
    if (overtaken)
        return pz_err_set(
            err, PZ_TRY_AGAIN,
            "%s: %s: a writer was faster than a reader without permission to lock; try again",
            s->dir, what);
    return rc == 0 ? PZ_OK : pz_db_fail(s, rc, what, err);
}

int pz_db_get_meta(struct pz_live_store *s, MDB_txn *txn, const char *name, uint64_t *number)
{
    MDB_val key = pz_db_val(name, strlen(name)), data;
    int rc = mdb_get(txn, s->db[PZ_DB_META], &key, &data);

    *number = rc == 0 && data.mv_size == 8 ? pz_db_get_number(data.mv_data) : 0;
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int pz_db_put_meta(struct pz_live_store *s, MDB_txn *txn, const char *name, uint64_t number)
{
    unsigned char be[8] = { 0 };
    MDB_val key = pz_db_val(name, strlen(name)), data = pz_db_val(be, 8);

    pz_db_put_number(be, number);
    return mdb_put(txn, s->db[PZ_DB_META], &key, &data, 0);
}
