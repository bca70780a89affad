/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#include "data/corpus.h"
#include "tests/unit/unit.h"

/* Two users; u1: a b a, u2: b c. Events: click (0), purchase (1), view (2). */
static const uint64_t user_offset[] = { 0, 2, 4 }, item_offset[] = { 0, 1, 2, 3 },
                      event_offset[] = { 0, 5, 13, 17 }, ptr[] = { 0, 3, 5 };
static const uint32_t item[] = { 0, 1, 0, 1, 2 };
static const int64_t when[] = { 100, 200, 300, 50, 400 };
static const uint8_t event[] = { 0, 1, 2, 1, 0 };
static const float value[] = { 1, 5, NAN, 0.25f, 3 };
static const double dwell[] = { 10, 20, 30, 40, 50 };

static struct pz_attr context = { .name = "DWELL", .kind = PZ_ATTR_NUMBER, .num = dwell };

static struct pz_dataset make(void)
{
    return (struct pz_dataset){
        .users = { 2, user_offset, "u1u2", NULL, NULL, NULL },
        .items = { 3, item_offset, "abc", NULL, NULL, NULL },
        .events = { 3, event_offset, "clickpurchaseview", NULL, NULL, NULL },
        .n_interactions = 5,
        .ptr = ptr,
        .item = item,
        .time = when,
        .event = event,
        .value = value,
        .context = { .n_attrs = 1, .n_rows = 5, .attr = &context },
        .item_attrs = { .n_rows = 3 },
        .user_attrs = { .n_rows = 2 },
    };
}

TEST(without_rules_everything_counts_once)
{
    struct pz_dataset ds = make();
    struct pz_corpus_own own;

    assert_int_equal(pz_corpus_make(&ds, NULL, 0, NULL, &own, NULL), PZ_OK);
    assert_int_equal(own.c.n_users, 2);
    assert_int_equal(own.c.n_items, 3);
    assert_memory_equal(own.c.ptr, ptr, sizeof ptr);
    assert_memory_equal(own.c.item, item, sizeof item);
    assert_memory_equal(own.c.time, when, sizeof when);
    assert_memory_equal(own.c.event, event, sizeof event);
    for (int p = 0; p < 5; p++)
        assert_true(own.c.weight[p] == 1);
    assert_int_equal(own.c.newest, 400);
    assert_true(own.c.ordered);
    assert_ptr_equal(own.c.item_attrs, &ds.item_attrs);
    assert_ptr_equal(own.c.item, ds.item); /* nothing is copied */
    assert_ptr_equal(own.c.time, ds.time);
    assert_ptr_equal(own.c.context, &ds.context);
    pz_corpus_clear(&own);
}

TEST(rules_choose_types_weigh_them_and_cut_at_thresholds)
{
    struct pz_dataset ds = make();
    const struct pz_event_rule rules[] = { { "PURCHASE", 2, 1, false },
                                           { "click", 0.5, -INFINITY, false } };
    struct pz_corpus_own own;

    assert_int_equal(pz_corpus_make(&ds, rules, 2, NULL, &own, NULL), PZ_OK);
    /* left: u1 click a, purchase b (5 >= 1); u2 click c; the purchase of 0.25 and the view are out
     */
    assert_memory_equal(own.c.ptr, ((const uint64_t[]){ 0, 2, 3 }), 3 * sizeof(uint64_t));
    assert_memory_equal(own.c.item, ((const uint32_t[]){ 0, 1, 2 }), 3 * sizeof(uint32_t));
    assert_true(own.c.weight[0] == 0.25f && own.c.weight[1] == 1 && own.c.weight[2] == 0.25f);
    assert_int_equal(own.c.context->n_rows, 3);
    assert_true(own.c.context->attr[0].num[0] == 10 && own.c.context->attr[0].num[1] == 20 &&
                own.c.context->attr[0].num[2] == 50);
    pz_corpus_clear(&own);
}

TEST(a_missing_value_passes_every_threshold)
{
    struct pz_dataset ds = make();
    const struct pz_event_rule rule = { "view", 1, 1000, false };
    struct pz_corpus_own own;

    assert_int_equal(pz_corpus_make(&ds, &rule, 1, NULL, &own, NULL), PZ_OK);
    assert_int_equal(own.c.ptr[2], 1);
    assert_int_equal(own.c.time[0], 300);
    assert_false(own.c.ordered); /* one event has no order */
    pz_corpus_clear(&own);
}

TEST(a_tiny_weight_is_not_the_same_as_leaving_out)
{
    struct pz_dataset ds = make();
    const struct pz_event_rule rules[] = { { "click", 1e-200, -INFINITY, false },
                                           { "view", 1, -INFINITY, false } };
    struct pz_corpus_own own;

    assert_int_equal(pz_corpus_make(&ds, rules, 2, NULL, &own, NULL), PZ_OK);
    assert_int_equal(own.c.ptr[2], 3);
    assert_true(own.c.weight[0] > 0);
    pz_corpus_clear(&own);
}

TEST(only_kept_interactions_enter)
{
    struct pz_dataset ds = make();
    const uint8_t keep[] = { 0, 1, 0, 1, 0 };
    struct pz_corpus_own own;

    assert_int_equal(pz_corpus_make(&ds, NULL, 0, keep, &own, NULL), PZ_OK);
    assert_memory_equal(own.c.ptr, ((const uint64_t[]){ 0, 1, 2 }), 3 * sizeof(uint64_t));
    assert_memory_equal(own.c.time, ((const int64_t[]){ 200, 50 }), 2 * sizeof(int64_t));
    assert_int_equal(own.c.newest, 200);
    pz_corpus_clear(&own);
}

TEST(keeping_nothing_gives_an_empty_corpus)
{
    struct pz_dataset ds = make();
    const uint8_t keep[5] = { 0 };
    struct pz_corpus_own own;

    assert_int_equal(pz_corpus_make(&ds, NULL, 0, keep, &own, NULL), PZ_OK);
    assert_int_equal(own.c.ptr[2], 0);
    assert_int_equal(own.c.newest, 0);
    assert_false(own.c.ordered);
    pz_corpus_clear(&own);
}

TEST(equal_times_say_nothing_about_order)
{
    static const int64_t same[] = { 7, 7, 7, 7, 7 };
    struct pz_dataset ds = make();
    struct pz_corpus_own own;

    ds.time = same;
    assert_int_equal(pz_corpus_make(&ds, NULL, 0, NULL, &own, NULL), PZ_OK);
    assert_false(own.c.ordered);
    assert_int_equal(own.c.newest, 7);
    pz_corpus_clear(&own);
}

TEST(an_unknown_type_is_wrong_usage_with_a_suggestion)
{
    struct pz_dataset ds = make();
    const struct pz_event_rule rule = { "purchse", 1, -INFINITY, false };
    struct pz_corpus_own own;
    struct pz_err err;

    assert_int_equal(pz_corpus_make(&ds, &rule, 1, NULL, &own, &err), PZ_USAGE);
    assert_non_null(strstr(err.text, "did you mean purchase?"));
    assert_non_null(strstr(err.text, "click, purchase, view"));
    ds.events.n = 0;
    ds.event = NULL;
    assert_int_equal(pz_corpus_make(&ds, &rule, 1, NULL, &own, &err), PZ_USAGE);
    assert_non_null(strstr(err.text, "no event types"));
}

TEST(rules_are_parsed)
{
    static const char *const text[] = { "purchase", "add to cart:threshold=0.5,weight=3" };
    struct pz_event_rule *r = NULL;

    assert_int_equal(pz_event_rules_parse(text, 2, &r, NULL), PZ_OK);
    assert_string_equal(r[0].type, "purchase");
    assert_true(r[0].weight == 1 && r[0].threshold == -INFINITY);
    assert_string_equal(r[1].type, "add to cart");
    assert_true(r[1].weight == 3 && r[1].threshold == 0.5);
    free(r);
    assert_int_equal(pz_event_rules_parse(text, 0, &r, NULL), PZ_OK);
    free(r);
}

TEST(bad_rules_are_wrong_usage)
{
    static const char *const bad[] = {
        "",         ":weight=1",      "a:",         "a:weight=0",  "a:weight=-1",
        "a:weight", "a:weight=1,b=2", "a:weight=x", "a:weight=1,", "a:nonsense"
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *const two[] = { "good", bad[i] };
        struct pz_event_rule *r = NULL;

        assert_int_equal(pz_event_rules_parse(two, 2, &r, NULL), PZ_USAGE);
        free(r);
    }
}

TEST(a_range_of_each_user_with_its_context)
{
    static const uint64_t from[] = { 1, 4 }, to[] = { 3, 4 };
    struct pz_dataset ds = make();
    struct pz_corpus_own own, part;

    assert_int_equal(pz_corpus_make(&ds, NULL, 0, NULL, &own, NULL), PZ_OK);
    assert_int_equal(pz_corpus_ranges(&own.c, from, to, &part, NULL), PZ_OK);
    assert_true(part.c.ptr[1] == 2 && part.c.ptr[2] == 2 && part.c.n_items == 3);
    assert_memory_equal(part.c.item, item + 1, 2 * sizeof *item);
    assert_memory_equal(part.c.time, when + 1, 2 * sizeof *when);
    assert_memory_equal(part.c.event, event + 1, 2);
    assert_true(part.c.context->n_rows == 2 && part.c.context->attr[0].num[1] == 30);
    pz_corpus_clear(&part);
    pz_corpus_clear(&own);
}

/* The dataset and its corpus as the file rests.pzd has them: users, items and times alone. */
static struct pz_dataset *read_again(struct pz_dataset *ds, struct pz_corpus_own *own)
{
    struct pz_dataset *read = NULL;

    ds->events = (struct pz_dict){ .n = 0 };
    ds->event = NULL;
    ds->value = NULL;
    ds->context = (struct pz_attrs){ .n_attrs = 0 };
    assert_int_equal(pz_dataset_save(ds, "rests.pzd", NULL), PZ_OK);
    assert_int_equal(pz_dataset_load("rests.pzd", &read, NULL), PZ_OK);
    assert_int_equal(pz_corpus_make(read, NULL, 0, NULL, own, NULL), PZ_OK);
    return read;
}

/* Large enough to be in pages of its own. */
TEST(what_rests_is_given_back_and_comes_again)
{
    enum { N = 200000 };
    uint64_t *large_ptr = calloc(3, sizeof *large_ptr);
    uint32_t *large_item = calloc(N, sizeof *large_item);
    int64_t *large_time = calloc(N, sizeof *large_time);
    struct pz_dataset ds = make(), *read;
    struct pz_corpus_own own;

    large_ptr[1] = N / 4;
    large_ptr[2] = N;
    for (int p = 0; p < N; p++)
        large_time[p] = 1000 + p;
    ds.n_interactions = N;
    ds.ptr = large_ptr;
    ds.item = large_item;
    ds.time = large_time;
    read = read_again(&ds, &own);
    pz_corpus_rest(&own, read, PZ_CORPUS_WEIGHTS);
    assert_true(own.c.weight[N / 2] == 0);
    assert_memory_equal(own.c.time, large_time, N * sizeof *large_time);
    pz_corpus_rest(&own, read, PZ_CORPUS_TIMES | PZ_CORPUS_WEIGHTS);
    assert_true(own.c.time[N / 2] == 0);
    assert_int_equal(pz_corpus_wake(&own, read, PZ_CORPUS_TIMES | PZ_CORPUS_WEIGHTS, NULL), PZ_OK);
    assert_memory_equal(own.c.time, large_time, N * sizeof *large_time);
    for (int p = 0; p < N; p++)
        assert_true(own.c.weight[p] == 1);
    pz_corpus_clear(&own);
    pz_dataset_free(read);
    unlink("rests.pzd");
    free(large_ptr);
    free(large_item);
    free(large_time);
}

/* Its file is written over meanwhile. */
TEST(what_cannot_be_read_again_is_said_with_its_file)
{
    static const unsigned char zeros[256];
    struct pz_dataset ds = make(), *read;
    struct pz_corpus_own own;
    struct pz_err err = { 0 };
    int fd;

    read = read_again(&ds, &own);
    pz_corpus_rest(&own, read, PZ_CORPUS_TIMES);
    fd = open("rests.pzd", O_WRONLY);
    for (off_t at = 64; at < 64 + 4 * (off_t)sizeof zeros; at += (off_t)sizeof zeros)
        assert_int_equal(pwrite(fd, zeros, sizeof zeros, at), sizeof zeros);
    close(fd);
    assert_int_equal(pz_corpus_wake(&own, read, PZ_CORPUS_TIMES, &err), PZ_BAD_DATA);
    assert_non_null(strstr(err.text, "rests.pzd: column inter/time32 is damaged"));
    pz_corpus_clear(&own);
    pz_dataset_free(read);
    unlink("rests.pzd");
}

TEST(what_cannot_be_had_again_does_not_rest)
{
    static const struct pz_event_rule rules[] = { { "click", 1, -INFINITY, false },
                                                  { "purchase", 2, -INFINITY, false },
                                                  { "view", 1, -INFINITY, false } };
    struct pz_dataset ds = make(); /* of no file */
    struct pz_corpus_own own;

    assert_int_equal(pz_corpus_make(&ds, rules, 3, NULL, &own, NULL), PZ_OK);
    pz_corpus_rest(&own, &ds, PZ_CORPUS_TIMES | PZ_CORPUS_WEIGHTS);
    assert_int_equal(own.resting, 0);
    assert_memory_equal(own.c.time, when, sizeof when);
    assert_true(own.c.weight[0] == 0.5f && own.c.weight[1] == 1);
    pz_corpus_clear(&own);
}
