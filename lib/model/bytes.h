/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors as bytes: a quarter of the memory of floats and of the time that a pass over them takes.
 *
 *   row      v_k = scale * code_k, |code| <= 127, scale of the row so that its largest is 127
 *   query    x_k = unit * code_k, |code| <= 8191, one unit for all
 *   product  v x = scale * unit * sum of code_k code_k, a whole number: it is the same on every
 *            machine and at any width of its vector units
 *
 * With v' and x' what the bytes stand for, |v x - v' x'| <= |v - v'| |x| + |v'| |x - x'| (Cauchy
 * and Schwarz): struct pz_bytes_off keeps what is needed of the rows, and pz_bytes_rough_scan says
 * how far products are off at most.
 *
 * Threads: rows are only read once they are made: any number, each with its own outputs. */
#ifndef PZ_MODEL_BYTES_H
#define PZ_MODEL_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "table/table.h"

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

/* Rows of floats as bytes, row order[k] as the k-th, the k-th where order is NULL: code [n * d],
 * scale [n], off [ceil(n / 64)]. */
void pz_bytes_rows(const float *row, const uint32_t *order, size_t n, size_t d, int8_t *code,
                   float *scale, struct pz_bytes_off *off);

/* length[n] of rows of floats, rounded up. */
void pz_bytes_row_lengths(const float *row, size_t n, size_t d, float *length);

/* The same of rows that bytes and scales are all of: off and length. */
void pz_bytes_lengths(const struct pz_bytes_scan *rows, struct pz_bytes_off *off, float *length);

/* A query in 8 bits. */
struct pz_bytes_query8 {
    const float *x; /* [d] what it is roughly */
    float unit;
    float length, away;                 /* of x; of its bytes from x, and what rounding adds */
    int32_t sum;                        /* of code */
    int8_t code[PZ_BYTES_DIM_MAX + 32]; /* zero from d on */
};

/* x [d], which stays borrowed, in 8 bits. */
void pz_bytes_query8(const float *x, size_t d, struct pz_bytes_query8 *q);

/* The products of all rows with n_x queries: out[k][n]; rows are read once for all. bound[k][ceil(n
 * / 64)] becomes how far they are off at most, beside those of the floats, rounding included. */
void pz_bytes_rough_scan(const struct pz_bytes_scan *rows, const struct pz_bytes_off *off,
                         const struct pz_bytes_query8 *const *q, size_t n_x, float *const *out,
                         float *const *bound);

/* The same with one query of n rows at any places; bound[n]. */
void pz_bytes_rough_rows(const struct pz_bytes_scan *rows, const struct pz_bytes_off *off,
                         const struct pz_bytes_query8 *q, const uint32_t *item, size_t n,
                         float *out, float *bound);

/* No product of x with a row, in floats and in any order of additions, exceeds this times the row's
 * length. */
float pz_bytes_reach(const struct pz_bytes_query8 *q, size_t d);

/* ---- which rows matter */

/* From so many rows on few of them are read, those that their lengths leave; all of fewer are read
 * as soon. Tests move it. */
extern uint32_t pz_bytes_many;

/* Rows by descending length, or any other number, equal ones ascending, into item [n].
 * Errors:  PZ_TRY_AGAIN memory is out */
enum pz_status pz_bytes_longest(const float *length, uint32_t n, uint32_t *item,
                                struct pz_err *err);

/* ---- a copy in bytes of a part's vectors */

struct pz_bytes_copy {
    struct pz_bytes_scan rows; /* code NULL: there is none */
    const struct pz_bytes_off *off;
    const float *length; /* [n] of the vectors, in their order */
    bool by_length; /* row k is that of vector longest[k], place[longest[k]] is k: what is read lies
                          * together; else rows are in the order of the vectors, and there is
                          * none */
    const uint32_t *longest, *place; /* [n] */
    void *own[6];                    /* what is not borrowed from a table */
};

/* The copy of row [n * d], a part's that is loaded from t: derived/NAME/codes (u8 [n * d], signed),
 * scale (f32 [n]), off (f32, two for 64 rows), length (f32 [n]) and, by length, longest and place
 * (u32 [n]) of a flat table, none where it has not all, since one answer would pay more for it than
 * it gains; made for a packed one.
 *
 * by_length  what *copy becomes
 *
 * Errors:  as pz_table_get; PZ_TRY_AGAIN memory is out
 * Owner:   the caller clears *copy, also after a failure */
enum pz_status pz_bytes_copy_load(struct pz_table *t, const char *name, const float *row, size_t n,
                                  size_t d, bool by_length, struct pz_bytes_copy *copy,
                                  struct pz_err *err);

/* Add these columns, if there is a copy.
 * Errors:  as pz_derived_add
 * Owner:   the arrays stay the copy's */
enum pz_status pz_bytes_copy_derive(const struct pz_bytes_copy *copy, const char *name,
                                    struct pz_derived *out, struct pz_err *err);

/* Rough products of n vectors with a query, as pz_bytes_rough_rows.
 * Errors: none */
void pz_bytes_copy_rows(const struct pz_bytes_copy *copy, const struct pz_bytes_query8 *q,
                        const uint32_t *item, size_t n, float *out, float *bound);

/* Free what is owned; accepts all-zero. */
void pz_bytes_copy_clear(struct pz_bytes_copy *copy);

#endif
