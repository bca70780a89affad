/* SPDX-License-Identifier: Apache-2.0 */
/* Private to rank/: step 4, the scores of all items.
 *
 * Threads: one a struct pz_scores, which belongs to one ranker. */
#ifndef PZ_RANK_SCORE_H
#define PZ_RANK_SCORE_H

#include "rank/adjust.h"

struct pz_scores {
    float *blend;    /* [items.n] */
    float *fallback; /* [items.n] once has_fallback, see pz_scored_fallback; scratch before */
    bool has_fallback;
    uint32_t used; /* bit i: part i had something to say */
    void *scratch; /* of the parts */
};

/* What the first four steps left, as choice and explanation read it. Of the mask they use the
 * working memory, of the scores they fill the fallback when it is first needed. */
struct pz_scored {
    const struct pz_asked *asked;
    const struct pz_history *history;
    struct pz_mask *mask;
    const struct pz_adjustment *adjustment;
    struct pz_scores *scores;
};

/* Room for a model's items; false: memory is out (pz_scores_clear then, too). */
bool pz_scores_init(struct pz_scores *s, const struct pz_model *m);
void pz_scores_clear(struct pz_scores *s);

/* Fill blend and used, as the model alone has them; has_fallback becomes false.
 *
 * part_score  NULL, or room for [n_parts * items.n] to receive each part's normalised scores */
void pz_scores_make(struct pz_scores *s, const struct pz_asked *asked, const struct pz_history *h,
                    const struct pz_mask *mask, float *part_score);

/* pz_scores_make, without part scores, for n <= PZ_SCORE_BLOCK queries of one model at once: the
 * same bits. */
void pz_scores_make_block(const struct pz_scored *const *scored, size_t n);

/* Scores above 0 for every item, for those that no part knows; made at the first call.
 *
 * Owner:   the scores */
const float *pz_scored_fallback(const struct pz_scored *scored);

/* Personalize's scores of n hits: softmax(scale * blend) over the allowed items. Hits that no part
 * knows get one only where all is set. */
void pz_scored_softmax(const struct pz_scored *scored, struct pz_hit *hit, size_t n, bool all);

/* Sum of exp(scale * (score - top)) over the items of a set, top the largest of them; within 1e-5 of
 * the exact sum, in proportion, at a tenth of its cost. */
double pz_softmax_sum(const float *score, const uint64_t *set, uint32_t n, float scale, float top);

/* Where items come from whose place follows from the blend. */
enum pz_origin pz_scored_origin(const struct pz_scored *scored);

#endif
