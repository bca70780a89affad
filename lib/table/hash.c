/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes of bytes: see hash.h. XXH3 by Yann Collet (https://xxhash.com), fast enough that checking
 * a file costs less than reading it. Its 64- and 128-bit forms feed on the same state and differ in
 * the last step only, so one stream serves both.
 *
 * Not a cryptographic hash: it finds damage, not forgery. The salted form keys XXH3 with 192 random
 * bytes as its secret; it makes ids unreadable to whoever has the file but not the salt, and is
 * used for nothing that an attacker who has both must not undo. */
#include "table/hash.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

uint64_t pz_hash64(const void *bytes, size_t n)
{
    return XXH3_64bits(bytes, n);
}

void pz_hash_salted(const void *bytes, size_t n, const unsigned char salt[PZ_HASH_SALT_BYTES],
                    unsigned char out[16])
{
    XXH128_canonical_t canonical;

    _Static_assert(PZ_HASH_SALT_BYTES >= XXH3_SECRET_SIZE_MIN, "the salt is the secret of XXH3");
    XXH128_canonicalFromHash(&canonical,
                             XXH3_128bits_withSecret(bytes, n, salt, (size_t)PZ_HASH_SALT_BYTES));
    memcpy(out, canonical.digest, 16);
}

struct pz_hash *pz_hash_new(void)
{
    XXH3_state_t *state = XXH3_createState();

    if (state)
        XXH3_128bits_reset(state);
    return (struct pz_hash *)state;
}

void pz_hash_add(struct pz_hash *h, const void *bytes, size_t n)
{
    XXH3_128bits_update((XXH3_state_t *)h, bytes, n);
}

void pz_hash_finish(struct pz_hash *h, char hex[33])
{
    XXH128_hash_t digest = XXH3_128bits_digest((XXH3_state_t *)h);

    /* The order of digits is that of xxhsum -H2. */
    snprintf(hex, 33, "%016llx%016llx", (unsigned long long)digest.high64,
             (unsigned long long)digest.low64);
    XXH3_freeState((XXH3_state_t *)h);
}

uint64_t pz_hash_finish64(struct pz_hash *h)
{
    uint64_t digest = XXH3_64bits_digest((XXH3_state_t *)h);

    XXH3_freeState((XXH3_state_t *)h);
    return digest;
}
