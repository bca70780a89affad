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
 * is larger; it frees all of them at once. */
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { ARENA_BLOCK_BYTES = 1 << 16 };

struct pz_arena_block {
    struct pz_arena_block *next;
    size_t used, cap;
    max_align_t data[];
};

static bool multiply(size_t n, size_t elem_bytes, size_t *bytes)
{
    return !__builtin_mul_overflow(n, elem_bytes, bytes) && *bytes <= PTRDIFF_MAX - PZ_MEM_ALIGN;
}

void *pz_mem_array(size_t n, size_t elem_bytes)
{
    size_t bytes;
    void *p = NULL;

    if (!multiply(n, elem_bytes, &bytes))
        return NULL;
    /* Never NULL for an array of no elements: NULL means that memory is out, and nothing else. */
    if (bytes < PZ_MEM_ALIGN)
        bytes = PZ_MEM_ALIGN;
    if (posix_memalign(&p, PZ_MEM_ALIGN, bytes) != 0)
        return NULL;
    memset(p, 0, bytes);
    return p;
}

void *pz_mem_copy(const void *src, size_t n, size_t elem_bytes)
{
    void *p = pz_mem_array(n, elem_bytes);

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
    size_t cap = n > ARENA_BLOCK_BYTES ? n : ARENA_BLOCK_BYTES;
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

size_t pz_mem_peak(void)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
    /* Linux counts in kilobytes. */
    return (size_t)usage.ru_maxrss * 1024;
}
