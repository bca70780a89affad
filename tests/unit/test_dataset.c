/* SPDX-License-Identifier: Apache-2.0 */
/* Datasets from hands that are not ours: containers that are whole, with contents that lie. */
#include <unistd.h>

#include "data/dataset.h"
#include "data/group.h"
#include "table/table.h"
#include "tests/unit/unit.h"

static char path[64];

static int make_path(void **state __attribute__((unused)))
{
    snprintf(path, sizeof path, "/tmp/pz-test-dataset-%ld", (long)getpid());
    return 0;
}

static int remove_path(void **state __attribute__((unused)))
{
    unlink(path);
    return 0;
}

/* One column of a small dataset: two users, two items, three interactions. */
struct column {
    const char *name;
    enum pz_type type;
    const void *data;
    uint64_t n;
};

#define U64(...) \
    PZ_U64, (const uint64_t[]){ __VA_ARGS__ }, sizeof((const uint64_t[]){ __VA_ARGS__ }) / 8
#define I64(...) \
    PZ_I64, (const int64_t[]){ __VA_ARGS__ }, sizeof((const int64_t[]){ __VA_ARGS__ }) / 8
#define U32(...) \
    PZ_U32, (const uint32_t[]){ __VA_ARGS__ }, sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4
#define U8(...) PZ_U8, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })
#define F64(...) \
    PZ_F64, (const double[]){ __VA_ARGS__ }, sizeof((const double[]){ __VA_ARGS__ }) / 8
#define TEXT(s) PZ_U8, s, sizeof(s) - 1
#define GONE PZ_U8, NULL, 0

static const struct column good[] = {
    { "users.offset", U64(0, 1, 2) },
    { "users.bytes", TEXT("ab") },
    { "items.offset", U64(0, 1, 2) },
    { "items.bytes", TEXT("xy") },
    { "events.offset", U64(0, 1) },
    { "events.bytes", TEXT("v") },
    { "inter/ptr", U64(0, 2, 3) },
    { "inter/item", U32(0, 1, 0) },
    { "inter/time", I64(100, 5, 90) },
    { "inter/event", U8(0, 0, 0) },
    { "inter/impression.ptr", U64(0, 2, 2, 2) },
    { "inter/impression.item", U32(1, 0) },
    { "context/schema", TEXT("rows 3\n") },
    { "items/schema", TEXT("rows 2\nG category nullable\nP number\n") },
    { "items/present", U8(1, 1) },
    { "items/G.ptr", U64(0, 1, 2) },
    { "items/G.code", U32(0, 0) },
    { "items/G.values.offset", U64(0, 1) },
    { "items/G.values.bytes", TEXT("c") },
    { "items/P.num", F64(1, 2) },
    { "users/schema", TEXT("rows 2\n") },
};

/* Write the dataset with the column `other` in the place of its namesake (without it when its data
 * are NULL), and open it. */
static enum pz_status open_with(const struct column *other, struct pz_err *err)
{
    struct pz_dataset *ds = NULL;
    struct pz_writer *w = NULL;
    const char *p = path;
    enum pz_status st;

    assert_int_equal(pz_writer_open(path, "data", 0, &w, NULL), PZ_OK);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        const struct column *c = &good[i];

        if (other && strcmp(other->name, c->name) == 0)
            c = other;
        if (c->data)
            assert_int_equal(pz_writer_add(w, c->name, c->type, c->data, c->n, NULL), PZ_OK);
    }
    assert_int_equal(pz_writer_commit(w, NULL), PZ_OK);
    st = pz_dataset_open(&p, 1, &ds, err);
    assert_true((st == PZ_OK) == (ds != NULL));
    pz_dataset_free(ds);
    return st;
}

TEST(the_dataset_itself_opens)
{
    struct pz_err err = { .text = "" };

    if (open_with(NULL, &err) != PZ_OK)
        fail_msg("%s", err.text);
}

static const struct column lies[] = {
    { "users.offset", U64(0, 2, 1) },   /* descends */
    { "users.offset", U64(0, 1, 200) }, /* beyond the bytes */
    { "users.offset", U64(1, 1, 2) },   /* does not start at 0 */
    { "users.offset", U64(0, 1) },      /* other tables know a user more */
    { "users.bytes", TEXT("ba") },      /* not sorted: lookups would miss */
    { "users.bytes", TEXT("aa") },      /* one id twice */
    { "users.offset", U32(0, 1, 2) },   /* of another type */
    { "users.bytes", GONE },
    { "items.bytes", TEXT("yx") },
    { "events.offset", U64(0) }, /* events without types */
    { "inter/ptr", U64(0, 3, 2) },
    { "inter/ptr", U64(0, 2, 4) }, /* more than there are */
    { "inter/ptr", U64(1, 2, 3) },
    { "inter/ptr", U64(0, 3) },
    { "inter/ptr", U64(0, UINT64_MAX, 3) },
    { "inter/ptr", GONE },
    { "inter/item", U32(0, 2, 0) }, /* an item that is not there */
    { "inter/item", U32(0, 1) },
    { "inter/item", U32(0, 1, UINT32_MAX) },
    { "inter/item", GONE },
    { "inter/time", I64(100, -5, 90) },      /* time runs backwards */
    { "inter/time", I64(INT64_MAX, 5, 90) }, /* and over */
    { "inter/time", I64(100, 5) },
    { "inter/time", GONE },
    { "inter/event", U8(0, 1, 0) }, /* a type that is not there */
    { "inter/event", U8(0, 0) },
    { "inter/event", GONE }, /* types without events */
    { "inter/impression.ptr", U64(0, 2, 1, 2) },
    { "inter/impression.ptr", U64(0, 2, 2) },
    { "inter/impression.ptr", U64(0, 2, 2, 9) },
    { "inter/impression.item", U32(1, 7) },
    { "inter/impression.item", GONE },
    { "context/schema", GONE },
    { "context/schema", TEXT("rows 2\nX number\n") },
    { "items/schema", TEXT("rows 3\nG category nullable\nP number\n") },
    { "items/schema", TEXT("rows -1\n") },
    { "items/schema", TEXT("rows 99999999999999999999\n") },
    { "items/schema", TEXT("") },
    { "items/schema", TEXT("rows 2\nG fruit\nP number\n") },
    { "items/schema", TEXT("rows 2\nG\nP number\n") },
    { "items/schema", TEXT("rows 2\nG string\nQ number\n") },
    { "items/present", U8(1) },
    { "items/G.ptr", U64(0, 2, 1) },
    { "items/G.ptr", U64(0, 1, 3) },
    { "items/G.ptr", U64(0, 1) },
    { "items/G.code", U32(0, 1) },
    { "items/G.values.offset", U64(0, 7) },
    { "items/P.num", F64(1) },
    { "items/P.num", U32(1, 2) },
    { "users/schema", TEXT("rows 1\n") },
};

TEST(every_lie_is_refused_with_the_file_s_name)
{
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct pz_err err = { .text = "" };
        enum pz_status st = open_with(&lies[i], &err);

        if (st != PZ_BAD_DATA || !strstr(err.text, path))
            fail_msg("lie %zu about %s: status %d: %s", i, lies[i].name, st, err.text);
    }
}

TEST(a_model_is_no_dataset)
{
    struct pz_err err = { .text = "" };
    struct pz_dataset *ds = NULL;
    struct pz_writer *w = NULL;
    const char *p = path;

    assert_int_equal(pz_writer_open(path, "modl", 0, &w, NULL), PZ_OK);
    assert_int_equal(pz_writer_commit(w, NULL), PZ_OK);
    assert_int_equal(pz_dataset_open(&p, 1, &ds, &err), PZ_BAD_DATA);
    assert_non_null(strstr(err.text, path));
    assert_null(ds);
}

AROUND_ALL(make_path, remove_path)

/* Each column is of texts, n of them different in the 10 rows. */
static const char *title_among(const struct pz_attr *columns, uint32_t n)
{
    struct pz_attrs a = { .n_attrs = n,
                          .n_rows = 10,
                          .attr = (struct pz_attr *)(uintptr_t)columns };
    const struct pz_attr *title = pz_attrs_title(&a);

    return title ? title->name : "none";
}

TEST(an_item_is_called_by_its_title_and_else_by_a_name_of_its_own)
{
    static const double price[10];
    const struct pz_attr columns[] = {
        { .name = "BRAND_NAME", .kind = PZ_ATTR_CATEGORY, .values = { .n = 3 } },
        { .name = "GAME_NAME", .kind = PZ_ATTR_STRING, .values = { .n = 9 } },
        { .name = "title", .kind = PZ_ATTR_TEXT, .values = { .n = 9 } },
        { .name = "NAME", .kind = PZ_ATTR_NUMBER, .num = price },
    };

    assert_string_equal(title_among(columns, 1), "none");
    assert_string_equal(title_among(columns, 2), "GAME_NAME");
    assert_string_equal(title_among(columns, 3), "title");
    assert_string_equal(title_among(columns + 3, 1), "none");
}
