/* SPDX-License-Identifier: Apache-2.0 */
/* The list of scorers and questions about their settings: see scorer.h.
 *
 * The order of the list is that of the parts in a blend, of tuning and of manifests: the first
 * part's weight stays 1 and others are found beside those before them, and the fallback comes
 * last. Nothing else in the program names a scorer. A setting is held by its place in the scorer's
 * table; files hold the values in that order, and pz_scorer_check looks at each before it is used
 * (NaN is refused). */
#include "model/scorer.h"

#include <string.h>

#include "base/str.h"
#include "model/costs.h"
#include "model/parts.h"

const struct pz_scorer *const pz_scorers[] = {
    &pz_transitions, &pz_factors, &pz_spectral, &pz_sessions,   &pz_content,
    &pz_sequence,    &pz_habits,  &pz_recent,   &pz_popularity, NULL
};

const struct pz_scorer *pz_scorer_find(const char *name)
{
    for (size_t i = 0; pz_scorers[i]; i++)
        if (strcmp(pz_scorers[i]->name, name) == 0)
            return pz_scorers[i];
    return NULL;
}

size_t pz_scorer_setting(const struct pz_scorer *s, const char *name)
{
    for (size_t i = 0; i < s->n_settings; i++)
        if (strcmp(s->settings[i].name, name) == 0)
            return i;
    return SIZE_MAX;
}

enum pz_status pz_scorer_cost(const struct pz_scorer *s, const struct pz_corpus *corpus,
                              const double *value, struct pz_fit_cost *out, struct pz_err *err)
{
    double n = (double)corpus->ptr[corpus->n_users];
    enum pz_status st = PZ_OK;
    size_t place = 0;

    while (pz_scorers[place] != s)
        place++;
    *out = (struct pz_fit_cost){ .kept = 8.0 * corpus->n_items };
    if (s->cost)
        st = s->cost(corpus, value, out, err);
    else
        out->term[0] = n;
    for (size_t k = 0; k < PZ_COST_TERMS; k++)
        out->work_ns += out->term[k] * pz_cost_ns[place][k];
    return st;
}

enum pz_status pz_scorer_check(const struct pz_scorer *s, const double *set, struct pz_err *err)
{
    for (size_t i = 0; i < s->n_settings; i++)
        if (!(set[i] >= s->settings[i].min && set[i] <= s->settings[i].max))
            return pz_err_set(err, PZ_BAD_DATA, "%s: the setting %s is damaged", s->name,
                              s->settings[i].name);
    return PZ_OK;
}

void pz_scorer_defaults(const struct pz_scorer *s, double *value)
{
    for (size_t i = 0; i < s->n_settings; i++)
        value[i] = s->settings[i].def;
}

void pz_choice_init(struct pz_choice *c, const struct pz_scorer *s)
{
    *c = (struct pz_choice){ .scorer = s };
    for (size_t i = 0; i < s->n_settings; i++) {
        c->value[i] = s->settings[i].def;
        c->low[i] = s->settings[i].low;
        c->high[i] = s->settings[i].high;
    }
}

void pz_choice_fix(struct pz_choice *c, size_t setting, double value)
{
    c->value[setting] = c->low[setting] = c->high[setting] = value;
}

void pz_choice_fix_all(struct pz_choice *c)
{
    for (size_t k = 0; k < c->scorer->n_settings; k++)
        pz_choice_fix(c, k, c->value[k]);
}
