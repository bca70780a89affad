/* SPDX-License-Identifier: Apache-2.0 */
/* Private to train/: columns that nothing is learned from (--exclude-column, Personalize's
 * excludedDatasetColumns). They stay in the model, for filters and answers. */
#ifndef PZ_TRAIN_EXCLUDED_H
#define PZ_TRAIN_EXCLUDED_H

#include "data/corpus.h"

/* The columns of items, users and context that are left; their values are the dataset's. */
struct pz_learned {
    struct pz_attrs table[3]; /* attr: owned */
};

/* The columns that --exclude-column names: TABLE.COLUMN as it stands, and for FILE.json what
 * excludedDatasetColumns lists there, as in the parameters of CreateSolution or the answer of
 * DescribeSolution, wherever in the document it stands.
 *
 * Errors:  as pz_file_read; PZ_BAD_DATA it is no JSON, or has no such lists; PZ_TRY_AGAIN memory
 * Owner:   the caller frees *out, which holds the names, too
 * Threads: any */
enum pz_status pz_excluded_read(const char *const *given, size_t n, const char ***out,
                                size_t *n_out, struct pz_err *err);

/* Take columns from what a corpus knows. out is the caller's, all-zero before, and must outlive the
 * corpus.
 *
 * column  [n] "Items.PRICE", "Users.AGE" or "Interactions.DEVICE"
 * strict  a column that the data do not have is an error; else, as for a model's delta, it is
 *         passed over
 * Errors:  PZ_USAGE there is no such column ("did you mean"), or it is no such column's place;
 *          PZ_TRY_AGAIN memory is out
 * Owner:   the caller clears *out, also after a failure
 * Threads: one a corpus */
enum pz_status pz_exclude_columns(const char *const *column, size_t n, bool strict,
                                  struct pz_corpus *c, struct pz_learned *out, struct pz_err *err);
void pz_learned_clear(struct pz_learned *l);

#endif
