/* SPDX-License-Identifier: Apache-2.0 */
/* What was used, in the three parts that Amazon Personalize bills, and what it would have
 * charged. */
#ifndef PZ_SERVE_COST_H
#define PZ_SERVE_COST_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"

struct pz_cost_options {
    const char *const *path; /* [n] ledgers (--ledger) and access logs, JSON Lines */
    size_t n;
    double min_tps;    /* that each campaign is billed at least; Personalize's least is 1 */
    const char *rates; /* file in the form of rates.json; NULL: the one in the program */
};

struct pz_cost {
    double gb;             /* ingested: imports, events, items, users */
    double training_hours; /* wall time of pz-train */
    double interactions;   /* read by those */
    double requests;       /* for items */
    double tps_hours; /* of all campaigns: the larger of minimum and actual, in 5-minute windows */
    double billed;    /* the same as requests */
    uint64_t lines, unknown;
    struct {
        double ingestion, training, requests;
    } v1, v2; /* what Amazon would have charged, in dollars: recipes of the first kind, and -v2 */
    char date[32]; /* of the rates */
};

/* Add up.
 *
 * Errors:  PZ_NO_INPUT, PZ_IO a file cannot be read; PZ_BAD_DATA a line is no JSON object, or the
 *          rates are not in their form; PZ_TRY_AGAIN memory
 * Threads: any */
enum pz_status pz_cost_read(const struct pz_cost_options *o, struct pz_cost *out,
                            struct pz_err *err);

/* What Amazon would charge for training a recipe of the -v2 kind on so many interactions, in
 * dollars, by the rates in the program, whose date goes to date.
 *
 * Errors:  PZ_TRY_AGAIN memory
 * Threads: any */
enum pz_status pz_cost_of_training(double interactions, double *dollars, char date[32],
                                   struct pz_err *err);

/* As a JSON object.
 *
 * Owner:   json_decref; NULL: memory is out
 * Threads: any */
json_t *pz_cost_json(const struct pz_cost *c);

#endif
