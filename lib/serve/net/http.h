/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 for the endpoint: the only module that sees libmicrohttpd.
 *
 * Calling sequence:
 *
 *   pz_http_open(&cfg, &http, &err);       listens, threads run
 *     cfg.handle(cfg.context, x)           on an I/O thread, for each whole request
 *       true:  x->resp is filled, it goes out
 *       false: the connection sleeps, and then
 *     cfg.submit(cfg.context, x)           hands it to somebody who fills it and calls, once,
 *       pz_http_finish(x)
 *     cfg.done(cfg.context, x)             after the last byte, or when the client is gone
 *   pz_http_drain(http, seconds);          no new connections, those at work end
 *   pz_http_close(http);
 *
 * An exchange lives from the request's first line to .done; everything in it lives as long. */
#ifndef PZ_SERVE_NET_HTTP_H
#define PZ_SERVE_NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "serve/net/fault.h"

struct pz_header {
    const char *name, *value;
};

struct pz_http_request {
    const char *method;
    const char *path; /* as it was sent, not decoded, with any query */
    const struct pz_header *header;
    size_t n_headers;
    const char *body; /* NUL behind it */
    size_t n_body;
    char remote[48]; /* the other side's address, or "unix" */
};

/* The value of the only header of that name (without regard to case); NULL when there is none or
 * more than one.
 *
 * Owner:   the request
 * Threads: any */
const char *pz_http_header(const struct pz_http_request *req, const char *name);

struct pz_http_response {
    int status;
    enum pz_fault fault;      /* PZ_FAULT_NONE, or what x-amzn-ErrorType says */
    const char *content_type; /* NULL: application/json */
    const char *allow_origin; /* of CORS; NULL: none */
    bool preflight;           /* an answer to a browser's OPTIONS */
    bool close;               /* the connection ends with this answer */
    const char *retry_after;  /* seconds; NULL: no such header */
    const char *policy;       /* Content-Security-Policy; NULL: none */
    const char *fixed;        /* body that lives as long as the program; else .body */
    size_t n_fixed;
    struct pz_str body;
};

/* Where a request's time went, in seconds of the monotonic clock. */
enum pz_phase {
    PZ_PHASE_WAIT,   /* in the queue */
    PZ_PHASE_PARSE,  /* JSON and limits */
    PZ_PHASE_GATHER, /* what is live for the user */
    PZ_PHASE_FILTER, /* options, filters, which items may be recommended */
    PZ_PHASE_SCORE,  /* scores and the choice by them */
    PZ_PHASE_WRITE,  /* the answer's JSON */
    PZ_PHASE_FSYNC,  /* group commit, waiting for others included */
    PZ_N_PHASES
};

/* "wait", "parse", ... */
extern const char *const pz_phase_names[PZ_N_PHASES];

struct pz_key;

/* One request and its response. */
struct pz_exchange {
    struct pz_http_request req;
    struct pz_http_response resp;
    struct pz_arena arena;
    double started;                /* first line read */
    double arrived;                /* whole request read */
    double phase[PZ_N_PHASES];     /* seconds; 0: not gone through */
    const struct pz_key *key;      /* who signed; NULL: nobody, or --no-auth */
    const char *operation;         /* for the log; a constant */
    const char *campaign;          /* for the log; in the arena or the configuration */
    char request_id[37];           /* a UUID */
    struct pz_exchange *next;      /* of queues; theirs */
    void *work;                    /* whoever answers it; freed by it before pz_http_finish */
    struct pz_http_exchange *http; /* private to http.c */
};

/* Fill the response with an error: its type, status and {"__type": ..., "message": ...}.
 *
 * Threads: any, for the exchange it has */
void pz_http_fail(struct pz_exchange *x, enum pz_fault fault, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

struct pz_http_cfg {
    int listen_fd;            /* bound and listening; stays the caller's */
    unsigned threads;         /* of I/O */
    unsigned max_connections; /* beyond: the one idle for longest is closed, else refused */
    unsigned max_per_ip;      /* 0: no limit */
    double request_timeout_s; /* from first line to last byte of a request */
    double idle_timeout_s;    /* between requests, and before the first */
    size_t max_body;          /* bytes */
    bool (*handle)(void *context, struct pz_exchange *x);
    void (*submit)(void *context, struct pz_exchange *x);
    void (*done)(void *context, struct pz_exchange *x);
    void *context;
};

struct pz_http;

/* Start to serve.
 *
 * Errors:  PZ_UNAVAILABLE libmicrohttpd would not start; PZ_TRY_AGAIN memory
 * Owner:   *out: pz_http_close
 * Threads: one */
enum pz_status pz_http_open(const struct pz_http_cfg *cfg, struct pz_http **out,
                            struct pz_err *err);

/* The response is filled: send it. x must not be touched afterwards.
 *
 * Threads: any */
void pz_http_finish(struct pz_exchange *x);

/* Close connections whose time is over. To be called about once a second.
 *
 * Threads: one */
void pz_http_reap(struct pz_http *http);

/* Connections open now.
 *
 * Threads: any */
unsigned pz_http_connections(struct pz_http *http);

/* Take no more connections, answer what came with Connection: close, and wait until all are gone,
 * at most that long. Idle ones are closed at once. False: some were left.
 *
 * Threads: one */
bool pz_http_drain(struct pz_http *http, double seconds);

/* Stop and free; accepts NULL. No exchange may be pending.
 *
 * Threads: one, last */
void pz_http_close(struct pz_http *http);

#endif
