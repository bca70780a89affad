/* SPDX-License-Identifier: Apache-2.0 */
/* A campaign's folder: see layout.h. */
#include "campaign/layout.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

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

enum pz_status pz_layout_read_current(const char *campaign, struct pz_current *c,
                                      struct pz_err *err)
{
    char path[PZ_PATH_BYTES], *text = NULL;
    size_t n;
    enum pz_status st = pz_layout_path(path, campaign, "current", err);

    memset(c, 0, sizeof *c);
    if (st == PZ_OK && access(path, F_OK) != 0)
        return PZ_OK;
    if (st == PZ_OK)
        st = pz_file_read(path, 64, &text, &n, err);
    if (st == PZ_OK &&
        (sscanf(text, "%u %u %u", &c->current, &c->previous, &c->highest) != 3 || c->current == 0))
        st = pz_err_set(err, PZ_BAD_DATA, "%s is damaged", path);
    free(text);
    return st;
}

enum pz_status pz_layout_write_current(const char *campaign, const struct pz_current *c,
                                       struct pz_err *err)
{
    char path[PZ_PATH_BYTES], text[64];
    int n = snprintf(text, sizeof text, "%u %u %u\n", c->current, c->previous, c->highest);
    enum pz_status st = pz_layout_path(path, campaign, "current", err);

    return st == PZ_OK ? pz_file_write(path, text, (size_t)n, err) : st;
}

enum pz_status pz_layout_need(const char *campaign, struct pz_err *err)
{
    char path[PZ_PATH_BYTES];
    enum pz_status st = pz_layout_path(path, campaign, "current", err);

    if (st == PZ_OK && access(path, F_OK) != 0)
        return pz_err_set(err, PZ_NO_INPUT,
                          "%s is no campaign with a published version; see pz-deploy publish",
                          campaign);
    return st;
}

enum pz_status pz_layout_lock(const char *campaign, double wait_s, struct pz_lock **held,
                              struct pz_err *err)
{
    char path[PZ_PATH_BYTES];
    enum pz_status st = pz_layout_path(path, campaign, "lock", err);

    return st == PZ_OK ? pz_lock_take(path, wait_s, held, err) : st;
}

static int by_value(const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

    return a < b ? -1 : a > b;
}

/* The number that a folder's name is; 0: it is none. */
static uint32_t version_of(const char *name)
{
    char *end;
    unsigned long v = strtoul(name, &end, 10);

    return *end || end == name || name[0] == '-' || v > UINT32_MAX ? 0 : (uint32_t)v;
}

enum pz_status pz_layout_versions(const char *campaign, uint32_t **list, size_t *n,
                                  struct pz_err *err)
{
    char path[PZ_PATH_BYTES];
    size_t cap = 0;
    DIR *dir = NULL;
    struct dirent *entry;
    enum pz_status st = pz_layout_path(path, campaign, "versions", err);

    *list = NULL;
    *n = 0;
    if (st == PZ_OK && !(dir = opendir(path)))
        return errno == ENOENT ? PZ_OK
                               : pz_err_errno(err, PZ_NO_INPUT, errno, "cannot read %s", path);
    while (st == PZ_OK && (entry = readdir(dir))) {
        uint32_t v = version_of(entry->d_name);

        if (v == 0)
            continue;
        if (pz_mem_grow(list, &cap, *n + 1, sizeof **list))
            (*list)[(*n)++] = v;
        else
            st = pz_err_memory(err, "versions", 1e3);
    }
    if (dir)
        closedir(dir);
    if (*n > 1)
        qsort(*list, *n, sizeof **list, by_value);
    return st;
}

enum pz_status pz_layout_mkdir(const char *path, struct pz_err *err)
{
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return pz_err_errno(err, PZ_CANT_CREATE, errno, "cannot create %s", path);
    return PZ_OK;
}

/* Call fn for the path of every entry of a folder but . and .. */
static void each_entry(const char *path,
                       void (*fn)(const char *path, const char *name, void *context), void *context)
{
    char file[PZ_PATH_BYTES];
    DIR *dir = opendir(path);
    struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            pz_layout_path(file, path, entry->d_name, NULL) == PZ_OK)
            fn(file, entry->d_name, context);
    if (dir)
        closedir(dir);
}

static void remove_file(const char *path, const char *name, void *context)
{
    (void)name;
    (void)context;
    unlink(path);
}

void pz_layout_remove(const char *path)
{
    each_entry(path, remove_file, NULL);
    rmdir(path);
}

/* Versions that are whole have a number for a name, and not one above the highest published. */
static void sweep_version(const char *path, const char *name, void *context)
{
    const struct pz_current *c = context;
    uint32_t v = version_of(name);

    if (v == 0 || v > c->highest)
        pz_layout_remove(path);
}

/* Temporary files of pz_out_open. */
static void sweep_file(const char *path, const char *name, void *context)
{
    size_t n = strlen(name);

    (void)context;
    if (name[0] == '.' && n > 4 && strcmp(name + n - 4, ".tmp") == 0)
        unlink(path);
}

enum pz_status pz_layout_sweep(const char *campaign, struct pz_err *err)
{
    char path[PZ_PATH_BYTES];
    struct pz_current c;
    enum pz_status st = pz_layout_read_current(campaign, &c, err);

    if (st == PZ_OK)
        st = pz_layout_path(path, campaign, "versions", err);
    if (st == PZ_OK) {
        each_entry(path, sweep_version, &c);
        each_entry(campaign, sweep_file, NULL);
    }
    return st;
}
