/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels of the sequence encoder: see sequence.h. Everything elementwise is written so that the
 * compiler may use vectors without changing a sum's order; exp is our own so that it vectorises and
 * does not depend on the machine's library.
 *
 * Normalisation is RMSNorm (Zhang & Sennrich 2019), the feed-forward gate SwiGLU (Shazeer 2020),
 * the optimiser AdamW (Loshchilov & Hutter 2019). Sums run in eight lanes that are folded in a
 * fixed order: the same bits with vectors of any width. Lengths d and f are multiples of eight.
 *
 * References in test_sequence: exp_agrees_with_the_library, softmax_of_three_by_hand,
 * recurrence_by_hand; each *_back is held against differences of the loss
 * (gradients_of_every_matrix_are_its_slopes). Floor: all of them are linear in what they read, d or
 * f numbers a row, where the matrix products around them take d operations a number. */
#include "model/sequence/sequence.h"

#include <math.h>
#include <string.h>

#include "base/simd.h"

enum { LANES = 8 };

typedef float v8 __attribute__((vector_size(32)));

static const float zeros[PZ_SEQ_MAX_DIM]; /* the state before the first event */

static inline float sigmoid(float x)
{
    return 1.0f / (1.0f + pz_exp_fast(-x));
}

static inline float dot(const float *a, const float *b, size_t d)
{
    float sum[LANES] = { 0 };

    for (size_t k = 0; k < d; k += LANES)
        for (size_t l = 0; l < LANES; l++)
            sum[l] += a[k + l] * b[k + l];
    return ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
}

PZ_KERNEL void pz_seq_exp(float *x, size_t n)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        x[i] = pz_exp_fast(x[i]);
}

PZ_KERNEL void pz_seq_norm(const float *x, size_t T, size_t d, float *u, float *r)
{
    for (size_t t = 0; t < T; t++) {
        /* 1e-6 inside the root: a row of zeros (an item that says nothing) stays zero instead of
         * becoming NaN. */
        float f = 1.0f / sqrtf(dot(x + t * d, x + t * d, d) / (float)d + 1e-6f);

        r[t] = f;
        for (size_t k = 0; k < d; k++)
            u[t * d + k] = x[t * d + k] * f;
    }
}

PZ_KERNEL void pz_seq_norm_back(const float *du, const float *u, const float *r, size_t T, size_t d,
                                float *dx)
{
    for (size_t t = 0; t < T; t++) {
        /* d/dx of u = x r with r = (mean x^2)^-1/2: dx = r (du - u mean(du u)). The 1e-6 is left
         * out, which matters only where x is about 1e-3 and less. */
        float mean = dot(du + t * d, u + t * d, d) / (float)d;

        for (size_t k = 0; k < d; k++)
            dx[t * d + k] += r[t] * (du[t * d + k] - u[t * d + k] * mean);
    }
}

PZ_KERNEL void pz_seq_recur(const struct pz_seq_scan *s)
{
    size_t d = s->d;

    for (size_t t = 0; t < s->n; t++) {
        float *restrict a = s->gate + t * 3 * d, *restrict h = s->h + t * d,
                        *restrict y = s->y + t * d;
        const float *c = a + d, *g = a + 2 * d, *before = t > 0 ? h - d : zeros;
        float w = s->weight[t];

#pragma omp simd
        for (size_t k = 0; k < d; k++) {
            /* h <- h + w z (c - h): z is how much of the candidate c is taken up, w (an event's
             * weight, at most 1) how much the event counts; one of weight 0 leaves the state alone.
             * The state is read out through silu(g). */
            float z = sigmoid(a[k]);

            /* The way back needs z, not a: kept in its place. */
            a[k] = z;
            h[k] = before[k] + w * z * (c[k] - before[k]);
            y[k] = h[k] * g[k] * sigmoid(g[k]);
        }
    }
}

PZ_KERNEL void pz_seq_recur_back(const struct pz_seq_scan *s, const float *dy, float *dgate,
                                 float *carry)
{
    size_t d = s->d;

    /* carry is dL/dh[t] as far as it comes from events after t, through the factor 1 - w z by which
     * a state survives. */
    memset(carry, 0, d * sizeof *carry);
    for (size_t t = s->n; t-- > 0;) {
        const float *z = s->gate + t * 3 * d, *c = z + d, *g = z + 2 * d, *h = s->h + t * d;
        const float *before = t > 0 ? h - d : zeros, *in = dy + t * d;
        float *restrict da = dgate + t * 3 * d, *restrict on = carry, w = s->weight[t];

#pragma omp simd
        for (size_t k = 0; k < d; k++) {
            /* silu'(g) = e (1 + g (1 - e)) with e = sigmoid(g). */
            float e = sigmoid(g[k]), dh = in[k] * g[k] * e + on[k];

            da[k] = dh * w * (c[k] - before[k]) * z[k] * (1.0f - z[k]);
            da[d + k] = dh * w * z[k];
            da[2 * d + k] = in[k] * h[k] * e * (1.0f + g[k] * (1.0f - e));
            on[k] = dh * (1.0f - w * z[k]);
        }
    }
}

PZ_KERNEL void pz_seq_glu(const float *ab, size_t T, size_t f, float *s)
{
    for (size_t t = 0; t < T; t++) {
        const float *a = ab + t * 2 * f, *b = a + f;
        float *restrict out = s + t * f;

#pragma omp simd
        for (size_t k = 0; k < f; k++)
            out[k] = a[k] * sigmoid(a[k]) * b[k];
    }
}

PZ_KERNEL void pz_seq_glu_back(const float *ab, const float *ds, size_t T, size_t f, float *dab)
{
    for (size_t t = 0; t < T; t++) {
        const float *a = ab + t * 2 * f, *b = a + f, *in = ds + t * f;
        float *restrict da = dab + t * 2 * f;

#pragma omp simd
        for (size_t k = 0; k < f; k++) {
            float e = sigmoid(a[k]);

            da[k] = in[k] * b[k] * e * (1.0f + a[k] * (1.0f - e));
            da[f + k] = in[k] * a[k] * e;
        }
    }
}

/* scale is 1 / (1 - dropout): what is kept makes up for what is not, so that a query, which drops
 * nothing, sees sums of the same size. */
PZ_KERNEL void pz_seq_drop_add(const float *x, const uint8_t *keep, float scale, size_t n,
                               float *out)
{
    if (!keep)
        for (size_t i = 0; i < n; i++)
            out[i] += x[i];
    else
        for (size_t i = 0; i < n; i++)
            out[i] += keep[i] ? x[i] * scale : 0.0f;
}

PZ_KERNEL void pz_seq_drop(const float *x, const uint8_t *keep, float scale, size_t n, float *out)
{
    if (!keep)
        /* out may be x itself. */
        memmove(out, x, n * sizeof *out);
    else
        for (size_t i = 0; i < n; i++)
            out[i] = keep[i] ? x[i] * scale : 0.0f;
}

PZ_KERNEL void pz_seq_axpy(float f, const float *x, size_t n, float *out)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        out[i] += f * x[i];
}

static inline __attribute__((always_inline)) void add_row(float f, const float *x, v8 *sum)
{
    v8 row;

    memcpy(&row, x, sizeof row);
    *sum += f * row;
}

/* WIDTH columns of all rows at a time: their sums stay in registers, one variable each. */
PZ_KERNEL void pz_seq_gather(const float *x, size_t d, const struct pz_seq_rows *rows, float *out)
{
    enum { WIDTH = 4 * LANES };
    size_t at = 0;

    for (; at + WIDTH <= d; at += WIDTH) {
        v8 a = { 0 }, b = { 0 }, c = { 0 }, e = { 0 };

        add_row(1, out + at, &a);
        add_row(1, out + at + LANES, &b);
        add_row(1, out + at + 2 * LANES, &c);
        add_row(1, out + at + 3 * LANES, &e);
        for (size_t k = 0; k < rows->n; k++) {
            const float *row = x + (size_t)rows->id[k] * d + at;
            float f = rows->weight[k];

            add_row(f, row, &a);
            add_row(f, row + LANES, &b);
            add_row(f, row + 2 * LANES, &c);
            add_row(f, row + 3 * LANES, &e);
        }
        memcpy(out + at, &a, sizeof a);
        memcpy(out + at + LANES, &b, sizeof b);
        memcpy(out + at + 2 * LANES, &c, sizeof c);
        memcpy(out + at + 3 * LANES, &e, sizeof e);
    }
    for (size_t k = 0; k < rows->n; k++)
        for (size_t l = at; l < d; l++)
            out[l] += rows->weight[k] * x[(size_t)rows->id[k] * d + l];
}

static inline __attribute__((always_inline)) void scatter(const float *restrict x, size_t width,
                                                          size_t d, const struct pz_seq_rows *rows,
                                                          float *restrict out)
{
    const uint32_t *restrict id = rows->id;
    const float *restrict weight = rows->weight;

    for (size_t k = 0, n = rows->n; k < n; k++) {
        float *restrict row = out + (size_t)id[k] * d, f = weight[k];

#pragma omp simd
        for (size_t l = 0; l < width; l++)
            row[l] += f * x[l];
    }
}

PZ_KERNEL void pz_seq_scatter(const float *x, size_t width, size_t d,
                              const struct pz_seq_rows *rows, float *out)
{
    if (width == 4 * LANES) /* known to the compiler: x stays in registers */
        scatter(x, 4 * LANES, d, rows, out);
    else
        scatter(x, width, d, rows, out);
}

PZ_KERNEL void pz_seq_sum(const float *const *x, size_t n_x, size_t n, float *out)
{
    memcpy(out, x[0], n * sizeof *out);
    for (size_t k = 1; k < n_x; k++)
        for (size_t i = 0; i < n; i++)
            out[i] += x[k][i];
}

PZ_KERNEL void pz_seq_adam(const struct pz_seq_adam *a, const float *g, size_t n, float *restrict x,
                           float *restrict m, float *restrict v)
{
    float rate = a->rate, decay = a->decay, fix1 = a->fix1, fix2 = a->fix2;

    for (size_t i = 0; i < n; i++) {
        /* b1 = 0.9 and b2 = 0.98; fix1 and fix2 are 1 / (1 - b^step), for means that began at 0.
         * The decay is decoupled from the gradient, that is AdamW. */
        m[i] = 0.9f * m[i] + 0.1f * g[i];
        v[i] = 0.98f * v[i] + 0.02f * g[i] * g[i];
        x[i] -= rate * (m[i] * fix1) / (sqrtf(v[i] * fix2) + 1e-8f) + decay * x[i];
    }
}

PZ_KERNEL float pz_seq_dot(const float *a, const float *b, size_t d)
{
    return dot(a, b, d);
}

PZ_KERNEL void pz_seq_scale(float f, const float *minus, size_t n, float *x)
{
    if (minus)
        for (size_t i = 0; i < n; i++)
            x[i] = f * x[i] - minus[i];
    else
        for (size_t i = 0; i < n; i++)
            x[i] *= f;
}

PZ_KERNEL float pz_seq_softmax(float *l, size_t n, float *target)
{
    float top = *target, scratch[LANES], sum = 0.0f, own, scale;
    size_t i;

    for (size_t k = 0; k < LANES; k++)
        scratch[k] = top;
    for (i = 0; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            scratch[k] = l[i + k] > scratch[k] ? l[i + k] : scratch[k];
    for (; i < n; i++)
        top = l[i] > top ? l[i] : top;
    for (size_t k = 0; k < LANES; k++)
        top = scratch[k] > top ? scratch[k] : top;
    for (size_t k = 0; k < LANES; k++)
        scratch[k] = 0.0f;
    for (i = 0; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++) {
            l[i + k] = pz_exp_fast(l[i + k] - top);
            scratch[k] += l[i + k];
        }
    for (; i < n; i++) {
        l[i] = pz_exp_fast(l[i] - top);
        sum += l[i];
    }
    for (size_t k = 0; k < LANES; k++)
        sum += scratch[k];
    own = pz_exp_fast(*target - top);
    scale = 1.0f / (sum + own);
    for (i = 0; i < n; i++)
        l[i] *= scale;
    /* -log softmax of the target: log(sum of exp(l - top)) + top - l_target. With the largest logit
     * taken off nothing overflows, and at least one term is 1, so that the log is not of 0. */
    sum = logf(sum + own) + top - *target;
    *target = own * scale;
    return sum;
}
