/* SPDX-License-Identifier: Apache-2.0 */
/* A threshold of values is chosen where dislikes mislead, and none where all events are wanted. */
#include "train/liked.h"

#include <math.h>

#include "base/mem.h"
#include "base/rng.h"
#include "tests/unit/unit.h"

enum { PEOPLE = 400, EACH = 20, ITEMS = 60, CAMPS = 3 };

static uint64_t ptr[PEOPLE + 1], offset[PEOPLE + ITEMS + 1], word[2] = { 0, 4 };
static uint32_t item[PEOPLE * EACH];
static int64_t when[PEOPLE * EACH];
static float value[PEOPLE * EACH];
static uint8_t event[PEOPLE * EACH];
static char letters[PEOPLE + ITEMS + 1];

/* People of CAMPS meet any item; what is of their camp gets 5, other things 1. Or, with dislike
 * false, they meet their camp's alone and give any value. */
static struct pz_dataset made(bool dislike)
{
    struct pz_rng rng;

    pz_rng_init(&rng, 11, 1);
    memset(letters, 'x', sizeof letters - 1);
    for (uint32_t i = 0; i <= PEOPLE + ITEMS; i++)
        offset[i] = i;
    for (uint32_t p = 0; p < PEOPLE * EACH; p++) {
        uint32_t camp = p / EACH % CAMPS, any = pz_rng_below(&rng, ITEMS);

        item[p] = dislike ? any : any / CAMPS * CAMPS + camp;
        when[p] = p % EACH;
        value[p] = dislike ? (any % CAMPS == camp ? 5 : 1) : (float)(1 + pz_rng_below(&rng, 5));
        ptr[p / EACH + 1] = p + 1;
    }
    return (struct pz_dataset){ .users = { PEOPLE, offset, letters, NULL, NULL, NULL },
                                .items = { ITEMS, offset, letters, NULL, NULL, NULL },
                                .events = { 1, word, "rate", NULL, NULL, NULL },
                                .n_interactions = PEOPLE * EACH,
                                .ptr = ptr,
                                .item = item,
                                .time = when,
                                .event = event,
                                .value = value,
                                .item_attrs = { .n_rows = ITEMS },
                                .user_attrs = { .n_rows = PEOPLE } };
}

static double chosen(bool dislike, double asked)
{
    const struct pz_dataset ds = made(dislike);
    struct pz_event_rule rule = { .type = "Rate", .weight = 1, .threshold = asked };
    const struct pz_train_cfg cfg = { .recipe = pz_recipe_find("user-personalization", NULL),
                                      .metric = { PZ_METRIC_NDCG, 10 },
                                      .seed = 1 };

    assert_int_equal(pz_liked_choose(&ds, &cfg, &rule, 1, NULL), PZ_OK);
    return rule.threshold;
}

TEST(dislikes_are_left_out_where_that_helps)
{
    assert_true(chosen(true, NAN) == 5);
}

TEST(all_values_count_where_a_threshold_loses)
{
    assert_true(chosen(false, NAN) == -INFINITY);
}

TEST(a_threshold_that_is_given_stays)
{
    assert_true(chosen(true, 3) == 3);
    assert_true(chosen(true, -INFINITY) == -INFINITY);
}

/* What is found unasked of a dataset; 0: nothing. */
static double found(struct pz_dataset ds)
{
    struct pz_event_rule *rules = NULL;
    const struct pz_train_cfg cfg = { .recipe = pz_recipe_find("user-personalization", NULL),
                                      .metric = { PZ_METRIC_NDCG, 10 },
                                      .seed = 1 };
    size_t n = 0;
    double threshold;

    assert_int_equal(pz_liked_find(&ds, &cfg, &rules, &n, NULL), PZ_OK);
    threshold = n ? rules[0].threshold : 0;
    assert_true(n == 0 || (n == 1 && rules[0].unasked && strcmp(rules[0].type, "rate") == 0));
    free(rules);
    return threshold;
}

TEST(nobody_has_to_ask_for_a_threshold_that_helps)
{
    assert_true(found(made(true)) == 5);
    assert_true(found(made(false)) == 0);
}

TEST(values_that_are_no_scale_are_left_alone)
{
    struct pz_dataset ds = made(true);

    for (uint32_t p = 0; p < PEOPLE * EACH; p++)
        value[p] += (float)(p % 64) / 1000;
    assert_true(found(ds) == 0);
}

/* Lists of what is dear are better without what is cheap, which says nothing of anybody's taste. */
TEST(prices_are_not_taken_for_ratings)
{
    struct pz_dataset ds = made(true);

    for (uint32_t p = 0; p < PEOPLE * EACH; p++)
        value[p] = item[p] % 4 ? 1 : 5;
    assert_true(found(ds) == 0);
}

TEST(auto_is_read_and_told_from_other_words)
{
    const char *const text[] = { "rate:weight=2,threshold=auto", "rate:threshold=autumn" };
    struct pz_event_rule *rules = NULL;

    assert_int_equal(pz_event_rules_parse(text, 1, &rules, NULL), PZ_OK);
    assert_true(isnan(rules[0].threshold) && rules[0].weight == 2);
    free(rules);
    assert_int_equal(pz_event_rules_parse(text + 1, 1, &rules, NULL), PZ_USAGE);
    free(rules);
}
