/* SPDX-License-Identifier: Apache-2.0 */
/* Queries scored together: the same bits as one by one, for every scorer, any number of queries and
 * queries of every kind among them. */
#include "model/model.h"
#include "model/parts.h"
#include "model/transitions/transitions.h"
#include "tests/unit/scorer_fixture.h"

enum { ITEMS = 203, USERS = 60, LENGTH = 30 };

/* Query k of a round: user k's history, but for a few that are empty, or of related items. */
static struct pz_query query(const struct tiny *t, uint32_t k)
{
    struct pz_query q = query_of(t->item + t->ptr[k], t->ptr[k + 1] - t->ptr[k]);

    if (k % 7 == 3)
        q.n_hist = 0;
    if (k % 11 == 5) {
        q.n_hist = 1;
        q.task = PZ_TASK_RELATED;
    }
    return q;
}

static void compare(const struct pz_scorer *s, const void *part, const struct tiny *t,
                    uint32_t from, size_t n)
{
    size_t bytes = s->scratch_bytes(part) + 64;
    struct pz_query query_k[PZ_SCORE_BLOCK];
    const struct pz_query *q[PZ_SCORE_BLOCK];
    void *scratch[PZ_SCORE_BLOCK];
    float *out[PZ_SCORE_BLOCK], *one = pz_mem_array(ITEMS, sizeof *one);
    bool said[PZ_SCORE_BLOCK];

    for (size_t k = 0; k < n; k++) {
        query_k[k] = query(t, from + (uint32_t)k);
        q[k] = &query_k[k];
        scratch[k] = pz_mem_array(bytes, 1);
        out[k] = pz_mem_array(ITEMS, sizeof *out[k]);
    }
    s->score_block(part, q, n, scratch, out, said);
    for (size_t k = 0; k < n; k++) {
        memset(one, 0, ITEMS * sizeof *one);
        assert_int_equal(s->score(part, q[k], scratch[k], one), said[k]);
        if (said[k])
            assert_memory_equal(one, out[k], ITEMS * sizeof *one);
        free(scratch[k]);
        free(out[k]);
    }
    free(one);
}

TEST(queries_scored_together_have_the_same_bits_as_one_by_one)
{
    struct tiny *t = tiny_random(USERS, ITEMS, LENGTH, 5);
    size_t compared = 0;

    for (const struct pz_scorer *const *s = pz_scorers; *s; s++) {
        struct fitted f;

        if (!(*s)->score_block)
            continue;
        fitted_settings(&f, *s, NULL, NULL);
        fitted_fit(&f, &t->c);
        for (size_t n = 1; n <= PZ_SCORE_BLOCK; n++)
            compare(*s, f.part, t, (uint32_t)(n * 5), n);
        (*s)->free(f.part);
        compared++;
    }
    assert_true(compared >= 3);
    free(t);
}

/* Items of three of 12 categories each, so that the histories of a block share them. */
TEST(attributes_of_several_histories_are_added_up_together)
{
    enum { VALUES = 12, EACH = 3 };
    struct tiny *t = tiny_random(USERS, ITEMS, LENGTH, 5);
    uint64_t ptr[ITEMS + 1], offset[VALUES + 1];
    uint32_t code[ITEMS * EACH];
    struct pz_attr attr = { .name = "KIND",
                            .kind = PZ_ATTR_CATEGORY,
                            .ptr = ptr,
                            .code = code,
                            .values = { VALUES, offset, "abcdefghijkl", NULL, NULL, NULL } };
    struct pz_attrs attrs = { .n_attrs = 1, .n_rows = ITEMS, .attr = &attr };

    for (uint64_t i = 0; i <= ITEMS; i++)
        ptr[i] = i * EACH;
    for (uint64_t v = 0; v <= VALUES; v++)
        offset[v] = v;
    for (uint32_t i = 0; i < ITEMS * EACH; i++)
        code[i] = i % EACH * VALUES / EACH + (i / EACH + i / 10) % (VALUES / EACH);
    t->c.item_attrs = &attrs;
    for (int ridge = 0; ridge < 2; ridge++) {
        struct fitted f;

        fitted_settings(&f, &pz_transitions, NULL, NULL);
        f.value[PZ_TRANS_RIDGE] = ridge;
        f.value[PZ_TRANS_HOP] = 0.5;
        fitted_fit(&f, &t->c);
        for (size_t n = 1; n <= PZ_SCORE_BLOCK; n++)
            compare(&pz_transitions, f.part, t, (uint32_t)(n * 5), n);
        pz_transitions.free(f.part);
    }
    free(t);
}
