/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluation: a model answers test cases by exact full ranking; means, intervals and comparisons.
 *
 * Threads: any, each with figures of its own; evaluating uses the other threads inside. */
#ifndef PZ_EVAL_EVALUATE_H
#define PZ_EVAL_EVALUATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "eval/cases.h"
#include "model/model.h"
#include "rank/rank.h"

#define PZ_MAX_KS 8
#define PZ_RESAMPLES 1000

struct pz_eval_cfg {
    uint32_t k[PZ_MAX_KS]; /* list lengths, e.g. 5, 10, 20, 25 */
    size_t n_k;
    enum pz_seen seen;
    const char *objective;     /* numeric column of Items as in struct pz_rules: adds
                                  average_rewards_at_k; NULL: none */
    double objective_power;    /* 0: the order is as without it */
    double exploration_weight; /* as in struct pz_request; 0: lists without exploration */
    uint64_t seed;             /* of the bootstrap */
    struct pz_log *log;
};

/* Parse "5,10,25" into cfg->k: up to PZ_MAX_KS different numbers from 1 to 10,000, in any order.
 *
 * Errors:  PZ_USAGE something else */
enum pz_status pz_eval_parse_ks(const char *text, struct pz_eval_cfg *cfg, struct pz_err *err);

/* The list length next to ten, by which a model is spoken of: its place in cfg->k. */
size_t pz_eval_near_ten(const struct pz_eval_cfg *cfg);

/* Items in three classes by how many interactions they have: popular, middle and rare items share
 * the interactions in thirds, so that the popular ones are few and the rare ones many. */
enum { PZ_POPULARITY_CLASSES = 3 };

struct pz_class_share {
    uint64_t n_items; /* of the catalogue */
    uint64_t truth;   /* held-out items of the class, over all cases */
    uint64_t found;   /* of these, those in the list of the longest K */
    uint64_t shown;   /* places of such lists that items of the class take */
};

/* Figures of one model over the cases. */
struct pz_figures {
    size_t n_cases, n_metrics;
    char **name;  /* [n_metrics] Personalize's keys, those of one K together; the last is novelty:
                   * the  mean of log2(users / users who had the item), in bits; owned */
    float *each;  /* [n_cases * n_metrics] row per case; owned */
    double *mean; /* [n_metrics] */
    double *low, *high; /* [n_metrics] 95 % bootstrap interval */
    double *resample;   /* [PZ_RESAMPLES * n_metrics] means of the resamples, the same cases in each
                         * for   every model that is judged with the same seed over as many cases */
    double coverage;    /* different items in all lists of the longest K / items of the catalogue */
    double share[PZ_MAX_KS]; /* the same for each K */
    double gini;             /* of how often each item is in a list of the longest K */
    struct pz_class_share popularity[PZ_POPULARITY_CLASSES];
};
/* Free the arrays; all-zero again. */
void pz_figures_clear(struct pz_figures *f);

/* Run the model over all cases (parallel; the same at any thread count). Ties in score go to the
 * lower item index, which is the lower id in byte order. Ground truth that the model does not know
 * counts as missed. Cost: a full ranking a case; memory besides the model: 24 bytes an item and
 * thread, 4 bytes a metric and case.
 *
 * Errors:  PZ_BAD_DATA no cases; PZ_USAGE the objective is no column of numbers; PZ_TRY_AGAIN
 *          memory; PZ_INTERRUPTED stopped; what pz_rank says
 * Owner:   the caller: pz_figures_clear; all-zero after an error */
enum pz_status pz_evaluate(const struct pz_model *m, const struct pz_cases *cases,
                           const struct pz_eval_cfg *cfg, struct pz_figures *out,
                           struct pz_err *err);

/* The list that a case got: what pz_evaluate judged, up to the longest K.
 *
 * item   caller's [longest K] item indices of the model
 * n      how many there are; a given list's items that the model lacks are left out
 * Errors:  PZ_TRY_AGAIN memory */
enum pz_status pz_evaluate_list(const struct pz_model *m, const struct pz_cases *cases,
                                const struct pz_eval_cfg *cfg, size_t number, uint32_t *item,
                                size_t *n, struct pz_err *err);

/* The share of the cold items' first-week audience that finds them: of the early cases, those whose
 * ground truth is among the first k of the full catalogue. reach: caller's [cfg->n_k]; 0 without
 * early cases.
 *
 * Errors:  as pz_evaluate */
enum pz_status pz_evaluate_reach(const struct pz_model *m, const struct pz_cases *cases,
                                 const struct pz_eval_cfg *cfg, double *reach, struct pz_err *err);

struct pz_lift {
    double ratio, difference, low, high;
};
/* Lift of a over b on a metric: mean(a) / mean(b) - 1 (INFINITY over 0), and the 95 % interval of
 * the difference of means over paired resamples. Both ran over the same cases with one seed. */
struct pz_lift pz_compare(const struct pz_figures *a, const struct pz_figures *b, size_t metric);

#endif
