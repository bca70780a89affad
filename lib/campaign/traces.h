/* SPDX-License-Identifier: Apache-2.0 */
/* Whether ids of users are still in files of pz: the proof that somebody was forgotten.
 *
 * Threads: any, each call by itself. */
#ifndef PZ_CAMPAIGN_TRACES_H
#define PZ_CAMPAIGN_TRACES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Called for an id that was found, once a file and place there. Both are borrowed during the
 * call. */
typedef enum pz_status pz_found_fn(void *context, const char *id, const char *file,
                                   const char *place, struct pz_err *err);

struct pz_traces {
    const char *const *id; /* [n_ids] */
    size_t n_ids;
    pz_found_fn *fn;
    void *context;
    size_t n_files;   /* looked into so far */
    bool in_campaign; /* set by pz_traces_find_campaign */
};

/* Look into a file, or all files below a folder, whoever made them; symbolic links are not followed
 * there. Datasets, models and versions are searched decoded, by column: as an id of a user, or a
 * word in another text. The same id as one of an item, where only items are meant, is no
 * trace. A live store is searched as pz_live_traces does; any other file as text, unpacked where it
 * is packed.
 *
 * Errors:  t->fn's status other than PZ_OK ends it and is returned; PZ_NO_INPUT, PZ_IO a file
 *          cannot be read; PZ_BAD_DATA it is damaged, and so cannot be vouched for; PZ_TRY_AGAIN
 *          memory is out */
enum pz_status pz_traces_find(struct pz_traces *t, const char *path, struct pz_err *err);

/* Look into all files of a campaign, and its live store wherever that is.
 *
 * Errors:  as pz_traces_find; as pz_campaign_live_path */
enum pz_status pz_traces_find_campaign(struct pz_traces *t, const char *campaign,
                                       struct pz_err *err);

#endif
