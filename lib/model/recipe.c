/* SPDX-License-Identifier: Apache-2.0 */
/* Recipes: which parts a kind of recommendation is made of. Amazon's names are aliases. */
#include <string.h>

#include "base/str.h"
#include "model/scorer.h"

const struct pz_recipe pz_recipes[] = {
    { .name = "user-personalization",
      .alias = { "aws-user-personalization", "aws-user-personalization-v2", "aws-hrnn",
                 "aws-hrnn-metadata", "aws-hrnn-coldstart", NULL },
      .meaning = "items for a user",
      .task = PZ_TASK_USER,
      .exclude_seen = true,
      .has_scores = true,
      .explores = true },
    { .name = "personalized-ranking",
      .alias = { "aws-personalized-ranking", "aws-personalized-ranking-v2", NULL },
      .meaning = "a given list of items in the order that suits a user",
      .task = PZ_TASK_RANK,
      .has_scores = true },
    { .name = "related-items",
      .alias = { "aws-sims", "sims", NULL },
      .meaning = "items that interest the users of an item",
      .task = PZ_TASK_RELATED },
    { .name = "similar-items",
      .alias = { "aws-similar-items", NULL },
      .meaning = "related items, metadata of all items counting",
      .task = PZ_TASK_RELATED,
      .by_metadata = true },
    { .name = "popularity-count",
      .alias = { "aws-popularity-count", "popularity", NULL },
      .meaning = "the items with the most users: the baseline",
      .task = PZ_TASK_USER,
      .exclude_seen = true,
      .fallback_only = true },
    { .name = "trending-now",
      .alias = { "aws-trending-now", NULL },
      .meaning = "the items that grow fastest",
      .task = PZ_TASK_USER,
      .trending = true,
      .fallback_only = true },
    { .name = NULL }
};

const struct pz_recipe *pz_recipe_find(const char *name)
{
    static const char arn[] = "arn:aws:personalize:::recipe/";

    if (strncmp(name, arn, sizeof arn - 1) == 0)
        name += sizeof arn - 1;
    for (const struct pz_recipe *r = pz_recipes; r->name; r++) {
        if (strcmp(r->name, name) == 0)
            return r;
        for (size_t i = 0; r->alias[i]; i++)
            if (strcmp(r->alias[i], name) == 0)
                return r;
    }
    return NULL;
}

bool pz_recipe_has(const struct pz_recipe *recipe, const struct pz_scorer *scorer)
{
    if (recipe->fallback_only)
        return scorer->is_fallback;
    return recipe->task != PZ_TASK_RELATED || scorer->relates;
}
