/* SPDX-License-Identifier: Apache-2.0 */
/* Filter expressions, from text to tokens. Signs that other languages and word processors write are
 * taken for what they mean here. */
#include "filter/tokens.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "base/time.h"
#include "filter/ast.h"

enum pz_status pz_filter_fault(const char *text, size_t at, struct pz_err *err, const char *fmt,
                               ...)
{
    char what[512];
    size_t characters = 1, n;
    va_list args;

    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    for (size_t i = 0; i < at; i++)
        /* Characters, not bytes: that is what an editor counts. */
        characters += ((unsigned char)text[i] & 0xc0) != 0x80;
    n = strcspn(text + at, "\n\r");
    if (n > 30)
        /* Never cut inside a character. */
        for (n = 30; n > 0 && ((unsigned char)text[at + n] & 0xc0) == 0x80;)
            n--;
    return n ? pz_err_set(err, PZ_USAGE, "filter: character %zu, at \"%.*s%s\": %s", characters,
                          (int)n, text + at, text[at + n] ? "..." : "", what)
             : pz_err_set(err, PZ_USAGE, "filter: at the end: %s", what);
}
static const char *keep(struct pz_filter_tokens *t, const char *s, size_t n)
{
    const char *copy = pz_arena_strndup(t->arena, s, n);

    if (!copy && t->st == PZ_OK)
        t->st = pz_err_memory(t->err, "a filter", (double)n);
    return copy;
}

void pz_filter_stop(struct pz_filter_tokens *t, size_t at, const char *what)
{
    if (t->st == PZ_OK)
        t->st = pz_filter_fault(t->text, at, t->err, "%s", what);
    t->token = PZ_TOKEN_END;
}

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t word_length(const char *s)
{
    size_t n = 0;

    while (is_letter(s[n]) || is_digit(s[n]))
        n++;
    return n;
}

/* What word processors and pages make of ASCII: bytes that mean one of ours. */
struct typography {
    const char *bytes, *means;
};

static const struct typography *find_sign(const struct typography *list, size_t n, const char *s)
{
    for (size_t i = 0; i < n; i++)
        if (strncmp(s, list[i].bytes, strlen(list[i].bytes)) == 0)
            return &list[i];
    return NULL;
}

/* The quote at s: its bytes, and which ASCII quote it stands for; 0: it is none. */
static size_t quote_at(const char *s, char *quote)
{
    static const struct typography quotes[] = { { "\"", "\"" },           { "\'", "\'" },
                                                { "\xe2\x80\x9c", "\"" }, { "\xe2\x80\x9d", "\"" },
                                                { "\xe2\x80\x9e", "\"" }, { "\xe2\x80\x9f", "\"" },
                                                { "\xe2\x80\x98", "\'" }, { "\xe2\x80\x99", "\'" },
                                                { "\xe2\x80\x9a", "\'" }, { "\xe2\x80\x9b", "\'" },
                                                { "\xc2\xab", "\"" },     { "\xc2\xbb", "\"" } };
    const struct typography *found = find_sign(quotes, sizeof quotes / sizeof *quotes, s);

    *quote = found ? *found->means : '\0';
    return found ? strlen(found->bytes) : 0;
}

/* Bytes of blanks at s, those that pages put between words included. */
static size_t blanks_at(const char *s)
{
    static const struct typography wide[] = { { "\xc2\xa0", " " },
                                              { "\xe2\x80\xaf", " " },
                                              { "\xe3\x80\x80", " " },
                                              { "\xef\xbb\xbf", "" } };
    const struct typography *found;
    size_t n = 0;

    for (;;) {
        n += strspn(s + n, " \t\r\n");
        if (!(found = find_sign(wide, sizeof wide / sizeof *wide, s + n)))
            return n;
        n += strlen(found->bytes);
    }
}

/* "..." or '...', or between typographic quotes: a backslash stands before a quote or a backslash
 * that is meant. An ASCII quote is closed by its like only, so that a text may hold the others. */
static void lex_text(struct pz_filter_tokens *t)
{
    char quote, end;
    size_t n = 0, n_open = quote_at(t->text + t->at, &quote), n_end = 0;
    const char *s = t->text + t->at + n_open;
    /* At most the rest of the text: unescaping only shortens. */
    char *to = pz_arena_take(t->arena, strlen(s) + 1);

    t->token = PZ_TOKEN_TEXT;
    t->s = to;
    if (!to) {
        keep(t, s, 0);
        pz_filter_stop(t, t->at, "no memory");
        return;
    }
    while (*s) {
        n_end = quote_at(s, &end);
        /* What was opened by a typographic quote may be closed by any of its kind: languages differ
         * in theirs. */
        if (end == quote && (n_open == 1 ? n_end == 1 : n_end > 0))
            break;
        if (*s == '\\' && (s[1] == '\\' || s[1] == '"' || s[1] == '\''))
            s++;
        to[n++] = *s++;
    }
    to[n] = '\0';
    if (!*s)
        pz_filter_stop(t, t->at, "the quote is never closed");
    else
        t->next = (size_t)(s - t->text) + n_end;
}

/* 12, 1.5, 2e6, or a duration like 30d in seconds. */
static void lex_number(struct pz_filter_tokens *t)
{
    const char *s = t->text + t->at;
    size_t n = 0;
    int64_t seconds;

    while (is_digit(s[n]) || (s[n] == '.' && is_digit(s[n + 1])))
        n++;
    if ((s[n] == 'e' || s[n] == 'E') &&
        (is_digit(s[n + 1]) || ((s[n + 1] == '-' || s[n + 1] == '+') && is_digit(s[n + 2]))))
        for (n += 2; is_digit(s[n]);)
            n++;
    t->token = PZ_TOKEN_NUMBER;
    /* Letters behind a number belong to it: 30d is one token, and 3x one fault. */
    t->next = t->at + n + word_length(s + n);
    t->s = keep(t, s, t->next - t->at);
    t->is_time = false;
    if (t->s && !pz_str_to_double(t->s, t->next - t->at, &t->num)) {
        if ((t->is_time = pz_time_duration(t->s, &seconds)))
            t->num = (double)seconds;
        else
            pz_filter_stop(t, t->at, "not a number, nor a duration like 30d, 12h, 45m");
    }
}

static void lex_word(struct pz_filter_tokens *t)
{
    const char *s = t->text + t->at;

    t->token = PZ_TOKEN_WORD;
    t->quoted = *s == '`';
    if (t->quoted) {
        size_t n = strcspn(s + 1, "`");

        if (!s[n + 1] || n == 0)
            pz_filter_stop(t, t->at, "a name and a closing ` are needed");
        else
            t->s = keep(t, s + 1, n);
        t->next = t->at + n + 2;
    } else {
        size_t n = word_length(s);

        t->s = keep(t, s, n);
        t->next = t->at + n;
    }
}

static void lex_place(struct pz_filter_tokens *t)
{
    size_t n = word_length(t->text + t->at + 1);

    t->token = PZ_TOKEN_PLACE;
    t->next = t->at + 1 + n;
    t->s = keep(t, t->text + t->at + 1, n);
    if (n == 0)
        pz_filter_stop(t, t->at, "a placeholder needs a name: $NAME");
}

/* Signs that other languages write, as the words and signs that they mean here. */
static bool lex_foreign(struct pz_filter_tokens *t)
{
    static const struct typography words[] = { { "&&", "AND" }, { "||", "OR" } };
    /* Unequal, at most, at least, each as one character. */
    static const struct typography signs[] = { { "\xe2\x89\xa0", "!" },
                                               { "\xe2\x89\xa4", "<" },
                                               { "\xe2\x89\xa5", ">" } };
    const struct typography *found = find_sign(words, 2, t->text + t->at);

    if (found) {
        t->token = PZ_TOKEN_WORD;
        t->s = found->means;
    } else if ((found = find_sign(signs, 3, t->text + t->at))) {
        t->token = *found->means == '!'   ? PZ_TOKEN_UNEQUAL
                   : *found->means == '<' ? PZ_TOKEN_LESS_EQUAL
                                          : PZ_TOKEN_GREATER_EQUAL;
    }
    t->next = t->at + (found ? strlen(found->bytes) : 0);
    return found != NULL;
}

static void lex_sign(struct pz_filter_tokens *t)
{
    const char *s = t->text + t->at;
    bool equal = s[1] == '=';

    if (lex_foreign(t))
        return;
    t->byte = *s;
    t->next = t->at + 1;
    t->token = PZ_TOKEN_OTHER;
    if (*s == '=') {
        t->token = PZ_TOKEN_EQUAL;
        t->next += equal;
    } else if ((*s == '!' && equal) || (*s == '<' && s[1] == '>')) {
        t->token = PZ_TOKEN_UNEQUAL;
        t->next++;
    } else if (*s == '<' || *s == '>') {
        t->token = *s == '<' ? (equal ? PZ_TOKEN_LESS_EQUAL : PZ_TOKEN_LESS)
                   : equal   ? PZ_TOKEN_GREATER_EQUAL
                             : PZ_TOKEN_GREATER;
        t->next += equal;
    } else if (!strchr("(),.|+-*/[];", *s)) {
        pz_filter_stop(t, t->at, "this character has no meaning here");
    }
}

void pz_filter_next(struct pz_filter_tokens *t)
{
    char c, quote;

    t->token = PZ_TOKEN_END;
    if (t->st != PZ_OK) /* and t->next may lie behind the end */
        return;
    t->at = t->next + blanks_at(t->text + t->next);
    t->next = t->at;
    c = t->text[t->at];
    t->quoted = false;
    if (quote_at(t->text + t->at, &quote))
        lex_text(t);
    else if (is_digit(c))
        lex_number(t);
    else if (is_letter(c) || c == '`')
        lex_word(t);
    else if (c == '$')
        lex_place(t);
    else if (c != '\0')
        lex_sign(t);
}

bool pz_filter_before(const struct pz_filter_tokens *t, char c)
{
    return t->text[t->next + blanks_at(t->text + t->next)] == c;
}
