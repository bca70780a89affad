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
#include "serve/net/http.h"
#include "serve/wire.h"

enum { PZ_N_BUCKETS = 16, PZ_N_VERSIONS = 16 };

/* Seconds by how long they were; the last bucket is open. */
struct pz_histogram {
    _Atomic uint64_t bucket[PZ_N_BUCKETS];
    _Atomic uint64_t n, nanoseconds;
};

/* Of the whole process. All-zero at first. */
struct pz_metrics {
    _Atomic uint64_t requests[PZ_N_OPERATIONS + 1][PZ_N_FAULTS]; /* the last row: no operation */
    struct pz_histogram duration[PZ_N_OPERATIONS + 1], phase[PZ_N_PHASES];
    _Atomic uint64_t shed, throttled, slow;
};

/* What one version of a campaign showed and what came of it. */
struct pz_version_counts {
    uint32_t version;
    uint64_t answers, items, clicks;
};

/* Of one campaign. All-zero at first, but for the lock. */
struct pz_campaign_counts {
    _Atomic uint64_t answers, source[PZ_ORIGIN_UNKNOWN + 1], is_short, unknown_users, events,
        repeats, conflicts, impressions, clicks;
    pthread_mutex_t lock; /* of what follows */
    struct pz_version_counts version[PZ_N_VERSIONS];
    uint64_t second[64]; /* requests a second, by second modulo 64 */
    int64_t second_of[64];
};

/* Add one value.
 *
 * Threads: any */
void pz_histogram_add(struct pz_histogram *h, double seconds);

/* The upper end of a bucket below the last.
 *
 * Threads: any */
double pz_histogram_bound(int bucket);

/* The value below which that part (0 to 1) of all lie, as far as buckets tell; 0: there are none.
 *
 * Threads: any */
double pz_histogram_quantile(struct pz_histogram *h, double part);

/* Count a request that is answered.
 *
 * op  PZ_N_OPERATIONS: none
 * Threads: any */
void pz_metrics_request(struct pz_metrics *m, enum pz_operation op, const struct pz_exchange *x);

/* Count an answer: where its items come from, whether it is short, what its version showed.
 *
 * Threads: any */
void pz_metrics_answer(struct pz_campaign_counts *c, uint32_t version, const struct pz_answered *a);

/* Count an event that names the version whose answer led to it.
 *
 * Threads: any */
void pz_metrics_click(struct pz_campaign_counts *c, uint32_t version);

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
