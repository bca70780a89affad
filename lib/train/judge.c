/* SPDX-License-Identifier: Apache-2.0 */
/* Judging parts on validation cases: see validation.h. The blend is that of blend.c; the rank of a
 * held-out item is the number of items above it plus half of those level with it.
 *
 * Half, since an order among equals would be chance: a part that scores all items alike must not
 * look good. What the parts beside the judged one add up to is kept for as many cases as fit in
 * memory: in trial after trial it is the same. A user is one thread's work, of one rank, which
 * writes that user's values only: the same at any number of both. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/par.h"
#include "base/ranks.h"
#include "base/simd.h"
#include "model/blend.h"
#include "train/validation.h"

enum { HIST_MAX = 500 };

/* ---- scratch ---- */

void pz_valid_scratch_free(struct pz_valid_scratch *scratch)
{
    for (int i = 0; scratch && i < pz_par_threads(); i++) {
        free(scratch[i].total);
        free(scratch[i].mine);
        free(scratch[i].allowed);
        free(scratch[i].scratch);
        free(scratch[i].given);
    }
    free(scratch);
}

/* The most attribute values that a user of the cases has. */
static size_t max_given(const struct pz_valid *v)
{
    const struct pz_attrs *attrs = v->train.user_attrs;
    size_t max = 0;

    for (uint32_t k = 0; attrs && k < v->first[v->n_users]; k++) {
        size_t n = 0;
        uint32_t u = v->c[k].user;

        for (uint32_t i = 0; i < attrs->n_attrs; i++)
            n += attrs->attr[i].num ? 1
                                    : (size_t)(attrs->attr[i].ptr[u + 1] - attrs->attr[i].ptr[u]);
        max = n > max ? n : max;
    }
    return max;
}

struct pz_valid_scratch *pz_valid_scratch_new(const struct pz_valid *v, const struct pz_part *part,
                                              size_t n_parts)
{
    int n = pz_par_threads();
    struct pz_valid_scratch *scratch = pz_mem_array((size_t)n, sizeof *scratch);
    size_t bytes = 0, given = max_given(v), n_items = v->train.n_items;
    bool ok = scratch != NULL;

    for (size_t p = 0; p < n_parts; p++) {
        size_t need = part[p].scorer->scratch_bytes(part[p].part);

        bytes = need > bytes ? need : bytes;
    }
    for (int i = 0; i < n && ok; i++) {
        scratch[i].total = pz_mem_array(n_items, sizeof *scratch[i].total);
        scratch[i].mine = pz_mem_array(n_items, sizeof *scratch[i].mine);
        scratch[i].allowed = pz_bits_new(n_items);
        scratch[i].scratch = pz_mem_array(bytes, 1);
        scratch[i].given = pz_mem_array(given, sizeof *scratch[i].given);
        ok = scratch[i].total && scratch[i].mine && scratch[i].allowed && scratch[i].scratch &&
             scratch[i].given;
    }
    if (ok)
        return scratch;
    pz_valid_scratch_free(scratch);
    return NULL;
}

/* ---- a case ---- */

static size_t give_user(const struct pz_valid *v, uint32_t user, struct pz_given *given)
{
    const struct pz_attrs *attrs = v->train.user_attrs;
    size_t n = 0;

    for (uint32_t i = 0; attrs && i < attrs->n_attrs; i++) {
        const struct pz_attr *a = &attrs->attr[i];
        uint64_t values = a->num ? (uint64_t)!isnan(a->num[user]) : a->ptr[user + 1] - a->ptr[user];

        for (uint64_t k = 0; k < values; k++)
            given[n++] = (struct pz_given){ a, a->num ? a->num[user] : 0,
                                            a->num ? 0 : a->code[a->ptr[user] + k] };
    }
    return n;
}

struct pz_query pz_valid_query(const struct pz_valid *v, const struct pz_valid_case *c,
                               struct pz_valid_scratch *scratch)
{
    uint64_t from = c->end - c->from > HIST_MAX ? c->end - HIST_MAX : c->from;

    pz_bits_fill(scratch->allowed, v->train.n_items, true);
    for (uint64_t p = c->from; v->exclude_seen && p < c->end; p++)
        pz_bits_remove(scratch->allowed, v->seq_item[p]);
    return (struct pz_query){ .task = v->task,
                              .n_hist = (size_t)(c->end - from),
                              .hist = v->seq_item + from,
                              .hist_time = v->seq_time + from,
                              .hist_weight = v->seq_weight + from,
                              .event_power = v->train.event_power,
                              .user = scratch->given,
                              .n_user = give_user(v, c->user, scratch->given),
                              .now = c->now };
}

/* Items of the history cannot be recommended. */
static void forbid_seen(const struct pz_valid *v, const struct pz_valid_case *c, float *total)
{
    for (uint64_t p = c->from; v->exclude_seen && p < c->end; p++)
        total[v->seq_item[p]] = -INFINITY;
}

/* How many of base[i] + w * mine[i] lie above s, and how many are s: twice the first plus the
 * second. */
PZ_KERNEL static uint32_t count_above(const float *base, const float *mine, float w, float s,
                                      uint32_t n)
{
    uint32_t above = 0, level = 0;

    for (uint32_t i = 0; i < n; i++) {
        float x = base[i] + w * mine[i];

        above += x > s;
        level += x == s;
    }
    return 2 * above + level;
}

/* Items of the same score share their places: the mean of the best and the worst that it could be,
 * rounded down. The item itself is level with itself, which makes a half that rounding drops. Ranks of
 * depth and more are not told apart, and count as depth: what scores no more than one of them has no
 * better one. */
static uint32_t rank_all(const struct pz_valid *v, const struct pz_valid_case *c,
                         const struct pz_valid_scratch *scratch, float w, uint32_t depth,
                         uint32_t *rank)
{
    uint32_t n = c->n_truth < PZ_VALID_TRUTHS ? c->n_truth : PZ_VALID_TRUTHS;
    float beyond = -INFINITY;

    for (uint32_t t = 0; t < n; t++) {
        uint32_t item = v->truth[c->truth + t];
        float s = scratch->total[item] + w * scratch->mine[item];

        rank[t] = depth;
        if (s <= beyond)
            continue;
        rank[t] = count_above(scratch->total, scratch->mine, w, s, v->train.n_items) / 2;
        beyond = rank[t] >= depth ? s : beyond;
    }
    return n;
}

static double judge_weight(const struct pz_valid *v, const struct pz_valid_case *c,
                           const struct pz_valid_scratch *scratch, float w)
{
    uint32_t rank[PZ_VALID_TRUTHS],
        n = rank_all(v, c, scratch, w, pz_metric_depth(&v->metric), rank);

    return pz_metric_value(&v->metric, rank, v->gain + c->truth, n);
}

uint32_t pz_valid_ranks(const struct pz_valid *v, const struct pz_valid_case *c,
                        const struct pz_valid_scratch *scratch, uint32_t *rank)
{
    forbid_seen(v, c, scratch->total);
    memset(scratch->mine, 0, v->train.n_items * sizeof *scratch->mine);
    return rank_all(v, c, scratch, 0, UINT32_MAX, rank);
}

/* What the threads of one judging share. */
struct job {
    const struct pz_valid *v;
    const struct pz_part *part;
    size_t n_parts, judged;
    const double *weight;
    size_t n_weights;
    double *each;
    struct pz_valid_scratch *scratch;
};

void pz_valid_sum(const struct pz_valid *v, const struct pz_part *part, size_t n_parts,
                  size_t except, const struct pz_query *q, struct pz_valid_scratch *scratch)
{
    uint32_t n = v->train.n_items;
    float top;

    memset(scratch->total, 0, n * sizeof *scratch->total);
    for (size_t p = 0; p < n_parts; p++)
        if (p != except && pz_part_weight(&part[p], q) > 0 &&
            pz_blend_score(&part[p], q, scratch->allowed, n, scratch->scratch, scratch->mine, &top))
            pz_blend_add(scratch->total, scratch->mine, n,
                         (float)pz_part_weight(&part[p], q) / top);
}

/* The sum of the parts other than the judged one is the same in trial after trial. */
static void add_others(const struct job *j, const struct pz_valid_case *c, const struct pz_query *q,
                       struct pz_valid_scratch *scratch)
{
    uint32_t n = j->v->train.n_items;
    size_t k = (size_t)(c - j->v->c);
    float *memo = k < j->v->n_memo ? j->v->memo + k * n : NULL;

    if (memo && j->v->known[k]) {
        memcpy(scratch->total, memo, n * sizeof *memo);
        return;
    }
    pz_valid_sum(j->v, j->part, j->n_parts, j->judged, q, scratch);
    if (memo) {
        memcpy(memo, scratch->total, n * sizeof *memo);
        j->v->known[k] = 1;
    }
}

static void judge_case(const struct job *j, const struct pz_valid_case *c, uint32_t user)
{
    struct pz_valid_scratch *scratch = &j->scratch[pz_par_id()];
    struct pz_query q = pz_valid_query(j->v, c, scratch);
    uint32_t n = j->v->train.n_items;
    struct pz_part mine = j->part[j->judged];
    float top;

    add_others(j, c, &q, scratch);
    if (pz_blend_score(&j->part[j->judged], &q, scratch->allowed, n, scratch->scratch,
                       scratch->mine, &top))
        /* Parts are added after each was divided by its own largest score, as in an answer
         * (rank/blend). */
        pz_blend_scale(scratch->mine, n, 1 / top);
    else
        memset(scratch->mine, 0, n * sizeof *scratch->mine);
    forbid_seen(j->v, c, scratch->total);
    for (size_t g = 0; g < j->n_weights; g++) {
        mine.weight = j->weight[g];
        j->each[g * j->v->n_users + user] +=
            (double)c->share * judge_weight(j->v, c, scratch, (float)pz_part_weight(&mine, &q));
    }
}

static void judge_user(const struct job *j, uint32_t user)
{
    uint32_t from = j->v->first[user], end = j->v->first[user + 1];

    if (j->v->still && j->v->still[user])
        return;
    for (size_t g = 0; g < j->n_weights; g++)
        j->each[g * j->v->n_users + user] = 0;
    for (uint32_t k = from; k < end; k++)
        judge_case(j, &j->v->c[k], user);
}

enum pz_status pz_valid_judge(const struct pz_valid *v, const struct pz_part *part, size_t n_parts,
                              size_t judged, const double *weight, size_t n_weights, uint32_t from,
                              uint32_t to, double *each, struct pz_err *err)
{
    struct job j = { v, part, n_parts, judged, weight, n_weights, each, NULL };
    struct pz_share mine = pz_ranks_mine(to - from, 1);

    j.scratch = pz_valid_scratch_new(v, part, n_parts);
    if (!j.scratch)
        return pz_err_memory(err, "validation", 8.0 * v->train.n_items * pz_par_threads());
#pragma omp parallel for schedule(dynamic, 16) num_threads(pz_par_threads())
    for (size_t u = from + mine.first; u < from + mine.end; u++)
        judge_user(&j, (uint32_t)u);
    for (size_t g = 0; g < n_weights; g++)
        pz_ranks_gather(each + g * v->n_users + from, to - from, 1, sizeof *each);
    pz_valid_scratch_free(j.scratch);
    return PZ_OK;
}

/* ---- many weights of all parts ---- */

/* What the threads share that judge a blend with one weight moved at a time. */
struct moves {
    const struct pz_valid *v;
    const struct pz_part *part;
    size_t n_parts, n_moves;
    const struct pz_move *move;
    double *each;
    struct pz_valid_scratch *scratch;
    float **scores; /* [threads] the scores of all parts, [n_parts * n_items] */
};

/* Score a case by every part, over its largest, and add them up by their weights. */
static void score_parts(const struct moves *m, const struct pz_query *q,
                        const struct pz_valid_scratch *scratch, float *scores)
{
    uint32_t n = m->v->train.n_items;
    float top;

    memset(scratch->total, 0, n * sizeof *scratch->total);
    for (size_t p = 0; p < m->n_parts; p++) {
        float *mine = scores + p * n;

        if (!pz_blend_score(&m->part[p], q, scratch->allowed, n, scratch->scratch, mine, &top)) {
            memset(mine, 0, n * sizeof *mine);
            continue;
        }
        pz_blend_scale(mine, n, 1 / top);
        pz_blend_add(scratch->total, mine, n, (float)pz_part_weight(&m->part[p], q));
    }
}

static void judge_moves_of_case(const struct moves *m, const struct pz_valid_case *c, uint32_t user)
{
    struct pz_valid_scratch scratch = m->scratch[pz_par_id()];
    float *scores = m->scores[pz_par_id()];
    struct pz_query q = pz_valid_query(m->v, c, &scratch);
    size_t row = m->v->n_users;

    score_parts(m, &q, &scratch, scores);
    forbid_seen(m->v, c, scratch.total);
    scratch.mine = scores;
    m->each[user] += (double)c->share * judge_weight(m->v, c, &scratch, 0);
    for (size_t k = 0; k < m->n_moves; k++) {
        struct pz_part moved = m->part[m->move[k].part];
        double before = pz_part_weight(&moved, &q);

        moved.weight = m->move[k].weight;
        scratch.mine = scores + m->move[k].part * m->v->train.n_items;
        m->each[(k + 1) * row + user] += (double)c->share *
                                         judge_weight(m->v, c, &scratch,
                                                      (float)(pz_part_weight(&moved, &q) - before));
    }
}

static void judge_moves_of_user(const struct moves *m, uint32_t user)
{
    for (size_t k = 0; k <= m->n_moves; k++)
        m->each[k * m->v->n_users + user] = 0;
    for (uint32_t k = m->v->first[user]; k < m->v->first[user + 1]; k++)
        judge_moves_of_case(m, &m->v->c[k], user);
}

static void free_scores(float **scores)
{
    for (int i = 0; scores && i < pz_par_threads(); i++)
        free(scores[i]);
    free(scores);
}

enum pz_status pz_valid_judge_moves(const struct pz_valid *v, const struct pz_part *part,
                                    size_t n_parts, const struct pz_move *move, size_t n_moves,
                                    double *each, struct pz_err *err)
{
    struct moves m = { v, part, n_parts, n_moves, move, each, NULL, NULL };
    size_t bytes = n_parts * v->train.n_items * sizeof(float);
    bool ok;

    m.scratch = pz_valid_scratch_new(v, part, n_parts);
    m.scores = pz_mem_array((size_t)pz_par_threads(), sizeof *m.scores);
    ok = m.scratch && m.scores;
    for (int i = 0; ok && i < pz_par_threads(); i++)
        ok = (m.scores[i] = pz_mem_array(bytes, 1)) != NULL;
    if (ok) {
#pragma omp parallel for schedule(dynamic, 16) num_threads(pz_par_threads())
        for (uint32_t u = 0; u < v->n_users; u++)
            judge_moves_of_user(&m, u);
    }
    free_scores(m.scores);
    pz_valid_scratch_free(m.scratch);
    return ok ? PZ_OK : pz_err_memory(err, "validation", (double)bytes * pz_par_threads());
}

enum pz_status pz_valid_judge_core(const struct pz_valid *v, uint64_t seed, double *each,
                                   struct pz_err *err)
{
    const struct pz_scorer *core = pz_scorers[0];
    struct pz_choice choice;
    struct pz_part part = { .scorer = core, .weight = 1 };
    struct pz_fit_cfg fit = { .value = choice.value, .seed = seed };
    enum pz_status st;

    pz_choice_init(&choice, core);
    st = core->fit(&v->train, &fit, &part.part, err);
    if (st == PZ_OK)
        st = pz_valid_judge(v, &part, 1, 0, &part.weight, 1, 0, v->n_users, each, err);
    if (part.part)
        core->free(part.part);
    return st;
}
