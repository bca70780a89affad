/* SPDX-License-Identifier: Apache-2.0 */
/* Writing answers: CSV, TSV, JSON and Personalize's batch JSON Lines.
 *
 * Threads: any, each with a text of its own. */
#ifndef PZ_ANSWER_WRITE_H
#define PZ_ANSWER_WRITE_H

#include "answer/columns.h"
#include "answer/user_segments.h"
#include "base/str.h"

enum pz_format {
    PZ_FORMAT_CSV,
    PZ_FORMAT_TSV,
    PZ_FORMAT_JSON,
    PZ_FORMAT_JSONL,
    PZ_FORMAT_TABLE /* for a person at a terminal */
};

/* How answers are written. */
struct pz_show {
    enum pz_format format;
    const struct pz_snapshot *snap;
    struct pz_columns columns; /* .n 0: ids alone */
    uint32_t wide; /* CSV and TSV have one row an answer, with so many items; 0: a row an item */
};

/* The header line of CSV and TSV: user_id (for_item_id when related), item_id, rank, score, source,
 * the columns asked for; wide: user_id, item_1, item_2, ...; explained: also model_rank, blend,
 * scores, because, rules. Nothing for other formats. */
void pz_answer_header(struct pz_str *out, const struct pz_show *show, bool related, bool explained);

/* Append one answer.
 *
 * CSV, TSV  a line an item, or with wide one line: key, items, empty cells where there are fewer
 * JSON      one object: itemList (of a ranking: personalizedRanking), recommendationId, the rules
 *           in force, and nextPageToken where there is more; an item's columns are its metadata
 * JSONL     {"input":{...},"output":{"recommendedItems":[...],"scores":[...]},"error":null}
 * TABLE     aligned columns with titles where Items has them; explained: because of what, in words
 * Errors:   memory that is out shows in out->failed
 * Threads:  any */
void pz_answer_add(struct pz_str *out, const struct pz_show *show, const struct pz_answered *a);

/* Private to answer/ (table.c): the last of these formats. */
void pz_answer_table(struct pz_str *out, const struct pz_show *show, const struct pz_answered *a);

/* The header line of CSV and TSV of users: for_item_id, user_id, rank, score. */
void pz_answer_segment_header(struct pz_str *out, const struct pz_show *show);

/* Append the users of a segment: a line a user in CSV and TSV, else Personalize's line
 * {"input":{...},"output":{"recommendedUsers":[...]},"error":null}. */
void pz_answer_segment(struct pz_str *out, const struct pz_show *show, const struct pz_question *q,
                       const struct pz_user_segment *s);

/* Append a line of Personalize's batch output for a question that cannot be answered. */
void pz_answer_error(struct pz_str *out, const struct pz_request *req, const char *message);

/* Append what became of an item: one JSON object, or a sentence for a person. */
void pz_answer_why(struct pz_str *out, enum pz_format format, const struct pz_model *m,
                   const struct pz_request *req, const char *item_id, const struct pz_why *v);

#endif
