/* SPDX-License-Identifier: Apache-2.0 */
/* Filter expressions, one query: the tree is walked once with whole bitsets of rows.
 *
 *   1. who asks and about what: their row and the current item's (the overlay's before the model's)
 *   2. right sides that come with the query
 *   3. each clause whose IF holds: tests of rows are bitsets (compiled, cached or scanned now);
 *      counts go over the user's interactions (events.c)
 *   4. what no INCLUDE covers, when one acts, and what an EXCLUDE covers is cleared */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "filter/eval.h"

struct pz_filter_work *pz_filter_work_new(void)
{
    return calloc(1, sizeof(struct pz_filter_work));
}

void pz_filter_work_free(struct pz_filter_work *work)
{
    if (!work)
        return;
    for (size_t i = 0; i < work->cap_set; i++)
        pz_filter_set_clear(&work->set[i]);
    free(work->words);
    free(work->count);
    free(work->set);
    free(work->live_item);
    free(work->props);
    free(work->held);
    pz_str_clear(&work->key);
    free(work);
}

/* ---- 1. rows */
static struct pz_filter_row find_row(const struct pz_overlay *over, const struct pz_dict *dict,
                                     bool forgotten, const char *id)
{
    struct pz_filter_row row = { .id = id };
    uint32_t at = over && id ? pz_dict_find_str(&over->ids, id) : PZ_NONE;

    row.known = row.live = at != PZ_NONE;
    if (at == PZ_NONE && id && !forgotten) {
        at = pz_dict_find_str(dict, id);
        row.known = at != PZ_NONE;
    }
    row.at = row.known ? at : 0;
    return row;
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

static enum pz_status prepare(struct pz_filter_ctx *ctx, struct pz_err *err)
{
    const struct pz_filter *f = ctx->f;
    const struct pz_filter_env *env = ctx->env;
    const struct pz_live *live = env->live;
    bool forgotten = live && live->forgotten;
    struct pz_filter_work *work = ctx->work;
    size_t n_rows = f->of_users ? f->m->users.n : f->m->items.n;
    enum pz_status st = PZ_OK;

    ctx->n_rows = n_rows;
    if (f->uses_item && !env->item_id)
        return pz_err_set(err, PZ_USAGE,
                          "the filter speaks of CurrentItem, and no item is asked for");
    if (f->n_places && !ctx->values)
        return pz_err_set(err, PZ_USAGE, "the filter has placeholders, and no values are bound");
    if (live &&
        ((live->items && live->items != f->items) || (live->users && live->users != f->users)))
        return pz_err_set(err, PZ_INTERNAL, "the filter was compiled with other rows");
    if (!pz_mem_grow(&work->words, &work->cap_words, (f->depth + 1) * pz_bits_words(n_rows),
                     sizeof *work->words) ||
        !grow_sets(work, f->n_tests))
        return pz_err_memory(err, "a filter", 0.125 * (double)((f->depth + 1) * n_rows));
    ctx->user_index = env->user_id && !forgotten && f->uses_events
                          ? pz_dict_find_str(&f->m->users, env->user_id)
                          : PZ_NONE;
    if (f->uses_user)
        ctx->user = find_row(f->users, &f->m->users, forgotten, env->user_id);
    if (f->uses_item)
        ctx->item = find_row(f->items, &f->m->items, false, env->item_id);
    if (f->uses_events)
        st = pz_filter_events_prepare(ctx, err);
    for (size_t i = 0; i < f->n_tests && st == PZ_OK; i++)
        if (f->test[i]->when == PZ_WHEN_ASKED)
            st = pz_filter_set_fill(ctx, f->test[i], &work->set[i], err);
    return st;
}

/* ---- 3. the tree */
/* A bitset, or the same for all rows. */
struct answer {
    enum { NO_ROW, ALL_ROWS, SOME_ROWS } which;
    const uint64_t *words; /* of SOME_ROWS */
};

static uint64_t *slot(const struct pz_filter_ctx *ctx, size_t depth)
{
    return ctx->work->words + depth * pz_bits_words(ctx->n_rows);
}

static struct answer constant(bool passes)
{
    return (struct answer){ passes ? ALL_ROWS : NO_ROW, NULL };
}

static struct answer test_rows(const struct pz_filter_ctx *ctx, const struct pz_filter_node *n,
                               size_t depth)
{
    const struct pz_filter_set *set = pz_filter_set_of(ctx, n);
    uint64_t *own = slot(ctx, depth);
    const uint64_t *words = n->bits ? n->bits : n->by_row ? NULL : pz_filter_cached(ctx, n, set);

    if (!words) {
        pz_filter_scan(ctx, n, set, own);
        words = own;
    }
    return (struct answer){ SOME_ROWS, words };
}

static struct answer answer_node(const struct pz_filter_ctx *ctx, const struct pz_filter_node *n,
                                 size_t depth);

/* AND: rows of all children; OR: of any. The first child's answer may lie in this slot, the others'
 * in the next one. */
static struct answer answer_chain(const struct pz_filter_ctx *ctx, const struct pz_filter_node *n,
                                  size_t depth)
{
    bool is_and = n->kind == PZ_NODE_AND;
    uint64_t *own = slot(ctx, depth);
    struct answer all = constant(is_and);

    for (const struct pz_filter_node *child = n->child; child; child = child->next) {
        struct answer one = answer_node(ctx, child, all.which == SOME_ROWS ? depth + 1 : depth);

        if (one.which == (is_and ? NO_ROW : ALL_ROWS))
            return one;
        if (one.which != SOME_ROWS)
            continue;
        if (all.which != SOME_ROWS) {
            all = one;
            continue;
        }
        (is_and ? pz_bits_both : pz_bits_either)(own, all.words, one.words, ctx->n_rows);
        all.words = own;
    }
    return all;
}

static struct answer answer_count(const struct pz_filter_ctx *ctx, const struct pz_filter_node *n,
                                  size_t depth)
{
    uint64_t *own = slot(ctx, depth);

    if (ctx->f->of_users)
        for (uint32_t u = 0; u < ctx->f->m->users.n; u++)
            pz_bits_put(own, u, pz_filter_events_enough(ctx, n, pz_filter_events_count(ctx, n, u)));
    else
        pz_filter_events_items(ctx, n, own);
    return (struct answer){ SOME_ROWS, own };
}

static struct answer answer_node(const struct pz_filter_ctx *ctx, const struct pz_filter_node *n,
                                 size_t depth)
{
    uint64_t *own = slot(ctx, depth);
    struct answer all;

    switch (n->kind) {
    case PZ_NODE_TEST:
        if (pz_filter_left(ctx->f, n)->area == PZ_AREA_ROW || n->by_row)
            return test_rows(ctx, n, depth);
        return constant(pz_filter_row_passes(ctx, n, pz_filter_set_of(ctx, n), NULL));
    case PZ_NODE_COUNT:
        return answer_count(ctx, n, depth);
    case PZ_NODE_NOT:
        all = answer_node(ctx, n->child, depth);
        if (all.which != SOME_ROWS)
            return constant(all.which == NO_ROW);
        pz_bits_not(own, all.words, ctx->n_rows);
        return (struct answer){ SOME_ROWS, own };
    default:
        return answer_chain(ctx, n, depth);
    }
}

/* An IF: decided once. */
static bool holds(const struct pz_filter_ctx *ctx, const struct pz_filter_node *n)
{
    bool is_and = n->kind == PZ_NODE_AND;

    switch (n->kind) {
    case PZ_NODE_TEST:
        return pz_filter_row_passes(ctx, n, pz_filter_set_of(ctx, n), NULL);
    case PZ_NODE_COUNT:
        return pz_filter_events_enough(ctx, n, pz_filter_events_count(ctx, n, ctx->user_index));
    case PZ_NODE_NOT:
        return !holds(ctx, n->child);
    default:
        for (const struct pz_filter_node *child = n->child; child; child = child->next)
            if (holds(ctx, child) != is_and)
                return !is_and;
        return is_and;
    }
}

/* ---- 4. clauses */
static bool acts(const struct pz_filter_ctx *ctx, const struct pz_filter_clause *c)
{
    return !(ctx->values && ctx->values->off[c->id]) && (!c->only_if || holds(ctx, c->only_if));
}

static void narrow(uint64_t *allowed, struct answer a, bool keep, size_t n)
{
    if (a.which == (keep ? ALL_ROWS : NO_ROW))
        return;
    if (a.which != SOME_ROWS)
        pz_bits_fill(allowed, n, false);
    else
        (keep ? pz_bits_both : pz_bits_without)(allowed, allowed, a.words, n);
}

static void apply_clauses(const struct pz_filter_ctx *ctx, uint64_t *allowed)
{
    struct answer included = constant(false);
    uint64_t *own = slot(ctx, 0);
    bool some = false;

    for (const struct pz_filter_clause *c = ctx->f->clause; c; c = c->next) {
        struct answer a;

        if (!acts(ctx, c))
            continue;
        a = answer_node(ctx, c->where, included.which == SOME_ROWS ? 1 : 0);
        if (!c->include) {
            narrow(allowed, a, false, ctx->n_rows);
            continue;
        }
        some = true;
        if (included.which == NO_ROW || a.which == ALL_ROWS) {
            included = a;
        } else if (included.which == SOME_ROWS && a.which == SOME_ROWS) {
            pz_bits_either(own, included.words, a.words, ctx->n_rows);
            included.words = own;
        }
    }
    if (some)
        narrow(allowed, included, true, ctx->n_rows);
}

enum pz_status pz_filter_apply(const struct pz_filter *f, const struct pz_filter_values *values,
                               const struct pz_filter_env *env, struct pz_filter_work *work,
                               uint64_t *allowed, struct pz_err *err)
{
    struct pz_filter_ctx ctx = { .f = f, .values = values, .env = env, .work = work };
    enum pz_status st = prepare(&ctx, err);

    if (st == PZ_OK)
        apply_clauses(&ctx, allowed);
    pz_filter_release(f, work);
    pz_filter_events_release(work);
    return st;
}
