/* SPDX-License-Identifier: Apache-2.0 */
/* Time: text -> seconds. */
#include "base/time.h"

#include "tests/unit/unit.h"

TEST(iso_dates_and_times_become_seconds)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t seconds;
    } t[] = {
        { "1970-01-01", true, 0 },
        { "1970-01-01T00:00:01Z", true, 1 },
        { "1969-12-31 23:59:59", true, -1 },
        { "2000-02-29T12:00", true, 951825600 },
        { "2026-11-24T06:30:00+01:00", true, 1795498200 },
        { "2026-11-24T06:30:00-0130", true, 1795507200 },
        { "2026-11-24T06:30:00.999Z", true, 1795501800 },
        { "1900-02-29", false, 0 },
        { "2026-02-30", false, 0 },
        { "2026-13-01", false, 0 },
        { "2026-00-01", false, 0 },
        { "2026-01-32", false, 0 },
        { "2026-1-1", true, 1767225600 },
        { "2026.01.01 07", true, 1767250800 },
        { "2026-01-01 07:00:00 EST", true, 1767268800 },
        { "2026-01-01 7", false, 0 },
        { "2026-01-01 07:00 IST", false, 0 },
        { "2026-01", false, 0 },
        { "2026-01-01T24:00", false, 0 },
        { "2026-01-01T10:60", false, 0 },
        { "2026-01-01X10:00", false, 0 },
        { "2026-01-01T10:00:00Zx", false, 0 },
        { "", false, 0 },
    };

    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        int64_t seconds = 0;
        bool ok = pz_time_parse(t[i].text, strlen(t[i].text), PZ_TIME_ISO8601, &seconds);

        if (ok != t[i].ok || (ok && seconds != t[i].seconds))
            fail_msg("%s: %d %lld", t[i].text, ok, (long long)seconds);
    }
}

TEST(numbers_are_floored_to_seconds_in_their_unit)
{
    int64_t s;

    assert_true(pz_time_parse("1999", 4, PZ_TIME_MILLIS, &s) && s == 1);
    assert_true(pz_time_parse("-1", 2, PZ_TIME_MILLIS, &s) && s == -1);
    assert_true(pz_time_parse("1.9", 3, PZ_TIME_SECONDS, &s) && s == 1);
    assert_true(pz_time_parse("-0.5", 4, PZ_TIME_SECONDS, &s) && s == -1);
    assert_false(pz_time_parse("1e300", 5, PZ_TIME_SECONDS, &s));
    assert_false(pz_time_parse("soon", 4, PZ_TIME_SECONDS, &s));
}

TEST(the_magnitude_of_a_number_tells_its_unit)
{
    static const struct {
        const char *text;
        enum pz_time_form form;
    } t[] = {
        { "1700000000", PZ_TIME_SECONDS },      { "99999999999", PZ_TIME_SECONDS },
        { "100000000000", PZ_TIME_MILLIS },     { "1700000000000", PZ_TIME_MILLIS },
        { "1700000000000000", PZ_TIME_MICROS }, { "1700000000000000000", PZ_TIME_NANOS },
        { "2026-11-24", PZ_TIME_ISO8601 },
    };

    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        enum pz_time_form form;

        assert_true(pz_time_guess(t[i].text, strlen(t[i].text), &form));
        assert_int_equal(form, t[i].form);
    }
    assert_false(pz_time_guess("yesterday", 9, &(enum pz_time_form){ 0 }));
}

TEST(durations_have_a_unit_or_are_seconds)
{
    int64_t s;

    assert_true(pz_time_duration("30d", &s) && s == 30 * 86400);
    assert_true(pz_time_duration("1.5h", &s) && s == 5400);
    assert_true(pz_time_duration("90m", &s) && s == 5400);
    assert_true(pz_time_duration("2w", &s) && s == 14 * 86400);
    assert_true(pz_time_duration("45", &s) && s == 45);
    assert_true(pz_time_duration("0s", &s) && s == 0);
    assert_false(pz_time_duration("", &s));
    assert_false(pz_time_duration("d", &s));
    assert_false(pz_time_duration("-1d", &s));
    assert_false(pz_time_duration("3 days", &s));
    assert_false(pz_time_duration("1e30w", &s));
}

TEST(a_time_is_written_as_it_is_read)
{
    static const int64_t t[] = { 0, -1, 951825600, 1795501800, 4102444800 };

    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        char buf[32];
        int64_t back;

        pz_time_format(t[i], buf);
        assert_true(pz_time_parse(buf, strlen(buf), PZ_TIME_ISO8601, &back));
        assert_true(back == t[i]);
    }
}

TEST(the_clock_can_be_given)
{
    setenv("SOURCE_DATE_EPOCH", "1795501800", 1);
    assert_true(pz_time_now() == 1795501800);
    unsetenv("SOURCE_DATE_EPOCH");
    assert_true(pz_time_now() > 1700000000);
}
