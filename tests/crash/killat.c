/* SPDX-License-Identifier: Apache-2.0 */
/* A preload shim that ends a program, or fills its disk, at a chosen step. Steps are the calls that
 * change a file system: creating, writing, syncing, renaming, removing. Standard output and error
 * do not count.
 *
 *   PZ_KILL_AT=N   SIGKILL at step N; when it is a write, half of the bytes are written first
 *   PZ_FULL_AT=N   from step N on the disk is full: what needs space fails with ENOSPC
 *   PZ_STEPS=FILE  append a line a step: its name and the path it acts on */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static long
    step; /* threads of a program that changes files are rare; a lost count only moves a test */

static long setting(const char *name)
{
    const char *text = getenv(name);

    return text ? atol(text) : 0;
}

static void note(const char *what, const char *path)
{
    const char *file = getenv("PZ_STEPS");
    char line[4200];
    int n = snprintf(line, sizeof line, "%s %s\n", what, path);
    long fd = file ? syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND, 0666) : -1;

    if (fd >= 0) {
        (void)syscall(SYS_write, fd, line, (size_t)n);
        (void)syscall(SYS_close, fd);
    }
}

static void die(void)
{
    (void)syscall(SYS_kill, getpid(), SIGKILL);
}

/* Count a step. True when it must fail for want of space. */
static bool is_full(const char *what, const char *path, bool needs_space)
{
    long full = setting("PZ_FULL_AT");

    step++;
    note(what, path);
    if (step == setting("PZ_KILL_AT"))
        die();
    if (full == 0 || step < full || !needs_space)
        return false;
    errno = ENOSPC;
    return true;
}

/* The same for a descriptor. Other than regular files and folders do not count. */
static bool fd_is_full(const char *what, int fd, bool needs_space)
{
    char link[64], path[4096];
    ssize_t n;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof path - 1);
    if (fd <= STDERR_FILENO || n <= 0 || path[0] != '/')
        return false;
    path[n] = '\0';
    return is_full(what, path, needs_space);
}

/* Before a write of n bytes: half of it when it is the last. */
static bool tear(int fd, const void *bytes, size_t n, off_t at)
{
    long kill_at = setting("PZ_KILL_AT");

    if (kill_at > 0 && step + 1 == kill_at && fd > STDERR_FILENO && n > 1) {
        if (at < 0)
            (void)syscall(SYS_write, fd, bytes, n / 2);
        else
            (void)syscall(SYS_pwrite64, fd, bytes, n / 2, at);
    }
    return fd_is_full("write", fd, true);
}

/* The real function behind a name. */
#define REAL(result, name, ...)         \
    static result (*real)(__VA_ARGS__); \
    if (!real)                          \
    *(void **)&real = dlsym(RTLD_NEXT, name)

#define OPEN(fn)                                                  \
    int fn(const char *path, int flags, ...);                     \
    int fn(const char *path, int flags, ...)                      \
    {                                                             \
        va_list args;                                             \
        mode_t mode = 0;                                          \
        REAL(int, #fn, const char *, int, ...);                   \
        if (flags & O_CREAT) {                                    \
            va_start(args, flags);                                \
            mode = va_arg(args, mode_t);                          \
            va_end(args);                                         \
            if (is_full("create", path, access(path, F_OK) != 0)) \
                return -1;                                        \
        }                                                         \
        return real(path, flags, mode);                           \
    }
OPEN(open)
OPEN(open64)

#define MKOSTEMPS(fn)                                                          \
    int fn(char *path, int suffix, int flags);                                 \
    int fn(char *path, int suffix, int flags)                                  \
    {                                                                          \
        REAL(int, #fn, char *, int, int);                                      \
        return is_full("create", path, true) ? -1 : real(path, suffix, flags); \
    }
MKOSTEMPS(mkostemps)
MKOSTEMPS(mkostemps64)

ssize_t write(int fd, const void *bytes, size_t n)
{
    REAL(ssize_t, "write", int, const void *, size_t);
    return tear(fd, bytes, n, -1) ? -1 : real(fd, bytes, n);
}

#define PWRITE(fn)                                                   \
    ssize_t fn(int fd, const void *bytes, size_t n, off_t at)        \
    {                                                                \
        REAL(ssize_t, #fn, int, const void *, size_t, off_t);        \
        return tear(fd, bytes, n, at) ? -1 : real(fd, bytes, n, at); \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

#define PWRITEV(fn)                                                                          \
    ssize_t fn(int fd, const struct iovec *part, int n, off_t at)                            \
    {                                                                                        \
        REAL(ssize_t, #fn, int, const struct iovec *, int, off_t);                           \
        return tear(fd, part[0].iov_base, part[0].iov_len, at) ? -1 : real(fd, part, n, at); \
    }
PWRITEV(pwritev)
PWRITEV(pwritev64)

ssize_t writev(int fd, const struct iovec *part, int n)
{
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    return tear(fd, part[0].iov_base, part[0].iov_len, -1) ? -1 : real(fd, part, n);
}

int fsync(int fd)
{
    REAL(int, "fsync", int);
    return fd_is_full("sync", fd, true) ? -1 : real(fd);
}

int fdatasync(int fd)
{
    REAL(int, "fdatasync", int);
    return fd_is_full("sync", fd, true) ? -1 : real(fd);
}

#define FTRUNCATE(fn)                                               \
    int fn(int fd, off_t n)                                         \
    {                                                               \
        REAL(int, #fn, int, off_t);                                 \
        return fd_is_full("truncate", fd, true) ? -1 : real(fd, n); \
    }
FTRUNCATE(ftruncate)
FTRUNCATE(ftruncate64)

#define FALLOCATE(fn)                                                       \
    int fn(int fd, off_t at, off_t n)                                       \
    {                                                                       \
        REAL(int, #fn, int, off_t, off_t);                                  \
        return fd_is_full("allocate", fd, true) ? ENOSPC : real(fd, at, n); \
    }
FALLOCATE(posix_fallocate)
FALLOCATE(posix_fallocate64)

int rename(const char *from, const char *to)
{
    char both[4200];
    REAL(int, "rename", const char *, const char *);
    snprintf(both, sizeof both, "%s %s", from, to);
    return is_full("rename", both, false) ? -1 : real(from, to);
}

#define ONE_PATH(fn, word)                                   \
    int fn(const char *path)                                 \
    {                                                        \
        REAL(int, #fn, const char *);                        \
        return is_full(word, path, false) ? -1 : real(path); \
    }
ONE_PATH(unlink, "remove")
ONE_PATH(rmdir, "remove")

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    char both[4200];
    REAL(int, "renameat2", int, const char *, int, const char *, unsigned);
    snprintf(both, sizeof both, "%s %s", from, to);
    return is_full("rename", both, false) ? -1 : real(from_dir, from, to_dir, to, flags);
}

int unlinkat(int dir, const char *path, int flags)
{
    REAL(int, "unlinkat", int, const char *, int);
    return is_full("remove", path, false) ? -1 : real(dir, path, flags);
}

int chmod(const char *path, mode_t mode)
{
    REAL(int, "chmod", const char *, mode_t);
    return is_full("mode", path, false) ? -1 : real(path, mode);
}

int mkdir(const char *path, mode_t mode)
{
    REAL(int, "mkdir", const char *, mode_t);
    return is_full("mkdir", path, access(path, F_OK) != 0) ? -1 : real(path, mode);
}
