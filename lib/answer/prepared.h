/* SPDX-License-Identifier: Apache-2.0 */
/* Private to answer/: what pz_prepare made. */
#ifndef PZ_ANSWER_PREPARED_H
#define PZ_ANSWER_PREPARED_H

#include "answer/answer.h"
#include "answer/rules.h"

struct pz_prepared {
    struct pz_snapshot *snap; /* one reference */
    struct pz_request base;   /* borrows from the rest and from snap */
    struct pz_ruleset rules;
    struct pz_filter_args args;      /* of the filter, beside a question's own */
    uint64_t promote_key;            /* of the promotions' values as written */
    struct pz_filter_values *values; /* NULL: none, or every question brings its own */
};

/* A number for the texts of values, on top of an earlier one: pages of one question have the same.
 *
 * Threads: any */
uint64_t pz_prepared_key(uint64_t key, const struct pz_filter_args *args);

#endif
