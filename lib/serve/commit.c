/* SPDX-License-Identifier: Apache-2.0 */
/* Group commit: see commit.h. DeWitt et al., "Implementation techniques for main memory database
 * systems" (SIGMOD 1984): the log is forced once for all transactions that wait.
 *
 *  1. One thread takes all jobs that wait (at most BATCH_MAX entries), stores the events of them in
 *     one transaction, then rows, in the order they came, and reports each job.
 *  2. Events were checked before, so that a transaction fails for all (the disk) or for none; what
 *     became of each, the store says.
 *  3. Order: events of one job stay together and jobs keep the order of pz_commit_put. */
#include "serve/commit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"

enum { BATCH_MAX = 10000, WAITING_MAX = 50000 /* entries */ };

struct pz_commit {
    struct pz_live_store *store;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct pz_commit_job *first, **last; /* waiting, oldest first */
    size_t n_waiting;                    /* their entries */
    bool closing, started;
    pthread_t thread;
    struct pz_event *event; /* of a batch */
    enum pz_live_fate *fate;
    size_t cap, cap_fate;
    struct pz_commit_stats stats; /* under the lock */
};

static void count(struct pz_commit *c, size_t n, double seconds, bool ok)
{
    int bucket = 0;

    /* Buckets of powers of two: 1, 2, 4, ... 16384, and more. */
    while (bucket < 15 && n > (size_t)1 << bucket)
        bucket++;
    pthread_mutex_lock(&c->lock);
    c->stats.batches++;
    c->stats.size[bucket]++;
    c->stats.entries += n;
    c->stats.failures += !ok;
    c->stats.seconds += seconds;
    if (seconds > c->stats.slowest_s)
        c->stats.slowest_s = seconds;
    pthread_mutex_unlock(&c->lock);
}

/* Rows are rare: a transaction a job. */
static void store_rows(struct pz_commit *c, struct pz_commit_job *list)
{
    while (list) {
        struct pz_commit_job *job = list;
        struct pz_err err = { .status = PZ_OK };
        uint64_t number;
        double from = pz_time_clock();
        enum pz_status st = pz_live_put_rows(c->store, job->table, job->row, job->n, &number, &err);

        list = job->next;
        count(c, job->n, pz_time_clock() - from, st == PZ_OK);
        /* The job, and all that it points to, may be gone when this returns: nothing of it is
         * touched again. */
        job->done(job, st, &err);
    }
}

/* The events of all jobs one after the other; false: memory is out. */
static bool gather(struct pz_commit *c, const struct pz_commit_job *list, size_t *n)
{
    *n = 0;
    for (const struct pz_commit_job *job = list; job; job = job->next) {
        if (!pz_mem_grow(&c->event, &c->cap, *n + job->n, sizeof *c->event))
            return false;
        memcpy(c->event + *n, job->event, job->n * sizeof *job->event);
        *n += job->n;
    }
    return pz_mem_grow(&c->fate, &c->cap_fate, *n, sizeof *c->fate);
}

static void report(struct pz_commit_job *job, const enum pz_live_fate *fate, enum pz_status st,
                   const struct pz_err *err)
{
    job->fate = fate;
    job->done(job, st, err);
}

static void store_events(struct pz_commit *c, struct pz_commit_job *list)
{
    struct pz_err err = { .status = PZ_OK };
    size_t n = 0, at = 0;
    uint64_t number;
    double from = pz_time_clock();
    enum pz_status st = PZ_OK;

    if (!list)
        return;
    st = gather(c, list, &n) ? pz_live_put_each(c->store, c->event, n, c->fate, &number, &err)
                             : pz_err_memory(&err, "a batch of events", 1e6);
    count(c, n, pz_time_clock() - from, st == PZ_OK);
    while (list) {
        struct pz_commit_job *job = list;
        size_t n_job = job->n;

        list = job->next;
        report(job, c->fate + at, st, &err);
        at += n_job;
    }
}

/* Take what waits: up to BATCH_MAX entries, events apart from rows. With the lock. */
static void take_batch(struct pz_commit *c, struct pz_commit_job **events,
                       struct pz_commit_job **rows)
{
    size_t n = 0;

    *events = *rows = NULL;
    /* A bound on what one commit holds: a transaction that fills the map is done again as a whole.
     */
    while (c->first && n < BATCH_MAX) {
        struct pz_commit_job *job = c->first, ***tail = job->row ? &rows : &events;

        c->first = job->next;
        job->next = NULL;
        n += job->n;
        c->n_waiting -= job->n;
        **tail = job;
        *tail = &job->next;
    }
    if (!c->first)
        c->last = &c->first;
}

static void *run(void *context)
{
    struct pz_commit *c = context;

    pthread_mutex_lock(&c->lock);
    /* Closing ends only when nothing waits: what was accepted is stored. */
    while (!c->closing || c->first) {
        struct pz_commit_job *events, *rows;

        if (!c->first) {
            pthread_cond_wait(&c->more, &c->lock);
            continue;
        }
        take_batch(c, &events, &rows);
        pthread_mutex_unlock(&c->lock);
        store_events(c, events);
        store_rows(c, rows);
        pthread_mutex_lock(&c->lock);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

enum pz_status pz_commit_open(struct pz_live_store *store, struct pz_commit **out,
                              struct pz_err *err)
{
    struct pz_commit *c = calloc(1, sizeof *c);

    *out = c;
    if (!c)
        return pz_err_memory(err, "the committer", sizeof *c);
    c->store = store;
    c->last = &c->first;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->more, NULL);
    c->started = pthread_create(&c->thread, NULL, run, c) == 0;
    if (c->started)
        return PZ_OK;
    pz_commit_close(c);
    *out = NULL;
    return pz_err_set(err, PZ_TRY_AGAIN, "no thread for the committer");
}

void pz_commit_put(struct pz_commit *c, struct pz_commit_job *job)
{
    struct pz_err err;
    bool full;

    job->next = NULL;
    pthread_mutex_lock(&c->lock);
    full = c->first && c->n_waiting + job->n > WAITING_MAX;
    if (!full) {
        *c->last = job;
        c->last = &job->next;
        c->n_waiting += job->n;
    }
    pthread_mutex_unlock(&c->lock);
    pthread_cond_signal(&c->more);
    if (full)
        job->done(job, pz_err_set(&err, PZ_TRY_AGAIN, "too much waits to be stored"), &err);
}

void pz_commit_read(struct pz_commit *c, struct pz_commit_stats *out)
{
    pthread_mutex_lock(&c->lock);
    *out = c->stats;
    pthread_mutex_unlock(&c->lock);
}

void pz_commit_close(struct pz_commit *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    c->closing = true;
    pthread_cond_signal(&c->more);
    pthread_mutex_unlock(&c->lock);
    if (c->started)
        pthread_join(c->thread, NULL);
    pthread_cond_destroy(&c->more);
    pthread_mutex_destroy(&c->lock);
    free(c->event);
    free(c->fate);
    free(c);
}
