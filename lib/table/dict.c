/* SPDX-License-Identifier: Apache-2.0 */
/* String dictionaries: see dict.h.
 *
 * The builder keeps strings in one byte buffer and finds repeats with an open-addressing table over
 * XXH3, at most half full. Finishing sorts by eight bytes as a number, the first after those that
 * all strings share ("user_"), and only where these are equal by the whole string. Merging walks
 * all inputs at once with a heap of their next strings: linear in the strings of two inputs, and
 * log(inputs) comparisons a string for many; nothing is hashed or sorted again. Of two inputs of
 * which one is small its strings are looked up in the other. */
#include "table/dict.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "table/hash.h"

const char *pz_dict_get(const struct pz_dict *dict, uint32_t i, size_t *len)
{
    if (i >= pz_dict_own_n(dict)) {
        i -= pz_dict_own_n(dict);
        dict = dict->tail;
    }
    *len = (size_t)(dict->offset[i + 1] - dict->offset[i]);
    return dict->bytes + dict->offset[i];
}

/* Order of byte strings: memcmp, then the shorter first. */
static int compare(const char *a, size_t n, const char *b, size_t m)
{
    int c = n && m ? memcmp(a, b, n < m ? n : m) : 0;

    return c ? c : n < m ? -1 : n > m;
}

/* The first eight bytes as a number in the order of strings, zeros behind the end; room: bytes that
 * may be read at s. */
static inline uint64_t prefix(const char *s, size_t n, uint64_t room)
{
    uint64_t x = 0;

    if (room >= 8) {
        memcpy(&x, s, 8);
        x = be64toh(x);
        return n >= 8 ? x : n ? x >> (64 - 8 * n) << (64 - 8 * n) : 0;
    }
    for (size_t i = 0; i < n; i++)
        x |= (uint64_t)(unsigned char)s[i] << (56 - 8 * i);
    return x;
}

/* A string that is looked for. */
struct wanted {
    const char *s;
    size_t n;
    uint64_t prefix;
};

static struct wanted want(const char *s, size_t n)
{
    return (struct wanted){ s, n, prefix(s, n < 8 ? n : 8, n) };
}

/* The wanted string against one of the dictionary's own, which end at `end`. Most are decided by
 * eight bytes. */
static inline int compare_to(const struct wanted *w, const struct pz_dict *dict, uint32_t i,
                             uint64_t end)
{
    uint64_t from = dict->offset[i];
    size_t n = (size_t)(dict->offset[i + 1] - from);
    const char *at = dict->bytes + from;
    uint64_t is = prefix(at, n < 8 ? n : 8, end - from);

    return w->prefix < is ? -1 : w->prefix > is ? 1 : compare(w->s, w->n, at, n);
}

/* The first of the own strings lo .. hi - 1 that is not smaller, or hi; *same: it is the wanted. */
static uint32_t bisect(const struct wanted *w, const struct pz_dict *dict, uint32_t lo, uint32_t hi,
                       uint64_t end, bool *same)
{
    *same = false;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int c = compare_to(w, dict, mid, end);

        if (c == 0) {
            *same = true;
            return mid;
        }
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

uint32_t pz_dict_find(const struct pz_dict *dict, const char *s, size_t len)
{
    /* Plain bisection: a lookup touches about log2(n) places of a mapped file, and 20 comparisons
     * for a million ids are lost in the cost of a question. */
    struct wanted w = want(s, len);
    uint32_t n = pz_dict_own_n(dict), at_tail, at;
    bool same;

    at = bisect(&w, dict, 0, n, dict->offset ? dict->offset[n] : 0, &same);
    if (same)
        return at;
    at_tail = dict->tail ? pz_dict_find(dict->tail, s, len) : PZ_NONE;
    return at_tail == PZ_NONE ? PZ_NONE : n + at_tail;
}

/* From *at on, which goes to the first that is not smaller: steps of 1, 2, 4 ... until one is too
 * far, then bisection of the last. */
static bool go_to(const struct wanted *w, const struct pz_dict *dict, uint32_t *at)
{
    uint32_t n = pz_dict_own_n(dict), lo = *at, step = 1;
    uint64_t end = dict->offset ? dict->offset[n] : 0;
    bool same;

    while (lo < n) {
        uint32_t next = n - lo > step ? lo + step - 1 : n - 1;
        int c = compare_to(w, dict, next, end);

        if (c == 0) {
            *at = next;
            return true;
        }
        if (c < 0) {
            n = next;
            break;
        }
        lo = next + 1;
        step *= 2;
    }
    *at = bisect(w, dict, lo, n, end, &same);
    return same;
}

uint32_t pz_dict_walk_far(struct pz_dict_walk *w, const char *s, size_t len)
{
    const struct pz_dict *dict = w->dict;
    struct wanted wanted = want(s, len);

    if (go_to(&wanted, dict, &w->at))
        return w->at++;
    if (dict->tail && go_to(&wanted, dict->tail, &w->at_tail))
        return pz_dict_own_n(dict) + w->at_tail++;
    return PZ_NONE;
}

uint32_t pz_dict_find_str(const struct pz_dict *dict, const char *s)
{
    return pz_dict_find(dict, s, strlen(s));
}

void pz_dict_clear(struct pz_dict *dict)
{
    free(dict->own_offset);
    free(dict->own_bytes);
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

/* Lengths first: most strings that share a slot differ in them. */
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
        /* Hashed again instead of kept, which saves 8 bytes per string. */
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
    /* PZ_NONE is no number, and slots hold the number + 1. */
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
    uint64_t hash = pz_hash64(s, len);
    size_t at = hash & b->mask;

    while (b->slot[at]) {
        if (is_string(b, b->slot[at] - 1, s, len))
            return b->slot[at] - 1;
        at = (at + 1) & b->mask;
    }
    if (b->count >=
        b->mask / 2) { /* before anything changes, so that a failure leaves b as it was */
        if (!grow_slots(b))
            return PZ_NONE;
        at = hash & b->mask;
        while (b->slot[at])
            at = (at + 1) & b->mask;
    }
    if (!append(b, s, len))
        return PZ_NONE;
    b->slot[at] = b->count;
    return b->count - 1;
}

struct sort_key {
    uint64_t prefix; /* 8 bytes, big-endian: most comparisons end here */
    uint32_t i;
};

static int by_string(const void *x, const void *y, void *context)
{
    const struct sort_key *a = x, *c = y;
    const struct pz_dict_builder *b = context;

    if (a->prefix != c->prefix)
        return a->prefix < c->prefix ? -1 : 1;
    return compare(b->bytes + b->offset[a->i], b->offset[a->i + 1] - b->offset[a->i],
                   b->bytes + b->offset[c->i], b->offset[c->i + 1] - b->offset[c->i]);
}

/* How many bytes all strings have in common at their beginning. Ids of one system mostly begin
 * alike; without this step their eight bytes would all be equal, and every comparison would go
 * through memory. */
static size_t shared_bytes(const struct pz_dict_builder *b)
{
    size_t shared = b->count ? b->offset[1] : 0;

    for (uint32_t i = 1; i < b->count && shared > 0; i++) {
        const char *s = b->bytes + b->offset[i];
        size_t len = b->offset[i + 1] - b->offset[i], n = 0;

        while (n < shared && n < len && s[n] == b->bytes[n])
            n++;
        shared = n;
    }
    return shared;
}

/* Shorter strings end in zero bytes here; those that become equal by it are compared whole. */
static uint64_t prefix_of(const char *s, size_t len)
{
    uint64_t p = 0;

    for (size_t i = 0; i < 8; i++)
        p = p << 8 | (i < len ? (unsigned char)s[i] : 0);
    return p;
}

static void sort_strings(struct pz_dict_builder *b, struct sort_key *key)
{
    size_t shared = shared_bytes(b);

    for (uint32_t i = 0; i < b->count; i++)
        key[i] = (struct sort_key){
            prefix_of(b->bytes + b->offset[i] + shared, b->offset[i + 1] - b->offset[i] - shared), i
        };
    /* Strings differ, so no two keys are equal and the order does not depend on the sort's
     * stability. */
    qsort_r(key, b->count, sizeof *key, by_string, b);
}

static void fill_sorted(const struct pz_dict_builder *b, const struct sort_key *key,
                        struct pz_dict *dict, uint32_t *map)
{
    uint64_t *offset = dict->own_offset;
    char *bytes = dict->own_bytes;

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

    *dict = pz_dict_own(b->count, pz_mem_array((size_t)b->count + 1, sizeof(uint64_t)),
                        pz_mem_array(b->n_bytes, 1));
    if (!key || (final && !map) || !dict->offset || !dict->bytes) {
        free(key);
        free(map);
        pz_dict_clear(dict);
        return pz_err_memory(err, "a dictionary", (double)b->n_bytes + 24.0 * b->count);
    }
    sort_strings(b, key);
    fill_sorted(b, key, dict, map);
    free(key);
    if (final)
        *final = map;
    return PZ_OK;
}

/* The inputs' next strings as a heap, smallest first; equal strings by input. */
struct merge {
    const struct pz_dict *const *in;
    uint32_t *next;   /* [n_in] next string of each input */
    size_t *heap;     /* inputs */
    size_t n;         /* in the heap */
    uint64_t *offset; /* the union so far, as in struct pz_dict */
    char *bytes;
    size_t cap_offset, cap_bytes;
    uint32_t count;
};

static bool comes_before(const struct merge *m, size_t a, size_t b)
{
    size_t n, k;
    const char *s = pz_dict_get(m->in[a], m->next[a], &n);
    const char *t = pz_dict_get(m->in[b], m->next[b], &k);
    int c = compare(s, n, t, k);

    /* Of equal strings the earlier input's first: maps ascend, whatever the heap's shape. */
    return c ? c < 0 : a < b;
}

static void sift_down(struct merge *m, size_t at)
{
    size_t moved = m->heap[at];

    for (;;) {
        size_t child = 2 * at + 1;

        if (child + 1 < m->n && comes_before(m, m->heap[child + 1], m->heap[child]))
            child++;
        if (child >= m->n || !comes_before(m, m->heap[child], moved))
            break;
        m->heap[at] = m->heap[child];
        at = child;
    }
    m->heap[at] = moved;
}

/* Append to the union unless it is its last string. */
static bool append_new(struct merge *m, const char *s, size_t len)
{
    uint64_t last = m->count ? m->offset[m->count] - m->offset[m->count - 1] : 0;
    uint64_t used;

    if (m->count > 0 && compare(m->bytes + m->offset[m->count] - last, last, s, len) == 0)
        return true;
    if (m->count == PZ_NONE - 1 ||
        !pz_mem_grow(&m->offset, &m->cap_offset, (size_t)m->count + 2, sizeof *m->offset))
        return false;
    used = m->count ? m->offset[m->count] : 0;
    if (!pz_mem_grow(&m->bytes, &m->cap_bytes, used + len + 1, 1))
        return false;
    if (len)
        memcpy(m->bytes + used, s, len);
    m->offset[m->count] = used;
    m->offset[++m->count] = used + len;
    return true;
}

static bool merge_strings(struct merge *m, uint32_t **map)
{
    for (size_t at = m->n / 2; at-- > 0;)
        sift_down(m, at);
    while (m->n > 0) {
        size_t k = m->heap[0], len;
        const char *s = pz_dict_get(m->in[k], m->next[k], &len);

        if (!append_new(m, s, len))
            return false;
        if (map)
            map[k][m->next[k]] = m->count - 1;
        if (++m->next[k] == m->in[k]->n)
            m->heap[0] = m->heap[--m->n];
        if (m->n > 0)
            sift_down(m, 0);
    }
    return true;
}

/* ---- few strings into many: what stands between them is copied as it stands ---- */

enum { FEW = 32 }; /* so many times as many are many */

static bool is_few(const struct pz_dict *few, const struct pz_dict *many)
{
    return few->n < many->n / FEW;
}

void pz_dict_copy_run(const struct pz_dict *in, uint32_t from, uint32_t to, uint32_t n,
                      uint64_t *offset, char *bytes)
{
    uint64_t at = offset[n], start = in->offset[from];

    memcpy(bytes + at, in->bytes + start, in->offset[to] - start);
    for (uint32_t i = from; i < to; i++)
        offset[n + 1 + (i - from)] = in->offset[i + 1] - start + at;
}

/* Strings from .. to - 1 of an input behind the union's, for which there is room. */
static void append_run(struct merge *m, const struct pz_dict *in, uint32_t from, uint32_t to,
                       uint32_t *map)
{
    pz_dict_copy_run(in, from, to, m->count, m->offset, m->bytes);
    for (uint32_t i = from; i < to && map; i++)
        map[i] = m->count + (i - from);
    m->count += to - from;
}

/* The first string from `from` on that does not come before s; *is: it is s. */
static uint32_t find_place(const struct pz_dict *dict, uint32_t from, const char *s, size_t len,
                           bool *is)
{
    uint32_t lo = from, hi = dict->n;

    *is = false;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        size_t n;
        const char *at = pz_dict_get(dict, mid, &n);
        int c = compare(at, n, s, len);

        *is |= c == 0;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* few: which of the two inputs */
static bool splice(struct merge *m, size_t few, uint32_t **map)
{
    const struct pz_dict *a = m->in[few], *b = m->in[1 - few];
    uint32_t from = 0;

    if (!pz_mem_grow(&m->offset, &m->cap_offset, (size_t)a->n + b->n + 1, sizeof *m->offset) ||
        !pz_mem_grow(&m->bytes, &m->cap_bytes, a->offset[a->n] + b->offset[b->n] + 1, 1))
        return false;
    for (uint32_t i = 0; i < a->n; i++) {
        size_t n;
        const char *s = pz_dict_get(a, i, &n);
        bool is;
        uint32_t to = find_place(b, from, s, n, &is);

        append_run(m, b, from, to + is, map ? map[1 - few] : NULL);
        if (is && map)
            map[few][i] = m->count - 1;
        else if (!is)
            append_run(m, a, i, i + 1, map ? map[few] : NULL);
        from = to + is;
    }
    append_run(m, b, from, b->n, map ? map[1 - few] : NULL);
    return true;
}

/* Memory for the heap, the maps and the beginning of the union. */
static bool take_merge_memory(struct merge *m, size_t n_in, uint32_t **map)
{
    bool good;

    m->next = pz_mem_array(n_in, sizeof *m->next);
    m->heap = pz_mem_array(n_in, sizeof *m->heap);
    good = m->next && m->heap && pz_mem_grow(&m->offset, &m->cap_offset, 1, sizeof *m->offset) &&
           pz_mem_grow(&m->bytes, &m->cap_bytes, 1, 1);
    for (size_t k = 0; k < n_in && map; k++) {
        map[k] = good ? pz_mem_array(m->in[k]->n, sizeof **map) : NULL;
        good = good && map[k];
    }
    for (size_t k = 0; k < n_in && good; k++)
        if (m->in[k]->n > 0)
            m->heap[m->n++] = k;
    if (good)
        m->offset[0] = 0;
    return good;
}

enum pz_status pz_dict_merge(const struct pz_dict *const *in, size_t n_in, struct pz_dict *out,
                             uint32_t **map, struct pz_err *err)
{
    struct merge m = { .in = in };
    bool good = take_merge_memory(&m, n_in, map);

    if (good && n_in == 2 && is_few(in[1], in[0]))
        good = splice(&m, 1, map);
    else if (good && n_in == 2 && is_few(in[0], in[1]))
        good = splice(&m, 0, map);
    else if (good)
        good = merge_strings(&m, map);

    free(m.next);
    free(m.heap);
    *out = pz_dict_own(m.count, m.offset, m.bytes);
    if (good)
        return PZ_OK;
    pz_dict_clear(out);
    for (size_t k = 0; k < n_in && map; k++) {
        free(map[k]);
        map[k] = NULL;
    }
    return pz_err_memory(err, "a dictionary", (double)m.cap_bytes + 8.0 * (double)m.cap_offset);
}
