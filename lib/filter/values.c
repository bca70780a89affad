/* SPDX-License-Identifier: Apache-2.0 */
/* Filter expressions, values: what stands on the right of a test, made ready for comparing as
 * far as it is known when the filter is compiled, when filter values are bound, or when a query
 * is asked.
 *
 * Sets are kept in order, so that looking up is a binary search. Where a column has a
 * dictionary, texts become its codes, and rows are compared by numbers; by text only where a
 * value's dictionary is not the column's. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/str.h"
#include "filter/eval.h"

/* ---- rows */
static const struct pz_attr *attr_of(const struct pz_filter_ctx *ctx, uint32_t column,
                                     const struct pz_filter_row *row)
{
    return !row->known ? NULL
           : row->live ? ctx->f->column[column].over
                       : ctx->f->column[column].attr;
}

/* The i-th text of a row in a column; false when there are no more. */
static bool row_text(const struct pz_filter_ctx *ctx, uint32_t column,
                     const struct pz_filter_row *row, size_t i, struct pz_filter_bytes *out)
{
    const struct pz_filter_column *col = &ctx->f->column[column];
    const struct pz_attr *a = attr_of(ctx, column, row);

    if (col->what == PZ_WHAT_ID) {
        *out = (struct pz_filter_bytes){ row->id, row->id ? strlen(row->id) : 0 };
        return i == 0 && row->id;
    }
    if (!a || a->num || i >= a->ptr[row->at + 1] - a->ptr[row->at])
        return false;
    out->s = pz_dict_get(&a->values, a->code[a->ptr[row->at] + i], &out->n);
    return true;
}

double pz_filter_row_number(const struct pz_filter_ctx *ctx, uint32_t column,
                            const struct pz_filter_row *row)
{
    const struct pz_attr *a = attr_of(ctx, column, row);
    struct pz_filter_bytes text;
    double x;

    if (!a)
        return NAN;
    if (a->num)
        return a->num[row->at];
    return row_text(ctx, column, row, 0, &text) &&
                   pz_filter_number(text.s, text.n, ctx->f->column[column].kind == PZ_ATTR_BOOL, &x)
               ? x
               : NAN;
}

static const struct pz_filter_row *row_of(const struct pz_filter_ctx *ctx, uint32_t column,
                                          const struct pz_filter_row *row)
{
    enum pz_filter_area area = ctx->f->column[column].area;

    return area == PZ_AREA_USER ? &ctx->user : area == PZ_AREA_ITEM ? &ctx->item : row;
}

/* ---- sets */
static int by_text(const void *x, const void *y)
{
    const struct pz_filter_bytes *a = x, *b = y;
    int order = memcmp(a->s, b->s, a->n < b->n ? a->n : b->n);

    return order ? order : (a->n > b->n) - (a->n < b->n);
}

static int by_code(const void *x, const void *y)
{
    const uint32_t *a = x, *b = y;

    return (*a > *b) - (*a < *b);
}

static int by_number(const void *x, const void *y)
{
    const double *a = x, *b = y;

    return (*a > *b) - (*a < *b);
}

static bool put_text(struct pz_filter_set *set, struct pz_filter_bytes text)
{
    if (!pz_mem_grow(&set->text, &set->cap_text, set->n_text + 1, sizeof *set->text))
        return false;
    set->text[set->n_text++] = text;
    return true;
}

static bool put_code(struct pz_filter_set *set, uint32_t code)
{
    if (!pz_mem_grow(&set->code, &set->cap_code, set->n_code + 1, sizeof *set->code))
        return false;
    set->code[set->n_code++] = code;
    return true;
}

static bool put_number(struct pz_filter_set *set, double x)
{
    if (isnan(x))
        return true;
    if (!pz_mem_grow(&set->num, &set->cap_num, set->n_num + 1, sizeof *set->num))
        return false;
    set->num[set->n_num++] = x;
    return true;
}

/* The decimal that stood where a float was read: that with the fewest digits behind the point, of
 * up to six; else the float itself. */
static double decimal_of(double x)
{
    for (double places = 1; places <= 1e6; places *= 10) {
        double decimal = round(x * places) / places;

        if (pz_as_float(decimal) == x)
            return decimal;
    }
    return x;
}

static double number_of(const struct pz_filter_ctx *ctx, const struct pz_filter_expr *e,
                        const struct pz_filter_row *row, bool seconds)
{
    double a, b, x;

    switch (e->kind) {
    case PZ_EXPR_NOW:
        return (double)ctx->env->now;
    case PZ_EXPR_REF:
        x = pz_filter_row_number(ctx, e->column, row_of(ctx, e->column, row));
        if (ctx->f->column[e->column].is_float)
            x = decimal_of(x);
        return seconds ? pz_filter_from_unit(ctx->f->column[e->column].unit, x) : x;
    case PZ_EXPR_PLACE: {
        const struct pz_filter_set *given = &ctx->values->given[e->place];

        return given->n_text && pz_filter_number(given->text[0].s, given->text[0].n, false, &x)
                   ? x
                   : NAN;
    }
    case PZ_EXPR_NEGATIVE:
        return -number_of(ctx, e->a, row, seconds);
    case PZ_EXPR_ADD:
    case PZ_EXPR_SUBTRACT:
    case PZ_EXPR_MULTIPLY:
    case PZ_EXPR_DIVIDE:
        a = number_of(ctx, e->a, row, seconds);
        b = number_of(ctx, e->b, row, seconds);
        return e->kind == PZ_EXPR_ADD        ? a + b
               : e->kind == PZ_EXPR_SUBTRACT ? a - b
               : e->kind == PZ_EXPR_MULTIPLY ? a * b
                                             : a / b;
    default:
        return e->num;
    }
}

/* A number as the test's column keeps those that it is compared with. */
static double as_left(const struct pz_filter_ctx *ctx, const struct pz_filter_node *test, double x)
{
    return test->left && pz_filter_left(ctx->f, test)->is_float ? pz_as_float(x) : x;
}

static enum pz_filter_unit left_unit(const struct pz_filter_ctx *ctx,
                                     const struct pz_filter_node *test)
{
    return test->left ? pz_filter_left(ctx->f, test)->unit : PZ_UNIT_OTHER;
}

/* The number to compare a test's column with, in the column's unit; NaN: null. row: for columns of
 * the row itself; NULL: none. */
static double right_number(const struct pz_filter_ctx *ctx, const struct pz_filter_node *test,
                           const struct pz_filter_expr *e, const struct pz_filter_row *row)
{
    bool is_time = pz_filter_is_time(e);
    double x = number_of(ctx, e, row, is_time);

    if (is_time)
        x = pz_filter_to_unit(left_unit(ctx, test), x);
    else if (e->kind == PZ_EXPR_NUMBER)
        x = pz_filter_plain_number(left_unit(ctx, test), x);
    return as_left(ctx, test, x);
}

static bool is_star(const struct pz_filter_node *test, struct pz_filter_bytes text)
{
    return test->op == PZ_OP_ANY && text.n == 1 && *text.s == '*';
}

static bool fill_texts(const struct pz_filter_ctx *ctx, const struct pz_filter_node *test,
                       const struct pz_filter_expr *e, struct pz_filter_set *set)
{
    struct pz_filter_bytes text = { e->text, e->text ? strlen(e->text) : 0 };
    bool good = true;

    if (e->kind == PZ_EXPR_PLACE) {
        const struct pz_filter_set *given = &ctx->values->given[e->place];

        for (size_t i = 0; i < given->n_text && good; i++) {
            set->any |= is_star(test, given->text[i]);
            good = put_text(set, given->text[i]);
        }
        return good;
    }
    if (e->kind == PZ_EXPR_REF) {
        for (size_t i = 0; good && row_text(ctx, e->column, row_of(ctx, e->column, NULL), i, &text);
             i++)
            good = put_text(set, text);
        return good;
    }
    set->any |= e->kind == PZ_EXPR_TEXT && is_star(test, text);
    return put_text(set, text);
}

static bool fill_numbers(const struct pz_filter_ctx *ctx, const struct pz_filter_node *test,
                         const struct pz_filter_expr *e, bool truth, struct pz_filter_set *set)
{
    const struct pz_filter_set *given;
    bool good = true;

    if (e->kind == PZ_EXPR_TEXT) { /* only "*" is still a text */
        set->any = true;
        return true;
    }
    if (e->kind != PZ_EXPR_PLACE)
        return put_number(set, right_number(ctx, test, e, NULL));
    given = &ctx->values->given[e->place];
    for (size_t i = 0; i < given->n_text && good; i++) {
        double x = NAN;

        set->any |= is_star(test, given->text[i]);
        if (!truth && pz_filter_time(given->text[i].s, given->text[i].n, &x))
            x = pz_filter_to_unit(left_unit(ctx, test), x);
        else if (pz_filter_number(given->text[i].s, given->text[i].n, truth, &x))
            x = pz_filter_plain_number(left_unit(ctx, test), x);
        else
            x = NAN;
        good = put_number(set, as_left(ctx, test, x));
    }
    return good;
}

/* The indices of event types that are in the set, without regard to case. */
static bool fill_types(const struct pz_dict *types, struct pz_filter_set *set)
{
    bool good = true;

    for (uint32_t e = 0; e < types->n && good; e++) {
        size_t n;
        const char *s = pz_dict_get(types, e, &n);

        for (size_t i = 0; i < set->n_text && good; i++)
            if (pz_str_same_word(set->text[i].s, set->text[i].n, s, n)) {
                good = put_code(set, e);
                break;
            }
    }
    return good;
}

static bool fill_codes(const struct pz_filter *f, const struct pz_filter_column *col,
                       struct pz_filter_set *set)
{
    const struct pz_dict *dict = col->what == PZ_WHAT_ID
                                     ? (col->of_users ? &f->m->users : &f->m->items)
                                 : col->attr ? &col->attr->values
                                             : NULL;
    size_t n = 0;
    bool good = true;

    if (set->n_text > 1)
        qsort(set->text, set->n_text, sizeof *set->text, by_text);
    for (size_t i = 0; i < set->n_text; i++)
        if (n == 0 || by_text(&set->text[n - 1], &set->text[i]) != 0)
            set->text[n++] = set->text[i];
    /* Sorted and without repeats: looked up by bisection, and counted for HAS ALL. */
    set->n_text = n;
    if (col->what == PZ_WHAT_TYPE)
        return fill_types(&f->m->events, set);
    for (size_t i = 0; i < n && dict && good; i++) {
        uint32_t code = pz_dict_find(dict, set->text[i].s, set->text[i].n);

        if (code != PZ_NONE)
            good = put_code(set, code); /* ascending, as the texts are; only ids of a tail are not,
                                           and none searches ids */
    }
    return good;
}

enum pz_status pz_filter_set_fill(const struct pz_filter_ctx *ctx,
                                  const struct pz_filter_node *test, struct pz_filter_set *set,
                                  struct pz_err *err)
{
    const struct pz_filter_column *col = test->left ? pz_filter_left(ctx->f, test) : NULL;
    bool number = !col || pz_filter_is_number(col), good = true;

    set->any = false;
    set->n_text = set->n_code = set->n_num = 0;
    for (const struct pz_filter_expr *e = test->right; e && good && !test->by_row; e = e->next)
        good = number ? fill_numbers(ctx, test, e, col && col->kind == PZ_ATTR_BOOL, set)
                      : fill_texts(ctx, test, e, set);
    if (good && number && set->n_num > 1)
        qsort(set->num, set->n_num, sizeof *set->num, by_number);
    if (good && !number)
        good = fill_codes(ctx->f, col, set);
    return good ? PZ_OK : pz_err_memory(err, "filter values", 16.0 * (double)set->n_text);
}

void pz_filter_set_clear(struct pz_filter_set *set)
{
    free(set->text);
    free(set->code);
    free(set->num);
    memset(set, 0, sizeof *set);
}

bool pz_filter_set_has_text(const struct pz_filter_set *set, const char *s, size_t n)
{
    struct pz_filter_bytes text = { s, n };

    return set->n_text && bsearch(&text, set->text, set->n_text, sizeof text, by_text);
}

bool pz_filter_set_has_number(const struct pz_filter_node *test, const struct pz_filter_set *set,
                              double x)
{
    if (isnan(x))
        return false;
    if (test->op == PZ_OP_ANY)
        /* Equality of doubles is meant: both sides are decimals that were read by the same function
         * and, where the column keeps floats, rounded alike. */
        return set->any || (set->n_num && bsearch(&x, set->num, set->n_num, sizeof x, by_number));
    /* A comparison with null is false, also when it is negated on the other side: null is not
     * "greater". */
    if (set->n_num == 0)
        return false;
    return test->op == PZ_OP_LESS         ? x < set->num[0]
           : test->op == PZ_OP_LESS_EQUAL ? x <= set->num[0]
           : test->op == PZ_OP_GREATER    ? x > set->num[0]
                                          : x >= set->num[0];
}

static bool has_code(const struct pz_filter_set *set, uint32_t code)
{
    /* Up to about eight, a loop without surprises for the branch predictor is quicker than a
     * bisection. */
    if (set->n_code > 8)
        return bsearch(&code, set->code, set->n_code, sizeof code, by_code) != NULL;
    for (size_t i = 0; i < set->n_code; i++)
        if (set->code[i] == code)
            return true;
    return false;
}

/* From counts: how many of the row's values are in the set, how many of the set's the row has. */
static bool decide(enum pz_filter_op op, size_t n_row, size_t n_in, size_t n_set, size_t n_had)
{
    bool all = n_set > 0 && n_had == n_set, only = n_row > 0 && n_in == n_row;

    return op == PZ_OP_ANY    ? n_in > 0
           : op == PZ_OP_ALL  ? all
           : op == PZ_OP_ONLY ? only
                              : all && only;
}

/* Of the n first codes, those before i that are equal to the i-th. */
static bool came_before(const uint32_t *code, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (code[k] == code[i])
            return true;
    return false;
}

bool pz_filter_set_has_codes(const struct pz_filter_node *test, const struct pz_filter_set *set,
                             const uint32_t *code, size_t n)
{
    size_t n_in = 0, n_had = 0;

    if (test->op == PZ_OP_NULL)
        return n == 0;
    if (set->any)
        return n > 0;
    for (size_t i = 0; i < n; i++)
        if (has_code(set, code[i])) {
            if (test->op == PZ_OP_ANY)
                return true;
            n_in++;
            /* HAS ALL asks for different values: a list that names one of them twice has it once.
             */
            n_had += !came_before(code, i);
        }
    return decide(test->op, n, n_in, set->n_text, n_had);
}

/* By texts: for values whose dictionary is not the column's. */
bool pz_filter_set_has_texts(const struct pz_filter_node *test, const struct pz_filter_set *set,
                             pz_filter_bytes_fn *text, const void *from, size_t n)
{
    size_t n_in = 0, n_had = 0;

    for (size_t i = 0; i < n; i++) {
        struct pz_filter_bytes one = text(from, i);
        bool again = false;

        if (!pz_filter_set_has_text(set, one.s, one.n))
            continue;
        n_in++;
        for (size_t k = 0; k < i && !again; k++) {
            struct pz_filter_bytes before = text(from, k);

            again = by_text(&before, &one) == 0;
        }
        n_had += !again;
    }
    if (test->op == PZ_OP_NULL)
        return n == 0;
    return set->any ? n > 0 : decide(test->op, n, n_in, set->n_text, n_had);
}

struct cell {
    const struct pz_filter_ctx *ctx;
    uint32_t column;
    const struct pz_filter_row *row;
};

static struct pz_filter_bytes cell_text(const void *from, size_t i)
{
    const struct cell *c = from;
    struct pz_filter_bytes text = { "", 0 };

    row_text(c->ctx, c->column, c->row, i, &text);
    return text;
}

static bool has_texts(const struct pz_filter_ctx *ctx, const struct pz_filter_node *test,
                      const struct pz_filter_set *set, const struct pz_filter_row *row)
{
    struct cell c = { ctx, test->left->column, row };
    struct pz_filter_bytes text;
    size_t n = 0;

    while (row_text(ctx, c.column, row, n, &text))
        n++;
    return pz_filter_set_has_texts(test, set, cell_text, &c, n);
}

bool pz_filter_row_passes(const struct pz_filter_ctx *ctx, const struct pz_filter_node *test,
                          const struct pz_filter_set *set, const struct pz_filter_row *row)
{
    const struct pz_filter_column *col = pz_filter_left(ctx->f, test);
    const struct pz_filter_row *mine = row_of(ctx, test->left->column, row);
    bool passes;

    if (!pz_filter_is_number(col)) {
        passes = has_texts(ctx, test, set, mine);
    } else {
        double x = pz_filter_row_number(ctx, test->left->column, mine);

        if (test->op == PZ_OP_NULL) {
            passes = isnan(x);
        } else if (test->by_row) {
            double right = right_number(ctx, test, test->right, row);
            struct pz_filter_set one = { .num = &right, .n_num = (size_t)!isnan(right) };

            passes = pz_filter_set_has_number(test, &one, x);
        } else {
            passes = pz_filter_set_has_number(test, set, x);
        }
    }
    return passes != test->negated;
}

const struct pz_filter_set *pz_filter_set_of(const struct pz_filter_ctx *ctx,
                                             const struct pz_filter_node *test)
{
    return test->when == PZ_WHEN_COMPILED ? &ctx->f->set[test->id]
           : test->when == PZ_WHEN_BOUND  ? &ctx->values->set[test->id]
                                          : &ctx->work->set[test->id];
}
