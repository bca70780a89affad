/* SPDX-License-Identifier: Apache-2.0 */
/* What a model says of itself: what it learned from, what it consists of, and what it was worth.
 *
 * Threads: any. */
#ifndef PZ_MODEL_DESCRIBE_H
#define PZ_MODEL_DESCRIBE_H

#include "base/json.h"
#include "base/str.h"
#include "model/model.h"

/* Facts of an open model as an object: recipe, version (of pz), seed, interactions, users, items,
 * oldest and newest (ISO 8601; missing without interactions), bytes (of its columns unpacked: what
 * an answer maps), and from the manifest events, parts, trend, seen, user_cap, check, chain,
 * lineage, live, dataset, cost, where it has them. Of a part's settings each that is not the
 * scorer's default has the default beside it in `defaults`.
 *
 * Owner: json_decref; NULL: memory is out */
json_t *pz_model_describe(const struct pz_model *m);

/* The same for people: a line for each subject, its name in front, 10 columns wide. brief: without
 * what it was made of and where from (recipe, data, dataset).
 * Errors: out->failed when memory is out */
void pz_model_describe_text(const json_t *facts, bool brief, struct pz_str *out);

/* nDCG@25 of the held-out check that tuning ended with; 0: there was none. */
double pz_model_check_ndcg(const struct pz_model *m);

#endif
