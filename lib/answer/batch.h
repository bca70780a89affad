/* SPDX-License-Identifier: Apache-2.0 */
/* Many questions answered on all cores and written in order. Memory: a block of questions and their
 * answers, whatever their number. */
#ifndef PZ_ANSWER_BATCH_H
#define PZ_ANSWER_BATCH_H

#include "answer/write.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "filter/filter.h"
#include "rank/rank.h"

struct pz_batch {
    const struct pz_model *m;
    struct pz_request base;                   /* what all questions share: length, rules, context */
    const struct pz_filter_args *filter_args; /* for all, beside a question's own; NULL: none */
    enum pz_format format;
    struct pz_out *out;
    struct pz_log *log;
    /* What is live for a user, into *live and the arena; NULL: nothing. Called from all threads. */
    enum pz_status (*gather)(const void *context, const char *user_id, struct pz_arena *arena,
                             struct pz_live *live, struct pz_err *err);
    const void *context;
    uint64_t n_asked, n_short, n_failed; /* out: failed ones are answered by an error object */
};

/* Answer every row of path ("-": standard input), CSV or JSON Lines: userId or itemId or history,
 * and itemList for rankings; filterValues, an object; in JSON Lines also context, an object. A row
 * that cannot be answered is an error object in JSON Lines and ends the run in other formats,
 * named. */
enum pz_status pz_batch_file(struct pz_batch *batch, const char *path, struct pz_err *err);

/* Answer for every user of the model, or every item. */
enum pz_status pz_batch_all(struct pz_batch *batch, bool items, struct pz_err *err);

#endif
