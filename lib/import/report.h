/* SPDX-License-Identifier: Apache-2.0 */
/* What an import tells about the whole, once all rows are read.
 *
 * Threads: one a log. */
#ifndef PZ_IMPORT_REPORT_H
#define PZ_IMPORT_REPORT_H

#include "import/columns.h"
#include "import/import.h"

/* Ids as they are staged: users, items are the dictionaries, *_map[worker] number of the worker ->
 * index. */
struct pz_staged_ids {
    const struct pz_dict *users, *items;
    uint32_t *const *user_map, *const *item_map;
};

/* Warn of ids with blanks, ".0" or rounded by a spreadsheet, and of times before 1980 or after
 * tomorrow, each with the line of the first. staged: [PZ_N_TABLES], with their lines.
 * Errors:  PZ_TRY_AGAIN memory is out
 * Threads: any, log is written */
enum pz_status pz_import_report(const struct pz_staged *staged, const struct pz_staged_ids *ids,
                                struct pz_log *log, struct pz_err *err);

/* Count how many ids of a table have a row (count->ids), and how many of those interact
 * (count->joined).
 * Errors: PZ_TRY_AGAIN no memory */
enum pz_status pz_import_join(const struct pz_dataset *ds, enum pz_table_id table,
                              struct pz_import_count *count, struct pz_err *err);

#endif
