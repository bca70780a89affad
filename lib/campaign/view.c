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

#include "base/mem.h"
#include "base/time.h"
#include "campaign/campaign.h"
#include "campaign/info.h"
#include "campaign/kept.h"
#include "campaign/layout.h"
#include "campaign/live.h"
#include "campaign/tally.h"
#include "live/overlay.h"

enum { LOOK_AGAIN_S = 10, DIGEST_BYTES = 32 << 20 };

/* Rows of a table that others go on from: of an older view, or of the file. */
struct base {
    const struct pz_overlay *rows;
    const struct pz_model *model; /* extended by them, if of items */
    uint64_t upto;                /* the last change that they have */
    uint32_t unkept;
};

static const struct pz_attrs *known_attrs(const struct pz_model *m, enum pz_live_table table)
{
    return table == PZ_LIVE_ITEMS ? &m->item_attrs : &m->user_attrs;
}

static const struct pz_overlay *rows_of(const struct pz_view *v, enum pz_live_table table)
{
    return table == PZ_LIVE_ITEMS ? v->items : v->users;
}

/* The model's index of every user's row; users that it lacks get none: their history is in the
 * store alone. source: where rows that base has were before; NULL: there is no base */
static void find_users(const struct pz_overlay *o, const struct pz_dict *users,
                       const struct base *base, const struct pz_source *source, uint32_t *row)
{
    for (uint32_t i = 0; i < o->ids.n; i++) {
        size_t n;
        const char *id = pz_dict_get(&o->ids, i, &n);

        row[i] = source && source[i].part == 0 ? base->rows->row[source[i].row]
                                               : pz_dict_find(users, id, n);
    }
}

/* The model's index of every id. Items that it lacks become items of it. base, put: of rows that
 * are known; NULL: none are */
static enum pz_status find_rows(struct pz_view *v, enum pz_live_table table,
                                const struct base *base, const struct pz_put_since *put,
                                struct pz_err *err)
{
    struct pz_overlay *o = *pz_view_rows(v, table);
    uint32_t *row = pz_mem_array(o->ids.n, sizeof *row);
    struct pz_extended old;

    o->row = o->own_row = row;
    if (!row)
        return pz_err_memory(err, "rows put since training", 4.0 * o->ids.n);
    if (table == PZ_LIVE_USERS) {
        find_users(o, &v->model->users, base, put ? put->source : NULL, row);
        return PZ_OK;
    }
    if (base)
        old = (struct pz_extended){ base->model, base->rows->row, *put };
    return pz_model_extend(v->model, &o->ids, &o->attrs, base ? &old : NULL, row, err);
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
    struct pz_overlay **o = pz_view_rows(v, table);
    enum pz_status st = pz_overlay_build(v->store, table, v->version.rows_seen,
                                         known_attrs(v->model, table), o, err);

    if (st == PZ_OK && table == PZ_LIVE_ITEMS)
        st = add_unput(v, NULL, o, err);
    v->unkept[table] = UINT32_MAX;
    return st == PZ_OK && *o ? find_rows(v, table, NULL, NULL, err) : st;
}

/* The type of a column that the model lacks depends on all rows. */
static bool knows_columns(const struct pz_attrs *known, const struct pz_overlay *o)
{
    bool all = true;

    for (uint32_t i = 0; o && i < o->attrs.n_attrs; i++)
        all &= pz_attrs_find(known, o->attrs.attr[i].name) != NULL;
    return all;
}

/* Whether the store went on from an older view's rows to this one's, and removed none. */
static bool went_on(const struct pz_view *old, const struct pz_view *v)
{
    bool was = false;

    if (old->rows.rows_last == v->rows.rows_last)
        return old->rows.rows_mark == v->rows.rows_mark;
    return pz_live_rows_were(v->store, old->rows.rows_last, old->rows.rows_mark, &was, NULL) ==
               PZ_OK &&
           was;
}

/* Whether what an older view has of rows and events holds for this one: it is of the same model and
 * file of the store, and nothing was removed. Rows that are collected go only when all models have
 * them. */
static bool is_older(const struct pz_view *old, const struct pz_view *v)
{
    char hash[33], other[33];

    return old && old->store == v->store && old->rows.file == v->rows.file &&
           strcmp(old->rows.store, v->rows.store) == 0 && old->rows.last <= v->rows.last &&
           old->rows.forgotten == v->rows.forgotten &&
           old->version.rows_seen == v->version.rows_seen &&
           old->version.live_seen == v->version.live_seen && went_on(old, v) &&
           pz_table_fingerprint(old->model->table, hash, NULL) == PZ_OK &&
           pz_table_fingerprint(v->model->table, other, NULL) == PZ_OK && strcmp(hash, other) == 0;
}

/* The rows of the base and those put since. */
static enum pz_status add_rows(struct pz_view *v, enum pz_live_table table, const struct base *base,
                               const struct pz_overlay *since, struct pz_err *err)
{
    struct pz_overlay **o = pz_view_rows(v, table);
    uint32_t n_since = since ? since->ids.n : 0;
    struct pz_source *source = NULL;
    struct pz_put_since put;
    enum pz_status st = pz_overlay_merge(base->rows, since, o, &source, err);

    if (st == PZ_OK) {
        put = (struct pz_put_since){ source, (*o)->ids.n, since ? &since->attrs : NULL };
        st = find_rows(v, table, base, &put, err);
    }
    v->unkept[table] = base->unkept < UINT32_MAX - n_since ? base->unkept + n_since : UINT32_MAX;
    free(source);
    return st;
}

/* What the view has of an older file goes to another, from which the base borrows, and the view is
 * without it again. */
static enum pz_status set_aside(const char *campaign, struct pz_view *v, enum pz_live_table table,
                                struct pz_view **kept, struct base *base, struct pz_err *err)
{
    struct pz_view *k = *kept = calloc(1, sizeof *k);
    struct pz_version version;
    enum pz_status st = k ? PZ_OK : pz_err_memory(err, "a campaign", sizeof *k);

    if (st != PZ_OK)
        return st;
    *pz_view_rows(k, table) = *pz_view_rows(v, table);
    *pz_view_rows(v, table) = NULL;
    base->rows = *pz_view_rows(k, table);
    k->users_table = v->users_table;
    v->users_table = NULL;
    if (table == PZ_LIVE_USERS)
        return PZ_OK;
    base->model = k->model = v->model; /* which is extended once and for all */
    return pz_campaign_open_version(campaign, v->version.number, &v->model, &version, err);
}

/* What was put since the base, and items that events alone know and it lacks; NULL: nothing. */
static enum pz_status build_since(struct pz_view *v, enum pz_live_table table,
                                  const struct base *base, struct pz_overlay **since,
                                  struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    if (base->upto < v->rows.rows_last)
        st = pz_overlay_build(v->store, table, base->upto, known_attrs(v->model, table), since,
                              err);
    return st == PZ_OK && table == PZ_LIVE_ITEMS ? add_unput(v, base->rows, since, err) : st;
}

/* Rows by those of an older view or file and what was put since; *done false: that cannot be. old:
 * NULL: there is none */
static enum pz_status go_on(const char *campaign, struct pz_view *v, enum pz_live_table table,
                            const struct pz_view *old, bool *done, struct pz_err *err)
{
    const struct pz_attrs *known = known_attrs(v->model, table);
    struct base base = { .rows = NULL };
    struct pz_overlay *since = NULL;
    struct pz_view *kept = NULL;
    enum pz_status st;
    bool loaded, current;

    if (old && rows_of(old, table))
        base = (struct base){ rows_of(old, table), old->model, old->rows.rows_last,
                              old->unkept[table] };
    loaded = pz_kept_load(campaign, v, table, &base.upto, &current);
    if (loaded)
        base = (struct base){ .rows = rows_of(v, table), .upto = base.upto };
    *done = loaded && current && base.upto == v->rows.rows_last;
    if (*done || !base.rows)
        return PZ_OK;
    st = build_since(v, table, &base, &since, err);
    *done = st == PZ_OK &&
            (!since || (knows_columns(known, base.rows) && knows_columns(known, since)));
    if (st == PZ_OK && loaded && (since || !*done))
        st = set_aside(campaign, v, table, &kept, &base, err);
    if (st == PZ_OK && *done && (since || !loaded))
        st = add_rows(v, table, &base, since, err);
    pz_overlay_free(since);
    pz_view_free(kept);
    return st;
}

static enum pz_status build_table(const char *campaign, struct pz_view *v, enum pz_live_table table,
                                  const struct pz_view *old, struct pz_err *err)
{
    bool done;
    enum pz_status st = go_on(campaign, v, table, old, &done, err);

    if (st == PZ_OK && !done)
        st = build(v, table, err);
    if (st == PZ_OK)
        pz_kept_save(campaign, v, table, !old);
    return st;
}

static enum pz_status build_all(const char *campaign, struct pz_view *v, const struct pz_view *old,
                                struct pz_err *err)
{
    const struct pz_live_size *size = &v->rows;
    bool rows = size->rows_last > v->version.rows_seen;
    enum pz_status st;

    if (!is_older(old, v))
        old = NULL;
    st = pz_tally_make(campaign, v, old ? old->tally : NULL, &v->tally, err);
    if (st == PZ_OK && ((rows && size->items > 0) || pz_tally_mark(v->tally) != 0))
        st = build_table(campaign, v, PZ_LIVE_ITEMS, old, err);
    if (st == PZ_OK)
        st = pz_tally_arrivals(v->tally, v->model, &v->model->arrivals, err);
    if (st == PZ_OK && rows && size->users > 0)
        st = build_table(campaign, v, PZ_LIVE_USERS, old, err);
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
        v->digests = pz_live_cache_new(DIGEST_BYTES);
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
    static const enum pz_live_table tables[] = { PZ_LIVE_ITEMS, PZ_LIVE_USERS };
    struct pz_view *v = NULL;

    if (pz_view_open(campaign, &v, NULL) != PZ_OK)
        return;
    for (size_t i = 0; i < 2; i++)
        if (v->unkept[tables[i]] > 0) { /* few as they are: many answers may come */
            v->unkept[tables[i]] = UINT32_MAX;
            pz_kept_save(campaign, v, tables[i], true);
        }
    pz_view_free(v);
}

enum pz_status pz_view_forget(const char *campaign, struct pz_err *err)
{
    return pz_kept_drop_users(campaign, err);
}

void pz_view_free(struct pz_view *v)
{
    if (!v)
        return;
    pz_overlay_free(v->items);
    pz_overlay_free(v->users);
    pz_table_close(v->users_table);
    pz_tally_free(v->tally);
    pz_live_cache_free(v->digests);
    pz_live_close(v->store);
    pz_settings_clear(&v->settings);
    pz_model_free(v->model);
    free(v);
}

/* Whether what the view maps is no longer what it was: the model's file, or those of the rows put
 * since, which may be replaced for others, but not written to. */
static bool files_changed(const struct pz_view *v)
{
    return pz_table_is_touched(v->model->table) ||
           (v->model->extension && pz_table_recheck(v->model->extension, NULL) != PZ_OK) ||
           (v->users_table && pz_table_recheck(v->users_table, NULL) != PZ_OK);
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
        files_changed(v))
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

enum pz_status pz_view_gather(struct pz_view *v, const char *user_id, enum pz_live_detail detail,
                              uint64_t upto, struct pz_arena *arena, struct pz_live *live,
                              struct pz_err *err)
{
    const struct pz_live_want want = { .after = v->version.live_seen,
                                       .upto = upto,
                                       .detail = detail,
                                       .items = &v->model->items,
                                       .cache = v->digests };
    enum pz_status st = PZ_OK;

    memset(live, 0, sizeof *live);
    if (v->store && user_id)
        st = pz_live_read_as(v->store, user_id, &want, arena, live, err);
    if (st == PZ_BAD_DATA) { /* the flag alone of a view may change */
        atomic_store(&v->live_damaged, true);
        /* who may be forgotten is */
        pz_live_release(live);
        *live = (struct pz_live){ .forgotten = live->forgotten };
        st = PZ_OK;
    }
    live->items = v->items;
    live->users = v->users;
    return st;
}
