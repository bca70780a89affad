/* SPDX-License-Identifier: Apache-2.0 */
/* Exploration: see explore.h. The order without replacement in proportion to weights c_j is that
 * of independent exponential times with rates c_j (Efraimidis & Spirakis 2006): item j's time is
 * -log(u_j) / c_j, and the smallest PZ_EXPLORE_MAX of them are kept in a sorted list.
 *
 * u_j depends on the draw and the item's index alone, so that the order of looking at items does
 * not matter; equal times go to the lower item. Of n uniform numbers the largest is v^(1/n), v
 * uniform, at any place alike, and the others are uniform below it (David & Nagaraja 2003, 2.5):
 * so 64 items draw their largest u first, eights of them theirs and the items theirs at last, and
 * where the largest is too small nothing more is drawn or read. Items that came since training,
 * which are young, do so: 100,000 cost a number for each 64, 2 ns, and some 450 of these are
 * opened, where a number an item took 10 ns each. Of the others few are young, and words with one
 * would be opened for it: each of these draws by itself. */
#include "rank/explore.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/bits.h"
#include "base/rng.h"
#include "base/simd.h"
#include "model/model.h"
#include "table/hash.h"

enum { DAY = 86400 };

uint64_t pz_explore_draw(uint64_t seed, const char *user_id, int64_t now)
{
    uint64_t user = user_id ? pz_hash64(user_id, strlen(user_id)) : 0;

    return pz_rng_mix(pz_rng_mix(seed ^ user) + (uint64_t)(now / DAY));
}

_Static_assert((PZ_EXPLORE_MAX & (PZ_EXPLORE_MAX - 1)) == 0, "insert() takes half steps");

struct candidate {
    double time;
    uint32_t item;
};

/* Items from this time on are young: ages count back from the newest interaction. */
static int64_t young_since(const struct pz_explore_cfg *cfg)
{
    double age = floor(cfg->cutoff_days * DAY);

    return age < (double)INT64_MAX / 4 ? cfg->newest - (int64_t)age : INT64_MIN;
}

/* Which of up to 64 items are young, a bit each. */
PZ_KERNEL static uint64_t young(const int64_t *since, uint32_t n, int64_t from)
{
    uint8_t flag[64] = { 0 };

    if (n == 64)
        for (uint32_t i = 0; i < 64; i++)
            flag[i] = since[i] >= from;
    else
        for (uint32_t i = 0; i < n; i++)
            flag[i] = since[i] >= from;
    return pz_flags_to_bits(flag);
}

/* ---- u of 64 items ---- */

enum { WORD = 64, EIGHT = 8, DRAWS_OF_WORD = 128 };

/* The k-th draw of a word of new items: 64 bits, of which the upper 53 are a number, and the lower
 * ones tell which. */
static uint64_t draw_of(uint64_t draw, uint32_t first, uint32_t k)
{
    return pz_rng_mix(~draw + (uint64_t)(first / WORD) * DRAWS_OF_WORD + k);
}

/* In (0, 1]. */
static double number_of(uint64_t bits)
{
    return ((double)(bits >> 11) + 1) * 0x1p-53;
}

/* v^(1/2^k), by roots, which are the same everywhere. */
static double root(double v, int k)
{
    for (; k > 0; k--)
        v = sqrt(v);
    return v;
}

/* Whether v^(1/n) may be `from` or more, without its roots: (1 - x)^n >= 1 - n x. */
static bool may_reach(double v, double n, double from)
{
    return v >= 1 - n * (1 - from) - 1e-12;
}

/* Those of 8 items from bit `at` of a word on whose u, of which the largest is `max`, reaches
 * `from`. u: [64] filled for them. */
static uint64_t open_eight(uint64_t draw, uint32_t first, uint32_t at, double max, uint32_t which,
                           uint64_t bits, double from, double *u)
{
    uint64_t in = 0;

    for (bits &= (uint64_t)0xff << at; bits; bits &= bits - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(bits);

        u[i] = i == at + which ? max : max * number_of(draw_of(draw, first, WORD + i));
        in |= (uint64_t)(u[i] >= from) << i;
    }
    return in;
}

/* The largest u of the word of items from `first` on, at most 1, or less than `from`. */
static double largest_u(uint64_t draw, uint32_t first, double from)
{
    double v = number_of(draw_of(draw, first, 0));

    return may_reach(v, WORD, from) ? root(v, 6) : 0;
}

/* Those of a word's items whose u reaches `from`; max: the largest there is. u: [64] filled for
 * them. */
static uint64_t open_word(uint64_t draw, uint32_t first, double max, uint64_t bits, double from,
                          double *u)
{
    uint32_t which = draw_of(draw, first, 0) % EIGHT;
    uint64_t in = 0;

    for (uint32_t g = 0; g < EIGHT; g++) {
        uint64_t of_eight = draw_of(draw, first, 1 + g);
        double v = number_of(of_eight), its = max;

        if (!(bits >> g * EIGHT & 0xff))
            continue;
        if (g != which)
            its = may_reach(v, EIGHT, from / max) ? max * root(v, 3) : 0;
        if (its >= from)
            in |= open_eight(draw, first, g * EIGHT, its, of_eight % EIGHT, bits, from, u);
    }
    return in;
}

/* ---- */

/* Those of a set, which are few, in all words but those in skip. */
static void scale_some(float *score, uint32_t n, float factor, const uint64_t *skip,
                       const uint64_t *set)
{
    struct pz_bits_run run = { 0, 0 };

    while (pz_bits_next_run(skip, pz_bits_words(n), &run))
        for (size_t w = run.begin; w < run.end; w++)
            for (uint64_t bits = set[w]; bits; bits &= bits - 1)
                score[w * WORD + (size_t)__builtin_ctzll(bits)] *= factor;
}

/* All words but those in skip. */
PZ_KERNEL static void scale(float *score, uint32_t n, float factor, const uint64_t *skip)
{
    struct pz_bits_run run = { 0, 0 };

    while (pz_bits_next_run(skip, pz_bits_words(n), &run)) {
        size_t end = run.end * WORD < n ? run.end * WORD : n;

        for (size_t i = run.begin * WORD; i < end; i++)
            score[i] *= factor;
    }
}

/* One young item at hand. */
struct young_item {
    uint32_t item;
    double u;     /* uniform in (0, 1] */
    double tried; /* 1 + interactions + impressions */
};

/* Live impressions aside. */
static double tried_of(const struct pz_explore_items *items, uint32_t i)
{
    if (i >= items->counted)
        return 1;
    return 1 + ((double)items->count[i] + (items->shown ? (double)items->shown[i] : 0));
}

/* Bring nearer what that reads. */
PZ_PREFETCH void prefetch_tried(const struct pz_explore_items *items, uint32_t i)
{
    if (i >= items->counted)
        return;
    __builtin_prefetch(&items->count[i]);
    if (items->shown)
        __builtin_prefetch(&items->shown[i]);
}

static double draw_time(const struct young_item *y, double share)
{
    return -log(y->u) * y->tried / (0.1 + (share > 0 ? share : 0));
}

/* Whether the time is surely not before `last`: -log u >= 1 - u. Spares most items their
 * logarithm. */
static bool is_late(const struct young_item *y, double share, double last)
{
    return (1 - y->u) * y->tried > last * (1 + 1e-9) * (0.1 + (share > 0 ? share : 0));
}

/* Put a candidate into the list sorted by time, INFINITY where nothing is yet; equal times to the
 * lower item, which comes first. The place is found by steps without a branch to guess. */
static size_t insert(struct candidate *list, size_t n, struct candidate c)
{
    size_t low = 0; /* so many are not later */

    if (c.time >= list[PZ_EXPLORE_MAX - 1].time)
        return n;
    for (size_t step = PZ_EXPLORE_MAX / 2; step > 0; step /= 2)
        low += list[low + step - 1].time <= c.time ? step : 0;
    n = n < PZ_EXPLORE_MAX ? n + 1 : n;
    memmove(list + low + 1, list + low, (n - 1 - low) * sizeof *list);
    list[low] = c;
    return n;
}

enum {
    AHEAD = 8, /* items are asked for before they are made exact */
    SURE = 512
};

/* A draw: the candidates with the smallest times so far, in order. */
struct draw {
    const struct pz_explore_cfg *cfg;
    const struct pz_explore_items *items;
    const float *blend;
    float best;
    bool shares;            /* times depend on the blend */
    size_t want;            /* so many of the list matter */
    struct candidate *list; /* [PZ_EXPLORE_MAX] */
    size_t n;
    /* Of plain words, which are opened once: what may come in time, ascending; more than SURE: too
     * many. NULL: they are opened again. */
    struct young_item *sure;
    size_t n_sure, n_fed; /* those that have had their turn again */
    uint64_t *ahead;      /* see pz_explore_ahead */
    const struct pz_young
        *young; /* what training saw of the young; NULL: its words are gone through */
    struct young_item due[AHEAD]; /* the last of n_due to be made exact */
    size_t n_due;
};

static bool is_plain(const struct draw *d, uint32_t i)
{
    return d->items->plain && pz_bits_has(d->items->plain, i / WORD);
}

static double share_of(const struct draw *d, uint32_t i)
{
    return (double)((is_plain(d, i) ? d->items->rest : d->blend[i]) / d->best);
}

static double last_of(const struct draw *d)
{
    return d->list[d->want - 1].time;
}

static void draw_share(struct draw *d, const struct young_item *y, double share)
{
    if (!is_late(y, share, last_of(d)))
        d->n = insert(d->list, d->n, (struct candidate){ draw_time(y, share), y->item });
}

/* Where the blend is exact: times as they are. */
static void draw_exact(struct draw *d, const struct young_item *y, double last)
{
    (void)last;
    draw_share(d, y, share_of(d, y->item));
}

/* What is exact may make a quotient that is rounded up. */
static double largest_share(const struct draw *d, const struct young_item *y)
{
    return share_of(d, y->item) * 1.000001;
}

/* Where it is rough, first: the latest times that there can be, of which the last is `last`
 * then. */
static void draw_latest(struct draw *d, const struct young_item *y, double last)
{
    (void)last;
    if (d->sure && d->n_sure <= SURE && is_plain(d, y->item) &&
        !is_late(y, largest_share(d, y), last_of(d))) {
        if (d->n_sure < SURE)
            d->sure[d->n_sure] = *y;
        d->n_sure++;
    }
    draw_share(d, y, 0);
}

static void settle_due(struct draw *d, const struct young_item *y)
{
    if (is_late(y, largest_share(d, y), last_of(d)))
        return;
    draw_share(d, y, (double)(d->items->settle(d->items->scores, y->item) / d->best));
}

/* Then the exact times of those that can come before `last` and those drawn so far, AHEAD items
 * later. */
static void draw_settled(struct draw *d, const struct young_item *y, double last)
{
    struct young_item *place = &d->due[d->n_due % AHEAD];
    double share = largest_share(d, y);

    last = last < last_of(d) ? last : last_of(d);
    if (is_late(y, share, last) || draw_time(y, share) > last)
        return;
    d->items->prefetch(d->items->scores, y->item);
    if (d->n_due >= AHEAD)
        settle_due(d, place);
    *place = *y;
    d->n_due++;
}

static void settle_rest(struct draw *d)
{
    for (size_t k = d->n_due > AHEAD ? d->n_due - AHEAD : 0; k < d->n_due; k++)
        settle_due(d, &d->due[k % AHEAD]);
}

PZ_KERNEL static float largest(const float *v, uint32_t n)
{
    float max = 0;

    for (uint32_t i = 0; i < n; i++)
        max = v[i] > max ? v[i] : max;
    return max;
}

/* From which u on an item is not surely too late, as is_late() has it, with a share of at most so
 * much and whatever was tried. */
static double least_u(double share, double last)
{
    double least = 1 - last * (0.1 + share) * (1 + 1e-5);

    return least > 0 ? least - 0x1p-50 : 0;
}

/* The largest share that one of a word's items has. */
static double share_in(const struct draw *d, uint32_t first, uint32_t n)
{
    const float *max = d->items->max;
    float most = 0;

    if (is_plain(d, first) && (d->shares || d->sure))
        most = d->items->rest;
    else if (d->shares)
        most = max ? max[first / WORD] : largest(d->blend + first, n);
    return most > 0 ? (double)(most / d->best) : 0;
}

/* Whether all of a word's items are known to be young: what tells of more at once is nearer. */
static bool all_young(const struct pz_explore_items *items, uint32_t first, int64_t from)
{
    return (items->oldest_of_many && items->oldest_of_many[first / WORD / WORD] >= from) ||
           (items->oldest && items->oldest[first / WORD] >= from);
}

/* The young items of a word that may be recommended. */
static uint64_t young_of(const struct pz_explore_items *items, uint32_t first, uint32_t n,
                         int64_t from)
{
    uint64_t allowed = items->allowed ? items->allowed[first / WORD] : UINT64_MAX;

    if (items->kept && *items->kept_from == from && first < items->learned)
        return items->kept[first / WORD] & allowed;
    if (all_young(items, first, from))
        return n == WORD ? allowed : allowed & (((uint64_t)1 << n) - 1);
    if (items->newest && items->newest[first / WORD] < from)
        return 0;
    return young(items->since + first, n, from) & allowed;
}

/* Have it known which items that training saw are young. */
static void keep_young(const struct pz_explore_items *items, int64_t from)
{
    struct pz_explore_items all = *items;

    if (!items->kept || *items->kept_from == from)
        return;
    all.allowed = NULL;
    all.kept = NULL;
    for (uint32_t first = 0; first < items->learned; first += WORD)
        items->kept[first / WORD] =
            young_of(&all, first, items->n - first < WORD ? items->n - first : WORD, from);
    *items->kept_from = from;
}

/* The list of them; NULL: nothing is kept, or memory is out. */
static const struct pz_young *list_young(const struct pz_explore_items *items)
{
    struct pz_young *to = items->list;
    size_t words = pz_bits_words(items->learned), n;

    if (!to || (to->known && to->from == *items->kept_from))
        return to;
    n = pz_bits_count(items->kept, items->learned);
    if (!pz_mem_grow(&to->item, &to->cap_item, n, sizeof *to->item) ||
        !pz_mem_grow(&to->tried, &to->cap_tried, n, sizeof *to->tried))
        return NULL;
    to->n = 0;
    for (size_t w = 0; (w = pz_bits_next_used(items->kept, w, words)) < words; w++)
        for (uint64_t bits = items->kept[w]; bits; bits &= bits - 1) {
            to->item[to->n] = (uint32_t)(w * WORD) + (uint32_t)__builtin_ctzll(bits);
            to->tried[to->n] = (float)tried_of(items, to->item[to->n]);
            to->n++;
        }
    to->known = true;
    to->from = *items->kept_from;
    return to;
}

/* Which of up to 64 items of a list are not surely too late, a bit each: those of which (1 - u)
 * times what was tried is at most so much. Of u 24 bits are looked at, so that it is a little too
 * large. */
PZ_KERNEL static uint64_t open_listed(uint64_t draw, const uint32_t *item, const float *tried,
                                      uint32_t n, float most)
{
    uint8_t flag[WORD] = { 0 };

    for (uint32_t k = 0; k < n; k++) {
        int32_t above = (int32_t)(pz_rng_mix(draw + item[k]) >> 40) + 1;

        flag[k] = (1 - (float)above * 0x1p-24f) * tried[k] <= most;
    }
    return pz_flags_to_bits(flag);
}

/* A word of items whose turn comes soon. */
struct soon {
    uint32_t first, n; /* its items */
    uint64_t bits;     /* those that may be in time */
    double share, u[WORD];
};

enum { SOON = 8 /* words are opened before their items have their turn, as counts are far away */ };

/* Whatever was tried, a word's young items of waits of at most so much with a share of at most the
 * word's, or of the best, 1, are not surely too late, as is_late() has it. */
static double latest_wait(double share, double last)
{
    return last * (0.1 + share) * (1 + 1e-5);
}

/* Where the draws of a word of items that training saw are kept for the second time, where all is
 * drawn twice; NULL: nowhere. */
static uint64_t *again(const struct draw *d, uint32_t first)
{
    return d->items->young ? &d->items->young[first / WORD] : NULL;
}

/* Open a word of items that training saw: draw them one by one. Of most, which are too late
 * whatever was tried, nothing is read. */
static void open_learned(const struct draw *d, struct soon *w, double last)
{
    const uint64_t *known = d->shares ? again(d, w->first) : NULL;
    double most;

    w->bits = known ? *known : young_of(d->items, w->first, w->n, young_since(d->cfg));
    w->share = w->bits ? share_in(d, w->first, w->n) : 0;
    most = latest_wait(w->share < 1 ? 1 : w->share, last);
    for (uint64_t bits = w->bits; bits; bits &= bits - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(bits);

        w->u[i] = number_of(pz_rng_mix(d->cfg->draw + w->first + i));
        if (1 - w->u[i] > most)
            w->bits ^= (uint64_t)1 << i;
        else
            prefetch_tried(d->items, w->first + i);
    }
}

/* Those of them that what was tried leaves in time. Those that are not too late with the share of
 * the best, 1, are kept for the second time. */
static uint64_t in_time(const struct draw *d, const struct soon *w, double last)
{
    double most = latest_wait(w->share, last), later = latest_wait(1, last);
    uint64_t in = 0, kept = 0, *to = again(d, w->first);

    for (uint64_t bits = w->bits; bits; bits &= bits - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(bits);
        double wait = (1 - w->u[i]) * tried_of(d->items, w->first + i);

        in |= (uint64_t)(wait <= most) << i;
        kept |= (uint64_t)(wait <= later) << i;
    }
    if (to)
        *to = kept;
    return in;
}

/* Open a word of items that came since. */
static void open_new(const struct draw *d, struct soon *w, double last)
{
    double from = least_u(share_in(d, w->first, w->n), last),
           max = largest_u(d->cfg->draw, w->first, from);

    w->bits = max < from
                  ? 0
                  : open_word(d->cfg->draw, w->first, max,
                              young_of(d->items, w->first, w->n, young_since(d->cfg)), from, w->u);
}

/* ---- words that are worth opening */

/* Which of 64 words of items that came since, from item `first` on, may have a largest u of so much
 * or more, a bit each: a little too many rather than one too few. */
PZ_KERNEL static uint64_t may_open(uint64_t draw, uint64_t first, double from)
{
    double bar = (1 - WORD * (1 - from) - 1e-11) * 0x1p53; /* as may_reach() has it */
    int64_t least = bar > 0 ? (int64_t)bar : 0;
    uint8_t flag[WORD];

    for (uint32_t k = 0; k < WORD; k++)
        flag[k] = (int64_t)(pz_rng_mix(~draw + (first / WORD + k) * DRAWS_OF_WORD) >> 11) >= least;
    return pz_flags_to_bits(flag);
}

static size_t first_new(const struct pz_explore_items *items)
{
    return pz_bits_words(items->learned);
}

/* Room for a set of words of items that came since, as many as there are of these at least; NULL:
 * there is none. */
static uint64_t *opened(const struct draw *d)
{
    return d->items->settle && d->items->young ? d->items->young + first_new(d->items) : NULL;
}

/* Add the words of a set that are not plain, whose items have shares of their own. */
static void add_others(const struct draw *d, size_t begin, size_t n, uint64_t *set)
{
    const uint64_t *plain = d->items->plain;

    for (size_t w = pz_bits_next_word(plain, begin, begin + n); w < begin + n;
         w = pz_bits_next_word(plain, w + 1, begin + n))
        pz_bits_add(set, w - begin);
}

/* Find the words of items that came since of which one may come before `last`. */
static void find_words(const struct draw *d, double last)
{
    const struct pz_explore_items *items = d->items;
    double from = least_u(items->rest > 0 ? (double)(items->rest / d->best) : 0, last);
    size_t begin = first_new(items), n = pz_bits_words(items->n) - begin;
    uint64_t *set = opened(d);

    if (!set || n == 0)
        return;
    pz_bits_fill(set, n, true);
    for (size_t w = 0; items->plain && from > 0 && w < pz_bits_words(n); w++)
        set[w] &= may_open(d->cfg->draw, (begin + w * WORD) * WORD, from);
    add_others(d, begin, n, set);
}

/* For the second time: what is in plain words is known, if it is not too much. */
static void find_again(struct draw *d, double last)
{
    size_t begin = first_new(d->items), n = pz_bits_words(d->items->n) - begin;
    uint64_t *set = opened(d);

    if (!set || n == 0 || d->n_sure > SURE) {
        d->n_sure = 0;
        find_words(d, last);
        return;
    }
    pz_bits_fill(set, n, false);
    add_others(d, begin, n, set);
}

/* The next word of items, from w on, to look at. */
static size_t next_to_open(const struct draw *d, size_t w)
{
    size_t begin = first_new(d->items), n = pz_bits_words(d->items->n);
    const uint64_t *set = opened(d);

    if (d->items->allowed)
        w = pz_bits_next_used(d->items->allowed, w, n);
    if (w < begin || !set)
        return w;
    for (w -= begin; w < n - begin; w = (w / WORD + 1) * WORD) {
        uint64_t bits = set[w / WORD] >> (w % WORD);

        if (bits)
            return begin + w + (size_t)__builtin_ctzll(bits);
    }
    return n;
}

/* ---- */

/* One that has its turn: what it was shown live counts. *at goes along with the items. */
static struct young_item turn_of(const struct pz_explore_items *items, uint32_t i, double u,
                                 size_t *at)
{
    double live;

    while (*at < items->n_live && items->live[*at].item < i)
        (*at)++;
    live = *at < items->n_live && items->live[*at].item == i ? items->live[*at].times : 0;
    return (struct young_item){ i, u, tried_of(items, i) + live };
}

/* What is done with each item that has its turn. */
typedef void draw_one(struct draw *d, const struct young_item *y, double last);

/* Have those of the sure ones drawn that stand before word w. */
static void feed(struct draw *d, draw_one *one, double last, size_t w)
{
    for (; d->n_fed < d->n_sure && d->sure[d->n_fed].item / WORD < w; d->n_fed++)
        one(d, &d->sure[d->n_fed], last);
}

static double earlier(double x, double y)
{
    return x < y ? x : y;
}

/* Have those of the list drawn that may be recommended. */
static void draw_listed(struct draw *d, draw_one *one, double last)
{
    const struct pz_young *from = d->young;
    size_t at = 0;

    for (size_t k = 0; k < from->n; k += WORD) {
        uint32_t n = from->n - k < WORD ? (uint32_t)(from->n - k) : WORD;
        double most = latest_wait(d->shares ? 1 : 0, earlier(last, last_of(d)));
        uint64_t bits = open_listed(d->cfg->draw, from->item + k, from->tried + k, n, (float)most);

        for (; bits; bits &= bits - 1) {
            uint32_t i = from->item[k + (size_t)__builtin_ctzll(bits)];
            struct young_item y;

            if (d->items->allowed && !pz_bits_has(d->items->allowed, i))
                continue;
            y = turn_of(d->items, i, number_of(pz_rng_mix(d->cfg->draw + i)), &at);
            one(d, &y, last);
        }
    }
}

/* The items of a word have their turn; *at as turn_of has it. */
static void draw_word(struct draw *d, const struct soon *w, draw_one *one, double last, size_t *at)
{
    uint64_t bits = w->bits;

    if (d->shares)
        feed(d, one, last, w->first / WORD);
    if (w->first < d->items->learned)
        bits = in_time(d, w, earlier(last, last_of(d)));
    for (; bits; bits &= bits - 1) {
        uint32_t k = (uint32_t)__builtin_ctzll(bits);
        struct young_item y = turn_of(d->items, w->first + k, w->u[k], at);

        one(d, &y, last);
    }
}

/* Have every young item that may be recommended drawn, but for those that are too late. */
static void draw_all(struct draw *d, draw_one *one, double last)
{
    const struct pz_explore_items *items = d->items;
    size_t at = 0, n = 0, begin = 0, words = pz_bits_words(items->n);
    struct soon soon[SOON];

    d->n = 0;
    for (size_t k = 0; k < PZ_EXPLORE_MAX; k++)
        d->list[k].time = INFINITY;
    if (d->young) {
        draw_listed(d, one, last);
        begin = first_new(items);
    }
    for (size_t w = next_to_open(d, begin); w < words; w = next_to_open(d, w + 1), n++) {
        struct soon *next = &soon[n % SOON];

        if (n >= SOON)
            draw_word(d, next, one, last, &at);
        next->first = (uint32_t)w * WORD;
        next->n = items->n - next->first < WORD ? items->n - next->first : WORD;
        if (next->first < items->learned)
            open_learned(d, next, earlier(last, last_of(d)));
        else
            open_new(d, next, earlier(last, last_of(d)));
    }
    for (size_t k = n > SOON ? n - SOON : 0; k < n; k++)
        draw_word(d, &soon[k % SOON], one, last, &at);
    if (d->shares)
        feed(d, one, last, words);
}

/* A time before which, of many items that came since training, more than enough come: their mean is
 * 10 each where nothing was tried and there is no share. Spares the first ones the list. */
static double guess_last(const struct draw *d)
{
    double n = d->items->n - d->items->learned, want = (double)d->want;

    return n > 8 * want ? 1.4 * want / n * 10 : INFINITY;
}

/* The first draw of rough blends; returns the time of the last that matters, at the latest. */
static double draw_first(struct draw *d)
{
    double guess = guess_last(d);

    find_words(d, guess);
    draw_all(d, draw_latest, guess);
    if (last_of(d) > guess) { /* it was too early */
        d->n_sure = 0;
        find_words(d, INFINITY);
        draw_all(d, draw_latest, INFINITY);
    }
    return last_of(d);
}

/* The candidates with the smallest times, in order; returns how many. */
static size_t draw(const struct pz_explore_cfg *cfg, const struct pz_explore_items *items,
                   const float *blend, float best, struct candidate *list)
{
    struct draw d = { .cfg = cfg,
                      .items = items,
                      .blend = blend,
                      .best = best,
                      .shares = !items->settle,
                      .want = PZ_EXPLORE_MAX,
                      .list = list };
    struct young_item sure[SURE];
    double last;

    if (!items->settle) {
        draw_all(&d, draw_exact, INFINITY);
        return d.n;
    }
    d.sure = sure;
    last = draw_first(&d);
    find_again(&d, last);
    d.shares = true;
    draw_all(&d, draw_settled, last);
    settle_rest(&d);
    return d.n;
}

/* One that may come before `last` with the share of the best. */
static void draw_ahead(struct draw *d, const struct young_item *y, double last)
{
    if (!is_late(y, 1, last))
        pz_bits_add(d->ahead, y->item);
}

void pz_explore_ahead(const struct pz_explore_cfg *cfg, const struct pz_explore_items *items,
                      size_t want, uint64_t *set)
{
    struct candidate list[PZ_EXPLORE_MAX];
    struct draw d = {
        .cfg = cfg, .items = items, .best = 1, .want = want, .list = list, .ahead = set
    };
    double last;

    if (cfg->weight <= 0)
        return;
    keep_young(items, young_since(cfg));
    d.young = list_young(items);
    last = draw_first(&d);
    find_words(&d, last);
    d.shares = true;
    draw_all(&d, draw_ahead, last);
}

size_t pz_explore(const struct pz_explore_cfg *cfg, const struct pz_explore_items *items,
                  float *blend, struct pz_explored *lifted)
{
    struct candidate list[PZ_EXPLORE_MAX];
    float top = pz_score_max_below(blend, items->n, items->allowed, items->max, items->plain);
    float best = top > 0 ? top : 1;
    size_t n;

    if (cfg->weight <= 0)
        return 0;
    keep_young(items, young_since(cfg));
    n = draw(cfg, items, blend, best, list);
    if (items->sparse)
        scale_some(blend, items->n, (float)(1 - cfg->weight), items->plain, items->allowed);
    else
        scale(blend, items->n, (float)(1 - cfg->weight), items->plain);
    for (size_t k = 0; k < n; k++) {
        float bonus = (float)cfg->weight * best / (float)(k + 1);

        if (!items->plain || !pz_bits_has(items->plain, list[k].item / WORD))
            blend[list[k].item] += bonus;
        if (lifted)
            lifted[k] = (struct pz_explored){ list[k].item, bonus };
    }
    return n;
}
