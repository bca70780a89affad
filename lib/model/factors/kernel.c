/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels of implicit matrix factorisation: see factors.h. Reductions keep eight sums of their own,
 * so the compiler may use vectors and the order of additions is the same on every machine.
 *
 * One step of conjugate gradients reads every y_k twice, for its product with a vector and to be
 * added with that product as factor. Four rows at a time share the loads of the vector and of the
 * sum and give the processor four independent chains of additions.
 *
 * Cost: a scan is 2 d operations for each row and reads 4 d bytes of it, so a single query waits
 * for memory; pz_scan_block shares each row among up to PZ_SCORE_BLOCK queries. References: the
 * plain sums of test_factors (scans_are_plain_products, both_solvers_solve_a_row) and, for whole
 * scorers, test_score_block. */
#include "model/factors/factors.h"

#include <math.h>
#include <string.h>

#include "base/simd.h"
#include "model/dense.h"

enum { LANES = PZ_FACTORS_LANES };

typedef float v8 __attribute__((vector_size(32)));
typedef float v8_any __attribute__((vector_size(32), aligned(4)));

/* The order in which one 256-bit register is folded into 128 bits and then in pairs; fold4 has the
 * same, so that one row alone and four at a time give the same bits. */
static inline __attribute__((always_inline)) float fold(const v8 *sum)
{
    const v8 s = *sum;

    return ((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7]));
}

static inline __attribute__((always_inline)) float dot(const float *a, const float *b, size_t d)
{
    v8 sum = { 0 };

    for (size_t k = 0; k < d; k += LANES)
        sum += *(const v8_any *)(a + k) * *(const v8_any *)(b + k);
    return fold(&sum);
}

PZ_KERNEL float pz_dot(const float *a, const float *b, size_t d)
{
    return dot(a, b, d);
}

typedef float v4 __attribute__((vector_size(16)));
typedef float v4_any __attribute__((vector_size(16), aligned(4)));

/* Neighbours added: a0 + a1, a2 + a3, b0 + b1, b2 + b3. */
static inline __attribute__((always_inline)) v4 add_pairs(v4 a, v4 b)
{
    return __builtin_shufflevector(a, b, 0, 2, 4, 6) + __builtin_shufflevector(a, b, 1, 3, 5, 7);
}

/* The upper half added to the lower. */
static inline __attribute__((always_inline)) v4 add_halves(const v8 *s)
{
    return *(const v4 *)s + *((const v4 *)s + 1);
}

/* fold of four sums at once, each in fold's order of additions. */
static inline __attribute__((always_inline)) v4 fold4(const v8 *s)
{
    return add_pairs(add_pairs(add_halves(s), add_halves(s + 1)),
                     add_pairs(add_halves(s + 2), add_halves(s + 3)));
}

/* f[0..4) = products of four rows with v. */
static inline __attribute__((always_inline)) void dot4(const float *const *y, const float *v,
                                                       size_t d, float *f)
{
    v8 s[4] = { { 0 } };

    for (size_t k = 0; k < d; k += LANES) {
        v8 x = *(const v8_any *)(v + k);

        s[0] += *(const v8_any *)(y[0] + k) * x;
        s[1] += *(const v8_any *)(y[1] + k) * x;
        s[2] += *(const v8_any *)(y[2] + k) * x;
        s[3] += *(const v8_any *)(y[3] + k) * x;
    }
    *(v4_any *)f = fold4(s);
}

/* Products of four rows, d apart, with two vectors. */
static inline __attribute__((always_inline)) void dot4x2(const float *y, size_t d, const float *v,
                                                         const float *w, float *f, float *g)
{
    v8 s[4] = { { 0 } }, t[4] = { { 0 } };

    for (size_t k = 0; k < d; k += LANES) {
        v8 x = *(const v8_any *)(v + k), z = *(const v8_any *)(w + k);

        for (size_t r = 0; r < 4; r++) {
            v8 row = *(const v8_any *)(y + r * d + k);

            s[r] += row * x;
            t[r] += row * z;
        }
    }
    *(v4_any *)f = fold4(s);
    *(v4_any *)g = fold4(t);
}

/* out += f0 y0 + f1 y1 + f2 y2 + f3 y3: the sum is loaded and stored once for four rows. */
static inline __attribute__((always_inline)) void add4(const float *const *y, const float *f,
                                                       size_t d, float *out)
{
    for (size_t k = 0; k < d; k += LANES) {
        v8 s = *(const v8_any *)(out + k);

        s += (f[0] * *(const v8_any *)(y[0] + k) + f[1] * *(const v8_any *)(y[1] + k)) +
             (f[2] * *(const v8_any *)(y[2] + k) + f[3] * *(const v8_any *)(y[3] + k));
        *(v8_any *)(out + k) = s;
    }
}

PZ_KERNEL void pz_scan(const float *y, const float *x, size_t n, size_t d, float *out)
{
    size_t i = 0;

    for (; i + 4 <= n; i += 4) {
        const float *row = y + i * d, *four[4] = { row, row + d, row + 2 * d, row + 3 * d };

        dot4(four, x, d, out + i);
    }
    for (; i < n; i++)
        out[i] = dot(y + i * d, x, d);
}

enum {
    TILE_BYTES = 8192, /* a tile stays in the first cache for all vectors */
    ASKED = 64         /* rows of a problem that are asked for before they are read */
};

PZ_PREFETCH void prefetch_rows(const float *y, size_t d)
{
    pz_simd_prefetch(y, 4 * d * sizeof *y);
}

/* Rows [from, to) for all vectors; to - from is a multiple of 4. The first two vectors ask for the
 * rows behind, as many of which lie there: without that they wait for memory. */
static inline __attribute__((always_inline)) void scan_tile(const struct pz_scan_block *b,
                                                            size_t from, size_t to)
{
    size_t d = b->d, v = 0, ahead = b->n - to < to - from ? b->n - to : to - from;

    for (; v + 2 <= b->n_x; v += 2)
        for (size_t i = from; i < to; i += 4) {
            if (v == 0 && i - from + 4 <= ahead)
                prefetch_rows(b->y + (to + i - from) * d, d);
            dot4x2(b->y + i * d, d, b->x[v], b->x[v + 1], b->out[v] + i, b->out[v + 1] + i);
        }
    for (size_t i = from; v < b->n_x && i < to; i += 4) {
        const float *row = b->y + i * d, *four[4] = { row, row + d, row + 2 * d, row + 3 * d };

        dot4(four, b->x[v], d, b->out[v] + i);
    }
}

/* Tile by tile, all vectors over each: rows are read from memory once, whatever n_x. Bits are those
 * of pz_scan, so that a block answers as its queries alone would. */
PZ_KERNEL void pz_scan_block(const struct pz_scan_block *b)
{
    size_t whole = b->n / 4 * 4, tile = TILE_BYTES / sizeof *b->y / b->d / 4 * 4 + 4;

    for (size_t from = 0; from < whole; from += tile)
        scan_tile(b, from, from + tile < whole ? from + tile : whole);
    for (size_t v = 0; v < b->n_x; v++)
        for (size_t i = whole; i < b->n; i++)
            b->out[v][i] = dot(b->y + i * b->d, b->x[v], b->d);
}

PZ_KERNEL void pz_scan_cosine(const float *y, const float *x, size_t n, size_t d, float *out)
{
    for (size_t i = 0; i < n; i++) {
        v8 product = { 0 }, square = { 0 };
        float norm;

        for (size_t k = 0; k < d; k += LANES) {
            v8 a = *(const v8_any *)(y + i * d + k);

            product += a * *(const v8_any *)(x + k);
            square += a * a;
        }
        /* Only the row is normalised: the length of x is the same for all rows, and no order
         * depends on it. */
        norm = fold(&square);
        out[i] = norm > 0 ? fold(&product) / sqrtf(norm) : 0;
    }
}

/* out = base + sum_k w_k (constant + slope * dot(y_k, v)) y_k */
static inline __attribute__((always_inline)) void accumulate(const struct pz_row_problem *p,
                                                             const float *v, float constant,
                                                             float slope, float *out)
{
    size_t k = 0, d = p->d;

    for (; k + 4 <= p->n; k += 4) {
        const float *y[4];
        float f[4];

        for (size_t r = 0; r < 4; r++)
            y[r] = p->y + (size_t)p->id[k + r] * d;
        dot4(y, v, d, f);
        for (size_t r = 0; r < 4; r++)
            f[r] = p->weight[k + r] * (constant + slope * f[r]);
        add4(y, f, d, out);
    }
    for (; k < p->n; k++) {
        const float *y = p->y + (size_t)p->id[k] * d;
        float f = p->weight[k] * (constant + slope * dot(y, v, d));

        for (size_t a = 0; a < d; a += LANES)
            *(v8_any *)(out + a) += f * *(const v8_any *)(y + a);
    }
}

/* out = A v */
static inline __attribute__((always_inline)) void apply(const struct pz_row_problem *p,
                                                        const float *v, float *out)
{
    for (size_t a = 0; a < p->d; a++)
        out[a] = (p->diag[a] + p->reg) * v[a];
    accumulate(p, v, 0, 1, out);
}

PZ_KERNEL void pz_solve_row(const struct pz_row_problem *p, const float *rhs, int steps,
                            float tolerance, float *x, float *work)
{
    size_t d = p->d;
    float *residual = work, *direction = work + d, *image = work + 2 * d, *inverse = work + 3 * d;
    float *z = work + 4 * d, error, first, events = 0;

    for (size_t k = 0; k < p->n; k++) {
        events += p->weight[k];
        if (k < ASKED) /* rows lie all over memory: many are asked for at once */
            pz_simd_prefetch(p->y + (size_t)p->id[k] * d, d * sizeof *p->y);
    }
    for (size_t a = 0; a < d; a++) {
        /* Jacobi's preconditioner. The true diagonal would need another pass over the rows; the
         * typical square of a coordinate times the row's weight is close enough. */
        inverse[a] = 1 / (p->diag[a] + p->reg + events * p->typical[a]);
        residual[a] = (rhs ? rhs[a] : 0) - (p->diag[a] + p->reg) * x[a];
    }
    /* Without a right-hand side of its own it is sum_k w_k y_k, made in the same pass as A x: r =
     * sum_k w_k (1 - y_k.x) y_k - (D + reg) x. */
    accumulate(p, x, rhs ? 0 : 1, -1, residual);
    for (size_t a = 0; a < d; a++)
        direction[a] = inverse[a] * residual[a];
    error = first = dot(residual, direction, d);
    /* error is r.M^-1 r, a squared norm: hence the square of the tolerance. With tolerance 0 it
     * ends by steps, or when the residual is exactly 0. */
    for (int s = 0; s < steps && error > tolerance * tolerance * first; s++) {
        float step, next;

        apply(p, direction, image);
        step = error / dot(direction, image, d);
        for (size_t a = 0; a < d; a++) {
            x[a] += step * direction[a];
            residual[a] -= step * image[a];
            z[a] = inverse[a] * residual[a];
        }
        next = dot(residual, z, d);
        for (size_t a = 0; a < d; a++)
            direction[a] = z[a] + next / error * direction[a];
        error = next;
    }
}

PZ_KERNEL static void gather(const struct pz_row_problem *p, size_t from, size_t n, float *block,
                             float *x)
{
    for (size_t k = 0; k < n; k++) {
        const float *y = p->y + (size_t)p->id[from + k] * p->d;
        /* sqrt(w) y, so that the Gram matrix of the block is sum_k w_k y_k y_k^T. */
        float w = p->weight[from + k], root = sqrtf(w);

        for (size_t a = 0; a < p->d; a++) {
            block[k * p->d + a] = root * y[a];
            x[a] += w * y[a];
        }
    }
}

void pz_solve_row_exact(const struct pz_row_problem *p, float *x, float *work)
{
    float *gram = work, *block = work + p->d * p->d;

    memset(gram, 0, p->d * p->d * sizeof *gram);
    memset(x, 0, p->d * sizeof *x);
    for (size_t a = 0; a < p->d; a++)
        gram[a * p->d + a] = p->diag[a] + p->reg;
    for (size_t from = 0; from < p->n; from += PZ_FACTORS_CHUNK) {
        size_t n = p->n - from < PZ_FACTORS_CHUNK ? p->n - from : PZ_FACTORS_CHUNK;

        gather(p, from, n, block, x);
        pz_dense_add_gram(block, n, p->d, gram);
    }
    /* In exact arithmetic no pivot is below reg; one that is, is rounding, and is raised to the
     * floor. */
    pz_dense_solve(gram, p->d, 1e-6f * p->reg + 1e-30f, x);
}
