/* SPDX-License-Identifier: Apache-2.0 */
/* Compaction. LMDB never gives pages back, and leaves in them the bytes of what was removed; its
 * own compacting copy takes pages over as they are. So every record is put into a new store, in
 * order of keys, which fills the pages, and the two folders change places:
 *
 *   1. hold the old store's writers' mutex, and all openings of this process
 *   2. make STORE.compact, put all records into it, commit (synced)
 *   3. hold the new store's writers' mutex as well
 *   4. exchange the folders in one step, and sync their parent
 *   5. let go of both; remove the old folder, which is STORE.compact now
 *
 * A writer that waited for the old mutex finds another file at the path (pz_db_moved) and writes
 * there; a reader that begins does too. Whoever opens the store between 4 and 5 can read, and waits
 * until the exchange is on disk before it can write. A crash before 4 leaves STORE.compact, which
 * the next compaction removes, after it the old folder under that name. A store behind a symbolic
 * link, as on another disk, is compacted where it is. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "live/origins.h"
#include "live/records.h"

enum { REMOVE_TRIES = 20 };

/* The two files of a store and its folder; 0 or an errno value. Who opened the folder before it was
 * exchanged may make the lock file in it once more, before they see that it is no longer the
 * store's. */
static int remove_store(const char *dir)
{
    static const char *const names[] = { "data.mdb", "lock.mdb" };
    int folder = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), rc = 0;

    if (folder < 0)
        return errno == ENOENT ? 0 : errno;
    for (int t = 0; t < REMOVE_TRIES && (t == 0 || rc == ENOTEMPTY); t++) {
        rc = 0;
        for (size_t i = 0; i < 2 && rc == 0; i++)
            rc = unlinkat(folder, names[i], 0) == 0 || errno == ENOENT ? 0 : errno;
        if (rc == 0)
            rc = rmdir(dir) == 0 ? 0 : errno;
    }
    close(folder);
    return rc;
}

static int copy_db(struct pz_live_store *s, MDB_txn *from, enum pz_db db,
                   struct pz_live_store *target, MDB_txn *to)
{
    struct pz_walk w;
    /* Keys come in order, so each page is filled before the next is begun; in meta a new store has
     * an identity of its own already. */
    unsigned flags = db == PZ_DB_META ? 0 : MDB_APPEND;

    pz_walk_begin(&w, s, from, db);
    while (pz_walk_next(&w))
        w.rc = pz_db_put(target, to, db, w.key.mv_data, w.key.mv_size, w.value.mv_data,
                         w.value.mv_size, flags);
    return pz_walk_end(&w);
}

/* Where records go, and the write transaction of that store in step 3. */
struct filling {
    struct pz_live_store *to;
    MDB_txn *held;
};

/* Steps 2 and 3. */
static int fill(struct pz_live_store *s, MDB_txn *from, void *context)
{
    struct filling *f = context;
    struct pz_live_store *to = f->to;
    uint64_t last;
    MDB_txn *txn;
    int rc = mdb_txn_begin(to->env, NULL, 0, &txn);

    if (rc != 0)
        return rc;
    rc = pz_db_enter(s, from, true); /* the other one is new, and as this one by now */
    if (rc == 0) /* a copy draws its identity before its new file is taken for its own */
        rc = pz_db_next(s, from, &last);
    rc = rc == EREMOTE ? 0 : rc;
    for (int i = 0; i < PZ_N_DBS && rc == 0; i++)
        rc = copy_db(s, from, (enum pz_db)i, to, txn);
    if (rc == 0)
        rc = pz_origins_note(to, txn);
    if (rc != 0) {
        mdb_txn_abort(txn);
        return rc;
    }
    rc = mdb_txn_commit(txn);
    return rc == 0 ? mdb_txn_begin(to->env, NULL, 0, &f->held) : rc;
}

/* What was made has the owner and the permissions of what it replaces: who read and wrote the store
 * goes on, also when root compacts it. 0 or an errno value. */
static int keep_modes(const char *dir, const char *made)
{
    static const char *const names[] = { "", "/data.mdb", "/lock.mdb" };
    char from[4096], to[4096];
    struct stat info, now;

    for (size_t i = 0; i < 3; i++) {
        snprintf(from, sizeof from, "%s%s", dir, names[i]);
        snprintf(to, sizeof to, "%s%s", made, names[i]);
        if (stat(from, &info) != 0 || stat(to, &now) != 0)
            return errno;
        if ((info.st_uid != now.st_uid || info.st_gid != now.st_gid) &&
            chown(to, info.st_uid, info.st_gid) != 0)
            return errno;
        if (chmod(to, info.st_mode & 0777) != 0)
            return errno;
    }
    return 0;
}

/* Step 4. */
static int exchange(const char *dir, const char *made)
{
    struct pz_err err = { 0 };
    char parent[4096];
    int rc = keep_modes(dir, made);

    if (rc != 0)
        return rc;
    if (pz_file_sync_dir(made, &err) != PZ_OK)
        return EIO;
    /* One step for every observer: at no moment is there no store at the path. */
    if (renameat2(AT_FDCWD, made, AT_FDCWD, dir, RENAME_EXCHANGE) != 0)
        return errno;
    return !pz_file_dirname(dir, parent, sizeof parent) || pz_file_sync_dir(parent, &err) == PZ_OK
               ? 0
               : EIO;
}

/* Steps 1 to 5, under the lock of all openings. dir: the store's folder itself. */
static int compact(struct pz_live_store *s, const char *dir, struct pz_live_store *to)
{
    struct filling f = { .to = to };
    MDB_txn *from;
    int rc;

    pthread_rwlock_rdlock(&s->growing);
    rc = s->env ? mdb_txn_begin(s->env, NULL, 0, &from) : MDB_PANIC;
    if (rc == 0) {
        /* Somebody else compacted while this one waited for the mutex: there is nothing left to do
         * here. */
        rc = pz_db_moved(s) ? EAGAIN : remove_store(to->dir);
        if (rc == 0)
            rc = pz_db_open_files(to, true);
        if (rc == 0)
            rc = pz_db_guarded(s, from, fill, &f);
        if (rc == 0)
            rc = exchange(dir, to->dir);
        if (f.held)
            mdb_txn_abort(f.held);
        pz_db_close_files(to);
        mdb_txn_abort(from);
        if (rc == 0)
            rc = remove_store(to->dir);
        else
            remove_store(to->dir);
    }
    pthread_rwlock_unlock(&s->growing);
    return rc;
}

enum pz_status pz_live_compact(struct pz_live_store *s, struct pz_live_compacted *done,
                               struct pz_err *err)
{
    struct pz_live_store to = { .dir = NULL };
    struct pz_live_size before = { .bytes = 0 }, after = { .bytes = 0 };
    char *dir = realpath(s->dir, NULL);
    struct pz_str made = { 0 };
    enum pz_status st = dir ? pz_live_count(s, &before, err) : pz_db_fail(s, errno, "finding", err);
    int rc = 0;

    pz_str_addf(&made, "%s.compact", dir ? dir : "");
    if (st == PZ_OK && made.failed)
        st = pz_err_memory(err, "a path", 1e3);
    if (st == PZ_OK) {
        to.dir = made.data;
        pz_db_lock_stores();
        rc = compact(s, dir, &to);
        pz_db_unlock_stores();
    }
    /* Not all file systems can exchange; without it there would be a moment without a store, so it
     * is refused. */
    if (rc == EINVAL || rc == ENOSYS)
        st = pz_err_set(err, PZ_UNAVAILABLE, "%s: this file system cannot exchange folders",
                        s->dir);
    else if (rc != 0)
        st = pz_db_fail(s, rc, "compacting", err);
    if (st == PZ_OK)
        st = pz_live_count(s, &after, err);
    if (done)
        *done = (struct pz_live_compacted){ before.bytes, after.bytes };
    pz_str_clear(&made);
    free(dir);
    return st;
}
