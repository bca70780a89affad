/* SPDX-License-Identifier: Apache-2.0 */
/* Private to model/transitions/: the cells that a row of pair sums is added up in, and the way of
 * rows to other ranks.
 *
 *     count -> list -> cut -> reset, row by row; of several ranks that have all users each makes
 *     its own rows from their histories, and shares what is left of them after the cut
 *     count -> list -> pack -> reset for all rows of a block; swap; merge -> list -> cut -> reset
 *     for the own rows: where each rank has the users of its share (data/shares.h)
 *
 * So what travels is bounded by the catalogue, whatever there is of interactions; before the cut
 * that is more. Sums are whole multiples of a unit (struct pz_trans_view), so that neither the
 * order of users nor who has them changes them.
 *
 * Threads: cells belong to one thread; swap and share to the main one. */
#ifndef PZ_MODEL_TRANSITIONS_CELLS_H
#define PZ_MODEL_TRANSITIONS_CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bits.h"
#include "base/err.h"

/* An entry of a row, and in an update what stood at its place before. */
struct pz_entry {
    uint32_t item;
    float value, before;
};

/* The cells of one row. Bits say which the row touched: 64 cells a word of `bits`, 64 words a bit
 * of `words`, so that listing them in ascending order costs next to nothing however many there
 * are. */
struct pz_cells {
    int64_t *sum;           /* [n], zero between rows */
    uint64_t *key;          /* [n] for selections */
    uint64_t *bits;         /* [n / 64 + 1] */
    uint64_t *words;        /* [n / 4096 + 1] */
    uint32_t *touched;      /* [n] listed, ascending */
    struct pz_entry *entry; /* [n + 1] room for the row that is made of them */
    uint32_t n, n_touched;
};

/* One for each thread, for rows of n items and features: 32 bytes * n each. NULL without memory.
 * Owner: pz_cells_free, which accepts NULL */
struct pz_cells *pz_cells_new(uint32_t n);
void pz_cells_free(struct pz_cells *cells);

/* The cell of an item, touched from now on. */
static inline int64_t *pz_cells_touch(struct pz_cells *s, uint32_t item)
{
    pz_bits_add(s->bits, item);
    pz_bits_add(s->words, item / 64);
    return &s->sum[item];
}

/* List what is touched so far. */
void pz_cells_list(struct pz_cells *s);

/* Make the listed cells untouched and zero. */
void pz_cells_reset(struct pz_cells *s);

/* The rank that has a row. */
int pz_cells_owner(uint32_t row);

/* What one rank counted of a row. */
struct pz_packed {
    uint8_t *data;
    size_t bytes;
};

/* Pack those of the listed cells that are not zero. False: memory is out.
 * Owner: free(out->data) */
bool pz_cells_pack(const struct pz_cells *s, struct pz_packed *out);

/* What all ranks counted of a block's rows. */
struct pz_swapped {
    void *data;
    const uint8_t **at; /* [rows * ranks] of the own rows */
};

/* Send every row to its owner.
 *
 * row     [rows] of rows first, first + 1, ...; packed ones, which are freed
 * Errors: PZ_TRY_AGAIN memory is out
 * Owner:  the caller clears *in, also after a failure */
enum pz_status pz_cells_swap(struct pz_packed *row, uint32_t first, uint32_t rows,
                             struct pz_swapped *in, struct pz_err *err);
void pz_swapped_clear(struct pz_swapped *in);

/* Add what all ranks counted of the block's row r. */
void pz_cells_merge(struct pz_cells *s, const struct pz_swapped *in, uint32_t r);

/* Rows of a block, cut: row r has count[r] entries from r * keep on. */
struct pz_cut_rows {
    uint32_t *count, *item;
    float *value;
    uint32_t keep;
};

#endif
