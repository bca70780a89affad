/* SPDX-License-Identifier: Apache-2.0 */
/* A campaign's folder: see layout.h.
 *
 * `current` is a line "CURRENT PREVIOUS HIGHEST CHECK": three numbers and the XXH3 hash of their
 * text, in hexadecimal. It is written with three zeros before the first version, so that a folder
 * with versions and without `current` is always one that lost it: everything that might delete or
 * replace versions stops there.
 *
 * Removing goes by descriptors: versions/ is opened, then the folder of a version in it without
 * following a link, then its files are unlinked in it by the names that publishing gives them. A
 * folder with anything else in it stays. */
#include "campaign/layout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "table/hash.h"
#include "table/table.h"

enum pz_status pz_layout_path(char *buf, const char *campaign, const char *rest, struct pz_err *err)
{
    int n = snprintf(buf, PZ_PATH_BYTES, "%s/%s", campaign, rest);

    return n > 0 && n < PZ_PATH_BYTES
               ? PZ_OK
               : pz_err_set(err, PZ_CANT_CREATE, "path too long: %s", campaign);
}

enum pz_status pz_layout_version(char *buf, const char *campaign, uint32_t version,
                                 const char *rest, struct pz_err *err)
{
    char name[64];

    snprintf(name, sizeof name, "versions/%04u%s", version, rest);
    return pz_layout_path(buf, campaign, name, err);
}

/* ---- current ---- */

static int format_current(char text[96], const struct pz_current *c)
{
    int n = snprintf(text, 48, "%u %u %u", c->current, c->previous, c->highest);

    return n + snprintf(text + n, 48, " %016" PRIx64 "\n", pz_hash64(text, (size_t)n));
}

/* Written again from what was read, it must be the same bytes: no number is cut, none is
 * wrapped. */
static bool parse_current(const char *text, struct pz_current *c)
{
    char again[96];

    if (sscanf(text, "%u %u %u ", &c->current, &c->previous, &c->highest) != 3)
        return false;
    format_current(again, c);
    /* Previous may be 0 (there was none), current only together with highest. */
    return strcmp(again, text) == 0 && c->current <= c->highest && c->previous <= c->highest &&
           c->highest < UINT32_MAX && (c->current > 0) == (c->highest > 0);
}

/* Without the file nothing was published yet, or it is lost. */
static enum pz_status no_current(const char *campaign, const char *path, struct pz_err *err)
{
    uint32_t *list = NULL;
    size_t n = 0;
    enum pz_status st = pz_layout_versions(campaign, &list, &n, err);

    free(list);
    if (st == PZ_OK && n > 0)
        st = pz_err_set(err, PZ_BAD_DATA,
                        "%s is missing, and there are %zu versions: pz-deploy repair %s finds the "
                        "one to answer with",
                        path, n, campaign);
    return st;
}

enum pz_status pz_layout_read_current(const char *campaign, struct pz_current *c,
                                      struct pz_err *err)
{
    char path[PZ_PATH_BYTES], *text = NULL;
    size_t n;
    bool there = false;
    enum pz_status st = pz_layout_path(path, campaign, "current", err);

    memset(c, 0, sizeof *c);
    if (st == PZ_OK)
        st = pz_file_exists(path, &there, err);
    if (st == PZ_OK && !there)
        return no_current(campaign, path, err);
    if (st == PZ_OK)
        st = pz_file_read(path, 96, &text, &n, err);
    if (st == PZ_BAD_DATA || (st == PZ_OK && (strlen(text) != n || !parse_current(text, c)))) {
        memset(c, 0, sizeof *c);
        st = pz_err_set(err, PZ_BAD_DATA, "%s is damaged; pz-deploy repair %s writes it again",
                        path, campaign);
    }
    free(text);
    return st;
}

enum pz_status pz_layout_write_current(const char *campaign, const struct pz_current *c,
                                       struct pz_err *err)
{
    char path[PZ_PATH_BYTES], text[96];
    int n = format_current(text, c);
    enum pz_status st = pz_layout_path(path, campaign, "current", err);

    return st == PZ_OK ? pz_file_write(path, text, (size_t)n, err) : st;
}

enum pz_status pz_layout_need(const char *campaign, struct pz_current *c, struct pz_err *err)
{
    enum pz_status st = pz_layout_read_current(campaign, c, err);

    return st == PZ_OK && c->current == 0
               ? pz_err_set(err, PZ_NO_INPUT,
                            "%s is no campaign with a published version; see pz-deploy publish",
                            campaign)
               : st;
}

enum pz_status pz_layout_lock(const char *campaign, double wait_s, struct pz_lock **held,
                              struct pz_err *err)
{
    char path[PZ_PATH_BYTES];
    enum pz_status st = pz_layout_path(path, campaign, "lock", err);

    return st == PZ_OK ? pz_lock_take(path, wait_s, held, err) : st;
}

/* ---- versions ---- */

static int by_value(const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

    return a < b ? -1 : a > b;
}

/* The number of a name that pz_layout_version makes with this ending; 0: it is none of those. */
static uint32_t version_of(const char *name, const char *ending)
{
    char made[64];
    uint32_t v = (uint32_t)strtoul(name, NULL, 10);

    snprintf(made, sizeof made, "%04u%s", v, ending);
    /* Names are compared after making them again, so that "1", "00001" and "0001x" are not version
     * 1. */
    return strcmp(made, name) == 0 ? v : 0;
}

/* Names of a folder; one that is missing has none. Free with pz_arena_clear and free. */
static enum pz_status list_names(const char *path, struct pz_arena *arena, char ***name, size_t *n,
                                 struct pz_err *err)
{
    size_t cap = 0;
    DIR *dir = opendir(path);
    struct dirent *entry = NULL;
    enum pz_status st = PZ_OK;

    if (!dir)
        return errno == ENOENT ? PZ_OK
                               : pz_err_errno(err, PZ_NO_INPUT, errno, "cannot read %s", path);
    while (st == PZ_OK && (errno = 0, entry = readdir(dir))) {
        char *copy = pz_arena_strndup(arena, entry->d_name, strlen(entry->d_name));

        if (copy && pz_mem_grow(name, &cap, *n + 1, sizeof **name))
            (*name)[(*n)++] = copy;
        else
            st = pz_err_memory(err, "names of files", 1e4);
    }
    if (st == PZ_OK && errno)
        st = pz_err_errno(err, PZ_IO, errno, "cannot read %s to its end", path);
    closedir(dir);
    return st;
}

enum pz_status pz_layout_versions(const char *campaign, uint32_t **list, size_t *n,
                                  struct pz_err *err)
{
    char path[PZ_PATH_BYTES], **name = NULL;
    struct pz_arena arena = { 0 };
    size_t n_names = 0;
    enum pz_status st = pz_layout_path(path, campaign, "versions", err);

    *list = NULL;
    *n = 0;
    if (st == PZ_OK)
        st = list_names(path, &arena, &name, &n_names, err);
    if (st == PZ_OK && !(*list = pz_mem_array(n_names, sizeof **list)))
        st = pz_err_memory(err, "versions", 4.0 * (double)n_names);
    for (size_t i = 0; st == PZ_OK && i < n_names; i++) {
        uint32_t v = version_of(name[i], "");

        if (v > 0)
            (*list)[(*n)++] = v;
    }
    if (*n > 1)
        qsort(*list, *n, sizeof **list, by_value);
    free(name);
    pz_arena_clear(&arena);
    return st;
}

enum pz_status pz_layout_mkdir(const char *path, struct pz_err *err)
{
    /* The umask decides who may read it. */
    int rc = pz_file_mkdir(path, 0777);

    return rc == 0 || rc == EEXIST
               ? PZ_OK
               : pz_err_errno(err, PZ_CANT_CREATE, rc, "cannot create %s", path);
}

/* ---- removing ---- */

static bool stays(struct pz_log *log, const char *campaign, const char *name, int why)
{
    pz_log(log, PZ_LOG_WARN, "%s/%s stays: %s", campaign, name, strerror(why));
    return false;
}

/* Whether publishing makes a file of this name in a version's folder, or left it half-made. */
static bool is_version_file(const char *name)
{
    static const char *const files[] = { "model.flat", ("model.flat" PZ_SEAL_ENDING),
                                         "items.flat", ("items.flat" PZ_SEAL_ENDING),
                                         "users.flat", ("users.flat" PZ_SEAL_ENDING),
                                         "info.json",  "tally.pz" };

    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (strcmp(name, files[i]) == 0 || pz_file_is_temp_of(name, files[i]))
            return true;
    return false;
}

static void remove_files(int folder)
{
    int again = dup(folder); /* closedir closes it */
    DIR *dir = again >= 0 ? fdopendir(again) : NULL;
    struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        if (is_version_file(entry->d_name))
            unlinkat(folder, entry->d_name, 0); /* what stays makes rmdir fail */
    if (dir)
        closedir(dir);
    else if (again >= 0)
        close(again);
}

bool pz_layout_remove(const char *campaign, const char *name, struct pz_log *log)
{
    char path[PZ_PATH_BYTES], shown[300];
    int versions = -1, folder = -1, failed = 0;

    snprintf(shown, sizeof shown, "versions/%s", name);
    if (pz_layout_path(path, campaign, "versions", NULL) == PZ_OK)
        versions = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (versions >= 0)
        /* A link in the place of a folder is not followed: nothing outside the campaign can be
         * removed. */
        folder = openat(versions, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder >= 0)
        remove_files(folder);
    if (folder < 0 || unlinkat(versions, name, AT_REMOVEDIR) != 0)
        failed = errno;
    if (folder >= 0)
        close(folder);
    if (versions >= 0)
        close(versions);
    return !failed || stays(log, campaign, shown, failed);
}

static enum pz_status sweep_versions(const char *campaign, const struct pz_current *c,
                                     struct pz_log *log, struct pz_err *err)
{
    char path[PZ_PATH_BYTES], **name = NULL;
    struct pz_arena arena = { 0 };
    size_t n = 0;
    enum pz_status st = pz_layout_path(path, campaign, "versions", err);

    if (st == PZ_OK)
        st = list_names(path, &arena, &name, &n, err);
    for (size_t i = 0; st == PZ_OK && i < n; i++)
        /* Half-made, half-removed, or published but for the last step: `current` never came to name
         * it. */
        if (version_of(name[i], ".new") || version_of(name[i], ".old") ||
            version_of(name[i], "") > c->highest)
            pz_layout_remove(campaign, name[i], log);
    free(name);
    pz_arena_clear(&arena);
    return st;
}

enum pz_status pz_layout_sweep(const char *campaign, struct pz_log *log, struct pz_err *err)
{
    static const char *const files[] = { "current", "campaign.json" };
    char path[PZ_PATH_BYTES];
    struct pz_current c;
    enum pz_status st = pz_layout_read_current(campaign, &c, err);

    if (st == PZ_OK)
        st = sweep_versions(campaign, &c, log, err);
    for (size_t i = 0; st == PZ_OK && i < 2; i++) {
        st = pz_layout_path(path, campaign, files[i], err);
        if (st == PZ_OK)
            pz_file_remove_orphans(path);
    }
    return st;
}
