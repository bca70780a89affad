/* SPDX-License-Identifier: Apache-2.0 */
/* Inference of column types: see infer.h.
 *
 * Only distinct cells are looked at, in one pass that counts what each looks like; the counts then
 * decide. A column of dates needs all its cells to be dates of one form. A list between commas is
 * told from a text with commas by its parts: at least half of them come more than once, and some
 * stand alone in a cell ("Comedy, Drama" beside "Drama"), which the parts of "American President,
 * The" do not. A column with at least nine numbers in ten distinct cells is one of numbers with
 * strays, and so is one with a single other cell; one of times has a single other cell. They stay
 * texts, but the stray is named. */
#include "import/infer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"
#include "import/cell.h"

/* The mean bytes of a part, at most: longer ones are clauses of sentences, not labels. */
enum { PART_BYTES = 30 };

struct sums {
    bool all_bool;
    uint64_t with_bar, bytes, blanks, commas, brackets;
    uint64_t numbers, signs, wholes, times[PZ_N_TIME_FORMS], day_first, month_first, year_first;
    uint32_t n_strays, stray;
};

/* Only the words: a column of Y and N, or of 0 and 1, may mean something else. */
static bool is_bool(const char *s, size_t n)
{
    return pz_str_same_word(s, n, "true", 4) || pz_str_same_word(s, n, "false", 5);
}

/* A whole number that a double rounds is an id, not a quantity; so is one with leading zeros, such
 * as a postal code. */
static bool is_number(const char *s, size_t n, bool comma, bool *whole)
{
    double x;
    size_t sign = n > 0 && (s[0] == '-' || s[0] == '+'), digits = 0;

    if (!pz_cell_number(s, n, comma, &x))
        return false;
    while (sign + digits < n && s[sign + digits] >= '0' && s[sign + digits] <= '9')
        digits++;
    *whole = sign + digits == n;
    if (digits > 1 && s[sign] == '0')
        return false;
    return !*whole || fabs(x) <= 0x1p53;
}

/* A sign of money or percent at the start or end of n bytes; the bytes that it has, or 0. */
static size_t sign_at(const char *s, size_t n, bool end)
{
    static const char *const signs[] = { "$", "%", "€", "£", "¥", "EUR", "USD", "GBP", "CHF" };

    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        size_t len = strlen(signs[i]);

        if (len < n && memcmp(end ? s + n - len : s, signs[i], len) == 0)
            return len;
    }
    return 0;
}

/* A number as people write it and pz does not read it: "$ 9.50", "20%", "9,50", "1,234.5". */
static bool has_sign(const char *s, size_t n)
{
    size_t front = sign_at(s, n, false), back = sign_at(s + front, n - front, true), commas = 0;
    bool digit = false;

    for (size_t i = front; i < n - back; i++) {
        digit |= s[i] >= '0' && s[i] <= '9';
        commas += s[i] == ',';
        if (!memchr("0123456789,. -", s[i], 14))
            return false;
    }
    return digit && (front + back > 0 || commas == 1);
}

bool pz_infer_is_brackets(const char *s, size_t n)
{
    return n >= 2 && s[0] == '[' && s[n - 1] == ']';
}

static void add_time(struct sums *sums, const char *s, size_t n)
{
    enum pz_time_form form;
    unsigned can;

    /* The shortest dates have 6 bytes (1/1/24); the longest form far fewer than 40. */
    if (n < 6 || n > 40)
        return;
    if (pz_time_guess(s, n, &form) && (form < PZ_TIME_DAY_FIRST || form == PZ_TIME_NAMED)) {
        sums->times[form]++;
        return;
    }
    can = pz_time_orders(s, n);
    sums->day_first += (can & PZ_TIME_DAY_CAN) != 0;
    sums->month_first += (can & PZ_TIME_MONTH_CAN) != 0;
    sums->year_first += (can & PZ_TIME_YEAR_CAN) != 0;
}

static void add_cell(struct sums *sums, const struct pz_infer_cfg *cfg, uint32_t i, const char *s,
                     size_t n)
{
    bool whole = false, number = is_number(s, n, cfg->comma, &whole);

    sums->all_bool = sums->all_bool && is_bool(s, n);
    sums->numbers += number;
    sums->signs += cfg->is_import && !number && has_sign(s, n);
    sums->wholes += whole;
    if (!number && sums->n_strays++ == 0)
        sums->stray = i;
    sums->with_bar += memchr(s, '|', n) != NULL;
    sums->commas += memchr(s, ',', n) != NULL;
    sums->brackets += pz_infer_is_brackets(s, n);
    sums->bytes += n;
    for (size_t k = 0; k < n; k++)
        sums->blanks += s[k] == ' ';
    if (cfg->is_import)
        add_time(sums, s, n);
}

/* ---- times ---- */

static bool speaks_of_time(const char *name)
{
    static const char *const words[] = { "date",  "time",  "expir", "created",  "updated",
                                         "since", "until", "birth", "released", "published" };
    size_t n = strlen(name);

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasestr(name, words[i]))
            return true;
    return n > 3 && strcasecmp(name + n - 3, "_at") == 0;
}

/* Whether all cells are times of one form; numbers only where the name says so. */
static bool find_times(const struct sums *sums, const char *name, uint64_t n,
                       enum pz_time_form *form)
{
    /* Plain seconds are left as the numbers that they are: nothing is won by calling them times. */
    for (int f = PZ_TIME_MILLIS; f <= PZ_TIME_YYYYMMDD; f++)
        if (sums->times[f] == n && (f == PZ_TIME_ISO8601 || speaks_of_time(name))) {
            *form = (enum pz_time_form)f;
            return true;
        }
    if (sums->times[PZ_TIME_NAMED] == n) {
        *form = PZ_TIME_NAMED;
        return true;
    }
    if (sums->day_first == n || sums->month_first == n) {
        *form = sums->day_first == n ? PZ_TIME_DAY_FIRST : PZ_TIME_MONTH_FIRST;
        /* Where every date can be read both ways the column stays a text: a guess would be wrong
         * half the time. */
        return sums->day_first != sums->month_first && sums->year_first < n;
    }
    return false;
}

static bool is_time_of(const char *s, size_t n, enum pz_time_form form)
{
    enum pz_time_form found;

    if (form < PZ_TIME_DAY_FIRST || form == PZ_TIME_NAMED)
        return pz_time_guess(s, n, &found) && found == form;
    return pz_time_orders(s, n) & (form == PZ_TIME_DAY_FIRST ? PZ_TIME_DAY_CAN : PZ_TIME_MONTH_CAN);
}

/* The one cell that keeps a column of times from being one. */
static void find_stray_time(const struct pz_field *field, const struct pz_dict *cells,
                            const struct sums *sums, struct pz_inferred *how)
{
    if (cells->n < 3 || !find_times(sums, field->name, cells->n - 1, &how->form))
        return;
    for (uint32_t i = 0; i < cells->n && how->n_strays == 0; i++) {
        size_t n;
        const char *s = pz_dict_get(cells, i, &n);

        if (!is_time_of(s, n, how->form)) {
            how->n_strays = 1;
            how->stray = i;
            how->stray_time = true;
        }
    }
}

/* ---- lists between commas ---- */

struct part {
    const char *s;
    size_t n;
    bool alone;
};

static int by_text(const void *x, const void *y)
{
    const struct part *a = x, *b = y;
    int order = memcmp(a->s, b->s, a->n < b->n ? a->n : b->n);

    return order ? order : a->n < b->n ? -1 : a->n > b->n;
}

static size_t cut_parts(const struct pz_dict *cells, struct part *part, uint64_t *bytes)
{
    size_t n = 0;

    for (uint32_t i = 0; i < cells->n; i++) {
        size_t len;
        const char *s = pz_dict_get(cells, i, &len), *end = s + len;
        bool alone = !memchr(s, ',', len);

        while (s < end) {
            const char *comma = memchr(s, ',', (size_t)(end - s)), *stop = comma ? comma : end;

            while (s < stop && *s == ' ')
                s++;
            if (part)
                part[n] = (struct part){ s, (size_t)(stop - s), alone };
            *bytes += (uint64_t)(stop - s);
            n++;
            s = stop + (comma != NULL);
        }
    }
    return n;
}

/* Whether cells with commas are lists. *perhaps: a part of one stands alone elsewhere, which titles
 * have too. */
static bool has_comma_lists(const struct sums *sums, const struct pz_dict *cells, bool *perhaps)
{
    uint64_t bytes = 0;
    size_t n = sums->commas >= 2 ? cut_parts(cells, NULL, &bytes) : 0, distinct = 0, shared = 0;
    struct part *part = n && bytes <= PART_BYTES * n ? pz_mem_array(n, sizeof *part) : NULL;

    if (!part)
        return false;
    cut_parts(cells, part, &bytes);
    qsort(part, n, sizeof *part, by_text);
    for (size_t i = 0, end; i < n; i = end) {
        bool alone = false, listed = false;

        for (end = i; end < n && by_text(&part[i], &part[end]) == 0; end++) {
            alone |= part[end].alone;
            listed |= !part[end].alone;
        }
        distinct++;
        shared += alone && listed;
    }
    free(part);
    *perhaps = shared > 0;
    return shared > 0 && distinct * 2 <= n;
}

static enum pz_attr_kind guess_string(const struct sums *sums, uint64_t n_cells, uint64_t n_rows,
                                      bool text)
{
    bool reads_as_text = sums->bytes >= 40 * n_cells && sums->blanks >= 4 * n_cells;
    /* Values that repeat: labels. What is different in nearly every row describes one thing. */
    bool few = n_cells < n_rows && (n_cells <= 50 || n_cells <= n_rows / 2);

    if (sums->with_bar * 2 >= n_cells)
        return PZ_ATTR_CATEGORY;
    if (reads_as_text)
        return text ? PZ_ATTR_TEXT : PZ_ATTR_STRING;
    if (sums->with_bar > 0 || (few && sums->bytes <= 40 * n_cells))
        return PZ_ATTR_CATEGORY;
    return PZ_ATTR_STRING;
}

static bool is_id_name(const char *name)
{
    size_t n = strlen(name);

    return n > 3 && (strcasecmp(name + n - 3, "_ID") == 0 || strcmp(name + n - 2, "Id") == 0);
}

static void infer_list(struct pz_field *field, const struct pz_dict *cells,
                       const struct pz_infer_cfg *cfg, const struct sums *sums,
                       struct pz_inferred *how)
{
    if (cfg->separator) {
        how->separator = cfg->separator;
        field->kind = PZ_ATTR_CATEGORY;
    } else if (cfg->is_import && sums->brackets == cells->n) {
        how->list = PZ_LIST_BRACKETS;
        field->kind = PZ_ATTR_CATEGORY;
    } else if (cfg->is_import && sums->with_bar == 0 &&
               has_comma_lists(sums, cells, &how->perhaps_list)) {
        how->separator = ",";
        field->kind = PZ_ATTR_CATEGORY;
    }
}

static void infer_number(struct pz_field *field, const struct sums *sums)
{
    field->kind = PZ_ATTR_NUMBER;
    field->whole = sums->wholes == sums->numbers;
    field->wide = true;
}

void pz_infer(struct pz_field *field, const struct pz_dict *cells, const struct pz_infer_cfg *cfg,
              struct pz_inferred *how)
{
    struct sums sums = { .all_bool = true };
    struct pz_inferred ignored = { .n_strays = 0 };

    how = how ? how : &ignored;
    *how = (struct pz_inferred){ .separator = "|" };
    field->kind = PZ_ATTR_STRING;
    field->whole = field->wide = false;
    if (cells->n == 0 ||
        (!cfg->number && !cfg->separator &&
         (is_id_name(field->name) || pz_str_same_name(field->name, "EVENT_ATTRIBUTION_SOURCE"))))
        return;
    for (uint32_t i = 0; i < cells->n; i++) {
        size_t n;
        const char *s = pz_dict_get(cells, i, &n);

        add_cell(&sums, cfg, i, s, n);
    }
    how->stray = sums.stray;
    if (!cfg->number && !cfg->separator && cfg->is_import &&
        find_times(&sums, field->name, cells->n, &how->form)) {
        how->is_time = true;
        field->kind = PZ_ATTR_NUMBER;
        field->whole = field->wide = true;
    } else if (sums.all_bool && !cfg->number && !cfg->separator) {
        field->kind = PZ_ATTR_BOOL;
    } else if (cfg->number || (sums.n_strays == 0 && !cfg->separator)) {
        infer_number(field, &sums);
        how->n_strays = sums.n_strays;
    } else {
        field->kind = guess_string(&sums, cells->n, cfg->n_rows, cfg->long_texts);
        infer_list(field, cells, cfg, &sums, how);
        /* Nine in ten, or all but one spelling: the column was meant to be numbers, and whoever
         * made it wants to know. */
        if (sums.numbers >= 9 * (uint64_t)sums.n_strays ||
            (sums.n_strays == 1 && sums.numbers >= 2))
            how->n_strays = sums.n_strays;
        else if (sums.numbers + sums.signs == cells->n)
            how->signs = true;
        else if (cfg->is_import && !cfg->separator)
            find_stray_time(field, cells, &sums, how);
    }
}
