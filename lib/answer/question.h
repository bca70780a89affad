/* SPDX-License-Identifier: Apache-2.0 */
/* A question of a batch: a row of CSV, or a line of Personalize's batch input.
 *
 * Threads: one an arena; questions may be read elsewhere once they are made. */
#ifndef PZ_ANSWER_QUESTION_H
#define PZ_ANSWER_QUESTION_H

#include "base/err.h"
#include "base/mem.h"
#include "rank/rank.h"
#include "text/rows.h"

/* Everything lives in the arena; NULL and 0 where missing. */
struct pz_question {
    const char *user_id, *item_id;
    const char *attributes; /* a condition on Items: users are asked for, see user_segments.h */
    const char *const *list, *const *history;
    size_t n_list, n_history;
    const struct pz_context *context;
    size_t n_context;
    const char *filter_values; /* a JSON object, see pz_filter_args_add */
    const char *echo;          /* the JSON object as it was asked */
    const char *problem;       /* why the row is no question */
    bool has_number;           /* numResults stands there, which a batch has for all of them */
    const char *where;         /* "FILE:LINE" */
};

/* Read one row, CSV or JSON. Lists are JSON arrays or joined by '|'. What is no question is one
 * with .problem.
 *
 * Errors: PZ_TRY_AGAIN memory
 * Owner:  the arena has what *q points to */
enum pz_status pz_question_read(const struct pz_rows_in *in, const struct pz_row *row,
                                struct pz_arena *arena, struct pz_question *q, struct pz_err *err);

/* Put the question into a request that holds what all share. */
void pz_question_fill(const struct pz_question *q, struct pz_request *req);

#endif
