/* SPDX-License-Identifier: Apache-2.0 */
/* Private to model/sequence/: a training of one encoder, that may go on (fit.c, go_on.c).
 *
 * Threads: a trainer belongs to one thread, whose loops use all cores. */
#ifndef PZ_MODEL_SEQUENCE_TRAINER_H
#define PZ_MODEL_SEQUENCE_TRAINER_H

#include "model/sequence/batch.h"

enum { PZ_SEQ_SHARDS = 4 };

/* Parameters with Adam's two moments. */
struct pz_seq_weights {
    float *x, *m, *v;
};

struct pz_seq_trainer {
    const struct pz_corpus *c;
    const struct pz_fit_cfg *cfg;
    struct pz_seq_net net; /* theta: the weights being learned */
    struct pz_seq_features f;
    struct pz_seq_data data;
    struct pz_seq_step step;
    struct pz_seq_weights own, feature, theta; /* [n_items * d], [f.n * d], [n_theta] */
    struct pz_seq_weights kept[3]; /* of a training that may go on: the same before the rate fell */
    float *unit, *length;          /* [step items * d] vectors in use, [step items] 1 / |v| */
    float *grad_item;              /* [step items * d] */
    float *packed, *cand, *across; /* of a step, for products: matrices, candidates both ways */
    float *dx, *q, *dtarget;       /* [T * d], [T * d], [T] */
    uint32_t *use_ptr, *use;    /* by place: [items + 1] and [2T] 2t as input, 2t + 1 as target */
    float *grad_feature;        /* [f.n * d], zero between steps */
    uint32_t *touched;          /* [f.n] */
    uint8_t *is_touched;        /* [f.n] */
    char *shard[PZ_SEQ_SHARDS]; /* tape, gradients and scratch of each */
    size_t cut[PZ_SEQ_SHARDS + 1]; /* sequences of each */
    double loss[PZ_SEQ_SHARDS];
    float scale;
    double started, cpu_started, rate;
    struct pz_seq_adam adam; /* of the step */
    size_t member;           /* which of the part's */
    uint64_t seed;
    double done; /* pairs read */
    uint64_t epoch;
    bool within;      /* an epoch is under way */
    double new_share; /* of the pairs, that a part which is finished has not read */
};

/* With all memory, nothing learned, for a member of a part. attrs: whose features share in items'
 * vectors; NULL: none do.
 * Errors: PZ_TRY_AGAIN memory is out
 * Owner:  the caller, by pz_seq_trainer_free, also after a failure; corpus and cfg are borrowed */
enum pz_status pz_seq_trainer_new(const struct pz_corpus *c, const struct pz_attrs *attrs,
                                  const struct pz_fit_cfg *cfg, const struct pz_seq_part *part,
                                  size_t member, struct pz_seq_trainer **out, struct pz_err *err);

/* Give it the values that a training starts with.
 * Errors: as the fit of factors, which place the items */
enum pz_status pz_seq_trainer_start(struct pz_seq_trainer *t, struct pz_err *err);

/* Learn on until as much is read as its cfg says, the last PZ_SEQ_TAIL of it with a falling rate,
 * and put items and net into the part. With goes_on the next run begins before that.
 * Errors: PZ_TRY_AGAIN memory is out; of several ranks as pz_ranks_collect */
enum pz_status pz_seq_trainer_run(struct pz_seq_trainer *t, struct pz_seq_part *part,
                                  struct pz_err *err);

/* Copy n parameters with their moments; to is made where it has none. False: memory is out. */
bool pz_seq_weights_copy(struct pz_seq_weights *to, const struct pz_seq_weights *from, size_t n);

#endif
