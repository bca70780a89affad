/* SPDX-License-Identifier: Apache-2.0 */
/* The blend on a scorer whose scores the test writes down. */

#include "model/blend.h"
#include "tests/unit/unit.h"

enum { N = 200 };

static size_t no_scratch(const void *part)
{
    (void)part;
    return 0;
}

static bool copy_scores(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    (void)q;
    (void)scratch;
    memcpy(out, part, N * sizeof *out);
    return true;
}

static const struct pz_scorer fixed = { .name = "fixed",
                                        .scratch_bytes = no_scratch,
                                        .score = copy_scores };
static const struct pz_query query = { .task = PZ_TASK_USER };

/* Wherever the best item that may be recommended stands, its share is the part's whole weight. */
TEST(a_part_is_measured_by_its_best_allowed_item)
{
    float score[N], other[N] = { [3] = 7 }, out[N];
    struct pz_model m = { .items.n = N,
                          .n_parts = 2,
                          .part = { { .scorer = &fixed, .part = score, .weight = 0.5 },
                                    { .scorer = &fixed, .part = other, .weight = 1 } } };
    _Alignas(64) char scratch[4096];
    uint32_t used;

    for (uint32_t best = 0; best < N; best++) {
        uint64_t allowed[4] = { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX };

        for (uint32_t i = 0; i < N; i++)
            score[i] = 1;
        score[best] = 4;
        pz_model_score(&m, &query, best % 2 ? allowed : NULL, scratch, out, NULL, &used);
        assert_true(out[best] == (best == 3 ? 1.5f : 0.5f) && used == 3);
        assert_true(out[(best + 10) % N] == ((best + 10) % N == 3 ? 1.125f : 0.125f));
        allowed[best / 64] &= ~((uint64_t)1 << best % 64); /* then the others are the best */
        pz_model_score(&m, &query, allowed, scratch, out, NULL, &used);
        assert_true(out[(best + 10) % N] == ((best + 10) % N == 3 ? 1.5f : 0.5f));
    }
}

/* All 0 or below, or only above for what may not be recommended: the part is silent, and nothing is
 * divided by 0. */
TEST(a_part_without_a_positive_score_says_nothing)
{
    float score[N] = { [5] = -1, [7] = 0 }, out[N], own[2 * N];
    struct pz_model m = { .items.n = N,
                          .n_parts = 1,
                          .part = { { .scorer = &fixed, .part = score, .weight = 1 } } };
    uint64_t allowed[4] = { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX };
    _Alignas(64) char scratch[4096];
    uint32_t used;

    for (int above = 0; above < 2; above++) {
        score[130] = (float)above;
        allowed[2] &= ~((uint64_t)1 << 2);
        pz_model_score(&m, &query, allowed, scratch, out, own, &used);
        assert_int_equal(used, 0);
        for (uint32_t i = 0; i < N; i++)
            assert_true(out[i] == 0 && own[i] == 0);
    }
}
