/* SPDX-License-Identifier: Apache-2.0 */
/* Merging interactions: see merge.h.
 *
 * The parts' users are walked together, in the order of the united dictionary (their maps ascend).
 * For each user:
 *   1. the parts' histories, each in time order, are laid into one list, file after file; a history
 *      that begins after the last one ends is appended, another is merged in from the back, so that
 *      daily files cost a copy
 *   2. where two or more parts have the user, events of equal time are compared and repeats leave:
 *      a few with each other, many (data without time stamps) after sorting a hash of them
 *   3. what is left, and of no item that is left out, is written behind the users before
 * A user of one part only is copied as it stands: a part has no repeats in itself.
 *
 * Impressions and context columns are gathered at the end, from the list of sources. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "data/merge.h"

enum { PAIRS_MAX = 16 }; /* events of one time that are compared with each other */

struct repeat_key {
    uint64_t hash;
    size_t at;
};

struct rows {
    const struct pz_merge *m;
    uint32_t n_context;             /* context columns of all parts */
    const struct pz_attr **context; /* [n_in * n_context] of part k, NULL where it lacks one */
    uint64_t *next;                 /* [n_in] next user of each part */
    struct pz_source *user;         /* the user's events */
    size_t n_user, cap_user;
    struct repeat_key *key; /* scratch */
    size_t cap_key;
    uint64_t *ptr;
    uint32_t *item;
    int64_t *time;
    uint8_t *event;           /* NULL: no part has types */
    float *value;             /* NULL: no part has values */
    struct pz_source *source; /* NULL: neither impressions nor context */
    uint64_t n;               /* written */
};

static const struct pz_dataset *part_of(const struct rows *r, const struct pz_source *s)
{
    return r->m->in[s->part];
}

static int64_t time_of(const struct rows *r, const struct pz_source *s)
{
    return part_of(r, s)->time[s->row];
}

static uint32_t item_of(const struct rows *r, const struct pz_source *s)
{
    return r->m->item_map[s->part][part_of(r, s)->item[s->row]];
}

static uint8_t event_of(const struct rows *r, const struct pz_source *s)
{
    const struct pz_dataset *part = part_of(r, s);

    return part->event ? (uint8_t)r->m->event_map[s->part][part->event[s->row]] : 0;
}

static float value_of(const struct rows *r, const struct pz_source *s)
{
    const struct pz_dataset *part = part_of(r, s);

    return part->value ? part->value[s->row] : NAN;
}

/* ---- equality ---- */

/* Bits, but for null: it may be any NaN, depending on who wrote the file. */
static bool same_double(double a, double b)
{
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

static size_t list_of(const struct pz_attr *a, uint64_t row)
{
    return a ? (size_t)(a->ptr[row + 1] - a->ptr[row]) : 0;
}

static bool same_text(const struct pz_attr *a, uint64_t i, const struct pz_attr *b, uint64_t j)
{
    size_t n, m;
    const char *s = pz_dict_get(&a->values, a->code[i], &n);
    const char *t = pz_dict_get(&b->values, b->code[j], &m);

    return n == m && memcmp(s, t, n) == 0;
}

/* Cells of a column that either part may lack; a missing cell is null. */
static bool same_cell(const struct pz_attr *a, uint64_t x, const struct pz_attr *b, uint64_t y)
{
    const struct pz_attr *any = a ? a : b;
    size_t n;

    if (!any)
        return true;
    if (any->kind == PZ_ATTR_NUMBER || any->kind == PZ_ATTR_BOOL)
        return same_double(a ? a->num[x] : NAN, b ? b->num[y] : NAN);
    n = list_of(a, x);
    if (n != list_of(b, y))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!same_text(a, a->ptr[x] + i, b, b->ptr[y] + i))
            return false;
    return true;
}

static bool same_impression(const struct rows *r, const struct pz_source *x,
                            const struct pz_source *y)
{
    const struct pz_dataset *p = part_of(r, x), *q = part_of(r, y);
    uint64_t i, j, n;

    if (!p->impression_ptr || !q->impression_ptr)
        return true; /* one of them does not tell: a model keeps no impressions */
    i = p->impression_ptr[x->row];
    j = q->impression_ptr[y->row];
    n = p->impression_ptr[x->row + 1] - i;
    if (n != q->impression_ptr[y->row + 1] - j)
        return false;
    for (uint64_t k = 0; k < n; k++)
        if (r->m->item_map[x->part][p->impression[i + k]] !=
            r->m->item_map[y->part][q->impression[j + k]])
            return false;
    return true;
}

/* Whether two events of one user and time are the same. */
static bool same_event(const struct rows *r, const struct pz_source *x, const struct pz_source *y)
{
    if (item_of(r, x) != item_of(r, y) || event_of(r, x) != event_of(r, y) ||
        !same_double((double)value_of(r, x), (double)value_of(r, y)) || !same_impression(r, x, y))
        return false;
    for (uint32_t c = 0; c < r->n_context; c++)
        if (!same_cell(r->context[(size_t)x->part * r->n_context + c], x->row,
                       r->context[(size_t)y->part * r->n_context + c], y->row))
            return false;
    return true;
}

/* ---- repeats ---- */

/* A number that is equal for equal events of one user and time. */
static uint64_t hash_event(const struct rows *r, const struct pz_source *s)
{
    float value = value_of(r, s);
    uint32_t bits = 0;

    if (!isnan(value))
        memcpy(&bits, &value, sizeof bits);
    /* Context and impressions are left to the comparison. A null value hashes as 0, which may
     * collide and does no harm. */
    return pz_rng_mix(pz_rng_mix((uint64_t)item_of(r, s) << 8 | event_of(r, s)) ^ bits);
}

/* Keep in s[0..n) what is no repeat of an earlier one; returns how many. */
static size_t drop_few(const struct rows *r, struct pz_source *s, size_t n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        size_t j = 0;

        while (j < kept && !same_event(r, &s[j], &s[i]))
            j++;
        if (j == kept)
            s[kept++] = s[i];
    }
    return kept;
}

static int by_hash(const void *x, const void *y)
{
    const struct repeat_key *a = x, *b = y;

    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return a->at < b->at ? -1 : a->at > b->at;
}

/* As drop_few for many: events of one hash are compared with those kept of it. A repeat is marked
 * by the part PZ_NONE. */
static size_t drop_many(struct rows *r, struct pz_source *s, size_t n)
{
    struct repeat_key *key = r->key;
    size_t first = 0, kept = 0, n_of_hash = 0;

    for (size_t i = 0; i < n; i++)
        key[i] = (struct repeat_key){ hash_event(r, &s[i]), i };
    qsort(key, n, sizeof *key, by_hash);
    for (size_t i = 0; i < n; i++) {
        size_t j = 0;

        if (i == 0 || key[i].hash != key[first].hash) {
            first = i;
            n_of_hash = 0;
        }
        /* the kept ones of this hash move to key[first ..]; their hash stays */
        while (j < n_of_hash && !same_event(r, &s[key[first + j].at], &s[key[i].at]))
            j++;
        if (j == n_of_hash)
            key[first + n_of_hash++] = key[i];
        else
            s[key[i].at].part = PZ_NONE;
    }
    for (size_t i = 0; i < n; i++)
        if (s[i].part != PZ_NONE)
            s[kept++] = s[i];
    return kept;
}

/* Drop the repeats of the user's events, time by time. */
static enum pz_status drop_repeats(struct rows *r, struct pz_err *err)
{
    size_t kept = 0, end;

    for (size_t start = 0; start < r->n_user; start = end) {
        int64_t now = time_of(r, &r->user[start]);
        size_t n;

        for (end = start + 1; end < r->n_user && time_of(r, &r->user[end]) == now;)
            end++;
        n = end - start;
        if (n > PAIRS_MAX && !pz_mem_grow(&r->key, &r->cap_key, n, sizeof *r->key))
            return pz_err_memory(err, "merging", (double)n * sizeof *r->key);
        n = n > PAIRS_MAX ? drop_many(r, r->user + start, n) : drop_few(r, r->user + start, n);
        memmove(r->user + kept, r->user + start, n * sizeof *r->user);
        kept += n;
    }
    r->n_user = kept;
    return PZ_OK;
}

/* ---- one user ---- */

/* Lay a part's history into the user's list; of equal times what is there comes first. */
static enum pz_status lay_history(struct rows *r, uint32_t part, uint64_t from, uint64_t to,
                                  struct pz_err *err)
{
    const int64_t *time = r->m->in[part]->time;
    size_t old = r->n_user, at;

    if (!pz_mem_grow(&r->user, &r->cap_user, old + (size_t)(to - from), sizeof *r->user))
        return pz_err_memory(err, "merging", 16.0 * (double)(to - from));
    r->n_user = at = old + (size_t)(to - from);
    while (to > from) {
        /* From the back, in place: only what is later than an old event moves it. A delta that is
         * all later costs its own length. */
        if (old > 0 && time_of(r, &r->user[old - 1]) > time[to - 1])
            r->user[--at] = r->user[--old];
        else
            r->user[--at] = (struct pz_source){ part, --to };
    }
    return PZ_OK;
}

static void write_user(struct rows *r)
{
    for (size_t i = 0; i < r->n_user; i++) {
        const struct pz_source *s = &r->user[i];
        uint32_t item = item_of(r, s);

        if (item == PZ_NONE)
            continue;
        r->item[r->n] = item;
        r->time[r->n] = time_of(r, s);
        if (r->event)
            r->event[r->n] = event_of(r, s);
        if (r->value)
            r->value[r->n] = value_of(r, s);
        if (r->source)
            r->source[r->n] = *s;
        r->n++;
    }
}

static enum pz_status merge_user(struct rows *r, uint32_t user, struct pz_err *err)
{
    size_t n_parts = 0;
    enum pz_status st = PZ_OK;

    r->n_user = 0;
    for (size_t k = 0; k < r->m->n_in && st == PZ_OK; k++) {
        const struct pz_dataset *part = r->m->in[k];
        uint64_t u = r->next[k];

        while (u < part->users.n && r->m->user_map[k][u] == PZ_NONE)
            u = ++r->next[k];
        /* Maps ascend, so each part's next user is the only one that can be this one. */
        if (u == part->users.n || r->m->user_map[k][u] != user)
            continue;
        r->next[k]++;
        /* A user without events (a row of Users alone) brings no repeats. */
        n_parts += part->ptr[u + 1] > part->ptr[u];
        st = lay_history(r, (uint32_t)k, part->ptr[u], part->ptr[u + 1], err);
    }
    if (st == PZ_OK && n_parts > 1)
        st = drop_repeats(r, err);
    if (st == PZ_OK)
        write_user(r);
    r->ptr[user + 1] = r->n;
    return st;
}

/* ---- the whole ---- */

/* The union of the parts' context columns, and where each part has them. */
static enum pz_status bind_context(struct rows *r, const struct pz_attrs *const *in,
                                   struct pz_err *err)
{
    struct pz_attrs all = { 0 };
    enum pz_status st = pz_attrs_concat(in, r->m->n_in, NULL, 0, &all, err);

    if (st == PZ_OK) {
        r->n_context = all.n_attrs;
        r->context = pz_mem_array(r->m->n_in * all.n_attrs, sizeof *r->context);
        if (!r->context)
            st = pz_err_memory(err, "merging", 8.0 * (double)r->m->n_in * all.n_attrs);
    }
    for (size_t k = 0; k < r->m->n_in && st == PZ_OK; k++)
        for (uint32_t c = 0; c < all.n_attrs; c++)
            r->context[k * all.n_attrs + c] = pz_attrs_find(in[k], all.attr[c].name);
    pz_attrs_clear(&all);
    return st;
}

static enum pz_status take_memory(struct rows *r, struct pz_err *err)
{
    struct pz_dataset *ds = r->m->ds;
    bool event = false, value = false, untyped = false, impression = false;
    uint64_t n = 0;

    for (size_t k = 0; k < r->m->n_in; k++) {
        const struct pz_dataset *part = r->m->in[k];

        n += part->n_interactions;
        event |= part->event != NULL;
        untyped |= part->n_interactions > 0 && !part->event;
        value |= part->value != NULL;
        impression |= part->impression_ptr != NULL;
    }
    /* No type can be made up for events without one: they would count as a type of their own. */
    if (event && untyped)
        return pz_err_set(err, PZ_BAD_DATA,
                          "some datasets have EVENT_TYPE and others have not: they cannot be one");
    r->next = pz_mem_array(r->m->n_in, sizeof *r->next);
    ds->ptr = r->ptr = pz_dataset_own(ds, pz_mem_array((size_t)ds->users.n + 1, sizeof *r->ptr));
    ds->item = r->item = pz_dataset_own(ds, pz_mem_array(n, sizeof *r->item));
    ds->time = r->time = pz_dataset_own(ds, pz_mem_array(n, sizeof *r->time));
    ds->event = r->event = event ? pz_dataset_own(ds, pz_mem_array(n, 1)) : NULL;
    ds->value = r->value = value ? pz_dataset_own(ds, pz_mem_array(n, sizeof *r->value)) : NULL;
    if (impression || r->n_context > 0)
        r->source = pz_mem_array(n, sizeof *r->source);
    if (!r->next || !r->ptr || !r->item || !r->time || (event && !r->event) ||
        (value && !r->value) || ((impression || r->n_context > 0) && !r->source))
        return pz_err_memory(err, "merging", 17.0 * (double)n);
    return PZ_OK;
}

/* The items of row i's impression that are not left out, into item unless that is NULL; returns how
 * many. */
static uint64_t copy_impression(const struct rows *r, uint64_t i, uint32_t *item)
{
    const struct pz_source *s = &r->source[i];
    const struct pz_dataset *part = part_of(r, s);
    const uint64_t *ptr = part->impression_ptr;
    uint64_t n = 0;

    for (uint64_t k = ptr ? ptr[s->row] : 0; ptr && k < ptr[s->row + 1]; k++) {
        uint32_t now = r->m->item_map[s->part][part->impression[k]];

        if (now != PZ_NONE && item)
            item[n] = now;
        n += now != PZ_NONE;
    }
    return n;
}

static enum pz_status gather_impressions(const struct rows *r, struct pz_err *err)
{
    struct pz_dataset *ds = r->m->ds;
    uint64_t *ptr = pz_dataset_own(ds, pz_mem_array(r->n + 1, sizeof *ptr));
    uint32_t *item;

    if (!ptr)
        return pz_err_memory(err, "impressions", 8.0 * (double)r->n);
    for (uint64_t i = 0; i < r->n; i++)
        ptr[i + 1] = ptr[i] + copy_impression(r, i, NULL);
    item = pz_dataset_own(ds, pz_mem_array(ptr[r->n], sizeof *item));
    if (!item)
        return pz_err_memory(err, "impressions", 4.0 * (double)ptr[r->n]);
    for (uint64_t i = 0; i < r->n; i++)
        copy_impression(r, i, item + ptr[i]);
    ds->impression_ptr = ptr;
    ds->impression = item;
    return PZ_OK;
}

static enum pz_status merge_all(struct rows *r, const struct pz_attrs *const *context,
                                struct pz_err *err)
{
    struct pz_dataset *ds = r->m->ds;
    bool impression = false;
    enum pz_status st = bind_context(r, context, err);

    if (st == PZ_OK)
        st = take_memory(r, err);
    for (uint32_t u = 0; u < ds->users.n && st == PZ_OK; u++)
        st = merge_user(r, u, err);
    ds->n_interactions = r->n;
    for (size_t k = 0; k < r->m->n_in; k++)
        impression |= r->m->in[k]->impression_ptr != NULL;
    if (st == PZ_OK && impression)
        st = gather_impressions(r, err);
    if (st == PZ_OK && r->n_context > 0)
        st = pz_attrs_concat(context, r->m->n_in, r->source, r->n, &ds->context, err);
    return st;
}

enum pz_status pz_merge_rows(struct pz_merge *m, struct pz_err *err)
{
    struct rows r = { .m = m };
    const struct pz_attrs **context = pz_mem_array(m->n_in, sizeof *context);
    enum pz_status st = PZ_OK;

    for (size_t k = 0; context && k < m->n_in; k++)
        context[k] = &m->in[k]->context;
    st = context ? merge_all(&r, context, err)
                 : pz_err_memory(err, "merging", 8.0 * (double)m->n_in);
    free(context);
    free(r.context);
    free(r.next);
    free(r.user);
    free(r.key);
    free(r.source);
    return st;
}
