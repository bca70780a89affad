/* SPDX-License-Identifier: Apache-2.0 */
/* Which live store belongs to a campaign: its own folder, or one that several campaigns share. */
#ifndef PZ_CAMPAIGN_LIVE_H
#define PZ_CAMPAIGN_LIVE_H

#include <stdbool.h>

#include "base/err.h"
#include "live/store.h"

/* Whether path is a folder (a campaign) rather than a model file or nothing.
 *
 * Errors:  PZ_NO_ACCESS, PZ_IO, PZ_TRY_AGAIN it cannot be looked at; *is is false then
 * Threads: any */
enum pz_status pz_campaign_is(const char *path, bool *is, struct pz_err *err);

/* Where the campaign's live store is: its own folder live/, or the one that its setting "live"
 * names, from the campaign's folder on.
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
