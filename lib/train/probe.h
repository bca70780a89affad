/* SPDX-License-Identifier: Apache-2.0 */
/* Private to train/: what a training tries before it is foreseen (estimate.c). */
#ifndef PZ_TRAIN_PROBE_H
#define PZ_TRAIN_PROBE_H

#include "train/tune.h"

/* Parts, tried on the data; seconds are those of a processor. */
struct pz_probe {
    double speed; /* seconds for one of the scorers' nanoseconds */
    /* The same of a part's fits: of what it does once (pz_fit_cost.start_ns), and of all else. */
    double start_s[PZ_MAX_PARTS], learn_s[PZ_MAX_PARTS];
    double ask_s[PZ_MAX_PARTS];  /* a case */
    double new_s[PZ_MAX_PARTS];  /* beside that when it has no vector of it yet */
    double rank_s;               /* a case by one weight more */
    double vector[PZ_MAX_PARTS]; /* floats that it keeps of a case's history */
    bool joined[PZ_MAX_PARTS];   /* tuning will give it a weight */
    double gain[PZ_MAX_PARTS];   /* the share of the blend's value that it brought when it joined */
    double error[PZ_MAX_PARTS];  /* and its standard error */
    double value;                /* of a list of all parts */
};

/* Fit n parts as chosen to what trials learn from, v->train, or to a share of its users; ask them
 * on some cases; search the trend beside the first one, as tuning will, on some of the users, and
 * have the others join it there as they are. Settings that the cases cannot judge become fixed.
 * trend: that of items, to begin with.
 *
 * Errors: PZ_TRY_AGAIN memory is out; as pz_scorer.fit
 * Owner:  nothing is handed out
 * Threads: one at a time on these cases */
enum pz_status pz_probe_parts(const struct pz_valid *v, struct pz_choice *choice, size_t n,
                              const struct pz_choice *trend, uint64_t seed, struct pz_log *log,
                              struct pz_probe *out, struct pz_err *err);

#endif
