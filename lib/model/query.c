/* SPDX-License-Identifier: Apache-2.0 */
/* The query: see query.h. Recency weighs the k-th newest event with k^-exponent.
 *
 * Events of one moment, as those of a basket, have no order among themselves, whatever order they
 * stand in: they share their ranks, and each weighs the mean over them. A moment is entered when
 * its first rank is asked for and read to its end, at most r->max: one pow an event, however long
 * moments are.
 *
 * Without tuning or encoder, trained without each user's last event and asked for it, pauses bring
 * nDCG@10 +.0028 on MovieLens 100K (standard error .0013), +.0020 on Deskdrop (.0010), +.0188 on
 * the sample shop (.0020) and +.0001 on RetailRocket (.0003), all without their newest tenth. A
 * session of ten minutes or four hours, a pause of five ranks or thirty do nearly the same. Who
 * comes back after a pause is not in a session yet, and their last one tells no more than it did:
 * with pauses there, the shop lost .0056 (.0027) on the newest tenth of all events. */
#include "model/query.h"

#include <math.h>
#include <stdbool.h>

static bool is_pause(int64_t from, int64_t to)
{
    return (double)to - (double)from > PZ_SESSION_S; /* any two times: a difference overflows */
}

/* Whether the history pauses right after its k-th newest event, seen from a session that goes on.
 * end: behind the newest */
static bool pauses_after(const struct pz_query *q, const int64_t *end, size_t k)
{
    return k > 1 && is_pause(end[-(ptrdiff_t)k], end[-(ptrdiff_t)k + 1]) &&
           !is_pause(end[-1], q->now);
}

/* The next moment: its last rank, and the mean weight of its ranks. */
static void enter_moment(struct pz_recency *r)
{
    const int64_t *time = r->q->hist_time ? r->q->hist_time + r->q->n_hist : NULL;
    size_t first = r->k + 1;
    double sum = 0;

    if (time && pauses_after(r->q, time, first))
        r->pauses += PZ_PAUSE_RANKS;
    do {
        sum += pow((double)(++r->end + r->pauses), -r->exponent);
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
