/* SPDX-License-Identifier: Apache-2.0 */
/* Whole words: "u1" is in "{u1,u2}" and not in "u12". */
#include "base/word.h"

#include <string.h>

bool pz_word_byte(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           c == '-' || c >= 0x80;
}

const char *pz_word_find(const char *text, size_t n, const char *word, size_t len)
{
    const char *end = text + n, *p = text;

    while (n > 0 && (p = memmem(p, (size_t)(end - p), word, len)) != NULL) {
        if ((p == text || !pz_word_byte((unsigned char)p[-1])) &&
            (p + len == end || !pz_word_byte((unsigned char)p[len])))
            return p;
        p++;
    }
    return NULL;
}
