/* SPDX-License-Identifier: Apache-2.0 */
/* Sampled softmax over candidates that all positions of a step share: see sequence.h for the
 * formula. The candidates are dealt with PZ_SEQ_ROWS positions at a time, so that the logits stay
 * in cache; three matrix products a block (logits, gradient of q, gradient of the candidates) are
 * all the cost.
 *
 * A target among the candidates is struck out of them and counts by its own logit, so that it is
 * not its own rival. Positions are taken in order and the function knows of no threads: fit.c deals
 * them to shards and adds up the shards in order. */
#include "model/sequence/sequence.h"

#include <math.h>
#include <string.h>

#include "table/dict.h"

/* Logits of one row become weighted derivatives by the logits; returns the loss. */
static double row(const struct pz_seq_loss *l, size_t t, float *logit)
{
    float own = l->scale * pz_seq_dot(l->q + t * l->d, l->target + t * l->d, l->d),
          w = l->weight[t], loss;

    /* Less log pi (Bengio & Senecal 2008): a candidate that is drawn often is met often as a rival,
     * and its logit pays for that; otherwise popular items would be learned to be unlikely. */
    pz_seq_scale(l->scale, l->log_pi, l->M, logit);
    if (l->slot[t] != PZ_NONE)
        /* exp of it is exactly 0, and -inf would make NaN where all are struck out. */
        logit[l->slot[t]] = -1e30f;
    loss = pz_seq_softmax(logit, l->M, &own);
    if (l->slot[t] != PZ_NONE)
        logit[l->slot[t]] = 0;
    pz_seq_scale(w * l->scale, NULL, l->M, logit);
    /* d loss / d logit = softmax - 1 for the target, softmax for the rest. */
    l->dtarget[t] = w * l->scale * (own - 1.0f);
    return (double)w * (double)loss;
}

double pz_seq_loss(const struct pz_seq_loss *l)
{
    double sum = 0;

    if (l->T == 0)
        memset(l->dcand, 0, l->M * l->d * sizeof *l->dcand);
    for (size_t from = 0; from < l->T; from += PZ_SEQ_ROWS) {
        size_t n = l->T - from < PZ_SEQ_ROWS ? l->T - from : PZ_SEQ_ROWS;
        const float *q = l->q + from * l->d;

        pz_gemm_with((struct pz_gemm){ n, l->M, l->d, 0 }, q, l->across, l->work);
        for (size_t t = 0; t < n; t++)
            sum += row(l, from + t, l->work + t * l->M);
        pz_gemm_with((struct pz_gemm){ n, l->d, l->M, 0 }, l->work, l->cand, l->dq + from * l->d);
        pz_gemm_atb((struct pz_gemm){ l->M, l->d, n, from > 0 }, l->work, q, l->dcand);
    }
    /* After the products: they set dq, which this adds to. */
    for (size_t t = 0; t < l->T; t++)
        pz_seq_axpy(l->dtarget[t], l->target + t * l->d, l->d, l->dq + t * l->d);
    return sum;
}
