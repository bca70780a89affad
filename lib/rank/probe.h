/* SPDX-License-Identifier: Apache-2.0 */
/* Private to rank/: probes. A question that allows it (struct pz_request, probe) is not answered
 * from all items, but from those that can be expected among the best:
 *
 *   - what sparse parts say anything of, as what followed the history's items
 *   - of each part that keeps its vectors by length the longest
 *   - of scores that are the same for everybody, as popularity, the largest
 *   - of parts that name some of their best themselves these, as content and the encoder
 *   - items that came since training: those that users had, and the newest
 *   - young items that exploration may draw
 *
 * so that the rest costs nothing. Vectors learned from many events are long, and those of items
 * that nobody met are not: the order by length finds more, by far, than cells around centres
 * (doc/measured.md has both). Parts that have no such order are asked of what is looked at alone.
 * The list is not surely that of all items; pz-recommend --check-probe measures how much of it is.
 *
 * Threads: one a set of arguments. */
#ifndef PZ_RANK_PROBE_H
#define PZ_RANK_PROBE_H

#include "rank/score.h"

/* Score a question's items by a probe: of the mask those that it looked at are left, and
 * scores->probe tells of it. False: nothing was done but to scratch, and all items are to be
 * scored: no probe was asked for, rules look further than the best (caps, diversity, promotions), a
 * part can be asked of all items only, no more than twice as many may be recommended as it would
 * look at, or memory is out. */
bool pz_probe(const struct pz_scored *scored);

#endif
