/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>

#include "data/split.h"
#include "eval/evaluate.h"
#include "tests/unit/unit.h"

enum { T = PZ_ROLE_TRAIN | PZ_ROLE_HISTORY, X = PZ_ROLE_TRUTH, ITEMS = 40, DAY = 86400 };

/* Items "i00".."i39"; user u0 has i00 i01 i02 i01 i03, user u1 has i01 i00, a day apart; user u2
 * has the items from i04 on; i39 is nobody's. */
struct fixture {
    struct pz_dataset ds;
    uint64_t offset[ITEMS + 1], user_offset[4], ptr[4];
    char bytes[ITEMS * 3 + 1];
    uint32_t item[64];
    int64_t time[64];
    uint8_t role[64];
};

static struct fixture *make(void)
{
    static const uint32_t first[] = { 0, 1, 2, 1, 3, 1, 0 };
    struct fixture *f = calloc(1, sizeof *f);
    uint64_t n = 0;

    for (uint32_t i = 0; i < ITEMS; i++) {
        snprintf(f->bytes + 3 * (size_t)i, 4, "i%02u", i);
        f->offset[i + 1] = 3 * (uint64_t)(i + 1);
    }
    for (uint32_t u = 0; u < 4; u++)
        f->user_offset[u] = 2 * (uint64_t)u;
    for (; n < 7; n++)
        f->item[n] = first[n];
    for (uint32_t i = 4; i < ITEMS - 1; i++)
        f->item[n++] = i;
    for (uint64_t p = 0; p < n; p++)
        f->time[p] = (int64_t)p * DAY;
    f->ptr[1] = 5;
    f->ptr[2] = 7;
    f->ptr[3] = n;
    f->ds = (struct pz_dataset){ .users = { 3, f->user_offset, "u0u1u2", false, NULL, 0 },
                                 .items = { ITEMS, f->offset, f->bytes, false, NULL, 0 },
                                 .n_interactions = n,
                                 .ptr = f->ptr,
                                 .item = f->item,
                                 .time = f->time };
    return f;
}

static uint32_t n_cold(struct fixture *f, const char *text, uint64_t seed)
{
    struct pz_split_spec spec;
    uint8_t role[ITEMS] = { 0 };
    uint32_t n = 0;

    assert_int_equal(pz_split_parse(text, &spec, NULL), PZ_OK);
    assert_int_equal(spec.kind, PZ_SPLIT_COLD_ITEMS);
    assert_int_equal(pz_split_assign(&f->ds, &spec, seed, f->role, NULL), PZ_OK);
    for (uint64_t p = 0; p < f->ds.n_interactions; p++) {
        assert_true(f->role[p] == T || f->role[p] == X);
        assert_true(role[f->item[p]] == 0 || role[f->item[p]] == f->role[p]);
        role[f->item[p]] = f->role[p];
    }
    for (uint32_t i = 0; i < ITEMS; i++)
        n += role[i] == X;
    return n;
}

TEST(exactly_the_asked_share_of_the_items_somebody_had_goes_cold_whole)
{
    struct fixture *f = make();

    assert_int_equal(n_cold(f, "cold-items", 1), 2); /* 5 % of 39 */
    assert_int_equal(n_cold(f, "cold-items:10%", 1), 4);
    assert_int_equal(n_cold(f, "cold-items:1%", 1), 1);
    for (uint64_t seed = 1; seed <= 20; seed++)
        assert_int_equal(n_cold(f, "cold-items:87%", seed), 34); /* 33.9, whatever nobody had */
    free(f);
}

TEST(another_seed_draws_other_items_and_the_same_seed_the_same)
{
    struct fixture *f = make(), *g = make();

    n_cold(f, "cold-items:20%", 1);
    n_cold(g, "cold-items:20%", 1);
    assert_memory_equal(f->role, g->role, f->ds.n_interactions);
    n_cold(g, "cold-items:20%", 2);
    assert_memory_not_equal(f->role, g->role, f->ds.n_interactions);
    free(f);
    free(g);
}

/* Cold are i01 and i03: u0 meets i01 after i00, i03 (day 4) after i00 i02, and i01 again: not a
 * case; u1 begins with i01: no history, no case. */
TEST(a_case_is_the_first_meeting_after_a_history_without_cold_items)
{
    struct fixture *f = make();
    struct pz_cases cases;

    for (uint64_t p = 0; p < f->ds.n_interactions; p++)
        f->role[p] = f->item[p] == 1 || f->item[p] == 3 ? X : T;
    assert_int_equal(pz_cases_from_cold(&f->ds, f->role, &cases, NULL), PZ_OK);
    assert_int_equal(cases.n_among, 2);
    assert_string_equal(cases.among[0], "i01");
    assert_string_equal(cases.among[1], "i03");
    assert_int_equal(cases.n, 2);
    assert_string_equal(cases.c[0].user_id, "u0");
    assert_string_equal(cases.c[0].truth[0], "i01");
    assert_int_equal(cases.c[0].n_past, 1);
    assert_string_equal(cases.c[0].past[0].item_id, "i00");
    assert_string_equal(cases.c[1].truth[0], "i03");
    assert_int_equal(cases.c[1].n_past, 2);
    assert_string_equal(cases.c[1].past[1].item_id, "i02");
    assert_false(cases.c[0].use_model);
    pz_cases_clear(&cases);
    free(f);
}

TEST(the_first_week_ends_seven_days_after_the_item_came)
{
    struct fixture *f = make();
    struct pz_cases cases;

    for (uint64_t p = 0; p < f->ds.n_interactions; p++)
        f->role[p] = f->item[p] == 0 ? X : T;
    f->time[6] = 7 * DAY - 1; /* u1 meets i00, which came at 0 */
    assert_int_equal(pz_cases_from_cold(&f->ds, f->role, &cases, NULL), PZ_OK);
    assert_int_equal(cases.n, 1);
    assert_true(cases.c[0].early);
    pz_cases_clear(&cases);
    f->time[6] = 7 * DAY;
    assert_int_equal(pz_cases_from_cold(&f->ds, f->role, &cases, NULL), PZ_OK);
    assert_false(cases.c[0].early);
    pz_cases_clear(&cases);
    free(f);
}
