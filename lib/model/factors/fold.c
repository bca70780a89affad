/* SPDX-License-Identifier: Apache-2.0 */
/* Folding in: vectors for new items beside those that stay, at the cost of the users concerned.
 *
 *   1. the users who had a new item, and a sample of the others, get their vectors: the equation of
 *      factors.h over the items of their histories that have one
 *   2. the mean square of each coordinate over them, times all users with events, stands for the
 *      diagonal of X^T X, whose other entries are taken to be 0
 *   3. each new item is solved from the users who had it, as in half a sweep
 *
 * Users are in the order of their numbers and each row is one thread's work: the same bytes at any
 * number of threads. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/par.h"
#include "model/factors/factors.h"
#include "table/csr.h"

enum { SAMPLE = 500 /* users */, STEPS = 20 };
static const float TOLERANCE = 1e-3f;

struct job {
    const struct pz_corpus *c;
    const struct pz_delta *delta;
    struct pz_factors_part *f;
    uint32_t *user;        /* [n] who is solved */
    uint32_t n, active;    /* active: users with events */
    float *x;              /* [n * d] */
    float *diag, *typical; /* [d] */
    struct pz_csr had;     /* [new items] places in user, weights; rows by item */
    uint32_t *new_item;    /* [had.n] */
    float *work;           /* [threads * PZ_FACTORS_WORK * d] */
};

/* Whether new interaction p is with a new item. */
static bool is_new(const struct job *j, uint64_t p)
{
    return j->delta->old_item[j->c->item[p]] == PZ_NONE;
}

static bool had_new(const struct job *j, uint32_t u)
{
    for (uint64_t p = j->delta->first_new[u]; p < j->c->ptr[u + 1]; p++)
        if (is_new(j, p))
            return true;
    return false;
}

/* Who is solved: users of new items and every so many-th other. */
static void choose_users(struct job *j)
{
    uint32_t step, seen = 0;

    for (uint32_t u = 0; u < j->c->n_users; u++)
        j->active += j->c->ptr[u] < j->c->ptr[u + 1];
    /* Every step-th active user, in the order of users: no randomness, and about SAMPLE of them
     * beside those concerned. */
    step = j->active / SAMPLE + 1;
    for (uint32_t u = 0; u < j->c->n_users; u++) {
        if (j->c->ptr[u] == j->c->ptr[u + 1])
            continue;
        if (had_new(j, u) || seen % step == 0)
            j->user[j->n++] = u;
        seen++;
    }
}

/* The new items' users: rows in the order of items. */
static bool list_users(struct job *j)
{
    uint32_t n_items = j->c->n_items, rows = 0;
    uint32_t *row = pz_mem_array(n_items, sizeof *row), *place = NULL;
    uint64_t *ptr = NULL, n = 0;
    float *weight = NULL;

    for (uint32_t i = 0; row && i < n_items; i++)
        rows += j->delta->old_item[i] == PZ_NONE;
    j->new_item = pz_mem_array(rows, sizeof *j->new_item);
    ptr = pz_mem_array((size_t)rows + 1, sizeof *ptr);
    if (row && ptr && j->new_item) {
        rows = 0;
        for (uint32_t i = 0; i < n_items; i++)
            if (j->delta->old_item[i] == PZ_NONE) {
                row[i] = rows;
                j->new_item[rows++] = i;
            }
        for (uint32_t k = 0; k < j->n; k++)
            for (uint64_t p = j->delta->first_new[j->user[k]]; p < j->c->ptr[j->user[k] + 1]; p++)
                if (is_new(j, p))
                    /* Counting sort by item: counts, then their ends, then filled from behind so
                     * that each ptr ends at its row's beginning. */
                    ptr[row[j->c->item[p]]]++;
        for (uint32_t i = 0; i < rows; i++)
            n = ptr[i + 1] += ptr[i];
        place = pz_mem_array(n, sizeof *place);
        weight = pz_mem_array(n, sizeof *weight);
    }
    for (uint32_t k = j->n; place && weight && k-- > 0;)
        for (uint64_t p = j->c->ptr[j->user[k] + 1]; p-- > j->delta->first_new[j->user[k]];)
            if (is_new(j, p)) {
                uint64_t at = --ptr[row[j->c->item[p]]];

                place[at] = k;
                weight[at] = j->c->weight[p];
            }
    free(row);
    j->had = pz_csr_take(rows, j->n, ptr, place, weight);
    return ptr && place && weight;
}

static void solve(const struct job *j, struct pz_row_problem *p, double n_other, float *x)
{
    p->d = j->f->d;
    p->diag = j->diag;
    p->typical = j->typical;
    p->reg = pz_factors_reg(j->f, (double)p->n, n_other);
    if (p->n > 0)
        pz_solve_row(p, NULL, STEPS, TOLERANCE, x,
                     j->work + (size_t)pz_par_id() * PZ_FACTORS_WORK * p->d);
}

/* alpha0 times the squares of a side, and their mean over its rows.
 * The Gram matrix of a side is taken as diagonal. Of the items it is (als.c turns them last); of
 * the users, in the same coordinates, it is an approximation. */
static void weigh(struct job *j, const float *squares, double n)
{
    for (size_t k = 0; k < j->f->d; k++) {
        j->diag[k] = (float)j->f->alpha0 * squares[k];
        j->typical[k] = n > 0 ? squares[k] / (float)n : 0;
    }
}

static void solve_users(struct job *j)
{
    weigh(j, j->f->spread, j->f->n_rows);
#pragma omp parallel for schedule(dynamic, 16) num_threads(pz_par_threads())
    for (uint32_t k = 0; k < j->n; k++) {
        uint64_t from = j->c->ptr[j->user[k]], end = j->c->ptr[j->user[k] + 1];
        struct pz_row_problem p = { .y = j->f->item,
                                    .id = j->c->item + from,
                                    .weight = j->c->weight + from,
                                    .n = (size_t)(end - from) };

        solve(j, &p, j->f->n_rows, j->x + (size_t)k * j->f->d);
    }
}

static void solve_items(struct job *j, float *squares)
{
    size_t d = j->f->d;

    for (uint32_t k = 0; k < j->n; k++)
        for (size_t a = 0; a < d; a++)
            /* Those solved stand for all active users. */
            squares[a] += j->x[k * d + a] * j->x[k * d + a] * (float)j->active / (float)j->n;
    weigh(j, squares, j->active);
#pragma omp parallel for schedule(dynamic, 16) num_threads(pz_par_threads())
    for (uint32_t r = 0; r < j->had.n; r++) {
        uint64_t from = j->had.ptr[r];
        struct pz_row_problem p = { .y = j->x,
                                    .id = j->had.item + from,
                                    .weight = j->had.value + from,
                                    .n = (size_t)(j->had.ptr[r + 1] - from) };

        solve(j, &p, j->active, j->f->own_item + (size_t)j->new_item[r] * d);
    }
    for (uint32_t r = 0; r < j->had.n; r++) {
        const float *y = j->f->item + (size_t)j->new_item[r] * d;

        j->f->n_rows += j->had.ptr[r] < j->had.ptr[r + 1];
        for (size_t a = 0; a < d; a++)
            j->f->own_spread[a] += y[a] * y[a];
    }
}

enum pz_status pz_factors_fold(const struct pz_corpus *c, const struct pz_delta *delta,
                               struct pz_factors_part *f, struct pz_err *err)
{
    struct job j = { .c = c, .delta = delta, .f = f };
    float *squares = pz_mem_array(f->d, sizeof *squares);
    bool ok, any = false;

    for (uint32_t i = 0; i < c->n_items && !any; i++)
        any = delta->old_item[i] == PZ_NONE;
    j.user = pz_mem_array(c->n_users, sizeof *j.user);
    j.diag = pz_mem_array(f->d, sizeof *j.diag);
    j.typical = pz_mem_array(f->d, sizeof *j.typical);
    j.work = pz_mem_array((size_t)pz_par_threads() * PZ_FACTORS_WORK * f->d, sizeof *j.work);
    ok = squares && j.user && j.diag && j.typical && j.work;
    if (ok && any) {
        choose_users(&j);
        j.x = pz_mem_array((size_t)j.n * f->d, sizeof *j.x);
        ok = list_users(&j) && j.x;
        if (ok && j.n > 0) {
            solve_users(&j);
            solve_items(&j, squares);
        }
    }
    pz_csr_clear(&j.had);
    free(j.new_item);
    free(j.user);
    free(j.x);
    free(j.diag);
    free(j.typical);
    free(j.work);
    free(squares);
    return ok ? PZ_OK : pz_err_memory(err, "new item factors", 4.0 * (double)f->d * j.n);
}
