/* SPDX-License-Identifier: Apache-2.0 */
/* Recipes by every name they have, and models that are no recipe's. */
#include <math.h>
#include <unistd.h>

#include "model/parts.h"
#include "tests/unit/unit.h"
#include "train/training.h"

TEST(amazon_s_names_are_aliases)
{
    static const char *const names[][2] = {
        { "aws-user-personalization", "user-personalization" },
        { "aws-user-personalization-v2", "user-personalization" },
        { "aws-hrnn", "user-personalization" },
        { "aws-hrnn-metadata", "user-personalization" },
        { "aws-hrnn-coldstart", "user-personalization" },
        { "aws-personalized-ranking", "personalized-ranking" },
        { "aws-personalized-ranking-v2", "personalized-ranking" },
        { "aws-sims", "related-items" },
        { "aws-similar-items", "similar-items" },
        { "aws-popularity-count", "popularity-count" },
        { "aws-trending-now", "trending-now" },
        { "arn:aws:personalize:::recipe/aws-sims", "related-items" },
        { "arn:aws-cn:personalize:::recipe/aws-SIMS", "related-items" },
        { "related-items", "related-items" },
        { "USER_PERSONALIZATION", "user-personalization" },
        { "User-Personalization-v2", "user-personalization" },
        { "RELATED_ITEMS", "related-items" },
        { "PERSONALIZED_RANKING", "personalized-ranking" },
        { "POPULAR_ITEMS", "popularity-count" },
        { "aws-semantic-similarity", "similar-items" },
        { "AWS_TRENDING_NOW", "trending-now" },
        { "aws-vod-top-picks", "user-personalization" },
        { "aws-ecomm-frequently-bought-together", "related-items" },
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct pz_recipe *r = pz_recipe_find(names[i][0], NULL);

        assert_non_null(r);
        assert_string_equal(r->name, names[i][1]);
    }
    assert_null(pz_recipe_find("aws", NULL));
    assert_null(pz_recipe_find("", NULL));
    assert_null(pz_recipe_find("arn:aws:personalize:::recipe/", NULL));
}

TEST(a_use_case_comes_with_its_filter_and_a_recipe_without)
{
    const char *advice;

    assert_non_null(pz_recipe_find("aws-ecomm-recommended-for-you", &advice));
    assert_non_null(strstr(advice, "ask it with --filter"));
    assert_non_null(strstr(advice, "Purchase"));
    assert_non_null(pz_recipe_find("aws-ecomm-popular-items-by-views", &advice));
    assert_string_equal(advice, "train it with --event View");
    assert_non_null(pz_recipe_find("aws-sims", &advice));
    assert_null(advice);
}

TEST(a_name_without_counterpart_is_refused_with_what_to_do)
{
    static const char *const t[][2] = { { "aws-next-best-action", "action" },
                                        { "USER_SEGMENTATION", "--segment-item" },
                                        { "aws-item-attribute-affinity", "--segment-where" },
                                        { "user-personalisation", "user-personalization" },
                                        { "trendign-now", "trending-now" } };
    const struct pz_recipe *recipe;

    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct pz_err err = { 0 };

        assert_int_equal(pz_recipe_choose(t[i][0], &recipe, NULL, &err), PZ_USAGE);
        if (!strstr(err.text, t[i][1]))
            fail_msg("%s: %s", t[i][0], err.text);
    }
}

/* Answering counts on it: what no other part knows is ordered by it. */
TEST(popularity_is_the_last_part_of_every_recipe)
{
    for (const struct pz_recipe *r = pz_recipes; r->name; r++) {
        const struct pz_scorer *last = NULL;
        size_t n = 0;

        for (size_t i = 0; pz_scorers[i]; i++)
            if (pz_recipe_has(r, pz_scorers[i])) {
                last = pz_scorers[i];
                n++;
            }
        assert_true(n > 0 && n < PZ_MAX_PARTS);
        assert_string_equal(last->name, "popularity");
        assert_true(last->is_fallback && (n == 1) == r->fallback_only);
    }
}

static char path[64]; /* of the model, set by main */

/* Write a model of one user and one item, with popularity or without any part, by event rules or
 * without. */
static void write_model(bool with_part, const struct pz_event_rule *rules, size_t n_rules)
{
    static const uint64_t one[] = { 0, 1 };
    static const int64_t when[] = { 5 };
    static const uint64_t words[] = { 0, 3, 7 };
    static const uint32_t item[] = { 0 };
    static const uint8_t event[] = { 0 };
    const struct pz_dataset ds = { .users = { 1, one, "u", NULL, NULL, NULL },
                                   .items = { 1, one, "i", NULL, NULL, NULL },
                                   .events = { 2, words, "buyview", NULL, NULL, NULL },
                                   .n_interactions = 1,
                                   .ptr = one,
                                   .item = item,
                                   .time = when,
                                   .event = event,
                                   .item_attrs = { .n_rows = 1 },
                                   .user_attrs = { .n_rows = 1 } };
    const struct pz_train_cfg cfg = { .recipe = pz_recipe_find("popularity-count", NULL),
                                      .rules = rules,
                                      .n_rules = n_rules };
    struct pz_training t = {
        .ds = &ds, .cfg = &cfg, .cap = UINT64_MAX, .softmax_scale = 8, .trials = json_array()
    };

    assert_int_equal(pz_corpus_make(&ds, NULL, 0, NULL, &t.corpus, NULL), PZ_OK);
    assert_int_equal(pz_training_teach(&t, NULL, NULL), PZ_OK);
    pz_choice_init(&t.choice[0], &pz_popularity);
    t.n = with_part;
    assert_int_equal(pz_training_store(&t, path, NULL), PZ_OK);
    if (with_part)
        assert_int_equal(pz_training_fit(&t, 0, NULL), PZ_OK);
    assert_int_equal(pz_training_end(&t, NULL), PZ_OK);
    pz_training_clear(&t);
}

TEST(a_model_without_popularity_is_refused)
{
    struct pz_model *m = NULL;
    struct pz_err err = { 0 };

    write_model(true, NULL, 0);
    assert_int_equal(pz_model_open(path, &m, &err), PZ_OK);
    pz_model_free(m);
    write_model(false, NULL, 0);
    assert_int_equal(pz_model_open(path, &m, &err), PZ_BAD_DATA);
    assert_non_null(strstr(err.text, "popularity"));
    unlink(path);
}

TEST(a_model_of_damaged_event_rules_is_not_updated)
{
    const struct pz_event_rule good[] = { { "buy", 1, -INFINITY, false },
                                          { "view", 0.5, 2, false } },
                               bad[] = { { "buy", 1, -INFINITY, false },
                                         { "view", -0.5, 2, false } };
    struct pz_dataset *const none[] = { NULL };
    struct pz_err err = { 0 };

    write_model(true, good, 2);
    assert_int_equal(pz_train_update(path, none, 0, &(struct pz_update_cfg){ .log = NULL }, path,
                                     &err),
                     PZ_OK);
    write_model(true, bad, 2);
    assert_int_equal(pz_train_update(path, none, 0, &(struct pz_update_cfg){ .log = NULL }, path,
                                     &err),
                     PZ_BAD_DATA);
    assert_non_null(strstr(err.text, "event rules"));
    unlink(path);
}

static int make_path(void **state __attribute__((unused)))
{
    snprintf(path, sizeof path, "/tmp/test_recipe.%ld.pzm", (long)getpid());
    return 0;
}

static int remove_path(void **state __attribute__((unused)))
{
    unlink(path);
    return 0;
}

AROUND_ALL(make_path, remove_path)
