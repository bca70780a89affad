/* SPDX-License-Identifier: Apache-2.0 */
/* Tuning: see tune.h.
 *
 *   1. cut: up to MAX_CASES users give their newest tenth as truth; a corpus without it is made
 *   2. each scorer alone: defaults, then random points of its ranges (half of them near the best so far);
 *      read-out settings are searched on a fitted part without fitting again
 *   3. blend: every part's normalised scores of the CANDIDATES best items of any part and of the truth are
 *      kept for each case; weights by coordinate ascent on a grid
 * Everything depends on the seed and the data only; a time limit, where given, is the one exception. */
#include "model/tune.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/par.h"
#include "base/rng.h"

enum { MAX_CASES = 2000, TOP = 10, CANDIDATES = 100, HIST_MAX = 200, READ_OUTS = 6 };

struct cases {
    struct pz_corpus train; /* without the truth; arrays owned below */
    uint64_t *ptr;
    uint32_t *item;
    int64_t *time;
    float *weight;
    uint8_t *event;
    uint32_t n, *user;      /* [n] users with truth */
    uint64_t *truth_ptr;    /* [n + 1] */
    uint32_t *truth;
    bool exclude_seen;
};

static void cases_clear(struct cases *c)
{
    free(c->ptr);
    free(c->item);
    free(c->time);
    free(c->weight);
    free(c->event);
    free(c->user);
    free(c->truth_ptr);
    free(c->truth);
}

/* How many of a user's n events are truth. */
static uint64_t truth_size(uint64_t n)
{
    return n < 3 ? 0 : (n + 9) / 10;
}

/* Users are drawn by the hash of their number, so the draw does not depend on the order of work. */
static bool drawn(const struct pz_corpus *c, uint32_t user, uint64_t seed, double share)
{
    struct pz_rng rng;

    if (truth_size(c->ptr[user + 1] - c->ptr[user]) == 0)
        return false;
    pz_rng_init(&rng, seed ^ 0x7475, user);
    return pz_rng_unit(&rng) < share;
}

static double share_of_users(const struct pz_corpus *c)
{
    uint32_t able = 0;

    for (uint32_t u = 0; u < c->n_users; u++)
        able += truth_size(c->ptr[u + 1] - c->ptr[u]) > 0;
    return able > MAX_CASES ? (double)MAX_CASES / able : 1;
}

/* Mark the truth of one user in hold[0..n): the newest, or random ones where order means nothing. */
static void mark_truth(const struct pz_corpus *c, uint32_t user, uint64_t seed, uint8_t *hold)
{
    uint64_t n = c->ptr[user + 1] - c->ptr[user], k = truth_size(n);
    struct pz_rng rng;

    memset(hold, 0, n);
    if (c->ordered) {
        memset(hold + n - k, 1, k);
        return;
    }
    pz_rng_init(&rng, seed ^ 0x6d61, user);
    while (k > 0) {
        uint32_t at = pz_rng_below(&rng, (uint32_t)n);

        k -= !hold[at];
        hold[at] = 1;
    }
}

static bool take_memory(const struct pz_corpus *c, struct cases *v)
{
    uint64_t n = c->ptr[c->n_users];

    v->ptr = pz_mem_array((size_t)c->n_users + 1, sizeof *v->ptr);
    v->item = pz_mem_array(n, sizeof *v->item);
    v->time = pz_mem_array(n, sizeof *v->time);
    v->weight = pz_mem_array(n, sizeof *v->weight);
    v->event = c->event ? pz_mem_array(n, 1) : NULL;
    v->user = pz_mem_array(c->n_users, sizeof *v->user);
    v->truth_ptr = pz_mem_array((size_t)c->n_users + 1, sizeof *v->truth_ptr);
    v->truth = pz_mem_array(n, sizeof *v->truth);
    return v->ptr && v->item && v->time && v->weight && (!c->event || v->event) && v->user &&
           v->truth_ptr && v->truth;
}

static void cut_user(const struct pz_corpus *c, uint32_t u, const uint8_t *hold, struct cases *v)
{
    uint64_t to = v->ptr[u], truths = v->truth_ptr[v->n];

    for (uint64_t p = c->ptr[u]; p < c->ptr[u + 1]; p++) {
        if (hold && hold[p - c->ptr[u]]) {
            v->truth[truths++] = c->item[p];
            continue;
        }
        v->item[to] = c->item[p];
        v->time[to] = c->time[p];
        v->weight[to] = c->weight[p];
        if (v->event)
            v->event[to] = c->event[p];
        to++;
    }
    v->ptr[u + 1] = to;
    if (hold) {
        v->user[v->n++] = u;
        v->truth_ptr[v->n] = truths;
    }
}

static enum pz_status cut(const struct pz_corpus *c, uint64_t seed, struct cases *v,
                          struct pz_err *err)
{
    double share = share_of_users(c);
    uint64_t longest = 0;
    uint8_t *hold;

    for (uint32_t u = 0; u < c->n_users; u++)
        longest = c->ptr[u + 1] - c->ptr[u] > longest ? c->ptr[u + 1] - c->ptr[u] : longest;
    hold = malloc(longest + 1);
    if (!hold || !take_memory(c, v)) {
        free(hold);
        return pz_err_memory(err, "the validation split", 25.0 * (double)c->ptr[c->n_users]);
    }
    for (uint32_t u = 0; u < c->n_users; u++) {
        bool use = drawn(c, u, seed, share);

        if (use)
            mark_truth(c, u, seed, hold);
        cut_user(c, u, use ? hold : NULL, v);
    }
    free(hold);
    v->train = *c;
    v->train.ptr = v->ptr;
    v->train.item = v->item;
    v->train.time = v->time;
    v->train.weight = v->weight;
    v->train.event = v->event;
    v->train.context = NULL;
    return PZ_OK;
}

/* The query of one case over the cut corpus. */
static struct pz_query case_query(const struct cases *v, uint32_t k)
{
    uint64_t from = v->ptr[v->user[k]], to = v->ptr[v->user[k] + 1];

    if (to - from > HIST_MAX)
        from = to - HIST_MAX;
    return (struct pz_query){ .task = PZ_TASK_USER,
                              .n_hist = (size_t)(to - from),
                              .hist = v->item + from,
                              .hist_time = v->time + from,
                              .hist_weight = v->weight + from,
                              .now = to > from ? v->time[to - 1] : 0 };
}

/* Items of the history leave the race: their scores become -1. */
static void mask_seen(const struct cases *v, uint32_t k, float *score)
{
    if (!v->exclude_seen)
        return;
    for (uint64_t p = v->ptr[v->user[k]]; p < v->ptr[v->user[k] + 1]; p++)
        score[v->item[p]] = -1;
}

/* nDCG@TOP of one case from the ranks of its truths among n scores; ties count half against. */
static double ndcg(const struct cases *v, uint32_t k, const float *score, uint32_t n)
{
    double gain = 0, ideal = 0;
    uint64_t n_truth = v->truth_ptr[k + 1] - v->truth_ptr[k];

    for (uint64_t t = v->truth_ptr[k]; t < v->truth_ptr[k + 1]; t++) {
        float s = score[v->truth[t]];
        uint32_t above = 0, level = 0;

        if (s <= 0)
            continue;
        for (uint32_t i = 0; i < n; i++) {
            above += score[i] > s;
            level += score[i] == s;
        }
        above += level / 2;
        if (above < TOP)
            gain += 1 / log2(above + 2.0);
    }
    for (uint64_t r = 0; r < n_truth && r < TOP; r++)
        ideal += 1 / log2((double)r + 2);
    return ideal > 0 ? gain / ideal : 0;
}

/* Working memory of a thread: scores of all items and the part's scratch. */
struct lane {
    float *score;
    void *scratch;
};

static void lanes_free(struct lane *lane, int n)
{
    for (int i = 0; lane && i < n; i++) {
        free(lane[i].score);
        free(lane[i].scratch);
    }
    free(lane);
}

static struct lane *lanes_new(const struct pz_scorer *s, const void *part, uint32_t n_items, int n)
{
    struct lane *lane = pz_mem_array((size_t)n, sizeof *lane);
    bool good = lane != NULL;

    for (int i = 0; i < n && good; i++) {
        lane[i].score = pz_mem_array(n_items, sizeof *lane[i].score);
        lane[i].scratch = pz_mem_array(s->scratch_bytes(part), 1);
        good = lane[i].score && lane[i].scratch;
    }
    if (!good) {
        lanes_free(lane, n);
        lane = NULL;
    }
    return lane;
}

static double judge_case(const struct cases *v, const struct pz_scorer *s, const void *part,
                         uint32_t k, struct lane *lane)
{
    struct pz_query q = case_query(v, k);

    memset(lane->score, 0, v->train.n_items * sizeof *lane->score);
    if (!s->score(part, &q, lane->scratch, lane->score))
        return 0;
    mask_seen(v, k, lane->score);
    return ndcg(v, k, lane->score, v->train.n_items);
}

/* Mean nDCG of a fitted part over the cases; summed in case order. */
static enum pz_status judge(const struct cases *v, const struct pz_scorer *s, const void *part,
                            double *mean, struct pz_err *err)
{
    int n_lanes = pz_par_threads();
    struct lane *lane = lanes_new(s, part, v->train.n_items, n_lanes);
    double *each = pz_mem_array(v->n, sizeof *each), sum = 0;

    if (!lane || !each) {
        lanes_free(lane, n_lanes);
        free(each);
        return pz_err_memory(err, "tuning", 4.0 * v->train.n_items * n_lanes);
    }
#pragma omp parallel for schedule(dynamic, 16) num_threads(pz_par_threads())
    for (uint32_t k = 0; k < v->n; k++)
        each[k] = judge_case(v, s, part, k, &lane[pz_par_id()]);
    for (uint32_t k = 0; k < v->n; k++)
        sum += each[k];
    *mean = v->n ? sum / v->n : 0;
    lanes_free(lane, n_lanes);
    free(each);
    return PZ_OK;
}

static bool searched(const struct pz_setting *s)
{
    return s->low < s->high;
}

/* A point of a setting's range; near != NULL: within a third of the range around it. */
static double draw(const struct pz_setting *s, struct pz_rng *rng, const double *near)
{
    bool log_scale = s->log_scale && s->low > 0;
    double lo = log_scale ? log(s->low) : s->low, hi = log_scale ? log(s->high) : s->high;
    double x = lo + (hi - lo) * pz_rng_unit(rng);

    if (near && (!log_scale || *near > 0)) {
        double at = log_scale ? log(*near) : *near;

        x = at + (x - (lo + hi) / 2) / 3;
        x = x < lo ? lo : x > hi ? hi : x;
    }
    x = log_scale ? exp(x) : x;
    return s->whole ? floor(x + 0.5) : x;
}

static void note_trial(const struct pz_tune_cfg *cfg, const struct pz_scorer *s, const double *value,
                       double metric, double seconds)
{
    json_t *settings = json_object();

    for (size_t i = 0; i < s->n_settings; i++)
        if (searched(&s->settings[i]))
            json_object_set_new(settings, s->settings[i].name, json_real(value[i]));
    json_array_append_new(cfg->trials,
                          json_pack("{s:s, s:o, s:f, s:f}", "scorer", s->name, "settings", settings,
                                    "ndcg_at_10", metric, "cpu_seconds", seconds));
}

struct search {
    const struct cases *v;
    const struct pz_tune_cfg *cfg;
    struct pz_choice *choice;
    double best;
    struct pz_rng rng;
    double until_s; /* processor seconds; 0: no limit */
};

static bool out_of_time(const struct search *s)
{
    return pz_stop_asked() || (s->until_s > 0 && pz_cpu_seconds() >= s->until_s);
}

static void keep_best(struct search *s, const double *value, double metric, double began)
{
    note_trial(s->cfg, s->choice->scorer, value, metric, pz_cpu_seconds() - began);
    if (metric > s->best) {
        s->best = metric;
        memcpy(s->choice->value, value, s->choice->scorer->n_settings * sizeof *value);
    }
}

/* Read-out settings on a fitted part: random points, no fit. */
static enum pz_status search_read_out(struct search *s, void *part, double *value,
                                      struct pz_err *err)
{
    const struct pz_scorer *sc = s->choice->scorer;
    enum pz_status st = PZ_OK;
    bool any = false;

    for (size_t i = 0; i < sc->n_settings; i++)
        any |= sc->settings[i].read_out && searched(&sc->settings[i]) && !s->choice->fixed[i];
    for (int t = 0; t < READ_OUTS && any && sc->set && st == PZ_OK && !out_of_time(s); t++) {
        double began = pz_cpu_seconds(), metric = 0;

        for (size_t i = 0; i < sc->n_settings; i++)
            if (sc->settings[i].read_out && searched(&sc->settings[i]) && !s->choice->fixed[i]) {
                value[i] = draw(&sc->settings[i], &s->rng, t & 1 ? &s->choice->value[i] : NULL);
                sc->set(part, i, value[i]);
            }
        st = judge(s->v, sc, part, &metric, err);
        if (st == PZ_OK)
            keep_best(s, value, metric, began);
    }
    return st;
}

static enum pz_status try_point(struct search *s, double *value, struct pz_err *err)
{
    const struct pz_scorer *sc = s->choice->scorer;
    struct pz_fit_cfg fit = { .value = value, .seed = s->cfg->seed };
    double began = pz_cpu_seconds(), metric = 0;
    void *part = NULL;
    enum pz_status st = sc->fit(&s->v->train, &fit, &part, err);

    if (st == PZ_OK)
        st = judge(s->v, sc, part, &metric, err);
    if (st == PZ_OK) {
        keep_best(s, value, metric, began);
        st = search_read_out(s, part, value, err);
    }
    if (part)
        sc->free(part);
    return st;
}

static enum pz_status search_scorer(struct search *s, struct pz_err *err)
{
    const struct pz_scorer *sc = s->choice->scorer;
    double value[PZ_MAX_SETTINGS];
    enum pz_status st;
    bool any = false;

    s->best = -1;
    for (size_t i = 0; i < sc->n_settings; i++)
        any |= searched(&sc->settings[i]) && !sc->settings[i].read_out && !s->choice->fixed[i];
    memcpy(value, s->choice->value, sizeof value);
    st = try_point(s, value, err);
    for (uint32_t t = 1; t < s->cfg->n_trials && any && st == PZ_OK && !out_of_time(s); t++) {
        memcpy(value, s->choice->value, sizeof value);
        for (size_t i = 0; i < sc->n_settings; i++)
            if (searched(&sc->settings[i]) && !s->choice->fixed[i])
                value[i] = draw(&sc->settings[i], &s->rng, t & 1 ? NULL : &s->choice->value[i]);
        st = try_point(s, value, err);
        pz_log_step(s->cfg->log, 1);
    }
    return st;
}

/* ---- blend ---- */

/* Of one case: candidate items and every part's normalised score for them. */
struct pool {
    uint32_t n;
    uint8_t *truth; /* [n] */
    float *score;   /* [n_parts * n] */
};

struct top_item {
    float score;
    uint32_t item;
};

static int best_first(const void *x, const void *y)
{
    const struct top_item *a = x, *b = y;

    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return a->item < b->item ? -1 : a->item > b->item;
}

/* Mark the CANDIDATES best items; heap-free: keep a sorted buffer and cut it when it is full. */
static void mark_top(const float *score, uint32_t n, uint8_t *mark)
{
    struct top_item buf[CANDIDATES * 4];
    uint32_t have = 0;
    float floor_score = 0;

    for (uint32_t i = 0; i < n; i++) {
        if (score[i] <= floor_score)
            continue;
        buf[have++] = (struct top_item){ score[i], i };
        if (have == CANDIDATES * 4) {
            qsort(buf, have, sizeof *buf, best_first);
            have = CANDIDATES;
            floor_score = buf[CANDIDATES - 1].score;
        }
    }
    qsort(buf, have, sizeof *buf, best_first);
    for (uint32_t i = 0; i < have && i < CANDIDATES; i++)
        mark[buf[i].item] = 1;
}

static bool fill_pool(const struct cases *v, uint32_t k, const float *score, size_t n_parts,
                      uint8_t *mark, struct pool *pool)
{
    uint32_t n_items = v->train.n_items, n = 0;

    memset(mark, 0, n_items);
    for (size_t p = 0; p < n_parts; p++)
        mark_top(score + p * n_items, n_items, mark);
    for (uint64_t t = v->truth_ptr[k]; t < v->truth_ptr[k + 1]; t++)
        mark[v->truth[t]] |= 2;
    for (uint32_t i = 0; i < n_items; i++)
        pool->n += mark[i] != 0;
    pool->truth = pz_mem_array(pool->n, 1);
    pool->score = pz_mem_array(n_parts * pool->n, sizeof *pool->score);
    if (!pool->truth || !pool->score)
        return false;
    for (uint32_t i = 0; i < n_items; i++) {
        if (!mark[i])
            continue;
        pool->truth[n] = mark[i] >> 1;
        for (size_t p = 0; p < n_parts; p++)
            pool->score[p * pool->n + n] = score[p * n_items + i];
        n++;
    }
    return true;
}

struct blend {
    const struct cases *v;
    struct pz_choice *choice;
    void **part;
    size_t n_parts;
    struct pool *pool; /* [v->n] */
    double *each;      /* [v->n] */
};

static bool pool_case(const struct blend *b, uint32_t k, float *score, void *scratch, uint8_t *mark)
{
    uint32_t n_items = b->v->train.n_items;
    struct pz_query q = case_query(b->v, k);

    memset(score, 0, b->n_parts * n_items * sizeof *score);
    for (size_t p = 0; p < b->n_parts; p++) {
        float *mine = score + p * n_items, top = 0;

        if (!b->choice[p].scorer->score(b->part[p], &q, scratch, mine))
            continue;
        mask_seen(b->v, k, mine);
        for (uint32_t i = 0; i < n_items; i++)
            top = mine[i] > top ? mine[i] : top;
        for (uint32_t i = 0; i < n_items && top > 0; i++)
            mine[i] /= top;
    }
    return fill_pool(b->v, k, score, b->n_parts, mark, &b->pool[k]);
}

static enum pz_status pool_cases(struct blend *b, struct pz_err *err)
{
    size_t scratch_bytes = 0, n_items = b->v->train.n_items;
    int failed = 0;

    for (size_t p = 0; p < b->n_parts; p++) {
        size_t n = b->choice[p].scorer->scratch_bytes(b->part[p]);

        scratch_bytes = n > scratch_bytes ? n : scratch_bytes;
    }
#pragma omp parallel num_threads(pz_par_threads())
    {
        float *score = pz_mem_array(b->n_parts * n_items, sizeof *score);
        void *scratch = pz_mem_array(scratch_bytes, 1);
        uint8_t *mark = pz_mem_array(n_items, 1);

#pragma omp for schedule(dynamic, 16)
        for (uint32_t k = 0; k < b->v->n; k++)
            if (!score || !scratch || !mark || !pool_case(b, k, score, scratch, mark)) {
#pragma omp atomic write
                failed = 1;
            }
        free(score);
        free(scratch);
        free(mark);
    }
    return failed ? pz_err_memory(err, "the blend", 4.0 * (double)(b->n_parts * n_items)) : PZ_OK;
}

static double pool_ndcg(const struct pool *pool, size_t n_parts, const double *weight)
{
    double gain = 0, ideal = 0;
    uint32_t n_truth = 0;

    for (uint32_t t = 0; t < pool->n; t++) {
        double mine = 0;
        uint32_t above = 0, level = 0;

        if (!pool->truth[t])
            continue;
        n_truth++;
        for (size_t p = 0; p < n_parts; p++)
            mine += weight[p] * (double)pool->score[p * pool->n + t];
        if (mine <= 0)
            continue;
        for (uint32_t i = 0; i < pool->n; i++) {
            double s = 0;

            for (size_t p = 0; p < n_parts; p++)
                s += weight[p] * (double)pool->score[p * pool->n + i];
            above += s > mine;
            level += s == mine;
        }
        above += level / 2;
        gain += above < TOP ? 1 / log2(above + 2.0) : 0;
    }
    for (uint32_t r = 0; r < n_truth && r < TOP; r++)
        ideal += 1 / log2(r + 2.0);
    return ideal > 0 ? gain / ideal : 0;
}

static double judge_weights(const struct blend *b, const double *weight)
{
    double sum = 0;

#pragma omp parallel for schedule(dynamic, 32) num_threads(pz_par_threads())
    for (uint32_t k = 0; k < b->v->n; k++)
        b->each[k] = pool_ndcg(&b->pool[k], b->n_parts, weight);
    for (uint32_t k = 0; k < b->v->n; k++)
        sum += b->each[k];
    return b->v->n ? sum / b->v->n : 0;
}

/* Coordinate ascent from each part's own metric; a step must gain GAIN to be taken, so that parts that
 * add nothing stay at zero. */
static double climb(const struct blend *b, double *weight)
{
    static const double grid[] = { 0, 0.03, 0.06, 0.1, 0.15, 0.22, 0.32, 0.45, 0.65, 0.9, 1.3, 2 };
    const double least_gain = 1e-4;
    double best = judge_weights(b, weight);
    bool moved = true;

    for (int round = 0; round < 3 && moved; round++) {
        moved = false;
        for (size_t p = 0; p < b->n_parts; p++) {
            double kept = weight[p];

            for (size_t g = 0; g < sizeof grid / sizeof *grid && !b->choice[p].weight_fixed; g++) {
                double metric;

                weight[p] = grid[g];
                metric = judge_weights(b, weight);
                if (metric > best + least_gain) {
                    best = metric;
                    kept = grid[g];
                    moved = true;
                }
            }
            weight[p] = kept;
        }
    }
    return best;
}

/* The scale at which softmax over a case's candidates gives its truths the best likelihood. */
static double fit_scale(const struct blend *b, const double *weight)
{
    static const double scales[] = { 1, 2, 4, 6, 8, 12, 16, 24, 32 };
    double best = -INFINITY, chosen = 8;

    for (size_t s = 0; s < sizeof scales / sizeof *scales; s++) {
        double sum = 0;

        for (uint32_t k = 0; k < b->v->n; k++) {
            const struct pool *pool = &b->pool[k];
            double total = (double)(b->v->train.n_items - pool->n), hit = 0, n = 0;

            for (uint32_t i = 0; i < pool->n; i++) {
                double x = 0;

                for (size_t p = 0; p < b->n_parts; p++)
                    x += weight[p] * (double)pool->score[p * pool->n + i];
                total += exp(scales[s] * x);
                hit += pool->truth[i] ? scales[s] * x : 0;
                n += pool->truth[i];
            }
            sum += hit - n * log(total);
        }
        if (sum > best) {
            best = sum;
            chosen = scales[s];
        }
    }
    return chosen;
}

static enum pz_status fit_blend(const struct cases *v, const struct pz_tune_cfg *cfg,
                                struct pz_choice *choice, size_t n, double *softmax_scale,
                                struct pz_err *err)
{
    struct blend b = { .v = v, .choice = choice, .n_parts = n };
    double weight[PZ_MAX_PARTS], metric = 0;
    enum pz_status st = PZ_OK;

    b.part = pz_mem_array(n, sizeof *b.part);
    b.pool = pz_mem_array(v->n, sizeof *b.pool);
    b.each = pz_mem_array(v->n, sizeof *b.each);
    if (!b.part || !b.pool || !b.each)
        st = pz_err_memory(err, "the blend", 40.0 * v->n);
    for (size_t p = 0; p < n && st == PZ_OK; p++) {
        struct pz_fit_cfg fit = { .value = choice[p].value, .seed = cfg->seed, .log = cfg->log };

        weight[p] = choice[p].weight;
        st = choice[p].scorer->fit(&v->train, &fit, &b.part[p], err);
    }
    if (st == PZ_OK)
        st = pool_cases(&b, err);
    if (st == PZ_OK) {
        metric = climb(&b, weight);
        *softmax_scale = fit_scale(&b, weight);
        json_array_append_new(cfg->trials, json_pack("{s:s, s:f}", "scorer", "blend", "ndcg_at_10", metric));
    }
    for (size_t p = 0; p < n; p++) {
        if (st == PZ_OK)
            choice[p].weight = weight[p];
        if (b.part && b.part[p])
            choice[p].scorer->free(b.part[p]);
    }
    for (uint32_t k = 0; b.pool && k < v->n; k++) {
        free(b.pool[k].truth);
        free(b.pool[k].score);
    }
    free(b.part);
    free(b.pool);
    free(b.each);
    return st;
}

enum pz_status pz_tune(const struct pz_corpus *corpus, const struct pz_tune_cfg *cfg,
                       struct pz_choice *choice, size_t n_choices, double *softmax_scale,
                       struct pz_err *err)
{
    struct cases v = { .exclude_seen = cfg->exclude_seen };
    struct search s = { .v = &v, .cfg = cfg };
    double began = pz_cpu_seconds();
    enum pz_status st = cut(corpus, cfg->seed, &v, err);

    if (st == PZ_OK && v.n == 0)
        pz_log(cfg->log, PZ_LOG_WARN, "too few users with three events to tune; defaults are used");
    pz_log_begin(cfg->log, "tuning", "trials", (uint64_t)cfg->n_trials * n_choices);
    for (size_t p = 0; p < n_choices && st == PZ_OK && v.n > 0; p++) {
        s.choice = &choice[p];
        pz_rng_init(&s.rng, cfg->seed, p);
        s.until_s = cfg->time_s > 0 ? began + cfg->time_s * (double)(p + 1) / (double)(n_choices + 1)
                                    : 0;
        st = search_scorer(&s, err);
        pz_log(cfg->log, PZ_LOG_DEBUG, "%s alone: nDCG@10 %.4f", choice[p].scorer->name, s.best);
        if (!choice[p].weight_fixed)
            choice[p].weight = p == 0 ? 1 : 0;
    }
    if (st == PZ_OK && v.n > 0 && n_choices > 1)
        st = fit_blend(&v, cfg, choice, n_choices, softmax_scale, err);
    if (st == PZ_OK && pz_stop_asked())
        st = pz_err_set(err, PZ_INTERRUPTED, "stopped while tuning");
    pz_log_done(cfg->log);
    cases_clear(&v);
    return st;
}
