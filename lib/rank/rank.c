/* SPDX-License-Identifier: Apache-2.0 */
/* Ranking: one query walked through its steps, each a file of its own with a struct of its own:
 *
 *   step            reads                              fills                     file
 *   1 history       model, live events, request        past, query               history.c
 *   2 mask          history, filter                    allowed, promotable       mask.c
 *   3 adjustment    history, live events, columns      showings, objective, ...  adjust.c
 *   4 scores        query, promotable                  blend, used; fallback     score.c
 *     then exploration and the adjustment act on the blend
 *   5 choice        allowed, blend, fallback           hits, gone                choose.c
 *   6 explanation   all of these                       reasons                   explain.c
 *
 * Answers carry Personalize's scores: softmax over the allowed catalogue, over the given list for a
 * ranking. Items without any score (no part knows them) are filled in by the fallback's order and
 * say so. Equal scores go to the lower index. */
#include "rank/rank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "model/bytes.h"
#include "rank/choose.h"
#include "rank/explain.h"
#include "rank/page.h"

struct pz_ranker {
    struct pz_asked asked; /* .req: the last one */
    struct pz_history history;
    struct pz_mask mask;
    struct pz_adjustment adjustment;
    struct pz_scores scores;
    struct pz_chosen chosen;
    struct pz_explanation explanation;
    struct pz_mem_slab room; /* of the above */
    struct pz_request whole; /* see rank_all */
};

const char *pz_origin_name(enum pz_origin origin)
{
    static const char *const names[] = { "personal",    "session",   "content", "popular",
                                         "exploration", "promotion", "similar", "unknown" };

    return names[origin];
}

struct pz_ranker *pz_ranker_new(const struct pz_model *m)
{
    struct pz_ranker *r = calloc(1, sizeof *r);
    bool good;

    if (!r)
        return NULL;
    r->asked.m = m;
    good = pz_mem_slab_init(&r->room,
                            pz_bits_bytes(m->items.n, PZ_MASK_SETS + PZ_CHOSEN_SETS) +
                                pz_scores_bytes(m),
                            pz_scores_more(m));
    good = pz_mask_init(&r->mask, m->items.n, &r->room) && good;
    good = pz_scores_init(&r->scores, m, &r->room) && good;
    good = pz_chosen_init(&r->chosen, m->items.n, &r->room) && good;
    if (good)
        return r;
    pz_ranker_free(r);
    return NULL;
}

void pz_ranker_free(struct pz_ranker *r)
{
    if (!r)
        return;
    pz_history_clear(&r->history);
    pz_mask_clear(&r->mask);
    pz_adjustment_clear(&r->adjustment);
    pz_scores_clear(&r->scores);
    pz_chosen_clear(&r->chosen);
    pz_explanation_clear(&r->explanation);
    pz_mem_slab_clear(&r->room);
    free(r);
}

static struct pz_scored scored(struct pz_ranker *r)
{
    return (struct pz_scored){ &r->asked, &r->history, &r->mask, &r->adjustment, &r->scores };
}

/* Steps 1 and 2, and what the rules need of the model, looked up once a query. */
static enum pz_status begin(struct pz_ranker *r, struct pz_err *err)
{
    const struct pz_asked *asked = &r->asked;
    const struct pz_page *page = &asked->req->rules.page;
    enum pz_status st = pz_history_read(&r->history, asked, err);

    if (st == PZ_OK)
        st = pz_mask_make(&r->mask, asked, &r->history, err);
    if (st == PZ_OK)
        st = pz_adjustment_prepare(&r->adjustment, asked, &r->history, &r->mask, err);
    if (st == PZ_OK)
        st = pz_chosen_prepare(&r->chosen, asked, err);
    if (st == PZ_OK && page->number > 0 && page->check != pz_page_check(asked->m, asked->req))
        st = pz_err_set(err, PZ_USAGE,
                        "the page token is of another question or model; begin with the first "
                        "page");
    return st;
}

static uint32_t item_of(const struct pz_ranker *r)
{
    const char *id = r->asked.req->item_id;

    return id ? pz_dict_find_str(&r->asked.m->items, id) : PZ_NONE;
}

/* ---- the three kinds of questions: what the first steps are of each */

/* Whoever looks at an item is not recommended that item. */
static enum pz_status start_user(struct pz_ranker *r, struct pz_err *err)
{
    enum pz_status st = begin(r, err);

    if (st == PZ_OK)
        pz_mask_leave_out(&r->mask, item_of(r));
    return st;
}

/* The mask follows from the user's own history, if a user is given; the scores from the item alone.
 */
static enum pz_status start_related(struct pz_ranker *r, struct pz_err *err)
{
    uint32_t item = item_of(r);
    enum pz_status st = begin(r, err);

    if (st == PZ_OK)
        st = pz_history_of_item(&r->history, &r->asked, item, err);
    if (st == PZ_OK)
        pz_mask_leave_out(&r->mask, item);
    return st;
}

/* A given list, without repeats. */
static enum pz_status start_list(struct pz_ranker *r, struct pz_err *err)
{
    enum pz_status st = begin(r, err);

    if (st == PZ_OK && r->asked.req->rules.n_promotions > 0)
        return pz_err_set(err, PZ_USAGE,
                          "a ranking has no promotions: it holds the items it was given");
    if (st != PZ_OK)
        return st;
    pz_mask_keep_list(&r->mask, &r->asked);
    r->history.query.task = PZ_TASK_RANK;
    return PZ_OK;
}

/* Steps 1 to 3 of any question. */
static enum pz_status start(struct pz_ranker *r, const struct pz_request *req, struct pz_err *err)
{
    const struct pz_recipe *recipe = r->asked.m->recipe;
    bool for_item = req->item_id && !req->user_id && req->n_history == 0;

    r->asked.req = req;
    if (req->n_rank > 0)
        return start_list(r, err);
    if (recipe->task == PZ_TASK_RANK)
        return pz_err_set(err, PZ_USAGE, "recipe %s orders a list: --rank ID,ID,... is missing",
                          recipe->name);
    if (recipe->task == PZ_TASK_RELATED && !req->item_id)
        return pz_err_set(err, PZ_USAGE, "recipe %s answers for an item: --item is missing",
                          recipe->name);
    return recipe->task == PZ_TASK_RELATED || for_item ? start_related(r, err) : start_user(r, err);
}

/* ---- the steps that all have in common */

/* Step 4. */
static enum pz_status score(struct pz_ranker *r, struct pz_err *err)
{
    struct pz_scored all = scored(r);
    enum pz_status st;

    if (!r->asked.req->explain) {
        pz_scores_make(&(const struct pz_scored *){ &all }, 1);
        return PZ_OK;
    }
    st = pz_explanation_begin(&r->explanation, r->asked.m, err);
    if (st != PZ_OK)
        return st;
    pz_scores_make_exact(&all, r->explanation.part_score);
    pz_explanation_keep(&r->explanation, &all);
    return PZ_OK;
}

/* Items of a list that the model does not know stay, at the end, in the order given, repeated ones
 * once. Without scores they have none, like the others. */
static enum pz_status add_unknown(struct pz_ranker *r, struct pz_answer *answer, struct pz_err *err)
{
    const struct pz_request *req = r->asked.req;
    bool scores = r->asked.m->recipe->has_scores && !req->no_scores;
    struct pz_dict_builder *had = NULL;
    enum pz_status st = pz_chosen_grow(&r->chosen, answer->n + req->n_rank, err);

    answer->hit = r->chosen.hit;
    for (size_t i = 0; i < req->n_rank && st == PZ_OK; i++) {
        uint32_t n;

        if (pz_dict_find_str(&r->asked.m->items, req->rank[i]) != PZ_NONE)
            continue;
        had = had ? had : pz_dict_builder_new();
        n = had ? pz_dict_builder_count(had) : 0;
        if (!had || pz_dict_builder_add(had, req->rank[i], strlen(req->rank[i])) == PZ_NONE)
            st = pz_err_memory(err, "a list", 64.0 * (double)req->n_rank);
        else if (pz_dict_builder_count(had) > n)
            answer->hit[answer->n++] = (struct pz_hit){ .item = PZ_NONE,
                                                        .id = req->rank[i],
                                                        .score = scores ? 0 : (double)NAN,
                                                        .source = PZ_ORIGIN_UNKNOWN };
    }
    pz_dict_builder_free(had);
    return st;
}

static void prefetch(const void *scores, uint32_t item)
{
    pz_scores_prefetch(scores, item);
}

static float settle(void *scores, uint32_t item)
{
    return pz_scores_exact(scores, item);
}

/* Exploration and the rules that multiply scores act on the blend. */
static void adjust(struct pz_ranker *r)
{
    struct pz_scores *s = &r->scores;
    struct pz_adjustment *a = &r->adjustment;
    struct pz_explore_items rough = { .scores = s };
    struct pz_hit best;
    float kept;

    if (s->is_rough) {
        pz_scores_settle_best(s, r->mask.allowed, r->mask.n, &best, 1);
        rough.max = s->rough->max;
        rough.plain = s->rough->plain;
        rough.rest = s->rough->rest;
        rough.sparse = s->probe != NULL;
        rough.prefetch = prefetch;
        rough.settle = settle;
        rough.young = r->mask.scratch;
        rough.kept = s->young;
        rough.kept_from = &s->young_from;
    }
    kept = pz_adjustment_explore(a, &r->asked, &r->history, &r->mask, &rough, s->blend);
    pz_scores_explored(s, r->mask.n, kept, a->explored, a->n_explored);
    for (size_t i = 0; i < a->n_shown; i++)
        pz_scores_settle(s, a->shown[i].item);
    pz_adjustment_apply(a, s->blend);
}

/* Step 5, from the blend as the model alone has it. */
static enum pz_status choose(struct pz_ranker *r, struct pz_answer *answer, struct pz_err *err)
{
    const struct pz_request *req = r->asked.req;
    struct pz_scored all = scored(r);
    bool is_list = r->history.query.task == PZ_TASK_RANK;
    enum pz_status st;

    adjust(r);
    st = pz_choose(&r->chosen, &all, is_list ? req->n_rank : req->num, err);
    if (st != PZ_OK)
        return st;
    answer->hit = r->chosen.hit;
    answer->n = r->chosen.n;
    if (r->asked.m->recipe->has_scores && !req->no_scores)
        pz_scored_softmax(&all, answer->hit, answer->n, is_list);
    answer->has_next = !is_list && pz_chosen_any_left(&r->chosen, &r->mask);
    answer->next = (struct pz_page){ req->rules.page.number + 1, r->history.live_last,
                                     pz_page_check(r->asked.m, req), r->history.query.next >= 1 };
    return is_list ? add_unknown(r, answer, err) : PZ_OK;
}

/* The same question, answered from all items, where a probe found too few. */
static enum pz_status rank_all(struct pz_ranker *r, struct pz_answer *answer, struct pz_err *err)
{
    uint32_t check = pz_page_check(r->asked.m, r->asked.req);
    enum pz_status st;

    r->whole = *r->asked.req;
    r->whole.probe = 0;
    r->whole.rules.page.check = pz_page_check(r->asked.m, &r->whole);
    st = pz_rank(r, &r->whole, answer, err);
    answer->next.check = check;
    return st;
}

/* Steps 5 and 6. */
static enum pz_status finish(struct pz_ranker *r, struct pz_answer *answer, struct pz_err *err)
{
    const struct pz_request *req = r->asked.req;
    struct pz_scored all = scored(r);
    enum pz_status st = choose(r, answer, err);

    answer->is_short = st == PZ_OK && req->n_rank == 0 && answer->n < req->num;
    if (st == PZ_OK && r->scores.probe && (answer->is_short || r->scores.has_fallback))
        return rank_all(r, answer, err);
    answer->probed = r->scores.probe ? (double)r->scores.probe->n / r->mask.n : 0;
    if (st == PZ_OK && req->explain) {
        st = pz_explanation_make(&r->explanation, &all, answer->hit, answer->n, err);
        answer->reason = r->explanation.reason;
    }
    return st;
}

enum pz_status pz_rank(struct pz_ranker *r, const struct pz_request *req, struct pz_answer *answer,
                       struct pz_err *err)
{
    enum pz_status st;
    double from;

    *answer = (struct pz_answer){ 0 };
    st = start(r, req, err);
    from = pz_time_clock();
    if (st == PZ_OK)
        st = score(r, err);
    if (st == PZ_OK)
        st = finish(r, answer, err);
    answer->score_s = pz_time_clock() - from;
    return st;
}

/* What two rankers work in changes places. */
static void swap_room(struct pz_ranker *a, struct pz_ranker *b)
{
    struct pz_mask mask = a->mask;
    struct pz_scores scores = a->scores;

    a->mask = b->mask;
    a->scores = b->scores;
    b->mask = mask;
    b->scores = scores;
}

/* One by one, all in the room of one of them, which stays in the caches: only who explains asks for
 * what is in it afterwards. */
static void rank_in_turn(struct pz_rank_task *task, size_t n)
{
    struct pz_ranker *host = NULL;

    for (size_t i = 0; i < n; i++) {
        struct pz_rank_task *t = &task[i];
        bool is_guest = host && !t->req->explain;

        if (is_guest)
            swap_room(host, t->ranker);
        t->status = pz_rank(t->ranker, t->req, &t->answer, &t->err);
        if (is_guest)
            swap_room(host, t->ranker);
        else if (!t->req->explain)
            host = t->ranker;
    }
}

void pz_rank_block(struct pz_rank_task *task, size_t n)
{
    struct pz_scored all[PZ_SCORE_BLOCK];
    const struct pz_scored *together[PZ_SCORE_BLOCK] = { NULL };
    size_t n_together = 0;

    /* Of many items each query reads few, and others. */
    if (n > 0 && task[0].ranker->asked.m->items.n >= pz_bytes_many) {
        rank_in_turn(task, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        struct pz_rank_task *t = &task[i];

        t->answer = (struct pz_answer){ 0 };
        t->status = start(t->ranker, t->req, &t->err);
        all[i] = scored(t->ranker);
        if (t->status == PZ_OK && t->req->explain)
            t->status = score(t->ranker, &t->err);
        else if (t->status == PZ_OK)
            together[n_together++] = &all[i];
    }
    pz_scores_make(together, n_together);
    for (size_t i = 0; i < n; i++)
        if (task[i].status == PZ_OK)
            task[i].status = finish(task[i].ranker, &task[i].answer, &task[i].err);
}

enum pz_status pz_rank_shares(struct pz_ranker *r, const struct pz_request *req,
                              const uint64_t *const *set, size_t n, double *share,
                              struct pz_err *err)
{
    const struct pz_model *m = r->asked.m;
    float scale = (float)m->softmax_scale, top;
    double all;
    enum pz_status st = start(r, req, err);

    if (st != PZ_OK)
        return st;
    pz_scores_make_exact(&(struct pz_scored){ &r->asked, &r->history, &r->mask, &r->adjustment,
                                              &r->scores },
                         NULL);
    top = pz_score_max(r->scores.blend, m->items.n, r->mask.allowed);
    all = pz_softmax_sum(r->scores.blend, r->mask.allowed, m->items.n, scale, top);
    for (size_t i = 0; i < n; i++) {
        memcpy(r->mask.scratch, set[i], pz_bits_words(m->items.n) * sizeof *r->mask.scratch);
        pz_bits_both(r->mask.scratch, r->mask.scratch, r->mask.allowed, m->items.n);
        share[i] = all > 0
                       ? pz_softmax_sum(r->scores.blend, r->mask.scratch, m->items.n, scale, top) /
                             all
                       : 0;
    }
    return PZ_OK;
}

enum pz_status pz_rank_why(struct pz_ranker *r, const struct pz_answer *answer, const char *item_id,
                           struct pz_why *out, struct pz_err *err)
{
    struct pz_scored all = scored(r);

    return pz_explanation_why(&r->explanation, &all, answer, item_id, out, err);
}
