/* SPDX-License-Identifier: Apache-2.0 */
/* How long tuning will still take, for the line of progress: a guess that gets better as it goes
 * on.
 *
 * Trials to come are counted from what the search does with a part (search.c): one to begin, a scan
 * of what is scanned, read-outs up and down in each pass, the fits, and once more read-outs and
 * weight when all are there (plan.c). A part that gains nothing by its defaults takes one trial
 * only, which nobody knows before; so the total falls more often than it rises. Seconds are those
 * of a trial so far, the fits of all parts at the end included. A part that takes long is not in
 * them until it was learned: its cost is not that of a trial. */
#include <math.h>

#include "train/plan.h"

static uint32_t trials_of(const struct pz_choice *c, uint32_t n_fits)
{
    struct pz_plan p = pz_plan_part(c, n_fits);

    return (uint32_t)lround(1 + p.scans + p.fitted_scans + p.regions + p.fits + p.moves + p.heats);
}

/* The last look at read-outs, and a round of weights. */
static uint32_t trials_at_end(const struct pz_choice *c, uint32_t n_fits)
{
    return (uint32_t)lround(pz_plan_part(c, n_fits).last);
}

void pz_search_forecast(struct pz_search *s)
{
    struct pz_forecast *f = &s->forecast;
    const char *aside = NULL;
    uint32_t left = 0;
    double fits = 0, took = pz_wall_seconds() - f->began_s;

    if (f->n == 0)
        return;
    f->done++;
    if (f->part != s->n_parts) {
        f->part = s->n_parts;
        f->of_part = 0;
    }
    f->of_part++;
    for (size_t p = s->n_parts; p < f->n; p++) {
        left += trials_of(&s->choice[p], f->n_fits) + trials_at_end(&s->choice[p], f->n_fits);
        if (s->choice[p].scorer->any_time)
            aside = s->choice[p].scorer->name;
    }
    for (size_t p = 0; p < s->n_parts; p++) {
        fits += s->fit_s[p];
        if (s->part[p].weight > 0)
            left += trials_at_end(&s->choice[p], f->n_fits);
        if (s->choice[p].scorer->any_time)
            took -= s->fit_s[p];
    }
    if (s->n_parts > 0) {
        uint32_t plan = trials_of(&s->choice[s->n_parts - 1], f->n_fits);

        left += plan > f->of_part ? plan - f->of_part : 0;
    }
    pz_log_expect(s->cfg->log, f->done + left, fmax(took, 0) / f->done * left + fits, aside);
}
