/* SPDX-License-Identifier: Apache-2.0 */
/* Putting many events: see put.h. Members and cells are given to fields of the event by name;
 * what no field takes becomes a property, kept as the text of a JSON object, under the first of
 * a name.
 *
 * An event's own members win over its properties, whatever their order in the text. A user or
 * session called null or the like is none, so that strangers are not joined under that name; an
 * event left with neither is left out and counted. What was made of times, ids that stand for
 * two events, and what was passed over are said once for a run, not once a record. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "data/schema.h"
#include "live/put_private.h"

enum { NAMES_MAX = 128 };

/* One event in the making. Its other columns grow as the text of a JSON object. */
struct draft {
    struct pz_event e; /* time INT64_MIN: none yet */
    struct pz_str props;
    char *name[NAMES_MAX]; /* of the columns in props, in the arena */
    size_t n_names;
    unsigned forms;               /* of times */
    unsigned n_none;              /* users and sessions that are none */
    unsigned n_doubled;           /* reserved names in properties, which the event itself has */
    const char *time_like;        /* another member that looks like the time, in the arena */
    const struct pz_attrs *known; /* NULL: no model */
    const struct pz_strs *map;
    struct pz_arena *arena;
};

struct events {
    struct pz_live_store *s;
    struct pz_log *log;
    const struct pz_put_cfg *cfg; /* NULL: a request of a server */
    struct pz_event *event;
    size_t n, cap, bytes; /* bytes: of the long texts */
    struct pz_arena arena;
    struct pz_str cell, props;
    int64_t now;
    uint64_t n_odd;                        /* times that look wrong */
    uint64_t n_nobodys;                    /* records left out, as they are nobody's */
    uint64_t n_none, n_doubled, n_no_item; /* as in drafts; events of requests without an item */
    unsigned forms;                        /* of times: bits */
};

static enum pz_status bad(const char *column, const char *reason, const char *s, size_t n,
                          struct pz_err *err)
{
    return pz_err_set(err, PZ_BAD_DATA, "%s: %s: \"%.*s\"", column, reason, (int)(n < 60 ? n : 60),
                      s);
}

static void start(struct draft *d, struct pz_arena *arena)
{
    pz_str_reset(&d->props);
    d->n_names = 0;
    d->time_like = NULL;
    d->arena = arena;
    d->e = (struct pz_event){ .value = NAN, .time = INT64_MIN };
}

/* ---- fields ---- */

static enum pz_status set_text(struct draft *d, const char **field, const char *name, const char *s,
                               size_t n, struct pz_err *err)
{
    const char *why;

    if (*field) /* what stands on the event itself counts before its properties */
        return PZ_OK;
    if (field == &d->e.event_type)
        pz_str_trim(&s, &n);
    if (n == 0)
        return PZ_OK;
    why = field == &d->e.impression ? pz_put_shown_fault(s, n)
          : n > PZ_LIVE_ID_MAX      ? "is longer than 256 bytes"
                                    : pz_str_text_fault(s, n);
    if (why)
        return bad(name, why, s, n, err);
    *field = pz_arena_strndup(d->arena, s, n);
    if (!*field)
        return pz_err_memory(err, "events", 1e5);
    if ((field == &d->e.user_id || field == &d->e.session_id) && pz_put_is_none(*field)) {
        *field = NULL; /* what clients send for everybody must not join strangers */
        d->n_none++;
    }
    return PZ_OK;
}

/* Whether a member is the event's time under another name: by its name, and by its value. */
static bool is_time_like(const char *name, const char *s, size_t n)
{
    static const char *const part[] = { "time", "date", "stamp", "sent", "when" };
    enum { Y1990 = 631152000 };
    enum pz_time_form form;
    int64_t seconds;
    bool named = strcasecmp(name, "ts") == 0 || strcasecmp(name, "at") == 0;

    for (size_t i = 0; i < sizeof part / sizeof *part && !named; i++)
        named = strcasestr(name, part[i]) != NULL;
    return named && pz_time_guess(s, n, &form) && pz_time_parse(s, n, form, &seconds) &&
           seconds > Y1990;
}

/* A column of Interactions beside the fixed ones; the first of a name counts. */
static enum pz_status set_other(struct draft *d, const char *name, const json_t *value,
                                const char *s, size_t n, struct pz_err *err)
{
    const struct pz_attr *a = pz_attrs_find(d->known, name);
    const char *why;

    for (size_t i = 0; i < d->n_names; i++)
        if (pz_str_same_name(d->name[i], name))
            return PZ_OK;
    if (!pz_schema_name_fits(name))
        return bad(name, "cannot be the name of a column", s, n, err);
    if (d->n_names == NAMES_MAX)
        return bad(name, "is one column too many; an event may have 128", s, n, err);
    pz_str_trim(&s, &n);
    if (n == 0)
        return PZ_OK;
    if ((why = pz_put_text_fault(s, n)))
        return bad(name, why, s, n, err);
    if (a && (why = pz_put_check(a, value, s, n)))
        return bad(name, why, s, n, err);
    if (!(d->name[d->n_names++] = pz_arena_strndup(d->arena, name, strlen(name))))
        return pz_err_memory(err, "events", 1e5);
    if (!d->time_like && is_time_like(name, s, n))
        d->time_like = d->name[d->n_names - 1];
    pz_str_addc(&d->props, d->props.len ? ',' : '{');
    pz_json_add_string(&d->props, name, strlen(name));
    pz_str_addc(&d->props, ':');
    if (json_is_number(value) || json_is_boolean(value))
        pz_str_add(&d->props, s, n);
    else
        pz_json_add_string(&d->props, s, n);
    return d->props.failed ? pz_err_memory(err, "events", 1e5) : PZ_OK;
}

static enum pz_status set_time(struct draft *d, const char *name, const char *s, size_t n,
                               struct pz_err *err)
{
    const char *why = pz_put_time(s, n, &d->e.time, &d->forms);

    return why ? bad(name, why, s, n, err) : PZ_OK;
}

static enum pz_status set_value(struct draft *d, const char *name, const char *s, size_t n,
                                struct pz_err *err)
{
    double x;

    if (!pz_str_to_double(s, n, &x) || fabs(x) > (double)3.4e38f)
        return bad(name, "is not a number", s, n, err);
    if (isnan(d->e.value))
        d->e.value = x;
    return PZ_OK;
}

/* Set a field by its name. value: the JSON value that s was made from; NULL: a CSV cell. */
static enum pz_status set_field(struct draft *d, const char *name, const json_t *value,
                                const char *s, size_t n, struct pz_err *err)
{
    struct pz_event *e = &d->e;
    char buf[PZ_NAME_MAX + 1];
    const struct {
        const char *name;
        const char **field;
    } texts[] = { { "userId", &e->user_id },       { "sessionId", &e->session_id },
                  { "itemId", &e->item_id },       { "eventType", &e->event_type },
                  { "eventId", &e->event_id },     { "recommendationId", &e->recommendation_id },
                  { "impression", &e->impression } };

    if (n == 0)
        return PZ_OK;
    name = pz_put_name(d->map, name, buf);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (!pz_str_same_name(name, texts[i].name))
            continue;
        if (json_is_boolean(value) || (json_is_array(value) && texts[i].field != &e->impression))
            return bad(name, "must be a string", s, n, err);
        return set_text(d, texts[i].field, name, s, n, err);
    }
    if (pz_str_same_name(name, "eventValue"))
        return set_value(d, name, s, n, err);
    if (pz_str_same_name(name, "sentAt") || pz_str_same_name(name, "timestamp"))
        return set_time(d, name, s, n, err);
    return pz_str_same_name(name, "trackingId") ? PZ_OK : set_other(d, name, value, s, n, err);
}

static enum pz_status set_json(struct draft *d, const char *name, const json_t *value,
                               struct pz_str *cell, struct pz_err *err)
{
    const char *why;

    pz_str_reset(cell);
    why = pz_put_cell(value, cell);
    return why ? pz_err_set(err, PZ_BAD_DATA, "%s: %s", name, why)
               : set_field(d, name, value, cell->data ? cell->data : "", cell->len, err);
}

/* Fields that belong on the event itself. A time in the properties beside the event's own is
 * something else of that name (a position in a film, "timestamp": 139.5) and passed over. */
static bool is_misplaced(struct draft *d, const char *name, bool *passed)
{
    static const char *const reserved[] = { "userId", "sessionId", "eventType", "timestamp",
                                            "sentAt" };
    bool found = false;

    for (size_t i = 0; i < sizeof reserved / sizeof *reserved && !found; i++)
        if ((found = pz_str_same_name(name, reserved[i])))
            *passed = i >= 3 && d->e.time != INT64_MIN;
    return found;
}

/* Properties are columns of Interactions, and what older clients have no other place for. */
static enum pz_status set_properties(struct draft *d, const json_t *value, struct pz_str *cell,
                                     struct pz_err *err)
{
    json_t *object = NULL, *one;
    const char *key;
    enum pz_status st = pz_put_parse(value, &object, err);

    if (st == PZ_OK)
        json_object_foreach (object, key, one) {
            bool passed = false, misplaced = is_misplaced(d, key, &passed);

            if (passed)
                d->n_doubled++;
            else if (misplaced)
                st = pz_err_set(err, PZ_BAD_DATA,
                                "properties: \"%s\" belongs on the event, not inside properties",
                                key);
            else
                st = set_json(d, key, one, cell, err);
            if (st != PZ_OK)
                break;
        }
    json_decref(object);
    return st;
}

/* All members of an object; properties last, whatever the order. */
static enum pz_status set_all(struct draft *d, const json_t *object, struct pz_str *cell,
                              struct pz_err *err)
{
    json_t *value, *properties = NULL, *source;
    const char *key;
    enum pz_status st = PZ_OK;

    json_object_foreach (pz_json_lend(object), key, value) {
        if (strcmp(key, "properties") == 0) {
            properties = value;
        } else if (strcmp(key, "metricAttribution") == 0) {
            source = json_object_get(value, "eventAttributionSource");
            st = source ? set_json(d, "eventAttributionSource", source, cell, err) : PZ_OK;
        } else if (strcmp(key, "eventList") != 0) {
            st = set_json(d, key, value, cell, err);
        }
        if (st != PZ_OK)
            return st;
    }
    return properties && !json_is_null(properties) ? set_properties(d, properties, cell, err)
                                                   : PZ_OK;
}

/* ---- events ---- */

/* PZ_NEGATIVE: the event is nobody's, as its user or session is called null or the like. */
static enum pz_status finish(struct draft *d, struct pz_err *err)
{
    if (!d->e.user_id && !d->e.session_id)
        return pz_err_set(err, d->n_none > 0 ? PZ_NEGATIVE : PZ_BAD_DATA,
                          "userId: a user id or a session id is needed");
    if (!d->e.event_type)
        return pz_err_set(err, PZ_BAD_DATA, "eventType: is missing");
    if (d->props.len == 0)
        return PZ_OK;
    pz_str_addc(&d->props, '}');
    if (d->props.failed)
        return pz_err_memory(err, "events", 1e5);
    if (d->props.len > PZ_LIVE_TEXT_MAX)
        return pz_err_set(err, PZ_BAD_DATA, "properties: more than 1 MB");
    d->e.properties = pz_arena_strndup(d->arena, d->props.data, d->props.len);
    return d->e.properties ? PZ_OK : pz_err_memory(err, "events", 1e5);
}

enum pz_status pz_put_properties(struct pz_event *e, const char *json, const struct pz_attrs *known,
                                 struct pz_arena *arena, struct pz_err *err)
{
    struct draft d = { .known = known };
    struct pz_str cell = { 0 };
    json_t *object = NULL;
    enum pz_status st = pz_json_parse(json, strlen(json), "properties", &object, err);

    start(&d, arena);
    d.e = *e;
    if (st == PZ_OK)
        st = set_properties(&d, object, &cell, err);
    if (st == PZ_OK)
        st = finish(&d, err);
    if (st == PZ_OK)
        *e = d.e;
    json_decref(object);
    pz_str_clear(&cell);
    pz_str_clear(&d.props);
    return st;
}

/* Times of 1980 or of tomorrow mostly are milliseconds read as seconds, or the reverse. */
static void look_at_time(struct events *t, const struct pz_event *e)
{
    t->n_odd += e->time < 315532800 || e->time > t->now + 86400;
}

/* What a flat record of a file must have; a CSV file was looked at by start_events. The members
 * that it has are told, for a slip of the pen in one of them. */
static enum pz_status check_record(const struct events *t, const struct draft *d,
                                   struct pz_err *err)
{
    struct pz_str names = { 0 };
    enum pz_status st = PZ_OK;

    for (size_t i = 0; i < d->n_names; i++)
        pz_str_addf(&names, "%s%s", i > 0 ? ", " : "", d->name[i]);
    if (!d->e.item_id && !t->cfg->no_item)
        st = pz_err_set(err, PZ_BAD_DATA,
                        "itemId: is missing%s%s (--map ITEM_ID=NAME if it has another name, "
                        "--no-item to store events without one)",
                        names.len ? "; other columns are " : "", names.len ? names.data : "");
    else if (d->e.time == INT64_MIN && d->time_like && !t->cfg->now)
        st = pz_err_set(
            err, PZ_BAD_DATA,
            "timestamp: is missing, and %s looks like it: --map TIMESTAMP=%s, or --now if "
            "the event happens now",
            d->time_like, d->time_like);
    pz_str_clear(&names);
    return st;
}

static enum pz_status keep(struct events *t, struct draft *d, bool flat, struct pz_err *err)
{
    enum pz_status st = finish(d, err);

    if (st == PZ_OK && flat)
        st = check_record(t, d, err);

    if (st == PZ_OK && !pz_mem_grow(&t->event, &t->cap, t->n + 1, sizeof *t->event))
        st = pz_err_memory(err, "events", 1e6);
    if (st != PZ_OK)
        return st;
    if (d->e.time == INT64_MIN)
        d->e.time = t->now = pz_time_now();
    t->n_no_item += !d->e.item_id;
    look_at_time(t, &d->e);
    t->bytes += d->e.properties ? strlen(d->e.properties) : 0;
    t->bytes += d->e.impression ? strlen(d->e.impression) : 0;
    t->event[t->n++] = d->e;
    return PZ_OK;
}

/* The events of a PutEvents request: each has the request's user and session. */
static enum pz_status take_request(struct events *t, const json_t *doc, struct draft *d,
                                   struct pz_err *err)
{
    const json_t *list = json_object_get(doc, "eventList"), *one;
    size_t i;
    enum pz_status st = PZ_OK;

    if (!json_is_array(list))
        return pz_err_set(err, PZ_BAD_DATA, "eventList: must be an array");
    json_array_foreach (list, i, one) {
        start(d, &t->arena);
        st = json_is_object(one) ? set_all(d, one, &t->cell, err)
                                 : pz_err_set(err, PZ_BAD_DATA, "must be an object");
        if (st == PZ_OK)
            st = set_all(d, doc, &t->cell, err);
        if (st == PZ_OK)
            st = keep(t, d, false, err);
        if (st != PZ_OK) {
            pz_err_prefix(err, "event %zu of the list", i + 1);
            return st;
        }
    }
    return PZ_OK;
}

static enum pz_status take_event(void *context, const json_t *doc, const struct pz_rows_in *in,
                                 const struct pz_row *row, struct pz_err *err)
{
    struct events *t = context;
    struct draft d = { .props = t->props, .known = t->cfg->known, .map = t->cfg->map };
    size_t before = t->n;
    enum pz_status st = PZ_OK;

    start(&d, &t->arena);
    if (doc && json_object_get(doc, "eventList"))
        st = take_request(t, doc, &d, err);
    else if (doc)
        st = set_all(&d, doc, &t->cell, err);
    for (size_t i = 0; !doc && st == PZ_OK && i < pz_rows_n_columns(in); i++)
        st = set_field(&d, pz_rows_column(in, i), NULL, row->cell[i].s, row->cell[i].n, err);
    if (st == PZ_OK && !(doc && json_object_get(doc, "eventList")))
        st = keep(t, &d, true, err);
    if (st != PZ_OK)
        t->n = before;
    t->props = d.props;
    t->forms |= d.forms;
    t->n_none += d.n_none;
    t->n_nobodys += st == PZ_NEGATIVE;
    t->n_doubled += d.n_doubled;
    return st;
}

enum pz_status pz_put_event_list(const json_t *doc, const struct pz_attrs *known,
                                 struct pz_arena *arena, struct pz_event **event, size_t *n,
                                 struct pz_err *err)
{
    struct events t = { .arena = *arena, .now = pz_time_now() };
    struct draft d = { .known = known };
    enum pz_status st = take_request(&t, doc, &d, err);

    if (st == PZ_NEGATIVE) /* a request for nobody is a wrong request */
        st = PZ_BAD_DATA;
    if (err && st == PZ_BAD_DATA)
        err->status = st;
    *event = st == PZ_OK ? pz_arena_take(&t.arena, t.n * sizeof **event) : NULL;
    if (st == PZ_OK && !*event)
        st = pz_err_memory(err, "events", (double)t.n * sizeof **event);
    if (st == PZ_OK)
        memcpy(*event, t.event, t.n * sizeof **event);
    *n = st == PZ_OK ? t.n : 0;
    *arena = t.arena;
    free(t.event);
    pz_str_clear(&t.cell);
    pz_str_clear(&d.props);
    return st;
}

static size_t pending(const void *context)
{
    return ((const struct events *)context)->n;
}

static bool is_large(const void *context)
{
    return ((const struct events *)context)->bytes > PZ_PUT_BYTES;
}

/* An id for two events is a fault of the sender's that loses one of them: named once, counted. */
static void report_conflict(struct events *t, const struct pz_event *e, struct pz_put_count *count)
{
    if (count->conflicts++ == 0)
        pz_log(
            t->log, PZ_LOG_WARN,
            "event id \"%s\" was stored before for another user or item: not stored again (%s%s, "
            "item %s)",
            e->event_id, e->user_id ? "user " : "session ", e->user_id ? e->user_id : e->session_id,
            e->item_id ? e->item_id : "none");
}

static enum pz_status store(void *context, struct pz_put_count *count, struct pz_err *err)
{
    struct events *t = context;
    enum pz_live_fate *fate = pz_mem_array(t->n, sizeof *fate);
    enum pz_status st = fate ? pz_live_put_each(t->s, t->event, t->n, fate, &count->last, err)
                             : pz_err_memory(err, "events", 1e5);

    for (size_t i = 0; i < t->n && st == PZ_OK; i++) {
        count->stored += fate[i] == PZ_LIVE_STORED;
        if (fate[i] == PZ_LIVE_CONFLICT)
            report_conflict(t, &t->event[i], count);
        else if (fate[i] == PZ_LIVE_REFUSED) /* `finish` let it pass */
            st = pz_live_check(&t->event[i], err);
    }
    free(fate);
    t->n = t->bytes = 0;
    pz_arena_clear(&t->arena);
    return st;
}

static enum pz_status start_events(void *context, const struct pz_rows_in *in, struct pz_err *err)
{
    const struct events *t = context;
    const struct pz_strs *map = t->cfg->map;

    if (!t->cfg->no_item && !pz_put_has(map, in, "itemId"))
        return pz_put_no_column(
            in,
            "there is no column for the item (ITEM_ID, or --map ITEM_ID=COLUMN; "
            "--no-item stores events without one)",
            err);
    if (!t->cfg->now && !pz_put_has(map, in, "timestamp") && !pz_put_has(map, in, "sentAt"))
        return pz_put_no_column(in,
                                "there is no column for the time (TIMESTAMP, or --map "
                                "TIMESTAMP=COLUMN; --now stores events as happening now)",
                                err);
    return PZ_OK;
}

/* What was passed over: once for all. */
static void report_passed(const struct events *t)
{
    if (t->n_none > 0)
        pz_log(
            t->log, PZ_LOG_WARN,
            "%llu ids of users or sessions are \"null\", \"undefined\" or the like: taken as none; "
            "%llu records that are nobody's then are left out",
            (unsigned long long)t->n_none, (unsigned long long)t->n_nobodys);
    if (t->n_doubled > 0)
        pz_log(
            t->log, PZ_LOG_NOTE,
            "%llu properties called timestamp or sentAt are passed over: the events have a time of "
            "their own",
            (unsigned long long)t->n_doubled);
    if (t->n_no_item > 0)
        pz_log(t->log, PZ_LOG_NOTE, "%llu events have no item: no training uses them",
               (unsigned long long)t->n_no_item);
}

/* Say what was made of the times: a wrong unit is the commonest fault of event senders. */
static void say_times(const struct events *t)
{
    for (unsigned f = PZ_TIME_MILLIS; f <= PZ_TIME_NANOS; f++)
        if (t->forms & 1u << f)
            pz_log(t->log, t->forms & (t->forms - 1) ? PZ_LOG_WARN : PZ_LOG_NOTE,
                   "times are %s%s, told by their magnitude",
                   t->forms & (t->forms - 1) ? "partly in " : "in ",
                   pz_time_form_name((enum pz_time_form)f));
    if (t->n_odd > 0)
        pz_log(t->log, PZ_LOG_WARN,
               "%llu events are dated before 1980 or after tomorrow: are their times Unix seconds?",
               (unsigned long long)t->n_odd);
}

enum pz_status pz_put_events(struct pz_live_store *s, const struct pz_put_cfg *cfg,
                             struct pz_put_count *count, struct pz_err *err)
{
    struct events t = { .s = s, .log = cfg->log, .cfg = cfg, .now = pz_time_now() };
    struct pz_put_sink sink = { start_events, take_event, pending, is_large, store, &t };
    enum pz_status st = pz_put_run(cfg, &sink, count, err);

    report_passed(&t);
    say_times(&t);
    free(t.event);
    pz_arena_clear(&t.arena);
    pz_str_clear(&t.cell);
    pz_str_clear(&t.props);
    return st;
}
