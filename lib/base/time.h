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
    PZ_TIME_ISO8601
};

/* The form one value looks like: whole or decimal numbers by magnitude (|x| < 1e11 seconds, < 1e14
 * milliseconds, < 1e17 microseconds, else nanoseconds), else ISO-8601. False when it is neither. */
bool pz_time_guess(const char *s, size_t n, enum pz_time_form *form);

/* Parse n bytes in the given form to Unix seconds (fractions are floored). ISO-8601: YYYY-MM-DD,
 * optionally [T ]HH:MM[:SS[.fff]] and Z or +-HH[:]MM (UTC when missing). False when malformed. */
bool pz_time_parse(const char *s, size_t n, enum pz_time_form form, int64_t *seconds);

/* "2026-11-24T06:30:00Z" into buf of at least 32 bytes.
 * Owner: returns buf, the caller's. */
char *pz_time_format(int64_t seconds, char *buf);

/* "30d", "12h", "90m", "45s", "2w" or plain seconds to seconds; false when malformed. */
bool pz_time_duration(const char *s, int64_t *seconds);

/* The current time in Unix seconds; the environment variable SOURCE_DATE_EPOCH, when set, replaces
 * it so that runs can be repeated. */
int64_t pz_time_now(void);

/* A name for the form ("seconds", "milliseconds", ...).
 * Owner: nobody, it is a constant. */
const char *pz_time_form_name(enum pz_time_form form);

#endif
