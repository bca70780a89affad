/* SPDX-License-Identifier: Apache-2.0 */
/* The page: see page.h. Sections from the answer to the evidence; each is a function that
 * appends its HTML. All colours are variables of the style sheet, so that a dark page is the
 * same bytes.
 *
 * The page stands alone: style and drawings are in it, and it loads nothing. Names, titles and
 * ids come from a stranger's data and are escaped. Users shown are chosen by their place in the
 * data, not by chance, so that the same model and data give the same page. */
#include "eval/page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "eval/svg.h"

enum { N_USERS = 5, N_PAST = 6, N_LIST = 10, N_SERIES = 6 };

struct page {
    const struct pz_judgement *j;
    const struct pz_verdict *v;
    struct pz_str *out;
    size_t k; /* the place in how.k of the K that the page speaks of: the one next to ten */
};

static const char style[] =
    "<style>\n"
    ":root{color-scheme:light dark;--bg:#fff;--fg:#1d232b;--dim:#5b6673;--rule:#dfe4ea;"
    "--rail:#edf0f4;--c0:#1f63c4;--c1:#b4690e;--c2:#26805b;--c3:#8a4bb5;--c4:#b03a5b;--c5:#5f6b00;"
    "--good:#1b7a3d;--bad:#b3261e}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#14181d;--fg:#e6eaef;--dim:#9aa6b2;"
    "--rule:#2d353e;--rail:#232a32;--c0:#6aa6ff;--c1:#f0a44b;--c2:#5fcf9c;--c3:#c79bf0;--c4:#"
    "f08aa6;"
    "--c5:#c5d04f;--good:#6fd08c;--bad:#ff8a80}}\n"
    "*{box-sizing:border-box}body{margin:0 auto;max-width:52rem;padding:1.2rem 1rem 3rem;"
    "background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,sans-serif}\n"
    "h1{font-size:1rem;font-weight:600;color:var(--dim);margin:0 0 .6rem}"
    "h2{font-size:1.15rem;margin:2.2rem 0 .5rem}p{margin:.4rem 0}"
    ".say{font-size:1.6rem;line-height:1.3;font-weight:650;margin:0 0 .6rem;text-wrap:balance}"
    ".dim,small{color:var(--dim)}small{font-size:.85em}.good{color:var(--good)}.bad{color:var(--"
    "bad)}"
    ".note{border-left:4px solid var(--c1);padding:.1rem .8rem;margin:.8rem 0}\n"
    ".rows{display:grid;grid-template-columns:minmax(7rem,13rem) 1fr auto;gap:.35rem .8rem;"
    "align-items:center}.rows>span:nth-child(3n){text-align:right;white-space:nowrap;"
    "font-variant-numeric:tabular-nums}.bar{width:100%;height:14px;display:block}.pair .bar+.bar{"
    "margin-top:3px}\n"
    ".chart{width:100%;max-width:36rem;display:block}.chart text{font:11px system-ui,sans-serif;"
    "fill:var(--dim)}.grid{stroke:var(--rule)}.line{fill:none;stroke-width:2}.rail{fill:var(--rail)"
    "}"
    ".soft{opacity:.38}.legend span{white-space:nowrap;margin-right:1rem}.legend i{display:inline-"
    "block;width:.8em;height:.8em;border-radius:2px;margin-right:.4em}\n"
    ".f0{fill:var(--c0)}.f1{fill:var(--c1)}.f2{fill:var(--c2)}.f3{fill:var(--c3)}.f4{fill:var(--c4)"
    "}"
    ".f5{fill:var(--c5)}.s0{stroke:var(--c0)}.s1{stroke:var(--c1)}.s2{stroke:var(--c2)}.s3{stroke:"
    "var(--c3)}.s4{stroke:var(--c4)}.s5{stroke:var(--c5)}.b0{background:var(--c0)}.b1{background:"
    "var(--c1)}.b2{background:var(--c2)}.b3{background:var(--c3)}.b4{background:var(--c4)}.b5{"
    "background:var(--c5)}\n"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}td,th{padding:.3rem .7rem "
    ".3rem 0;text-align:right;vertical-align:top;border-bottom:1px solid var(--rule);"
    "font-variant-numeric:tabular-nums}td:first-child,th:first-child{text-align:left}"
    "td p{margin:0;font-size:.85em;color:var(--dim);max-width:24rem}\n"
    ".user{border:1px solid var(--rule);border-radius:10px;padding:.7rem 1rem;margin:.8rem 0}"
    ".user h3{margin:0 0 .3rem;font-size:1rem}.user ol{margin:.3rem "
    "0;padding-left:1.6rem;columns:2;"
    "column-gap:2.8rem}.user li{break-inside:avoid;overflow-wrap:anywhere}.hit{font-weight:700;"
    "color:var(--good)}code{font:13px ui-monospace,monospace;overflow-wrap:anywhere;background:"
    "var(--rail);padding:.1em .3em;border-radius:4px}details{margin-top:1rem}\n"
    "@media(max-width:560px){.say{font-size:1.3rem}.rows{grid-template-columns:1fr auto}.rows>"
    "span:nth-child(3n+2){grid-column:1/3;grid-row:auto;order:0}.rows>span:nth-child(3n+1){"
    "grid-column:1}.rows>span:nth-child(3n){grid-column:2;grid-row:auto}.rows{grid-auto-flow:dense}"
    ".user ol{columns:1}}\n"
    "</style>\n";

/* ---- small pieces ---- */

static void text(struct page *p, const char *s)
{
    pz_svg_text(p->out, s);
}

static void heading(struct page *p, const char *title)
{
    pz_str_adds(p->out, "<h2>");
    text(p, title);
    pz_str_adds(p->out, "</h2>\n");
}

/* 58,065 */
static void number(struct page *p, uint64_t n)
{
    char digits[32];
    int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);

    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            pz_str_addc(p->out, ',');
        pz_str_addc(p->out, digits[i]);
    }
}

/* "1 user", "2 users" */
static void count(struct page *p, uint64_t n, const char *what)
{
    number(p, n);
    pz_str_addf(p->out, " %s%s", what, n == 1 ? "" : "s");
}

static void date(struct page *p, int64_t seconds)
{
    char day[32];

    pz_time_format(seconds, day);
    pz_str_addf(p->out, "%.10s", day);
}

/* The place of a metric of the page's K. */
static size_t metric_at(const struct page *p, const char *prefix, uint32_t k)
{
    const struct pz_figures *f = &p->v->mine.figures;
    char name[96];
    size_t i = 0;

    snprintf(name, sizeof name, "%s_%u", prefix, k);
    while (i < f->n_metrics && strcmp(f->name[i], name) != 0)
        i++;
    return i;
}

static size_t ndcg_at(const struct page *p, uint32_t k)
{
    return metric_at(p, "normalized_discounted_cumulative_gain_at", k);
}

static const char *contender_name(const struct page *p, size_t i)
{
    return i == 0 ? p->v->recipe : p->v->rival[i - 1].name;
}

static const struct pz_figures *figures_of(const struct page *p, size_t i)
{
    return i == 0 ? &p->v->mine.figures : &p->v->rival[i - 1].figures;
}

static size_t n_shown(const struct page *p)
{
    return p->v->n_rivals + 1 < N_SERIES ? p->v->n_rivals + 1 : N_SERIES;
}

/* ---- the answer ---- */

static void say(struct page *p)
{
    const struct pz_verdict *v = p->v;
    const struct pz_figures *f = &v->mine.figures;
    uint32_t k = v->how.k[p->k];
    size_t hit = metric_at(p, "hit_rate_at", k), ndcg = ndcg_at(p, k);
    struct pz_lift l = pz_compare(f, &v->rival[0].figures, ndcg);
    double n = (double)f->n_cases;

    pz_str_adds(p->out, "<p class=\"say\">");
    number(p, (uint64_t)(f->mean[hit] * n + 0.5));
    pz_str_adds(p->out, " of ");
    count(p, f->n_cases, v->cold ? "question" : "user");
    pz_str_addf(p->out, " find a held-out item among their first %u; with popularity: ", k);
    number(p, (uint64_t)(v->rival[0].figures.mean[hit] * n + 0.5));
    pz_str_adds(p->out, ".</p>\n<p>");
    pz_str_addf(
        p->out,
        "The held-out items are what these %s really did next. nDCG@%u, which also asks "
        "how high up they stand, is <b>%.4f</b> (95%% interval %.4f to %.4f) against %.4f: ",
        v->cold ? "people" : "users", k, f->mean[ndcg], f->low[ndcg], f->high[ndcg],
        v->rival[0].figures.mean[ndcg]);
    pz_str_adds(p->out, l.low > 0    ? "<b class=\"good\">better than popularity beyond chance</b>."
                        : l.high < 0 ? "<b class=\"bad\">worse than popularity beyond chance</b>."
                                     : "<b>no difference to popularity beyond chance</b>.");
    pz_str_adds(p->out, "</p>\n");
}

static void note(struct page *p, const char *html)
{
    pz_str_addf(p->out, "<p class=\"note\">%s</p>\n", html);
}

static void notes(struct page *p)
{
    const struct pz_verdict *v = p->v;
    const struct pz_held_out *h = &v->held;
    char line[300];

    for (size_t i = 0; i <= v->n_rivals; i++)
        if (v->learned[i] > 0 && i != 1) {
            snprintf(line, sizeof line,
                     "<b>Do not believe %s:</b> %llu of the %llu test events are in the histories "
                     "that it learned from.",
                     i == 0 ? "these figures" : "the figures of vs",
                     (unsigned long long)v->learned[i], (unsigned long long)h->n_events);
            note(p, line);
        }
    if (h->n_repeats > 0 && 2 * h->n_repeats >= h->n_items && v->how.seen == PZ_SEEN_EXCLUDE) {
        snprintf(line, sizeof line,
                 "%.0f%% of the held-out items are ones that the user had before. Seen items are "
                 "left out of these lists, so they cannot be found; <code>--seen keep</code> lets "
                 "them come again.",
                 100.0 * (double)h->n_repeats / (double)h->n_items);
        note(p, line);
    }
    if (!v->gate)
        return;
    pz_str_adds(p->out, "<p>The gate <code>");
    text(p, v->gate);
    pz_str_addf(p->out, "</code> says <b class=\"%s\">%s</b>. ", v->passed ? "good" : "bad",
                v->passed ? "yes" : "no");
    text(p, v->why.data ? v->why.data : "");
    pz_str_adds(p->out, "</p>\n");
}

/* ---- comparisons ---- */

static void all_on_one_scale(struct page *p)
{
    size_t m = ndcg_at(p, p->v->how.k[p->k]);
    double full = 0;

    for (size_t i = 0; i < n_shown(p); i++)
        full = fmax(full, figures_of(p, i)->high[m]);
    heading(p, "The model and its baselines");
    pz_str_addf(p->out,
                "<p class=\"dim\">nDCG@%u from 0 to %.4f. The band is the 95%% interval: another "
                "sample of such users would most likely fall inside.</p>\n<div class=\"rows\">",
                p->v->how.k[p->k], full);
    for (size_t i = 0; i < n_shown(p); i++) {
        const struct pz_figures *f = figures_of(p, i);

        pz_str_adds(p->out, "<span>");
        text(p, contender_name(p, i));
        pz_str_adds(p->out, "</span><span>");
        pz_svg_interval(p->out, f->mean[m], f->low[m], f->high[m], full, (int)i);
        pz_str_addf(p->out, "</span><span>%.4f</span>\n", f->mean[m]);
    }
    pz_str_adds(p->out, "</div>\n");
}

static int by_k(const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

    return (a > b) - (a < b);
}

static void over_k(struct page *p)
{
    const struct pz_eval_cfg *how = &p->v->how;
    uint32_t k[PZ_MAX_KS];
    double x[PZ_MAX_KS], y[N_SERIES][PZ_MAX_KS];
    struct pz_svg_line line[N_SERIES];

    if (how->n_k < 2)
        return;
    memcpy(k, how->k, how->n_k * sizeof *k);
    qsort(k, how->n_k, sizeof *k, by_k);
    for (size_t s = 0; s < n_shown(p); s++) {
        line[s] = (struct pz_svg_line){ contender_name(p, s), y[s] };
        for (size_t i = 0; i < how->n_k; i++) {
            x[i] = k[i];
            y[s][i] = figures_of(p, s)->mean[ndcg_at(p, k[i])];
        }
    }
    heading(p, "By length of the list");
    pz_str_adds(p->out, "<p class=\"dim\">nDCG over K, the number of items shown.</p>\n");
    pz_svg_lines(p->out, "nDCG over the length of the list", x, how->n_k, line, n_shown(p));
}

/* ---- by history and popularity ---- */

/* Two bars, the model's and popularity's. */
static void pair(struct page *p, double mine, double other, double full, bool percent)
{
    pz_str_adds(p->out, "</span><span class=\"pair\">");
    pz_svg_bar(p->out, mine, full, 0);
    pz_svg_bar(p->out, other, full, 1);
    pz_str_adds(p->out, "</span><span>");
    if (percent)
        pz_str_addf(p->out, "%.1f%%<br><small>%.1f%%</small>", mine, other);
    else
        pz_str_addf(p->out, "%.4f<br><small>%.4f</small>", mine, other);
    pz_str_adds(p->out, "</span>\n");
}

static void legend(struct page *p)
{
    pz_str_adds(p->out, "<p class=\"legend\"><span><i class=\"b0\"></i>");
    text(p, p->v->recipe);
    pz_str_adds(p->out, "</span><span><i class=\"b1\"></i>popularity</span></p>\n");
}

static void by_history(struct page *p)
{
    static const uint32_t from[] = { 0, 1, 5, 20, 100, UINT32_MAX };
    static const char *const label[] = { "no history", "1 to 4 events", "5 to 19", "20 to 99",
                                         "100 and more" };
    enum { BINS = 5 };
    const struct pz_figures *f = &p->v->mine.figures, *g = &p->v->rival[0].figures;
    size_t m = ndcg_at(p, p->v->how.k[p->k]);
    double mine[BINS] = { 0 }, other[BINS] = { 0 }, full = 0;
    uint64_t n[BINS] = { 0 };

    for (size_t i = 0; i < f->n_cases; i++) {
        size_t b = 0;

        while (b + 1 < BINS && p->j->cases.c[i].n_history >= from[b + 1])
            b++;
        n[b]++;
        mine[b] += (double)f->each[i * f->n_metrics + m];
        other[b] += (double)g->each[i * g->n_metrics + m];
    }
    for (size_t b = 0; b < BINS; b++)
        full = n[b] ? fmax(full, fmax(mine[b], other[b]) / (double)n[b]) : full;
    heading(p, "By length of the history");
    pz_str_addf(p->out, "<p class=\"dim\">nDCG@%u of users with so many events before.</p>\n",
                p->v->how.k[p->k]);
    legend(p);
    pz_str_adds(p->out, "<div class=\"rows\">");
    for (size_t b = 0; b < BINS; b++) {
        if (n[b] == 0)
            continue;
        pz_str_addf(p->out, "<span>%s<br><small>", label[b]);
        count(p, n[b], "user");
        pz_str_adds(p->out, "</small>");
        pair(p, mine[b] / (double)n[b], other[b] / (double)n[b], full, false);
    }
    pz_str_adds(p->out, "</div>\n");
}

static double share(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

static uint64_t all_shown(const struct pz_figures *f)
{
    uint64_t n = 0;

    for (int c = 0; c < PZ_POPULARITY_CLASSES; c++)
        n += f->popularity[c].shown;
    return n;
}

static void by_popularity(struct page *p)
{
    static const char *const label[] = { "popular items", "items in the middle", "rare items" };
    const struct pz_figures *f = &p->v->mine.figures, *g = &p->v->rival[0].figures;
    uint64_t mine = all_shown(f), other = all_shown(g);
    bool same = f->popularity[0].truth == g->popularity[0].truth;

    heading(p, "By popularity of the item, and the long tail");
    pz_str_adds(p->out, "<p class=\"dim\">Three classes of items, each with a third of all "
                        "interactions. First: of the held-out items of a class, how many are "
                        "found.</p>\n");
    legend(p);
    pz_str_adds(p->out, "<div class=\"rows\">");
    for (int c = 0; c < PZ_POPULARITY_CLASSES; c++) {
        const struct pz_class_share *a = &f->popularity[c], *b = &g->popularity[c];

        pz_str_addf(p->out, "<span>%s<br><small>", label[c]);
        count(p, a->n_items, "item");
        pz_str_adds(p->out, ", ");
        number(p, a->truth);
        pz_str_adds(p->out, " held out</small>");
        pair(p, share(a->found, a->truth), share(b->found, same ? a->truth : b->truth), 100, true);
    }
    pz_str_adds(p->out, "</div>\n<p class=\"dim\">Second: which items the places in the lists go "
                        "to.</p>\n<div class=\"rows\">");
    for (int c = 0; c < PZ_POPULARITY_CLASSES; c++) {
        pz_str_addf(p->out, "<span>%s", label[c]);
        pair(p, share(f->popularity[c].shown, mine), share(g->popularity[c].shown, other), 100,
             true);
    }
    pz_str_addf(
        p->out,
        "</div>\n<p>Together the lists show %.1f%% of the catalogue (popularity: %.1f%%).</p>\n",
        100 * f->coverage, 100 * g->coverage);
}

/* ---- what the model is made of ---- */

static double trial_metric(const json_t *trial)
{
    return json_number_value(json_object_get(trial, "metric"));
}

/* The first trial of a scorer is its defaults; the best one of as many users is what tuning found.
 */
static bool tuned(const struct pz_model *m, const char *scorer, double *before, double *after)
{
    const json_t *trial, *first = NULL;
    size_t i;

    json_array_foreach (json_object_get(m->manifest, "trials"), i, trial) {
        const char *name = json_string_value(json_object_get(trial, "scorer"));

        if (!name || strcmp(name, scorer) != 0)
            continue;
        if (!first) {
            first = trial;
            *before = *after = trial_metric(trial);
        }
        if (json_integer_value(json_object_get(trial, "users")) >=
                json_integer_value(json_object_get(first, "users")) &&
            trial_metric(trial) > *after)
            *after = trial_metric(trial);
    }
    return first != NULL;
}

static void parts(struct page *p)
{
    const struct pz_model *m = p->j->model[0];
    double total = 0, before, after;

    for (size_t i = 0; i < m->n_parts; i++)
        total += m->part[i].weight;
    heading(p, "What the model is made of");
    pz_str_adds(p->out, "<p class=\"dim\">The weight of each part, and what tuning gained on users "
                        "kept aside inside the training data.</p>\n<div class=\"rows\">");
    for (size_t i = 0; i < m->n_parts; i++) {
        const char *name = m->part[i].scorer->name;

        pz_str_adds(p->out, "<span>");
        text(p, name);
        if (tuned(m, name, &before, &after))
            pz_str_addf(p->out, "<br><small>alone %.4f, tuned %.4f</small>", before, after);
        pz_str_adds(p->out, "</span><span>");
        pz_svg_bar(p->out, m->part[i].weight, total, 0);
        pz_str_addf(p->out, "</span><span>%.0f%%</span>\n",
                    total > 0 ? 100 * m->part[i].weight / total : 0);
    }
    pz_str_adds(p->out, "</div>\n");
}

/* ---- real users ---- */

/* The column of titles: by name, of texts. *long_text: it describes rather than names. */
static const struct pz_attr *title_column(const struct pz_model *m, bool *long_text)
{
    static const char *const names[] = { "TITLE",       "NAME",         "ITEM_NAME",  "ITEM_TITLE",
                                         "MOVIE_TITLE", "PRODUCT_NAME", "DESCRIPTION" };
    const struct pz_attr *a = NULL;
    size_t i = 0;

    for (; i < sizeof names / sizeof *names && !a; i++) {
        a = pz_attrs_find(&m->item_attrs, names[i]);
        a = a && !a->num ? a : NULL;
    }
    *long_text = i == sizeof names / sizeof *names;
    return a;
}

/* At most max bytes, cut between characters. */
static void short_text(struct page *p, const char *s, size_t n, size_t max)
{
    size_t keep = n;
    char *copy;

    if (n > max)
        for (keep = max; keep > 0 && ((unsigned char)s[keep] & 0xc0) == 0x80;)
            keep--;
    copy = pz_mem_strndup(s, keep);
    text(p, copy ? copy : "");
    pz_str_adds(p->out, keep < n ? "…" : "");
    p->out->failed |= !copy;
    free(copy);
}

/* An item's title, or its id and how it is described. */
static void item_name(struct page *p, uint32_t item)
{
    const struct pz_model *m = p->j->model[0];
    bool long_text;
    const struct pz_attr *a = title_column(m, &long_text);
    size_t n;
    const char *s = pz_dict_get(&m->items, item, &n);

    if (!a || item >= m->item_attrs.n_rows || a->ptr[item] == a->ptr[item + 1]) {
        short_text(p, s, n, 80);
        return;
    }
    if (long_text) {
        short_text(p, s, n, 40);
        pz_str_adds(p->out, " <small>");
    }
    s = pz_dict_get(&a->values, a->code[a->ptr[item]], &n);
    short_text(p, s, n, long_text ? 44 : 80);
    pz_str_adds(p->out, long_text ? "</small>" : "");
}

static void id_name(struct page *p, const char *id)
{
    uint32_t item = pz_dict_find_str(&p->j->model[0]->items, id);

    if (item == PZ_NONE)
        text(p, id);
    else
        item_name(p, item);
}

/* The newest of a user's history, newest first. */
static void history(struct page *p, const struct pz_case *c)
{
    const struct pz_model *m = p->j->model[0];
    uint32_t u = c->use_model ? pz_dict_find_str(&m->users, c->user_id) : PZ_NONE;
    uint64_t first = u == PZ_NONE ? 0 : m->ptr[u],
             n = u == PZ_NONE ? c->n_past : m->ptr[u + 1] - first;

    pz_str_adds(p->out, "<p><small>Before, newest first:</small> ");
    if (n == 0)
        pz_str_adds(p->out, "nothing");
    for (uint64_t i = 0; i < n && i < N_PAST; i++) {
        pz_str_adds(p->out, i ? " · " : "");
        if (u == PZ_NONE)
            id_name(p, c->past[n - 1 - i].item_id);
        else
            item_name(p, m->item[first + n - 1 - i]);
    }
    if (n > N_PAST)
        pz_str_addf(p->out, " <small>and %llu more</small>", (unsigned long long)(n - N_PAST));
    pz_str_adds(p->out, "</p>\n");
}

static bool is_truth(const struct page *p, const struct pz_case *c, uint32_t item)
{
    size_t n;
    const char *id = pz_dict_get(&p->j->model[0]->items, item, &n);

    for (size_t t = 0; t < c->n_truth; t++)
        if (strlen(c->truth[t]) == n && memcmp(c->truth[t], id, n) == 0)
            return true;
    return false;
}

static void user(struct page *p, size_t number, const uint32_t *item, size_t n)
{
    const struct pz_case *c = &p->j->cases.c[number];

    pz_str_adds(p->out, "<div class=\"user\"><h3>");
    text(p, c->user_id);
    pz_str_adds(p->out, "</h3>\n");
    history(p, c);
    pz_str_adds(p->out, "<p><small>Recommended:</small></p><ol>");
    for (size_t i = 0; i < n && i < N_LIST; i++) {
        bool hit = is_truth(p, c, item[i]);

        pz_str_adds(p->out, hit ? "<li class=\"hit\">" : "<li>");
        item_name(p, item[i]);
        pz_str_adds(p->out, hit ? " ✓</li>" : "</li>");
    }
    pz_str_adds(p->out, "</ol>\n<p><small>What came next:</small> ");
    for (size_t t = 0; t < c->n_truth && t < N_PAST; t++) {
        pz_str_adds(p->out, t ? " · " : "");
        id_name(p, c->truth[t]);
    }
    if (c->n_truth > N_PAST)
        pz_str_addf(p->out, " <small>and %zu more</small>", c->n_truth - N_PAST);
    pz_str_adds(p->out, "</p></div>\n");
}

/* Users from all over the data: the middle one of each fifth. */
static enum pz_status users(struct page *p, struct pz_err *err)
{
    const struct pz_judgement *j = p->j;
    size_t n_cases = j->cases.n, n_want = n_cases < N_USERS ? n_cases : N_USERS, n;
    uint32_t longest = 0, *item;
    enum pz_status st = PZ_OK;

    for (size_t i = 0; i < p->v->how.n_k; i++)
        longest = p->v->how.k[i] > longest ? p->v->how.k[i] : longest;
    if (!(item = pz_mem_array(longest, sizeof *item)))
        return pz_err_memory(err, "the report", 4.0 * longest);
    heading(p, "Five users");
    pz_str_adds(p->out, "<p class=\"dim\">Not chosen by success: the middle one of each fifth of "
                        "the test users. ✓ is a held-out item.</p>\n");
    for (size_t i = 0; i < n_want && st == PZ_OK; i++) {
        size_t number = (2 * i + 1) * n_cases / (2 * n_want);

        st = pz_evaluate_list(j->model[0], &j->cases, &p->v->how, number, item, &n, err);
        if (st == PZ_OK)
            user(p, number, item, n);
    }
    free(item);
    return st;
}

/* ---- every metric in plain words ---- */

static const struct {
    const char *prefix, *words;
} meanings[] = {
    { "normalized_discounted_cumulative_gain_with_event_weights_at",
      "as nDCG, and events of greater weight count more" },
    { "normalized_discounted_cumulative_gain_at",
      "how high up the held-out items stand: 1 when all are on top" },
    { "mean_reciprocal_rank_at",
      "one over the place of the first held-out item: 1 when it is first" },
    { "precision_at", "the share of the K places that hold a held-out item" },
    { "recall_at", "the share of a user's held-out items that are in the list" },
    { "hit_rate_at", "the share of users with a held-out item in the list" },
    { "mean_average_precision_at", "as precision, and several hits high up count more" },
    { "average_rewards_at", "what the hits are worth, as a share of all held-out items" },
    { "novelty", "how rarely people had the recommended items, in bits: one more is half as many" },
};

static const char *meaning_of(const char *name)
{
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (strncmp(name, meanings[i].prefix, strlen(meanings[i].prefix)) == 0)
            return meanings[i].words;
    return "";
}

static void metric_row(struct page *p, size_t i)
{
    const struct pz_verdict *v = p->v;
    const struct pz_figures *f = &v->mine.figures;

    pz_str_addf(p->out, "<tr><td>%s<p>%s</p></td><td>%.4f<br><small>%.4f to %.4f</small></td>",
                f->name[i], meaning_of(f->name[i]), f->mean[i], f->low[i], f->high[i]);
    for (size_t k = 0; k < v->n_rivals; k++) {
        struct pz_lift l = pz_compare(f, &v->rival[k].figures, i);

        pz_str_addf(p->out, "<td>%.4f<br><small class=\"%s\">", v->rival[k].figures.mean[i],
                    l.low > 0    ? "good"
                    : l.high < 0 ? "bad"
                                 : "");
        if (isfinite(l.ratio) && l.ratio < 10)
            pz_str_addf(p->out, "%+.1f%%", 100 * l.ratio);
        else
            pz_str_addf(p->out, "%+.4f", l.difference);
        pz_str_adds(p->out, "</small></td>");
    }
    pz_str_adds(p->out, "</tr>\n");
}

static void metric_head(struct page *p)
{
    pz_str_adds(p->out, "<div class=\"scroll\"><table><tr><th>metric</th><th>");
    text(p, p->v->recipe);
    pz_str_adds(p->out, "</th>");
    for (size_t k = 0; k < p->v->n_rivals; k++) {
        pz_str_adds(p->out, "<th>");
        text(p, p->v->rival[k].name);
        pz_str_adds(p->out, "</th>");
    }
    pz_str_adds(p->out, "</tr>\n");
}

static bool is_of_k(const char *name, uint32_t k)
{
    char end[16];
    size_t n = (size_t)snprintf(end, sizeof end, "_at_%u", k), len = strlen(name);

    return !strstr(name, "_at_") || (len > n && strcmp(name + len - n, end) == 0);
}

static void metrics(struct page *p)
{
    const struct pz_figures *f = &p->v->mine.figures;
    uint32_t k = p->v->how.k[p->k];

    heading(p, "Every figure in plain words");
    pz_str_adds(p->out, "<p class=\"dim\">Below a baseline's figure stands the model's lead over "
                        "it; coloured when it is beyond chance.</p>\n");
    metric_head(p);
    for (size_t i = 0; i < f->n_metrics; i++)
        if (is_of_k(f->name[i], k))
            metric_row(p, i);
    pz_str_addf(
        p->out,
        "</table></div>\n<p class=\"dim\">Coverage is %.4f: the share of the catalogue that "
        "is in some list. Gini is %.4f: 0 when all items are shown alike, near 1 when a few "
        "take all places.</p>\n<details><summary>At the other list lengths</summary>\n",
        f->coverage, f->gini);
    metric_head(p);
    for (size_t i = 0; i < f->n_metrics; i++)
        if (!is_of_k(f->name[i], k))
            metric_row(p, i);
    pz_str_adds(p->out, "</table></div></details>\n");
}

/* ---- where it comes from ---- */

static void source(struct page *p, const char *command)
{
    const struct pz_model *m = p->j->model[0];
    const struct pz_held_out *h = &p->v->held;
    int64_t first = INT64_MAX;

    for (uint64_t i = 0; i < m->n_interactions; i++)
        first = m->time[i] < first ? m->time[i] : first;
    heading(p, "Where this comes from");
    pz_str_adds(p->out, "<p>Trained on ");
    count(p, m->n_interactions, "interaction");
    pz_str_adds(p->out, " of ");
    count(p, m->users.n, "user");
    pz_str_adds(p->out, " with ");
    count(p, m->items.n, "item");
    if (m->n_interactions > 0) {
        pz_str_adds(p->out, ", ");
        date(p, first);
        pz_str_adds(p->out, " to ");
        date(p, m->newest);
    }
    pz_str_adds(p->out, ". Protocol <b>");
    text(p, p->v->protocol);
    pz_str_adds(p->out, "</b>");
    if (!p->v->cold) {
        pz_str_adds(p->out, ": ");
        count(p, h->n_events, "event");
        pz_str_addf(p->out,
                    " held out, %.1f%% of their items stand in the history; seen items are %s",
                    share(h->n_repeats, h->n_items),
                    p->v->how.seen == PZ_SEEN_EXCLUDE ? "left out" : "kept");
    }
    pz_str_addf(
        p->out,
        ". Every item of the catalogue is ranked, none is sampled away. Intervals come from "
        "%d resamples of the users, seed %llu.</p>\n",
        PZ_RESAMPLES, (unsigned long long)p->v->seed);
    if (command) {
        pz_str_adds(p->out, "<p><code>");
        text(p, command);
        pz_str_adds(p->out, "</code></p>\n");
    }
}

enum pz_status pz_judgement_page(const struct pz_judgement *j, const char *command,
                                 struct pz_str *out, struct pz_err *err)
{
    struct page p = { .j = j, .v = &j->v, .out = out };
    enum pz_status st;

    for (size_t i = 0; i < j->v.how.n_k; i++)
        if (labs((long)j->v.how.k[i] - 10) < labs((long)j->v.how.k[p.k] - 10))
            p.k = i;
    pz_str_adds(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta "
                     "name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>");
    text(&p, j->v.recipe);
    pz_str_adds(out, ": how good is it?</title>\n");
    pz_str_adds(out, style);
    pz_str_adds(out, "</head><body>\n<h1>");
    text(&p, j->v.recipe);
    pz_str_adds(out, ", ");
    date(&p, j->model[0]->newest);
    pz_str_adds(out, "</h1>\n");
    say(&p);
    notes(&p);
    all_on_one_scale(&p);
    over_k(&p);
    if (!j->v.cold)
        by_history(&p);
    by_popularity(&p);
    parts(&p);
    st = users(&p, err);
    metrics(&p);
    source(&p, command);
    pz_str_adds(out, "</body></html>\n");
    return st == PZ_OK && out->failed ? pz_err_memory(err, "the report", 1e5) : st;
}
