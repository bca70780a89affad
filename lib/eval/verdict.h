/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict on a model: its figures compared with those of its rivals, a gate's opinion, and
 * reports of it.
 *
 * Threads: one for each verdict; those that take it const may run side by side. */
#ifndef PZ_EVAL_VERDICT_H
#define PZ_EVAL_VERDICT_H

#include "base/json.h"
#include "base/str.h"
#include "eval/evaluate.h"
#include "eval/pool.h"

#define PZ_MAX_RIVALS 8

/* One model that was judged. */
struct pz_contender {
    const char *name;           /* "popularity", "vs", a recipe, or a part; borrowed */
    struct pz_figures figures;  /* owned; n_metrics = 0: not judged yet */
    double reach[2][PZ_MAX_KS]; /* of cold items: pz_evaluate_reach, without and with the recipe's
                                   exploration */
};

struct pz_verdict {
    const char *protocol, *recipe;
    uint64_t seed;
    struct pz_eval_cfg how;
    bool cold;               /* the protocol is cold-items: cases are not users, reach counts */
    struct pz_held_out held; /* of the cases */
    uint64_t learned[PZ_MAX_RIVALS + 1]; /* test events that stand in the histories of the judged
                                          * model, then of the rivals */
    struct pz_contender mine;
    struct pz_contender rival[PZ_MAX_RIVALS]; /* [n_rivals]; the first is popularity */
    size_t n_rivals;
    bool by_part;                            /* judge each part alone, too */
    struct pz_contender alone[PZ_MAX_PARTS]; /* [n_alone] each part of the judged model without the
                                              * others, but where none has anything to say */
    size_t n_alone;
    bool trained;         /* the next three are known */
    double cpu_s, wall_s; /* of the training */
    size_t peak_bytes;    /* of the process when it had trained */
    int64_t newest;       /* time of the newest held-out event: the day that is judged */
    struct pz_pool pool;  /* of earlier days, for the gate */
    const char *gate;     /* expression; NULL: none */
    bool passed;          /* it said yes */
    struct pz_str why;    /* which comparisons are false, a clause each */
};
/* Free the figures and the text. */
void pz_verdict_clear(struct pz_verdict *v);

/* ---- the gate ----
 * expression  or:  and { "||" and }        and:  not { "&&" not }       not:  "!" not | compare
 *             compare: sum [ (">=" | "<=" | ">" | "<" | "==" | "!=") sum ] sum, product: + - * / of
 *             numbers (5% is 0.05), names and parentheses
 * names       METRIC        ndcg@10, mrr@25, precision@5, recall@20, hit@10, map@10,
 *             weighted_ndcg@10,
 *                           catalogue_share@10, coverage, gini, novelty, users, or a key of the
 *                           report
 *             low.METRIC, high.METRIC          the bounds of its interval
 *             RIVAL.METRIC                     the rival's value; RIVAL: popularity, vs, a recipe
 *             (with v->pool.n_days > 0 METRIC, vs.METRIC and the bounds of the difference to vs are
 *             those of all days together)
 *             RIVAL.low.METRIC, .high.         bounds of the paired difference, mine minus the
 *                                              rival's
 *             RIVAL                            the rival's value of the metric last named before it
 *                                              in the same comparison */

/* Judge v->gate: fills v->passed and v->why. Before anything is judged (figures empty) it only
 * checks that the expression can be. NULL gate: PZ_OK.
 *
 * Errors:  PZ_USAGE it cannot be, with the place; PZ_TRY_AGAIN memory */
enum pz_status pz_gate_judge(struct pz_verdict *v, struct pz_err *err);

/* The sums of a metric over the users of today and, with all, of earlier days; false: it is no mean
 * of users, or there is no vs.
 *
 * Threads: any */
bool pz_verdict_pooled(const struct pz_verdict *v, const char *metric, bool all,
                       struct pz_pool_sum *out);

/* ---- reports ---- */

/* {"protocol", "users", "seed", "recipe", "metrics", "intervals", "baselines", "lift", "parts",
 * "train", "gate"}: what scripts rely on; see pz-eval(1).
 *
 * Owner:   a new reference; NULL when memory is out */
json_t *pz_verdict_json(const struct pz_verdict *v);

/* Append a table for people. */
void pz_verdict_text(struct pz_str *out, const struct pz_verdict *v);

#endif
