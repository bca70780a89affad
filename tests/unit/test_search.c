/* SPDX-License-Identifier: Apache-2.0 */
/* When a trial wins: on scorers of which is known what a setting does to whom. */

#include "tests/unit/fixture_chain.h"
#include "train/tune.h"

enum { USERS = 160, ITEMS = 40, EVENTS = 3 };

/* The next item and the one after it are the best two. With swap the next is on top where the last
 * item is below `helped`, the other where it is above; without it is the reverse. */
struct sway {
    double swap;
};
static uint32_t helped;

static enum pz_status sway_fit(const struct pz_corpus *c, const struct pz_fit_cfg *cfg, void **part,
                               struct pz_err *err)
{
    struct sway *s = malloc(sizeof *s);

    (void)c;
    (void)err;
    assert_non_null(s);
    s->swap = cfg->value[0];
    *part = s;
    return PZ_OK;
}

static void sway_set(void *part, size_t setting, double value)
{
    (void)setting;
    ((struct sway *)part)->swap = value;
}

static size_t sway_scratch(const void *part)
{
    (void)part;
    return 0;
}

static bool sway_score(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    const struct sway *s = part;
    uint32_t last = q->hist[q->n_hist - 1];
    bool on_top = (s->swap > 0.1) == (last < helped);

    (void)scratch;
    out[(last + 1) % ITEMS] = on_top ? 2 : 1;
    out[(last + 2) % ITEMS] = on_top ? 1 : 2;
    return true;
}

static const struct pz_setting settings[] = {
    { PZ_SETTING("swap", "see above"), PZ_ALLOWED(0, 0, 1), PZ_SEARCHED(0, 1), PZ_READ_OUT }
};
static const struct pz_scorer sway = { .name = "sway",
                                       .settings = settings,
                                       .n_settings = 1,
                                       .fit = sway_fit,
                                       .free = free,
                                       .set = sway_set,
                                       .scratch_bytes = sway_scratch,
                                       .score = sway_score };

/* What tuning makes of the choices; users' events in order or not. */
static void tune(struct pz_choice *choice, size_t n, bool ordered)
{
    static struct chain t;
    json_t *trials = json_array();
    struct pz_tune_cfg cfg = { .n_trials = 8,
                               .exclude_seen = true,
                               .seed = 7,
                               .trials = trials,
                               .metric = { PZ_METRIC_NDCG, 10 } };
    double scale;

    chain_make(&t, USERS, ITEMS, EVENTS, true);
    t.c.ordered = ordered;
    assert_int_equal(pz_tune(&t.c, &cfg, choice, n, NULL, &scale, NULL), PZ_OK);
    json_decref(trials);
}

/* The setting that tuning chooses when h of ITEMS last items are helped by a larger one and the
 * others harmed. */
static double chosen(uint32_t h, bool ordered)
{
    struct pz_choice choice;

    helped = h;
    pz_choice_init(&choice, &sway);
    choice.low[0] = choice.high[0] = 0;
    choice.high[0] = 1;
    choice.weight = 1;
    tune(&choice, 1, ordered);
    return choice.value[0];
}

/* Of 160 users 4 h gain d and the others lose it: the mean gain is (2 h / 40 - 1) sqrt(160)
 * standard errors, and a little more: 0.6 at h = 21, 1.3 at 22, 4 at 26. */
TEST(a_gain_within_the_noise_moves_nothing)
{
    assert_true(chosen(21, true) == 0);
    assert_true(chosen(20, true) == 0);
    assert_true(chosen(ITEMS, true) > 0);
    assert_true(chosen(26, true) > 0);
    assert_true(chosen(22, true) > 0);
}

/* Without order the next item is the truth of a third of the users only: 1.5 standard errors at h =
 * 24, 2.9 at 28, 9 at 40. */
TEST(without_order_a_setting_must_gain_two_standard_errors)
{
    assert_true(chosen(24, true) > 0);
    assert_true(chosen(24, false) == 0);
    assert_true(chosen(28, false) > 0);
    assert_true(chosen(ITEMS, false) > 0);
}

/* A part that swaps behind one that does not decides where it weighs more, with the gains above. */
TEST(a_part_that_takes_long_must_gain_two_standard_errors)
{
    struct pz_scorer dear = sway;

    dear.any_time = true;
    for (helped = 22; helped <= 26; helped += 4) {
        struct pz_choice choice[2];

        pz_choice_init(&choice[0], &sway);
        pz_choice_init(&choice[1], &dear);
        choice[0].weight = choice[1].weight = 1;
        choice[0].low[0] = choice[0].high[0] = choice[0].value[0] = 0;
        choice[1].low[0] = choice[1].high[0] = choice[1].value[0] = 1;
        tune(choice, 2, true);
        assert_true(helped == 22 ? choice[1].weight == 0 : choice[1].weight > 1);
    }
}

/* Users may take the first part out by its weight: the next one takes its place, with its own. */
TEST(a_first_part_without_weight_leaves_the_others_theirs)
{
    struct pz_choice choice[2];

    helped = 26;
    for (size_t i = 0; i < 2; i++) {
        pz_choice_init(&choice[i], &sway);
        choice[i].low[0] = choice[i].high[0] = choice[i].value[0] = (double)i;
        choice[i].weight = i ? 1 : 0;
    }
    choice[0].weight_fixed = true;
    tune(choice, 2, true);
    assert_true(choice[0].weight == 0);
    assert_true(choice[1].weight == 1);
}

/* ---- a scorer that puts so many items above the next one ---- */

struct depth {
    double set[2];
};
static uint32_t (*items_above)(const double *set);

static enum pz_status depth_fit(const struct pz_corpus *c, const struct pz_fit_cfg *cfg,
                                void **part, struct pz_err *err)
{
    struct depth *d = malloc(sizeof *d);

    (void)c;
    (void)err;
    assert_non_null(d);
    memcpy(d->set, cfg->value, sizeof d->set);
    *part = d;
    return PZ_OK;
}

static void depth_set(void *part, size_t setting, double value)
{
    ((struct depth *)part)->set[setting] = value;
}

static bool depth_score(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    uint32_t n = items_above(((const struct depth *)part)->set), last = q->hist[q->n_hist - 1];

    (void)scratch;
    out[(last + 1) % ITEMS] = 1;
    for (uint32_t i = 0; i < n; i++)
        out[(last + 2 + i) % ITEMS] = 2;
    return true;
}

static const struct pz_setting depth_settings[] = {
    { PZ_SETTING("side", "a switch"), PZ_ALLOWED(0, 0, 1), PZ_SEARCHED(0, 1), PZ_WHOLE },
    { PZ_SETTING("mark", "a read-out"), PZ_ALLOWED(0, 0, 1), PZ_SEARCHED(0, 1), PZ_READ_OUT },
}, after_settings[] = {
    { PZ_SETTING("side", "not searched"), PZ_ALLOWED(0, 0, 1), PZ_WHOLE },
    { PZ_SETTING("mark", "0: never"), PZ_ALLOWED(0, 0, 100), PZ_SEARCHED(1, 100), PZ_LOG_SCALE,
       PZ_READ_OUT },
}, pair_settings[] = {
    { PZ_SETTING("left", "a read-out"), PZ_ALLOWED(0.5, 0, 1), PZ_SEARCHED(0, 1), PZ_READ_OUT },
    { PZ_SETTING("right", "another"), PZ_ALLOWED(0.25, 0, 1), PZ_SEARCHED(0, 1), PZ_READ_OUT },
};
static const struct pz_scorer depth = { .name = "depth",
                                        .settings = depth_settings,
                                        .n_settings = 2,
                                        .fit = depth_fit,
                                        .free = free,
                                        .set = depth_set,
                                        .scratch_bytes = sway_scratch,
                                        .score = depth_score };

/* On side 0 the larger mark is the better; on side 1 the smallest alone is good, and the best of
 * all. */
static uint32_t good_as_it_comes(const double *set)
{
    return set[0] > 0 ? (set[1] < 0.1 ? 0 : 6) : 5 - (uint32_t)(4 * set[1] + 0.5);
}

/* Side 1 is good at a mark that is not the default. */
static uint32_t good_when_moved(const double *set)
{
    return set[0] > 0 ? (set[1] > 0.1 && set[1] < 0.4 ? 0 : 6) : 3;
}

static uint32_t never_good(const double *set)
{
    return set[0] > 0 ? 6 - (uint32_t)(0.5 + set[1]) : 5 - (uint32_t)(4 * set[1] + 0.5);
}

static void expect(uint32_t (*above)(const double *), const struct pz_setting *what, double side,
                   double mark)
{
    struct pz_scorer s = depth;
    struct pz_choice choice;

    items_above = above;
    s.settings = what;
    pz_choice_init(&choice, &s);
    choice.weight = 1;
    tune(&choice, 1, true);
    assert_true(choice.value[0] == side);
    assert_true(choice.value[1] > mark - 0.01 && choice.value[1] < mark + 0.01);
}

TEST(a_switch_is_turned_with_read_outs_of_its_own)
{
    expect(good_as_it_comes, depth_settings, 1, 0);
    expect(good_when_moved, depth_settings, 1, 0.25);
    expect(never_good, depth_settings, 0, 1);
}

/* The most users who were asked in a trial of a side. */
static json_int_t most_asked(const json_t *trials, double side)
{
    json_int_t most = 0;

    for (size_t k = 0; k < json_array_size(trials); k++) {
        const json_t *trial = json_array_get(trials, k), *set = json_object_get(trial, "settings");
        json_int_t users = json_integer_value(json_object_get(trial, "users"));

        if (json_number_value(json_object_get(set, "side")) == side && users > most)
            most = users;
    }
    return most;
}

/* Enough users for a first heat of a quarter. */
TEST(a_region_that_loses_its_first_heat_is_not_shown_to_the_others)
{
    enum { MANY = 4 * PZ_RUNG_MIN + 4, N = 3 };
    static uint64_t ptr[MANY + 1];
    static uint32_t item[MANY * N];
    static int64_t time[MANY * N];
    static float weight[MANY * N];
    const struct pz_corpus c = { .n_users = MANY,
                                 .n_items = ITEMS,
                                 .ptr = ptr,
                                 .item = item,
                                 .time = time,
                                 .weight = weight,
                                 .newest = N - 1,
                                 .ordered = true };

    for (uint32_t p = 0; p < MANY * N; p++) {
        item[p] = (p / N + p % N) % ITEMS;
        time[p] = p % N;
        weight[p] = 1;
        ptr[p / N + 1] = (p / N + 1) * N;
    }
    for (int good = 0; good < 2; good++) {
        json_t *trials = json_array();
        struct pz_tune_cfg cfg = {
            .n_trials = 8, .exclude_seen = true, .seed = 7, .trials = trials
        };
        struct pz_choice choice;
        double scale;

        items_above = good ? good_as_it_comes : never_good;
        pz_choice_init(&choice, &depth);
        choice.weight = 1;
        assert_int_equal(pz_tune(&c, &cfg, &choice, 1, NULL, &scale, NULL), PZ_OK);
        assert_true(choice.value[0] == good);
        assert_int_equal(most_asked(trials, 0), MANY);
        assert_int_equal(most_asked(trials, 1), good ? MANY : MANY / 4);
        json_decref(trials);
    }
}

static uint32_t nothing_moves_it(const double *set)
{
    (void)set;
    return 2;
}

/* A mark at 0 that changes nothing is moved up once, there is nowhere down, and it is left alone
 * when the weights move once more beside a second part. */
TEST(what_changes_nothing_is_moved_once)
{
    static struct chain t;
    struct pz_choice choice[2];
    struct pz_scorer still = depth;
    struct pz_tune_cfg cfg = { .n_trials = 8, .seed = 7, .trials = json_array() };
    size_t n = 0;
    double scale;

    chain_make(&t, USERS, ITEMS, EVENTS, true);
    items_above = nothing_moves_it;
    still.name = "still";
    still.settings = after_settings;
    helped = ITEMS;
    pz_choice_init(&choice[0], &still);
    pz_choice_init(&choice[1], &sway);
    choice[0].weight = choice[1].weight = 1;
    assert_int_equal(pz_tune(&t.c, &cfg, choice, 2, NULL, &scale, NULL), PZ_OK);
    assert_true(choice[1].weight > 0);
    for (size_t k = 0; k < json_array_size(cfg.trials); k++) {
        const json_t *trial = json_array_get(cfg.trials, k);
        const json_t *set = json_object_get(trial, "settings");

        n += strcmp(json_string_value(json_object_get(trial, "scorer")), "still") == 0 &&
             json_number_value(json_object_get(set, "mark")) > 0;
    }
    assert_int_equal(n, 1);
    json_decref(cfg.trials);
}

/* Side 1 is good with a far mark alone: from its default no move of a mark gains. */
static uint32_t good_far_away(const double *set)
{
    return set[0] > 0 ? (set[1] > 0.9 ? 0 : 6) : 3;
}

static bool far_away(struct pz_choice *c)
{
    c->value[0] = c->value[1] = 1;
    return true;
}

static const struct pz_setting island_settings[] = {
    { PZ_SETTING("side", "a switch"), PZ_ALLOWED(0, 0, 1), PZ_SEARCHED(0, 1), PZ_WHOLE },
    { PZ_SETTING("mark", "costs a fit"), PZ_ALLOWED(0, 0, 1), PZ_SEARCHED(0, 1) },
};

TEST(another_region_is_tried_where_the_scorer_knows_one)
{
    for (int knows = 0; knows < 2; knows++) {
        struct pz_scorer s = depth;
        struct pz_choice choice;

        items_above = good_far_away;
        s.settings = island_settings;
        s.elsewhere = knows ? far_away : NULL;
        pz_choice_init(&choice, &s);
        choice.weight = 1;
        tune(&choice, 1, true);
        assert_true(choice.value[0] == knows && choice.value[1] == knows);
    }
}

/* Two parts that lead users of two kinds astray, each one kind: the first part those whose last
 * item is of the lower half, the second one the others. */
static bool astray_score(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    const struct sway *s = part;
    uint32_t last = q->hist[q->n_hist - 1], right = (last + 1) % ITEMS, wrong = (last + 2) % ITEMS;
    bool low = last < ITEMS / 2, first = s->swap == 0;

    (void)scratch;
    out[low == first ? wrong : right] = 1;
    if (low && first)
        out[right] = 0.3f;
    return true;
}

/* Two parts of one scorer, the second at a weight of its own, for pz_search_balance. */
struct pair {
    struct sway sway[2];
    struct pz_choice choice[2];
    struct pz_tune_cfg cfg;
    struct pz_valid v;
    double each[USERS];
    struct pz_search s;
};

static void pair_make(struct pair *p, const struct pz_scorer *scorer, double second)
{
    static struct chain t;

    *p = (struct pair){ .sway = { { 0 }, { 1 } },
                        .cfg = { .trials = json_array() },
                        .v = { .metric = { PZ_METRIC_NDCG, 10 } } };
    p->s = (struct pz_search){
        .v = &p->v, .cfg = &p->cfg, .choice = p->choice, .n_parts = 2, .each = p->each
    };
    chain_make(&t, USERS, ITEMS, EVENTS, true);
    assert_int_equal(pz_valid_cut(&t.c, PZ_TASK_USER, true, USERS, 3, &p->v, NULL), PZ_OK);
    for (size_t i = 0; i < 2; i++) {
        pz_choice_init(&p->choice[i], scorer);
        p->s.part[i] =
            (struct pz_part){ .scorer = scorer, .part = &p->sway[i], .weight = i ? second : 1 };
    }
}

static void pair_clear(struct pair *p)
{
    pz_valid_clear(&p->v);
    json_decref(p->cfg.trials);
}

/* At weights 1 and .65 the lower half is served badly: .3 + .65 < 1. The first part's weight times
 * .7 or the other's times 1.4 mends that, and both together would harm the upper half: .7 < .91. */
TEST(weights_that_win_alone_are_not_taken_together_where_that_harms)
{
    struct pz_scorer astray = sway;
    struct pair p;

    astray.score = astray_score;
    pair_make(&p, &astray, 0.65);
    assert_int_equal(pz_search_balance(&p.s, NULL), PZ_OK);
    assert_true(p.s.part[0].weight == 0.7 && p.s.part[1].weight == 0.65);
    assert_true(p.s.mean == 1);
    p.choice[0].weight_fixed = true; /* what somebody gave stays */
    p.s.part[0].weight = 1;
    assert_int_equal(pz_search_balance(&p.s, NULL), PZ_OK);
    assert_true(p.s.part[0].weight == 1 && p.s.part[1].weight == 1.4 * 0.65);
    assert_true(p.s.mean == 1);
    pair_clear(&p);
}

/* The first part errs in one of 40 kinds of users, where the second one is right; that one errs in
 * two kinds. */
static bool erring_score(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    const struct sway *s = part;
    uint32_t last = q->hist[q->n_hist - 1], right = (last + 1) % ITEMS, wrong = (last + 2) % ITEMS;

    (void)scratch;
    if (s->swap == 0) {
        out[right] = last == 0 ? 0.7f : 1;
        out[wrong] = last == 0 ? 1 : 0.7f;
    } else if (last < 3) {
        out[last == 0 ? right : wrong] = 1;
    }
    return true;
}

/* Without the second part lists are better by one standard error: too little to move a weight to
 * another one, enough to do without, also without what a part has more while little is known. */
TEST(a_part_that_brings_nothing_loses_its_weight)
{
    for (int cold = 0; cold < 2; cold++) {
        struct pz_scorer erring = sway;
        struct pair p;

        erring.score = erring_score;
        pair_make(&p, &erring, cold ? 0 : 4);
        p.s.part[1].cold_weight = cold ? 8 : 0;
        assert_int_equal(pz_search_balance(&p.s, NULL), PZ_OK);
        assert_true(p.s.part[0].weight == 1 && p.s.part[1].weight == 0 &&
                    p.s.part[1].cold_weight == 0);
        pair_clear(&p);
    }
}

/* A part that says what the other says brings nothing: its settings cost no trial. */
TEST(settings_of_a_part_that_brings_nothing_are_not_searched)
{
    static struct chain t;
    struct pz_scorer other = sway;
    struct pz_choice choice[2];
    struct pz_tune_cfg cfg = { .n_trials = 8, .seed = 7, .trials = json_array() };
    double scale;
    size_t n = 0;

    chain_make(&t, USERS, ITEMS, EVENTS, true);
    helped = ITEMS;
    other.name = "other";
    pz_choice_init(&choice[0], &sway);
    pz_choice_init(&choice[1], &other);
    pz_choice_fix(&choice[0], 0, 1);
    choice[1].value[0] = 1;
    choice[0].weight = choice[1].weight = 1;
    choice[1].weight_fixed = true;
    assert_int_equal(pz_tune(&t.c, &cfg, choice, 2, NULL, &scale, NULL), PZ_OK);
    for (size_t k = 0; k < json_array_size(cfg.trials); k++)
        n += strcmp(json_string_value(json_object_get(json_array_get(cfg.trials, k), "scorer")),
                    "other") == 0;
    assert_int_equal(n, 1);
    json_decref(cfg.trials);
}

static uint32_t good_from_five(const double *set)
{
    return set[1] < 5;
}

static uint32_t good_from_twenty(const double *set)
{
    return set[1] < 20;
}

/* "Never" lies outside the range: its middle on the logarithmic scale is the way in, if it is
 * better at once. */
TEST(a_range_is_entered_at_its_middle)
{
    expect(good_from_five, after_settings, 0, 10);
    expect(good_from_twenty, after_settings, 0, 0);
}

/* The left one is right as it is, and wrong it spoils the other: best at 3/8, an eighth from its
 * default, and better there than a quarter away. */
static uint32_t good_between(const double *set)
{
    return set[0] < 0.49 || set[0] > 0.51  ? 6
           : set[1] > 0.3 && set[1] < 0.45 ? 0
           : set[1] > 0.2 && set[1] < 0.3  ? 1
                                           : 2;
}

TEST(a_lost_trial_leaves_nothing_behind_and_steps_get_finer)
{
    expect(good_between, pair_settings, 0.5, 0.375);
}
