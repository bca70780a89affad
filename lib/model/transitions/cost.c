/* SPDX-License-Identifier: Apache-2.0 */
/* What a fit takes (pz_scorer.cost), from counts of the data: the pairs of all histories exactly,
 * and from targets all over the catalogue how many sources meet one, of which its system is made.
 *
 * Terms: sources and their features that are met, pairs, events, and of a ridge the systems, which
 * take most of it, m^3 / 3 operations each, events, rows, and features by items. */
#include <math.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/par.h"
#include "model/transitions/transitions.h"

enum { TARGETS = 192, SEEN_BITS = 1 << 26 };

/* Items of which half would lie too far off in memory. */
static const double MANY_ITEMS = 8000;

struct looking {
    const struct pz_corpus *c;
    const struct pz_trans_feats *feats;
    uint32_t window, every, n; /* every so many-th item is looked at: n of them */
    uint64_t *seen;            /* [n * words] sets of items and features that met the item */
    size_t words;
};

/* Pairs within the window of a history of n events, both directions. */
static double pairs_of(double n, double window)
{
    return n <= window + 1 ? n * (n - 1) : 2 * n * window - window * (window + 1);
}

/* Who stands around event p of an item that is looked at. */
static void look_around(const struct looking *l, uint64_t from, uint64_t p, uint64_t end)
{
    uint64_t *seen = l->seen + l->c->item[p] / l->every * l->words;

    from = p - from > l->window ? p - l->window : from;
    end = end - p > l->window + 1 ? p + l->window + 1 : end;
    for (uint64_t q = from; q < end; q++)
        if (q != p)
            pz_bits_add(seen, l->c->item[q]);
}

static double look(const struct looking *l)
{
    const struct pz_corpus *c = l->c;
    double pairs = 0;

    for (uint32_t u = 0; u < c->n_users; u++) {
        pairs += pairs_of((double)(c->ptr[u + 1] - c->ptr[u]), l->window);
        for (uint64_t p = c->ptr[u]; p < c->ptr[u + 1]; p++)
            if (c->item[p] % l->every == 0)
                look_around(l, c->ptr[u], p, c->ptr[u + 1]);
    }
    return pairs;
}

/* Add the features of the items that were seen. */
static void add_features(const struct looking *l, uint64_t *seen)
{
    const struct pz_csr *rows = &l->feats->rows;

    for (uint32_t i = 0; i < l->c->n_items && l->feats->n > 0; i++)
        for (uint64_t k = rows->ptr[i]; pz_bits_has(seen, i) && k < rows->ptr[i + 1]; k++)
            pz_bits_add(seen, l->c->n_items + rows->item[k]);
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

static void add_up(const struct looking *l, const double *set, struct pz_trans_sums *s)
{
    uint32_t rows = l->c->n_items + l->feats->n;
    double share = (double)rows / l->n,
           gram_max = pz_trans_gram_row_max(rows) + (double)l->feats->n;

    for (uint32_t k = 0; k < l->n; k++) {
        uint64_t *seen = l->seen + k * l->words;
        double n, kept, m, items = (double)pz_bits_count(seen, l->words * 64);

        add_features(l, seen);
        n = (double)pz_bits_count(seen, l->words * 64);
        kept = least(n, set[PZ_TRANS_KEEP]);
        m = least(kept, set[PZ_TRANS_NEIGHBOURS]);
        s->sources += share * n;
        s->gram += share * least(n, gram_max);
        s->featured += n > 0 ? share * least(n, gram_max) * (n - items) / n : 0;
        s->kept += share * kept;
        s->unknowns += share * m;
        s->cubes += share * m * m * m;
    }
}

enum pz_status pz_trans_look(const struct pz_corpus *c, const double *set,
                             const struct pz_trans_feats *feats, struct pz_trans_sums *out,
                             struct pz_err *err)
{
    struct looking l = { .c = c,
                         .feats = feats,
                         .window = pz_trans_window(c, set),
                         .words = pz_bits_words((size_t)c->n_items + feats->n) };
    size_t max = SEEN_BITS / 64 / (l.words + 1);

    *out = (struct pz_trans_sums){ 0 };
    max = max < 1 ? 1 : max < TARGETS ? max : TARGETS;
    l.every = c->n_items / (uint32_t)max + 1;
    l.n = (c->n_items + l.every - 1) / l.every;
    l.seen = pz_mem_array(l.n * l.words, sizeof *l.seen);
    if (!l.seen)
        return pz_err_memory(err, "counts of pairs", 8.0 * (double)(l.n * l.words));
    out->pairs = look(&l);
    add_up(&l, set, out);
    free(l.seen);
    return PZ_OK;
}

/* Each pair stands once in the Gram matrix, those with features twice, and of a row no more than
 * fit into its budget, of 4 bytes at most; a small one becomes full and square when its rows are
 * made, from a block. */
static double gram_bytes(const struct pz_trans_sums *s, double rows, double block)
{
    return 2.5 * s->gram + 1.5 * s->featured +
           (rows <= PZ_TRANS_DENSE ? fmax(4 * rows * rows, 8 * block) : 8 * block);
}

/* The view alone, while times and weights are read; with the rows that are counted from it, with a
 * ridge those of the Gram matrix while columns of the counts are folded and positions go; then,
 * without the view, the coefficients at the places of the counts beside the Gram matrix, and at
 * last beside themselves by source, which are of what is kept. */
static void set_beside(const struct pz_corpus *c, const struct pz_trans_sums *s, bool ridge,
                       double rows, double block, struct pz_fit_cost *out)
{
    double n = (double)c->ptr[c->n_users], gram = ridge ? gram_bytes(s, rows, block) : 8 * block,
           view = 13.3 * n + 28 * rows * pz_par_threads(), by_source = ridge ? 8 * s->unknowns : 0,
           solved = ridge ? 4 * s->kept : 0, folded = ridge ? 2.5 * s->kept : 0,
           gone = ridge && s->featured == 0 ? fmin(4 * n, gram) : 0;
    double made = view + 32.0 * c->n_users - 8 * s->kept - by_source, /* nothing is kept yet */
        counted = fmax(view + gram - gone, solved + gram) - folded - by_source;

    out->beside = fmax(fmax(made, counted), solved);
    out->rests = fmin(12 * n, out->beside - made);
}

enum pz_status pz_trans_cost(const struct pz_corpus *c, const double *set, struct pz_fit_cost *out,
                             struct pz_err *err)
{
    const struct pz_attrs *attrs = set[PZ_TRANS_ATTRIBUTES] > 0 ? c->item_attrs : NULL;
    double n = (double)c->ptr[c->n_users], rows, block, event;
    struct pz_trans_feats feats = { 0 };
    struct pz_trans_sums s = { 0 };
    bool ridge = set[PZ_TRANS_RIDGE] > 0;
    enum pz_status st = pz_trans_feats_make(attrs, c->n_items, NULL, NULL, &feats, err);

    if (st == PZ_OK)
        st = pz_trans_look(c, set, &feats, &s, err);
    if (st == PZ_OK) {
        double of_item = c->n_items && feats.n ? (double)feats.rows.ptr[c->n_items] / c->n_items
                                               : 0;

        rows = (double)c->n_items + feats.n;
        block = least(PZ_TRANS_BLOCK, s.kept);
        event = n * c->n_items / (MANY_ITEMS + c->n_items);
        out->term[0] = s.sources * (1 + of_item);
        out->term[1] = s.pairs;
        out->term[2] = event;
        if (ridge) {
            out->term[3] = s.cubes;
            out->term[4] = event;
            out->term[5] = rows;
            out->term[6] = (double)feats.n * c->n_items;
        }
        out->kept = 8 * s.kept + (ridge ? 8 * s.unknowns : 0) + 24 * rows;
        set_beside(c, &s, ridge, rows, block, out);
    }
    pz_trans_feats_clear(&feats);
    return st;
}
