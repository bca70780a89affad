/* SPDX-License-Identifier: Apache-2.0 */
/* Transposing lists, and cutting them to their largest entries. Of equal values the lower item
 * stays, so that what is left does not depend on an order. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/transitions/transitions.h"

/* The smallest key that stays of n entries when only row_max do; 0 when all do. */
static uint64_t cut_of(const uint32_t *item, const float *value, uint64_t n, uint32_t row_max,
                       uint64_t *key)
{
    uint64_t low = UINT64_MAX;

    if (n <= row_max)
        return 0;
    for (uint64_t k = 0; k < n; k++)
        key[k] = pz_trans_key(value[k] < 0 ? -value[k] : value[k], item[k]);
    pz_trans_select(key, (uint32_t)n, row_max);
    for (uint32_t k = 0; k < row_max; k++)
        low = key[k] < low ? key[k] : low;
    return low;
}

/* The longest of n lists. */
static uint64_t longest(const uint64_t *ptr, uint32_t n)
{
    uint64_t most = 0;

    for (uint32_t i = 0; i < n; i++)
        most = ptr[i + 1] - ptr[i] > most ? ptr[i + 1] - ptr[i] : most;
    return most;
}

enum pz_status pz_trans_cut_rows(struct pz_csr *rows, uint32_t row_max, struct pz_err *err)
{
    uint64_t *ptr = rows->own[0], to = 0, from = 0, most = longest(ptr, rows->n),
             *key = most > row_max ? pz_mem_room(most, sizeof *key) : NULL;
    uint32_t *item = rows->own[1];
    float *value = rows->own[2];

    if (most > row_max && !key)
        return pz_err_memory(err, "transitions by source", 8.0 * (double)most);
    for (uint32_t i = 0; i < rows->n && most > row_max; i++) {
        uint64_t end = ptr[i + 1],
                 cut = cut_of(item + from, value + from, end - from, row_max, key);

        for (; from < end; from++) {
            float v = value[from] < 0 ? -value[from] : value[from];

            if (cut > 0 && pz_trans_key(v, item[from]) < cut)
                continue;
            item[to] = item[from];
            value[to++] = value[from];
        }
        ptr[i + 1] = to;
    }
    free(key);
    pz_mem_fit(&item, ptr[rows->n], sizeof *item);
    pz_mem_fit(&value, ptr[rows->n], sizeof *value);
    *rows = pz_csr_take(rows->n, rows->n_cols, ptr, item, value);
    return PZ_OK;
}

static void scatter(const struct pz_csr *in, uint64_t *ptr, uint32_t *item, float *value)
{
    for (uint32_t j = in->n; j-- > 0;)
        for (uint64_t k = in->ptr[j]; k < in->ptr[j + 1]; k++) {
            uint64_t at;

            /* A coefficient of 0 is a source that was not chosen. */
            if (in->value[k] == 0)
                continue;
            at = --ptr[in->item[k]];
            item[at] = j;
            value[at] = in->value[k];
        }
}

enum pz_status pz_trans_transpose(const struct pz_csr *in, uint32_t n_out, uint32_t row_max,
                                  struct pz_csr *out, struct pz_err *err)
{
    uint64_t n = 0, *ptr = pz_mem_array((size_t)n_out + 1, sizeof *ptr);
    uint32_t *item;
    float *value;
    enum pz_status st = PZ_OK;

    for (uint64_t k = 0; ptr && k < in->ptr[in->n]; k++)
        if (in->value[k] != 0) {
            ptr[in->item[k]]++;
            n++;
        }
    for (uint32_t i = 0; ptr && i < n_out; i++)
        ptr[i + 1] += ptr[i];
    item = pz_mem_room(n, sizeof *item);
    value = pz_mem_room(n, sizeof *value);
    *out = pz_csr_take(n_out, in->n, ptr, item, value);
    if (!ptr || !item || !value) {
        st = pz_err_memory(err, "transitions by source", 8.0 * (double)n);
    } else {
        scatter(in, ptr, item, value);
        st = pz_trans_cut_rows(out, row_max, err);
    }
    if (st != PZ_OK)
        pz_csr_clear(out);
    return st;
}
