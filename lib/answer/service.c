/* SPDX-License-Identifier: Apache-2.0 */
/* Services and snapshots: see answer.h.
 *
 * A service is a path and a pointer to its newest snapshot; a snapshot owns one view (or one model
 * file), the filters that were compiled for it and the rankers that are idle. Everything that a
 * query reads is immutable; what changes has a lock:
 *
 *   service.lock     guards the pointer: taken for an instant to hold or to swap
 *   service.refresh  one refresh at a time; others return at once
 *   own.lock        guards filters, idle rankers and the reference count of one snapshot
 *
 * Invariants: a snapshot in place answers (it was opened and asked once before the swap); a failed
 * refresh leaves the old one in place; a snapshot is freed by whoever gives the last reference
 * back, after which nothing can reach it. */
#include "answer/service.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "campaign/filters.h"
#include "campaign/live.h"

struct compiled {
    char *text; /* owned: a name or an expression */
    struct pz_filter *filter;
};

struct pz_snapshot_own {
    pthread_mutex_t lock;
    size_t refs;
    struct pz_view *view;   /* NULL: a bare model */
    struct pz_model *model; /* owned when bare */
    struct compiled *filter;
    struct pz_ranker **idle;
    size_t n_filters, cap_filters, n_idle, cap_idle;
};

struct pz_service {
    char *path;
    bool is_campaign;
    uint32_t version; /* of a campaign; 0: the current one */
    pthread_mutex_t lock, refresh;
    struct pz_snapshot *now; /* one reference */
};

/* ---- snapshots ---- */

static void free_snapshot(struct pz_snapshot *snap)
{
    struct pz_snapshot_own *own = snap->own;

    for (size_t i = 0; i < own->n_idle; i++)
        pz_ranker_free(own->idle[i]);
    for (size_t i = 0; i < own->n_filters; i++) {
        free(own->filter[i].text);
        pz_filter_free(own->filter[i].filter);
    }
    free(own->idle);
    free(own->filter);
    if (own->view)
        pz_view_free(own->view);
    else
        pz_model_free(own->model);
    pthread_mutex_destroy(&own->lock);
    free(own);
    free(snap);
}

/* old: the one until now; NULL: none */
static enum pz_status open_snapshot(const struct pz_service *s, const struct pz_snapshot *old,
                                    struct pz_snapshot **out, struct pz_err *err)
{
    struct pz_snapshot *snap = calloc(1, sizeof *snap);
    struct pz_snapshot_own *own = calloc(1, sizeof *own);
    enum pz_status st = PZ_OK;

    *out = NULL;
    if (!snap || !own) {
        free(snap);
        free(own);
        return pz_err_memory(err, "a campaign", sizeof *own);
    }
    pthread_mutex_init(&own->lock, NULL);
    own->refs = 1;
    snap->own = own;
    st = s->is_campaign
             ? pz_view_open_after(s->path, s->version, old ? old->view : NULL, &own->view, err)
             : pz_model_open(s->path, &own->model, err);
    if (st != PZ_OK) {
        free_snapshot(snap);
        return st;
    }
    snap->view = own->view;
    snap->model = own->view ? own->view->model : own->model;
    snap->version = own->view ? own->view->version.number : 0;
    *out = snap;
    return PZ_OK;
}

struct pz_snapshot *pz_snapshot_hold(struct pz_snapshot *snap)
{
    pthread_mutex_lock(&snap->own->lock);
    snap->own->refs++;
    pthread_mutex_unlock(&snap->own->lock);
    return snap;
}

void pz_snapshot_release(struct pz_snapshot *snap)
{
    size_t left;

    if (!snap)
        return;
    pthread_mutex_lock(&snap->own->lock);
    left = --snap->own->refs;
    pthread_mutex_unlock(&snap->own->lock);
    if (left == 0)
        free_snapshot(snap);
}

/* The compiled filter of that text, or NULL. */
static const struct pz_filter *find_filter(const struct pz_snapshot_own *own, const char *text)
{
    for (size_t i = 0; i < own->n_filters; i++)
        if (strcmp(own->filter[i].text, text) == 0)
            return own->filter[i].filter;
    return NULL;
}

static enum pz_status add_filter(struct pz_snapshot *snap, const char *text, struct pz_err *err)
{
    struct pz_snapshot_own *own = snap->own;
    struct compiled made = { NULL, NULL };
    enum pz_status st = pz_view_filter(own->view, snap->model, text, &made.filter, err);

    if (st != PZ_OK)
        return st;
    made.text = pz_mem_strndup(text, strlen(text));
    if (!made.text ||
        !pz_mem_grow(&own->filter, &own->cap_filters, own->n_filters + 1, sizeof made)) {
        free(made.text);
        pz_filter_free(made.filter);
        return pz_err_memory(err, "a filter", sizeof made);
    }
    own->filter[own->n_filters++] = made;
    return PZ_OK;
}

enum pz_status pz_snapshot_filter(struct pz_snapshot *snap, const char *text,
                                  const struct pz_filter **out, struct pz_err *err)
{
    struct pz_snapshot_own *own = snap->own;
    enum pz_status st = PZ_OK;

    pthread_mutex_lock(&own->lock);
    /* With the lock held while it compiles: the others who want the same wait instead of compiling
     * it again. */
    if (!find_filter(own, text))
        st = add_filter(snap, text, err);
    *out = st == PZ_OK ? find_filter(own, text) : NULL;
    pthread_mutex_unlock(&own->lock);
    return st;
}

struct pz_ranker *pz_snapshot_ranker(struct pz_snapshot *snap)
{
    struct pz_snapshot_own *own = snap->own;
    struct pz_ranker *r = NULL;

    pthread_mutex_lock(&own->lock);
    if (own->n_idle > 0)
        r = own->idle[--own->n_idle];
    pthread_mutex_unlock(&own->lock);
    /* Rankers hold the scratch of a query, some 13 bytes per item, which is too much to allocate
     * for each. */
    return r ? r : pz_ranker_new(snap->model);
}

void pz_snapshot_idle(struct pz_snapshot *snap, struct pz_ranker *r)
{
    struct pz_snapshot_own *own = snap->own;
    bool kept = false;

    if (!r)
        return;
    pthread_mutex_lock(&own->lock);
    if (pz_mem_grow(&own->idle, &own->cap_idle, own->n_idle + 1, sizeof *own->idle)) {
        own->idle[own->n_idle++] = r;
        kept = true;
    }
    pthread_mutex_unlock(&own->lock);
    if (!kept)
        pz_ranker_free(r);
}

/* ---- services ---- */

enum pz_status pz_service_open(const char *path, struct pz_service **out, struct pz_err *err)
{
    return pz_service_open_version(path, 0, out, err);
}

enum pz_status pz_service_open_version(const char *path, uint32_t version, struct pz_service **out,
                                       struct pz_err *err)
{
    struct pz_service *s = calloc(1, sizeof *s);
    enum pz_status st;

    *out = NULL;
    if (!s || !(s->path = pz_mem_strndup(path, strlen(path)))) {
        free(s);
        return pz_err_memory(err, "a campaign", sizeof *s);
    }
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->refresh, NULL);
    s->version = version;
    st = pz_campaign_is(path, &s->is_campaign, err);
    if (st == PZ_OK)
        st = open_snapshot(s, NULL, &s->now, err);
    if (st != PZ_OK) {
        pz_service_close(s);
        return st;
    }
    *out = s;
    return PZ_OK;
}

void pz_service_close(struct pz_service *s)
{
    if (!s)
        return;
    pz_snapshot_release(s->now);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->refresh);
    free(s->path);
    free(s);
}

struct pz_snapshot *pz_service_take(struct pz_service *s)
{
    struct pz_snapshot *snap;

    pthread_mutex_lock(&s->lock);
    snap = pz_snapshot_hold(s->now);
    pthread_mutex_unlock(&s->lock);
    return snap;
}

/* Compile what the old snapshot has compiled. A filter that is no longer one, because its name is
 * gone or its column, is left out: who asks with it is told so. */
static void carry_filters(const struct pz_snapshot *old, struct pz_snapshot *fresh)
{
    struct pz_snapshot_own *own = old->own;

    pthread_mutex_lock(&own->lock);
    for (size_t i = 0; i < own->n_filters; i++)
        add_filter(fresh, own->filter[i].text, NULL);
    pthread_mutex_unlock(&own->lock);
}

/* Ask for nobody and for the first user: the scans touch the pages that other questions will. */
static void warm(struct pz_snapshot *snap)
{
    const struct pz_model *m = snap->model;
    struct pz_ranker *r = pz_snapshot_ranker(snap);
    struct pz_arena arena = { NULL };
    size_t n = 0;
    const char *id = m->users.n > 0 ? pz_dict_get(&m->users, 0, &n) : NULL;
    char *user_id = id ? pz_arena_strndup(&arena, id, n) : NULL;
    const char *item_id = m->items.n > 0 ? pz_dict_get(&m->items, 0, &n) : NULL;
    char *item = item_id ? pz_arena_strndup(&arena, item_id, n) : NULL;
    struct pz_request req = { .user_id = user_id, .item_id = item, .num = 25 };
    struct pz_answer answer;

    if (m->recipe->task != PZ_TASK_RELATED)
        req.item_id = NULL;
    if (m->recipe->task == PZ_TASK_RANK && item) {
        req.rank = (const char *const *)&item;
        req.n_rank = 1;
    }
    if (r)
        pz_rank(r, &req, &answer, NULL);
    pz_snapshot_idle(snap, r);
    pz_arena_clear(&arena);
}

static enum pz_status swap(struct pz_service *s, struct pz_snapshot *old, struct pz_err *err)
{
    struct pz_snapshot *fresh;
    enum pz_status st = open_snapshot(s, old, &fresh, err);

    if (st != PZ_OK)
        return st;
    carry_filters(old, fresh);
    warm(fresh);
    pthread_mutex_lock(&s->lock);
    s->now = fresh;
    pthread_mutex_unlock(&s->lock);
    pz_snapshot_release(old); /* the service's own reference */
    return PZ_OK;
}

/* Nothing better is to be had: is what answers still what was published? Whoever overwrites a file
 * in use changes it under the map. */
static void look_for_damage(struct pz_snapshot *snap)
{
    if (pz_model_recheck(snap->model, NULL) == PZ_BAD_DATA)
        atomic_store(&snap->damaged, true);
}

enum pz_status pz_service_refresh(struct pz_service *s, bool *changed, struct pz_err *err)
{
    struct pz_snapshot *old;
    bool stale;
    enum pz_status st = PZ_OK;

    if (changed)
        *changed = false;
    if (!s->is_campaign || pthread_mutex_trylock(&s->refresh) != 0)
        return PZ_OK;
    old = pz_service_take(s);
    stale = pz_view_is_stale(s->path, old->view);
    if (stale)
        st = swap(s, old, err);
    if (st == PZ_BAD_DATA)
        look_for_damage(old);
    if (changed)
        *changed = stale && st == PZ_OK;
    pz_snapshot_release(old);
    pthread_mutex_unlock(&s->refresh);
    return st;
}
