/* SPDX-License-Identifier: Apache-2.0 */
/* Listening: see listen.h. systemd's conventions are two environment variables each and need no
 * library: sd_listen_fds(3), sd_notify(3).
 *
 * A socket that was handed over counts before what the option says. Of a host's addresses IPv4
 * comes first, since that is what most clients take "localhost" for. A socket file is removed only
 * when nobody answers at it, and ours when we close; what it is called is the host as it was
 * given, with the port that the system chose where 0 was asked for. */
#include "serve/net/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 1024, FIRST_FD = 3 };

static bool is_loopback(const struct sockaddr_storage *a)
{
    const struct sockaddr_in *v4 = (const void *)a;
    const struct sockaddr_in6 *v6 = (const void *)a;

    if (a->ss_family == AF_INET)
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    if (a->ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
    return a->ss_family == AF_UNIX;
}

/* What a bound socket is called: the host as it was given, where its port is that one or was 0. */
static void describe(struct pz_listen *l, const char *where)
{
    struct sockaddr_storage a = { 0 };
    socklen_t n = sizeof a;
    char host[64], port[16];
    const char *colon = strrchr(where, ':');

    getsockname(l->fd, (struct sockaddr *)&a, &n);
    l->loopback = is_loopback(&a);
    if (a.ss_family == AF_UNIX) {
        snprintf(l->name, sizeof l->name, "unix:%s",
                 ((const struct sockaddr_un *)(void *)&a)->sun_path);
        return;
    }
    if (getnameinfo((const struct sockaddr *)&a, n, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return;
    if (colon && (strcmp(colon + 1, port) == 0 || strcmp(colon + 1, "0") == 0))
        snprintf(l->name, sizeof l->name, "%.*s:%s", (int)(colon - where), where, port);
    else
        snprintf(l->name, sizeof l->name, a.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
                 port);
}

/* Descriptor 3 when a service manager handed sockets to this very process; -1: none. */
static int inherited(void)
{
    const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");

    if (!pid || !n || strtol(pid, NULL, 10) != (long)getpid() || strtol(n, NULL, 10) < 1)
        return -1;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    return FIRST_FD;
}

static enum pz_status listen_unix(const char *path, struct pz_listen *l, struct pz_err *err)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    struct stat s;

    if (strlen(path) >= sizeof a.sun_path || !*path)
        return pz_err_set(err, PZ_USAGE, "a socket's path has 1 to 107 bytes, not \"%s\"", path);
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (l->fd >= 0 && connect(l->fd, (const struct sockaddr *)&a, sizeof a) == 0)
        return pz_err_set(err, PZ_UNAVAILABLE, "unix:%s: another process listens there", path);
    if (errno == ECONNREFUSED && stat(path, &s) == 0 && S_ISSOCK(s.st_mode))
        unlink(path); /* left by a process that died */
    if (l->fd < 0 || bind(l->fd, (const struct sockaddr *)&a, sizeof a) != 0 ||
        listen(l->fd, BACKLOG) != 0)
        return pz_err_errno(err, PZ_UNAVAILABLE, errno, "unix:%s", path);
    snprintf(l->unlink_path, sizeof l->unlink_path, "%s", path);
    return PZ_OK;
}

static enum pz_status try_address(const struct addrinfo *a, struct pz_listen *l)
{
    const int on = 1;

    l->fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
    if (l->fd >= 0 && setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(l->fd, a->ai_addr, a->ai_addrlen) == 0 && listen(l->fd, BACKLOG) == 0)
        return PZ_OK;
    return PZ_UNAVAILABLE;
}

/* The first address of a family that can be listened on. */
static enum pz_status try_family(const struct addrinfo *list, int family, struct pz_listen *l,
                                 int *problem)
{
    enum pz_status st = PZ_UNAVAILABLE;

    for (const struct addrinfo *a = list; a && st != PZ_OK; a = a->ai_next) {
        if (a->ai_family != family)
            continue;
        st = try_address(a, l);
        *problem = errno;
        if (st != PZ_OK)
            pz_listen_close(l);
    }
    return st;
}

/* HOST:PORT or [HOST]:PORT into its two parts. */
static bool split(const char *where, char host[256], const char **port)
{
    const char *colon = strrchr(where, ':');
    size_t n = colon ? (size_t)(colon - where) : 0;

    if (!colon || !colon[1] || n >= 256 || strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
        strtol(colon + 1, NULL, 10) > 65535)
        return false;
    if (n >= 2 && where[0] == '[' && where[n - 1] == ']') {
        where++;
        n -= 2;
    } else if (memchr(where, ':', n)) {
        return false;
    }
    memcpy(host, where, n);
    host[n] = '\0';
    *port = colon + 1;
    return n > 0;
}

static enum pz_status listen_tcp(const char *where, struct pz_listen *l, struct pz_err *err)
{
    const struct addrinfo hints = { .ai_family = AF_UNSPEC,
                                    .ai_socktype = SOCK_STREAM,
                                    .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    struct addrinfo *list = NULL;
    char host[256];
    const char *port;
    enum pz_status st;
    int problem;

    if (!split(where, host, &port))
        return pz_err_set(
            err, PZ_USAGE,
            "--listen: HOST:PORT, [ADDRESS]:PORT or unix:PATH is expected, not \"%s\"", where);
    problem = getaddrinfo(host, port, &hints, &list);
    if (problem != 0)
        return problem == EAI_MEMORY
                   ? pz_err_memory(err, "the address to listen at", sizeof *list)
                   : pz_err_set(err, problem == EAI_AGAIN ? PZ_TRY_AGAIN : PZ_USAGE,
                                "--listen: %s: %s", host, gai_strerror(problem));
    st = try_family(list, AF_INET, l, &problem); /* "localhost" is 127.0.0.1 to most clients */
    if (st != PZ_OK)
        st = try_family(list, AF_INET6, l, &problem);
    freeaddrinfo(list);
    return st == PZ_OK ? st : pz_err_errno(err, PZ_UNAVAILABLE, problem, "--listen %s", where);
}

enum pz_status pz_listen_open(const char *where, struct pz_listen *out, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    *out = (struct pz_listen){ .fd = inherited() };
    if (out->fd < 0)
        st = strncmp(where, "unix:", 5) == 0 ? listen_unix(where + 5, out, err)
                                             : listen_tcp(where, out, err);
    if (st == PZ_OK)
        describe(out, where);
    else
        pz_listen_close(out);
    return st;
}

void pz_listen_close(struct pz_listen *l)
{
    if (l->fd >= 0)
        close(l->fd);
    if (l->unlink_path[0])
        unlink(l->unlink_path);
    l->fd = -1;
    l->unlink_path[0] = '\0';
}

void pz_listen_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd;

    if (!path || (*path != '/' && *path != '@') || strlen(path) >= sizeof a.sun_path)
        return;
    memcpy(a.sun_path, path, strlen(path));
    if (*path == '@')
        a.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&a,
           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
    close(fd);
}
