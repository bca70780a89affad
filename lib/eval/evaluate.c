/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluation: see evaluate.h. Cases run in parallel, each writing its own row; sums run over rows in
 * order. Resamples of the bootstrap are drawn per resample number, so intervals repeat too. */
#include "eval/evaluate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/par.h"
#include "base/rng.h"
#include "eval/metrics.h"

enum { PER_K = 6, HIT_RATE = 4, RESAMPLES = 1000 }; /* HIT_RATE: place in prefix[] */

void pz_figures_clear(struct pz_figures *f)
{
    for (size_t i = 0; f->name && i < f->n_metrics; i++)
        free((char *)(uintptr_t)f->name[i]);
    free(f->name);
    free(f->each);
    free(f->mean);
    free(f->low);
    free(f->high);
    memset(f, 0, sizeof *f);
}

static const char *const prefix[PER_K] = {
    "normalized_discounted_cumulative_gain_at", "mean_reciprocal_rank_at", "precision_at",
    "recall_at", "hit_rate_at", "mean_average_precision_at"
};

static bool name_metrics(const struct pz_eval_cfg *cfg, struct pz_figures *f)
{
    f->n_metrics = PER_K * cfg->n_k;
    f->name = pz_mem_array(f->n_metrics, sizeof *f->name);
    for (size_t i = 0; f->name && i < f->n_metrics; i++) {
        char text[80];
        int n = snprintf(text, sizeof text, "%s_%u", prefix[i % PER_K], cfg->k[i / PER_K]);

        f->name[i] = pz_mem_strndup(text, (size_t)n);
        if (!f->name[i])
            return false;
    }
    return f->name != NULL;
}

static void fill_row(const uint8_t *hit, size_t n, size_t n_truth, const struct pz_eval_cfg *cfg,
                     float *row)
{
    for (size_t i = 0; i < cfg->n_k; i++, row += PER_K) {
        size_t k = cfg->k[i];

        row[0] = (float)pz_metric_ndcg(hit, n, n_truth, k);
        row[1] = (float)pz_metric_mrr(hit, n, k);
        row[2] = (float)pz_metric_precision(hit, n, k);
        row[3] = (float)pz_metric_recall(hit, n, n_truth, k);
        row[4] = (float)pz_metric_hit(hit, n, k);
        row[5] = (float)pz_metric_map(hit, n, n_truth, k);
    }
}

struct run {
    const struct pz_model *m;
    const struct pz_cases *cases;
    const struct pz_eval_cfg *cfg;
    uint32_t longest; /* list length */
    struct pz_figures *out;
    uint32_t *shown;  /* [n_items] how often recommended; integer sums: any order gives the same */
    uint64_t n_shown;
    double *surprise; /* [n_cases] mean -log2 of popularity share */
};

static bool is_truth(const struct run *r, const struct pz_case *c, uint32_t item)
{
    size_t len;
    const char *id = pz_dict_get(&r->m->items, item, &len);

    for (size_t t = 0; t < c->n_truth; t++)
        if (strlen(c->truth[t]) == len && memcmp(c->truth[t], id, len) == 0)
            return true;
    return false;
}

static enum pz_status run_case(struct run *r, size_t k, struct pz_ranker *ranker, uint8_t *hit)
{
    const struct pz_case *c = &r->cases->c[k];
    const struct pz_live unknown = { .forgotten = true };
    struct pz_request req = { .user_id = c->user_id,
                              .live = c->use_model ? NULL : &unknown,
                              .history = c->history,
                              .n_history = c->n_history,
                              .rank = r->cases->among,
                              .n_rank = r->cases->n_among,
                              .num = r->longest,
                              .rules.seen = r->cfg->seen,
                              .exploration_weight = 0 };
    struct pz_answer answer;
    double users = r->m->users.n;
    enum pz_status st = pz_rank(ranker, &req, &answer, NULL);

    if (st != PZ_OK)
        return st;
    if (answer.n > r->longest) /* a given list comes back whole */
        answer.n = r->longest;
    for (size_t i = 0; i < answer.n; i++) {
        uint32_t item = answer.hit[i].item;

        hit[i] = is_truth(r, c, item);
        if (i < r->cfg->k[r->cfg->n_k - 1]) {
#pragma omp atomic
            r->shown[item]++;
        }
        r->surprise[k] += log2((users + 1) / (r->m->item_count[item] + 1.0));
    }
    r->surprise[k] /= answer.n ? (double)answer.n : 1;
    fill_row(hit, answer.n, c->n_truth, r->cfg, r->out->each + k * r->out->n_metrics);
    return PZ_OK;
}

static enum pz_status run_cases(struct run *r, struct pz_err *err)
{
    int failed = 0;

    pz_log_begin(r->cfg->log, "evaluating", "cases", r->cases->n);
#pragma omp parallel num_threads(pz_par_threads())
    {
        struct pz_ranker *ranker = pz_ranker_new(r->m);
        uint8_t *hit = malloc(r->longest + 1);

#pragma omp for schedule(dynamic, 16)
        for (size_t k = 0; k < r->cases->n; k++) {
            if (!ranker || !hit || run_case(r, k, ranker, hit) != PZ_OK) {
#pragma omp atomic write
                failed = 1;
            }
            pz_log_step(r->cfg->log, 1);
        }
        pz_ranker_free(ranker);
        free(hit);
    }
    pz_log_done(r->cfg->log);
    return failed ? pz_err_memory(err, "evaluating", 12.0 * r->m->items.n) : PZ_OK;
}

static int by_double(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;

    return a < b ? -1 : a > b;
}

/* 2.5 and 97.5 % points of the means of resamples of value(i), i < n. */
static void interval(const float *each, size_t stride, size_t n, uint64_t seed, double *low,
                     double *high)
{
    double mean[RESAMPLES];

#pragma omp parallel for schedule(static) num_threads(pz_par_threads())
    for (int b = 0; b < RESAMPLES; b++) {
        struct pz_rng rng;
        double sum = 0;

        pz_rng_init(&rng, seed, (uint64_t)b);
        for (size_t i = 0; i < n; i++)
            sum += (double)each[(size_t)pz_rng_below(&rng, (uint32_t)n) * stride];
        mean[b] = n ? sum / (double)n : 0;
    }
    qsort(mean, RESAMPLES, sizeof *mean, by_double);
    *low = mean[RESAMPLES / 40];
    *high = mean[RESAMPLES - 1 - RESAMPLES / 40];
}

static void summarize(struct run *r)
{
    struct pz_figures *f = r->out;
    uint32_t distinct = 0;

    for (size_t i = 0; i < f->n_metrics; i++) {
        double sum = 0;

        for (size_t k = 0; k < f->n_cases; k++)
            sum += (double)f->each[k * f->n_metrics + i];
        f->mean[i] = f->n_cases ? sum / (double)f->n_cases : 0;
        interval(f->each + i, f->n_metrics, f->n_cases, r->cfg->seed, &f->low[i], &f->high[i]);
    }
    for (uint32_t i = 0; i < r->m->items.n; i++)
        distinct += r->shown[i] > 0;
    f->coverage = r->m->items.n ? (double)distinct / r->m->items.n : 0;
    f->catalogue_share = f->coverage;
    f->gini = pz_metric_gini(r->shown, r->m->items.n);
    for (size_t k = 0; k < f->n_cases; k++)
        f->novelty += r->surprise[k] / (double)f->n_cases;
}

enum pz_status pz_evaluate(const struct pz_model *m, const struct pz_cases *cases,
                           const struct pz_eval_cfg *cfg, struct pz_figures *out,
                           struct pz_err *err)
{
    struct run r = { .m = m, .cases = cases, .cfg = cfg, .out = out };
    enum pz_status st = PZ_OK;

    memset(out, 0, sizeof *out);
    if (cases->n == 0)
        return pz_err_set(err, PZ_BAD_DATA, "no test user has both a history and a truth");
    for (size_t i = 0; i < cfg->n_k; i++)
        r.longest = cfg->k[i] > r.longest ? cfg->k[i] : r.longest;
    out->n_cases = cases->n;
    r.shown = pz_mem_array(m->items.n, sizeof *r.shown);
    r.surprise = pz_mem_array(cases->n, sizeof *r.surprise);
    if (name_metrics(cfg, out)) {
        out->each = pz_mem_array(cases->n * out->n_metrics, sizeof *out->each);
        out->mean = pz_mem_array(out->n_metrics, sizeof *out->mean);
        out->low = pz_mem_array(out->n_metrics, sizeof *out->low);
        out->high = pz_mem_array(out->n_metrics, sizeof *out->high);
    }
    if (!r.shown || !r.surprise || !out->each || !out->mean || !out->low || !out->high)
        st = pz_err_memory(err, "evaluating", 4.0 * (double)(cases->n * out->n_metrics));
    if (st == PZ_OK)
        st = run_cases(&r, err);
    if (st == PZ_OK)
        summarize(&r);
    free(r.shown);
    free(r.surprise);
    if (st != PZ_OK)
        pz_figures_clear(out);
    return st;
}

enum pz_status pz_evaluate_reach(const struct pz_model *m, const struct pz_cases *cases,
                                 const struct pz_eval_cfg *cfg, double *reach, struct pz_err *err)
{
    struct pz_cases early = { .c = pz_mem_array(cases->n, sizeof *early.c) };
    struct pz_figures f;
    enum pz_status st = early.c ? PZ_OK : pz_err_memory(err, "test cases", 1e6);

    memset(reach, 0, cfg->n_k * sizeof *reach);
    for (size_t k = 0; early.c && k < cases->n; k++)
        if (cases->c[k].early)
            early.c[early.n++] = cases->c[k];
    if (st == PZ_OK && early.n > 0) {
        st = pz_evaluate(m, &early, cfg, &f, err);
        for (size_t i = 0; st == PZ_OK && i < cfg->n_k; i++)
            reach[i] = f.mean[i * PER_K + HIT_RATE];
        pz_figures_clear(&f);
    }
    free(early.c);
    return st;
}

struct pz_lift pz_compare(const struct pz_figures *a, const struct pz_figures *b, size_t metric,
                          uint64_t seed)
{
    struct pz_lift lift = { 0 };
    float *diff = pz_mem_array(a->n_cases, sizeof *diff);

    lift.difference = a->mean[metric] - b->mean[metric];
    lift.ratio = b->mean[metric] > 0 ? a->mean[metric] / b->mean[metric] - 1 : INFINITY;
    for (size_t k = 0; diff && k < a->n_cases; k++)
        diff[k] = a->each[k * a->n_metrics + metric] - b->each[k * b->n_metrics + metric];
    if (diff)
        interval(diff, 1, a->n_cases, seed, &lift.low, &lift.high);
    free(diff);
    return lift;
}
