/* SPDX-License-Identifier: Apache-2.0 */
/* pz-deploy: publish models as campaigns, look at them, set them, go back, tidy up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/opt.h"
#include "base/par.h"
#include "base/time.h"
#include "campaign/campaign.h"
#include "campaign/filters.h"
#include "campaign/gc.h"
#include "campaign/health.h"
#include "campaign/repair.h"
#include "campaign/settings.h"
#include "serve/bench.h"
#include "serve/cost.h"
#include "serve/server.h"

struct config {
    long long live_seen, rows_seen, keep, keep_weekly, to;
    double lock_wait;
    const char *max_age, *textfile;
    bool events, force, verify;
    struct pz_strs data;
    struct pz_common common;
};

static enum pz_status need_args(const struct pz_strs *args, size_t n, const char *what,
                                struct pz_err *err)
{
    return args->n == n ? PZ_OK
                        : pz_err_set(err, PZ_USAGE, "%s is needed; see pz-deploy --help", what);
}

static enum pz_status run_publish(void *config, struct pz_strs *args, struct pz_log *log,
                                  struct pz_err *err)
{
    const struct config *cfg = config;
    const struct pz_publish_cfg job = { .live_seen = (uint64_t)cfg->live_seen,
                                        .rows_seen = (uint64_t)cfg->rows_seen,
                                        .wait_s = cfg->lock_wait,
                                        .force = cfg->force,
                                        .log = log };
    struct pz_version v = { 0 };
    enum pz_status st = need_args(args, 2, "CAMPAIGN MODEL.pzm", err);

    if (st == PZ_OK)
        st = pz_campaign_publish(args->v[0], args->v[1], &job, &v, err);
    if (st == PZ_OK && cfg->common.json)
        printf("{\"version\":%u}\n", v.number);
    if (st == PZ_OK)
        pz_log(log, PZ_LOG_NOTE, "%s: version %u is current", args->v[0], v.number);
    return st;
}

/* Of a campaign, or of a store by itself. */
static enum pz_status run_compact(void *config, struct pz_strs *args, struct pz_log *log,
                                  struct pz_err *err)
{
    const struct config *cfg = config;
    struct pz_live_store *live = NULL;
    struct pz_live_compacted done;
    enum pz_status st = need_args(args, 1, "CAMPAIGN or STORE", err);

    if (st == PZ_OK)
        st = pz_live_is(args->v[0]) ? pz_live_open(args->v[0], true, &live, err)
                                    : pz_campaign_open_live(args->v[0], true, &live, err);
    if (st == PZ_OK)
        st = pz_live_compact(live, &done, err);
    pz_live_close(live);
    if (st != PZ_OK)
        return st;
    if (cfg->common.json)
        printf("{\"before\":%llu,\"after\":%llu}\n", (unsigned long long)done.before,
               (unsigned long long)done.after);
    pz_log(log, PZ_LOG_NOTE, "the live store has %llu bytes where it had %llu",
           (unsigned long long)done.after, (unsigned long long)done.before);
    return PZ_OK;
}

/* ---- list and status ---- */

static void print_version(const struct pz_version *v, bool json, bool first)
{
    char when[32];
    const char *state = v->damaged    ? "damaged"
                        : v->current  ? "current"
                        : v->bad      ? "bad"
                        : v->previous ? "previous"
                                      : "";

    pz_time_format(v->published, when);
    if (json)
        printf("%s{\"version\":%u,\"recipe\":\"%s\",\"bytes\":%llu,\"published\":\"%s\",\"live_"
               "seen\":%llu,\"rows_seen\":%llu,\"pinned\":%s,\"bad\":%s,\"state\":\"%s\"}",
               first ? "" : ",", v->number, v->recipe, (unsigned long long)v->bytes, when,
               (unsigned long long)v->live_seen, (unsigned long long)v->rows_seen,
               v->pinned ? "true" : "false", v->bad ? "true" : "false", state);
    else
        printf("%-8u %-22s %12llu  %s  %9llu %9llu  %s%s\n", v->number, v->recipe,
               (unsigned long long)v->bytes, when, (unsigned long long)v->live_seen,
               (unsigned long long)v->rows_seen, state, v->pinned ? " pinned" : "");
}

static enum pz_status run_list(void *config, struct pz_strs *args, struct pz_log *log,
                               struct pz_err *err)
{
    const struct config *cfg = config;
    struct pz_version *list = NULL;
    size_t n = 0;
    enum pz_status st = need_args(args, 1, "CAMPAIGN", err);

    (void)log;
    if (st == PZ_OK)
        st = pz_campaign_list(args->v[0], &list, &n, err);
    if (st == PZ_OK)
        fputs(cfg->common.json ? "["
                               : "version  recipe                        bytes  published          "
                                 "   live-seen rows-seen  state\n",
              stdout);
    for (size_t i = 0; i < n && st == PZ_OK; i++)
        print_version(&list[i], cfg->common.json, i == 0);
    if (st == PZ_OK && cfg->common.json)
        puts("]");
    free(list);
    return st;
}

struct status {
    struct pz_model *model;
    struct pz_version version;
    struct pz_settings settings;
    struct pz_live_size live;
    struct pz_health health;
};

static enum pz_status read_status(const char *campaign, struct status *s, struct pz_err *err)
{
    struct pz_live_store *store = NULL;
    enum pz_status st = pz_campaign_open_model(campaign, &s->model, &s->version, err);

    if (st == PZ_OK)
        st = pz_settings_read(campaign, &s->settings, err);
    if (st == PZ_OK)
        st = pz_campaign_open_live(campaign, false, &store, err);
    if (st == PZ_OK && store)
        st = pz_live_count(store, &s->live, err);
    if (st == PZ_OK)
        st = pz_health_measure(campaign, s->model, &s->version, store, &s->health, err);
    pz_live_close(store);
    return st;
}

static json_t *status_json(const struct status *s)
{
    char newest[32], published[32];
    json_t *settings = json_object_get(s->settings.doc, "settings"),
           *filters = json_object_get(s->settings.doc, "filters");

    return json_pack("{s:I, s:s, s:s, s:I, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
                     "s:I, s:I, s:o, s:o}",
                     "version", (json_int_t)s->version.number, "recipe", s->version.recipe,
                     "published", pz_time_format(s->version.published, published), "items",
                     (json_int_t)s->model->items.n, "users", (json_int_t)s->model->users.n,
                     "newest", pz_time_format(s->model->newest, newest), "live_events",
                     (json_int_t)s->live.events, "live_items", (json_int_t)s->live.items,
                     "live_users", (json_int_t)s->live.users, "forgotten",
                     (json_int_t)s->live.forgotten, "last_event", (json_int_t)s->live.last,
                     "live_seen", (json_int_t)s->version.live_seen, "rows_seen",
                     (json_int_t)s->version.rows_seen, "data_age",
                     (json_int_t)s->health.age[PZ_AGE_DATA], "publication_age",
                     (json_int_t)s->health.age[PZ_AGE_PUBLICATION], "backlog_age",
                     (json_int_t)s->health.age[PZ_AGE_BACKLOG], "backlog",
                     (json_int_t)s->health.backlog, "settings",
                     settings ? json_incref(settings) : json_object(), "filters",
                     filters ? json_incref(filters) : json_object());
}

static void print_members(const char *title, const json_t *object)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)object, key, value) {
        if (json_is_string(value))
            printf("%-9s %s = %s\n", title, key, json_string_value(value));
        else
            printf("%-9s %s = %g\n", title, key, json_number_value(value));
    }
}

static void print_status(const struct status *s)
{
    char when[32];

    printf("version   %u, %s, published %s\n", s->version.number, s->version.recipe,
           pz_time_format(s->version.published, when));
    printf("model     %u items, %u users, data up to %s, live events up to %llu, rows up to %llu\n",
           s->model->items.n, s->model->users.n, pz_time_format(s->model->newest, when),
           (unsigned long long)s->version.live_seen, (unsigned long long)s->version.rows_seen);
    printf("live      %llu events, %llu items, %llu users, %llu forgotten; last number %llu\n",
           (unsigned long long)s->live.events, (unsigned long long)s->live.items,
           (unsigned long long)s->live.users, (unsigned long long)s->live.forgotten,
           (unsigned long long)s->live.last);
    printf("age       data %.1f h, publication %.1f h, backlog %.1f h (%llu events)\n",
           (double)s->health.age[PZ_AGE_DATA] / 3600,
           (double)s->health.age[PZ_AGE_PUBLICATION] / 3600,
           (double)s->health.age[PZ_AGE_BACKLOG] / 3600, (unsigned long long)s->health.backlog);
    print_members("setting", json_object_get(s->settings.doc, "settings"));
    print_members("filter", json_object_get(s->settings.doc, "filters"));
}

static enum pz_status write_metrics(const char *path, const char *campaign, const struct status *s,
                                    struct pz_err *err)
{
    struct pz_str text = { 0 };
    enum pz_status st;

    pz_health_metrics(&s->health, campaign, s->model, &s->version, &text);
    st = text.failed ? pz_err_memory(err, "the metrics", 1e4)
                     : pz_file_write(path, text.data, text.len, err);
    pz_str_clear(&text);
    return st;
}

/* As monitoring plugins do: 1 is a warning, 2 critical. */
static enum pz_status judge(const struct status *s, struct pz_err *err)
{
    struct pz_str text = { 0 };
    enum pz_health_state state = pz_health_worst(&s->health);

    pz_health_explain(&s->health, &s->version, &text);
    if (state != PZ_HEALTH_OK)
        pz_err_set(err, (enum pz_status)state, "%s: %s",
                   state == PZ_HEALTH_CRITICAL ? "CRITICAL" : "WARNING",
                   text.failed ? "out of memory" : text.data);
    pz_str_clear(&text);
    return (enum pz_status)state;
}

static enum pz_status print_any(const struct config *cfg, const struct status *s,
                                struct pz_err *err)
{
    struct pz_str text = { 0 };
    json_t *doc = NULL;
    enum pz_status st = PZ_OK;

    if (!cfg->common.json) {
        print_status(s);
        return PZ_OK;
    }
    doc = status_json(s);
    if (doc)
        pz_json_dump(&text, doc, false);
    if (!doc || text.failed)
        st = pz_err_memory(err, "the status", 1e4);
    fputs(st == PZ_OK ? text.data : "", stdout);
    json_decref(doc);
    pz_str_clear(&text);
    return st;
}

/* With --max-age a status that cannot be told is 3 (unknown), whatever the reason. */
static enum pz_status run_status(void *config, struct pz_strs *args, struct pz_log *log,
                                 struct pz_err *err)
{
    const struct config *cfg = config;
    struct status s = { .model = NULL };
    uint32_t n = 0, damaged = 0;
    enum pz_status st = need_args(args, 1, "CAMPAIGN", err);

    if (st == PZ_OK)
        st = pz_health_limits(cfg->max_age, &s.health, err);
    if (st != PZ_OK)
        return st;
    if (cfg->verify)
        st = pz_campaign_check(args->v[0], true, log, &n, &damaged, err);
    if (st == PZ_OK)
        st = read_status(args->v[0], &s, err);
    if (st == PZ_OK)
        st = print_any(cfg, &s, err);
    if (st == PZ_OK && cfg->textfile)
        st = write_metrics(cfg->textfile, args->v[0], &s, err);
    if (st != PZ_OK && cfg->max_age)
        st = (enum pz_status)PZ_HEALTH_UNKNOWN;
    else if (st == PZ_OK)
        st = judge(&s, err);
    pz_settings_clear(&s.settings);
    pz_model_free(s.model);
    return st;
}

/* ---- changes ---- */

static enum pz_status run_rollback(void *config, struct pz_strs *args, struct pz_log *log,
                                   struct pz_err *err)
{
    const struct config *cfg = config;
    uint32_t version = (uint32_t)cfg->to;
    enum pz_status st = need_args(args, 1, "CAMPAIGN", err);

    if (st == PZ_OK)
        st = pz_campaign_rollback(args->v[0], cfg->lock_wait, &version, err);
    if (st == PZ_OK && cfg->common.json)
        printf("{\"version\":%u}\n", version);
    if (st == PZ_OK)
        pz_log(log, PZ_LOG_NOTE, "%s: version %u is current", args->v[0], version);
    return st;
}

static enum pz_status run_gc(void *config, struct pz_strs *args, struct pz_log *log,
                             struct pz_err *err)
{
    const struct config *cfg = config;
    const struct pz_gc_cfg job = { .keep = (uint32_t)cfg->keep,
                                   .keep_weekly = (uint32_t)cfg->keep_weekly,
                                   .events = cfg->events,
                                   .force = cfg->force,
                                   .data = cfg->data.v,
                                   .n_data = cfg->data.n,
                                   .wait_s = cfg->lock_wait,
                                   .log = log };
    struct pz_gc removed = { 0, 0 };
    enum pz_status st = need_args(args, 1, "CAMPAIGN", err);

    if (st == PZ_OK)
        st = pz_campaign_gc(args->v[0], &job, &removed, err);
    if (st == PZ_OK && cfg->common.json)
        printf("{\"removed\":%u,\"live_removed\":%llu}\n", removed.versions,
               (unsigned long long)removed.live);
    if (st == PZ_OK)
        pz_log(log, PZ_LOG_NOTE, "%u versions and %llu live events and rows removed",
               removed.versions, (unsigned long long)removed.live);
    return st;
}

static enum pz_status pin(const struct config *cfg, const struct pz_strs *args, bool pinned,
                          struct pz_err *err)
{
    long long version = 0;
    enum pz_status st = need_args(args, 2, "CAMPAIGN VERSION", err);

    if (st == PZ_OK && (!pz_str_to_i64(args->v[1], strlen(args->v[1]), &version) || version < 1 ||
                        version >= UINT32_MAX))
        st = pz_err_set(err, PZ_USAGE, "\"%s\" is no version's number; see pz-deploy list",
                        args->v[1]);
    return st == PZ_OK ? pz_campaign_pin(args->v[0], (uint32_t)version, pinned, cfg->lock_wait, err)
                       : st;
}

static enum pz_status run_pin(void *config, struct pz_strs *args, struct pz_log *log,
                              struct pz_err *err)
{
    (void)log;
    return pin(config, args, true, err);
}

static enum pz_status run_unpin(void *config, struct pz_strs *args, struct pz_log *log,
                                struct pz_err *err)
{
    (void)log;
    return pin(config, args, false, err);
}

static enum pz_status run_check(void *config, struct pz_strs *args, struct pz_log *log,
                                struct pz_err *err)
{
    const struct config *cfg = config;
    uint32_t n = 0, damaged = 0;
    enum pz_status st = need_args(args, 1, "CAMPAIGN", err);

    if (st != PZ_OK)
        return st;
    st = pz_campaign_check(args->v[0], false, log, &n, &damaged, err);
    if (cfg->common.json && (st == PZ_OK || st == PZ_BAD_DATA))
        printf("{\"versions\":%u,\"faults\":%u}\n", n, damaged);
    if (st == PZ_OK)
        pz_log(log, PZ_LOG_NOTE, "%s: %u versions are sound", args->v[0], n);
    return st;
}

static enum pz_status run_repair(void *config, struct pz_strs *args, struct pz_log *log,
                                 struct pz_err *err)
{
    const struct config *cfg = config;
    enum pz_status st = need_args(args, 1, "CAMPAIGN", err);

    return st == PZ_OK ? pz_campaign_repair(args->v[0], cfg->lock_wait, log, err) : st;
}

/* A filter is kept only if it fits the campaign as it is now. */
static enum pz_status try_filter(const char *campaign, const char *text, struct pz_log *log,
                                 struct pz_err *err)
{
    struct pz_view *view = NULL;
    struct pz_filter *filter = NULL;
    enum pz_status st = pz_view_open(campaign, &view, err);

    if (st == PZ_OK)
        st = pz_view_compile(view, view->model, text, &filter, err);
    if (st == PZ_OK)
        pz_filter_log_warnings(filter, NULL, log);
    pz_filter_free(filter);
    pz_view_free(view);
    return st;
}

/* CAMPAIGN NAME [VALUE] or CAMPAIGN filter NAME [EXPR]; a missing value removes. */
static enum pz_status change(const struct config *cfg, const struct pz_strs *args, bool set,
                             struct pz_log *log, struct pz_err *err)
{
    bool filter = args->n > 1 && strcmp(args->v[1], "filter") == 0;
    size_t n = (filter ? 3u : 2u) + (set ? 1u : 0u);
    const char *value = set && args->n == n ? args->v[n - 1] : NULL;

    if (args->n != n)
        return pz_err_set(err, PZ_USAGE, "CAMPAIGN %s%s is needed; see pz-deploy --help",
                          filter ? "filter NAME" : "NAME",
                          !set     ? ""
                          : filter ? " EXPR"
                                   : " VALUE");
    if (filter && set) {
        enum pz_status st = try_filter(args->v[0], value, log, err);

        if (st != PZ_OK)
            return st;
    }
    return filter ? pz_settings_set_filter(args->v[0], args->v[2], value, cfg->lock_wait, err)
                  : pz_settings_set(args->v[0], args->v[1], value, cfg->lock_wait, err);
}

static enum pz_status run_set(void *config, struct pz_strs *args, struct pz_log *log,
                              struct pz_err *err)
{
    return change(config, args, true, log, err);
}

static enum pz_status run_unset(void *config, struct pz_strs *args, struct pz_log *log,
                                struct pz_err *err)
{
    return change(config, args, false, log, err);
}

/* ---- serving ---- */

struct serve_config {
    const char *listen, *credentials, *config, *access_log;
    double max_tps;
    bool no_auth, print_config;
    struct pz_common common;
};

static enum pz_status run_serve(void *config, struct pz_strs *args, struct pz_log *log,
                                struct pz_err *err)
{
    const struct serve_config *cfg = config;
    const struct pz_serve_options o = { .listen = cfg->listen,
                                        .credentials = cfg->credentials,
                                        .no_auth = cfg->no_auth,
                                        .config = cfg->config,
                                        .access_log = cfg->access_log,
                                        .max_tps = cfg->max_tps,
                                        .workers = (unsigned)pz_par_threads(),
                                        .campaign = args->v,
                                        .n = args->n };

    return cfg->print_config ? pz_serve_print_config(&o, stdout, err) : pz_serve(&o, log, err);
}

/* ---- cost ---- */

struct cost_config {
    double min_tps;
    const char *rates;
    struct pz_common common;
};

static void print_cost(const struct pz_cost *c)
{
    double v1 = c->v1.ingestion + c->v1.training + c->v1.requests;
    double v2 = c->v2.ingestion + c->v2.training + c->v2.requests;

    printf("%-28s %14s %12s %12s\n", "what", "here", "Amazon, $", "its v2, $");
    printf("%-28s %11.3f GB %12.2f %12.2f\n", "ingested", c->gb, c->v1.ingestion, c->v2.ingestion);
    printf("%-28s %12.3f h %12.2f %12.2f\n", "training", c->training_hours, c->v1.training,
           c->v2.training);
    printf("%-28s %8.2f TPS-h %12.2f %12.2f\n", "requests, minimum included", c->tps_hours,
           c->v1.requests, c->v2.requests);
    printf("%-28s %14s %12.2f %12.2f\n", "sum", "", v1, v2);
    printf("%.0f requests, %.0f interactions trained on; rates of %s\n", c->requests,
           c->interactions, c->date);
}

static enum pz_status run_cost(void *config, struct pz_strs *args, struct pz_log *log,
                               struct pz_err *err)
{
    const struct cost_config *cfg = config;
    const struct pz_cost_options o = {
        .path = args->v, .n = args->n, .min_tps = cfg->min_tps, .rates = cfg->rates
    };
    struct pz_cost c;
    struct pz_str text = { 0 };
    json_t *doc = NULL;
    enum pz_status st = args->n > 0
                            ? pz_cost_read(&o, &c, err)
                            : pz_err_set(err, PZ_USAGE, "a ledger or an access log is needed");

    if (st == PZ_OK && c.unknown > 0)
        pz_log(log, PZ_LOG_WARN, "%llu of %llu lines are neither a run nor a request",
               (unsigned long long)c.unknown, (unsigned long long)c.lines);
    if (st == PZ_OK && cfg->common.json) {
        doc = pz_cost_json(&c);
        pz_json_dump(&text, doc, false);
        st = doc && !text.failed ? PZ_OK : pz_err_memory(err, "the cost", 1e3);
        fputs(st == PZ_OK ? text.data : "", stdout);
    } else if (st == PZ_OK) {
        print_cost(&c);
    }
    json_decref(doc);
    pz_str_clear(&text);
    return st;
}

/* ---- bench ---- */

struct bench_config {
    double seconds, min_tps;
    struct pz_common common;
};

static enum pz_status run_bench(void *config, struct pz_strs *args, struct pz_log *log,
                                struct pz_err *err)
{
    const struct bench_config *cfg = config;
    struct pz_bench b = { .tps = 0 };
    enum pz_status st = need_args(args, 1, "CAMPAIGN", err);

    if (st == PZ_OK)
        st = pz_bench_run(args->v[0], cfg->seconds, &b, err);
    if (st != PZ_OK)
        return st;
    printf(cfg->common.json ? "{\"tps\":%.1f,\"p50_us\":%.0f,\"p99_us\":%.0f,\"cpu_us\":%.0f,"
                              "\"questions\":%lu,\"threads\":%d}\n"
                            : "%.1f answers a second; one takes %.0f us (median), %.0f us (99 %%), "
                              "%.0f us of CPU; %lu asked on %d threads\n",
           b.tps, b.p50_s * 1e6, b.p99_s * 1e6, b.cpu_s * 1e6, b.questions, pz_par_threads());
    if (b.tps < cfg->min_tps)
        pz_log(log, PZ_LOG_WARN, "this machine does not sustain the minimum of %g a second here",
               cfg->min_tps);
    return PZ_OK;
}

/* ---- options ---- */

#define LOCK_WAIT                                                             \
    PZ_REAL(0, "lock-wait", struct config, lock_wait, "0", 0, 1e6, "SECONDS", \
            "how long to wait for another process that changes the campaign; then exit with 75")

static const struct pz_opt publish_opts[] = {
    PZ_INT(
        0, "live-seen", struct config, live_seen, "0", 0, 9e15, "N",
        "number of the last live event that the model's data contain (pz-event export says it): "
        "queries add the later ones. 0: as the data say that came by pz-event export -o NAME.pzd"),
    PZ_INT(0, "rows-seen", struct config, rows_seen, "0", 0, 9e15, "N",
           "the same for rows of items and users that were put; without it they all stay in force"),
    PZ_FLAG(0, "force", struct config, force,
            "publish also a model that was rolled back as bad, or that has fewer than half of the "
            "items or users of the current version"),
    LOCK_WAIT,
    PZ_OPT_COMMON(struct config, common),
    PZ_END
};
static const struct pz_opt status_opts[] = {
    PZ_STR(0, "max-age", struct config, max_age, NULL, "LIMITS",
           "exit as monitoring plugins do: 1 when an age is over its limit, 2 over twice that, 3 "
           "when it cannot be told. data=26h,publication=8d,backlog=2h, also WARNING:CRITICAL; a "
           "duration alone (26h) is a limit of 1 for the publication"),
    PZ_OUT(0, "textfile", struct config, textfile, NULL, "FILE.prom",
           "write the figures for the textfile collector of Prometheus"),
    PZ_FLAG(0, "verify", struct config, verify,
            "read every byte of the current version first, and exit with 65 if one is damaged"),
    PZ_OPT_COMMON(struct config, common), PZ_END
};
static const struct pz_opt rollback_opts[] = {
    PZ_INT(0, "to", struct config, to, "0 (the previous one)", 0, 4e9, "N", "version to go to"),
    LOCK_WAIT, PZ_OPT_COMMON(struct config, common), PZ_END
};
static const struct pz_opt gc_opts[] = {
    PZ_INT('k', "keep", struct config, keep, "5", 0, 1000000, "N", "newest versions to keep"),
    PZ_INT(0, "keep-weekly", struct config, keep_weekly, "0", 0, 1000000, "N",
           "keep besides the newest version of each of the latest N weeks that have one"),
    PZ_FLAG(0, "events", struct config, events,
            "remove also live events and rows that the data of every version left contain, and the "
            "datasets named by --data"),
    PZ_LIST(0, "data", struct config, data, "DATA.pzd",
            "with --events: a dataset that the next training reads; may be given several times"),
    PZ_FLAG(0, "force", struct config, force,
            "with --events: remove also what no dataset named contains; the next training may lack "
            "it"),
    LOCK_WAIT,
    PZ_OPT_COMMON(struct config, common),
    PZ_END
};
static const struct pz_opt set_opts[] = { LOCK_WAIT, PZ_OPT_COMMON(struct config, common), PZ_END };
static const struct pz_opt common_opts[] = { PZ_OPT_COMMON(struct config, common), PZ_END };

static const struct pz_opt bench_opts[] = {
    PZ_REAL(0, "seconds", struct bench_config, seconds, "3", 0.01, 3600, "N", "how long to ask"),
    PZ_REAL(0, "min-tps", struct bench_config, min_tps, "0", 0, 1e9, "N",
            "warn when fewer are answered a second, as minProvisionedTPS promises"),
    PZ_OPT_COMMON(struct bench_config, common), PZ_END
};

static const struct pz_opt cost_opts[] = {
    PZ_REAL(0, "min-tps", struct cost_config, min_tps, "1", 0, 1e9, "N",
            "requests a second that each campaign is billed at least, as minProvisionedTPS"),
    PZ_STR(0, "rates", struct cost_config, rates, NULL, "FILE",
           "rates in place of those in the program, which say their date; see pz-serve(7)"),
    PZ_OPT_COMMON(struct cost_config, common), PZ_END
};

static const struct pz_opt serve_opts[] = {
    PZ_STR(0, "listen", struct serve_config, listen, NULL, "HOST:PORT",
           "where to take requests; also [ADDRESS]:PORT and unix:PATH. A socket that a service "
           "manager hands over is used instead"),
    PZ_STR(0, "credentials", struct serve_config, credentials, NULL, "FILE",
           "keys that may sign requests, and what each may do; only the owner may read the file. "
           "See pz-serve(7)"),
    PZ_FLAG(0, "no-auth", struct serve_config, no_auth,
            "take requests without signatures; only on a loopback address or a unix socket"),
    PZ_STR(0, "config", struct serve_config, config, NULL, "FILE",
           "names, limits and origins, see pz-serve(7); without it a campaign is called as its "
           "folder without .pzc"),
    PZ_FLAG(0, "print-config", struct serve_config, print_config,
            "print the configuration in force, and serve nothing"),
    PZ_STR(0, "access-log", struct serve_config, access_log, NULL, "FILE",
           "append a line of JSON for each request; - is standard output"),
    PZ_REAL(0, "max-tps", struct serve_config, max_tps, "0", 0, 1e9, "N",
            "requests a second at most, of all campaigns together; 0: as configured"),
    PZ_OPT_COMMON(struct serve_config, common),
    PZ_END
};

#define SUB(word, usage, text, table, function)                                               \
    {                                                                                         \
        .name = word, .synopsis = usage, .summary = text, .opts = table,                      \
        .cfg_bytes = sizeof(struct config), .common_offset = offsetof(struct config, common), \
        .operands = "file", .run = function                                                   \
    }

int main(int argc, char **argv)
{
    static const struct pz_cmd sub[] = {
        SUB("publish", "[--force] CAMPAIGN MODEL.pzm",
            "Make a model the current version of a campaign", publish_opts, run_publish),
        SUB("status", "[--max-age LIMITS] [--verify] [--textfile FILE] CAMPAIGN",
            "Say which version answers, how fresh it is, and what is set", status_opts, run_status),
        SUB("list", "CAMPAIGN", "List the versions", common_opts, run_list),
        SUB("rollback", "[--to N] CAMPAIGN", "Make an older version current", rollback_opts,
            run_rollback),
        SUB("gc", "[--keep N] [--keep-weekly N] [--events --data FILE...] CAMPAIGN",
            "Remove old versions, never the current or previous one", gc_opts, run_gc),
        SUB("pin", "CAMPAIGN VERSION", "Keep a version from being collected", set_opts, run_pin),
        SUB("unpin", "CAMPAIGN VERSION", "Let a pinned version go", set_opts, run_unpin),
        SUB("compact", "CAMPAIGN|STORE",
            "Write the live store anew: no free pages, no byte of what was removed", common_opts,
            run_compact),
        SUB("check", "CAMPAIGN", "Read every byte of every version and say what is damaged",
            common_opts, run_check),
        SUB("repair", "CAMPAIGN",
            "Find the version to answer with when current or an info.json is lost or damaged",
            set_opts, run_repair),
        SUB("set", "CAMPAIGN NAME VALUE\nCAMPAIGN filter NAME EXPR",
            "Change a setting, or keep a filter under a name", set_opts, run_set),
        SUB("unset", "CAMPAIGN NAME\nCAMPAIGN filter NAME", "Remove a setting or a filter",
            set_opts, run_unset),
        { .name = "bench",
          .synopsis = "[--seconds N] [--min-tps N] CAMPAIGN",
          .summary = "Measure how many questions a second this machine answers",
          .opts = bench_opts,
          .cfg_bytes = sizeof(struct bench_config),
          .common_offset = offsetof(struct bench_config, common),
          .operands = "file",
          .run = run_bench },
        { .name = "cost",
          .synopsis = "[--min-tps N] [--rates FILE] LEDGER|ACCESS-LOG...",
          .summary = "Add up what was used, and what Amazon would have charged for it",
          .opts = cost_opts,
          .cfg_bytes = sizeof(struct cost_config),
          .common_offset = offsetof(struct cost_config, common),
          .operands = "file",
          .run = run_cost },
        { .name = "serve",
          .synopsis = "--listen HOST:PORT (--credentials FILE | --no-auth) CAMPAIGN...",
          .summary = "Serve campaigns with Amazon Personalize's protocol",
          .opts = serve_opts,
          .cfg_bytes = sizeof(struct serve_config),
          .common_offset = offsetof(struct serve_config, common),
          .operands = "file",
          .run = run_serve },
        { .name = NULL }
    };
    static const struct pz_cmd cmd = {
        .name = "pz-deploy",
        .synopsis =
            "publish|serve|status|list|rollback|gc|pin|unpin|check|repair|set|unset CAMPAIGN ...",
        .summary = "Publish models as campaigns.",
        .examples = "  pz-deploy publish home.pzc home.pzm\n"
                    "  pz-deploy rollback home.pzc\n"
                    "  pz-deploy set home.pzc num 10",
        .sub = sub
    };

    return pz_cmd_main(&cmd, argc, argv);
}
