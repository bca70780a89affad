/* SPDX-License-Identifier: Apache-2.0 */
/* Event weights act in every scorer: in what it learns, and in how it reads a history. */

#include "model/parts.h"
#include "scorer_fixture.h"
#include "tests/unit/unit.h"

enum { N_ITEMS = 30 };

/* Items are of four kinds. */
static uint64_t kind_ptr[N_ITEMS + 1];
static uint32_t kind[N_ITEMS];
static const uint64_t kind_offset[] = { 0, 1, 2, 3, 4 };
static struct pz_attr column = { .name = "KIND",
                                 .kind = PZ_ATTR_CATEGORY,
                                 .ptr = kind_ptr,
                                 .code = kind,
                                 .values = { 4, kind_offset, "abcd", NULL, NULL, NULL } };
static const struct pz_attrs attrs = { .n_attrs = 1, .n_rows = N_ITEMS, .attr = &column };

static const char *const small[] = { "dim", "hidden", "layers", "epochs", NULL };
static const double small_value[] = { 16, 16, 1, 1 };

/* What the scorer says of a history after learning from events of which every third weighs
 * `learned`, the first of the history weighing `read`. */
static void ask(const struct pz_scorer *s, float learned, float read, float *out)
{
    static const uint32_t hist[] = { 2, 5, 9 };
    const float weight[] = { read, 1, 1 };
    struct tiny *t = tiny_random(100, N_ITEMS, 8, 3);
    struct pz_query q = query_of(hist, 3);
    struct fitted f;
    void *scratch;

    for (uint32_t i = 0; i < N_ITEMS; i++) {
        kind[i] = i % 4;
        kind_ptr[i + 1] = i + 1;
    }
    for (uint64_t p = 0; p < t->ptr[t->c.n_users]; p += 3)
        t->weight[p] = learned;
    t->c.item_attrs = &attrs;
    q.hist_weight = weight;
    fitted_settings(&f, s, s == &pz_sequence ? small : NULL, small_value);
    fitted_fit(&f, &t->c);
    scratch = pz_mem_array(s->scratch_bytes(f.part) + 1, 1);
    memset(out, 0, N_ITEMS * sizeof *out);
    assert_true(s->score(f.part, &q, scratch, out));
    free(scratch);
    s->free(f.part);
    free(t);
}

TEST(weights_act_in_what_every_scorer_learns)
{
    float all[N_ITEMS], some[N_ITEMS];

    for (size_t k = 0; pz_scorers[k]; k++) {
        if (pz_scorers[k] == &pz_sessions)
            continue; /* keeps who had what; it weighs the events of the history that asks */
        ask(pz_scorers[k], 1, 1, all);
        ask(pz_scorers[k], 0.1f, 1, some);
        if (memcmp(all, some, sizeof all) == 0)
            fail_msg("%s learns the same", pz_scorers[k]->name);
    }
}

TEST(weights_act_in_how_every_scorer_reads_a_history)
{
    float all[N_ITEMS], some[N_ITEMS];

    for (size_t k = 0; pz_scorers[k]; k++) {
        if (pz_scorers[k] == &pz_popularity || pz_scorers[k] == &pz_recent)
            continue; /* read none */
        ask(pz_scorers[k], 1, 1, all);
        ask(pz_scorers[k], 1, 0.1f, some);
        if (memcmp(all, some, sizeof all) == 0)
            fail_msg("%s reads the same", pz_scorers[k]->name);
    }
}
