/* SPDX-License-Identifier: Apache-2.0 */
/* Filter expressions, tests of rows: one column against one right side gives one bit a row of the
 * model.
 *
 * Tests whose right side comes with the query (NOW(), CurrentItem, filter values) are remembered by
 * their right side: the next query that compares with the same gets the same bits. The filter keeps
 * the last CACHE_ENTRIES of them for all threads; what a query uses is held and cannot be dropped
 * meanwhile. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/simd.h"
#include "filter/eval.h"

enum { CACHE_ENTRIES = 64 };

/* ---- kernels: 64 rows of a column of numbers to a word; NaN passes nothing */
#define NUMBER_KERNEL(name, OP)                                                      \
    PZ_KERNEL static void name(const double *v, size_t n, double x, uint64_t *words) \
    {                                                                                \
        for (size_t i = 0; i < n; i += 64) {                                         \
            uint64_t word = 0;                                                       \
                                                                                     \
            if (n - i >= 64)                                                         \
                for (size_t b = 0; b < 64; b++)                                      \
                    word |= (uint64_t)(v[i + b] OP x) << b;                          \
            else                                                                     \
                for (size_t b = 0; b < n - i; b++)                                   \
                    word |= (uint64_t)(v[i + b] OP x) << b;                          \
            words[i / 64] = word;                                                    \
        }                                                                            \
    }
NUMBER_KERNEL(less, <)
NUMBER_KERNEL(less_equal, <=)
NUMBER_KERNEL(greater, >)
NUMBER_KERNEL(greater_equal, >=)
NUMBER_KERNEL(equal, ==)

static void scan_numbers(const struct pz_filter_node *test, const struct pz_filter_set *set,
                         const double *v, size_t n, uint64_t *words)
{
    static void (*const kernel[])(const double *, size_t, double,
                                  uint64_t *) = { less, less_equal, greater, greater_equal };

    if (test->op >= PZ_OP_LESS && test->op <= PZ_OP_GREATER_EQUAL) {
        if (set->n_num)
            kernel[test->op - PZ_OP_LESS](v, n, set->num[0], words);
        return;
    }
    if (test->op == PZ_OP_ANY && !set->any && set->n_num == 1) {
        equal(v, n, set->num[0], words);
        return;
    }
    for (size_t i = 0; i < n; i++)
        if (test->op == PZ_OP_NULL ? isnan(v[i]) : pz_filter_set_has_number(test, set, v[i]))
            pz_bits_add(words, i);
}

static void scan_texts(const struct pz_filter_node *test, const struct pz_filter_set *set,
                       const struct pz_attr *a, size_t n, uint64_t *words)
{
    if (test->op == PZ_OP_ANY && !set->any && set->n_code == 0)
        return;
    for (size_t i = 0; i < n; i++)
        if (pz_filter_set_has_codes(test, set, a->code + a->ptr[i],
                                    (size_t)(a->ptr[i + 1] - a->ptr[i])))
            pz_bits_add(words, i);
}

static void scan_ids(const struct pz_filter_node *test, const struct pz_filter_set *set,
                     size_t n_rows, uint64_t *words)
{
    if (set->any)
        pz_bits_fill(words, n_rows, true);
    for (size_t i = 0; i < set->n_code && !set->any && test->op == PZ_OP_ANY; i++)
        pz_bits_add(words, set->code[i]);
}

static void scan_by_row(const struct pz_filter_ctx *ctx, const struct pz_filter_node *test,
                        const struct pz_filter_set *set, size_t n, uint64_t *words)
{
    for (size_t i = 0; i < n; i++) {
        struct pz_filter_row row = { .known = true, .at = i };

        if (pz_filter_row_passes(ctx, test, set, &row) != test->negated)
            pz_bits_add(words, i);
    }
}

/* The model's rows one after the other. */
static void scan_rows(const struct pz_filter_ctx *ctx, const struct pz_filter_node *test,
                      const struct pz_filter_set *set, size_t n, uint64_t *words)
{
    const struct pz_filter_column *col = pz_filter_left(ctx->f, test);

    pz_bits_fill(words, ctx->n_rows, false);
    if (test->by_row)
        scan_by_row(ctx, test, set, n, words);
    else if (col->what == PZ_WHAT_ID)
        scan_ids(test, set, ctx->n_rows, words);
    else if (!col->attr && test->op == PZ_OP_NULL)
        pz_bits_fill(words, ctx->n_rows, true);
    else if (col->attr && col->attr->num)
        scan_numbers(test, set, col->attr->num, n, words);
    else if (col->attr)
        scan_texts(test, set, col->attr, n, words);
}

void pz_filter_scan(const struct pz_filter_ctx *ctx, const struct pz_filter_node *test,
                    const struct pz_filter_set *set, uint64_t *words)
{
    const struct pz_filter *f = ctx->f;
    const struct pz_filter_column *col = pz_filter_left(f, test);
    size_t n = f->of_users ? f->m->users.n
                           : pz_model_learned(f->m); /* others are the overlay's, below */

    if (!pz_filter_index_ask(test, col, set, n, ctx->n_rows, words))
        scan_rows(ctx, test, set, n, words);
    if (test->negated)
        pz_bits_not(words, words, ctx->n_rows);
    if (col->what == PZ_WHAT_ID)
        return;
    for (uint32_t i = 0; f->over && i < f->over->ids.n; i++) {
        struct pz_filter_row row = { .known = true, .live = true, .at = i };
        uint32_t at = f->over_row[i];

        if (at == PZ_NONE)
            continue;
        pz_bits_put(words, at, pz_filter_row_passes(ctx, test, set, &row));
    }
}

/* ---- the cache */
struct pz_filter_bitset {
    char *key; /* the test and its right side, see make_key; owned */
    size_t n_key;
    uint64_t *words; /* owned */
    uint64_t stamp;  /* of its last use */
    uint32_t held;   /* queries that use it now */
};

struct pz_filter_cache {
    pthread_mutex_t lock;
    struct pz_filter_bitset *entry[CACHE_ENTRIES];
    uint64_t clock;
};

struct pz_filter_cache *pz_filter_cache_new(void)
{
    struct pz_filter_cache *cache = calloc(1, sizeof *cache);

    if (cache && pthread_mutex_init(&cache->lock, NULL) != 0) {
        free(cache);
        cache = NULL;
    }
    return cache;
}

static void free_entry(struct pz_filter_bitset *e)
{
    if (!e)
        return;
    free(e->key);
    free(e->words);
    free(e);
}

void pz_filter_cache_free(struct pz_filter_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < CACHE_ENTRIES; i++)
        free_entry(cache->entry[i]);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

/* Bytes that are the same for the same test and right side. Texts, not their codes: rows put since
 * have codes of their own. */
static bool make_key(struct pz_str *key, const struct pz_filter_node *test,
                     const struct pz_filter_set *set)
{
    pz_str_reset(key);
    pz_str_add(key, (const char *)&test->id, sizeof test->id);
    pz_str_addc(key, set->any ? '*' : ' ');
    for (size_t i = 0; i < set->n_text; i++) {
        pz_str_add(key, (const char *)&set->text[i].n, sizeof set->text[i].n);
        pz_str_add(key, set->text[i].s, set->text[i].n);
    }
    pz_str_add(key, (const char *)set->num, set->n_num * sizeof *set->num);
    return !key->failed;
}

static bool same_key(const struct pz_filter_bitset *e, const struct pz_str *key)
{
    return e->n_key == key->len && memcmp(e->key, key->data, key->len) == 0;
}

/* The entry with that key, or the slot to put one in: the one least lately used that nobody holds.
 */
static struct pz_filter_bitset **find_slot(struct pz_filter_cache *cache, const struct pz_str *key)
{
    struct pz_filter_bitset **oldest = NULL;

    for (size_t i = 0; i < CACHE_ENTRIES; i++) {
        struct pz_filter_bitset **slot = &cache->entry[i], *e = *slot;

        if (e && same_key(e, key))
            return slot;
        if ((!e || e->held == 0) && (!oldest || (*oldest && (!e || e->stamp < (*oldest)->stamp))))
            oldest = slot;
    }
    return oldest;
}

static struct pz_filter_bitset *make_entry(const struct pz_filter_ctx *ctx,
                                           const struct pz_filter_node *test,
                                           const struct pz_filter_set *set)
{
    const struct pz_str *key = &ctx->work->key;
    struct pz_filter_bitset *e = calloc(1, sizeof *e);

    if (!e)
        return NULL;
    *e = (struct pz_filter_bitset){ .key = pz_mem_copy(key->data, key->len, 1),
                                    .n_key = key->len,
                                    .words = pz_bits_new(ctx->n_rows) };
    if (!e->key || !e->words) {
        free_entry(e);
        return NULL;
    }
    pz_filter_scan(ctx, test, set, e->words);
    return e;
}

/* Take an entry for this query. Under the lock. */
static const uint64_t *hold(struct pz_filter_cache *cache, struct pz_filter_work *work,
                            struct pz_filter_bitset *e)
{
    e->held++;
    e->stamp = ++cache->clock;
    work->held[work->n_held++] = e;
    return e->words;
}

const uint64_t *pz_filter_cached(const struct pz_filter_ctx *ctx, const struct pz_filter_node *test,
                                 const struct pz_filter_set *set)
{
    struct pz_filter_cache *cache = ctx->f->cache;
    struct pz_filter_work *work = ctx->work;
    struct pz_filter_bitset **slot, *made = NULL, *dropped = NULL;
    const uint64_t *words = NULL;

    if (!make_key(&work->key, test, set) ||
        !pz_mem_grow(&work->held, &work->cap_held, work->n_held + 1, sizeof *work->held))
        return NULL;
    for (int turn = 0; turn < 2 && !words; turn++) {
        if (turn == 1 && !(made = make_entry(ctx, test, set)))
            return NULL;
        pthread_mutex_lock(&cache->lock);
        slot = find_slot(cache, &work->key);
        if (slot && *slot && same_key(*slot, &work->key)) {
            words = hold(cache, work, *slot);
            dropped = made; /* somebody else was faster */
        } else if (made && slot) {
            dropped = *slot;
            *slot = made;
            words = hold(cache, work, made);
        }
        pthread_mutex_unlock(&cache->lock);
    }
    free_entry(dropped);
    if (words)
        return words;
    free_entry(made);
    return NULL;
}

void pz_filter_release(const struct pz_filter *f, struct pz_filter_work *work)
{
    if (work->n_held == 0)
        return;
    pthread_mutex_lock(&f->cache->lock);
    while (work->n_held > 0)
        work->held[--work->n_held]->held--;
    pthread_mutex_unlock(&f->cache->lock);
}
