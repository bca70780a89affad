/* SPDX-License-Identifier: Apache-2.0 */
/* Strings: see str.h. Appending cannot fail visibly: a buffer that ran out of memory remembers it
 * and ignores what follows, so that a caller who appends forty pieces checks once.
 *
 * Numbers are read and written without regard to the locale, as a file must not depend on who reads
 * it. Writing tries 15 to 17 (float: 6 to 9) significant digits until the text reads back as the
 * same value, which gives the shortest such text in nearly all cases; 17 and 9 always do (David M.
 * Gay, 1990). Names and words are compared in ASCII: data never come in the locale of the machine.
 */
#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

static bool reserve(struct pz_str *s, size_t extra)
{
    if (s->len + extra < s->cap && !s->failed)
        return true;
    if (s->failed || !pz_mem_grow(&s->data, &s->cap, s->len + extra + 1, 1)) {
        s->failed = true;
        return false;
    }
    return true;
}

void pz_str_reserve(struct pz_str *s, size_t n)
{
    reserve(s, n);
}

void pz_str_add(struct pz_str *s, const char *bytes, size_t n)
{
    if (!reserve(s, n))
        return;
    if (n > 0)
        memcpy(s->data + s->len, bytes, n);
    s->len += n;
    s->data[s->len] = '\0';
}

void pz_str_addc(struct pz_str *s, char c)
{
    pz_str_add(s, &c, 1);
}

void pz_str_add_count(struct pz_str *s, uint64_t n, size_t digits)
{
    char text[20]; /* 2^64 has 20 digits */
    size_t at = sizeof text;

    do {
        text[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0 || sizeof text - at < digits);
    pz_str_add(s, text + at, sizeof text - at);
}

void pz_str_addf(struct pz_str *s, const char *fmt, ...)
{
    va_list args;
    size_t room;
    int n;

    if (!reserve(s, 0))
        return;
    room = s->cap - s->len;
    va_start(args, fmt);
    n = vsnprintf(s->data + s->len, room, fmt, args);
    va_end(args);
    if (n >= 0 && (size_t)n >= room && reserve(s, (size_t)n)) { /* once more, with room */
        va_start(args, fmt);
        vsnprintf(s->data + s->len, (size_t)n + 1, fmt, args);
        va_end(args);
    }
    if (n < 0 || s->failed)
        s->data[s->len] = '\0';
    else
        s->len += (size_t)n;
}

/* The C locale for strtod_l; made once, never freed. */
static locale_t c_locale(void)
{
    static locale_t loc;
    locale_t seen = __atomic_load_n(&loc, __ATOMIC_ACQUIRE);

    if (seen == (locale_t)0) {
        locale_t made = newlocale(LC_ALL_MASK, "C", (locale_t)0);

        if (__atomic_compare_exchange_n(&loc, &seen, made, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE))
            return made;
        freelocale(made);
    }
    return seen;
}

/* snprintf obeys LC_NUMERIC; the programs never call setlocale, so the point is a point. */
static void add_number(struct pz_str *s, double x, int from, int to, bool single)
{
    char text[40];

    if (isnan(x)) {
        pz_str_adds(s, "nan");
        return;
    }
    if (isinf(x)) {
        pz_str_adds(s, x > 0 ? "inf" : "-inf");
        return;
    }
    for (int digits = from; digits <= to; digits++) {
        double back;

        snprintf(text, sizeof text, "%.*g", digits, x);
        back = strtod_l(text, NULL, c_locale());
        if (single ? (float)back == (float)x : back == x)
            break;
    }
    pz_str_adds(s, text);
}

void pz_str_add_double(struct pz_str *s, double x)
{
    add_number(s, x, 15, 17, false);
}

void pz_str_add_float(struct pz_str *s, float x)
{
    add_number(s, (double)x, 6, 9, true);
}

void pz_str_add_plain(struct pz_str *s, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        pz_str_addc(s, (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i]);
}

void pz_str_trim(const char **s, size_t *n)
{
    for (; *n > 0 && **s == ' '; --*n)
        ++*s;
    while (*n > 0 && (*s)[*n - 1] == ' ')
        --*n;
}

/* RFC 4180 asks for quotes around a delimiter, a quote and a line end. Blanks at an end are quoted
 * too, since many readers trim plain cells. */
static bool needs_quotes(const char *field, size_t n, char delimiter)
{
    if (n > 0 && (field[0] == ' ' || field[n - 1] == ' '))
        return true;
    for (size_t i = 0; i < n; i++)
        if (field[i] == delimiter || field[i] == '"' || field[i] == '\n' || field[i] == '\r')
            return true;
    return false;
}

void pz_str_add_csv(struct pz_str *s, const char *field, size_t n, char delimiter)
{
    if (!needs_quotes(field, n, delimiter)) {
        pz_str_add(s, field, n);
        return;
    }
    pz_str_addc(s, '"');
    for (size_t i = 0; i < n; i++) {
        if (field[i] == '"')
            pz_str_addc(s, '"');
        pz_str_addc(s, field[i]);
    }
    pz_str_addc(s, '"');
}

void pz_str_add_shell(struct pz_str *s, const char *word)
{
    size_t plain = strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./,=:+@%");

    if (plain > 0 && word[plain] == '\0') {
        pz_str_adds(s, word);
        return;
    }
    pz_str_addc(s, '\'');
    for (; *word; word++) {
        if (*word == '\'')
            pz_str_adds(s, "'\\''");
        else
            pz_str_addc(s, *word);
    }
    pz_str_addc(s, '\'');
}

void pz_str_reset(struct pz_str *s)
{
    s->len = 0;
    s->failed = false;
    if (s->data)
        s->data[0] = '\0';
}

void pz_str_clear(struct pz_str *s)
{
    free(s->data);
    memset(s, 0, sizeof *s);
}

/* strtod takes hexadecimal, "nan", "inf" and leading blanks as well: only bytes of a decimal number
 * reach it. No number needs 64 bytes; what is longer is refused rather than rounded. */
bool pz_str_to_double(const char *s, size_t n, double *out)
{
    char text[64], *end;

    if (n == 0 || n >= sizeof text)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!strchr("0123456789+-.eE", s[i]) || s[i] == '\0')
            return false;
    memcpy(text, s, n);
    text[n] = '\0';
    *out = strtod_l(text, &end, c_locale());
    return end == text + n && isfinite(*out);
}

bool pz_str_to_i64(const char *s, size_t n, long long *out)
{
    size_t i = 0;
    bool negative = false;
    long long value = 0;

    if (i < n && (s[i] == '-' || s[i] == '+'))
        negative = s[i++] == '-';
    if (i == n)
        return false;
    /* Built up as a negative number, which has one value more than the positive ones. */
    for (; i < n; i++) {
        int digit = s[i] - '0';

        if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value)) /* downwards: INT64_MIN has no positive */
            return false;
    }
    if (!negative && __builtin_sub_overflow(0, value, &value))
        return false;
    *out = value;
    return true;
}

bool pz_str_to_share(const char *text, uint32_t max, uint32_t *k, uint32_t *n)
{
    const char *slash = strchr(text, '/');
    long long which, of;

    if (!slash || !pz_str_to_i64(text, (size_t)(slash - text), &which) ||
        !pz_str_to_i64(slash + 1, strlen(slash + 1), &of) || which < 1 || which > of || of > max)
        return false;
    *k = (uint32_t)which;
    *n = (uint32_t)of;
    return true;
}

/* Bytes of the well-formed sequence at s (RFC 3629, table 3-7 of Unicode), 0 when there is none. */
static size_t utf8_length(const unsigned char *s, size_t n)
{
    /* 0xc0 and 0xc1 could only begin an overlong form of an ASCII character: two spellings of one
     * id. */
    size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

    if (len == 0 || len > n || s[0] > 0xf4 || s[0] == 0)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    /* Overlong, a surrogate of UTF-16, overlong, beyond U+10FFFF. */
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return len;
}

bool pz_str_to_bool(const char *s, size_t n, bool *out)
{
    static const char *const words[] = { "false", "true", "no", "yes", "off", "on",
                                         "n",     "y",    "f",  "t",   "0",   "1" };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (pz_str_same_word(s, n, words[i], strlen(words[i]))) {
            *out = i % 2 != 0;
            return true;
        }
    return false;
}

bool pz_str_is_utf8(const char *s, size_t n)
{
    size_t i = 0;

    while (i < n) {
        size_t len = utf8_length((const unsigned char *)s + i, n - i);

        if (len == 0)
            return false;
        i += len;
    }
    return true;
}

const char *pz_str_text_fault(const char *s, size_t n)
{
    return pz_str_is_utf8(s, n) ? NULL : memchr(s, '\0', n) ? "has a NUL byte" : PZ_STR_NOT_UTF8;
}

static const char *skip_marks(const char *s)
{
    while (*s == '_' || *s == '-' || *s == ' ')
        s++;
    return s;
}

bool pz_str_same_name(const char *a, const char *b)
{
    for (;;) {
        a = skip_marks(a);
        b = skip_marks(b);
        if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
            return false;
        if (*a == '\0')
            return true;
        a++;
        b++;
    }
}

static int lower(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

bool pz_str_same_word(const char *a, size_t n, const char *b, size_t m)
{
    size_t i = 0;

    while (n == m && i < n && lower(a[i]) == lower(b[i]))
        i++;
    return n == m && i == n;
}

enum { WORD_MAX = 64 };

static bool same_letter(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;

    return ab < c ? ab : c;
}

/* Edits between two words, two letters in the wrong order being one (optimal string alignment),
 * without regard to case; words over WORD_MAX are far away. Rows of the table: before[2] is the
 * last but one. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t rows[3][WORD_MAX + 1], *row = rows[0], *before[3] = { NULL, rows[1], rows[2] };
    size_t n = strlen(a), m = strlen(b);

    if (n > WORD_MAX || m > WORD_MAX)
        return WORD_MAX;
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *free_row = before[2];

        before[2] = before[1];
        before[1] = row;
        row = free_row;
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            row[j] = min3(before[1][j] + 1, row[j - 1] + 1,
                          before[1][j - 1] + !same_letter(a[i - 1], b[j - 1]));
            if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) &&
                same_letter(a[i - 2], b[j - 1]) && before[2][j - 2] + 1 < row[j])
                row[j] = before[2][j - 2] + 1;
        }
    }
    return row[m];
}

const char *pz_str_nearest(const char *word, const char *const *candidates, size_t n)
{
    const char *best = NULL;
    size_t limit = strlen(word) / 3, best_distance;

    /* A third of the letters may be wrong: more, and the suggestion would puzzle more often than
     * help. */
    best_distance = (limit ? limit : 1) + 1;
    for (size_t i = 0; i < n; i++) {
        size_t d = candidates[i] ? edit_distance(word, candidates[i]) : best_distance;

        if (d < best_distance) {
            best_distance = d;
            best = candidates[i];
        }
    }
    return best;
}

struct pz_hint pz_str_hint(const char *before, const char *word, const char *const *candidates,
                           size_t n)
{
    struct pz_hint hint = { "" };
    const char *near = pz_str_nearest(word, candidates, n);

    if (near)
        snprintf(hint.text, sizeof hint.text, "; did you mean %s%s?", before, near);
    return hint;
}
