/* SPDX-License-Identifier: Apache-2.0 */
/* A user's rows in time order without repeats, held to a plain version: a stable insertion sort,
 * and each row compared with all kept ones of its time. Sizes are those at which the fast one
 * changes its way. */
#include "base/par.h"
#include "base/rng.h"
#include "import/order.h"
#include "tests/unit/unit.h"

#define LENGTH(a) (sizeof(a) / sizeof *(a))

enum { MOST = 3000 };

static void sort_plain(uint64_t *key, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && key[k - 1] >> 32 > key[k] >> 32; k--) {
            uint64_t x = key[k];

            key[k] = key[k - 1];
            key[k - 1] = x;
        }
}

/* Rows are equal when their payloads are so after division by `alike`: 1, exactly equal. */
static bool is_alike(const void *context, uint32_t a, uint32_t b)
{
    uint32_t alike = *(const uint32_t *)context;

    return a / alike == b / alike;
}

/* Few values, so that unequal rows collide and the comparison has to decide. */
static uint64_t hash_alike(const void *context, uint32_t payload)
{
    return payload / *(const uint32_t *)context % 5;
}

static size_t drop_plain(uint64_t *key, size_t n, uint32_t alike)
{
    size_t put = 0;

    for (size_t i = 0; i < n; i++) {
        size_t k = 0;

        while (k < put && !(key[k] >> 32 == key[i] >> 32 &&
                            is_alike(&alike, (uint32_t)key[k], (uint32_t)key[i])))
            k++;
        if (k == put)
            key[put++] = key[i];
    }
    return put;
}

/* n keys: times below n_times (spread over all four bytes), payloads below n_payloads. */
static void fill(uint64_t *key, size_t n, uint32_t n_times, uint32_t n_payloads, uint64_t seed)
{
    struct pz_rng rng;

    pz_rng_init(&rng, seed, n);
    for (size_t i = 0; i < n; i++)
        key[i] = pz_key((uint32_t)(pz_rng_below(&rng, n_times) * (UINT32_MAX / n_times)),
                        (uint32_t)pz_rng_below(&rng, n_payloads));
}

static const size_t sizes[] = { 0, 1, 2, 3, 15, 16, 17, 18, 47, 48, 49, 50, 255, 256, 257, MOST };

TEST(keys_are_sorted_by_time_stably)
{
    static uint64_t key[MOST], plain[MOST], scratch[MOST];
    static const uint32_t n_times[] = { 1, 2, 300, 70000, 1u << 31 };

    for (size_t i = 0; i < LENGTH(sizes); i++)
        for (size_t t = 0; t < LENGTH(n_times); t++) {
            fill(key, sizes[i], n_times[t], UINT32_MAX, t);
            memcpy(plain, key, sizeof key);
            pz_order_sort(key, sizes[i], scratch);
            sort_plain(plain, sizes[i]);
            assert_memory_equal(key, plain, sizes[i] * sizeof *key);
        }
}

/* Users of all sizes side by side, at several numbers of threads: each is sorted and cleaned
 * alone. */
static void check_users(const struct pz_same *same, uint32_t alike, uint32_t n_times)
{
    static uint64_t key[LENGTH(sizes) * MOST], plain[LENGTH(sizes) * MOST];
    uint64_t ptr[LENGTH(sizes) + 1] = { 0 };
    uint32_t kept[LENGTH(sizes)];

    for (size_t u = 0; u < LENGTH(sizes); u++) {
        ptr[u + 1] = ptr[u] + sizes[u];
        fill(key + ptr[u], sizes[u], n_times, 40, u);
    }
    memcpy(plain, key, ptr[LENGTH(sizes)] * sizeof *key);
    assert_int_equal(pz_order_users(key, ptr, LENGTH(sizes), same, kept, NULL), PZ_OK);
    for (size_t u = 0; u < LENGTH(sizes); u++) {
        sort_plain(plain + ptr[u], sizes[u]);
        assert_int_equal(kept[u], drop_plain(plain + ptr[u], sizes[u], alike));
        assert_memory_equal(key + ptr[u], plain + ptr[u], kept[u] * sizeof *key);
    }
}

TEST(of_equal_rows_of_one_time_the_first_is_kept)
{
    static const uint32_t alike[] = { 1, 3 }, n_times[] = { 1, 4, 400 };

    for (int threads = 1; threads <= 3; threads += 2) {
        pz_par_set(threads);
        for (size_t t = 0; t < LENGTH(n_times); t++) {
            struct pz_same payload = { NULL, NULL, NULL };

            check_users(&payload, 1, n_times[t]);
            for (size_t a = 0; a < LENGTH(alike); a++) {
                struct pz_same same = { hash_alike, is_alike, &alike[a] };

                check_users(&same, alike[a], n_times[t]);
            }
        }
    }
    pz_par_set(0);
}

TEST(equal_rows_of_other_times_or_users_all_stay)
{
    uint64_t key[] = { pz_key(5, 7), pz_key(6, 7), pz_key(5, 7), pz_key(5, 7) };
    const uint64_t ptr[] = { 0, 2, 2, 4 };
    const struct pz_same same = { NULL, NULL, NULL };
    uint32_t kept[3];

    assert_int_equal(pz_order_users(key, ptr, 3, &same, kept, NULL), PZ_OK);
    assert_int_equal(kept[0], 2);
    assert_int_equal(kept[1], 0);
    assert_int_equal(kept[2], 1);
}
