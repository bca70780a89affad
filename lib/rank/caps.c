/* SPDX-License-Identifier: Apache-2.0 */
/* Caps: at most N items of one value of a column in an answer. An item with several values
 * counts for each of them; one without a value is always free to come.
 *
 * Counts are kept in an open hash table with linear probing, at most half full, whose keys are
 * hashes of values with the number of the cap in them, so that values of different columns do
 * not meet. A cap is judged before an item is taken and counted after it; an empty table is
 * never looked into. */
#include "rank/caps.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

/* Values of different caps must not meet: the cap's number goes into the key. */
static uint64_t key_of(const struct pz_caps *caps, size_t cap, uint32_t item, size_t k)
{
    return pz_rng_mix(pz_column_key(&caps->column[cap], item, k) + cap);
}

static struct pz_tally_cell *find(const struct pz_tally *t, uint64_t key)
{
    size_t i = (size_t)key & (t->n_cells - 1);

    while (t->cell[i].count && t->cell[i].key != key)
        i = (i + 1) & (t->n_cells - 1);
    return &t->cell[i];
}

/* Keep the table at most half full. */
static enum pz_status grow(struct pz_tally *t, struct pz_err *err)
{
    struct pz_tally old = *t;
    size_t n = old.n_cells ? 2 * old.n_cells : 64;
    struct pz_tally_cell *cell;

    if (2 * (t->used + 1) <= t->n_cells)
        return PZ_OK;
    if (!(cell = pz_mem_array(n, sizeof *cell)))
        return pz_err_memory(err, "counts of --max-per", (double)n * sizeof *cell);
    t->cell = cell;
    t->n_cells = n;
    for (size_t i = 0; i < old.n_cells; i++)
        if (old.cell[i].count)
            *find(t, old.cell[i].key) = old.cell[i];
    free(old.cell);
    return PZ_OK;
}

enum pz_status pz_caps_prepare(struct pz_caps *caps, const struct pz_asked *asked,
                               struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    caps->rules = &asked->req->rules;
    if (caps->rules->n_caps > PZ_MAX_CAPS)
        return pz_err_set(err, PZ_USAGE, "at most %d columns can be capped", PZ_MAX_CAPS);
    for (size_t i = 0; i < caps->rules->n_caps && st == PZ_OK; i++)
        st = pz_column_find(asked, caps->rules->cap[i].column, &caps->column[i], err);
    return st;
}

bool pz_caps_fit(const struct pz_caps *caps, uint32_t item)
{
    const struct pz_rules *rules = caps->rules;

    for (size_t c = 0; c < rules->n_caps && caps->tally.used > 0; c++)
        for (size_t k = pz_column_count(&caps->column[c], item); k-- > 0;)
            if (find(&caps->tally, key_of(caps, c, item, k))->count >= rules->cap[c].most)
                return false;
    return true;
}

enum pz_status pz_caps_take(struct pz_caps *caps, uint32_t item, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (size_t c = 0; c < caps->rules->n_caps; c++)
        for (size_t k = pz_column_count(&caps->column[c], item); k-- > 0 && st == PZ_OK;) {
            uint64_t key = key_of(caps, c, item, k);
            struct pz_tally_cell *cell;

            if ((st = grow(&caps->tally, err)) != PZ_OK)
                break;
            cell = find(&caps->tally, key);
            caps->tally.used += cell->count == 0;
            cell->key = key;
            cell->count++;
        }
    return st;
}

void pz_caps_reset(struct pz_caps *caps)
{
    if (caps->tally.used > 0)
        memset(caps->tally.cell, 0, caps->tally.n_cells * sizeof *caps->tally.cell);
    caps->tally.used = 0;
}
