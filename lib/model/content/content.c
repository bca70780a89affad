/* SPDX-License-Identifier: Apache-2.0 */
/* Content: items by what their attributes say, so that an item nobody had yet is recommendable.
 *
 *   1. transitions count what follows each item b (transitions.h); one ridge regression an item
 *      writes that as weights t_b of features (map.c). Items of few events lean on what
 *      their own attributes say
 *   2. a history sums its items' t_b, the k-th last divided by k^recency (pz_recency): z, what this
 *      user wants next
 *   3. the score of item j is (1 - h n_j / (n_j + fade)) x_j z: full for an item without events,
 *      less and less with them, when the other parts know it better. h: the share of the history's
 *      weight on items that have events; of the rest no other part can speak
 *
 * An item that came since training is as one without events, by its row (extend); what follows it
 * is x M, as of an item nobody had (map.c).
 *
 * With mix the score is not faded: what goes with the history by metadata, too (recipe
 * similar-items). Scores may be negative: attributes that speak against an item.
 *
 * Columns under content/: set (f64: settings, whether there is order), names (dictionary of
 * features), value (f32 [features]), ptr, id, weight (the items' features, sparse), count (f32
 * [n_items]: events), follow_ptr, follow_id, follow (t_b, sparse), map_ptr, map_id, map (M,
 * sparse). Derived: first_ptr, first (the items of each feature that have the fewest events). */
#include "model/content/content.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/simd.h"
#include "data/shares.h"
#include "model/bytes.h"
#include "model/parts.h"
#include "table/lists.h"

enum {
    N_SAVED = PZ_CONTENT_N + 1,
    HISTORY = 50,
    FIRST = 32,   /* items of a feature that heads adds */
    COUNTS = 1000 /* kept an item while learning: what is rare tells of attributes, too */
};

static const struct pz_setting settings[PZ_CONTENT_N] = {
    [PZ_CONTENT_DECAY] = { PZ_SETTING("decay", "weight of a pair per position between"),
                           PZ_ALLOWED(0.9, 0, 1) },
    [PZ_CONTENT_SYMMETRIC] = { PZ_SETTING("symmetric", "share of a pair's weight that regards "
                                                       "neither order nor distance"),
                               PZ_ALLOWED(0.2, 0, 1) },
    [PZ_CONTENT_SOURCE_NORM] = { PZ_SETTING(
                                     "source_norm",
                                     "power of the source's events that divides what follows it"),
                                 PZ_ALLOWED(0.7, 0, 1) },
    [PZ_CONTENT_TARGET_NORM] = { PZ_SETTING(
                                     "target_norm",
                                     "power of the target's events that divides what precedes it"),
                                 PZ_ALLOWED(0.5, 0, 1) },
    [PZ_CONTENT_RIDGE] = { PZ_SETTING("ridge", "regularisation of the weights of features"),
                           PZ_ALLOWED(1, 1e-6, 1e6), PZ_LOG_SCALE },
    [PZ_CONTENT_TRUST] = { PZ_SETTING("trust", "events at which an item teaches half"),
                           PZ_ALLOWED(5, 0, 1e6), PZ_LOG_SCALE },
    [PZ_CONTENT_FADE] = { PZ_SETTING("fade", "events at which an item's attributes count half"),
                          PZ_ALLOWED(4, 1e-3, 1e9), PZ_LOG_SCALE, PZ_READ_OUT },
    [PZ_CONTENT_RECENCY] = { PZ_SETTING("recency", "weight of a history event: 1/rank^recency"),
                             PZ_ALLOWED(1, 0, 3), PZ_READ_OUT },
    [PZ_CONTENT_MIX] = { PZ_SETTING("mix", "1: attributes do not fade"), PZ_ALLOWED(0, 0, 1),
                         PZ_WHOLE, PZ_READ_OUT },
};

static void part_free(void *part)
{
    struct pz_content *p = part;

    if (p) {
        pz_csr_clear(&p->x);
        pz_csr_clear(&p->follow);
        pz_csr_clear(&p->map);
        free(p->own_count);
        pz_content_dict_clear(&p->dict);
        pz_csr_clear(&p->put);
    }
    free(p);
}

static void add_row(const struct pz_csr *rows, uint32_t row, float weight, float *z)
{
    for (uint64_t k = rows->ptr[row]; k < rows->ptr[row + 1]; k++)
        z[rows->item[k]] += weight * rows->value[k];
}

/* ---- learning ---- */

/* Transitions by source as that scorer counts them, with this part's settings. */
static enum pz_status count_transitions(const struct pz_content *p, const struct pz_corpus *c,
                                        struct pz_csr *out, struct pz_err *err)
{
    double set[PZ_TRANS_N];
    float *scale = pz_mem_array(c->n_items, sizeof *scale);
    struct pz_trans_feats none;
    struct pz_trans_view view = { 0 };
    enum pz_status st = pz_trans_feats_make(NULL, c->n_items, NULL, NULL, &none, err);

    pz_scorer_defaults(&pz_transitions, set);
    set[PZ_TRANS_DECAY] = p->set[PZ_CONTENT_DECAY];
    set[PZ_TRANS_SYMMETRIC] = p->set[PZ_CONTENT_SYMMETRIC];
    set[PZ_TRANS_KEEP] = COUNTS;
    if (st == PZ_OK && !scale)
        st = pz_err_memory(err, "counting transitions", 4.0 * c->n_items);
    if (st == PZ_OK)
        st = pz_trans_view_init(&view, c, set, &none, NULL, err);
    if (st == PZ_OK) {
        pz_trans_fill_scale(p->count, c->n_items, p->set[PZ_CONTENT_TARGET_NORM], scale);
        st = pz_trans_count(&view, false, scale, NULL, out, err);
    }
    if (st == PZ_OK)
        st = pz_trans_gather(out, NULL, false, err);
    pz_trans_view_clear(&view);
    pz_trans_feats_clear(&none);
    free(scale);
    return st;
}

static const struct pz_attrs no_attrs;

/* Features of the items, by the dictionary there is or, when it is empty, by one of those that
 * somebody had. */
static enum pz_status make_features(struct pz_content *p, const struct pz_corpus *c,
                                    struct pz_err *err)
{
    struct pz_attrs attrs = c->item_attrs ? *c->item_attrs : no_attrs;
    float *count = pz_mem_array(c->n_items, sizeof *count);
    uint8_t *use = pz_mem_array(c->n_items, 1);
    enum pz_status st = count && use ? PZ_OK : pz_err_memory(err, "features", 5.0 * c->n_items);

    p->count = p->own_count = count;
    attrs.n_rows = c->n_items; /* of an empty table, too */
    if (st == PZ_OK)
        pz_shares_turn(c, count, c->n_items * sizeof *count);
    for (uint64_t k = 0; st == PZ_OK && k < c->ptr[c->n_users]; k++)
        count[c->item[k]] += 1;
    if (st == PZ_OK)
        pz_shares_pass(c, count, c->n_items * sizeof *count);
    for (uint32_t i = 0; st == PZ_OK && i < c->n_items; i++)
        use[i] = count[i] > 0;
    if (st == PZ_OK && p->dict.names.n == 0)
        st = pz_content_dict_make(&attrs, use, &p->dict, err);
    if (st == PZ_OK)
        st = pz_content_encode(&p->dict, &attrs, &p->x, err);
    free(use);
    return st;
}

static enum pz_status fit(const struct pz_corpus *c, const struct pz_fit_cfg *cfg, void **part,
                          struct pz_err *err)
{
    struct pz_content *p = calloc(1, sizeof *p);
    struct pz_csr counts = { 0 };
    struct pz_content_map map = { 0 };
    enum pz_status st = p ? PZ_OK : pz_err_memory(err, "content", sizeof *p);

    if (st == PZ_OK) {
        memcpy(p->set, cfg->value, sizeof p->set);
        p->n_items = c->n_items;
        p->ordered = c->ordered;
        st = make_features(p, c, err);
    }
    if (st == PZ_OK)
        st = count_transitions(p, c, &counts, err);
    if (st == PZ_OK)
        st = pz_content_map(&p->x, &counts, p->count, p->set, &map, err);
    pz_csr_clear(&counts);
    if (p) {
        p->follow = map.follow;
        p->map = map.map;
    }
    return pz_part_hand_out(st, p, part_free, part);
}

/* Terms: what followed an item goes to the features of what it was, then a product of matrices. */
static enum pz_status cost(const struct pz_corpus *c, const double *value, struct pz_fit_cost *out,
                           struct pz_err *err)
{
    double set[PZ_TRANS_N], n = (double)c->ptr[c->n_users], n_items = c->n_items, feats, of_item;
    struct pz_trans_sums s = { 0 };
    struct pz_trans_feats none = { 0 };
    struct pz_content p = { .n_items = c->n_items };
    enum pz_status st = make_features(&p, c, err);

    (void)value;
    pz_scorer_defaults(&pz_transitions, set);
    set[PZ_TRANS_KEEP] = COUNTS;
    if (st == PZ_OK)
        st = pz_trans_look(c, set, &none, &s, err);
    if (st == PZ_OK) {
        feats = p.dict.names.n;
        of_item = n_items > 0 ? (double)p.x.ptr[c->n_items] / n_items : 0;
        out->term[0] = s.sources * of_item;
        out->term[1] = feats * feats * (n_items + 2 * feats);
        out->kept = 8 * fmin(feats, PZ_CONTENT_KEPT) * (n_items + feats) + 8 * of_item * n_items;
        out->beside = 8 * feats * feats + 8 * s.kept + 25 * n + out->kept;
    }
    pz_csr_clear(&p.x);
    pz_content_dict_clear(&p.dict);
    free(p.own_count);
    return st;
}

/* ---- a delta ---- */

/* x_i M of an item nobody had, its PZ_CONTENT_KEPT largest weights: appended at n. z, key:
 * [features] scratch, z zero. Returns the new n. */
static uint64_t infer_row(const struct pz_content *p, uint32_t i, float *z, uint64_t *key,
                          uint32_t *item, float *value, uint64_t n)
{
    uint32_t n_feats = p->dict.names.n, m = 0, kept;
    uint64_t cut = UINT64_MAX;

    for (uint64_t k = p->x.ptr[i]; k < p->x.ptr[i + 1]; k++)
        add_row(&p->map, p->x.item[k], p->x.value[k], z);
    for (uint32_t f = 0; f < n_feats; f++)
        if (z[f] != 0)
            key[m++] = pz_trans_key(fabsf(z[f]), f);
    kept = pz_trans_select(key, m, PZ_CONTENT_KEPT);
    for (uint32_t k = 0; k < kept; k++)
        cut = key[k] < cut ? key[k] : cut;
    for (uint32_t f = 0; f < n_feats; f++) {
        if (z[f] != 0 && pz_trans_key(fabsf(z[f]), f) >= cut) {
            item[n] = f;
            value[n++] = z[f];
        }
        z[f] = 0;
    }
    return n;
}

/* What follows an item: as learned; of new ones as their attributes say. */
static enum pz_status carry_rows(struct pz_content *p, const struct pz_content *old,
                                 const struct pz_delta *delta, struct pz_err *err)
{
    uint32_t n_items = p->n_items, n_feats = p->dict.names.n;
    uint64_t max = old->follow.ptr[old->n_items] + (uint64_t)PZ_CONTENT_KEPT * n_items, n = 0;
    uint64_t *ptr = pz_mem_array((size_t)n_items + 1, sizeof *ptr);
    uint64_t *key = pz_mem_array(n_feats, sizeof *key);
    float *z = pz_mem_array(n_feats, sizeof *z), *value;
    uint32_t *item;

    for (uint32_t i = 0; i < n_items; i++) /* room for what is new alone */
        max -= delta->old_item[i] == PZ_NONE ? 0 : PZ_CONTENT_KEPT;
    value = pz_mem_array(max, sizeof *value);
    item = pz_mem_array(max, sizeof *item);
    for (uint32_t i = 0; i < n_items && ptr && key && z && value && item; i++) {
        uint32_t o = delta->old_item[i];
        uint64_t from = o == PZ_NONE ? 0 : old->follow.ptr[o];
        uint64_t m = o == PZ_NONE ? 0 : old->follow.ptr[o + 1] - from;

        memcpy(item + n, old->follow.item + from, m * sizeof *item);
        memcpy(value + n, old->follow.value + from, m * sizeof *value);
        n += m;
        if (o == PZ_NONE)
            n = infer_row(p, i, z, key, item, value, n);
        ptr[i + 1] = n;
    }
    p->follow = pz_csr_take(n_items, n_feats, ptr, item, value);
    free(key);
    free(z);
    return ptr && key && z && value && item ? PZ_OK
                                            : pz_err_memory(err, "content", 8.0 * (double)max);
}

/* Attributes as they are now, by the features that the old part knows; M and what follows known
 * items stay. */
static enum pz_status update(const void *old_part, const struct pz_corpus *c,
                             const struct pz_delta *delta, const struct pz_fit_cfg *cfg,
                             void **part, struct pz_err *err)
{
    const struct pz_content *old = old_part;
    struct pz_content *p = calloc(1, sizeof *p);
    enum pz_status st = p ? PZ_OK : pz_err_memory(err, "content", sizeof *p);

    (void)cfg; /* the settings are those of the old part */
    if (st == PZ_OK) {
        memcpy(p->set, old->set, sizeof p->set);
        p->n_items = c->n_items;
        p->ordered = c->ordered;
        p->dict = (struct pz_content_dict){ pz_dict_view(&old->dict.names), old->dict.value, NULL };
        p->map = old->map;
        memset(p->map.own, 0, sizeof p->map.own);
        st = make_features(p, c, err);
    }
    if (st == PZ_OK)
        st = carry_rows(p, old, delta, err);
    return pz_part_hand_out(st, p, part_free, part);
}

/* ---- the file ---- */

#define COLUMNS(ptr_name, id_name, value_name)                                                  \
    {                                                                                           \
        .ptr = "content/" ptr_name, .item = "content/" id_name, .value = "content/" value_name, \
        .min_value = -FLT_MAX                                                                   \
    }
static const struct pz_csr_columns x_columns = COLUMNS("ptr", "id", "weight"),
                                   follow_columns = COLUMNS("follow_ptr", "follow_id", "follow"),
                                   map_columns = COLUMNS("map_ptr", "map_id", "map"),
                                   put_columns = COLUMNS("put_ptr", "put_id",
                                                         "put"); /* of a live one */

static enum pz_status save(const void *part, struct pz_writer *w, struct pz_err *err)
{
    const struct pz_content *p = part;
    double set[N_SAVED];
    enum pz_status st = pz_writer_add_dict(w, "content/names", &p->dict.names, err);

    memcpy(set, p->set, sizeof p->set);
    set[PZ_CONTENT_N] = p->ordered;
    if (st == PZ_OK)
        st = pz_writer_add(w, "content/set", PZ_F64, set, N_SAVED, err);
    if (st == PZ_OK)
        st = pz_writer_add(w, "content/value", PZ_F32, p->dict.value, p->dict.names.n, err);
    if (st == PZ_OK)
        st = pz_writer_add(w, "content/count", PZ_F32, p->count, p->n_items, err);
    if (st == PZ_OK)
        st = pz_csr_save(&p->x, &x_columns, w, err);
    if (st == PZ_OK)
        st = pz_csr_save(&p->follow, &follow_columns, w, err);
    if (st == PZ_OK)
        st = pz_csr_save(&p->map, &map_columns, w, err);
    return st;
}

/* Items by events, the fewest first, lower ones of as many, into list [n_items]. */
static enum pz_status sort_by_events(const struct pz_content *p, uint32_t *list, struct pz_err *err)
{
    float *less = pz_mem_array(p->n_items, sizeof *less);
    enum pz_status st;

    for (uint32_t i = 0; less && i < p->n_items; i++)
        less[i] = -p->count[i];
    st = less ? pz_bytes_longest(less, p->n_items, list, err)
              : pz_err_memory(err, "items by events", 4.0 * p->n_items);
    free(less);
    return st;
}

/* Where the first items of each feature begin; none of what all items have. n_of: [features] zero,
 * and so it stays. */
static void place_first(const struct pz_content *p, uint32_t *n_of, uint64_t *ptr)
{
    for (uint64_t k = 0; k < p->x.ptr[p->n_items]; k++)
        n_of[p->x.item[k]]++;
    for (uint32_t f = 0; f < p->dict.names.n; f++) {
        uint32_t n = n_of[f] == p->n_items ? 0 : n_of[f];

        ptr[f + 1] = ptr[f] + (n < FIRST ? n : FIRST);
        n_of[f] = 0;
    }
}

static void fill_first(const struct pz_content *p, const uint32_t *list, uint32_t *n_of,
                       const uint64_t *ptr, uint32_t *item)
{
    for (uint32_t i = 0; i < p->n_items; i++)
        for (uint64_t k = p->x.ptr[list[i]]; k < p->x.ptr[list[i] + 1]; k++) {
            uint32_t f = p->x.item[k];

            if (ptr[f] + n_of[f] < ptr[f + 1])
                item[ptr[f] + n_of[f]++] = list[i];
        }
}

/* The columns of first. */
static enum pz_status derive(const void *part, struct pz_derived *out, struct pz_err *err)
{
    const struct pz_content *p = part;
    uint32_t n_feats = p->dict.names.n, *item = NULL;
    uint32_t *list = pz_mem_array(p->n_items, sizeof *list);
    uint32_t *n_of = pz_mem_array(n_feats, sizeof *n_of);
    uint64_t *ptr = pz_mem_array((size_t)n_feats + 1, sizeof *ptr), n = 0;
    enum pz_status st = list ? sort_by_events(p, list, err) : PZ_TRY_AGAIN;

    if (st == PZ_OK && n_of && ptr) {
        place_first(p, n_of, ptr);
        n = ptr[n_feats];
        item = pz_mem_array(n, sizeof *item);
    }
    if (item)
        fill_first(p, list, n_of, ptr, item);
    free(list);
    free(n_of);
    st = pz_derived_add(out, "content/first_ptr", PZ_U64, ptr, (uint64_t)n_feats + 1, ptr, err);
    if (st == PZ_OK)
        return pz_derived_add(out, "content/first", PZ_U32, item, n, item, err);
    free(item);
    return st;
}

static const struct pz_csr_columns first_columns = { .ptr = PZ_DERIVED "content/first_ptr",
                                                     .item = PZ_DERIVED "content/first" };

static enum pz_status take_settings(struct pz_content *p, const double *set, struct pz_err *err)
{
    memcpy(p->set, set, sizeof p->set);
    p->ordered = set[PZ_CONTENT_N] > 0;
    return pz_scorer_check(&pz_content, set, err);
}

static enum pz_status read_columns(struct pz_content *p, struct pz_table *t, struct pz_err *err)
{
    const void *value = NULL, *count = NULL;
    enum pz_status st = pz_table_get_dict(t, "content/names", &p->dict.names, err);

    if (st == PZ_OK)
        st = pz_table_get(t, "content/value", PZ_F32, p->dict.names.n, &value, NULL, err);
    if (st == PZ_OK)
        st = pz_table_get(t, "content/count", PZ_F32, p->n_items, &count, NULL, err);
    p->dict.value = value;
    p->count = count;
    if (st == PZ_OK && !pz_table_is_flat(t) && !pz_numbers_good(count, p->n_items, 0))
        st = pz_err_set(err, PZ_BAD_DATA, "content/count: damaged");
    if (st == PZ_OK)
        st = pz_csr_load(t, &x_columns, p->n_items, p->dict.names.n, &p->x, err);
    if (st == PZ_OK)
        st = pz_csr_load(t, &follow_columns, p->n_items, p->dict.names.n, &p->follow, err);
    if (st == PZ_OK)
        st = pz_csr_load(t, &map_columns, p->dict.names.n, p->dict.names.n, &p->map, err);
    if (st == PZ_OK && pz_table_has(t, first_columns.item))
        st = pz_csr_load(t, &first_columns, p->dict.names.n, p->n_items, &p->first, err);
    return st;
}

static enum pz_status load(struct pz_table *t, uint32_t n_items, void **part, struct pz_err *err)
{
    struct pz_content *p = calloc(1, sizeof *p);
    const void *set = NULL;
    enum pz_status st = p ? pz_table_get(t, "content/set", PZ_F64, N_SAVED, &set, NULL, err)
                          : pz_err_memory(err, "content", sizeof *p);

    if (st == PZ_OK)
        st = take_settings(p, set, err);
    if (st == PZ_OK) {
        p->n_items = n_items;
        st = read_columns(p, t, err);
    }
    return pz_part_hand_out(st, p, part_free, part);
}

/* ---- answering ---- */

static void set(void *part, size_t setting, double value)
{
    ((struct pz_content *)part)->set[setting] = value;
}

static enum pz_status extend(void *part, const struct pz_attrs *attrs, const uint32_t *row,
                             uint32_t n, struct pz_err *err)
{
    struct pz_content *p = part;

    p->put_row = row;
    p->n_fresh = n;
    return pz_content_encode(&p->dict, attrs, &p->put, err);
}

/* Rows of two tables, as their sources say. */
static enum pz_status gather(const struct pz_csr *const in[2], const struct pz_put_since *put,
                             struct pz_csr *out, struct pz_err *err)
{
    uint64_t *ptr = pz_mem_array((size_t)put->n_rows + 1, sizeof *ptr), n = 0;
    uint32_t *item;
    float *value;

    for (uint32_t i = 0; ptr && i < put->n_rows; i++) {
        const struct pz_csr *from = in[put->source[i].part];

        ptr[i + 1] = ptr[i] + from->ptr[put->source[i].row + 1] - from->ptr[put->source[i].row];
    }
    n = ptr ? ptr[put->n_rows] : 0;
    item = pz_mem_array(n, sizeof *item);
    value = pz_mem_array(n, sizeof *value);
    *out = pz_csr_take(put->n_rows, in[0]->n_cols, ptr, item, value);
    if (!ptr || !item || !value)
        return pz_err_memory(err, "items put since training", 8.0 * (double)n);
    for (uint32_t i = 0, run; i < put->n_rows; i += run) {
        const struct pz_csr *from = in[put->source[i].part];
        size_t at = from->ptr[put->source[i].row], len;

        run = (uint32_t)pz_source_run(put->source, i, put->n_rows);
        len = ptr[i + run] - ptr[i];
        memcpy(item + ptr[i], from->item + at, len * sizeof *item);
        memcpy(value + ptr[i], from->value + at, len * sizeof *value);
    }
    return PZ_OK;
}

static enum pz_status extend_more(void *part, const void *old, const struct pz_put_since *put,
                                  const uint32_t *row, uint32_t n, struct pz_err *err)
{
    struct pz_content *p = part;
    struct pz_csr since = { 0 };
    enum pz_status st = put->attrs ? pz_content_encode(&p->dict, put->attrs, &since, err) : PZ_OK;

    if (st == PZ_OK)
        st = gather((const struct pz_csr *[2]){ &((const struct pz_content *)old)->put, &since },
                    put, &p->put, err);
    pz_csr_clear(&since);
    p->put_row = row;
    p->n_fresh = n;
    return st;
}

static enum pz_status save_extension(const void *part, struct pz_writer *w, struct pz_err *err)
{
    return pz_csr_save(&((const struct pz_content *)part)->put, &put_columns, w, err);
}

static enum pz_status load_extension(void *part, struct pz_table *t, const uint32_t *row,
                                     uint32_t n, struct pz_err *err)
{
    struct pz_content *p = part;
    enum pz_status st = pz_csr_load(t, &put_columns, PZ_CSR_ANY, p->dict.names.n, &p->put, err);

    if (st != PZ_OK)
        return st;
    p->put_row = row;
    p->n_fresh = n;
    return PZ_OK;
}

static size_t scratch_bytes(const void *part)
{
    return (((const struct pz_content *)part)->dict.names.n + 1) * sizeof(float);
}

/* sum and what a row has from place k on, times z. */
static inline float dot_on(const struct pz_csr *rows, uint32_t row, uint64_t k, const float *z,
                           float sum)
{
    for (k += rows->ptr[row]; k < rows->ptr[row + 1]; k++)
        sum += rows->value[k] * z[rows->item[k]];
    return sum;
}

PZ_KERNEL static float row_dot(const struct pz_csr *rows, uint32_t row, const float *z)
{
    return dot_on(rows, row, 0, z, 0);
}

/* row_dot of the first n rows. An addition waits for the one before it: four sums go on at once. */
PZ_KERNEL static void row_dots(const struct pz_csr *rows, uint32_t n, const float *z, float *out)
{
    uint32_t i = 0;

    for (; i + 4 <= n; i += 4) {
        const uint64_t *p = rows->ptr + i;
        uint64_t shortest = p[1] - p[0];
        float sum[4] = { 0 };

        for (size_t l = 1; l < 4; l++)
            shortest = p[l + 1] - p[l] < shortest ? p[l + 1] - p[l] : shortest;
        for (uint64_t k = 0; k < shortest; k++)
            for (size_t l = 0; l < 4; l++)
                sum[l] += rows->value[p[l] + k] * z[rows->item[p[l] + k]];
        for (uint32_t l = 0; l < 4; l++)
            out[i + l] = dot_on(rows, i + l, shortest, z, sum[l]);
    }
    for (; i < n; i++)
        out[i] = dot_on(rows, i, 0, z, 0);
}

/* The row of put that holds an item's features; of items from n_items on. */
static uint32_t row_put(const struct pz_content *p, uint32_t item)
{
    return p->put_row[item - p->n_items];
}

/* z += weight * t_b. */
static void add_follow(const struct pz_content *p, uint32_t b, float weight, float *z)
{
    if (b < p->n_items) {
        add_row(&p->follow, b, weight, z);
        return;
    }
    b = row_put(p, b);
    for (uint64_t k = p->put.ptr[b]; k < p->put.ptr[b + 1]; k++)
        add_row(&p->map, p->put.item[k], weight * p->put.value[k], z);
}

/* x t_b for a dense x. */
static float follow_dot(const struct pz_content *p, uint32_t b, const float *x)
{
    float sum = 0;

    if (b < p->n_items)
        return row_dot(&p->follow, b, x);
    b = row_put(p, b);
    for (uint64_t k = p->put.ptr[b]; k < p->put.ptr[b + 1]; k++)
        sum += p->put.value[k] * row_dot(&p->map, p->put.item[k], x);
    return sum;
}

/* How the events of a history count by their age. */
static struct pz_recency ages(const struct pz_content *p, const struct pz_query *q)
{
    return (struct pz_recency){ .q = q,
                                .exponent = p->ordered ? p->set[PZ_CONTENT_RECENCY] : 0,
                                .max = q->n_hist < HISTORY ? q->n_hist : HISTORY };
}

/* The weight of the next older event. */
static float next_weight(struct pz_recency *age)
{
    float weight = (float)pz_recency_next(age);

    return weight *
           pz_weight_damp(age->q->hist_weight[age->q->n_hist - age->k], age->q->event_power);
}

static double events_of(const struct pz_content *p, uint32_t item)
{
    return item < p->n_items ? (double)p->count[item] : 0;
}

/* The share of a history's weight on items that have events. */
static double share_met(const struct pz_content *p, struct pz_recency age)
{
    double met = 0, all = 0;

    for (size_t k = 1; k <= age.max; k++) {
        double weight = (double)next_weight(&age);

        all += weight;
        met += events_of(p, age.q->hist[age.q->n_hist - k]) > 0 ? weight : 0;
    }
    return all > 0 ? met / all : 0;
}

static float fade(const struct pz_content *p, double share, uint32_t item)
{
    double n = events_of(p, item);

    return p->set[PZ_CONTENT_MIX] > 0 ? 1 : (float)(1 - share * n / (n + p->set[PZ_CONTENT_FADE]));
}

/* What the user wants next into z; false: nothing is known of that. */
static bool want(const struct pz_content *p, const struct pz_query *q, float *z)
{
    struct pz_recency age = ages(p, q);

    if (q->n_hist == 0 || p->dict.names.n == 0)
        return false;
    memset(z, 0, p->dict.names.n * sizeof *z);
    for (size_t k = 1; k <= age.max; k++) {
        float weight = next_weight(&age);

        add_follow(p, q->hist[q->n_hist - k], weight, z);
    }
    return true;
}

static bool score(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    const struct pz_content *p = part;
    double share = share_met(p, ages(p, q));
    float *z = scratch;

    if (!want(p, q, z))
        return false;
    row_dots(&p->x, p->n_items, z, out);
    for (uint32_t i = 0; i < p->n_items; i++)
        out[i] *= fade(p, share, i);
    for (uint32_t i = 0; i < p->n_fresh; i++)
        out[p->n_items + i] = row_dot(&p->put, p->put_row[i], z);
    return true;
}

/* A query made ready: z, and behind it the share of its history that has events. */
static bool some(const void *part, const struct pz_query *q, void *scratch)
{
    const struct pz_content *p = part;
    float *z = scratch;

    z[p->dict.names.n] = (float)share_met(p, ages(p, q));
    return want(p, q, z);
}

enum { BEST = 8 /* features that heads looks at */ };

/* The first items of the features that are wanted most. Attributes of items with few events count
 * most: these come first. */
static void heads(const void *part, void *scratch, const uint64_t *allowed, uint64_t *set)
{
    const struct pz_content *p = part;
    const float *z = scratch;
    uint32_t best[BEST];
    size_t n = 0;

    for (uint32_t f = 0; f < p->first.n; f++) {
        size_t at;

        if (z[f] <= 0 || (n == BEST && z[f] <= z[best[BEST - 1]]))
            continue;
        for (at = n < BEST ? n++ : BEST - 1; at > 0 && z[best[at - 1]] < z[f]; at--)
            best[at] = best[at - 1];
        best[at] = f;
    }
    for (size_t i = 0; i < n; i++)
        for (uint64_t k = p->first.ptr[best[i]]; k < p->first.ptr[best[i] + 1]; k++)
            if (pz_bits_has(allowed, p->first.item[k]))
                pz_bits_add(set, p->first.item[k]);
}

static void score_some(const void *part, void *scratch, const uint32_t *item, size_t n, float *out)
{
    const struct pz_content *p = part;
    const float *z = scratch;
    double share = (double)z[p->dict.names.n];

    for (size_t i = 0; i < n; i++)
        if (item[i] < p->n_items)
            out[i] = row_dot(&p->x, item[i], z) * fade(p, share, item[i]);
        else
            out[i] = row_dot(&p->put, row_put(p, item[i]), z);
}

static void explain(const void *part, const struct pz_query *q, uint32_t item, void *scratch,
                    float *contrib)
{
    const struct pz_content *p = part;
    struct pz_recency age = ages(p, q);
    float *x = scratch, share = fade(p, share_met(p, age), item);

    memset(contrib, 0, q->n_hist * sizeof *contrib);
    memset(x, 0, p->dict.names.n * sizeof *x);
    if (item < p->n_items)
        add_row(&p->x, item, share, x);
    else
        add_row(&p->put, row_put(p, item), share, x);
    for (size_t k = 1; k <= age.max; k++) {
        float weight = next_weight(&age);

        contrib[q->n_hist - k] = weight * follow_dot(p, q->hist[q->n_hist - k], x);
    }
}

static enum pz_suits suits(const struct pz_setup *setup)
{
    const struct pz_attrs *attrs = setup->corpus->item_attrs;

    for (uint32_t i = 0; attrs && i < attrs->n_attrs; i++)
        if (attrs->attr[i].kind != PZ_ATTR_STRING)
            return PZ_SUITS;
    return PZ_SUITS_NEVER;
}

static void start(const struct pz_setup *setup, struct pz_choice *c)
{
    if (setup->recipe->by_metadata)
        c->value[PZ_CONTENT_MIX] = 1;
}

const struct pz_scorer pz_content = {
    .name = "content",
    .meaning = "items by their attributes, while they have few events of their own",
    .settings = settings,
    .n_settings = PZ_CONTENT_N,
    .relates = true,
    .min_weight = 0.1, /* validation has no items that nobody had, which attributes are for */
    .suits = suits,
    .start = start,
    .fit = fit,
    .in_shares = true,
    .cost = cost,
    .update = update,
    .borrows = true,
    .refit_at = 0.25,
    .save = save,
    .derive = derive,
    .load = load,
    .extend = extend,
    .extend_more = extend_more,
    .save_extension = save_extension,
    .load_extension = load_extension,
    .free = part_free,
    .set = set,
    .scratch_bytes = scratch_bytes,
    .score = score,
    .some = some,
    .heads = heads,
    .score_some = score_some,
    .explain = explain,
};
