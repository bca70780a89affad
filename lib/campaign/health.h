/* SPDX-License-Identifier: Apache-2.0 */
/* How fresh a campaign is, judged for monitoring: the data, the publication and the backlog of live
 * events each by itself. Publishing an old model again makes the publication young and the data no
 * younger.
 *
 * Threads: any. */
#ifndef PZ_CAMPAIGN_HEALTH_H
#define PZ_CAMPAIGN_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "campaign/info.h"

/* States as monitoring plugins have them, which are exit codes too. */
enum pz_health_state { PZ_HEALTH_OK, PZ_HEALTH_WARNING, PZ_HEALTH_CRITICAL, PZ_HEALTH_UNKNOWN };

enum pz_health_kind {
    PZ_AGE_DATA,        /* of the newest interaction that the model learned */
    PZ_AGE_PUBLICATION, /* of the current version */
    PZ_AGE_BACKLOG,     /* of the oldest live event that the model has not seen; 0: none */
    PZ_N_AGES
};
extern const char *const pz_health_names[PZ_N_AGES];

struct pz_health {
    int64_t warn[PZ_N_AGES], critical[PZ_N_AGES]; /* seconds; INT64_MAX: no limit */
    int64_t age[PZ_N_AGES];                       /* seconds, 0 at least */
    uint64_t backlog;                             /* live events that the model has not seen */
};

/* Read limits: "data=26h,publication=8d,backlog=2h", each LIMIT or WARNING:CRITICAL; twice a single
 * limit is critical. A duration alone is a warning about the publication. NULL: none.
 *
 * Errors: PZ_USAGE */
enum pz_status pz_health_limits(const char *text, struct pz_health *h, struct pz_err *err);

/* Measure the ages as of now (see pz_time_now).
 *
 * v       the current version; numbers of another live store become 0
 * live    NULL: there is none
 * Errors: PZ_BAD_DATA the version claims events that the store never had; others as pz_live_each */
enum pz_status pz_health_measure(const char *campaign, const struct pz_model *m,
                                 struct pz_version *v, struct pz_live_store *live,
                                 struct pz_health *h, struct pz_err *err);

/* The state of one age, and the worst of all. */
enum pz_health_state pz_health_of(const struct pz_health *h, enum pz_health_kind kind);
enum pz_health_state pz_health_worst(const struct pz_health *h);

/* Append sentences about what is not as it should be; nothing when all is well. */
void pz_health_explain(const struct pz_health *h, const struct pz_version *v, struct pz_str *out);

/* Append the figures in the text format of Prometheus, for its textfile collector. */
void pz_health_metrics(const struct pz_health *h, const char *campaign, const struct pz_model *m,
                       const struct pz_version *v, struct pz_str *out);

#endif
