/* SPDX-License-Identifier: Apache-2.0 */
/* The scores that answers carry: shares of a softmax over all that may be recommended.
 *
 * Of rough blends the sum is taken without making them exact: what is known exactly is summed up
 * exactly, what is alike is counted, and of the others either all limits are summed up, less what
 * they are off, or samples tell. The largest blend is taken out of the exponents, so that none
 * overflows. */
#include <math.h>

#include "base/simd.h"
#include "rank/score.h"

enum {
    FEW_BITS = 8, /* of a word: one by one */
    LANES = 32    /* sums side by side: compilers leave loops of so many in registers */
};

/* sum[k] += exp(scale * (score - top)) of the n <= 64 scores whose bits are set. */
static inline __attribute__((always_inline)) void add_word(const float *score, uint32_t n,
                                                           uint64_t bits, float scale, float top,
                                                           double *sum)
{
    float e[2 * LANES];

    for (uint32_t i = 0; i < n; i++)
        e[i] = pz_exp_fast(scale * (score[i] - top));
    for (uint64_t out = ~bits; out; out &= out - 1)
        e[__builtin_ctzll(out)] = 0;
    for (size_t k = 0; k < LANES; k++)
        sum[k] += (double)(e[k] + e[LANES + k]);
}

/* 64 scores together are less than they seem by times * off; words of scores in skip, a bit each,
 * are left out. All-zero: none are. */
struct less {
    const float *off;
    float times;
    const uint64_t *skip;
};

/* The same over all n scores of a set. */
PZ_KERNEL static double sum_less(const float *score, const uint64_t *set, uint32_t n, float scale,
                                 float top, const struct less *less)
{
    double sum[LANES] = { 0 }, total = 0;
    struct pz_bits_run run = { 0, 0 };

    while (pz_bits_next_run(less->skip, pz_bits_words(n), &run))
        for (size_t w = run.begin; w < run.end; w++) {
            float from = less->off ? top + less->times * less->off[w] : top;
            uint32_t i = (uint32_t)w * 64;
            uint64_t bits = set[w];

            if (__builtin_popcountll(bits) <= FEW_BITS)
                for (; bits; bits &= bits - 1)
                    total += (double)pz_exp_fast(
                        scale * (score[i + (uint32_t)__builtin_ctzll(bits)] - from));
            else if (n - i >= 64)
                add_word(score + i, 64, bits, scale, from, sum);
            else
                add_word(score + i, n - i, bits, scale, from, sum);
        }
    for (size_t k = 0; k < LANES; k++)
        total += sum[k];
    return total;
}

double pz_softmax_sum(const float *score, const uint64_t *set, uint32_t n, float scale, float top)
{
    return sum_less(score, set, n, scale, top, &(struct less){ NULL, 0, NULL });
}

enum { EXACT_ITEMS = 1000 /* so few are summed exactly: shares of a list add up to 1 */ };

/* The sum over those of a set that are exact. */
static double exact_sum(const struct pz_scores *s, const uint64_t *set, double scale, float top)
{
    const uint64_t *plain = s->is_rough ? s->rough->plain : NULL;
    struct pz_bits_run run = { 0, 0 };
    double total = 0;

    while (pz_bits_next_run(plain, pz_bits_words(s->n_items), &run))
        for (size_t w = run.begin; w < run.end; w++)
            for (uint64_t bits = s->is_rough ? set[w] & s->exact[w] : set[w]; bits;
                 bits &= bits - 1)
                total += exp(scale *
                             (double)(s->blend[w * 64 + (size_t)__builtin_ctzll(bits)] - top));
    for (size_t k = 0; s->is_rough && k < s->n_beside; k++)
        if (pz_scores_is_beside(s, k, set))
            total += exp(scale * (double)(s->beside[k].blend - top));
    return total;
}

enum {
    SAMPLE = 2048, /* items that stand for the others of their kind */
    FEW = 256      /* likewise, at first, of kinds that matter less */
};

/* A sample: items at hand, and sums over all of them of what they have at most, m, and have about,
 * a, and of their products. */
struct sample {
    const struct pz_scores *s;
    float scale, top;
    uint32_t item[PZ_ROUGH_ITEMS];
    size_t n, taken;
    double m, a, mm, ma, aa;
};

/* A sum that a sample tells of, and its standard error. */
struct estimate {
    double sum, error;
};

static void add_sample(struct sample *to)
{
    float at_most[PZ_ROUGH_ITEMS], about[PZ_ROUGH_ITEMS];

    for (size_t i = 0; i < to->n; i++)
        at_most[i] = to->s->blend[to->item[i]]; /* of which nothing is read */
    pz_rough_look(to->s->rough, to->item, to->n, -INFINITY, at_most, about);
    for (size_t i = 0; i < to->n; i++) {
        float blend = to->s->blend[to->item[i]];
        double m = (double)pz_exp_fast(to->scale * (blend - to->top)),
               a = (double)pz_exp_fast(to->scale * (to->s->kept * about[i] - to->top));

        to->m += m;
        to->a += a;
        to->mm += m * m;
        to->ma += m * a;
        to->aa += a * a;
    }
    to->taken += to->n;
    to->n = 0;
}

/* Take every step-th item of a set. */
static void take_sample(struct sample *to, const uint64_t *set, uint32_t n_items, size_t step)
{
    size_t skip = 0;

    for (size_t w = 0; w < pz_bits_words(n_items); w++) {
        uint64_t bits = set[w];
        size_t n = pz_bits_of_word(bits);

        for (; n > skip; n -= skip + 1, skip = step - 1) {
            bits = pz_bits_drop(bits, skip);
            to->item[to->n++] = (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(bits);
            bits &= bits - 1;
            if (to->n == PZ_ROUGH_ITEMS)
                add_sample(to);
        }
        skip -= n;
    }
    add_sample(to);
}

/* The root of a mean square, which rounding may have made less than 0, over so many. */
static double error_of(double sum_of_squares, double n)
{
    return sum_of_squares > 0 ? sqrt(sum_of_squares) / n : 0;
}

/* The sum over a set of rough blends from a sample of about so many: r times the sum of what they
 * are at most, r = a / m, as off as a - r m is (Cochran 1977, 6.4); of such that are alike, their
 * number times the mean of the sample. */
static struct estimate sampled_sum(const struct pz_scores *s, const uint64_t *set, bool alike,
                                   size_t about, float scale, float top)
{
    size_t n = pz_bits_count(set, s->n_items), step = n / about + 1;
    struct sample of = { .s = s, .scale = scale, .top = top };
    double taken, r, all;

    take_sample(&of, set, s->n_items, step);
    if (step == 1 || of.m <= 0)
        return (struct estimate){ of.a, 0 };
    taken = (double)of.taken;
    if (alike)
        return (struct estimate){ of.a * (double)n / taken,
                                  (double)n * error_of(of.aa - of.a * of.a / taken, taken) };
    r = of.a / of.m;
    all = pz_softmax_sum(s->blend, set, s->n_items, scale, top);
    return (struct estimate){ all * r,
                              all * error_of(of.aa - 2 * r * of.ma + r * r * of.mm, of.m) };
}

/* The sum over a set that likely matters little beside a sum that is off by so much: a few items
 * tell whether it does. */
static double sum_beside(const struct pz_scores *s, const uint64_t *set, double error, float scale,
                         float top)
{
    struct estimate e = sampled_sum(s, set, false, FEW, scale, top);

    return e.error > error / 2 ? sampled_sum(s, set, false, SAMPLE, scale, top).sum : e.sum;
}

/* How many of a set are in words that were not written, but for those beside, and how many are in
 * others that are plain but for items that are exact; these leave the set. */
PZ_KERNEL static size_t count_plain(const struct pz_scores *s, const uint64_t *allowed,
                                    uint64_t *set)
{
    const struct pz_rough *r = s->rough;
    struct pz_bits_run run = { 0, pz_bits_words(r->learned) };
    size_t words = pz_bits_words(s->n_items);
    size_t n = pz_bits_count(allowed + run.end, 64 * (words - run.end));

    for (size_t k = 0; k < s->n_beside; k++)
        n -= pz_scores_is_beside(s, k, allowed);
    while (pz_bits_next_run(r->plain, words, &run))
        for (size_t w = run.begin; w < run.end; w++) {
            n -= pz_bits_of_word(allowed[w]);
            if (pz_rough_is_plain(r, w)) {
                n += pz_bits_of_word(set[w]);
                set[w] = 0;
            }
        }
    return n;
}

/* The sum over those of a set that are not exact, where all were scanned, added to that over the
 * others: what is alike is counted. set: room for a set. */
static double add_scanned(const struct pz_scores *s, const uint64_t *allowed, float scale,
                          float top, uint64_t *set, double total)
{
    const struct pz_rough *r = s->rough;
    struct less less = { r->off, s->kept, r->plain };
    struct pz_bits_run run = { 0, 0 };
    size_t n;

    while (pz_bits_next_run(r->plain, pz_bits_words(s->n_items), &run))
        pz_bits_without(set + run.begin, allowed + run.begin, s->exact + run.begin,
                        (run.end - run.begin) * 64);
    n = count_plain(s, allowed, set);
    total += (double)n * (double)pz_exp_fast(scale * (r->rest - top));
    return total + sum_less(s->blend, set, s->n_items, scale, top, &less);
}

/* What is exact is summed up exactly; of what was looked at closer, of the others that have a base
 * and of the rest, which is alike, samples tell. set: room for a set. */
static double rough_sum(const struct pz_scores *s, const uint64_t *allowed, double scale, float top,
                        uint64_t *set)
{
    const struct pz_rough *r = s->rough;
    float f = (float)scale;
    struct estimate rest;
    double total;

    total = exact_sum(s, allowed, scale, top);
    if (!r->any_reach)
        return add_scanned(s, allowed, f, top, set, total);
    pz_bits_without(set, allowed, r->touched, s->n_items);
    pz_bits_without(set, set, s->near, s->n_items);
    pz_bits_without(set, set, s->exact, s->n_items);
    rest = sampled_sum(s, set, !r->dense && !r->any_scan, SAMPLE, f, top);
    total += rest.sum;
    pz_bits_both(set, allowed, s->near, s->n_items);
    pz_bits_without(set, set, s->exact, s->n_items);
    total += sum_beside(s, set, rest.error, f, top);
    pz_bits_both(set, allowed, r->touched, s->n_items);
    pz_bits_without(set, set, s->near, s->n_items);
    pz_bits_without(set, set, s->exact, s->n_items);
    return total + sum_beside(s, set, rest.error, f, top);
}

/* The sum over what a probe did not look at, from a sample of it. */
static double beyond(const struct pz_scores *s, double scale, float top)
{
    const struct pz_probe *p = s->probe;
    double sum = 0;

    for (size_t k = 0; k < p->n_sample; k++)
        sum += exp(scale * (double)(s->kept * p->beyond[k] - top));
    return p->n_sample > 0 ? sum / (double)p->n_sample * p->n_beyond : 0;
}

/* The largest blend is taken out of the exponents. */
void pz_scored_softmax(const struct pz_scored *scored, struct pz_hit *hit, size_t n, bool all)
{
    struct pz_scores *s = scored->scores;
    const float *blend = s->blend;
    const uint64_t *allowed = scored->mask->allowed;
    uint32_t n_items = scored->asked->m->items.n;
    double scale = scored->asked->m->softmax_scale;
    bool few = !pz_bits_more_than(allowed, n_items, EXACT_ITEMS);
    float top;
    double total;

    if (few)
        pz_scores_settle_all(s, allowed, n_items);
    top = pz_scores_largest(s, allowed);
    if (few)
        total = exact_sum(s, allowed, scale, top);
    else if (s->probe)
        total = sum_less(blend, allowed, n_items, (float)scale, top,
                         &(struct less){ NULL, 0, s->rough->plain });
    else if (s->is_rough)
        total = rough_sum(s, allowed, scale, top, scored->mask->scratch);
    else
        total = pz_softmax_sum(blend, allowed, n_items, (float)scale, top);
    if (s->probe)
        total += beyond(s, scale, top);

    for (size_t i = 0; i < n && total > 0; i++)
        if (all || blend[hit[i].item] > 0)
            hit[i].score = exp(scale * (double)(blend[hit[i].item] - top)) / total;
}
