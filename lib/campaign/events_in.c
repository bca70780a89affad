/* SPDX-License-Identifier: Apache-2.0 */
/* Reading events: see events_in.h. */
#include "campaign/events_in.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/time.h"
#include "data/rows.h"

enum { BATCH = 1000 };

struct reading {
    struct pz_live_store *store;
    const struct pz_rows_in *in;
    uint64_t line;
    struct pz_event event[BATCH];
    size_t n, *n_read, *n_new;
    uint64_t *last;
    struct pz_arena arena;
};

static enum pz_status bad(const struct reading *t, const char *column, const char *reason,
                          struct pz_err *err)
{
    return pz_err_set(err, PZ_BAD_DATA, "%s:%llu: %s: %s (%zu events before it were stored)",
                      pz_rows_name(t->in), (unsigned long long)t->line, column, reason, *t->n_new);
}

static enum pz_status flush(struct reading *t, struct pz_err *err)
{
    size_t n_new = 0;
    enum pz_status st = PZ_OK;

    if (t->n > 0)
        st = pz_live_put(t->store, t->event, t->n, &n_new, t->last, err);
    *t->n_new += n_new;
    t->n = 0;
    pz_arena_clear(&t->arena);
    return st;
}

/* Set a field by its name; names that mean nothing here are passed over. */
static enum pz_status set_field(struct reading *t, struct pz_event *e, const char *name, const char *s,
                                size_t n, struct pz_err *err)
{
    struct {
        const char *name;
        const char **field;
    } texts[] = { { "userId", &e->user_id },       { "sessionId", &e->session_id },
                  { "itemId", &e->item_id },       { "eventType", &e->event_type },
                  { "eventId", &e->event_id } };
    enum pz_time_form form;

    if (n == 0)
        return PZ_OK;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (pz_str_same_name(name, texts[i].name)) {
            if (!pz_str_is_utf8(s, n) || n > 256)
                return bad(t, name, "must be 1 to 256 bytes of UTF-8", err);
            *texts[i].field = pz_arena_strndup(&t->arena, s, n);
            return *texts[i].field ? PZ_OK : pz_err_memory(err, "events", 1e5);
        }
    if (pz_str_same_name(name, "eventValue") && !pz_str_to_double(s, n, &e->value))
        return bad(t, name, "is not a number", err);
    if ((pz_str_same_name(name, "sentAt") || pz_str_same_name(name, "timestamp")) &&
        !(pz_time_guess(s, n, &form) && pz_time_parse(s, n, form, &e->time)))
        return bad(t, name, "is not a time", err);
    return PZ_OK;
}

static enum pz_status set_json(struct reading *t, struct pz_event *e, const char *name,
                               const json_t *value, struct pz_err *err)
{
    struct pz_str text = { 0 };
    enum pz_status st;

    if (json_is_string(value))
        return set_field(t, e, name, json_string_value(value), json_string_length(value), err);
    if (json_is_integer(value))
        pz_str_addf(&text, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        pz_str_add_double(&text, json_real_value(value));
    st = text.data ? set_field(t, e, name, text.data, text.len, err) : PZ_OK;
    pz_str_clear(&text);
    return st;
}

static enum pz_status add_event(struct reading *t, struct pz_event *e, struct pz_err *err)
{
    if (!e->user_id && !e->session_id)
        return bad(t, "userId", "a user id or a session id is needed", err);
    if (!e->event_type)
        return bad(t, "eventType", "is missing", err);
    if (e->time == INT64_MIN)
        e->time = pz_time_now();
    t->event[t->n++] = *e;
    (*t->n_read)++;
    return t->n == BATCH ? flush(t, err) : PZ_OK;
}

static const struct pz_event empty = { .value = NAN, .time = INT64_MIN };

/* Properties may name the item and the value where the event does not, and nothing else of it. */
static enum pz_status set_properties(struct reading *t, struct pz_event *e, const json_t *object,
                                     struct pz_err *err)
{
    const json_t *item = json_object_get(object, "itemId"), *value = json_object_get(object, "eventValue");
    enum pz_status st = PZ_OK;

    if (item && !e->item_id)
        st = set_json(t, e, "itemId", item, err);
    if (st == PZ_OK && value && isnan(e->value))
        st = set_json(t, e, "eventValue", value, err);
    return st;
}

static enum pz_status set_all(struct reading *t, struct pz_event *e, json_t *object,
                              struct pz_err *err)
{
    const char *key;
    json_t *value, *inner = NULL;
    enum pz_status st = PZ_OK;

    json_object_foreach(object, key, value) {
        if (st != PZ_OK)
            break;
        if (strcmp(key, "properties") != 0) {
            st = set_json(t, e, key, value, err);
            continue;
        }
        if (json_is_string(value))
            st = pz_json_parse(json_string_value(value), json_string_length(value), "properties",
                               &inner, err);
        if (st != PZ_OK)
            st = bad(t, "properties", "is not JSON", err);
        else
            st = set_properties(t, e, inner ? inner : value, err);
        json_decref(inner);
        inner = NULL;
    }
    return st;
}

/* A PutEvents request, or one flat event. */
static enum pz_status take_object(struct reading *t, json_t *doc, struct pz_err *err)
{
    json_t *list = json_object_get(doc, "eventList"), *one;
    struct pz_event common = empty, e;
    size_t i;
    enum pz_status st;

    if (!json_is_array(list)) {
        st = set_all(t, &common, doc, err);
        return st == PZ_OK ? add_event(t, &common, err) : st;
    }
    json_array_foreach(list, i, one) {
        const char *user = json_string_value(json_object_get(doc, "userId"));
        const char *session = json_string_value(json_object_get(doc, "sessionId"));

        e = empty; /* a flush inside add_event clears the arena: copy the ids for each event */
        st = user ? set_field(t, &e, "userId", user, strlen(user), err) : PZ_OK;
        if (st == PZ_OK && session)
            st = set_field(t, &e, "sessionId", session, strlen(session), err);
        if (st == PZ_OK)
            st = set_all(t, &e, one, err);
        if (st == PZ_OK)
            st = add_event(t, &e, err);
        if (st != PZ_OK)
            return st;
    }
    return PZ_OK;
}

static enum pz_status take_row(struct reading *t, const struct pz_row *row, struct pz_err *err)
{
    struct pz_event e = empty;
    json_t *doc = NULL;
    enum pz_status st = PZ_OK;

    t->line = row->line;
    if (row->n_raw > 0 && row->raw[0] == '{') {
        st = pz_json_parse(row->raw, row->n_raw, pz_rows_name(t->in), &doc, err);
        if (st != PZ_OK)
            return bad(t, "line", "is not a JSON object", err);
        st = take_object(t, doc, err);
        json_decref(doc);
        return st;
    }
    if (row->bad)
        return bad(t, "line", row->bad, err);
    for (size_t i = 0; i < pz_rows_n_columns(t->in) && st == PZ_OK; i++)
        st = set_field(t, &e, pz_rows_column(t->in, i), row->cell[i].s, row->cell[i].n, err);
    return st == PZ_OK ? add_event(t, &e, err) : st;
}

enum pz_status pz_events_read(struct pz_live_store *s, const char *path, size_t *n_read, size_t *n_new,
                              uint64_t *last, struct pz_err *err)
{
    struct reading *t = calloc(1, sizeof *t);
    struct pz_rows_in *in = NULL;
    struct pz_row row = { 0 };
    enum pz_status st = t ? pz_rows_open(path, &in, err) : pz_err_memory(err, "events", sizeof *t);

    *n_read = *n_new = 0;
    if (st == PZ_OK) {
        t->store = s;
        t->in = in;
        t->n_read = n_read;
        t->n_new = n_new;
        t->last = last;
    }
    while (st == PZ_OK && !row.end) {
        st = pz_rows_next(in, &row, err);
        if (st == PZ_OK && !row.end)
            st = take_row(t, &row, err);
    }
    if (st == PZ_OK)
        st = flush(t, err);
    if (t)
        pz_arena_clear(&t->arena);
    pz_rows_close(in);
    free(t);
    return st;
}
