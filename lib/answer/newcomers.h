/* SPDX-License-Identifier: Apache-2.0 */
/* Users that only the live store knows. */
#ifndef PZ_ANSWER_NEWCOMERS_H
#define PZ_ANSWER_NEWCOMERS_H

#include "campaign/view.h"

/* The ids of users with live events or a live row whom the model has not seen, in byte order.
 *
 * view     NULL: a bare model has none
 * Errors:  PZ_TRY_AGAIN memory; PZ_IO, PZ_BAD_DATA the live store
 * Owner:   *out: pz_dict_clear, also after a failure
 * Threads: any */
enum pz_status pz_newcomers(const struct pz_view *view, struct pz_dict *out, struct pz_err *err);

#endif
