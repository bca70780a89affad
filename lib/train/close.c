/* SPDX-License-Identifier: Apache-2.0 */
/* The closing comparison: see tune.h. What the search found is set beside simple answers, on the
 * users of the newest slice of time, who are asked as a model in use is:
 *
 *   - the blend by its defaults, as it is without tuning, and the same with a switch of the first
 *     part turned; parts that take long are left out
 *   - each part alone, with the settings found for it
 *
 * The search has seen these users, which flatters what it found; so defaults win when they gain
 * SURE_DEFAULT standard errors, a single part, whose weight the search could have raised,
 * SURE_ALONE. Neither may lose SURE_ALONE on all users together, or those would be given up who are
 * asked for their very next step. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "train/tune.h"

static const double SURE_DEFAULT = 1, SURE_ALONE = 2;

/* What stands against the blend as found. */
struct rival {
    struct pz_choice choice[PZ_MAX_PARTS];
    struct pz_part part[PZ_MAX_PARTS]; /* [n_parts]; part NULL: not there */
    struct pz_trend trend;
    bool fitted;                 /* its parts, but for those borrowed, and its trend are its own */
    bool borrowed[PZ_MAX_PARTS]; /* the search's, which has them as they would be fitted */
    bool wanted;                 /* its values for all users are, whether it wins or not */
};

static void clear(struct rival *r, size_t n)
{
    for (size_t p = 0; p < n && r->fitted; p++)
        if (r->part[p].part && !r->borrowed[p])
            r->choice[p].scorer->free(r->part[p].part);
    if (r->fitted)
        pz_trend_clear(&r->trend);
}

enum pz_status pz_search_judge(const struct pz_search *s, const struct pz_part *part, double *each,
                               struct pz_err *err)
{
    struct pz_part there[PZ_MAX_PARTS];
    size_t n = 0;

    for (size_t p = 0; p < s->n_parts; p++)
        if (part[p].part && (part[p].weight > 0 || part[p].cold_weight > 0))
            there[n++] = part[p];
    pz_valid_forget(s->v);
    if (n == 0)
        return PZ_OK;
    return pz_valid_judge(s->v, there, n, 0, &there[0].weight, 1, 0, s->v->n_users, each, err);
}

/* Whether the search's part p is what a fit of this choice would be. */
static bool has_part(const struct pz_search *s, size_t p, const struct pz_choice *c)
{
    bool same = s->part[p].part != NULL;

    for (size_t k = 0; k < c->scorer->n_settings; k++)
        same = same && c->value[k] <= s->choice[p].value[k] && c->value[k] >= s->choice[p].value[k];
    return same;
}

static enum pz_status fit(const struct pz_search *s, const struct pz_choice *trend, struct rival *r,
                          struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    r->fitted = true;
    if (trend)
        st = pz_trend_chosen(trend, &s->v->train, &r->trend, err);
    for (size_t p = 0; p < s->n_parts && st == PZ_OK; p++) {
        const struct pz_choice *c = &r->choice[p];
        struct pz_fit_cfg cfg = { .value = c->value, .seed = s->cfg->seed };

        r->part[p] = s->part[p];
        r->part[p].weight = c->weight;
        if (r->part[p].trend)
            r->part[p].trend = &r->trend;
        r->borrowed[p] = has_part(s, p, c) && c->weight > 0 && !c->scorer->any_time;
        if (r->borrowed[p])
            continue;
        r->part[p].part = NULL;
        r->part[p].version = 0;
        if (c->weight > 0 && !c->scorer->any_time)
            st = c->scorer->fit(&s->v->train, &cfg, &r->part[p].part, err);
    }
    return st;
}

/* The parts of the rival become those of the search. */
static void adopt(struct pz_search *s, const struct pz_choice *trend, struct rival *r)
{
    for (size_t p = 0; p < s->n_parts; p++) {
        s->part[p].weight = r->part[p].part ? r->part[p].weight : 0;
        s->part[p].cold_weight = r->part[p].cold_weight;
        if (!r->fitted || !r->part[p].part || r->borrowed[p])
            continue;
        s->choice[p].scorer->free(s->part[p].part);
        s->part[p].part = r->part[p].part;
        s->part[p].version = ++s->versions;
        s->choice[p] = r->choice[p];
        r->part[p].part = NULL;
    }
    if (r->fitted && trend) {
        *s->trend = *trend;
        pz_trend_clear(&s->now);
        s->now = r->trend;
        memset(&r->trend, 0, sizeof r->trend);
    }
    memcpy(s->each, s->trial, s->v->n_users * sizeof *s->each);
    s->mean = pz_search_mean(s->each, s->v->n_users);
}

/* The values of a rival, into s->trial: of the users of the slice, or of all. */
static enum pz_status judge_rival(const struct pz_search *s, const struct rival *r, bool all,
                                  struct pz_err *err)
{
    uint32_t n = s->v->n_users;
    enum pz_status st;

    memset(s->trial, 0, n * sizeof *s->trial);
    for (uint32_t u = 0; u < n; u++)
        s->v->still[u] = !all && !s->v->late[u];
    st = pz_search_judge(s, r->part, s->trial, err);
    memset(s->v->still, 0, n);
    return st;
}

/* Let a rival try; most lose among the users of the slice, and the others are not asked. */
static enum pz_status meet(struct pz_search *s, const struct pz_choice *trend, struct rival *r,
                           const char *who, double sure, struct pz_err *err)
{
    uint32_t all = s->v->n_users;
    double late, whole = 0;
    enum pz_status st = judge_rival(s, r, r->wanted, err);

    if (st != PZ_OK)
        return st;
    late = pz_search_gain_late(s, s->trial, s->each, all);
    if (late > sure && !r->wanted)
        st = judge_rival(s, r, true, err);
    if (st != PZ_OK)
        return st;
    whole = late > sure ? pz_search_gain(s->trial, s->each, all) : 0;
    pz_log(s->cfg->log, PZ_LOG_DEBUG, "%s against the blend: %.1f standard errors late%s", who,
           late, late > sure && whole <= -SURE_ALONE ? ", but the others lose" : "");
    if (late > sure && whole > -SURE_ALONE) {
        pz_log(s->cfg->log, PZ_LOG_NOTE, "%s does better on what came last: taken", who);
        adopt(s, trend, r);
    }
    return PZ_OK;
}

static enum pz_status meet_alone(struct pz_search *s, size_t p, struct pz_err *err)
{
    struct rival r = { .fitted = false };

    if (s->choice[p].weight_fixed || pz_valid_hides(s->v, s->choice[p].scorer))
        return PZ_OK;
    r.part[p] = s->part[p];
    r.part[p].weight = 1;
    for (size_t q = 0; q < s->n_parts; q++)
        if (q != p && s->choice[q].weight_fixed)
            r.part[q] = s->part[q];
    return meet(s, NULL, &r, s->choice[p].scorer->name, SURE_ALONE, err);
}

/* The defaults, fitted, with setting k of the first part at the other end of its range unless k is
 * SIZE_MAX. *r is the caller's to clear and free, also after a failure. */
static enum pz_status make_default(const struct pz_search *s, const struct pz_choice *untuned,
                                   const struct pz_choice *trend, size_t k, struct rival **r,
                                   struct pz_err *err)
{
    *r = calloc(1, sizeof **r);
    if (!*r)
        return pz_err_memory(err, "the closing comparison", sizeof **r);
    memcpy((*r)->choice, untuned, s->n_parts * sizeof *untuned);
    if (k < SIZE_MAX)
        pz_choice_turn(&(*r)->choice[0], k);
    return fit(s, trend, *r, err);
}

static void discard(struct rival *r, size_t n)
{
    if (r)
        clear(r, n);
    free(r);
}

/* Let the defaults try, turned or not; what they are worth as they are is kept for the check. */
static enum pz_status meet_defaults(struct pz_search *s, const struct pz_choice *untuned,
                                    const struct pz_choice *trend, size_t k, struct pz_err *err)
{
    struct rival *r;
    enum pz_status st = make_default(s, untuned, trend, k, &r, err);

    if (st == PZ_OK) {
        r->wanted = k == SIZE_MAX && s->untuned;
        st = meet(s, trend, r, k < SIZE_MAX ? "the default with a switch turned" : "the default",
                  SURE_DEFAULT, err);
    }
    if (st == PZ_OK && r->wanted) {
        memcpy(s->untuned, s->trial, s->v->n_users * sizeof *s->untuned);
        s->knows_untuned = true;
    }
    discard(r, s->n_parts);
    return st;
}

enum pz_status pz_search_judge_untuned(struct pz_search *s, const struct pz_choice *untuned,
                                       const struct pz_choice *trend, struct pz_err *err)
{
    struct rival *r = NULL;
    enum pz_status st = s->knows_untuned ? PZ_OK
                                         : make_default(s, untuned, trend, SIZE_MAX, &r, err);

    if (st == PZ_OK && !s->knows_untuned) {
        memset(s->untuned, 0, s->v->n_users * sizeof *s->untuned);
        st = pz_search_judge(s, r->part, s->untuned, err);
        pz_valid_forget(s->v);
    }
    s->knows_untuned = st == PZ_OK;
    discard(r, s->n_parts);
    return st;
}

enum pz_status pz_search_close(struct pz_search *s, const struct pz_choice *untuned,
                               const struct pz_choice *trend, struct pz_err *err)
{
    enum pz_status st = pz_search_judge(s, s->part, s->each, err);

    for (size_t p = 0; p < s->n_parts && st == PZ_OK && s->n_parts > 1; p++)
        st = meet_alone(s, p, err);
    if (st == PZ_OK)
        st = meet_defaults(s, untuned, trend, SIZE_MAX, err);
    for (size_t k = 0; k < untuned[0].scorer->n_settings && st == PZ_OK; k++)
        if (pz_choice_is_region(&untuned[0], k))
            st = meet_defaults(s, untuned, trend, k, err);
    pz_valid_forget(s->v);
    return st;
}
