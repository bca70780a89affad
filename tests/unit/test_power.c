/* SPDX-License-Identifier: Apache-2.0 */
/* How much event weights say, on data of which is known what the events are worth. */
#include <math.h>

#include "base/rng.h"
#include "model/model.h"
#include "tests/unit/fixture_chain.h"
#include "train/power.h"

enum { ITEMS = 40 };

static const struct pz_event_rule rules[] = { { "buy", 1, -INFINITY, false },
                                              { "view", 0.05, -INFINITY, false } };

static struct pz_train_cfg config(void)
{
    return (struct pz_train_cfg){ .recipe = pz_recipe_find("user-personalization", NULL),
                                  .rules = rules,
                                  .n_rules = 2,
                                  .n_trials = 1,
                                  .seed = 5 };
}

/* Every other event is of little weight: of a random item, or of the next one in the chain. */
static void make(struct chain *t, bool chance)
{
    struct pz_rng rng;

    pz_rng_init(&rng, 11, 0);
    chain_make(t, CHAIN_USERS, ITEMS, CHAIN_EVENTS, true);
    for (uint32_t u = 0; u < CHAIN_USERS; u++)
        for (uint32_t k = 0; k < CHAIN_EVENTS; k++) {
            uint32_t p = u * CHAIN_EVENTS + k;
            bool view = k % 2 == 0;

            t->weight[p] = view ? 0.05f : 1;
            t->item[p] = view && chance ? pz_rng_below(&rng, ITEMS)
                                        : (u + (chance ? k / 2 : k)) % ITEMS;
        }
}

static double chosen(const struct chain *t, const struct pz_train_cfg *cfg)
{
    double power = -1;

    assert_int_equal(pz_power_choose(&t->c, cfg, &power, NULL), PZ_OK);
    return power;
}

TEST(weights_act_in_full_where_light_events_are_chance)
{
    struct chain t;
    struct pz_train_cfg cfg = config();

    make(&t, true);
    assert_true(chosen(&t, &cfg) > PZ_EVENT_POWER);
}

TEST(the_default_stays_where_light_events_tell_as_much)
{
    struct chain t;
    struct pz_train_cfg cfg = config();

    make(&t, false);
    assert_true(chosen(&t, &cfg) <= PZ_EVENT_POWER);
}

TEST(what_is_given_is_taken_and_without_tuning_nothing_is_tried)
{
    struct chain t;
    struct pz_train_cfg cfg = config();

    make(&t, true);
    cfg.event_power = 0.5;
    assert_true(chosen(&t, &cfg) == 0.5);
    cfg.event_power = 0;
    cfg.n_trials = 0;
    assert_true(chosen(&t, &cfg) == 0);
    cfg.n_trials = 1;
    for (uint32_t p = 0; p < CHAIN_USERS * CHAIN_EVENTS; p++)
        t.weight[p] = 1;
    assert_true(chosen(&t, &cfg) == 0); /* all alike */
}

TEST(a_power_makes_of_a_weight_what_it_says)
{
    assert_true(fabs((double)pz_weight_damp(0.2f, 0) - pow(0.2, 0.125)) < 1e-6);
    assert_true(fabs((double)pz_weight_damp(0.2f, PZ_EVENT_POWER) - pow(0.2, 0.125)) < 1e-6);
    assert_true(fabs((double)pz_weight_damp(0.2f, 1) - 0.2) < 1e-6);
    assert_true(pz_weight_damp(1, 0.35) == 1);
}
