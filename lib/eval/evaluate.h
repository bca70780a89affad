/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluation: a model answers test cases by exact full ranking; means, intervals and comparisons. */
#ifndef PZ_EVAL_EVALUATE_H
#define PZ_EVAL_EVALUATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "data/dataset.h"
#include "model/model.h"
#include "rank/rank.h"

#define PZ_MAX_KS 8

/* One test case: ids as strings, borrowed. */
struct pz_case {
    const char *user_id;       /* for reports, and for the model's history when use_model is set */
    bool use_model;            /* the history starts with the model's own of this user */
    const char *const *history; /* [n_history] oldest first */
    size_t n_history;
    const char *const *truth;  /* [n_truth] different items */
    size_t n_truth;
    bool early;                 /* of cold items: within the item's first week */
};

struct pz_cases {
    struct pz_case *c; /* [n] */
    size_t n;
    const char *const *among; /* [n_among] only these items are ranked; NULL: the whole catalogue */
    size_t n_among;
    void **owned; /* freed by pz_cases_clear */
    size_t n_owned, cap_owned;
};
void pz_cases_clear(struct pz_cases *cases);

/* Cases of a split: every user with truth; the history is what roles say. role as pz_split_assign. */
enum pz_status pz_cases_from_split(const struct pz_dataset *ds, const uint8_t *role,
                                   struct pz_cases *cases, struct pz_err *err);

/* Cases of the split "cold-items": a user's first interaction with a cold item (role TRUTH), after the
 * history he had by then without cold items; none where that is empty. Ranked among the cold items. */
enum pz_status pz_cases_from_cold(const struct pz_dataset *ds, const uint8_t *role,
                                  struct pz_cases *cases, struct pz_err *err);

/* Cases of a test dataset: each user's interactions are truth; the history is the model's own, or, with
 * history, that dataset's. Users without a history there get an empty one. */
enum pz_status pz_cases_from_test(const struct pz_dataset *test, const struct pz_dataset *history,
                                  struct pz_cases *cases, struct pz_err *err);

struct pz_eval_cfg {
    uint32_t k[PZ_MAX_KS]; /* list lengths, e.g. 5, 10, 20, 25 */
    size_t n_k;
    enum pz_seen seen;
    uint64_t seed;         /* of the bootstrap */
    struct pz_log *log;
};

/* Figures of one model over the cases. */
struct pz_figures {
    size_t n_cases, n_metrics;
    const char **name; /* [n_metrics] Personalize's keys; owned */
    float *each;       /* [n_cases * n_metrics] row per case; owned */
    double *mean;      /* [n_metrics] */
    double *low, *high; /* 95 % bootstrap interval, 1,000 resamples */
    double coverage, catalogue_share, gini, novelty;
};
void pz_figures_clear(struct pz_figures *f);

/* Run the model over all cases (parallel; the same at any thread count). Ties in score go to the lower
 * item index. Truth that the model does not know counts as missed. */
enum pz_status pz_evaluate(const struct pz_model *m, const struct pz_cases *cases,
                           const struct pz_eval_cfg *cfg, struct pz_figures *out,
                           struct pz_err *err);

/* The share of the cold items' first-week audience that finds them: of the early cases, those whose truth
 * is among the first k of the full catalogue. reach: caller's [cfg->n_k]; 0 without early cases. */
enum pz_status pz_evaluate_reach(const struct pz_model *m, const struct pz_cases *cases,
                                 const struct pz_eval_cfg *cfg, double *reach, struct pz_err *err);

/* Lift of a over b on metric i: mean(a) / mean(b) - 1, and the paired 95 % interval of the difference of
 * means; both ran over the same cases. */
struct pz_lift {
    double ratio, difference, low, high;
};
struct pz_lift pz_compare(const struct pz_figures *a, const struct pz_figures *b, size_t metric,
                          uint64_t seed);

#endif
