/* SPDX-License-Identifier: Apache-2.0 */
#include "data/order.h"
#include "tests/unit/unit.h"

/* Histories of 60 users with 5 of 1000 items each: "0" .. "999", in byte order. */
enum { USERS = 60, EACH = 5, ITEMS = 1000 };
static uint64_t ptr[USERS + 1], offset[ITEMS + 1];
static uint32_t item[USERS * EACH], number[ITEMS];
static int64_t when[USERS * EACH];
static char ids[4 * ITEMS];
static const struct pz_dict dict = { .n = ITEMS, .offset = offset, .bytes = ids };

static int by_bytes(const void *a, const void *b)
{
    char x[8], y[8];

    snprintf(x, sizeof x, "%u", *(const uint32_t *)a);
    snprintf(y, sizeof y, "%u", *(const uint32_t *)b);
    return strcmp(x, y);
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = number[*(const uint32_t *)a], y = number[*(const uint32_t *)b];

    return (x > y) - (x < y);
}

static int by_index(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* Random items, and their places as times. */
static struct pz_histories_of make(int (*order)(const void *, const void *))
{
    uint64_t word = 1;

    for (uint32_t i = 0; i < ITEMS; i++)
        number[i] = i;
    qsort(number, ITEMS, sizeof *number, by_bytes);
    for (uint32_t i = 0; i < ITEMS; i++)
        offset[i + 1] = offset[i] + (uint64_t)sprintf(ids + offset[i], "%u", number[i]);
    for (uint32_t p = 0; p < USERS * EACH; p++) {
        word = word * UINT64_C(6364136223846793005) + 1442695040888963407u;
        item[p] = (uint32_t)(word >> 33) % ITEMS;
        when[p] = p % EACH;
        ptr[p / EACH + 1] = p / EACH * EACH + EACH;
    }
    for (uint32_t u = 0; u < USERS && order; u++)
        qsort(item + u * EACH, EACH, sizeof *item, order);
    return (struct pz_histories_of){ USERS, ptr, item, when, &dict, false };
}

TEST(places_in_lists_sorted_by_id_are_no_order)
{
    struct pz_histories_of h = make(by_index);

    assert_true(pz_order_is_of_ids(&h));
    assert_false(pz_order_known(&h));
    h = make(by_number);
    assert_true(pz_order_is_of_ids(&h));
    for (uint32_t u = 0; u < USERS; u++) /* the largest first */
        for (uint32_t k = 0; k < EACH / 2; k++) {
            uint32_t other = item[u * EACH + EACH - 1 - k];

            item[u * EACH + EACH - 1 - k] = item[u * EACH + k];
            item[u * EACH + k] = other;
        }
    assert_true(pz_order_is_of_ids(&h));
}

TEST(places_of_what_happened_are_an_order)
{
    struct pz_histories_of h = make(NULL);

    assert_false(pz_order_is_of_ids(&h));
    assert_true(pz_order_known(&h));
    for (uint32_t p = 0; p < USERS * EACH; p++)
        when[p] = 7;
    assert_false(pz_order_known(&h));
}

TEST(times_of_a_calendar_are_believed)
{
    struct pz_histories_of h = make(by_number);

    for (uint32_t p = 0; p < USERS * EACH; p++)
        when[p] *= 60;
    assert_true(pz_order_known(&h));
}

TEST(chapters_of_a_series_follow_each_other)
{
    struct pz_histories_of h = make(by_index);

    for (uint32_t p = 0; p < USERS * EACH; p++)
        item[p] = p / EACH * 10 + p % EACH;
    assert_true(pz_order_known(&h));
}

TEST(a_few_steps_prove_nothing)
{
    struct pz_histories_of h = make(by_number);

    h.n_users = 24; /* 96 steps, fewer with repeats */
    assert_false(pz_order_is_of_ids(&h));
}
