/* SPDX-License-Identifier: Apache-2.0 */
/* Learning the factors: see factors.h. Implicit ALS with frequency-scaled regularisation (Hu, Koren
 * & Volinsky 2008; Rendle, Krichene, Zhang & Koren 2022). Half a sweep over one side:
 *
 *   1. G = Y^T Y of the other side, its eigenvectors Q; both sides are turned: Y <- Y Q, X <- X Q
 *   2. every row of X is solved from its last value: alpha0 G is now diagonal, so a step of
 *      conjugate gradients costs 4 n d operations, and with the diagonal as preconditioner two
 *      steps are enough (the sweeps correct what is left)
 *
 * Rows are independent and write only themselves: the result is the same at any number of threads
 * and ranks. A rank solves and turns its share of the rows, and all have those of the other side
 * before they solve. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/par.h"
#include "base/ranks.h"
#include "base/rng.h"
#include "base/signals.h"
#include "data/shares.h"
#include "model/dense.h"
#include "model/factors/factors.h"

enum { CG_STEPS = 2, ROW_CHUNK = 32 };

_Static_assert(PZ_SHARE_USERS % PZ_MAT_ROWS == 0, "ranks turn whole blocks of users");

/* One side: its rows' interactions with rows of the other side. */
struct side {
    const uint64_t *ptr; /* [n + 1] of those rows that this rank solves */
    const uint32_t *id;  /* indices on the other side */
    const float *weight;
    const uint64_t *all; /* [n + 1] as ptr, of all rows */
    struct pz_share mine;
    float *x;         /* [n * d] */
    size_t n, active; /* rows; those with interactions */
};

struct als {
    struct pz_factors_part *f;
    const double *set;
    size_t d;
    struct side users, items;
    struct pz_by_item by_item;     /* the corpus */
    float *user_x, *item_x;        /* [n * d] of all users; of all items, alone the part's own */
    float *gram;                   /* [d * d] */
    float *value, *diag, *typical; /* [d] */
    float *work;                   /* [threads * work_size] */
    size_t work_size;
};

static void als_clear(struct als *a)
{
    pz_by_item_clear(&a->by_item);
    pz_ranks_return(a->user_x);
    if (a->item_x != a->f->own_item)
        pz_ranks_return(a->item_x);
    free(a->gram);
    free(a->value);
    free(a->diag);
    free(a->typical);
    free(a->work);
}

/* lambda (n + alpha0 |other|)^nu of Rendle et al. 2022: with nu = 1 every row is pulled to zero in
 * proportion to the weight of all that it must explain, seen or not; with 0 all rows alike (Hu et
 * al. 2008). */
float pz_factors_reg(const struct pz_factors_part *f, double n, double n_other)
{
    return (float)(f->set[PZ_FACTORS_LAMBDA] * pow(n + f->alpha0 * n_other, f->set[PZ_FACTORS_NU]));
}

static enum pz_status take_memory(const struct pz_corpus *c, struct als *a, struct pz_err *err)
{
    /* The exact solver needs a Gram matrix and a chunk of rows for each thread, the iterative one a
     * handful of vectors. */
    size_t d = a->d;

    a->work_size = a->set[PZ_FACTORS_SOLVER] > 0 ? (d + PZ_FACTORS_CHUNK) * d : PZ_FACTORS_WORK * d;
    a->user_x = pz_ranks_room((size_t)c->n_users * d, sizeof(float));
    a->item_x = pz_ranks_n() > 1 ? pz_ranks_room((size_t)c->n_items * d, sizeof(float))
                                 : a->f->own_item;
    a->gram = pz_mem_array(d * d, sizeof(float));
    a->value = pz_mem_array(d, sizeof(float));
    a->diag = pz_mem_array(d, sizeof(float));
    a->typical = pz_mem_array(d, sizeof(float));
    a->work = pz_mem_array((size_t)pz_par_threads() * a->work_size, sizeof(float));
    if (!a->user_x || !a->item_x || !a->gram || !a->value || !a->diag || !a->typical || !a->work)
        return pz_err_memory(err, "the user factors", 4.0 * (double)d * c->n_users);
    return pz_by_item_make(c, c->weight, PZ_MAT_ROWS, &a->by_item, err);
}

/* Random vectors for those of the own rows that have none: rows that come with a vector (of old,
 * NULL: none does), as after an earlier run, go on from it. Rows without interactions become zero:
 * nothing pulls them. */
static void start_vectors(const struct side *s, const float *old, size_t d, uint64_t seed)
{
#pragma omp parallel for schedule(static) num_threads(pz_par_threads())
    for (size_t r = s->mine.first; r < s->mine.end; r++) {
        float *x = s->x + r * d;
        bool zero = true;
        struct pz_rng rng;

        for (size_t k = 0; k < d; k++) {
            x[k] = old ? old[r * d + k] : 0;
            zero = zero && x[k] == 0;
            x[k] = s->all[r] < s->all[r + 1] ? x[k] : 0;
        }
        /* A stream for each row, so that neither threads nor the number of rows before it matter.
         */
        pz_rng_init(&rng, seed, r);
        for (size_t k = 0; k < d && zero && s->all[r] < s->all[r + 1]; k++)
            x[k] = (float)(pz_rng_normal(&rng) * 0.1 / sqrt((double)d));
    }
}

/* alpha0 and |I| of the corpus. */
static void weigh_unseen(const struct pz_corpus *c, struct als *a)
{
    double sum = 0, pairs;

    pz_shares_turn(c, &sum, sizeof sum);
    for (size_t p = 0; p < a->users.ptr[a->users.n]; p++)
        sum += (double)a->users.weight[p];
    pz_shares_pass(c, &sum, sizeof sum);
    for (struct side *s = &a->users; s; s = s == &a->users ? &a->items : NULL)
        for (size_t r = 0; r < s->n; r++)
            s->active += s->all[r] < s->all[r + 1];
    pairs = (double)a->users.active * (double)a->items.active;
    a->f->n_rows = (double)a->items.active;
    /* The setting is a ratio: `unseen` times the weight of what happened is spread over all pairs
     * of an active user and an active item. So one default serves catalogues of any size, where
     * alpha0 itself would not. */
    a->f->alpha0 = pairs > 0 ? a->set[PZ_FACTORS_UNSEEN] * sum / pairs : 0;
}

/* The rows of a side that this rank has, as a matrix. */
static struct pz_mat own_rows(const struct side *s, size_t d)
{
    return pz_mat_rows(pz_mat_of(s->x, s->n, d), s->mine);
}

/* Turn both sides, of which each rank has its rows, so that the other side's Gram matrix becomes
 * a->value on its diagonal. Then all ranks have all rows of the other side. */
static enum pz_status turn(struct als *a, const struct side *mine, const struct side *other,
                           struct pz_err *err)
{
    struct pz_mat gram = pz_mat_of(a->gram, a->d, a->d);
    enum pz_status st;

    /* Turning both sides by one orthogonal Q changes no product x.y, so the model is the same; only
     * the coordinates are better ones for the solver. */
    pz_mat_gram(pz_mat_of(other->x, other->n, a->d), other->mine, gram);
    st = pz_mat_eigen(gram, a->value, err);
    if (st == PZ_OK)
        st = pz_mat_apply(own_rows(other, a->d), gram, err);
    if (st == PZ_OK)
        st = pz_mat_apply(own_rows(mine, a->d), gram, err);
    if (st == PZ_OK)
        pz_ranks_gather_mine(other->x, other->mine, a->d * sizeof *other->x);
    return st;
}

/* Mean square of each coordinate of the other side over all interactions. */
static enum pz_status find_typical(struct als *a, const struct side *other, struct pz_err *err)
{
    /* Over interactions, not over rows: a popular row stands in many equations. It only
     * preconditions, so that doing without it (no memory) costs steps, never correctness. */
    double *sum = calloc(a->d, sizeof *sum), n = (double)other->all[other->n];

    if (!sum)
        return pz_err_memory(err, "sums of squares", 8.0 * (double)a->d);
    pz_ranks_turn(sum, a->d * sizeof *sum);
    for (size_t r = other->mine.first; r < other->mine.end; r++) {
        double count = (double)(other->all[r + 1] - other->all[r]);

        for (size_t k = 0; k < a->d && count > 0; k++)
            sum[k] += count * (double)other->x[r * a->d + k] * (double)other->x[r * a->d + k];
    }
    pz_ranks_pass(sum, a->d * sizeof *sum);
    for (size_t k = 0; k < a->d; k++)
        a->typical[k] = n > 0 ? (float)(sum[k] / n) : 0;
    free(sum);
    return PZ_OK;
}

static void solve(const struct als *a, const struct side *mine, const struct side *other, size_t r)
{
    struct pz_row_problem p = { .y = other->x,
                                .id = mine->id + mine->ptr[r],
                                .weight = mine->weight + mine->ptr[r],
                                .n = (size_t)(mine->ptr[r + 1] - mine->ptr[r]),
                                .d = a->d,
                                .diag = a->diag,
                                .typical = a->typical };
    float *work = a->work + (size_t)pz_par_id() * a->work_size;

    /* start_vectors made it zero, and turning keeps zeros. */
    if (p.n == 0)
        return;
    p.reg = pz_factors_reg(a->f, (double)p.n, (double)other->active);
    if (a->set[PZ_FACTORS_SOLVER] > 0)
        pz_solve_row_exact(&p, mine->x + r * a->d, work);
    else
        pz_solve_row(&p, NULL, CG_STEPS, 0, mine->x + r * a->d, work);
}

static enum pz_status solve_side(struct als *a, const struct side *mine, const struct side *other,
                                 struct pz_err *err)
{
    enum pz_status st = turn(a, mine, other, err);

    if (st != PZ_OK)
        return st;
    for (size_t k = 0; k < a->d; k++)
        /* Eigenvalues of a Gram matrix are not negative; rounding makes some of them so. */
        a->diag[k] = (float)a->f->alpha0 * (a->value[k] > 0 ? a->value[k] : 0);
    st = find_typical(a, other, err);
    if (st != PZ_OK)
        return st;
#pragma omp parallel for schedule(dynamic, ROW_CHUNK) num_threads(pz_par_threads())
    for (size_t r = mine->mine.first; r < mine->mine.end; r++)
        solve(a, mine, other, r);
    return PZ_OK;
}

static bool time_is_up(const struct pz_fit_cfg *cfg, double begin)
{
    return pz_stop_asked() ||
           (cfg->time_limit_s > 0 && pz_wall_seconds() - begin > cfg->time_limit_s);
}

enum pz_status pz_factors_alternate(const struct pz_corpus *c, const struct pz_fit_cfg *cfg,
                                    int sweeps, struct pz_factors_part *f, struct pz_err *err)
{
    struct als a = { .f = f, .set = f->set, .d = f->d };
    double begin = pz_wall_seconds();
    enum pz_status st = take_memory(c, &a, err);

    a.users = (struct side){ .ptr = c->ptr,
                             .id = c->item,
                             .weight = c->weight,
                             .all = c->all_ptr ? c->all_ptr : c->ptr,
                             .mine = pz_shares_mine(c, PZ_MAT_ROWS),
                             .x = a.user_x,
                             .n = c->n_users };
    a.items = (struct side){ .ptr = a.by_item.ptr,
                             .id = a.by_item.user,
                             .weight = a.by_item.value,
                             .all = a.by_item.all,
                             .mine = pz_ranks_mine(c->n_items, PZ_MAT_ROWS),
                             .x = a.item_x,
                             .n = c->n_items };
    if (st == PZ_OK) {
        weigh_unseen(c, &a);
        start_vectors(&a.items, f->own_item, f->d, cfg->seed);
        start_vectors(&a.users, NULL, f->d, cfg->seed + 1);
    }
    for (int s = 0; st == PZ_OK && s < sweeps; s++) {
        st = solve_side(&a, &a.users, &a.items, err);
        if (st == PZ_OK)
            st = solve_side(&a, &a.items, &a.users, err);
        /* After a whole sweep: both sides belong together whenever it ends. */
        if (time_is_up(cfg, begin))
            break;
    }
    if (st == PZ_OK)
        st = turn(&a, &a.users, &a.items, err);
    if (st == PZ_OK)
        memmove(f->own_item, a.item_x, a.items.n * f->d * sizeof *f->own_item); /* or the same */
    if (st == PZ_OK)
        /* The last solve moved the items, so that their Gram matrix is diagonal again only after
         * one more turn; queries rely on that (spread is all they know of it). */
        memcpy(f->own_spread, a.value, f->d * sizeof *a.value);
    als_clear(&a);
    return st;
}
