/* SPDX-License-Identifier: Apache-2.0 */
/* Dense kernels that are safe inside parallel loops: see dense.h.
 *
 * Products follow Goto & van de Geijn (2008) in small: B is packed in panels of COLS columns and
 * DEPTH rows that stay in the second cache; the innermost loops keep ROWS x COLS sums in registers
 * and read ROWS rows of A where they are, in either orientation. Edges are padded with zeros, so
 * the innermost loops have constant bounds. A sum over k runs in order, DEPTH at a time. */
#include <math.h>
#include <string.h>

#include "base/simd.h"
#include "model/dense.h"

enum { ROWS = 6, COLS = 16, DEPTH = 256, PANELS = 4, PAGE = 1024 /* floats */ };

typedef float v8 __attribute__((vector_size(32)));

/* How to read a matrix: element (i, j) at v[i * row + j * col]. */
struct view {
    const float *v;
    size_t row, col;
};

/* Here, unlike elsewhere, a multiplication and an addition may become one instruction: it doubles
 * the speed, and which digits come last depends on the machine, as with any BLAS, not on the
 * threads. */
#if defined(__GNUC__) && !defined(__clang__)
#define FUSED __attribute__((optimize("O3", "fp-contract=fast")))
#else
#define FUSED
#endif

/* acc[ROWS * COLS] = sum over k < depth of a(i, k) * b[k * COLS + j]; b and acc 32-byte aligned. */
PZ_KERNEL FUSED static void inner(size_t depth, struct view a, const float *b, float *acc)
{
    const float *a0 = a.v, *a1 = a0 + a.row, *a2 = a1 + a.row, *a3 = a2 + a.row, *a4 = a3 + a.row;
    const float *a5 = a4 + a.row;
    v8 c00 = { 0 }, c01 = { 0 }, c10 = { 0 }, c11 = { 0 }, c20 = { 0 }, c21 = { 0 };
    v8 c30 = { 0 }, c31 = { 0 }, c40 = { 0 }, c41 = { 0 }, c50 = { 0 }, c51 = { 0 };
    v8 *out = (v8 *)acc;

    for (size_t k = 0, at = 0; k < depth; k++, at += a.col, b += COLS) {
        v8 b0 = *(const v8 *)b, b1 = *(const v8 *)(b + 8);

        c00 += a0[at] * b0, c01 += a0[at] * b1;
        c10 += a1[at] * b0, c11 += a1[at] * b1;
        c20 += a2[at] * b0, c21 += a2[at] * b1;
        c30 += a3[at] * b0, c31 += a3[at] * b1;
        c40 += a4[at] * b0, c41 += a4[at] * b1;
        c50 += a5[at] * b0, c51 += a5[at] * b1;
    }
    out[0] = c00, out[1] = c01, out[2] = c10, out[3] = c11, out[4] = c20, out[5] = c21;
    out[6] = c30, out[7] = c31, out[8] = c40, out[9] = c41, out[10] = c50, out[11] = c51;
}

/* to[k * COLS + i] = from[i * row + k] for COLS rows and depth columns, a multiple of 8: blocks of
 * 8 by 8, by pairs, by fours and by halves. */
PZ_KERNEL static void pack_across(const float *from, size_t row, size_t depth, float *to)
{
    for (size_t k = 0; k < depth * 2; k += 8) {
        const float *block = from + (k < depth ? k : 8 * row + k - depth);
        float *out = k < depth ? to + k * COLS : to + (k - depth) * COLS + 8;
        v8 r[8], p[8];

        for (size_t l = 0; l < 8; l++)
            memcpy(&r[l], block + l * row, sizeof *r);
        for (size_t l = 0; l < 8; l += 2) {
            p[l] = __builtin_shufflevector(r[l], r[l + 1], 0, 8, 1, 9, 4, 12, 5, 13);
            p[l + 1] = __builtin_shufflevector(r[l], r[l + 1], 2, 10, 3, 11, 6, 14, 7, 15);
        }
        for (size_t l = 0; l < 2; l++) { /* columns 2 l and 2 l + 1, and 4 further on */
            v8 a = __builtin_shufflevector(p[l], p[l + 2], 0, 1, 8, 9, 4, 5, 12, 13);
            v8 b = __builtin_shufflevector(p[l], p[l + 2], 2, 3, 10, 11, 6, 7, 14, 15);
            v8 c = __builtin_shufflevector(p[l + 4], p[l + 6], 0, 1, 8, 9, 4, 5, 12, 13);
            v8 d = __builtin_shufflevector(p[l + 4], p[l + 6], 2, 3, 10, 11, 6, 7, 14, 15);
            v8 column[4] = { __builtin_shufflevector(a, c, 0, 1, 2, 3, 8, 9, 10, 11),
                             __builtin_shufflevector(b, d, 0, 1, 2, 3, 8, 9, 10, 11),
                             __builtin_shufflevector(a, c, 4, 5, 6, 7, 12, 13, 14, 15),
                             __builtin_shufflevector(b, d, 4, 5, 6, 7, 12, 13, 14, 15) };

            for (size_t j = 0; j < 4; j++)
                memcpy(out + (2 * l + (j & 1) + (j & 2) * 2) * COLS, &column[j], sizeof *column);
        }
    }
}

/* to[k * width + i] = element (i, k) of a strip of n <= width rows; zeros behind. */
static void pack(struct view from, size_t n, size_t depth, size_t width, float *to)
{
    if (n < width)
        memset(to, 0, depth * width * sizeof *to);
    if (from.row == 1 && n == COLS && width == COLS)
        for (size_t k = 0; k < depth; k++)
            memcpy(to + k * COLS, from.v + k * from.col, COLS * sizeof *to);
    else if (from.col == 1 && n == COLS && width == COLS && depth % 8 == 0)
        pack_across(from.v, from.row, depth, to);
    else
        for (size_t k = 0; k < depth; k++)
            for (size_t i = 0; i < n; i++)
                to[k * width + i] = from.v[i * from.row + k * from.col];
}

static void add_tile(const float *acc, size_t rows, size_t cols, bool fresh, float *c,
                     size_t stride)
{
    if (fresh && cols == COLS) {
        for (size_t i = 0; i < rows; i++)
            memcpy(c + i * stride, acc + i * COLS, COLS * sizeof *c);
        return;
    }
    if (cols == COLS) {
        for (size_t i = 0; i < rows; i++)
            for (size_t j = 0; j < COLS; j++)
                c[i * stride + j] += acc[i * COLS + j];
        return;
    }
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++)
            c[i * stride + j] = acc[i * COLS + j] + (fresh ? 0 : c[i * stride + j]);
}

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* C = A B + beta C, beta 0 or 1, for a slab of `depth` of the sum and up to PANELS * COLS columns
 * of B. bt is B by columns. */
static void slab(struct pz_gemm s, struct view a, struct view bt, size_t depth, float *c,
                 size_t stride)
{
    _Alignas(64) float bp[PANELS * COLS * DEPTH], ap[ROWS * DEPTH], acc[ROWS * COLS];

    for (size_t j = 0; j < s.n; j += COLS)
        pack((struct view){ bt.v + j * bt.row, bt.row, bt.col }, min(COLS, s.n - j), depth, COLS,
             bp + j * depth);
    for (size_t i = 0; i < s.m; i += ROWS) {
        struct view strip = { a.v + i * a.row, a.row, a.col };

        if (s.m - i < ROWS || a.col % PAGE == 0) { /* pages apart: one cache set for all */
            pack(strip, min(ROWS, s.m - i), depth, ROWS, ap);
            strip = (struct view){ ap, 1, ROWS };
        }
        for (size_t j = 0; j < s.n; j += COLS) {
            inner(depth, strip, bp + j * depth, acc);
            add_tile(acc, min(ROWS, s.m - i), min(COLS, s.n - j), s.beta == 0, c + i * stride + j,
                     stride);
        }
    }
}

static void multiply(struct pz_gemm s, struct view a, struct view bt, float *c)
{
    if (s.beta == 0 && s.k == 0)
        memset(c, 0, s.m * s.n * sizeof *c);
    else if (s.beta != 0 && s.beta != 1)
        for (size_t i = 0; i < s.m * s.n; i++)
            c[i] *= s.beta;
    for (size_t k = 0; k < s.k; k += DEPTH)
        for (size_t j = 0; j < s.n; j += PANELS * COLS)
            slab((struct pz_gemm){ s.m, min(PANELS * COLS, s.n - j), s.k,
                                   k == 0 && s.beta == 0 ? 0 : 1 },
                 (struct view){ a.v + k * a.col, a.row, a.col },
                 (struct view){ bt.v + j * bt.row + k * bt.col, bt.row, bt.col },
                 min(DEPTH, s.k - k), c + j, s.n);
}

void pz_gemm_ab(struct pz_gemm s, const float *a, const float *b, float *c)
{
    multiply(s, (struct view){ a, s.k, 1 }, (struct view){ b, 1, s.n }, c);
}

void pz_gemm_abt(struct pz_gemm s, const float *a, const float *b, float *c)
{
    multiply(s, (struct view){ a, s.k, 1 }, (struct view){ b, s.k, 1 }, c);
}

void pz_gemm_atb(struct pz_gemm s, const float *a, const float *b, float *c)
{
    multiply(s, (struct view){ a, 1, s.m }, (struct view){ b, 1, s.n }, c);
}

void pz_dense_add_gram(const float *a, size_t n, size_t d, float *c)
{
    for (size_t k = 0; k < n; k += DEPTH)
        for (size_t j = 0; j < d; j += PANELS * COLS)
            slab((struct pz_gemm){ min(j + PANELS * COLS, d), min(PANELS * COLS, d - j), n, 1 },
                 (struct view){ a + k * d, 1, d }, (struct view){ a + k * d + j, 1, d },
                 min(DEPTH, n - k), c + j, d);
}

/* row -= f * pivot from column i on. */
static inline void subtract(float *row, const float *pivot, float f, size_t i, size_t d)
{
    for (size_t j = i; j < d; j++)
        row[j] -= f * pivot[j];
}

/* A = U^T U row by row: row i minus the earlier rows, four at a time. */
PZ_KERNEL static void factor(float *a, size_t d, float floor)
{
    for (size_t i = 0; i < d; i++) {
        float *row = a + i * d, pivot;
        size_t p = 0;

        for (; p + 4 <= i; p += 4) {
            const float *r0 = a + p * d, *r1 = r0 + d, *r2 = r1 + d, *r3 = r2 + d;
            float f0 = r0[i], f1 = r1[i], f2 = r2[i], f3 = r3[i];

            for (size_t j = i; j < d; j++)
                row[j] -= (f0 * r0[j] + f1 * r1[j]) + (f2 * r2[j] + f3 * r3[j]);
        }
        for (; p < i; p++)
            subtract(row, a + p * d, a[p * d + i], i, d);
        pivot = sqrtf(row[i] > floor ? row[i] : floor);
        for (size_t j = i + 1; j < d; j++)
            row[j] /= pivot;
        row[i] = pivot;
    }
}

void pz_dense_solve(float *a, size_t d, float floor, float *b)
{
    factor(a, d, floor);
    for (size_t i = 0; i < d; i++) {
        b[i] /= a[i * d + i];
        subtract(b, a + i * d, b[i], i + 1, d);
    }
    for (size_t i = d; i-- > 0;) {
        double sum = (double)b[i];

        for (size_t j = i + 1; j < d; j++)
            sum -= (double)a[i * d + j] * (double)b[j];
        b[i] = (float)(sum / (double)a[i * d + i]);
    }
}
