/* SPDX-License-Identifier: Apache-2.0 */
/* Campaigns: a folder with versions of a model, which one is current, settings, and the live store.
 */
#ifndef PZ_CAMPAIGN_CAMPAIGN_H
#define PZ_CAMPAIGN_CAMPAIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
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
    bool current, previous;
};

/* True when path is a folder (a campaign) rather than a model file. */
bool pz_campaign_is(const char *path);

/* Publish a packed model as the next version: it is verified whole first. Makes the campaign when
 * it is missing, and removes what a crash left behind. Of *version, live_seen and rows_seen are
 * read (what the training data contain; 0: as the model says) and the rest is filled. One process
 * at a time publishes, rolls back, collects or sets: wait_s seconds of patience, then PZ_TRY_AGAIN
 * naming the other. On failure the campaign is as it was. */
enum pz_status pz_campaign_publish(const char *campaign, const char *model, double wait_s,
                                   struct pz_version *version, struct pz_err *err);

/* Make an older version current: `version`, or the previous one when 0. *version is what became it.
 */
enum pz_status pz_campaign_rollback(const char *campaign, double wait_s, uint32_t *version,
                                    struct pz_err *err);

struct pz_gc {
    uint32_t versions; /* removed */
    uint64_t live;     /* events and rows removed */
};

/* Remove all versions but the newest `keep`, the current and the previous one, and what a crash
 * left behind. events: also live events and rows that all versions left have (see pz_live_collect).
 */
enum pz_status pz_campaign_gc(const char *campaign, uint32_t keep, bool events, double wait_s,
                              struct pz_gc *removed, struct pz_err *err);

/* All versions, oldest first; caller frees *list. */
enum pz_status pz_campaign_list(const char *campaign, struct pz_version **list, size_t *n,
                                struct pz_err *err);

/* Open the current version's model (mapped). *version describes it. A version that a collector
 * removes in between is tried again. */
enum pz_status pz_campaign_open_model(const char *campaign, struct pz_model **m,
                                      struct pz_version *version, struct pz_err *err);

/* Where the campaign's live store is: its own folder live/, or the one that its setting "live" names,
 * from the campaign's folder on.
 *
 * path     of PZ_PATH_BYTES (4096)
 * Errors:  as pz_settings_read; PZ_USAGE the path is too long */
enum pz_status pz_campaign_live_path(const char *campaign, char *path, struct pz_err *err);

/* Open the campaign's live store. A reader of a campaign without one gets NULL and PZ_OK. */
enum pz_status pz_campaign_open_live(const char *campaign, bool writable,
                                     struct pz_live_store **live, struct pz_err *err);

#endif
