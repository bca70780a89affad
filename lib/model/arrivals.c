/* SPDX-License-Identifier: Apache-2.0 */
/* Arrivals: see arrivals.h. With s_f the share of what happens now that is with arrival f, c_if the
 * live events of f by users who had item i among their newest before, and T_i all live events of
 * such users, of which the share l_f came when f was there,
 *
 *   P(f | i) = (c_if + few s_f) / (l_f T_i + few)
 *
 * is its rate after i, held near s_f where little is counted. The chance for a history is the mean
 * over its newest MOST events, the k-th newest weighing k^-AGEING. A history without counted items
 * gets s_f: what everybody takes now. */
#include "model/arrivals.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 20 };

static const double AGEING = 0.5;

/* The entry of an item, or NULL: nobody who had it had anything live. */
static const struct pz_followed *find(const struct pz_arrivals *a, uint32_t item)
{
    size_t low = 0, high = a->n_followed;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (a->followed[mid].item < item)
            low = mid + 1;
        else
            high = mid;
    }
    return low < a->n_followed && a->followed[low].item == item ? &a->followed[low] : NULL;
}

static struct pz_recency recency(const struct pz_query *q)
{
    return (struct pz_recency){ .q = q,
                                .exponent = AGEING,
                                .max = q->n_hist < MOST ? q->n_hist : MOST };
}

/* What the c events of arrival k after an item add to its rate without them. */
static double beyond(const struct pz_arrivals *a, const struct pz_followed *f, uint32_t k, double c)
{
    return c / (a->lived[k] * f->total + a->few);
}

/* The rate of arrival k after an item, but for its events there. */
static double rate(const struct pz_arrivals *a, const struct pz_followed *f, uint32_t k)
{
    return f ? a->few * a->share[k] / (a->lived[k] * f->total + a->few) : a->share[k];
}

/* Add weight times the rates after one item. */
static void add_item(const struct pz_arrivals *a, const struct pz_followed *f, double weight,
                     double *chance)
{
    for (uint32_t k = 0; k < a->n; k++)
        chance[k] += weight * rate(a, f, k);
    for (uint64_t p = f ? f->first : 0; f && p < f[1].first; p++)
        chance[a->pair[p].arrival] += weight *
                                      beyond(a, f, a->pair[p].arrival, (double)a->pair[p].count);
}

void pz_arrivals_chances(const struct pz_arrivals *a, const struct pz_query *q, double *chance)
{
    struct pz_recency r = recency(q);
    double all = 0;

    memset(chance, 0, a->n * sizeof *chance);
    for (size_t k = 0; k < r.max; k++) {
        double weight = pz_recency_next(&r);

        add_item(a, find(a, q->hist[q->n_hist - 1 - k]), weight, chance);
        all += weight;
    }
    for (uint32_t k = 0; k < a->n; k++)
        chance[k] = all > 0 ? chance[k] / all : a->share[k];
}

void pz_arrivals_explain(const struct pz_arrivals *a, const struct pz_query *q, uint32_t k,
                         float *contrib)
{
    struct pz_recency r = recency(q);
    double all = 0;

    memset(contrib, 0, q->n_hist * sizeof *contrib);
    for (size_t e = 0; e < r.max; e++) {
        size_t at = q->n_hist - 1 - e;
        const struct pz_followed *f = find(a, q->hist[at]);
        double weight = pz_recency_next(&r);

        all += weight;
        for (uint64_t p = f ? f->first : 0; f && p < f[1].first; p++)
            if (a->pair[p].arrival == k)
                contrib[at] = (float)(weight * beyond(a, f, k, (double)a->pair[p].count));
    }
    for (size_t e = 0; e < q->n_hist; e++)
        contrib[e] /= (float)(all > 0 ? all : 1);
}

void pz_arrivals_free(struct pz_arrivals *a)
{
    if (!a)
        return;
    free(a->item);
    free(a->share);
    free(a->lived);
    free(a->followed);
    free(a->pair);
    free(a);
}
