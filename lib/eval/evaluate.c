/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluation: see evaluate.h. Each case is asked as a query and its list compared with the
 * ground truth; the case's metrics are a row of figures, and means and intervals come from the
 * rows.
 *
 * Cases run in parallel, each writing its own row; sums run over rows in order. What is counted
 * over all lists is counted a thread and added up: integers, whose sums do not depend on the
 * order. So the figures are the same bits at any number of threads. */
#include "eval/evaluate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/par.h"
#include "base/signals.h"
#include "base/str.h"
#include "eval/bootstrap.h"
#include "eval/metrics.h"

/* Metrics of one K, in the order of their columns. The last only when cases have gains. */
enum { NDCG, MRR, PRECISION, RECALL, HIT_RATE, MAP, WEIGHTED_NDCG, PER_K };

static const char *const prefix[PER_K] = {
    "normalized_discounted_cumulative_gain_at",
    "mean_reciprocal_rank_at",
    "precision_at",
    "recall_at",
    "hit_rate_at",
    "mean_average_precision_at",
    "normalized_discounted_cumulative_gain_with_event_weights_at"
};

size_t pz_eval_near_ten(const struct pz_eval_cfg *cfg)
{
    size_t at = 0;

    for (size_t i = 1; i < cfg->n_k; i++)
        if (labs((long)cfg->k[i] - 10) < labs((long)cfg->k[at] - 10))
            at = i;
    return at;
}

enum pz_status pz_eval_parse_ks(const char *text, struct pz_eval_cfg *cfg, struct pz_err *err)
{
    cfg->n_k = 0;
    while (*text && cfg->n_k < PZ_MAX_KS) {
        size_t n = strcspn(text, ","), same = 0;
        long long k;

        if (!pz_str_to_i64(text, n, &k) || k < 1 || k > 10000 || (text[n] && !text[n + 1]))
            break;
        while (same < cfg->n_k && cfg->k[same] != k)
            same++;
        if (same == cfg->n_k)
            cfg->k[cfg->n_k++] = (uint32_t)k;
        text += n + (text[n] == ',');
    }
    if (*text || cfg->n_k == 0)
        return pz_err_set(err, PZ_USAGE,
                          "--at takes up to %d numbers from 1 to 10000, such as 5,10,25",
                          PZ_MAX_KS);
    return PZ_OK;
}

void pz_figures_clear(struct pz_figures *f)
{
    for (size_t i = 0; f->name && i < f->n_metrics; i++)
        free(f->name[i]);
    free(f->name);
    free(f->each);
    free(f->mean);
    free(f->low);
    free(f->high);
    free(f->resample);
    memset(f, 0, sizeof *f);
}

static uint32_t longest_k(const struct pz_eval_cfg *cfg)
{
    uint32_t longest = 0;

    for (size_t i = 0; i < cfg->n_k; i++)
        longest = cfg->k[i] > longest ? cfg->k[i] : longest;
    return longest;
}

/* ---- one case ---- */

struct job {
    const struct pz_model *m;
    const struct pz_cases *cases;
    const struct pz_eval_cfg *cfg;
    uint32_t longest;             /* list length */
    uint32_t n_users;             /* with a history in the model */
    size_t per_k;                 /* metrics a K */
    const struct pz_attr *reward; /* column of the objective; NULL: none */
    struct pz_figures *out;
    uint32_t *shown;   /* [n_items] lists of the longest K that have the item */
    uint8_t *class;    /* [n_items] by popularity */
    uint32_t *best;    /* [n_items] the best place it has in any list, from 1; 0: none */
    struct pz_err err; /* of a case that failed */
};

/* What one thread works with. */
struct scratch {
    struct pz_ranker *ranker;
    uint8_t *hit; /* [longest] */
    float *gain;  /* [longest] */
    float *ideal; /* gains of the ground truth, best first */
    size_t cap_ideal;
    uint32_t *shown, *best;
    uint64_t truth[PZ_POPULARITY_CLASSES], found[PZ_POPULARITY_CLASSES];
    char item[260]; /* id asked for, of related items */
    struct pz_err err;
};

static void fill_row(const struct job *r, const struct pz_case *c, struct scratch *s, size_t n,
                     float *row)
{
    for (size_t i = 0; i < r->cfg->n_k; i++, row += r->per_k) {
        size_t k = r->cfg->k[i];

        row[NDCG] = (float)pz_metric_ndcg(s->hit, n, c->n_truth, k);
        row[MRR] = (float)pz_metric_mrr(s->hit, n, k);
        row[PRECISION] = (float)pz_metric_precision(s->hit, n, k);
        row[RECALL] = (float)pz_metric_recall(s->hit, n, c->n_truth, k);
        row[HIT_RATE] = (float)pz_metric_hit(s->hit, n, k);
        row[MAP] = (float)pz_metric_map(s->hit, n, c->n_truth, k);
        if (c->gain)
            row[WEIGHTED_NDCG] = (float)pz_metric_weighted_ndcg(s->gain, n, s->ideal, c->n_truth,
                                                                k);
    }
}

static double reward_of(const struct job *r, uint32_t item)
{
    return item != PZ_NONE && r->reward->num[item] > 0 ? r->reward->num[item]
                                                       : 0; /* NaN is not > 0 */
}

/* Personalize's rewards of one user: what the hits of the list are worth, as a share of what the
 * ground truth is. */
static double share_of_rewards(const struct job *r, const struct pz_case *c,
                               const struct pz_answer *answer, const struct scratch *s, size_t n)
{
    double gained = 0, total = 0;

    for (size_t i = 0; i < n; i++)
        gained += s->hit[i] ? reward_of(r, answer->hit[i].item) : 0;
    for (size_t t = 0; t < c->n_truth; t++)
        total += reward_of(r, pz_dict_find_str(&r->m->items, c->truth[t]));
    /* Nothing to gain counts as nothing gained, so that the mean is over all users. */
    return total > 0 ? gained / total : 0;
}

/* Which truth an item is, or c->n_truth. */
static size_t find_truth(const struct job *r, const struct pz_case *c, uint32_t item)
{
    /* Ground truth is a handful of items: a search along it beats any index. */
    size_t len, t = 0;
    const char *id = pz_dict_get(&r->m->items, item, &len);

    while (t < c->n_truth && (strncmp(c->truth[t], id, len) != 0 || c->truth[t][len] != '\0'))
        t++;
    return t;
}

static int by_gain(const void *x, const void *y)
{
    float a = *(const float *)x, b = *(const float *)y;

    return a > b ? -1 : a < b;
}

static bool set_ideal(struct scratch *s, const struct pz_case *c)
{
    if (!c->gain)
        return true;
    if (!pz_mem_grow(&s->ideal, &s->cap_ideal, c->n_truth, sizeof *s->ideal))
        return false;
    memcpy(s->ideal, c->gain, c->n_truth * sizeof *s->ideal);
    qsort(s->ideal, c->n_truth, sizeof *s->ideal, by_gain);
    return true;
}

/* The newest item of the history, which a recipe of related items is asked for; "" without one. */
static const char *newest_item(const struct job *r, const struct pz_case *c, struct scratch *s)
{
    uint32_t u = c->use_model ? pz_dict_find_str(&r->m->users, c->user_id) : PZ_NONE;
    const char *id;
    size_t len;

    if (c->n_past > 0)
        return c->past[c->n_past - 1].item_id;
    if (u == PZ_NONE || r->m->ptr[u] == r->m->ptr[u + 1])
        return "";
    id = pz_dict_get(&r->m->items, r->m->item[r->m->ptr[u + 1] - 1], &len);
    snprintf(s->item, sizeof s->item, "%.*s", (int)len, id);
    return s->item;
}

static enum pz_status ask(const struct job *r, const struct pz_case *c, struct scratch *s,
                          struct pz_answer *answer)
{
    const struct pz_live past = { .forgotten = true, .event = c->past, .n_events = c->n_past };
    struct pz_request req = { .user_id = c->user_id,
                              .live = c->use_model ? NULL : &past,
                              .now = c->now,
                              .rank = r->cases->among,
                              .n_rank = r->cases->n_among,
                              .num = r->longest,
                              .rules = { .seen = r->cfg->seen,
                                         .objective = r->cfg->objective,
                                         .objective_power = r->cfg->objective_power },
                              .no_scores = true,
                              .exploration_weight = r->cfg->exploration_weight };

    if (r->m->recipe->task == PZ_TASK_RELATED)
        req.item_id = newest_item(r, c, s);
    return pz_rank(s->ranker, &req, answer, &s->err);
}

/* Ask, and compare the answer with the ground truth. */
static bool run_case(struct job *r, size_t number, struct scratch *s)
{
    const struct pz_case *c = &r->cases->c[number];
    float *row = r->out->each + number * r->out->n_metrics;
    struct pz_answer answer;
    double novelty = 0;
    size_t n;

    if (!set_ideal(s, c) || ask(r, c, s, &answer) != PZ_OK)
        return false;
    n = answer.n < r->longest ? answer.n : r->longest; /* a given list comes back whole */
    for (size_t i = 0; i < n; i++) {
        uint32_t item = answer.hit[i].item;
        size_t t = item == PZ_NONE ? c->n_truth : find_truth(r, c, item);

        s->hit[i] = t < c->n_truth;
        s->gain[i] = c->gain && s->hit[i] ? c->gain[t] : 0;
        if (item == PZ_NONE)
            continue; /* of a given list, unknown to the model */
        s->shown[item]++;
        s->found[r->class[item]] += s->hit[i];
        if (s->best[item] == 0 || i + 1 < s->best[item])
            s->best[item] = (uint32_t)i + 1;
        novelty += pz_metric_novelty(r->m->item_count[item], r->n_users);
    }
    for (size_t t = 0; t < c->n_truth; t++) {
        uint32_t item = pz_dict_find_str(&r->m->items, c->truth[t]);

        if (item != PZ_NONE)
            s->truth[r->class[item]]++;
    }
    fill_row(r, c, s, n, row);
    if (r->reward)
        row[r->out->n_metrics - 2] = (float)share_of_rewards(r, c, &answer, s, n);
    row[r->out->n_metrics - 1] = (float)(n ? novelty / (double)n : 0);
    return true;
}

enum pz_status pz_evaluate_list(const struct pz_model *m, const struct pz_cases *cases,
                                const struct pz_eval_cfg *cfg, size_t number, uint32_t *item,
                                size_t *n, struct pz_err *err)
{
    struct job r = { .m = m, .cases = cases, .cfg = cfg, .longest = longest_k(cfg) };
    struct scratch s = { .ranker = pz_ranker_new(m) };
    struct pz_answer answer = { .n = 0 };
    enum pz_status st = s.ranker ? ask(&r, &cases->c[number], &s, &answer)
                                 : pz_err_memory(err, "a list", 24.0 * m->items.n);

    *n = 0;
    for (size_t i = 0; st == PZ_OK && i < answer.n && *n < r.longest; i++)
        if (answer.hit[i].item != PZ_NONE)
            item[(*n)++] = answer.hit[i].item;
    if (st != PZ_OK && s.ranker)
        st = pz_err_set(err, st, "%s", s.err.text);
    pz_ranker_free(s.ranker);
    return st;
}

/* ---- all cases ---- */

static bool scratch_new(const struct job *r, struct scratch *s)
{
    s->ranker = pz_ranker_new(r->m);
    s->hit = pz_mem_array(r->longest, sizeof *s->hit);
    s->gain = pz_mem_array(r->longest, sizeof *s->gain);
    s->shown = pz_mem_array(r->m->items.n, sizeof *s->shown);
    s->best = pz_mem_array(r->m->items.n, sizeof *s->best);
    return s->ranker && s->hit && s->gain && s->shown && s->best;
}

/* Add what a thread counted to the job, and free its scratch. */
static void fold_scratch(struct job *r, struct scratch *s)
{
    for (uint32_t i = 0; s->shown && s->best && i < r->m->items.n; i++) {
        r->shown[i] += s->shown[i];
        if (s->best[i] > 0 && (r->best[i] == 0 || s->best[i] < r->best[i]))
            r->best[i] = s->best[i];
    }
    for (int k = 0; k < PZ_POPULARITY_CLASSES; k++) {
        r->out->popularity[k].truth += s->truth[k];
        r->out->popularity[k].found += s->found[k];
    }
    pz_ranker_free(s->ranker);
    free(s->hit);
    free(s->gain);
    free(s->ideal);
    free(s->shown);
    free(s->best);
}

static enum pz_status run_cases(struct job *r, struct pz_err *err)
{
    bool failed = false;

    pz_log_begin(r->cfg->log, "evaluating", "cases", r->cases->n);
#pragma omp parallel num_threads(pz_par_threads())
    {
        struct scratch scratch = { .ranker = NULL };
        bool good = scratch_new(r, &scratch);

#pragma omp for schedule(dynamic, 16)
        for (size_t k = 0; k < r->cases->n; k++) {
            /* Nothing breaks out of an OpenMP loop; what is left is passed over. */
            if (good && !pz_stop_asked())
                good = run_case(r, k, &scratch);
            pz_log_step(r->cfg->log, 1);
        }
#pragma omp critical(pz_evaluate_fold)
        {
            if (!good)
                r->err = scratch.err;
            failed |= !good;
            fold_scratch(r, &scratch);
        }
    }
    pz_log_done(r->cfg->log);
    if (pz_stop_asked())
        return pz_err_set(err, PZ_INTERRUPTED, "stopped while evaluating");
    if (failed && r->err.status != PZ_OK)
        return pz_err_set(err, r->err.status, "%s", r->err.text);
    return failed ? pz_err_memory(err, "evaluating", 24.0 * r->m->items.n) : PZ_OK;
}

/* ---- figures ---- */

static bool name_metrics(const struct job *r, struct pz_figures *f)
{
    size_t n = r->per_k * r->cfg->n_k;

    f->n_metrics = n + (r->reward ? 2 : 1);
    f->name = pz_mem_array(f->n_metrics, sizeof *f->name);
    for (size_t i = 0; f->name && i < n; i++) {
        char text[96];
        int len = snprintf(text, sizeof text, "%s_%u", prefix[i % r->per_k],
                           r->cfg->k[i / r->per_k]);

        f->name[i] = pz_mem_strndup(text, (size_t)len);
        if (!f->name[i])
            return false;
    }
    if (f->name && r->reward)
        f->name[n] = pz_mem_strndup("average_rewards_at_k", 20);
    if (f->name)
        f->name[f->n_metrics - 1] = pz_mem_strndup("novelty", 7);
    return f->name && f->name[n] && f->name[f->n_metrics - 1];
}

static enum pz_status make_figures(const struct job *r, struct pz_figures *f, struct pz_err *err)
{
    f->n_cases = r->cases->n;
    if (name_metrics(r, f)) {
        f->each = pz_mem_array(f->n_cases * f->n_metrics, sizeof *f->each);
        f->mean = pz_mem_array(f->n_metrics, sizeof *f->mean);
        f->low = pz_mem_array(f->n_metrics, sizeof *f->low);
        f->high = pz_mem_array(f->n_metrics, sizeof *f->high);
        f->resample = pz_mem_array(PZ_RESAMPLES * f->n_metrics, sizeof *f->resample);
    }
    if (!f->each || !f->mean || !f->low || !f->high || !f->resample)
        return pz_err_memory(err, "evaluating", 4.0 * (double)(f->n_cases * f->n_metrics));
    return PZ_OK;
}

static void summarize(struct job *r)
{
    /* In the order of the cases, in double: the same sum at any number of threads. */
    struct pz_figures *f = r->out;
    uint32_t n_items = r->m->items.n, distinct = 0;

    for (size_t i = 0; i < f->n_metrics; i++) {
        double sum = 0;

        for (size_t k = 0; k < f->n_cases; k++)
            sum += (double)f->each[k * f->n_metrics + i];
        f->mean[i] = sum / (double)f->n_cases;
    }
    for (size_t i = 0; i < r->cfg->n_k; i++) {
        uint32_t n = 0;

        for (uint32_t item = 0; item < n_items; item++)
            n += r->best[item] > 0 && r->best[item] <= r->cfg->k[i];
        f->share[i] = n_items ? (double)n / n_items : 0;
    }
    for (uint32_t item = 0; item < n_items; item++)
        distinct += r->best[item] > 0;
    f->coverage = n_items ? (double)distinct / n_items : 0;
    for (uint32_t item = 0; item < n_items; item++)
        f->popularity[r->class[item]].shown += r->shown[item];
    f->gini = pz_metric_gini(r->shown, n_items); /* puts shown in order */
}

struct item_count {
    uint32_t count, item;
};

static int by_popularity(const void *x, const void *y)
{
    const struct item_count *a = x, *b = y;

    return a->count != b->count ? (a->count > b->count ? -1 : 1)
                                : (a->item > b->item) - (a->item < b->item);
}

static bool find_classes(struct job *r)
{
    uint32_t n = r->m->items.n;
    struct item_count *order = pz_mem_array(n, sizeof *order);
    uint64_t total = 0, sum = 0;

    r->class = pz_mem_array(n, sizeof *r->class);
    for (uint32_t i = 0; order && i < n; i++) {
        order[i] = (struct item_count){ r->m->item_count[i], i };
        total += order[i].count;
    }
    if (order)
        qsort(order, n, sizeof *order, by_popularity);
    for (uint32_t i = 0; order && r->class && i < n; i++) {
        /* An item's class is where it begins in the events, most popular first: each class has
         * about as many events, and later ones more items. */
        uint64_t k = total ? PZ_POPULARITY_CLASSES * sum / total : 0;

        k = k < PZ_POPULARITY_CLASSES ? k : PZ_POPULARITY_CLASSES - 1;
        r->class[order[i].item] = (uint8_t)k;
        r->out->popularity[k].n_items++;
        sum += order[i].count;
    }
    free(order);
    return order && r->class;
}

enum pz_status pz_evaluate(const struct pz_model *m, const struct pz_cases *cases,
                           const struct pz_eval_cfg *cfg, struct pz_figures *out,
                           struct pz_err *err)
{
    struct job r = {
        .m = m, .cases = cases, .cfg = cfg, .out = out, .per_k = cases->weighed ? PER_K : PER_K - 1
    };
    enum pz_status st;

    memset(out, 0, sizeof *out);
    if (cases->n == 0)
        return pz_err_set(err, PZ_BAD_DATA, "no test user has ground truth that counts");
    if (cfg->objective) {
        r.reward = pz_attrs_find(&m->item_attrs, cfg->objective);
        if (!r.reward || !r.reward->num)
            return pz_err_set(err, PZ_USAGE, "the objective %s is no column of numbers of Items",
                              cfg->objective);
    }
    r.longest = longest_k(cfg);
    for (uint32_t u = 0; u < m->users.n; u++)
        r.n_users += m->ptr[u + 1] > m->ptr[u];
    st = make_figures(&r, out, err);
    r.shown = pz_mem_array(m->items.n, sizeof *r.shown);
    r.best = pz_mem_array(m->items.n, sizeof *r.best);
    if (st == PZ_OK && (!r.shown || !r.best || !find_classes(&r)))
        st = pz_err_memory(err, "evaluating", 17.0 * m->items.n);
    if (st == PZ_OK)
        st = run_cases(&r, err);
    if (st == PZ_OK) {
        summarize(&r);
        pz_bootstrap(out, cfg->seed);
    }
    free(r.shown);
    free(r.best);
    free(r.class);
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
            /* Cold cases have no gains, and so no weighted nDCG. */
            reach[i] = f.mean[i * (PER_K - 1) + HIT_RATE];
        pz_figures_clear(&f);
    }
    free(early.c);
    return st;
}
