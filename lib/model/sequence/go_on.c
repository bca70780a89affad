/* SPDX-License-Identifier: Apache-2.0 */
/* A training of the encoder that goes on with events it has not read: of a search, on all data, and
 * of a model, when it is updated. */
#include <math.h>
#include <string.h>

#include "model/sequence/trainer.h"

enum { NEAR = 3 /* items that place a new one */ };

/* The vectors of items that only the larger corpus has events of: those of items around them. */
static void place_new(struct pz_seq_trainer *t, const struct pz_seq_trainer *old)
{
    const struct pz_corpus *c = t->c;
    size_t d = t->net.d;
    float length = t->f.n > 0 ? 0.3f : 1.0f;

    for (uint32_t u = 0; u < c->n_users; u++)
        for (uint64_t p = c->ptr[u]; p < c->ptr[u + 1]; p++)
            if (old->data.count[c->item[p]] == 0)
                for (uint64_t q = p > c->ptr[u] + NEAR ? p - NEAR : c->ptr[u];
                     q < c->ptr[u + 1] && q <= p + NEAR; q++)
                    pz_seq_axpy(1, old->own.x + (size_t)c->item[q] * d, d,
                                t->own.x + (size_t)c->item[p] * d);
    for (uint32_t i = 0; i < c->n_items; i++) {
        float *row = t->own.x + (size_t)i * d, square = pz_seq_dot(row, row, d);

        if (old->data.count[i] == 0 && t->data.count[i] > 0 && square > 0)
            pz_seq_scale(length / sqrtf(square), NULL, d, row);
    }
}

/* A member goes on from a smaller corpus: of what it knew only the weights stay. */
static enum pz_status go_over(struct pz_seq_trainer *t, const struct pz_seq_trainer *old,
                              struct pz_err *err)
{
    size_t d = t->net.d;

    if (!pz_seq_weights_copy(&t->own, &old->own, (size_t)t->c->n_items * d) ||
        !pz_seq_weights_copy(&t->feature, &old->feature, (size_t)t->f.n * d) ||
        !pz_seq_weights_copy(&t->theta, &old->theta, t->net.n_theta))
        return pz_err_memory(err, "the sequence encoder", 12.0 * (double)t->net.n_theta);
    place_new(t, old);
    t->new_share = 1 - fmin((double)old->data.n_pairs / fmax((double)t->data.n_pairs, 1), 1);
    t->done = old->done;
    t->epoch = old->epoch + 1;
    t->step.number = old->step.number;
    return PZ_OK;
}

enum pz_status pz_seq_finish(const struct pz_corpus *c, const struct pz_fit_cfg *cfg,
                             struct pz_seq_part *begun, struct pz_seq_part *part,
                             struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (size_t m = 0; m < part->net.members && st == PZ_OK; m++) {
        struct pz_seq_trainer *t = NULL;

        st = pz_seq_trainer_new(c, c->item_attrs, cfg, part, m, &t, err);
        if (st == PZ_OK)
            st = begun->trainer[m] ? go_over(t, begun->trainer[m], err)
                                   : pz_seq_trainer_start(t, err);
        pz_seq_trainer_free(begun->trainer[m]);
        begun->trainer[m] = NULL;
        if (st == PZ_OK)
            st = pz_seq_trainer_run(t, part, err);
        pz_seq_trainer_free(t);
    }
    return st;
}

/* A member takes up where the part has it: vectors of items are those of id and attributes
 * together. */
static void take_up(struct pz_seq_trainer *t, const struct pz_seq_part *part)
{
    size_t d = t->net.d;

    for (size_t i = 0; i < t->c->n_items; i++)
        memcpy(t->own.x + i * d, part->own_item + i * part->width + t->member * d,
               d * sizeof(float));
    memcpy(t->theta.x, part->own_theta + t->member * t->net.n_theta,
           t->net.n_theta * sizeof(float));
}

enum pz_status pz_seq_learn_on(const struct pz_corpus *c, const struct pz_delta *delta,
                               const struct pz_fit_cfg *cfg, struct pz_seq_part *part,
                               struct pz_err *err)
{
    struct pz_fit_cfg each = *cfg;
    enum pz_status st = PZ_OK;

    /* One after the other; each has its share of the time. */
    each.learn_s /= (double)part->net.members;
    each.time_limit_s /= (double)part->net.members;
    for (size_t m = 0; m < part->net.members && st == PZ_OK; m++) {
        struct pz_seq_trainer *t = NULL;

        st = pz_seq_trainer_new(c, NULL, &each, part, m, &t, err);
        if (st == PZ_OK) {
            take_up(t, part);
            t->data.first_new = delta->first_new;
            pz_seq_epoch(&t->data, 0); /* tells how many pairs there are */
            st = pz_seq_trainer_run(t, part, err);
        }
        pz_seq_trainer_free(t);
    }
    return st;
}
