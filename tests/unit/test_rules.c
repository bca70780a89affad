/* SPDX-License-Identifier: Apache-2.0 */
/* Rules from the text of options and settings: one row per form, with what it becomes or that it is
 * refused. */
#include "answer/rules.h"
#include "tests/unit/unit.h"

#define LENGTH(a) (sizeof(a) / sizeof *(a))

typedef enum pz_status read_fn(struct pz_ruleset *s, const char *text, struct pz_err *err);

static const char filter_stands_for[] = "";

static enum pz_status compile(const void *context, const char *text, const struct pz_filter **out,
                              struct pz_err *err)
{
    (void)context;
    *out = (const struct pz_filter *)filter_stands_for;
    return strstr(text, "wrong") ? pz_err_set(err, PZ_USAGE, "wrong") : PZ_OK;
}

/* What the ruleset holds, in words of this test. */
static void describe(const struct pz_ruleset *s, char *to, size_t size)
{
    const struct pz_rules *r = &s->rules;
    size_t n = (size_t)snprintf(to, size, "seen %d age %lld div %g:%s rot %g:%lld obj %s^%.4g",
                                (int)r->seen, (long long)r->seen_age_s, r->diversity,
                                r->diversity_column ? r->diversity_column : "", r->rotation,
                                (long long)r->rotation_half_life_s,
                                r->objective ? r->objective : "", r->objective_power);

    for (size_t i = 0; i < r->n_seen_types; i++)
        n += (size_t)snprintf(to + n, size - n, " type %s", r->seen_type[i]);
    for (size_t i = 0; i < r->n_caps; i++)
        n += (size_t)snprintf(to + n, size - n, " cap %s=%u", r->cap[i].column, r->cap[i].most);
    for (size_t i = 0; i < r->n_promotions; i++)
        n += (size_t)snprintf(to + n, size - n, " promote %s:%g%s", r->promotion[i].name,
                              r->promotion[i].percent, r->promotion[i].filter ? ":filter" : "");
    for (size_t i = 0; i < r->n_boosts; i++)
        n += (size_t)snprintf(to + n, size - n, " boost %s:%g", r->boost[i].text,
                              r->boost[i].factor);
    for (size_t i = 0; i < s->n_context; i++)
        n += (size_t)snprintf(to + n, size - n, " context %s=%s", s->context[i].key,
                              s->context[i].value);
}

static const struct {
    read_fn *read;
    const char *text;
    const char *is; /* a part of the description; NULL: refused */
} rules[] = {
    { pz_ruleset_seen, "default", "seen 0" },
    { pz_ruleset_seen, "exclude", "seen 1" },
    { pz_ruleset_seen, "keep", "seen 2" },
    { pz_ruleset_seen, "only", "seen 3" },
    { pz_ruleset_seen, "auto", "seen 4" },
    { pz_ruleset_seen, "Keep", NULL },
    { pz_ruleset_seen, "", NULL },
    { pz_ruleset_types, "Buy,Add", " type Buy type Add" },
    { pz_ruleset_types, ",Buy,,", " type Buy" },
    { pz_ruleset_age, "30d", "age 2592000 " },
    { pz_ruleset_age, "12h", "age 43200 " },
    { pz_ruleset_age, "0d", NULL },
    { pz_ruleset_age, "x", NULL },
    { pz_ruleset_cap, "G=1", " cap G=1" },
    { pz_ruleset_cap, "G=1000000", " cap G=1000000" },
    { pz_ruleset_cap, "G=0", NULL },
    { pz_ruleset_cap, "G=1000001", NULL },
    { pz_ruleset_cap, "=1", NULL },
    { pz_ruleset_cap, "G", NULL },
    { pz_ruleset_cap, "G=", NULL },
    { pz_ruleset_diversity, "0", "div 0: " },
    { pz_ruleset_diversity, "1", "div 1: " },
    { pz_ruleset_diversity, "0.3:GENRE", "div 0.3:GENRE " },
    { pz_ruleset_diversity, "1.01", NULL },
    { pz_ruleset_diversity, "-0.1", NULL },
    { pz_ruleset_diversity, "0.3:", NULL },
    { pz_ruleset_diversity, ":GENRE", NULL },
    { pz_ruleset_rotation, "0.5", "rot 0.5:0 " },
    { pz_ruleset_rotation, "0.5:12h", "rot 0.5:43200 " },
    { pz_ruleset_rotation, "1:1s", "rot 1:1 " },
    { pz_ruleset_rotation, "0.5:0h", NULL }, /* a half-life of nothing would divide by it */
    { pz_ruleset_rotation, "0.5:", NULL },
    { pz_ruleset_rotation, "1.1", NULL },
    { pz_ruleset_objective, "PRICE=off", "obj PRICE^0" },
    { pz_ruleset_objective, "PRICE=low", "obj PRICE^0.3333" },
    { pz_ruleset_objective, "PRICE=medium", "obj PRICE^1" },
    { pz_ruleset_objective, "items.PRICE=high", "obj PRICE^3" },
    { pz_ruleset_objective, "PRICE=most", NULL },
    { pz_ruleset_objective, "=low", NULL },
    { pz_ruleset_objective, "PRICE", NULL },
    { pz_ruleset_promotion, "sale:50", " promote sale:50" },
    { pz_ruleset_promotion, "sale:100:INCLUDE ItemID", " promote sale:100:filter" },
    { pz_ruleset_promotion, "sale:0.5", " promote sale:0.5" },
    { pz_ruleset_promotion, "sale:0", NULL },
    { pz_ruleset_promotion, "sale:100.5", NULL },
    { pz_ruleset_promotion, "sale:50:", NULL },
    { pz_ruleset_promotion, ":50", NULL },
    { pz_ruleset_promotion, "sale", NULL },
    { pz_ruleset_promotion, "sale:50:wrong", NULL },
    { pz_ruleset_boost, "Items.PRICE > 10: 1.2", " boost Items.PRICE > 10:1.2" },
    { pz_ruleset_boost, "a:b: 2", " boost a:b:2" }, /* the last colon counts */
    { pz_ruleset_boost, "x:0", " boost x:0" },
    { pz_ruleset_boost, "x:1000000", " boost x:1e+06" },
    { pz_ruleset_boost, "x:1000001", NULL },
    { pz_ruleset_boost, "x:-1", NULL },
    { pz_ruleset_boost, ":1", NULL },
    { pz_ruleset_boost, "x", NULL },
    { pz_ruleset_boost, "wrong:2", NULL },
    { pz_ruleset_context, "DEVICE=tv", " context DEVICE=tv" },
    { pz_ruleset_context, "DEVICE=", " context DEVICE=" },
    { pz_ruleset_context, "D=a=b", " context D=a=b" },
    { pz_ruleset_context, "=tv", NULL },
    { pz_ruleset_context, "DEVICE", NULL },
};

TEST(a_rule_is_read_in_its_form_or_refused)
{
    for (size_t i = 0; i < LENGTH(rules); i++) {
        struct pz_ruleset s = { .compile = compile };
        struct pz_err err = { .text = "" };
        char got[512];
        enum pz_status st = rules[i].read(&s, rules[i].text, &err);

        describe(&s, got, sizeof got);
        if (st != (rules[i].is ? PZ_OK : PZ_USAGE) || (rules[i].is && !strstr(got, rules[i].is)))
            fail_msg("\"%s\" is %s (%s)", rules[i].text, got, err.text);
        pz_ruleset_clear(&s);
    }
}

TEST(promotions_share_at_most_all_places)
{
    struct pz_ruleset s = { .compile = compile };

    assert_int_equal(pz_ruleset_promotion(&s, "a:60", NULL), PZ_OK);
    assert_int_equal(pz_ruleset_promotion(&s, "b:41", NULL), PZ_USAGE);
    assert_int_equal(pz_ruleset_promotion(&s, "b:40", NULL), PZ_OK);
    assert_int_equal(s.rules.n_promotions, 2);
    pz_ruleset_clear(&s);
}

TEST(values_name_a_promotion_that_has_a_filter)
{
    static const char *const texts[] = { "plain:P=1", "sal:P=1", "sales:P=1", "sale", "", ":P=1" };
    struct pz_ruleset s = { .compile = compile };

    assert_int_equal(pz_ruleset_promotion(&s, "plain:10", NULL), PZ_OK);
    assert_int_equal(pz_ruleset_bind(&s, NULL, 0, NULL), PZ_OK); /* nothing to bind */
    assert_int_equal(pz_ruleset_promotion(&s, "sale:10:f", NULL), PZ_OK);
    for (size_t i = 0; i < LENGTH(texts); i++)
        assert_int_equal(pz_ruleset_bind(&s, &texts[i], 1, NULL), PZ_USAGE);
    pz_ruleset_clear(&s);
}
