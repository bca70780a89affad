/* SPDX-License-Identifier: Apache-2.0 */
/* How much a part shall learn, where it has a setting for that (pz_setting.effort): validation
 * decides.
 *
 * The part is learned to half of the setting's value, to the whole, and on in stages to twice that
 * and so on; it is judged after each with all weights of a new part. What a doubling brought, user
 * by user, is what the next one would bring at most, as learning slows down: a stage that is not
 * worth its cost is the last one. A stage is judged as a fit of its own would be, since parts go on
 * from before their last touches (model/sequence/fit.c). The final fit learns in one go as much as
 * the last stage that gained, or finishes what the last stage learned (pz_scorer.finish). Where
 * doubling pays to the end of what is allowed, the scorer's next setting of effort is doubled. A
 * time limit on tuning stops before a stage that would not fit in. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/signals.h"
#include "train/tune.h"

/* A doubling is followed by another when it gains so many standard errors and this share of the
 * blend's value. Under it nothing much is left: from a quarter to half a million pairs, all but
 * each user's last event, Beauty .7 % (standard error 1.4), MovieLens 100K .6 (.5), the made films
 * .9 (.5), which gain 1 % by each of the next three, too. */
static const double SURE_MORE = 1, WORTH = 0.015;

/* A part that knows too little yet to be of use goes on as long as a doubling closes this share of
 * the gap that the largest weight tears into the blend. */
static const double GROWTH = 0.4;

/* A training to twice as much, under way. */
struct stages {
    struct pz_search *s;
    size_t p, k;         /* the part and its setting of effort */
    bool more;           /* another stage may follow */
    double *before;      /* [users] values by the best weight above 0 after the stage before */
    double gain, error;  /* what the last stage brought, and its standard error */
    double loud, growth; /* the mean by the largest weight, and its gain */
    double cost;         /* processor seconds of the last stage, without judging */
    size_t row;          /* of s->trial: the best weight above 0 */
};

size_t pz_choice_effort(const struct pz_choice *c, size_t k)
{
    while (k < c->scorer->n_settings && !c->scorer->settings[k].effort)
        k++;
    return k < c->scorer->n_settings ? k : SIZE_MAX;
}

bool pz_choice_may_double(const struct pz_choice *c, size_t k)
{
    return c->value[k] < 0.75 * c->high[k];
}

size_t pz_search_effort(const struct pz_choice *c)
{
    size_t k = pz_choice_effort(c, 0);

    return k < SIZE_MAX && c->low[k] < c->high[k] ? k : SIZE_MAX;
}

/* Learn until the setting's value, from the start or on. */
static enum pz_status learn(struct stages *g, struct pz_err *err)
{
    struct pz_search *s = g->s;
    const struct pz_choice *c = &s->choice[g->p];
    struct pz_fit_cfg cfg = { .value = c->value,
                              .seed = s->cfg->seed,
                              .goes_on = g->more || pz_search_finishes(s, g->p),
                              .finishes = pz_search_finishes(s, g->p) };
    double from = pz_cpu_seconds();
    void **part = &s->part[g->p].part;
    enum pz_status st = *part ? c->scorer->more(*part, &s->v->train, &cfg, err)
                              : c->scorer->fit(&s->v->train, &cfg, part, err);

    s->part[g->p].version = ++s->versions;
    g->cost = pz_cpu_seconds() - from;
    s->fitted_s += g->cost;
    if (g->k == pz_choice_effort(c, 0) && pz_search_finishes(s, g->p))
        s->reached[g->p] = c->value[g->k];
    return st;
}

/* Judge with every weight; what it gained over the stage before by the best weight above 0. */
static enum pz_status judge(struct stages *g, const double *w, size_t n_w, struct pz_err *err)
{
    struct pz_search *s = g->s;
    uint32_t n = s->v->n_users;
    size_t loudest = 0;
    double top = -1, loud, z;
    enum pz_status st = pz_valid_judge(s->v, s->part, s->n_parts, g->p, w, n_w, 0, n, s->trial,
                                       err);

    if (st != PZ_OK)
        return st;
    for (size_t i = 0; i < n_w; i++) {
        loudest = w[i] > w[loudest] ? i : loudest;
        if ((w[i] > 0 || n_w == 1) && pz_search_mean(s->trial + i * n, n) > top + 1e-9) {
            top = pz_search_mean(s->trial + i * n, n);
            g->row = i;
        }
    }
    loud = pz_search_mean(s->trial + loudest * n, n);
    g->growth = loud - g->loud;
    g->loud = loud;
    z = pz_search_gain(s->trial + g->row * n, g->before, n);
    g->gain = top - pz_search_mean(g->before, n);
    g->error = isfinite(z) && fabs(z) > 0 ? g->gain / z : 0;
    memcpy(g->before, s->trial + g->row * n, n * sizeof *g->before);
    return PZ_OK;
}

static bool gained(const struct stages *g)
{
    return g->gain > SURE_MORE * g->error;
}

static bool pays(const struct stages *g)
{
    const struct pz_search *s = g->s;

    if (s->part[g->p].weight <= 0)
        return g->growth > GROWTH * fmax(s->mean - g->loud, 0);
    return gained(g) && g->gain > WORTH * pz_search_mean(g->before, s->v->n_users);
}

/* Whether there is room for a stage to twice what is learned. */
static bool may_double(const struct stages *g)
{
    const struct pz_search *s = g->s;
    const struct pz_choice *c = &s->choice[g->p];

    return pz_choice_may_double(c, g->k) && !pz_search_out_of_time(s) &&
           (s->until_s <= 0 || pz_cpu_seconds() + 2 * g->cost < s->until_s);
}

/* Say what the last doubling brought: as much again would bring no more. */
static void tell(const struct stages *g)
{
    const struct pz_search *s = g->s;
    const struct pz_choice *c = &s->choice[g->p];
    const char *name = c->scorer->settings[g->k].name;
    double mean = pz_search_mean(g->before, s->v->n_users);
    json_t *trial = json_array_get(s->cfg->trials, json_array_size(s->cfg->trials) - 1);

    if (mean <= 0)
        return;
    pz_log(
        s->cfg->log, PZ_LOG_NOTE,
        "%s.%s: the last doubling, to %.3g, brought %.1f %% (standard error %.1f); the next would "
        "bring less, for %.0f CPU s here and %.0f for the model",
        c->scorer->name, name, c->value[g->k], 100 * g->gain / mean, 100 * g->error / mean,
        2 * g->cost, 2 * g->cost * (pz_search_finishes(s, g->p) ? c->scorer->touches : 1));
    json_object_set_new(trial, "doubling",
                        json_pack("{s:f, s:f}", "gain", g->gain, "error", g->error));
}

/* A stage: learn, judge, and take the part into the blend with the weight that is best. */
static enum pz_status stage(struct stages *g, struct pz_err *err)
{
    struct pz_search *s = g->s;
    double w[PZ_WEIGHTS];
    size_t n_w = pz_search_weights(s, g->p, true, w);
    enum pz_status st = learn(g, err);

    if (st == PZ_OK)
        st = judge(g, w, n_w, err);
    if (st != PZ_OK)
        return st;
    pz_search_join(s, g->p, w, n_w);
    pz_search_note(s, &s->choice[g->p], s->part[g->p].weight, s->mean, s->v->n_users, true);
    return PZ_OK;
}

/* Whether doubling has reached what is allowed. */
static bool is_at_end(const struct stages *g)
{
    const struct pz_choice *c = &g->s->choice[g->p];

    return !pz_choice_may_double(c, g->k);
}

/* Where a doubling still paid when there was no further one, the next setting of effort is doubled;
 * it stays so if that pays. */
static enum pz_status go_beyond(struct stages *g, struct pz_err *err)
{
    struct pz_choice *c = &g->s->choice[g->p];
    enum pz_status st = PZ_OK;
    double chosen;

    while (st == PZ_OK && g->more && is_at_end(g)) {
        g->k = pz_choice_effort(c, g->k + 1);
        if (g->k == SIZE_MAX || !may_double(g))
            return PZ_OK;
        while (st == PZ_OK && g->more && may_double(g)) {
            chosen = c->value[g->k];
            c->value[g->k] = fmin(2 * chosen, c->high[g->k]);
            st = stage(g, err);
            g->more = pays(g);
            if (st == PZ_OK && !(g->more && may_double(g)))
                tell(g);
            if (!g->more)
                c->value[g->k] = chosen;
        }
    }
    return st;
}

enum pz_status pz_search_stages(struct pz_search *s, size_t p, size_t k, struct pz_err *err)
{
    struct pz_choice *c = &s->choice[p];
    struct stages g = { .s = s, .p = p, .k = k };
    double chosen = c->value[k];
    enum pz_status st;

    g.before = calloc(s->v->n_users, sizeof *g.before);
    if (!g.before)
        return pz_err_memory(err, "stages of learning", 8.0 * s->v->n_users);
    g.more = may_double(&g);
    c->value[k] = g.more ? chosen / 2 : chosen;
    st = stage(&g, err);
    while (st == PZ_OK && g.more && (c->value[k] < chosen || may_double(&g))) {
        c->value[k] = fmin(2 * c->value[k], c->high[k]);
        st = stage(&g, err);
        chosen = gained(&g) ? c->value[k] : chosen;
        g.more = pays(&g);
        if (st == PZ_OK && !(g.more && may_double(&g)))
            tell(&g);
    }
    c->value[k] = chosen;
    g.more |= chosen == c->low[k] && is_at_end(&g); /* no doubling could tell */
    if (st == PZ_OK)
        st = go_beyond(&g, err);
    free(g.before);
    return st;
}
