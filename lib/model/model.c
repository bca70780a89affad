/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a model file: see model.h. What training wrote (train.c) is borrowed from the table; the
 * manifest says which recipe and which parts with which weights.
 *
 * A packed file may come from anywhere: its lists are checked here and its parts by their scorers,
 * so that no index leads out of an array later. A flat file was checked when it was unpacked and
 * is only mapped, unless somebody has touched it since. The last part must be the fallback:
 * whatever is asked, something orders all items. Messages begin with the file's path. */
#include "model/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/str.h"
#include "table/lists.h"

static enum pz_status load_histories(struct pz_model *m, struct pz_err *err)
{
    struct pz_table *t = m->table;
    const void *data = NULL;
    uint64_t n = 0;
    enum pz_status st;

    st = pz_table_get(t, "hist/ptr", PZ_U64, (uint64_t)m->users.n + 1, &data, NULL, err);
    m->ptr = data;
    if (st == PZ_OK)
        st = pz_table_get(t, "hist/item", PZ_U32, PZ_ANY, &data, &n, err);
    m->item = data;
    m->n_interactions = n;
    if (st == PZ_OK)
        st = pz_table_get(t, "hist/time", PZ_I64, n, &data, NULL, err);
    m->time = data;
    if (st == PZ_OK)
        st = pz_table_get(t, "hist/weight", PZ_F32, n, &data, NULL, err);
    m->weight = data;
    if (st == PZ_OK && pz_table_has(t, "hist/event")) {
        st = pz_table_get(t, "hist/event", PZ_U8, n, &data, NULL, err);
        m->event = data;
    }
    if (st == PZ_OK && pz_table_has(t, "hist/value")) {
        st = pz_table_get(t, "hist/value", PZ_F32, n, &data, NULL, err);
        m->value = data;
    }
    if (st == PZ_OK)
        st = pz_table_get(t, "item_count", PZ_U32, m->items.n, &data, NULL, err);
    m->item_count = data;
    if (st == PZ_OK)
        st = pz_table_get(t, "item_since", PZ_I64, m->items.n, &data, NULL, err);
    m->item_since = data;
    if (st == PZ_OK && pz_table_has(t, "item_shown")) {
        st = pz_table_get(t, "item_shown", PZ_U32, m->items.n, &data, NULL, err);
        m->item_shown = data;
    }
    return st;
}

/* What derive wrote, from a flat file, or made; a flat file without does without. */
static enum pz_status load_block_since(struct pz_model *m, struct pz_err *err)
{
    uint64_t n = ((uint64_t)m->items.n + 63) / 64;
    const void *data = NULL;
    enum pz_status st = PZ_OK;

    if (pz_table_has(m->table, PZ_DERIVED "block_since"))
        st = pz_table_get(m->table, PZ_DERIVED "block_since", PZ_I64, n, &data, NULL, err);
    m->block_since = data;
    return st == PZ_OK && !data && !pz_table_is_flat(m->table) ? pz_model_make_blocks(m, err) : st;
}

enum pz_status pz_model_make_blocks(struct pz_model *m, struct pz_err *err)
{
    size_t n = pz_bits_words(m->items.n);
    int64_t *block = pz_mem_array(2 * n + pz_bits_words(n), sizeof *block), *oldest, *chunk;

    if (!block)
        return pz_err_memory(err, "items", 16.0 * m->items.n / 64);
    oldest = block + n;
    chunk = oldest + n;
    for (uint32_t i = 0; i < m->items.n; i++) {
        if (i % 64 == 0 || m->item_since[i] > block[i / 64])
            block[i / 64] = m->item_since[i];
        if (i % 64 == 0 || m->item_since[i] < oldest[i / 64])
            oldest[i / 64] = m->item_since[i];
    }
    for (size_t w = 0; w < n; w++)
        if (w % 64 == 0 || oldest[w] < chunk[w / 64])
            chunk[w / 64] = oldest[w];
    free(m->owned[3]);
    m->owned[3] = block;
    m->block_since = block;
    m->block_oldest = oldest;
    m->chunk_oldest = chunk;
    return PZ_OK;
}

/* Flat files were checked when they were made; packed ones come from anywhere. */
static enum pz_status check_histories(const struct pz_model *m, struct pz_err *err)
{
    uint64_t n = m->n_interactions;
    bool ok = pz_lists_good(m->ptr, m->users.n, n, n, m->item, m->items.n) &&
              (m->context.n_attrs == 0 || m->context.n_rows == n);

    for (uint64_t p = 0; p < n && ok && m->event; p++)
        ok = m->event[p] < m->events.n;
    return ok ? PZ_OK : pz_err_set(err, PZ_BAD_DATA, "the histories are damaged");
}

static enum pz_status load_data(struct pz_model *m, struct pz_err *err)
{
    struct pz_table *t = m->table;
    enum pz_status st = pz_table_get_dict(t, "items", &m->items, err);

    if (st == PZ_OK)
        st = pz_table_get_dict(t, "users", &m->users, err);
    if (st == PZ_OK)
        st = pz_table_get_dict(t, "events", &m->events, err);
    if (st == PZ_OK)
        st = load_histories(m, err);
    if (st == PZ_OK)
        st = load_block_since(m, err);
    if (st == PZ_OK)
        st = pz_attrs_load(t, "context", &m->context, err);
    if (st == PZ_OK && !pz_table_is_flat(t))
        st = check_histories(m, err);
    if (st == PZ_OK)
        st = pz_attrs_load(t, "items", &m->item_attrs, err);
    if (st == PZ_OK)
        st = pz_attrs_load(t, "users", &m->user_attrs, err);
    return st;
}

enum pz_status pz_model_manifest(struct pz_table *t, json_t **doc, struct pz_err *err)
{
    char *text = NULL;
    enum pz_status st = pz_table_get_text(t, "manifest", &text, err);

    if (st == PZ_OK)
        st = pz_json_parse(text, strlen(text), "manifest", doc, err);
    free(text);
    return st;
}

static enum pz_status load_manifest(struct pz_model *m, struct pz_err *err)
{
    const char *name, *seen;
    enum pz_status st = pz_model_manifest(m->table, &m->manifest, err);

    if (st != PZ_OK)
        return st;
    name = json_string_value(json_object_get(m->manifest, "recipe"));
    m->recipe = name ? pz_recipe_find(name, NULL) : NULL;
    m->newest = json_integer_value(json_object_get(m->manifest, "newest"));
    seen = json_string_value(json_object_get(m->manifest, "seen"));
    m->keep_seen = seen && strcmp(seen, "keep") == 0;
    m->slice_s = json_number_value(json_object_get(m->manifest, "slice_seconds"));
    m->event_power = json_number_value(json_object_get(m->manifest, "event_power"));
    m->softmax_scale = json_number_value(json_object_get(m->manifest, "softmax_scale"));
    if (!m->recipe)
        return pz_err_set(err, PZ_BAD_DATA, "recipe \"%s\" is not known to this pz",
                          name ? name : "");
    return PZ_OK;
}

static enum pz_status load_trend(struct pz_model *m, struct pz_err *err)
{
    const json_t *trend = json_object_get(m->manifest, "trend");

    m->trend = (struct pz_trend){ .newest = m->newest };
    m->trend.power = json_number_value(json_object_get(trend, "power"));
    m->trend.half_life_s = 86400 * json_number_value(json_object_get(trend, "half_life"));
    m->trend.rate = json_number_value(json_object_get(trend, "rate"));
    return pz_trend_load(m->table, m->items.n, &m->trend, err);
}

/* A part's weights, those of its own in other lists where there are such. */
static void take_weights(const json_t *entry, struct pz_part *p)
{
    p->weight = json_number_value(json_object_get(entry, "weight"));
    p->cold_weight = json_number_value(json_object_get(entry, "early"));
    for (enum pz_lists l = 0; l < PZ_LISTS; l++) {
        const json_t *weight = json_object_get(entry, pz_lists_weight(l));
        const json_t *early = json_object_get(entry, pz_lists_early(l));

        p->own[l] = weight
                        ? (struct pz_weights){ json_number_value(weight), json_number_value(early) }
                    : l == PZ_LISTS_KEPT_NEXT ? p->own[PZ_LISTS_KEPT]
                                              : (struct pz_weights){ p->weight, p->cold_weight };
    }
}

static enum pz_status load_parts(struct pz_model *m, struct pz_err *err)
{
    const json_t *list = json_object_get(m->manifest, "parts"), *entry;
    size_t i;
    enum pz_status st = PZ_OK;

    json_array_foreach (list, i, entry) {
        const char *name = json_string_value(json_object_get(entry, "scorer"));
        struct pz_part *p = &m->part[m->n_parts];

        if (st != PZ_OK || m->n_parts == PZ_MAX_PARTS)
            break;
        p->scorer = name ? pz_scorer_find(name) : NULL;
        take_weights(entry, p);
        if (!p->scorer)
            return pz_err_set(err, PZ_BAD_DATA, "scorer \"%s\" is not known to this pz",
                              name ? name : "");
        p->trend = m->trend.scale && !p->scorer->presence ? &m->trend : NULL;
        if (pz_table_is_asked(m->table))
            st = p->scorer->load(m->table, m->items.n, &p->part, err);
        if (st == PZ_OK)
            m->n_parts++;
    }
    if (st == PZ_OK && (m->n_parts == 0 || !m->part[m->n_parts - 1].scorer->is_fallback))
        return pz_err_set(err, PZ_BAD_DATA, "the last part is not popularity");
    return st;
}

/* set_up: what is said of the table before it is read; NULL: nothing */
static enum pz_status open_model(const char *path, void (*set_up)(struct pz_table *),
                                 struct pz_model **out, struct pz_err *err)
{
    struct pz_model *m = calloc(1, sizeof *m);
    enum pz_status st = m ? PZ_OK : pz_err_memory(err, "a model", sizeof *m);

    if (st == PZ_OK)
        st = pz_table_open(path, "modl", &m->table, err);
    if (st == PZ_OK)
        st = pz_table_trust(m->table, &m->sealed, err);
    if (st == PZ_OK && set_up)
        set_up(m->table);
    if (st == PZ_OK) {
        st = load_data(m, err);
        if (st == PZ_OK)
            st = load_manifest(m, err);
        if (st == PZ_OK)
            st = load_trend(m, err);
        if (st == PZ_OK)
            st = load_parts(m, err);
        if (st != PZ_OK)
            pz_err_prefix(err, "%s", path);
    }
    if (st != PZ_OK) {
        pz_model_free(m);
        m = NULL;
    }
    *out = m;
    return st;
}

enum pz_status pz_model_open(const char *path, struct pz_model **out, struct pz_err *err)
{
    return open_model(path, NULL, out, err);
}

enum pz_status pz_model_open_anew(const char *path, struct pz_model **out, struct pz_err *err)
{
    return open_model(path, pz_table_read_anew, out, err);
}

enum pz_status pz_model_open_to_update(const char *path, struct pz_model **out, struct pz_err *err)
{
    return open_model(path, pz_table_ask_nothing, out, err);
}

enum pz_status pz_model_load_part(struct pz_model *m, size_t p, struct pz_err *err)
{
    return m->part[p].part ? PZ_OK
                           : m->part[p].scorer->load(m->table, m->items.n, &m->part[p].part, err);
}

void pz_model_free(struct pz_model *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->n_parts; i++)
        m->part[i].scorer->free(m->part[i].part);
    pz_trend_clear(&m->trend);
    pz_attrs_clear(&m->item_attrs);
    pz_attrs_clear(&m->user_attrs);
    pz_attrs_clear(&m->context);
    for (size_t i = 0; i < sizeof m->owned / sizeof *m->owned; i++)
        free(m->owned[i]);
    pz_dict_clear(&m->fresh);
    pz_arrivals_free(m->arrivals);
    json_decref(m->manifest);
    pz_table_close(m->table);
    pz_table_close(m->extension);
    free(m);
}

enum pz_status pz_model_recheck(const struct pz_model *m, struct pz_err *err)
{
    enum pz_status st = pz_table_recheck(m->table, err);

    return st == PZ_OK && m->extension ? pz_table_recheck(m->extension, err) : st;
}

enum pz_status pz_model_derive(const struct pz_model *m, struct pz_derived *out, struct pz_err *err)
{
    uint64_t n = ((uint64_t)m->items.n + 63) / 64;
    enum pz_status st = PZ_OK;

    if (m->block_since)
        st = pz_derived_add(out, "block_since", PZ_I64, m->block_since, n, NULL, err);
    for (size_t i = 0; i < m->n_parts && st == PZ_OK; i++)
        if (m->part[i].scorer->derive)
            st = m->part[i].scorer->derive(m->part[i].part, out, err);
    return st;
}

/* Whether a rule is for events of a type. */
static bool is_for(const json_t *rule, const char *event_type)
{
    const char *type = json_string_value(json_object_get(rule, "type"));

    if (!type || !*type)
        return type != NULL;
    return event_type && pz_str_same_word(type, strlen(type), event_type, strlen(event_type));
}

struct pz_type_weight pz_model_type_weight(const struct pz_model *m, const char *event_type)
{
    const json_t *rules = json_object_get(m->manifest, "events"), *rule;
    bool unasked = json_is_true(json_object_get(json_array_get(rules, 0), "unasked"));
    size_t i;

    json_array_foreach (rules, i, rule) {
        const json_t *threshold = json_object_get(rule, "threshold");

        if (is_for(rule, event_type))
            return (struct pz_type_weight){ json_number_value(json_object_get(rule, "weight")),
                                            threshold ? json_number_value(threshold) : NAN,
                                            unasked ? -1 : 0 };
    }
    return (struct pz_type_weight){ unasked || json_array_size(rules) == 0, NAN, 0 };
}

double pz_type_weight_of(const struct pz_type_weight *w, double value)
{
    return pz_value_reaches(value, w->threshold) ? w->weight : w->below;
}

double pz_model_event_weight(const struct pz_model *m, const char *event_type, double value)
{
    const struct pz_type_weight weight = pz_model_type_weight(m, event_type);

    return pz_type_weight_of(&weight, value);
}
