/* SPDX-License-Identifier: Apache-2.0 */
/* The loop under putting many: see put_private.h; and values, names of columns and lists of ids,
 * which events and rows have in common.
 *
 * Records are taken one by one and stored in batches, and before every wait for a silent input;
 * a bad one is left out or ends the run. A bad record or a signal ends it only after what was
 * taken before is stored, so that the count of stored records tells where to go on. */
#include "live/put_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/signals.h"
#include "base/time.h"
#include "data/schema.h"

enum { WAIT_MS = 200 };

struct run {
    const struct pz_put_cfg *cfg;
    const struct pz_put_sink *sink;
    struct pz_put_count *count;
    struct pz_rows_in *in;
    uint64_t line; /* of the current record */
};

/* ---- values ---- */

static const char *add_scalar(const json_t *value, struct pz_str *out)
{
    /* Texts are C strings from here on, and a hidden rest would be lost without a word. */
    if (json_is_string(value) && memchr(json_string_value(value), '\0', json_string_length(value)))
        return "has a NUL byte";
    if (!pz_json_add_scalar(out, value))
        return "must be a plain value or an array of them";
    return out->failed ? "is too large for the memory" : NULL;
}

const char *pz_put_cell(const json_t *value, struct pz_str *out)
{
    const char *why = NULL;
    const json_t *part;
    size_t i;

    if (!json_is_array(value))
        return add_scalar(value, out);
    json_array_foreach (value, i, part) {
        if (json_is_string(part) && strchr(json_string_value(part), '|'))
            return "has a value with '|', which separates values";
        if (i > 0)
            pz_str_addc(out, '|');
        if (!why)
            why = add_scalar(part, out);
    }
    return why;
}

const char *pz_put_time(const char *s, size_t n, int64_t *seconds, unsigned *forms)
{
    enum pz_time_form form;

    if (!pz_time_guess(s, n, &form) || !pz_time_parse(s, n, form, seconds))
        return "is not a time (Unix seconds, milliseconds, microseconds, nanoseconds, or ISO-8601)";
    if (forms)
        *forms |= 1u << form;
    return *seconds >= 100000000000 || *seconds <= -100000000000 ? "is a time out of range" : NULL;
}

enum pz_status pz_put_parse(const json_t *value, json_t **object, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    *object = NULL;
    if (json_is_string(value))
        st = pz_json_parse(json_string_value(value), json_string_length(value), "properties",
                           object, err);
    else if (value)
        *object = json_incref(pz_json_lend(value));
    if (st == PZ_OK && !json_is_object(*object))
        st = pz_err_set(err, PZ_BAD_DATA,
                        "properties: must be a JSON object, or a string that holds one");
    return st;
}

static const char *check_number(const struct pz_attr *a, const char *s, size_t n)
{
    double x;

    if (!pz_str_to_double(s, n, &x))
        return "must be a number";
    return pz_number_misfit(a->whole, a->wide, x);
}

const char *pz_put_check(const struct pz_attr *a, const json_t *value, const char *s, size_t n)
{
    bool truth;

    if (a->kind == PZ_ATTR_NUMBER)
        return json_is_boolean(value) || json_is_array(value) ? "must be a number"
                                                              : check_number(a, s, n);
    if (a->kind == PZ_ATTR_BOOL)
        return pz_str_to_bool(s, n, &truth) ? NULL : "must be true or false";
    return a->kind == PZ_ATTR_TEXT && json_is_array(value) ? "must be one text" : NULL;
}

/* What an import would refuse is refused here: an export is imported. */
const char *pz_put_text_fault(const char *s, size_t n)
{
    return n > PZ_CELL_MAX ? "is longer than 100,000 bytes" : pz_str_text_fault(s, n);
}

const char *pz_put_shown_fault(const char *s, size_t n)
{
    for (const char *at = s, *end = s + n; at < end; at++) {
        const char *bar = memchr(at, '|', (size_t)(end - at));

        bar = bar ? bar : end;
        if (bar - at > PZ_LIVE_ID_MAX)
            return "has an item id longer than 256 bytes";
        at = bar;
    }
    return pz_put_text_fault(s, n);
}

bool pz_put_is_none(const char *id)
{
    /* What programs of several languages print for an id that they do not have. As an id it would
     * collect the events of everybody. */
    static const char *const none[] = { "", "null", "undefined", "none", "nan", "nil", "(null)" };

    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (strcasecmp(id, none[i]) == 0)
            return true;
    return false;
}

/* ---- names of columns ---- */

/* One pair OURS=THEIRS of an entry like "A=x,B=y"; false after the last. */
static bool next_pair(const char **at, const char **is, size_t *n)
{
    *at += **at == ',';
    *n = strcspn(*at, ",");
    *is = memchr(*at, '=', *n);
    return *n > 0;
}

const char *pz_put_name(const struct pz_strs *map, const char *name, char *buf)
{
    const char *is;
    size_t n;

    for (size_t i = 0; map && i < map->n; i++)
        for (const char *at = map->v[i]; next_pair(&at, &is, &n); at += n) {
            size_t n_theirs = is ? n - (size_t)(is + 1 - at) : 0;

            if (!is || strlen(name) != n_theirs || memcmp(is + 1, name, n_theirs) != 0)
                continue;
            snprintf(buf, PZ_NAME_MAX + 1, "%.*s", (int)(is - at), at);
            return buf;
        }
    return name;
}

bool pz_put_has(const struct pz_strs *map, const struct pz_rows_in *in, const char *ours)
{
    char buf[PZ_NAME_MAX + 1];
    bool has = false;

    for (size_t i = 0; i < pz_rows_n_columns(in) && !has; i++)
        has = pz_str_same_name(pz_put_name(map, pz_rows_column(in, i), buf), ours);
    return has;
}

enum pz_status pz_put_no_column(const struct pz_rows_in *in, const char *what, struct pz_err *err)
{
    struct pz_str names = { 0 };
    enum pz_status st = PZ_BAD_DATA;

    for (size_t i = 0; i < pz_rows_n_columns(in); i++)
        pz_str_addf(&names, "%s%s", i > 0 ? ", " : "", pz_rows_column(in, i));
    pz_err_set(err, st, "%s: %s; its columns are %s", pz_rows_name(in), what,
               names.data && !names.failed ? names.data : "not known");
    pz_str_clear(&names);
    return st;
}

static enum pz_status check_pair(const struct pz_rows_in *in, const char *pair, const char *is,
                                 size_t n, struct pz_err *err)
{
    char what[160];
    size_t n_theirs = is ? n - (size_t)(is + 1 - pair) : 0;
    bool found = pz_rows_is_json(in);

    if (!is || is == pair || n_theirs == 0)
        return pz_err_set(err, PZ_USAGE, "--map: \"%.*s\" is not NAME=COLUMN", (int)n, pair);
    for (size_t k = 0; k < pz_rows_n_columns(in) && !found; k++)
        found = strlen(pz_rows_column(in, k)) == n_theirs &&
                memcmp(pz_rows_column(in, k), is + 1, n_theirs) == 0;
    snprintf(what, sizeof what, "--map: there is no column %.*s", (int)n_theirs, is + 1);
    return found ? PZ_OK : pz_put_no_column(in, what, err);
}

enum pz_status pz_put_check_map(const struct pz_strs *map, const struct pz_rows_in *in,
                                struct pz_err *err)
{
    enum pz_status st = PZ_OK;
    const char *is;
    size_t n;

    for (size_t i = 0; map && i < map->n && st == PZ_OK; i++)
        for (const char *at = map->v[i]; st == PZ_OK && next_pair(&at, &is, &n); at += n)
            st = check_pair(in, at, is, n, err);
    return st;
}

/* ---- ids ---- */

static enum pz_status add_id(struct pz_strs *ids, struct pz_arena *arena, const char *s, size_t n,
                             struct pz_err *err)
{
    const char *id = n > 0 ? pz_arena_strndup(arena, s, n) : NULL;

    return n == 0 || (id && pz_strs_add(ids, id)) ? PZ_OK : pz_err_memory(err, "ids", 1e6);
}

static enum pz_status add_row(struct pz_strs *ids, struct pz_arena *arena, const char *path,
                              const struct pz_row *row, size_t at, struct pz_err *err)
{
    const char *why = row->bad ? row->bad : pz_str_text_fault(row->cell[at].s, row->cell[at].n);

    return why ? pz_err_set(err, PZ_BAD_DATA, "%s:%llu: %s%s", path, (unsigned long long)row->line,
                            row->bad ? "" : "the id ", why)
               : add_id(ids, arena, row->cell[at].s, row->cell[at].n, err);
}

enum pz_status pz_put_read_ids(const char *path, const char *column, struct pz_strs *ids,
                               struct pz_arena *arena, struct pz_err *err)
{
    struct pz_rows_in *in = NULL;
    struct pz_row row = { 0 };
    size_t at = SIZE_MAX;
    enum pz_status st = pz_rows_open(path, NULL, &in, err);

    if (st == PZ_OK && pz_rows_is_json(in))
        st = pz_err_set(err, PZ_BAD_DATA, "%s: ids are wanted as CSV or one a line", path);
    for (size_t i = 0; st == PZ_OK && i < pz_rows_n_columns(in); i++)
        at = pz_str_same_name(pz_rows_column(in, i), column) ? i : at;
    if (st == PZ_OK && at == SIZE_MAX && pz_rows_n_columns(in) == 1) {
        at = 0; /* no header: the first line is an id as well */
        st = add_id(ids, arena, pz_rows_column(in, 0), strlen(pz_rows_column(in, 0)), err);
    } else if (st == PZ_OK && at == SIZE_MAX && pz_rows_n_columns(in) > 0) {
        st = pz_put_no_column(in, "there is no column of ids", err);
    }
    while (st == PZ_OK && !row.end && (st = pz_rows_next(in, &row, err)) == PZ_OK && !row.end)
        st = add_row(ids, arena, path, &row, at, err);
    pz_rows_close(in);
    return st;
}

enum pz_status pz_put_read_without(const char *users, const char *items, struct pz_put_without *w,
                                   struct pz_err *err)
{
    enum pz_status st = users ? pz_put_read_ids(users, "USER_ID", &w->user, &w->arena, err) : PZ_OK;

    if (st == PZ_OK && items)
        st = pz_put_read_ids(items, "ITEM_ID", &w->item, &w->arena, err);
    w->out.users = users ? &w->user : NULL;
    w->out.items = items ? &w->item : NULL;
    return st;
}

void pz_put_tell_without(const struct pz_put_without *w, struct pz_log *log)
{
    if (w->out.users)
        pz_log(log, PZ_LOG_NOTE, "%zu users to leave out: %u of them were there", w->user.n,
               w->out.n_users);
    if (w->out.items)
        pz_log(log, PZ_LOG_NOTE, "%zu items to leave out: %u of them were there", w->item.n,
               w->out.n_items);
}

void pz_put_without_clear(struct pz_put_without *w)
{
    pz_strs_clear(&w->user);
    pz_strs_clear(&w->item);
    pz_arena_clear(&w->arena);
}

/* ---- batches ---- */

static enum pz_status store(struct run *r, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    if (r->sink->pending(r->sink->context) == 0)
        return PZ_OK;
    st = r->sink->store(r->sink->context, r->count, err);
    if (st == PZ_OK && r->cfg->ack)
        r->cfg->ack(r->count);
    return st;
}

/* A record that cannot be taken: left out when that is allowed, else the end, after the ones before
 * it are stored. */
static enum pz_status refuse(struct run *r, struct pz_err *err)
{
    struct pz_err why = *err;
    enum pz_status st;

    pz_err_prefix(&why, "%s:%llu", pz_rows_name(r->in), (unsigned long long)r->line);
    r->count->read++;
    r->count->bad++;
    if (r->count->bad <= r->cfg->max_errors) {
        pz_log(r->cfg->log, PZ_LOG_ERROR, "%s", why.text);
        return PZ_OK;
    }
    st = store(r, err);
    return st == PZ_OK ? pz_err_set(err, PZ_BAD_DATA, "%s (%llu before it are stored)", why.text,
                                    (unsigned long long)r->count->stored)
                       : st;
}

static enum pz_status take(struct run *r, const struct pz_row *row, struct pz_err *err)
{
    size_t before = r->sink->pending(r->sink->context);
    enum pz_status st = r->sink->take(r->sink->context, row->json, r->in, row, err);

    r->count->read += r->sink->pending(r->sink->context) - before;
    if (st == PZ_BAD_DATA)
        return refuse(r, err);
    if (st == PZ_NEGATIVE) { /* the sink says how many at the end */
        r->count->read++;
        r->count->bad++;
        return PZ_OK;
    }
    if (st == PZ_OK &&
        (r->sink->pending(r->sink->context) >= (size_t)(r->cfg->ack ? PZ_PUT_BATCH : PZ_PUT_BULK) ||
         r->sink->large(r->sink->context)))
        st = store(r, err);
    return st;
}

/* ---- records ---- */

static enum pz_status take_row(struct run *r, const struct pz_row *row, struct pz_err *err)
{
    r->line = row->line;
    if (row->bad) {
        pz_err_set(err, PZ_BAD_DATA, "%s", row->bad);
        return refuse(r, err);
    }
    return take(r, row, err);
}

/* Before the next row: store what there is when the input makes us wait. */
static enum pz_status wait_for_input(struct run *r, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    if (pz_rows_wait(r->in, 0))
        return PZ_OK;
    st = store(r, err);
    while (st == PZ_OK && !pz_stop_asked() && !pz_rows_wait(r->in, WAIT_MS))
        continue;
    return st;
}

static enum pz_status stop(struct run *r, struct pz_err *err)
{
    enum pz_status st = store(r, err);

    return st == PZ_OK ? pz_err_set(err, PZ_INTERRUPTED, "stopped; %llu read, %llu stored",
                                    (unsigned long long)r->count->read,
                                    (unsigned long long)r->count->stored)
                       : st;
}

enum pz_status pz_put_run(const struct pz_put_cfg *cfg, const struct pz_put_sink *sink,
                          struct pz_put_count *count, struct pz_err *err)
{
    struct run r = { .cfg = cfg, .sink = sink, .count = count };
    struct pz_row row = { 0 };
    enum pz_status st = pz_rows_open(cfg->path, NULL, &r.in, err);

    memset(count, 0, sizeof *count);
    if (st == PZ_OK)
        st = pz_put_check_map(cfg->map, r.in, err);
    if (st == PZ_OK && !pz_rows_is_json(r.in) && pz_rows_n_columns(r.in) > 0)
        st = sink->start(sink->context, r.in, err);
    while (st == PZ_OK && !row.end && !pz_stop_asked()) {
        st = wait_for_input(&r, err);
        if (st != PZ_OK || pz_stop_asked())
            break;
        st = pz_rows_next(r.in, &row, err);
        if (st == PZ_OK && !row.end)
            st = take_row(&r, &row, err);
    }
    if (st == PZ_OK)
        st = pz_stop_asked() && !row.end ? stop(&r, err) : store(&r, err);
    pz_rows_close(r.in);
    return st;
}
