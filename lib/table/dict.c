/* SPDX-License-Identifier: Apache-2.0 */
/* String dictionaries: see dict.h. The builder keeps strings in one byte buffer and finds repeats with
 * an open-addressing table over XXH3, at most half full. */
#include "table/dict.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "table/hash.h"

const char *pz_dict_get(const struct pz_dict *dict, uint32_t i, size_t *len)
{
    *len = (size_t)(dict->offset[i + 1] - dict->offset[i]);
    return dict->bytes + dict->offset[i];
}

/* Order of byte strings: memcmp, then the shorter first. */
static int compare(const char *a, size_t n, const char *b, size_t m)
{
    int c = n && m ? memcmp(a, b, n < m ? n : m) : 0;

    return c ? c : n < m ? -1 : n > m;
}

uint32_t pz_dict_find(const struct pz_dict *dict, const char *s, size_t len)
{
    uint32_t lo = 0, hi = dict->n;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        size_t n;
        const char *at = pz_dict_get(dict, mid, &n);
        int c = compare(s, len, at, n);

        if (c == 0)
            return mid;
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return PZ_NONE;
}

uint32_t pz_dict_find_str(const struct pz_dict *dict, const char *s)
{
    return pz_dict_find(dict, s, strlen(s));
}

void pz_dict_clear(struct pz_dict *dict)
{
    if (dict->owned) {
        free((void *)(uintptr_t)dict->offset);
        free((void *)(uintptr_t)dict->bytes);
    }
    memset(dict, 0, sizeof *dict);
}

enum pz_status pz_dict_check(const struct pz_dict *dict, uint64_t n_bytes, struct pz_err *err)
{
    if (dict->offset[0] != 0 || dict->offset[dict->n] != n_bytes)
        return pz_err_set(err, PZ_BAD_DATA, "a dictionary's offsets do not fit its bytes");
    for (uint32_t i = 0; i < dict->n; i++)
        if (dict->offset[i + 1] < dict->offset[i] || dict->offset[i + 1] > n_bytes)
            return pz_err_set(err, PZ_BAD_DATA, "a dictionary's offsets do not ascend");
    for (uint32_t i = 1; i < dict->n; i++) {
        size_t n, m;
        const char *a = pz_dict_get(dict, i - 1, &n), *b = pz_dict_get(dict, i, &m);

        if (compare(a, n, b, m) >= 0)
            return pz_err_set(err, PZ_BAD_DATA, "a dictionary's strings do not ascend");
    }
    return PZ_OK;
}

struct pz_dict_builder {
    char *bytes;
    size_t n_bytes, cap_bytes;
    uint64_t *offset; /* [count + 1] once anything was added */
    size_t cap_offset;
    uint32_t count;
    uint32_t *slot; /* [mask + 1] number + 1, 0 = free */
    size_t mask;
};

struct pz_dict_builder *pz_dict_builder_new(void)
{
    struct pz_dict_builder *b = calloc(1, sizeof *b);

    if (!b)
        return NULL;
    b->mask = 1023;
    b->slot = calloc(b->mask + 1, sizeof *b->slot);
    if (!b->slot || !pz_mem_grow(&b->offset, &b->cap_offset, 2, sizeof *b->offset)) {
        pz_dict_builder_free(b);
        return NULL;
    }
    b->offset[0] = 0;
    return b;
}

void pz_dict_builder_free(struct pz_dict_builder *b)
{
    if (!b)
        return;
    free(b->bytes);
    free(b->offset);
    free(b->slot);
    free(b);
}

uint32_t pz_dict_builder_count(const struct pz_dict_builder *b)
{
    return b->count;
}

const char *pz_dict_builder_get(const struct pz_dict_builder *b, uint32_t number, size_t *len)
{
    *len = (size_t)(b->offset[number + 1] - b->offset[number]);
    return b->bytes ? b->bytes + b->offset[number] : "";
}

static bool is_string(const struct pz_dict_builder *b, uint32_t i, const char *s, size_t len)
{
    return b->offset[i + 1] - b->offset[i] == len &&
           (len == 0 || memcmp(b->bytes + b->offset[i], s, len) == 0);
}

static bool grow_slots(struct pz_dict_builder *b)
{
    size_t mask = b->mask * 2 + 1;
    uint32_t *slot = calloc(mask + 1, sizeof *slot);

    if (!slot)
        return false;
    for (uint32_t i = 0; i < b->count; i++) {
        size_t at = pz_hash64(b->bytes + b->offset[i], b->offset[i + 1] - b->offset[i]) & mask;

        while (slot[at])
            at = (at + 1) & mask;
        slot[at] = i + 1;
    }
    free(b->slot);
    b->slot = slot;
    b->mask = mask;
    return true;
}

static bool append(struct pz_dict_builder *b, const char *s, size_t len)
{
    if (b->count == UINT32_MAX - 1 ||
        !pz_mem_grow(&b->bytes, &b->cap_bytes, b->n_bytes + len + 1, 1) ||
        !pz_mem_grow(&b->offset, &b->cap_offset, (size_t)b->count + 2, sizeof *b->offset))
        return false;
    if (len)
        memcpy(b->bytes + b->n_bytes, s, len);
    b->n_bytes += len;
    b->offset[++b->count] = b->n_bytes;
    return true;
}

uint32_t pz_dict_builder_add(struct pz_dict_builder *b, const char *s, size_t len)
{
    size_t at = pz_hash64(s, len) & b->mask;

    while (b->slot[at]) {
        if (is_string(b, b->slot[at] - 1, s, len))
            return b->slot[at] - 1;
        at = (at + 1) & b->mask;
    }
    if (!append(b, s, len))
        return PZ_NONE;
    b->slot[at] = b->count;
    if (b->count > b->mask / 2 && !grow_slots(b))
        return PZ_NONE;
    return b->count - 1;
}

struct sort_key {
    uint64_t prefix; /* first 8 bytes, big-endian: most comparisons end here */
    uint32_t i;
};

struct sort_context {
    const struct pz_dict_builder *b;
};

static int by_string(const void *x, const void *y, void *context)
{
    const struct sort_key *a = x, *c = y;
    const struct pz_dict_builder *b = ((const struct sort_context *)context)->b;

    if (a->prefix != c->prefix)
        return a->prefix < c->prefix ? -1 : 1;
    return compare(b->bytes + b->offset[a->i], b->offset[a->i + 1] - b->offset[a->i],
                   b->bytes + b->offset[c->i], b->offset[c->i + 1] - b->offset[c->i]);
}

static uint64_t prefix_of(const char *s, size_t len)
{
    uint64_t p = 0;

    for (size_t i = 0; i < 8; i++)
        p = p << 8 | (i < len ? (unsigned char)s[i] : 0);
    return p;
}

static void fill_sorted(const struct pz_dict_builder *b, const struct sort_key *key,
                        struct pz_dict *dict, uint32_t *map)
{
    uint64_t *offset = (uint64_t *)(uintptr_t)dict->offset;
    char *bytes = (char *)(uintptr_t)dict->bytes;

    offset[0] = 0;
    for (uint32_t k = 0; k < b->count; k++) {
        uint32_t i = key[k].i;
        size_t len = b->offset[i + 1] - b->offset[i];

        if (len)
            memcpy(bytes + offset[k], b->bytes + b->offset[i], len);
        offset[k + 1] = offset[k] + len;
        if (map)
            map[i] = k;
    }
}

enum pz_status pz_dict_builder_finish(struct pz_dict_builder *b, struct pz_dict *dict,
                                      uint32_t **final, struct pz_err *err)
{
    struct sort_key *key = pz_mem_array(b->count, sizeof *key);
    uint32_t *map = final ? pz_mem_array(b->count, sizeof *map) : NULL;
    struct sort_context context = { b };

    *dict = (struct pz_dict){ .n = b->count,
                              .offset = pz_mem_array((size_t)b->count + 1, sizeof(uint64_t)),
                              .bytes = pz_mem_array(b->n_bytes, 1),
                              .owned = true };
    if (!key || (final && !map) || !dict->offset || !dict->bytes) {
        free(key);
        free(map);
        pz_dict_clear(dict);
        return pz_err_memory(err, "a dictionary", (double)b->n_bytes + 24.0 * b->count);
    }
    for (uint32_t i = 0; i < b->count; i++)
        key[i] = (struct sort_key){
            prefix_of(b->bytes + b->offset[i], b->offset[i + 1] - b->offset[i]), i
        };
    qsort_r(key, b->count, sizeof *key, by_string, &context);
    fill_sorted(b, key, dict, map);
    free(key);
    if (final)
        *final = map;
    return PZ_OK;
}

enum pz_status pz_dict_merge(const struct pz_dict *const *in, size_t n_in, struct pz_dict *out,
                             uint32_t **map, struct pz_err *err)
{
    struct pz_dict_builder *b = pz_dict_builder_new();
    uint32_t *final = NULL;
    enum pz_status st = b ? PZ_OK : pz_err_memory(err, "a dictionary", 4096);

    memset(out, 0, sizeof *out);
    for (size_t k = 0; k < n_in && map; k++)
        map[k] = NULL;
    for (size_t k = 0; k < n_in && st == PZ_OK; k++) {
        if (map)
            map[k] = pz_mem_array(in[k]->n, sizeof **map);
        for (uint32_t i = 0; i < in[k]->n && st == PZ_OK; i++) {
            size_t len;
            const char *s = pz_dict_get(in[k], i, &len);
            uint32_t number = pz_dict_builder_add(b, s, len);

            if (number == PZ_NONE || (map && !map[k]))
                st = pz_err_memory(err, "a dictionary", 12.0 * in[k]->n);
            else if (map)
                map[k][i] = number;
        }
    }
    if (st == PZ_OK)
        st = pz_dict_builder_finish(b, out, map ? &final : NULL, err);
    for (size_t k = 0; k < n_in && map; k++) {
        for (uint32_t i = 0; i < in[k]->n && st == PZ_OK; i++)
            map[k][i] = final[map[k][i]];
        if (st != PZ_OK) {
            free(map[k]);
            map[k] = NULL;
        }
    }
    free(final);
    pz_dict_builder_free(b);
    return st;
}
