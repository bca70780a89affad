/* SPDX-License-Identifier: Apache-2.0 */
/* What a version says of itself, and info.json, where it says so. The functions are private to
 * campaign/.
 *
 * Threads: any. */
#ifndef PZ_CAMPAIGN_INFO_H
#define PZ_CAMPAIGN_INFO_H

#include <stdbool.h>
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
    bool strange; /* the campaign's live store is another one, or gone (pz_info_check) */
};

/* Write v's published, live_seen, rows_seen, store, recipe and model to path. Errors: as
 * pz_file_write */
enum pz_status pz_info_write(const char *path, const struct pz_version *v, struct pz_err *err);

/* Fill v (by v->number) with what its info.json says, and the size of its model.
 *
 * Errors: PZ_BAD_DATA it is not what publishing writes, and pz-deploy repair is named; PZ_NO_INPUT
 *         and others as pz_file_read */
enum pz_status pz_info_read(const char *campaign, struct pz_version *v, struct pz_err *err);

/* Hold the numbers of a version against the campaign's live store (NULL: there is none): events
 * that the store never gave a number cannot be in a model, and believing it would leave out live
 * events, or collect them. Numbers of another store mean nothing here and become 0, and the
 * version is strange to it; of one that this store was a copy of, those count that both have. Where
 * the store was restored as it was before, and the model says itself that it contains more, they
 * end with the store's.
 *
 * Errors: PZ_BAD_DATA the version claims more; others as pz_live_count, pz_live_add_origins and,
 *         where the model is asked, pz_model_open */
enum pz_status pz_info_check(const char *campaign, struct pz_version *v, struct pz_live_store *live,
                             struct pz_err *err);

/* Say that a version was published beside another live store than the campaign has, if it was:
 * by intent, or because the store's disk is not mounted; then its events and whom it forgot are
 * away. */
void pz_info_warn(const char *campaign, const struct pz_version *v, struct pz_log *log);

/* What the model's data contain of the campaign's live store, into v's live_seen and rows_seen
 * where they are 0, and the store's identity. Numbers that the store never gave are a mistake,
 * unless it was restored as it was before: then they end with the store's.
 *
 * Errors: PZ_USAGE those; PZ_BAD_DATA the model's watermarks are damaged, or leave a gap, which is
 *         named; others as
 *         pz_campaign_open_live */
enum pz_status pz_info_find_seen(const char *campaign, const struct pz_model *m,
                                 struct pz_version *v, struct pz_err *err);

#endif
