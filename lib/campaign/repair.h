/* SPDX-License-Identifier: Apache-2.0 */
/* Checking a campaign to the last byte, and mending what can be written again.
 *
 * Threads: any process, any time; repairing waits for the campaign's lock. */
#ifndef PZ_CAMPAIGN_REPAIR_H
#define PZ_CAMPAIGN_REPAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"

/* Read everything: `current`, the settings, the hashes of every version's model (only the current
 * one's when only_current), each info.json against its model and the live store. Goes on after a
 * fault; each is a warning of the log.
 *
 * n        how many versions were read; damaged: how many faults there are
 * Errors:  PZ_BAD_DATA something is damaged, and the text says how many; PZ_NO_INPUT none was
 *          published; others as reading gives them */
enum pz_status pz_campaign_check(const char *campaign, bool only_current, struct pz_log *log,
                                 uint32_t *n, uint32_t *damaged, struct pz_err *err);

/* Write again what is small and can be found: info.json of versions whose model is whole, and
 * `current`: the highest version that is whole becomes the current one when the file is gone or
 * damaged, or names a version that is not whole. A live store that never gave what a model contains
 * draws a new identity (live/store.h, pz_live_part). Nothing is deleted. Each change is a note of
 * the log.
 *
 * Errors:  PZ_NO_INPUT no campaign, or no version that is whole; PZ_BAD_DATA the settings are
 *          damaged; PZ_TRY_AGAIN locked; PZ_CANT_CREATE, PZ_IO; as pz_live_part */
enum pz_status pz_campaign_repair(const char *campaign, double wait_s, struct pz_log *log,
                                  struct pz_err *err);

#endif
