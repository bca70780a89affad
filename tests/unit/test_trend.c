/* SPDX-License-Identifier: Apache-2.0 */
/* The trend of items, and the slice of time that it is searched on. */
#include "model/trend.h"

#include "model/model.h"
#include "model/parts.h"
#include "tests/unit/fixture_people.h"
#include "train/tune.h"

/* Two events of item 0, at the end and a half-life before it, and one of item 1 then; item 2 none.
 */
static struct tiny *three_items(void)
{
    struct tiny *t = tiny_new(3);

    tiny_add(t, 0, 0);
    tiny_add(t, 0, 100);
    tiny_end_user(t);
    tiny_add(t, 1, 0);
    tiny_end_user(t);
    return t;
}

static enum pz_status make(const struct tiny *t, double power, double rate, struct pz_trend *out)
{
    struct pz_trend how = { .power = power, .half_life_s = 100, .rate = rate };

    return pz_trend_make(&t->c, &how, out, NULL);
}

TEST(shares_are_those_worked_by_hand)
{
    struct tiny *t = three_items();
    float share[3];

    /* A = 2, 1; R = 1.5, 0.5; m = 2 / 3 */
    assert_int_equal(pz_trend_shares(&t->c, 100, share, NULL), PZ_OK);
    assert_near((double)share[0], (1.5 * 1.5 + 3) / (2 + 3), 1e-6);
    assert_near((double)share[1], (0.5 * 1.5 + 3) / (1 + 3), 1e-6);
    assert_near((double)share[2], 1, 1e-6);
    free(t);
}

TEST(items_that_nobody_had_are_as_young_as_what_happens_now)
{
    struct tiny *t = three_items();
    double first = 1.05 * 1.05, second = 0.9375 * 0.9375, young = (1.5 * first + 0.5 * second) / 2;
    struct pz_trend trend;

    assert_int_equal(make(t, 2, 0, &trend), PZ_OK);
    assert_near((double)pz_trend_factor(&trend, 100, 0), first, 1e-6);
    assert_near((double)pz_trend_factor(&trend, 100, 2), young, 1e-6);
    assert_near((double)pz_trend_factor(&trend, 100, 99), young, 1e-6); /* put live */
    pz_trend_clear(&trend);
    free(t);
}

TEST(a_question_of_the_past_is_given_less_of_the_trend)
{
    struct tiny *t = three_items();
    float score[4] = { 2, 2, 0, 2 };
    struct pz_trend trend;

    assert_int_equal(make(t, 1, 0, &trend), PZ_OK);
    assert_near((double)pz_trend_factor(&trend, 1000, 0), 1.05, 1e-6);
    assert_near((double)pz_trend_factor(&trend, 75, 0), 1.025, 1e-6);
    assert_true(pz_trend_factor(&trend, -100, 0) == 1);
    pz_trend_apply(&trend, 100, score, 4);
    assert_near((double)score[0], 2.1, 1e-6);
    assert_near((double)score[1], 1.875, 1e-6);
    assert_true(score[2] == 0);
    assert_near((double)score[3], 2 * (double)trend.young, 1e-6);
    pz_trend_clear(&trend);
    free(t);
}

TEST(by_rate_an_item_is_not_punished_for_being_young)
{
    struct tiny *t = tiny_new(2);
    struct pz_trend trend;
    double rate[2], mean;

    tiny_add(t, 0, 0);
    tiny_add(t, 0, 100);
    tiny_add(t, 1, 100);
    tiny_end_user(t);
    /* R = 1.5 and 1; item 0 has been there for a half-life, item 1 for none */
    rate[0] = 1.5 / (1 - exp2(-1.1));
    rate[1] = 1 / (1 - exp2(-0.1));
    mean = (rate[0] + rate[1]) / 3;
    assert_int_equal(make(t, 1, 1, &trend), PZ_OK);
    assert_near((double)trend.scale[0], (rate[0] / mean + 3) / (2 + 3), 1e-5);
    assert_near((double)trend.scale[1], (rate[1] / mean + 3) / (1 + 3), 1e-5);
    pz_trend_clear(&trend);
    free(t);
}

TEST(no_power_is_no_trend)
{
    struct tiny *t = three_items();
    struct pz_trend trend;
    float score = 3;

    assert_int_equal(make(t, 0, 0, &trend), PZ_OK);
    assert_null(trend.scale);
    pz_trend_apply(&trend, 100, &score, 1);
    pz_trend_apply(NULL, 100, &score, 1);
    assert_true(score == 3 && pz_trend_factor(NULL, 100, 0) == 1);
    free(t);
}

/* ---- the slice ---- */

TEST(the_slice_has_few_votes_where_lists_are_tuned_for_what_users_do_next)
{
    struct tiny *t = made_people(false, 1);
    struct pz_valid v = { .tune_for = PZ_FOR_NEXT };
    double votes[2] = { 0 };

    assert_int_equal(pz_valid_cut(&t->c, PZ_TASK_USER, true, 400, 3, &v, NULL), PZ_OK);
    assert_true(v.sliced);
    for (uint32_t u = 0; u < v.n_users; u++)
        for (uint32_t k = v.first[u]; k < v.first[u + 1]; k++)
            votes[v.late[u]] += (double)v.c[k].share;
    assert_true(fabs(votes[1] / (votes[0] + votes[1]) - 0.05) < 1e-5);
    pz_valid_clear(&v);
    free(t);
}

/* What is missing in a history is asked for wherever it stood, and no event with its item is left
 * unless lists keep what was seen. */
TEST(what_is_missing_leaves_with_all_events_of_its_item)
{
    for (int hides = 0; hides < 2; hides++) {
        struct tiny *t = tiny_new(40);
        struct pz_valid v = { .tune_for = PZ_FOR_ANY };
        uint32_t middle = 0;

        for (uint32_t u = 0; u < 200; u++) {
            for (int64_t e = 0; e < 10; e++) /* u, u, u + 1, u + 1, .. */
                tiny_add(t, (u + (uint32_t)(e / 2)) % 40, 86400 * e + u);
            tiny_end_user(t);
        }
        assert_int_equal(pz_valid_cut(&t->c, PZ_TASK_USER, hides, 200, 3, &v, NULL), PZ_OK);
        assert_false(v.sliced || v.newest);
        assert_int_equal(v.n_users, v.first[v.n_users]);
        assert_int_equal(v.train.ptr[200], 200 * 8);
        for (uint32_t k = 0; k < v.n_users; k++) {
            const struct pz_valid_case *c = &v.c[k];

            assert_true(c->end - c->from == 8 && c->n_truth > 0);
            middle += c->now > v.seq_time[c->from] && c->now < v.seq_time[c->end - 1];
            for (uint64_t p = c->from; p < c->end && hides; p++)
                assert_int_not_equal(v.seq_item[p], v.truth[c->truth]);
        }
        assert_true(middle > v.n_users / 3);
        pz_valid_clear(&v);
        free(t);
    }
}

/* A user of one item is not left without a history. */
TEST(what_is_missing_is_never_all)
{
    struct tiny *t = tiny_new(2);
    struct pz_valid v = { .tune_for = PZ_FOR_ANY };

    for (uint32_t u = 0; u < 4; u++) {
        for (int64_t e = 0; e < 5; e++)
            tiny_add(t, u < 2 && e == 0, 86400 * e + u);
        tiny_end_user(t);
    }
    assert_int_equal(pz_valid_cut(&t->c, PZ_TASK_USER, true, 4, 3, &v, NULL), PZ_OK);
    for (uint32_t u = 0; u < 4; u++)
        assert_true(v.train.ptr[u + 1] > v.train.ptr[u]);
    pz_valid_clear(&v);
    free(t);
}

TEST(the_newest_slice_leaves_training_and_has_half_of_the_votes)
{
    struct tiny *t = made_people(false, 1);
    struct pz_valid v = { 0 };
    int64_t cut = pz_valid_slice(&t->c, 400), newest = 0;
    double votes[2] = { 0 };

    assert_in_range(cut, 890, 910);
    assert_int_equal(pz_valid_cut(&t->c, PZ_TASK_USER, true, 400, 3, &v, NULL), PZ_OK);
    assert_true(v.sliced);
    for (uint64_t p = 0; p < v.train.ptr[PEOPLE]; p++)
        newest = v.train.time[p] > newest ? v.train.time[p] : newest;
    assert_true(newest < cut && newest == v.train.newest);
    for (uint32_t k = 0; k < v.first[v.n_users]; k++) {
        const struct pz_valid_case *c = &v.c[k];
        bool late = c->now >= cut && v.seq_time[c->end] == c->now && v.seq_time[c->end - 1] < cut;

        assert_true(c->end > c->from && v.seq_time[c->end - 1] <= c->now);
        votes[late] += (double)c->share;
    }
    assert_true(votes[1] >= 0.5 * v.n_users - 1e-3); /* others may begin there, too */
    assert_near(votes[0] + votes[1], v.n_users, 1e-2);
    pz_valid_clear(&v);
    free(t);
}

TEST(what_is_worth_less_in_the_slice_counts_more)
{
    struct tiny *t = made_people(false, 1);
    static const double worth[] = { 3, 1.5, 0.5 }, factor[] = { 1, 4.0 / 3, 2 };

    for (size_t i = 0; i < 3; i++) {
        struct pz_valid v = { 0 };
        double *each, before = 0, after = 0;

        assert_int_equal(pz_valid_cut(&t->c, PZ_TASK_USER, true, 400, 3, &v, NULL), PZ_OK);
        each = pz_mem_array(v.n_users, sizeof *each);
        for (uint32_t u = 0; u < v.n_users; u++)
            for (uint32_t k = v.first[u]; k < v.first[u + 1]; k++) {
                each[u] += (v.late[u] ? worth[i] : 2) * (double)v.c[k].share;
                before += v.late[u] * (double)v.c[k].share;
            }
        pz_valid_even(&v, each);
        for (uint32_t u = 0; u < v.n_users; u++)
            for (uint32_t k = v.first[u]; k < v.first[u + 1]; k++)
                after += v.late[u] * (double)v.c[k].share;
        assert_near(after / before, factor[i], 1e-5);
        free(each);
        pz_valid_clear(&v);
    }
    free(t);
}

TEST(who_is_new_in_the_slice_is_asked_for_without_a_history)
{
    struct tiny *t = made_people(false, 1);
    struct pz_valid v = { 0 };
    uint32_t n_new = 0;

    for (uint32_t i = 0; i < 30; i++) {
        tiny_add(t, i, 950);
        tiny_end_user(t);
    }
    assert_int_equal(pz_valid_cut(&t->c, PZ_TASK_USER, true, 2000, 3, &v, NULL), PZ_OK);
    for (uint32_t k = 0; k < v.first[v.n_users]; k++)
        n_new += v.c[k].user >= PEOPLE && v.c[k].from == v.c[k].end && v.c[k].n_truth == 1;
    assert_int_equal(n_new, 30);
    pz_valid_clear(&v);
    free(t);
}

TEST(times_that_tell_of_order_only_have_no_slice)
{
    struct tiny *t = made_people(false, 1);

    for (uint32_t p = 0; p < PEOPLE * EACH; p++)
        t->time[p] = p % EACH;
    t->c.newest = EACH - 1;
    assert_true(pz_valid_slice(&t->c, 400) == INT64_MAX);
    t->c.ordered = false;
    assert_true(pz_valid_slice(&t->c, 400) == INT64_MAX);
    free(t);
}

TEST(a_trend_is_found_where_items_live_shortly_and_none_where_they_stay)
{
    for (int drift = 0; drift < 2; drift++) {
        struct tiny *t = made_people(drift, 1);
        json_t *trials = json_array();
        struct pz_tune_cfg cfg = {
            .n_trials = 8, .exclude_seen = true, .seed = 7, .trials = trials
        };
        struct pz_choice choice, trend;
        double scale;

        pz_choice_init(&choice, &pz_popularity);
        choice.weight = 1;
        for (size_t k = 0; k < choice.scorer->n_settings; k++)
            choice.low[k] = choice.high[k] = choice.value[k];
        pz_trend_choice_init(&trend, &t->c);
        assert_int_equal(pz_tune(&t->c, &cfg, &choice, 1, &trend, &scale, NULL), PZ_OK);
        assert_true(drift ? trend.value[PZ_TREND_POWER] >= 0.5 : trend.value[PZ_TREND_POWER] == 0);
        json_decref(trials);
        free(t);
    }
}
