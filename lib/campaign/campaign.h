/* SPDX-License-Identifier: Apache-2.0 */
/* Campaigns: a folder with versions of a model, which one is current, settings, and the live store.
 */
#ifndef PZ_CAMPAIGN_CAMPAIGN_H
#define PZ_CAMPAIGN_CAMPAIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "live/store.h"
#include "model/model.h"

struct pz_version {
    uint32_t number;
    uint64_t bytes;     /* of the unpacked model */
    uint64_t live_seen; /* last live event that its data contain */
    uint64_t rows_seen; /* last live row of items and users that its data contain */
    char store[17];     /* identity of the live store that these are of; "": not known */
    int64_t published;  /* Unix seconds */
    char recipe[64];
    char model[33]; /* fingerprint of what was published, the same on every host; "": not known */
    double ndcg;    /* nDCG@25 of the training's held-out check; 0: there was none */
    bool current, previous;
    bool pinned;  /* gc keeps it */
    bool bad;     /* a rollback left it behind as bad */
    bool damaged; /* its info.json cannot be read: of the rest only number and bytes are known */
};

/* Whether path is a folder (a campaign) rather than a model file or nothing.
 *
 * Errors:  PZ_NO_ACCESS, PZ_IO, PZ_TRY_AGAIN it cannot be looked at; *is is false then
 * Threads: any */
enum pz_status pz_campaign_is(const char *path, bool *is, struct pz_err *err);

struct pz_publish_cfg {
    uint64_t live_seen,
        rows_seen;      /* what the data contain of the live store; 0: as the model says */
    double wait_s;      /* patience for the campaign's lock */
    bool force;         /* also a bad model, and one with far fewer items or users */
    struct pz_log *log; /* NULL: silent */
};

/* Publish a packed model as the next version: it is verified whole first. Makes the campaign when
 * it is missing, and removes what a crash left behind. One process at a time publishes, rolls back,
 * collects or sets. On failure the campaign is as it was.
 *
 * version  what was made
 * Errors:  PZ_NEGATIVE the model was marked as bad by a rollback, or has fewer than half of the items
 *          or users of the current one (cfg->force publishes it all the same); PZ_BAD_DATA the model
 *          or the campaign is damaged; PZ_NO_INPUT no such model; PZ_USAGE live numbers that the
 *          store never gave; PZ_TRY_AGAIN the lock is held by the process that is named;
 *          PZ_CANT_CREATE, PZ_IO writing failed
 * Threads: any process, any time */
enum pz_status pz_campaign_publish(const char *campaign, const char *model,
                                   const struct pz_publish_cfg *cfg, struct pz_version *version,
                                   struct pz_err *err);

/* Make another version current: *version, or the previous one when 0; it becomes what was made
 * current. Going back to a lower number marks the model that is left as bad: it is no base for
 * updates and is not published again. Going to a version makes it good again.
 *
 * Errors:  PZ_NO_INPUT no such version; PZ_BAD_DATA the campaign is damaged; PZ_TRY_AGAIN locked;
 *          PZ_CANT_CREATE, PZ_IO
 * Threads: any process, any time */
enum pz_status pz_campaign_rollback(const char *campaign, double wait_s, uint32_t *version,
                                    struct pz_err *err);

/* All versions, oldest first, damaged ones too.
 *
 * Errors:  PZ_NO_INPUT none was published; PZ_BAD_DATA `current` or the settings are damaged; PZ_IO
 * Owner:   the caller frees *list
 * Threads: any */
enum pz_status pz_campaign_list(const char *campaign, struct pz_version **list, size_t *n,
                                struct pz_err *err);

/* Open the current version's model (mapped). *version describes it. A version that a collector
 * removes in between is tried again.
 *
 * Errors:  PZ_NO_INPUT none was published; PZ_BAD_DATA damaged, or not there though `current` names
 *          it; others as pz_model_open
 * Owner:   the caller: pz_model_free
 * Threads: any */
enum pz_status pz_campaign_open_model(const char *campaign, struct pz_model **m,
                                      struct pz_version *version, struct pz_err *err);

/* Whether a version was published.
 *
 * Errors:  PZ_BAD_DATA `current` is damaged, or lost though there are versions; PZ_NO_ACCESS, PZ_IO,
 *          PZ_TRY_AGAIN it cannot be read
 * Threads: any */
enum pz_status pz_campaign_is_published(const char *campaign, bool *is, struct pz_err *err);

/* Open another version's model, by its number.
 *
 * Errors:  PZ_NO_INPUT no such version; others as pz_campaign_open_model
 * Owner:   the caller: pz_model_free
 * Threads: any */
enum pz_status pz_campaign_open_version(const char *campaign, uint32_t number, struct pz_model **m,
                                        struct pz_version *version, struct pz_err *err);

/* The model that an operand means: a file means itself, a campaign its current version's.
 *
 * path     of n bytes
 * Errors:  PZ_NO_INPUT no version was published; PZ_NEGATIVE the current version is marked as bad;
 *          PZ_BAD_DATA the campaign is damaged; PZ_USAGE the path is too long
 * Threads: any */
enum pz_status pz_campaign_model_path(const char *operand, char *path, size_t n,
                                      struct pz_err *err);

/* Where the campaign's live store is: its own folder live/, or the one that its setting "live" names,
 * from the campaign's folder on.
 *
 * path     of PZ_PATH_BYTES (4096)
 * Errors:  as pz_settings_read; PZ_USAGE the path is too long
 * Threads: any */
enum pz_status pz_campaign_live_path(const char *campaign, char *path, struct pz_err *err);

/* Open the campaign's live store. A reader of a campaign without one gets NULL and PZ_OK.
 *
 * Errors:  PZ_NO_INPUT no campaign; others as pz_live_open
 * Owner:   the caller: pz_live_close
 * Threads: any */
enum pz_status pz_campaign_open_live(const char *campaign, bool writable,
                                     struct pz_live_store **live, struct pz_err *err);

/* Open the live store that an operand means: a named one (*.pzl) itself, else the campaign's.
 *
 * Errors:  as pz_live_open; as pz_campaign_open_live
 * Owner:   the caller: pz_live_close
 * Threads: any */
enum pz_status pz_campaign_open_store(const char *operand, bool writable,
                                      struct pz_live_store **live, struct pz_err *err);

#endif
