/* SPDX-License-Identifier: Apache-2.0 */
/* pz-event: live events into a campaign, and out of it for the next training. */
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
#include "campaign/events_in.h"

struct config {
    const char *user, *session, *item, *type, *value, *time, *event_id, *output;
    long long after;
    struct pz_common common;
};

static enum pz_status one_from_options(const struct config *cfg, struct pz_event *e,
                                       struct pz_err *err)
{
    enum pz_time_form form;

    *e = (struct pz_event){ cfg->user, cfg->session, cfg->item, cfg->type, cfg->event_id, NAN,
                            pz_time_now() };
    if (cfg->value && !pz_str_to_double(cfg->value, strlen(cfg->value), &e->value))
        return pz_err_set(err, PZ_USAGE, "--value: \"%s\" is not a number", cfg->value);
    if (cfg->time && !(pz_time_guess(cfg->time, strlen(cfg->time), &form) &&
                       pz_time_parse(cfg->time, strlen(cfg->time), form, &e->time)))
        return pz_err_set(err, PZ_USAGE, "--time: \"%s\" is not a time", cfg->time);
    return PZ_OK;
}

static enum pz_status run_put(void *config, struct pz_strs *args, struct pz_log *log,
                              struct pz_err *err)
{
    const struct config *cfg = config;
    struct pz_live_store *live = NULL;
    struct pz_event event;
    size_t n_read = 1, n_new = 0;
    uint64_t last = 0;
    bool one = cfg->user || cfg->session;
    enum pz_status st = PZ_OK;

    if (args->n < 1 || args->n > 2 || (one && args->n > 1))
        return pz_err_set(err, PZ_USAGE, "CAMPAIGN and either --user ... or FILE; see --help");
    st = pz_campaign_open_live(args->v[0], true, &live, err);
    if (st == PZ_OK && one)
        st = one_from_options(cfg, &event, err);
    if (st == PZ_OK && one)
        st = pz_live_put(live, &event, 1, &n_new, &last, err);
    else if (st == PZ_OK)
        st = pz_events_read(live, args->n == 2 ? args->v[1] : "-", &n_read, &n_new, &last, err);
    pz_live_close(live);
    if (st == PZ_OK && cfg->common.json)
        printf("{\"read\":%zu,\"stored\":%zu,\"duplicate\":%zu,\"last\":%llu}\n", n_read, n_new,
               n_read - n_new, (unsigned long long)last);
    if (st == PZ_OK && !one)
        pz_log(log, PZ_LOG_NOTE, "read %zu, stored %zu, duplicate %zu; last number %llu", n_read, n_new,
               n_read - n_new, (unsigned long long)last);
    return st;
}

struct export {
    struct pz_out *out;
    struct pz_str line;
    uint64_t last, n;
};

static enum pz_status export_one(void *context, uint64_t number, const struct pz_event *e,
                                 struct pz_err *err)
{
    struct export *x = context;

    x->last = number;
    if (!e->user_id || !e->item_id) /* sessions nobody joined and events without an item train nothing */
        return PZ_OK;
    x->n++;
    pz_str_reset(&x->line);
    pz_str_add_csv(&x->line, e->user_id, strlen(e->user_id), ',');
    pz_str_addc(&x->line, ',');
    pz_str_add_csv(&x->line, e->item_id, strlen(e->item_id), ',');
    pz_str_addf(&x->line, ",%lld,", (long long)e->time);
    pz_str_add_csv(&x->line, e->event_type, strlen(e->event_type), ',');
    pz_str_addc(&x->line, ',');
    if (!isnan(e->value))
        pz_str_add_double(&x->line, e->value);
    pz_str_addc(&x->line, '\n');
    return x->line.failed ? pz_err_memory(err, "a line", 1e3)
                          : pz_out_write(x->out, x->line.data, x->line.len, err);
}

static enum pz_status run_export(void *config, struct pz_strs *args, struct pz_log *log,
                                 struct pz_err *err)
{
    static const char head[] = "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE\n";
    const struct config *cfg = config;
    struct pz_live_store *live = NULL;
    struct export x = { .out = NULL, .last = (uint64_t)cfg->after };
    enum pz_status st = args->n == 1 ? pz_campaign_open_live(args->v[0], false, &live, err)
                                     : pz_err_set(err, PZ_USAGE, "CAMPAIGN is needed; see --help");

    if (st == PZ_OK)
        st = pz_out_open(cfg->output, &x.out, err);
    if (st == PZ_OK)
        st = pz_out_write(x.out, head, sizeof head - 1, err);
    if (st == PZ_OK && live)
        st = pz_live_each(live, (uint64_t)cfg->after, export_one, &x, err);
    if (st == PZ_OK) {
        st = pz_out_commit(x.out, err);
        x.out = NULL;
    }
    if (st == PZ_OK)
        pz_log(log, PZ_LOG_NOTE, "%llu events; publish the model with --live-seen %llu",
               (unsigned long long)x.n, (unsigned long long)x.last);
    pz_out_abort(x.out);
    pz_str_clear(&x.line);
    pz_live_close(live);
    return st;
}

enum { MAX_TYPES = 64 };

struct tally {
    char type[MAX_TYPES][64];
    uint64_t count[MAX_TYPES], total;
    size_t n;
    int64_t newest;
};

static enum pz_status tally_one(void *context, uint64_t number, const struct pz_event *e,
                                struct pz_err *err)
{
    struct tally *t = context;
    size_t i = 0;

    (void)number;
    (void)err;
    t->total++;
    t->newest = e->time > t->newest ? e->time : t->newest;
    while (i < t->n && strncmp(t->type[i], e->event_type, 63) != 0)
        i++;
    if (i == t->n && t->n < MAX_TYPES)
        snprintf(t->type[t->n++], 64, "%s", e->event_type);
    if (i < MAX_TYPES)
        t->count[i]++;
    return PZ_OK;
}

static void print_type(const struct tally *t, size_t i, bool json)
{
    struct pz_str name = { 0 };

    if (json)
        pz_json_add_string(&name, t->type[i], strlen(t->type[i]));
    if (json && name.data)
        printf("%s%s:%llu", i ? "," : "", name.data, (unsigned long long)t->count[i]);
    else if (!json)
        printf("%-20s %llu\n", t->type[i], (unsigned long long)t->count[i]);
    pz_str_clear(&name);
}

static enum pz_status run_stats(void *config, struct pz_strs *args, struct pz_log *log,
                                struct pz_err *err)
{
    const struct config *cfg = config;
    struct pz_live_store *live = NULL;
    struct tally t = { .n = 0 };
    char newest[32];
    enum pz_status st = args->n == 1 ? pz_campaign_open_live(args->v[0], false, &live, err)
                                     : pz_err_set(err, PZ_USAGE, "CAMPAIGN is needed; see --help");

    (void)log;
    if (st == PZ_OK && live)
        st = pz_live_each(live, 0, tally_one, &t, err);
    pz_live_close(live);
    if (st != PZ_OK)
        return st;
    pz_time_format(t.newest, newest);
    printf(cfg->common.json ? "{\"events\":%llu,\"newest\":\"%s\",\"types\":{" : "%llu events, newest %s\n",
           (unsigned long long)t.total, t.total ? newest : "");
    for (size_t i = 0; i < t.n; i++)
        print_type(&t, i, cfg->common.json);
    if (cfg->common.json)
        puts("}}");
    return PZ_OK;
}

static enum pz_status run_forget(void *config, struct pz_strs *args, struct pz_log *log,
                                 struct pz_err *err)
{
    const struct config *cfg = config;
    struct pz_live_store *live = NULL;
    uint64_t n = 0;
    enum pz_status st = PZ_OK;

    if (args->n != 1 || !cfg->user)
        return pz_err_set(err, PZ_USAGE, "CAMPAIGN --user ID is needed; see --help");
    st = pz_campaign_open_live(args->v[0], true, &live, err);
    if (st == PZ_OK)
        st = pz_live_forget(live, cfg->user, &n, err);
    pz_live_close(live);
    if (st == PZ_OK && cfg->common.json)
        printf("{\"removed\":%llu}\n", (unsigned long long)n);
    if (st == PZ_OK)
        pz_log(log, PZ_LOG_NOTE, "%llu live events removed; the model's history of the user is no longer "
               "used", (unsigned long long)n);
    return st;
}

static const struct pz_opt put_opts[] = {
    PZ_STR('u', "user", struct config, user, NULL, "ID", "user of the one event"),
    PZ_STR(0, "session", struct config, session, NULL, "ID", "session of the one event"),
    PZ_STR('i', "item", struct config, item, NULL, "ID", "item of the one event"),
    PZ_STR('t', "type", struct config, type, NULL, "TYPE", "event type"),
    PZ_STR(0, "value", struct config, value, NULL, "X", "event value"),
    PZ_STR(0, "time", struct config, time, NULL, "TIME", "Unix time or ISO-8601; now when missing"),
    PZ_STR(0, "event-id", struct config, event_id, NULL, "ID", "an id under which it is kept once"),
    PZ_OPT_COMMON(struct config, common), PZ_END
};
static const struct pz_opt export_opts[] = {
    PZ_STR('o', "output", struct config, output, "-", "FILE", "where to write the CSV"),
    PZ_INT(0, "after", struct config, after, "0", 0, 9e15, "N", "only events with larger numbers"),
    PZ_OPT_COMMON(struct config, common), PZ_END
};
static const struct pz_opt forget_opts[] = {
    PZ_STR('u', "user", struct config, user, NULL, "ID", "the user to forget"),
    PZ_OPT_COMMON(struct config, common), PZ_END
};
static const struct pz_opt common_opts[] = { PZ_OPT_COMMON(struct config, common), PZ_END };

#define SUB(word, usage, text, table, function)                                                    \
    {                                                                                              \
        .name = word, .synopsis = usage, .summary = text, .opts = table,                           \
        .cfg_bytes = sizeof(struct config), .common_offset = offsetof(struct config, common),      \
        .operands = "file", .run = function                                                        \
    }

int main(int argc, char **argv)
{
    static const struct pz_cmd sub[] = {
        SUB("put", "CAMPAIGN --user ID --item ID --type TYPE\nCAMPAIGN [FILE]",
            "Store events: one from options, or many from a file or standard input", put_opts, run_put),
        SUB("export", "[-o FILE] CAMPAIGN", "Write the events as CSV for pz-import", export_opts,
            run_export),
        SUB("stats", "CAMPAIGN", "Count the events", common_opts, run_stats),
        SUB("forget", "CAMPAIGN --user ID", "Forget a user at once", forget_opts, run_forget),
        { .name = NULL }
    };
    static const struct pz_cmd cmd = {
        .name = "pz-event",
        .synopsis = "put|export|stats|forget CAMPAIGN ...",
        .summary = "Put live events into a campaign.",
        .examples = "  pz-event put home.pzc --user 42 --item 7 --type Purchase\n"
                    "  pz-event export home.pzc | pz-import -o day.pzd --interactions -",
        .sub = sub
    };

    return pz_cmd_main(&cmd, argc, argv);
}
