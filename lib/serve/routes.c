/* SPDX-License-Identifier: Apache-2.0 */
/* Routes: from a whole HTTP request to an operation, and the operations that answer.
 *
 * I/O thread   health, metrics, console, preflight; path, method, origin, signature; then hand over
 * worker       JSON, limits, rights, rate; answer, or hand over to the committer (few events:
 *              the I/O thread itself)
 *
 * A request that is not signed right never takes a place in the queue. */
#include "serve/net/sigv4.h"
#include "serve/service.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/time.h"
#include "rank/rank.h"
#include "table/hash.h"

static const double fresh_s = 0.25; /* to wait for the log at most */

enum { AT_ONCE_BYTES = 16384 }; /* of events, that an I/O thread reads itself */

/* ---- what is shared ---- */

void pz_server_fail(struct pz_exchange *x, const struct pz_err *err)
{
    const char *text = err->text, *colon = strchr(text, ':');

    if (strncmp(text, "--", 2) == 0 && colon && colon[1] == ' ')
        text = colon + 2; /* the option that a command line would have */
    pz_http_fail(x, pz_fault_of(err->status), "%s", text);
    if (x->resp.status == 503)
        x->resp.retry_after = "1";
}

struct pz_served *pz_server_campaign(struct pz_server *s, const char *name, size_t n)
{
    for (size_t i = 0; i < s->n_campaigns; i++)
        if (strlen(s->campaign[i].cfg->name) == n && memcmp(s->campaign[i].cfg->name, name, n) == 0)
            return &s->campaign[i];
    return NULL;
}

struct pz_served *pz_server_tracker(struct pz_server *s, const char *id)
{
    for (size_t i = 0; i < s->n_campaigns; i++)
        if (strcmp(s->campaign[i].cfg->tracker, id) == 0)
            return &s->campaign[i];
    return NULL;
}

struct pz_served *pz_server_dataset(struct pz_server *s, const char *name, size_t n)
{
    for (size_t i = 0; i < s->n_campaigns; i++)
        if (strlen(s->campaign[i].cfg->dataset) == n &&
            memcmp(s->campaign[i].cfg->dataset, name, n) == 0)
            return &s->campaign[i];
    return NULL;
}

bool pz_server_allow(struct pz_served *k, struct pz_exchange *x, unsigned right)
{
    if (pz_key_may(x->key, right, k->cfg->name))
        return true;
    pz_http_fail(x, PZ_FAULT_ACCESS_DENIED, "the key %s may not %s %s", x->key->id,
                 right == PZ_MAY_READ ? "ask" : "write to", k->cfg->name);
    return false;
}

struct pz_snapshot *pz_server_snapshot(struct pz_served *k, const char *user_id)
{
    struct pz_snapshot *snap = NULL;

    pthread_rwlock_rdlock(&k->split_lock);
    if (k->split && user_id &&
        (double)(pz_hash64(user_id, strlen(user_id)) % 10000) < 10000 * k->split_share)
        snap = pz_service_take(k->split);
    pthread_rwlock_unlock(&k->split_lock);
    return snap ? snap : pz_service_take(k->service);
}

static bool take_token(struct pz_bucket *b)
{
    bool got = true;

    if (b->rate <= 0)
        return true;
    pthread_mutex_lock(&b->lock);
    {
        double now = pz_time_clock(), most = b->rate < 1 ? 1 : b->rate;

        b->tokens += (now - b->at) * b->rate;
        b->at = now;
        if (b->tokens > most)
            b->tokens = most;
        got = b->tokens >= 1;
        b->tokens -= got;
    }
    pthread_mutex_unlock(&b->lock);
    return got;
}

/* The ring and the place in it of the key that a request was signed with. */
static struct pz_keyring *ring_of(struct pz_server *s, const struct pz_key *key, size_t *at)
{
    for (struct pz_keyring *r = atomic_load(&s->ring); r && key; r = r->older)
        if (key >= r->keys.key && key < r->keys.key + r->keys.n) {
            *at = (size_t)(key - r->keys.key);
            return r;
        }
    return NULL;
}

bool pz_server_admit(struct pz_server *s, struct pz_served *k, struct pz_exchange *x)
{
    size_t at = 0;
    struct pz_keyring *ring = ring_of(s, x->key, &at);
    const char *whose = NULL;

    pz_metrics_tick(&k->counts, pz_time_now());
    if (ring && !take_token(&ring->bucket[at]))
        whose = "of this key";
    else if (!take_token(&k->bucket))
        whose = "of this campaign";
    else if (!take_token(&s->bucket))
        whose = "of this server";
    if (!whose)
        return true;
    atomic_fetch_add(&s->metrics.throttled, 1);
    if (ring)
        atomic_fetch_add(&ring->throttled[at], 1);
    pz_http_fail(x, PZ_FAULT_THROTTLING, "Rate exceeded: the requests a second %s", whose);
    x->resp.retry_after = "1";
    return false;
}

/* ---- answers ---- */

/* The name of a filter of the campaign in an ARN; NULL: x says what is wrong. */
static const char *find_filter(struct pz_exchange *x, const struct pz_snapshot *snap,
                               const char *arn)
{
    size_t n;
    const char *name = pz_wire_arn(arn, "filter", &n, NULL);

    if (name && snap->view && pz_settings_filter(&snap->view->settings, name))
        return name;
    pz_http_fail(x, PZ_FAULT_NOT_FOUND, "filterArn: the campaign has no filter %.260s",
                 name ? name : arn);
    return NULL;
}

/* Options as text: what a command line would say. The texts live in the exchange's arena. */
static bool add_text(struct pz_exchange *x, struct pz_strs *list, const char *a, const char *b,
                     const char *c)
{
    struct pz_str s = { 0 };
    char *kept;

    pz_str_adds(&s, a);
    pz_str_adds(&s, b);
    pz_str_adds(&s, c);
    kept = s.failed ? NULL : pz_arena_strndup(&x->arena, s.data, s.len);
    pz_str_clear(&s);
    return kept && pz_strs_add(list, kept);
}

static bool add_promotion(struct pz_exchange *x, const struct pz_snapshot *snap,
                          const struct pz_wire_query *q, struct pz_ask_options *o)
{
    const char *filter = NULL, *key;
    char percent[40];
    json_t *value;

    if (!q->promotion_name)
        return true;
    if (q->promotion_filter_arn && !(filter = find_filter(x, snap, q->promotion_filter_arn)))
        return false;
    snprintf(percent, sizeof percent, ":%.0f%s", q->promotion_percent, filter ? ":" : "");
    if (!add_text(x, &o->promote, q->promotion_name, percent, filter ? filter : ""))
        return false;
    json_object_foreach (pz_json_lend(q->promotion_values), key, value) {
        struct pz_str name = { 0 };
        bool good;

        pz_str_addf(&name, "%s:%s=", q->promotion_name, key);
        good = !name.failed &&
               add_text(x, &o->promote_values, name.data, json_string_value(value), "");
        pz_str_clear(&name);
        if (!good)
            return false;
    }
    return true;
}

/* Whether Items has all columns that are wanted. */
static bool check_columns(struct pz_exchange *x, const struct pz_snapshot *snap,
                          const struct pz_wire_query *q)
{
    const struct pz_overlay *o = snap->view ? snap->view->items : NULL;

    for (size_t i = 0; i < q->n_columns; i++)
        if (!pz_attrs_find(&snap->model->item_attrs, q->column[i]) &&
            !(o && pz_attrs_find(&o->attrs, q->column[i]))) {
            pz_http_fail(x, PZ_FAULT_INVALID_INPUT,
                         "metadataColumns.ITEMS[%zu]: Items has no column %.150s", i + 1,
                         q->column[i]);
            return false;
        }
    return true;
}

static bool make_options(struct pz_exchange *x, const struct pz_snapshot *snap,
                         const struct pz_wire_query *q, struct pz_ask_options *o)
{
    *o = (struct pz_ask_options){ .num = q->num, .exploration_weight = -1, .many = true };
    if (q->filter_arn && !(o->filter = find_filter(x, snap, q->filter_arn)))
        return false;
    return add_promotion(x, snap, q, o) && check_columns(x, snap, q);
}

static void write_answer(struct pz_server *s, struct pz_exchange *x, enum pz_operation op,
                         struct pz_served *k, struct pz_answered *a, const struct pz_wire_query *q)
{
    double from = pz_time_clock();

    (void)s;
    x->resp.status = 200;
    pz_wire_answer(&x->resp.body, op, a, q);
    x->phase[PZ_PHASE_WRITE] = pz_time_clock() - from;
    pz_metrics_answer(&k->counts, pz_prepared_snapshot(a->prepared)->version, a);
}

/* Ask with the options made; x gets the answer or the error. */
static void ask(struct pz_server *s, struct pz_exchange *x, enum pz_operation op,
                struct pz_served *k, struct pz_snapshot *snap, const struct pz_wire_query *q)
{
    struct pz_err err = { .status = PZ_OK };
    struct pz_ask_options o = { 0 };
    struct pz_prepared *prepared = NULL;
    struct pz_answered answered = { 0 };
    double from = pz_time_clock();
    bool made = make_options(x, snap, q, &o);
    enum pz_status st = made ? pz_prepare(snap, &o, &prepared, &err) : PZ_OK;

    if (made && st == PZ_OK)
        st = pz_ask(prepared, &q->question, &answered, &err);
    x->phase[PZ_PHASE_GATHER] = answered.gather_s;
    x->phase[PZ_PHASE_SCORE] = answered.answer.score_s;
    x->phase[PZ_PHASE_FILTER] = pz_time_clock() - from - answered.gather_s -
                                answered.answer.score_s;
    if (!made && x->resp.status == 0)
        pz_http_fail(x, PZ_FAULT_UNAVAILABLE, "out of memory");
    else if (made && st != PZ_OK)
        pz_server_fail(x, &err);
    else if (made)
        write_answer(s, x, op, k, &answered, q);
    pz_answered_clear(&answered);
    pz_prepared_free(prepared);
    pz_strs_clear(&o.promote);
    pz_strs_clear(&o.promote_values);
}

static struct pz_served *find_campaign(struct pz_server *s, struct pz_exchange *x, const char *arn)
{
    size_t n;
    const char *name = pz_wire_arn(arn, "campaign", &n, NULL);
    struct pz_served *k;

    if (!name)
        name = pz_wire_arn(arn, "recommender", &n, NULL);
    k = name ? pz_server_campaign(s, name, n) : NULL;
    if (!k)
        pz_http_fail(x, PZ_FAULT_NOT_FOUND, "Campaign not found: %.260s", arn);
    else
        x->campaign = k->cfg->name;
    return k;
}

/* What a recipe needs to be asked; NULL: nothing more. */
static const char *missing(enum pz_operation op, const struct pz_recipe *recipe,
                           const struct pz_wire_query *q)
{
    bool ranks = op == PZ_OP_GET_PERSONALIZED_RANKING;

    if (ranks)
        return recipe->task == PZ_TASK_RELATED
                   ? "campaignArn: GetPersonalizedRanking is not for campaigns of related items"
                   : NULL;
    if (recipe->task == PZ_TASK_RANK)
        return "campaignArn: the campaign's recipe orders lists; ask it by GetPersonalizedRanking";
    if (recipe->task == PZ_TASK_RELATED && !q->question.item_id)
        return "itemId: the campaign's recipe recommends related items and needs one";
    if (recipe->task == PZ_TASK_USER && !recipe->fallback_only && !q->question.user_id)
        return "userId: the campaign's recipe recommends for a user and needs one";
    return NULL;
}

static void get_recommendations(struct pz_server *s, struct pz_exchange *x, enum pz_operation op,
                                const json_t *doc)
{
    struct pz_err err = { .status = PZ_OK };
    struct pz_wire_query q;
    struct pz_snapshot *snap;
    const char *problem;
    struct pz_served *k;

    if (pz_wire_query_read(doc, op, &x->arena, &q, &err) != PZ_OK) {
        pz_server_fail(x, &err);
        return;
    }
    k = find_campaign(s, x, q.campaign_arn);
    if (!k || !pz_server_allow(k, x, PZ_MAY_READ) || !pz_server_admit(s, k, x))
        return;
    /* What was acknowledged on another host is in the answer, wherever this user is sent to. */
    if (k->follow && q.question.user_id)
        pz_follow_fresh(k->follow, fresh_s);
    snap = pz_server_snapshot(k, q.question.user_id);
    problem = missing(op, snap->model->recipe, &q);
    if (problem)
        pz_http_fail(x, PZ_FAULT_INVALID_INPUT, "%s", problem);
    else
        ask(s, x, op, k, snap, &q);
    pz_snapshot_release(snap);
}

static void refuse_actions(struct pz_server *s, struct pz_exchange *x, enum pz_operation op,
                           const json_t *doc)
{
    const char *arn = json_string_value(json_object_get(doc, "campaignArn"));

    if (op != PZ_OP_GET_ACTION_RECOMMENDATIONS)
        pz_http_fail(
            x, PZ_FAULT_NOT_FOUND,
            "%s: there is no dataset of actions; no recipe served here learns from actions",
            pz_wire_operations[op].name);
    else if (find_campaign(s, x, arn))
        pz_http_fail(x, PZ_FAULT_INVALID_INPUT,
                     "campaignArn: the campaign's recipe recommends items, not actions");
}

/* ---- workers ---- */

void pz_routes_work(void *context, struct pz_exchange *x)
{
    struct pz_server *s = context;
    enum pz_operation op = pz_wire_find(x->req.path);
    struct pz_err err = { .status = PZ_OK };
    json_t *doc = NULL;
    double from = pz_time_clock();
    enum pz_status st = pz_shape_parse(x->req.body, x->req.n_body, &doc, &err);
    bool later = false;

    if (st == PZ_OK && pz_wire_operations[op].shape)
        st = pz_shape_check(pz_wire_operations[op].shape, doc, &err);
    x->phase[PZ_PHASE_PARSE] = pz_time_clock() - from;
    if (st != PZ_OK)
        pz_server_fail(x, &err);
    else if (op == PZ_OP_GET_RECOMMENDATIONS || op == PZ_OP_GET_PERSONALIZED_RANKING)
        get_recommendations(s, x, op, doc);
    else if (op == PZ_OP_CONTROL)
        pz_control_answer(s, x, doc);
    else if (op == PZ_OP_CONSOLE)
        pz_console_work(s, x, doc);
    else if (op == PZ_OP_PUT_EVENTS || op == PZ_OP_PUT_ITEMS || op == PZ_OP_PUT_USERS)
        later = true;
    else
        refuse_actions(s, x, op, doc);
    if (later)
        pz_events_put(s, x, op, doc);
    else
        pz_http_finish(x);
    json_decref(doc);
}

static void say_busy(struct pz_server *s, struct pz_exchange *x)
{
    static const char body[] = "{\"__type\":\"ThrottlingException\",\"message\":\"Rate exceeded: "
                               "the server is busy\"}";

    atomic_fetch_add(&s->metrics.shed, 1);
    x->resp.fault = PZ_FAULT_THROTTLING;
    x->resp.status = pz_fault_status(PZ_FAULT_THROTTLING);
    x->resp.fixed = body;
    x->resp.n_fixed = sizeof body - 1;
    x->resp.retry_after = "1";
}

/* Of a thread of I/O: when it was done with the last request, and whether it waited for another
 * since it rested. */
static _Thread_local struct {
    double done;
    bool waited;
} io;

/* To take the core from who answers costs more than a refusal does: where questions are refused
 * anyway, the thread that reads rests for a fiftieth of what a question may wait when it was woken,
 * and finds many at once. It goes through these without a rest, however many they are. What else
 * comes waits as long. */
static void rest(const struct pz_server *s)
{
    if (io.waited)
        pz_time_rest(s->cfg.budget_s / 50);
    io.waited = false;
}

/* Requests that are there come one right after the other. */
static void note_wait(const struct pz_server *s, const struct pz_exchange *x)
{
    io.waited = io.waited || x->started - io.done > s->cfg.budget_s / 2000;
}

void pz_routes_shed(void *context, struct pz_exchange *x)
{
    say_busy(context, x);
    pz_http_finish(x);
}

void pz_routes_submit(void *context, struct pz_exchange *x)
{
    struct pz_server *s = context;
    enum pz_operation op = pz_wire_find(x->req.path);

    /* To wake a worker costs more than to read a few events; the committer is who waits. */
    if (op == PZ_OP_PUT_EVENTS && x->req.n_body <= AT_ONCE_BYTES)
        pz_routes_work(s, x);
    else
        pz_queue_put(s->queue, x, pz_wire_operations[op].writes);
    io.done = pz_time_clock();
}

/* ---- I/O threads ---- */

static void answer_plain(struct pz_exchange *x, int status, const char *text)
{
    x->resp.status = status;
    x->resp.content_type = "text/plain; charset=utf-8";
    pz_str_adds(&x->resp.body, text);
}

static void answer_ready(struct pz_server *s, struct pz_exchange *x)
{
    struct pz_str *b = &x->resp.body;
    bool all = !atomic_load(&s->draining);

    x->resp.content_type = "text/plain; charset=utf-8";
    if (!all)
        pz_str_adds(b, "draining\n");
    for (size_t i = 0; i < s->n_campaigns; i++) {
        bool ready = atomic_load(&s->campaign[i].ready);

        all = all && ready;
        pz_str_addf(b, "%s %s\n", s->campaign[i].cfg->name, ready ? "ready" : "not ready");
    }
    x->resp.status = all ? 200 : 503;
}

static void answer_metrics(struct pz_server *s, struct pz_exchange *x)
{
    x->resp.status = 200;
    x->resp.content_type = "text/plain; version=0.0.4; charset=utf-8";
    pz_server_write_metrics(&x->resp.body, s);
}

static bool answer_health(struct pz_server *s, struct pz_exchange *x)
{
    if (strcmp(x->req.path, "/livez") == 0)
        answer_plain(x, 200, "ok\n");
    else if (strcmp(x->req.path, "/readyz") == 0 || strcmp(x->req.path, "/healthz") == 0)
        answer_ready(s, x);
    else if (strcmp(x->req.path, "/metrics") == 0)
        answer_metrics(s, x);
    else
        return false;
    return true;
}

/* Whether a page of this origin may talk to us: one of the list, or our own. */
static bool check_origin(struct pz_server *s, struct pz_exchange *x)
{
    const char *origin = pz_http_header(&x->req, "origin"), *host, *scheme_end;

    if (!origin)
        return true;
    for (size_t i = 0; i < s->cfg.n_origins; i++)
        if (strcmp(s->cfg.origin[i], origin) == 0 || strcmp(s->cfg.origin[i], "*") == 0) {
            x->resp.allow_origin = s->cfg.origin[i];
            return true;
        }
    scheme_end = strstr(origin, "://");
    host = pz_http_header(&x->req, "host");
    return scheme_end && host && strcasecmp(scheme_end + 3, host) == 0 && pz_server_is_us(s, host);
}

static bool answer_preflight(struct pz_exchange *x, bool allowed)
{
    x->resp.preflight = true;
    if (allowed && x->resp.allow_origin)
        x->resp.status = 204;
    else
        pz_http_fail(x, PZ_FAULT_ACCESS_DENIED, "pages of this origin may not ask");
    return true;
}

static bool check_signature(struct pz_server *s, struct pz_exchange *x)
{
    struct pz_keyring *ring = atomic_load(&s->ring);
    struct pz_err err = { .status = PZ_OK };
    enum pz_fault fault;

    if (!ring)
        return true;
    fault = pz_sigv4_verify(&x->req, &ring->keys, (int64_t)time(NULL), &x->key, &err);
    if (fault != PZ_FAULT_NONE)
        pz_http_fail(x, fault, "%s", err.text);
    return fault == PZ_FAULT_NONE;
}

bool pz_routes_handle(void *context, struct pz_exchange *x)
{
    struct pz_server *s = context;
    enum pz_operation op = pz_wire_find(x->req.path);
    bool allowed = check_origin(s, x);

    note_wait(s, x);
    x->resp.close = atomic_load(&s->draining);
    if (strcmp(x->req.method, "OPTIONS") == 0)
        return answer_preflight(x, allowed);
    if (answer_health(s, x) || pz_console_answer(s, x))
        return true;
    if (op == PZ_N_OPERATIONS) {
        pz_http_fail(x, PZ_FAULT_UNKNOWN_OPERATION, "there is no operation at %.200s", x->req.path);
        return true;
    }
    x->operation = pz_wire_operations[op].name;
    if (strcmp(x->req.method, "POST") != 0) {
        pz_http_fail(x, PZ_FAULT_BAD_METHOD, "%s wants POST, not %.20s", x->operation,
                     x->req.method);
        return true;
    }
    if (!allowed) {
        pz_http_fail(x, PZ_FAULT_ACCESS_DENIED, "pages of this origin may not ask");
        return true;
    }
    /* Before the signature: what will not be answered is not worth its cost. */
    if (!pz_wire_operations[op].writes && pz_queue_is_busy(s->queue)) {
        rest(s);
        say_busy(s, x);
        return true;
    }
    return !check_signature(s, x);
}

void pz_routes_done(void *context, struct pz_exchange *x)
{
    struct pz_server *s = context;

    pz_metrics_request(&s->metrics, x->operation ? pz_wire_find(x->req.path) : PZ_N_OPERATIONS, x);
    pz_access_log_write(s->log, x);
    if (s->cfg.slow_s > 0 && pz_time_clock() - x->started > s->cfg.slow_s) {
        struct pz_str line = { 0 };

        atomic_fetch_add(&s->metrics.slow, 1);
        pz_access_log_members(&line, x);
        pz_log(s->talk, PZ_LOG_WARN, "slow: {%s}", line.failed ? "" : line.data);
        pz_str_clear(&line);
    }
    io.done = pz_time_clock();
}
