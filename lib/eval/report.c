/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of a verdict: see verdict.h. The same figures as JSON for programs and as a table for
 * people.
 *
 * A metric that is a mean over cases has an interval, and a rival's lift one of the difference;
 * coverage, shares of the catalogue and Gini are of all lists together and have none. A
 * difference counts as one only when its interval excludes zero. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "eval/verdict.h"

void pz_verdict_clear(struct pz_verdict *v)
{
    pz_figures_clear(&v->mine.figures);
    for (size_t i = 0; i < v->n_rivals; i++)
        pz_figures_clear(&v->rival[i].figures);
    for (size_t i = 0; i < v->n_alone; i++)
        pz_figures_clear(&v->alone[i].figures);
    pz_str_clear(&v->why);
    pz_pool_clear(&v->pool);
}

/* Figures that are not means of cases and so have no interval. */
struct extra {
    char name[48];
    double value;
};

enum { MAX_EXTRAS = 2 + 3 * PZ_MAX_KS };

static size_t list_extras(const struct pz_verdict *v, const struct pz_contender *c,
                          struct extra *out)
{
    size_t n = 0;

    out[n++] = (struct extra){ "coverage", c->figures.coverage };
    for (size_t i = 0; i < v->how.n_k; i++, n++) {
        snprintf(out[n].name, sizeof out[n].name, "catalogue_share_at_%u", v->how.k[i]);
        out[n].value = c->figures.share[i];
    }
    out[n++] = (struct extra){ "gini", c->figures.gini };
    for (size_t i = 0; v->cold && i < 2 * v->how.n_k; i++, n++) {
        bool exploring = i >= v->how.n_k;
        size_t at = i % v->how.n_k;

        snprintf(out[n].name, sizeof out[n].name, "first_week_audience_reached_%sat_%u",
                 exploring ? "exploring_" : "", v->how.k[at]);
        out[n].value = c->reach[exploring][at];
    }
    return n;
}

/* The verdict of a paired bootstrap at 95 %: the difference has the same sign at both ends. */
static bool excludes_zero(const struct pz_lift *l)
{
    return l->low > 0 || l->high < 0;
}

static const char *seen_word(enum pz_seen seen)
{
    return seen == PZ_SEEN_EXCLUDE ? "exclude" : seen == PZ_SEEN_KEEP ? "keep" : "default";
}

/* ---- JSON ---- */

static json_t *held_json(const struct pz_verdict *v)
{
    const struct pz_held_out *h = &v->held;
    json_t *learned = json_object(),
           *o = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "events", (json_int_t)h->n_events,
                          "counted", (json_int_t)h->n_counted, "items", (json_int_t)h->n_items,
                          "in_history", (json_int_t)h->n_repeats, "tied_users",
                          (json_int_t)h->n_tied, "amid_users", (json_int_t)h->n_amid);

    json_object_set_new(learned, "model", json_integer((json_int_t)v->learned[0]));
    for (size_t i = 0; i < v->n_rivals; i++)
        json_object_set_new(learned, v->rival[i].name, json_integer((json_int_t)v->learned[i + 1]));
    json_object_set_new(o, "already_learned", learned);
    return o;
}

static json_t *metrics_json(const struct pz_verdict *v, const struct pz_contender *c)
{
    json_t *o = json_object();
    struct extra extra[MAX_EXTRAS];
    size_t n = list_extras(v, c, extra);

    for (size_t i = 0; i < c->figures.n_metrics; i++)
        json_object_set_new(o, c->figures.name[i], json_real(c->figures.mean[i]));
    for (size_t i = 0; i < n; i++)
        json_object_set_new(o, extra[i].name, json_real(extra[i].value));
    return o;
}

static json_t *intervals_json(const struct pz_figures *f)
{
    json_t *o = json_object();

    for (size_t i = 0; i < f->n_metrics; i++)
        json_object_set_new(o, f->name[i], json_pack("[f,f]", f->low[i], f->high[i]));
    return o;
}

static json_t *lift_json(const struct pz_figures *mine, const struct pz_figures *rival)
{
    json_t *o = json_object();

    for (size_t i = 0; i < mine->n_metrics; i++) {
        struct pz_lift l = pz_compare(mine, rival, i);

        json_object_set_new(o, mine->name[i],
                            json_pack("{s:o, s:f, s:[f,f], s:b}", "ratio",
                                      isfinite(l.ratio) ? json_real(l.ratio) : json_null(),
                                      "difference", l.difference, "interval", l.low, l.high,
                                      "excludes_zero", excludes_zero(&l)));
    }
    return o;
}

/* What the gate compared with vs, over how many days and users. */
static json_t *pooled_json(const struct pz_verdict *v)
{
    json_t *o = json_object();
    struct pz_pool_sum s;
    double low, high;

    for (size_t i = 0; i < PZ_POOL_METRICS; i++)
        if (pz_verdict_pooled(v, v->pool.used[i], true, &s)) {
            pz_pool_interval(&s, &low, &high);
            json_object_set_new(o, s.metric,
                                json_pack("{s:I, s:I, s:f, s:f, s:[f,f]}", "days",
                                          (json_int_t)s.n_days, "users", (json_int_t)s.n, "mean",
                                          s.mine / (double)s.n, "vs", s.rival / (double)s.n,
                                          "interval", low, high));
        }
    return o;
}

static void add_contenders(const struct pz_verdict *v, const struct pz_contender *c, size_t n,
                           json_t *metrics, json_t *lift)
{
    for (size_t i = 0; i < n; i++) {
        json_object_set_new(metrics, c[i].name, metrics_json(v, &c[i]));
        json_object_set_new(lift, c[i].name, lift_json(&v->mine.figures, &c[i].figures));
    }
}

static json_t *parts_json(const struct pz_verdict *v)
{
    json_t *metrics = json_object(), *lift = json_object();

    add_contenders(v, v->alone, v->n_alone, metrics, lift);
    return json_pack("{s:o, s:o}", "metrics", metrics, "lift", lift);
}

json_t *pz_verdict_json(const struct pz_verdict *v)
{
    json_t *baselines = json_object(), *lift = json_object(), *doc;

    add_contenders(v, v->rival, v->n_rivals, baselines, lift);
    doc = json_pack("{s:s, s:I, s:I, s:s, s:o, s:o, s:o, s:o}", "protocol", v->protocol, "users",
                    (json_int_t)v->mine.figures.n_cases, "seed", (json_int_t)v->seed, "recipe",
                    v->recipe, "metrics", metrics_json(v, &v->mine), "intervals",
                    intervals_json(&v->mine.figures), "baselines", baselines, "lift", lift);
    if (doc)
        json_object_set_new(doc, "seen", json_string(seen_word(v->how.seen)));
    if (doc && !v->cold)
        json_object_set_new(doc, "held_out", held_json(v));
    if (doc && v->by_part)
        json_object_set_new(doc, "parts", parts_json(v));
    if (doc && v->trained)
        json_object_set_new(doc, "train",
                            json_pack("{s:f, s:f, s:I}", "cpu_seconds", v->cpu_s, "wall_seconds",
                                      v->wall_s, "peak_memory_bytes", (json_int_t)v->peak_bytes));
    if (doc && v->gate)
        json_object_set_new(doc, "gate",
                            json_pack("{s:s, s:b, s:s, s:o}", "expression", v->gate, "passed",
                                      v->passed, "why", v->why.data ? v->why.data : "", "pooled",
                                      pooled_json(v)));
    return doc;
}

/* ---- text ---- */

/* The rivals' names over two columns each: value and lift. */
static void text_head(struct pz_str *out, const struct pz_verdict *v)
{
    const struct pz_held_out *h = &v->held;

    pz_str_addf(out, "protocol %s, %zu %s, seed %llu, recipe %s", v->protocol,
                v->mine.figures.n_cases, v->cold ? "cases" : "users", (unsigned long long)v->seed,
                v->recipe);
    if (!v->cold)
        pz_str_addf(out,
                    ", seen items %s\nheld out: %llu events, %llu count, for %llu items; %.1f%% of "
                    "these stand in the history",
                    v->how.seen == PZ_SEEN_EXCLUDE ? "left out" : "kept",
                    (unsigned long long)h->n_events, (unsigned long long)h->n_counted,
                    (unsigned long long)h->n_items,
                    h->n_items ? 100.0 * (double)h->n_repeats / (double)h->n_items : 0);
    pz_str_adds(out, "\n\n");
    pz_str_addf(out, "%-44s %8s  %-17s", "metric", "value", "95% interval");
    for (size_t i = 0; i < v->n_rivals; i++)
        pz_str_addf(out, "  %10.20s %9s  %-20s", v->rival[i].name, "lift", "95% of difference");
    pz_str_addc(out, '\n');
}

static void text_lift(struct pz_str *out, const struct pz_figures *mine,
                      const struct pz_figures *rival, size_t i)
{
    struct pz_lift l = pz_compare(mine, rival, i);
    char ratio[32] = "-", range[48];

    if (isfinite(l.ratio))
        snprintf(ratio, sizeof ratio, "%+.1f%%", 100 * l.ratio);
    /* A '~' marks what may be chance, so that nobody reads a lift of noise as one. */
    snprintf(range, sizeof range, "[%+.4f, %+.4f]%s", l.low, l.high, excludes_zero(&l) ? "" : " ~");
    pz_str_addf(out, "  %10.4f %9s  %-20s", rival->mean[i], ratio, range);
}

/* A line for each part alone, by nDCG at the list length next to ten. */
static void text_parts(struct pz_str *out, const struct pz_verdict *v)
{
    const struct pz_figures *f = &v->mine.figures;
    char name[64];
    size_t at = 0;

    snprintf(name, sizeof name, "normalized_discounted_cumulative_gain_at_%u",
             v->how.k[pz_eval_near_ten(&v->how)]);
    while (at + 1 < f->n_metrics && strcmp(f->name[at], name) != 0)
        at++;
    pz_str_addf(out, "\n%s\n%-44s %8s  %-17s  %10s %9s  %s\n", name, "part", "all", "", "alone",
                "lift", "95% of difference");
    for (size_t i = 0; i < v->n_alone; i++) {
        pz_str_addf(out, "%-44s %8.4f  %-17s", v->alone[i].name, f->mean[at], "");
        text_lift(out, f, &v->alone[i].figures, at);
        pz_str_addc(out, '\n');
    }
}

void pz_verdict_text(struct pz_str *out, const struct pz_verdict *v)
{
    const struct pz_figures *f = &v->mine.figures;
    struct extra mine[MAX_EXTRAS], other[MAX_EXTRAS];
    size_t n = list_extras(v, &v->mine, mine);

    text_head(out, v);
    for (size_t i = 0; i < f->n_metrics; i++) {
        char range[40];

        snprintf(range, sizeof range, "[%.4f, %.4f]", f->low[i], f->high[i]);
        pz_str_addf(out, "%-44.70s %8.4f  %-17s", f->name[i], f->mean[i], range);
        for (size_t k = 0; k < v->n_rivals; k++)
            text_lift(out, f, &v->rival[k].figures, i);
        pz_str_addc(out, '\n');
    }
    for (size_t i = 0; i < n; i++) {
        pz_str_addf(out, "%-44s %8.4f  %-17s", mine[i].name, mine[i].value, "");
        for (size_t k = 0; k < v->n_rivals; k++) {
            list_extras(v, &v->rival[k], other);
            pz_str_addf(out, "  %10.4f %9s  %-20s", other[i].value, "", "");
        }
        pz_str_addc(out, '\n');
    }
    if (v->by_part)
        text_parts(out, v);
    if (v->trained)
        pz_str_addf(out, "\ntrained in %.2f CPU s, %.2f s, %.0f MB\n", v->cpu_s, v->wall_s,
                    (double)v->peak_bytes / 1e6);
    if (v->gate)
        pz_str_addf(out, "\ngate %s: %s%s%s\n", v->gate, v->passed ? "yes" : "no",
                    v->why.len ? ", " : "", v->why.len ? v->why.data : "");
}
