/* SPDX-License-Identifier: Apache-2.0 */
/* Rules from text, as command lines and configurations write them: struct pz_rules with the memory
 * it needs.
 *
 * Threads: one a ruleset while it is made; any number may read it then. */
#ifndef PZ_ANSWER_RULES_H
#define PZ_ANSWER_RULES_H

#include "base/err.h"
#include "base/mem.h"
#include "filter/filter.h"
#include "rank/rank.h"

/* Make a filter of an expression or, where there are names, of a name. *out is borrowed and
 * outlives the rules. */
typedef enum pz_status pz_rule_compile_fn(const void *context, const char *text,
                                          const struct pz_filter **out, struct pz_err *err);

/* All-zero is empty; free with pz_ruleset_clear. rules and context borrow from the rest. */
struct pz_ruleset {
    pz_rule_compile_fn *compile; /* for promotions and boosts; set by the caller */
    const void *compile_context;
    struct pz_rules rules;
    struct pz_context *context;
    size_t n_context;
    struct pz_arena arena;
    const char **seen_type;
    struct pz_cap *cap;
    struct pz_promotion *promotion;
    struct pz_boost *boost;
    struct pz_filter_values **values; /* [n_values] owned */
    size_t n_values, cap_context, cap_types, cap_caps, cap_promotions, cap_boosts, cap_values;
};

/* One function a rule, in the form its option has; text is copied.
 *
 * seen       "exclude", "keep", "only", "auto" or "default"
 * types      "Purchase,AddToCart"
 * age        "30d", as pz_time_duration
 * cap        "COLUMN=N"
 * diversity  "LAMBDA" or "LAMBDA:COLUMN"
 * rotation   "RATE" or "RATE:HALFLIFE"
 * objective  "COLUMN=low|medium|high|off": low, medium and high are powers 1/3, 1 and 3 of the
 *            value
 * promotion  "NAME:PERCENT" or "NAME:PERCENT:FILTER", the filter an expression or a name
 * boost      "CONDITION: FACTOR" or "FILTER: FACTOR": a condition is what follows INCLUDE ItemID
 *            WHERE
 * context    "KEY=VALUE"
 * Errors:    PZ_USAGE says what was expected; PZ_TRY_AGAIN memory; of filters as .compile */
enum pz_status pz_ruleset_seen(struct pz_ruleset *s, const char *text, struct pz_err *err);
enum pz_status pz_ruleset_types(struct pz_ruleset *s, const char *text, struct pz_err *err);
enum pz_status pz_ruleset_age(struct pz_ruleset *s, const char *text, struct pz_err *err);
enum pz_status pz_ruleset_cap(struct pz_ruleset *s, const char *text, struct pz_err *err);
enum pz_status pz_ruleset_diversity(struct pz_ruleset *s, const char *text, struct pz_err *err);
enum pz_status pz_ruleset_rotation(struct pz_ruleset *s, const char *text, struct pz_err *err);
enum pz_status pz_ruleset_objective(struct pz_ruleset *s, const char *text, struct pz_err *err);
enum pz_status pz_ruleset_promotion(struct pz_ruleset *s, const char *text, struct pz_err *err);
enum pz_status pz_ruleset_boost(struct pz_ruleset *s, const char *text, struct pz_err *err);
enum pz_status pz_ruleset_context(struct pz_ruleset *s, const char *text, struct pz_err *err);

/* Bind values to the placeholders of the promotions' filters: n texts "NAME:PARAM=LIST", NAME being
 * a promotion. To be called after the last promotion, once.
 * Errors: PZ_USAGE no such promotion, or as pz_filter_bind; PZ_TRY_AGAIN memory */
enum pz_status pz_ruleset_bind(struct pz_ruleset *s, const char *const *text, size_t n,
                               struct pz_err *err);

/* Free everything. */
void pz_ruleset_clear(struct pz_ruleset *s);

#endif
