/* SPDX-License-Identifier: Apache-2.0 */
/* Factors: implicit ALS behind the scorer interface (learning: als.c, formulas:
 * factors.h).
 *
 * No user vectors are kept. A query's vector is the same equation on the history as it is now, with
 * damped weights that fade by age (pz_recency): known, new and anonymous users are treated alike.
 * Scores may be negative.
 *
 * Columns: factors/items (f32 [n_items * d]), factors/spread (f32 [d], the diagonal of Y^T Y),
 * factors/set (f64: the settings, |I|, alpha0). Derived: its bytes (bytes.h).
 *
 * An update keeps the old items' vectors and solves those of the new ones (fold.c). */
#include "model/factors/factors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/simd.h"
#include "model/parts.h"
#include "table/lists.h"

enum { LANES = PZ_FACTORS_LANES, QUERY_STEPS = 40, HISTORY_MAX = 1000, N_SAVED = PZ_FACTORS_N + 2 };

/* Relative residual of a query's equation: small enough that explanations sum to the score. */
static const float query_tolerance = 1e-4f;

static const struct pz_setting settings[PZ_FACTORS_N] = {
    [PZ_FACTORS_DIM] = { PZ_SETTING("dim", "length of a vector, a multiple of 8"),
                         PZ_ALLOWED(64, 8, 1024), PZ_WHOLE },
    [PZ_FACTORS_SWEEPS] = { PZ_SETTING("sweeps", "alternations"), PZ_ALLOWED(8, 1, 100), PZ_WHOLE },
    [PZ_FACTORS_UNSEEN] = { PZ_SETTING("unseen",
                                       "weight of all that did not happen relative to what did"),
                            PZ_ALLOWED(8, 0.01, 1e4), PZ_SEARCHED(1.5, 25), PZ_LOG_SCALE },
    [PZ_FACTORS_LAMBDA] = { PZ_SETTING("lambda", "regularisation"), PZ_ALLOWED(0.01, 1e-6, 10),
                            PZ_SEARCHED(0.003, 0.03), PZ_LOG_SCALE },
    [PZ_FACTORS_NU] = { PZ_SETTING("nu", "exponent of the frequency in the regularisation"),
                        PZ_ALLOWED(1, 0, 2) },
    [PZ_FACTORS_SOLVER] = { PZ_SETTING("solver", "0 conjugate gradients, 1 Cholesky"),
                            PZ_ALLOWED(0, 0, 1), PZ_WHOLE },
    [PZ_FACTORS_RECENCY] = { PZ_SETTING("recency", "weight of a history event: 1/rank^recency"),
                             PZ_ALLOWED(0.8, 0, 3), PZ_SEARCHED(0.3, 1.3), PZ_READ_OUT },
    [PZ_FACTORS_HISTORY] = { PZ_SETTING("history", "newest events that count"),
                             PZ_ALLOWED(200, 1, HISTORY_MAX), PZ_WHOLE, PZ_READ_OUT },
};

static void part_free(void *part)
{
    struct pz_factors_part *f = part;

    if (!f)
        return;
    free(f->own_item);
    free(f->own_spread);
    pz_bytes_copy_clear(&f->bytes);
    free(f);
}

/* A part with room for n_items vectors. NULL: no memory.
 * d is rounded up to whole vectors of LANES floats: kernels have no rest to deal with. */
static struct pz_factors_part *part_new(uint32_t n_items, const double *value)
{
    struct pz_factors_part *f = calloc(1, sizeof *f);

    if (!f)
        return NULL;
    memcpy(f->set, value, sizeof f->set);
    f->n_items = n_items;
    f->d = ((size_t)value[PZ_FACTORS_DIM] + LANES - 1) / LANES * LANES;
    f->item = f->own_item = pz_mem_array((size_t)n_items * f->d, sizeof(float));
    f->spread = f->own_spread = pz_mem_array(f->d, sizeof(float));
    if (f->item && f->spread)
        return f;
    part_free(f);
    return NULL;
}

static enum pz_status fit(const struct pz_corpus *c, const struct pz_fit_cfg *cfg, void **part,
                          struct pz_err *err)
{
    struct pz_factors_part *f = part_new(c->n_items, cfg->value);
    enum pz_status st = f ? pz_factors_alternate(c, cfg, (int)cfg->value[PZ_FACTORS_SWEEPS], f, err)
                          : pz_err_memory(err, "the item factors",
                                          4.0 * cfg->value[PZ_FACTORS_DIM] * c->n_items);

    return pz_part_hand_out(st, f, part_free, part);
}

/* Users and items with an event. */
static double count_active(const struct pz_corpus *c, struct pz_err *err)
{
    uint8_t *met = pz_mem_array(c->n_items, 1);
    double n = 0;

    if (!met) {
        pz_err_memory(err, "the cost of factors", c->n_items);
        return -1;
    }
    for (uint32_t u = 0; u < c->n_users; u++)
        n += c->ptr[u] < c->ptr[u + 1];
    for (uint64_t p = 0; p < c->ptr[c->n_users]; p++) {
        n += !met[c->item[p]];
        met[c->item[p]] = 1;
    }
    free(met);
    return n;
}

/* Terms of a sweep: a row is turned, the eigenvectors, a row with events is solved, events are
 * gathered; by Cholesky d^2 an event and d^3 / 6 a row. */
static enum pz_status cost(const struct pz_corpus *c, const double *value, struct pz_fit_cost *out,
                           struct pz_err *err)
{
    double n = (double)c->ptr[c->n_users], rows = (double)c->n_users + c->n_items,
           active = count_active(c, err), d = value[PZ_FACTORS_DIM], of_64 = d / 64,
           sweeps = value[PZ_FACTORS_SWEEPS];

    if (active < 0)
        return PZ_TRY_AGAIN;
    out->term[0] = of_64 * of_64 * rows * sweeps;
    out->term[1] = of_64 * of_64 * of_64 * sweeps;
    out->term[2] = of_64 * active * sweeps;
    out->term[3] = of_64 * n * sweeps;
    if (value[PZ_FACTORS_SOLVER] > 0)
        out->term[4] = d * d * (n + active * d / 6) * sweeps;
    out->kept = 4 * d * c->n_items;
    out->beside = 4 * d * c->n_users + 8 * n + 16.0 * c->n_items;
    out->rests = 8 * n;
    return PZ_OK;
}

static enum pz_status update(const void *old_part, const struct pz_corpus *c,
                             const struct pz_delta *delta, const struct pz_fit_cfg *cfg,
                             void **part, struct pz_err *err)
{
    const struct pz_factors_part *old = old_part;
    struct pz_factors_part *f = part_new(c->n_items, old->set);
    enum pz_status st = f ? PZ_OK
                          : pz_err_memory(err, "the item factors",
                                          4.0 * (double)old->d * c->n_items);

    (void)cfg; /* the settings are those of the old part */
    if (st == PZ_OK) {
        f->n_rows = old->n_rows;
        f->alpha0 = old->alpha0;
        memcpy(f->own_spread, old->spread, f->d * sizeof *f->own_spread);
        for (uint32_t i = 0; i < c->n_items; i++)
            /* Old items stay where they are: users' vectors are not kept, and one who had only old
             * items gets the same answer as before. */
            if (delta->old_item[i] != PZ_NONE)
                memcpy(f->own_item + i * f->d, old->item + delta->old_item[i] * f->d,
                       f->d * sizeof *f->own_item);
        st = pz_factors_fold(c, delta, f, err);
    }
    return pz_part_hand_out(st, f, part_free, part);
}

static enum pz_status save(const void *part, struct pz_writer *w, struct pz_err *err)
{
    const struct pz_factors_part *f = part;
    double set[N_SAVED];
    enum pz_status st = pz_writer_add(w, "factors/items", PZ_F32, f->item,
                                      (uint64_t)f->n_items * f->d, err);

    memcpy(set, f->set, sizeof f->set);
    set[PZ_FACTORS_N] = f->n_rows;
    set[PZ_FACTORS_N + 1] = f->alpha0;
    if (st == PZ_OK)
        st = pz_writer_add(w, "factors/spread", PZ_F32, f->spread, f->d, err);
    if (st == PZ_OK)
        st = pz_writer_add(w, "factors/set", PZ_F64, set, N_SAVED, err);
    return st;
}

static enum pz_status take_settings(struct pz_factors_part *f, const double *set,
                                    struct pz_err *err)
{
    enum pz_status st = pz_scorer_check(&pz_factors, set, err);

    if (st != PZ_OK)
        return st;
    if (!(set[PZ_FACTORS_N] >= 0 && set[PZ_FACTORS_N] <= UINT32_MAX))
        return pz_err_set(err, PZ_BAD_DATA, "factors: the number of items is damaged");
    if (!(set[PZ_FACTORS_N + 1] >= 0 && isfinite(set[PZ_FACTORS_N + 1])))
        return pz_err_set(err, PZ_BAD_DATA, "factors: alpha0 is damaged");
    memcpy(f->set, set, sizeof f->set);
    f->n_rows = set[PZ_FACTORS_N];
    f->alpha0 = set[PZ_FACTORS_N + 1];
    f->d = ((size_t)set[PZ_FACTORS_DIM] + LANES - 1) / LANES * LANES;
    return PZ_OK;
}

static enum pz_status read_columns(struct pz_factors_part *f, struct pz_table *t,
                                   struct pz_err *err)
{
    const void *data = NULL;
    uint64_t d = f->d;
    enum pz_status st = pz_table_get(t, "factors/items", PZ_F32, f->n_items * d, &data, NULL, err);

    f->item = data;
    if (st == PZ_OK)
        st = pz_table_get(t, "factors/spread", PZ_F32, d, &data, NULL, err);
    f->spread = data;
    if (st == PZ_OK && !pz_table_is_flat(t) &&
        !(pz_numbers_good(f->item, f->n_items * d, -FLT_MAX) &&
          pz_numbers_good(f->spread, d, -FLT_MAX)))
        st = pz_err_set(err, PZ_BAD_DATA, "factors: not a finite number");
    return st;
}

static enum pz_status derive(const void *part, struct pz_derived *out, struct pz_err *err)
{
    return pz_bytes_copy_derive(&((const struct pz_factors_part *)part)->bytes, "factors", out,
                                err);
}

static enum pz_status load(struct pz_table *t, uint32_t n_items, void **part, struct pz_err *err)
{
    struct pz_factors_part *f = calloc(1, sizeof *f);
    const void *set = NULL;
    enum pz_status st = f ? pz_table_get(t, "factors/set", PZ_F64, N_SAVED, &set, NULL, err)
                          : pz_err_memory(err, "factors", sizeof *f);

    if (st == PZ_OK)
        st = take_settings(f, set, err);
    if (st == PZ_OK) {
        f->n_items = n_items;
        st = read_columns(f, t, err);
    }
    if (st == PZ_OK)
        st = pz_bytes_copy_load(t, "factors", f->item, f->n_items, f->d,
                                f->n_items >= pz_bytes_many, &f->bytes, err);
    return pz_part_hand_out(st, f, part_free, part);
}

static void set(void *part, size_t setting, double value)
{
    ((struct pz_factors_part *)part)->set[setting] = value;
}

/* Scratch of a query: the vector, the solver's work, the diagonal and the preconditioner's guess,
 * weights. */
struct scratch {
    float *x, *work, *diag, *typical, *weight;
};

#define SCRATCH_FLOATS(f) ((3 + PZ_FACTORS_WORK) * (f)->d + HISTORY_MAX)

static size_t scratch_bytes(const void *part)
{
    const struct pz_factors_part *f = part;

    return SCRATCH_FLOATS(f) * sizeof(float) + sizeof(struct pz_bytes_query8);
}

static struct scratch scratch_of(const struct pz_factors_part *f, void *scratch)
{
    float *x = scratch;

    return (struct scratch){ x, x + f->d, x + (1 + PZ_FACTORS_WORK) * f->d,
                             x + (2 + PZ_FACTORS_WORK) * f->d, x + (3 + PZ_FACTORS_WORK) * f->d };
}

/* The history's equation. Events of a query count by their damped weight and less the older they
 * are; an item's typical square is guessed as the mean over the catalogue. */
static struct pz_row_problem pose(const struct pz_factors_part *f, const struct pz_query *q,
                                  struct scratch *s)
{
    size_t limit = (size_t)f->set[PZ_FACTORS_HISTORY], n = q->n_hist < limit ? q->n_hist : limit;
    struct pz_recency age = { .q = q, .exponent = f->set[PZ_FACTORS_RECENCY], .max = n };
    struct pz_row_problem p = { .y = f->item,
                                .id = q->hist + q->n_hist - n,
                                .weight = s->weight,
                                .n = n,
                                .d = f->d,
                                .diag = s->diag,
                                .typical = s->typical,
                                .reg = pz_factors_reg(f, (double)n, f->n_rows) };

    for (size_t k = n; k-- > 0;)
        s->weight[k] = pz_weight_damp(q->hist_weight[q->n_hist - n + k], q->event_power) *
                       (float)pz_recency_next(&age);
    for (size_t k = 0; k < f->d; k++) {
        s->diag[k] = (float)f->alpha0 * f->spread[k];
        s->typical[k] = f->spread[k] / (float)(f->n_rows > 0 ? f->n_rows : 1);
    }
    return p;
}

const float *pz_factors_query(const struct pz_factors_part *f, const struct pz_query *q,
                              void *scratch)
{
    struct scratch s = scratch_of(f, scratch);
    struct pz_row_problem p = pose(f, q, &s);

    memset(s.x, 0, f->d * sizeof *s.x);
    pz_solve_row(&p, NULL, QUERY_STEPS, query_tolerance, s.x, s.work);
    return s.x;
}

static bool score(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    const struct pz_factors_part *f = part;

    if (q->n_hist == 0)
        return false;
    if (q->task == PZ_TASK_RELATED) { /* cosine with the one item of the history */
        pz_scan_cosine(f->item, f->item + (size_t)q->hist[q->n_hist - 1] * f->d, f->n_items, f->d,
                       out);
        return true;
    }
    /* n_items * d multiplications, bound by the memory that the vectors are read from. */
    pz_scan(f->item, pz_factors_query(f, q, scratch), f->n_items, f->d, out);
    return true;
}

static struct pz_bytes_query8 *rough_of(const struct pz_factors_part *f, void *scratch)
{
    return (struct pz_bytes_query8 *)((float *)scratch + SCRATCH_FLOATS(f));
}

static bool rough(const void *part, const struct pz_query *q, void *scratch)
{
    const struct pz_factors_part *f = part;

    if (!f->bytes.rows.code || q->n_hist == 0 || q->task == PZ_TASK_RELATED)
        return false;
    pz_bytes_query8(pz_factors_query(f, q, scratch), f->d, rough_of(f, scratch));
    return true;
}

static bool reach(const void *part, void *scratch, struct pz_reach *out)
{
    const struct pz_factors_part *f = part;

    if (!f->bytes.longest)
        return false;
    *out = (struct pz_reach){ f->bytes.length, f->bytes.longest,
                              pz_bytes_reach(rough_of(f, scratch), f->d) };
    return true;
}

static void rough_rows(const void *part, void *scratch, const uint32_t *item, size_t n, float *out,
                       float *off)
{
    const struct pz_factors_part *f = part;

    pz_bytes_copy_rows(&f->bytes, rough_of(f, scratch), item, n, out, off);
}

static void rough_scan(const void *part, void *const *scratch, size_t n, float *const *out,
                       float *const *off)
{
    const struct pz_factors_part *f = part;
    const struct pz_bytes_query8 *q[PZ_SCORE_BLOCK];

    for (size_t k = 0; k < n; k++)
        q[k] = rough_of(f, scratch[k]);
    pz_bytes_rough_scan(&f->bytes.rows, f->bytes.off, q, n, out, off);
}

static float exact(const void *part, void *scratch, uint32_t item)
{
    const struct pz_factors_part *f = part;

    return item < f->n_items ? pz_dot(f->item + (size_t)item * f->d, scratch, f->d) : 0;
}

/* The longest of what an item has: some 190 ns where it comes from memory. */
static void prefetch(const void *part, uint32_t item)
{
    const struct pz_factors_part *f = part;

    pz_simd_prefetch(f->item + (size_t)item * f->d, f->d * sizeof *f->item);
}

static size_t kept_floats(const void *part)
{
    return ((const struct pz_factors_part *)part)->d;
}

static const float *vector_of(const struct pz_factors_part *f, const struct pz_query *q,
                              void *scratch)
{
    if (!q->vector)
        return pz_factors_query(f, q, scratch);
    if (isnan(q->vector[0]))
        memcpy(q->vector, pz_factors_query(f, q, scratch), f->d * sizeof *q->vector);
    return q->vector;
}

static void score_block(const void *part, const struct pz_query *const *q, size_t n,
                        void *const *scratch, float *const *out, bool *said)
{
    const struct pz_factors_part *f = part;
    const float *x[PZ_SCORE_BLOCK];
    float *to[PZ_SCORE_BLOCK];
    struct pz_scan_block block = { f->item, f->n_items, f->d, x, 0, to };

    for (size_t i = 0; i < n; i++) {
        bool is_user = q[i]->n_hist > 0 && q[i]->task != PZ_TASK_RELATED;

        said[i] = is_user || score(part, q[i], scratch[i], out[i]);
        if (is_user) {
            x[block.n_x] = vector_of(f, q[i], scratch[i]);
            to[block.n_x++] = out[i];
        }
    }
    pz_scan_block(&block);
}

/* x = A^-1 sum_k w_k y_k, so event k's share in item j's score is w_k y_k^T A^-1 y_j: one solve for
 * A^-1 y_j gives them all. */
static void explain(const void *part, const struct pz_query *q, uint32_t item, void *scratch,
                    float *contrib)
{
    const struct pz_factors_part *f = part;
    struct scratch s = scratch_of(f, scratch);
    struct pz_row_problem p;

    memset(contrib, 0, q->n_hist * sizeof *contrib);
    if (q->n_hist == 0)
        return;
    p = pose(f, q, &s);
    memset(s.x, 0, f->d * sizeof *s.x);
    pz_solve_row(&p, f->item + (size_t)item * f->d, QUERY_STEPS, query_tolerance, s.x, s.work);
    for (size_t k = 0; k < p.n; k++)
        contrib[q->n_hist - p.n + k] = s.weight[k] *
                                       pz_dot(f->item + (size_t)p.id[k] * f->d, s.x, f->d);
}

static const float *vectors(const void *part, uint32_t *dim)
{
    const struct pz_factors_part *f = part;

    *dim = (uint32_t)f->d;
    return f->item;
}

const struct pz_scorer pz_factors = {
    .name = "factors",
    .meaning = "implicit ALS; the user's vector is solved from the history at query time",
    .settings = settings,
    .n_settings = PZ_FACTORS_N,
    .relates = true,
    .kept_idle = true, /* its vectors tell how alike items are */
    .fit = fit,
    .in_shares = true,
    .unread = PZ_CORPUS_TIMES,
    .cost = cost,
    .update = update,
    .refit_at = 0.1,
    .save = save,
    .derive = derive,
    .load = load,
    .free = part_free,
    .set = set,
    .scratch_bytes = scratch_bytes,
    .score = score,
    .rough = rough,
    .reach = reach,
    .rough_rows = rough_rows,
    .rough_scan = rough_scan,
    .exact = exact,
    .prefetch = prefetch,
    .score_block = score_block,
    .kept_floats = kept_floats,
    .explain = explain,
    .vectors = vectors,
};
