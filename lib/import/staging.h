/* SPDX-License-Identifier: Apache-2.0 */
/* Private to import/: what import keeps of the rows it has read, in as few bytes as their values
 * need, until all ids are known.
 *
 * Threads: one at a time on the same value; each worker fills texts and row groups of its own. */
#ifndef PZ_IMPORT_STAGING_H
#define PZ_IMPORT_STAGING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "table/dict.h"

/* n words, each as its distance from the smallest in 0 to 8 bytes. */
struct pz_packed {
    uint64_t base, span;  /* smallest word; largest less smallest */
    unsigned char *bytes; /* [n * width + 8], owned; NULL while width is 0: all are base */
    uint8_t width;
};

/* Pack n words; false when memory is out. */
bool pz_packed_make(struct pz_packed *p, const uint64_t *word, size_t n);
void pz_packed_clear(struct pz_packed *p);

/* Unpack n words, from the one numbered `from` on. */
void pz_packed_read(const struct pz_packed *p, size_t from, size_t n, uint64_t *word);

#define PZ_PARTITIONS 256

/* The rows of one block. Interactions are ordered by the partition of their user id, a hash, and in
 * the order of the input within one: so the rows of one user stay in order, and all rows of some
 * users can be visited while little memory is touched. Column c holds field c of the table's
 * mapping; fields that were unknown when the block was read have no column. Ids and texts are
 * numbers of the worker's own dictionaries. */
struct pz_row_group {
    const char *file;      /* borrowed */
    uint64_t lines_before; /* lines of the file in front of its block */
    uint32_t n_rows;
    uint32_t worker;
    uint32_t n_cols;
    struct pz_packed *col;  /* [n_cols], owned */
    struct pz_packed line;  /* [n_rows] where each row starts in the block, from 1 */
    struct pz_packed shown; /* [n_shown] items of the impressions, one list a row after the other */
    uint32_t n_shown;
    uint32_t *partition; /* [PZ_PARTITIONS + 1] first row of each, owned; NULL: not ordered */
};

/* Free what it owns. */
void pz_row_group_clear(struct pz_row_group *group);

/* All rows of a table, in the order of the input. */
struct pz_staging {
    struct pz_row_group *group; /* [n], owned */
    size_t n, cap;
    uint64_t n_rows;
};

/* Free the row groups; all-zero again. */
void pz_staging_clear(struct pz_staging *staging);

/* Column c of a row group as words: the rows' words, or `missing` where the row group has no such
 * column.
 */
void pz_row_group_read(const struct pz_row_group *group, uint32_t c, uint64_t missing,
                       uint64_t *word);

/* Order n rows by their partitions (partition of row r: of[key[r]]), stably: order[] becomes the
 * old row of each new one, start[] [PZ_PARTITIONS + 1] the first new row of each partition. */
void pz_partition_order(const uint8_t *of, const uint64_t *key, size_t n, uint32_t *order,
                        uint32_t *start);

/* Free column c of all row groups. */
void pz_staging_drop(struct pz_staging *staging, uint32_t c);

/* Free the lines of all row groups, when nobody will ask for one any more. */
void pz_staging_drop_lines(struct pz_staging *staging);

/* Where a row stands in the input; file is NULL when there is none. */
struct pz_place {
    const char *file;
    uint64_t line;
    uint64_t word; /* in the column where it was found */
};

/* Whether a word of a row group's column is one that is looked for. */
typedef bool pz_word_wanted(const struct pz_row_group *group, uint64_t word, const void *context);

/* The first row, in the order of the input, whose word in column c (`missing` where a row group has
 * no such column) is wanted. word: scratch for the words and lines of the longest row group. */
struct pz_place pz_staging_find(const struct pz_staging *staging, uint32_t c, uint64_t missing,
                                pz_word_wanted *wanted, const void *context, uint64_t *word);

/* ---- strings of many threads ---- */

/* A dictionary builder with a short cut for strings of at most 8 bytes without NUL. */
struct pz_texts {
    struct pz_dict_builder *builder; /* owned; NULL until the first string */
    struct pz_texts_slot *slot;      /* [mask + 1], owned */
    size_t mask, used;
    bool with_partitions;
    uint8_t *partition; /* [count] of each string, by a hash of it; only with_partitions; owned */
    size_t cap_partition;
};

/* The number of a string, as pz_dict_builder_add. Strings must not hold NUL bytes. */
uint32_t pz_texts_add(struct pz_texts *t, const char *s, size_t n);

/* 1 to 8 bytes without NUL as a word, padded with zeros. The loads overlap instead of reading past
 * the end. */
static inline uint64_t pz_texts_word(const char *s, size_t n)
{
    const unsigned char *u = (const unsigned char *)s;
    uint32_t low, high;

    if (n < 4)
        return u[0] | (uint64_t)u[n / 2] << (8 * (n / 2)) | (uint64_t)u[n - 1] << (8 * (n - 1));
    memcpy(&low, s, 4);
    memcpy(&high, s + n - 4, 4);
    return low | (uint64_t)high << (8 * (n - 4));
}

/* The slow road of pz_texts_defer. */
uint64_t pz_texts_defer_long(struct pz_texts *t, const char *s, size_t n);

/* The same for many strings, in two steps, so that the second can fetch memory ahead: the string as
 * a word that pz_texts_resolve turns into its number. UINT64_MAX: memory is out. A short string is
 * its word, whose lowest byte is its first and so not 0; a long one is numbered at once and the
 * number moved up a byte. */
static inline uint64_t pz_texts_defer(struct pz_texts *t, const char *s, size_t n)
{
    return n - 1 < 8 ? pz_texts_word(s, n) : pz_texts_defer_long(t, s, n);
}

/* Turn n words of pz_texts_defer into numbers, in place; false when memory is out. */
bool pz_texts_resolve(struct pz_texts *t, uint64_t *word, size_t n);
uint32_t pz_texts_count(const struct pz_texts *t);
void pz_texts_clear(struct pz_texts *t);

/* Unite the texts of n threads: *dict becomes the dictionary, map[k] [count of t[k]] number ->
 * index.
 *
 * Errors: PZ_TRY_AGAIN memory is out
 * Owner:  the caller: *dict by pz_dict_clear, each map[k] by free, also after a failure */
enum pz_status pz_texts_unite(struct pz_texts *const *t, size_t n, struct pz_dict *dict,
                              uint32_t **map, struct pz_err *err);

#endif
