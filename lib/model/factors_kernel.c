/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels of implicit matrix factorisation: see factors.h. Reductions keep eight sums of their own, so
 * the compiler may use vectors and the order of additions is the same on every machine. */
#include "model/factors.h"

#include <string.h>

#include "base/simd.h"

enum { LANES = 8 };

static inline float dot(const float *a, const float *b, size_t d)
{
    float sum[LANES] = { 0 };

    for (size_t k = 0; k < d; k += LANES)
        for (size_t l = 0; l < LANES; l++)
            sum[l] += a[k + l] * b[k + l];
    return ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
}

PZ_KERNEL float pz_dot(const float *a, const float *b, size_t d)
{
    return dot(a, b, d);
}

PZ_KERNEL void pz_scan(const float *y, const float *x, size_t n, size_t d, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = dot(y + i * d, x, d);
}

PZ_KERNEL void pz_gram(const float *y, size_t n, size_t d, float *gram)
{
    for (size_t i = 0; i < n; i++)
        for (size_t a = 0; a < d; a++) {
            float f = y[i * d + a];

            for (size_t b = 0; b < d; b++)
                gram[a * d + b] += f * y[i * d + b];
        }
}

/* out = (sum_k w_k y_k y_k^T + gram + reg I) v */
static inline void apply(const struct pz_row_problem *p, const float *v, float *out)
{
    size_t d = p->d;

    for (size_t a = 0; a < d; a++)
        out[a] = dot(p->gram + a * d, v, d) + p->reg * v[a];
    for (size_t k = 0; k < p->n; k++) {
        const float *y = p->y + (size_t)p->id[k] * d;
        float f = p->weight[k] * dot(y, v, d);

        for (size_t a = 0; a < d; a++)
            out[a] += f * y[a];
    }
}

PZ_KERNEL void pz_solve_row(const struct pz_row_problem *p, float *x, int steps, float *work)
{
    size_t d = p->d;
    float *residual = work, *direction = work + d, *image = work + 2 * d, error, next;

    apply(p, x, image);
    for (size_t a = 0; a < d; a++)
        residual[a] = -image[a];
    for (size_t k = 0; k < p->n; k++) {
        const float *y = p->y + (size_t)p->id[k] * d;

        for (size_t a = 0; a < d; a++)
            residual[a] += p->weight[k] * y[a];
    }
    memcpy(direction, residual, d * sizeof *direction);
    error = dot(residual, residual, d);
    for (int s = 0; s < steps && error > 1e-12f; s++) {
        float step;

        apply(p, direction, image);
        step = error / dot(direction, image, d);
        for (size_t a = 0; a < d; a++) {
            x[a] += step * direction[a];
            residual[a] -= step * image[a];
        }
        next = dot(residual, residual, d);
        for (size_t a = 0; a < d; a++)
            direction[a] = residual[a] + next / error * direction[a];
        error = next;
    }
}
