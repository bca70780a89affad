/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the factors scorer, shared by its files and its tests.
 *
 * A user's vector x solves (items likewise, with the sides exchanged)
 *   (sum_k w_k y_k y_k^T + alpha0 Y^T Y + reg I) x = sum_k w_k y_k
 * over the n events k of the history, reg = lambda (n + alpha0 |I|)^nu. Of users U and items I with
 * S events, alpha0 = unseen * S / (|U| |I|): all the pairs that did not happen weigh `unseen` times
 * what did, whatever the shape of the data. All vectors are kept in the basis in which Y^T Y is
 * diagonal, so its product with a vector costs d instead of d * d and its diagonal is a good
 * preconditioner. Scores do not depend on the basis.
 *
 * Threads: a learned part is only read: any number, each with its own outputs and scratch. A fit
 * uses all cores and belongs to one caller. */
#ifndef PZ_MODEL_FACTORS_FACTORS_H
#define PZ_MODEL_FACTORS_FACTORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/bytes.h"
#include "model/scorer.h"

/* Indices of the settings, in the order of the scorer's table. */
enum pz_factors_set {
    PZ_FACTORS_DIM,
    PZ_FACTORS_SWEEPS,
    PZ_FACTORS_UNSEEN,
    PZ_FACTORS_LAMBDA,
    PZ_FACTORS_NU,
    PZ_FACTORS_SOLVER,  /* 0 conjugate gradients, 1 Cholesky */
    PZ_FACTORS_RECENCY, /* exponent of 1 / rank in the history */
    PZ_FACTORS_HISTORY, /* events of the history that count */
    PZ_FACTORS_N
};

enum { PZ_FACTORS_LANES = 8, PZ_FACTORS_WORK = 5, PZ_FACTORS_CHUNK = 64 };

/* A learned part. */
struct pz_factors_part {
    double set[PZ_FACTORS_N];
    uint32_t n_items;
    size_t d;                     /* length of a vector, a multiple of PZ_FACTORS_LANES */
    double n_rows, alpha0;        /* |I| and alpha0 of the training */
    const float *item;            /* [n_items * d] */
    const float *spread;          /* [d] diagonal of Y^T Y */
    float *own_item, *own_spread; /* NULL when borrowed from a table */
    struct pz_bytes_copy bytes;   /* of item, in a part that was loaded */
};

/* One row's equation. */
struct pz_row_problem {
    const float *y;      /* vectors of the other side, d floats a row */
    const uint32_t *id;  /* [n] rows of y */
    const float *weight; /* [n], > 0 */
    size_t n, d;
    const float *diag;    /* [d] alpha0 * diagonal of Y^T Y */
    const float *typical; /* [d] mean of y^2 over events: the preconditioner's guess of y_k^2 */
    float reg;
};

/* ---- kernel.c: no allocation; thread-safe on different outputs ---- */

/* Sum of a[k] * b[k], k < d. Eight lanes, folded in a fixed order. */
float pz_dot(const float *a, const float *b, size_t d);

/* out[i] = dot(y_i, x) for n rows. */
void pz_scan(const float *y, const float *x, size_t n, size_t d, float *out);

/* Products of the rows of one matrix with several vectors. */
struct pz_scan_block {
    const float *y; /* [n * d] */
    size_t n, d;
    const float *const *x; /* [n_x] vectors [d] */
    size_t n_x;
    float *const *out; /* [n_x] arrays [n] */
};

/* As pz_scan for each vector, to the last bit; a row is read once for all. Reference: pz_scan.
 *
 * Threads: any, on different out */
void pz_scan_block(const struct pz_scan_block *b);

/* out[i] = dot(y_i, x) / |y_i|, 0 where |y_i| = 0. */
void pz_scan_cosine(const float *y, const float *x, size_t n, size_t d, float *out);

/* Preconditioned conjugate gradients from x (a warm start), at most `steps`, fewer when the
 * residual has shrunk by `tolerance`. rhs: NULL for sum_k w_k y_k, else [d]. work: PZ_FACTORS_WORK
 * * d floats, 32-byte aligned, as x, y and diag must be. */
void pz_solve_row(const struct pz_row_problem *p, const float *rhs, int steps, float tolerance,
                  float *x, float *work);

/* The same equation exactly, by Cholesky. work: (d + PZ_FACTORS_CHUNK) * d floats. */
void pz_solve_row_exact(const struct pz_row_problem *p, float *x, float *work);

/* ---- factors.c ---- */

/* The vector of a query's history (n_hist > 0): solved from the part's item vectors, which may be
 * any table of that shape. Returns d floats.
 * Owner: they lie in scratch (pz_factors.scratch_bytes), until its next use */
const float *pz_factors_query(const struct pz_factors_part *f, const struct pz_query *q,
                              void *scratch);

/* ---- als.c ---- */

/* Alternate over a corpus, `sweeps` times at most; fills f->own_item and own_spread, which the
 * caller has allocated, n_rows and alpha0. Vectors of items that are not zero at the call are where
 * it starts. Memory: 4 d bytes a user and 8 bytes an interaction. Stops early at cfg->time_limit_s
 * or a signal.
 *
 * Errors: PZ_TRY_AGAIN memory is out; as pz_mat_eigen */
enum pz_status pz_factors_alternate(const struct pz_corpus *c, const struct pz_fit_cfg *cfg,
                                    int sweeps, struct pz_factors_part *f, struct pz_err *err);

/* Give new items vectors beside old ones, which stay: see fold.c. f->own_item holds the old vectors
 * at their new places, n_rows, alpha0 and own_spread are the old part's and are brought up to date.
 * Errors:  PZ_TRY_AGAIN memory is out
 * Threads: one at a time on the same part */
enum pz_status pz_factors_fold(const struct pz_corpus *c, const struct pz_delta *delta,
                               struct pz_factors_part *f, struct pz_err *err);

/* reg of a row with n events where n_other rows of the other side have events. */
float pz_factors_reg(const struct pz_factors_part *f, double n, double n_other);

#endif
