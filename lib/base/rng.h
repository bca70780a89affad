/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers that depend on (seed, stream) only, never on the thread that draws them: a loop
 * body seeds its own generator with its row number, so results are the same at any thread count.
 *
 * Threads: a generator belongs to one. */
#ifndef PZ_BASE_RNG_H
#define PZ_BASE_RNG_H

#include <stdint.h>

/* xoshiro256** (Blackman & Vigna 2018), state filled by splitmix64. */
struct pz_rng {
    uint64_t s[4];
};

/* The 64-bit finaliser of splitmix64: a good hash of one word. */
static inline uint64_t pz_rng_mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Start the generator of one stream, e.g. stream = row number. */
void pz_rng_init(struct pz_rng *rng, uint64_t seed, uint64_t stream);

/* The next 64 random bits. */
uint64_t pz_rng_u64(struct pz_rng *rng);

/* Uniform in [0, n) without bias, n > 0 (Lemire 2019). */
uint32_t pz_rng_below(struct pz_rng *rng, uint32_t n);

/* Uniform in [0, 1), 53 bits. */
double pz_rng_unit(struct pz_rng *rng);

/* Normal with mean 0 and variance 1 (Box-Muller, one value a call). */
double pz_rng_normal(struct pz_rng *rng);

#endif
