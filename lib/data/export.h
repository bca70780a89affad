/* SPDX-License-Identifier: Apache-2.0 */
/* Export: the tables of a dataset as CSV that imports back to the same bytes.
 *
 * Threads: any, each with an output of its own. */
#ifndef PZ_DATA_EXPORT_H
#define PZ_DATA_EXPORT_H

#include "base/err.h"
#include "base/file.h"
#include "data/dataset.h"
#include "data/schema.h"

/* Write one table with its header line: the interactions by user and time, TIMESTAMP in Unix
 * seconds; the rows of items or users that the import had. With the schema of pz_dataset_schema,
 * importing the tables gives a byte-identical file. Memory: a buffer;
 * nothing grows with the table.
 *
 * Errors: PZ_BAD_DATA the dataset has no such table; PZ_INTERRUPTED a signal came; PZ_TRY_AGAIN
 *         memory is out; as pz_out_write */
enum pz_status pz_export(const struct pz_dataset *ds, enum pz_table_id table, struct pz_out *out,
                         struct pz_err *err);

/* Whether the dataset has rows of that table. */
bool pz_export_has(const struct pz_dataset *ds, enum pz_table_id table);

#endif
