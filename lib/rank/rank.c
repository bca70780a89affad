/* SPDX-License-Identifier: Apache-2.0 */
/* Ranking: see rank.h. One query runs through these steps:
 *
 *   1. history: the model's for this user (unless he asked to be forgotten), then live events, then the
 *      inline history; weights as training gave them
 *   2. mask: a bitset of the items that may be recommended (seen rule)
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

enum { HIST_MAX = 500 };

struct pz_ranker {
    const struct pz_model *m;
    uint64_t *allowed; /* [words] */
    size_t words;
    float *blend, *fallback; /* [n_items] */
    void *scratch;
    struct pz_hit *hit;
    size_t cap_hits;
    uint32_t *hist;
    int64_t *hist_time;
    float *hist_weight;
    size_t cap_hist[3], n_hist;
    uint32_t *cand;
    size_t cap_cand;
    struct pz_given *given;
    size_t cap_given, n_given;
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
    free(r->allowed);
    free(r->blend);
    free(r->fallback);
    free(r->scratch);
    free(r->hit);
    free(r->hist);
    free(r->hist_time);
    free(r->hist_weight);
    free(r->cand);
    free(r->given);
    free(r);
}

static enum pz_status add_event(struct pz_ranker *r, uint32_t item, int64_t time, float weight,
                                struct pz_err *err)
{
    size_t n = r->n_hist + 1;

    if (!pz_mem_grow(&r->hist, &r->cap_hist[0], n, sizeof *r->hist) ||
        !pz_mem_grow(&r->hist_time, &r->cap_hist[1], n, sizeof *r->hist_time) ||
        !pz_mem_grow(&r->hist_weight, &r->cap_hist[2], n, sizeof *r->hist_weight))
        return pz_err_memory(err, "a history", 16.0 * (double)n);
    r->hist[r->n_hist] = item;
    r->hist_time[r->n_hist] = time;
    r->hist_weight[r->n_hist++] = weight;
    return PZ_OK;
}

static enum pz_status add_live(struct pz_ranker *r, const struct pz_live *live, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (size_t i = 0; live && i < live->n_events && st == PZ_OK; i++) {
        const struct pz_live_event *e = &live->event[i];
        uint32_t item = e->item_id ? pz_dict_find_str(&r->m->items, e->item_id) : PZ_NONE;
        double weight = pz_model_event_weight(r->m, e->event_type, e->value);

        if (item != PZ_NONE && weight > 0)
            st = add_event(r, item, e->time, (float)weight, err);
    }
    return st;
}

/* The whole history; *user is the model's index or PZ_NONE. */
static enum pz_status assemble(struct pz_ranker *r, const struct pz_request *req, uint32_t *user,
                               struct pz_err *err)
{
    const struct pz_model *m = r->m;
    int64_t now = req->now ? req->now : m->newest;
    enum pz_status st = PZ_OK;

    r->n_hist = 0;
    *user = req->user_id ? pz_dict_find_str(&m->users, req->user_id) : PZ_NONE;
    if (*user != PZ_NONE && !(req->live && req->live->forgotten)) {
        for (uint64_t p = m->ptr[*user]; p < m->ptr[*user + 1] && st == PZ_OK; p++)
            if (m->weight[p] > 0)
                st = add_event(r, m->item[p], m->time[p], m->weight[p], err);
    }
    if (st == PZ_OK)
        st = add_live(r, req->live, err);
    for (size_t i = 0; i < req->n_history && st == PZ_OK; i++) {
        uint32_t item = pz_dict_find_str(&m->items, req->history[i]);

        if (item != PZ_NONE)
            st = add_event(r, item, now, 1, err);
    }
    return st;
}

/* The model's attributes of a known user as given values. */
static enum pz_status assemble_user(struct pz_ranker *r, uint32_t user, struct pz_err *err)
{
    const struct pz_attrs *attrs = &r->m->user_attrs;

    r->n_given = 0;
    for (uint32_t i = 0; user != PZ_NONE && i < attrs->n_attrs; i++) {
        const struct pz_attr *a = &attrs->attr[i];
        uint64_t n = a->num ? (uint64_t)!isnan(a->num[user]) : a->ptr[user + 1] - a->ptr[user];

        if (!pz_mem_grow(&r->given, &r->cap_given, r->n_given + (size_t)n, sizeof *r->given))
            return pz_err_memory(err, "user attributes", 32.0 * (double)n);
        for (uint64_t k = 0; k < n; k++)
            r->given[r->n_given++] = (struct pz_given){ a, a->num ? a->num[user] : 0,
                                                        a->num ? 0 : a->code[a->ptr[user] + k] };
    }
    return PZ_OK;
}

static void allow(uint64_t *set, uint32_t i)
{
    set[i / 64] |= (uint64_t)1 << (i % 64);
}

static void forbid(uint64_t *set, uint32_t i)
{
    set[i / 64] &= ~((uint64_t)1 << (i % 64));
}

static bool is_allowed(const uint64_t *set, uint32_t i)
{
    return set[i / 64] >> (i % 64) & 1;
}

static void mask(struct pz_ranker *r, const struct pz_request *req)
{
    enum pz_seen seen = req->seen;

    if (seen == PZ_SEEN_DEFAULT)
        seen = r->m->recipe->exclude_seen ? PZ_SEEN_EXCLUDE : PZ_SEEN_KEEP;
    memset(r->allowed, seen == PZ_SEEN_ONLY ? 0 : 0xff, r->words * sizeof *r->allowed);
    if (r->m->items.n % 64 && seen != PZ_SEEN_ONLY)
        r->allowed[r->words - 1] = ((uint64_t)1 << (r->m->items.n % 64)) - 1;
    for (size_t i = 0; i < r->n_hist && seen != PZ_SEEN_KEEP; i++) {
        if (seen == PZ_SEEN_ONLY)
            allow(r->allowed, r->hist[i]);
        else
            forbid(r->allowed, r->hist[i]);
    }
}

static bool worse(const struct pz_hit *a, const struct pz_hit *b)
{
    return a->blend < b->blend || (a->blend == b->blend && a->item > b->item);
}

static void sift_down(struct pz_hit *heap, size_t n, size_t i)
{
    for (;;) {
        size_t child = 2 * i + 1;
        struct pz_hit swap;

        if (child >= n)
            return;
        if (child + 1 < n && worse(&heap[child + 1], &heap[child]))
            child++;
        if (!worse(&heap[child], &heap[i]))
            return;
        swap = heap[i];
        heap[i] = heap[child];
        heap[child] = swap;
        i = child;
    }
}

static int best_first(const void *x, const void *y)
{
    const struct pz_hit *a = x, *b = y;

    return worse(a, b) ? 1 : worse(b, a) ? -1 : 0;
}

/* The want best allowed items with a positive score: a heap whose root is the worst kept. */
static size_t top(const struct pz_ranker *r, const float *score, struct pz_hit *hit, size_t want,
                  enum pz_origin origin)
{
    size_t n = 0;

    for (uint32_t i = 0; i < r->m->items.n && want > 0; i++) {
        struct pz_hit h = { .item = i, .blend = score[i], .score = NAN, .source = origin };

        if (score[i] <= 0 || !is_allowed(r->allowed, i) || (n == want && !worse(&hit[0], &h)))
            continue;
        if (n < want) {
            hit[n++] = h;
            if (n == want)
                for (size_t k = n / 2; k-- > 0;)
                    sift_down(hit, n, k);
        } else {
            hit[0] = h;
            sift_down(hit, n, 0);
        }
    }
    qsort(hit, n, sizeof *hit, best_first);
    return n;
}

static enum pz_status grow_hits(struct pz_ranker *r, size_t n, struct pz_err *err)
{
    return pz_mem_grow(&r->hit, &r->cap_hits, n + 1, sizeof *r->hit)
               ? PZ_OK
               : pz_err_memory(err, "the answer", (double)n * sizeof *r->hit);
}

/* The fallback's scores: the last part of every recipe (popularity); items nobody had get a trace. */
static void score_fallback(struct pz_ranker *r, const struct pz_query *q)
{
    const struct pz_part *p = &r->m->part[r->m->n_parts - 1];
    float least = INFINITY;

    memset(r->fallback, 0, r->m->items.n * sizeof *r->fallback);
    p->scorer->score(p->part, q, r->scratch, r->fallback);
    for (uint32_t i = 0; i < r->m->items.n; i++)
        if (r->fallback[i] > 0 && r->fallback[i] < least)
            least = r->fallback[i];
    for (uint32_t i = 0; i < r->m->items.n; i++)
        if (r->fallback[i] <= 0)
            r->fallback[i] = isfinite(least) ? least * 0.5f : 1.0f;
}

/* softmax(scale * blend) over the allowed items; the largest blend is taken out for the exponent. */
static void give_scores(const struct pz_ranker *r, struct pz_hit *hit, size_t n)
{
    double scale = r->m->softmax_scale, total = 0;
    float largest = n ? hit[0].blend : 0;

    if (!r->m->recipe->has_scores)
        return;
    for (uint32_t i = 0; i < r->m->items.n; i++)
        if (is_allowed(r->allowed, i))
            total += exp(scale * (double)(r->blend[i] - largest));
    for (size_t i = 0; i < n; i++)
        if (hit[i].item != PZ_NONE && total > 0)
            hit[i].score = exp(scale * (double)(hit[i].blend - largest)) / total;
}

static bool only_fallback(const struct pz_ranker *r, uint32_t used)
{
    return used == 0 || used == 1u << (r->m->n_parts - 1);
}

static enum pz_origin related_origin(const struct pz_ranker *r, uint32_t used)
{
    return only_fallback(r, used) ? PZ_ORIGIN_POPULAR : PZ_ORIGIN_SIMILAR;
}

static enum pz_origin main_origin(const struct pz_ranker *r, const struct pz_request *req,
                                  uint32_t user, uint32_t used)
{
    if (only_fallback(r, used))
        return PZ_ORIGIN_POPULAR;
    return user != PZ_NONE && !(req->live && req->live->forgotten) ? PZ_ORIGIN_PERSONAL
                                                                   : PZ_ORIGIN_SESSION;
}

/* After the blend's items, what is missing comes from the fallback. */
static enum pz_status fill_answer(struct pz_ranker *r, const struct pz_query *q, size_t want,
                                  enum pz_origin origin, struct pz_answer *answer,
                                  struct pz_err *err)
{
    size_t n;
    enum pz_status st = grow_hits(r, want < r->m->items.n ? want : r->m->items.n, err);

    if (st != PZ_OK)
        return st;
    if (want > r->m->items.n)
        want = r->m->items.n;
    n = top(r, r->blend, r->hit, want, origin);
    give_scores(r, r->hit, n);
    if (n < want) {
        for (size_t i = 0; i < n; i++)
            forbid(r->allowed, r->hit[i].item);
        score_fallback(r, q);
        n += top(r, r->fallback, r->hit + n, want - n, PZ_ORIGIN_POPULAR);
        for (size_t i = 0; i < n; i++)
            if (r->hit[i].source == PZ_ORIGIN_POPULAR && origin != PZ_ORIGIN_POPULAR)
                r->hit[i].blend = 0;
    }
    answer->hit = r->hit;
    answer->n = n;
    return PZ_OK;
}

static void score(struct pz_ranker *r, struct pz_query *q, uint32_t *used)
{
    pz_model_score(r->m, q, r->allowed, r->scratch, r->blend, NULL, used);
}

static struct pz_query make_query(const struct pz_ranker *r, const struct pz_request *req)
{
    size_t n = r->n_hist > HIST_MAX ? HIST_MAX : r->n_hist, from = r->n_hist - n;

    return (struct pz_query){ .task = r->m->recipe->task,
                              .n_hist = n,
                              .hist = r->hist + from,
                              .hist_time = r->hist_time + from,
                              .hist_weight = r->hist_weight + from,
                              .user = r->given,
                              .n_user = r->n_given,
                              .now = req->now       ? req->now
                                     : r->n_hist > 0 ? r->hist_time[r->n_hist - 1]
                                                     : r->m->newest };
}

static enum pz_status rank_user(struct pz_ranker *r, const struct pz_request *req,
                                struct pz_answer *answer, struct pz_err *err)
{
    uint32_t user = PZ_NONE, used = 0;
    struct pz_query q;
    enum pz_status st = assemble(r, req, &user, err);

    if (st == PZ_OK)
        st = assemble_user(r, user, err);
    if (st != PZ_OK)
        return st;
    q = make_query(r, req);
    mask(r, req);
    score(r, &q, &used);
    return fill_answer(r, &q, req->num, main_origin(r, req, user, used), answer, err);
}

static enum pz_status rank_related(struct pz_ranker *r, const struct pz_request *req,
                                   struct pz_answer *answer, struct pz_err *err)
{
    uint32_t item = pz_dict_find_str(&r->m->items, req->item_id), user = PZ_NONE, used = 0;
    struct pz_query q;
    enum pz_status st = assemble(r, req, &user, err);

    if (st != PZ_OK)
        return st;
    mask(r, req); /* seen rule against the user's own history, if a user is given */
    r->n_hist = 0;
    if (item != PZ_NONE) {
        forbid(r->allowed, item);
        st = add_event(r, item, r->m->newest, 1, err);
    }
    if (st != PZ_OK)
        return st;
    q = make_query(r, req);
    q.task = PZ_TASK_RELATED;
    score(r, &q, &used);
    return fill_answer(r, &q, req->num, related_origin(r, used), answer, err);
}

/* A given list in order; unknown items stay, at the end, in the order given. */
static enum pz_status rank_list(struct pz_ranker *r, const struct pz_request *req,
                                struct pz_answer *answer, struct pz_err *err)
{
    uint32_t user = PZ_NONE, used = 0;
    struct pz_query q;
    size_t n = 0, unknown = 0;
    double scale = r->m->softmax_scale, total = 0;
    enum pz_status st = assemble(r, req, &user, err);

    if (st == PZ_OK)
        st = assemble_user(r, user, err);
    if (st == PZ_OK)
        st = grow_hits(r, req->n_rank, err);
    if (st != PZ_OK)
        return st;
    q = make_query(r, req);
    memset(r->allowed, 0, r->words * sizeof *r->allowed);
    for (size_t i = 0; i < req->n_rank; i++) {
        uint32_t item = pz_dict_find_str(&r->m->items, req->rank[i]);

        if (item != PZ_NONE)
            allow(r->allowed, item);
    }
    q.task = PZ_TASK_RANK;
    score(r, &q, &used);
    score_fallback(r, &q);
    for (size_t i = 0; i < req->n_rank; i++) {
        uint32_t item = pz_dict_find_str(&r->m->items, req->rank[i]);
        struct pz_hit h = { .item = item, .id = req->rank[i], .score = NAN };

        if (item == PZ_NONE) {
            unknown++;
            continue;
        }
        h.blend = r->blend[item] + 1e-9f * r->fallback[item]; /* popularity breaks ties */
        h.source = r->blend[item] > 0 ? main_origin(r, req, user, used) : PZ_ORIGIN_POPULAR;
        r->hit[n++] = h;
    }
    qsort(r->hit, n, sizeof *r->hit, best_first);
    for (size_t i = 0; i < n; i++)
        total += exp(scale * (double)(r->hit[i].blend - r->hit[0].blend));
    for (size_t i = 0; i < n; i++)
        r->hit[i].score = exp(scale * (double)(r->hit[i].blend - r->hit[0].blend)) / total;
    for (size_t i = 0; i < req->n_rank && unknown > 0; i++)
        if (pz_dict_find_str(&r->m->items, req->rank[i]) == PZ_NONE)
            r->hit[n++] = (struct pz_hit){ .item = PZ_NONE, .id = req->rank[i], .score = 0,
                                           .source = PZ_ORIGIN_UNKNOWN };
    answer->hit = r->hit;
    answer->n = n;
    return PZ_OK;
}

enum pz_status pz_rank(struct pz_ranker *r, const struct pz_request *req, struct pz_answer *answer,
                       struct pz_err *err)
{
    enum pz_status st;

    memset(answer, 0, sizeof *answer);
    if (req->n_rank > 0)
        return rank_list(r, req, answer, err);
    if (r->m->recipe->task == PZ_TASK_RELATED) {
        if (!req->item_id)
            return pz_err_set(err, PZ_USAGE, "recipe %s answers for an item: --item is missing",
                              r->m->recipe->name);
        st = rank_related(r, req, answer, err);
    } else if (r->m->recipe->task == PZ_TASK_RANK) {
        return pz_err_set(err, PZ_USAGE, "recipe %s orders a list: --rank ID,ID,... is missing",
                          r->m->recipe->name);
    } else if (req->item_id && !req->user_id && req->n_history == 0) {
        st = rank_related(r, req, answer, err);
    } else {
        st = rank_user(r, req, answer, err);
    }
    answer->is_short = st == PZ_OK && answer->n < req->num;
    return st;
}
