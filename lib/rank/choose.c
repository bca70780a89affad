/* SPDX-License-Identifier: Apache-2.0 */
/* Choice: from scores to the answer. Candidates are in order of the blend, then, where no part
 * knows an item, of the fallback. A page takes its promoted items first, then the best others as
 * caps and diversity allow, and chance mixes the two. Later pages go on with what earlier ones
 * left. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "rank/ranker.h"
#include "table/hash.h"

static void subtract(uint64_t *out, const uint64_t *a, const uint64_t *b, size_t words)
{
    for (size_t i = 0; i < words; i++)
        out[i] = a[i] & ~b[i];
}

/* Where an item comes from that the blend has put here. */
static enum pz_origin origin(const struct pz_ranker *r, const struct pz_hit *hit)
{
    if (2 * pz_rank_exploration(r, hit->item) > hit->blend)
        return PZ_ORIGIN_EXPLORATION;
    return r->m->item_count[hit->item] == 0 ? PZ_ORIGIN_CONTENT : pz_rank_origin(r);
}

size_t pz_rank_candidates(struct pz_ranker *r, const uint64_t *set, struct pz_hit *hit, size_t want)
{
    uint32_t n_items = r->m->items.n;
    size_t n, known;

    subtract(r->open, set, r->gone, r->words);
    n = known = pz_top(r->blend, r->open, n_items, hit, want);
    for (size_t i = 0; i < n; i++) {
        hit[i].source = origin(r, &hit[i]);
        pz_bits_remove(r->open, hit[i].item);
    }
    if (n == want)
        return n;
    pz_rank_fallback(r);
    n += pz_top(r->fallback, r->open, n_items, hit + n, want - n);
    for (size_t i = known; i < n; i++) {
        hit[i].source = PZ_ORIGIN_POPULAR;
        hit[i].blend = 0;
    }
    return n;
}

static enum pz_status grow_pool(struct pz_ranker *r, size_t n, struct pz_err *err)
{
    if (!pz_mem_grow(&r->pool, &r->cap_pool, n + 1, sizeof *r->pool) ||
        !pz_mem_grow(&r->slot, &r->cap_slots, n + 1, sizeof *r->slot))
        return pz_err_memory(err, "candidates", (double)n * (sizeof *r->pool + sizeof *r->slot));
    return PZ_OK;
}

/* The first candidates that the caps let through. */
static size_t take_in_order(struct pz_ranker *r, size_t n, struct pz_hit *out, size_t want)
{
    size_t done = 0;

    for (size_t i = 0; i < n && done < want; i++)
        if (pz_caps_fit(r, r->pool[i].item) && pz_caps_take(r, r->pool[i].item, NULL) == PZ_OK)
            out[done++] = r->pool[i];
    return done;
}

/* Count the promoted items: caps hold for the whole page, though promotions do not yield to them.
 */
static enum pz_status start_caps(struct pz_ranker *r, size_t n_promoted, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    pz_caps_reset(r);
    for (size_t i = 0; i < n_promoted && st == PZ_OK; i++)
        st = pz_caps_take(r, r->promoted[i].item, err);
    return st;
}

/* `want` items that are not promoted. Rules that look further than `want` candidates get more of
 * them, and again more while the page is not full and there are any. */
static enum pz_status choose_others(struct pz_ranker *r, size_t n_promoted, size_t want, size_t *n,
                                    struct pz_err *err)
{
    const struct pz_rules *rules = &r->req->rules;
    bool plain = rules->n_caps == 0 && rules->diversity <= 0;
    size_t depth = plain ? want : 4 * want + 100, found;
    enum pz_status st = PZ_OK;

    *n = 0;
    if (plain) {
        *n = pz_rank_candidates(r, r->allowed, r->hit, want);
        return PZ_OK;
    }
    do {
        depth = depth < r->m->items.n ? depth : r->m->items.n;
        st = grow_pool(r, depth, err);
        if (st == PZ_OK)
            st = start_caps(r, n_promoted, err);
        if (st != PZ_OK)
            return st;
        found = pz_rank_candidates(r, r->allowed, r->pool, depth);
        *n = rules->diversity > 0 ? pz_diversify(r, r->pool, found, r->hit, want)
                                  : take_in_order(r, found, r->hit, want);
        depth *= 4;
    } while (*n < want && found == depth / 4 && found < r->m->items.n);
    return PZ_OK;
}

/* Items that a promotion may promote. */
static enum pz_status find_eligible(struct pz_ranker *r, const struct pz_promotion *p,
                                    struct pz_err *err)
{
    memcpy(r->eligible, r->promotable, r->words * sizeof *r->eligible);
    return p->filter ? pz_rank_filter(r, p->filter, p->values, r->eligible, err) : PZ_OK;
}

/* Fill r->promoted, in order; its items are gone. */
static enum pz_status choose_promoted(struct pz_ranker *r, size_t want, size_t *n,
                                      struct pz_err *err)
{
    const struct pz_rules *rules = &r->req->rules;
    enum pz_status st = PZ_OK;

    *n = 0;
    if (rules->n_promotions > 0 &&
        !pz_mem_grow(&r->promoted, &r->cap_promoted, want + 1, sizeof *r->promoted))
        return pz_err_memory(err, "promotions", (double)want * sizeof *r->promoted);
    for (size_t p = 0; p < rules->n_promotions && st == PZ_OK; p++) {
        const struct pz_promotion *promotion = &rules->promotion[p];
        size_t share = (size_t)((double)want * promotion->percent / 100 + 1e-9);
        struct pz_hit *hit = r->promoted + *n;
        size_t got;

        st = find_eligible(r, promotion, err);
        share = share == 0 ? 1 : share;
        share = share > want - *n ? want - *n : share;
        got = st == PZ_OK ? pz_rank_candidates(r, r->eligible, hit, share) : 0;
        for (size_t i = 0; i < got; i++) {
            pz_bits_add(r->gone, hit[i].item);
            hit[i].source = PZ_ORIGIN_PROMOTION;
            hit[i].promotion = promotion->name;
        }
        *n += got;
    }
    if (rules->n_promotions > 1)
        pz_top_sort(r->promoted, *n);
    return st;
}

static uint64_t seed_of(const struct pz_ranker *r, uint32_t page)
{
    const char *id = r->req->user_id ? r->req->user_id : r->req->item_id ? r->req->item_id : "";

    return pz_rng_mix(r->req->seed ^ pz_hash64(id, strlen(id)) ^ page);
}

/* Spread n others and k promoted over n + k places, from the back so that nothing is overwritten.
 */
static enum pz_status merge(struct pz_ranker *r, size_t n, size_t k, uint32_t page,
                            struct pz_err *err)
{
    bool *place;

    if (k == 0)
        return PZ_OK;
    place = malloc((n + k) * sizeof *place);
    if (!place)
        return pz_err_memory(err, "promotions", (double)(n + k));
    pz_promote_places(seed_of(r, page), n + k, k, place);
    for (size_t i = n + k; i-- > 0;)
        r->hit[i] = place[i] ? r->promoted[--k] : r->hit[--n];
    free(place);
    return PZ_OK;
}

static enum pz_status choose_page(struct pz_ranker *r, uint32_t page, size_t want, size_t *n,
                                  struct pz_err *err)
{
    size_t n_promoted = 0;
    enum pz_status st = choose_promoted(r, want, &n_promoted, err);

    if (st == PZ_OK)
        st = choose_others(r, n_promoted, want - n_promoted, n, err);
    if (st == PZ_OK)
        st = merge(r, *n, n_promoted, page, err);
    *n += n_promoted;
    for (size_t i = 0; i < *n && st == PZ_OK; i++)
        pz_bits_add(r->gone, r->hit[i].item);
    return st;
}

enum pz_status pz_rank_choose(struct pz_ranker *r, size_t want, size_t *n, struct pz_err *err)
{
    uint32_t last = r->req->rules.page.number;
    enum pz_status st;

    want = want < r->m->items.n ? want : r->m->items.n;
    memset(r->gone, 0, r->words * sizeof *r->gone);
    st = pz_rank_grow_hits(r, want, err);
    *n = want;
    for (uint32_t page = 0; page <= last && st == PZ_OK && *n > 0; page++)
        st = choose_page(r, page, want, n, err);
    return st;
}
