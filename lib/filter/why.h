/* SPDX-License-Identifier: Apache-2.0 */
/* Why a row does not pass a filter.
 *
 * Threads: as pz_filter_apply: any, each with a work of its own. */
#ifndef PZ_FILTER_WHY_H
#define PZ_FILTER_WHY_H

#include "filter/filter.h"

/* What pz_filter_apply is given. */
struct pz_filter_query {
    const struct pz_filter *filter;
    const struct pz_filter_values *values;
    struct pz_filter_env env;
    struct pz_filter_work *work;
};

/* The part of the filter's text that keeps a row out: an EXCLUDE that covers it, else, where no
 * INCLUDE does, the first condition of the first INCLUDE that it does not meet.
 *
 * scratch  a bit a row, overwritten
 * *text    *n bytes inside the filter's text; *n is 0 when the row passes
 * Errors:  as pz_filter_apply */
enum pz_status pz_filter_why(const struct pz_filter_query *q, uint32_t row, uint64_t *scratch,
                             const char **text, size_t *n, struct pz_err *err);

#endif
