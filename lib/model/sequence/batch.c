/* SPDX-License-Identifier: Apache-2.0 */
/* What an optimisation step sees. Every history is cut into chunks of at most `window` (event ->
 * next event) pairs, the first cut at a random place that changes every epoch; chunks are shuffled
 * and taken until a batch has its tokens. Candidates of a step: draws from a mixture of the live
 * items (uniform) and the interactions (by popularity), each item once; pi = 1 - (1 - q)^draws is
 * the probability to be in.
 *
 * All randomness depends on (seed, epoch, user) or (seed, step). */
#include "model/sequence/batch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

/* The n-th stream of one purpose. */
static struct pz_rng stream(uint64_t seed, uint64_t purpose, uint64_t n)
{
    struct pz_rng rng;

    pz_rng_init(&rng, pz_rng_mix(seed + purpose), n);
    return rng;
}

enum { FOR_CUTS = 102, FOR_ORDER, FOR_CANDIDATES, FOR_REPLAY };

static void count_items(struct pz_seq_data *b)
{
    const struct pz_corpus *c = b->c;

    for (uint64_t p = 0; p < c->ptr[c->n_users]; p++)
        b->count[c->item[p]]++;
    for (uint32_t i = 0; i < c->n_items; i++)
        if (b->count[i] > 0)
            b->live[b->n_live++] = i;
    for (uint32_t u = 0; u < c->n_users; u++)
        b->n_pairs += c->ptr[u + 1] - c->ptr[u] > 1 ? c->ptr[u + 1] - c->ptr[u] - 1 : 0;
}

/* log pi of every item for this many draws. */
static void inclusion(struct pz_seq_data *b)
{
    double total = 0;

    for (uint32_t k = 0; k < b->n_live; k++)
        total += b->count[b->live[k]];
    for (uint32_t k = 0; k < b->n_live; k++) {
        uint32_t i = b->live[k];
        double q = 0.5 / b->n_live + 0.5 * b->count[i] / total;

        /* 1 - (1 - q)^draws by expm1 and log1p: q is of the size of 1 / n_live, whose digits 1 - q
         * would cut off. */
        b->log_pi[i] = (float)log(-expm1((double)b->draws * log1p(-q)));
        /* Few enough items that all are candidates: pi = 1, nothing is sampled and the loss is the
         * whole softmax. */
        if (b->full)
            b->log_pi[i] = 0;
    }
}

enum pz_status pz_seq_data_init(struct pz_seq_data *b, const struct pz_corpus *c,
                                const struct pz_fit_cfg *cfg, struct pz_err *err)
{
    size_t n = c->ptr[c->n_users], L = (size_t)cfg->value[PZ_SEQ_WINDOW];

    memset(b, 0, sizeof *b);
    b->c = c;
    b->seed = cfg->seed;
    b->window = L;
    b->batch = (size_t)cfg->value[PZ_SEQ_BATCH];
    b->draws = (uint32_t)cfg->value[PZ_SEQ_NEGATIVES];
    b->count = pz_mem_array(c->n_items, sizeof *b->count);
    b->live = pz_mem_array(c->n_items, sizeof *b->live);
    b->log_pi = pz_mem_array(c->n_items, sizeof *b->log_pi);
    /* A user's events make at most n_u / L + 2 chunks: whole windows, the first piece and the last.
     */
    b->chunk = pz_mem_array(n / L + 2 * (size_t)c->n_users + 1, sizeof *b->chunk);
    if (!b->count || !b->live || !b->log_pi || !b->chunk) {
        pz_seq_data_clear(b);
        return pz_err_memory(err, "training batches", 16.0 * ((double)c->n_items + (double)n));
    }
    count_items(b);
    b->full = b->n_live <= b->draws;
    b->max_cand = b->full ? b->n_live : b->draws;
    inclusion(b);
    return PZ_OK;
}

void pz_seq_data_clear(struct pz_seq_data *b)
{
    free(b->count);
    free(b->live);
    free(b->log_pi);
    free(b->chunk);
    memset(b, 0, sizeof *b);
}

static void cut_user(struct pz_seq_data *b, uint32_t u, uint64_t epoch)
{
    uint64_t first = b->c->ptr[u], pairs = b->c->ptr[u + 1] - first, at = 0, first_cut;
    struct pz_rng rng = stream(b->seed, FOR_CUTS + 1000 * epoch, u);

    if (pairs < 2)
        return;
    pairs--;
    /* A random first cut: over the epochs each event is seen with every length of past, and none is
     * always the first of its window. */
    first_cut = pairs > b->window ? 1 + pz_rng_below(&rng, (uint32_t)b->window) : pairs;
    while (at < pairs) {
        uint64_t to = at == 0 ? first_cut : at + b->window;

        to = to < pairs ? to : pairs;
        b->chunk[b->n_chunks++] = (struct pz_seq_chunk){ first + at, (uint32_t)(to - at) };
        at = to;
    }
}

/* The windows of a user's history that have pairs from p on, the newest first; returns their
 * pairs. */
static uint64_t cut_newest(struct pz_seq_data *b, uint32_t u, uint64_t p)
{
    uint64_t first = b->c->ptr[u], last = b->c->ptr[u + 1] - 1, to = last;

    /* A pair is named by its first event: that of the first new one is the event before it. */
    for (p = p > first ? p - 1 : first; to > p;) {
        uint64_t from = to - first > b->window ? to - b->window : first;

        b->chunk[b->n_chunks++] = (struct pz_seq_chunk){ from, (uint32_t)(to - from) };
        to = from;
    }
    return last - to;
}

/* What is new, and as many pairs of what is not. */
static void cut_delta(struct pz_seq_data *b, uint64_t epoch)
{
    const struct pz_corpus *c = b->c;
    struct pz_rng rng = stream(b->seed, FOR_REPLAY, epoch);
    uint64_t n_new = 0, n_old = 0;

    for (uint32_t u = 0; u < c->n_users; u++)
        if (c->ptr[u + 1] - c->ptr[u] > 1 && b->first_new[u] < c->ptr[u + 1])
            n_new += cut_newest(b, u, b->first_new[u]);
    /* Each user is asked once at most on average, however few have a history. */
    for (uint32_t k = 0; k < c->n_users && n_old < n_new; k++) {
        uint32_t u = pz_rng_below(&rng, c->n_users);
        uint64_t n = c->ptr[u + 1] - c->ptr[u];

        if (n > 1 && b->first_new[u] == c->ptr[u + 1])
            n_old += cut_newest(b, u, n > b->window ? c->ptr[u + 1] - b->window : c->ptr[u]);
    }
    b->n_pairs = n_new + n_old;
}

void pz_seq_epoch(struct pz_seq_data *b, uint64_t epoch)
{
    struct pz_rng rng = stream(b->seed, FOR_ORDER, epoch);

    b->n_chunks = 0;
    b->next = 0;
    if (b->first_new)
        cut_delta(b, epoch);
    for (uint32_t u = 0; u < b->c->n_users && !b->first_new; u++)
        cut_user(b, u, epoch);
    /* Fisher and Yates. */
    for (size_t k = b->n_chunks; k > 1; k--) {
        size_t o = pz_rng_below(&rng, (uint32_t)k);
        struct pz_seq_chunk t = b->chunk[k - 1];

        b->chunk[k - 1] = b->chunk[o];
        b->chunk[o] = t;
    }
}

static void candidates(struct pz_seq_data *b, struct pz_seq_step *s)
{
    struct pz_rng rng = stream(b->seed, FOR_CANDIDATES, s->number);
    uint32_t n = 0, total = (uint32_t)b->c->ptr[b->c->n_users];

    for (uint32_t k = 0; k < (b->full ? b->n_live : b->draws); k++) {
        uint32_t i = b->live[b->full ? k : pz_rng_below(&rng, b->n_live)];

        /* Odd draws by popularity, even ones uniformly: half of each, as `inclusion` has it,
         * without a random number to choose. */
        if (!b->full && (k & 1))
            i = b->c->item[pz_rng_below(&rng, total)];
        if (b->count[i] > 0 && s->place[i] == PZ_NONE) {
            s->place[i] = n;
            s->item[n++] = i;
        }
    }
    s->n_cand = s->n_items = n;
    for (uint32_t k = 0; k < n; k++)
        s->log_pi[k] = b->log_pi[s->item[k]];
}

static uint32_t place_of(struct pz_seq_step *s, uint32_t item)
{
    if (s->place[item] == PZ_NONE) {
        s->place[item] = s->n_items;
        s->item[s->n_items++] = item;
    }
    return s->place[item];
}

bool pz_seq_next(struct pz_seq_data *b, struct pz_seq_step *s)
{
    double total = 0;

    /* Only the places that the last step took: clearing the whole map would cost n_items for each
     * step. */
    for (uint32_t k = 0; k < s->n_items; k++)
        s->place[s->item[k]] = PZ_NONE;
    s->T = 0;
    s->n_seq = 0;
    s->n_items = 0;
    if (b->next >= b->n_chunks)
        return false;
    candidates(b, s);
    for (; b->next < b->n_chunks && s->T < b->batch; b->next++) {
        struct pz_seq_chunk k = b->chunk[b->next];

        s->start[s->n_seq++] = s->T;
        for (uint32_t p = 0; p < k.n; p++, s->T++) {
            uint64_t in = k.first + p, target = in + 1;

            s->in[s->T] = place_of(s, b->c->item[in]);
            s->target[s->T] = place_of(s, b->c->item[target]);
            /* What an event does to the state is at most taken up whole; as a target it counts with
             * all its weight. */
            s->w_in[s->T] = b->c->weight[in] < 1 ? b->c->weight[in] : 1.0f;
            s->w_out[s->T] = b->c->weight[target];
            total += s->w_out[s->T];
        }
    }
    s->start[s->n_seq] = s->T;
    for (uint32_t t = 0; t < s->T; t++)
        /* The loss of a step is a weighted mean: the learning rate does not depend on how full a
         * batch is. */
        s->w_out[t] = (float)(s->w_out[t] / total);
    s->number++;
    return true;
}

enum pz_status pz_seq_step_init(struct pz_seq_step *s, const struct pz_seq_data *b,
                                struct pz_err *err)
{
    /* A chunk is taken as a whole, so the last one may go beyond the batch by less than a window.
     */
    size_t T = b->batch + b->window;

    memset(s, 0, sizeof *s);
    s->room = T;
    s->start = pz_mem_array(T + 1, sizeof *s->start);
    s->in = pz_mem_array(T, sizeof *s->in);
    s->target = pz_mem_array(T, sizeof *s->target);
    s->w_in = pz_mem_array(T, sizeof *s->w_in);
    s->w_out = pz_mem_array(T, sizeof *s->w_out);
    s->place = pz_mem_array(b->c->n_items, sizeof *s->place);
    s->item = pz_mem_array(2 * T + b->max_cand, sizeof *s->item);
    s->log_pi = pz_mem_array(b->max_cand, sizeof *s->log_pi);
    if (!s->start || !s->in || !s->target || !s->w_in || !s->w_out || !s->place || !s->item ||
        !s->log_pi) {
        pz_seq_step_clear(s);
        return pz_err_memory(err, "a training batch", 30.0 * (double)T + 4.0 * b->c->n_items);
    }
    /* PZ_NONE is all ones. */
    memset(s->place, 255, (size_t)b->c->n_items * sizeof *s->place);
    return PZ_OK;
}

void pz_seq_step_clear(struct pz_seq_step *s)
{
    free(s->start);
    free(s->in);
    free(s->target);
    free(s->w_in);
    free(s->w_out);
    free(s->place);
    free(s->item);
    free(s->log_pi);
    memset(s, 0, sizeof *s);
}
