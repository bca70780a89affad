/* SPDX-License-Identifier: Apache-2.0 */
/* Import: CSV and JSON Lines tables become a dataset. Every row is kept, named as rejected, or counted
 * as a duplicate. */
#ifndef PZ_DATA_IMPORT_H
#define PZ_DATA_IMPORT_H

#include "base/err.h"
#include "base/log.h"
#include "base/opt.h"
#include "data/dataset.h"
#include "data/schema.h"

struct pz_import_cfg {
    struct pz_strs files[PZ_N_TABLES]; /* borrowed; "-" is standard input */
    const struct pz_schema *schema;    /* NULL or tables not given: types are inferred */
    struct pz_strs map;                /* "USER_ID=userId" pairs: our name = column in the file */
    const char *reject;                /* file for rejected rows as JSON Lines; NULL: none */
    double max_errors;                 /* rows; with percent: share of all rows, 0..100 */
    bool percent;
    struct pz_log *log;
};

/* read = kept + rejected + duplicate */
struct pz_import_count {
    uint64_t read, kept, rejected, duplicate;
};

/* Read the tables. The first 20 bad rows are said as warnings; more than max_errors of them make it
 * PZ_BAD_DATA after all were read. *out: free with pz_dataset_free. Memory: about 60 bytes an
 * interaction at the peak, plus the distinct strings. */
enum pz_status pz_import(const struct pz_import_cfg *cfg, struct pz_dataset **out,
                         struct pz_import_count count[PZ_N_TABLES], struct pz_err *err);

#endif
