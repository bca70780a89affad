/* SPDX-License-Identifier: Apache-2.0 */
/* Signals: see signals.h.
 *
 * Being asked to stop. The handlers are set without SA_RESTART, so that a program that waits in
 * open, read or poll comes back with EINTR and looks at pz_stop_asked. What a library waits for
 * (a lock of LMDB, a FIFO without a writer) does not come back; an interval timer, started by the
 * first signal, ends the program then. Every file appears whole or not at all and every
 * transaction is durable or absent, so ending at any moment loses nothing that was acknowledged.
 *
 * Crashes. The flat files of a campaign and the live store are mapped and believed; checking every
 * number at each look would cost more than the look. A file that somebody cuts off or overwrites
 * under a running program is a SIGBUS, and a damaged index can lead anywhere. The handler runs once
 * in a process that is lost anyway: it looks for the address among the watched maps, then asks each
 * file for its hashes, and only if all are sound lets the signal do what it does by default.
 *
 * Handlers use only the table of watched maps (written under a lock, read without), write, unlink
 * and _exit. */
#include "base/signals.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"

#ifdef __has_feature /* clang */
#define PZ_SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PZ_SANITIZED 1
#else
#define PZ_SANITIZED 0
#endif

enum { MAX_WATCHED = 64, PATIENCE_MS = 800 };

static volatile sig_atomic_t stop_signal, grace_s, at_once, finished;
static struct pz_watched watched_maps[MAX_WATCHED];
static volatile sig_atomic_t is_watched[MAX_WATCHED];
static pthread_mutex_t watch_lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- stopping ---- */

bool pz_stop_asked(void)
{
    return stop_signal != 0;
}

bool pz_stop_retry(int errnum)
{
    return errnum == EINTR && stop_signal == 0;
}

void pz_stop_grace(unsigned seconds)
{
    grace_s = (sig_atomic_t)seconds;
}

void pz_stop_at_once(void)
{
    at_once = 1;
}

static void end_now(int status)
{
    pz_out_abort_all();
    _exit(status);
}

static void on_late(int sig)
{
    (void)sig;
    end_now(PZ_INTERRUPTED);
}

/* First signal: ask, and wait. Second: die of it. */
static void on_stop(int sig)
{
    struct itimerval patience = { .it_value = { grace_s, grace_s ? 0 : PATIENCE_MS * 1000 } };

    if (at_once)
        end_now(PZ_INTERRUPTED);
    if (stop_signal) {
        pz_out_abort_all();
        signal(sig, SIG_DFL);
        raise(sig);
    }
    stop_signal = sig;
    setitimer(ITIMER_REAL, &patience, NULL);
}

/* ---- crashes ---- */

void pz_signals_watch(const struct pz_watched *watched)
{
    pthread_mutex_lock(&watch_lock);
    for (int i = 0; i < MAX_WATCHED; i++)
        if (!is_watched[i]) {
            watched_maps[i] = *watched;
            is_watched[i] = 1;
            break;
        }
    pthread_mutex_unlock(&watch_lock);
}

void pz_signals_unwatch(const void *addr)
{
    pthread_mutex_lock(&watch_lock);
    for (int i = 0; i < MAX_WATCHED; i++)
        if (is_watched[i] && watched_maps[i].addr == addr) {
            is_watched[i] = 0;
            break;
        }
    pthread_mutex_unlock(&watch_lock);
}

static void write_text(const char *text)
{
    ssize_t n = write(STDERR_FILENO, text, strlen(text));

    (void)n; /* nobody is left to tell */
}

static void blame(const struct pz_watched *w)
{
    write_text(w->path);
    write_text(" is damaged, or was cut off or overwritten while it was in use\n");
    end_now(PZ_BAD_DATA);
}

static _Thread_local sigjmp_buf *guard;

void pz_signals_guard(sigjmp_buf *here)
{
    guard = here;
}

/* The signal is let in again, as a jump leaves the handler without returning from it. */
static void jump(int sig)
{
    sigjmp_buf *here = guard;
    sigset_t set;

    guard = NULL;
    sigemptyset(&set);
    sigaddset(&set, sig);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    siglongjmp(*here, 1);
}

static void on_crash(int sig, siginfo_t *info, void *context)
{
    /* sent by the kernel, with an address of data */
    bool fault = (sig == SIGSEGV || sig == SIGBUS) && info->si_code > 0;
    uintptr_t at = (uintptr_t)info->si_addr;

    (void)context;
    if (guard)
        jump(sig);
    for (int i = 0; i < MAX_WATCHED && fault; i++)
        if (is_watched[i] && at - (uintptr_t)watched_maps[i].addr < watched_maps[i].bytes)
            blame(&watched_maps[i]);
    for (int i = 0; i < MAX_WATCHED; i++)
        if (is_watched[i] && watched_maps[i].is_damaged &&
            watched_maps[i].is_damaged(watched_maps[i].file))
            blame(&watched_maps[i]);
    pz_out_abort_all();
    signal(sig, SIG_DFL);
    raise(sig);
}

/* ---- installing ---- */

/* A library called exit(): libgomp does, with 1, when it gets no thread or no memory, and 1 is a
 * verdict of ours. */
static void on_exit_by_others(void)
{
    if (!finished)
        end_now(PZ_TRY_AGAIN);
}

void pz_signals_finish(void)
{
    finished = 1;
}

static void handle(int sig, void (*fn)(int))
{
    struct sigaction action = { .sa_handler = fn };

    sigemptyset(&action.sa_mask);
    sigaction(sig, &action, NULL);
}

static void explain(int sig)
{
    struct sigaction action = { .sa_sigaction = on_crash, .sa_flags = SA_SIGINFO };

    sigemptyset(&action.sa_mask);
    sigaction(sig, &action, NULL);
}

void pz_signals_install(void)
{
    handle(SIGINT, on_stop);
    handle(SIGTERM, on_stop);
    handle(SIGALRM, on_late);
    handle(SIGPIPE, SIG_IGN);
    handle(SIGXFSZ, SIG_IGN);
    if (!PZ_SANITIZED) { /* a sanitizer says more */
        explain(SIGSEGV);
        explain(SIGBUS);
        explain(SIGFPE); /* LMDB divides by what a page says of its keys */
        explain(SIGABRT);
    }
    atexit(on_exit_by_others);
}
