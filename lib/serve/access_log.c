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

static void add_text(struct pz_str *out, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    pz_str_addf(out, ",\"%s\":", name);
    pz_json_add_string(out, value, strlen(value));
}

static void add_now(struct pz_str *out)
{
    struct timespec t;
    struct tm tm;

    clock_gettime(CLOCK_REALTIME, &t);
    gmtime_r(&t.tv_sec, &tm);
    pz_str_addf(out, "\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ\"", tm.tm_year + 1900,
                tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, t.tv_nsec / 1000000);
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
    pz_str_addf(out, ",\"status\":%d,\"in\":%zu,\"out\":%zu", x->resp.status, x->req.n_body, n);
    add_text(out, "error", pz_fault_name(x->resp.fault));
    pz_str_addf(out, ",\"us\":%.0f", (pz_time_clock() - x->started) * 1e6);
    for (int p = 0; p < PZ_N_PHASES; p++)
        /* Phases that a request did not have are left out: a line is read by people, too. */
        if (x->phase[p] > 0)
            pz_str_addf(out, ",\"%s_us\":%.0f", pz_phase_names[p], x->phase[p] * 1e6);
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
