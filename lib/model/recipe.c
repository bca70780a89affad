/* SPDX-License-Identifier: Apache-2.0 */
/* Recipes: which parts a kind of recommendation is made of. Amazon's names are aliases. */
#include <string.h>

#include "base/str.h"
#include "model/model.h"

const struct pz_recipe pz_recipes[] = {
    { .name = "user-personalization",
      .alias = { "aws-user-personalization", "aws-user-personalization-v2", "aws-hrnn",
                 "aws-hrnn-metadata", "aws-hrnn-coldstart", NULL },
      .meaning = "items for a user",
      .task = PZ_TASK_USER,
      .exclude_seen = true,
      .has_scores = true,
      .explores = true,
      .scorers = { "transitions", "factors", "spectral", "sessions", "content", "sequence",
                   "popularity" } },
    { .name = "personalized-ranking",
      .alias = { "aws-personalized-ranking", "aws-personalized-ranking-v2", NULL },
      .meaning = "a given list of items in the order that suits a user",
      .task = PZ_TASK_RANK,
      .has_scores = true,
      .scorers = { "transitions", "factors", "spectral", "sessions", "content", "sequence",
                   "popularity" } },
    { .name = "related-items",
      .alias = { "aws-sims", "sims", NULL },
      .meaning = "items that interest the users of an item",
      .task = PZ_TASK_RELATED,
      .scorers = { "transitions", "factors", "content", "popularity" } },
    { .name = "similar-items",
      .alias = { "aws-similar-items", NULL },
      .meaning = "related items, metadata of all items counting",
      .task = PZ_TASK_RELATED,
      .scorers = { "transitions", "factors", "content", "popularity" } },
    { .name = "popularity-count",
      .alias = { "aws-popularity-count", "popularity", NULL },
      .meaning = "the items with the most users: the baseline",
      .task = PZ_TASK_USER,
      .exclude_seen = true,
      .scorers = { "popularity" } },
    { .name = "trending-now",
      .alias = { "aws-trending-now", NULL },
      .meaning = "the items that grow fastest",
      .task = PZ_TASK_USER,
      .scorers = { "popularity" } },
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
