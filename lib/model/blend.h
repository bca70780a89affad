/* SPDX-License-Identifier: Apache-2.0 */
/* The pieces of the blend, for those who judge parts one by one.
 *
 * Threads: any, with one scratch and one output a thread. */
#ifndef PZ_MODEL_BLEND_H
#define PZ_MODEL_BLEND_H

#include "model/model.h"

/* One question to a part. */
struct pz_blend_ask {
    const struct pz_query *q;
    const uint64_t *allowed; /* as pz_model_score has it */
    void *scratch;           /* the scorer's */
    float *score;            /* [n_items] out */
};

/* One part's scores of all items for n <= PZ_SCORE_BLOCK questions, items being read once for all,
 * and in top[n] the largest of those allowed: 0 when the part has nothing positive to say; the
 * score is then undefined. The same bits however many questions there are. */
void pz_blend_score(const struct pz_part *part, const struct pz_blend_ask *ask, size_t n,
                    uint32_t n_items, float *top);

/* Part i's scores of job's query, normalised, times its weight added to out [items.n]; job->used
 * gets its bit. part_score: NULL, or what receives the scores alone. job->out is not touched. */
void pz_blend_add_part(const struct pz_model *m, size_t i, struct pz_scoring *job, float *out,
                       float *part_score);

/* out[n] += factor * score[n]; the two do not overlap. */
void pz_blend_add(float *out, const float *score, uint32_t n, float factor);

/* score[n] *= factor. */
void pz_blend_scale(float *score, uint32_t n, float factor);

#endif
