/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of a file as text, by either engine of lib/text: what the differential test and the fuzz
 * target hold against each other. A row is its line, its cells in brackets or the reason why it is
 * bad, and its bytes. */
#ifndef PZ_TESTS_BOTH_ENGINES_H
#define PZ_TESTS_BOTH_ENGINES_H

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "text/block.h"
#include "text/record.h"
#include "text/rows.h"

static void add_row(struct pz_str *out, const struct pz_row *row, uint64_t lines)
{
    pz_str_addf(out, "%llu:", (unsigned long long)(row->line + lines));
    if (row->bad)
        pz_str_addf(out, " bad: %.40s", row->bad);
    for (size_t i = 0; i < row->n_cells && !row->bad; i++) {
        pz_str_addc(out, '[');
        pz_str_add(out, row->cell[i].s, row->cell[i].n);
        pz_str_addc(out, ']');
    }
    pz_str_addc(out, ' ');
    pz_str_add(out, row->raw, row->n_raw);
    pz_str_addc(out, '\n');
}

/* The stream engine's rows; an error of the whole input as its status and text. */
static void rows_of_stream(const char *path, const struct pz_text_cfg *cfg, struct pz_str *out)
{
    struct pz_err err = { .status = PZ_OK };
    struct pz_rows_in *in = NULL;
    struct pz_row row = { 0 };
    enum pz_status st = pz_rows_open(path, cfg, &in, &err);

    for (size_t i = 0; st == PZ_OK && i < pz_rows_n_columns(in); i++)
        pz_str_addf(out, "(%s)", pz_rows_column(in, i));
    while (st == PZ_OK && !row.end) {
        st = pz_rows_next(in, &row, &err);
        if (st == PZ_OK && !row.end)
            add_row(out, &row, 0);
    }
    if (st != PZ_OK)
        pz_str_addf(out, "status %d", (int)st);
    pz_rows_close(in);
}

static void rows_of_block(struct pz_csv_reader *r, const struct pz_block *block, uint64_t *lines,
                          struct pz_str *out)
{
    struct pz_row row;

    if (!pz_csv_start(r, block->text, block->n))
        abort();
    while (pz_csv_next(r, &row))
        add_row(out, &row, *lines);
    *lines += r->line - 1;
}

/* The block engine's rows of CSV. */
static void rows_of_blocks(const char *path, const struct pz_text_cfg *cfg, struct pz_str *out)
{
    struct pz_err err = { .status = PZ_OK };
    struct pz_blocks_in *in = NULL;
    struct pz_csv_reader r = { 0 };
    struct pz_block block = { 0 };
    enum pz_status st = pz_blocks_open(path, cfg, &in, &err);
    const struct pz_text_head *head = st == PZ_OK ? pz_blocks_head(in) : NULL;
    uint64_t lines = head ? head->lines : 0;

    for (size_t i = 0; head && i < head->n; i++)
        pz_str_addf(out, "(%s)", head->name[i]);
    if (head && !pz_csv_init(&r, &head->form, head->n))
        abort();
    do {
        st = st == PZ_OK ? pz_blocks_next(in, &block, &err) : st;
        if (st == PZ_OK && block.n > 0)
            rows_of_block(&r, &block, &lines, out);
    } while (st == PZ_OK && block.n > 0);
    if (st != PZ_OK)
        pz_str_addf(out, "status %d", (int)st);
    pz_csv_clear(&r);
    free(block.text);
    pz_blocks_close(in);
}

#endif
