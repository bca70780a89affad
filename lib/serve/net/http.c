/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP: see http.h. libmicrohttpd does the parsing on a few epoll threads; what it leaves open is
 * closed here.
 *
 *  1. Framing. It takes a request with two lengths, with a length and chunks, with blanks in a
 *     header's name, or without a host; a proxy in front may read those otherwise and so be made to
 *     pass somebody else's request. All are refused, and the connection ends.
 *  2. Time. Its timeout starts again at each byte. Here a request has request_timeout_s from its
 *     first line to its last byte, and idle_timeout_s between requests is the most, whatever
 *     trickles in: pz_http_reap shuts the socket down, libmicrohttpd then sees its end.
 *  3. Its own refusals, before a request is whole, are pages for people; clients that expect JSON
 *     fall over them. It makes them with a function of its interface, which is ours here.
 *  4. Number. Beyond its limit it lets clients wait without a word. Here the connection that has
 *     been idle for longest makes room, and where none is idle a newcomer is closed at once.
 *
 * A connection's state is changed by its I/O thread only; the list of connections, which other
 * threads walk, has a lock. A socket that is in the list is open: it leaves the list before
 * libmicrohttpd closes it. */
#include "serve/net/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/number.h"
#include "base/time.h"

enum {
    HEADERS_MAX = 64,
    HEADER_BYTES = 16384,   /* of all names and values */
    MEMORY_BYTES = 24576,   /* a connection's in libmicrohttpd, which zeroes it for each request */
    USUAL_ERROR = 200,      /* bytes */
    SPARE_CONNECTIONS = 64, /* of libmicrohttpd's own limit, so that ours acts */
    PREFERENCE = 5          /* steps of nice(2) that I/O threads are above workers */
};

enum state { IDLE, READING, WORKING };

struct connection {
    struct connection *prev, *next;
    struct pz_http *http;
    int fd;
    _Atomic int state;
    _Atomic double since; /* when the state began */
    char remote[48];
};

struct pz_http {
    struct pz_http_cfg cfg;
    struct MHD_Daemon *daemon;
    int listen_fd; /* ours: libmicrohttpd closes what it is given */
    pthread_mutex_t lock;
    struct connection *first; /* the list, under the lock */
    _Atomic unsigned n;
    atomic_bool draining;
};

/* The private half of an exchange. */
struct pz_http_exchange {
    struct MHD_Connection *mhd;
    struct connection *connection;
    struct pz_header *header; /* [min(HEADERS_MAX, sent)], in the arena */
    size_t header_bytes;
    struct pz_str body;
    enum pz_fault fault; /* found while reading */
    const char *problem;
    bool seen;            /* the handler was called for it */
    atomic_bool finished; /* the response is filled */
    unsigned hosts, lengths, codings;
};

const char *const pz_phase_names[PZ_N_PHASES] = { "wait",  "parse", "gather", "filter",
                                                  "score", "write", "fsync" };

/* Whether a header has that name, which is in lower case. Few names begin alike. */
static bool is_named(const char *header, const char *name)
{
    return (*header | 0x20) == *name && strcasecmp(header, name) == 0;
}

const char *pz_http_header(const struct pz_http_request *req, const char *name)
{
    const char *found = NULL;

    for (size_t i = 0; i < req->n_headers; i++)
        if (is_named(req->header[i].name, name)) {
            /* A header that stands twice can be read in two ways: it counts as none. */
            if (found)
                return NULL;
            found = req->header[i].value;
        }
    return found;
}

void pz_http_fail(struct pz_exchange *x, enum pz_fault fault, const char *fmt, ...)
{
    char text[1200];
    va_list args;
    struct pz_str *b = &x->resp.body;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    x->resp.fault = fault;
    x->resp.status = pz_fault_status(fault);
    /* Whatever had been filled in before is replaced by the fault. */
    x->resp.fixed = NULL;
    x->resp.content_type = NULL;
    pz_str_reset(b);
    pz_str_reserve(b, USUAL_ERROR);
    pz_str_adds(b, "{\"__type\":\"");
    pz_str_adds(b, pz_fault_name(fault));
    pz_str_adds(b, "\",\"message\":");
    pz_json_add_string(b, text, strlen(text));
    pz_str_addc(b, '}');
}

/* ---- connections ---- */

static void enter(struct connection *c, enum state state)
{
    atomic_store(&c->since, pz_time_clock());
    atomic_store(&c->state, (int)state);
}

static void name_remote(const struct sockaddr *a, char *out, size_t n)
{
    const char *name = NULL;

    if (a && a->sa_family == AF_INET)
        name = inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)a)->sin_addr, out,
                         (socklen_t)n);
    else if (a && a->sa_family == AF_INET6)
        name = inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, out,
                         (socklen_t)n);
    if (!name)
        snprintf(out, n, "unix");
}

static void add_connection(struct pz_http *h, struct MHD_Connection *mhd, void **slot)
{
    struct connection *c = calloc(1, sizeof *c);
    const union MHD_ConnectionInfo *fd = MHD_get_connection_info(mhd,
                                                                 MHD_CONNECTION_INFO_CONNECTION_FD);
    const union MHD_ConnectionInfo *peer =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

    *slot = c;
    if (!c)
        return;
    c->http = h;
    c->fd = fd ? fd->connect_fd : -1;
    name_remote(peer ? peer->client_addr : NULL, c->remote, sizeof c->remote);
    enter(c, IDLE);
    pthread_mutex_lock(&h->lock);
    c->next = h->first;
    if (c->next)
        c->next->prev = c;
    h->first = c;
    pthread_mutex_unlock(&h->lock);
    atomic_fetch_add(&h->n, 1);
}

static void drop_connection(struct pz_http *h, void **slot)
{
    struct connection *c = *slot;

    if (!c)
        return;
    pthread_mutex_lock(&h->lock);
    if (c->next)
        c->next->prev = c->prev;
    if (c->prev)
        c->prev->next = c->next;
    else
        h->first = c->next;
    pthread_mutex_unlock(&h->lock);
    atomic_fetch_sub(&h->n, 1);
    free(c);
    *slot = NULL;
}

static void on_connection(void *context, struct MHD_Connection *mhd, void **slot,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        add_connection(context, mhd, slot);
    else
        drop_connection(context, slot);
}

/* Shut down the connection that has been idle for longest; false: none is idle. With the lock. */
static bool close_idlest(struct pz_http *h)
{
    struct connection *oldest = NULL;

    for (struct connection *c = h->first; c; c = c->next)
        if (atomic_load(&c->state) == IDLE &&
            (!oldest || atomic_load(&c->since) < atomic_load(&oldest->since)))
            oldest = c;
    if (oldest) {
        enter(oldest, WORKING); /* not to be chosen twice */
        shutdown(oldest->fd, SHUT_RDWR);
    }
    return oldest != NULL;
}

static enum MHD_Result on_accept(void *context, const struct sockaddr *addr, socklen_t len)
{
    struct pz_http *h = context;
    bool room = true;

    (void)addr;
    (void)len;
    if (atomic_load(&h->n) >= h->cfg.max_connections) {
        pthread_mutex_lock(&h->lock);
        room = close_idlest(h);
        pthread_mutex_unlock(&h->lock);
    }
    return room ? MHD_YES : MHD_NO;
}

void pz_http_reap(struct pz_http *h)
{
    double now = pz_time_clock();

    pthread_mutex_lock(&h->lock);
    for (struct connection *c = h->first; c; c = c->next) {
        int state = atomic_load(&c->state);
        double age = now - atomic_load(&c->since);

        /* A worker's time is not counted here: the queue has a limit of its own. */
        if ((state == READING && age > h->cfg.request_timeout_s) ||
            (state == IDLE && (age > h->cfg.idle_timeout_s || atomic_load(&h->draining))))
            shutdown(c->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&h->lock);
}

unsigned pz_http_connections(struct pz_http *h)
{
    return atomic_load(&h->n);
}

/* ---- requests ---- */

/* A random UUID; each thread draws from a sequence of its own (splitmix64). */
static void make_id(char out[37])
{
    static _Thread_local uint64_t state;
    uint64_t half[2];

    if (state == 0 && getrandom(&state, sizeof state, 0) != (ssize_t)sizeof state)
        state = (uint64_t)(pz_time_clock() * 1e9) ^ (uint64_t)(uintptr_t)&state;
    for (int i = 0; i < 2; i++) {
        uint64_t z = state += 0x9e3779b97f4a7c15u;

        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        half[i] = z ^ z >> 31;
    }
    half[0] = (half[0] & ~(uint64_t)0xf000) | 0x4000;                 /* version 4: random */
    half[1] = (half[1] & ~((uint64_t)3 << 62)) | ((uint64_t)1 << 63); /* RFC 9562's variant */
    for (size_t i = 0; i < 5; i++) {
        static const uint8_t digits[] = { 8, 4, 4, 4, 12 }, behind[] = { 32, 16, 0, 48, 0 };

        out = pz_put_hex(out, half[i / 3] >> behind[i], digits[i]);
        *out++ = i < 4 ? '-' : '\0';
    }
}

static struct connection *connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

static void free_exchange(struct pz_exchange *x)
{
    if (!x)
        return;
    if (x->http)
        pz_str_clear(&x->http->body);
    pz_str_clear(&x->resp.body);
    pz_arena_clear(&x->arena);
    free(x->http);
    free(x);
}

/* An exchange with nothing in it. Its pieces are cleared here: calloc passes over what malloc has
 * at hand for this thread. */
static struct pz_exchange *new_exchange(void)
{
    struct pz_exchange *x = malloc(sizeof *x);

    if (!x)
        return NULL;
    *x = (struct pz_exchange){ .http = malloc(sizeof *x->http) };
    if (x->http) {
        *x->http = (struct pz_http_exchange){ .fault = PZ_FAULT_NONE };
        return x;
    }
    free_exchange(x);
    return NULL;
}

/* Have this thread go before those that score, where the system allows it (CAP_SYS_NICE, or
 * RLIMIT_NICE): what is answered must not wait for a core that works on the next. */
static void prefer_thread(void)
{
    static _Thread_local bool done;
    int nice;

    if (done)
        return;
    done = true;
    errno = 0;
    nice = getpriority(PRIO_PROCESS, (id_t)gettid());
    if (nice != -1 || errno == 0)
        setpriority(PRIO_PROCESS, (id_t)gettid(), nice - PREFERENCE);
}

/* The request line was read: begin an exchange with the path as it was sent. */
static void *on_request_line(void *context, const char *uri, struct MHD_Connection *mhd)
{
    struct pz_exchange *x = new_exchange();

    (void)context;
    prefer_thread();
    if (!x)
        return NULL;
    x->req.path = pz_arena_strndup(&x->arena, uri, strlen(uri));
    if (!x->req.path) {
        free_exchange(x);
        return NULL;
    }
    x->http->mhd = mhd;
    x->http->connection = connection_of(mhd);
    x->started = pz_time_clock();
    make_id(x->request_id);
    if (x->http->connection) {
        memcpy(x->req.remote, x->http->connection->remote, sizeof x->req.remote);
        enter(x->http->connection, READING);
    }
    return x;
}

static void refuse(struct pz_http_exchange *p, enum pz_fault fault, const char *problem)
{
    if (p->fault == PZ_FAULT_NONE) {
        p->fault = fault;
        p->problem = problem;
    }
}

static enum MHD_Result take_header(void *context, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    struct pz_exchange *x = context;
    struct pz_http_exchange *p = x->http;

    (void)kind;
    value = value ? value : "";
    for (const char *c = name; *c; c++)
        if (*c <= 32 || *c >= 127)
            refuse(p, PZ_FAULT_BAD_REQUEST, "a header's name has a blank or a control character");
    p->hosts += is_named(name, "host");
    p->lengths += is_named(name, "content-length");
    p->codings += is_named(name, "transfer-encoding");
    p->header_bytes += strlen(name) + strlen(value);
    if (x->req.n_headers == HEADERS_MAX || p->header_bytes > HEADER_BYTES)
        refuse(p, PZ_FAULT_HEADERS_TOO_LARGE, "more than 64 headers, or more than 16 kB of them");
    else
        p->header[x->req.n_headers++] = (struct pz_header){ name, value };
    return MHD_YES;
}

/* Whether the request is framed so that everybody reads it alike. */
static void check_framing(const struct pz_http *h, struct pz_exchange *x, const char *version)
{
    struct pz_http_exchange *p = x->http;
    const char *length = pz_http_header(&x->req, "content-length");
    bool old = strcmp(version, MHD_HTTP_VERSION_1_0) == 0;

    if (p->lengths > 1 || p->codings > 1 || (p->lengths && p->codings))
        refuse(p, PZ_FAULT_BAD_REQUEST,
               "Content-Length and Transfer-Encoding stand more than once");
    if (p->hosts > 1 || (p->hosts == 0 && !old))
        refuse(p, PZ_FAULT_BAD_REQUEST, "one Host header is needed");
    if (length && strtoull(length, NULL, 10) > h->cfg.max_body)
        refuse(p, PZ_FAULT_TOO_LARGE, "the body is larger than a request can be");
}

/* ---- responses ---- */

static void add_header(struct MHD_Response *r, const char *name, const char *value)
{
    if (value)
        MHD_add_response_header(r, name, value);
}

static void add_cors(struct MHD_Response *r, const struct pz_http_response *resp)
{
    if (!resp->allow_origin)
        return;
    add_header(r, "Access-Control-Allow-Origin", resp->allow_origin);
    add_header(r, "Vary", "Origin");
    add_header(r, "Access-Control-Expose-Headers", "x-amzn-RequestId, x-amzn-ErrorType, Date");
    if (!resp->preflight)
        return;
    add_header(r, "Access-Control-Allow-Methods", "POST");
    add_header(r, "Access-Control-Allow-Headers",
               "amz-sdk-invocation-id, amz-sdk-request, authorization, content-type, "
               "x-amz-content-sha256, x-amz-date, x-amz-security-token, x-amz-target, "
               "x-amz-user-agent");
    add_header(r, "Access-Control-Max-Age", "86400");
}

static void leave(void *bytes)
{
    (void)bytes;
}

static struct MHD_Response *make_response(const struct pz_http *h, struct pz_exchange *x)
{
    struct pz_http_response *resp = &x->resp;
    const char *bytes = resp->fixed ? resp->fixed : resp->body.data ? resp->body.data : "";
    size_t n = resp->fixed ? resp->n_fixed : resp->body.len;
    struct MHD_Response *r = /* it is sent before the exchange is freed */
        MHD_create_response_from_buffer_with_free_callback(n, (void *)(uintptr_t)bytes, leave);

    if (!r)
        return NULL;
    if (n > 0 || !resp->preflight)
        add_header(r, "Content-Type", resp->content_type ? resp->content_type : "application/json");
    add_header(r, "x-amzn-RequestId", x->request_id);
    add_header(r, "x-amzn-ErrorType", pz_fault_name(resp->fault));
    add_header(r, "Retry-After", resp->retry_after);
    add_header(r, "X-Content-Type-Options", "nosniff");
    add_header(r, "Content-Security-Policy", resp->policy);
    add_cors(r, resp);
    if (resp->close || atomic_load(&h->draining))
        add_header(r, "Connection", "close");
    return r;
}

static enum MHD_Result send_response(struct pz_http *h, struct pz_exchange *x)
{
    struct MHD_Response *r;
    enum MHD_Result result;

    if (x->resp.body.failed) {
        pz_str_clear(&x->resp.body);
        pz_http_fail(x, PZ_FAULT_UNAVAILABLE, "out of memory");
    }
    r = make_response(h, x);
    if (!r)
        return MHD_NO;
    result = MHD_queue_response(x->http->mhd, (unsigned)x->resp.status, r);
    MHD_destroy_response(r);
    return result;
}

/* ---- libmicrohttpd's own refusals ---- */

static enum pz_fault fault_of(const char *page)
{
    if (strstr(page, "too big"))
        return PZ_FAULT_HEADERS_TOO_LARGE;
    if (strstr(page, "too large"))
        return PZ_FAULT_TOO_LARGE;
    return strstr(page, "Internal server error") ? PZ_FAULT_INTERNAL : PZ_FAULT_BAD_REQUEST;
}

static const char *words_for(enum pz_fault fault)
{
    switch (fault) {
    case PZ_FAULT_HEADERS_TOO_LARGE:
        return "more than 64 headers, or more than 16 kB of them";
    case PZ_FAULT_TOO_LARGE:
        return "the body is larger than a request can be";
    case PZ_FAULT_INTERNAL:
        return "the request could not be handled";
    default:
        return "this is no HTTP request";
    }
}

/* Of libmicrohttpd's interface, in its place: the dynamic linker gives this one to the library too,
 * which calls it with the page of a refusal and with nothing else. Where it is linked so that it
 * keeps to its own, refusals are its pages. Ours use the variant below. NULL has it close the
 * connection without a word: of a wrong Content-Length it sends its answer's headers twice
 * (0.9.75), the second time as the body. */
struct MHD_Response *MHD_create_response_from_buffer(size_t size, void *buffer,
                                                     enum MHD_ResponseMemoryMode mode)
{
    char page[512], id[37];
    struct pz_str text = { 0 };
    enum pz_fault fault;
    struct MHD_Response *r;

    snprintf(page, sizeof page, "%.*s", (int)(size < sizeof page ? size : sizeof page - 1),
             size ? (const char *)buffer : "");
    if (mode == MHD_RESPMEM_MUST_FREE)
        free(buffer);
    if (strstr(page, "<b>Content-Length</b>"))
        return NULL;
    fault = fault_of(page);
    pz_str_addf(&text, "{\"__type\":\"%s\",\"message\":\"%s\"}", pz_fault_name(fault),
                words_for(fault));
    if (text.failed)
        return NULL;
    r = MHD_create_response_from_buffer_with_free_callback(text.len, text.data, free);
    if (!r)
        return NULL;
    make_id(id);
    add_header(r, "Content-Type", "application/json");
    add_header(r, "x-amzn-RequestId", id);
    add_header(r, "x-amzn-ErrorType", pz_fault_name(fault));
    return r;
}

/* ---- the handler ---- */

static enum MHD_Result take_headers(struct pz_http *h, struct pz_exchange *x, const char *method,
                                    const char *version)
{
    struct pz_http_exchange *p = x->http;
    int n = MHD_get_connection_values(p->mhd, MHD_HEADER_KIND, NULL, NULL);
    size_t kept = n < HEADERS_MAX ? (size_t)n : HEADERS_MAX;

    p->seen = true;
    p->header = pz_arena_take(&x->arena, kept * sizeof *p->header);
    if (!p->header)
        return MHD_NO; /* memory is out */
    x->req.method = method;
    x->req.header = p->header;
    MHD_get_connection_values(p->mhd, MHD_HEADER_KIND, take_header, x);
    check_framing(h, x, version);
    if (p->fault == PZ_FAULT_NONE)
        return MHD_YES;
    pz_http_fail(x, p->fault, "%s", p->problem);
    x->resp.close = true; /* what follows on the connection may be read in two ways */
    return send_response(h, x);
}

static enum MHD_Result take_body(const struct pz_http *h, struct pz_exchange *x, const char *data,
                                 size_t *n)
{
    struct pz_http_exchange *p = x->http;

    if (p->body.len + *n > h->cfg.max_body)
        refuse(p, PZ_FAULT_TOO_LARGE, "the body is larger than a request can be");
    else
        pz_str_add(&p->body, data, *n);
    *n = 0;
    return MHD_YES;
}

static enum MHD_Result answer(struct pz_http *h, struct pz_exchange *x)
{
    struct pz_http_exchange *p = x->http;

    x->arrived = pz_time_clock();
    x->req.body = p->body.data ? p->body.data : "";
    x->req.n_body = p->body.len;
    if (p->connection)
        enter(p->connection, WORKING);
    if (p->fault == PZ_FAULT_NONE && p->body.failed)
        refuse(p, PZ_FAULT_UNAVAILABLE, "out of memory");
    if (p->fault != PZ_FAULT_NONE) {
        pz_http_fail(x, p->fault, "%s", p->problem);
        x->resp.close = true;
        return send_response(h, x);
    }
    if (h->cfg.handle(h->cfg.context, x))
        return send_response(h, x);
    MHD_suspend_connection(p->mhd);
    h->cfg.submit(h->cfg.context, x);
    return MHD_YES;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *n, void **slot)
{
    struct pz_http *h = context;
    struct pz_exchange *x = *slot;

    (void)mhd;
    (void)url;
    if (!x)
        return MHD_NO; /* memory was out */
    if (!x->http->seen)
        return take_headers(h, x, method, version);
    if (*n > 0)
        return take_body(h, x, data, n);
    return atomic_load(&x->http->finished) ? send_response(h, x) : answer(h, x);
}

static void on_completed(void *context, struct MHD_Connection *mhd, void **slot,
                         enum MHD_RequestTerminationCode code)
{
    struct pz_http *h = context;
    struct pz_exchange *x = *slot;

    (void)mhd;
    (void)code;
    if (!x)
        return;
    if (x->http->connection)
        enter(x->http->connection, IDLE);
    if (x->resp.status)
        h->cfg.done(h->cfg.context, x);
    free_exchange(x);
    *slot = NULL;
}

void pz_http_finish(struct pz_exchange *x)
{
    struct MHD_Connection *mhd = x->http->mhd;

    atomic_store(&x->http->finished, true);
    MHD_resume_connection(mhd);
}

/* ---- the whole ---- */

static struct MHD_Daemon *start(struct pz_http *h)
{
    unsigned threads = h->cfg.threads ? h->cfg.threads : 1;
    unsigned limit = (h->cfg.max_connections + SPARE_CONNECTIONS) * threads;

    return MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL |
                                MHD_ALLOW_SUSPEND_RESUME,
                            0, on_accept, h, on_request, h, MHD_OPTION_LISTEN_SOCKET, h->listen_fd,
                            MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
                            MHD_OPTION_URI_LOG_CALLBACK, on_request_line, h,
                            MHD_OPTION_NOTIFY_COMPLETED, on_completed, h,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_BYTES,
                            MHD_OPTION_CONNECTION_LIMIT, limit, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
                            h->cfg.max_per_ip, MHD_OPTION_THREAD_POOL_SIZE,
                            threads > 1 ? threads : 0u, MHD_OPTION_CONNECTION_TIMEOUT,
                            (unsigned)(h->cfg.idle_timeout_s + 30), MHD_OPTION_END);
}

enum pz_status pz_http_open(const struct pz_http_cfg *cfg, struct pz_http **out, struct pz_err *err)
{
    struct pz_http *h = calloc(1, sizeof *h);

    *out = h;
    if (!h)
        return pz_err_memory(err, "the HTTP server", sizeof *h);
    h->cfg = *cfg;
    pthread_mutex_init(&h->lock, NULL);
    h->listen_fd = dup(cfg->listen_fd);
    h->daemon = h->listen_fd >= 0 ? start(h) : NULL;
    if (h->daemon)
        return PZ_OK;
    pz_http_close(h);
    *out = NULL;
    return pz_err_set(err, PZ_UNAVAILABLE, "the HTTP server cannot be started (libmicrohttpd %s)",
                      MHD_get_version());
}

bool pz_http_drain(struct pz_http *h, double seconds)
{
    double end = pz_time_clock() + seconds;

    atomic_store(&h->draining, true);
    MHD_quiesce_daemon(h->daemon);
    while (atomic_load(&h->n) > 0 && pz_time_clock() < end) {
        pz_http_reap(h);
        pz_time_rest(0.005);
    }
    return atomic_load(&h->n) == 0;
}

void pz_http_close(struct pz_http *h)
{
    bool quiet;

    if (!h)
        return;
    quiet = atomic_load(&h->draining); /* then the listening socket is ours again */
    if (h->daemon)
        MHD_stop_daemon(h->daemon);
    if (h->listen_fd >= 0 && (quiet || !h->daemon))
        close(h->listen_fd);
    pthread_mutex_destroy(&h->lock);
    free(h);
}
