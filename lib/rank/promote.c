/* SPDX-License-Identifier: Apache-2.0 */
/* Promotions as in Amazon Personalize: promoted items are in order among themselves, and so are
 * the others; chance says which places the promoted ones take.
 *
 * The places are drawn by selection sampling (Knuth, The Art of Computer Programming 3.4.2,
 * algorithm S): every set of k places is equally likely, in one pass, and the same seed gives
 * the same places. */
#include "rank/promote.h"

#include "base/rng.h"

/* Selection sampling (Knuth 3.4.2 S): every set of k places is equally likely. */
void pz_promote_places(uint64_t seed, size_t n, size_t k, bool *place)
{
    struct pz_rng rng;

    pz_rng_init(&rng, seed, 0);
    for (size_t i = 0; i < n; i++) {
        place[i] = k > 0 && pz_rng_below(&rng, (uint32_t)(n - i)) < k;
        k -= place[i];
    }
}
