/* SPDX-License-Identifier: Apache-2.0 */
/* Filters of a campaign: by expression or by name. */
#ifndef PZ_CAMPAIGN_FILTERS_H
#define PZ_CAMPAIGN_FILTERS_H

#include "campaign/view.h"
#include "filter/filter.h"

/* Compile an expression for queries on this view: with the rows put since the model was made, and
 * with event types that only live events have.
 *
 * v        NULL for a bare model
 * Errors:  PZ_USAGE a fault of the expression; PZ_TRY_AGAIN memory is out
 * Owner:   the caller: pz_filter_free, before the view
 * Threads: any, several on one view */
enum pz_status pz_view_compile(const struct pz_view *v, const struct pz_model *m, const char *text,
                               struct pz_filter **out, struct pz_err *err);

/* The same for an expression or the name of one of the campaign's filters; a bare model has no
 * names.
 *
 * Errors:  as pz_view_compile; PZ_USAGE too: a name that is not there ("did you mean")
 * Owner:   as pz_view_compile
 * Threads: as pz_view_compile */
enum pz_status pz_view_filter(const struct pz_view *v, const struct pz_model *m, const char *text,
                              struct pz_filter **out, struct pz_err *err);

#endif
