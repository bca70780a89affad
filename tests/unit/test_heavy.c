/* SPDX-License-Identifier: Apache-2.0 */
/* Heavy users teach as much as their cap, the newest of their events. */
#include "train/heavy.h"

#include "tests/unit/scorer_fixture.h"

enum { PEOPLE = 40, EACH = 5, ROBOT = 1000 };

/* People with EACH events, and in the end a robot. */
static struct tiny *with_robot(uint32_t n_people)
{
    struct tiny *t = tiny_new(50);

    for (uint32_t u = 0; u < n_people; u++) {
        for (uint32_t k = 0; k < EACH; k++)
            tiny_add(t, (u + k) % 50, k);
        tiny_end_user(t);
    }
    for (uint32_t k = 0; k < ROBOT; k++)
        tiny_add(t, k % 50, k);
    tiny_end_user(t);
    return t;
}

TEST(the_cap_is_far_above_what_people_have)
{
    struct tiny *t = with_robot(PEOPLE);
    double share;

    assert_true(pz_heavy_cap(&t->c) == 200); /* 20 * 5 is below the least */
    assert_int_equal(pz_heavy_count(&t->c, 200, &share), 1);
    assert_near(share, 1000.0 / 1200, 1e-9);
    free(t);
    t = tiny_new(50);
    for (uint32_t u = 0; u < PEOPLE; u++) {
        for (uint32_t k = 0; k < EACH * (1 + u); k++)
            tiny_add(t, k % 50, k);
        tiny_end_user(t);
    }
    assert_true(pz_heavy_cap(&t->c) == UINT64_MAX);
    free(t);
}

TEST(of_a_heavy_user_the_newest_events_teach)
{
    struct tiny *t = with_robot(PEOPLE);
    struct pz_corpus_own cut;
    uint64_t at = PEOPLE * EACH;

    assert_int_equal(pz_heavy_cut(&t->c, 200, NULL, &cut, NULL), PZ_OK);
    assert_true(cut.c.ptr[PEOPLE] == at && cut.c.ptr[PEOPLE + 1] == at + 200);
    assert_memory_equal(cut.c.item, t->item, at * sizeof *t->item);
    assert_true(cut.c.time[at] == ROBOT - 200 && cut.c.time[at + 199] == ROBOT - 1);
    assert_true(cut.c.item[at] == (ROBOT - 200) % 50 && cut.c.weight[at] == 1);
    pz_corpus_clear(&cut);
    free(t);
}

/* 300 events of the robot are old; a person's all are new. */
TEST(in_an_update_a_heavy_user_teaches_what_was_taught)
{
    struct tiny *t = with_robot(2);
    const uint64_t end[] = { 0, EACH, 2 * EACH + 300 };
    struct pz_corpus_own cut;

    assert_int_equal(pz_heavy_cut(&t->c, 200, end, &cut, NULL), PZ_OK);
    assert_true(cut.c.ptr[2] == 2 * EACH && cut.c.ptr[3] == 2 * EACH + 200);
    assert_true(cut.c.time[2 * EACH] == 100 && cut.c.time[2 * EACH + 199] == 299);
    pz_corpus_clear(&cut);
    free(t);
}
