/* SPDX-License-Identifier: Apache-2.0 */
/* One source, several instruction sets: a kernel marked PZ_KERNEL is compiled for the baseline and
 * for wider vector units and chosen when the program loads. Kernels do their sums in an order that
 * the code spells out, so the choice does not depend on the number of threads.
 *
 * Sanitizer builds take the plain version: their run-time is not up yet when the loader chooses. */
#ifndef PZ_BASE_SIMD_H
#define PZ_BASE_SIMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(PZ_NO_CLONES)
#define PZ_KERNEL \
    __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), optimize("O3")))
#else
#define PZ_KERNEL
#endif

/* Whether registers hold 64 bytes, with all that x86-64-v4 means. Threads: any */
static inline bool pz_simd_is_wide(void)
{
#ifdef __x86_64__
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
#else
    return false;
#endif
}

/* Of a function that does no more than have something brought nearer. GCC takes such for useless
 * and leaves out its calls, unless it is part of its caller from the start. */
#define PZ_PREFETCH static inline __attribute__((always_inline))

/* Have so many bytes brought nearer, as they will be read soon. They need not exist. */
PZ_PREFETCH void pz_simd_prefetch(const void *from, size_t bytes)
{
    enum { LINE = 64 };

    for (size_t at = 0; at < bytes; at += LINE)
        __builtin_prefetch((const char *)from + at);
}

/* The k-th bit of flag[k], 64 bytes of 0 or 1: compilers compare into bytes faster than into
 * bits. */
static inline __attribute__((always_inline)) uint64_t pz_flags_to_bits(const uint8_t *flag)
{
    uint64_t bits = 0, eight;

    for (unsigned k = 0; k < 64; k += 8) {
        memcpy(&eight, flag + k, sizeof eight);
        bits |= (eight * 0x0102040810204080u >> 56) << k;
    }
    return bits;
}

/* exp by x = n ln 2 + r, a polynomial for e^r, |r| <= ln 2 / 2, and n put into the exponent (Cephes
 * expf). The limits of -60 and 60 keep small results clear of denormal numbers, which are slow.
 * They are taken of the bits: as signed numbers those of floats up to 60 are below those of 60, as
 * unsigned ones those of floats from -60 on are below those of -60. */
static inline __attribute__((always_inline)) float pz_exp_fast(float x)
{
    static const uint32_t SIXTY = 0x42700000, LESS_SIXTY = 0xc2700000;
    union {
        int32_t i;
        uint32_t u;
        float f;
    } two_n, in = { .f = x };
    float n, r, p;

    in.i = in.i < (int32_t)SIXTY ? in.i : (int32_t)SIXTY;
    in.u = in.u < LESS_SIXTY ? in.u : LESS_SIXTY;
    x = in.f;
    n = x * 1.44269504f + 12582912.0f; /* 1.5 * 2^23: rounds to a whole number */
    n = n - 12582912.0f;
    r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    two_n.i = ((int32_t)n + 127) << 23;
    return p * two_n.f;
}

#endif
