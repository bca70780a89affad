/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "eval/bootstrap.h"
#include "eval/verdict.h"
#include "tests/unit/unit.h"

/* Figures of one K by hand: ndcg@10 and mrr@10 of four cases, and novelty. */
static void make_figures(struct pz_figures *f, const float *each)
{
    static const char *const names[] = { "normalized_discounted_cumulative_gain_at_10",
                                         "mean_reciprocal_rank_at_10", "novelty" };

    *f = (struct pz_figures){
        .n_cases = 4, .n_metrics = 3, .coverage = 0.25, .gini = 0.5, .share = { 0.25, 0.125 }
    };
    f->name = calloc(3, sizeof *f->name);
    f->each = calloc(12, sizeof *f->each);
    f->mean = calloc(3, sizeof *f->mean);
    f->low = calloc(3, sizeof *f->low);
    f->high = calloc(3, sizeof *f->high);
    f->resample = calloc(3 * PZ_RESAMPLES, sizeof *f->resample);
    memcpy(f->each, each, 12 * sizeof *each);
    for (size_t i = 0; i < 3; i++) {
        f->name[i] = strdup(names[i]);
        for (size_t k = 0; k < 4; k++)
            f->mean[i] += (double)each[3 * k + i] / 4;
    }
    pz_bootstrap(f, 1);
}

/* Mine: ndcg .4, mrr .5; vs: every case .1 less in ndcg, the same mrr; popularity: the same mrr in
 * other cases. */
static void make_verdict(struct pz_verdict *v)
{
    const float mine[] = { 0.5f, 1, 2, 0.3f, 0, 2, 0.4f, 0.5f, 2, 0.4f, 0.5f, 2 };
    const float other[] = { 0.4f, 1, 3, 0.2f, 0, 3, 0.3f, 0.5f, 3, 0.3f, 0.5f, 3 };

    const float popular[] = { 0.4f, 0, 3, 0.2f, 0, 3, 0.3f, 1, 3, 0.3f, 1, 3 };

    *v = (struct pz_verdict){ .how = { .k = { 10, 20 }, .n_k = 2 }, .n_rivals = 2 };
    make_figures(&v->mine.figures, mine);
    make_figures(&v->rival[0].figures, popular);
    make_figures(&v->rival[1].figures, other);
    v->rival[0].name = "popularity-count";
    v->rival[1].name = "vs";
}

struct example {
    const char *gate;
    int result; /* 1 yes, 0 no, -1 PZ_USAGE */
};

TEST(a_report_has_the_reach_of_cold_items_alone)
{
    static const char key[] = "first_week_audience_reached_exploring_at_20";

    for (int cold = 0; cold <= 1; cold++) {
        struct pz_verdict v;
        json_t *doc, *metrics;

        make_verdict(&v);
        v.protocol = "x";
        v.recipe = "y";
        v.cold = cold;
        v.mine.reach[1][1] = 0.75;
        doc = pz_verdict_json(&v);
        metrics = json_object_get(doc, "metrics");
        assert_true((json_object_get(metrics, key) != NULL) == cold);
        assert_true(!cold || json_real_value(json_object_get(metrics, key)) == 0.75);
        assert_true(json_real_value(json_object_get(metrics, "coverage")) == 0.25);
        assert_true(json_real_value(json_object_get(metrics, "catalogue_share_at_20")) == 0.125);
        json_decref(doc);
        pz_verdict_clear(&v);
    }
}

TEST(every_expression_means_what_it_says)
{
    static const struct example examples[] = {
        { "ndcg@10 >= 0.4", 1 },
        { "ndcg@10 > 0.41", 0 },
        { "ndcg@10 >= 0.98*vs && coverage >= 0.1", 1 },
        { "ndcg@10 >= 1.4*vs", 0 },
        { "mrr@10 == vs", 1 },
        { "mrr@10 != vs", 0 },
        { "normalized_discounted_cumulative_gain_at_10 > vs", 1 },
        { "coverage < 0.3 && gini <= 0.5 && users == 4", 1 },
        { "catalogue_share@10 > 25%", 0 },
        { "catalogue_share@10 >= 25%", 1 },
        { "catalogue_share@20 == 0.125", 1 },
        { "ndcg@10 > 1 || mrr@10 > 0.4", 1 },
        { "ndcg@10 > 1 || mrr@10 > 1 && coverage > 0", 0 }, /* && binds closer */
        { "(ndcg@10 > 1 || mrr@10 > 0.4) && coverage > 0", 1 },
        { "!(ndcg@10 > 1)", 1 },
        { "! ndcg@10 > 1", 1 },
        { "ndcg@10 - vs.ndcg@10 > 0.09 && ndcg@10 - vs < 0.11", 1 },
        { "1 + 2 * 3 == 7 && (1 + 2) * 3 == 9 && 2 - 1 - 1 == 0 && 8 / 2 / 2 == 2", 1 },
        { "-1 < ndcg@10", 1 },
        { "vs.low.ndcg@10 > 0.09 && vs.high.ndcg@10 < 0.11",
          1 }, /* the difference is .1 in each resample */
        { "vs.low.mrr@10 == 0", 1 },
        { "popularity_count.low.mrr@10 < 0 && popularity_count.high.mrr@10 > 0", 1 },
        { "low.ndcg@10 < ndcg@10 && high.ndcg@10 > ndcg@10", 1 },
        { "low.ndcg@10 >= 0.3 && high.ndcg@10 <= 0.5", 1 },
        { "popularity_count.mrr@10 == 0.5", 1 },
        { "novelty < 0.7 * vs", 1 },
        { "mrr@10 >= 0.5 && ndcg@10 > vs", 1 }, /* vs goes with the metric of its own comparison */
        { "0 / 0 != 1", 0 }, /* what cannot be told is no yes, in whatever words */
        { "!(0 / 0 < 1)", 0 },
        { "!!(0 / 0 < 1)", 0 },
        { "0 / 0 < 1 || 1 < 2", 1 },
        { "!(0 / 0 < 1 && 2 < 1)", 1 },
        { "0 / 0 < 1 && 1 < 2", 0 },
        { "", -1 },
        { "ndcg@10", -1 },
        { "0.5", -1 },
        { "ndcg@10 >=", -1 },
        { "ndcg@10 >= 0.4 &&", -1 },
        { "ndcg@10 >= 0.4 x", -1 },
        { "ndcg@10 > 0.1 > 0", -1 },
        { "(ndcg@10 > 0.1", -1 },
        { "ndgc@10 > 0.1", -1 },
        { "ndcg@5 > 0.1", -1 },
        { "ndcg > 0.1", -1 },
        { "ndcg@ > 0.1", -1 },
        { "ndcg@10x > 0.1", -1 },
        { "vs > 0.1", -1 },
        { "0.9*vs < ndcg@10", -1 },
        { "other.ndcg@10 > 0", -1 },
        { "low.coverage > 0", -1 },
        { "weighted_ndcg@10 > 0", -1 },
        { "ndcg@10 && mrr@10 > 0", -1 },
        { "1 + (mrr@10 > 0) > 0", -1 },
        { "!0.5", -1 },
        { "ndcg@10 > 0.1 | 1 > 0", -1 },
    };
    struct pz_verdict v;

    make_verdict(&v);
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        struct pz_err err = { .text = "" };
        enum pz_status st;
        int got;

        v.gate = examples[i].gate;
        st = pz_gate_judge(&v, &err);
        got = st == PZ_OK ? v.passed : st == PZ_USAGE && err.text[0] ? -1 : -2;
        if (got != examples[i].result || (got == 1 && v.why.len > 0))
            fail_msg("\"%s\": %d, not %d; %s %s", examples[i].gate, got, examples[i].result,
                     err.text, v.why.data ? v.why.data : "");
    }
    pz_verdict_clear(&v);
}

TEST(a_no_says_which_comparisons_are_false)
{
    struct pz_verdict v;

    make_verdict(&v);
    v.gate = "ndcg@10 >= 2*vs && coverage >= 0.1 && mrr@10 > 0.75";
    assert_int_equal(pz_gate_judge(&v, NULL), PZ_OK);
    assert_false(v.passed);
    assert_string_equal(v.why.data, "ndcg@10 >= 2*vs is false: 0.4 against 0.6; "
                                    "mrr@10 > 0.75 is false: 0.5 against 0.75");
    pz_verdict_clear(&v);
}

TEST(faults_are_found_before_anything_is_judged)
{
    struct pz_verdict v = { .how = { .k = { 10 }, .n_k = 1 }, .n_rivals = 1 };
    struct pz_err err;
    char deep[5000];

    v.rival[0].name = "popularity";
    v.gate = "ndcg@10 > 1.2*popularity && low.ndcg@10 > 0";
    assert_int_equal(pz_gate_judge(&v, &err), PZ_OK);
    v.gate = "ndcg@10 > vs";
    assert_int_equal(pz_gate_judge(&v, &err), PZ_USAGE);
    assert_non_null(strstr(err.text, "--vs"));
    v.gate = "ndcg@7 > 0.1";
    assert_int_equal(pz_gate_judge(&v, &err), PZ_USAGE);
    assert_non_null(strstr(err.text, "--at"));
    memset(deep, '(', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    v.gate = deep;
    assert_int_equal(pz_gate_judge(&v, &err), PZ_USAGE);
    memset(deep, '!', sizeof deep - 1);
    assert_int_equal(pz_gate_judge(&v, &err), PZ_USAGE);
    pz_verdict_clear(&v);
}

/* ---- the intervals that gates ask for ---- */

TEST(an_interval_is_that_of_the_normal_law_for_many_cases)
{
    enum { N = 4000 };
    struct pz_figures f = { .n_cases = N, .n_metrics = 1 };
    double half = 1.96 * 0.5 / 63.2456; /* a coin's 1.96 s / sqrt(n) */

    f.each = calloc(N, sizeof *f.each);
    f.mean = calloc(1, sizeof *f.mean);
    f.low = calloc(1, sizeof *f.low);
    f.high = calloc(1, sizeof *f.high);
    f.resample = calloc(PZ_RESAMPLES, sizeof *f.resample);
    for (int i = 0; i < N; i += 2)
        f.each[i] = 1;
    pz_bootstrap(&f, 7);
    assert_true(fabs(f.low[0] - (0.5 - half)) < 0.1 * half);
    assert_true(fabs(f.high[0] - (0.5 + half)) < 0.1 * half);
    pz_figures_clear(&f);
}

TEST(pairs_see_a_difference_that_the_intervals_alone_hide)
{
    struct pz_verdict v;
    struct pz_lift l;

    make_verdict(&v);
    l = pz_compare(&v.mine.figures, &v.rival[1].figures, 0);
    assert_true(fabs(l.difference - 0.1) < 1e-6 && fabs(l.low - 0.1) < 1e-6 &&
                fabs(l.high - 0.1) < 1e-6);
    assert_true(fabs(l.ratio - 1.0 / 3) < 1e-6);
    assert_true(v.mine.figures.low[0] < v.rival[1].figures.high[0]);
    l = pz_compare(&v.mine.figures, &v.rival[1].figures, 2);
    assert_true(l.high < 0);
    pz_verdict_clear(&v);
}
