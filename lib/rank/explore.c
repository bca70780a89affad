/* SPDX-License-Identifier: Apache-2.0 */
/* Exploration: see explore.h. The order without replacement in proportion to weights c_j is that of
 * independent exponential times with rates c_j (Efraimidis & Spirakis 2006): item j's time is
 * -log(u_j) / c_j, and the smallest PZ_EXPLORE_MAX of them are kept in a sorted list. */
#include "rank/explore.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/rng.h"
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

static bool is_allowed(const struct pz_explore_items *items, uint32_t i)
{
    return !items->allowed || (items->allowed[i / 64] >> (i % 64) & 1);
}

static bool is_young(const struct pz_explore_cfg *cfg, int64_t since)
{
    return since >= cfg->newest || (double)(cfg->newest - since) <= cfg->cutoff_days * DAY;
}

static float best_score(const struct pz_explore_items *items, const float *blend)
{
    float best = 0;

    for (uint32_t i = 0; i < items->n; i++)
        if (blend[i] > best && is_allowed(items, i))
            best = blend[i];
    return best > 0 ? best : 1;
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

size_t pz_explore(const struct pz_explore_cfg *cfg, const struct pz_explore_items *items,
                  float *blend, struct pz_explored *lifted)
{
    struct candidate list[PZ_EXPLORE_MAX];
    float best = best_score(items, blend), keep = (float)(1 - cfg->weight);
    size_t n = 0, at = 0;

    if (cfg->weight <= 0)
        return 0;
    for (uint32_t i = 0; i < items->n; i++) {
        double live = at < items->n_live && items->live[at].item == i ? items->live[at++].times : 0;

        if (is_young(cfg, items->since[i]) && is_allowed(items, i))
            n = insert(list, n,
                       (struct candidate){
                           draw_time(cfg, items, i, live, (double)(blend[i] / best)), i });
        blend[i] *= keep;
    }
    for (size_t k = 0; k < n; k++) {
        float bonus = (float)cfg->weight * best / (float)(k + 1);

        blend[list[k].item] += bonus;
        if (lifted)
            lifted[k] = (struct pz_explored){ list[k].item, bonus };
    }
    return n;
}
