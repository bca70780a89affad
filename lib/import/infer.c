/* SPDX-License-Identifier: Apache-2.0 */
/* Inference of column types: see pz_schema_infer in schema.h. Only distinct cells are looked at. */
#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "data/schema.h"

struct sums {
    bool all_bool, all_number, all_whole;
    uint64_t with_bar, bytes, blanks;
};

static bool is_bool(const char *s, size_t n)
{
    return (n == 4 && strncasecmp(s, "true", 4) == 0) ||
           (n == 5 && strncasecmp(s, "false", 5) == 0);
}

/* A whole number that a double rounds is an id, not a quantity; so is one with leading zeros, such
 * as a postal code. */
static bool is_number(const char *s, size_t n, bool *whole)
{
    double x;
    size_t sign = n > 0 && (s[0] == '-' || s[0] == '+'), digits = 0;

    if (!pz_str_to_double(s, n, &x))
        return false;
    while (sign + digits < n && s[sign + digits] >= '0' && s[sign + digits] <= '9')
        digits++;
    *whole = sign + digits == n;
    if (digits > 1 && s[sign] == '0')
        return false;
    return !*whole || fabs(x) <= 0x1p53;
}

static void add_cell(struct sums *sums, const char *s, size_t n)
{
    bool whole = false;

    sums->all_bool = sums->all_bool && is_bool(s, n);
    sums->all_number = sums->all_number && is_number(s, n, &whole);
    sums->all_whole = sums->all_whole && whole;
    sums->with_bar += memchr(s, '|', n) != NULL;
    sums->bytes += n;
    for (size_t i = 0; i < n; i++)
        sums->blanks += s[i] == ' ';
}

static enum pz_attr_kind guess_string(const struct sums *sums, uint64_t n_cells, uint64_t n_rows,
                                      bool text)
{
    bool reads_as_text = sums->bytes >= 40 * n_cells && sums->blanks >= 4 * n_cells;
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

void pz_schema_infer(struct pz_field *field, const struct pz_dict *cells, uint64_t n_rows,
                     bool text)
{
    struct sums sums = { .all_bool = true, .all_number = true, .all_whole = true };

    field->kind = PZ_ATTR_STRING;
    field->whole = field->wide = false;
    if (is_id_name(field->name) || pz_str_same_name(field->name, "EVENT_ATTRIBUTION_SOURCE") ||
        cells->n == 0)
        return;
    for (uint32_t i = 0; i < cells->n; i++) {
        size_t n;
        const char *s = pz_dict_get(cells, i, &n);

        add_cell(&sums, s, n);
    }
    if (sums.all_bool) {
        field->kind = PZ_ATTR_BOOL;
    } else if (sums.all_number) {
        field->kind = PZ_ATTR_NUMBER;
        field->whole = sums.all_whole;
        field->wide = true;
    } else {
        field->kind = guess_string(&sums, cells->n, n_rows, text);
    }
}
