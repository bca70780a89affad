/* SPDX-License-Identifier: Apache-2.0 */
/* Datasets on disk: see dataset.h. Columns of a *.pzd: users, items, events (dictionaries);
 * inter/ptr (u64), inter/item (u32), inter/time (i64 as differences within a user: mostly small),
 * inter/event (u8), inter/value (f32), inter/impression.ptr (u64) and .item (u32); context/...,
 * items/..., users/... (attrs.c). Nothing else enters the file - no names, dates or counts of a run
 * - so that the same content always has the same bytes. */
#include "data/dataset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "data/shares.h"
#include "table/lists.h"

void *pz_dataset_own(struct pz_dataset *ds, void *array)
{
    struct pz_dataset_store *s = &ds->store;

    if (array && !pz_mem_grow(&s->array, &s->cap, s->n + 1, sizeof *s->array)) {
        free(array);
        return NULL;
    }
    if (array)
        s->array[s->n++] = array;
    return array;
}

void pz_dataset_free(struct pz_dataset *ds)
{
    if (!ds)
        return;
    pz_attrs_clear(&ds->context);
    pz_attrs_clear(&ds->item_attrs);
    pz_attrs_clear(&ds->user_attrs);
    pz_dict_clear(&ds->users);
    pz_dict_clear(&ds->items);
    pz_dict_clear(&ds->events);
    pz_watermarks_clear(&ds->watermarks);
    for (size_t i = 0; i < ds->store.n; i++)
        pz_ranks_return(ds->store.array[i]);
    free(ds->store.array);
    pz_table_close(ds->store.table);
    free(ds);
}

/* All of a column in place of this rank's part; NULL without memory, or without such a column. */
static const void *join(struct pz_dataset *ds, const void *part, size_t bytes)
{
    struct pz_share mine = { ds->first_user, ds->end_user };
    void *all = part ? pz_shares_join(ds->all_ptr, ds->users.n, mine, part, bytes) : NULL;

    for (size_t i = 0; i < ds->store.n && all; i++)
        if (ds->store.array[i] == part) {
            free(ds->store.array[i]);
            ds->store.array[i] = all;
        }
    return all;
}

enum pz_status pz_dataset_join(struct pz_dataset *ds, struct pz_err *err)
{
    bool has_event = ds->event != NULL, has_value = ds->value != NULL;

    ds->item = join(ds, ds->item, sizeof *ds->item);
    ds->time = join(ds, ds->time, sizeof *ds->time);
    ds->event = join(ds, ds->event, sizeof *ds->event);
    ds->value = join(ds, ds->value, sizeof *ds->value);
    if (!ds->item || !ds->time || (has_event && !ds->event) || (has_value && !ds->value))
        return pz_err_memory(err, "the interactions of all ranks",
                             17.0 * (double)pz_dataset_size(ds));
    ds->ptr = ds->all_ptr;
    ds->all_ptr = NULL;
    ds->n_interactions = ds->ptr[ds->users.n];
    return PZ_OK;
}

/* Times as differences: first of each user as it is, then minus the one before. In 32 bits when all
 * fit, as they do for data from 1970 to 2106; else NULL with *wide set. */
static uint32_t *encode_times(const struct pz_dataset *ds, bool *wide)
{
    uint32_t *delta = pz_mem_array(ds->n_interactions, sizeof *delta);
    uint64_t over = 0;

    for (uint32_t u = 0; delta && u < ds->users.n; u++)
        for (uint64_t p = ds->ptr[u]; p < ds->ptr[u + 1]; p++) {
            uint64_t x = (uint64_t)ds->time[p] - (p > ds->ptr[u] ? (uint64_t)ds->time[p - 1] : 0);

            /* A first time before 1970 is huge as an unsigned number, and so is a step backwards:
             * both ask for the wide form. */
            over |= x >> 32;
            delta[p] = (uint32_t)x;
        }
    *wide = over != 0;
    if (over) {
        free(delta);
        delta = NULL;
    }
    return delta;
}

static int64_t *encode_wide_times(const struct pz_dataset *ds)
{
    int64_t *delta = pz_mem_array(ds->n_interactions, sizeof *delta);

    for (uint32_t u = 0; delta && u < ds->users.n; u++)
        for (uint64_t p = ds->ptr[u]; p < ds->ptr[u + 1]; p++)
            delta[p] = (int64_t)((uint64_t)ds->time[p] -
                                 (p > ds->ptr[u] ? (uint64_t)ds->time[p - 1] : 0));
    return delta;
}

static enum pz_status save_times(const struct pz_dataset *ds, struct pz_writer *w,
                                 struct pz_err *err)
{
    /* Differences of a user are small and alike, so that they compress to a fraction of the times.
     */
    bool wide = false;
    void *delta = encode_times(ds, &wide);
    enum pz_status st;

    if (wide)
        delta = encode_wide_times(ds);
    if (!delta)
        return pz_err_memory(err, "time stamps", 8.0 * (double)ds->n_interactions);
    st = wide ? pz_writer_add(w, "inter/time", PZ_I64, delta, ds->n_interactions, err)
              : pz_writer_add(w, "inter/time32", PZ_U32, delta, ds->n_interactions, err);
    free(delta);
    return st;
}

/* Sum the differences of each user; false when a time is before the one before it or out of range.
 */
static bool decode_times(const struct pz_dataset *ds, int64_t *time)
{
    for (uint32_t u = 0; u < ds->users.n; u++)
        /* The differences are unsigned by the format; a negative one would be a time before the one
         * before. */
        for (uint64_t p = ds->ptr[u] + 1; p < ds->ptr[u + 1]; p++)
            if (time[p] < 0 || __builtin_add_overflow(time[p], time[p - 1], &time[p]))
                return false;
    return true;
}

static enum pz_status save_interactions(const struct pz_dataset *ds, struct pz_writer *w,
                                        struct pz_err *err)
{
    enum pz_status st = pz_writer_add(w, "inter/ptr", PZ_U64, ds->ptr, (uint64_t)ds->users.n + 1,
                                      err);

    if (st == PZ_OK)
        st = pz_writer_add(w, "inter/item", PZ_U32, ds->item, ds->n_interactions, err);
    if (st == PZ_OK)
        st = save_times(ds, w, err);
    if (st == PZ_OK && ds->event)
        st = pz_writer_add(w, "inter/event", PZ_U8, ds->event, ds->n_interactions, err);
    if (st == PZ_OK && ds->value)
        st = pz_writer_add(w, "inter/value", PZ_F32, ds->value, ds->n_interactions, err);
    if (st == PZ_OK && ds->impression_ptr)
        st = pz_writer_add(w, "inter/impression.ptr", PZ_U64, ds->impression_ptr,
                           ds->n_interactions + 1, err);
    if (st == PZ_OK && ds->impression_ptr)
        st = pz_writer_add(w, "inter/impression.item", PZ_U32, ds->impression,
                           ds->impression_ptr[ds->n_interactions], err);
    return st;
}

static enum pz_status save_marks(const struct pz_dataset *ds, struct pz_writer *w,
                                 struct pz_err *err)
{
    struct pz_str text = { 0 };
    enum pz_status st = PZ_OK;

    pz_watermarks_write(&ds->watermarks, &text);
    if (text.failed)
        st = pz_err_memory(err, "watermarks", 1e3);
    else if (text.len > 0)
        st = pz_writer_add_text(w, "marks", text.data, err);
    pz_str_clear(&text);
    return st;
}

enum pz_status pz_dataset_save(const struct pz_dataset *ds, const char *path, struct pz_err *err)
{
    struct pz_writer *w = NULL;
    enum pz_status st = pz_writer_open(path, "data", 1, &w, err);

    if (st == PZ_OK)
        st = pz_writer_add_dict(w, "users", &ds->users, err);
    if (st == PZ_OK)
        st = pz_writer_add_dict(w, "items", &ds->items, err);
    if (st == PZ_OK)
        st = pz_writer_add_dict(w, "events", &ds->events, err);
    if (st == PZ_OK)
        st = save_interactions(ds, w, err);
    if (st == PZ_OK)
        st = pz_attrs_save(&ds->context, "context", w, err);
    if (st == PZ_OK)
        st = pz_attrs_save(&ds->item_attrs, "items", w, err);
    if (st == PZ_OK)
        st = pz_attrs_save(&ds->user_attrs, "users", w, err);
    if (st == PZ_OK)
        st = save_marks(ds, w, err);
    if (st == PZ_OK)
        return pz_writer_commit(w, err);
    pz_writer_abort(w);
    return st;
}

/* At most 255 types; a type for every interaction or for none. */
static bool events_fit(const struct pz_dataset *ds)
{
    if (ds->events.n > PZ_MAX_EVENT_TYPES || (!ds->event && ds->events.n > 0))
        return false;
    for (uint64_t p = 0; ds->event && p < ds->n_interactions; p++)
        if (ds->event[p] >= ds->events.n)
            return false;
    return true;
}

static enum pz_status check_interactions(const struct pz_dataset *ds, struct pz_err *err)
{
    uint64_t n = ds->n_interactions, n_shown = ds->impression_ptr ? ds->impression_ptr[n] : 0;
    bool good = pz_lists_good(ds->ptr, ds->users.n, n, n, ds->item, ds->items.n) &&
                events_fit(ds) && ds->item_attrs.n_rows == ds->items.n &&
                ds->user_attrs.n_rows == ds->users.n &&
                (ds->context.n_attrs == 0 || ds->context.n_rows == n);

    if (good && ds->impression_ptr)
        good = pz_lists_good(ds->impression_ptr, n, n_shown, n_shown, ds->impression, ds->items.n);
    return good ? PZ_OK : pz_err_set(err, PZ_BAD_DATA, "the interactions are damaged");
}

static enum pz_status load_impressions(struct pz_dataset *ds, struct pz_err *err)
{
    struct pz_table *t = ds->store.table;
    const void *data = NULL;
    uint64_t n = 0;
    enum pz_status st;

    if (!pz_table_has(t, "inter/impression.ptr"))
        return PZ_OK;
    st = pz_table_get(t, "inter/impression.ptr", PZ_U64, ds->n_interactions + 1, &data, NULL, err);
    ds->impression_ptr = data;
    if (st == PZ_OK)
        st = pz_table_get(t, "inter/impression.item", PZ_U32, PZ_ANY, &data, &n, err);
    ds->impression = data;
    if (st == PZ_OK && ds->impression_ptr[ds->n_interactions] != n)
        st = pz_err_set(err, PZ_BAD_DATA, "the impressions are damaged");
    return st;
}

static enum pz_status read_time32(const struct pz_dataset *ds, int64_t *time, struct pz_err *err)
{
    const void *data = NULL;
    enum pz_status st = pz_table_get(ds->store.table, "inter/time32", PZ_U32, ds->n_interactions,
                                     &data, NULL, err);

    for (uint64_t p = 0; p < ds->n_interactions && st == PZ_OK; p++)
        time[p] = ((const uint32_t *)data)[p];
    pz_table_drop(ds->store.table, "inter/time32");
    return st;
}

/* Differences, in one of the two widths; decode_times sums them in *own, the same array. */
static enum pz_status load_times(struct pz_dataset *ds, int64_t **own, struct pz_err *err)
{
    struct pz_table *t = ds->store.table;
    const void *data = NULL;
    int64_t *time;
    enum pz_status st;

    if (!pz_table_has(t, "inter/time32")) {
        st = pz_table_get(t, "inter/time", PZ_I64, ds->n_interactions, &data, NULL, err);
        ds->time = data;
        *own = pz_table_copy(t, "inter/time");
        return st == PZ_OK && !*own ? pz_err_set(err, PZ_BAD_DATA, "the times are no packed column")
                                    : st;
    }
    ds->time = *own = time = pz_dataset_own(ds, pz_mem_room(ds->n_interactions, sizeof *time));
    return time ? read_time32(ds, time, err)
                : pz_err_memory(err, "time stamps", 8.0 * (double)ds->n_interactions);
}

/* Whether interactions have what is read as a whole: impressions, or columns of their own. */
static bool has_more(const struct pz_table *t)
{
    for (size_t i = 0; i < pz_table_n_columns(t); i++) {
        const char *name = pz_table_column(t, i).name;

        if ((strncmp(name, "context/", 8) == 0 && strcmp(name, "context/schema") != 0) ||
            strcmp(name, "inter/impression.ptr") == 0)
            return true;
    }
    return false;
}

/* all_ptr of a file can be followed. */
static bool ascends(const uint64_t *ptr, uint32_t n)
{
    bool good = ptr[0] == 0;

    for (uint32_t u = 0; u < n && good; u++)
        good = ptr[u] <= ptr[u + 1];
    return good;
}

/* ptr of the users that the rank reads. */
static enum pz_status keep_share(struct pz_dataset *ds, struct pz_err *err)
{
    uint32_t n = ds->users.n;
    uint64_t *ptr = pz_dataset_own(ds, pz_mem_array((size_t)n + 1, sizeof *ptr));

    if (!ptr)
        return pz_err_memory(err, "a share of the users", 8.0 * n);
    pz_shares_ptr(ds->all_ptr, n, ds->first_user, ds->end_user, ptr);
    ds->ptr = ptr;
    ds->n_interactions = ptr[n];
    return PZ_OK;
}

/* A column of the share's interactions; NULL where the file has none. */
static enum pz_status load_part(struct pz_dataset *ds, const char *name, enum pz_type type,
                                uint64_t first, void **data, struct pz_err *err)
{
    enum pz_status st;

    *data = NULL;
    if (!pz_table_has(ds->store.table, name))
        return PZ_OK;
    st = pz_table_get_part(ds->store.table, name, type, first, ds->n_interactions, data, err);
    if (st == PZ_OK && !(*data = pz_dataset_own(ds, *data)))
        st = pz_err_memory(err, name, 8.0 * (double)ds->n_interactions);
    return st;
}

/* Differences of the share's times. */
static enum pz_status load_time_part(struct pz_dataset *ds, uint64_t first, int64_t **time,
                                     struct pz_err *err)
{
    uint64_t n = ds->n_interactions;
    void *data = NULL;
    enum pz_status st;

    if (!pz_table_has(ds->store.table, "inter/time32")) {
        st = load_part(ds, "inter/time", PZ_I64, first, &data, err);
        *time = data;
        return st == PZ_OK && !data ? pz_err_set(err, PZ_BAD_DATA, "no column inter/time") : st;
    }
    st = pz_table_get_part(ds->store.table, "inter/time32", PZ_U32, first, n, &data, err);
    if (st == PZ_OK && !(*time = pz_dataset_own(ds, pz_mem_room(n + 1, sizeof **time))))
        st = pz_err_memory(err, "time stamps", 8.0 * (double)n);
    for (uint64_t p = 0; p < n && st == PZ_OK; p++)
        (*time)[p] = ((const uint32_t *)data)[p];
    free(data);
    return st;
}

static enum pz_status load_share(struct pz_dataset *ds, int64_t **time, struct pz_err *err)
{
    void *item = NULL, *event = NULL, *value = NULL;
    uint64_t first = ds->all_ptr[ds->first_user];
    enum pz_status st = keep_share(ds, err);

    if (st == PZ_OK)
        st = load_part(ds, "inter/item", PZ_U32, first, &item, err);
    if (st == PZ_OK)
        st = load_time_part(ds, first, time, err);
    if (st == PZ_OK)
        st = load_part(ds, "inter/event", PZ_U8, first, &event, err);
    if (st == PZ_OK)
        st = load_part(ds, "inter/value", PZ_F32, first, &value, err);
    ds->item = item;
    ds->time = *time;
    ds->event = event;
    ds->value = value;
    return st;
}

static enum pz_status load_interactions(struct pz_dataset *ds, int64_t **time, struct pz_err *err)
{
    struct pz_table *t = ds->store.table;
    const void *data = NULL;
    enum pz_status st;

    if (ds->all_ptr)
        return load_share(ds, time, err);
    /* The number of interactions is the length of this column; all others are held against it. */
    st = pz_table_get(t, "inter/item", PZ_U32, PZ_ANY, &data, &ds->n_interactions, err);
    ds->item = data;
    if (st == PZ_OK)
        st = load_times(ds, time, err);
    if (st == PZ_OK && pz_table_has(t, "inter/event")) {
        st = pz_table_get(t, "inter/event", PZ_U8, ds->n_interactions, &data, NULL, err);
        ds->event = data;
    }
    if (st == PZ_OK && pz_table_has(t, "inter/value")) {
        st = pz_table_get(t, "inter/value", PZ_F32, ds->n_interactions, &data, NULL, err);
        ds->value = data;
    }
    if (st == PZ_OK)
        st = load_impressions(ds, err);
    return st;
}

static enum pz_status load_marks(struct pz_table *t, struct pz_watermarks *marks,
                                 struct pz_err *err)
{
    char *text = NULL;
    enum pz_status st = PZ_OK;

    if (pz_table_has(t, "marks"))
        st = pz_table_get_text(t, "marks", &text, err);
    if (st == PZ_OK && text)
        st = pz_watermarks_read(marks, text, err);
    free(text);
    return st;
}

enum pz_status pz_dataset_watermarks(const char *path, struct pz_watermarks *marks,
                                     struct pz_err *err)
{
    struct pz_table *t = NULL;
    enum pz_status st = pz_table_open(path, "data", &t, err);

    if (st == PZ_OK) {
        st = load_marks(t, marks, err);
        if (st != PZ_OK)
            pz_err_prefix(err, "%s", path);
    }
    pz_table_close(t);
    return st;
}

/* What is known before interactions are read. */
static enum pz_status load_heads(struct pz_dataset *ds, struct pz_err *err)
{
    struct pz_table *t = ds->store.table;
    const void *ptr = NULL;
    enum pz_status st = pz_table_get_dict(t, "users", &ds->users, err);

    if (st == PZ_OK)
        st = pz_table_get_dict(t, "items", &ds->items, err);
    if (st == PZ_OK)
        st = pz_table_get_dict(t, "events", &ds->events, err);
    if (st == PZ_OK)
        st = pz_table_get(t, "inter/ptr", PZ_U64, (uint64_t)ds->users.n + 1, &ptr, NULL, err);
    ds->ptr = ptr;
    return st == PZ_OK && !ascends(ds->ptr, ds->users.n)
               ? pz_err_set(err, PZ_BAD_DATA, "the interactions are damaged")
               : st;
}

/* The times' own array; NULL: they are not as load_times reads them from 32 bits. */
static int64_t *own_times(const struct pz_dataset *ds)
{
    bool narrow = ds->store.table && !ds->all_ptr && pz_table_has(ds->store.table, "inter/time32");

    for (size_t i = 0; i < ds->store.n && narrow; i++)
        if (ds->store.array[i] == ds->time)
            return ds->store.array[i];
    return NULL;
}

bool pz_dataset_rest_times(const struct pz_dataset *ds)
{
    int64_t *time = own_times(ds);

    if (time)
        pz_mem_give_back(time, ds->n_interactions, sizeof *time);
    return time;
}

enum pz_status pz_dataset_wake_times(const struct pz_dataset *ds, struct pz_err *err)
{
    int64_t *time = own_times(ds);
    enum pz_status st = read_time32(ds, time, err);

    if (st == PZ_OK && !decode_times(ds, time))
        st = pz_err_set(err, PZ_BAD_DATA, "the times are damaged");
    if (st != PZ_OK)
        pz_err_prefix(err, "%s", pz_table_path(ds->store.table));
    return st;
}

static enum pz_status load_tables(struct pz_dataset *ds, struct pz_err *err)
{
    struct pz_table *t = ds->store.table;
    int64_t *time = NULL;
    enum pz_status st = load_interactions(ds, &time, err);

    if (st == PZ_OK)
        st = pz_attrs_load(t, "context", &ds->context, err);
    if (st == PZ_OK)
        st = pz_attrs_load(t, "items", &ds->item_attrs, err);
    if (st == PZ_OK)
        st = pz_attrs_load(t, "users", &ds->user_attrs, err);
    if (st == PZ_OK)
        st = load_marks(ds->store.table, &ds->watermarks, err);
    if (st == PZ_OK)
        /* Offsets are sound from here on: decode_times follows them. */
        st = check_interactions(ds, err);
    if (st == PZ_OK && !decode_times(ds, time))
        st = pz_err_set(err, PZ_BAD_DATA, "the times are damaged");
    return st;
}

enum pz_status pz_dataset_begin(const char *path, struct pz_dataset **out, struct pz_err *err)
{
    struct pz_dataset *ds = calloc(1, sizeof *ds);
    enum pz_status st;

    *out = NULL;
    if (!ds)
        return pz_err_memory(err, "a dataset", sizeof *ds);
    st = pz_table_open(path, "data", &ds->store.table, err);
    if (st == PZ_OK && pz_table_is_flat(ds->store.table))
        st = pz_err_set(err, PZ_BAD_DATA, "%s: datasets are packed tables", path);
    if (st == PZ_OK)
        st = pz_table_fingerprint(ds->store.table, ds->fingerprint, err);
    if (st == PZ_OK) {
        st = load_heads(ds, err);
        if (st != PZ_OK && st != PZ_TRY_AGAIN)
            pz_err_prefix(err, "%s", path);
    }
    if (st != PZ_OK) {
        pz_dataset_free(ds);
        ds = NULL;
    }
    *out = ds;
    return st;
}

enum pz_status pz_dataset_read(struct pz_dataset *ds, const char *path,
                               const struct pz_share *users, struct pz_err *err)
{
    enum pz_status st;

    if (users) {
        ds->all_ptr = ds->ptr;
        ds->first_user = (uint32_t)users->first;
        ds->end_user = (uint32_t)users->end;
    }
    st = load_tables(ds, err);
    if (st != PZ_OK && st != PZ_TRY_AGAIN)
        pz_err_prefix(err, "%s", path);
    return st;
}

bool pz_dataset_can_share(const struct pz_dataset *ds)
{
    return !has_more(ds->store.table);
}

enum pz_status pz_dataset_load(const char *path, struct pz_dataset **out, struct pz_err *err)
{
    enum pz_status st = pz_dataset_begin(path, out, err);

    if (st == PZ_OK)
        st = pz_dataset_read(*out, path, NULL, err);
    if (st != PZ_OK) {
        pz_dataset_free(*out);
        *out = NULL;
    }
    return st;
}

static void schema_field(struct pz_str *out, const struct pz_attr *a)
{
    const char *type = a->kind == PZ_ATTR_BOOL     ? "boolean"
                       : a->kind != PZ_ATTR_NUMBER ? "string"
                       : a->whole                  ? (a->wide ? "long" : "int")
                                                   : (a->wide ? "double" : "float");

    pz_str_adds(out, ",\n    {\"name\": ");
    pz_json_add_string(out, a->name, strlen(a->name));
    pz_str_adds(out, ", \"type\": ");
    pz_str_addf(out, a->nullable ? "[\"null\", \"%s\"]" : "\"%s\"", type);
    pz_str_adds(out, a->kind == PZ_ATTR_CATEGORY ? ", \"categorical\": true}"
                     : a->kind == PZ_ATTR_TEXT   ? ", \"textual\": true}"
                                                 : "}");
}

static void schema_record(struct pz_str *out, const char *name, const char *fixed,
                          const struct pz_attrs *attrs)
{
    pz_str_addf(out,
                "{\"type\": \"record\", \"name\": \"%s\",\n"
                "  \"namespace\": \"com.amazonaws.personalize.schema\",\n  \"fields\": [\n    %s",
                name, fixed);
    for (uint32_t i = 0; i < attrs->n_attrs; i++)
        schema_field(out, &attrs->attr[i]);
    pz_str_adds(out, "\n  ],\n  \"version\": \"1.0\"}");
}

void pz_dataset_schema(const struct pz_dataset *ds, struct pz_str *out)
{
    struct pz_str fixed = { 0 };

    pz_str_adds(&fixed, "{\"name\": \"USER_ID\", \"type\": \"string\"},\n"
                        "    {\"name\": \"ITEM_ID\", \"type\": \"string\"},\n"
                        "    {\"name\": \"TIMESTAMP\", \"type\": \"long\"}");
    if (ds->event)
        pz_str_adds(&fixed, ",\n    {\"name\": \"EVENT_TYPE\", \"type\": \"string\"}");
    if (ds->value)
        pz_str_adds(&fixed, ",\n    {\"name\": \"EVENT_VALUE\", \"type\": [\"null\", \"float\"]}");
    if (ds->impression_ptr)
        pz_str_adds(&fixed, ",\n    {\"name\": \"IMPRESSION\", \"type\": [\"null\", \"string\"]}");
    pz_str_adds(out, "[");
    schema_record(out, "Interactions", fixed.data ? fixed.data : "", &ds->context);
    if (ds->item_attrs.n_attrs > 0) {
        pz_str_adds(out, ",\n");
        schema_record(out, "Items", "{\"name\": \"ITEM_ID\", \"type\": \"string\"}",
                      &ds->item_attrs);
    }
    if (ds->user_attrs.n_attrs > 0) {
        pz_str_adds(out, ",\n");
        schema_record(out, "Users", "{\"name\": \"USER_ID\", \"type\": \"string\"}",
                      &ds->user_attrs);
    }
    pz_str_adds(out, "]\n");
    pz_str_clear(&fixed);
}
