/* SPDX-License-Identifier: Apache-2.0 */
/* The query: one question to a model, assembled by rank/ from the history as it is now. */
#ifndef PZ_MODEL_QUERY_H
#define PZ_MODEL_QUERY_H

#include <stddef.h>
#include <stdint.h>

#include "data/attrs.h"
#include "table/dict.h"

enum pz_task {
    PZ_TASK_USER,    /* items for a user: hist is their history */
    PZ_TASK_RELATED, /* items like an item: hist holds just that item */
    PZ_TASK_RANK     /* order given candidates for a user */
};

/* One attribute value known at query time (user attribute or context): a number, or a code of the
 * model's dictionary for that attribute. */
struct pz_given {
    const struct pz_attr *attr; /* of the model's user attributes or context */
    double num;                 /* NUMBER, BOOL */
    uint32_t code;              /* others; one entry a value */
};

struct pz_query {
    enum pz_task task;
    /* The history that scorers may use, oldest first, in the model's item indices; weights > 0. */
    size_t n_hist;
    const uint32_t *hist;     /* [n_hist] */
    const int64_t *hist_time; /* [n_hist] Unix seconds */
    const float *hist_weight; /* [n_hist] */
    /* What is known of the user and the moment. */
    const struct pz_given *user; /* user attributes; NULL when n_user = 0 */
    size_t n_user;
    const struct pz_given *context;
    size_t n_context;
    double event_power;           /* by which weights are damped, see pz_weight_damp */
    int64_t now;                  /* Unix seconds of the question */
    double next;                  /* how far it is about what comes next, pz_model_next */
    bool keeps_seen;              /* items of the history may be answers, see pz_part_weight */
    const struct pz_query *known; /* the same without items that came since training, for parts that
                                   * know nothing of them; NULL: the history has none */
    /* Candidates: NULL = every item; else only these indices need a score (others may be left 0).
     */
    const uint32_t *cand;
    size_t n_cand;
    /* Room of a part (pz_scorer.kept_floats) for the vector that it makes of the history, which it
     * keeps there until the same is asked again; the first number is NaN while there is none. NULL:
     * nothing is kept. */
    float *vector;
};

/* The weight of a history's events by their age, newest first: rank^-exponent, rank 1 the newest.
 * Events of one moment have no order among themselves: each weighs the mean over the ranks that
 * they share. */
struct pz_recency {
    const struct pz_query *q;
    double exponent;
    size_t max;    /* newest events that count, at most n_hist */
    size_t k, end; /* ranks told; the last rank of the moment at hand: 0 at first */
    double weight; /* of the moment at hand */
};

/* The weight of rank r->k + 1, which becomes r->k; at most r->most calls. Without hist_time no two
 * events share a moment.
 * Threads: one at a time on the same r; the query is only read */
double pz_recency_next(struct pz_recency *r);

#endif
