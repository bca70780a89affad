/* SPDX-License-Identifier: Apache-2.0 */
/* Private to campaign/: other campaigns that answer from the same live store. A store does not know
 * who reads it, so they are looked for where people keep them: in the folder of the campaign, and
 * in the one of the store. */
#ifndef PZ_CAMPAIGN_SHARING_H
#define PZ_CAMPAIGN_SHARING_H

#include <stdbool.h>

#include "base/err.h"

typedef enum pz_status pz_sharing_fn(void *context, const char *campaign, struct pz_err *err);

/* Call fn for every other campaign that shares this one's live store. Each lies in one of the two
 * folders; links to campaigns are followed.
 *
 * Errors:  PZ_NO_ACCESS, PZ_NO_INPUT, PZ_IO what is named as a campaign (*.pzc) cannot be looked
 *          at: it may be one; as pz_campaign_live_path of a campaign there; fn's status other than
 *          PZ_OK ends it and is returned
 * Threads: any */
enum pz_status pz_sharing_each(const char *campaign, pz_sharing_fn *fn, void *context,
                               struct pz_err *err);

#endif
