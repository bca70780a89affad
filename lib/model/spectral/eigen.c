/* SPDX-License-Identifier: Apache-2.0 */
/* The leading eigenvectors of A^T A, A sparse, by randomised subspace iteration (Halko, Martinsson
 * & Tropp 2011): a random block a little wider than asked is multiplied by A^T A a few times, made
 * orthonormal on the way, and the leading singular vectors of the last product are read from its
 * small Gram matrix. The columns go through the sparse matrix PZ_SPECTRAL_BLOCK at a time, so
 * nothing of size users x k exists.
 *
 * Floor: A and its transpose are applied three times, six multiplications and additions an entry
 * and column: for a million entries and 151 columns .02 s where a core makes 98 operations a
 * nanosecond, and they take .55 s, waiting for rows of 128 bytes of 9 MB; what makes the columns
 * orthonormal takes half as much. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/par.h"
#include "base/ranks.h"
#include "base/rng.h"
#include "base/simd.h"
#include "model/spectral/spectral.h"

enum {
    BLOCK = PZ_SPECTRAL_BLOCK,
    EXTRA_PERCENT = 12, /* columns beyond those asked */
    EXTRA_MIN = 8,
    ROUNDS = 2,
    AHEAD = 8, /* entries that rows are asked for before they are read */
    LINE = 16  /* floats of a cache line */
};

/* out[0..n) = sum over p of value[p] * row id[p] of from.
 * The sums stay in registers for a whole row of A, and each entry reads BLOCK consecutive floats, a
 * few cache lines. The branch with a constant bound is what the compiler unrolls; the other serves
 * the last, narrower block. */
PZ_KERNEL static void gather(const uint32_t *id, const float *value, uint64_t n_entries,
                             const float *from, size_t stride, size_t n, float *out)
{
    float sum[BLOCK] = { 0 };

    for (uint64_t p = 0; p < n_entries; p++) {
        const float *row = from + (size_t)id[p] * stride;
        float w = value[p];

        if (p + AHEAD < n_entries) /* rows lie all over memory, of two lines each */
            for (size_t k = 0; k < BLOCK; k += LINE)
                __builtin_prefetch(from + (size_t)id[p + AHEAD] * stride + k);
        if (n == BLOCK)
            for (size_t k = 0; k < BLOCK; k++)
                sum[k] += w * row[k];
        else
            for (size_t k = 0; k < n; k++)
                sum[k] += w * row[k];
    }
    memcpy(out, sum, n * sizeof *sum);
}

/* The rows of vectors that this rank makes. */
static struct pz_share my_cols(size_t n)
{
    return pz_ranks_mine(n, PZ_MAT_ROWS);
}

/* Give all ranks all rows of q. */
static void give_all(struct pz_mat q)
{
    pz_ranks_gather(q.v, q.rows, PZ_MAT_ROWS, q.stride * sizeof *q.v);
}

/* Room for A q in blocks of columns: rows x BLOCK floats at a time, 4 BLOCK bytes a user. */
static float *take_mid(const struct pz_sparse *a, struct pz_err *err)
{
    float *mid = pz_ranks_room(a->rows * BLOCK, sizeof *mid);

    if (!mid)
        pz_err_memory(err, "spectral vectors", 4.0 * BLOCK * (double)a->rows);
    return mid;
}

/* q <- A^T A q by way of mid. */
static void square(const struct pz_sparse *a, struct pz_mat q, float *mid)
{
    struct pz_share rows = a->my_rows, cols = my_cols(a->cols);
    const struct pz_by_item *by_col = &a->by_col;

    for (size_t from = 0; from < q.cols; from += BLOCK) {
        size_t n = q.cols - from < BLOCK ? q.cols - from : BLOCK;

#pragma omp parallel for schedule(dynamic, 256) num_threads(pz_par_threads())
        for (size_t u = rows.first; u < rows.end; u++)
            gather(a->col + a->ptr[u], a->by_row + a->ptr[u], a->ptr[u + 1] - a->ptr[u], q.v + from,
                   q.stride, n, mid + u * BLOCK);
        pz_ranks_gather_mine(mid, rows, BLOCK * sizeof *mid);
#pragma omp parallel for schedule(dynamic, 256) num_threads(pz_par_threads())
        for (size_t i = cols.first; i < cols.end; i++)
            gather(by_col->user + by_col->ptr[i], by_col->value + by_col->ptr[i],
                   by_col->ptr[i + 1] - by_col->ptr[i], mid, BLOCK, n, q.v + i * q.stride + from);
        pz_ranks_meet(mid); /* before its rows are the next block's */
    }
}

enum pz_status pz_sparse_square(const struct pz_sparse *a, struct pz_mat q, struct pz_err *err)
{
    float *mid = take_mid(a, err);

    if (mid)
        square(a, q, mid);
    pz_ranks_return(mid);
    return mid ? PZ_OK : PZ_TRY_AGAIN;
}

static void start_vectors(struct pz_mat q, uint64_t seed)
{
    struct pz_share rows = my_cols(q.rows);

#pragma omp parallel for schedule(static) num_threads(pz_par_threads())
    for (size_t r = rows.first; r < rows.end; r++) {
        struct pz_rng rng;

        for (size_t k = q.cols; k < q.stride; k++)
            q.v[r * q.stride + k] = 0;
        pz_rng_init(&rng, seed, r);
        for (size_t k = 0; k < q.cols; k++)
            q.v[r * q.stride + k] = (float)pz_rng_normal(&rng);
    }
}

/* Y = V S W^T: from Y^T Y = W S^2 W^T, V = Y W / S. Directions without substance become zero. */
static enum pz_status read_vectors(struct pz_mat y, size_t k, float *gram, float *value,
                                   struct pz_err *err)
{
    struct pz_mat w = pz_mat_of(gram, y.cols, y.cols);
    enum pz_status st;

    pz_mat_gram(y, my_cols(y.rows), w);
    st = pz_mat_eigen(w, value, err);
    if (st != PZ_OK)
        return st;
    for (size_t j = 0; j < y.cols; j++) {
        /* Squared values: a direction with less than 1e-5 of the leading one's length is rounding
         * of float, and dividing by it would blow that up to a vector of length one. */
        float s = value[j] > 1e-10f * value[0] ? sqrtf(value[j]) : 0;

        value[j] = s;
        for (size_t i = 0; i < y.cols; i++)
            gram[i * y.cols + j] *= s > 0 ? 1 / s : 0;
    }
    w.cols = k;
    st = pz_mat_apply(pz_mat_rows(y, my_cols(y.rows)), w, err);
    give_all(y);
    return st;
}

/* Fill y, which has more columns than the k asked for; those from k on are undefined then. */
static enum pz_status find_vectors(const struct pz_sparse *a, size_t k, uint64_t seed,
                                   struct pz_mat y, float *value, struct pz_err *err)
{
    float *gram = pz_mem_array(y.cols * y.cols, sizeof *gram);
    enum pz_status st = gram ? PZ_OK
                             : pz_err_memory(err, "spectral vectors",
                                             4.0 * (double)(y.cols * y.cols));
    float *mid = st == PZ_OK ? take_mid(a, err) : NULL;

    if (mid)
        start_vectors(y, seed);
    else
        st = PZ_TRY_AGAIN;
    /* Each round multiplies a direction by its squared singular value, which separates those wanted
     * from the tail. Without being made orthonormal on the way all columns would lean towards the
     * first one. */
    for (int round = 0; round < ROUNDS && st == PZ_OK; round++) {
        give_all(y);
        square(a, y, mid);
        st = pz_mat_orthonormal(y, my_cols(y.rows), gram, err);
    }
    if (st == PZ_OK) {
        give_all(y);
        square(a, y, mid);
    }
    pz_ranks_return(mid);
    if (st == PZ_OK)
        st = read_vectors(y, k, gram, value, err);
    free(gram);
    return st;
}

double pz_sparse_width(double k)
{
    return k + floor(k * EXTRA_PERCENT / 100) + EXTRA_MIN;
}

/* The matrix has no more singular values than its smaller side. Columns beyond those found are zero
 * with value 0: the part's shape follows the setting, whatever the data. */
enum pz_status pz_sparse_eigen(const struct pz_sparse *a, size_t k, uint64_t seed,
                               struct pz_mat *out, float *value, struct pz_err *err)
{
    size_t wide = (size_t)pz_sparse_width((double)k), max = a->cols < a->rows ? a->cols : a->rows;
    size_t width = wide < max ? wide : max, keep = k < width ? k : width,
           stride = k < width ? width : k;
    float *v = pz_ranks_room(a->cols * stride, sizeof *v), *all = pz_mem_array(width, sizeof *all);
    enum pz_status st = v && all ? PZ_OK
                                 : pz_err_memory(err, "spectral vectors",
                                                 4.0 * (double)(a->cols * stride));

    if (st == PZ_OK)
        st = find_vectors(a, keep, seed, (struct pz_mat){ v, a->cols, width, stride }, all, err);
    if (st == PZ_OK)
        memcpy(value, all, keep * sizeof *value);
    free(all);
    if (st != PZ_OK) {
        pz_ranks_return(v);
        v = NULL;
    }
    *out = (struct pz_mat){ v, a->cols, k, stride };
    return st;
}
