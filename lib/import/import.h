/* SPDX-License-Identifier: Apache-2.0 */
/* Import: CSV and JSON Lines tables become a dataset. Every row is kept, named as rejected, or
 * counted as a duplicate.
 *
 * Threads: any; an import uses all cores itself. */
#ifndef PZ_IMPORT_IMPORT_H
#define PZ_IMPORT_IMPORT_H

#include "base/err.h"
#include "base/log.h"
#include "base/opt.h"
#include "data/dataset.h"
#include "data/schema.h"
#include "text/head.h"

struct pz_import_cfg {
    struct pz_strs files[PZ_N_TABLES]; /* borrowed; "-" is standard input */
    const struct pz_schema *schema;    /* NULL or tables not given: types are inferred */
    struct pz_strs map;                /* "USER_ID=userId" pairs: our name = column in the file */
    struct pz_text_cfg text;    /* how the files are written; .header is for interactions, if any */
    const char *time_format;    /* strptime format of interactions' times; NULL: looked at */
    const struct pz_strs *null; /* spellings of no value; NULL: those of pandas */
    struct pz_strs number;      /* columns that are numbers; other cells of them are null */
    struct pz_strs list;        /* "COLUMN=SEPARATOR": columns that hold lists */
    const char *basket;         /* between several items in a cell; NULL: there is one */
    bool like;                  /* schema: types only; columns may be missing and more */
    bool no_time;               /* interactions have no time: their order is it */
    const char *reject;         /* file for rejected rows as JSON Lines; NULL: none */
    double max_errors;          /* rows; with percent: share of all rows, 0..100 */
    bool percent;
    struct pz_log *log;
};

/* read = kept + rejected + duplicate, for every table */
struct pz_import_count {
    uint64_t read, kept, rejected, duplicate;
    uint64_t ids, joined; /* items and users with a row; those of them that interact */
};

/* Read the tables. The first 20 bad rows are said as errors. Rows of interactions that are alike in
 * everything are kept once; of several rows for one item or user the last is kept. .fingerprint of
 * the result is empty, it is of the file. The result does not depend on the number of threads.
 * Memory, at the most: the dictionaries once a thread and once more, and for an interaction of
 * three columns about 20 bytes, of more columns about 20 bytes and twice their decoded size.
 *
 * Errors: PZ_BAD_DATA a file that is no table, lacks a column or has no rows, no interaction is
 *         left, or more bad rows than max_errors, which is said after all rows were read (count is
 *         then filled too, duplicates of rows that were never compared counting as kept); PZ_USAGE
 *         as pz_blocks_open; PZ_NO_INPUT, PZ_IO a file; PZ_CANT_CREATE, PZ_IO the reject file;
 *         PZ_INTERRUPTED a signal came; PZ_TRY_AGAIN memory is out
 * Owner:  *out: the caller, until pz_dataset_free */
enum pz_status pz_import(const struct pz_import_cfg *cfg, struct pz_dataset **out,
                         struct pz_import_count count[PZ_N_TABLES], struct pz_err *err);

#endif
