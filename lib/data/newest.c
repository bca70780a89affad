/* SPDX-License-Identifier: Apache-2.0 */
/* Where the data end: see newest.h. One row of the year 2100 must not make all others ancient:
 * every decay, trend and "young item" counts ages back from the newest event. The clock cannot be
 * asked, since the same data must give the same bytes tomorrow, so the data themselves say what is
 * beyond them. Events are, when all of this is true:
 *
 *   few      at most one in FEW of all, and one at least may be;
 *   apart    a silence of more than APART lies before them: shops and logs that stand still longer
 *            are rare, and clocks wrong by less do little harm;
 *   unlike   that silence is LONGER times any other before it. Data of one row a year, seasons and
 *            times that are mere positions (0, 1, 2, ...) have such silences everywhere. Those
 *            between the oldest events, as few, do not count: clocks are wrong in both directions.
 *
 * Of LEAST events and fewer nothing can be said. Most data have more than a few events in their
 * last APART seconds, which a pass or two finds out; only others are sorted. */
#include "data/newest.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/shares.h"

enum { FEW = 100, APART = 30 * 86400, LONGER = 10, LEAST = 10 };

/* The seconds from a to b >= a, of any two times. */
static uint64_t between(int64_t a, int64_t b)
{
    return (uint64_t)b - (uint64_t)a;
}

/* Times to look at, of which a rank may have some. */
struct times {
    const int64_t *time; /* [n] */
    uint64_t n;
    const struct pz_corpus *c; /* NULL: that is all */
};

/* Whether a silence of more than APART has at most `few` events after it, down from the largest
 * time. A pass goes down to the earliest event within APART of the last one reached. */
static bool ends_apart(const struct times *t, int64_t from, uint64_t few)
{
    struct {
        uint64_t n;
        int64_t earliest;
    } after = { 0, from };

    while (after.n <= few) {
        after.n = 0;
        after.earliest = from;
        pz_shares_turn(t->c, &after, sizeof after);
        for (uint64_t p = 0; p < t->n; p++)
            if (t->time[p] >= from || between(t->time[p], from) <= APART) {
                after.earliest = t->time[p] < after.earliest ? t->time[p] : after.earliest;
                after.n++;
            }
        pz_shares_pass(t->c, &after, sizeof after);
        if (after.earliest == from)
            return after.n <= few;
        from = after.earliest;
    }
    return false;
}

static int ascending(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;

    return (a > b) - (a < b);
}

/* How many of the events in order stand beyond the others. */
static uint64_t count_beyond(const int64_t *time, uint64_t n, uint64_t few)
{
    uint64_t longest = 0;

    for (uint64_t p = few + 1; p < n; p++) {
        uint64_t silence = between(time[p - 1], time[p]);

        /* Divided rather than multiplied: a silence may be all of an int64_t. */
        if (p >= n - few && silence > APART && silence / LONGER > longest)
            return n - p;
        longest = silence > longest ? silence : longest;
    }
    return 0;
}

/* All times, for sorting; NULL without memory. */
static int64_t *copy_all(const struct times *t, uint64_t n)
{
    int64_t *all = pz_mem_array(n, sizeof *all);
    struct pz_share mine = { 0, n };

    if (t->c && t->c->all_ptr)
        mine = (struct pz_share){ t->c->all_ptr[t->c->first_user], t->c->all_ptr[t->c->end_user] };
    if (all && t->n > 0)
        memcpy(all + mine.first, t->time, t->n * sizeof *all);
    if (all && t->c && t->c->all_ptr)
        pz_ranks_gather_mine(all, mine, sizeof *all);
    return all;
}

/* n: of all ranks. */
static enum pz_status find_newest(const struct times *t, uint64_t n, int64_t *newest,
                                  uint64_t *beyond, struct pz_err *err)
{
    uint64_t few = n / FEW > 1 ? n / FEW : 1;
    int64_t *sorted;

    *beyond = 0;
    *newest = INT64_MIN;
    pz_shares_turn(t->c, newest, sizeof *newest);
    for (uint64_t p = 0; p < t->n; p++)
        *newest = t->time[p] > *newest ? t->time[p] : *newest;
    pz_shares_pass(t->c, newest, sizeof *newest);
    if (n == 0)
        *newest = 0;
    if (n <= LEAST || !ends_apart(t, *newest, few))
        return PZ_OK;
    sorted = copy_all(t, n);
    if (!sorted)
        return pz_err_memory(err, "the times of events", 8.0 * (double)n);
    qsort(sorted, n, sizeof *sorted, ascending);
    *beyond = count_beyond(sorted, n, few);
    *newest = sorted[n - 1 - *beyond];
    free(sorted);
    return PZ_OK;
}

enum pz_status pz_newest(const int64_t *time, uint64_t n, int64_t *newest, uint64_t *beyond,
                         struct pz_err *err)
{
    return find_newest(&(struct times){ time, n, NULL }, n, newest, beyond, err);
}

enum pz_status pz_newest_of(const struct pz_corpus *c, int64_t *newest, uint64_t *beyond,
                            struct pz_err *err)
{
    return find_newest(&(struct times){ c->time, c->ptr[c->n_users], c }, pz_corpus_size(c), newest,
                       beyond, err);
}
