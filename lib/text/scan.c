/* SPDX-License-Identifier: Apache-2.0 */
/* Scanning CSV: see scan.h.
 *
 * Marks are found 64 bytes at a time: comparing gives one bit a byte, and walking the set bits
 * gives the offsets (the first stage of Langdale & Lemire, "Parsing gigabytes of JSON per second",
 * VLDB J. 2019, without its quote masks: a record with a quote takes the slow road anyway). SSE2
 * belongs to every x86-64 machine; others take the plain loop, which gives the same answer.
 *
 * Records: a quoted field may hold newlines, so the end of a record is known only from its start.
 * The same function decides where a block is cut and how it is read, so the two cannot disagree.
 * After garbage, an unclosed quote or lines that a quote swallowed, reading goes on at the next
 * line: one bad quote spoils one line. */
#include "text/scan.h"

#include <stdio.h>
#include <string.h>

#include "base/simd.h"
#include "text/row.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

size_t pz_scan_marks_plain(const char *text, size_t n, char delimiter, uint32_t *at,
                           struct pz_scan_found *found)
{
    size_t n_marks = 0;

    for (size_t i = 0; i < n; i++) {
        /* The reference for the fast version below; test_stream and the fuzz target hold the two
         * together. */
        found->quote |= text[i] == '"';
        found->high |= (unsigned char)text[i] >= 0x80;
        found->nul |= text[i] == '\0';
        if (text[i] == delimiter || text[i] == '\n' || text[i] == '"')
            at[n_marks++] = (uint32_t)i;
    }
    return n_marks;
}

#ifdef __SSE2__
struct masks {
    uint64_t mark, quote, high, nul;
};

/* Part of pz_scan_marks, which newer processors have a version of, with instructions for bits. */
#define PART static inline __attribute__((always_inline))

PART uint64_t equal(__m128i v, char c)
{
    return (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8(c)));
}

PART void look_at_64(const char *p, char delimiter, struct masks *m)
{
    memset(m, 0, sizeof *m);
    for (int k = 0; k < 4; k++) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * k));
        uint64_t quote = equal(v, '"');

        m->quote |= quote << (16 * k);
        m->mark |= (quote | equal(v, delimiter) | equal(v, '\n')) << (16 * k);
        m->high |= (uint64_t)(unsigned)_mm_movemask_epi8(v) << (16 * k);
        m->nul |= equal(v, '\0') << (16 * k);
    }
}

/* Entries past the last mark are written and later overwritten: a fixed number of stores a round is
 * cheaper than a branch for every mark. */
PART size_t put_marks(uint64_t mark, uint32_t base, uint32_t *at)
{
    size_t n = (size_t)__builtin_popcountll(mark);

    for (size_t done = 0; done < n; done += 8)
        for (size_t k = 0; k < 8; k++) {
            at[done + k] = base + (uint32_t)(mark ? __builtin_ctzll(mark) : 0);
            mark &= mark - 1;
        }
    return n;
}

PZ_KERNEL size_t pz_scan_marks(const char *text, size_t n, char delimiter, uint32_t *at,
                               struct pz_scan_found *found)
{
    size_t n_marks = 0, i = 0, rest, tail;
    uint64_t quote = 0, high = 0, nul = 0;

    for (; i + 64 <= n; i += 64) {
        struct masks m;

        look_at_64(text + i, delimiter, &m);
        n_marks += put_marks(m.mark, (uint32_t)i, at + n_marks);
        quote |= m.quote;
        high |= m.high;
        nul |= m.nul;
    }
    rest = n_marks;
    tail = pz_scan_marks_plain(text + i, n - i, delimiter, at + rest, found);
    for (size_t k = 0; k < tail; k++)
        at[rest + k] += (uint32_t)i;
    found->quote |= quote != 0;
    found->high |= high != 0;
    found->nul |= nul != 0;
    return rest + tail;
}
#else
size_t pz_scan_marks(const char *text, size_t n, char delimiter, uint32_t *at,
                     struct pz_scan_found *found)
{
    return pz_scan_marks_plain(text, n, delimiter, at, found);
}
#endif

/* The offset after the quote that closes the field whose content starts at i; n when there is none.
 * A quote on the last byte may be the first half of a doubled one, so it closes nothing yet. */
static size_t skip_quoted(const struct pz_csv_form *form, const char *text, size_t n, size_t i)
{
    while (i < n) {
        if (form->backslash && text[i] == '\\') {
            i += 2;
        } else if (text[i] != '"') {
            i++;
        } else if (i + 1 >= n) {
            return n;
        } else if (text[i + 1] == '"') {
            i += 2;
        } else {
            return i + 1;
        }
    }
    return n;
}

static size_t skip_plain(const struct pz_csv_form *form, const char *text, size_t n, size_t i)
{
    while (i < n && text[i] != form->delimiter && text[i] != '\n')
        i++;
    return i;
}

static enum pz_scan_end give_up(const char *text, size_t n, size_t at, size_t *next)
{
    const char *newline = memchr(text + at, '\n', n - at);

    if (!newline)
        return PZ_SCAN_MORE;
    *next = (size_t)(newline - text) + 1;
    return PZ_SCAN_GARBAGE;
}

/* A whole record, unless its line breaks come from a quote that swallowed lines: then it has not
 * the cells that it should. */
static enum pz_scan_end finish(const struct pz_csv_form *form, const char *text, size_t at,
                               size_t end, size_t n_cells, size_t *next)
{
    const char *newline = memchr(text + at, '\n', end - at);

    if (form->n_columns > 0 && n_cells != form->n_columns && newline < text + end - 1) {
        *next = (size_t)(newline - text) + 1;
        return PZ_SCAN_RAGGED;
    }
    *next = end;
    return PZ_SCAN_RECORD;
}

/* The record at text[at]; *upto is the offset after the last byte that was looked at. */
static enum pz_scan_end scan_record(const struct pz_csv_form *form, const char *text, size_t n,
                                    size_t at, size_t *next, size_t *cells, size_t *upto)
{
    size_t i = at, n_cells = 0;

    *upto = n;

    while (i < n) {
        bool quoted = text[i] == '"';

        i = quoted ? skip_quoted(form, text, n, i + 1) : skip_plain(form, text, n, i);
        if (quoted && i < n && text[i] == '\r') {
            if (i + 1 == n)
                return PZ_SCAN_MORE;
            i += text[i + 1] == '\n';
        }
        if (i >= n)
            return PZ_SCAN_MORE;
        n_cells++;
        if (text[i] == '\n') {
            *cells = n_cells;
            *upto = i + 1;
            return finish(form, text, at, i + 1, n_cells, next);
        }
        if (text[i] != form->delimiter) {
            *upto = i + 1;
            return give_up(text, n, at, next);
        }
        i++;
    }
    return PZ_SCAN_MORE;
}

enum pz_scan_end pz_scan_record(const struct pz_csv_form *form, const char *text, size_t n,
                                size_t at, size_t *next, size_t *cells)
{
    size_t upto, ignored;

    return scan_record(form, text, n, at, next, cells ? cells : &ignored, &upto);
}

size_t pz_scan_cut(const struct pz_csv_form *form, const char *text, size_t n)
{
    size_t at = 0, cut = 0, needed = 0;

    for (;;) {
        const char *quote = at < n ? memchr(text + at, '"', n - at) : NULL, *line;
        size_t end = quote ? (size_t)(quote - text) : n, upto, cells;

        line = at < end ? memrchr(text + at, '\n', end - at) : NULL;
        if (line)
            at = (size_t)(line - text) + 1;
        cut = at >= needed ? at : cut;
        if (!quote || scan_record(form, text, n, at, &at, &cells, &upto) == PZ_SCAN_MORE)
            return cut;
        needed = upto > needed ? upto : needed;
    }
}

static bool is_end_mark(char c)
{
    return c == '\x1a' || c == '\f' || c == '\0';
}

size_t pz_scan_blank(const struct pz_csv_form *form, const char *text, size_t n)
{
    size_t i = 0;

    while (i < n && ((form->n_columns > 1 && text[i] == form->delimiter) || is_end_mark(text[i]) ||
                     (text[i] == '\r' && i + 1 < n && text[i + 1] == '\n')))
        i++;
    return i < n && text[i] == '\n' ? i + 1 : 0;
}

size_t pz_scan_trim(const char *text, size_t n)
{
    while (n > 0 && is_end_mark(text[n - 1]))
        n--;
    return n;
}

void pz_scan_ragged(const struct pz_csv_form *form, const char *raw, size_t n, size_t n_cells,
                    char *out, size_t size)
{
    /* In the first line: raw may have its end or not, and what stood behind a stray quote. */
    const char *newline = memchr(raw, '\n', n), *end = newline ? newline : raw + n,
               *cr = memchr(raw, '\r', (size_t)(end - raw));
    bool old_mac = cr && cr + 1 < end;

    snprintf(out, size, PZ_ROW_RAGGED "%s", n_cells, form->n_columns,
             old_mac ? " (its lines end as on an old Mac: tr '\\r' '\\n' < FILE)" : "");
}
