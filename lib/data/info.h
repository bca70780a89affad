/* SPDX-License-Identifier: Apache-2.0 */
/* Info: what is in a dataset, for people and for programs.
 *
 * Threads: any; a document and a text belong to one thread. */
#ifndef PZ_DATA_INFO_H
#define PZ_DATA_INFO_H

#include "base/json.h"
#include "base/str.h"
#include "data/dataset.h"

/* The facts as a JSON object: interactions, users, items, event types with counts, first and last
 * time, the columns of every table with their types and how many rows have a value. NULL when
 * memory is out.
 * Owner: the caller, a new reference */
json_t *pz_info_json(const struct pz_dataset *ds);

/* The same as text for people. doc is what pz_info_json gave. */
void pz_info_text(struct pz_str *out, const json_t *doc);

#endif
