/* SPDX-License-Identifier: Apache-2.0 */
/* Large dense matrices on BLAS and LAPACK: see dense.h.
 *
 * Every call into the library happens under one lock and with one BLAS thread: a serial OpenBLAS
 * has no locks of its own, and a threaded one inside our parallel loops would oversubscribe the
 * cores.
 *
 * OpenBLAS knows processors by number. On one that is newer than itself it falls back to kernels of
 * 2004, which use an eighth of its width, and some of which read odd sizes at addresses where they
 * may not: spotri of a lower triangle of 133 columns ends the process. So it is told which kernels
 * such a processor is good for, and no such call is made.
 *
 * LAPACK counts columns first. A symmetric matrix reads the same both ways; eigenvectors arrive as
 * rows and are turned. */
#include "model/dense.h"

#include <cblas.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/ranks.h"
#include "base/simd.h"

enum {
    BLAS_BYTES = 136 << 20, /* OpenBLAS reserves 128 MiB and an alignment, */
    BLAS_USED = 16 << 20    /* of which blocks of large products fill so much (seen: 5-12 MB) */
};

/* Fortran: strings carry their length as a last argument. */
extern void ssyevd_(const char *job, const char *triangle, const int *n, float *a, const int *lda,
                    float *w, float *work, const int *lwork, int *iwork, const int *liwork,
                    int *info, size_t job_len, size_t triangle_len);
extern void spotrf_(const char *triangle, const int *n, float *a, const int *lda, int *info,
                    size_t triangle_len);
extern void spotri_(const char *triangle, const int *n, float *a, const int *lda, int *info,
                    size_t triangle_len);

/* Of OpenBLAS, where one build has the kernels of several processors: choose them by
 * OPENBLAS_CORETYPE or by the processor; forget the choice. */
extern void gotoblas_dynamic_init(void);
extern void gotoblas_dynamic_quit(void);

/* Weak: programs that never learn are linked without the library, which takes a millisecond to
 * load. */
#pragma weak cblas_sgemm
#pragma weak cblas_ssyrk
#pragma weak cblas_strsm
#pragma weak gotoblas_dynamic_init
#pragma weak gotoblas_dynamic_quit
#pragma weak openblas_get_corename
#pragma weak openblas_set_num_threads
#pragma weak spotrf_
#pragma weak spotri_
#pragma weak ssyevd_

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

const char *pz_mat_better_kernels(const char *found, bool avx2, bool avx512)
{
    bool fell_back = strcmp(found, "Prescott") == 0 || strcmp(found, "Barcelona") == 0;

    return !fell_back || !avx2 ? NULL : avx512 ? "SkylakeX" : "Haswell";
}

static const char *kernels_here(const char *found)
{
#ifdef __x86_64__
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    bool avx2 = false;
#endif
    return pz_mat_better_kernels(found, avx2, pz_simd_is_wide());
}

/* Once, under the lock, before the library has computed anything. Who set the variable has
 * chosen. */
static void choose_kernels(void)
{
    static const char name[] = "OPENBLAS_CORETYPE";
    static bool done;
    const char *better = done || !gotoblas_dynamic_init || !gotoblas_dynamic_quit || getenv(name)
                             ? NULL
                             : kernels_here(openblas_get_corename());

    done = true;
    if (!better || setenv(name, better, 1) != 0)
        return;
    gotoblas_dynamic_quit();
    gotoblas_dynamic_init();
    unsetenv(name);
}

static void begin(void)
{
    pthread_mutex_lock(&turn);
    choose_kernels();
    openblas_set_num_threads(1);
}

static void end(void)
{
    pthread_mutex_unlock(&turn);
}

/* Make a matrix symmetric by its upper or its lower triangle. */
static void mirror(struct pz_mat a, bool upper)
{
    for (size_t i = 0; i < a.cols; i++)
        for (size_t j = i + 1; j < a.cols; j++) {
            float *above = &a.v[i * a.stride + j], *below = &a.v[j * a.stride + i];

            *(upper ? below : above) = *(upper ? above : below);
        }
}

/* The block of rows that begins at row `from`. */
static struct pz_mat block_at(struct pz_mat a, size_t from)
{
    size_t n = a.rows - from < PZ_MAT_ROWS ? a.rows - from : PZ_MAT_ROWS;

    return pz_mat_rows(a, (struct pz_share){ from, from + n });
}

/* The upper triangle of out += A^T A. */
static void add_gram(struct pz_mat a, struct pz_mat out)
{
    begin();
    for (size_t from = 0; from < a.rows; from += PZ_MAT_ROWS) {
        struct pz_mat block = block_at(a, from);

        cblas_ssyrk(CblasRowMajor, CblasUpper, CblasTrans, (int)a.cols, (int)block.rows, 1.0f,
                    block.v, (int)a.stride, 1.0f, out.v, (int)out.stride);
    }
    end();
}

void pz_mat_gram(struct pz_mat a, struct pz_share mine, struct pz_mat out)
{
    size_t bytes = out.rows * out.cols * sizeof *out.v;

    memset(out.v, 0, bytes);
    pz_ranks_turn(out.v, bytes);
    add_gram(pz_mat_rows(a, mine), out);
    pz_ranks_pass(out.v, bytes);
    mirror(out, true);
}

/* The library computes in another order on another kind of processor: ranks on different kinds
 * would come to different numbers, and then to different decisions. */
static enum pz_status check_processors(struct pz_err *err)
{
    enum { NAME = 32 };
    char mine[NAME] = "", *all = NULL;
    size_t *from = pz_mem_array((size_t)pz_ranks_n() + 1, sizeof *from);
    void *names = NULL;
    enum pz_status st;

    if (!from)
        return pz_err_memory(err, "the kinds of processors", NAME);
    snprintf(mine, sizeof mine, "%s", openblas_get_corename());
    st = pz_ranks_collect(mine, sizeof mine, &names, from, err);
    all = names;
    for (int r = 1; r < pz_ranks_n() && st == PZ_OK; r++)
        if (strcmp(all, all + (size_t)r * NAME) != 0)
            st = pz_err_set(err, PZ_UNAVAILABLE,
                            "rank 1 runs on a processor of kind %s and rank %d on one of kind %s, "
                            "whose sums differ; give all of them OPENBLAS_CORETYPE=%s, say",
                            all, r + 1, all + (size_t)r * NAME, all);
    free(names);
    free(from);
    return st;
}

enum pz_status pz_mat_reserve(struct pz_err *err)
{
    enum { N = 64 }; /* the smallest product that needs the buffer for certain */
    static bool done;
    struct pz_mat a;
    char limit[192];
    void *buffer = NULL;
    enum pz_status st = PZ_OK;

    if (done)
        return PZ_OK;
    a = pz_mat_of(pz_mem_array(2 * N * N, sizeof *a.v), N, N);
    pz_limits_spare(BLAS_BYTES - BLAS_USED);
    buffer = malloc(BLAS_BYTES);
    if (!a.v || !buffer) {
        pz_limits_describe(BLAS_USED, limit, sizeof limit);
        st =
            pz_err_set(err, PZ_TRY_AGAIN,
                       "out of memory: the algebra library wants %.0f MB of address space at once; "
                       "a limit on it (ulimit -v, LimitAS=) has to leave that much%s",
                       BLAS_BYTES / 1e6, limit);
    }
    free(buffer);
    if (st == PZ_OK)
        add_gram(a, pz_mat_of(a.v + N * N, N, N));
    done = st == PZ_OK;
    free(a.v);
    return st == PZ_OK && pz_ranks_n() > 1 ? check_processors(err) : st;
}

enum pz_status pz_mat_apply(struct pz_mat a, struct pz_mat b, struct pz_err *err)
{
    float *block = pz_mem_array(PZ_MAT_ROWS * a.cols, sizeof *block);

    if (!block)
        return pz_err_memory(err, "a block of rows", 4.0 * PZ_MAT_ROWS * (double)a.cols);
    begin();
    for (size_t from = 0; from < a.rows; from += PZ_MAT_ROWS) {
        struct pz_mat at = block_at(a, from);

        for (size_t i = 0; i < at.rows; i++)
            memcpy(block + i * a.cols, at.v + i * a.stride, a.cols * sizeof *block);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)at.rows, (int)b.cols,
                    (int)a.cols, 1.0f, block, (int)a.cols, b.v, (int)b.stride, 0.0f, at.v,
                    (int)a.stride);
    }
    end();
    free(block);
    return PZ_OK;
}

static bool all_finite(struct pz_mat a)
{
    for (size_t i = 0; i < a.cols; i++)
        for (size_t j = 0; j < a.cols; j++)
            if (!isfinite(a.v[i * a.stride + j]))
                return false;
    return true;
}

/* Rows of v, ascending by w, become columns, descending; each with its largest entry positive, so
 * that the choice of sign is ours and not the library's. */
static void turn_vectors(const float *v, struct pz_mat out)
{
    size_t n = out.cols;

    for (size_t r = 0; r < n; r++) {
        const float *row = v + (n - 1 - r) * n;
        float largest = 0;

        for (size_t j = 0; j < n; j++)
            if (fabsf(row[j]) > fabsf(largest))
                largest = row[j];
        for (size_t j = 0; j < n; j++)
            out.v[j * out.stride + r] = largest < 0 ? -row[j] : row[j];
    }
}

enum pz_status pz_mat_eigen(struct pz_mat a, float *value, struct pz_err *err)
{
    int n = (int)a.cols, info = 0, n_work = 1 + 6 * n + 2 * n * n, n_iwork = 3 + 5 * n;
    float *v = pz_mem_copy(a.v, a.cols * a.cols, sizeof *v);
    float *w = pz_mem_array(a.cols, sizeof *w), *work = pz_mem_array((size_t)n_work, sizeof *work);
    int *iwork = pz_mem_array((size_t)n_iwork, sizeof *iwork);
    enum pz_status st = PZ_OK;

    if (!v || !w || !work || !iwork) {
        st = pz_err_memory(err, "an eigenproblem", 12.0 * (double)a.cols * (double)a.cols);
    } else if (!all_finite(a)) {
        st = pz_err_set(err, PZ_INTERNAL, "a matrix of %zu columns is not finite", a.cols);
    } else if (n > 0) {
        begin();
        ssyevd_("V", "U", &n, v, &n, w, work, &n_work, iwork, &n_iwork, &info, 1, 1);
        end();
        if (info != 0)
            st = pz_err_set(err, PZ_INTERNAL, "an eigenproblem of size %d did not converge", n);
    }
    if (st == PZ_OK) {
        turn_vectors(v, a);
        for (size_t k = 0; k < a.cols; k++)
            value[k] = w[a.cols - 1 - k];
    }
    free(v);
    free(w);
    free(work);
    free(iwork);
    return st;
}

/* A <- A R^-1, R upper triangular. */
static void divide(struct pz_mat a, const float *r)
{
    for (size_t from = 0; from < a.rows; from += PZ_MAT_ROWS) {
        struct pz_mat block = block_at(a, from);

        cblas_strsm(CblasRowMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit,
                    (int)block.rows, (int)a.cols, 1.0f, r, (int)a.cols, block.v, (int)a.stride);
    }
}

/* A <- A R^-1 with A^T A + shift I = R^T R. */
static bool cholesky_qr(struct pz_mat a, struct pz_share mine, float *gram, float shift)
{
    int n = (int)a.cols, info = 0;
    double trace = 0;

    pz_mat_gram(a, mine, pz_mat_of(gram, a.cols, a.cols));
    for (size_t k = 0; k < a.cols; k++)
        trace += (double)gram[k * a.cols + k];
    for (size_t k = 0; k < a.cols; k++)
        gram[k * a.cols + k] += shift * (float)(trace / (double)a.cols) + 1e-30f;
    if (!all_finite(pz_mat_of(gram, a.cols, a.cols)))
        return false;
    begin();
    spotrf_("L", &n, gram, &n, &info, 1); /* lower by columns = upper by rows */
    if (info == 0)
        divide(pz_mat_rows(a, mine), gram);
    end();
    return info == 0;
}

/* A matrix of low rank leaves noise behind the first round: the shift grows until it is covered. */
static bool shifted_qr(struct pz_mat a, struct pz_share mine, float *gram, float shift)
{
    while (shift < 1 && !cholesky_qr(a, mine, gram, shift))
        shift *= 10;
    return shift < 1;
}

enum pz_status pz_mat_orthonormal(struct pz_mat a, struct pz_share mine, float *work,
                                  struct pz_err *err)
{
    if (a.cols == 0)
        return PZ_OK;
    if (!shifted_qr(a, mine, work, 1e-5f) || !shifted_qr(a, mine, work, 1e-7f))
        return pz_err_set(err, PZ_INTERNAL, "%zu columns could not be made orthonormal", a.cols);
    return PZ_OK;
}

enum pz_status pz_mat_invert(struct pz_mat a, struct pz_err *err)
{
    int n = (int)a.cols, stride = (int)a.stride, info = 0;

    if (!all_finite(a))
        return pz_err_set(err, PZ_INTERNAL, "a matrix of %zu columns is not finite", a.cols);
    mirror(a, true);
    begin();
    spotrf_("U", &n, a.v, &stride, &info, 1); /* upper by columns = lower by rows */
    if (info == 0)
        spotri_("U", &n, a.v, &stride, &info, 1);
    end();
    if (info != 0)
        return pz_err_set(err, PZ_INTERNAL, "a matrix of %zu columns is not positive definite",
                          a.cols);
    mirror(a, false);
    return PZ_OK;
}
