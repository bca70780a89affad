/* SPDX-License-Identifier: Apache-2.0 */
/* Export: the tables of a dataset as CSV that imports back to the same bytes. */
#ifndef PZ_DATA_EXPORT_H
#define PZ_DATA_EXPORT_H

#include "base/err.h"
#include "base/file.h"
#include "data/dataset.h"
#include "data/schema.h"

/* Write one table with its header line: the interactions by user and time, TIMESTAMP in Unix
 * seconds; the rows of items or users that the import had. With the schema of pz_dataset_schema,
 * importing the tables gives a byte-identical file. PZ_BAD_DATA when the dataset has no such table.
 * Memory: a buffer; nothing grows with the table. */
enum pz_status pz_export(const struct pz_dataset *ds, enum pz_table_id table, struct pz_out *out,
                         struct pz_err *err);

/* Whether the dataset has rows of that table. */
bool pz_export_has(const struct pz_dataset *ds, enum pz_table_id table);

#endif
