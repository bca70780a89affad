/* SPDX-License-Identifier: Apache-2.0 */
/* Columns of Items that answers carry beside ids, as Personalize's metadataColumns: values as they
 * are now, rows put live included.
 *
 * Threads: any; columns do not change once they are found. */
#ifndef PZ_ANSWER_COLUMNS_H
#define PZ_ANSWER_COLUMNS_H

#include "answer/answer.h"

enum { PZ_MAX_COLUMNS = 100 };

struct pz_columns {
    size_t n;
    const struct pz_model *m;
    const struct pz_overlay *over; /* NULL: none */
    struct pz_shown_column {
        const char *name;           /* as the schema has it */
        const struct pz_attr *base; /* NULL: the model lacks it */
        const struct pz_attr *over; /* NULL: the overlay lacks it */
    } column[PZ_MAX_COLUMNS];
};

/* Find columns by their names.
 *
 * names    "TITLE,PRICE"; NULL: none
 * Errors:  PZ_USAGE no such column ("did you mean"), or too many
 * Owner:   *out borrows from the snapshot
 * Threads: any; the result may be shared */
enum pz_status pz_columns_find(const struct pz_snapshot *snap, const char *names,
                               struct pz_columns *out, struct pz_err *err);

/* The column that holds what people call an item: TITLE, NAME and the like; false: none.
 *
 * Owner:   *out borrows from the snapshot */
bool pz_columns_title(const struct pz_snapshot *snap, struct pz_columns *out);

/* Append the value of column k for an item as text, several joined by '|'; nothing for null. */
void pz_columns_add(struct pz_str *out, const struct pz_columns *c, size_t k, uint32_t item);

#endif
