/* SPDX-License-Identifier: Apache-2.0 */
/* What an import tells about the whole: see report.h. Ids are looked at once each, times once a
 * row group where all are in order.
 *
 * The signs are those of the commonest accidents: a table join in pandas turns ids into "12.0" and
 * a spreadsheet into 1.04E+11, a fixed-width export leaves blanks at their ends, and a wrong unit
 * puts times before 1980 or after tomorrow. */
#include "import/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "import/cell.h"

enum { EARLY = 315532800 /* 1980 */, DAY = 86400 };

/* ="0123", as spreadsheets are made to keep the zeros */
static bool is_formula(const char *s, size_t n)
{
    return n > 3 && memcmp(s, "=\"", 2) == 0 && s[n - 1] == '"';
}

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

/* What spreadsheets and reports write under their rows. */
static bool is_total(const char *s, size_t n)
{
    static const char *const words[] = { "total", "totals", "grand total", "sum", "subtotal" };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (pz_str_same_word(s, n, words[i], strlen(words[i])))
            return true;
    return false;
}

struct report {
    const struct pz_staged *staged; /* [PZ_N_TABLES] */
    const struct pz_staged_ids *ids;
    struct pz_log *log;
    uint64_t *word; /* scratch for the longest row group */
};

struct wanted_id {
    uint32_t *const *map;
    uint32_t id;
};

static bool is_id(const struct pz_row_group *group, uint64_t number, const void *context)
{
    const struct wanted_id *w = context;

    return w->map[group->worker][number] == w->id;
}

/* The first row of an id in any table; none for an item that was only shown. */
static struct pz_place find_id(const struct report *r, enum pz_role role, uint32_t id)
{
    struct wanted_id wanted = { role == PZ_ROLE_USER ? r->ids->user_map : r->ids->item_map, id };
    struct pz_place place = { NULL, 0, 0 };

    for (int t = 0; t < PZ_N_TABLES && !place.file; t++) {
        size_t f = pz_mapping_role(r->staged[t].mapping, role);

        if (f != SIZE_MAX)
            place = pz_staging_find(r->staged[t].staging, (uint32_t)f, 0, is_id, &wanted, r->word);
    }
    return place;
}

struct sign {
    bool (*is)(const char *s, size_t n);
    const char *what;
};

static void look_for(const struct report *r, enum pz_role role, const struct sign *sign)
{
    const struct pz_dict *ids = role == PZ_ROLE_USER ? r->ids->users : r->ids->items;
    uint32_t count = 0, first = 0;
    char where[32] = "";
    struct pz_place place;
    const char *s;
    size_t n;

    for (uint32_t i = 0; i < ids->n; i++) {
        s = pz_dict_get(ids, i, &n);
        if (sign->is(s, n) && count++ == 0)
            first = i;
    }
    if (count == 0)
        return;
    place = find_id(r, role, first);
    s = pz_dict_get(ids, first, &n);
    if (place.file)
        snprintf(where, sizeof where, ":%llu: ", (unsigned long long)place.line);
    pz_log(r->log, PZ_LOG_WARN, "%s%s%s: %u of %u ids %s (\"%.*s\")", place.file ? place.file : "",
           where, role == PZ_ROLE_USER ? "USER_ID" : "ITEM_ID", count, ids->n, sign->what, (int)n,
           s);
}

static void look_at_ids(const struct report *r, enum pz_role role)
{
    static const struct sign signs[] = {
        { is_total, "stand for a row of totals, it seems, which counts as any other" },
        { has_blank, "have blanks at their ends, which count" },
        { is_formula, "are written as a formula of a spreadsheet, which counts" },
        { is_float, "end in .0, as floats do: do the other tables write them so too?" },
        { is_rounded, "are written like 1.04E+11: a spreadsheet has rounded them" }
    };

    for (size_t k = 0; k < sizeof signs / sizeof *signs; k++)
        look_for(r, role, &signs[k]);
}

static bool is_odd_time(const struct pz_row_group *group, uint64_t word, const void *late)
{
    int64_t time = pz_decode_time(word);

    (void)group;
    return time < EARLY || time > *(const int64_t *)late;
}

static void look_at_times(const struct report *r)
{
    /* A day of grace: clocks are wrong by hours, and zones differ by fourteen. */
    int64_t late = pz_time_now() + DAY;
    const struct pz_staged *s = &r->staged[PZ_INTERACTIONS];
    size_t f = pz_mapping_role(s->mapping, PZ_ROLE_TIME);
    uint64_t n_early = 0, n_late = 0;
    struct pz_place place;
    char text[32];

    for (size_t i = 0; i < s->staging->n && f != SIZE_MAX; i++) {
        const struct pz_row_group *group = &s->staging->group[i];

        if (group->n_rows == 0 ||
            (!is_odd_time(group, group->col[f].base, &late) &&
             !is_odd_time(group, group->col[f].base + group->col[f].span, &late)))
            continue; /* the first and the last are good, so are those between them */
        pz_row_group_read(group, (uint32_t)f, 0, r->word);
        for (uint32_t k = 0; k < group->n_rows; k++) {
            n_early += pz_decode_time(r->word[k]) < EARLY;
            n_late += pz_decode_time(r->word[k]) > late;
        }
    }
    if (n_early + n_late == 0)
        return;
    place = pz_staging_find(s->staging, (uint32_t)f, 0, is_odd_time, &late, r->word);
    pz_log(
        r->log, PZ_LOG_WARN,
        "%s:%llu: TIMESTAMP: %llu interactions are dated before 1980 and %llu after tomorrow, the "
        "first %s",
        place.file, (unsigned long long)place.line, (unsigned long long)n_early,
        (unsigned long long)n_late, pz_time_format(pz_decode_time(place.word), text));
}

enum pz_status pz_import_report(const struct pz_staged *staged, const struct pz_staged_ids *ids,
                                struct pz_log *log, struct pz_err *err)
{
    struct report r = { .staged = staged, .ids = ids, .log = log };
    size_t longest = 0;

    for (int t = 0; t < PZ_N_TABLES; t++) {
        size_t n = pz_staged_longest(&staged[t]);

        longest = n > longest ? n : longest;
    }
    r.word = pz_mem_array(longest, sizeof *r.word);
    if (!r.word)
        return pz_err_memory(err, "the report", 8.0 * (double)longest);
    look_at_ids(&r, PZ_ROLE_USER);
    look_at_ids(&r, PZ_ROLE_ITEM);
    look_at_times(&r);
    free(r.word);
    return PZ_OK;
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
