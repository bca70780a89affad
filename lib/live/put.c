/* SPDX-License-Identifier: Apache-2.0 */
/* The loop under putting many: see put_private.h. Records are taken one by one and stored in batches, and
 * before every wait for a silent input; a bad one is left out or ends the run. */
#include "live/put_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/signals.h"
#include "base/time.h"

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
        *object = json_incref((json_t *)(uintptr_t)value);
    if (st == PZ_OK && !json_is_object(*object))
        st = pz_err_set(err, PZ_BAD_DATA,
                        "properties: must be a JSON object, or a string that holds one");
    return st;
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
    if (st == PZ_OK && r->sink->pending(r->sink->context) >= PZ_PUT_BATCH)
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
