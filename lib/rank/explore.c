/* SPDX-License-Identifier: Apache-2.0 */
/* Exploration: see explore.h. The order without replacement in proportion to weights c_j is that
 * of independent exponential times with rates c_j (Efraimidis & Spirakis 2006): item j's time is
 * -log(u_j) / c_j, and the smallest PZ_EXPLORE_MAX of them are kept in a sorted list.
 *
 * u_j depends on the draw and the item's index alone, so that the order of looking at items does
 * not matter; equal times go to the lower item. Young items are found 64 at a time, as most
 * words of the catalogue have none. */
#include "rank/explore.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/rng.h"
#include "base/simd.h"
#include "model/model.h"
#include "table/hash.h"

enum { DAY = 86400 };

uint64_t pz_explore_draw(uint64_t seed, const char *user_id, int64_t now)
{
    uint64_t user = user_id ? pz_hash64(user_id, strlen(user_id)) : 0;

    return pz_rng_mix(pz_rng_mix(seed ^ user) + (uint64_t)(now / DAY));
}

struct candidate {
    double time;
    uint32_t item;
};

/* Items from this time on are young: ages count back from the newest interaction. */
static int64_t young_since(const struct pz_explore_cfg *cfg)
{
    double age = floor(cfg->cutoff_days * DAY);

    return age < (double)INT64_MAX / 4 ? cfg->newest - (int64_t)age : INT64_MIN;
}

/* Which of up to 64 items are young, a bit each. */
PZ_KERNEL static uint64_t young(const int64_t *since, uint32_t n, int64_t from)
{
    uint64_t bits = 0;

    for (uint32_t i = 0; i < n; i++)
        bits |= (uint64_t)(since[i] >= from) << i;
    return bits;
}

PZ_KERNEL static void scale(float *score, uint32_t n, float factor)
{
    for (uint32_t i = 0; i < n; i++)
        score[i] *= factor;
}

static double draw_time(const struct pz_explore_cfg *cfg, const struct pz_explore_items *items,
                        uint32_t i, double live, double share)
{
    double tried = (double)items->count[i] + (items->shown ? (double)items->shown[i] : 0) + live;
    double u = ((double)(pz_rng_mix(cfg->draw + i) >> 11) + 1) * 0x1p-53; /* in (0, 1] */

    return -log(u) * (1 + tried) / (0.1 + (share > 0 ? share : 0));
}

/* Put a candidate into the list sorted by time; equal times to the lower item, which comes first.
 */
static size_t insert(struct candidate *list, size_t n, struct candidate c)
{
    size_t at;

    if (n == PZ_EXPLORE_MAX && c.time >= list[n - 1].time)
        return n;
    n = n < PZ_EXPLORE_MAX ? n + 1 : n;
    for (at = n - 1; at > 0 && list[at - 1].time > c.time; at--)
        list[at] = list[at - 1];
    list[at] = c;
    return n;
}

/* Make the rough blend of a candidate exact, unless even the most that it can be gives no time before
 * `last`: false. */
static bool settle(const struct pz_explore_cfg *cfg, const struct pz_explore_items *items,
                   uint32_t i, double live, const float *blend, float best, double last)
{
    float most = blend[i] + items->off[i / 64];

    /* the quotient of what is exact may be rounded up */
    if (draw_time(cfg, items, i, live, (double)(most / best) * 1.000001) >= last)
        return false;
    items->settle(items->scores, i);
    return true;
}

/* The candidates with the smallest times, in order; returns how many. */
static size_t draw(const struct pz_explore_cfg *cfg, const struct pz_explore_items *items,
                   const float *blend, float best, struct candidate *list)
{
    int64_t from = young_since(cfg);
    size_t n = 0, at = 0;

    for (uint32_t first = 0; first < items->n; first += 64) {
        uint32_t left = items->n - first < 64 ? items->n - first : 64;
        uint64_t bits = young(items->since + first, left, from);

        if (items->allowed)
            bits &= items->allowed[first / 64];
        for (; bits; bits &= bits - 1) {
            uint32_t i = first + (uint32_t)__builtin_ctzll(bits);
            double live;

            while (at < items->n_live && items->live[at].item < i)
                at++;
            live = at < items->n_live && items->live[at].item == i ? items->live[at].times : 0;
            if (items->off && !settle(cfg, items, i, live, blend, best,
                                      n == PZ_EXPLORE_MAX ? list[n - 1].time : INFINITY))
                continue;
            n = insert(list, n,
                       (struct candidate){
                           draw_time(cfg, items, i, live, (double)(blend[i] / best)), i });
        }
    }
    return n;
}

size_t pz_explore(const struct pz_explore_cfg *cfg, const struct pz_explore_items *items,
                  float *blend, struct pz_explored *lifted)
{
    struct candidate list[PZ_EXPLORE_MAX];
    float top = pz_score_max_below(blend, items->n, items->allowed, items->max);
    float best = top > 0 ? top : 1;
    size_t n;

    if (cfg->weight <= 0)
        return 0;
    n = draw(cfg, items, blend, best, list);
    scale(blend, items->n, (float)(1 - cfg->weight));
    for (size_t k = 0; k < n; k++) {
        float bonus = (float)cfg->weight * best / (float)(k + 1);

        blend[list[k].item] += bonus;
        if (lifted)
            lifted[k] = (struct pz_explored){ list[k].item, bonus };
    }
    return n;
}
