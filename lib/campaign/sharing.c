/* SPDX-License-Identifier: Apache-2.0 */
/* Campaigns that share a live store: see sharing.h. Folders are the same by device and inode,
 * whatever their paths. Links to the campaign and to the store are followed first. */
#include "campaign/sharing.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "campaign/layout.h"
#include "campaign/live.h"

struct sharing {
    struct stat own, store; /* the campaign's folder, its store's */
    pz_sharing_fn *fn;
    void *context;
};

static bool is_named(const char *name)
{
    size_t n = strlen(name);

    return n > 4 && strcmp(name + n - 4, ".pzc") == 0;
}

/* Whether there is something at a path, into *info. A look that fails says nothing, and is an error
 * where it matters. */
static enum pz_status look(const char *path, bool matters, struct stat *info, bool *is,
                           struct pz_err *err)
{
    int failed = stat(path, info) == 0 ? 0 : errno;

    *is = failed == 0;
    return !failed || failed == ENOENT || failed == ENOTDIR || !matters
               ? PZ_OK
               : pz_err_errno(err, PZ_NO_INPUT, failed, "cannot look at %s", path);
}

/* What is in a folder: perhaps a campaign that shares the store. */
static enum pz_status consider(const struct sharing *s, const char *folder, const char *name,
                               struct pz_err *err)
{
    char path[PZ_PATH_BYTES], at[PZ_PATH_BYTES];
    struct stat info;
    bool is = false;
    enum pz_status st = pz_layout_path(path, folder, name, err);

    if (st == PZ_OK)
        st = look(path, is_named(name), &info, &is, err);
    if (st != PZ_OK || !is || !S_ISDIR(info.st_mode) || pz_file_is_same(&info, &s->own))
        return st;
    st = pz_layout_path(at, path, "current", err);
    if (st == PZ_OK)
        st = look(at, is_named(name), &info, &is, err);
    if (st != PZ_OK || !is)
        return st;
    st = pz_campaign_live_path(path, at, err);
    if (st == PZ_OK)
        st = look(at, true, &info, &is, err);
    return st == PZ_OK && is && pz_file_is_same(&info, &s->store) ? s->fn(s->context, path, err)
                                                                  : st;
}

static enum pz_status consider_all(const struct sharing *s, const char *folder, struct pz_err *err)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    enum pz_status st = PZ_OK;

    if (!dir)
        return pz_err_errno(err, PZ_NO_INPUT, errno, "cannot read %s", folder);
    while (st == PZ_OK && (errno = 0, entry = readdir(dir)))
        if (*entry->d_name != '.')
            st = consider(s, folder, entry->d_name, err);
    if (st == PZ_OK && errno)
        st = pz_err_errno(err, PZ_IO, errno, "cannot read %s to its end", folder);
    closedir(dir);
    return st;
}

enum pz_status pz_sharing_each(const char *campaign, pz_sharing_fn *fn, void *context,
                               struct pz_err *err)
{
    struct sharing s = { .fn = fn, .context = context };
    char live[PZ_PATH_BYTES], real[PZ_PATH_BYTES], beside[2][PZ_PATH_BYTES];
    struct stat folder[2];
    bool is = false;
    enum pz_status st = pz_campaign_live_path(campaign, live, err);

    if (st == PZ_OK)
        st = look(live, true, &s.store, &is, err);
    if (st != PZ_OK || !is)
        return st;
    if (stat(campaign, &s.own) != 0)
        return pz_err_errno(err, PZ_NO_INPUT, errno, "cannot look at %s", campaign);
    for (int i = 0; i < 2 && st == PZ_OK; i++)
        if (!realpath(i == 0 ? campaign : live, real) ||
            !pz_file_dirname(real, beside[i], PZ_PATH_BYTES) || stat(beside[i], &folder[i]) != 0)
            st = pz_err_errno(err, PZ_NO_INPUT, errno, "cannot find what is beside %s", campaign);
    if (st == PZ_OK)
        st = consider_all(&s, beside[0], err);
    /* A campaign's own store is in the campaign. */
    if (st == PZ_OK && !pz_file_is_same(&folder[0], &folder[1]) &&
        !pz_file_is_same(&s.own, &folder[1]))
        st = consider_all(&s, beside[1], err);
    return st;
}
