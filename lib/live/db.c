/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions of the live store; open.c has the environment under them.
 *
 * Durability: commits are synced (LMDB's default), so what a write acknowledged survives a power
 * cut. Every transaction looks, once it has begun, whether the file that it reads or writes is
 * still the one at the store's path, and begins again in the one that is (open.c says why a
 * look after the beginning is enough). When the map is full it grows and the transaction is done
 * again. When the disk failed a commit, LMDB wants to be closed and opened again, which is done at
 * the next transaction: what was acknowledged is in the file. Readers that died: their slots are
 * freed every DEAD_EVERY writes, and when no slot is left.
 *
 * Readers without write permission (another user's folder, a read-only disk) cannot take a slot in
 * the lock file. They read without one, and look afterwards whether a writer committed meanwhile:
 * pages of a snapshot are used again by the second commit after it at the earliest, so that an
 * unchanged last transaction proves that nothing was overwritten; otherwise they read again. */
#include "live/records.h"

#include <errno.h>

#include "base/signals.h"
#include "live/origins.h"

enum { MAX_TRIES = 100, DEAD_EVERY = 256, MOVED = -29000 /* neither LMDB's nor an errno */ };

/* What LMDB allocates for its lists of pages as it opens a store (0.9.24: 2.1 MB, and half of it
 * again). */
static const double BESIDE_THE_MAP = 3 << 20;

enum pz_status pz_db_fail(const struct pz_live_store *s, int rc, const char *what,
                          struct pz_err *err)
{
    enum pz_status st = pz_err_status(rc, PZ_INTERNAL);
    const char *hint = "";

    /* The status says what helps: room on the disk, a repair, a permission, or another try. */
    if (st == PZ_IO && rc != EIO) {
        hint = "; nothing of this is stored, all that was acknowledged before is";
    } else if (rc == EINVAL || (rc >= MDB_KEYEXIST && rc <= MDB_BAD_DBI && rc != MDB_READERS_FULL &&
                                rc != MDB_MAP_FULL && rc != MDB_MAP_RESIZED)) {
        /* LMDB finds what cannot be in a file that is whole */
        st = PZ_BAD_DATA;
        hint = "; the live store is damaged";
    } else if (rc == EACCES || rc == EROFS || rc == EPERM) {
        st = PZ_CANT_CREATE;
    } else if (rc == ENOENT) {
        st = PZ_NO_INPUT;
    } else if (rc == MDB_READERS_FULL) {
        st = PZ_TRY_AGAIN;
    }
    if (rc == ENOMEM) {
        st = pz_err_memory(err, "the live store", BESIDE_THE_MAP);
        pz_err_prefix(err, "%s: %s", s->dir, what);
        return st;
    }
    return pz_err_set(err, st, "%s: %s: %s%s", s->dir, what, mdb_strerror(rc), hint);
}

int pz_db_guarded(struct pz_live_store *s, MDB_txn *txn, pz_db_fn *fn, void *context)
{
    sigjmp_buf here;
    int rc;

    /* LMDB follows offsets of a damaged file without a look; the crash that comes of it is turned
     * into an answer. Nothing that fn held is freed: the process is about to report and end. */
    if (sigsetjmp(here, 0) != 0)
        return MDB_CORRUPTED;
    pz_signals_guard(&here);
    rc = fn(s, txn, context);
    pz_signals_guard(NULL);
    return rc;
}

static int commit(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    int rc = mdb_txn_commit(txn);

    (void)s;
    *(bool *)context = true;
    return rc;
}

/* 0, or why the transaction cannot be run in this file. */
static int begin(struct pz_live_store *s, unsigned flags, MDB_txn **txn)
{
    int rc = !s->env ? MDB_PANIC
             : (flags & MDB_RDONLY) == 0 && atomic_load(&s->broken)
                 ? MDB_CORRUPTED
                 : mdb_txn_begin(s->env, NULL, flags, txn);

    if (rc == 0 && pz_db_moved(s)) {
        mdb_txn_abort(*txn);
        rc = MOVED;
    }
    return rc;
}

/* What a failure to run a transaction can be mended by; true: do it again. */
static bool mend(struct pz_live_store *s, int *rc)
{
    int dead;

    if (*rc == MDB_MAP_FULL || *rc == MDB_MAP_RESIZED)
        *rc = pz_db_grow(s, *rc);
    else if (*rc == MOVED)
        *rc = pz_db_reopen(s, false);
    else if (*rc == MDB_PANIC) /* a write of this process failed, and LMDB gave itself up */
        *rc = pz_db_reopen(s, true);
    else if (*rc == MDB_READERS_FULL)
        return mdb_reader_check(s->env, &dead) == 0 && dead > 0;
    else
        return false;
    return *rc == 0;
}

struct work {
    pz_db_fn *fn;
    void *context;
};

static int read_in(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    const struct work *w = context;
    int rc = pz_db_enter(s, txn, false);

    return rc == 0 ? w->fn(s, txn, w->context) : rc;
}

static int write_in(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    const struct work *w = context;
    int rc = pz_db_enter(s, txn, true);

    if (rc == 0)
        rc = w->fn(s, txn, w->context);
    return rc == 0 ? pz_db_note_counts(s, txn) : rc;
}

/* lazily: the commit is not synced. LMDB has it for the environment alone; whoever holds the
 * writers' mutex sets it for the own commit. */
static int write_once(struct pz_live_store *s, pz_db_fn *fn, void *context, bool lazily)
{
    struct work work = { fn, context };
    bool ended = false;
    MDB_txn *txn;
    int rc;

    pthread_rwlock_rdlock(&s->growing);
    rc = begin(s, 0, &txn);
    if (rc == 0) {
        mdb_env_set_flags(s->env, MDB_NOSYNC, lazily);
        rc = pz_db_guarded(s, txn, write_in, &work);
        if (rc == 0)
            rc = pz_db_guarded(s, txn, commit, &ended);
        else {
            mdb_txn_abort(txn);
            ended = true;
        }
        if (rc == MDB_CORRUPTED && !ended) /* crashed with the writers' mutex held */
            atomic_store(&s->broken, true);
    }
    pthread_rwlock_unlock(&s->growing);
    return rc;
}

/* Readers that were killed keep pages from being used again, so that the file grows. */
static void free_dead_readers(struct pz_live_store *s)
{
    static atomic_uint n_writes;
    int dead;

    if (atomic_fetch_add(&n_writes, 1) % DEAD_EVERY != DEAD_EVERY - 1)
        return;
    pthread_rwlock_rdlock(&s->growing);
    mdb_reader_check(s->env, &dead);
    pthread_rwlock_unlock(&s->growing);
}

static enum pz_status write_so(struct pz_live_store *s, pz_db_fn *fn, void *context,
                               const char *what, bool lazily, struct pz_err *err)
{
    int rc = write_once(s, fn, context, lazily);

    for (int i = 0; i < MAX_TRIES && mend(s, &rc); i++)
        rc = write_once(s, fn, context, lazily);
    if (rc != 0)
        return pz_db_fail(s, rc, what, err);
    free_dead_readers(s);
    return PZ_OK;
}

enum pz_status pz_db_write(struct pz_live_store *s, pz_db_fn *fn, void *context, const char *what,
                           struct pz_err *err)
{
    return write_so(s, fn, context, what, false, err);
}

enum pz_status pz_db_write_lazily(struct pz_live_store *s, pz_db_fn *fn, void *context,
                                  const char *what, struct pz_err *err)
{
    return write_so(s, fn, context, what, true, err);
}

/* *overtaken: a writer committed while fn read without a lock; what fn saw or returned means
 * nothing. */
static int read_once(struct pz_live_store *s, pz_db_fn *fn, void *context, bool *overtaken)
{
    struct work work = { fn, context };
    MDB_envinfo info;
    MDB_txn *txn;
    int rc;

    *overtaken = false;
    pthread_rwlock_rdlock(&s->growing);
    rc = begin(s, MDB_RDONLY, &txn);
    if (rc == 0) {
        rc = pz_db_guarded(s, txn, read_in, &work);
        *overtaken = s->unlocked &&
                     (mdb_env_info(s->env, &info) != 0 || info.me_last_txnid != mdb_txn_id(txn));
        mdb_txn_commit(txn); /* not abort: that would close the handles that fn opened */
    }
    pthread_rwlock_unlock(&s->growing);
    return rc;
}

enum pz_status pz_db_read(struct pz_live_store *s, pz_db_fn *fn, void *context, const char *what,
                          struct pz_err *err)
{
    bool overtaken;
    int rc = read_once(s, fn, context, &overtaken);

    for (int i = 0; i < MAX_TRIES && (overtaken || mend(s, &rc)); i++)
        rc = read_once(s, fn, context, &overtaken);
    if (overtaken)
        return pz_err_set(
            err, PZ_TRY_AGAIN,
            "%s: %s: a writer was faster than a reader without permission to lock; try again",
            s->dir, what);
    return rc == 0 ? PZ_OK : pz_db_fail(s, rc, what, err);
}

int pz_db_get_meta(struct pz_live_store *s, MDB_txn *txn, const char *name, uint64_t *number)
{
    MDB_val data;
    int rc = pz_db_get(s, txn, PZ_DB_META, name, strlen(name), &data);

    *number = rc == 0 && data.mv_size == 8 ? pz_db_get_number(data.mv_data) : 0;
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int pz_db_put_meta(struct pz_live_store *s, MDB_txn *txn, const char *name, uint64_t number)
{
    unsigned char be[8] = { 0 };

    pz_db_put_number(be, number);
    return pz_db_put(s, txn, PZ_DB_META, name, strlen(name), be, 8, 0);
}

int pz_db_next(struct pz_live_store *s, MDB_txn *txn, uint64_t *last)
{
    char url[8];
    int rc = pz_db_get_meta(s, txn, "last", last);

    if (rc == 0)
        rc = pz_db_get_text(s, txn, "log", url, sizeof url);
    if (rc == 0 && *url) {
        atomic_store(&s->follows, true);
        return EREMOTE;
    }
    return rc == 0 ? pz_origins_keep(s, txn, *last) : rc;
}

int pz_db_get_text(struct pz_live_store *s, MDB_txn *txn, const char *name, char *buf, size_t n)
{
    MDB_val data;
    int rc = pz_db_get(s, txn, PZ_DB_META, name, strlen(name), &data);
    size_t len = rc != 0 ? 0 : data.mv_size < n ? data.mv_size : n - 1;

    if (len > 0)
        memcpy(buf, data.mv_data, len);
    buf[len] = '\0';
    return rc == MDB_NOTFOUND ? 0 : rc;
}
