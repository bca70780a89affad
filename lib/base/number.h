/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers at any address of a file's bytes, in the machine's order, which is little-endian wherever
 * pz is built (table/layout.h refuses others); as hexadecimal digits; and as a float keeps them.
 *
 * Threads: any. */
#ifndef PZ_BASE_NUMBER_H
#define PZ_BASE_NUMBER_H

#include <stddef.h>
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

/* A number as a column of floats keeps it. What is compared with such a column has to be rounded
 * alike: the float nearest to 3.6 is less than 3.6. */
static inline double pz_as_float(double x)
{
    return (double)(float)x;
}

/* The last n hexadecimal digits of x to p, without an end; returns p + n. */
static inline char *pz_put_hex(char *p, uint64_t x, size_t n)
{
    for (size_t i = n; i-- > 0; x >>= 4)
        p[i] = "0123456789abcdef"[x & 15];
    return p + n;
}

/* n bytes as 2 n digits, the first byte's first; returns what is behind them. */
static inline char *pz_put_hex_bytes(char *p, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p = pz_put_hex(p, bytes[i], 2);
    return p;
}

#endif
