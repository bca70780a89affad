/* SPDX-License-Identifier: Apache-2.0 */
/* Dense kernels that are safe inside parallel loops: see dense.h.
 *
 * Products follow Goto & van de Geijn (2008) in small: B is packed in panels of COLS columns and
 * DEPTH rows that stay in the second cache; the innermost loops keep ROWS x COLS sums in registers
 * (wide ones: ROWS_WIDE x COLS) and read these rows of A where they are, in either orientation.
 * Edges are padded with zeros, so the innermost loops have constant bounds. A sum over k runs in
 * order, DEPTH at a time. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/simd.h"
#include "model/dense.h"

enum { ROWS = 6, ROWS_WIDE = 8, COLS = 16, DEPTH = 256, PANELS = 4, PAGE = 1024 /* floats */ };

typedef float v8 __attribute__((vector_size(32)));
typedef float v16 __attribute__((vector_size(64)));

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

/* A row of a tile into C, or onto what is there. */
static inline __attribute__((always_inline)) void put(const v8 *left, const v8 *right, bool fresh,
                                                      float *c)
{
    v8 x = *left, y = *right, was;

    if (!fresh) {
        memcpy(&was, c, sizeof was);
        x += was;
        memcpy(&was, c + 8, sizeof was);
        y += was;
    }
    memcpy(c, &x, sizeof x);
    memcpy(c + 8, &y, sizeof y);
}

/* Where a tile goes: rows `stride` apart; fresh: over what is there. */
struct tile {
    float *c;
    size_t stride;
    bool fresh;
};

/* Element (i, j) of a tile [ROWS x COLS]: the sum over k < depth of a(i, k) * b[k * COLS + j]. */
PZ_KERNEL FUSED static void inner(size_t depth, struct view a, const float *b,
                                  const struct tile *to)
{
    const float *a0 = a.v, *a1 = a0 + a.row, *a2 = a1 + a.row, *a3 = a2 + a.row, *a4 = a3 + a.row;
    const float *a5 = a4 + a.row;
    v8 c00 = { 0 }, c01 = { 0 }, c10 = { 0 }, c11 = { 0 }, c20 = { 0 }, c21 = { 0 };
    v8 c30 = { 0 }, c31 = { 0 }, c40 = { 0 }, c41 = { 0 }, c50 = { 0 }, c51 = { 0 };
    size_t n = to->stride;

    for (size_t k = 0, at = 0; k < depth; k++, at += a.col, b += COLS) {
        v8 b0 = *(const v8 *)b, b1 = *(const v8 *)(b + 8);

        c00 += a0[at] * b0, c01 += a0[at] * b1;
        c10 += a1[at] * b0, c11 += a1[at] * b1;
        c20 += a2[at] * b0, c21 += a2[at] * b1;
        c30 += a3[at] * b0, c31 += a3[at] * b1;
        c40 += a4[at] * b0, c41 += a4[at] * b1;
        c50 += a5[at] * b0, c51 += a5[at] * b1;
    }
    put(&c00, &c01, to->fresh, to->c);
    put(&c10, &c11, to->fresh, to->c + n);
    put(&c20, &c21, to->fresh, to->c + 2 * n);
    put(&c30, &c31, to->fresh, to->c + 3 * n);
    put(&c40, &c41, to->fresh, to->c + 4 * n);
    put(&c50, &c51, to->fresh, to->c + 5 * n);
}

/* Tiles of a product: how many rows, and what makes one. */
struct tiler {
    size_t rows;
    void (*tile)(size_t depth, struct view a, const float *b, const struct tile *to);
};

/* Where registers hold COLS numbers: ROWS_WIDE x COLS at once, of which each is the same sum. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(PZ_NO_CLONES)
static inline __attribute__((always_inline)) void put_wide(const v16 *left, bool fresh, float *c)
{
    v16 x = *left, was;

    if (!fresh) {
        memcpy(&was, c, sizeof was);
        x += was;
    }
    memcpy(c, &x, sizeof x);
}

__attribute__((target("arch=x86-64-v4"))) FUSED static void inner_wide(size_t depth, struct view a,
                                                                       const float *b,
                                                                       const struct tile *to)
{
    const float *a0 = a.v, *a1 = a0 + a.row, *a2 = a1 + a.row, *a3 = a2 + a.row, *a4 = a3 + a.row;
    const float *a5 = a4 + a.row, *a6 = a5 + a.row, *a7 = a6 + a.row;
    v16 c0 = { 0 }, c1 = { 0 }, c2 = { 0 }, c3 = { 0 }, c4 = { 0 }, c5 = { 0 }, c6 = { 0 };
    v16 c7 = { 0 }, row;
    size_t n = to->stride;

    for (size_t k = 0, at = 0; k < depth; k++, at += a.col, b += COLS) {
        memcpy(&row, b, sizeof row);
        c0 += a0[at] * row, c1 += a1[at] * row;
        c2 += a2[at] * row, c3 += a3[at] * row;
        c4 += a4[at] * row, c5 += a5[at] * row;
        c6 += a6[at] * row, c7 += a7[at] * row;
    }
    put_wide(&c0, to->fresh, to->c);
    put_wide(&c1, to->fresh, to->c + n);
    put_wide(&c2, to->fresh, to->c + 2 * n);
    put_wide(&c3, to->fresh, to->c + 3 * n);
    put_wide(&c4, to->fresh, to->c + 4 * n);
    put_wide(&c5, to->fresh, to->c + 5 * n);
    put_wide(&c6, to->fresh, to->c + 6 * n);
    put_wide(&c7, to->fresh, to->c + 7 * n);
}

static struct tiler choose_tiler(void)
{
    return pz_simd_is_wide() ? (struct tiler){ ROWS_WIDE, inner_wide }
                             : (struct tiler){ ROWS, inner };
}
#else
static struct tiler choose_tiler(void)
{
    return (struct tiler){ ROWS, inner };
}
#endif

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

/* Part of a tile that lies somewhere else into C. */
static void add_tile(const float *acc, size_t rows, size_t cols, const struct tile *to)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++) {
            float *c = to->c + i * to->stride + j;

            *c = acc[i * COLS + j] + (to->fresh ? 0 : *c);
        }
}

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The panels of a slab: `depth` rows of n columns of B, which bt has by columns. */
static void pack_panels(struct view bt, size_t n, size_t depth, float *to)
{
    for (size_t j = 0; j < n; j += COLS)
        pack((struct view){ bt.v + j * bt.row, bt.row, bt.col }, min(COLS, n - j), depth, COLS,
             to + j * depth);
}

/* A strip of a tile's rows of a slab, of which those from `skip` on are wanted: whole tiles go to C
 * at once. */
static void strip(struct pz_gemm s, struct tiler by, struct view a, size_t skip,
                  const float *panels, size_t depth, const struct tile *to)
{
    _Alignas(64) float acc[ROWS_WIDE * COLS];
    size_t rows = min(by.rows - skip, s.m);

    for (size_t j = 0; j < s.n; j += COLS) {
        struct tile at = { to->c + j, to->stride, to->fresh };

        if (rows == by.rows && s.n - j >= COLS) {
            by.tile(depth, a, panels + j * depth, &at);
            continue;
        }
        by.tile(depth, a, panels + j * depth, &(struct tile){ acc, COLS, true });
        add_tile(acc + skip * COLS, rows, min(COLS, s.n - j), &at);
    }
}

/* C = A B + beta C, beta 0 or 1, for a slab of `depth` of the sum and the columns of some panels of
 * B. The last strip has rows that the one before had. */
static void slab(struct pz_gemm s, struct view a, const float *panels, size_t depth, float *c,
                 size_t stride)
{
    _Alignas(64) float ap[ROWS_WIDE * DEPTH];
    struct tiler by = choose_tiler();

    for (size_t i = 0; i < s.m; i += by.rows) {
        size_t skip = s.m < by.rows || s.m - i >= by.rows ? 0 : by.rows - (s.m - i);
        struct view from = { a.v + (i - skip) * a.row, a.row, a.col };

        if (s.m < by.rows || a.col % PAGE == 0) { /* pages apart: one cache set for all */
            pack(from, min(by.rows, s.m), depth, by.rows, ap);
            from = (struct view){ ap, 1, by.rows };
        }
        strip(s, by, from, skip, panels, depth,
              &(struct tile){ c + i * stride, stride, s.beta == 0 });
    }
}

/* The same, B packed here. */
static void pack_slab(struct pz_gemm s, struct view a, struct view bt, size_t depth, float *c,
                      size_t stride)
{
    _Alignas(64) float panels[PANELS * COLS * DEPTH];

    pack_panels(bt, s.n, depth, panels);
    slab(s, a, panels, depth, c, stride);
}

/* Part of a product: columns j .. and the sum from k on. */
static struct pz_gemm part_of(struct pz_gemm s, size_t j, size_t k)
{
    return (struct pz_gemm){ s.m, min(PANELS * COLS, s.n - j), s.k, k == 0 && s.beta == 0 ? 0 : 1 };
}

static void begin(struct pz_gemm s, float *c)
{
    if (s.beta == 0 && s.k == 0)
        memset(c, 0, s.m * s.n * sizeof *c);
    else if (s.beta != 0 && s.beta != 1)
        for (size_t i = 0; i < s.m * s.n; i++)
            c[i] *= s.beta;
}

static void multiply(struct pz_gemm s, struct view a, struct view bt, float *c)
{
    begin(s, c);
    for (size_t k = 0; k < s.k; k += DEPTH)
        for (size_t j = 0; j < s.n; j += PANELS * COLS)
            pack_slab(part_of(s, j, k), (struct view){ a.v + k * a.col, a.row, a.col },
                      (struct view){ bt.v + j * bt.row + k * bt.col, bt.row, bt.col },
                      min(DEPTH, s.k - k), c + j, s.n);
}

/* Panels of whole COLS columns, those of DEPTH rows behind those of the DEPTH rows before. */
static size_t whole_panels(size_t n)
{
    return (n + COLS - 1) / COLS * COLS;
}

size_t pz_gemm_packed(size_t k, size_t n)
{
    return k * whole_panels(n);
}

void pz_gemm_pack(size_t k, size_t n, const float *b, bool across, float *out)
{
    struct view bt = { b, across ? k : 1, across ? 1 : n };

    for (size_t at = 0; at < k; at += DEPTH)
        pack_panels((struct view){ b + at * bt.col, bt.row, bt.col }, n, min(DEPTH, k - at),
                    out + at * whole_panels(n));
}

void pz_gemm_with(struct pz_gemm s, const float *a, const float *packed, float *c)
{
    begin(s, c);
    for (size_t k = 0; k < s.k; k += DEPTH)
        for (size_t j = 0; j < s.n; j += PANELS * COLS)
            slab(part_of(s, j, k), (struct view){ a + k, s.k, 1 },
                 packed + k * whole_panels(s.n) + j * min(DEPTH, s.k - k), min(DEPTH, s.k - k),
                 c + j, s.n);
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
            pack_slab((struct pz_gemm){ min(j + PANELS * COLS, d), min(PANELS * COLS, d - j), n,
                                        1 },
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
