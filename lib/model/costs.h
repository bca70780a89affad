/* SPDX-License-Identifier: Apache-2.0 */
/* Nanoseconds of the terms of pz_scorer.cost, by one thread, a row for each of pz_scorers. Made by
 * scripts/fit-costs.c; included by scorer.c alone. */
#ifndef PZ_MODEL_COSTS_H
#define PZ_MODEL_COSTS_H

#include "model/scorer.h"

static const double pz_cost_ns[][PZ_COST_TERMS] = {
    { 21.47, 4.349, 613.8, 0.07347, 1768, 0, 14.45, 0 },
    { 478.3, 5.638e+04, 1011, 46.19, 0.1, 0, 0, 0 },
    { 0.3097, 1.837, 13.8, 0, 0, 0, 0, 0 },
    { 28.22, 0, 0, 0, 0, 0, 0, 0 },
    { 12.31, 0.1182, 0, 0, 0, 0, 0, 0 },
    { 0.07833, 0.06586, 6.149, 13.96, 0, 9.154, 376.1, 0 },
    { 12.87, 0, 0, 0, 0, 0, 0, 0 },
    { 46.24, 0, 0, 0, 0, 0, 0, 0 },
    { 5.37, 0, 0, 0, 0, 0, 0, 0 },
};

#endif
