/* SPDX-License-Identifier: Apache-2.0 */
/* Dense float matrices, all row-major. The only module that calls BLAS and
 * LAPACK.
 *
 * A serial OpenBLAS is commonly built without locks: two threads inside it at once share one
 * packing buffer and get wrong numbers. So pz_mat_* (BLAS, for large matrices) take a lock, use one
 * thread and are called outside parallel loops; pz_gemm_* and pz_dense_* are kernels of our own,
 * safe and meant for the inside of parallel loops. Both are deterministic: the order of every sum
 * follows from the shapes.
 *
 * Threads: any, on different outputs; pz_mat_* wait for their turn. */
#ifndef PZ_MODEL_DENSE_H
#define PZ_MODEL_DENSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/ranks.h"

/* A matrix that somebody else owns: element (i, j) is v[i * stride + j]. */
struct pz_mat {
    float *v;
    size_t rows, cols, stride;
};

/* rows x cols without gaps. */
static inline struct pz_mat pz_mat_of(float *v, size_t rows, size_t cols)
{
    return (struct pz_mat){ v, rows, cols, cols };
}

/* ---- large matrices: BLAS, one caller at a time, not for the inside of a parallel loop ---- */

/* Let the algebra library take the memory that it works in, once a process and before anything else
 * does: where it gets none later, OpenBLAS asks again and again for ever.
 *
 * Errors:  PZ_TRY_AGAIN there is not that much, and the text says how much it is
 * Threads: one, before others use this module */
enum pz_status pz_mat_reserve(struct pz_err *err);

/* Kernels that OpenBLAS is to use in place of those that it found, or NULL: it knows the processor.
 *
 * found         as openblas_get_corename says
 * avx2, avx512  what the processor can do; avx512: all that processors of servers have
 * Owner:        a constant
 * Threads:      any */
const char *pz_mat_better_kernels(const char *found, bool avx2, bool avx512);

/* Rows that these take at a time: from whole blocks of them, from the first on or from any other,
 * come the same bytes. */
enum { PZ_MAT_ROWS = 512 };

/* out = A^T A, both triangles, out of shape cols x cols without gaps, where of A each rank has its
 * rows `mine`, in whole blocks and in the order of ranks: block after block is added, rank after
 * rank. Threads: where there are several ranks, the main thread */
void pz_mat_gram(struct pz_mat a, struct pz_share mine, struct pz_mat out);

/* Rows of a matrix. */
static inline struct pz_mat pz_mat_rows(struct pz_mat a, struct pz_share rows)
{
    return (struct pz_mat){ a.v + rows.first * a.stride, rows.end - rows.first, a.cols, a.stride };
}

/* A <- A B in place; B has A.cols rows and at most as many columns: the first B.cols columns of A
 * are the result, the others undefined.
 *
 * Errors: PZ_TRY_AGAIN no memory for a block of rows; A is as it was */
enum pz_status pz_mat_apply(struct pz_mat a, struct pz_mat b, struct pz_err *err);

/* Eigenvalues of a symmetric matrix (both triangles given, stride = cols) in descending order into
 * value[cols]; a becomes its eigenvectors, one a column.
 *
 * Errors: PZ_INTERNAL a holds numbers that are not finite, or LAPACK did not converge; PZ_TRY_AGAIN
 *         memory is out */
enum pz_status pz_mat_eigen(struct pz_mat a, float *value, struct pz_err *err);

/* Make the columns of A orthonormal (rows >= cols) by two rounds of Cholesky QR (Yamamoto et al.
 * 2015), the first one shifted, so nearly dependent columns do no harm; each rank has and makes its
 * rows `mine`, as in pz_mat_gram. work: [cols * cols].
 *
 * Errors: PZ_INTERNAL a factorisation failed, as it does when A holds numbers that are not
 * finite */
enum pz_status pz_mat_orthonormal(struct pz_mat a, struct pz_share mine, float *work,
                                  struct pz_err *err);

/* A <- A^-1 for a symmetric positive definite matrix (upper triangle given; both are there
 * afterwards).
 *
 * Errors: PZ_INTERNAL A holds numbers that are not finite or is not positive definite; A is then
 *         undefined */
enum pz_status pz_mat_invert(struct pz_mat a, struct pz_err *err);

/* ---- kernels for the inside of parallel loops: no lock, no allocation ---- */

/* Shapes of a product: C is m x n, k is summed over; beta 0 overwrites C, 1 adds to it. */
struct pz_gemm {
    size_t m, n, k;
    float beta;
};

/* C = A B + beta C; A m x k, B k x n, without gaps. Thread-safe on different C. Needs 70 kB of
 * stack. */
void pz_gemm_ab(struct pz_gemm s, const float *a, const float *b, float *c);
/* C = A B^T + beta C; A m x k, B n x k. Likewise. */
void pz_gemm_abt(struct pz_gemm s, const float *a, const float *b, float *c);
/* C = A^T B + beta C; A k x m, B k x n. Likewise. */
void pz_gemm_atb(struct pz_gemm s, const float *a, const float *b, float *c);

/* B once for many products with it: pz_gemm_packed numbers, 32-byte aligned; across: b is n x k,
 * and B what stands across in it. pz_gemm_with is pz_gemm_ab or pz_gemm_abt with that B, to the
 * last bit. Thread-safe on different outputs. */
size_t pz_gemm_packed(size_t k, size_t n);
void pz_gemm_pack(size_t k, size_t n, const float *b, bool across, float *out);
void pz_gemm_with(struct pz_gemm s, const float *a, const float *packed, float *c);

/* C += A^T A for a [n * d]; at least the upper triangle of c [d * d] is right. Likewise. */
void pz_dense_add_gram(const float *a, size_t n, size_t d, float *c);

/* Solve A x = b for a symmetric positive definite A [d * d] (upper triangle, destroyed), b [d] in
 * place. Pivots below `floor` are raised to it. Thread-safe on different arrays. */
void pz_dense_solve(float *a, size_t d, float floor, float *b);

#endif
