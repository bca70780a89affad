/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "base/bits.h"
#include "rank/explore.h"
#include "tests/unit/unit.h"

enum { DAY = 86400, NOW = 1000 * DAY };

static struct pz_explore_cfg cfg_of(double weight, uint64_t draw)
{
    return (
        struct pz_explore_cfg){ .weight = weight, .cutoff_days = 30, .newest = NOW, .draw = draw };
}

TEST(weight_0_changes_nothing)
{
    const int64_t since[] = { NOW, NOW };
    const uint32_t count[] = { 0, 0 };
    const struct pz_explore_items items = { .n = 2, .since = since, .counted = 2, .count = count };
    const struct pz_explore_cfg cfg = cfg_of(0, 7);
    float blend[] = { 0.25f, 0.5f };

    assert_int_equal(pz_explore(&cfg, &items, blend, NULL), 0);
    assert_true(blend[0] == 0.25f && blend[1] == 0.5f);
}

/* Best 2: the only young item gets 0.75 * 0.5 + 0.25 * 2 / 1. */
TEST(the_bonus_mixes_with_the_blend)
{
    const int64_t since[] = { NOW - 31 * DAY, NOW - 30 * DAY, 0 };
    const uint32_t count[] = { 9, 9, 9 };
    const struct pz_explore_items items = { .n = 3, .since = since, .counted = 3, .count = count };
    const struct pz_explore_cfg cfg = cfg_of(0.25, 7);
    struct pz_explored lifted[PZ_EXPLORE_MAX];
    float blend[] = { 2, 0.5f, 1 };

    assert_int_equal(pz_explore(&cfg, &items, blend, lifted), 1);
    assert_int_equal(lifted[0].item, 1);
    assert_true(lifted[0].bonus == 0.5f);
    assert_true(blend[0] == 1.5f && blend[1] == 0.875f && blend[2] == 0.75f);
}

TEST(weight_1_leaves_only_the_draw_and_the_kth_gets_1_over_k)
{
    const int64_t since[] = { NOW, 0, INT64_MAX, NOW - DAY };
    const uint32_t count[] = { 0, 0, 0, 0 };
    const struct pz_explore_items items = { .n = 4, .since = since, .counted = 4, .count = count };
    const struct pz_explore_cfg cfg = cfg_of(1, 3);
    struct pz_explored lifted[PZ_EXPLORE_MAX];
    float blend[] = { 1, 6, 0, -1 };

    assert_int_equal(pz_explore(&cfg, &items, blend, lifted), 3);
    assert_true(blend[1] == 0);
    for (size_t k = 0; k < 3; k++)
        assert_true(blend[lifted[k].item] == 6.0f / (float)(k + 1));
}

TEST(what_may_not_be_recommended_is_not_drawn)
{
    const int64_t since[] = { NOW, NOW };
    const uint32_t count[] = { 0, 0 };
    const uint64_t allowed[] = { 2 };
    const struct pz_explore_items items = {
        .n = 2, .since = since, .counted = 2, .count = count, .allowed = allowed
    };
    struct pz_explored lifted[PZ_EXPLORE_MAX];

    for (uint64_t draw = 0; draw < 50; draw++) {
        const struct pz_explore_cfg cfg = cfg_of(0.5, draw);
        float blend[] = { 9, 0 };

        assert_int_equal(pz_explore(&cfg, &items, blend, lifted), 1);
        assert_int_equal(lifted[0].item, 1);
        assert_true(lifted[0].bonus ==
                    0.5f); /* nothing allowed has a score: 1 stands for the best */
    }
}

/* How often item 0 is drawn before item 1; live: showings of item 0 since training. */
static double first_share(const uint32_t *count, const uint32_t *shown, uint32_t live,
                          const float *blend)
{
    enum { DRAWS = 20000 };
    const int64_t since[] = { NOW, NOW };
    const struct pz_explore_items items = { .n = 2,
                                            .since = since,
                                            .counted = 2,
                                            .count = count,
                                            .shown = shown,
                                            .live = &(struct pz_shown){ 0, live, 1 },
                                            .n_live = live > 0 };
    uint32_t n = 0;

    for (uint64_t user = 0; user < DRAWS; user++) {
        char id[2] = { (char)(1 + user % 100), '\0' };
        const struct pz_explore_cfg cfg = cfg_of(0.3, pz_explore_draw(user / 100, id, NOW));
        struct pz_explored lifted[PZ_EXPLORE_MAX];
        float b[] = { blend[0], blend[1] };

        assert_int_equal(pz_explore(&cfg, &items, b, lifted), 2);
        n += lifted[0].item == 0;
    }
    return (double)n / DRAWS;
}

/* Standard error of a share over 20,000 draws is at most .0036: five of them. */
TEST(chances_fall_with_interactions_and_impressions)
{
    const float alike[] = { 1, 1 };

    assert_true(fabs(first_share((const uint32_t[]){ 0, 0 }, NULL, 0, alike) - 0.5) < 0.018);
    assert_true(fabs(first_share((const uint32_t[]){ 3, 0 }, NULL, 0, alike) - 0.2) <
                0.018); /* 1/4 : 1 */
    assert_true(fabs(first_share((const uint32_t[]){ 1, 0 }, (const uint32_t[]){ 2, 0 }, 0, alike) -
                     0.2) < 0.018);
    assert_true(fabs(first_share((const uint32_t[]){ 1, 0 }, NULL, 2, alike) - 0.2) < 0.018);
}

TEST(chances_rise_with_the_blend)
{
    assert_true(fabs(first_share((const uint32_t[]){ 0, 0 }, NULL, 0, (const float[]){ 1, 0 }) -
                     1.1 / 1.2) < 0.018);
}

TEST(a_page_repeats_within_a_day_and_differs_between_days_and_users)
{
    assert_true(pz_explore_draw(1, "u", NOW) == pz_explore_draw(1, "u", NOW + DAY - 1));
    assert_true(pz_explore_draw(1, "u", NOW) != pz_explore_draw(1, "u", NOW + DAY));
    assert_true(pz_explore_draw(1, "u", NOW) != pz_explore_draw(1, "v", NOW));
    assert_true(pz_explore_draw(1, "u", NOW) != pz_explore_draw(2, "u", NOW));
    assert_true(pz_explore_draw(1, NULL, NOW) == pz_explore_draw(1, NULL, NOW));
}

/* New items draw by words and eights: every order of all items is as likely. Of 192 items, of which
 * training saw so many, the first is each as often; the k-th after it is one of its word in 63 of
 * 191, of its eight in 7 of 191. Five standard errors of 20,000 draws. */
static void young_items_are_alike(uint32_t learned)
{
    enum { N = 192, DRAWS = 20000, LATER = 3 };
    static const size_t later[LATER] = { 1, 2, 60 };
    static int64_t since[N];
    static uint32_t count[N];
    const struct pz_explore_items items = {
        .n = N, .learned = learned, .since = since, .counted = N, .count = count
    };
    struct pz_explored lifted[PZ_EXPLORE_MAX];
    uint32_t first[N] = { 0 }, of_word[LATER] = { 0 }, of_eight[LATER] = { 0 };

    for (uint32_t i = 0; i < N; i++)
        since[i] = NOW;
    for (uint32_t k = 0; k < DRAWS; k++) {
        const struct pz_explore_cfg cfg = cfg_of(0.5, pz_explore_draw(k, NULL, NOW));
        float blend[N] = { 0 };

        assert_int_equal(pz_explore(&cfg, &items, blend, lifted), PZ_EXPLORE_MAX);
        first[lifted[0].item]++;
        for (size_t l = 0; l < LATER; l++) {
            uint32_t item = lifted[later[l]].item;

            of_word[l] += item / 64 == lifted[0].item / 64;
            of_eight[l] += item / 8 == lifted[0].item / 8;
        }
    }
    for (uint32_t i = 0; i < N; i++)
        assert_true(fabs((double)first[i] / DRAWS - 1.0 / N) < 5 * sqrt(1.0 / N / DRAWS));
    for (size_t l = 0; l < LATER; l++) {
        assert_true(fabs((double)of_word[l] / DRAWS - 63.0 / 191) < 0.017);
        assert_true(fabs((double)of_eight[l] / DRAWS - 7.0 / 191) < 0.0067);
    }
}

TEST(young_items_are_alike_wherever_they_stand)
{
    young_items_are_alike(0);
    young_items_are_alike(100);
    young_items_are_alike(192);
}

/* The numbers themselves are uniform: an item that was tried 127 times stands before the 64th of
 * 128 others as often as an exponential time of mean 128 is below the 64th of those of mean 1,
 * which is about log 2: 1 - 2^(-1/128). */
TEST(what_was_tried_keeps_its_place_in_a_crowd)
{
    enum { N = 129, DRAWS = 40000, TRIED = 70 };
    static int64_t since[N];
    static uint32_t count[N];
    const struct pz_explore_items items = { .n = N, .since = since, .counted = N, .count = count };
    struct pz_explored lifted[PZ_EXPLORE_MAX];
    uint32_t before = 0;

    for (uint32_t i = 0; i < N; i++)
        since[i] = NOW;
    count[TRIED] = 127;
    for (uint32_t k = 0; k < DRAWS; k++) {
        const struct pz_explore_cfg cfg = cfg_of(0.5, pz_explore_draw(k, NULL, NOW));
        float blend[N] = { 0 };

        pz_explore(&cfg, &items, blend, lifted);
        for (size_t p = 0; p < 64; p++)
            before += lifted[p].item == TRIED;
    }
    assert_true(fabs((double)before / DRAWS - 0.0054) < 0.0019);
}

/* 4096 items that are young, as many of which every third word has an old one, and a rest. */
TEST(what_many_ages_come_to_draws_the_same_items)
{
    enum { N = 9000, WORDS = (N + 63) / 64, CHUNKS = (WORDS + 63) / 64 };
    static int64_t since[N], newest[WORDS], oldest[WORDS], many[CHUNKS];
    static uint32_t count[N];
    static float blend[N];
    struct pz_explored one[PZ_EXPLORE_MAX], other[PZ_EXPLORE_MAX];
    struct pz_explore_items items = { .n = N, .since = since, .counted = N, .count = count };
    const struct pz_explore_cfg cfg = cfg_of(0.3, 11);

    for (uint32_t i = 0; i < N; i++) {
        bool old = i >= 4096 && i < 8192 && (i / 64 % 3 == 1 ? i % 64 == 5 : i / 64 % 3 == 2);

        since[i] = old ? 0 : NOW;
        newest[i / 64] = i % 64 == 0 || since[i] > newest[i / 64] ? since[i] : newest[i / 64];
        oldest[i / 64] = i % 64 == 0 || since[i] < oldest[i / 64] ? since[i] : oldest[i / 64];
        many[i / 4096] = i % 4096 == 0 || since[i] < many[i / 4096] ? since[i] : many[i / 4096];
    }
    assert_int_equal(pz_explore(&cfg, &items, blend, one), PZ_EXPLORE_MAX);
    items.newest = newest;
    items.oldest = oldest;
    items.oldest_of_many = many;
    memset(blend, 0, sizeof blend);
    assert_int_equal(pz_explore(&cfg, &items, blend, other), PZ_EXPLORE_MAX);
    for (size_t k = 0; k < PZ_EXPLORE_MAX; k++)
        assert_int_equal(one[k].item, other[k].item);
}

TEST(a_crowd_of_young_items_fills_the_list_once)
{
    enum { N = 1000 };
    static int64_t since[N];
    static uint32_t count[N];
    static float blend[N];
    static uint8_t met[N];
    const struct pz_explore_items items = { .n = N, .since = since, .counted = N, .count = count };
    const struct pz_explore_cfg cfg = cfg_of(0.5, 11);
    struct pz_explored lifted[PZ_EXPLORE_MAX];

    for (uint32_t i = 0; i < N; i++)
        since[i] = NOW - (int64_t)i;
    assert_int_equal(pz_explore(&cfg, &items, blend, lifted), PZ_EXPLORE_MAX);
    for (size_t k = 0; k < PZ_EXPLORE_MAX; k++) {
        assert_int_equal(met[lifted[k].item]++, 0);
        assert_true(k == 0 || lifted[k].bonus < lifted[k - 1].bonus);
    }
}

static void prefetch_nothing(const void *scores, uint32_t item)
{
    (void)scores;
    (void)item;
}

struct settled {
    const float *blend;
    size_t n;
};

static float settle_nothing(void *scores, uint32_t item)
{
    struct settled *s = scores;

    s->n++;
    return s->blend[item];
}

/* What is known of blends at most draws as the blends themselves do; tried: how often every other
 * item was. Returns how many were settled. */
static size_t draw_a_crowd(uint32_t tried, uint64_t number)
{
    enum { N = 20000, WORDS = (N + 63) / 64 };
    static int64_t since[N];
    static uint32_t count[N];
    static float blend[2][N], max[WORDS];
    uint64_t young[WORDS] = { 0 };
    struct settled settled = { blend[1], 0 };
    const struct pz_explore_cfg cfg = cfg_of(0.5, number);
    struct pz_explore_items items = {
        .n = N, .learned = 100, .since = since, .counted = N, .count = count
    };
    struct pz_explored lifted[2][PZ_EXPLORE_MAX];

    for (uint32_t i = 0; i < N; i++) {
        since[i] = NOW;
        count[i] = i % 2 ? tried : 0;
        blend[0][i] = blend[1][i] = i % 97 == 0 ? (float)(i % 11) : 0;
        max[i / 64] = i % 64 && max[i / 64] > blend[0][i] ? max[i / 64] : blend[0][i];
    }
    assert_int_equal(pz_explore(&cfg, &items, blend[0], lifted[0]), PZ_EXPLORE_MAX);
    items.max = max;
    items.prefetch = prefetch_nothing;
    items.settle = settle_nothing;
    items.scores = &settled;
    items.young = young;
    assert_int_equal(pz_explore(&cfg, &items, blend[1], lifted[1]), PZ_EXPLORE_MAX);
    for (size_t k = 0; k < PZ_EXPLORE_MAX; k++)
        assert_true(lifted[0][k].item == lifted[1][k].item &&
                    lifted[0][k].bonus == lifted[1][k].bonus);
    return settled.n;
}

TEST(a_rough_draw_of_a_crowd_is_the_exact_one_of_few)
{
    for (uint64_t number = 0; number < 20; number++) {
        assert_true(draw_a_crowd(0, number) < 200);
        assert_true(draw_a_crowd(100, number) < 200); /* more than half are not early enough */
    }
}

/* What is ahead has the first that are lifted in it, whether young items are listed or not; of
 * several draws by one who keeps what is young, of two ages. */
TEST(what_is_ahead_has_the_first_that_are_lifted)
{
    enum { N = 3000, WANT = 16 };
    static int64_t since[N];
    static uint32_t count[N];
    uint64_t allowed[N / 64 + 1], plain[1] = { UINT64_MAX }, kept[N / 64 + 1], young[N / 64 + 1];
    int64_t kept_from = INT64_MAX;
    struct pz_young list = { .n = 0 };
    struct pz_explore_items items = {
        .n = N, .learned = N, .since = since, .counted = N, .count = count, .allowed = allowed
    };

    for (uint32_t i = 0; i < N; i++) {
        since[i] = i % 3 == 0 ? NOW - (int64_t)(i % 50) * DAY : 0;
        count[i] = i % 11;
        pz_bits_put(allowed, i, i % 7 > 0);
    }
    for (uint32_t k = 0; k < 20; k++) {
        struct pz_explore_items ahead = items;
        struct pz_explore_cfg cfg = cfg_of(0.3, k);
        struct pz_explored lifted[PZ_EXPLORE_MAX];
        uint64_t words[N / 64 + 1] = { 0 }, listed[N / 64 + 1] = { 0 };
        float blend[N];

        cfg.cutoff_days = k < 10 ? 30 : 10;
        ahead.plain = plain;
        ahead.rest = 1;
        ahead.settle = settle_nothing;
        ahead.young = young;
        ahead.kept = kept;
        ahead.kept_from = &kept_from;
        pz_explore_ahead(&cfg, &ahead, WANT, words);
        ahead.list = &list;
        pz_explore_ahead(&cfg, &ahead, WANT, listed);
        for (uint32_t i = 0; i < N; i++)
            blend[i] = (float)(i % 5);
        assert_int_equal(pz_explore(&cfg, &items, blend, lifted), PZ_EXPLORE_MAX);
        for (size_t i = 0; i < WANT; i++)
            assert_true(pz_bits_has(listed, lifted[i].item));
        assert_memory_equal(listed, words, sizeof words);
        pz_bits_without(words, words, allowed, N);
        assert_int_equal(pz_bits_count(words, N), 0);
        assert_in_range(pz_bits_count(listed, N), WANT, N / 10);
    }
    assert_true(list.known && list.n > 0);
    free(list.item);
    free(list.tried);
}
