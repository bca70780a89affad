/* SPDX-License-Identifier: Apache-2.0 */
/* Where the data end, worked out by hand from the rule in data/newest.c. */
#include "base/mem.h"
#include "data/corpus.h"
#include "data/newest.h"
#include "tests/unit/unit.h"

enum { DAY = 86400, N = 300 };
static const int64_t START = 1700000000, Y2100 = 4102444800;

static int64_t when[N];
static uint64_t beyond;

static int64_t newest(uint64_t n)
{
    int64_t at = -1;

    assert_int_equal(pz_newest(when, n, &at, &beyond, NULL), PZ_OK);
    return at;
}

/* An event every `step` seconds from `from` on, in an order that is not theirs. */
static void spread(int64_t from, int64_t step)
{
    for (int p = 0; p < N; p++)
        when[p] = from + step * ((p * 7) % N);
}

TEST(no_events_end_at_zero_and_a_few_where_the_last_is)
{
    assert_int_equal(newest(0), 0);
    for (int p = 0; p < 10; p++)
        when[p] = p;
    when[3] = Y2100;
    assert_int_equal(newest(10), Y2100); /* of ten events nothing can be said */
    when[10] = 10;
    assert_int_equal(newest(11), 10);
    assert_int_equal(beyond, 1);
}

TEST(positions_and_even_times_are_left_alone)
{
    const int64_t step[] = { 0, 1, DAY, 365 * DAY };

    for (int i = 0; i < 4; i++) {
        spread(0, step[i]);
        assert_int_equal(newest(N), step[i] * (N - 1));
        assert_int_equal(beyond, 0);
    }
}

TEST(one_in_a_hundred_may_be_beyond)
{
    spread(START, DAY);
    when[0] = Y2100; /* takes the first day's place */
    when[10] = Y2100 + 5;
    assert_int_equal(newest(N), START + 299 * DAY);
    assert_int_equal(beyond, 2);
    when[20] = 1893456000; /* 2030: apart from the others and from 2100 */
    assert_int_equal(newest(N), START + 299 * DAY);
    assert_int_equal(beyond, 3);
    when[20] = when[30] = Y2100; /* four of 300 are no slip */
    assert_int_equal(newest(N), Y2100 + 5);
    assert_int_equal(beyond, 0);
}

TEST(a_silence_of_a_month_and_of_ten_times_any_other_sets_apart)
{
    spread(START, DAY);
    when[1] = START + 329 * DAY; /* 30 days after the last */
    assert_int_equal(newest(N), START + 329 * DAY);
    when[1]++;
    assert_int_equal(newest(N), START + 299 * DAY);
    for (int p = 0; p < N; p++) /* a silence of 40 days in the middle: 400 days and ten are asked */
        when[p] += when[p] > START + 150 * DAY && p != 1 ? 39 * DAY : 0;
    when[1] = START + (338 + 400) * DAY;
    assert_int_equal(newest(N), when[1]);
    when[1] = START + (338 + 410) * DAY;
    assert_int_equal(newest(N), START + 338 * DAY);
}

TEST(a_time_of_1970_does_not_hide_one_of_2100)
{
    spread(START, DAY);
    when[0] = 0;
    when[1] = Y2100;
    assert_int_equal(newest(N), START + 299 * DAY);
    assert_int_equal(beyond, 1);
}

TEST(the_ends_of_the_range_of_times_are_no_trouble)
{
    spread(START, DAY);
    when[0] = INT64_MIN;
    when[1] = INT64_MAX;
    assert_int_equal(newest(N), START + 299 * DAY);
}

TEST(events_beyond_the_end_have_no_age)
{
    const int64_t time[] = { 100, 400, Y2100 };
    const struct pz_corpus c = { .time = time, .newest = 400 };

    assert_int_equal(pz_corpus_time(&c, 0), 100);
    assert_int_equal(pz_corpus_time(&c, 1), 400);
    assert_int_equal(pz_corpus_time(&c, 2), 400);
}
