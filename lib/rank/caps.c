/* SPDX-License-Identifier: Apache-2.0 */
/* Caps: at most N items of one value of a column in an answer. An item with several values counts
 * for each of them; one without a value is always free to come. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "rank/ranker.h"

/* Values of different caps must not meet: the cap's number goes into the key. */
static uint64_t key_of(const struct pz_ranker *r, size_t cap, uint32_t item, size_t k)
{
    return pz_rng_mix(pz_column_key(&r->cap[cap], item, k) + cap);
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

bool pz_caps_fit(const struct pz_ranker *r, uint32_t item)
{
    const struct pz_rules *rules = &r->req->rules;

    for (size_t c = 0; c < rules->n_caps && r->tally.used > 0; c++)
        for (size_t k = pz_column_count(&r->cap[c], item); k-- > 0;)
            if (find(&r->tally, key_of(r, c, item, k))->count >= rules->cap[c].most)
                return false;
    return true;
}

enum pz_status pz_caps_take(struct pz_ranker *r, uint32_t item, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (size_t c = 0; c < r->req->rules.n_caps; c++)
        for (size_t k = pz_column_count(&r->cap[c], item); k-- > 0 && st == PZ_OK;) {
            uint64_t key = key_of(r, c, item, k);
            struct pz_tally_cell *cell;

            if ((st = grow(&r->tally, err)) != PZ_OK)
                break;
            cell = find(&r->tally, key);
            r->tally.used += cell->count == 0;
            cell->key = key;
            cell->count++;
        }
    return st;
}

void pz_caps_reset(struct pz_ranker *r)
{
    if (r->tally.used > 0)
        memset(r->tally.cell, 0, r->tally.n_cells * sizeof *r->tally.cell);
    r->tally.used = 0;
}
