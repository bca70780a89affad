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

/* ---- counted rows to their owners ---- */

enum { CELL_BYTES = 5 + 10, COUNT_BYTES = sizeof(uint32_t) };

/* The length, then for each cell how far its item is from the one before and the sum. Sums are of
 * weights above 0: only updates, of which users are not shared, take something back. */
bool pz_cells_pack(const struct pz_cells *s, struct pz_packed *out)
{
    uint32_t before = 0, n = 0;
    uint8_t *to = out->data = pz_mem_room(COUNT_BYTES + (size_t)s->n_touched * CELL_BYTES, 1);

    if (!to)
        return false;
    to += COUNT_BYTES;
    for (uint32_t k = 0; k < s->n_touched; k++) {
        uint32_t item = s->touched[k];

        if (s->sum[item] == 0)
            continue;
        to = put(to, item - before);
        to = put(to, (uint64_t)s->sum[item]);
        before = item;
        n++;
    }
    memcpy(out->data, &n, COUNT_BYTES);
    out->bytes = (size_t)(to - out->data);
    pz_mem_fit(&out->data, out->bytes, 1);
    return true;
}

static void merge(const uint8_t *from, struct pz_cells *s)
{
    uint32_t n, item = 0;

    memcpy(&n, from, COUNT_BYTES);
    from += COUNT_BYTES;
    for (uint64_t x; n > 0; n--) {
        from = get(from, &x);
        item += (uint32_t)x;
        from = get(from, &x);
        *pz_cells_touch(s, item) += (int64_t)x;
    }
}

static const uint8_t *pass_over(const uint8_t *from)
{
    uint32_t n;
    uint64_t x;

    memcpy(&n, from, COUNT_BYTES);
    from += COUNT_BYTES;
    for (n *= 2; n > 0; n--)
        from = get(from, &x);
    return from;
}

void pz_cells_merge(struct pz_cells *s, const struct pz_swapped *in, uint32_t r)
{
    for (int k = 0; k < pz_ranks_n(); k++)
        merge(in->at[(size_t)r * (size_t)pz_ranks_n() + (size_t)k], s);
}

/* The rows of each owner behind one another. */
static uint8_t *lay_parcels(struct pz_packed *row, uint32_t first, uint32_t rows,
                            struct pz_parcel *parcel)
{
    size_t total = 0;
    uint8_t *all, *to;

    for (uint32_t r = 0; r < rows; r++)
        total += row[r].bytes;
    all = to = pz_mem_room(total + 1, 1);
    for (int k = 0; k < pz_ranks_n() && all; k++) {
        parcel[k].data = to;
        for (uint32_t r = 0; r < rows; r++)
            if (pz_cells_owner(first + r) == k && row[r].bytes > 0) {
                memcpy(to, row[r].data, row[r].bytes);
                to += row[r].bytes;
            }
        parcel[k].bytes = (size_t)(to - (const uint8_t *)parcel[k].data);
    }
    for (uint32_t r = 0; r < rows; r++) {
        free(row[r].data);
        row[r] = (struct pz_packed){ NULL, 0 };
    }
    return all;
}

/* Where each rank's cells of each own row are. */
static void find_rows(const struct pz_inbox *got, uint32_t first, uint32_t rows,
                      struct pz_swapped *in)
{
    size_t n = (size_t)pz_ranks_n();

    for (size_t k = 0; k < n; k++) {
        const uint8_t *at = got[k].data;

        for (uint32_t r = 0; r < rows; r++)
            if (pz_cells_owner(first + r) == pz_ranks_id()) {
                in->at[r * n + k] = at;
                at = pass_over(at);
            }
    }
}

enum pz_status pz_cells_swap(struct pz_packed *row, uint32_t first, uint32_t rows,
                             struct pz_swapped *in, struct pz_err *err)
{
    size_t n = (size_t)pz_ranks_n();
    struct pz_parcel *out = pz_mem_array(n, sizeof *out);
    struct pz_inbox *got = pz_mem_array(n, sizeof *got);
    uint8_t *all = out && got ? lay_parcels(row, first, rows, out) : NULL;
    enum pz_status st = PZ_OK;

    in->data = NULL;
    in->at = pz_mem_array(rows * n, sizeof *in->at);
    if (!all || !in->at)
        st = pz_err_memory(err, "rows for other ranks", 8.0 * rows);
    if (st == PZ_OK) {
        st = pz_ranks_exchange(out, got, err);
        in->data = got[0].data;
    }
    if (st == PZ_OK)
        find_rows(got, first, rows, in);
    free(all);
    free(out);
    free(got);
    return st;
}

void pz_swapped_clear(struct pz_swapped *in)
{
    free(in->data);
    free(in->at);
    *in = (struct pz_swapped){ NULL, NULL };
}

/* ---- rows to all, or to the first ---- */

/* Entries of a row from other memory, or into it. */
struct row {
    uint32_t n;
    const uint32_t *item;
    const float *value, *coef; /* coef: NULL where there are none */
};

enum { NUMBER_BYTES = 5, ENTRY_BYTES = NUMBER_BYTES + 2 * sizeof(float) };

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

/* Into item, value and coef (NULL: there are none) [n]. */
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
    for (uint32_t k = 0; coef && k < *n; k++) {
        entries = get(entries, &x);
        coef[k] = 0;
        if (x & 1) {
            memcpy(&coef[k], from, sizeof(float));
            from += sizeof(float);
        }
    }
    return from;
}

/* Rows travel in so many rounds, so that little but the rows themselves is in memory at a time. */
enum { ROUNDS = 8 };

static uint32_t first_of_round(uint32_t n_rows, int round)
{
    return (uint32_t)((uint64_t)n_rows * (uint64_t)round / ROUNDS);
}

/* Own rows first .. end as they travel; NULL without memory. */
static uint8_t *pack_own_rows(const struct pz_csr *rows, const float *coef, uint32_t first,
                              uint32_t end, size_t *bytes)
{
    size_t most = 0;
    uint8_t *packed, *to;

    for (uint32_t r = first; r < end; r++)
        if (pz_cells_owner(r) == pz_ranks_id())
            most += NUMBER_BYTES + (rows->ptr[r + 1] - rows->ptr[r]) * ENTRY_BYTES;
    packed = to = pz_mem_room(most + 1, 1);
    for (uint32_t r = first; r < end && packed; r++) {
        uint64_t at = rows->ptr[r];

        if (pz_cells_owner(r) == pz_ranks_id())
            to = pack_row(to, &(struct row){ (uint32_t)(rows->ptr[r + 1] - at), rows->item + at,
                                             rows->value + at, coef ? coef + at : NULL });
    }
    *bytes = packed ? (size_t)(to - packed) : 0;
    return packed;
}

/* Send what is own to all other ranks or to the first alone; in: [ranks], whose data the caller
 * frees. */
static enum pz_status send(const void *mine, size_t bytes, bool to_first, struct pz_inbox *in,
                           struct pz_err *err)
{
    struct pz_parcel *out = pz_mem_array((size_t)pz_ranks_n(), sizeof *out);
    enum pz_status st = PZ_OK;

    for (int r = 0; r < pz_ranks_n() && out; r++)
        if (r != pz_ranks_id() && (r == 0 || !to_first))
            out[r] = (struct pz_parcel){ mine, bytes };
    st = out ? pz_ranks_exchange(out, in, err) : pz_err_memory(err, "rows for other ranks", 1e3);
    free(out);
    return st;
}

/* Where each row will begin, from the lengths of the own rows and those that other ranks tell; in:
 * [ranks]. */
static uint64_t *lay_out(const struct pz_csr *rows, const struct pz_inbox *in)
{
    const uint8_t **at = pz_mem_array((size_t)pz_ranks_n(), sizeof *at);
    uint64_t *ptr = pz_mem_array((size_t)rows->n + 1, sizeof *ptr);

    for (int k = 0; k < pz_ranks_n() && at; k++)
        at[k] = in[k].data;
    for (uint32_t r = 0; r < rows->n && at && ptr; r++) {
        const uint8_t **from = &at[pz_cells_owner(r)];
        uint64_t length = rows->ptr[r + 1] - rows->ptr[r];

        if (pz_cells_owner(r) != pz_ranks_id())
            *from = get(*from, &length);
        ptr[r + 1] = ptr[r] + length;
    }
    if (!at) {
        free(ptr);
        ptr = NULL;
    }
    free(at);
    return ptr;
}

/* Tell the lengths of the own rows. *ptr: where all begin, for who takes them. */
static enum pz_status tell_lengths(const struct pz_csr *rows, bool to_first, struct pz_inbox *in,
                                   uint64_t **ptr, struct pz_err *err)
{
    uint8_t *length = pz_mem_room((size_t)rows->n + 1, NUMBER_BYTES), *to = length;
    enum pz_status st = length ? PZ_OK : pz_err_memory(err, "lengths of rows", 5.0 * rows->n);

    for (uint32_t r = 0; r < rows->n && st == PZ_OK; r++)
        if (pz_cells_owner(r) == pz_ranks_id())
            to = put(to, rows->ptr[r + 1] - rows->ptr[r]);
    if (st == PZ_OK) {
        st = send(length, (size_t)(to - length), to_first, in, err);
        if (st == PZ_OK && (pz_ranks_first() || !to_first)) {
            *ptr = lay_out(rows, in);
            st = *ptr ? PZ_OK : pz_err_memory(err, "lengths of rows", 8.0 * rows->n);
        }
        free(in[0].data);
    }
    free(length);
    return st;
}

/* An array of the entries of all rows, which begin at ptr, in place of one of the own rows, which
 * is freed; what is not own is undefined. NULL without memory. */
static void *spread(const struct pz_csr *rows, void *own, const uint64_t *ptr)
{
    enum { BYTES = 4 };
    char *all = pz_mem_room(ptr[rows->n] + 1, BYTES);

    for (uint32_t r = 0; r < rows->n && all; r++)
        if (pz_cells_owner(r) == pz_ranks_id())
            memcpy(all + ptr[r] * BYTES, (const char *)own + rows->ptr[r] * BYTES,
                   (ptr[r + 1] - ptr[r]) * BYTES);
    free(own);
    return all;
}

/* Room for all rows around the own ones. */
static enum pz_status make_room(struct pz_csr *rows, float **coef, uint64_t *ptr,
                                struct pz_err *err)
{
    uint32_t *item = spread(rows, rows->own[1], ptr);
    float *value = spread(rows, rows->own[2], ptr);

    if (coef)
        *coef = spread(rows, *coef, ptr);
    free(rows->own[0]);
    *rows = pz_csr_take(rows->n, rows->n_cols, ptr, item, value);
    return item && value && (!coef || *coef)
               ? PZ_OK
               : pz_err_memory(err, "rows of all ranks", 12.0 * (double)ptr[rows->n]);
}

/* The rows first .. end of other ranks, each rank's behind one another in its parcel. */
static enum pz_status unpack_rows(const struct pz_inbox *in, uint32_t first, uint32_t end,
                                  struct pz_csr *rows, float *coef, struct pz_err *err)
{
    const uint8_t **at = pz_mem_array((size_t)pz_ranks_n(), sizeof *at);
    uint32_t *item = rows->own[1], n;
    float *value = rows->own[2];

    if (!at)
        return pz_err_memory(err, "rows of all ranks", 8.0 * pz_ranks_n());
    for (int k = 0; k < pz_ranks_n(); k++)
        at[k] = in[k].data;
    for (uint32_t r = first; r < end; r++) {
        const uint8_t **from = &at[pz_cells_owner(r)];
        uint64_t p = rows->ptr[r];

        if (pz_cells_owner(r) != pz_ranks_id())
            *from = unpack_row(*from, &n, item + p, value + p, coef ? coef + p : NULL);
    }
    free(at);
    return PZ_OK;
}

/* Of the rows first .. end the own ones go to others, and theirs come. */
static enum pz_status swap_round(struct pz_csr *rows, float *coef, uint32_t first, uint32_t end,
                                 bool to_first, struct pz_inbox *in, struct pz_err *err)
{
    bool gives = !pz_ranks_first() || !to_first, takes = pz_ranks_first() || !to_first;
    size_t bytes;
    uint8_t *mine = pack_own_rows(rows, coef, first, gives ? end : first, &bytes);
    enum pz_status st;

    if (!mine)
        return pz_err_memory(err, "rows for other ranks", 1e3);
    st = send(mine, bytes, to_first, in, err);
    if (st == PZ_OK && takes)
        st = unpack_rows(in, first, end, rows, coef, err);
    free(in[0].data);
    free(mine);
    return st;
}

enum pz_status pz_trans_gather(struct pz_csr *rows, float **coef, bool to_first, struct pz_err *err)
{
    struct pz_inbox *in = pz_mem_array((size_t)pz_ranks_n(), sizeof *in);
    uint64_t *ptr = NULL;
    enum pz_status st = in ? PZ_OK : pz_err_memory(err, "rows for other ranks", 1e3);

    if (st == PZ_OK && pz_ranks_n() > 1) {
        st = tell_lengths(rows, to_first, in, &ptr, err);
        if (st == PZ_OK && ptr)
            st = make_room(rows, coef, ptr, err);
        for (int k = 0; k < ROUNDS && st == PZ_OK; k++) {
            in[0].data = NULL;
            st = swap_round(rows, coef ? *coef : NULL, first_of_round(rows->n, k),
                            first_of_round(rows->n, k + 1), to_first, in, err);
        }
    }
    free(in);
    return st;
}
