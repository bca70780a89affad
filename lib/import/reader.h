/* SPDX-License-Identifier: Apache-2.0 */
/* Private to data/: reading the files of one table, on all threads, into staged rows. */
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
struct pz_fault {
    uint64_t line;      /* in the block until it is told, then in the file */
    const char *column; /* NULL: the whole row; lives as long as the plan */
    char reason[200];
    char *value; /* [n_value] the cell, cut to a few more bytes than are shown; owned */
    char *raw;   /* [n_raw] the row; owned; NULL when there is no reject file */
    size_t n_value, n_raw;
};

/* Where faults go. */
struct pz_faults {
    struct pz_log *log;
    struct pz_out *reject; /* JSON Lines; NULL: none */
    uint64_t n;            /* told so far, in all files */
};

/* How a cell becomes a word. */
struct pz_bound {
    uint32_t cell, field;
    enum pz_use use;
};

/* What one thread needs; the dictionaries live through the whole import. */
struct pz_worker {
    struct pz_texts users, items;
    struct pz_texts *text[PZ_N_TABLES]; /* [PZ_PLAN_MAX] by field */
    /* one file */
    struct pz_csv_reader csv;
    struct pz_jsonl_reader json;
    struct pz_block block;
    struct pz_bound *bound; /* [n_bound] */
    size_t n_bound, cap_bound;
    struct { /* JSON Lines: keys met by this thread */
        char *key;
        size_t field;
    } * key;
    size_t n_keys, cap_keys, last_key;
    struct pz_intake *intake;
    /* one block */
    uint64_t **word; /* [n_words][cap_rows] by field */
    size_t n_words, cap_rows, n_rows;
    uint64_t *shown;
    size_t n_shown, cap_shown;
    uint32_t *order; /* [cap_order] rows by bucket */
    uint64_t *moved; /* [cap_moved] a column in that order */
    size_t cap_order, cap_moved;
    uint64_t n_read, n_rejected;
    struct pz_fault *fault;
    size_t n_faults, cap_faults;
    bool out_of_memory;
};

/* n workers, or NULL when memory is out; free with the same n (accepts NULL). */
struct pz_worker *pz_workers_new(int n);
void pz_workers_free(struct pz_worker *workers, int n);

/* One table being read. */
struct pz_intake {
    struct pz_plan *plan;
    struct pz_stage *stage;
    struct pz_worker *worker; /* [n_workers] */
    int n_workers;
    bool backslash;
    struct pz_faults *faults;
    struct pz_import_count *count; /* read and rejected are counted up */
    struct pz_log *log;
    /* the current file */
    struct pz_feed *feed;
    uint64_t file_order; /* first place of the file's blocks in pz_plan_field.first */
};

/* Read one more file of the table to the end. Bad rows are told to faults, in the order of the
 * file; a file that cannot be read, or lacks a column, is the status. */
enum pz_status pz_intake_file(struct pz_intake *in, const char *path, struct pz_err *err);

/* Private to intake: rows.
 * Parse the worker's block: words, shown and faults are filled. False when memory is out. */
bool pz_worker_parse(struct pz_worker *w);

/* Give a field of the plan a cell of the file's records (the first to come wins); rows of the
 * current block so far get null. False when memory is out. */
bool pz_worker_bind(struct pz_worker *w, size_t cell, size_t field);

/* Bind the columns of the current file for all workers, find the form of its times, and refuse a
 * file without a needed column or without rows. */
enum pz_status pz_intake_bind(struct pz_intake *in, struct pz_err *err);

/* Free what a worker had for the current file; its dictionaries stay. */
void pz_worker_leave(struct pz_worker *w);

/* Tell faults and free them. */
enum pz_status pz_faults_tell(struct pz_faults *faults, const char *file, struct pz_fault *fault,
                              size_t n, struct pz_err *err);

#endif
