/* SPDX-License-Identifier: Apache-2.0 */
#include "model/sequence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/parts.h"

static const struct pz_setting settings[PZ_SEQ_N] = {
    { "dim", 64, 8, 512, 0, 0, false, true, false, "length of a vector, a multiple of 8" },
    { "hidden", 128, 8, 2048, 0, 0, false, true, false, "width of the hidden layer, a multiple of 8" },
    { "layers", 2, 1, 8, 0, 0, false, true, false, "layers" },
    { "window", 50, 2, 1024, 0, 0, false, true, false, "events of a history that are read" },
    { "epochs", 30, 1, 1000, 0, 0, false, true, false, "passes over the data" },
    { "patience", 6, 1, 1000, 0, 0, false, true, false, "epochs without a better result before the end" },
    { "batch", 2048, 16, 65536, 0, 0, false, true, false, "events a step" },
    { "negatives", 1024, 1, 65536, 0, 0, false, true, false, "candidates drawn a step" },
    { "rate", 0.002, 1e-6, 1, 0, 0, true, false, false, "learning rate" },
    { "decay", 0.01, 0, 10, 0, 0, false, false, false, "weight decay" },
    { "dropout", 0.2, 0, 0.9, 0, 0, false, false, false, "dropout" },
    { "tau", 0.07, 0.01, 10, 0, 0, true, false, false, "temperature of the softmax in training" },
    { "smoothing", 0, 0, 0.9, 0, 0, false, false, false, "label smoothing" },
    { "holdout", 0.05, 0, 0.5, 0, 0, false, false, false, "share of users whose last event decides when to stop" },
    { "temperature", 1, 0.1, 20, 0.7, 4, true, false, true, "score = probability^(1/temperature)" },
};

static void part_free(void *part)
{
    struct pz_seq_part *p = part;

    if (!p)
        return;
    free(p->own_item);
    free(p->own_theta);
    free(p);
}

static enum pz_status fit(const struct pz_corpus *c, const struct pz_fit_cfg *cfg, void **part,
                          struct pz_err *err)
{
    struct pz_seq_part *p = calloc(1, sizeof *p);
    const double *v = cfg->value;
    enum pz_status st = PZ_OK;

    if (p) {
        p->n_items = c->n_items;
        p->window = (size_t)v[PZ_SEQ_WINDOW];
        p->tau = (float)v[PZ_SEQ_TAU];
        p->temperature = (float)v[PZ_SEQ_TEMPERATURE];
        p->net = (struct pz_seq_net){ .d = ((size_t)v[PZ_SEQ_DIM] + 7) / 8 * 8,
                                      .f = ((size_t)v[PZ_SEQ_HIDDEN] + 7) / 8 * 8,
                                      .n_layers = (size_t)v[PZ_SEQ_LAYERS] };
        p->net.n_theta = pz_seq_theta(p->net.d, p->net.f, p->net.n_layers);
        p->item = p->own_item = pz_mem_array((size_t)c->n_items * p->net.d, sizeof(float));
        p->net.theta = p->own_theta = pz_mem_array(p->net.n_theta, sizeof(float));
    }
    if (!p || !p->own_item || !p->own_theta)
        st = pz_err_memory(err, "sequence", 0);
    else
        st = pz_seq_train(c, cfg, p, err);
    if (st != PZ_OK) {
        part_free(p);
        p = NULL;
    }
    *part = p;
    return st;
}

static void set(void *part, size_t setting, double value)
{
    if (setting == PZ_SEQ_TEMPERATURE)
        ((struct pz_seq_part *)part)->temperature = (float)value;
}

static size_t scratch_bytes(const void *part)
{
    const struct pz_seq_part *p = part;

    return pz_seq_tape_bytes(&p->net, p->window, true) + p->window * sizeof(float);
}

static bool score(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    const struct pz_seq_part *p = part;
    size_t n = q->n_hist < p->window ? q->n_hist : p->window, d = p->net.d;
    struct pz_seq_tape tape;
    float w[1024], top = -1e30f, f;
    uint32_t start[2] = { 0, (uint32_t)n };
    struct pz_seq_pack pack = { 1, start, w, 0, 0, 0 };

    if (n == 0)
        return false;
    pz_seq_tape_cut(&p->net, p->window, true, scratch, &tape);
    for (size_t i = 0; i < n; i++) {
        size_t at = q->n_hist - n + i;

        w[i] = q->hist_weight[at] < 1 ? q->hist_weight[at] : 1.0f;
        for (size_t k = 0; k < d; k++)
            tape.x[i * d + k] = sqrtf((float)d) * p->item[(size_t)q->hist[at] * d + k];
    }
    pz_seq_forward(&p->net, &pack, &tape);
    pz_seq_abt((struct pz_seq_dims){ 1, p->n_items, d, 0 }, tape.q + (n - 1) * d, p->item, out);
    f = (float)(1.0 / ((double)p->tau * sqrt((double)d) * (double)p->temperature));
    for (uint32_t i = 0; i < p->n_items; i++)
        top = out[i] > top ? out[i] : top;
    for (uint32_t i = 0; i < p->n_items; i++)
        out[i] = f * (out[i] - top);
    pz_seq_exp(out, p->n_items);
    return true;
}

static const float *vectors(const void *part, uint32_t *dim)
{
    const struct pz_seq_part *p = part;

    *dim = (uint32_t)p->net.d;
    return p->item;
}

const struct pz_scorer pz_sequence = {
    .name = "sequence",
    .meaning = "gated linear recurrence over the history, item vectors with attributes",
    .settings = settings,
    .n_settings = PZ_SEQ_N,
    .fit = fit,
    .free = part_free,
    .set = set,
    .scratch_bytes = scratch_bytes,
    .score = score,
    .vectors = vectors,
};
