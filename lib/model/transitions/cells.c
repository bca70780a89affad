/* SPDX-License-Identifier: Apache-2.0 */
/* Cells of rows: see cells.h.
 *
 * Rows lie with the ranks in groups of ROWS_TOGETHER, round and round, so that long and short ones
 * are everybody's. A packed row is its length, then for each entry how far its item is from the one
 * before, as numbers of 7 bits a byte, and its values. */
#include "model/transitions/cells.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/par.h"
#include "base/ranks.h"
#include "model/transitions/transitions.h"

enum { ROWS_TOGETHER = 16 };

void pz_cells_free(struct pz_cells *s)
{
    for (int t = 0; s && t < pz_par_threads(); t++) {
        free(s[t].sum);
        free(s[t].key);
        free(s[t].bits);
        free(s[t].words);
        free(s[t].touched);
        free(s[t].entry);
    }
    free(s);
}

struct pz_cells *pz_cells_new(uint32_t n)
{
    struct pz_cells *s = pz_mem_array((size_t)pz_par_threads(), sizeof *s);
    bool ok = s != NULL;

    for (int t = 0; ok && t < pz_par_threads(); t++) {
        s[t].n = n;
        s[t].sum = pz_mem_array(n, sizeof *s->sum);
        s[t].key = pz_mem_array(n, sizeof *s->key);
        s[t].bits = pz_mem_array(n / 64 + 1, sizeof *s->bits);
        s[t].words = pz_mem_array(n / 4096 + 1, sizeof *s->words);
        s[t].touched = pz_mem_array(n, sizeof *s->touched);
        s[t].entry = pz_mem_room((size_t)n + 1, sizeof *s->entry);
        ok = s[t].sum && s[t].key && s[t].bits && s[t].words && s[t].touched && s[t].entry;
    }
    if (ok)
        return s;
    pz_cells_free(s);
    return NULL;
}

void pz_cells_list(struct pz_cells *s)
{
    uint32_t n = 0;

    for (uint32_t g = 0; g <= s->n / 4096; g++)
        for (uint64_t words = s->words[g]; words; words &= words - 1) {
            uint32_t w = g * 64 + (uint32_t)__builtin_ctzll(words);

            for (uint64_t bits = s->bits[w]; bits; bits &= bits - 1)
                s->touched[n++] = w * 64 + (uint32_t)__builtin_ctzll(bits);
        }
    s->n_touched = n;
}

void pz_cells_reset(struct pz_cells *s)
{
    for (uint32_t k = 0; k < s->n_touched; k++) {
        uint32_t item = s->touched[k];

        s->sum[item] = 0;
        s->bits[item / 64] = 0;
        s->words[item / 4096] = 0;
    }
}

int pz_cells_owner(uint32_t row)
{
    return (int)(row / ROWS_TOGETHER % (uint32_t)pz_ranks_n());
}

/* ---- numbers ---- */

static inline uint8_t *put(uint8_t *to, uint64_t x)
{
    for (; x > 127; x >>= 7)
        *to++ = (uint8_t)(x | 128);
    *to++ = (uint8_t)x;
    return to;
}

static inline const uint8_t *get(const uint8_t *from, uint64_t *x)
{
    int shift = 0;

    if (*from <= 127) { /* most */
        *x = *from;
        return from + 1;
    }
    *x = 0;
    do {
        *x |= (uint64_t)(*from & 127) << shift;
        shift += 7;
    } while (*from++ > 127);
    return from;
}

/* ---- rows to all, or to the first ---- */

/* Entries of a row from other memory, or into it. */
struct row {
    uint32_t n;
    const uint32_t *item;
    const float *value, *coef; /* coef: NULL where there are none */
};

enum { ENTRY_BYTES = 5 + 2 * sizeof(float) };

/* Its length, then for each entry how far its item is from the one before, and by the lowest bit
 * whether it has a coefficient; the values; the coefficients. */
static uint8_t *pack_row(uint8_t *to, const struct row *row)
{
    to = put(to, row->n);
    for (uint32_t k = 0; k < row->n; k++)
        to = put(to, 2 * (uint64_t)(row->item[k] - (k > 0 ? row->item[k - 1] : 0)) +
                         (row->coef && row->coef[k] != 0));
    memcpy(to, row->value, row->n * sizeof(float));
    to += row->n * sizeof(float);
    for (uint32_t k = 0; row->coef && k < row->n; k++)
        if (row->coef[k] != 0) {
            memcpy(to, &row->coef[k], sizeof(float));
            to += sizeof(float);
        }
    return to;
}

/* Into item, value and coef (zero) [n]. */
static const uint8_t *unpack_row(const uint8_t *from, uint32_t *n, uint32_t *item, float *value,
                                 float *coef)
{
    const uint8_t *entries;
    uint64_t x, before = 0;

    from = get(from, &x);
    *n = (uint32_t)x;
    entries = from;
    for (uint32_t k = 0; k < *n; k++) {
        from = get(from, &x);
        item[k] = (uint32_t)(before += x / 2);
    }
    memcpy(value, from, *n * sizeof(float));
    from += *n * sizeof(float);
    for (uint32_t k = 0; k < *n; k++) {
        entries = get(entries, &x);
        if (x & 1) {
            memcpy(&coef[k], from, sizeof(float));
            from += sizeof(float);
        }
    }
    return from;
}

static uint8_t *pack_own_rows(const struct pz_csr *rows, const float *coef, size_t *bytes)
{
    size_t entries = 0;
    uint8_t *all, *to;

    for (uint32_t r = 0; r < rows->n; r++)
        entries += pz_cells_owner(r) == pz_ranks_id() ? rows->ptr[r + 1] - rows->ptr[r] : 0;
    all = to = pz_mem_array((entries + rows->n) * ENTRY_BYTES + 1, 1);
    for (uint32_t r = 0; r < rows->n && all; r++) {
        uint64_t at = rows->ptr[r];

        if (pz_cells_owner(r) == pz_ranks_id())
            to = pack_row(to, &(struct row){ (uint32_t)(rows->ptr[r + 1] - at), rows->item + at,
                                             rows->value + at, coef ? coef + at : NULL });
    }
    *bytes = all ? (size_t)(to - all) : 0;
    return all;
}

/* The length of a packed row. */
static uint64_t entries_of(const uint8_t *from)
{
    uint64_t n;

    get(from, &n);
    return n;
}

/* Passes over a packed row. */
static const uint8_t *row_end(const uint8_t *from)
{
    uint64_t n, x, coefs = 0;

    from = get(from, &n);
    for (uint64_t k = 0; k < n; k++) {
        from = get(from, &x);
        coefs += x & 1;
    }
    return from + (n + coefs) * sizeof(float);
}

/* Rows in their order from what the ranks sent, whose first unread rows are at at[rank]. Their
 * lengths come first: they say how much memory it takes. */
static enum pz_status unpack_all(const struct pz_inbox *in, uint32_t n_rows, struct pz_csr *rows,
                                 float **coef, struct pz_err *err)
{
    size_t ranks = (size_t)pz_ranks_n();
    const uint8_t **at = pz_mem_array(ranks, sizeof *at),
                  **again = pz_mem_array(ranks, sizeof *again);
    uint64_t *ptr = pz_mem_array((size_t)n_rows + 1, sizeof *ptr), n = 0;
    uint32_t *item = NULL;
    float *value = NULL, *beside = NULL;
    bool ok;

    for (size_t k = 0; k < ranks && at && again; k++)
        at[k] = again[k] = in[k].data;
    for (uint32_t r = 0; r < n_rows && at && again && ptr; r++) {
        const uint8_t **from = &at[pz_cells_owner(r)];

        n += entries_of(*from);
        *from = row_end(*from);
        ptr[r + 1] = n;
    }
    item = pz_mem_array(n + 1, sizeof *item);
    value = pz_mem_array(n + 1, sizeof *value);
    beside = pz_mem_array(n + 1, sizeof *beside);
    ok = at && again && ptr && item && value && beside;
    if (ok) {
        for (uint32_t r = 0, got; r < n_rows; r++)
            again[pz_cells_owner(r)] = unpack_row(again[pz_cells_owner(r)], &got, item + ptr[r],
                                                  value + ptr[r], beside + ptr[r]);
    }
    free(at);
    free(again);
    *rows = pz_csr_take(n_rows, n_rows, ptr, item, value);
    if (coef)
        *coef = beside;
    else
        free(beside);
    return ok ? PZ_OK : pz_err_memory(err, "rows of all ranks", 12.0 * (double)n);
}

enum pz_status pz_trans_gather(struct pz_csr *rows, float **coef, bool to_first, struct pz_err *err)
{
    size_t ranks = (size_t)pz_ranks_n(), bytes;
    uint32_t n = rows->n;
    struct pz_parcel *out = pz_mem_array(ranks, sizeof *out);
    struct pz_inbox *in = pz_mem_array(ranks, sizeof *in);
    uint8_t *mine = ranks > 1 ? pack_own_rows(rows, coef ? *coef : NULL, &bytes) : NULL;
    enum pz_status st = PZ_OK;

    if (ranks > 1 && (!mine || !out || !in))
        st = pz_err_memory(err, "rows for other ranks", 8.0 * (double)rows->ptr[rows->n]);
    for (size_t k = 0; ranks > 1 && k < ranks && st == PZ_OK; k++)
        out[k] = (struct pz_parcel){ mine, k == 0 || !to_first ? bytes : 0 };
    if (ranks > 1 && st == PZ_OK) {
        st = pz_ranks_exchange(out, in, err);
        free(mine);
        mine = NULL;
        if (st == PZ_OK && (pz_ranks_first() || !to_first)) {
            pz_csr_clear(rows); /* what is own comes back with the others' */
            free(coef ? *coef : NULL);
            st = unpack_all(in, n, rows, coef, err);
        }
        free(in[0].data);
    }
    free(mine);
    free(out);
    free(in);
    return st;
}
