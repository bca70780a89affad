/* SPDX-License-Identifier: Apache-2.0 */
/* Counting live events: see tally.h. Two passes over what came since:
 *
 *   1  in order of number: all events, unseen items, and whose events they are
 *   2  user by user, from the first unseen item on: with how many users each unseen item is, and
 *      after which of the newest PAST items of their histories
 *
 * A user counts once an item, so that nobody makes much of an item by going back to it. Event time
 * t weighs 2^((t - end of training) / DAY): what was counted stays as it is while time goes on, and
 * all weights are compared with others. Events that training would leave out do not count, nor do
 * dates beyond tomorrow. What is counted is the same in whatever pieces it is counted. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/time.h"
#include "campaign/tally.h"
#include "table/hash.h"

enum {
    PAST = 20,         /* newest items of a history */
    FAR_BACK = 500,    /* events in which a repeat is looked for */
    NEWEST = 5000,     /* live events of a history that are read */
    KNOWN_WELL = 2000, /* users after whom it is known where an item belongs */
    PIECE = 1 << 20    /* pairs that are put in order together */
};

static const double DAY = 86400;

struct counting {
    struct pz_tally *t;
    const struct pz_model *m;
    uint64_t from; /* t->upto as it was */
    bool same;
    int64_t latest; /* of a clock that is right */
    struct pz_dict_builder *ids, *owners;
    size_t cap_items;
    double *after; /* [n_after] weight of what came after a known item */
    uint32_t n_after;
    struct pz_tally_pair *pair;
    size_t n_pairs, n_sorted, cap_pairs;
    uint32_t *past; /* items of the user at hand */
    size_t n_past, cap_past;
};

static enum pz_status no_memory(const struct counting *c, struct pz_err *err)
{
    return pz_err_memory(err, "live events of new items", 16.0 * (double)c->n_pairs + 1e4);
}

static double weight_at(const struct counting *c, int64_t time)
{
    return exp2(fmin(fmax((double)(time - c->m->newest) / DAY, -2), 1000));
}

static bool counts(const struct counting *c, const char *type, double value, int64_t time)
{
    return time <= c->latest && pz_model_event_weight(c->m, type, value) > 0;
}

/* Number of an item, which becomes an unseen one if it is new; PZ_NONE: memory is out. */
static uint32_t number_of(struct counting *c, const char *id)
{
    struct pz_tally *t = c->t;
    uint32_t item = pz_dict_find_str(&c->m->items, id), n = pz_dict_builder_count(c->ids);

    if (item != PZ_NONE)
        return item;
    item = pz_dict_builder_add(c->ids, id, strlen(id));
    if (item == PZ_NONE || !pz_mem_grow(&t->item, &c->cap_items, n + 1, sizeof *t->item))
        return PZ_NONE;
    if (item == n)
        t->item[n] = (struct pz_tally_item){ .before = t->total };
    return t->n_learned + item;
}

/* ---- first pass */

/* The unseen items so far, by their numbers. */
static enum pz_status begin(struct counting *c, struct pz_err *err)
{
    const struct pz_tally *t = c->t;
    bool good;

    c->ids = pz_dict_builder_new();
    c->owners = pz_dict_builder_new();
    c->cap_items = t->ids.n;
    good = c->ids && c->owners;
    for (uint32_t i = 0; i < t->ids.n && good; i++) {
        size_t n;
        const char *id = pz_dict_get(&t->ids, i, &n);

        good = pz_dict_builder_add(c->ids, id, n) != PZ_NONE;
    }
    return good ? PZ_OK : no_memory(c, err);
}

/* Of what stays as it is: whose an event of a session is may be learned later. */
static uint64_t hash_of(const struct pz_event *e)
{
    uint64_t item = e->item_id ? pz_hash64(e->item_id, strlen(e->item_id)) : 0;

    return pz_rng_mix(pz_rng_mix(item) ^ (uint64_t)e->time);
}

static enum pz_status meet(void *context, int pass, uint64_t number, const struct pz_event *e,
                           struct pz_err *err)
{
    struct counting *c = context;
    struct pz_tally *t = c->t;
    const char *owner = e->user_id ? e->user_id : e->session_id;
    uint32_t item;
    double w;

    (void)pass;
    if (number <= c->from) {
        c->same |= number == c->from && hash_of(e) == t->check;
        return PZ_OK;
    }
    if (!c->same)
        return PZ_NEGATIVE;
    if (!c->ids && begin(c, err) != PZ_OK)
        return PZ_TRY_AGAIN;
    t->upto = number;
    t->check = hash_of(e);
    if (!e->item_id || !counts(c, e->event_type, e->value, e->time))
        return PZ_OK;
    item = number_of(c, e->item_id);
    w = weight_at(c, e->time);
    t->total += w;
    t->now = fmax(t->now, w);
    if (t->epoch == 0 && item >= t->n_learned)
        t->epoch = number;
    if (item == PZ_NONE ||
        (t->epoch > 0 && owner && pz_dict_builder_add(c->owners, owner, strlen(owner)) == PZ_NONE))
        return no_memory(c, err);
    return PZ_OK;
}

/* ---- second pass */

static int by_item(const void *x, const void *y)
{
    const struct pz_tally_pair *a = x, *b = y;

    if (a->item != b->item)
        return a->item < b->item ? -1 : 1;
    return a->follower < b->follower ? -1 : a->follower > b->follower;
}

/* Equal ones next to each other become one. Returns how many are left. */
static size_t unite(struct pz_tally_pair *pair, size_t n)
{
    size_t to = 0;

    for (size_t i = 0; i < n; i++)
        if (to > 0 && by_item(&pair[to - 1], &pair[i]) == 0)
            pair[to - 1].weight += pair[i].weight;
        else
            pair[to++] = pair[i];
    return to;
}

static bool add_pair(struct counting *c, uint32_t item, uint32_t follower, double w)
{
    if (c->n_pairs - c->n_sorted >= PIECE) {
        qsort(c->pair, c->n_pairs, sizeof *c->pair, by_item);
        c->n_pairs = c->n_sorted = unite(c->pair, c->n_pairs);
    }
    if (!pz_mem_grow(&c->pair, &c->cap_pairs, c->n_pairs + 1, sizeof *c->pair))
        return false;
    c->pair[c->n_pairs++] = (struct pz_tally_pair){ item, follower, w };
    return true;
}

/* What came after one item of the past. */
static bool add_after(struct counting *c, uint32_t before, uint32_t item, double w)
{
    const struct pz_tally *t = c->t;
    uint32_t unseen = item - t->n_learned;
    bool good = true;

    if (before < t->n_learned)
        c->after[before] += w;
    else
        good = add_pair(c, before, PZ_NONE, w);
    if (item >= t->n_learned && t->item[unseen].users <= KNOWN_WELL)
        good = add_pair(c, before, unseen, w) && good;
    return good;
}

/* Whether one of the newest `far` of the first n events of the past is with the item. */
static bool is_past(const struct counting *c, size_t n, size_t far, uint32_t item)
{
    for (size_t k = n; k-- > 0 && n - k <= far;)
        if (c->past[k] == item)
            return true;
    return false;
}

/* The user's next item, which they have not had lately. */
static bool count_item(struct counting *c, uint32_t item, double w)
{
    struct pz_tally *t = c->t;
    size_t n = c->n_past, first = n > PAST ? n - PAST : 0;
    bool good = true;

    if (item >= t->n_learned) {
        struct pz_tally_item *of = &t->item[item - t->n_learned];

        of->sum += w;
        of->square += w * w;
        of->users++;
    }
    for (size_t k = n; k-- > first && good;)
        if (!is_past(c, n, n - 1 - k, c->past[k])) /* its newest place */
            good = add_after(c, c->past[k], item, w);
    return good;
}

static bool add_past(struct counting *c, uint32_t item)
{
    if (!pz_mem_grow(&c->past, &c->cap_past, c->n_past + 1, sizeof *c->past))
        return false;
    c->past[c->n_past++] = item;
    return true;
}

/* The newest of what the model knows of a user. */
static bool add_known(struct counting *c, const char *owner)
{
    const struct pz_model *m = c->m;
    uint32_t user = pz_dict_find_str(&m->users, owner);
    uint64_t end = user == PZ_NONE ? 0 : m->ptr[user + 1];
    uint64_t first = user == PZ_NONE ? 0 : m->ptr[user];
    bool good = true;

    c->n_past = 0;
    for (uint64_t p = end - first > PAST ? end - PAST : first; p < end && good; p++)
        good = add_past(c, m->item[p]);
    return good;
}

static enum pz_status count_owner(struct counting *c, const char *owner, const struct pz_live *live,
                                  struct pz_err *err)
{
    const struct pz_tally *t = c->t;
    bool good = live->forgotten || add_known(c, owner);

    for (size_t i = 0; i < live->n_events && !live->forgotten && good; i++) {
        const struct pz_live_event *e = &live->event[i];
        uint32_t item;

        if (e->number > t->upto)
            break;
        if (!e->item_id || !counts(c, e->event_type, e->value, e->time))
            continue;
        item = number_of(c, e->item_id);
        good = item != PZ_NONE;
        if (good && e->number > c->from && e->number >= t->epoch &&
            !is_past(c, c->n_past, FAR_BACK, item))
            good = count_item(c, item, weight_at(c, e->time));
        good = good && add_past(c, item);
    }
    return good ? PZ_OK : no_memory(c, err);
}

static enum pz_status count_owners(struct counting *c, struct pz_live_store *store, uint64_t seen,
                                   struct pz_err *err)
{
    const struct pz_live_want want = { .after = seen, .detail = PZ_LIVE_EACH, .most = NEWEST };
    uint32_t n = pz_dict_builder_count(c->owners);
    struct pz_arena arena = { 0 };
    enum pz_status st = PZ_OK;

    c->n_after = n ? c->t->n_learned : 0;
    c->after = pz_mem_array(c->n_after, sizeof *c->after);
    if (!c->after)
        return no_memory(c, err);
    for (uint32_t i = 0; i < n && st == PZ_OK; i++) {
        struct pz_live live = { 0 };
        size_t len;
        const char *id = pz_dict_builder_get(c->owners, i, &len);
        char *owner = pz_arena_strndup(&arena, id, len);

        st = owner ? pz_live_read_as(store, owner, &want, &arena, &live, err) : no_memory(c, err);
        if (st == PZ_OK)
            st = count_owner(c, owner, &live, err);
        pz_arena_clear(&arena);
    }
    return st;
}

/* ---- what was and what was counted, together */

/* From numbers in order of coming to those of the dictionary. */
static bool renumber(struct pz_tally *t, const uint32_t *final)
{
    struct pz_tally_item *item = pz_mem_array(t->ids.n, sizeof *item);

    if (!item)
        return false;
    for (uint32_t i = 0; i < t->ids.n; i++)
        item[final[i]] = t->item[i];
    free(t->item);
    t->item = item;
    return true;
}

static void renumber_pairs(const struct pz_tally *t, struct pz_tally_pair *pair, size_t n,
                           const uint32_t *final)
{
    for (size_t i = 0; i < n; i++) {
        if (pair[i].item >= t->n_learned)
            pair[i].item = t->n_learned + final[pair[i].item - t->n_learned];
        if (pair[i].follower != PZ_NONE)
            pair[i].follower = final[pair[i].follower];
    }
}

/* New pairs in order, merged with the old ones, which are in order as new ids leave them so. */
static bool merge_pairs(struct counting *c)
{
    struct pz_tally *t = c->t;
    size_t n = t->n_pairs + c->n_pairs, a = 0, b = 0;
    struct pz_tally_pair *all;

    if (c->n_pairs == 0)
        return true;
    if (!(all = pz_mem_room(n, sizeof *all)))
        return false;
    qsort(c->pair, c->n_pairs, sizeof *c->pair, by_item);
    for (size_t i = 0; i < n; i++)
        all[i] = b == c->n_pairs || (a < t->n_pairs && by_item(&t->pair[a], &c->pair[b]) <= 0)
                     ? t->pair[a++]
                     : c->pair[b++];
    free(t->pair);
    t->pair = all;
    t->n_pairs = unite(all, n);
    return true;
}

static enum pz_status finish(struct counting *c, struct pz_err *err)
{
    struct pz_tally *t = c->t;
    uint32_t *final = NULL;
    enum pz_status st = PZ_OK;
    bool good = true;

    for (uint32_t i = 0; i < c->n_after && good; i++)
        good = c->after[i] <= 0 || add_pair(c, i, PZ_NONE, c->after[i]);
    pz_dict_clear(&t->ids);
    if (good)
        st = pz_dict_builder_finish(c->ids, &t->ids, &final, err);
    if (st == PZ_OK && good)
        good = renumber(t, final);
    if (st == PZ_OK && good) {
        renumber_pairs(t, t->pair, t->n_pairs, final);
        renumber_pairs(t, c->pair, c->n_pairs, final);
        good = merge_pairs(c);
    }
    free(final);
    return good ? st : no_memory(c, err);
}

enum pz_status pz_tally_count(struct pz_tally *t, const struct pz_model *m,
                              struct pz_live_store *store, uint64_t seen, bool *same,
                              struct pz_err *err)
{
    struct counting c = {
        .t = t, .m = m, .from = t->upto, .same = t->upto <= seen, .latest = pz_time_latest()
    };
    enum pz_status st = pz_live_since(store, t->upto > seen ? t->upto - 1 : seen, meet, &c, err);

    *same = c.same;
    if (st == PZ_OK && c.same && t->upto > c.from)
        st = count_owners(&c, store, seen, err);
    if (st == PZ_OK && c.same && t->upto > c.from)
        st = finish(&c, err);
    pz_dict_builder_free(c.ids);
    pz_dict_builder_free(c.owners);
    free(c.after);
    free(c.pair);
    free(c.past);
    return st == PZ_NEGATIVE ? PZ_OK : st;
}
