/* SPDX-License-Identifier: Apache-2.0 */
/* Where the data end: the time that ages are counted back from. */
#ifndef PZ_DATA_NEWEST_H
#define PZ_DATA_NEWEST_H

#include <stdint.h>

#include "base/err.h"
#include "data/corpus.h"

/* The newest time of n events, but for a few that stand so far beyond all others that a wrong clock
 * or unit is likelier than a silence (the rule is in newest.c). 0 when n is 0.
 *
 * time    [n] Unix seconds, in any order
 * beyond  how many events are later than that
 * Errors: PZ_TRY_AGAIN memory is out, for data with long silences at their end
 * Threads: any */
enum pz_status pz_newest(const int64_t *time, uint64_t n, int64_t *newest, uint64_t *beyond,
                         struct pz_err *err);

/* The same of the events of a corpus, of those of all ranks where it is in shares. Memory: nothing;
 * with long silences at the end 8 bytes an event, of all events on each rank.
 * Errors:  as pz_newest
 * Threads: the main thread */
enum pz_status pz_newest_of(const struct pz_corpus *c, int64_t *newest, uint64_t *beyond,
                            struct pz_err *err);

#endif
