/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/rng.h"
#include "model/parts.h"
#include "model/transitions/gram.h"
#include "model/transitions/transitions.h"
#include "scorer_fixture.h"
#include "tests/unit/unit.h"

enum { A, B, C, D };

/* Settings that leave the plain formulas, then pairs. */
static const char *const names[] = { "ridge",       "decay",  "symmetric",  "window", "source_norm",
                                     "target_norm", "keep",   "neighbours", "lambda", "user_norm",
                                     "half_life",   "repeat", "attributes", NULL };
enum { N_NAMES = 13 };

/* One user's events weigh 1, times go 0, 1, 2, ..., nothing is scaled. */
static const double plain[N_NAMES] = { 0, 0.5, 0.25, 50, 0, 0, 4096, 2000, 2, 0, 0, 0, 0 };

static void fit_with(struct fitted *f, const struct pz_corpus *c, const double *value)
{
    fitted_settings(f, &pz_transitions, names, value);
    fitted_fit(f, c);
}

/* The plain settings with one changed. */
static void fit_but(struct fitted *f, const struct pz_corpus *c, const char *name, double x)
{
    double value[N_NAMES];

    memcpy(value, plain, sizeof value);
    for (size_t i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0)
            value[i] = x;
    fit_with(f, c, value);
}

static double entry(const struct pz_csr *l, uint32_t list, uint32_t item)
{
    for (uint64_t k = l->ptr[list]; k < l->ptr[list + 1]; k++)
        if (l->item[k] == item)
            return (double)l->value[k];
    return 0;
}

/* The same of packed rows. */
static double gram_entry(const struct pz_gram *g, uint32_t row, uint32_t item)
{
    struct pz_entry *e = calloc(g->most + 1, sizeof *e);
    uint32_t n = pz_gram_entries(g, row, e);
    double value = 0;

    for (uint32_t k = 0; k < n; k++)
        value = e[k].item == item ? (double)e[k].value : value;
    free(e);
    return value;
}

static double count_of(const struct fitted *f, uint32_t from, uint32_t to)
{
    return entry(&((const struct pz_trans *)f->part)->counts, from, to);
}

/* ---- counts ---- */

TEST(counts_of_abc_are_those_worked_by_hand)
{
    struct tiny *t = tiny_make("abc", 3);
    struct fitted f;

    /* a = 1/4, r = 1/2: forward a + (1-a) r^(d-1), backward a */
    fit_with(&f, &t->c, plain);
    assert_near(count_of(&f, A, B), 1, 1e-6);
    assert_near(count_of(&f, B, C), 1, 1e-6);
    assert_near(count_of(&f, A, C), 0.25 + 0.75 * 0.5, 1e-6);
    assert_near(count_of(&f, B, A), 0.25, 1e-6);
    assert_near(count_of(&f, C, A), 0.25, 1e-6);
    pz_transitions.free(f.part);
    free(t);
}

TEST(events_of_one_moment_count_both_ways)
{
    struct tiny *t = tiny_make("abc", 3);
    struct fitted f;

    /* a = 1/4, r = 1/2; a and b stand between places 0 and 1, c at place 2 */
    t->time[1] = t->time[0];
    fit_with(&f, &t->c, plain);
    assert_near(count_of(&f, A, B), 1, 1e-6);
    assert_near(count_of(&f, B, A), 1, 1e-6);
    assert_near(count_of(&f, A, C), 0.25 + 0.75 * sqrt(0.5), 1e-6);
    assert_near(count_of(&f, B, C), 0.25 + 0.75 * sqrt(0.5), 1e-6);
    assert_near(count_of(&f, C, A), 0.25, 1e-6);
    pz_transitions.free(f.part);
    free(t);
}

/* More events than a byte counts: the middles of both moments are 200 places apart, wherever in
 * them two events stand. */
TEST(events_of_two_large_moments_are_far_apart)
{
    enum { LARGE = 200, WINDOW = 50 };
    struct tiny *t = tiny_new(2);
    struct fitted f;

    for (uint32_t k = 0; k < 2 * LARGE; k++)
        tiny_add(t, k / LARGE, k / LARGE);
    tiny_end_user(t);
    fit_with(&f, &t->c, plain);
    assert_near(count_of(&f, 0, 1), 0.25 * WINDOW * (WINDOW + 1) / 2, 1e-4);
    assert_near(count_of(&f, 1, 0), 0.25 * WINDOW * (WINDOW + 1) / 2, 1e-4);
    pz_transitions.free(f.part);
    free(t);
}

TEST(order_within_a_moment_does_not_matter)
{
    enum { N = 20 };
    struct tiny *t = tiny_random(100, N, 12, 9);
    struct fitted one, other;
    float x[N], y[N];

    for (uint32_t u = 0; u < 100; u++) /* three events a moment */
        for (uint64_t p = t->ptr[u]; p < t->ptr[u + 1]; p++)
            t->time[p] = (int64_t)(p - t->ptr[u]) / 3;
    fitted_settings(&one, &pz_transitions, NULL, NULL);
    fitted_fit(&one, &t->c);
    for (uint32_t u = 0; u < 100; u++)
        for (uint64_t p = t->ptr[u]; p + 2 < t->ptr[u + 1]; p += 3) {
            uint32_t item = t->item[p];

            t->item[p] = t->item[p + 1];
            t->item[p + 1] = t->item[p + 2];
            t->item[p + 2] = item;
        }
    fitted_settings(&other, &pz_transitions, NULL, NULL);
    fitted_fit(&other, &t->c);
    for (uint32_t i = 0; i < N; i++) {
        assert_true(fitted_score(&one, &i, 1, x, N));
        assert_true(fitted_score(&other, &i, 1, y, N));
        for (uint32_t j = 0; j < N; j++)
            assert_true(j == i ||
                        fabsf(x[j] - y[j]) < 1e-4f); /* coming back to i has an order of its own */
    }
    pz_transitions.free(one.part);
    pz_transitions.free(other.part);
    free(t);
}

TEST(the_window_ends_pairs)
{
    struct tiny *t = tiny_make("abc", 3);
    struct fitted f;

    fit_but(&f, &t->c, "window", 1);
    assert_near(count_of(&f, A, B), 1, 1e-6);
    assert_near(count_of(&f, A, C), 0, 0);
    pz_transitions.free(f.part);
    free(t);
}

TEST(without_order_pairs_are_symmetric)
{
    struct tiny *t = tiny_make("abc", 3);
    struct fitted f;

    t->c.ordered = false;
    fit_with(&f, &t->c, plain);
    assert_near(count_of(&f, A, C), 1, 1e-6);
    assert_near(count_of(&f, C, A), 1, 1e-6);
    pz_transitions.free(f.part);
    free(t);
}

TEST(weights_age_and_length_scale_a_pair)
{
    struct tiny *t = tiny_make("ab|cd", 4);
    double value[N_NAMES];
    struct fitted f;

    t->weight[0] = 0.5f;
    t->weight[1] = 0.00390625f;            /* 2^-8 counts 1/2 as a target; a source counts 1 */
    t->time[3] = t->c.newest = 86400 * 10; /* d is new, b ten days old: two half-lives */
    memcpy(value, plain, sizeof value);
    value[9] = 1;  /* user_norm: a pair of a user with 2 events counts 1/2 */
    value[10] = 5; /* half_life */
    fit_with(&f, &t->c, value);
    assert_near(count_of(&f, A, B), 0.5 * 0.25 / 2, 1e-5);
    assert_near(count_of(&f, C, D), 0.5, 1e-6);
    pz_transitions.free(f.part);
    free(t);
}

TEST(events_of_an_item_are_one_wish_where_types_differ)
{
    struct tiny *t = tiny_make("abcbb|bab", 3);
    double value[N_NAMES];
    struct fitted f;

    for (uint64_t p = 1; p < 8; p++)
        t->weight[p] = p == 3 ? 0.00390625f : 1.0f / 65536; /* 1/2, the others 1/4 */
    memcpy(value, plain, sizeof value);
    value[2] = 0; /* symmetric: forward pairs alone */
    t->c.wishes = true;
    fit_with(&f, &t->c, value);
    assert_near(count_of(&f, A, B), 0.5,
                1e-6); /* b is wanted where met first, by the largest weight */
    assert_near(count_of(&f, B, C), 0.25, 1e-6);
    assert_near(count_of(&f, C, B), 0, 1e-6);
    assert_near(count_of(&f, B, B), 0, 1e-6);
    assert_near(count_of(&f, B, A), 0.25,
                1e-6); /* by the second user alone, whose b is met first */
    pz_transitions.free(f.part);
    t->c.wishes = false;
    fit_with(&f, &t->c, value);
    assert_true(count_of(&f, B, B) > 0);
    pz_transitions.free(f.part);
    free(t);
}

TEST(only_the_strongest_are_kept)
{
    struct tiny *t = tiny_make("ab|ab|ac|ab|ad|ac", 4);
    struct fitted f;

    fit_but(&f, &t->c, "keep", 2);
    assert_near(count_of(&f, A, B), 3, 1e-6);
    assert_near(count_of(&f, A, C), 2, 1e-6);
    assert_near(count_of(&f, A, D), 0, 0);
    pz_transitions.free(f.part);
    free(t);
}

TEST(selection_keeps_the_largest_lower_items_first)
{
    uint64_t key[40], low = UINT64_MAX;

    for (uint32_t i = 0; i < 40; i++)
        key[i] = pz_trans_key((float)(i * 7 % 10), i); /* every value four times */
    assert_int_equal(pz_trans_select(key, 40, 6), 6);
    for (uint32_t k = 0; k < 6; k++)
        low = key[k] < low ? key[k] : low;
    assert_true(low ==
                pz_trans_key(8, 14)); /* four nines, then the lower two of the eights: 4 and 14 */
    assert_int_equal(pz_trans_key_item(low), 14);
}

TEST(transposing_twice_gives_the_lists_back)
{
    static const uint64_t ptr[] = { 0, 2, 2, 5 };
    static const uint32_t item[] = { 0, 3, 1, 2, 3 };
    static const float value[] = { 1, -2, 3, 4, 0 };
    struct pz_csr l = { .n = 3, .n_cols = 3, .ptr = ptr, .item = item, .value = value }, once,
                  twice;

    assert_int_equal(pz_trans_transpose(&l, 4, 100, &once, NULL), PZ_OK);
    assert_int_equal(once.ptr[4], 4); /* the zero is gone */
    assert_near(entry(&once, 3, 0), -2, 0);
    assert_int_equal(pz_trans_transpose(&once, 3, 100, &twice, NULL), PZ_OK);
    assert_near(entry(&twice, 0, 0), 1, 0);
    assert_near(entry(&twice, 2, 2), 4, 0);
    pz_csr_clear(&once);
    pz_csr_clear(&twice);
}

TEST(transposing_cuts_long_lists_by_size)
{
    static const uint64_t ptr[] = { 0, 1, 2, 3 };
    static const uint32_t item[] = { 0, 0, 0 };
    static const float value[] = { 1, -3, 2 };
    struct pz_csr l = { .n = 3, .n_cols = 3, .ptr = ptr, .item = item, .value = value }, out;

    assert_int_equal(pz_trans_transpose(&l, 1, 2, &out, NULL), PZ_OK);
    assert_int_equal(out.ptr[1], 2);
    assert_near(entry(&out, 0, 1), -3, 0);
    assert_near(entry(&out, 0, 2), 2, 0);
    pz_csr_clear(&out);
}

/* ---- ridge ---- */

/* h_t of one user before event t, decayed: h[item]. */
static void decayed_history(const struct tiny *t, uint32_t u, uint64_t event, double r, double *h)
{
    memset(h, 0, t->c.n_items * sizeof *h);
    for (uint64_t p = t->ptr[u]; p < event; p++)
        h[t->item[p]] += pow(r, (double)(event - 1 - p));
}

/* G and C by their definitions: G = sum of t_t h_t h_t' (directed) or of all pairs (symmetric). */
static void brute_force(const struct tiny *t, double a, double r, double *gram, double *count)
{
    uint32_t n = t->c.n_items;
    double *h = calloc(n, sizeof *h);

    memset(gram, 0, n * n * sizeof *gram);
    memset(count, 0, n * n * sizeof *count);
    for (uint32_t u = 0; u < t->c.n_users; u++)
        for (uint64_t p = t->ptr[u]; p < t->ptr[u + 1]; p++) {
            double w = pow((double)t->weight[p], 0.125);

            decayed_history(t, u, p, r, h);
            for (uint32_t i = 0; i < n; i++) {
                count[i * n + t->item[p]] += (1 - a) * h[i] * w;
                for (uint32_t j = 0; j < n; j++)
                    gram[i * n + j] += (1 - a) * h[i] * h[j] * w;
            }
            for (uint64_t q = t->ptr[u]; q < t->ptr[u + 1]; q++) {
                double pair = a * pow((double)t->weight[q < p ? p : q], 0.125);

                gram[t->item[q] * n + t->item[p]] += pair;
                count[t->item[q] * n + t->item[p]] += q == p ? 0 : pair;
            }
        }
    free(h);
}

static struct tiny *weighted(uint32_t n_users, uint32_t n_items, uint64_t seed)
{
    struct tiny *t = tiny_random(n_users, n_items, 12, seed);

    for (uint64_t p = 0; p < t->ptr[n_users]; p++)
        t->weight[p] = p % 3 ? 1 : 0.5f;
    return t;
}

TEST(the_closed_form_is_the_gram_matrix_of_histories)
{
    enum { N = 9 };
    struct tiny *t = weighted(30, N, 1);
    double gram[N * N], count[N * N], set[PZ_TRANS_N];
    float scale[N];
    struct fitted f;
    struct pz_trans_feats none;
    struct pz_trans_view v;
    struct pz_gram rows;

    fit_with(&f, &t->c, plain);
    memcpy(set, ((struct pz_trans *)f.part)->set, sizeof set);
    brute_force(t, 0.25, 0.5, gram, count);
    for (uint32_t i = 0; i < N; i++)
        for (uint32_t j = 0; j < N; j++)
            assert_near(count_of(&f, i, j), count[i * N + j], 1e-4);
    for (uint32_t i = 0; i < N; i++)
        scale[i] = 1 +
                   (float)(i / 3); /* a pair stands with the larger scale, then the lower number */
    assert_int_equal(pz_trans_feats_make(NULL, N, NULL, NULL, &none, NULL), PZ_OK);
    assert_int_equal(pz_trans_view_init(&v, &t->c, set, &none, NULL, NULL), PZ_OK);
    assert_int_equal(pz_trans_gram(&v, NULL, scale, N, &rows, NULL), PZ_OK);
    for (uint32_t i = 0; i < N; i++)
        for (uint32_t j = 0; j < N; j++)
            assert_near(gram_entry(&rows, i, j),
                        i / 3 > j / 3 || (i / 3 == j / 3 && i <= j) ? gram[i * N + j] : 0,
                        1e-4 + gram[i * N + j] / 4096);
    pz_gram_clear(&rows);
    pz_trans_view_clear(&v);
    pz_trans_feats_clear(&none);
    pz_transitions.free(f.part);
    free(t);
}

/* Histories of lengths around those of words, and one over several of them. */
TEST(a_position_finds_its_history_within_what_is_asked)
{
    enum { N = 6, POSITIONS = 1 + 63 + 64 + 65 + 300 + 2 };
    static const uint64_t ptr[N + 1] = { 0, 1, 64, 128, 193, 493, POSITIONS };
    uint64_t begins[POSITIONS / 64 + 2] = { 0 };

    for (uint32_t u = 0; u <= N; u++)
        pz_bits_add(begins, ptr[u]);
    for (uint32_t u = 0; u < N; u++)
        for (uint64_t p = ptr[u]; p < ptr[u + 1]; p++)
            for (uint64_t reach = 0; reach <= 330; reach += 11) {
                uint64_t least = p > reach ? p - reach : 0, most = p + reach + 1;

                most = most < POSITIONS ? most : POSITIONS;
                assert_int_equal(pz_trans_begin(begins, p, least), least > ptr[u] ? least : ptr[u]);
                assert_int_equal(pz_trans_end(begins, p, most),
                                 most < ptr[u + 1] ? most : ptr[u + 1]);
            }
}

/* What a row of the matrix is packed into, near and far steps, tiny, large and zero values. */
TEST(packed_rows_are_off_by_a_part_in_4096)
{
    enum { N = 300000, KEEP = 6 };
    static const struct {
        uint32_t n, item[KEEP];
        float value[KEEP];
    } made[] = { { 6, { 0, 1, 2, 257, 258, 513 }, { 3.14159f, 1e-4f, 0.1f, 7, 1e3f, 0 } },
                 { 0, { 0 }, { 0 } },
                 { 4, { 5, 65540, 131076, 299999 }, { 1e30f, 3e29f, 1e22f, 1 } },
                 { 2, { 70000, 299999 }, { 1e-12f, 0.7e-12f } },
                 { 1, { 4 }, { -1 } } };
    enum { ROWS = sizeof made / sizeof made[0] };
    uint32_t count[ROWS], item[ROWS * KEEP];
    float value[ROWS * KEEP], gathered[4];
    struct pz_cut_rows rows = { count, item, value, KEEP },
                       others = { count + 2, item + 2 * KEEP, value + 2 * KEEP, KEEP };
    uint16_t *place = calloc(N, sizeof *place);
    struct pz_gram g;

    for (uint32_t r = 0; r < ROWS; r++) {
        count[r] = made[r].n;
        memcpy(item + r * KEEP, made[r].item, sizeof made[r].item);
        memcpy(value + r * KEEP, made[r].value, sizeof made[r].value);
    }
    assert_int_equal(pz_gram_begin(&g, ROWS, KEEP, NULL), PZ_OK);
    assert_int_equal(pz_gram_append(&g, &rows, 0, 2, NULL), PZ_OK);
    assert_int_equal(pz_gram_append(&g, &others, 2, ROWS - 2, NULL), PZ_OK);
    pz_gram_fit(&g);
    for (uint32_t r = 0; r < ROWS; r++)
        for (uint32_t k = 0; k < made[r].n; k++) {
            double v = fmax((double)made[r].value[k], 0), max = (double)made[r].value[0];

            assert_near(gram_entry(&g, r, made[r].item[k]), v < max * 0x1p-31 ? 0 : v, v / 4096);
        }
    assert_true(g.ptr[1] - g.ptr[0] == 8 + 3 * 6); /* steps of a byte */
    assert_true(g.ptr[2] - g.ptr[1] == 8);         /* none */
    assert_true(g.ptr[3] - g.ptr[2] == 8 + 4 * 7); /* steps of two, three between */
    place[65540] = 1;
    place[131076] = 2;
    for (uint32_t k = 0; k < 4; k++)
        gathered[k] = 9;
    pz_gram_gather(&g, 2, place, gathered, 4);
    assert_near((double)gathered[1], 3e29, 3e29 / 4096);
    assert_near((double)gathered[2], 1e22, 1e22 / 4096);
    assert_true(gathered[3] == 0);
    pz_gram_clear(&g);
    free(place);
}

/* What item i has of a row: 1 of its own, the weight of a feature. */
static double share(const struct pz_trans_feats *f, uint32_t i, uint32_t row)
{
    for (uint64_t k = f->rows.ptr[i]; row >= f->n_items && k < f->rows.ptr[i + 1]; k++)
        if (f->n_items + f->rows.item[k] == row)
            return (double)f->rows.value[k];
    return row == i;
}

TEST(features_have_the_gram_rows_of_their_items)
{
    enum { N = 9, ALL = N + 3 };
    struct tiny *t = weighted(30, N, 1);
    uint64_t ptr[N + 1] = { 0, 1, 3, 5, 6, 6, 8, 9, 10, 11 }, offset[] = { 0, 1, 2, 3 };
    uint32_t code[] = { 0, 0, 1, 0, 2, 1, 1, 2, 2, 2, 1 };
    struct pz_attr attr = { .name = "KIND",
                            .kind = PZ_ATTR_CATEGORY,
                            .ptr = ptr,
                            .code = code,
                            .values = { 3, offset, "xyz", NULL, NULL, NULL } };
    struct pz_attrs attrs = { .n_attrs = 1, .n_rows = N, .attr = &attr };
    double gram[N * N], count[N * N];
    float scale[ALL];
    struct fitted f;
    struct pz_trans_feats feats;
    struct pz_trans_view v;
    struct pz_gram rows;

    fit_with(&f, &t->c, plain);
    brute_force(t, 0.25, 0.5, gram, count);
    for (uint32_t i = 0; i < ALL; i++)
        scale[i] = 1;
    assert_int_equal(pz_trans_feats_make(&attrs, N, NULL, NULL, &feats, NULL), PZ_OK);
    assert_int_equal(feats.n, 3);
    assert_int_equal(pz_trans_view_init(&v, &t->c, ((struct pz_trans *)f.part)->set, &feats, NULL,
                                        NULL),
                     PZ_OK);
    assert_int_equal(pz_trans_gram(&v, NULL, scale, N, &rows, NULL), PZ_OK);
    for (uint32_t a = 0; a < ALL; a++)
        for (uint32_t b = a; b < ALL; b++) {
            double sum = 0;

            for (uint32_t i = 0; i < N; i++)
                for (uint32_t j = 0; j < N; j++)
                    sum += share(&feats, i, a) * share(&feats, j, b) * gram[i * N + j];
            assert_near(gram_entry(&rows, a, b), sum, 1e-4 + sum / 2048); /* rounded twice */
        }
    pz_gram_clear(&rows);
    pz_trans_view_clear(&v);
    pz_trans_feats_clear(&feats);
    pz_transitions.free(f.part);
    free(t);
}

/* x <- A^-1 x by Gauss with pivots, in double. */
static void solve_dense(double *m, double *x, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        size_t best = k;

        for (size_t i = k; i < n; i++)
            best = fabs(m[i * n + k]) > fabs(m[best * n + k]) ? i : best;
        for (size_t j = 0; j < n; j++) {
            double swap = m[k * n + j];

            m[k * n + j] = m[best * n + j];
            m[best * n + j] = swap;
        }
        double swap = x[k];

        x[k] = x[best];
        x[best] = swap;
        for (size_t i = 0; i < n; i++) {
            double f = i == k ? 0 : m[i * n + k] / m[k * n + k];

            for (size_t j = k; j < n; j++)
                m[i * n + j] -= f * m[k * n + j];
            x[i] -= f * x[k];
        }
    }
    for (size_t k = 0; k < n; k++)
        x[k] /= m[k * n + k];
}

TEST(the_ridge_solves_the_least_squares)
{
    enum { N = 9 };
    struct tiny *t = weighted(30, N, 2);
    double gram[N * N], count[N * N], m[N * N], x[N], self = 0, value[N_NAMES];
    const struct pz_trans *p;
    struct fitted f;

    memcpy(value, plain, sizeof value);
    value[0] = 1; /* ridge, lambda 2 */
    fit_with(&f, &t->c, value);
    p = f.part;
    brute_force(t, 0.25, 0.5, gram, count);
    for (uint32_t u = 0; u < t->c.n_users; u++) /* g: mean of an event's own entry in G */
        for (uint64_t q = t->ptr[u]; q < t->ptr[u + 1]; q++) {
            double tail = 0, w = pow((double)t->weight[q], 0.125);

            for (uint64_t s = q + 1; s < t->ptr[u + 1]; s++)
                tail += pow((double)t->weight[s], 0.125) * pow(0.25, (double)(s - 1 - q));
            self += (0.25 * w + 0.75 * tail) / (double)t->ptr[t->c.n_users];
        }
    for (uint32_t j = 0; j < N; j++) {
        size_t k = 0, from[N];

        for (size_t i = 0; i < N; i++) /* the sources that precede j at all */
            if (count[i * N + j] > 0)
                from[k++] = i;
        for (size_t r = 0; r < k; r++) {
            x[r] = count[from[r] * N + j];
            for (size_t c = 0; c < k; c++)
                m[r * k + c] = gram[from[r] * N + from[c]] + (r == c ? 2 * self : 0);
        }
        solve_dense(m, x, k);
        for (size_t r = 0; r < k; r++)
            assert_near(entry(&p->coef, (uint32_t)from[r], j), x[r], 1e-3);
    }
    pz_transitions.free(f.part);
    free(t);
}

TEST(sparse_and_square_gram_give_the_same_coefficients)
{
    /* 3,200 items are too many for the square: beyond the first 300 nothing happens. Rows of 100
     * and more have bits for their items. */
    enum { MET = 300 };
    struct tiny *t = tiny_random(580, MET, 60, 3);
    double value[N_NAMES];
    struct fitted f, g;
    const struct pz_trans *p, *q;

    memcpy(value, plain, sizeof value);
    value[0] = 1;
    value[7] = 20; /* neighbours */
    fit_with(&f, &t->c, value);
    t->c.n_items = 3200;
    fit_with(&g, &t->c, value);
    p = f.part;
    q = g.part;
    assert_int_equal(p->coef.ptr[MET], q->coef.ptr[MET]);
    for (uint64_t k = 0; k < p->coef.ptr[MET]; k++)
        assert_near(p->coef.value[k], q->coef.value[k], 1e-5);
    pz_transitions.free(f.part);
    pz_transitions.free(g.part);
    free(t);
}

TEST(cholesky_solves_and_bears_an_indefinite_matrix)
{
    enum { N = 13, STRIDE = 16 };
    float a[N * STRIDE], x[N], bad[4] = { 1, 2, 2, 1 }, y[2] = { 1, 1 };
    double m[N * N], want[N];

    for (size_t i = 0; i < N; i++) {
        want[i] = (double)i - 4;
        x[i] = (float)want[i];
        for (size_t j = 0; j < N; j++) {
            m[i * N + j] = 1 / (1 + fabs((double)i - (double)j)) + (i == j ? 2 : 0);
            a[i * STRIDE + j] = (float)m[i * N + j];
        }
    }
    solve_dense(m, want, N);
    pz_trans_cholesky(a, N, STRIDE, 1e-6f, x);
    for (size_t i = 0; i < N; i++)
        assert_near(x[i], want[i], 1e-5);
    pz_trans_cholesky(bad, 2, 2, 1, y);
    assert_true(isfinite(y[0]) && isfinite(y[1]));
}

/* ---- scores ---- */

TEST(scores_follow_the_formula)
{
    struct tiny *t = tiny_make("abc|abd|ab", 4);
    uint32_t hist[] = { A, B };
    double value[N_NAMES];
    float out[4];
    struct fitted f;

    memcpy(value, plain, sizeof value);
    value[2] = 0;   /* directed */
    value[4] = 1;   /* source_norm */
    value[5] = 0.5; /* target_norm */
    fit_with(&f, &t->c, value);
    f.s->set(f.part, PZ_TRANS_RECENCY, 1);
    assert_true(fitted_score(&f, hist, 2, out, 4));
    /* b: rank 1, C[b->c] = 1, pop 3; a: rank 2, C[a->c] = 1/2, pop 3; pop_c = 1 */
    assert_near(out[C], 1.0 / 3 + 0.5 * 0.5 / 3, 1e-5);
    assert_near(out[D], out[C], 1e-6);
    assert_near(out[B], 0.5 * 3.0 / 3 / sqrt(3), 1e-5);
    assert_near(out[A], 0, 0);
    pz_transitions.free(f.part);
    free(t);
}

TEST(a_second_step_reaches_what_never_met_the_history)
{
    struct tiny *t = tiny_make("ab|bc", 3);
    uint32_t hist[] = { A };
    float out[3];
    struct fitted f;

    fit_but(&f, &t->c, "symmetric", 0);
    assert_true(fitted_score(&f, hist, 1, out, 3));
    assert_near(out[C], 0, 0);
    f.s->set(f.part, PZ_TRANS_HOP, 0.5);
    assert_true(fitted_score(&f, hist, 1, out, 3));
    assert_near(out[C], 0.5, 1e-6);
    pz_transitions.free(f.part);
    free(t);
}

TEST(sessions_that_return_are_learned)
{
    struct tiny *t = tiny_make("aba|cdc",
                               4); /* two of the two events that could: came back two places */
    uint32_t hist[] = { C, A, B };
    float out[4], without[4];
    struct fitted f;
    const struct pz_trans *p;

    fit_but(&f, &t->c, "repeat", 2);
    p = f.part;
    assert_near(p->repeat[0], 0, 0);
    assert_near(p->repeat[1], 1, 1e-6);
    assert_true(fitted_score(&f, hist, 3, out, 4));
    f.s->set(f.part, PZ_TRANS_REPEAT, 0);
    assert_true(fitted_score(&f, hist, 3, without, 4));
    assert_near(out[A] - without[A], 2 * 2, 1e-5); /* as 2 transitions for each of A's two events */
    assert_near(out[B], without[B], 0);
    assert_near(out[C], without[C], 0);
    pz_transitions.free(f.part);
    free(t);
}

TEST(what_was_returned_to_gains_for_each_time)
{
    struct tiny *t = tiny_make("abc|abc", 3);
    uint32_t hist[] = { A, B, A };
    float out[3], without[3];

    for (int ridge = 0; ridge <= 1; ridge++) {
        struct fitted f;
        struct pz_trans *p;

        fit_but(&f, &t->c, "ridge", ridge);
        p = f.part;
        p->own_repeat[0] = 0.1f;
        p->own_repeat[1] = 0.2f;
        p->own_repeat[2] = 0.05f;
        assert_true(fitted_score(&f, hist, 3, without, 3));
        f.s->set(f.part, PZ_TRANS_REPEAT, 3);
        assert_true(fitted_score(&f, hist, 3, out, 3));
        assert_near(out[A] - without[A], 3 * 0.15 * (ridge ? 1 : 2), 1e-5); /* kNN: of two events */
        assert_near(out[B] - without[B], 3 * 0.2 * (ridge ? 1 : 2), 1e-5);
        pz_transitions.free(f.part);
    }
    free(t);
}

TEST(items_of_late_gain_by_trend)
{
    struct tiny *t = tiny_make("ab|ac", 4);
    uint32_t hist[] = { A };
    double half = 1000 / 10.0, old = exp2(-1000 / half), late = 1, mean = (2 * old + 2 * late) / 4;
    float out[4];
    struct fitted f;
    const struct pz_trans *p;

    t->time[0] = t->time[1] = 0;
    t->time[2] = t->time[3] = t->c.newest = 1000;
    fit_with(&f, &t->c, plain);
    p = f.part;
    assert_near(p->trend[A], (((old + late) / mean) + 3) / 5, 1e-5);
    assert_near(p->trend[B], (old / mean + 3) / 4, 1e-5);
    assert_near(p->trend[C], (late / mean + 3) / 4, 1e-5);
    assert_near(p->trend[D], 1, 1e-6); /* nobody had it */
    assert_true(fitted_score(&f, hist, 1, out, 4));
    assert_near(out[B], out[C], 0);
    f.s->set(f.part, PZ_TRANS_TREND, 0.5);
    assert_true(fitted_score(&f, hist, 1, out, 4));
    assert_near(out[C] / out[B], sqrt((late / mean + 3) / (old / mean + 3)), 1e-5);
    pz_transitions.free(f.part);
    free(t);
}

/* Items 0 .. 3 of two categories, x: 0 and 1, y: 2 and 3. */
struct category {
    struct pz_attr attr;
    struct pz_attrs attrs;
    uint64_t ptr[5], offset[3];
    uint32_t code[4];
};

static void two_categories(struct category *k)
{
    *k = (struct category){ .ptr = { 0, 1, 2, 3, 4 },
                            .offset = { 0, 1, 2 },
                            .code = { 0, 0, 1, 1 } };
    k->attr = (struct pz_attr){ .name = "KIND",
                                .kind = PZ_ATTR_CATEGORY,
                                .ptr = k->ptr,
                                .code = k->code,
                                .values = { 2, k->offset, "xy", NULL, NULL, NULL } };
    k->attrs = (struct pz_attrs){ .n_attrs = 1, .n_rows = 4, .attr = &k->attr };
}

TEST(categories_carry_to_items_that_nobody_met)
{
    struct tiny *t = tiny_make("ac|ac|ac", 4); /* x goes to y; b and d never happen */
    uint32_t hist[] = { B }, both[] = { A, B };
    double value[N_NAMES];
    struct category k;
    float out[4];
    struct fitted f;

    two_categories(&k);
    t->c.item_attrs = &k.attrs;
    memcpy(value, plain, sizeof value);
    value[2] = 0;  /* directed */
    value[12] = 1; /* attributes */
    fit_with(&f, &t->c, value);
    assert_near(count_of(&f, 4, C), 3, 1e-5); /* x -> c */
    assert_near(count_of(&f, 4, 5), 3, 1e-5); /* x -> y */
    assert_true(fitted_score(&f, hist, 1, out, 4));
    assert_true(out[C] > out[D]); /* known to follow x */
    assert_true(out[D] > 0);      /* of the category that follows x */
    assert_near(out[A], 0, 0);
    assert_explains(&f, hist, 1, 4, 1e-5);
    assert_explains(&f, both, 2, 4, 1e-5);
    pz_transitions.free(f.part);
    free(t);
}

TEST(items_of_the_same_attributes_are_of_one_kind)
{
    enum { N = 6 };
    uint64_t ptr[N + 1] = { 0, 2, 2, 4, 5, 7, 7 };
    uint32_t id[] = { 3, 5, /**/ 3, 5, /**/ 3, /**/ 3, 5 };
    float weight[] = { 0.6f, 0.8f, /**/ 0.6f, 0.8f, /**/ 1, /**/ 0.8f, 0.6f };
    const uint32_t kind[N] = { 0, 1, 0, 2, 3, 1 }, head[] = { 0, 1, 3, 4 };
    struct pz_trans_feats f = {
        .n_items = N,
        .n = 6,
        .rows = { .n = N, .n_cols = 6, .ptr = ptr, .item = id, .value = weight }
    };

    assert_int_equal(pz_trans_feats_kinds(&f, NULL), PZ_OK);
    assert_int_equal(f.n_kinds, 4);
    assert_memory_equal(f.kind, kind, sizeof kind);
    assert_memory_equal(f.head, head, sizeof head);
    pz_trans_feats_clear(&f);
}

TEST(shares_of_events_sum_to_the_score)
{
    struct tiny *t = tiny_random(120, 30, 12, 5);
    uint32_t hist[] = { 3, 9, 3, 21 };

    for (int ridge = 0; ridge <= 1; ridge++) {
        struct fitted f;

        fit_but(&f, &t->c, "ridge", ridge);
        f.s->set(f.part, PZ_TRANS_HOP, 0.3);
        f.s->set(f.part, PZ_TRANS_TARGET_NORM, 0.2);
        f.s->set(f.part, PZ_TRANS_REPEAT, 1);
        f.s->set(f.part, PZ_TRANS_TREND, 0.5);
        assert_explains(&f, hist, 4, 30, 1e-4);
        pz_transitions.free(f.part);
    }
    free(t);
}

TEST(read_outs_need_no_new_fit)
{
    struct tiny *t = tiny_random(90, 40, 12, 6);
    uint32_t hist[] = { 5, 9, 21 };
    float want[40], got[40];
    double value[N_NAMES];
    struct fitted f, g;

    memcpy(value, plain, sizeof value);
    value[4] = 0.6;
    value[5] = 0.3;
    value[11] = 5;
    fit_with(&f, &t->c, value);
    fit_with(&g, &t->c, plain);
    for (size_t k = 0; k < pz_transitions.n_settings; k++)
        if (pz_transitions.settings[k].read_out)
            pz_transitions.set(g.part, k, f.value[k]);
    assert_true(fitted_score(&f, hist, 3, want, 40));
    assert_true(fitted_score(&g, hist, 3, got, 40));
    assert_memory_equal(want, got, sizeof want);
    pz_transitions.free(f.part);
    pz_transitions.free(g.part);
    free(t);
}

/* ---- update ---- */

/* The first `share` of every user's events and only the first n_old items: what an earlier day
 * knew. */
static struct tiny *earlier(const struct tiny *t, double share, uint32_t n_old, uint64_t *first_new)
{
    struct tiny *old = tiny_new(n_old);

    for (uint32_t u = 0; u < t->c.n_users; u++) {
        uint64_t n = t->ptr[u + 1] - t->ptr[u], k = 0;

        for (; k < (uint64_t)(share * (double)n) && t->item[t->ptr[u] + k] < n_old; k++)
            tiny_add(old, t->item[t->ptr[u] + k], t->time[t->ptr[u] + k]);
        first_new[u] = t->ptr[u] + k;
        tiny_end_user(old);
    }
    return old;
}

/* Fit the earlier corpus, add the rest, compare with a fit of the whole. */
static void compare_update(const double *value, double tolerance, bool coefficients)
{
    enum { N = 30, OLD = 27 };
    struct tiny *t = tiny_random(80, N, 12, 8), *old;
    uint64_t first_new[TINY_USERS];
    uint32_t old_item[N];
    struct fitted was, whole;
    struct pz_trans *a, *b;
    void *part;

    old = earlier(t, 0.7, OLD, first_new);
    for (uint32_t i = 0; i < N; i++)
        old_item[i] = i < OLD ? i : PZ_NONE;
    fit_with(&was, &old->c, value);
    fit_with(&whole, &t->c, value);
    assert_int_equal(pz_transitions.update(was.part, &t->c,
                                           &(struct pz_delta){ .old_item = old_item,
                                                               .first_new = first_new },
                                           NULL, &part, NULL),
                     PZ_OK);
    a = part;
    b = whole.part;
    assert_int_equal(a->n_items, N);
    for (uint32_t i = 0; i < N; i++) {
        assert_near(a->pop[i], b->pop[i], 1e-4);
        for (uint32_t j = 0; j < N; j++) {
            assert_near(entry(&a->counts, i, j), entry(&b->counts, i, j), tolerance);
            if (coefficients)
                assert_near(entry(&a->coef, i, j), entry(&b->coef, i, j), tolerance);
        }
    }
    assert_memory_equal(a->repeat, b->repeat, PZ_TRANS_LAGS * sizeof(float));
    assert_memory_equal(a->trend, b->trend, a->n_items * sizeof(float));
    pz_transitions.free(part);
    pz_transitions.free(was.part);
    pz_transitions.free(whole.part);
    free(old);
    free(t);
}

TEST(an_update_adds_exactly_the_new_pairs)
{
    double value[N_NAMES];

    memcpy(value, plain, sizeof value);
    compare_update(value, 1e-4, false);
    value[10] = 0.02; /* half_life of half an hour: old counts fade */
    compare_update(value, 1e-4, false);
    value[10] = 0;
    value[9] = 0.5; /* user_norm: old pairs change their weight */
    compare_update(value, 1e-3, false);
}

/* Two shops without a common user or item; the second goes on. What is known of the first fades
 * with time like all the rest, as a fit of everything has it. */
TEST(an_update_fades_what_it_does_not_touch)
{
    enum { HALF = 10, N = 2 * HALF, USERS = 40 };
    struct tiny *a = tiny_random(USERS, HALF, 12, 3), *b = tiny_random(USERS, HALF, 12, 4);
    struct tiny *all = tiny_new(N), *old = tiny_new(N);
    uint64_t first_new[2 * USERS];
    uint32_t old_item[N];
    double value[N_NAMES];
    struct fitted was, whole;
    void *part;

    for (uint32_t u = 0; u < 2 * USERS; u++) {
        const struct tiny *from = u < USERS ? a : b;
        uint32_t shift = u < USERS ? 0 : HALF;
        uint64_t p = from->ptr[u % USERS], end = from->ptr[u % USERS + 1],
                 cut = u < USERS ? end : p + (end - p) / 2;

        for (; p < end; p++) {
            tiny_add(all, from->item[p] + shift, from->time[p] + (p < cut ? 0 : 2000));
            if (p < cut)
                tiny_add(old, from->item[p] + shift, from->time[p]);
        }
        tiny_end_user(all);
        tiny_end_user(old);
        first_new[u] = all->ptr[u] + (old->ptr[u + 1] - old->ptr[u]);
    }
    for (uint32_t i = 0; i < N; i++)
        old_item[i] = i;
    memcpy(value, plain, sizeof value);
    value[10] = 0.02; /* days: half an hour, so that 2000 seconds are over a half-life */
    fit_with(&was, &old->c, value);
    fit_with(&whole, &all->c, value);
    assert_int_equal(pz_transitions.update(was.part, &all->c,
                                           &(struct pz_delta){ .old_item = old_item,
                                                               .first_new = first_new },
                                           NULL, &part, NULL),
                     PZ_OK);
    for (uint32_t i = 0; i < N; i++)
        for (uint32_t j = 0; j < N; j++)
            assert_near(entry(&((struct pz_trans *)part)->counts, i, j),
                        entry(&((struct pz_trans *)whole.part)->counts, i, j), 1e-4);
    pz_transitions.free(part);
    pz_transitions.free(was.part);
    pz_transitions.free(whole.part);
    free(a);
    free(b);
    free(all);
    free(old);
}

TEST(an_update_of_every_item_solves_the_ridge_anew)
{
    double value[N_NAMES];

    memcpy(value, plain, sizeof value);
    value[0] = 1; /* every item of this corpus has new events, so every target is solved again */
    compare_update(value, 1e-3, true);
}

/* A corpus too large for all its targets to be solved again: 100 items in a ring, users walk on by
 * one to three. The last `late` users have one event more than in the earlier one. */
static void walk(struct pz_corpus *c, uint32_t users, uint32_t each, uint32_t late, uint32_t n)
{
    uint64_t *ptr = calloc(users + 1, sizeof *ptr), all = (uint64_t)users * each + late;
    uint32_t *item = calloc(all, sizeof *item);
    int64_t *time = calloc(all, sizeof *time);
    float *weight = calloc(all, sizeof *weight);

    for (uint32_t u = 0; u < users; u++) {
        struct pz_rng rng;
        uint32_t at, k = each + (u >= users - late);
        uint64_t p = ptr[u];

        pz_rng_init(&rng, 11, u);
        at = pz_rng_below(&rng, n);
        for (uint32_t e = 0; e < k; e++, p++) {
            item[p] = at = (at + 1 + pz_rng_below(&rng, 3)) % n;
            time[p] = 100 * e;
            weight[p] = 1;
        }
        ptr[u + 1] = p;
    }
    *c = (struct pz_corpus){ .n_users = users,
                             .n_items = n,
                             .ptr = ptr,
                             .item = item,
                             .time = time,
                             .weight = weight,
                             .newest = 100 * each,
                             .ordered = true };
}

static void forget_walk(struct pz_corpus *c)
{
    free((void *)(uintptr_t)c->ptr);
    free((void *)(uintptr_t)c->item);
    free((void *)(uintptr_t)c->time);
    free((void *)(uintptr_t)c->weight);
}

/* The mean difference of the coefficients, as a share of their mean size in b. */
static double coefficients_apart(const struct pz_trans *a, const struct pz_trans *b)
{
    double apart = 0, size = 0;

    for (uint32_t i = 0; i < b->n_items; i++)
        for (uint32_t j = 0; j < b->n_items; j++) {
            apart += fabs(entry(&a->coef, i, j) - entry(&b->coef, i, j));
            size += fabs(entry(&b->coef, i, j));
        }
    return apart / size;
}

/* Where targets are not solved again, their coefficients follow the new counts by a step: a few
 * events more among 80,000 move them little, and not away from what a fit of everything has. */
TEST(coefficients_of_large_data_follow_their_counts)
{
    enum { USERS = 4000, EACH = 20, LATE = 300, N = 100 };
    struct pz_corpus before, now;
    uint32_t old_item[N];
    uint64_t *first_new = calloc(USERS, sizeof *first_new);
    double value[N_NAMES];
    struct fitted was, whole;
    void *part;

    walk(&before, USERS, EACH, 0, N);
    walk(&now, USERS, EACH, LATE, N);
    for (uint32_t u = 0; u < USERS; u++)
        first_new[u] = now.ptr[u] + EACH;
    for (uint32_t i = 0; i < N; i++)
        old_item[i] = i;
    memcpy(value, plain, sizeof value);
    value[0] = 1;
    fit_with(&was, &before, value);
    fit_with(&whole, &now, value);
    assert_int_equal(pz_transitions.update(was.part, &now,
                                           &(struct pz_delta){ .old_item = old_item,
                                                               .first_new = first_new },
                                           NULL, &part, NULL),
                     PZ_OK);
    assert_true(((struct pz_trans *)part)->due[0] > 0); /* it waits */
    assert_true(coefficients_apart(part, whole.part) < coefficients_apart(was.part, whole.part));
    pz_transitions.free(part);
    /* A file from before that was kept does not say how they follow: they stay until they are
     * solved. */
    ((struct pz_trans *)was.part)->follow = NULL;
    assert_int_equal(pz_transitions.update(was.part, &now,
                                           &(struct pz_delta){ .old_item = old_item,
                                                               .first_new = first_new },
                                           NULL, &part, NULL),
                     PZ_OK);
    assert_true(coefficients_apart(part, was.part) == 0);
    pz_transitions.free(part);
    pz_transitions.free(was.part);
    pz_transitions.free(whole.part);
    forget_walk(&before);
    forget_walk(&now);
    free(first_new);
}

/* ---- the whole ---- */

TEST(threads_do_not_change_a_byte)
{
    struct tiny *t = tiny_random(500, 150, 20, 4);
    struct fitted f;

    for (int ridge = 0; ridge <= 1; ridge++) {
        fitted_settings(&f, &pz_transitions, NULL, NULL);
        f.value[PZ_TRANS_RIDGE] = ridge;
        f.value[PZ_TRANS_KEEP] = 20;
        assert_same_at_any_thread_count(&f, &t->c);
    }
    free(t);
}

TEST(a_file_gives_the_part_back)
{
    struct tiny *t = tiny_make("ac|ac|bd|cab", 4);
    uint32_t hist[] = { A, B };
    struct category k;
    struct fitted f;

    two_categories(&k);
    t->c.item_attrs = &k.attrs;
    for (int ridge = 0; ridge <= 1; ridge++) {
        fitted_settings(&f, &pz_transitions, NULL, NULL);
        f.value[PZ_TRANS_RIDGE] = ridge;
        fitted_fit(&f, &t->c);
        assert_survives_a_file(&f, hist, 2, 4, false);
        assert_survives_a_file(&f, hist, 2, 4, true);
        pz_transitions.free(f.part);
    }
    free(t);
}

TEST(little_data_is_borne)
{
    assert_bears_little_data(&pz_transitions);
}
