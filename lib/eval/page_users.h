/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the page that shows real users: what they had, what they get, what came next. */
#ifndef PZ_EVAL_PAGE_USERS_H
#define PZ_EVAL_PAGE_USERS_H

#include "base/str.h"
#include "eval/judge.h"

/* Appends the section to *out as HTML: five users, the middle one of each fifth of the cases, each
 * with the newest of their history, the first model's list with hits marked, and what was held out.
 * Errors: PZ_TRY_AGAIN memory, and those of pz_evaluate_list. Threads: one for each judgement. */
enum pz_status pz_page_users(const struct pz_judgement *j, struct pz_str *out, struct pz_err *err);

#endif
