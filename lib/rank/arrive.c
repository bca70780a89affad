/* SPDX-License-Identifier: Apache-2.0 */
/* Places for arrivals: see arrive.h. Their chances (model/arrivals.h) are of another scale than the
 * blend, whose numbers mean an order. The chance that the item at place r, from 0, of n is the next
 * one falls about as Zipf's law has it, in Mandelbrot's form:
 *
 *   P(r) = 1 / ((r + HEAD) log((n + HEAD) / HEAD))
 *
 * which sums to 1. So an arrival that is the next one with chance p gets the place r where
 * P(r) = p, and a blend between those of the items around it; beyond the best PLACES a blend that
 * falls as P does. What has more already, by its attributes, keeps it. */
#include "rank/arrive.h"

#include <math.h>
#include <string.h>

#include "rank/top.h"

enum { PLACES = 50 };

static const double HEAD = 5;

/* The best items as they are, best first; returns how many. */
static size_t best(const struct pz_scored *s, struct pz_hit hit[PLACES])
{
    const uint64_t *set = s->mask->promotable;
    uint32_t n = s->asked->m->items.n;

    pz_scores_settle_best(s->scores, set, n, hit, PLACES);
    return pz_scores_top(s->scores, set, n, hit, PLACES);
}

/* The blend at a place, which may be a fraction or before the first. */
static float blend_at(const struct pz_hit *hit, size_t n, double place)
{
    double last = n > 0 ? (double)(n - 1) : 0;
    size_t at;

    if (n == 0)
        return (float)(HEAD / (HEAD + place));
    if (place <= 0)
        return hit[0].blend * (float)(1 - 0.1 * place / HEAD);
    if (place >= last)
        return hit[n - 1].blend * (float)((last + HEAD) / (place + HEAD));
    at = (size_t)place;
    return hit[at].blend + (float)(place - (double)at) * (hit[at + 1].blend - hit[at].blend);
}

/* Give an item that blend, if it has less. Returns what it gained. */
static float lift(struct pz_scores *s, uint32_t item, float blend)
{
    float was;

    pz_scores_settle(s, item);
    was = s->blend[item];
    if (blend <= was)
        return 0;
    s->blend[item] = blend;
    if (s->is_rough && s->rough->max[item / 64] < blend)
        s->rough->max[item / 64] = blend;
    return blend - was;
}

void pz_scores_arrive(const struct pz_scored *scored)
{
    const struct pz_model *m = scored->asked->m;
    const struct pz_arrivals *a = m->arrivals;
    struct pz_scores *s = scored->scores;
    struct pz_hit hit[PLACES];
    double all = log((m->items.n + HEAD) / HEAD);
    size_t n;

    if (!a)
        return;
    n = best(scored, hit);
    pz_arrivals_chances(a, &scored->history->query, s->chance);
    for (uint32_t k = 0; k < a->n; k++) {
        double place = 1 / (s->chance[k] * all) - HEAD;

        s->added[k] = pz_bits_has(scored->mask->promotable, a->item[k])
                          ? lift(s, a->item[k], blend_at(hit, n, place))
                          : 0;
    }
}

float pz_scores_arrived(const struct pz_scored *scored, uint32_t item, float *contrib, float *one)
{
    const struct pz_arrivals *a = scored->asked->m->arrivals;
    const struct pz_scores *s = scored->scores;
    const struct pz_query *q = &scored->history->query;
    uint32_t k = 0;

    while (a && k < a->n && a->item[k] < item)
        k++;
    if (!a || k == a->n || a->item[k] != item || s->added[k] <= 0)
        return 0;
    if (contrib)
        pz_arrivals_explain(a, q, k, one);
    for (size_t i = 0; contrib && i < q->n_hist; i++)
        contrib[i] += s->added[k] * one[i] / (float)s->chance[k];
    return s->added[k];
}
