/* SPDX-License-Identifier: Apache-2.0 */
/* Training from the outside, on data so small that it takes no time: what it warns of and refuses,
 * and that a model brought up to date is, column by column, the model of all the data. */
#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "data/group.h"
#include "import/import.h"
#include "model/recipe.h"
#include "table/table.h"
#include "tests/unit/unit.h"
#include "train/train.h"

static char dir[32], csv[64], first[64], second[64], said[64];

static int make_paths(void **state __attribute__((unused)))
{
    snprintf(dir, sizeof dir, "/tmp/pz-test-train.XXXXXX");
    if (!mkdtemp(dir))
        return 1;
    snprintf(csv, sizeof csv, "%s/i.csv", dir);
    snprintf(first, sizeof first, "%s/a.pzm", dir);
    snprintf(second, sizeof second, "%s/b.pzm", dir);
    snprintf(said, sizeof said, "%s/stderr", dir);
    return 0;
}

static int remove_paths(void **state __attribute__((unused)))
{
    unlink(csv);
    unlink(first);
    unlink(second);
    unlink(said);
    return rmdir(dir);
}

AROUND_ALL(make_paths, remove_paths)

static struct pz_dataset *import(const struct pz_str *text)
{
    struct pz_import_cfg cfg = { .max_errors = 0 };
    struct pz_import_count count[PZ_N_TABLES];
    struct pz_dataset *ds = NULL;
    struct pz_err err = { .text = "" };

    assert_int_equal(pz_file_write(csv, text->data, text->len, NULL), PZ_OK);
    assert_true(pz_strs_add(&cfg.files[PZ_INTERACTIONS], csv));
    if (pz_import(&cfg, &ds, count, &err) != PZ_OK)
        fail_msg("%s", err.text);
    pz_strs_clear(&cfg.files[PZ_INTERACTIONS]);
    return ds;
}

/* What a training says on stderr. The caller frees it. */
static char *train_and_listen(const struct pz_dataset *ds, struct pz_train_cfg cfg,
                              enum pz_status want)
{
    int old = dup(STDERR_FILENO), fd = open(said, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    struct pz_err err = { .text = "" };
    char *text;
    size_t n;
    enum pz_status st;

    assert_true(old >= 0 && fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    cfg.log = pz_log_new("test", PZ_LOG_NOTE, false);
    st = pz_train(ds, &cfg, first, &err);
    pz_log_free(cfg.log);
    fflush(stderr);
    dup2(old, STDERR_FILENO);
    close(old);
    close(fd);
    if (st != want)
        fail_msg("status %d: %s", (int)st, err.text);
    assert_int_equal(pz_file_read(said, 1 << 20, &text, &n, NULL), PZ_OK);
    return text;
}

static struct pz_train_cfg plain(void)
{
    return (struct pz_train_cfg){ .recipe = pz_recipe_find("popularity-count", NULL), .seed = 1 };
}

/* `two` users with two events each, and the rest of n by one user more. */
static void add_events(struct pz_str *text, uint32_t n, uint32_t two)
{
    pz_str_adds(text, "USER_ID,ITEM_ID,TIMESTAMP\n");
    for (uint32_t k = 0; k < n; k++)
        pz_str_addf(text, "u%u,i%u,%u\n", k < 2 * two ? k / 2 : two, k % 9, 1000 + k);
}

TEST(less_than_personalize_asks_for_is_warned_of)
{
    static const struct {
        uint32_t n, two;
        bool few_events, few_users;
    } rows[] = { { 1000, 24, false, false },
                 { 999, 24, true, false },
                 { 1000, 23, false, true },
                 { 49, 24, true, true } };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pz_str text = { 0 };
        struct pz_dataset *ds;
        char *warned;

        add_events(&text, rows[i].n, rows[i].two);
        ds = import(&text);
        warned = train_and_listen(ds, plain(), PZ_OK);
        if ((strstr(warned, "interactions count; Amazon Personalize asks for 1000") != NULL) !=
                rows[i].few_events ||
            (strstr(warned, "users have two interactions; Amazon Personalize asks for 25") !=
             NULL) != rows[i].few_users)
            fail_msg("%u events, %u users: \"%s\"", rows[i].n, rows[i].two, warned);
        free(warned);
        pz_dataset_free(ds);
        pz_str_clear(&text);
    }
}

TEST(parameters_are_read_or_refused)
{
    static const struct {
        const char *param;
        enum pz_status st;
    } rows[] = {
        { "popularity=on", PZ_OK },
        { "popularity=auto", PZ_OK },
        { "popularity=off", PZ_USAGE },
        { "popularity=yes", PZ_USAGE },
        { "populatity=on", PZ_USAGE },
        { "popularity.half_life=30", PZ_OK },
        { "popularity.half_life=x", PZ_USAGE },
        { "popularity.half_lif=30", PZ_USAGE },
        { "popularit.half_life=30", PZ_USAGE },
        { "popularity.half_life=-1", PZ_USAGE },
        { "popularity", PZ_USAGE },
        { "", PZ_USAGE },
        { "weight.popularity=-1", PZ_USAGE },
        { "weight.nothing=1", PZ_USAGE },
    };
    struct pz_str text = { 0 };
    struct pz_dataset *ds;

    add_events(&text, 100, 30);
    ds = import(&text);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *params[] = { rows[i].param };
        struct pz_train_cfg cfg = plain();
        struct pz_err err = { .text = "" };
        enum pz_status st;

        cfg.params = params;
        cfg.n_params = 1;
        st = pz_train(ds, &cfg, first, &err);
        if (st != rows[i].st)
            fail_msg("-p %s: status %d: %s", rows[i].param, (int)st, err.text);
    }
    pz_dataset_free(ds);
    pz_str_clear(&text);
}

TEST(a_threshold_that_no_value_reaches_is_a_slip)
{
    static const struct {
        double threshold;
        enum pz_status st;
    } rows[] = { { 0, PZ_OK }, { 3, PZ_OK }, { 3.5, PZ_USAGE }, { 1e9, PZ_USAGE } };
    struct pz_str text = { 0 };
    struct pz_dataset *ds;

    pz_str_adds(&text, "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE\n"
                       "a,i,1,rate,1\na,j,2,rate,3\nb,i,3,rate,2\nb,j,4,view,9\n");
    ds = import(&text);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct pz_event_rule rule[] = { { "rate", 1, rows[i].threshold, false },
                                              { "view", 1, -1.0 / 0.0, false } };
        struct pz_train_cfg cfg = plain();
        struct pz_err err = { .text = "" };
        enum pz_status st;

        cfg.rules = rule;
        cfg.n_rules = 2;
        st = pz_train(ds, &cfg, first, &err);
        if (st != rows[i].st || (st != PZ_OK && !strstr(err.text, "no rate event has a value")))
            fail_msg("threshold %g: %d %s", rows[i].threshold, (int)st, err.text);
    }
    pz_dataset_free(ds);
    pz_str_clear(&text);
}

/* ---- updates ---- */

/* All columns but the manifest are alike. */
static void check_same_model(void)
{
    struct pz_table *a, *b;

    assert_int_equal(pz_table_open(first, "modl", &a, NULL), PZ_OK);
    assert_int_equal(pz_table_open(second, "modl", &b, NULL), PZ_OK);
    assert_int_equal(pz_table_n_columns(a), pz_table_n_columns(b));
    for (size_t i = 0; i < pz_table_n_columns(a); i++) {
        struct pz_column_info c = pz_table_column(a, i);
        const void *x, *y;
        uint64_t n, m;

        if (strcmp(c.name, "manifest") == 0)
            continue;
        assert_int_equal(pz_table_get(a, c.name, c.type, PZ_ANY, &x, &n, NULL), PZ_OK);
        assert_int_equal(pz_table_get(b, c.name, c.type, PZ_ANY, &y, &m, NULL), PZ_OK);
        if (n != m || memcmp(x, y, n * pz_type_bytes(c.type)) != 0)
            fail_msg("column %s differs", c.name);
    }
    pz_table_close(a);
    pz_table_close(b);
}

/* Old data, and what comes later: events behind a known user's, a new user, a new item, one that
 * stands before what is known ("late"), one that repeats an old one; or nothing at all. */
static const char *const deltas[] = {
    "u1,i3,5000\nu1,i4,5001\n",
    "new,i1,5000\nnew,i2,5001\n",
    "u2,fresh,5000\n",
    "u1,i5,1\n",
    "u0,i7,500\nu1,i1,6000\nu0,i0,1000\n",
    "u0,i0,1000\n",
};

/* For each delta: a model of the old data that is updated, in the file `second`, and one of all
 * data, in `first`, are the same to `check`. make_old: the old data as CSV. */
static void check_updates(const struct pz_train_cfg *cfg, void (*make_old)(struct pz_str *),
                          void (*check)(void))
{
    for (size_t i = 0; i < sizeof deltas / sizeof *deltas; i++) {
        struct pz_str old = { 0 }, more = { 0 };
        struct pz_dataset *in[2], *all = NULL;
        struct pz_err err = { .text = "" };

        make_old(&old);
        pz_str_addf(&more, "USER_ID,ITEM_ID,TIMESTAMP\n%s", deltas[i]);
        in[0] = import(&old);
        in[1] = import(&more);
        assert_int_equal(pz_dataset_merge(in, 2, NULL, &all, NULL), PZ_OK);
        if (pz_train(in[0], cfg, first, &err) != PZ_OK ||
            pz_train_update(first, &in[1], 1, &(struct pz_update_cfg){ .log = NULL }, second,
                            &err) != PZ_OK ||
            pz_train(all, cfg, first, &err) != PZ_OK)
            fail_msg("delta %zu: %s", i, err.text);
        check();
        pz_dataset_free(in[0]);
        pz_dataset_free(in[1]);
        pz_dataset_free(all);
        pz_str_clear(&old);
        pz_str_clear(&more);
    }
}

static void some_events(struct pz_str *text)
{
    add_events(text, 60, 20);
}

TEST(an_update_is_the_model_of_all_the_data)
{
    struct pz_train_cfg cfg = plain();

    check_updates(&cfg, some_events, check_same_model);
}

/* Columns of lists that both models have alike, but for the rounding of sums made in two steps. */
static void check_same_counts(void)
{
    static const char *const exact[] = { "transitions/count_ptr", "transitions/count_item" };
    static const char *const near[] = { "transitions/count", "transitions/pop" };
    struct pz_table *a, *b;

    assert_int_equal(pz_table_open(first, "modl", &a, NULL), PZ_OK);
    assert_int_equal(pz_table_open(second, "modl", &b, NULL), PZ_OK);
    for (size_t i = 0; i < 2; i++) {
        const void *x, *y;
        uint64_t n, m;
        enum pz_type type = i ? PZ_U32 : PZ_U64;

        assert_int_equal(pz_table_get(a, exact[i], type, PZ_ANY, &x, &n, NULL), PZ_OK);
        assert_int_equal(pz_table_get(b, exact[i], type, PZ_ANY, &y, &m, NULL), PZ_OK);
        assert_int_equal(n, m);
        assert_memory_equal(x, y, n * pz_type_bytes(type));
    }
    for (size_t i = 0; i < 2; i++) {
        const void *x, *y;
        uint64_t n, m;

        assert_int_equal(pz_table_get(a, near[i], PZ_F32, PZ_ANY, &x, &n, NULL), PZ_OK);
        assert_int_equal(pz_table_get(b, near[i], PZ_F32, PZ_ANY, &y, &m, NULL), PZ_OK);
        assert_int_equal(n, m);
        for (uint64_t k = 0; k < n; k++) {
            double p = (double)((const float *)x)[k], q = (double)((const float *)y)[k];

            if (fabs(p - q) > 1e-3 * fmax(fabs(p), 1))
                fail_msg("%s[%llu]: %g and %g", near[i], (unsigned long long)k, p, q);
        }
    }
    pz_table_close(a);
    pz_table_close(b);
}

static void many_events(struct pz_str *text)
{
    pz_str_adds(text, "USER_ID,ITEM_ID,TIMESTAMP\n");
    for (uint32_t k = 0; k < 12000; k++)
        pz_str_addf(text, "u%u,i%u,%u\n", k % 600, k * k / 600 % 40, 1000 + k / 600);
}

/* Data large enough that parts are not fitted anew: what old events counted is kept, and each new
 * pair counts once, whether it is with the newest event of its user, with one that came late, or of
 * somebody new. */
TEST(an_update_of_larger_data_counts_each_pair_once)
{
    static const char *const params[] = { "transitions.ridge=0", "sessions=off", "factors=off",
                                          "spectral=off",        "content=off",  "habits=off",
                                          "sequence=off" };
    struct pz_train_cfg cfg = plain();

    cfg.recipe = pz_recipe_find("user-personalization", NULL);
    cfg.params = params;
    cfg.n_params = sizeof params / sizeof *params;
    check_updates(&cfg, many_events, check_same_counts);
}
