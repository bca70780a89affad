/* SPDX-License-Identifier: Apache-2.0 */
/* The console: one page (console.html, inside the program) and what it asks for: POST /console/api,
 * signed like everything else, with {"do": ...}:
 *
 *   campaigns  what is served: versions, filters, some users
 *   look       a user's history and list, each item with the items of the history that caused it;
 *              of another version with "version": N
 *   why        what became of one item in that list
 *   pulse      what the server does now
 *   map        the catalogue: item vectors and how often each was recommended by `look`-alikes
 *
 * It reads only; an event of the page is a PutEvents as any client's. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "answer/write.h"
#include "base/embed.h"
#include "base/time.h"
#include "campaign/campaign.h"
#include "serve/service.h"

PZ_EMBED(pz_console_page, "lib/serve/console.html");

enum { USERS_SHOWN = 200, HISTORY_SHOWN = 60, MAP_ITEMS = 600, MAP_DIM = 24, VERSIONS_SHOWN = 12 };

/* ---- items as people know them ---- */

/* The columns that say what an item is called and looks like; NULL: none. */
struct look {
    const char *title, *image;
};

static bool has_word(const char *name, const char *const *words)
{
    for (; *words; words++)
        if (strcasestr(name, *words))
            return true;
    return false;
}

static struct look find_look(const struct pz_model *m)
{
    static const char *const images[] = { "IMAGE", "PICTURE", "PHOTO", "POSTER", "THUMB", NULL };
    const struct pz_attrs *all = &m->item_attrs;
    const struct pz_attr *title = pz_attrs_title(all), *image = NULL;

    for (uint32_t i = 0; i < all->n_attrs && !image; i++)
        if (!all->attr[i].num && has_word(all->attr[i].name, images))
            image = &all->attr[i];
    for (uint32_t i = 0; i < all->n_attrs && !title; i++)
        if (all->attr[i].kind == PZ_ATTR_TEXT && &all->attr[i] != image)
            title = &all->attr[i];
    for (uint32_t i = 0; i < all->n_attrs && !title; i++)
        if (all->attr[i].kind == PZ_ATTR_CATEGORY && &all->attr[i] != image)
            title = &all->attr[i];
    return (struct look){ title ? title->name : NULL, image ? image->name : NULL };
}

/* ,"NAME":"VALUE" of a column, where the item has one. */
static void add_cell(struct pz_str *out, const struct pz_snapshot *snap, const char *member,
                     const char *column, const char *id, size_t n)
{
    struct pz_str cell = { 0 };

    if (column && pz_wire_cell(&cell, snap, column, id, n)) {
        pz_str_addf(out, ",\"%s\":", member);
        pz_json_add_string(out, cell.data, cell.len < 120 ? cell.len : 120);
    }
    out->failed |= cell.failed;
    pz_str_clear(&cell);
}

static void add_item(struct pz_str *out, const struct pz_snapshot *snap, const struct look *l,
                     const char *id, size_t n)
{
    pz_str_adds(out, "\"itemId\":");
    pz_json_add_string(out, id, n);
    add_cell(out, snap, "title", l->title, id, n);
    add_cell(out, snap, "image", l->image, id, n);
}

/* ---- campaigns ---- */

/* Users with something to show: a spread over all of them. */
static void add_users(struct pz_str *out, const struct pz_model *m)
{
    uint32_t step = m->users.n / USERS_SHOWN + 1;
    const char *comma = "";

    pz_str_adds(out, ",\"users\":[");
    for (uint32_t u = 0; u < m->users.n; u += step) {
        size_t n;
        const char *id = pz_dict_get(&m->users, u, &n);

        if (m->ptr[u + 1] - m->ptr[u] < 2)
            continue;
        pz_str_adds(out, comma);
        pz_json_add_string(out, id, n);
        comma = ",";
    }
    pz_str_addc(out, ']');
}

static void add_check(struct pz_str *out, const struct pz_served *k, uint32_t version)
{
    json_t *check = pz_server_check(k, version);

    if (check)
        pz_str_addf(out, ",\"metric\":%.4f,\"users\":%.0f",
                    json_number_value(
                        json_object_get(json_object_get(check, "metrics"),
                                        "normalized_discounted_cumulative_gain_at_25")),
                    json_number_value(json_object_get(check, "users")));
    json_decref(check);
}

/* The newest versions, oldest first, with what came of each since this process runs. */
static void add_versions(struct pz_str *out, struct pz_served *k)
{
    struct pz_version_counts counts[PZ_N_VERSIONS];
    struct pz_version *list = NULL;
    size_t n = 0, first;

    pz_metrics_versions(&k->counts, counts);
    pz_str_adds(out, ",\"versions\":[");
    if (pz_campaign_list(k->cfg->path, &list, &n, NULL) != PZ_OK)
        n = 0;
    first = n > VERSIONS_SHOWN ? n - VERSIONS_SHOWN : 0;
    for (size_t i = first; i < n; i++) {
        const struct pz_version_counts none = { 0 }, *c = &none;

        for (int j = 0; j < PZ_N_VERSIONS; j++)
            if (counts[j].version == list[i].number)
                c = &counts[j];
        pz_str_addf(out,
                    "%s{\"version\":%u,\"published\":%lld,\"current\":%s,\"previous\":%s,"
                    "\"answers\":%llu,\"items\":%llu,\"clicks\":%llu",
                    i > first ? "," : "", list[i].number, (long long)list[i].published,
                    list[i].current ? "true" : "false", list[i].previous ? "true" : "false",
                    (unsigned long long)c->answers, (unsigned long long)c->items,
                    (unsigned long long)c->clicks);
        add_check(out, k, list[i].number);
        pz_str_addc(out, '}');
    }
    pz_str_addc(out, ']');
    free(list);
}

static void add_filters(struct pz_str *out, const struct pz_snapshot *snap)
{
    const char *name, *comma = "";
    json_t *value;

    pz_str_adds(out, ",\"filters\":[");
    json_object_foreach (snap->view ? json_object_get(snap->view->settings.doc, "filters") : NULL,
                         name, value) {
        if (strchr(json_string_value(value), '$'))
            continue; /* it wants values */
        pz_str_adds(out, comma);
        pz_json_add_string(out, name, strlen(name));
        comma = ",";
    }
    pz_str_addc(out, ']');
}

static void show_campaigns(struct pz_server *s, struct pz_exchange *x)
{
    struct pz_str *out = &x->resp.body;
    const char *comma = "";

    pz_str_adds(out, "{\"campaigns\":[");
    for (size_t i = 0; i < s->n_campaigns; i++) {
        struct pz_served *k = &s->campaign[i];
        struct pz_snapshot *snap;

        if (!pz_key_may(x->key, PZ_MAY_READ, k->cfg->name))
            continue;
        snap = pz_service_take(k->service);
        pz_str_addf(out, "%s{\"name\":\"%s\",\"trackingId\":", comma, k->cfg->name);
        pz_json_add_string(out, k->cfg->tracker, strlen(k->cfg->tracker));
        pz_str_addf(out, ",\"recipe\":\"%s\",\"task\":%d,\"version\":%u,\"items\":%u,\"writes\":%s",
                    snap->model->recipe->name, (int)snap->model->recipe->task, snap->version,
                    snap->model->items.n,
                    k->commit && pz_key_may(x->key, PZ_MAY_WRITE, k->cfg->name) ? "true" : "false");
        add_filters(out, snap);
        add_versions(out, k);
        add_users(out, snap->model);
        pz_str_addc(out, '}');
        comma = ",";
        pz_snapshot_release(snap);
    }
    pz_str_adds(out, "]}");
}

/* ---- one user ---- */

static void add_event(struct pz_str *out, const struct pz_snapshot *snap, const struct look *l,
                      const char *id, size_t n, const char *type, size_t n_type, int64_t time,
                      bool live)
{
    pz_str_addc(out, '{');
    add_item(out, snap, l, id, n);
    pz_str_addf(out, ",\"time\":%lld,\"live\":%s,\"type\":", (long long)time,
                live ? "true" : "false");
    pz_json_add_string(out, type ? type : "", type ? n_type : 0);
    pz_str_addc(out, '}');
}

/* The last events that the model and the live store know, oldest first. */
static void add_history(struct pz_str *out, const struct pz_snapshot *snap, const struct look *l,
                        const char *user_id, const struct pz_live *live)
{
    const struct pz_model *m = snap->model;
    uint32_t u = live->forgotten ? PZ_NONE : pz_dict_find(&m->users, user_id, strlen(user_id));
    size_t n_live = live->n_events < HISTORY_SHOWN ? live->n_events : HISTORY_SHOWN;
    uint64_t to = u == PZ_NONE ? 0 : m->ptr[u + 1], from = u == PZ_NONE ? 0 : m->ptr[u];
    const char *comma = "";

    if (to - from > HISTORY_SHOWN - n_live)
        from = to - (HISTORY_SHOWN - n_live);
    for (uint64_t p = from; p < to; p++) {
        size_t n, n_type = 0;
        const char *id = pz_dict_get(&m->items, m->item[p], &n);
        const char *type = m->event ? pz_dict_get(&m->events, m->event[p], &n_type) : NULL;

        pz_str_adds(out, comma);
        add_event(out, snap, l, id, n, type, n_type, m->time[p], false);
        comma = ",";
    }
    for (size_t i = live->n_events - n_live; i < live->n_events; i++) {
        const struct pz_live_event *e = &live->event[i];

        if (!e->item_id)
            continue;
        pz_str_adds(out, comma);
        add_event(out, snap, l, e->item_id, strlen(e->item_id), e->event_type,
                  e->event_type ? strlen(e->event_type) : 0, e->time, true);
        comma = ",";
    }
}

static void add_hit(struct pz_str *out, const struct pz_snapshot *snap, const struct look *l,
                    const struct pz_hit *h, const struct pz_reason *r)
{
    size_t n = h->id ? strlen(h->id) : 0;
    const char *id = h->item != PZ_NONE ? pz_dict_get(&snap->model->items, h->item, &n) : h->id;

    pz_str_addc(out, '{');
    add_item(out, snap, l, id, n);
    pz_str_addf(out, ",\"source\":\"%s\",\"score\":", pz_origin_name(h->source));
    pz_json_add_number(out, h->score, true);
    pz_str_adds(out, ",\"because\":[");
    for (size_t i = 0; r && i < r->n_causes; i++) {
        const char *cause = pz_dict_get(&snap->model->items, r->cause[i].item, &n);

        pz_str_adds(out, i ? ",{\"itemId\":" : "{\"itemId\":");
        pz_json_add_string(out, cause, n);
        pz_str_addf(out, ",\"share\":%.4g}",
                    r->blend != 0 ? (double)(r->cause[i].share / r->blend) : 0);
    }
    pz_str_adds(out, "]}");
}

static void write_look(struct pz_exchange *x, const struct pz_snapshot *snap,
                       const struct pz_answered *a, double seconds)
{
    struct pz_str *out = &x->resp.body;
    struct look l = find_look(snap->model);
    char id[PZ_RID_BYTES];

    pz_str_addf(out,
                "{\"version\":%u,\"microseconds\":%.0f,\"known\":%s,\"recommendationId\":\"%s\"",
                snap->version, seconds * 1e6, a->is_known ? "true" : "false",
                pz_answered_rid(a, id));
    pz_str_adds(out, ",\"history\":[");
    if (a->req.user_id)
        add_history(out, snap, &l, a->req.user_id, &a->live);
    pz_str_adds(out, "],\"itemList\":[");
    for (size_t i = 0; i < a->answer.n; i++) {
        pz_str_adds(out, i ? "," : "");
        add_hit(out, snap, &l, &a->answer.hit[i], a->answer.reason ? &a->answer.reason[i] : NULL);
    }
    pz_str_adds(out, "]}");
}

static void write_why(struct pz_exchange *x, const struct pz_snapshot *snap, struct pz_answered *a,
                      const char *item)
{
    struct pz_err err = { .status = PZ_OK };
    struct pz_str text = { 0 };
    struct pz_why why;

    if (pz_ask_why(a, item, &why, &err) != PZ_OK) {
        pz_server_fail(x, &err);
        return;
    }
    pz_answer_why(&text, PZ_FORMAT_CSV, snap->model, &a->req, item, &why);
    pz_str_adds(&x->resp.body, "{\"why\":");
    pz_json_add_string(&x->resp.body, text.data ? text.data : "", text.len ? text.len - 1 : 0);
    pz_str_addf(&x->resp.body, ",\"place\":%zu}", why.place);
    x->resp.body.failed |= text.failed;
    pz_str_clear(&text);
}

static const char *member(const json_t *doc, const char *name)
{
    const char *s = json_string_value(json_object_get(doc, name));

    return s && *s ? s : NULL;
}

/* Ask as GetRecommendations does, with reasons; item: say what became of it instead. */
static void show_list(struct pz_exchange *x, struct pz_snapshot *snap, const json_t *doc,
                      const char *item)
{
    struct pz_ask_options o = {
        .num = 20, .exploration_weight = -1, .explain = true, .filter = member(doc, "filter")
    };
    struct pz_question q = { .user_id = member(doc, "userId"), .item_id = member(doc, "itemId") };
    struct pz_prepared *prepared = NULL;
    struct pz_answered a = { 0 };
    struct pz_err err = { .status = PZ_OK };
    double from = pz_time_clock();
    enum pz_status st = pz_prepare(snap, &o, &prepared, &err);

    if (st == PZ_OK)
        st = pz_ask(prepared, &q, &a, &err);
    if (st != PZ_OK)
        pz_server_fail(x, &err);
    else if (item)
        write_why(x, snap, &a, item);
    else
        write_look(x, snap, &a, pz_time_clock() - from);
    pz_answered_clear(&a);
    pz_prepared_free(prepared);
}

/* ---- the catalogue ---- */

/* How often each item is in the lists of some users. */
static uint32_t *count_lists(struct pz_snapshot *snap)
{
    const struct pz_ask_options o = { .num = 25, .exploration_weight = -1, .no_scores = true };
    const struct pz_model *m = snap->model;
    uint32_t *count = pz_mem_array(m->items.n, sizeof *count), step = m->users.n / USERS_SHOWN + 1;
    struct pz_prepared *prepared = NULL;

    if (!count || m->recipe->task != PZ_TASK_USER || pz_prepare(snap, &o, &prepared, NULL) != PZ_OK)
        return count;
    for (uint32_t u = 0; u < m->users.n; u += step) {
        size_t n;
        const char *id = pz_dict_get(&m->users, u, &n);
        char *user = pz_mem_strndup(id, n);
        struct pz_question q = { .user_id = user };
        struct pz_answered a = { 0 };

        if (user && pz_ask(prepared, &q, &a, NULL) == PZ_OK)
            for (size_t i = 0; i < a.answer.n; i++)
                count[a.answer.hit[i].item] += a.answer.hit[i].item != PZ_NONE;
        pz_answered_clear(&a);
        free(user);
    }
    pz_prepared_free(prepared);
    return count;
}

static const float *vectors_of(const struct pz_model *m, uint32_t *dim)
{
    const float *v = NULL;

    *dim = 0;
    for (size_t i = 0; i < m->n_parts && !v; i++)
        if (m->part[i].scorer->vectors)
            v = m->part[i].scorer->vectors(m->part[i].part, dim);
    return v;
}

/* The items with the most interactions, their vectors (the first MAP_DIM numbers, as thousandths of
 * a unit vector; the page makes two dimensions of them), and how often lists show them. */
static void show_map(struct pz_exchange *x, struct pz_snapshot *snap)
{
    const struct pz_model *m = snap->model;
    struct pz_str *out = &x->resp.body;
    struct look l = find_look(m);
    uint32_t dim, n_items = pz_model_learned(m), step = n_items / MAP_ITEMS + 1;
    const float *v = vectors_of(m, &dim);
    uint32_t *count = v ? count_lists(snap) : NULL;
    const char *comma = "";

    pz_str_adds(out, "{\"items\":[");
    for (uint32_t i = 0; i < n_items && count; i += step) {
        size_t n;
        const char *id = pz_dict_get(&m->items, i, &n);
        const float *row = v + (size_t)i * dim;
        double norm = 0;

        for (uint32_t d = 0; d < dim; d++)
            norm += (double)row[d] * (double)row[d];
        pz_str_addf(out, "%s{", comma);
        add_item(out, snap, &l, id, n);
        pz_str_addf(out, ",\"met\":%u,\"shown\":%u,\"vector\":[", m->item_count[i], count[i]);
        for (uint32_t d = 0; d < dim && d < MAP_DIM; d++)
            pz_str_addf(out, "%s%.0f", d ? "," : "",
                        norm > 0 ? 1000 * (double)row[d] / sqrt(norm) : 0);
        pz_str_adds(out, "]}");
        comma = ",";
    }
    pz_str_adds(out, "]}");
    free(count);
}

/* ---- the server ---- */

static void add_buckets(struct pz_str *out, const char *name, struct pz_histogram *h)
{
    pz_str_addf(out, ",\"%s\":[", name);
    for (int b = 0; b < PZ_N_BUCKETS; b++)
        pz_str_addf(out, "%s%llu", b ? "," : "", (unsigned long long)atomic_load(&h->bucket[b]));
    pz_str_addc(out, ']');
}

static void show_pulse(struct pz_server *s, struct pz_exchange *x, struct pz_served *k)
{
    struct pz_str *out = &x->resp.body;

    pz_str_addf(out,
                "{\"tps\":%.1f,\"shed\":%llu,\"throttled\":%llu,\"queue\":%zu,"
                "\"connections\":%u,\"uptime\":%.0f,\"sources\":{",
                pz_metrics_tps(&k->counts, pz_time_now(), 2),
                (unsigned long long)atomic_load(&s->metrics.shed),
                (unsigned long long)atomic_load(&s->metrics.throttled), pz_queue_length(s->queue),
                pz_http_connections(s->http), pz_time_clock() - s->started);
    for (int o = 0; o <= PZ_ORIGIN_UNKNOWN; o++)
        pz_str_addf(out, "%s\"%s\":%llu", o ? "," : "", pz_origin_name((enum pz_origin)o),
                    (unsigned long long)atomic_load(&k->counts.source[o]));
    pz_str_adds(out, "}");
    add_buckets(out, "time", &s->metrics.duration[PZ_OP_GET_RECOMMENDATIONS]);
    add_buckets(out, "wait", &s->metrics.phase[PZ_PHASE_WAIT]);
    add_buckets(out, "fsync", &s->metrics.phase[PZ_PHASE_FSYNC]);
    pz_str_addf(out, ",\"bounds\":[");
    for (int b = 0; b < PZ_N_BUCKETS - 1; b++)
        pz_str_addf(out, "%s%g", b ? "," : "", pz_histogram_bound(b));
    pz_str_adds(out, "]}");
}

/* ---- the whole ---- */

/* The snapshot to ask: of "version", else the current one; NULL: x says what is wrong. */
static struct pz_snapshot *take_version(struct pz_exchange *x, struct pz_served *k,
                                        const json_t *doc)
{
    json_int_t number = json_integer_value(json_object_get(doc, "version"));
    struct pz_service *other;
    struct pz_err err = { .status = PZ_OK };
    struct pz_snapshot *snap = pz_service_take(k->service);

    if (number <= 0 || number == snap->version)
        return snap;
    pz_snapshot_release(snap);
    if (number > UINT32_MAX ||
        pz_service_open_version(k->cfg->path, (uint32_t)number, &other, &err) != PZ_OK) {
        pz_http_fail(x, PZ_FAULT_NOT_FOUND, "there is no version %lld of %.60s", (long long)number,
                     k->cfg->name);
        return NULL;
    }
    snap = pz_service_take(other);
    pz_service_close(other);
    return snap;
}

static void show(struct pz_server *s, struct pz_exchange *x, const json_t *doc, const char *what)
{
    const char *name = member(doc, "campaign");
    struct pz_served *k = name ? pz_server_campaign(s, name, strlen(name)) : NULL;
    struct pz_snapshot *snap;

    if (!k || !pz_server_allow(k, x, PZ_MAY_READ)) {
        if (!k)
            pz_http_fail(x, PZ_FAULT_NOT_FOUND, "there is no campaign %.60s", name ? name : "");
        return;
    }
    snap = take_version(x, k, doc);
    if (!snap)
        return;
    if (strcmp(what, "look") == 0)
        show_list(x, snap, doc, NULL);
    else if (strcmp(what, "why") == 0 && member(doc, "item"))
        show_list(x, snap, doc, member(doc, "item"));
    else if (strcmp(what, "pulse") == 0)
        show_pulse(s, x, k);
    else if (strcmp(what, "map") == 0)
        show_map(x, snap);
    else
        pz_http_fail(x, PZ_FAULT_INVALID_INPUT, "the console cannot do %.60s", what);
    pz_snapshot_release(snap);
}

void pz_console_work(struct pz_server *s, struct pz_exchange *x, const json_t *doc)
{
    const char *what = member(doc, "do");

    if (what && strcmp(what, "campaigns") == 0)
        show_campaigns(s, x);
    else
        show(s, x, doc, what ? what : "nothing");
    if (x->resp.status == 0)
        x->resp.status = 200;
}

bool pz_console_answer(struct pz_server *s, struct pz_exchange *x)
{
    (void)s;
    if (strcmp(x->req.path, "/console") != 0 && strcmp(x->req.path, "/console/") != 0)
        return false;
    x->resp.status = 200;
    x->resp.content_type = "text/html; charset=utf-8";
    x->resp.policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
                     "connect-src 'self'; img-src https: http: data:; frame-ancestors 'none'";
    x->resp.fixed = pz_console_page;
    x->resp.n_fixed = (size_t)((uintptr_t)pz_console_page_end - (uintptr_t)pz_console_page);
    return true;
}
