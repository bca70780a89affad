/* SPDX-License-Identifier: Apache-2.0 */
/* Private to serve/: what the parts of a running server share. */
#ifndef PZ_SERVE_SERVICE_H
#define PZ_SERVE_SERVICE_H

#include <pthread.h>
#include <stdatomic.h>

#include "answer/answer.h"
#include "base/log.h"
#include "live/hosts/follow.h"
#include "serve/access_log.h"
#include "serve/commit.h"
#include "serve/config.h"
#include "serve/metrics.h"
#include "serve/net/credentials.h"
#include "serve/net/http.h"
#include "serve/queue.h"
#include "serve/wire.h"

/* Tokens that come at a rate and are taken one a request; at most a second's worth (at least one)
 * is saved. */
struct pz_bucket {
    pthread_mutex_t lock;
    double rate; /* a second; 0: no limit */
    double tokens, at;
};

/* A campaign that is served. */
struct pz_served {
    const struct pz_serve_campaign *cfg;
    struct pz_service *service;
    pthread_rwlock_t split_lock; /* of the next three, which the refresher changes */
    struct pz_service *split;    /* another version, for a part of the users; NULL: none */
    uint32_t split_version;
    double split_share;
    struct pz_live_store *store; /* NULL: read-only */
    struct pz_commit *commit;    /* of the store; campaigns of one store share it */
    bool owns_commit;
    struct pz_follow *follow; /* of the store's log; NULL: none; shared as the committer is */
    struct pz_bucket bucket;
    struct pz_campaign_counts counts;
    atomic_bool ready;        /* its canary was answered */
    bool told_damage;         /* of its live store; the refresher's */
    _Atomic double refreshed; /* when it was last looked at */
    _Atomic double rebuild_s; /* the last time that something had changed */
    _Atomic uint64_t reloads, reload_failures;
};

/* A set of keys with their buckets. A request borrows from the set it began with, so that sets live
 * to the end; reloads are rare and sets are small. */
struct pz_keyring {
    struct pz_credentials keys;
    struct pz_bucket *bucket;    /* [keys.n] */
    _Atomic uint64_t *throttled; /* [keys.n] */
    struct pz_keyring *older;
};

struct pz_server {
    struct pz_serve_config cfg;
    struct pz_served *campaign; /* [cfg.n] */
    size_t n_campaigns;
    struct pz_keyring *_Atomic ring; /* NULL: --no-auth */
    struct pz_bucket bucket;         /* of all */
    struct pz_metrics metrics;
    struct pz_access_log *log;
    struct pz_http *http;
    struct pz_queue *queue;
    atomic_bool draining, stopping;
    struct pz_log *talk;
    double started;
    char listening[300];
};

/* The campaign of a name of n bytes; NULL: there is none. The same by its trackingId, or by its
 * dataset's name.
 *
 * Owner:   the server, until it ends
 * Threads: any */
struct pz_served *pz_server_campaign(struct pz_server *s, const char *name, size_t n);
struct pz_served *pz_server_tracker(struct pz_server *s, const char *id);
struct pz_served *pz_server_dataset(struct pz_server *s, const char *name, size_t n);

/* The snapshot that answers a user (NULL: nobody): that of the split for its part of the users, by
 * hash, else the current one.
 *
 * Owner:   the caller: pz_snapshot_release
 * Threads: any */
struct pz_snapshot *pz_server_snapshot(struct pz_served *k, const char *user_id);

/* Take a token; false: there is none, and x has its ThrottlingException.
 *
 * Threads: any */
bool pz_server_admit(struct pz_server *s, struct pz_served *k, struct pz_exchange *x);

/* Whether the request's key may do that with a campaign; else x has its AccessDeniedException.
 *
 * Threads: any */
bool pz_server_allow(struct pz_served *k, struct pz_exchange *x, unsigned right);

/* Put a library's failure into the response. An option's name in front of the text is left out.
 *
 * Threads: any */
void pz_server_fail(struct pz_exchange *x, const struct pz_err *err);

/* Whether a Host header names this very server, as no page elsewhere can make it: a loopback name,
 * or the address listened on; with keys any will do.
 *
 * Threads: any */
bool pz_server_is_us(struct pz_server *s, const char *host);

/* Append all figures in Prometheus's text format.
 *
 * Threads: any */
void pz_server_write_metrics(struct pz_str *out, struct pz_server *s);

/* ---- routes.c: callbacks of the HTTP server and the queue
 *
 * Threads: any, for the exchange it has */
bool pz_routes_handle(void *context, struct pz_exchange *x);
void pz_routes_submit(void *context, struct pz_exchange *x);
void pz_routes_work(void *context, struct pz_exchange *x);
void pz_routes_shed(void *context, struct pz_exchange *x);
void pz_routes_done(void *context, struct pz_exchange *x);

/* ---- events.c: PutEvents, PutItems, PutUsers. Takes the exchange: it is finished here, now or
 * when it is durable. doc is borrowed during the call.
 *
 * Threads: any, for the exchange it has */
void pz_events_put(struct pz_server *s, struct pz_exchange *x, enum pz_operation op,
                   const json_t *doc);

/* ---- control.c: the read-only control plane. Fills the response.
 *
 * Threads: any, for the exchange it has */
void pz_control_answer(struct pz_server *s, struct pz_exchange *x, const json_t *doc);

/* The held-out check that tuning of a version ended with (see train/check.c); NULL: it was not
 * tuned, or cannot be opened.
 *
 * Owner:   the caller: json_decref
 * Threads: any */
json_t *pz_server_check(const struct pz_served *k, uint32_t version);

/* ---- console.c. The page: true when the path is its own; the response is filled then. What it
 * asks for: fills the response.
 *
 * Threads: any, for the exchange it has */
bool pz_console_answer(struct pz_server *s, struct pz_exchange *x);
void pz_console_work(struct pz_server *s, struct pz_exchange *x, const json_t *doc);

#endif
