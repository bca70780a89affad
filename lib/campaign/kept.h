/* SPDX-License-Identifier: Apache-2.0 */
/* Private to campaign/: items put since training as the model and its parts read them, kept in a
 * file of the version (versions/NNNN/items.flat), so that an answer does not make them of the live
 * store's rows.
 *
 * The file follows from the version and the rows: whoever finds that it is of other rows, or
 * damaged, or not there, does without, and writes it anew if they may. The store decides, never the
 * file. */
#ifndef PZ_CAMPAIGN_KEPT_H
#define PZ_CAMPAIGN_KEPT_H

#include <stdbool.h>

#include "campaign/view.h"

/* Take a view's items from the file, if it is of these rows of the store; false: it is not, or
 * cannot be read, and the view is as it was.
 *
 * Threads: one, which has the view alone */
bool pz_kept_load(const char *campaign, struct pz_view *v);

/* Write a view's items that were made of its rows, unless they are few or rows have come since. A
 * process spends a small part of its time on it. Failures are nobody's concern: the next one makes
 * them again.
 *
 * Threads: any */
void pz_kept_save(const char *campaign, const struct pz_view *v);

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
