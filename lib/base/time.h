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
    PZ_TIME_DAY_FIRST,   /* 29-01-2021, 29/01/2021, 29.1.2021, perhaps with a clock */
    PZ_TIME_MONTH_FIRST, /* 01/29/2021 */
    PZ_TIME_GIVEN,       /* by a strptime format: pz_time_parse_as */
    PZ_N_TIME_FORMS
};

/* The form one value looks like: eight digits that are a date of 1900 to 2099 YYYYMMDD, other whole
 * or decimal numbers by magnitude (|x| < 1e11 seconds, < 1e14 milliseconds, < 1e17 microseconds,
 * else nanoseconds), else ISO-8601, else a date whose day or month stands first. False when it is
 * none of them, or when day and month could change places. Threads: any */
bool pz_time_guess(const char *s, size_t n, enum pz_time_form *form);

/* Whether a value is a date that can be read day first, and month first. "29.01.2021" is never read
 * month first. Threads: any */
void pz_time_day_month(const char *s, size_t n, bool *day_first, bool *month_first);

/* Parse n bytes in the given form to Unix seconds (fractions are floored). ISO-8601: YYYY-MM-DD,
 * YYYY/MM/DD or YYYYMMDDT..., optionally [T ]HH:MM[:SS[.fff]] and Z, UTC, GMT or +-HH[:]MM (UTC
 * when missing). Dates with the day or month first may have a clock of 12 hours with AM or PM.
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

/* A name for the form ("seconds", "milliseconds", ...).
 * Owner: nobody, it is a constant. */
const char *pz_time_form_name(enum pz_time_form form);

#endif
