/* SPDX-License-Identifier: Apache-2.0 */
/* Settings and named filters of a campaign.
 *
 * A filter is compiled against the current version before it is kept, so that a name never stands
 * for a text that no question can use. Changes are made under the
 * campaign's lock and appear whole (campaign/settings.h). */
#include <string.h>

#include "campaign/filters.h"
#include "campaign/live.h"
#include "campaign/set.h"
#include "campaign/settings.h"
#include "campaign/view.h"
#include "cmd/deploy/deploy.h"
#include "live/hosts/follow.h"

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

/* The log is a setting of the live store, which several campaigns may share. */
static enum pz_status set_log(const char *campaign, const char *url, struct pz_err *err)
{
    struct pz_live_store *live = NULL;
    enum pz_status st = pz_campaign_open_live(campaign, true, &live, err);

    if (st == PZ_OK)
        st = pz_live_log_set(live, url, err);
    pz_live_close(live);
    return st;
}

/* CAMPAIGN NAME [VALUE] or CAMPAIGN filter NAME [EXPR]; a missing value removes. */
static enum pz_status change(const struct deploy_cfg *cfg, const struct pz_strs *args, bool set,
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
    if (!filter && strcmp(args->v[1], "log") == 0)
        return set_log(args->v[0], value, err);
    return filter ? pz_settings_set_filter(args->v[0], args->v[2], value, cfg->lock_wait, err)
                  : pz_settings_set(args->v[0], args->v[1], value, cfg->lock_wait, err);
}

enum pz_status deploy_set(void *config, struct pz_strs *args, struct pz_log *log,
                          struct pz_err *err)
{
    return change(config, args, true, log, err);
}

enum pz_status deploy_unset(void *config, struct pz_strs *args, struct pz_log *log,
                            struct pz_err *err)
{
    return change(config, args, false, log, err);
}
