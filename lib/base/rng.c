/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers: see rng.h. */
#include "base/rng.h"

#include <math.h>

uint64_t pz_rng_mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

void pz_rng_init(struct pz_rng *rng, uint64_t seed, uint64_t stream)
{
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
    return (double)(pz_rng_u64(rng) >> 11) * 0x1p-53;
}

double pz_rng_normal(struct pz_rng *rng)
{
    double u = 1.0 - pz_rng_unit(rng), v = pz_rng_unit(rng);

    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}
