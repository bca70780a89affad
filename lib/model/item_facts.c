/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of items: see item_facts.h. They are counted on what was learned from, but impressions,
 * which are counted on the dataset: a list that was shown is no interaction.
 *
 * An item is as old as its CREATION_TIMESTAMP says, or, where the data do not say, as its first
 * interaction; one with neither counts as new (INT64_MAX). A timestamp beyond 2^62 seconds counts
 * as missing. */
#include "model/item_facts.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "data/shares.h"

const struct pz_attr *pz_item_made_column(const struct pz_attrs *attrs)
{
    return attrs ? pz_attrs_find(attrs, "CREATION_TIMESTAMP") : NULL;
}

int64_t pz_item_made(const struct pz_attr *made, uint64_t row)
{
    bool told = made && made->num && fabs(made->num[row]) < 0x1p62; /* false for NaN */

    return told ? (int64_t)made->num[row] : INT64_MAX;
}

/* When each item came: see item_since. */
static void find_since(const struct pz_corpus *c, int64_t *since)
{
    const struct pz_attr *column = pz_item_made_column(c->item_attrs);

    for (uint32_t i = 0; i < c->n_items; i++)
        since[i] = INT64_MAX;
    pz_shares_turn(c, since, c->n_items * sizeof *since);
    for (uint64_t p = 0; p < c->ptr[c->n_users]; p++)
        if (pz_corpus_time(c, p) < since[c->item[p]])
            since[c->item[p]] = pz_corpus_time(c, p);
    pz_shares_pass(c, since, c->n_items * sizeof *since);
    for (uint32_t i = 0; i < c->n_items; i++) {
        int64_t made = pz_item_made(column, i);

        since[i] = made < INT64_MAX ? made : since[i];
    }
}

static enum pz_status save_shown(const struct pz_dataset *ds, const uint8_t *keep,
                                 struct pz_writer *w, struct pz_err *err)
{
    uint32_t *shown = pz_mem_array(ds->items.n, sizeof *shown);
    enum pz_status st;

    if (!shown)
        return pz_err_memory(err, "impressions", 4.0 * ds->items.n);
    for (uint64_t p = 0; p < ds->n_interactions; p++)
        for (uint64_t k = ds->impression_ptr[p];
             (!keep || keep[p]) && k < ds->impression_ptr[p + 1]; k++)
            shown[ds->impression[k]]++;
    st = pz_writer_add(w, "item_shown", PZ_U32, shown, ds->items.n, err);
    free(shown);
    return st;
}

enum pz_status pz_item_facts_save(const struct pz_dataset *ds, const struct pz_corpus *c,
                                  const uint8_t *keep, struct pz_writer *w, struct pz_err *err)
{
    uint32_t *count = pz_mem_array(c->n_items, sizeof *count);
    int64_t *since = pz_mem_array(c->n_items, sizeof *since);
    enum pz_status st = count && since ? PZ_OK
                                       : pz_err_memory(err, "facts of items", 12.0 * c->n_items);

    if (st == PZ_OK) {
        pz_shares_turn(c, count, c->n_items * sizeof *count);
        for (uint64_t p = 0; p < c->ptr[c->n_users]; p++)
            count[c->item[p]]++;
        pz_shares_pass(c, count, c->n_items * sizeof *count);
        find_since(c, since);
    }
    if (st == PZ_OK && w)
        st = pz_writer_add(w, "item_count", PZ_U32, count, c->n_items, err);
    if (st == PZ_OK && w)
        st = pz_writer_add(w, "item_since", PZ_I64, since, c->n_items, err);
    if (st == PZ_OK && w && ds->impression_ptr)
        st = save_shown(ds, keep, w, err);
    free(count);
    free(since);
    return st;
}
