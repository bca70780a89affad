/* SPDX-License-Identifier: Apache-2.0 */
/* Views: a campaign as it is at one moment, for queries: the current model, the settings, and what
 * the live store knows beyond the model. A view does not change, but that pz_view_gather always
 * sees the newest events; who lives long asks pz_view_is_stale and opens another. */
#ifndef PZ_CAMPAIGN_VIEW_H
#define PZ_CAMPAIGN_VIEW_H

#include <stdatomic.h>

#include "campaign/info.h"
#include "campaign/settings.h"
#include "live/store.h"
#include "model/model.h"
#include "rank/rank.h"

struct pz_view {
    struct pz_model *model;
    struct pz_version version;
    struct pz_settings settings;
    struct pz_live_store *store;      /* NULL: nothing was ever put, or it is damaged */
    atomic_bool live_damaged;         /* it is damaged: what it has is not in the answers */
    struct pz_overlay *items, *users; /* NULL: none */
    struct pz_table *users_table;     /* what users borrow from; NULL: nothing */
    uint32_t unkept[2]; /* by table: rows that changed since the file (kept.h); no file: all */
    struct pz_live_cache *digests; /* of users that were asked for; NULL: none are kept */
    struct pz_tally *tally;        /* of events of items that the model lacks; NULL: none */
    struct pz_live_size rows;      /* of the store when its rows were read: they may have more */
    _Atomic uint64_t looked;       /* events up to this one need no other view */
    _Atomic int64_t look_again;    /* Unix seconds; when to look at further ones */
    int64_t opened;                /* Unix seconds */
    bool by_number;                /* of one version, whichever is current */
};

/* Where a view has its rows of a table.
 * Owner: the view */
static inline struct pz_overlay **pz_view_rows(struct pz_view *v, enum pz_live_table table)
{
    return table == PZ_LIVE_ITEMS ? &v->items : &v->users;
}

/* Open the campaign as of now. Readers need no write permission.
 *
 * Errors:  as pz_campaign_open_model, pz_settings_read and pz_live_open
 * Owner:   the caller: pz_view_free
 * Threads: any */
enum pz_status pz_view_open(const char *campaign, struct pz_view **out, struct pz_err *err);

/* The same after an older view of the campaign, which stays as it is: of items and users it is only
 * what was put since that is made anew, where model and store are the same.
 *
 * number   of the version, whichever is current, now or later; 0: the current one
 * old      borrowed during the call; NULL: none
 * Errors:  PZ_NO_INPUT no such version; others as pz_view_open
 * Owner:   the caller: pz_view_free
 * Threads: any */
enum pz_status pz_view_open_after(const char *campaign, uint32_t number, const struct pz_view *old,
                                  struct pz_view **out, struct pz_err *err);

/* Spare the next answer what follows from the rows put since training: open the campaign and let go
 * of it. No failure is told: who asks then will hear of it.
 *
 * Threads: any process, any time */
void pz_view_prepare(const char *campaign);

/* What is to be done of a campaign when a user was forgotten: no file that is kept for views has
 * them.
 *
 * Errors:  PZ_IO a file could not be removed, or the folder not be read
 * Threads: any process, any time */
enum pz_status pz_view_forget(const char *campaign, struct pz_err *err);

/* Accepts NULL. Threads: the last user of the view */
void pz_view_free(struct pz_view *v);

/* True when another version or other settings are current, rows changed, somebody touched the
 * model's file, or events came with items that the model lacks: two small reads, and every ten
 * seconds what events came since.
 *
 * Threads: any, several on one view */
bool pz_view_is_stale(const char *campaign, struct pz_view *v);

/* Everything live for a query of this user (NULL: of nobody) as of now: events that the model has
 * not seen, whether they are forgotten, rows of items and users.
 *
 * detail  what is asked of the events
 * upto    events after this number are not wanted; 0: all are
 * Errors:  as pz_live_read
 * Owner:   the caller: pz_live_release; *live borrows from the arena and the view
 * Threads: any, several on one view, each with an arena of its own */
enum pz_status pz_view_gather(struct pz_view *v, const char *user_id, enum pz_live_detail detail,
                              uint64_t upto, struct pz_arena *arena, struct pz_live *live,
                              struct pz_err *err);

#endif
