/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers: see rng.h. The generator is xoshiro256** of D. Blackman and S. Vigna ("Scrambled
 * linear pseudorandom number generators", ACM TOMS 47, 2021): 256 bits of state, period 2^256 - 1,
 * and no test of TestU01 or PractRand finds a fault. Its state is filled by SplitMix64 (Steele,
 * Lea, Flood, OOPSLA 2014), whose finalizer is pz_rng_mix.
 *
 * Invariant: the numbers depend on seed and stream alone. Every row, user or epoch draws from a
 * stream of its own, so that the same seed gives the same bytes at any number of threads. */
#include "base/rng.h"

#include <math.h>

void pz_rng_init(struct pz_rng *rng, uint64_t seed, uint64_t stream)
{
    /* Both are mixed, and in different ways: neighbouring streams of neighbouring seeds must not
     * meet, as they would if seed + stream were the key. 0x9e37... is 2^64 divided by the golden
     * ratio, SplitMix64's step. */
    uint64_t x = pz_rng_mix(seed + 0x9e3779b97f4a7c15u) ^ pz_rng_mix(~stream);

    for (int i = 0; i < 4; i++) {
        x += 0x9e3779b97f4a7c15u;
        rng->s[i] = pz_rng_mix(x);
    }
}

static uint64_t rotate(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t pz_rng_u64(struct pz_rng *rng)
{
    uint64_t *s = rng->s;
    uint64_t result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

/* D. Lemire, "Fast random integer generation in an interval" (ACM TOMACS 29, 2019): the upper half
 * of a product is uniform once the few lower halves that would favour some results, 2^32 mod n of
 * them, are drawn again. A division is needed in n of 2^32 cases only. */
uint32_t pz_rng_below(struct pz_rng *rng, uint32_t n)
{
    uint64_t product = (pz_rng_u64(rng) >> 32) * n;
    uint32_t low = (uint32_t)product;

    if (low < n) {
        uint32_t threshold = -n % n;

        while (low < threshold) {
            product = (pz_rng_u64(rng) >> 32) * n;
            low = (uint32_t)product;
        }
    }
    return (uint32_t)(product >> 32);
}

double pz_rng_unit(struct pz_rng *rng)
{
    /* The upper 53 bits: every value is exact, and 1 is never returned. */
    return (double)(pz_rng_u64(rng) >> 11) * 0x1p-53;
}

double pz_rng_normal(struct pz_rng *rng)
{
    /* Box and Muller (1958). 1 - unit is never 0, so the logarithm is finite. The second normal
     * number (the sine) is not kept: a generator without a memory of halves is the same wherever it
     * is copied. */
    double u = 1.0 - pz_rng_unit(rng), v = pz_rng_unit(rng);

    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}
