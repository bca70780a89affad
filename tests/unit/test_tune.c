/* SPDX-License-Identifier: Apache-2.0 */
/* Tuning on a scorer made for the test: what it scores is known, so is what must win. */
#include <math.h>

#include "base/par.h"
#include "model/blend.h"
#include "model/parts.h"
#include "tests/unit/fixture_chain.h"
#include "train/tune.h"

enum { USERS = 200, ITEMS = 40, EVENTS = 8 };

/* ---- the scorer: item (last + step) scores 1, all others an eighth; step is a setting ---- */

struct follow {
    double step, scale;
    uint32_t n_items;
};

static enum pz_status follow_fit(const struct pz_corpus *c, const struct pz_fit_cfg *cfg,
                                 void **part, struct pz_err *err)
{
    struct follow *f = malloc(sizeof *f);

    (void)err;
    assert_non_null(f);
    *f = (struct follow){ cfg->value[0], cfg->value[1], c->n_items };
    *part = f;
    return PZ_OK;
}

static void follow_set(void *part, size_t setting, double value)
{
    struct follow *f = part;

    *(setting ? &f->scale : &f->step) = value;
}

static size_t follow_scratch(const void *part)
{
    (void)part;
    return 0;
}

static bool follow_score(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    const struct follow *f = part;

    (void)scratch;
    if (q->n_hist == 0)
        return false;
    for (uint32_t i = 0; i < f->n_items; i++)
        out[i] = (float)(f->scale * 0.125);
    out[(q->hist[q->n_hist - 1] + (uint32_t)f->step) % f->n_items] = (float)f->scale;
    return true;
}

#define SETTINGS(acts)                                                                        \
    {                                                                                         \
        { PZ_SETTING("step", "how far on"), PZ_ALLOWED(2, 0, 9), PZ_SEARCHED(1, 5), PZ_WHOLE, \
          .read_out = (acts) },                                                               \
            { PZ_SETTING("scale", "of all scores"), PZ_ALLOWED(1, 0, 1e9), PZ_READ_OUT },     \
    }
static const struct pz_setting fitted_settings[] = SETTINGS(false),
                               read_out_settings[] = SETTINGS(true);

static const struct pz_scorer follow = { .name = "follow",
                                         .settings = fitted_settings,
                                         .n_settings = 2,
                                         .fit = follow_fit,
                                         .free = free,
                                         .set = follow_set,
                                         .scratch_bytes = follow_scratch,
                                         .score = follow_score };

static struct pz_tune_cfg tune_cfg(json_t *trials)
{
    return (struct pz_tune_cfg){ .n_trials = 8, .exclude_seen = true, .seed = 7, .trials = trials };
}

/* ---- tests ---- */

TEST(the_better_of_planted_settings_wins)
{
    struct chain t;

    chain_make(&t, USERS, ITEMS, EVENTS, true);
    for (int read_out = 0; read_out < 2; read_out++) {
        struct pz_scorer s = follow;
        struct pz_choice c;
        json_t *trials = json_array();
        struct pz_tune_cfg cfg = tune_cfg(trials);
        double scale;

        s.settings = read_out ? read_out_settings : fitted_settings;
        pz_choice_init(&c, &s);
        c.weight = 1;
        assert_int_equal(pz_tune(&t.c, &cfg, &c, 1, NULL, &scale, NULL), PZ_OK);
        assert_true(c.value[0] == 1);
        assert_true(json_array_size(trials) >= 3);
        json_decref(trials);
    }
}

/* Knows what follows every item while its settings are as they were, of half of the items else:
 * whatever moves changes something, and nothing wins. */
static bool settled_score(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    const struct follow *f = part;
    uint32_t last;

    (void)scratch;
    if (q->n_hist == 0)
        return false;
    last = q->hist[q->n_hist - 1];
    memset(out, 0, f->n_items * sizeof *out);
    if ((f->step > 0.49 && f->step < 0.51 && f->scale > 0.49 && f->scale < 0.51) ||
        (last + (uint32_t)(100 * (f->step + f->scale))) % 2)
        out[(last + 1) % f->n_items] = 1;
    return true;
}

static const struct pz_setting settled_settings[] = {
    { PZ_SETTING("fitted", "wants a fit"), PZ_ALLOWED(0.5, 0, 1), PZ_SEARCHED(0, 1) },
    { PZ_SETTING("read", "is read"), PZ_ALLOWED(0.5, 0, 1), PZ_SEARCHED(0, 1), PZ_READ_OUT },
};
static const struct pz_scorer settled = { .name = "settled",
                                          .settings = settled_settings,
                                          .n_settings = 2,
                                          .fit = follow_fit,
                                          .free = free,
                                          .set = follow_set,
                                          .scratch_bytes = follow_scratch,
                                          .score = settled_score };

/* How many trials a part is given that is worth this share of a whole search. */
static size_t count_trials(double share)
{
    struct chain t;
    struct pz_choice c;
    json_t *trials = json_array();
    struct pz_tune_cfg cfg = tune_cfg(trials);
    struct pz_valid v = { .metric = cfg.metric };
    struct pz_search s = { .v = &v, .cfg = &cfg, .choice = &c, .n_parts = 1 };
    size_t n;

    chain_make(&t, USERS, ITEMS, EVENTS, true);
    pz_choice_init(&c, &settled);
    c.weight = 1;
    assert_int_equal(pz_valid_cut(&t.c, PZ_TASK_USER, true, USERS, 7, &v, NULL), PZ_OK);
    s.each = calloc(v.n_users, sizeof *s.each);
    s.trial = calloc((size_t)v.n_users * PZ_WEIGHTS, sizeof *s.trial);
    assert_int_equal(pz_search_begin(&s, 0, NULL), PZ_OK);
    json_array_clear(trials);
    s.share[0] = share;
    assert_int_equal(pz_search_part(&s, 0, 4, NULL), PZ_OK);
    n = json_array_size(trials);
    free(s.part[0].part);
    free(s.each);
    free(s.trial);
    pz_valid_clear(&v);
    json_decref(trials);
    return n;
}

/* The setting that is read moves up and down in three passes, the other one in two. */
TEST(what_brings_little_gets_little_of_a_search)
{
    assert_int_equal(count_trials(1), 6 + 4);
    assert_int_equal(count_trials(0.5), 3 + 2);
    assert_int_equal(count_trials(0.1), 1);
}

/* A part that knows nothing beside one that knows all is judged once. */
TEST(what_brings_nothing_is_not_searched)
{
    struct chain t;
    struct pz_choice c[2];
    json_t *trials = json_array(), *trial;
    struct pz_tune_cfg cfg = tune_cfg(trials);
    size_t of_second = 0, i;
    double scale;

    chain_make(&t, USERS, ITEMS, EVENTS, true);
    pz_choice_init(&c[0], &follow);
    pz_choice_init(&c[1], &pz_factors);
    c[0].weight = 1;
    assert_int_equal(pz_tune(&t.c, &cfg, c, 2, NULL, &scale, NULL), PZ_OK);
    json_array_foreach (trials, i, trial)
        of_second += strcmp(json_string_value(json_object_get(trial, "scorer")), "factors") == 0;
    assert_int_equal(of_second, 1);
    json_decref(trials);
}

TEST(a_fixed_setting_stays)
{
    struct chain t;
    struct pz_choice c;
    json_t *trials = json_array();
    struct pz_tune_cfg cfg = tune_cfg(trials);
    double scale;

    chain_make(&t, USERS, ITEMS, EVENTS, true);
    pz_choice_init(&c, &follow);
    c.weight = 1;
    c.low[0] = c.high[0] = c.value[0];
    assert_int_equal(pz_tune(&t.c, &cfg, &c, 1, NULL, &scale, NULL), PZ_OK);
    assert_true(c.value[0] == 2);
    assert_int_equal(json_array_size(trials), 1);
    json_decref(trials);
}

/* A part that knows the next item beside one that does not: the first gets the weight. */
TEST(weights_go_to_the_part_that_knows)
{
    struct chain t;
    struct pz_scorer limited = follow;
    struct pz_choice c[2];
    json_t *trials = json_array();
    struct pz_tune_cfg cfg = tune_cfg(trials);
    double scale;

    chain_make(&t, USERS, ITEMS, EVENTS, true);
    for (int knows = 0; knows < 2; knows++) {
        for (size_t p = 0; p < 2; p++) {
            pz_choice_init(&c[p], &follow);
            c[p].weight = p == 0;
            c[p].low[0] = c[p].high[0] = 0; /* not searched */
            c[p].value[0] = (int)p == knows ? 1 : 3;
        }
        assert_int_equal(pz_tune(&t.c, &cfg, c, 2, NULL, &scale, NULL), PZ_OK);
        if (knows == 1)
            assert_true(c[1].weight > 0.9);
        else
            assert_true(c[1].weight < 0.5);
    }
    c[0].weight = 0.5; /* beside which all others stand */
    c[1].weight = 0;
    c[0].value[0] = 3;
    c[1].value[0] = 1;
    limited.max_weight = 0.4;
    c[1].scorer = &limited;
    assert_int_equal(pz_tune(&t.c, &cfg, c, 2, NULL, &scale, NULL), PZ_OK);
    assert_true(c[0].weight == 1 && fabs(c[1].weight - 0.4) < 1e-9);
    json_decref(trials);
}

/* The part that goes so many items further, without a search. */
static struct pz_choice fixed(const struct pz_scorer *s, double step, double weight)
{
    struct pz_choice c;

    pz_choice_init(&c, s);
    c.value[0] = c.low[0] = c.high[0] = step;
    c.weight = weight;
    return c;
}

/* Beside a part that knows all: nothing is left for another, unless it is for items that validation
 * cannot have, or its weight was given. */
TEST(a_least_weight_holds_and_given_weights_stay)
{
    struct chain t;

    chain_make(&t, USERS, ITEMS, EVENTS, true);
    for (int how = 0; how < 3; how++) {
        struct pz_scorer second = follow;
        struct pz_choice c[2] = { fixed(&follow, 1, 2), fixed(&second, 3, 3) };
        json_t *trials = json_array();
        struct pz_tune_cfg cfg = tune_cfg(trials);
        double scale;

        second.min_weight = how == 1 ? 0.1 : 0;
        c[0].weight_fixed = c[1].weight_fixed = how == 2;
        assert_int_equal(pz_tune(&t.c, &cfg, c, 2, NULL, &scale, NULL), PZ_OK);
        assert_true(how == 2 ? c[0].weight == 2 && c[1].weight == 3 : c[0].weight == 1);
        assert_true(how == 0 ? c[1].weight < 0.05 : how == 1 ? c[1].weight == 0.1 : true);
        json_decref(trials);
    }
}

/* The part gives the next item 1 and the 32 others 1/8; it is right for a share q of the users.
 * softmax(s) gives the next e^(7 s / 8) / (e^(7 s / 8) + 32), which is q at s = 8/7 log(32 q / (1 -
 * q)): 3.96, 5.55, and no end. */
TEST(the_softmax_scale_is_the_likeliest)
{
    static const uint32_t of10[] = { 5, 8, 10 };
    static const double likeliest[] = { 4, 6, 32 };
    struct chain t;

    for (size_t i = 0; i < 3; i++) {
        struct pz_choice c;
        json_t *trials = json_array();
        struct pz_tune_cfg cfg = tune_cfg(trials);
        double scale = 0;

        chain_make(&t, USERS, ITEMS, EVENTS, true);
        for (uint32_t u = 0; u < USERS; u++)
            if (u % 10 >= of10[i])
                t.item[u * EVENTS + EVENTS - 1] = (u + 20) % ITEMS;
        c = fixed(&follow, 1, 1);
        assert_int_equal(pz_tune(&t.c, &cfg, &c, 1, NULL, &scale, NULL), PZ_OK);
        assert_true(scale == likeliest[i]);
        json_decref(trials);
    }
}

static double member(const json_t *o, const char *name)
{
    return json_number_value(json_object_get(o, name));
}

/* The check of a tuning of one part on the chain. Owner: json_decref */
static json_t *checked(struct pz_choice c)
{
    struct chain t;
    json_t *check = json_object(), *trials = json_array();
    struct pz_tune_cfg cfg = tune_cfg(trials);
    double scale;

    chain_make(&t, USERS, ITEMS, EVENTS, true);
    cfg.check = check;
    assert_int_equal(pz_tune(&t.c, &cfg, &c, 1, NULL, &scale, NULL), PZ_OK);
    json_decref(trials);
    return check;
}

/* By its default the part puts a wrong item first and leaves the truth level with 31 others: its
 * rank is 17 from 0, which mix values at 1/2 1/log2(19). Tuning finds the setting that puts the
 * truth first. */
TEST(the_check_tells_what_the_outcome_is_worth_beside_the_defaults)
{
    struct pz_choice c;
    json_t *check;
    const json_t *m;

    pz_choice_init(&c, &follow);
    c.weight = 1;
    check = checked(c);
    m = json_object_get(check, "metrics");
    assert_true(member(check, "users") == USERS);
    assert_true(fabs(member(check, "value") - 1) < 1e-9);
    assert_true(fabs(member(check, "gain") - (1 - 0.5 / log2(19))) < 1e-6);
    assert_true(member(check, "gain_error") == 0); /* all users gain alike */
    assert_true(fabs(member(m, "mean_reciprocal_rank_at_25") - 1) < 1e-9);
    assert_true(fabs(member(m, "normalized_discounted_cumulative_gain_at_5") - 1) < 1e-9);
    assert_true(fabs(member(m, "precision_at_5") - 0.2) < 1e-9);
    assert_true(fabs(member(m, "precision_at_25") - 0.04) < 1e-9);
    assert_true(member(m, "coverage") == 1); /* 25 of 40 from each of 40 places */
    json_decref(check);
}

/* Where nothing is searched, the outcome is the default, whose lists are as far as they reach. */
TEST(the_check_of_a_default_gains_nothing)
{
    json_t *check = checked(fixed(&follow, 3, 1));
    const json_t *m = json_object_get(check, "metrics");

    assert_true(member(check, "gain") == 0);
    assert_true(fabs(member(m, "mean_reciprocal_rank_at_25") - 1.0 / 18) < 1e-9);
    assert_true(fabs(member(m, "normalized_discounted_cumulative_gain_at_25") - 1 / log2(19)) <
                1e-6);
    assert_true(member(m, "precision_at_10") == 0);
    json_decref(check);
}

TEST(large_data_and_data_without_order_are_fitted_less_often)
{
    assert_int_equal(pz_tune_fits(300000, true, 40), 40);
    assert_int_equal(pz_tune_fits(600000, true, 40), 20);
    assert_int_equal(pz_tune_fits(60000000, true, 40), 6);
    assert_int_equal(pz_tune_fits(60000000, true, 3), 3);
    assert_int_equal(pz_tune_fits(1000, false, 40), 20);
    assert_int_equal(pz_tune_fits(1000, false, 5), 3);
}

/* A part that did no harm as it came is weighed again beside those that came later: behind the
 * first, which is wrong too, it hides what the last one knows. Where there is no order, as well: a
 * weight costs nothing. */
TEST(weights_move_when_all_parts_are_there)
{
    struct chain t;

    for (int ordered = 0; ordered < 2; ordered++) {
        struct pz_choice c[3];
        json_t *trials = json_array();
        struct pz_tune_cfg cfg = tune_cfg(trials);
        double scale;

        chain_make(&t, USERS, ITEMS, EVENTS, ordered);
        for (size_t p = 0; p < 3; p++) {
            static const double step[] = { 3, 2, 1 }, weight[] = { 1, 0.3, 0.1 };

            c[p] = fixed(&follow, step[p], weight[p]);
        }
        c[2].weight_fixed = true;
        assert_int_equal(pz_tune(&t.c, &cfg, c, 3, NULL, &scale, NULL), PZ_OK);
        assert_true(c[1].weight < 0.1);
        json_decref(trials);
    }
}

/* A part that takes long has to gain for sure: as good as a part that is there
 * already is no reason, to know better is. */
TEST(a_dear_part_must_win_over_its_absence)
{
    struct chain t;

    chain_make(&t, USERS, ITEMS, EVENTS, true);
    for (int knows_better = 0; knows_better < 2; knows_better++) {
        struct pz_scorer dear = follow;
        struct pz_choice c[2] = { fixed(&follow, knows_better ? 5 : 1, 1), fixed(&dear, 1, 0.3) };
        json_t *trials = json_array();
        struct pz_tune_cfg cfg = tune_cfg(trials);
        double scale;

        dear.any_time = true;
        assert_int_equal(pz_tune(&t.c, &cfg, c, 2, NULL, &scale, NULL), PZ_OK);
        assert_true(knows_better ? c[1].weight > 0 : c[1].weight == 0);
        json_decref(trials);
    }
}

/* No truth may be among what trials learn from, by user and position. */
TEST(training_part_never_holds_a_truth)
{
    struct chain t;

    for (int ordered = 0; ordered < 2; ordered++) {
        struct pz_valid v = { 0 };

        chain_make(&t, USERS, ITEMS, EVENTS, ordered);
        assert_int_equal(pz_valid_cut(&t.c, PZ_TASK_USER, true, 100, 3, &v, NULL), PZ_OK);
        assert_int_equal(v.n_users, 100);
        assert_int_equal(v.train.ptr[USERS], USERS * EVENTS - (ordered ? 100 : 200));
        for (uint32_t k = 0; k < v.first[v.n_users]; k++) {
            const struct pz_valid_case *c = &v.c[k];

            assert_true(c->n_truth > 0 && c->end > c->from);
            for (uint64_t n = c->truth; n < c->truth + c->n_truth; n++) {
                for (uint64_t p = v.train.ptr[c->user]; p < v.train.ptr[c->user + 1]; p++)
                    assert_int_not_equal(v.train.item[p], v.truth[n]);
                for (uint64_t p = c->from; p < c->end; p++)
                    assert_int_not_equal(v.seq_item[p], v.truth[n]);
            }
        }
        pz_valid_clear(&v);
    }
}

/* As a test without order would: a random fifth of a user's events, wherever they stand, asked for
 * at once. */
TEST(without_order_a_random_fifth_is_one_case)
{
    struct chain t;
    struct pz_valid v = { 0 };
    uint32_t at[EVENTS] = { 0 };

    chain_make(&t, USERS, ITEMS, EVENTS, false);
    assert_int_equal(pz_valid_cut(&t.c, PZ_TASK_USER, true, USERS, 3, &v, NULL), PZ_OK);
    assert_int_equal(v.n_users, USERS);
    assert_int_equal(v.first[USERS], USERS);
    for (uint32_t k = 0; k < USERS; k++) {
        const struct pz_valid_case *c = &v.c[k];

        assert_int_equal(c->n_truth, 2);
        assert_int_equal(c->end - c->from, EVENTS - 2);
        assert_true(c->share == 1);
        for (uint64_t n = c->truth; n < c->truth + 2; n++)
            at[(v.truth[n] + 5 * ITEMS - c->user) % ITEMS]++;
    }
    for (uint32_t k = 0; k < EVENTS; k++) /* 50 each but for chance: six standard deviations */
        assert_in_range(at[k], 14, 86);
    pz_valid_clear(&v);
}

/* Where users come and go, those who will ask are like the newest. */
TEST(sessions_are_validated_on_the_newest)
{
    struct chain t;

    for (int sessions = 0; sessions < 2; sessions++) {
        struct pz_valid v = { 0 };
        uint32_t oldest = USERS;

        chain_make(&t, USERS, ITEMS, EVENTS, true);
        for (uint32_t k = 0; sessions && k < USERS * EVENTS; k++)
            t.time[k] += k / EVENTS * 10;
        t.c.newest = t.time[USERS * EVENTS - 1];
        assert_int_equal(pz_valid_cut(&t.c, PZ_TASK_USER, true, 50, 3, &v, NULL), PZ_OK);
        assert_int_equal(v.n_users, 50);
        for (uint32_t k = 0; k < v.first[50]; k++)
            oldest = v.c[k].user < oldest ? v.c[k].user : oldest;
        assert_true(sessions ? oldest == USERS - 50 : oldest < USERS / 4);
        assert_true(v.newest == (sessions == 1));
        pz_valid_clear(&v);
    }
}

/* ---- a scorer of the next item and, `repeat` times as strong, of the last ---- */

static bool again_score(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    const struct follow *f = part;
    uint32_t last = q->hist[q->n_hist - 1];

    (void)scratch;
    out[(last + 1) % f->n_items] = 1;
    out[last] = (float)f->step;
    return true;
}

static const struct pz_setting again_settings[] = {
    { PZ_SETTING("repeat", "of the last item"), PZ_JUDGED(PZ_JUDGED_ON_REPEAT),
      PZ_ALLOWED(0.5, 0, 100), PZ_SEARCHED(0.1, 10), PZ_LOG_SCALE, PZ_READ_OUT },
    { PZ_SETTING("scale", "unused"), PZ_ALLOWED(1, 0, 1), PZ_READ_OUT },
};

/* The seen rule hides them, but a query may set it aside: what repeats are worth is learned all the
 * same. */
TEST(repeats_are_weighed_though_the_rule_hides_them)
{
    struct chain t;
    struct pz_scorer again = follow;

    again.settings = again_settings;
    again.score = again_score;
    for (uint32_t of10 = 0; of10 <= 8; of10 += 4) { /* never, mostly not, mostly */
        struct pz_choice c;
        json_t *trials = json_array();
        struct pz_tune_cfg cfg = tune_cfg(trials);
        double scale;

        chain_make(&t, USERS, ITEMS, EVENTS, true);
        for (uint32_t u = 0; u < USERS; u++)
            if (u % 10 < of10)
                t.item[u * EVENTS + EVENTS - 1] = t.item[u * EVENTS + EVENTS - 2];
        pz_choice_init(&c, &again);
        c.weight = 2;
        c.value[0] = of10 == 4 ? 2 : 0.5;
        assert_int_equal(pz_tune(&t.c, &cfg, &c, 1, NULL, &scale, NULL), PZ_OK);
        assert_true(of10 == 0 ? c.value[0] == 0.5 : of10 == 4 ? c.value[0] < 1 : c.value[0] > 1);
        assert_true(c.weight == 1);
        json_decref(trials);
    }
}

/* Of a user's 21 events the last three are held out: a new item, and the same twice more. With the
 * seen rule the new one is all that is asked for, and all know it; without, two of three cases ask
 * for the last again. */
TEST(repeats_are_weighed_on_cases_of_their_own)
{
    enum { N = 21 };
    static struct chain t;
    struct pz_scorer again = follow;

    again.settings = again_settings;
    again.score = again_score;
    chain_make(&t, USERS, ITEMS, N, true);
    for (uint32_t u = 0; u < USERS; u++)
        t.item[u * N + N - 2] = t.item[u * N + N - 1] = t.item[u * N + N - 3];
    for (int how = 0; how < 3; how++) {
        struct pz_choice c[2];
        json_t *trials = json_array();
        struct pz_tune_cfg cfg = tune_cfg(trials);
        double scale;

        pz_choice_init(&c[0], &again);
        pz_choice_init(&c[1], &again);
        c[0].weight = 1;
        if (how == 1) /* a list of two that has the last and the next in any order */
            cfg.metric = (struct pz_metric){ PZ_METRIC_HIT, 2 };
        if (how == 2) { /* with twice its weight, 1.3 would put the last above the next; its weight
                           stays */
            c[0].value[0] = c[0].low[0] = c[0].high[0] = 0;
            c[0].weight = 0.2;
            c[1].weight = 0.5;
            c[1].value[0] = 1.1;
            c[1].high[0] = 1.3;
        }
        assert_int_equal(pz_tune(&t.c, &cfg, c, how == 2 ? 2 : 1, NULL, &scale, NULL), PZ_OK);
        assert_true(how == 0   ? c[0].value[0] > 1
                    : how == 1 ? c[0].value[0] == 0.5
                               : c[1].value[0] == 1.1);
        assert_true(how < 2 || fabs(c[1].weight - 2.5) < 1e-9);
        json_decref(trials);
    }
}

/* ---- a scorer of the next item if it learned of the slice, else of another ---- */

static int64_t slice_begin;

static enum pz_status slice_fit(const struct pz_corpus *c, const struct pz_fit_cfg *cfg,
                                void **part, struct pz_err *err)
{
    enum pz_status st = follow_fit(c, cfg, part, err);
    struct follow *f = *part;

    *f = (struct follow){ 30, 1, c->n_items };
    for (uint64_t p = 0; p < c->ptr[c->n_users]; p++)
        if (c->time[p] >= slice_begin)
            f->step = 1;
    return st;
}

static bool last_score(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    (void)part;
    (void)scratch;
    out[q->hist[q->n_hist - 1]] = 1;
    return true;
}

/* One user of five ends with what they had. The parts of the search know nothing of the slice, and
 * coming back is all that is right; a model will know. */
TEST(lists_with_what_was_seen_are_weighed_by_parts_that_know_the_slice)
{
    enum { N = 20 };
    static struct chain t;
    struct pz_scorer next = follow, last = follow;

    next.fit = slice_fit;
    last.score = last_score;
    next.n_settings = last.n_settings = 0;
    last.of_history = true;
    chain_make(&t, USERS, ITEMS, N, true);
    for (uint32_t p = 0; p < USERS * N; p++)
        t.time[p] = 2 * (p / N) + 10 * (p % N);
    t.c.newest = t.time[USERS * N - 1];
    for (uint32_t u = 0; u < USERS; u += 5)
        t.item[u * N + N - 1] = t.item[u * N + N - 2];
    slice_begin = pz_valid_slice(&t.c, pz_tune_users(&t.c));
    assert_true(slice_begin < INT64_MAX);
    for (int both = 0; both < 2; both++) {
        enum pz_lists lists = both ? PZ_LISTS_KEPT_NEXT : PZ_LISTS_KEPT;
        enum pz_seen_verdict seen = PZ_SEEN_UNJUDGED;
        struct pz_choice c[2];
        json_t *trials = json_array();
        struct pz_tune_cfg cfg = tune_cfg(trials);
        double scale, slice_s = 0;

        cfg.tune_for = both ? PZ_FOR_BOTH : PZ_FOR_NEXT;
        cfg.seen_verdict = &seen;
        cfg.slice_s = &slice_s;
        pz_choice_init(&c[0], &next);
        pz_choice_init(&c[1], &last);
        c[0].weight = c[1].weight = 1;
        assert_int_equal(pz_tune(&t.c, &cfg, c, 2, NULL, &scale, NULL), PZ_OK);
        assert_int_equal(seen, PZ_SEEN_BETTER_KEPT);
        assert_true(c[1].weight > 0.8); /* what all items have of the other is an eighth */
        assert_true(c[1].weighs[lists] && c[1].own[lists].weight < 0.8);
        assert_true(c[1].own[PZ_LISTS_KEPT].weight > 0.8 || !both);
        json_decref(trials);
    }
}

/* ---- a scorer of the next item and, `trend` times as strong, of the one after it ---- */

static bool trend_score(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    const struct follow *f = part;
    uint32_t last = q->hist[q->n_hist - 1];

    (void)scratch;
    out[(last + 1) % f->n_items] = 1;
    out[(last + 2) % f->n_items] = (float)f->step;
    return true;
}

static const struct pz_setting trend_settings[] = {
    { PZ_SETTING("trend", "of the item after the next"), PZ_JUDGED(PZ_JUDGED_AT_END),
      PZ_ALLOWED(1.2, 0, 4), PZ_SEARCHED(0, 2), PZ_READ_OUT },
    { PZ_SETTING("scale", "unused"), PZ_ALLOWED(1, 0, 1), PZ_READ_OUT },
};

/* Users who are old, the newest of many, and old with a range of the caller's. */
TEST(a_trend_is_searched_on_the_newest_users_or_where_asked_for)
{
    enum { MANY = 8200, N = 3 };
    static uint64_t ptr[MANY + 1];
    static uint32_t item[MANY * N];
    static int64_t time[MANY * N];
    static float weight[MANY * N];
    struct pz_scorer trend = follow;

    trend.settings = trend_settings;
    trend.score = trend_score;
    for (int how = 0; how < 3; how++) {
        struct pz_corpus corpus = { .n_users = MANY,
                                    .n_items = ITEMS,
                                    .ptr = ptr,
                                    .item = item,
                                    .time = time,
                                    .weight = weight,
                                    .ordered = true };
        struct pz_choice c;
        json_t *trials = json_array();
        struct pz_tune_cfg cfg = tune_cfg(trials);
        double scale;

        for (uint32_t p = 0; p < MANY * N; p++) {
            item[p] = (p / N + p % N) % ITEMS;
            time[p] = p % N + (how == 1 ? p / N * 10 : 0);
            weight[p] = 1;
            ptr[p / N + 1] = (p / N + 1) * N;
        }
        corpus.newest = time[MANY * N - 1];
        pz_choice_init(&c, &trend);
        c.weight = 1;
        c.low[0] = how == 2 ? 0.5 : c.low[0];
        assert_int_equal(pz_tune(&corpus, &cfg, &c, 1, NULL, &scale, NULL), PZ_OK);
        assert_true(how == 0 ? c.value[0] == 1.2 : c.value[0] < 1);
        json_decref(trials);
    }
}

TEST(a_part_times_a_constant_changes_no_value)
{
    struct chain t;
    struct pz_valid v = { 0 };
    double each[2][100], weight = 0.7;

    chain_make(&t, USERS, ITEMS, EVENTS, true);
    assert_int_equal(pz_valid_cut(&t.c, PZ_TASK_USER, true, 100, 3, &v, NULL), PZ_OK);
    for (size_t i = 0; i < 2; i++) {
        struct follow a = { 1, 1, ITEMS }, b = { 2, i ? 1024 : 1, ITEMS };
        struct pz_part part[] = { { .scorer = &follow, .part = &a, .weight = 1 },
                                  { .scorer = &follow, .part = &b } };

        assert_int_equal(pz_valid_judge(&v, part, 2, 1, &weight, 1, 0, 100, each[i], NULL), PZ_OK);
    }
    assert_memory_equal(each[0], each[1], sizeof each[0]);
    pz_valid_clear(&v);
}

TEST(what_is_remembered_changes_no_value)
{
    struct chain t;
    struct pz_valid v = { 0 };
    struct follow a = { 1, 1, ITEMS }, b = { 2, 1, ITEMS }, c = { 3, 1, ITEMS };
    double each[4][100], weight = 0.7;

    chain_make(&t, USERS, ITEMS, EVENTS, true);
    assert_int_equal(pz_valid_cut(&t.c, PZ_TASK_USER, true, 100, 3, &v, NULL), PZ_OK);
    for (size_t i = 0; i < 4;
         i++) { /* as it is; learned; remembered beside another part judged; forgotten */
        struct pz_part part[] = { { .scorer = &follow, .part = i < 3 ? &a : &c, .weight = 1 },
                                  { .scorer = &follow, .part = i < 2 ? &b : &a } };

        if (i == 1)
            assert_int_equal(pz_valid_remember(&v, NULL), PZ_OK);
        if (i == 3)
            pz_valid_forget(&v);
        assert_int_equal(pz_valid_judge(&v, part, 2, 1, &weight, 1, 0, 100, each[i], NULL), PZ_OK);
    }
    assert_memory_equal(each[0], each[1], sizeof each[0]);
    for (size_t i = 2; i < 4; i++) { /* the same without any memory */
        struct pz_part part[] = { { .scorer = &follow, .part = i < 3 ? &a : &c, .weight = 1 },
                                  { .scorer = &follow, .part = &a } };
        double plain[100];

        v.n_memo = 0;
        assert_int_equal(pz_valid_judge(&v, part, 2, 1, &weight, 1, 0, 100, plain, NULL), PZ_OK);
        assert_memory_equal(each[i], plain, sizeof plain);
    }
    assert_memory_not_equal(each[2], each[3], sizeof each[2]);
    pz_valid_clear(&v);
}

TEST(what_is_remembered_serves_the_part_that_joins_next)
{
    struct chain t;
    struct pz_valid v = { 0 };
    struct follow way[] = { { 1, 1, ITEMS }, { 2, 1, ITEMS }, { 3, 1, ITEMS }, { 5, 1, ITEMS } };
    struct pz_part part[] = { { .scorer = &follow, .part = &way[0], .weight = 1 },
                              { .scorer = &follow, .part = &way[1], .weight = 0.6 },
                              { .scorer = &follow, .part = &way[2], .weight = 0.3 } };
    double kept[100], plain[100], weight = 0.7;

    chain_make(&t, USERS, ITEMS, EVENTS, true);
    assert_int_equal(pz_valid_cut(&t.c, PZ_TASK_USER, true, 100, 3, &v, NULL), PZ_OK);
    assert_int_equal(pz_valid_remember(&v, NULL), PZ_OK);
    for (size_t p = 0; p < 3; p++) { /* the last one comes in and then is another */
        assert_int_equal(pz_valid_judge(&v, part, p + 1, p, &weight, 1, 0, 100, kept, NULL), PZ_OK);
        part[p].part = &way[p == 1 ? 3 : p];
    }
    /* the first one judged among three: nothing of what is kept will do but after forgetting */
    for (size_t judged = 2;; judged = 0) {
        uint32_t n_memo = v.n_memo;

        if (judged == 0)
            pz_valid_forget(&v);
        for (int again = 0; again < 2; again++)
            assert_int_equal(pz_valid_judge(&v, part, 3, judged, &weight, 1, 0, 100, kept, NULL),
                             PZ_OK);
        v.n_memo = 0;
        assert_int_equal(pz_valid_judge(&v, part, 3, judged, &weight, 1, 0, 100, plain, NULL),
                         PZ_OK);
        assert_memory_equal(kept, plain, sizeof kept);
        v.n_memo = n_memo;
        if (judged == 0)
            break;
    }
    pz_valid_clear(&v);
}

/* follow, by a vector of one number: where the history leads. */
static size_t n_made;

static size_t follow_floats(const void *part)
{
    (void)part;
    return 1;
}

static void follow_block(const void *part, const struct pz_query *const *q, size_t n,
                         void *const *scratch, float *const *out, bool *said)
{
    const struct follow *f = part;

    (void)scratch;
    for (size_t k = 0; k < n; k++) {
        float to = (float)((q[k]->hist[q[k]->n_hist - 1] + (uint32_t)f->step) % f->n_items);

        if (q[k]->vector && !isnan(*q[k]->vector)) {
            to = *q[k]->vector;
        } else {
#pragma omp atomic
            n_made++;
        }
        if (q[k]->vector)
            *q[k]->vector = to;
        for (uint32_t i = 0; i < f->n_items; i++)
            out[k][i] = (float)(f->scale * 0.125);
        out[k][(uint32_t)to] = (float)f->scale;
        said[k] = true;
    }
}

/* In turn: nothing is kept; a version; the same; another scale, which is late; another version of
 * another step; that by all moves. */
TEST(a_vector_is_made_once_for_a_case_and_version)
{
    static const uint32_t version[] = { 0, 1, 1, 1, 2, 2 };
    struct pz_scorer vectors = follow;
    struct chain t;
    struct pz_valid v = { 0 };
    struct follow a = { 1, 1, ITEMS }, b = { 2, 1, ITEMS };
    double each[4 * 100], plain[100], weight = 0.7;
    size_t n_cases;

    vectors.score_block = follow_block;
    vectors.kept_floats = follow_floats;
    chain_make(&t, USERS, ITEMS, EVENTS, true);
    assert_int_equal(pz_valid_cut(&t.c, PZ_TASK_USER, true, 100, 3, &v, NULL), PZ_OK);
    assert_int_equal(pz_valid_remember(&v, NULL), PZ_OK);
    assert_int_equal(v.n_users, 100);
    n_cases = v.first[100];
    for (size_t i = 0; i < sizeof version / sizeof *version; i++) {
        struct pz_part part[] = { { .scorer = &follow, .part = &a, .weight = 1 },
                                  { .scorer = &vectors, .part = &b, .weight = weight } };
        struct pz_move move[] = { { 0, 0.5, 0 }, { 0, 2, 0 }, { 1, 0, 0 } };

        part[1].version = version[i];
        b.scale = i < 3 ? 1 : 3;
        b.step = i < 4 ? 2 : 3;
        n_made = 0;
        pz_valid_forget(&v);
        assert_int_equal(i < 5 ? pz_valid_judge(&v, part, 2, 1, &weight, 1, 0, 100, each, NULL)
                               : pz_valid_judge_moves(&v, part, 2, move, 3, each, NULL),
                         PZ_OK);
        assert_int_equal(n_made, i < 2 || i == 4 ? n_cases : 0);
        part[1].scorer = &follow;
        pz_valid_forget(&v);
        assert_int_equal(pz_valid_judge(&v, part, 2, 1, &weight, 1, 0, 100, plain, NULL), PZ_OK);
        assert_memory_equal(each, plain, sizeof plain);
    }
    pz_valid_clear(&v);
}

/* Cases are scored in blocks, of users who happen to stand beside each other. */
TEST(users_judged_together_have_the_values_that_they_have_alone)
{
    struct chain t;
    struct pz_valid v = { 0 };
    struct pz_part part[2] = { { .weight = 1 }, { .weight = 0 } };
    const char *name[] = { "transitions", "factors" };
    double all[3 * 100], alone[3 * 100] = { 0 }, weight[] = { 0.3, 0, 2 };

    chain_make(&t, USERS, ITEMS, EVENTS, true);
    assert_int_equal(pz_valid_cut(&t.c, PZ_TASK_USER, true, 100, 3, &v, NULL), PZ_OK);
    for (size_t p = 0; p < 2; p++) {
        struct pz_choice c;
        struct pz_fit_cfg cfg = { .value = c.value, .seed = 5 };

        pz_choice_init(&c, pz_scorer_find(name[p]));
        part[p].scorer = c.scorer;
        assert_int_equal(c.scorer->fit(&v.train, &cfg, &part[p].part, NULL), PZ_OK);
    }
    assert_int_equal(pz_valid_judge(&v, part, 2, 1, weight, 3, 0, 100, all, NULL), PZ_OK);
    for (uint32_t u = 0; u < 100; u++)
        assert_int_equal(pz_valid_judge(&v, part, 2, 1, weight, 3, u, u + 1, alone, NULL), PZ_OK);
    assert_memory_equal(all, alone, sizeof all);
    for (size_t p = 0; p < 2; p++)
        part[p].scorer->free(part[p].part);
    pz_valid_clear(&v);
}

/* Each move alone is worth what judging its part with that weight says. */
TEST(moves_are_judged_as_weights_of_one_part_are)
{
    struct chain t;
    struct pz_valid v = { 0 };
    struct follow a = { 1, 1, ITEMS }, b = { 2, 8, ITEMS };
    const struct pz_move move[] = { { 1, 2, 0 }, { 0, 0.25, 0 }, { 1, 0, 0 } };
    double each[4][100], alone[100];

    chain_make(&t, USERS, ITEMS, EVENTS, true);
    assert_int_equal(pz_valid_cut(&t.c, PZ_TASK_USER, true, 100, 3, &v, NULL), PZ_OK);
    assert_int_equal(v.n_users, 100);
    for (int early = 0; early < 2; early++) {
        struct pz_part part[] = {
            { .scorer = &follow, .part = &a, .weight = 1 },
            { .scorer = &follow, .part = &b, .weight = 0.5, .cold_weight = early ? 3.0 : 0 }
        };

        assert_int_equal(pz_valid_judge_moves(&v, part, 2, move, 3, each[0], NULL), PZ_OK);
        for (size_t k = 0; k < 4; k++) {
            size_t judged = k ? move[k - 1].part : 1;
            double weight = k ? move[k - 1].weight : 0.5;

            assert_int_equal(pz_valid_judge(&v, part, 2, judged, &weight, 1, 0, 100, alone, NULL),
                             PZ_OK);
            assert_memory_equal(each[k], alone, sizeof alone);
        }
    }
    pz_valid_clear(&v);
}

/* Scores of `follow` are 1 for the item that follows and 1/8 for the others. */
TEST(an_early_weight_falls_with_the_history)
{
    struct follow a = { 1, 1, 4 }, b = { 2, 1, 4 };
    struct pz_model m = { .items.n = 4,
                          .n_parts = 2,
                          .part = { { .scorer = &follow, .part = &a, .weight = 1 },
                                    { .scorer = &follow, .part = &b, .cold_weight = 0.5 } } };
    const uint32_t hist[] = { 3, 3, 3, 0 };
    struct pz_query q = { .task = PZ_TASK_USER, .hist = hist + 3, .n_hist = 1 };
    _Alignas(64) char scratch[4096];
    float out[4], part[8];
    uint32_t used;

    assert_true(pz_model_scratch(&m) <= sizeof scratch);
    pz_model_score(&m, &q, NULL, scratch, out, NULL, &used);
    assert_true(out[1] == 1 + 0.5f / 8 && out[2] == 0.125f + 0.5f);
    q.hist = hist;
    q.n_hist = 4;
    pz_model_score(&m, &q, NULL, scratch, out, part, &used);
    assert_true(out[1] == 1 + 0.125f / 8 && out[2] == 0.125f + 0.125f && part[4 + 2] == 1);
    q.task = PZ_TASK_RELATED;
    pz_model_score(&m, &q, NULL, scratch, out, NULL, &used);
    assert_true(out[1] == 1 && out[2] == 0.125f);
}

/* A case is judged as a query is answered, whichever part the early weight is of. */
TEST(judging_knows_the_early_weight)
{
    struct chain t;
    struct pz_valid v = { 0 };
    struct follow a = { 1, 1, ITEMS }, b = { 2, 1, ITEMS };
    double each[3][100], weight = 0.7;

    chain_make(&t, USERS, ITEMS, EVENTS, true);
    assert_int_equal(pz_valid_cut(&t.c, PZ_TASK_USER, true, 100, 3, &v, NULL), PZ_OK);
    for (size_t i = 0; i < 3; i++) {           /* without, as the judged part, as another part */
        uint64_t n = v.c[0].end - v.c[0].from; /* all histories have about that length */
        double early = i == 0 ? 0 : 2 * (double)n;
        struct pz_part own[] = { { .scorer = &follow, .part = &a, .weight = 1 },
                                 { .scorer = &follow, .part = &b, .cold_weight = early } };
        struct pz_part other[] = { { .scorer = &follow, .part = &b, .cold_weight = early },
                                   { .scorer = &follow, .part = &a } };

        assert_int_equal(pz_valid_judge(&v, i < 2 ? own : other, 2, 1, &weight, 1, 0, 100, each[i],
                                        NULL),
                         PZ_OK);
    }
    assert_memory_not_equal(each[0], each[1], sizeof each[0]);
    assert_memory_not_equal(each[0], each[2], sizeof each[0]);
    pz_valid_clear(&v);
}

TEST(values_of_ranks_are_those_worked_by_hand)
{
    struct pz_metric m;
    struct pz_err err = { 0 };
    const uint32_t rank[] = { 0, 11 };
    const float gain[] = { 1, 3 };

    assert_int_equal(pz_metric_parse("ndcg@20", &m, &err),
                     PZ_OK); /* 1/1 + 3/log2(13) over 3/1 + 1/log2(3) */
    assert_true(
        fabs(pz_metric_value(&m, rank, gain, 2) - ((1 + 3 / log2(13)) / (3 + 1 / log2(3)))) < 1e-9);
    assert_int_equal(pz_metric_parse("recall@10", &m, &err), PZ_OK);
    assert_true(fabs(pz_metric_value(&m, rank, gain, 2) - (0.25)) < 1e-9);
    assert_int_equal(pz_metric_parse("mrr@20", &m, &err), PZ_OK);
    assert_true(fabs(pz_metric_value(&m, rank + 1, gain, 1) - (1.0 / 12)) < 1e-9);
    assert_int_equal(pz_metric_parse("hit@11", &m, &err), PZ_OK);
    assert_true(fabs(pz_metric_value(&m, rank + 1, gain, 1) - (0)) < 1e-9);
    for (const char *const *name =
             (const char *const[]){ "mix", "ndcg@100", "mrr@100", "recall@100", "hit@100", NULL };
         *name;
         name++) { /* what is beyond the depth is worth nothing, what is before it something */
        uint32_t deep[] = { 99, 100 };

        assert_int_equal(pz_metric_parse(*name, &m, &err), PZ_OK);
        assert_int_equal(pz_metric_depth(&m), 100);
        assert_true(pz_metric_value(&m, deep, gain, 1) > 0);
        assert_true(pz_metric_value(&m, deep + 1, gain, 1) == 0);
    }
    assert_int_equal(pz_metric_parse("ndcg", &m, &err), PZ_USAGE);
    assert_int_equal(pz_metric_parse("mrr@0", &m, &err), PZ_USAGE);
}

TEST(users_with_one_event_tune_nothing)
{
    struct chain t;
    struct pz_choice c;
    json_t *trials = json_array();
    struct pz_tune_cfg cfg = tune_cfg(trials);
    double scale = 8;

    chain_make(&t, USERS, ITEMS, EVENTS, true);
    for (uint32_t u = 0; u <= USERS; u++)
        t.ptr[u] = u;
    pz_choice_init(&c, &follow);
    c.weight = 1;
    assert_int_equal(pz_tune(&t.c, &cfg, &c, 1, NULL, &scale, NULL), PZ_OK);
    assert_true(c.value[0] == 2 && c.weight == 1 && scale == 8);
    assert_int_equal(json_array_size(trials), 0);
    json_decref(trials);
}
