/* SPDX-License-Identifier: Apache-2.0 */
/* When a trial wins: on a scorer whose setting helps some users and harms others, as many as the test says. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "model/tune.h"

enum { USERS = 160, ITEMS = 40, EVENTS = 3 };

/* User u had items u, u + 1, u + 2 (of ITEMS), one a second: the last is asked for. */
struct chain {
    uint64_t ptr[USERS + 1];
    uint32_t item[USERS * EVENTS];
    int64_t time[USERS * EVENTS];
    float weight[USERS * EVENTS];
};

static struct pz_corpus chain_make(struct chain *t)
{
    for (uint32_t k = 0; k < USERS * EVENTS; k++) {
        t->item[k] = (k / EVENTS + k % EVENTS) % ITEMS;
        t->time[k] = k % EVENTS;
        t->weight[k] = 1;
    }
    for (uint32_t u = 0; u <= USERS; u++)
        t->ptr[u] = u * EVENTS;
    return (struct pz_corpus){ .n_users = USERS, .n_items = ITEMS, .ptr = t->ptr, .item = t->item, .time = t->time,
                               .weight = t->weight, .newest = EVENTS - 1, .ordered = true };
}

/* The next item and the one after it are the best two. With swap the next is on top where the last item is below
 * `helped`, the other where it is above; without it is the reverse. */
struct sway {
    double swap;
};
static uint32_t helped;

static enum pz_status sway_fit(const struct pz_corpus *c, const struct pz_fit_cfg *cfg, void **part, struct pz_err *err)
{
    struct sway *s = malloc(sizeof *s);

    (void)c;
    (void)err;
    assert_non_null(s);
    s->swap = cfg->value[0];
    *part = s;
    return PZ_OK;
}

static void sway_set(void *part, size_t setting, double value)
{
    (void)setting;
    ((struct sway *)part)->swap = value;
}

static size_t sway_scratch(const void *part)
{
    (void)part;
    return 0;
}

static bool sway_score(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    const struct sway *s = part;
    uint32_t last = q->hist[q->n_hist - 1];
    bool on_top = (s->swap > 0.1) == (last < helped);

    (void)scratch;
    out[(last + 1) % ITEMS] = on_top ? 2 : 1;
    out[(last + 2) % ITEMS] = on_top ? 1 : 2;
    return true;
}

static const struct pz_setting settings[] = { { "swap", 0, 0, 1, 0, 1, false, false, true, "see above" } };
static const struct pz_scorer sway = { .name = "sway", .settings = settings, .n_settings = 1, .fit = sway_fit,
                                       .free = free, .set = sway_set, .scratch_bytes = sway_scratch,
                                       .score = sway_score };

/* The setting that tuning chooses when h of ITEMS last items are helped by a larger one and the others harmed. */
static double chosen(uint32_t h)
{
    static struct chain t;
    struct pz_corpus c = chain_make(&t);
    json_t *trials = json_array();
    struct pz_tune_cfg cfg = { .n_trials = 8, .exclude_seen = true, .seed = 7, .trials = trials,
                               .metric = { PZ_METRIC_NDCG, 10 } };
    struct pz_choice choice;
    double scale;

    helped = h;
    pz_choice_init(&choice, &sway);
    choice.low[0] = choice.high[0] = 0;
    choice.high[0] = 1;
    choice.weight = 1;
    assert_int_equal(pz_tune(&c, &cfg, &choice, 1, &scale, NULL), PZ_OK);
    json_decref(trials);
    return choice.value[0];
}

/* Of 160 users 4 h gain d and the others lose it: at h = 21 the mean gain is 8 / sqrt(160) = 0.6 standard errors, at 26
 * four. */
static void a_gain_within_the_noise_moves_nothing(void **state)
{
    (void)state;
    assert_true(chosen(21) == 0);
    assert_true(chosen(20) == 0);
    assert_true(chosen(ITEMS) > 0);
    assert_true(chosen(26) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_gain_within_the_noise_moves_nothing) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
