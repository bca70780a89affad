/* SPDX-License-Identifier: Apache-2.0 */
/* Asking: one question to a prepared request. What is live is read anew for every question, so
 * an acknowledged event is in the next answer; all else comes from the snapshot. Whoever asks
 * gets the ranker, and with it the answer, until they clear it.
 *
 * A question's own filter values are bound over those of all. The id of an answer is a hash of
 * its user, its items and the live events that it knew, so equal answers have equal ids. A block
 * of questions is asked of the model together, with the same answers as one by one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer/prepared.h"
#include "answer/service.h"
#include "base/bits.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/rng.h"
#include "base/time.h"
#include "table/hash.h"

/* Bind the question's filter values over those of all, where it has any or nothing is bound for
 * all. */
static enum pz_status bind_values(const struct pz_prepared *p, const struct pz_question *q,
                                  struct pz_answered *a, struct pz_err *err)
{
    struct pz_filter_args args = { 0 };
    enum pz_status st;

    /* What was bound once for all is used as it is, the common case. */
    if (!a->req.filter || (a->req.filter_values && !q->filter_values))
        return PZ_OK;
    st = pz_filter_args_copy(&args, &p->args, err);
    if (st == PZ_OK && q->filter_values)
        st = pz_filter_args_add(&args, q->filter_values, err);
    if (st == PZ_OK)
        st = pz_filter_bind(a->req.filter, &args, &a->values, err);
    a->req.filter_values = a->values;
    /* A page token is good for the same values only: the key stands for them. */
    a->req.values_key = pz_prepared_key(p->promote_key, &args);
    pz_filter_args_clear(&args);
    return st;
}

/* Whether anything is known of the user of a request: learned, put or seen live. */
static bool is_known(const struct pz_model *m, const struct pz_request *req,
                     const struct pz_live *live)
{
    /* Where nobody is named there is nobody unknown. */
    if (!req->user_id || live->n_events > 0 || live->run)
        return true;
    if (live->users && pz_dict_find_str(&live->users->ids, req->user_id) != PZ_NONE)
        return true;
    return !live->forgotten && pz_dict_find_str(&m->users, req->user_id) != PZ_NONE;
}

/* What the request asks of live events: rules about what was seen ask for kinds alone, filters
 * perhaps for more. */
static enum pz_live_detail detail_of(const struct pz_request *req)
{
    const struct pz_rules *rules = &req->rules;
    /* Whether the model counts an event depends on its value. */
    unsigned detail = rules->seen_age_s > 0 && rules->n_seen_types == 0 ? PZ_LIVE_PAIRS
                                                                        : PZ_LIVE_KINDS;

    if (req->filter)
        detail |= pz_filter_detail(req->filter);
    for (size_t i = 0; i < rules->n_boosts; i++)
        detail |= pz_filter_detail(rules->boost[i].filter);
    for (size_t i = 0; i < rules->n_promotions; i++)
        if (rules->promotion[i].filter)
            detail |= pz_filter_detail(rules->promotion[i].filter);
    return (enum pz_live_detail)detail;
}

/* The request of a question, with everything live. */
static enum pz_status gather(const struct pz_prepared *p, const struct pz_question *q,
                             struct pz_answered *a, struct pz_err *err)
{
    enum pz_status st = PZ_OK;
    double from;

    *a = (struct pz_answered){ .prepared = p, .req = p->base };
    pz_question_fill(q, &a->req);
    if (q->problem)
        return pz_err_set(err, PZ_BAD_DATA, "%s", q->problem);
    st = bind_values(p, q, a, err);
    from = pz_time_clock();
    if (st == PZ_OK && p->snap->view)
        st = pz_view_gather(p->snap->view, a->req.user_id, detail_of(&a->req),
                            a->req.rules.page.number ? a->req.rules.page.live : 0, &a->arena,
                            &a->live, err);
    a->gather_s = pz_time_clock() - from;
    a->req.live = &a->live;
    a->is_known = is_known(p->snap->model, &a->req, &a->live);
    return st;
}

enum pz_status pz_ask(const struct pz_prepared *p, const struct pz_question *question,
                      struct pz_answered *a, struct pz_err *err)
{
    enum pz_status st = gather(p, question, a, err);

    if (st == PZ_OK && !(a->ranker = pz_snapshot_ranker(p->snap)))
        st = pz_err_memory(err, "a query", 13.0 * p->snap->model->items.n);
    return st == PZ_OK ? pz_rank(a->ranker, &a->req, &a->answer, err) : st;
}

void pz_ask_block(const struct pz_prepared *p, const struct pz_question *question,
                  struct pz_asked_one *out, size_t n)
{
    struct pz_rank_task task[PZ_ASK_BLOCK];
    size_t owner[PZ_ASK_BLOCK], n_tasks = 0;

    for (size_t i = 0; i < n; i++) {
        struct pz_asked_one *o = &out[i];

        o->status = gather(p, &question[i], &o->answered, &o->err);
        if (o->status == PZ_OK && !(o->answered.ranker = pz_snapshot_ranker(p->snap)))
            o->status = pz_err_memory(&o->err, "a query", 13.0 * p->snap->model->items.n);
        if (o->status != PZ_OK)
            continue;
        owner[n_tasks] = i;
        task[n_tasks++] = (struct pz_rank_task){ .ranker = o->answered.ranker,
                                                 .req = &o->answered.req };
    }
    pz_rank_block(task, n_tasks);
    for (size_t t = 0; t < n_tasks; t++) {
        struct pz_asked_one *o = &out[owner[t]];

        o->answered.answer = task[t].answer;
        o->status = task[t].status;
        o->err = task[t].err;
    }
}

void pz_answered_clear(struct pz_answered *a)
{
    if (a->prepared)
        pz_snapshot_idle(a->prepared->snap, a->ranker);
    pz_filter_values_free(a->values);
    pz_live_release(&a->live);
    pz_arena_clear(&a->arena);
    *a = (struct pz_answered){ 0 };
}

enum pz_status pz_ask_why(struct pz_answered *a, const char *item_id, struct pz_why *out,
                          struct pz_err *err)
{
    return pz_rank_why(a->ranker, &a->answer, item_id, out, err);
}

/* ---- filters alone ---- */

enum pz_status pz_ask_count(const struct pz_prepared *p, const struct pz_question *question,
                            uint64_t *passed, uint32_t *of, struct pz_err *err)
{
    const struct pz_model *m = p->snap->model;
    bool users = p->base.filter && pz_filter_of_users(p->base.filter);
    uint32_t n = users ? m->users.n : m->items.n;
    uint64_t *set = pz_bits_new(n);
    struct pz_filter_work *work = pz_filter_work_new();
    struct pz_answered a;
    enum pz_status st = gather(p, question, &a, err);
    struct pz_filter_env env = { .user_id = a.req.user_id,
                                 .item_id = a.req.item_id,
                                 .live = &a.live,
                                 .history = a.req.history,
                                 .n_history = a.req.n_history,
                                 .now = a.req.now ? a.req.now : pz_time_now() };

    if (st == PZ_OK && (!set || !work))
        st = pz_err_memory(err, "a filter", n / 8.0);
    if (st == PZ_OK)
        pz_bits_fill(set, n, true);
    if (st == PZ_OK && a.req.filter)
        st = pz_filter_apply(a.req.filter, a.req.filter_values, &env, work, set, err);
    *passed = st == PZ_OK ? pz_bits_count(set, n) : 0;
    *of = n;
    pz_answered_clear(&a);
    pz_filter_work_free(work);
    free(set);
    return st;
}

/* ---- ids of answers ---- */

char *pz_answered_rid(const struct pz_answered *a, char *buf)
{
    const char *user_id = a->req.user_id ? a->req.user_id : "";
    const struct pz_view *view = a->prepared->snap->view;
    uint64_t h = pz_hash64(user_id, strlen(user_id)), k;
    char *to = buf;

    for (size_t i = 0; i < a->answer.n; i++)
        h = pz_rng_mix(h ^ a->answer.hit[i].item);
    /* An answer that knew another event is another answer, though its items may be the same. */
    h = pz_rng_mix(h ^ a->answer.next.live);
    k = pz_rng_mix(h);
    memcpy(to, "RID-", 4);
    to = pz_put_hex(to + 4, a->prepared->snap->version, 8);
    for (int shift = 48; shift > 0; shift -= 16) {
        *to++ = '-';
        to = pz_put_hex(to, h >> shift, 4);
    }
    *to++ = '-';
    *pz_put_hex(to, k >> 16, 12) = '\0';
    /* A version's number is the host's own; the first digits of its model are the same
     * everywhere. */
    if (view && strlen(view->version.model) >= 8) {
        memcpy(buf + 13, view->version.model, 4);
        memcpy(buf + 18, view->version.model + 4, 4);
    }
    return buf;
}

bool pz_rid_version(const char *rid, uint32_t *version)
{
    uint32_t found;
    int end = 0;

    if (strlen(rid) != PZ_RID_BYTES - 1 || sscanf(rid, "RID-%8" SCNx32 "-%n", &found, &end) != 1 ||
        /* RID-, eight digits and a dash. */
        end != 13)
        return false;
    *version = found;
    return true;
}
