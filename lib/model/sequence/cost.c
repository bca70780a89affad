/* SPDX-License-Identifier: Apache-2.0 */
/* What a fit of the encoder takes (pz_scorer.cost), from counts of the data. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/factors/factors.h"
#include "model/parts.h"
#include "model/sequence/sequence.h"
#include "model/sequence/trainer.h"

/* Items in the candidates of a step: each once, however often it was drawn. */
static double candidates(const struct pz_corpus *c, double draws, struct pz_err *err)
{
    uint32_t *count = pz_mem_array(c->n_items, sizeof *count), n_live = 0;
    double n = (double)c->ptr[c->n_users], sum = 0;

    if (!count) {
        pz_err_memory(err, "the cost of the encoder", 4.0 * c->n_items);
        return -1;
    }
    for (uint64_t p = 0; p < c->ptr[c->n_users]; p++)
        n_live += count[c->item[p]]++ == 0;
    for (uint32_t i = 0; i < c->n_items; i++)
        if (count[i] > 0)
            sum += 1 - pow(1 - 0.5 / n_live - 0.5 * count[i] / n, draws);
    free(count);
    return n_live <= draws ? n_live : sum;
}

/* Bytes that a step takes: of each shard the gradients of weights and candidates, and what its
 * pairs and twice a window before them went through. */
static double step_bytes(const double *value, double weights, double n_items)
{
    double d = value[PZ_SEQ_DIM], cand = fmin(value[PZ_SEQ_NEGATIVES], n_items);
    double events = value[PZ_SEQ_BATCH] / PZ_SEQ_SHARDS + 2 * value[PZ_SEQ_WINDOW];
    double tape = value[PZ_SEQ_LAYERS] * (2 * value[PZ_SEQ_HIDDEN] + 6 * d);

    return 4 * PZ_SEQ_SHARDS * (weights + cand * d + PZ_SEQ_ROWS * cand + events * (2 * d + tape)) +
           8 * d * (2 * value[PZ_SEQ_BATCH] + cand) + 12 * weights;
}

/* Beside where implicit ALS starts the items; terms of a pair: products of matrices, candidates'
 * products and exponentials, what else is done to a vector, items that move, and itself. Memory:
 * the items with Adam's moments, the same again while a training may go on, and a step. Members are
 * learned one after the other. */
enum pz_status pz_seq_cost(const struct pz_corpus *c, const double *value, struct pz_fit_cost *out,
                           struct pz_err *err)
{
    double factors[PZ_FACTORS_N], d = value[PZ_SEQ_DIM], members = value[PZ_SEQ_MEMBERS];
    double pairs = 0, weights, drawn = candidates(c, value[PZ_SEQ_NEGATIVES], err);
    enum pz_status st;

    if (drawn < 0)
        return PZ_TRY_AGAIN;
    pz_scorer_defaults(&pz_factors, factors);
    factors[PZ_FACTORS_DIM] = d;
    st = pz_scorer_cost(&pz_factors, c, factors, out, err);
    for (uint32_t u = 0; u < c->n_users; u++)
        pairs += c->ptr[u + 1] > c->ptr[u] ? (double)(c->ptr[u + 1] - c->ptr[u] - 1) : 0;
    pairs = fmin(value[PZ_SEQ_EPOCHS] * pairs, 1e6 * value[PZ_SEQ_PAIRS]);
    weights = (double)pz_seq_theta((size_t)d, (size_t)value[PZ_SEQ_HIDDEN],
                                   (size_t)value[PZ_SEQ_LAYERS]);
    memset(out->term, 0, sizeof out->term); /* those of ALS are in work_ns */
    out->start_ns = out->work_ns *= members;
    pairs *= members;
    out->term[0] = pairs * weights;
    out->term[1] = pairs * drawn * d;
    out->term[2] = pairs * drawn;
    out->term[3] = pairs * d * value[PZ_SEQ_LAYERS];
    out->term[4] = pairs * d * (2 + drawn / value[PZ_SEQ_BATCH]);
    out->term[5] = pairs * weights / value[PZ_SEQ_BATCH];
    out->term[6] = pairs;
    out->kept = members * 4 * d * c->n_items;
    out->beside = fmax(out->beside, 24 * d * c->n_items + step_bytes(value, weights, c->n_items));
    return st;
}
