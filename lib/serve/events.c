/* SPDX-License-Identifier: Apache-2.0 */
/* PutEvents, PutItems, PutUsers: from a checked document to a durable transaction. A worker parses
 * and hands the job to the store's committer, whose thread answers when it is durable.
 *
 * Clients send a request again when its answer was lost, and eventId is optional. An event without
 * one gets an id made of what a repeat has in common with its first attempt: the signing key, the
 * invocation id of the SDK, and the place in the list. The store passes over ids that it knows, so
 * that a repeat changes nothing. A client that sends no invocation id (aws-cli 2 of 2022) has no
 * repeats that could be told from new events. */
#include "serve/net/sigv4.h"
#include "serve/service.h"

#include <string.h>
#include <time.h>

#include "base/time.h"
#include "live/put.h"

/* A job of the committer with what it needs to answer; in the exchange's arena. */
struct put {
    struct pz_commit_job job;
    struct pz_server *server;
    struct pz_served *campaign;
    struct pz_exchange *x;
    struct pz_snapshot *snap; /* whose columns values must fit; rows borrow their names */
    double from;
};

/* ---- where to ---- */

static struct pz_served *find_target(struct pz_server *s, struct pz_exchange *x,
                                     enum pz_operation op, const json_t *doc)
{
    const char *arn = json_string_value(json_object_get(doc, "datasetArn")), *name, *table;
    const char *id = json_string_value(json_object_get(doc, "trackingId"));
    const char *wanted = op == PZ_OP_PUT_ITEMS ? "ITEMS" : "USERS";
    struct pz_served *k;
    size_t n;

    if (op == PZ_OP_PUT_EVENTS) {
        k = pz_server_tracker(s, id);
        if (!k)
            pz_http_fail(x, PZ_FAULT_INVALID_INPUT, "trackingId: no event tracker has the id %.60s",
                         id);
        return k;
    }
    name = pz_wire_arn(arn, "dataset", &n, &table);
    k = name ? pz_server_dataset(s, name, n) : NULL;
    if (!k)
        pz_http_fail(x, PZ_FAULT_NOT_FOUND, "datasetArn: %.260s is no dataset served here", arn);
    else if (!pz_str_same_name(table, wanted))
        pz_http_fail(x, PZ_FAULT_INVALID_INPUT, "datasetArn: %s/%s is needed here, not %.60s",
                     k->cfg->dataset, wanted, table);
    return k && pz_str_same_name(table, wanted) ? k : NULL;
}

/* ---- events ---- */

/* An id that a repeat of this request gives its event again. */
static const char *derive_id(struct pz_exchange *x, const char *invocation, size_t index)
{
    struct pz_str text = { 0 };
    char digest[65];

    pz_str_addf(&text, "%s\n%s\n%zu", x->key ? x->key->id : "", invocation, index);
    if (!text.failed)
        pz_sigv4_digest(text.data, text.len, digest);
    /* 128 bits: two different events never meet by chance. */
    digest[32] = '\0';
    pz_str_clear(&text);
    return pz_arena_strndup(&x->arena, digest, 32);
}

static enum pz_status name_events(struct pz_exchange *x, struct pz_event *event, size_t n,
                                  struct pz_err *err)
{
    /* The same in all attempts of one call, another in every call. */
    const char *invocation = pz_http_header(&x->req, "amz-sdk-invocation-id");

    for (size_t i = 0; i < n && invocation && *invocation; i++) {
        if (event[i].event_id)
            continue;
        event[i].event_id = derive_id(x, invocation, i);
        if (!event[i].event_id)
            return pz_err_memory(err, "events", 1e4);
    }
    return PZ_OK;
}

static enum pz_status read_events(struct put *p, const json_t *doc, struct pz_err *err)
{
    struct pz_event *event = NULL;
    enum pz_status st = pz_put_event_list(doc, &p->snap->model->context, &p->x->arena, &event,
                                          &p->job.n, err);

    if (st == PZ_OK)
        st = name_events(p->x, event, p->job.n, err);
    for (size_t i = 0; i < p->job.n && st == PZ_OK; i++) {
        st = pz_live_check(&event[i], err);
        if (st != PZ_OK)
            pz_err_prefix(err, "eventList[%zu]", i + 1);
    }
    p->job.event = event;
    return st;
}

/* Only what is new counts: a repeat was counted when it was stored. */
static void count_events(struct put *p)
{
    struct pz_campaign_counts *c = &p->campaign->counts;
    int64_t now = (int64_t)time(NULL);

    for (size_t i = 0; i < p->job.n; i++) {
        if (p->job.fate[i] == PZ_LIVE_STORED)
            pz_metrics_event(c, &p->job.event[i], now);
        atomic_fetch_add(&c->repeats, p->job.fate[i] == PZ_LIVE_REPEATED);
        atomic_fetch_add(&c->conflicts, p->job.fate[i] == PZ_LIVE_CONFLICT);
    }
}

/* ---- rows ---- */

static enum pz_status read_rows(struct put *p, enum pz_operation op, const json_t *doc,
                                struct pz_err *err)
{
    struct pz_live_row *row = NULL;
    const struct pz_model *m = p->snap->model;
    enum pz_status st;

    p->job.table = op == PZ_OP_PUT_ITEMS ? PZ_LIVE_ITEMS : PZ_LIVE_USERS;
    st = pz_put_row_list(doc, p->job.table,
                         p->job.table == PZ_LIVE_ITEMS ? &m->item_attrs : &m->user_attrs,
                         &p->x->arena, &row, &p->job.n, err);
    p->job.row = row;
    return st;
}

/* ---- both ---- */

/* The committer is done with a job: answer. */
static void answer(struct pz_commit_job *job, enum pz_status st, const struct pz_err *err)
{
    struct put *p = job->context;
    struct pz_exchange *x = p->x;

    x->phase[PZ_PHASE_FSYNC] = pz_time_clock() - p->from;
    if (st == PZ_OK) {
        x->resp.status = 200;
        if (job->event)
            count_events(p);
        else
            atomic_fetch_add(&p->campaign->counts.rows, job->n);
    } else {
        pz_server_fail(x, err);
    }
    pz_snapshot_release(p->snap);
    pz_http_finish(x);
}

void pz_events_put(struct pz_server *s, struct pz_exchange *x, enum pz_operation op,
                   const json_t *doc)
{
    struct pz_err err = { .status = PZ_OK };
    struct pz_served *k = find_target(s, x, op, doc);
    struct put *p = k ? pz_arena_take(&x->arena, sizeof *p) : NULL;
    enum pz_status st = PZ_OK;

    x->campaign = k ? k->cfg->name : NULL;
    /* Each of them has filled the response where it says no. */
    if (!k || !pz_server_allow(k, x, PZ_MAY_WRITE) || !pz_server_admit(s, k, x)) {
        pz_http_finish(x);
        return;
    }
    if (!p || !k->commit) {
        pz_http_fail(x, PZ_FAULT_UNAVAILABLE, "%s",
                     p ? "the campaign is served read-only" : "out of memory");
        pz_http_finish(x);
        return;
    }
    *p = (struct put){ .job = { .done = answer, .context = p },
                       .server = s,
                       .campaign = k,
                       .x = x,
                       .snap = pz_service_take(k->service),
                       .from = pz_time_clock() };
    st = op == PZ_OP_PUT_EVENTS ? read_events(p, doc, &err) : read_rows(p, op, doc, &err);
    if (st == PZ_OK) {
        pz_commit_put(k->commit, &p->job);
        return;
    }
    pz_snapshot_release(p->snap);
    pz_server_fail(x, &err);
    pz_http_finish(x);
}
