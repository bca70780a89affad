/* SPDX-License-Identifier: Apache-2.0 */
/* Private to import/: staged columns become typed attributes.
 *
 * Threads: one a table; columns are made on all cores. */
#ifndef PZ_IMPORT_COLUMNS_H
#define PZ_IMPORT_COLUMNS_H

#include "base/err.h"
#include "data/attrs.h"
#include "import/reader.h"

/* Rows of one table that are staged, with what their numbers mean. */
struct pz_staged {
    const struct pz_mapping *mapping;
    struct pz_staging *staging;
    struct pz_worker *worker; /* [n_workers] */
    int n_workers;
};

/* The longest row group's rows: the size of a buffer for pz_row_group_read. */
size_t pz_staged_longest(const struct pz_staged *s);

/* Make attributes of all columns that are no ids, times, events, values or impressions, in the
 * order of the schema or of appearance; rows as staged. Types come from the schema or are inferred.
 * Frees what was staged of them, and the texts.
 *
 * Errors: PZ_TRY_AGAIN memory is out
 * Owner:  *out owns its arrays: pz_attrs_clear, also after a failure */
enum pz_status pz_columns_make(const struct pz_staged *s, struct pz_attrs *out, struct pz_err *err);

#endif
