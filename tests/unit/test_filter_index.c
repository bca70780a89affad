/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "filter/filter.h"
#include "tests/unit/unit.h"

enum { ITEMS = 777, VALUES = 9, ASKED = 60 }; /* asked often enough that the index is made */

static double number[ITEMS];
static uint64_t ptr[ITEMS + 1];
static uint32_t code[2 * ITEMS];
static uint64_t item_offset[ITEMS + 1], value_offset[VALUES + 1];
static char item_bytes[ITEMS * 4 + 1], value_bytes[VALUES * 2 + 1];
static struct pz_attr attr[2];
static struct pz_model m;

/* Numbers with ties, negative ones, zeros of both signs and nulls; none, one or two texts. */
static void make_items(void)
{
    struct pz_rng rng;

    pz_rng_init(&rng, 5, 5);
    for (uint32_t i = 0; i < ITEMS; i++) {
        uint32_t kind = pz_rng_below(&rng, 10), n = pz_rng_below(&rng, 3);

        number[i] = kind == 0   ? NAN
                    : kind == 1 ? -0.0
                    : kind == 2 ? 1e9 * pz_rng_unit(&rng)
                                : (double)pz_rng_below(&rng, 41) - 20;
        ptr[i + 1] = ptr[i];
        while (n-- > 0)
            code[ptr[i + 1]++] = pz_rng_below(&rng, VALUES);
        snprintf(item_bytes + 4 * (size_t)i, 5, "i%03u", i);
        item_offset[i + 1] = 4 * (uint64_t)(i + 1);
    }
    for (uint32_t v = 0; v < VALUES; v++) {
        snprintf(value_bytes + 2 * (size_t)v, 3, "v%u", v);
        value_offset[v + 1] = 2 * (uint64_t)(v + 1);
    }
    attr[0] = (struct pz_attr){ .name = "X", .kind = PZ_ATTR_NUMBER, .num = number };
    attr[1] = (struct pz_attr){ .name = "C",
                                .kind = PZ_ATTR_CATEGORY,
                                .ptr = ptr,
                                .code = code,
                                .values = {
                                    .n = VALUES, .offset = value_offset, .bytes = value_bytes } };
    m.items = (struct pz_dict){ .n = ITEMS, .offset = item_offset, .bytes = item_bytes };
    m.item_attrs = (struct pz_attrs){ .n_attrs = 2, .n_rows = ITEMS, .attr = attr };
}

static bool number_passes(const char *op, double x, double y)
{
    return strcmp(op, "<") == 0    ? x < y
           : strcmp(op, "<=") == 0 ? x <= y
           : strcmp(op, ">") == 0  ? x > y
           : strcmp(op, ">=") == 0 ? x >= y
           : strcmp(op, "=") == 0  ? x == y
                                   : !(x == y);
}

static bool text_passes(const char *op, uint32_t item, uint32_t value)
{
    bool has = false;

    for (uint64_t p = ptr[item]; p < ptr[item + 1]; p++)
        has |= code[p] == value;
    return (*op == '!') != has;
}

/* Ask one filter with many values; each answer is that of the rows. */
static void ask(const char *column, const char *op)
{
    char text[80], value[40];
    struct pz_filter *f;
    struct pz_filter_work *work = pz_filter_work_new();
    struct pz_rng rng;
    bool numbers = *column == 'X';

    pz_rng_init(&rng, 6, 6);
    snprintf(text, sizeof text, "INCLUDE ItemID WHERE Items.%s %s $V", column, op);
    assert_int_equal(pz_filter_compile(text, &(struct pz_filter_schema){ .m = &m }, &f, NULL),
                     PZ_OK);
    for (int k = 0; k < ASKED; k++) {
        struct pz_filter_args args = { 0 };
        struct pz_filter_values *values;
        uint64_t allowed[(ITEMS + 63) / 64];
        double y = k % 3 ? (double)pz_rng_below(&rng, 43) - 21 : 1e9 * pz_rng_unit(&rng);
        uint32_t v = (uint32_t)k % VALUES;

        snprintf(value, sizeof value, numbers ? "V=%.17g" : "V=v%.0f", numbers ? y : v);
        assert_int_equal(pz_filter_args_add(&args, value, NULL), PZ_OK);
        assert_int_equal(pz_filter_bind(f, &args, &values, NULL), PZ_OK);
        memset(allowed, 0xff, sizeof allowed);
        assert_int_equal(pz_filter_apply(f, values, &(struct pz_filter_env){ .now = 1 }, work,
                                         allowed, NULL),
                         PZ_OK);
        for (uint32_t i = 0; i < ITEMS; i++)
            if ((allowed[i / 64] >> (i % 64) & 1) !=
                (numbers ? number_passes(op, number[i], y) : text_passes(op, i, v)))
                fail_msg("%s %s, time %d, item %u", text, value, k, i);
        pz_filter_values_free(values);
        pz_filter_args_clear(&args);
    }
    pz_filter_work_free(work);
    pz_filter_free(f);
}

TEST(an_index_answers_as_the_rows_do)
{
    static const char *const ops[] = { "<", "<=", ">", ">=", "=", "!=" };

    make_items();
    for (size_t i = 0; i < 6; i++)
        ask("X", ops[i]);
    ask("C", "=");
    ask("C", "!=");
}
