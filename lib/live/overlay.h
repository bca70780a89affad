/* SPDX-License-Identifier: Apache-2.0 */
/* Overlays: the rows of items or users that the live store has and the model has not, as typed
 * columns.
 *
 * Threads: any, also on one store; an overlay does not change once it is built. */
#ifndef PZ_LIVE_OVERLAY_H
#define PZ_LIVE_OVERLAY_H

#include "base/err.h"
#include "live/live_data.h"
#include "live/store.h"

/* Build from the rows with numbers above `after`. Columns that the model has (known, by name
 * without regard to case and '_') get its name and type, and a value that does not fit the type is
 * null; the type of others is inferred as pz-import does. Time in proportion to the rows.
 *
 * Errors:  as pz_live_each_row; PZ_TRY_AGAIN memory
 * Owner:   *out, NULL when there are none: the caller, until pz_overlay_free */
enum pz_status pz_overlay_build(struct pz_live_store *s, enum pz_live_table table, uint64_t after,
                                const struct pz_attrs *known, struct pz_overlay **out,
                                struct pz_err *err);

/* The rows of an overlay and of one of rows put since, which replace those of the same ids.
 *
 * since    NULL: none
 * source   [(*out)->ids.n] where each row comes from: part 0 is old, part 1 since; the caller frees
 *          it
 * Errors:  PZ_TRY_AGAIN memory; PZ_BAD_DATA a column is of two kinds
 * Owner:   *out as pz_overlay_build; .row is NULL; NULL after a failure, as *source
 * Threads: any */
enum pz_status pz_overlay_merge(const struct pz_overlay *old, const struct pz_overlay *since,
                                struct pz_overlay **out, struct pz_source **source,
                                struct pz_err *err);

/* Write an overlay whose rows were looked up as columns of a table / read it from a flat one.
 *
 * prefix   of the columns' names
 * save     Errors: as pz_writer_add and pz_attrs_save
 * load     Errors: as pz_table_get and pz_attrs_load
 * Owner:   *out borrows from the table; pz_overlay_free, before it is closed; NULL after a failure
 * Threads: one at a time on the same writer or table */
enum pz_status pz_overlay_save(const struct pz_overlay *o, const char *prefix, struct pz_writer *w,
                               struct pz_err *err);
enum pz_status pz_overlay_load(struct pz_table *t, const char *prefix, struct pz_overlay **out,
                               struct pz_err *err);

/* Accepts NULL. */
void pz_overlay_free(struct pz_overlay *o);

#endif
