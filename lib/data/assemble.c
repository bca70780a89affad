/* SPDX-License-Identifier: Apache-2.0 */
/* Assembling: see assemble.h.
 *
 *   1. order[] = input rows counted into users (stable)
 *   2. per user, in parallel: sort by (time, input row); mark rows equal to an earlier one of the same
 *      time as duplicates
 *   3. gather every column through order[]
 * Rows of one user and time are few, so duplicates are found by comparing within the run. */
#include "data/assemble.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/par.h"

struct work {
    const struct pz_rows *rows;
    uint64_t *ptr;   /* [n_users + 1] before duplicates leave */
    uint64_t *order; /* [n] input rows; DROPPED marks a duplicate */
};

#define DROPPED UINT64_MAX

static bool same_bits(float a, float b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static bool same_cell(const struct pz_attr *a, uint64_t x, uint64_t y)
{
    uint64_t n;

    if (a->num)
        return memcmp(&a->num[x], &a->num[y], sizeof *a->num) == 0;
    n = a->ptr[x + 1] - a->ptr[x];
    return n == a->ptr[y + 1] - a->ptr[y] &&
           (n == 0 || memcmp(a->code + a->ptr[x], a->code + a->ptr[y], n * sizeof *a->code) == 0);
}

static bool same_impression(const struct pz_rows *r, uint64_t x, uint64_t y)
{
    uint64_t n = r->impression_ptr[x + 1] - r->impression_ptr[x];

    return n == r->impression_ptr[y + 1] - r->impression_ptr[y] &&
           (n == 0 || memcmp(r->impression + r->impression_ptr[x],
                             r->impression + r->impression_ptr[y], n * sizeof(uint32_t)) == 0);
}

/* Whether rows x and y of one user and time are the same event. */
static bool same_event(const struct pz_rows *r, uint64_t x, uint64_t y)
{
    if (r->item[x] != r->item[y] || (r->event && r->event[x] != r->event[y]) ||
        (r->value && !same_bits(r->value[x], r->value[y])) ||
        (r->impression_ptr && !same_impression(r, x, y)))
        return false;
    for (uint32_t i = 0; r->context && i < r->context->n_attrs; i++)
        if (!same_cell(&r->context->attr[i], x, y))
            return false;
    return true;
}

static int by_time(const void *x, const void *y, void *context)
{
    const int64_t *time = context;
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

    if (time[a] != time[b])
        return time[a] < time[b] ? -1 : 1;
    return a < b ? -1 : a > b;
}

static bool is_sorted(const uint64_t *order, uint64_t n, const int64_t *time)
{
    for (uint64_t i = 1; i < n; i++)
        if (time[order[i - 1]] > time[order[i]])
            return false;
    return true;
}

/* Runs of equal times longer than this are data without time stamps: compare sorted copies instead. */
enum { LONG_RUN = 32 };

struct run_key {
    uint32_t item;
    uint64_t at; /* position in order */
};

static int by_item(const void *x, const void *y)
{
    const struct run_key *a = x, *b = y;

    if (a->item != b->item)
        return a->item < b->item ? -1 : 1;
    return a->at < b->at ? -1 : a->at > b->at;
}

static void drop_in_short_run(const struct work *w, uint64_t from, uint64_t to)
{
    for (uint64_t i = from + 1; i < to; i++)
        for (uint64_t j = from; j < i; j++)
            if (w->order[j] != DROPPED && same_event(w->rows, w->order[j], w->order[i])) {
                w->order[i] = DROPPED;
                break;
            }
}

/* Long runs: bring equal items together, then compare neighbours of the same item. */
static void drop_in_long_run(const struct work *w, uint64_t from, uint64_t to)
{
    struct run_key *key = malloc((to - from) * sizeof *key);
    uint64_t n = to - from;

    if (!key) { /* slow but right */
        drop_in_short_run(w, from, to);
        return;
    }
    for (uint64_t i = 0; i < n; i++)
        key[i] = (struct run_key){ w->rows->item[w->order[from + i]], from + i };
    qsort(key, n, sizeof *key, by_item);
    for (uint64_t i = 1; i < n; i++)
        for (uint64_t j = i; j-- > 0 && key[j].item == key[i].item;)
            if (w->order[key[j].at] != DROPPED &&
                same_event(w->rows, w->order[key[j].at], w->order[key[i].at])) {
                w->order[key[i].at] = DROPPED;
                break;
            }
    free(key);
}

static void sort_user(const struct work *w, uint32_t user)
{
    uint64_t from = w->ptr[user], to = w->ptr[user + 1], start = from;
    const int64_t *time = w->rows->time;

    if (!is_sorted(w->order + from, to - from, time))
        qsort_r(w->order + from, to - from, sizeof *w->order, by_time, (void *)(uintptr_t)time);
    while (start < to) {
        uint64_t end = start + 1;
        int64_t now = time[w->order[start]];

        while (end < to && time[w->order[end]] == now)
            end++;
        if (end - start > LONG_RUN)
            drop_in_long_run(w, start, end);
        else
            drop_in_short_run(w, start, end);
        start = end;
    }
}

static enum pz_status sort_rows(struct work *w, uint32_t n_users, struct pz_err *err)
{
    uint64_t *fill;

    w->ptr = pz_mem_array((size_t)n_users + 1, sizeof *w->ptr);
    w->order = pz_mem_array(w->rows->n, sizeof *w->order);
    fill = pz_mem_array((size_t)n_users + 1, sizeof *fill);
    if (!w->ptr || !w->order || !fill) {
        free(fill);
        return pz_err_memory(err, "sorting", 8.0 * (double)w->rows->n + 16.0 * n_users);
    }
    for (uint64_t r = 0; r < w->rows->n; r++)
        w->ptr[w->rows->user[r] + 1]++;
    for (uint32_t u = 0; u < n_users; u++)
        w->ptr[u + 1] += w->ptr[u];
    memcpy(fill, w->ptr, (size_t)n_users * sizeof *fill);
    for (uint64_t r = 0; r < w->rows->n; r++)
        w->order[fill[w->rows->user[r]]++] = r;
    free(fill);
#pragma omp parallel for schedule(dynamic, 256) num_threads(pz_par_threads())
    for (uint32_t u = 0; u < n_users; u++)
        sort_user(w, u);
    return PZ_OK;
}

/* Close the gaps that duplicates left; returns how many there were. */
static uint64_t squeeze(struct work *w, uint32_t n_users)
{
    uint64_t to = 0, from = 0;

    for (uint32_t u = 0; u < n_users; u++) {
        uint64_t end = w->ptr[u + 1];

        for (; from < end; from++)
            if (w->order[from] != DROPPED)
                w->order[to++] = w->order[from];
        w->ptr[u + 1] = to;
    }
    return w->rows->n - to;
}

static enum pz_status gather_impressions(const struct work *w, struct pz_dataset *ds,
                                         struct pz_err *err)
{
    const struct pz_rows *r = w->rows;
    uint64_t *ptr = pz_dataset_own(ds, pz_mem_array(ds->n_inter + 1, sizeof *ptr));
    uint32_t *item;

    if (!ptr)
        return pz_err_memory(err, "impressions", 8.0 * (double)ds->n_inter);
    for (uint64_t p = 0; p < ds->n_inter; p++)
        ptr[p + 1] = ptr[p] + r->impression_ptr[w->order[p] + 1] - r->impression_ptr[w->order[p]];
    item = pz_dataset_own(ds, pz_mem_array(ptr[ds->n_inter], sizeof *item));
    if (!item)
        return pz_err_memory(err, "impressions", 4.0 * (double)ptr[ds->n_inter]);
    for (uint64_t p = 0; p < ds->n_inter; p++)
        memcpy(item + ptr[p], r->impression + r->impression_ptr[w->order[p]],
               (ptr[p + 1] - ptr[p]) * sizeof *item);
    ds->impression_ptr = ptr;
    ds->impression = item;
    return PZ_OK;
}

static enum pz_status gather_context(const struct work *w, struct pz_dataset *ds,
                                     struct pz_err *err)
{
    struct pz_source *source = pz_mem_array(ds->n_inter, sizeof *source);
    enum pz_status st;

    if (!source)
        return pz_err_memory(err, "context columns", 16.0 * (double)ds->n_inter);
    for (uint64_t p = 0; p < ds->n_inter; p++)
        source[p].row = w->order[p];
    st = pz_attrs_gather(&w->rows->context, 1, source, ds->n_inter, &ds->context, err);
    free(source);
    return st;
}

static enum pz_status gather_rows(const struct work *w, struct pz_dataset *ds, struct pz_err *err)
{
    const struct pz_rows *r = w->rows;
    uint64_t n = ds->n_inter;
    uint32_t *item = pz_dataset_own(ds, pz_mem_array(n, sizeof *item));
    int64_t *time = pz_dataset_own(ds, pz_mem_array(n, sizeof *time));
    uint8_t *event = r->event ? pz_dataset_own(ds, pz_mem_array(n, 1)) : NULL;
    float *value = r->value ? pz_dataset_own(ds, pz_mem_array(n, sizeof *value)) : NULL;
    enum pz_status st = PZ_OK;

    if (!item || !time || (r->event && !event) || (r->value && !value))
        return pz_err_memory(err, "interactions", 17.0 * (double)n);
    for (uint64_t p = 0; p < n; p++) {
        item[p] = r->item[w->order[p]];
        time[p] = r->time[w->order[p]];
        if (event)
            event[p] = r->event[w->order[p]];
        if (value)
            value[p] = r->value[w->order[p]];
    }
    ds->item = item;
    ds->time = time;
    ds->event = event;
    ds->value = value;
    if (r->impression_ptr)
        st = gather_impressions(w, ds, err);
    if (st == PZ_OK && r->context && r->context->n_attrs > 0)
        st = gather_context(w, ds, err);
    return st;
}

enum pz_status pz_assemble(const struct pz_rows *rows, struct pz_dataset *ds,
                           uint64_t *n_duplicates, struct pz_err *err)
{
    struct work w = { .rows = rows };
    enum pz_status st = sort_rows(&w, ds->users.n, err);

    if (st == PZ_OK) {
        *n_duplicates = squeeze(&w, ds->users.n);
        ds->n_inter = rows->n - *n_duplicates;
        ds->ptr = pz_dataset_own(ds, w.ptr);
        w.ptr = NULL;
        st = ds->ptr ? gather_rows(&w, ds, err) : pz_err_memory(err, "interactions", 8.0);
    }
    free(w.ptr);
    free(w.order);
    return st;
}
