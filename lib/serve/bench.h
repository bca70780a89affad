/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine sustains: a campaign asked on all threads, without the network. */
#ifndef PZ_SERVE_BENCH_H
#define PZ_SERVE_BENCH_H

#include "base/err.h"

struct pz_bench {
    double tps;              /* questions answered a second, all threads together */
    double p50_s, p99_s;     /* of one question */
    double cpu_s;            /* processor time of one */
    unsigned long questions; /* that were asked */
};

/* Ask a campaign, as GetRecommendations does for its users in turn, for that long.
 *
 * Errors:  as pz_service_open and pz_ask
 * Threads: one; uses pz_par_threads() of its own */
enum pz_status pz_bench_run(const char *campaign, double seconds, struct pz_bench *out,
                            struct pz_err *err);

#endif
