/* SPDX-License-Identifier: Apache-2.0 */
/* Writing answers: CSV, TSV, JSON and Personalize's batch JSON Lines. */
#ifndef PZ_ANSWER_WRITE_H
#define PZ_ANSWER_WRITE_H

#include "base/str.h"
#include "rank/rank.h"

enum pz_format { PZ_FORMAT_CSV, PZ_FORMAT_TSV, PZ_FORMAT_JSON, PZ_FORMAT_JSONL };

/* The header line of CSV and TSV: user_id (for_item_id when related), item_id, rank, score, source;
 * explained: also model_rank, blend, scores, because, rules. */
void pz_answer_header(struct pz_str *out, enum pz_format format, bool related, bool explained);

/* Append one answer. key: the user or item asked for. CSV, TSV: a line an item. JSON: one object
 * with itemList, the rules in force, and nextPageToken where there is more. JSONL:
 * {"input":{...},"output":{"recommendedItems":[...],"scores":[...]},"error":null}. */
void pz_answer_add(struct pz_str *out, enum pz_format format, const struct pz_model *m,
                   const struct pz_request *req, const struct pz_answer *answer);

/* Append a line of Personalize's batch output for a question that cannot be answered. */
void pz_answer_error(struct pz_str *out, const struct pz_request *req, const char *message);

/* Append what became of an item: one JSON object, or a sentence for a person. */
void pz_answer_why(struct pz_str *out, enum pz_format format, const struct pz_model *m,
                   const struct pz_request *req, const char *item_id, const struct pz_why *v);

#endif
