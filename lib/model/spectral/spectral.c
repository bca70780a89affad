/* SPDX-License-Identifier: Apache-2.0 */
/* Spectral: a low-pass filter over items, for dense data whose order says little (formulas:
 * spectral.h).
 *
 * The decomposition is in eigen.c.
 *
 * Scores may be negative. Columns: spectral/codes (u8 [n_items * d], signed), spectral/scale (f32
 * [n_items]), spectral/values (f32 [d]), spectral/weight (f32 [n_items]), spectral/set (f64: the
 * settings, then whether there is an order). Derived columns: spectral/in, spectral/out (f32
 * [n_items]), spectral/off (f32, two for 64 items; bytes.h); of many items spectral/length (f32
 * [n_items]) and spectral/longest (u32 [n_items]). */
#include "model/spectral/spectral.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/simd.h"
#include "data/shares.h"
#include "model/parts.h"
#include "table/lists.h"

enum { LANES = 8, HISTORY_MAX = 1000 };

static const struct pz_setting settings[PZ_SPECTRAL_N] = {
    [PZ_SPECTRAL_DIM] = { PZ_SETTING("dim", "singular vectors, a multiple of 8"),
                          PZ_ALLOWED(128, 8, 2048), PZ_SEARCHED(32, 1024), PZ_LOG_SCALE, PZ_WHOLE },
    [PZ_SPECTRAL_USER_NORM] = { PZ_SETTING("user_norm",
                                           "power of a user's number of events that divides them"),
                                PZ_ALLOWED(0.3, 0, 1), PZ_SEARCHED(0.1, 0.5) },
    [PZ_SPECTRAL_ITEM_NORM] = { PZ_SETTING("item_norm",
                                           "power of an item's number of events that divides them"),
                                PZ_ALLOWED(0.35, 0, 1), PZ_SEARCHED(0.25, 0.5) },
    [PZ_SPECTRAL_TARGET_NORM] = { PZ_SETTING("target_norm", "power of an item's number of events "
                                                            "that multiplies its score"),
                                  PZ_ALLOWED(0.25, -1, 1), PZ_SEARCHED(0, 0.5), PZ_READ_OUT },
    [PZ_SPECTRAL_POWER] = { PZ_SETTING("power", "power of the squared singular values in a score"),
                            PZ_ALLOWED(0.1, 0, 2), PZ_SEARCHED(0, 0.4), PZ_READ_OUT },
    [PZ_SPECTRAL_RECENCY] = { PZ_SETTING("recency", "weight of a history event: 1/rank^recency"),
                              PZ_ALLOWED(0.9, 0, 3), PZ_SEARCHED(0.4, 1.4), PZ_READ_OUT },
    [PZ_SPECTRAL_HISTORY] = { PZ_SETTING("history", "newest events that count"),
                              PZ_ALLOWED(HISTORY_MAX, 1, HISTORY_MAX), PZ_WHOLE, PZ_READ_OUT },
};

static void part_free(void *part)
{
    struct pz_spectral_part *f = part;

    if (!f)
        return;
    free(f->own_in);
    free(f->own_out);
    free(f->own_off);
    free(f->own_length);
    free(f->own_longest);
    free(f->own_code);
    free(f->own_scale);
    free(f->own_value);
    free(f->own_weight);
    free(f);
}

/* ---- the matrix ---- */

static void sparse_clear(struct pz_sparse *a)
{
    pz_by_item_clear(&a->by_col);
    free(a->by_row);
}

static float inverse_power(double x, double power)
{
    return x > 0 ? (float)pow(x, -power) : 0;
}

/* A and n_i of a corpus. Events of one item by one user stay entries of their own: they add up. */
static enum pz_status read_corpus(const struct pz_corpus *c, const double *set, struct pz_sparse *a,
                                  float *weight, struct pz_err *err)
{
    uint64_t n = c->ptr[c->n_users];
    double *sum = pz_mem_array(c->n_items, sizeof *sum);
    float *by_item = pz_mem_array(c->n_items, sizeof *by_item);
    struct pz_share users;

    *a = (struct pz_sparse){ .rows = c->n_users,
                             .cols = c->n_items,
                             .ptr = c->ptr,
                             .col = c->item,
                             .by_row = pz_mem_room(n, sizeof *a->by_row),
                             .my_rows = pz_shares_mine(c, 1) };
    if (!sum || !by_item || !a->by_row) {
        free(sum);
        free(by_item);
        return pz_err_memory(err, "the interaction matrix", 12.0 * (double)n);
    }
    users = pz_shares_begin(c, sum, a->cols * sizeof *sum);
    for (uint64_t p = c->ptr[users.first]; p < c->ptr[users.end]; p++)
        sum[c->item[p]] += (double)c->weight[p];
    pz_shares_end(c, sum, a->cols * sizeof *sum);
    for (size_t i = 0; i < a->cols; i++) {
        weight[i] = (float)sum[i];
        by_item[i] = inverse_power(sum[i], set[PZ_SPECTRAL_ITEM_NORM]);
    }
    for (size_t u = 0; u < a->rows; u++) {
        double of_user = 0;
        float by_user;

        for (uint64_t p = c->ptr[u]; p < c->ptr[u + 1]; p++)
            of_user += (double)c->weight[p];
        by_user = inverse_power(of_user, set[PZ_SPECTRAL_USER_NORM]);
        for (uint64_t p = c->ptr[u]; p < c->ptr[u + 1]; p++)
            a->by_row[p] = c->weight[p] * by_user * by_item[c->item[p]];
    }
    free(sum);
    free(by_item);
    return pz_by_item_make(c, a->by_row, PZ_MAT_ROWS, &a->by_col, err);
}

/* in[i] and out[i] from the settings; both allocated when NULL. */
static enum pz_status make_scales(struct pz_spectral_part *f, struct pz_err *err)
{
    float *in = f->own_in ? f->own_in : pz_mem_array(f->n_items, sizeof *in);
    float *out = f->own_out ? f->own_out : pz_mem_array(f->n_items, sizeof *out);

    f->in = f->own_in = in;
    f->out = f->own_out = out;
    if (!in || !out)
        return pz_err_memory(err, "spectral scales", 8.0 * f->n_items);
    for (uint32_t i = 0; i < f->n_items; i++) {
        in[i] = f->scale[i] * inverse_power((double)f->weight[i], f->set[PZ_SPECTRAL_ITEM_NORM]);
        out[i] = f->scale[i] *
                 inverse_power((double)f->weight[i], -f->set[PZ_SPECTRAL_TARGET_NORM]);
    }
    return PZ_OK;
}

/* A part with room for its columns; NULL without memory. */
static struct pz_spectral_part *part_new(const struct pz_corpus *c, const double *value)
{
    struct pz_spectral_part *f = calloc(1, sizeof *f);

    if (!f)
        return NULL;
    memcpy(f->set, value, sizeof f->set);
    f->n_items = c->n_items;
    f->ordered = c->ordered;
    f->d = ((size_t)value[PZ_SPECTRAL_DIM] + LANES - 1) / LANES * LANES;
    f->code = f->own_code = pz_mem_array((size_t)f->n_items * f->d, 1);
    f->scale = f->own_scale = pz_mem_array(f->n_items, sizeof(float));
    f->value = f->own_value = pz_mem_array(f->d, sizeof(float));
    f->weight = f->own_weight = pz_mem_array(f->n_items, sizeof(float));
    if (f->code && f->scale && f->value && f->weight)
        return f;
    part_free(f);
    return NULL;
}

static enum pz_status fit(const struct pz_corpus *c, const struct pz_fit_cfg *cfg, void **part,
                          struct pz_err *err)
{
    struct pz_spectral_part *f = part_new(c, cfg->value);
    struct pz_mat v = { 0 };
    struct pz_sparse a = { 0 };
    enum pz_status st = f ? PZ_OK
                          : pz_err_memory(err, "spectral vectors",
                                          cfg->value[PZ_SPECTRAL_DIM] * c->n_items);

    if (st == PZ_OK)
        st = read_corpus(c, f->set, &a, f->own_weight, err);
    if (st == PZ_OK)
        st = pz_sparse_eigen(&a, f->d, cfg->seed, &v, f->own_value, err);
    for (uint32_t i = 0; st == PZ_OK && i < f->n_items; i++)
        f->own_scale[i] = pz_bytes_row(v.v + i * v.stride, f->d, f->own_code + (size_t)i * f->d);
    if (st == PZ_OK)
        st = make_scales(f, err);
    sparse_clear(&a);
    pz_ranks_return(v.v);
    return pz_part_hand_out(st, f, part_free, part);
}

/* Terms: items are made orthonormal, events gathered, users passed. */
static enum pz_status cost(const struct pz_corpus *c, const double *value, struct pz_fit_cost *out,
                           struct pz_err *err)
{
    double n = (double)c->ptr[c->n_users], wide = pz_sparse_width(value[PZ_SPECTRAL_DIM]), width;

    (void)err;
    width = fmin(wide, fmin(c->n_users, c->n_items));
    out->term[0] = width * width * c->n_items;
    out->term[1] = width * n;
    out->term[2] = width * c->n_users;
    out->kept = (value[PZ_SPECTRAL_DIM] + 16) * c->n_items;
    out->beside = 4 * wide * c->n_items + 12 * n + 4.0 * PZ_SPECTRAL_BLOCK * c->n_users +
                  8 * width * width;
    out->rests = 8 * n;
    return PZ_OK;
}

/* ---- a delta ---- */

/* p_u = a_u V of a user's row of A, over the items that have a vector. Returns n_u, the row sum of
 * their weights. */
static double project_user(const struct pz_spectral_part *f, const struct pz_corpus *c, uint32_t u,
                           float *x)
{
    double of_user = 0;

    memset(x, 0, f->d * sizeof *x);
    for (uint64_t p = c->ptr[u]; p < c->ptr[u + 1]; p++)
        of_user += (double)c->weight[p];
    for (uint64_t p = c->ptr[u]; p < c->ptr[u + 1]; p++) {
        uint32_t i = c->item[p];
        float a = c->weight[p] * inverse_power(of_user, f->set[PZ_SPECTRAL_USER_NORM]) *
                  inverse_power((double)f->weight[i], f->set[PZ_SPECTRAL_ITEM_NORM]);

        for (size_t k = 0; k < f->d && f->scale[i] > 0; k++)
            x[k] += a * f->scale[i] * (float)f->code[(size_t)i * f->d + k];
    }
    return of_user;
}

/* New items by projection: v_j = sum over u of A[u,j] p_u / l, as the decomposition has it for the
 * items that it is of. row: [new items] rows of d floats, zero; at: [n_items] their places. */
static void fold_in(struct pz_spectral_part *f, const struct pz_corpus *c,
                    const struct pz_delta *delta, const uint32_t *at, float *row, float *x)
{
    for (uint32_t u = 0; u < c->n_users; u++) {
        double of_user = -1; /* not projected yet */

        for (uint64_t p = delta->first_new[u]; p < c->ptr[u + 1]; p++) {
            uint32_t j = c->item[p];
            float a;

            if (delta->old_item[j] != PZ_NONE)
                continue;
            if (of_user < 0)
                /* Once for each user with a new item, however many new ones they had. */
                of_user = project_user(f, c, u, x);
            a = c->weight[p] * inverse_power((double)f->weight[j], f->set[PZ_SPECTRAL_ITEM_NORM]) *
                inverse_power(of_user, f->set[PZ_SPECTRAL_USER_NORM]);
            for (size_t k = 0; k < f->d; k++)
                row[(size_t)at[j] * f->d + k] += f->value[k] > 0 ? a * x[k] / f->value[k] : 0;
        }
    }
}

/* Old vectors stay, at their items' new places; returns how many items are new: at[n_items]. */
static uint32_t keep_vectors(const struct pz_spectral_part *old, const struct pz_corpus *c,
                             const struct pz_delta *delta, struct pz_spectral_part *f, uint32_t *at)
{
    uint32_t n = 0;

    memcpy(f->own_value, old->value, f->d * sizeof *f->own_value);
    for (uint32_t i = 0; i < c->n_items; i++) {
        uint32_t o = delta->old_item[i];

        at[i] = o == PZ_NONE ? n++ : 0;
        if (o == PZ_NONE)
            continue;
        memcpy(f->own_code + (size_t)i * f->d, old->code + (size_t)o * f->d, f->d);
        f->own_scale[i] = old->scale[o];
    }
    return n;
}

static enum pz_status update(const void *old, const struct pz_corpus *c,
                             const struct pz_delta *delta, const struct pz_fit_cfg *cfg,
                             void **part, struct pz_err *err)
{
    struct pz_spectral_part *f = part_new(c, cfg->value);
    uint32_t *at = pz_mem_array(c->n_items, sizeof *at), n = 0;
    float *row = NULL, *x = NULL;
    enum pz_status st = PZ_OK;

    if (f && at) {
        n = keep_vectors(old, c, delta, f, at);
        row = pz_mem_array((size_t)n * f->d, sizeof *row);
        x = pz_mem_array(f->d, sizeof *x);
    }
    if (!f || !at || !row || !x)
        st = pz_err_memory(err, "spectral vectors", cfg->value[PZ_SPECTRAL_DIM] * c->n_items);
    for (uint64_t p = 0; st == PZ_OK && p < c->ptr[c->n_users]; p++)
        f->own_weight[c->item[p]] += c->weight[p];
    if (st == PZ_OK && n > 0)
        fold_in(f, c, delta, at, row, x);
    for (uint32_t i = 0; st == PZ_OK && i < c->n_items; i++)
        if (delta->old_item[i] == PZ_NONE)
            f->own_scale[i] = pz_bytes_row(row + (size_t)at[i] * f->d, f->d,
                                           f->own_code + (size_t)i * f->d);
    if (st == PZ_OK)
        st = make_scales(f, err);
    free(at);
    free(row);
    free(x);
    return pz_part_hand_out(st, f, part_free, part);
}

/* ---- files ---- */

static enum pz_status save(const void *part, struct pz_writer *w, struct pz_err *err)
{
    const struct pz_spectral_part *f = part;
    double set[PZ_SPECTRAL_N + 1];
    enum pz_status st = pz_writer_add(w, "spectral/codes", PZ_U8, f->code,
                                      (uint64_t)f->n_items * f->d, err);

    memcpy(set, f->set, sizeof f->set);
    set[PZ_SPECTRAL_N] = f->ordered;
    if (st == PZ_OK)
        st = pz_writer_add(w, "spectral/scale", PZ_F32, f->scale, f->n_items, err);
    if (st == PZ_OK)
        st = pz_writer_add(w, "spectral/values", PZ_F32, f->value, f->d, err);
    if (st == PZ_OK)
        st = pz_writer_add(w, "spectral/weight", PZ_F32, f->weight, f->n_items, err);
    if (st == PZ_OK)
        st = pz_writer_add(w, "spectral/set", PZ_F64, set, PZ_SPECTRAL_N + 1, err);
    return st;
}

static enum pz_status take_settings(struct pz_spectral_part *f, const double *set,
                                    struct pz_err *err)
{
    enum pz_status st = pz_scorer_check(&pz_spectral, set, err);

    if (st != PZ_OK)
        return st;
    memcpy(f->set, set, sizeof f->set);
    f->ordered = set[PZ_SPECTRAL_N] != 0;
    f->d = ((size_t)set[PZ_SPECTRAL_DIM] + LANES - 1) / LANES * LANES;
    return PZ_OK;
}

/* One column of numbers from 0 on. */
static enum pz_status read_floats(struct pz_table *t, const char *name, uint64_t n,
                                  const float **out, struct pz_err *err)
{
    const void *data = NULL;
    enum pz_status st = pz_table_get(t, name, PZ_F32, n, &data, NULL, err);

    *out = data;
    if (st == PZ_OK && !pz_table_is_flat(t) && !pz_numbers_good(*out, n, 0))
        st = pz_err_set(err, PZ_BAD_DATA, "%s: a number is damaged", name);
    return st;
}

static struct pz_bytes_scan rows_of(const struct pz_spectral_part *f)
{
    return (struct pz_bytes_scan){ f->code, f->out, f->n_items, f->d };
}

static uint64_t n_offs(const struct pz_spectral_part *f)
{
    return ((uint64_t)f->n_items + 63) / 64;
}

static enum pz_status derive(const void *part, struct pz_derived *out, struct pz_err *err)
{
    const struct pz_spectral_part *f = part;
    enum pz_status st;

    if (!f->off)
        return PZ_OK;
    st = pz_derived_add(out, "spectral/in", PZ_F32, f->in, f->n_items, NULL, err);
    if (st == PZ_OK)
        st = pz_derived_add(out, "spectral/out", PZ_F32, f->out, f->n_items, NULL, err);
    if (st == PZ_OK && f->longest)
        st = pz_derived_add(out, "spectral/length", PZ_F32, f->length, f->n_items, NULL, err);
    if (st == PZ_OK && f->longest)
        st = pz_derived_add(out, "spectral/longest", PZ_U32, f->longest, f->n_items, NULL, err);
    return st == PZ_OK
               ? pz_derived_add(out, "spectral/off", PZ_F32, f->off, 2 * n_offs(f), NULL, err)
               : st;
}

static enum pz_status make_derived(struct pz_spectral_part *f, struct pz_err *err)
{
    enum pz_status st = make_scales(f, err);
    struct pz_bytes_scan rows = rows_of(f);

    if (st != PZ_OK)
        return st;
    f->off = f->own_off = pz_mem_array(n_offs(f), sizeof *f->own_off);
    f->length = f->own_length = pz_mem_array(f->n_items, sizeof *f->own_length);
    if (!f->off || !f->length)
        return pz_err_memory(err, "spectral scales", 4.0 * f->n_items);
    pz_bytes_lengths(&rows, f->own_off, f->own_length);
    if (f->n_items < pz_bytes_many)
        return PZ_OK;
    f->longest = f->own_longest = pz_mem_array(f->n_items, sizeof *f->own_longest);
    return f->longest ? pz_bytes_longest(f->length, f->n_items, f->own_longest, err)
                      : pz_err_memory(err, "spectral scales", 4.0 * f->n_items);
}

/* What derive wrote, from a flat file, or made; of a flat file without, no more than an answer
 * needs. */
static enum pz_status read_derived(struct pz_spectral_part *f, struct pz_table *t,
                                   struct pz_err *err)
{
    const float *off = NULL;
    const void *longest = NULL;
    enum pz_status st;

    if (!pz_table_has(t, f->n_items < pz_bytes_many ? PZ_DERIVED "spectral/off"
                                                    : PZ_DERIVED "spectral/longest"))
        return pz_table_is_flat(t) ? make_scales(f, err) : make_derived(f, err);
    st = read_floats(t, PZ_DERIVED "spectral/in", f->n_items, &f->in, err);
    if (st == PZ_OK)
        st = read_floats(t, PZ_DERIVED "spectral/out", f->n_items, &f->out, err);
    if (st == PZ_OK && f->n_items >= pz_bytes_many)
        st = read_floats(t, PZ_DERIVED "spectral/length", f->n_items, &f->length, err);
    if (st == PZ_OK && f->n_items >= pz_bytes_many)
        st = pz_table_get(t, PZ_DERIVED "spectral/longest", PZ_U32, f->n_items, &longest, NULL,
                          err);
    f->longest = longest;
    if (st == PZ_OK)
        st = read_floats(t, PZ_DERIVED "spectral/off", 2 * n_offs(f), &off, err);
    f->off = (const struct pz_bytes_off *)off;
    return st;
}

static enum pz_status load(struct pz_table *t, uint32_t n_items, void **part, struct pz_err *err)
{
    struct pz_spectral_part *f = calloc(1, sizeof *f);
    const void *set = NULL, *code = NULL;
    enum pz_status st = f ? pz_table_get(t, "spectral/set", PZ_F64, PZ_SPECTRAL_N + 1, &set, NULL,
                                         err)
                          : pz_err_memory(err, "spectral", sizeof *f);

    if (st == PZ_OK)
        st = take_settings(f, set, err);
    if (st == PZ_OK) {
        f->n_items = n_items;
        st = pz_table_get(t, "spectral/codes", PZ_U8, (uint64_t)n_items * f->d, &code, NULL, err);
        f->code = code;
    }
    if (st == PZ_OK)
        st = read_floats(t, "spectral/scale", n_items, &f->scale, err);
    if (st == PZ_OK)
        st = read_floats(t, "spectral/values", f->d, &f->value, err);
    if (st == PZ_OK)
        st = read_floats(t, "spectral/weight", n_items, &f->weight, err);
    if (st == PZ_OK)
        st = read_derived(f, t, err);
    return pz_part_hand_out(st, f, part_free, part);
}

static void set(void *part, size_t setting, double value)
{
    struct pz_spectral_part *f = part;

    f->set[setting] = value;
    if (setting == PZ_SPECTRAL_TARGET_NORM)
        make_scales(f, NULL); /* the arrays are there: cannot fail */
}

/* ---- answering ---- */

/* Scratch of a query: again roughly, its vector, the unit of the same as whole numbers, and
 * these. */
struct scratch {
    struct pz_bytes_query8 *rough;
    float *x, *unit;
    int16_t *code;
};

static size_t scratch_bytes(const void *part)
{
    const struct pz_spectral_part *f = part;

    return sizeof(struct pz_bytes_query8) + (f->d + 1) * sizeof(float) + f->d * sizeof(int16_t);
}

static struct scratch scratch_of(const struct pz_spectral_part *f, void *scratch)
{
    struct pz_bytes_query8 *rough = scratch;
    float *x = (float *)(rough + 1), *unit = x + f->d;

    return (struct scratch){ rough, x, unit, (int16_t *)(unit + 1) };
}

static size_t depth(const struct pz_spectral_part *f, const struct pz_query *q)
{
    size_t limit = (size_t)f->set[PZ_SPECTRAL_HISTORY];

    return q->n_hist < limit ? q->n_hist : limit;
}

/* To be asked for the weights of a query's events. */
static struct pz_recency recency(const struct pz_spectral_part *f, const struct pz_query *q)
{
    return (struct pz_recency){ .q = q,
                                .exponent = f->ordered ? f->set[PZ_SPECTRAL_RECENCY] : 0,
                                .max = depth(f, q) };
}

/* The weight of the next older event. */
static float event_weight(struct pz_recency *age)
{
    float recent = (float)pz_recency_next(age);

    return recent * age->q->hist_weight[age->q->n_hist - age->k];
}

PZ_KERNEL static void add_row(float *out, const int8_t *row, float factor, size_t d)
{
    for (size_t k = 0; k < d; k++)
        out[k] += factor * (float)row[k];
}

static void filter(const struct pz_spectral_part *f, float *x)
{
    double power = f->set[PZ_SPECTRAL_POWER];

    for (size_t k = 0; k < f->d && power > 0; k++)
        /* A power of 0 keeps all directions alike, 1 gives the sums over pairs back (test_spectral
         * has both ends). */
        x[k] *= powf(f->value[k], (float)power);
}

/* The query in whole numbers and their unit into the scratch; false: it knows no item. */
static bool encode(const struct pz_spectral_part *f, const struct pz_query *q,
                   const struct scratch *to)
{
    struct scratch s = *to;
    struct pz_recency age = recency(f, q);
    bool known = false;

    memset(s.x, 0, f->d * sizeof *s.x);
    for (size_t k = 1; k <= age.max; k++) {
        uint32_t item = q->hist[q->n_hist - k];
        float weight = event_weight(&age);

        /* An item that came since, or one without events, has no vector: it says nothing, rather
         * than zero for everything. */
        if (item >= f->n_items || f->weight[item] <= 0)
            continue;
        known = true;
        add_row(s.x, f->code + (size_t)item * f->d, weight * f->in[item], f->d);
    }
    if (!known)
        return false;
    filter(f, s.x);
    *s.unit = pz_bytes_query(s.x, f->d, s.code);
    return true;
}

static bool score(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    const struct pz_spectral_part *f = part;
    struct scratch s = scratch_of(f, scratch);
    struct pz_bytes_scan rows = rows_of(f);

    if (!encode(f, q, &s))
        return false;
    pz_bytes_scan(&rows, s.code, *s.unit, out);
    return true;
}

static bool rough(const void *part, const struct pz_query *q, void *scratch)
{
    const struct pz_spectral_part *f = part;
    struct scratch s = scratch_of(f, scratch);

    if (!f->off || !encode(f, q, &s))
        return false;
    for (size_t k = 0; k < f->d; k++)
        s.x[k] = *s.unit * (float)s.code[k];
    pz_bytes_query8(s.x, f->d, s.rough);
    return true;
}

static bool reach(const void *part, void *scratch, struct pz_reach *out)
{
    const struct pz_spectral_part *f = part;

    if (!f->longest)
        return false;
    *out = (struct pz_reach){ f->length, f->longest,
                              pz_bytes_reach(scratch_of(f, scratch).rough, f->d) };
    return true;
}

static void rough_rows(const void *part, void *scratch, const uint32_t *item, size_t n, float *out,
                       float *off)
{
    const struct pz_spectral_part *f = part;
    struct pz_bytes_scan rows = rows_of(f);

    pz_bytes_rough_rows(&rows, f->off, scratch_of(f, scratch).rough, item, n, out, off);
}

static void rough_scan(const void *part, void *const *scratch, size_t n, float *const *out,
                       float *const *off)
{
    const struct pz_spectral_part *f = part;
    struct pz_bytes_scan rows = rows_of(f);
    const struct pz_bytes_query8 *q[PZ_SCORE_BLOCK];

    for (size_t k = 0; k < n; k++)
        q[k] = scratch_of(f, scratch[k]).rough;
    pz_bytes_rough_scan(&rows, f->off, q, n, out, off);
}

static float exact(const void *part, void *scratch, uint32_t item)
{
    const struct pz_spectral_part *f = part;
    struct scratch s = scratch_of(f, scratch);
    struct pz_bytes_scan row = { f->code + (size_t)item * f->d, f->out + item, 1, f->d };
    float score = 0;

    if (item < f->n_items)
        pz_bytes_scan(&row, s.code, *s.unit, &score);
    return score;
}

static void score_block(const void *part, const struct pz_query *const *q, size_t n,
                        void *const *scratch, float *const *out, bool *said)
{
    const struct pz_spectral_part *f = part;
    struct pz_bytes_scan rows = rows_of(f);
    const int16_t *x[PZ_SCORE_BLOCK];
    float unit[PZ_SCORE_BLOCK], *to[PZ_SCORE_BLOCK];
    size_t n_x = 0;

    for (size_t k = 0; k < n; k++) {
        struct scratch s = scratch_of(f, scratch[k]);

        said[k] = encode(f, q[k], &s);
        if (!said[k])
            continue;
        x[n_x] = s.code;
        unit[n_x] = *s.unit;
        to[n_x++] = out[k];
    }
    pz_bytes_scan_block(&rows, x, unit, to, n_x);
}

static void explain(const void *part, const struct pz_query *q, uint32_t item, void *scratch,
                    float *contrib)
{
    const struct pz_spectral_part *f = part;
    struct pz_recency age = recency(f, q);
    float *x = scratch;

    memset(contrib, 0, q->n_hist * sizeof *contrib);
    memset(x, 0, f->d * sizeof *x);
    if (item >= f->n_items)
        return;
    add_row(x, f->code + (size_t)item * f->d, f->out[item], f->d);
    filter(f, x);
    for (size_t k = 1; k <= age.max; k++) {
        uint32_t b = q->hist[q->n_hist - k];
        float weight = event_weight(&age), sum = 0;

        for (size_t a = 0; b < f->n_items && a < f->d; a++)
            sum += x[a] * (float)f->code[(size_t)b * f->d + a];
        contrib[q->n_hist - k] = b < f->n_items ? weight * f->in[b] * sum : 0;
    }
}

/* Compared with transitions, the spectrum helps from some hundred vectors on (a random fifth of
 * Gowalla's training data, nDCG@20: .1496 without, .1483 with 128, .1536 with 512, .1570 with
 * 1024). Without order the rank alone gains more than noise: of all settings, only it is searched.
 */
static const double DIM_UNORDERED = 512;

static void start(const struct pz_setup *setup, struct pz_choice *c)
{
    if (setup->corpus->ordered)
        return;
    c->value[PZ_SPECTRAL_DIM] = DIM_UNORDERED;
    c->low[PZ_SPECTRAL_DIM] = settings[PZ_SPECTRAL_DIM].low;
    c->high[PZ_SPECTRAL_DIM] = settings[PZ_SPECTRAL_DIM].high;
}

const struct pz_scorer pz_spectral = {
    .name = "spectral",
    .meaning = "leading singular vectors of who met what, for data whose order says little",
    .settings = settings,
    .n_settings = PZ_SPECTRAL_N,
    .start = start,
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
    .score_block = score_block,
    .explain = explain,
};
