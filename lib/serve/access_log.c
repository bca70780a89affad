/* SPDX-License-Identifier: Apache-2.0 */
/* The access log: see access_log.h. What is written is whole lines, by one write(2) to a file
 * opened with O_APPEND, so that lines of several processes do not mix.
 *
 *  1. A line comes behind those that wait. Where the last write is nap_s ago it is written at once,
 *     by whoever brought it; under load many lines are one write, where each line was one of the
 *     two writes of a request. What still waits is written by pz_access_log_flush.
 *  2. One writes at a time, under the lock `writing`, which also keeps the descriptor; others only
 *     add lines meanwhile, and wait for the writer when MOST bytes of them wait.
 *  3. A line that cannot be written is lost: a full disk must not stop answers.
 *
 * Reopening, as log rotation asks for, opens the new file before it lets go of the old one. */
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

enum { LINE = 600, SOME = 32768, MOST = 1 << 20 /* bytes */ };

static const double nap_s = 0.01;

struct pz_access_log {
    char *path;
    pthread_mutex_t writing; /* the descriptor and the lines that are written */
    int fd;
    struct pz_str out;
    pthread_mutex_t lock; /* the lines that wait, and when some were written last */
    struct pz_str lines;
    double written;
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
    pthread_mutex_init(&log->writing, NULL);
    pthread_mutex_init(&log->lock, NULL);
    log->fd = open_file(path);
    if (log->fd < 0) {
        pz_err_errno(err, PZ_CANT_CREATE, errno, "%s", path);
        pz_access_log_close(log);
        return PZ_CANT_CREATE;
    }
    *out = log;
    return PZ_OK;
}

/* Every request has a line: names come with what is around them, in one piece. */
static void add_count(struct pz_str *out, const char *name, double n)
{
    pz_str_adds(out, name);
    pz_str_add_count(out, n > 0 ? (uint64_t)(n + 0.5) : 0, 1);
}

static void add_text(struct pz_str *out, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    pz_str_adds(out, name);
    pz_json_add_string(out, value, strlen(value));
}

/* The second in words is kept for the next line, which most often is of the same. */
static void add_now(struct pz_str *out)
{
    static _Thread_local time_t second = -1;
    static _Thread_local char text[40];
    struct timespec t;
    struct tm tm;

    clock_gettime(CLOCK_REALTIME, &t);
    if (t.tv_sec != second) {
        gmtime_r(&t.tv_sec, &tm);
        strftime(text, sizeof text, "\"time\":\"%Y-%m-%dT%H:%M:%S.", &tm);
        second = t.tv_sec;
    }
    pz_str_adds(out, text);
    pz_str_add_count(out, (uint64_t)(t.tv_nsec / 1000000), 3);
    pz_str_adds(out, "Z\"");
}

void pz_access_log_members(struct pz_str *out, const struct pz_exchange *x)
{
    size_t n = x->resp.fixed ? x->resp.n_fixed : x->resp.body.len;

    add_now(out);
    add_text(out, ",\"id\":", x->request_id);
    add_text(out, ",\"remote\":", x->req.remote);
    add_text(out, ",\"method\":", x->req.method);
    add_text(out, ",\"path\":", x->req.path);
    add_text(out, ",\"operation\":", x->operation);
    add_text(out, ",\"campaign\":", x->campaign);
    add_text(out, ",\"key\":", x->key ? x->key->id : NULL);
    add_text(out, ",\"traceparent\":", pz_http_header(&x->req, "traceparent"));
    add_count(out, ",\"status\":", x->resp.status);
    add_count(out, ",\"in\":", (double)x->req.n_body);
    add_count(out, ",\"out\":", (double)n);
    add_text(out, ",\"error\":", pz_fault_name(x->resp.fault));
    add_count(out, ",\"us\":", (pz_time_clock() - x->started) * 1e6);
    for (int p = 0; p < PZ_N_PHASES; p++) {
        /* Phases that a request did not have are left out: a line is read by people, too. */
        if (x->phase[p] <= 0)
            continue;
        pz_str_adds(out, ",\"");
        pz_str_adds(out, pz_phase_names[p]);
        add_count(out, "_us\":", x->phase[p] * 1e6);
    }
}

/* Write what waits. With the lock `writing`. */
static void write_lines(struct pz_access_log *log)
{
    struct pz_str taken;
    ssize_t ignored = 0;

    pthread_mutex_lock(&log->lock);
    taken = log->lines;
    log->lines = log->out;
    log->out = taken;
    log->written = pz_time_clock();
    pthread_mutex_unlock(&log->lock);
    if (taken.len > 0 && !taken.failed)
        ignored = write(log->fd, taken.data, taken.len);
    (void)ignored; /* a full disk must not stop answers */
    pz_str_reset(&log->out);
}

void pz_access_log_flush(struct pz_access_log *log)
{
    if (!log)
        return;
    pthread_mutex_lock(&log->writing);
    write_lines(log);
    pthread_mutex_unlock(&log->writing);
}

void pz_access_log_write(struct pz_access_log *log, const struct pz_exchange *x)
{
    struct pz_str line = { 0 };
    size_t waits;
    double written;

    if (!log)
        return;
    pz_str_reserve(&line, LINE);
    pz_str_addc(&line, '{');
    pz_access_log_members(&line, x);
    pz_str_adds(&line, "}\n");
    pthread_mutex_lock(&log->lock);
    if (!line.failed)
        pz_str_add(&log->lines, line.data, line.len);
    waits = log->lines.len;
    written = log->written;
    pthread_mutex_unlock(&log->lock);
    pz_str_clear(&line);
    if (waits > MOST) {
        pz_access_log_flush(log);
    } else if ((waits > SOME || pz_time_clock() - written > nap_s) &&
               pthread_mutex_trylock(&log->writing) == 0) {
        write_lines(log);
        pthread_mutex_unlock(&log->writing);
    }
}

void pz_access_log_reopen(struct pz_access_log *log)
{
    int fd = log ? open_file(log->path) : -1;

    if (fd < 0)
        return;
    pthread_mutex_lock(&log->writing);
    write_lines(log); /* to where they belong */
    close(log->fd);
    log->fd = fd;
    pthread_mutex_unlock(&log->writing);
}

void pz_access_log_close(struct pz_access_log *log)
{
    if (!log)
        return;
    if (log->fd >= 0) {
        pz_access_log_flush(log);
        close(log->fd);
    }
    pthread_mutex_destroy(&log->writing);
    pthread_mutex_destroy(&log->lock);
    pz_str_clear(&log->lines);
    pz_str_clear(&log->out);
    free(log->path);
    free(log);
}
