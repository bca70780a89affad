/* SPDX-License-Identifier: Apache-2.0 */
/* What a version says of itself: see info.h. The file:
 *
 *   {"published":SECONDS,"live_seen":N,"rows_seen":N,"store":"16 hex digits","recipe":"NAME",
 *    "ndcg_25":X}
 *
 * It is small and plain, so it gets edited and copied; whoever believes a number in it may lose
 * live events. So each member is checked for itself, the recipe against the model, and the numbers
 * against the store. */
#include "campaign/info.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "campaign/layout.h"
#include "campaign/live.h"
#include "live/hosts/follow.h"

enum pz_status pz_info_write(const char *path, const struct pz_version *v, struct pz_err *err)
{
    struct pz_str text = { 0 };
    enum pz_status st;

    pz_str_addf(&text,
                "{\"published\":%lld,\"live_seen\":%llu,\"rows_seen\":%llu,\"store\":\"%s\","
                "\"recipe\":\"%s\",\"ndcg_25\":%.4f,\"model\":\"%s\"}\n",
                (long long)v->published, (unsigned long long)v->live_seen,
                (unsigned long long)v->rows_seen, v->store, v->recipe, v->ndcg, v->model);
    st = text.failed ? pz_err_memory(err, "info.json", 1e3)
                     : pz_file_write(path, text.data, text.len, err);
    pz_str_clear(&text);
    return st;
}

/* A whole number of 0 or more; false when it is anything else. */
static bool take_count(const json_t *doc, const char *name, uint64_t *out)
{
    const json_t *value = json_object_get(doc, name);

    *out = (uint64_t)json_integer_value(value);
    return json_is_integer(value) && json_integer_value(value) >= 0;
}

static bool parse(const json_t *doc, struct pz_version *v)
{
    const char *recipe = json_string_value(json_object_get(doc, "recipe")),
               *store = json_string_value(json_object_get(doc, "store")),
               *model = json_string_value(json_object_get(doc, "model")); /* not in older ones */
    uint64_t published;

    if (!take_count(doc, "published", &published) || !take_count(doc, "live_seen", &v->live_seen) ||
        !take_count(doc, "rows_seen", &v->rows_seen) || !recipe || !pz_recipe_find(recipe, NULL) ||
        strlen(recipe) >= sizeof v->recipe || (store && strlen(store) >= sizeof v->store))
        return false;
    v->published = (int64_t)published;
    v->ndcg = json_number_value(json_object_get(doc, "ndcg_25")); /* 0 in older ones */
    strcpy(v->recipe, recipe);
    strcpy(v->store, store ? store : "");
    strcpy(v->model, model && strlen(model) < sizeof v->model ? model : "");
    return true;
}

enum pz_status pz_info_read(const char *campaign, struct pz_version *v, struct pz_err *err)
{
    char path[PZ_PATH_BYTES], *text = NULL;
    size_t n;
    json_t *doc = NULL;
    struct stat info;
    enum pz_status st = pz_layout_version(path, campaign, v->number, "/model.flat", err);

    if (st == PZ_OK && stat(path, &info) != 0)
        st = pz_err_errno(err, PZ_NO_INPUT, errno, "cannot look at %s", path);
    if (st == PZ_OK)
        v->bytes = (uint64_t)info.st_size;
    if (st == PZ_OK)
        st = pz_layout_version(path, campaign, v->number, "/info.json", err);
    if (st == PZ_OK)
        st = pz_file_read(path, 4096, &text, &n, err);
    if (st == PZ_OK)
        st = pz_json_parse(text, n, path, &doc, err);
    if (st == PZ_BAD_DATA || (st == PZ_OK && !parse(doc, v)))
        st = pz_err_set(err, PZ_BAD_DATA, "%s is damaged; pz-deploy repair %s writes it again",
                        path, campaign);
    json_decref(doc);
    free(text);
    return st;
}

/* What a version has seen of a store, of what it has seen of another one, beside which it was
 * published: nothing, unless the store was a copy of that. */
static enum pz_status of_other(struct pz_version *v, struct pz_live_store *live, const char *store,
                               struct pz_err *err)
{
    struct pz_watermarks marks = { .n = 0 };
    const struct pz_watermark *mark = NULL;
    enum pz_status st = pz_live_add_origins(live, &marks, err);

    v->strange = !pz_watermarks_find(&marks, v->store);
    if (st == PZ_OK && !pz_watermarks_add(&marks, v->store, (struct pz_range){ 1, v->live_seen },
                                          (struct pz_range){ 1, v->rows_seen }))
        st = pz_err_memory(err, "watermarks of live stores", 1e3);
    if (st == PZ_OK)
        mark = pz_watermarks_find(&marks, store);
    v->live_seen = mark ? mark->events : 0;
    v->rows_seen = mark ? mark->rows : 0;
    pz_watermarks_clear(&marks);
    return st;
}

/* Of a store that was restored as it was before. */
static void limit_seen(struct pz_version *v, uint64_t last)
{
    v->live_seen = v->live_seen < last ? v->live_seen : last;
    v->rows_seen = v->rows_seen < last ? v->rows_seen : last;
}

/* Whether a version's model says itself what its info.json says of its data. */
static enum pz_status agrees(const char *campaign, const struct pz_version *v, bool *agree,
                             struct pz_err *err)
{
    char path[PZ_PATH_BYTES];
    struct pz_watermarks marks = { .n = 0 };
    const struct pz_watermark *mark = NULL;
    const char *text = NULL;
    struct pz_model *m = NULL;
    enum pz_status st = pz_layout_version(path, campaign, v->number, "/model.flat", err);

    if (st == PZ_OK)
        st = pz_model_open(path, &m, err);
    if (st == PZ_OK)
        text = json_string_value(json_object_get(m->manifest, "live"));
    if (text)
        st = pz_watermarks_read(&marks, text, err);
    if (st == PZ_OK)
        mark = pz_watermarks_find(&marks, v->store);
    *agree = mark && mark->events >= v->live_seen && mark->rows >= v->rows_seen;
    pz_watermarks_clear(&marks);
    pz_model_free(m);
    return st;
}

enum pz_status pz_info_check(const char *campaign, struct pz_version *v, struct pz_live_store *live,
                             struct pz_err *err)
{
    const struct pz_version said = *v;
    struct pz_live_size size = { .last = 0 };
    bool restored = false;
    enum pz_status st = live ? pz_live_count(live, &size, err) : PZ_OK;

    v->strange = st == PZ_OK && *v->store && strcmp(v->store, size.store) != 0;
    if (v->strange && live)
        st = of_other(v, live, size.store, err);
    if (st != PZ_OK || !live)
        return st;
    /* The view of a log may be behind what a model of another host contains. */
    if (v->strange || (said.live_seen <= size.last && said.rows_seen <= size.last) ||
        pz_live_follows(live))
        return PZ_OK;
    if (size.moved || strcmp(said.store, size.store) != 0)
        st = agrees(campaign, &said, &restored, err);
    limit_seen(v, size.last);
    return st != PZ_OK || restored
               ? st
               : pz_err_set(err, PZ_BAD_DATA,
                            "%s/versions/%04u/info.json says that live events up to %llu are in "
                            "the model, but the store's last is %llu; pz-deploy repair %s writes "
                            "it again",
                            campaign, v->number,
                            (unsigned long long)(said.live_seen > said.rows_seen ? said.live_seen
                                                                                 : said.rows_seen),
                            (unsigned long long)size.last, campaign);
}

void pz_info_warn(const char *campaign, const struct pz_version *v, struct pz_log *log)
{
    if (v->strange)
        pz_log(log, PZ_LOG_WARN,
               "%s: the live store is not the one that version %u was published beside: is its "
               "disk mounted?",
               campaign, v->number);
}

enum pz_status pz_info_find_seen(const char *campaign, const struct pz_model *m,
                                 struct pz_version *v, struct pz_err *err)
{
    const char *text = json_string_value(json_object_get(m->manifest, "live"));
    struct pz_live_store *live = NULL;
    struct pz_live_size size = { .last = 0 };
    struct pz_watermarks marks = { .n = 0 };
    const struct pz_watermark *mark = NULL;
    bool follows, told = v->live_seen > 0 || v->rows_seen > 0; /* by whom knows better */
    enum pz_status st = pz_campaign_open_live(campaign, false, &live, err);

    if (st == PZ_OK && live)
        st = pz_live_count(live, &size, err);
    if (st == PZ_OK && live && text)
        st = pz_watermarks_read(&marks, text, err);
    if (st == PZ_OK && live)
        st = pz_live_add_origins(live, &marks, err);
    follows = live && pz_live_follows(live);
    pz_live_close(live);
    if (st == PZ_OK)
        mark = pz_watermarks_find(&marks, size.store);
    if (mark && !told)
        st = pz_watermark_check(mark, true, "the model's data", err);
    if (mark && v->live_seen == 0)
        v->live_seen = mark->events;
    if (mark && v->rows_seen == 0)
        v->rows_seen = mark->rows;
    if (size.moved && !told)
        limit_seen(v, size.last);
    pz_watermarks_clear(&marks);
    memcpy(v->store, size.store, sizeof v->store);
    if (st == PZ_OK && !follows && (v->live_seen > size.last || v->rows_seen > size.last))
        st = pz_err_set(err, PZ_USAGE,
                        "the last live number of %s is %llu: a model cannot have seen more; if the "
                        "store's file was written over with an older one, pz-deploy repair %s "
                        "gives it a new identity",
                        campaign, (unsigned long long)size.last, campaign);
    return st;
}
