/* SPDX-License-Identifier: Apache-2.0 */
/* The closing comparison: what the search found does not stand against what does better on what
 * came last. */
#include "model/parts.h"
#include "tests/unit/fixture_people.h"
#include "train/tune.h"

/* A search that has ended: popularity, of all time or of the last days, at weight 1 and recent
 * popularity at another. */
struct ended {
    struct tiny *t;
    struct pz_valid v;
    struct pz_tune_cfg cfg;
    struct pz_choice choice[2], untuned[2];
    struct pz_search s;
};

static void end_search(struct ended *e, double half_life, double untuned_half_life, double recent)
{
    memset(e, 0, sizeof *e);
    e->t = made_people(true, 3600);
    assert_int_equal(pz_valid_cut(&e->t->c, PZ_TASK_USER, true, 400, 3, &e->v, NULL), PZ_OK);
    e->cfg.trials = json_array();
    pz_choice_init(&e->choice[0], &pz_popularity);
    pz_choice_init(&e->choice[1], &pz_recent);
    pz_choice_fix_all(&e->choice[1]);
    e->choice[0].weight = 1;
    e->choice[1].weight = recent;
    e->choice[0].value[0] = untuned_half_life;
    memcpy(e->untuned, e->choice, sizeof e->untuned);
    e->choice[0].value[0] = half_life;
    e->s = (struct pz_search){ .v = &e->v, .cfg = &e->cfg, .choice = e->choice };
    e->s.each = pz_mem_array(e->v.n_users, sizeof *e->s.each);
    e->s.trial = pz_mem_array((size_t)e->v.n_users * PZ_WEIGHTS, sizeof *e->s.trial);
    for (size_t p = 0; p < 2; p++) {
        e->s.n_parts = p + 1;
        pz_valid_forget(&e->v);
        assert_int_equal(pz_search_begin(&e->s, p, NULL), PZ_OK);
    }
    e->s.part[1].weight = recent;
    assert_int_equal(pz_search_close(&e->s, e->untuned, NULL, NULL), PZ_OK);
}

static void clear(struct ended *e)
{
    for (size_t p = 0; p < 2; p++)
        e->choice[p].scorer->free(e->s.part[p].part);
    free(e->s.each);
    free(e->s.trial);
    json_decref(e->cfg.trials);
    pz_valid_clear(&e->v);
    free(e->t);
}

TEST(a_part_that_does_better_alone_is_left_alone)
{
    struct ended e;

    end_search(&e, 0, 0, 1e-3);
    assert_true(e.s.part[0].weight == 0);
    assert_true(e.s.part[1].weight == 1);
    clear(&e);
}

TEST(defaults_that_do_better_come_back)
{
    struct ended e;

    end_search(&e, 300, 2, 0);
    assert_true(e.s.part[0].weight == 1 && e.choice[0].value[0] == 2);
    clear(&e);
}

TEST(what_the_search_found_stays_where_nothing_does_better)
{
    struct ended e;

    end_search(&e, 2, 300, 0);
    assert_true(e.s.part[0].weight == 1 && e.choice[0].value[0] == 2);
    assert_true(e.s.part[1].weight == 0);
    clear(&e);
}
