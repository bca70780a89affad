/* SPDX-License-Identifier: Apache-2.0 */
/* Mask: the set of items that may be recommended. Each rule takes items out of it. */
#include <string.h>

#include "rank/ranker.h"

void pz_set_fill(uint64_t *set, uint32_t n, bool all)
{
    size_t words = ((size_t)n + 63) / 64;

    memset(set, all ? 0xff : 0, words * sizeof *set);
    if (all && n % 64)
        set[words - 1] = ((uint64_t)1 << (n % 64)) - 1;
}

/* The seen rule: items of the past are taken out, or are all there is. */
static void mask_seen(struct pz_ranker *r)
{
    enum pz_seen seen = pz_rank_seen(r->m, &r->req->rules);

    pz_set_fill(r->allowed, r->m->items.n, seen != PZ_SEEN_ONLY);
    for (size_t i = 0; i < r->n_past && seen != PZ_SEEN_KEEP; i++) {
        if (r->past[i].weight <= 0)
            continue;
        if (seen == PZ_SEEN_ONLY)
            pz_set_add(r->allowed, r->past[i].item);
        else
            pz_set_remove(r->allowed, r->past[i].item);
    }
}

enum pz_seen pz_rank_seen(const struct pz_model *m, const struct pz_rules *rules)
{
    if (rules->seen != PZ_SEEN_DEFAULT)
        return rules->seen;
    return m->recipe->exclude_seen ? PZ_SEEN_EXCLUDE : PZ_SEEN_KEEP;
}

enum pz_status pz_rank_mask(struct pz_ranker *r, struct pz_err *err)
{
    (void)err;
    mask_seen(r);
    return PZ_OK;
}
