/* SPDX-License-Identifier: Apache-2.0 */
/* The Gram matrix packed: see gram.h.
 *
 * A value v of a row whose largest is below 2^e is kept as the upper half of the float
 * v 2^(-e-96), rounded to even, whose exponent has five bits: reading is a shift, and the row is
 * multiplied by 2^96 2^e when it is gathered, in two steps, since the product may be no float. */
#include "model/transitions/gram.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/ranks.h"
#include "base/simd.h"
#include "table/zst.h"

enum { SHIFT = 12, STEP1 = UINT8_MAX, STEP2 = UINT16_MAX, LEAST_EXPONENT = -30 };

static const float FIVE_BITS = 0x1p96f;

struct head {
    uint32_t n;       /* entries, with those that bridge */
    int16_t exponent; /* e */
    uint16_t wide;    /* steps are of two bytes */
};

static struct head head_of(const uint8_t *row)
{
    struct head h;

    memcpy(&h, row, sizeof h);
    return h;
}

static size_t bytes_of(const struct head *h)
{
    return sizeof *h + (size_t)h->n * (h->wide ? 4 : 3);
}

/* ---- writing ---- */

/* down: 2^-e. */
static uint16_t pack_value(float v, float down)
{
    float small = v * down / FIVE_BITS;
    uint32_t bits;

    if (!(small >= FLT_MIN))
        return 0;
    memcpy(&bits, &small, sizeof bits);
    return (uint16_t)((bits + (1u << (SHIFT - 1)) - 1 + (bits >> SHIFT & 1)) >> SHIFT);
}

/* Entries of a row in steps of `most` at most. */
static uint64_t steps_of(const uint32_t *item, uint32_t n, uint32_t most)
{
    uint64_t steps = n;

    for (uint32_t k = 0, before = 0; k < n; before = item[k++])
        steps += item[k] > before ? (item[k] - before - 1) / most : 0;
    return steps;
}

static struct head plan_row(const uint32_t *item, const float *value, uint32_t n)
{
    uint64_t narrow = steps_of(item, n, STEP1), wide = steps_of(item, n, STEP2);
    bool is_wide = 4 * wide < 3 * narrow;
    struct head h = { .n = (uint32_t)(is_wide ? wide : narrow), .wide = is_wide };
    float most = 0;
    int exponent = 0;

    for (uint32_t k = 0; k < n; k++)
        most = fmaxf(most, value[k]);
    if (most > 0)
        (void)frexpf(most, &exponent);
    exponent = exponent < LEAST_EXPONENT ? LEAST_EXPONENT : exponent;
    h.exponent = (int16_t)exponent;
    return h;
}

static void put_entry(uint8_t *row, const struct head *h, uint32_t k, uint32_t step, uint16_t value)
{
    uint8_t *steps = row + sizeof *h, *values = steps + (size_t)h->n * (h->wide ? 2 : 1);

    if (h->wide)
        memcpy(steps + 2 * (size_t)k, &(uint16_t){ (uint16_t)step }, 2);
    else
        steps[k] = (uint8_t)step;
    memcpy(values + 2 * (size_t)k, &value, sizeof value);
}

static void pack_row(uint8_t *row, const struct head *h, const uint32_t *item, const float *value,
                     uint32_t n)
{
    uint32_t at = 0, before = 0, most = h->wide ? STEP2 : STEP1;
    float down = ldexpf(1, -h->exponent);

    memcpy(row, h, sizeof *h);
    for (uint32_t k = 0; k < n; before = item[k++]) {
        uint32_t step = item[k] - before;

        for (; step > most; step -= most)
            put_entry(row, h, at++, most, 0);
        put_entry(row, h, at++, step, pack_value(value[k], down));
    }
}

/* Bytes, growing. */
struct bytes {
    uint8_t *data;
    size_t n, cap;
};

static bool pack_own(const struct pz_cut_rows *rows, uint32_t first, uint32_t n, struct bytes *to)
{
    for (uint32_t r = 0; r < n; r++) {
        const uint32_t *item = rows->item + (size_t)r * rows->keep;
        const float *value = rows->value + (size_t)r * rows->keep;
        struct head h;

        if (pz_cells_owner(first + r) != pz_ranks_id())
            continue;
        h = plan_row(item, value, rows->count[r]);
        if (!pz_mem_grow(&to->data, &to->cap, to->n + bytes_of(&h), 1))
            return false;
        pack_row(to->data + to->n, &h, item, value, rows->count[r]);
        to->n += bytes_of(&h);
    }
    return true;
}

/* ---- the way to other ranks ---- */

/* Rows as they travel: the upper bytes of values, exponents for the most part, stand apart and
 * compressed. A third of them is saved, of the steps and the lower bytes next to nothing. */
struct travel_head {
    uint64_t rows_bytes,
        n_values; /* of rows without upper bytes; then the frame of those follows */
};

enum { QUICKEST_LEVEL = 1 };

/* From row, to: the lower bytes of n values from v on. Returns the end. */
static uint8_t *part(const uint8_t *v, uint32_t n, uint8_t *low, uint8_t *high)
{
    for (uint32_t k = 0; k < n; k++) {
        low[k] = v[2 * (size_t)k];
        high[k] = v[2 * (size_t)k + 1];
    }
    return low + n;
}

/* Packed rows made ready to travel; NULL without memory. */
static uint8_t *wrap(const struct bytes *rows, size_t *bytes)
{
    size_t bound = sizeof(struct travel_head) + rows->n + pz_zst_bound(rows->n / 2), frame;
    uint8_t *all = pz_mem_room(bound, 1), *high = pz_mem_room(rows->n / 2 + 1, 1), *to = all;
    struct travel_head h = { 0 };

    *bytes = 0;
    if (all && high) {
        to += sizeof h;
        for (size_t at = 0; at < rows->n;) {
            struct head row = head_of(rows->data + at);
            size_t n = bytes_of(&row) - 2 * (size_t)row.n; /* head and steps */

            memcpy(to, rows->data + at, n);
            to = part(rows->data + at + n, row.n, to + n, high + h.n_values);
            h.n_values += row.n;
            at += bytes_of(&row);
        }
        h.rows_bytes = (uint64_t)(to - all) - sizeof h;
        memcpy(all, &h, sizeof h);
        frame = pz_zst_pack(to, bound - (size_t)(to - all), high, h.n_values, QUICKEST_LEVEL);
        *bytes = frame > 0 ? (size_t)(to - all) + frame : 0;
    }
    free(high);
    if (*bytes > 0)
        return all;
    free(all);
    return NULL;
}

/* Rows to be laid, the next one first. */
struct sheaf {
    const uint8_t *rows;
    uint8_t *high, *own_high; /* their upper bytes, where they stand apart */
};

static enum pz_status unwrap(const uint8_t *all, size_t bytes, struct sheaf *s, struct pz_err *err)
{
    struct travel_head h;

    memcpy(&h, all, sizeof h);
    s->rows = all + sizeof h;
    s->high = s->own_high = pz_mem_room(h.n_values + 1, 1);
    if (!s->high)
        return pz_err_memory(err, "rows of other ranks", (double)h.n_values);
    return pz_zst_unpack(s->high, h.n_values, s->rows + h.rows_bytes,
                         bytes - sizeof h - h.rows_bytes, err);
}

/* The next row to `to`, where bytes_of its head are free. */
static void take_row(struct sheaf *s, const struct head *h, uint8_t *to)
{
    size_t n = bytes_of(h), before = n - 2 * (size_t)h->n;
    const uint8_t *low = s->rows + before;

    if (!s->high) {
        memcpy(to, s->rows, n);
        s->rows += n;
        return;
    }
    memcpy(to, s->rows, before);
    for (uint32_t k = 0; k < h->n; k++) {
        to[before + 2 * (size_t)k] = low[k];
        to[before + 2 * (size_t)k + 1] = s->high[k];
    }
    s->rows += before + h->n;
    s->high += h->n;
}

/* Row r, of which the head is there, ends where the next begins. */
static void end_row(struct pz_gram *g, uint32_t r, const struct head *h)
{
    g->most = h->n > g->most ? h->n : g->most;
    g->ptr[r + 1] = g->ptr[r] + bytes_of(h);
}

/* Pack rows where they are to be: one rank has them all. */
static bool pack_in_place(struct pz_gram *g, const struct pz_cut_rows *rows, uint32_t first,
                          uint32_t n)
{
    struct bytes all = { g->data, g->ptr[first], g->cap };
    bool ok = pack_own(rows, first, n, &all);

    g->data = all.data;
    g->cap = all.cap;
    for (uint32_t r = first; r < first + n && ok; r++) {
        struct head h = head_of(g->data + g->ptr[r]);

        end_row(g, r, &h);
    }
    return ok;
}

/* Lay what the ranks packed row by row. */
static bool lay(struct pz_gram *g, struct sheaf *of, uint32_t first, uint32_t n)
{
    for (uint32_t r = first; r < first + n; r++) {
        struct sheaf *s = &of[pz_cells_owner(r)];
        struct head h = head_of(s->rows);

        if (!pz_mem_grow(&g->data, &g->cap, g->ptr[r] + bytes_of(&h), 1))
            return false;
        take_row(s, &h, g->data + g->ptr[r]);
        end_row(g, r, &h);
    }
    return true;
}

/* The rows of all ranks, from this one's; *all is for the caller to free, as are the sheaves. */
static enum pz_status share(const struct bytes *mine, struct sheaf *of, void **all,
                            struct pz_err *err)
{
    size_t *from = pz_mem_array((size_t)pz_ranks_n() + 1, sizeof *from), bytes = 0;
    uint8_t *parcel = from ? wrap(mine, &bytes) : NULL;
    enum pz_status st = parcel ? pz_ranks_collect(parcel, bytes, all, from, err)
                               : pz_err_memory(err, "rows for other ranks", (double)mine->n);

    for (int r = 0; r < pz_ranks_n() && st == PZ_OK; r++)
        if (r != pz_ranks_id())
            st = unwrap((const uint8_t *)*all + from[r], from[r + 1] - from[r], &of[r], err);
    of[pz_ranks_id()].rows = mine->data;
    free(parcel);
    free(from);
    return st;
}

enum pz_status pz_gram_begin(struct pz_gram *g, uint32_t n, uint32_t row_max, struct pz_err *err)
{
    /* No row takes more, as it may have wide steps. */
    size_t room = (size_t)n * (sizeof(struct head) + 4 * ((size_t)row_max + n / STEP2));

    *g = (struct pz_gram){ .n = n, .ptr = pz_mem_array((size_t)n + 1, sizeof *g->ptr) };
    /* In large pages, since systems read rows all over it. */
    g->data = pz_mem_reserve(room, 1);
    g->cap = g->data ? room : 0;
    return g->ptr ? PZ_OK : pz_err_memory(err, "the Gram matrix", 8.0 * n);
}

void pz_gram_clear(struct pz_gram *g)
{
    free(g->ptr);
    free(g->data);
    *g = (struct pz_gram){ .n = 0 };
}

enum pz_status pz_gram_append(struct pz_gram *g, const struct pz_cut_rows *rows, uint32_t first,
                              uint32_t n, struct pz_err *err)
{
    struct sheaf *of;
    struct bytes mine = { NULL, 0, 0 };
    void *all = NULL;
    bool ok;
    enum pz_status st = PZ_OK;

    if (pz_ranks_n() == 1)
        return pack_in_place(g, rows, first, n)
                   ? PZ_OK
                   : pz_err_memory(err, "the Gram matrix", (double)g->cap);
    of = pz_mem_array((size_t)pz_ranks_n(), sizeof *of);
    ok = of && pack_own(rows, first, n, &mine);
    if (ok)
        st = share(&mine, of, &all, err);
    ok = ok && (st != PZ_OK || lay(g, of, first, n));
    for (int r = 0; r < pz_ranks_n() && of; r++)
        free(of[r].own_high);
    free(mine.data);
    free(all);
    free(of);
    return ok ? st : pz_err_memory(err, "the Gram matrix", (double)g->cap);
}

void pz_gram_fit(struct pz_gram *g)
{
    pz_mem_fit(&g->data, g->ptr[g->n], 1);
}

/* ---- reading ---- */

/* The bits of a packed value, of which FIVE_BITS 2^e are to be multiplied. */
static inline uint32_t bits_at(const uint8_t *values, uint32_t k)
{
    uint16_t value;

    memcpy(&value, values + 2 * (size_t)k, sizeof value);
    return (uint32_t)value << SHIFT;
}

static inline uint32_t step_at(const uint8_t *steps, uint32_t k, bool wide)
{
    uint16_t step;

    if (!wide)
        return steps[k];
    memcpy(&step, steps + 2 * (size_t)k, sizeof step);
    return step;
}

static inline float float_of(uint32_t bits)
{
    float v;

    memcpy(&v, &bits, sizeof v);
    return v;
}

uint32_t pz_gram_entries(const struct pz_gram *g, uint32_t row, struct pz_entry *out)
{
    const uint8_t *data = g->data + g->ptr[row], *steps = data + sizeof(struct head), *values;
    struct head h = head_of(data);

    values = steps + (size_t)h.n * (h.wide ? 2 : 1);
    for (uint32_t k = 0, item = 0; k < h.n; k++) {
        item += step_at(steps, k, h.wide);
        out[k] = (struct pz_entry){ item,
                                    ldexpf(float_of(bits_at(values, k)) * FIVE_BITS, h.exponent),
                                    0 };
    }
    return h.n;
}

static inline __attribute__((always_inline)) void scatter(const uint8_t *steps,
                                                          const uint8_t *values, uint32_t n,
                                                          bool wide, const uint16_t *place,
                                                          float *to)
{
    for (uint32_t k = 0, item = 0; k < n; k++) {
        item += step_at(steps, k, wide);
        to[place[item]] = float_of(bits_at(values, k));
    }
}

PZ_KERNEL static void scale(float *to, uint32_t width, float unit)
{
    for (uint32_t k = 0; k < width; k++)
        to[k] = to[k] * FIVE_BITS * unit;
}

void pz_gram_gather(const struct pz_gram *g, uint32_t row, const uint16_t *place, float *to,
                    uint32_t width)
{
    const uint8_t *data = g->data + g->ptr[row], *steps = data + sizeof(struct head);
    struct head h = head_of(data);

    memset(to, 0, width * sizeof *to);
    if (h.wide)
        scatter(steps, steps + 2 * (size_t)h.n, h.n, true, place, to);
    else
        scatter(steps, steps + h.n, h.n, false, place, to);
    scale(to, width, ldexpf(1, h.exponent));
}

void pz_gram_prefetch(const struct pz_gram *g, uint32_t row)
{
    pz_simd_prefetch(g->data + g->ptr[row], g->ptr[row + 1] - g->ptr[row]);
}
