/* SPDX-License-Identifier: Apache-2.0 */
/* What a query's events weigh by their age, and that every scorer which asks follows. */

#include "model/parts.h"
#include "model/query.h"
#include "scorer_fixture.h"
#include "tests/unit/unit.h"

enum { ITEMS = 30 };

static struct pz_recency ages(const struct pz_query *q, double exponent, size_t max)
{
    return (struct pz_recency){ .q = q, .exponent = exponent, .max = max };
}

TEST(events_weigh_by_rank)
{
    uint32_t hist[] = { 0, 1, 2 };
    struct pz_query q = query_of(hist, 3);
    struct pz_recency r = ages(&q, 1, 3);

    assert_near(pz_recency_next(&r), 1, 1e-12);
    assert_near(pz_recency_next(&r), 1.0 / 2, 1e-12);
    assert_near(pz_recency_next(&r), 1.0 / 3, 1e-12);
}

TEST(events_of_one_moment_share_the_mean_of_their_ranks)
{
    uint32_t hist[] = { 0, 1, 2, 3 };
    int64_t time[] = { 5, 7, 7, 9 };
    struct pz_query q = query_of(hist, 4);
    struct pz_recency r = ages(&q, 1, 4), cut = ages(&q, 1, 2);

    q.hist_time = time;
    assert_near(pz_recency_next(&r), 1, 1e-12);
    assert_near(pz_recency_next(&r), (1.0 / 2 + 1.0 / 3) / 2, 1e-12);
    assert_near(pz_recency_next(&r), (1.0 / 2 + 1.0 / 3) / 2, 1e-12);
    assert_near(pz_recency_next(&r), 1.0 / 4, 1e-12);
    (void)pz_recency_next(&cut);
    assert_near(pz_recency_next(&cut), 1.0 / 2,
                1e-12); /* its moment's other event does not count */
}

/* The largest difference between the scores of two orders of events at times 1, 1, 2, 2; coming
 * back to an item of the history is another matter. */
static double apart(const struct fitted *f, const uint32_t *one, const uint32_t *other)
{
    static const int64_t time[] = { 1, 1, 2, 2 };
    struct pz_query q = query_of(one, 4), p = query_of(other, 4);
    float x[ITEMS] = { 0 }, y[ITEMS] = { 0 };
    void *scratch = pz_mem_array(f->s->scratch_bytes(f->part), 1);
    double max = 0;

    q.hist_time = p.hist_time = time;
    assert_true(f->s->score(f->part, &q, scratch, x));
    assert_true(f->s->score(f->part, &p, scratch, y));
    for (uint32_t i = 0; i < ITEMS; i++)
        if (i != one[0] && i != one[1] && i != one[2] && i != one[3])
            max = fmax(max, fabs((double)x[i] - (double)y[i]));
    free(scratch);
    return max;
}

TEST(no_scorer_sees_order_within_a_moment)
{
    static const struct pz_scorer *const asked[] = { &pz_transitions, &pz_factors, &pz_spectral };
    static const uint32_t hist[] = { 3, 9, 12, 25 }, within[] = { 9, 3, 25, 12 },
                          across[] = { 3, 12, 9, 25 };
    struct tiny *t = tiny_random(100, ITEMS, 12, 4);

    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        struct fitted f;

        fitted_settings(&f, asked[i], NULL, NULL);
        fitted_fit(&f, &t->c);
        assert_true(apart(&f, hist, across) > 1e-3);
        assert_true(apart(&f, hist, within) < 1e-5);
        f.s->free(f.part);
    }
    free(t);
}
