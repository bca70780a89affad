/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the parser of filter expressions: its tokens, one at a time. */
#ifndef PZ_FILTER_TOKENS_H
#define PZ_FILTER_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

enum pz_filter_token {
    PZ_TOKEN_END,
    PZ_TOKEN_WORD,
    PZ_TOKEN_NUMBER,
    PZ_TOKEN_TEXT,
    PZ_TOKEN_PLACE,
    PZ_TOKEN_EQUAL,
    PZ_TOKEN_UNEQUAL,
    PZ_TOKEN_LESS,
    PZ_TOKEN_LESS_EQUAL,
    PZ_TOKEN_GREATER,
    PZ_TOKEN_GREATER_EQUAL,
    PZ_TOKEN_OTHER /* one byte of punctuation, in byte */
};

/* A text and the token at hand. Begin with text, arena and err given and the rest zero; the first
 * call of pz_filter_next gives the first token. */
struct pz_filter_tokens {
    const char *text;
    struct pz_arena *arena; /* texts of tokens live here */
    enum pz_status st;      /* the first fault */
    struct pz_err *err;
    enum pz_filter_token token;
    size_t at, next; /* where it begins and ends */
    char byte;
    bool quoted;   /* a word in backquotes: never a keyword */
    const char *s; /* of WORD, TEXT, PLACE; NUMBER: as written */
    double num;
    bool is_time; /* a NUMBER that was written as a duration */
};

/* Go to the next token; END at the end of the text and after a fault.
 * Errors: t->st: PZ_USAGE, memory. Threads: any, one object a thread. */
void pz_filter_next(struct pz_filter_tokens *t);

/* Whether c stands behind the token at hand, blanks left out: tells NOW() and COUNT(...) from
 * columns of that name. Threads: any, one object a thread. */
bool pz_filter_before(const struct pz_filter_tokens *t, char c);

/* Say that the text is wrong at a byte and end it: the token becomes END. Only the first fault is
 * kept.
 * Errors: t->st: PZ_USAGE. Threads: any, one object a thread. */
void pz_filter_stop(struct pz_filter_tokens *t, size_t at, const char *what);

#endif
