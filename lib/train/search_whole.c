/* SPDX-License-Identifier: Apache-2.0 */
/* Weights by parts that know all that others did: see tune.h.
 *
 * Where the newest slice of time is held out whole, the parts of the search know nothing of it,
 * while a user's history is known to the last event before a question: so what users have again
 * seems to be worth more, beside what was learned, than it is in a model that learned it all. */
#include <string.h>

#include "base/log.h"
#include "train/tune.h"

/* Fit what has a weight anew; the parts and the trend that were there are the caller's. */
static enum pz_status fit_all(struct pz_search *s, struct pz_err *err)
{
    double from = pz_cpu_seconds();
    enum pz_status st = PZ_OK;

    memset(&s->now, 0, sizeof s->now);
    if (s->trend)
        st = pz_trend_chosen(s->trend, &s->v->train, &s->now, err);
    for (size_t p = 0; p < s->n_parts && st == PZ_OK; p++) {
        struct pz_part *part = &s->part[p];
        struct pz_fit_cfg cfg = { .value = s->choice[p].value,
                                  .seed = s->cfg->seed,
                                  .time_limit_s = s->cfg->fit_limit_s };

        if (part->weight <= 0 && part->cold_weight <= 0)
            continue;
        part->part = NULL;
        part->version = ++s->versions;
        st = s->choice[p].scorer->fit(&s->v->train, &cfg, &part->part, err);
    }
    s->fitted_s += pz_cpu_seconds() - from;
    return st;
}

enum pz_status pz_search_whole(struct pz_search *s, const struct pz_corpus *corpus,
                               enum pz_lists lists, struct pz_err *err)
{
    struct pz_search before = *s;
    struct pz_valid v = {
        .metric = s->v->metric, .tune_for = s->cfg->tune_for, .whole = true, .asked = &s->asked
    };
    enum pz_status st = pz_valid_cut(corpus, s->cfg->task, false, pz_tune_users(corpus),
                                     s->cfg->seed, &v, err);

    if (st == PZ_OK)
        st = pz_valid_remember(&v, err);
    if (st == PZ_OK) {
        s->v = &v;
        st = fit_all(s, err);
        if (st == PZ_OK)
            st = pz_search_weigh(s, lists, err);
        for (size_t p = 0; p < s->n_parts; p++)
            if (s->part[p].part && s->part[p].part != before.part[p].part)
                s->choice[p].scorer->free(s->part[p].part);
        pz_trend_clear(&s->now);
    }
    memcpy(s->part, before.part, sizeof s->part);
    s->now = before.now;
    s->v = before.v;
    pz_valid_clear(&v);
    return st;
}
