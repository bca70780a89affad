/* SPDX-License-Identifier: Apache-2.0 */
/* Recipes: what kind of recommendation is asked for, and so which scorers take part. */
#ifndef PZ_MODEL_RECIPE_H
#define PZ_MODEL_RECIPE_H

#include <stdbool.h>

#include "model/query.h"

struct pz_scorer;

struct pz_recipe {
    const char *name;     /* "user-personalization" */
    const char *alias[6]; /* Amazon's names, ended by NULL */
    const char *meaning;  /* one line for the manual */
    enum pz_task task;
    bool exclude_seen;  /* the seen rule's default */
    bool has_scores;    /* answers carry softmax scores */
    bool explores;      /* mixes in young items */
    bool fallback_only; /* made of the fallback alone: one list for all */
    bool trending;      /* what grows comes first */
    bool by_metadata;   /* attributes of all items count, whatever events say */
};
extern const struct pz_recipe pz_recipes[]; /* ended by .name = NULL */

/* By name or alias, with or without "arn:aws:personalize:::recipe/"; NULL when unknown.
 * Threads: any */
const struct pz_recipe *pz_recipe_find(const char *name);

/* Whether a scorer belongs to a recipe. Its parts are those scorers, in the order of pz_scorers.
 * Threads: any */
bool pz_recipe_has(const struct pz_recipe *recipe, const struct pz_scorer *scorer);

#endif
