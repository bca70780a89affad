/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP: see http.h. A few threads wait for connections by epoll and read requests (head.c); an
 * answer is written by whoever has it, so that a request that is handed over and comes back costs
 * no second wake-up.
 *
 *  1. Whose. A connection is its loop's, but for the time between .submit and pz_http_finish, when
 *     it is lent and only who answers may touch it. epoll tells each change once (EPOLLET); one
 *     that comes meanwhile is noted in .lent, and the connection then goes back by the list
 *     .returned of its loop rather than by itself. Only its loop frees a connection.
 *  2. What is read. recv takes all there is; what is behind a request waits in .in for its answer.
 *  3. Time. A request has request_timeout_s from its first byte to its last, and its answer as much
 *     to be taken; idle_timeout_s is between requests; pz_http_reap shuts the socket down, and the
 *     loop then sees its end.
 *  4. Number. Beyond the limit the connection that has been idle for longest makes room, and where
 *     none is idle a newcomer is closed at once.
 *  5. End. After the last answer our half is closed, and what still comes is thrown away for a
 *     while: to close a socket with unread bytes would take the answer from the client.
 *
 * The list of connections, which other threads walk, has a lock. A socket that is in the list is
 * open: it leaves the list before it is closed. */
#include "serve/net/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"
#include "serve/net/exchange.h"

enum {
    PIECE = 65536, /* bytes of one recv */
    KEPT = 4096,   /* of a connection's buffer between requests */
    EVENTS = 64,   /* of one epoll_wait */
    ACCEPTS = 16,  /* before others have their turn */
    ROUNDS = 32,   /* requests of one connection before others have their turn */
    PREFERENCE = 5 /* steps of nice(2) that I/O threads are above workers */
};

static const double linger_s = 1;

enum state { IDLE, READING, WORKING, SENDING, ENDING };
enum lent { OURS, LENT, LENT_AND_MORE };

struct loop {
    struct pz_http *http;
    pthread_t thread;
    bool started;
    int epoll, wake; /* wake: an eventfd, for .returned and the end */
    pthread_mutex_t lock;
    struct pz_connection *returned; /* under the lock */
    char *piece;                    /* [PIECE] */
};

struct pz_connection {
    struct pz_connection *prev, *next; /* of the list */
    struct loop *loop;
    int fd;
    _Atomic int state, lent;
    _Atomic double since; /* when the state began */
    struct pz_connection *returned;
    struct pz_str in;      /* what came and is no request yet */
    size_t known;          /* bytes of it that have no end of a head */
    struct pz_exchange *x; /* its head was read */
    char remote[48];
};

struct pz_http {
    struct pz_http_cfg cfg;
    int listen_fd;
    struct loop *loop; /* [n_loops] */
    unsigned n_loops;
    pthread_mutex_t lock;
    struct pz_connection *first; /* the list, under the lock */
    _Atomic unsigned n;
    atomic_bool draining, stopping;
};

/* ---- connections ---- */

static void enter(struct pz_connection *c, enum state state)
{
    atomic_store_explicit(&c->since, pz_time_clock(), memory_order_relaxed);
    atomic_store_explicit(&c->state, (int)state, memory_order_release);
}

static void name_remote(const struct sockaddr_storage *a, char *out, size_t n)
{
    const char *name = NULL;

    if (a->ss_family == AF_INET)
        name = inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)a)->sin_addr, out,
                         (socklen_t)n);
    else if (a->ss_family == AF_INET6)
        name = inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, out,
                         (socklen_t)n);
    if (!name)
        snprintf(out, n, "unix");
}

/* Shut down the connection that has been idle for longest; false: none is idle. With the lock. */
static bool close_idlest(struct pz_http *h)
{
    struct pz_connection *oldest = NULL;

    for (struct pz_connection *c = h->first; c; c = c->next)
        if (atomic_load(&c->state) == IDLE &&
            (!oldest || atomic_load(&c->since) < atomic_load(&oldest->since)))
            oldest = c;
    if (oldest) {
        enter(oldest, ENDING); /* not to be chosen twice */
        shutdown(oldest->fd, SHUT_RDWR);
    }
    return oldest != NULL;
}

/* Whether one more connection from there may be. With the lock. */
static bool has_room(struct pz_http *h, const char *remote)
{
    unsigned same = 0;

    for (struct pz_connection *c = h->first; c && h->cfg.max_per_ip; c = c->next)
        same += strcmp(c->remote, remote) == 0;
    if (h->cfg.max_per_ip && same >= h->cfg.max_per_ip && strcmp(remote, "unix") != 0)
        return false;
    return atomic_load(&h->n) < h->cfg.max_connections || close_idlest(h);
}

static void drop_connection(struct pz_connection *c)
{
    struct pz_http *h = c->loop->http;

    pthread_mutex_lock(&h->lock);
    if (c->next)
        c->next->prev = c->prev;
    if (c->prev)
        c->prev->next = c->next;
    else
        h->first = c->next;
    pthread_mutex_unlock(&h->lock);
    close(c->fd);
    atomic_fetch_sub(&h->n, 1);
    pz_exchange_free(c->x);
    pz_str_clear(&c->in);
    free(c);
}

/* Take a new socket in; it is closed where that cannot be. */
static void add_connection(struct loop *l, int fd, const struct sockaddr_storage *from)
{
    struct pz_http *h = l->http;
    struct pz_connection *c = calloc(1, sizeof *c);
    struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c };
    int on = 1;
    bool room = false;

    if (c) {
        c->loop = l;
        c->fd = fd;
        name_remote(from, c->remote, sizeof c->remote);
        enter(c, IDLE);
        pthread_mutex_lock(&h->lock);
        room = has_room(h, c->remote);
        if (room) {
            c->next = h->first;
            if (c->next)
                c->next->prev = c;
            h->first = c;
            atomic_fetch_add(&h->n, 1);
        }
        pthread_mutex_unlock(&h->lock);
    }
    if (!room) {
        close(fd);
        free(c);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* fails on unix sockets */
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e) != 0)
        drop_connection(c);
}

static void accept_some(struct loop *l)
{
    struct pz_http *h = l->http;
    const struct timespec nap = { 0, 10000000 };

    for (int i = 0; i < ACCEPTS; i++) {
        struct sockaddr_storage from = { .ss_family = AF_UNSPEC };
        socklen_t n = sizeof from;
        int fd = accept4(h->listen_fd, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            add_connection(l, fd, &from);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            pthread_mutex_lock(&h->lock);
            close_idlest(h);
            pthread_mutex_unlock(&h->lock);
            nanosleep(&nap, NULL); /* the socket stays ready: not to turn in a circle */
        }
        return;
    }
}

void pz_http_reap(struct pz_http *h)
{
    double now = pz_time_clock();
    bool draining = atomic_load(&h->draining);

    pthread_mutex_lock(&h->lock);
    for (struct pz_connection *c = h->first; c; c = c->next) {
        /* A worker's time is not counted here: the queue has a limit of its own. */
        const double most[] = { [IDLE] = draining ? 0 : h->cfg.idle_timeout_s,
                                [READING] = h->cfg.request_timeout_s,
                                [WORKING] = 1e9,
                                [SENDING] = h->cfg.request_timeout_s,
                                [ENDING] = draining ? linger_s / 5 : linger_s };

        if (now - atomic_load(&c->since) > most[atomic_load(&c->state)])
            shutdown(c->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&h->lock);
}

unsigned pz_http_connections(struct pz_http *h)
{
    return atomic_load(&h->n);
}

/* ---- answers ---- */

enum sent { ALL, SOME, FAILED };

/* Fill in what every answer has. False: memory is out, even for an error. */
static bool prepare(struct pz_http *h, struct pz_exchange *x)
{
    if (x->resp.body.failed) {
        pz_str_clear(&x->resp.body);
        pz_http_fail(x, PZ_FAULT_UNAVAILABLE, "out of memory");
    }
    x->resp.close |= atomic_load(&h->draining) || !x->http->head.keep_alive;
    return pz_exchange_write_head(x);
}

/* Write what is left of the answer, as much as the socket takes. */
static enum sent push(struct pz_connection *c)
{
    struct pz_exchange *x = c->x;
    struct pz_http_exchange *p = x->http;
    const char *body;
    size_t n_body;

    if (p->out.len == 0 && !prepare(c->loop->http, x))
        return FAILED;
    body = pz_exchange_body(x, &n_body);
    while (p->sent < p->out.len + n_body) {
        size_t of_head = p->sent < p->out.len ? p->out.len - p->sent : 0;
        size_t of_body = of_head ? 0 : p->sent - p->out.len;
        struct iovec part[] = { { p->out.data + p->sent, of_head },
                                { (void *)(uintptr_t)(body + of_body), n_body - of_body } };
        struct msghdr m = { .msg_iov = of_head ? part : part + 1, .msg_iovlen = of_head ? 2 : 1 };
        ssize_t n = sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n > 0)
            p->sent += (size_t)n;
        else if (n < 0 && errno == EAGAIN)
            return SOME;
        else if (n == 0 || errno != EINTR)
            return FAILED;
    }
    return ALL;
}

/* The answer is out, or never will be: the connection is for the next request, or at its end. The
 * exchange is the caller's. */
static struct pz_exchange *settle(struct pz_connection *c, enum sent sent)
{
    struct pz_exchange *x = c->x;

    c->x = NULL;
    if (sent == ALL && !x->resp.close) {
        enter(c, IDLE);
        return x;
    }
    shutdown(c->fd, sent == ALL ? SHUT_WR : SHUT_RDWR);
    enter(c, ENDING);
    return x;
}

static void end_exchange(struct pz_http *h, struct pz_exchange *x)
{
    h->cfg.done(h->cfg.context, x);
    pz_exchange_free(x);
}

/* Write the answer on the connection's own loop; false: the socket takes no more now. */
static bool respond(struct pz_connection *c)
{
    enum sent sent = push(c);

    if (sent == SOME) {
        if (atomic_load(&c->state) != SENDING)
            enter(c, SENDING);
        return false;
    }
    end_exchange(c->loop->http, settle(c, sent));
    return true;
}

static void wake(struct loop *l)
{
    uint64_t one = 1;
    ssize_t ignored = write(l->wake, &one, sizeof one);

    (void)ignored; /* it is full: then it wakes, too */
}

/* Give a connection that is lent back to its loop, which looks at all of it. */
static void hand_back(struct pz_connection *c)
{
    struct loop *l = c->loop;
    bool first;

    pthread_mutex_lock(&l->lock);
    first = !l->returned;
    c->returned = l->returned;
    l->returned = c;
    pthread_mutex_unlock(&l->lock);
    if (first)
        wake(l);
}

/* The same where nothing happened meanwhile, so that the loop need not know. */
static void release(struct pz_connection *c, bool more)
{
    int expected = LENT;

    if (more || !atomic_compare_exchange_strong(&c->lent, &expected, OURS))
        hand_back(c);
}

void pz_http_finish(struct pz_exchange *x)
{
    struct pz_connection *c = x->http->connection;
    struct pz_http *h = c->loop->http;
    enum sent sent = push(c);

    if (sent == SOME) {
        enter(c, SENDING);
        release(c, false);
        return;
    }
    settle(c, sent);
    /* The client may have sent its next request by now: it is not to wait for the log. */
    release(c, c->in.len > 0);
    end_exchange(h, x);
}

void pz_http_finish_apart(struct pz_exchange *x)
{
    enter(x->http->connection, SENDING);
    hand_back(x->http->connection);
}

/* ---- requests ---- */

/* What came of n bytes is used. */
static void consume(struct pz_connection *c, size_t n)
{
    struct pz_str *in = &c->in;

    c->known = 0;
    if (n == in->len && in->cap > KEPT) {
        pz_str_clear(in);
        return;
    }
    if (n > 0)
        memmove(in->data, in->data + n, in->len - n);
    in->len -= n;
}

/* An exchange for the request whose head has come; false: it has not. */
static bool begin(struct pz_connection *c)
{
    struct pz_str *in = &c->in;
    size_t blank = 0, n;
    bool all;

    /* Old clients end a body with CR LF that is not of it. */
    while (in->len - blank >= 2 && memcmp(in->data + blank, "\r\n", 2) == 0)
        blank += 2;
    if (blank > 0)
        consume(c, blank);
    if (in->len == 0)
        return false;
    if (atomic_load_explicit(&c->state, memory_order_relaxed) == IDLE)
        enter(c, READING);
    n = pz_head_end(in->data, in->len, c->known);
    all = n > 0 && n <= PZ_HEAD_BYTES;
    c->known = in->len;
    if (n == 0 && in->len <= PZ_HEAD_BYTES)
        return false;
    c->x = pz_exchange_new(all ? in->data : NULL, n, c->loop->http->cfg.max_body);
    consume(c, all ? n : in->len);
    if (!c->x) {
        shutdown(c->fd, SHUT_RDWR); /* memory is out */
        enter(c, ENDING);
        return false;
    }
    c->x->http->connection = c;
    c->x->started = atomic_load_explicit(&c->since, memory_order_relaxed);
    memcpy(c->x->req.remote, c->remote, sizeof c->remote);
    return true;
}

static void refuse(struct pz_exchange *x, enum pz_fault fault, const char *problem)
{
    x->http->head.fault = fault;
    x->http->head.problem = problem;
}

static void take_body(struct pz_connection *c, size_t n, size_t used)
{
    struct pz_exchange *x = c->x;
    char *body = pz_arena_strndup(&x->arena, c->in.data ? c->in.data : "", n);

    if (!body) {
        refuse(x, PZ_FAULT_UNAVAILABLE, "out of memory");
        return;
    }
    x->req.body = body;
    x->req.n_body = n;
    consume(c, used);
}

/* Whether the request is whole, or so wrong that its body does not matter. */
static bool is_whole(struct pz_connection *c)
{
    struct pz_exchange *x = c->x;
    struct pz_http_exchange *p = x->http;
    size_t most = c->loop->http->cfg.max_body;

    if (c->in.failed && p->head.fault == PZ_FAULT_NONE)
        refuse(x, PZ_FAULT_UNAVAILABLE, "out of memory");
    if (p->head.fault != PZ_FAULT_NONE)
        return true;
    if (!p->head.chunked) {
        if (c->in.len < p->head.length)
            return false;
        take_body(c, p->head.length, p->head.length);
        return true;
    }
    if (!pz_chunks_read(&p->chunks, c->in.data, &c->in.len, most)) {
        if (p->chunks.left > most - p->chunks.whole)
            refuse(x, PZ_FAULT_TOO_LARGE, "the body is larger than a request can be");
        else
            refuse(x, PZ_FAULT_BAD_REQUEST, "the body's chunks are not as HTTP has them");
        return true;
    }
    if (p->chunks.state != PZ_CHUNK_DONE)
        return false;
    take_body(c, p->chunks.whole, p->chunks.whole);
    return true;
}

/* The client waits to hear that its body is wanted. */
static void tell_to_go_on(struct pz_connection *c)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    ssize_t ignored = send(c->fd, text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT);

    (void)ignored; /* clients that hear nothing send their body all the same */
    c->x->http->head.expects = false;
}

enum step { NEEDS_BYTES, ANSWERED, NOT_OURS };

/* Answer the whole request, or lend the connection to whoever will.
 *
 * more  something may have come that epoll does not tell again */
static enum step answer(struct pz_connection *c, bool more)
{
    struct pz_exchange *x = c->x;
    struct pz_http *h = c->loop->http;

    enter(c, WORKING);
    x->arrived = atomic_load_explicit(&c->since, memory_order_relaxed);
    if (x->http->head.fault != PZ_FAULT_NONE) {
        pz_http_fail(x, x->http->head.fault, "%s", x->http->head.problem);
        x->resp.close = true; /* what follows on the connection may be read in two ways */
    } else if (!h->cfg.handle(h->cfg.context, x)) {
        atomic_store(&c->lent, more ? LENT_AND_MORE : LENT);
        h->cfg.submit(h->cfg.context, x);
        return NOT_OURS;
    }
    return respond(c) ? ANSWERED : NOT_OURS;
}

/* One step with what has come. */
static enum step go_on(struct pz_connection *c, bool more)
{
    if (!c->x && !begin(c))
        return NEEDS_BYTES;
    if (is_whole(c))
        return answer(c, more);
    if (c->x->http->head.expects)
        tell_to_go_on(c);
    return NEEDS_BYTES;
}

/* Take what the socket has: bytes, 0 at the end (or when it broke), < 0 when there is nothing. */
static ssize_t receive(struct pz_connection *c)
{
    char *piece = c->loop->piece;
    ssize_t n;

    do
        n = recv(c->fd, piece, PIECE, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? -1 : 0;
    if (atomic_load_explicit(&c->state, memory_order_relaxed) != ENDING)
        pz_str_add(&c->in, piece, (size_t)n);
    return n;
}

/* Do all that can be done with a connection that is ours.
 *
 * more  there may be more than one recv has, or its end */
static void proceed(struct pz_connection *c, bool more)
{
    bool empty = false;

    if (atomic_load(&c->state) == SENDING && !respond(c))
        return;
    for (int round = 0; round < ROUNDS; round++) {
        bool ending = atomic_load(&c->state) == ENDING;
        enum step s = ending ? NEEDS_BYTES : go_on(c, more || !empty);
        ssize_t n;

        if (s == NOT_OURS)
            return;
        if (s == ANSWERED)
            continue;
        if (empty)
            return;
        n = receive(c);
        if (n == 0) {
            drop_connection(c);
            return;
        }
        /* Less than was asked for: that was all, and epoll tells what comes. */
        empty = n < 0 || (n < PIECE && !more);
        more = more && n > 0;
    }
    atomic_store(&c->lent, LENT_AND_MORE);
    hand_back(c);
}

/* ---- loops ---- */

static void take_returned(struct loop *l)
{
    struct pz_connection *list;

    pthread_mutex_lock(&l->lock);
    list = l->returned;
    l->returned = NULL;
    pthread_mutex_unlock(&l->lock);
    while (list) {
        struct pz_connection *c = list;

        list = c->returned;
        atomic_store(&c->lent, OURS);
        proceed(c, true);
    }
}

static void on_event(struct pz_connection *c, uint32_t events)
{
    int lent = LENT;

    if (atomic_compare_exchange_strong(&c->lent, &lent, LENT_AND_MORE) || lent != OURS)
        return;
    proceed(c, (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
}

/* Have this thread go before those that score, where the system allows it (CAP_SYS_NICE, or
 * RLIMIT_NICE): what is answered must not wait for a core that works on the next. */
static void prefer_thread(void)
{
    int nice;

    errno = 0;
    nice = getpriority(PRIO_PROCESS, (id_t)gettid());
    if (nice != -1 || errno == 0)
        setpriority(PRIO_PROCESS, (id_t)gettid(), nice - PREFERENCE);
}

static void *run_loop(void *context)
{
    struct loop *l = context;
    struct pz_http *h = l->http;
    struct epoll_event event[EVENTS];

    prefer_thread();
    while (!atomic_load(&h->stopping)) {
        int n = epoll_wait(l->epoll, event, EVENTS, -1);
        bool woken = false;
        uint64_t count;

        for (int i = 0; i < n; i++) {
            if (event[i].data.ptr == h)
                accept_some(l);
            else if (event[i].data.ptr == l)
                woken = read(l->wake, &count, sizeof count) > 0;
            else
                on_event(event[i].data.ptr, event[i].events);
        }
        /* Last: this may free a connection that has an event above. */
        if (woken)
            take_returned(l);
    }
    return NULL;
}

static bool start_loop(struct pz_http *h, struct loop *l)
{
    struct epoll_event listening = { .events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = h };
    struct epoll_event waking = { .events = EPOLLIN, .data.ptr = l };

    l->http = h;
    pthread_mutex_init(&l->lock, NULL);
    l->piece = malloc(PIECE);
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    l->started = l->piece && l->epoll >= 0 && l->wake >= 0 &&
                 epoll_ctl(l->epoll, EPOLL_CTL_ADD, h->listen_fd, &listening) == 0 &&
                 epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->wake, &waking) == 0 &&
                 pthread_create(&l->thread, NULL, run_loop, l) == 0;
    return l->started;
}

enum pz_status pz_http_open(const struct pz_http_cfg *cfg, struct pz_http **out, struct pz_err *err)
{
    struct pz_http *h = calloc(1, sizeof *h);
    unsigned n = cfg->threads ? cfg->threads : 1;
    bool good;

    *out = h;
    if (!h)
        return pz_err_memory(err, "the HTTP server", sizeof *h);
    h->cfg = *cfg;
    pthread_mutex_init(&h->lock, NULL);
    h->listen_fd = cfg->listen_fd;
    h->loop = calloc(n, sizeof *h->loop);
    good = h->loop && fcntl(h->listen_fd, F_SETFL, fcntl(h->listen_fd, F_GETFL) | O_NONBLOCK) == 0;
    for (; good && h->n_loops < n; h->n_loops++)
        good = start_loop(h, &h->loop[h->n_loops]);
    if (good)
        return PZ_OK;
    pz_err_errno(err, PZ_UNAVAILABLE, errno, "the HTTP server cannot be started");
    pz_http_close(h);
    *out = NULL;
    return PZ_UNAVAILABLE;
}

bool pz_http_drain(struct pz_http *h, double seconds)
{
    double end = pz_time_clock() + seconds;
    const struct timespec nap = { 0, 5000000 };

    atomic_store(&h->draining, true);
    for (unsigned i = 0; i < h->n_loops; i++)
        epoll_ctl(h->loop[i].epoll, EPOLL_CTL_DEL, h->listen_fd, NULL);
    while (atomic_load(&h->n) > 0 && pz_time_clock() < end) {
        pz_http_reap(h);
        nanosleep(&nap, NULL);
    }
    return atomic_load(&h->n) == 0;
}

static void stop_loop(struct loop *l)
{
    if (l->started) {
        wake(l);
        pthread_join(l->thread, NULL);
    }
    if (l->epoll >= 0)
        close(l->epoll);
    if (l->wake >= 0)
        close(l->wake);
    free(l->piece);
    pthread_mutex_destroy(&l->lock);
}

void pz_http_close(struct pz_http *h)
{
    if (!h)
        return;
    atomic_store(&h->stopping, true);
    for (unsigned i = 0; i < h->n_loops; i++)
        stop_loop(&h->loop[i]);
    while (h->first)
        drop_connection(h->first);
    pthread_mutex_destroy(&h->lock);
    free(h->loop);
    free(h);
}
