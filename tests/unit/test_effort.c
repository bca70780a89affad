/* SPDX-License-Identifier: Apache-2.0 */
/* How much a part learns, on a scorer whose worth at every effort is planted. */
#include <math.h>

#include "tests/unit/fixture_chain.h"
#include "train/tune.h"

enum { USERS = 240, ITEMS = 48, EVENTS = 8 };

/* ---- the scorer: knows what follows as many items as it has learned ---- */

static double learns_until,
    costs_s; /* planted: no more is known from this effort on; CPU s of a unit */
static int n_fits, n_more;

struct learner {
    double effort;
    bool goes_on;
    uint32_t n_items;
};

static void spend(double seconds)
{
    double end = pz_cpu_seconds() + seconds;

    while (pz_cpu_seconds() < end) {
    }
}

static enum pz_status fit(const struct pz_corpus *c, const struct pz_fit_cfg *cfg, void **part,
                          struct pz_err *err)
{
    struct learner *l = malloc(sizeof *l);

    (void)err;
    assert_non_null(l);
    n_fits++;
    spend(costs_s * cfg->value[0]);
    *l = (struct learner){ cfg->value[0], cfg->goes_on, c->n_items };
    *part = l;
    return PZ_OK;
}

static enum pz_status more(void *part, const struct pz_corpus *c, const struct pz_fit_cfg *cfg,
                           struct pz_err *err)
{
    struct learner *l = part;

    (void)err;
    assert_true(l->goes_on);
    assert_int_equal(l->n_items, c->n_items);
    assert_true(cfg->value[0] > l->effort);
    n_more++;
    spend(costs_s * (cfg->value[0] - l->effort));
    l->effort = cfg->value[0];
    return PZ_OK;
}

static size_t scratch_bytes(const void *part)
{
    (void)part;
    return 0;
}

static bool score(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    const struct learner *l = part;
    uint32_t last = q->n_hist ? q->hist[q->n_hist - 1] : 0;

    (void)scratch;
    if (q->n_hist == 0 || last % 16 >= 2 * fmin(l->effort, learns_until))
        return false;
    out[(last + 1) % l->n_items] = 1;
    return true;
}

/* As score, but what it has not learned it tells wrong: it harms until it knows half of all. */
static bool score_boldly(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    if (q->n_hist > 0 && !score(part, q, scratch, out))
        out[(q->hist[q->n_hist - 1] + 2) % ITEMS] = 1;
    return q->n_hist > 0;
}

static const struct pz_setting settings[] = {
    { PZ_SETTING("effort", "how much"), PZ_ALLOWED(1, 0.1, 64), PZ_EFFORT },
};
static const struct pz_scorer learner = { .name = "learner",
                                          .settings = settings,
                                          .n_settings = 1,
                                          .any_time = true,
                                          .fit = fit,
                                          .more = more,
                                          .free = free,
                                          .scratch_bytes = scratch_bytes,
                                          .score = score };

/* Knows what follows the first half of each 16 items; what it does not know goes up by luck. */
static enum pz_status fit_nothing(const struct pz_corpus *c, const struct pz_fit_cfg *cfg,
                                  void **part, struct pz_err *err)
{
    (void)c;
    (void)cfg;
    (void)err;
    *part = calloc(1, 1);
    assert_non_null(*part);
    return PZ_OK;
}

static bool score_half(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    uint32_t last = q->n_hist ? q->hist[q->n_hist - 1] : 0;

    (void)part;
    (void)scratch;
    if (q->n_hist > 0)
        out[(last + (last % 16 < 8 ? 1 : 3)) % ITEMS] = 1;
    return q->n_hist > 0;
}

static const struct pz_scorer half = { .name = "half",
                                       .fit = fit_nothing,
                                       .free = free,
                                       .scratch_bytes = scratch_bytes,
                                       .score = score_half };

/* The effort chosen from 1 up to `high`. Trials go to *trials, which the caller frees. */
static double chosen(double high, struct pz_tune_cfg cfg, json_t **trials)
{
    struct chain t;
    struct pz_choice c;
    double scale;

    chain_make(&t, USERS, ITEMS, EVENTS, true);
    *trials = json_array();
    cfg.n_trials = 4;
    cfg.seed = 7;
    cfg.trials = *trials;
    n_fits = n_more = 0;
    pz_choice_init(&c, &learner);
    c.weight = 1;
    c.low[0] = 1;
    c.high[0] = high;
    assert_int_equal(pz_tune(&t.c, &cfg, &c, 1, NULL, &scale, NULL), PZ_OK);
    return c.value[0];
}

/* ---- tests ---- */

static const struct pz_tune_cfg plain;

TEST(learning_goes_on_while_a_doubling_gains)
{
    json_t *trials, *last;

    learns_until = 4;
    assert_true(chosen(64, plain, &trials) == 4); /* 1/2, 1, 2, 4, and 8 in vain */
    assert_int_equal(n_fits, 1);
    assert_int_equal(n_more, 4);
    assert_int_equal(json_array_size(trials), 5);
    last = json_array_get(trials, 4);
    assert_true(json_number_value(json_object_get(json_object_get(last, "settings"), "effort")) ==
                8);
    assert_true(json_number_value(json_object_get(json_object_get(last, "doubling"), "gain")) == 0);
    json_decref(trials);
}

/* What half of it did not lack, twice as much would not bring. */
TEST(what_has_learned_enough_is_not_doubled)
{
    json_t *trials;

    learns_until = 0.5;
    assert_true(chosen(64, plain, &trials) == 1);
    assert_int_equal(n_fits, 1);
    assert_int_equal(n_more, 1);
    json_decref(trials);
    learns_until = 1;
    assert_true(chosen(64, plain, &trials) == 1);
    assert_int_equal(n_more, 2);
    json_decref(trials);
}

TEST(the_range_bounds_what_is_learned)
{
    json_t *trials;
    double gain;

    learns_until = 64;
    assert_true(chosen(8, plain, &trials) == 8);
    gain = json_number_value(
        json_object_get(json_object_get(json_array_get(trials, json_array_size(trials) - 1),
                                        "doubling"),
                        "gain"));
    assert_true(gain > 0.05); /* told: more would bring more */
    json_decref(trials);
    assert_true(chosen(1, plain, &trials) == 1);
    assert_int_equal(n_fits, 1);
    assert_int_equal(n_more, 0);
    json_decref(trials);
}

/* Beside a part that knows half, up to effort 4 a bold one only harms, and gets better all the
 * time. */
TEST(what_is_of_no_use_yet_goes_on_while_it_grows)
{
    struct pz_scorer bold = learner;
    struct chain t;
    struct pz_choice c[2];
    struct pz_tune_cfg cfg = { .n_trials = 4, .seed = 7, .trials = json_array() };
    double scale;

    bold.score = score_boldly;
    chain_make(&t, USERS, ITEMS, EVENTS, true);
    for (learns_until = 2; learns_until <= 64; learns_until *= 32) {
        n_fits = n_more = 0;
        pz_choice_init(&c[0], &half);
        pz_choice_init(&c[1], &bold);
        c[0].weight = c[1].weight = 1;
        c[1].value[0] = c[1].low[0] = 2;
        c[1].high[0] = 64;
        assert_int_equal(pz_tune(&t.c, &cfg, c, 2, NULL, &scale, NULL), PZ_OK);
        assert_true(learns_until > 2 ? c[1].weight > 0 && c[1].value[0] == 8
                                     : c[1].weight == 0 && n_more == 2);
    }
    json_decref(cfg.trials);
}

/* Units of 40 ms: stages to 1 and to 2 are within 120 ms and what judging takes, the one to 4 would
 * end at 160 ms. */
TEST(a_budget_ends_learning_before_the_stage_that_exceeds_it)
{
    struct pz_tune_cfg cfg = { .time_s = 0.12 };
    json_t *trials;

    learns_until = 64;
    costs_s = 0.04;
    assert_true(chosen(64, cfg, &trials) <= 2);
    assert_true(n_more <= 2);
    costs_s = 0;
    json_decref(trials);
}

/* ---- two settings of effort: members count as often as they are ---- */

static enum pz_status more_of_two(void *part, const struct pz_corpus *c,
                                  const struct pz_fit_cfg *cfg, struct pz_err *err)
{
    struct learner *l = part;
    double whole = cfg->value[0] * cfg->value[1];

    (void)c;
    (void)err;
    assert_true(whole == 2 * l->effort);
    n_more++;
    l->effort = whole;
    return PZ_OK;
}

static const struct pz_setting two_settings[] = {
    { PZ_SETTING("effort", "how much"), PZ_ALLOWED(1, 0.1, 64), PZ_EFFORT },
    { PZ_SETTING("members", "how many"), PZ_ALLOWED(1, 1, 8), PZ_WHOLE, PZ_EFFORT },
};

/* Effort ends at 2, at which 4 of 16 are known. */
TEST(the_next_effort_is_asked_where_the_first_one_still_pays_at_its_end)
{
    static const double until[] = { 64, 4, 2, 1 }, members[] = { 4, 2, 1, 1 };
    static const int tried[] = { 4, 4, 3, 2 };
    struct pz_scorer two = learner;
    struct chain t;

    two.settings = two_settings;
    two.n_settings = 2;
    two.more = more_of_two;
    chain_make(&t, USERS, ITEMS, EVENTS, true);
    for (size_t i = 0; i < 4; i++) {
        struct pz_tune_cfg cfg = { .n_trials = 4, .seed = 7, .trials = json_array() };
        struct pz_choice c;
        double scale;

        learns_until = until[i];
        n_fits = n_more = 0;
        pz_choice_init(&c, &two);
        c.weight = c.low[0] = c.low[1] = 1;
        c.high[0] = 2;
        c.high[1] = 4;
        assert_int_equal(pz_tune(&t.c, &cfg, &c, 1, NULL, &scale, NULL), PZ_OK);
        assert_true(c.value[0] == (i < 3 ? 2 : 1) && c.value[1] == members[i]);
        assert_true(n_fits == 1 && n_more == tried[i]);
        json_decref(cfg.trials);
    }
}

/* No doubling of the first effort is allowed: its range ends near its start, or it is given. Then
 * the second one is tried, or left alone: it is no switch, though it has two values. */
TEST(an_effort_of_two_values_is_no_switch)
{
    static const double high[] = { 1.2, 1 };
    struct pz_scorer two = learner;
    struct chain t;

    two.settings = two_settings;
    two.n_settings = 2;
    two.more = more_of_two;
    learns_until = 64;
    chain_make(&t, USERS, ITEMS, EVENTS, true);
    for (size_t i = 0; i < 2; i++) {
        struct pz_tune_cfg cfg = { .n_trials = 4, .seed = 7, .trials = json_array() };
        struct pz_choice c;
        double scale;

        n_fits = n_more = 0;
        pz_choice_init(&c, &two);
        c.weight = c.low[0] = c.low[1] = 1;
        c.high[0] = high[i];
        c.high[1] = 2;
        assert_int_equal(pz_tune(&t.c, &cfg, &c, 1, NULL, &scale, NULL), PZ_OK);
        assert_true(n_fits == 1 && n_more == (i == 0) && c.value[1] == (i == 0 ? 2 : 1));
        json_decref(cfg.trials);
    }
}
