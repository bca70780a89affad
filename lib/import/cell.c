/* SPDX-License-Identifier: Apache-2.0 */
/* Cells: see cell.h. A reason is a constant string, so that a bad cell costs nothing until it is
 * told.
 *
 * A decimal of at most 15 digits is a whole number below 2^53 divided by a power of ten up to
 * 10^15: both are exact in a double, so one division rounds correctly (Clinger, PLDI 1990).
 * Whatever is longer, or has an exponent, goes the slow way of pz_str_to_double, and gives the
 * same value. */
#include "import/cell.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/number.h"
#include "base/str.h"
#include "data/attrs.h"

static const uint64_t sign_bit = (uint64_t)1 << 63;

enum { MAX_DIGITS = 15 };

bool pz_cell_decimal(const char *s, size_t n, double *x)
{
    static const double power[MAX_DIGITS + 1] = { 1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                  1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15 };
    size_t i = n > 0 && s[0] == '-', digits = 0, behind = 0;
    bool point = false;
    int64_t whole = 0;

    /* One digit too many is read, so that the test below sees that there is one; 16 digits fit an
     * int64_t. */
    for (; i < n && digits <= MAX_DIGITS; i++) {
        if (s[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (s[i] < '0' || s[i] > '9')
            break;
        whole = whole * 10 + (s[i] - '0');
        digits++;
        behind += point;
    }
    if (i < n || digits == 0 || digits > MAX_DIGITS || (point && behind == 0))
        return pz_str_to_double(s, n, x);
    *x = (double)whole / power[behind];
    if (s[0] == '-')
        *x = -*x;
    return true;
}

bool pz_cell_number(const char *s, size_t n, bool comma, double *x)
{
    char text[64];
    char *at;

    if (pz_cell_decimal(s, n, x))
        return true;
    while (n > 0 && *s == ' ') {
        s++;
        n--;
    }
    while (n > 0 && s[n - 1] == ' ')
        n--;
    /* 1.234,5 has both: which of them separates thousands is anybody's guess, so it is no number.
     */
    if (!comma || n >= sizeof text || memchr(s, '.', n))
        return pz_cell_decimal(s, n, x);
    memcpy(text, s, n);
    at = memchr(text, ',', n);
    if (at)
        *at = '.';
    return pz_cell_decimal(text, n, x);
}

bool pz_cell_is_no_day(const char *s, size_t n)
{
    static const char zero[] = "0000-00-00";
    size_t at = sizeof zero - 1;

    if (n < at || memcmp(s, zero, at) != 0)
        return false;
    while (at < n && (s[at] == '0' || strchr(" T:.Z", s[at])))
        at++;
    return at == n;
}

bool pz_cell_is_null(const struct pz_strs *spellings, const char *s, size_t n)
{
    static const char *const pandas[] = { "NaN",      "nan",     "NULL",   "null",     "<null>",
                                          "None",     "N/A",     "n/a",    "NA",       "<NA>",
                                          "#N/A",     "#NA",     "-nan",   "-NaN",     "\\N",
                                          "#N/A N/A", "1.#QNAN", "1.#IND", "-1.#QNAN", "-1.#IND",
                                          "NaT" };
    size_t count = spellings ? spellings->n : sizeof pandas / sizeof *pandas;

    if (!spellings && pz_cell_is_no_day(s, n))
        return true;
    if (!spellings && s[0] != 'n' && s[0] != 'N' && !memchr("<#-\\1", s[0], 5))
        return false;
    for (size_t i = 0; i < count; i++) {
        const char *one = spellings ? spellings->v[i] : pandas[i];

        if (one[0] == s[0] && strlen(one) == n && memcmp(one, s, n) == 0)
            return true;
    }
    return false;
}

/* Limits of |x| in each numeric form, by which pz_time_guess tells them apart, and its seconds. */
struct unit {
    int64_t from, below, per_second;
};

static const struct unit *unit_of(enum pz_time_form form)
{
    static const struct unit units[] = { { 0, 100000000000, 1 },
                                         { 100000000000, 100000000000000, 1000 },
                                         { 100000000000000, 100000000000000000, 1000000 },
                                         { 100000000000000000, INT64_MAX, 1000000000 } };

    return form <= PZ_TIME_NANOS ? &units[form] : NULL;
}

/* The reasons why a value of one form is no value of a column of another. */
#define LOOKS_LIKE(column)                                                        \
    {                                                                             \
        "looks like seconds, but the column is in " column,                       \
            "looks like milliseconds, but the column is in " column,              \
            "looks like microseconds, but the column is in " column,              \
            "looks like nanoseconds, but the column is in " column,               \
            "is ISO-8601, but the column is in " column,                          \
            "looks like YYYYMMDD, but the column is in " column,                  \
            "is a date with the day first, but the column is in " column,         \
            "is a date with the month first, but the column is in " column,       \
            "is a date with the name of the month, but the column is in " column, \
            "is a number, but the column is in " column, "is not a time"          \
    }

static const char *wrong_form(enum pz_time_form form, enum pz_time_form column)
{
    static const char *const looks[PZ_N_TIME_FORMS][PZ_N_TIME_FORMS] = {
        LOOKS_LIKE("seconds"),
        LOOKS_LIKE("milliseconds"),
        LOOKS_LIKE("microseconds"),
        LOOKS_LIKE("nanoseconds"),
        LOOKS_LIKE("ISO-8601"),
        LOOKS_LIKE("YYYYMMDD"),
        LOOKS_LIKE("dates with the day first"),
        LOOKS_LIKE("dates with the month first"),
        LOOKS_LIKE("dates with the name of the month"),
        LOOKS_LIKE("days of a spreadsheet"),
        LOOKS_LIKE("the form given"),
    };

    return looks[column][form];
}

/* 2021-01-29 07:01:00 Europe/Berlin */
static bool has_place(const char *s, size_t n)
{
    const char *blank = memrchr(s, ' ', n),
               *slash = blank ? memchr(blank, '/', n - (size_t)(blank - s)) : NULL;
    enum pz_time_form form;

    return slash && pz_time_guess(s, (size_t)(blank - s), &form);
}

static const char *slow_time(const char *s, size_t n, enum pz_time_form column, uint64_t *code)
{
    enum pz_time_form form;
    int64_t seconds;

    while (n > 0 && *s == ' ') {
        s++;
        n--;
    }
    while (n > 0 && s[n - 1] == ' ')
        n--;
    if (!pz_time_parse(s, n, column, &seconds)) {
        if (!pz_time_guess(s, n, &form))
            return has_place(s, n) ? "has the place of its zone behind it: take it away, then the "
                                     "times count as UTC (sed -E 's# [A-Z][A-Za-z]+/[A-Za-z_]+##g')"
                                   : PZ_CELL_NO_TIME;
        return form != column ? wrong_form(form, column) : "is not a time";
    }
    /* A number of another magnitude would be read as a time centuries away. 0 means 1970 in every
     * unit. */
    if (column <= PZ_TIME_NANOS && pz_time_guess(s, n, &form) && form != column &&
        !(n == 1 && s[0] == '0'))
        return wrong_form(form, column);
    if (seconds >= 100000000000 || seconds <= -100000000000)
        return "is a time out of range";
    *code = (uint64_t)seconds ^ sign_bit;
    return NULL;
}

/* Eight digits at once: tens, hundreds and ten thousands are joined pairwise (Lemire, "Quickly
 * parsing eight digits", 2018). False: not all are digits. Little-endian, as all of pz is. */
static inline bool eight_digits(const char *s, int64_t *x)
{
    uint64_t v;

    memcpy(&v, s, sizeof v);
    if (((v & 0xf0f0f0f0f0f0f0f0) | ((v + 0x0606060606060606) & 0xf0f0f0f0f0f0f0f0) >> 4) !=
        0x3333333333333333)
        return false;
    v = (v & 0x0f0f0f0f0f0f0f0f) * 2561 >> 8;
    v = (v & 0x00ff00ff00ff00ff) * 6553601 >> 16;
    *x = (int64_t)((v & 0x0000ffff0000ffff) * 42949672960001 >> 32);
    return true;
}

const char *pz_encode_time(const char *s, size_t n, enum pz_time_form form, uint64_t *code)
{
    const struct unit *unit = unit_of(form);
    int64_t x = 0;

    /* 18 digits fit an int64_t, whatever they are. */
    if (!unit || n > 18 || (n >= 8 && !eight_digits(s, &x)))
        return slow_time(s, n, form, code);
    for (size_t i = n >= 8 ? 8 : 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return slow_time(s, n, form, code);
        x = x * 10 + (s[i] - '0');
    }
    /* Below 1e11 only seconds; the slow way says what it looks like instead. */
    if (x < unit->from || x >= unit->below)
        return slow_time(s, n, form, code);
    *code = (uint64_t)(unit->per_second == 1 ? x : x / unit->per_second) ^ sign_bit;
    return NULL;
}

const char *pz_encode_time_as(const char *s, size_t n, const char *format, uint64_t *code)
{
    int64_t seconds;

    if (!pz_time_parse_as(s, n, format, &seconds))
        return "is not a time of the form given with --time-format";
    *code = (uint64_t)seconds ^ sign_bit;
    return NULL;
}

int64_t pz_decode_time(uint64_t code)
{
    return (int64_t)(code ^ sign_bit);
}

/* Told apart for the message only: is it written like a number? */
static const char *no_number(const char *s, size_t n)
{
    size_t digits = 0;

    if (n > 4 && memchr(s, ',', n) && s[0] >= '0' && s[0] <= '9')
        return "is not a number (it has a comma: thousands are not separated, and a decimal comma "
               "needs cells separated by ';')";
    for (size_t i = 0; i < n; i++) {
        if (!strchr("0123456789+-.eE", s[i]) || s[i] == '\0')
            return "is not a number";
        digits += s[i] >= '0' && s[i] <= '9';
    }
    return digits > 0 ? "is a number out of range" : "is not a number";
}

const char *pz_encode_value(const char *s, size_t n, bool comma, uint64_t *code)
{
    double x;
    float narrow;
    uint32_t bits;

    if (!pz_cell_number(s, n, comma, &x))
        return no_number(s, n);
    if (fabs(x) > (double)FLT_MAX)
        return "is a number out of range of a float";
    narrow = x == 0 ? 0 : (float)x; /* one zero, without a sign */
    memcpy(&bits, &narrow, sizeof bits);
    *code = bits;
    return NULL;
}

const char *pz_encode_number(const struct pz_field *f, const char *s, size_t n, bool comma,
                             uint64_t *code)
{
    const char *why;
    double x;

    if (!pz_cell_number(s, n, comma, &x))
        return no_number(s, n);
    if ((why = pz_number_misfit(f->whole, f->wide, x)))
        return why;
    if (!f->whole && !f->wide)
        x = pz_as_float(x);
    if (x == 0)
        x = 0;
    memcpy(code, &x, sizeof *code);
    return NULL;
}

const char *pz_encode_bool(const char *s, size_t n, uint64_t *code)
{
    bool truth;
    double x;

    if (!pz_str_to_bool(s, n, &truth))
        return "is neither true nor false";
    x = truth;
    memcpy(code, &x, sizeof *code);
    return NULL;
}

/* ---- lists ---- */

struct pz_cell pz_cell_bracketed(const char **s, const char *end)
{
    const char *from = *s, *stop;

    while (from < end && (*from == ' ' || *from == ','))
        from++;
    if (from < end && (*from == '"' || *from == '\'')) {
        char quote = *from++;

        /* As Python and JSON print lists. */
        for (stop = from; stop < end && *stop != quote; stop++)
            stop += *stop == '\\' && stop + 1 < end;
        *s = stop + (stop < end);
        return (struct pz_cell){ from, (size_t)(stop - from) };
    }
    for (stop = from; stop < end && *stop != ','; stop++)
        continue;
    *s = stop;
    while (stop > from && stop[-1] == ' ')
        stop--;
    return (struct pz_cell){ from, (size_t)(stop - from) };
}

struct pz_cell pz_cell_part(const char **s, const char *end, const char *separator)
{
    size_t n = strlen(separator);
    const char *found = memmem(*s, (size_t)(end - *s), separator, n), *stop = found ? found : end;
    struct pz_cell part = { *s, (size_t)(stop - *s) };

    *s = found ? found + n : end;
    pz_str_trim(&part.s, &part.n);
    return part;
}
