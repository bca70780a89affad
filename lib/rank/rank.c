/* SPDX-License-Identifier: Apache-2.0 */
/* Ranking: see rank.h. One query runs through these steps, each a file of its own (ranker.h):
 *
 *   1. history: the model's for this user (unless he asked to be forgotten), then live events, then
 *      the inline history; weights as training gave them
 *   2. mask: a bitset of the items that may be recommended: seen rule, filter
 *   3. score: the blend; where no part but the fallback has something to say, the fallback alone
 *   4. top-N of the allowed items: best first, equal scores to the lower index
 *   5. Personalize's scores: softmax over the allowed catalogue (over the given list for a ranking)
 *
 * Items without any score (no part knows them) are filled in by the fallback's order and say so. */
#include "rank/rank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "filter/filter.h"
#include "rank/explore.h"
#include "rank/ranker.h"

const char *pz_origin_name(enum pz_origin origin)
{
    static const char *const names[] = { "personal",    "session",   "content", "popular",
                                         "exploration", "promotion", "similar", "unknown" };

    return names[origin];
}

struct pz_ranker *pz_ranker_new(const struct pz_model *m)
{
    struct pz_ranker *r = calloc(1, sizeof *r);
    uint32_t n = m->items.n;

    if (!r)
        return NULL;
    r->m = m;
    r->words = ((size_t)n + 63) / 64;
    r->allowed = pz_mem_array(r->words, sizeof *r->allowed);
    r->blend = pz_mem_array(n, sizeof *r->blend);
    r->promotable = pz_mem_array(r->words, sizeof *r->promotable);
    r->eligible = pz_mem_array(r->words, sizeof *r->eligible);
    r->gone = pz_mem_array(r->words, sizeof *r->gone);
    r->open = pz_mem_array(r->words, sizeof *r->open);
    r->fallback = pz_mem_array(n, sizeof *r->fallback);
    r->scratch = pz_mem_array(pz_model_scratch(m), 1);
    r->explored = pz_mem_array(PZ_EXPLORE_MAX, sizeof *r->explored);
    if (!r->allowed || !r->promotable || !r->eligible || !r->gone || !r->open || !r->blend ||
        !r->fallback || !r->scratch || !r->explored) {
        pz_ranker_free(r);
        return NULL;
    }
    return r;
}

void pz_ranker_free(struct pz_ranker *r)
{
    if (!r)
        return;
    free(r->past);
    free(r->hist);
    free(r->hist_time);
    free(r->hist_weight);
    free(r->given);
    free(r->context);
    free(r->allowed);
    free(r->promotable);
    free(r->eligible);
    pz_filter_work_free(r->filter_work);
    free(r->gone);
    free(r->open);
    free(r->explored);
    free(r->shown);
    free(r->boosted);
    free(r->tally.cell);
    free(r->pool);
    free(r->slot);
    free(r->promoted);
    free(r->part_score);
    free(r->part_unit);
    free(r->raw);
    free(r->contrib);
    free(r->reason);
    free(r->blend);
    free(r->fallback);
    free(r->scratch);
    free(r->hit);
    free(r);
}

enum pz_status pz_rank_grow_hits(struct pz_ranker *r, size_t n, struct pz_err *err)
{
    return pz_mem_grow(&r->hit, &r->cap_hits, n + 1, sizeof *r->hit)
               ? PZ_OK
               : pz_err_memory(err, "the answer", (double)n * sizeof *r->hit);
}

/* What the rules need of the model, looked up once a query. */
static enum pz_status prepare(struct pz_ranker *r, struct pz_err *err)
{
    const struct pz_rules *rules = &r->req->rules;
    uint32_t dim;
    enum pz_status st = pz_rank_prepare(r, err);

    if (rules->n_caps > PZ_MAX_CAPS)
        return pz_err_set(err, PZ_USAGE, "at most %d columns can be capped", PZ_MAX_CAPS);
    for (size_t i = 0; i < rules->n_caps && st == PZ_OK; i++)
        st = pz_column_find(r, rules->cap[i].column, &r->cap[i], err);
    if (st == PZ_OK && rules->diversity > 0 && rules->diversity_column)
        st = pz_column_find(r, rules->diversity_column, &r->alike, err);
    else if (st == PZ_OK && rules->diversity > 0 && !pz_rank_vectors(r, &dim))
        return pz_err_set(err, PZ_USAGE,
                          "the model has no item vectors to diversify by; name a column");
    if (st == PZ_OK && rules->page.number > 0 && rules->page.check != pz_page_check(r->m, r->req))
        return pz_err_set(
            err, PZ_USAGE,
            "the page token is of another question or model; begin with the first page");
    return st;
}

static bool any_left(const struct pz_ranker *r)
{
    for (size_t i = 0; i < r->words; i++)
        if (r->allowed[i] & ~r->gone[i])
            return true;
    return false;
}

static enum pz_status finish(struct pz_ranker *r, size_t want, struct pz_answer *answer,
                             struct pz_err *err)
{
    enum pz_status st = pz_rank_score(r, err);

    if (st == PZ_OK)
        st = pz_rank_choose(r, want, &answer->n, err);
    if (st != PZ_OK)
        return st;
    answer->hit = r->hit;
    if (r->m->recipe->has_scores && !r->req->no_scores)
        pz_rank_softmax(r, r->hit, answer->n, r->q.task == PZ_TASK_RANK);
    answer->has_next = r->q.task != PZ_TASK_RANK && any_left(r);
    answer->next = (struct pz_page){ r->req->rules.page.number + 1, r->live_last,
                                     pz_page_check(r->m, r->req) };
    return PZ_OK;
}

/* Whoever looks at an item is not recommended that item. */
static void leave_out(struct pz_ranker *r, uint32_t item)
{
    if (item != PZ_NONE) {
        pz_bits_remove(r->allowed, item);
        pz_bits_remove(r->promotable, item);
    }
}

static enum pz_status rank_user(struct pz_ranker *r, struct pz_answer *answer, struct pz_err *err)
{
    enum pz_status st = pz_rank_history(r, err);

    if (st == PZ_OK)
        st = pz_rank_mask(r, err);
    if (st == PZ_OK)
        st = prepare(r, err);
    if (st != PZ_OK)
        return st;
    if (r->req->item_id)
        leave_out(r, pz_dict_find_str(&r->m->items, r->req->item_id));
    return finish(r, r->req->num, answer, err);
}

/* The mask follows from the user's own history, if a user is given; the scores from the item alone.
 */
static enum pz_status rank_related(struct pz_ranker *r, struct pz_answer *answer,
                                   struct pz_err *err)
{
    uint32_t item = pz_dict_find_str(&r->m->items, r->req->item_id);
    enum pz_status st = pz_rank_history(r, err);

    if (st == PZ_OK)
        st = pz_rank_mask(r, err);
    if (st == PZ_OK)
        st = pz_rank_history_item(r, item, err);
    if (st == PZ_OK)
        st = prepare(r, err);
    if (st != PZ_OK)
        return st;
    leave_out(r, item);
    return finish(r, r->req->num, answer, err);
}

/* Keep the items of the list among those that the mask allows, without repeats. */
static void keep_list(struct pz_ranker *r)
{
    memset(r->gone, 0, r->words * sizeof *r->gone);
    for (size_t i = 0; i < r->req->n_rank; i++) {
        uint32_t item = pz_dict_find_str(&r->m->items, r->req->rank[i]);

        if (item != PZ_NONE)
            pz_bits_add(r->gone, item);
    }
    for (size_t i = 0; i < r->words; i++)
        r->allowed[i] &= r->gone[i];
}

/* A given list in order; items the model does not know stay, at the end, in the order given. */
static enum pz_status rank_list(struct pz_ranker *r, struct pz_answer *answer, struct pz_err *err)
{
    const struct pz_request *req = r->req;
    enum pz_status st = pz_rank_history(r, err);

    if (st == PZ_OK)
        st = pz_rank_mask(r, err);
    if (st == PZ_OK)
        st = prepare(r, err);
    if (st == PZ_OK && req->rules.n_promotions > 0)
        return pz_err_set(err, PZ_USAGE,
                          "a ranking has no promotions: it holds the items it was given");
    if (st != PZ_OK)
        return st;
    keep_list(r);
    r->q.task = PZ_TASK_RANK;
    st = finish(r, req->n_rank, answer, err);
    if (st == PZ_OK)
        st = pz_rank_grow_hits(r, answer->n + req->n_rank, err);
    answer->hit = r->hit;
    for (size_t i = 0; i < req->n_rank && st == PZ_OK; i++)
        if (pz_dict_find_str(&r->m->items, req->rank[i]) == PZ_NONE)
            r->hit[answer->n++] =
                (struct pz_hit){ .item = PZ_NONE, .id = req->rank[i], .source = PZ_ORIGIN_UNKNOWN };
    return st;
}

static enum pz_status answer_request(struct pz_ranker *r, struct pz_answer *answer,
                                     struct pz_err *err)
{
    const struct pz_request *req = r->req;
    const struct pz_recipe *recipe = r->m->recipe;
    bool for_item = req->item_id && !req->user_id && req->n_history == 0;

    if (req->n_rank > 0)
        return rank_list(r, answer, err);
    if (recipe->task == PZ_TASK_RANK)
        return pz_err_set(err, PZ_USAGE, "recipe %s orders a list: --rank ID,ID,... is missing",
                          recipe->name);
    if (recipe->task == PZ_TASK_RELATED && !req->item_id)
        return pz_err_set(err, PZ_USAGE, "recipe %s answers for an item: --item is missing",
                          recipe->name);
    return recipe->task == PZ_TASK_RELATED || for_item ? rank_related(r, answer, err)
                                                       : rank_user(r, answer, err);
}

enum pz_status pz_rank(struct pz_ranker *r, const struct pz_request *req, struct pz_answer *answer,
                       struct pz_err *err)
{
    enum pz_status st;

    memset(answer, 0, sizeof *answer);
    r->req = req;
    st = answer_request(r, answer, err);
    answer->is_short = st == PZ_OK && req->n_rank == 0 && answer->n < req->num;
    return st == PZ_OK && req->explain ? pz_explain(r, answer, err) : st;
}
