/* SPDX-License-Identifier: Apache-2.0 */
/* Segments: see segments.h. One pass over the rows finds the values that are frequent enough, then
 * one pass a segment counts its items.
 *
 * The estimate is that of Dirichlet smoothing (Zhai & Lafferty 2004): a segment of few users says
 * what everybody says. A user counts once an item, with the largest weight of their events; rows
 * of the context count as they are. Segments are in the order in which the columns and values
 * stand, and sums in that of the rows: the same bytes each time. */
#include "model/popularity/segments.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "data/shares.h"

/* One segment to be: a value of a column. */
struct place {
    const struct pz_attr *a;
    uint32_t value;
    bool of_user; /* rows are users; else interactions */
};

struct making {
    const struct pz_corpus *c;
    struct place *place; /* [n] in the order found */
    size_t n, cap;
    struct pz_dict_builder *names;
    struct pz_str name;
    double *count; /* [n_items], zero between segments */
    float *best;   /* [n_items], zero between users */
    struct pz_segments *out;
    uint32_t *item; /* growing: the lists */
    float *value;
    size_t item_cap, value_cap, n_listed;
};

static bool is_segmented(const struct pz_attr *a)
{
    return a->kind == PZ_ATTR_CATEGORY || a->kind == PZ_ATTR_BOOL;
}

static bool has_value(const struct pz_attr *a, uint64_t row, uint32_t value)
{
    if (a->num)
        return a->num[row] == (double)value; /* false for NaN */
    for (uint64_t p = a->ptr[row]; p < a->ptr[row + 1]; p++)
        if (a->code[p] == value)
            return true;
    return false;
}

/* Before the name of a column of interactions that the users have, too: "DEVICE" may be what a user
 * has and what an event was made with, which are two segments. */
static const char OF_CONTEXT[] = "context:";

static void set_name(struct pz_str *name, const char *prefix, const struct pz_attr *a,
                     uint32_t value)
{
    size_t len = 0;
    const char *s = a->num ? NULL : pz_dict_get(&a->values, value, &len);

    pz_str_reset(name);
    pz_str_adds(name, prefix);
    pz_str_adds(name, a->name);
    pz_str_addc(name, '=');
    if (a->num)
        pz_str_adds(name, value ? "true" : "false");
    else
        pz_str_add(name, s, len);
}

/* n_rows: of a; min: rows that a value must have. */
static bool find_places(struct making *m, const struct pz_attr *a, uint64_t n_rows, uint64_t min,
                        bool of_user)
{
    bool shared = !of_user && m->c->user_attrs && pz_attrs_find(m->c->user_attrs, a->name);
    uint32_t n_values = a->num ? 2 : a->values.n;
    uint64_t *rows = pz_mem_array(n_values, sizeof *rows);
    bool ok = rows != NULL;

    if (ok && !of_user)
        pz_shares_turn(m->c, rows, n_values * sizeof *rows);
    for (uint64_t row = 0; row < n_rows && ok; row++) {
        for (uint64_t p = a->num ? 0 : a->ptr[row]; !a->num && p < a->ptr[row + 1]; p++)
            rows[a->code[p]]++;
        if (a->num && !isnan(a->num[row]))
            /* A boolean is its own code: 0 false, 1 true. */
            rows[a->num[row] > 0]++;
    }
    if (ok && !of_user)
        pz_shares_pass(m->c, rows, n_values * sizeof *rows);
    for (uint32_t v = 0; v < n_values && ok; v++) {
        if (rows[v] < min)
            continue;
        set_name(&m->name, shared ? OF_CONTEXT : "", a, v);
        ok = !m->name.failed && pz_mem_grow(&m->place, &m->cap, m->n + 1, sizeof *m->place) &&
             pz_dict_builder_add(m->names, m->name.data, m->name.len) == m->n;
        if (ok)
            m->place[m->n++] = (struct place){ a, v, of_user };
    }
    free(rows);
    return ok;
}

static bool find_all(struct making *m)
{
    const struct pz_attrs *table[2] = { m->c->user_attrs, m->c->context };
    const uint64_t n_rows[2] = { m->c->n_users, m->c->ptr[m->c->n_users] },
                   of_all[2] = { m->c->n_users, pz_corpus_size(m->c) };
    bool ok = m->names != NULL;

    for (int t = 0; t < 2; t++)
        for (uint32_t k = 0; table[t] && k < table[t]->n_attrs && ok; k++)
            if (is_segmented(&table[t]->attr[k]))
                ok = find_places(m, &table[t]->attr[k], n_rows[t],
                                 of_all[t] / 100 < 2 ? 2 : of_all[t] / 100, t == 0);
    return ok;
}

/* A user counts once for an item, with their heaviest event. */
static void add_user(struct making *m, uint32_t user)
{
    const struct pz_corpus *c = m->c;

    for (uint64_t p = c->ptr[user]; p < c->ptr[user + 1]; p++)
        if (c->weight[p] > m->best[c->item[p]]) {
            m->count[c->item[p]] += (double)(c->weight[p] - m->best[c->item[p]]);
            m->best[c->item[p]] = c->weight[p];
        }
    for (uint64_t p = c->ptr[user]; p < c->ptr[user + 1]; p++)
        m->best[c->item[p]] = 0;
}

static int descending(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;

    return a < b ? 1 : a > b ? -1 : 0;
}

/* The count that an item needs to be listed. */
static bool least_count(const struct making *m, double *min)
{
    uint32_t n = m->c->n_items;
    double *sorted = n > PZ_SEGMENT_ITEMS ? pz_mem_copy(m->count, n, sizeof *sorted) : NULL;

    *min = 0;
    if (n <= PZ_SEGMENT_ITEMS)
        return true;
    if (!sorted)
        return false;
    qsort(sorted, n, sizeof *sorted, descending);
    /* Counts above that of the first one left out: items with equal counts stay or go together,
     * whatever their number. */
    *min = sorted[PZ_SEGMENT_ITEMS];
    free(sorted);
    return true;
}

/* Count one segment and append its list: counts above that of the first item left out. */
static bool count_segment(struct making *m, const struct place *s, double *total)
{
    const struct pz_corpus *c = m->c;
    double min;

    memset(m->count, 0, c->n_items * sizeof *m->count);
    pz_shares_turn(c, m->count, c->n_items * sizeof *m->count);
    for (uint32_t u = 0; u < c->n_users && s->of_user; u++)
        if (has_value(s->a, u, s->value))
            add_user(m, u);
    for (uint64_t p = 0; p < c->ptr[c->n_users] && !s->of_user; p++)
        if (has_value(s->a, p, s->value))
            m->count[c->item[p]] += (double)c->weight[p];
    pz_shares_pass(c, m->count, c->n_items * sizeof *m->count);
    if (!least_count(m, &min))
        return false;
    for (uint32_t i = 0; i < c->n_items; i++) {
        /* N_s is of all items: those that are not listed keep everybody's share alone. */
        *total += m->count[i];
        if (!(m->count[i] > min))
            continue;
        if (!pz_mem_grow(&m->item, &m->item_cap, m->n_listed + 1, sizeof *m->item) ||
            !pz_mem_grow(&m->value, &m->value_cap, m->n_listed + 1, sizeof *m->value))
            return false;
        m->item[m->n_listed] = i;
        m->value[m->n_listed++] = (float)m->count[i];
    }
    return true;
}

static bool count_all(struct making *m, const uint32_t *final, double shrink)
{
    struct pz_segments *out = m->out;
    uint32_t *order = pz_mem_array(m->n, sizeof *order);
    uint64_t *ptr = pz_mem_array(m->n + 1, sizeof *ptr);
    double *total = out->owned[0] = pz_mem_array(m->n, sizeof *total);
    double *kept = out->owned[1] = pz_mem_array(1, sizeof *kept);
    bool ok = order && ptr && total && kept;

    /* The dictionary is sorted by name and numbers anew; segments are counted in its order. */
    for (size_t k = 0; k < m->n && ok; k++)
        order[final[k]] = (uint32_t)k;
    for (size_t s = 0; s < m->n && ok; s++) {
        ok = count_segment(m, &m->place[order[s]], &total[s]);
        ptr[s + 1] = m->n_listed;
    }
    if (ok)
        *kept = shrink;
    out->total = total;
    out->shrink = kept;
    out->list = pz_csr_take((uint32_t)m->n, out->n_items, ptr, m->item, m->value);
    free(order);
    return ok;
}

enum pz_status pz_segments_make(const struct pz_corpus *c, double shrink, struct pz_segments *out,
                                struct pz_err *err)
{
    struct making m = { .c = c, .out = out };
    uint32_t *final = NULL;
    bool ok = true;

    memset(out, 0, sizeof *out);
    out->n_items = c->n_items;
    if (shrink <= 0)
        return PZ_OK;
    m.names = pz_dict_builder_new();
    m.count = pz_mem_array(c->n_items, sizeof *m.count);
    m.best = pz_mem_array(c->n_items, sizeof *m.best);
    ok = m.count && m.best && find_all(&m);
    if (ok && m.n > 0)
        ok = pz_dict_builder_finish(m.names, &out->names, &final, err) == PZ_OK &&
             count_all(&m, final, shrink);
    free(final);
    free(m.place);
    free(m.count);
    free(m.best);
    pz_str_clear(&m.name);
    pz_dict_builder_free(m.names);
    return ok ? PZ_OK : pz_err_memory(err, "segments", 12.0 * c->n_items);
}

void pz_segments_clear(struct pz_segments *s)
{
    pz_dict_clear(&s->names);
    pz_csr_clear(&s->list);
    for (size_t k = 0; k < sizeof s->owned / sizeof *s->owned; k++)
        free(s->owned[k]);
    memset(s, 0, sizeof *s);
}

static const struct pz_csr_columns list_columns = { .ptr = "popularity/segments/ptr",
                                                    .item = "popularity/segments/item",
                                                    .value = "popularity/segments/count" };

enum pz_status pz_segments_save(const struct pz_segments *s, struct pz_writer *w,
                                struct pz_err *err)
{
    uint32_t n = s->names.n;
    enum pz_status st;

    if (n == 0)
        return PZ_OK;
    st = pz_writer_add_dict(w, "popularity/segments/names", &s->names, err);
    if (st == PZ_OK)
        st = pz_writer_add(w, "popularity/segments/shrink", PZ_F64, s->shrink, 1, err);
    if (st == PZ_OK)
        st = pz_writer_add(w, "popularity/segments/total", PZ_F64, s->total, n, err);
    return st == PZ_OK ? pz_csr_save(&s->list, &list_columns, w, err) : st;
}

static bool is_sound(const struct pz_segments *s)
{
    bool ok = *s->shrink > 0;

    for (uint32_t k = 0; k < s->names.n && ok; k++)
        ok = s->total[k] >= 0;
    return ok;
}

enum pz_status pz_segments_load(struct pz_table *t, uint32_t n_items, struct pz_segments *s,
                                struct pz_err *err)
{
    const void *data[2] = { NULL };
    enum pz_status st;

    memset(s, 0, sizeof *s);
    s->n_items = n_items;
    if (!pz_table_has(t, "popularity/segments/ptr"))
        return PZ_OK;
    st = pz_table_get_dict(t, "popularity/segments/names", &s->names, err);
    if (st == PZ_OK)
        st = pz_table_get(t, "popularity/segments/shrink", PZ_F64, 1, &data[0], NULL, err);
    if (st == PZ_OK)
        st = pz_table_get(t, "popularity/segments/total", PZ_F64, s->names.n, &data[1], NULL, err);
    if (st == PZ_OK)
        st = pz_csr_load(t, &list_columns, s->names.n, n_items, &s->list, err);
    s->shrink = data[0];
    s->total = data[1];
    if (st == PZ_OK && !pz_table_is_flat(t) && !is_sound(s))
        st = pz_err_set(err, PZ_BAD_DATA, "popularity: the segments are damaged");
    return st;
}

/* The segment of a given value whose name begins so, or PZ_NONE. */
static uint32_t find_named(const struct pz_segments *s, const char *prefix,
                           const struct pz_given *g)
{
    char name[sizeof OF_CONTEXT + PZ_NAME_MAX + 1024];
    size_t len = 0, n;
    const char *value = g->num > 0 ? "true" : "false";

    if (!is_segmented(g->attr))
        return PZ_NONE;
    if (g->attr->kind == PZ_ATTR_BOOL)
        len = strlen(value);
    else
        value = pz_dict_get(&g->attr->values, g->code, &len);
    n = strlen(prefix) + strlen(g->attr->name) + 1;
    if (n + len >= sizeof name)
        return PZ_NONE;
    snprintf(name, sizeof name, "%s%s=", prefix, g->attr->name);
    memcpy(name + n, value, len);
    return pz_dict_find(&s->names, name, n + len);
}

/* A value of the context without events enough speaks as the users who have it do. */
static uint32_t find_given(const struct pz_segments *s, const struct pz_given *g, bool of_user)
{
    uint32_t found = of_user ? PZ_NONE : find_named(s, OF_CONTEXT, g);

    return found != PZ_NONE ? found : find_named(s, "", g);
}

enum { MIXED_MAX = 64 };

static size_t find_segments(const struct pz_segments *s, const struct pz_query *q, uint32_t *found)
{
    size_t n = 0;

    for (size_t k = 0; k < q->n_user + q->n_context && n < MIXED_MAX; k++) {
        bool of_user = k < q->n_user;

        found[n] = find_given(s, of_user ? &q->user[k] : &q->context[k - q->n_user], of_user);
        n += found[n] != PZ_NONE;
    }
    return n;
}

void pz_segments_mix(const struct pz_segments *s, const struct pz_query *q, float *score)
{
    uint32_t found[MIXED_MAX];
    size_t n = s->names.n ? find_segments(s, q, found) : 0;
    double all = 0, keep = 0;

    if (n == 0)
        return;
    for (uint32_t i = 0; i < s->n_items; i++)
        all += (double)score[i];
    for (size_t k = 0; k < n; k++)
        /* The formula of the header in the unit of everybody's counts, times their sum: score = all
         * * mean over segments of (n_si + shrink p_i) / (N_s + shrink), where p_i all is the count
         * itself. */
        keep += *s->shrink / (s->total[found[k]] + *s->shrink) / (double)n;
    for (uint32_t i = 0; i < s->n_items; i++)
        score[i] *= (float)keep;
    for (size_t k = 0; k < n; k++) {
        double unit = all / (double)n / (s->total[found[k]] + *s->shrink);

        for (uint64_t p = s->list.ptr[found[k]]; p < s->list.ptr[found[k] + 1]; p++)
            score[s->list.item[p]] += (float)(unit * (double)s->list.value[p]);
    }
}
