/* SPDX-License-Identifier: Apache-2.0 */
/* Exploration: young items get places before anybody interacted with them, as user-personalization
 * of Amazon Personalize gives them (explorationWeight, explorationItemAgeCutOff).
 *
 * Young is an item whose age, counted back from the newest interaction, is at most the cut-off. A
 * draw without replacement puts the young items in an order; the chance of an item to come next is
 * in proportion to
 *     (0.1 + share of the best blend score) / (1 + interactions + impressions)
 * so what fits the user comes earlier, and what was tried or shown gives way. The k-th gets the
 * bonus 1/k:
 *     blend' = (1 - weight) blend + weight * (best blend score) / k      for the first
 *                                                                        PZ_EXPLORE_MAX
 * Weight 0 changes nothing, 1 leaves nothing but the draw. How many young items there are does not
 * matter. The draw depends on seed, user, day and item index only: a page asked for twice is the
 * same page, until the user is shown something.
 *
 * Threads: any, each with a blend of its own. */
#ifndef PZ_RANK_EXPLORE_H
#define PZ_RANK_EXPLORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PZ_EXPLORE_MAX 128    /* items that get a bonus, a power of two */
#define PZ_EXPLORE_WEIGHT 0.3 /* Personalize's defaults */
#define PZ_EXPLORE_CUTOFF_DAYS 30.0

struct pz_explore_cfg {
    double weight;      /* 0 .. 1 */
    double cutoff_days; /* > 0 */
    int64_t newest;     /* time of the newest interaction, Unix seconds: where ages count from */
    uint64_t draw;      /* pz_explore_draw */
};

/* An item that the user had in sight since the model was made. */
struct pz_shown {
    uint32_t item;
    uint32_t times;
    float left; /* of its score, once rotation has acted */
};

/* Items that training saw and that are young, in a row: each draw passes by most of them, and what
 * is to be known of them lies together. All-zero at first. */
struct pz_young {
    uint32_t *item; /* [n] ascending */
    float *tried;   /* [n] 1 + interactions + impressions, but for live ones */
    size_t n, cap_item, cap_tried;
    bool known; /* for items young from this time on: */
    int64_t from;
};

/* What is known of the items (all borrowed). */
struct pz_explore_items {
    uint32_t n, learned;   /* all, and those that training saw, which come first */
    const int64_t *since;  /* [n] CREATION_TIMESTAMP, else first interaction, else INT64_MAX: new */
    const int64_t *newest; /* [words of n] the largest since of 64 items; NULL: not known */
    const int64_t *oldest; /* [words of n] the least; NULL: not known */
    const int64_t *oldest_of_many; /* [words of words] the least of 4096 items; NULL: not known */
    uint32_t counted;            /* items of which count and shown tell: of others there are none */
    const uint32_t *count;       /* [n] interactions */
    const uint32_t *shown;       /* [n] impressions; NULL: none were recorded */
    const struct pz_shown *live; /* [n_live] further ones, in ascending order of items */
    size_t n_live;
    const uint64_t *allowed; /* bitset of the items that may be recommended; NULL: all */
    /* Where the blend is what it is at most, but for its largest: what it exceeds nowhere, 64 items
     * together, what makes one exact in its place, and a little before brings nearer what that
     * reads, and room for a set. NULL: it is exact. */
    const float *max;
    const uint64_t *plain; /* words, a bit each, that are not written: each item has `rest`, all
                              below the largest, and is lifted in `lifted` alone. NULL: none are */
    float rest;
    bool sparse; /* allowed items are few, and no others have a blend */
    void (*prefetch)(const void *scores, uint32_t item);
    float (*settle)(void *scores, uint32_t item); /* returns the exact blend */
    void *scores;
    uint64_t *young;
    /* Of who asks of the same items again: which of those that training saw are young [words of
     * learned], and from which time on that is meant, INT64_MAX at first. NULL: nothing is kept. */
    uint64_t *kept;
    int64_t *kept_from;
    struct pz_young *list; /* the same for pz_explore_ahead; NULL: nothing is kept */
};

/* An item that exploration lifted, and how much of its new score that is. */
struct pz_explored {
    uint32_t item;
    float bonus;
};

/* The number of a draw: one for each user and day (UTC) of `now`. user_id: NULL for nobody. */
uint64_t pz_explore_draw(uint64_t seed, const char *user_id, int64_t now);

/* Add to set the young items that can be among the first `want` <= PZ_EXPLORE_MAX that pz_explore
 * lifts, whatever blends may be: items->plain has all words, items->rest is 1. Otherwise as there.
 */
void pz_explore_ahead(const struct pz_explore_cfg *cfg, const struct pz_explore_items *items,
                      size_t want, uint64_t *set);

/* Mix exploration into blend[items->n] (>= 0 where it matters; negative counts as 0). lifted: NULL,
 * or room for PZ_EXPLORE_MAX; receives the items with a bonus, the largest first. Returns how many
 * there are. Where no allowed item has a positive blend, 1 stands for the best score. Cannot fail,
 * does not allocate, thread-safe. */
size_t pz_explore(const struct pz_explore_cfg *cfg, const struct pz_explore_items *items,
                  float *blend, struct pz_explored *lifted);

#endif
