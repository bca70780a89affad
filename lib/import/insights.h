/* SPDX-License-Identifier: Apache-2.0 */
/* Data insights: what in a dataset will hurt or stop a training, after Amazon Personalize's data
 * insights, and what usually means that an export went wrong.
 *
 * Threads: any; a document and a text belong to one thread. */
#ifndef PZ_IMPORT_INSIGHTS_H
#define PZ_IMPORT_INSIGHTS_H

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "data/dataset.h"
#include "import/import.h"

/* Look a dataset through.
 *
 * now    Unix seconds that times are compared with; later ones are in the future
 * count  [PZ_N_TABLES] what the import said about rejected and duplicate rows; NULL when not known
 * *doc   {"interactions": N, "users": N, "items": N, "insights": [{"id", "severity":
 *        "serious" | "warning" | "note", "table", "column" (where one is meant), "count", "share",
 *        "text"}]}; the serious ones first
 * Cost: linear, and a sort of each numeric column.
 *
 * Errors: PZ_TRY_AGAIN memory is out
 * Owner:  *doc: the caller, a new reference */
enum pz_status pz_check(const struct pz_dataset *ds, int64_t now,
                        const struct pz_import_count *count, json_t **doc, struct pz_err *err);

/* The same as a table for people. */
void pz_check_text(struct pz_str *out, const json_t *doc);

/* How many of the insights are serious. */
size_t pz_check_serious(const json_t *doc);

#endif
