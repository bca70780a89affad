/* SPDX-License-Identifier: Apache-2.0 */
/* The sequence encoder: every gradient against finite differences, the loss against its formula,
 * then the scorer as a whole. Gradients are compared along random directions: (L(x + hv) - L(x -
 * hv)) / 2h = g.v; in float with h = 1e-2 the two sides agree to about 1e-3, so 1e-2 tells a wrong
 * term from rounding. */
#include <math.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/par.h"
#include "base/rng.h"
#include "model/factors/factors.h"
#include "model/parts.h"
#include "model/sequence/batch.h"
#include "table/dict.h"
#include "tests/unit/unit.h"

static void fill(float *x, size_t n, double size, uint64_t seed)
{
    struct pz_rng rng;

    pz_rng_init(&rng, seed, 7);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(pz_rng_normal(&rng) * size);
}

static float *random_floats(size_t n, double size, uint64_t seed)
{
    float *x = pz_mem_array(n, sizeof *x);

    fill(x, n, size, seed);
    return x;
}

static double dot(const float *a, const float *b, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* loss(state) as a function of x[n]; its gradient g[n] is checked along three directions. */
static void check_gradient(float *x, size_t n, const float *g, double (*loss)(void *), void *state)
{
    const double h = 1e-2;
    float *was = pz_mem_copy(x, n, sizeof *x), *v = pz_mem_array(n, sizeof *v);

    for (uint64_t trial = 0; trial < 3; trial++) {
        double up, down, slope;

        fill(v, n, 1, 100 + trial);
        for (size_t i = 0; i < n; i++)
            x[i] = was[i] + (float)h * v[i];
        up = loss(state);
        for (size_t i = 0; i < n; i++)
            x[i] = was[i] - (float)h * v[i];
        down = loss(state);
        memcpy(x, was, n * sizeof *x);
        slope = dot(g, v, n);
        assert_true(fabs(slope) > 1e-3);
        assert_true(fabs((up - down) / (2 * h) - slope) <
                    1e-2 * (fabs(slope) + sqrt(dot(g, g, n))));
    }
    free(was);
    free(v);
}

/* ---- kernels ---- */

TEST(exp_agrees_with_the_library)
{
    float x[200], y[200];

    for (int i = 0; i < 200; i++)
        x[i] = y[i] = -59.0f + (float)i * 0.59f;
    pz_seq_exp(y, 200);
    for (int i = 0; i < 200; i++)
        assert_true(fabs((double)y[i] - exp((double)x[i])) < 3e-7 * exp((double)x[i]));
}

TEST(softmax_of_three_by_hand)
{
    float l[2] = { 0, logf(2) }, target = logf(3);

    assert_true(fabs(pz_seq_softmax(l, 2, &target) - log(2.0)) < 1e-6); /* 3 of 1 + 2 + 3 */
    assert_true(fabsf(l[0] - 1.0f / 6) < 1e-6f && fabsf(l[1] - 2.0f / 6) < 1e-6f);
    assert_true(fabsf(target - 0.5f) < 1e-6f);
}

/* d = 8, n = 2, one component worked out: z = 1/2, c = 2, g large: silu(g) = g. */
TEST(recurrence_by_hand)
{
    float gate[2 * 24] = { 0 }, h[16], y[16], weight[2] = { 1, 0.5f };
    struct pz_seq_scan s = { 2, 8, weight, gate, h, y };

    gate[8] = gate[24 + 8] = 2;
    gate[16] = gate[24 + 16] = 50;
    pz_seq_recur(&s);
    assert_true(fabsf(h[0] - 1) < 1e-6f);     /* 0 + 1/2 (2 - 0) */
    assert_true(fabsf(h[8] - 1.25f) < 1e-6f); /* 1 + 1/2 1/2 (2 - 1) */
    assert_true(fabsf(y[8] - 62.5f) < 1e-4f);
    assert_true(h[1] == 0 && y[1] == 0);
}

/* c = a b + beta c with a, b and c read by strides: element (i, j) of x is x[i * r + j * k]. */
static double product(const float *a, size_t ar, size_t ak, const float *b, size_t br, size_t bk,
                      size_t i, size_t j, size_t depth)
{
    double sum = 0;

    for (size_t p = 0; p < depth; p++)
        sum += (double)a[i * ar + p * ak] * (double)b[p * br + j * bk];
    return sum;
}

/* With B packed before, either way up, products are the same to the last bit. */
static void check_packed(struct pz_gemm s, const float *a, const float *b, const float *was,
                         float *const *want)
{
    float *packed = pz_mem_array(pz_gemm_packed(s.k, s.n), sizeof *packed);

    for (int across = 0; across < 2; across++) {
        float *c = pz_mem_copy(was, s.m * s.n, sizeof *c);

        pz_gemm_pack(s.k, s.n, b, across, packed);
        pz_gemm_with(s, a, packed, c);
        assert_memory_equal(c, want[across], s.m * s.n * sizeof *c);
        free(c);
    }
    free(packed);
}

/* Shapes around the sizes of tiles (6 x 16), panels (64) and slabs (256). */
TEST(products_are_sums)
{
    static const size_t shape[][3] = { { 1, 1, 1 },     { 5, 15, 3 },    { 7, 17, 255 },
                                       { 12, 64, 256 }, { 13, 65, 257 }, { 3, 130, 520 },
                                       { 1024, 3, 5 },  { 6, 16, 0 } };
    static const float beta[] = { 0, 1, 0.5f };

    for (size_t q = 0; q < 3 * sizeof shape / sizeof *shape; q++) {
        size_t m = shape[q / 3][0], n = shape[q / 3][1], k = shape[q / 3][2];
        struct pz_gemm s = { m, n, k, beta[q % 3] };
        float *a = random_floats(m * k, 1, 1), *b = random_floats(k * n, 1, 2),
              *was = random_floats(m * n, 1, 3);
        float *c[3] = { pz_mem_copy(was, m * n, 4), pz_mem_copy(was, m * n, 4),
                        pz_mem_copy(was, m * n, 4) };

        pz_gemm_ab(s, a, b, c[0]);
        pz_gemm_abt(s, a, b, c[1]);
        pz_gemm_atb(s, a, b, c[2]);
        check_packed(s, a, b, was, c);
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j < n; j++) {
                double old = (double)s.beta * (double)was[i * n + j];

                assert_true(fabs((double)c[0][i * n + j] - old -
                                 product(a, k, 1, b, n, 1, i, j, k)) < 1e-4);
                assert_true(fabs((double)c[1][i * n + j] - old -
                                 product(a, k, 1, b, 1, k, i, j, k)) < 1e-4);
                assert_true(fabs((double)c[2][i * n + j] - old -
                                 product(a, 1, m, b, n, 1, i, j, k)) < 1e-4);
            }
        free(a);
        free(b);
        free(was);
        for (size_t v = 0; v < 3; v++)
            free(c[v]);
    }
}

/* ---- loss ---- */

enum { LT = 70, LM = 19, LD = 8 };

struct loss_case {
    float q[LT * LD], target[LT * LD], cand[LM * LD], log_pi[LM], weight[LT];
    uint32_t slot[LT];
    float dq[LT * LD], dtarget[LT], dcand[LM * LD], work[PZ_SEQ_ROWS * LM];
};

static struct loss_case *loss_case(void)
{
    struct loss_case *c = calloc(1, sizeof *c);

    fill(c->q, LT * LD, 1, 1);
    fill(c->target, LT * LD, 1, 2);
    fill(c->cand, LM * LD, 1, 3);
    for (size_t t = 0; t < LT; t++) {
        c->slot[t] = t % 3 == 0 ? (uint32_t)(t % LM) : PZ_NONE;
        c->weight[t] = 0.01f + 0.001f * (float)t;
        if (c->slot[t] != PZ_NONE)
            memcpy(c->target + t * LD, c->cand + c->slot[t] * LD, LD * sizeof(float));
    }
    for (size_t j = 0; j < LM; j++)
        c->log_pi[j] = -0.1f * (float)j;
    return c;
}

static double run_loss(void *state)
{
    struct loss_case *c = state;
    float *packed = pz_mem_array(pz_gemm_packed(LM, LD), sizeof *packed),
          *across = pz_mem_array(pz_gemm_packed(LD, LM), sizeof *across);
    double loss;
    struct pz_seq_loss l = { .T = LT,
                             .M = LM,
                             .d = LD,
                             .scale = 0.5f,
                             .q = c->q,
                             .target = c->target,
                             .slot = c->slot,
                             .weight = c->weight,
                             .cand = packed,
                             .across = across,
                             .log_pi = c->log_pi,
                             .work = c->work,
                             .dq = c->dq,
                             .dtarget = c->dtarget,
                             .dcand = c->dcand };

    pz_gemm_pack(LM, LD, c->cand, false, packed);
    pz_gemm_pack(LD, LM, c->cand, true, across);
    loss = pz_seq_loss(&l);
    free(packed);
    free(across);
    return loss;
}

TEST(loss_is_the_formula)
{
    struct loss_case *c = loss_case();
    double sum = 0;

    for (size_t t = 0; t < LT; t++) {
        double own = exp(0.5 * dot(c->q + t * LD, c->target + t * LD, LD)), all = own;

        for (size_t j = 0; j < LM; j++)
            if (j != c->slot[t])
                all += exp(0.5 * dot(c->q + t * LD, c->cand + j * LD, LD) - (double)c->log_pi[j]);
        sum -= (double)c->weight[t] * log(own / all);
    }
    assert_true(fabs(run_loss(c) - sum) < 1e-5 * sum);
    free(c);
}

TEST(loss_gradients_are_its_slopes)
{
    struct loss_case *c = loss_case();
    float g[LT * LD];

    run_loss(c);
    memcpy(g, c->dq, sizeof g);
    check_gradient(c->q, LT * LD, g, run_loss, c);
    memcpy(g, c->dcand, sizeof c->dcand); /* targets are held still: their share is dtarget */
    check_gradient(c->cand, LM * LD, g, run_loss, c);
    for (size_t t = 0; t < LT; t++)
        for (size_t k = 0; k < LD; k++)
            g[t * LD + k] = c->dtarget[t] * c->q[t * LD + k];
    check_gradient(c->target, LT * LD, g, run_loss, c);
    free(c);
}

/* ---- the network ---- */

enum { ND = 16, NF = 24, NL = 2, NT = 11 };

struct net_case {
    struct pz_seq_net net;
    struct pz_seq_pack pack;
    struct pz_seq_tape tape;
    float *theta, *x, *r, *block;
};

static const uint32_t starts[] = { 0, 4, 5, NT };
static const float weights[NT] = { 1, 0.5f, 1, 1, 1, 0.2f, 1, 1, 0.7f, 1, 1 };

static struct net_case net_case(float dropout)
{
    struct net_case c = { .net = { ND, NF, NL, pz_seq_theta(ND, NF, NL), 1, NULL, NULL },
                          .pack = { 3, starts, weights, dropout, 5, 40 } };

    c.net.theta = c.theta = pz_mem_array(c.net.n_theta, sizeof *c.theta);
    pz_seq_theta_init(&c.net, 3, c.theta);
    c.x = random_floats(NT * ND, 1, 4);
    c.r = random_floats(NT * ND, 1, 5);
    c.block = pz_mem_array(pz_seq_tape_bytes(&c.net, NT, false), 1);
    pz_seq_tape_cut(&c.net, NT, false, c.block, &c.tape);
    return c;
}

static void net_clear(struct net_case *c)
{
    free(c->theta);
    free(c->x);
    free(c->r);
    free(c->block);
}

/* q . r */
static double run_net(void *state)
{
    struct net_case *c = state;

    memcpy(c->tape.x, c->x, NT * ND * sizeof(float));
    pz_seq_forward(&c->net, &c->pack, &c->tape);
    return dot(c->tape.q, c->r, NT * ND);
}

TEST(packed_matrices_change_no_bit)
{
    struct net_case c = net_case(0.2f);
    float *packed = pz_mem_array(pz_seq_packed(&c.net), sizeof *packed), *dx[2], *grad[2];

    for (size_t k = 0; k < pz_seq_pack_jobs(&c.net); k++)
        pz_seq_pack(&c.net, k, packed);
    for (int way = 0; way < 2; way++) {
        c.net.packed = way ? packed : NULL;
        dx[way] = pz_mem_copy(c.r, NT * ND, sizeof **dx);
        grad[way] = pz_mem_array(c.net.n_theta, sizeof **grad);
        run_net(&c);
        pz_seq_backward(&c.net, &c.pack, &c.tape, dx[way], grad[way]);
    }
    assert_memory_equal(dx[0], dx[1], NT * ND * sizeof **dx);
    assert_memory_equal(grad[0], grad[1], c.net.n_theta * sizeof **grad);
    for (int way = 0; way < 2; way++) {
        free(dx[way]);
        free(grad[way]);
    }
    free(packed);
    net_clear(&c);
}

static void check_net(float dropout)
{
    struct net_case c = net_case(dropout);
    float *grad = pz_mem_array(c.net.n_theta, sizeof *grad),
          *dx = pz_mem_copy(c.r, NT * ND, sizeof *dx);
    size_t layer = c.net.n_theta / NL, at = 0;
    size_t block[] = { ND * 3 * ND, 3 * ND, ND * ND, ND * 2 * NF, NF * ND };

    run_net(&c);
    pz_seq_backward(&c.net, &c.pack, &c.tape, dx, grad);
    check_gradient(c.x, NT * ND, dx, run_net, &c);
    for (size_t b = 0; b < 2 * 5; b++) { /* each matrix of each layer */
        check_gradient(c.theta + at, block[b % 5], grad + at, run_net, &c);
        at += block[b % 5];
    }
    assert_int_equal(at, NL * layer);
    free(grad);
    free(dx);
    net_clear(&c);
}

TEST(gradients_of_every_matrix_are_its_slopes)
{
    check_net(0);
}

TEST(gradients_hold_under_dropout)
{
    check_net(0.3f);
}

TEST(a_row_sees_its_own_past_only)
{
    struct net_case c = net_case(0);
    float *q;

    run_net(&c);
    q = pz_mem_copy(c.tape.q, NT * ND, sizeof *q);
    c.x[7 * ND] += 1; /* third history, its third event */
    run_net(&c);
    assert_memory_equal(q, c.tape.q, 7 * ND * sizeof *q);
    for (size_t t = 7; t < NT; t++)
        assert_memory_not_equal(q + t * ND, c.tape.q + t * ND, ND * sizeof *q);
    free(q);
    net_clear(&c);
}

TEST(a_query_is_the_last_row_of_a_whole_pass)
{
    struct net_case c = net_case(0);
    void *block = pz_mem_array(pz_seq_scores_bytes(&c.net, NT), 1);
    float out[NT], expected[NT], *unit = pz_mem_copy(c.x, NT * ND, sizeof *unit);
    static const uint32_t item[] = { 5, 6, 7, 8, 9, 10 };
    struct pz_seq_history h = { item, weights + 5, 6, 6 };

    for (size_t i = 0; i < NT * ND; i++)
        unit[i] /= sqrtf(ND);
    run_net(&c);
    pz_scan(unit, c.tape.q + (NT - 1) * ND, NT, ND, expected);
    pz_seq_scores(&c.net, unit, NT, &h, block, out);
    for (size_t i = 0; i < NT; i++)
        assert_true(fabsf(out[i] - expected[i]) < 1e-4f);
    free(unit);
    free(block);
    net_clear(&c);
}

TEST(dropout_bits_belong_to_rows_not_to_packs)
{
    struct net_case c = net_case(0.3f);
    static const uint32_t last[] = { 0, NT - 5 };
    float *q;

    run_net(&c);
    q = pz_mem_copy(c.tape.q, NT * ND, sizeof *q);
    c.pack = (struct pz_seq_pack){ 1, last, weights + 5, 0.3f, 5, 45 };
    memcpy(c.tape.x, c.x + 5 * ND, (NT - 5) * ND * sizeof(float));
    pz_seq_forward(&c.net, &c.pack, &c.tape);
    assert_memory_equal(q + 5 * ND, c.tape.q, (NT - 5) * ND * sizeof *q);
    free(q);
    net_clear(&c);
}

/* ---- features ---- */

TEST(features_share_a_length_of_one)
{
    static const uint64_t list[] = { 0, 2, 3, 3, 4 };
    static const uint32_t code[] = { 0, 1, 1, 2 };
    static const uint64_t value_at[] = { 0, 1, 2, 3 };
    static const double sale[] = { 1, 1, 0, (double)NAN };
    struct pz_attr attr[2] = { { .name = "GENRE",
                                 .kind = PZ_ATTR_CATEGORY,
                                 .ptr = list,
                                 .code = code,
                                 .values = { 3, value_at, "xyz", NULL, NULL, NULL } },
                               { .name = "SALE", .kind = PZ_ATTR_BOOL, .num = sale } };
    struct pz_attrs attrs = { .n_attrs = 2, .n_rows = 4, .attr = attr };
    struct pz_seq_features f;

    assert_int_equal(pz_seq_features_make(&attrs, 4, &f, NULL), PZ_OK);
    assert_int_equal(f.n, 2); /* y and SALE; x and z have one item each */
    assert_int_equal(f.ptr[1], 2);
    assert_int_equal(f.ptr[2], 4);
    assert_int_equal(f.ptr[4], 4);
    assert_int_equal(f.id[0], 0);
    assert_int_equal(f.id[1], 1);
    assert_true(fabsf(f.weight[0] - sqrtf(0.5f)) < 1e-6f &&
                fabsf(f.weight[1] - sqrtf(0.5f)) < 1e-6f);
    pz_seq_features_clear(&f);
}

/* ---- batches ---- */

enum { USERS = 60, LENGTH = 8, ITEMS = 20, MORE = 4 };

struct shop {
    struct pz_corpus c;
    uint64_t ptr[USERS + MORE + 1];
    uint32_t item[(USERS + MORE) * LENGTH];
    int64_t time[(USERS + MORE) * LENGTH];
    float weight[(USERS + MORE) * LENGTH];
};

/* Everybody walks round a ring of items, from somewhere: after i comes i + 1. */
static struct shop *ring(uint32_t n_users, uint32_t n_items)
{
    struct shop *s = calloc(1, sizeof *s);

    for (uint32_t u = 0; u < n_users; u++) {
        s->ptr[u + 1] = s->ptr[u] + LENGTH;
        for (uint32_t k = 0; k < LENGTH; k++) {
            s->item[u * LENGTH + k] = (u * 7 + k) % n_items;
            s->time[u * LENGTH + k] = k;
            s->weight[u * LENGTH + k] = 1;
        }
    }
    s->c = (struct pz_corpus){ .n_users = n_users,
                               .n_items = n_items,
                               .ptr = s->ptr,
                               .item = s->item,
                               .time = s->time,
                               .weight = s->weight,
                               .ordered = true };
    return s;
}

static void settings(double *value)
{
    pz_scorer_defaults(&pz_sequence, value);
    value[PZ_SEQ_DIM] = 16;
    value[PZ_SEQ_HIDDEN] = 16;
    value[PZ_SEQ_LAYERS] = 1;
    value[PZ_SEQ_BATCH] = 64;
    value[PZ_SEQ_RATE] = 0.02;
    value[PZ_SEQ_EPOCHS] = 15;
    value[PZ_SEQ_DROPOUT] = 0.1;
}

TEST(an_epoch_sees_every_pair_once)
{
    struct shop *s = ring(USERS, ITEMS);
    double value[PZ_SEQ_N];
    struct pz_fit_cfg cfg = { .value = value, .seed = 3 };
    struct pz_seq_data data;
    struct pz_seq_step step;
    uint32_t seen = 0;

    settings(value);
    value[PZ_SEQ_WINDOW] = 3;
    value[PZ_SEQ_NEGATIVES] = 5;
    assert_int_equal(pz_seq_data_init(&data, &s->c, &cfg, NULL), PZ_OK);
    assert_int_equal(pz_seq_step_init(&step, &data, NULL), PZ_OK);
    pz_seq_epoch(&data, 1);
    while (pz_seq_next(&data, &step)) {
        double total = 0;

        for (uint32_t t = 0; t < step.T; t++) {
            assert_int_equal(step.item[step.target[t]], (step.item[step.in[t]] + 1) % ITEMS);
            total += (double)step.w_out[t];
        }
        assert_true(fabs(total - 1) < 1e-5);
        assert_true(step.n_cand > 0 && step.n_cand <= 5);
        seen += step.T;
    }
    assert_int_equal(seen, USERS * (LENGTH - 1));
    assert_int_equal(data.n_pairs, seen);
    pz_seq_step_clear(&step);
    pz_seq_data_clear(&data);
    free(s);
}

/* ---- the scorer ---- */

static void *fit(const struct pz_corpus *c, const double *value, double limit_s)
{
    struct pz_fit_cfg cfg = { .value = value, .seed = 11, .time_limit_s = limit_s };
    void *part = NULL;

    assert_int_equal(pz_sequence.fit(c, &cfg, &part, NULL), PZ_OK);
    return part;
}

/* Scores of all items after a history; out: [n_items]. */
static bool ask(const void *part, const uint32_t *hist, size_t n, uint32_t n_items, float *out)
{
    float weight[LENGTH] = { 1, 1, 1, 1, 1, 1, 1, 1 };
    struct pz_query q = { .n_hist = n, .hist = hist, .hist_weight = weight };
    void *scratch = pz_mem_array(pz_sequence.scratch_bytes(part), 1);
    bool said;

    memset(out, 0, n_items * sizeof *out);
    said = pz_sequence.score(part, &q, scratch, out);
    free(scratch);
    return said;
}

static void assert_knows_the_ring(const void *part)
{
    float out[ITEMS];

    for (uint32_t i = 0; i < ITEMS; i++) {
        uint32_t hist[2] = { (i + ITEMS - 1) % ITEMS, i }, best = 0;

        assert_true(ask(part, hist, 2, ITEMS, out));
        for (uint32_t j = 1; j < ITEMS; j++)
            best = out[j] > out[best] ? j : best;
        assert_int_equal(best, (i + 1) % ITEMS);
        assert_true(fabsf(out[best] - 1) < 1e-6f);
    }
}

TEST(a_planted_order_is_learned)
{
    struct shop *s = ring(USERS, ITEMS);
    double value[PZ_SEQ_N];
    void *part;

    settings(value);
    part = fit(&s->c, value, 0);
    assert_knows_the_ring(part);
    pz_sequence.free(part);
    free(s);
}

TEST(the_part_is_the_same_at_any_thread_count)
{
    static const int threads[] = { 1, 2, 4 };
    struct shop *s = ring(USERS, ITEMS);
    double value[PZ_SEQ_N];
    struct pz_seq_part *part[3];

    settings(value);
    value[PZ_SEQ_EPOCHS] = 2;
    for (int k = 0; k < 3; k++) {
        pz_par_set(threads[k]);
        part[k] = fit(&s->c, value, 0);
    }
    pz_par_set(0);
    for (int k = 1; k < 3; k++) {
        assert_memory_equal(part[0]->item, part[k]->item, ITEMS * part[0]->net.d * sizeof(float));
        assert_memory_equal(part[0]->net.theta, part[k]->net.theta,
                            part[0]->net.n_theta * sizeof(float));
    }
    for (int k = 0; k < 3; k++)
        pz_sequence.free(part[k]);
    free(s);
}

TEST(a_saved_part_scores_as_before)
{
    struct shop *s = ring(USERS, ITEMS);
    double value[PZ_SEQ_N];
    uint32_t hist[3] = { 4, 5, 6 };
    float before[ITEMS], after[ITEMS];
    char path[] = "/tmp/pz-sequence-XXXXXX";
    struct pz_writer *w = NULL;
    struct pz_table *t = NULL;
    void *part, *back = NULL;

    settings(value);
    value[PZ_SEQ_EPOCHS] = 2;
    part = fit(&s->c, value, 0);
    assert_true(ask(part, hist, 3, ITEMS, before));
    close(mkstemp(path));
    assert_int_equal(pz_writer_open(path, "modl", 0, &w, NULL), PZ_OK);
    assert_int_equal(pz_sequence.save(part, w, NULL), PZ_OK);
    assert_int_equal(pz_writer_commit(w, NULL), PZ_OK);
    assert_int_equal(pz_table_open(path, "modl", &t, NULL), PZ_OK);
    assert_int_equal(pz_sequence.load(t, ITEMS + 1, &back, NULL), PZ_BAD_DATA);
    assert_null(back);
    assert_int_equal(pz_sequence.load(t, ITEMS, &back, NULL), PZ_OK);
    assert_true(ask(back, hist, 3, ITEMS, after));
    assert_memory_equal(before, after, sizeof before);
    pz_sequence.free(back);
    pz_sequence.free(part);
    pz_table_close(t);
    unlink(path);
    free(s);
}

TEST(at_the_time_limit_the_state_so_far_is_a_valid_part)
{
    struct shop *s = ring(USERS, ITEMS);
    double value[PZ_SEQ_N];
    uint32_t hist[1] = { 4 };
    float out[ITEMS];
    struct pz_seq_part *part;

    settings(value);
    value[PZ_SEQ_EPOCHS] = 1000; /* would take minutes */
    part = fit(&s->c, value, 1e-9);
    assert_true(dot(part->item, part->item, ITEMS * part->net.d) > 1);
    assert_true(ask(part, hist, 1, ITEMS, out));
    for (uint32_t i = 0; i < ITEMS; i++)
        assert_true(isfinite(out[i]) && out[i] >= 0);
    pz_sequence.free(part);
    free(s);
}

/* Stopped before its first step, a part holds the places where training begins. */
TEST(items_start_in_the_directions_of_factors)
{
    struct shop *s = ring(USERS, ITEMS);
    double value[PZ_SEQ_N], of_factors[PZ_FACTORS_N];
    struct pz_fit_cfg cfg = { .value = of_factors, .seed = 11 };
    struct pz_seq_part *part;
    void *factors = NULL;
    const float *v;
    uint32_t d;

    settings(value);
    part = fit(&s->c, value, 1e-9);
    pz_scorer_defaults(&pz_factors, of_factors);
    of_factors[PZ_FACTORS_DIM] = value[PZ_SEQ_DIM];
    assert_int_equal(pz_factors.fit(&s->c, &cfg, &factors, NULL), PZ_OK);
    v = pz_factors.vectors(factors, &d);
    for (uint32_t i = 0; i < ITEMS; i++)
        assert_true(dot(part->item + i * d, v + i * d, d) >
                    0.9 * sqrt(dot(v + i * d, v + i * d, d)));
    pz_factors.free(factors);
    pz_sequence.free(part);
    free(s);
}

/* 1,000 pairs of the ring's 420 a pass, however many passes are allowed. */
TEST(pairs_limit_the_passes)
{
    static const double epochs[] = { 3, 4, 2 };
    struct shop *s = ring(USERS, ITEMS);
    double value[PZ_SEQ_N];
    struct pz_seq_part *part[3];
    size_t bytes;

    settings(value);
    value[PZ_SEQ_PAIRS] = 0.001;
    for (int k = 0; k < 3; k++) {
        value[PZ_SEQ_EPOCHS] = epochs[k];
        part[k] = fit(&s->c, value, 0);
    }
    bytes = part[0]->net.n_theta * sizeof(float);
    assert_memory_equal(part[0]->net.theta, part[1]->net.theta, bytes);
    assert_memory_not_equal(part[0]->net.theta, part[2]->net.theta, bytes);
    for (int k = 0; k < 3; k++)
        pz_sequence.free(part[k]);
    free(s);
}

/* Half, then on to the whole: the first half is that of a training by itself, up to its last bit,
 * and the planted order is known as well as from one go. */
TEST(learning_goes_on_where_it_stood)
{
    struct shop *s = ring(USERS, ITEMS);
    double value[PZ_SEQ_N];
    struct pz_fit_cfg cfg = { .value = value, .seed = 11, .goes_on = true };
    struct pz_seq_part *half;
    void *part = NULL;
    size_t bytes;

    settings(value);
    value[PZ_SEQ_PAIRS] = 420e-6 * value[PZ_SEQ_EPOCHS] / 2;
    half = fit(&s->c, value, 0);
    bytes = half->net.n_theta * sizeof(float);
    assert_int_equal(pz_sequence.fit(&s->c, &cfg, &part, NULL), PZ_OK);
    assert_memory_equal(((struct pz_seq_part *)part)->net.theta, half->net.theta, bytes);
    value[PZ_SEQ_PAIRS] *= 2;
    cfg.goes_on = false;
    assert_int_equal(pz_sequence.more(part, &s->c, &cfg, NULL), PZ_OK);
    assert_memory_not_equal(((struct pz_seq_part *)part)->net.theta, half->net.theta, bytes);
    assert_null(((struct pz_seq_part *)part)->trainer[0]);
    assert_knows_the_ring(part);
    pz_sequence.free(part);
    pz_sequence.free(half);
    free(s);
}

/* Every second user walks the ring backwards now. */
static void turn_half(struct shop *s, uint32_t *old_item, uint64_t *first_new)
{
    for (uint32_t i = 0; i < ITEMS; i++)
        old_item[i] = i;
    for (uint32_t u = 0; u < USERS; u++) {
        uint64_t from = s->c.ptr[u], to = s->c.ptr[u + 1];

        first_new[u] = u % 2 ? to : from;
        for (uint64_t k = 0; k < (to - from) / 2 && u % 2 == 0; k++) {
            uint32_t item = s->item[from + k];

            s->item[from + k] = s->item[to - 1 - k];
            s->item[to - 1 - k] = item;
        }
    }
}

/* What the part says of one more step after two in the same direction (step 1, or ITEMS - 1 for
 * backwards), over all items. */
static double belief_in_going(const void *part, uint32_t step)
{
    float out[ITEMS];
    double sum = 0;

    for (uint32_t i = 0; i < ITEMS; i++) {
        uint32_t hist[2] = { (i + ITEMS - step) % ITEMS, i };

        assert_true(ask(part, hist, 2, ITEMS, out));
        sum += (double)out[(i + step) % ITEMS];
    }
    return sum / ITEMS;
}

TEST(an_update_with_time_learns_from_what_is_new_and_forgets_nothing)
{
    static const int threads[] = { 1, 4 };
    struct shop *s = ring(USERS, ITEMS);
    double value[PZ_SEQ_N];
    uint32_t old_item[ITEMS];
    uint64_t first_new[USERS];
    struct pz_delta delta = { .old_item = old_item, .first_new = first_new };
    struct pz_fit_cfg cfg = { .value = value, .seed = 11 };
    struct pz_seq_part *part[2];
    void *old, *still = NULL;

    settings(value);
    value[PZ_SEQ_MEMBERS] = 2;
    old = fit(&s->c, value, 0);
    turn_half(s, old_item, first_new);
    assert_int_equal(pz_sequence.update(old, &s->c, &delta, &cfg, &still, NULL), PZ_OK);
    assert_memory_equal(((struct pz_seq_part *)still)->net.theta,
                        ((struct pz_seq_part *)old)->net.theta,
                        ((struct pz_seq_part *)old)->net.n_theta * sizeof(float));
    cfg.learn_s = 1000; /* the passes end before */
    for (int k = 0; k < 2; k++) {
        void *p = NULL;

        pz_par_set(threads[k]);
        assert_int_equal(pz_sequence.update(old, &s->c, &delta, &cfg, &p, NULL), PZ_OK);
        part[k] = p;
    }
    pz_par_set(0);
    assert_memory_equal(part[0]->item, part[1]->item, ITEMS * part[0]->width * sizeof(float));
    assert_true(belief_in_going(part[0], ITEMS - 1) > 1.5 * belief_in_going(still, ITEMS - 1));
    assert_true(belief_in_going(part[0], 1) > 0.9 * belief_in_going(still, 1));
    for (int k = 0; k < 2; k++)
        pz_sequence.free(part[k]);
    pz_sequence.free(still);
    pz_sequence.free(old);
    free(s);
}

/* A second member joins what is there, as if both had been asked for at once; what an item scores
 * is the mean of what it scores with each. */
TEST(members_are_encoders_whose_products_add_up)
{
    struct shop *s = ring(USERS, ITEMS);
    double value[PZ_SEQ_N];
    struct pz_fit_cfg cfg = { .value = value, .seed = 11, .goes_on = true };
    const uint32_t hist[] = { 4, 5, 6 };
    const float weight[] = { 1, 1, 1 };
    struct pz_seq_history h = { hist, weight, 3, 8 };
    void *grown = NULL;
    struct pz_seq_part *both, *p, *one;
    float sum[ITEMS], out[ITEMS], *own;
    size_t d;

    settings(value);
    value[PZ_SEQ_EPOCHS] = 2;
    one = fit(&s->c, value, 0);
    assert_int_equal(pz_sequence.fit(&s->c, &cfg, &grown, NULL), PZ_OK);
    value[PZ_SEQ_MEMBERS] = 2;
    assert_int_equal(pz_sequence.more(grown, &s->c, &cfg, NULL), PZ_OK);
    both = fit(&s->c, value, 0);
    p = grown;
    d = one->net.d;
    assert_int_equal(both->width, 2 * d);
    assert_memory_equal(p->item, both->item, ITEMS * both->width * sizeof(float));
    assert_memory_equal(p->net.theta, both->net.theta, 2 * both->net.n_theta * sizeof(float));
    assert_memory_equal(one->item, both->item, d * sizeof(float));
    assert_memory_not_equal(both->item, both->item + d, d * sizeof(float));
    own = malloc(ITEMS * d * sizeof *own);
    memset(sum, 0, sizeof sum);
    for (size_t m = 0; m < 2; m++) {
        struct pz_seq_net net = both->net;
        void *scratch = aligned_alloc(64, (pz_seq_scores_bytes(&net, 8) + 63) / 64 * 64);

        for (size_t i = 0; i < ITEMS; i++)
            memcpy(own + i * d, both->item + i * both->width + m * d, d * sizeof *own);
        net.members = 1;
        net.theta += m * net.n_theta;
        pz_seq_scores(&net, own, ITEMS, &h, scratch, out);
        for (size_t i = 0; i < ITEMS; i++)
            sum[i] += out[i] / 2;
        free(scratch);
    }
    assert_true(ask(both, hist, 3, ITEMS, out));
    for (size_t i = 0; i < ITEMS; i++)
        for (size_t k = 0; k < ITEMS;
             k++) /* the same order, and ratios as the temperature has them */
            assert_true(fabs(log((double)out[i] / (double)out[k]) * both->set[PZ_SEQ_TAU] *
                                 sqrt((double)d) * both->set[PZ_SEQ_TEMPERATURE] -
                             (double)(sum[i] - sum[k])) < 1e-2);
    free(own);
    pz_sequence.free(grown);
    pz_sequence.free(both);
    pz_sequence.free(one);
    free(s);
}

/* Files from before there were members lack the last setting. */
TEST(a_file_without_members_has_one)
{
    struct shop *s = ring(USERS, ITEMS);
    double value[PZ_SEQ_N];
    const uint32_t hist[] = { 4, 5, 6 };
    float before[ITEMS], after[ITEMS];
    struct pz_seq_part *p;
    void *back = NULL;

    settings(value);
    value[PZ_SEQ_EPOCHS] = 2;
    p = fit(&s->c, value, 0);
    assert_true(ask(p, hist, 3, ITEMS, before));
    for (uint64_t n = PZ_SEQ_MEMBERS - 1; n <= PZ_SEQ_MEMBERS; n++) {
        char path[] = "/tmp/pz-sequence-XXXXXX";
        struct pz_writer *w = NULL;
        struct pz_table *t = NULL;

        close(mkstemp(path));
        assert_int_equal(pz_writer_open(path, "modl", 0, &w, NULL), PZ_OK);
        assert_int_equal(pz_writer_add(w, "sequence/set", PZ_F64, p->set, n, NULL), PZ_OK);
        assert_int_equal(pz_writer_add(w, "sequence/net", PZ_F32, p->net.theta, p->net.n_theta,
                                       NULL),
                         PZ_OK);
        assert_int_equal(pz_writer_add(w, "sequence/items", PZ_F32, p->item, ITEMS * p->width,
                                       NULL),
                         PZ_OK);
        assert_int_equal(pz_writer_commit(w, NULL), PZ_OK);
        assert_int_equal(pz_table_open(path, "modl", &t, NULL), PZ_OK);
        assert_int_equal(pz_sequence.load(t, ITEMS, &back, NULL),
                         n == PZ_SEQ_MEMBERS ? PZ_OK : PZ_BAD_DATA);
        if (back) {
            assert_true(ask(back, hist, 3, ITEMS, after));
            assert_memory_equal(before, after, sizeof before);
            pz_sequence.free(back);
        }
        pz_table_close(t);
        unlink(path);
    }
    pz_sequence.free(p);
    free(s);
}

TEST(tiny_corpora_give_valid_parts)
{
    static const uint32_t size[][2] = {
        { 0, 3 }, { 1, 1 }, { 2, 1 }, { 1, 20 }
    }; /* users, items */
    double value[PZ_SEQ_N];
    float out[ITEMS];
    uint32_t hist[1] = { 0 };

    settings(value);
    value[PZ_SEQ_EPOCHS] = 2;
    for (size_t k = 0; k < sizeof size / sizeof *size; k++) {
        struct shop *s = ring(size[k][0], size[k][1]);
        void *part = fit(&s->c, value, 0);

        assert_false(ask(part, hist, 0, size[k][1], out));
        ask(part, hist, 1, size[k][1], out);
        for (uint32_t i = 0; i < size[k][1]; i++)
            assert_true(isfinite(out[i]) && out[i] >= 0);
        pz_sequence.free(part);
        free(s);
    }
}

/* Item 19 never happens but has the genre of items 0 to 3; item 18 never happens and has none. */
TEST(items_without_events_follow_their_features)
{
    static const uint32_t code[] = { 0, 0, 0, 0, 0 };
    static const uint64_t value_at[] = { 0, 1 };
    uint64_t list[ITEMS + 1];
    struct pz_attr attr = { .name = "GENRE",
                            .kind = PZ_ATTR_CATEGORY,
                            .ptr = list,
                            .code = code,
                            .values = { 1, value_at, "x", NULL, NULL, NULL } };
    struct pz_attrs attrs = { .n_attrs = 1, .n_rows = ITEMS, .attr = &attr };
    struct shop *s = ring(USERS, ITEMS - 2);
    double value[PZ_SEQ_N];
    uint32_t hist[2] = { 16, 17 }; /* now comes 0 */
    float out[ITEMS];
    void *part;

    for (uint64_t i = 0; i <= ITEMS; i++)
        list[i] = i <= 4 ? i : i < ITEMS ? 4 : 5;
    settings(value);
    s->c.n_items = ITEMS;
    s->c.item_attrs = &attrs;
    part = fit(&s->c, value, 0);
    assert_true(ask(part, hist, 2, ITEMS, out));
    assert_true(out[0] > out[19]);
    assert_true(out[19] > out[18]);
    pz_sequence.free(part);
    free(s);
}

/* Nineteen items in a ring are learned; then a new one, first in the dictionary, comes between 4
 * and 5. */
TEST(an_update_places_new_items_by_their_neighbours)
{
    struct shop *s = ring(USERS, ITEMS - 1), *more = ring(USERS + MORE, ITEMS - 1);
    double value[PZ_SEQ_N];
    uint32_t old_item[ITEMS], hist[2] = { 3, 4 };
    uint64_t first_new[USERS + MORE];
    float before[ITEMS - 1], after[ITEMS];
    struct pz_fit_cfg cfg = { .value = value };
    void *part, *newer = NULL;

    settings(value);
    part = fit(&s->c, value, 0);
    for (uint32_t i = 0; i < ITEMS; i++)
        old_item[i] = i == 0 ? PZ_NONE : i - 1;
    for (uint64_t p = 0; p < more->ptr[USERS + MORE]; p++)
        more->item[p]++;
    more->c.n_items = ITEMS;
    for (uint32_t u = 0; u < USERS + MORE; u++) {
        first_new[u] = more->ptr[u + (u < USERS)];
        for (uint32_t k = 0; k < 3 && u >= USERS; k++)
            more->item[more->ptr[u] + k] = (const uint32_t[]){ 5, 0, 6 }[k];
    }
    assert_int_equal(pz_sequence.update(part, &more->c,
                                        &(struct pz_delta){ .old_item = old_item,
                                                            .first_new = first_new },
                                        &cfg, &newer, NULL),
                     PZ_OK);
    assert_true(ask(part, hist, 2, ITEMS - 1, before));
    hist[0]++, hist[1]++;
    assert_true(ask(newer, hist, 2, ITEMS, after));
    assert_memory_equal(before, after + 1, sizeof before);
    for (uint32_t i = 9; i < ITEMS; i++) /* far from 4 and 5 */
        assert_true(after[0] > after[i]);
    pz_sequence.free(part);
    pz_sequence.free(newer);
    free(s);
    free(more);
}

/* Half a million events and a few less or more: the least number of passes does not hang on the
 * size. */
TEST(data_of_every_size_are_read_several_times)
{
    for (uint64_t n = 1000; n <= 4000000; n *= 2) {
        uint64_t ptr[2] = { 0, n };
        struct pz_corpus c = { .n_users = 1, .ptr = ptr };
        struct pz_setup setup = { .corpus = &c };
        struct pz_choice choice;

        pz_choice_init(&choice, &pz_sequence);
        pz_sequence.start(&setup, &choice);
        assert_true(1e6 * choice.value[PZ_SEQ_PAIRS] >= 2.99 * (double)n);
        assert_true(choice.high[PZ_SEQ_PAIRS] >= choice.value[PZ_SEQ_PAIRS]);
    }
}
