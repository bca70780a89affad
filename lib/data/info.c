/* SPDX-License-Identifier: Apache-2.0 */
/* Info: see info.h. One description is built, as JSON; the text for people is made from it, so
 * that the two cannot disagree.
 *
 * A column counts as filled in a row when its number is not NaN, or when its list is not empty.
 * Rows of items and users are those that the tables had, not every id that interacts. Cost: one
 * pass over the interactions and over each column. */
#include "data/info.h"

#include <math.h>
#include <string.h>

#include "base/time.h"

static uint64_t count_values(const struct pz_attr *a, uint64_t n_rows)
{
    uint64_t n = 0;

    for (uint64_t r = 0; r < n_rows; r++)
        n += (a->num ? !isnan(a->num[r]) : a->ptr[r + 1] > a->ptr[r]) ? 1u : 0u;
    return n;
}

static const char *type_name(const struct pz_attr *a)
{
    switch (a->kind) {
    case PZ_ATTR_BOOL:
        return "boolean";
    case PZ_ATTR_CATEGORY:
        return "categorical";
    case PZ_ATTR_TEXT:
        return "textual";
    case PZ_ATTR_STRING:
        return "string";
    case PZ_ATTR_NUMBER:
        break;
    }
    return a->whole ? (a->wide ? "long" : "int") : a->wide ? "double" : "float";
}

static json_t *describe_columns(const struct pz_attrs *attrs)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < attrs->n_attrs; i++) {
        const struct pz_attr *a = &attrs->attr[i];
        json_t *column = json_pack("{s:s, s:s, s:b, s:I}", "name", a->name, "type", type_name(a),
                                   "nullable", (int)a->nullable, "values",
                                   (json_int_t)count_values(a, attrs->n_rows));

        if (!a->num)
            json_object_set_new(column, "distinct", json_integer(a->values.n));
        json_array_append_new(list, column);
    }
    return list;
}

static uint64_t count_rows(const struct pz_attrs *attrs)
{
    uint64_t n = 0;

    if (!attrs->present)
        return attrs->n_attrs > 0 ? attrs->n_rows : 0;
    for (uint64_t i = 0; i < attrs->n_rows; i++)
        n += attrs->present[i];
    return n;
}

static json_t *describe_events(const struct pz_dataset *ds)
{
    /* An index of a uint8_t cannot leave it, whatever a file says. */
    uint64_t count[PZ_MAX_EVENT_TYPES + 1] = { 0 };
    json_t *object = json_object();

    for (uint64_t p = 0; ds->event && p < ds->n_interactions; p++)
        count[ds->event[p]]++;
    for (uint32_t e = 0; e < ds->events.n && e < PZ_MAX_EVENT_TYPES; e++) {
        size_t n;
        const char *s = pz_dict_get(&ds->events, e, &n);

        json_object_setn_new(object, s, n, json_integer((json_int_t)count[e]));
    }
    return object;
}

static json_t *describe_times(const struct pz_dataset *ds)
{
    int64_t first = INT64_MAX, last = INT64_MIN;
    char from[32], to[32];

    for (uint64_t p = 0; p < ds->n_interactions; p++) {
        first = ds->time[p] < first ? ds->time[p] : first;
        last = ds->time[p] > last ? ds->time[p] : last;
    }
    if (ds->n_interactions == 0)
        return json_null();
    return json_pack("{s:I, s:I, s:s, s:s}", "first_timestamp", (json_int_t)first, "last_timestamp",
                     (json_int_t)last, "first", pz_time_format(first, from), "last",
                     pz_time_format(last, to));
}

static uint64_t count_users_with(const struct pz_dataset *ds, uint64_t at_least)
{
    uint64_t n = 0;

    for (uint32_t u = 0; u < ds->users.n; u++)
        n += ds->ptr[u + 1] - ds->ptr[u] >= at_least;
    return n;
}

json_t *pz_info_json(const struct pz_dataset *ds)
{
    uint64_t shown = ds->impression_ptr ? ds->impression_ptr[ds->n_interactions] : 0;

    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:b, s:b, s:I, s:{s:o}, s:{s:I, "
                     "s:o}, s:{s:I, s:o}}",
                     "fingerprint", ds->fingerprint, "interactions", (json_int_t)ds->n_interactions,
                     "users", (json_int_t)ds->users.n, "items", (json_int_t)ds->items.n,
                     "active_users", (json_int_t)count_users_with(ds, 1), "users_with_two",
                     (json_int_t)count_users_with(ds, 2), "time", describe_times(ds), "event_types",
                     describe_events(ds), "has_event_value", (int)(ds->value != NULL),
                     "has_impressions", (int)(ds->impression_ptr != NULL), "impressions",
                     (json_int_t)shown, "interactions_table", "columns",
                     describe_columns(&ds->context), "items_table", "rows",
                     (json_int_t)count_rows(&ds->item_attrs), "columns",
                     describe_columns(&ds->item_attrs), "users_table", "rows",
                     (json_int_t)count_rows(&ds->user_attrs), "columns",
                     describe_columns(&ds->user_attrs));
}

static long long get_int(const json_t *doc, const char *key)
{
    return (long long)json_integer_value(json_object_get(doc, key));
}

static void add_columns(struct pz_str *out, const json_t *columns)
{
    size_t i;
    const json_t *c;

    json_array_foreach (columns, i, c) {
        pz_str_addf(out, "  %-28s %-12s %lld values", json_string_value(json_object_get(c, "name")),
                    json_string_value(json_object_get(c, "type")), get_int(c, "values"));
        if (json_object_get(c, "distinct"))
            pz_str_addf(out, ", %lld distinct", get_int(c, "distinct"));
        pz_str_adds(out, json_is_true(json_object_get(c, "nullable")) ? ", some empty\n" : "\n");
    }
}

static void add_table(struct pz_str *out, const json_t *doc, const char *key, const char *title)
{
    const json_t *table = json_object_get(doc, key);

    if (get_int(table, "rows") == 0)
        return;
    pz_str_addf(out, "%s: %lld rows\n", title, get_int(table, "rows"));
    add_columns(out, json_object_get(table, "columns"));
}

void pz_info_text(struct pz_str *out, const json_t *doc)
{
    const json_t *time = json_object_get(doc, "time"), *count;
    json_t *events = json_object_get(doc, "event_types");
    const char *type;

    pz_str_addf(out, "Interactions: %lld, by %lld users (%lld with two or more)\n",
                get_int(doc, "interactions"), get_int(doc, "active_users"),
                get_int(doc, "users_with_two"));
    pz_str_addf(out, "  %lld user ids, %lld item ids\n", get_int(doc, "users"),
                get_int(doc, "items"));
    if (json_is_object(time))
        pz_str_addf(out, "  from %s to %s\n", json_string_value(json_object_get(time, "first")),
                    json_string_value(json_object_get(time, "last")));
    json_object_foreach (events, type, count)
        pz_str_addf(out, "  EVENT_TYPE %-17s %lld\n", type, (long long)json_integer_value(count));
    if (json_is_true(json_object_get(doc, "has_event_value")))
        pz_str_adds(out, "  EVENT_VALUE                  float\n");
    if (json_is_true(json_object_get(doc, "has_impressions")))
        pz_str_addf(out, "  IMPRESSION                   %lld items shown\n",
                    get_int(doc, "impressions"));
    add_columns(out, json_object_get(json_object_get(doc, "interactions_table"), "columns"));
    add_table(out, doc, "items_table", "Items");
    add_table(out, doc, "users_table", "Users");
    pz_str_addf(out, "Fingerprint: %s\n", json_string_value(json_object_get(doc, "fingerprint")));
}
