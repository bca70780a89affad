/* SPDX-License-Identifier: Apache-2.0 */
/* Cases of a test: what is ground truth, with which gain, after which history. The model is of six
 * users' plain history and counts buys fully, views half and clicks not at all. */
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "eval/evaluate.h"
#include "import/import.h"
#include "tests/unit/unit.h"
#include "train/train.h"

static char dir[32], csv[64], path[64];
static struct pz_model *m;

static struct pz_dataset *import(const char *rows)
{
    struct pz_import_cfg cfg = { .max_errors = 0 };
    struct pz_import_count count[PZ_N_TABLES];
    struct pz_dataset *ds = NULL;
    struct pz_str text = { 0 };

    pz_str_addf(&text, "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\n%s", rows);
    assert_int_equal(pz_file_write(csv, text.data, text.len, NULL), PZ_OK);
    assert_true(pz_strs_add(&cfg.files[PZ_INTERACTIONS], csv));
    assert_int_equal(pz_import(&cfg, &ds, count, NULL), PZ_OK);
    pz_strs_clear(&cfg.files[PZ_INTERACTIONS]);
    pz_str_clear(&text);
    return ds;
}

static int make_model(void **state __attribute__((unused)))
{
    static const struct pz_event_rule rules[] = { { "buy", 1, -1.0 / 0.0, false },
                                                  { "view", 0.5, -1.0 / 0.0, false } };
    struct pz_train_cfg cfg = {
        .recipe = pz_recipe_find("popularity-count", NULL), .rules = rules, .n_rules = 2, .seed = 1
    };
    struct pz_dataset *ds;

    snprintf(dir, sizeof dir, "/tmp/pz-test-cases.XXXXXX");
    if (!mkdtemp(dir))
        return 1;
    snprintf(csv, sizeof csv, "%s/i.csv", dir);
    snprintf(path, sizeof path, "%s/m.pzm", dir);
    ds = import("a,x,100,buy\na,y,200,click\na,z,300,view\nb,x,100,view\n");
    if (pz_train(ds, &cfg, path, NULL) != PZ_OK || pz_model_open(path, &m, NULL) != PZ_OK)
        return 1;
    pz_dataset_free(ds);
    return 0;
}

static int remove_model(void **state __attribute__((unused)))
{
    pz_model_free(m);
    unlink(csv);
    unlink(path);
    return rmdir(dir);
}

AROUND_ALL(make_model, remove_model)

/* All cases as text: "user[history](truth:gain ...)@now". */
static void describe(const struct pz_cases *cases, struct pz_str *to)
{
    pz_str_adds(to, "");
    for (size_t i = 0; i < cases->n; i++) {
        const struct pz_case *c = &cases->c[i];

        pz_str_addf(to, "%s%s[%u](", i ? " " : "", c->user_id, c->n_history);
        for (size_t t = 0; t < c->n_truth; t++)
            pz_str_addf(to, "%s%s:%g", t ? " " : "", c->truth[t],
                        c->gain ? (double)c->gain[t] : -1);
        pz_str_addf(to, ")@%lld", (long long)c->now);
    }
}

static const struct {
    const char *rows, *is;
    struct pz_held_out held;
} tests[] = {
    /* an item counts once, with its heaviest event; what no rule names is no truth */
    { "a,z,400,buy\na,z,410,view\na,y,420,click\na,x,430,view\n",
      "a[2](z:1 x:0.5)@400",
      { .n_events = 4, .n_counted = 3, .n_items = 2, .n_repeats = 2 } },
    { "a,z,400,view\na,z,410,buy\n",
      "a[2](z:-1)@400", /* gains that are all alike say nothing */
      { .n_events = 2, .n_counted = 2, .n_items = 1, .n_repeats = 1 } },
    { "a,y,400,click\nb,y,400,buy\n",
      "b[1](y:-1)@400", /* a has nothing that counts */
      { .n_events = 2, .n_counted = 1, .n_items = 1 } },
    { "new,x,400,buy\nb,y,410,view\n",
      "b[1](y:0.5)@410 new[0](x:1)@400",
      { .n_events = 2, .n_counted = 2, .n_items = 2 } },
    { "b,y,100,buy\n",
      "b[1](y:-1)@100", /* of one moment with the history */
      { .n_events = 1, .n_counted = 1, .n_items = 1, .n_tied = 1 } },
    { "b,unknown,400,buy\n",
      "b[1](unknown:-1)@400", /* the model cannot find it, which counts */
      { .n_events = 1, .n_counted = 1, .n_items = 1 } },
};

TEST(ground_truth_is_what_counts_each_item_once)
{
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        struct pz_dataset *ds = import(tests[i].rows);
        struct pz_cases_source from = { .test = ds };
        struct pz_cases cases;
        struct pz_str text = { 0 };
        const struct pz_held_out *held = &tests[i].held;

        assert_int_equal(pz_cases_make(&from, m, &cases, NULL), PZ_OK);
        describe(&cases, &text);
        if (strcmp(text.data, tests[i].is) != 0 || cases.held.n_events != held->n_events ||
            cases.held.n_counted != held->n_counted || cases.held.n_items != held->n_items ||
            cases.held.n_repeats != held->n_repeats || cases.held.n_tied != held->n_tied)
            fail_msg("test %zu: %s", i, text.data);
        pz_str_clear(&text);
        pz_cases_clear(&cases);
        pz_dataset_free(ds);
    }
}

TEST(a_given_history_takes_the_place_of_the_model_s)
{
    struct pz_dataset *ds = import("a,y,400,buy\n"),
                      *history = import("a,z,10,buy\na,q,20,click\nb,x,5,buy\n");
    struct pz_cases_source from = { .test = ds, .history = history };
    struct pz_cases cases;

    assert_int_equal(pz_cases_make(&from, m, &cases, NULL), PZ_OK);
    assert_int_equal(cases.n, 1);
    assert_false(cases.c[0].use_model);
    assert_int_equal(cases.c[0].n_past, 2);    /* all of a's, for the scorers to choose from */
    assert_int_equal(cases.c[0].n_history, 1); /* the click does not count */
    assert_string_equal(cases.c[0].past[0].item_id, "z");
    pz_cases_clear(&cases);
    pz_dataset_free(ds);
    pz_dataset_free(history);
}

TEST(what_a_model_has_learned_is_counted)
{
    static const struct {
        const char *rows;
        uint64_t n;
    } rows[] = { { "a,x,100,buy\n", 1 },
                 { "a,x,101,buy\n", 0 },
                 { "b,z,300,view\n", 0 },
                 { "a,x,100,buy\na,z,300,view\nb,x,100,view\n", 3 },
                 { "q,x,100,buy\n", 0 } };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pz_dataset *ds = import(rows[i].rows);
        struct pz_cases_source from = { .test = ds };
        uint64_t n;

        assert_int_equal(pz_cases_learned(&from, m, &n, NULL), PZ_OK);
        assert_int_equal(n, rows[i].n);
        pz_dataset_free(ds);
    }
}

/* ---- what is asked, and what comes back ---- */

TEST(a_list_has_at_most_the_longest_k_and_no_seen_item_when_asked)
{
    struct pz_dataset *ds = import("new,x,400,buy\n");
    struct pz_cases_source from = { .test = ds };
    struct pz_eval_cfg cfg = { .k = { 1, 2 }, .n_k = 2 };
    struct pz_cases cases;
    struct pz_figures f;

    assert_int_equal(pz_cases_make(&from, m, &cases, NULL), PZ_OK);
    assert_int_equal(pz_evaluate(m, &cases, &cfg, &f, NULL), PZ_OK);
    assert_int_equal(f.n_cases, 1);
    for (size_t i = 0; i < f.n_metrics; i++)
        if (strcmp(f.name[i], "hit_rate_at_1") == 0)
            assert_true(f.mean[i] == 1); /* x has the most users */
    pz_figures_clear(&f);
    pz_cases_clear(&cases);
    pz_dataset_free(ds);
}
