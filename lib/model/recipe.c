/* SPDX-License-Identifier: Apache-2.0 */
/* Recipes: which parts a kind of recommendation is made of, and all the names that people know
 * them by. Amazon names recipes, recipe types and the use cases of domain dataset groups; each is
 * mapped to the recipe that answers the same question, and to the filter that the use case has
 * built in. Two recipes of ours may serve one of Amazon's; a name without counterpart is refused
 * with what to do in its place. */
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "model/scorer.h"

const struct pz_recipe pz_recipes[] = {
    { .name = "user-personalization",
      .amazon = "aws-user-personalization",
      .meaning = "items for a user",
      .task = PZ_TASK_USER,
      .exclude_seen = true,
      .has_scores = true,
      .explores = true },
    { .name = "personalized-ranking",
      .amazon = "aws-personalized-ranking",
      .meaning = "a given list of items in the order that suits a user",
      .task = PZ_TASK_RANK,
      .has_scores = true },
    { .name = "related-items",
      .amazon = "aws-sims",
      .meaning = "items that interest the users of an item",
      .task = PZ_TASK_RELATED },
    { .name = "similar-items",
      .amazon = "aws-similar-items",
      .meaning = "related items, metadata of all items counting",
      .task = PZ_TASK_RELATED,
      .by_metadata = true },
    { .name = "popularity-count",
      .amazon = "aws-popularity-count",
      .meaning = "the items with the most users: the baseline",
      .task = PZ_TASK_USER,
      .exclude_seen = true,
      .fallback_only = true },
    { .name = "trending-now",
      .amazon = "aws-trending-now",
      .meaning = "the items that grow fastest",
      .task = PZ_TASK_USER,
      .trending = true,
      .fallback_only = true },
    { .name = NULL }
};

/* Other names of recipes, without "aws-": Amazon's recipes and recipe types, then the use cases of
 * domain dataset groups (User guide, "Choosing recipe" and "Use cases"). A use case removes items
 * of a certain event, which here is a filter of the question, or counts one type of event, which is
 * a rule of training. recipe NULL: no counterpart; advice says what there is. */
static const struct other_name {
    const char *name, *recipe, *advice;
} other_names[] = {
    { "user-personalization-v2", "user-personalization", NULL },
    { "hrnn", "user-personalization", NULL },
    { "hrnn-metadata", "user-personalization", NULL },
    { "hrnn-coldstart", "user-personalization", NULL },
    { "personalized-ranking-v2", "personalized-ranking", NULL },
    { "sims", "related-items", NULL },
    { "semantic-similarity", "similar-items", NULL },
    { "popularity", "popularity-count", NULL },
    { "popular-items", "popularity-count", NULL },
    { "vod-because-you-watched-x", "related-items",
      "ask it with --filter 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN (\"Watch\")'" },
    { "vod-more-like-x", "similar-items",
      "ask it with --filter 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN (\"Watch\")'" },
    { "vod-most-popular", "popularity-count", "train it with --event Watch" },
    { "vod-trending-now", "trending-now", NULL },
    { "vod-top-picks", "user-personalization",
      "ask it with --filter 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN (\"Watch\")'" },
    { "ecomm-popular-items-by-views", "popularity-count", "train it with --event View" },
    { "ecomm-popular-items-by-purchases", "popularity-count", "train it with --event Purchase" },
    { "ecomm-frequently-bought-together", "related-items", "train it with --event Purchase" },
    { "ecomm-customers-who-viewed-x-also-viewed", "related-items",
      "ask it with --filter 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN (\"Purchase\")'" },
    { "ecomm-recommended-for-you", "user-personalization",
      "ask it with --filter 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN (\"Purchase\")'" },
    { "next-best-action", NULL,
      "pz has no actions; make each action an item and use user-personalization" },
    { "personalized-actions", NULL,
      "pz has no actions; make each action an item and use user-personalization" },
    { "item-affinity", NULL,
      "segments come from any model of user-personalization: pz-recommend --segment-item ITEM" },
    { "item-attribute-affinity", NULL,
      "segments come from any model of user-personalization: pz-recommend --segment-where "
      "CONDITION" },
    { "user-segmentation", NULL,
      "segments come from any model of user-personalization: pz-recommend --segment-item ITEM" },
};
enum { N_OTHER_NAMES = sizeof other_names / sizeof *other_names };

/* The name inside an ARN ("arn:aws:personalize:::recipe/aws-sims"), without "aws-". */
static const char *bare_name(const char *name)
{
    const char *slash = strrchr(name, '/');

    if (slash && strncmp(name, "arn:", 4) == 0 && strstr(name, ":recipe/"))
        name = slash + 1;
    return strncasecmp(name, "aws-", 4) == 0 || strncasecmp(name, "aws_", 4) == 0 ? name + 4 : name;
}

static const struct pz_recipe *find_own(const char *name)
{
    for (const struct pz_recipe *r = pz_recipes; r->name; r++)
        if (pz_str_same_name(r->name, name))
            return r;
    return NULL;
}

static const struct other_name *find_other(const char *name)
{
    for (size_t i = 0; i < N_OTHER_NAMES; i++)
        if (pz_str_same_name(other_names[i].name, name))
            return &other_names[i];
    return NULL;
}

const struct pz_recipe *pz_recipe_find(const char *name, const char **advice)
{
    const char *bare = bare_name(name);
    const struct pz_recipe *own = *bare ? find_own(bare) : NULL;
    const struct other_name *other = own || !*bare ? NULL : find_other(bare);

    if (advice)
        *advice = other && other->recipe ? other->advice : NULL;
    return other && other->recipe ? find_own(other->recipe) : own;
}

enum pz_status pz_recipe_choose(const char *name, const struct pz_recipe **out, const char **advice,
                                struct pz_err *err)
{
    const char *candidates[16 + N_OTHER_NAMES];
    const struct other_name *other = find_other(bare_name(name));
    size_t n = 0;

    *out = pz_recipe_find(name, advice);
    if (*out)
        return PZ_OK;
    if (other)
        return pz_err_set(err, PZ_USAGE, "recipe %s: %s", name, other->advice);
    for (const struct pz_recipe *r = pz_recipes; r->name && n < 16; r++)
        candidates[n++] = r->name;
    for (size_t i = 0; i < N_OTHER_NAMES; i++)
        candidates[n++] = other_names[i].name;
    return pz_err_set(err, PZ_USAGE, "recipe %s is not known%s; see --help", name,
                      pz_str_hint("", bare_name(name), candidates, n).text);
}

bool pz_recipe_has(const struct pz_recipe *recipe, const struct pz_scorer *scorer)
{
    if (recipe->fallback_only)
        return scorer->is_fallback;
    return recipe->task != PZ_TASK_RELATED || scorer->relates;
}
