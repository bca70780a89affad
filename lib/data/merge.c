/* SPDX-License-Identifier: Apache-2.0 */
/* Merging datasets: unite the dictionaries, lay the parts' interactions behind one another with their
 * new indices, and assemble them like an import; for an item or a user the last part that has a row
 * wins. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/assemble.h"
#include "table/hash.h"

struct merge {
    struct pz_dataset *const *in;
    size_t n_in;
    uint32_t **user_map, **item_map, **event_map; /* [n_in] old index -> new */
    uint64_t n;                                   /* interactions of all parts */
    uint32_t *user, *item;
    int64_t *time;
    uint8_t *event;
    float *value;
    uint64_t *impression_ptr;
    uint32_t *impression;
    struct pz_attrs context;
};

static void free_maps(uint32_t **map, size_t n)
{
    for (size_t k = 0; map && k < n; k++)
        free(map[k]);
    free(map);
}

static void merge_clear(struct merge *m)
{
    free_maps(m->user_map, m->n_in);
    free_maps(m->item_map, m->n_in);
    free_maps(m->event_map, m->n_in);
    free(m->user);
    free(m->item);
    free(m->time);
    free(m->event);
    free(m->value);
    free(m->impression_ptr);
    free(m->impression);
    pz_attrs_clear(&m->context);
}

static enum pz_status merge_dicts(struct merge *m, struct pz_dataset *ds, struct pz_err *err)
{
    const struct pz_dict **dict = pz_mem_array(m->n_in, sizeof *dict);
    enum pz_status st = PZ_OK;

    m->user_map = pz_mem_array(m->n_in, sizeof *m->user_map);
    m->item_map = pz_mem_array(m->n_in, sizeof *m->item_map);
    m->event_map = pz_mem_array(m->n_in, sizeof *m->event_map);
    if (!dict || !m->user_map || !m->item_map || !m->event_map)
        st = pz_err_memory(err, "merging", 64.0 * (double)m->n_in);
    for (size_t k = 0; k < m->n_in && st == PZ_OK; k++)
        dict[k] = &m->in[k]->users;
    if (st == PZ_OK)
        st = pz_dict_merge(dict, m->n_in, &ds->users, m->user_map, err);
    for (size_t k = 0; k < m->n_in && st == PZ_OK; k++)
        dict[k] = &m->in[k]->items;
    if (st == PZ_OK)
        st = pz_dict_merge(dict, m->n_in, &ds->items, m->item_map, err);
    for (size_t k = 0; k < m->n_in && st == PZ_OK; k++)
        dict[k] = &m->in[k]->events;
    if (st == PZ_OK)
        st = pz_dict_merge(dict, m->n_in, &ds->events, m->event_map, err);
    if (st == PZ_OK && ds->events.n > PZ_MAX_EVENT_TYPES)
        st = pz_err_set(err, PZ_BAD_DATA, "%u event types; at most %d are possible", ds->events.n,
                        PZ_MAX_EVENT_TYPES);
    free(dict);
    return st;
}

static enum pz_status take_memory(struct merge *m, struct pz_err *err)
{
    bool event = false, value = false, impression = false;
    uint64_t shown = 0;

    for (size_t k = 0; k < m->n_in; k++) {
        const struct pz_dataset *part = m->in[k];

        m->n += part->n_inter;
        event |= part->event != NULL;
        value |= part->value != NULL;
        impression |= part->impression_ptr != NULL;
        shown += part->impression_ptr ? part->impression_ptr[part->n_inter] : 0;
        if (part->n_inter > 0 && event && !part->event)
            return pz_err_set(err, PZ_BAD_DATA,
                              "some datasets have EVENT_TYPE and others have not: they cannot be one");
    }
    m->user = pz_mem_array(m->n, sizeof *m->user);
    m->item = pz_mem_array(m->n, sizeof *m->item);
    m->time = pz_mem_array(m->n, sizeof *m->time);
    m->event = event ? pz_mem_array(m->n, 1) : NULL;
    m->value = value ? pz_mem_array(m->n, sizeof *m->value) : NULL;
    m->impression_ptr = impression ? pz_mem_array(m->n + 1, sizeof(uint64_t)) : NULL;
    m->impression = impression ? pz_mem_array(shown, sizeof(uint32_t)) : NULL;
    if (!m->user || !m->item || !m->time || (event && !m->event) || (value && !m->value) ||
        (impression && (!m->impression_ptr || !m->impression)))
        return pz_err_memory(err, "merging", 21.0 * (double)m->n);
    return PZ_OK;
}

static void lay_row(struct merge *m, size_t k, uint64_t from, uint64_t to)
{
    const struct pz_dataset *part = m->in[k];

    m->item[to] = m->item_map[k][part->item[from]];
    m->time[to] = part->time[from];
    if (m->event)
        m->event[to] = (uint8_t)m->event_map[k][part->event[from]];
    if (m->value)
        m->value[to] = part->value ? part->value[from] : NAN;
    if (!m->impression_ptr)
        return;
    m->impression_ptr[to + 1] = m->impression_ptr[to];
    if (part->impression_ptr)
        for (uint64_t i = part->impression_ptr[from]; i < part->impression_ptr[from + 1]; i++)
            m->impression[m->impression_ptr[to + 1]++] = m->item_map[k][part->impression[i]];
}

static enum pz_status lay_context(struct merge *m, struct pz_err *err)
{
    struct pz_source *source = pz_mem_array(m->n, sizeof *source);
    const struct pz_attrs **in = pz_mem_array(m->n_in, sizeof *in);
    enum pz_status st = source && in ? PZ_OK : pz_err_memory(err, "merging", 16.0 * (double)m->n);
    uint64_t to = 0;

    for (size_t k = 0; k < m->n_in && st == PZ_OK; k++) {
        in[k] = &m->in[k]->context;
        for (uint64_t p = 0; p < m->in[k]->n_inter; p++, to++)
            source[to] = (struct pz_source){ in[k]->n_attrs ? (uint32_t)k : PZ_NONE, p };
    }
    if (st == PZ_OK)
        st = pz_attrs_gather(in, m->n_in, source, m->n, &m->context, err);
    free(source);
    free(in);
    return st;
}

static void lay_rows(struct merge *m)
{
    uint64_t to = 0;

    for (size_t k = 0; k < m->n_in; k++)
        for (uint32_t u = 0; u < m->in[k]->users.n; u++)
            for (uint64_t p = m->in[k]->ptr[u]; p < m->in[k]->ptr[u + 1]; p++, to++) {
                m->user[to] = m->user_map[k][u];
                lay_row(m, k, p, to);
            }
}

/* Rows of items or users: the last part that has one. */
static enum pz_status merge_attrs(const struct merge *m, uint32_t **map, bool items, uint32_t n,
                                  struct pz_attrs *out, struct pz_err *err)
{
    struct pz_source *source = pz_mem_array(n, sizeof *source);
    const struct pz_attrs **in = pz_mem_array(m->n_in, sizeof *in);
    enum pz_status st = source && in ? PZ_OK : pz_err_memory(err, "merging", 16.0 * n);

    for (uint32_t i = 0; i < n && st == PZ_OK; i++)
        source[i].part = PZ_NONE;
    for (size_t k = 0; k < m->n_in && st == PZ_OK; k++) {
        in[k] = items ? &m->in[k]->item_attrs : &m->in[k]->user_attrs;
        for (uint64_t r = 0; r < in[k]->n_rows; r++)
            if (!in[k]->present || in[k]->present[r])
                source[map[k][r]] = (struct pz_source){ (uint32_t)k, r };
    }
    if (st == PZ_OK)
        st = pz_attrs_gather(in, m->n_in, source, n, out, err);
    free(source);
    free(in);
    return st;
}

static void group_fingerprint(const struct merge *m, struct pz_dataset *ds)
{
    struct pz_hash *h = pz_hash_new();

    for (size_t k = 0; h && k < m->n_in; k++)
        pz_hash_add(h, m->in[k]->fingerprint, sizeof m->in[k]->fingerprint);
    if (h)
        pz_hash_finish(h, ds->fingerprint);
}

enum pz_status pz_dataset_merge(struct pz_dataset *const *in, size_t n_in, struct pz_dataset **out,
                                struct pz_err *err)
{
    struct merge m = { .in = in, .n_in = n_in };
    struct pz_dataset *ds = calloc(1, sizeof *ds);
    struct pz_rows rows;
    uint64_t duplicates = 0;
    enum pz_status st = ds ? PZ_OK : pz_err_memory(err, "a dataset", sizeof *ds);

    if (st == PZ_OK)
        st = merge_dicts(&m, ds, err);
    if (st == PZ_OK)
        st = take_memory(&m, err);
    if (st == PZ_OK)
        st = lay_context(&m, err);
    if (st == PZ_OK) {
        lay_rows(&m);
        rows = (struct pz_rows){ m.n,     m.user,           m.item,       m.time,    m.event,
                                 m.value, m.impression_ptr, m.impression, &m.context };
        st = pz_assemble(&rows, ds, &duplicates, err);
    }
    if (st == PZ_OK)
        st = merge_attrs(&m, m.item_map, true, ds->items.n, &ds->item_attrs, err);
    if (st == PZ_OK)
        st = merge_attrs(&m, m.user_map, false, ds->users.n, &ds->user_attrs, err);
    group_fingerprint(&m, ds);
    merge_clear(&m);
    if (st != PZ_OK) {
        pz_dataset_free(ds);
        ds = NULL;
    }
    *out = ds;
    return st;
}
