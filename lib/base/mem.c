/* SPDX-License-Identifier: Apache-2.0 */
/* Memory: see mem.h. Arrays whose size is computed, arrays that grow, and arenas for many small
 * pieces that live and die together.
 *
 * Invariants:
 *   1. No size overflows: products are checked, and nothing is asked for that a pointer difference
 *      could not express.
 *   2. Arrays of pz_mem_array are zeroed and start at a cache line, so that kernels may load whole
 *      vectors and threads that own neighbouring arrays share no line.
 *   3. A failed call changes nothing: what was there is still there, and still the caller's.
 * An arena hands out pieces of blocks of 64 KB, aligned to 8 bytes, and a block of its own to what
 * is larger; it frees all of them at once. Its first block is small: most arenas of a server hold a
 * path and a few texts, and malloc has pieces of that size at hand, where it goes through all that
 * is free for a large one. */
#include "base/mem.h"

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum { ARENA_FIRST_BYTES = 960, ARENA_BLOCK_BYTES = 1 << 16 };

struct pz_arena_block {
    struct pz_arena_block *next;
    size_t used, cap;
    max_align_t data[];
};

static bool multiply(size_t n, size_t elem_bytes, size_t *bytes)
{
    return !__builtin_mul_overflow(n, elem_bytes, bytes) && *bytes <= PTRDIFF_MAX - PZ_MEM_ALIGN;
}

enum { HUGE_PAGE = 2 << 20, PAGE = 4096, LINES = PAGE / PZ_MEM_ALIGN };

/* Ask for huge pages for those that lie wholly in an array, so that it takes no more memory with
 * them than without. First touches of small pages are a third of the time of an update (41,000 of 4
 * us each). */
static void ask_huge(void *p, size_t bytes)
{
    uintptr_t from = ((uintptr_t)p + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE,
              to = ((uintptr_t)p + bytes) / HUGE_PAGE * HUGE_PAGE;

    /* Without them the array is in small pages: slower, not wrong. */
    if (from < to)
        (void)madvise((char *)p + (from - (uintptr_t)p), to - from, MADV_HUGEPAGE);
}

void *pz_mem_room(size_t n, size_t elem_bytes)
{
    size_t bytes;
    void *p = NULL;

    if (!multiply(n, elem_bytes, &bytes))
        return NULL;
    /* Never NULL for an array of no elements: NULL means that memory is out, and nothing else. */
    if (bytes < PZ_MEM_ALIGN)
        bytes = PZ_MEM_ALIGN;
    /* What may have huge pages begins with one. */
    if (posix_memalign(&p, bytes < HUGE_PAGE ? PZ_MEM_ALIGN : HUGE_PAGE, bytes) != 0)
        return NULL;
    ask_huge(p, bytes);
    return p;
}

static bool is_limited(const struct rlimit *limit)
{
    return limit->rlim_cur != RLIM_INFINITY;
}

void *pz_mem_reserve(size_t n, size_t elem_bytes)
{
    struct rlimit space, data;

    if ((getrlimit(RLIMIT_AS, &space) == 0 && is_limited(&space)) ||
        (getrlimit(RLIMIT_DATA, &data) == 0 && is_limited(&data)))
        return NULL;
    return pz_mem_room(n, elem_bytes);
}

void *pz_mem_array(size_t n, size_t elem_bytes)
{
    void *p = pz_mem_room(n, elem_bytes);

    if (p)
        memset(p, 0, n * elem_bytes);
    return p;
}

/* Arrays that all began at the beginning of a page would meet in the same sets of the first cache:
 * each begins at a line of its own. */
static size_t lead(uintptr_t p)
{
    return (p / PAGE ^ p / HUGE_PAGE * 7) % LINES * PZ_MEM_ALIGN;
}

/* Bytes of a mapping for an array; 0: too many. */
static size_t map_bytes(size_t n, size_t elem_bytes)
{
    size_t bytes;

    if (!multiply(n, elem_bytes, &bytes) || bytes > PTRDIFF_MAX - 2 * (size_t)HUGE_PAGE)
        return 0;
    bytes += PAGE;
    if (bytes > HUGE_PAGE / 2)
        return (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    return (bytes + PAGE - 1) / PAGE * PAGE;
}

static void *map(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

static void *begin(char *p)
{
    return p ? p + lead((uintptr_t)p) : NULL;
}

void *pz_mem_map_small(size_t n, size_t elem_bytes)
{
    size_t bytes = map_bytes(n, elem_bytes);

    return bytes ? begin(map(bytes)) : NULL;
}

void *pz_mem_map(size_t n, size_t elem_bytes)
{
    size_t bytes = map_bytes(n, elem_bytes), before, behind;
    char *p;

    if (bytes < HUGE_PAGE)
        return pz_mem_map_small(n, elem_bytes);
    /* Huge pages begin at multiples of their size: what is too much on both sides goes back. */
    p = map(bytes + HUGE_PAGE);
    if (!p)
        return NULL;
    before = (HUGE_PAGE - (uintptr_t)p % HUGE_PAGE) % HUGE_PAGE;
    behind = HUGE_PAGE - before;
    if (before > 0)
        munmap(p, before);
    if (behind > 0)
        munmap(p + before + bytes, behind);
    /* Without them the array is in small pages: slower, not wrong. */
    (void)madvise(p + before, bytes, MADV_HUGEPAGE);
    return begin(p + before);
}

void pz_mem_unmap(void *p, size_t n, size_t elem_bytes)
{
    if (p)
        munmap((char *)p - (uintptr_t)p % PAGE, map_bytes(n, elem_bytes));
}

size_t pz_mem_slab_bytes(size_t n, size_t elem_bytes)
{
    size_t bytes;

    if (!multiply(n, elem_bytes, &bytes) || bytes > PTRDIFF_MAX)
        return PTRDIFF_MAX;
    return (bytes + PZ_MEM_ALIGN - 1) / PZ_MEM_ALIGN * PZ_MEM_ALIGN;
}

bool pz_mem_slab_init(struct pz_mem_slab *slab, size_t bytes, size_t more)
{
    size_t all = more < PTRDIFF_MAX - bytes ? bytes + more : PTRDIFF_MAX, due = bytes;

    if (bytes < HUGE_PAGE - PAGE && all > HUGE_PAGE / 8)
        bytes = HUGE_PAGE - PAGE;
    else if (all <= HUGE_PAGE / 8)
        bytes = all;
    *slab = (struct pz_mem_slab){ .begin = pz_mem_map(bytes, 1), .bytes = bytes, .due = due };
    return slab->begin;
}

void pz_mem_slab_clear(struct pz_mem_slab *slab)
{
    pz_mem_unmap(slab->begin, slab->bytes, 1);
    for (size_t i = 0; i < slab->n_own; i++)
        pz_mem_unmap(slab->own[i].p, slab->own[i].n, slab->own[i].elem_bytes);
    *slab = (struct pz_mem_slab){ .begin = NULL };
}

static void *take(struct pz_mem_slab *slab, size_t bytes)
{
    char *p = slab->begin + slab->used;

    slab->used += bytes;
    return p;
}

void *pz_mem_slab_take(struct pz_mem_slab *slab, size_t n, size_t elem_bytes)
{
    size_t bytes = pz_mem_slab_bytes(n, elem_bytes);

    if (!slab->begin || bytes > slab->due)
        return NULL;
    slab->due -= bytes;
    return take(slab, bytes);
}

/* Take the pages of what is written in most places: one by one, as they are touched, they cost
 * three times as much, and twice that where they are read first. */
static void populate(void *p, size_t bytes)
{
#ifdef MADV_POPULATE_WRITE
    uintptr_t before = (uintptr_t)p % PAGE;

    (void)madvise((char *)p - before, before + bytes, MADV_POPULATE_WRITE); /* or when touched */
#else
    (void)p;
    (void)bytes;
#endif
}

void *pz_mem_slab_map(struct pz_mem_slab *slab, size_t n, size_t elem_bytes, size_t n_used,
                      bool dense)
{
    size_t bytes = pz_mem_slab_bytes(n, elem_bytes);
    void *p;

    if (slab->begin && bytes <= slab->bytes - slab->used - slab->due)
        return take(slab, bytes);
    if (slab->n_own == PZ_MEM_SLAB_OWN)
        return NULL;
    p = dense ? pz_mem_map(n, elem_bytes) : pz_mem_map_small(n, elem_bytes);
    if (!dense && p)
        populate(p, n_used * elem_bytes);
    slab->own[slab->n_own].p = p;
    slab->own[slab->n_own].n = n;
    slab->own[slab->n_own++].elem_bytes = elem_bytes;
    return p;
}

void *pz_mem_copy(const void *src, size_t n, size_t elem_bytes)
{
    void *p = pz_mem_room(n, elem_bytes);

    if (p && n > 0)
        memcpy(p, src, n * elem_bytes);
    return p;
}

bool pz_mem_grow(void *array, size_t *cap, size_t need, size_t elem_bytes)
{
    void *old, *p;
    size_t bytes, want = *cap ? *cap : 16;

    if (need <= *cap)
        return true;
    /* Doubling: n appends copy less than 2n elements in all. */
    while (want < need)
        if (__builtin_mul_overflow(want, 2, &want))
            return false;
    if (!multiply(want, elem_bytes, &bytes))
        return false;
    /* `array` is the address of the caller's pointer, of whatever type. Pointers are copied as
     * bytes, since an lvalue of type void * would alias a uint32_t *, which C does not allow. */
    memcpy(&old, array, sizeof old);
    p = realloc(old, bytes);
    if (!p)
        return false;
    memcpy(array, &p, sizeof p);
    *cap = want;
    return true;
}

void pz_mem_fit(void *array, size_t n, size_t elem_bytes)
{
    void *old, *p;

    memcpy(&old, array, sizeof old); /* as in pz_mem_grow */
    p = old ? realloc(old, n > 0 ? n * elem_bytes : 1) : NULL;
    if (p) /* else it stays as large as it is */
        memcpy(array, &p, sizeof p);
}

void pz_mem_give_back(void *array, size_t n, size_t elem_bytes)
{
    enum { PIECE = 64 << 10 };
    /* What stands before the array in its first page may be another's. Again and again from the
     * beginning, which costs nothing where nothing is. */
    uintptr_t p = (uintptr_t)array, first = (p + PAGE - 1) / PAGE * PAGE,
              end = (p + n * elem_bytes) / PIECE * PIECE;

    if (first < end)
        (void)madvise((char *)array + (first - p), end - first,
                      MADV_DONTNEED); /* it stays, at worst */
}

char *pz_mem_strndup(const char *s, size_t n)
{
    char *copy = malloc(n + 1);

    if (copy) {
        if (n > 0)
            memcpy(copy, s, n);
        copy[n] = '\0';
    }
    return copy;
}

static struct pz_arena_block *add_block(struct pz_arena *arena, size_t n)
{
    size_t least = arena->head ? ARENA_BLOCK_BYTES : ARENA_FIRST_BYTES;
    size_t cap = n > least ? n : least;
    struct pz_arena_block *block = malloc(sizeof *block + cap);

    if (block) {
        block->next = arena->head;
        block->used = 0;
        block->cap = cap;
        arena->head = block;
    }
    return block;
}

void *pz_arena_take(struct pz_arena *arena, size_t n)
{
    struct pz_arena_block *block = arena->head;
    size_t rounded = (n + 7) & ~(size_t)7;
    void *p;

    if (rounded < n)
        return NULL;
    if (!block || block->cap - block->used < rounded)
        block = add_block(arena, rounded);
    if (!block)
        return NULL;
    p = (char *)block->data + block->used;
    block->used += rounded;
    return p;
}

char *pz_arena_strndup(struct pz_arena *arena, const char *s, size_t n)
{
    char *copy = pz_arena_take(arena, n + 1);

    if (copy) {
        if (n > 0)
            memcpy(copy, s, n);
        copy[n] = '\0';
    }
    return copy;
}

void pz_arena_clear(struct pz_arena *arena)
{
    while (arena->head) {
        struct pz_arena_block *next = arena->head->next;

        free(arena->head);
        arena->head = next;
    }
}

void pz_mem_trim(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

void pz_mem_large_apart(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}

size_t pz_mem_status(const char *name)
{
    char line[256];
    size_t n = strlen(name), kb = 0;
    FILE *f = fopen("/proc/self/status", "re");

    while (f && kb == 0 && fgets(line, sizeof line, f))
        if (strncmp(line, name, n) == 0 && line[n] == ':')
            kb = strtoull(line + n + 1, NULL, 10);
    if (f)
        fclose(f);
    return kb * 1024;
}

/* ru_maxrss begins with what the process held that became this program: a large one's child would
 * be said to be large. */
size_t pz_mem_peak(void)
{
    struct rusage usage;
    size_t bytes = pz_mem_status("VmHWM");

    if (bytes == 0 && getrusage(RUSAGE_SELF, &usage) == 0)
        bytes = (size_t)usage.ru_maxrss * 1024; /* Linux counts in kilobytes */
    return bytes;
}
