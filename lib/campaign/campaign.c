/* SPDX-License-Identifier: Apache-2.0 */
/* Campaigns: see campaign.h. On disk:
 *
 *   current              "NNNN PPPP HHHH\n": the version that answers, the one before it (0: none),
 *                        and the highest ever published
 *   versions/NNNN/       model.flat (a flat table) and info.json
 *   campaign.json        settings and named filters
 *   live/                the live store, unless the settings name another
 *   lock                 held by whoever publishes, rolls back, collects or sets
 *
 * Order of a publication; a crash after any step leaves what `current` names untouched and
 * complete:
 *   1. make the campaign's folders     2. take the lock
 *   3. remove what crashes left: versions/NNNN.new and .old, versions above the highest, .*.tmp
 *   4. verify the model whole          5. mkdir versions/NNNN.new
 *   6. write model.flat and info.json in it (each atomic, synced), and open it as readers will
 *   7. rename it to versions/NNNN      8. fsync versions/
 *   9. replace `current` (atomic, synced)
 * Rolling back is step 2 and 9. Collecting: lock, rename versions/NNNN to NNNN.old, fsync
 * versions/, remove it; a reader that came in between finds the name gone, reads `current` again
 * and opens what it names. Readers take no lock. */
#include "campaign/campaign.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/time.h"
#include "campaign/layout.h"
#include "campaign/settings.h"

bool pz_campaign_is(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* ---- publishing ---- */

/* Step 1. A folder that is new must survive a power cut too. */
static enum pz_status make_folders(const char *campaign, struct pz_err *err)
{
    char path[PZ_PATH_BYTES], parent[PZ_PATH_BYTES];
    bool is_new = access(campaign, F_OK) != 0;
    enum pz_status st = pz_layout_mkdir(campaign, err);

    if (st == PZ_OK && (st = pz_layout_path(path, campaign, "versions", err)) == PZ_OK)
        st = pz_layout_mkdir(path, err);
    if (st == PZ_OK && is_new && pz_file_dirname(campaign, parent, sizeof parent))
        st = pz_file_sync_dir(parent, err);
    return st;
}

/* What the model's data contain of this campaign's live store: as the caller says, else as the
 * model says, whose data may have come by pz-event export. Numbers that the store never gave are a
 * mistake. */
static enum pz_status find_seen(const char *campaign, const struct pz_model *m,
                                struct pz_version *v, struct pz_err *err)
{
    const char *text = json_string_value(json_object_get(m->manifest, "live"));
    struct pz_live_store *live = NULL;
    struct pz_live_size size = { .last = 0 };
    struct pz_watermarks marks = { .n = 0 };
    const struct pz_watermark *mark = NULL;
    enum pz_status st = pz_campaign_open_live(campaign, false, &live, err);

    if (st == PZ_OK && live)
        st = pz_live_count(live, &size, err);
    if (st == PZ_OK && live && text)
        st = pz_watermarks_read(&marks, text, err);
    pz_live_close(live);
    if (st == PZ_OK)
        mark = pz_watermarks_find(&marks, size.store);
    if (mark && v->live_seen == 0)
        v->live_seen = mark->events;
    if (mark && v->rows_seen == 0)
        v->rows_seen = mark->rows;
    pz_watermarks_clear(&marks);
    memcpy(v->store, size.store, sizeof v->store);
    if (st == PZ_OK && (v->live_seen > size.last || v->rows_seen > size.last))
        st = pz_err_set(err, PZ_USAGE,
                        "the last live number of %s is %llu: a model cannot have seen more",
                        campaign, (unsigned long long)size.last);
    return st;
}

/* Step 4: the whole file, and that this pz can answer from it. */
static enum pz_status verify_model(const char *campaign, const char *model, struct pz_table **t,
                                   struct pz_version *v, struct pz_err *err)
{
    struct pz_model *m = NULL;
    enum pz_status st = pz_model_open(model, &m, err);

    if (st == PZ_OK)
        st = find_seen(campaign, m, v, err);
    if (st == PZ_OK)
        snprintf(v->recipe, sizeof v->recipe, "%s", m->recipe->name);
    pz_model_free(m);
    if (st == PZ_OK)
        st = pz_table_open(model, "modl", t, err);
    if (st == PZ_OK)
        st = pz_table_verify(*t, err);
    return st;
}

static enum pz_status write_info(const char *path, const struct pz_version *v, struct pz_err *err)
{
    struct pz_str text = { 0 };
    enum pz_status st;

    pz_str_addf(&text,
                "{\"published\":%lld,\"live_seen\":%llu,\"rows_seen\":%llu,\"store\":\"%s\","
                "\"recipe\":\"%s\"}\n",
                (long long)v->published, (unsigned long long)v->live_seen,
                (unsigned long long)v->rows_seen, v->store, v->recipe);
    st = text.failed ? pz_err_memory(err, "info.json", 1e3)
                     : pz_file_write(path, text.data, text.len, err);
    pz_str_clear(&text);
    return st;
}

/* Steps 5 and 6, in folder temp. */
static enum pz_status fill_version(const char *temp, struct pz_table *t, const struct pz_version *v,
                                   struct pz_err *err)
{
    char file[PZ_PATH_BYTES];
    struct pz_model *m = NULL;
    enum pz_status st = pz_layout_mkdir(temp, err);

    if (st == PZ_OK && (st = pz_layout_path(file, temp, "info.json", err)) == PZ_OK)
        st = write_info(file, v, err);
    if (st == PZ_OK && (st = pz_layout_path(file, temp, "model.flat", err)) == PZ_OK)
        st = pz_table_unpack(t, file, err);
    if (st == PZ_OK)
        st = pz_model_open(file, &m, err);
    pz_model_free(m);
    return st;
}

/* Steps 5 to 8. */
static enum pz_status write_version(const char *campaign, struct pz_table *t,
                                    const struct pz_version *v, struct pz_err *err)
{
    char temp[PZ_PATH_BYTES], final[PZ_PATH_BYTES], dir[PZ_PATH_BYTES];
    enum pz_status st = pz_layout_version(temp, campaign, v->number, ".new", err);

    if (st == PZ_OK)
        st = pz_layout_version(final, campaign, v->number, "", err);
    if (st == PZ_OK)
        st = pz_layout_path(dir, campaign, "versions", err);
    if (st != PZ_OK)
        return st;
    st = fill_version(temp, t, v, err);
    if (st == PZ_OK && rename(temp, final) != 0)
        st = pz_err_errno(err, PZ_CANT_CREATE, errno, "cannot create %s", final);
    if (st == PZ_OK)
        return pz_file_sync_dir(dir, err);
    pz_layout_remove(temp);
    return st;
}

enum pz_status pz_campaign_publish(const char *campaign, const char *model, double wait_s,
                                   struct pz_version *version, struct pz_err *err)
{
    struct pz_version v = { .live_seen = version->live_seen,
                            .rows_seen = version->rows_seen,
                            .published = pz_time_now() };
    struct pz_lock *held = NULL;
    struct pz_table *t = NULL;
    struct pz_current c = { 0 };
    enum pz_status st = make_folders(campaign, err);

    if (st == PZ_OK)
        st = pz_layout_lock(campaign, wait_s, &held, err);
    if (st == PZ_OK)
        st = pz_layout_sweep(campaign, err);
    if (st == PZ_OK)
        st = verify_model(campaign, model, &t, &v, err);
    if (st == PZ_OK)
        st = pz_layout_read_current(campaign, &c, err);
    if (st == PZ_OK) {
        v.number = c.highest + 1;
        st = write_version(campaign, t, &v, err);
    }
    if (st == PZ_OK)
        st = pz_layout_write_current(campaign,
                                     &(struct pz_current){ v.number, c.current, v.number }, err);
    *version = v;
    pz_table_close(t);
    pz_lock_free(held);
    return st;
}

/* ---- going back ---- */

enum pz_status pz_campaign_rollback(const char *campaign, double wait_s, uint32_t *version,
                                    struct pz_err *err)
{
    char path[PZ_PATH_BYTES];
    struct pz_lock *held = NULL;
    struct pz_current c = { 0 };
    enum pz_status st = pz_layout_need(campaign, err);

    if (st == PZ_OK)
        st = pz_layout_lock(campaign, wait_s, &held, err);
    if (st == PZ_OK)
        st = pz_layout_read_current(campaign, &c, err);
    if (st == PZ_OK && *version == 0)
        *version = c.previous;
    if (st == PZ_OK && *version == 0)
        st = pz_err_set(err, PZ_NO_INPUT, "%s has no previous version", campaign);
    if (st == PZ_OK)
        st = pz_layout_version(path, campaign, *version, "/model.flat", err);
    if (st == PZ_OK && (*version > c.highest || access(path, F_OK) != 0))
        st = pz_err_set(err, PZ_NO_INPUT, "%s has no version %u; see pz-deploy list", campaign,
                        *version);
    if (st == PZ_OK && *version != c.current)
        st = pz_layout_write_current(campaign,
                                     &(struct pz_current){ *version, c.current, c.highest }, err);
    pz_lock_free(held);
    return st;
}

/* ---- what versions say of themselves ---- */

static void read_info(const char *campaign, struct pz_version *v)
{
    char path[PZ_PATH_BYTES], *text = NULL;
    const char *recipe, *store;
    size_t n;
    json_t *doc = NULL;
    struct stat info;

    if (pz_layout_version(path, campaign, v->number, "/model.flat", NULL) == PZ_OK &&
        stat(path, &info) == 0)
        v->bytes = (uint64_t)info.st_size;
    if (pz_layout_version(path, campaign, v->number, "/info.json", NULL) != PZ_OK ||
        pz_file_read(path, 4096, &text, &n, NULL) != PZ_OK)
        return;
    if (pz_json_parse(text, n, path, &doc, NULL) == PZ_OK) {
        v->published = json_integer_value(json_object_get(doc, "published"));
        v->live_seen = (uint64_t)json_integer_value(json_object_get(doc, "live_seen"));
        v->rows_seen = (uint64_t)json_integer_value(json_object_get(doc, "rows_seen"));
        store = json_string_value(json_object_get(doc, "store"));
        snprintf(v->store, sizeof v->store, "%s", store ? store : "");
        recipe = json_string_value(json_object_get(doc, "recipe"));
        snprintf(v->recipe, sizeof v->recipe, "%s", recipe ? recipe : "");
    }
    json_decref(doc);
    free(text);
}

enum pz_status pz_campaign_list(const char *campaign, struct pz_version **list, size_t *n,
                                struct pz_err *err)
{
    uint32_t *number = NULL;
    struct pz_current c = { 0 };
    enum pz_status st = pz_layout_need(campaign, err);

    *list = NULL;
    *n = 0;
    if (st == PZ_OK)
        st = pz_layout_versions(campaign, &number, n, err);
    if (st == PZ_OK)
        st = pz_layout_read_current(campaign, &c, err);
    while (*n > 0 && number[*n - 1] > c.highest) /* one that is being published, or never was */
        --*n;
    if (st == PZ_OK && !(*list = pz_mem_array(*n, sizeof **list)))
        st = pz_err_memory(err, "versions", 1e3);
    for (size_t i = 0; i < *n && st == PZ_OK; i++) {
        (*list)[i].number = number[i];
        (*list)[i].current = number[i] == c.current;
        (*list)[i].previous = number[i] == c.previous;
        read_info(campaign, &(*list)[i]);
    }
    free(number);
    return st;
}

/* ---- collecting ---- */

static enum pz_status remove_version(const char *campaign, uint32_t number, struct pz_err *err)
{
    char path[PZ_PATH_BYTES], old[PZ_PATH_BYTES] = "", dir[PZ_PATH_BYTES];
    enum pz_status st = pz_layout_version(path, campaign, number, "", err);

    if (st == PZ_OK)
        st = pz_layout_version(old, campaign, number, ".old", err);
    if (st == PZ_OK)
        st = pz_layout_path(dir, campaign, "versions", err);
    if (st == PZ_OK && rename(path, old) != 0)
        st = pz_err_errno(err, PZ_IO, errno, "cannot remove %s", path);
    if (st == PZ_OK)
        st = pz_file_sync_dir(dir, err);
    if (st == PZ_OK)
        pz_layout_remove(old);
    return st;
}

/* What the versions that are left all have. */
static enum pz_status collect_live(const char *campaign, uint64_t events, uint64_t rows,
                                   uint64_t *n, struct pz_err *err)
{
    struct pz_live_store *live = NULL;
    enum pz_status st = pz_campaign_open_live(campaign, true, &live, err);

    if (st == PZ_OK)
        st = pz_live_collect(live, events, rows, n, err);
    pz_live_close(live);
    return st;
}

enum pz_status pz_campaign_gc(const char *campaign, uint32_t keep, bool events, double wait_s,
                              struct pz_gc *removed, struct pz_err *err)
{
    struct pz_lock *held = NULL;
    struct pz_version *list = NULL;
    size_t n = 0;
    uint64_t seen = UINT64_MAX, rows = UINT64_MAX;
    enum pz_status st = pz_layout_need(campaign, err);

    *removed = (struct pz_gc){ 0, 0 };
    if (st == PZ_OK)
        st = pz_layout_lock(campaign, wait_s, &held, err);
    if (st == PZ_OK)
        st = pz_layout_sweep(campaign, err);
    if (st == PZ_OK)
        st = pz_campaign_list(campaign, &list, &n, err);
    for (size_t i = 0; i < n && st == PZ_OK; i++) {
        if (list[i].current || list[i].previous || i + keep >= n) {
            seen = list[i].live_seen < seen ? list[i].live_seen : seen;
            rows = list[i].rows_seen < rows ? list[i].rows_seen : rows;
            continue;
        }
        st = remove_version(campaign, list[i].number, err);
        removed->versions += st == PZ_OK;
    }
    if (st == PZ_OK && events && seen + rows > 0)
        st = collect_live(campaign, seen, rows, &removed->live, err);
    free(list);
    pz_lock_free(held);
    return st;
}

/* ---- opening ---- */

enum pz_status pz_campaign_open_model(const char *campaign, struct pz_model **m,
                                      struct pz_version *version, struct pz_err *err)
{
    enum { TRIES = 5 };
    char path[PZ_PATH_BYTES];
    struct pz_current c;
    enum pz_status st = pz_layout_need(campaign, err);

    *m = NULL;
    for (int i = 0; i < TRIES && st == PZ_OK && !*m; i++) {
        st = pz_layout_read_current(campaign, &c, err);
        if (st == PZ_OK)
            st = pz_layout_version(path, campaign, c.current, "/model.flat", err);
        if (st == PZ_OK)
            st = pz_model_open(path, m, err);
        if (st == PZ_NO_INPUT && i + 1 < TRIES)
            st = PZ_OK; /* collected since we read `current`: look again */
        *version = (struct pz_version){ .number = c.current, .current = true };
        read_info(campaign, version);
    }
    return st;
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
    enum pz_status st;

    *live = NULL;
    if (!pz_campaign_is(campaign))
        return pz_err_set(err, PZ_NO_INPUT, "%s is no campaign; make it with pz-deploy publish",
                          campaign);
    st = pz_campaign_live_path(campaign, path, err);
    return st == PZ_OK ? pz_live_open(path, writable, live, err) : st;
}
