/* SPDX-License-Identifier: Apache-2.0 */
/* pz-event: what its option tables fill in, what its subcommands share, and their work. */
#ifndef PZ_CMD_EVENT_H
#define PZ_CMD_EVENT_H

#include <stdbool.h>

#include "base/opt.h"
#include "campaign/campaign.h"
#include "live/store.h"

struct event_cfg {
    const char *user, *session, *item, *type, *value, *time, *event_id, *recommendation,
        *properties, *output, *table, *lacking;
    long long after, rows_after, max_errors;
    const char *file;
    struct pz_strs map, users, impression, in;
    bool acks, no_item, now, purge;
    bool model_unread; /* forget: what the model has of a user is not known */
    struct pz_common common;
};

/* PZ_USAGE unless there is exactly one operand. */
enum pz_status event_need_campaign(const struct pz_strs *args, struct pz_err *err);

/* The live store of the first operand, a campaign or a store; PZ_USAGE when it is something else,
 * or the campaign stands behind it. *live by pz_live_close; NULL and PZ_OK: there is nothing to
 * read yet. */
enum pz_status event_open_store(const struct pz_strs *args, bool writable,
                                struct pz_live_store **live, struct pz_err *err);

/* The current model of a campaign; *m is NULL where nothing is published, or the operand is a store
 * that stands by itself. */
enum pz_status event_open_model(const char *path, struct pz_model **m, struct pz_err *err);

pz_cmd_run event_put, event_put_items, event_put_users; /* put.c */
pz_cmd_run event_export;                                /* export.c */
pz_cmd_run event_stats;                                 /* stats.c */
pz_cmd_run event_forget;                                /* forget.c */

#endif
