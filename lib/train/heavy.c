/* SPDX-License-Identifier: Apache-2.0 */
/* Heavy users: see heavy.h.
 *
 * A robot that walks through the catalogue has as many events as thousands of people, and every
 * pair, factor and step of an encoder that learns from events learns mostly from it. So every user
 * has a cap: 20 times the events of the user whom 5 % of the users exceed, and never below 200,
 * which no one of seven real sets of people exceeds (RetailRocket: two users do). What is beyond
 * the cap stays in the user's history and counts for questions; it does not teach. */
#include "train/heavy.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { LEAST = 200, TIMES = 20, EXCEED = 20 /* one in so many users */ };

static int ascending(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

    return a < b ? -1 : a > b;
}

/* The number of events that one in EXCEED users with events exceeds; UINT64_MAX without memory or
 * users, as nobody is heavy then. */
static uint64_t common_size(const struct pz_corpus *c)
{
    uint64_t *n = pz_mem_array(c->n_users, sizeof *n), size = UINT64_MAX;
    size_t users = 0;

    for (uint32_t u = 0; n && u < c->n_users; u++)
        if (pz_corpus_events(c, u) > 0)
            n[users++] = pz_corpus_events(c, u);
    if (users > 0) {
        qsort(n, users, sizeof *n, ascending);
        size = n[users - 1 - users / EXCEED];
    }
    free(n);
    return size;
}

uint64_t pz_heavy_cap(const struct pz_corpus *c)
{
    uint64_t size = common_size(c), cap = size < UINT64_MAX / TIMES ? TIMES * size : UINT64_MAX;
    double share;

    cap = cap < LEAST ? LEAST : cap;
    return pz_heavy_count(c, cap, &share) > 0 ? cap : UINT64_MAX;
}

uint32_t pz_heavy_count(const struct pz_corpus *c, uint64_t cap, double *share)
{
    uint64_t events = 0;
    uint32_t n = 0;

    for (uint32_t u = 0; u < c->n_users; u++)
        if (pz_corpus_events(c, u) > cap) {
            events += pz_corpus_events(c, u);
            n++;
        }
    *share = n ? (double)events / (double)pz_corpus_size(c) : 0;
    return n;
}

/* The events of a user that teach. */
static void find_range(const struct pz_corpus *c, uint64_t cap, const uint64_t *end, uint32_t u,
                       uint64_t *from, uint64_t *to)
{
    uint64_t last = end ? end[u] : c->ptr[u + 1];

    *from = c->ptr[u];
    *to = c->ptr[u + 1];
    if (last - *from > cap) {
        *from = last - cap;
        *to = last;
    }
}

enum pz_status pz_heavy_cut(const struct pz_corpus *c, uint64_t cap, const uint64_t *end,
                            struct pz_corpus_own *out, struct pz_err *err)
{
    uint64_t *from = pz_mem_array(c->n_users, sizeof *from);
    uint64_t *to = pz_mem_array(c->n_users, sizeof *to);
    enum pz_status st = from && to ? PZ_OK : pz_err_memory(err, "what teaches", 16.0 * c->n_users);

    memset(out, 0, sizeof *out);
    for (uint32_t u = 0; u < c->n_users && st == PZ_OK; u++)
        find_range(c, cap, end, u, &from[u], &to[u]);
    if (st == PZ_OK)
        st = pz_corpus_ranges(c, from, to, out, err);
    free(from);
    free(to);
    return st;
}
