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
void pz_overlay_free(struct pz_overlay *o);

#endif
