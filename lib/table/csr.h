/* SPDX-License-Identifier: Apache-2.0 */
/* Sparse rows in compressed form (CSR): row r has the entries ptr[r] .. ptr[r + 1] - 1, each the
 * number of a column and, except where rows are mere lists, a value.
 *
 * The pointers are views: of arrays in own, which pz_csr_clear frees, or of a table or another
 * owner, which must outlive them. */
#ifndef PZ_TABLE_CSR_H
#define PZ_TABLE_CSR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "table/table.h"

struct pz_csr {
    uint32_t n, n_cols;   /* rows; entries are < n_cols */
    const uint64_t *ptr;  /* [n + 1] */
    const uint32_t *item; /* [ptr[n]] the columns */
    const float *value;   /* [ptr[n]]; NULL: lists without values */
    void *own[3];         /* ptr, item, value when they are to be freed */
};

/* The columns of a table that hold them, and what a packed table is checked for. */
struct pz_csr_columns {
    const char *ptr, *item;
    const char *value; /* NULL: lists without values */
    bool optional;     /* value may be absent */
    bool ascending;    /* entries ascend within a row */
    uint64_t max_row;  /* entries of a row at most; 0: any */
    float min_value;   /* the smallest value allowed, -FLT_MAX for any */
};

/* Rows that own the arrays given.
 * Owner:   the result, until pz_csr_clear; NULL arrays are allowed
 * Threads: any */
struct pz_csr pz_csr_take(uint32_t n, uint32_t n_cols, uint64_t *ptr, uint32_t *item, float *value);

/* Free what is owned; accepts all-zero rows, and leaves such.
 * Threads: one at a time on the same rows */
void pz_csr_clear(struct pz_csr *rows);

/* Fold the columns of rows that nobody reads for a while into a third of the room or less, and
 * unfold them: in between .item is NULL. Entries ascend within a row. Rows that do not own their
 * columns stay as they are.
 *
 * Errors:  PZ_TRY_AGAIN memory is out; the rows stay folded
 * Threads: one at a time on the same rows */
void pz_csr_fold(struct pz_csr *rows);
enum pz_status pz_csr_unfold(struct pz_csr *rows, struct pz_err *err);

/* The columns of folded rows first .. end - 1 into item. from: where the first of them begins,
 * NULL: it is row 0. Returns where row `end` does.
 * Owner:   the result is the rows'
 * Threads: any */
const uint8_t *pz_csr_unfold_rows(const struct pz_csr *rows, uint32_t first, uint32_t end,
                                  const uint8_t *from, uint32_t *item);

/* Append the columns to a file being written; a value column only where there are values.
 * Errors:  as pz_writer_add
 * Threads: one at a time on the same writer */
enum pz_status pz_csr_save(const struct pz_csr *rows, const struct pz_csr_columns *columns,
                           struct pz_writer *w, struct pz_err *err);

/* Read rows that pz_csr_save wrote.
 *
 * n        rows expected, PZ_CSR_ANY for as many as there are
 * Errors:  PZ_BAD_DATA a column is missing or of another length, or an offset, entry or value is
 *          out of bounds (looked at in packed tables only: flat ones were checked when made); PZ_IO
 * Owner:   the table, which must outlive *rows
 * Threads: one at a time on the same table */
enum pz_status pz_csr_load(struct pz_table *t, const struct pz_csr_columns *columns, uint32_t n,
                           uint32_t n_cols, struct pz_csr *rows, struct pz_err *err);
#define PZ_CSR_ANY UINT32_MAX

#endif
