/* SPDX-License-Identifier: Apache-2.0 */
/* Which version answers, how fresh it is, what is set: for people, as JSON, for Prometheus, and as
 * the exit code of a monitoring plugin.
 *
 * Data, publication and backlog are judged each by itself (campaign/health.h): publishing an old
 * model again makes nothing young but the publication. The exit code is the worst of those that a
 * limit was given for. */
#include <stdio.h>

#include "base/file.h"
#include "base/json.h"
#include "base/time.h"
#include "campaign/campaign.h"
#include "campaign/health.h"
#include "campaign/live.h"
#include "campaign/operand.h"
#include "campaign/repair.h"
#include "campaign/settings.h"
#include "cmd/deploy/deploy.h"
#include "live/hosts/follow.h"
#include "model/describe.h"

struct status {
    struct pz_model *model;
    struct pz_version version;
    struct pz_settings settings;
    struct pz_live_size live;
    struct pz_health health;
    char log[256]; /* URL; "": none */
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
    if (st == PZ_OK && store)
        st = pz_live_log_url(store, s->log, sizeof s->log, err);
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
                     "s:I, s:I, s:s, s:s, s:o, s:o}",
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
                     (json_int_t)s->health.backlog, "fingerprint", s->version.model, "log", s->log,
                     "settings", settings ? json_incref(settings) : json_object(), "filters",
                     filters ? json_incref(filters) : json_object());
}

static void print_members(const char *title, const json_t *object)
{
    const char *key;
    json_t *value;

    json_object_foreach (pz_json_lend(object), key, value) {
        if (json_is_string(value))
            printf("%-9s %s = %s\n", title, key, json_string_value(value));
        else
            printf("%-9s %s = %g\n", title, key, json_number_value(value));
    }
}

static void print_status(const struct status *s)
{
    char when[32];

    printf("version   %u, %s, published %s, model %.8s\n", s->version.number, s->version.recipe,
           pz_time_format(s->version.published, when), *s->version.model ? s->version.model : "-");
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
    if (*s->log)
        printf("log       %s; see pz-deploy log status\n", s->log);
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

static enum pz_status print_text(const struct status *s, struct pz_err *err)
{
    struct pz_str text = { 0 };
    json_t *facts = pz_model_describe(s->model);

    print_status(s);
    if (facts)
        pz_model_describe_text(facts, true, &text);
    text.failed |= !facts;
    json_decref(facts);
    return pz_cmd_print(&text, "the status", err);
}

static enum pz_status print_any(const struct deploy_cfg *cfg, const struct status *s,
                                struct pz_err *err)
{
    struct pz_str text = { 0 };
    json_t *doc, *facts;

    if (!cfg->common.json)
        return print_text(s, err);
    doc = status_json(s);
    facts = pz_model_describe(s->model);
    text.failed = !doc || !facts || json_object_set_new(doc, "model", facts) < 0;
    if (!text.failed)
        pz_json_dump(&text, doc, false);
    json_decref(doc);
    return pz_cmd_print(&text, "the status", err);
}

/* With --max-age a status that cannot be told is 3 (unknown), whatever the reason. */
enum pz_status deploy_status(void *config, struct pz_strs *args, struct pz_log *log,
                             struct pz_err *err)
{
    const struct deploy_cfg *cfg = config;
    struct status s = { .model = NULL };
    uint32_t n = 0, damaged = 0;
    enum pz_status st = deploy_need(args, 1, "CAMPAIGN", err);

    if (st == PZ_OK)
        st = pz_health_limits(cfg->max_age, &s.health, err);
    if (st != PZ_OK)
        return st;
    st = pz_operand_want(args->v[0], 1u << PZ_OPERAND_CAMPAIGN, err);
    if (st == PZ_OK && cfg->verify)
        st = pz_campaign_check(args->v[0], true, log, &n, &damaged, err);
    if (st == PZ_OK)
        st = read_status(args->v[0], &s, err);
    if (st == PZ_OK && !cfg->verify) /* the check has said so */
        pz_info_warn(args->v[0], &s.version, log);
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
