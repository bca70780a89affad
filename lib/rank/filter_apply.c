/* SPDX-License-Identifier: Apache-2.0 */
/* Filter expressions, one query: the tree is walked once with whole bitsets of rows.
 *
 *   1. who asks and about what: his row and the current item's (the overlay's before the model's), and the
 *      model's indices of the items in live events
 *   2. right sides that come with the query
 *   3. each clause whose IF holds: tests of rows are bitsets (compiled, cached or scanned now), with the
 *      overlay's rows decided one by one; counts go over the user's interactions
 *   4. what no INCLUDE covers, when one acts, and what an EXCLUDE covers is cleared */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "rank/filter_eval.h"

struct pz_filter_work *pz_filter_work_new(void)
{
    return calloc(1, sizeof(struct pz_filter_work));
}

void pz_filter_work_free(struct pz_filter_work *work)
{
    if (!work)
        return;
    for (size_t i = 0; i < work->cap_set; i++)
        pz_fset_clear(&work->set[i]);
    free(work->words);
    free(work->count);
    free(work->set);
    free(work->over);
    free(work->row);
    free(work->live_item);
    free(work->held);
    free(work);
}

/* ---- 1. rows */
static struct pz_frow find_row(const struct pz_overlay *over, const struct pz_dict *dict, bool forgotten,
                               const char *id)
{
    struct pz_frow row = { .id = id };
    uint32_t at = over && id ? pz_dict_find_str(&over->ids, id) : PZ_NONE;

    row.known = row.live = at != PZ_NONE;
    if (at == PZ_NONE && id && !forgotten) {
        at = pz_dict_find_str(dict, id);
        row.known = at != PZ_NONE;
    }
    row.at = row.known ? at : 0;
    return row;
}

static bool find_overlay(struct pz_fctx *ctx, const struct pz_live *live)
{
    const struct pz_filter *f = ctx->f;
    struct pz_filter_work *work = ctx->work;
    const struct pz_overlay *over = f->of_users ? live->users : live->items;
    const struct pz_dict *dict = f->of_users ? &f->m->users : &f->m->items;

    if (!live->users && !live->items)
        return true;
    if (!pz_mem_grow(&work->over, &work->cap_over, f->n_columns, sizeof *work->over))
        return false;
    for (size_t i = 0; i < f->n_columns; i++) {
        const struct pz_fcolumn *col = &f->column[i];
        const struct pz_overlay *of = col->of_users ? live->users : live->items;

        work->over[i] = of && col->what == PZ_FWHAT_ATTR ? pz_attrs_find(&of->attrs, col->name) : NULL;
    }
    if (!over || over->ids.n == 0)
        return true;
    ctx->over = over;
    ctx->over_row = over->row;
    if (over->row)
        return true;
    if (!pz_mem_grow(&work->row, &work->cap_row, over->ids.n, sizeof *work->row))
        return false;
    for (uint32_t i = 0; i < over->ids.n; i++) {
        size_t n;
        const char *id = pz_dict_get(&over->ids, i, &n);

        work->row[i] = pz_dict_find(dict, id, n);
    }
    ctx->over_row = work->row;
    return true;
}

static bool find_live_items(struct pz_fctx *ctx)
{
    const struct pz_filter_env *env = ctx->env;
    struct pz_filter_work *work = ctx->work;
    size_t n_live = env->live ? env->live->n_events : 0, n = n_live + env->n_history;

    if (!pz_mem_grow(&work->live_item, &work->cap_live, n, sizeof *work->live_item))
        return false;
    for (size_t i = 0; i < n; i++) {
        const char *id = i < n_live ? env->live->event[i].item_id : env->history[i - n_live];

        work->live_item[i] = id ? pz_dict_find_str(&ctx->f->m->items, id) : PZ_NONE;
    }
    return true;
}

/* ---- 2. right sides */
static bool grow_sets(struct pz_filter_work *work, size_t n)
{
    size_t had = work->cap_set;

    if (!pz_mem_grow(&work->set, &work->cap_set, n, sizeof *work->set))
        return false;
    if (work->cap_set > had)
        memset(work->set + had, 0, (work->cap_set - had) * sizeof *work->set);
    return true;
}

static const struct pz_fset *right_of(const struct pz_fctx *ctx, const struct pz_fnode *test)
{
    return test->when == PZ_FWHEN_COMPILED ? &ctx->f->set[test->id]
           : test->when == PZ_FWHEN_BOUND  ? &ctx->values->set[test->id]
                                           : &ctx->work->set[test->id];
}


static enum pz_status prepare(struct pz_fctx *ctx, struct pz_err *err)
{
    const struct pz_filter *f = ctx->f;
    const struct pz_filter_env *env = ctx->env;
    const struct pz_live *live = env->live;
    bool forgotten = live && live->forgotten;
    struct pz_filter_work *work = ctx->work;
    size_t n_rows = f->of_users ? f->m->users.n : f->m->items.n;
    enum pz_status st = PZ_OK;

    ctx->n_words = (n_rows + 63) / 64;
    if (f->uses_item && !env->item_id)
        return pz_err_set(err, PZ_USAGE, "the filter speaks of CurrentItem, and no item is asked for");
    if (f->n_places && !ctx->values)
        return pz_err_set(err, PZ_USAGE, "the filter has placeholders, and no values are bound");
    if (!pz_mem_grow(&work->words, &work->cap_words, (f->depth + 1) * ctx->n_words, sizeof *work->words) ||
        (live && !find_overlay(ctx, live)) || (f->uses_events && !find_live_items(ctx)) ||
        !grow_sets(work, f->n_tests))
        return pz_err_memory(err, "a filter", 8.0 * (double)((f->depth + 1) * ctx->n_words));
    if (f->counts && work->cap_count < f->m->items.n) {
        free(work->count);
        work->count = pz_mem_array(f->m->items.n, sizeof *work->count);
        work->cap_count = work->count ? f->m->items.n : 0;
        if (!work->count)
            return pz_err_memory(err, "a filter", 4.0 * (double)f->m->items.n);
    }
    ctx->user_index = env->user_id && !forgotten && f->uses_events
                          ? pz_dict_find_str(&f->m->users, env->user_id)
                          : PZ_NONE;
    if (f->uses_user)
        ctx->user = find_row(live ? live->users : NULL, &f->m->users, forgotten, env->user_id);
    if (f->uses_item)
        ctx->item = find_row(live ? live->items : NULL, &f->m->items, false, env->item_id);
    for (size_t i = 0; i < f->n_tests && st == PZ_OK; i++)
        if (f->test[i]->when == PZ_FWHEN_ASKED)
            st = pz_fset_fill(ctx, f->test[i], &work->set[i], err);
    return st;
}

/* ---- interactions */
struct event {
    uint32_t item; /* PZ_NONE: the model lacks it */
    const char *id;
    int64_t time;
    double value;
    bool old;      /* of the model: row is its interaction, type its code */
    uint64_t row;
    uint32_t type;
    const char *type_name; /* of a live one; NULL: none */
};

/* The i-th interaction of a user, the model's before the live and inline ones; false: no more. */
static bool get_event(const struct pz_fctx *ctx, uint32_t user, uint64_t i, struct event *e)
{
    const struct pz_model *m = ctx->f->m;
    uint64_t n_old = user == PZ_NONE ? 0 : m->ptr[user + 1] - m->ptr[user];
    const struct pz_filter_env *env = ctx->env;
    size_t n_live = env->live ? env->live->n_events : 0;

    if (i < n_old) {
        uint64_t p = m->ptr[user] + i;

        *e = (struct event){ m->item[p], NULL, m->time[p], m->value ? (double)m->value[p] : NAN, true, p,
                             m->event ? m->event[p] : PZ_NONE, NULL };
        return true;
    }
    i -= n_old;
    if (ctx->f->of_users || i >= n_live + env->n_history)
        return false;
    *e = (struct event){ .item = ctx->work->live_item[i], .time = env->now, .value = NAN, .type = PZ_NONE };
    if (i < n_live) {
        const struct pz_live_event *live = &env->live->event[i];

        e->id = live->item_id;
        e->time = live->time;
        e->value = live->value;
        e->type_name = live->event_type;
    } else {
        e->id = env->history[i - n_live];
    }
    return true;
}

static bool type_passes(const struct pz_fnode *test, const struct pz_fset *set, const struct event *e)
{
    if (test->op == PZ_FOP_NULL)
        return e->type == PZ_NONE && !e->type_name;
    if (set->any)
        return true;
    if (e->old)
        return pz_fset_has_codes(test, set, &e->type, e->type != PZ_NONE);
    for (size_t i = 0; e->type_name && i < set->n_text; i++)
        if (strlen(e->type_name) == set->text[i].n &&
            strncasecmp(e->type_name, set->text[i].s, set->text[i].n) == 0)
            return true;
    return false;
}

static bool id_passes(const struct pz_fnode *test, const struct pz_fset *set, const struct event *e)
{
    if (test->op == PZ_FOP_NULL)
        return false;
    return set->any || (e->item != PZ_NONE ? pz_fset_has_codes(test, set, &e->item, 1)
                                           : e->id && pz_fset_has_text(set, e->id, strlen(e->id)));
}

/* Live events have no context columns. */
static bool context_passes(const struct pz_attr *a, const struct pz_fnode *test, const struct pz_fset *set,
                           const struct event *e)
{
    if (!e->old)
        return test->op == PZ_FOP_NULL;
    if (!a->num)
        return pz_fset_has_codes(test, set, a->code + a->ptr[e->row],
                                 (size_t)(a->ptr[e->row + 1] - a->ptr[e->row]));
    return test->op == PZ_FOP_NULL ? isnan(a->num[e->row]) : pz_fset_has_number(test, set, a->num[e->row]);
}

static bool event_passes(const struct pz_fctx *ctx, const struct pz_fnode *n, const struct event *e)
{
    const struct pz_fset *set;
    const struct pz_fcolumn *col;
    double x;
    bool is_and = n->kind == PZ_FNODE_AND, passes;

    if (n->kind == PZ_FNODE_NOT)
        return !event_passes(ctx, n->child, e);
    if (n->kind != PZ_FNODE_TEST) {
        for (const struct pz_fnode *child = n->child; child; child = child->next)
            if (event_passes(ctx, child, e) != is_and)
                return !is_and;
        return is_and;
    }
    col = pz_filter_left(ctx->f, n);
    set = right_of(ctx, n);
    x = col->what == PZ_FWHAT_TIME ? (double)e->time : e->value;
    switch (col->what) {
    case PZ_FWHAT_TYPE:
        passes = type_passes(n, set, e);
        break;
    case PZ_FWHAT_ID:
        passes = id_passes(n, set, e);
        break;
    case PZ_FWHAT_ATTR:
        passes = context_passes(col->attr, n, set, e);
        break;
    default:
        passes = n->op == PZ_FOP_NULL ? isnan(x) : pz_fset_has_number(n, set, x);
    }
    return passes != n->negated;
}

/* Does a number of interactions satisfy a COUNT? */
static bool count_passes(const struct pz_fctx *ctx, const struct pz_fnode *n, uint64_t count)
{
    return pz_fset_has_number(n, right_of(ctx, n), (double)count) != n->negated;
}

static uint64_t count_events(const struct pz_fctx *ctx, const struct pz_fnode *n, uint32_t user)
{
    struct event e;
    uint64_t count = 0;

    for (uint64_t i = 0; get_event(ctx, user, i, &e); i++)
        count += !n->child || event_passes(ctx, n->child, &e);
    return count;
}

static void put_bit(uint64_t *words, size_t i, bool on)
{
    uint64_t bit = (uint64_t)1 << (i % 64);

    words[i / 64] = on ? words[i / 64] | bit : words[i / 64] & ~bit;
}

/* Items by how many interactions of the user with them pass. */
static void count_by_item(const struct pz_fctx *ctx, const struct pz_fnode *n, uint64_t *words)
{
    uint32_t *count = ctx->work->count;
    struct event e;
    bool at_least_one = n->op == PZ_FOP_GREATER_EQUAL && n->when == PZ_FWHEN_COMPILED &&
                        right_of(ctx, n)->n_num == 1 && right_of(ctx, n)->num[0] == 1;

    memset(words, count_passes(ctx, n, 0) ? 0xff : 0, ctx->n_words * sizeof *words);
    for (uint64_t i = 0; get_event(ctx, ctx->user_index, i, &e); i++) {
        if (e.item == PZ_NONE || (n->child && !event_passes(ctx, n->child, &e)))
            continue;
        if (at_least_one)
            put_bit(words, e.item, true);
        else
            count[e.item]++;
    }
    for (uint64_t i = 0; !at_least_one && get_event(ctx, ctx->user_index, i, &e); i++)
        if (e.item != PZ_NONE && count[e.item] > 0) {
            put_bit(words, e.item, count_passes(ctx, n, count[e.item]));
            count[e.item] = 0;
        }
}

/* ---- 3. the tree */
/* A bitset, or the same for all rows. */
struct answer {
    enum { NO_ROW, ALL_ROWS, SOME_ROWS } which;
    const uint64_t *words; /* of SOME_ROWS */
};

static uint64_t *slot(const struct pz_fctx *ctx, size_t depth)
{
    return ctx->work->words + depth * ctx->n_words;
}

static struct answer constant(bool passes)
{
    return (struct answer){ passes ? ALL_ROWS : NO_ROW, NULL };
}

static struct answer test_rows(const struct pz_fctx *ctx, const struct pz_fnode *n, size_t depth)
{
    const struct pz_fset *set = right_of(ctx, n);
    uint64_t *own = slot(ctx, depth);
    const uint64_t *words = n->bits ? n->bits : n->by_row ? NULL : pz_filter_cached(ctx, n, set);

    if (!words) {
        pz_filter_scan(ctx, n, set, own);
        words = own;
    }
    if (ctx->over && pz_filter_left(ctx->f, n)->what != PZ_FWHAT_ID) {
        if (words != own)
            memcpy(own, words, ctx->n_words * sizeof *own);
        for (uint32_t i = 0; i < ctx->over->ids.n; i++) {
            struct pz_frow row = { .known = true, .live = true, .at = i };

            if (ctx->over_row[i] != PZ_NONE)
                put_bit(own, ctx->over_row[i], pz_frow_passes(ctx, n, set, &row));
        }
        words = own;
    }
    return (struct answer){ SOME_ROWS, words };
}

static struct answer answer_node(const struct pz_fctx *ctx, const struct pz_fnode *n, size_t depth);

/* AND: rows of all children; OR: of any. The first child's answer may lie in this slot, the others' in the
 * next one. */
static struct answer answer_chain(const struct pz_fctx *ctx, const struct pz_fnode *n, size_t depth)
{
    bool is_and = n->kind == PZ_FNODE_AND;
    uint64_t *own = slot(ctx, depth);
    struct answer all = constant(is_and);

    for (const struct pz_fnode *child = n->child; child; child = child->next) {
        struct answer one = answer_node(ctx, child, all.which == SOME_ROWS ? depth + 1 : depth);

        if (one.which == (is_and ? NO_ROW : ALL_ROWS))
            return one;
        if (one.which != SOME_ROWS)
            continue;
        if (all.which != SOME_ROWS) {
            all = one;
            continue;
        }
        for (size_t w = 0; w < ctx->n_words; w++)
            own[w] = is_and ? all.words[w] & one.words[w] : all.words[w] | one.words[w];
        all.words = own;
    }
    return all;
}

static struct answer answer_count(const struct pz_fctx *ctx, const struct pz_fnode *n, size_t depth)
{
    uint64_t *own = slot(ctx, depth);

    if (ctx->f->of_users)
        for (uint32_t u = 0; u < ctx->f->m->users.n; u++)
            put_bit(own, u, count_passes(ctx, n, count_events(ctx, n, u)));
    else
        count_by_item(ctx, n, own);
    return (struct answer){ SOME_ROWS, own };
}

static struct answer answer_node(const struct pz_fctx *ctx, const struct pz_fnode *n, size_t depth)
{
    uint64_t *own = slot(ctx, depth);
    struct answer all;

    switch (n->kind) {
    case PZ_FNODE_TEST:
        if (pz_filter_left(ctx->f, n)->area == PZ_FAREA_ROW || n->by_row)
            return test_rows(ctx, n, depth);
        return constant(pz_frow_passes(ctx, n, right_of(ctx, n), NULL));
    case PZ_FNODE_COUNT:
        return answer_count(ctx, n, depth);
    case PZ_FNODE_NOT:
        all = answer_node(ctx, n->child, depth);
        if (all.which != SOME_ROWS)
            return constant(all.which == NO_ROW);
        for (size_t w = 0; w < ctx->n_words; w++)
            own[w] = ~all.words[w];
        return (struct answer){ SOME_ROWS, own };
    default:
        return answer_chain(ctx, n, depth);
    }
}

/* An IF: decided once. */
static bool holds(const struct pz_fctx *ctx, const struct pz_fnode *n)
{
    bool is_and = n->kind == PZ_FNODE_AND;

    switch (n->kind) {
    case PZ_FNODE_TEST:
        return pz_frow_passes(ctx, n, right_of(ctx, n), NULL);
    case PZ_FNODE_COUNT:
        return count_passes(ctx, n, count_events(ctx, n, ctx->user_index));
    case PZ_FNODE_NOT:
        return !holds(ctx, n->child);
    default:
        for (const struct pz_fnode *child = n->child; child; child = child->next)
            if (holds(ctx, child) != is_and)
                return !is_and;
        return is_and;
    }
}

/* ---- 4. clauses */
static bool acts(const struct pz_fctx *ctx, const struct pz_fclause *c)
{
    return !(ctx->values && ctx->values->off[c->id]) && (!c->only_if || holds(ctx, c->only_if));
}

static void narrow(uint64_t *allowed, struct answer a, bool keep, size_t n_words)
{
    if (a.which == (keep ? ALL_ROWS : NO_ROW))
        return;
    if (a.which != SOME_ROWS)
        memset(allowed, 0, n_words * sizeof *allowed);
    for (size_t w = 0; a.which == SOME_ROWS && w < n_words; w++)
        allowed[w] &= keep ? a.words[w] : ~a.words[w];
}

static void apply_clauses(const struct pz_fctx *ctx, uint64_t *allowed)
{
    struct answer included = constant(false);
    uint64_t *own = slot(ctx, 0);
    bool some = false;

    for (const struct pz_fclause *c = ctx->f->clause; c; c = c->next) {
        struct answer a;

        if (!acts(ctx, c))
            continue;
        a = answer_node(ctx, c->where, included.which == SOME_ROWS ? 1 : 0);
        if (!c->include) {
            narrow(allowed, a, false, ctx->n_words);
            continue;
        }
        some = true;
        if (included.which == NO_ROW || a.which == ALL_ROWS) {
            included = a;
        } else if (included.which == SOME_ROWS && a.which == SOME_ROWS) {
            for (size_t w = 0; w < ctx->n_words; w++)
                own[w] = included.words[w] | a.words[w];
            included.words = own;
        }
    }
    if (some)
        narrow(allowed, included, true, ctx->n_words);
}

enum pz_status pz_filter_apply(const struct pz_filter *f, const struct pz_filter_values *values,
                               const struct pz_filter_env *env, struct pz_filter_work *work,
                               uint64_t *allowed, struct pz_err *err)
{
    struct pz_fctx ctx = { .f = f, .values = values, .env = env, .work = work };
    enum pz_status st = prepare(&ctx, err);

    if (st == PZ_OK)
        apply_clauses(&ctx, allowed);
    pz_filter_release(f, work);
    return st;
}
