/* SPDX-License-Identifier: Apache-2.0 */
/* Choice: from scores to the answer. Candidates are in order of the blend, then, where no part
 * knows an item, of the fallback. A page takes its promoted items first, then the best others as
 * caps and diversity allow, and chance mixes the two. Later pages go on with what earlier ones
 * left.
 *
 * An item has one place at most, on all pages together: `gone` holds those that have theirs.
 * Earlier pages are made again for a later one, from the same seed, so that no state is kept
 * between queries. */
#include "rank/choose.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "rank/arrive.h"
#include "rank/promote.h"
#include "rank/top.h"
#include "table/hash.h"

/* Where an item comes from that the blend has put here. */
static enum pz_origin origin(const struct pz_scored *scored, const struct pz_hit *hit)
{
    if (2 * pz_adjustment_exploration(scored->adjustment, hit->item) > hit->blend)
        return PZ_ORIGIN_EXPLORATION;
    if (scored->asked->m->item_count[hit->item] == 0 &&
        pz_scores_arrived(scored, hit->item, NULL, NULL) <= 0)
        return PZ_ORIGIN_CONTENT;
    return pz_scored_origin(scored);
}

/* The `want` best of a set that have no place yet, by blend, then by fallback, in order. Returns
 * how many there are. */
static size_t candidates(struct pz_chosen *c, const struct pz_scored *scored, const uint64_t *set,
                         struct pz_hit *hit, size_t want)
{
    uint32_t n_items = scored->asked->m->items.n;
    const uint64_t *left = c->any_gone ? c->open : set;
    size_t n, known;

    if (c->any_gone)
        pz_bits_without(c->open, set, c->gone, n_items);
    pz_scores_settle_best(scored->scores, left, n_items, hit, want);
    n = known = pz_scores_top(scored->scores, left, n_items, hit, want);
    for (size_t i = 0; i < n; i++)
        hit[i].source = origin(scored, &hit[i]);
    if (n == want)
        return n;
    pz_bits_without(c->open, set, c->gone, n_items);
    for (size_t i = 0; i < n; i++)
        pz_bits_remove(c->open, hit[i].item);
    n += pz_top(pz_scored_fallback(scored), c->open, NULL, n_items, hit + n, want - n);
    for (size_t i = known; i < n; i++) {
        hit[i].source = PZ_ORIGIN_POPULAR;
        hit[i].blend = 0;
    }
    return n;
}

/* The first candidates that the caps let through; *n becomes how many. */
static enum pz_status take_in_order(struct pz_chosen *c, size_t n_pool, size_t *n,
                                    struct pz_err *err)
{
    size_t want = *n;
    enum pz_status st = PZ_OK;

    *n = 0;
    for (size_t i = 0; i < n_pool && *n < want && st == PZ_OK; i++)
        if (pz_caps_fit(&c->caps, c->pool[i].item)) {
            st = pz_caps_take(&c->caps, c->pool[i].item, err);
            c->hit[(*n)++] = c->pool[i];
        }
    return st;
}

/* Count the promoted items: caps hold for the whole page, though promotions do not yield to them.
 */
static enum pz_status start_caps(struct pz_chosen *c, size_t n_promoted, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    pz_caps_reset(&c->caps);
    for (size_t i = 0; i < n_promoted && st == PZ_OK; i++)
        st = pz_caps_take(&c->caps, c->promoted[i].item, err);
    return st;
}

/* Up to *n items from the `depth` best candidates, as diversity and caps say. */
static enum pz_status choose_from(struct pz_chosen *c, const struct pz_scored *scored, size_t depth,
                                  size_t *n, struct pz_err *err)
{
    struct pz_pool pool = { NULL, 0, NULL };

    if (!pz_mem_grow(&c->pool, &c->cap_pool, depth + 1, sizeof *c->pool))
        return pz_err_memory(err, "candidates", (double)depth * sizeof *c->pool);
    pool.n = candidates(c, scored, scored->mask->allowed, c->pool, depth);
    pool.hit = c->pool;
    pool.fallback = scored->scores->has_fallback ? scored->scores->fallback : NULL;
    c->n_pool = pool.n;
    return scored->asked->req->rules.diversity > 0
               ? pz_diversify(&c->diversity, &c->caps, &pool, c->hit, n, err)
               : take_in_order(c, pool.n, n, err);
}

/* *n items that are not promoted. Rules that look further than *n candidates get more of them, and
 * again more while the page is not full and there are any. */
static enum pz_status choose_others(struct pz_chosen *c, const struct pz_scored *scored,
                                    size_t n_promoted, size_t *n, struct pz_err *err)
{
    const struct pz_rules *rules = &scored->asked->req->rules;
    uint32_t n_items = scored->asked->m->items.n;
    size_t want = *n, depth = 4 * want + 100;
    enum pz_status st = PZ_OK;

    if (rules->n_caps == 0 && rules->diversity <= 0) {
        *n = candidates(c, scored, scored->mask->allowed, c->hit, want);
        return PZ_OK;
    }
    do {
        depth = depth < n_items ? depth : n_items;
        *n = want;
        st = start_caps(c, n_promoted, err);
        if (st == PZ_OK)
            st = choose_from(c, scored, depth, n, err);
        depth *= 4;
    } while (st == PZ_OK && *n < want && c->n_pool == depth / 4 && c->n_pool < n_items);
    return st;
}

/* An item has its place. */
static void take(struct pz_chosen *c, uint32_t item)
{
    pz_bits_add(c->gone, item);
    c->any_gone = true;
}

/* The best items that a promotion may promote, at most *n; *n becomes how many. */
static enum pz_status promote(struct pz_chosen *c, const struct pz_scored *scored,
                              const struct pz_promotion *p, struct pz_hit *hit, size_t *n,
                              struct pz_err *err)
{
    struct pz_bound filter = { p->filter, p->values };
    uint32_t n_items = scored->asked->m->items.n;
    enum pz_status st = PZ_OK;

    memcpy(c->eligible, scored->mask->promotable, pz_bits_words(n_items) * sizeof *c->eligible);
    if (p->filter)
        st = pz_mask_filter(scored->mask, scored->asked->req, &filter, c->eligible, err);
    *n = st == PZ_OK ? candidates(c, scored, c->eligible, hit, *n) : 0;
    for (size_t i = 0; i < *n; i++) {
        take(c, hit[i].item);
        hit[i].source = PZ_ORIGIN_PROMOTION;
        hit[i].promotion = p->name;
    }
    return st;
}

/* Fill c->promoted, in order; its items are gone. */
static enum pz_status choose_promoted(struct pz_chosen *c, const struct pz_scored *scored,
                                      size_t want, size_t *n, struct pz_err *err)
{
    const struct pz_rules *rules = &scored->asked->req->rules;
    enum pz_status st = PZ_OK;

    *n = 0;
    if (rules->n_promotions > 0 &&
        !pz_mem_grow(&c->promoted, &c->cap_promoted, want + 1, sizeof *c->promoted))
        return pz_err_memory(err, "promotions", (double)want * sizeof *c->promoted);
    for (size_t p = 0; p < rules->n_promotions && st == PZ_OK; p++) {
        size_t share = (size_t)((double)want * rules->promotion[p].percent / 100 + 1e-9);

        share = share == 0 ? 1 : share;
        share = share > want - *n ? want - *n : share;
        st = promote(c, scored, &rules->promotion[p], c->promoted + *n, &share, err);
        *n += share;
    }
    if (rules->n_promotions > 1)
        pz_top_sort(c->promoted, *n);
    return st;
}

static uint64_t seed_of(const struct pz_request *req, uint32_t page)
{
    const char *id = req->user_id ? req->user_id : req->item_id ? req->item_id : "";

    return pz_rng_mix(req->seed ^ pz_hash64(id, strlen(id)) ^ page);
}

/* Spread n others and k promoted over n + k places, from the back so that nothing is overwritten.
 */
static enum pz_status merge(struct pz_chosen *c, size_t n, size_t k, uint64_t seed,
                            struct pz_err *err)
{
    bool *place;

    if (k == 0)
        return PZ_OK;
    place = malloc((n + k) * sizeof *place);
    if (!place)
        return pz_err_memory(err, "promotions", (double)(n + k));
    pz_promote_places(seed, n + k, k, place);
    for (size_t i = n + k; i-- > 0;)
        c->hit[i] = place[i] ? c->promoted[--k] : c->hit[--n];
    free(place);
    return PZ_OK;
}

/* One page of up to *n items into hit; they are gone then. */
static enum pz_status choose_page(struct pz_chosen *c, const struct pz_scored *scored,
                                  uint32_t page, size_t *n, struct pz_err *err)
{
    size_t want = *n, n_promoted = 0;
    enum pz_status st = choose_promoted(c, scored, want, &n_promoted, err);

    *n = want - n_promoted;
    if (st == PZ_OK)
        st = choose_others(c, scored, n_promoted, n, err);
    if (st == PZ_OK)
        st = merge(c, *n, n_promoted, seed_of(scored->asked->req, page), err);
    *n += n_promoted;
    for (size_t i = 0; i < *n && st == PZ_OK; i++)
        take(c, c->hit[i].item);
    return st;
}

enum pz_status pz_choose(struct pz_chosen *c, const struct pz_scored *scored, size_t want,
                         struct pz_err *err)
{
    uint32_t last = scored->asked->req->rules.page.number, n_items = scored->asked->m->items.n;
    enum pz_status st;

    want = want < n_items ? want : n_items;
    pz_bits_fill(c->gone, n_items, false);
    c->any_gone = false;
    st = pz_chosen_grow(c, want, err);
    c->n = want;
    for (uint32_t page = 0; page <= last && st == PZ_OK && c->n > 0; page++) {
        c->n = want;
        st = choose_page(c, scored, page, &c->n, err);
    }
    return st;
}

bool pz_chosen_any_left(const struct pz_chosen *c, const struct pz_mask *mask)
{
    for (size_t i = 0; i < pz_bits_words(mask->n); i++)
        if (mask->allowed[i] & ~c->gone[i])
            return true;
    return false;
}

enum pz_status pz_chosen_prepare(struct pz_chosen *c, const struct pz_asked *asked,
                                 struct pz_err *err)
{
    enum pz_status st = pz_caps_prepare(&c->caps, asked, err);

    return st == PZ_OK ? pz_diversity_prepare(&c->diversity, asked, err) : st;
}

enum pz_status pz_chosen_grow(struct pz_chosen *c, size_t n, struct pz_err *err)
{
    return pz_mem_grow(&c->hit, &c->cap_hits, n + 1, sizeof *c->hit)
               ? PZ_OK
               : pz_err_memory(err, "the answer", (double)n * sizeof *c->hit);
}

bool pz_chosen_init(struct pz_chosen *c, uint32_t n_items, struct pz_mem_slab *slab)
{
    *c = (struct pz_chosen){ .gone = pz_bits_take(slab, n_items),
                             .open = pz_bits_take(slab, n_items),
                             .eligible = pz_bits_take(slab, n_items) };
    return c->gone && c->open && c->eligible;
}

void pz_chosen_clear(struct pz_chosen *c)
{
    free(c->caps.tally.cell);
    free(c->diversity.slot);
    free(c->pool);
    free(c->promoted);
    free(c->hit);
}
