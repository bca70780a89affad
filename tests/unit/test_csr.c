/* SPDX-License-Identifier: Apache-2.0 */
/* Sparse rows: what is written comes back, and every lie in a packed file about them is refused. */
#include <math.h>
#include <unistd.h>

#include "base/mem.h"
#include "table/csr.h"
#include "tests/unit/unit.h"

#define LENGTH(a) (sizeof(a) / sizeof *(a))

static char path[64];

static int make_path(void **state __attribute__((unused)))
{
    snprintf(path, sizeof path, "/tmp/pz-test-csr-%ld", (long)getpid());
    return 0;
}

static int remove_path(void **state __attribute__((unused)))
{
    unlink(path);
    return 0;
}

AROUND_ALL(make_path, remove_path)

/* Three rows of columns below 9: (2, 5), none, (8). */
static const uint64_t ptr[] = { 0, 2, 2, 3 };
static const uint32_t item[] = { 2, 5, 8 };
static const float value[] = { 1, 0.5F, 2 };

static const struct pz_csr_columns strict = { .ptr = "r.ptr",
                                              .item = "r.item",
                                              .value = "r.value",
                                              .ascending = true,
                                              .max_row = 2,
                                              .min_value = 0.5F };

static void write_rows(const struct pz_csr *rows)
{
    struct pz_writer *w;

    assert_int_equal(pz_writer_open(path, "modl", 0, &w, NULL), PZ_OK);
    assert_int_equal(pz_csr_save(rows, &strict, w, NULL), PZ_OK);
    assert_int_equal(pz_writer_commit(w, NULL), PZ_OK);
}

/* Load with those expectations; the rows borrow from the table, so both are closed by the
 * caller. */
static enum pz_status load(const struct pz_csr_columns *columns, uint32_t n, uint32_t n_cols,
                           struct pz_csr *rows, struct pz_table **t)
{
    memset(rows, 0, sizeof *rows);
    assert_int_equal(pz_table_open(path, "modl", t, NULL), PZ_OK);
    return pz_csr_load(*t, columns, n, n_cols, rows, NULL);
}

static enum pz_status status_of(const struct pz_csr_columns *columns, uint32_t n, uint32_t n_cols)
{
    struct pz_csr rows;
    struct pz_table *t;
    enum pz_status st = load(columns, n, n_cols, &rows, &t);

    pz_csr_clear(&rows);
    pz_table_close(t);
    return st;
}

TEST(rows_come_back_as_they_were)
{
    const struct pz_csr rows = { .n = 3, .n_cols = 9, .ptr = ptr, .item = item, .value = value };
    static const uint32_t asked[] = { 3, PZ_CSR_ANY };

    write_rows(&rows);
    for (size_t i = 0; i < LENGTH(asked); i++) {
        struct pz_csr back;
        struct pz_table *t;

        assert_int_equal(load(&strict, asked[i], 9, &back, &t), PZ_OK);
        assert_int_equal(back.n, 3);
        assert_int_equal(back.n_cols, 9);
        assert_memory_equal(back.ptr, ptr, sizeof ptr);
        assert_memory_equal(back.item, item, sizeof item);
        assert_memory_equal(back.value, value, sizeof value);
        pz_csr_clear(&back); /* frees nothing: they are the table's */
        pz_table_close(t);
    }
}

TEST(rows_of_lists_alone_have_no_values)
{
    const struct pz_csr rows = { .n = 3, .n_cols = 9, .ptr = ptr, .item = item };
    struct pz_csr_columns columns = strict;
    struct pz_csr back;
    struct pz_table *t;

    write_rows(&rows);
    assert_int_equal(status_of(&columns, 3, 9), PZ_BAD_DATA); /* the values are missing */
    columns.optional = true;
    assert_int_equal(load(&columns, 3, 9, &back, &t), PZ_OK);
    assert_null(back.value);
    pz_table_close(t);
    columns = (struct pz_csr_columns){ .ptr = "r.ptr", .item = "r.item" };
    assert_int_equal(status_of(&columns, 3, 9), PZ_OK);
}

/* Each bound at its last good value, and one beyond. */
TEST(a_bound_holds_to_the_last_value)
{
    const struct pz_csr rows = { .n = 3, .n_cols = 9, .ptr = ptr, .item = item, .value = value };
    struct pz_csr_columns columns = strict;

    write_rows(&rows);
    assert_int_equal(status_of(&columns, 3, 8), PZ_BAD_DATA); /* column 8 is not below 8 */
    assert_int_equal(status_of(&columns, 2, 9), PZ_BAD_DATA);
    assert_int_equal(status_of(&columns, 4, 9), PZ_BAD_DATA);
    columns.max_row = 1;
    assert_int_equal(status_of(&columns, 3, 9), PZ_BAD_DATA);
    columns = strict;
    columns.min_value = nextafterf(0.5F, 1);
    assert_int_equal(status_of(&columns, 3, 9), PZ_BAD_DATA);
}

static const struct {
    uint64_t ptr[4];
    uint32_t item[3];
    float value[3];
    bool good; /* when ascending is not asked for */
} lies[] = {
    { { 0, 2, 2, 3 }, { 5, 2, 8 }, { 1, 1, 1 }, true },  /* descends within a row */
    { { 0, 2, 2, 3 }, { 5, 5, 8 }, { 1, 1, 1 }, true },  /* one column twice */
    { { 0, 2, 2, 3 }, { 5, 8, 2 }, { 1, 1, 1 }, true },  /* descends from row to row: no lie */
    { { 0, 2, 1, 3 }, { 2, 5, 8 }, { 1, 1, 1 }, false }, /* offsets fall */
    { { 0, 0, 0, 3 }, { 2, 5, 8 }, { 1, 1, 1 }, false }, /* a row longer than max_row */
    { { 0, 1, 2, 3 }, { 2, 5, 9 }, { 1, 1, 1 }, false }, /* no such column */
    { { 0, 1, 2, 3 }, { 2, 5, 8 }, { 1, NAN, 1 }, false },
    { { 0, 1, 2, 3 }, { 2, 5, 8 }, { INFINITY, 1, 1 }, false },
    { { 0, 1, 2, 3 }, { 2, 5, 8 }, { 1, 1, 0.25F }, false }, /* below the least value */
};

TEST(a_packed_file_s_lies_are_refused)
{
    for (size_t i = 0; i < LENGTH(lies); i++) {
        const struct pz_csr rows = {
            .n = 3, .n_cols = 9, .ptr = lies[i].ptr, .item = lies[i].item, .value = lies[i].value
        };
        struct pz_csr_columns columns = strict;
        bool ascends = i == 2; /* within its rows */

        write_rows(&rows);
        if (status_of(&columns, 3, 9) != (ascends ? PZ_OK : PZ_BAD_DATA))
            fail_msg("lie %zu", i);
        columns.ascending = false;
        if (status_of(&columns, 3, 9) != (lies[i].good ? PZ_OK : PZ_BAD_DATA))
            fail_msg("lie %zu, in any order", i);
    }
}

/* Rows of n_cols columns that own copies. */
static struct pz_csr own_rows(uint32_t n, uint32_t n_cols, const uint64_t *from, const uint32_t *of)
{
    uint64_t *own_ptr = pz_mem_array((size_t)n + 1, sizeof *own_ptr);
    uint32_t *own_item = pz_mem_array(from[n] + 1, sizeof *own_item);

    memcpy(own_ptr, from, ((size_t)n + 1) * sizeof *own_ptr);
    memcpy(own_item, of, from[n] * sizeof *own_item);
    return pz_csr_take(n, n_cols, own_ptr, own_item, NULL);
}

TEST(folded_columns_come_back_and_take_less_room)
{
    static const uint64_t begin[] = { 0, 5, 5, 7, 11 };
    static const uint32_t column[] = { 0,
                                       127,
                                       128,
                                       255,
                                       16639,
                                       0,
                                       1U << 27,
                                       (1U << 28) - 4,
                                       (1U << 28) - 3,
                                       (1U << 28) - 2,
                                       (1U << 28) - 1 };
    struct pz_csr rows = own_rows(4, 1U << 28, begin, column);
    uint32_t part[sizeof column / sizeof *column];
    const uint8_t *at;

    pz_csr_fold(&rows);
    assert_null(rows.item);
    at = pz_csr_unfold_rows(&rows, 0, 2, NULL, part); /* row by row */
    pz_csr_unfold_rows(&rows, 2, 4, at, part + begin[2]);
    assert_memory_equal(part, column, sizeof column);
    assert_int_equal(pz_csr_unfold(&rows, NULL), PZ_OK);
    assert_memory_equal(rows.item, column, sizeof column);
    assert_int_equal(pz_csr_unfold(&rows, NULL), PZ_OK); /* they are */
    pz_csr_clear(&rows);

    rows = own_rows(4, 1U << 28, begin, column); /* folded to the end */
    pz_csr_fold(&rows);
    pz_csr_clear(&rows);
}

TEST(columns_that_are_borrowed_or_too_many_are_not_folded)
{
    static const uint64_t begin[] = { 0, 1 };
    static const uint32_t column[] = { UINT32_MAX - 1 };
    struct pz_csr rows = own_rows(1, UINT32_MAX, begin, column);

    pz_csr_fold(&rows);
    assert_non_null(rows.item);
    pz_csr_clear(&rows);

    rows = (struct pz_csr){ .n = 1, .n_cols = 2, .ptr = begin, .item = column };
    pz_csr_fold(&rows);
    assert_ptr_equal(rows.item, column);
    assert_int_equal(pz_csr_unfold(&rows, NULL), PZ_OK);
}

TEST(rows_own_what_they_take)
{
    uint64_t *p = malloc(sizeof ptr);
    uint32_t *e = malloc(sizeof item);
    struct pz_csr rows;

    assert_true(p && e);
    memcpy(p, ptr, sizeof ptr);
    memcpy(e, item, sizeof item);
    rows = pz_csr_take(3, 9, p, e, NULL);
    assert_ptr_equal(rows.ptr, p);
    assert_null(rows.value);
    pz_csr_clear(&rows); /* the leak checker sees whether both are freed */
    assert_null(rows.ptr);
    pz_csr_clear(&rows);
}
