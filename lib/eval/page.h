/* SPDX-License-Identifier: Apache-2.0 */
/* The report of a judgement as one HTML page for people who did not run it.
 *
 * Threads: one for each judgement. */
#ifndef PZ_EVAL_PAGE_H
#define PZ_EVAL_PAGE_H

#include "eval/judge.h"

/* Append the page: a sentence first, then the model and its baselines with intervals on one scale,
 * nDCG over K, by length of history and by popularity of items, coverage, the model's parts, five
 * users with their lists, every metric in plain words, and where it all comes from. It needs no
 * other file, and all dates in it are those of the data: equal runs give equal bytes.
 *
 * j        after pz_judgement_run
 * command  the command line; NULL: left out
 * Errors:  PZ_TRY_AGAIN memory, also when out->failed */
enum pz_status pz_judgement_page(const struct pz_judgement *j, const char *command,
                                 struct pz_str *out, struct pz_err *err);

#endif
