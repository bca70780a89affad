/* SPDX-License-Identifier: Apache-2.0 */
/* History: what the user did, from three sources in this order: the model's own record of them
 * (unless they asked to be forgotten), live events, the inline history of the request. Scorers
 * read the newest PZ_HIST_MAX events that count; rules read all of it.
 *
 * Beside that it holds what is known of the user (a row put since training before the model's)
 * and of the moment. Events are weighted as training weighted them; values that the model never
 * met say nothing. What the scorers get exists twice, with and without items that came since
 * training, for the parts that know nothing of such. */
#include "rank/history.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/time.h"
#include "table/hash.h"

static enum pz_status add_past(struct pz_history *h, const struct pz_past *event,
                               struct pz_err *err)
{
    if (!pz_mem_grow(&h->past, &h->cap_past, h->n_past + 1, sizeof *h->past))
        return pz_err_memory(err, "a history", (double)h->n_past * sizeof *h->past);
    h->past[h->n_past++] = *event;
    return PZ_OK;
}

static enum pz_status add_known(struct pz_history *h, const struct pz_asked *asked,
                                struct pz_err *err)
{
    const struct pz_model *m = asked->m;
    bool forgotten = asked->req->live && asked->req->live->forgotten;
    enum pz_status st = PZ_OK;

    if (h->user == PZ_NONE || forgotten)
        return PZ_OK;
    for (uint64_t p = m->ptr[h->user]; p < m->ptr[h->user + 1] && st == PZ_OK; p++) {
        struct pz_past e = { .item = m->item[p], .time = m->time[p], .weight = m->weight[p] };

        if (m->event)
            e.type = pz_dict_get(&m->events, m->event[p], &e.n_type);
        st = add_past(h, &e, err);
    }
    return st;
}

bool pz_history_counts(const struct pz_request *req, const struct pz_live_event *event)
{
    const struct pz_page *page = &req->rules.page;

    return page->number == 0 || event->number <= page->live;
}

const struct pz_live_run *pz_history_run(const struct pz_request *req)
{
    const struct pz_page *page = &req->rules.page;

    return req->live && (page->number == 0 || req->live->run_last <= page->live) ? req->live->run
                                                                                 : NULL;
}

void pz_history_of_row(const struct pz_type_weight *weight, const struct pz_live_run *run, size_t i,
                       struct pz_past *to)
{
    to->type = run->event_type;
    to->item = pz_live_row_item(run, i);
    to->time = run->fact[i].time;
    if (i == 0)
        to->n_type = to->type ? strlen(to->type) : 0;
    if (i == 0 || run->value)
        to->weight = (float)pz_type_weight_of(weight, run->value ? run->value[i][0] : NAN);
}

/* Types that were met, which are few. */
struct kinds {
    struct kind {
        const char *type;
        size_t n_type;
        struct pz_type_weight weight;
    } kind[8];
    size_t n;
};

static bool same_type(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static const struct kind *find_kind(struct kinds *met, const struct pz_model *m, const char *type)
{
    struct kind *k = met->kind, *end = k + met->n;

    while (k < end && !same_type(k->type, type))
        k++;
    if (k < end)
        return k;
    if (met->n < sizeof met->kind / sizeof *met->kind)
        met->n++;
    else
        k--;
    *k = (struct kind){ type, type ? strlen(type) : 0, pz_model_type_weight(m, type) };
    return k;
}

static void read_event(const struct pz_asked *asked, const struct pz_live_event *e,
                       struct kinds *met, struct pz_past *to)
{
    const struct kind *kind = find_kind(met, asked->m, e->event_type);

    to->time = e->time;
    to->type = kind->type;
    to->n_type = kind->n_type;
    to->weight = (float)pz_type_weight_of(&kind->weight, e->value);
}

/* Most items of events were looked up lately: to compare one id is quicker than to search. */
static uint32_t find_item(struct pz_history *h, const struct pz_dict *items,
                          const struct pz_live_event *e)
{
    size_t n = e->item_id ? strlen(e->item_id) : 0, len;
    uint32_t *met, item;
    const char *id;

    if (!e->item_id)
        return PZ_NONE;
    met = &h->met[pz_hash64(e->item_id, n) % PZ_MET];
    if (*met < items->n) {
        id = pz_dict_get(items, *met, &len);
        if (len == n && memcmp(id, e->item_id, n) == 0)
            return *met;
    }
    item = pz_dict_find(items, e->item_id, n);
    if (item != PZ_NONE)
        *met = item;
    return item;
}

/* How many rows there are that stand for several events. */
static size_t count_rows(const struct pz_live_run *run)
{
    size_t n = 0;

    for (; run; run = run->next)
        n += run->n;
    return n;
}

static enum pz_status grow_live(struct pz_history *h, size_t n, struct pz_err *err)
{
    if (n > 0 && !h->met)
        h->met = pz_mem_array(PZ_MET, sizeof *h->met);
    if ((n > 0 && !h->met) || !pz_mem_grow(&h->live_item, &h->cap_live, n, sizeof *h->live_item) ||
        !pz_mem_grow(&h->past, &h->cap_past, h->n_past + n + count_rows(h->run), sizeof *h->past))
        return pz_err_memory(err, "a history", 44.0 * (double)n);
    return PZ_OK;
}

static enum pz_status add_live(struct pz_history *h, const struct pz_asked *asked,
                               struct pz_err *err)
{
    static const struct pz_live nothing;
    const struct pz_live *live = asked->req->live ? asked->req->live : &nothing;
    int64_t latest = pz_time_latest();
    struct pz_past past = { .item = PZ_NONE };
    struct kinds met = { .n = 0 };
    enum pz_status st;

    h->before_run = h->n_past;
    h->run = pz_history_run(asked->req);
    h->live_last = h->run ? live->run_last : 0;
    if (!asked->req->now && h->run && live->run_time > h->now)
        h->now = live->run_time;
    st = grow_live(h, live->n_events, err);
    for (size_t i = 0; st == PZ_OK && i < live->n_events; i++) {
        const struct pz_live_event *e = &live->event[i];

        past.item = h->live_item[i] = e->found ? e->found - 1 : find_item(h, &asked->m->items, e);
        read_event(asked, e, &met, &past);
        if (!pz_history_counts(asked->req, e))
            continue;
        h->live_last = e->number > h->live_last ? e->number : h->live_last;
        if (!asked->req->now && e->time > h->now && e->time <= latest)
            h->now = e->time;
        if (past.item != PZ_NONE)
            h->past[h->n_past++] = past;
    }
    return st;
}

static enum pz_status add_inline(struct pz_history *h, const struct pz_asked *asked,
                                 struct pz_err *err)
{
    const struct pz_request *req = asked->req;
    enum pz_status st = PZ_OK;

    for (size_t i = 0; i < req->n_history && st == PZ_OK; i++) {
        struct pz_past past = { .item = pz_dict_find_str(&asked->m->items, req->history[i]),
                                .time = req->now ? req->now : asked->m->newest,
                                .weight = 1 };

        if (past.item != PZ_NONE)
            st = add_past(h, &past, err);
    }
    return st;
}

/* Add the values that a row holds of one of the model's attributes; values the model lacks say
 * nothing. */
static enum pz_status add_values(struct pz_history *h, const struct pz_attr *own,
                                 const struct pz_attr *a, uint64_t row, struct pz_err *err)
{
    uint64_t n = a->num ? (uint64_t)!isnan(a->num[row]) : a->ptr[row + 1] - a->ptr[row];

    if (!own->num != !a->num)
        return PZ_OK;
    if (!pz_mem_grow(&h->given, &h->cap_given, h->n_given + (size_t)n, sizeof *h->given))
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
            h->given[h->n_given++] = g;
    }
    return PZ_OK;
}

/* The user's attributes: of a row put since the model was made, else the model's. */
static enum pz_status add_given(struct pz_history *h, const struct pz_asked *asked,
                                struct pz_err *err)
{
    const struct pz_attrs *attrs = &asked->m->user_attrs;
    const struct pz_overlay *overlay = asked->req->live ? asked->req->live->users : NULL;
    uint32_t put = overlay && asked->req->user_id
                       ? pz_dict_find_str(&overlay->ids, asked->req->user_id)
                       : PZ_NONE;
    enum pz_status st = PZ_OK;

    h->n_given = 0;
    for (uint32_t i = 0; i < attrs->n_attrs && st == PZ_OK; i++) {
        const struct pz_attr *own = &attrs->attr[i], *a = own;

        if (put != PZ_NONE)
            a = pz_attrs_find(&overlay->attrs, own->name);
        if (a && (put != PZ_NONE || h->user != PZ_NONE))
            st = add_values(h, own, a, put != PZ_NONE ? put : h->user, err);
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

static bool read_truth(const char *text, double *out)
{
    bool truth = false, is_one = pz_str_to_bool(text, strlen(text), &truth);

    *out = truth;
    return is_one;
}

/* The moment's values; ones that the model never met say nothing. */
static enum pz_status add_context(struct pz_history *h, const struct pz_asked *asked,
                                  struct pz_err *err)
{
    const struct pz_request *req = asked->req;

    h->n_context = 0;
    if (!pz_mem_grow(&h->context, &h->cap_context, req->n_context + 1, sizeof *h->context))
        return pz_err_memory(err, "a context", 32.0 * (double)req->n_context);
    for (size_t i = 0; i < req->n_context; i++) {
        const struct pz_context *c = &req->context[i];
        const struct pz_attr *a = pz_attrs_find(&asked->m->context, c->key);
        struct pz_given g = { .attr = a };

        if (!a)
            return no_context(&asked->m->context, c->key, err);
        if (a->kind == PZ_ATTR_NUMBER && !pz_str_to_double(c->value, strlen(c->value), &g.num))
            return pz_err_set(err, PZ_USAGE, "context %s is a number, not \"%s\"", a->name,
                              c->value);
        if (a->kind == PZ_ATTR_BOOL && !read_truth(c->value, &g.num))
            return pz_err_set(err, PZ_USAGE, "context %s is true or false, not \"%s\"", a->name,
                              c->value);
        g.code = a->num ? 0 : pz_dict_find_str(&a->values, c->value);
        if (a->num || g.code != PZ_NONE)
            h->context[h->n_context++] = g;
    }
    return PZ_OK;
}

/* Room for the query's history of n events, and as much for that of known items. */
static enum pz_status grow_hist(struct pz_history *h, size_t n, struct pz_err *err)
{
    n *= 2;
    if (!pz_mem_grow(&h->hist, &h->cap_hist[0], n, sizeof *h->hist) ||
        !pz_mem_grow(&h->hist_time, &h->cap_hist[1], n, sizeof *h->hist_time) ||
        !pz_mem_grow(&h->hist_weight, &h->cap_hist[2], n, sizeof *h->hist_weight))
        return pz_err_memory(err, "a history", 16.0 * (double)n);
    return PZ_OK;
}

/* Where the history holds items that came since training, what it holds beside them, for the parts
 * that know nothing of such. */
static void split_known(struct pz_history *h, uint32_t n_learned)
{
    size_t from = h->query.n_hist, to = from;

    for (size_t i = 0; i < from; i++)
        if (h->hist[i] < n_learned) {
            h->hist[to] = h->hist[i];
            h->hist_time[to] = h->hist_time[i];
            h->hist_weight[to++] = h->hist_weight[i];
        }
    h->query.known = NULL;
    h->known = h->query;
    h->known.hist += from;
    h->known.hist_time += from;
    h->known.hist_weight += from;
    h->known.n_hist = to - from;
    h->query.known = to - from < from ? &h->known : NULL;
}

static int by_time(const void *x, const void *y)
{
    const struct pz_past *a = x, *b = y;

    return a->time != b->time ? (a->time > b->time) - (a->time < b->time)
                              : (a->item > b->item) - (a->item < b->item);
}

/* Make the rows of the request part of the past, by time. */
static void put_rows(struct pz_history *h, const struct pz_asked *asked)
{
    struct pz_past *at = h->past + h->before_run, *to = at, past;
    size_t n = count_rows(h->run), behind = h->n_past - h->before_run;

    memmove(at + n, at, behind * sizeof *at); /* there is room for all */
    for (; h->run; h->run = h->run->next) {
        const struct pz_type_weight weight = pz_model_type_weight(asked->m, h->run->event_type);

        for (size_t i = 0; i < h->run->n; i++) {
            pz_history_of_row(&weight, h->run, i, &past);
            if (past.item != PZ_NONE)
                *to++ = past;
        }
    }
    memmove(to, at + n, behind * sizeof *at);
    n = (size_t)(to - at);
    if (n > 0)
        qsort(at, n, sizeof *at, by_time);
    h->n_past += n;
}

/* Where the newest PZ_HIST_MAX events that count begin. */
static size_t find_newest(struct pz_history *h, const struct pz_asked *asked)
{
    size_t n = 0, from = h->n_past;

    while (from > (h->run ? h->before_run : 0) && n < PZ_HIST_MAX)
        n += h->past[--from].weight > 0;
    if (!h->run || (n == PZ_HIST_MAX && !asked->req->explain))
        return from;
    put_rows(h, asked);
    return find_newest(h, asked);
}

/* Seconds since the newest of n events, by the clock unless the question says when it is; what it
 * brings along was just now, and a row of pages stays as it began. */
static double pause_of(const struct pz_history *h, const struct pz_asked *asked, size_t n)
{
    const struct pz_request *req = asked->req;

    if (req->rules.page.number > 0)
        return req->rules.page.next ? 0 : INFINITY;
    if (n == 0)
        return INFINITY;
    if (req->n_history > 0)
        return 0;
    return (double)(req->now ? req->now : pz_time_now()) - (double)h->hist_time[n - 1];
}

/* The newest PZ_HIST_MAX events that count become the query's. */
static enum pz_status fill_query(struct pz_history *h, const struct pz_asked *asked,
                                 struct pz_err *err)
{
    size_t n = 0, from = find_newest(h, asked);
    enum pz_status st = grow_hist(h, PZ_HIST_MAX, err);

    if (st != PZ_OK)
        return st;
    for (size_t i = from; i < h->n_past; i++)
        if (h->past[i].weight > 0) {
            h->hist[n] = h->past[i].item;
            h->hist_time[n] = h->past[i].time;
            h->hist_weight[n++] = h->past[i].weight;
        }
    h->query = (struct pz_query){ .task = asked->m->recipe->task,
                                  .n_hist = n,
                                  .hist = h->hist,
                                  .hist_time = h->hist_time,
                                  .hist_weight = h->hist_weight,
                                  .event_power = asked->m->event_power,
                                  .user = h->given,
                                  .n_user = h->n_given,
                                  .context = h->context,
                                  .n_context = h->n_context,
                                  .now = h->now,
                                  .next = pz_model_next(asked->m, h->now, pause_of(h, asked, n)),
                                  .keeps_seen = pz_rank_seen(asked->m, &asked->req->rules,
                                                             asked->req->n_rank > 0) !=
                                                PZ_SEEN_EXCLUDE };
    split_known(h, pz_model_learned(asked->m));
    return PZ_OK;
}

enum pz_status pz_history_read(struct pz_history *h, const struct pz_asked *asked,
                               struct pz_err *err)
{
    const char *user_id = asked->req->user_id;
    enum pz_status st;

    h->n_past = 0;
    h->live_last = 0;
    h->now = asked->req->now ? asked->req->now : asked->m->newest;
    h->user = user_id ? pz_dict_find_str(&asked->m->users, user_id) : PZ_NONE;
    st = add_known(h, asked, err);
    if (st == PZ_OK)
        st = add_live(h, asked, err);
    if (st == PZ_OK)
        st = add_inline(h, asked, err);
    if (st == PZ_OK)
        st = add_given(h, asked, err);
    if (st == PZ_OK)
        st = add_context(h, asked, err);
    return st == PZ_OK ? fill_query(h, asked, err) : st;
}

enum pz_status pz_history_of_item(struct pz_history *h, const struct pz_asked *asked, uint32_t item,
                                  struct pz_err *err)
{
    enum pz_status st = grow_hist(h, 1, err);

    if (st != PZ_OK)
        return st;
    h->query.task = PZ_TASK_RELATED;
    h->query.hist = h->hist;
    h->query.hist_time = h->hist_time;
    h->query.hist_weight = h->hist_weight;
    h->query.event_power = asked->m->event_power;
    h->query.n_hist = item != PZ_NONE;
    h->query.n_user = 0;
    h->hist[0] = item;
    h->hist_time[0] = asked->m->newest;
    h->hist_weight[0] = 1;
    split_known(h, pz_model_learned(asked->m));
    return PZ_OK;
}

void pz_history_clear(struct pz_history *h)
{
    free(h->past);
    free(h->live_item);
    free(h->met);
    free(h->hist);
    free(h->hist_time);
    free(h->hist_weight);
    free(h->given);
    free(h->context);
}
