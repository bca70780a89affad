/* SPDX-License-Identifier: Apache-2.0 */
/* Data insights: see insights.h. Each function looks at one thing and adds what it finds to the
 * list; the serious ones come first in the end.
 *
 * The limits are Personalize's where it has one (1,000 interactions; 25 users with two; columns
 * 70 %, texts 85 % complete; 30 categories; 10 event types; 1,000 characters of categories); the
 * others are ours and stated where they are used. The dataset is only read. */
#include "import/insights.h"

#include "data/minimum.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "data/order.h"

enum severity { SERIOUS, WARNING, NOTE };

enum {
    MAX_EVENT_TYPES = 10,
    MAX_CATEGORIES = 30,
    MAX_CATEGORY_CHARS = 1000,
    MAX_TEXT_CHARS = 20000
};

static const char *const severity_names[] = { "serious", "warning", "note" };

struct check {
    const struct pz_dataset *ds;
    const struct pz_import_count *count;
    int64_t now;
    json_t *list;         /* insights */
    uint32_t *user_count; /* [users.n] interactions */
    uint32_t *item_count; /* [items.n] */
};

/* Where a finding is: a table, or one column of it. */
struct place {
    const char *table, *column;
};

static struct place in_table(const char *table)
{
    return (struct place){ table, NULL };
}

static struct place in_column(const char *table, const char *name)
{
    return (struct place){ table, name };
}

/* How much of it there is. */
struct amount {
    uint64_t n, of; /* of: 0 when n is a share of nothing */
};

static struct amount part(uint64_t n, uint64_t of)
{
    return (struct amount){ n, of };
}

static struct amount number(uint64_t n)
{
    return part(n, 0);
}

static void add(struct check *c, enum severity severity, const char *id, struct place place,
                struct amount amount, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

static void add(struct check *c, enum severity severity, const char *id, struct place place,
                struct amount amount, const char *fmt, ...)
{
    char text[500];
    json_t *entry;
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    entry = json_pack("{s:s, s:s, s:s}", "id", id, "severity", severity_names[severity], "table",
                      place.table);
    if (place.column)
        json_object_set_new(entry, "column", json_string(place.column));
    json_object_set_new(entry, "count", json_integer((json_int_t)amount.n));
    if (amount.of > 0)
        json_object_set_new(entry, "share", json_real((double)amount.n / (double)amount.of));
    json_object_set_new(entry, "text", json_string(text));
    json_array_append_new(c->list, entry);
}

typedef unsigned long long ull; /* of %llu */

static double percent(uint64_t part, uint64_t whole)
{
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

/* ---- amounts ---- */

static void check_amounts(struct check *c)
{
    const struct pz_dataset *ds = c->ds;
    struct pz_amounts amounts = pz_dataset_amounts(ds);
    uint64_t active = amounts.users, two = amounts.active_users;

    if (ds->n_interactions < PZ_MIN_INTERACTIONS)
        add(c, SERIOUS, "few-interactions", in_table("Interactions"), number(ds->n_interactions),
            "%llu interactions; Personalize trains from 1,000 on", (ull)ds->n_interactions);
    if (two < PZ_MIN_USERS)
        add(c, SERIOUS, "few-active-users", in_table("Interactions"), number(two),
            "%llu users have two or more interactions; Personalize trains from 25 on", (ull)two);
    /* Fewer than one user in a hundred has a second interaction: nothing can be learned from such
     * data. */
    if (active > 0 && two * 100 < active)
        add(c, SERIOUS, "users-with-one", in_table("Interactions"), part(active - two, active),
            "%.1f%% of the users have one interaction only; nothing links their items",
            percent(active - two, active));
    else if (active > 0 && two * 2 < active)
        add(c, NOTE, "users-with-one", in_table("Interactions"), part(active - two, active),
            "%.1f%% of the users have one interaction only", percent(active - two, active));
    if (ds->events.n > MAX_EVENT_TYPES)
        add(c, WARNING, "many-event-types", in_column("Interactions", "EVENT_TYPE"),
            number(ds->events.n), "%u event types; Personalize takes at most 10", ds->events.n);
}

static void check_import(struct check *c)
{
    for (int t = 0; t < PZ_N_TABLES && c->count; t++) {
        const struct pz_import_count *n = &c->count[t];
        const char *table = pz_table_name((enum pz_table_id)t);

        if (n->rejected > 0)
            add(c, SERIOUS, "rejected-rows", in_table(table), part(n->rejected, n->read),
                "%llu of %llu rows cannot be used (%.2f%%)", (ull)n->rejected, (ull)n->read,
                percent(n->rejected, n->read));
        if (n->duplicate > 0)
            add(c, n->duplicate * 10 > n->read ? WARNING : NOTE, "duplicate-rows", in_table(table),
                part(n->duplicate, n->read),
                t == PZ_INTERACTIONS
                    ? "%llu rows are repeats of others, alike in everything (%.2f%%)"
                    : "%llu rows are replaced by later rows of the same id (%.2f%%)",
                (ull)n->duplicate, percent(n->duplicate, n->read));
    }
}

/* ---- times ---- */

/* Users with several interactions, all at one time: their order is not known. */
static uint64_t count_unordered(const struct check *c, uint64_t *several)
{
    const struct pz_dataset *ds = c->ds;
    uint64_t n = 0;

    *several = 0;
    for (uint32_t u = 0; u < ds->users.n; u++) {
        if (c->user_count[u] < 2)
            continue;
        (*several)++;
        n += ds->time[ds->ptr[u]] == ds->time[ds->ptr[u + 1] - 1];
    }
    return n;
}

static void check_sorted(struct check *c)
{
    const struct pz_dataset *ds = c->ds;
    struct pz_histories_of h = { ds->users.n, ds->ptr, ds->item, ds->time, &ds->items, NULL };

    if (pz_order_is_of_ids(&h))
        add(c, SERIOUS, "sorted-by-item", in_column("Interactions", "TIMESTAMP"),
            number(ds->n_interactions),
            "the times count the rows of users whose items are sorted by id; they are not taken "
            "for an "
            "order");
}

static void check_times(struct check *c)
{
    const struct pz_dataset *ds = c->ds;
    int64_t first = INT64_MAX, last = INT64_MIN;
    uint64_t future = 0, early = 0, several, unordered = count_unordered(c, &several);
    char when[32];

    for (uint64_t p = 0; p < ds->n_interactions; p++) {
        first = ds->time[p] < first ? ds->time[p] : first;
        last = ds->time[p] > last ? ds->time[p] : last;
        future += ds->time[p] > c->now;
        early += ds->time[p] < 315532800; /* 1980: before any log of this kind */
    }
    if (ds->n_interactions > 1 && first == last)
        add(c, SERIOUS, "one-timestamp", in_column("Interactions", "TIMESTAMP"),
            number(ds->n_interactions),
            "all interactions have the timestamp %lld; nothing is known about their order",
            (long long)first);
    else if (several > 0 && unordered * 2 > several)
        add(c, WARNING, "users-one-timestamp", in_column("Interactions", "TIMESTAMP"),
            part(unordered, several),
            "%.1f%% of the users have all their interactions at one time; their order is not known",
            percent(unordered, several));
    if (future > 0)
        add(c, SERIOUS, "future", in_column("Interactions", "TIMESTAMP"),
            part(future, ds->n_interactions),
            "%llu interactions are in the future, the latest at %s", (ull)future,
            pz_time_format(last, when));
    if (early > 0 && first != last)
        add(c, WARNING, "early", in_column("Interactions", "TIMESTAMP"),
            part(early, ds->n_interactions),
            "%llu interactions are before 1980: is TIMESTAMP a time?", (ull)early);
}

/* ---- who does how much ---- */

static int by_count(const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

    return a < b ? -1 : a > b;
}

/* More than ten times what 95 % of the users stay below, and at least 100: a program, a shared
 * account, or a placeholder for "not signed in". */
static enum pz_status check_activity(struct check *c, struct pz_err *err)
{
    const struct pz_dataset *ds = c->ds;
    uint32_t *sorted = pz_mem_copy(c->user_count, ds->users.n, sizeof *sorted), top = 0;
    uint64_t n = 0, events = 0, limit, active = 0;
    size_t len = 0;
    const char *name;

    if (!sorted)
        return pz_err_memory(err, "counting", 4.0 * ds->users.n);
    qsort(sorted, ds->users.n, sizeof *sorted, by_count);
    while (active < ds->users.n && sorted[ds->users.n - 1 - active] > 0)
        active++;
    /* The 95th percentile of those who interact. */
    limit = active > 0 ? 10 * (uint64_t)sorted[ds->users.n - 1 - active / 20] : 0;
    limit = limit < 100 ? 100 : limit;
    free(sorted);
    for (uint32_t u = 0; u < ds->users.n; u++) {
        if (c->user_count[u] > c->user_count[top])
            top = u;
        n += c->user_count[u] > limit;
        events += c->user_count[u] > limit ? c->user_count[u] : 0;
    }
    if (n == 0)
        return PZ_OK;
    name = pz_dict_get(&ds->users, top, &len);
    add(c, WARNING, "extreme-users", in_column("Interactions", "USER_ID"), part(n, active),
        "%llu users have more than %llu interactions each, together %.1f%% of all (\"%.*s\" has "
        "%u): programs, or many people under one id?",
        (ull)n, (ull)limit, percent(events, ds->n_interactions), (int)(len > 60 ? 60 : len), name,
        c->user_count[top]);
    return PZ_OK;
}

/* ---- ids of one table in another ---- */

static void check_ids(struct check *c, const struct pz_attrs *attrs, const uint32_t *count,
                      enum pz_table_id t)
{
    const char *table = pz_table_name(t), *column = t == PZ_ITEMS ? "ITEM_ID" : "USER_ID";
    uint64_t rows = 0, idle = 0, active = 0, unknown = 0;

    for (uint64_t i = 0; i < attrs->n_rows; i++) {
        bool present = attrs->present ? attrs->present[i] : attrs->n_attrs > 0;

        rows += present;
        idle += present && count[i] == 0;
        active += count[i] > 0;
        unknown += !present && count[i] > 0;
    }
    if (rows == 0)
        return;
    if (idle > 0)
        add(c, idle * 2 > rows ? WARNING : NOTE, "ids-without-interactions",
            in_column(table, column), part(idle, rows), "%llu of %llu ids never interact (%.1f%%)",
            (ull)idle, (ull)rows, percent(idle, rows));
    if (unknown > 0)
        add(c, unknown * 2 > active ? WARNING : NOTE, "ids-without-row",
            in_column("Interactions", column), part(unknown, active),
            "%llu of %llu ids have no row in %s (%.1f%%)%s", (ull)unknown, (ull)active, table,
            percent(unknown, active),
            unknown == active ? ": are the ids written in the same way?" : "");
}

static bool is_awkward(const char *s, size_t n)
{
    bool odd = n > 0 && (s[0] == ' ' || s[n - 1] == ' ');

    for (size_t i = 0; i < n && !odd; i++)
        odd = s[i] == '"' || (unsigned char)s[i] < 0x20;
    return odd;
}

static void check_names(struct check *c, const struct pz_dict *ids, const char *column)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < ids->n; i++) {
        size_t len;
        const char *s = pz_dict_get(ids, i, &len);

        n += is_awkward(s, len);
    }
    if (n > 0)
        add(c, WARNING, "awkward-ids", in_column("Interactions", column), part(n, ids->n),
            "%llu ids have quotes, control characters, or blanks at an end", (ull)n);
}

/* ---- columns ---- */

static int by_value(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;

    return a < b ? -1 : a > b;
}

/* Values further from the middle half than three times its width (Tukey's far-out values). */
static enum pz_status check_outliers(struct check *c, const struct pz_attr *a, uint64_t n_rows,
                                     const char *table, struct pz_err *err)
{
    double *x = pz_mem_array(n_rows, sizeof *x), low, high, width;
    uint64_t n = 0, far = 0;

    if (!x)
        return pz_err_memory(err, "a column", 8.0 * (double)n_rows);
    for (uint64_t r = 0; r < n_rows; r++)
        if (!isnan(a->num[r]))
            x[n++] = a->num[r];
    qsort(x, (size_t)n, sizeof *x, by_value);
    /* Quartiles without interpolation: an order of magnitude is asked for, not a digit. */
    low = n > 0 ? x[n / 4] : 0;
    high = n > 0 ? x[n - 1 - n / 4] : 0;
    width = high - low;
    for (uint64_t i = 0; i < n && width > 0; i++)
        far += x[i] < low - 3 * width || x[i] > high + 3 * width;
    if (far > 0)
        add(c, NOTE, "outliers", in_column(table, a->name), part(far, n),
            "%llu values lie far from the others (half are from %g to %g, all from %g to %g)",
            (ull)far, low, high, x[0], x[n - 1]);
    if (n > 1 && x[0] == x[n - 1])
        add(c, NOTE, "constant", in_column(table, a->name), number(n), "all values are %g", x[0]);
    free(x);
    return PZ_OK;
}

/* Personalize counts characters; of a character of UTF-8 every byte but the first is 10xxxxxx. */
static uint64_t count_characters(const char *s, size_t n)
{
    uint64_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)s[i] & 0xc0) != 0x80;
    return count;
}

static void check_lists(struct check *c, const struct pz_attr *a, uint64_t n_rows,
                        const char *table)
{
    uint64_t limit = a->kind == PZ_ATTR_CATEGORY ? MAX_CATEGORY_CHARS : MAX_TEXT_CHARS,
             too_long = 0;

    for (uint64_t r = 0; r < n_rows; r++) {
        uint64_t chars = a->ptr[r + 1] - a->ptr[r]; /* a '|' behind each value */

        for (uint64_t k = a->ptr[r]; k < a->ptr[r + 1]; k++) {
            size_t len;
            const char *s = pz_dict_get(&a->values, a->code[k], &len);

            chars += count_characters(s, len);
        }
        too_long += chars > limit + 1; /* the last has no '|' behind it */
    }
    if (a->kind == PZ_ATTR_CATEGORY && a->values.n > MAX_CATEGORIES)
        add(c, NOTE, "many-categories", in_column(table, a->name), number(a->values.n),
            "%u categories; Personalize advises at most 30 a column", a->values.n);
    if (a->kind != PZ_ATTR_STRING && too_long > 0)
        add(c, WARNING, "long-values", in_column(table, a->name), part(too_long, n_rows),
            "%llu values are longer than the %llu characters that Personalize takes", (ull)too_long,
            (ull)limit);
}

static bool has_value(const struct pz_attr *a, uint64_t row)
{
    return a->num ? !isnan(a->num[row]) : a->ptr[row + 1] > a->ptr[row];
}

static void check_complete(struct check *c, const char *table, const char *column, uint64_t have,
                           uint64_t rows, bool text)
{
    double share = percent(have, rows);

    if (rows == 0 || share >= (text ? 85 : 70))
        return;
    add(c, WARNING, "incomplete-column", in_column(table, column), part(rows - have, rows),
        text ? "%.1f%% of the rows have a text; Personalize does not use it below 85%%"
             : "%.1f%% of the rows have a value; 70%% or more are advised",
        share);
}

static enum pz_status check_column(struct check *c, const struct pz_attr *a,
                                   const struct pz_attrs *attrs, const char *table,
                                   struct pz_err *err)
{
    uint64_t rows = 0, have = 0;

    for (uint64_t r = 0; r < attrs->n_rows; r++)
        if (!attrs->present || attrs->present[r]) {
            rows++;
            have += has_value(a, r);
        }
    check_complete(c, table, a->name, have, rows, a->kind == PZ_ATTR_TEXT);
    if (a->kind == PZ_ATTR_NUMBER && !pz_str_same_name(a->name, "CREATION_TIMESTAMP"))
        return check_outliers(c, a, attrs->n_rows, table, err);
    if (!a->num)
        check_lists(c, a, attrs->n_rows, table);
    return PZ_OK;
}

/* Rows with less than 70 % of their cells filled. */
static void check_rows(struct check *c, const struct pz_attrs *attrs, const char *table)
{
    uint64_t rows = 0, poor = 0;

    for (uint64_t r = 0; r < attrs->n_rows && attrs->n_attrs > 0; r++) {
        uint32_t have = 0;

        if (attrs->present && !attrs->present[r])
            continue;
        for (uint32_t i = 0; i < attrs->n_attrs; i++)
            have += has_value(&attrs->attr[i], r);
        rows++;
        poor += have * 10 < attrs->n_attrs * 7;
    }
    if (poor > 0)
        add(c, poor * 10 > rows * 3 ? WARNING : NOTE, "incomplete-rows", in_table(table),
            part(poor, rows),
            "%llu of %llu rows have less than 70%% of their columns filled (%.1f%%)", (ull)poor,
            (ull)rows, percent(poor, rows));
}

static void check_future_creation(struct check *c, const struct pz_attrs *attrs, const char *table)
{
    const struct pz_attr *a = pz_attrs_find(attrs, "CREATION_TIMESTAMP");
    uint64_t n = 0;

    for (uint64_t r = 0; a && a->num && r < attrs->n_rows; r++)
        n += a->num[r] > (double)c->now;
    if (n > 0)
        add(c, WARNING, "future", in_column(table, "CREATION_TIMESTAMP"), part(n, attrs->n_rows),
            "%llu rows are created in the future", (ull)n);
}

static enum pz_status check_columns(struct check *c, const struct pz_attrs *attrs,
                                    enum pz_table_id t, struct pz_err *err)
{
    const char *table = pz_table_name(t);
    enum pz_status st = PZ_OK;

    for (uint32_t i = 0; i < attrs->n_attrs && st == PZ_OK; i++)
        st = check_column(c, &attrs->attr[i], attrs, table, err);
    check_rows(c, attrs, table);
    check_future_creation(c, attrs, table);
    return st;
}

static void check_values(struct check *c)
{
    const struct pz_dataset *ds = c->ds;
    uint64_t have = 0;

    for (uint64_t p = 0; ds->value && p < ds->n_interactions; p++)
        have += isnan(ds->value[p]) ? 0 : 1;
    if (ds->value)
        check_complete(c, "Interactions", "EVENT_VALUE", have, ds->n_interactions, false);
    have = 0;
    for (uint64_t p = 0; ds->impression_ptr && p < ds->n_interactions; p++)
        have += ds->impression_ptr[p + 1] > ds->impression_ptr[p];
    if (ds->impression_ptr)
        check_complete(c, "Interactions", "IMPRESSION", have, ds->n_interactions, false);
}

/* ---- the whole ---- */

static enum pz_status look_through(struct check *c, struct pz_err *err)
{
    const struct pz_dataset *ds = c->ds;
    enum pz_status st;

    for (uint32_t u = 0; u < ds->users.n; u++)
        c->user_count[u] = (uint32_t)(ds->ptr[u + 1] - ds->ptr[u]);
    for (uint64_t p = 0; p < ds->n_interactions; p++)
        c->item_count[ds->item[p]]++;
    check_import(c);
    check_amounts(c);
    check_times(c);
    check_sorted(c);
    check_values(c);
    check_names(c, &ds->users, "USER_ID");
    check_names(c, &ds->items, "ITEM_ID");
    check_ids(c, &ds->item_attrs, c->item_count, PZ_ITEMS);
    check_ids(c, &ds->user_attrs, c->user_count, PZ_USERS);
    st = check_activity(c, err);
    if (st == PZ_OK)
        st = check_columns(c, &ds->context, PZ_INTERACTIONS, err);
    if (st == PZ_OK)
        st = check_columns(c, &ds->item_attrs, PZ_ITEMS, err);
    if (st == PZ_OK)
        st = check_columns(c, &ds->user_attrs, PZ_USERS, err);
    return st;
}

/* The list with the serious ones first, else in the order they were found. */
static json_t *by_severity(const json_t *list)
{
    json_t *sorted = json_array();

    for (int s = SERIOUS; s <= NOTE; s++)
        for (size_t i = 0; i < json_array_size(list); i++) {
            json_t *entry = json_array_get(list, i);
            const char *severity = json_string_value(json_object_get(entry, "severity"));

            if (severity && strcmp(severity, severity_names[s]) == 0)
                json_array_append(sorted, entry);
        }
    return sorted;
}

enum pz_status pz_check(const struct pz_dataset *ds, int64_t now,
                        const struct pz_import_count *count, json_t **doc, struct pz_err *err)
{
    struct check c = { .ds = ds, .count = count, .now = now, .list = json_array() };
    enum pz_status st = PZ_OK;

    *doc = NULL;
    c.user_count = pz_mem_array(ds->users.n, sizeof *c.user_count);
    c.item_count = pz_mem_array(ds->items.n, sizeof *c.item_count);
    if (!c.list || !c.user_count || !c.item_count)
        st = pz_err_memory(err, "counting", 4.0 * ((double)ds->users.n + ds->items.n));
    if (st == PZ_OK)
        st = look_through(&c, err);
    if (st == PZ_OK) {
        *doc = json_pack("{s:I, s:I, s:I, s:o}", "interactions", (json_int_t)ds->n_interactions,
                         "users", (json_int_t)ds->users.n, "items", (json_int_t)ds->items.n,
                         "insights", by_severity(c.list));
        if (!*doc)
            st = pz_err_memory(err, "the report", 1e4);
    }
    json_decref(c.list);
    free(c.user_count);
    free(c.item_count);
    return st;
}

static const char *text_of(const json_t *entry, const char *key)
{
    const char *s = json_string_value(json_object_get(entry, key));

    return s ? s : "";
}

size_t pz_check_serious(const json_t *doc)
{
    const json_t *list = json_object_get(doc, "insights");
    size_t n = 0;

    for (size_t i = 0; i < json_array_size(list); i++)
        n += strcmp(text_of(json_array_get(list, i), "severity"), severity_names[SERIOUS]) == 0;
    return n;
}

void pz_check_text(struct pz_str *out, const json_t *doc)
{
    const json_t *list = json_object_get(doc, "insights"), *entry;
    size_t i;

    pz_str_addf(out, "%lld interactions, %lld users, %lld items\n",
                (long long)json_integer_value(json_object_get(doc, "interactions")),
                (long long)json_integer_value(json_object_get(doc, "users")),
                (long long)json_integer_value(json_object_get(doc, "items")));
    if (json_array_size(list) == 0)
        pz_str_adds(out, "Nothing conspicuous.\n");
    json_array_foreach (list, i, entry) {
        struct pz_str where = { 0 };
        const char *column = text_of(entry, "column");

        pz_str_addf(&where, "%s%s%s", text_of(entry, "table"), *column ? "." : "", column);
        pz_str_addf(out, "%-8s  %-26s  %s\n", text_of(entry, "severity"),
                    where.data ? where.data : "", text_of(entry, "text"));
        pz_str_clear(&where);
    }
}
