/* SPDX-License-Identifier: Apache-2.0 */
/* Private to model/sequence/: the pieces of the sequence scorer, open to their tests. What it
 * computes: sequence.c.
 *
 * Shapes: d length of a vector, f of the hidden layer (both multiples of 8), T tokens (events of
 * several histories one behind the other, "packed"), all arrays row-major floats. Nothing here
 * knows of threads but fit.c.
 *
 * Threads: every function is safe on different outputs; pz_seq_train uses all cores and belongs to
 * one caller. */
#ifndef PZ_MODEL_SEQUENCE_SEQUENCE_H
#define PZ_MODEL_SEQUENCE_SEQUENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/corpus.h"
#include "model/bytes.h"
#include "model/clusters.h"
#include "model/dense.h"
#include "model/scorer.h"

enum pz_seq_setting {
    PZ_SEQ_DIM,
    PZ_SEQ_HIDDEN,
    PZ_SEQ_LAYERS,
    PZ_SEQ_WINDOW,
    PZ_SEQ_EPOCHS,
    PZ_SEQ_PAIRS,
    PZ_SEQ_BATCH,
    PZ_SEQ_NEGATIVES,
    PZ_SEQ_RATE,
    PZ_SEQ_DECAY,
    PZ_SEQ_DROPOUT,
    PZ_SEQ_TAU,
    PZ_SEQ_TEMPERATURE,
    PZ_SEQ_MEMBERS, /* last: older files do not have it */
    PZ_SEQ_N
};

#define PZ_SEQ_TAIL 0.3 /* share of a run over which the learning rate falls to zero */
#define PZ_SEQ_MAX_DIM 512
#define PZ_SEQ_MAX_MEMBERS 8

/* ---- kernel.c ---- */

/* exp(x) to about 2e-7 relative; x beyond -60..60 counts as the limit. The same bits on every
 * machine. */
void pz_seq_exp(float *x, size_t n);

/* u = x / r by rows, r[t] = 1 / sqrt(mean(x_t^2) + 1e-6) kept for the way back. */
void pz_seq_norm(const float *x, size_t T, size_t d, float *u, float *r);
/* dx += gradient through pz_seq_norm. */
void pz_seq_norm_back(const float *du, const float *u, const float *r, size_t T, size_t d,
                      float *dx);

/* The gated linear recurrence over one history of n tokens, h_0 = 0:
 *   z = sigmoid(a_z), h_t = h_{t-1} + w_t z_t (c_t - h_{t-1}), y_t = h_t * silu(g_t)
 * gate: [n * 3d] rows a_z, c, g; a_z is replaced by z. weight: [n] w_t in (0, 1]. h, y: [n * d]. */
struct pz_seq_scan {
    size_t n, d;
    const float *weight;
    float *gate, *h, *y;
};
/* Forward: fills h and y. */
void pz_seq_recur(const struct pz_seq_scan *s);
/* dgate [n * 3d] from dy [n * d]; carry: [d] scratch. */
void pz_seq_recur_back(const struct pz_seq_scan *s, const float *dy, float *dgate, float *carry);

/* s = silu(a) * b of rows ab = (a, b) [T * 2f], and its gradient. */
void pz_seq_glu(const float *ab, size_t T, size_t f, float *s);
void pz_seq_glu_back(const float *ab, const float *ds, size_t T, size_t f, float *dab);

/* out (+)= keep[i] ? x[i] * scale : 0; keep NULL: all. */
void pz_seq_drop_add(const float *x, const uint8_t *keep, float scale, size_t n, float *out);
void pz_seq_drop(const float *x, const uint8_t *keep, float scale, size_t n, float *out);

/* x = f * x - minus; minus NULL: f * x. */
void pz_seq_scale(float f, const float *minus, size_t n, float *x);
float pz_seq_dot(const float *a, const float *b, size_t d);

/* out += f * x. */
void pz_seq_axpy(float f, const float *x, size_t n, float *out);

/* Some rows of a matrix, each with a weight. */
struct pz_seq_rows {
    size_t n;
    const uint32_t *id;
    const float *weight;
};
/* out [d] += the sum of weight[k] times row id[k] of x, in the order of k. */
void pz_seq_gather(const float *x, size_t d, const struct pz_seq_rows *rows, float *out);
/* Backwards, in `width` of the d columns: weight[k] times x is added to row id[k] of out. */
void pz_seq_scatter(const float *x, size_t width, size_t d, const struct pz_seq_rows *rows,
                    float *out);
/* out [n] = the sum of n_x arrays, in their order. */
void pz_seq_sum(const float *const *x, size_t n_x, size_t n, float *out);

/* Adam (Kingma & Ba 2015) with decoupled decay (Loshchilov & Hutter 2019) on n parameters. */
struct pz_seq_adam {
    float rate, decay; /* rate includes the schedule; decay is rate * weight decay */
    float fix1, fix2;  /* 1 / (1 - beta^step) */
};
/* One step of x against the gradient g; m, v: the two moments. */
void pz_seq_adam(const struct pz_seq_adam *a, const float *g, size_t n, float *x, float *m,
                 float *v);

/* Row softmax with the target aside. l: [n] logits, replaced by probabilities; *target: logit in,
 * probability out. Returns -log p(target). */
float pz_seq_softmax(float *l, size_t n, float *target);

/* ---- net.c ---- */

struct pz_seq_net {
    size_t d, f, n_layers;
    size_t n_theta; /* parameters of one encoder */
    size_t members; /* encoders whose products are added (pz_seq_vector); 0 and 1: this one */
    const float
        *theta; /* layer by layer: win [d * 3d], bin [3d], wout [d * d], w1 [d * 2f], w2 [f * d] */
    const float *packed; /* its matrices (pz_seq_pack); NULL: each product packs them */
};
/* The matrices of theta packed for products, once for all shards of a step: so many floats, made by
 * so many jobs, each a part of its own. Without it a product of 64 rows takes a third longer. */
size_t pz_seq_packed(const struct pz_seq_net *net);
size_t pz_seq_pack_jobs(const struct pz_seq_net *net);
void pz_seq_pack(const struct pz_seq_net *net, size_t job, float *packed);
/* n_theta of a net. */
size_t pz_seq_theta(size_t d, size_t f, size_t n_layers);

/* Packed histories: history s is tokens start[s] .. start[s+1]. */
struct pz_seq_pack {
    size_t n_seq;
    const uint32_t *start; /* [n_seq + 1], start[0] = 0 */
    const float *weight;   /* [T] in (0, 1] */
    float dropout;         /* 0: none */
    uint64_t seed;         /* of this step's dropout */
    uint64_t row;          /* number of the first token among the step's rows */
};

/* What the way back needs, cut from one block. */
struct pz_seq_tape {
    size_t T;      /* room */
    bool once;     /* a query, forward only: one history, of which only the last row counts */
    size_t rows;   /* that the pass is working on */
    float *x;      /* [T * d] in: item vectors; out: last residual */
    float *q, *r;  /* [T * d] normalised output, [T] */
    float *layer;  /* [layers * layer_floats] */
    float *work;   /* backward */
    uint8_t *keep; /* dropout masks */
};
/* Bytes of the block for T tokens. */
size_t pz_seq_tape_bytes(const struct pz_seq_net *net, size_t T, bool once);
void pz_seq_tape_cut(const struct pz_seq_net *net, size_t T, bool once, void *block,
                     struct pz_seq_tape *tape);

/* tape->q = encoder of tape->x; rows have length sqrt(d). Of a query: one row, the last token's. */
void pz_seq_forward(const struct pz_seq_net *net, const struct pz_seq_pack *p,
                    struct pz_seq_tape *t);
/* dx: [T * d] in: gradient of q, out: gradient of the item vectors that came in; grad [n_theta].
 */
void pz_seq_backward(const struct pz_seq_net *net, const struct pz_seq_pack *p,
                     struct pz_seq_tape *t, float *dx, float *grad);
/* Starting values. */
void pz_seq_theta_init(const struct pz_seq_net *net, uint64_t seed, float *theta);

/* ---- loss.c ---- */

/* Sampled softmax: the loss of one position with target y among candidates j != y is
 *   -log(e^{s_y} / (e^{s_y} + sum_j e^{s_j} / pi_j)),  s = scale * q.e
 * pi_j: the probability that j is among the candidates (1: full softmax), so that the sum is an
 * unbiased estimate of the whole one (Horvitz & Thompson 1952). */
struct pz_seq_loss {
    size_t T, M, d;
    float scale;
    const float *q;             /* [T * d] */
    const float *target;        /* [T * d] vectors of the targets */
    const uint32_t *slot;       /* [T] the target's place among the candidates, or PZ_NONE */
    const float *weight;        /* [T] of the position in the loss */
    const float *cand, *across; /* [M * d] and what stands across in it, packed (pz_gemm_pack) */
    const float *log_pi;        /* [M] */
    float *work;                /* [PZ_SEQ_ROWS * M] */
    /* out */
    float *dq;      /* [T * d] */
    float *dtarget; /* [T] derivative by the target's logit, times scale */
    float *dcand;   /* [M * d] */
};
#define PZ_SEQ_ROWS 128 /* of logits at a time: they stay in the second cache */
/* Returns the summed loss. */
double pz_seq_loss(const struct pz_seq_loss *l);

/* ---- features.c ---- */

/* Item features from attributes: CSR of (feature, weight) by item, weights of an item with
 * length 1. */
struct pz_seq_features {
    uint32_t n;    /* features */
    uint64_t *ptr; /* [n_items + 1], owned */
    uint32_t *id;  /* owned */
    float *weight; /* owned */
};
/* attrs: n_items rows, or NULL.
 * Errors: PZ_TRY_AGAIN memory is out
 * Owner:  the caller clears *out, also after a failure */
enum pz_status pz_seq_features_make(const struct pz_attrs *attrs, uint32_t n_items,
                                    struct pz_seq_features *out, struct pz_err *err);
/* Accepts an all-zero one. */
void pz_seq_features_clear(struct pz_seq_features *f);

/* ---- cost.c ---- */

/* As pz_scorer.cost.
 * Errors: as pz_scorer.cost */
enum pz_status pz_seq_cost(const struct pz_corpus *c, const double *value, struct pz_fit_cost *out,
                           struct pz_err *err);

/* ---- sequence.c; pz_seq_train: fit.c; pz_seq_learn_on, pz_seq_finish: go_on.c ---- */

struct pz_seq_trainer; /* trainer.h: a training that may go on */

/* The learned part. */
struct pz_seq_part {
    double set[PZ_SEQ_N];
    uint32_t n_items;
    struct pz_seq_net net;
    size_t width;                /* of an item's row: members * d */
    const float *item;           /* [n_items * width] unit vectors, a member behind the other; zero:
                                       nothing known */
    float *own_item, *own_theta; /* NULL when borrowed from a table */
    struct pz_seq_trainer *trainer[PZ_SEQ_MAX_MEMBERS]; /* NULL: it does not go on */
    struct pz_bytes_copy bytes;                         /* of item, in a part that was loaded */
    struct pz_clusters clusters;                        /* likewise, of a campaign */
};

/* A history, oldest first, of which the newest `window` events are read. */
struct pz_seq_history {
    const uint32_t *item;
    const float *weight;
    size_t n, window; /* both > 0 */
};
/* Bytes of scratch for pz_seq_scores. */
size_t pz_seq_scores_bytes(const struct pz_seq_net *net, size_t window);
/* The encoded history [d].
 *
 * Owner:   it lies in the scratch (64-byte aligned, pz_seq_scores_bytes), until its next use
 * Threads: any, with one scratch a thread */
const float *pz_seq_vector(const struct pz_seq_net *net, const float *item,
                           const struct pz_seq_history *h, void *scratch);
/* The product of one item's vector with one of pz_seq_vector, to the last bit as the next two have
 * it. */
float pz_seq_product(const float *item, const float *x, size_t d);

/* Encoded histories, and an array [n_items] for the scores of each. */
struct pz_seq_vectors {
    const float *const *x; /* [n] vectors [d] */
    float *const *out;     /* [n] */
    size_t n;
};

/* Dot products of n encoded histories with the item vectors, an item read once for all. Threads:
 * any, on different out */
void pz_seq_scan(const float *item, uint32_t n_items, size_t d, const struct pz_seq_vectors *v);

/* out[n_items]: dot products of the encoded history with the item vectors. scratch: 64-byte
 * aligned. */
void pz_seq_scores(const struct pz_seq_net *net, const float *item, uint32_t n_items,
                   const struct pz_seq_history *h, void *scratch, float *out);
/* Learn nets and items of a part whose sizes are set, members from `first` on, until as many pairs
 * are read as cfg says: from the start, where both arrays are allocated, zero, or on from where the
 * training was that the part has kept. It is kept again if cfg->goes_on. At the time limit or a
 * signal it ends with the best so far.
 * Errors: PZ_TRY_AGAIN memory is out; as pz_factors_alternate, from which it starts
 * Owner:  the part has the training, freed by pz_seq_trainer_free */
enum pz_status pz_seq_train(const struct pz_corpus *c, const struct pz_fit_cfg *cfg, size_t first,
                            struct pz_seq_part *part, struct pz_err *err);
/* Go on learning a part that an update has placed new items in, for cfg->learn_s processor seconds,
 * from what delta says is new and as much of what is not, in as many passes at most as a fit makes.
 * Errors: PZ_TRY_AGAIN memory is out */
enum pz_status pz_seq_learn_on(const struct pz_corpus *c, const struct pz_delta *delta,
                               const struct pz_fit_cfg *cfg, struct pz_seq_part *part,
                               struct pz_err *err);
/* Learn nets and items of a part whose sizes are set from where the trainers of another stand,
 * which learned of a corpus that lacks some events of this one, to the end of a run: its last
 * PZ_SEQ_TAIL, and more where much is new.
 * Members that the other part lacks begin at the start; its trainers are freed.
 * Errors: PZ_TRY_AGAIN memory is out */
enum pz_status pz_seq_finish(const struct pz_corpus *c, const struct pz_fit_cfg *cfg,
                             struct pz_seq_part *begun, struct pz_seq_part *part,
                             struct pz_err *err);
/* Accepts NULL. */
void pz_seq_trainer_free(struct pz_seq_trainer *t);

#endif
