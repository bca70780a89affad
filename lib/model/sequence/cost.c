/* SPDX-License-Identifier: Apache-2.0 */
/* What a fit of the encoder takes (pz_scorer.cost), from counts of the data. */
#include <math.h>

#include "model/factors/factors.h"
#include "model/parts.h"
#include "model/sequence/sequence.h"

/* Most of it are products of matrices, of which a thread of 2024 makes 42 operations a nanosecond
 * all told, beside where implicit ALS starts the items. Memory: the items with Adam's moments, and
 * the same again while a training may go on. Members are learned one after the other. */
enum pz_status pz_seq_cost(const struct pz_corpus *c, const double *value, struct pz_fit_cost *out,
                           struct pz_err *err)
{
    double factors[PZ_FACTORS_N], d = value[PZ_SEQ_DIM], members = value[PZ_SEQ_MEMBERS];
    double pairs = 0, weights;
    enum pz_status st;

    pz_scorer_defaults(&pz_factors, factors);
    factors[PZ_FACTORS_DIM] = d;
    st = pz_scorer_cost(&pz_factors, c, factors, out, err);
    for (uint32_t u = 0; u < c->n_users; u++)
        pairs += c->ptr[u + 1] > c->ptr[u] ? (double)(c->ptr[u + 1] - c->ptr[u] - 1) : 0;
    pairs = fmin(value[PZ_SEQ_EPOCHS] * pairs, 1e6 * value[PZ_SEQ_PAIRS]);
    weights = (double)pz_seq_theta((size_t)d, (size_t)value[PZ_SEQ_HIDDEN],
                                   (size_t)value[PZ_SEQ_LAYERS]) +
              d * value[PZ_SEQ_NEGATIVES];
    out->work_ns = members * (out->work_ns + pairs * 6 * weights / 42);
    out->kept = members * 4 * d * c->n_items;
    out->beside = fmax(out->beside, 24 * d * c->n_items);
    return st;
}
