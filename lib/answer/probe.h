/* SPDX-License-Identifier: Apache-2.0 */
/* What a probe (rank/probe.h) is worth for a model: its lists and its cost beside exact ones. */
#ifndef PZ_ANSWER_PROBE_H
#define PZ_ANSWER_PROBE_H

#include "answer/answer.h"

enum { PZ_PROBE_USERS = 200 };

struct pz_probed {
    double share; /* asked for */
    size_t n;     /* users, of whom the lists of n_probed came from a probe */
    size_t n_probed;
    double looked;             /* the mean share of the items that those looked at */
    double recall;             /* of the exact lists' items, how many were found */
    double cpu_s, exact_cpu_s; /* of this thread, an answer */
};

/* Ask for PZ_PROBE_USERS users of the model at even distances, or all there are, with a probe and
 * without, each twice, of which the cheaper counts. Live events are left out.
 *
 * Errors:  as pz_rank
 * Threads: any; on a quiet machine */
enum pz_status pz_probe_measure(const struct pz_prepared *p, double share, struct pz_probed *out,
                                struct pz_err *err);

#endif
