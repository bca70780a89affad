/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server with a client of raw sockets: requests in pieces and in heaps, answers from the
 * loop and from other threads, large answers, ends. No clock decides; what does not come is waited
 * for until the test program is ended. */
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "serve/net/http.h"

#include "tests/unit/unit.h"

enum { LARGE = 8 << 20, MANY = 200, CLIENTS = 8 };

static struct {
    struct pz_http *http;
    int listen_fd;
    struct sockaddr_in at;
    pthread_t other;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct pz_exchange *first; /* handed over */
    bool closing;
    atomic_uint n_done;
    char *large;
} server;

/* /now is answered by the loop, /later by another thread, /apart by the loop after that thread had
 * it, /large has a large body. */
static void fill(struct pz_exchange *x)
{
    x->resp.status = 200;
    if (strncmp(x->req.path, "/large", 6) == 0) {
        x->resp.fixed = server.large;
        x->resp.n_fixed = LARGE;
        return;
    }
    pz_str_addf(&x->resp.body, "%s %s %zu:%s", x->req.method, x->req.path, x->req.n_body,
                x->req.body);
}

static bool handle(void *context, struct pz_exchange *x)
{
    bool now = strcmp(x->req.path, "/now") == 0 || strcmp(x->req.path, "/large") == 0;

    (void)context;
    if (now)
        fill(x);
    return now;
}

static void submit(void *context, struct pz_exchange *x)
{
    (void)context;
    pthread_mutex_lock(&server.lock);
    x->next = server.first;
    server.first = x;
    pthread_mutex_unlock(&server.lock);
    pthread_cond_signal(&server.more);
}

static void note(void *context, struct pz_exchange *x)
{
    (void)context;
    assert_true(x->resp.status != 0);
    atomic_fetch_add(&server.n_done, 1);
}

static void *answer_others(void *context)
{
    (void)context;
    pthread_mutex_lock(&server.lock);
    while (!server.closing || server.first) {
        struct pz_exchange *x = server.first;

        if (!x) {
            pthread_cond_wait(&server.more, &server.lock);
            continue;
        }
        server.first = x->next;
        pthread_mutex_unlock(&server.lock);
        fill(x);
        if (strcmp(x->req.path, "/apart") == 0)
            pz_http_finish_apart(x);
        else
            pz_http_finish(x);
        pthread_mutex_lock(&server.lock);
    }
    pthread_mutex_unlock(&server.lock);
    return NULL;
}

static int start(void **state)
{
    struct pz_http_cfg cfg = { .threads = 2,
                               .max_connections = 100,
                               .request_timeout_s = 1000,
                               .idle_timeout_s = 1000,
                               .max_body = 100000,
                               .handle = handle,
                               .submit = submit,
                               .done = note };
    socklen_t n = sizeof server.at;

    (void)state;
    memset(&server, 0, sizeof server);
    server.large = malloc(LARGE);
    memset(server.large, 'l', LARGE);
    pthread_mutex_init(&server.lock, NULL);
    pthread_cond_init(&server.more, NULL);
    server.listen_fd = socket(AF_INET, SOCK_STREAM, 0);
    server.at.sin_family = AF_INET;
    server.at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cfg.listen_fd = server.listen_fd;
    return bind(server.listen_fd, (struct sockaddr *)&server.at, sizeof server.at) ||
           listen(server.listen_fd, 100) ||
           getsockname(server.listen_fd, (struct sockaddr *)&server.at, &n) ||
           pz_http_open(&cfg, &server.http, NULL) != PZ_OK ||
           pthread_create(&server.other, NULL, answer_others, NULL);
}

static int stop(void **state)
{
    (void)state;
    pthread_mutex_lock(&server.lock);
    server.closing = true;
    pthread_mutex_unlock(&server.lock);
    pthread_cond_signal(&server.more);
    pthread_join(server.other, NULL);
    pz_http_close(server.http);
    close(server.listen_fd);
    free(server.large);
    pthread_cond_destroy(&server.more);
    pthread_mutex_destroy(&server.lock);
    return 0;
}

AROUND_EACH(start, stop)

static int connect_to(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&server.at, sizeof server.at), 0);
    return fd;
}

static void say(int fd, const char *bytes)
{
    assert_int_equal(send(fd, bytes, strlen(bytes), MSG_NOSIGNAL), strlen(bytes));
}

/* The next answer's head and body, of at most the sizes given; bytes of the body, -1: the end. */
static long hear(int fd, char *head, size_t n_head, char *body, size_t n_body, bool has_body)
{
    size_t at = 0;
    long length, got = 0;
    char *field;

    while (at < 4 || memcmp(head + at - 4, "\r\n\r\n", 4) != 0) {
        assert_true(at + 1 < n_head);
        if (recv(fd, head + at, 1, 0) != 1)
            return -1;
        at++;
    }
    head[at] = '\0';
    field = strstr(head, "Content-Length: ");
    length = field ? strtol(field + 16, NULL, 10) : 0;
    assert_true((size_t)length < n_body);
    while (has_body && got < length) {
        long n = (long)recv(fd, body + got, (size_t)(length - got), 0);

        assert_true(n > 0);
        got += n;
    }
    body[got] = '\0';
    return length;
}

static void expect(int fd, const char *status, const char *body)
{
    char head[2000], got[2000];

    assert_true(hear(fd, head, sizeof head, got, sizeof got, true) >= 0);
    assert_non_null(strstr(head, status));
    if (body)
        assert_string_equal(got, body);
}

TEST(each_way_of_answering_answers)
{
    int fd = connect_to();

    for (int i = 0; i < 3; i++) {
        say(fd, "GET /now HTTP/1.1\r\nHost: a\r\n\r\n");
        expect(fd, " 200 OK", "GET /now 0:");
        say(fd, "POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
        expect(fd, " 200 OK", "POST /later 3:abc");
        say(fd, "\r\nPOST /apart HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n");
        expect(fd, " 200 OK", "POST /apart 3:abc");
    }
    close(fd);
}

TEST(a_request_may_come_byte_by_byte)
{
    const char *bytes = "POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    int fd = connect_to();

    for (size_t i = 0; i < strlen(bytes); i++)
        assert_int_equal(send(fd, bytes + i, 1, MSG_NOSIGNAL), 1);
    expect(fd, " 200 OK", "POST /later 3:abc");
    close(fd);
}

TEST(many_requests_in_one_heap_are_answered_in_order)
{
    static const char *const kinds[] = { "/now", "/later", "/apart" };
    static char heap[MANY * 100];
    char body[100];
    size_t at = 0;
    int fd = connect_to();

    for (int i = 0; i < MANY; i++)
        at += (size_t)sprintf(heap + at,
                              "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n%04d",
                              kinds[i % 3], i);
    say(fd, heap);
    for (int i = 0; i < MANY; i++) {
        sprintf(body, "POST %s 4:%04d", kinds[i % 3], i);
        expect(fd, " 200 OK", body);
    }
    close(fd);
}

TEST(who_sends_no_more_still_gets_the_answer)
{
    static const char *const kinds[] = { "/now", "/later", "/apart" };

    for (int i = 0; i < 3; i++) {
        char bytes[100];
        int fd = connect_to();

        sprintf(bytes, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", kinds[i]);
        say(fd, bytes);
        shutdown(fd, SHUT_WR);
        expect(fd, " 200 OK", NULL);
        assert_int_equal(recv(fd, bytes, 1, 0), 0);
        close(fd);
    }
}

TEST(a_large_answer_waits_for_a_slow_reader)
{
    static const char *const kinds[] = { "/large", "/large-later" };
    char *body = malloc(LARGE + 1), head[2000];

    for (int i = 0; i < 2; i++) {
        char bytes[200];
        int fd = connect_to();

        sprintf(bytes, "GET %s HTTP/1.1\r\nHost: a\r\n\r\nGET /now HTTP/1.1\r\nHost: a\r\n\r\n",
                kinds[i]);
        say(fd, bytes);
        assert_int_equal(hear(fd, head, sizeof head, body, LARGE + 1, true), LARGE);
        assert_memory_equal(body, server.large, LARGE);
        expect(fd, " 200 OK", "GET /now 0:");
        close(fd);
    }
    free(body);
}

TEST(head_and_expect_and_old_clients)
{
    char head[2000], body[2000];
    int fd = connect_to();

    say(fd, "HEAD /now HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(hear(fd, head, sizeof head, body, sizeof body, false), strlen("HEAD /now 0:"));
    say(fd, "POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(hear(fd, head, sizeof head, body, sizeof body, true), 0);
    assert_non_null(strstr(head, "100 Continue"));
    say(fd, "abc");
    expect(fd, " 200 OK", "POST /later 3:abc");
    say(fd, "GET /now HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    expect(fd, "Connection: keep-alive", "GET /now 0:");
    say(fd, "GET /now HTTP/1.0\r\n\r\n");
    expect(fd, "Connection: close", "GET /now 0:");
    assert_int_equal(recv(fd, body, 1, 0), 0);
    close(fd);
}

TEST(what_is_wrong_is_answered_and_ends_the_connection)
{
    static const struct {
        const char *bytes, *status;
    } bad[] = {
        { "nonsense\r\n\r\n", " 400 " },
        { "POST /now HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n\r\n", " 413 " },
        { "POST /now HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n186a1\r\n", " 413 " },
        { "POST /now HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", " 400 " },
    };
    static char endless[100000];
    char byte;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int fd = connect_to();

        say(fd, bad[i].bytes);
        expect(fd, bad[i].status, NULL);
        assert_int_equal(recv(fd, &byte, 1, 0), 0);
        close(fd);
    }
    {
        int fd = connect_to();

        memset(endless, 'x', sizeof endless - 1);
        say(fd, "GET /now HTTP/1.1\r\nHost: a\r\nX: ");
        say(fd, endless); /* all of it: what is not read any more is no reset */
        expect(fd, " 431 ", NULL);
        close(fd);
    }
}

static void *ask_a_lot(void *context)
{
    static const char *const kinds[] = { "/now", "/later", "/apart" };

    (void)context;
    for (int round = 0; round < 5; round++) {
        int fd = connect_to();

        for (int i = 0; i < MANY; i++) {
            char bytes[200], body[100];

            sprintf(bytes, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n%04d",
                    kinds[i % 3], i);
            sprintf(body, "POST %s 4:%04d", kinds[i % 3], i);
            say(fd, bytes);
            expect(fd, " 200 OK", body);
        }
        say(fd, "POST /later HTTP/1.1\r\nHost: a\r\n\r\n"); /* and away before the answer */
        close(fd);
    }
    return NULL;
}

TEST(many_clients_at_once_get_each_their_own_answers)
{
    pthread_t client[CLIENTS];

    for (int i = 0; i < CLIENTS; i++)
        pthread_create(&client[i], NULL, ask_a_lot, NULL);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(client[i], NULL);
    while (pz_http_connections(server.http) > 0)
        usleep(1000);
    assert_true(atomic_load(&server.n_done) >= CLIENTS * 5 * MANY);
}

TEST(draining_ends_what_is_idle_and_answers_what_came)
{
    int idle = connect_to(), busy = connect_to();
    char byte;

    say(busy, "GET /now HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(busy, " 200 OK", NULL);
    assert_true(pz_http_drain(server.http, 1000));
    assert_int_equal(recv(idle, &byte, 1, 0), 0);
    assert_int_equal(recv(busy, &byte, 1, 0), 0);
    close(idle);
    close(busy);
}
