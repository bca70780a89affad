/* SPDX-License-Identifier: Apache-2.0 */
/* Views: see view.h. A version's model, the settings and the live store as of one moment; rows
 * put since training become overlays, and items that the model lacks become items of the model
 * in memory.
 *
 * The number of the last change of rows is read before the rows are: a change in between makes
 * the view stale, even if it was seen. A damaged live store does not end recommending: the view
 * goes on without it and says so by a flag, the only thing of a view that changes. */
#include "campaign/view.h"

#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "campaign/campaign.h"
#include "campaign/info.h"
#include "campaign/kept.h"
#include "campaign/layout.h"
#include "campaign/live.h"
#include "campaign/tally.h"
#include "live/overlay.h"

enum { LOOK_AGAIN_S = 10 };

/* The model's index of every id. Items that it lacks become items of it. old: of items; NULL:
 * none */
static enum pz_status find_rows(struct pz_overlay *o, struct pz_model *m, bool items,
                                const struct pz_extended *old, struct pz_err *err)
{
    uint32_t *row = pz_mem_array(o->ids.n, sizeof *row);

    o->row = o->own_row = row;
    if (!row)
        return pz_err_memory(err, "rows put since training", 4.0 * o->ids.n);
    if (items)
        return pz_model_extend(m, &o->ids, &o->attrs, old, row, err);
    for (uint32_t i = 0; i < o->ids.n; i++) {
        size_t n;
        const char *id = pz_dict_get(&o->ids, i, &n);

        /* Users that the model lacks get no row of it: their history is in the store alone. */
        row[i] = pz_dict_find(&m->users, id, n);
    }
    return PZ_OK;
}

/* Rows for items that events alone know, beside those put: *put becomes both together.
 *
 * old   rows that are there already; NULL: none */
static enum pz_status add_unput(const struct pz_view *v, const struct pz_overlay *old,
                                struct pz_overlay **put, struct pz_err *err)
{
    const struct pz_overlay *there[2] = { old, *put };
    struct pz_overlay *unput = NULL, *both = NULL;
    struct pz_source *source = NULL;
    enum pz_status st = pz_tally_rows(v->tally, there, 2, &unput, err);

    if (st != PZ_OK || !unput)
        return st;
    if (!*put) {
        *put = unput;
        return PZ_OK;
    }
    st = pz_overlay_merge(*put, unput, &both, &source, err);
    free(source);
    pz_overlay_free(unput);
    if (st == PZ_OK) {
        pz_overlay_free(*put);
        *put = both;
    }
    return st;
}

static enum pz_status build(struct pz_view *v, enum pz_live_table table, struct pz_err *err)
{
    struct pz_model *m = v->model;
    bool items = table == PZ_LIVE_ITEMS;
    struct pz_overlay **o = items ? &v->items : &v->users;
    enum pz_status st = pz_overlay_build(v->store, table, v->version.rows_seen,
                                         items ? &m->item_attrs : &m->user_attrs, o, err);

    if (st == PZ_OK && items)
        st = add_unput(v, NULL, o, err);
    return st == PZ_OK && *o ? find_rows(*o, m, items, NULL, err) : st;
}

/* The type of a column that the model lacks depends on all rows. */
static bool knows_columns(const struct pz_model *m, const struct pz_overlay *o)
{
    bool all = true;

    for (uint32_t i = 0; o && i < o->attrs.n_attrs; i++)
        all &= pz_attrs_find(&m->item_attrs, o->attrs.attr[i].name) != NULL;
    return all;
}

/* Whether an older view is of the same model and file of the store, and of no more. */
static bool is_of_same(const struct pz_view *old, const struct pz_view *v)
{
    char hash[33], other[33];

    return old->store == v->store && old->rows.file == v->rows.file &&
           strcmp(old->rows.store, v->rows.store) == 0 &&
           old->rows.rows_last <= v->rows.rows_last && old->rows.last <= v->rows.last &&
           old->rows.forgotten == v->rows.forgotten &&
           old->version.rows_seen == v->version.rows_seen &&
           old->version.live_seen == v->version.live_seen &&
           pz_table_fingerprint(old->model->table, hash, NULL) == PZ_OK &&
           pz_table_fingerprint(v->model->table, other, NULL) == PZ_OK && strcmp(hash, other) == 0;
}

/* Whether what an older view has of the items holds for this one. Rows of items go only when all
 * models have them. */
static bool is_older(const struct pz_view *old, const struct pz_view *v)
{
    return old && old->items && is_of_same(old, v) && knows_columns(v->model, old->items);
}

/* The items of an older view and the rows put since; *done false: that cannot be. */
static enum pz_status add_items(struct pz_view *v, const struct pz_view *old, bool *done,
                                struct pz_err *err)
{
    struct pz_overlay *since = NULL;
    struct pz_source *source = NULL;
    struct pz_extended before = { old->model, old->items->row, { NULL, 0, NULL } };
    enum pz_status st = pz_overlay_build(v->store, PZ_LIVE_ITEMS, old->rows.rows_last,
                                         &v->model->item_attrs, &since, err);

    *done = st == PZ_OK && knows_columns(v->model, since);
    if (*done)
        st = add_unput(v, old->items, &since, err);
    if (st == PZ_OK && *done)
        st = pz_overlay_merge(old->items, since, &v->items, &source, err);
    if (st == PZ_OK && *done) {
        before.put = (struct pz_put_since){ source, v->items->ids.n, since ? &since->attrs : NULL };
        st = find_rows(v->items, v->model, true, &before, err);
    }
    pz_overlay_free(since);
    free(source);
    return st;
}

/* Items put since: as a file has them, by what an older view has, or made of the rows. */
static enum pz_status build_items(const char *campaign, struct pz_view *v,
                                  const struct pz_view *old, struct pz_err *err)
{
    bool done = false;
    enum pz_status st = PZ_OK;

    if (pz_kept_load(campaign, v))
        return PZ_OK;
    if (is_older(old, v))
        st = add_items(v, old, &done, err);
    if (st == PZ_OK && !done)
        st = build(v, PZ_LIVE_ITEMS, err);
    if (st == PZ_OK)
        pz_kept_save(campaign, v);
    return st;
}

static enum pz_status build_all(const char *campaign, struct pz_view *v, const struct pz_view *old,
                                struct pz_err *err)
{
    const struct pz_live_size *size = &v->rows;
    enum pz_status st = pz_tally_make(campaign, v, old && is_of_same(old, v) ? old->tally : NULL,
                                      &v->tally, err);

    if (st == PZ_OK && ((size->items > 0 && size->rows_last > v->version.rows_seen) ||
                        pz_tally_mark(v->tally) != 0))
        st = build_items(campaign, v, old, err);
    if (st == PZ_OK)
        st = pz_tally_arrivals(v->tally, v->model, &v->model->arrivals, err);
    if (st == PZ_OK && size->users > 0 && size->rows_last > v->version.rows_seen)
        st = build(v, PZ_LIVE_USERS, err);
    return st;
}

/* A damaged live store does not end recommending: the model answers alone then. */
static enum pz_status do_without(struct pz_view *v)
{
    pz_live_close(v->store);
    v->store = NULL;
    atomic_store(&v->live_damaged, true);
    return PZ_OK;
}

static enum pz_status open_store(const char *campaign, struct pz_view *v, const struct pz_view *old,
                                 struct pz_err *err)
{
    enum pz_status st = pz_campaign_open_live(campaign, false, &v->store, err);

    if (st == PZ_OK && v->store) /* a change after this makes the view stale, even if it is seen */
        st = pz_live_count(v->store, &v->rows, err);
    if (st == PZ_BAD_DATA)
        return do_without(v);
    if (st == PZ_OK)
        st = pz_info_check(campaign, &v->version, v->store, err);
    if (st != PZ_OK || !v->store)
        return st;
    atomic_store(&v->looked, v->rows.last);
    atomic_store(&v->look_again, pz_time_now() + LOOK_AGAIN_S);
    st = build_all(campaign, v, old, err);
    return st == PZ_BAD_DATA ? do_without(v) : st;
}

enum pz_status pz_view_open(const char *campaign, struct pz_view **out, struct pz_err *err)
{
    return pz_view_open_after(campaign, 0, NULL, out, err);
}

enum pz_status pz_view_open_after(const char *campaign, uint32_t number, const struct pz_view *old,
                                  struct pz_view **out, struct pz_err *err)
{
    struct pz_view *v = calloc(1, sizeof *v);
    enum pz_status st = v ? PZ_OK : pz_err_memory(err, "a campaign", sizeof *v);

    if (st == PZ_OK)
        st = number ? pz_campaign_open_version(campaign, number, &v->model, &v->version, err)
                    : pz_campaign_open_model(campaign, &v->model, &v->version, err);
    if (st == PZ_OK) {
        v->by_number = number != 0;
        v->opened = pz_time_now();
    }
    if (st == PZ_OK)
        st = pz_settings_read(campaign, &v->settings, err);
    if (st == PZ_OK)
        st = open_store(campaign, v, old, err);
    if (st != PZ_OK) {
        pz_view_free(v);
        v = NULL;
    }
    *out = v;
    return st;
}

void pz_view_prepare(const char *campaign)
{
    struct pz_view *v = NULL;

    if (pz_view_open(campaign, &v, NULL) == PZ_OK)
        pz_view_free(v);
}

void pz_view_free(struct pz_view *v)
{
    if (!v)
        return;
    pz_overlay_free(v->items);
    pz_overlay_free(v->users);
    pz_tally_free(v->tally);
    pz_live_close(v->store);
    pz_settings_clear(&v->settings);
    pz_model_free(v->model);
    free(v);
}

/* Whether what the view maps is no longer what it was: the model's file, or that of the items put
 * since, which may be replaced for others, but not written to. */
static bool files_changed(const struct pz_model *m)
{
    return pz_table_is_touched(m->table) ||
           (m->extension && pz_table_recheck(m->extension, NULL) != PZ_OK);
}

static bool settings_changed(const char *campaign, const struct pz_view *v)
{
    struct pz_settings now = { NULL };
    bool same = pz_settings_read(campaign, &now, NULL) == PZ_OK &&
                /* By content, not by time: a file written twice within a tick of the clock would
                 * look the same. */
                (now.doc == v->settings.doc || json_equal(now.doc, v->settings.doc));

    pz_settings_clear(&now);
    return !same;
}

/* Whether events came with items that the model lacks: a new view may know them, or how many users
 * have them. Who looks all the time looks at the events of a while together. */
static bool has_arrivals(struct pz_view *v, uint64_t last)
{
    int64_t now = pz_time_now();
    bool behind;

    if (last <= atomic_load(&v->looked) || now < atomic_load(&v->look_again))
        return false;
    behind = pz_tally_is_behind(v->model, v->store, atomic_load(&v->looked));
    if (!behind)
        atomic_store(&v->looked, last);
    atomic_store(&v->look_again, now + LOOK_AGAIN_S);
    return behind;
}

bool pz_view_is_stale(const char *campaign, struct pz_view *v)
{
    struct pz_current c;
    struct pz_live_size size;

    if (pz_layout_read_current(campaign, &c, NULL) != PZ_OK ||
        (!v->by_number && c.current != v->version.number) || settings_changed(campaign, v) ||
        files_changed(v->model))
        return true;
    if (!v->store && atomic_load(&v->live_damaged)) /* now and then: it may be mended */
        return pz_time_now() >= v->opened + LOOK_AGAIN_S;
    if (!v->store) { /* a first event or row makes the folder */
        char path[PZ_PATH_BYTES];
        bool there;

        return pz_campaign_live_path(campaign, path, NULL) != PZ_OK ||
               pz_campaign_is(path, &there, NULL) != PZ_OK || there;
    }
    return pz_live_count(v->store, &size, NULL) != PZ_OK || size.rows_last != v->rows.rows_last ||
           has_arrivals(v, size.last);
}

enum pz_status pz_view_gather(struct pz_view *v, const char *user_id, struct pz_arena *arena,
                              struct pz_live *live, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    memset(live, 0, sizeof *live);
    if (v->store && user_id)
        st = pz_live_read(v->store, user_id, v->version.live_seen, arena, live, err);
    if (st == PZ_BAD_DATA) { /* the flag alone of a view may change */
        atomic_store(&v->live_damaged, true);
        /* who may be forgotten is */
        *live = (struct pz_live){ .forgotten = live->forgotten };
        st = PZ_OK;
    }
    live->items = v->items;
    live->users = v->users;
    return st;
}
