/* SPDX-License-Identifier: Apache-2.0 */
/* Private to train/: the chain of updates since the last full training, as a model states it. */
#ifndef PZ_TRAIN_CHAIN_H
#define PZ_TRAIN_CHAIN_H

#include "base/err.h"
#include "base/json.h"
#include "base/log.h"

/* The chain with one more update.
 *
 * manifest  of the model that is updated
 * n         interactions after the update
 * judged    file that pz-eval --json wrote of that model and the events that it is updated by;
 *           NULL: nobody judged it
 * Errors:   PZ_BAD_DATA the file is no such verdict; as pz_file_read; PZ_TRY_AGAIN memory is out
 * Owner:    *out: the caller; NULL after a failure
 * Threads:  any */
enum pz_status pz_chain_next(const json_t *manifest, double n, const char *judged,
                             struct pz_log *log, json_t **out, struct pz_err *err);

#endif
