/* SPDX-License-Identifier: Apache-2.0 */
/* A preload shim that makes allocations fail: malloc, calloc, realloc, posix_memalign and
 * aligned_alloc of the program and its libraries, counted from its main function on.
 *
 *   PZ_ALLOC_AT=N     the Nth allocation returns NULL
 *   PZ_ALLOC_FROM=N   all from the Nth on do
 *   PZ_ALLOC_COUNT=F  append the number of allocations to file F at the end */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* dlsym allocates before it can say where calloc is; that much comes from here. */
static _Alignas(16) char early[1 << 16];
static size_t early_used;

static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static void (*real_free)(void *);
static int (*real_memalign)(void **, size_t, size_t);
static void *(*real_aligned)(size_t, size_t);
static atomic_long count;
static long fail_at, fail_from;
static bool counting;

static long setting(const char *name)
{
    const char *text = getenv(name);

    return text ? atol(text) : 0;
}

static void find(const char *name, void *fn)
{
    void *found = dlsym(RTLD_NEXT, name);

    memcpy(fn, &found, sizeof found);
}

static void find_real(void)
{
    static bool inside;

    if (real_malloc || inside)
        return;
    inside = true;
    find("calloc", &real_calloc);
    find("realloc", &real_realloc);
    find("free", &real_free);
    find("posix_memalign", &real_memalign);
    find("aligned_alloc", &real_aligned);
    find("malloc", &real_malloc);
    inside = false;
}

__attribute__((constructor)) static void start(void)
{
    find_real();
    fail_at = setting("PZ_ALLOC_AT");
    fail_from = setting("PZ_ALLOC_FROM");
    counting = true;
}

__attribute__((destructor)) static void tell(void)
{
    const char *file = getenv("PZ_ALLOC_COUNT");
    char text[32];
    int n = snprintf(text, sizeof text, "%ld\n", atomic_load(&count));
    int fd = file ? open(file, O_WRONLY | O_CREAT | O_APPEND, 0666) : -1;

    if (fd >= 0) {
        if (write(fd, text, (size_t)n) < n)
            _exit(99);
        close(fd);
    }
}

static bool fails(void)
{
    long n = counting ? atomic_fetch_add(&count, 1) + 1 : 0;

    if (n == 0 || (n != fail_at && (fail_from == 0 || n < fail_from)))
        return false;
    errno = ENOMEM;
    return true;
}

static void *take_early(size_t n)
{
    void *p = early + early_used;

    early_used += (n + 15) & ~(size_t)15;
    return early_used <= sizeof early ? p : NULL;
}

static bool is_early(const void *p)
{
    return (const char *)p >= early && (const char *)p < early + sizeof early;
}

void *malloc(size_t n)
{
    find_real();
    return !real_malloc ? take_early(n) : fails() ? NULL : real_malloc(n);
}

void *calloc(size_t n, size_t each)
{
    find_real();
    return !real_malloc ? take_early(n * each) : fails() ? NULL : real_calloc(n, each);
}

void *realloc(void *p, size_t n)
{
    void *moved;

    find_real();
    if (!is_early(p))
        return fails() ? NULL : real_realloc(p, n);
    moved = malloc(n);
    if (moved)
        memcpy(moved, p, n);
    return moved;
}

int posix_memalign(void **out, size_t alignment, size_t n)
{
    find_real();
    return fails() ? ENOMEM : real_memalign(out, alignment, n);
}

void *aligned_alloc(size_t alignment, size_t n)
{
    find_real();
    return fails() ? NULL : real_aligned(alignment, n);
}

void free(void *p)
{
    find_real();
    if (!is_early(p))
        real_free(p);
}
