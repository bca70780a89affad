/* SPDX-License-Identifier: Apache-2.0 */
/* The queue: see queue.h.
 *
 * Under load a first-in-first-out queue answers everybody late, and those first whose clients have
 * gone. Here, as in Facebook's "Fail at Scale" (Maurer, ACM Queue 2015), admission goes by the time
 * waited and order turns round under load:
 *
 *  1. Writes (events, rows) are cheap and somebody counts on them: they go before reads, oldest
 *     first.
 *  2. Reads go oldest first as long as the oldest has waited less than three quarters of the
 *     budget; beyond, the newest goes first, since its client still waits.
 *  3. A read that has waited for more than the budget is shed when a worker next looks. So an
 *     accepted read is answered within budget + its own work.
 *  4. What cannot be served in time is better told so at the door (pz_queue_is_busy), by the time
 *     that reads took lately: a moving average over about the last 16. Half of the budget takes a
 *     burst in; the rest is for what that guesses wrong.
 *  5. Where reads have been waiting for as long as the budget without a pause it is no burst: more
 *     come than can be answered, and however many wait, as many are refused. A tenth of the budget
 *     keeps the workers busy then, and who is answered waits no longer than that.
 *  6. Rings of a fixed size: nothing is allocated on the way. */
#include "serve/queue.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/time.h"

struct ring {
    struct pz_exchange **slot; /* [capacity] */
    size_t capacity, head, n;  /* head: the oldest */
};

struct pz_queue {
    struct pz_queue_cfg cfg;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct ring reads, writes;
    double read_s;   /* that a read took lately; 0: none yet */
    double standing; /* since when reads wait: the last that found none arrived */
    bool closing;
    pthread_t *worker;
    unsigned n_workers;
};

static void push(struct ring *r, struct pz_exchange *x)
{
    r->slot[(r->head + r->n++) % r->capacity] = x;
}

static struct pz_exchange *take_oldest(struct ring *r)
{
    struct pz_exchange *x = r->slot[r->head];

    r->head = (r->head + 1) % r->capacity;
    r->n--;
    return x;
}

static struct pz_exchange *take_newest(struct ring *r)
{
    return r->slot[(r->head + --r->n) % r->capacity];
}

static double age_of_oldest(const struct ring *r, double now)
{
    return r->n ? now - r->slot[r->head]->arrived : 0;
}

/* All reads that waited too long, as a list. With the lock. */
static struct pz_exchange *take_late(struct pz_queue *q, double now)
{
    struct pz_exchange *late = NULL;

    while (q->reads.n > 0 && age_of_oldest(&q->reads, now) > q->cfg.budget_s) {
        struct pz_exchange *x = take_oldest(&q->reads);

        x->next = late;
        late = x;
    }
    return late;
}

static struct pz_exchange *take_next(struct pz_queue *q, double now, bool *is_read)
{
    *is_read = q->writes.n == 0;
    if (!*is_read)
        return take_oldest(&q->writes);
    if (q->reads.n == 0)
        return NULL;
    return age_of_oldest(&q->reads, now) > q->cfg.budget_s * 3 / 4 ? take_newest(&q->reads)
                                                                   : take_oldest(&q->reads);
}

static void shed_all(struct pz_queue *q, struct pz_exchange *list)
{
    while (list) {
        struct pz_exchange *x = list;

        list = x->next;
        x->phase[PZ_PHASE_WAIT] = pz_time_clock() - x->arrived;
        q->cfg.shed(q->cfg.context, x);
    }
}

/* Do one; the seconds that it took. */
static double do_work(struct pz_queue *q, struct pz_exchange *x, double from)
{
    x->phase[PZ_PHASE_WAIT] = from - x->arrived;
    q->cfg.work(q->cfg.context, x);
    return pz_time_clock() - from;
}

double pz_queue_average(double average_s, double took_s)
{
    if (average_s <= 0)
        return took_s;
    return average_s + (fmin(took_s, 16 * average_s) - average_s) / 16;
}

static void *run_worker(void *context)
{
    struct pz_queue *q = context;

    pthread_mutex_lock(&q->lock);
    while (!q->closing || q->reads.n + q->writes.n > 0) {
        double now = pz_time_clock(), took = 0;
        bool is_read;
        struct pz_exchange *late = take_late(q, now), *x = take_next(q, now, &is_read);

        if (!late && !x) {
            if (!q->closing)
                pthread_cond_wait(&q->more, &q->lock);
            continue;
        }
        pthread_mutex_unlock(&q->lock);
        shed_all(q, late);
        if (x)
            took = do_work(q, x, late ? pz_time_clock() : now);
        pthread_mutex_lock(&q->lock);
        if (x && is_read)
            q->read_s = pz_queue_average(q->read_s, took);
    }
    pthread_mutex_unlock(&q->lock);
    return NULL;
}

static bool start_workers(struct pz_queue *q)
{
    while (q->n_workers < q->cfg.workers) {
        if (pthread_create(&q->worker[q->n_workers], NULL, run_worker, q) != 0)
            return false;
        q->n_workers++;
    }
    return true;
}

enum pz_status pz_queue_open(const struct pz_queue_cfg *cfg, struct pz_queue **out,
                             struct pz_err *err)
{
    struct pz_queue *q = calloc(1, sizeof *q);

    *out = q;
    if (!q)
        return pz_err_memory(err, "the queue", sizeof *q);
    q->cfg = *cfg;
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->more, NULL);
    q->reads.capacity = q->writes.capacity = cfg->capacity;
    q->reads.slot = calloc(cfg->capacity, sizeof(struct pz_exchange *));
    q->writes.slot = calloc(cfg->capacity, sizeof(struct pz_exchange *));
    q->worker = calloc(cfg->workers, sizeof *q->worker);
    if (q->reads.slot && q->writes.slot && q->worker && start_workers(q))
        return PZ_OK;
    pz_queue_close(q);
    *out = NULL;
    return pz_err_memory(err, "the queue and its threads", 16.0 * (double)cfg->capacity);
}

void pz_queue_put(struct pz_queue *q, struct pz_exchange *x, bool is_write)
{
    struct ring *r = is_write ? &q->writes : &q->reads;
    struct pz_exchange *late = NULL;

    x->next = NULL;
    pthread_mutex_lock(&q->lock);
    if (r->n == r->capacity)
        late = is_write ? x : take_oldest(r);
    if (r->n == 0 && !is_write)
        q->standing = x->arrived;
    if (late != x)
        push(r, x);
    pthread_mutex_unlock(&q->lock);
    pthread_cond_signal(&q->more); /* without the lock, which who wakes needs first */
    if (late)
        late->next = NULL;
    shed_all(q, late);
}

bool pz_queue_is_busy(struct pz_queue *q)
{
    double now = pz_time_clock(), budget_s = q->cfg.budget_s;
    bool busy;

    pthread_mutex_lock(&q->lock);
    busy = (double)q->reads.n * q->read_s / q->n_workers >
           (now - q->standing > budget_s ? budget_s / 10 : budget_s / 2);
    pthread_mutex_unlock(&q->lock);
    return busy;
}

size_t pz_queue_length(struct pz_queue *q)
{
    size_t n;

    pthread_mutex_lock(&q->lock);
    n = q->reads.n + q->writes.n;
    pthread_mutex_unlock(&q->lock);
    return n;
}

void pz_queue_close(struct pz_queue *q)
{
    if (!q)
        return;
    pthread_mutex_lock(&q->lock);
    q->closing = true;
    pthread_cond_broadcast(&q->more);
    pthread_mutex_unlock(&q->lock);
    for (unsigned i = 0; i < q->n_workers; i++)
        pthread_join(q->worker[i], NULL);
    pthread_cond_destroy(&q->more);
    pthread_mutex_destroy(&q->lock);
    free(q->reads.slot);
    free(q->writes.slot);
    free(q->worker);
    free(q);
}
