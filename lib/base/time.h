/* SPDX-License-Identifier: Apache-2.0 */
/* Time: everything inside pz is whole Unix seconds, UTC.
 *
 * Threads: safe anywhere. */
#ifndef PZ_BASE_TIME_H
#define PZ_BASE_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a column of times is written. */
enum pz_time_form {
    PZ_TIME_SECONDS,
    PZ_TIME_MILLIS,
    PZ_TIME_MICROS,
    PZ_TIME_NANOS,
    PZ_TIME_ISO8601,
    PZ_TIME_YYYYMMDD,
    PZ_TIME_DAY_FIRST,   /* 29-01-2021, 29/01/21, 29.1.2021, perhaps with a clock */
    PZ_TIME_MONTH_FIRST, /* 01/29/2021, 1/29/21 */
    PZ_TIME_NAMED,       /* January 29, 2021; 29-JAN-21; Fri, 29 Jan 2021 07:01:00 +0100 */
    PZ_TIME_DAYS,        /* of a spreadsheet: since 30 December 1899, with fractions */
    PZ_TIME_GIVEN,       /* by a strptime format: pz_time_parse_as */
    PZ_N_TIME_FORMS
};

/* Whether a number is a time of the year 9999 in milliseconds, which stands for ever; in
 * microseconds it would be one of a night of 1978. Threads: any */
static inline bool pz_time_is_forever(double x)
{
    return x >= 253370764800e3 && x < 253402300800e3;
}

/* The form one value looks like: eight digits that are a date of 1900 to 2099, 2999 or 9999,
 * YYYYMMDD; other whole or decimal numbers by magnitude (|x| < 1e11 seconds, < 1e14, and the year
 * 9999, milliseconds, < 1e17 microseconds, else nanoseconds), else ISO-8601, else a date whose day
 * or month stands first, else one with the name of the month in English. False when it is none of
 * them, or when day, month and year could change places. Threads: any */
bool pz_time_guess(const char *s, size_t n, enum pz_time_form *form);

enum { PZ_TIME_DAY_CAN = 1, PZ_TIME_MONTH_CAN = 2, PZ_TIME_YEAR_CAN = 4 };

/* In which orders a value is a date of three numbers, of which the year is not one of four digits
 * in front: bits. "29.01.2021" is read day first only, and only of a year of two digits can it be
 * that it stands first. Threads: any */
unsigned pz_time_orders(const char *s, size_t n);

/* Parse n bytes in the given form to Unix seconds (fractions are floored, those of days rounded).
 * ISO-8601: YYYY-MM-DD, YYYY/M/D, YYYY.MM.DD or YYYYMMDDT..., optionally [T ]HH[:MM[:SS[.fff]]] and
 * Z, UTC, GMT, EST and other zones of RFC 2822, or +-HH[:]MM (UTC when missing). Other dates may
 * have a clock of 12 hours with AM or PM; a year of two digits is one of 1969 to 2068.
 * False when malformed. Threads: any */
bool pz_time_parse(const char *s, size_t n, enum pz_time_form form, int64_t *seconds);

/* Parse n bytes, all of them, by a strptime format; UTC unless it has %z. Threads: any */
bool pz_time_parse_as(const char *s, size_t n, const char *format, int64_t *seconds);

/* "2026-11-24T06:30:00Z" into buf of at least 32 bytes.
 * Owner: returns buf, the caller's. */
char *pz_time_format(int64_t seconds, char *buf);

/* "30d", "12h", "90m", "45s", "2w" or plain seconds to seconds; false when malformed. */
bool pz_time_duration(const char *s, int64_t *seconds);

/* The current time in Unix seconds; the environment variable SOURCE_DATE_EPOCH, when set, replaces
 * it so that runs can be repeated. */
int64_t pz_time_now(void);

/* The latest time that an event may have, a day from now: what is dated beyond it is of a wrong
 * clock, and not what is newest. */
int64_t pz_time_latest(void);

/* Seconds of a clock that never goes back, from some moment on: for differences. */
double pz_time_clock(void);

/* Wait for so many seconds >= 0, or until a signal is caught. Threads: any */
void pz_time_rest(double seconds);

/* The form that --time-format calls so: seconds, milliseconds, microseconds, nanoseconds, iso,
 * yyyymmdd, day-first, month-first, named, days. False: none. Threads: any */
bool pz_time_form_called(const char *name, enum pz_time_form *form);

/* A name for the form ("seconds", "milliseconds", ...).
 * Owner: nobody, it is a constant. */
const char *pz_time_form_name(enum pz_time_form form);

#endif
