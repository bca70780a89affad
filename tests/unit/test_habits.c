/* SPDX-License-Identifier: Apache-2.0 */
/* Habits by hand, and who decides on them: validation. */
#include "model/parts.h"
#include "tests/unit/scorer_fixture.h"
#include "train/tune.h"

/* Item 0 three times, every 1000 seconds, and item 1 once. */
static struct tiny *one_user(void)
{
    struct tiny *t = tiny_new(3);

    tiny_add(t, 0, 0);
    tiny_add(t, 1, 0);
    tiny_add(t, 0, 1000);
    tiny_add(t, 0, 2000);
    tiny_end_user(t);
    return t;
}

TEST(scores_are_those_worked_by_hand)
{
    static const char *const names[] = { "frequency", "due", "recency", NULL };
    struct tiny *t = one_user();
    struct fitted f;
    struct pz_query q = query_of(t->item, 4);
    char scratch[256] __attribute__((aligned(64)));
    float out[3] = { 0 };
    /* of 4 events 2 come back, after 1000 s: r = 0.5, g = log 1000, 10 events' worth of them */
    const double r0 = (2 + 10 * 0.5) / (3 + 10), r1 = (0 + 10 * 0.5) / (1 + 10);

    fitted_settings(&f, &pz_habits, names, (const double[]){ 2, 1, 0.5 });
    fitted_fit(&f, &t->c);
    q.hist_time = t->time;
    q.now = 2500; /* half of an interval after the last of item 0, 2.5 after that of item 1 */
    assert_true(pz_habits.scratch_bytes(f.part) <= sizeof scratch);
    assert_true(pz_habits.score(f.part, &q, scratch, out));
    assert_near((double)out[0], r0 * 9 * 0.5, 1e-5);
    assert_near((double)out[1], r1 / sqrt(2.5), 1e-5);
    assert_true(out[2] == 0);
    pz_habits.free(f.part);
    free(t);
}

TEST(a_user_has_an_interval_of_their_own)
{
    struct tiny *t = one_user();
    struct fitted f;
    const uint32_t hist[] = { 0, 0, 0 };
    const int64_t weekly[] = { 0, 8000, 16000 };
    struct pz_query q = query_of(hist, 3);
    char scratch[256] __attribute__((aligned(64)));
    float out[3] = { 0 };
    double interval = exp((2 * log(8000) + log(1000)) / 3);

    fitted_settings(&f, &pz_habits, (const char *const[]){ "due", NULL }, (const double[]){ 1 });
    fitted_fit(&f, &t->c);
    q.hist_time = weekly;
    q.now = 16000 + 2000;
    assert_true(pz_habits.score(f.part, &q, scratch, out));
    assert_near((double)out[0], 7.0 / 13 * 3 * 2000 / interval, 1e-5);
    pz_habits.free(f.part);
    free(t);
}

TEST(parts_survive_files_threads_and_little_data)
{
    struct tiny *t = tiny_random(300, 50, 12, 5);
    uint32_t hist[] = { 4, 9, 4 };
    struct fitted f;

    fitted_settings(&f, &pz_habits, NULL, NULL);
    fitted_fit(&f, &t->c);
    assert_explains(&f, hist, 3, 50, 1e-6);
    assert_survives_a_file(&f, hist, 3, 50, false);
    assert_survives_a_file(&f, hist, 3, 50, true);
    pz_habits.free(f.part);
    assert_same_at_any_thread_count(&f, &t->c);
    assert_bears_little_data(&pz_habits);
    free(t);
}

TEST(data_without_repeats_have_no_such_part)
{
    struct tiny *t = tiny_make("abcd|bcda|cdab", 4), *again = tiny_make("abab|cdcd|abab", 4);
    struct pz_setup setup = { .corpus = &t->c };

    assert_int_equal(pz_habits.suits(&setup), PZ_SUITS_NEVER);
    setup.corpus = &again->c;
    assert_int_equal(pz_habits.suits(&setup), PZ_SUITS);
    free(t);
    free(again);
}

enum { PEOPLE = 200, ITEMS = 100, EVENTS = 20 };

/* Everybody meets new items all the time, or goes round items of their own, the first ones most, of
 * which they know all from the beginning or not. */
enum coming_back { NEVER, OFTEN, ONLY };

static struct tiny *made_people(enum coming_back how)
{
    struct tiny *t = tiny_new(ITEMS);
    struct pz_rng rng;

    pz_rng_init(&rng, 3, 1);
    for (uint32_t u = 0; u < PEOPLE; u++) {
        uint32_t first = pz_rng_below(&rng, ITEMS);

        for (uint32_t k = 0; k < EVENTS; k++) {
            uint32_t step = k == EVENTS - 2 ? 0 : k;

            if (how == OFTEN || (how == ONLY && k >= 12))
                step = pz_rng_below(&rng, 1 + pz_rng_below(&rng, 12));

            tiny_add(t, (first + step) % ITEMS, k);
        }
        tiny_end_user(t);
    }
    return t;
}

/* News: each field has an item of its own every other day, which is read for days. On a visit
 * somebody reads three times in their field, one in three what they read just before. */
static struct tiny *made_news(void)
{
    enum { FIELDS = 4, DAYS = 180, VISITS = 12 };
    struct tiny *t = tiny_new(FIELDS * DAYS / 2);
    struct pz_rng rng;

    pz_rng_init(&rng, 3, 1);
    for (uint32_t u = 0; u < PEOPLE; u++) {
        uint32_t field = pz_rng_below(&rng, FIELDS), item = field;

        for (uint32_t k = 0; k < 3 * VISITS; k++) {
            uint32_t day = k / 3 * DAYS / VISITS + u % (DAYS / VISITS), age = 0;

            while (age < 5 && age < day / 2 && pz_rng_below(&rng, 2) == 0)
                age++;
            if (pz_rng_below(&rng, 3) > 0)
                item = field + FIELDS * (day / 2 - age);
            tiny_add(t, item, (int64_t)day * 86400 + k % 3 * 60);
        }
        tiny_end_user(t);
    }
    return t;
}

/* Habits beside transitions and a trace of popularity. */
static void start_choices(struct pz_choice c[3])
{
    pz_choice_init(&c[0], &pz_transitions);
    pz_choice_init(&c[1], &pz_habits);
    pz_choice_init(&c[2], &pz_popularity);
    c[0].weight = 1;
    c[1].weight = 0.3;
    c[2].weight = 0.01;
}

/* The very next event is mostly one of the same item, and what is asked for at the end of the data
 * is what comes in later visits. */
TEST(coming_back_may_not_cost_those_of_the_newest_slice)
{
    struct tiny *t = made_news();
    json_t *trials = json_array();
    struct pz_tune_cfg cfg = { .n_trials = 4, .exclude_seen = true, .seed = 7, .trials = trials };
    struct pz_choice c[3];
    double scale;

    start_choices(c);
    pz_choice_fix(&c[0], pz_scorer_setting(&pz_transitions, "repeat"), 0);
    assert_true(pz_valid_slice(&t->c, pz_tune_users(&t->c)) < INT64_MAX);
    assert_int_equal(pz_tune(&t->c, &cfg, c, 3, NULL, &scale, NULL), PZ_OK);
    assert_true(c[1].weight == 0);
    json_decref(trials);
    free(t);
}

TEST(validation_says_whether_what_was_seen_belongs_in_a_list)
{
    for (enum coming_back how = NEVER; how <= ONLY; how++) {
        struct tiny *t = made_people(how);
        json_t *trials = json_array();
        enum pz_seen_verdict seen = PZ_SEEN_UNJUDGED;
        struct pz_tune_cfg cfg = {
            .n_trials = 4, .exclude_seen = true, .seed = 7, .trials = trials, .seen_verdict = &seen
        };
        struct pz_choice c[3];
        double scale;

        start_choices(c);
        assert_int_equal(pz_tune(&t->c, &cfg, c, 3, NULL, &scale, NULL), PZ_OK);
        assert_int_equal(seen, how == NEVER ? PZ_SEEN_BETTER_HIDDEN : PZ_SEEN_BETTER_KEPT);
        assert_true(c[1].weight > 0 || how == NEVER);
        json_decref(trials);
        free(t);
    }
}
