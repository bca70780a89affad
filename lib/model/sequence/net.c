/* SPDX-License-Identifier: Apache-2.0 */
/* The encoder, forward and backward. Residual stream x (rows of length d), layer by layer:
 *
 *   u = norm(x);  (a, c, g) = u Win + bin;  y = gated recurrence;  x += drop(y Wout)
 *   u = norm(x);  (a, b) = u W1;            s = silu(a) * b;       x += drop(s W2)
 *
 * then q = norm(x). norm is the root-mean-square norm without gains (Zhang & Sennrich 2019; the
 * matrix behind it holds them), the recurrence is linear in its state with gates from the input
 * only (minGRU, Feng et al. 2024; HGRN, Qin et al. 2023), the hidden layer is SwiGLU (Shazeer
 * 2020).
 *
 * Invariants: 1. a row depends on its own history's earlier rows only; 2. dropout bits depend on
 * (seed, place, row number) only, never on how tokens are dealt to threads. */
#include "model/sequence/sequence.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "model/factors/factors.h"

/* Where a layer's parameters are inside theta. */
struct params {
    size_t win, bin, wout, w1, w2, end;
};

static struct params params_of(const struct pz_seq_net *net, size_t layer)
{
    size_t d = net->d, f = net->f;
    struct params p = { .win = layer * (net->n_theta / net->n_layers) };

    p.bin = p.win + d * 3 * d;
    p.wout = p.bin + 3 * d;
    p.w1 = p.wout + d * d;
    p.w2 = p.w1 + d * 2 * f;
    p.end = p.w2 + f * d;
    return p;
}

/* A layer's matrices, [k x n] inside theta. */
enum { WIN, WOUT, W1, W2, MATRICES };
struct matrix {
    size_t at, k, n;
};

static struct matrix matrix_of(const struct pz_seq_net *net, size_t layer, int which)
{
    size_t d = net->d, f = net->f;
    struct params p = params_of(net, layer);

    return which == WIN    ? (struct matrix){ p.win, d, 3 * d }
           : which == WOUT ? (struct matrix){ p.wout, d, d }
           : which == W1   ? (struct matrix){ p.w1, d, 2 * f }
                           : (struct matrix){ p.w2, f, d };
}

/* Room of the packed matrices of a layer that are before one of them, which stands as it is or
 * across: the way there and the way back. */
static size_t packed_before(const struct pz_seq_net *net, int which, bool across)
{
    size_t sum = 0;

    for (int m = 0; m < 2 * which + across; m++) {
        struct matrix w = matrix_of(net, 0, m / 2);

        sum += m % 2 ? pz_gemm_packed(w.n, w.k) : pz_gemm_packed(w.k, w.n);
    }
    return sum;
}

size_t pz_seq_packed(const struct pz_seq_net *net)
{
    return net->n_layers * packed_before(net, MATRICES, false);
}

size_t pz_seq_pack_jobs(const struct pz_seq_net *net)
{
    return net->n_layers * 2 * MATRICES;
}

void pz_seq_pack(const struct pz_seq_net *net, size_t job, float *packed)
{
    size_t layer = job / (2 * MATRICES);
    int which = (int)(job % (2 * MATRICES) / 2);
    bool across = job % 2;
    struct matrix w = matrix_of(net, layer, which);

    packed += layer * packed_before(net, MATRICES, false) + packed_before(net, which, across);
    pz_gemm_pack(across ? w.n : w.k, across ? w.k : w.n, net->theta + w.at, across, packed);
}

/* out = rows A + beta out for a layer's matrix A, or what stands across in it. */
static void multiply(const struct pz_seq_net *net, size_t layer, int which, bool across, size_t T,
                     float beta, const float *rows, float *out)
{
    struct matrix w = matrix_of(net, layer, which);
    struct pz_gemm s = { T, across ? w.k : w.n, across ? w.n : w.k, beta };

    if (net->packed)
        pz_gemm_with(s, rows,
                     net->packed + layer * packed_before(net, MATRICES, false) +
                         packed_before(net, which, across),
                     out);
    else if (across)
        pz_gemm_abt(s, rows, net->theta + w.at, out);
    else
        pz_gemm_ab(s, rows, net->theta + w.at, out);
}

size_t pz_seq_theta(size_t d, size_t f, size_t n_layers)
{
    return n_layers * (d * 3 * d + 3 * d + d * d + d * 2 * f + f * d);
}

static void fill_normal(float *x, size_t n, double deviation, uint64_t seed, uint64_t stream)
{
    struct pz_rng rng;

    pz_rng_init(&rng, seed, stream);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(pz_rng_normal(&rng) * deviation);
}

void pz_seq_theta_init(const struct pz_seq_net *net, uint64_t seed, float *theta)
{
    size_t d = net->d, f = net->f;
    /* Inputs of unit mean square give outputs of about one; what is added to the stream, twice a
     * layer, is smaller by sqrt(2 layers), so that its sum stays of the size of one. */
    double in = 1.0 / sqrt((double)d), down = 1.0 / sqrt(2.0 * (double)net->n_layers);

    for (size_t l = 0; l < net->n_layers; l++) {
        struct params p = params_of(net, l);

        fill_normal(theta + p.win, d * 3 * d, in, seed, 8 * l);
        fill_normal(theta + p.wout, d * d, in * down, seed, 8 * l + 1);
        fill_normal(theta + p.w1, d * 2 * f, in, seed, 8 * l + 2);
        fill_normal(theta + p.w2, f * d, down / sqrt((double)f), seed, 8 * l + 3);
        for (size_t k = 0; k < d; k++) /* memories from short to long: z from 0.7 to 0.1 */
            theta[p.bin + k] = (float)(1.0 - 3.0 * (double)k / (double)d);
    }
}

/* The memory of one layer's forward pass. */
struct layer {
    float *u1, *r1, *gate, *h, *y, *u2, *r2, *ab, *s;
    uint8_t *keep1, *keep2;
};

static size_t layer_floats(const struct pz_seq_net *net, size_t T)
{
    return T * (7 * net->d + 3 * net->f + 2);
}

/* Training keeps every layer for the way back; a query (`once`) uses one layer's memory again and
 * again. */
static struct layer layer_of(const struct pz_seq_net *net, const struct pz_seq_tape *t, size_t l)
{
    size_t T = t->T, d = net->d, f = net->f;
    float *at = t->layer + (t->once ? 0 : l) * layer_floats(net, T);
    struct layer y = { .u1 = at, .gate = at + T * d };

    y.h = y.gate + T * 3 * d;
    y.y = y.h + T * d;
    y.u2 = y.y + T * d;
    y.ab = y.u2 + T * d;
    y.s = y.ab + T * 2 * f;
    y.r1 = y.s + T * f;
    y.r2 = y.r1 + T;
    y.keep1 = t->keep + (1 + 2 * l) * T * d;
    y.keep2 = y.keep1 + T * d;
    return y;
}

static size_t round_up(size_t n)
{
    return (n + 15) / 16 * 16; /* floats of a cache line */
}

static size_t work_floats(const struct pz_seq_net *net, size_t T)
{
    /* The larger of what mix_back (out, dy, dgate) and widen_back (out, du, ds, dab) lay out; one
     * row more for the carry. */
    size_t a = 5 * net->d, b = 2 * net->d + 3 * net->f;

    return T * (a > b ? a : b) + net->d;
}

size_t pz_seq_tape_bytes(const struct pz_seq_net *net, size_t T, bool once)
{
    size_t td = T * net->d, n = round_up(td) * 2 + round_up(T);

    n += round_up(layer_floats(net, T) * (once ? 1 : net->n_layers));
    n += once ? round_up(T * net->d) : round_up(work_floats(net, T));
    return n * sizeof(float) + (once ? 0 : td * (1 + 2 * net->n_layers));
}

void pz_seq_tape_cut(const struct pz_seq_net *net, size_t T, bool once, void *block,
                     struct pz_seq_tape *t)
{
    float *at = block;

    t->T = T;
    t->once = once;
    t->x = at;
    at += round_up(T * net->d);
    t->q = at;
    at += round_up(T * net->d);
    t->r = at;
    at += round_up(T);
    t->layer = at;
    at += round_up(layer_floats(net, T) * (once ? 1 : net->n_layers));
    t->work = at;
    at += once ? round_up(T * net->d) : round_up(work_floats(net, T));
    t->keep = (uint8_t *)at;
}

/* The dropout bits of one place for all rows. */
static void draw(const struct pz_seq_pack *p, uint64_t place, size_t T, size_t d, uint8_t *keep)
{
    /* A byte of randomness for each cell, eight cells from one draw: the rate is rounded down to
     * 1/256. */
    unsigned limit = (unsigned)(p->dropout * 256.0f);

    for (size_t t = 0; t < T; t++) {
        uint64_t key = pz_rng_mix(p->seed ^ pz_rng_mix((p->row + t) * 64 + place));

        for (size_t k = 0; k < d; k += 8) {
            uint64_t bits = pz_rng_mix(key + k * 0x9e3779b97f4a7c15u);

            for (size_t b = 0; b < 8; b++)
                keep[t * d + k + b] = ((bits >> (8 * b)) & 255) >= limit;
        }
    }
}

static void add_dropped(const struct pz_seq_pack *p, uint8_t *keep, uint64_t place, const float *x,
                        size_t T, size_t d, float *out)
{
    if (p->dropout <= 0) {
        pz_seq_drop_add(x, NULL, 1, T * d, out);
        return;
    }
    draw(p, place, T, d, keep);
    pz_seq_drop_add(x, keep, 1.0f / (1.0f - p->dropout), T * d, out);
}

/* dy through a dropout of the forward pass. */
static void drop_back(const struct pz_seq_pack *p, const uint8_t *keep, const float *dx, size_t n,
                      float *out)
{
    pz_seq_drop(dx, p->dropout > 0 ? keep : NULL, 1.0f / (1.0f - p->dropout), n, out);
}

/* What comes after the last recurrence looks at single rows: a query needs the last one only. */
static void keep_last(struct pz_seq_tape *t, float *y, size_t d)
{
    size_t last = (t->rows - 1) * d;

    memmove(y, y + last, d * sizeof *y);
    memmove(t->x, t->x + last, d * sizeof *y);
    t->rows = 1;
}

static void mix(const struct pz_seq_net *net, const struct pz_seq_pack *p, struct pz_seq_tape *t,
                size_t l)
{
    struct layer y = layer_of(net, t, l);
    struct params w = params_of(net, l);
    size_t d = net->d, T = t->rows;

    pz_seq_norm(t->x, T, d, y.u1, y.r1);
    for (size_t i = 0; i < T; i++)
        /* The bias first, then the product adds to it: no pass of its own. */
        memcpy(y.gate + i * 3 * d, net->theta + w.bin, 3 * d * sizeof(float));
    multiply(net, l, WIN, false, T, 1, y.u1, y.gate);
    for (size_t s = 0; s < p->n_seq; s++) {
        size_t at = p->start[s];

        pz_seq_recur(&(struct pz_seq_scan){ p->start[s + 1] - at, d, p->weight + at,
                                            y.gate + at * 3 * d, y.h + at * d, y.y + at * d });
    }
    if (t->once && l + 1 == net->n_layers)
        keep_last(t, y.y, d);
    multiply(net, l, WOUT, false, t->rows, 0, y.y, t->work);
    add_dropped(p, y.keep1, 2 * l + 1, t->work, t->rows, d, t->x);
}

static void widen(const struct pz_seq_net *net, const struct pz_seq_pack *p, struct pz_seq_tape *t,
                  size_t l)
{
    struct layer y = layer_of(net, t, l);
    size_t d = net->d, f = net->f, T = t->rows;

    pz_seq_norm(t->x, T, d, y.u2, y.r2);
    multiply(net, l, W1, false, T, 0, y.u2, y.ab);
    pz_seq_glu(y.ab, T, f, y.s);
    multiply(net, l, W2, false, T, 0, y.s, t->work);
    add_dropped(p, y.keep2, 2 * l + 2, t->work, T, d, t->x);
}

void pz_seq_forward(const struct pz_seq_net *net, const struct pz_seq_pack *p,
                    struct pz_seq_tape *t)
{
    t->rows = p->start[p->n_seq];
    if (p->dropout > 0) {
        draw(p, 0, t->rows, net->d, t->keep);
        pz_seq_drop(t->x, t->keep, 1.0f / (1.0f - p->dropout), t->rows * net->d, t->x);
    }
    for (size_t l = 0; l < net->n_layers; l++) {
        mix(net, p, t, l);
        widen(net, p, t, l);
    }
    pz_seq_norm(t->x, t->rows, net->d, t->q, t->r);
}

/* Scratch of the way back: t1 [T * d], du [T * d], then the wide ones. */
static void widen_back(const struct pz_seq_net *net, const struct pz_seq_pack *p,
                       struct pz_seq_tape *t, size_t l, float *dx, float *grad)
{
    struct layer y = layer_of(net, t, l);
    struct params w = params_of(net, l);
    size_t d = net->d, f = net->f, T = p->start[p->n_seq];
    float *out = t->work, *du = out + T * d, *ds = du + T * d, *dab = ds + T * f;

    drop_back(p, y.keep2, dx, T * d, out);
    pz_gemm_atb((struct pz_gemm){ f, d, T, 0 }, y.s, out, grad + w.w2);
    multiply(net, l, W2, true, T, 0, out, ds);
    pz_seq_glu_back(y.ab, ds, T, f, dab);
    pz_gemm_atb((struct pz_gemm){ d, 2 * f, T, 0 }, y.u2, dab, grad + w.w1);
    multiply(net, l, W1, true, T, 0, dab, du);
    pz_seq_norm_back(du, y.u2, y.r2, T, d, dx);
}

static void mix_back(const struct pz_seq_net *net, const struct pz_seq_pack *p,
                     struct pz_seq_tape *t, size_t l, float *dx, float *grad)
{
    struct layer y = layer_of(net, t, l);
    struct params w = params_of(net, l);
    size_t d = net->d, T = p->start[p->n_seq];
    float *out = t->work, *dy = out + T * d, *dgate = dy + T * d, *carry = dgate + 3 * T * d;

    drop_back(p, y.keep1, dx, T * d, out);
    pz_gemm_atb((struct pz_gemm){ d, d, T, 0 }, y.y, out, grad + w.wout);
    multiply(net, l, WOUT, true, T, 0, out, dy);
    for (size_t s = 0; s < p->n_seq; s++) {
        size_t at = p->start[s];
        struct pz_seq_scan scan = { p->start[s + 1] - at, d,
                                    p->weight + at,       y.gate + at * 3 * d,
                                    y.h + at * d,         y.y + at * d };

        pz_seq_recur_back(&scan, dy + at * d, dgate + at * 3 * d, carry);
    }
    pz_gemm_atb((struct pz_gemm){ d, 3 * d, T, 0 }, y.u1, dgate, grad + w.win);
    memset(grad + w.bin, 0, 3 * d * sizeof *grad);
    for (size_t i = 0; i < T; i++)
        pz_seq_axpy(1, dgate + i * 3 * d, 3 * d, grad + w.bin);
    multiply(net, l, WIN, true, T, 0, dgate, dy);
    pz_seq_norm_back(dy, y.u1, y.r1, T, d, dx);
}

void pz_seq_backward(const struct pz_seq_net *net, const struct pz_seq_pack *p,
                     struct pz_seq_tape *t, float *dx, float *grad)
{
    size_t T = p->start[p->n_seq], d = net->d;

    memcpy(t->work, dx, T * d * sizeof *dx);
    /* pz_seq_norm_back adds: the residual stream's gradient collects what each layer sends back. */
    memset(dx, 0, T * d * sizeof *dx);
    pz_seq_norm_back(t->work, t->q, t->r, T, d, dx);
    for (size_t l = net->n_layers; l-- > 0;) {
        widen_back(net, p, t, l, dx, grad);
        mix_back(net, p, t, l, dx, grad);
    }
    drop_back(p, t->keep, dx, T * d, dx);
}

static size_t members(const struct pz_seq_net *net)
{
    return net->members > 1 ? net->members : 1;
}

size_t pz_seq_scores_bytes(const struct pz_seq_net *net, size_t window)
{
    return pz_seq_tape_bytes(net, window, true) + (window + members(net) * net->d) * sizeof(float);
}

/* One member's encoding of the history into out [d]. */
static void encode(const struct pz_seq_net *net, size_t member, const float *item,
                   const struct pz_seq_history *h, const float *weight, void *scratch, float *out)
{
    size_t d = net->d, n = h->n < h->window ? h->n : h->window, first = h->n - n;
    struct pz_seq_net one = *net;
    uint32_t start[2] = { 0, (uint32_t)n };
    struct pz_seq_pack pack = { .n_seq = 1, .start = start, .weight = weight };
    struct pz_seq_tape tape;

    one.theta += member * net->n_theta;
    pz_seq_tape_cut(net, h->window, true, scratch, &tape);
    memset(tape.x, 0, n * d * sizeof *tape.x);
    for (size_t i = 0; i < n; i++)
        /* Item vectors have length one; times sqrt(d) their mean square is about one, which is what
         * the layers expect. The same factor as in training (fit.c). */
        pz_seq_axpy(sqrtf((float)d),
                    item + ((size_t)h->item[first + i] * members(net) + member) * d, d,
                    tape.x + i * d);
    pz_seq_forward(&one, &pack, &tape);
    memcpy(out, tape.q, d * sizeof *out);
}

const float *pz_seq_vector(const struct pz_seq_net *net, const float *item,
                           const struct pz_seq_history *h, void *scratch)
{
    size_t n = h->n < h->window ? h->n : h->window, first = h->n - n;
    float *weight = (float *)((char *)scratch + pz_seq_tape_bytes(net, h->window, true)),
          *out = weight + h->window;

    for (size_t i = 0; i < n; i++)
        weight[i] = h->weight[first + i] < 1 ? h->weight[first + i] : 1.0f;
    for (size_t m = 0; m < members(net); m++)
        encode(net, m, item, h, weight, scratch, out + m * net->d);
    return out;
}

void pz_seq_scores(const struct pz_seq_net *net, const float *item, uint32_t n_items,
                   const struct pz_seq_history *h, void *scratch, float *out)
{
    pz_scan(item, pz_seq_vector(net, item, h, scratch), n_items, members(net) * net->d, out);
}

float pz_seq_product(const float *item, const float *x, size_t d)
{
    return pz_dot(item, x, d);
}

void pz_seq_scan(const float *item, uint32_t n_items, size_t d, const struct pz_seq_vectors *v)
{
    struct pz_scan_block block = { item, n_items, d, v->x, v->n, v->out };

    pz_scan_block(&block);
}
