/* SPDX-License-Identifier: Apache-2.0 */
/* Nanoseconds of the terms of pz_scorer.cost, by one thread, a row for each of pz_scorers. Made by
 * scripts/fit-costs.c; included by scorer.c alone. */
#ifndef PZ_MODEL_COSTS_H
#define PZ_MODEL_COSTS_H

#include "model/scorer.h"

static const double pz_cost_ns[][PZ_COST_TERMS] = {
    { 16.05, 5.241, 0, 0.04621, 3385, 111.2, 6.416, 0 },
    { 340.4, 7.479e+04, 593.5, 53.78, 0.1, 0, 0, 0 },
    { 0.3091, 1.198, 18.21, 0, 0, 0, 0, 0 },
    { 20.05, 0, 0, 0, 0, 0, 0, 0 },
    { 8.73, 0.08854, 0, 0, 0, 0, 0, 0 },
    { 0.06135, 0.02503, 5.601, 3.507, 0, 7.025, 337.2, 0 },
    { 12.21, 0, 0, 0, 0, 0, 0, 0 },
    { 42.41, 0, 0, 0, 0, 0, 0, 0 },
    { 4.243, 0, 0, 0, 0, 0, 0, 0 },
};

#endif
