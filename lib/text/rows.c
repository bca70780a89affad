/* SPDX-License-Identifier: Apache-2.0 */
/* Row readers: see rows.h.
 *
 * Input comes in blocks; a record is a line, or several when a quote is open at the end of a line.
 * A CSV record without a quote is cut with memchr (nearly all are); one with quotes goes through
 * libcsv. JSON records go through Jansson; their scalars become text, arrays of scalars are joined
 * with '|'. */
#include "text/rows.h"

#include <csv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "text/stream.h"

enum { BLOCK_BYTES = 1 << 20, RECORD_MAX = 1 << 26 };

struct pz_rows_in {
    struct pz_in *in;
    char *buf; /* [cap] */
    size_t cap, from, to;
    bool at_end, json, raw;
    uint64_t line; /* of the byte at from */
    char delimiter;
    struct csv_parser parser;
    bool parser_made;
    char **name; /* [n] */
    size_t n, cap_names;
    struct pz_cell *cell; /* [cap_cells] */
    size_t cap_cells, n_cells;
    size_t *cell_at; /* libcsv and JSON: offsets into text while it grows */
    size_t cap_at;
    struct pz_str text;
    char problem[160];
};

/* libcsv drops blanks around fields unless told that none is one. */
static int no_blank(unsigned char c)
{
    (void)c;
    return 0;
}

static enum pz_status start_parser(struct pz_rows_in *in, struct pz_err *err)
{
    if (in->parser_made)
        csv_free(&in->parser);
    in->parser_made = csv_init(&in->parser, CSV_STRICT | CSV_STRICT_FINI) == 0;
    if (!in->parser_made)
        return pz_err_memory(err, "the CSV reader", 1e4);
    csv_set_delim(&in->parser, (unsigned char)in->delimiter);
    csv_set_space_func(&in->parser, no_blank);
    return PZ_OK;
}

static enum pz_status more(struct pz_rows_in *in, struct pz_err *err)
{
    size_t got = 0;
    enum pz_status st;

    if (in->from > 0) {
        memmove(in->buf, in->buf + in->from, in->to - in->from);
        in->to -= in->from;
        in->from = 0;
    }
    if (in->to > RECORD_MAX)
        return pz_err_set(err, PZ_BAD_DATA, "%s:%llu: a record of more than 64 MB",
                          pz_in_name(in->in), (unsigned long long)in->line);
    if (!pz_mem_grow(&in->buf, &in->cap, in->to + BLOCK_BYTES + 1, 1))
        return pz_err_memory(err, "an input buffer", (double)in->to + BLOCK_BYTES);
    st = pz_in_read(in->in, in->buf + in->to, BLOCK_BYTES, &got, err);
    in->to += got;
    in->at_end = got == 0;
    return st;
}

/* Position behind the record at from, quotes respected; SIZE_MAX when the buffer ends inside it. */
static size_t record_end(const struct pz_rows_in *in, uint64_t *lines)
{
    const char *s = in->buf;
    size_t at = in->from;
    bool open = false;

    *lines = 0;
    while (at < in->to) {
        const char *newline = memchr(s + at, '\n', in->to - at);
        size_t stop = newline ? (size_t)(newline - s) : in->to;

        for (const char *q = s + at;
             !in->json && (q = memchr(q, '"', (size_t)(s + stop - q))) != NULL; q++)
            open = !open;
        if (!newline)
            return SIZE_MAX;
        (*lines)++;
        at = stop + 1;
        if (!open)
            return at;
    }
    return SIZE_MAX;
}

static enum pz_status next_record(struct pz_rows_in *in, const char **s, size_t *n, uint64_t *line,
                                  struct pz_err *err)
{
    enum pz_status st = PZ_OK;
    uint64_t lines = 0;
    size_t end = record_end(in, &lines), tried = in->to - in->from;

    while (end == SIZE_MAX && !in->at_end && st == PZ_OK) {
        /* A record longer than the block is looked through again only after the buffer doubled. */
        do
            st = more(in, err);
        while (st == PZ_OK && !in->at_end && tried > BLOCK_BYTES && in->to - in->from < 2 * tried);
        tried = in->to - in->from;
        if (st == PZ_OK)
            end = record_end(in, &lines);
    }
    if (st != PZ_OK)
        return st;
    if (end == SIZE_MAX) {
        end = in->to;
        lines++;
    }
    *s = in->buf + in->from;
    *n = end - in->from;
    *line = in->line;
    in->from = end;
    in->line += lines;
    while (*n > 0 && ((*s)[*n - 1] == '\n' || (*s)[*n - 1] == '\r'))
        (*n)--;
    return PZ_OK;
}

static bool put_cell(struct pz_rows_in *in, size_t i, const char *s, size_t n)
{
    if (!pz_mem_grow(&in->cell, &in->cap_cells, i + 1, sizeof *in->cell))
        return false;
    in->cell[i] = (struct pz_cell){ s, n };
    return true;
}

/* libcsv hands over a field that lives only during the call: keep it in text, remember where. */
static void on_field(void *field, size_t n, void *data)
{
    struct pz_rows_in *in = data;

    if (!pz_mem_grow(&in->cell_at, &in->cap_at, in->n_cells + 2, sizeof *in->cell_at)) {
        in->text.failed = true;
        return;
    }
    in->cell_at[in->n_cells++] = in->text.len;
    pz_str_add(&in->text, field, n);
    in->cell_at[in->n_cells] = in->text.len;
}

static bool cells_from_text(struct pz_rows_in *in)
{
    for (size_t i = 0; i < in->n_cells; i++)
        if (!put_cell(in, i, in->text.data ? in->text.data + in->cell_at[i] : "",
                      in->cell_at[i + 1] - in->cell_at[i]))
            return false;
    return !in->text.failed;
}

static bool split_quoted(struct pz_rows_in *in, const char *s, size_t n)
{
    bool good;

    pz_str_reset(&in->text);
    in->n_cells = 0;
    good = csv_parse(&in->parser, s, n, on_field, NULL, in) == n;
    good = csv_fini(&in->parser, on_field, NULL, in) == 0 && good;
    if (!good) {
        snprintf(in->problem, sizeof in->problem, "%s",
                 csv_error(&in->parser) == CSV_EPARSE ? "a quote that is not closed or not escaped"
                                                      : csv_strerror(csv_error(&in->parser)));
        start_parser(in, NULL);
        return false;
    }
    return cells_from_text(in);
}

static bool split_plain(struct pz_rows_in *in, const char *s, size_t n)
{
    const char *end = s + n;

    in->n_cells = 0;
    for (;;) {
        const char *cut = memchr(s, in->delimiter, (size_t)(end - s));
        const char *stop = cut ? cut : end;

        if (!put_cell(in, in->n_cells++, s, (size_t)(stop - s)))
            return false;
        if (!cut)
            return true;
        s = cut + 1;
    }
}

static bool split_csv(struct pz_rows_in *in, const char *s, size_t n)
{
    in->problem[0] = '\0';
    if (memchr(s, '"', n))
        return split_quoted(in, s, n);
    return split_plain(in, s, n);
}

static bool add_column(struct pz_rows_in *in, const char *name, size_t n)
{
    if (!pz_mem_grow(&in->name, &in->cap_names, in->n + 1, sizeof *in->name))
        return false;
    while (n > 0 && name[0] == ' ') {
        name++;
        n--;
    }
    while (n > 0 && name[n - 1] == ' ')
        n--;
    in->name[in->n] = pz_mem_strndup(name, n);
    return in->name[in->n] && ++in->n;
}

static void add_scalar(struct pz_str *text, const json_t *value)
{
    if (json_is_string(value))
        pz_str_add(text, json_string_value(value), json_string_length(value));
    else if (json_is_integer(value))
        pz_str_addf(text, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        pz_str_add_double(text, json_real_value(value));
    else if (json_is_boolean(value))
        pz_str_adds(text, json_is_true(value) ? "true" : "false");
}

static bool add_value(struct pz_rows_in *in, const char *key, const json_t *value)
{
    size_t i;
    const json_t *part;

    if (json_is_object(value)) {
        snprintf(in->problem, sizeof in->problem, "key \"%.80s\": nested objects are not columns",
                 key);
        return false;
    }
    if (!json_is_array(value)) {
        add_scalar(&in->text, value);
        return true;
    }
    json_array_foreach (value, i, part) {
        if (i > 0)
            pz_str_addc(&in->text, '|');
        if (json_is_object(part) || json_is_array(part)) {
            snprintf(in->problem, sizeof in->problem, "key \"%.80s\": nested values are not cells",
                     key);
            return false;
        }
        add_scalar(&in->text, part);
    }
    return true;
}

static size_t find_name(const struct pz_rows_in *in, const char *key)
{
    size_t i = 0;

    while (i < in->n && strcmp(in->name[i], key) != 0)
        i++;
    return i;
}

/* Cells in column order: text offsets are kept aside until the buffer no longer moves. */
static bool cells_from_object(struct pz_rows_in *in, json_t *object)
{
    const char *key;
    json_t *value;

    pz_str_reset(&in->text);
    json_object_foreach (object, key, value)
        if (find_name(in, key) == in->n && !add_column(in, key, strlen(key)))
            return false;
    if (!pz_mem_grow(&in->cell_at, &in->cap_at, in->n + 2, sizeof *in->cell_at))
        return false;
    for (size_t i = 0; i < in->n; i++) {
        in->cell_at[i] = in->text.len;
        value = json_object_get(object, in->name[i]);
        if (value && !add_value(in, in->name[i], value))
            return false;
    }
    in->cell_at[in->n] = in->text.len;
    in->n_cells = in->n;
    return cells_from_text(in);
}

static bool split_json(struct pz_rows_in *in, const char *s, size_t n)
{
    struct pz_err problem = { .status = PZ_OK };
    json_t *doc = NULL;
    bool good = false;

    in->problem[0] = '\0';
    if (pz_json_parse(s, n, "JSON", &doc, &problem) != PZ_OK)
        snprintf(in->problem, sizeof in->problem, "%.150s", problem.text);
    else if (!json_is_object(doc))
        snprintf(in->problem, sizeof in->problem, "a line must be a JSON object");
    else
        good = cells_from_object(in, doc);
    json_decref(doc);
    return good;
}

static char guess_delimiter(const char *s, size_t n)
{
    static const char candidates[] = ",;\t";
    size_t best = 0;
    char chosen = ',';

    for (const char *c = candidates; *c; c++) {
        size_t count = 0;

        for (size_t i = 0; i < n; i++)
            count += s[i] == *c;
        if (count > best) {
            best = count;
            chosen = *c;
        }
    }
    return chosen;
}

static enum pz_status read_header(struct pz_rows_in *in, struct pz_err *err)
{
    const char *s;
    size_t n;
    uint64_t line;
    enum pz_status st = next_record(in, &s, &n, &line, err);

    if (st != PZ_OK)
        return st;
    if (n >= 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0) {
        s += 3;
        n -= 3;
    }
    if (n == 0)
        return pz_err_set(err, PZ_BAD_DATA, "%s:1: the header line is empty", pz_in_name(in->in));
    in->delimiter = guess_delimiter(s, n);
    st = start_parser(in, err);
    if (st != PZ_OK)
        return st;
    if (!split_csv(in, s, n))
        return pz_err_set(err, PZ_BAD_DATA, "%s:1: the header line: %s", pz_in_name(in->in),
                          in->problem[0] ? in->problem : "out of memory");
    for (size_t i = 0; i < in->n_cells; i++)
        if (!add_column(in, in->cell[i].s, in->cell[i].n))
            return pz_err_memory(err, "column names", 1e4);
    return PZ_OK;
}

enum pz_status pz_rows_open(const char *path, struct pz_rows_in **out, struct pz_err *err)
{
    struct pz_rows_in *in = calloc(1, sizeof *in);
    enum pz_status st = in ? pz_in_open(path, &in->in, err)
                           : pz_err_memory(err, "a reader", sizeof *in);
    size_t at = 0;

    if (st == PZ_OK) {
        in->line = 1;
        st = more(in, err);
    }
    if (st == PZ_OK && in->to == 0)
        st = pz_err_set(err, PZ_BAD_DATA, "%s: the file is empty", pz_in_name(in->in));
    if (st == PZ_OK) {
        while (at < in->to && strchr(" \t\r\n", in->buf[at]) && in->buf[at])
            at++;
        in->json = at < in->to && in->buf[at] == '{';
        if (!in->json)
            st = read_header(in, err);
    }
    if (st != PZ_OK) {
        pz_rows_close(in);
        in = NULL;
    }
    *out = in;
    return st;
}

void pz_rows_close(struct pz_rows_in *in)
{
    if (!in)
        return;
    pz_in_close(in->in);
    if (in->parser_made)
        csv_free(&in->parser);
    for (size_t i = 0; i < in->n; i++)
        free(in->name[i]);
    free(in->name);
    free(in->cell);
    free(in->cell_at);
    free(in->buf);
    pz_str_clear(&in->text);
    free(in);
}

size_t pz_rows_n_columns(const struct pz_rows_in *in)
{
    return in->n;
}

const char *pz_rows_column(const struct pz_rows_in *in, size_t i)
{
    return in->name[i];
}

const char *pz_rows_name(const struct pz_rows_in *in)
{
    return pz_in_name(in->in);
}

bool pz_rows_is_json(const struct pz_rows_in *in)
{
    return in->json;
}

void pz_rows_set_raw(struct pz_rows_in *in)
{
    in->raw = in->json;
}

bool pz_rows_wait(struct pz_rows_in *in, int ms)
{
    return in->at_end || memchr(in->buf + in->from, '\n', in->to - in->from) ||
           pz_in_wait(in->in, ms);
}

static const char *why_bad(struct pz_rows_in *in, bool good)
{
    if (!good)
        return in->problem[0] ? in->problem : "out of memory";
    if (in->n_cells == in->n)
        return NULL;
    snprintf(in->problem, sizeof in->problem, "%zu fields where the header has %zu", in->n_cells,
             in->n);
    return in->problem;
}

enum pz_status pz_rows_next(struct pz_rows_in *in, struct pz_row *row, struct pz_err *err)
{
    const char *s;
    size_t n;
    uint64_t line;
    enum pz_status st = PZ_OK;

    memset(row, 0, sizeof *row);
    do { /* blank lines are not rows */
        if (in->at_end && in->from == in->to) {
            row->end = true;
            return PZ_OK;
        }
        st = next_record(in, &s, &n, &line, err);
        if (st != PZ_OK)
            return st;
    } while (n == 0);
    if (!in->raw)
        row->bad = why_bad(in, in->json ? split_json(in, s, n) : split_csv(in, s, n));
    row->cell = in->cell;
    row->line = line;
    row->raw = s;
    row->n_raw = n;
    return PZ_OK;
}
