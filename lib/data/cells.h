/* SPDX-License-Identifier: Apache-2.0 */
/* Private to data/: columns while they are read. A cell is the number of its text among the distinct
 * texts of its column, so a type is inferred, and a value parsed, once for each distinct text. */
#ifndef PZ_DATA_CELLS_H
#define PZ_DATA_CELLS_H

#include <stdint.h>

#include "base/err.h"
#include "base/time.h"
#include "data/schema.h"
#include "table/dict.h"

struct pz_cells {
    char name[PZ_NAME_MAX + 1];
    struct pz_dict_builder *values;
    uint32_t *code; /* [cap] PZ_NONE: null */
    uint64_t n;
    size_t cap;
    bool is_time;   /* CREATION_TIMESTAMP: values become Unix seconds */
};

/* Add one cell (n = 0: null), filling rows that came before the column was known with nulls. */
enum pz_status pz_cells_add(struct pz_cells *c, uint64_t row, const char *s, size_t n,
                            struct pz_err *err);

/* Turn rows 0..n_rows-1 into a typed attribute (owned arrays). field gives the type; NULL: inferred.
 * A value that does not fit a given type is PZ_BAD_DATA naming it. */
enum pz_status pz_cells_finish(struct pz_cells *c, uint64_t n_rows, const struct pz_field *field,
                               struct pz_attr *out, struct pz_err *err);
void pz_cells_clear(struct pz_cells *c);

#endif
