/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that keeps a store up with its log: see follow.h.
 *
 * A round is one look into the log, and applying what it found, until there is nothing more. It
 * begins when the log tells of new entries, when somebody wants to be sure (pz_follow_fresh), and
 * once a second. Whoever asked before a round began is answered by its end: a look sees all that
 * was committed before it, and what was acknowledged was committed. */
#include "live/hosts/follow.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"
#include "live/hosts/shared.h"

enum { ROUND_MS = 1000 };

static const double tell_s = 10, retry_s = 0.5;

struct pz_follow {
    struct pz_live_store *store;
    struct pz_journal *j; /* the thread's */
    int wake;             /* eventfd */
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t round; /* one has ended */
    bool stop;
    uint64_t asked, answered;     /* tickets of pz_follow_fresh */
    struct pz_journal_host *mark; /* [n_marks] what the campaigns contain */
    size_t n_marks, cap_marks;
    double complete; /* when the store was known to have all */
    struct pz_follow_state state;
};

void pz_shared_name(const char *path, char *name, size_t n)
{
    char host[128] = "", *real = realpath(path, NULL);

    gethostname(host, sizeof host - 1);
    snprintf(name, n, "%s:%s", host, real ? real : path);
    free(real);
}

/* ---- the thread ---- */

/* Note how a round ended; true: go on. */
static bool note(struct pz_follow *f, enum pz_status st, uint64_t ticket, uint64_t last,
                 double began, const struct pz_err *err)
{
    bool go_on;

    pthread_mutex_lock(&f->lock);
    f->state.connected = st == PZ_OK;
    f->state.looks++;
    if (st == PZ_OK) {
        f->complete = began;
        f->answered = ticket;
        f->state.applied = last;
        f->state.problem[0] = '\0';
    } else {
        snprintf(f->state.problem, sizeof f->state.problem, "%.255s", err->text);
    }
    pthread_cond_broadcast(&f->round);
    go_on = !f->stop;
    pthread_mutex_unlock(&f->lock);
    return go_on;
}

static enum pz_status connect_log(struct pz_follow *f, struct pz_err *err)
{
    enum pz_status st;

    if (f->j && !pz_journal_is_lost(f->j))
        return PZ_OK;
    pthread_mutex_lock(&f->lock);
    f->state.reconnects += f->j != NULL;
    pthread_mutex_unlock(&f->lock);
    pz_journal_close(f->j);
    st = pz_shared_connect(f->store, &f->j, err);
    return st == PZ_OK ? pz_journal_listen(f->j, err) : st;
}

static void tell(struct pz_follow *f, uint64_t last)
{
    size_t n = SIZE_MAX;

    for (size_t i = 0; i < n; i++) {
        struct pz_journal_host host = { .applied = 0 };

        pthread_mutex_lock(&f->lock);
        n = f->n_marks;
        if (i < n)
            host = f->mark[i];
        pthread_mutex_unlock(&f->lock);
        host.applied = last;
        if (i < n)
            (void)pz_journal_tell(f->j, &host, NULL); /* again in a while */
    }
}

static void *run(void *context)
{
    struct pz_follow *f = context;
    double told = -tell_s;
    bool go_on = true;

    while (go_on) {
        struct pz_err err = { .status = PZ_OK };
        uint64_t ticket, last = 0, woken;
        double began;
        enum pz_status st = connect_log(f, &err);

        pthread_mutex_lock(&f->lock);
        ticket = f->asked;
        pthread_mutex_unlock(&f->lock);
        began = pz_time_clock();
        if (st == PZ_OK)
            st = pz_shared_catch_up(f->store, f->j, UINT64_MAX, &last, &err);
        go_on = note(f, st, ticket, last, began, &err);
        if (st == PZ_OK && began > told + tell_s) {
            tell(f, last);
            told = began;
        }
        if (go_on)
            pz_journal_wait(st == PZ_OK ? f->j : NULL, f->wake,
                            st == PZ_OK ? ROUND_MS : (int)(1e3 * retry_s));
        if (read(f->wake, &woken, sizeof woken) < 0 && errno != EAGAIN)
            break;
    }
    return NULL;
}

/* ---- from outside ---- */

static void wake(struct pz_follow *f)
{
    const uint64_t one = 1;

    while (write(f->wake, &one, sizeof one) < 0 && errno == EINTR)
        continue;
}

enum pz_status pz_follow_open(struct pz_live_store *s, struct pz_follow **out, struct pz_err *err)
{
    struct pz_follow *f;

    *out = NULL;
    if (!atomic_load(&s->follows))
        return PZ_OK;
    f = calloc(1, sizeof *f);
    if (!f)
        return pz_err_memory(err, "following a log", sizeof *f);
    f->store = s;
    f->complete = pz_time_clock();
    f->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->round, NULL);
    if (f->wake >= 0 && pthread_create(&f->thread, NULL, run, f) == 0) {
        *out = f;
        return PZ_OK;
    }
    if (f->wake >= 0)
        close(f->wake);
    free(f);
    return pz_err_set(err, PZ_TRY_AGAIN, "no thread to follow the log");
}

void pz_follow_close(struct pz_follow *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->lock);
    f->stop = true;
    pthread_mutex_unlock(&f->lock);
    wake(f);
    pthread_join(f->thread, NULL);
    pz_journal_close(f->j);
    (void)pz_shared_settle(f->store,
                           NULL); /* else the next start reads the log from its beginning */
    close(f->wake);
    pthread_cond_destroy(&f->round);
    pthread_mutex_destroy(&f->lock);
    free(f->mark);
    free(f);
}

static struct timespec in(double seconds)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += (time_t)seconds;
    t.tv_nsec += (long)((seconds - (double)(time_t)seconds) * 1e9);
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

void pz_follow_begin(struct pz_follow *f, double wait_s)
{
    struct timespec until = in(wait_s);

    pthread_mutex_lock(&f->lock);
    while (f->state.looks == 0 && pthread_cond_timedwait(&f->round, &f->lock, &until) == 0)
        continue;
    pthread_mutex_unlock(&f->lock);
}

bool pz_follow_fresh(struct pz_follow *f, double wait_s)
{
    struct timespec until = in(wait_s);
    uint64_t ticket;
    bool sure;
    int rc = 0;

    pthread_mutex_lock(&f->lock);
    ticket = ++f->asked;
    if (f->state.connected) {
        pthread_mutex_unlock(&f->lock);
        wake(f);
        pthread_mutex_lock(&f->lock);
    }
    while (rc == 0 && f->answered < ticket && f->state.connected)
        rc = pthread_cond_timedwait(&f->round, &f->lock, &until);
    sure = f->answered >= ticket;
    f->state.unsure += !sure;
    pthread_mutex_unlock(&f->lock);
    return sure;
}

void pz_follow_mark(struct pz_follow *f, const char *campaign, uint64_t events, uint64_t rows)
{
    struct pz_journal_host host = { .events = events, .rows = rows };
    size_t i = 0;

    pz_shared_name(campaign, host.name, sizeof host.name);
    pthread_mutex_lock(&f->lock);
    while (i < f->n_marks && strcmp(f->mark[i].name, host.name) != 0)
        i++;
    if (pz_mem_grow(&f->mark, &f->cap_marks, i + 1, sizeof *f->mark)) {
        f->mark[i] = host;
        f->n_marks = i < f->n_marks ? f->n_marks : i + 1;
    }
    pthread_mutex_unlock(&f->lock);
}

void pz_follow_read(struct pz_follow *f, struct pz_follow_state *state)
{
    pthread_mutex_lock(&f->lock);
    *state = f->state;
    state->lag_s = pz_time_clock() - f->complete;
    pthread_mutex_unlock(&f->lock);
}
