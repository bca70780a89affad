/* SPDX-License-Identifier: Apache-2.0 */
/* The versions of a campaign: publish one, list them, go back, pin, collect.
 *
 * Each is one call of lib/campaign; here are the options, the words and the JSON of what was done.
 * A version that was left by rollback is marked bad: it is never a base, nor published again
 * without --force; a pinned one is never collected. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "campaign/campaign.h"
#include "campaign/gc.h"
#include "campaign/operand.h"
#include "campaign/set.h"
#include "campaign/view.h"
#include "cmd/deploy/deploy.h"
#include "live/put.h"

enum pz_status deploy_publish(void *config, struct pz_strs *args, struct pz_log *log,
                              struct pz_err *err)
{
    const struct deploy_cfg *cfg = config;
    const struct pz_publish_cfg job = { .live_seen = (uint64_t)cfg->live_seen,
                                        .rows_seen = (uint64_t)cfg->rows_seen,
                                        .wait_s = cfg->lock_wait,
                                        .force = cfg->force,
                                        .log = log };
    struct pz_version v = { 0 };
    enum pz_status st = deploy_need(args, 2, "CAMPAIGN MODEL.pzm", err);

    if (st == PZ_OK && pz_operands_swapped(args->v[0], 1u << PZ_OPERAND_CAMPAIGN, args->v[1],
                                           1u << PZ_OPERAND_MODEL))
        st = pz_err_set(err, PZ_USAGE, "the campaign comes first: pz-deploy publish %s %s",
                        args->v[1], args->v[0]);
    if (st == PZ_OK)
        st = deploy_need_campaign(args, 2, "CAMPAIGN MODEL.pzm", err);
    if (st == PZ_OK)
        st = pz_operand_want(args->v[1], 1u << PZ_OPERAND_MODEL, err);
    if (st == PZ_OK)
        st = pz_campaign_publish(args->v[0], args->v[1], &job, &v, err);
    if (st == PZ_OK && cfg->seen)
        st = pz_settings_set(args->v[0], "seen", cfg->seen, cfg->lock_wait, err);
    if (st == PZ_OK)
        pz_view_prepare(args->v[0]);
    if (st == PZ_OK && cfg->common.json)
        printf("{\"version\":%u}\n", v.number);
    if (st == PZ_OK)
        pz_log(log, PZ_LOG_NOTE, "%s: version %u is current", args->v[0], v.number);
    return st;
}

static void print_version(const struct pz_version *v, bool json, bool first)
{
    char when[32], ndcg[16];
    const char *state = v->damaged    ? "damaged"
                        : v->current  ? "current"
                        : v->bad      ? "bad"
                        : v->previous ? "previous"
                                      : "";

    pz_time_format(v->published, when);
    snprintf(ndcg, sizeof ndcg, "%.4f", v->ndcg);
    if (json)
        printf("%s{\"version\":%u,\"recipe\":\"%s\",\"bytes\":%llu,\"published\":\"%s\",\"live_"
               "seen\":%llu,\"rows_seen\":%llu,\"ndcg_25\":%.4f,\"pinned\":%s,\"bad\":%s,\"state\":"
               "\"%s\"}",
               first ? "" : ",", v->number, v->recipe, (unsigned long long)v->bytes, when,
               (unsigned long long)v->live_seen, (unsigned long long)v->rows_seen, v->ndcg,
               v->pinned ? "true" : "false", v->bad ? "true" : "false", state);
    else
        printf("%-8u %-22s %12llu  %s  %9llu %9llu  %7s  %s%s\n", v->number, v->recipe,
               (unsigned long long)v->bytes, when, (unsigned long long)v->live_seen,
               (unsigned long long)v->rows_seen, v->ndcg > 0 ? ndcg : "-", state,
               v->pinned ? " pinned" : "");
}

enum pz_status deploy_list(void *config, struct pz_strs *args, struct pz_log *log,
                           struct pz_err *err)
{
    const struct deploy_cfg *cfg = config;
    struct pz_version *list = NULL;
    size_t n = 0;
    enum pz_status st = deploy_need_campaign(args, 1, "CAMPAIGN", err);

    (void)log;
    if (st == PZ_OK)
        st = pz_campaign_list(args->v[0], &list, &n, err);
    if (st == PZ_OK)
        fputs(cfg->common.json ? "["
                               : "version  recipe                        bytes  published          "
                                 "   live-seen rows-seen  nDCG@25  state\n",
              stdout);
    for (size_t i = 0; i < n && st == PZ_OK; i++)
        print_version(&list[i], cfg->common.json, i == 0);
    if (st == PZ_OK && cfg->common.json)
        puts("]");
    free(list);
    return st;
}

enum pz_status deploy_rollback(void *config, struct pz_strs *args, struct pz_log *log,
                               struct pz_err *err)
{
    const struct deploy_cfg *cfg = config;
    uint32_t version = (uint32_t)cfg->to;
    enum pz_status st = deploy_need_campaign(args, 1, "CAMPAIGN", err);

    if (st == PZ_OK)
        st = pz_campaign_rollback(args->v[0], cfg->lock_wait, &version, err);
    if (st == PZ_OK && cfg->common.json)
        printf("{\"version\":%u}\n", version);
    if (st == PZ_OK)
        pz_log(log, PZ_LOG_NOTE, "%s: version %u is current", args->v[0], version);
    return st;
}

enum pz_status deploy_gc(void *config, struct pz_strs *args, struct pz_log *log, struct pz_err *err)
{
    const struct deploy_cfg *cfg = config;
    struct pz_gc_cfg job = { .keep = (uint32_t)cfg->keep,
                             .keep_weekly = (uint32_t)cfg->keep_weekly,
                             .events = cfg->events,
                             .force = cfg->force,
                             .data = cfg->data.v,
                             .n_data = cfg->data.n,
                             .wait_s = cfg->lock_wait,
                             .log = log };
    struct pz_gc removed = { 0 };
    struct pz_strs ids = { .n = 0 };
    struct pz_arena arena = { NULL };
    enum pz_status st = deploy_need_campaign(args, 1, "CAMPAIGN", err);

    if (st == PZ_OK && cfg->ids)
        st = pz_put_read_ids(cfg->ids, "USER_ID", &ids, &arena, err);
    job.id = ids.v;
    job.n_ids = ids.n;
    if (st == PZ_OK)
        st = pz_campaign_gc(args->v[0], &job, &removed, err);
    if (st == PZ_OK && cfg->common.json)
        printf("{\"removed\":%u,\"live_removed\":%llu,\"marks_removed\":%llu}\n", removed.versions,
               (unsigned long long)removed.live, (unsigned long long)removed.marks);
    if (st == PZ_OK)
        pz_log(log, PZ_LOG_NOTE, "%u versions and %llu live events and rows removed",
               removed.versions, (unsigned long long)removed.live);
    if (removed.marks > 0)
        pz_log(log, PZ_LOG_NOTE,
               "%llu forgotten users are in nothing that is left: not even a mark of "
               "them stays",
               (unsigned long long)removed.marks);
    pz_strs_clear(&ids);
    pz_arena_clear(&arena);
    return st;
}

static enum pz_status pin(const struct deploy_cfg *cfg, const struct pz_strs *args, bool pinned,
                          struct pz_err *err)
{
    long long version = 0;
    enum pz_status st = deploy_need_campaign(args, 2, "CAMPAIGN VERSION", err);

    if (st == PZ_OK && (!pz_str_to_i64(args->v[1], strlen(args->v[1]), &version) || version < 1 ||
                        version >= UINT32_MAX))
        st = pz_err_set(err, PZ_USAGE, "\"%s\" is no version's number; see pz-deploy list",
                        args->v[1]);
    return st == PZ_OK ? pz_campaign_pin(args->v[0], (uint32_t)version, pinned, cfg->lock_wait, err)
                       : st;
}

enum pz_status deploy_pin(void *config, struct pz_strs *args, struct pz_log *log,
                          struct pz_err *err)
{
    (void)log;
    return pin(config, args, true, err);
}

enum pz_status deploy_unpin(void *config, struct pz_strs *args, struct pz_log *log,
                            struct pz_err *err)
{
    (void)log;
    return pin(config, args, false, err);
}
