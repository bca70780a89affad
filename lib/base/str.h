/* SPDX-License-Identifier: Apache-2.0 */
/* Strings: a growable buffer whose failure is sticky (append freely, check once), and the few
 * string questions that every layer asks.
 *
 * Threads: a buffer belongs to one; the rest is safe anywhere. */
#ifndef PZ_BASE_STR_H
#define PZ_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A growable, always NUL-terminated buffer. All-zero is an empty one. */
struct pz_str {
    char *data; /* NULL while nothing was added */
    size_t len, cap;
    bool failed; /* an append ran out of memory; the content is cut */
};

/* Make room for so many bytes more at once: what is appended next does not grow it bit by bit. */
void pz_str_reserve(struct pz_str *s, size_t n);

/* Append n bytes / one byte / printf. They cannot fail visibly: see .failed. */
void pz_str_add(struct pz_str *s, const char *bytes, size_t n);
void pz_str_addc(struct pz_str *s, char c);
void pz_str_addf(struct pz_str *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Append a string. It stands here so that the length of a constant is one. */
static inline void pz_str_adds(struct pz_str *s, const char *text)
{
    pz_str_add(s, text, strlen(text));
}

/* Append a whole number, with zeros in front up to `digits` (at most 20) where it has fewer; a
 * tenth of the cost of pz_str_addf. */
void pz_str_add_count(struct pz_str *s, uint64_t n, size_t digits);

/* Append the shortest decimal text that reads back as the same double / float ("1", "0.1",
 * "1e+30"). NaN and infinities are written as "nan", "inf", "-inf". Independent of the locale. */
void pz_str_add_double(struct pz_str *s, double x);
void pz_str_add_float(struct pz_str *s, float x);

/* Append text for people, who read it on a terminal or in a log, a line each: control characters
 * as '?'. */
void pz_str_add_plain(struct pz_str *s, const char *text, size_t n);

/* Leave blanks at both ends out: *s and *n become what is between them. */
void pz_str_trim(const char **s, size_t *n);

/* Append a CSV field: quoted (RFC 4180) only where it must be. */
void pz_str_add_csv(struct pz_str *s, const char *field, size_t n, char delimiter);

/* Append a word as a shell reads it back: in single quotes where it has more than letters, digits
 * and _-./,=:+@% in it, or nothing. */
void pz_str_add_shell(struct pz_str *s, const char *word);

/* Empty it, keeping the memory. */
void pz_str_reset(struct pz_str *s);

/* Free the memory; the buffer is then an empty one again. */
void pz_str_clear(struct pz_str *s);

/* Parse the whole of n bytes as a decimal number. Return false for anything else (blanks, "0x1",
 * "nan", trailing bytes, out of range). Independent of the locale. */
bool pz_str_to_double(const char *s, size_t n, double *out);
bool pz_str_to_i64(const char *s, size_t n, long long *out);

/* Read "K/N", the K-th of N shares of a work, 1 <= K <= N <= max; false for anything else. */
bool pz_str_to_share(const char *text, uint32_t max, uint32_t *k, uint32_t *n);

/* Read the whole of n bytes as a truth value: true, yes, on, y, t, 1 or false, no, off, n, f, 0, in
 * any case; false for anything else. The one reader of cells, filter values, properties and context
 * that are known to be boolean; what is inferred to be boolean is narrower (import/infer.c). */
bool pz_str_to_bool(const char *s, size_t n, bool *out);

/* True when the n bytes are well-formed UTF-8 (RFC 3629) without NUL. */
bool pz_str_is_utf8(const char *s, size_t n);

/* A file's name can stand behind it. */
#define PZ_STR_NOT_UTF8 "is not valid UTF-8; if it is Latin-1: iconv -f LATIN1 -t UTF-8"

/* Why a text is refused, to stand behind the name of its column; NULL: it is UTF-8 without a NUL
 * byte.
 * Owner:   static
 * Threads: any */
const char *pz_str_text_fault(const char *s, size_t n);

/* Compare names without regard to case, '_', '-' and blanks: userId = USER_ID = user-id = "User
 * ID". */
bool pz_str_same_name(const char *a, const char *b);

/* Compare n bytes with m bytes without regard to the case of ASCII letters: event types, keywords.
 * The one comparison of event types. Independent of the locale. */
bool pz_str_same_word(const char *a, size_t n, const char *b, size_t m);

/* The candidate nearest to word by edit distance, for "did you mean"; NULL when none is near
 * (distance over a third of the length, at least 1).
 * candidates  n strings; NULL entries are passed over
 * Owner: whoever owns the candidates. */
const char *pz_str_nearest(const char *word, const char *const *candidates, size_t n);

struct pz_hint {
    char text[160];
};

/* What messages about an unknown name end with: "; did you mean NAME?", or "" when no candidate is
 * near. Use it at once, as an argument of printf: pz_str_hint("", word, names, n).text
 *
 * before  put in front of the name, such as "--" or "$"; else "" */
struct pz_hint pz_str_hint(const char *before, const char *word, const char *const *candidates,
                           size_t n);

#endif
