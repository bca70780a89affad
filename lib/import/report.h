/* SPDX-License-Identifier: Apache-2.0 */
/* What an import tells about the whole, once all rows are read.
 *
 * Threads: one a log. */
#ifndef PZ_IMPORT_REPORT_H
#define PZ_IMPORT_REPORT_H

#include "import/import.h"

/* Warn of ids with blanks, ".0" or rounded by a spreadsheet, and of times before 1980 or after tomorrow.
 * Threads: any, log is written */
void pz_import_report(const struct pz_dataset *ds, struct pz_log *log);

/* Count how many ids of a table have a row (count->ids), and how many of those interact
 * (count->joined).
 * Errors: PZ_TRY_AGAIN no memory */
enum pz_status pz_import_join(const struct pz_dataset *ds, enum pz_table_id table,
                              struct pz_import_count *count, struct pz_err *err);

#endif
