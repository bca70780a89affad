/* SPDX-License-Identifier: Apache-2.0 */
/* Collecting: see gc.h.
 *
 * A version is removed by renaming versions/NNNN to NNNN.old, fsync of versions/, and unlinking
 * what publishing made in it; a reader that came in between finds the name gone, reads `current`
 * again and opens what it names.
 *
 * Live events go only when three things hold: the current version is among those that were read and
 * none of them is damaged; every version that is kept contains them; and the datasets that the next
 * training reads contain them, which their watermarks prove. A version alone proves nothing about
 * the next one: it may be trained from older data. Of a store that other campaigns share, every
 * version of theirs must contain them as well. All of it is decided before anything is removed. */
#include "campaign/gc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/opt.h"
#include "base/time.h"
#include "campaign/campaign.h"
#include "campaign/info.h"
#include "campaign/layout.h"
#include "campaign/live.h"
#include "campaign/settings.h"
#include "campaign/sharing.h"
#include "data/dataset.h"
#include "data/group.h"
#include "table/table.h"

/* Numbers of live events and rows up to which something is contained. */
struct reach {
    bool any; /* of nothing there is no smallest */
    uint64_t events, rows;
    bool shared; /* with other campaigns */
};

static void take_smaller(struct reach *r, uint64_t events, uint64_t rows)
{
    /* What all of them have is what the one with the least has. */
    r->events = r->any && r->events < events ? r->events : events;
    r->rows = r->any && r->rows < rows ? r->rows : rows;
    r->any = true;
}

/* ---- which versions ---- */

static int64_t week_of(const struct pz_version *v)
{
    return (v->published / 86400 + 3) / 7; /* 1970-01-01 was a Thursday; weeks begin on Monday */
}

/* Whether version i is the newest of one of the n latest weeks that have a version. */
static bool is_weekly(const struct pz_version *list, size_t n_list, size_t i, uint32_t n)
{
    uint32_t weeks = 0;

    /* From the newest back; the first of a week met is its newest. */
    for (size_t k = n_list; k-- > 0 && weeks < n;) {
        bool newest = k + 1 == n_list || week_of(&list[k]) != week_of(&list[k + 1]);

        weeks += newest;
        if (k == i)
            return newest;
    }
    return false;
}

static bool is_kept(const struct pz_gc_cfg *cfg, const struct pz_version *list, size_t n, size_t i)
{
    return list[i].current || list[i].previous || list[i].pinned || i + cfg->keep >= n ||
           is_weekly(list, n, i, cfg->keep_weekly);
}

/* Whether a version's model knows one of the users who are to leave the disk. */
static enum pz_status knows(const char *campaign, uint32_t number, const struct pz_gc_cfg *cfg,
                            bool *known, struct pz_err *err)
{
    char path[PZ_PATH_BYTES];
    struct pz_table *t = NULL;
    struct pz_dict users;
    enum pz_status st = pz_layout_version(path, campaign, number, "/model.flat", err);

    *known = false;
    if (st == PZ_OK)
        st = pz_table_open(path, "modl", &t, err);
    if (st == PZ_OK)
        st = pz_table_get_dict(t, "users", &users, err);
    for (size_t i = 0; i < cfg->n_ids && st == PZ_OK && !*known; i++)
        *known = pz_dict_find_str(&users, cfg->id[i]) != PZ_NONE;
    pz_table_close(t);
    return st;
}

/* Decide for every version: goes[i]. */
static enum pz_status choose(const char *campaign, const struct pz_gc_cfg *cfg,
                             const struct pz_version *list, size_t n, bool *goes,
                             struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (size_t i = 0; i < n && st == PZ_OK; i++) {
        bool known = false;

        goes[i] = !is_kept(cfg, list, n, i);
        if (!goes[i] && cfg->n_ids > 0)
            st = knows(campaign, list[i].number, cfg, &known, err);
        goes[i] = goes[i] || (known && !list[i].current && !list[i].pinned);
        if (known && !goes[i])
            pz_log(cfg->log, PZ_LOG_WARN, "version %u stays, as it is %s, and knows users of --ids",
                   list[i].number, list[i].current ? "current" : "pinned");
    }
    return st;
}

/* Nothing is judged by a list that cannot be whole. */
static enum pz_status check_list(const char *campaign, const struct pz_version *list, size_t n,
                                 struct pz_err *err)
{
    bool current = false;

    for (size_t i = 0; i < n; i++) {
        current = current || list[i].current;
        if (list[i].damaged)
            return pz_err_set(
                err, PZ_BAD_DATA,
                "version %u of %s is damaged: nothing is removed; see pz-deploy check "
                "and repair",
                list[i].number, campaign);
    }
    return current
               ? PZ_OK
               : pz_err_set(err, PZ_BAD_DATA,
                            "the current version of %s is not in its folder versions: nothing is "
                            "removed; see pz-deploy repair",
                            campaign);
}

static enum pz_status remove_version(const char *campaign, uint32_t number, struct pz_log *log,
                                     struct pz_err *err)
{
    char path[PZ_PATH_BYTES], old[PZ_PATH_BYTES] = "", dir[PZ_PATH_BYTES], name[32];
    enum pz_status st = pz_layout_version(path, campaign, number, "", err);

    if (st == PZ_OK)
        st = pz_layout_version(old, campaign, number, ".old", err);
    if (st == PZ_OK)
        st = pz_layout_path(dir, campaign, "versions", err);
    /* The name goes before the files do: a reader finds a version whole or not at all. */
    if (st == PZ_OK && rename(path, old) != 0)
        st = pz_err_errno(err, PZ_IO, errno, "cannot remove %s", path);
    if (st == PZ_OK)
        st = pz_file_sync_dir(dir, err);
    snprintf(name, sizeof name, "%04u.old", number);
    if (st == PZ_OK)
        pz_layout_remove(campaign, name, log);
    return st;
}

/* ---- live events ---- */

/* What the datasets named contain of a store. */
static enum pz_status read_data(const struct pz_gc_cfg *cfg, struct pz_live_store *live,
                                const char *store, struct reach *held, struct pz_err *err)
{
    struct pz_watermarks marks = { .n = 0 };
    const struct pz_watermark *mark;
    enum pz_status st = PZ_OK;

    *held = (struct reach){ .any = true };
    for (size_t i = 0; i < cfg->n_data && st == PZ_OK; i++)
        st = pz_dataset_watermarks(cfg->data[i], &marks, err);
    if (st == PZ_OK)
        st = pz_live_add_origins(live, &marks, err);
    mark = st == PZ_OK ? pz_watermarks_find(&marks, store) : NULL;
    if (mark)
        *held = (struct reach){ .any = true, .events = mark->events, .rows = mark->rows };
    pz_watermarks_clear(&marks);
    return st;
}

struct tally {
    uint64_t upto, n, first;
};

static enum pz_status count_event(void *context, int pass, uint64_t number,
                                  const struct pz_event *event, struct pz_err *err)
{
    struct tally *t = context;

    (void)pass;
    (void)event;
    (void)err;
    if (number <= t->upto) {
        t->first = t->n == 0 ? number : t->first;
        t->n++;
    }
    return PZ_OK;
}

/* How far collecting may go: what all versions left have and the datasets too. What only the
 * versions have would be lost to the next training. */
static enum pz_status limit_reach(struct pz_live_store *live, const struct pz_gc_cfg *cfg,
                                  struct reach *r, struct pz_err *err)
{
    struct pz_live_size size;
    struct reach held;
    struct tally t = { .upto = r->events };
    enum pz_status st = pz_live_count(live, &size, err);

    if (st == PZ_OK)
        st = read_data(cfg, live, size.store, &held, err);
    if (st != PZ_OK || cfg->force)
        return st;
    if (held.events < r->events)
        st = pz_live_each(live, held.events, 1, count_event, &t, err);
    if (st == PZ_OK && t.n > 0)
        return pz_err_set(
            err, PZ_NEGATIVE,
            "%llu live events (numbers %llu to %llu) are in no dataset that was named, "
            "and the next training would lack them: export them, name the datasets "
            "that it reads by --data FILE, or say --force",
            (unsigned long long)t.n, (unsigned long long)t.first, (unsigned long long)r->events);
    /* Rows are put again and again, and the last one counts: those that the datasets lack stay,
     * without a complaint. */
    r->rows = held.rows < r->rows ? held.rows : r->rows;
    return st;
}

struct others {
    const char *campaign;
    struct reach *reach;
    struct pz_log *log;
};

/* What a campaign that shares the store still answers with stays. */
static enum pz_status heed(void *context, const char *other, struct pz_err *err)
{
    const struct others *o = context;
    uint64_t events, rows;
    enum pz_status st = pz_campaign_contained(other, &events, &rows, err);

    if (st == PZ_OK && (events < o->reach->events || rows < o->reach->rows))
        pz_log(o->log, PZ_LOG_NOTE,
               "%s shares the live store of %s, and its versions contain events up to %llu and "
               "rows up to %llu: what came after them stays",
               other, o->campaign, (unsigned long long)events, (unsigned long long)rows);
    if (st == PZ_OK)
        take_smaller(o->reach, events, rows);
    o->reach->shared = true;
    return st;
}

/* The reach of the versions that stay, as far as the store's numbers mean anything. */
static enum pz_status find_reach(const char *campaign, struct pz_live_store *live,
                                 const struct pz_gc_cfg *cfg, struct pz_version *list, size_t n,
                                 const bool *goes, struct reach *r, struct pz_err *err)
{
    struct others others = { campaign, r, cfg->log };
    enum pz_status st = PZ_OK;

    for (size_t i = 0; i < n && st == PZ_OK; i++)
        if (!goes[i]) {
            st = pz_info_check(campaign, &list[i], live, err);
            take_smaller(r, list[i].live_seen, list[i].rows_seen);
        }
    if (st == PZ_OK)
        st = pz_sharing_each(campaign, heed, &others, err);
    return st == PZ_OK && r->any ? limit_reach(live, cfg, r, err) : st;
}

/* Remove those that go; nothing leads to one that went. */
static enum pz_status remove_versions(const char *campaign, const struct pz_gc_cfg *cfg,
                                      struct pz_current *c, const struct pz_version *list, size_t n,
                                      const bool *goes, struct pz_gc *removed, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (size_t i = 0; i < n && st == PZ_OK; i++)
        if (goes[i] && list[i].previous) {
            c->previous = 0;
            st = pz_layout_write_current(campaign, c, err);
        }
    for (size_t i = 0; i < n && st == PZ_OK; i++)
        if (goes[i]) {
            st = remove_version(campaign, list[i].number, cfg->log, err);
            removed->versions += st == PZ_OK;
        }
    return st;
}

/* ---- who was forgotten ---- */

/* Add the forgotten users that a model or dataset knows to keep, whose ids are arena's. */
static enum pz_status note_known(const char *path, struct pz_live_store *live, struct pz_strs *keep,
                                 struct pz_arena *arena, struct pz_err *err)
{
    struct pz_table *t = NULL;
    struct pz_dict users;
    uint32_t *found = NULL, n = 0;
    enum pz_status st = pz_table_open(path, NULL, &t, err);

    if (st == PZ_OK && pz_table_has_dict(t, "users")) {
        st = pz_table_get_dict(t, "users", &users, err);
        if (st == PZ_OK)
            st = pz_live_find_forgotten(live, &users, &found, &n, err);
    }
    for (uint32_t i = 0; i < n && st == PZ_OK; i++) {
        size_t len;
        const char *id = pz_dict_get(&users, found[i], &len);

        if (!(id = pz_arena_strndup(arena, id, len)) || !pz_strs_add(keep, id))
            st = pz_err_memory(err, "forgotten users", 1e3);
    }
    free(found);
    pz_table_close(t);
    return st;
}

/* Who was forgotten before all that is left was made, and is in none of it, need not be known as
 * forgotten any more. Of a store that other campaigns see this one cannot tell. */
static enum pz_status unmark(const char *campaign, const struct pz_gc_cfg *cfg,
                             struct pz_live_store *live, const struct pz_version *list, size_t n,
                             const bool *goes, const struct reach *r, struct pz_gc *removed,
                             struct pz_err *err)
{
    char own[PZ_PATH_BYTES] = "", used[PZ_PATH_BYTES] = "", path[PZ_PATH_BYTES];
    struct pz_strs keep = { .n = 0 };
    struct pz_arena arena = { NULL };
    enum pz_status st = pz_layout_path(own, campaign, "live", err);

    if (st == PZ_OK)
        st = pz_campaign_live_path(campaign, used, err);
    if (st != PZ_OK || r->shared || strcmp(own, used) != 0 || cfg->n_data == 0)
        return st;
    for (size_t i = 0; i < n && st == PZ_OK; i++) {
        if (goes[i])
            continue;
        st = pz_layout_version(path, campaign, list[i].number, "/model.flat", err);
        if (st == PZ_OK)
            st = note_known(path, live, &keep, &arena, err);
    }
    for (size_t i = 0; i < cfg->n_data && st == PZ_OK; i++)
        st = note_known(cfg->data[i], live, &keep, &arena, err);
    if (st == PZ_OK)
        st = pz_live_unmark(live, r->events, &keep, &removed->marks, err);
    pz_strs_clear(&keep);
    pz_arena_clear(&arena);
    return st;
}

/* All of it, with the lock held. */
static enum pz_status collect(const char *campaign, const struct pz_gc_cfg *cfg,
                              struct pz_gc *removed, struct pz_err *err)
{
    struct pz_current c;
    struct pz_live_store *live = NULL;
    struct pz_version *list = NULL;
    struct reach reach = { .any = false };
    bool *goes = NULL;
    size_t n = 0;
    enum pz_status st = pz_layout_need(campaign, &c, err);

    if (st == PZ_OK)
        st = pz_campaign_list(campaign, &list, &n, err);
    if (st == PZ_OK)
        st = check_list(campaign, list, n, err);
    if (st == PZ_OK && !(goes = calloc(n + 1, sizeof *goes)))
        st = pz_err_memory(err, "versions", (double)n);
    if (st == PZ_OK)
        st = choose(campaign, cfg, list, n, goes, err);
    if (st == PZ_OK && cfg->events)
        st = pz_campaign_open_live(campaign, true, &live, err);
    if (st == PZ_OK && live)
        st = find_reach(campaign, live, cfg, list, n, goes, &reach, err);
    if (st == PZ_OK)
        st = pz_layout_sweep(campaign, cfg->log, err);
    if (st == PZ_OK)
        st = remove_versions(campaign, cfg, &c, list, n, goes, removed, err);
    if (st == PZ_OK && reach.any && reach.events + reach.rows > 0)
        st = pz_live_collect(live, reach.events, reach.rows, &removed->live, err);
    if (st == PZ_OK && reach.any && reach.events > 0)
        st = unmark(campaign, cfg, live, list, n, goes, &reach, removed, err);
    pz_live_close(live);
    free(goes);
    free(list);
    return st;
}

enum pz_status pz_campaign_gc(const char *campaign, const struct pz_gc_cfg *cfg,
                              struct pz_gc *removed, struct pz_err *err)
{
    struct pz_current c;
    struct pz_lock *held = NULL;
    enum pz_status st = pz_layout_need(campaign, &c, err);

    *removed = (struct pz_gc){ 0 };
    if (st == PZ_OK)
        st = pz_layout_lock(campaign, cfg->wait_s, &held, err);
    if (st == PZ_OK)
        st = collect(campaign, cfg, removed, err);
    pz_lock_free(held);
    return st;
}

enum pz_status pz_campaign_contained(const char *campaign, uint64_t *events, uint64_t *rows,
                                     struct pz_err *err)
{
    struct pz_live_store *live = NULL;
    struct pz_version *list = NULL;
    struct reach reach = { .any = false };
    size_t n = 0;
    enum pz_status st = pz_campaign_list(campaign, &list, &n, err);

    if (st == PZ_OK)
        st = pz_campaign_open_live(campaign, false, &live, err);
    for (size_t i = 0; i < n && st == PZ_OK; i++) {
        st = pz_info_check(campaign, &list[i], live, err);
        take_smaller(&reach, list[i].live_seen, list[i].rows_seen);
    }
    *events = st == PZ_OK ? reach.events : 0;
    *rows = st == PZ_OK ? reach.rows : 0;
    pz_live_close(live);
    free(list);
    return st;
}

enum pz_status pz_campaign_pin(const char *campaign, uint32_t version, bool pinned, double wait_s,
                               struct pz_err *err)
{
    char path[PZ_PATH_BYTES];
    bool there = false;
    enum pz_status st = pz_layout_version(path, campaign, version, "/model.flat", err);

    if (st == PZ_OK)
        st = pz_file_exists(path, &there, err);
    if (st == PZ_OK && pinned && !there)
        st = pz_err_set(err, PZ_NO_INPUT, "%s has no version %u; see pz-deploy list", campaign,
                        version);
    return st == PZ_OK ? pz_settings_pin(campaign, version, pinned, wait_s, err) : st;
}
