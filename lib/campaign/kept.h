/* SPDX-License-Identifier: Apache-2.0 */
/* Private to campaign/: items and users put since training as the model and its parts read them,
 * kept in files of the version (versions/NNNN/items.flat, users.flat), so that an answer does not
 * make them of the live store's rows.
 *
 * A file follows from the version and the rows: whoever finds that it is of another past, or
 * damaged, or not there, does without; one that is only older is gone on from. The store decides,
 * never the file. */
#ifndef PZ_CAMPAIGN_KEPT_H
#define PZ_CAMPAIGN_KEPT_H

#include <stdbool.h>

#include "campaign/view.h"

/* Take a view's rows of a table from the file, which may be older than the view.
 *
 * upto     the change that it is to reach at least; then the last one that it has
 * current  it has the items of live events alone, too: all that the view is to have, where no
 *          change came since
 * Returns false where it is of another store, past or model, older or not readable: the view is as
 * it was.
 * Threads: one, which has the view alone */
bool pz_kept_load(const char *campaign, struct pz_view *v, enum pz_live_table table, uint64_t *upto,
                  bool *current);

/* Write a view's rows of a table, unless they are few, or few have changed since the file
 * (v->unkept), or some have come since the view. Failures are nobody's concern: the next one makes
 * them again.
 *
 * is_first  it is the first view of who opened it: one row is enough, if the file is not new
 * Threads: any */
void pz_kept_save(const char *campaign, struct pz_view *v, enum pz_live_table table, bool is_first);

/* Remove the files of users of all versions: somebody is to be in none. What is made of the rows
 * makes them again.
 *
 * Errors:  PZ_IO one could not be removed; others as pz_layout_versions
 * Threads: any process, any time */
enum pz_status pz_kept_drop_users(const char *campaign, struct pz_err *err);

/* How much of a process's time writing may take. All-zero: it may at once. */
struct pz_kept_pace {
    _Atomic double not_before;
};

/* Whether it is time to write what was made from `start` on (pz_time_clock).
 *
 * Threads: any, on the same one */
bool pz_kept_may_write(const struct pz_kept_pace *pace, double start);

/* It was written.
 *
 * Threads: any, on the same one */
void pz_kept_wrote(struct pz_kept_pace *pace, double start);

#endif
