/* SPDX-License-Identifier: Apache-2.0 */
/* What a model says of itself: see describe.h. Nothing is measured here but the span of the
 * histories: the rest is the manifest's, where training put it, so that a file of an older pz lacks
 * a member or two and says less. The text is made of the object, so that both say the same. */
#include "model/describe.h"

#include <math.h>
#include <string.h>

#include "base/time.h"
#include "table/table.h"

static double number(const json_t *o, const char *name)
{
    return json_number_value(json_object_get(o, name));
}

static const char *word(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));

    return text ? text : "";
}

/* ---- the object ---- */

static void add_span(const struct pz_model *m, json_t *o)
{
    int64_t oldest = INT64_MAX;
    char text[32];

    for (uint32_t u = 0; u < m->users.n; u++)
        if (m->ptr[u] < m->ptr[u + 1] && m->time[m->ptr[u]] < oldest)
            oldest = m->time[m->ptr[u]];
    if (oldest == INT64_MAX)
        return;
    json_object_set_new(o, "oldest", json_string(pz_time_format(oldest, text)));
    json_object_set_new(o, "newest", json_string(pz_time_format(m->newest, text)));
}

/* Defaults of the settings that are other than these: of a scorer as it is in this program. */
static json_t *other_defaults(const struct pz_scorer *s, const json_t *settings)
{
    json_t *o = json_object();

    for (size_t k = 0; k < s->n_settings; k++) {
        const json_t *value = json_object_get(settings, s->settings[k].name);

        if (value && json_number_value(value) != s->settings[k].def)
            json_object_set_new(o, s->settings[k].name, json_real(s->settings[k].def));
    }
    return o;
}

static json_t *parts(const struct pz_model *m)
{
    json_t *list = json_deep_copy(json_object_get(m->manifest, "parts")), *entry;
    size_t i;

    json_array_foreach (list, i, entry)
        if (i < m->n_parts)
            json_object_set_new(entry, "defaults",
                                other_defaults(m->part[i].scorer,
                                               json_object_get(entry, "settings")));
    return list;
}

json_t *pz_model_describe(const struct pz_model *m)
{
    static const char *const told[] = {
        "version",      "seed",  "events",  "event_power", "trend",   "seen", "user_cap",
        "check",        "chain", "lineage", "live",        "dataset", "cost", "excluded_columns",
        "slice_seconds"
    };
    json_t *o = json_pack("{s:s, s:I, s:I, s:I, s:I, s:o}", "recipe", m->recipe->name,
                          "interactions", (json_int_t)m->n_interactions, "users",
                          (json_int_t)m->users.n, "items", (json_int_t)m->items.n, "bytes",
                          (json_int_t)pz_table_bytes(m->table, true) +
                              (json_int_t)pz_table_bytes(m->table, false),
                          "parts", parts(m));

    if (!o)
        return NULL;
    add_span(m, o);
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        json_t *value = json_object_get(m->manifest, told[i]);

        if (value)
            json_object_set(o, told[i], value);
    }
    return o;
}

/* ---- the text ---- */

static void say_data(const json_t *o, struct pz_str *out)
{
    pz_str_addf(out, "recipe    %s, seed %.0f, made by pz %s\n", word(o, "recipe"),
                number(o, "seed"), word(o, "version"));
    pz_str_addf(out, "data      %.0f interactions, %.0f users, %.0f items",
                number(o, "interactions"), number(o, "users"), number(o, "items"));
    if (json_object_get(o, "oldest"))
        pz_str_addf(out, ", from %s to %s", word(o, "oldest"), word(o, "newest"));
    pz_str_addc(out, '\n');
}

/* What the weights of event types act with. */
static void say_power(const json_t *rules, double power, struct pz_str *out)
{
    const json_t *rule;
    double largest = 0;
    size_t i;

    json_array_foreach (rules, i, rule)
        largest = fmax(largest, number(rule, "weight"));
    pz_str_addf(out, "; they act by the power of %.3g", power);
    json_array_foreach (rules, i, rule)
        pz_str_addf(out, "%s %.2g", i ? "," : ", as",
                    (double)pz_weight_damp((float)(number(rule, "weight") / largest), power));
}

static void say_events(const json_t *o, struct pz_str *out)
{
    const json_t *list = json_object_get(o, "events"), *rule;
    size_t i;

    pz_str_adds(out, "events    ");
    json_array_foreach (list, i, rule) {
        pz_str_addf(out, "%s%s %.3g", i ? ", " : "",
                    *word(rule, "type") ? word(rule, "type") : "all", number(rule, "weight"));
        if (json_object_get(rule, "threshold"))
            pz_str_addf(out, " from a value of %g", number(rule, "threshold"));
        if (json_object_get(rule, "unasked"))
            pz_str_adds(out, " (validation)");
    }
    pz_str_adds(out, json_array_size(list) ? "" : "all alike");
    if (json_array_size(list) > 1)
        say_power(list,
                  json_object_get(o, "event_power") ? number(o, "event_power") : PZ_EVENT_POWER,
                  out);
    if (json_object_get(o, "user_cap"))
        pz_str_addf(out, "; at most the newest %.0f of a user", number(o, "user_cap"));
    pz_str_addc(out, '\n');
    json_array_foreach (json_object_get(o, "excluded_columns"), i, rule)
        pz_str_addf(out, "%s%s", i ? ", " : "excluded  ", json_string_value(rule));
    pz_str_adds(out, json_object_get(o, "excluded_columns") ? "\n" : "");
}

/* The weight of a part in lists that have others. */
static void say_other(const json_t *part, enum pz_lists lists, const char *where,
                      struct pz_str *out)
{
    const json_t *weight = json_object_get(part, pz_lists_weight(lists));

    if (weight && fabs(json_number_value(weight) - number(part, "weight")) > 1e-9)
        pz_str_addf(out, "; %.3f %s", json_number_value(weight), where);
}

static void say_parts(const json_t *o, struct pz_str *out)
{
    const json_t *part, *value, *trend = json_object_get(o, "trend");
    const char *name;
    size_t i;

    json_array_foreach (json_object_get(o, "parts"), i, part) {
        pz_str_addf(out, "%s %-12s weight %.3f", i ? "         " : "parts    ",
                    word(part, "scorer"), number(part, "weight"));
        if (number(part, "early") > 0)
            pz_str_addf(out, " (and %.3g over the length of a short history)",
                        number(part, "early"));
        say_other(part, PZ_LISTS_KEPT, "in lists with what was seen", out);
        say_other(part, PZ_LISTS_NEXT, "in those of what comes next", out);
        say_other(part, PZ_LISTS_KEPT_NEXT, "in those that are both", out);
        json_object_foreach (pz_json_lend(json_object_get(part, "defaults")), name, value)
            pz_str_addf(out, "  %s %.4g (default %.4g)", name,
                        number(json_object_get(part, "settings"), name), json_number_value(value));
        pz_str_addc(out, '\n');
    }
    if (trend)
        pz_str_addf(out, "trend     power %.3g, half-life %.3g days, rate %.3g\n",
                    number(trend, "power"), number(trend, "half_life"), number(trend, "rate"));
    if (json_object_get(o, "seen"))
        pz_str_addf(out, "seen      lists are better %s what was seen\n",
                    strcmp(word(o, "seen"), "keep") == 0 ? "with" : "without");
}

static void say_check(const json_t *o, struct pz_str *out)
{
    const json_t *check = json_object_get(o, "check"), *m = json_object_get(check, "metrics");
    const char *what = word(check, "tuned_for");

    if (!check)
        return;
    pz_str_addf(out,
                "check     nDCG@10 %.4f, nDCG@25 %.4f, MRR@25 %.4f, precision@10 %.4f, coverage "
                "%.2f: %.0f users of the training, held out of tuning's fits\n",
                number(m, "normalized_discounted_cumulative_gain_at_10"),
                number(m, "normalized_discounted_cumulative_gain_at_25"),
                number(m, "mean_reciprocal_rank_at_25"), number(m, "precision_at_10"),
                number(m, "coverage"), number(check, "users"));
    pz_str_addf(out, "tuning    %.4f by its own metric%s, %+.4f +- %.4f over the defaults\n",
                number(check, "value"),
                strcmp(what, "next") == 0  ? " for what users do next"
                : strcmp(what, "any") == 0 ? " for what is missing in a history"
                                           : "",
                number(check, "gain"), fabs(number(check, "gain_error")));
}

/* What the models of a chain were worth on events that they had not learned. */
static void say_worth(const json_t *judged, struct pz_str *out)
{
    if (!judged)
        return;
    pz_str_adds(out, "worth     nDCG@25 ");
    if (json_object_get(judged, "full"))
        pz_str_addf(out, "%.4f after the last full training (%.0f users), ", number(judged, "full"),
                    number(judged, "full_users"));
    pz_str_addf(out,
                "%.4f now (%.0f users, %zu updates), each on events before they were learned\n",
                number(judged, "now"), number(judged, "users"),
                json_array_size(json_object_get(judged, "days")));
}

static void say_descent(const json_t *o, bool brief, struct pz_str *out)
{
    const json_t *chain = json_object_get(o, "chain"), *cost = json_object_get(o, "cost");

    if (chain)
        pz_str_addf(out,
                    "chain     %.0f updates since the last full training, %.0f %% more "
                    "interactions; a full one is %s\n",
                    number(chain, "updates"), 100 * number(chain, "grown"),
                    json_is_true(json_object_get(chain, "full_due")) ? "due" : "not due");
    else
        pz_str_adds(out, "chain     a full training\n");
    say_worth(json_object_get(chain, "judged"), out);
    if (!brief && *word(o, "live"))
        pz_str_addf(out, "live      holds the live events %s\n", word(o, "live"));
    if (!brief)
        pz_str_addf(out, "dataset   %s\n", word(o, "dataset"));
    if (cost)
        pz_str_addf(out, "cost      %.1f s, %.1f CPU s, %.0f MB\n", number(cost, "wall_seconds"),
                    number(cost, "cpu_seconds"), number(cost, "peak_memory_bytes") / 1e6);
}

void pz_model_describe_text(const json_t *facts, bool brief, struct pz_str *out)
{
    if (!brief)
        say_data(facts, out);
    pz_str_addf(out, "memory    %.1f MB unpacked\n", number(facts, "bytes") / 1e6);
    say_events(facts, out);
    say_parts(facts, out);
    say_check(facts, out);
    say_descent(facts, brief, out);
}

double pz_model_check_ndcg(const struct pz_model *m)
{
    return number(json_object_get(json_object_get(m->manifest, "check"), "metrics"),
                  "normalized_discounted_cumulative_gain_at_25");
}
