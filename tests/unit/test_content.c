/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/par.h"
#include "base/rng.h"
#include "model/content/content.h"
#include "model/parts.h"
#include "tests/unit/unit.h"

enum { N_ITEMS = 24, N_USERS = 60, EVENTS = 6, COLD = 22 }; /* items 22 and 23 are nobody's */

/* Colour: red (items below 12) or blue, listed as "red|red|new" for item 0; price 10 * item, null
 * for item 3; sale: item is odd; words of a text. Values of dictionaries are in byte order. */
static const uint64_t colour_offset[] = { 0, 4, 7, 10 };
static const uint64_t text_offset[] = { 0, 10, 24 };

struct fixture {
    struct pz_attr attr[4];
    struct pz_attrs attrs;
    struct pz_corpus corpus;
    uint64_t colour_ptr[N_ITEMS + 1], text_ptr[N_ITEMS + 1], ptr[N_USERS + 1];
    uint32_t colour[N_ITEMS + 2], text[N_ITEMS], item[N_USERS * EVENTS];
    double price[N_ITEMS], sale[N_ITEMS];
    int64_t time[N_USERS * EVENTS];
    float weight[N_USERS * EVENTS];
};

static void fill_attrs(struct fixture *f)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < N_ITEMS; i++) {
        f->colour[n++] = i < 12 || i == COLD ? 2 : 0; /* "blue", "new", "red" */
        if (i == 0) {
            f->colour[n++] = 2;
            f->colour[n++] = 1;
        }
        f->colour_ptr[i + 1] = n;
        f->text[i] = i % 2;
        f->text_ptr[i + 1] = i + 1;
        f->price[i] = i == 3 ? NAN : 10 * (double)i;
        f->sale[i] = i % 2;
    }
    f->attr[0] = (struct pz_attr){ .name = "COLOUR",
                                   .kind = PZ_ATTR_CATEGORY,
                                   .ptr = f->colour_ptr,
                                   .code = f->colour,
                                   .values = { 3, colour_offset, "bluenewred", NULL, NULL, NULL } };
    f->attr[1] = (struct pz_attr){ .name = "PRICE", .kind = PZ_ATTR_NUMBER, .num = f->price };
    f->attr[2] = (struct pz_attr){ .name = "SALE", .kind = PZ_ATTR_BOOL, .num = f->sale };
    f->attr[3] = (struct pz_attr){ .name = "TEXT",
                                   .kind = PZ_ATTR_TEXT,
                                   .ptr = f->text_ptr,
                                   .code = f->text,
                                   .values = { 2, text_offset, "Warm wool!warm WARM silk", NULL,
                                               NULL, NULL } };
    f->attrs = (struct pz_attrs){ .n_attrs = 4, .n_rows = N_ITEMS, .attr = f->attr };
}

/* Even users take red items, odd ones blue. */
static struct fixture *make(void)
{
    struct fixture *f = calloc(1, sizeof *f);

    fill_attrs(f);
    for (uint32_t u = 0; u < N_USERS; u++) {
        struct pz_rng rng;

        pz_rng_init(&rng, 5, u);
        for (uint32_t e = 0; e < EVENTS; e++) {
            size_t p = u * EVENTS + e;

            f->item[p] = u % 2 ? 12 + pz_rng_below(&rng, 10) : pz_rng_below(&rng, 12);
            f->time[p] = 100 * (int64_t)e;
            f->weight[p] = 1;
        }
        f->ptr[u + 1] = (uint64_t)(u + 1) * EVENTS;
    }
    f->corpus = (struct pz_corpus){ .n_users = N_USERS,
                                    .n_items = N_ITEMS,
                                    .ptr = f->ptr,
                                    .item = f->item,
                                    .time = f->time,
                                    .weight = f->weight,
                                    .item_attrs = &f->attrs,
                                    .newest = 500,
                                    .ordered = true };
    return f;
}

static float weight_of(const struct pz_content_dict *d, const struct pz_csr *rows, uint32_t row,
                       const char *name)
{
    uint32_t id = pz_dict_find_str(&d->names, name);

    for (uint64_t k = rows->ptr[row]; k < rows->ptr[row + 1]; k++)
        if (rows->item[k] == id)
            return rows->value[k];
    return 0;
}

TEST(every_kind_of_attribute_becomes_features)
{
    struct fixture *f = make();
    struct pz_content_dict d;
    struct pz_csr rows;

    assert_int_equal(pz_content_dict_make(&f->attrs, NULL, &d, NULL), PZ_OK);
    assert_int_equal(pz_content_encode(&d, &f->attrs, &rows, NULL), PZ_OK);
    assert_int_equal(pz_dict_find_str(&d.names, "COLOUR=new"), PZ_NONE); /* one item has it */
    assert_true(weight_of(&d, &rows, 0, "COLOUR=red") ==
                1); /* unit length, however often it is listed */
    assert_true(weight_of(&d, &rows, 12, "COLOUR=blue") == 1);
    assert_true(weight_of(&d, &rows, 1, "SALE=true") == 1 &&
                weight_of(&d, &rows, 2, "SALE=false") == 1);
    assert_true(weight_of(&d, &rows, 5, "*") == 1);
    assert_true(weight_of(&d, &rows, 0, "PRICE#0") == 1);
    assert_true(weight_of(&d, &rows, 3, "PRICE#0") == 0);
    pz_csr_clear(&rows);
    pz_content_dict_clear(&d);
    free(f);
}

/* "warm" is in all 24 texts: log(25/24) = .0408; "wool" in 12: log(25/12) = .7340; "silk" likewise,
 * and "warm WARM" counts 1 + log 2. */
TEST(terms_are_weighted_by_times_and_rareness_to_unit_length)
{
    struct fixture *f = make();
    struct pz_content_dict d;
    struct pz_csr rows;
    double warm = log(25.0 / 24), rare = log(25.0 / 12), twice = warm * (1 + log(2));

    assert_int_equal(pz_content_dict_make(&f->attrs, NULL, &d, NULL), PZ_OK);
    assert_int_equal(pz_content_encode(&d, &f->attrs, &rows, NULL), PZ_OK);
    assert_true(fabs((double)weight_of(&d, &rows, 0, "TEXT:wool") - rare / hypot(rare, warm)) <
                1e-6);
    assert_true(fabs((double)weight_of(&d, &rows, 0, "TEXT:warm") - warm / hypot(rare, warm)) <
                1e-6);
    assert_true(fabs((double)weight_of(&d, &rows, 1, "TEXT:warm") - twice / hypot(rare, twice)) <
                1e-6);
    assert_true(weight_of(&d, &rows, 1, "TEXT:wool") == 0);
    pz_csr_clear(&rows);
    pz_content_dict_clear(&d);
    free(f);
}

/* Terms are runs of letters, digits and bytes outside ASCII, without regard to the case of ASCII
 * letters; what stands just before and behind those ranges of ASCII separates. */
TEST(terms_are_words_of_two_to_64_bytes)
{
    static const char *const is[] = { "k0", "k9", "a0z9", "aa", "zz", "bb", "cc", "\xc3\xa4" };
    struct fixture *f = make();
    struct pz_content_dict d;
    struct pz_str text = { 0 };
    uint64_t offset[3] = { 0 };
    char name[80];

    pz_str_adds(&text, "k0/k9:A0z9@aA[Zz`bb{cc x \xc3\xa4 ");
    for (int n = 64; n <= 65; n++) { /* the longest term, and a word that is too long */
        for (int i = 0; i < n; i++)
            pz_str_addc(&text, 'y');
        pz_str_addc(&text, ' ');
    }
    offset[1] = text.len;
    pz_str_addc(&text, '-'); /* the other value: no word at all */
    offset[2] = text.len;
    f->attr[3].values = (struct pz_dict){ .n = 2, .offset = offset, .bytes = text.data };
    f->attrs.attr = &f->attr[3];
    f->attrs.n_attrs = 1;
    assert_int_equal(pz_content_dict_make(&f->attrs, NULL, &d, NULL), PZ_OK);
    for (size_t i = 0; i < sizeof is / sizeof *is; i++) {
        snprintf(name, sizeof name, "TEXT:%s", is[i]);
        if (pz_dict_find_str(&d.names, name) == PZ_NONE)
            fail_msg("%s is no term", name);
    }
    snprintf(name, sizeof name, "TEXT:%.64s", strstr(text.data, "yyy"));
    assert_int_not_equal(pz_dict_find_str(&d.names, name), PZ_NONE);
    assert_int_equal(d.names.n, sizeof is / sizeof *is + 2); /* and "*", which all items have */
    pz_content_dict_clear(&d);
    pz_str_clear(&text);
    free(f);
}

/* Knots at 0, 10, 20 (fewer values than knots): 4 lies between the first two, -5 and 99 beyond the
 * ends. */
TEST(a_number_between_two_knots_is_shared_by_both)
{
    const double learned[] = { 0, 10, 20, 20 }, asked[] = { 4, -5, 99, NAN };
    struct pz_attr a = { .name = "N", .kind = PZ_ATTR_NUMBER, .num = learned }, b = a;
    struct pz_attrs from = { .n_attrs = 1, .n_rows = 4, .attr = &a }, to = from;
    struct pz_content_dict d;
    struct pz_csr rows;

    b.num = asked;
    to.attr = &b;
    assert_int_equal(pz_content_dict_make(&from, NULL, &d, NULL), PZ_OK);
    assert_int_equal(d.names.n, 4); /* with "*" */
    assert_int_equal(pz_content_encode(&d, &to, &rows, NULL), PZ_OK);
    assert_true(fabsf(weight_of(&d, &rows, 0, "N#0") - 0.6f) < 1e-6f);
    assert_true(fabsf(weight_of(&d, &rows, 0, "N#1") - 0.4f) < 1e-6f);
    assert_true(weight_of(&d, &rows, 1, "N#0") == 1 && weight_of(&d, &rows, 2, "N#2") == 1);
    assert_int_equal(rows.ptr[4] - rows.ptr[3], 1);
    pz_csr_clear(&rows);
    pz_content_dict_clear(&d);
}

static struct pz_csr counts_of(uint32_t n, const uint64_t *ptr, const uint32_t *item,
                               const float *value)
{
    return (struct pz_csr){ .n = n, .n_cols = n, .ptr = ptr, .item = item, .value = value };
}

static void map_clear(struct pz_content_map *map)
{
    pz_csr_clear(&map->follow);
    pz_csr_clear(&map->map);
}

/* x = (1 0), (1 1), (5 5) with 1, 4 and 0 events; C[0->1] = 8, C[1->0] = 10, both norms 1/2: y_01 =
 * 8 / 2, y_10 = 10 / 2. A = [1+1+1, 1; 1, 1+1], so t_0 = A^-1 (4 4) = (.8 1.6), t_1 = A^-1 (5 0) =
 * (2 -1). The item without events: M = A^-1 [(.8 1.6) + (2 -1); (2 -1)] = [.72 .44; .64 -.72], t_2
 * = (5 5) M. */
TEST(what_follows_an_item_is_a_ridge_regression_on_features)
{
    const uint64_t ptr[] = { 0, 1, 3, 5 }, count_ptr[] = { 0, 1, 2, 2 };
    const uint32_t id[] = { 0, 0, 1, 0, 1 }, follower[] = { 1, 0 };
    const float x[] = { 1, 1, 1, 5, 5 }, events[] = { 1, 4, 0 };
    const double set[PZ_CONTENT_N] = { [PZ_CONTENT_SOURCE_NORM] = 0.5,
                                       [PZ_CONTENT_TARGET_NORM] = 0.5,
                                       [PZ_CONTENT_RIDGE] = 1,
                                       [PZ_CONTENT_FADE] = 1e-9 };
    const struct pz_csr rows = { .n = 3, .n_cols = 2, .ptr = ptr, .item = id, .value = x };
    const struct pz_csr counts = counts_of(3, count_ptr, follower, (const float[]){ 8, 10 });
    const float want[] = { 0.8f, 1.6f, 2, -1, 6.8f, -1.4f },
                across[] = { 0.72f, 0.44f, 0.64f, -0.72f };
    struct pz_content_map got;

    assert_int_equal(pz_content_map(&rows, &counts, events, set, &got, NULL), PZ_OK);
    for (uint32_t k = 0; k < 6; k++) {
        assert_int_equal(got.follow.item[k], k % 2);
        assert_true(fabsf(got.follow.value[k] - want[k]) < 1e-5f);
    }
    for (uint32_t k = 0; k < 4; k++) {
        assert_int_equal(got.map.item[k], k % 2);
        assert_true(fabsf(got.map.value[k] - across[k]) < 1e-5f);
    }
    map_clear(&got);
}

/* Two features that always stand together, of weights beside which the ridge is lost to rounding:
 * each gets half of what one would. */
TEST(features_that_say_the_same_of_many_items_are_no_failure)
{
    const uint64_t ptr[] = { 0, 2, 4 }, count_ptr[] = { 0, 1, 1 };
    const uint32_t id[] = { 0, 1, 0, 1 }, follower[] = { 1 };
    const float x[] = { 2e4f, 2e4f, 3e4f, 3e4f }, events[] = { 1, 1 };
    const double set[PZ_CONTENT_N] = { [PZ_CONTENT_RIDGE] = 1, [PZ_CONTENT_FADE] = 1e-9 };
    const struct pz_csr rows = { .n = 2, .n_cols = 2, .ptr = ptr, .item = id, .value = x };
    const struct pz_csr counts = counts_of(2, count_ptr, follower, (const float[]){ 1.3e9f });
    struct pz_content_map got;

    /* A is 1.3e9 everywhere, and 1.3e9 * 3e4 / (2 * 1.3e9) is what each feature gets. */
    assert_int_equal(pz_content_map(&rows, &counts, events, set, &got, NULL), PZ_OK);
    for (uint32_t k = 0; k < 2; k++)
        assert_true(fabsf(got.follow.value[k] / 1.5e4f - 1) < 0.05f);
    map_clear(&got);
}

/* Trust 1 halves what the second item (one event) teaches: A = 1/2 + 1, t_0 = A^-1 (1/2 * 3) = 1.
 * Fade 1 mixes it half with what attributes say: M = A^-1 (1/2 t_0 + 1/2 t_1) = 1/3 (t_1 = 0). */
TEST(few_events_teach_less_and_lean_on_attributes)
{
    const uint64_t ptr[] = { 0, 0, 1 }, count_ptr[] = { 0, 1, 1 }, all_ptr[] = { 0, 1, 2 };
    const uint32_t id[] = { 0, 0 }, follower[] = { 1 };
    const float one[] = { 1, 1 };
    double set[PZ_CONTENT_N] = {
        [PZ_CONTENT_RIDGE] = 1, [PZ_CONTENT_TRUST] = 1, [PZ_CONTENT_FADE] = 1e-9
    };
    struct pz_csr rows = { .n = 2, .n_cols = 1, .ptr = ptr, .item = id, .value = one };
    struct pz_content_map got;
    const struct pz_csr counts = counts_of(2, count_ptr, follower, (const float[]){ 3 });

    assert_int_equal(pz_content_map(&rows, &counts, one, set, &got, NULL), PZ_OK);
    assert_true(fabsf(got.follow.value[0] - 1) < 1e-5f);
    map_clear(&got);
    rows.ptr = all_ptr; /* A = 1/2 + 1/2 + 1, t_0 = 3/4, M = A^-1 (1/2 * 3/4) = 3/16 */
    set[PZ_CONTENT_FADE] = 1;
    assert_int_equal(pz_content_map(&rows, &counts, one, set, &got, NULL), PZ_OK);
    assert_true(fabsf(got.follow.value[0] - 0.5f * (0.75f + 0.1875f)) < 1e-5f);
    assert_true(fabsf(got.follow.value[1] - 0.5f * 0.1875f) < 1e-5f);
    map_clear(&got);
}

/* Item i has feature i alone and follows item 0 i + 1 times: t_0f = (f + 1) / 2. */
TEST(only_the_strongest_features_are_kept)
{
    enum { N = PZ_CONTENT_KEPT + 40 };
    uint64_t ptr[N + 1] = { 0 }, count_ptr[N + 1] = { 0 };
    uint32_t id[N];
    float one[N], value[N];
    const double set[PZ_CONTENT_N] = { [PZ_CONTENT_RIDGE] = 1, [PZ_CONTENT_FADE] = 1e-9 };
    const struct pz_csr rows = { .n = N, .n_cols = N, .ptr = ptr, .item = id, .value = one };
    struct pz_content_map got;

    for (uint32_t i = 0; i < N; i++) {
        ptr[i + 1] = i + 1;
        count_ptr[i + 1] = N;
        id[i] = i;
        one[i] = 1;
        value[i] = (float)(i + 1);
    }
    const struct pz_csr counts = counts_of(N, count_ptr, id, value);

    assert_int_equal(pz_content_map(&rows, &counts, one, set, &got, NULL), PZ_OK);
    assert_int_equal(got.follow.ptr[1], PZ_CONTENT_KEPT);
    for (uint32_t k = 0; k < PZ_CONTENT_KEPT; k++) {
        assert_int_equal(got.follow.item[k], N - PZ_CONTENT_KEPT + k);
        assert_true(fabsf(got.follow.value[k] - (float)(got.follow.item[k] + 1) / 2) < 1e-3f);
    }
    map_clear(&got);
}

static void *fit(const struct fixture *f, int threads)
{
    double value[PZ_CONTENT_N];
    struct pz_fit_cfg cfg = { .value = value, .seed = 3 };
    void *part = NULL;

    pz_par_set(threads);
    pz_scorer_defaults(&pz_content, value);
    assert_int_equal(pz_content.fit(&f->corpus, &cfg, &part, NULL), PZ_OK);
    return part;
}

static bool ask(const void *part, enum pz_task task, const uint32_t *hist, size_t n, float *out)
{
    const int64_t time[4] = { 1, 2, 3, 4 };
    const float weight[4] = { 1, 1, 1, 1 };
    struct pz_query q = {
        .task = task, .n_hist = n, .hist = hist, .hist_time = time, .hist_weight = weight
    };
    void *scratch = pz_mem_array(pz_content.scratch_bytes(part), 1);
    bool said;

    memset(out, 0, N_ITEMS * sizeof *out);
    said = pz_content.score(part, &q, scratch, out);
    free(scratch);
    return said;
}

TEST(items_nobody_had_suit_users_of_their_attributes)
{
    struct fixture *f = make();
    void *part = fit(f, 1);
    float out[N_ITEMS];

    assert_true(ask(part, PZ_TASK_USER, (const uint32_t[]){ 1, 4 }, 2, out));
    assert_true(out[COLD] > 0 && out[COLD] > 2 * out[COLD + 1]);
    assert_true(ask(part, PZ_TASK_USER, (const uint32_t[]){ 14, 15 }, 2, out));
    assert_true(out[COLD + 1] > 0 && out[COLD + 1] > 2 * out[COLD]);
    assert_true(
        ask(part, PZ_TASK_USER, (const uint32_t[]){ COLD }, 1, out)); /* a new item alone speaks */
    assert_true(out[1] > out[14]);
    assert_true(ask(part, PZ_TASK_RELATED, (const uint32_t[]){ COLD }, 1, out));
    assert_true(out[1] > 0 && out[1] > out[14]);
    assert_false(ask(part, PZ_TASK_USER, NULL, 0, out));
    pz_content.free(part);
    free(f);
}

/* With c events and fade c the score is half of what it is with none; with mix it is whole. */
TEST(attributes_fade_as_events_come)
{
    struct fixture *f = make();
    struct pz_content *part = fit(f, 1);
    float faded[N_ITEMS], full[N_ITEMS];
    const uint32_t hist[] = { 1 };

    ask(part, PZ_TASK_USER, hist, 1, full);
    pz_content.set(part, PZ_CONTENT_FADE, (double)part->count[5]);
    ask(part, PZ_TASK_USER, hist, 1, faded);
    assert_true(faded[COLD] == full[COLD]);
    assert_true(fabsf(faded[5] - full[5] * 0.5f * ((float)part->count[5] + 4) / 4) <
                1e-5f * fabsf(full[5]));
    ask(part, PZ_TASK_RELATED, hist, 1, full);
    assert_memory_equal(full, faded, sizeof full); /* whatever is asked */
    ask(part, PZ_TASK_USER, (const uint32_t[]){ COLD }, 1, faded);
    pz_content.set(part, PZ_CONTENT_FADE, 1);
    ask(part, PZ_TASK_USER, (const uint32_t[]){ COLD }, 1, full);
    assert_memory_equal(full, faded,
                        sizeof full); /* but of what nobody had only attributes speak */
    pz_content.set(part, PZ_CONTENT_FADE, (double)part->count[5]);
    ask(part, PZ_TASK_RELATED, hist, 1, faded);
    pz_content.set(part, PZ_CONTENT_MIX, 1);
    ask(part, PZ_TASK_RELATED, hist, 1, full);
    assert_true(full[COLD] == faded[COLD]);
    assert_true(fabsf(full[5] - 2 * faded[5]) < 1e-5f * fabsf(full[5]));
    pz_content.free(part);
    free(f);
}

/* A history's events share the score between them. */
TEST(an_explanation_sums_to_the_score)
{
    struct fixture *f = make();
    void *part = fit(f, 1), *scratch = pz_mem_array(pz_content.scratch_bytes(part), 1);
    const uint32_t hist[] = { 1, 14, COLD };
    const int64_t time[] = { 1, 2, 3 };
    const float weight[] = { 1, 0.5f, 1 };
    const struct pz_query q = {
        .task = PZ_TASK_USER, .n_hist = 3, .hist = hist, .hist_time = time, .hist_weight = weight
    };
    float out[N_ITEMS] = { 0 }, share[3];

    assert_true(pz_content.score(part, &q, scratch, out));
    for (uint32_t i = 0; i < N_ITEMS; i++) {
        pz_content.explain(part, &q, i, scratch, share);
        assert_true(fabsf(share[0] + share[1] + share[2] - out[i]) < 1e-5f);
    }
    pz_content.explain(part, &q, 2, scratch, share);
    assert_true(share[0] > share[1]); /* an item of the same colour says more */
    free(scratch);
    pz_content.free(part);
    free(f);
}

/* Two events of one moment say the same whichever is listed last; of two moments the newer says
 * more. */
TEST(events_of_one_moment_weigh_alike)
{
    struct fixture *f = make();
    void *part = fit(f, 1), *scratch = pz_mem_array(pz_content.scratch_bytes(part), 1);
    const int64_t together[] = { 5, 5 }, apart[] = { 5, 6 };
    const float weight[] = { 1, 1 };
    const uint32_t hist[] = { 1, 14 }, turned[] = { 14, 1 };
    struct pz_query q = { .task = PZ_TASK_USER,
                          .n_hist = 2,
                          .hist = hist,
                          .hist_time = together,
                          .hist_weight = weight };
    float one[N_ITEMS], other[N_ITEMS];

    pz_content.score(part, &q, scratch, one);
    q.hist = turned;
    pz_content.score(part, &q, scratch, other);
    assert_true(fabsf(one[COLD] - other[COLD]) < 1e-6f);
    q.hist_time = apart;
    pz_content.score(part, &q, scratch, other);
    assert_true(other[COLD] > one[COLD]); /* of the colour of item 1, the newer */
    free(scratch);
    pz_content.free(part);
    free(f);
}

/* A row put since like that of the item nobody had (the second of two) is answered like that item,
 * where it is scored and where it stands in a history. */
TEST(an_item_that_came_since_is_as_one_without_events)
{
    struct fixture *f = make(), *put = make();
    void *part = fit(f, 1), *scratch = pz_mem_array(pz_content.scratch_bytes(part), 1);
    const uint32_t row = 1, came[] = { 14, N_ITEMS }, cold[] = { 14, COLD };
    const int64_t time[] = { 1, 2 };
    const float weight[] = { 1, 1 };
    struct pz_query q = {
        .task = PZ_TASK_USER, .n_hist = 2, .hist = cold, .hist_time = time, .hist_weight = weight
    };
    float want[N_ITEMS + 1] = { 0 }, out[N_ITEMS + 1] = { 0 }, share[2];

    for (uint32_t i = 0; i < 2; i++) { /* row 0 is that of item 1, row 1 that of COLD */
        put->colour[i] = 2;
        put->colour_ptr[i + 1] = i + 1;
        put->price[i] = f->price[i ? COLD : 1];
        put->sale[i] = f->sale[i ? COLD : 1];
        put->text[i] = f->text[i ? COLD : 1];
    }
    put->attrs.n_rows = 2;
    assert_int_equal(pz_content.extend(part, &put->attrs, &row, 1, NULL), PZ_OK);
    pz_content.score(part, &q, scratch, want);
    q.hist = came;
    pz_content.score(part, &q, scratch, out);
    assert_true(want[COLD] > 0 && want[N_ITEMS] == want[COLD]);
    for (uint32_t i = 0; i <= N_ITEMS; i++)
        assert_true(fabsf(out[i] - want[i]) < 1e-5f);
    for (uint32_t i = 0; i <= N_ITEMS; i++) {
        pz_content.explain(part, &q, i, scratch, share);
        assert_true(fabsf(share[0] + share[1] - out[i]) < 1e-5f);
    }
    free(scratch);
    pz_content.free(part);
    free(put);
    free(f);
}

/* Rows put in two goes: 0 and 2 first, then 1 between them and 2 anew. */
TEST(a_part_extended_by_more_rows_is_as_one_extended_by_all)
{
    struct fixture *f = make(), *put = make();
    void *all = fit(f, 1), *old = fit(f, 1), *part = fit(f, 1);
    const struct pz_content *a = all, *p = part;
    const uint32_t row[] = { 0, 1, 2 };
    const struct pz_source source[] = { { 0, 0 }, { 1, 0 }, { 1, 1 } };
    struct fixture *since = make();

    put->attrs.n_rows = 3;
    assert_int_equal(pz_content.extend(all, &put->attrs, row, 3, NULL), PZ_OK);
    put->attrs.n_rows = 2;
    assert_int_equal(pz_content.extend(old, &put->attrs, row, 2, NULL), PZ_OK);
    for (uint32_t i = 0; i < 2; i++) { /* its rows are those from 1 on */
        since->colour[i] = put->colour[put->colour_ptr[i + 1]];
        since->colour_ptr[i + 1] = i + 1;
        since->price[i] = put->price[i + 1];
        since->sale[i] = put->sale[i + 1];
        since->text[i] = put->text[i + 1];
    }
    since->attrs.n_rows = 2;
    assert_int_equal(pz_content.extend_more(part, old,
                                            &(struct pz_put_since){ source, 3, &since->attrs }, row,
                                            3, NULL),
                     PZ_OK);
    assert_int_equal(p->n_fresh, 3);
    assert_int_equal(p->put.n, a->put.n);
    assert_memory_equal(p->put.ptr, a->put.ptr, 4 * sizeof *a->put.ptr);
    assert_memory_equal(p->put.item, a->put.item, a->put.ptr[3] * sizeof *a->put.item);
    assert_memory_equal(p->put.value, a->put.value, a->put.ptr[3] * sizeof *a->put.value);
    pz_content.free(all);
    pz_content.free(old);
    pz_content.free(part);
    free(since);
    free(put);
    free(f);
}

TEST(a_part_reads_back_as_it_was_written)
{
    struct fixture *f = make();
    void *part = fit(f, 1), *again = NULL;
    struct pz_writer *w = NULL;
    struct pz_table *t = NULL;
    char path[] = "/tmp/test_content.XXXXXX";
    float a[N_ITEMS], b[N_ITEMS];
    const uint32_t hist[] = { 1, 13, 2 };

    close(mkstemp(path));
    assert_int_equal(pz_writer_open(path, "modl", 0, &w, NULL), PZ_OK);
    assert_int_equal(pz_content.save(part, w, NULL), PZ_OK);
    assert_int_equal(pz_writer_commit(w, NULL), PZ_OK);
    assert_int_equal(pz_table_open(path, "modl", &t, NULL), PZ_OK);
    assert_int_equal(pz_content.load(t, N_ITEMS, &again, NULL), PZ_OK);
    ask(part, PZ_TASK_USER, hist, 3, a);
    ask(again, PZ_TASK_USER, hist, 3, b);
    assert_memory_equal(a, b, sizeof a);
    pz_content.free(again);
    assert_int_equal(pz_content.load(t, N_ITEMS + 1, &again, NULL), PZ_BAD_DATA);
    pz_table_close(t);
    unlink(path);
    pz_content.free(part);
    free(f);
}

TEST(threads_do_not_change_a_bit)
{
    struct fixture *f = make();
    float one[N_ITEMS], other[N_ITEMS];
    const uint32_t hist[] = { 1, 13, 2 };
    void *part = fit(f, 1);

    ask(part, PZ_TASK_USER, hist, 3, one);
    pz_content.free(part);
    for (int threads = 2; threads <= 4; threads += 2) {
        part = fit(f, threads);
        ask(part, PZ_TASK_USER, hist, 3, other);
        assert_memory_equal(one, other, sizeof one);
        pz_content.free(part);
    }
    pz_par_set(0);
    free(f);
}

TEST(without_attributes_or_events_there_is_nothing_to_say)
{
    struct fixture *f = make();
    float out[N_ITEMS];
    void *part;

    f->corpus.item_attrs = NULL;
    part = fit(f, 1);
    ask(part, PZ_TASK_USER, (const uint32_t[]){ 1 }, 1, out);
    assert_true(out[COLD] == out[COLD + 1]);
    pz_content.free(part);
    f->corpus.item_attrs = &f->attrs;
    memset(f->ptr, 0, sizeof f->ptr);
    part = fit(f, 1);
    ask(part, PZ_TASK_USER, (const uint32_t[]){ 1 }, 1, out);
    for (uint32_t i = 0; i < N_ITEMS; i++)
        assert_true(out[i] == 0);
    pz_content.free(part);
    free(f);
}
