/* SPDX-License-Identifier: Apache-2.0 */
/* Validation cases: see validation.h. Users are drawn and shuffled by hashes of their numbers, so
 * that nothing depends on the order of work. Where order counts, the cases' histories are the
 * corpus itself: the events after a case's end are simply not looked at. Without order they are
 * what the training part keeps.
 *
 * No event that is a truth is in the training part. Metrics are the usual ones (nDCG: Jarvelin &
 * Kekalainen 2002) with gains by the weight of the event; their ranks count from 0. */
#include "train/validation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"
#include "data/shares.h"
#include "data/split.h"

enum {
    STEPS = 2,  /* single-event cases a user */
    SLICE = 10, /* the newest slice is one in so many events */
    MIX_NEAR = 10,
    MIX_DEEP = 100,
    /* Cases keep what was seen where fewer than FEW users have a new item as a truth, and more than
     * COME_BACK times as many have any. */
    FEW = 100,
    COME_BACK = 10
};

/* Where users' first events are this near to the oldest of all, as a share of the span, times tell
 * of order only. */
static const double TOGETHER = 0.005;

/* What a user of the slice counts beside another, and the share of all votes that they have at
 * most. Few of them would else decide alone on settings that have little to do with time. */
static const double LATE_VOTE = 4, LATE_MOST = 2.0 / 3;

/* The same where lists are tuned for what users do next: what everybody has now, and how fast that
 * goes by, is still learned on the slice. */
static const double LATE_NEXT = 0.05;

/* How much more they may count where lists are worth less to them. */
static const double FACTOR_MAX = 2;

const char *pz_tune_for_name(enum pz_tune_for what)
{
    return what == PZ_FOR_NEXT ? "next" : what == PZ_FOR_ANY ? "any" : "both";
}

/* ---- metric ---- */

enum pz_status pz_metric_parse(const char *text, struct pz_metric *out, struct pz_err *err)
{
    static const char *const names[] = { "mix", "ndcg@", "mrr@", "recall@", "precision@", "hit@" };
    long long k = 0;

    for (size_t i = 1; i < sizeof names / sizeof *names; i++) {
        size_t n = strlen(names[i]);

        if (strncmp(text, names[i], n) == 0 && pz_str_to_i64(text + n, strlen(text + n), &k) &&
            k > 0 && k <= 10000) {
            *out = (struct pz_metric){ (enum pz_metric_kind)i, (uint32_t)k };
            return PZ_OK;
        }
    }
    *out = (struct pz_metric){ PZ_METRIC_MIX, 0 };
    if (strcmp(text, names[0]) == 0)
        return PZ_OK;
    return pz_err_set(err, PZ_USAGE,
                      "metric \"%s\" is not one of mix, ndcg@K, mrr@K, recall@K, precision@K, "
                      "hit@K",
                      text);
}

static int down(const void *x, const void *y)
{
    float a = *(const float *)x, b = *(const float *)y;

    return a > b ? -1 : a < b;
}

/* The best possible gain: the heaviest truths first. */
static double ideal_gain(const float *gain, uint32_t n, uint32_t k)
{
    float sorted[128];
    double sum = 0;

    n = n > 128 ? 128 : n;
    memcpy(sorted, gain, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, down);
    for (uint32_t i = 0; i < n && i < k; i++)
        sum += (double)sorted[i] / log2(i + 2.0);
    return sum;
}

static double ndcg(const uint32_t *rank, const float *gain, uint32_t n, uint32_t k)
{
    double sum = 0;

    for (uint32_t i = 0; i < n; i++)
        sum += rank[i] < k ? (double)gain[i] / log2(rank[i] + 2.0) : 0;
    return sum / ideal_gain(gain, n, k);
}

uint32_t pz_metric_depth(const struct pz_metric *metric)
{
    return metric->kind == PZ_METRIC_MIX ? MIX_DEEP : metric->k;
}

double pz_metric_value(const struct pz_metric *metric, const uint32_t *rank, const float *gain,
                       uint32_t n)
{
    double all = 0, within = 0, best = 0;
    uint32_t hits = 0;

    if (metric->kind == PZ_METRIC_MIX)
        return 0.5 * ndcg(rank, gain, n, MIX_NEAR) + 0.5 * ndcg(rank, gain, n, MIX_DEEP);
    if (metric->kind == PZ_METRIC_NDCG)
        return ndcg(rank, gain, n, metric->k);
    for (uint32_t i = 0; i < n; i++) {
        all += (double)gain[i];
        if (rank[i] >= metric->k)
            continue;
        within += (double)gain[i];
        hits++;
        best = 1 / (rank[i] + 1.0) > best ? 1 / (rank[i] + 1.0) : best;
    }
    if (metric->kind == PZ_METRIC_MRR)
        return best;
    if (metric->kind == PZ_METRIC_RECALL)
        return within / all;
    if (metric->kind == PZ_METRIC_PRECISION)
        return (double)hits / metric->k;
    return hits > 0;
}

/* ---- cutting ---- */

void pz_valid_clear(struct pz_valid *v)
{
    for (size_t p = 0; v->vectors && p < PZ_MAX_PARTS; p++)
        free(v->vectors[p].x);
    for (size_t i = 0; i < v->n_owned; i++)
        pz_ranks_return(v->owned[i]);
    memset(v, 0, sizeof *v);
}

static void *own(struct pz_valid *v, void *p)
{
    if (p)
        v->owned[v->n_owned++] = p;
    return p;
}

static void *take(struct pz_valid *v, size_t n, size_t bytes)
{
    return own(v, pz_mem_array(n, bytes));
}

static bool has_truth(const struct pz_corpus *c, uint32_t user)
{
    return c->ptr[user + 1] - c->ptr[user] >= 3;
}

/* Whether the question is what comes after a history, not what is missing in it. */
static bool asks_next(const struct pz_corpus *c, const struct pz_valid *v)
{
    return c->ordered && v->tune_for != PZ_FOR_ANY;
}

/* How many events of a user who has a truth it is: what comes next is little, a random share is a
 * fifth. */
static uint64_t truth_size(const struct pz_corpus *c, const struct pz_valid *v, uint32_t user)
{
    uint64_t n = c->ptr[user + 1] - c->ptr[user];

    return asks_next(c, v) ? (n + 9) / 10 : (n + 4) / 5;
}

struct drawn {
    uint64_t key;
    uint32_t user;
    bool late; /* drawn for what the slice holds of them */
};

static int by_key(const void *x, const void *y)
{
    const struct drawn *a = x, *b = y;

    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return a->user < b->user ? -1 : a->user > b->user;
}

/* Where they are like sessions, those who will ask are like the newest, and others than those
 * learned from. */
bool pz_valid_newest(const struct pz_corpus *c, uint32_t max)
{
    struct {
        double sum, min, life;
        uint32_t n, n_truths;
    } of = { .min = INFINITY };

    pz_shares_turn(c, &of, sizeof of);
    for (uint32_t u = 0; u < c->n_users; u++) {
        double first, last;

        if (c->ptr[u] == c->ptr[u + 1])
            continue;
        first = (double)pz_corpus_time(c, c->ptr[u]);
        last = (double)pz_corpus_time(c, c->ptr[u + 1] - 1);
        of.min = first < of.min ? first : of.min;
        of.sum += first;
        of.life += last - first;
        of.n++;
        of.n_truths += has_truth(c, u);
    }
    pz_shares_pass(c, &of, sizeof of);
    return of.n_truths / 2 > max && of.sum - of.min * of.n > 10 * of.life;
}

/* A user's first event of the slice. */
static uint64_t slice_start(const struct pz_corpus *c, uint32_t user, int64_t cut)
{
    uint64_t p = c->ptr[user + 1];

    while (p > c->ptr[user] && c->time[p - 1] >= cut)
        p--;
    return p;
}

/* The mean time at which users come, as a share of the whole span. */
static double mean_arrival(const struct pz_corpus *c)
{
    int64_t oldest = c->newest;
    double sum = 0;
    uint32_t n = 0;

    for (uint32_t u = 0; u < c->n_users; u++)
        if (c->ptr[u] < c->ptr[u + 1]) {
            int64_t first = pz_corpus_time(c, c->ptr[u]);

            oldest = first < oldest ? first : oldest;
            sum += (double)first;
            n++;
        }
    return n && oldest < c->newest ? (sum / n - (double)oldest) / (double)(c->newest - oldest) : 0;
}

int64_t pz_valid_slice(const struct pz_corpus *c, uint32_t max)
{
    uint64_t n = c->ptr[c->n_users];
    uint32_t users = 0;
    int64_t cut;

    if (!c->ordered || n < SLICE || mean_arrival(c) < TOGETHER || pz_valid_newest(c, max))
        return INT64_MAX;
    cut = pz_split_cut(c->time, n, n / SLICE);
    for (uint32_t u = 0; u < c->n_users; u++)
        users += slice_start(c, u, cut) < c->ptr[u + 1];
    return users < PZ_SLICE_USERS ? INT64_MAX : cut;
}

/* Shuffle by hashes and keep at most `most`; returns how many. */
static uint32_t shuffle(struct drawn *d, uint32_t n, uint32_t max, uint64_t seed)
{
    for (uint32_t i = 0; i < n; i++)
        d[i].key = pz_rng_mix(pz_rng_mix(seed ^ 0x7475 ^ ((uint64_t)d[i].late << 32)) ^ d[i].user);
    qsort(d, n, sizeof *d, by_key);
    return n > max ? max : n;
}

/* Users for what comes next, shuffled: any, or of the newest where they come and go and are many.
 * d: room for all; returns how many. */
static uint32_t draw_next(const struct pz_corpus *c, uint32_t max, uint64_t seed, bool newest,
                          struct drawn *d)
{
    uint32_t n = 0;

    for (uint32_t u = 0; u < c->n_users; u++)
        if (has_truth(c, u))
            d[n++] = (struct drawn){ .user = u };
    for (uint32_t i = 0; newest && i < n; i++)
        d[i].key = (uint64_t)c->newest - (uint64_t)pz_corpus_time(c, c->ptr[d[i].user + 1] - 1);
    if (newest) {
        qsort(d, n, sizeof *d, by_key);
        n = n / 10 > max ? n / 10 : max; /* the last of them alone would speak of one day */
    }
    return shuffle(d, n, max, seed);
}

/* Users of the slice. */
static uint32_t draw_late(const struct pz_corpus *c, int64_t cut, uint32_t max, uint64_t seed,
                          struct drawn *d)
{
    uint32_t n = 0;

    for (uint32_t u = 0; u < c->n_users && cut < INT64_MAX; u++)
        if (slice_start(c, u, cut) < c->ptr[u + 1])
            d[n++] = (struct drawn){ .user = u, .late = true };
    return shuffle(d, n, max, seed);
}

/* All users of the cases in one random order. NULL when memory is out. */
static struct drawn *draw_users(const struct pz_corpus *c, uint32_t max, int64_t cut, uint64_t seed,
                                uint32_t *n, struct pz_valid *v)
{
    struct drawn *d = pz_mem_array(2 * (size_t)c->n_users, sizeof *d);

    if (!d)
        return NULL;
    v->newest = v->tune_for != PZ_FOR_ANY && pz_valid_newest(c, max);
    *n = draw_next(c, max, seed, v->newest, d);
    *n += draw_late(c, cut, max / 2, seed, d + *n);
    qsort(d, *n, sizeof *d, by_key);
    return d;
}

/* Mark the events with one of a user's n items, unless nothing would be left. Returns how many. */
static uint64_t take_item_out(const uint32_t *item, uint64_t n, uint32_t what, uint8_t *hold)
{
    uint64_t taken = 0, left = 0;

    for (uint64_t p = 0; p < n; p++)
        left += !hold[p] && item[p] != what;
    for (uint64_t p = 0; p < n && left > 0; p++)
        if (item[p] == what) {
            hold[p] = 1;
            taken++;
        }
    return taken;
}

/* Mark a user's truth in hold: the newest, or random ones where what is missing is asked. Where
 * what was seen is left out these go with all events of their items, which would give them away. */
static void mark_truth(const struct pz_corpus *c, const struct pz_valid *v, uint32_t user,
                       uint64_t seed, uint8_t *hold)
{
    const uint32_t *item = c->item + c->ptr[user];
    uint64_t n = c->ptr[user + 1] - c->ptr[user], k = truth_size(c, v, user);
    struct pz_rng rng;

    if (asks_next(c, v)) {
        memset(hold + n - k, 1, k);
        return;
    }
    pz_rng_init(&rng, seed ^ 0x6d61, user);
    while (k > 0) {
        uint32_t at = pz_rng_below(&rng, (uint32_t)n);
        uint64_t taken;

        if (hold[at])
            continue;
        taken = v->exclude_seen ? take_item_out(item, n, item[at], hold) : (hold[at] = 1);
        if (taken == 0)
            return;
        k -= taken < k ? taken : k;
    }
}

/* The training part: the corpus without what hold marks, which ranks have in common. */
static enum pz_status make_train(const struct pz_corpus *c, const uint8_t *hold, struct pz_valid *v,
                                 struct pz_err *err)
{
    uint64_t n = c->ptr[c->n_users];
    uint64_t *ptr = take(v, (size_t)c->n_users + 1, sizeof *ptr);
    uint32_t *item = own(v, pz_ranks_room(n, sizeof *item));
    int64_t *time = own(v, pz_ranks_room(n, sizeof *time));
    float *weight = own(v, pz_ranks_room(n, sizeof *weight));
    uint8_t *event = c->event ? own(v, pz_ranks_room(n, 1)) : NULL;
    struct pz_share mine;

    if (!ptr || !item || !time || !weight || (c->event && !event))
        return pz_err_memory(err, "the validation split", 17.0 * (double)n);
    for (uint32_t u = 0; u < c->n_users; u++) {
        ptr[u + 1] = ptr[u];
        for (uint64_t p = c->ptr[u]; p < c->ptr[u + 1]; p++)
            ptr[u + 1] += !hold[p];
    }
    mine = pz_ranks_filled(event ? (const void *)event : item, c->n_users);
    for (size_t u = mine.first; u < mine.end; u++)
        for (uint64_t p = c->ptr[u], to = ptr[u]; p < c->ptr[u + 1]; p++) {
            if (hold[p])
                continue;
            item[to] = c->item[p];
            time[to] = c->time[p];
            weight[to] = c->weight[p];
            if (event)
                event[to] = c->event[p];
            to++;
        }
    pz_ranks_meet(item);
    v->train = *c;
    for (uint64_t p = 0; p < ptr[c->n_users] && v->sliced; p++)
        v->train.newest = p == 0 || time[p] > v->train.newest ? time[p] : v->train.newest;
    v->train.newest = v->train.newest < c->newest ? v->train.newest : c->newest;
    v->train.ptr = ptr;
    v->train.item = item;
    v->train.time = time;
    v->train.weight = weight;
    v->train.event = event;
    v->train.context = NULL;
    return PZ_OK;
}

/* Whether the case's history holds an item. */
static bool met(const struct pz_valid *v, const struct pz_valid_case *k, uint32_t item)
{
    for (uint64_t p = k->from; p < k->end; p++)
        if (v->seq_item[p] == item)
            return true;
    return false;
}

/* Add one truth to the case, or its weight when it is there. */
static void add_truth(struct pz_valid *v, struct pz_valid_case *k, uint32_t item, float weight)
{
    if (v->exclude_seen && met(v, k, item))
        return;
    for (uint64_t t = k->truth; t < k->truth + k->n_truth; t++)
        if (v->truth[t] == item) {
            v->gain[t] = weight > v->gain[t] ? weight : v->gain[t];
            return;
        }
    v->truth[k->truth + k->n_truth] = item;
    v->gain[k->truth + k->n_truth++] = weight;
}

/* A case of the events [begin, end) of the corpus that hold marks; kept when it has a truth. */
static void add_case(const struct pz_corpus *c, const uint8_t *hold, uint32_t user, uint64_t begin,
                     uint64_t end, uint32_t *n_cases, struct pz_valid *v)
{
    struct pz_valid_case *k = &v->c[*n_cases], *last = *n_cases ? k - 1 : NULL;

    *k = (struct pz_valid_case){ .user = user, .truth = last ? last->truth + last->n_truth : 0 };
    k->from = v->seq_item == c->item ? c->ptr[user] : v->train.ptr[user];
    k->end = v->seq_item == c->item ? begin : v->train.ptr[user + 1];
    if (v->task == PZ_TASK_RELATED && k->end > k->from)
        k->from = k->end - 1;
    k->now = pz_corpus_time(c, begin);
    for (uint64_t p = begin; p < end; p++)
        if (hold[p])
            add_truth(v, k, c->item[p], c->weight[p]);
    *n_cases += k->n_truth > 0;
}

static void add_user(const struct pz_corpus *c, const uint8_t *hold, const struct drawn *d,
                     int64_t cut, uint32_t *n_cases, struct pz_valid *v)
{
    uint32_t user = d->user;
    uint64_t end = c->ptr[user + 1], k = truth_size(c, v, user), first = c->ptr[user];

    if (d->late) {
        add_case(c, hold, user, slice_start(c, user, cut), end, n_cases, v);
        return;
    }
    if (!asks_next(c, v)) {
        while (first + 1 < end && !hold[first])
            first++;
        add_case(c, hold, user, first, end, n_cases, v);
        return;
    }
    add_case(c, hold, user, end - k, end, n_cases, v);
    for (uint64_t i = 0; k > 1 && i < k && i < STEPS; i++)
        add_case(c, hold, user, end - 1 - i, end - i, n_cases, v);
}

/* A user's cases share one vote: half for what comes, half for what comes next. */
static void share_votes(struct pz_valid *v, uint32_t begin, uint32_t end)
{
    bool whole = v->c[begin].n_truth > 1;
    float n = (float)(end - begin);

    for (uint32_t k = begin; k < end; k++)
        v->c[k].share = n == 1 || !whole ? 1 / n : k == begin ? 0.5f : 0.5f / (n - 1);
}

/* Users of the slice have LATE_VOTE times the vote of the others, if that leaves those enough. */
static void balance_votes(struct pz_valid *v, const uint8_t *late)
{
    double n[2] = { 0 }, vote[2], most = v->tune_for == PZ_FOR_NEXT ? LATE_NEXT : LATE_MOST;

    for (uint32_t u = 0; u < v->n_users; u++)
        n[late[u]]++;
    vote[1] = n[0] > 0 ? fmin(LATE_VOTE * n[1] / (n[0] + LATE_VOTE * n[1]), most) : 1;
    vote[0] = 1 - vote[1];
    for (uint32_t u = 0; u < v->n_users; u++)
        for (uint32_t k = v->first[u]; k < v->first[u + 1]; k++)
            v->c[k].share *= (float)(vote[late[u]] * v->n_users / n[late[u]]);
}

/* Scale what cases count: of users of the slice, or of the others. */
static void scale_votes(const struct pz_valid *v, bool late, double factor, double *each)
{
    for (uint32_t u = 0; u < v->n_users; u++)
        if (v->late[u] == late) {
            each[u] *= factor;
            for (uint32_t k = v->first[u]; k < v->first[u + 1]; k++)
                v->c[k].share *= (float)factor;
        }
}

void pz_valid_even(const struct pz_valid *v, double *each)
{
    double sum[2] = { 0 }, votes[2] = { 0 };

    for (uint32_t u = 0; u < v->n_users; u++) {
        if (v->c[v->first[u]].from == v->c[v->first[u]].end)
            continue;
        sum[v->late[u]] += each[u];
        for (uint32_t k = v->first[u]; k < v->first[u + 1]; k++)
            votes[v->late[u]] += (double)v->c[k].share;
    }
    if (!(sum[0] > 0 && sum[1] > 0))
        return;
    scale_votes(v, true, fmin(fmax(sum[0] / votes[0] * votes[1] / sum[1], 1), FACTOR_MAX), each);
}

/* Room for the cases of n users. */
static bool take_cases(const struct pz_corpus *c, const struct drawn *d, uint32_t n, int64_t cut,
                       struct pz_valid *v)
{
    uint64_t held = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t user = d[i].user;

        held += d[i].late         ? c->ptr[user + 1] - slice_start(c, user, cut)
                : asks_next(c, v) ? truth_size(c, v, user) + STEPS
                                  : c->ptr[user + 1] - c->ptr[user];
    }
    v->first = take(v, (size_t)n + 1, sizeof *v->first);
    v->c = take(v, (size_t)n * (STEPS + 1) + 1, sizeof *v->c);
    v->truth = take(v, held, sizeof *v->truth);
    v->gain = take(v, held, sizeof *v->gain);
    return v->first && v->c && v->truth && v->gain;
}

static enum pz_status make_cases(const struct pz_corpus *c, const struct drawn *d, uint32_t n,
                                 int64_t cut, const uint8_t *hold, struct pz_valid *v,
                                 struct pz_err *err)
{
    uint8_t *late = take(v, n, 1);
    uint32_t n_cases = 0;

    v->seq_item = asks_next(c, v) ? c->item : v->train.item;
    v->seq_time = asks_next(c, v) ? c->time : v->train.time;
    v->seq_weight = asks_next(c, v) ? c->weight : v->train.weight;
    if (!late || !take_cases(c, d, n, cut, v))
        return pz_err_memory(err, "validation cases", 300.0 * n);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t before = n_cases;

        add_user(c, hold, &d[i], cut, &n_cases, v);
        if (n_cases == before)
            continue;
        share_votes(v, before, n_cases);
        late[v->n_users] = d[i].late;
        v->first[++v->n_users] = n_cases;
    }
    balance_votes(v, late);
    v->late = late;
    v->still = v->sliced ? take(v, v->n_users, 1) : NULL;
    return v->sliced && !v->still ? pz_err_memory(err, "validation cases", v->n_users) : PZ_OK;
}

uint64_t pz_valid_n_truths(const struct pz_valid *v)
{
    const struct pz_valid_case *last;

    if (v->n_users == 0)
        return 0;
    last = v->c + v->first[v->n_users] - 1;
    return last->truth + last->n_truth;
}

enum pz_status pz_valid_remember(struct pz_valid *v, struct pz_err *err)
{
    size_t n_items = v->train.n_items, max = PZ_VALID_MEMO / (n_items * sizeof *v->memo + 1);
    uint32_t n = v->first[v->n_users];

    v->n_memo = n < max ? n : (uint32_t)max;
    v->memo = take(v, v->n_memo * n_items, sizeof *v->memo);
    v->known = take(v, v->n_memo, 1);
    v->vectors = take(v, PZ_MAX_PARTS, sizeof *v->vectors);
    return v->memo && v->known && v->vectors ? PZ_OK
                                             : pz_err_memory(err, "validation", PZ_VALID_MEMO);
}

void pz_valid_forget(const struct pz_valid *v)
{
    if (v->known)
        memset(v->known, 0, v->n_memo);
}

/* Mark what leaves the training part: the truth of users drawn, and the slice. */
static void mark_all(const struct pz_corpus *c, const struct pz_valid *v, const struct drawn *d,
                     uint32_t n, int64_t cut, uint64_t seed, uint8_t *hold)
{
    for (uint32_t i = 0; i < n; i++)
        if (!d[i].late)
            mark_truth(c, v, d[i].user, seed, hold + c->ptr[d[i].user]);
    for (uint64_t p = 0; p < c->ptr[c->n_users] && cut < INT64_MAX; p++)
        hold[p] |= c->time[p] >= cut;
}

static enum pz_status cut_cases(const struct pz_corpus *c, enum pz_task task, bool exclude_seen,
                                uint32_t max, uint64_t seed, struct pz_valid *v, struct pz_err *err)
{
    int64_t cut = v->whole || v->tune_for == PZ_FOR_ANY ? INT64_MAX : pz_valid_slice(c, max);
    uint32_t n = 0;
    struct drawn *d = draw_users(c, max, cut, seed, &n, v);
    uint8_t *hold = pz_mem_array(c->ptr[c->n_users], 1);
    enum pz_status st = d && hold ? PZ_OK
                                  : pz_err_memory(err, "the validation split",
                                                  32.0 * c->n_users + (double)c->ptr[c->n_users]);

    v->task = task;
    v->exclude_seen = exclude_seen;
    v->sliced = cut < INT64_MAX;
    v->slice_s = v->sliced ? (double)c->newest - (double)cut : 0;
    if (st == PZ_OK) {
        mark_all(c, v, d, n, cut, seed, hold);
        st = make_train(c, hold, v, err);
    }
    if (st == PZ_OK)
        st = make_cases(c, d, n, cut, hold, v, err);
    free(d);
    free(hold);
    return st;
}

enum pz_status pz_valid_cut(const struct pz_corpus *c, enum pz_task task, bool exclude_seen,
                            uint32_t max, uint64_t seed, struct pz_valid *v, struct pz_err *err)
{
    struct pz_valid keep = { .metric = v->metric, .tune_for = v->tune_for, .whole = v->whole };
    enum pz_status st = cut_cases(c, task, exclude_seen, max, seed, v, err);

    if (st != PZ_OK || !exclude_seen || v->n_users >= FEW)
        return st;
    st = cut_cases(c, task, false, max, seed, &keep, err);
    if (st == PZ_OK && v->n_users < keep.n_users / COME_BACK) {
        struct pz_valid hide = *v;

        *v = keep;
        keep = hide;
    }
    pz_valid_clear(&keep);
    return st;
}
