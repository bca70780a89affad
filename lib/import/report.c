/* SPDX-License-Identifier: Apache-2.0 */
/* What an import tells about the whole: see report.h. Ids are looked at once each, times once a
 * row.
 *
 * The signs are those of the commonest accidents: a table join in pandas turns ids into "12.0" and a
 * spreadsheet into 1.04E+11, a fixed-width export leaves blanks at their ends, and a wrong unit puts
 * times before 1980 or after tomorrow. */
#include "import/report.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"

enum { EARLY = 315532800 /* 1980 */, DAY = 86400 };

static bool has_blank(const char *s, size_t n)
{
    return n > 0 && (s[0] == ' ' || s[n - 1] == ' ' || s[0] == '\t' || s[n - 1] == '\t');
}

static size_t count_digits(const char *s, size_t n)
{
    size_t k = 0;

    while (k < n && s[k] >= '0' && s[k] <= '9')
        k++;
    return k;
}

/* 12.0 */
static bool is_float(const char *s, size_t n)
{
    /* pandas reads a column of ids with a gap as floats, and writes them so. */
    return n > 2 && memcmp(s + n - 2, ".0", 2) == 0 && count_digits(s, n) == n - 2;
}

/* 1.04E+11 */
static bool is_rounded(const char *s, size_t n)
{
    size_t k = count_digits(s, n);

    if (k != 1 || k >= n)
        return false;
    if (s[k] == '.')
        k += 1 + count_digits(s + k + 1, n - k - 1);
    return k + 3 < n && (s[k] == 'E' || s[k] == 'e') && s[k + 1] == '+' &&
           k + 2 + count_digits(s + k + 2, n - k - 2) == n;
}

static void look_at_ids(const struct pz_dict *ids, const char *name, struct pz_log *log)
{
    static const struct {
        bool (*is)(const char *s, size_t n);
        const char *what;
    } signs[] = { { has_blank, "have blanks at their ends, which count" },
                  { is_float, "end in .0, as floats do: do the other tables write them so too?" },
                  { is_rounded, "are written like 1.04E+11: a spreadsheet has rounded them" } };

    for (size_t k = 0; k < sizeof signs / sizeof *signs; k++) {
        uint32_t count = 0, first = 0;
        size_t n;
        const char *s;

        for (uint32_t i = 0; i < ids->n; i++) {
            s = pz_dict_get(ids, i, &n);
            if (signs[k].is(s, n) && count++ == 0)
                first = i;
        }
        if (count == 0)
            continue;
        s = pz_dict_get(ids, first, &n);
        pz_log(log, PZ_LOG_WARN, "%s: %u of %u ids %s (\"%.*s\")", name, count, ids->n,
               signs[k].what, (int)n, s);
    }
}

static void look_at_times(const struct pz_dataset *ds, struct pz_log *log)
{
    /* A day of grace: clocks are wrong by hours, and zones differ by fourteen. */
    int64_t late = pz_time_now() + DAY, worst = 0;
    uint64_t n_early = 0, n_late = 0;
    char text[32];

    for (uint64_t i = 0; i < ds->n_interactions; i++) {
        bool odd = ds->time[i] < EARLY || ds->time[i] > late;

        n_early += ds->time[i] < EARLY;
        n_late += ds->time[i] > late;
        worst = odd ? ds->time[i] : worst;
    }
    if (n_early + n_late > 0)
        pz_log(log, PZ_LOG_WARN,
               "TIMESTAMP: %llu interactions are dated before 1980 and %llu after tomorrow, one %s",
               (unsigned long long)n_early, (unsigned long long)n_late,
               pz_time_format(worst, text));
}

void pz_import_report(const struct pz_dataset *ds, struct pz_log *log)
{
    look_at_ids(&ds->users, "USER_ID", log);
    look_at_ids(&ds->items, "ITEM_ID", log);
    look_at_times(ds, log);
}

/* Marks the items or users that interact. */
static void mark_met(const struct pz_dataset *ds, bool items, uint8_t *met)
{
    for (uint64_t i = 0; i < ds->n_interactions && items; i++)
        met[ds->item[i]] = 1;
    for (uint32_t u = 0; u < ds->users.n && !items; u++)
        met[u] = ds->ptr[u + 1] > ds->ptr[u];
}

enum pz_status pz_import_join(const struct pz_dataset *ds, enum pz_table_id table,
                              struct pz_import_count *count, struct pz_err *err)
{
    const struct pz_attrs *attrs = table == PZ_ITEMS ? &ds->item_attrs : &ds->user_attrs;
    uint8_t *met = pz_mem_array(attrs->n_rows, 1);

    if (!met)
        return pz_err_memory(err, "the report", (double)attrs->n_rows);
    mark_met(ds, table == PZ_ITEMS, met);
    for (uint64_t i = 0; i < attrs->n_rows; i++) {
        bool has_row = !attrs->present || attrs->present[i];

        count->ids += has_row;
        count->joined += has_row && met[i];
    }
    free(met);
    return PZ_OK;
}
