/* SPDX-License-Identifier: Apache-2.0 */
/* String dictionaries: id <-> dense index. The strings are kept in byte order, without repeats, so
 * that the index of a string does not depend on the order of the input, looking up is a binary
 * search in memory that may be mapped from a file (nothing is built at start), and merging two is
 * linear.
 *
 * A dictionary may have a tail: strings that came later, numbered after its own. Getting and
 * finding heed it; all else (checks, merging, writing) wants dictionaries without.
 *
 * Threads: a dictionary does not change once it is made: any number may read it. A builder belongs
 * to one thread. */
#ifndef PZ_TABLE_DICT_H
#define PZ_TABLE_DICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

#define PZ_NONE UINT32_MAX /* "no such index" everywhere */

struct pz_dict {
    uint32_t n; /* strings, those of the tail among them */
    const uint64_t
        *offset;       /* [n + 1], offset[0] = 0: string i is bytes[offset[i] .. offset[i+1]) */
    const char *bytes; /* [offset[n]], not NUL-terminated */
    const struct pz_dict
        *tail; /* the last tail->n strings, none of them among the others; borrowed, may be NULL */
    uint64_t *own_offset; /* offset and bytes where pz_dict_clear frees them, else NULL */
    char *own_bytes;
};

/* A dictionary of n strings that owns its arrays, which are from malloc. */
static inline struct pz_dict pz_dict_own(uint32_t n, uint64_t *offset, char *bytes)
{
    return (struct pz_dict){ n, offset, bytes, NULL, offset, bytes };
}

/* Copy strings from .. to - 1 of a dictionary behind the n strings of another, in whose arrays
 * there is room for them; the caller counts them.
 * Threads: one at a time on the arrays */
void pz_dict_copy_run(const struct pz_dict *in, uint32_t from, uint32_t to, uint32_t n,
                      uint64_t *offset, char *bytes);

/* The same strings, borrowed. */
static inline struct pz_dict pz_dict_view(const struct pz_dict *dict)
{
    return (struct pz_dict){ dict->n, dict->offset, dict->bytes, dict->tail, NULL, NULL };
}

/* How many strings are not the tail's. */
static inline uint32_t pz_dict_own_n(const struct pz_dict *dict)
{
    return dict->tail ? dict->n - dict->tail->n : dict->n;
}

/* The string of index i < n, not NUL-terminated; *len its bytes.
 * Owner: the dictionary; valid as long as it. */
const char *pz_dict_get(const struct pz_dict *dict, uint32_t i, size_t *len);

/* The index of a string, or PZ_NONE. About log2(n) comparisons. */
uint32_t pz_dict_find(const struct pz_dict *dict, const char *s, size_t len);

/* As pz_dict_find for a C string. */
uint32_t pz_dict_find_str(const struct pz_dict *dict, const char *s);

/* Looking up strings that ascend in byte order: each from where the one before it was. All-zero but
 * for the dictionary: at the beginning. */
struct pz_dict_walk {
    const struct pz_dict *dict;
    uint32_t at, at_tail; /* strings before it are smaller than all to come */
};

/* Whether n bytes are the same: of short strings without a call. */
static inline bool pz_dict_same(const char *a, const char *b, size_t n)
{
    uint32_t x[2], y[2];

    if (n < 4 || n > 8)
        return memcmp(a, b, n) == 0;
    memcpy(&x[0], a, 4);
    memcpy(&x[1], a + n - 4, 4);
    memcpy(&y[0], b, 4);
    memcpy(&y[1], b + n - 4, 4);
    return x[0] == y[0] && x[1] == y[1];
}

/* pz_dict_walk_to where the string is not the next one. */
uint32_t pz_dict_walk_far(struct pz_dict_walk *w, const char *s, size_t len);

/* The index of a string that is larger than the one before, or PZ_NONE. A few comparisons
 * where the strings are neighbours, never more than about twice those of pz_dict_find. */
static inline uint32_t pz_dict_walk_to(struct pz_dict_walk *w, const char *s, size_t len)
{
    const struct pz_dict *dict = w->dict;

    if (w->at < pz_dict_own_n(dict)) { /* where most strings are there, each is the next */
        uint64_t from = dict->offset[w->at];

        if (dict->offset[w->at + 1] - from == len && pz_dict_same(dict->bytes + from, s, len))
            return w->at++;
    }
    return pz_dict_walk_far(w, s, len);
}

/* Free what is owned; accepts an all-zero dict. */
void pz_dict_clear(struct pz_dict *dict);

/* Check the invariants of a dictionary that comes from a file: offsets ascend, start at 0 and end
 * within n_bytes, strings ascend strictly.
 * Errors: PZ_BAD_DATA one is broken */
enum pz_status pz_dict_check(const struct pz_dict *dict, uint64_t n_bytes, struct pz_err *err);

struct pz_dict_builder;

/* The string of a temporary number; *len its bytes.
 * Owner: the builder; valid until the next add. */
const char *pz_dict_builder_get(const struct pz_dict_builder *b, uint32_t number, size_t *len);

/* Collects strings in any order; finishing sorts them. One builder per thread, then pz_dict_merge.
 *
 * new     NULL when memory is out
 * add     a temporary number, dense, in order of first appearance; PZ_NONE when memory is out
 * finish  makes the dictionary and, if final is not NULL, an array [count] temporary number ->
 *         index
 * Errors: PZ_TRY_AGAIN memory is out
 * Owner:  the caller: the builder by _free (accepts NULL), *dict by pz_dict_clear, *final by
 *         free */
struct pz_dict_builder *pz_dict_builder_new(void);
uint32_t pz_dict_builder_add(struct pz_dict_builder *b, const char *s, size_t len);
uint32_t pz_dict_builder_count(const struct pz_dict_builder *b);
enum pz_status pz_dict_builder_finish(struct pz_dict_builder *b, struct pz_dict *dict,
                                      uint32_t **final, struct pz_err *err);
void pz_dict_builder_free(struct pz_dict_builder *b);

/* The union of n_in dictionaries. map[k], if map is not NULL, becomes an array [in[k].n] old index
 * -> index in *out.
 * Errors: PZ_TRY_AGAIN memory is out; nothing is handed out then
 * Owner:  the caller: *out by pz_dict_clear, each map[k] by free */
enum pz_status pz_dict_merge(const struct pz_dict *const *in, size_t n_in, struct pz_dict *out,
                             uint32_t **map, struct pz_err *err);

#endif
