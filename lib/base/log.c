/* SPDX-License-Identifier: Apache-2.0 */
/* Talk: see log.h.
 *
 *   - one mutex orders the lines, so that those of two threads never mix, and a message clears a
 *     progress line that stands on the terminal before it is written
 *   - names and ids in a message come from strangers: none of them ends a line or speaks to the
 *     terminal
 *   - progress counts in an atomic; the thread that finds the next drawing due draws it, so that a
 *     step costs an addition and, seldom, a look at the clock */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/ranks.h"
#include "base/str.h"

/* A tenth of a second looks alive and costs nothing; a log file that is read tomorrow wants no more
 * than six lines a minute. */
#define TTY_PERIOD_S 0.1
#define FILE_PERIOD_S 10.0

struct pz_log {
    const char *program;
    enum pz_level level;
    bool json, tty;
    pthread_mutex_t lock;
    /* the current stage */
    const char *what, *unit;
    uint64_t total;
    double began_s, next_s;
    double end_s; /* expected end; 0: what the rate so far says */
    const char *aside;
    bool drawn; /* a progress line stands on the terminal */
    _Atomic uint64_t done;
};

static double clock_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double started_s;

/* Before main: the clock of wall seconds then includes what the loader and the option parser took.
 */
__attribute__((constructor)) static void note_start(void)
{
    started_s = clock_seconds();
}

double pz_wall_seconds(void)
{
    return clock_seconds() - started_s;
}

double pz_cpu_seconds(void)
{
    struct rusage u;

    if (getrusage(RUSAGE_SELF, &u) != 0)
        return 0;
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

struct pz_log *pz_log_new(const char *program, enum pz_level level, bool json)
{
    struct pz_log *log = calloc(1, sizeof *log);

    if (!log)
        return NULL;
    log->program = program;
    log->level = pz_ranks_first() ? level : PZ_LOG_ERROR;
    log->json = json;
    log->tty = !json && isatty(STDERR_FILENO);
    pthread_mutex_init(&log->lock, NULL);
    return log;
}

void pz_log_free(struct pz_log *log)
{
    if (!log)
        return;
    pthread_mutex_destroy(&log->lock);
    free(log);
}

static void erase_progress(struct pz_log *log)
{
    if (log->drawn)
        /* Return to the start of the line and erase to its end: ECMA-48's EL, known to every
         * terminal in use. */
        fputs("\r\033[K", stderr);
    log->drawn = false;
}

/* With the lock held. The line is written by one call, so that lines of several processes that
 * share a stderr do not mix. */
static void say(struct pz_log *log, enum pz_level level, const char *text)
{
    static const char *const names[] = { "error", "warning", "note", "debug" };
    struct pz_str line = { 0 };

    if (log->json) {
        pz_str_addf(&line, "{\"program\":\"%s\",\"level\":\"%s\",\"message\":", log->program,
                    names[level]);
        pz_json_add_string(&line, text, strlen(text));
        pz_str_adds(&line, "}\n");
    } else {
        pz_str_addf(&line, "%s: %s", log->program, level == PZ_LOG_WARN ? "warning: " : "");
        pz_str_add_plain(&line, text, strlen(text));
        pz_str_addc(&line, '\n');
    }
    erase_progress(log);
    if (!line.failed)
        fputs(line.data, stderr);
    pz_str_clear(&line);
}

void pz_log(struct pz_log *log, enum pz_level level, const char *fmt, ...)
{
    char text[2048];
    va_list args;

    if (!log || level > log->level)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    pthread_mutex_lock(&log->lock);
    say(log, level, text);
    pthread_mutex_unlock(&log->lock);
}

void pz_log_begin(struct pz_log *log, const char *what, const char *unit, uint64_t total)
{
    if (!log)
        return;
    pthread_mutex_lock(&log->lock);
    log->what = what;
    log->unit = unit;
    log->total = total;
    log->end_s = 0;
    log->began_s = clock_seconds();
    log->next_s = log->began_s + (log->tty ? TTY_PERIOD_S : FILE_PERIOD_S);
    atomic_store(&log->done, 0);
    pthread_mutex_unlock(&log->lock);
}

void pz_log_expect(struct pz_log *log, uint64_t total, double seconds, const char *aside)
{
    if (!log)
        return;
    pthread_mutex_lock(&log->lock);
    log->total = total;
    log->end_s = clock_seconds() + seconds;
    log->aside = aside;
    pthread_mutex_unlock(&log->lock);
}

/* How many of how many, and how long it still takes; without a total only how many. */
static void draw_total(const struct pz_log *log, uint64_t done, double rate, double now,
                       char part[96], char eta[64])
{
    const char *aside = log->end_s > 0 ? log->aside : NULL;
    double left = log->end_s > 0 ? log->end_s - now : (double)(log->total - done) / rate;
    bool known = log->total > 0 && rate > 0 && done <= log->total;

    snprintf(part, 96, "%llu %s", (unsigned long long)done, log->unit);
    *eta = '\0';
    if (!known)
        return;
    if (log->end_s > 0)
        snprintf(part, 96, "%llu of about %llu %s", (unsigned long long)done,
                 (unsigned long long)log->total, log->unit);
    else
        snprintf(part, 96, "%llu %s (%.0f%%)", (unsigned long long)done, log->unit,
                 100.0 * (double)done / (double)log->total);
    snprintf(eta, 64, ", %.0f s left%s%.24s", left > 0 ? left : 0, aside ? " beside " : "",
             aside ? aside : "");
}

static void draw(struct pz_log *log, double now)
{
    uint64_t done = atomic_load(&log->done);
    double spent = now - log->began_s, rate = spent > 0 ? (double)done / spent : 0;
    char part[96], eta[64], text[256];

    draw_total(log, done, rate, now, part, eta);
    snprintf(text, sizeof text, "%s: %s, %.3g/s%s", log->what, part, rate, eta);
    if (log->tty) {
        fprintf(stderr, "\r%s\033[K", text);
        fflush(stderr);
        log->drawn = true;
    } else {
        say(log, PZ_LOG_NOTE, text);
    }
}

void pz_log_step(struct pz_log *log, uint64_t units)
{
    double now;

    if (!log || log->level < PZ_LOG_NOTE || !log->what)
        return;
    atomic_fetch_add(&log->done, units);
    now = clock_seconds();
    /* next_s is read without the lock: a stale value costs one trylock, or delays a drawing until
     * the next step. Whoever does not get the lock leaves the drawing to its holder. */
    if (now < log->next_s || pthread_mutex_trylock(&log->lock) != 0)
        return;
    if (now >= log->next_s && log->what) {
        draw(log, now);
        log->next_s = now + (log->tty ? TTY_PERIOD_S : FILE_PERIOD_S);
    }
    pthread_mutex_unlock(&log->lock);
}

void pz_log_done(struct pz_log *log)
{
    if (!log)
        return;
    pthread_mutex_lock(&log->lock);
    if (log->what && log->level >= PZ_LOG_DEBUG) {
        char text[256];

        snprintf(text, sizeof text, "%s: %llu %s in %.2f s", log->what,
                 (unsigned long long)atomic_load(&log->done), log->unit,
                 clock_seconds() - log->began_s);
        say(log, PZ_LOG_DEBUG, text);
    }
    erase_progress(log);
    log->what = NULL;
    pthread_mutex_unlock(&log->lock);
}
