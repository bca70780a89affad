/* SPDX-License-Identifier: Apache-2.0 */
/* Private to model/content/: the inside of the content scorer, shared by its files and its tests.
 *
 * Features are what attributes become: x_j is the sparse vector of item j.
 *   CATEGORY  "COLUMN=value", repeated values count 1 + log(times)
 *   BOOL      "COLUMN=true", "COLUMN=false"
 *   NUMBER    "COLUMN#k": knots at quantiles; a value between two knots is shared by both in
 *             proportion to nearness, beyond the ends it belongs to the outermost
 *   TEXT      "COLUMN:term": words in small letters, (1 + log(times)) * log((items + 1) / items
 *             with the term)
 * scaled to unit length within each column, and one feature "*" of weight 1 that every item has.
 *
 * Threads: dictionaries, matrices and parts are only read once they are made: any number. A fit
 * uses all cores and belongs to one caller. */
#ifndef PZ_MODEL_CONTENT_CONTENT_H
#define PZ_MODEL_CONTENT_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "data/attrs.h"
#include "model/scorer.h"
#include "model/transitions/transitions.h"
#include "table/csr.h"
#include "table/dict.h"

/* Indices of the settings, in the order of the scorer's table. */
enum pz_content_set {
    PZ_CONTENT_DECAY,
    PZ_CONTENT_SYMMETRIC,
    PZ_CONTENT_SOURCE_NORM,
    PZ_CONTENT_TARGET_NORM,
    PZ_CONTENT_RIDGE,
    PZ_CONTENT_TRUST,
    PZ_CONTENT_FADE,
    PZ_CONTENT_RECENCY,
    PZ_CONTENT_MIX,
    PZ_CONTENT_N
};

enum {
    PZ_CONTENT_FEATURES = 2048, /* of a dictionary */
    PZ_CONTENT_KNOTS = 16,      /* of a column of numbers */
    PZ_CONTENT_KEPT = 128       /* features of what follows an item */
};

/* The features known to a part. */
struct pz_content_dict {
    struct pz_dict names; /* [names.n] see above */
    const float *value; /* [names.n] knots: their position; terms: log((items + 1) / items with it);
                           else 1 */
    float *own;         /* value when owned */
};

/* ---- features.c ---- */

/* Choose the features of a table: of categories and terms those that two items have, the most
 * frequent PZ_CONTENT_FEATURES at most, and fewer the more items there are, so that the regressions
 * take seconds. use: [attrs->n_rows] rows to learn from, NULL for all.
 * Errors: PZ_TRY_AGAIN memory is out
 * Owner:  the caller clears *out, also after a failure */
enum pz_status pz_content_dict_make(const struct pz_attrs *attrs, const uint8_t *use,
                                    struct pz_content_dict *out, struct pz_err *err);
void pz_content_dict_clear(struct pz_content_dict *d);

/* The features of every row of a table (columns matched by name; of another table than the
 * dictionary was made from, too).
 * Errors: PZ_TRY_AGAIN memory is out
 * Owner:  the caller clears *out, also after a failure */
enum pz_status pz_content_encode(const struct pz_content_dict *d, const struct pz_attrs *attrs,
                                 struct pz_csr *out, struct pz_err *err);

/* ---- map.c ---- */

/* What pz_content_map makes; clear in any case. */
struct pz_content_map {
    struct pz_csr follow; /* [x->n] rows t_b */
    struct pz_csr map;    /* [n_feats] rows of M */
};

/* What follows each item, as weights of features: y_bj ~ x_j t_b with y_bj = C[b->j] /
 * (n_b^source_norm n_j^target_norm), one ridge regression an item over the same x:
 *   t_b = A^-1 sum_j d_j y_bj x_j,   A = sum_j d_j x_j^T x_j + ridge I,   d_j = n_j / (n_j + trust)
 * and of few events by what attributes say: t_b <- t_b + fade / (n_b + fade) (x_b M - t_b),
 *   M = A^-1 sum_b d_b x_b^T t_b.
 * Of each row of t and M the PZ_CONTENT_KEPT weights largest in |t| A_ff^(1/2) are kept.
 *
 * x       features of items
 * counts  C by source, a list an item
 * count   [x->n] n_i, events of an item
 * set     [PZ_CONTENT_N] settings
 * out     rows with ids ascending
 * Parallel over items. Memory: 8 x->n_cols^2 bytes and 8 PZ_CONTENT_KEPT an item.
 * Errors: PZ_TRY_AGAIN memory is out; PZ_INTERNAL A is not finite or not positive definite */
enum pz_status pz_content_map(const struct pz_csr *x, const struct pz_csr *counts,
                              const float *count, const double *set, struct pz_content_map *out,
                              struct pz_err *err);

/* ---- content.c ---- */

/* A learned part. */
struct pz_content {
    double set[PZ_CONTENT_N];
    uint32_t n_items;
    bool ordered; /* false: the histories have no order, recency means nothing */
    struct pz_content_dict dict;
    struct pz_csr x;      /* the items' features */
    struct pz_csr follow; /* what follows them: t_b */
    struct pz_csr map;    /* M of pz_content_map: what follows an item nobody had, x M */
    struct pz_csr first;  /* of each feature, those of its items that have the fewest events, a few;
                             empty in parts that are not of a campaign */
    const float *count;   /* [n_items] events */
    float *own_count;     /* count, unless a table owns it */
    struct pz_csr put; /* features of rows put since; those of fresh items are put_row[n_fresh] */
    const uint32_t *put_row; /* borrowed */
    uint32_t n_fresh;        /* items from n_items on */
};

#endif
