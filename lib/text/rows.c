/* SPDX-License-Identifier: Apache-2.0 */
/* The engine for streams: see rows.h.
 *
 * CSV: libcsv gets the lines as they are, one after the other, and says when a record ends. It runs
 * in its strict mode, which stops at a quote that should not be there: inside a quoted cell that is
 * garbage, and the record is bad; inside a plain cell it is a byte like others (row.h, rule 2), so
 * it is fed once more without the strictness. Only '\n' ends a record; a CR before it is taken off
 * here. JSON: lines are gathered while jsondoc.h says that an object is open; Jansson parses it.
 *
 * Invariants:
 *   1. buf[from, fed) is what the parser has of the current record: whole lines, all looked at
 *   2. a record that turns out bad gives back everything behind its first line: from moves there,
 *      fed with it, and the parser starts afresh
 *   3. nothing is read while buf holds a line that was not looked at */
#include "text/rows.h"

#include <csv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "text/jsondoc.h"
#include "text/stream.h"

/* Twice a pipe's capacity; a pretty-printed document of 64 MB is the longest that one record may
 * be. */
enum { BLOCK_BYTES = 1 << 17, DOC_MAX = 1 << 26 };

struct pz_rows_in {
    struct pz_in *in;
    struct pz_text_head head;
    char *buf; /* [cap] */
    size_t cap, from, fed, to;
    bool at_end;
    uint64_t line, fed_line; /* of the bytes at from and fed */
    struct csv_parser parser;
    bool parser_made, row_ended, quoted_end; /* the record's last cell was quoted */
    struct pz_jsondoc doc;
    json_t *json;
    struct pz_cell *cell; /* [cap_cells] */
    size_t cap_cells, n_cells;
    size_t *cell_at; /* [cap_at] offsets into text while it grows */
    size_t cap_at;
    struct pz_str text;
    const char *bad;
    char problem[200];
    bool found, handed;   /* a record is in the fields above; the caller has it */
    enum pz_status wrong; /* what reading said while nobody could be told */
    struct pz_err why;
};

/* ---- libcsv ---- */

/* libcsv drops blanks around cells unless told that none is one. */
static int no_blank(unsigned char c)
{
    (void)c;
    return 0;
}

static int is_newline(unsigned char c)
{
    return c == '\n';
}

static enum pz_status start_parser(struct pz_rows_in *in, struct pz_err *err)
{
    if (in->parser_made)
        csv_free(&in->parser);
    in->parser_made = csv_init(&in->parser, CSV_STRICT) == 0;
    if (!in->parser_made)
        return pz_err_memory(err, "the CSV reader", 1e4);
    csv_set_delim(&in->parser, (unsigned char)in->head.form.delimiter);
    csv_set_space_func(&in->parser, no_blank);
    csv_set_term_func(&in->parser, is_newline);
    return PZ_OK;
}

/* A cell lives only during the call: keep it in text, remember where. */
static void on_cell(void *cell, size_t n, void *context)
{
    struct pz_rows_in *in = context;

    if (!pz_mem_grow(&in->cell_at, &in->cap_at, in->n_cells + 2, sizeof *in->cell_at)) {
        in->text.failed = true;
        return;
    }
    in->cell_at[in->n_cells++] = in->text.len;
    if (n > 0)
        pz_str_add(&in->text, cell, n);
    /* One entry more than cells: the end of the last. */
    in->cell_at[in->n_cells] = in->text.len;
}

static void on_row(int c, void *context)
{
    struct pz_rows_in *in = context;

    (void)c;
    in->row_ended = true;
}

/* Feed one line with its newline. PZ_BAD_DATA: garbage behind a closing quote. */
static enum pz_status feed_line(struct pz_rows_in *in, const char *s, size_t n, struct pz_err *err)
{
    size_t at = 0;

    in->quoted_end = false;
    while (at < n) {
        at += csv_parse(&in->parser, s + at, n - at, on_cell, on_row, in);
        if (at == n)
            break;
        if (csv_error(&in->parser) != CSV_EPARSE)
            return pz_err_memory(err, "a record", (double)(in->fed - in->from));
        if (in->parser.quoted && s[at] == '\r' && at + 2 == n) {
            in->quoted_end = true; /* the CR of the line end */
            at++;
        } else if (in->parser.quoted) {
            return PZ_BAD_DATA;
            /* libcsv without strictness takes the byte as it is; with it the parser would stop here
         * again. */
        } else { /* a quote inside a plain cell */
            csv_set_opts(&in->parser, 0);
            at += csv_parse(&in->parser, s + at, 1, on_cell, on_row, in);
            csv_set_opts(&in->parser, CSV_STRICT);
        }
    }
    return in->text.failed ? pz_err_memory(err, "a record", (double)in->text.len) : PZ_OK;
}

/* ---- records ---- */

static void forget_record(struct pz_rows_in *in)
{
    in->n_cells = 0;
    in->bad = NULL;
    in->row_ended = false;
    pz_str_reset(&in->text);
    memset(&in->doc, 0, sizeof in->doc);
    json_decref(in->json);
    in->json = NULL;
}

/* The record is bad: it is its first line, and what was fed of the others comes back. */
static enum pz_status give_up(struct pz_rows_in *in, const char *why, struct pz_err *err)
{
    const char *newline = memchr(in->buf + in->from, '\n', in->fed - in->from);

    in->fed = (size_t)(newline - in->buf) + 1;
    in->fed_line = in->line + 1;
    in->bad = why;
    in->found = true;
    return in->head.json ? PZ_OK : start_parser(in, err);
}

static enum pz_status finish_csv(struct pz_rows_in *in, struct pz_err *err)
{
    /* A CR before the newline is the line end's, unless it was inside the last cell's quotes. */
    size_t want = in->head.form.n_columns, last = in->n_cells - 1;

    if (in->n_cells != want) {
        pz_scan_ragged(&in->head.form, in->buf + in->from, in->fed - in->from, in->n_cells,
                       in->problem, sizeof in->problem);
        return give_up(in, in->problem, err);
    }
    if (!pz_mem_grow(&in->cell, &in->cap_cells, want, sizeof *in->cell))
        return pz_err_memory(err, "a record", 16.0 * (double)want);
    for (size_t i = 0; i < want; i++)
        in->cell[i] = (struct pz_cell){ in->text.data ? in->text.data + in->cell_at[i] : "",
                                        in->cell_at[i + 1] - in->cell_at[i] };
    if (in->fed - in->from > 1 && in->buf[in->fed - 2] == '\r' && !in->quoted_end)
        in->cell[last].n -= in->cell[last].n > 0;
    in->found = true;
    return PZ_OK;
}

static enum pz_status step_csv(struct pz_rows_in *in, const char *s, size_t n, struct pz_err *err)
{
    enum pz_status st = feed_line(in, s, n, err);

    if (st == PZ_BAD_DATA)
        return give_up(in, PZ_ROW_GARBAGE, err);
    /* A record that ends exactly at the limit is whole; one that is still open there never ends. */
    if (st == PZ_OK && in->fed - in->from >= PZ_RECORD_MAX + in->row_ended)
        return give_up(in, PZ_ROW_OPEN, err);
    return st == PZ_OK && in->row_ended ? finish_csv(in, err) : st;
}

static enum pz_status finish_json(struct pz_rows_in *in, struct pz_err *err)
{
    struct pz_err why = { .status = PZ_OK };
    enum pz_status st = pz_json_parse(in->buf + in->from, in->fed - in->from, "JSON", &in->json,
                                      &why);

    in->found = true;
    if (st == PZ_OK && json_is_object(in->json))
        return PZ_OK;
    json_decref(in->json);
    in->json = NULL;
    if (st == PZ_OK || st == PZ_BAD_DATA) {
        snprintf(in->problem, sizeof in->problem, "%.199s",
                 st == PZ_OK ? "the line is not a JSON object" : why.text);
        return give_up(in, in->problem, err);
    }
    *err = why;
    return st;
}

static enum pz_status step_json(struct pz_rows_in *in, const char *s, size_t n, struct pz_err *err)
{
    enum pz_jsondoc_end end = pz_jsondoc_line(&in->doc, s, n - 1);

    if (end == PZ_JSONDOC_OPEN && in->fed - in->from < DOC_MAX)
        return PZ_OK;
    if (end != PZ_JSONDOC_WHOLE && in->fed_line > in->line + 1) {
        enum pz_status st = give_up(in, NULL, err); /* the first line alone, for its own reason */

        return st == PZ_OK ? finish_json(in, err) : st;
    }
    return finish_json(in, err);
}

static bool is_blank_line(const struct pz_rows_in *in, const char *s, size_t n)
{
    if (!in->head.json)
        return pz_scan_blank(&in->head.form, s, n) > 0;
    /* strchr finds the NUL behind its string too. */
    while (n > 0 && strchr(" \t\r\n\f\x1a", s[n - 1]))
        n--;
    return n == 0;
}

/* Look at the lines in the buffer until a record is found or there are no more. */
static enum pz_status look_at_lines(struct pz_rows_in *in, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    while (st == PZ_OK && !in->found) {
        const char *s = in->buf + in->fed, *newline = memchr(s, '\n', in->to - in->fed);
        size_t n = newline ? (size_t)(newline - s) + 1 : 0;

        if (n == 0)
            break;
        if (in->from == in->fed && is_blank_line(in, s, n)) {
            in->from = in->fed += n;
            in->line = ++in->fed_line;
            continue;
        }
        in->fed += n;
        in->fed_line++;
        st = in->head.json ? step_json(in, s, n, err) : step_csv(in, s, n, err);
    }
    /* The input ended inside a record: nothing that may come later can complete it. */
    if (st == PZ_OK && !in->found && in->at_end && in->fed > in->from) {
        st = give_up(in, in->head.json ? NULL : PZ_ROW_OPEN, err);
        if (st == PZ_OK && in->head.json)
            st = finish_json(in, err);
    }
    return st;
}

/* Read more behind `to`; the last line gets its newline. */
static enum pz_status more(struct pz_rows_in *in, struct pz_err *err)
{
    size_t got = 0;
    enum pz_status st;

    /* The unfinished record moves to the front. It is short beside a block in all but hostile
     * inputs, whose cost is bounded by the limit below. */
    if (in->from > 0)
        memmove(in->buf, in->buf + in->from, in->to - in->from);
    in->to -= in->from;
    in->fed -= in->from;
    in->from = 0;
    if (in->to - in->fed > (in->head.json ? (size_t)DOC_MAX : PZ_RECORD_MAX))
        return pz_err_set(err, PZ_BAD_DATA, "%s:%llu: a line of more than %zu MB",
                          pz_in_name(in->in), (unsigned long long)in->fed_line,
                          (in->to - in->fed) >> 20);
    if (!pz_mem_grow(&in->buf, &in->cap, in->to + BLOCK_BYTES + 1, 1))
        return pz_err_memory(err, "an input buffer", (double)in->to + BLOCK_BYTES);
    st = pz_in_read(in->in, in->buf + in->to, BLOCK_BYTES, &got, err);
    if (st != PZ_OK)
        return st;
    in->at_end = got == 0;
    in->to = in->head.pairs ? pz_text_fold(in->buf, in->to, in->to + got) : in->to + got;
    if (in->at_end)
        in->to = in->fed + pz_scan_trim(in->buf + in->fed, in->to - in->fed);
    if (in->at_end && in->to > 0 && in->buf[in->to - 1] != '\n')
        in->buf[in->to++] = '\n';
    return PZ_OK;
}

/* ---- the reader ---- */

static enum pz_status look_at_head(struct pz_rows_in *in, const struct pz_text_cfg *cfg,
                                   struct pz_err *err)
{
    bool short_of = true;
    enum pz_status st = PZ_OK;

    while (st == PZ_OK && short_of) {
        st = more(in, err);
        if (st == PZ_OK)
            st = pz_text_head_read(pz_in_name(in->in), cfg, in->buf, &in->to, in->at_end, &in->head,
                                   &short_of, err);
    }
    in->from = in->fed = in->head.bytes;
    in->line = in->fed_line = in->head.lines + 1;
    return st == PZ_OK && !in->head.json ? start_parser(in, err) : st;
}

enum pz_status pz_rows_open(const char *path, const struct pz_text_cfg *cfg,
                            struct pz_rows_in **out, struct pz_err *err)
{
    struct pz_rows_in *in = calloc(1, sizeof *in);
    enum pz_status st = in ? PZ_OK : pz_err_memory(err, "a reader", sizeof *in);

    if (st == PZ_OK && cfg && (cfg->backslash || cfg->unquoted))
        st = pz_err_set(err, PZ_USAGE,
                        "a stream cannot have quotes written \\\", nor cells without their quotes");
    if (st == PZ_OK)
        st = pz_in_open(path, &in->in, err);
    if (st == PZ_OK)
        st = look_at_head(in, cfg, err);
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
    pz_text_head_clear(&in->head);
    json_decref(in->json);
    free(in->cell);
    free(in->cell_at);
    free(in->buf);
    pz_str_clear(&in->text);
    free(in);
}

size_t pz_rows_n_columns(const struct pz_rows_in *in)
{
    return in->head.n;
}

const char *pz_rows_column(const struct pz_rows_in *in, size_t i)
{
    return in->head.name[i];
}

const char *pz_rows_name(const struct pz_rows_in *in)
{
    return pz_in_name(in->in);
}

bool pz_rows_is_json(const struct pz_rows_in *in)
{
    return in->head.json;
}

/* Take the record that was handed out off the buffer. */
static void leave_record(struct pz_rows_in *in)
{
    if (!in->handed)
        return;
    in->from = in->fed;
    in->line = in->fed_line;
    in->found = in->handed = false;
    forget_record(in);
}

/* Whether nothing has to be read for the next answer. */
static bool is_ready(struct pz_rows_in *in)
{
    if (in->wrong == PZ_OK && !in->found)
        in->wrong = look_at_lines(in, &in->why);
    return in->found || in->at_end || in->wrong != PZ_OK;
}

bool pz_rows_wait(struct pz_rows_in *in, int ms)
{
    leave_record(in);
    while (!is_ready(in)) {
        if (!pz_in_wait(in->in, ms))
            return false;
        in->wrong = more(in, &in->why);
    }
    return true;
}

enum pz_status pz_rows_next(struct pz_rows_in *in, struct pz_row *row, struct pz_err *err)
{
    memset(row, 0, sizeof *row);
    leave_record(in);
    while (!is_ready(in))
        in->wrong = more(in, &in->why);
    if (in->wrong != PZ_OK) {
        if (err)
            *err = in->why;
        return in->wrong;
    }
    row->end = !in->found;
    in->handed = in->found;
    if (row->end)
        return PZ_OK;
    *row = (struct pz_row){ .line = in->line,
                            .bad = in->bad,
                            .cell = in->cell,
                            .n_cells = in->bad ? 0 : in->n_cells,
                            .raw = in->buf + in->from,
                            .n_raw = in->fed - in->from,
                            .json = in->json,
                            .check_text = true };
    while (row->n_raw > 0 && (row->raw[row->n_raw - 1] == '\n' || row->raw[row->n_raw - 1] == '\r'))
        row->n_raw--;
    return PZ_OK;
}

enum pz_status pz_rows_each_object(const char *path, const char *what,
                                   enum pz_status (*take)(void *data, const struct json_t *object,
                                                          struct pz_err *err),
                                   void *data, struct pz_err *err)
{
    struct pz_rows_in *in = NULL;
    struct pz_row row = { 0 };
    enum pz_status st = pz_rows_open(path, NULL, &in, err);

    if (st == PZ_OK && !pz_rows_is_json(in))
        st = pz_err_set(err, PZ_BAD_DATA, "%s: lines of %s are expected", path, what);
    while (st == PZ_OK && !row.end) {
        st = pz_rows_next(in, &row, err);
        if (st != PZ_OK || row.end)
            continue;
        st = row.json && !row.bad ? take(data, row.json, err)
                                  : pz_err_set(err, PZ_BAD_DATA, "no JSON object");
        if (st != PZ_OK)
            pz_err_prefix(err, "%s:%llu", path, (unsigned long long)row.line);
    }
    pz_rows_close(in);
    return st;
}
