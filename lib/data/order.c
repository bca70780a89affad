/* SPDX-License-Identifier: Apache-2.0 */
/* Whether times say in which order things happened: see order.h. */
#include "data/order.h"

#include <math.h>
#include <stddef.h>

#include "data/shares.h"

/* From so many steps on, of which so many go the same way, ids are sorted: of those of a history in
 * time half go up, or up to three quarters where young items have larger ids. */
enum { STEPS_MIN = 100 };
static const double SORTED = 0.95;

/* Steps from an event of a history to the next one, repeats of an item aside. */
struct steps {
    uint64_t n, up, longer_up, short_ones, alike;
    int64_t gap; /* of most of them, if most have one gap */
    uint64_t votes;
};

/* "9" before "10": shorter ids first. */
static bool goes_up_by_length(const struct pz_dict *items, uint32_t a, uint32_t b)
{
    size_t len_a, len_b;

    pz_dict_get(items, a, &len_a);
    pz_dict_get(items, b, &len_b);
    return len_a != len_b ? len_a < len_b : a < b;
}

/* Boyer & Moore 1991: what has more than half of all votes is left at the end. */
static void vote(struct steps *s, int64_t gap)
{
    if (s->votes == 0)
        s->gap = gap;
    s->votes += s->gap == gap ? 1 : UINT64_MAX;
}

static int64_t gap_at(const struct pz_histories_of *h, uint64_t p)
{
    return (int64_t)h->item[p] - (int64_t)h->item[p - 1];
}

static void look(const struct pz_histories_of *h, struct steps *s)
{
    pz_shares_turn(h->c, s, sizeof *s);
    for (uint32_t u = 0; u < h->n_users; u++)
        for (uint64_t p = h->ptr[u] + 1; p < h->ptr[u + 1]; p++) {
            if (h->item[p] == h->item[p - 1])
                continue;
            s->n++;
            s->short_ones += h->time[p] - h->time[p - 1] <= 1;
            s->up += gap_at(h, p) > 0;
            s->longer_up += goes_up_by_length(h->items, h->item[p - 1], h->item[p]);
            vote(s, gap_at(h, p));
        }
    pz_shares_pass(h->c, s, sizeof *s);
}

static void count_alike(const struct pz_histories_of *h, struct steps *s)
{
    pz_shares_turn(h->c, &s->alike, sizeof s->alike);
    for (uint32_t u = 0; u < h->n_users; u++)
        for (uint64_t p = h->ptr[u] + 1; p < h->ptr[u + 1]; p++)
            s->alike += h->item[p] != h->item[p - 1] && gap_at(h, p) == s->gap;
    pz_shares_pass(h->c, &s->alike, sizeof s->alike);
}

static bool one_way(uint64_t up, uint64_t n)
{
    return fmax((double)up, (double)(n - up)) >= SORTED * (double)n;
}

bool pz_order_is_of_ids(const struct pz_histories_of *h)
{
    struct steps s = { 0 };

    look(h, &s);
    if (s.n < STEPS_MIN || 2 * s.short_ones < s.n ||
        !(one_way(s.up, s.n) || one_way(s.longer_up, s.n)))
        return false;
    count_alike(h, &s);
    return 2 * s.alike < s.n;
}

bool pz_order_known(const struct pz_histories_of *h)
{
    uint64_t n = h->ptr[h->n_users];
    struct {
        int64_t first;
        bool any, differ;
    } times = { 0, false, false };

    pz_shares_turn(h->c, &times, sizeof times);
    if (!times.any && n > 0)
        times.first = h->time[0];
    times.any = times.any || n > 0;
    for (uint64_t p = 0; p < n && !times.differ; p++)
        times.differ = h->time[p] != times.first;
    pz_shares_pass(h->c, &times, sizeof times);
    return times.differ && !pz_order_is_of_ids(h);
}
