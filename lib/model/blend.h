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

/* The blend of those parts alone that cannot be scored roughly, into out; job->out is not touched, used
 * gets their bits. */
void pz_blend_base(const struct pz_model *m, struct pz_scoring *job, float *out);

/* out[n] += factor * score[n]; the two do not overlap. */
void pz_blend_add(float *out, const float *score, uint32_t n, float factor);

/* score[n] *= factor. */
void pz_blend_scale(float *score, uint32_t n, float factor);

#endif
