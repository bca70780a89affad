/* SPDX-License-Identifier: Apache-2.0 */
/* What counting reads: histories with their weights, and the positions of every item.
 *
 * Weights (see transitions.h): t_p is the damped event weight times the time decay
 * 2^(-age / half_life) times n_u^-user_norm, so that a user with a long history does not outvote
 * the others (order-free data such as check-ins gain from it, shopping loses). T_p, the decayed sum
 * of the target weights after p, comes from the recursion T_p = t_{p+1} + r^2 T_{p+1}, with events
 * of one time taken together.
 *
 * For an update only the users with new interactions are taken; pairs of two old positions then
 * count with the change of their user's normalisation alone, where it exceeds STALE_BOUND; a new
 * event at the very time of an old one does not move what was counted. A user whose new events are
 * not the newest is read twice: as the history was, with negative targets, which takes back what
 * was counted, and whole as it is now. All sums are linear in the targets.
 *
 * Sums of pairs are in whole units, so that nothing depends on their order: the largest weight of a
 * position is FINE bits of units at most, fewer where there are so many events that a sum would not
 * fit.
 *
 * Where the times say nothing of order, everything is symmetric (a = 1) and the window is wide:
 * positions are then an accident of the file. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/ranks.h"
#include "data/shares.h"
#include "model/transitions/cells.h"
#include "model/transitions/transitions.h"
#include "model/trend.h"

enum { UNORDERED_WINDOW = 1000, FINE = 27 };

/* A change of a user's normalisation below this leaves the pairs of old positions as they were
 * counted: without that bound, each new event would count its user's whole history again. */
static const double STALE_BOUND = 0.02;

uint32_t pz_trans_window(const struct pz_corpus *c, const double *set)
{
    return c->ordered ? (uint32_t)set[PZ_TRANS_WINDOW] : UNORDERED_WINDOW;
}

double pz_trans_decay(const double *set, double age_s)
{
    double half_s = set[PZ_TRANS_HALF_LIFE] * 86400;

    return half_s > 0 ? exp2(-age_s / half_s) : 1;
}

/* A user of the view: of the corpus, or of what is taken back, then with sign -1. */
struct source {
    const struct pz_corpus *c;
    const uint64_t *first_new; /* NULL: all counts */
    uint32_t user;
    float sign;
};

/* The users that are read, in order; their number into v->n_users, their positions into v->n. */
static struct source *list_users(struct pz_trans_view *v, const struct pz_corpus *c,
                                 const struct pz_delta *delta)
{
    const struct pz_corpus *back = delta ? delta->taken_back : NULL;
    const uint64_t *first_new = delta ? delta->first_new : NULL;
    struct source *list = pz_mem_array((size_t)c->n_users + (back ? back->n_users : 0),
                                       sizeof *list);

    for (uint32_t u = 0; list && u < c->n_users; u++)
        /* Without a delta all who have events; with one those who have new ones: the cost of an
         * update is that of its users. */
        if (first_new ? first_new[u] < c->ptr[u + 1] : c->ptr[u] < c->ptr[u + 1]) {
            list[v->n_users++] = (struct source){ c, first_new, u, 1 };
            v->n += c->ptr[u + 1] - c->ptr[u];
        }
    for (uint32_t u = 0; list && back && u < back->n_users; u++)
        if (back->ptr[u] < back->ptr[u + 1]) {
            list[v->n_users++] = (struct source){ back, NULL, u, -1 };
            v->n += back->ptr[u + 1] - back->ptr[u];
        }
    return list;
}

enum { POSITION_BYTES = 2 * sizeof(float) + 1 };

/* The arrays of each position, in one block, which ranks may have in common where all read the
 * same. Wishes are joined item by item, of all users. */
static void take_block(struct pz_trans_view *v, bool same)
{
    size_t n = (v->n + PZ_MEM_ALIGN - 1) / PZ_MEM_ALIGN * PZ_MEM_ALIGN;

    v->block = same ? pz_ranks_room(n, POSITION_BYTES) : pz_mem_room(n, POSITION_BYTES);
    v->target = v->block;
    if (!v->block)
        return;
    v->together = pz_ranks_common(v->block);
    v->tail = v->target + n;
    v->shift = (int8_t *)(v->tail + n);
}

/* The users of the view that this rank reads: where arrays are in common its share. */
static struct pz_share my_users(const struct pz_trans_view *v)
{
    return pz_ranks_filled(v->block, v->n_users);
}

/* all: item of a corpus that is read as it is; NULL: it is not */
static enum pz_status allocate(struct pz_trans_view *v, const uint32_t *all, struct pz_err *err)
{
    v->ptr = pz_mem_array((size_t)v->n_users + 1, sizeof *v->ptr);
    v->begins = pz_mem_array(v->n / 64 + 2, sizeof *v->begins);
    v->moments = pz_mem_array(v->n / 64 + 2, sizeof *v->moments);
    v->own_item = all ? NULL : pz_mem_room(v->n, sizeof *v->own_item);
    v->item = all ? all : v->own_item;
    v->occ_ptr = pz_mem_array((size_t)v->n_items + 1, sizeof *v->occ_ptr);
    v->power = pz_mem_array((size_t)v->max + 1, sizeof *v->power);
    take_block(v, !v->own_item && !v->c->all_ptr && !v->c->wishes);
    if (!v->ptr || !v->begins || !v->moments || !v->item || !v->block || !v->occ_ptr || !v->power)
        return pz_err_memory(err, "counting transitions", 12.0 * (double)v->n + 16.0 * v->n_items);
    return PZ_OK;
}

/* What only a delta has. */
static enum pz_status allocate_delta(struct pz_trans_view *v, struct pz_err *err)
{
    v->user = pz_mem_room(v->n, sizeof *v->user);
    v->fresh = pz_mem_array(v->n_users, sizeof *v->fresh);
    v->stale = pz_mem_array(v->n_users, sizeof *v->stale);
    return v->user && v->fresh && v->stale
               ? PZ_OK
               : pz_err_memory(err, "counting transitions", 4.0 * (double)v->n);
}

/* What a delta knows of user k of the view: n_old of their n positions were counted before. */
static void take_old(struct pz_trans_view *v, uint32_t k, uint64_t n_old, uint64_t n)
{
    double e = v->set[PZ_TRANS_USER_NORM];

    v->fresh[k] = v->ptr[k] + n_old;
    /* Old pairs were counted with n_old^-e and should be with n^-e: of t as it is now, the share 1
     * - (n_old / n)^-e is missing; negative, since a longer history weighs less. */
    v->stale[k] = n_old > 0 ? (float)(1 - pow((double)n_old / (double)n, -e)) : 0;
    v->stale[k] = fabs((double)v->stale[k]) < STALE_BOUND ? 0 : v->stale[k];
    for (uint64_t p = v->ptr[k]; p < v->ptr[k + 1]; p++)
        v->user[p] = k;
}

/* Where the positions of user k of the view are. */
static void place_user(struct pz_trans_view *v, const struct source *s, uint32_t k)
{
    const struct pz_corpus *c = s->c;
    uint32_t u = s->user;
    uint64_t p = v->ptr[k], n = c->ptr[u + 1] - c->ptr[u];

    v->ptr[k + 1] = p + n;
    pz_bits_add(v->begins, p);
    if (v->user)
        take_old(v, k, s->first_new ? s->first_new[u] - c->ptr[u] : 0, n);
    if (v->own_item)
        memcpy(v->own_item + p, c->item + c->ptr[u], n * sizeof *v->own_item);
}

/* Their weights. */
static void weigh_user(struct pz_trans_view *v, const struct source *s, uint32_t k)
{
    const struct pz_corpus *c = s->c;

    for (uint64_t p = v->ptr[k], q = c->ptr[s->user]; p < v->ptr[k + 1]; p++, q++)
        v->target[p] = pz_weight_damp(c->weight[q], c->event_power);
}

/* Where wishes count: the first event of a user with an item takes the largest weight, the later
 * ones 0. */
static void join_wishes(struct pz_trans_view *v)
{
    for (uint32_t i = 0; i < v->n_items; i++)
        for (uint64_t k = v->occ_ptr[i], first = k, end = 0; k < v->occ_ptr[i + 1]; k++) {
            float *mine = &v->target[v->occ[k]], *to = &v->target[v->occ[first]];

            if (v->occ[k] >= end) {
                first = k;
                end = pz_trans_end(v->begins, v->occ[k], v->n);
                continue;
            }
            *to = *mine > *to ? *mine : *to;
            *mine = 0;
        }
}

/* The moments of user k of the view: events of one time have no order among themselves. */
static void find_moments(struct pz_trans_view *v, const struct source *s, uint32_t k)
{
    const int64_t *time = s->c->time + s->c->ptr[s->user];
    uint64_t start = v->ptr[k], n = v->ptr[k + 1] - start;

    for (uint64_t p = 0; p < n; p++)
        if (p == 0 || time[p] != time[p - 1])
            pz_bits_add(v->moments, start + p);
}

/* All events of a moment stand at the middle of their places. */
static void place_events(struct pz_trans_view *v, uint32_t k)
{
    for (uint64_t p = v->ptr[k]; p < v->ptr[k + 1];) {
        struct pz_trans_moment m = { p, pz_trans_end(v->moments, p, v->ptr[k + 1]) };

        for (; p < m.end; p++) {
            int64_t shift = (int64_t)(m.first + m.end) - (int64_t)(2 * p);

            v->shift[p] = shift > INT8_MIN && shift <= INT8_MAX ? (int8_t)shift : PZ_TRANS_FAR;
        }
    }
}

/* What comes after a moment of the view, whose targets sum to `mass`, for each of its events: the
 * moment's others and the events after it. */
static void set_tails(struct pz_trans_view *v, struct pz_trans_moment m, double mass, double after)
{
    double near = (double)v->power[pz_trans_within(m) - 2];

    for (uint64_t p = m.first; p < m.end; p++)
        v->tail[p] = (float)(after + near * near * (mass - (double)v->target[p]));
}

/* Time decay, length and sign of user k of the view; then what comes after each position. */
static void scale_user(struct pz_trans_view *v, const struct source *s, uint32_t k)
{
    const struct pz_corpus *c = s->c;
    double norm = pow((double)(v->ptr[k + 1] - v->ptr[k]), -v->set[PZ_TRANS_USER_NORM]);
    double rr = v->set[PZ_TRANS_DECAY] * v->set[PZ_TRANS_DECAY], tail = 0, last = 0;

    for (uint64_t p = v->ptr[k + 1], q = c->ptr[s->user + 1]; p-- > v->ptr[k];) {
        double decay = pz_trans_decay(v->set, (double)(c->newest - pz_corpus_time(c, --q)));

        v->target[p] = s->sign * (float)((double)v->target[p] * decay * norm);
    }
    for (uint64_t end = v->ptr[k + 1], next_end = end, first; end > v->ptr[k];
         next_end = end, end = first) {
        double mass = 0, apart;

        first = pz_trans_begin(v->moments, end - 1, v->ptr[k]);
        for (uint64_t p = end; p-- > first;)
            mass += (double)v->target[p];
        /* From the middle of [first, end) to that of [end, next_end). */
        apart = end < v->ptr[k + 1] ? 0.5 * (double)(next_end - first) : 0;
        /* The recursion of the head of this file over moments instead of events: from the middle of
         * one moment to that of the next it is `apart` places. */
        tail = apart > 0 ? pow(rr, apart - 1) * (last + rr * tail) : 0;
        set_tails(v, (struct pz_trans_moment){ first, end }, mass, tail);
        last = mass;
    }
}

/* User k's first position that has pairs to count: old ones far from the new have none. */
static uint64_t first_counting(const struct pz_trans_view *v, uint32_t k)
{
    uint64_t start = v->ptr[k], fresh = v->user ? v->fresh[k] : start;

    return fresh == start || v->stale[k] != 0 || fresh - start <= v->window ? start
                                                                            : fresh - v->window;
}

enum positions {
    ALL,
    COUNTING, /* those that have pairs to count */
    OWN,      /* those of items whose rows are this rank's */
};

static inline bool is_listed(const struct pz_trans_view *v, uint64_t p, enum positions which)
{
    return which != OWN || pz_cells_owner(v->item[p]) == pz_ranks_id();
}

static inline uint64_t first_listed(const struct pz_trans_view *v, uint32_t k, enum positions which)
{
    return which == COUNTING ? first_counting(v, k) : v->ptr[k];
}

/* Counting sort of positions by item. */
static enum pz_status index_items(struct pz_trans_view *v, enum positions which, struct pz_err *err)
{
    uint64_t n = 0;

    memset(v->occ_ptr, 0, ((size_t)v->n_items + 1) * sizeof *v->occ_ptr);
    for (uint32_t k = 0; k < v->n_users; k++)
        for (uint64_t p = first_listed(v, k, which); p < v->ptr[k + 1]; p++)
            v->occ_ptr[v->item[p]] += is_listed(v, p, which);
    for (uint32_t i = 0; i < v->n_items; i++)
        v->occ_ptr[i] = n += v->occ_ptr[i];
    free(v->occ);
    v->occ = pz_mem_room(n, sizeof *v->occ);
    if (!v->occ)
        return pz_err_memory(err, "counting transitions", 4.0 * (double)n);
    for (uint32_t k = v->n_users; k-- > 0;)
        for (uint64_t p = v->ptr[k + 1], first = first_listed(v, k, which); p-- > first;)
            /* From behind, so that positions of an item ascend and each occ_ptr ends at its
             * beginning. */
            if (is_listed(v, p, which))
                v->occ[--v->occ_ptr[v->item[p]]] = (uint32_t)p;
    v->occ_ptr[v->n_items] = n;
    return PZ_OK;
}

/* The positions that rows are counted from. Rows of features are sums over any items, and of users
 * in shares each rank counts for all rows. */
static enum positions counted(const struct pz_trans_view *v)
{
    return v->user ? COUNTING : v->feats->n == 0 && pz_ranks_n() > 1 && !v->c->all_ptr ? OWN : ALL;
}

static enum pz_status fill(struct pz_trans_view *v, const struct pz_corpus *c,
                           const struct source *list, struct pz_err *err)
{
    struct pz_share mine = my_users(v);
    enum pz_status st;

    for (uint32_t d = 0; d <= v->max; d++)
        v->power[d] = (float)pow(v->set[PZ_TRANS_DECAY], 0.5 * d);
    for (uint32_t k = 0; k < v->n_users; k++)
        place_user(v, &list[k], k);
    for (size_t k = mine.first; k < mine.end; k++)
        weigh_user(v, &list[k], (uint32_t)k);
    for (uint32_t k = 0; k < v->n_users; k++)
        find_moments(v, &list[k], k);
    pz_bits_add(v->begins, v->n);
    pz_bits_add(v->moments, v->n);
    for (size_t k = mine.first; k < mine.end; k++)
        place_events(v, (uint32_t)k);
    st = index_items(v, c->wishes ? ALL : counted(v), err);
    if (st == PZ_OK && c->wishes) {
        /* Sorted by item, a user's events of an item stand together. */
        join_wishes(v);
        st = counted(v) == ALL ? PZ_OK : index_items(v, counted(v), err);
    }
    for (size_t k = mine.first; k < mine.end && st == PZ_OK; k++)
        scale_user(v, &list[k], (uint32_t)k);
    return st;
}

/* Bits of the whole part of x >= 0. */
static int bits_of(double x)
{
    int bits = 0;

    frexp(x, &bits);
    return bits > 0 ? bits : 0;
}

/* A sum has at most `n` positions with 2 * window + 1 pairs each. */
static void choose_unit(struct pz_trans_view *v, uint64_t n)
{
    struct pz_share mine = my_users(v);
    double most = 0;
    int room, bits;

    if (v->together)
        pz_ranks_turn(&most, sizeof most);
    else
        pz_shares_turn(v->c, &most, sizeof most);
    for (uint64_t p = v->ptr[mine.first]; p < v->ptr[mine.end]; p++) {
        double x = fabs((double)v->target[p]) + fabs((double)v->tail[p]);

        most = x > most ? x : most;
    }
    if (v->together) /* who passes may read what others have written */
        pz_ranks_pass(&most, sizeof most);
    else
        pz_shares_pass(v->c, &most, sizeof most);
    frexp(most, &bits);
    room = 58 - bits_of((double)n) - bits_of(2.0 * v->window + 1);
    v->unit = ldexp(1, (room < FINE ? room : FINE) - bits);
}

enum pz_status pz_trans_view_init(struct pz_trans_view *v, const struct pz_corpus *c,
                                  const double *set, const struct pz_trans_feats *feats,
                                  const struct pz_delta *delta, struct pz_err *err)
{
    enum pz_status st = PZ_OK;
    struct source *list;

    memset(v, 0, sizeof *v);
    v->set = set;
    v->feats = feats;
    v->c = c;
    v->n_items = c->n_items;
    v->a = c->ordered ? set[PZ_TRANS_SYMMETRIC] : 1;
    v->window = pz_trans_window(c, set);
    /* Moments stand at half places, and within one events are UINT8_MAX of them apart at most. */
    v->max = v->window < UINT8_MAX / 2 ? UINT8_MAX : 2 * v->window;
    list = list_users(v, c, delta);
    if (!list)
        return pz_err_memory(err, "counting transitions", 32.0 * c->n_users);
    if (v->n >= UINT32_MAX)
        st = pz_err_set(err, PZ_UNAVAILABLE, "transitions: more than 4,294,967,294 interactions");
    if (st == PZ_OK)
        st = allocate(v, !delta && v->n == c->ptr[c->n_users] ? c->item : NULL, err);
    if (st == PZ_OK && delta)
        st = allocate_delta(v, err);
    if (st == PZ_OK)
        st = fill(v, c, list, err);
    if (st == PZ_OK)
        choose_unit(v, pz_corpus_size(c));
    free(v->ptr); /* from now on `begins` tells what is still asked */
    v->ptr = NULL;
    free(list);
    return st;
}

void pz_trans_view_drop(struct pz_trans_view *v)
{
    void *const array[] = { v->ptr,      v->begins, v->moments, v->fresh, v->stale,
                            v->own_item, v->user,   v->occ_ptr, v->occ };

    for (size_t i = 0; i < sizeof array / sizeof *array; i++)
        free(array[i]);
    pz_ranks_return(v->block);
    v->block = NULL;
    v->ptr = v->begins = v->moments = v->fresh = v->occ_ptr = NULL;
    v->stale = v->target = v->tail = NULL;
    v->own_item = v->user = v->occ = NULL;
    v->item = NULL;
    v->shift = NULL;
}

void pz_trans_view_clear(struct pz_trans_view *v)
{
    pz_trans_view_drop(v);
    free(v->power);
    memset(v, 0, sizeof *v);
}

enum pz_status pz_trans_pop(const struct pz_corpus *c, const double *set, const uint64_t *first_new,
                            const struct pz_trans_feats *feats, float *pop, struct pz_err *err)
{
    double *sum = pz_mem_array(c->n_items, sizeof *sum); /* a float sum stops growing at 2^24 */
    struct pz_share users;

    if (!sum)
        return pz_err_memory(err, "item weights", 8.0 * c->n_items);
    users = pz_shares_begin(c, sum, c->n_items * sizeof *sum);
    for (size_t u = users.first; u < users.end; u++)
        for (uint64_t p = first_new ? first_new[u] : c->ptr[u]; p < c->ptr[u + 1]; p++)
            sum[c->item[p]] += (double)pz_weight_damp(c->weight[p], c->event_power) *
                               pz_trans_decay(set, (double)(c->newest - pz_corpus_time(c, p)));
    pz_shares_end(c, sum, c->n_items * sizeof *sum);
    for (uint32_t i = 0; i < c->n_items; i++)
        pop[i] = (float)((double)pop[i] + sum[i]);
    for (uint32_t a = 0; a < feats->n; a++) {
        double all = 0;

        for (uint64_t k = feats->inv_ptr[a]; k < feats->inv_ptr[a + 1]; k++)
            all += (double)pop[feats->inv_item[k]];
        pop[c->n_items + a] = (float)all;
    }
    free(sum);
    return PZ_OK;
}

enum pz_status pz_trans_trend(const struct pz_corpus *c, float *trend, struct pz_err *err)
{
    return pz_trend_shares(c, fmax(pz_corpus_span(c) / 10, 1), trend, err);
}

/* How far back the same item last stood, 0 when not within the curve. */
static uint32_t last_lag(const struct pz_corpus *c, uint64_t start, uint64_t p)
{
    for (uint32_t k = 1; k <= PZ_TRANS_LAGS && p >= start + k; k++)
        if (c->item[p - k] == c->item[p])
            return k;
    return 0;
}

void pz_trans_repeat(const struct pz_corpus *c, float *curve)
{
    uint64_t seen[2][PZ_TRANS_LAGS + 1] = { { 0 } }, *hits = seen[0], *chances = seen[1];
    struct pz_share users = pz_shares_begin(c, seen, sizeof seen);

    for (size_t u = users.first; u < users.end; u++)
        for (uint64_t p = c->ptr[u]; p < c->ptr[u + 1]; p++) {
            uint64_t back = p - c->ptr[u];

            /* hits[0] takes those that came back to nothing near; nobody reads it. */
            hits[last_lag(c, c->ptr[u], p)]++;
            chances[back < PZ_TRANS_LAGS ? back : PZ_TRANS_LAGS]++;
        }
    pz_shares_end(c, seen, sizeof seen);
    for (uint32_t k = PZ_TRANS_LAGS; k > 1;
         k--) /* an event that could look back k could look back k - 1 */
        chances[k - 1] += chances[k];
    for (uint32_t k = 1; k <= PZ_TRANS_LAGS; k++)
        curve[k - 1] = chances[k] > 0 ? (float)((double)hits[k] / (double)chances[k]) : 0;
}
