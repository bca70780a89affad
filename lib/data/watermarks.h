/* SPDX-License-Identifier: Apache-2.0 */
/* Marks: how far live stores are contained in a dataset or a model, so that live events and rows
 * which training has seen do not count twice. */
#ifndef PZ_DATA_WATERMARKS_H
#define PZ_DATA_WATERMARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct pz_mark {
    char store[17];        /* identity of a live store: 16 hex digits */
    uint64_t events, rows; /* last numbers that are contained */
};

/* One mark a store, in the order of their identities. All-zero is none; free with pz_marks_clear.
 */
struct pz_marks {
    struct pz_mark *v;
    size_t n, cap;
};

/* Add a mark; of two for one store the larger numbers count. False when memory is out. */
bool pz_marks_add(struct pz_marks *marks, const struct pz_mark *mark);

/* The mark of a store, or NULL. */
const struct pz_mark *pz_marks_find(const struct pz_marks *marks, const char *store);

/* As text: a line "STORE EVENTS ROWS" a mark. */
void pz_marks_write(const struct pz_marks *marks, struct pz_str *out);

/* Add the marks of such a text; PZ_BAD_DATA when it is none. */
enum pz_status pz_marks_read(struct pz_marks *marks, const char *text, struct pz_err *err);

/* Free the marks; none are left. */
void pz_marks_clear(struct pz_marks *marks);

#endif
