/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <unistd.h>

#include "model/model.h"
#include "tests/unit/unit.h"
#include "train/train.h"

/* Two users, three items, types buy and view, a context column DEVICE. User 0: view item 0 (5), buy
 * item 1 (no value), view item 2 (1); user 1: buy item 0 (2). */
static const uint64_t ptr[] = { 0, 3, 4 }, two[] = { 0, 1, 2 }, three[] = { 0, 1, 2, 3 },
                      words[] = { 0, 3, 7 }, device_words[] = { 0, 3, 5 },
                      device_ptr[] = { 0, 1, 2, 2, 3 };
static const uint32_t item[] = { 0, 1, 2, 0 }, device[] = { 1, 0, 0 };
static const int64_t when[] = { 10, 20, 30, 15 };
static const uint8_t event[] = { 1, 0, 1, 0 };

static void train(const struct pz_event_rule *rules, size_t n_rules, const uint8_t *keep,
                  struct pz_model **m)
{
    static const float value[] = { 5, NAN, 1, 2 };
    static const uint64_t shown_ptr[] = { 0, 2, 3, 3, 4 };
    static const uint32_t shown[] = { 2, 2, 0, 1 }; /* c twice, a, nothing, b */
    static const double made[] = { 7, NAN, NAN };
    struct pz_attr creation = { .name = "CREATION_TIMESTAMP", .kind = PZ_ATTR_NUMBER, .num = made };
    struct pz_attr column = { .name = "DEVICE",
                              .kind = PZ_ATTR_CATEGORY,
                              .nullable = true,
                              .ptr = device_ptr,
                              .code = device,
                              .values = { 2, device_words, "pcatv", NULL, NULL, NULL } };
    struct pz_dataset ds = { .users = { 2, two, "uv", NULL, NULL, NULL },
                             .items = { 3, three, "abc", NULL, NULL, NULL },
                             .events = { 2, words, "buyview", NULL, NULL, NULL },
                             .n_interactions = 4,
                             .ptr = ptr,
                             .item = item,
                             .time = when,
                             .event = event,
                             .value = value,
                             .context = { .n_attrs = 1, .n_rows = 4, .attr = &column },
                             .impression_ptr = shown_ptr,
                             .impression = shown,
                             .item_attrs = { .n_attrs = 1, .n_rows = 3, .attr = &creation },
                             .user_attrs = { .n_rows = 2 },
                             .fingerprint = "x" };
    struct pz_train_cfg cfg = { .recipe = pz_recipe_find("popularity-count", NULL),
                                .rules = rules,
                                .n_rules = n_rules,
                                .keep = keep };
    char path[] = "/tmp/pz-test-histories-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    unlink(path);
    assert_int_equal(pz_train(&ds, &cfg, path, NULL), PZ_OK);
    assert_int_equal(pz_model_open(path, m, NULL), PZ_OK);
    unlink(path);
}

TEST(what_event_rules_leave_out_stays_with_weight_0)
{
    struct pz_event_rule rule = { "View", 1, 2, false };
    struct pz_model *m;

    train(&rule, 1, NULL, &m);
    assert_int_equal(m->n_interactions, 4);
    assert_memory_equal(m->ptr, ptr, sizeof ptr);
    assert_memory_equal(m->item, item, sizeof item);
    assert_memory_equal(m->time, when, sizeof when);
    assert_memory_equal(m->event, event, sizeof event);
    assert_memory_equal(m->weight, ((float[]){ 1, 0, 0, 0 }), 16);
    assert_true(m->value[0] == 5 && isnan(m->value[1]) && m->value[3] == 2);
    assert_memory_equal(m->item_count, ((uint32_t[]){ 1, 0, 0 }), 12);
    assert_int_equal(m->context.n_rows, 4);
    assert_memory_equal(m->context.attr[0].ptr, device_ptr, sizeof device_ptr);
    pz_model_free(m);
}

TEST(what_an_unasked_threshold_keeps_from_teaching_happened)
{
    struct pz_event_rule rule = { "view", 1, 2, true };
    struct pz_model *m;

    train(&rule, 1, NULL, &m);
    /* The view of 1 is too low, the one of 5 is not; the buys, of which no rule speaks, count. */
    assert_memory_equal(m->weight, ((float[]){ 1, 1, -1, 1 }), 16);
    assert_memory_equal(m->item_count, ((uint32_t[]){ 2, 1, 0 }), 12);
    assert_true(pz_model_event_weight(m, "view", 1) == -1);
    assert_true(pz_model_event_weight(m, "View", 2) == 1);
    assert_true(pz_model_event_weight(m, "view", NAN) == 1);
    assert_true(pz_model_event_weight(m, "like", 0) == 1);
    pz_model_free(m);
}

TEST(an_unasked_threshold_without_a_type_is_for_all)
{
    struct pz_event_rule rule = { "", 1, 3, true };
    struct pz_model *m;

    train(&rule, 1, NULL, &m);
    assert_memory_equal(m->weight, ((float[]){ 1, 1, -1, -1 }), 16);
    assert_true(pz_model_event_weight(m, "like", 1) == -1);
    assert_true(pz_model_event_weight(m, NULL, 3) == 1);
    pz_model_free(m);
}

TEST(what_is_held_out_stays_out)
{
    static const uint8_t keep[] = { 1, 1, 0, 1 };
    struct pz_event_rule rule = { "view", 1, -INFINITY, false };
    struct pz_model *m;

    train(&rule, 1, keep, &m);
    assert_int_equal(m->n_interactions, 3);
    assert_memory_equal(m->ptr, ((uint64_t[]){ 0, 2, 3 }), 24);
    assert_memory_equal(m->weight, ((float[]){ 1, 0, 0 }), 12);
    assert_true(m->value[0] == 5 && isnan(m->value[1]) && m->value[2] == 2);
    assert_memory_equal(m->context.attr[0].ptr, ((uint64_t[]){ 0, 1, 2, 3 }), 32);
    pz_model_free(m);
}

/* a was made at 7, whatever its events; b came with its event at 20; c is of no event that is
 * learned from. */
TEST(items_know_when_they_came_and_how_often_they_were_shown)
{
    static const uint8_t keep[] = { 1, 1, 0, 1 }, but_first[] = { 0, 1, 1, 1 };
    struct pz_model *m;

    train(NULL, 0, keep, &m);
    assert_memory_equal(m->item_since, ((int64_t[]){ 7, 20, INT64_MAX }), 24);
    assert_memory_equal(m->item_shown, ((uint32_t[]){ 1, 1, 2 }), 12);
    pz_model_free(m);
    train(NULL, 0, but_first, &m);
    assert_memory_equal(m->item_since, ((int64_t[]){ 7, 20, 30 }), 24);
    assert_memory_equal(m->item_shown, ((uint32_t[]){ 1, 1, 0 }), 12);
    pz_model_free(m);
}
