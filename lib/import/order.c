/* SPDX-License-Identifier: Apache-2.0 */
/* Ordering: see order.h.
 *
 * Logs mostly come in time order, which costs one look. Otherwise short groups are sorted by
 * insertion and long ones by a least-significant-digit radix sort over the bytes of the time that
 * differ; both are stable, so equal times stay in input order. Repeats: few keys of one time are
 * compared with each other, many (data without time stamps) are brought together by sorting a hash.
 */
#include "import/order.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/par.h"

/* Below these sizes the fixed cost of the other way (a histogram of 256 counts, a sort of hashes)
 * is more than it saves. Both ways give the same result: see tests/unit/test_order.c. */
enum { INSERTION_MAX = 48, PAIRS_MAX = 16 };

static void sort_by_insertion(uint64_t *key, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        uint64_t x = key[i];
        size_t at = i;

        while (at > 0 && key[at - 1] >> 32 > x >> 32) {
            key[at] = key[at - 1];
            at--;
        }
        key[at] = x;
    }
}

static void radix_pass(const uint64_t *from, uint64_t *to, size_t n, unsigned shift)
{
    size_t start[256] = { 0 }, sum = 0;

    for (size_t i = 0; i < n; i++)
        start[from[i] >> shift & 255]++;
    for (size_t b = 0; b < 256; b++) {
        size_t count = start[b];

        start[b] = sum;
        sum += count;
    }
    for (size_t i = 0; i < n; i++)
        to[start[from[i] >> shift & 255]++] = from[i];
}

static void sort_by_radix(uint64_t *key, size_t n, uint64_t *scratch)
{
    uint64_t differ = 0, *from = key, *to = scratch;

    for (size_t i = 1; i < n; i++)
        differ |= key[i] ^ key[0];
    /* A byte in which all keys agree needs no pass: a year of seconds takes four, a day three. */
    for (unsigned shift = 32; shift < 64; shift += 8)
        if (differ >> shift & 255) {
            uint64_t *swap = from;

            radix_pass(from, to, n, shift);
            from = to;
            to = swap;
        }
    if (from != key)
        memcpy(key, from, n * sizeof *key);
}

static bool is_sorted(const uint64_t *key, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (key[i - 1] >> 32 > key[i] >> 32)
            return false;
    return true;
}

void pz_order_sort(uint64_t *key, size_t n, uint64_t *scratch)
{
    if (is_sorted(key, n))
        return;
    if (n <= INSERTION_MAX)
        sort_by_insertion(key, n);
    else
        sort_by_radix(key, n, scratch);
}

/* ---- repeats ---- */

static bool are_equal(const struct pz_same *same, uint64_t a, uint64_t b)
{
    if (!same->hash)
        return (uint32_t)a == (uint32_t)b;
    return same->equal(same->context, (uint32_t)a, (uint32_t)b);
}

/* Few keys of one time: each against the kept ones before it. Returns the end of the kept. */
static size_t drop_by_pairs(uint64_t *key, size_t from, size_t to, const struct pz_same *same,
                            size_t put)
{
    size_t first = put;

    for (size_t i = from; i < to; i++) {
        size_t j = first;

        while (j < put && !are_equal(same, key[j], key[i]))
            j++;
        if (j == put)
            key[put++] = key[i];
    }
    return put;
}

struct marked {
    uint64_t hash;
    uint32_t at; /* position in the run */
    uint32_t payload;
};

static int by_hash(const void *x, const void *y)
{
    const struct marked *a = x, *b = y;

    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return a->at < b->at ? -1 : a->at > b->at;
}

/* drop[] gets 1 where an earlier key of the same hash is equal. */
static void mark_repeats(const struct marked *m, size_t n, const struct pz_same *same,
                         uint8_t *drop)
{
    size_t start = 0;

    for (size_t i = 1; i < n; i++) {
        if (m[i].hash != m[start].hash)
            start = i;
        for (size_t j = start; j < i && !drop[m[i].at]; j++)
            /* Within a hash in the order of the input, so the first of equal rows is the one that
             * stays. */
            if (!drop[m[j].at] && are_equal(same, m[j].payload, m[i].payload))
                drop[m[i].at] = 1;
    }
}

/* Many keys of one time. False when memory is out. */
static bool drop_by_hash(uint64_t *key, size_t from, size_t to, const struct pz_same *same,
                         size_t *put)
{
    size_t n = to - from;
    struct marked *m = pz_mem_array(n, sizeof *m);
    uint8_t *drop = pz_mem_array(n, 1);
    bool good = m && drop;

    for (size_t i = 0; i < n && good; i++) {
        uint32_t payload = (uint32_t)key[from + i];

        m[i] = (struct marked){ same->hash ? same->hash(same->context, payload) : payload,
                                (uint32_t)i, payload };
    }
    if (good) {
        qsort(m, n, sizeof *m, by_hash);
        mark_repeats(m, n, same, drop);
    }
    for (size_t i = 0; i < n && good; i++)
        if (!drop[i])
            key[(*put)++] = key[from + i];
    free(m);
    free(drop);
    return good;
}

/* Returns the number of keys kept, or SIZE_MAX when memory is out. */
static size_t drop_repeats(uint64_t *key, size_t n, const struct pz_same *same)
{
    size_t put = 0, start = 0;

    while (start < n) {
        size_t end = start + 1;

        while (end < n && key[end] >> 32 == key[start] >> 32)
            end++;
        if (end - start == 1)
            key[put++] = key[start];
        else if (end - start <= PAIRS_MAX)
            put = drop_by_pairs(key, start, end, same, put);
        else if (!drop_by_hash(key, start, end, same, &put))
            return SIZE_MAX;
        start = end;
    }
    return put;
}

enum pz_status pz_order_users(uint64_t *key, const uint64_t *ptr, uint32_t n_users,
                              const struct pz_same *same, uint32_t *kept, struct pz_err *err)
{
    size_t n_scratch = (size_t)pz_par_threads();
    struct {
        uint64_t *buf;
        size_t cap;
    } *scratch = pz_mem_array(n_scratch, sizeof *scratch);
    int failed = scratch == NULL;

#pragma omp parallel for schedule(dynamic, 256) num_threads(pz_par_threads()) reduction(| : failed)
    for (uint32_t u = 0; u < n_users; u++) {
        size_t n = (size_t)(ptr[u + 1] - ptr[u]), left = 0;
        int me = pz_par_id();

        if (!failed && pz_mem_grow(&scratch[me].buf, &scratch[me].cap, n, sizeof *scratch->buf)) {
            pz_order_sort(key + ptr[u], n, scratch[me].buf);
            left = drop_repeats(key + ptr[u], n, same);
        } else {
            failed = 1;
        }
        failed |= left == SIZE_MAX;
        kept[u] = (uint32_t)left;
    }
    for (size_t i = 0; scratch && i < n_scratch; i++)
        free(scratch[i].buf);
    free(scratch);
    return failed ? pz_err_memory(err, "sorting", 64.0 * (double)n_scratch) : PZ_OK;
}
