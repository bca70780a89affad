/* SPDX-License-Identifier: Apache-2.0 */
/* Recent popularity by hand, and who decides on it: validation on the newest slice of time. */
#include "model/parts.h"
#include "tests/unit/fixture_people.h"
#include "train/tune.h"

enum { DAY = 86400 };

/* Item 0 on the days 0 and 4, by two users; item 1 on day 8, twice by one user. */
static struct tiny *three_users(void)
{
    struct tiny *t = tiny_new(3);

    tiny_add(t, 0, 0);
    tiny_end_user(t);
    tiny_add(t, 0, 4 * DAY);
    tiny_end_user(t);
    tiny_add(t, 1, 8 * DAY);
    tiny_add(t, 1, 8 * DAY);
    tiny_end_user(t);
    return t;
}

static void fit(struct fitted *f, const struct tiny *t, double half_life, double rate)
{
    static const char *const names[] = { "half_life", "rate", NULL };

    fitted_settings(f, &pz_recent, names, (const double[]){ half_life, rate });
    fitted_fit(f, &t->c);
}

TEST(scores_are_those_worked_by_hand)
{
    struct tiny *t = three_users();
    struct pz_query q = query_of(t->item, 1);
    const double tau = 8 / (exp2(1 / 1.5) - 1); /* half of it is left after 8 days */
    const double s0 = 0.5 + pow(1 + 4 / tau, -1.5);
    struct fitted f;
    float out[3] = { 0 };

    fit(&f, t, 8, 0);
    assert_true(pz_recent.score(f.part, &q, NULL, out));
    assert_near((double)out[0], s0, 1e-6);
    assert_near((double)out[1], 1, 1e-6);
    assert_true(out[2] == 0);
    pz_recent.free(f.part);

    fit(&f, t, 8, 1); /* item 0 has lived a half-life, item 1 none */
    pz_recent.score(f.part, &q, NULL, out);
    assert_near((double)out[0], s0 / (1 - exp2(-1.1)), 1e-5);
    assert_near((double)out[1], 1 / (1 - exp2(-0.1)), 1e-5);
    assert_true(out[2] == 0);
    pz_recent.free(f.part);
    free(t);
}

TEST(it_says_little_of_the_past)
{
    struct tiny *t = three_users();
    struct pz_query q = query_of(t->item, 1);
    struct fitted f;
    struct pz_part part = {
        .scorer = &pz_recent, .weight = 3, .cold_weight = 1, .own = { [PZ_LISTS_KEPT] = { 6, 0 } }
    };

    fit(&f, t, 8, 0);
    part.part = f.part;
    q.now = 9 * DAY;
    assert_near(pz_part_weight(&part, &q), 4, 1e-9);
    q.keeps_seen = true; /* such lists have weights of their own */
    assert_near(pz_part_weight(&part, &q), 6, 1e-9);
    q.keeps_seen = false;
    q.now = 6 * DAY; /* a quarter of a half-life before the end */
    assert_near(pz_part_weight(&part, &q), 2, 1e-9);
    q.now = -100 * DAY;
    assert_true(pz_part_weight(&part, &q) == 0);
    pz_recent.free(f.part);
    free(t);
}

TEST(what_comes_next_has_weights_of_its_own)
{
    struct pz_model m = { .newest = 100 * DAY };
    struct pz_part part = { .scorer = &pz_popularity,
                            .weight = 3,
                            .cold_weight = 1,
                            .own = { { 6, 0 }, { 1, 0 }, { 5, 2 } } };
    struct pz_query q = { .n_hist = 1 };

    assert_true(pz_model_next(&m, 0, 0) == 0); /* no slice was judged */
    m.slice_s = 8 * DAY;
    assert_true(pz_model_next(&m, 100 * DAY, DAY) == 0);
    assert_true(pz_model_next(&m, 200 * DAY, INFINITY) == 0);
    assert_true(pz_model_next(&m, 200 * DAY, 1800) == 1); /* within a visit */
    assert_true(pz_model_next(&m, 200 * DAY, 1801) == 0);
    assert_true(pz_model_next(&m, INT64_MIN, INFINITY) == 1); /* long ago */
    q.next = pz_model_next(&m, 98 * DAY, DAY);                /* a quarter of the slice before */
    assert_near(q.next, 0.5, 1e-9);
    assert_near(pz_part_weight(&part, &q), 2.5, 1e-9);
    q.next = 1;
    assert_near(pz_part_weight(&part, &q), 1, 1e-9);
    q.keeps_seen = true;
    assert_near(pz_part_weight(&part, &q), 7, 1e-9);
    q.next = 0;
    assert_near(pz_part_weight(&part, &q), 6, 1e-9);
    assert_false(pz_part_is_idle(&part));
    part = (struct pz_part){ .scorer = &pz_popularity };
    assert_true(pz_part_is_idle(&part));
    part.own[PZ_LISTS_NEXT].weight = 1;
    assert_false(pz_part_is_idle(&part));
}

TEST(parts_survive_files_and_threads)
{
    struct tiny *t = tiny_random(300, 50, 12, 5);
    uint32_t hist[] = { 4, 9 };
    struct fitted f;

    fit(&f, t, 0.001, 0.5);
    assert_survives_a_file(&f, hist, 2, 50, false);
    assert_survives_a_file(&f, hist, 2, 50, true);
    pz_recent.free(f.part);
    assert_same_at_any_thread_count(&f, &t->c);
    free(t);
}

/* The weight that tuning gives it beside popularity of all time. */
static double weight_beside_all_time(struct tiny *t)
{
    json_t *trials = json_array();
    struct pz_tune_cfg cfg = { .n_trials = 8, .exclude_seen = true, .seed = 7, .trials = trials };
    struct pz_setup setup = { .corpus = &t->c, .n_before = 1 };
    struct pz_choice c[2];
    double scale;

    pz_choice_init(&c[0], &pz_popularity);
    pz_choice_fix_all(&c[0]);
    c[0].weight = 1;
    pz_choice_init(&c[1], &pz_recent);
    pz_recent.start(&setup, &c[1]);
    assert_int_equal(pz_tune(&t->c, &cfg, c, 2, NULL, &scale, NULL), PZ_OK);
    json_decref(trials);
    return c[1].weight;
}

TEST(validation_lets_it_in_where_items_live_shortly)
{
    for (int drift = 0; drift < 2; drift++) {
        struct tiny *t = made_people(drift, 3600);

        double weight = weight_beside_all_time(t);
        assert_true((weight > 0) == drift);
        free(t);
    }
}

TEST(times_that_tell_of_order_only_say_nothing_of_now)
{
    struct tiny *t = made_people(true, 3600);

    for (uint32_t p = 0; p < PEOPLE * EACH; p++)
        t->time[p] = p % EACH;
    t->c.newest = EACH - 1;
    assert_true(weight_beside_all_time(t) == 0);
    free(t);
}
