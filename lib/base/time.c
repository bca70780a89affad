/* SPDX-License-Identifier: Apache-2.0 */
/* Time: see time.h. Dates are turned into days by the civil-calendar formula of H. Hinnant
 * ("chrono-compatible low-level date algorithms"), which needs no tables and no time zone. */
#include "base/time.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/str.h"

static int64_t days_from_civil(int64_t y, int m, int d)
{
    int64_t era, yoe, doy;

    y -= m <= 2;
    era = (y >= 0 ? y : y - 399) / 400;
    yoe = y - era * 400;
    doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

bool pz_time_guess(const char *s, size_t n, enum pz_time_form *form)
{
    double x;
    int64_t ignored;

    if (pz_str_to_double(s, n, &x)) {
        x = fabs(x);
        *form = x < 1e11   ? PZ_TIME_SECONDS
                : x < 1e14 ? PZ_TIME_MILLIS
                : x < 1e17 ? PZ_TIME_MICROS
                           : PZ_TIME_NANOS;
        return true;
    }
    *form = PZ_TIME_ISO8601;
    return pz_time_parse(s, n, PZ_TIME_ISO8601, &ignored);
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

static bool take_zone(const char **s, const char *end, int64_t *offset_s)
{
    int sign, h, m = 0;

    *offset_s = 0;
    if (*s == end || take_char(s, end, 'Z') || take_char(s, end, 'z'))
        return true;
    sign = **s == '-' ? -1 : **s == '+' ? 1 : 0;
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
    *offset_s = sign * (h * 3600 + m * 60);
    return h <= 23 && m <= 59;
}

static bool take_clock(const char **s, const char *end, int64_t *seconds)
{
    int h, m, sec = 0;

    if (!take_digits(s, end, 2, &h) || !take_char(s, end, ':') || !take_digits(s, end, 2, &m))
        return false;
    if (take_char(s, end, ':')) {
        if (!take_digits(s, end, 2, &sec))
            return false;
        if (take_char(s, end, '.') || take_char(s, end, ','))
            while (*s < end && **s >= '0' && **s <= '9')
                (*s)++;
    }
    *seconds = h * 3600 + m * 60 + sec;
    return h <= 23 && m <= 59 && sec <= 60;
}

static bool parse_iso(const char *s, size_t n, int64_t *seconds)
{
    static const int month_days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    const char *end = s + n;
    int y, mo, d;
    int64_t clock = 0, offset = 0;

    if (!take_digits(&s, end, 4, &y) || !take_char(&s, end, '-') || !take_digits(&s, end, 2, &mo) ||
        !take_char(&s, end, '-') || !take_digits(&s, end, 2, &d))
        return false;
    if (mo < 1 || mo > 12 || d < 1 || d > month_days[mo - 1])
        return false;
    if (mo == 2 && d == 29 && (y % 4 != 0 || (y % 100 == 0 && y % 400 != 0)))
        return false;
    if (s < end) {
        if (!take_char(&s, end, 'T') && !take_char(&s, end, 't') && !take_char(&s, end, ' '))
            return false;
        if (!take_clock(&s, end, &clock) || !take_zone(&s, end, &offset))
            return false;
    }
    *seconds = days_from_civil(y, mo, d) * 86400 + clock - offset;
    return s == end;
}

bool pz_time_parse(const char *s, size_t n, enum pz_time_form form, int64_t *seconds)
{
    static const double per_second[] = { 1, 1e3, 1e6, 1e9 };
    long long whole;
    double x;

    if (form == PZ_TIME_ISO8601)
        return parse_iso(s, n, seconds);
    if (pz_str_to_i64(s, n, &whole)) {
        int64_t unit = (int64_t)per_second[form], q = whole / unit;

        *seconds = whole % unit < 0 ? q - 1 : q;
        return true;
    }
    if (!pz_str_to_double(s, n, &x))
        return false;
    x = floor(x / per_second[form]);
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

int64_t pz_time_now(void)
{
    const char *fixed = getenv("SOURCE_DATE_EPOCH");
    long long seconds;

    if (fixed && pz_str_to_i64(fixed, strlen(fixed), &seconds))
        return seconds;
    return (int64_t)time(NULL);
}

const char *pz_time_form_name(enum pz_time_form form)
{
    static const char *const names[] = { "seconds", "milliseconds", "microseconds", "nanoseconds",
                                         "ISO-8601" };

    return names[form];
}
