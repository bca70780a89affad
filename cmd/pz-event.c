/* SPDX-License-Identifier: Apache-2.0 */
/* pz-event: live events and rows into a campaign, and out of it for the next training. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/opt.h"
#include "base/str.h"
#include "base/time.h"
#include "campaign/campaign.h"
#include "live/export.h"
#include "live/put.h"

struct config {
    const char *user, *session, *item, *type, *value, *time, *event_id, *recommendation,
        *impression, *properties, *output, *table, *lacking;
    long long after, rows_after, max_errors;
    const char *file;
    struct pz_strs map, users;
    bool acks, no_item, now, purge;
    struct pz_common common;
};

static enum pz_status need_campaign(const struct pz_strs *args, struct pz_err *err)
{
    return args->n == 1 ? PZ_OK
                        : pz_err_set(err, PZ_USAGE, "one CAMPAIGN is needed; see pz-event --help");
}

/* The store of a campaign, or one that stands by itself. */
static enum pz_status open_live(const char *path, bool writable, struct pz_live_store **live,
                                struct pz_err *err)
{
    return pz_live_is(path) ? pz_live_open(path, writable, live, err)
                            : pz_campaign_open_live(path, writable, live, err);
}

/* PZ_NO_INPUT: nothing is published, or the store stands by itself. */
static enum pz_status open_model(const char *path, struct pz_model **m, struct pz_version *version,
                                 struct pz_err *err)
{
    *m = NULL;
    return pz_live_is(path) ? PZ_NO_INPUT : pz_campaign_open_model(path, m, version, err);
}

/* ---- putting ---- */

/* --acks: what is durable by now, at once. */
static void print_ack(const struct pz_put_count *count)
{
    printf("{\"stored\":%llu,\"last\":%llu}\n", (unsigned long long)count->stored,
           (unsigned long long)count->last);
    fflush(stdout);
}

static struct pz_put_cfg put_cfg(const struct config *cfg, const struct pz_strs *args,
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

static void report_put(const struct config *cfg, const struct pz_put_count *c, bool one,
                       struct pz_log *log)
{
    unsigned long long repeated = (unsigned long long)(c->read - c->stored - c->bad);

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

static enum pz_status event_from_options(const struct config *cfg, const struct pz_attrs *known,
                                         struct pz_arena *arena, struct pz_event *e,
                                         struct pz_err *err)
{
    enum pz_time_form form;
    char *impression = cfg->impression
                           ? pz_arena_strndup(arena, cfg->impression, strlen(cfg->impression))
                           : NULL;

    for (char *p = impression; p && (p = strchr(p, ',')); p++)
        *p = '|';
    *e = (struct pz_event){ .user_id = some(cfg->user),
                            .session_id = some(cfg->session),
                            .item_id = cfg->item,
                            .event_type = cfg->type,
                            .event_id = cfg->event_id,
                            .recommendation_id = cfg->recommendation,
                            .impression = impression,
                            .value = NAN,
                            .time = pz_time_now() };
    if (cfg->impression && !impression)
        return pz_err_memory(err, "an impression", 1e3);
    if (cfg->value && !pz_str_to_double(cfg->value, strlen(cfg->value), &e->value))
        return pz_err_set(err, PZ_USAGE, "--value: \"%s\" is not a number", cfg->value);
    if (cfg->time && !(pz_time_guess(cfg->time, strlen(cfg->time), &form) &&
                       pz_time_parse(cfg->time, strlen(cfg->time), form, &e->time)))
        return pz_err_set(err, PZ_USAGE, "--time: \"%s\" is not a time", cfg->time);
    return cfg->properties ? pz_put_properties(e, cfg->properties, known, arena, err) : PZ_OK;
}

static enum pz_status put_one(struct pz_live_store *live, const struct config *cfg,
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

static enum pz_status run_put(void *config, struct pz_strs *args, struct pz_log *log,
                              struct pz_err *err)
{
    const struct config *cfg = config;
    struct pz_put_cfg put = put_cfg(cfg, args, log);
    struct pz_live_store *live = NULL;
    struct pz_put_count count = { 0 };
    struct pz_model *m = NULL;
    struct pz_version version;
    bool one = cfg->user || cfg->session || cfg->item || cfg->type || cfg->properties;
    enum pz_status st = PZ_OK;

    if (args->n < 1 || args->n > 2 || (one && args->n > 1))
        return pz_err_set(
            err, PZ_USAGE,
            "CAMPAIGN and either --user ID --item ID --type TYPE or FILE; see pz-event put --help");
    st = open_live(args->v[0], true, &live, err);
    if (st == PZ_OK && (!one || cfg->properties)) { /* what properties are checked against */
        st = open_model(args->v[0], &m, &version, err);
        st = st == PZ_NO_INPUT ? PZ_OK : st;
    }
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
static enum pz_status put_rows(const struct config *cfg, enum pz_live_table table,
                               struct pz_strs *args, struct pz_log *log, struct pz_err *err)
{
    const char *id = table == PZ_LIVE_ITEMS ? cfg->item : cfg->user;
    struct pz_put_one one = { id, cfg->properties ? cfg->properties : "{}", log };
    struct pz_put_cfg put = put_cfg(cfg, args, log);
    struct pz_put_count count = { 0 };
    struct pz_live_store *live = NULL;
    struct pz_model *m = NULL;
    struct pz_version version;
    const struct pz_attrs *known = NULL;
    enum pz_status st = PZ_OK;

    if (args->n < 1 || args->n > 2 || (id && args->n > 1) || (cfg->properties && !id))
        return pz_err_set(
            err, PZ_USAGE,
            "CAMPAIGN and either %s ID --properties JSON or FILE; see pz-event --help",
            table == PZ_LIVE_ITEMS ? "--item" : "--user");
    st = open_live(args->v[0], true, &live, err);
    if (st == PZ_OK)
        st = open_model(args->v[0], &m, &version, err);
    if (st == PZ_NO_INPUT && live)
        st = PZ_OK; /* nothing published yet: any column goes */
    if (m)
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
    if (st == PZ_OK)
        report_put(cfg, &count, id != NULL, log);
    return st;
}

static enum pz_status run_put_items(void *config, struct pz_strs *args, struct pz_log *log,
                                    struct pz_err *err)
{
    return put_rows(config, PZ_LIVE_ITEMS, args, log, err);
}

static enum pz_status run_put_users(void *config, struct pz_strs *args, struct pz_log *log,
                                    struct pz_err *err)
{
    return put_rows(config, PZ_LIVE_USERS, args, log, err);
}

/* ---- export ---- */

static enum pz_status export_csv(struct pz_live_store *live, const struct pz_export_cfg *export,
                                 const struct config *cfg, struct pz_exported *done,
                                 struct pz_err *err)
{
    struct pz_out *out = NULL;
    enum pz_status st = pz_out_open(cfg->output, &out, err);

    if (st == PZ_OK && cfg->table[0] == 'i' && cfg->table[1] == 'n')
        st = pz_live_export_events(live, export->model, export->after, out, done, err);
    else if (st == PZ_OK && cfg->table[0] == 'f')
        st = pz_live_export_forgotten(live, out, done, err);
    else if (st == PZ_OK)
        st = pz_live_export_rows(live, cfg->table[0] == 'i' ? PZ_LIVE_ITEMS : PZ_LIVE_USERS, export,
                                 out, done, err);
    if (st == PZ_OK)
        return pz_out_commit(out, err);
    pz_out_abort(out);
    return st;
}

static bool is_dataset(const char *path)
{
    size_t n = strlen(path);

    return n > 4 && strcmp(path + n - 4, ".pzd") == 0;
}

static void report_export(const struct config *cfg, const struct pz_exported *done,
                          struct pz_log *log)
{
    bool all = is_dataset(cfg->output), events = all || strcmp(cfg->table, "interactions") == 0,
         rows = all || strcmp(cfg->table, "items") == 0 || strcmp(cfg->table, "users") == 0;
    char seen[96] = "";
    int n = 0;

    if (events)
        n = snprintf(seen, sizeof seen, " --live-seen %llu", (unsigned long long)done->live_seen);
    if (rows)
        snprintf(seen + n, sizeof seen - (size_t)n, " --rows-seen %llu",
                 (unsigned long long)done->rows_seen);
    if (events && done->nobodys > 0)
        pz_log(log, PZ_LOG_NOTE,
               "%llu events left out: of sessions that joined no user yet, or without an item",
               (unsigned long long)done->nobodys);
    if (done->nulled > 0)
        pz_log(
            log, PZ_LOG_WARN,
            "%llu values are null in the export: they do not have the type of the model's column",
            (unsigned long long)done->nulled);
    pz_log(log, PZ_LOG_NOTE, "%llu %s%s%s", (unsigned long long)done->n,
           all      ? "events and rows"
           : events ? "events"
           : rows   ? "rows"
                    : "forgotten users",
           *seen ? "; publish a model that is trained with them by pz-deploy publish" : "", seen);
    if (cfg->common.json && strcmp(cfg->output, "-") != 0) /* there the data go */
        printf("{\"exported\":%llu,\"left_out\":%llu,\"nulled\":%llu,\"live_seen\":%llu,"
               "\"rows_seen\":%llu}\n",
               (unsigned long long)done->n, (unsigned long long)done->nobodys,
               (unsigned long long)done->nulled, (unsigned long long)done->live_seen,
               (unsigned long long)done->rows_seen);
}

/* The model whose columns name and type the export's: that of --for, else the current one, when
 * there is one. */
static enum pz_status open_columns(const char *path, const struct config *cfg, struct pz_model **m,
                                   struct pz_err *err)
{
    struct pz_version version;
    enum pz_status st;

    if (cfg->lacking)
        return pz_campaign_is(cfg->lacking) ? pz_campaign_open_model(cfg->lacking, m, &version, err)
                                            : pz_model_open(cfg->lacking, m, err);
    st = open_model(path, m, &version, err);
    return st == PZ_NO_INPUT ? PZ_OK : st;
}

static enum pz_status run_export(void *config, struct pz_strs *args, struct pz_log *log,
                                 struct pz_err *err)
{
    struct config *cfg = config;
    struct pz_export_cfg export = { .after = (uint64_t)cfg->after,
                                    .rows_after = (uint64_t)cfg->rows_after,
                                    .log = log };
    struct pz_exported done = { 0 };
    struct pz_live_store *live = NULL;
    struct pz_model *m = NULL;
    enum pz_status st = need_campaign(args, err);

    if (st == PZ_OK && cfg->lacking && cfg->after + cfg->rows_after > 0)
        st = pz_err_set(err, PZ_USAGE, "--for says itself after which numbers");
    if (st == PZ_OK)
        st = open_live(args->v[0], false, &live, err);
    if (st == PZ_OK)
        st = open_columns(args->v[0], cfg, &m, err);
    if (st == PZ_OK && cfg->lacking)
        st = pz_live_lacking(live, m, &export, err);
    export.model = m;
    if (st == PZ_OK)
        st = is_dataset(cfg->output)
                 ? pz_live_export_dataset(live, &export, cfg->output, &done, err)
                 : export_csv(live, &export, cfg, &done, err);
    pz_live_close(live);
    pz_model_free(m);
    if (st == PZ_OK)
        report_export(cfg, &done, log);
    return st;
}

/* ---- stats ---- */

struct type {
    char *name; /* owned */
    uint64_t n;
    int64_t newest;
};

struct tally {
    struct type *type;
    size_t n, cap;
    int64_t newest;
};

static enum pz_status tally_one(void *context, int pass, uint64_t number, const struct pz_event *e,
                                struct pz_err *err)
{
    struct tally *t = context;
    size_t i = 0;

    (void)pass;
    (void)number;
    while (i < t->n && strcmp(t->type[i].name, e->event_type) != 0)
        i++;
    if (i == t->n) {
        char *name = pz_mem_strndup(e->event_type, strlen(e->event_type));

        if (!name || !pz_mem_grow(&t->type, &t->cap, t->n + 1, sizeof *t->type)) {
            free(name);
            return pz_err_memory(err, "event types", 1e3);
        }
        t->type[t->n++] = (struct type){ name, 0, INT64_MIN };
    }
    t->type[i].n++;
    if (e->time > t->type[i].newest)
        t->type[i].newest = e->time;
    if (e->time > t->newest)
        t->newest = e->time;
    return PZ_OK;
}

static void print_json(const struct tally *t, const struct pz_live_size *size,
                       const struct pz_live_space *space)
{
    char when[32];
    struct pz_str text = { 0 };

    pz_str_addf(&text, "{\"events\":%llu,\"last\":%llu", (unsigned long long)size->events,
                (unsigned long long)size->last);
    if (size->events > 0)
        pz_str_addf(&text, ",\"newest\":\"%s\",\"lag_seconds\":%lld",
                    pz_time_format(t->newest, when), (long long)(pz_time_now() - t->newest));
    pz_str_adds(&text, ",\"types\":{");
    for (size_t i = 0; i < t->n; i++) {
        pz_str_adds(&text, i ? "," : "");
        pz_json_add_string(&text, t->type[i].name, strlen(t->type[i].name));
        pz_str_addf(&text, ":{\"events\":%llu,\"newest\":\"%s\"}", (unsigned long long)t->type[i].n,
                    pz_time_format(t->type[i].newest, when));
    }
    pz_str_addf(
        &text,
        "},\"items\":%llu,\"users\":%llu,\"sessions\":%llu,\"forgotten\":%llu,\"bytes\":%llu,"
        "\"free_bytes\":%llu,\"oldest_reader\":{\"pid\":%d,\"behind\":%llu}}\n",
        (unsigned long long)size->items, (unsigned long long)size->users,
        (unsigned long long)size->sessions, (unsigned long long)size->forgotten,
        (unsigned long long)size->bytes, (unsigned long long)space->free, space->pid,
        (unsigned long long)space->behind);
    fputs(text.data && !text.failed ? text.data : "", stdout);
    pz_str_clear(&text);
}

static void print_table(const struct tally *t, const struct pz_live_size *size,
                        const struct pz_live_space *space)
{
    char when[32];

    printf("events     %llu (last number %llu)\n", (unsigned long long)size->events,
           (unsigned long long)size->last);
    if (size->events > 0)
        printf("newest     %s, %lld s ago\n", pz_time_format(t->newest, when),
               (long long)(pz_time_now() - t->newest));
    for (size_t i = 0; i < t->n; i++)
        printf("  %-24s %10llu  newest %s\n", t->type[i].name, (unsigned long long)t->type[i].n,
               pz_time_format(t->type[i].newest, when));
    printf("items put  %llu\nusers put  %llu\nsessions   %llu joined\nforgotten  %llu users\n"
           "size       %llu bytes, %llu of them free\n",
           (unsigned long long)size->items, (unsigned long long)size->users,
           (unsigned long long)size->sessions, (unsigned long long)size->forgotten,
           (unsigned long long)size->bytes, (unsigned long long)space->free);
    if (space->pid)
        printf(
            "reader     process %d is %llu transactions behind; pages given up since are not used "
            "again\n",
            space->pid, (unsigned long long)space->behind);
}

static enum pz_status run_stats(void *config, struct pz_strs *args, struct pz_log *log,
                                struct pz_err *err)
{
    const struct config *cfg = config;
    struct pz_live_store *live = NULL;
    struct pz_live_size size = { 0 };
    struct pz_live_space space = { 0 };
    struct tally t = { .newest = INT64_MIN };
    enum pz_status st = need_campaign(args, err);

    (void)log;
    if (st == PZ_OK)
        st = open_live(args->v[0], false, &live, err);
    if (st == PZ_OK && live)
        st = pz_live_count(live, &size, err);
    if (st == PZ_OK && live)
        st = pz_live_space(live, &space, err);
    if (st == PZ_OK && live)
        st = pz_live_each(live, 0, 1, tally_one, &t, err);
    pz_live_close(live);
    if (st == PZ_OK && cfg->common.json)
        print_json(&t, &size, &space);
    else if (st == PZ_OK)
        print_table(&t, &size, &space);
    for (size_t i = 0; i < t.n; i++)
        free(t.type[i].name);
    free(t.type);
    return st;
}

/* ---- forget ---- */

/* What the current model still has of the user, and no query uses any more. */
static uint64_t model_events(const struct pz_model *m, const char *user)
{
    uint32_t u = m ? pz_dict_find_str(&m->users, user) : PZ_NONE;

    return u != PZ_NONE ? m->ptr[u + 1] - m->ptr[u] : 0;
}

static void print_receipt(const char *user, const struct pz_live_receipt *r, uint64_t in_model)
{
    char when[32];
    struct pz_str text = { 0 };

    pz_str_adds(&text, "{\"user\":");
    pz_json_add_string(&text, user, strlen(user));
    pz_str_addf(&text,
                ",\"time\":\"%s\",\"number\":%llu,\"events_removed\":%llu,\"sessions_removed\":%"
                "llu,\"rows_removed\":%llu,\"model_events_unused\":%llu}\n",
                pz_time_format(pz_time_now(), when), (unsigned long long)r->number,
                (unsigned long long)r->events, (unsigned long long)r->sessions,
                (unsigned long long)r->rows, (unsigned long long)in_model);
    fputs(text.data && !text.failed ? text.data : "", stdout);
    pz_str_clear(&text);
}

static enum pz_status forget_one(struct pz_live_store *live, const struct pz_model *m,
                                 const struct config *cfg, const char *user, struct pz_log *log,
                                 struct pz_err *err)
{
    struct pz_live_receipt r = { 0 };
    uint64_t in_model = model_events(m, user);
    enum pz_status st = pz_live_forget(live, user, cfg->purge, &r, err);

    if (st != PZ_OK)
        return st;
    if (cfg->common.json)
        print_receipt(user, &r, in_model);
    pz_log(log, PZ_LOG_NOTE,
           "%s: %llu live events, %llu sessions and %llu rows removed; %llu events in the model "
           "are used no more, train without them by pz-event export --table forgotten",
           user, (unsigned long long)r.events, (unsigned long long)r.sessions,
           (unsigned long long)r.rows, (unsigned long long)in_model);
    return PZ_OK;
}

/* The users of --user, --file and FILE, or of standard input when there is none of them. */
static enum pz_status read_users(struct config *cfg, const struct pz_strs *args,
                                 struct pz_arena *arena, struct pz_err *err)
{
    const char *path = args->n == 2 ? args->v[1] : cfg->file;
    enum pz_status st;

    if (!path && cfg->users.n > 0)
        return PZ_OK;
    st = pz_put_read_ids(path ? path : "-", "USER_ID", &cfg->users, arena, err);
    return path || cfg->users.n > 0 || st == PZ_INTERRUPTED
               ? st
               : pz_err_set(
                     err, PZ_USAGE,
                     "CAMPAIGN and --user ID or FILE are needed; see pz-event forget --help");
}

static enum pz_status run_forget(void *config, struct pz_strs *args, struct pz_log *log,
                                 struct pz_err *err)
{
    struct config *cfg = config;
    struct pz_arena arena = { NULL };
    struct pz_live_store *live = NULL;
    struct pz_model *m = NULL;
    struct pz_version version;
    enum pz_status st = PZ_OK;

    if (args->n < 1 || args->n > 2 || (args->n == 2 && cfg->file))
        return pz_err_set(err, PZ_USAGE,
                          "CAMPAIGN and --user ID or FILE are needed; see pz-event forget --help");
    st = read_users(cfg, args, &arena, err);
    if (st == PZ_OK)
        st = open_live(args->v[0], true, &live, err);
    if (st == PZ_OK && (st = open_model(args->v[0], &m, &version, err)) != PZ_OK)
        st = PZ_OK; /* the receipt alone needs it */
    for (size_t i = 0; i < cfg->users.n && st == PZ_OK; i++)
        st = forget_one(live, m, cfg, cfg->users.v[i], log, err);
    if (st == PZ_OK && cfg->purge)
        st = pz_live_compact(live, NULL, err);
    pz_live_close(live);
    pz_model_free(m);
    pz_arena_clear(&arena);
    return st;
}

/* ---- options ---- */

#define MAX_ERRORS                                                        \
    PZ_INT(0, "max-errors", struct config, max_errors, "0", 0, 9e15, "N", \
           "bad records to name and leave out; one more ends it, with those before it stored")
#define MAP                                              \
    PZ_LIST(                                             \
        0, "map", struct config, map, "NAME=COLUMN,...", \
        "read NAME (USER_ID, ...) from the column COLUMN of the file. May be given several times")
#define ACKS                                \
    PZ_FLAG(0, "acks", struct config, acks, \
            "after every durable batch print a line with how many are stored by now")

static const struct pz_opt put_opts[] = {
    PZ_STR('u', "user", struct config, user, NULL, "ID", "user of the one event"),
    PZ_STR(0, "session", struct config, session, NULL, "ID",
           "session of the one event; the first event with a session and a user joins the two"),
    PZ_STR('i', "item", struct config, item, NULL, "ID", "item of the one event"),
    PZ_STR('t', "type", struct config, type, NULL, "TYPE", "event type"),
    PZ_STR(0, "value", struct config, value, NULL, "X", "event value"),
    PZ_STR(0, "time", struct config, time, NULL, "TIME", "Unix time or ISO-8601; now when missing"),
    PZ_STR(0, "event-id", struct config, event_id, NULL, "ID", "an id under which it is kept once"),
    PZ_STR(0, "recommendation-id", struct config, recommendation, NULL, "ID",
           "the recommendation that led to it"),
    PZ_STR(0, "impression", struct config, impression, NULL, "ID,ID,...", "items that were shown"),
    PZ_STR(0, "properties", struct config, properties, NULL, "JSON",
           "an object with other columns of Interactions"),
    PZ_FLAG(0, "no-item", struct config, no_item,
            "store events without an item, which no training uses"),
    PZ_FLAG(0, "now", struct config, now, "events of a file without a time happen now"),
    MAP,
    MAX_ERRORS,
    ACKS,
    PZ_OPT_COMMON(struct config, common),
    PZ_END
};
static const struct pz_opt items_opts[] = { PZ_STR('i', "item", struct config, item, NULL, "ID",
                                                   "the one item"),
                                            PZ_STR(0, "properties", struct config, properties, NULL,
                                                   "JSON", "an object with all its columns"),
                                            MAP,
                                            MAX_ERRORS,
                                            ACKS,
                                            PZ_OPT_COMMON(struct config, common),
                                            PZ_END };
static const struct pz_opt users_opts[] = { PZ_STR('u', "user", struct config, user, NULL, "ID",
                                                   "the one user"),
                                            PZ_STR(0, "properties", struct config, properties, NULL,
                                                   "JSON", "an object with all their columns"),
                                            MAP,
                                            MAX_ERRORS,
                                            ACKS,
                                            PZ_OPT_COMMON(struct config, common),
                                            PZ_END };
static const struct pz_opt export_opts[] = {
    PZ_OUT(
        'o', "output", struct config, output, "-", "FILE",
        "where to write: CSV, or a dataset of events, items and users when the name ends in .pzd"),
    PZ_STR(0, "table", struct config, table, "interactions", "interactions|items|users|forgotten",
           "what to write as CSV"),
    PZ_STR(
        0, "for", struct config, lacking, NULL, "MODEL",
        "only what this model (or a campaign's current one) lacks; exit code 1 and no output when "
        "that is nothing"),
    PZ_INT(0, "after", struct config, after, "0", 0, 9e15, "N", "only events with larger numbers"),
    PZ_INT(0, "rows-after", struct config, rows_after, "0", 0, 9e15, "N",
           "only rows of items and users with larger numbers"),
    PZ_OPT_COMMON(struct config, common),
    PZ_END
};
static const struct pz_opt forget_opts[] = {
    PZ_LIST('u', "user", struct config, users, "ID",
            "a user to forget. May be given several times"),
    PZ_STR(0, "file", struct config, file, NULL, "FILE",
           "users to forget: ids one a line, or a CSV with USER_ID; - is standard input"),
    PZ_FLAG(
        0, "purge", struct config, purge,
        "keep only a salted hash of the ids, and write the store anew, so that no byte of what is "
        "removed is left in it"),
    PZ_OPT_COMMON(struct config, common), PZ_END
};
static const struct pz_opt common_opts[] = { PZ_OPT_COMMON(struct config, common), PZ_END };

#define SUB(word, usage, text, table, function)                                               \
    {                                                                                         \
        .name = word, .synopsis = usage, .summary = text, .opts = table,                      \
        .cfg_bytes = sizeof(struct config), .common_offset = offsetof(struct config, common), \
        .operands = "file", .run = function                                                   \
    }

int main(int argc, char **argv)
{
    static const struct pz_cmd sub[] = {
        SUB("put", "CAMPAIGN --user ID --item ID --type TYPE\nCAMPAIGN [FILE]",
            "Store events: one from options, or many from a file or standard input", put_opts,
            run_put),
        SUB("put-items", "CAMPAIGN --item ID --properties JSON\nCAMPAIGN [FILE]",
            "Store rows of items: they count in the next query", items_opts, run_put_items),
        SUB("put-users", "CAMPAIGN --user ID --properties JSON\nCAMPAIGN [FILE]",
            "Store rows of users: they count in the next query", users_opts, run_put_users),
        SUB("export", "[-o FILE] [--table TABLE] CAMPAIGN",
            "Write events or rows for the next training", export_opts, run_export),
        SUB("stats", "CAMPAIGN", "Count what is stored, and say how fresh it is", common_opts,
            run_stats),
        SUB("forget", "CAMPAIGN --user ID\nCAMPAIGN [FILE]", "Forget users at once", forget_opts,
            run_forget),
        { .name = NULL }
    };
    static const struct pz_cmd cmd = {
        .name = "pz-event",
        .synopsis = "put|put-items|put-users|export|stats|forget CAMPAIGN ...",
        .summary = "Put live events, items and users into a campaign.",
        .examples = "  pz-event put home.pzc --user 42 --item 7 --type Purchase\n"
                    "  pz-event put-items home.pzc --item 7 --properties '{\"PRICE\": 9.5}'\n"
                    "  pz-event export home.pzc -o day.pzd",
        .sub = sub
    };

    return pz_cmd_main(&cmd, argc, argv);
}
