/* SPDX-License-Identifier: Apache-2.0 */
/* Whether ids are still in the file of a live store: in records, or as bytes of what was removed.
 *
 * Threads: any, each call by itself; others may read and write meanwhile. */
#ifndef PZ_LIVE_TRACES_H
#define PZ_LIVE_TRACES_H

#include <stddef.h>

#include "base/err.h"

/* Called for an id that was found, once a place. place: a word or two for people, a constant. */
typedef enum pz_status pz_trace_fn(void *context, const char *id, const char *place,
                                   struct pz_err *err);

/* Look for n ids in a store's file. Records are compared by their fields; in free space any bytes
 * count that may be the id of a record that was: what is told there, compaction (pz_live_compact)
 * removes, and in a store that was just compacted nothing is told that is not so.
 *
 * path     of data.mdb
 * Errors:  fn's status other than PZ_OK ends it and is returned; PZ_NO_INPUT, PZ_IO the file cannot
 *          be read; PZ_TRY_AGAIN memory is out */
enum pz_status pz_live_traces(const char *path, const char *const *id, size_t n, pz_trace_fn *fn,
                              void *context, struct pz_err *err);

#endif
