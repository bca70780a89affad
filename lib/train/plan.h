/* SPDX-License-Identifier: Apache-2.0 */
/* Private to train/: what a search of settings will try. */
#ifndef PZ_TRAIN_PLAN_H
#define PZ_TRAIN_PLAN_H

#include "train/tune.h"

/* Trials of one part, the first aside. */
struct pz_plan {
    double scans, fitted_scans; /* of settings that are tried all over their range */
    double regions, fits; /* fits in other regions, and of settings moved there is a fit for */
    double moves;         /* of read-outs */
    double heats;         /* of read-outs in other regions, judged by the first users alone */
    double last;          /* when all parts are there */
};

/* What stages of learning take until a part has learned enough (search_effort.c). */
struct pz_plan_stages {
    double n;      /* stages, each judged */
    double amount; /* what is learned in all, in fits to what the setting starts with */
    double chosen; /* what the last fit learns, in the same */
    double beyond; /* the chance that the next setting of effort is doubled, which lasts */
};

/* The stages of a part by its setting of effort k; pays: how likely a doubling pays beside usual.
 * Threads: any */
struct pz_plan_stages pz_plan_effort(const struct pz_choice *c, size_t k, double pays);

/* Whether setting k is moved step by step. Threads: any */
bool pz_plan_moves(const struct pz_choice *c, size_t k);

/* Switches of a part whose other side wants a fit. Threads: any */
uint32_t pz_plan_regions(const struct pz_choice *c);

/* The share of a whole search that a part is given, on average, when its gain, a share of the
 * blend's value, is known with this standard error: 0 to 1 of PZ_SEARCH_WHOLE.
 * Threads: any */
double pz_plan_share(double gain, double error);

/* What the search of a part with at most n_fits new fits will try, on average.
 * Threads: any */
struct pz_plan pz_plan_part(const struct pz_choice *c, uint32_t n_fits);

#endif
