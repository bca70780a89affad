/* SPDX-License-Identifier: Apache-2.0 */
/* Watermarks: how far live stores are contained in a dataset or a model, so that live events and
 * rows which training has seen do not count twice. */
#ifndef PZ_DATA_WATERMARKS_H
#define PZ_DATA_WATERMARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct pz_watermark {
    char store[17];        /* identity of a live store: 16 hex digits */
    uint64_t events, rows; /* last numbers that are contained */
};

/* One watermark per store, in the order of their identities. All-zero is none; free with
 * pz_watermarks_clear.
 */
struct pz_watermarks {
    struct pz_watermark *v;
    size_t n, cap;
};

/* Add a watermark; of two for one store the larger numbers count. False when memory is out. */
bool pz_watermarks_add(struct pz_watermarks *marks, const struct pz_watermark *mark);

/* The watermark of a store, or NULL. */
const struct pz_watermark *pz_watermarks_find(const struct pz_watermarks *marks, const char *store);

/* As text: a line "STORE EVENTS ROWS" per store. */
void pz_watermarks_write(const struct pz_watermarks *marks, struct pz_str *out);

/* Add the watermarks of such a text; PZ_BAD_DATA when it is none. */
enum pz_status pz_watermarks_read(struct pz_watermarks *marks, const char *text,
                                  struct pz_err *err);

/* Free the watermarks; none are left. */
void pz_watermarks_clear(struct pz_watermarks *marks);

#endif
