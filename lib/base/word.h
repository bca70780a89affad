/* SPDX-License-Identifier: Apache-2.0 */
/* Ids as whole words in any bytes.
 *
 * Threads: any. */
#ifndef PZ_BASE_WORD_H
#define PZ_BASE_WORD_H

#include <stdbool.h>
#include <stddef.h>

/* Whether a byte may be a part of an id: letters, digits, '_', '-', bytes of UTF-8 beyond ASCII. */
bool pz_word_byte(unsigned char c);

/* The first place in text where the word stands whole, no such byte before or behind it; NULL:
 * nowhere.
 *
 * word     of len bytes, len > 0; may hold any bytes itself
 * Owner:   text */
const char *pz_word_find(const char *text, size_t n, const char *word, size_t len);

#endif
