/* SPDX-License-Identifier: Apache-2.0 */
/* The held-out check: what the blend that tuning ended with is worth on the validation cases, by
 * the metrics that GetSolutionMetrics has, and what tuning gained over the defaults there.
 *
 * Each metric is the mean over users, weighed as tuning weighs them (validation.h). Tuning chose by
 * these cases, which flatters the blend a little; pz-eval judges on cases that no training saw. The
 * defaults are those of --no-tune: parts that take long are not among them.
 *
 * Coverage is the share of all items that are among the first 25 of any case. A thread has its own
 * bits, which are united at the end, and each user's values have a place of their own: the same at
 * any thread count. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/par.h"
#include "train/tune.h"

enum { LIST = 25 };

static const struct {
    const char *name; /* in the manifest: Personalize's */
    struct pz_metric metric;
} metrics[] = {
    { "mean_reciprocal_rank_at_25", { PZ_METRIC_MRR, 25 } },
    { "normalized_discounted_cumulative_gain_at_5", { PZ_METRIC_NDCG, 5 } },
    { "normalized_discounted_cumulative_gain_at_10", { PZ_METRIC_NDCG, 10 } },
    { "normalized_discounted_cumulative_gain_at_25", { PZ_METRIC_NDCG, 25 } },
    { "precision_at_5", { PZ_METRIC_PRECISION, 5 } },
    { "precision_at_10", { PZ_METRIC_PRECISION, 10 } },
    { "precision_at_25", { PZ_METRIC_PRECISION, 25 } },
};
enum { N_METRICS = sizeof metrics / sizeof *metrics };

/* What the threads share. */
struct checking {
    const struct pz_search *s;
    struct pz_valid_scratch *scratch;
    double *each;    /* [N_METRICS * n_users]; the tuned metric's are those of the search */
    uint64_t **seen; /* [threads] bitset of items that were among the first LIST */
};

/* Mark the first LIST items of a list; equal scores by index. */
static void mark_first(const float *score, uint32_t n, uint64_t *seen)
{
    uint32_t top[LIST], have = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = have;

        if (!(score[i] > 0) || (have == LIST && score[i] <= score[top[LIST - 1]]))
            continue;
        have += have < LIST;
        at = at < LIST ? at : LIST - 1;
        for (; at > 0 && score[top[at - 1]] < score[i]; at--)
            top[at] = top[at - 1];
        top[at] = i;
    }
    for (uint32_t k = 0; k < have; k++)
        pz_bits_add(seen, top[k]);
}

/* A case that was scored. */
static void check_case(const struct checking *j, uint32_t user, const struct pz_valid_case *c,
                       const struct pz_valid_scratch *scratch)
{
    const struct pz_valid *v = j->s->v;
    uint32_t rank[PZ_VALID_TRUTHS], n = pz_valid_ranks(v, c, scratch, rank);

    for (size_t m = 0; m < N_METRICS; m++)
        j->each[m * v->n_users + user] +=
            (double)c->share * pz_metric_value(&metrics[m].metric, rank, v->gain + c->truth, n);
    j->s->each[user] += (double)c->share * pz_metric_value(&v->metric, rank, v->gain + c->truth, n);
    mark_first(scratch->total, v->train.n_items, j->seen[pz_par_id()]);
}

static void check_user(const struct checking *j, uint32_t user)
{
    const struct pz_search *s = j->s;
    const struct pz_valid *v = s->v;
    struct pz_valid_scratch *scratch[PZ_SCORE_BLOCK];
    uint32_t n_asked = 0;

    for (uint32_t k = v->first[user]; k < v->first[user + 1]; k += n_asked) {
        for (n_asked = 0; n_asked < PZ_SCORE_BLOCK && k + n_asked < v->first[user + 1]; n_asked++) {
            scratch[n_asked] = &j->scratch[pz_par_id() * PZ_SCORE_BLOCK + (int)n_asked];
            pz_valid_ask(v, &v->c[k + n_asked], scratch[n_asked]);
        }
        pz_valid_sum(v, s->part, s->n_parts, SIZE_MAX, scratch, n_asked);
        for (uint32_t i = 0; i < n_asked; i++)
            check_case(j, user, &v->c[k + i], scratch[i]);
    }
}

static double coverage(const struct checking *j)
{
    uint32_t n = j->s->v->train.n_items, have = 0;

    for (uint32_t i = 0; i < n; i++) {
        bool any = false;

        for (int t = 0; t < pz_par_threads(); t++)
            any = any || pz_bits_has(j->seen[t], i);
        have += any;
    }
    return n ? (double)have / n : 0;
}

static json_t *metrics_json(const struct checking *j)
{
    const struct pz_valid *v = j->s->v;
    json_t *o = json_pack("{s:f}", "coverage", coverage(j));

    for (size_t m = 0; m < N_METRICS && o; m++)
        json_object_set_new(o, metrics[m].name,
                            json_real(pz_search_mean(j->each + m * v->n_users, v->n_users)));
    return o;
}

static enum pz_status measure(const struct pz_search *s, json_t *out, struct pz_err *err)
{
    size_t n = (size_t)pz_par_threads();
    struct checking j = { s, pz_valid_scratch_new(s->v, s->part, s->n_parts),
                          calloc((size_t)N_METRICS * s->v->n_users, sizeof *j.each),
                          calloc(n, sizeof *j.seen) };
    bool ok = j.scratch && j.each && j.seen;

    for (size_t t = 0; t < n && ok; t++) {
        j.seen[t] = pz_bits_new(s->v->train.n_items);
        ok = j.seen[t] != NULL;
    }
    if (ok) {
        memset(s->each, 0, s->v->n_users * sizeof *s->each);
#pragma omp parallel for schedule(dynamic, 16) num_threads(pz_par_threads())
        for (uint32_t u = 0; u < s->v->n_users; u++)
            check_user(&j, u);
        ok = json_object_set_new(out, "metrics", metrics_json(&j)) == 0;
    }
    for (size_t t = 0; t < n && j.seen; t++)
        free(j.seen[t]);
    free(j.seen);
    free(j.each);
    pz_valid_scratch_free(j.scratch);
    return ok ? PZ_OK : pz_err_memory(err, "the held-out check", 64.0 * s->v->n_users);
}

enum pz_status pz_search_check(struct pz_search *s, const struct pz_choice *untuned,
                               const struct pz_choice *trend, json_t *out, struct pz_err *err)
{
    uint32_t n = s->v->n_users;
    double gain, errors;
    enum pz_status st = measure(s, out, err);

    if (st == PZ_OK)
        st = pz_search_judge_untuned(s, untuned, trend, err);
    if (st != PZ_OK)
        return st;
    gain = pz_search_mean(s->each, n) - pz_search_mean(s->untuned, n);
    errors = pz_search_gain(s->each, s->untuned, n);
    if (json_object_set_new(out, "users", json_integer(n)) < 0 ||
        json_object_set_new(out, "tuned_for", json_string(pz_tune_for_name(s->v->tune_for))) < 0 ||
        json_object_set_new(out, "value", json_real(pz_search_mean(s->each, n))) < 0 ||
        json_object_set_new(out, "gain", json_real(gain)) < 0 ||
        /* gain over its standard error, which is not finite where all users gain alike. */
        json_object_set_new(out, "gain_error",
                            json_real(isfinite(errors) && errors != 0 ? gain / errors : 0)) < 0)
        return pz_err_memory(err, "the held-out check", 1e3);
    return PZ_OK;
}
