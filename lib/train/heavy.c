/* SPDX-License-Identifier: Apache-2.0 */
/* Heavy users: see heavy.h.
 *
 * A robot that walks through the catalogue has as many events as thousands of people, and every
 * pair, factor and step of an encoder that learns from events learns mostly from it. So every user
 * has a cap: 20 times the events of the user whom 5 % of the users exceed, and never below 200,
 * which no one of seven real sets of people exceeds (RetailRocket: two users do). What is beyond the
 * cap stays in the user's history and counts for questions; it does not teach. */
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
        if (c->ptr[u] < c->ptr[u + 1])
            n[users++] = c->ptr[u + 1] - c->ptr[u];
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
        if (c->ptr[u + 1] - c->ptr[u] > cap) {
            events += c->ptr[u + 1] - c->ptr[u];
            n++;
        }
    *share = n ? (double)events / (double)c->ptr[c->n_users] : 0;
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

static enum pz_status take(const struct pz_corpus *c, uint64_t n, struct pz_corpus_own *out,
                           struct pz_err *err)
{
    out->owned[0] = pz_mem_array((size_t)c->n_users + 1, sizeof(uint64_t));
    out->owned[1] = pz_mem_array(n, sizeof(uint32_t));
    out->owned[2] = pz_mem_array(n, sizeof(int64_t));
    out->owned[3] = pz_mem_array(n, sizeof(float));
    out->owned[4] = c->event ? pz_mem_array(n, 1) : NULL;
    if (out->owned[0] && out->owned[1] && out->owned[2] && out->owned[3] &&
        (!c->event || out->owned[4]))
        return PZ_OK;
    return pz_err_memory(err, "what teaches", 17.0 * (double)n);
}

static void copy_range(const struct pz_corpus *c, uint64_t from, uint64_t n, uint64_t at,
                       struct pz_corpus_own *out)
{
    memcpy((uint32_t *)out->owned[1] + at, c->item + from, n * sizeof *c->item);
    memcpy((int64_t *)out->owned[2] + at, c->time + from, n * sizeof *c->time);
    memcpy((float *)out->owned[3] + at, c->weight + from, n * sizeof *c->weight);
    if (c->event)
        memcpy((uint8_t *)out->owned[4] + at, c->event + from, n);
}

/* Context rows of the events that teach; source: [all of them]. */
static enum pz_status copy_context(const struct pz_corpus *c, const struct pz_source *source,
                                   uint64_t n, struct pz_corpus_own *out, struct pz_err *err)
{
    const struct pz_attrs *in = c->context;
    enum pz_status st;

    if (!in || in->n_attrs == 0)
        return PZ_OK;
    out->owned[5] = pz_mem_array(1, sizeof(struct pz_attrs));
    if (!out->owned[5])
        return pz_err_memory(err, "what teaches", sizeof(struct pz_attrs));
    st = pz_attrs_concat(&in, 1, source, n, out->owned[5], err);
    out->c.context = out->owned[5];
    return st;
}

enum pz_status pz_heavy_cut(const struct pz_corpus *c, uint64_t cap, const uint64_t *end,
                            struct pz_corpus_own *out, struct pz_err *err)
{
    struct pz_source *source = pz_mem_array(c->ptr[c->n_users], sizeof *source);
    uint64_t from, to, n = 0;
    enum pz_status st;

    memset(out, 0, sizeof *out);
    st = source ? take(c, c->ptr[c->n_users], out, err)
                : pz_err_memory(err, "what teaches", 16.0 * (double)c->ptr[c->n_users]);
    for (uint32_t u = 0; u < c->n_users && st == PZ_OK; u++) {
        find_range(c, cap, end, u, &from, &to);
        copy_range(c, from, to - from, n, out);
        for (uint64_t p = from; p < to; p++)
            source[n++].row = p;
        ((uint64_t *)out->owned[0])[u + 1] = n;
    }
    if (st == PZ_OK) {
        out->c = *c;
        out->c.ptr = out->owned[0];
        out->c.item = out->owned[1];
        out->c.time = out->owned[2];
        out->c.weight = out->owned[3];
        out->c.event = out->owned[4];
        st = copy_context(c, source, n, out, err);
    }
    free(source);
    if (st != PZ_OK)
        pz_corpus_clear(out);
    return st;
}
