/* SPDX-License-Identifier: Apache-2.0 */
/* Bit sets: which of n rows (items, users) are in a set, a bit each in 64-bit words.
 *
 * Invariant: bits from n on are 0, so that counting, comparing and walking need no end of their
 * own. Nothing here allocates but pz_bits_new, and nothing can fail. */
#ifndef PZ_BASE_BITS_H
#define PZ_BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"

/* Words of a set of n rows. */
static inline size_t pz_bits_words(size_t n)
{
    return (n + 63) / 64;
}

/* An empty set of n rows.
 *
 * Errors:  NULL when memory is out
 * Owner:   free() */
static inline uint64_t *pz_bits_new(size_t n)
{
    return pz_mem_array(pz_bits_words(n), sizeof(uint64_t));
}

/* Bytes that so many sets of n rows take of a slab. */
static inline size_t pz_bits_bytes(size_t n, size_t n_sets)
{
    return n_sets * pz_mem_slab_bytes(pz_bits_words(n), sizeof(uint64_t));
}

/* An empty set of n rows from a slab.
 *
 * Errors:  NULL when there is no room
 * Owner:   the slab */
static inline uint64_t *pz_bits_take(struct pz_mem_slab *slab, size_t n)
{
    return pz_mem_slab_take(slab, pz_bits_words(n), sizeof(uint64_t));
}

/* Put row i in. */
static inline void pz_bits_add(uint64_t *set, size_t i)
{
    set[i / 64] |= (uint64_t)1 << (i % 64);
}

/* Take row i out. */
static inline void pz_bits_remove(uint64_t *set, size_t i)
{
    set[i / 64] &= ~((uint64_t)1 << (i % 64));
}

/* Put row i in or take it out. */
static inline void pz_bits_put(uint64_t *set, size_t i, bool in)
{
    if (in)
        pz_bits_add(set, i);
    else
        pz_bits_remove(set, i);
}

/* Whether row i is in. */
static inline bool pz_bits_has(const uint64_t *set, size_t i)
{
    return set[i / 64] >> (i % 64) & 1;
}

/* Make it all of n rows, or none. */
static inline void pz_bits_fill(uint64_t *set, size_t n, bool all)
{
    memset(set, all ? 0xff : 0, pz_bits_words(n) * sizeof *set);
    if (all && n % 64)
        set[n / 64] = ((uint64_t)1 << (n % 64)) - 1;
}

/* How many rows of one word are in. The compiler's own is a call where the processor's instruction
 * cannot be taken for granted. */
static inline size_t pz_bits_of_word(uint64_t word)
{
    word -= word >> 1 & 0x5555555555555555u;
    word = (word & 0x3333333333333333u) + (word >> 2 & 0x3333333333333333u);
    word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return (size_t)(word * 0x0101010101010101u >> 56);
}

/* A word, of which more than n rows are in, without the n lowest of these. */
static inline uint64_t pz_bits_drop(uint64_t word, size_t n)
{
    static const uint64_t EACH = 0x0101010101010101u;
    uint64_t in = word, above; /* how many are in by byte, then up to and with each byte */
    unsigned at;

    in -= in >> 1 & 0x5555555555555555u;
    in = (in & 0x3333333333333333u) + (in >> 2 & 0x3333333333333333u);
    in = ((in + (in >> 4)) & 0x0f0f0f0f0f0f0f0fu) * EACH;
    above = ((in | 0x80 * EACH) - (n + 1) * EACH) & 0x80 * EACH;
    at = (unsigned)__builtin_ctzll(above) / 8 * 8;
    for (n -= in << 8 >> at & 0xff, word = word >> at << at; n > 0; n--)
        word &= word - 1;
    return word;
}

/* How many of n rows are in. */
static inline size_t pz_bits_count(const uint64_t *set, size_t n)
{
    size_t count = 0;

    for (size_t i = 0; i < pz_bits_words(n); i++)
        count += pz_bits_of_word(set[i]);
    return count;
}

/* Whether more than so many of n rows are in. */
static inline bool pz_bits_more_than(const uint64_t *set, size_t n, size_t limit)
{
    size_t count = 0;

    for (size_t i = 0; i < pz_bits_words(n) && count <= limit; i++)
        count += pz_bits_of_word(set[i]);
    return count > limit;
}

/* Of n words: the first from w on that is not in `skip`, a set of words; NULL: nothing is in it. n:
 * there is none. */
static inline size_t pz_bits_next_word(const uint64_t *skip, size_t w, size_t n)
{
    while (skip && w < n) {
        uint64_t bits = ~skip[w / 64] >> (w % 64);

        if (bits) {
            w += (size_t)__builtin_ctzll(bits);
            return w < n ? w : n;
        }
        w = (w / 64 + 1) * 64;
    }
    return w < n ? w : n;
}

/* Words begin .. end - 1. */
struct pz_bits_run {
    size_t begin, end;
};

/* Of n words: the next run that is not in `skip`, behind *run, at first all-zero. False: there is
 * none. Runs go fast where little is left out. */
static inline bool pz_bits_next_run(const uint64_t *skip, size_t n, struct pz_bits_run *run)
{
    size_t w = pz_bits_next_word(skip, run->end, n);

    run->begin = w;
    while (skip && w < n) {
        uint64_t bits = skip[w / 64] >> (w % 64);

        w = bits ? w + (size_t)__builtin_ctzll(bits) : (w / 64 + 1) * 64;
        if (bits)
            break;
    }
    run->end = skip && w < n ? w : n;
    return run->begin < n;
}

/* Of n words of a set: the first from w on that is not 0; n: there is none. */
static inline size_t pz_bits_next_used(const uint64_t *set, size_t w, size_t n)
{
    while (w + 4 <= n && !(set[w] | set[w + 1] | set[w + 2] | set[w + 3]))
        w += 4;
    while (w < n && !set[w])
        w++;
    return w;
}

/* out: what is in a, in b or in both; out may be either. */
static inline void pz_bits_either(uint64_t *out, const uint64_t *a, const uint64_t *b, size_t n)
{
    for (size_t i = 0; i < pz_bits_words(n); i++)
        out[i] = a[i] | b[i];
}

/* out: what is in a and in b; out may be either. */
static inline void pz_bits_both(uint64_t *out, const uint64_t *a, const uint64_t *b, size_t n)
{
    for (size_t i = 0; i < pz_bits_words(n); i++)
        out[i] = a[i] & b[i];
}

/* out: the rows that are not in a; out may be a. */
static inline void pz_bits_not(uint64_t *out, const uint64_t *a, size_t n)
{
    for (size_t i = 0; i < pz_bits_words(n); i++)
        out[i] = ~a[i];
    if (n % 64)
        out[n / 64] &= ((uint64_t)1 << (n % 64)) - 1;
}

/* out: a without b; out may be a. */
static inline void pz_bits_without(uint64_t *out, const uint64_t *a, const uint64_t *b, size_t n)
{
    for (size_t i = 0; i < pz_bits_words(n); i++)
        out[i] = a[i] & ~b[i];
}

#endif
