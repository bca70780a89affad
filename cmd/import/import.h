/* SPDX-License-Identifier: Apache-2.0 */
/* pz-import: what its option table fills in, and its modes. */
#ifndef PZ_CMD_IMPORT_H
#define PZ_CMD_IMPORT_H

#include <stdbool.h>

#include "base/opt.h"
#include "base/str.h"
#include "data/group.h"
#include "import/import.h"

struct import_cfg {
    struct pz_common common;
    const char *without, *without_items, *output, *reject, *max_errors, *escape, *unquoted,
        *export_table;
    const char *delimiter, *header, *null, *time_format, *like;
    long long skip_lines;
    struct pz_strs interactions, items, users, schema, map, number, list;
    bool merge, info, check, strict, no_time, guess;
};

/* ---- datasets.c: modes that read datasets, named as operands ---- */

enum pz_status import_info(const struct import_cfg *cfg, const struct pz_strs *args,
                           struct pz_err *err);
enum pz_status import_export(const struct import_cfg *cfg, const struct pz_strs *args,
                             struct pz_err *err);
enum pz_status import_merge(const struct import_cfg *cfg, const struct pz_strs *args,
                            struct pz_log *log, struct pz_err *err);

/* All operands as one dataset group; PZ_USAGE when there are none. *ds by pz_dataset_free. */
enum pz_status import_open(const struct pz_strs *args, struct pz_dataset **ds, struct pz_err *err);

/* PZ_USAGE without -o. */
enum pz_status import_need_output(const struct import_cfg *cfg, struct pz_err *err);

/* ---- tables.c: modes that read tables ---- */

enum pz_status import_run(const struct import_cfg *cfg, const struct pz_strs *args,
                          struct pz_log *log, struct pz_err *err);
enum pz_status import_check(const struct import_cfg *cfg, const struct pz_strs *args,
                            struct pz_log *log, struct pz_err *err);

/* ---- options.c ---- */

/* Read the tables as the options say.
 *
 * percent  bad rows to tolerate, whatever --max-errors says; < 0: as it says
 * *ds      by pz_dataset_free; stays NULL when there is only a guess to print
 * count    [PZ_N_TABLES]; filled also when the status is PZ_BAD_DATA */
enum pz_status import_tables(const struct import_cfg *cfg, const struct pz_strs *args,
                             double percent, struct pz_log *log, struct pz_dataset **ds,
                             struct pz_import_count *count, struct pz_err *err);

/* ---- counts.c ---- */

/* One line accounts for every row, of a failed run (st) too: it is then added to err. */
void import_say_counts(const struct pz_import_count *count, enum pz_status st, struct pz_log *log,
                       struct pz_err *err);

/* {"interactions":{"read":3,"kept":2,"rejected":1,"duplicate":0},"items":...}: the tables that were
 * given. */
void import_print_counts(const struct pz_import_count *count);

#endif
