/* SPDX-License-Identifier: Apache-2.0 */
/* Clusters of vectors of one length: each item is in that of the centre whose direction is nearest
 * (spherical k-means, Dhillon & Modha 2001), so that the items nearest to a vector are mostly in
 * few clusters, those of the nearest centres. Publishing makes and stores them, for probes.
 *
 * Threads: clusters are only read once they are there: any number. */
#ifndef PZ_MODEL_CLUSTERS_H
#define PZ_MODEL_CLUSTERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "table/csr.h"
#include "table/table.h"

enum { PZ_CLUSTERS_NEAR = 4 /* clusters that are looked into */ };

struct pz_clusters {
    size_t d;
    const float *centre; /* [items.n * d] unit vectors, or zero */
    struct pz_csr items; /* of each cluster, ascending; items.n 0: there are no clusters */
};

/* Make clusters of row [n * d] and add their columns: NAME/centre (f32), NAME/cluster_ptr (u64) and
 * NAME/cluster_item (u32). Rows of zeros are in none. Takes some 2 n^1.5 d multiplications on all
 * cores; the same bytes at any number of threads.
 *
 * Errors:  PZ_TRY_AGAIN memory is out
 * Threads: one caller */
enum pz_status pz_clusters_derive(const float *row, uint32_t n, size_t d, const char *name,
                                  struct pz_derived *out, struct pz_err *err);

/* The clusters that a flat table has of n items, none where it has not all of the columns.
 *
 * Errors:  as pz_table_get
 * Owner:   the table, which must outlive *clusters */
enum pz_status pz_clusters_load(struct pz_table *t, const char *name, uint32_t n, size_t d,
                                struct pz_clusters *clusters, struct pz_err *err);

/* The clusters whose centres are nearest to x [d], at most PZ_CLUSTERS_NEAR, into cluster; returns
 * how many. */
size_t pz_clusters_near(const struct pz_clusters *clusters, const float *x, uint32_t *cluster);

#endif
