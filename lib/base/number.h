/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers at any address of a file's bytes, in the machine's order, which is little-endian wherever pz
 * is built (table/layout.h refuses others).
 *
 * Threads: any. */
#ifndef PZ_BASE_NUMBER_H
#define PZ_BASE_NUMBER_H

#include <stdint.h>
#include <string.h>

/* 16 bits at p. */
static inline uint16_t pz_get16(const unsigned char *p)
{
    uint16_t x;

    memcpy(&x, p, sizeof x);
    return x;
}

/* 32 bits at p. */
static inline uint32_t pz_get32(const unsigned char *p)
{
    uint32_t x;

    memcpy(&x, p, sizeof x);
    return x;
}

/* 64 bits at p. */
static inline uint64_t pz_get64(const unsigned char *p)
{
    uint64_t x;

    memcpy(&x, p, sizeof x);
    return x;
}

/* The reverse of pz_get32. */
static inline void pz_put32(unsigned char *p, uint32_t x)
{
    memcpy(p, &x, sizeof x);
}

/* The reverse of pz_get64. */
static inline void pz_put64(unsigned char *p, uint64_t x)
{
    memcpy(p, &x, sizeof x);
}

#endif
