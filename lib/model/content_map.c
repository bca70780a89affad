/* SPDX-License-Identifier: Apache-2.0 */
/* The map from features to vectors: see content.h. The normal equations are never formed: X is sparse, and
 * conjugate gradients with the diagonal as preconditioner need only products with it. Every column of W is a
 * problem of its own, solved by one thread in one order of sums: the same at any thread count. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/par.h"
#include "model/content.h"

enum { STEPS = 40, ROOM = 4 };

/* The equation of one column of W: (X^T D X + ridge I) w = X^T D v. */
struct solve {
    const struct pz_content_rows *x;
    const float *weight;  /* D */
    double *diag;         /* [n_feats] diagonal of the matrix */
    uint32_t n_feats;
    double ridge;
};

static void multiply(const struct solve *s, const double *p, double *out)
{
    const struct pz_content_rows *x = s->x;

    for (uint32_t f = 0; f < s->n_feats; f++)
        out[f] = s->ridge * p[f];
    for (uint32_t i = 0; i < x->n; i++) {
        double sum = 0;

        if (s->weight[i] <= 0)
            continue;
        for (uint64_t k = x->ptr[i]; k < x->ptr[i + 1]; k++)
            sum += (double)x->weight[k] * p[x->id[k]];
        sum *= (double)s->weight[i];
        for (uint64_t k = x->ptr[i]; k < x->ptr[i + 1]; k++)
            out[x->id[k]] += (double)x->weight[k] * sum;
    }
}

static double dot(const double *a, const double *b, uint32_t n)
{
    double sum = 0;

    for (uint32_t k = 0; k < n; k++)
        sum += a[k] * b[k];
    return sum;
}

/* w: [n] solution; r: [n] right-hand side in, residual out; p, q: [n] room. */
static void conjugate(const struct solve *s, double *w, double *r, double *p, double *q)
{
    uint32_t n = s->n_feats;
    double rho, first, next;

    for (uint32_t k = 0; k < n; k++) {
        w[k] = 0;
        p[k] = r[k] / s->diag[k];
    }
    rho = first = dot(r, p, n);
    for (int step = 0; step < STEPS && rho > 1e-8 * first && rho > 0; step++) {
        double alpha;

        multiply(s, p, q);
        alpha = rho / dot(p, q, n);
        next = 0;
        for (uint32_t k = 0; k < n; k++) {
            w[k] += alpha * p[k];
            r[k] -= alpha * q[k];
            next += r[k] * r[k] / s->diag[k];
        }
        for (uint32_t k = 0; k < n; k++)
            p[k] = r[k] / s->diag[k] + next / rho * p[k];
        rho = next;
    }
}

static void right_side(const struct solve *s, const float *v, size_t d, double *r)
{
    const struct pz_content_rows *x = s->x;

    memset(r, 0, s->n_feats * sizeof *r);
    for (uint32_t i = 0; i < x->n; i++)
        for (uint64_t k = x->ptr[i]; k < x->ptr[i + 1]; k++)
            r[x->id[k]] += (double)s->weight[i] * (double)x->weight[k] * (double)v[(size_t)i * d];
}

static void fill_diagonal(struct solve *s)
{
    const struct pz_content_rows *x = s->x;

    for (uint32_t f = 0; f < s->n_feats; f++)
        s->diag[f] = s->ridge;
    for (uint32_t i = 0; i < x->n; i++)
        for (uint64_t k = x->ptr[i]; k < x->ptr[i + 1]; k++)
            s->diag[x->id[k]] += (double)s->weight[i] * (double)x->weight[k] * (double)x->weight[k];
}

static void solve_column(const struct solve *s, const float *v, struct pz_mat map, size_t column, double *room)
{
    double *w = room, *r = w + s->n_feats;

    right_side(s, v + column, map.cols, r);
    conjugate(s, w, r, r + s->n_feats, r + 2 * (size_t)s->n_feats);
    for (uint32_t f = 0; f < s->n_feats; f++)
        map.v[f * map.stride + column] = (float)w[f];
}

enum pz_status pz_content_map(const struct pz_content_rows *x, const float *weight, double ridge,
                              const float *v, struct pz_mat map, struct pz_err *err)
{
    struct solve s = { .x = x, .weight = weight, .n_feats = (uint32_t)map.rows, .ridge = ridge };
    bool good;
    double *room = pz_mem_array((size_t)pz_par_threads() * ROOM * map.rows, sizeof *room);

    s.diag = pz_mem_array(map.rows, sizeof *s.diag);
    good = s.diag && room;
    if (good) {
        fill_diagonal(&s);
#pragma omp parallel for schedule(dynamic, 1) num_threads(pz_par_threads())
        for (size_t c = 0; c < map.cols; c++)
            solve_column(&s, v, map, c, room + (size_t)pz_par_id() * ROOM * map.rows);
    }
    free(room);
    free(s.diag);
    return good ? PZ_OK : pz_err_memory(err, "the map of attributes", 40.0 * (double)map.rows);
}
