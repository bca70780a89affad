/* SPDX-License-Identifier: Apache-2.0 */
/* Tuning: see tune.h.
 *
 *   1. cut validation cases from the training data (valid.c)
 *   2. part by part: fit by defaults, find its weight beside the parts before it, search its
 *      settings (search.c), the less the less it adds by its defaults; one that adds nothing gets
 *      weight 0
 *   3. together: weights of all parts, their read-outs once more, and weights again
 *   4. where a slice of time is judged, beside simple answers (close.c)
 *   5. what coming back to an item of the history is worth, on cases that keep such items: the seen
 *      rule of the recipe hides it, the rule of a query need not. Where lists are better with such
 *      items, they have weights of their own
 *   6. where a slice of time is judged, weights for what comes next, on the other cases; of lists
 *      with what was seen by parts that know the slice (search_whole.c)
 *   7. the held-out check: what all that is worth, beside the defaults (check.c)
 *   8. the scale at which softmax of the blend gives the truths the best likelihood
 * Everything depends on the seed and the data only; a time limit, where given, is the one
 * exception. */
#include "train/tune.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/par.h"
#include "base/signals.h"
#include "model/blend.h"

enum {
    USERS_MIN = 1000,
    USERS_MIN_NEWEST = 2000,
    USERS_MIN_UNORDERED = 3000, /* who have about one case each, not up to three */
    USERS_MAX = 4000,
    SCORES = 24000000, /* cases times items that one judging shall cost at most */
    BIG = 300000,      /* interactions from which fewer fits are tried */
    FITS_MIN = 6,
    SCALE_CASES = 300
};

/* Standard errors that lists with what was seen must be better. */
static const double SURE_SEEN = 2;

uint32_t pz_tune_most(uint32_t n_items)
{
    uint32_t n = SCORES / (n_items ? n_items : 1);

    return n < USERS_MIN ? USERS_MIN : n > USERS_MAX ? USERS_MAX : n;
}

uint32_t pz_tune_users(const struct pz_corpus *c)
{
    uint32_t n = pz_tune_most(c->n_items);
    uint32_t min = !c->ordered                            ? USERS_MIN_UNORDERED
                   : pz_valid_newest(c, USERS_MIN_NEWEST) ? USERS_MIN_NEWEST
                                                          : USERS_MIN;

    return n < min ? min : n;
}

uint32_t pz_tune_fits(uint64_t n, bool ordered, uint32_t n_trials)
{
    uint32_t min = n_trials < FITS_MIN ? n_trials : FITS_MIN;
    uint64_t fits = n <= BIG ? n_trials : (uint64_t)n_trials * BIG / n;

    fits = fits < min ? min : fits;
    return (uint32_t)(ordered ? fits
                              : (fits + 1) / 2); /* without order few settings are searched */
}

bool pz_tune_newest(const struct pz_corpus *c)
{
    return pz_valid_newest(c, pz_tune_users(c));
}

/* The likelihood of a case's truths under softmax(scale * blend) over what may be recommended. */
static double likelihood(const struct pz_valid *v, const struct pz_valid_case *c,
                         const float *total, const uint64_t *allowed, double scale)
{
    double sum = 0, hit = 0;

    for (uint32_t i = 0; i < v->train.n_items; i++)
        if (pz_bits_has(allowed, i))
            sum += exp(scale * (double)total[i]);
    for (uint32_t t = 0; t < c->n_truth; t++)
        hit += scale * (double)total[v->truth[c->truth + t]] - log(sum);
    return hit / c->n_truth;
}

static enum pz_status fit_scale(const struct pz_search *s, double *chosen, struct pz_err *err)
{
    static const double scales[] = { 1, 2, 4, 6, 8, 12, 16, 24, 32 };
    enum { N = sizeof scales / sizeof *scales };
    struct pz_valid_scratch *scratch = pz_valid_scratch_new(s->v, s->part, s->n_parts);
    double sum[N] = { 0 };
    uint32_t n = s->v->first[s->v->n_users], best = 0;

    if (!scratch)
        return pz_err_memory(err, "the softmax scale", 8.0 * s->v->train.n_items);
    for (uint32_t k = 0; k < n && k < SCALE_CASES; k++) {
        pz_valid_ask(s->v, &s->v->c[k], scratch);
        pz_valid_sum(s->v, s->part, s->n_parts, SIZE_MAX, &scratch, 1);
        for (size_t i = 0; i < N; i++)
            sum[i] += likelihood(s->v, &s->v->c[k], scratch->total, scratch->allowed, scales[i]);
    }
    for (uint32_t i = 1; i < N; i++)
        best = sum[i] > sum[best] ? i : best;
    *chosen = scales[best];
    pz_valid_scratch_free(scratch);
    return PZ_OK;
}

/* Whether the settings of part p are worth a search. */
static bool is_searched(const struct pz_search *s, size_t p)
{
    return s->part[p].weight > 0 && s->share[p] > 0 && !pz_valid_hides(s->v, s->choice[p].scorer);
}

/* The share of a whole search that is worth it for part p, which the blend was worth `before`
 * without; 0 where that is not even a fit. */
static double share_of_search(const struct pz_search *s, size_t p, double before, uint32_t n_fits)
{
    double gain = before > 0 ? s->mean / before - 1 : 1, share = gain / PZ_SEARCH_WHOLE;

    if (p == 0 || s->choice[p].scorer->is_fallback || share >= 1)
        return 1;
    return share * n_fits >= 1 ? share : 0;
}

static enum pz_status tune_part(struct pz_search *s, size_t p, uint32_t n_fits, struct pz_err *err)
{
    double before = s->mean;
    enum pz_status st;

    s->n_parts = p + 1;
    st = pz_search_begin(s, p, err);
    s->share[p] = share_of_search(s, p, before, n_fits);
    if (st == PZ_OK && p == 0 && s->v->sliced) {
        pz_valid_even(s->v, s->each);
        s->mean = pz_search_mean(s->each, s->v->n_users);
    }
    if (st == PZ_OK && p == 0 && s->trend && s->v->sliced)
        st = pz_search_trend(s, false, err);
    if (st == PZ_OK && is_searched(s, p))
        st = pz_search_part(s, p, n_fits, err);
    pz_log(s->cfg->log, PZ_LOG_DEBUG, "with %s at weight %.3f: %.4f", s->choice[p].scorer->name,
           s->part[p].weight, s->mean);
    pz_search_stage(s, s->choice[p].scorer->name);
    return st;
}

/* There is no time to look whether part p adds anything: it takes part as it would without tuning,
 * where one that takes long does not, unless the time of the whole run is over. */
static void leave_unjudged(const struct pz_search *s, size_t p)
{
    struct pz_choice *c = &s->choice[p];

    if (c->weight_fixed || c->scorer->is_fallback)
        return;
    c->unjudged = true;
    if (c->scorer->any_time || pz_search_must_end(s))
        c->weight = 0;
    else
        pz_log(s->cfg->log, PZ_LOG_NOTE, "%s could not be judged in time: it takes part untuned",
               c->scorer->name);
}

/* Part p may take half of the time that is left: all parts are met before one of them is known
 * well. */
static enum pz_status tune_in_time(struct pz_search *s, size_t p, uint32_t n_fits,
                                   struct pz_err *err)
{
    double until = s->until_s, now = pz_cpu_seconds();
    enum pz_status st;

    if (until > now)
        s->until_s = now + (until - now) / 2;
    st = tune_part(s, p, n_fits, err);
    s->until_s = until;
    return st;
}

/* When all are there: weights, read-outs of every part, weights. */
static enum pz_status search_together(struct pz_search *s, struct pz_err *err)
{
    enum pz_status st = pz_search_balance(s, err);
    double before = s->mean;

    for (size_t p = 0; p < s->n_parts && st == PZ_OK; p++) {
        pz_valid_forget(s->v);
        if (is_searched(s, p))
            st = pz_search_part(s, p, 0, err);
    }
    /* Where no read-out moved, the weights have been found. */
    return st == PZ_OK && s->mean > before && !pz_search_out_of_time(s) ? pz_search_balance(s, err)
                                                                        : st;
}

static enum pz_status search_all(struct pz_search *s, size_t n, struct pz_err *err)
{
    const struct pz_corpus *c = &s->v->train;
    uint32_t n_fits = pz_tune_fits(c->ptr[c->n_users], c->ordered, s->cfg->n_trials);
    enum pz_status st = PZ_OK;

    s->forecast = (struct pz_forecast){ .n = n, .n_fits = n_fits, .began_s = pz_wall_seconds() };
    for (size_t p = 0; p < n && st == PZ_OK; p++)
        if (p == 0 || !pz_search_out_of_time(s))
            st = tune_in_time(s, p, n_fits, err);
        else
            leave_unjudged(s, p);
    if (st == PZ_OK && s->trend && s->v->sliced)
        st = pz_search_trend(s, s->now.scale != NULL, err);
    return st == PZ_OK && n > 1 ? search_together(s, err) : st;
}

static double first_weight(const struct pz_search *s)
{
    return s->n_parts && s->part[0].weight > 0 ? s->part[0].weight : 1;
}

static void limit_weights(struct pz_search *s)
{
    for (size_t p = 1; p < s->n_parts; p++)
        if (s->part[p].scorer->max_weight > 0)
            s->part[p].weight = fmin(s->part[p].weight,
                                     s->part[p].scorer->max_weight * first_weight(s));
}

/* The weight of part p beside a first part of 1. */
static double settled(const struct pz_search *s, size_t p)
{
    return fmax(s->choice[p].scorer->min_weight, s->part[p].weight / first_weight(s));
}

static void settle(struct pz_search *s)
{
    for (size_t p = 0; p < s->n_parts; p++)
        if (!s->choice[p].weight_fixed) {
            s->choice[p].cold_weight = s->part[p].cold_weight / first_weight(s);
            s->choice[p].weight = settled(s, p);
        }
}

/* What coming back is worth in part p, whose cases keep what was seen. */
static enum pz_status search_repeats_of(struct pz_search *s, size_t p, struct pz_err *err)
{
    const struct pz_choice *c = &s->choice[p];
    enum pz_status st = PZ_OK;

    pz_valid_forget(s->v);
    if (c->scorer->of_history)
        st = pz_search_weight(s, p, 1, err);
    for (size_t k = 0; k < c->scorer->n_settings && st == PZ_OK && s->part[p].weight > 0; k++)
        if (c->scorer->settings[k].judged == PZ_JUDGED_ON_REPEAT && c->low[k] < c->high[k])
            st = pz_search_setting(s, p, k, err);
    /* Once more around the weight found, which may be the end of what was tried: where coming back
     * is all, the others order no more than what it leaves equal. */
    if (st == PZ_OK && c->scorer->of_history && s->part[p].weight > 0)
        st = pz_search_weight(s, p, s->part[p].weight / 10, err);
    return st;
}

/* The values of the blend as it stands on some cases. */
static enum pz_status judge_all(struct pz_search *s, const struct pz_valid *v, double *each,
                                struct pz_err *err)
{
    double weight = s->part[0].weight;

    pz_valid_forget(v);
    return pz_valid_judge(v, s->part, s->n_parts, 0, &weight, 1, 0, v->n_users, each, err);
}

static void say_seen(const struct pz_tune_cfg *cfg, bool kept)
{
    if (cfg->seen_verdict)
        *cfg->seen_verdict = kept ? PZ_SEEN_BETTER_KEPT : PZ_SEEN_BETTER_HIDDEN;
    if (kept)
        pz_log(cfg->log, PZ_LOG_NOTE,
               "people come back here: lists are better with what was seen (--seen auto)");
}

/* Whether the users of the cases are served better by lists that hold what they had. */
static enum pz_status compare_seen(struct pz_search *s, struct pz_valid *keep, bool *kept,
                                   struct pz_err *err)
{
    enum pz_status st = judge_all(s, keep, s->each, err);

    keep->exclude_seen = true;
    if (st == PZ_OK)
        st = judge_all(s, keep, s->trial, err);
    keep->exclude_seen = false;
    if (st == PZ_OK) {
        *kept = pz_search_gain(s->each, s->trial, keep->n_users) > SURE_SEEN;
        say_seen(s->cfg, *kept);
        pz_log(s->cfg->log, PZ_LOG_DEBUG, "with what was seen %.4f, without %.4f",
               pz_search_mean(s->each, keep->n_users), pz_search_mean(s->trial, keep->n_users));
    }
    return st;
}

/* The search's weights become those that such lists were given. */
static void take_weights(struct pz_search *s, enum pz_lists lists)
{
    for (size_t p = 0; p < s->n_parts; p++)
        if (s->choice[p].weighs[lists]) {
            s->part[p].weight = s->choice[p].own[lists].weight;
            s->part[p].cold_weight = s->choice[p].own[lists].cold_weight;
        }
}

enum pz_status pz_search_weigh(struct pz_search *s, enum pz_lists lists, struct pz_err *err)
{
    const struct pz_valid *v = s->v;
    struct pz_part before[PZ_MAX_PARTS];
    enum pz_status st;

    memcpy(before, s->part, s->n_parts * sizeof *before);
    if (lists != PZ_LISTS_NEXT)
        take_weights(s, PZ_LISTS_KEPT);
    if (lists != PZ_LISTS_KEPT && v->sliced)
        memcpy(v->still, v->late, v->n_users);
    pz_valid_forget(v);
    st = pz_search_balance(s, err);
    if (v->sliced)
        memset(v->still, 0, v->n_users);
    limit_weights(s);
    for (size_t p = 0; p < s->n_parts; p++) {
        struct pz_choice *c = &s->choice[p];

        c->weighs[lists] = !c->weight_fixed;
        c->own[lists] = (struct pz_weights){ settled(s, p),
                                             s->part[p].cold_weight / first_weight(s) };
    }
    memcpy(s->part, before, s->n_parts * sizeof *before);
    return st;
}

/* Questions of what comes next have weights of their own: those that were found serve what comes
 * after the data above all (validation.h). */
static enum pz_status weigh_next(struct pz_search *s, const struct pz_corpus *corpus, bool kept,
                                 struct pz_err *err)
{
    bool next = s->v->tune_for == PZ_FOR_NEXT;
    enum pz_status st = PZ_OK;

    if (!s->v->sliced || s->n_parts == 1 || pz_search_out_of_time(s) || !(next || s->cfg->slice_s))
        return PZ_OK;
    if (kept)
        st = pz_search_whole(s, corpus, next ? PZ_LISTS_KEPT : PZ_LISTS_KEPT_NEXT, err);
    else if (!next)
        st = pz_search_weigh(s, PZ_LISTS_NEXT, err);
    if (!next)
        *s->cfg->slice_s = s->v->slice_s;
    return st;
}

/* What people have again is at the top of a list or of no use: where the mix also looks further
 * down, only its nearer half tells. */
static struct pz_metric near(const struct pz_metric *metric)
{
    return metric->kind == PZ_METRIC_MIX ? (struct pz_metric){ PZ_METRIC_NDCG, 10 } : *metric;
}

/* Tune what is judged on repeats, where a part has it and the data have repeats. The parts stay:
 * the cases differ in their truths only. */
static enum pz_status search_repeat(struct pz_search *s, const struct pz_corpus *corpus,
                                    struct pz_err *err)
{
    const struct pz_valid *hide = s->v;
    struct pz_valid keep = { .metric = near(&s->cfg->metric), .tune_for = s->cfg->tune_for };
    enum pz_status st = pz_valid_cut(corpus, s->cfg->task, false, pz_tune_users(corpus),
                                     s->cfg->seed, &keep, err);
    bool any = st == PZ_OK && pz_valid_n_truths(&keep) > pz_valid_n_truths(hide), kept = false;

    if (any && s->n_parts > 1)
        st = pz_valid_remember(&keep, err);
    keep.asked = &s->asked;
    s->v = &keep;
    s->repeats = true;
    for (size_t p = 0; p < s->n_parts && st == PZ_OK; p++)
        if (any && s->part[p].weight > 0)
            st = search_repeats_of(s, p, err);
        else if (s->choice[p].scorer->of_history && !s->choice[p].weight_fixed)
            s->part[p].weight = 0;
    if (st == PZ_OK && any && s->cfg->seen_verdict)
        st = compare_seen(s, &keep, &kept, err);
    else if (st == PZ_OK)
        say_seen(s->cfg, false);
    if (st == PZ_OK && kept && s->n_parts > 1 && !pz_search_out_of_time(s))
        st = pz_search_weigh(s, PZ_LISTS_KEPT, err);
    if (st == PZ_OK && kept)
        st = weigh_next(s, corpus, true, err);
    s->repeats = false;
    s->v = hide;
    pz_valid_forget(hide);
    pz_valid_clear(&keep);
    return st;
}

void pz_search_leave_trend(const struct pz_search *s, size_t n)
{
    for (size_t p = 0; p < n && !s->v->newest; p++) {
        struct pz_choice *c = &s->choice[p];
        const struct pz_setting *s0 = c->scorer->settings;

        for (size_t k = 0; k < c->scorer->n_settings; k++)
            if (s0[k].judged == PZ_JUDGED_AT_END && c->low[k] == s0[k].low &&
                c->high[k] == s0[k].high)
                pz_choice_fix(c, k, c->value[k]); /* a range that the caller gave stays */
    }
    for (size_t p = 0; p < n && !s->v->sliced; p++)
        if (s->choice[p].scorer->presence)
            s->choice[p].weight_fixed = true;
}

/* Parts of the blend that only have to be finished are the choice's. */
static void hand_over(struct pz_search *s)
{
    for (size_t p = 0; p < s->n_parts; p++)
        if (s->reached[p] > 0 && s->part[p].weight > 0) {
            s->choice[p].reached = s->reached[p];
            s->choice[p].begun = s->part[p].part;
            s->part[p].part = NULL;
        }
}

enum pz_status pz_tune_again(const struct pz_corpus *corpus, const struct pz_tune_cfg *cfg,
                             struct pz_choice *choice, size_t n_choices, struct pz_err *err)
{
    struct pz_valid v = { .metric = cfg->metric, .tune_for = cfg->tune_for };
    enum pz_status st = PZ_OK;

    for (size_t p = 0; p < n_choices && st == PZ_OK; p++) {
        struct pz_choice to = choice[p];
        struct pz_fit_cfg fit = {
            .value = to.value, .seed = cfg->seed, .goes_on = true, .finishes = true
        };

        if (to.reached <= 0 || !to.scorer->finish)
            continue;
        if (!v.first)
            st = pz_valid_cut(corpus, cfg->task, cfg->exclude_seen, pz_tune_users(corpus),
                              cfg->seed, &v, err);
        to.value[pz_choice_effort(&to, 0)] = to.reached;
        if (st == PZ_OK)
            st = to.scorer->fit(&v.train, &fit, &choice[p].begun, err);
    }
    pz_valid_clear(&v);
    return st;
}

static enum pz_status tune_on(struct pz_search *s, size_t n, const struct pz_corpus *corpus,
                              double *softmax_scale, struct pz_err *err)
{
    uint32_t max = 2 * pz_tune_users(corpus); /* those of the slice included */
    struct pz_choice untuned[PZ_MAX_PARTS], trend;
    enum pz_status st = PZ_OK;

    s->each = pz_mem_array(max, sizeof *s->each);
    s->trial = pz_mem_array((size_t)max * PZ_WEIGHTS, sizeof *s->trial);
    s->untuned = pz_mem_array(max, sizeof *s->untuned);
    if (!s->each || !s->trial || !s->untuned)
        st = pz_err_memory(err, "tuning", 80.0 * max);
    pz_search_leave_trend(s, n);
    memcpy(untuned, s->choice, n * sizeof *untuned);
    if (s->trend)
        trend = *s->trend;
    if (st == PZ_OK && s->trend)
        st = pz_trend_chosen(s->trend, &s->v->train, &s->now, err);
    if (st == PZ_OK)
        st = search_all(s, n, err);
    pz_search_stage(s, "all together");
    limit_weights(s);
    if (st == PZ_OK && s->v->sliced && !pz_search_out_of_time(s))
        st = pz_search_close(s, untuned, s->trend ? &trend : NULL, err);
    pz_search_stage(s, "closing comparison");
    if (st == PZ_OK && s->v->exclude_seen && !pz_search_out_of_time(s))
        st = search_repeat(s, corpus, err);
    pz_search_stage(s, "repeats");
    if (st == PZ_OK)
        st = weigh_next(s, corpus, !s->v->exclude_seen, err);
    pz_search_stage(s, "weights of what comes next");
    if (st == PZ_OK && s->cfg->check && !pz_search_out_of_time(s))
        st = pz_search_check(s, untuned, s->trend ? &trend : NULL, s->cfg->check, err);
    if (st == PZ_OK)
        st = fit_scale(s, softmax_scale, err);
    pz_search_stage(s, "check");
    if (st == PZ_OK)
        settle(s);
    if (st == PZ_OK)
        hand_over(s);
    for (size_t p = 0; p < n; p++)
        if (s->part[p].part)
            s->choice[p].scorer->free(s->part[p].part);
    pz_trend_clear(&s->now);
    free(s->each);
    free(s->trial);
    free(s->untuned);
    return st;
}

enum pz_status pz_tune(const struct pz_corpus *corpus, const struct pz_tune_cfg *cfg,
                       struct pz_choice *choice, size_t n_choices, struct pz_choice *trend,
                       double *softmax_scale, struct pz_err *err)
{
    struct pz_valid v = { .metric = cfg->metric, .tune_for = cfg->tune_for, .seen = cfg->seen };
    struct pz_search s = { .v = &v, .cfg = cfg, .choice = choice, .trend = trend };
    enum pz_status st = pz_valid_cut(corpus, cfg->task, cfg->exclude_seen, pz_tune_users(corpus),
                                     cfg->seed, &v, err);

    v.asked = &s.asked;
    if (st == PZ_OK && cfg->exclude_seen && !v.exclude_seen) {
        v.metric = near(&cfg->metric);
        say_seen(cfg, true);
    }
    s.trial_s = s.stage_s = pz_cpu_seconds();
    s.until_s = cfg->time_s > 0 ? s.trial_s + cfg->time_s : 0;
    pz_log_begin(cfg->log, "tuning", "trials", 0);
    if (st == PZ_OK && v.n_users == 0)
        pz_log(cfg->log, PZ_LOG_WARN, "too few users with three events to tune; defaults are used");
    else if (st == PZ_OK && n_choices > 1)
        st = pz_valid_remember(&v, err);
    if (st == PZ_OK && v.n_users > 0)
        st = tune_on(&s, n_choices, corpus, softmax_scale, err);
    if (st == PZ_OK && pz_stop_asked())
        st = pz_err_set(err, PZ_INTERRUPTED, "stopped while tuning");
    pz_log_done(cfg->log);
    pz_valid_clear(&v);
    return st;
}
