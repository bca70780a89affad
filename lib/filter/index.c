/* SPDX-License-Identifier: Apache-2.0 */
/* Filter expressions, indexes: a column's rows by value, for tests whose right side changes from
 * query to query.
 *
 * numbers  rows in the order of their values, and a bitset of the first i * n / CHECKPOINTS of them
 *            for every i: a comparison copies the bitset next to its border and moves the at most
 *            n / (2 * CHECKPOINTS) rows in between
 *   texts    the rows of each code, one after the other
 *
 * Where the answer takes more single steps than a scan of the column, there is no answer from here
 * and the caller scans. Building takes about as long as a hundred scans, so it waits until PATIENCE
 * scans have been asked for: one answer of a command line never pays for it. The thread whose scan
 * was the last of these builds; the others go on scanning until the index is published (release,
 * and acquire where it is read). 12 bytes a row of numbers, 4 a value of texts. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "filter/eval.h"

enum { CHECKPOINTS = 64, PATIENCE = 8, SCAN_SHARE = 4 };

struct index {
    const struct pz_attr *attr;
    uint64_t n_rows;
    uint32_t *row;          /* numbers: [n_valued] by value, equal ones by row; texts: by code */
    uint64_t n_valued;      /* rows with a number */
    uint64_t *checkpoint;   /* numbers: [(CHECKPOINTS + 1) * n_words] */
    size_t n_bits, n_words; /* of a bitset */
    uint64_t *start;        /* texts: [values + 1] into row */
};

struct pz_filter_index {
    unsigned asked; /* scans so far */
    struct index *built;
};

struct pz_filter_index *pz_filter_index_new(void)
{
    return calloc(1, sizeof(struct pz_filter_index));
}

static void free_index(struct index *x)
{
    if (!x)
        return;
    free(x->row);
    free(x->checkpoint);
    free(x->start);
    free(x);
}

void pz_filter_index_free(struct pz_filter_index *index)
{
    if (index)
        free_index(index->built);
    free(index);
}

/* ---- building ---- */

struct keyed {
    uint64_t key;
    uint32_t row;
};

/* Doubles in the order of their bits: negative ones turned round. */
static uint64_t key_of(double x)
{
    uint64_t bits;

    x += 0.0; /* -0 is 0 */
    memcpy(&bits, &x, sizeof bits);
    return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

/* A least-significant-digit radix sort over the bytes that differ; stable. */
static struct keyed *sort_keys(struct keyed *from, struct keyed *to, uint64_t n)
{
    uint64_t differ = 0;

    for (uint64_t i = 1; i < n; i++)
        differ |= from[i].key ^ from[0].key;
    for (unsigned shift = 0; shift < 64; shift += 8) {
        uint64_t at[257] = { 0 };
        struct keyed *swap = from;

        if (!(differ >> shift & 255))
            continue;
        for (uint64_t i = 0; i < n; i++)
            at[(from[i].key >> shift & 255) + 1]++;
        for (int b = 1; b < 257; b++)
            at[b] += at[b - 1];
        for (uint64_t i = 0; i < n; i++)
            to[at[from[i].key >> shift & 255]++] = from[i];
        from = to;
        to = swap;
    }
    return from;
}

/* How many rows a checkpoint has. */
static uint64_t rows_at(const struct index *x, uint64_t checkpoint)
{
    return x->n_valued * checkpoint / CHECKPOINTS;
}

static bool index_numbers(struct index *x)
{
    struct keyed *key = pz_mem_array(x->n_rows, sizeof *key),
                 *other = pz_mem_array(x->n_rows, sizeof *other), *sorted;

    x->row = pz_mem_array(x->n_rows, sizeof *x->row);
    x->checkpoint = pz_mem_array((CHECKPOINTS + 1) * x->n_words, sizeof *x->checkpoint);
    for (uint64_t i = 0; key && other && i < x->n_rows; i++)
        if (!isnan(x->attr->num[i]))
            key[x->n_valued++] = (struct keyed){ key_of(x->attr->num[i]), (uint32_t)i };
    if (key && other && x->row && x->checkpoint) {
        sorted = sort_keys(key, other, x->n_valued);
        for (uint64_t i = 0; i < x->n_valued; i++)
            x->row[i] = sorted[i].row;
        for (uint64_t c = 1; c <= CHECKPOINTS; c++) {
            uint64_t *words = x->checkpoint + c * x->n_words;

            memcpy(words, words - x->n_words, x->n_words * sizeof *words);
            for (uint64_t i = rows_at(x, c - 1); i < rows_at(x, c); i++)
                pz_bits_add(words, x->row[i]);
        }
    }
    free(key);
    free(other);
    return key && other && x->row && x->checkpoint;
}

static bool index_texts(struct index *x)
{
    const struct pz_attr *a = x->attr;
    uint64_t n = a->ptr[x->n_rows];

    x->row = pz_mem_array(n, sizeof *x->row);
    x->start = pz_mem_array((size_t)a->values.n + 2, sizeof *x->start);
    if (!x->row || !x->start)
        return false;
    for (uint64_t p = 0; p < n; p++)
        x->start[a->code[p] + 2]++;
    for (uint32_t v = 0; v < a->values.n; v++)
        x->start[v + 2] += x->start[v + 1];
    for (uint64_t i = 0; i < x->n_rows; i++) /* start[v + 1] moves on to where v + 1 begins */
        for (uint64_t p = a->ptr[i]; p < a->ptr[i + 1]; p++)
            x->row[x->start[a->code[p] + 1]++] = (uint32_t)i;
    return true;
}

static const struct index *get(struct pz_filter_index *index, const struct pz_attr *a,
                               uint64_t n_rows, size_t n_bits)
{
    struct index *x = __atomic_load_n(&index->built, __ATOMIC_ACQUIRE);

    if (x || __atomic_fetch_add(&index->asked, 1, __ATOMIC_RELAXED) != PATIENCE)
        return x;
    x = calloc(1, sizeof *x);
    if (!x)
        return NULL; /* scans do, too */
    *x = (struct index){
        .attr = a, .n_rows = n_rows, .n_bits = n_bits, .n_words = pz_bits_words(n_bits)
    };
    if (!(a->num ? index_numbers(x) : index_texts(x))) {
        free_index(x);
        return NULL;
    }
    __atomic_store_n(&index->built, x, __ATOMIC_RELEASE);
    return x;
}

/* ---- asking ---- */

/* How many rows have a value below x, or below and equal. */
static uint64_t count_below(const struct index *x, double value, bool equal)
{
    uint64_t low = 0, high = x->n_valued;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        double at = x->attr->num[x->row[middle]];

        if (at < value || (equal && at == value))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The first n rows by value. */
static void take_first(const struct index *x, uint64_t n, uint64_t *words)
{
    uint64_t c = x->n_valued ? (n * CHECKPOINTS + x->n_valued / 2) / x->n_valued : 0;
    uint64_t have = rows_at(x, c);

    memcpy(words, x->checkpoint + c * x->n_words, x->n_words * sizeof *words);
    for (; have < n; have++)
        pz_bits_add(words, x->row[have]);
    for (; have > n; have--)
        pz_bits_remove(words, x->row[have - 1]);
}

static bool ask_order(const struct index *x, enum pz_filter_op op, double value, uint64_t *words)
{
    bool below = op == PZ_OP_LESS || op == PZ_OP_LESS_EQUAL;
    const uint64_t *valued = x->checkpoint + CHECKPOINTS * x->n_words;

    take_first(x, count_below(x, value, op == PZ_OP_LESS_EQUAL || op == PZ_OP_GREATER), words);
    if (!below)
        pz_bits_without(words, valued, words, x->n_bits);
    return true;
}

static bool ask_equal(const struct index *x, const double *num, size_t n, uint64_t *words)
{
    uint64_t total = 0;

    for (size_t i = 0; i < n; i++)
        total += count_below(x, num[i], true) - count_below(x, num[i], false);
    if (total > x->n_rows / SCAN_SHARE)
        return false;
    pz_bits_fill(words, x->n_bits, false);
    for (size_t i = 0; i < n; i++)
        for (uint64_t at = count_below(x, num[i], false), end = count_below(x, num[i], true);
             at < end; at++)
            pz_bits_add(words, x->row[at]);
    return true;
}

static bool ask_codes(const struct index *x, const uint32_t *code, size_t n, uint64_t *words)
{
    uint64_t total = 0;

    for (size_t i = 0; i < n; i++)
        total += x->start[code[i] + 1] - x->start[code[i]];
    if (total > x->n_rows / SCAN_SHARE)
        return false;
    pz_bits_fill(words, x->n_bits, false);
    for (size_t i = 0; i < n; i++)
        for (uint64_t at = x->start[code[i]]; at < x->start[code[i] + 1]; at++)
            pz_bits_add(words, x->row[at]);
    return true;
}

bool pz_filter_index_ask(const struct pz_filter_node *test, const struct pz_filter_column *col,
                         const struct pz_filter_set *set, uint64_t n_rows, size_t n_bits,
                         uint64_t *words)
{
    bool order = test->op >= PZ_OP_LESS && test->op <= PZ_OP_GREATER_EQUAL;
    const struct index *x;

    if (!col->index || !col->attr || col->what != PZ_WHAT_ATTR || set->any ||
        !(order || test->op == PZ_OP_ANY) || !(x = get(col->index, col->attr, n_rows, n_bits)))
        return false;
    if (!col->attr->num)
        return ask_codes(x, set->code, set->n_code, words);
    if (order)
        return set->n_num == 1 && ask_order(x, test->op, set->num[0], words);
    return ask_equal(x, set->num, set->n_num, words);
}
