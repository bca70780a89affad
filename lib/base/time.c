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

/* A zone by its letters: those that RFC 2822 gives a meaning to. Others are several zones: IST is
 * of India, of Israel and of Ireland. */
static bool take_named_zone(const char **s, const char *end, int64_t *offset_s)
{
    static const struct {
        const char *name;
        int hours;
    } zones[] = { { "UTC", 0 },  { "GMT", 0 },  { "UT", 0 },   { "Z", 0 },
                  { "EST", -5 }, { "EDT", -4 }, { "CST", -6 }, { "CDT", -5 },
                  { "MST", -7 }, { "MDT", -6 }, { "PST", -8 }, { "PDT", -7 } };

    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++)
        if (take_word(s, end, zones[i].name)) {
            *offset_s = zones[i].hours * 3600;
            return true;
        }
    return false;
}

/* +HH, +HHMM or +HH:MM. */
static bool take_digits_zone(const char **s, const char *end, int64_t *offset_s)
{
    int sign = *s < end ? (**s == '-' ? -1 : **s == '+' ? 1 : 0) : 0, h, m = 0;

    if (sign == 0)
        return false;
    (*s)++;
    if (!take_digits(s, end, 2, &h))
        return false;
    if (*s < end && (**s == ':' || (**s >= '0' && **s <= '9'))) {
        take_char(s, end, ':');
        if (!take_digits(s, end, 2, &m))
            return false;
    }
    /* What stands east of Greenwich is ahead: it is subtracted. */
    *offset_s = sign * (h * 3600 + m * 60);
    return h <= 23 && m <= 59;
}

static bool take_zone(const char **s, const char *end, int64_t *offset_s)
{
    *offset_s = 0;
    if (*s == end || (take_named_zone(s, end, offset_s) && *s == end))
        return true;
    *s += **s == ' ';
    return take_digits_zone(s, end, offset_s);
}

/* AM or PM of a clock of twelve hours; neither is fine. */
static bool take_half(const char **s, const char *end, int *h)
{
    bool am = take_word(s, end, "AM"), pm = !am && take_word(s, end, "PM");

    if (!am && !pm)
        return true;
    if (*h < 1 || *h > 12)
        return false;
    *h = *h % 12 + (pm ? 12 : 0);
    return true;
}

/* HH[:MM[:SS[.fff]]], or HHMM[SS] when basic; perhaps with AM or PM. */
static bool take_clock(const char **s, const char *end, bool basic, int64_t *seconds)
{
    const char *from = *s;
    int h, m = 0, sec = 0;

    if (!(basic ? take_digits(s, end, 2, &h) : take_short(s, end, &h)))
        return false;
    if (basic || take_char(s, end, ':')) {
        if (!take_digits(s, end, 2, &m))
            return false;
    } else if (*s < from + 2) {
        return false; /* an hour alone has two digits */
    }
    if (basic ? *s < end && **s >= '0' && **s <= '9' : take_char(s, end, ':')) {
        if (!take_digits(s, end, 2, &sec))
            return false;
        if (take_char(s, end, '.') || take_char(s, end, ','))
            while (*s < end && **s >= '0' && **s <= '9')
                (*s)++;
    }
    if (!take_half(s, end, &h))
        return false;
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
    separator = s < end && (*s == '-' || *s == '/' || *s == '.') ? *s : '\0';
    s += separator != '\0';
    if (separator ? !take_short(&s, end, &mo) || !take_char(&s, end, separator) ||
                        !take_short(&s, end, &d)
                  : !take_digits(&s, end, 2, &mo) || !take_digits(&s, end, 2, &d) || s == end)
        return false;
    if (!is_date(y, mo, d))
        return false;
    return finish_date(s, end, !separator, days_from_civil(y, mo, d), seconds);
}

/* YYYYMMDD, with hours and minutes, or seconds too, behind it: 12 digits would be milliseconds of
 * the seventies, 14 milliseconds of a time to come. 2999 and 9999 stand for ever. */
static bool parse_yyyymmdd(const char *s, size_t n, int64_t *seconds)
{
    const char *end = s + n;
    int y, mo, d, h = 0, mi = 0, sec = 0;

    if ((n != 8 && n != 12 && n != 14) || !take_digits(&s, end, 4, &y) ||
        !take_digits(&s, end, 2, &mo) || !take_digits(&s, end, 2, &d) || y < 1900 ||
        (y > 2099 && y != 2999 && y != 9999) || !is_date(y, mo, d))
        return false;
    if (n > 8 && (!take_digits(&s, end, 2, &h) || !take_digits(&s, end, 2, &mi) ||
                  (n == 14 && !take_digits(&s, end, 2, &sec)) || h > 23 || mi > 59 || sec > 60))
        return false;
    *seconds = days_from_civil(y, mo, d) * 86400 + h * 3600 + mi * 60 + sec;
    return true;
}

/* A year of four digits, or of two as strptime has it. */
static bool take_year(const char **s, const char *end, int *y)
{
    const char *from = *s;

    if (take_digits(s, end, 4, y))
        return true;
    *s = from;
    if (!take_digits(s, end, 2, y))
        return false;
    *y += *y < 69 ? 2000 : 1900;
    return true;
}

/* D-M-YYYY, M/D/YYYY and the like, or with a year of two digits, also YY-M-D. */
static bool parse_ordered(const char *s, size_t n, unsigned order, int64_t *seconds)
{
    const char *end = s + n;
    int a, b, c, y, mo, d;
    char separator;
    bool two;

    if (!take_short(&s, end, &a) || s == end || !strchr("-/.", *s) || !*s)
        return false;
    separator = *s++;
    if (separator == '.' && order != PZ_TIME_DAY_CAN)
        return false;
    if (!take_short(&s, end, &b) || !take_char(&s, end, separator))
        return false;
    two = end - s >= 2 && (end - s == 2 || s[2] < '0' || s[2] > '9');
    if (order == PZ_TIME_YEAR_CAN ? !two || !take_digits(&s, end, 2, &c) : !take_year(&s, end, &c))
        return false;
    y = order == PZ_TIME_YEAR_CAN ? a + (a < 69 ? 2000 : 1900) : c;
    mo = order == PZ_TIME_MONTH_CAN ? a : b;
    d = order == PZ_TIME_DAY_CAN ? a : order == PZ_TIME_MONTH_CAN ? b : c;
    return is_date(y, mo, d) && finish_date(s, end, false, days_from_civil(y, mo, d), seconds);
}

unsigned pz_time_orders(const char *s, size_t n)
{
    int64_t ignored;
    unsigned can = 0;

    for (unsigned order = PZ_TIME_DAY_CAN; order <= PZ_TIME_YEAR_CAN; order *= 2)
        can |= parse_ordered(s, n, order, &ignored) ? order : 0;
    return can;
}

/* ---- dates with the name of the month ---- */

/* What was understood of such a date so far. 0 is no month, no day and no year. */
struct named {
    int year, month, day;
    bool has_clock, has_zone;
    int64_t clock, zone;
};

/* The number, from 1, of the name that a word is, or three letters or more of it; 0: none. */
static int find_word(const char *word, size_t n, const char *const *names, int n_names)
{
    for (int i = 0; i < n_names && n >= 3; i++)
        if (n <= strlen(names[i]) && strncasecmp(word, names[i], n) == 0)
            return i + 1;
    return 0;
}

/* A word: a month, or one that says nothing. */
static bool take_name(const char **s, const char *end, struct named *d)
{
    static const char *const months[] = { "January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December" };
    static const char *const days[] = { "Monday", "Tuesday",  "Wednesday", "Thursday",
                                        "Friday", "Saturday", "Sunday" };
    const char *word = *s;
    size_t n = 0;
    int month;

    while (word + n < end && ((word[n] | 32) >= 'a' && (word[n] | 32) <= 'z'))
        n++;
    month = find_word(word, n, months, 12);
    if (month > 0 && d->month == 0)
        d->month = month;
    else if (d->has_clock && !d->has_zone)
        return d->has_zone = take_named_zone(s, end, &d->zone);
    else if (find_word(word, n, days, 7) == 0 &&
             !(n == 2 && (strncasecmp(word, "at", 2) == 0 || strncasecmp(word, "th", 2) == 0 ||
                          strncasecmp(word, "st", 2) == 0 || strncasecmp(word, "nd", 2) == 0 ||
                          strncasecmp(word, "rd", 2) == 0)))
        return false;
    *s = word + n;
    return true;
}

/* Oracle writes clocks with points: 07.01.00.000000 AM. */
static bool take_pointed(const char **s, const char *end, int64_t *seconds)
{
    int h, m, sec;

    if (!take_digits(s, end, 2, &h) || !take_char(s, end, '.') || !take_digits(s, end, 2, &m) ||
        !take_char(s, end, '.') || !take_digits(s, end, 2, &sec))
        return false;
    if (take_char(s, end, '.'))
        while (*s < end && **s >= '0' && **s <= '9')
            (*s)++;
    if (!take_half(s, end, &h))
        return false;
    *seconds = h * 3600 + m * 60 + sec;
    return h <= 23 && m <= 59 && sec <= 60;
}

/* A number: the clock, the day or the year. */
static bool take_number(const char **s, const char *end, struct named *d)
{
    const char *at = *s;
    size_t n = 0;
    char next;

    while (at + n < end && at[n] >= '0' && at[n] <= '9')
        n++;
    next = at + n < end ? at[n] : '\0';
    if (n <= 2 && next == ':' && !d->has_clock)
        return d->has_clock = take_clock(s, end, false, &d->clock);
    if (n == 2 && next == '.' && d->day && d->year && !d->has_clock)
        return d->has_clock = take_pointed(s, end, &d->clock);
    if (n <= 2 && d->day == 0)
        return take_short(s, end, &d->day) && d->day > 0;
    return (n == 2 || n == 4) && d->year == 0 && take_year(s, end, &d->year) && d->year > 0;
}

/* The words and numbers of a date in any order: "Oct 1, 2021, 7:01 PM", "01-OCT-21",
 * "Fri, 01 Oct 2021 07:01:00 +0200", "Fri Oct 1 07:01:00 UTC 2021", "01/Oct/2021:07:01:00 +0000".
 */
static bool parse_named(const char *s, size_t n, int64_t *seconds)
{
    const char *end = s + n;
    struct named d = { 0 };
    bool good = true;

    while (good && s < end) {
        if (*s == '(' && d.has_zone && end[-1] == ')')
            s = end; /* the name of the zone, which was given */
        else if ((*s == '+' || *s == '-') && d.has_clock && s + 1 < end && s[1] != ' ')
            good = d.has_zone = take_digits_zone(&s, end, &d.zone);
        else if (strchr(" ,-/:.", *s) && *s)
            s++;
        else if (*s >= '0' && *s <= '9')
            good = take_number(&s, end, &d);
        else
            good = take_name(&s, end, &d);
    }
    if (!good || d.month == 0 || d.day == 0 || d.year == 0 || !is_date(d.year, d.month, d.day))
        return false;
    *seconds = days_from_civil(d.year, d.month, d.day) * 86400 + d.clock - d.zone;
    return true;
}

bool pz_time_guess(const char *s, size_t n, enum pz_time_form *form)
{
    double x;
    int64_t ignored;
    unsigned order;

    *form = PZ_TIME_YYYYMMDD;
    if (parse_yyyymmdd(s, n, &ignored))
        return true;
    if (pz_str_to_double(s, n, &x)) {
        /* Seconds reach 1e11 in the year 5138; milliseconds begin there at 3 March 1973,
         * microseconds likewise. Data of recommenders have no times in between, so the magnitude
         * tells the unit. */
        x = fabs(x);
        *form = x < 1e11                            ? PZ_TIME_SECONDS
                : x < 1e14 || pz_time_is_forever(x) ? PZ_TIME_MILLIS
                : x < 1e17                          ? PZ_TIME_MICROS
                                                    : PZ_TIME_NANOS;
        return true;
    }
    *form = PZ_TIME_ISO8601;
    if (parse_iso(s, n, &ignored))
        return true;
    order = pz_time_orders(s, n);
    *form = order == PZ_TIME_DAY_CAN     ? PZ_TIME_DAY_FIRST
            : order == PZ_TIME_MONTH_CAN ? PZ_TIME_MONTH_FIRST
                                         : PZ_TIME_NAMED;
    return *form != PZ_TIME_NAMED || (order == 0 && parse_named(s, n, &ignored));
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

/* Of a spreadsheet: days since 30 December 1899, 25,569 of them before 1970. A second is 1.2e-5 of
 * a day, and files have five digits of it. */
static bool parse_days(const char *s, size_t n, int64_t *seconds)
{
    double x;

    if (!pz_str_to_double(s, n, &x) || x < 0 || x > 1e6)
        return false;
    *seconds = llround((x - 25569) * 86400);
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
    if (form == PZ_TIME_DAY_FIRST || form == PZ_TIME_MONTH_FIRST)
        return parse_ordered(s, n, form == PZ_TIME_DAY_FIRST ? PZ_TIME_DAY_CAN : PZ_TIME_MONTH_CAN,
                             seconds);
    if (form == PZ_TIME_NAMED)
        return parse_named(s, n, seconds);
    if (form == PZ_TIME_DAYS)
        return parse_days(s, n, seconds);
    if (form == PZ_TIME_GIVEN)
        return false;
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

void pz_time_rest(double seconds)
{
    time_t whole = (time_t)seconds;

    nanosleep(&(struct timespec){ whole, (long)((seconds - (double)whole) * 1e9) }, NULL);
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

bool pz_time_form_called(const char *name, enum pz_time_form *form)
{
    static const char *const called[] = { "seconds", "milliseconds", "microseconds", "nanoseconds",
                                          "iso",     "yyyymmdd",     "day-first",    "month-first",
                                          "named",   "days" };

    for (size_t i = 0; i < sizeof called / sizeof *called; i++)
        if (strcmp(name, called[i]) == 0) {
            *form = (enum pz_time_form)i;
            return true;
        }
    return false;
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
                                         "dates with the name of the month",
                                         "days of a spreadsheet",
                                         "the form given" };

    return names[form];
}
