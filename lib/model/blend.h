/* SPDX-License-Identifier: Apache-2.0 */
/* The pieces of the blend, for those who judge parts one by one.
 *
 * Threads: any, with one scratch and one output a thread. */
#ifndef PZ_MODEL_BLEND_H
#define PZ_MODEL_BLEND_H

#include "model/model.h"

/* One part's scores of all items into score[n], and the largest of those allowed (as pz_model_score
 * has it) into *top. Returns false when the part has nothing positive to say; score is then
 * undefined. */
bool pz_blend_score(const struct pz_part *part, const struct pz_query *q, const uint64_t *allowed,
                    uint32_t n, void *scratch, float *score, float *top);

/* Part i's scores of job's query, normalised, times its weight added to out [items.n]; job->used gets its
 * bit. part_score: NULL, or what receives the scores alone. job->out is not touched. */
void pz_blend_add_part(const struct pz_model *m, size_t i, struct pz_scoring *job, float *out,
                       float *part_score);

/* out[n] += factor * score[n]; the two do not overlap. */
void pz_blend_add(float *out, const float *score, uint32_t n, float factor);

/* score[n] *= factor. */
void pz_blend_scale(float *score, uint32_t n, float factor);

#endif
