/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters as users write them: "factors.dim=64" fixes a setting, "factors.dim=32..128" is a
 * range to search, "weight.content=0.2" fixes a weight, "sequence=on" switches a part. They are
 * checked in two steps, each before anything costs time:
 *
 *   1. pz_params_check, without looking at the data: is there such a part, such a setting, is the
 *      value allowed
 *   2. pz_params_apply, once the parts are chosen: is the part among them
 *
 * so that a wrong value is never reported as an unknown name. Amazon's hyperparameters are known by
 * name and answered with what they are called here. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "train/training.h"

/* Hyperparameters of Amazon Personalize's recipes, without the prefix of their group. */
static const struct {
    const char *name, *here;
} amazon[] = {
    { "hidden_dimension", "the length of vectors is sequence.dim and factors.dim" },
    { "bptt", "how many events of a history are read is sequence.window" },
    { "recency_mask",
      "how much the newest events count is transitions.recency and factors.recency; "
      "0 takes recency away" },
    { "min_user_history_length_percentile",
      "pz learns from every user, however short the history" },
    { "max_user_history_length_percentile", "a long history is damped by transitions.user_norm" },
    { "min_cointeraction_count", "few joint events are damped by transitions.lambda" },
    { "popularity_discount_factor",
      "how much popularity is divided out is transitions.target_norm" },
    { "min_item_interaction_count_percentile", "rare items are damped by transitions.lambda" },
    { "max_item_interaction_count_percentile", "popular items are damped by "
                                               "transitions.target_norm" },
    { "exploration_weight", "exploration is set where answers are given: pz-deploy set, or "
                            "pz-recommend --exploration-weight" },
    { "exploration_item_age_cut_off",
      "exploration is set where answers are given: pz-deploy set, or "
      "pz-recommend --exploration-age" },
    { "trend_discovery_frequency", "the length of a trend window is popularity.window, in hours" },
};

/* One parameter taken apart; the parts are not ended by NUL. */
struct param {
    const char *text, *dot, *value; /* dot: NULL for a switch; value: after "=" */
    size_t n_before, n_after;       /* bytes before the dot (or "="), and between the two */
};

static bool split(const char *text, struct param *p)
{
    const char *equals = strchr(text, '='), *dot = strchr(text, '.');

    if (!equals)
        return false;
    dot = dot && dot < equals ? dot : NULL;
    *p = (struct param){ .text = text,
                         .dot = dot,
                         .value = equals + 1,
                         .n_before = (size_t)((dot ? dot : equals) - text),
                         .n_after = dot ? (size_t)(equals - dot - 1) : 0 };
    return true;
}

static bool is_word(const char *word, const char *text, size_t n)
{
    return strlen(word) == n && strncmp(word, text, n) == 0;
}

/* on, off or auto, in any case; NULL: none of them. */
static const char *switch_value(const char *text)
{
    static const char *const values[] = { "on", "off", "auto" };

    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (strcasecmp(text, values[i]) == 0)
            return values[i];
    return NULL;
}

const char *pz_params_asked(const struct pz_train_cfg *cfg, const struct pz_scorer *s)
{
    struct param p;

    for (size_t i = cfg->n_params; i-- > 0;)
        if (split(cfg->params[i], &p) && !p.dot && is_word(s->name, p.text, p.n_before))
            return switch_value(p.value);
    return NULL;
}

/* What may stand before the dot: a scorer, or what is like one. */
static const struct pz_scorer *find_scorer(const char *name, size_t n)
{
    for (size_t i = 0; pz_scorers[i]; i++)
        if (is_word(pz_scorers[i]->name, name, n))
            return pz_scorers[i];
    return is_word(pz_trend_choice.name, name, n) ? &pz_trend_choice : NULL;
}

static size_t find_setting(const struct pz_scorer *s, const struct param *p)
{
    for (size_t k = 0; k < s->n_settings; k++)
        if (is_word(s->settings[k].name, p->dot + 1, p->n_after))
            return k;
    return SIZE_MAX;
}

/* No such name: the nearest one, or what Amazon's is called here. */
static enum pz_status unknown(const struct param *p, struct pz_err *err)
{
    char name[256][48], word[64];
    const char *names[256], *last = p->dot ? p->dot + 1 : p->text;
    size_t n = 0;

    for (size_t i = 0; i < sizeof amazon / sizeof *amazon; i++)
        if (is_word(amazon[i].name, last, p->dot ? p->n_after : p->n_before))
            return pz_err_set(err, PZ_USAGE, "-p %s: a parameter of Amazon Personalize; here %s",
                              p->text, amazon[i].here);
    for (size_t i = 0; pz_scorers[i]; i++)
        for (size_t k = 0; k <= pz_scorers[i]->n_settings && n < 256; k++, n++) {
            if (k < pz_scorers[i]->n_settings)
                snprintf(name[n], sizeof name[n], "%.20s.%.24s", pz_scorers[i]->name,
                         pz_scorers[i]->settings[k].name);
            else
                snprintf(name[n], sizeof name[n], "%.20s", pz_scorers[i]->name);
            names[n] = name[n];
        }
    snprintf(word, sizeof word, "%.*s", (int)strcspn(p->text, "="), p->text);
    return pz_err_set(err, PZ_USAGE, "-p %s: there is no such %s%s", p->text,
                      p->dot ? "setting" : "part", pz_str_hint("", word, names, n).text);
}

/* The numbers of "0.5" or "0.2..0.8". */
static enum pz_status read_range(const struct pz_setting *s, const struct param *p, double *low,
                                 double *high, struct pz_err *err)
{
    const char *dots = strstr(p->value, "..");
    bool ok = pz_str_to_double(p->value, dots ? (size_t)(dots - p->value) : strlen(p->value), low);

    *high = *low;
    if (ok && dots)
        ok = pz_str_to_double(dots + 2, strlen(dots + 2), high) && *high >= *low;
    if (!ok || *low < s->min || *high > s->max ||
        (s->whole && (*low != floor(*low) || *high != floor(*high))))
        return pz_err_set(err, PZ_USAGE, "-p %s: a %snumber from %g to %g is needed, or LOW..HIGH",
                          p->text, s->whole ? "whole " : "", s->min, s->max);
    return PZ_OK;
}

static enum pz_status read_weight(const struct param *p, double *weight, struct pz_err *err)
{
    if (!pz_str_to_double(p->value, strlen(p->value), weight) || *weight < 0)
        return pz_err_set(err, PZ_USAGE, "-p %s: a number from 0 on is needed", p->text);
    return PZ_OK;
}

static bool is_weight(const struct param *p)
{
    return p->dot && is_word("weight", p->text, p->n_before);
}

static enum pz_status check_switch(const struct param *p, struct pz_err *err)
{
    const struct pz_scorer *s = find_scorer(p->text, p->n_before);

    if (!s || s == &pz_trend_choice)
        return unknown(p, err);
    if (!switch_value(p->value))
        return pz_err_set(err, PZ_USAGE, "-p %s: on, off or auto is needed", p->text);
    if (s->is_fallback && strcmp(switch_value(p->value), "off") == 0)
        return pz_err_set(err, PZ_USAGE,
                          "-p %s: every recipe falls back on %s; weight.%s=0 keeps it out of the "
                          "blend",
                          p->text, s->name, s->name);
    return PZ_OK;
}

static enum pz_status check(const struct param *p, struct pz_err *err)
{
    const struct pz_scorer *s = is_weight(p) ? find_scorer(p->dot + 1, p->n_after)
                                             : find_scorer(p->text, p->n_before);
    size_t k = s && p->dot && !is_weight(p) ? find_setting(s, p) : SIZE_MAX;
    double low, high;

    if (!p->dot)
        return check_switch(p, err);
    if (s && is_weight(p))
        return read_weight(p, &low, err);
    return k == SIZE_MAX ? unknown(p, err) : read_range(&s->settings[k], p, &low, &high, err);
}

enum pz_status pz_params_check(const struct pz_train_cfg *cfg, struct pz_err *err)
{
    enum pz_status st = PZ_OK;
    struct param p;

    for (size_t i = 0; i < cfg->n_params && st == PZ_OK; i++)
        st = split(cfg->params[i], &p)
                 ? check(&p, err)
                 : pz_err_set(err, PZ_USAGE, "-p %s: NAME=VALUE is needed", cfg->params[i]);
    return st;
}

static enum pz_status apply_to(struct pz_choice *c, const struct param *p, struct pz_err *err)
{
    size_t k;
    enum pz_status st;

    if (is_weight(p)) {
        c->weight_fixed = true;
        c->cold_weight = 0;
        return read_weight(p, &c->weight, err);
    }
    k = find_setting(c->scorer, p);
    st = read_range(&c->scorer->settings[k], p, &c->low[k], &c->high[k], err);
    c->value[k] = fmin(fmax(c->value[k], c->low[k]), c->high[k]);
    return st;
}

/* Of a part that does not take part: what the parameter sets is nothing. */
static enum pz_status left_out(const struct pz_training *t, const struct param *p,
                               struct pz_err *err)
{
    const struct pz_scorer *s = is_weight(p) ? find_scorer(p->dot + 1, p->n_after)
                                             : find_scorer(p->text, p->n_before);
    const char *how = pz_params_asked(t->cfg, s);

    return pz_err_set(err, PZ_USAGE, "-p %s: %s is not learned here: %s", p->text, s->name,
                      how && strcmp(how, "off") == 0 ? "it is switched off"
                      : !pz_recipe_has(t->cfg->recipe, s)
                          ? "it is no part of this recipe"
                          : "these data have nothing for it to learn from");
}

enum pz_status pz_params_apply(struct pz_training *t, struct pz_err *err)
{
    enum pz_status st = PZ_OK;
    struct param p;

    for (size_t i = 0; i < t->cfg->n_params && st == PZ_OK; i++) {
        struct pz_choice *c = NULL;
        const char *name;
        size_t n;

        split(t->cfg->params[i], &p);
        if (!p.dot)
            continue;
        name = is_weight(&p) ? p.dot + 1 : p.text;
        n = is_weight(&p) ? p.n_after : p.n_before;
        for (size_t k = 0; k < t->n; k++)
            c = is_word(t->choice[k].scorer->name, name, n) ? &t->choice[k] : c;
        if (!is_weight(&p) && is_word(t->trend.scorer->name, name, n))
            c = &t->trend;
        st = c ? apply_to(c, &p, err) : left_out(t, &p, err);
    }
    return st;
}
