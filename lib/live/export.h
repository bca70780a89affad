/* SPDX-License-Identifier: Apache-2.0 */
/* Out of the live store, for the next training.
 *
 * Threads: any, also on one store, each with an output of its own. */
#ifndef PZ_LIVE_EXPORT_H
#define PZ_LIVE_EXPORT_H

#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "live/store.h"
#include "model/model.h"

/* What was written. */
struct pz_exported {
    uint64_t n;         /* lines or rows */
    uint64_t nobodys;   /* events left out: of sessions that joined nobody, or without an item */
    uint64_t nulled;    /* values that fit neither the model's column nor a dataset: null instead */
    uint64_t retyped;   /* events with more types than a dataset can have: of the type "other" */
    uint64_t live_seen; /* last live event that is in it */
    uint64_t rows_seen; /* last change of rows that is in it */
};

struct pz_export_cfg {
    const struct pz_model *model; /* NULL: none */
    uint64_t after, rows_after;   /* events and rows with larger numbers */
    struct pz_log *log;
};

/* The events with numbers above `after` (see pz_live_each) as CSV for pz-import: USER_ID, ITEM_ID,
 * TIMESTAMP, EVENT_TYPE, EVENT_VALUE, then IMPRESSION, RECOMMENDATION_ID and other columns as far
 * as there are any, named as in the model (NULL: none) or in capitals (deviceType becomes
 * DEVICE_TYPE).
 *
 * Errors:  as pz_live_each and pz_out_write; PZ_TRY_AGAIN memory */
enum pz_status pz_live_export_events(struct pz_live_store *s, const struct pz_model *m,
                                     uint64_t after, struct pz_out *out, struct pz_exported *done,
                                     struct pz_err *err);

/* The rows of items or users with numbers above cfg->rows_after as CSV.
 *
 * Errors:  as pz_live_each_row and pz_out_write; PZ_TRY_AGAIN memory */
enum pz_status pz_live_export_rows(struct pz_live_store *s, enum pz_live_table table,
                                   const struct pz_export_cfg *cfg, struct pz_out *out,
                                   struct pz_exported *done, struct pz_err *err);

/* The ids of forgotten users, as CSV with the one column USER_ID: what a data deletion job of
 * Personalize takes.
 *
 * Errors:  as pz_live_each_forgotten and pz_out_write; PZ_TRY_AGAIN memory */
enum pz_status pz_live_export_forgotten(struct pz_live_store *s, struct pz_out *out,
                                        struct pz_exported *done, struct pz_err *err);

/* Likewise those of them who are users of the n tables at path (datasets, models), once each,
 * purged ids among them, which are told by their hash.
 *
 * Errors:  PZ_NEGATIVE there is none: nothing was written; as pz_table_open, pz_live_find_forgotten
 *          and pz_out_write */
enum pz_status pz_live_export_forgotten_in(struct pz_live_store *s, const char *const *path,
                                           size_t n, struct pz_out *out, struct pz_exported *done,
                                           struct pz_err *err);

/* What a model lacks of the store: sets after and rows_after.
 *
 * Errors:  PZ_NEGATIVE it has all; PZ_BAD_DATA its own numbers have a gap, or what it lacks was
 *          collected: the message names the numbers
 * Threads: any */
enum pz_status pz_live_lacking(struct pz_live_store *s, const struct pz_model *m,
                               struct pz_export_cfg *cfg, struct pz_err *err);

/* Events, items and users as a dataset at path, so that it merges with the data of the model:
 * columns that the model has get its types.
 *
 * Errors:  PZ_NEGATIVE there are no new events or rows, nothing is written; PZ_CANT_CREATE no
 *          temporary file; as pz_live_export_events, pz_live_export_rows, pz_import and
 *          pz_dataset_save */
enum pz_status pz_live_export_dataset(struct pz_live_store *s, const struct pz_export_cfg *cfg,
                                      const char *path, struct pz_exported *done,
                                      struct pz_err *err);

#endif
