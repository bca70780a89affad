/* SPDX-License-Identifier: Apache-2.0 */
/* Memory: allocation whose size arithmetic cannot overflow, growable arrays, and arenas for many
 * short-lived pieces. free() releases what the first two return.
 *
 * Threads: an arena and a growing array belong to one; allocation is safe anywhere. */
#ifndef PZ_BASE_MEM_H
#define PZ_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

/* Alignment of every array from pz_mem_array, in bytes: one cache line, enough for any vector unit.
 */
#define PZ_MEM_ALIGN 64

/* A zeroed array of n elements of elem_bytes each, aligned to PZ_MEM_ALIGN; n = 0 gives a valid
 * pointer too. NULL when n * elem_bytes overflows or memory is out.
 * Owner: the caller, by free. */
void *pz_mem_array(size_t n, size_t elem_bytes);

/* As pz_mem_array, but what is in it is anything: for what is filled at once.
 * Owner: the caller, by free. */
void *pz_mem_room(size_t n, size_t elem_bytes);

/* The same for an array that may be filled in part: what is not touched is not taken. NULL too
 * where a limit of this process counts what is not (ulimit -v, --max-memory): let the array grow.
 * Owner: the caller, by free. Threads: any. */
void *pz_mem_reserve(size_t n, size_t elem_bytes);

/* A zeroed array as pz_mem_array, for what may be large and of which not all is used: straight from
 * the kernel, nothing of it touched, in pages of 2 MB where it is larger than half of one and the
 * kernel has them.
 * Owner: the caller, by pz_mem_unmap with the same n and elem_bytes. */
void *pz_mem_map(size_t n, size_t elem_bytes);

/* The same in small pages: for what is used here and there.
 * Owner: as pz_mem_map. */
void *pz_mem_map_small(size_t n, size_t elem_bytes);

/* Give it back; accepts NULL. */
void pz_mem_unmap(void *p, size_t n, size_t elem_bytes);

enum { PZ_MEM_SLAB_OWN = 8 };

/* Zeroed arrays that come and go together, in one mapping (pz_mem_map): of what is used in most
 * places one large page is had for the price of 66 small ones. All-zero: none. */
struct pz_mem_slab {
    char *begin;
    size_t bytes, used, due; /* due: of the bytes that pz_mem_slab_take is to find */
    struct {
        void *p;
        size_t n, elem_bytes;
    } own[PZ_MEM_SLAB_OWN]; /* arrays that did not fit */
    size_t n_own;
};

/* Bytes that an array takes of a slab. */
size_t pz_mem_slab_bytes(size_t n, size_t elem_bytes);

/* Room for arrays of so many bytes in all, and for what else fits of `more` bytes into one large
 * page; false: memory is out.
 * Owner: the caller, by pz_mem_slab_clear, which accepts an all-zero slab. */
bool pz_mem_slab_init(struct pz_mem_slab *slab, size_t bytes, size_t more);
void pz_mem_slab_clear(struct pz_mem_slab *slab);

/* The next array, as pz_mem_array; NULL: there is no such room.
 * Owner: the slab. */
void *pz_mem_slab_take(struct pz_mem_slab *slab, size_t n, size_t elem_bytes);

/* The same of the bytes that may be more: where it does not fit, a mapping of its own, in large
 * pages if it is dense, that is, used in most places; else its first n_used elements are, and have
 * their pages at once. At most PZ_MEM_SLAB_OWN such arrays. NULL: memory is out.
 * Owner: the slab. */
void *pz_mem_slab_map(struct pz_mem_slab *slab, size_t n, size_t elem_bytes, size_t n_used,
                      bool dense);

/* A copy of n elements; NULL as pz_mem_array.
 * Owner: the caller, by free. */
void *pz_mem_copy(const void *src, size_t n, size_t elem_bytes);

/* Make room for at least need elements in a growable array, doubling its size.
 * array  address of the pointer (NULL at first); cap its current capacity in elements.
 * Returns false when memory is out; the array is then as before. Not zeroed, malloc's alignment. */
bool pz_mem_grow(void *array, size_t *cap, size_t need, size_t elem_bytes);

/* A copy of n bytes with a NUL behind them, or NULL when memory is out.
 * Owner: the caller, by free. */
char *pz_mem_strndup(const char *s, size_t n);

/* An arena: bytes handed out in order, all freed at once. Not thread-safe. */
struct pz_arena {
    struct pz_arena_block *head; /* owned */
};

/* Hand out n bytes, 8-aligned, not zeroed; NULL when memory is out.
 * Owner: the arena; valid until pz_arena_clear. */
void *pz_arena_take(struct pz_arena *arena, size_t n);

/* A NUL-terminated copy of n bytes inside the arena; NULL when memory is out.
 * Owner: the arena; valid until pz_arena_clear. */
char *pz_arena_strndup(struct pz_arena *arena, const char *s, size_t n);

/* Free everything; the arena may be used again. Accepts an all-zero arena. */
void pz_arena_clear(struct pz_arena *arena);

/* Give back what an array has beyond n elements. array: address of the pointer, which may
 * change; NULL is left alone. */
void pz_mem_fit(void *array, size_t n, size_t elem_bytes);

/* Give the memory of the first n elements of an array that pz_mem_room or pz_mem_array made back to
 * the system, in pieces of 64 kB. They are anything then; the array is freed as ever. */
void pz_mem_give_back(void *array, size_t n, size_t elem_bytes);

/* Give the pages of what was freed back to the system, where it can be told to. */
void pz_mem_trim(void);

/* From now on what is a megabyte or larger comes straight from the system, grows in place and goes
 * back when it is freed. Where many large arrays were freed malloc would keep such in its heap,
 * whose holes count as memory in use. */
void pz_mem_large_apart(void);

/* A line of /proc/self/status, such as VmData, in bytes; 0 when the kernel does not say.
 * Threads: any */
size_t pz_mem_status(const char *name);

/* Peak resident memory of this program in bytes, as the kernel accounts it (VmHWM). */
size_t pz_mem_peak(void);

#endif
