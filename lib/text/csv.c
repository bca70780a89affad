/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of a block of CSV: see record.h, and row.h for the rules.
 *
 * A record without a quote is cut at the marks that pz_scan_marks found: no byte is looked at
 * twice, and its cells point into the block. One with a quote is walked field by field, after
 * pz_scan_record has found its end; fields whose quotes have to be resolved are copied.
 *
 * Invariants:
 *   1. at is the start of a record or the end of the block, and at_mark the first mark that is not
 *      before it, whatever way the last record was read.
 * 2. A block ends with a newline, so that every record has an end and every walk over a field
 * stops.
 *   3. A bad record costs its first line: reading goes on behind it, as in the other engine.
 *   4. The resolved bytes of a record are never more than its raw ones, so one buffer as large as
 *      the block is enough, and cells do not move while it is filled.
 * / */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/record.h"

bool pz_csv_init(struct pz_csv_reader *r, const struct pz_csv_form *form, size_t max_cells)
{
    memset(r, 0, sizeof *r);
    r->form = form;
    r->max_cells = max_cells;
    r->cell = pz_mem_array(max_cells + 1, sizeof *r->cell);
    return r->cell != NULL;
}

void pz_csv_clear(struct pz_csv_reader *r)
{
    free(r->mark);
    free(r->cell);
    free(r->plain);
    memset(r, 0, sizeof *r);
}

bool pz_csv_start(struct pz_csv_reader *r, const char *text, size_t n)
{
    struct pz_scan_found found = { false, false, false };

    if (n > UINT32_MAX - 64 || !pz_mem_grow(&r->mark, &r->cap_mark, n + 64, sizeof *r->mark))
        return false;
    r->text = text;
    r->n = n;
    r->at = 0;
    r->line = 1;
    r->at_mark = 0;
    r->n_marks = pz_scan_marks(text, n, r->form->delimiter, r->mark, &found);
    /* Of the whole block: nearly all files are ASCII, and their cells then need no look at UTF-8.
     */
    r->check_text = found.high || found.nul;
    return !found.quote || pz_mem_grow(&r->plain, &r->cap_plain, n, 1);
}

static void put_cell(struct pz_csv_reader *r, struct pz_row *row, const char *s, size_t n)
{
    if (row->n_cells < r->max_cells)
        r->cell[row->n_cells] = (struct pz_cell){ s, n };
    row->n_cells++;
}

/* The content of the quoted field at text[i] ('"'), resolved into plain; returns the offset after
 * its closing quote, which pz_scan_record has made sure of. */
static size_t take_quoted(struct pz_csv_reader *r, struct pz_row *row, size_t i, size_t *n_plain)
{
    const char *text = r->text;
    char *out = r->plain + *n_plain;
    size_t n = 0;

    for (i++; text[i] != '"' || text[i + 1] == '"'; i++) {
        bool escaped = text[i] == '"' || (r->form->backslash && text[i] == '\\' &&
                                          (text[i + 1] == '"' || text[i + 1] == '\\'));

        i += escaped;
        out[n++] = text[i];
    }
    put_cell(r, row, out, n);
    *n_plain += n;
    return i + 1;
}

static void split_quoted(struct pz_csv_reader *r, struct pz_row *row, size_t end)
{
    size_t i = r->at, n_plain = 0;

    for (;;) {
        size_t start = i;

        if (r->text[i] == '"') {
            i = take_quoted(r, row, i, &n_plain);
            /* A CR behind a closing quote belongs to the line end; pz_scan_record refuses it
             * anywhere else. */
            i += r->text[i] == '\r';
        } else {
            while (r->text[i] != r->form->delimiter && r->text[i] != '\n')
                i++;
            put_cell(r, row, r->text + start,
                     i - start - (i > start && r->text[i] == '\n' && r->text[i - 1] == '\r'));
        }
        if (i + 1 >= end)
            return;
        i++;
    }
}

static const char *ragged(struct pz_csv_reader *r, const char *raw, size_t n, size_t n_cells)
{
    pz_scan_ragged(r->form, raw, n, n_cells, r->problem, sizeof r->problem);
    return r->problem;
}

static const char *reason(struct pz_csv_reader *r, enum pz_scan_end end, size_t n, size_t n_cells)
{
    if (end == PZ_SCAN_RAGGED)
        return ragged(r, r->text + r->at, n, n_cells);
    if (end == PZ_SCAN_MORE)
        return PZ_ROW_OPEN;
    return r->form->backslash ? PZ_ROW_GARBAGE
                              : PZ_ROW_GARBAGE
               " (if quotes are written \\\", say --escape backslash)";
}

/* A record with a quote in it. */
static void next_quoted(struct pz_csv_reader *r, struct pz_row *row)
{
    size_t next = r->n, n_cells = 0;
    enum pz_scan_end end = pz_scan_record(r->form, r->text, r->n, r->at, &next, &n_cells);

    row->n_cells = 0;
    if (end == PZ_SCAN_RECORD) {
        split_quoted(r, row, next);
    } else {
        const char *newline = memchr(r->text + r->at, '\n', r->n - r->at);

        /* Rule 4 of row.h: the line after the first one, though the scan may have gone further. */
        next = newline ? (size_t)(newline - r->text) + 1 : r->n;
        row->bad = reason(r, end, next - r->at, n_cells);
    }
    row->n_raw = next - r->at;
    for (size_t i = r->at; i < next; i++)
        r->line += r->text[i] == '\n';
    while (r->at_mark < r->n_marks && r->mark[r->at_mark] < next)
        r->at_mark++;
    r->at = next;
}

static void skip_blank_lines(struct pz_csv_reader *r)
{
    while (r->at < r->n) {
        size_t line = pz_scan_blank(r->form, r->text + r->at, r->n - r->at);

        if (line == 0)
            return;
        r->at += line;
        r->line++;
        while (r->at_mark < r->n_marks && r->mark[r->at_mark] < r->at)
            r->at_mark++;
    }
}

/* More cells than columns: those that are too many belong to the unquoted one. mark: where the
 * row's n cells end. */
static size_t join_unquoted(struct pz_csv_reader *r, const uint32_t *mark, size_t n)
{
    size_t want = r->form->n_columns, at = r->form->unquoted - 1, more = n - want;

    for (size_t i = at; i < want; i++) {
        size_t first = i > at ? i + more : i, from = first > 0 ? mark[first - 1] + 1u : r->at;

        r->cell[i] = (struct pz_cell){ r->text + from, mark[i + more] - from };
    }
    return want;
}

/* A record without a quote: it ends at the first newline among the marks. False: it has a quote, or
 * no end. */
static bool next_plain(struct pz_csv_reader *r, struct pz_row *row)
{
    const char *text = r->text;
    struct pz_cell *cell = r->cell;
    const uint32_t *mark = r->mark + r->at_mark, *end = r->mark + r->n_marks;
    size_t start = r->at, stop, n = 0, max = r->max_cells;

    for (;; start = stop + 1) {
        char c;

        if (mark == end)
            return false;
        stop = *mark++;
        c = text[stop];
        if (c == '"')
            return false;
        if (n < max)
            cell[n] = (struct pz_cell){ text + start, stop - start };
        n++;
        if (c == '\n')
            break;
    }
    if (r->form->unquoted > 0 && n > r->form->n_columns)
        n = join_unquoted(r, mark - n, n);
    /* The CR of a CRLF line end is no part of the last cell. */
    if (n <= max && cell[n - 1].n > 0 && text[stop - 1] == '\r')
        cell[n - 1].n--;
    row->n_cells = n;
    row->n_raw = stop - r->at;
    r->at = stop + 1;
    r->at_mark = (size_t)(mark - r->mark);
    r->line++;
    return true;
}

bool pz_csv_next(struct pz_csv_reader *r, struct pz_row *row)
{
    skip_blank_lines(r);
    if (r->at >= r->n)
        return false;
    *row = (struct pz_row){
        .cell = r->cell, .line = r->line, .raw = r->text + r->at, .check_text = r->check_text
    };
    if (!next_plain(r, row))
        next_quoted(r, row);
    if (!row->bad && r->form->n_columns > 0 && row->n_cells != r->form->n_columns)
        row->bad = ragged(r, row->raw, row->n_raw, row->n_cells);
    /* What is shown and kept of a bad row is its bytes without the line end. */
    while (row->n_raw > 0 && (row->raw[row->n_raw - 1] == '\n' || row->raw[row->n_raw - 1] == '\r'))
        row->n_raw--;
    return true;
}
