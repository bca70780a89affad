/* SPDX-License-Identifier: Apache-2.0 */
/* Clusters: see clusters.h. Centres begin as rows at even distances and move, PASSES times, into
 * the middle of those that are nearest to them, of SAMPLED rows a cluster; then all rows are
 * assigned. Which cluster a row is in depends on that row alone, and sums are taken in the order of
 * rows: the number of threads does not matter. */
#include "model/clusters.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/par.h"
#include "base/simd.h"
#include "model/dense.h"

enum { PASSES = 4, SAMPLED = 32, BLOCK = 64, LANES = 8, NAME_BYTES = PZ_NAME_MAX + 1 };

/* Clusters for n rows: as many centres are compared with a query as items then, nearly. */
static uint32_t clusters_for(uint32_t n)
{
    return (uint32_t)fmin(ceil(1.6 * sqrt((double)n)), n);
}

/* A k-means at work. */
struct work {
    const float *row; /* [n * d] */
    uint32_t n, n_clusters;
    size_t d;
    float *centre;     /* [n_clusters * d] */
    float *packed;     /* the centres for pz_gemm_with */
    float *product;    /* [threads * BLOCK * n_clusters] */
    uint32_t *cluster; /* [n] */
};

static uint32_t largest_of(const float *x, uint32_t n)
{
    uint32_t at = 0;

    for (uint32_t i = 1; i < n; i++)
        at = x[i] > x[at] ? i : at;
    return at;
}

/* The clusters of up to BLOCK rows in a row. */
static void assign_block(const struct work *w, uint32_t first, float *product)
{
    uint32_t n = w->n - first < BLOCK ? w->n - first : BLOCK;

    pz_gemm_with((struct pz_gemm){ n, w->n_clusters, w->d, 0 }, w->row + (size_t)first * w->d,
                 w->packed, product);
    for (uint32_t k = 0; k < n; k++)
        w->cluster[first + k] = largest_of(product + (size_t)k * w->n_clusters, w->n_clusters);
}

/* The clusters of the rows of every step-th block. */
static void assign(struct work *w, uint32_t step)
{
    uint32_t n_blocks = (w->n + BLOCK - 1) / BLOCK;

    pz_gemm_pack(w->d, w->n_clusters, w->centre, true, w->packed);
#pragma omp parallel for schedule(dynamic, 4) num_threads(pz_par_threads())
    for (uint32_t b = 0; b < n_blocks; b += step)
        assign_block(w, b * BLOCK, w->product + (size_t)pz_par_id() * BLOCK * w->n_clusters);
}

static double square_of(const float *x, size_t d)
{
    double sum = 0;

    for (size_t k = 0; k < d; k++)
        sum += (double)x[k] * (double)x[k];
    return sum;
}

/* Centres move into the middle of those rows of every step-th block that are theirs. */
static void move(struct work *w, uint32_t step)
{
    memset(w->centre, 0, (size_t)w->n_clusters * w->d * sizeof *w->centre);
    for (size_t first = 0; first < w->n; first += (size_t)step * BLOCK)
        for (size_t i = first; i < first + BLOCK && i < w->n; i++)
            for (size_t k = 0; k < w->d; k++)
                w->centre[w->cluster[i] * w->d + k] += w->row[i * w->d + k];
    for (uint32_t c = 0; c < w->n_clusters; c++) {
        float *centre = w->centre + (size_t)c * w->d;
        double square = square_of(centre, w->d);

        for (size_t k = 0; k < w->d && square > 0; k++)
            centre[k] *= (float)(1 / sqrt(square));
    }
}

static void find_clusters(struct work *w)
{
    uint32_t step = w->n / (SAMPLED * w->n_clusters) + 1;

    for (size_t c = 0; c < w->n_clusters; c++)
        memcpy(w->centre + c * w->d, w->row + (size_t)(c * (uint64_t)w->n / w->n_clusters) * w->d,
               w->d * sizeof *w->centre);
    for (int i = 0; i < PASSES; i++) {
        assign(w, step);
        move(w, step);
    }
    assign(w, 1);
}

/* The lists of the clusters: ptr [n_clusters + 1], zero; item [n]. */
static void list_clusters(const struct work *w, uint64_t *ptr, uint32_t *item)
{
    for (uint32_t i = 0; i < w->n; i++)
        if (square_of(w->row + i * w->d, w->d) > 0)
            ptr[w->cluster[i] + 1]++;
    for (uint32_t c = 0; c < w->n_clusters; c++)
        ptr[c + 1] += ptr[c];
    for (uint32_t i = 0; i < w->n; i++)
        if (square_of(w->row + i * w->d, w->d) > 0)
            item[ptr[w->cluster[i]]++] = i;
    for (uint32_t c = w->n_clusters; c > 0; c--) /* each is where its list ends */
        ptr[c] = ptr[c - 1];
    ptr[0] = 0;
}

static enum pz_status add_columns(const struct work *w, const char *name, uint64_t *ptr,
                                  uint32_t *item, struct pz_derived *out, struct pz_err *err)
{
    char full[NAME_BYTES];
    uint64_t n_items = ptr[w->n_clusters];
    enum pz_status st;

    snprintf(full, sizeof full, "%s/centre", name);
    st = pz_derived_add(out, full, PZ_F32, w->centre, w->n_clusters * (uint64_t)w->d, w->centre,
                        err);
    snprintf(full, sizeof full, "%s/cluster_ptr", name);
    if (st == PZ_OK)
        st = pz_derived_add(out, full, PZ_U64, ptr, w->n_clusters + (uint64_t)1, ptr, err);
    else
        free(ptr);
    snprintf(full, sizeof full, "%s/cluster_item", name);
    if (st == PZ_OK)
        return pz_derived_add(out, full, PZ_U32, item, n_items, item, err);
    free(item);
    return st;
}

enum pz_status pz_clusters_derive(const float *row, uint32_t n, size_t d, const char *name,
                                  struct pz_derived *out, struct pz_err *err)
{
    struct work w = { .row = row, .n = n, .d = d, .n_clusters = clusters_for(n) };
    size_t n_clusters = w.n_clusters;
    uint64_t *ptr = NULL;
    uint32_t *item = NULL;
    bool ok;

    if (n == 0)
        return PZ_OK;
    ptr = pz_mem_array(n_clusters + 1, sizeof *ptr);
    item = pz_mem_array(n, sizeof *item);
    w.centre = pz_mem_array(n_clusters * d, sizeof *w.centre);
    w.packed = pz_mem_array(pz_gemm_packed(d, n_clusters), sizeof *w.packed);
    w.product = pz_mem_array((size_t)pz_par_threads() * BLOCK * n_clusters, sizeof *w.product);
    w.cluster = pz_mem_array(n, sizeof *w.cluster);
    ok = ptr && item && w.centre && w.packed && w.product && w.cluster;
    if (ok) {
        find_clusters(&w);
        list_clusters(&w, ptr, item);
    }
    free(w.packed);
    free(w.product);
    free(w.cluster);
    if (ok)
        return add_columns(&w, name, ptr, item, out, err);
    free(w.centre);
    free(ptr);
    free(item);
    return pz_err_memory(err, "clusters of vectors", 8.0 * n);
}

enum pz_status pz_clusters_load(struct pz_table *t, const char *name, uint32_t n, size_t d,
                                struct pz_clusters *clusters, struct pz_err *err)
{
    char ptr[NAME_BYTES], item[NAME_BYTES], centre[NAME_BYTES];
    const struct pz_csr_columns columns = { .ptr = ptr, .item = item };
    const void *data = NULL;
    enum pz_status st;

    *clusters = (struct pz_clusters){ .d = d };
    snprintf(centre, sizeof centre, PZ_DERIVED "%s/centre", name);
    snprintf(ptr, sizeof ptr, PZ_DERIVED "%s/cluster_ptr", name);
    snprintf(item, sizeof item, PZ_DERIVED "%s/cluster_item", name);
    if (!pz_table_has(t, item)) /* the last that is written */
        return PZ_OK;
    st = pz_csr_load(t, &columns, PZ_CSR_ANY, n, &clusters->items, err);
    if (st == PZ_OK)
        st = pz_table_get(t, centre, PZ_F32, clusters->items.n * (uint64_t)d, &data, NULL, err);
    clusters->centre = data;
    return st;
}

/* d is a multiple of LANES. */
PZ_KERNEL static float dot(const float *a, const float *b, size_t d)
{
    float lane[LANES] = { 0 }, sum = 0;

    for (size_t k = 0; k < d; k += LANES)
        for (size_t l = 0; l < LANES; l++)
            lane[l] += a[k + l] * b[k + l];
    for (size_t l = 0; l < LANES; l++)
        sum += lane[l];
    return sum;
}

size_t pz_clusters_near(const struct pz_clusters *clusters, const float *x, uint32_t *cluster)
{
    float near[PZ_CLUSTERS_NEAR];
    size_t n = 0;

    for (uint32_t c = 0; c < clusters->items.n; c++) {
        float product = dot(clusters->centre + c * clusters->d, x, clusters->d);
        size_t at;

        if (n == PZ_CLUSTERS_NEAR && product <= near[n - 1])
            continue;
        for (at = n < PZ_CLUSTERS_NEAR ? n++ : n - 1; at > 0 && near[at - 1] < product; at--) {
            near[at] = near[at - 1];
            cluster[at] = cluster[at - 1];
        }
        near[at] = product;
        cluster[at] = c;
    }
    return n;
}
