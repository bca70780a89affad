/* SPDX-License-Identifier: Apache-2.0 */
/* Figures for Prometheus: counters that any thread adds to without a lock, and what one campaign's
 * answers were like. */
#ifndef PZ_SERVE_METRICS_H
#define PZ_SERVE_METRICS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "answer/answer.h"
#include "base/str.h"
#include "live/store.h"
#include "serve/net/http.h"
#include "serve/wire.h"

enum { PZ_N_BUCKETS = 16, PZ_N_VERSIONS = 16 };

/* Seconds by how long they were; the last bucket is open. */
struct pz_histogram {
    const double *bound; /* [PZ_N_BUCKETS - 1] upper ends; NULL: those of pz_histogram_bound */
    _Atomic uint64_t bucket[PZ_N_BUCKETS];
    _Atomic uint64_t n, nanoseconds;
};

/* Of the whole process. All-zero at first. */
struct pz_metrics {
    _Atomic uint64_t requests[PZ_N_OPERATIONS + 1][PZ_N_FAULTS]; /* the last row: no operation */
    struct pz_histogram duration[PZ_N_OPERATIONS + 1], phase[PZ_N_PHASES];
    _Atomic uint64_t shed, throttled, slow;
};

/* What one version of a campaign showed and what came of it, as events that name it say. */
struct pz_version_counts {
    uint32_t version;
    uint64_t answers, items, clicks;
    uint64_t impressions, ignored; /* lists that were seen; of them without a click */
};

/* Of one campaign. */
struct pz_campaign_counts {
    _Atomic uint64_t answers, source[PZ_ORIGIN_UNKNOWN + 1], is_short, probed, unknown_users,
        events, repeats, conflicts, rows, impressions, ignored, clicks;
    struct pz_histogram lag; /* of events, from their own time to their storage */
    pthread_mutex_t lock;    /* of what follows */
    struct pz_version_counts version[PZ_N_VERSIONS];
    uint64_t second[64]; /* requests a second, by second modulo 64 */
    int64_t second_of[64];
};

/* Add one value.
 *
 * Threads: any */
void pz_histogram_add(struct pz_histogram *h, double seconds);

/* The upper end of a bucket below the last, of a histogram without ends of its own.
 *
 * Threads: any */
double pz_histogram_bound(int bucket);

/* Count a request that is answered.
 *
 * op  PZ_N_OPERATIONS: none
 * Threads: any */
void pz_metrics_request(struct pz_metrics *m, enum pz_operation op, const struct pz_exchange *x);

/* Count an answer: where its items come from, whether it is short, what its version showed.
 *
 * Threads: any */
void pz_metrics_answer(struct pz_campaign_counts *c, uint32_t version, const struct pz_answered *a);

/* Make all-zero counts fit for use; their lock is destroyed by the caller.
 *
 * Threads: one */
void pz_metrics_init(struct pz_campaign_counts *c);

/* Count an event that is stored. One with an impression says what was seen: a click if its item was
 * among that, else that the list was ignored. One without is a click where it names the answer that
 * led to its item.
 *
 * Threads: any */
void pz_metrics_event(struct pz_campaign_counts *c, const struct pz_event *e, int64_t now);

/* Copy the rows of versions, [PZ_N_VERSIONS]; version 0: not used.
 *
 * Threads: any */
void pz_metrics_versions(struct pz_campaign_counts *c, struct pz_version_counts *out);

/* Count a request of this second; how many came in the last `seconds` whole ones, a second.
 *
 * Threads: any */
void pz_metrics_tick(struct pz_campaign_counts *c, int64_t now);
double pz_metrics_tps(struct pz_campaign_counts *c, int64_t now, int seconds);

/* Append the process's figures in the text format 0.0.4.
 *
 * Threads: any */
void pz_metrics_write(struct pz_str *out, struct pz_metrics *m);

#endif
