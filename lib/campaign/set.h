/* SPDX-License-Identifier: Apache-2.0 */
/* Settings and named filters as a person sets them, held against the campaign first.
 *
 * Threads: any. */
#ifndef PZ_CAMPAIGN_SET_H
#define PZ_CAMPAIGN_SET_H

#include "base/err.h"

/* Set, or remove with value NULL. Waits up to wait_s seconds for the campaign's lock.
 *
 * Errors: PZ_USAGE no such setting ("did you mean"), or a value it cannot have; PZ_NO_INPUT nothing
 *         to remove; PZ_TRY_AGAIN locked; others as pz_settings_read */
enum pz_status pz_settings_set(const char *campaign, const char *name, const char *value,
                               double wait_s, struct pz_err *err);
enum pz_status pz_settings_set_filter(const char *campaign, const char *name,
                                      const char *expression, double wait_s, struct pz_err *err);

#endif
