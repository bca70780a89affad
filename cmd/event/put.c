/* SPDX-License-Identifier: Apache-2.0 */
/* Events and rows into a live store: one from options, or many from a file or standard input.
 *
 * What is acknowledged is durable: the count is printed after the commit. Every record is accounted
 * for, read = stored + duplicate + bad. Properties are checked against the columns that the current
 * model knows, where there is one. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/ledger.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "campaign/view.h"
#include "cmd/event/event.h"
#include "live/put.h"

/* --acks: what is durable by now, at once. */
static void print_ack(const struct pz_put_count *count)
{
    printf("{\"stored\":%llu,\"last\":%llu}\n", (unsigned long long)count->stored,
           (unsigned long long)count->last);
    fflush(stdout);
}

static struct pz_put_cfg put_cfg(const struct event_cfg *cfg, const struct pz_strs *args,
                                 struct pz_log *log)
{
    return (struct pz_put_cfg){ .path = args->n == 2 ? args->v[1] : "-",
                                .max_errors = (uint64_t)cfg->max_errors,
                                .map = &cfg->map,
                                .no_item = cfg->no_item,
                                .now = cfg->now,
                                .log = log,
                                .ack = cfg->acks ? print_ack : NULL };
}

static void report_put(const struct event_cfg *cfg, const struct pz_put_count *c, bool one,
                       struct pz_log *log)
{
    unsigned long long repeated = (unsigned long long)(c->read - c->stored - c->bad);

    pz_ledger_count("rows_in", c->read);
    pz_ledger_count("rows_rejected", c->bad);
    if (cfg->common.json)
        printf(
            "{\"read\":%llu,\"stored\":%llu,\"duplicate\":%llu,\"conflicting\":%llu,\"bad\":%llu,"
            "\"last\":%llu}\n",
            (unsigned long long)c->read, (unsigned long long)c->stored, repeated,
            (unsigned long long)c->conflicts, (unsigned long long)c->bad,
            (unsigned long long)c->last);
    if (!one)
        pz_log(log, PZ_LOG_NOTE,
               "read %llu, stored %llu, duplicate %llu, bad records %llu; last number %llu",
               (unsigned long long)c->read, (unsigned long long)c->stored, repeated,
               (unsigned long long)c->bad, (unsigned long long)c->last);
    else if (c->conflicts > 0)
        pz_log(log, PZ_LOG_WARN,
               "this event id was stored before for another user or item: not stored");
    else if (c->stored == 0)
        pz_log(log, PZ_LOG_NOTE, "this event id was stored before: nothing to do");
}

/* An id that stands for none, as clients send it for everybody, is none. */
static const char *some(const char *id)
{
    return id && !pz_put_is_none(id) ? id : NULL;
}

/* Ids joined by '|', as an event has them; NULL when there are none. */
static enum pz_status read_impression(const struct pz_strs *given, struct pz_arena *arena,
                                      const char **joined, struct pz_err *err)
{
    const char *const *ids;
    size_t n;
    struct pz_str text = { 0 };
    enum pz_status st = pz_opt_ids(given, arena, &ids, &n, err);

    for (size_t i = 0; st == PZ_OK && i < n; i++) {
        pz_str_adds(&text, i ? "|" : "");
        pz_str_adds(&text, ids[i]);
    }
    if (st == PZ_OK && n > 0 &&
        (text.failed || !(*joined = pz_arena_strndup(arena, text.data, text.len))))
        st = pz_err_memory(err, "an impression", 1e3);
    pz_str_clear(&text);
    return st;
}

static enum pz_status event_from_options(const struct event_cfg *cfg, const struct pz_attrs *known,
                                         struct pz_arena *arena, struct pz_event *e,
                                         struct pz_err *err)
{
    enum pz_time_form form;
    const char *impression = NULL;
    enum pz_status st = read_impression(&cfg->impression, arena, &impression, err);

    *e = (struct pz_event){ .user_id = some(cfg->user),
                            .session_id = some(cfg->session),
                            .item_id = cfg->item,
                            .event_type = cfg->type,
                            .event_id = cfg->event_id,
                            .recommendation_id = cfg->recommendation,
                            .impression = impression,
                            .value = NAN,
                            .time = pz_time_now() };
    if (st != PZ_OK)
        return st;
    if (cfg->value && !pz_str_to_double(cfg->value, strlen(cfg->value), &e->value))
        return pz_err_set(err, PZ_USAGE, "--value: \"%s\" is not a number", cfg->value);
    if (cfg->time && !(pz_time_guess(cfg->time, strlen(cfg->time), &form) &&
                       pz_time_parse(cfg->time, strlen(cfg->time), form, &e->time)))
        return pz_err_set(err, PZ_USAGE, "--time: \"%s\" is not a time", cfg->time);
    return cfg->properties ? pz_put_properties(e, cfg->properties, known, arena, err) : PZ_OK;
}

static enum pz_status put_one(struct pz_live_store *live, const struct event_cfg *cfg,
                              const struct pz_attrs *known, struct pz_put_count *count,
                              struct pz_err *err)
{
    struct pz_arena arena = { NULL };
    struct pz_event event;
    enum pz_live_fate fate = PZ_LIVE_REFUSED;
    enum pz_status st = event_from_options(cfg, known, &arena, &event, err);

    if (st == PZ_OK)
        st = pz_live_check(&event, err);
    if (st == PZ_OK)
        st = pz_live_put_each(live, &event, 1, &fate, &count->last, err);
    count->read = 1;
    count->stored = fate == PZ_LIVE_STORED;
    count->conflicts = fate == PZ_LIVE_CONFLICT;
    pz_arena_clear(&arena);
    return st;
}

enum pz_status event_put(void *config, struct pz_strs *args, struct pz_log *log, struct pz_err *err)
{
    const struct event_cfg *cfg = config;
    struct pz_put_cfg put = put_cfg(cfg, args, log);
    struct pz_live_store *live = NULL;
    struct pz_put_count count = { 0 };
    struct pz_model *m = NULL;
    bool one = cfg->user || cfg->session || cfg->item || cfg->type || cfg->properties;
    enum pz_status st = PZ_OK;

    if (args->n < 1 || args->n > 2 || (one && args->n > 1))
        return pz_err_set(
            err, PZ_USAGE,
            "CAMPAIGN and either --user ID --item ID --type TYPE or FILE; see pz-event put --help");
    st = event_open_store(args, true, &live, err);
    if (st == PZ_OK && (!one || cfg->properties)) /* what properties are checked against */
        st = event_open_model(args->v[0], &m, err);
    put.known = m ? &m->context : NULL;
    if (st == PZ_OK)
        st = one ? put_one(live, cfg, put.known, &count, err)
                 : pz_put_events(live, &put, &count, err);
    pz_live_close(live);
    pz_model_free(m);
    if (st == PZ_OK)
        report_put(cfg, &count, one, log);
    return st;
}

/* Rows are checked against the columns of the current model, when there is one. */
static enum pz_status put_rows(const struct event_cfg *cfg, enum pz_live_table table,
                               struct pz_strs *args, struct pz_log *log, struct pz_err *err)
{
    const char *id = table == PZ_LIVE_ITEMS ? cfg->item : cfg->user;
    struct pz_put_one one = { id, cfg->properties ? cfg->properties : "{}", log };
    struct pz_put_cfg put = put_cfg(cfg, args, log);
    struct pz_put_count count = { 0 };
    struct pz_live_store *live = NULL;
    struct pz_model *m = NULL;
    const struct pz_attrs *known = NULL;
    enum pz_status st = PZ_OK;

    if (args->n < 1 || args->n > 2 || (id && args->n > 1) || (cfg->properties && !id))
        return pz_err_set(
            err, PZ_USAGE,
            "CAMPAIGN and either %s ID --properties JSON or FILE; see pz-event --help",
            table == PZ_LIVE_ITEMS ? "--item" : "--user");
    st = event_open_store(args, true, &live, err);
    if (st == PZ_OK)
        st = event_open_model(args->v[0], &m, err);
    if (m) /* nothing published yet: any column goes */
        known = table == PZ_LIVE_ITEMS ? &m->item_attrs : &m->user_attrs;
    put.known = known;
    if (st == PZ_OK && id) {
        st = pz_put_row(live, table, known, &one, &count.last, err);
        count.read = count.stored = 1;
    } else if (st == PZ_OK) {
        st = pz_put_rows(live, table, &put, &count, err);
    }
    pz_live_close(live);
    pz_model_free(m);
    if (st == PZ_OK && m && !id)
        pz_view_prepare(args->v[0]);
    if (st == PZ_OK)
        report_put(cfg, &count, id != NULL, log);
    return st;
}

enum pz_status event_put_items(void *config, struct pz_strs *args, struct pz_log *log,
                               struct pz_err *err)
{
    return put_rows(config, PZ_LIVE_ITEMS, args, log, err);
}

enum pz_status event_put_users(void *config, struct pz_strs *args, struct pz_log *log,
                               struct pz_err *err)
{
    return put_rows(config, PZ_LIVE_USERS, args, log, err);
}
