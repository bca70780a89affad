/* SPDX-License-Identifier: Apache-2.0 */
/* The live store of a campaign: see live.h. */
#include "campaign/live.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "campaign/layout.h"
#include "campaign/settings.h"

enum pz_status pz_campaign_is(const char *path, bool *is, struct pz_err *err)
{
    struct stat info = { .st_mode = 0 };
    int failed = stat(path, &info) != 0 ? errno : 0;

    *is = S_ISDIR(info.st_mode);
    return failed && failed != ENOENT && failed != ENOTDIR
               ? pz_err_errno(err, PZ_NO_INPUT, failed, "cannot look at %s", path)
               : PZ_OK;
}

enum pz_status pz_campaign_live_path(const char *campaign, char *path, struct pz_err *err)
{
    struct pz_settings settings = { NULL };
    enum pz_status st = pz_settings_read(campaign, &settings, err);
    const char *named = pz_settings_word(&settings, "live", "live");

    if (st == PZ_OK && *named == '/' && strlen(named) < PZ_PATH_BYTES)
        strcpy(path, named);
    else if (st == PZ_OK)
        st = pz_layout_path(path, campaign, named, err);
    pz_settings_clear(&settings);
    return st;
}

enum pz_status pz_campaign_open_live(const char *campaign, bool writable,
                                     struct pz_live_store **live, struct pz_err *err)
{
    char path[PZ_PATH_BYTES];
    bool is;
    enum pz_status st = pz_campaign_is(campaign, &is, err);

    *live = NULL;
    if (st == PZ_OK && !is)
        return pz_err_set(err, PZ_NO_INPUT, "%s is no campaign; make it with pz-deploy publish",
                          campaign);
    if (st == PZ_OK)
        st = pz_campaign_live_path(campaign, path, err);
    return st == PZ_OK ? pz_live_open(path, writable, live, err) : st;
}

enum pz_status pz_campaign_open_store(const char *operand, bool writable,
                                      struct pz_live_store **live, struct pz_err *err)
{
    bool is;
    enum pz_status st = pz_live_is(operand, &is, err);

    *live = NULL;
    if (st != PZ_OK)
        return st;
    return is ? pz_live_open(operand, writable, live, err)
              : pz_campaign_open_live(operand, writable, live, err);
}
