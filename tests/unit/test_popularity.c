/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/par.h"
#include "model/parts.h"
#include "tests/unit/unit.h"

enum { N_ITEMS = 3, N_USERS = 4, DAY = 86400, HOUR = 3600 };

/* Users 0 .. 3 and their (item, days before the newest, weight):
 *   0: (0, 2, .5) (0, 1, 1)   1: (0, 0, 1) (1, 2, 1)   2: (1, 1, .5)   3: (1, 0, 1) (2, 0, .25)
 * Users 0 and 1 are of GROUP a, 2 and 3 of GROUP b; 1 and 3 are members. */
static const uint64_t ptr[] = { 0, 2, 4, 5, 7 };
static const uint32_t item[] = { 0, 0, 1, 0, 1, 1, 2 };
static const int64_t times[] = { 0, DAY, 0, 2 * DAY, DAY, 2 * DAY, 2 * DAY };
static const float weights[] = { 0.5f, 1, 1, 1, 0.5f, 1, 0.25f };
static const uint64_t group_ptr[] = { 0, 1, 2, 3, 4 }, group_offset[] = { 0, 1, 2 };
static const uint32_t group[] = { 0, 0, 1, 1 };
static const double member[] = { 0, 1, 0, 1 };

static struct pz_attr columns[] = {
    { .name = "GROUP",
      .kind = PZ_ATTR_CATEGORY,
      .ptr = group_ptr,
      .code = group,
      .values = { 2, group_offset, "ab", NULL, NULL, NULL } },
    { .name = "MEMBER", .kind = PZ_ATTR_BOOL, .num = member },
};
static const struct pz_attrs users = { .n_attrs = 2, .n_rows = N_USERS, .attr = columns };
static const struct pz_corpus corpus = { .n_users = N_USERS,
                                         .n_items = N_ITEMS,
                                         .ptr = ptr,
                                         .item = item,
                                         .time = times,
                                         .weight = weights,
                                         .user_attrs = &users,
                                         .newest = 2 * DAY,
                                         .ordered = true };

/* The part with one setting changed. */
static void *fit(const struct pz_corpus *c, const char *name, double x, const char *name2,
                 double x2)
{
    double value[8];
    struct pz_fit_cfg cfg = { .value = value };
    void *part = NULL;

    pz_scorer_defaults(&pz_popularity, value);
    if (name)
        value[pz_scorer_setting(&pz_popularity, name)] = x;
    if (name2)
        value[pz_scorer_setting(&pz_popularity, name2)] = x2;
    assert_int_equal(pz_popularity.fit(c, &cfg, &part, NULL), PZ_OK);
    return part;
}

static void expect(const void *part, const struct pz_query *q, double a, double b, double c)
{
    float out[N_ITEMS] = { 0 };

    assert_true(pz_popularity.score(part, q, NULL, out));
    assert_true(fabs((double)out[0] - a) < 1e-5);
    assert_true(fabs((double)out[1] - b) < 1e-5);
    assert_true(fabs((double)out[2] - c) < 1e-5);
}

static const struct pz_query nobody = { .task = PZ_TASK_USER };

TEST(a_user_counts_once_with_his_heaviest_event)
{
    void *part = fit(&corpus, NULL, 0, NULL, 0);

    expect(part, &nobody, 2, 2.5, 0.25);
    pz_popularity.free(part);
}

/* Half-life one day: item 0: 1/2 + 1; item 1: 1/4 + .5/2 + 1; item 2: .25. */
TEST(older_events_count_less)
{
    void *part = fit(&corpus, "half_life", 1, NULL, 0);

    expect(part, &nobody, 1.5, 1.5, 0.25);
    pz_popularity.free(part);
}

/* Windows of a day: item 0 has 1 in the last and 1 before; item 1 1 and .5; item 2 .25 and 0. An
 * event exactly one window old belongs to the window before. Where nothing grew, counts order, a
 * thousandth at most. */
TEST(trends_are_growth_between_the_last_two_windows)
{
    void *part = fit(&corpus, "trend", 1, "window", 24);

    expect(part, &nobody, 1e-3 * 2 / 2.5, 0.5 + 1e-3, 0.25 + 1e-3 * 0.25 / 2.5);
    pz_popularity.free(part);
}

TEST(without_growth_the_trend_is_popularity)
{
    struct pz_corpus late = corpus;
    void *part;

    late.newest = 10 * DAY; /* nothing in the last two windows */
    part = fit(&late, "trend", 1, "window", 24);
    expect(part, &nobody, 1e-3 * 2 / 2.5, 1e-3, 1e-3 * 0.25 / 2.5);
    pz_popularity.free(part);
}

/* Group a: item 0 has 2, item 1 has 1, N = 3. Shrink 1, shares of all 2, 2.5, .25 of 4.75:
 * (2 + .42105) / 4 * 4.75, (1 + .52632) / 4 * 4.75, .05263 / 4 * 4.75. */
TEST(a_segment_shrinks_to_everybody)
{
    void *part = fit(&corpus, "shrink", 1, NULL, 0);
    const struct pz_given given = { .attr = &columns[0], .code = 0 };
    const struct pz_query q = { .task = PZ_TASK_USER, .user = &given, .n_user = 1 };

    expect(part, &q, 2.875, 1.8125, 0.0625);
    expect(part, &nobody, 2, 2.5, 0.25);
    pz_popularity.free(part);
}

/* Members: item 0 has 1, item 1 2, item 2 .25, N = 3.25: (1.42105, 2.52632, .30263) / 4.25 * 4.75;
 * with group a the mean of both. */
TEST(several_segments_give_their_mean)
{
    void *part = fit(&corpus, "shrink", 1, NULL, 0);
    const struct pz_given given[] = { { .attr = &columns[0], .code = 0 },
                                      { .attr = &columns[1], .num = 1 } };
    const struct pz_query q = {
        .task = PZ_TASK_USER, .user = given, .n_user = 1, .context = given + 1, .n_context = 1
    };
    const double unit = 4.75 / 4.25;

    expect(part, &q, (2.875 + unit * (1 + 2 / 4.75)) / 2, (1.8125 + unit * (2 + 2.5 / 4.75)) / 2,
           (0.0625 + unit * (0.25 + 0.25 / 4.75)) / 2);
    pz_popularity.free(part);
}

TEST(segments_read_back_and_without_the_setting_there_are_none)
{
    const struct pz_given given = { .attr = &columns[0], .code = 0 };
    const struct pz_query q = { .task = PZ_TASK_USER, .user = &given, .n_user = 1 };
    void *part = fit(&corpus, "shrink", 1, NULL, 0), *again = NULL;
    char path[] = "/tmp/test_popularity.XXXXXX";
    struct pz_writer *w = NULL;
    struct pz_table *t = NULL;

    close(mkstemp(path));
    assert_int_equal(pz_writer_open(path, "modl", 0, &w, NULL), PZ_OK);
    assert_int_equal(pz_popularity.save(part, w, NULL), PZ_OK);
    assert_int_equal(pz_writer_commit(w, NULL), PZ_OK);
    assert_int_equal(pz_table_open(path, "modl", &t, NULL), PZ_OK);
    assert_int_equal(pz_popularity.load(t, N_ITEMS, &again, NULL), PZ_OK);
    expect(again, &q, 2.875, 1.8125, 0.0625);
    pz_popularity.free(again);
    pz_table_close(t);
    unlink(path);
    pz_popularity.free(part);
    part = fit(&corpus, NULL, 0, NULL, 0);
    expect(part, &q, 2, 2.5, 0.25);
    pz_popularity.free(part);
}

/* GROUP is a column of both tables: what users of a have, and what events of a are with, are two
 * segments. Events 0 .. 3 are of b, 4 .. 6 of a: item 1 has .5 + 1, item 2 .25, N = 1.75. */
TEST(a_column_of_users_and_of_events_is_two)
{
    static const uint64_t event_ptr[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
    static const uint32_t event_group[] = { 1, 1, 1, 1, 0, 0, 0 };
    static struct pz_attr of_events = { .name = "GROUP",
                                        .kind = PZ_ATTR_CATEGORY,
                                        .ptr = event_ptr,
                                        .code = event_group,
                                        .values = { 2, group_offset, "ab", NULL, NULL, NULL } };
    static const struct pz_attrs context = { .n_attrs = 1, .n_rows = 7, .attr = &of_events };
    const struct pz_given user = { .attr = &columns[0], .code = 0 },
                          event = { .attr = &of_events, .code = 0 };
    const struct pz_query by_user = { .task = PZ_TASK_USER, .user = &user, .n_user = 1 },
                          by_event = { .task = PZ_TASK_USER, .context = &event, .n_context = 1 };
    const double unit = 4.75 / 2.75;
    struct pz_corpus c = corpus;
    void *part;

    c.context = &context;
    part = fit(&c, "shrink", 1, NULL, 0);
    expect(part, &by_user, 2.875, 1.8125, 0.0625);
    expect(part, &by_event, unit * 2 / 4.75, unit * (1.5 + 2.5 / 4.75),
           unit * (0.25 + 0.25 / 4.75));
    pz_popularity.free(part);
}
