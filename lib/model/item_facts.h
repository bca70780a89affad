/* SPDX-License-Identifier: Apache-2.0 */
/* Private to model/: what a model file says of each item beside its attributes. */
#ifndef PZ_MODEL_ITEM_FACTS_H
#define PZ_MODEL_ITEM_FACTS_H

#include "data/corpus.h"
#include "data/dataset.h"
#include "table/table.h"

/* The column CREATION_TIMESTAMP of a table, NULL when there is none or no table; its value in a
 * row, or INT64_MAX.
 * Owner:   the table
 * Threads: any */
const struct pz_attr *pz_item_made_column(const struct pz_attrs *attrs);
int64_t pz_item_made(const struct pz_attr *made, uint64_t row);

/* Write the columns
 *   item_count  u32 [n_items]  interactions that count
 *   item_since  i64 [n_items]  CREATION_TIMESTAMP, else the first interaction, else INT64_MAX: new
 *   item_shown  u32 [n_items]  impressions; only when the data have the column IMPRESSION
 * c: the corpus made from ds. keep: [ds->n_interactions] interactions whose impressions count;
 * NULL: all.
 *
 * Errors:  PZ_TRY_AGAIN memory is out; as pz_writer_add
 * Threads: one writer, one thread */
enum pz_status pz_item_facts_save(const struct pz_dataset *ds, const struct pz_corpus *c,
                                  const uint8_t *keep, struct pz_writer *w, struct pz_err *err);

#endif
