/* SPDX-License-Identifier: Apache-2.0 */
/* Private to model/: the inside of the content scorer, shared by its files and its tests.
 *
 * Features are what attributes become: x_j is the sparse vector of item j.
 *   CATEGORY  "COLUMN=value", repeated values count 1 + log(times)
 *   BOOL      "COLUMN=true", "COLUMN=false"
 *   NUMBER    "COLUMN#k": knots at quantiles; a value between two knots is shared by both in proportion to
 *             nearness, beyond the ends it belongs to the outermost
 *   TEXT      "COLUMN:term": words in small letters, (1 + log(times)) * log((items + 1) / items with the term)
 * scaled to unit length within each column, and one feature "*" of weight 1 that every item has. */
#ifndef PZ_MODEL_CONTENT_H
#define PZ_MODEL_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "data/attrs.h"
#include "model/dense.h"
#include "model/factors.h"
#include "model/scorer.h"
#include "table/dict.h"

/* Indices of the settings, in the order of the scorer's table. */
enum pz_content_set {
    PZ_CONTENT_DIM,
    PZ_CONTENT_UNSEEN,
    PZ_CONTENT_LAMBDA,
    PZ_CONTENT_RIDGE,
    PZ_CONTENT_TRUST,
    PZ_CONTENT_FADE,
    PZ_CONTENT_RECENCY,
    PZ_CONTENT_N
};

enum { PZ_CONTENT_FEATURES = 8192, PZ_CONTENT_KNOTS = 16 };

/* The features known to a part. */
struct pz_content_dict {
    struct pz_dict names; /* [names.n] see above */
    const float *value;   /* [names.n] knots: their position; terms: log((items + 1) / items with it); else 1 */
    float *own;           /* value when owned */
};

/* Sparse rows: features of items. */
struct pz_content_rows {
    uint32_t n;
    uint64_t *ptr;  /* [n + 1] */
    uint32_t *id;   /* without repeats within a row; NULL when nothing has features */
    float *weight;
};

/* ---- content_feats.c ---- */

/* Choose the features of a table: of categories and terms those that two items have, the most frequent
 * PZ_CONTENT_FEATURES at most. use: [attrs->n_rows] rows to learn from, NULL for all. Clear in any case. */
enum pz_status pz_content_dict_make(const struct pz_attrs *attrs, const uint8_t *use,
                                    struct pz_content_dict *out, struct pz_err *err);
void pz_content_dict_clear(struct pz_content_dict *d);

/* The features of every row of a table (columns matched by name; of another table than the dictionary was
 * made from, too). Clear in any case. */
enum pz_status pz_content_encode(const struct pz_content_dict *d, const struct pz_attrs *attrs,
                                 struct pz_content_rows *out, struct pz_err *err);
void pz_content_rows_clear(struct pz_content_rows *rows);

/* ---- content_map.c ---- */

/* The map W [features x d] of least  sum_i weight_i |v_i - x_i W|^2 + ridge |W|^2.
 * weight: [x->n] >= 0. v: [x->n * map.cols]. ridge > 0. Parallel over the columns of W. */
enum pz_status pz_content_map(const struct pz_content_rows *x, const float *weight, double ridge,
                              const float *v, struct pz_mat map, struct pz_err *err);

/* ---- content.c ---- */

/* A learned part. */
struct pz_content {
    double set[PZ_CONTENT_N];
    uint32_t n_items;
    struct pz_factors_part f; /* item: the vectors that stand in histories */
    struct pz_content_dict dict;
    const float *map;         /* [names.n * d] W */
    const uint64_t *ptr;      /* the items' features, as in rows */
    const uint32_t *id;
    const float *weight;
    const float *count;       /* [n_items] events */
    const float *norm;        /* [n_items] |x_i W| */
    struct pz_content_rows own_rows;
    bool owned;               /* everything above; else borrowed from a table */
};

#endif
