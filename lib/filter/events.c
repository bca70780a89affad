/* SPDX-License-Identifier: Apache-2.0 */
/* Filter expressions, interactions: all that a user did, of the model, live and inline, against
 * the tests inside a COUNT, one interaction after the other.
 *
 * The model's interactions come before the live and inline ones, rows that stand for several last.
 * Which items live events are of is looked up once a query, by whoever asks; properties are parsed
 * only for filters that ask for them. COUNT(...) >= 1 needs no counting: it ends with the first
 * interaction that fits. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/number.h"
#include "base/str.h"
#include "filter/eval.h"

struct event {
    uint32_t item; /* PZ_NONE: the model lacks it */
    const char *id;
    int64_t time;
    double value;
    bool old; /* of the model: row is its interaction, type its code */
    uint64_t row;
    uint32_t type;
    const char *type_name; /* of a live one; NULL: none */
    const json_t *props;   /* of a live one; NULL: none */
    uint32_t times;        /* how many events it is */
};

/* The properties of live events that tests of other columns of Interactions ask for. */
static bool parse_properties(struct pz_filter_ctx *ctx)
{
    struct pz_filter_work *work = ctx->work;
    const struct pz_live *live = ctx->env->live;

    if (!ctx->f->uses_context || !live || live->n_events == 0)
        return true;
    if (!pz_mem_grow(&work->props, &work->cap_props, live->n_events, sizeof *work->props))
        return false;
    for (; work->n_props < live->n_events; work->n_props++) {
        const char *text = live->event[work->n_props].properties;

        work->props[work->n_props] = NULL;
        if (text)
            pz_json_parse(text, strlen(text), "properties", &work->props[work->n_props], NULL);
    }
    return true;
}

void pz_filter_events_release(struct pz_filter_work *work)
{
    while (work->n_props > 0)
        json_decref(work->props[--work->n_props]);
}

/* ---- what a filter asks of events ---- */

/* What of an event, beside its type and whether it has a value, a condition looks at. Where it is
 * only whether it is late, the latest of several answers for all; likewise early, large, small. */
enum { BY_LATE = 1, BY_LARGE = 2, BY_EARLY = 4, BY_SMALL = 8, BY_MORE = 16, BY_ITEM = 32 };

static unsigned looks_at(const struct pz_filter *f, const struct pz_filter_node *n, bool negated)
{
    const struct pz_filter_column *col;
    unsigned all = 0;
    bool more, less;

    if (!n)
        return 0;
    if (n->kind != PZ_NODE_TEST) {
        for (const struct pz_filter_node *c = n->child; c; c = c->next)
            all |= looks_at(f, c, negated != (n->kind == PZ_NODE_NOT));
        return all;
    }
    negated = negated != n->negated;
    more = n->op == PZ_OP_GREATER || n->op == PZ_OP_GREATER_EQUAL;
    less = n->op == PZ_OP_LESS || n->op == PZ_OP_LESS_EQUAL;
    col = pz_filter_left(f, n);
    if (col->what == PZ_WHAT_TYPE || (col->what == PZ_WHAT_VALUE && n->op == PZ_OP_NULL))
        return 0;
    if (col->what == PZ_WHAT_ID)
        return BY_ITEM;
    if (col->what == PZ_WHAT_ATTR || (!more && !less))
        return BY_MORE;
    if (col->what == PZ_WHAT_TIME)
        return more != negated ? BY_LATE : BY_EARLY;
    return more != negated ? BY_LARGE : BY_SMALL;
}

/* COUNT(...) >= 1, as tests of Interactions are: needs no counting. */
static bool is_any(const struct pz_filter *f, const struct pz_filter_node *n)
{
    const struct pz_filter_set *set = &f->set[n->id];

    return n->op == PZ_OP_GREATER_EQUAL && n->when == PZ_WHEN_COMPILED && set->n_num == 1 &&
           set->num[0] == 1;
}

enum pz_live_detail pz_filter_detail(const struct pz_filter *f)
{
    unsigned detail = PZ_LIVE_KINDS;

    for (size_t i = 0; i < f->n_tests; i++) {
        const struct pz_filter_node *n = f->test[i];
        unsigned by = n->kind == PZ_NODE_COUNT ? looks_at(f, n->child, false) & (BY_ITEM - 1U) : 0;
        bool counts = n->kind == PZ_NODE_COUNT && !is_any(f, n);

        detail |= counts ? PZ_LIVE_COUNTS : PZ_LIVE_KINDS;
        if (by == BY_EARLY || by == BY_SMALL)
            detail |= PZ_LIVE_ENDS;
        else if (by == (BY_LATE | BY_LARGE))
            detail |= PZ_LIVE_PAIRS;
        else if (by != 0 && by != BY_LATE && by != BY_LARGE)
            detail |= PZ_LIVE_EACH;
        if (by != 0 && counts)
            detail |= PZ_LIVE_EACH;
    }
    return (enum pz_live_detail)detail;
}

enum pz_status pz_filter_events_prepare(struct pz_filter_ctx *ctx, struct pz_err *err)
{
    const struct pz_filter_env *env = ctx->env;
    const struct pz_dict *items = &ctx->f->m->items;
    struct pz_filter_work *work = ctx->work;
    size_t n_live = env->live ? env->live->n_events : 0, n = n_live + env->n_history;
    bool counts = false;

    for (size_t i = 0; i < ctx->f->n_tests; i++)
        counts |= ctx->f->test[i]->kind == PZ_NODE_COUNT && !is_any(ctx->f, ctx->f->test[i]);
    if (counts && work->cap_count < items->n) {
        free(work->count);
        work->count = pz_mem_array(items->n, sizeof *work->count);
        work->cap_count = work->count ? items->n : 0;
    }
    if ((counts && work->cap_count < items->n) || !parse_properties(ctx) ||
        !pz_mem_grow(&work->live_item, &work->cap_live, n, sizeof *work->live_item))
        return pz_err_memory(err, "a filter", 4.0 * items->n);
    for (size_t i = 0; i < n; i++) {
        const char *id = i < n_live ? env->live->event[i].item_id : env->history[i - n_live];

        if (i < n_live && env->live_item)
            work->live_item[i] = env->live_item[i];
        else
            work->live_item[i] = id ? pz_dict_find_str(items, id) : PZ_NONE;
    }
    return PZ_OK;
}

/* A row that stands for several live events, as that of them by which it is decided. */
static struct event event_of_row(const struct pz_live_run *run, size_t i, unsigned by)
{
    const struct pz_live_fact *fact = &run->fact[i];
    bool early = by == BY_EARLY;

    return (struct event){ .item = pz_live_row_item(run, i),
                           .id = run->item_id[run->ref[i]],
                           .time = early ? fact->time - fact->before : fact->time,
                           .value = run->value ? pz_as_float(run->value[i][by == BY_SMALL]) : NAN,
                           .type = PZ_NONE,
                           .type_name = run->event_type,
                           .times = fact->times };
}

/* The i-th interaction of a user that is not of such rows, the model's before the live and inline
 * ones; false: no more. */
static bool get_event(const struct pz_filter_ctx *ctx, uint32_t user, uint64_t i, struct event *e)
{
    const struct pz_model *m = ctx->f->m;
    uint64_t n_old = user == PZ_NONE ? 0 : m->ptr[user + 1] - m->ptr[user];
    const struct pz_filter_env *env = ctx->env;
    size_t n_live = env->live ? env->live->n_events : 0;

    if (i < n_old) {
        uint64_t p = m->ptr[user] + i;

        *e = (struct event){ .item = m->item[p],
                             .time = m->time[p],
                             .value = m->value ? (double)m->value[p] : NAN,
                             .old = true,
                             .row = p,
                             .type = m->event ? m->event[p] : PZ_NONE,
                             .times = 1 };
        return true;
    }
    i -= n_old;
    if (ctx->f->of_users || i >= n_live + env->n_history)
        return false;
    *e = (struct event){
        .item = ctx->work->live_item[i], .time = env->now, .value = NAN, .type = PZ_NONE, .times = 1
    };
    if (i < n_live) {
        const struct pz_live_event *live = &env->live->event[i];

        e->id = live->item_id;
        e->time = live->time;
        e->value = pz_as_float(live->value);
        e->type_name = live->event_type;
        e->props = i < ctx->work->n_props ? ctx->work->props[i] : NULL;
    } else {
        e->id = env->history[i - n_live];
    }
    return true;
}

static bool type_passes(const struct pz_filter_node *test, const struct pz_filter_set *set,
                        const struct event *e)
{
    if (test->op == PZ_OP_NULL)
        return e->type == PZ_NONE && !e->type_name;
    if (set->any)
        return true;
    if (e->old)
        return pz_filter_set_has_codes(test, set, &e->type, e->type != PZ_NONE);
    for (size_t i = 0; e->type_name && i < set->n_text; i++)
        if (pz_str_same_word(e->type_name, strlen(e->type_name), set->text[i].s, set->text[i].n))
            return true;
    return false;
}

static bool id_passes(const struct pz_filter_node *test, const struct pz_filter_set *set,
                      const struct event *e)
{
    if (test->op == PZ_OP_NULL)
        return false;
    return set->any ||
           (e->item != PZ_NONE ? pz_filter_set_has_codes(test, set, &e->item, 1)
                               : e->id && pz_filter_set_has_text(set, e->id, strlen(e->id)));
}

static struct pz_filter_bytes text_part(const void *from, size_t i)
{
    const char *s = from;
    struct pz_filter_bytes part;

    while (i-- > 0)
        s += strcspn(s, "|") + 1;
    part = (struct pz_filter_bytes){ s, strcspn(s, "|") };
    pz_str_trim(&part.s, &part.n);
    return part;
}

static struct pz_filter_bytes whole_text(const void *from, size_t i)
{
    const char *s = from;

    (void)i;
    return (struct pz_filter_bytes){ s, strlen(s) };
}

/* The value of a column in a live event's properties, whose names may be written in another way. */
static const json_t *find_property(const json_t *props, const char *name)
{
    const char *key;
    json_t *value;

    json_object_foreach (pz_json_lend(props), key, value) {
        if (pz_str_same_name(key, name))
            return value;
    }
    return NULL;
}

static bool property_passes(const struct pz_filter_column *col, const struct pz_filter_node *test,
                            const struct pz_filter_set *set, const json_t *value)
{
    const char *text = json_string_value(value);
    char digits[32];
    double x = json_is_boolean(value)  ? json_is_true(value)
               : json_is_number(value) ? json_number_value(value)
                                       : NAN;
    size_t n = 0;

    if (pz_filter_is_number(col)) {
        if (text && !pz_filter_number(text, strlen(text), col->kind == PZ_ATTR_BOOL, &x))
            x = NAN;
        if (col->is_float)
            x = pz_as_float(x);
        return test->op == PZ_OP_NULL ? isnan(x) : pz_filter_set_has_number(test, set, x);
    }
    if (!text && !isnan(x)) {
        snprintf(digits, sizeof digits, "%.15g", x);
        text = digits;
    }
    n = text && *text ? 1 : 0;
    for (const char *s = text; n > 0 && *s && col->kind == PZ_ATTR_CATEGORY; s++)
        n += *s == '|';
    return pz_filter_set_has_texts(test, set,
                                   col->kind == PZ_ATTR_CATEGORY ? text_part : whole_text, text, n);
}

/* A column of Interactions beside the reserved ones. */
static bool context_passes(const struct pz_filter_column *col, const struct pz_filter_node *test,
                           const struct pz_filter_set *set, const struct event *e)
{
    const struct pz_attr *a = col->attr;

    if (!e->old)
        return property_passes(col, test, set, find_property(e->props, a->name));
    if (!a->num)
        return pz_filter_set_has_codes(test, set, a->code + a->ptr[e->row],
                                       (size_t)(a->ptr[e->row + 1] - a->ptr[e->row]));
    return test->op == PZ_OP_NULL ? isnan(a->num[e->row])
                                  : pz_filter_set_has_number(test, set, a->num[e->row]);
}

static bool event_passes(const struct pz_filter_ctx *ctx, const struct pz_filter_node *n,
                         const struct event *e)
{
    const struct pz_filter_set *set;
    const struct pz_filter_column *col;
    double x;
    bool is_and = n->kind == PZ_NODE_AND, passes;

    if (n->kind == PZ_NODE_NOT)
        return !event_passes(ctx, n->child, e);
    if (n->kind != PZ_NODE_TEST) {
        for (const struct pz_filter_node *child = n->child; child; child = child->next)
            if (event_passes(ctx, child, e) != is_and)
                return !is_and;
        return is_and;
    }
    col = pz_filter_left(ctx->f, n);
    set = pz_filter_set_of(ctx, n);
    x = col->what == PZ_WHAT_TIME ? (double)e->time : e->value;
    switch (col->what) {
    case PZ_WHAT_TYPE:
        passes = type_passes(n, set, e);
        break;
    case PZ_WHAT_ID:
        passes = id_passes(n, set, e);
        break;
    case PZ_WHAT_ATTR:
        passes = context_passes(col, n, set, e);
        break;
    default:
        passes = n->op == PZ_OP_NULL ? isnan(x) : pz_filter_set_has_number(n, set, x);
    }
    return passes != n->negated;
}

bool pz_filter_events_enough(const struct pz_filter_ctx *ctx, const struct pz_filter_node *n,
                             uint64_t count)
{
    return pz_filter_set_has_number(n, pz_filter_set_of(ctx, n), (double)count) != n->negated;
}

/* ---- all that pass ---- */

/* Of an event that passes: its item, PZ_NONE: none, and how many events it is. */
typedef void event_fn(void *context, uint32_t item, uint32_t times);

/* Rows that stand for several events, and their first one. */
struct rows {
    const struct pz_live_run *run;
    struct event first;
    unsigned by; /* what the whole condition looks at */
};

/* What of a condition is to be asked of each row: where they are alike to a part of it, that is
 * asked once. NULL: nothing is, and *passes is the answer for all. */
static const struct pz_filter_node *undecided(const struct pz_filter_ctx *ctx,
                                              const struct pz_filter_node *n,
                                              const struct rows *rows, bool *passes)
{
    unsigned by = looks_at(ctx->f, n, false);
    bool once = rows->run->value ? by == 0 : (by & (BY_LATE | BY_EARLY | BY_MORE | BY_ITEM)) == 0;
    bool is_and = n->kind == PZ_NODE_AND;
    const struct pz_filter_node *left = NULL;

    if (once) {
        *passes = event_passes(ctx, n, &rows->first);
        return NULL;
    }
    if (n->kind == PZ_NODE_TEST || n->kind == PZ_NODE_NOT)
        return n;
    for (const struct pz_filter_node *child = n->child; child; child = child->next) {
        const struct pz_filter_node *more = undecided(ctx, child, rows, passes);

        if (!more && *passes != is_and)
            return NULL;
        if (more && left)
            return n;
        left = more ? more : left;
    }
    return left;
}

/* Whether a condition is that times lie between two bounds, or not between them. */
static bool is_of_time(const struct pz_filter_ctx *ctx, const struct pz_filter_node *n,
                       double bound[2])
{
    const struct pz_filter_set *set;

    if (n->kind != PZ_NODE_TEST || pz_filter_left(ctx->f, n)->what != PZ_WHAT_TIME ||
        n->op < PZ_OP_LESS || n->op > PZ_OP_GREATER_EQUAL)
        return false;
    set = pz_filter_set_of(ctx, n);
    bound[0] = set->n_num > 0 ? -INFINITY : INFINITY; /* without a number none passes */
    bound[1] = -bound[0];
    if (set->n_num == 0)
        return true;
    if (n->op == PZ_OP_LESS || n->op == PZ_OP_LESS_EQUAL)
        bound[1] = n->op == PZ_OP_LESS ? nextafter(set->num[0], -INFINITY) : set->num[0];
    else
        bound[0] = n->op == PZ_OP_GREATER ? nextafter(set->num[0], INFINITY) : set->num[0];
    return true;
}

/* Call fn for the rows that pass a test of times: quicker than event_passes() says so. */
static void each_in_time(const struct rows *rows, const double bound[2], bool negated, event_fn *fn,
                         void *context)
{
    const struct pz_live_fact *fact = rows->run->fact;
    double least = bound[0], most = bound[1];
    bool early = rows->by == BY_EARLY;

    for (size_t i = 0, n = rows->run->n; i < n; i++) {
        double time = (double)(early ? fact[i].time - fact[i].before : fact[i].time);

        if ((time >= least && time <= most) != negated)
            fn(context, pz_live_row_item(rows->run, i), rows->run->fact[i].times);
    }
}

/* Call fn for what passes of the rows of a run. */
static void each_of_run(const struct pz_filter_ctx *ctx, const struct pz_filter_node *where,
                        const struct rows *rows, event_fn *fn, void *context)
{
    bool passes = true;
    const struct pz_filter_node *asked = where ? undecided(ctx, where, rows, &passes) : NULL;
    double bound[2];

    if (asked && is_of_time(ctx, asked, bound)) {
        each_in_time(rows, bound, asked->negated, fn, context);
        return;
    }
    for (size_t i = 0; i < rows->run->n && (asked || passes); i++) {
        struct event e;

        if (asked)
            e = event_of_row(rows->run, i, rows->by);
        if (!asked || event_passes(ctx, asked, &e))
            fn(context, pz_live_row_item(rows->run, i), rows->run->fact[i].times);
    }
}

/* Call fn for what passes of the rows that stand for several events. */
static void each_row(const struct pz_filter_ctx *ctx, const struct pz_filter_node *where,
                     event_fn *fn, void *context)
{
    struct rows rows = { .run = ctx->env->live ? ctx->env->live->run : NULL,
                         .by = looks_at(ctx->f, where, false) & (BY_ITEM - 1U) };

    for (; rows.run; rows.run = rows.run->next)
        if (rows.run->n > 0) {
            rows.first = event_of_row(rows.run, 0, rows.by);
            each_of_run(ctx, where, &rows, fn, context);
        }
}

/* Call fn for every interaction of a user that passes. where: NULL: all do */
static void each_passing(const struct pz_filter_ctx *ctx, const struct pz_filter_node *where,
                         uint32_t user, event_fn *fn, void *context)
{
    struct event e;

    for (uint64_t i = 0; get_event(ctx, user, i, &e); i++)
        if (!where || event_passes(ctx, where, &e))
            fn(context, e.item, e.times);
    if (!ctx->f->of_users)
        each_row(ctx, where, fn, context);
}

static void add_times(void *context, uint32_t item, uint32_t times)
{
    (void)item;
    *(uint64_t *)context += times;
}

uint64_t pz_filter_events_count(const struct pz_filter_ctx *ctx, const struct pz_filter_node *n,
                                uint32_t user)
{
    uint64_t count = 0;

    each_passing(ctx, n->child, user, add_times, &count);
    return count;
}

struct items {
    const struct pz_filter_ctx *ctx;
    const struct pz_filter_node *n;
    uint64_t *words;
};

static void put_item(void *context, uint32_t item, uint32_t times)
{
    const struct items *to = context;

    (void)times;
    if (item != PZ_NONE)
        pz_bits_add(to->words, item);
}

static void count_item(void *context, uint32_t item, uint32_t times)
{
    const struct items *to = context;

    if (item != PZ_NONE)
        to->ctx->work->count[item] += times;
}

/* What was counted of an item decides, and is zero again. */
static void settle_item(void *context, uint32_t item, uint32_t times)
{
    const struct items *to = context;
    uint32_t *count = item != PZ_NONE ? &to->ctx->work->count[item] : NULL;

    (void)times;
    if (!count || *count == 0)
        return;
    pz_bits_put(to->words, item, pz_filter_events_enough(to->ctx, to->n, *count));
    *count = 0;
}

void pz_filter_events_items(const struct pz_filter_ctx *ctx, const struct pz_filter_node *n,
                            uint64_t *words)
{
    struct items to = { ctx, n, words };
    bool any = is_any(ctx->f, n);

    pz_bits_fill(words, ctx->n_rows, pz_filter_events_enough(ctx, n, 0));
    each_passing(ctx, n->child, ctx->user_index, any ? put_item : count_item, &to);
    if (!any)
        each_passing(ctx, NULL, ctx->user_index, settle_item, &to);
}
