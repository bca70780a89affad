/* SPDX-License-Identifier: Apache-2.0 */
/* Interactions: see interactions.h.
 *
 *   1. count the rows of each user
 *   2. scatter a key a row to its user's place: the time, and the item or, when there are more
 *      columns, the number of the row. Both go partition by partition (staging.h): partitions share
 *      no users, so threads share nothing, and the places that one partition writes to stay in the
 *      cache
 *   3. sort each user's keys and drop repeats (order.c)
 *   4. close the gaps; the keys' memory becomes the times, and every other column is gathered
 *
 * A key has 32 bits for the time: its distance from the first one, or, when the data span more than
 * 136 years, its rank among the distinct times. */
#include "import/interactions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#endif

#include "base/mem.h"
#include "base/par.h"
#include "base/rng.h"
#include "import/cell.h"
#include "import/order.h"

/* Columns by staged row, when there are others than the three needed ones. */
struct wide_rows {
    uint32_t *item;
    uint8_t *event;
    float *value;
    uint64_t *shown_ptr;
    uint32_t *shown;
    struct pz_attrs context;
};

struct work {
    const struct pz_staged *s;
    uint32_t *const *user_map, *const *item_map;
    struct pz_dataset *ds;
    uint32_t user_col, item_col, time_col, event_col, value_col, shown_col; /* PZ_NONE: none */
    bool plain;
    uint64_t first_time; /* code of the first time */
    uint64_t *times;     /* [n_times] distinct codes when the span is too long; else NULL */
    size_t n_times;
    uint64_t *key;
    uint64_t *ptr; /* [users.n + 1] before repeats leave, then after */
    uint32_t *kept;
    struct wide_rows wide;
};

static uint32_t column_of(const struct pz_mapping *mapping, enum pz_role role)
{
    size_t f = pz_mapping_role(mapping, role);

    return f == SIZE_MAX ? PZ_NONE : (uint32_t)f;
}

static void find_columns(struct work *w)
{
    const struct pz_mapping *mapping = w->s->mapping;

    w->user_col = column_of(mapping, PZ_ROLE_USER);
    w->item_col = column_of(mapping, PZ_ROLE_ITEM);
    w->time_col = column_of(mapping, PZ_ROLE_TIME);
    w->event_col = column_of(mapping, PZ_ROLE_EVENT);
    w->value_col = column_of(mapping, PZ_ROLE_VALUE);
    w->shown_col = column_of(mapping, PZ_ROLE_SHOWN);
    w->plain = mapping->n == 3;
}

/* ---- times ---- */

static int by_code(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

    return a < b ? -1 : a > b;
}

/* All distinct times, ascending. */
static enum pz_status rank_times(struct work *w, struct pz_err *err)
{
    const struct pz_staging *staging = w->s->staging;
    uint64_t at = 0;
    size_t n = 0;

    w->times = pz_mem_array(staging->n_rows, sizeof *w->times);
    if (!w->times)
        return pz_err_memory(err, "times", 8.0 * (double)staging->n_rows);
    for (size_t i = 0; i < staging->n; i++) {
        pz_row_group_read(&staging->group[i], w->time_col, 0, w->times + at);
        at += staging->group[i].n_rows;
    }
    qsort(w->times, (size_t)at, sizeof *w->times, by_code);
    for (uint64_t i = 0; i < at; i++)
        if (n == 0 || w->times[i] != w->times[n - 1])
            w->times[n++] = w->times[i];
    w->n_times = n;
    return PZ_OK;
}

static enum pz_status find_time_code(struct work *w, struct pz_err *err)
{
    const struct pz_staging *staging = w->s->staging;
    uint64_t low = UINT64_MAX, high = 0;

    for (size_t i = 0; i < staging->n; i++) {
        const struct pz_packed *p;

        if (staging->group[i].n_rows == 0)
            continue;
        p = &staging->group[i].col[w->time_col];
        low = p->base < low ? p->base : low;
        high = p->base + p->span > high ? p->base + p->span : high;
    }
    w->first_time = low;
    /* Codes ascend with the time (the sign bit is turned over), so the first is the smallest. */
    return high >= low && high - low > UINT32_MAX ? rank_times(w, err) : PZ_OK;
}

static uint64_t time_code(const struct work *w, uint64_t code)
{
    size_t from = 0, to = w->n_times;

    if (!w->times)
        return code - w->first_time;
    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (w->times[middle] < code)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static int64_t time_of(const struct work *w, uint64_t code)
{
    return pz_decode_time(w->times ? w->times[code] : w->first_time + code);
}

/* ---- scattering ---- */

/* Columns of the rows of one partition in one row group. */
struct part {
    uint64_t *user, *time, *item; /* [longest] scratch of a thread */
};

static const uint32_t *range_of(const struct pz_row_group *group, int partition, uint32_t *n)
{
    *n = group->n_rows > 0 ? group->partition[partition + 1] - group->partition[partition] : 0;
    return group->n_rows > 0 ? &group->partition[partition] : NULL;
}

static void count_partition(const struct work *w, int partition, const struct part *part)
{
    for (size_t i = 0; i < w->s->staging->n; i++) {
        const struct pz_row_group *group = &w->s->staging->group[i];
        const uint32_t *map = w->user_map[group->worker];
        uint32_t n;
        const uint32_t *from = range_of(group, partition, &n);

        if (n == 0)
            continue;
        pz_packed_read(&group->col[w->user_col], *from, n, part->user);
        for (uint32_t r = 0; r < n; r++)
            w->kept[map[part->user[r]]]++;
    }
}

static void scatter_partition(const struct work *w, int partition, const struct part *part)
{
    uint64_t first_row = 0;

    for (size_t i = 0; i < w->s->staging->n; i++) {
        const struct pz_row_group *group = &w->s->staging->group[i];
        const uint32_t *user_map = w->user_map[group->worker],
                       *item_map = w->item_map[group->worker];
        uint32_t n;
        const uint32_t *from = range_of(group, partition, &n);

        if (n > 0) {
            pz_packed_read(&group->col[w->user_col], *from, n, part->user);
            pz_packed_read(&group->col[w->time_col], *from, n, part->time);
            if (w->plain)
                pz_packed_read(&group->col[w->item_col], *from, n, part->item);
        }
        for (uint32_t r = 0; r < n; r++)
            /* kept[u] is the next free place of user u here; pz_order_users sets it to what is
             * left. */
            w->key[w->kept[user_map[part->user[r]]]++] =
                pz_key(time_code(w, part->time[r]),
                       w->plain ? item_map[part->item[r]] : (uint32_t)(first_row + *from + r));
        first_row += group->n_rows;
    }
}

/* kept[] from counts to first places. */
static void make_places(struct work *w)
{
    uint32_t at = 0;

    for (uint32_t u = 0; u < w->ds->users.n; u++) {
        uint32_t count = w->kept[u];

        w->ptr[u] = at;
        w->kept[u] = at;
        at += count;
    }
    w->ptr[w->ds->users.n] = at;
}

static enum pz_status scatter(struct work *w, struct pz_err *err)
{
    size_t longest = pz_staged_longest(w->s), n = (size_t)pz_par_threads();
    uint64_t *scratch = pz_mem_array(n * 3, longest * sizeof *scratch);

    if (!scratch)
        return pz_err_memory(err, "counting", 24.0 * (double)(n * longest));
#pragma omp parallel for schedule(dynamic, 4) num_threads(pz_par_threads())
    for (int b = 0; b < PZ_PARTITIONS; b++) {
        uint64_t *mine = scratch + (size_t)pz_par_id() * 3 * longest;

        count_partition(w, b, &(struct part){ mine, mine + longest, mine + 2 * longest });
    }
    make_places(w);
#pragma omp parallel for schedule(dynamic, 4) num_threads(pz_par_threads())
    for (int b = 0; b < PZ_PARTITIONS; b++) {
        uint64_t *mine = scratch + (size_t)pz_par_id() * 3 * longest;

        scatter_partition(w, b, &(struct part){ mine, mine + longest, mine + 2 * longest });
    }
    free(scratch);
    pz_staging_drop(w->s->staging, w->user_col);
    pz_staging_drop(w->s->staging, w->time_col);
    if (w->plain)
        pz_staging_drop(w->s->staging, w->item_col);
    return PZ_OK;
}

/* ---- more columns ---- */

static enum pz_status read_items(struct work *w, uint64_t *code, struct pz_err *err)
{
    const struct pz_staging *staging = w->s->staging;
    uint64_t at = 0;

    w->wide.item = pz_mem_array(staging->n_rows, sizeof *w->wide.item);
    if (!w->wide.item)
        return pz_err_memory(err, "items", 4.0 * (double)staging->n_rows);
    for (size_t i = 0; i < staging->n; i++) {
        const uint32_t *map = w->item_map[staging->group[i].worker];

        pz_row_group_read(&staging->group[i], w->item_col, 0, code);
        for (uint32_t r = 0; r < staging->group[i].n_rows; r++)
            w->wide.item[at++] = map[code[r]];
    }
    pz_staging_drop(w->s->staging, w->item_col);
    return PZ_OK;
}

static enum pz_status read_values(struct work *w, uint64_t *code, struct pz_err *err)
{
    const struct pz_staging *staging = w->s->staging;
    uint64_t at = 0;

    w->wide.value = pz_mem_array(staging->n_rows, sizeof *w->wide.value);
    if (!w->wide.value)
        return pz_err_memory(err, "event values", 4.0 * (double)staging->n_rows);
    for (size_t i = 0; i < staging->n; i++) {
        pz_row_group_read(&staging->group[i], w->value_col, pz_role_null(PZ_ROLE_VALUE), code);
        for (uint32_t r = 0; r < staging->group[i].n_rows; r++, at++)
            memcpy(&w->wide.value[at], &code[r], sizeof(float)); /* the lower half */
    }
    pz_staging_drop(w->s->staging, w->value_col);
    return PZ_OK;
}

static enum pz_status unite_events(struct work *w, uint32_t **map, struct pz_err *err)
{
    struct pz_texts **text = pz_mem_array((size_t)w->s->n_workers, sizeof *text);
    enum pz_status st = text ? PZ_OK : pz_err_memory(err, "event types", 1e3);

    for (int k = 0; k < w->s->n_workers && st == PZ_OK; k++)
        text[k] = &w->s->worker[k].text[PZ_INTERACTIONS][w->event_col];
    if (st == PZ_OK)
        st = pz_texts_unite(text, (size_t)w->s->n_workers, &w->ds->events, map, err);
    if (st == PZ_OK && w->ds->events.n > PZ_MAX_EVENT_TYPES)
        st = pz_err_set(err, PZ_BAD_DATA,
                        "there are %u event types, and at most %d are possible: is EVENT_TYPE the "
                        "right column?",
                        w->ds->events.n, PZ_MAX_EVENT_TYPES);
    free(text);
    return st;
}

static bool is_null(const struct pz_row_group *group, uint64_t code, const void *context)
{
    (void)group;
    (void)context;
    return code == 0;
}

/* Some rows have an event type, and some have none. */
static enum pz_status refuse_missing(const struct work *w, uint64_t missing, uint64_t *code,
                                     struct pz_err *err)
{
    struct pz_place place = pz_staging_find(w->s->staging, w->event_col, 0, is_null, NULL, code);

    return pz_err_set(err, PZ_BAD_DATA,
                      "%s:%llu: %llu interactions have no EVENT_TYPE while others have one; it is "
                      "needed in every row or in none",
                      place.file, (unsigned long long)place.line, (unsigned long long)missing);
}

static enum pz_status read_events(struct work *w, uint64_t *code, struct pz_err *err)
{
    const struct pz_staging *staging = w->s->staging;
    uint32_t **map = pz_mem_array((size_t)w->s->n_workers, sizeof *map);
    uint64_t at = 0, missing = 0;
    enum pz_status st = map ? unite_events(w, map, err) : pz_err_memory(err, "event types", 1e3);

    w->wide.event = pz_mem_array(staging->n_rows, 1);
    if (st == PZ_OK && !w->wide.event)
        st = pz_err_memory(err, "event types", (double)staging->n_rows);
    for (size_t i = 0; i < staging->n && st == PZ_OK; i++) {
        const struct pz_row_group *group = &staging->group[i];

        pz_row_group_read(group, w->event_col, 0, code);
        for (uint32_t r = 0; r < group->n_rows; r++, at++) {
            missing += code[r] == 0;
            if (code[r] > 0)
                w->wide.event[at] = (uint8_t)map[group->worker][code[r] - 1];
        }
    }
    if (st == PZ_OK && missing > 0)
        st = refuse_missing(w, missing, code, err);
    pz_staging_drop(w->s->staging, w->event_col);
    for (int k = 0; k < w->s->n_workers && map; k++)
        free(map[k]);
    free(map);
    return st;
}

static enum pz_status read_shown(struct work *w, uint64_t *code, struct pz_err *err)
{
    const struct pz_staging *staging = w->s->staging;
    struct wide_rows *wide = &w->wide;
    uint64_t at = 0, total = 0;

    wide->shown_ptr = pz_mem_array(staging->n_rows + 1, sizeof *wide->shown_ptr);
    for (size_t i = 0; i < staging->n; i++)
        total += staging->group[i].n_shown;
    wide->shown = pz_mem_array(total, sizeof *wide->shown);
    if (!wide->shown_ptr || !wide->shown)
        return pz_err_memory(err, "impressions",
                             8.0 * (double)staging->n_rows + 4.0 * (double)total);
    for (size_t i = 0, put = 0; i < staging->n; i++) {
        const struct pz_row_group *group = &staging->group[i];
        uint64_t *item;

        pz_row_group_read(group, w->shown_col, 0, code);
        for (uint32_t r = 0; r < group->n_rows; r++, at++)
            wide->shown_ptr[at + 1] = wide->shown_ptr[at] + code[r];
        item = pz_mem_array(group->n_shown, sizeof *item);
        if (!item)
            return pz_err_memory(err, "impressions", 8.0 * group->n_shown);
        pz_packed_read(&group->shown, 0, group->n_shown, item);
        for (uint32_t k = 0; k < group->n_shown; k++)
            wide->shown[put++] = w->item_map[group->worker][item[k]];
        free(item);
    }
    return PZ_OK;
}

static enum pz_status read_wide(struct work *w, struct pz_err *err)
{
    uint64_t *code = pz_mem_array(pz_staged_longest(w->s), sizeof *code);
    enum pz_status st = code ? read_items(w, code, err) : pz_err_memory(err, "columns", 1e6);

    if (st == PZ_OK && w->event_col != PZ_NONE)
        st = read_events(w, code, err);
    if (st == PZ_OK && w->value_col != PZ_NONE)
        st = read_values(w, code, err);
    if (st == PZ_OK && w->shown_col != PZ_NONE)
        st = read_shown(w, code, err);
    if (st == PZ_OK)
        st = pz_columns_make(w->s, &w->wide.context, err);
    free(code);
    return st;
}

static void wide_clear(struct wide_rows *wide)
{
    free(wide->item);
    free(wide->event);
    free(wide->value);
    free(wide->shown_ptr);
    free(wide->shown);
    pz_attrs_clear(&wide->context);
}

/* ---- which rows are the same ---- */

static bool same_list(const uint64_t *ptr, const uint32_t *code, uint32_t a, uint32_t b)
{
    uint64_t n = ptr[a + 1] - ptr[a];

    return n == ptr[b + 1] - ptr[b] &&
           (n == 0 || memcmp(code + ptr[a], code + ptr[b], n * sizeof *code) == 0);
}

static bool equal_rows(const void *context, uint32_t a, uint32_t b)
{
    const struct wide_rows *w = context;

    if (w->item[a] != w->item[b] || (w->event && w->event[a] != w->event[b]) ||
        /* Bits are compared: two nulls are the same NaN, and -0 was made 0 when the cell was read.
         */
        (w->value && memcmp(&w->value[a], &w->value[b], sizeof *w->value) != 0) ||
        (w->shown_ptr && !same_list(w->shown_ptr, w->shown, a, b)))
        return false;
    for (uint32_t i = 0; i < w->context.n_attrs; i++) {
        const struct pz_attr *attr = &w->context.attr[i];

        if (attr->num ? memcmp(&attr->num[a], &attr->num[b], sizeof *attr->num) != 0
                      : !same_list(attr->ptr, attr->code, a, b))
            return false;
    }
    return true;
}

static uint64_t hash_row(const void *context, uint32_t row)
{
    const struct wide_rows *w = context;
    uint64_t hash = w->item[row], code = 0;

    if (w->event)
        hash = pz_rng_mix(hash ^ (uint64_t)w->event[row] << 32);
    if (w->value)
        memcpy(&code, &w->value[row], sizeof *w->value);
    hash = pz_rng_mix(hash ^ code << 8);
    for (uint32_t i = 0; i < w->context.n_attrs; i++) {
        const struct pz_attr *attr = &w->context.attr[i];

        if (attr->num)
            memcpy(&code, &attr->num[row], sizeof code);
        else
            /* The first of a list is enough for a hash; equal_rows looks at all. */
            code = attr->ptr[row + 1] > attr->ptr[row] ? attr->code[attr->ptr[row]] + 1u : 0;
        hash = pz_rng_mix(hash * 31 + code);
    }
    return hash;
}

/* ---- the dataset's arrays ---- */

/* Close the gaps that repeats left and turn keys into times, in place; payload[p] is the rest of
 * key p. */
static enum pz_status close_gaps(struct work *w, uint32_t **payload, struct pz_err *err)
{
    uint32_t n_users = w->ds->users.n;
    uint64_t n = 0, at = 0;
    /* The times take the keys' memory: at never passes from + k, so nothing is overwritten unread.
     */
    int64_t *time = (int64_t *)w->key;
    uint32_t *rest;

    for (uint32_t u = 0; u < n_users; u++)
        n += w->kept[u];
    *payload = rest = pz_mem_array(n, sizeof *rest);
    if (!rest)
        return pz_err_memory(err, "interactions", 4.0 * (double)n);
    for (uint32_t u = 0; u < n_users; u++) {
        uint64_t from = w->ptr[u];

        w->ptr[u] = at;
        for (uint32_t k = 0; k < w->kept[u]; k++, at++) {
            uint64_t key = w->key[from + k];

            rest[at] = (uint32_t)key;
            time[at] = time_of(w, key >> 32);
        }
    }
    w->ptr[n_users] = at;
    w->ds->n_interactions = n;
    return PZ_OK;
}

static enum pz_status gather_shown(struct work *w, const uint32_t *row, struct pz_err *err)
{
    const struct wide_rows *wide = &w->wide;
    uint64_t n = w->ds->n_interactions;
    uint64_t *ptr = pz_dataset_own(w->ds, pz_mem_array(n + 1, sizeof *ptr));
    uint32_t *item;

    for (uint64_t p = 0; ptr && p < n; p++)
        ptr[p + 1] = ptr[p] + wide->shown_ptr[row[p] + 1] - wide->shown_ptr[row[p]];
    item = ptr ? pz_dataset_own(w->ds, pz_mem_array(ptr[n], sizeof *item)) : NULL;
    if (!item)
        return pz_err_memory(err, "impressions", 8.0 * (double)n);
    for (uint64_t p = 0; p < n; p++)
        if (ptr[p + 1] > ptr[p])
            memcpy(item + ptr[p], wide->shown + wide->shown_ptr[row[p]],
                   (ptr[p + 1] - ptr[p]) * sizeof *item);
    w->ds->impression_ptr = ptr;
    w->ds->impression = item;
    return PZ_OK;
}

static enum pz_status gather_context(struct work *w, const uint32_t *row, struct pz_err *err)
{
    const struct pz_attrs *in = &w->wide.context;
    struct pz_source *source = pz_mem_array(w->ds->n_interactions, sizeof *source);
    enum pz_status st;

    if (!source)
        return pz_err_memory(err, "context columns", 16.0 * (double)w->ds->n_interactions);
    for (uint64_t p = 0; p < w->ds->n_interactions; p++)
        source[p].row = row[p];
    st = pz_attrs_concat(&in, 1, source, w->ds->n_interactions, &w->ds->context, err);
    free(source);
    return st;
}

static enum pz_status gather_fixed(struct work *w, const uint32_t *row, struct pz_err *err)
{
    struct wide_rows *wide = &w->wide;
    struct pz_dataset *ds = w->ds;
    uint64_t n = ds->n_interactions;
    uint32_t *item = pz_dataset_own(ds, pz_mem_array(n, sizeof *item));
    uint8_t *event = wide->event ? pz_dataset_own(ds, pz_mem_array(n, 1)) : NULL;
    float *value = wide->value ? pz_dataset_own(ds, pz_mem_array(n, sizeof *value)) : NULL;

    if (!item || (wide->event && !event) || (wide->value && !value))
        return pz_err_memory(err, "interactions", 9.0 * (double)n);
    for (uint64_t p = 0; p < n; p++) {
        item[p] = wide->item[row[p]];
        if (event)
            event[p] = wide->event[row[p]];
        if (value)
            value[p] = wide->value[row[p]];
    }
    ds->item = item;
    ds->event = event;
    ds->value = value;
    return PZ_OK;
}

static enum pz_status gather_wide(struct work *w, uint32_t *row, struct pz_err *err)
{
    enum pz_status st = gather_fixed(w, row, err);

    if (st == PZ_OK && w->wide.shown_ptr)
        st = gather_shown(w, row, err);
    if (st == PZ_OK && w->wide.context.n_attrs > 0)
        st = gather_context(w, row, err);
    free(row);
    return st;
}

static enum pz_status hand_over(struct work *w, struct pz_err *err)
{
    uint32_t *payload = NULL;
    enum pz_status st = close_gaps(w, &payload, err);

    if (st == PZ_OK) {
        w->ds->time = pz_dataset_own(w->ds, w->key);
        w->ds->ptr = pz_dataset_own(w->ds, w->ptr);
        w->key = w->ptr = NULL;
        if (!w->ds->time || !w->ds->ptr)
            st = pz_err_memory(err, "interactions", 16.0);
    }
    if (st == PZ_OK && !w->plain)
        return gather_wide(w, payload, err);
    if (st == PZ_OK) {
        w->ds->item = pz_dataset_own(w->ds, payload);
        st = w->ds->item ? PZ_OK : pz_err_memory(err, "interactions", 16.0);
    } else {
        free(payload);
    }
    return st;
}

static enum pz_status order_rows(struct work *w, uint64_t *duplicates, struct pz_err *err)
{
    /* Of a plain row the key says everything: equal keys are equal rows. */
    struct pz_same same = { w->plain ? NULL : hash_row, equal_rows, &w->wide };
    uint64_t before = w->s->staging->n_rows;
    enum pz_status st = find_time_code(w, err);

    if (st == PZ_OK)
        st = scatter(w, err);
    pz_mem_trim(); /* freed row groups lie scattered in the heap */
    if (st == PZ_OK && !w->plain)
        st = read_wide(w, err);
    if (st == PZ_OK)
        st = pz_order_users(w->key, w->ptr, w->ds->users.n, &same, w->kept, err);
    if (st == PZ_OK)
        st = hand_over(w, err);
    if (st == PZ_OK)
        *duplicates = before - w->ds->n_interactions;
    return st;
}

enum pz_status pz_interactions_make(const struct pz_staged *s, uint32_t *const *user_map,
                                    uint32_t *const *item_map, struct pz_dataset *ds,
                                    uint64_t *duplicates, struct pz_err *err)
{
    struct work w = { .s = s, .user_map = user_map, .item_map = item_map, .ds = ds };
    size_t cap = 0;
    enum pz_status st = PZ_OK;

    /* A key has 32 bits for the number of the row. */
    if (s->staging->n_rows >= UINT32_MAX)
        return pz_err_set(
            err, PZ_BAD_DATA,
            "more than 4,294,967,294 interactions; import them in parts and train on all of them");
    find_columns(&w);
    if (w.plain) { /* nobody asks for the line of a plain row any more */
        pz_staging_drop_lines(s->staging);
        pz_mem_trim(); /* freed row groups lie scattered in the heap */
    }
    w.ptr = pz_mem_array((size_t)ds->users.n + 1, sizeof *w.ptr);
    w.kept = pz_mem_array(ds->users.n, sizeof *w.kept);
    if (!w.ptr || !w.kept ||
        !pz_mem_grow(&w.key, &cap, s->staging->n_rows + 1,
                     sizeof *w.key)) /* not zeroed; one more, lest none be NULL */
        st = pz_err_memory(err, "the interactions", 8.0 * (double)s->staging->n_rows);
    if (st == PZ_OK)
        st = order_rows(&w, duplicates, err);
    free(w.times);
    free(w.key);
    free(w.ptr);
    free(w.kept);
    wide_clear(&w.wide);
    return st;
}
