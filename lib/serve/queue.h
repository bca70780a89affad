/* SPDX-License-Identifier: Apache-2.0 */
/* The queue between the network and the workers: bounded, and it says no in time.
 *
 * Calling sequence: pz_queue_open; pz_queue_put from I/O threads; .work on workers, .shed on any
 * thread, each exchange to one of them, once; pz_queue_close does all that is left first. */
#ifndef PZ_SERVE_QUEUE_H
#define PZ_SERVE_QUEUE_H

#include "base/err.h"
#include "serve/net/http.h"

struct pz_queue_cfg {
    unsigned workers;
    size_t capacity; /* of reads, and of writes */
    double budget_s; /* a read that waited longer is shed */
    void (*work)(void *context, struct pz_exchange *x);
    void (*shed)(void *context, struct pz_exchange *x); /* cannot be served in time */
    void *context;
};

struct pz_queue;

/* Start the workers.
 *
 * Errors:  PZ_TRY_AGAIN memory, or no thread
 * Owner:   *out: pz_queue_close
 * Threads: one */
enum pz_status pz_queue_open(const struct pz_queue_cfg *cfg, struct pz_queue **out,
                             struct pz_err *err);

/* Hand over an exchange. Writes go before reads. When there is no room, the read that has waited
 * longest is shed, or a write itself.
 *
 * Threads: any */
void pz_queue_put(struct pz_queue *q, struct pz_exchange *x, bool is_write);

/* Whether a read that was put now would wait for more than half of the budget, as long as reads
 * took lately; or for a tenth, where some have been waiting for as long as the budget all the time.
 * Whoever asks before pz_queue_put can say no at once, which costs less than to let it wait.
 *
 * Threads: any */
bool pz_queue_is_busy(struct pz_queue *q);

/* What reads take, about the last 16 of them: the average so far (0: none yet) and what one more
 * took, in seconds. One alone does not double it, however long the system let it lie.
 *
 * Threads: any */
double pz_queue_average(double average_s, double took_s);

/* Exchanges waiting now.
 *
 * Threads: any */
size_t pz_queue_length(struct pz_queue *q);

/* Do what is left, stop the workers, free; accepts NULL.
 *
 * Threads: one, after the last pz_queue_put */
void pz_queue_close(struct pz_queue *q);

#endif
