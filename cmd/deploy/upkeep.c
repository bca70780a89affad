/* SPDX-License-Identifier: Apache-2.0 */
/* Looking after a campaign.
 *
 *   check    reads every byte of every version and of the live store, and says what is damaged;
 *            with --ids it looks for users in every file, the proof that somebody was forgotten
 *   repair   finds the way back to a current version where "current" cannot be read; deletes
 *            nothing
 *   compact  writes the live store anew, while others read and write, and gives its free space
 *            back */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "campaign/live.h"
#include "campaign/repair.h"
#include "campaign/traces.h"
#include "cmd/deploy/deploy.h"
#include "live/put.h"

struct found {
    bool json;
    size_t n;
};

/* A line an id and place. */
static enum pz_status print_found(void *context, const char *id, const char *file,
                                  const char *place, struct pz_err *err)
{
    struct found *f = context;
    struct pz_str line = { 0 };
    const char *const field[] = { id, file, place }, *const name[] = { "user", "file", "place" };

    if (!f->json && f->n == 0)
        printf("USER_ID,FILE,PLACE\n");
    for (int i = 0; i < 3; i++) {
        pz_str_addc(&line, i ? ',' : f->json ? '{' : ' ');
        if (f->json) {
            pz_str_addf(&line, "\"%s\":", name[i]);
            pz_json_add_string(&line, field[i], strlen(field[i]));
        } else {
            pz_str_add_csv(&line, field[i], strlen(field[i]), ',');
        }
    }
    f->n++;
    if (line.failed)
        return pz_err_memory(err, "a line", 1e3);
    printf("%s%s\n", line.data + !f->json, f->json ? "}" : "");
    pz_str_clear(&line);
    return PZ_OK;
}

static enum pz_status check_ids(const struct deploy_cfg *cfg, const struct pz_strs *args,
                                struct pz_log *log, struct pz_err *err)
{
    struct found found = { cfg->common.json, 0 };
    struct pz_traces traces = { .fn = print_found, .context = &found };
    struct pz_strs ids = { .n = 0 };
    struct pz_arena arena = { NULL };
    bool is;
    enum pz_status st = pz_put_read_ids(cfg->ids, "USER_ID", &ids, &arena, err);

    traces.id = ids.v;
    traces.n_ids = ids.n;
    for (size_t i = 0; i < args->n && st == PZ_OK; i++) {
        st = pz_campaign_is(args->v[i], &is, err);
        if (st == PZ_OK)
            st = (is ? pz_traces_find_campaign : pz_traces_find)(&traces, args->v[i], err);
    }
    if (st == PZ_OK && cfg->common.json)
        printf("{\"ids\":%zu,\"files\":%zu,\"found\":%zu}\n", ids.n, traces.n_files, found.n);
    if (st == PZ_OK && found.n > 0)
        st = pz_err_set(err, PZ_NEGATIVE, "%zu traces of %zu ids in %zu files", found.n, ids.n,
                        traces.n_files);
    if (st == PZ_OK)
        pz_log(log, PZ_LOG_NOTE, "no trace of %zu ids in %zu files", ids.n, traces.n_files);
    pz_strs_clear(&ids);
    pz_arena_clear(&arena);
    return st;
}

enum pz_status deploy_check(void *config, struct pz_strs *args, struct pz_log *log,
                            struct pz_err *err)
{
    const struct deploy_cfg *cfg = config;
    uint32_t n = 0, damaged = 0;
    enum pz_status st;

    if (cfg->ids && args->n > 0)
        return check_ids(cfg, args, log, err);
    st = deploy_need_campaign(args, 1, "CAMPAIGN", err);
    if (st != PZ_OK)
        return st;
    st = pz_campaign_check(args->v[0], false, log, &n, &damaged, err);
    if (cfg->common.json && (st == PZ_OK || st == PZ_BAD_DATA))
        printf("{\"versions\":%u,\"faults\":%u}\n", n, damaged);
    if (st == PZ_OK)
        pz_log(log, PZ_LOG_NOTE, "%s: %u versions are sound", args->v[0], n);
    return st;
}

enum pz_status deploy_repair(void *config, struct pz_strs *args, struct pz_log *log,
                             struct pz_err *err)
{
    const struct deploy_cfg *cfg = config;
    enum pz_status st = deploy_need_campaign(args, 1, "CAMPAIGN", err);

    return st == PZ_OK ? pz_campaign_repair(args->v[0], cfg->lock_wait, log, err) : st;
}

/* Of a campaign, or of a store by itself. */
enum pz_status deploy_compact(void *config, struct pz_strs *args, struct pz_log *log,
                              struct pz_err *err)
{
    const struct deploy_cfg *cfg = config;
    struct pz_live_store *live = NULL;
    struct pz_live_compacted done;
    enum pz_status st = deploy_need(args, 1, "CAMPAIGN or STORE", err);

    if (st == PZ_OK)
        st = pz_campaign_open_store(args->v[0], true, &live, err);
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
