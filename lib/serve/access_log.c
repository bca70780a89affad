/* SPDX-License-Identifier: Apache-2.0 */
/* The access log: see access_log.h. A line is one write(2) to a file opened with O_APPEND, so that
 * lines of several threads and processes do not mix.
 *
 * Reopening, as log rotation asks for, opens the new file before it lets go of the old one;
 * writers hold the lock for reading, so that no line goes to a closed descriptor. A line that
 * cannot be written is lost: a full disk must not stop answers. */
#include "serve/access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "serve/net/credentials.h"

struct pz_access_log {
    char *path;
    int fd;
    pthread_rwlock_t lock; /* held for writing while fd changes */
};

static int open_file(const char *path)
{
    /* A copy of the descriptor, so that closing the log does not close standard output. */
    return strcmp(path, "-") == 0 ? dup(STDOUT_FILENO)
                                  : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

enum pz_status pz_access_log_open(const char *path, struct pz_access_log **out, struct pz_err *err)
{
    struct pz_access_log *log = calloc(1, sizeof *log);

    *out = NULL;
    if (!log || !(log->path = pz_mem_strndup(path, strlen(path)))) {
        free(log);
        return pz_err_memory(err, "the access log", sizeof *log);
    }
    pthread_rwlock_init(&log->lock, NULL);
    log->fd = open_file(path);
    if (log->fd < 0) {
        pz_err_errno(err, PZ_CANT_CREATE, errno, "%s", path);
        pz_access_log_close(log);
        return PZ_CANT_CREATE;
    }
    *out = log;
    return PZ_OK;
}

static void add_name(struct pz_str *out, const char *name, const char *unit)
{
    pz_str_adds(out, ",\"");
    pz_str_adds(out, name);
    pz_str_adds(out, unit);
    pz_str_adds(out, "\":");
}

static void add_count(struct pz_str *out, const char *name, const char *unit, double n)
{
    add_name(out, name, unit);
    pz_str_add_count(out, n > 0 ? (uint64_t)(n + 0.5) : 0, 1);
}

static void add_text(struct pz_str *out, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    add_name(out, name, "");
    pz_json_add_string(out, value, strlen(value));
}

/* As strftime would, at a fifth of the cost: every request has a line. */
static void add_time(struct pz_str *out, const struct tm *tm, long ms)
{
    const struct {
        long n;
        size_t digits;
        const char *after;
    } part[] = { { tm->tm_year + 1900L, 4, "-" },
                 { tm->tm_mon + 1L, 2, "-" },
                 { tm->tm_mday, 2, "T" },
                 { tm->tm_hour, 2, ":" },
                 { tm->tm_min, 2, ":" },
                 { tm->tm_sec, 2, "." },
                 { ms, 3, "Z\"" } };

    pz_str_adds(out, "\"time\":\"");
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        pz_str_add_count(out, (uint64_t)part[i].n, part[i].digits);
        pz_str_adds(out, part[i].after);
    }
}

static void add_now(struct pz_str *out)
{
    struct timespec t;
    struct tm tm;

    clock_gettime(CLOCK_REALTIME, &t);
    gmtime_r(&t.tv_sec, &tm);
    add_time(out, &tm, t.tv_nsec / 1000000);
}

void pz_access_log_members(struct pz_str *out, const struct pz_exchange *x)
{
    size_t n = x->resp.fixed ? x->resp.n_fixed : x->resp.body.len;

    add_now(out);
    add_text(out, "id", x->request_id);
    add_text(out, "remote", x->req.remote);
    add_text(out, "method", x->req.method);
    add_text(out, "path", x->req.path);
    add_text(out, "operation", x->operation);
    add_text(out, "campaign", x->campaign);
    add_text(out, "key", x->key ? x->key->id : NULL);
    add_text(out, "traceparent", pz_http_header(&x->req, "traceparent"));
    add_count(out, "status", "", x->resp.status);
    add_count(out, "in", "", (double)x->req.n_body);
    add_count(out, "out", "", (double)n);
    add_text(out, "error", pz_fault_name(x->resp.fault));
    add_count(out, "us", "", (pz_time_clock() - x->started) * 1e6);
    for (int p = 0; p < PZ_N_PHASES; p++)
        /* Phases that a request did not have are left out: a line is read by people, too. */
        if (x->phase[p] > 0)
            add_count(out, pz_phase_names[p], "_us", x->phase[p] * 1e6);
}

void pz_access_log_write(struct pz_access_log *log, const struct pz_exchange *x)
{
    struct pz_str line = { 0 };
    ssize_t ignored = 0;

    if (!log)
        return;
    pz_str_addc(&line, '{');
    pz_access_log_members(&line, x);
    pz_str_adds(&line, "}\n");
    /* Many lines at a time: O_APPEND keeps them apart. Only a reopening excludes them. */
    pthread_rwlock_rdlock(&log->lock);
    if (!line.failed)
        ignored = write(log->fd, line.data, line.len);
    pthread_rwlock_unlock(&log->lock);
    (void)ignored; /* a full disk must not stop answers */
    pz_str_clear(&line);
}

void pz_access_log_reopen(struct pz_access_log *log)
{
    int fd = log ? open_file(log->path) : -1;

    if (fd < 0)
        return;
    pthread_rwlock_wrlock(&log->lock);
    close(log->fd);
    log->fd = fd;
    pthread_rwlock_unlock(&log->lock);
}

void pz_access_log_close(struct pz_access_log *log)
{
    if (!log)
        return;
    if (log->fd >= 0)
        close(log->fd);
    pthread_rwlock_destroy(&log->lock);
    free(log->path);
    free(log);
}
