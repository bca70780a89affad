/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "model/dense.h"
#include "model/factors/factors.h"
#include "model/parts.h"
#include "scorer_fixture.h"
#include "tests/unit/unit.h"

static const char *const names[] = {
    "dim", "sweeps", "unseen", "lambda", "solver", "recency", NULL
};

static void fit_with(struct fitted *f, const struct pz_corpus *c, const double *value)
{
    fitted_settings(f, &pz_factors, names, value);
    fitted_fit(f, c);
}

/* ---- one row's equation ---- */

enum { D = 16, OTHERS = 40, EVENTS = 23 };

struct row {
    float y[OTHERS * D], weight[EVENTS], diag[D], typical[D];
    uint32_t id[EVENTS];
    struct pz_row_problem p;
};

static struct row *row_new(uint64_t seed)
{
    struct row *r = pz_mem_array(1, sizeof *r);
    struct pz_rng rng;

    pz_rng_init(&rng, seed, 0);
    for (size_t k = 0; k < OTHERS * D; k++)
        r->y[k] = (float)pz_rng_normal(&rng);
    for (size_t k = 0; k < EVENTS; k++) {
        r->id[k] = pz_rng_below(&rng, OTHERS);
        r->weight[k] = (float)(0.2 + pz_rng_unit(&rng));
    }
    for (size_t k = 0; k < D; k++) {
        r->diag[k] = (float)(k + 1) / 4;
        r->typical[k] = 1;
    }
    r->p = (struct pz_row_problem){ r->y, r->id, r->weight, EVENTS, D, r->diag, r->typical, 0.7f };
    return r;
}

/* |A x - b| at most, by the plain sums: A = sum w y y' + diag + reg, b = rhs or sum w y. */
static double residual(const struct pz_row_problem *p, const float *rhs, const float *x)
{
    double max = 0;

    for (size_t a = 0; a < p->d; a++) {
        double sum = (double)(p->diag[a] + p->reg) * (double)x[a] - (rhs ? (double)rhs[a] : 0);

        for (size_t k = 0; k < p->n; k++) {
            const float *y = p->y + (size_t)p->id[k] * p->d;
            double dot = rhs ? 0 : -1;

            for (size_t c = 0; c < p->d; c++)
                dot += (double)y[c] * (double)x[c];
            sum += (double)p->weight[k] * dot * (double)y[a];
        }
        max = fabs(sum) > max ? fabs(sum) : max;
    }
    return max;
}

TEST(both_solvers_solve_a_row)
{
    struct row *r = row_new(1);
    float *x = pz_mem_array(D, 4), *exact = pz_mem_array(D, 4);
    float *work = pz_mem_array((D + PZ_FACTORS_CHUNK) * D, 4);

    pz_solve_row(&r->p, NULL, D, 0, x, work); /* as many steps as unknowns suffice */
    pz_solve_row_exact(&r->p, exact, work);
    assert_true(residual(&r->p, NULL, x) < 1e-4);
    assert_true(residual(&r->p, NULL, exact) < 1e-4);
    for (size_t k = 0; k < D; k++)
        assert_near(x[k], exact[k], 1e-4);
    free(x);
    free(exact);
    free(work);
    free(r);
}

TEST(gradients_take_another_right_hand_side)
{
    struct row *r = row_new(2);
    float *x = pz_mem_array(D, 4), *rhs = pz_mem_array(D, 4),
          *work = pz_mem_array(PZ_FACTORS_WORK * D, 4);

    for (size_t k = 0; k < D; k++)
        rhs[k] = (float)k - 5;
    pz_solve_row(&r->p, rhs, 60, 1e-6f, x, work);
    assert_true(residual(&r->p, rhs, x) < 1e-4);
    free(x);
    free(rhs);
    free(work);
    free(r);
}

TEST(a_warm_start_needs_fewer_steps)
{
    struct row *r = row_new(3);
    float *x = pz_mem_array(D, 4), *cold = pz_mem_array(D, 4),
          *work = pz_mem_array(PZ_FACTORS_WORK * D, 4);

    pz_solve_row(&r->p, NULL, 60, 1e-6f, x, work);
    for (size_t k = 0; k < D; k++)
        x[k] += 0.01f;
    pz_solve_row(&r->p, NULL, 2, 0, x, work);
    pz_solve_row(&r->p, NULL, 2, 0, cold, work);
    assert_true(residual(&r->p, NULL, x) < 0.1 * residual(&r->p, NULL, cold));
    free(x);
    free(cold);
    free(work);
    free(r);
}

TEST(scans_are_plain_products)
{
    struct row *r = row_new(4);
    float product[OTHERS], cosine[OTHERS];
    const float *x = r->y + 3 * D;

    memset(r->y + 7 * D, 0, D * sizeof *r->y);
    pz_scan(r->y, x, OTHERS - 1, D, product);
    pz_scan_cosine(r->y, x, OTHERS - 1, D, cosine);
    for (size_t i = 0; i < OTHERS - 1; i++) {
        double dot = 0, square = 0;

        for (size_t k = 0; k < D; k++) {
            dot += (double)r->y[i * D + k] * (double)x[k];
            square += (double)r->y[i * D + k] * (double)r->y[i * D + k];
        }
        assert_near(product[i], dot, 1e-4);
        assert_near(cosine[i], square > 0 ? dot / sqrt(square) : 0, 1e-4);
    }
    free(r);
}

/* ---- learning ---- */

TEST(regularisation_follows_the_frequency)
{
    struct pz_factors_part f = { .set = { [PZ_FACTORS_LAMBDA] = 0.5, [PZ_FACTORS_NU] = 1 },
                                 .alpha0 = 0.1 };

    assert_near(pz_factors_reg(&f, 20, 30), 0.5 * (20 + 3), 1e-5);
    f.set[PZ_FACTORS_NU] = 0;
    assert_near(pz_factors_reg(&f, 20, 30), 0.5, 1e-6);
}

TEST(unseen_pairs_weigh_what_was_asked)
{
    /* 5 events of 3 users (one without), 2 items with events of 4: alpha0 * 2 * 2 = 3 * 5 */
    struct tiny *t = tiny_make("ab||aab", 4);
    const struct pz_factors_part *p;
    struct fitted f;

    fit_with(&f, &t->c, (const double[]){ 8, 2, 3, 0.01, 0, 0 });
    p = f.part;
    assert_near(p->alpha0, 15.0 / 4, 1e-9);
    assert_near(p->n_rows, 2, 0);
    for (size_t k = 0; k < p->d; k++)
        assert_true(p->item[2 * p->d + k] == 0);
    pz_factors.free(f.part);
    free(t);
}

/* The objective: sum w (1 - x y)^2 + alpha0 sum over all pairs (x y)^2 + reg |x|^2 + reg |y|^2,
 * with every user's vector solved exactly on his whole history. */
static double objective(const struct tiny *t, const struct pz_factors_part *p)
{
    uint32_t n_users = t->c.n_users, n_items = t->c.n_items;
    float *work = pz_mem_array((p->d + PZ_FACTORS_CHUNK) * p->d, 4), *x = pz_mem_array(p->d, 4);
    float *diag = pz_mem_array(p->d, 4), *typical = pz_mem_array(p->d, 4);
    double sum = 0, *count = calloc(n_items, sizeof *count);

    for (size_t k = 0; k < p->d; k++)
        diag[k] = (float)p->alpha0 * p->spread[k];
    for (uint32_t u = 0; u < n_users; u++) {
        struct pz_row_problem row = { p->item,
                                      t->item + t->ptr[u],
                                      t->weight + t->ptr[u],
                                      (size_t)(t->ptr[u + 1] - t->ptr[u]),
                                      p->d,
                                      diag,
                                      typical,
                                      0 };

        row.reg = pz_factors_reg(p, (double)row.n, p->n_rows);
        pz_solve_row_exact(&row, x, work);
        for (size_t k = 0; k < row.n; k++) {
            count[row.id[k]]++;
            sum += pow(1 - (double)pz_dot(x, p->item + row.id[k] * p->d, p->d), 2);
        }
        for (uint32_t i = 0; i < n_items; i++)
            sum += p->alpha0 * pow((double)pz_dot(x, p->item + i * p->d, p->d), 2);
        sum += (double)(row.reg * pz_dot(x, x, p->d));
    }
    for (uint32_t i = 0; i < n_items; i++)
        sum += (double)(pz_factors_reg(p, count[i], n_users) *
                        pz_dot(p->item + i * p->d, p->item + i * p->d, p->d));
    free(work);
    free(x);
    free(diag);
    free(typical);
    free(count);
    return sum;
}

TEST(gradients_reach_what_cholesky_reaches)
{
    struct tiny *t = tiny_random(200, 60, 20, 1);
    struct fitted exact, fast, early;
    double best;

    fit_with(&exact, &t->c, (const double[]){ 16, 15, 5, 0.01, 1, 0 });
    fit_with(&fast, &t->c, (const double[]){ 16, 15, 5, 0.01, 0, 0 });
    fit_with(&early, &t->c, (const double[]){ 16, 1, 5, 0.01, 0, 0 });
    best = objective(t, exact.part);
    assert_near(objective(t, fast.part) / best, 1, 0.005);
    assert_true(objective(t, early.part) > 1.05 * best);
    pz_factors.free(exact.part);
    pz_factors.free(fast.part);
    pz_factors.free(early.part);
    free(t);
}

/* Every user has three items that most have and some of sixty that few have: the coordinates of the
 * first stand in far more equations. A few steps are enough in one sweep only where each coordinate
 * is scaled by its mean square over interactions. */
TEST(one_sweep_bears_uneven_popularity)
{
    struct tiny *t = tiny_new(63);
    struct fitted exact, fast;
    struct pz_rng rng;

    pz_rng_init(&rng, 5, 0);
    for (uint32_t u = 0; u < 150; u++) {
        for (uint32_t k = 0; k < 11; k++)
            tiny_add(t, k < 8 ? pz_rng_below(&rng, 3) : 3 + pz_rng_below(&rng, 60), k);
        tiny_end_user(t);
    }
    fit_with(&exact, &t->c, (const double[]){ 16, 1, 5, 0.01, 1, 0 });
    fit_with(&fast, &t->c, (const double[]){ 16, 1, 5, 0.01, 0, 0 });
    assert_near(objective(t, fast.part) / objective(t, exact.part), 1, 0.004);
    pz_factors.free(exact.part);
    pz_factors.free(fast.part);
    free(t);
}

/* ---- answering ---- */

TEST(a_query_solves_its_own_history)
{
    struct tiny *t = tiny_random(200, 60, 20, 2);
    uint32_t hist[] = { 3, 17, 40 };
    float weight[] = { 0, 0, 1 }, out[60], *x, *diag, *typical, *work;
    const struct pz_factors_part *p;
    struct pz_row_problem row;
    struct fitted f;

    fit_with(&f, &t->c, (const double[]){ 16, 5, 5, 0.01, 0, 0.5 });
    p = f.part;
    x = pz_mem_array(p->d, 4);
    diag = pz_mem_array(p->d, 4);
    typical = pz_mem_array(p->d, 4);
    work = pz_mem_array((p->d + PZ_FACTORS_CHUNK) * p->d, 4);
    weight[0] = (float)pow(3, -0.5);
    weight[1] = (float)pow(2, -0.5);
    for (size_t k = 0; k < p->d; k++) /* Y'Y of the items, which the basis makes diagonal */
        for (uint32_t i = 0; i < 60; i++)
            diag[k] += (float)p->alpha0 * p->item[i * p->d + k] * p->item[i * p->d + k];
    row = (struct pz_row_problem){ p->item, hist, weight,  3,
                                   p->d,    diag, typical, pz_factors_reg(p, 3, 60) };
    pz_solve_row_exact(&row, x, work);
    assert_true(fitted_score(&f, hist, 3, out, 60));
    for (uint32_t i = 0; i < 60; i++)
        assert_near(out[i], pz_dot(x, p->item + i * p->d, p->d), 1e-3);
    pz_factors.free(f.part);
    free(x);
    free(diag);
    free(typical);
    free(work);
    free(t);
}

TEST(a_basis_in_which_the_items_are_orthogonal)
{
    struct tiny *t = tiny_random(200, 60, 20, 3);
    const struct pz_factors_part *p;
    struct fitted f;

    fit_with(&f, &t->c, (const double[]){ 16, 5, 5, 0.01, 0, 0.5 });
    p = f.part;
    for (size_t a = 0; a < p->d; a++)
        for (size_t b = 0; b < p->d; b++) {
            double sum = 0;

            for (uint32_t i = 0; i < 60; i++)
                sum += (double)p->item[i * p->d + a] * (double)p->item[i * p->d + b];
            assert_near(sum, a == b ? (double)p->spread[a] : 0, 1e-4 * (double)p->spread[0]);
        }
    pz_factors.free(f.part);
    free(t);
}

TEST(tastes_are_told_apart)
{
    /* two circles of items that share no user */
    struct tiny *t = tiny_make("abc|bca|cab|ab|bc|def|efd|fde|de|ef", 6);
    uint32_t hist[] = { 0, 1 };
    float out[6];
    struct fitted f;

    fit_with(&f, &t->c, (const double[]){ 8, 10, 2, 0.01, 0, 0 });
    assert_true(fitted_score(&f, hist, 2, out, 6));
    for (uint32_t i = 3; i < 6; i++)
        assert_true(fabsf(out[i]) < 0.1f * out[2]);
    pz_factors.free(f.part);
    free(t);
}

TEST(shares_of_events_sum_to_the_score)
{
    struct tiny *t = tiny_random(200, 60, 20, 4);
    uint32_t hist[] = { 5, 9, 5, 21, 33 };
    struct fitted f;

    fit_with(&f, &t->c, (const double[]){ 16, 5, 5, 0.01, 0, 0.7 });
    assert_explains(&f, hist, 5, 60, 2e-3); /* both solves stop at a residual of 1e-4 */
    pz_factors.free(f.part);
    free(t);
}

/* ---- update ---- */

TEST(an_update_solves_new_items_and_keeps_the_old)
{
    enum { N = 60, OLD = 55 };
    struct tiny *t = tiny_random(200, N, 20, 5), *old = tiny_new(OLD);
    uint64_t first_new[TINY_USERS];
    uint32_t old_item[N];
    struct fitted was, whole;
    double best, got, without;
    void *part;

    for (uint32_t u = 0; u < t->c.n_users; u++) {
        uint64_t p = t->ptr[u];

        for (; p + 2 < t->ptr[u + 1] && t->item[p] < OLD; p++)
            tiny_add(old, t->item[p], t->time[p]);
        first_new[u] = p;
        tiny_end_user(old);
    }
    for (uint32_t i = 0; i < N; i++)
        old_item[i] = i < OLD ? i : PZ_NONE;
    fit_with(&was, &old->c, (const double[]){ 16, 12, 5, 0.01, 0, 0 });
    fit_with(&whole, &t->c, (const double[]){ 16, 12, 5, 0.01, 0, 0 });
    assert_int_equal(pz_factors.update(was.part, &t->c,
                                       &(struct pz_delta){ .old_item = old_item,
                                                           .first_new = first_new },
                                       &(struct pz_fit_cfg){ .value = was.value, .seed = 7 }, &part,
                                       NULL),
                     PZ_OK);
    best = objective(t, whole.part);
    got = objective(t, part);
    for (uint32_t i = 0; i < OLD; i++)
        assert_memory_equal(((struct pz_factors_part *)part)->item + i * 16,
                            ((struct pz_factors_part *)was.part)->item + i * 16,
                            16 * sizeof(float));
    memset(((struct pz_factors_part *)part)->own_item + OLD * 16, 0,
           (N - OLD) * 16 * sizeof(float));
    without = objective(t, part);
    assert_true(got < without && got - best < 0.8 * (without - best));
    pz_factors.free(part);
    pz_factors.free(was.part);
    pz_factors.free(whole.part);
    free(old);
    free(t);
}

/* ---- the whole ---- */

TEST(threads_do_not_change_a_byte)
{
    struct tiny *t = tiny_random(500, 150, 20, 6);
    struct fitted f;

    for (int solver = 0; solver <= 1; solver++) {
        fitted_settings(&f, &pz_factors, names, (const double[]){ 24, 3, 8, 0.01, solver, 0.8 });
        assert_same_at_any_thread_count(&f, &t->c);
    }
    free(t);
}

TEST(a_file_gives_the_part_back)
{
    struct tiny *t = tiny_random(90, 40, 12, 7);
    uint32_t hist[] = { 1, 2, 30 };
    struct fitted f;

    fit_with(&f, &t->c, (const double[]){ 16, 3, 8, 0.01, 0, 0.8 });
    assert_survives_a_file(&f, hist, 3, 40, false);
    assert_survives_a_file(&f, hist, 3, 40, true);
    pz_factors.free(f.part);
    free(t);
}

TEST(little_data_is_borne)
{
    assert_bears_little_data(&pz_factors);
}
