/* SPDX-License-Identifier: Apache-2.0 */
/* Staging: see staging.h.
 *
 * A packed word is read with one unaligned load of 8 bytes and a mask, so the buffer has 8 bytes
 * more than its words need. Little-endian, as all of pz is.
 *
 * Texts: most ids are short. A string of at most 8 bytes is a word (padded with zeros, which no
 * string holds), and an open-addressing table of words needs neither a hash of bytes nor a
 * comparison of strings; it is kept at most two thirds full. */
#include "import/staging.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/par.h"
#include "base/simd.h"
#include "table/hash.h"

static uint64_t mask_of(unsigned width)
{
    return width >= 8 ? UINT64_MAX : ((uint64_t)1 << (8 * width)) - 1;
}

/* The least and the largest of n > 0 words. */
PZ_KERNEL static void find_span(const uint64_t *word, size_t n, uint64_t *low, uint64_t *high)
{
    uint64_t min = word[0], max = word[0];

    for (size_t i = 1; i < n; i++) {
        min = word[i] < min ? word[i] : min;
        max = word[i] > max ? word[i] : max;
    }
    *low = min;
    *high = max;
}

bool pz_packed_make(struct pz_packed *p, const uint64_t *word, size_t n)
{
    uint64_t low = 0, high = 0;
    unsigned width = 0;

    if (n > 0)
        find_span(word, n, &low, &high);
    /* At most eight rounds: mask_of(8) is everything. */
    while (high - low > mask_of(width))
        width++;
    *p = (struct pz_packed){ .base = low, .span = high - low, .width = (uint8_t)width };
    if (width == 0)
        return true;
    /* Eight bytes more, for the last word's load and store. */
    p->bytes = malloc(n * width + 8);
    if (!p->bytes)
        return false;
    for (size_t i = 0; i < n; i++) {
        uint64_t distance = word[i] - low;

        memcpy(p->bytes + i * width, &distance, 8); /* the next word overwrites the excess */
    }
    return true;
}

void pz_packed_clear(struct pz_packed *p)
{
    free(p->bytes);
    p->bytes = NULL;
}

void pz_packed_read(const struct pz_packed *p, size_t from, size_t n, uint64_t *word)
{
    uint64_t mask = mask_of(p->width), base = p->base;
    size_t width = p->width;

    if (width == 0) { /* there are no bytes */
        for (size_t i = 0; i < n; i++)
            word[i] = base;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t x;

        memcpy(&x, p->bytes + (from + i) * width, 8);
        word[i] = base + (x & mask);
    }
}

void pz_row_group_clear(struct pz_row_group *group)
{
    for (uint32_t c = 0; c < group->n_cols; c++)
        pz_packed_clear(&group->col[c]);
    pz_packed_clear(&group->line);
    pz_packed_clear(&group->shown);
    free(group->col);
    free(group->partition);
    memset(group, 0, sizeof *group);
}

void pz_staging_clear(struct pz_staging *staging)
{
    for (size_t i = 0; i < staging->n; i++)
        pz_row_group_clear(&staging->group[i]);
    free(staging->group);
    memset(staging, 0, sizeof *staging);
}

void pz_row_group_read(const struct pz_row_group *group, uint32_t c, uint64_t missing,
                       uint64_t *word)
{
    if (c < group->n_cols) {
        pz_packed_read(&group->col[c], 0, group->n_rows, word);
        return;
    }
    for (uint32_t i = 0; i < group->n_rows; i++)
        word[i] = missing;
}

void pz_staging_drop(struct pz_staging *staging, uint32_t c)
{
    for (size_t i = 0; i < staging->n; i++)
        if (c < staging->group[i].n_cols)
            pz_packed_clear(&staging->group[i].col[c]);
}

void pz_staging_drop_lines(struct pz_staging *staging)
{
    for (size_t i = 0; i < staging->n; i++)
        pz_packed_clear(&staging->group[i].line);
}

struct pz_place pz_staging_find(const struct pz_staging *staging, uint32_t c, uint64_t missing,
                                pz_word_wanted *wanted, const void *context, uint64_t *word)
{
    struct pz_place place = { NULL, UINT64_MAX, 0 };

    for (size_t i = 0; i < staging->n; i++) {
        const struct pz_row_group *group = &staging->group[i];

        pz_row_group_read(group, c, missing, word);
        for (uint32_t r = 0; r < group->n_rows; r++)
            if (wanted(group, word[r], context)) {
                uint64_t line;

                /* Interactions stand in the order of their partitions, not of their lines. */
                pz_packed_read(&group->line, r, 1, &line);
                if (group->lines_before + line < place.line)
                    place = (struct pz_place){ group->file, group->lines_before + line, word[r] };
            }
        if (place.file)
            break;
    }
    return place;
}

void pz_partition_order(const uint8_t *of, const uint64_t *key, size_t n, uint32_t *order,
                        uint32_t *start)
{
    uint32_t next[PZ_PARTITIONS];

    memset(start, 0, (PZ_PARTITIONS + 1) * sizeof *start);
    for (size_t r = 0; r < n; r++)
        start[of[key[r]] + 1]++;
    for (size_t b = 0; b < PZ_PARTITIONS; b++)
        start[b + 1] += start[b];
    memcpy(next, start, sizeof next);
    for (size_t r = 0; r < n; r++)
        order[next[of[key[r]]]++] = (uint32_t)r;
}

/* ---- texts ---- */

struct pz_texts_slot {
    uint64_t word; /* 0: free */
    uint32_t number;
};

static size_t place_of(uint64_t word, size_t mask)
{
    return (size_t)((word * 0x9e3779b97f4a7c15u) >> 20) & mask;
}

static bool grow_slots(struct pz_texts *t)
{
    size_t mask = t->mask ? t->mask * 2 + 1 : 1023;
    struct pz_texts_slot *slot = calloc(mask + 1, sizeof *slot);

    if (!slot)
        return false;
    for (size_t i = 0; t->slot && i <= t->mask; i++) {
        size_t at = place_of(t->slot[i].word, mask);

        if (!t->slot[i].word)
            continue;
        while (slot[at].word)
            at = (at + 1) & mask;
        slot[at] = t->slot[i];
    }
    free(t->slot);
    t->slot = slot;
    t->mask = mask;
    return true;
}

static bool prepare(struct pz_texts *t)
{
    if (!t->builder)
        t->builder = pz_dict_builder_new();
    return t->builder && (t->used < (t->mask + 1) / 3 * 2 || grow_slots(t));
}

/* Give a string to the builder, which may know it already. */
static uint32_t add_string(struct pz_texts *t, const char *s, size_t n, uint64_t hash)
{
    uint32_t before = pz_dict_builder_count(t->builder);
    uint32_t number = pz_dict_builder_add(t->builder, s, n);

    if (number == PZ_NONE || number < before || !t->with_partitions)
        return number;
    if (!pz_mem_grow(&t->partition, &t->cap_partition, (size_t)number + 1, 1))
        return PZ_NONE;
    t->partition[number] = (uint8_t)(hash >> 56);
    return number;
}

/* The string behind a word, which is new. */
static uint32_t add_word(struct pz_texts *t, uint64_t word)
{
    char text[8];
    size_t at;
    uint32_t number;

    if (!prepare(t))
        return PZ_NONE;
    memcpy(text, &word, 8);
    /* The bytes of the word: (64 - leading zeros) bits, rounded up. No byte of a text is 0. */
    number = add_string(t, text, (71 - (size_t)__builtin_clzll(word)) / 8,
                        word * 0x9e3779b97f4a7c15u);
    if (number == PZ_NONE)
        return PZ_NONE;
    at = place_of(word, t->mask);
    while (t->slot[at].word)
        at = (at + 1) & t->mask;
    t->slot[at] = (struct pz_texts_slot){ word, number };
    t->used++;
    return number;
}

static inline uint32_t find_word(struct pz_texts *t, uint64_t word)
{
    for (size_t at = place_of(word, t->mask); t->slot[at].word; at = (at + 1) & t->mask)
        if (t->slot[at].word == word)
            return t->slot[at].number;
    return add_word(t, word);
}

uint32_t pz_texts_add(struct pz_texts *t, const char *s, size_t n)
{
    if (!t->slot && !prepare(t))
        return PZ_NONE;
    if (n - 1 >= 8) /* no bytes, or more than 8 */
        return add_string(t, s, n, t->with_partitions ? pz_hash64(s, n) : 0);
    return find_word(t, pz_texts_word(s, n));
}

uint64_t pz_texts_defer_long(struct pz_texts *t, const char *s, size_t n)
{
    uint32_t number = pz_texts_add(t, s, n);

    return number == PZ_NONE ? UINT64_MAX : (uint64_t)number << 8;
}

bool pz_texts_resolve(struct pz_texts *t, uint64_t *word, size_t n)
{
    enum { AHEAD = 16 };
    bool good = t->slot || prepare(t);

    for (size_t i = 0; i < n && good; i++) {
        uint32_t number;

        if (i + AHEAD < n)
            __builtin_prefetch(&t->slot[place_of(word[i + AHEAD], t->mask)]);
        number = word[i] & 0xff ? find_word(t, word[i]) : (uint32_t)(word[i] >> 8);
        good = number != PZ_NONE;
        word[i] = number;
    }
    return good;
}

uint32_t pz_texts_count(const struct pz_texts *t)
{
    return t->builder ? pz_dict_builder_count(t->builder) : 0;
}

void pz_texts_clear(struct pz_texts *t)
{
    pz_dict_builder_free(t->builder);
    free(t->partition);
    free(t->slot);
    memset(t, 0, sizeof *t);
}

static enum pz_status finish_one(struct pz_texts *t, struct pz_dict *dict, uint32_t **map,
                                 struct pz_err *err)
{
    if (!t->builder)
        t->builder = pz_dict_builder_new();
    if (!t->builder)
        return pz_err_memory(err, "a dictionary", 1e4);
    return pz_dict_builder_finish(t->builder, dict, map, err);
}

/* part[k] sorted, map[k]: number -> index in part[k]; then through the union. */
static enum pz_status merge_parts(struct pz_dict *part, size_t n, struct pz_dict *dict,
                                  uint32_t **map, struct pz_err *err)
{
    const struct pz_dict **in = pz_mem_array(n, sizeof *in);
    uint32_t **through = pz_mem_array(n, sizeof *through);
    enum pz_status st = in && through ? PZ_OK
                                      : pz_err_memory(err, "a dictionary", 16.0 * (double)n);

    for (size_t k = 0; k < n && st == PZ_OK; k++)
        in[k] = &part[k];
    if (st == PZ_OK)
        st = pz_dict_merge(in, n, dict, through, err);
    for (size_t k = 0; k < n && st == PZ_OK; k++) {
        for (uint32_t i = 0; i < part[k].n; i++)
            /* number -> index in the thread's dictionary -> index in the union. */
            map[k][i] = through[k][map[k][i]];
        free(through[k]);
    }
    free(in);
    free(through);
    return st;
}

enum pz_status pz_texts_unite(struct pz_texts *const *t, size_t n, struct pz_dict *dict,
                              uint32_t **map, struct pz_err *err)
{
    struct pz_dict *part = pz_mem_array(n, sizeof *part);
    enum pz_status st = part ? PZ_OK : pz_err_memory(err, "a dictionary", 64.0 * (double)n);

    memset(dict, 0, sizeof *dict);
    for (size_t k = 0; k < n; k++)
        map[k] = NULL;
    for (size_t k = 0; k < n && st == PZ_OK; k++)
        st = finish_one(t[k], n == 1 ? dict : &part[k], &map[k], err);
    if (st == PZ_OK && n > 1)
        st = merge_parts(part, n, dict, map, err);
    for (size_t k = 0; k < n && part; k++)
        pz_dict_clear(&part[k]);
    free(part);
    return st;
}
