/* SPDX-License-Identifier: Apache-2.0 */
/* Private to model/: kernels of implicit matrix factorisation, open to their tests. Shapes: d factors,
 * rows of d floats, row-major. No allocation; thread-safe on different outputs. */
#ifndef PZ_MODEL_FACTORS_H
#define PZ_MODEL_FACTORS_H

#include <stddef.h>
#include <stdint.h>

/* Sum of a[k] * b[k], k < d; d a multiple of 8. Eight lanes, folded in a fixed order. */
float pz_dot(const float *a, const float *b, size_t d);

/* out[i] = dot(y_i, x) for n rows. */
void pz_scan(const float *y, const float *x, size_t n, size_t d, float *out);

/* gram[d * d] += sum over rows i < n of y_i y_i^T. */
void pz_gram(const float *y, size_t n, size_t d, float *gram);

/* One row of implicit ALS (Hu, Koren & Volinsky 2008; Rendle et al. 2022):
 *   (sum_k w_k y_k y_k^T + gram + reg I) x = sum_k w_k y_k
 * gram is already multiplied by alpha0. */
struct pz_row_problem {
    const float *y;       /* factors of the other side */
    const uint32_t *id;   /* [n] rows of y */
    const float *weight;  /* [n] */
    size_t n, d;
    const float *gram;    /* [d * d] */
    float reg;
};

/* Conjugate gradients from x (warm start), at most `steps`; work holds 4 * d floats. */
void pz_solve_row(const struct pz_row_problem *p, float *x, int steps, float *work);

#endif
