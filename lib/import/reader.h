/* SPDX-License-Identifier: Apache-2.0 */
/* Private to import/: reading the files of one table, on all threads, into staged rows.
 *
 * Threads: one a reader, one a worker; a file is read by all workers at once. */
#ifndef PZ_IMPORT_READER_H
#define PZ_IMPORT_READER_H

#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "import/import.h"
#include "import/mapping.h"
#include "import/staging.h"
#include "text/block.h"
#include "text/record.h"

/* What is wrong with one row. */
struct pz_row_error {
    uint64_t line;      /* in the block until it is told, then in the file */
    const char *column; /* NULL: the whole row; lives as long as the mapping */
    char reason[200];
    char *value; /* [n_value] the cell, cut to a few more bytes than are shown; owned */
    char *raw;   /* [n_raw] the row; owned; NULL when there is no reject file */
    size_t n_value, n_raw;
};

/* Where row errors go. */
struct pz_row_errors {
    struct pz_log *log;
    struct pz_out *reject; /* JSON Lines; NULL: none */
    uint64_t n;            /* told so far, in all files */
};

/* How a cell becomes a code. */
struct pz_column_cell {
    uint32_t cell, field;
    enum pz_role role;
};

/* Cells of one column of a file that are read otherwise than they are written. */
struct pz_odd_cells {
    uint64_t n;
    uint64_t block, line; /* of the first one: number of the block, line in it */
};

/* What one thread needs; the dictionaries live through the whole import. */
struct pz_worker {
    struct pz_texts users, items;
    struct pz_texts *text[PZ_N_TABLES]; /* [PZ_MAPPING_MAX] by field */
    /* one file */
    struct pz_csv_reader csv;
    struct pz_jsonl_reader json;
    struct pz_block block;
    struct pz_column_cell *column; /* [n_columns_used] */
    size_t n_columns_used, cap_columns;
    struct { /* JSON Lines: keys met by this thread */
        char *key;
        size_t field;
    } * key;
    size_t n_keys, cap_keys, last_key;
    struct pz_odd_cells null[PZ_MAPPING_MAX];  /* by field: cells that spelled "no value" */
    struct pz_odd_cells blank[PZ_MAPPING_MAX]; /* by field: cells with blanks at their ends */
    struct pz_import_reader *reader;
    /* one block */
    uint64_t **code; /* [n_codes][cap_rows] by field */
    uint64_t *line;  /* [cap_rows] where each row starts in the block, from 1 */
    size_t n_codes, cap_rows, n_rows;
    uint64_t *shown;
    size_t n_shown, cap_shown;
    uint32_t *order; /* [cap_order] rows by partition */
    uint64_t *moved; /* [cap_moved] a column in that order */
    size_t cap_order, cap_moved;
    uint64_t n_read, n_rejected;
    struct pz_row_error *row_error;
    size_t n_errors, cap_errors;
    bool out_of_memory;
};

/* n workers, or NULL when memory is out.
 * Owner: the caller, until pz_workers_free with the same n (accepts NULL) */
struct pz_worker *pz_workers_new(int n);
void pz_workers_free(struct pz_worker *workers, int n);

/* One table being read. */
struct pz_import_reader {
    struct pz_mapping *mapping;
    struct pz_staging *staging;
    struct pz_worker *worker; /* [n_workers] */
    int n_workers;
    struct pz_text_cfg text; /* how the files are written */
    struct pz_row_errors *row_errors;
    struct pz_import_count *count; /* read and rejected are counted up */
    struct pz_log *log;
    /* the current file */
    struct pz_blocks_in *blocks;
    uint64_t file_order; /* first place of the file's blocks in pz_mapping_field.first */
};

/* Read one more file of the table to the end. Bad rows are told to row errors, in the order of the
 * file; a file that cannot be read, or lacks a column, is the status.
 *
 * Errors: as pz_blocks_open, pz_blocks_next, pz_import_reader_sniff and pz_row_errors_report;
 *         PZ_INTERRUPTED a signal came; PZ_TRY_AGAIN memory is out */
enum pz_status pz_import_reader_file(struct pz_import_reader *in, const char *path,
                                     struct pz_err *err);

/* Private to the import reader: rows.
 * Parse the worker's block: codes, shown and row errors are filled. False when memory is out. */
bool pz_worker_parse(struct pz_worker *w);

/* Give a field of the mapping a cell of the file's records (the first to come wins); rows of the
 * current block so far get null. False when memory is out. */
bool pz_worker_take_column(struct pz_worker *w, size_t cell, size_t field);

/* Bind the columns of the current file for all workers, find the form of its times, and refuse a
 * file without a needed column or without rows.
 *
 * Errors: PZ_BAD_DATA it has not the columns, or its times are written in no one form; as
 *         pz_blocks_peek; PZ_TRY_AGAIN memory is out */
enum pz_status pz_import_reader_sniff(struct pz_import_reader *in, struct pz_err *err);

/* Free what a worker had for the current file; its dictionaries stay. */
void pz_worker_leave(struct pz_worker *w);

/* Tell row errors and free them.
 * Errors: as pz_out_write, of the reject file; PZ_TRY_AGAIN memory is out */
enum pz_status pz_row_errors_report(struct pz_row_errors *row_errors, const char *file,
                                    struct pz_row_error *row_error, size_t n, struct pz_err *err);

#endif
