/* SPDX-License-Identifier: Apache-2.0 */
/* Judging parts on validation cases: see validation.h. The blend is that of blend.c; the rank of a
 * held-out item is the number of items above it plus half of those level with it.
 *
 * Half, since an order among equals would be chance: a part that scores all items alike must not
 * look good. What the parts beside the judged one add up to is kept for as many cases as fit in
 * memory: in trial after trial it is the same. So are the vectors that parts make of histories,
 * which may take long (the encoder): they are kept as long as nothing that makes them changes.
 * Cases are scored in blocks, so that a part's vectors are read once for several of them; a block
 * is one thread's work, which writes the values of its cases only. They are added up in the order
 * of cases: the same at any number of threads and ranks. */
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

static size_t all_scratch(void)
{
    return (size_t)pz_par_threads() * PZ_SCORE_BLOCK;
}

/* That of the k-th case of this thread's block. */
static struct pz_valid_scratch *scratch_of(struct pz_valid_scratch *all, size_t k)
{
    return &all[(size_t)pz_par_id() * PZ_SCORE_BLOCK + k];
}

void pz_valid_scratch_free(struct pz_valid_scratch *scratch)
{
    for (size_t i = 0; scratch && i < all_scratch(); i++) {
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

/* Where vectors of the part are kept, or may be; NULL: nowhere. */
static struct pz_valid_vectors *vectors_of(const struct pz_valid *v, const struct pz_part *part)
{
    struct pz_valid_vectors *k = v->vectors;

    if (!k || part->version == 0 || !part->scorer->kept_floats)
        return NULL;
    while (k->scorer && k->scorer != part->scorer)
        k++;
    return k;
}

/* Make ready to keep what the part makes of the cases. Without memory nothing is kept. */
static void keep_vectors(const struct pz_valid *v, const struct pz_part *part)
{
    struct pz_valid_vectors *k = vectors_of(v, part);
    size_t n, n_cases = v->first[v->n_users];

    if (!k || (k->scorer && k->version == part->version))
        return;
    n = part->scorer->kept_floats(part->part);
    if (!k->x || k->n != n) {
        free(k->x);
        k->x = pz_mem_array(n_cases * n, sizeof *k->x);
    }
    *k = (struct pz_valid_vectors){ part->scorer, part->version, n, k->x };
    for (size_t c = 0; k->x && c < n_cases; c++)
        k->x[c * n] = NAN;
}

struct pz_valid_scratch *pz_valid_scratch_new(const struct pz_valid *v, const struct pz_part *part,
                                              size_t n_parts)
{
    struct pz_valid_scratch *scratch = pz_mem_array(all_scratch(), sizeof *scratch);
    size_t bytes = 0, given = max_given(v), n_items = v->train.n_items;
    bool ok = scratch != NULL;

    for (size_t p = 0; p < n_parts; p++) {
        size_t need = part[p].scorer->scratch_bytes(part[p].part);

        bytes = need > bytes ? need : bytes;
        keep_vectors(v, &part[p]);
    }
    for (size_t i = 0; i < all_scratch() && ok; i++) {
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

/* What the user had beside the history and cannot be recommended either. */
static uint64_t first_seen(const struct pz_valid *v, const struct pz_valid_case *c)
{
    return v->exclude_seen && v->seen ? v->seen->ptr[c->user] : 0;
}

static uint64_t end_seen(const struct pz_valid *v, const struct pz_valid_case *c)
{
    uint64_t first = first_seen(v, c), end = first;

    while (v->exclude_seen && v->seen && end < v->seen->ptr[c->user + 1] &&
           v->seen->time[end] <= c->now)
        end++;
    return end;
}

void pz_valid_ask(const struct pz_valid *v, const struct pz_valid_case *c,
                  struct pz_valid_scratch *scratch)
{
    uint64_t from = c->end - c->from > HIST_MAX ? c->end - HIST_MAX : c->from;

    pz_bits_fill(scratch->allowed, v->train.n_items, true);
    for (uint64_t p = c->from; v->exclude_seen && p < c->end; p++)
        pz_bits_remove(scratch->allowed, v->seq_item[p]);
    for (uint64_t p = first_seen(v, c); p < end_seen(v, c); p++)
        pz_bits_remove(scratch->allowed, v->seen->item[p]);
    scratch->at = (uint32_t)(c - v->c);
    scratch->q = (struct pz_query){ .task = v->task,
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
    for (uint64_t p = first_seen(v, c); p < end_seen(v, c); p++)
        total[v->seen->item[p]] = -INFINITY;
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
 * rounded down. The item itself is level with itself, which makes a half that rounding drops. Ranks
 * of depth and more are not told apart, and count as depth: what scores no more than one of them
 * has no better one. */
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

/* Whatever thread asks: a sum of whole numbers has no order. */
static void count_asked(const struct pz_valid *v, size_t n)
{
    if (!v->asked)
        return;
#pragma omp atomic
    *v->asked += n;
}

/* Scores of a part for n cases, case k's at to + k * row or, where to is NULL, in mine; top as
 * pz_blend_score has it. */
static void score_part(const struct pz_valid *v, const struct pz_part *part,
                       struct pz_valid_scratch *const *s, size_t n, float *to, size_t row,
                       float *top)
{
    struct pz_blend_ask ask[PZ_SCORE_BLOCK] = { 0 };
    const struct pz_valid_vectors *kept = vectors_of(v, part);
    bool keeps = kept && kept->x && kept->version == part->version;

    for (size_t k = 0; k < n; k++) {
        s[k]->q.vector = keeps ? kept->x + s[k]->at * kept->n : NULL;
        ask[k] = (struct pz_blend_ask){ &s[k]->q, s[k]->allowed, s[k]->scratch,
                                        to ? to + k * row : s[k]->mine };
    }
    pz_blend_score(part, ask, n, v->train.n_items, top);
    count_asked(v, n);
}

/* One part of the blend, for those of n cases in which it has a weight. */
static void add_part(const struct pz_valid *v, const struct pz_part *part,
                     struct pz_valid_scratch *const *scratch, size_t n)
{
    struct pz_valid_scratch *s[PZ_SCORE_BLOCK];
    float top[PZ_SCORE_BLOCK];
    size_t n_asked = 0;

    for (size_t k = 0; k < n; k++)
        if (pz_part_weight(part, &scratch[k]->q) > 0)
            s[n_asked++] = scratch[k];
    if (n_asked > 0)
        score_part(v, part, s, n_asked, NULL, 0, top);
    for (size_t k = 0; k < n_asked; k++)
        if (top[k] > 0)
            pz_blend_add(s[k]->total, s[k]->mine, v->train.n_items,
                         (float)pz_part_weight(part, &s[k]->q) / top[k]);
}

void pz_valid_sum(const struct pz_valid *v, const struct pz_part *part, size_t n_parts,
                  size_t except, struct pz_valid_scratch *const *scratch, size_t n)
{
    for (size_t k = 0; k < n; k++)
        memset(scratch[k]->total, 0, v->train.n_items * sizeof *scratch[k]->total);
    for (size_t p = 0; p < n_parts; p++)
        if (p != except)
            add_part(v, &part[p], scratch, n);
}

/* ---- cases in blocks ---- */

/* Cases of some users in their order, whose values are found block by block and then added up. */
struct round {
    const struct pz_valid *v;
    uint32_t from, to; /* users */
    uint32_t *todo;    /* [n] cases */
    size_t n, n_values;
    double *value; /* [n * n_values] */
};

static void clear_round(struct round *r)
{
    free(r->todo);
    free(r->value);
}

/* List the cases of users who are judged. Returns false when memory is out. */
static bool make_round(const struct pz_valid *v, uint32_t from, uint32_t to, size_t n_values,
                       struct round *r)
{
    uint32_t max = v->first[to] - v->first[from];

    *r = (struct round){ v, from, to, pz_mem_array(max, sizeof *r->todo), 0, n_values, NULL };
    for (uint32_t u = from; r->todo && u < to; u++)
        for (uint32_t k = v->first[u]; !(v->still && v->still[u]) && k < v->first[u + 1]; k++)
            r->todo[r->n++] = k;
    r->value = pz_mem_array(r->n * n_values, sizeof *r->value);
    return r->todo && r->value;
}

/* The values of users: row g of each is of the g-th value of their cases. */
static void end_round(const struct round *r, double *each)
{
    size_t at = 0;

    for (uint32_t u = r->from; u < r->to; u++) {
        if (r->v->still && r->v->still[u])
            continue;
        for (size_t g = 0; g < r->n_values; g++)
            each[g * r->v->n_users + u] = 0;
        for (uint32_t k = r->v->first[u]; k < r->v->first[u + 1]; k++, at++)
            for (size_t g = 0; g < r->n_values; g++)
                each[g * r->v->n_users + u] += (double)r->v->c[k].share *
                                               r->value[at * r->n_values + g];
    }
}

static size_t blocks_of(const struct round *r, size_t size)
{
    return (r->n + size - 1) / size;
}

/* The cases of a block, made ready; returns how many. */
static size_t ask_block(const struct round *r, size_t block, size_t size,
                        struct pz_valid_scratch *all, struct pz_valid_scratch **s)
{
    size_t first = block * size, n = r->n - first < size ? r->n - first : size;

    for (size_t k = 0; k < n; k++) {
        s[k] = scratch_of(all, k);
        pz_valid_ask(r->v, &r->v->c[r->todo[first + k]], s[k]);
    }
    return n;
}

/* ---- many weights of one part ---- */

/* What the threads of one judging share. */
struct job {
    const struct pz_part *part;
    size_t n_parts, judged;
    const double *weight;
    struct round round;
    struct pz_valid_scratch *scratch;
};

/* What is kept of a case: 0 nothing, ALL the sum of all parts but the judged one, else one more
 * than how many parts, from the first on, are summed up. */
enum { ALL = 255 };

/* How many of the first parts are in what is kept, when part j->judged is; and that sum, or 0. */
static size_t take_kept(const struct job *j, uint32_t at, struct pz_valid_scratch *s)
{
    const struct pz_valid *v = j->round.v;
    size_t bytes = v->train.n_items * sizeof *v->memo, has = at < v->n_memo ? v->known[at] : 0;

    if (has == 0 || (has != ALL && has > j->judged + 1)) {
        memset(s->total, 0, bytes);
        return 0;
    }
    memcpy(s->total, v->memo + (size_t)at * v->train.n_items, bytes);
    return has == ALL ? j->n_parts : has - 1;
}

/* The sum of the parts other than the judged one is the same in trial after trial, and when another
 * part joins, that of the parts before. */
static void add_others(const struct job *j, const uint32_t *todo, struct pz_valid_scratch **s,
                       size_t n)
{
    const struct pz_valid *v = j->round.v;
    uint8_t state = j->judged + 1 == j->n_parts ? (uint8_t)j->n_parts : ALL;
    size_t from[PZ_SCORE_BLOCK];

    for (size_t k = 0; k < n; k++)
        from[k] = take_kept(j, todo[k], s[k]);
    for (size_t p = 0; p < j->n_parts; p++) {
        struct pz_valid_scratch *left[PZ_SCORE_BLOCK];
        size_t n_left = 0;

        for (size_t k = 0; k < n; k++)
            if (p != j->judged && p >= from[k])
                left[n_left++] = s[k];
        add_part(v, &j->part[p], left, n_left);
    }
    for (size_t k = 0; k < n; k++)
        if (todo[k] < v->n_memo && v->known[todo[k]] != state) {
            memcpy(v->memo + (size_t)todo[k] * v->train.n_items, s[k]->total,
                   v->train.n_items * sizeof *v->memo);
            v->known[todo[k]] = state;
        }
}

/* The values of a case; top: the largest of the judged part's scores. */
static void judge_case(const struct job *j, size_t at, struct pz_valid_scratch *scratch, float top)
{
    const struct round *r = &j->round;
    const struct pz_valid_case *c = &r->v->c[r->todo[at]];
    struct pz_part mine = j->part[j->judged];
    uint32_t n = r->v->train.n_items;

    if (top > 0)
        /* Parts are added after each was divided by its own largest score, as in an answer
         * (rank/blend). */
        pz_blend_scale(scratch->mine, n, 1 / top);
    else
        memset(scratch->mine, 0, n * sizeof *scratch->mine);
    for (uint32_t i = 0; r->v->scale && i < n; i++)
        scratch->mine[i] *= r->v->scale[i];
    forbid_seen(r->v, c, scratch->total);
    for (size_t g = 0; g < r->n_values; g++) {
        mine.weight = j->weight[g];
        r->value[at * r->n_values + g] = judge_weight(r->v, c, scratch,
                                                      (float)pz_part_weight(&mine, &scratch->q));
    }
}

static void judge_block(const struct job *j, size_t block)
{
    struct pz_valid_scratch *s[PZ_SCORE_BLOCK];
    float top[PZ_SCORE_BLOCK];
    size_t first = block * PZ_SCORE_BLOCK;
    size_t n = ask_block(&j->round, block, PZ_SCORE_BLOCK, j->scratch, s);

    add_others(j, j->round.todo + first, s, n);
    score_part(j->round.v, &j->part[j->judged], s, n, NULL, 0, top);
    for (size_t k = 0; k < n; k++)
        judge_case(j, first + k, s[k], top[k]);
}

enum pz_status pz_valid_judge(const struct pz_valid *v, const struct pz_part *part, size_t n_parts,
                              size_t judged, const double *weight, size_t n_weights, uint32_t from,
                              uint32_t to, double *each, struct pz_err *err)
{
    struct job j = { .part = part, .n_parts = n_parts, .judged = judged, .weight = weight };
    struct pz_share mine = pz_ranks_mine(to - from, 1);
    bool ok = make_round(v, from + (uint32_t)mine.first, from + (uint32_t)mine.end, n_weights,
                         &j.round);

    j.scratch = pz_valid_scratch_new(v, part, n_parts);
    ok = ok && j.scratch;
    if (ok) {
#pragma omp parallel for schedule(dynamic, 1) num_threads(pz_par_threads())
        for (size_t b = 0; b < blocks_of(&j.round, PZ_SCORE_BLOCK); b++)
            judge_block(&j, b);
        end_round(&j.round, each);
        for (size_t g = 0; g < n_weights; g++)
            pz_ranks_gather(each + g * v->n_users + from, to - from, 1, sizeof *each);
    }
    pz_valid_scratch_free(j.scratch);
    clear_round(&j.round);
    return ok ? PZ_OK
              : pz_err_memory(err, "validation", 8.0 * v->train.n_items * (double)all_scratch());
}

/* ---- many weights of all parts ---- */

enum { MOVES_BYTES = 32000000 /* of a thread's block of cases */ };

/* What the threads share that judge a blend with one weight moved at a time. */
struct moves {
    const struct pz_part *part;
    size_t n_parts, n_moves;
    const struct pz_move *move;
    struct round round;
    size_t block; /* cases that are scored together */
    struct pz_valid_scratch *scratch;
    float **
        scores; /* [threads] of a block's cases the scores of all parts, [n_parts * n_items] each */
};

/* Score cases by every part, over its largest, and add them up by their weights. */
static void score_parts(const struct moves *m, struct pz_valid_scratch *const *s, size_t n,
                        float *scores)
{
    uint32_t n_items = m->round.v->train.n_items;
    size_t row = m->n_parts * n_items;
    float top[PZ_SCORE_BLOCK];

    for (size_t k = 0; k < n; k++)
        memset(s[k]->total, 0, n_items * sizeof *s[k]->total);
    for (size_t p = 0; p < m->n_parts; p++) {
        score_part(m->round.v, &m->part[p], s, n, scores + p * n_items, row, top);
        for (size_t k = 0; k < n; k++) {
            float *mine = scores + k * row + p * n_items;

            if (top[k] <= 0) {
                memset(mine, 0, n_items * sizeof *mine);
                continue;
            }
            pz_blend_scale(mine, n_items, 1 / top[k]);
            pz_blend_add(s[k]->total, mine, n_items, (float)pz_part_weight(&m->part[p], &s[k]->q));
        }
    }
}

/* scores: of all parts for this case. */
static void judge_moves_of_case(const struct moves *m, size_t at,
                                const struct pz_valid_scratch *scored, float *scores)
{
    const struct pz_valid *v = m->round.v;
    const struct pz_valid_case *c = &v->c[m->round.todo[at]];
    struct pz_valid_scratch scratch = *scored;
    double *value = m->round.value + at * m->round.n_values;

    forbid_seen(v, c, scratch.total);
    scratch.mine = scores;
    value[0] = judge_weight(v, c, &scratch, 0);
    for (size_t k = 0; k < m->n_moves; k++) {
        struct pz_part moved = m->part[m->move[k].part];
        double before = pz_part_weight(&moved, &scratch.q);

        moved.weight = m->move[k].weight;
        moved.cold_weight = m->move[k].cold_weight;
        scratch.mine = scores + m->move[k].part * v->train.n_items;
        value[k + 1] = judge_weight(v, c, &scratch,
                                    (float)(pz_part_weight(&moved, &scratch.q) - before));
    }
}

static void judge_moves_of_block(const struct moves *m, size_t block)
{
    struct pz_valid_scratch *s[PZ_SCORE_BLOCK];
    float *scores = m->scores[pz_par_id()];
    size_t n = ask_block(&m->round, block, m->block, m->scratch, s);

    score_parts(m, s, n, scores);
    for (size_t k = 0; k < n; k++)
        judge_moves_of_case(m, block * m->block + k, s[k],
                            scores + k * m->n_parts * m->round.v->train.n_items);
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
    struct moves m = { .part = part, .n_parts = n_parts, .n_moves = n_moves, .move = move };
    size_t bytes = n_parts * v->train.n_items * sizeof(float), fit = MOVES_BYTES / (bytes + 1);
    bool ok = make_round(v, 0, v->n_users, n_moves + 1, &m.round);

    m.block = fit < 1 ? 1 : fit < PZ_SCORE_BLOCK ? fit : PZ_SCORE_BLOCK;
    m.scratch = pz_valid_scratch_new(v, part, n_parts);
    m.scores = pz_mem_array((size_t)pz_par_threads(), sizeof *m.scores);
    ok = ok && m.scratch && m.scores;
    for (int i = 0; ok && i < pz_par_threads(); i++)
        ok = (m.scores[i] = pz_mem_array(m.block * bytes, 1)) != NULL;
    if (ok) {
#pragma omp parallel for schedule(dynamic, 1) num_threads(pz_par_threads())
        for (size_t b = 0; b < blocks_of(&m.round, m.block); b++)
            judge_moves_of_block(&m, b);
        end_round(&m.round, each);
    }
    free_scores(m.scores);
    pz_valid_scratch_free(m.scratch);
    clear_round(&m.round);
    return ok ? PZ_OK
              : pz_err_memory(err, "validation", (double)(m.block * bytes) * pz_par_threads());
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
