/* SPDX-License-Identifier: Apache-2.0 */
/* Files that appear whole or not at all: see file.h.
 *
 * Order of a commit, each step checked, the temporary file removed when one fails:
 *   1. write what is buffered   2. fsync the file   3. close it   4. rename it over the name
 *   5. fsync the folder.
 * A crash before 4 leaves the old file and a ".NAME.XXXXXX.tmp" that nothing reads and the next
 * output of that name removes; after 4 the new one.
 *
 * Open outputs are listed in a fixed table so that a signal handler can remove their temporary
 * files with unlink alone. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/ranks.h"
#include "base/signals.h"
#include "base/str.h"
#include "base/time.h"

enum { BUFFER_BYTES = 1 << 16, PIECE_BYTES = 2 << 20, MAX_OPEN = 64 };

struct pz_out {
    int fd;
    bool borrowed;     /* the descriptor is the caller's, or standard output */
    bool device;       /* not a file: nothing to sync or to rename */
    char *path, *temp; /* owned; temp NULL when borrowed */
    int slot;          /* in open_temps, -1: none */
    uint64_t written;
    char *buffer; /* [room] owned */
    size_t used, room;
    struct pz_err failure; /* sticky */
};

/* Names of temporary files for pz_out_abort_all; written under the lock, read by the handler. */
static const char *volatile open_temps[MAX_OPEN];
static pthread_mutex_t temps_lock = PTHREAD_MUTEX_INITIALIZER;

static int note_temp(const char *temp)
{
    int slot = -1;

    pthread_mutex_lock(&temps_lock);
    for (int i = 0; i < MAX_OPEN && slot < 0; i++)
        if (!open_temps[i]) {
            open_temps[i] = temp;
            slot = i;
        }
    pthread_mutex_unlock(&temps_lock);
    return slot;
}

void pz_out_abort_all(void)
{
    for (int i = 0; i < MAX_OPEN; i++)
        if (open_temps[i])
            unlink(open_temps[i]);
}

bool pz_file_is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

bool pz_file_dirname(const char *path, char *buf, size_t n)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 1;

    if (slash == path)
        len = 1;
    if (len + 1 > n)
        return false;
    memcpy(buf, slash ? path : ".", len);
    buf[len] = '\0';
    return true;
}

void pz_file_give(int fd, int folder)
{
    struct stat info;

    if (geteuid() == 0 && fstat(folder, &info) == 0 && info.st_uid != 0)
        (void)!fchown(fd, info.st_uid, info.st_gid);
}

int pz_file_mkdir(const char *path, mode_t mode)
{
    int made = mkdir(path, mode) == 0 ? 0 : errno, fd, folder;

    if (made != 0)
        return made;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    folder = fd >= 0 ? openat(fd, "..", O_PATH | O_CLOEXEC) : -1;
    if (folder >= 0) {
        pz_file_give(fd, folder);
        close(folder);
    }
    if (fd >= 0)
        close(fd);
    return 0;
}

/* pz_file_give for a file at path. */
static void give(int fd, const char *path)
{
    char name[4096];
    int folder = pz_file_dirname(path, name, sizeof name) ? open(name, O_PATH | O_CLOEXEC) : -1;

    if (folder >= 0) {
        pz_file_give(fd, folder);
        close(folder);
    }
}

static void out_free(struct pz_out *out)
{
    if (out->slot >= 0)
        open_temps[out->slot] = NULL;
    free(out->buffer);
    free(out->path);
    free(out->temp);
    free(out);
}

/* ---- temporary files ----
 * A living process holds a lock on its temporary file until it is renamed; one that nobody holds
 * was left by a process that was killed, and the next output of that name removes it. */

/* So much of a long name is in that of its temporary file that this is none too long. */
static int kept_of(const char *name)
{
    return (int)strnlen(name, NAME_MAX - strlen("..XXXXXX.tmp"));
}

bool pz_file_is_temp_of(const char *entry, const char *name)
{
    size_t n = (size_t)kept_of(name);

    return entry[0] == '.' && strncmp(entry + 1, name, n) == 0 && strlen(entry) == n + 12 &&
           entry[n + 1] == '.' && strcmp(entry + n + 8, ".tmp") == 0;
}

static void remove_orphan(int dir, const char *entry)
{
    int fd = openat(dir, entry, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat held, named;

    if (fd < 0)
        return;
    if (fstat(fd, &held) == 0 && S_ISREG(held.st_mode) && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
        fstatat(dir, entry, &named, AT_SYMLINK_NOFOLLOW) == 0 && named.st_ino == held.st_ino)
        unlinkat(dir, entry, 0);
    close(fd);
}

void pz_file_remove_orphans(const char *path)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    DIR *dir = pz_file_dirname(path, folder, sizeof folder) ? opendir(folder) : NULL;
    struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        if (pz_file_is_temp_of(entry->d_name, slash ? slash + 1 : path))
            remove_orphan(dirfd(dir), entry->d_name);
    if (dir)
        closedir(dir);
}

/* Hold the temporary file; false when somebody who tidies up was quicker and removed it. Where
 * there are no locks (some network file systems), nobody can remove either. */
static bool hold_temp(int fd)
{
    struct stat info;

    flock(fd, LOCK_EX | LOCK_NB);
    return fstat(fd, &info) != 0 || info.st_nlink > 0;
}

static enum pz_status name_temp(struct pz_out *out, struct pz_err *err)
{
    struct pz_str name = { 0 };
    const char *slash = strrchr(out->path, '/'), *last = slash ? slash + 1 : out->path;

    pz_str_add(&name, out->path, (size_t)(last - out->path));
    pz_str_addf(&name, ".%.*s.XXXXXX.tmp", kept_of(last), last);
    if (name.failed) {
        pz_str_clear(&name);
        return pz_err_memory(err, "a file name", (double)strlen(out->path));
    }
    out->temp = name.data;
    return PZ_OK;
}

/* The mode of what it replaces, and where that is allowed (to root) its owner, else that of the
 * folder: who could read and write before a job of root's wrote can do so after. */
static enum pz_status set_mode(const struct pz_out *out, struct pz_err *err)
{
    struct stat old;
    mode_t mask = umask(0);
    mode_t mode = 0666 & ~mask;

    umask(mask);
    if (stat(out->path, &old) == 0) {
        mode = old.st_mode & 0777;
        (void)!fchown(out->fd, old.st_uid, old.st_gid);
    } else if (errno != ENOENT) {
        return pz_err_errno(err, PZ_CANT_CREATE, errno, "cannot look at %s", out->path);
    } else {
        give(out->fd, out->temp);
    }
    if (fchmod(out->fd, mode) != 0)
        return pz_err_errno(err, PZ_CANT_CREATE, errno, "cannot set the mode of %s", out->path);
    return PZ_OK;
}

static enum pz_status make_temp(struct pz_out *out, struct pz_err *err)
{
    enum pz_status st = name_temp(out, err);
    size_t n = st == PZ_OK ? strlen(out->temp) : 0;

    if (st != PZ_OK)
        return st;
    pz_file_remove_orphans(out->path);
    do {
        if (out->fd >= 0)
            close(out->fd);
        memcpy(out->temp + n - 10, "XXXXXX", 6);
        out->fd = mkostemps(out->temp, 4, O_CLOEXEC);
    } while (out->fd >= 0 ? !hold_temp(out->fd) : pz_stop_retry(errno));
    if (out->fd < 0) {
        free(out->temp); /* nothing to unlink */
        out->temp = NULL;
        return pz_err_errno(err, PZ_CANT_CREATE, errno, "cannot create %s", out->path);
    }
    out->slot = note_temp(out->temp);
    return set_mode(out, err);
}

/* A terminal, a pipe, /dev/null: written to as it is; a rename would replace it by a file. */
static enum pz_status is_device(const char *path, bool *is, struct pz_err *err)
{
    struct stat info;
    int failed = stat(path, &info) != 0 ? errno : 0;

    *is = !failed && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
    return failed && failed != ENOENT
               ? pz_err_errno(err, PZ_CANT_CREATE, failed, "cannot create %s", path)
               : PZ_OK;
}

/* Where the file is that the path stands for: an output goes behind a symbolic link, as it does
 * with a shell's >, and leaves the link; a rename would put the file in its place, on its disk. A
 * link may lead to what is not there yet; a loop of them was refused by is_device. */
static enum pz_status follow_links(struct pz_out *out, struct pz_err *err)
{
    char target[4096];
    ssize_t n;

    while ((n = readlink(out->path, target, sizeof target)) >= 0) {
        const char *slash = *target == '/' ? NULL : strrchr(out->path, '/');
        struct pz_str path = { 0 };

        if (slash)
            pz_str_add(&path, out->path, (size_t)(slash - out->path) + 1);
        pz_str_add(&path, target, (size_t)n);
        if (path.failed) {
            pz_str_clear(&path);
            return pz_err_memory(err, "a file name", (double)n);
        }
        free(out->path);
        out->path = path.data;
    }
    return PZ_OK;
}

static enum pz_status open_device(struct pz_out *out, struct pz_err *err)
{
    do
        out->fd = open(out->path, O_WRONLY | O_CLOEXEC);
    while (out->fd < 0 && pz_stop_retry(errno));
    out->device = true;
    return out->fd >= 0 ? PZ_OK
                        : pz_err_errno(err, PZ_CANT_CREATE, errno, "cannot write to %s", out->path);
}

/* An output without a descriptor yet. */
static enum pz_status out_new(const char *name, struct pz_out **out_ptr, struct pz_err *err)
{
    struct pz_out *out = calloc(1, sizeof *out);

    *out_ptr = out;
    if (!out)
        return pz_err_memory(err, "an output", sizeof *out);
    out->fd = -1;
    out->slot = -1;
    out->buffer = malloc(BUFFER_BYTES);
    out->room = BUFFER_BYTES;
    if (!out->buffer)
        return pz_err_memory(err, "an output buffer", BUFFER_BYTES);
    out->path = pz_mem_strndup(name, strlen(name));
    return out->path ? PZ_OK : pz_err_memory(err, "a file name", (double)strlen(name));
}

enum pz_status pz_out_attach(int fd, const char *name, struct pz_out **out_ptr, struct pz_err *err)
{
    enum pz_status st = out_new(name, out_ptr, err);

    if (st == PZ_OK) {
        (*out_ptr)->fd = fd;
        (*out_ptr)->borrowed = true;
        return PZ_OK;
    }
    pz_out_abort(*out_ptr);
    *out_ptr = NULL;
    return st;
}

/* The descriptor that a path names, or -1. Opened by the path a file would begin at its first byte
 * again, and a rename would replace the name. */
static int descriptor_of(const char *path)
{
    static const char *const folders[] = { "/dev/fd/", "/proc/self/fd/" };
    char *end;
    long fd;

    if (strcmp(path, "/dev/stdout") == 0)
        return STDOUT_FILENO;
    if (strcmp(path, "/dev/stderr") == 0)
        return STDERR_FILENO;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        size_t n = strlen(folders[i]);

        if (strncmp(path, folders[i], n) != 0 || path[n] < '0' || path[n] > '9')
            continue;
        fd = strtol(path + n, &end, 10);
        return *end == '\0' && fd <= INT_MAX ? (int)fd : -1;
    }
    return -1;
}

enum pz_status pz_out_open(const char *path, struct pz_out **out_ptr, struct pz_err *err)
{
    struct pz_out *out;
    bool device = false;
    enum pz_status st;
    int fd = pz_ranks_first() ? descriptor_of(path) : -1;

    if (strcmp(path, "-") == 0)
        return pz_out_attach(STDOUT_FILENO, "standard output", out_ptr, err);
    if (fd >= 0)
        return pz_out_attach(fd, path, out_ptr, err);
    st = out_new(pz_ranks_first() ? path : "/dev/null", &out, err);
    if (st == PZ_OK)
        st = is_device(out->path, &device, err);
    if (st == PZ_OK && !device)
        st = follow_links(out, err);
    if (st == PZ_OK)
        st = device ? open_device(out, err) : make_temp(out, err);
    if (st != PZ_OK) {
        pz_out_abort(out);
        out = NULL;
    }
    *out_ptr = out;
    return st;
}

enum pz_status pz_out_check_binary(const char *path, struct pz_err *err)
{
    if (path && strcmp(path, "-") == 0 && isatty(STDOUT_FILENO))
        return pz_err_set(err, PZ_USAGE,
                          "binary is not written to a terminal; redirect standard output, or name "
                          "a file");
    return PZ_OK;
}

/* All of standard input into a file without a name. */
static enum pz_status spool(int *fd, struct pz_err *err)
{
    static char buffer[BUFFER_BYTES];
    FILE *file = tmpfile();
    ssize_t got = 1;

    if (!file)
        return pz_err_errno(err, PZ_IO, errno, "a temporary file for standard input");
    while (got != 0) {
        got = read(STDIN_FILENO, buffer, sizeof buffer);
        if (got < 0 && pz_stop_retry(errno))
            continue;
        if (got < 0 || fwrite(buffer, 1, (size_t)got, file) != (size_t)got)
            break;
    }
    if (got != 0 || fflush(file) != 0) {
        pz_err_errno(err, pz_stop_asked() ? PZ_INTERRUPTED : PZ_IO, errno,
                     "keeping standard input in a temporary file");
        fclose(file);
        return pz_stop_asked() ? PZ_INTERRUPTED : PZ_IO;
    }
    *fd = fileno(file); /* the stream stays open with it */
    return PZ_OK;
}

enum pz_status pz_file_stdin(int *fd, struct pz_err *err)
{
    static int kept = -1;
    struct stat info;
    enum pz_status st = PZ_OK;

    if (kept < 0 && fstat(STDIN_FILENO, &info) == 0 && S_ISREG(info.st_mode) &&
        lseek(STDIN_FILENO, 0, SEEK_CUR) == 0)
        kept = STDIN_FILENO;
    else if (kept < 0)
        st = spool(&kept, err);
    *fd = kept;
    return st;
}

static enum pz_status write_all(struct pz_out *out, const char *bytes, size_t n)
{
    while (n > 0 && out->failure.status == PZ_OK) {
        ssize_t got = write(out->fd, bytes, n);

        if (got < 0 && pz_stop_retry(errno))
            continue;
        if (got < 0) {
            pz_err_errno(&out->failure, PZ_IO, errno, "writing %s", out->path);
            break;
        }
        bytes += got;
        n -= (size_t)got;
    }
    return out->failure.status;
}

static enum pz_status flush(struct pz_out *out)
{
    size_t n = out->used;

    out->used = 0;
    return write_all(out, out->buffer, n);
}

static enum pz_status report(const struct pz_out *out, struct pz_err *err)
{
    if (out->failure.status != PZ_OK && err)
        *err = out->failure;
    return out->failure.status;
}

/* Without memory for it: in smaller pieces, which is slower to read, not wrong. */
void pz_out_for_map(struct pz_out *out)
{
    char *piece = out->written == 0 ? malloc(PIECE_BYTES) : NULL;

    if (piece) {
        free(out->buffer);
        out->buffer = piece;
        out->room = PIECE_BYTES;
    }
}

/* Each piece of the buffer's size is written at once, and begins at a multiple of that size. */
enum pz_status pz_out_write(struct pz_out *out, const void *bytes, size_t n, struct pz_err *err)
{
    const char *from = bytes;

    out->written += n;
    while (n > 0) {
        size_t left = out->room - out->used, part = n < left ? n : left;

        if (part == out->room) {
            part = n / part * part;
            write_all(out, from, part);
        } else {
            memcpy(out->buffer + out->used, from, part);
            out->used += part;
            if (out->used == out->room)
                flush(out);
        }
        from += part;
        n -= part;
    }
    return report(out, err);
}

enum pz_status pz_out_rewrite(struct pz_out *out, uint64_t at, const void *bytes, size_t n,
                              struct pz_err *err)
{
    enum pz_status st;

    flush(out);
    st = report(out, err);
    if (st == PZ_OK && (out->borrowed || out->device))
        st = pz_err_set(err, PZ_INTERNAL, "%s is no file to go back in", out->path);
    if (st == PZ_OK && pwrite(out->fd, bytes, n, (off_t)at) != (ssize_t)n)
        st = pz_err_errno(err, PZ_IO, errno, "cannot write %s", out->path);
    return st;
}

uint64_t pz_out_size(const struct pz_out *out)
{
    return out->written;
}

enum pz_status pz_file_sync_dir(const char *dir, struct pz_err *err)
{
    int fd, failed;

    do
        fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (fd < 0 && pz_stop_retry(errno));
    if (fd < 0)
        return pz_err_errno(err, PZ_IO, errno, "cannot open the folder %s", dir);
    do
        failed = fsync(fd) != 0 && errno != EINVAL && errno != EROFS ? errno : 0;
    while (failed && pz_stop_retry(failed));
    close(fd);
    if (failed)
        return pz_err_errno(err, PZ_IO, failed, "fsync of the folder %s", dir);
    return PZ_OK;
}

/* Closing tells of errors that writing did not, so it comes before the rename; a second descriptor
 * keeps the lock until then. */
static enum pz_status close_and_rename(struct pz_out *out, struct pz_err *err)
{
    int held = fcntl(out->fd, F_DUPFD_CLOEXEC, 0);
    enum pz_status st = PZ_OK;

    if (close(out->fd) != 0 && errno != EINTR)
        st = pz_err_errno(err, PZ_IO, errno, "closing %s", out->path);
    out->fd = -1;
    if (st == PZ_OK && rename(out->temp, out->path) != 0)
        st = pz_err_errno(err, PZ_CANT_CREATE, errno, "cannot rename to %s", out->path);
    if (held >= 0)
        close(held);
    return st;
}

static enum pz_status sync_file(struct pz_out *out, struct pz_err *err)
{
    int failed;

    do
        failed = fsync(out->fd) != 0 ? errno : 0;
    while (failed && pz_stop_retry(failed));
    return failed ? pz_err_errno(err, PZ_IO, failed, "fsync of %s", out->path) : PZ_OK;
}

static enum pz_status settle(struct pz_out *out, struct pz_err *err)
{
    char dir[4096];
    enum pz_status st = sync_file(out, err);

    if (st == PZ_OK)
        st = close_and_rename(out, err);
    if (st != PZ_OK)
        return st;
    free(out->temp);
    if (out->slot >= 0)
        open_temps[out->slot] = NULL;
    out->slot = -1;
    out->temp = NULL;
    if (!pz_file_dirname(out->path, dir, sizeof dir))
        return pz_err_set(err, PZ_IO, "path too long: %s", out->path);
    return pz_file_sync_dir(dir, err);
}

enum pz_status pz_out_commit(struct pz_out *out, struct pz_err *err)
{
    enum pz_status st;

    if (!out)
        return PZ_OK;
    flush(out);
    st = report(out, err);
    if (st == PZ_OK && !out->borrowed && !out->device)
        st = settle(out, err);
    if (st != PZ_OK || out->device) {
        pz_out_abort(out);
        return st;
    }
    out_free(out);
    return PZ_OK;
}

void pz_out_abort(struct pz_out *out)
{
    if (!out)
        return;
    if (!out->borrowed && out->fd >= 0)
        close(out->fd);
    if (out->temp)
        unlink(out->temp);
    out_free(out);
}

enum pz_status pz_file_exists(const char *path, bool *there, struct pz_err *err)
{
    struct stat info;
    int failed = stat(path, &info) != 0 ? errno : 0;

    *there = failed != ENOENT;
    return failed && failed != ENOENT
               ? pz_err_errno(err, PZ_NO_INPUT, failed, "cannot look at %s", path)
               : PZ_OK;
}

/* All bytes of a descriptor, but no more than max_bytes + 1; one more byte is there for a NUL. */
static enum pz_status read_all(int fd, const char *path, size_t max_bytes, char **buf, size_t *len,
                               struct pz_err *err)
{
    size_t cap = 0;
    ssize_t got = 1;

    while (got > 0 && *len <= max_bytes) {
        /* One byte too many is enough to know; most files are far smaller than a block. */
        size_t left = max_bytes - *len, want = left < 65535 ? left + 1 : 65535;

        if (!pz_mem_grow(buf, &cap, *len + want + 1, 1))
            return pz_err_memory(err, path, (double)(*len + want + 1));
        do
            got = read(fd, *buf + *len, want);
        while (got < 0 && pz_stop_retry(errno));
        if (got < 0)
            return pz_err_errno(err, PZ_IO, errno, "reading %s", path);
        *len += (size_t)got;
    }
    return *len <= max_bytes
               ? PZ_OK
               : pz_err_set(err, PZ_BAD_DATA, "%s is larger than %zu bytes", path, max_bytes);
}

enum pz_status pz_file_read(const char *path, size_t max_bytes, char **data, size_t *n,
                            struct pz_err *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    char *buf = NULL;
    size_t len = 0;
    int fd;
    enum pz_status st;

    *data = NULL;
    *n = 0;
    do
        fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    while (fd < 0 && pz_stop_retry(errno));
    if (fd < 0)
        return pz_err_errno(err, PZ_NO_INPUT, errno, "cannot open %s", path);
    st = read_all(fd, path, max_bytes, &buf, &len, err);
    if (!is_stdin)
        close(fd);
    if (st != PZ_OK) {
        free(buf);
        return st;
    }
    buf[len] = '\0';
    *data = buf;
    *n = len;
    return PZ_OK;
}

enum pz_status pz_file_write(const char *path, const void *data, size_t n, struct pz_err *err)
{
    struct pz_out *out = NULL;
    enum pz_status st = pz_out_open(path, &out, err);

    if (st == PZ_OK)
        st = pz_out_write(out, data, n, err);
    if (st == PZ_OK)
        return pz_out_commit(out, err);
    pz_out_abort(out);
    return st;
}

struct pz_lock {
    int fd;
};

/* Who holds the lock, as that process wrote it into the file. */
static void read_holder(int fd, char *buf, size_t n)
{
    ssize_t got = pread(fd, buf, n - 1, 0);

    if (got < 0)
        got = 0;
    buf[got] = '\0';
    buf[strcspn(buf, "\n")] = '\0';
}

static void write_holder(int fd)
{
    char text[96], when[32];
    int n = snprintf(text, sizeof text, "process %ld since %s\n", (long)getpid(),
                     pz_time_format((int64_t)time(NULL), when));

    /* For people only: a failure here changes nothing. */
    if (ftruncate(fd, 0) == 0 && n > 0)
        n = (int)pwrite(fd, text, (size_t)n, 0);
}

enum pz_status pz_lock_take(const char *path, double wait_s, struct pz_lock **lock,
                            struct pz_err *err)
{
    enum { FLAGS = O_RDWR | O_CLOEXEC | O_NOFOLLOW };
    int fd = open(path, FLAGS | O_CREAT | O_EXCL, 0666);
    double waited = 0;
    char holder[96];

    *lock = NULL;
    if (fd >= 0)
        give(fd, path);
    else if (errno == EEXIST) /* it is never removed */
        fd = open(path, FLAGS);
    if (fd < 0)
        return pz_err_errno(err, PZ_CANT_CREATE, errno, "cannot open the lock %s", path);
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && !pz_stop_retry(errno)) {
            int failed = errno;

            close(fd);
            return pz_err_errno(err, PZ_IO, failed, "cannot lock %s", path);
        }
        if (waited >= wait_s || pz_stop_asked()) {
            read_holder(fd, holder, sizeof holder);
            close(fd);
            return pz_err_set(err, PZ_TRY_AGAIN, "%s is locked by %s; try again later", path,
                              holder[0] ? holder : "another process");
        }
        pz_time_rest(0.02);
        waited += 0.02;
    }
    write_holder(fd);
    *lock = malloc(sizeof **lock);
    if (!*lock) {
        close(fd);
        return pz_err_memory(err, "a lock", sizeof **lock);
    }
    (*lock)->fd = fd;
    return PZ_OK;
}

void pz_lock_free(struct pz_lock *lock)
{
    if (lock)
        close(lock->fd);
    free(lock);
}
