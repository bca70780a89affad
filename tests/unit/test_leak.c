/* SPDX-License-Identifier: Apache-2.0 */
/* What is held out never reaches a model: whatever the truth is, and if it is not there at all,
 * training gives the same columns. */
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "data/split.h"
#include "import/import.h"
#include "table/table.h"
#include "tests/unit/unit.h"
#include "train/train.h"

enum { USERS = 30, EACH = 12, ITEMS = 30 };

static char dir[64];
static uint32_t n_trials; /* of each training */

static int make_dir(void **state __attribute__((unused)))
{
    snprintf(dir, sizeof dir, "/tmp/pz-test-leak-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state __attribute__((unused)))
{
    static const char *const names[] = { "a.csv", "b.csv", "i.csv", "a.pzm", "b.pzm" };
    char path[100];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    return rmdir(dir);
}

static const char *in_dir(char *path, const char *name)
{
    snprintf(path, 100, "%s/%s", dir, name);
    return path;
}

/* An interaction of the made data: users walk round the items at different paces. */
static int item_of(int user, int place)
{
    return (user * 7 + place * (1 + user % 3) + place * place % 5) % ITEMS;
}

static const char *const types[] = { "View", "Cart", "Purchase" };

/* What becomes of the interactions that the split holds out. */
enum change { KEEP, PERMUTE, REMOVE };

static void write_interactions(const char *name, const uint8_t *role, enum change change)
{
    struct pz_str text = { 0 };
    char path[100];

    pz_str_adds(&text, "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE,DEVICE\n");
    for (int u = 0; u < USERS; u++)
        for (int p = 0; p < EACH; p++) {
            bool held = role && !(role[u * EACH + p] & PZ_ROLE_TRAIN);
            int change_by = held && change == PERMUTE ? 11 : 0;

            if (held && change == REMOVE)
                continue;
            pz_str_addf(&text, "u%02d,i%02d,%d,%s,%d,%s\n", u, (item_of(u, p) + change_by) % ITEMS,
                        1700000000 + p * 86400 + u * 60 + change_by * 5,
                        types[(u + p + change_by) % 3], (p + change_by) % 4,
                        (u + p + change_by) % 2 ? "phone" : "desk");
        }
    assert_int_equal(pz_file_write(in_dir(path, name), text.data, text.len, NULL), PZ_OK);
    pz_str_clear(&text);
}

static void write_items(void)
{
    struct pz_str text = { 0 };
    char path[100];

    pz_str_adds(&text, "ITEM_ID,GENRE,PRICE\n");
    for (int i = 0; i < ITEMS; i++)
        pz_str_addf(&text, "i%02d,g%d|h%d,%d\n", i, i % 4, i % 3, i * 3);
    assert_int_equal(pz_file_write(in_dir(path, "i.csv"), text.data, text.len, NULL), PZ_OK);
    pz_str_clear(&text);
}

static struct pz_dataset *import(const char *name)
{
    char path[100], items[100];
    struct pz_import_cfg cfg = { .log = NULL };
    struct pz_import_count count[PZ_N_TABLES];
    struct pz_dataset *ds = NULL;

    pz_strs_add(&cfg.files[PZ_INTERACTIONS], in_dir(path, name));
    pz_strs_add(&cfg.files[PZ_ITEMS], in_dir(items, "i.csv"));
    assert_int_equal(pz_import(&cfg, &ds, count, NULL), PZ_OK);
    for (int t = 0; t < PZ_N_TABLES; t++)
        pz_strs_clear(&cfg.files[t]);
    return ds;
}

/* Train on what role keeps (all when NULL) into the file of that name. */
static void train(const struct pz_dataset *ds, const uint8_t *role, const char *name)
{
    const struct pz_event_rule rules[] = { { "Purchase", 1, -1.0 / 0.0, false },
                                           { "View", 0.3, 1, false },
                                           { "Cart", 0.5, -1.0 / 0.0, false } };
    uint8_t *keep = calloc(ds->n_interactions, 1);
    char path[100];
    struct pz_err err = { .text = "" };
    struct pz_train_cfg job = { .recipe = pz_recipe_find("user-personalization", NULL),
                                .rules = rules,
                                .n_rules = 3,
                                .n_trials = n_trials,
                                .seed = 3,
                                .keep = role ? keep : NULL };

    for (uint64_t p = 0; role && p < ds->n_interactions; p++)
        keep[p] = (role[p] & PZ_ROLE_TRAIN) != 0;
    if (pz_train(ds, &job, in_dir(path, name), &err) != PZ_OK)
        fail_msg("%s", err.text);
    free(keep);
}

/* The manifest without the name of the dataset's content. */
static char *manifest_of(struct pz_table *t)
{
    char *text = NULL, *plain;
    json_t *doc = NULL;

    assert_int_equal(pz_table_get_text(t, "manifest", &text, NULL), PZ_OK);
    assert_int_equal(pz_json_parse(text, strlen(text), "manifest", &doc, NULL), PZ_OK);
    assert_int_equal(json_object_del(doc, "dataset"), 0);
    plain = json_dumps(doc, JSON_SORT_KEYS);
    json_decref(doc);
    free(text);
    return plain;
}

static void models_are_the_same(void)
{
    char path[100];
    struct pz_table *a, *b;
    char *ma, *mb;

    assert_int_equal(pz_table_open(in_dir(path, "a.pzm"), "modl", &a, NULL), PZ_OK);
    assert_int_equal(pz_table_open(in_dir(path, "b.pzm"), "modl", &b, NULL), PZ_OK);
    assert_int_equal(pz_table_n_columns(a), pz_table_n_columns(b));
    for (size_t i = 0; i < pz_table_n_columns(a); i++) {
        struct pz_column_info c = pz_table_column(a, i), d = pz_table_column(b, i);
        const void *x, *y;

        assert_string_equal(c.name, d.name);
        if (strcmp(c.name, "manifest") == 0)
            continue;
        if (c.n != d.n)
            fail_msg("%s has %llu elements or %llu", c.name, (unsigned long long)c.n,
                     (unsigned long long)d.n);
        assert_int_equal(pz_table_get(a, c.name, c.type, PZ_ANY, &x, &c.n, NULL), PZ_OK);
        assert_int_equal(pz_table_get(b, d.name, d.type, PZ_ANY, &y, &d.n, NULL), PZ_OK);
        if (memcmp(x, y, c.n * pz_type_bytes(c.type)) != 0)
            fail_msg("%s knows of the truth", c.name);
    }
    ma = manifest_of(a);
    mb = manifest_of(b);
    assert_string_equal(ma, mb);
    free(ma);
    free(mb);
    pz_table_close(a);
    pz_table_close(b);
}

/* Hold out by spec, train; change what was held out, train again. */
static void hold_out_and_change(const char *spec, enum change change)
{
    struct pz_split_spec split;
    struct pz_dataset *a, *b;
    uint8_t *role;

    write_items();
    write_interactions("a.csv", NULL, KEEP);
    a = import("a.csv");
    assert_int_equal(a->n_interactions, USERS * EACH);
    role = calloc(a->n_interactions, 1);
    assert_int_equal(pz_split_parse(spec, &split, NULL), PZ_OK);
    assert_int_equal(pz_split_assign(a, &split, 1, role, NULL), PZ_OK);
    train(a, role, "a.pzm");
    write_interactions("b.csv", role, change);
    b = import("b.csv");
    assert_true(change == REMOVE ? b->n_interactions < a->n_interactions
                                 : b->n_interactions == a->n_interactions);
    train(b, change == REMOVE ? NULL : role, "b.pzm");
    models_are_the_same();
    free(role);
    pz_dataset_free(a);
    pz_dataset_free(b);
}

TEST(a_permuted_truth_changes_nothing)
{
    n_trials = 1;
    hold_out_and_change("leave-last:2", PERMUTE);
    n_trials = 0;
}

TEST(a_removed_truth_changes_nothing)
{
    hold_out_and_change("leave-last:2", REMOVE);
}

TEST(a_permuted_truth_behind_a_time_changes_nothing)
{
    hold_out_and_change("time:20%", PERMUTE);
}

TEST(changed_users_who_are_held_out_change_nothing)
{
    hold_out_and_change("personalize:20%", PERMUTE);
}

/* The test of the test: a change in what is trained on is seen. */
TEST(the_comparison_sees_a_change_of_the_training_part)
{
    struct pz_dataset *a;
    char path[100];
    struct pz_table *x, *y;
    char *mx, *my;

    write_items();
    write_interactions("a.csv", NULL, KEEP);
    a = import("a.csv");
    train(a, NULL, "a.pzm");
    {
        uint8_t *role = calloc(a->n_interactions, 1);

        memset(role, PZ_ROLE_TRAIN, a->n_interactions);
        role[5] = PZ_ROLE_TRUTH;
        train(a, role, "b.pzm");
        free(role);
    }
    assert_int_equal(pz_table_open(in_dir(path, "a.pzm"), "modl", &x, NULL), PZ_OK);
    assert_int_equal(pz_table_open(in_dir(path, "b.pzm"), "modl", &y, NULL), PZ_OK);
    mx = manifest_of(x);
    my = manifest_of(y);
    assert_string_not_equal(mx, my);
    free(mx);
    free(my);
    pz_table_close(x);
    pz_table_close(y);
    pz_dataset_free(a);
}

AROUND_ALL(make_dir, remove_dir)
