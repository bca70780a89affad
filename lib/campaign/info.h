/* SPDX-License-Identifier: Apache-2.0 */
/* Private to campaign/: info.json, what a version says of itself.
 *
 * Threads: any. */
#ifndef PZ_CAMPAIGN_INFO_H
#define PZ_CAMPAIGN_INFO_H

#include "base/err.h"
#include "campaign/campaign.h"

/* Write v's published, live_seen, rows_seen, store, recipe and model to path. Errors: as pz_file_write */
enum pz_status pz_info_write(const char *path, const struct pz_version *v, struct pz_err *err);

/* Fill v (by v->number) with what its info.json says, and the size of its model.
 *
 * Errors: PZ_BAD_DATA it is not what publishing writes, and pz-deploy repair is named; PZ_NO_INPUT
 *         and others as pz_file_read */
enum pz_status pz_info_read(const char *campaign, struct pz_version *v, struct pz_err *err);

/* Hold the numbers of a version against the campaign's live store (NULL: there is none): events that
 * the store never gave a number cannot be in a model, and believing it would leave out live events,
 * or collect them. Numbers of another store mean nothing here and become 0.
 *
 * Errors: PZ_BAD_DATA the version claims more; others as pz_live_count */
enum pz_status pz_info_check(const char *campaign, struct pz_version *v, struct pz_live_store *live,
                             struct pz_err *err);

/* What the model's data contain of the campaign's live store, into v's live_seen and rows_seen where
 * they are 0, and the store's identity. Numbers that the store never gave are a mistake.
 *
 * Errors: PZ_USAGE those; PZ_BAD_DATA the model's watermarks are damaged, or leave a gap, which is
 *         named; others as
 *         pz_campaign_open_live */
enum pz_status pz_info_find_seen(const char *campaign, const struct pz_model *m,
                                 struct pz_version *v, struct pz_err *err);

#endif
