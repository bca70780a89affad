/* SPDX-License-Identifier: Apache-2.0 */
/* Campaigns: a folder with versions of a model, and which one is current. Its settings are in
 * settings.h and set.h, its live store in live.h. */
#ifndef PZ_CAMPAIGN_CAMPAIGN_H
#define PZ_CAMPAIGN_CAMPAIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "campaign/info.h"
#include "model/model.h"

struct pz_publish_cfg {
    uint64_t live_seen,
        rows_seen;      /* what the data contain of the live store; 0: as the model says */
    double wait_s;      /* patience for the campaign's lock */
    bool force;         /* also a bad model, and one with far fewer items or users */
    struct pz_log *log; /* NULL: silent */
};

/* Publish a packed model as the next version: it is verified whole first. Makes the campaign when
 * it is missing, and removes what a crash left behind. A bad model that is forced is good again.
 * One process at a time publishes, rolls back, collects or sets. On failure the campaign is as it
 * was.
 *
 * version  what was made
 * Errors:  PZ_NEGATIVE the model was marked as bad by a rollback, or has fewer than half of the
 *          items or users of the current one (cfg->force publishes it all the same); PZ_BAD_DATA
 *          the model or the campaign is damaged; PZ_NO_INPUT no such model; PZ_USAGE live numbers
 *          that the store never gave; PZ_TRY_AGAIN the lock is held by the process that is named;
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
 * Errors:  PZ_BAD_DATA `current` is damaged, or lost though there are versions; PZ_NO_ACCESS,
 *          PZ_IO, PZ_TRY_AGAIN it cannot be read
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

#endif
