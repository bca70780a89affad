/* SPDX-License-Identifier: Apache-2.0 */
/* User segments. For every user the model scores all items once; a segment's worth to the user
 * is the share of its items in the softmax over the catalogue, so one pass over the users serves
 * any number of segments.
 *
 * A row of shares per user is filled in parallel, each thread its own rows; sorting is by share,
 * then by user id, so the answer does not depend on threads. A segment that cannot be answered
 * keeps its status and does not harm the others. */
#include "answer/user_segments.h"

#include <stdlib.h>
#include <string.h>

#include "answer/newcomers.h"
#include "answer/service.h"
#include "base/bits.h"
#include "base/par.h"
#include "base/time.h"

struct scored_user {
    double share; /* < 0: nothing is known of the user */
    uint32_t user;
};

struct job {
    struct pz_snapshot *snap;
    const struct pz_request *base;
    struct pz_dict fresh; /* users that only live events know */
    uint32_t n_users;     /* of the model, then fresh ones */
    uint64_t **set;       /* [n] the items of each segment; NULL: it failed */
    size_t n;
    struct scored_user *row; /* [n * n_users] */
    enum pz_status status;   /* the first failure of a thread */
    struct pz_err err;
};

static const char *user_id(const struct job *j, uint32_t u, size_t *len)
{
    uint32_t known = j->snap->model->users.n;

    return u < known ? pz_dict_get(&j->snap->model->users, u, len)
                     : pz_dict_get(&j->fresh, u - known, len);
}

/* ---- the items of a segment ---- */

static enum pz_status fill_where(struct job *j, const char *where, uint64_t *set,
                                 struct pz_err *err)
{
    const struct pz_filter *filter;
    struct pz_filter_values *values = NULL;
    struct pz_filter_work *work = pz_filter_work_new();
    struct pz_live live = { .items = j->snap->view ? j->snap->view->items : NULL,
                            .users = j->snap->view ? j->snap->view->users : NULL };
    struct pz_filter_env env = { .live = &live, .now = pz_time_now() };
    struct pz_str text = { 0 };
    enum pz_status st;

    pz_str_addf(&text, "INCLUDE ItemID WHERE %s", where);
    st = text.failed || !work ? pz_err_memory(err, "a segment", 1e4)
                              : pz_snapshot_filter(j->snap, text.data, &filter, err);
    if (st == PZ_OK)
        st = pz_filter_bind(filter, NULL, &values, err);
    if (st == PZ_OK)
        st = pz_filter_apply(filter, values, &env, work, set, err);
    pz_filter_values_free(values);
    pz_filter_work_free(work);
    pz_str_clear(&text);
    return st;
}

static enum pz_status fill_set(struct job *j, const struct pz_user_segment *s, uint64_t *set,
                               struct pz_err *err)
{
    const struct pz_model *m = j->snap->model;
    uint32_t item = s->item_id ? pz_dict_find_str(&m->items, s->item_id) : PZ_NONE;

    pz_bits_fill(set, m->items.n, s->where != NULL);
    if (s->where)
        return fill_where(j, s->where, set, err);
    if (item == PZ_NONE)
        return pz_err_set(err, PZ_USAGE, "no item of the model has the id \"%s\"",
                          s->item_id ? s->item_id : "");
    pz_bits_add(set, item);
    return PZ_OK;
}

/* ---- users ---- */

/* The shares of all segments for one user. */
static enum pz_status score_user(struct job *j, struct pz_ranker *r, uint32_t u, double *share,
                                 struct pz_err *err)
{
    struct pz_request req = *j->base;
    struct pz_arena arena = { NULL };
    struct pz_live live = { 0 };
    size_t len;
    const char *s = user_id(j, u, &len);
    enum pz_status st = PZ_OK;

    req.user_id = pz_arena_strndup(&arena, s, len);
    if (!req.user_id)
        st = pz_err_memory(err, "a user", (double)len);
    if (st == PZ_OK && j->snap->view)
        st = pz_view_gather(j->snap->view, req.user_id, PZ_LIVE_KINDS, 0, &arena, &live, err);
    req.live = &live;
    if (st == PZ_OK)
        st = pz_rank_shares(r, &req, (const uint64_t *const *)j->set, j->n, share, err);
    for (size_t i = 0; i < j->n; i++)
        j->row[i * j->n_users + u] =
            /* Forgotten and not seen since: popularity alone would be said of them, and they are
             * not to be named. */
            (struct scored_user){ live.forgotten && live.n_events == 0 && !live.run ? -1 : share[i],
                                  u };
    pz_live_release(&live);
    pz_arena_clear(&arena);
    return st;
}

static void score_range(struct job *j, uint32_t from, uint32_t to)
{
    struct pz_ranker *r = pz_snapshot_ranker(j->snap);
    double *share = pz_mem_array(j->n, sizeof *share);
    struct pz_err err = { 0 };
    enum pz_status st = r && share ? PZ_OK : pz_err_memory(&err, "a query", 1e6);

    for (uint32_t u = from; u < to && st == PZ_OK; u++)
        st = score_user(j, r, u, share, &err);
    if (st != PZ_OK) {
#pragma omp critical
        {
            j->status = st;
            j->err = err;
        }
    }
    pz_snapshot_idle(j->snap, r);
    free(share);
}

enum { RANGE = 64 /* users that a thread takes at a time */ };

static enum pz_status score_users(struct job *j, struct pz_err *err)
{
    uint32_t n_ranges = (j->n_users + RANGE - 1) / RANGE;

#pragma omp parallel for schedule(dynamic, 1) num_threads(pz_par_threads())
    for (uint32_t i = 0; i < n_ranges; i++) {
        uint32_t from = i * RANGE, left = j->n_users - from;

        if (j->status == PZ_OK)
            score_range(j, from, from + (left < RANGE ? left : RANGE));
    }
    if (j->status != PZ_OK && err)
        *err = j->err;
    return j->status;
}

static int likeliest_first(const void *x, const void *y)
{
    const struct scored_user *a = x, *b = y;

    /* Equal shares by user: the order of equal keys must not be qsort's choice. */
    return a->share > b->share ? -1 : a->share < b->share ? 1 : a->user < b->user ? -1 : 1;
}

static enum pz_status take_best(struct job *j, struct scored_user *row, struct pz_user_segment *s,
                                struct pz_err *err)
{
    size_t want = j->base->num < j->n_users ? j->base->num : j->n_users;

    qsort(row, j->n_users, sizeof *row, likeliest_first);
    s->user = pz_arena_take(&s->arena, (want + 1) * sizeof *s->user);
    if (!s->user)
        return pz_err_memory(err, "a segment", (double)want);
    for (; s->n < want && row[s->n].share > 0; s->n++) {
        size_t len;
        const char *id = user_id(j, row[s->n].user, &len);
        char *copy = pz_arena_strndup(&s->arena, id, len);

        if (!copy)
            return pz_err_memory(err, "a segment", (double)len);
        s->user[s->n] = (struct pz_segment_user){ copy, row[s->n].share };
    }
    return PZ_OK;
}

/* ---- whole ---- */

static enum pz_status prepare(struct job *j, struct pz_user_segment *segment, struct pz_err *err)
{
    const struct pz_model *m = j->snap->model;
    enum pz_status st = pz_newcomers(j->snap->view, &j->fresh, err);

    j->n_users = m->users.n + j->fresh.n;
    j->set = pz_mem_array(j->n, sizeof *j->set);
    j->row = pz_mem_array(j->n * (size_t)j->n_users, sizeof *j->row);
    if (st == PZ_OK && (!j->set || !j->row))
        st = pz_err_memory(err, "segments", 16.0 * (double)j->n * j->n_users);
    for (size_t i = 0; i < j->n && st == PZ_OK; i++) {
        j->set[i] = pz_bits_new(m->items.n);
        if (!j->set[i])
            st = pz_err_memory(err, "segments", m->items.n / 8.0);
        else
            segment[i].status = fill_set(j, &segment[i], j->set[i], &segment[i].err);
    }
    return st;
}

enum pz_status pz_user_segments_find(const struct pz_prepared *p, struct pz_user_segment *segment,
                                     size_t n, struct pz_err *err)
{
    const struct pz_request *shared = pz_prepared_request(p);
    struct pz_request base = { .num = shared->num,
                               .now = shared->now,
                               .context = shared->context,
                               .n_context = shared->n_context,
                               /* Whether users have met the items already is no reason to leave
                                * them out of an audience. */
                               .rules = { .seen = PZ_SEEN_KEEP } };
    struct job j = { .snap = pz_prepared_snapshot(p), .base = &base, .n = n };
    enum pz_status st = prepare(&j, segment, err);

    if (st == PZ_OK)
        st = score_users(&j, err);
    for (size_t i = 0; i < n && st == PZ_OK; i++)
        if (segment[i].status == PZ_OK)
            st = take_best(&j, j.row + i * j.n_users, &segment[i], err);
    for (size_t i = 0; j.set && i < n; i++)
        free(j.set[i]);
    free(j.set);
    free(j.row);
    pz_dict_clear(&j.fresh);
    return st;
}

void pz_user_segments_clear(struct pz_user_segment *segment, size_t n)
{
    for (size_t i = 0; i < n; i++)
        pz_arena_clear(&segment[i].arena);
}
