/* SPDX-License-Identifier: Apache-2.0 */
/* Looking after a campaign.
 *
 *   check    reads every byte of every version and of the live store, and says what is damaged
 *   repair   finds the way back to a current version where "current" cannot be read; deletes nothing
 *   compact  writes the live store anew, while others read and write, and gives its free space back */
#include <stdio.h>

#include "campaign/campaign.h"
#include "campaign/repair.h"
#include "cmd/deploy/deploy.h"

enum pz_status deploy_check(void *config, struct pz_strs *args, struct pz_log *log,
                            struct pz_err *err)
{
    const struct deploy_cfg *cfg = config;
    uint32_t n = 0, damaged = 0;
    enum pz_status st = deploy_need_campaign(args, 1, "CAMPAIGN", err);

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
