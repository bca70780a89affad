/* SPDX-License-Identifier: Apache-2.0 */
/* Ranking: see rank.h. One query runs through these steps, each a file of its own (ranker.h):
 *
 *   1. history: the model's for this user (unless he asked to be forgotten), then live events, then the
 *      inline history; weights as training gave them
 *   2. mask: a bitset of the items that may be recommended
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
    r->fallback = pz_mem_array(n, sizeof *r->fallback);
    r->scratch = pz_mem_array(pz_model_scratch(m), 1);
    if (!r->allowed || !r->blend || !r->fallback || !r->scratch) {
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
    free(r->allowed);
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

/* After the blend's items, what is missing comes from the fallback. */
static enum pz_status choose(struct pz_ranker *r, struct pz_answer *answer, struct pz_err *err)
{
    uint32_t n_items = r->m->items.n;
    size_t want = r->req->num < n_items ? r->req->num : n_items, n;
    enum pz_status st = pz_rank_grow_hits(r, want, err);

    if (st != PZ_OK)
        return st;
    n = pz_top(r->blend, r->allowed, n_items, r->hit, want);
    for (size_t i = 0; i < n; i++)
        r->hit[i].source = pz_rank_origin(r);
    if (r->m->recipe->has_scores)
        pz_rank_softmax(r, r->hit, n);
    if (n < want) {
        size_t from = n;

        for (size_t i = 0; i < n; i++)
            pz_set_remove(r->allowed, r->hit[i].item);
        pz_rank_fallback(r);
        n += pz_top(r->fallback, r->allowed, n_items, r->hit + n, want - n);
        for (size_t i = from; i < n; i++) {
            r->hit[i].source = PZ_ORIGIN_POPULAR;
            r->hit[i].blend = 0;
        }
    }
    answer->hit = r->hit;
    answer->n = n;
    return PZ_OK;
}

static enum pz_status rank_user(struct pz_ranker *r, struct pz_answer *answer, struct pz_err *err)
{
    enum pz_status st = pz_rank_history(r, err);

    if (st == PZ_OK)
        st = pz_rank_mask(r, err);
    if (st != PZ_OK)
        return st;
    pz_rank_score(r);
    return choose(r, answer, err);
}

/* The mask follows from the user's own history, if a user is given; the scores from the item alone. */
static enum pz_status rank_related(struct pz_ranker *r, struct pz_answer *answer, struct pz_err *err)
{
    uint32_t item = pz_dict_find_str(&r->m->items, r->req->item_id);
    enum pz_status st = pz_rank_history(r, err);

    if (st == PZ_OK)
        st = pz_rank_mask(r, err);
    if (st == PZ_OK)
        st = pz_rank_history_item(r, item, err);
    if (st != PZ_OK)
        return st;
    if (item != PZ_NONE)
        pz_set_remove(r->allowed, item);
    pz_rank_score(r);
    return choose(r, answer, err);
}

/* Order n known candidates: popularity breaks ties; scores sum to 1 over the list. */
static void order_list(struct pz_ranker *r, size_t n)
{
    double scale = r->m->softmax_scale, total = 0;

    pz_rank_fallback(r);
    for (size_t i = 0; i < n; i++) {
        struct pz_hit *h = &r->hit[i];

        h->source = r->blend[h->item] > 0 ? pz_rank_origin(r) : PZ_ORIGIN_POPULAR;
        h->blend = r->blend[h->item] + 1e-9f * r->fallback[h->item];
    }
    pz_top_sort(r->hit, n);
    for (size_t i = 0; i < n; i++)
        total += exp(scale * (double)(r->hit[i].blend - r->hit[0].blend));
    for (size_t i = 0; i < n; i++)
        r->hit[i].score = exp(scale * (double)(r->hit[i].blend - r->hit[0].blend)) / total;
}

/* A given list in order; unknown items stay, at the end, in the order given. */
static enum pz_status rank_list(struct pz_ranker *r, struct pz_answer *answer, struct pz_err *err)
{
    const struct pz_request *req = r->req;
    size_t n = 0, end = req->n_rank;
    enum pz_status st = pz_rank_history(r, err);

    if (st == PZ_OK)
        st = pz_rank_grow_hits(r, req->n_rank, err);
    if (st != PZ_OK)
        return st;
    pz_set_fill(r->allowed, r->m->items.n, false);
    for (size_t i = 0; i < req->n_rank; i++) {
        uint32_t item = pz_dict_find_str(&r->m->items, req->rank[i]);

        if (item == PZ_NONE)
            continue;
        pz_set_add(r->allowed, item);
        r->hit[n++] = (struct pz_hit){ .item = item, .id = req->rank[i] };
    }
    r->q.task = PZ_TASK_RANK;
    pz_rank_score(r);
    order_list(r, n);
    for (size_t i = 0; i < req->n_rank && n < end; i++)
        if (pz_dict_find_str(&r->m->items, req->rank[i]) == PZ_NONE)
            r->hit[n++] = (struct pz_hit){ .item = PZ_NONE, .id = req->rank[i],
                                           .source = PZ_ORIGIN_UNKNOWN };
    answer->hit = r->hit;
    answer->n = n;
    return PZ_OK;
}

enum pz_status pz_rank(struct pz_ranker *r, const struct pz_request *req, struct pz_answer *answer,
                       struct pz_err *err)
{
    const struct pz_recipe *recipe = r->m->recipe;
    bool for_item = req->item_id && !req->user_id && req->n_history == 0;
    enum pz_status st;

    memset(answer, 0, sizeof *answer);
    r->req = req;
    if (req->n_rank > 0)
        return rank_list(r, answer, err);
    if (recipe->task == PZ_TASK_RANK)
        return pz_err_set(err, PZ_USAGE, "recipe %s orders a list: --rank ID,ID,... is missing",
                          recipe->name);
    if (recipe->task == PZ_TASK_RELATED && !req->item_id)
        return pz_err_set(err, PZ_USAGE, "recipe %s answers for an item: --item is missing",
                          recipe->name);
    st = recipe->task == PZ_TASK_RELATED || for_item ? rank_related(r, answer, err)
                                                     : rank_user(r, answer, err);
    answer->is_short = st == PZ_OK && answer->n < req->num;
    return st;
}
