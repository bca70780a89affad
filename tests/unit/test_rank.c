/* SPDX-License-Identifier: Apache-2.0 */
/* Ranking, on a model of eight items made by hand: its one scorer gives item i the score
 * closeness[h][i] summed over the history, its fallback gives falling popularity a > b > ... > h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "rank/ranker.h"

enum { N = 8 };

/* Item h of the history makes its neighbours h+1 (1.0), h+2 (0.5), h+3 (0.25) likely, without wrapping. */
static bool near_score(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    (void)part;
    (void)scratch;
    for (size_t k = 0; k < q->n_hist; k++)
        for (uint32_t d = 1; d <= 3 && q->hist[k] + d < N; d++)
            out[q->hist[k] + d] += q->hist_weight[k] * 2.0f / (float)(1u << d);
    return q->n_hist > 0;
}

static bool popular_score(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    (void)part;
    (void)q;
    (void)scratch;
    for (uint32_t i = 0; i < N; i++)
        out[i] = (float)(N - i);
    return true;
}

static size_t no_scratch(const void *part)
{
    (void)part;
    return 0;
}

static const struct pz_scorer near_scorer = { .name = "near", .score = near_score,
                                              .scratch_bytes = no_scratch };
static const struct pz_scorer popular = { .name = "popular", .score = popular_score,
                                          .scratch_bytes = no_scratch };

static const uint64_t item_offset[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8 };
static const uint64_t user_offset[] = { 0, 2, 4 };
static const uint64_t event_offset[] = { 0, 4, 12 };
static const uint64_t hist_ptr[] = { 0, 2, 3 };
static const uint32_t hist_item[] = { 0, 3, 6 }; /* u0: a, d; u1: g */
static const int64_t hist_time[] = { 100, 200, 150 };
static const float hist_weight[] = { 1, 1, 1 };
static const uint8_t hist_event[] = { 0, 1, 0 }; /* view, purchase; view */

static struct pz_model fixture(const char *recipe)
{
    return (struct pz_model){
        .recipe = pz_recipe_find(recipe),
        .items = { .n = N, .offset = item_offset, .bytes = "abcdefgh" },
        .users = { .n = 2, .offset = user_offset, .bytes = "u0u1" },
        .events = { .n = 2, .offset = event_offset, .bytes = "viewpurchase" },
        .ptr = hist_ptr, .item = hist_item, .time = hist_time, .weight = hist_weight,
        .event = hist_event, .newest = 200,
        .part = { { .scorer = &near_scorer, .weight = 1 }, { .scorer = &popular, .weight = 0 } },
        .n_parts = 2,
        .softmax_scale = 2,
    };
}

/* The items of an answer as one string, "cbd". */
static const char *ask(const struct pz_model *m, const struct pz_request *req, struct pz_answer *answer)
{
    static char text[64];
    static struct pz_ranker *r;
    struct pz_answer a;
    struct pz_err err = { 0 };

    pz_ranker_free(r);
    r = pz_ranker_new(m);
    assert_non_null(r);
    if (pz_rank(r, req, &a, &err) != PZ_OK) {
        fail_msg("%s", err.text);
    }
    assert_true(a.n < sizeof text);
    for (size_t i = 0; i < a.n; i++)
        text[i] = a.hit[i].item == PZ_NONE ? '?' : "abcdefgh"[a.hit[i].item];
    text[a.n] = '\0';
    if (answer)
        *answer = a; /* lives until the next ask */
    return text;
}

static void a_known_user_gets_what_follows_his_history(void **state)
{
    struct pz_model m = fixture("user-personalization");
    struct pz_answer a;

    (void)state;
    /* a gives b 1, c .5, d .25; d gives e 1, f .5, g .25; a and d are seen; ties to the lower index */
    assert_string_equal(ask(&m, &(struct pz_request){ .user_id = "u0", .num = 4 }, &a), "becf");
    assert_int_equal(a.hit[0].source, PZ_ORIGIN_PERSONAL);
    assert_false(a.is_short);
}

static void shares_are_a_softmax_over_what_may_be_recommended(void **state)
{
    struct pz_model m = fixture("user-personalization");
    struct pz_answer a;
    double total;

    (void)state;
    ask(&m, &(struct pz_request){ .user_id = "u0", .num = 5 }, &a);
    /* allowed: b 1, c .5, e 1, f .5, g .25, h 0; scale 2 */
    total = 2 * exp(2) + 2 * exp(1) + exp(.5) + 1;
    assert_true(fabs(a.hit[0].score - exp(2) / total) < 1e-9);
    assert_true(fabs(a.hit[4].score - exp(.5) / total) < 1e-9);
}

static void items_that_no_part_knows_come_last_by_popularity(void **state)
{
    struct pz_model m = fixture("user-personalization");
    struct pz_answer a;

    (void)state;
    assert_string_equal(ask(&m, &(struct pz_request){ .user_id = "u1", .num = 8 }, &a), "habcdef");
    assert_int_equal(a.hit[1].source, PZ_ORIGIN_POPULAR);
    assert_true(isnan(a.hit[1].score));
    assert_true(a.is_short); /* 7 can be had, 8 were asked for */
}

static void nobody_gets_what_is_popular(void **state)
{
    struct pz_model m = fixture("user-personalization");
    struct pz_answer a;

    (void)state;
    assert_string_equal(ask(&m, &(struct pz_request){ .user_id = "stranger", .num = 3 }, &a), "abc");
    assert_int_equal(a.hit[0].source, PZ_ORIGIN_POPULAR);
}

static void live_and_inline_events_extend_the_history(void **state)
{
    struct pz_model m = fixture("user-personalization");
    struct pz_live_event event = { .item_id = "g", .event_type = "view", .value = NAN, .time = 300 };
    struct pz_live live = { .event = &event, .n_events = 1 };
    const char *const history[] = { "nosuch", "d" };
    struct pz_answer a;

    (void)state;
    assert_string_equal(
        ask(&m, &(struct pz_request){ .user_id = "new", .num = 1, .live = &live }, &a), "h");
    assert_int_equal(a.hit[0].source, PZ_ORIGIN_SESSION);
    assert_string_equal(ask(&m, &(struct pz_request){ .user_id = "new", .num = 2, .live = &live,
                                                      .history = history, .n_history = 2 }, NULL),
                        "eh");
    live.forgotten = true;
    live.n_events = 0;
    assert_string_equal(ask(&m, &(struct pz_request){ .user_id = "u0", .num = 1, .live = &live }, &a),
                        "a");
    assert_int_equal(a.hit[0].source, PZ_ORIGIN_POPULAR);
}

static void seen_items_are_left_out_kept_or_all_there_is(void **state)
{
    struct pz_model m = fixture("user-personalization");
    struct pz_request req = { .user_id = "u0", .num = 8 };

    (void)state;
    req.rules.seen = PZ_SEEN_KEEP;
    assert_string_equal(ask(&m, &req, NULL), "becfdgah");
    req.rules.seen = PZ_SEEN_ONLY;
    assert_string_equal(ask(&m, &req, NULL), "da");
    req.rules.seen = PZ_SEEN_EXCLUDE;
    assert_string_equal(ask(&m, &req, NULL), "becfgh");
}

static void related_items_leave_out_the_item_itself(void **state)
{
    struct pz_model m = fixture("related-items");
    struct pz_answer a;

    (void)state;
    assert_string_equal(ask(&m, &(struct pz_request){ .item_id = "c", .num = 4 }, &a), "defa");
    assert_int_equal(a.hit[0].source, PZ_ORIGIN_SIMILAR);
    assert_true(isnan(a.hit[0].score));
    assert_string_equal(ask(&m, &(struct pz_request){ .item_id = "nosuch", .num = 2 }, &a), "ab");
    assert_int_equal(a.hit[0].source, PZ_ORIGIN_POPULAR);
}

static void a_list_is_ordered_and_what_is_unknown_stays_behind(void **state)
{
    struct pz_model m = fixture("personalized-ranking");
    const char *const list[] = { "x", "h", "c", "g", "y", "b" };
    struct pz_answer a;
    double sum = 0;

    (void)state;
    /* g and c at .25 and .5; h has no score and comes after them */
    assert_string_equal(
        ask(&m, &(struct pz_request){ .user_id = "u0", .rank = list, .n_rank = 6 }, &a), "bcgh??");
    for (size_t i = 0; i < a.n; i++)
        sum += a.hit[i].score;
    assert_true(fabs(sum - 1) < 1e-9);
    assert_string_equal(a.hit[4].id, "x");
    assert_int_equal(a.hit[4].source, PZ_ORIGIN_UNKNOWN);
}

static void a_question_that_does_not_fit_the_recipe_is_refused(void **state)
{
    struct pz_model related = fixture("related-items"), ranking = fixture("personalized-ranking");
    struct pz_ranker *r = pz_ranker_new(&related);
    struct pz_answer a;

    (void)state;
    assert_int_equal(pz_rank(r, &(struct pz_request){ .user_id = "u0", .num = 1 }, &a, NULL), PZ_USAGE);
    pz_ranker_free(r);
    r = pz_ranker_new(&ranking);
    assert_int_equal(pz_rank(r, &(struct pz_request){ .user_id = "u0", .num = 1 }, &a, NULL), PZ_USAGE);
    pz_ranker_free(r);
}

static void the_best_come_first_and_equals_by_index(void **state)
{
    const float score[] = { 3, 9, 3, 0, 9, -1, 5 };
    uint64_t set[1];
    struct pz_hit hit[7];

    (void)state;
    pz_set_fill(set, 7, true);
    assert_int_equal(pz_top(score, set, 7, hit, 4), 4);
    assert_int_equal(hit[0].item, 1);
    assert_int_equal(hit[1].item, 4);
    assert_int_equal(hit[2].item, 6);
    assert_int_equal(hit[3].item, 0);
    pz_set_remove(set, 4);
    assert_int_equal(pz_top(score, set, 7, hit, 7), 4); /* 0 and below are no scores */
    assert_int_equal(hit[3].item, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_user_gets_what_follows_his_history),
        cmocka_unit_test(shares_are_a_softmax_over_what_may_be_recommended),
        cmocka_unit_test(items_that_no_part_knows_come_last_by_popularity),
        cmocka_unit_test(nobody_gets_what_is_popular),
        cmocka_unit_test(live_and_inline_events_extend_the_history),
        cmocka_unit_test(seen_items_are_left_out_kept_or_all_there_is),
        cmocka_unit_test(related_items_leave_out_the_item_itself),
        cmocka_unit_test(a_list_is_ordered_and_what_is_unknown_stays_behind),
        cmocka_unit_test(a_question_that_does_not_fit_the_recipe_is_refused),
        cmocka_unit_test(the_best_come_first_and_equals_by_index),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
