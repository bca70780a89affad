/* SPDX-License-Identifier: Apache-2.0 */
/* Filter expressions, times: what a column holds, and what stands on the right, brought together.
 *
 * A right side is a time when NOW(), a duration or a quoted date is in it; it is then in Unix
 * seconds. Columns of times are written in four ways, and the values themselves say in which, when
 * all of them agree (0 is "never" in each):
 *
 *   seconds        6e8 <= |x| < 4.2e9: from 1989 to 2103
 *   milliseconds   1e11 <= |x| < 1e14: from 1973 on; in seconds these would be years after 5138;
 *                  and the year 9999, which stands for ever (in microseconds a night of 1978)
 *   microseconds   1e14 <= |x| < 1e17
 *   days           whole numbers YYYYMMDD that are dates from 1900 to 9999
 *
 * The right side is converted, never the column. A plain number on the right is converted only
 * where it is a time of another form than the column's, such as 20211001 against seconds (which is
 * what pz-import makes of columns of dates): a column that only looks like milliseconds, such as an
 * article number, keeps its values wherever it is compared with its like. Days become YYYYMMDD and
 * the fraction of the day that is over, so that order is kept. A column of texts that are dates,
 * which can be compared in no other way, becomes a column of seconds. */
#include <math.h>
#include <string.h>

#include "base/str.h"
#include "base/time.h"
#include "filter/ast.h"

enum { DAY_S = 86400 };
static const double year_10000 = 253402300800;

bool pz_filter_is_time(const struct pz_filter_expr *e)
{
    return e && (e->kind == PZ_EXPR_NOW || e->is_time || pz_filter_is_time(e->a) ||
                 pz_filter_is_time(e->b));
}

bool pz_filter_time(const char *s, size_t n, double *out)
{
    enum pz_time_form form;
    int64_t seconds;

    if (pz_str_to_double(s, n, out) || !pz_time_guess(s, n, &form) ||
        !pz_time_parse(s, n, form, &seconds))
        return false;
    *out = (double)seconds;
    return true;
}

/* ---- calendars: days since 1970-01-01 and YYYYMMDD (H. Hinnant, "chrono-compatible low-level date
 * algorithms") */
static int64_t day_number(int64_t date)
{
    int64_t month = date / 100 % 100, year = date / 10000 - (month <= 2), era = year / 400,
            of_era = year % 400, of_year = (153 * ((month + 9) % 12) + 2) / 5 + date % 100 - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int64_t date_of(int64_t day)
{
    int64_t z = day + 719468, era = (z >= 0 ? z : z - 146096) / 146097, of_era = z - era * 146097,
            year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365,
            of_year = of_era - (365 * year + year / 4 - year / 100),
            month = (5 * of_year + 2) / 153;

    return (year + era * 400 + (month >= 10)) * 10000 + (month < 10 ? month + 3 : month - 9) * 100 +
           of_year - (153 * month + 2) / 5 + 1;
}

static bool is_date(double x)
{
    return x >= 19000101 && x <= 99991231 && floor(x) == x &&
           date_of(day_number((int64_t)x)) == (int64_t)x;
}

/* ---- units */
static enum pz_filter_unit unit_of(double x)
{
    return is_date(x)                                                     ? PZ_UNIT_DAYS
           : (fabs(x) >= 1e11 && fabs(x) < 1e14) || pz_time_is_forever(x) ? PZ_UNIT_MILLIS
           : fabs(x) >= 1e14 && fabs(x) < 1e17                            ? PZ_UNIT_MICROS
           : fabs(x) >= 6e8 && fabs(x) < 4.2e9                            ? PZ_UNIT_SECONDS
                                                                          : PZ_UNIT_OTHER;
}

/* The unit that all values have; at once OTHER when two differ. */
static enum pz_filter_unit common_unit(const double *num, uint64_t n, enum pz_filter_unit unit)
{
    for (uint64_t i = 0; num && i < n && unit != PZ_UNIT_OTHER; i++) {
        enum pz_filter_unit one = isnan(num[i]) || num[i] == 0 ? unit : unit_of(num[i]);

        unit = unit == PZ_UNIT_UNKNOWN || one == unit ? one : PZ_UNIT_OTHER;
    }
    return unit;
}

static const struct pz_attrs *rows_of(const struct pz_filter *f, const struct pz_filter_column *col)
{
    return col->of_users ? &f->m->user_attrs : &f->m->item_attrs;
}

void pz_filter_find_unit(const struct pz_filter *f, struct pz_filter_column *col)
{
    const struct pz_overlay *over = col->of_users ? f->users : f->items;
    enum pz_filter_unit unit = PZ_UNIT_UNKNOWN;

    if (col->unit != PZ_UNIT_UNKNOWN)
        return;
    if (col->what == PZ_WHAT_TIME)
        unit = PZ_UNIT_SECONDS;
    if (col->what == PZ_WHAT_ATTR && col->area != PZ_AREA_EVENT) {
        if (col->attr)
            unit = common_unit(col->attr->num, rows_of(f, col)->n_rows, unit);
        if (col->over)
            unit = common_unit(col->over->num, over->attrs.n_rows, unit);
    }
    col->unit = unit == PZ_UNIT_UNKNOWN ? PZ_UNIT_OTHER : unit;
}

double pz_filter_to_unit(enum pz_filter_unit unit, double seconds)
{
    double day = floor(seconds / DAY_S);

    if (unit == PZ_UNIT_DAYS && fabs(seconds) < year_10000)
        return (double)date_of((int64_t)day) + (seconds - day * DAY_S) / DAY_S;
    return unit == PZ_UNIT_MILLIS   ? seconds * 1e3
           : unit == PZ_UNIT_MICROS ? seconds * 1e6
                                    : seconds;
}

double pz_filter_from_unit(enum pz_filter_unit unit, double x)
{
    if (unit == PZ_UNIT_DAYS && is_date(x))
        return (double)(day_number((int64_t)x) * DAY_S);
    return unit == PZ_UNIT_MILLIS ? x / 1e3 : unit == PZ_UNIT_MICROS ? x / 1e6 : x;
}

double pz_filter_plain_number(enum pz_filter_unit unit, double x)
{
    enum pz_filter_unit own = unit_of(x);

    if (own == PZ_UNIT_OTHER || unit == PZ_UNIT_OTHER || unit == PZ_UNIT_UNKNOWN || own == unit)
        return x;
    return pz_filter_to_unit(unit, pz_filter_from_unit(own, x));
}

/* ---- texts that are dates */
/* The times of a dictionary's texts, NaN for others; how many are times. */
static uint32_t read_times(const struct pz_dict *values, double *time)
{
    uint32_t n = 0;

    for (uint32_t v = 0; v < values->n; v++) {
        size_t len;
        const char *s = pz_dict_get(values, v, &len);
        bool is = pz_filter_time(s, len, &time[v]);

        n += is;
        if (!is)
            time[v] = NAN;
    }
    return n;
}

/* A column of numbers in place of one of texts; *out NULL: its texts are not dates, which at least
 * nine of ten must be. */
static enum pz_status as_numbers(struct pz_filter *f, const struct pz_attr *a, uint64_t n_rows,
                                 const struct pz_attr **out, struct pz_err *err)
{
    double *time = pz_arena_take(&f->arena, ((size_t)a->values.n + 1) * sizeof *time),
           *num = pz_arena_take(&f->arena, ((size_t)n_rows + 1) * sizeof *num);
    struct pz_attr *made = pz_arena_take(&f->arena, sizeof *made);

    *out = NULL;
    if (!time || !num || !made)
        return pz_err_memory(err, "a filter", 8.0 * (double)n_rows);
    if (a->values.n == 0 || read_times(&a->values, time) < a->values.n - a->values.n / 10)
        return PZ_OK;
    for (uint64_t i = 0; i < n_rows; i++)
        num[i] = a->ptr[i] < a->ptr[i + 1] ? time[a->code[a->ptr[i]]] : NAN;
    *made = *a;
    made->kind = PZ_ATTR_NUMBER;
    made->num = num;
    *out = made;
    return PZ_OK;
}

enum pz_status pz_filter_text_times(struct pz_filter *f, struct pz_filter_column *col,
                                    struct pz_err *err)
{
    const struct pz_overlay *rows = col->of_users ? f->users : f->items;
    const struct pz_attr *attr = NULL, *over = NULL;
    enum pz_status st = PZ_OK;

    if (col->what != PZ_WHAT_ATTR || col->area == PZ_AREA_EVENT || pz_filter_is_number(col))
        return PZ_OK;
    if (col->attr)
        st = as_numbers(f, col->attr, rows_of(f, col)->n_rows, &attr, err);
    if (st == PZ_OK && col->over)
        st = as_numbers(f, col->over, rows->attrs.n_rows, &over, err);
    if (st != PZ_OK || (!attr && (col->attr || !over)))
        return st;
    col->attr = attr;
    col->over = over ? over : col->over; /* rows are read one by one: texts do, too */
    col->kind = PZ_ATTR_NUMBER;
    return PZ_OK;
}
