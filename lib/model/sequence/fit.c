/* SPDX-License-Identifier: Apache-2.0 */
/* Training of the sequence encoder.
 *
 * Items start where implicit ALS places them. A step: gather the vectors of the items it names (own
 * vector + sum of the features' vectors, scaled to length 1), encode, sampled softmax, the way
 * back, Adam on what was touched. The rate rises over the first twentieth of the run, or of its
 * time limit, stays, and falls linearly to zero over the last PZ_SEQ_TAIL: the last state is the
 * best one, and the one so far when the time limit or Ctrl-C ends the run.
 *
 * Invariants: 1. a step is dealt to SHARDS parts by its tokens, whatever the threads and ranks, and
 * their gradients are added in shard order; 2. rows of items and features are each summed by one
 * thread in token order;
 * 3. so the result depends on data, settings and seed only, unless time runs out. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/par.h"
#include "base/ranks.h"
#include "base/rng.h"
#include "base/signals.h"
#include "model/factors/factors.h"
#include "model/parts.h"
#include "model/sequence/trainer.h"

enum { SHARDS = PZ_SEQ_SHARDS, THETA_BLOCK = 4096, COLUMNS = 32 };

/* Of the rate of a fit, when a part goes on from where it is. 8 % more events, judged on those that
 * follow, the encoder alone, nDCG@25 without learning, after 1 and 4 CPU s at .1, after 1 and 4 at
 * .3, and of a full training: Deskdrop .0035, .0047, .0049, .0053, .0067, .0088; RetailRocket
 * .0432, .0446, .0459, .0461, .0512, .0506. */
static const double LEARN_ON_RATE = 0.3;

static const double WARM_MOST = 12500; /* pairs */

/* What a part that is finished reads beyond the usual, as a multiple of the share that is new: what
 * came last is known from these passes alone. LastFM without each user's last event, nDCG@10 and
 * HR@10 of the last but one: .0878, .155 at 0; .0895, .158 at 1; .0898, .160 at 2; .0901, .154 at
 * 4. */
static const double NEW_READ = 2;

static size_t aligned(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* The pieces of a shard's block, for its tokens. */
struct shard {
    struct pz_seq_tape tape;
    float *grad, *dcand, *work, *target;
    uint32_t *slot, *start;
};

static size_t shard_room(const struct pz_seq_trainer *t)
{
    return t->data.batch / SHARDS + 2 * t->data.window + 1;
}

static size_t shard_cut(const struct pz_seq_trainer *t, char *block, struct shard *s)
{
    size_t T = shard_room(t), d = t->net.d, M = t->data.max_cand, at = 0;
    size_t part[6] = { t->net.n_theta, M * d, PZ_SEQ_ROWS * M, T * d, T, T + 1 };
    char *p[6];

    for (size_t k = 0; k < 6; k++) {
        p[k] = block ? block + at : NULL;
        at += aligned(part[k] * sizeof(float));
    }
    if (block) {
        s->grad = (float *)p[0];
        s->dcand = (float *)p[1];
        s->work = (float *)p[2];
        s->target = (float *)p[3];
        s->slot = (uint32_t *)p[4];
        s->start = (uint32_t *)p[5];
        pz_seq_tape_cut(&t->net, T, false, block + at, &s->tape);
    }
    return at + aligned(pz_seq_tape_bytes(&t->net, T, false));
}

/* ---- memory ---- */

static bool weights_new(struct pz_seq_weights *w, size_t n)
{
    w->x = pz_mem_array(n, sizeof(float));
    w->m = pz_mem_array(n, sizeof(float));
    w->v = pz_mem_array(n, sizeof(float));
    return w->x && w->m && w->v;
}

static void weights_free(struct pz_seq_weights *w)
{
    free(w->x);
    free(w->m);
    free(w->v);
}

static bool buffers_new(struct pz_seq_trainer *t)
{
    size_t T = t->step.room, d = t->net.d, U = 2 * T + t->data.max_cand;
    bool ok = true;

    t->unit = pz_mem_array(U * d, sizeof(float));
    t->length = pz_mem_array(U, sizeof(float));
    t->grad_item = pz_mem_array(U * d, sizeof(float));
    t->packed = pz_mem_array(pz_seq_packed(&t->net), sizeof(float));
    t->cand = pz_mem_array(pz_gemm_packed(t->data.max_cand, d), sizeof(float));
    t->across = pz_mem_array(pz_gemm_packed(d, t->data.max_cand), sizeof(float));
    t->dx = pz_mem_array(T * d, sizeof(float));
    t->q = pz_mem_array(T * d, sizeof(float));
    t->dtarget = pz_mem_array(T, sizeof(float));
    t->use_ptr = pz_mem_array(U + 1, sizeof(uint32_t));
    t->use = pz_mem_array(2 * T, sizeof(uint32_t));
    t->grad_feature = pz_mem_array((size_t)t->f.n * d, sizeof(float));
    t->is_touched = pz_mem_array(t->f.n, 1);
    t->touched = pz_mem_array(t->f.n, sizeof(uint32_t));
    for (size_t s = 0; s < SHARDS; s++) {
        t->shard[s] = pz_mem_array(shard_cut(t, NULL, NULL), 1);
        ok = ok && t->shard[s];
    }
    return ok && t->unit && t->length && t->grad_item && t->packed && t->cand && t->across &&
           t->dx && t->q && t->dtarget && t->use_ptr && t->use && t->grad_feature && t->touched &&
           t->is_touched && weights_new(&t->own, (size_t)t->c->n_items * d) &&
           weights_new(&t->feature, (size_t)t->f.n * d) && weights_new(&t->theta, t->net.n_theta);
}

static void free_buffers(const struct pz_seq_trainer *t)
{
    void *p[] = { t->unit,         t->length,  t->grad_item,  t->dx,     t->q,
                  t->dtarget,      t->use_ptr, t->use,        t->packed, t->cand,
                  t->grad_feature, t->touched, t->is_touched, t->across };

    for (size_t k = 0; k < sizeof p / sizeof *p; k++)
        free(p[k]);
}

void pz_seq_trainer_free(struct pz_seq_trainer *t)
{
    if (!t)
        return;
    free_buffers(t);
    for (size_t s = 0; s < SHARDS; s++)
        free(t->shard[s]);
    weights_free(&t->own);
    weights_free(&t->feature);
    weights_free(&t->theta);
    for (size_t k = 0; k < 3; k++)
        weights_free(&t->kept[k]);
    pz_seq_step_clear(&t->step);
    pz_seq_data_clear(&t->data);
    pz_seq_features_clear(&t->f);
    free(t);
}

/* Random rows of about that length. */
static void start_rows(float *x, size_t n, size_t d, double length, uint64_t seed)
{
#pragma omp parallel for schedule(static) num_threads(pz_par_threads())
    for (size_t r = 0; r < n; r++) {
        struct pz_rng rng;

        pz_rng_init(&rng, seed, r);
        for (size_t k = 0; k < d; k++)
            x[r * d + k] = (float)(pz_rng_normal(&rng) * length / sqrt((double)d));
    }
}

/* Add the directions that implicit ALS gives the items, at that length. From random vectors alone
 * 43,000 items and 5 passes end at a validation value of .24, from these at .27. */
static enum pz_status place_items(struct pz_seq_trainer *t, float length, struct pz_err *err)
{
    double value[PZ_FACTORS_N];
    struct pz_fit_cfg cfg = { .value = value, .seed = t->seed };
    struct pz_factors_part *f;
    void *part = NULL;
    enum pz_status st;

    pz_scorer_defaults(&pz_factors, value);
    value[PZ_FACTORS_DIM] = (double)t->net.d;
    st = pz_factors.fit(t->c, &cfg, &part, err);
    f = part;
    for (uint32_t i = 0; st == PZ_OK && i < t->c->n_items; i++) {
        const float *v = f->item + (size_t)i * f->d;
        float square = pz_seq_dot(v, v, f->d);

        if (square > 0)
            pz_seq_axpy(length / sqrtf(square), v, f->d, t->own.x + (size_t)i * t->net.d);
    }
    if (part)
        pz_factors.free(part);
    return st;
}

/* Small own vectors and larger ones for features: what items share is learned first. Items without
 * an event keep a zero vector of their own: only their features speak. */
enum pz_status pz_seq_trainer_start(struct pz_seq_trainer *t, struct pz_err *err)
{
    size_t d = t->net.d;
    float length = t->f.n > 0 ? 0.3f : 1.0f;
    enum pz_status st;

    start_rows(t->own.x, t->c->n_items, d, 0.2 * (double)length, pz_rng_mix(t->seed + 201));
    start_rows(t->feature.x, t->f.n, d, 1.0, pz_rng_mix(t->seed + 202));
    pz_seq_theta_init(&t->net, pz_rng_mix(t->seed + 203), t->theta.x);
    st = place_items(t, length, err);
    for (uint32_t i = 0; i < t->c->n_items; i++)
        if (t->data.count[i] == 0)
            memset(t->own.x + (size_t)i * d, 0, d * sizeof(float));
    return st;
}

/* ---- one step ---- */

static struct pz_seq_rows features_of(const struct pz_seq_trainer *t, uint32_t item)
{
    uint64_t from = t->f.ptr[item];

    return (struct pz_seq_rows){ t->f.ptr[item + 1] - from, t->f.id + from, t->f.weight + from };
}

/* The unit vector of an item; returns 1 / length, 0 when nothing is known. */
static float item_vector(const struct pz_seq_trainer *t, uint32_t item, float *out)
{
    size_t d = t->net.d;
    struct pz_seq_rows features = features_of(t, item);
    double sum = 0;
    float r;

    memcpy(out, t->own.x + (size_t)item * d, d * sizeof *out);
    pz_seq_gather(t->feature.x, d, &features, out);
    for (size_t k = 0; k < d; k++)
        sum += (double)out[k] * (double)out[k];
    r = sum > 1e-12 ? (float)(1.0 / sqrt(sum)) : 0.0f;
    for (size_t k = 0; k < d; k++)
        out[k] *= r;
    return r;
}

static void deal(struct pz_seq_trainer *t)
{
    const struct pz_seq_step *b = &t->step;
    size_t s = 0;

    for (size_t k = 0; k < SHARDS; k++) {
        t->cut[k] = s;
        while (s < b->n_seq && b->start[s] < (uint64_t)b->T * (k + 1) / SHARDS)
            s++;
    }
    t->cut[SHARDS] = b->n_seq;
}

static void encode_shard(struct pz_seq_trainer *t, size_t k)
{
    const struct pz_seq_step *b = &t->step;
    size_t d = t->net.d, from = b->start[t->cut[k]], T = b->start[t->cut[k + 1]] - from;
    struct shard s;
    struct pz_seq_pack pack;
    float root = sqrtf((float)d);

    shard_cut(t, t->shard[k], &s);
    pack = (struct pz_seq_pack){ t->cut[k + 1] - t->cut[k],
                                 s.start,
                                 b->w_in + from,
                                 (float)t->cfg->value[PZ_SEQ_DROPOUT],
                                 pz_rng_mix(t->seed + 301) + b->number,
                                 from };
    for (size_t q = 0; q <= pack.n_seq; q++)
        s.start[q] = b->start[t->cut[k] + q] - (uint32_t)from;
    for (size_t i = 0; i < T; i++) {
        uint32_t y = b->target[from + i];

        memset(s.tape.x + i * d, 0, d * sizeof(float));
        pz_seq_axpy(root, t->unit + (size_t)b->in[from + i] * d, d, s.tape.x + i * d);
        memcpy(s.target + i * d, t->unit + (size_t)y * d, d * sizeof(float));
        s.slot[i] = y < b->n_cand ? y : UINT32_MAX;
    }
    pz_seq_forward(&t->net, &pack, &s.tape);
    memcpy(t->q + from * d, s.tape.q, T * d * sizeof(float));
    t->loss[k] = pz_seq_loss(&(struct pz_seq_loss){ .T = T,
                                                    .M = b->n_cand,
                                                    .d = d,
                                                    .scale = t->scale,
                                                    .q = s.tape.q,
                                                    .target = s.target,
                                                    .slot = s.slot,
                                                    .weight = b->w_out + from,
                                                    .cand = t->cand,
                                                    .across = t->across,
                                                    .log_pi = b->log_pi,
                                                    .work = s.work,
                                                    .dq = t->dx + from * d,
                                                    .dtarget = t->dtarget + from,
                                                    .dcand = s.dcand });
    pz_seq_backward(&t->net, &pack, &s.tape, t->dx + from * d, s.grad);
    for (size_t i = 0; i < T * d; i++)
        t->dx[from * d + i] *= root;
}

/* What the rest of a step reads of shard k. */
enum { PIECES = 6 };
static void shard_pieces(struct pz_seq_trainer *t, size_t k, struct pz_inbox *piece)
{
    const struct pz_seq_step *b = &t->step;
    size_t d = t->net.d, from = b->start[t->cut[k]], T = b->start[t->cut[k + 1]] - from;
    struct shard s;

    shard_cut(t, t->shard[k], &s);
    piece[0] = (struct pz_inbox){ &t->loss[k], sizeof t->loss[k] };
    piece[1] = (struct pz_inbox){ s.grad, t->net.n_theta * sizeof(float) };
    piece[2] = (struct pz_inbox){ s.dcand, (size_t)b->n_cand * d * sizeof(float) };
    piece[3] = (struct pz_inbox){ t->dx + from * d, T * d * sizeof(float) };
    piece[4] = (struct pz_inbox){ t->q + from * d, T * d * sizeof(float) };
    piece[5] = (struct pz_inbox){ t->dtarget + from, T * sizeof(float) };
}

/* Copy the pieces of the shards of rank r behind one another (to), or from there; to NULL: only
 * measure. Returns their bytes. */
static size_t copy_shards(struct pz_seq_trainer *t, int r, char *to, const char *from)
{
    struct pz_share its = pz_ranks_share(SHARDS, 1, r);
    struct pz_inbox piece[PIECES];
    size_t at = 0;

    for (size_t k = its.first; k < its.end; k++) {
        shard_pieces(t, k, piece);
        for (int i = 0; i < PIECES; i++) {
            if (to)
                memcpy(to + at, piece[i].data, piece[i].bytes);
            else if (from)
                memcpy(piece[i].data, from + at, piece[i].bytes);
            at += piece[i].bytes;
        }
    }
    return at;
}

/* Each rank has encoded its shards: all get what came of all of them. */
static enum pz_status share_shards(struct pz_seq_trainer *t, struct pz_err *err)
{
    size_t ranks = (size_t)pz_ranks_n(), bytes = copy_shards(t, pz_ranks_id(), NULL, NULL);
    size_t *from = pz_mem_array(ranks + 1, sizeof *from);
    char *mine = pz_mem_array(bytes + 1, 1);
    void *all = NULL;
    enum pz_status st = from && mine ? PZ_OK
                                     : pz_err_memory(err, "gradients of ranks", (double)bytes);

    if (st == PZ_OK) {
        copy_shards(t, pz_ranks_id(), mine, NULL);
        st = pz_ranks_collect(mine, bytes, &all, from, err);
    }
    for (int r = 0; r < pz_ranks_n() && st == PZ_OK; r++)
        if (r != pz_ranks_id())
            copy_shards(t, r, NULL, (const char *)all + from[r]);
    free(all);
    free(mine);
    free(from);
    return st;
}

/* By place: the tokens that read it. */
static void sort_uses(struct pz_seq_trainer *t)
{
    const struct pz_seq_step *b = &t->step;
    uint32_t *ptr = t->use_ptr;

    memset(ptr, 0, ((size_t)b->n_items + 1) * sizeof *ptr);
    for (uint32_t i = 0; i < b->T; i++) {
        ptr[b->in[i] + 1]++;
        ptr[b->target[i] + 1]++;
    }
    for (uint32_t u = 0; u < b->n_items; u++)
        ptr[u + 1] += ptr[u];
    for (uint32_t i = 0; i < b->T; i++) {
        t->use[ptr[b->in[i]]++] = 2 * i;
        t->use[ptr[b->target[i]]++] = 2 * i + 1;
    }
    for (uint32_t u = b->n_items; u > 0; u--)
        ptr[u] = ptr[u - 1];
    ptr[0] = 0;
}

static struct pz_seq_adam adam_now(const struct pz_seq_trainer *t)
{
    double n = (double)t->step.number;

    return (struct pz_seq_adam){ (float)t->rate, (float)(t->rate * t->cfg->value[PZ_SEQ_DECAY]),
                                 (float)(1 / (1 - pow(0.9, n))), (float)(1 / (1 - pow(0.98, n))) };
}

/* Gradient of the sum behind one unit vector, and the step of the item's own part of it. */
static void update_item(struct pz_seq_trainer *t, uint32_t u)
{
    const struct pz_seq_step *b = &t->step;
    size_t d = t->net.d, row = (size_t)b->item[u] * d;
    float *g = t->grad_item + (size_t)u * d, *e = t->unit + (size_t)u * d, along = 0;
    const float *of[SHARDS];

    memset(g, 0, d * sizeof *g);
    for (size_t k = 0; k < SHARDS && u < b->n_cand; k++) {
        struct shard s;

        shard_cut(t, t->shard[k], &s);
        of[k] = s.dcand + (size_t)u * d;
    }
    if (u < b->n_cand)
        pz_seq_sum(of, SHARDS, d, g);
    for (uint32_t k = t->use_ptr[u]; k < t->use_ptr[u + 1]; k++) {
        size_t i = t->use[k] >> 1;

        if (t->use[k] & 1)
            pz_seq_axpy(t->dtarget[i], t->q + i * d, d, g);
        else
            pz_seq_axpy(1, t->dx + i * d, d, g);
    }
    for (size_t k = 0; k < d; k++)
        along += g[k] * e[k];
    for (size_t k = 0; k < d; k++)
        g[k] = t->length[u] * (g[k] - along * e[k]);
    pz_seq_adam(&t->adam, g, d, t->own.x + row, t->own.m + row, t->own.v + row);
}

/* List the features of the step's items; returns how many. */
static uint32_t list_features(struct pz_seq_trainer *t)
{
    const struct pz_seq_step *b = &t->step;
    uint32_t n = 0;

    for (uint32_t u = 0; u < b->n_items && t->f.n > 0; u++)
        for (uint64_t k = t->f.ptr[b->item[u]]; k < t->f.ptr[b->item[u] + 1]; k++) {
            uint32_t f = t->f.id[k];

            if (!t->is_touched[f])
                t->touched[n++] = f;
            t->is_touched[f] = 1;
        }
    for (uint32_t k = 0; k < n; k++)
        t->is_touched[t->touched[k]] = 0;
    return n;
}

/* Gradients of features, in some columns: the items' times their weights, item by item. */
static void add_to_features(struct pz_seq_trainer *t, size_t column)
{
    const struct pz_seq_step *b = &t->step;
    size_t d = t->net.d, width = d - column < COLUMNS ? d - column : COLUMNS;

    for (uint32_t u = 0; u < b->n_items; u++) {
        struct pz_seq_rows features = features_of(t, b->item[u]);

        pz_seq_scatter(t->grad_item + (size_t)u * d + column, width, d, &features,
                       t->grad_feature + column);
    }
}

static void update_feature(struct pz_seq_trainer *t, uint32_t f)
{
    size_t d = t->net.d, row = f * d;

    pz_seq_adam(&t->adam, t->grad_feature + row, d, t->feature.x + row, t->feature.m + row,
                t->feature.v + row);
    memset(t->grad_feature + row, 0, d * sizeof *t->grad_feature);
}

static void update_theta(struct pz_seq_trainer *t, size_t block)
{
    size_t from = block * THETA_BLOCK, n = t->net.n_theta - from;
    float g[THETA_BLOCK];
    const float *of[SHARDS];

    n = n < THETA_BLOCK ? n : THETA_BLOCK;
    for (size_t k = 0; k < SHARDS; k++) {
        struct shard s;

        shard_cut(t, t->shard[k], &s);
        of[k] = s.grad + from;
    }
    pz_seq_sum(of, SHARDS, n, g);
    pz_seq_adam(&t->adam, g, n, t->theta.x + from, t->theta.m + from, t->theta.v + from);
}

/* What the products of all shards read, packed once. */
static void pack_matrices(struct pz_seq_trainer *t)
{
    size_t jobs = pz_seq_pack_jobs(&t->net), M = t->step.n_cand, d = t->net.d;

#pragma omp parallel for schedule(dynamic, 1) num_threads(pz_par_threads())
    for (size_t k = 0; k < jobs + 2; k++)
        if (k < jobs)
            pz_seq_pack(&t->net, k, t->packed);
        else if (k == jobs)
            pz_gemm_pack(M, d, t->unit, false, t->cand);
        else
            pz_gemm_pack(d, M, t->unit, true, t->across);
}

static enum pz_status take_step(struct pz_seq_trainer *t, struct pz_err *err)
{
    struct pz_share mine = pz_ranks_mine(SHARDS, 1);
    uint32_t n_items = t->step.n_items, n_touched;
    enum pz_status st = PZ_OK;
    size_t n_blocks = (t->net.n_theta + THETA_BLOCK - 1) / THETA_BLOCK;

#pragma omp parallel for schedule(dynamic, 64) num_threads(pz_par_threads())
    for (uint32_t u = 0; u < n_items; u++)
        t->length[u] = item_vector(t, t->step.item[u], t->unit + (size_t)u * t->net.d);
    deal(t);
    pack_matrices(t);
#pragma omp parallel for schedule(dynamic, 1) num_threads(pz_par_threads())
    for (size_t k = mine.first; k < mine.end; k++)
        encode_shard(t, k);
    if (pz_ranks_n() > 1)
        st = share_shards(t, err);
    if (st != PZ_OK)
        return st;
    sort_uses(t);
    t->adam = adam_now(t);
    n_touched = list_features(t);
#pragma omp parallel for schedule(dynamic, 64) num_threads(pz_par_threads())
    for (uint32_t u = 0; u < n_items; u++)
        update_item(t, u);
#pragma omp parallel for schedule(dynamic, 1) num_threads(pz_par_threads())
    for (size_t column = 0; column < (n_touched > 0 ? t->net.d : 0); column += COLUMNS)
        add_to_features(t, column);
#pragma omp parallel for schedule(dynamic, 16) num_threads(pz_par_threads())
    for (uint32_t k = 0; k < n_touched; k++)
        update_feature(t, t->touched[k]);
#pragma omp parallel for schedule(dynamic, 1) num_threads(pz_par_threads())
    for (size_t k = 0; k < n_blocks; k++)
        update_theta(t, k);
    return PZ_OK;
}

/* ---- the run ---- */

/* Unit vectors; half as long for items without an event, whose features alone speak: as likely as
 * their features say among themselves, and behind the items that are known to be as likely. */
static void keep_vector(const struct pz_seq_trainer *t, uint32_t item, float *out)
{
    item_vector(t, item, out);
    if (t->data.count[item] == 0)
        pz_seq_scale(0.5f, NULL, t->net.d, out);
}

static void all_vectors(const struct pz_seq_trainer *t, size_t width, float *out)
{
#pragma omp parallel for schedule(dynamic, 256) num_threads(pz_par_threads())
    for (uint32_t i = 0; i < t->c->n_items; i++)
        keep_vector(t, i, out + (size_t)i * width);
}

/* The share of the time limits that is gone; 0 without one. */
static double time_gone(const struct pz_seq_trainer *t)
{
    double limit = t->cfg->time_limit_s, cpu = t->cfg->learn_s;

    return fmax(limit > 0 ? (pz_wall_seconds() - t->started) / limit : 0,
                cpu > 0 ? (pz_cpu_seconds() - t->cpu_started) / cpu : 0);
}

static bool must_stop(const struct pz_seq_trainer *t)
{
    return pz_stop_asked() || time_gone(t) >= 1;
}

/* The learning rate when a share of the run is done: up over the first twentieth, in a run that
 * will be finished of WARM_MOST pairs at most, so that it is the same in every stage; down to zero
 * over the last PZ_SEQ_TAIL. */
static double rate_at(const struct pz_seq_trainer *t, double total)
{
    double share = t->done / total, gone = time_gone(t), up, down;

    /* Where the work ends well before the time, the time has no say. */
    share = share + 0.01 > gone ? share : fmin(gone, 1);
    up = 0.02 + share * total / fmin(0.05 * total, t->cfg->finishes ? WARM_MOST : INFINITY);
    down = (1 - share) / PZ_SEQ_TAIL;
    return t->cfg->value[PZ_SEQ_RATE] * (t->data.first_new ? LEARN_ON_RATE : 1) *
           fmin(1, fmin(up, down));
}

/* What is left of a pass, ended early when `until` of the run's pairs are done. */
static enum pz_status run_epoch(struct pz_seq_trainer *t, double until, double total,
                                struct pz_err *err)
{
    double sum = 0, steps = 0;
    enum pz_status st = PZ_OK;

    if (!t->within)
        pz_seq_epoch(&t->data, t->epoch);
    t->within = true;
    while (st == PZ_OK && t->within && t->done < until && !must_stop(t)) {
        t->within = pz_seq_next(&t->data, &t->step);
        if (!t->within)
            break;
        t->rate = rate_at(t, total);
        st = take_step(t, err);
        t->done += t->step.T;
        for (size_t k = 0; k < SHARDS; k++)
            sum += t->loss[k];
        steps++;
    }
    pz_log(t->cfg->log, PZ_LOG_DEBUG, "sequence: epoch %d, loss %.4f, %.1f CPU s",
           (int)t->epoch + 1, steps > 0 ? sum / steps : 0, pz_cpu_seconds());
    t->epoch += !t->within;
    return st;
}

static enum pz_status run_until(struct pz_seq_trainer *t, double until, double total,
                                struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    while (st == PZ_OK && t->done < until && !must_stop(t))
        st = run_epoch(t, until, total, err);
    return st;
}

bool pz_seq_weights_copy(struct pz_seq_weights *to, const struct pz_seq_weights *from, size_t n)
{
    if (!to->x && !weights_new(to, n))
        return false;
    memcpy(to->x, from->x, n * sizeof(float));
    memcpy(to->m, from->m, n * sizeof(float));
    memcpy(to->v, from->v, n * sizeof(float));
    return true;
}

/* Keep the weights, or (back) take what was kept. False when memory is out. */
static bool keep(struct pz_seq_trainer *t, bool back)
{
    struct pz_seq_weights *now[] = { &t->own, &t->feature, &t->theta };
    size_t n[] = { (size_t)t->c->n_items * t->net.d, (size_t)t->f.n * t->net.d, t->net.n_theta };
    bool ok = true;

    for (size_t k = 0; k < 3; k++)
        ok = ok && (back ? pz_seq_weights_copy(now[k], &t->kept[k], n[k])
                         : pz_seq_weights_copy(&t->kept[k], now[k], n[k]));
    return ok;
}

/* Where a run is in its passes. */
struct place {
    uint64_t epoch, step;
    size_t next;
    bool within;
};

static struct place place_of(const struct pz_seq_trainer *t)
{
    return (struct place){ t->epoch, t->step.number, t->data.next, t->within };
}

static void go_back(struct pz_seq_trainer *t, struct place to)
{
    if (to.within && to.epoch != t->epoch)
        pz_seq_epoch(&t->data, to.epoch);
    t->epoch = to.epoch;
    t->step.number = to.step;
    t->data.next = to.next;
    t->within = to.within;
}

/* One stage. What goes on does so from before the rate fell, so that a training of several stages
 * is as good as one of a single stage (Hu et al. 2024, "MiniCPM", warm-up, stable, decay). */
enum pz_status pz_seq_trainer_run(struct pz_seq_trainer *t, struct pz_seq_part *part,
                                  struct pz_err *err)
{
    double wanted = fmin(t->cfg->value[PZ_SEQ_EPOCHS] * (double)t->data.n_pairs,
                         t->cfg->value[PZ_SEQ_PAIRS] * 1e6),
           total = fmax(wanted * (1 + NEW_READ * t->new_share), t->done / (1 - PZ_SEQ_TAIL)),
           stable = (1 - PZ_SEQ_TAIL) * total;
    struct place here;
    enum pz_status st = run_until(t, stable, total, err);

    if (st == PZ_OK && t->cfg->goes_on && !keep(t, false))
        st = pz_err_memory(err, "the sequence encoder", 12.0 * (double)t->net.n_theta);
    stable = t->done;
    here = place_of(t);
    if (st == PZ_OK)
        st = run_until(t, total, total, err);
    all_vectors(t, part->width, part->own_item + t->member * t->net.d);
    memcpy(part->own_theta + t->member * t->net.n_theta, t->theta.x,
           t->net.n_theta * sizeof(float));
    if (st == PZ_OK && t->cfg->goes_on) {
        keep(t, true);
        t->done = stable;
        if (t->cfg->finishes)
            go_back(t, here);
    }
    return st;
}

/* With all memory, nothing learned. attrs: whose features share in items' vectors; NULL: none do */
enum pz_status pz_seq_trainer_new(const struct pz_corpus *c, const struct pz_attrs *attrs,
                                  const struct pz_fit_cfg *cfg, const struct pz_seq_part *part,
                                  size_t member, struct pz_seq_trainer **out, struct pz_err *err)
{
    const struct pz_seq_net *net = &part->net;
    struct pz_seq_trainer *t = *out = calloc(1, sizeof *t);
    enum pz_status st;

    if (!t)
        return pz_err_memory(err, "the sequence encoder", sizeof *t);
    *t = (struct pz_seq_trainer){ .c = c,
                                  .cfg = cfg,
                                  .net = *net,
                                  .member = member,
                                  .seed = member ? pz_rng_mix(cfg->seed + 204 + member) : cfg->seed,
                                  .scale = (float)(1.0 /
                                                   (cfg->value[PZ_SEQ_TAU] * sqrt((double)net->d))),
                                  .started = pz_wall_seconds(),
                                  .cpu_started = pz_cpu_seconds() };
    st = pz_seq_features_make(attrs, c->n_items, &t->f, err);
    if (st == PZ_OK)
        st = pz_seq_data_init(&t->data, c, cfg, err);
    if (st == PZ_OK)
        st = pz_seq_step_init(&t->step, &t->data, err);
    if (st == PZ_OK && !buffers_new(t))
        st = pz_err_memory(err, "the sequence encoder",
                           16.0 * (double)net->d * ((double)c->n_items + (double)t->f.n));
    t->net.theta = t->theta.x;
    t->net.packed = t->packed;
    return st;
}

static enum pz_status train_member(const struct pz_corpus *c, const struct pz_fit_cfg *cfg,
                                   size_t member, struct pz_seq_part *part, struct pz_err *err)
{
    struct pz_seq_trainer **t = &part->trainer[member];
    bool goes_on = *t != NULL;
    enum pz_status st = goes_on ? PZ_OK
                                : pz_seq_trainer_new(c, c->item_attrs, cfg, part, member, t, err);

    if (st == PZ_OK && !goes_on)
        st = pz_seq_trainer_start(*t, err);
    if (st == PZ_OK) {
        (*t)->cfg = cfg;
        st = pz_seq_trainer_run(*t, part, err);
    }
    if (st != PZ_OK || !cfg->goes_on) {
        pz_seq_trainer_free(*t);
        *t = NULL;
    }
    return st;
}

enum pz_status pz_seq_train(const struct pz_corpus *c, const struct pz_fit_cfg *cfg, size_t first,
                            struct pz_seq_part *part, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (size_t m = first; m < part->net.members && st == PZ_OK; m++)
        st = train_member(c, cfg, m, part, err);
    return st;
}
