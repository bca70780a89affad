/* SPDX-License-Identifier: Apache-2.0 */
/* How much sooner new good items find their audience by exploration, and at which cost: a simulated
 * shop that runs on pz_explore (lib/rank/explore.h). Prints a table, one line a weight.
 *
 * A user u likes item i with the chance a_ui = q_i * s_ui: q_i the item's quality, s_ui his taste
 * for its kind (10 kinds). The ranker knows tastes, and of qualities only what it saw: (clicks + 5
 * * prior) / (shows + 5), the prior being the mean quality for all (no content), so that nothing
 * favours a good new item but its clicks. Every day each user sees the 10 best items by estimate
 * after exploration and clicks what he likes. Young items come every day; a tenth of them are as
 * good as the best old ones. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "rank/explore.h"

enum {
    USERS = 300,
    OLD = 300,
    NEW_A_DAY = 4,
    DAYS = 60,
    ITEMS = OLD + NEW_A_DAY * DAYS,
    KINDS = 10,
    PAGE = 10,
    FOUND = 20,
    DAY = 86400
};

struct world {
    float quality[ITEMS], taste[USERS][KINDS];
    uint8_t kind[ITEMS];
    int64_t since[ITEMS];
};

struct state {
    uint32_t shows[ITEMS], clicks[ITEMS];
    int found_on[ITEMS]; /* day of the FOUND-th click, -1: not yet */
    uint64_t total, last_third;
};

static bool is_good(const struct world *w, uint32_t i)
{
    return i >= OLD && w->quality[i] > 0.4f;
}

static struct world *make_world(uint64_t seed)
{
    struct world *w = calloc(1, sizeof *w);
    struct pz_rng rng;

    if (!w)
        return NULL;
    pz_rng_init(&rng, seed, 0);
    for (uint32_t u = 0; u < USERS; u++)
        for (uint32_t k = 0; k < KINDS; k++)
            w->taste[u][k] = (float)(0.1 + 0.9 * pz_rng_unit(&rng) * pz_rng_unit(&rng));
    for (uint32_t i = 0; i < ITEMS; i++) {
        bool good = pz_rng_unit(&rng) < 0.1;

        w->kind[i] = (uint8_t)pz_rng_below(&rng, KINDS);
        w->quality[i] = (float)(good ? 0.5 : 0.1 + 0.1 * pz_rng_unit(&rng));
        w->since[i] = i < OLD ? -365 * DAY : (int64_t)((i - OLD) / NEW_A_DAY) * DAY;
    }
    return w;
}

static float estimate(const struct state *s, uint32_t i)
{
    return ((float)s->clicks[i] + 5 * 0.18f) / ((float)s->shows[i] + 5);
}

static int descending(const void *x, const void *y)
{
    const struct pz_explored *a = x, *b = y;

    if (a->bonus != b->bonus)
        return a->bonus > b->bonus ? -1 : 1;
    return a->item < b->item ? -1 : a->item > b->item;
}

static void visit(const struct world *w, struct state *s, uint32_t u, int day, double weight,
                  uint64_t seed)
{
    static float blend[ITEMS];
    static struct pz_explored order[ITEMS]; /* reused for sorting: item and its score */
    uint32_t n = OLD + NEW_A_DAY * (uint32_t)(day + 1);
    char id[16];
    const struct pz_explore_items items = {
        .n = n, .since = w->since, .count = s->clicks, .shown = s->shows
    };
    struct pz_explore_cfg cfg = { .weight = weight,
                                  .cutoff_days = 30,
                                  .newest = (int64_t)day * DAY };
    struct pz_rng rng;

    snprintf(id, sizeof id, "u%u", u);
    cfg.draw = pz_explore_draw(seed, id, cfg.newest);
    for (uint32_t i = 0; i < n; i++)
        blend[i] = estimate(s, i) * w->taste[u][w->kind[i]];
    pz_explore(&cfg, &items, blend, NULL);
    for (uint32_t i = 0; i < n; i++)
        order[i] = (struct pz_explored){ i, blend[i] };
    qsort(order, n, sizeof *order, descending);
    pz_rng_init(&rng, seed + 1, (uint64_t)day * USERS + u);
    for (uint32_t k = 0; k < PAGE; k++) {
        uint32_t i = order[k].item;

        s->shows[i]++;
        if (pz_rng_unit(&rng) >= (double)(w->quality[i] * w->taste[u][w->kind[i]]))
            continue;
        s->clicks[i]++;
        s->total++;
        s->last_third += day >= DAYS * 2 / 3;
        if (s->clicks[i] == FOUND)
            s->found_on[i] = day;
    }
}

static int ascending(const void *x, const void *y)
{
    return *(const int *)x - *(const int *)y;
}

/* Old items start with a year's knowledge: 200 showings each. */
static void begin(const struct world *w, struct state *s)
{
    memset(s, 0, sizeof *s);
    for (uint32_t i = 0; i < ITEMS; i++) {
        s->found_on[i] = -1;
        s->shows[i] = i < OLD ? 200 : 0;
        s->clicks[i] = i < OLD ? (uint32_t)(200 * w->quality[i]) : 0;
    }
}

static void run(const struct world *w, struct state *s, double weight, uint64_t seed,
                const struct state *base)
{
    int waited[ITEMS];
    uint32_t n_good = 0, n_found = 0;

    begin(w, s);
    for (int day = 0; day < DAYS; day++)
        for (uint32_t u = 0; u < USERS; u++)
            visit(w, s, u, day, weight, seed);
    for (uint32_t i = OLD; i < ITEMS - NEW_A_DAY * 20; i++) { /* those with 20 days left */
        n_good += is_good(w, i);
        if (is_good(w, i) && s->found_on[i] >= 0)
            waited[n_found++] = s->found_on[i] - (int)(w->since[i] / DAY);
    }
    qsort(waited, n_found, sizeof *waited, ascending);
    printf("%6.2f  %5.0f%%  ", weight, n_good ? 100.0 * n_found / n_good : 0);
    if (2 * n_found > n_good)
        printf("%11d  ", waited[n_good / 2]);
    else
        printf("%11s  ", "-");
    printf("%9.3f  %+6.1f%%  %+13.1f%%\n", (double)s->total / (USERS * DAYS),
           base ? 100.0 * ((double)s->total / (double)base->total - 1) : 0.0,
           base ? 100.0 * ((double)s->last_third / (double)base->last_third - 1) : 0.0);
}

int main(int argc, char **argv)
{
    static const double weights[] = { 0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1 };
    static struct state base, other;
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    struct world *w = make_world(seed);

    if (!w)
        return 75;
    printf("good new items with %d clicks: share found, median days it took them; clicks a page, "
           "beside weight 0\n\n",
           FOUND);
    printf("weight   found  median days     clicks  of all  of last third\n");
    for (size_t k = 0; k < sizeof weights / sizeof *weights; k++)
        run(w, k ? &other : &base, weights[k], seed, k ? &base : NULL);
    free(w);
    return 0;
}
