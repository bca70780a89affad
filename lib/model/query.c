/* SPDX-License-Identifier: Apache-2.0 */
/* The query: see query.h. Recency weighs the k-th newest event with k^-exponent.
 *
 * Events of one moment, as those of a basket, have no order among themselves, whatever order they
 * stand in: they share their ranks, and each weighs the mean over them. A moment is entered when
 * its first rank is asked for and read to its end, at most r->max: one pow an event, however long
 * moments are. */
#include "model/query.h"

#include <math.h>

/* The next moment: its last rank, and the mean weight of its ranks. */
static void enter_moment(struct pz_recency *r)
{
    const int64_t *time = r->q->hist_time ? r->q->hist_time + r->q->n_hist : NULL;
    size_t first = r->k + 1;
    double sum = 0;

    do {
        sum += pow((double)++r->end, -r->exponent);
    } while (time && r->end < r->max && time[-(ptrdiff_t)r->end - 1] == time[-(ptrdiff_t)first]);
    r->weight = sum / (double)(r->end - first + 1);
}

double pz_recency_next(struct pz_recency *r)
{
    if (r->k == r->end)
        enter_moment(r);
    r->k++;
    return r->weight;
}
