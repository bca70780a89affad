/* SPDX-License-Identifier: Apache-2.0 */
/* Campaigns as queries see them: views, what makes them stale, and what live numbers leave out.
 * Every test has a campaign of its own, published from one tiny model. */

#include <math.h>
#include <unistd.h>

#include "base/file.h"
#include "campaign/layout.h"
#include "campaign/view.h"
#include "import/import.h"
#include "tests/unit/unit.h"
#include "train/train.h"

static char dir[32], model[64], campaign[64];

static void must(enum pz_status st, const struct pz_err *err)
{
    if (st != PZ_OK) {
        fail_msg("%s", err->text);
    }
}

/* 6 users with 4 events each on 6 items with a price. */
static void make_model(void)
{
    struct pz_import_cfg cfg = { .map = { 0 } };
    struct pz_import_count count[PZ_N_TABLES];
    struct pz_train_cfg train = { .recipe = pz_recipe_find("popularity-count"), .seed = 1 };
    struct pz_dataset *ds = NULL;
    struct pz_str text = { 0 };
    struct pz_err err = { 0 };
    char inter[64], items[64];
    snprintf(inter, sizeof inter, "%s/i.csv", dir);
    snprintf(items, sizeof items, "%s/t.csv", dir);
    pz_str_adds(&text, "USER_ID,ITEM_ID,TIMESTAMP\n");
    for (int k = 0; k < 24; k++) {
        pz_str_addf(&text, "u%d,i%d,%d\n", k % 6, (k * 5 + k / 6) % 6, 1000 + k);
    }
    must(pz_file_write(inter, text.data, text.len, &err), &err);
    must(pz_file_write(items, "ITEM_ID,PRICE\ni0,1\ni1,2\n", 24, &err), &err);
    assert_true(pz_strs_add(&cfg.files[PZ_INTERACTIONS], inter));
    assert_true(pz_strs_add(&cfg.files[PZ_ITEMS], items));
    must(pz_import(&cfg, &ds, count, &err), &err);
    must(pz_train(ds, &train, model, &err), &err);
    pz_dataset_free(ds);
    pz_strs_clear(&cfg.files[PZ_INTERACTIONS]);
    pz_strs_clear(&cfg.files[PZ_ITEMS]);
    pz_str_clear(&text);
    unlink(inter);
    unlink(items);
}

static int group_setup(void **state __attribute__((unused)))
{
    snprintf(dir, sizeof dir, "/tmp/pz-campaign.XXXXXX");
    if (mkdtemp(dir) == NULL) {
        return 1;
    }
    snprintf(model, sizeof model, "%s/m.pzm", dir);
    snprintf(campaign, sizeof campaign, "%s/c.pzc", dir);
    make_model();
    return 0;
}

static int group_teardown(void **state __attribute__((unused)))
{
    unlink(model);
    rmdir(dir);
    return 0;
}

static uint32_t publish(uint64_t live_seen, uint64_t rows_seen)
{
    struct pz_version v = { .live_seen = live_seen, .rows_seen = rows_seen };
    struct pz_err err = { 0 };
    must(pz_campaign_publish(campaign, model, 0, &v, &err), &err);
    return v.number;
}

static int fresh_campaign(void **state __attribute__((unused)))
{
    return publish(0, 0) != 1;
}

static int remove_campaign(void **state __attribute__((unused)))
{
    char path[PZ_PATH_BYTES];
    struct pz_version *list = NULL;
    size_t n = 0;
    (void)pz_campaign_list(campaign, &list, &n, NULL);
    for (size_t i = 0; i < n; i++) {
        (void)pz_layout_version(path, campaign, list[i].number, "", NULL);
        pz_layout_remove(path);
    }
    free(list);
    const char *folder[] = { "versions", "live" };
    for (size_t i = 0; i < 2; i++) {
        (void)pz_layout_path(path, campaign, folder[i], NULL);
        pz_layout_remove(path);
    }
    pz_layout_remove(campaign);
    return 0;
}

static struct pz_view *open_view(void)
{
    struct pz_view *v = NULL;
    struct pz_err err = { 0 };
    must(pz_view_open(campaign, &v, &err), &err);
    return v;
}

static void put_event(const char *user, const char *item)
{
    struct pz_event e = {
        .user_id = user, .item_id = item, .event_type = "view", .value = NAN, .time = 2000
    };
    struct pz_live_store *s = NULL;
    struct pz_err err = { 0 };
    size_t n_new = 0;
    uint64_t last = 0;
    must(pz_campaign_open_live(campaign, true, &s, &err), &err);
    must(pz_live_put(s, &e, 1, &n_new, &last, &err), &err);
    pz_live_close(s);
}

static void put_price(const char *item, const char *price)
{
    const char *name[] = { "PRICE" }, *value[] = { price };
    struct pz_live_row row = { item, name, value, 1 };
    struct pz_live_store *s = NULL;
    struct pz_err err = { 0 };
    uint64_t last = 0;
    must(pz_campaign_open_live(campaign, true, &s, &err), &err);
    must(pz_live_put_rows(s, PZ_LIVE_ITEMS, &row, 1, &last, &err), &err);
    pz_live_close(s);
}

static size_t live_events(const struct pz_view *v, const char *user)
{
    struct pz_arena arena = { 0 };
    struct pz_live live;
    struct pz_err err = { 0 };
    must(pz_view_gather(v, user, &arena, &live, &err), &err);
    size_t n = live.n_events;
    assert_ptr_equal(live.items, v->items);
    pz_arena_clear(&arena);
    return n;
}

TEST(a_view_sees_new_events_and_is_stale_after_any_other_change)
{
    struct pz_err err = { 0 };
    struct pz_view *v = open_view();
    assert_null(v->store);
    assert_false(pz_view_is_stale(campaign, v));
    put_event("u0", "i0"); /* makes the store */
    assert_true(pz_view_is_stale(campaign, v));
    pz_view_free(v);

    v = open_view();
    assert_int_equal(live_events(v, "u0"), 1);
    put_event("u0", "i1");
    assert_false(pz_view_is_stale(campaign, v));
    assert_int_equal(live_events(v, "u0"), 2);
    assert_int_equal(live_events(v, NULL), 0);
    put_price("i1", "7");
    assert_true(pz_view_is_stale(campaign, v));
    pz_view_free(v);

    v = open_view();
    assert_false(pz_view_is_stale(campaign, v));
    must(pz_settings_set(campaign, "num", "7", 0, &err), &err);
    assert_true(pz_view_is_stale(campaign, v));
    pz_view_free(v);

    v = open_view();
    assert_true(pz_settings_number(&v->settings, "num", 25) == 7);
    assert_int_equal(publish(0, 0), 2);
    assert_true(pz_view_is_stale(campaign, v));
    pz_view_free(v);
}

TEST(rows_replace_the_models_and_know_their_place)
{
    put_price("i1", "7.5");
    put_price("new", "1");
    struct pz_view *v = open_view();
    assert_null(v->users);
    assert_int_equal(v->items->ids.n, 2);
    assert_int_equal(v->items->row[0], pz_dict_find_str(&v->model->items, "i1"));
    assert_int_equal(v->items->row[1], pz_model_learned(v->model)); /* an item from now on */
    assert_int_equal(pz_dict_find_str(&v->model->items, "new"), pz_model_learned(v->model));
    assert_int_equal(v->model->item_count[pz_model_learned(v->model)], 0);
    assert_true(v->model->item_since[pz_model_learned(v->model)] == INT64_MAX);
    assert_true(pz_attrs_find(&v->items->attrs, "PRICE")->num[0] == 7.5);
    pz_view_free(v);
}

TEST(what_a_model_has_seen_does_not_count_again)
{
    put_event("u0", "i0");
    put_price("i1", "7");
    put_event("u0", "i1");
    put_price("i2", "8");
    assert_int_equal(publish(1, 2), 2);
    struct pz_view *v = open_view();
    assert_int_equal(live_events(v, "u0"), 1);
    assert_int_equal(v->items->ids.n, 1);
    assert_int_equal(pz_dict_find_str(&v->items->ids, "i2"), 0);
    pz_view_free(v);
    /* Going back brings them back: the older model has not seen them. */
    struct pz_err err = { 0 };
    uint32_t version = 0;
    must(pz_campaign_rollback(campaign, 0, &version, &err), &err);
    v = open_view();
    assert_int_equal(version, 1);
    assert_int_equal(live_events(v, "u0"), 2);
    assert_int_equal(v->items->ids.n, 2);
    pz_view_free(v);
}

TEST(a_view_outlives_the_removal_of_its_version)
{
    struct pz_err err = { 0 };
    struct pz_gc removed;
    struct pz_view *v = open_view();
    for (uint32_t i = 2; i <= 4; i++) {
        assert_int_equal(publish(0, 0), i);
    }
    must(pz_campaign_gc(campaign, 0, false, 0, &removed, &err), &err);
    assert_int_equal(removed.versions, 2);
    struct pz_ranker *r = pz_ranker_new(v->model);
    struct pz_request req = { .user_id = "u0", .num = 3, .exploration_weight = -1 };
    struct pz_answer answer = { 0 };
    must(pz_rank(r, &req, &answer, &err), &err);
    assert_int_equal(answer.n, 2); /* of six items he has met four */
    pz_ranker_free(r);
    pz_view_free(v);
}

AROUND_EACH(fresh_campaign, remove_campaign)
AROUND_ALL(group_setup, group_teardown)
