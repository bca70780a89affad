/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a text: see head.h.
 *
 * Everything is decided from the first lines: a byte order mark is passed over, a first byte '{'
 * makes JSON Lines, otherwise the first line is the header, and the byte that occurs most often in
 * it outside quotes delimits. "::" (as MovieLens has it) is folded into one byte, so that both
 * engines know delimiters of one byte only.
 *
 * Spreadsheets and report tools put a title above the header: a first line without any delimiter
 * over a second one with some is such a title, and so is a line that starts with '#' and has none.
 * A file of one column has no delimiter in its second line either, so it keeps its header. */
#include "text/head.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"
#include "text/record.h"
#include "text/refuse.h"
#include "text/stream.h"

enum { COLUMNS_MAX = 4096, TITLES_MAX = 10 };

/* In the order of preference among equals: a header with one comma and one semicolon has commas. */
static const char candidates[] = { ',', ';', '\t', '|', PZ_TEXT_PAIR, '\0' };

size_t pz_text_fold(char *text, size_t from, size_t n)
{
    size_t put;

    /* A pair may lie across two reads. */
    from -= from > 0 && text[from - 1] == ':';
    put = from;
    while (from < n) {
        bool pair = from + 1 < n && text[from] == ':' && text[from + 1] == ':';

        text[put++] = pair ? PZ_TEXT_PAIR : text[from];
        from += pair ? 2 : 1;
    }
    return put;
}

/* Bytes of the first line with its newline; 0: it has no end yet. */
static size_t first_line(const char *text, size_t n)
{
    const char *newline = memchr(text, '\n', n);

    return newline ? (size_t)(newline - text) + 1 : 0;
}

/* How often a delimiter is in a line, outside quotes. ':' counts pairs. */
static size_t count_delimiter(const char *s, size_t n, char delimiter)
{
    size_t count = 0;
    bool quoted = false;

    for (size_t i = 0; i < n; i++) {
        bool pair = delimiter != ':' || (i + 1 < n && s[i + 1] == ':');

        quoted ^= s[i] == '"';
        if (s[i] == delimiter && pair && !quoted) {
            count++;
            i += delimiter == ':';
        }
    }
    return count;
}

/* The most frequent delimiter of a line, ':' for "::"; *count how often. */
static char guess_delimiter(const char *s, size_t n, size_t *count)
{
    char chosen = ',';

    *count = 0;
    for (const char *c = candidates; *c; c++) {
        size_t found = count_delimiter(s, n, *c);

        if (found > *count) {
            *count = found;
            chosen = *c;
        }
    }
    if (count_delimiter(s, n, ':') > *count) {
        *count = count_delimiter(s, n, ':');
        chosen = ':';
    }
    return chosen;
}

/* ---- names ---- */

/* Bytes of a blank at the start of s, or at its end: a space, a tab, a space that does not break,
 * one without width, or a byte order mark. */
static size_t blank_bytes(const char *s, size_t n, bool end)
{
    static const char *const blanks[] = { " ", "\t", "\xc2\xa0", "\xe2\x80\x8b", "\xef\xbb\xbf" };

    for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++) {
        size_t len = strlen(blanks[i]);

        if (len <= n && memcmp(end ? s + n - len : s, blanks[i], len) == 0)
            return len;
    }
    return 0;
}

static bool add_name(struct pz_text_head *head, size_t *cap, const char *s, size_t n)
{
    size_t blank;

    while ((blank = blank_bytes(s, n, false)) > 0) {
        s += blank;
        n -= blank;
    }
    while ((blank = blank_bytes(s, n, true)) > 0)
        n -= blank;
    /* ', "name"': the blank makes the quotes a part of the cell. */
    if (n > 2 && s[0] == '"' && s[n - 1] == '"') {
        s++;
        n -= 2;
    }
    if (!pz_mem_grow(&head->name, cap, head->n + 1, sizeof *head->name))
        return false;
    head->name[head->n] = pz_mem_strndup(s, n);
    return head->name[head->n] && ++head->n;
}

static enum pz_status names_from_option(const char *list, struct pz_text_head *head,
                                        struct pz_err *err)
{
    size_t cap = 0;

    for (const char *s = list;; s++) {
        size_t n = strcspn(s, ",");

        if (!add_name(head, &cap, s, n))
            return pz_err_memory(err, "the header", (double)strlen(list));
        s += n;
        if (!*s)
            return PZ_OK;
    }
}

static enum pz_status names_from_line(const char *file, const char *text, size_t n,
                                      struct pz_text_head *head, struct pz_err *err)
{
    struct pz_csv_reader r;
    struct pz_row row = { .n_cells = 0 };
    size_t cap = 0;
    enum pz_status st = PZ_OK;

    if (!pz_csv_init(&r, &head->form, COLUMNS_MAX) || !pz_csv_start(&r, text, n))
        st = pz_err_memory(err, "the header", (double)n);
    else if (!pz_csv_next(&r, &row) || row.bad)
        st = pz_err_set(err, PZ_BAD_DATA, "%s:%llu: the header line: %s", file,
                        (unsigned long long)head->lines + 1,
                        !row.bad ? "is empty"
                        : memmem(text, n, "\" \"", 3)
                            ? "has blanks between its cells: say --delimiter "
                              "' '"
                            : row.bad);
    else if (row.n_cells > COLUMNS_MAX)
        st = pz_err_set(err, PZ_BAD_DATA, "%s:1: the header line: more than %d columns", file,
                        COLUMNS_MAX);
    else if (row.check_text && !pz_str_is_utf8(text, n))
        st = pz_err_set(err, PZ_BAD_DATA,
                        "%s:1: the header line is not UTF-8; if it is Latin-1: iconv -f LATIN1 -t "
                        "UTF-8 %s",
                        file, pz_in_typed(file));
    for (size_t i = 0; i < row.n_cells && st == PZ_OK; i++)
        if (!add_name(head, &cap, row.cell[i].s, row.cell[i].n))
            st = pz_err_memory(err, "the header", (double)n);
    pz_csv_clear(&r);
    return st;
}

/* ---- the steps ---- */

static void pass(struct pz_text_head *head, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        head->lines += text[i] == '\n';
    head->bytes += n;
}

/* Byte order mark, lines to skip, blank lines. False: there is not enough text for it. */
static bool pass_front(const struct pz_text_cfg *cfg, const char *text, size_t n, bool at_end,
                       struct pz_text_head *head)
{
    if (n < 3 && !at_end)
        return false;
    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        head->bytes = 3;
    for (unsigned i = 0; i < cfg->skip_lines; i++) {
        size_t line = first_line(text + head->bytes, n - head->bytes);

        if (line == 0)
            return at_end;
        pass(head, text + head->bytes, line);
    }
    /* Blank lines, and blanks in front of a JSON object. The first column's name loses its own,
     * too. */
    while (head->bytes < n && strchr(" \t\r\n", text[head->bytes]) && text[head->bytes])
        pass(head, text + head->bytes, 1);
    return head->bytes < n || at_end;
}

/* How many cells of a line hold something. *named: the first that does could be a column's name. */
static size_t count_filled(const char *s, size_t n, bool *named)
{
    size_t count, filled = 0;
    char delimiter = guess_delimiter(s, n, &count);
    bool quoted = false, in_cell = false;

    *named = true;
    for (size_t i = 0; i < n; i++) {
        quoted ^= s[i] == '"';
        if (!quoted && s[i] == delimiter && count > 0) {
            in_cell = false;
        } else if (!strchr("\"\r\n", s[i])) {
            filled += !in_cell;
            in_cell = true;
            *named &= filled > 1 || !strchr(" \t.:/", s[i]);
        }
    }
    return filled;
}

/* Whether a line of a table comes soon below: the next one that is not blank has two cells or more,
 * or one of the two behind it three. *more: there is not enough text to tell. */
static bool has_table_below(const char *s, size_t n, bool at_end, bool *more)
{
    for (size_t seen = 0; seen < 3;) {
        size_t line = first_line(s, n), filled;
        bool named;

        if (line == 0) {
            *more = !at_end;
            return false;
        }
        filled = count_filled(s, line, &named);
        if (filled > 1 + (seen > 0))
            return true;
        seen += filled > 0;
        s += line;
        n -= line;
    }
    return false;
}

/* A line that is one cell in quotes, and no name of a column. */
static bool is_quoted_title(const char *s, size_t n, bool named)
{
    while (n > 0 && (s[n - 1] == '\n' || s[n - 1] == '\r'))
        n--;
    return !named && n > 2 && s[0] == '"' && memchr(s + 1, '"', n - 1) == s + n - 1;
}

/* A title or comment above the header: "# ...", Excel's "sep=;", or one filled cell over a table,
 * with or without the empty cells that spreadsheets put behind it. */
static bool is_title(const char *s, size_t line, size_t left, bool at_end, bool *more)
{
    bool named;
    size_t count;

    if (memchr(s, PZ_TEXT_PAIR,
               line)) /* it was taken for the header, and more text was asked for */
        return false;
    if (s[0] == '#' || (line <= 7 && line > 4 && strncasecmp(s, "sep=", 4) == 0))
        return true;
    guess_delimiter(s, line, &count);
    if (count_filled(s, line, &named) > 1 ||
        (count > 0 ? named : memchr(s, '"', line) && !is_quoted_title(s, line, named)))
        return false;
    return has_table_below(s + line, left - line, at_end, more);
}

/* Pass over titles above the header, and blank lines below them. False: there is not enough text to
 * tell. */
static bool pass_titles(const char *text, size_t n, bool at_end, struct pz_text_head *head)
{
    for (int i = 0; i < TITLES_MAX; i++) {
        const char *s = text + head->bytes;
        size_t left = n - head->bytes, line = first_line(s, left);
        bool more = false, named;

        if (line == 0)
            return at_end;
        if (!is_title(s, line, left, at_end, &more))
            return !more;
        head->passed++;
        do
            pass(head, text + head->bytes, line);
        while ((line = first_line(text + head->bytes, n - head->bytes)) > 0 &&
               count_filled(text + head->bytes, line, &named) == 0);
    }
    return true;
}

static enum pz_status choose_delimiter(const struct pz_text_cfg *cfg, const char *s, size_t n,
                                       struct pz_text_head *head, struct pz_err *err)
{
    const char *given = cfg->delimiter;
    size_t count;

    head->form.delimiter = guess_delimiter(s, n, &count);
    if (given && strcmp(given, "::") == 0)
        head->form.delimiter = ':';
    else if (given && (strcmp(given, "tab") == 0 || strcmp(given, "\\t") == 0))
        head->form.delimiter = '\t';
    else if (given && (strlen(given) != 1 || strchr("\"\n\r:", given[0])))
        return pz_err_set(err, PZ_USAGE,
                          "--delimiter: \"%s\" is neither one byte, nor tab, nor ::", given);
    else if (given)
        head->form.delimiter = given[0];
    if (head->form.delimiter == ':')
        head->form.delimiter = PZ_TEXT_PAIR;
    head->pairs = head->form.delimiter == PZ_TEXT_PAIR; /* also of a text that is folded already */
    return PZ_OK;
}

/* 'user_id','item_id': quotes that would stay in the ids. */
static enum pz_status refuse_single_quotes(const char *file, const struct pz_text_head *head,
                                           struct pz_err *err)
{
    for (size_t i = 0; i < head->n; i++) {
        size_t n = strlen(head->name[i]);

        if (n < 3 || head->name[i][0] != '\'' || head->name[i][n - 1] != '\'')
            return PZ_OK;
    }
    return pz_err_set(err, PZ_BAD_DATA,
                      "%s:%llu: the cells are in single quotes; turn them: tr \"'\" '\"' < %s",
                      file, (unsigned long long)head->lines, pz_in_typed(file));
}

/* The header of CSV, which starts at head->bytes. */
static enum pz_status take_header(const char *file, const struct pz_text_cfg *cfg, char *text,
                                  size_t *n, bool at_end, struct pz_text_head *head, bool *more,
                                  struct pz_err *err)
{
    char *s = text + head->bytes;
    size_t line = first_line(s, *n - head->bytes), end = 0;
    enum pz_status st = choose_delimiter(cfg, s, line, head, err);

    if (st == PZ_OK && head->pairs)
        *n = head->bytes + pz_text_fold(s, 0, *n - head->bytes);
    if (st == PZ_OK && cfg->header) {
        head->header_given = true;
        return names_from_option(cfg->header, head, err);
    }
    if (st != PZ_OK)
        return st;
    if (pz_scan_record(&head->form, s, *n - head->bytes, 0, &end, NULL) == PZ_SCAN_MORE) {
        *more = !at_end && *n - head->bytes < PZ_RECORD_MAX;
        return *more ? PZ_OK
                     : pz_err_set(err, PZ_BAD_DATA,
                                  "%s:%llu: the header line has a quote that is not closed", file,
                                  (unsigned long long)head->lines + 1);
    }
    st = names_from_line(file, s, end, head, err);
    pass(head, s, end);
    return st == PZ_OK ? refuse_single_quotes(file, head, err) : st;
}

/* Which column cfg->unquoted is. */
static enum pz_status find_unquoted(const struct pz_text_cfg *cfg, struct pz_text_head *head,
                                    struct pz_err *err)
{
    for (size_t i = 0; cfg->unquoted && i < head->n && head->form.unquoted == 0; i++)
        if (strcmp(head->name[i], cfg->unquoted) == 0)
            head->form.unquoted = i + 1;
    return !cfg->unquoted || head->form.unquoted > 0
               ? PZ_OK
               : pz_err_set(err, PZ_USAGE, "--unquoted: there is no column \"%s\"", cfg->unquoted);
}

enum pz_status pz_text_head_read(const char *file, const struct pz_text_cfg *cfg, char *text,
                                 size_t *n, bool at_end, struct pz_text_head *head, bool *more,
                                 struct pz_err *err)
{
    static const struct pz_text_cfg none = { .backslash = false };
    /* What is no text at the end of a file is not looked at, and whether it is the end shows only
     * then. */
    size_t line, filled = pz_scan_trim(text, *n);
    enum pz_status st = pz_refuse_bytes(file, text, filled, err);

    cfg = cfg ? cfg : &none;
    pz_text_head_clear(head);
    head->form.backslash = cfg->backslash;
    *more = false;
    if (st == PZ_OK && ((filled < *n && !at_end) || !pass_front(cfg, text, *n, at_end, head))) {
        *more = true;
        return PZ_OK;
    }
    if (st == PZ_OK && head->bytes >= *n)
        st = pz_err_set(err, PZ_BAD_DATA, "%s: the file is empty", file);
    if (st == PZ_OK)
        st = pz_refuse_form(file, text + head->bytes, *n - head->bytes, err);
    if (st != PZ_OK)
        return st;
    head->json = text[head->bytes] == '{';
    if (head->json)
        return PZ_OK;
    line = first_line(text + head->bytes, *n - head->bytes);
    if (line == 0 && !at_end && *n - head->bytes < PZ_RECORD_MAX) {
        *more = true;
        return PZ_OK;
    }
    if (line == 0)
        return pz_err_set(err, PZ_BAD_DATA, "%s:1: the header line has no end: is this a CSV file?",
                          file);
    if (!cfg->header && !pass_titles(text, *n, at_end, head)) {
        *more = true;
        return PZ_OK;
    }
    st = take_header(file, cfg, text, n, at_end, head, more, err);
    head->form.n_columns = head->n;
    return st == PZ_OK && !*more ? find_unquoted(cfg, head, err) : st;
}

void pz_text_head_clear(struct pz_text_head *head)
{
    for (size_t i = 0; i < head->n; i++)
        free(head->name[i]);
    free(head->name);
    memset(head, 0, sizeof *head);
}
