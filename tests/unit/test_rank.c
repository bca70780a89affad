/* SPDX-License-Identifier: Apache-2.0 */
/* Ranking and its rules, on a model of eight items a to h made by hand: its one scorer makes what
 * follows an item of the history likely, its fallback gives falling popularity a > b > ... > h.
 *
 *   item    a    b    c      d     e     f     g     h
 *   COLOR   red  red  blue   red   red|  blue  blue  -
 *                                  blue
 *   PRICE   1    2    4      8     16    32    0     -
 * */

#include <math.h>

#include "answer/rules.h"
#include "base/rng.h"
#include "filter/filter.h"
#include "rank/choose.h"
#include "rank/history.h"
#include "rank/page.h"
#include "rank/promote.h"
#include "rank/top.h"
#include "tests/unit/unit.h"

enum { N = 8 };

/* Item h of the history makes its neighbours h+1 (1.0), h+2 (0.5), h+3 (0.25) likely, without
 * wrapping. */
static bool near_score(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    (void)part;
    (void)scratch;
    for (size_t k = 0; k < q->n_hist; k++)
        for (uint32_t d = 1; d <= 3 && q->hist[k] + d < N; d++)
            out[q->hist[k] + d] += q->hist_weight[k] * 2.0f / (float)(1u << d);
    return q->n_hist > 0;
}

static void near_explain(const void *part, const struct pz_query *q, uint32_t item, void *scratch,
                         float *contrib)
{
    (void)part;
    (void)scratch;
    for (size_t k = 0; k < q->n_hist; k++)
        contrib[k] = item > q->hist[k] && item - q->hist[k] <= 3
                         ? q->hist_weight[k] * 2.0f / (float)(1u << (item - q->hist[k]))
                         : 0;
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

/* b and e point the same way, c between, f at right angles to b. */
static const float *near_vectors(const void *part, uint32_t *dim)
{
    static const float v[2 * N] = { 1, 0, 1, 0, 1, 1, 1, 0, 2, 0, 0, 1, 0, 1, 0, 0 };

    (void)part;
    *dim = 2;
    return v;
}

static const struct pz_scorer near_scorer = { .name = "near",
                                              .score = near_score,
                                              .scratch_bytes = no_scratch,
                                              .vectors = near_vectors,
                                              .explain = near_explain };
static const struct pz_scorer popular = { .name = "popular",
                                          .score = popular_score,
                                          .scratch_bytes = no_scratch };

static const uint64_t item_offset[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8 };
static const uint64_t user_offset[] = { 0, 2, 4 };
static const uint64_t event_offset[] = { 0, 4, 12 };
static const uint64_t hist_ptr[] = { 0, 2, 3 };
static const uint32_t hist_item[] = { 0, 3, 6 }; /* u0: a, d; u1: g */
static const int64_t hist_time[] = { 100, 200, 150 };
static const float hist_weight[] = { 1, 1, 1 };
static const uint8_t hist_event[] = { 0, 1, 0 }; /* view, purchase; view */

static const uint64_t color_offset[] = { 0, 4, 7 };
static const uint64_t color_ptr[] = { 0, 1, 2, 3, 4, 6, 7, 8, 8 };
static const uint32_t color_code[] = { 1, 1, 0, 1, 1, 0, 0, 0 };
static const double price[] = { 1, 2, 4, 8, 16, 32, 0, NAN };
static struct pz_attr item_attr[] = {
    { .name = "COLOR",
      .kind = PZ_ATTR_CATEGORY,
      .ptr = color_ptr,
      .code = color_code,
      .values = { .n = 2, .offset = color_offset, .bytes = "bluered" } },
    { .name = "PRICE", .kind = PZ_ATTR_NUMBER, .num = price },
};

/* The moment: DEVICE, "phone" or "tv", as a column of Interactions. */
static const uint64_t device_offset[] = { 0, 5, 7 };
static struct pz_attr context_attr[] = {
    { .name = "DEVICE",
      .kind = PZ_ATTR_CATEGORY,
      .values = { .n = 2, .offset = device_offset, .bytes = "phonetv" } },
};

static struct pz_ranker *ranker; /* of the last ask */

static const uint32_t item_count[N] = { 3, 2, 2, 1, 1, 1, 1, 1 };

static struct pz_model fixture(const char *recipe)
{
    return (struct pz_model){
        .recipe = pz_recipe_find(recipe, NULL),
        .items = { .n = N, .offset = item_offset, .bytes = "abcdefgh" },
        .users = { .n = 2, .offset = user_offset, .bytes = "u0u1" },
        .events = { .n = 2, .offset = event_offset, .bytes = "viewpurchase" },
        .ptr = hist_ptr,
        .item = hist_item,
        .time = hist_time,
        .weight = hist_weight,
        .event = hist_event,
        .newest = 200,
        .item_count = item_count,
        .item_attrs = { .n_attrs = 2, .n_rows = N, .attr = item_attr },
        .context = { .n_attrs = 1, .attr = context_attr },
        .part = { { .scorer = &near_scorer, .weight = 1, .own[PZ_LISTS_KEPT] = { 1, 0 } },
                  { .scorer = &popular } },
        .n_parts = 2,
        .softmax_scale = 2,
    };
}

/* The items of an answer as one string, "cbd". */
static const char *ask(const struct pz_model *m, const struct pz_request *req,
                       struct pz_answer *answer)
{
    static char text[64];
    struct pz_answer a;
    struct pz_err err = { 0 };

    pz_ranker_free(ranker);
    ranker = pz_ranker_new(m);
    assert_non_null(ranker);
    if (pz_rank(ranker, req, &a, &err) != PZ_OK) {
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

TEST(a_known_user_gets_what_follows_his_history)
{
    struct pz_model m = fixture("user-personalization");
    struct pz_answer a;

    /* a gives b 1, c .5, d .25; d gives e 1, f .5, g .25; a and d are seen; ties to the lower index
     */
    assert_string_equal(ask(&m, &(struct pz_request){ .user_id = "u0", .num = 4 }, &a), "becf");
    assert_int_equal(a.hit[0].source, PZ_ORIGIN_PERSONAL);
    assert_false(a.is_short);
}

/* Within a visit, what comes next is asked: its weights put the other part first. */
TEST(within_half_an_hour_of_an_event_the_next_one_is_asked)
{
    struct pz_model m = fixture("user-personalization");
    struct pz_request req = { .user_id = "u0", .num = 4, .now = 200 + 1801 };
    const char *later[] = { "c" };

    m.slice_s = 100;
    m.part[0].own[PZ_LISTS_NEXT] = (struct pz_weights){ 0, 0 };
    m.part[1].own[PZ_LISTS_NEXT] = (struct pz_weights){ 1, 0 };
    assert_string_equal(ask(&m, &req, NULL), "becf");
    req.now--;
    assert_string_equal(ask(&m, &req, NULL), "bcef");
    req.now = 0; /* the clock is years after these events */
    assert_string_equal(ask(&m, &req, NULL), "becf");
    req.history = later; /* this was just now */
    req.n_history = 1;
    assert_string_equal(ask(&m, &req, NULL), "befg");
}

TEST(shares_are_a_softmax_over_what_may_be_recommended)
{
    struct pz_model m = fixture("user-personalization");
    struct pz_answer a;
    double total;

    ask(&m, &(struct pz_request){ .user_id = "u0", .num = 5 }, &a);
    /* allowed: b 1, c .5, e 1, f .5, g .25, h 0; scale 2 */
    total = 2 * exp(2) + 2 * exp(1) + exp(.5) + 1;
    assert_true(fabs(a.hit[0].score - exp(2) / total) < 1e-9);
    assert_true(fabs(a.hit[4].score - exp(.5) / total) < 1e-9);
}

TEST(items_that_no_part_knows_come_last_by_popularity)
{
    struct pz_model m = fixture("user-personalization");
    struct pz_answer a;

    assert_string_equal(ask(&m, &(struct pz_request){ .user_id = "u1", .num = 8 }, &a), "habcdef");
    assert_int_equal(a.hit[1].source, PZ_ORIGIN_POPULAR);
    assert_true(isnan(a.hit[1].score));
    assert_true(a.is_short); /* 7 can be had, 8 were asked for */
}

TEST(nobody_gets_what_is_popular)
{
    struct pz_model m = fixture("user-personalization");
    struct pz_answer a;

    assert_string_equal(ask(&m, &(struct pz_request){ .user_id = "stranger", .num = 3 }, &a),
                        "abc");
    assert_int_equal(a.hit[0].source, PZ_ORIGIN_POPULAR);
}

TEST(live_and_inline_events_extend_the_history)
{
    struct pz_model m = fixture("user-personalization");
    struct pz_live_event event = {
        .item_id = "g", .event_type = "view", .value = NAN, .time = 300
    };
    struct pz_live live = { .event = &event, .n_events = 1 };
    const char *const history[] = { "nosuch", "d" };
    struct pz_answer a;

    assert_string_equal(ask(&m, &(struct pz_request){ .user_id = "new", .num = 1, .live = &live },
                            &a),
                        "h");
    assert_int_equal(a.hit[0].source, PZ_ORIGIN_SESSION);
    assert_string_equal(ask(&m,
                            &(struct pz_request){ .user_id = "new",
                                                  .num = 2,
                                                  .live = &live,
                                                  .history = history,
                                                  .n_history = 2 },
                            NULL),
                        "eh");
    live.forgotten = true;
    live.n_events = 0;
    assert_string_equal(ask(&m, &(struct pz_request){ .user_id = "u0", .num = 1, .live = &live },
                            &a),
                        "a");
    assert_int_equal(a.hit[0].source, PZ_ORIGIN_POPULAR);
}

TEST(seen_items_are_left_out_kept_or_all_there_is)
{
    struct pz_model m = fixture("user-personalization");
    struct pz_request req = { .user_id = "u0", .num = 8 };

    req.rules.seen = PZ_SEEN_KEEP;
    assert_string_equal(ask(&m, &req, NULL), "becfdgah");
    req.rules.seen = PZ_SEEN_ONLY;
    assert_string_equal(ask(&m, &req, NULL), "da");
    req.rules.seen = PZ_SEEN_EXCLUDE;
    assert_string_equal(ask(&m, &req, NULL), "becfgh");
    req.rules.seen = PZ_SEEN_AUTO; /* as the recipe, unless validation found otherwise */
    assert_string_equal(ask(&m, &req, NULL), "becfgh");
    m.keep_seen = true;
    assert_string_equal(ask(&m, &req, NULL), "becfdgah");
}

TEST(only_events_of_these_types_and_this_age_make_an_item_seen)
{
    struct pz_model m = fixture("user-personalization");
    const char *const purchase[] = { "Purchase" }, *const any[] = { "*" };
    struct pz_request req = { .user_id = "u0",
                              .num = 8,
                              .rules = { .seen_type = purchase, .n_seen_types = 1 } };

    assert_string_equal(ask(&m, &req, NULL), "becfgah"); /* d was bought, a only viewed */
    req.rules.seen = PZ_SEEN_ONLY;
    assert_string_equal(ask(&m, &req, NULL), "d");
    req.rules = (struct pz_rules){ .seen_age_s = 50 }; /* now is 200, the newest interaction */
    assert_string_equal(ask(&m, &req, NULL), "becfgah");
    req.rules.seen_age_s = 100;
    assert_string_equal(ask(&m, &req, NULL), "becfgh");
    req.now = 400;
    assert_string_equal(ask(&m, &req, NULL), "becfdgah");
    req.rules.seen_age_s = 1000;
    req.rules.seen_type = any;
    req.rules.n_seen_types = 1;
    assert_string_equal(ask(&m, &req, NULL), "becfgh");
}

/* Old events as rows, and newer ones of item a; or each by itself. */
struct busy {
    struct pz_live_run run[2];
    struct pz_live_event event[4 + PZ_HIST_MAX];
    struct pz_live rows, each;
};

static void make_busy(struct busy *b, size_t n_new)
{
    static const char *const id[] = { "g", "f", "zz", "c" };
    static const uint32_t item[] = { 6, 5, PZ_NONE, 2 };
    static const struct pz_live_fact fact[] = {
        { 300, 0, 1 }, { 500, 0, 1 }, { 400, 0, 1 }, { 310, 0, 1 }
    };
    static const uint16_t ref[] = { 0, 1, 2, 3 };
    static const uint8_t by_time[] = { 0, 3, 2, 1 };

    b->run[0] = (struct pz_live_run){ "Purchase", 2, fact, NULL, ref, item, id, &b->run[1] };
    b->run[1] = (struct pz_live_run){ "view", 2, fact + 2, NULL, ref + 2, item, id, NULL };
    for (size_t i = 0; i < 4 + n_new; i++) {
        size_t r = i < 4 ? by_time[i] : 0;

        b->event[i] = (struct pz_live_event){ .item_id = i < 4 ? id[r] : "a",
                                              .event_type = i == 0 || i == 3 ? "Purchase" : "view",
                                              .value = NAN,
                                              .time = i < 4 ? fact[r].time : 600 + (int64_t)i,
                                              .number = 1 + i };
    }
    b->each = (struct pz_live){ .event = b->event, .n_events = 4 + n_new };
    b->rows = (struct pz_live){
        .event = b->event + 4, .n_events = n_new, .run = b->run, .run_time = 500, .run_last = 4
    };
}

TEST(rows_that_stand_for_events_answer_as_the_events)
{
    static const size_t n_new[] = { 2, PZ_HIST_MAX };
    static struct busy b;
    struct pz_model m = fixture("user-personalization");
    const char *const purchase[] = { "Purchase" };
    const struct pz_rules rules[] = { { .seen = PZ_SEEN_EXCLUDE },
                                      { .seen = PZ_SEEN_ONLY },
                                      { .seen = PZ_SEEN_KEEP },
                                      { .seen_type = purchase, .n_seen_types = 1 },
                                      { .seen_age_s = 195 } };

    for (size_t k = 0; k < 2 * 2 * 5; k++) {
        struct pz_request req = {
            .user_id = "new", .num = 8, .explain = k % 2, .rules = rules[k / 2 % 5]
        };
        char each[16];

        make_busy(&b, n_new[k / 10]);
        req.live = &b.each;
        snprintf(each, sizeof each, "%s", ask(&m, &req, NULL));
        req.live = &b.rows;
        assert_string_equal(ask(&m, &req, NULL), each);
        assert_true(k / 2 % 5 > 0 || strlen(each) == 4); /* all but a, c, f and g */
    }
}

TEST(rows_whose_values_decide_are_looked_at_one_by_one)
{
    static const char *const id[] = { "g", "f" };
    static const uint32_t item[] = { 6, 5 };
    static const struct pz_live_fact fact[] = { { 300, 0, 1 }, { 310, 0, 1 } };
    static const double value[][2] = { { 5, 5 }, { 2, 2 } };
    static const uint16_t ref[] = { 0, 1 };
    struct pz_model m = fixture("user-personalization");
    struct pz_live_run run = { "view", 2, fact, value, ref, item, id, NULL };
    static struct busy b; /* with so many newer events rows stay rows */
    struct pz_request req = { .user_id = "new", .num = 8, .live = &b.rows };
    json_t *rule = json_pack("{s:s, s:f, s:f}", "type", "view", "weight", 1.0, "threshold", 3.0);
    const char *got;

    make_busy(&b, PZ_HIST_MAX);
    b.rows.run = &run;
    m.manifest = json_pack("{s:[o]}", "events", rule);
    got = ask(&m, &req, NULL);
    assert_true(!strchr(got, 'g') && strchr(got, 'f')); /* what is rated 2 does not count */
    json_object_set_new(rule, "unasked", json_true());  /* does not teach, but was seen */
    got = ask(&m, &req, NULL);
    assert_true(!strchr(got, 'g') && !strchr(got, 'f'));
    json_object_del(rule, "unasked");
    json_object_del(rule, "threshold");
    got = ask(&m, &req, NULL);
    assert_true(!strchr(got, 'g') && !strchr(got, 'f'));
    json_decref(m.manifest);
}

TEST(a_moment_that_is_given_is_not_moved_by_later_events)
{
    struct pz_model m = fixture("user-personalization");
    const char *const any[] = { "*" };
    struct pz_live_event event = {
        .item_id = "h", .event_type = "view", .value = NAN, .time = 5000
    };
    struct pz_live live = { .event = &event, .n_events = 1 };
    struct pz_request req = { .user_id = "u0",
                              .num = 8,
                              .now = 400,
                              .live = &live,
                              .rules = { .seen_age_s = 250, .seen_type = any, .n_seen_types = 1 } };
    const char *got = ask(&m, &req, NULL);

    assert_true(strchr(got, 'a') && !strchr(got, 'd')); /* of 100 and of 200: 300 and 200 s ago */
    req.now = 0; /* the newest event says when it is: h alone is young enough */
    got = ask(&m, &req, NULL);
    assert_true(strchr(got, 'a') && strchr(got, 'd') && !strchr(got, 'h'));
    event.time = 4102444800; /* of the year 2100: somebody's clock is wrong, and now stays at 200 */
    got = ask(&m, &req, NULL);
    assert_true(!strchr(got, 'a') && !strchr(got, 'd') && !strchr(got, 'h'));
}

TEST(events_that_learning_left_out_count_where_their_type_is_named)
{
    static const float left_out[] = { 0, 1, 1 };
    struct pz_model m = fixture("user-personalization");
    const char *const view[] = { "view" };
    struct pz_request req = { .user_id = "u0", .num = 8 };

    m.weight = left_out;
    assert_string_equal(ask(&m, &req, NULL), "efgabch"); /* a says nothing, and is not seen */
    req.rules = (struct pz_rules){ .seen_type = view, .n_seen_types = 1 };
    assert_string_equal(ask(&m, &req, NULL), "efgbcdh");
}

TEST(a_cap_holds_for_each_value_and_leaves_the_rest_in_order)
{
    struct pz_model m = fixture("user-personalization");
    struct pz_cap cap[] = { { "Items.COLOR", 1 }, { "PRICE", 1 } };
    struct pz_request req = { .user_id = "u0", .num = 6, .rules = { .cap = cap, .n_caps = 1 } };
    struct pz_answer a;

    /* becfgh: b is red, so e (red too) goes; c is blue, so f and g go; h has no color */
    assert_string_equal(ask(&m, &req, &a), "bch");
    assert_true(a.is_short);
    cap[0].most = 2;
    assert_string_equal(ask(&m, &req, NULL), "bech"); /* e made it two of each */
    req.rules.n_caps = 2;
    assert_string_equal(ask(&m, &req, NULL), "bech"); /* no price comes twice */
    cap[0].column = "COLOUR";
    {
        struct pz_ranker *r = pz_ranker_new(&m);
        struct pz_err err = { 0 };

        assert_int_equal(pz_rank(r, &req, &a, &err), PZ_USAGE);
        assert_non_null(strstr(err.text, "did you mean COLOR"));
        pz_ranker_free(r);
    }
}

TEST(diversity_weighs_likeness_against_relevance)
{
    struct pz_model m = fixture("user-personalization");
    struct pz_request req = { .user_id = "u0", .num = 4 };

    req.rules.diversity = 0.3;
    /* b 1. Then e: .7 - .3 = .4; c: .35 - .3/sqrt 2 = .14; f: .35 - 0. Then f .35 before c, .14. */
    assert_string_equal(ask(&m, &req, NULL), "befc");
    req.rules.diversity = 0.5;
    /* b, then f .25; then e 0 before h 0, which is like nothing; c .25 - .35 */
    assert_string_equal(ask(&m, &req, NULL), "bfeh");
    req.rules.diversity_column = "COLOR";
    /* b (red); e .5 - .25, c and f .25 - 0: the earliest in order; c, f .25 - .25; f .25 - .5, h 0
     */
    assert_string_equal(ask(&m, &req, NULL), "bech");
    req.rules.diversity = 1;
    /* b, then what shares nothing: c; h shares nothing with either; then e, half like both */
    assert_string_equal(ask(&m, &req, NULL), "bche");
}

TEST(promoted_items_take_their_share_at_places_of_chance)
{
    struct pz_model m = fixture("user-personalization");
    struct pz_promotion half = { .name = "sale", .percent = 50 };
    struct pz_request req = { .user_id = "stranger",
                              .num = 4,
                              .rules = { .promotion = &half, .n_promotions = 1 } };
    struct pz_answer a;
    bool moved = false;
    char first[8];

    snprintf(first, sizeof first, "%s", ask(&m, &req, NULL));
    assert_string_equal(ask(&m, &req, NULL), first); /* the same seed, the same places */
    for (req.seed = 1; req.seed < 20; req.seed++) {
        const char *got = ask(&m, &req, &a);
        char promoted[8] = "", others[8] = "";

        for (size_t i = 0; i < a.n; i++) {
            assert_int_equal(a.hit[i].promotion != NULL, a.hit[i].source == PZ_ORIGIN_PROMOTION);
            strncat(a.hit[i].promotion ? promoted : others, &got[i], 1);
        }
        assert_string_equal(promoted, "ab");
        assert_string_equal(others, "cd");
        moved = moved || strcmp(got, first) != 0;
    }
    assert_true(moved);
}

static enum pz_status compile(const void *context, const char *text, struct pz_filter **out,
                              struct pz_err *err)
{
    struct pz_filter_schema schema = { .m = context };

    return pz_filter_compile(text, &schema, out, err);
}

static struct pz_filter *filter_of(const struct pz_model *m, const char *text)
{
    struct pz_filter *f = NULL;
    struct pz_err err = { 0 };

    if (compile(m, text, &f, &err) != PZ_OK) {
        fail_msg("%s", err.text);
    }
    return f;
}

/* Filters of rules are borrowed: these live until the test ends. */
static struct pz_filter *kept[4];
static size_t n_kept;

static enum pz_status compile_kept(const void *context, const char *text,
                                   const struct pz_filter **out, struct pz_err *err)
{
    enum pz_status st = compile(context, text, &kept[n_kept], err);

    *out = st == PZ_OK ? kept[n_kept++] : NULL;
    return st;
}

static void free_kept(void)
{
    while (n_kept > 0)
        pz_filter_free(kept[--n_kept]);
}

TEST(a_promotion_has_a_filter_of_its_own)
{
    struct pz_model m = fixture("user-personalization");
    struct pz_ruleset s = { .compile = compile_kept, .compile_context = &m };
    struct pz_filter *blue = filter_of(&m, "INCLUDE ItemID WHERE Items.COLOR IN (\"blue\")");
    const char *const values[] = { "dear:P=16" }, *const wrong[] = { "cheap:P=1" };
    struct pz_request req = { .user_id = "u0", .num = 4, .filter = blue };
    struct pz_answer a;
    size_t n = 0;

    assert_int_equal(pz_ruleset_promotion(&s, "dear:25:INCLUDE ItemID WHERE Items.PRICE >= $P",
                                          NULL),
                     PZ_OK);
    assert_int_equal(pz_ruleset_bind(&s, wrong, 1, NULL), PZ_USAGE);
    assert_int_equal(pz_ruleset_bind(&s, values, 1, NULL), PZ_OK);
    req.rules = s.rules;
    ask(&m, &req, &a);
    assert_int_equal(a.n, 4);
    /* e, the best dear item, and c, f, g */
    for (size_t i = 0; i < a.n; i++)
        n += a.hit[i].item == 4 && a.hit[i].promotion;
    assert_int_equal(n, 1);
    pz_filter_free(blue);
    pz_ruleset_clear(&s);
    free_kept();
}

TEST(a_boost_multiplies_what_its_condition_holds_for)
{
    struct pz_model m = fixture("user-personalization");
    struct pz_ruleset s = { .compile = compile_kept, .compile_context = &m };
    struct pz_request req = { .user_id = "u0", .num = 6, .explain = true };
    struct pz_answer a;
    struct pz_err err = { 0 };

    assert_int_equal(pz_ruleset_boost(&s, "Items.PRICE > 10: 3", NULL), PZ_OK);
    assert_int_equal(pz_ruleset_boost(&s, "INCLUDE ItemID WHERE Items.COLOR = \"red\": 0.1", NULL),
                     PZ_OK);
    req.rules = s.rules;
    /* b .1; c .5; e 3 * .1; f 3 * .5; g .25; h by fallback */
    assert_string_equal(ask(&m, &req, &a), "fcegbh");
    assert_true(fabsf(a.hit[0].blend - 1.5f) < 1e-6f);
    assert_true(fabsf(a.reason[2].boost - .3f) < 1e-6f);
    assert_int_equal(pz_ruleset_boost(&s, "Items.PRICE > 10", &err), PZ_USAGE);
    assert_int_equal(pz_ruleset_boost(&s, "Items.PRIZE > 10: 2", &err), PZ_USAGE);
    assert_non_null(strstr(err.text, "PRICE"));
    pz_ruleset_clear(&s);
    free_kept();
}

TEST(every_set_of_places_is_as_likely)
{
    int count[6] = { 0 };

    for (uint64_t seed = 0; seed < 6000; seed++) {
        bool place[4];
        int set = 0;
        static const int number[16] = { [3] = 1, [5] = 2, [6] = 3, [9] = 4, [10] = 5, [12] = 6 };

        pz_promote_places(seed, 4, 2, place);
        for (int i = 0; i < 4; i++)
            set |= place[i] << i;
        assert_true(number[set] > 0);
        count[number[set] - 1]++;
    }
    for (int i = 0; i < 6; i++)
        assert_in_range(count[i], 880, 1120); /* 1000 +- 4 standard deviations */
}

TEST(pages_go_on_where_the_last_one_ended)
{
    struct pz_model m = fixture("user-personalization");
    struct pz_live_event event[] = {
        { .item_id = "b", .event_type = "view", .value = NAN, .time = 300, .number = 7 },
        { .item_id = "c", .event_type = "view", .value = NAN, .time = 310, .number = 9 },
    };
    struct pz_live live = { .event = event, .n_events = 1 };
    struct pz_request req = { .user_id = "u0", .num = 3, .live = &live };
    struct pz_answer a;
    char token[64];

    /* a, d, b: c 1 + .5, e 1 + .25, d .., f .5, g .25 */
    assert_string_equal(ask(&m, &req, &a), "cef");
    assert_true(a.has_next);
    pz_page_format(&a.next, token);
    live.n_events = 2; /* the user went on; the pages do not */
    assert_int_equal(pz_page_parse(token, &req.rules.page, NULL), PZ_OK);
    assert_string_equal(ask(&m, &req, &a), "gh");
    assert_false(a.has_next);
    req.user_id = "u1";
    {
        struct pz_ranker *r = pz_ranker_new(&m);

        assert_int_equal(pz_rank(r, &req, &a, NULL), PZ_USAGE);
        pz_ranker_free(r);
    }
    assert_int_equal(pz_page_parse("nonsense", &req.rules.page, NULL), PZ_USAGE);
    assert_int_equal(pz_page_parse("0-0-0", &req.rules.page, NULL), PZ_USAGE);
}

/* The visit ends, or another begins, between two pages: these are of one list. */
TEST(pages_are_of_one_list_whatever_the_clock_says)
{
    static const char *const strange[] = { "1-0-0",
                                           "1-0-0000000fnn",
                                           "1-0-0000000fz",
                                           "0x1-0-0000000f",
                                           "1- 0-0000000f",
                                           "+1-0-0000000f",
                                           "1-00000000000000001-0000000f",
                                           "" };
    struct pz_model m = fixture("user-personalization");

    m.slice_s = 100;
    m.part[0].own[PZ_LISTS_NEXT] = (struct pz_weights){ 0, 0 };
    m.part[1].own[PZ_LISTS_NEXT] = (struct pz_weights){ 1, 0 };
    for (int within = 0; within < 2; within++) {
        struct pz_request req = { .user_id = "u0", .num = 2 };
        struct pz_answer a;
        char token[64];

        setenv("SOURCE_DATE_EPOCH", within ? "300" : "9000", 1);
        assert_string_equal(ask(&m, &req, &a), within ? "bc" : "be");
        pz_page_format(&a.next, token);
        assert_int_equal(pz_page_parse(token, &req.rules.page, NULL), PZ_OK);
        setenv("SOURCE_DATE_EPOCH", within ? "9000" : "300", 1);
        assert_string_equal(ask(&m, &req, &a), within ? "ef" : "cf");
    }
    unsetenv("SOURCE_DATE_EPOCH");
    assert_int_equal(pz_page_parse("1-0-0000000fn", &(struct pz_page){ 0 }, NULL), PZ_OK);
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++)
        assert_int_equal(pz_page_parse(strange[i], &(struct pz_page){ 0 }, NULL), PZ_USAGE);
}

static uint32_t check_of(const struct pz_model *m, struct pz_request req)
{
    return pz_page_check(m, &req);
}

TEST(a_page_token_is_of_one_question_with_all_its_rules)
{
    struct pz_model m = fixture("user-personalization");
    const char *const item[] = { "a" };
    struct pz_cap cap = { "COLOR", 1 }, caps = { "COLOR", 2 };
    struct pz_promotion promotion = { .name = "p", .percent = 10 };
    struct pz_boost boost = { .factor = 2 };
    struct pz_context context = { "DEVICE", "tv" };
    const struct pz_request other[] = {
        { .user_id = "u0", .num = 3 },
        { .user_id = "u0", .num = 4 },
        { .user_id = "u1", .num = 3 },
        { .user_id = "u0", .num = 3, .item_id = "a" },
        { .user_id = "u0", .num = 3, .history = item, .n_history = 1 },
        { .user_id = "u0", .num = 3, .values_key = 7 },
        { .user_id = "u0", .num = 3, .context = &context, .n_context = 1 },
        { .user_id = "u0", .num = 3, .seed = 1 },
        { .user_id = "u0", .num = 3, .now = 1000 },
        { .user_id = "u0", .num = 3, .exploration_weight = .5 },
        { .user_id = "u0", .num = 3, .exploration_cutoff_days = 5 },
        { .user_id = "u0", .num = 3, .rules = { .seen = PZ_SEEN_KEEP } },
        { .user_id = "u0", .num = 3, .rules = { .seen_type = item, .n_seen_types = 1 } },
        { .user_id = "u0", .num = 3, .rules = { .seen_age_s = 60 } },
        { .user_id = "u0", .num = 3, .rules = { .cap = &cap, .n_caps = 1 } },
        { .user_id = "u0", .num = 3, .rules = { .cap = &caps, .n_caps = 1 } },
        { .user_id = "u0", .num = 3, .rules = { .promotion = &promotion, .n_promotions = 1 } },
        { .user_id = "u0", .num = 3, .rules = { .boost = &boost, .n_boosts = 1 } },
        { .user_id = "u0", .num = 3, .rules = { .diversity = .5 } },
        { .user_id = "u0", .num = 3, .rules = { .diversity = .5, .diversity_column = "COLOR" } },
        { .user_id = "u0", .num = 3, .rules = { .rotation = .5 } },
        { .user_id = "u0", .num = 3, .rules = { .rotation = .5, .rotation_half_life_s = 60 } },
        { .user_id = "u0", .num = 3, .rules = { .objective = "PRICE", .objective_power = 1 } },
    };
    size_t n = sizeof other / sizeof *other;

    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(check_of(&m, other[i]), check_of(&m, other[k]));
    n = check_of(&m, other[0]);
    m.newest++;
    assert_int_not_equal(check_of(&m, other[0]), n);
}

TEST(what_was_shown_lately_gives_way)
{
    struct pz_model m = fixture("user-personalization");
    const char *const shown[] = { "b", "nosuch", "e" }, *const twice[] = { "b", "b", "nosuch" };
    struct pz_live_event event = { .item_id = NULL,
                                   .event_type = "view",
                                   .value = NAN,
                                   .time = 1000,
                                   .shown = shown,
                                   .n_shown = 3 };
    struct pz_live live = { .event = &event, .n_events = 1 };
    struct pz_request req = {
        .user_id = "u0", .num = 4, .live = &live, .rules = { .rotation = 0.75 }
    };
    struct pz_answer a;

    assert_string_equal(ask(&m, &req, &a),
                        "cfbe"); /* b and e fall to a quarter, as g; lower index first */
    assert_true(fabs(a.hit[2].blend - .25) < 1e-6);
    req.now = 1000 + 2 * 86400; /* two half-lives later: .25^(1/4) = .7 is left */
    assert_string_equal(ask(&m, &req, &a), "becf");
    assert_true(fabs(a.hit[0].blend - sqrt(.5)) < 1e-6);
    req.rules.rotation_half_life_s = 4 * 86400; /* half a half-life */
    ask(&m, &req, &a);
    assert_true(fabs(a.hit[2].blend - pow(.25, sqrt(.5))) < 1e-6);
    event.shown = twice; /* each time counts: b falls below g */
    req.num = 5;
    req.now = 1000;
    assert_string_equal(ask(&m, &req, &a), "ecfgb");
    assert_true(fabs(a.hit[4].blend - .0625) < 1e-6);
}

TEST(an_objective_orders_by_expected_value)
{
    struct pz_model m = fixture("user-personalization");
    struct pz_request req = { .user_id = "u0",
                              .num = 6,
                              .rules = { .objective = "items.price", .objective_power = 1 } };
    struct pz_answer a;

    /* b 1*2, c .5*4, e 1*16, f .5*32, g .25*1 (0 counts as the least above 0), all over 32; h by
     * fallback */
    assert_string_equal(ask(&m, &req, &a), "efbcgh");
    assert_true(fabs(a.hit[0].blend - .5) < 1e-6);
    assert_true(fabs(a.hit[4].blend - .25 / 32) < 1e-6);
    req.rules.objective_power = 3;
    assert_string_equal(ask(&m, &req, &a), "fecbgh");
    req.rules.objective = "COLOR";
    {
        struct pz_ranker *r = pz_ranker_new(&m);

        assert_int_equal(pz_rank(r, &req, &a, NULL), PZ_USAGE);
        pz_ranker_free(r);
    }
}

TEST(rows_put_since_count_for_the_rules)
{
    /* e becomes green and cheap; x is new to the model */
    static const uint64_t id_offset[] = { 0, 1, 2 }, value_offset[] = { 0, 5 }, ptr[] = { 0, 1, 2 };
    static const uint32_t code[] = { 0, 0 };
    static const double cheap[] = { 0.5, 1000 };
    struct pz_attr attr[] = {
        { .name = "COLOR",
          .kind = PZ_ATTR_CATEGORY,
          .ptr = ptr,
          .code = code,
          .values = { .n = 1, .offset = value_offset, .bytes = "green" } },
        { .name = "PRICE", .kind = PZ_ATTR_NUMBER, .num = cheap },
    };
    struct pz_overlay items = { .ids = { .n = 2, .offset = id_offset, .bytes = "ex" },
                                .attrs = { .n_attrs = 2, .n_rows = 2, .attr = attr } };
    struct pz_live live = { .items = &items };
    struct pz_model m = fixture("user-personalization");
    struct pz_cap cap = { "COLOR", 1 };
    struct pz_request req = {
        .user_id = "u0", .num = 4, .live = &live, .rules = { .cap = &cap, .n_caps = 1 }
    };

    assert_string_equal(ask(&m, &req, NULL), "bech");
    req.rules = (struct pz_rules){ .objective = "PRICE", .objective_power = 1 };
    assert_string_equal(ask(&m, &req, NULL), "fbce");
}

/* A scorer that lists what it was given of the user and the moment. */
static char heard[64];

static bool listen(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    (void)part;
    (void)scratch;
    heard[0] = '\0';
    for (size_t i = 0; i < q->n_user + q->n_context; i++) {
        const struct pz_given *g = i < q->n_user ? &q->user[i] : &q->context[i - q->n_user];
        char one[160];

        snprintf(one, sizeof one, "%s=%u ", g->attr->name, g->code);
        strncat(heard, one, sizeof heard - strlen(heard) - 1);
    }
    out[0] = 1;
    return true;
}

TEST(scorers_hear_of_the_user_and_the_moment)
{
    static const struct pz_scorer listener = { .name = "listener",
                                               .score = listen,
                                               .scratch_bytes = no_scratch };
    static const uint64_t plan_offset[] = { 0, 4, 8 }, plan_ptr[] = { 0, 1, 1 };
    static const uint32_t plan_code[] = { 0 };
    static const uint64_t id_offset[] = { 0, 2, 5 }, value_offset[] = { 0, 4, 10 },
                          ptr[] = { 0, 1, 2 };
    static const uint32_t code[] = { 0, 1 };
    struct pz_attr plan = { .name = "PLAN",
                            .kind = PZ_ATTR_CATEGORY,
                            .ptr = plan_ptr,
                            .code = plan_code,
                            .values = { .n = 2, .offset = plan_offset, .bytes = "freegold" } };
    struct pz_attr put = { .name = "plan",
                           .kind = PZ_ATTR_CATEGORY,
                           .ptr = ptr,
                           .code = code,
                           .values = { .n = 2, .offset = value_offset, .bytes = "goldsilver" } };
    struct pz_overlay users = { .ids = { .n = 2, .offset = id_offset, .bytes = "u0zoe" },
                                .attrs = { .n_attrs = 1, .n_rows = 2, .attr = &put } };
    struct pz_live live = { .users = &users };
    struct pz_context context[] = { { "device", "tv" }, { "DEVICE", "fridge" } };
    struct pz_model m = fixture("user-personalization");
    struct pz_request req = { .user_id = "u0", .num = 1 };

    m.part[0].scorer = &listener;
    m.user_attrs = (struct pz_attrs){ .n_attrs = 1, .n_rows = 2, .attr = &plan };
    ask(&m, &req, NULL);
    assert_string_equal(heard, "PLAN=0 ");
    req.live = &live;
    req.context = context;
    req.n_context = 2;
    ask(&m, &req, NULL);
    assert_string_equal(heard, "PLAN=1 DEVICE=1 "); /* nobody was ever seen at a fridge */
    req.user_id = "zoe";                            /* silver says nothing to the model */
    ask(&m, &req, NULL);
    assert_string_equal(heard, "DEVICE=1 ");
    context[0].key = "DEVISE";
    {
        struct pz_ranker *r = pz_ranker_new(&m);
        struct pz_answer a;
        struct pz_err err = { 0 };

        assert_int_equal(pz_rank(r, &req, &a, &err), PZ_USAGE);
        assert_non_null(strstr(err.text, "did you mean DEVICE"));
        pz_ranker_free(r);
    }
}

TEST(an_explanation_adds_up)
{
    const struct pz_live_event event[] = {
        { .item_id = "d", .event_type = "view", .value = NAN, .time = 300 },
        { .item_id = "b", .event_type = "view", .value = NAN, .time = 310 },
    };
    const struct pz_live live = { .event = event, .n_events = 2 };
    struct pz_model m = fixture("user-personalization");
    struct pz_request req = { .user_id = "u0",
                              .num = 8,
                              .live = &live,
                              .explain = true,
                              .rules = { .objective = "PRICE", .objective_power = 1 } };
    struct pz_answer a;

    m.part[0].weight = m.part[0].own[PZ_LISTS_KEPT].weight = 2;
    m.part[1].weight = m.part[1].own[PZ_LISTS_KEPT].weight = 0.8;
    /* history a, d, d, b: c .5 + 1, e 2 + .25, f 1, g .5; e is the largest, so 1 of it is 2 / 2.25
     */
    assert_string_equal(ask(&m, &req, &a), "fecgh");
    for (size_t i = 0; i < a.n; i++) {
        const struct pz_reason *w = &a.reason[i];
        float sum = w->rest;

        for (size_t k = 0; k < w->n_causes; k++)
            sum += w->cause[k].share;
        assert_true(fabsf(w->blend - w->part[0] - w->part[1]) < 1e-6f);
        assert_true(fabsf(sum - w->part[0]) < 1e-6f);
    }
    assert_int_equal(a.reason[0].rank, 3); /* f was third before its price counted */
    assert_true(fabsf(a.reason[0].objective - 1) < 1e-6f);
    assert_true(fabsf(a.reason[1].objective - .5f) < 1e-6f);
    /* e owes 2 / 2.25 of 2 to the two events with d, the newer at 300, and the rest to b */
    assert_int_equal(a.reason[1].n_causes, 2);
    assert_int_equal(a.reason[1].cause[0].item, 3);
    assert_int_equal(a.reason[1].cause[0].time, 300);
    assert_true(fabsf(a.reason[1].cause[0].share - 4 / 2.25f) < 1e-6f);
    assert_int_equal(a.reason[1].cause[1].item, 1);
    /* c is the most popular that may be had */
    assert_true(fabsf(a.reason[2].part[1] - .8f) < 1e-6f);
}

static enum pz_fate fate_of(const struct pz_answer *a, const char *item, struct pz_why *why)
{
    assert_int_equal(pz_rank_why(ranker, a, item, why, NULL), PZ_OK);
    return why->fate;
}

TEST(every_item_can_say_what_became_of_it)
{
    struct pz_model m = fixture("user-personalization");
    struct pz_cap cap = { "COLOR", 1 };
    struct pz_request req = {
        .user_id = "u0", .num = 3, .explain = true, .rules = { .cap = &cap, .n_caps = 1 }
    };
    const char *const list[] = { "b", "e" };
    struct pz_answer a;
    struct pz_why why;

    assert_string_equal(ask(&m, &req, &a), "bch");
    assert_int_equal(fate_of(&a, "c", &why), PZ_FATE_LISTED);
    assert_int_equal(why.place, 2);
    assert_int_equal(why.among, 6);
    assert_int_equal(why.reason.rank, 3); /* e was before it */
    assert_int_equal(fate_of(&a, "e", &why), PZ_FATE_DISPLACED);
    assert_int_equal(why.place, 2);
    assert_int_equal(fate_of(&a, "g", &why), PZ_FATE_LATER);
    assert_int_equal(why.place, 5);
    assert_int_equal(fate_of(&a, "d", &why), PZ_FATE_SEEN);
    assert_int_equal(why.time, 200);
    assert_memory_equal(why.event_type, "purchase", why.n_type);
    assert_int_equal(fate_of(&a, "zzz", &why), PZ_FATE_UNKNOWN);
    req.rules = (struct pz_rules){ .seen = PZ_SEEN_ONLY };
    ask(&m, &req, &a);
    assert_int_equal(fate_of(&a, "b", &why), PZ_FATE_NOT_SEEN);
    req.rules.seen = PZ_SEEN_DEFAULT;
    req.rank = list;
    req.n_rank = 2;
    ask(&m, &req, &a);
    assert_int_equal(fate_of(&a, "c", &why), PZ_FATE_UNLISTED);
    m = fixture("related-items");
    ask(&m, &(struct pz_request){ .item_id = "c", .num = 3, .explain = true }, &a);
    assert_int_equal(fate_of(&a, "c", &why), PZ_FATE_ITSELF);
    ask(&m, &(struct pz_request){ .item_id = "c", .num = 3 }, &a);
    assert_int_equal(pz_rank_why(ranker, &a, "c", &why, NULL), PZ_INTERNAL);
}

TEST(filtered_items_name_the_condition)
{
    static const struct {
        const char *filter, *item, *part; /* part: NULL: it passes */
    } cases[] = {
        { "INCLUDE ItemID WHERE Items.PRICE > 3 AND Items.COLOR IN (\"blue\")", "e", NULL },
        { "INCLUDE ItemID WHERE Items.PRICE > 3 AND Items.COLOR IN (\"blue\")", "b",
          "Items.PRICE > 3" },
        { "INCLUDE ItemID WHERE Items.PRICE < 99 AND Items.COLOR IN (\"green\")", "b",
          "Items.COLOR IN (\"green\")" },
        { "INCLUDE ItemID WHERE Items.PRICE < 99 | EXCLUDE ItemID WHERE Items.COLOR = \"blue\"",
          "c", "EXCLUDE ItemID WHERE Items.COLOR = \"blue\"" },
        { "INCLUDE ItemID WHERE Items.PRICE = 1 | INCLUDE ItemID WHERE Items.PRICE = 2", "c",
          "INCLUDE ItemID WHERE Items.PRICE = 1" },
        { "INCLUDE ItemID WHERE Items.PRICE = 1 | INCLUDE ItemID WHERE Items.PRICE = 2", "b",
          NULL },
    };
    struct pz_model m = fixture("user-personalization");

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pz_filter *f = filter_of(&m, cases[i].filter);
        struct pz_request req = { .user_id = "u0", .num = 8, .explain = true, .filter = f };
        struct pz_answer a;
        struct pz_why why;

        ask(&m, &req, &a);
        if (!cases[i].part) {
            assert_int_equal(fate_of(&a, cases[i].item, &why), PZ_FATE_LISTED);
        } else {
            assert_int_equal(fate_of(&a, cases[i].item, &why), PZ_FATE_FILTERED);
            assert_int_equal(why.n_condition, strlen(cases[i].part));
            assert_memory_equal(why.condition, cases[i].part, why.n_condition);
        }
        pz_filter_free(f);
    }
}

TEST(texts_that_are_no_rules_are_refused)
{
    static const struct {
        enum pz_status (*fn)(struct pz_ruleset *s, const char *text, struct pz_err *err);
        const char *text;
    } bad[] = {
        { pz_ruleset_seen, "never" },      { pz_ruleset_age, "soon" },
        { pz_ruleset_age, "0d" },          { pz_ruleset_cap, "COLOR" },
        { pz_ruleset_cap, "COLOR=0" },     { pz_ruleset_cap, "=2" },
        { pz_ruleset_diversity, "1.5" },   { pz_ruleset_diversity, "0.5:" },
        { pz_ruleset_rotation, "-1" },     { pz_ruleset_rotation, "0.5:x" },
        { pz_ruleset_objective, "PRICE" }, { pz_ruleset_objective, "PRICE=most" },
        { pz_ruleset_promotion, "x" },     { pz_ruleset_promotion, "x:0" },
        { pz_ruleset_promotion, "x:101" }, { pz_ruleset_promotion, ":5" },
        { pz_ruleset_promotion, "x:5:" },  { pz_ruleset_promotion, "" },
        { pz_ruleset_boost, "PRICE > 1" }, { pz_ruleset_boost, "PRICE > 1: -1" },
        { pz_ruleset_context, "tv" },      { pz_ruleset_context, "=tv" },
    };
    struct pz_ruleset s = { 0 };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(bad[i].fn(&s, bad[i].text, NULL), PZ_USAGE);
    assert_int_equal(pz_ruleset_types(&s, "a,,b", NULL), PZ_OK);
    assert_int_equal(s.rules.n_seen_types, 2);
    assert_int_equal(pz_ruleset_rotation(&s, "0.5:12h", NULL), PZ_OK);
    assert_int_equal(s.rules.rotation_half_life_s, 43200);
    pz_ruleset_clear(&s);
}

TEST(young_items_are_explored_in_answers_for_users)
{
    static const int64_t old = -100 * 86400, since[] = { old, old, old, old, old, old, old, 150 };
    static const uint32_t count[N] = { 3, 2, 2, 1, 1, 1, 1, 0 };
    struct pz_model m = fixture("user-personalization");
    struct pz_request req = {
        .user_id = "u0", .num = 6, .exploration_weight = 0.5, .explain = true
    };
    struct pz_answer a;

    m.item_since = since;
    m.item_count = count;
    /* half of b 1, c .5, e 1, f .5, g .25 is kept; h gets half of the best, as the only young item
     */
    assert_string_equal(ask(&m, &req, &a), "behcfg");
    assert_int_equal(a.hit[2].source, PZ_ORIGIN_EXPLORATION);
    assert_int_equal(a.hit[1].source, PZ_ORIGIN_PERSONAL);
    assert_true(fabsf(a.reason[2].exploration - .5f) < 1e-6f);
    assert_int_equal(a.reason[2].rank, 6);
    req.exploration_weight = -1; /* the recipe's 0.3: h .3 is less than c .35 */
    assert_string_equal(ask(&m, &req, &a), "becfhg");
    req.exploration_cutoff_days = 0.0001; /* 8.64 seconds */
    assert_string_equal(ask(&m, &req, &a), "becfgh");
    assert_int_equal(a.hit[5].source, PZ_ORIGIN_POPULAR);
    m.recipe = pz_recipe_find("popularity-count", NULL);
    req.exploration_cutoff_days = 0;
    assert_string_equal(ask(&m, &req, &a), "becfgh");
}

TEST(related_items_leave_out_the_item_itself)
{
    struct pz_model m = fixture("related-items");
    struct pz_answer a;

    assert_string_equal(ask(&m, &(struct pz_request){ .item_id = "c", .num = 4 }, &a), "defa");
    assert_int_equal(a.hit[0].source, PZ_ORIGIN_SIMILAR);
    assert_true(isnan(a.hit[0].score));
    assert_string_equal(ask(&m, &(struct pz_request){ .item_id = "nosuch", .num = 2 }, &a), "ab");
    assert_int_equal(a.hit[0].source, PZ_ORIGIN_POPULAR);
}

TEST(the_fast_sum_of_a_softmax_is_within_its_bound)
{
    enum { MANY = 5003 };
    static float score[MANY], max[(MANY + 63) / 64];
    uint64_t *set = pz_bits_new(MANY);
    struct pz_rng rng;

    pz_rng_init(&rng, 11, 0);
    for (int round = 0; round < 20; round++) {
        float scale = (float)(1 << (round % 8)), top = 0;
        double exact = 0;

        for (uint32_t i = 0; i < MANY; i++) {
            score[i] = (float)(3 * pz_rng_unit(&rng) - 1);
            if (pz_rng_below(&rng, 10) < (uint32_t)round % 10)
                pz_bits_remove(set, i);
            else
                pz_bits_add(set, i);
            top = pz_bits_has(set, i) && score[i] > top ? score[i] : top;
        }
        assert_true(pz_score_max(score, MANY, set) == top);
        pz_score_max_words(score, MANY, set, max);
        for (uint32_t w = 0; w < (MANY + 63) / 64; w++)
            assert_true(max[w] == pz_score_max(score + w * 64,
                                               MANY - w * 64 < 64 ? MANY - w * 64 : 64, set + w));
        for (uint32_t i = 0; i < MANY; i++)
            if (pz_bits_has(set, i))
                exact += exp((double)scale * (double)(score[i] - top));
        assert_true(fabs(pz_softmax_sum(score, set, MANY, scale, top) / exact - 1) < 1e-5);
    }
    free(set);
}

TEST(a_list_is_ordered_and_what_is_unknown_stays_behind)
{
    struct pz_model m = fixture("personalized-ranking");
    const char *const list[] = { "x", "h", "c", "g", "y", "b" };
    struct pz_answer a;
    double sum = 0;

    /* g and c at .25 and .5; h has no score and comes after them */
    assert_string_equal(ask(&m, &(struct pz_request){ .user_id = "u0", .rank = list, .n_rank = 6 },
                            &a),
                        "bcgh??");
    for (size_t i = 0; i < a.n; i++)
        sum += a.hit[i].score;
    assert_true(fabs(sum - 1) < 1e-9);
    assert_string_equal(a.hit[4].id, "x");
    assert_int_equal(a.hit[4].source, PZ_ORIGIN_UNKNOWN);
}

TEST(a_question_that_does_not_fit_the_recipe_is_refused)
{
    struct pz_model related = fixture("related-items"), ranking = fixture("personalized-ranking");
    struct pz_ranker *r = pz_ranker_new(&related);
    struct pz_answer a;

    assert_int_equal(pz_rank(r, &(struct pz_request){ .user_id = "u0", .num = 1 }, &a, NULL),
                     PZ_USAGE);
    pz_ranker_free(r);
    r = pz_ranker_new(&ranking);
    assert_int_equal(pz_rank(r, &(struct pz_request){ .user_id = "u0", .num = 1 }, &a, NULL),
                     PZ_USAGE);
    pz_ranker_free(r);
}

TEST(the_best_come_first_and_equals_by_index)
{
    const float score[] = { 3, 9, 3, 0, 9, -1, 5 };
    uint64_t set[1];
    struct pz_hit hit[7];

    pz_bits_fill(set, 7, true);
    assert_int_equal(pz_top(score, set, NULL, 7, hit, 4), 4);
    assert_int_equal(hit[0].item, 1);
    assert_int_equal(hit[1].item, 4);
    assert_int_equal(hit[2].item, 6);
    assert_int_equal(hit[3].item, 0);
    pz_bits_remove(set, 4);
    assert_int_equal(pz_top(score, set, NULL, 7, hit, 7), 4); /* 0 and below are no scores */
    assert_int_equal(hit[3].item, 2);
}

static int free_ranker(void **state __attribute__((unused)))
{
    pz_ranker_free(ranker);
    return 0;
}

AROUND_ALL(NULL, free_ranker)
