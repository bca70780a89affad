/* SPDX-License-Identifier: Apache-2.0 */
/* Content: items by what their attributes say, so that an item nobody had yet is recommendable.
 *
 *   1. implicit ALS over the corpus gives every item a vector v_i (factors.h)
 *   2. a ridge regression maps features to vectors (content_map.c): c_i = x_i W is what an item with these
 *      attributes is like; items with n events count n / (n + trust)
 *   3. in a history an item stands with n/(n+fade) v_i + fade/(n+fade) c_i, so that new items speak there too;
 *      the user's vector u is solved from it as in factors
 *   4. the score is fade/(n+fade) x_j (W u): full for an item without events, less and less with them, when the
 *      other parts know it better
 *
 * Of PZ_TASK_RELATED the score is the cosine of c_j with the one item's c, not faded: likeness by metadata.
 * Scores may be negative: attributes that speak against an item.
 *
 * Columns under content/: set (f64: settings, |I|, alpha0), names (dictionary of features), value and map (f32
 * [features] and [features * d]), ptr, id, weight (the items' features, sparse), count, norm (f32 [n_items]:
 * events, |c_i|), source (f32 [n_items * d]: step 3), spread (f32 [d]: diagonal of V^T V). */
#include "model/content.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/par.h"
#include "base/simd.h"
#include "model/parts.h"

enum { N_SAVED = PZ_CONTENT_N + 2 };

static const struct pz_setting settings[PZ_CONTENT_N] = {
    /* name, default, min, max, tuned from, to, log, whole, read-out */
    { "dim", 64, 8, 1024, 0, 0, false, true, false, "length of a vector, a multiple of 8" },
    { "unseen", 8, 0.01, 1e4, 0, 0, true, false, false,
      "weight of all that did not happen relative to what did" },
    { "lambda", 0.003, 1e-6, 10, 0, 0, true, false, false, "regularisation of the vectors" },
    { "ridge", 3, 1e-6, 1e6, 0, 0, true, false, false, "regularisation of the map from attributes" },
    { "trust", 5, 0, 1e6, 0, 0, true, false, false, "events at which an item teaches the map half" },
    { "fade", 4, 1e-3, 1e9, 0, 0, true, false, true, "events at which an item's attributes count half" },
    { "recency", 1, 0, 3, 0, 0, false, false, true, "weight of a history event: 1/rank^recency" },
};

static void part_free(void *part)
{
    struct pz_content *p = part;

    if (!p)
        return;
    if (p->owned) {
        pz_content_rows_clear(&p->own_rows);
        free((void *)(uintptr_t)p->map);
        free((void *)(uintptr_t)p->count);
        free((void *)(uintptr_t)p->norm);
        free(p->f.own_item);
        free(p->f.own_spread);
    }
    pz_content_dict_clear(&p->dict);
    free(p);
}

/* ---- learning ---- */

/* The vectors: factors as that scorer learns them, with this part's settings. */
static enum pz_status fit_factors(struct pz_content *p, const struct pz_corpus *c,
                                  const struct pz_fit_cfg *cfg, struct pz_err *err)
{
    double value[PZ_FACTORS_N];
    struct pz_fit_cfg fit = *cfg;
    void *f = NULL;
    enum pz_status st;

    pz_scorer_defaults(&pz_factors, value);
    value[PZ_FACTORS_DIM] = p->set[PZ_CONTENT_DIM];
    value[PZ_FACTORS_UNSEEN] = p->set[PZ_CONTENT_UNSEEN];
    value[PZ_FACTORS_LAMBDA] = p->set[PZ_CONTENT_LAMBDA];
    value[PZ_FACTORS_RECENCY] = p->set[PZ_CONTENT_RECENCY];
    fit.value = value;
    st = pz_factors.fit(c, &fit, &f, err);
    if (st == PZ_OK)
        p->f = *(struct pz_factors_part *)f; /* its arrays move here */
    free(f);
    return st;
}

/* c_i = x_i W. */
static void place(const struct pz_content *p, uint32_t item, float *c)
{
    memset(c, 0, p->f.d * sizeof *c);
    for (uint64_t k = p->ptr[item]; k < p->ptr[item + 1]; k++)
        for (size_t j = 0; j < p->f.d; j++)
            c[j] += p->weight[k] * p->map[(size_t)p->id[k] * p->f.d + j];
}

static float fade(const struct pz_content *p, uint32_t item)
{
    return (float)(p->set[PZ_CONTENT_FADE] / ((double)p->count[item] + p->set[PZ_CONTENT_FADE]));
}

/* Step 3 for one item, and its norm. c: [d] room. Items without features keep their vector. */
static void mix_item(struct pz_content *p, uint32_t item, float *c, float *norm)
{
    float *v = p->f.own_item + (size_t)item * p->f.d, share = fade(p, item);

    place(p, item, c);
    *norm = sqrtf(pz_dot(c, c, p->f.d));
    for (size_t j = 0; j < p->f.d && p->ptr[item + 1] > p->ptr[item]; j++)
        v[j] += share * (c[j] - v[j]);
}

static enum pz_status fit_map(struct pz_content *p, struct pz_err *err)
{
    uint32_t n_feats = p->dict.names.n;
    float *map = pz_mem_array((size_t)n_feats * p->f.d, sizeof *map), *trust, *norm;
    float *room = pz_mem_array((size_t)pz_par_threads() * p->f.d, sizeof *room);
    enum pz_status st = PZ_OK;

    p->map = map;
    p->norm = norm = pz_mem_array(p->n_items, sizeof *norm);
    trust = pz_mem_array(p->n_items, sizeof *trust);
    if (!map || !norm || !trust || !room)
        st = pz_err_memory(err, "the map of attributes", 4.0 * (double)p->f.d * n_feats);
    for (uint32_t i = 0; st == PZ_OK && i < p->n_items; i++)
        trust[i] = p->count[i] > 0 ? (float)((double)p->count[i] / ((double)p->count[i] + p->set[PZ_CONTENT_TRUST])) : 0;
    if (st == PZ_OK)
        st = pz_content_map(&p->own_rows, trust, p->set[PZ_CONTENT_RIDGE], p->f.item,
                            pz_mat_of(map, n_feats, p->f.d), err);
    if (st == PZ_OK) {
#pragma omp parallel for schedule(dynamic, 256) num_threads(pz_par_threads())
        for (uint32_t i = 0; i < p->n_items; i++)
            mix_item(p, i, room + (size_t)pz_par_id() * p->f.d, &norm[i]);
    }
    free(room);
    free(trust);
    return st;
}

static const struct pz_attrs no_attrs;

/* Features of the items; those that somebody had choose the dictionary. */
static enum pz_status fit_features(struct pz_content *p, const struct pz_corpus *c, struct pz_err *err)
{
    struct pz_attrs attrs = c->item_attrs ? *c->item_attrs : no_attrs;
    float *count = pz_mem_array(c->n_items, sizeof *count);
    uint8_t *use = pz_mem_array(c->n_items, 1);
    enum pz_status st = count && use ? PZ_OK : pz_err_memory(err, "features", 5.0 * c->n_items);

    p->count = count;
    attrs.n_rows = c->n_items; /* of an empty table, too */
    for (uint64_t k = 0; st == PZ_OK && k < c->ptr[c->n_users]; k++)
        count[c->item[k]] += 1;
    for (uint32_t i = 0; st == PZ_OK && i < c->n_items; i++)
        use[i] = count[i] > 0;
    if (st == PZ_OK)
        st = pz_content_dict_make(&attrs, use, &p->dict, err);
    if (st == PZ_OK)
        st = pz_content_encode(&p->dict, &attrs, &p->own_rows, err);
    p->ptr = p->own_rows.ptr;
    p->id = p->own_rows.id;
    p->weight = p->own_rows.weight;
    free(use);
    return st;
}

static enum pz_status fit(const struct pz_corpus *c, const struct pz_fit_cfg *cfg, void **part,
                          struct pz_err *err)
{
    struct pz_content *p = calloc(1, sizeof *p);
    enum pz_status st = p ? PZ_OK : pz_err_memory(err, "content", sizeof *p);

    if (st == PZ_OK) {
        memcpy(p->set, cfg->value, sizeof p->set);
        p->n_items = c->n_items;
        p->owned = true;
        st = fit_features(p, c, err);
    }
    if (st == PZ_OK)
        st = fit_factors(p, c, cfg, err);
    if (st == PZ_OK)
        st = fit_map(p, err);
    if (st != PZ_OK) {
        part_free(p);
        p = NULL;
    }
    *part = p;
    return st;
}

/* ---- the file ---- */

static enum pz_status save(const void *part, struct pz_writer *w, struct pz_err *err)
{
    const struct pz_content *p = part;
    uint64_t n = p->n_items, nnz = p->ptr[n], n_feats = p->dict.names.n;
    double set[N_SAVED];
    const struct {
        const char *name;
        enum pz_type type;
        const void *data;
        uint64_t n;
    } columns[] = {
        { "content/set", PZ_F64, set, N_SAVED },
        { "content/value", PZ_F32, p->dict.value, n_feats },
        { "content/map", PZ_F32, p->map, n_feats * p->f.d },
        { "content/ptr", PZ_U64, p->ptr, n + 1 },
        { "content/id", PZ_U32, p->id, nnz },
        { "content/weight", PZ_F32, p->weight, nnz },
        { "content/count", PZ_F32, p->count, n },
        { "content/norm", PZ_F32, p->norm, n },
        { "content/source", PZ_F32, p->f.item, n * p->f.d },
        { "content/spread", PZ_F32, p->f.spread, p->f.d },
    };
    enum pz_status st = pz_writer_add_dict(w, "content/names", &p->dict.names, err);

    memcpy(set, p->set, sizeof p->set);
    set[PZ_CONTENT_N] = p->f.n_rows;
    set[PZ_CONTENT_N + 1] = p->f.alpha0;
    for (size_t k = 0; k < sizeof columns / sizeof *columns && st == PZ_OK; k++)
        st = pz_writer_add(w, columns[k].name, columns[k].type, columns[k].data, columns[k].n, err);
    return st;
}

static enum pz_status take_settings(struct pz_content *p, const double *set, struct pz_err *err)
{
    for (size_t k = 0; k < PZ_CONTENT_N; k++)
        if (!(set[k] >= settings[k].min && set[k] <= settings[k].max))
            return pz_err_set(err, PZ_BAD_DATA, "content: the setting %s is damaged", settings[k].name);
    memcpy(p->set, set, sizeof p->set);
    pz_scorer_defaults(&pz_factors, p->f.set);
    p->f.set[PZ_FACTORS_RECENCY] = set[PZ_CONTENT_RECENCY];
    p->f.set[PZ_FACTORS_LAMBDA] = set[PZ_CONTENT_LAMBDA];
    p->f.n_rows = set[PZ_CONTENT_N];
    p->f.alpha0 = set[PZ_CONTENT_N + 1];
    p->f.d = ((size_t)set[PZ_CONTENT_DIM] + PZ_FACTORS_LANES - 1) / PZ_FACTORS_LANES * PZ_FACTORS_LANES;
    if (!(p->f.n_rows >= 0 && p->f.n_rows <= UINT32_MAX && p->f.alpha0 >= 0 && isfinite(p->f.alpha0)))
        return pz_err_set(err, PZ_BAD_DATA, "content: the equation's constants are damaged");
    return PZ_OK;
}

static enum pz_status read_columns(struct pz_content *p, struct pz_table *t, struct pz_err *err)
{
    uint64_t n = p->n_items, nnz = 0, n_feats = p->dict.names.n;
    const void *ptr = NULL, *id = NULL, *data[6] = { NULL };
    const struct {
        const char *name;
        uint64_t n;
    } floats[6] = { { "content/value", n_feats }, { "content/map", n_feats * p->f.d }, { "content/count", n },
                    { "content/norm", n }, { "content/source", n * p->f.d }, { "content/spread", p->f.d } };
    const void *weight = NULL;
    enum pz_status st = pz_table_get(t, "content/ptr", PZ_U64, n + 1, &ptr, NULL, err);

    if (st == PZ_OK)
        st = pz_table_get(t, "content/id", PZ_U32, PZ_ANY, &id, &nnz, err);
    if (st == PZ_OK)
        st = pz_table_get(t, "content/weight", PZ_F32, nnz, &weight, NULL, err);
    for (size_t k = 0; k < 6 && st == PZ_OK; k++)
        st = pz_table_get(t, floats[k].name, PZ_F32, floats[k].n, &data[k], NULL, err);
    if (st != PZ_OK)
        return st;
    p->ptr = ptr;
    p->id = id;
    p->weight = weight;
    p->dict.value = data[0];
    p->map = data[1];
    p->count = data[2];
    p->norm = data[3];
    p->f.item = data[4];
    p->f.spread = data[5];
    for (uint64_t i = 0; i < n && !pz_table_is_flat(t) && st == PZ_OK; i++)
        if (p->ptr[i] > p->ptr[i + 1] || !(p->count[i] >= 0) || !(p->norm[i] >= 0))
            st = pz_err_set(err, PZ_BAD_DATA, "content: the features of items are damaged");
    if (st == PZ_OK && (p->ptr[0] != 0 || p->ptr[n] != nnz))
        st = pz_err_set(err, PZ_BAD_DATA, "content: the features of items are damaged");
    for (uint64_t k = 0; k < nnz && !pz_table_is_flat(t) && st == PZ_OK; k++)
        if (p->id[k] >= n_feats || !isfinite(p->weight[k]))
            st = pz_err_set(err, PZ_BAD_DATA, "content: a feature of an item is damaged");
    return st;
}

static enum pz_status load(struct pz_table *t, uint32_t n_items, const struct pz_attrs *item_attrs,
                           const struct pz_attrs *user_attrs, void **part, struct pz_err *err)
{
    struct pz_content *p = calloc(1, sizeof *p);
    const void *set = NULL;
    enum pz_status st = p ? pz_table_get(t, "content/set", PZ_F64, N_SAVED, &set, NULL, err)
                          : pz_err_memory(err, "content", sizeof *p);

    (void)item_attrs;
    (void)user_attrs;
    if (st == PZ_OK)
        st = take_settings(p, set, err);
    if (st == PZ_OK)
        st = pz_table_get_dict(t, "content/names", &p->dict.names, err);
    if (st == PZ_OK) {
        p->n_items = n_items;
        p->f.n_items = n_items;
        st = read_columns(p, t, err);
    }
    if (st != PZ_OK) {
        part_free(p);
        p = NULL;
    }
    *part = p;
    return st;
}

/* ---- answering ---- */

static void set(void *part, size_t setting, double value)
{
    struct pz_content *p = part;

    p->set[setting] = value;
    if (setting == PZ_CONTENT_RECENCY)
        p->f.set[PZ_FACTORS_RECENCY] = value;
}

static size_t scratch_bytes(const void *part)
{
    const struct pz_content *p = part;

    return pz_factors.scratch_bytes(&p->f) + ((size_t)p->dict.names.n + p->f.d + 1) * sizeof(float);
}

PZ_KERNEL static float row_dot(const uint32_t *id, const float *weight, uint64_t n, const float *z)
{
    float sum = 0;

    for (uint64_t k = 0; k < n; k++)
        sum += weight[k] * z[id[k]];
    return sum;
}

static bool score(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    const struct pz_content *p = part;
    float *c = scratch, *room = c + p->f.d; /* both aligned as factors needs it */
    float *z = room + (pz_factors.scratch_bytes(&p->f) + sizeof(float) - 1) / sizeof(float);
    bool related = q->task == PZ_TASK_RELATED;
    const float *u = c;
    float own;

    if (q->n_hist == 0 || p->dict.names.n == 0)
        return false;
    own = p->norm[q->hist[q->n_hist - 1]];
    if (related && !(own > 0))
        return false;
    if (related)
        place(p, q->hist[q->n_hist - 1], c);
    else
        u = pz_factors_query(&p->f, q, room);
    pz_scan(p->map, u, p->dict.names.n, p->f.d, z);
    for (uint32_t i = 0; i < p->n_items; i++) {
        float s = row_dot(p->id + p->ptr[i], p->weight + p->ptr[i], p->ptr[i + 1] - p->ptr[i], z);

        out[i] = !related ? s * fade(p, i) : p->norm[i] > 0 ? s / (p->norm[i] * own) : 0;
    }
    return true;
}

const struct pz_scorer pz_content = {
    .name = "content",
    .meaning = "items by their attributes, while they have few events of their own",
    .settings = settings,
    .n_settings = PZ_CONTENT_N,
    .fit = fit,
    .save = save,
    .load = load,
    .free = part_free,
    .set = set,
    .scratch_bytes = scratch_bytes,
    .score = score,
};
