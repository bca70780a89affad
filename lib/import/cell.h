/* SPDX-License-Identifier: Apache-2.0 */
/* Private to import/: cells become codes (mapping.h says what a code means), or a reason why they
 * cannot: NULL, or that reason as text that lives for ever (a predicate: "is empty"). n > 0.
 *
 * Threads: any: nothing is kept between calls. */
#ifndef PZ_IMPORT_CELL_H
#define PZ_IMPORT_CELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/opt.h"
#include "base/time.h"
#include "data/schema.h"
#include "text/row.h"

/* Why a cell is no time of any form that is known without being told. */
#define PZ_CELL_NO_TIME                                                \
    "is not a time (Unix seconds to nanoseconds, ISO-8601, a date of " \
    "numbers or with the name of the month)"

/* A time in the form of its column: Unix seconds between -1e11 and 1e11, sign bit turned over. A
 * number whose magnitude says another unit is refused; 0 is 0 in every unit.
 * Owner: nobody; the reason lives for ever */
const char *pz_encode_time(const char *s, size_t n, enum pz_time_form form, uint64_t *code);

/* The same by a strptime format.
 * Owner: nobody; the reason lives for ever */
const char *pz_encode_time_as(const char *s, size_t n, const char *format, uint64_t *code);

/* The Unix seconds of an encoded time. */
int64_t pz_decode_time(uint64_t code);

/* A finite number that fits a float, as the bits of the float. comma: 1,5 is 1.5. Blanks around it
 * do not count.
 * Owner: nobody; the reason lives for ever */
const char *pz_encode_value(const char *s, size_t n, bool comma, uint64_t *code);

/* A number of the field's type (int, long, float, double), as the bits of a double.
 * Owner: nobody; the reason lives for ever */
const char *pz_encode_number(const struct pz_field *f, const char *s, size_t n, bool comma,
                             uint64_t *code);

/* The same without a type: a decimal number in all its spellings. */
bool pz_cell_number(const char *s, size_t n, bool comma, double *x);

/* Whether a cell is MySQL's date of no day: 0000-00-00, with a time of zeros or without. */
bool pz_cell_is_no_day(const char *s, size_t n);

/* Whether a cell spells "no value", as pandas and databases write it: NaN, NULL, N/A, None, \N,
 * 0000-00-00 ... or, when spellings is not NULL, is one of them. */
bool pz_cell_is_null(const struct pz_strs *spellings, const char *s, size_t n);

/* true or false in any case, as the bits of 1.0 and 0.0.
 * Owner: nobody; the reason lives for ever */
const char *pz_encode_bool(const char *s, size_t n, uint64_t *code);

/* A decimal number, fast where it is short; the same value as pz_str_to_double in every case. */
bool pz_cell_decimal(const char *s, size_t n, double *x);

/* The next part of a list in brackets, of which s and end stand for the inside: what a pair of
 * quotes holds, its escapes unread, or what stands between commas. *s passes over it.
 * Owner: borrowed from s. Threads: any */
struct pz_cell pz_cell_bracketed(const char **s, const char *end);

/* The next part between separators, without blanks around it. *s passes over it.
 * Owner: borrowed from s. Threads: any */
struct pz_cell pz_cell_part(const char **s, const char *end, const char *separator);

#endif
