/* SPDX-License-Identifier: Apache-2.0 */
/* Sequence: a small recurrent encoder behind the scorer interface. The encoder reads the newest
 * `window` events of a history (sequence_net.c) and gives a vector; an item's score is the
 * probability that the learned softmax gives it (sequence_loss.c), relative to the most probable
 * item. No state is kept for users: a query encodes the history as it is now.
 *
 * Columns: sequence/set (f64 [settings]), sequence/net (f32, the encoder's parameters),
 * sequence/items (f32 [n_items * d], unit vectors of id and attributes together). Derived: the
 * items' bytes (bytes.h), and clusters of them (clusters.h), in which a probe looks for the items
 * of the largest products. */
#include "model/sequence/sequence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/simd.h"
#include "model/model.h"
#include "model/parts.h"
#include "table/dict.h"
#include "table/lists.h"

enum { NEIGHBOURS = 3 /* events on each side that place a new item */ };

static const struct pz_setting settings[PZ_SEQ_N] = {
    [PZ_SEQ_DIM] = { PZ_SETTING("dim", "length of a vector, a multiple of 8"),
                     PZ_ALLOWED(64, 8, 512), PZ_WHOLE },
    [PZ_SEQ_HIDDEN] = { PZ_SETTING("hidden", "width of the hidden layer, a multiple of 8"),
                        PZ_ALLOWED(128, 8, 2048), PZ_WHOLE },
    [PZ_SEQ_LAYERS] = { PZ_SETTING("layers", "layers"), PZ_ALLOWED(1, 1, 8), PZ_WHOLE },
    [PZ_SEQ_WINDOW] = { PZ_SETTING("window", "events of a history that are read"),
                        PZ_ALLOWED(50, 2, 1024), PZ_WHOLE },
    [PZ_SEQ_EPOCHS] = { PZ_SETTING("epochs", "passes over the data"), PZ_ALLOWED(10, 1, 1000),
                        PZ_WHOLE },
    [PZ_SEQ_PAIRS] = { PZ_SETTING("pairs", "million pairs of events read, if the passes allow"),
                       PZ_ALLOWED(0.5, 0.001, 1e6), PZ_EFFORT },
    [PZ_SEQ_BATCH] = { PZ_SETTING("batch", "events a step"), PZ_ALLOWED(256, 16, 65536), PZ_WHOLE },
    [PZ_SEQ_NEGATIVES] = { PZ_SETTING("negatives", "candidates drawn a step"),
                           PZ_ALLOWED(256, 1, 65536), PZ_WHOLE },
    [PZ_SEQ_RATE] = { PZ_SETTING("rate", "learning rate"), PZ_ALLOWED(0.006, 1e-6, 1),
                      PZ_LOG_SCALE },
    [PZ_SEQ_DECAY] = { PZ_SETTING("decay", "weight decay"), PZ_ALLOWED(0.01, 0, 10) },
    [PZ_SEQ_DROPOUT] = { PZ_SETTING("dropout", "dropout"), PZ_ALLOWED(0.15, 0, 0.9) },
    [PZ_SEQ_TAU] = { PZ_SETTING("tau", "temperature of the softmax in training"),
                     PZ_ALLOWED(0.07, 0.01, 10), PZ_LOG_SCALE },
    [PZ_SEQ_TEMPERATURE] = { PZ_SETTING("temperature", "score = probability^(1/temperature)"),
                             PZ_ALLOWED(3, 0.1, 20), PZ_SEARCHED(1, 8), PZ_LOG_SCALE, PZ_READ_OUT,
                             PZ_LATE },
    [PZ_SEQ_MEMBERS] = { PZ_SETTING("members",
                                    "encoders learned from different starts, whose logits "
                                    "are averaged"),
                         PZ_ALLOWED(1, 1, PZ_SEQ_MAX_MEMBERS), PZ_WHOLE, PZ_EFFORT },
};

static void free_trainers(struct pz_seq_part *p)
{
    for (size_t m = 0; m < PZ_SEQ_MAX_MEMBERS; m++) {
        pz_seq_trainer_free(p->trainer[m]);
        p->trainer[m] = NULL;
    }
}

static void part_free(void *part)
{
    struct pz_seq_part *p = part;

    if (!p)
        return;
    free(p->own_item);
    pz_bytes_copy_clear(&p->bytes);
    free(p->own_theta);
    free_trainers(p);
    free(p);
}

/* A part with its sizes, without arrays. NULL: no memory. */
static struct pz_seq_part *part_new(const double *value, uint32_t n_items)
{
    struct pz_seq_part *p = calloc(1, sizeof *p);

    if (!p)
        return NULL;
    memcpy(p->set, value, sizeof p->set);
    p->n_items = n_items;
    p->net = (struct pz_seq_net){ .d = ((size_t)value[PZ_SEQ_DIM] + 7) / 8 * 8,
                                  .f = ((size_t)value[PZ_SEQ_HIDDEN] + 7) / 8 * 8,
                                  .n_layers = (size_t)value[PZ_SEQ_LAYERS],
                                  .members = (size_t)value[PZ_SEQ_MEMBERS] };
    p->width = p->net.members * p->net.d;
    p->net.n_theta = pz_seq_theta(p->net.d, p->net.f, p->net.n_layers);
    return p;
}

/* From where the trainers of another part stand; begun NULL: from the start. */
static enum pz_status fit_from(struct pz_seq_part *begun, const struct pz_corpus *c,
                               const struct pz_fit_cfg *cfg, void **part, struct pz_err *err)
{
    struct pz_seq_part *p = part_new(cfg->value, c->n_items);
    enum pz_status st = PZ_OK;

    if (p) {
        p->item = p->own_item = pz_mem_array((size_t)c->n_items * p->width, sizeof(float));
        p->net.theta = p->own_theta = pz_mem_array(p->net.members * p->net.n_theta, sizeof(float));
    }
    if (!p || !p->own_item || !p->own_theta)
        st = pz_err_memory(err, "the sequence encoder", 4.0 * cfg->value[PZ_SEQ_DIM] * c->n_items);
    else if (begun)
        st = pz_seq_finish(c, cfg, begun, p, err);
    else
        st = pz_seq_train(c, cfg, 0, p, err);
    return pz_part_hand_out(st, p, part_free, part);
}

static enum pz_status fit(const struct pz_corpus *c, const struct pz_fit_cfg *cfg, void **part,
                          struct pz_err *err)
{
    return fit_from(NULL, c, cfg, part, err);
}

static enum pz_status finish_fit(void *begun, const struct pz_corpus *c,
                                 const struct pz_fit_cfg *cfg, void **part, struct pz_err *err)
{
    return fit_from(begun, c, cfg, part, err);
}

/* Make room for more members beside those that are there. */
static enum pz_status widen(struct pz_seq_part *p, size_t members, struct pz_err *err)
{
    size_t old = p->width, width = members * p->net.d, n_theta = p->net.members * p->net.n_theta;
    float *item = pz_mem_array((size_t)p->n_items * width, sizeof *item),
          *theta = pz_mem_array(members * p->net.n_theta, sizeof *theta);

    if (!item || !theta) {
        free(item);
        free(theta);
        return pz_err_memory(err, "the sequence encoder", 4.0 * (double)width * p->n_items);
    }
    for (size_t i = 0; i < p->n_items; i++)
        memcpy(item + i * width, p->own_item + i * old, old * sizeof *item);
    memcpy(theta, p->own_theta, n_theta * sizeof *theta);
    free(p->own_item);
    free(p->own_theta);
    p->item = p->own_item = item;
    p->net.theta = p->own_theta = theta;
    p->net.members = members;
    p->width = width;
    p->set[PZ_SEQ_MEMBERS] = (double)members;
    return PZ_OK;
}

static enum pz_status more(void *part, const struct pz_corpus *c, const struct pz_fit_cfg *cfg,
                           struct pz_err *err)
{
    struct pz_seq_part *p = part;
    size_t there = p->net.members, members = (size_t)cfg->value[PZ_SEQ_MEMBERS];
    enum pz_status st = PZ_OK;

    if (members <= there)
        return pz_seq_train(c, cfg, 0, p, err);
    st = widen(p, members, err);
    return st == PZ_OK ? pz_seq_train(c, cfg, there, p, err) : st;
}

/* The vectors of the items around one event of item i, nearer ones more, onto i's row. */
static void add_neighbours(const struct pz_corpus *c, uint64_t from, uint64_t at, uint64_t to,
                           const struct pz_seq_part *old, const uint32_t *old_item, float *row)
{
    size_t d = old->width;
    uint64_t first = at - from < NEIGHBOURS ? from : at - NEIGHBOURS;
    uint64_t end = to - at <= NEIGHBOURS ? to : at + NEIGHBOURS + 1;

    for (uint64_t p = first; p < end; p++) {
        uint32_t o = old_item[c->item[p]];
        double away = p < at ? (double)(at - p) : (double)(p - at);

        if (p != at && o != PZ_NONE)
            pz_seq_axpy((float)(1 / away), old->item + (size_t)o * d, d, row);
    }
}

static void to_length_one(float *row, size_t d)
{
    float square = pz_seq_dot(row, row, d);

    if (square > 0)
        pz_seq_scale(1 / sqrtf(square), NULL, d, row);
}

/* The encoder stays as it is, unless it is given time, and reads new events from the histories. A
 * new item gets the direction of the items around its events (the next training gives it its
 * own). */
static enum pz_status update(const void *old_part, const struct pz_corpus *c,
                             const struct pz_delta *delta, const struct pz_fit_cfg *cfg,
                             void **part, struct pz_err *err)
{
    const uint32_t *old_item = delta->old_item;
    const struct pz_seq_part *old = old_part;
    struct pz_seq_part *p = part_new(old->set, c->n_items);
    size_t d = old->width;
    enum pz_status st = PZ_OK;

    *part = p;
    if (p) {
        p->item = p->own_item = pz_mem_array((size_t)c->n_items * d, sizeof(float));
        p->net.theta = p->own_theta =
            pz_mem_copy(old->net.theta, old->net.members * old->net.n_theta, sizeof(float));
    }
    if (!p || !p->own_item || !p->own_theta) {
        part_free(p);
        *part = NULL;
        return pz_err_memory(err, "the sequence encoder", 4.0 * (double)d * c->n_items);
    }
    for (uint32_t u = 0; u < c->n_users; u++)
        for (uint64_t at = delta->first_new[u]; at < c->ptr[u + 1]; at++)
            if (old_item[c->item[at]] == PZ_NONE)
                add_neighbours(c, c->ptr[u], at, c->ptr[u + 1], old, old_item,
                               p->own_item + (size_t)c->item[at] * d);
    for (uint32_t i = 0; i < c->n_items; i++)
        if (old_item[i] != PZ_NONE)
            memcpy(p->own_item + (size_t)i * d, old->item + (size_t)old_item[i] * d,
                   d * sizeof(float));
        else
            to_length_one(p->own_item + (size_t)i * d, d);
    if (cfg->learn_s > 0)
        st = pz_seq_learn_on(c, delta, cfg, p, err);
    return pz_part_hand_out(st, p, part_free, part);
}

static enum pz_status save(const void *part, struct pz_writer *w, struct pz_err *err)
{
    const struct pz_seq_part *p = part;
    enum pz_status st = pz_writer_add(w, "sequence/set", PZ_F64, p->set, PZ_SEQ_N, err);

    if (st == PZ_OK)
        st = pz_writer_add(w, "sequence/net", PZ_F32, p->net.theta, p->net.members * p->net.n_theta,
                           err);
    if (st == PZ_OK)
        st = pz_writer_add(w, "sequence/items", PZ_F32, p->item, (uint64_t)p->n_items * p->width,
                           err);
    return st;
}

static enum pz_status read_columns(struct pz_seq_part *p, struct pz_table *t, struct pz_err *err)
{
    uint64_t n = (uint64_t)p->n_items * p->width;
    const void *data = NULL;
    enum pz_status st = pz_table_get(t, "sequence/net", PZ_F32, p->net.members * p->net.n_theta,
                                     &data, NULL, err);

    p->net.theta = data;
    if (st == PZ_OK)
        st = pz_table_get(t, "sequence/items", PZ_F32, n, &data, NULL, err);
    p->item = data;
    if (st == PZ_OK && !pz_table_is_flat(t) &&
        !(pz_numbers_good(p->net.theta, p->net.members * p->net.n_theta, -FLT_MAX) &&
          pz_numbers_good(p->item, n, -FLT_MAX)))
        st = pz_err_set(err, PZ_BAD_DATA, "sequence: not a finite number");
    return st;
}

static enum pz_status derive(const void *part, struct pz_derived *out, struct pz_err *err)
{
    const struct pz_seq_part *p = part;
    enum pz_status st = pz_bytes_copy_derive(&p->bytes, "sequence", out, err);

    if (st != PZ_OK || !p->bytes.rows.code) /* heads reads them */
        return st;
    return pz_clusters_derive(p->item, p->n_items, p->width, "sequence", out, err);
}

/* The settings; a file that was written before there were members has one. */
static enum pz_status read_set(struct pz_table *t, double *set, struct pz_err *err)
{
    const void *data = NULL;
    uint64_t n = 0;
    enum pz_status st = pz_table_get(t, "sequence/set", PZ_F64, PZ_ANY, &data, &n, err);

    if (st == PZ_OK && n != PZ_SEQ_N && n != PZ_SEQ_MEMBERS)
        st = pz_err_set(err, PZ_BAD_DATA, "sequence: %llu settings", (unsigned long long)n);
    if (st != PZ_OK)
        return st;
    set[PZ_SEQ_MEMBERS] = 1;
    memcpy(set, data, n * sizeof *set);
    return pz_scorer_check(&pz_sequence, set, err);
}

static enum pz_status load(struct pz_table *t, uint32_t n_items, void **part, struct pz_err *err)
{
    struct pz_seq_part *p = NULL;
    double set[PZ_SEQ_N];
    enum pz_status st = read_set(t, set, err);

    if (st == PZ_OK) {
        p = part_new(set, n_items);
        st = p ? read_columns(p, t, err) : pz_err_memory(err, "the sequence encoder", sizeof *p);
    }
    if (st == PZ_OK)
        st = pz_bytes_copy_load(t, "sequence", p->item, n_items, p->width, false, &p->bytes, err);
    if (st == PZ_OK)
        st = pz_clusters_load(t, "sequence", n_items, p->width, &p->clusters, err);
    return pz_part_hand_out(st, p, part_free, part);
}

static void set(void *part, size_t setting, double value)
{
    ((struct pz_seq_part *)part)->set[setting] = value;
}

/* Bytes of what the encoder works in. */
static size_t encoder_bytes(const struct pz_seq_part *p)
{
    return (pz_seq_scores_bytes(&p->net, (size_t)p->set[PZ_SEQ_WINDOW]) + 63) / 64 * 64;
}

/* Behind it: a query in bytes, and its largest product. */
struct rough_query {
    struct pz_bytes_query8 q;
    float top;
};

static struct rough_query *rough_of(const struct pz_seq_part *p, void *scratch)
{
    return (struct rough_query *)((char *)scratch + encoder_bytes(p));
}

static size_t scratch_bytes(const void *part)
{
    return encoder_bytes(part) + sizeof(struct rough_query);
}

static struct pz_seq_history history_of(const struct pz_seq_part *p, const struct pz_query *q)
{
    return (struct pz_seq_history){ q->hist, q->hist_weight, q->n_hist,
                                    (size_t)p->set[PZ_SEQ_WINDOW] };
}

/* What a product with the query counts in the exponent. */
static float exponent(const struct pz_seq_part *p)
{
    return (float)(1 / (p->set[PZ_SEQ_TAU] * sqrt((double)p->net.d) * (double)p->net.members *
                        p->set[PZ_SEQ_TEMPERATURE]));
}

/* n products to scores: the most probable item gets 1, the others their ratio to it, flattened by
 * the temperature. */
static void finish_with(float top, float f, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = f * (out[i] - top);
    pz_seq_exp(out, n);
}

static void finish(const struct pz_seq_part *p, float *out)
{
    float top = 0;

    for (uint32_t i = 0; i < p->n_items; i++)
        top = out[i] > top ? out[i] : top;
    finish_with(top, exponent(p), out, p->n_items);
}

static bool score(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    const struct pz_seq_part *p = part;
    struct pz_seq_history h = history_of(p, q);

    if (q->n_hist == 0)
        return false;
    pz_seq_scores(&p->net, p->item, p->n_items, &h, scratch, out);
    finish(p, out);
    return true;
}

static bool rough(const void *part, const struct pz_query *q, void *scratch)
{
    const struct pz_seq_part *p = part;
    struct pz_seq_history h = history_of(p, q);

    if (!p->bytes.rows.code || q->n_hist == 0)
        return false;
    pz_bytes_query8(pz_seq_vector(&p->net, p->item, &h, scratch), p->width,
                    &rough_of(p, scratch)->q);
    return true;
}

static float product(const struct pz_seq_part *p, const struct rough_query *r, uint32_t item)
{
    return pz_seq_product(p->item + (size_t)item * p->width, r->q.x, p->width);
}

/* The largest of the 64 scores from i on, at least 0. */
static float most_of(const struct pz_seq_part *p, const float *out, uint32_t i)
{
    return pz_score_max(out + i, p->n_items - i < 64 ? p->n_items - i : 64, NULL);
}

/* The largest product, exactly, and at least 0: of the few items that it can be of. */
static float find_top(const struct pz_seq_part *p, const struct rough_query *r, const float *out,
                      const float *off)
{
    float least = 0, top = 0;

    for (uint32_t i = 0; i < p->n_items; i += 64) {
        float sure = most_of(p, out, i) - off[i / 64];

        least = sure > least ? sure : least;
    }
    for (uint32_t i = 0; i < p->n_items; i++) {
        float x;

        if (i % 64 == 0 && most_of(p, out, i) + off[i / 64] < least) {
            i += 63;
            continue;
        }
        x = out[i] + off[i / 64] >= least ? product(p, r, i) : 0;
        top = x > top ? x : top;
    }
    return top;
}

/* exp(x + e) is within exp(x) (exp(|e|) - 1) of exp(x); exponents of up to 60 are rounded. */
static void rough_scan(const void *part, void *const *scratch, size_t n, float *const *out,
                       float *const *off)
{
    static const float ROUNDING = 1e-5f;
    const struct pz_seq_part *p = part;
    const struct pz_bytes_query8 *q[PZ_SCORE_BLOCK] = { NULL };
    float f = exponent(p);

    for (size_t k = 0; k < n; k++)
        q[k] = &rough_of(p, scratch[k])->q;
    pz_bytes_rough_scan(&p->bytes.rows, p->bytes.off, q, n, out, off);
    for (size_t k = 0; k < n; k++) {
        struct rough_query *r = rough_of(p, scratch[k]);

        r->top = find_top(p, r, out[k], off[k]);
        finish_with(r->top, f, out[k], p->n_items);
        for (uint32_t i = 0; i < p->n_items; i += 64)
            off[k][i / 64] = most_of(p, out[k], i) *
                             (expm1f(f * off[k][i / 64]) * (1 + ROUNDING) + ROUNDING);
    }
}

static float exact(const void *part, void *scratch, uint32_t item)
{
    const struct pz_seq_part *p = part;
    const struct rough_query *r = rough_of(p, scratch);
    float score = 0;

    if (item < p->n_items) {
        score = product(p, r, item);
        finish_with(r->top, exponent(p), &score, 1);
    }
    return score;
}

static bool some(const void *part, const struct pz_query *q, void *scratch)
{
    const struct pz_seq_part *p = part;
    struct pz_seq_history h = history_of(p, q);

    if (!rough(part, q, scratch) && q->n_hist > 0)
        rough_of(p, scratch)->q.x = pz_seq_vector(&p->net, p->item, &h, scratch);
    return q->n_hist > 0;
}

enum { HEADS = 32, LOOK = 64 /* items at once */ };

/* The items of the largest products so far. */
struct heads {
    uint32_t item[HEADS];
    float product[HEADS];
    size_t n, least; /* least: where the smallest is */
};

static void enter(struct heads *h, uint32_t item, float product)
{
    size_t at = h->n < HEADS ? h->n++ : h->least;

    h->item[at] = item;
    h->product[at] = product;
    for (size_t k = 0; k < h->n; k++)
        h->least = h->product[k] < h->product[h->least] ? k : h->least;
}

static void look_at(const struct pz_seq_part *p, const struct pz_bytes_query8 *q,
                    const uint32_t *item, size_t n, struct heads *h)
{
    float product[LOOK], off[LOOK];

    pz_bytes_copy_rows(&p->bytes, q, item, n, product, off);
    for (size_t i = 0; i < n; i++)
        if (h->n < HEADS || product[i] > h->product[h->least])
            enter(h, item[i], product[i]);
}

static void look_into(const struct pz_seq_part *p, const struct pz_bytes_query8 *q,
                      uint32_t cluster, const uint64_t *allowed, struct heads *h)
{
    const struct pz_csr *lists = &p->clusters.items;
    uint32_t item[LOOK];
    size_t n = 0;

    for (uint64_t k = lists->ptr[cluster]; k < lists->ptr[cluster + 1]; k++) {
        item[n] = lists->item[k];
        n += pz_bits_has(allowed, item[n]);
        if (n == LOOK) {
            look_at(p, q, item, n, h);
            n = 0;
        }
    }
    look_at(p, q, item, n, h);
}

/* Those of the largest products in the nearest clusters. */
static void heads(const void *part, void *scratch, const uint64_t *allowed, uint64_t *set)
{
    const struct pz_seq_part *p = part;
    const struct pz_bytes_query8 *q = &rough_of(p, scratch)->q;
    struct heads h = { .n = 0 };
    uint32_t cluster[PZ_CLUSTERS_NEAR];
    size_t n = p->bytes.rows.code ? pz_clusters_near(&p->clusters, q->x, cluster) : 0;

    for (size_t c = 0; c < n; c++)
        look_into(p, q, cluster[c], allowed, &h);
    for (size_t i = 0; i < h.n; i++)
        pz_bits_add(set, h.item[i]);
}

static void score_some(const void *part, void *scratch, const uint32_t *item, size_t n, float *out)
{
    enum { AHEAD = 8 };
    const struct pz_seq_part *p = part;
    const float *x = rough_of(p, scratch)->q.x;
    float top = 0;

    for (; n > 0 && item[n - 1] >= p->n_items; n--)
        out[n - 1] = 0;
    for (size_t i = 0; i < n; i++) {
        if (i + AHEAD < n)
            pz_simd_prefetch(p->item + (size_t)item[i + AHEAD] * p->width,
                             p->width * sizeof *p->item);
        out[i] = pz_seq_product(p->item + (size_t)item[i] * p->width, x, p->width);
        top = out[i] > top ? out[i] : top;
    }
    finish_with(top, exponent(p), out, n);
}

static size_t kept_floats(const void *part)
{
    return ((const struct pz_seq_part *)part)->width;
}

static const float *vector_of(const struct pz_seq_part *p, const struct pz_query *q, void *scratch)
{
    struct pz_seq_history h = history_of(p, q);

    if (!q->vector)
        return pz_seq_vector(&p->net, p->item, &h, scratch);
    if (isnan(q->vector[0]))
        memcpy(q->vector, pz_seq_vector(&p->net, p->item, &h, scratch),
               p->width * sizeof *q->vector);
    return q->vector;
}

static void score_block(const void *part, const struct pz_query *const *q, size_t n,
                        void *const *scratch, float *const *out, bool *said)
{
    const struct pz_seq_part *p = part;
    const float *x[PZ_SCORE_BLOCK];
    float *to[PZ_SCORE_BLOCK];
    size_t n_x = 0;

    for (size_t i = 0; i < n; i++) {
        said[i] = q[i]->n_hist > 0;
        if (!said[i])
            continue;
        x[n_x] = vector_of(p, q[i], scratch[i]);
        to[n_x++] = out[i];
    }
    pz_seq_scan(p->item, p->n_items, p->width, &(struct pz_seq_vectors){ x, to, n_x });
    for (size_t i = 0; i < n_x; i++)
        finish(p, to[i]);
}

static const float *vectors(const void *part, uint32_t *dim)
{
    const struct pz_seq_part *p = part;

    *dim = (uint32_t)p->width;
    return p->item;
}

/* Up to so many events, passes of the encoder take little and a fit seconds: two
 * layers and twice the candidates a step take three more of them (untuned, without the users'
 * newest events, nDCG@10: Beauty .0794 to .0802, LastFM .0851 to .0878, Deskdrop .0964 to .0972,
 * MovieLens 100K .1420 to .1443; each of the two alone gains less). */
enum { SMALL_EVENTS = 500000 };
static const double SMALL_LAYERS = 2, SMALL_NEGATIVES = 512;

/* One pass is too little (Diginetica, .9 million events, the tuner's validation: .2276
 * after one, .2308 after two, .2319 after four, .2326 after eight; .2156 without encoder; two
 * layers .2290 after two. Half a million film ratings of 3,000 users were reported with nDCG@10
 * .183 by default, then half a million pairs and what gained on validation, and .210 with four
 * million; MovieLens 100K, untuned: .151 after one pass, .148 after three, .154 after five). Small
 * data get more of them by what `pairs` is by default. */
static const double PASSES_MIN = 3;

/* What tuning may go up to where it gains. Where more passes are of no use, a second encoder is
 * (LastFM without the users' newest events, judged on the last ones left, nDCG@10: the encoder
 * alone .0668 and .0770, all parts .0858 and .0909); each takes as long as the first. */
static const double MOST_PASSES = 10, MOST_MEMBERS = 2;

static void start(const struct pz_setup *setup, struct pz_choice *c)
{
    double n_events = (double)pz_corpus_size(setup->corpus);

    if (n_events <= SMALL_EVENTS) {
        c->value[PZ_SEQ_LAYERS] = SMALL_LAYERS;
        c->value[PZ_SEQ_NEGATIVES] = SMALL_NEGATIVES;
    }
    c->value[PZ_SEQ_PAIRS] = fmax(c->value[PZ_SEQ_PAIRS], PASSES_MIN * n_events / 1e6);
    c->low[PZ_SEQ_PAIRS] = c->value[PZ_SEQ_PAIRS];
    c->high[PZ_SEQ_PAIRS] = fmax(MOST_PASSES * n_events / 1e6, c->value[PZ_SEQ_PAIRS]);
    c->low[PZ_SEQ_MEMBERS] = 1;
    c->high[PZ_SEQ_MEMBERS] = MOST_MEMBERS;
}

const struct pz_scorer pz_sequence = {
    .name = "sequence",
    .meaning = "gated linear recurrence over the history, item vectors with attributes",
    .settings = settings,
    .n_settings = PZ_SEQ_N,
    .start = start,
    .fit = fit,
    .cost = pz_seq_cost,
    .touches = PZ_SEQ_TAIL,
    .any_time = true,
    .more = more,
    .finish = finish_fit,
    .update = update,
    .save = save,
    .derive = derive,
    .load = load,
    .free = part_free,
    .set = set,
    .scratch_bytes = scratch_bytes,
    .score = score,
    .rough = rough,
    .rough_scan = rough_scan,
    .exact = exact,
    .some = some,
    .heads = heads,
    .score_some = score_some,
    .score_block = score_block,
    .kept_floats = kept_floats,
    .vectors = vectors,
};
