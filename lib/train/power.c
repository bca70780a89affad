/* SPDX-License-Identifier: Apache-2.0 */
/* How much the weights of event types say: see power.h. A person who weighs a purchase 1 and a view
 * .2 says what they want, not how much a view tells of that; by the default power of 1/8 the view
 * acts with .82. Where tuning is asked for the data decide:
 *
 *   1. validation cases as tuning has them, whose truths are worth their weights as they were given
 *   2. transitions by default, alone, learn and answer with each power
 *   3. another power than the default is taken when its lists gain SURE standard errors; the best
 *      of them
 *
 * The powers are far apart: what lies between differs by less than chance. */
#include "train/power.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "data/shares.h"
#include "train/tune.h"

static const double powers[] = { PZ_EVENT_POWER, 1.0 / 32, 0.35, 1 };
enum { N_POWERS = sizeof powers / sizeof *powers };
static const double SURE = 2;

static bool weights_differ(const struct pz_corpus *c)
{
    struct {
        float low, high;
    } of = { INFINITY, -INFINITY };

    pz_shares_turn(c, &of, sizeof of);
    for (uint64_t p = 0; p < c->ptr[c->n_users]; p++) {
        of.low = fminf(of.low, c->weight[p]);
        of.high = fmaxf(of.high, c->weight[p]);
    }
    pz_shares_pass(c, &of, sizeof of);
    return of.low < of.high;
}

/* The values of users when weights act by this power. */
static enum pz_status judge(struct pz_valid *v, const struct pz_train_cfg *cfg, double power,
                            double *each, struct pz_err *err)
{
    v->train.event_power = power;
    return pz_valid_judge_core(v, cfg->seed, each, err);
}

static enum pz_status try_all(struct pz_valid *v, const struct pz_train_cfg *cfg, double *power,
                              struct pz_err *err)
{
    uint32_t n = v->n_users;
    double *usual = pz_mem_array(n, sizeof *usual), *each = pz_mem_array(n, sizeof *each), best;
    enum pz_status st = usual && each ? PZ_OK : pz_err_memory(err, "powers of weights", 16.0 * n);

    if (st == PZ_OK)
        st = judge(v, cfg, powers[0], usual, err);
    best = st == PZ_OK ? pz_search_mean(usual, n) : 0;
    for (size_t i = 1; i < N_POWERS && st == PZ_OK; i++) {
        st = judge(v, cfg, powers[i], each, err);
        if (st != PZ_OK)
            break;
        pz_log(cfg->log, PZ_LOG_DEBUG, "event weights by power %.3g: %.4f, by %.3g %.4f", powers[i],
               pz_search_mean(each, n), powers[0], pz_search_mean(usual, n));
        if (pz_search_mean(each, n) > best && pz_search_gain(each, usual, n) > SURE) {
            best = pz_search_mean(each, n);
            *power = powers[i];
        }
    }
    free(usual);
    free(each);
    return st;
}

/* What the weights act with, as all that a person sees of the power. */
static void tell(const struct pz_train_cfg *cfg, double power)
{
    struct pz_str text = { 0 };
    double largest = 0;

    for (size_t i = 0; i < cfg->n_rules; i++)
        largest = cfg->rules[i].weight > largest ? cfg->rules[i].weight : largest;
    for (size_t i = 0; i < cfg->n_rules; i++)
        pz_str_addf(&text, "%s%s %.2g", i ? ", " : "", cfg->rules[i].type,
                    (double)pz_weight_damp((float)(cfg->rules[i].weight / largest), power));
    if (!text.failed && text.len > 0)
        pz_log(cfg->log, PZ_LOG_NOTE, "event weights act as %s (--event-power %.3g)", text.data,
               power > 0 ? power : PZ_EVENT_POWER);
    pz_str_clear(&text);
}

enum pz_status pz_power_choose(const struct pz_corpus *c, const struct pz_train_cfg *cfg,
                               double *power, struct pz_err *err)
{
    struct pz_valid v = { .metric = cfg->metric, .tune_for = cfg->tune_for };
    enum pz_status st = PZ_OK;

    *power = cfg->event_power;
    if (!weights_differ(c))
        return PZ_OK;
    if (cfg->event_power <= 0 && cfg->n_trials > 0 && !cfg->recipe->fallback_only) {
        st = pz_valid_cut(c, cfg->recipe->task, cfg->recipe->exclude_seen, pz_tune_users(c),
                          cfg->seed, &v, err);
        if (st == PZ_OK && v.n_users > 0)
            st = try_all(&v, cfg, power, err);
        pz_valid_clear(&v);
    }
    if (st == PZ_OK)
        tell(cfg, *power);
    return st;
}
