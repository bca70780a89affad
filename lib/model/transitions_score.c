/* SPDX-License-Identifier: Apache-2.0 */
/* Reading transitions out: s_j = sum over k of  w_k k^-d x_{b_k} V[b_k -> j],  times y_j, where b_k is the k-th
 * last event of the history, V the counts (kNN) or the ridge's coefficients, x and y the scales by
 * popularity. A few thousand additions, no state for users.
 *
 * hop > 0: the best HOP_ITEMS items of that sum pass it on, s_j += hop * y_j * sum over i of s_i V[i -> j]
 * x_i: what co-occurred with what co-occurs, which reaches items that never met the history.
 * repeat > 0: an item of the history itself gains repeat * L_k * max s, L_k the share of events that came
 * back to the k-th last item in training: sessions return to what they just saw, baskets do not.
 *
 * Where histories have no order all their events weigh the same. Ridge coefficients may be negative, and so
 * may scores: evidence against an item. Scores are linear in the history's events except through the
 * choice of the hop's items and the maximum of repeat, which explain takes as given. */
#include <math.h>
#include <string.h>

#include "base/simd.h"
#include "model/transitions.h"

static const struct pz_trans_lists *lists_of(const struct pz_trans *t)
{
    return t->set[PZ_TRANS_RIDGE] > 0 ? &t->coef : &t->counts;
}

/* Events of the history that score. */
static size_t depth(const struct pz_trans *t, const struct pz_query *q)
{
    size_t most = (size_t)t->set[PZ_TRANS_HISTORY];

    return t->ordered && q->n_hist > most ? most : q->n_hist;
}

/* The weight of the k-th last event, k from 1. */
static float event_weight(const struct pz_trans *t, const struct pz_query *q, size_t k)
{
    double recency = t->ordered ? pow((double)k, -t->set[PZ_TRANS_RECENCY]) : 1;

    return (float)(recency * (double)q->hist_weight[q->n_hist - k]);
}

static void add_item(const struct pz_trans *t, uint32_t b, float weight, float *out)
{
    const struct pz_trans_lists *l = lists_of(t);
    float w = weight * t->source_scale[b];

    for (uint64_t k = l->ptr[b]; k < l->ptr[b + 1]; k++)
        out[l->item[k]] += w * l->value[k];
}

PZ_KERNEL static void multiply(float *restrict out, const float *restrict scale, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] *= scale[i];
}

PZ_KERNEL static float largest(const float *x, size_t n)
{
    float top[16] = { 0 };
    size_t i = 0;

    for (; i + 16 <= n; i += 16)
        for (size_t k = 0; k < 16; k++)
            top[k] = x[i + k] > top[k] ? x[i + k] : top[k];
    for (; i < n; i++)
        top[0] = x[i] > top[0] ? x[i] : top[0];
    for (size_t k = 1; k < 16; k++)
        top[0] = top[k] > top[0] ? top[k] : top[0];
    return top[0];
}

/* The items of the hop and what they pass on. */
struct stars {
    uint32_t n, item[PZ_TRANS_HOP_ITEMS];
    float score[PZ_TRANS_HOP_ITEMS]; /* descending; ties: lower item first */
};

/* Chunks whose largest value does not reach the list are skipped: most do not. */
static void find_stars(const float *score, size_t n, struct stars *s)
{
    s->n = 0;
    for (size_t first = 0; first < n; first += 256) {
        size_t end = n - first < 256 ? n : first + 256;
        float bar = s->n == PZ_TRANS_HOP_ITEMS ? s->score[s->n - 1] : 0;

        if (largest(score + first, end - first) <= bar)
            continue;
        for (size_t i = first; i < end; i++) {
            uint32_t at;

            if (score[i] <= 0 || (s->n == PZ_TRANS_HOP_ITEMS && score[i] <= s->score[s->n - 1]))
                continue;
            at = s->n < PZ_TRANS_HOP_ITEMS ? s->n++ : s->n - 1;
            for (; at > 0 && s->score[at - 1] < score[i]; at--) {
                s->score[at] = s->score[at - 1];
                s->item[at] = s->item[at - 1];
            }
            s->score[at] = score[i];
            s->item[at] = (uint32_t)i;
        }
    }
}

/* One step of the whole history: the sums before target scales. */
static bool first_step(const struct pz_trans *t, const struct pz_query *q, float *out)
{
    bool known = false;

    for (size_t k = 1; k <= depth(t, q); k++) {
        uint32_t b = q->hist[q->n_hist - k];

        if (b >= t->n_items)
            continue;
        known = known || t->pop[b] > 0;
        add_item(t, b, event_weight(t, q, k), out);
    }
    return known;
}

/* The gain by repeat of the k-th last event, 0 when its item stands nearer to the end too. */
static float repeat_gain(const struct pz_trans *t, const struct pz_query *q, size_t k, float top)
{
    uint32_t b = q->hist[q->n_hist - k];

    if (t->set[PZ_TRANS_REPEAT] <= 0 || k > PZ_TRANS_LAGS || !t->ordered || b >= t->n_items)
        return 0;
    for (size_t nearer = 1; nearer < k; nearer++)
        if (q->hist[q->n_hist - nearer] == b)
            return 0;
    return (float)t->set[PZ_TRANS_REPEAT] * t->repeat[k - 1] * (top > 0 ? top : 1);
}

size_t pz_trans_scratch_bytes(const void *part)
{
    const struct pz_trans *t = part;

    return (size_t)t->n_items * sizeof(float);
}

bool pz_trans_score(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    const struct pz_trans *t = part;
    size_t lags = q->n_hist < PZ_TRANS_LAGS ? q->n_hist : PZ_TRANS_LAGS;
    float hop = (float)t->set[PZ_TRANS_HOP], top;
    struct stars stars;

    (void)scratch;
    if (!first_step(t, q, out))
        return false;
    if (hop > 0) {
        find_stars(out, t->n_items, &stars);
        for (uint32_t k = 0; k < stars.n; k++)
            add_item(t, stars.item[k], hop * stars.score[k], out);
    }
    if (t->set[PZ_TRANS_TARGET_NORM] > 0)
        multiply(out, t->target_scale, t->n_items);
    if (t->set[PZ_TRANS_REPEAT] > 0 && t->ordered) {
        top = largest(out, t->n_items);
        for (size_t k = 1; k <= lags; k++)
            if (q->hist[q->n_hist - k] < t->n_items)
                out[q->hist[q->n_hist - k]] += repeat_gain(t, q, k, top);
    }
    return true;
}

/* V[b -> item] x_b y_item by binary search: lists ascend by item. */
static float value_of(const struct pz_trans *t, uint32_t b, uint32_t item)
{
    const struct pz_trans_lists *l = lists_of(t);
    uint64_t low = l->ptr[b], high = l->ptr[b + 1];

    while (low < high) {
        uint64_t mid = low + (high - low) / 2;

        if (l->item[mid] < item)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == l->ptr[b + 1] || l->item[low] != item)
        return 0;
    return l->value[low] * t->source_scale[b];
}

/* What one unit of weight on item b gives to item, over one step and two. */
static float path_value(const struct pz_trans *t, const struct stars *stars, uint32_t b, uint32_t item)
{
    float sum = value_of(t, b, item);

    for (uint32_t k = 0; k < stars->n; k++)
        sum += (float)t->set[PZ_TRANS_HOP] * value_of(t, b, stars->item[k]) *
               value_of(t, stars->item[k], item);
    return sum * t->target_scale[item];
}

void pz_trans_explain(const void *part, const struct pz_query *q, uint32_t item, void *scratch,
                      float *contrib)
{
    const struct pz_trans *t = part;
    float *sum = scratch, top = 0;
    struct stars stars = { 0 };

    memset(contrib, 0, q->n_hist * sizeof *contrib);
    memset(sum, 0, t->n_items * sizeof *sum);
    if (item >= t->n_items || !first_step(t, q, sum))
        return;
    if (t->set[PZ_TRANS_HOP] > 0)
        find_stars(sum, t->n_items, &stars);
    for (size_t k = 1; k <= depth(t, q); k++) {
        uint32_t b = q->hist[q->n_hist - k];

        if (b < t->n_items)
            contrib[q->n_hist - k] = event_weight(t, q, k) * path_value(t, &stars, b, item);
    }
    if (t->set[PZ_TRANS_REPEAT] <= 0)
        return;
    for (uint32_t k = 0; k < stars.n; k++)
        add_item(t, stars.item[k], (float)t->set[PZ_TRANS_HOP] * stars.score[k], sum);
    multiply(sum, t->target_scale, t->n_items);
    top = largest(sum, t->n_items);
    for (size_t k = 1; k <= q->n_hist && k <= PZ_TRANS_LAGS; k++)
        if (q->hist[q->n_hist - k] == item)
            contrib[q->n_hist - k] += repeat_gain(t, q, k, top);
}
