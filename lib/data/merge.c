/* SPDX-License-Identifier: Apache-2.0 */
/* Merging datasets: see group.h. The dictionaries are united first, which gives each part's maps
 * from old index to new; with these the interactions are merged user by user (merge_rows.c), and
 * for an item or a user the row of the last part that has one is taken.
 *
 * The parts are read only; the result shares nothing with them. Since dictionaries are in byte
 * order, the maps ascend, and the result does not depend on how ids were numbered in the parts. */
#include "data/merge.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/group.h"
#include "table/hash.h"

static void free_maps(uint32_t **map, size_t n)
{
    for (size_t k = 0; map && k < n; k++)
        free(map[k]);
    free(map);
}

/* Which dictionary of a part: merge_dict does the same for the three of them. */
static const struct pz_dict *users_of(const struct pz_dataset *ds)
{
    return &ds->users;
}

static const struct pz_dict *items_of(const struct pz_dataset *ds)
{
    return &ds->items;
}

static const struct pz_dict *events_of(const struct pz_dataset *ds)
{
    return &ds->events;
}

/* Unite one dictionary of each part. */
static enum pz_status merge_dict(const struct pz_merge *m,
                                 const struct pz_dict *(*of)(const struct pz_dataset *),
                                 struct pz_dict *out, uint32_t ***map, struct pz_err *err)
{
    const struct pz_dict **in = pz_mem_array(m->n_in, sizeof *in);
    enum pz_status st;

    *map = pz_mem_array(m->n_in, sizeof **map);
    for (size_t k = 0; in && k < m->n_in; k++)
        in[k] = of(m->in[k]);
    st = in && *map ? pz_dict_merge(in, m->n_in, out, *map, err)
                    : pz_err_memory(err, "merging", 16.0 * (double)m->n_in);
    free(in);
    return st;
}

/* Users or items, of the whole and of its parts. */
struct kind {
    const struct pz_dict *(*of)(const struct pz_dataset *);
    struct pz_dict *dict;
    uint32_t **map;
};

/* Number a dictionary anew without the ids that are gone; gone: [dict->n] */
static enum pz_status renumber(const struct pz_merge *m, const struct kind *k, const uint8_t *gone,
                               struct pz_err *err)
{
    struct pz_dict left = { 0 };
    struct pz_dict_builder *b = pz_dict_builder_new();
    uint32_t *now = pz_mem_array(k->dict->n, sizeof *now);
    enum pz_status st = b && now ? PZ_OK : pz_err_memory(err, "ids", 20.0 * k->dict->n);

    for (uint32_t i = 0; i < k->dict->n && st == PZ_OK; i++) {
        size_t len;
        const char *id = pz_dict_get(k->dict, i, &len);

        now[i] = gone[i] ? PZ_NONE : pz_dict_builder_add(b, id, len); /* in order already */
        if (!gone[i] && now[i] == PZ_NONE)
            st = pz_err_memory(err, "ids", 20.0 * k->dict->n);
    }
    if (st == PZ_OK)
        st = pz_dict_builder_finish(b, &left, NULL, err);
    for (size_t part = 0; part < m->n_in && st == PZ_OK; part++)
        for (uint32_t i = 0; i < k->of(m->in[part])->n; i++)
            k->map[part][i] = now[k->map[part][i]];
    if (st == PZ_OK) {
        pz_dict_clear(k->dict);
        *k->dict = left;
    }
    pz_dict_builder_free(b);
    free(now);
    return st;
}

/* Leave ids out: nothing of theirs has a place in the maps any more. ids may be NULL. */
static enum pz_status leave_out(const struct pz_merge *m, const struct kind *k,
                                const struct pz_strs *ids, uint32_t *n_found, struct pz_err *err)
{
    uint8_t *gone = pz_mem_array(k->dict->n, 1);
    enum pz_status st = PZ_OK;

    if (!gone)
        return pz_err_memory(err, "ids", k->dict->n);
    *n_found = 0;
    for (size_t i = 0; ids && i < ids->n; i++) {
        uint32_t at = pz_dict_find_str(k->dict, ids->v[i]);

        if (at != PZ_NONE && !gone[at]) {
            gone[at] = 1;
            ++*n_found;
        }
    }
    if (*n_found > 0)
        st = renumber(m, k, gone, err);
    free(gone);
    return st;
}

static enum pz_status leave_all_out(struct pz_merge *m, struct pz_without *without,
                                    struct pz_err *err)
{
    struct kind users = { users_of, &m->ds->users, m->user_map },
                items = { items_of, &m->ds->items, m->item_map };
    enum pz_status st = leave_out(m, &users, without->users, &without->n_users, err);

    return st == PZ_OK ? leave_out(m, &items, without->items, &without->n_items, err) : st;
}

static enum pz_status merge_dicts(struct pz_merge *m, struct pz_err *err)
{
    struct pz_dataset *ds = m->ds;
    enum pz_status st = merge_dict(m, users_of, &ds->users, &m->user_map, err);

    if (st == PZ_OK)
        st = merge_dict(m, items_of, &ds->items, &m->item_map, err);
    if (st == PZ_OK)
        st = merge_dict(m, events_of, &ds->events, &m->event_map, err);
    if (st == PZ_OK && ds->events.n > PZ_MAX_EVENT_TYPES)
        st = pz_err_set(err, PZ_BAD_DATA, "%u event types; at most %d are possible", ds->events.n,
                        PZ_MAX_EVENT_TYPES);
    return st;
}

/* Whether part's table has a row for this id. Without columns and without marks there is no table.
 */
static bool has_row(const struct pz_attrs *attrs, uint64_t row)
{
    return attrs->present ? attrs->present[row] : attrs->n_attrs > 0;
}

static enum pz_status mark_present(const struct pz_source *source, struct pz_attrs *out,
                                   struct pz_err *err)
{
    uint8_t *present = out->own_present;

    if (!present)
        out->present = out->own_present = present = pz_mem_array(out->n_rows, 1);
    if (!present)
        return pz_err_memory(err, "merging", (double)out->n_rows);
    for (uint64_t r = 0; r < out->n_rows; r++)
        present[r] = source[r].part != PZ_NONE;
    return PZ_OK;
}

/* Rows of items or users: the last part that has one. in: [n_in] the parts' tables. */
static enum pz_status merge_attrs(const struct pz_attrs *const *in, uint32_t *const *map,
                                  size_t n_in, struct pz_attrs *out, uint32_t n, struct pz_err *err)
{
    struct pz_source *source = pz_mem_array(n, sizeof *source);
    enum pz_status st = source ? PZ_OK : pz_err_memory(err, "merging", 16.0 * n);

    for (uint32_t i = 0; i < n && st == PZ_OK; i++)
        source[i].part = PZ_NONE;
    for (size_t k = 0; k < n_in && st == PZ_OK; k++)
        for (uint64_t r = 0; r < in[k]->n_rows; r++)
            if (has_row(in[k], r) && map[k][r] != PZ_NONE)
                /* Whole rows are replaced, never single cells: a row that lacks a value says that
                 * there is none. */
                source[map[k][r]] = (struct pz_source){ (uint32_t)k, r };
    if (st == PZ_OK)
        st = pz_attrs_concat(in, n_in, source, n, out, err);
    if (st == PZ_OK)
        st = mark_present(source, out, err);
    free(source);
    return st;
}

static enum pz_status merge_tables(const struct pz_merge *m, struct pz_err *err)
{
    const struct pz_attrs **in = pz_mem_array(m->n_in, sizeof *in);
    enum pz_status st = in ? PZ_OK : pz_err_memory(err, "merging", 8.0 * (double)m->n_in);

    for (size_t k = 0; in && k < m->n_in; k++)
        in[k] = &m->in[k]->item_attrs;
    if (st == PZ_OK)
        st = merge_attrs(in, m->item_map, m->n_in, &m->ds->item_attrs, m->ds->items.n, err);
    for (size_t k = 0; in && k < m->n_in; k++)
        in[k] = &m->in[k]->user_attrs;
    if (st == PZ_OK)
        st = merge_attrs(in, m->user_map, m->n_in, &m->ds->user_attrs, m->ds->users.n, err);
    free(in);
    return st;
}

static enum pz_status merge_marks(const struct pz_merge *m, struct pz_err *err)
{
    for (size_t k = 0; k < m->n_in; k++)
        if (!pz_watermarks_unite(&m->ds->watermarks, &m->in[k]->watermarks))
            return pz_err_memory(err, "watermarks", 1e3);
    return pz_watermarks_check(&m->ds->watermarks, false, "the datasets together", err);
}

static enum pz_status group_fingerprint(const struct pz_merge *m, const struct pz_without *without,
                                        struct pz_err *err)
{
    struct pz_hash *h = pz_hash_new();

    if (!h)
        return pz_err_memory(err, "a hash", 1e3);
    for (size_t k = 0; k < m->n_in; k++)
        /* In the order given: of equal rows the last part's counts, so the order is part of what
         * the group is. */
        pz_hash_add(h, m->in[k]->fingerprint, sizeof m->in[k]->fingerprint);
    if (without) { /* how many, not who */
        pz_hash_add(h, &without->n_users, sizeof without->n_users);
        if (without->n_items > 0)
            pz_hash_add(h, &without->n_items, sizeof without->n_items);
    }
    pz_hash_finish(h, m->ds->fingerprint);
    return PZ_OK;
}

enum pz_status pz_dataset_merge(struct pz_dataset *const *in, size_t n_in,
                                struct pz_without *without, struct pz_dataset **out,
                                struct pz_err *err)
{
    struct pz_merge m = { .in = in, .n_in = n_in, .ds = calloc(1, sizeof *m.ds) };
    enum pz_status st = m.ds ? PZ_OK : pz_err_memory(err, "a dataset", sizeof *m.ds);

    if (st == PZ_OK)
        st = merge_dicts(&m, err);
    if (st == PZ_OK && without)
        st = leave_all_out(&m, without, err);
    if (st == PZ_OK)
        st = pz_merge_rows(&m, err);
    if (st == PZ_OK)
        st = merge_tables(&m, err);
    if (st == PZ_OK)
        st = merge_marks(&m, err);
    if (st == PZ_OK)
        st = group_fingerprint(&m, without, err);
    free_maps(m.user_map, n_in);
    free_maps(m.item_map, n_in);
    free_maps(m.event_map, n_in);
    if (st != PZ_OK) {
        pz_dataset_free(m.ds);
        m.ds = NULL;
    }
    *out = m.ds;
    return st;
}
