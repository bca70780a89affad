/* SPDX-License-Identifier: Apache-2.0 */
/* Recipes: what kind of recommendation is asked for, and so which scorers take part. */
#ifndef PZ_MODEL_RECIPE_H
#define PZ_MODEL_RECIPE_H

#include <stdbool.h>

#include "base/err.h"
#include "model/query.h"

struct pz_scorer;

struct pz_recipe {
    const char *name;    /* "user-personalization" */
    const char *amazon;  /* Amazon's name of the recipe that it is most like */
    const char *meaning; /* one line for the manual */
    enum pz_task task;
    bool exclude_seen;  /* the seen rule's default */
    bool has_scores;    /* answers carry softmax scores */
    bool explores;      /* mixes in young items */
    bool fallback_only; /* made of the fallback alone: one list for all */
    bool trending;      /* what grows comes first */
    bool by_metadata;   /* attributes of all items count, whatever events say */
};
extern const struct pz_recipe pz_recipes[]; /* ended by .name = NULL */

/* A recipe by name: ours, Amazon's recipe or recipe type, a use case of a domain dataset group;
 * whatever the case, with '_' or '-', with or without "aws-" or an ARN around it. NULL: unknown.
 *
 * advice  if not NULL: what a recipe of that name does beyond ours, as what to do: an option of
 *         pz-recommend or pz-train to add; NULL in it when there is nothing to add
 * Owner:   nobody: constants
 * Threads: any */
const struct pz_recipe *pz_recipe_find(const char *name, const char **advice);

/* The same, or an error that says what there is in its place.
 *
 * Errors:  PZ_USAGE unknown; the text names what was perhaps meant, or how pz does what Amazon's
 *          recipe of that name does otherwise
 * Owner:   nobody: constants
 * Threads: any */
enum pz_status pz_recipe_choose(const char *name, const struct pz_recipe **out, const char **advice,
                                struct pz_err *err);

/* Whether a scorer belongs to a recipe. Its parts are those scorers, in the order of pz_scorers.
 * Threads: any */
bool pz_recipe_has(const struct pz_recipe *recipe, const struct pz_scorer *scorer);

#endif
