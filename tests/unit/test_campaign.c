/* SPDX-License-Identifier: Apache-2.0 */
/* Campaigns as queries see them: views, what makes them stale, and what live numbers leave out.
 * Every test has a campaign of its own, published from one tiny model. */

#include <sys/mman.h>

#include "campaign/campaign.h"
#include "campaign/gc.h"
#include "campaign/set.h"
#include "tests/unit/fixture_campaign.h"

static struct pz_view *open_view(void)
{
    struct pz_view *v = NULL;
    struct pz_err err = { 0 };
    must(pz_view_open(campaign, &v, &err), &err);
    return v;
}

static size_t live_events(struct pz_view *v, const char *user)
{
    struct pz_arena arena = { 0 };
    struct pz_live live;
    struct pz_err err = { 0 };
    must(pz_view_gather(v, user, PZ_LIVE_EACH, 0, &arena, &live, &err), &err);
    size_t n = live.n_events;
    assert_ptr_equal(live.items, v->items);
    pz_arena_clear(&arena);
    return n;
}

/* The model with one more column of n zeros, at path. */
static void add_unknown(const char *path, size_t n)
{
    struct pz_err err = { 0 };
    struct pz_table *t = NULL;
    struct pz_writer *w = NULL;
    void *zero = mmap(NULL, n, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    const void *data;
    uint64_t n_data;
    assert_ptr_not_equal(zero, MAP_FAILED);
    must(pz_table_open(model, "modl", &t, &err), &err);
    must(pz_writer_open(path, "modl", 1, &w, &err), &err);
    for (size_t i = 0; i < pz_table_n_columns(t); i++) {
        struct pz_column_info c = pz_table_column(t, i);
        must(pz_table_get(t, c.name, c.type, PZ_ANY, &data, &n_data, &err), &err);
        must(pz_writer_add(w, c.name, c.type, data, n_data, &err), &err);
    }
    must(pz_writer_add(w, "unknown", PZ_U8, zero, n, &err), &err);
    must(pz_writer_commit(w, &err), &err);
    pz_table_close(t);
    munmap(zero, n);
}

TEST(a_small_file_with_huge_unknown_columns_is_not_unpacked)
{
    char path[80];
    struct pz_publish_cfg job = { 0 };
    struct pz_version v;
    struct pz_err err = { 0 };
    snprintf(path, sizeof path, "%s/big.pzm", dir);
    add_unknown(path, 1 << 20); /* a newer pz may write more than this one knows */
    must(pz_campaign_publish(campaign, path, &job, &v, &err), &err);
    add_unknown(path, (size_t)1 << 30);
    assert_int_equal(pz_campaign_publish(campaign, path, &job, &v, &err), PZ_BAD_DATA);
    assert_non_null(strstr(err.text, "not unpacked"));
    unlink(path);
}

TEST(a_flat_model_is_published_with_all_that_is_derived)
{
    char path[80], theirs[120], ours[120];
    struct pz_publish_cfg job = { 0 };
    struct pz_version v;
    struct pz_table *t = NULL;
    struct pz_err err = { 0 };
    char *a = NULL, *b = NULL;
    size_t n_a, n_b;

    snprintf(path, sizeof path, "%s/old.flat", dir);
    must(pz_table_open(model, "modl", &t, &err), &err);
    must(pz_table_unpack(t, NULL, path, &err), &err); /* as a pz that derived nothing wrote it */
    pz_table_close(t);
    must(pz_campaign_publish(campaign, path, &job, &v, &err), &err);
    assert_int_equal(v.number, 2);
    must(pz_layout_version(theirs, campaign, 1, "/model.flat", &err), &err);
    must(pz_layout_version(ours, campaign, 2, "/model.flat", &err), &err);
    must(pz_file_read(theirs, 1 << 24, &a, &n_a, &err), &err);
    must(pz_file_read(ours, 1 << 24, &b, &n_b, &err), &err);
    assert_int_equal(n_a, n_b);
    assert_memory_equal(a, b, n_a);
    free(a);
    free(b);
    unlink(path);
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

/* 1,200 items of which 3 are the model's, with a price and a column that the model lacks. */
static void put_many(void)
{
    static const char *const name[2] = { "PRICE", "COLOUR" };
    struct pz_live_store *s = NULL;
    struct pz_live_row row = { .name = name, .n = 2 };
    struct pz_err err = { 0 };
    char id[16], price[16];
    must(pz_campaign_open_live(campaign, true, &s, &err), &err);
    for (int k = 0; k < 1200; k++) {
        const char *value[2] = { price, k % 3 ? "red" : "blue" };
        uint64_t last;
        snprintf(id, sizeof id, k < 3 ? "i%d" : "new%d", k);
        snprintf(price, sizeof price, "%d.5", k);
        row.id = id;
        row.value = value;
        must(pz_live_put_rows(s, PZ_LIVE_ITEMS, &row, 1, &last, &err), &err);
    }
    pz_live_close(s);
}

static void kept_path(char path[128])
{
    snprintf(path, 128, "%s/versions/0001/items.flat", campaign);
}

/* Until the file is there: a process takes its time between writing one and the next. */
static struct pz_view *open_kept(enum pz_live_table table)
{
    struct pz_view *v = open_view();
    for (int i = 0; i < 3000; i++) {
        if (table == PZ_LIVE_ITEMS ? v->model->extension : v->users_table)
            return v;
        pz_view_free(v);
        usleep(10000);
        v = open_view();
    }
    pz_view_free(v);
    fail_msg("no file was written");
    return NULL;
}

static void keep_items(void)
{
    pz_view_free(open_kept(PZ_LIVE_ITEMS));
}

/* Views of the same rows, whatever they were made of. */
static void same_items(const struct pz_view *a, const struct pz_view *b)
{
    const struct pz_model *m = a->model, *o = b->model;
    assert_int_equal(a->items->ids.n, b->items->ids.n);
    assert_memory_equal(a->items->row, b->items->row, 4 * a->items->ids.n);
    assert_true(pz_attrs_same(&a->items->attrs, &b->items->attrs));
    assert_int_equal(m->items.n, o->items.n);
    assert_int_equal(pz_model_learned(m), pz_model_learned(o));
    assert_memory_equal(m->item_since, o->item_since, 8 * m->items.n);
    assert_memory_equal(m->item_count, o->item_count, 4 * m->items.n);
    assert_int_equal(m->block_since != NULL, o->block_since != NULL);
    for (uint32_t i = 0; i < m->items.n && m->block_oldest; i++)
        assert_true(m->block_oldest[i / 64] <= m->item_since[i] &&
                    m->chunk_oldest[i / 4096] <= m->block_oldest[i / 64]);
    for (uint32_t i = 0; i < m->items.n; i++) {
        size_t n, n_other;
        const char *id = pz_dict_get(&m->items, i, &n),
                   *other = pz_dict_get(&o->items, i, &n_other);
        assert_int_equal(n, n_other);
        assert_memory_equal(id, other, n);
        assert_int_equal(pz_dict_find(&m->items, id, n), i);
    }
}

TEST(items_kept_in_a_file_are_those_of_the_rows)
{
    char path[128];
    put_many();
    kept_path(path);
    struct pz_view *made = open_view();
    assert_null(made->model->extension);
    assert_int_equal(made->items->ids.n, 1200);
    keep_items();
    assert_int_equal(access(path, R_OK), 0);
    struct pz_view *kept = open_view();
    assert_non_null(kept->model->extension);
    assert_false(pz_view_is_stale(campaign, kept));
    same_items(made, kept);
    pz_view_free(kept);
    pz_view_free(made);
}

static struct pz_view *open_after(const struct pz_view *old)
{
    struct pz_view *v = NULL;
    struct pz_err err = { 0 };
    must(pz_view_open_after(campaign, 0, old, &v, &err), &err);
    return v;
}

/* Rows of new items, of those put before and of the model's; of none. */
TEST(a_view_after_another_is_as_one_made_of_all_rows)
{
    put_price("new5", "1");
    put_price("i1", "7");
    struct pz_view *old = open_view(), *after, *whole;
    for (int step = 0; step < 4; step++) {
        if (step == 0) {
            put_price("new1", "2"); /* before the others */
            put_price("new5", "3");
            put_price("i1", "8");
            put_price("i0", "");
        } else if (step == 1) {
            put_price("zebra", "2.5");
        } else if (step == 2) {
            put_event("u0", "i0");
        }
        after = open_after(old);
        whole = open_view();
        same_items(whole, after);
        pz_view_free(whole);
        pz_view_free(old);
        old = after;
    }
    /* a column that the model lacks, of which all rows tell the type */
    put_many();
    after = open_after(old);
    whole = open_view();
    same_items(whole, after);
    pz_view_free(whole);
    pz_view_free(old);
    /* another model, which has seen some rows */
    publish(0, 5);
    old = open_after(after);
    whole = open_view();
    same_items(whole, old);
    pz_view_free(whole);
    pz_view_free(old);
    pz_view_free(after);
}

/* The store that comes back has given the same numbers to other rows. */
TEST(a_view_after_another_does_not_believe_a_store_that_was_replaced)
{
    char text[400];
    put_price("new1", "1");
    snprintf(text, sizeof text, "cp -r %s/live %s/backup", campaign, campaign);
    assert_int_equal(system(text), 0);
    put_price("new2", "2");
    struct pz_view *old = open_view();
    snprintf(text, sizeof text, "mv %s/live %s/gone && mv %s/backup %s/live", campaign, campaign,
             campaign, campaign);
    assert_int_equal(system(text), 0);
    put_price("new3", "3");
    struct pz_view *after = open_after(old), *whole = open_view();
    same_items(whole, after);
    assert_int_equal(pz_dict_find_str(&after->items->ids, "new2"), PZ_NONE);
    pz_view_free(whole);
    pz_view_free(after);
    pz_view_free(old);
}

/* n rows as one batch, of items with a price each. */
static void put_rows(enum pz_live_table table, const char *prefix, int n)
{
    static const char *const name[1] = { "PRICE" };
    struct pz_live_store *s = NULL;
    struct pz_live_row *row = calloc((size_t)n, sizeof *row);
    const char **value = calloc((size_t)n, sizeof *value);
    struct pz_arena arena = { NULL };
    struct pz_err err = { 0 };
    uint64_t last;
    must(pz_campaign_open_live(campaign, true, &s, &err), &err);
    for (int k = 0; k < n; k++) {
        char id[24], price[24];
        snprintf(id, sizeof id, "%s%d", prefix, k);
        snprintf(price, sizeof price, "%d.5", k);
        value[k] = pz_arena_strndup(&arena, price, strlen(price));
        row[k] = (struct pz_live_row){ pz_arena_strndup(&arena, id, strlen(id)), name, &value[k],
                                       table == PZ_LIVE_ITEMS };
    }
    must(pz_live_put_rows(s, table, row, (size_t)n, &last, &err), &err);
    pz_live_close(s);
    pz_arena_clear(&arena);
    free(row);
    free(value);
}

static void remove_kept(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/versions/0001/%s", campaign, name);
    assert_int_equal(unlink(path), 0);
}

TEST(a_file_of_older_rows_is_gone_on_from)
{
    put_rows(PZ_LIVE_ITEMS, "new", 1200);
    keep_items();
    put_price("new7", "1000");
    put_price("i1", "8");
    put_price("new1", "");
    put_price("zebra", "3");
    put_price("amber", "4");
    struct pz_view *v = open_view(), *whole;
    assert_int_equal(v->unkept[PZ_LIVE_ITEMS], 5); /* no other row was read */
    remove_kept("items.flat");
    whole = open_view();
    assert_true(whole->unkept[PZ_LIVE_ITEMS] > 1200 || whole->unkept[PZ_LIVE_ITEMS] == 0);
    same_items(whole, v);
    pz_view_free(whole);
    pz_view_free(v);
}

TEST(a_file_is_written_anew_when_some_of_the_rows_changed)
{
    put_rows(PZ_LIVE_ITEMS, "new", 1200);
    keep_items();
    put_rows(PZ_LIVE_ITEMS, "other", 1200 / 64 + 2);
    keep_items();
}

TEST(who_prepares_answers_writes_the_file_for_a_single_row)
{
    struct pz_view *v = NULL;
    put_rows(PZ_LIVE_ITEMS, "new", 1200);
    keep_items();
    put_price("new7", "1000");
    for (int i = 0; i < 1000 && (!v || !v->model->extension); i++) {
        pz_view_free(v);
        usleep(i ? 10000 : 0);
        pz_view_prepare(campaign);
        v = open_view();
    }
    assert_non_null(v->model->extension);
    assert_int_equal(v->unkept[PZ_LIVE_ITEMS], 0);
    pz_view_free(v);
}

TEST(users_are_kept_in_a_file_and_gone_on_from_as_items_are)
{
    put_rows(PZ_LIVE_USERS, "person", 5000); /* more than are listed one by one */
    put_rows(PZ_LIVE_USERS, "u", 3);         /* the model's */
    struct pz_view *kept = open_kept(PZ_LIVE_USERS), *after, *whole;
    put_rows(PZ_LIVE_USERS, "person", 2);
    put_rows(PZ_LIVE_USERS, "zoe", 1);
    after = open_after(kept);
    assert_null(after->users_table);
    assert_int_equal(after->unkept[PZ_LIVE_USERS], 3);
    remove_kept("users.flat");
    whole = open_view();
    assert_int_equal(whole->users->ids.n, 5004);
    assert_true(pz_attrs_same(&whole->users->attrs, &after->users->attrs));
    assert_memory_equal(whole->users->row, after->users->row, 4 * 5004);
    assert_int_equal(whole->users->row[pz_dict_find_str(&whole->users->ids, "u2")],
                     pz_dict_find_str(&whole->model->users, "u2"));
    for (uint32_t i = 0; i < 5004; i++) {
        size_t n, n_other;
        const char *id = pz_dict_get(&whole->users->ids, i, &n),
                   *other = pz_dict_get(&after->users->ids, i, &n_other);
        assert_int_equal(n, n_other);
        assert_memory_equal(id, other, n);
    }
    pz_view_free(kept);
    pz_view_free(after);
    pz_view_free(whole);
}

TEST(who_is_forgotten_is_in_no_file_and_in_no_view_that_goes_on_from_one)
{
    struct pz_live_store *s = NULL;
    struct pz_live_receipt receipt;
    struct pz_err err = { 0 };
    char path[128];
    put_rows(PZ_LIVE_USERS, "person", 1200);
    struct pz_view *old = open_kept(PZ_LIVE_USERS), *after, *made;
    must(pz_campaign_open_live(campaign, true, &s, &err), &err);
    must(pz_live_forget(s, "person7", true, &receipt, &err), &err);
    assert_int_equal(receipt.rows, 1);
    after = open_after(old);
    assert_int_equal(after->users->ids.n, 1199);
    assert_int_equal(pz_dict_find_str(&after->users->ids, "person7"), PZ_NONE);
    must(pz_view_forget(campaign, &err), &err);
    snprintf(path, sizeof path, "%s/versions/0001/users.flat", campaign);
    assert_int_equal(access(path, F_OK), -1);
    put_rows(PZ_LIVE_USERS, "person", 3); /* the list of changes begins again */
    made = open_after(after);
    assert_int_equal(pz_dict_find_str(&made->users->ids, "person7"), PZ_NONE);
    assert_int_equal(made->users->ids.n, 1199);
    pz_live_close(s);
    pz_view_free(made);
    pz_view_free(after);
    pz_view_free(old);
}

TEST(items_kept_of_other_rows_are_not_used)
{
    put_many();
    keep_items();
    put_price("new7", "1000");
    struct pz_view *v = open_view();
    assert_null(v->model->extension);
    assert_int_equal(v->items->ids.n, 1200);
    assert_true(
        pz_attrs_find(&v->items->attrs, "PRICE")->num[pz_dict_find_str(&v->items->ids, "new7")] ==
        1000);
    pz_view_free(v);
}

TEST(a_store_restored_from_a_backup_does_not_meet_items_of_its_other_life)
{
    char text[400];
    put_many();
    snprintf(text, sizeof text, "cp -r %s/live %s/backup", campaign, campaign);
    assert_int_equal(system(text), 0);
    put_price("new7", "1000");
    keep_items(); /* of the one life */
    snprintf(text, sizeof text, "rm -rf %s/live && mv %s/backup %s/live", campaign, campaign,
             campaign);
    assert_int_equal(system(text), 0);
    put_price("new7", "2000"); /* under the same number, in the other */
    struct pz_view *v = open_view();
    assert_null(v->model->extension);
    assert_true(
        pz_attrs_find(&v->items->attrs, "PRICE")->num[pz_dict_find_str(&v->items->ids, "new7")] ==
        2000);
    pz_view_free(v);
}

/* Each byte of the head and some of every column and of the contents; and a file that was cut. */
TEST(items_kept_in_a_damaged_file_are_made_of_the_rows)
{
    char path[128], *bytes = NULL;
    size_t n = 0;
    struct pz_err err = { 0 };
    put_many();
    kept_path(path);
    struct pz_view *made = open_view();
    keep_items();
    must(pz_file_read(path, 1 << 24, &bytes, &n, &err), &err);
    for (size_t at = 0; at <= n; at += at < 64 ? 1 : 997) {
        size_t len = at < n ? n : n / 2;
        usleep(5000); /* a seal tells files apart by the clock of the file system */
        FILE *f = fopen(path, "r+");
        assert_non_null(f);
        if (at < n) {
            bytes[at] ^= 0x40;
        }
        assert_int_equal(fwrite(bytes, 1, len, f), len);
        assert_int_equal(ftruncate(fileno(f), (off_t)len), 0);
        assert_int_equal(fclose(f), 0);
        struct pz_view *v = open_view();
        assert_null(v->model->extension);
        if (at % 7 == 0) {
            same_items(made, v);
        }
        pz_view_free(v);
        if (at < n) {
            bytes[at] ^= 0x40;
        }
    }
    free(bytes);
    pz_view_free(made);
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
    must(pz_campaign_gc(campaign, &(struct pz_gc_cfg){ .keep = 0 }, &removed, &err), &err);
    assert_int_equal(removed.versions, 2);
    struct pz_ranker *r = pz_ranker_new(v->model);
    struct pz_request req = { .user_id = "u0", .num = 3, .exploration_weight = -1 };
    struct pz_answer answer = { 0 };
    must(pz_rank(r, &req, &answer, &err), &err);
    assert_int_equal(answer.n, 2); /* of six items he has met four */
    pz_ranker_free(r);
    pz_view_free(v);
}

TEST(events_in_no_dataset_are_named_before_they_are_collected)
{
    struct pz_gc_cfg cfg = { .events = true };
    struct pz_gc removed;
    struct pz_err err = { 0 };

    for (int i = 0; i < 4; i++)
        put_event("u0", "i0");
    publish(3, 0);
    publish(3, 0); /* the current and the previous version contain the first three */
    assert_int_equal(pz_campaign_gc(campaign, &cfg, &removed, &err), PZ_NEGATIVE);
    assert_non_null(strstr(err.text, "3 live events (numbers 1 to 3) are in no dataset"));
    assert_int_equal(removed.versions, 0);
    assert_int_equal(removed.live, 0);
    cfg.force = true;
    must(pz_campaign_gc(campaign, &cfg, &removed, &err), &err);
    assert_int_equal(removed.versions, 1);
    assert_int_equal(removed.live, 3);
}

/* A campaign stands for its current model, a model for itself; both in no more room than they
 * need. */
TEST(a_model_s_path_fits_its_room_or_is_refused)
{
    const char *operand[] = { campaign, model };

    for (size_t i = 0; i < 2; i++) {
        char path[PZ_PATH_BYTES], again[PZ_PATH_BYTES];
        struct pz_err err = { 0 };

        must(pz_campaign_model_path(operand[i], path, sizeof path, &err), &err);
        assert_int_equal(access(path, R_OK), 0);
        must(pz_campaign_model_path(operand[i], again, strlen(path) + 1, &err), &err);
        assert_string_equal(again, path);
        assert_int_equal(pz_campaign_model_path(operand[i], again, strlen(path), &err), PZ_USAGE);
        assert_non_null(strstr(err.text, "path too long"));
    }
}

AROUND_EACH(fresh_campaign, remove_campaign)
AROUND_ALL(group_setup, group_teardown)
