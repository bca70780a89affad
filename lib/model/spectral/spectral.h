/* SPDX-License-Identifier: Apache-2.0 */
/* Private to model/spectral/: the inside of the spectral scorer, shared by its files and its tests.
 *
 * With R[u,i] the weight of user u's events of item i, n_u and n_i its row and column sums, x and y
 * two powers, A[u,i] = R[u,i] / (n_u^x n_i^y). V holds the k leading right singular vectors of A, l
 * their squared singular values. A history h scores s_j = n_j^z sum_k v_jk l_k^power sum_i v_ik h_i
 * / n_i^y.
 *
 * Vectors are kept as bytes with one scale a row, a quarter of the memory and of the time that a
 * query spends on reading them: v_jk = scale_j * code_jk, |code| <= 127.
 *
 * Threads: a learned part is only read: any number, each with a scratch of its own. A fit and the
 * functions here that take an err use all cores and belong to one caller. */
#ifndef PZ_MODEL_SPECTRAL_SPECTRAL_H
#define PZ_MODEL_SPECTRAL_SPECTRAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "data/shares.h"
#include "model/bytes.h"
#include "model/dense.h"
#include "model/scorer.h"

/* Indices of the settings, in the order of the scorer's table. */
enum pz_spectral_set {
    PZ_SPECTRAL_DIM,
    PZ_SPECTRAL_USER_NORM,   /* x */
    PZ_SPECTRAL_ITEM_NORM,   /* y */
    PZ_SPECTRAL_TARGET_NORM, /* z */
    PZ_SPECTRAL_POWER,
    PZ_SPECTRAL_RECENCY, /* exponent of 1 / rank in the history, where there is an order */
    PZ_SPECTRAL_HISTORY, /* events of the history that count */
    PZ_SPECTRAL_N
};

/* A learned part. */
struct pz_spectral_part {
    double set[PZ_SPECTRAL_N];
    uint32_t n_items;
    size_t d; /* vectors, a multiple of 8 */
    bool ordered;
    const int8_t *code;    /* [n_items * d] V by rows */
    const float *scale;    /* [n_items] */
    const float *value;    /* [d] l, descending */
    const float *weight;   /* [n_items] n_i */
    const float *in, *out; /* [n_items] scale_i / n_i^y, scale_j * n_j^z; 0 without events */
    const struct pz_bytes_off *off; /* [ceil(n_items / 64)] of code and out, once loaded; or NULL */
    const float *length;            /* [n_items] of code times out; NULL where off is */
    const uint32_t *longest;        /* [n_items] items by it; NULL: there are few */
    int8_t *own_code;               /* these are NULL when borrowed from a table */
    float *own_scale, *own_value, *own_weight, *own_in, *own_out, *own_length;
    struct pz_bytes_off *own_off;
    uint32_t *own_longest;
};

/* A in both orders; where users are in shares of rows and columns those of the rank. */
struct pz_sparse {
    size_t rows, cols;
    const uint64_t *ptr; /* [rows + 1]; borrowed, as col */
    const uint32_t *col; /* [n] */
    float *by_row;       /* [n] */
    struct pz_by_item by_col;
    struct pz_share my_rows; /* that this rank multiplies */
};

/* q <- A^T A q; of its a.cols rows each rank makes its own, in blocks of PZ_MAT_ROWS. Deterministic
 * at any number of threads. Memory: 4 * PZ_SPECTRAL_BLOCK bytes a row of A.
 * Errors: PZ_TRY_AGAIN memory is out */
enum pz_status pz_sparse_square(const struct pz_sparse *a, struct pz_mat q, struct pz_err *err);

/* Columns that k vectors are found with, where A has so many rows and columns. */
double pz_sparse_width(double k);

/* The leading eigenvectors of A^T A: *vector a.cols x k, value [k] descending. Vectors beyond the
 * rank of A are zero. Memory: 4.5 bytes a cell of *vector, in which it works.
 * Owner:  the caller, who gives vector->v to pz_ranks_return; NULL after a failure
 * Errors: PZ_TRY_AGAIN memory is out; PZ_INTERNAL A is not finite, or LAPACK did not converge */
enum pz_status pz_sparse_eigen(const struct pz_sparse *a, size_t k, uint64_t seed,
                               struct pz_mat *vector, float *value, struct pz_err *err);

enum { PZ_SPECTRAL_BLOCK = 32 };

#endif
