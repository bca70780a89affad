/* SPDX-License-Identifier: Apache-2.0 */
/* Private to rank/: step 6, the explanation: why an item stands where it stands, or does not.
 *
 * Threads: one an explanation, which belongs to one ranker. */
#ifndef PZ_RANK_EXPLAIN_H
#define PZ_RANK_EXPLAIN_H

#include "rank/score.h"

/* Allocated when first asked for; all-zero before. */
struct pz_explanation {
    float *raw;        /* [items.n] the blend before rules */
    float *part_score; /* [n_parts * items.n] each part's, normalised */
    float *part_unit; /* [n_parts] what a part's own score is multiplied with to become its share of
                          raw */
    float *contrib;   /* [2 * PZ_HIST_MAX] of one call */
    struct pz_reason *reason; /* [hits] */
    size_t cap_reasons;
};

/* Make room, if it is not there.
 *
 * Errors:  PZ_TRY_AGAIN memory */
enum pz_status pz_explanation_begin(struct pz_explanation *e, const struct pz_model *m,
                                    struct pz_err *err);

/* Keep the blend as it is before rules act, and the scale of each part: between pz_scores_make and
 * the adjustment. */
void pz_explanation_keep(struct pz_explanation *e, const struct pz_scored *scored);

/* Fill reason for n hits.
 *
 * Errors:  PZ_TRY_AGAIN memory */
enum pz_status pz_explanation_make(struct pz_explanation *e, const struct pz_scored *scored,
                                   const struct pz_hit *hit, size_t n, struct pz_err *err);

/* What became of an item, any id, in an answer.
 *
 * Errors:  PZ_INTERNAL the answer was not explained; PZ_TRY_AGAIN memory
 * Owner:   *out borrows from the request, the history and the filter */
enum pz_status pz_explanation_why(struct pz_explanation *e, const struct pz_scored *scored,
                                  const struct pz_answer *answer, const char *item_id,
                                  struct pz_why *out, struct pz_err *err);

/* Free the memory; all-zero is accepted. */
void pz_explanation_clear(struct pz_explanation *e);

#endif
