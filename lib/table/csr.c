/* SPDX-License-Identifier: Apache-2.0 */
/* Sparse rows (CSR) of arrays or of a file: see csr.h. Scorers keep what they learn in this form:
 * transitions, neighbours, features, sessions.
 *
 * Invariants:
 *   1. A loaded row's entries may be used as indices without a look: offsets were checked before
 *      entries, entries and values before the rows are handed out.
 * 2. A flat table is not checked. It was made by this program from a checked one and is covered by
 * hashes; a check would read it all, and opening a campaign must cost no more than its columns.
 *   3. Views and owned arrays look alike to readers; own[] alone says what pz_csr_clear frees.
 * / */
#include "table/csr.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "table/lists.h"

struct pz_csr pz_csr_take(uint32_t n, uint32_t n_cols, uint64_t *ptr, uint32_t *item, float *value)
{
    return (struct pz_csr){ n, n_cols, ptr, item, value, { ptr, item, value } };
}

void pz_csr_clear(struct pz_csr *rows)
{
    for (size_t k = 0; k < sizeof rows->own / sizeof *rows->own; k++)
        free(rows->own[k]);
    memset(rows, 0, sizeof *rows);
}

enum { MORE = 0x80, FOLDED_MAX = 1 << 28 /* whose steps take four bytes at most */ };

/* Steps from entry to entry, 7 bits a byte, the lowest first: in place, as none takes more than
 * what it is made of. */
void pz_csr_fold(struct pz_csr *rows)
{
    const uint32_t *item = rows->own[1];
    uint8_t *to = rows->own[1];

    if (!item || rows->n_cols > FOLDED_MAX)
        return;
    for (uint32_t i = 0; i < rows->n; i++)
        for (uint64_t k = rows->ptr[i], before = 0; k < rows->ptr[i + 1]; k++) {
            uint32_t now = item[k], step = now - (uint32_t)before;

            for (before = now; step >= MORE; step >>= 7)
                *to++ = (uint8_t)(step | MORE);
            *to++ = (uint8_t)step;
        }
    pz_mem_fit(&rows->own[1], (size_t)(to - (uint8_t *)rows->own[1]), 1);
    rows->item = NULL;
}

const uint8_t *pz_csr_unfold_rows(const struct pz_csr *rows, uint32_t first, uint32_t end,
                                  const uint8_t *from, uint32_t *item)
{
    from = from ? from : rows->own[1];
    for (uint32_t i = first; i < end; i++)
        for (uint64_t n = rows->ptr[i + 1] - rows->ptr[i], now = 0; n > 0; n--) {
            int shift = 0;

            for (; *from & MORE; shift += 7)
                now += (uint64_t)(*from++ & (MORE - 1)) << shift;
            now += (uint64_t)*from++ << shift;
            *item++ = (uint32_t)now;
        }
    return from;
}

enum pz_status pz_csr_unfold(struct pz_csr *rows, struct pz_err *err)
{
    uint64_t n = rows->ptr[rows->n];
    uint32_t *item;

    if (rows->item || !rows->own[1])
        return PZ_OK;
    item = pz_mem_room(n, sizeof *item);
    if (!item)
        return pz_err_memory(err, "lists", 4.0 * (double)n);
    pz_csr_unfold_rows(rows, 0, rows->n, NULL, item);
    free(rows->own[1]);
    rows->item = rows->own[1] = item;
    return PZ_OK;
}

enum pz_status pz_csr_save(const struct pz_csr *rows, const struct pz_csr_columns *columns,
                           struct pz_writer *w, struct pz_err *err)
{
    uint64_t n = rows->ptr[rows->n];
    enum pz_status st = pz_writer_add(w, columns->ptr, PZ_U64, rows->ptr, (uint64_t)rows->n + 1,
                                      err);

    if (st == PZ_OK)
        st = pz_writer_add(w, columns->item, PZ_U32, rows->item, n, err);
    if (st == PZ_OK && rows->value)
        st = pz_writer_add(w, columns->value, PZ_F32, rows->value, n, err);
    return st;
}

static bool is_sound(const struct pz_csr *rows, const struct pz_csr_columns *columns, uint64_t n)
{
    return pz_lists_good(rows->ptr, rows->n, n, columns->max_row ? columns->max_row : n, rows->item,
                         rows->n_cols) &&
           (!rows->value || pz_numbers_good(rows->value, n, columns->min_value)) &&
           /* so that two rows can be merged and an entry be found by bisection */
           (!columns->ascending || pz_lists_ascend(rows->ptr, rows->n, rows->item));
}

enum pz_status pz_csr_load(struct pz_table *t, const struct pz_csr_columns *columns, uint32_t n,
                           uint32_t n_cols, struct pz_csr *rows, struct pz_err *err)
{
    const void *ptr = NULL, *item = NULL, *value = NULL;
    uint64_t n_ptr = 0, n_entries = 0;
    bool valued = columns->value && !(columns->optional && !pz_table_has(t, columns->value));
    enum pz_status st = pz_table_get(t, columns->ptr, PZ_U64,
                                     n == PZ_CSR_ANY ? PZ_ANY : (uint64_t)n + 1, &ptr, &n_ptr, err);

    /* The values, which compress least, first: what is stored of a column stands in memory
     * beside all that was read before. */
    if (st == PZ_OK && valued)
        st = pz_table_get(t, columns->value, PZ_F32, PZ_ANY, &value, &n_entries, err);
    if (st == PZ_OK)
        st = pz_table_get(t, columns->item, PZ_U32, valued ? n_entries : PZ_ANY, &item, &n_entries,
                          err);
    if (st != PZ_OK)
        return st;
    /* n_ptr is n + 1; rows are numbered by uint32_t, and UINT32_MAX stands for "none" everywhere.
     */
    if (n_ptr < 1 || n_ptr > UINT32_MAX)
        return pz_err_set(err, PZ_BAD_DATA, "%s: the number of rows is damaged", columns->ptr);
    *rows = (struct pz_csr){
        .n = (uint32_t)(n_ptr - 1), .n_cols = n_cols, .ptr = ptr, .item = item, .value = value
    };
    if (!pz_table_is_flat(t) && !is_sound(rows, columns, n_entries))
        return pz_err_set(err, PZ_BAD_DATA, "%s: the rows are damaged", columns->ptr);
    return PZ_OK;
}
