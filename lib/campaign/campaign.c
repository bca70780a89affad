/* SPDX-License-Identifier: Apache-2.0 */
/* Campaigns: see campaign.h. On disk:
 *
 *   current              "NNNN PPPP\n": the version that answers, and the one before it (0: none)
 *   versions/NNNN/       model.flat (a flat table) and info.json
 *   live/                the live store
 *   lock                 held by whoever publishes, rolls back or collects
 *
 * Order of a publication; a crash after any step leaves what `current` names untouched and complete:
 *   1. take the lock     2. verify the model whole     3. mkdir versions/NNNN.new (an old one is removed)
 *   4. write model.flat and info.json in it (each atomic, synced)     5. rename it to versions/NNNN
 *   6. fsync versions/     7. replace `current` (atomic, synced)
 * Readers take no lock: they read `current` and open what it names. */
#include "campaign/campaign.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/time.h"

enum { PATH_BYTES = 4096 };

bool pz_campaign_is(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static enum pz_status make_path(char *buf, struct pz_err *err, const char *campaign, const char *rest)
{
    int n = snprintf(buf, PATH_BYTES, "%s/%s", campaign, rest);

    return n > 0 && n < PATH_BYTES ? PZ_OK : pz_err_set(err, PZ_CANT_CREATE, "path too long: %s", campaign);
}

static enum pz_status version_path(char *buf, struct pz_err *err, const char *campaign, uint32_t v,
                                   const char *rest)
{
    char name[64];

    snprintf(name, sizeof name, "versions/%04u%s", v, rest);
    return make_path(buf, err, campaign, name);
}

static enum pz_status read_current(const char *campaign, uint32_t *current, uint32_t *previous,
                                   struct pz_err *err)
{
    char path[PATH_BYTES], *text = NULL;
    size_t n;
    enum pz_status st = make_path(path, err, campaign, "current");

    *current = *previous = 0;
    if (st == PZ_OK && access(path, F_OK) != 0)
        return PZ_OK;
    if (st == PZ_OK)
        st = pz_file_read(path, 64, &text, &n, err);
    if (st == PZ_OK && sscanf(text, "%u %u", current, previous) != 2)
        st = pz_err_set(err, PZ_BAD_DATA, "%s is damaged", path);
    free(text);
    return st;
}

static enum pz_status write_current(const char *campaign, uint32_t current, uint32_t previous,
                                    struct pz_err *err)
{
    char path[PATH_BYTES], text[64];
    int n = snprintf(text, sizeof text, "%u %u\n", current, previous);
    enum pz_status st = make_path(path, err, campaign, "current");

    return st == PZ_OK ? pz_file_write(path, text, (size_t)n, err) : st;
}

/* Versions there are, ascending; names that are no number are not versions. */
static enum pz_status scan(const char *campaign, uint32_t **list, size_t *n, struct pz_err *err)
{
    char path[PATH_BYTES];
    size_t cap = 0;
    DIR *dir = NULL;
    struct dirent *entry;
    enum pz_status st = make_path(path, err, campaign, "versions");

    *list = NULL;
    *n = 0;
    if (st == PZ_OK && !(dir = opendir(path)))
        return errno == ENOENT ? PZ_OK : pz_err_errno(err, PZ_NO_INPUT, errno, "cannot read %s", path);
    while (st == PZ_OK && (entry = readdir(dir))) {
        char *end;
        unsigned long v = strtoul(entry->d_name, &end, 10);

        if (*end || end == entry->d_name || v == 0 || v > UINT32_MAX)
            continue;
        if (!pz_mem_grow(list, &cap, *n + 1, sizeof **list))
            st = pz_err_memory(err, "versions", 1e3);
        else
            (*list)[(*n)++] = (uint32_t)v;
    }
    if (dir)
        closedir(dir);
    for (size_t i = 1; i < *n; i++) /* few: insertion sort */
        for (size_t k = i; k > 0 && (*list)[k - 1] > (*list)[k]; k--) {
            uint32_t swap = (*list)[k];

            (*list)[k] = (*list)[k - 1];
            (*list)[k - 1] = swap;
        }
    return st;
}

/* Remove a folder of plain files. */
static void remove_folder(const char *path)
{
    char file[PATH_BYTES];
    DIR *dir = opendir(path);
    struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            make_path(file, NULL, path, entry->d_name) == PZ_OK)
            unlink(file);
    if (dir)
        closedir(dir);
    rmdir(path);
}

static enum pz_status make_folder(const char *path, struct pz_err *err)
{
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return pz_err_errno(err, PZ_CANT_CREATE, errno, "cannot create %s", path);
    return PZ_OK;
}

static enum pz_status lock(const char *campaign, struct pz_lock **held, struct pz_err *err)
{
    char path[PATH_BYTES];
    enum pz_status st = make_path(path, err, campaign, "lock");

    return st == PZ_OK ? pz_lock_take(path, 0, held, err) : st;
}

static enum pz_status write_info(const char *path, uint64_t live_seen,
                                 struct pz_err *err)
{
    struct pz_str text = { 0 };
    enum pz_status st;

    pz_str_addf(&text, "{\"published\":%lld,\"live_seen\":%llu}\n", (long long)pz_time_now(),
                (unsigned long long)live_seen);
    st = text.failed ? pz_err_memory(err, "info.json", 1e3)
                     : pz_file_write(path, text.data, text.len, err);
    pz_str_clear(&text);
    return st;
}

/* Steps 3 to 6. */
static enum pz_status write_version(const char *campaign, uint32_t v, struct pz_table *t,
                                    uint64_t live_seen, struct pz_err *err)
{
    char temp[PATH_BYTES], file[PATH_BYTES], final[PATH_BYTES], dir[PATH_BYTES];
    enum pz_status st = version_path(temp, err, campaign, v, ".new");

    if (st == PZ_OK) {
        remove_folder(temp);
        st = make_folder(temp, err);
    }
    if (st == PZ_OK && (st = make_path(file, err, temp, "model.flat")) == PZ_OK)
        st = pz_table_unpack(t, file, err);
    if (st == PZ_OK && (st = make_path(file, err, temp, "info.json")) == PZ_OK)
        st = write_info(file, live_seen, err);
    if (st == PZ_OK)
        st = version_path(final, err, campaign, v, "");
    if (st == PZ_OK && rename(temp, final) != 0)
        st = pz_err_errno(err, PZ_CANT_CREATE, errno, "cannot create %s", final);
    if (st == PZ_OK && (st = make_path(dir, err, campaign, "versions")) == PZ_OK)
        st = pz_file_sync_dir(dir, err);
    return st;
}

/* The whole file, and that this pz can answer from it. */
static enum pz_status verify_model(const char *model, struct pz_table **t, struct pz_err *err)
{
    struct pz_model *m = NULL;
    enum pz_status st = pz_model_open(model, &m, err);

    pz_model_free(m);
    if (st == PZ_OK)
        st = pz_table_open(model, "modl", t, err);
    if (st == PZ_OK)
        st = pz_table_verify(*t, err);
    return st;
}

enum pz_status pz_campaign_publish(const char *campaign, const char *model, uint64_t live_seen,
                                   uint32_t *version, struct pz_err *err)
{
    char dir[PATH_BYTES];
    struct pz_lock *held = NULL;
    struct pz_table *t = NULL;
    uint32_t *list = NULL, current = 0, previous = 0;
    size_t n = 0;
    enum pz_status st = make_folder(campaign, err);

    if (st == PZ_OK && (st = make_path(dir, err, campaign, "versions")) == PZ_OK)
        st = make_folder(dir, err);
    if (st == PZ_OK)
        st = lock(campaign, &held, err);
    if (st == PZ_OK)
        st = verify_model(model, &t, err);
    if (st == PZ_OK)
        st = scan(campaign, &list, &n, err);
    if (st == PZ_OK)
        st = read_current(campaign, &current, &previous, err);
    if (st == PZ_OK) {
        *version = n ? list[n - 1] + 1 : 1;
        st = write_version(campaign, *version, t, live_seen, err);
    }
    if (st == PZ_OK)
        st = write_current(campaign, *version, current, err);
    free(list);
    pz_table_close(t);
    pz_lock_free(held);
    return st;
}

static enum pz_status need_campaign(const char *campaign, struct pz_err *err)
{
    char path[PATH_BYTES];
    enum pz_status st = make_path(path, err, campaign, "current");

    if (st == PZ_OK && access(path, F_OK) != 0)
        return pz_err_set(err, PZ_NO_INPUT,
                          "%s is no campaign with a published version; see pz-deploy publish",
                          campaign);
    return st;
}

enum pz_status pz_campaign_rollback(const char *campaign, uint32_t *version, struct pz_err *err)
{
    char path[PATH_BYTES];
    struct pz_lock *held = NULL;
    uint32_t current = 0, previous = 0;
    enum pz_status st = need_campaign(campaign, err);

    if (st == PZ_OK)
        st = lock(campaign, &held, err);
    if (st == PZ_OK)
        st = read_current(campaign, &current, &previous, err);
    if (st == PZ_OK && *version == 0)
        *version = previous;
    if (st == PZ_OK && *version == 0)
        st = pz_err_set(err, PZ_NO_INPUT, "%s has no previous version", campaign);
    if (st == PZ_OK)
        st = version_path(path, err, campaign, *version, "/model.flat");
    if (st == PZ_OK && access(path, F_OK) != 0)
        st = pz_err_set(err, PZ_NO_INPUT, "%s has no version %u", campaign, *version);
    if (st == PZ_OK && *version != current)
        st = write_current(campaign, *version, current, err);
    pz_lock_free(held);
    return st;
}

enum pz_status pz_campaign_gc(const char *campaign, uint32_t keep, uint32_t *n_removed,
                              struct pz_err *err)
{
    char path[PATH_BYTES];
    struct pz_lock *held = NULL;
    uint32_t *list = NULL, current = 0, previous = 0;
    size_t n = 0;
    enum pz_status st = need_campaign(campaign, err);

    *n_removed = 0;
    if (st == PZ_OK)
        st = lock(campaign, &held, err);
    if (st == PZ_OK)
        st = scan(campaign, &list, &n, err);
    if (st == PZ_OK)
        st = read_current(campaign, &current, &previous, err);
    for (size_t i = 0; i + keep < n && st == PZ_OK; i++) {
        if (list[i] == current || list[i] == previous)
            continue;
        st = version_path(path, err, campaign, list[i], "");
        if (st == PZ_OK)
            remove_folder(path);
        (*n_removed)++;
    }
    free(list);
    pz_lock_free(held);
    return st;
}

static void read_info(const char *campaign, struct pz_version *v)
{
    char path[PATH_BYTES], *text = NULL;
    size_t n;
    json_t *doc = NULL;
    struct stat info;

    if (version_path(path, NULL, campaign, v->number, "/model.flat") == PZ_OK && stat(path, &info) == 0)
        v->bytes = (uint64_t)info.st_size;
    if (version_path(path, NULL, campaign, v->number, "/info.json") != PZ_OK ||
        pz_file_read(path, 4096, &text, &n, NULL) != PZ_OK)
        return;
    if (pz_json_parse(text, n, path, &doc, NULL) == PZ_OK) {
        v->published = json_integer_value(json_object_get(doc, "published"));
        v->live_seen = (uint64_t)json_integer_value(json_object_get(doc, "live_seen"));
    }
    json_decref(doc);
    free(text);
}

enum pz_status pz_campaign_list(const char *campaign, struct pz_version **list, size_t *n,
                                struct pz_err *err)
{
    uint32_t *number = NULL, current = 0, previous = 0;
    enum pz_status st = need_campaign(campaign, err);

    *list = NULL;
    *n = 0;
    if (st == PZ_OK)
        st = scan(campaign, &number, n, err);
    if (st == PZ_OK)
        st = read_current(campaign, &current, &previous, err);
    if (st == PZ_OK && !(*list = pz_mem_array(*n, sizeof **list)))
        st = pz_err_memory(err, "versions", 1e3);
    for (size_t i = 0; i < *n && st == PZ_OK; i++) {
        (*list)[i].number = number[i];
        (*list)[i].current = number[i] == current;
        (*list)[i].previous = number[i] == previous;
        read_info(campaign, &(*list)[i]);
    }
    free(number);
    return st;
}

enum pz_status pz_campaign_open_model(const char *campaign, struct pz_model **m, uint32_t *version,
                                      uint64_t *live_seen, struct pz_err *err)
{
    enum { TRIES = 5 };
    char path[PATH_BYTES];
    uint32_t previous;
    enum pz_status st = need_campaign(campaign, err);

    *m = NULL;
    for (int i = 0; i < TRIES && st == PZ_OK && !*m; i++) {
        struct pz_version v = { 0 };

        st = read_current(campaign, version, &previous, err);
        v.number = *version;
        if (st == PZ_OK)
            st = version_path(path, err, campaign, *version, "/model.flat");
        if (st == PZ_OK)
            st = pz_model_open(path, m, err);
        if (st == PZ_NO_INPUT && i + 1 < TRIES)
            st = PZ_OK; /* collected since we read `current`: look again */
        read_info(campaign, &v);
        *live_seen = v.live_seen;
    }
    return st;
}

enum pz_status pz_campaign_open_live(const char *campaign, bool writable, struct pz_live_store **live,
                                     struct pz_err *err)
{
    char path[PATH_BYTES];
    enum pz_status st = make_path(path, err, campaign, "live");

    *live = NULL;
    if (st == PZ_OK && !pz_campaign_is(campaign))
        return pz_err_set(err, PZ_NO_INPUT, "%s is no campaign; make it with pz-deploy publish",
                          campaign);
    if (st == PZ_OK && !writable && !pz_campaign_is(path))
        return PZ_OK;
    return st == PZ_OK ? pz_live_open(path, writable, live, err) : st;
}
