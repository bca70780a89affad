/* SPDX-License-Identifier: Apache-2.0 */
/* The page: see page.h. Sections from the answer to the evidence; each is a function that
 * appends its HTML. The page stands alone: style and drawings are in it, and it loads nothing.
 * Names, titles and ids come from a stranger's data and are escaped. */
#include "eval/page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/embed.h"
#include "base/time.h"
#include "eval/page_users.h"
#include "eval/svg.h"

enum { N_SERIES = 6 };

struct page {
    const struct pz_judgement *j;
    const struct pz_verdict *v;
    struct pz_str *out;
    size_t k; /* the place in how.k of the K that the page speaks of: the one next to ten */
};

PZ_EMBED(pz_page_style, "lib/eval/page.css");

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
    struct page p = { .j = j, .v = &j->v, .out = out, .k = pz_eval_near_ten(&j->v.how) };
    enum pz_status st;

    pz_str_adds(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta "
                     "name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>");
    text(&p, j->v.recipe);
    pz_str_adds(out, ": how good is it?</title>\n");
    pz_str_adds(out, "<style>\n");
    pz_str_adds(out, pz_page_style);
    pz_str_adds(out, "</style>\n");
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
    st = pz_page_users(j, out, err);
    metrics(&p);
    source(&p, command);
    pz_str_adds(out, "</body></html>\n");
    return st == PZ_OK && out->failed ? pz_err_memory(err, "the report", 1e5) : st;
}
