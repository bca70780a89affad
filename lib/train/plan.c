/* SPDX-License-Identifier: Apache-2.0 */
/* What a search of settings will try, as far as it can be known before: search.c's steps, with the
 * means of what chance decides. On three sets of 60,000 to 100,000 events the first part took 65 to
 * 73 trials, where 77 are foreseen, the second 15 or 16 of 15, the third 29 of 26. */
#include <math.h>

#include "train/plan.h"

/* Trials of a setting that moves up and, unless that wins, down; in a first pass some change
 * nothing and are left alone after that; in another region more win. */
static const double MOVES = 1.7, MOVES_ELSEWHERE = 2, MOVES_BY_FITS = 2.2;

/* The chance that another region outlives its first heat. */
static const double OUTLIVES = 0.2;

/* The chance that a doubling of what a part learns is followed by another, the first time and
 * later, as the next brings less, and that it is then what the part shall learn. Of seven sets (the
 * sample, MovieLens, Deskdrop, Beauty, 500,000 made events, LastFM, Diginetica) the last two
 * doubled, once; somewhat less, as a mean with rare searches that take very long is right of none.
 */
static const double PAYS = 0.25, PAYS_AGAIN = 0.15, GAINED = 0.4;

bool pz_plan_moves(const struct pz_choice *c, size_t k)
{
    const struct pz_setting *s = &c->scorer->settings[k];

    return c->low[k] < c->high[k] && !s->effort && (s->read_out || !pz_choice_is_switch(c, k));
}

/* Settings that are searched one by one; one at the end of its range, which moves one way only, is
 * a half. */
static double count(const struct pz_choice *c, bool read_out)
{
    double ways = 0;

    for (size_t k = 0; k < c->scorer->n_settings; k++)
        for (int up = -1; up <= 1; up += 2)
            ways += pz_plan_moves(c, k) && c->scorer->settings[k].read_out == read_out &&
                    fabs(pz_choice_moved(c, k, up * 0.25) - c->value[k]) > 0;
    return ways / 2;
}

uint32_t pz_plan_regions(const struct pz_choice *c)
{
    uint32_t n = 0;

    for (size_t k = 0; k < c->scorer->n_settings; k++)
        n += pz_choice_is_region(c, k);
    return n;
}

static bool leads_elsewhere(const struct pz_choice *c)
{
    struct pz_choice there = *c;

    return c->scorer->elsewhere && c->scorer->elsewhere(&there);
}

struct pz_plan pz_plan_part(const struct pz_choice *c, uint32_t n_fits)
{
    double free = count(c, true), fitted = count(c, false);
    uint32_t regions = pz_plan_regions(c) + leads_elsewhere(c);
    double left, passes;
    struct pz_plan p = { 0 };

    for (size_t k = 0; k < c->scorer->n_settings; k++)
        if (c->scorer->settings[k].scanned && c->low[k] < c->high[k])
            *(c->scorer->settings[k].read_out ? &p.scans : &p.fitted_scans) += PZ_SCAN_STEPS;
    regions = regions < n_fits ? regions : n_fits;
    left = fmin(n_fits - regions, 2 * MOVES_BY_FITS * fitted);
    passes = left <= 0 ? 0 : left > MOVES_BY_FITS * fitted ? 2 : 1;
    p.regions = regions;
    p.fits = left;
    p.heats = free * MOVES_ELSEWHERE * regions;
    p.moves = free * (MOVES + MOVES * passes) + OUTLIVES * p.heats;
    p.last = free > 0 ? MOVES * free / 1.2 : 0;
    return p;
}

/* The mean of max(0, X - from), X being normal. */
static double mean_above(double from, double mean, double error)
{
    double z = (mean - from) / error;

    return (mean - from) * erfc(-z / sqrt(2)) / 2 + error * exp(-z * z / 2) / sqrt(2 * M_PI);
}

double pz_plan_share(double gain, double error)
{
    double above = error > 0 ? mean_above(0, gain, error) - mean_above(PZ_SEARCH_WHOLE, gain, error)
                             : fmin(fmax(gain, 0), PZ_SEARCH_WHOLE);

    return above / PZ_SEARCH_WHOLE;
}

/* A stage goes on from before the last touches of the one before. */
struct pz_plan_stages pz_plan_effort(const struct pz_choice *c, size_t k, double pays)
{
    struct pz_choice there = *c;
    double likely = 1, next_pays = PAYS * pays, *value = &there.value[k],
           goes_on = 1 - c->scorer->touches;
    bool doubles = pz_choice_may_double(c, k);
    /* To half of it and to the whole, which can be told apart. */
    struct pz_plan_stages p = { .n = doubles ? 2 : 1,
                                .amount = doubles ? 1.5 - goes_on / 2 : 1,
                                .chosen = 1 };

    while (pz_choice_may_double(&there, k)) {
        double next = fmin(2 * *value, c->high[k]);

        likely *= next_pays;
        next_pays = PAYS_AGAIN * pays;
        p.n += likely;
        p.amount += likely * (next - goes_on * *value) / c->value[k];
        p.chosen += likely * GAINED * (next - *value) / c->value[k];
        *value = next;
    }
    /* After the last doubling, which must have paid, too. */
    likely *= doubles ? next_pays : 1;
    p.beyond = pz_choice_effort(c, k + 1) < SIZE_MAX ? likely : 0;
    p.n += p.beyond;
    p.amount += p.beyond * *value / c->value[k];
    p.chosen *= 1 + p.beyond * PAYS_AGAIN * pays; /* it stays doubled only where that pays */
    return p;
}
