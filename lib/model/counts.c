/* SPDX-License-Identifier: Apache-2.0 */
/* Counts of users: see counts.h.
 *
 * A user counts once for an item, by their heaviest event of it, so that nobody makes an item
 * popular alone. Users are walked one by one with an array over the items that is all zero between
 * them: a pass over the events and another over the same ones to clear it, no sorting, no hash.
 * Sums are added in the order of the users, so that they do not depend on threads. */
#include "model/counts.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "data/shares.h"

static const double BEFORE = 0.1, FADE_HALVES = 4, FADED = 0.01;

double pz_count_rate(double lived, double rate)
{
    return pow(1 - exp2(-(lived + BEFORE)), -rate);
}

double pz_count_fade(double before_s, double half_life_s)
{
    double fade = before_s > 0 ? exp2(-FADE_HALVES * before_s / half_life_s) : 1;

    return fade < FADED ? 0 : fade;
}

/* With a tail: the unit of ages whose power is left. */
static double scale_of(const struct pz_decay *decay)
{
    return decay->tail > 0 ? decay->half_life_s / (exp2(1 / decay->tail) - 1) : 0;
}

static double left_of(const struct pz_decay *decay, double scale, double age_s)
{
    if (decay->half_life_s <= 0)
        return 1;
    if (decay->tail <= 0)
        return exp2(-age_s / decay->half_life_s);
    return pow(1 + fmax(age_s, 0) / scale, -decay->tail);
}

/* best[n_items] is all zero between users: of the user's items what has been counted. */
static void count_user(const struct pz_corpus *c, uint32_t user, const struct pz_decay *decay,
                       float *best, double *sum)
{
    double scale = scale_of(decay);

    for (uint64_t p = c->ptr[user]; p < c->ptr[user + 1]; p++) {
        double age = (double)(c->newest - pz_corpus_time(c, p));
        float w = c->weight[p] * (float)left_of(decay, scale, age);

        if (w > best[c->item[p]]) {
            sum[c->item[p]] += (double)(w - best[c->item[p]]);
            best[c->item[p]] = w;
        }
    }
    for (uint64_t p = c->ptr[user]; p < c->ptr[user + 1]; p++)
        best[c->item[p]] = 0;
}

enum pz_status pz_count_users(const struct pz_corpus *c, const struct pz_decay *decay, double *sum,
                              struct pz_err *err)
{
    float *best = pz_mem_array(c->n_items, sizeof *best);
    struct pz_share users;

    if (!best)
        return pz_err_memory(err, "counts of users", 4.0 * c->n_items);
    users = pz_shares_begin(c, sum, c->n_items * sizeof *sum);
    for (size_t u = users.first; u < users.end; u++)
        count_user(c, (uint32_t)u, decay, best, sum);
    pz_shares_end(c, sum, c->n_items * sizeof *sum);
    free(best);
    return PZ_OK;
}
