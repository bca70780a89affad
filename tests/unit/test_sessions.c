/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "model/parts.h"
#include "model/transitions/transitions.h"
#include "scorer_fixture.h"
#include "tests/unit/unit.h"

enum { A, B, C, D, E };

static const char *const names[] = { "neighbours", "recency", "distance", "trend", NULL };

/* Score with the events in the order given. */
static bool score_in_order(const struct fitted *f, const uint32_t *hist, size_t n, float *out,
                           uint32_t n_items)
{
    struct pz_query q = query_of(hist, n);
    void *scratch = pz_mem_array(f->s->scratch_bytes(f->part), 1);
    bool says;

    q.hist_time = NULL;
    memset(out, 0, n_items * sizeof *out);
    says = f->s->score(f->part, &q, scratch, out);
    free(scratch);
    return says;
}

/* What a session of so many events is worth that shares the newest item, which n sessions have. */
static double of_one(int n, int length)
{
    return pow(pow(1 + n, -0.3), 1.5) * pow(length, -0.3);
}

TEST(items_near_the_shared_one_are_those_worked_by_hand)
{
    struct tiny *t = tiny_make("abc|bad|e|ee", 5);
    uint32_t hist[] = { A };
    float out[5];
    struct fitted f;

    fitted_settings(&f, &pz_sessions, names, (const double[]){ 10, 1, 0.5, 0 });
    fitted_fit(&f, &t->c);
    assert_true(score_in_order(&f, hist, 1, out, 5));
    assert_near(out[A], 0, 0);
    /* a is in two sessions, of three events each */
    assert_near(out[B], 2 * of_one(2, 3), 1e-6); /* next to a in both */
    assert_near(out[C], 0.5 * of_one(2, 3), 1e-6);
    assert_near(out[D], of_one(2, 3), 1e-6);
    assert_near(out[E], 0, 0);
    pz_sessions.free(f.part);
    free(t);
}

TEST(only_the_most_similar_speak)
{
    struct tiny *t = tiny_make("abc|bde", 5);
    uint32_t hist[] = { A, B };
    float out[5];
    struct fitted f;

    /* the first has both, b, of two sessions, and half of a, of one; the second has b alone */
    fitted_settings(&f, &pz_sessions, names, (const double[]){ 1, 1, 1, 0 });
    fitted_fit(&f, &t->c);
    assert_true(score_in_order(&f, hist, 2, out, 5));
    assert_near(out[C], pow(pow(3, -0.3) + 0.5 * pow(2, -0.3), 1.5) * pow(3, -0.3), 1e-6);
    assert_near(out[D], 0, 0);
    f.s->set(f.part, 0, 2);
    assert_true(score_in_order(&f, hist, 2, out, 5));
    assert_near(out[D], of_one(2, 3), 1e-6);
    pz_sessions.free(f.part);
    free(t);
}

static size_t sessions_of(const struct tiny *t, uint32_t item)
{
    size_t n = 0;

    for (uint32_t u = 0; u < t->c.n_users; u++) {
        bool has = false;

        for (uint64_t p = t->ptr[u]; p < t->ptr[u + 1]; p++)
            has = has || (t->item[p] == item && t->ptr[u + 1] - t->ptr[u] > 1);
        n += has;
    }
    return n;
}

/* s by the formula at the head of sessions.c, all sessions speaking. */
static void brute_force(const struct tiny *t, const double *set, const uint32_t *hist, size_t n,
                        double *s)
{
    memset(s, 0, t->c.n_items * sizeof *s);
    for (uint32_t u = 0; u < t->c.n_users; u++) {
        const uint32_t *item = t->item + t->ptr[u];
        size_t length = (size_t)(t->ptr[u + 1] - t->ptr[u]), anchor = SIZE_MAX;
        double sim = 0;

        for (size_t k = 1; k <= n && k <= 10; k++) {
            bool has = false, nearer = false;

            for (size_t m = 1; m < k; m++)
                nearer = nearer || hist[n - m] == hist[n - k];
            for (size_t p = 0; p < length && !nearer; p++)
                if (item[p] == hist[n - k]) {
                    anchor = sim > 0 ? anchor : p;
                    has = true;
                }
            sim += has ? pow((double)k, -set[1]) *
                             pow(1 + (double)sessions_of(t, hist[n - k]), -0.3)
                       : 0;
        }
        for (size_t p = 0; p < length && sim > 0; p++)
            if (p != anchor)
                s[item[p]] += pow(sim, 1.5) * pow((double)length, -0.3) *
                              pow((double)t->weight[t->ptr[u] + p], 1. / 8) *
                              pow(set[2], fabs((double)p - (double)anchor) - 1);
    }
}

TEST(scores_are_those_of_the_plain_sums)
{
    struct tiny *t = tiny_random(300, 60, 12, 3);
    const double set[] = { 10000, 0.7, 0.6, 0 };
    const uint32_t hist[] = { 3, 50, 9, 3, 21, 8, 8, 40, 5, 17, 2, 33 };
    double want[60];
    float out[60];
    struct fitted f;

    fitted_settings(&f, &pz_sessions, names, set);
    fitted_fit(&f, &t->c);
    for (size_t n = 1; n <= sizeof hist / sizeof *hist; n++) {
        brute_force(t, set, hist, n, want);
        assert_true(score_in_order(&f, hist, n, out, 60));
        for (uint32_t i = 0; i < 60; i++)
            assert_near((double)out[i], want[i], 1e-4);
    }
    assert_explains(&f, hist, 12, 60, 1e-5);
    pz_sessions.free(f.part);
    free(t);
}

TEST(events_count_by_their_weights)
{
    struct tiny *t = tiny_random(300, 60, 12, 3);
    const double set[] = { 10000, 0.7, 0.6, 0 };
    const uint32_t hist[] = { 21, 8, 40 };
    double want[60];
    float out[60];
    struct fitted f;

    for (uint64_t p = 0; p < t->ptr[t->c.n_users]; p++)
        t->weight[p] = p % 3 ? 0.05f : 1;
    fitted_settings(&f, &pz_sessions, names, set);
    fitted_fit(&f, &t->c);
    brute_force(t, set, hist, 3, want);
    assert_true(score_in_order(&f, hist, 3, out, 60));
    for (uint32_t i = 0; i < 60; i++)
        assert_near((double)out[i], want[i], 1e-4);
    assert_explains(&f, hist, 3, 60, 1e-5);
    assert_survives_a_file(&f, hist, 3, 60, false);
    assert_survives_a_file(&f, hist, 3, 60, true);
    pz_sessions.free(f.part);
    free(t);
}

TEST(of_equally_similar_sessions_the_newest_speak)
{
    struct tiny *t = tiny_new(3);
    uint32_t hist[] = { A };
    float out[3];
    struct fitted f;

    for (uint32_t u = 0; u < 590; u++) {
        tiny_add(t, A, u);
        tiny_add(t, u < 10 ? C : B, u);
        tiny_end_user(t);
    }
    fitted_settings(&f, &pz_sessions, names, (const double[]){ 100, 1, 1, 0 });
    fitted_fit(&f, &t->c);
    assert_true(score_in_order(&f, hist, 1, out, 3));
    assert_near(out[B], 100 * of_one(590, 2), 1e-4);
    assert_near(out[C], 0, 0);
    pz_sessions.free(f.part);
    free(t);
}

TEST(trend_multiplies_scores)
{
    struct tiny *t = tiny_random(200, 40, 8, 4);
    uint32_t hist[] = { 1, 2 };
    float plain[40], out[40], trend[40];
    struct fitted f;
    bool moved = false;

    fitted_settings(&f, &pz_sessions, names, (const double[]){ 200, 1, 1, 0 });
    fitted_fit(&f, &t->c);
    assert_int_equal(pz_trans_trend(&t->c, trend, NULL), PZ_OK);
    assert_true(score_in_order(&f, hist, 2, plain, 40));
    f.s->set(f.part, 3, 0.5);
    assert_true(score_in_order(&f, hist, 2, out, 40));
    for (uint32_t i = 0; i < 40; i++) {
        assert_near((double)out[i], (double)plain[i] * sqrt((double)trend[i]), 1e-4);
        moved = moved || fabsf(out[i] - plain[i]) > 0.01f;
    }
    assert_true(moved);
    assert_explains(&f, hist, 2, 40, 1e-5);
    pz_sessions.free(f.part);
    free(t);
}

TEST(parts_survive_files_threads_and_little_data)
{
    struct tiny *t = tiny_random(300, 50, 12, 5);
    uint32_t hist[] = { 4, 9, 2 };
    struct fitted f;

    fitted_settings(&f, &pz_sessions, names, (const double[]){ 20, 0.8, 0.8, 0.3 });
    fitted_fit(&f, &t->c);
    assert_survives_a_file(&f, hist, 3, 50, false);
    assert_survives_a_file(&f, hist, 3, 50, true);
    pz_sessions.free(f.part);
    assert_same_at_any_thread_count(&f, &t->c);
    assert_bears_little_data(&pz_sessions);
    free(t);
}
