/* SPDX-License-Identifier: Apache-2.0 */
/* Splits: see split.h. Draws hash (seed, user id); of the users, those with the smallest draws
 * are held out, so that the share is exact and other data move only users at the border.
 *
 * What is held out are occasions: all events of one user, item and moment together. The order
 * within a user is by time and, among equal times, by a draw from (seed, user id, item id). So
 * nothing depends on the order of rows in a file or on the numbers that ids got, and at least
 * one occasion is always left where a history is needed. */
#include "data/split.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"
#include "base/time.h"
#include "table/hash.h"

/* "10%" or "10" to 0.1. */
static bool parse_share(const char *s, double *share)
{
    size_t n = strlen(s);

    if (n > 0 && s[n - 1] == '%')
        n--;
    if (!pz_str_to_double(s, n, share) || *share <= 0 || *share >= 100)
        return false;
    *share /= 100;
    return true;
}

static bool parse_time(const char *s, struct pz_split_spec *out)
{
    enum pz_time_form form;

    out->time = INT64_MIN;
    if (*s && s[strlen(s) - 1] == '%')
        return parse_share(s, &out->share);
    return pz_time_guess(s, strlen(s), &form) && pz_time_parse(s, strlen(s), form, &out->time);
}

static bool parse_count(const char *s, uint32_t *count)
{
    long long n;

    if (!pz_str_to_i64(s, strlen(s), &n) || n < 1 || n > 1000000)
        return false;
    *count = (uint32_t)n;
    return true;
}

enum pz_status pz_split_parse(const char *spec, struct pz_split_spec *out, struct pz_err *err)
{
    static const char *const names[] = { "personalize", "leave-last", "time",
                                         "users",       "random",     "cold-items" };
    static const double shares[] = { 0.1, 0, 0.1, 0.1, 0.2, 0.05 };
    const size_t n_names = sizeof names / sizeof *names;
    size_t n = strcspn(spec, ":");
    const char *arg = spec[n] ? spec + n + 1 : NULL;
    size_t kind = 0;
    bool good = true;

    while (kind < n_names && (strlen(names[kind]) != n || strncmp(names[kind], spec, n) != 0))
        kind++;
    memset(out, 0, sizeof *out);
    if (kind < n_names) {
        *out = (struct pz_split_spec){ (enum pz_split_kind)kind, shares[kind], 1, INT64_MIN };
        if (kind == PZ_SPLIT_LEAVE_LAST)
            good = !arg || parse_count(arg, &out->count);
        else if (kind == PZ_SPLIT_TIME)
            good = arg && parse_time(arg, out);
        else
            good = !arg || parse_share(arg, &out->share);
    }
    if (kind == n_names || !good)
        return pz_err_set(err, PZ_USAGE,
                          "split \"%s\" is not one of personalize[:P%%], leave-last[:N], "
                          "time:TIMESTAMP, time:P%%, users[:P%%], random[:P%%], cold-items[:P%%]",
                          spec);
    return PZ_OK;
}

static void user_rng(const struct pz_dataset *ds, uint32_t u, uint64_t seed, struct pz_rng *rng)
{
    size_t len;
    const char *id = pz_dict_get(&ds->users, u, &len);

    pz_rng_init(rng, seed, pz_hash64(id, len));
}

static void set(uint8_t *role, uint64_t from, uint64_t to, int what)
{
    memset(role + from, what, to - from);
}

/* ---- the order of a user's events ----
 * By time; among equals by a draw from (seed, user id, item id), so that what is held out does not
 * depend on the order of rows in a file. Events of one user, item and moment (a click and a watch
 * of one second) are one occasion, and lie next to each other: they are held out together, or the
 * history would give the answer away. */
struct event_key {
    int64_t time;
    uint64_t draw;
    uint32_t item;
    uint64_t row; /* of the dataset */
};

struct order {
    struct event_key *key; /* [n] */
    uint64_t *first;       /* [n_occasions] where each begins in key */
    size_t n, n_occasions, cap_key, cap_first;
};

static int by_moment(const void *x, const void *y)
{
    const struct event_key *a = x, *b = y;

    return a->time != b->time   ? (a->time < b->time ? -1 : 1)
           : a->draw != b->draw ? (a->draw < b->draw ? -1 : 1)
           : a->item != b->item ? (a->item < b->item ? -1 : 1)
                                : (a->row > b->row) - (a->row < b->row);
}

static uint64_t draw_of(const struct pz_dataset *ds, uint32_t user, uint32_t item, uint64_t seed)
{
    struct pz_rng rng;
    size_t n_user, n_item;
    const char *user_id = pz_dict_get(&ds->users, user, &n_user),
               *item_id = pz_dict_get(&ds->items, item, &n_item);

    pz_rng_init(&rng, seed ^ pz_hash64(user_id, n_user), pz_hash64(item_id, n_item));
    return pz_rng_u64(&rng);
}

static bool order_user(const struct pz_dataset *ds, uint32_t u, uint64_t seed, struct order *o)
{
    uint64_t from = ds->ptr[u], end = ds->ptr[u + 1];
    bool ties = false;

    o->n = (size_t)(end - from);
    o->n_occasions = 0;
    if (!pz_mem_grow(&o->key, &o->cap_key, o->n + 1, sizeof *o->key) ||
        !pz_mem_grow(&o->first, &o->cap_first, o->n + 1, sizeof *o->first))
        return false;
    for (uint64_t p = from; p < end; p++) {
        /* Draws cost a hash of two ids; only events that share their time need one. */
        bool tie = (p > from && ds->time[p - 1] == ds->time[p]) ||
                   (p + 1 < end && ds->time[p + 1] == ds->time[p]);

        o->key[p - from] = (struct event_key){ ds->time[p],
                                               tie ? draw_of(ds, u, ds->item[p], seed) : 0,
                                               ds->item[p], p };
        ties |= tie;
    }
    if (ties)
        qsort(o->key, o->n, sizeof *o->key, by_moment);
    for (size_t i = 0; i < o->n; i++)
        if (i == 0 || o->key[i].time != o->key[i - 1].time || o->key[i].item != o->key[i - 1].item)
            o->first[o->n_occasions++] = i;
    return true;
}

static void order_clear(struct order *o)
{
    free(o->key);
    free(o->first);
}

/* Mark an occasion. */
static void set_occasion(const struct order *o, size_t occasion, int what, uint8_t *role)
{
    size_t end = occasion + 1 < o->n_occasions ? o->first[occasion + 1] : o->n;

    for (size_t i = o->first[occasion]; i < end; i++)
        role[o->key[i].row] = (uint8_t)what;
}

/* The newest n occasions are ground truth, the others what. */
static void hold_out(const struct order *o, size_t n, int what, uint8_t *role)
{
    for (size_t k = 0; k < o->n_occasions; k++)
        set_occasion(o, k, k + n < o->n_occasions ? what : PZ_ROLE_TRUTH, role);
}

/* How many of the newest occasions it takes for n events; one is always left. */
static size_t occasions_for(const struct order *o, size_t n)
{
    size_t k = 1;

    while (k + 1 < o->n_occasions && o->n - o->first[o->n_occasions - k] < n)
        k++;
    return k;
}

struct draw_key {
    uint64_t hash;
    uint32_t row; /* user or item */
};

static int by_hash(const void *x, const void *y)
{
    const struct draw_key *a = x, *b = y;

    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

/* Exactly the share of users (those with two events), the ones with the smallest hashes. */
static enum pz_status split_users(const struct pz_dataset *ds, const struct pz_split_spec *spec,
                                  uint64_t seed, uint8_t *role, struct pz_err *err)
{
    struct draw_key *key = pz_mem_array(ds->users.n, sizeof *key);
    struct order o = { .n = 0 };
    bool good = key != NULL;
    uint32_t n = 0, held;

    set(role, 0, ds->n_interactions, PZ_ROLE_TRAIN);
    for (uint32_t u = 0; u < ds->users.n && good; u++) {
        struct pz_rng rng;

        good = order_user(ds, u, seed, &o);
        if (!good || o.n_occasions < 2)
            continue;
        user_rng(ds, u, seed, &rng);
        key[n++] = (struct draw_key){ pz_rng_u64(&rng), u };
    }
    if (good)
        qsort(key, n, sizeof *key, by_hash);
    /* Rounded to the nearest: the share is exact, not an expectation. */
    held = (uint32_t)((double)n * spec->share + 0.5);
    for (uint32_t i = 0; i < held && good; i++) {
        good = order_user(ds, key[i].row, seed, &o);
        if (good)
            /* Personalize holds out the newest 10 % of a test user's events, at least one; "users"
             * half of them. */
            hold_out(&o, occasions_for(&o, spec->kind == PZ_SPLIT_USERS ? o.n / 2 : (o.n + 9) / 10),
                     PZ_ROLE_HISTORY, role);
    }
    free(key);
    order_clear(&o);
    return good ? PZ_OK : pz_err_memory(err, "a split", 16.0 * ds->users.n);
}

static enum pz_status split_last(const struct pz_dataset *ds, uint64_t count, uint64_t seed,
                                 uint8_t *role, struct pz_err *err)
{
    struct order o = { .n = 0 };
    bool good = true;

    set(role, 0, ds->n_interactions, PZ_ROLE_TRAIN);
    for (uint32_t u = 0; u < ds->users.n && good; u++) {
        good = order_user(ds, u, seed, &o);
        /* A user with fewer keeps all: without a history there is nothing to ask. */
        if (good && o.n_occasions > count)
            hold_out(&o, (size_t)count, PZ_ROLE_TRAIN | PZ_ROLE_HISTORY, role);
    }
    order_clear(&o);
    return good ? PZ_OK : pz_err_memory(err, "a split", 1e6);
}

static uint64_t count_from(const int64_t *time, uint64_t n, int64_t cut)
{
    uint64_t count = 0;

    for (uint64_t p = 0; p < n; p++)
        count += time[p] >= cut;
    return count;
}

/* By bisection of the range of times: no copy, no sort, at most 64 passes. */
int64_t pz_split_cut(const int64_t *time, uint64_t n, uint64_t k)
{
    int64_t low = INT64_MAX, high = INT64_MIN;

    for (uint64_t p = 0; p < n; p++) {
        low = time[p] < low ? time[p] : low;
        high = time[p] > high ? time[p] : high;
    }
    while (low < high) { /* count_from(low) >= k > count_from(high + 1) */
        /* Unsigned, since the range may be larger than an int64_t holds; + 1, so that low moves
         * when two are left. */
        int64_t middle = (int64_t)((uint64_t)low + ((uint64_t)high - (uint64_t)low) / 2 + 1);

        if (count_from(time, n, middle) >= k)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static uint64_t share_of(uint64_t n, double share)
{
    uint64_t k = (uint64_t)((double)n * share + 0.5);

    return k == 0 ? 1 : k;
}

static void split_time(const struct pz_dataset *ds, const struct pz_split_spec *spec, uint8_t *role)
{
    int64_t cut = spec->time;

    if (cut == INT64_MIN)
        cut = pz_split_cut(ds->time, ds->n_interactions, share_of(ds->n_interactions, spec->share));
    for (uint64_t p = 0; p < ds->n_interactions; p++)
        role[p] = ds->time[p] < cut ? PZ_ROLE_TRAIN | PZ_ROLE_HISTORY : PZ_ROLE_TRUTH;
}

/* Draw occasions without replacement, leaving at least one; a user with one trains only. */
static void draw_occasions(const struct pz_dataset *ds, uint32_t u, const struct order *o,
                           double share, uint64_t seed, uint8_t *role)
{
    uint64_t n = o->n_occasions, k = n < 2 ? 0 : share_of(n, share);
    struct pz_rng rng;

    for (size_t i = 0; i < n; i++)
        set_occasion(o, i, n < 2 ? PZ_ROLE_TRAIN : PZ_ROLE_TRAIN | PZ_ROLE_HISTORY, role);
    if (k >= n && n > 0)
        k = n - 1;
    user_rng(ds, u, seed, &rng);
    while (k > 0) {
        size_t at = pz_rng_below(&rng, (uint32_t)n);

        /* Drawn twice counts once. At most n - 1 of n are drawn, so this ends. */
        k -= role[o->key[o->first[at]].row] != PZ_ROLE_TRUTH;
        set_occasion(o, at, PZ_ROLE_TRUTH, role);
    }
}

static enum pz_status split_random(const struct pz_dataset *ds, double share, uint64_t seed,
                                   uint8_t *role, struct pz_err *err)
{
    struct order o = { .n = 0 };
    bool good = true;

    for (uint32_t u = 0; u < ds->users.n && good; u++)
        if ((good = order_user(ds, u, seed, &o)))
            draw_occasions(ds, u, &o, share, seed, role);
    order_clear(&o);
    return good ? PZ_OK : pz_err_memory(err, "a split", 1e6);
}

/* Exactly the share of the items that somebody had, the ones with the smallest hashes, lose
 * everything. */
static enum pz_status split_items(const struct pz_dataset *ds, double share, uint64_t seed,
                                  uint8_t *role, struct pz_err *err)
{
    struct draw_key *key = pz_mem_array(ds->items.n, sizeof *key);
    uint8_t *what = pz_mem_array(ds->items.n, 1); /* of an item: 0 nobody had it */
    uint32_t n = 0;

    for (uint64_t p = 0; what && p < ds->n_interactions; p++)
        what[ds->item[p]] = PZ_ROLE_TRAIN | PZ_ROLE_HISTORY;
    for (uint32_t i = 0; key && what && i < ds->items.n; i++) {
        struct pz_rng rng;
        size_t len;
        const char *id = pz_dict_get(&ds->items, i, &len);

        /* By the id, not the index: items that other data add do not move the draw. */
        pz_rng_init(&rng, seed, pz_hash64(id, len));
        if (what[i])
            key[n++] = (struct draw_key){ pz_rng_u64(&rng), i };
    }
    if (key && what) {
        qsort(key, n, sizeof *key, by_hash);
        for (uint64_t i = 0; i < n && i < share_of(n, share); i++)
            what[key[i].row] = PZ_ROLE_TRUTH;
        for (uint64_t p = 0; p < ds->n_interactions; p++)
            role[p] = what[ds->item[p]];
    }
    free(key);
    free(what);
    return key && what ? PZ_OK : pz_err_memory(err, "a split", 17.0 * ds->items.n);
}

enum pz_status pz_split_assign(const struct pz_dataset *ds, const struct pz_split_spec *spec,
                               uint64_t seed, uint8_t *role, struct pz_err *err)
{
    switch (spec->kind) {
    case PZ_SPLIT_PERSONALIZE:
    case PZ_SPLIT_USERS:
        return split_users(ds, spec, seed, role, err);
    case PZ_SPLIT_LEAVE_LAST:
        return split_last(ds, spec->count, seed, role, err);
    case PZ_SPLIT_TIME:
        split_time(ds, spec, role);
        return PZ_OK;
    case PZ_SPLIT_RANDOM:
        return split_random(ds, spec->share, seed, role, err);
    case PZ_SPLIT_COLD_ITEMS:
        return split_items(ds, spec->share, seed, role, err);
    }
    return pz_err_set(err, PZ_INTERNAL, "unknown split");
}
