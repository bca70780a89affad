/* SPDX-License-Identifier: Apache-2.0 */
/* The search of one part's settings, beside the parts that are there already: what is best alone is
 * not best together.
 *
 *   - moves along one setting at a time, by a quarter of its range and then by an eighth; read-out
 *     settings move on the fitted part, others cost a fit; a switch is judged after its read-outs
 *     have moved
 *   - every trial is judged with several weights in the blend at once
 *   - successive halving in two rungs: a trial that does not gain on the first quarter of the users
 *     is pruned, the rest of them decides. A trial wins when its mean gain over the same users
 *     exceeds SURE standard errors, so that noise seldom moves a default; more is asked where a
 *     slice of time is judged, whose users share what happened then, and without order, so that
 *     what is kept is worth its cost
 *   - what coming back is worth must not cost the users of the newest slice: lists of the very next
 *     step, of which a third of the votes are, hold what was had just now, those of all that comes
 *     much less
 *   - other regions of settings are met on the first quarter alone, read-outs and all; one that
 *     loses there by more than chance (REGION_LOST) is left, and the rest is not asked
 *   - one search of several (trial.c) begins each part with jumps to other regions
 *   - a part that adds little by its defaults gets so much less of all that: what a search costs
 *     does not hang on a hair
 *   - when all parts are there, the weights of all move together (search_balance.c), and read-outs
 *     once more
 * The corpus, the seed and the number of trials decide everything; a time limit is the one
 * exception. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/par.h"
#include "base/rng.h"
#include "base/signals.h"
#include "train/tune.h"

static const double SURE = 0.8, SURE_SLICED = 1.6, SURE_UNORDERED = 2, SURE_DEAR = 2, SURE_NOW = 2,
                    WORTH = 0.01, PRUNE_AT = 0, REGION_LOST = -1, LATE_LOSS = 1;

enum { JUMPS = 3 };

static bool searched(const struct pz_choice *c, size_t k)
{
    return c->low[k] < c->high[k];
}

bool pz_choice_is_switch(const struct pz_choice *c, size_t k)
{
    const struct pz_setting *s = &c->scorer->settings[k];

    return searched(c, k) && s->whole && !s->effort && c->high[k] - c->low[k] == 1;
}

bool pz_choice_is_region(const struct pz_choice *c, size_t k)
{
    return pz_choice_is_switch(c, k) && !c->scorer->settings[k].read_out;
}

void pz_choice_turn(struct pz_choice *c, size_t k)
{
    c->value[k] = c->value[k] > c->low[k] ? c->low[k] : c->high[k];
}

/* Wall seconds from here to the end of the training: one more trial, and the fits of all parts on
 * all data, which are somewhat more than what validation leaves. */
static double to_the_end(const struct pz_search *s)
{
    double fits = 0;

    for (size_t p = 0; p < s->n_parts; p++)
        fits += s->fit_s[p];
    return 1.3 * fits + s->longest_s;
}

bool pz_search_must_end(const struct pz_search *s)
{
    return pz_stop_asked() ||
           (s->cfg->end_s > 0 && pz_wall_seconds() + to_the_end(s) >= s->cfg->end_s);
}

bool pz_search_out_of_time(const struct pz_search *s)
{
    return pz_search_must_end(s) || (s->until_s > 0 && pz_cpu_seconds() >= s->until_s);
}

/* The value a share of the range further on; the same value when there is nowhere to go. */
double pz_choice_moved(const struct pz_choice *c, size_t k, double step)
{
    const struct pz_setting *s = &c->scorer->settings[k];
    bool log_scale = s->log_scale && c->low[k] > 0;
    double lo = log_scale ? log(c->low[k]) : c->low[k],
           hi = log_scale ? log(c->high[k]) : c->high[k];
    double x;

    if (log_scale && c->value[k] <= 0) /* "never": enter the range from its middle */
        return step > 0 ? exp((lo + hi) / 2) : c->value[k];
    x = (log_scale ? log(c->value[k]) : c->value[k]) + step * (hi - lo);
    x = x < lo ? lo : x > hi ? hi : x;
    x = log_scale ? exp(x) : x;
    x = s->whole ? floor(x + 0.5) : x;
    /* At the end of the range nothing moves; exp(log(x)) is not quite x, and would look like a
     * step. */
    return fabs(x - c->value[k]) < 1e-9 * (hi - lo) ? c->value[k] : x;
}

/* ---- one trial ---- */

static bool is_of_now(const struct pz_search *s, size_t p)
{
    return s->choice[p].scorer->presence != NULL;
}

size_t pz_search_weights(const struct pz_search *s, size_t p, bool is_new, double *w)
{
    /* The first is replaced by the weight that the scorer starts with; 0 is to do without the part.
     */
    static const double fresh[PZ_WEIGHTS] = { 0, 0, 0.03, 0.06, 0.12, 0.5, 1, 2 };
    static const double now[PZ_WEIGHTS] = { 0, 0.03, 0.06, 0.12, 0.25, 0.5, 1, 2 };
    static const double near[] = { 1, 0.5, 0.7, 1.4, 2, 0 };
    size_t n = is_new ? PZ_WEIGHTS : sizeof near / sizeof *near - (p == 0), others = 0;

    for (size_t i = 0; i < s->n_parts; i++)
        others += i != p && s->part[i].weight > 0;
    /* w[0] is what the others have to win over: best_row compares with its row. */
    w[0] = s->part[p].weight;
    /* Alone, as after a first part that users took out: any weight will do but 0. */
    if (others == 0 && is_new && !s->choice[p].weight_fixed)
        w[0] = s->choice[p].weight;
    if (s->choice[p].weight_fixed || others == 0)
        return 1;
    for (size_t i = 0; i < n; i++)
        w[i] = !is_new ? near[i] * s->part[p].weight : is_of_now(s, p) ? now[i] : fresh[i];
    w[0] = is_new ? s->choice[p].weight : w[0];
    if (is_new && s->choice[p].scorer->any_time) { /* it has to win over its absence */
        w[1] = w[0];
        w[0] = 0;
    }
    return n;
}

double pz_search_mean(const double *each, uint32_t n)
{
    double sum = 0;

    for (uint32_t u = 0; u < n; u++)
        sum += each[u];
    return n ? sum / n : 0;
}

/* As pz_search_gain, of those of n users whose `who` is set (NULL: all). */
static double gain(const double *a, const double *b, const uint8_t *who, uint32_t n_users)
{
    double sum = 0, square = 0, mean, spread;
    uint32_t n = 0;

    for (uint32_t u = 0; u < n_users; u++)
        if (!who || who[u]) {
            sum += a[u] - b[u];
            square += (a[u] - b[u]) * (a[u] - b[u]);
            n++;
        }
    mean = n ? sum / n : 0;
    /* The paired test: users differ far more from each other than two settings do on one user. */
    spread = n ? square / n - mean * mean : 0;
    /* Below that the differences are rounding: all users gain the same or nothing. */
    if (spread > 1e-18)
        return mean / sqrt(spread / n);
    return mean > 1e-9 ? INFINITY : mean < -1e-9 ? -INFINITY : 0;
}

double pz_search_gain(const double *a, const double *b, uint32_t n)
{
    return gain(a, b, NULL, n);
}

double pz_search_gain_late(const struct pz_search *s, const double *a, const double *b, uint32_t n)
{
    return gain(a, b, s->v->late, n);
}

static double sure(const struct pz_search *s)
{
    return !s->v->train.ordered ? SURE_UNORDERED : s->v->sliced ? SURE_SLICED : SURE;
}

enum trial {
    NEW,  /* a part that is not there yet: it joins with the best weight, 0 perhaps */
    SCAN, /* the same with another value of a scanned setting: must beat what there is */
    MOVE  /* a setting of a part that is there */
};

/* Items are the same for all users, so that chance favours some of what is now: of its settings
 * more is asked. */
static double sure_to_win(const struct pz_search *s, size_t p)
{
    return is_of_now(s, p) ? SURE_NOW : sure(s);
}

/* Whether a trial's mean is enough beside what it is measured by: to come in, such a part must be
 * worth a share of all. */
static bool is_worth(const struct pz_search *s, size_t p, double mean, double old)
{
    return !is_of_now(s, p) || s->part[p].weight > 0 || mean > (1 + WORTH) * old;
}

/* The users of a first heat. */
static uint32_t rung_of(const struct pz_search *s)
{
    uint32_t n = s->v->n_users / 4;

    return n < PZ_RUNG_MIN ? s->v->n_users : n;
}

/* Those who decide. */
static uint32_t judges(const struct pz_search *s)
{
    return s->in_heat ? rung_of(s) : s->v->n_users;
}

/* Whether a trial that asks for what was seen takes more than LATE_LOSS standard errors from the
 * users of the newest slice, beside old values of the first n users. */
static bool costs_late(const struct pz_search *s, const double *trial, const double *old,
                       uint32_t n)
{
    return s->repeats && s->v->sliced && pz_search_gain_late(s, trial, old, n) < -LATE_LOSS;
}

/* Whether values of a trial beat those of the blend as it stands. */
static bool wins(const struct pz_search *s, size_t p, const double *trial)
{
    uint32_t all = judges(s);

    return pz_search_gain(trial, s->each, all) > sure_to_win(s, p) &&
           !costs_late(s, trial, s->each, all) &&
           is_worth(s, p, pz_search_mean(trial, all), s->mean);
}

/* A weight costs nothing, but for that of a new part that takes long to learn and to ask, or speaks
 * of what is now: it must be worth it. */
static double sure_of_weight(const struct pz_search *s, size_t p, enum trial kind)
{
    const struct pz_scorer *scorer = s->choice[p].scorer;

    return kind == MOVE ? SURE : scorer->any_time ? SURE_DEAR : is_of_now(s, p) ? SURE_NOW : SURE;
}

/* The row of s->trial with the largest mean over the first n users, if it is worth it and gains so
 * many standard errors over the first. */
static size_t best_row(const struct pz_search *s, size_t p, size_t n_rows, uint32_t n,
                       double errors)
{
    size_t best = 0, all = s->v->n_users;
    double first = pz_search_mean(s->trial, n), top = first;

    for (size_t g = 1; g < n_rows; g++) {
        double mean = pz_search_mean(s->trial + g * all, n);

        if (mean > top + 1e-9 && !costs_late(s, s->trial + g * all, s->trial, n)) {
            top = mean;
            best = g;
        }
    }
    return is_worth(s, p, top, first) && pz_search_gain(s->trial + best * all, s->trial, n) > errors
               ? best
               : 0;
}

static void log_trial(const struct pz_search *s, const json_t *settings, const char *scorer,
                      double mean, double seconds)
{
    char *text = json_dumps(settings, JSON_COMPACT | JSON_REAL_PRECISION(6));

    pz_log(s->cfg->log, PZ_LOG_DEBUG, "trial: %s %.4f, %.3f CPU s: %s", scorer, mean, seconds,
           text ? text : "");
    free(text);
}

void pz_search_note(struct pz_search *s, const struct pz_choice *c, double weight, double mean,
                    uint32_t users, bool won)
{
    json_t *settings = json_object(), *trial;
    double now = pz_cpu_seconds(), seconds = now - s->trial_s;

    s->trial_s = now;
    for (size_t i = 0; i < c->scorer->n_settings; i++)
        if (searched(c, i))
            json_object_set_new(settings, c->scorer->settings[i].name, json_real(c->value[i]));
    log_trial(s, settings, c->scorer->name, mean, seconds);
    trial = json_pack("{s:s, s:o, s:f, s:f, s:I, s:b}", "scorer", c->scorer->name, "settings",
                      settings, "weight", weight, "metric", mean, "users", (json_int_t)users,
                      "kept", won);
    if (s->cfg->record_time)
        json_object_set_new(trial, "seconds", json_real(seconds));
    json_array_append_new(s->cfg->trials, trial);
    pz_log_step(s->cfg->log, 1);
    pz_search_forecast(s);
}

void pz_search_stage(struct pz_search *s, const char *name)
{
    double now = pz_cpu_seconds();

    pz_log(s->cfg->log, PZ_LOG_DEBUG, "stage: %s: %.3f CPU s, fits %.3f, %llu cases asked", name,
           now - s->stage_s, s->fitted_s, (unsigned long long)s->asked);
    s->stage_s = now;
    s->fitted_s = 0;
    s->asked = 0;
}

/* Whether a trial gave every user the very same value. */
static bool same(const double *a, const double *b, uint32_t n)
{
    for (uint32_t u = 0; u < n; u++)
        if (fabs(a[u] - b[u]) > 1e-9)
            return false;
    return true;
}

/* With this row of s->trial, made by this weight, part p joins the blend as it stands. */
static void adopt(struct pz_search *s, size_t p, double weight, size_t row)
{
    uint32_t all = s->v->n_users;

    s->part[p].weight = weight;
    memcpy(s->each, s->trial + row * all, all * sizeof *s->each);
    s->mean = pz_search_mean(s->each, judges(s));
}

void pz_search_join(struct pz_search *s, size_t p, const double *w, size_t n_w)
{
    size_t row = best_row(s, p, n_w, s->v->n_users, sure_of_weight(s, p, NEW));

    adopt(s, p, w[row], row);
}

/* Judge part p as it is fitted now; when it beats the blend as it stands, it becomes the blend. */
static enum pz_status judge_trial(struct pz_search *s, size_t p, enum trial kind, bool *won,
                                  struct pz_err *err)
{
    double w[PZ_WEIGHTS];
    bool is_new = kind == NEW;
    size_t n_w = pz_search_weights(s, p, kind != MOVE, w), row;
    uint32_t users = s->v->n_users, all = judges(s), rung = rung_of(s), judged = rung;
    enum pz_status st = pz_valid_judge(s->v, s->part, s->n_parts, p, w, n_w, 0, rung, s->trial,
                                       err);

    *won = false;
    if (st != PZ_OK)
        return st;
    row = best_row(s, p, n_w, rung, sure_of_weight(s, p, kind));
    s->idle = kind == MOVE && same(s->trial, s->each, rung);
    /* The second rung judges the rest alone; the first quarter's values stand already. */
    if (is_new || pz_search_gain(s->trial + row * users, s->each, rung) > PRUNE_AT) {
        st = pz_valid_judge(s->v, s->part, s->n_parts, p, w, n_w, rung, all, s->trial, err);
        if (st != PZ_OK)
            return st;
        judged = all;
        row = best_row(s, p, n_w, all, sure_of_weight(s, p, kind));
        *won = is_new || wins(s, p, s->trial + row * users);
    }
    pz_search_note(s, &s->choice[p], w[row], pz_search_mean(s->trial + row * users, judged), judged,
                   *won);
    if (*won)
        adopt(s, p, w[row], row);
    return PZ_OK;
}

bool pz_search_finishes(const struct pz_search *s, size_t p)
{
    return s->choice[p].scorer->finish && s->cfg->fit_limit_s <= 0 && !s->v->sliced;
}

static enum pz_status fit(struct pz_search *s, size_t p, void **part, struct pz_err *err)
{
    struct pz_fit_cfg cfg = { .value = s->choice[p].value,
                              .seed = s->cfg->seed,
                              .time_limit_s = s->cfg->fit_limit_s,
                              .goes_on = pz_search_finishes(s, p),
                              .finishes = pz_search_finishes(s, p) };
    double begin = pz_wall_seconds(), cpu = pz_cpu_seconds();
    enum pz_status st = s->choice[p].scorer->fit(&s->v->train, &cfg, part, err);

    s->part[p].version = ++s->versions;
    s->fit_s[p] = pz_wall_seconds() - begin;
    s->fitted_s += pz_cpu_seconds() - cpu;
    s->longest_s = fmax(s->longest_s, s->fit_s[p]);
    return st;
}

/* Try part p with setting k at a new value; undone when it does not win. */
static enum pz_status try_value(struct pz_search *s, size_t p, size_t k, double value,
                                enum trial kind, bool *won, struct pz_err *err)
{
    struct pz_choice *c = &s->choice[p];
    bool read_out = c->scorer->settings[k].read_out;
    double kept = c->value[k];
    void *fitted = s->part[p].part;
    uint32_t version = s->part[p].version;
    enum pz_status st = PZ_OK;

    *won = false;
    c->value[k] = value;
    if (read_out && !c->scorer->settings[k].late)
        s->part[p].version = ++s->versions;
    if (read_out)
        /* Read-outs are settings of answering: changed on the fitted part, and put back when they
         * lose. */
        c->scorer->set(fitted, k, value);
    else
        st = fit(s, p, &s->part[p].part, err);
    if (st == PZ_OK)
        st = judge_trial(s, p, kind, won, err);
    if (st == PZ_OK && *won) {
        if (!read_out)
            c->scorer->free(fitted);
        return PZ_OK;
    }
    c->value[k] = kept;
    if (read_out)
        c->scorer->set(fitted, k, kept);
    else if (s->part[p].part != fitted && s->part[p].part)
        c->scorer->free(s->part[p].part);
    s->part[p].part = fitted;
    s->part[p].version = version;
    return st;
}

/* ---- passes ---- */

/* Follow one setting up or down while it wins. */
static enum pz_status follow(struct pz_search *s, size_t p, size_t k, double step, uint32_t *left,
                             bool *any, struct pz_err *err)
{
    const struct pz_choice *c = &s->choice[p];
    bool won = true;
    enum pz_status st = PZ_OK;

    while (won && st == PZ_OK && *left > 0 && !pz_search_out_of_time(s)) {
        double to = pz_choice_moved(c, k, step);

        if (to == c->value[k])
            break;
        st = try_value(s, p, k, to, MOVE, &won, err);
        *left -= !s->idle; /* what changes nothing costs no trial */
        *any |= won;
    }
    return st;
}

static enum pz_status pass(struct pz_search *s, size_t p, bool read_out, double step,
                           uint32_t *left, struct pz_err *err)
{
    const struct pz_choice *c = &s->choice[p];
    enum pz_status st = PZ_OK;

    for (size_t k = 0; k < c->scorer->n_settings && st == PZ_OK; k++) {
        bool won = false, idle;

        if (!searched(c, k) || c->scorer->settings[k].read_out != read_out ||
            pz_choice_is_switch(c, k) || c->scorer->settings[k].effort || s->inert[p][k])
            continue;
        s->idle = true;
        st = follow(s, p, k, step, left, &won, err);
        idle = s->idle;
        if (st == PZ_OK && !won)
            st = follow(s, p, k, -step, left, &won, err);
        /* Neither up nor down changed a single user's value: it is not asked again for this part.
         */
        s->inert[p][k] = idle && s->idle && !won;
    }
    return st;
}

static void reset_read_outs(struct pz_choice *c)
{
    for (size_t k = 0; k < c->scorer->n_settings; k++)
        if (c->scorer->settings[k].read_out && searched(c, k))
            c->value[k] = fmin(fmax(c->scorer->settings[k].def, c->low[k]), c->high[k]);
}

/* Without order regions differ by what they cost, too: kNN takes a fifth of the ridge. */
static double sure_of_region(const struct pz_search *s)
{
    return s->v->train.ordered ? sure(s) : SURE;
}

/* Find the level of a region that was fitted, and move its read-outs from there. */
static enum pz_status settle_in(struct pz_search *s, size_t p, struct pz_err *err)
{
    uint32_t left = UINT32_MAX;
    bool won = false;
    enum pz_status st;

    memset(s->each, 0, s->v->n_users * sizeof *s->each);
    s->mean = 0;
    st = judge_trial(s, p, MOVE, &won, err);
    return st == PZ_OK ? pass(s, p, true, 0.25, &left, err) : st;
}

/* Judge a region that was fitted, against values of each user; where it loses in the first heat
 * already, it is left at 0. */
static enum pz_status race(struct pz_search *s, size_t p, const double *each, struct pz_err *err)
{
    uint32_t n = s->v->n_users, rung = rung_of(s);
    enum pz_status st = PZ_OK;

    s->in_heat = rung < n;
    if (s->in_heat)
        st = settle_in(s, p, err);
    s->in_heat = false;
    if (st == PZ_OK && (rung == n || pz_search_gain(s->each, each, rung) > REGION_LOST))
        return settle_in(s, p, err);
    memset(s->each, 0, n * sizeof *s->each);
    return st;
}

/* Try settings of another region: they may move their read-outs before they are compared. */
static enum pz_status try_region(struct pz_search *s, size_t p, const struct pz_choice *there,
                                 struct pz_err *err)
{
    struct pz_choice *c = &s->choice[p], kept = *c;
    struct pz_part old = s->part[p];
    /* A region has its own read-outs for nothing: without them it would be compared at the values
     * of the old one. */
    uint32_t n = s->v->n_users;
    double *each = malloc(n * sizeof *each), mean = s->mean;
    bool inert[PZ_MAX_SETTINGS];
    enum pz_status st = each ? PZ_OK : pz_err_memory(err, "a trial", 8.0 * n);

    if (st == PZ_OK) {
        memcpy(each, s->each, n * sizeof *each);
        *c = *there;
        reset_read_outs(c);
        st = fit(s, p, &s->part[p].part, err);
    }
    memcpy(inert, s->inert[p], sizeof inert);
    memset(s->inert[p], 0, sizeof inert);
    if (st == PZ_OK)
        st = race(s, p, each, err);
    if (st == PZ_OK && pz_search_gain(s->each, each, n) > sure_of_region(s)) {
        c->scorer->free(old.part);
    } else if (each) {
        if (s->part[p].part != old.part)
            c->scorer->free(s->part[p].part);
        s->part[p] = old;
        *c = kept;
        s->mean = mean;
        memcpy(s->each, each, n * sizeof *each);
        memcpy(s->inert[p], inert, sizeof inert);
    }
    free(each);
    return st;
}

/* Turn the switches, and go where the scorer says that another start may lead further. */
static enum pz_status try_regions(struct pz_search *s, size_t p, uint32_t *left, struct pz_err *err)
{
    const struct pz_choice *c = &s->choice[p];
    struct pz_choice there;
    enum pz_status st = PZ_OK;

    for (size_t k = 0; k < c->scorer->n_settings && st == PZ_OK; k++)
        if (pz_choice_is_region(c, k) && *left > 0 && !pz_search_out_of_time(s)) {
            --*left;
            there = *c;
            pz_choice_turn(&there, k);
            st = try_region(s, p, &there, err);
        }
    there = *c;
    if (st == PZ_OK && c->scorer->elsewhere && *left > 0 && !pz_search_out_of_time(s) &&
        c->scorer->elsewhere(&there)) {
        --*left;
        st = try_region(s, p, &there, err);
    }
    return st;
}

/* A search that is not the first looks first in other regions: half of what is searched by fits,
 * anywhere in its range, is what a search along one setting at a time from the defaults cannot
 * reach. */
static enum pz_status jump(struct pz_search *s, size_t p, struct pz_err *err)
{
    struct pz_rng rng;
    enum pz_status st = PZ_OK;

    pz_rng_init(&rng, s->cfg->seed, (uint64_t)s->cfg->search * PZ_MAX_PARTS + p);
    for (int j = 0; j < JUMPS && st == PZ_OK && !pz_search_out_of_time(s); j++) {
        struct pz_choice there = s->choice[p];
        bool moves = false;

        for (size_t k = 0; k < there.scorer->n_settings; k++) {
            const struct pz_setting *set = &there.scorer->settings[k];
            double share = pz_rng_unit(&rng);

            if (!searched(&there, k) || set->read_out || set->effort || set->scanned ||
                pz_rng_unit(&rng) < 0.5)
                continue;
            there.value[k] = there.low[k];
            there.value[k] = pz_choice_moved(&there, k, share);
            moves = true;
        }
        if (moves)
            st = try_region(s, p, &there, err);
    }
    return st;
}

/* Try a setting all over its range. */
static enum pz_status scan(struct pz_search *s, size_t p, size_t k, struct pz_err *err)
{
    const struct pz_choice *c = &s->choice[p];
    double low = c->low[k], high = c->high[k];
    enum pz_status st = PZ_OK;
    bool won;

    for (double step = 0; step < PZ_SCAN_STEPS && st == PZ_OK; step++)
        if (!pz_search_out_of_time(s))
            st = try_value(s, p, k, low * pow(high / low, step / (PZ_SCAN_STEPS - 1)), SCAN, &won,
                           err);
    return st;
}

enum pz_status pz_search_begin(struct pz_search *s, size_t p, struct pz_err *err)
{
    size_t effort = s->cfg->fit_limit_s > 0 ? SIZE_MAX : pz_search_effort(&s->choice[p]);
    const struct pz_choice *c = &s->choice[p];
    enum pz_status st = PZ_OK;
    bool won;

    s->part[p].scorer = c->scorer;
    s->part[p].cold_weight = c->cold_weight;
    s->part[p].trend = c->scorer->presence ? NULL : &s->now;
    s->part[p].weight = c->weight_fixed || p == 0 ? c->weight : 0;
    if (effort != SIZE_MAX)
        return pz_search_stages(s, p, effort, err);
    st = fit(s, p, &s->part[p].part, err);
    s->reached[p] = pz_search_finishes(s, p) ? c->value[pz_choice_effort(c, 0)] : 0;
    if (st == PZ_OK)
        st = judge_trial(s, p, NEW, &won, err);
    for (size_t k = 0; k < c->scorer->n_settings && st == PZ_OK; k++)
        if (c->scorer->settings[k].scanned && searched(c, k))
            st = scan(s, p, k, err);
    return st;
}

/* How many moves of read-outs a share of the search may take, where all of it would take so many of
 * each. */
static uint32_t moves_of(const struct pz_search *s, size_t p, double of_each)
{
    const struct pz_choice *c = &s->choice[p];
    double n = 0;

    for (size_t k = 0; k < c->scorer->n_settings; k++)
        n += searched(c, k) && c->scorer->settings[k].read_out;
    return s->share[p] >= 1 ? UINT32_MAX : (uint32_t)ceil(s->share[p] * of_each * n);
}

enum pz_status pz_search_part(struct pz_search *s, size_t p, uint32_t n_fits, struct pz_err *err)
{
    uint32_t left = s->share[p] < 1 ? (uint32_t)(s->share[p] * n_fits) : n_fits,
             free_moves = moves_of(s, p, n_fits == 0 ? 2 : 6);
    enum pz_status st;

    if (n_fits == 0)
        return pass(s, p, true, 0.12, &free_moves, err);
    st = pass(s, p, true, 0.25, &free_moves, err);
    if (st == PZ_OK && s->cfg->search > 1)
        st = jump(s, p, err);
    if (st == PZ_OK)
        st = try_regions(s, p, &left, err);
    for (double step = 0.25; step > 0.1 && st == PZ_OK && left > 0; step /= 2) {
        st = pass(s, p, false, step, &left, err);
        if (st == PZ_OK)
            st = pass(s, p, true, step / 2, &free_moves, err);
    }
    return st;
}

enum pz_status pz_search_weight(struct pz_search *s, size_t p, double unit, struct pz_err *err)
{
    static const double fresh[PZ_WEIGHTS] = { 0, 0.1, 0.3, 1, 3, 10, 30, 100 };
    double w[PZ_WEIGHTS] = { s->part[p].weight };
    size_t n_w = s->choice[p].weight_fixed ? 1 : PZ_WEIGHTS, row;
    uint32_t all = s->v->n_users;
    enum pz_status st;

    for (size_t i = 0; n_w > 1 && i < n_w; i++)
        w[i] = unit * fresh[i];
    st = pz_valid_judge(s->v, s->part, s->n_parts, p, w, n_w, 0, all, s->trial, err);
    if (st != PZ_OK)
        return st;
    row = best_row(s, p, n_w, all, SURE);
    adopt(s, p, w[row], row);
    pz_search_note(s, &s->choice[p], w[row], s->mean, all, row > 0);
    return PZ_OK;
}

enum pz_status pz_search_setting(struct pz_search *s, size_t p, size_t k, struct pz_err *err)
{
    struct pz_choice *c = &s->choice[p];
    bool fixed = c->weight_fixed, won = false;
    uint32_t left = UINT32_MAX;
    enum pz_status st;

    c->weight_fixed = true;
    memset(s->each, 0,
           s->v->n_users * sizeof *s->each); /* whatever it is worth is better than nothing */
    st = judge_trial(s, p, MOVE, &won, err);
    for (double step = 0.25; step > 0.1 && st == PZ_OK; step /= 2) {
        won = false;
        st = follow(s, p, k, step, &left, &won, err);
        if (st == PZ_OK && !won)
            st = follow(s, p, k, -step, &left, &won, err);
    }
    c->weight_fixed = fixed;
    return st;
}
