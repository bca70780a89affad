/* SPDX-License-Identifier: Apache-2.0 */
/* The log that the live stores of several hosts share: made, looked at, taken over once, trimmed.
 *
 * Which events a trim takes away is decided by what the models of all hosts contain, as they told
 * the log; a host that is gone keeps everything until it is dropped from the list, and is named. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/time.h"
#include "campaign/gc.h"
#include "campaign/live.h"
#include "cmd/deploy/deploy.h"
#include "live/hosts/follow.h"

static enum pz_status init(const char *campaign, struct pz_live_store *live,
                           const struct deploy_log_cfg *cfg, struct pz_log *log, struct pz_err *err)
{
    struct pz_log_info info = { .host = NULL };
    uint64_t last;
    bool made;
    enum pz_status st = pz_live_log_init(live, &made, err);

    (void)cfg;
    if (st == PZ_OK)
        st = pz_live_log_sync(live, &last, err);
    if (st == PZ_OK)
        st = pz_live_log_info(live, &info, err);
    if (st == PZ_OK && !info.safe)
        pz_log(log, PZ_LOG_WARN,
               "the database runs with fsync = off: what it acknowledges a power cut may take");
    if (st == PZ_OK)
        pz_log(log, PZ_LOG_NOTE, "%s: %s the log at %s, at number %llu", campaign,
               made ? "made" : "joined", info.url, (unsigned long long)info.last);
    free(info.host);
    return st;
}

static enum pz_status sync_once(const char *campaign, struct pz_live_store *live,
                                const struct deploy_log_cfg *cfg, struct pz_log *log,
                                struct pz_err *err)
{
    uint64_t last;
    enum pz_status st = pz_live_log_sync(live, &last, err);

    (void)cfg;
    if (st == PZ_OK)
        pz_log(log, PZ_LOG_NOTE, "%s has all of the log, up to number %llu", campaign,
               (unsigned long long)last);
    return st;
}

static json_t *info_json(const struct pz_log_info *i)
{
    json_t *hosts = json_array();

    for (size_t k = 0; k < i->n_hosts; k++)
        json_array_append_new(hosts, json_pack("{s:s, s:I, s:I, s:I, s:I}", "name", i->host[k].name,
                                               "applied", (json_int_t)i->host[k].applied, "events",
                                               (json_int_t)i->host[k].events, "rows",
                                               (json_int_t)i->host[k].rows, "seen",
                                               (json_int_t)i->host[k].seen));
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:b, s:i, s:o}", "log", i->url, "store",
                     i->store, "last", (json_int_t)i->last, "trimmed", (json_int_t)i->trimmed,
                     "applied", (json_int_t)i->applied, "entries", (json_int_t)i->entries, "bytes",
                     (json_int_t)i->bytes, "durable", i->safe, "standbys", i->standbys, "hosts",
                     hosts);
}

static void print_hosts(const struct pz_log_info *i)
{
    char when[32];

    for (size_t k = 0; k < i->n_hosts; k++)
        printf("host      %s at %llu, models contain events up to %llu, rows up to %llu; seen %s\n",
               i->host[k].name, (unsigned long long)i->host[k].applied,
               (unsigned long long)i->host[k].events, (unsigned long long)i->host[k].rows,
               pz_time_format(i->host[k].seen, when));
}

static enum pz_status status(const char *campaign, struct pz_live_store *live,
                             const struct deploy_log_cfg *cfg, struct pz_log *log,
                             struct pz_err *err)
{
    struct pz_log_info i = { .host = NULL };
    struct pz_str text = { 0 };
    json_t *doc = NULL;
    enum pz_status st = pz_live_log_info(live, &i, err);

    (void)log;
    if (st == PZ_OK && !*i.url) {
        st = pz_err_set(err, PZ_NO_INPUT, "%s follows no log", campaign);
    } else if (st == PZ_OK && cfg->common.json) {
        doc = info_json(&i);
        pz_json_dump(&text, doc, false);
        st = doc && !text.failed ? PZ_OK : pz_err_memory(err, "the status", 1e4);
        if (st == PZ_OK)
            printf("%s\n", text.data);
    } else if (st == PZ_OK) {
        printf("log       %s, store %s\n", i.url, i.store);
        printf("numbers   last %llu, this store has %llu (%llu behind); trimmed up to %llu\n",
               (unsigned long long)i.last, (unsigned long long)i.applied,
               (unsigned long long)(i.last - i.applied), (unsigned long long)i.trimmed);
        printf("size      %llu entries, %.1f MB\n", (unsigned long long)i.entries,
               (double)i.bytes / 1e6);
        printf("commits   %s, synchronous standbys %d\n",
               i.safe ? "durable" : "NOT DURABLE (fsync = off)", i.standbys);
        print_hosts(&i);
    }
    json_decref(doc);
    pz_str_clear(&text);
    free(i.host);
    return st;
}

/* Who keeps the log from being shorter. */
static void tell_why(const struct pz_log_info *i, uint64_t removed, double days, struct pz_log *log)
{
    for (size_t k = 0; k < i->n_hosts; k++)
        if (i->host[k].events == i->events)
            pz_log(log, PZ_LOG_NOTE, "events behind %llu stay: the oldest model of %s ends there",
                   (unsigned long long)i->events, i->host[k].name);
    pz_log(
        log, PZ_LOG_NOTE,
        "%llu entries removed; what is younger than %g days stays, for late repeats, and all who "
        "asked to be forgotten",
        (unsigned long long)removed, days);
}

static enum pz_status trim(const char *campaign, struct pz_live_store *live,
                           const struct deploy_log_cfg *cfg, struct pz_log *log, struct pz_err *err)
{
    struct pz_log_info i = { .host = NULL };
    uint64_t events, rows, removed = 0;
    enum pz_status st = cfg->drop ? pz_live_log_drop(live, cfg->drop, err) : PZ_OK;

    if (st == PZ_OK)
        st = pz_campaign_contained(campaign, &events, &rows, err);
    if (st == PZ_OK)
        st = pz_live_log_tell(live, campaign, events, rows, err);
    if (st == PZ_OK)
        st = pz_live_log_info(live, &i, err);
    if (st == PZ_OK)
        st = pz_live_log_trim(live, i.events, i.rows, cfg->days, &removed, err);
    if (st == PZ_OK)
        tell_why(&i, removed, cfg->days, log);
    if (st == PZ_OK && cfg->common.json)
        printf("{\"removed\":%llu,\"events\":%llu,\"rows\":%llu}\n", (unsigned long long)removed,
               (unsigned long long)i.events, (unsigned long long)i.rows);
    free(i.host);
    return st;
}

enum pz_status deploy_log(void *config, struct pz_strs *args, struct pz_log *log,
                          struct pz_err *err)
{
    static const struct {
        const char *word;
        enum pz_status (*run)(const char *campaign, struct pz_live_store *live,
                              const struct deploy_log_cfg *cfg, struct pz_log *log,
                              struct pz_err *err);
    } actions[] = {
        { "init", init }, { "sync", sync_once }, { "status", status }, { "trim", trim }
    };
    static const size_t n_actions = sizeof actions / sizeof *actions;
    struct pz_live_store *live = NULL;
    size_t i = 0;
    enum pz_status st = deploy_need(args, 2, "init, sync, status or trim, and CAMPAIGN,", err);

    while (st == PZ_OK && i < n_actions && strcmp(args->v[0], actions[i].word) != 0)
        i++;
    if (st == PZ_OK && i == n_actions)
        st = pz_err_set(err, PZ_USAGE, "log %s: init, sync, status or trim is needed", args->v[0]);
    if (st == PZ_OK)
        st = pz_campaign_open_store(args->v[1], true, &live, err);
    if (st == PZ_OK)
        st = actions[i].run(args->v[1], live, config, log, err);
    pz_live_close(live);
    return st;
}
