/* SPDX-License-Identifier: Apache-2.0 */
/* Many questions answered on all cores and written in order. Memory: a block of questions and their
 * answers, whatever their number. */
#ifndef PZ_ANSWER_BATCH_H
#define PZ_ANSWER_BATCH_H

#include "answer/answer.h"
#include "answer/write.h"
#include "base/err.h"
#include "base/log.h"
#include "text/sink.h"

struct pz_batch {
    const struct pz_prepared *prepared; /* what all questions share */
    const struct pz_show *show;
    bool segments; /* rows with an itemId ask for the users most likely to want it */
    struct pz_sink *out;
    struct pz_log *log;
    uint32_t part, n_parts; /* of all users or items only those whose id's hash falls into part 1 ..
                             * n_parts: stable as others come; n_parts 0: all */
    uint64_t n_asked, n_short, n_failed; /* out: failed ones are answered by an error object */
    uint64_t n_rows;                     /* out: items in all answers, or users of segments */
    uint64_t n_probed; /* out: answers for which a part of the items was looked at */
};

/* Answer every row of a file, CSV or JSON Lines: userId or itemId or history, and itemList for
 * rankings; filterValues, an object; in JSON Lines also context, an object. Lines with
 * itemAttributes ask for users (user_segments.h). A row that cannot be
 * answered is an error object in JSON Lines and ends the run in other formats, named.
 *
 * path     "-": standard input
 * Errors:  PZ_NO_INPUT, PZ_IO the input; PZ_BAD_DATA a row, in formats that have no error object;
 *          PZ_CANT_CREATE, PZ_IO the output; PZ_TRY_AGAIN memory; PZ_INTERRUPTED a signal
 * Threads: one; it uses all cores itself */
enum pz_status pz_batch_file(struct pz_batch *batch, const char *path, struct pz_err *err);

/* Answer one question for users: for an item, or for items of which a condition holds.
 *
 * Errors:  PZ_USAGE the item is not known or the condition is wrong; else as pz_batch_file
 * Threads: one; it uses all cores itself */
enum pz_status pz_batch_segment(struct pz_batch *batch, const struct pz_question *q,
                                struct pz_err *err);

/* Answer for every user that the model or a live event knows, without forgotten ones, or for every
 * item.
 *
 * Errors:  as pz_batch_file, but for the input
 * Threads: one; it uses all cores itself */
enum pz_status pz_batch_all(struct pz_batch *batch, bool items, struct pz_err *err);

#endif
