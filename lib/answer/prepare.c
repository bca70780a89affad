/* SPDX-License-Identifier: Apache-2.0 */
/* Preparing: what many questions share, merged once. Each value is the option's if given, else
 * the campaign's setting of that name, else the default of pz_ask_defaults; each text goes
 * through the parser of its rule (rules.h), so that a command line, a batch and a request over
 * the network cannot differ in what they accept.
 *
 * Filters come from the snapshot's cache and are bound here. What is prepared does not change
 * afterwards, and holds a reference to its snapshot, so that any number of threads may ask it. */
#include <stdlib.h>
#include <string.h>

#include "answer/prepared.h"
#include "base/rng.h"
#include "base/time.h"
#include "rank/explore.h"
#include "table/hash.h"

const struct pz_ask_default pz_ask_defaults[] = {
    { "num", 25, NULL, "25" },
    { "exploration-weight", PZ_EXPLORE_WEIGHT, NULL, "0.3" },
    { "exploration-age", PZ_EXPLORE_CUTOFF_DAYS, NULL, "30" },
    { "probe", 0, NULL, "none" },
    { "seen", 0, "default", "the recipe's rule" },
    { NULL, 0, NULL, NULL }
};

static const struct pz_ask_default *default_of(const char *setting)
{
    const struct pz_ask_default *d = pz_ask_defaults;

    while (strcmp(d->setting, setting) != 0)
        d++;
    return d;
}

/* ---- merging ---- */

static double merge_number(const struct pz_settings *set, const char *name, bool given, double own)
{
    return given ? own : pz_settings_number(set, name, default_of(name)->number);
}

static const char *merge_word(const struct pz_settings *set, const char *name, const char *own)
{
    const char *fallback = default_of(name)->word;

    return own && strcmp(own, fallback) != 0 ? own : pz_settings_word(set, name, fallback);
}

typedef enum pz_status rule_fn(struct pz_ruleset *s, const char *text, struct pz_err *err);

/* Hand an option's text to its rule; the error then names the option. */
static enum pz_status add_rule(rule_fn *fn, struct pz_ruleset *s, const char *option,
                               const char *text, struct pz_err *err)
{
    enum pz_status st = text ? fn(s, text, err) : PZ_OK;

    if (st != PZ_OK)
        pz_err_prefix(err, "--%s", option);
    return st;
}

/* The rules with one text each, and those with a list of texts, in the order they are read. */
static enum pz_status read_rules(struct pz_ruleset *s, const struct pz_ask_options *o,
                                 const char *seen, struct pz_err *err)
{
    const struct {
        const char *option;
        rule_fn *fn;
        const char *text;
        const struct pz_strs *list;
    } rule[] = {
        { "seen", pz_ruleset_seen, seen, NULL },
        { "seen-types", pz_ruleset_types, o->seen_types, NULL },
        { "seen-age", pz_ruleset_age, o->seen_age, NULL },
        { "promote", pz_ruleset_promotion, NULL, &o->promote },
        { "boost", pz_ruleset_boost, NULL, &o->boost },
        { "max-per", pz_ruleset_cap, NULL, &o->max_per },
        { "diversify", pz_ruleset_diversity, o->diversify, NULL },
        { "rotate", pz_ruleset_rotation, o->rotate, NULL },
        { "objective", pz_ruleset_objective, o->objective, NULL },
        { "context", pz_ruleset_context, NULL, &o->context },
    };
    enum pz_status st = PZ_OK;

    for (size_t i = 0; i < sizeof rule / sizeof *rule && st == PZ_OK; i++) {
        st = add_rule(rule[i].fn, s, rule[i].option, rule[i].text, err);
        for (size_t k = 0; rule[i].list && k < rule[i].list->n && st == PZ_OK; k++)
            st = add_rule(rule[i].fn, s, rule[i].option, rule[i].list->v[k], err);
    }
    if (st == PZ_OK)
        st = pz_ruleset_bind(s, o->promote_values.v, o->promote_values.n, err);
    if (st == PZ_OK && o->page_token && strcmp(o->page_token, "start") != 0)
        st = pz_page_parse(o->page_token, &s->rules.page, err);
    return st;
}

static enum pz_status read_now(const char *text, int64_t *now, struct pz_err *err)
{
    enum pz_time_form form;

    if (text && (!pz_time_guess(text, strlen(text), &form) ||
                 !pz_time_parse(text, strlen(text), form, now)))
        return pz_err_set(err, PZ_USAGE, "--now: \"%s\" is no time", text);
    return PZ_OK;
}

/* ---- filters ---- */

static enum pz_status compile(const void *context, const char *text, const struct pz_filter **out,
                              struct pz_err *err)
{
    const struct pz_prepared *p = context;

    return pz_snapshot_filter(p->snap, text, out, err);
}

uint64_t pz_prepared_key(uint64_t key, const struct pz_filter_args *args)
{
    for (size_t i = 0; i < args->n; i++) {
        key = pz_rng_mix(key ^ pz_hash64(args->v[i].name, strlen(args->v[i].name)));
        key = pz_rng_mix(key ^ pz_hash64(args->v[i].value, strlen(args->v[i].value)));
    }
    return key;
}

static enum pz_status read_filter(struct pz_prepared *p, const struct pz_ask_options *o,
                                  struct pz_err *err)
{
    enum pz_status st;

    if (!o->filter)
        return o->filter_values.n ? pz_err_set(err, PZ_USAGE, "--filter-values need --filter")
                                  : PZ_OK;
    st = pz_snapshot_filter(p->snap, o->filter, &p->base.filter, err);
    for (size_t i = 0; i < o->filter_values.n && st == PZ_OK; i++)
        st = pz_filter_args_add(&p->args, o->filter_values.v[i], err);
    if (st == PZ_OK)
        st = pz_filter_bind(p->base.filter, &p->args, &p->values, err);
    if (st == PZ_USAGE && p->base.filter && o->many)
        st = PZ_OK; /* the questions may bring what is missing, else they say so */
    p->base.filter_values = p->values;
    return st;
}

/* ---- whole ---- */

static void fill_base(struct pz_prepared *p, const struct pz_settings *set,
                      const struct pz_ask_options *o)
{
    const struct pz_filter *filter = p->base.filter;

    for (size_t i = 0; i < o->promote_values.n; i++) {
        const char *text = o->promote_values.v[i];

        p->promote_key = pz_rng_mix(p->promote_key ^ pz_hash64(text, strlen(text)));
    }
    p->base = (struct pz_request){
        .num = (uint32_t)merge_number(set, "num", o->num > 0, (double)o->num),
        .filter = filter,
        .filter_values = p->values,
        .values_key = pz_prepared_key(p->promote_key, &p->args),
        .rules = p->rules.rules,
        .context = p->rules.context,
        .n_context = p->rules.n_context,
        .now = p->base.now,
        .seed = (uint64_t)o->seed,
        .exploration_weight = merge_number(set, "exploration-weight", o->exploration_weight >= 0,
                                           o->exploration_weight),
        .exploration_cutoff_days = merge_number(set, "exploration-age", o->exploration_age > 0,
                                                o->exploration_age),
        .probe = merge_number(set, "probe", o->probe > 0, o->probe),
        .no_scores = o->no_scores,
        .explain = o->explain
    };
}

enum pz_status pz_prepare(struct pz_snapshot *snap, const struct pz_ask_options *options,
                          struct pz_prepared **out, struct pz_err *err)
{
    const struct pz_settings none = { NULL }, *set = snap->view ? &snap->view->settings : &none;
    struct pz_prepared *p = calloc(1, sizeof *p);
    enum pz_status st = PZ_OK;

    *out = NULL;
    if (atomic_load(&snap->damaged))
        st = pz_err_set(err, PZ_UNAVAILABLE, "version %u was damaged while it was in use; see %s",
                        snap->version, "pz-deploy check");
    if (st == PZ_OK && !p)
        st = pz_err_memory(err, "rules", sizeof *p);
    if (st != PZ_OK) {
        free(p);
        return st;
    }
    p->snap = pz_snapshot_hold(snap);
    p->rules.compile = compile;
    p->rules.compile_context = p;
    st = read_rules(&p->rules, options, merge_word(set, "seen", options->seen), err);
    if (st == PZ_OK)
        st = read_now(options->now, &p->base.now, err);
    if (st == PZ_OK)
        st = read_filter(p, options, err);
    if (st != PZ_OK) {
        pz_prepared_free(p);
        return st;
    }
    fill_base(p, set, options);
    *out = p;
    return PZ_OK;
}

void pz_prepared_free(struct pz_prepared *p)
{
    if (!p)
        return;
    pz_ruleset_clear(&p->rules);
    pz_filter_values_free(p->values);
    pz_filter_args_clear(&p->args);
    pz_snapshot_release(p->snap);
    free(p);
}

const struct pz_request *pz_prepared_request(const struct pz_prepared *p)
{
    return &p->base;
}

struct pz_snapshot *pz_prepared_snapshot(const struct pz_prepared *p)
{
    return p->snap;
}
