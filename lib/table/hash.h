/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes of bytes: XXH3 (the only module that sees xxhash). Not for secrets.
 *
 * Threads: a stream belongs to one thread; the rest is safe anywhere. */
#ifndef PZ_TABLE_HASH_H
#define PZ_TABLE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* 64-bit hash of n bytes. */
uint64_t pz_hash64(const void *bytes, size_t n);

enum { PZ_HASH_SALT_BYTES = 192 };

/* 128-bit hash of n bytes that depends on a salt of random bytes: an id can be recognised by it,
 * but not read from it. Cannot fail; safe from any thread. */
void pz_hash_salted(const void *bytes, size_t n, const unsigned char salt[PZ_HASH_SALT_BYTES],
                    unsigned char out[16]);

struct pz_hash;

/* 128-bit hash of a stream of pieces: new (NULL when memory is out), add, finish, which writes 32
 * hex digits and NUL.
 * Owner: the caller, until finish frees it. */
struct pz_hash *pz_hash_new(void);
void pz_hash_add(struct pz_hash *h, const void *bytes, size_t n);
void pz_hash_finish(struct pz_hash *h, char hex[33]);

/* As pz_hash_finish, but returns the 64-bit hash that pz_hash64 gives for all the pieces in one. */
uint64_t pz_hash_finish64(struct pz_hash *h);

#endif
