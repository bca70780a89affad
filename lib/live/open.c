/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a live store: the LMDB environment, one a file and process.
 *
 * One environment. LMDB must not open a file twice in one process: POSIX locks fall away with the
 * first close, and the second open takes itself for the only one and makes the table of readers and
 * the writers' mutex anew; writers then hang and pages are used again under a reader. So stores are
 * kept in a list by (device, inode) of data.mdb and counted; who opens an open one borrows it.
 * Readers open for writing when they may, so that a writer can borrow what a reader opened. Stores
 * that were opened before a fork are the parent's and are passed over.
 *
 * Replaced files. Compaction and restoring put another folder in the place of the store's. LMDB
 * follows the file that it has open, so every transaction compares the file at the path with the
 * one in use, after it has begun: whatever was acknowledged before is in the file that was at the
 * path at that moment, or in an older snapshot of the same file. data.mdb stays open, so that its
 * inode is not given to another file. The folder is opened first and LMDB gets its descriptor, lest
 * it takes the lock of one folder and the data of the other.
 *
 * The map is an upper bound of the file: address space, not memory. It is large from the start, as
 * growing waits for all transactions of the process; under RLIMIT_AS it takes an eighth of what may
 * be had and grows by a half, writers before readers. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/signals.h"
#include "live/hosts/journal.h"
#include "live/ids.h"
#include "live/origins.h"
#include "live/page.h"

enum { MAX_READERS = 1024, OPEN_TRIES = 100, LOOKED_THROUGH = 1 << 20 };

#define LOCK_BYTES 131072 /* at least what LMDB needs for MAX_READERS: 64 bytes a slot */
#define MIN_MAP ((size_t)16 << 20)
#define MAX_FIRST_MAP (sizeof(size_t) > 4 ? (size_t)64 << 30 : (size_t)256 << 20)

static pthread_mutex_t stores_lock = PTHREAD_MUTEX_INITIALIZER;
static struct pz_live_store *stores; /* of this process and, after a fork, of its parents */

/* ---- files ---- */

/* data.mdb at the store's path, as it is now. 0 or an errno value. */
static int look(const char *dir, struct stat *info)
{
    char path[4096];

    if (snprintf(path, sizeof path, "%s/data.mdb", dir) >= (int)sizeof path)
        return ENAMETOOLONG;
    return stat(path, info) == 0 ? 0 : errno;
}

bool pz_db_moved(const struct pz_live_store *s)
{
    struct stat info;

    /* A path without a store counts as moved: what was there may come back under another inode. */
    return look(s->dir, &info) != 0 || info.st_ino != s->ino || info.st_dev != s->dev;
}

/* The lock file is mapped and written through the map: on a full disk that would be SIGBUS. So it
 * gets its blocks before LMDB sees it. Never when it exists: closing it would drop LMDB's own lock
 * on it. */
static int reserve_lock(int folder)
{
    int fd = openat(folder, "lock.mdb", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600), rc;

    if (fd < 0)
        return errno == EEXIST ? 0 : errno;
    pz_file_give(fd, folder);
    rc = posix_fallocate(fd, 0, LOCK_BYTES);
    /* A file system without it (some network ones) keeps the risk that it always had. */
    if (rc == EOPNOTSUPP || rc == EINVAL)
        rc = 0;
    if (rc != 0)
        unlinkat(folder, "lock.mdb", 0);
    close(fd);
    return rc;
}

/* ---- the map ---- */

static size_t first_map(void)
{
    struct rlimit limit;
    size_t bytes = MAX_FIRST_MAP;

    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        limit.rlim_cur / 8 < bytes)
        bytes = (size_t)(limit.rlim_cur / 8) / PZ_PAGE * PZ_PAGE;
    return bytes < MIN_MAP ? MIN_MAP : bytes;
}

/* LMDB gives up the old map before it asks for the new one. */
static bool is_room_for(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return p != MAP_FAILED && munmap(p, bytes) == 0;
}

int pz_db_grow(struct pz_live_store *s, int why)
{
    MDB_envinfo info;
    struct stat file = { 0 };
    size_t bytes = 0;
    int rc;

    pthread_rwlock_wrlock(&s->growing);
    rc = mdb_env_info(s->env, &info);
    if (rc == 0)
        rc = look(s->dir, &file);
    if (rc == 0) {
        bytes = info.me_mapsize;
        if (why == MDB_MAP_RESIZED) /* another thread may have done it */
            bytes = (size_t)file.st_size > bytes ? (size_t)file.st_size : bytes;
        /* By a half: growing is rare, and address space is what runs out under a limit. */
        bytes = (bytes + bytes / 2 + MIN_MAP) / PZ_PAGE * PZ_PAGE;
        rc = is_room_for(bytes) ? mdb_env_set_mapsize(s->env, bytes) : ENOMEM;
    }
    pthread_rwlock_unlock(&s->growing);
    return rc;
}

/* ---- the environment ---- */

/* Of a new store; one of an older format keeps its identity. Format 1 had ids as they are, format 2
 * no checks, format 3 an entry for each event id. */
static int make_format(struct pz_live_store *s, MDB_txn *txn, uint64_t format)
{
    uint64_t id = 0;
    int rc = format > 0 || getrandom(&id, sizeof id, 0) == (ssize_t)sizeof id ? 0 : errno;

    if (rc == 0 && format == 1)
        rc = pz_ids_make(s, txn, format);
    if (rc == 0 && format == PZ_DB_CHECKED)
        rc = pz_db_check_counts(s, txn);
    if (rc == 0 && format < PZ_DB_CHECKED)
        rc = pz_db_add_checks(s, txn, format > 0);
    if (rc == 0 && format > 0)
        rc = pz_ids_pack(s, txn);
    if (rc == 0 && format == 0)
        rc = pz_db_put_meta(s, txn, "id", id);
    if (rc == 0 && format == 0)
        rc = pz_ids_make(s, txn, format);
    if (rc == 0)
        rc = pz_origins_note(s, txn);
    return rc == 0 ? pz_db_put_meta(s, txn, "format", PZ_DB_PACKED) : rc;
}

static bool is_empty(struct pz_live_store *s, MDB_txn *txn)
{
    MDB_stat stat;
    bool empty = true;

    for (enum pz_db db = 0; db < PZ_N_DBS && empty; db++)
        empty = mdb_stat(txn, s->db[db], &stat) == 0 && stat.ms_entries == 0;
    return empty;
}

int pz_db_enter(struct pz_live_store *s, MDB_txn *txn, bool writes)
{
    uint64_t format;
    int rc = pz_db_learn_format(s, txn, writes, &format);

    if (rc == 0 && format == 0 && !(writes && is_empty(s, txn))) /* only a new store has none */
        rc = MDB_CORRUPTED;
    /* Only a writer may change the format; a reader reads it as it is. */
    if (rc == 0 && writes)
        rc = format < PZ_DB_PACKED ? make_format(s, txn, format) : pz_db_check_counts(s, txn);
    return rc;
}

/* What the store is, as of its opening. */
static int look_into(struct pz_live_store *s, MDB_txn *txn, bool make)
{
    uint64_t last = 0;
    char url[8] = "";
    int rc = pz_db_enter(s, txn, make);

    if (rc == 0)
        rc = pz_db_get_meta(s, txn, "last", &last);
    s->fresh = rc == 0 && last == 0;
    if (rc == 0)
        rc = pz_db_get_text(s, txn, "log", url, sizeof url);
    atomic_store(&s->follows, rc == 0 && *url);
    return rc == 0 && make ? pz_db_note_counts(s, txn) : rc;
}

int pz_db_count_free(MDB_txn *txn, size_t from, size_t *n)
{
    struct pz_walk w;

    *n = 0;
    pz_walk_begin_free(&w, txn);
    while (pz_walk_next(&w)) {
        const size_t *page = w.value.mv_data; /* how many, and then each */

        if (w.value.mv_size < sizeof *page || page[0] > w.value.mv_size / sizeof *page - 1) {
            w.rc = MDB_CORRUPTED;
            break;
        }
        for (size_t i = 1; i <= page[0]; i++)
            *n += page[i] >= from;
    }
    return pz_walk_end(&w);
}

/* A file that was cut lacks pages that are in use; pages at its end that were never used need not
 * be there. Reading beyond the end would be a crash, writing there would hide the loss. */
static int check_size(struct pz_live_store *s, MDB_txn *txn)
{
    struct stat file;
    MDB_envinfo info;
    MDB_stat stat;
    size_t pages, have, n_free;
    int fd, rc = mdb_env_get_fd(s->env, &fd);

    if (rc == 0)
        rc = mdb_env_info(s->env, &info);
    if (rc == 0) /* after it: a writer makes the file longer before it says so */
        rc = fstat(fd, &file) == 0 ? 0 : errno;
    if (rc == 0)
        rc = mdb_env_stat(s->env, &stat);
    if (rc != 0)
        return rc;
    pages = info.me_last_pgno + 1;
    have = (size_t)file.st_size / stat.ms_psize;
    if (have >= pages)
        return 0;
    rc = pz_db_count_free(txn, have, &n_free);
    return rc == 0 && n_free < pages - have ? MDB_CORRUPTED : rc;
}

/* A small store is looked through by whoever will write to it; pz_live_verify does it with any. */
static int check_pages(const struct pz_live_store *s)
{
    struct stat file;
    int fd, rc = mdb_env_get_fd(s->env, &fd);

    if (rc == 0 && fstat(fd, &file) == 0 && file.st_size <= LOOKED_THROUGH &&
        pz_db_sound(fd) == MDB_CORRUPTED)
        rc = MDB_CORRUPTED;
    return rc;
}

/* The newest transaction counts only where the one before it is the other of the first two pages:
 * LMDB goes by the larger number, and would show an older state if that was damaged. A file that is
 * not synced (the view of a log) can lose either to a power cut, and is read anew then
 * (hosts/shared.c). */
static int check_start(struct pz_live_store *s, MDB_txn *txn)
{
    uint64_t boot = 0;
    int fd, rc = pz_db_get_meta(s, txn, "boot", &boot);

    if (rc != 0 || boot != 0)
        return rc;
    rc = mdb_env_get_fd(s->env, &fd);
    return rc == 0 ? pz_db_start_sound(fd) : rc;
}

/* Whether a store without one of its tables is new: the first commit makes them all at once. */
static bool is_new(MDB_txn *txn)
{
    MDB_stat tables;

    return mdb_stat(txn, 1, &tables) == 0 && tables.ms_entries == 0; /* 1: LMDB's table of tables */
}

const char *pz_db_name(enum pz_db db)
{
    static const char *const names[PZ_N_DBS] = { "events",    "owner", "ids",   "joins", "sessions",
                                                 "forgotten", "items", "users", "meta" };

    return names[db];
}

/* MDB_NOTFOUND: a reader came before the first commit. */
static int find_dbs(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    bool make = *(const bool *)context;
    int rc = check_size(s, txn);

    if (rc == 0 && make) /* nobody else writes now */
        rc = check_pages(s);
    for (enum pz_db db = 0; db < PZ_N_DBS && rc == 0; db++)
        rc = mdb_dbi_open(txn, pz_db_name(db), make ? MDB_CREATE : 0, &s->db[db]);
    if (rc == MDB_NOTFOUND && !is_new(txn)) /* their names are lost, not missing */
        rc = MDB_CORRUPTED;
    if (rc == 0)
        rc = look_into(s, txn, make);
    return rc == 0 ? check_start(s, txn) : rc;
}

static int open_dbs(struct pz_live_store *s, bool make)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(s->env, NULL, make ? 0 : MDB_RDONLY, &txn);

    if (rc != 0)
        return rc;
    rc = pz_db_guarded(s, txn, find_dbs, &make);
    if (rc == 0) /* also of a reader: an abort would close the handles */
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return rc;
}

/* LMDB's own message would go to standard error; pz_db_guarded says what it means. */
static void on_assert(MDB_env *env, const char *text)
{
    (void)env;
    (void)text;
    abort();
}

static int open_env_at(struct pz_live_store *s, const char *path, unsigned flags, size_t map)
{
    int rc = mdb_env_create(&s->env);

    if (rc == 0)
        rc = mdb_env_set_assert(s->env, on_assert);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(s->env, PZ_N_DBS);
    if (rc == 0)
        rc = mdb_env_set_maxreaders(s->env, MAX_READERS);
    if (rc == 0)
        rc = mdb_env_set_mapsize(s->env, map);
    if (rc == 0)
        rc = mdb_env_open(s->env, path, MDB_NOTLS | flags, 0600);
    if (rc != 0 && s->env) {
        mdb_env_close(s->env);
        s->env = NULL;
    }
    return rc;
}

static int open_env(struct pz_live_store *s, int folder, unsigned flags)
{
    char path[64];
    size_t map = first_map();
    int rc;

    /* The folder that was opened, whatever is at its path by now. */
    snprintf(path, sizeof path, "/proc/self/fd/%d", folder);
    do {
        rc = open_env_at(s, access(path, F_OK) == 0 ? path : s->dir, flags, map);
        map /= 2;
    } while ((rc == ENOMEM || rc == EINVAL) && map >= MIN_MAP); /* EINVAL: under valgrind */
    return rc;
}

static bool is_permission(int rc)
{
    return rc == EACCES || rc == EROFS || rc == EPERM;
}

/* LMDB divides by the size of pages that the first two say. What cannot be read here it will tell
 * itself. */
static int check_page_size(int folder)
{
    unsigned char head[PZ_PAGE_META_DBS + 4];
    int fd = openat(folder, "data.mdb", O_RDONLY | O_CLOEXEC), rc = 0;

    for (int i = 0; i < 2 && fd >= 0 && rc == 0; i++)
        if (pread(fd, head, sizeof head, (off_t)i * PZ_PAGE) == sizeof head) {
            uint32_t size = pz_get32(head + PZ_PAGE_META_DBS);

            rc = size < 512 || size > 65536 || (size & (size - 1)) != 0 ? MDB_CORRUPTED : 0;
        }
    if (fd >= 0)
        close(fd);
    return rc;
}

static int open_in(struct pz_live_store *s, int folder, bool make)
{
    struct stat info;
    bool made = make && fstatat(folder, "data.mdb", &info, 0) != 0 && errno == ENOENT;
    int fd, rc;

    if (make) {
        rc = reserve_lock(folder);
    } else { /* LMDB would make the files */
        rc = fstatat(folder, "data.mdb", &info, 0) == 0 ? 0 : errno;
        if (rc == 0 && info.st_size == 0)
            rc = ENOENT;
    }
    if (rc == 0 && fstatat(folder, "data.mdb", &info, 0) == 0 && info.st_size > 0 &&
        info.st_size < 2 * PZ_PAGE) /* not even the two pages that say what is in it */
        rc = MDB_CORRUPTED;
    if (rc == 0)
        rc = check_page_size(folder);
    if (rc == 0)
        rc = open_env(s, folder, 0);
    /* Opened for writing where that is allowed, also for a reader: see "One environment" above. */
    s->writable = rc == 0;
    if (!make && is_permission(rc)) {
        rc = open_env(s, folder, MDB_RDONLY);
        s->unlocked = is_permission(rc);
        if (s->unlocked)
            rc = open_env(s, folder, MDB_RDONLY | MDB_NOLOCK);
    }
    if (rc == 0)
        rc = mdb_env_get_fd(s->env, &fd);
    if (rc == 0 && made)
        pz_file_give(fd, folder);
    if (rc == 0)
        rc = fstat(fd, &info) == 0 ? 0 : errno;
    if (rc != 0)
        return rc;
    s->dev = info.st_dev;
    s->ino = info.st_ino;
    s->file = pz_origins_file(fd);
    return open_dbs(s, make);
}

void pz_db_close_files(struct pz_live_store *s)
{
    if (s->env)
        mdb_env_close(s->env);
    s->env = NULL;
}

/* Where a damaged page has led LMDB, the program crashes anywhere; in a signal handler. */
static bool is_damaged(const void *store)
{
    const struct pz_live_store *s = store;
    int fd;

    return s->env && mdb_env_get_fd(s->env, &fd) == 0 && pz_db_sound(fd) == MDB_CORRUPTED;
}

/* Whether the folder that was opened is the one at the path. After a compaction it is another, and
 * the old one loses its files while whoever opened it looks for them. */
static bool is_at_path(int folder, const char *dir)
{
    struct stat opened, now;

    return fstat(folder, &opened) == 0 && stat(dir, &now) == 0 && pz_file_is_same(&opened, &now);
}

/* The environment of what is at s->dir now, into s. Under stores_lock. */
int pz_db_open_files(struct pz_live_store *s, bool make)
{
    int dead, folder, rc;
    bool here;

    for (int i = 0; i < OPEN_TRIES; i++) {
        rc = make ? pz_file_mkdir(s->dir, 0700) : 0;
        if (rc != 0 && rc != EEXIST)
            return rc;
        folder = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder < 0)
            return errno;
        rc = open_in(s, folder, make);
        here = is_at_path(folder, s->dir);
        close(folder);
        if (rc == 0 && !pz_db_moved(s))
            break;
        pz_db_close_files(s);
        if (rc != 0 && here)
            return rc;
    }
    if (!s->env)
        return EAGAIN;
    if (s->writable)
        mdb_reader_check(s->env, &dead);
    return 0;
}

/* Whether LMDB gave the environment up; another thread may have opened it again. */
static bool is_lost(const struct pz_live_store *s)
{
    MDB_txn *txn;
    int rc = s->env ? mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn) : MDB_PANIC;

    if (rc == 0)
        mdb_txn_commit(txn);
    return rc == MDB_PANIC;
}

/* Under stores_lock. A file is never open twice: one that did not move is closed first. */
static int follow(struct pz_live_store *s, bool anew)
{
    struct pz_live_store now = { .dir = s->dir };
    bool moved;
    int rc = 0;

    pthread_rwlock_wrlock(&s->growing);
    moved = pz_db_moved(s);
    if (moved || (anew && is_lost(s))) {
        if (!moved)
            pz_db_close_files(s);
        rc = pz_db_open_files(&now, false);
        if (rc == 0) {
            pz_db_close_files(s);
            s->env = now.env;
            memcpy(s->db, now.db, sizeof s->db);
            s->writable = now.writable;
            s->unlocked = now.unlocked;
            atomic_store(&s->follows, atomic_load(&now.follows));
            s->dev = now.dev;
            s->ino = now.ino;
            s->file = now.file;
        }
    }
    pthread_rwlock_unlock(&s->growing);
    return rc;
}

void pz_db_lock_stores(void)
{
    pthread_mutex_lock(&stores_lock);
}

void pz_db_unlock_stores(void)
{
    pthread_mutex_unlock(&stores_lock);
}

int pz_db_reopen(struct pz_live_store *s, bool anew)
{
    int rc;

    pthread_mutex_lock(&stores_lock);
    rc = follow(s, anew);
    pthread_mutex_unlock(&stores_lock);
    return rc;
}

/* ---- stores ---- */

/* Those whose file was replaced follow first, so that no two come to have one file. */
static struct pz_live_store *find_open(const char *dir)
{
    struct stat info;

    for (struct pz_live_store *s = stores; s; s = s->next)
        if (s->pid == getpid() && pz_db_moved(s))
            follow(s, false);
    if (look(dir, &info) != 0)
        return NULL;
    for (struct pz_live_store *s = stores; s; s = s->next)
        if (s->pid == getpid() && s->dev == info.st_dev && s->ino == info.st_ino)
            return s;
    return NULL;
}

static void store_free(struct pz_live_store *s)
{
    pz_db_close_files(s);
    pz_signals_unwatch(s);
    pthread_rwlock_destroy(&s->growing);
    pz_journal_close(s->log);
    pthread_mutex_destroy(&s->log_lock);
    free(s->dir);
    free(s);
}

static struct pz_live_store *store_new(const char *dir)
{
    struct pz_live_store *s = calloc(1, sizeof *s);
    pthread_rwlockattr_t attr;

    if (!s || !(s->dir = pz_mem_strndup(dir, strlen(dir)))) {
        free(s);
        return NULL;
    }
    s->pid = getpid();
    pthread_mutex_init(&s->log_lock, NULL);
    pz_signals_watch(&(struct pz_watched){ s, 0, s->dir, is_damaged, s });
    pthread_rwlockattr_init(&attr); /* readers without end must not keep the map from growing */
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&s->growing, &attr);
    pthread_rwlockattr_destroy(&attr);
    return s;
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

static bool is_named(const char *path)
{
    size_t n = strlen(path);

    while (n > 0 && path[n - 1] == '/')
        n--;
    return n > 4 && strncmp(path + n - 4, ".pzl", 4) == 0;
}

enum pz_status pz_live_is(const char *path, bool *is, struct pz_err *err)
{
    struct stat info;
    int failed = is_named(path) ? 0 : look(path, &info);

    *is = failed == 0;
    return failed && failed != ENOENT && failed != ENOTDIR
               ? pz_err_errno(err, PZ_NO_INPUT, failed, "cannot look at %s", path)
               : PZ_OK;
}

/* A link to a folder that is not there: a disk that is not mounted has a store all the same. */
static bool leads_nowhere(const char *dir)
{
    struct stat link, info;

    return lstat(dir, &link) == 0 && S_ISLNK(link.st_mode) && stat(dir, &info) != 0;
}

/* Another environment for the list. *out NULL and PZ_OK: nothing was stored yet. */
static enum pz_status open_new(const char *dir, bool writable, struct pz_live_store **out,
                               struct pz_err *err)
{
    struct pz_live_store *s = store_new(dir);
    enum pz_status st = PZ_OK;
    int rc = s ? pz_db_open_files(s, writable) : 0;

    *out = NULL;
    if (!s)
        return pz_err_memory(err, "the live store", sizeof *s);
    if (rc == ENOENT && leads_nowhere(dir))
        st = pz_err_set(err, PZ_NO_INPUT,
                        "%s is a link that leads nowhere: the live store's disk is not mounted?",
                        dir);
    else if (rc == ENOENT && !writable && is_named(dir))
        st = pz_err_set(err, PZ_NO_INPUT, "%s: no such live store; pz-event put makes it", dir);
    else if (rc != 0 && (writable || (rc != ENOENT && rc != MDB_NOTFOUND)))
        st = pz_db_fail(s, rc, "opening", err);
    else if (rc == 0 && writable && s->fresh)
        st = sync_names(s, err);
    if (rc != 0 || st != PZ_OK) {
        store_free(s);
        return st;
    }
    /* Stores are never taken off the list by a child: they are the parent's. */
    s->next = stores;
    stores = *out = s;
    return PZ_OK;
}

enum pz_status pz_live_open(const char *dir, bool writable, struct pz_live_store **out,
                            struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    pthread_mutex_lock(&stores_lock);
    *out = find_open(dir);
    if (*out && writable && !(*out)->writable)
        st = pz_db_fail(*out, EACCES, "opening", err);
    else if (!*out)
        st = open_new(dir, writable, out, err);
    if (st != PZ_OK)
        *out = NULL;
    if (*out)
        (*out)->n_users++;
    pthread_mutex_unlock(&stores_lock);
    return st;
}

void pz_live_close(struct pz_live_store *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&stores_lock);
    if (--s->n_users == 0) {
        struct pz_live_store **at = &stores;

        while (*at != s)
            at = &(*at)->next;
        *at = s->next;
        store_free(s);
    }
    pthread_mutex_unlock(&stores_lock);
}
