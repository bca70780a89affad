/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors as bytes: a quarter of the memory of floats and of the time that a pass over them takes.
 *
 *   row      v_k = scale * code_k, |code| <= 127, scale of the row so that its largest is 127
 *   query    x_k = unit * code_k, |code| <= 8191, one unit for all
 *   product  v x = scale * unit * sum of code_k code_k, a whole number: it is the same on every
 *            machine and at any width of its vector units
 *
 * With v' and x' what the bytes stand for, |v x - v' x'| <= |v - v'| |x| + |v'| |x - x'| (Cauchy and
 * Schwarz): struct pz_bytes_off keeps what is needed of the rows, and pz_bytes_rough says how far
 * products are off at most.
 *
 * Threads: rows are only read once they are made: any number, each with its own outputs. */
#ifndef PZ_MODEL_BYTES_H
#define PZ_MODEL_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { PZ_BYTES_DIM_MAX = 2048 /* products of 8 and 14 bits, so many fit in 32 */ };

/* A row of d floats as bytes: returns the scale, 0 for a row of zeros. */
float pz_bytes_row(const float *row, size_t d, int8_t *code);

/* Whole numbers in the proportions of x [d]; returns their unit. */
float pz_bytes_query(const float *x, size_t d, int16_t *code);

/* Rows of bytes: n of d, a multiple of 8 and at most PZ_BYTES_DIM_MAX. */
struct pz_bytes_scan {
    const int8_t *code; /* [n * d] */
    const float *scale; /* [n] */
    size_t n, d;
};

/* out[i] = factor * scale[i] * sum over k of row i's code_k x_k, for all rows. */
void pz_bytes_scan(const struct pz_bytes_scan *rows, const int16_t *x, float factor, float *out);

/* pz_bytes_scan for n_x queries; rows are read once for all. */
void pz_bytes_scan_block(const struct pz_bytes_scan *rows, const int16_t *const *x,
                         const float *factor, float *const *out, size_t n_x);

/* ---- roughly: the query, too, in 8 bits, at half the cost */

/* How far the bytes of rows are off, 64 rows together. */
struct pz_bytes_off {
    float row;    /* the longest difference between a row and its bytes */
    float length; /* the longest row */
};

/* Rows of floats as bytes: code [n * d], scale [n], off [ceil(n / 64)]. */
void pz_bytes_rows(const float *row, size_t n, size_t d, int8_t *code, float *scale,
                   struct pz_bytes_off *off);

/* The same of rows that bytes and scales are all of: their lengths. */
void pz_bytes_lengths(const struct pz_bytes_scan *rows, struct pz_bytes_off *off);

enum { PZ_BYTES_PAD = 32 };

/* x [d] in 8 bits into code, which has room for d + PZ_BYTES_PAD; returns the unit. bound [ceil(n / 64)]
 * becomes how far the products of rows may be off at most, beside those of the floats, rounding
 * included. */
float pz_bytes_rough(const struct pz_bytes_scan *rows, const struct pz_bytes_off *off,
                     const float *x, int8_t *code, float *bound);

/* The products of all rows with n_x such queries: out[k][n]. Rows are read once for all. */
void pz_bytes_rough_scan(const struct pz_bytes_scan *rows, const int8_t *const *code,
                         const float *unit, float *const *out, size_t n_x);

#endif
