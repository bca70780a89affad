/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>

#include "data/split.h"
#include "tests/unit/unit.h"

enum {
    MAX_USERS = 400,
    MAX_EVENTS = 8000,
    MAX_ITEMS = 1000,
    T = PZ_ROLE_TRAIN,
    H = PZ_ROLE_HISTORY,
    X = PZ_ROLE_TRUTH
};

/* A dataset of users "u000", "u001", ... (or of other names) with the given numbers of events;
 * event j of a user is at time 10 j
 * and of item j. */
struct fixture {
    struct pz_dataset ds;
    uint64_t ptr[MAX_USERS + 1], offset[MAX_USERS + 1];
    char bytes[MAX_USERS * 4 + 1];
    int64_t time[MAX_EVENTS];
    uint32_t item[MAX_EVENTS];
    uint64_t item_offset[MAX_ITEMS + 1];
    char item_bytes[MAX_ITEMS * 4 + 1];
    uint8_t role[MAX_EVENTS];
};

static struct fixture *make(const uint32_t *n_events, uint32_t n_users, uint32_t step)
{
    struct fixture *f = calloc(1, sizeof *f);

    for (uint32_t u = 0; u < n_users; u++) {
        snprintf(f->bytes + 4 * (size_t)u, 5, "u%03u", u * step);
        f->offset[u + 1] = 4 * (uint64_t)(u + 1);
        f->ptr[u + 1] = f->ptr[u] + n_events[u];
        for (uint32_t j = 0; j < n_events[u]; j++)
            f->time[f->ptr[u] + j] = 10 * (int64_t)j, f->item[f->ptr[u] + j] = j % MAX_ITEMS;
    }
    for (uint32_t i = 0; i < MAX_ITEMS; i++) {
        snprintf(f->item_bytes + 4 * (size_t)i, 5, "i%03u", i);
        f->item_offset[i + 1] = 4 * (uint64_t)(i + 1);
    }
    f->ds = (struct pz_dataset){ .users = { n_users, f->offset, f->bytes, NULL, NULL, NULL },
                                 .n_interactions = f->ptr[n_users],
                                 .items = { MAX_ITEMS, f->item_offset, f->item_bytes, NULL, NULL,
                                            NULL },
                                 .item = f->item,
                                 .ptr = f->ptr,
                                 .time = f->time };
    memset(f->role, 0xee, sizeof f->role);
    return f;
}

static void assign(struct fixture *f, const char *text, uint64_t seed)
{
    struct pz_split_spec spec;

    assert_int_equal(pz_split_parse(text, &spec, NULL), PZ_OK);
    assert_int_equal(pz_split_assign(&f->ds, &spec, seed, f->role, NULL), PZ_OK);
    assert_int_equal(f->role[f->ds.n_interactions], 0xee);
}

static uint32_t count(const struct fixture *f, uint32_t user, uint8_t role)
{
    uint32_t n = 0;

    for (uint64_t p = f->ptr[user]; p < f->ptr[user + 1]; p++)
        n += f->role[p] == role;
    return n;
}

TEST(specs_are_parsed_with_their_defaults)
{
    struct pz_split_spec s;

    assert_int_equal(pz_split_parse("personalize", &s, NULL), PZ_OK);
    assert_int_equal(s.kind, PZ_SPLIT_PERSONALIZE);
    assert_true(s.share == 0.1);
    assert_int_equal(pz_split_parse("personalize:25%", &s, NULL), PZ_OK);
    assert_true(s.share == 0.25);
    assert_int_equal(pz_split_parse("leave-last", &s, NULL), PZ_OK);
    assert_int_equal(s.count, 1);
    assert_int_equal(pz_split_parse("leave-last:3", &s, NULL), PZ_OK);
    assert_int_equal(s.count, 3);
    assert_int_equal(pz_split_parse("time:1970-01-02", &s, NULL), PZ_OK);
    assert_int_equal(s.time, 86400);
    assert_int_equal(pz_split_parse("time:1700000000", &s, NULL), PZ_OK);
    assert_int_equal(s.time, 1700000000);
    assert_int_equal(pz_split_parse("time:20%", &s, NULL), PZ_OK);
    assert_true(s.time == INT64_MIN && s.share == 0.2);
    assert_int_equal(pz_split_parse("users", &s, NULL), PZ_OK);
    assert_true(s.share == 0.1);
    assert_int_equal(pz_split_parse("users:50%", &s, NULL), PZ_OK);
    assert_int_equal(s.kind, PZ_SPLIT_USERS);
    assert_int_equal(pz_split_parse("random", &s, NULL), PZ_OK);
    assert_true(s.share == 0.2);
}

TEST(bad_specs_are_wrong_usage)
{
    static const char *const bad[] = {
        "",         "personal",      "personalize:", "personalize:0%",
        "users:x%", "users:100%",    "leave-last:0", "leave-last:-1",
        "time",     "time:tomorrow", "random:200%",  "leave-last:1.5"
    };
    struct pz_split_spec s;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(pz_split_parse(bad[i], &s, NULL), PZ_USAGE);
}

TEST(leave_last_keeps_users_without_enough_for_training)
{
    static const uint32_t n[] = { 1, 2, 4, 0 };
    struct fixture *f = make(n, 4, 1);

    assign(f, "leave-last", 1);
    assert_memory_equal(f->role, ((const uint8_t[]){ T, T | H, X, T | H, T | H, T | H, X }), 7);
    assign(f, "leave-last:2", 1);
    assert_memory_equal(f->role, ((const uint8_t[]){ T, T, T, T | H, T | H, X, X }), 7);
    free(f);
}

TEST(time_splits_at_a_moment_that_belongs_to_the_truth)
{
    static const uint32_t n[] = { 3, 2 };
    struct fixture *f = make(n, 2, 1); /* times 0 10 20, 0 10 */

    assign(f, "time:10", 1);
    assert_memory_equal(f->role, ((const uint8_t[]){ T | H, X, X, T | H, X }), 5);
    assign(f, "time:11", 1);
    assert_memory_equal(f->role, ((const uint8_t[]){ T | H, T | H, X, T | H, T | H }), 5);
    free(f);
}

TEST(time_by_share_takes_the_newest_and_whole_moments)
{
    static const uint32_t n[] = { 10, 5 };
    struct fixture *f = make(n, 2, 1); /* one event each at 50 .. 90, two each at 0 .. 40 */

    assign(f, "time:20%", 1); /* 3 of 15: 70, 80, 90 */
    assert_int_equal(count(f, 0, X), 3);
    assert_int_equal(f->role[7], X);
    assert_int_equal(count(f, 1, X), 0);
    assign(f, "time:40%", 1); /* 6 of 15: the sixth newest is at 40, where there are two */
    assert_int_equal(count(f, 0, X), 6);
    assert_int_equal(count(f, 1, X), 1);
    assign(f, "time:0.1%", 1); /* at least one */
    assert_int_equal(count(f, 0, X), 1);
    free(f);
}

TEST(time_by_share_stands_times_at_both_ends_of_the_range)
{
    static const uint32_t n[] = { 3 };
    struct fixture *f = make(n, 1, 1);

    f->time[0] = INT64_MIN;
    f->time[1] = 0;
    f->time[2] = INT64_MAX;
    assign(f, "time:34%", 1);
    assert_memory_equal(f->role, ((const uint8_t[]){ T | H, T | H, X }), 3);
    assign(f, "time:67%", 1);
    assert_memory_equal(f->role, ((const uint8_t[]){ T | H, X, X }), 3);
    free(f);
}

/* The truth of a held-out user with n events, all users being held out that can be. */
static uint32_t truth_of(const char *spec, uint32_t n)
{
    uint32_t n_events[2] = { n, 1 }, truth;
    struct fixture *f = make(n_events, 2, 1);

    assign(f, spec, 3);
    assert_int_equal(f->role[n], T); /* one event: never chosen */
    truth = count(f, 0, X);
    assert_int_equal(count(f, 0, H), n - truth);
    for (uint32_t j = 0; j < truth; j++)
        assert_int_equal(f->role[n - 1 - j], X);
    free(f);
    return truth;
}

TEST(personalize_takes_the_newest_tenth_rounded_up)
{
    assert_int_equal(truth_of("personalize:90%", 2), 1);
    assert_int_equal(truth_of("personalize:90%", 10), 1);
    assert_int_equal(truth_of("personalize:90%", 11), 2);
    assert_int_equal(truth_of("personalize:90%", 20), 2);
    assert_int_equal(truth_of("personalize:90%", 95), 10);
}

TEST(users_takes_the_newest_half)
{
    assert_int_equal(truth_of("users:90%", 2), 1);
    assert_int_equal(truth_of("users:90%", 5), 2);
    assert_int_equal(truth_of("users:90%", 8), 4);
}

TEST(users_with_one_event_are_never_held_out)
{
    static const uint32_t n[] = { 1, 1, 0, 1 };
    struct fixture *f = make(n, 4, 1);

    assign(f, "personalize:90%", 1);
    assert_memory_equal(f->role, ((const uint8_t[]){ T, T, T }), 3);
    free(f);
}

TEST(exactly_the_asked_share_of_users_is_held_out_whole)
{
    uint32_t n[MAX_USERS], held = 0;
    struct fixture *f;

    for (uint32_t u = 0; u < MAX_USERS; u++)
        n[u] = 1 + u % 20; /* 380 users with two or more */
    f = make(n, MAX_USERS, 1);
    assign(f, "personalize:25%", 42);
    for (uint32_t u = 0; u < MAX_USERS; u++) {
        assert_true(count(f, u, T) == n[u] || count(f, u, T) == 0);
        held += count(f, u, T) == 0;
    }
    assert_int_equal(held, 95);
    free(f);
}

TEST(other_users_move_only_the_border_and_another_seed_moves_all)
{
    uint32_t n[200], entered = 0, left = 0, changed = 0;
    struct fixture *all, *even, *other;

    for (uint32_t u = 0; u < 200; u++)
        n[u] = 10;
    all = make(n, 200, 1);
    even = make(n, 100, 2); /* u000, u002, ... */
    other = make(n, 200, 1);
    assign(all, "personalize:20%", 7);
    assign(even, "personalize:20%", 7);
    assign(other, "personalize:20%", 8);
    for (uint32_t u = 0; u < 100; u++) {
        bool was = even->role[10 * u] != T, is = all->role[20 * u] != T;

        entered += is && !was;
        left += was && !is;
    }
    assert_true(entered == 0 || left == 0); /* the border moved one way */
    for (uint32_t u = 0; u < 200; u++)
        changed += other->role[10 * u] != all->role[10 * u];
    assert_in_range(changed, 20, 80);
    free(all);
    free(even);
    free(other);
}

TEST(random_takes_its_share_of_every_user_and_leaves_history)
{
    static const uint32_t n[] = { 1, 2, 10, 100 };
    struct fixture *f = make(n, 4, 1);

    assign(f, "random", 5);
    assert_int_equal(count(f, 0, T), 1);
    assert_int_equal(count(f, 1, X), 1);
    assert_int_equal(count(f, 1, T | H), 1);
    assert_int_equal(count(f, 2, X), 2);
    assert_int_equal(count(f, 3, X), 20);
    assert_int_equal(count(f, 3, T | H), 80);
    assign(f, "random:18%", 5); /* 1.8 and 18 */
    assert_int_equal(count(f, 2, X), 2);
    assert_int_equal(count(f, 3, X), 18);
    assign(f, "random:99%", 5);
    assert_int_equal(count(f, 1, X), 1);
    assert_int_equal(count(f, 2, X), 9);
    free(f);
}

TEST(a_split_of_nothing_is_nothing)
{
    static const char *const specs[] = { "personalize", "leave-last", "time:10%", "users:10%",
                                         "random" };
    struct fixture *f = make(NULL, 0, 1);

    for (size_t i = 0; i < 5; i++)
        assign(f, specs[i], 1);
    free(f);
}

/* One user with these items and times. */
static struct fixture *of_one(const uint32_t *item, const int64_t *time, uint32_t n)
{
    struct fixture *f = make(&n, 1, 1);

    memcpy(f->item, item, n * sizeof *item);
    memcpy(f->time, time, n * sizeof *time);
    return f;
}

TEST(events_of_one_item_and_moment_are_held_out_together)
{
    static const uint32_t item[] = { 1, 1, 2, 3, 3 };
    static const int64_t time[] = { 10, 10, 20, 30, 30 };
    struct fixture *f = of_one(item, time, 5);

    assign(f, "leave-last", 1);
    assert_memory_equal(f->role, ((const uint8_t[]){ T | H, T | H, T | H, X, X }), 5);
    assign(f, "leave-last:2", 1);
    assert_memory_equal(f->role, ((const uint8_t[]){ T | H, T | H, X, X, X }), 5);
    assign(f, "leave-last:3", 1); /* three interactions are there, and one has to stay */
    assert_memory_equal(f->role, ((const uint8_t[]){ T, T, T, T, T }), 5);
    assign(f, "personalize:99%", 1); /* a tenth is one, and its twin goes with it */
    assert_memory_equal(f->role, ((const uint8_t[]){ H, H, H, X, X }), 5);
    for (uint64_t seed = 0; seed < 20; seed++) {
        assign(f, "random:40%", seed);
        assert_true(f->role[0] == f->role[1] && f->role[3] == f->role[4]);
    }
    free(f);
}

TEST(ties_in_time_do_not_depend_on_the_order_of_rows)
{
    static const int64_t time[] = { 10, 20, 20, 20, 20, 20, 20, 20 };
    uint32_t item[] = { 0, 1, 2, 3, 4, 5, 6, 7 }, held[2][3], n[2] = { 0, 0 }, seen = 0;

    for (int turn = 0; turn < 2; turn++) {
        struct fixture *f = of_one(item, time, 8);

        assign(f, "leave-last:3", 1);
        for (uint32_t p = 0; p < 8; p++)
            if (f->role[p] == X) {
                assert_true(n[turn] < 3);
                held[turn][n[turn]++] = item[p];
            }
        free(f);
        for (uint32_t p = 1; p < 4; p++) { /* the other way round */
            uint32_t swap = item[p];

            item[p] = item[8 - p];
            item[8 - p] = swap;
        }
    }
    assert_true(n[0] == 3 && n[1] == 3);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            seen += held[0][i] == held[1][k];
    assert_int_equal(seen, 3);
}
