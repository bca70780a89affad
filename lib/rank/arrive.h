/* SPDX-License-Identifier: Apache-2.0 */
/* Private to rank/: places for items that came since training and that users have had since.
 *
 * Threads: one a struct pz_scores. */
#ifndef PZ_RANK_ARRIVE_H
#define PZ_RANK_ARRIVE_H

#include "rank/score.h"

/* Give the model's arrivals at least the blend that items have who are as likely a user's next one:
 * the last step of scores. What it adds stays in scores->added. */
void pz_scores_arrive(const struct pz_scored *scored);

/* What it added to an item, 0: nothing; and into contrib [n_hist of the query] what of that is due
 * to each event of the history.
 *
 * contrib  NULL: not wanted; else it is added to what is there. one: room for n_hist */
float pz_scores_arrived(const struct pz_scored *scored, uint32_t item, float *contrib, float *one);

#endif
