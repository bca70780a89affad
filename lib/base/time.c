/* SPDX-License-Identifier: Apache-2.0 */
/* Time: see time.h. Everything is Unix seconds in UTC; a text without a zone is taken as UTC, since
 * the zone of the machine that imports says nothing about the data.
 *
 * Dates are turned into days by the civil-calendar formula of H. Hinnant ("chrono-compatible
 * low-level date algorithms"), which needs no tables and no time zone. Its year begins in March, so
 * that the leap day is the last one; an era is the 400 years, or 146,097 days, after which the
 * calendar repeats.
 *
 * Parsing is strict: a text is a time only when all of it was understood, 30 February is none, and
 * forms that could mean two things (01/02/2021) are told by the caller, who looks at the whole
 * column. */
#include "base/time.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/str.h"

static int64_t days_from_civil(int64_t y, int m, int d)
{
    int64_t era, yoe, doy;

    y -= m <= 2;
    era = (y >= 0 ? y : y - 399) / 400;
    yoe = y - era * 400;
    doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    /* 719,468 days lie between 1 March of the year 0 and 1 January 1970. */
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

/* Reads exactly `digits` digits. */
static bool take_digits(const char **s, const char *end, int digits, int *out)
{
    int value = 0;

    for (int i = 0; i < digits; i++) {
        if (*s >= end || **s < '0' || **s > '9')
            return false;
        value = value * 10 + (*(*s)++ - '0');
    }
    *out = value;
    return true;
}

static bool take_char(const char **s, const char *end, char c)
{
    if (*s >= end || **s != c)
        return false;
    (*s)++;
    return true;
}

/* Reads one or two digits. */
static bool take_short(const char **s, const char *end, int *out)
{
    return *s + 1 < end && (*s)[1] >= '0' && (*s)[1] <= '9' ? take_digits(s, end, 2, out)
                                                            : take_digits(s, end, 1, out);
}

/* Passes over a word in any case, perhaps with a blank before it. */
static bool take_word(const char **s, const char *end, const char *word)
{
    const char *at = *s + (*s < end && **s == ' ');
    size_t n = strlen(word);

    if ((size_t)(end - at) < n || strncasecmp(at, word, n) != 0)
        return false;
    *s = at + n;
    return true;
}

static bool take_zone(const char **s, const char *end, int64_t *offset_s)
{
    int sign, h, m = 0;

    *offset_s = 0;
    if (*s == end || take_word(s, end, "Z") || take_word(s, end, "UTC") || take_word(s, end, "GMT"))
        return true;
    *s += **s == ' ';
    sign = *s < end ? (**s == '-' ? -1 : **s == '+' ? 1 : 0) : 0;
    if (sign == 0)
        return false;
    (*s)++;
    if (!take_digits(s, end, 2, &h))
        return false;
    if (*s < end) {
        take_char(s, end, ':');
        if (!take_digits(s, end, 2, &m))
            return false;
    }
    /* What stands east of Greenwich is ahead: finish_date subtracts it. */
    *offset_s = sign * (h * 3600 + m * 60);
    return h <= 23 && m <= 59;
}

/* HH:MM[:SS[.fff]], or HHMM[SS] when basic; perhaps with AM or PM. */
static bool take_clock(const char **s, const char *end, bool basic, int64_t *seconds)
{
    int h, m, sec = 0;
    bool am, pm;

    if (!(basic ? take_digits(s, end, 2, &h) : take_short(s, end, &h)) ||
        (!basic && !take_char(s, end, ':')) || !take_digits(s, end, 2, &m))
        return false;
    if (basic ? *s < end && **s >= '0' && **s <= '9' : take_char(s, end, ':')) {
        if (!take_digits(s, end, 2, &sec))
            return false;
        if (take_char(s, end, '.') || take_char(s, end, ','))
            while (*s < end && **s >= '0' && **s <= '9')
                (*s)++;
    }
    am = take_word(s, end, "AM");
    pm = !am && take_word(s, end, "PM");
    if (am || pm) {
        if (h < 1 || h > 12)
            return false;
        h = h % 12 + (pm ? 12 : 0);
    }
    *seconds = h * 3600 + m * 60 + sec;
    /* A leap second is one second more here, as it is in the logs that have it. */
    return h <= 23 && m <= 59 && sec <= 60;
}

static bool is_date(int y, int mo, int d)
{
    static const int month_days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    if (mo < 1 || mo > 12 || d < 1 || d > month_days[mo - 1])
        return false;
    return !(mo == 2 && d == 29 && (y % 4 != 0 || (y % 100 == 0 && y % 400 != 0)));
}

/* What may follow a date: nothing, or a clock and a zone. */
static bool finish_date(const char *s, const char *end, bool basic, int64_t days, int64_t *seconds)
{
    int64_t clock = 0, offset = 0;

    if (s < end) {
        if (!take_char(&s, end, 'T') && !take_char(&s, end, 't') && !take_char(&s, end, ' '))
            return false;
        if (!take_clock(&s, end, basic, &clock) || !take_zone(&s, end, &offset))
            return false;
    }
    *seconds = days * 86400 + clock - offset;
    return s == end;
}

static bool parse_iso(const char *s, size_t n, int64_t *seconds)
{
    const char *end = s + n;
    int y, mo, d;
    char separator;

    if (!take_digits(&s, end, 4, &y))
        return false;
    separator = s < end && (*s == '-' || *s == '/') ? *s : '\0';
    s += separator != '\0';
    if (!take_digits(&s, end, 2, &mo) || (separator && !take_char(&s, end, separator)) ||
        !take_digits(&s, end, 2, &d) || !is_date(y, mo, d) || (!separator && s == end))
        return false;
    return finish_date(s, end, !separator, days_from_civil(y, mo, d), seconds);
}

/* YYYYMMDD, with hours and minutes, or seconds too, behind it: 12 digits would be milliseconds of
 * the seventies, 14 milliseconds of a time to come. */
static bool parse_yyyymmdd(const char *s, size_t n, int64_t *seconds)
{
    const char *end = s + n;
    int y, mo, d, h = 0, mi = 0, sec = 0;

    if ((n != 8 && n != 12 && n != 14) || !take_digits(&s, end, 4, &y) ||
        !take_digits(&s, end, 2, &mo) || !take_digits(&s, end, 2, &d) || y < 1900 || y > 2099 ||
        !is_date(y, mo, d))
        return false;
    if (n > 8 && (!take_digits(&s, end, 2, &h) || !take_digits(&s, end, 2, &mi) ||
                  (n == 14 && !take_digits(&s, end, 2, &sec)) || h > 23 || mi > 59 || sec > 60))
        return false;
    *seconds = days_from_civil(y, mo, d) * 86400 + h * 3600 + mi * 60 + sec;
    return true;
}

/* D-M-YYYY or M/D/YYYY and the like. */
static bool parse_day_month(const char *s, size_t n, bool day_first, int64_t *seconds)
{
    const char *end = s + n;
    int a, b, y;
    char separator;

    if (!take_short(&s, end, &a) || s == end || !strchr("-/.", *s) || !*s)
        return false;
    separator = *s++;
    if (separator == '.' && !day_first)
        return false;
    if (!take_short(&s, end, &b) || !take_char(&s, end, separator) ||
        !take_digits(&s, end, 4, &y) || !is_date(y, day_first ? b : a, day_first ? a : b))
        return false;
    return finish_date(s, end, false, days_from_civil(y, day_first ? b : a, day_first ? a : b),
                       seconds);
}

void pz_time_day_month(const char *s, size_t n, bool *day_first, bool *month_first)
{
    int64_t ignored;

    *day_first = parse_day_month(s, n, true, &ignored);
    *month_first = parse_day_month(s, n, false, &ignored);
}

bool pz_time_guess(const char *s, size_t n, enum pz_time_form *form)
{
    double x;
    int64_t ignored;
    bool day_first, month_first;

    *form = PZ_TIME_YYYYMMDD;
    if (parse_yyyymmdd(s, n, &ignored))
        return true;
    if (pz_str_to_double(s, n, &x)) {
        /* Seconds reach 1e11 in the year 5138; milliseconds begin there at 3 March 1973,
         * microseconds likewise. Data of recommenders have no times in between, so the magnitude
         * tells the unit. */
        x = fabs(x);
        *form = x < 1e11   ? PZ_TIME_SECONDS
                : x < 1e14 ? PZ_TIME_MILLIS
                : x < 1e17 ? PZ_TIME_MICROS
                           : PZ_TIME_NANOS;
        return true;
    }
    *form = PZ_TIME_ISO8601;
    if (parse_iso(s, n, &ignored))
        return true;
    pz_time_day_month(s, n, &day_first, &month_first);
    *form = day_first ? PZ_TIME_DAY_FIRST : PZ_TIME_MONTH_FIRST;
    return day_first != month_first;
}

bool pz_time_parse_as(const char *s, size_t n, const char *format, int64_t *seconds)
{
    char text[80];
    struct tm tm = { .tm_mday = 1 };
    const char *end;
    long offset;

    /* strptime wants a C string; a format's longest output is far below 80 bytes. */
    if (n >= sizeof text || memchr(s, '\0', n))
        return false;
    memcpy(text, s, n);
    text[n] = '\0';
    end = strptime(text, format, &tm);
    if (!end || *end)
        return false;
    offset = tm.tm_gmtoff;
    *seconds = (int64_t)timegm(&tm) - offset;
    return true;
}

bool pz_time_parse(const char *s, size_t n, enum pz_time_form form, int64_t *seconds)
{
    static const double per_second[] = { 1, 1e3, 1e6, 1e9 };
    long long whole;
    double x;

    if (form == PZ_TIME_ISO8601)
        return parse_iso(s, n, seconds);
    if (form == PZ_TIME_YYYYMMDD)
        return parse_yyyymmdd(s, n, seconds);
    if (form > PZ_TIME_YYYYMMDD)
        return form < PZ_TIME_GIVEN && parse_day_month(s, n, form == PZ_TIME_DAY_FIRST, seconds);
    /* Whole numbers stay whole: 1700000000123456789 ns has more digits than a double. Division
     * rounds towards zero in C; times before 1970 are to be rounded down. */
    if (pz_str_to_i64(s, n, &whole)) {
        int64_t unit = (int64_t)per_second[form], q = whole / unit;

        *seconds = whole % unit < 0 ? q - 1 : q;
        return true;
    }
    if (!pz_str_to_double(s, n, &x))
        return false;
    x = floor(x / per_second[form]);
    /* What int64_t holds, written so that NaN is refused too. */
    if (!(fabs(x) < 9.2e18))
        return false;
    *seconds = (int64_t)x;
    return true;
}

char *pz_time_format(int64_t seconds, char *buf)
{
    time_t t = (time_t)seconds;
    struct tm tm;

    if (!gmtime_r(&t, &tm) || strftime(buf, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        snprintf(buf, 32, "%lld", (long long)seconds);
    return buf;
}

bool pz_time_duration(const char *s, int64_t *seconds)
{
    static const char units[] = "smhdw";
    static const double unit_s[] = { 1, 60, 3600, 86400, 604800 };
    size_t n = strlen(s);
    const char *unit = n > 0 ? strchr(units, s[n - 1]) : NULL;
    double x;

    if (!pz_str_to_double(s, unit && *unit ? n - 1 : n, &x) || x < 0)
        return false;
    x *= unit && *unit ? unit_s[unit - units] : 1;
    if (!(x < 9.2e18))
        return false;
    *seconds = (int64_t)x;
    return true;
}

double pz_time_clock(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int64_t pz_time_now(void)
{
    /* reproducible-builds.org: tests and builds that must give equal bytes fix the clock by it. */
    const char *fixed = getenv("SOURCE_DATE_EPOCH");
    long long seconds;

    if (fixed && pz_str_to_i64(fixed, strlen(fixed), &seconds))
        return seconds;
    return (int64_t)time(NULL);
}

int64_t pz_time_latest(void)
{
    return pz_time_now() + 86400;
}

const char *pz_time_form_name(enum pz_time_form form)
{
    static const char *const names[] = { "seconds",
                                         "milliseconds",
                                         "microseconds",
                                         "nanoseconds",
                                         "ISO-8601",
                                         "YYYYMMDD",
                                         "dates with the day first",
                                         "dates with the month first",
                                         "the form given" };

    return names[form];
}
