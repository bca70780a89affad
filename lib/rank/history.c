/* SPDX-License-Identifier: Apache-2.0 */
/* History: what the user did, from three sources in this order: the model's own record of him
 * (unless he asked to be forgotten), live events, the inline history of the request. Scorers read
 * the newest PZ_HIST_MAX events that count; rules read all of it. */
#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "rank/ranker.h"

static enum pz_status add_past(struct pz_ranker *r, const struct pz_past *event, struct pz_err *err)
{
    if (!pz_mem_grow(&r->past, &r->cap_past, r->n_past + 1, sizeof *r->past))
        return pz_err_memory(err, "a history", (double)r->n_past * sizeof *r->past);
    r->past[r->n_past++] = *event;
    return PZ_OK;
}

static enum pz_status add_known(struct pz_ranker *r, struct pz_err *err)
{
    const struct pz_model *m = r->m;
    bool forgotten = r->req->live && r->req->live->forgotten;
    enum pz_status st = PZ_OK;

    if (r->user == PZ_NONE || forgotten)
        return PZ_OK;
    for (uint64_t p = m->ptr[r->user]; p < m->ptr[r->user + 1] && st == PZ_OK; p++) {
        struct pz_past e = { .item = m->item[p], .time = m->time[p], .weight = m->weight[p] };

        if (m->event)
            e.type = pz_dict_get(&m->events, m->event[p], &e.n_type);
        st = add_past(r, &e, err);
    }
    return st;
}

bool pz_rank_counts(const struct pz_ranker *r, const struct pz_live_event *event)
{
    const struct pz_page *page = &r->req->rules.page;

    return page->number == 0 || event->number <= page->live;
}

static enum pz_status add_live(struct pz_ranker *r, struct pz_err *err)
{
    const struct pz_live *live = r->req->live;
    enum pz_status st = PZ_OK;

    for (size_t i = 0; live && i < live->n_events && st == PZ_OK; i++) {
        const struct pz_live_event *e = &live->event[i];
        struct pz_past past = {
            .item = e->item_id ? pz_dict_find_str(&r->m->items, e->item_id) : PZ_NONE,
            .type = e->event_type,
            .n_type = e->event_type ? strlen(e->event_type) : 0,
            .time = e->time,
            .weight = (float)pz_model_event_weight(r->m, e->event_type, e->value)
        };

        if (!pz_rank_counts(r, e))
            continue;
        r->live_last = e->number > r->live_last ? e->number : r->live_last;
        r->now = !r->req->now && e->time > r->now ? e->time : r->now;
        if (past.item != PZ_NONE)
            st = add_past(r, &past, err);
    }
    return st;
}

static enum pz_status add_inline(struct pz_ranker *r, struct pz_err *err)
{
    const struct pz_request *req = r->req;
    enum pz_status st = PZ_OK;

    for (size_t i = 0; i < req->n_history && st == PZ_OK; i++) {
        struct pz_past past = { .item = pz_dict_find_str(&r->m->items, req->history[i]),
                                .time = req->now ? req->now : r->m->newest,
                                .weight = 1 };

        if (past.item != PZ_NONE)
            st = add_past(r, &past, err);
    }
    return st;
}

/* Add the values that a row holds of one of the model's attributes; values the model lacks say
 * nothing. */
static enum pz_status add_values(struct pz_ranker *r, const struct pz_attr *own,
                                 const struct pz_attr *a, uint64_t row, struct pz_err *err)
{
    uint64_t n = a->num ? (uint64_t)!isnan(a->num[row]) : a->ptr[row + 1] - a->ptr[row];

    if (!own->num != !a->num)
        return PZ_OK;
    if (!pz_mem_grow(&r->given, &r->cap_given, r->n_given + (size_t)n, sizeof *r->given))
        return pz_err_memory(err, "user attributes", 32.0 * (double)n);
    for (uint64_t k = 0; k < n; k++) {
        struct pz_given g = { own, a->num ? a->num[row] : 0,
                              a->num ? 0 : a->code[a->ptr[row] + k] };

        if (!a->num && a != own) {
            size_t len;
            const char *text = pz_dict_get(&a->values, g.code, &len);

            g.code = pz_dict_find(&own->values, text, len);
        }
        if (a->num || g.code != PZ_NONE)
            r->given[r->n_given++] = g;
    }
    return PZ_OK;
}

/* The user's attributes: of a row put since the model was made, else the model's. */
static enum pz_status add_given(struct pz_ranker *r, struct pz_err *err)
{
    const struct pz_attrs *attrs = &r->m->user_attrs;
    const struct pz_overlay *overlay = r->req->live ? r->req->live->users : NULL;
    uint32_t put = overlay && r->req->user_id ? pz_dict_find_str(&overlay->ids, r->req->user_id)
                                              : PZ_NONE;
    enum pz_status st = PZ_OK;

    r->n_given = 0;
    for (uint32_t i = 0; i < attrs->n_attrs && st == PZ_OK; i++) {
        const struct pz_attr *own = &attrs->attr[i], *a = own;

        if (put != PZ_NONE)
            a = pz_attrs_find(&overlay->attrs, own->name);
        if (a && (put != PZ_NONE || r->user != PZ_NONE))
            st = add_values(r, own, a, put != PZ_NONE ? put : r->user, err);
    }
    return st;
}

static enum pz_status no_context(const struct pz_attrs *attrs, const char *key, struct pz_err *err)
{
    const char *names[64];
    size_t n = 0;

    while (n < attrs->n_attrs && n < 64) {
        names[n] = attrs->attr[n].name;
        n++;
    }
    return pz_err_set(err, PZ_USAGE, "context \"%s\" is no column of Interactions%s", key,
                      pz_str_hint("", key, names, n).text);
}

/* "true", "false", "1" or "0" as a number. */
static bool read_truth(const char *text, double *out)
{
    bool truth;

    if (pz_str_to_bool(text, strlen(text), &truth)) {
        *out = truth;
        return true;
    }
    return pz_str_to_double(text, strlen(text), out) && (*out == 0 || *out == 1);
}

/* The moment's values; ones that the model never met say nothing. */
static enum pz_status add_context(struct pz_ranker *r, struct pz_err *err)
{
    const struct pz_request *req = r->req;

    r->n_context = 0;
    if (!pz_mem_grow(&r->context, &r->cap_context, req->n_context + 1, sizeof *r->context))
        return pz_err_memory(err, "a context", 32.0 * (double)req->n_context);
    for (size_t i = 0; i < req->n_context; i++) {
        const struct pz_context *c = &req->context[i];
        const struct pz_attr *a = pz_attrs_find(&r->m->context, c->key);
        struct pz_given g = { .attr = a };

        if (!a)
            return no_context(&r->m->context, c->key, err);
        if (a->kind == PZ_ATTR_NUMBER && !pz_str_to_double(c->value, strlen(c->value), &g.num))
            return pz_err_set(err, PZ_USAGE, "context %s is a number, not \"%s\"", a->name,
                              c->value);
        if (a->kind == PZ_ATTR_BOOL && !read_truth(c->value, &g.num))
            return pz_err_set(err, PZ_USAGE, "context %s is true or false, not \"%s\"", a->name,
                              c->value);
        g.code = a->num ? 0 : pz_dict_find_str(&a->values, c->value);
        if (a->num || g.code != PZ_NONE)
            r->context[r->n_context++] = g;
    }
    return PZ_OK;
}

/* Room for the query's history of n events, and as much for that of known items. */
static enum pz_status grow_hist(struct pz_ranker *r, size_t n, struct pz_err *err)
{
    n *= 2;
    if (!pz_mem_grow(&r->hist, &r->cap_hist[0], n, sizeof *r->hist) ||
        !pz_mem_grow(&r->hist_time, &r->cap_hist[1], n, sizeof *r->hist_time) ||
        !pz_mem_grow(&r->hist_weight, &r->cap_hist[2], n, sizeof *r->hist_weight))
        return pz_err_memory(err, "a history", 16.0 * (double)n);
    return PZ_OK;
}

/* Where the history holds items that came since training, what it holds beside them, for the parts
 * that know nothing of such. */
static void split_known(struct pz_ranker *r)
{
    size_t from = r->q.n_hist, to = from;

    for (size_t i = 0; i < from; i++)
        if (r->hist[i] < pz_model_learned(r->m)) {
            r->hist[to] = r->hist[i];
            r->hist_time[to] = r->hist_time[i];
            r->hist_weight[to++] = r->hist_weight[i];
        }
    r->q.known = NULL;
    r->known = r->q;
    r->known.hist += from;
    r->known.hist_time += from;
    r->known.hist_weight += from;
    r->known.n_hist = to - from;
    r->q.known = to - from < from ? &r->known : NULL;
}

/* The newest PZ_HIST_MAX events that count become the query's. */
static enum pz_status fill_query(struct pz_ranker *r, struct pz_err *err)
{
    size_t n = 0, from = r->n_past;
    enum pz_status st = grow_hist(r, PZ_HIST_MAX, err);

    if (st != PZ_OK)
        return st;
    while (from > 0 && n < PZ_HIST_MAX)
        n += r->past[--from].weight > 0;
    n = 0;
    for (size_t i = from; i < r->n_past; i++)
        if (r->past[i].weight > 0) {
            r->hist[n] = r->past[i].item;
            r->hist_time[n] = r->past[i].time;
            r->hist_weight[n++] = r->past[i].weight;
        }
    r->q = (struct pz_query){ .task = r->m->recipe->task,
                              .n_hist = n,
                              .hist = r->hist,
                              .hist_time = r->hist_time,
                              .hist_weight = r->hist_weight,
                              .user = r->given,
                              .n_user = r->n_given,
                              .context = r->context,
                              .n_context = r->n_context,
                              .now = r->now };
    split_known(r);
    return PZ_OK;
}

enum pz_status pz_rank_history(struct pz_ranker *r, struct pz_err *err)
{
    const char *user_id = r->req->user_id;
    enum pz_status st;

    r->n_past = 0;
    r->live_last = 0;
    r->now = r->req->now ? r->req->now : r->m->newest;
    r->user = user_id ? pz_dict_find_str(&r->m->users, user_id) : PZ_NONE;
    st = add_known(r, err);
    if (st == PZ_OK)
        st = add_live(r, err);
    if (st == PZ_OK)
        st = add_inline(r, err);
    if (st == PZ_OK)
        st = add_given(r, err);
    if (st == PZ_OK)
        st = add_context(r, err);
    return st == PZ_OK ? fill_query(r, err) : st;
}

enum pz_status pz_rank_history_item(struct pz_ranker *r, uint32_t item, struct pz_err *err)
{
    enum pz_status st = grow_hist(r, 1, err);

    if (st != PZ_OK)
        return st;
    r->q.task = PZ_TASK_RELATED;
    r->q.hist = r->hist;
    r->q.hist_time = r->hist_time;
    r->q.hist_weight = r->hist_weight;
    r->q.n_hist = item != PZ_NONE;
    r->q.n_user = 0;
    r->hist[0] = item;
    r->hist_time[0] = r->m->newest;
    r->hist_weight[0] = 1;
    split_known(r);
    return PZ_OK;
}
