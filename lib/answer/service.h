/* SPDX-License-Identifier: Apache-2.0 */
/* Private to answer/: the pool of working memory of a snapshot. */
#ifndef PZ_ANSWER_SERVICE_H
#define PZ_ANSWER_SERVICE_H

#include "answer/answer.h"

/* A ranker for the snapshot's model: an idle one, else a new one.
 *
 * Errors:  NULL: memory is out
 * Owner:   pz_snapshot_idle gives it back
 * Threads: any */
struct pz_ranker *pz_snapshot_ranker(struct pz_snapshot *snap);

/* Give a ranker back to the pool; NULL is accepted.
 *
 * Threads: any */
void pz_snapshot_idle(struct pz_snapshot *snap, struct pz_ranker *r);

#endif
