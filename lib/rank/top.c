/* SPDX-License-Identifier: Apache-2.0 */
/* Top-N: a heap of the `want` best so far whose root is the worst of them, made once it is full;
 * then one pass over the scores, in which most items fail a single comparison with the root.
 * Cost: n + m log(want) for the m items that enter.
 *
 * Equal scores go to the lower index: items come in ascending order, so what is not above the
 * root cannot enter. Scores of 0 and below never do. */
#include "rank/top.h"

#include <math.h>
#include <stdlib.h>

#include "base/bits.h"
#include "model/model.h"

static bool worse(const struct pz_hit *a, const struct pz_hit *b)
{
    return a->blend < b->blend || (a->blend == b->blend && a->item > b->item);
}

static void sift_down(struct pz_hit *heap, size_t n, size_t i)
{
    struct pz_hit down = heap[i];

    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && worse(&heap[child + 1], &heap[child]))
            child++;
        if (!worse(&heap[child], &down))
            break;
        heap[i] = heap[child];
    }
    heap[i] = down;
}

static int best_first(const void *x, const void *y)
{
    const struct pz_hit *a = x, *b = y;

    return worse(a, b) ? 1 : worse(b, a) ? -1 : 0;
}

void pz_top_sort(struct pz_hit *hit, size_t n)
{
    qsort(hit, n, sizeof *hit, best_first);
}

size_t pz_top_enter(struct pz_hit *hit, size_t n, size_t want, struct pz_hit h)
{
    if (n == want) {
        hit[0] = h;
        sift_down(hit, n, 0);
        return n;
    }
    hit[n++] = h;
    for (size_t k = n == want ? n / 2 : 0; k-- > 0;)
        sift_down(hit, n, k);
    return n;
}

size_t pz_top(const float *score, const uint64_t *set, const struct pz_top_words *known,
              uint32_t n_items, struct pz_hit *hit, size_t want)
{
    const float *max = known ? known->max : NULL;
    const uint64_t *skip = known ? known->skip : NULL;
    size_t n = 0, words = want > 0 ? pz_bits_words(n_items) : 0;
    struct pz_bits_run run = { 0, 0 };
    float least = 0; /* what is not above it cannot enter: equal scores go to the lower index */

    while (pz_bits_next_run(skip, words, &run))
        for (size_t w = run.begin; w < run.end; w++) {
            uint32_t first = (uint32_t)w * 64;
            uint64_t bits = set[w];

            if (!bits || (max && max[w] <= least))
                continue;
            bits &= pz_scores_above(score + first, n_items - first < 64 ? n_items - first : 64,
                                    least);
            for (; bits; bits &= bits - 1) {
                uint32_t i = first + (uint32_t)__builtin_ctzll(bits);

                if (score[i] > least) {
                    n = pz_top_enter(hit, n, want,
                                     (struct pz_hit){ .item = i, .blend = score[i], .score = NAN });
                    least = n == want ? hit[0].blend : 0;
                }
            }
        }
    pz_top_sort(hit, n);
    return n;
}
