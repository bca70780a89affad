/* SPDX-License-Identifier: Apache-2.0 */
/* pz-deploy: publish models as campaigns, look at them, go back, tidy up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/opt.h"
#include "base/time.h"
#include "campaign/campaign.h"

struct config {
    long long live_seen, keep, to;
    struct pz_common common;
};

static enum pz_status need_args(const struct pz_strs *args, size_t n, const char *what,
                                struct pz_err *err)
{
    return args->n == n ? PZ_OK : pz_err_set(err, PZ_USAGE, "%s is needed; see --help", what);
}

static enum pz_status run_publish(void *config, struct pz_strs *args, struct pz_log *log,
                                  struct pz_err *err)
{
    const struct config *cfg = config;
    uint32_t version = 0;
    enum pz_status st = need_args(args, 2, "CAMPAIGN MODEL.pzm", err);

    if (st == PZ_OK)
        st = pz_campaign_publish(args->v[0], args->v[1], (uint64_t)cfg->live_seen, &version, err);
    if (st == PZ_OK && cfg->common.json)
        printf("{\"version\":%u}\n", version);
    if (st == PZ_OK)
        pz_log(log, PZ_LOG_NOTE, "%s: version %u is current", args->v[0], version);
    return st;
}

static void print_version(const struct pz_version *v, bool json, bool first)
{
    char when[32];
    const char *state = v->current ? "current" : v->previous ? "previous" : "";

    pz_time_format(v->published, when);
    if (json)
        printf("%s{\"version\":%u,\"bytes\":%llu,\"published\":\"%s\",\"live_seen\":%llu,"
               "\"state\":\"%s\"}",
               first ? "" : ",", v->number, (unsigned long long)v->bytes, when,
               (unsigned long long)v->live_seen, state);
    else
        printf("%-8u %12llu  %s  %8llu  %s\n", v->number, (unsigned long long)v->bytes, when,
               (unsigned long long)v->live_seen, state);
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
    if (st == PZ_OK && !cfg->common.json)
        printf("%-8s %12s  %-20s  %8s  %s\n", "version", "bytes", "published", "live", "state");
    if (st == PZ_OK && cfg->common.json)
        putchar('[');
    for (size_t i = 0; i < n && st == PZ_OK; i++)
        print_version(&list[i], cfg->common.json, i == 0);
    if (st == PZ_OK && cfg->common.json)
        puts("]");
    free(list);
    return st;
}

static enum pz_status live_counts(const char *campaign, uint64_t *last, uint64_t *count,
                                  struct pz_err *err)
{
    struct pz_live_store *live = NULL;
    enum pz_status st = pz_campaign_open_live(campaign, false, &live, err);

    *last = *count = 0;
    if (st == PZ_OK && live)
        st = pz_live_last(live, last, count, err);
    pz_live_close(live);
    return st;
}

static enum pz_status run_status(void *config, struct pz_strs *args, struct pz_log *log,
                                 struct pz_err *err)
{
    const struct config *cfg = config;
    struct pz_model *m = NULL;
    uint32_t version = 0;
    uint64_t seen = 0, last = 0, count = 0;
    char newest[32];
    enum pz_status st = need_args(args, 1, "CAMPAIGN", err);

    (void)log;
    if (st == PZ_OK)
        st = pz_campaign_open_model(args->v[0], &m, &version, &seen, err);
    if (st == PZ_OK)
        st = live_counts(args->v[0], &last, &count, err);
    if (st == PZ_OK) {
        pz_time_format(m->newest, newest);
        printf(cfg->common.json ? "{\"version\":%u,\"recipe\":\"%s\",\"items\":%u,\"users\":%u,"
                                  "\"newest\":\"%s\",\"live_events\":%llu,\"last_event\":%llu,"
                                  "\"live_seen\":%llu}\n"
                                : "version %u, %s, %u items, %u users, data up to %s; %llu live "
                                  "events, last %llu, the model has seen %llu\n",
               version, m->recipe->name, m->items.n, m->users.n, newest, (unsigned long long)count,
               (unsigned long long)last, (unsigned long long)seen);
    }
    pz_model_free(m);
    return st;
}

static enum pz_status run_rollback(void *config, struct pz_strs *args, struct pz_log *log,
                                   struct pz_err *err)
{
    const struct config *cfg = config;
    uint32_t version = (uint32_t)cfg->to;
    enum pz_status st = need_args(args, 1, "CAMPAIGN", err);

    if (st == PZ_OK)
        st = pz_campaign_rollback(args->v[0], &version, err);
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
    uint32_t n = 0;
    enum pz_status st = need_args(args, 1, "CAMPAIGN", err);

    if (st == PZ_OK)
        st = pz_campaign_gc(args->v[0], (uint32_t)cfg->keep, &n, err);
    if (st == PZ_OK && cfg->common.json)
        printf("{\"removed\":%u}\n", n);
    if (st == PZ_OK)
        pz_log(log, PZ_LOG_NOTE, "%u versions removed", n);
    return st;
}

static const struct pz_opt publish_opts[] = {
    PZ_INT(0, "live-seen", struct config, live_seen, "0", 0, 9e15, "N",
           "number of the last live event that the model's data contain (pz-event export says it): "
           "queries add the later ones"),
    PZ_OPT_COMMON(struct config, common), PZ_END
};
static const struct pz_opt rollback_opts[] = {
    PZ_INT(0, "to", struct config, to, "0", 0, 4e9, "N", "version to go to; 0 means the previous one"),
    PZ_OPT_COMMON(struct config, common), PZ_END
};
static const struct pz_opt gc_opts[] = {
    PZ_INT('k', "keep", struct config, keep, "5", 0, 1000000, "N", "newest versions to keep"),
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
        SUB("publish", "CAMPAIGN MODEL.pzm", "Make a model the current version of a campaign",
            publish_opts, run_publish),
        SUB("status", "CAMPAIGN", "Say which version answers and how fresh it is", common_opts,
            run_status),
        SUB("list", "CAMPAIGN", "List the versions", common_opts, run_list),
        SUB("rollback", "[--to N] CAMPAIGN", "Make an older version current", rollback_opts,
            run_rollback),
        SUB("gc", "[--keep N] CAMPAIGN", "Remove old versions, never the current or previous one",
            gc_opts, run_gc),
        { .name = NULL }
    };
    static const struct pz_cmd cmd = { .name = "pz-deploy",
                                       .synopsis = "publish|status|list|rollback|gc CAMPAIGN ...",
                                       .summary = "Publish models as campaigns.",
                                       .examples = "  pz-deploy publish home.pzc home.pzm\n"
                                                   "  pz-deploy rollback home.pzc",
                                       .sub = sub };

    return pz_cmd_main(&cmd, argc, argv);
}
