/* SPDX-License-Identifier: Apache-2.0 */
/* Rules from text: see rules.h. One parser a rule, each for the form that its option has; a text
 * that does not fit is answered with the form that was expected.
 *
 * Texts are copied into the arena, since settings and requests may go before the rules do. Lists
 * of rules grow while they are filled; struct pz_rules is pointed at them after every addition.
 * Values of promotions are bound last, when all promotions are known. */
#include "answer/rules.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "base/time.h"

void pz_ruleset_clear(struct pz_ruleset *s)
{
    for (size_t i = 0; i < s->n_values; i++)
        pz_filter_values_free(s->values[i]);
    free(s->values);
    free(s->boost);
    pz_arena_clear(&s->arena);
    free(s->context);
    free(s->seen_type);
    free(s->cap);
    free(s->promotion);
    memset(s, 0, sizeof *s);
}

static enum pz_status no_memory(struct pz_err *err)
{
    return pz_err_memory(err, "rules", 1e4);
}

/* Copy the n bytes; NULL when memory is out. */
static char *copy(struct pz_ruleset *s, const char *text, size_t n)
{
    return pz_arena_strndup(&s->arena, text, n);
}

/* The number that text begins with, up to `end` (NULL: all of it), within [low, high]. */
static bool number(const char *text, const char *end, double low, double high, double *x)
{
    size_t n = end ? (size_t)(end - text) : strlen(text);

    return pz_str_to_double(text, n, x) && *x >= low && *x <= high;
}

enum pz_status pz_ruleset_seen(struct pz_ruleset *s, const char *text, struct pz_err *err)
{
    static const char *const names[] = { "default", "exclude", "keep", "only", "auto" };

    for (int i = 0; i < 5; i++)
        if (strcmp(text, names[i]) == 0) {
            s->rules.seen = (enum pz_seen)i;
            return PZ_OK;
        }
    return pz_err_set(err, PZ_USAGE,
                      "the seen rule is exclude, keep, only, auto or default, not \"%s\"", text);
}

enum pz_status pz_ruleset_types(struct pz_ruleset *s, const char *text, struct pz_err *err)
{
    while (*text) {
        size_t n = strcspn(text, ",");
        char *type = copy(s, text, n);

        if (!type || !pz_mem_grow(&s->seen_type, &s->cap_types, s->rules.n_seen_types + 1,
                                  sizeof *s->seen_type))
            return no_memory(err);
        if (n > 0)
            s->seen_type[s->rules.n_seen_types++] = type;
        s->rules.seen_type = s->seen_type;
        text += n + (text[n] == ',');
    }
    return PZ_OK;
}

enum pz_status pz_ruleset_age(struct pz_ruleset *s, const char *text, struct pz_err *err)
{
    if (!pz_time_duration(text, &s->rules.seen_age_s) || s->rules.seen_age_s <= 0)
        return pz_err_set(err, PZ_USAGE, "an age is written 30d, 12h or 90m, not \"%s\"", text);
    return PZ_OK;
}

enum pz_status pz_ruleset_cap(struct pz_ruleset *s, const char *text, struct pz_err *err)
{
    const char *is = strchr(text, '=');
    char *column = is ? copy(s, text, (size_t)(is - text)) : NULL;
    double most;

    if (!is || is == text || !number(is + 1, NULL, 1, 1e6, &most))
        return pz_err_set(err, PZ_USAGE, "a cap is written COLUMN=N with N from 1, not \"%s\"",
                          text);
    if (!column || !pz_mem_grow(&s->cap, &s->cap_caps, s->rules.n_caps + 1, sizeof *s->cap))
        return no_memory(err);
    s->cap[s->rules.n_caps++] = (struct pz_cap){ column, (uint32_t)most };
    s->rules.cap = s->cap;
    return PZ_OK;
}

enum pz_status pz_ruleset_diversity(struct pz_ruleset *s, const char *text, struct pz_err *err)
{
    const char *colon = strchr(text, ':');
    char *column = colon ? copy(s, colon + 1, strlen(colon + 1)) : NULL;

    if (!number(text, colon, 0, 1, &s->rules.diversity) || (colon && !colon[1]))
        return pz_err_set(
            err, PZ_USAGE,
            "diversity is written LAMBDA or LAMBDA:COLUMN with LAMBDA from 0 to 1, not \"%s\"",
            text);
    s->rules.diversity_column = column;
    return colon && !column ? no_memory(err) : PZ_OK;
}

enum pz_status pz_ruleset_rotation(struct pz_ruleset *s, const char *text, struct pz_err *err)
{
    const char *colon = strchr(text, ':');

    if (!number(text, colon, 0, 1, &s->rules.rotation) ||
        (colon && (!pz_time_duration(colon + 1, &s->rules.rotation_half_life_s) ||
                   s->rules.rotation_half_life_s <= 0)))
        return pz_err_set(err, PZ_USAGE,
                          "rotation is written RATE or RATE:HALFLIFE, as 0.5:12h, with RATE from 0 "
                          "to 1, not \"%s\"",
                          text);
    return PZ_OK;
}

enum pz_status pz_ruleset_objective(struct pz_ruleset *s, const char *text, struct pz_err *err)
{
    static const struct {
        const char *name;
        double power;
    } levels[] = { { "off", 0 }, { "low", 1.0 / 3 }, { "medium", 1 }, { "high", 3 } };
    const char *is = strchr(text, '=');
    char *column;

    if (strncasecmp(text, "items.", 6) == 0)
        text += 6;
    column = is ? copy(s, text, (size_t)(is - text)) : NULL;
    for (size_t i = 0; is && is > text && i < sizeof levels / sizeof *levels; i++)
        if (strcmp(is + 1, levels[i].name) == 0) {
            s->rules.objective = column;
            s->rules.objective_power = levels[i].power;
            return column ? PZ_OK : no_memory(err);
        }
    return pz_err_set(err, PZ_USAGE,
                      "an objective is written COLUMN=low|medium|high|off, not \"%s\"", text);
}

/* NAME:PERCENT, and *filter what follows; false: malformed. */
static bool read_promotion(struct pz_ruleset *s, const char *text, struct pz_promotion *p,
                           const char **filter)
{
    const char *colon = strchr(text, ':'), *second = colon ? strchr(colon + 1, ':') : NULL;

    *filter = second ? second + 1 : NULL;
    p->name = colon ? copy(s, text, (size_t)(colon - text)) : NULL;
    return colon && colon > text && number(colon + 1, second, 0, 100, &p->percent) &&
           p->percent > 0 && !(second && !second[1]);
}

enum pz_status pz_ruleset_promotion(struct pz_ruleset *s, const char *text, struct pz_err *err)
{
    struct pz_promotion p = { 0 };
    const char *filter;
    double sum = 0;
    enum pz_status st;

    if (!read_promotion(s, text, &p, &filter))
        return pz_err_set(err, PZ_USAGE,
                          "a promotion is written NAME:PERCENT or NAME:PERCENT:FILTER, not \"%s\"",
                          text);
    for (size_t i = 0; i < s->rules.n_promotions; i++)
        sum += s->promotion[i].percent;
    /* Over all promotions: each takes its share of the same places. */
    if (sum + p.percent > 100)
        return pz_err_set(err, PZ_USAGE, "promotions take %g %% of the places", sum + p.percent);
    if (!p.name ||
        !pz_mem_grow(&s->promotion, &s->cap_promotions, s->rules.n_promotions + 1, sizeof p))
        return no_memory(err);
    st = filter ? s->compile(s->compile_context, filter, &p.filter, err) : PZ_OK;
    if (st == PZ_OK)
        s->promotion[s->rules.n_promotions++] = p;
    s->rules.promotion = s->promotion;
    return st;
}

/* Bind the values meant for one promotion. */
static enum pz_status bind_one(struct pz_ruleset *s, struct pz_promotion *p,
                               const char *const *text, size_t n, struct pz_err *err)
{
    struct pz_filter_args args = { 0 };
    struct pz_filter_values *values = NULL;
    size_t len = strlen(p->name);
    enum pz_status st = PZ_OK;

    for (size_t i = 0; i < n && st == PZ_OK; i++)
        if (strncmp(text[i], p->name, len) == 0 && text[i][len] == ':')
            st = pz_filter_args_add(&args, text[i] + len + 1, err);
    if (st == PZ_OK && !pz_mem_grow(&s->values, &s->cap_values, s->n_values + 1, sizeof *s->values))
        st = no_memory(err);
    if (st == PZ_OK)
        st = pz_filter_bind(p->filter, &args, &values, err);
    if (st == PZ_OK)
        s->values[s->n_values++] = values;
    p->values = values;
    pz_filter_args_clear(&args);
    return st;
}

/* Whether some promotion has the name in front of the colon. */
static bool names_promotion(const struct pz_ruleset *s, const char *text)
{
    size_t n = strcspn(text, ":");

    for (size_t i = 0; i < s->rules.n_promotions; i++)
        if (text[n] && s->promotion[i].filter && strlen(s->promotion[i].name) == n &&
            strncmp(text, s->promotion[i].name, n) == 0)
            return true;
    return false;
}

enum pz_status pz_ruleset_bind(struct pz_ruleset *s, const char *const *text, size_t n,
                               struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (size_t i = 0; i < n; i++)
        if (!names_promotion(s, text[i]))
            return pz_err_set(err, PZ_USAGE,
                              "a promotion's values are written NAME:PARAM=LIST, with the NAME of "
                              "a promotion that has a filter, not \"%s\"",
                              text[i]);
    for (size_t i = 0; i < s->rules.n_promotions && st == PZ_OK; i++)
        if (s->promotion[i].filter)
            st = bind_one(s, &s->promotion[i], text, n, err);
    return st;
}

/* A condition becomes a filter; what has blanks and begins with INCLUDE or EXCLUDE, and a name, is
 * one. Items.SALE is a condition: no name has a dot. */
static enum pz_status compile_boost(struct pz_ruleset *s, const char *text,
                                    const struct pz_filter **out, struct pz_err *err)
{
    bool whole = strncasecmp(text, "include ", 8) == 0 || strncasecmp(text, "exclude ", 8) == 0 ||
                 !strpbrk(text, " .<>=(");
    struct pz_str filter = { 0 };
    enum pz_status st;

    pz_str_addf(&filter, "%s%s", whole ? "" : "INCLUDE ItemID WHERE ", text);
    st = filter.failed ? no_memory(err) : s->compile(s->compile_context, filter.data, out, err);
    pz_str_clear(&filter);
    return st;
}

enum pz_status pz_ruleset_boost(struct pz_ruleset *s, const char *text, struct pz_err *err)
{
    /* The last colon: a condition may hold others, in texts and times. */
    const char *colon = strrchr(text, ':'), *x = colon ? colon + 1 + strspn(colon + 1, " ") : NULL;
    char *condition = colon ? copy(s, text, (size_t)(colon - text)) : NULL;
    struct pz_boost boost = { .text = condition };
    enum pz_status st;

    if (!colon || colon == text || !number(x, NULL, 0, 1e6, &boost.factor))
        return pz_err_set(
            err, PZ_USAGE,
            "a boost is written CONDITION: FACTOR, as Items.PRICE > 10: 1.2, not \"%s\"", text);
    if (!condition || !pz_mem_grow(&s->boost, &s->cap_boosts, s->rules.n_boosts + 1, sizeof boost))
        return no_memory(err);
    st = compile_boost(s, condition, &boost.filter, err);
    if (st == PZ_OK)
        s->boost[s->rules.n_boosts++] = boost;
    s->rules.boost = s->boost;
    return st;
}

enum pz_status pz_ruleset_context(struct pz_ruleset *s, const char *text, struct pz_err *err)
{
    const char *is = strchr(text, '=');
    char *key = is ? copy(s, text, (size_t)(is - text)) : NULL;
    char *value = is ? copy(s, is + 1, strlen(is + 1)) : NULL;

    if (!is || is == text)
        return pz_err_set(err, PZ_USAGE, "context is written KEY=VALUE, not \"%s\"", text);
    if (!key || !value ||
        !pz_mem_grow(&s->context, &s->cap_context, s->n_context + 1, sizeof *s->context))
        return no_memory(err);
    s->context[s->n_context++] = (struct pz_context){ key, value };
    return PZ_OK;
}
