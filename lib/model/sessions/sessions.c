/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: what those had whose events are like the newest of the history; nearest neighbours of a
 * session (Jannach & Ludewig 2017, V-SKNN; Garg et al. 2019, STAN). A user's newest EVENTS events
 * are their session. With b_k the k-th last event of the history, its nearest standing for an item,
 * w_k its weight by recency and event weight, c_k the length of its list of sessions, and v_p the
 * event weight at place p of a session, both event weights damped (pz_weight_damp):
 *
 *   met(u) = sum over k <= DEPTH with b_k in u of  w_k (1 + c_k)^-RARE
 *   sim(u) = met(u) |u|^-SHORT
 *   s_j    = trend_j^trend * sum over the most similar u, places p of j in u, of
 *            sim(u) met(u)^1/2 v_p distance^(|p - a| - 1)
 *
 * a the last place in u of the newest b_k that u has; the place itself gains nothing. trend_j says
 * how recent the events of j are (pz_trans_trend).
 *
 * Sessions are numbered from the newest, so that the list of an item's sessions is cut to its
 * SAMPLE newest by its end. A query meets at most DEPTH * SAMPLE of them, in a table of fixed size:
 * no cost grows with the users. Columns: sessions/set f64; ptr u64 [sessions + 1], item u32, weight
 * f32 (v, where not all are 1); at_ptr u64 [n_items + 1], at u32; trend f32 [n_items]. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/parts.h"
#include "model/transitions/transitions.h"
#include "table/csr.h"
#include "table/lists.h"

enum {
    EVENTS = 50,
    DEPTH = 10,
    SAMPLE = 1000,
    MET_MAX = DEPTH * SAMPLE,
    BITS = 15,
    TABLE = 1 << BITS
};
enum { SET_NEIGHBOURS, SET_RECENCY, SET_DISTANCE, SET_TREND, SET_N };

static const double RARE = 0.3, SHORT = 0.3;

static const struct pz_setting settings[SET_N] = {
    [SET_NEIGHBOURS] = { PZ_SETTING("neighbours", "sessions that speak"),
                         PZ_ALLOWED(200, 1, MET_MAX), PZ_LOG_SCALE, PZ_WHOLE, PZ_READ_OUT },
    [SET_RECENCY] = { PZ_SETTING("recency", "power of the rank that divides an event"),
                      PZ_ALLOWED(0.8, 0, 4), PZ_SEARCHED(0.3, 1.5), PZ_READ_OUT },
    [SET_DISTANCE] = { PZ_SETTING("distance", "weight of an item per place between"),
                       PZ_ALLOWED(0.8, 0, 1), PZ_SEARCHED(0.4, 1), PZ_READ_OUT },
    [SET_TREND] = { PZ_JUDGED(PZ_JUDGED_AT_END),
                    PZ_SETTING(
                        "trend",
                        "power of how recent an item's events are that multiplies its score"),
                    PZ_ALLOWED(0.4, 0, 2), PZ_SEARCHED(0, 0.8), PZ_READ_OUT },
};

struct part {
    double set[SET_N];
    uint32_t n_items;
    struct pz_csr events;    /* rows are sessions, the newest first; values v_p, NULL: all are 1 */
    struct pz_csr at;        /* [n_items] the sessions of an item, ascending */
    const float *trend;      /* [n_items] */
    float *own_trend;        /* trend, unless a table owns it */
    const float *scale;      /* [n_items] trend^trend */
    float *own_scale;        /* scale, unless a table owns it */
    float power[EVENTS + 1]; /* distance^(d - 1); 0 at 0 */
    float brief[EVENTS + 1]; /* |u|^-SHORT by length */
};

static void part_free(void *part)
{
    struct part *f = part;

    if (f) {
        pz_csr_clear(&f->events);
        pz_csr_clear(&f->at);
        free(f->own_trend);
        free(f->own_scale);
    }
    free(f);
}

static enum pz_status make_scale(struct part *f, struct pz_err *err)
{
    float *scale = f->own_scale ? f->own_scale : pz_mem_array(f->n_items, sizeof *scale);

    f->scale = f->own_scale = scale;
    for (uint32_t i = 0; scale && i < f->n_items; i++)
        scale[i] = powf(f->trend[i], (float)f->set[SET_TREND]);
    return scale ? PZ_OK : pz_err_memory(err, "sessions", 4.0 * f->n_items);
}

static void make_power(struct part *f)
{
    for (int d = 1; d <= EVENTS; d++)
        f->power[d] = (float)pow(f->set[SET_DISTANCE], d - 1);
    for (int d = 1; d <= EVENTS; d++)
        f->brief[d] = (float)pow(d, -SHORT);
}

static void set(void *part, size_t setting, double value)
{
    struct part *f = part;

    f->set[setting] = value;
    make_power(f);
    if (setting == SET_TREND)
        make_scale(f, NULL); /* the array is there: cannot fail */
}

/* ---- learning ---- */

struct dated {
    int64_t time;
    uint32_t user;
};

static int newest_first(const void *x, const void *y)
{
    const struct dated *a = x, *b = y;

    if (a->time != b->time)
        return a->time > b->time ? -1 : 1;
    return a->user < b->user ? -1 : a->user > b->user;
}

static uint64_t length_of(const struct pz_corpus *c, uint32_t u)
{
    uint64_t n = c->ptr[u + 1] - c->ptr[u];

    /* One event has no neighbour in its session: it could say nothing. */
    return n < 2 ? 0 : n > EVENTS ? EVENTS : n;
}

static bool weighs_alike(const struct pz_corpus *c)
{
    for (uint64_t p = 0; p < c->ptr[c->n_users]; p++)
        if (c->weight[p] < 1 || c->weight[p] > 1)
            return false;
    return true;
}

/* The sessions of two events or more into ptr, item and weight. */
static enum pz_status take_sessions(const struct pz_corpus *c, struct part *f, struct pz_err *err)
{
    struct dated *order = pz_mem_array(c->n_users, sizeof *order);
    uint64_t *ptr = pz_mem_array((size_t)c->n_users + 1, sizeof *ptr), n = 0, from;
    uint32_t *item = NULL, n_sessions = 0;
    float *weight = NULL;
    bool alike = weighs_alike(c);

    for (uint32_t u = 0; order && u < c->n_users; u++) {
        n += length_of(c, u);
        if (length_of(c, u) > 0)
            order[n_sessions++] = (struct dated){ c->time[c->ptr[u + 1] - 1], u };
    }
    item = pz_mem_room(n, sizeof *item);
    weight = alike ? NULL : pz_mem_array(n, sizeof *weight);
    f->events = pz_csr_take(n_sessions, c->n_items, ptr, item, weight);
    for (uint32_t s = 0; order && ptr && item && (alike || weight) && s < n_sessions; s++) {
        if (s == 0)
            qsort(order, n_sessions, sizeof *order, newest_first);
        n = length_of(c, order[s].user);
        from = c->ptr[order[s].user + 1] - n;
        memcpy(item + ptr[s], c->item + from, n * sizeof *item);
        for (uint64_t k = 0; k < n && !alike; k++)
            weight[ptr[s] + k] = pz_weight_damp(c->weight[from + k], c->event_power);
        ptr[s + 1] = ptr[s] + n;
    }
    free(order);
    return ptr && item && (alike || weight) ? PZ_OK
                                            : pz_err_memory(err, "sessions", 20.0 * c->n_users);
}

/* One pass over the sessions: count what goes to each item's list, or, with at, write it. */
static void pass(const struct part *f, uint64_t *ptr, uint32_t *last, uint32_t *at)
{
    memset(last, 0xff, f->n_items * sizeof *last);
    for (uint32_t s = 0; s < f->events.n; s++)
        for (uint64_t p = f->events.ptr[s]; p < f->events.ptr[s + 1]; p++) {
            uint32_t i = f->events.item[p];

            /* A session stands once in the list of an item; a list that is full has the newest, as
             * sessions come newest first. */
            if (last[i] == s || (!at && ptr[i + 1] == SAMPLE) || (at && ptr[i] == f->at.ptr[i + 1]))
                continue;
            last[i] = s;
            if (at)
                at[ptr[i]++] = s;
            else
                ptr[i + 1]++;
        }
}

static enum pz_status index_items(struct part *f, struct pz_err *err)
{
    uint64_t *ptr = pz_mem_array((size_t)f->n_items + 1, sizeof *ptr);
    uint64_t *next = pz_mem_array((size_t)f->n_items + 1, sizeof *next);
    uint32_t *last = pz_mem_array(f->n_items, sizeof *last), *at = NULL;

    f->at = pz_csr_take(f->n_items, f->events.n, ptr, NULL, NULL);
    if (ptr && next && last) {
        pass(f, ptr, last, NULL);
        for (uint32_t i = 0; i < f->n_items; i++)
            ptr[i + 1] += ptr[i];
        memcpy(next, ptr, ((size_t)f->n_items + 1) * sizeof *next);
        at = pz_mem_room(ptr[f->n_items], sizeof *at);
    }
    if (at)
        pass(f, next, last, at);
    f->at.item = f->at.own[1] = at;
    free(next);
    free(last);
    return at ? PZ_OK : pz_err_memory(err, "sessions", 24.0 * f->n_items);
}

static enum pz_status take_trend(const struct pz_corpus *c, struct part *f, struct pz_err *err)
{
    float *trend = pz_mem_array(c->n_items, sizeof *trend);

    f->trend = f->own_trend = trend;
    if (!trend)
        return pz_err_memory(err, "sessions", 4.0 * c->n_items);
    if (pz_trans_trend(c, trend, err) != PZ_OK)
        return PZ_TRY_AGAIN;
    make_power(f);
    return make_scale(f, err);
}

static enum pz_status fit(const struct pz_corpus *c, const struct pz_fit_cfg *cfg, void **part,
                          struct pz_err *err)
{
    struct part *f = calloc(1, sizeof *f);
    enum pz_status st = f ? PZ_OK : pz_err_memory(err, "sessions", sizeof *f);

    if (st == PZ_OK) {
        f->n_items = c->n_items;
        memcpy(f->set, cfg->value, sizeof f->set);
        st = take_trend(c, f, err);
    }
    if (st == PZ_OK)
        st = take_sessions(c, f, err);
    if (st == PZ_OK)
        st = index_items(f, err);
    return pz_part_hand_out(st, f, part_free, part);
}

/* ---- the file ---- */

static const struct pz_csr_columns event_columns = { .ptr = "sessions/ptr",
                                                     .item = "sessions/item",
                                                     .value = "sessions/weight",
                                                     .optional = true,
                                                     .max_row = EVENTS },
                                   at_columns = { .ptr = "sessions/at_ptr",
                                                  .item = "sessions/at",
                                                  .max_row = SAMPLE };

static enum pz_status save(const void *part, struct pz_writer *w, struct pz_err *err)
{
    const struct part *f = part;
    enum pz_status st = pz_writer_add(w, "sessions/set", PZ_F64, f->set, SET_N, err);

    if (st == PZ_OK)
        st = pz_csr_save(&f->events, &event_columns, w, err);
    if (st == PZ_OK)
        st = pz_csr_save(&f->at, &at_columns, w, err);
    if (st == PZ_OK)
        st = pz_writer_add(w, "sessions/trend", PZ_F32, f->trend, f->n_items, err);
    return st;
}

static enum pz_status derive(const void *part, struct pz_derived *out, struct pz_err *err)
{
    const struct part *f = part;

    return pz_derived_add(out, "sessions/scale", PZ_F32, f->scale, f->n_items, NULL, err);
}

/* The scale, from a flat file or made. */
static enum pz_status read_scale(struct pz_table *t, struct part *f, struct pz_err *err)
{
    const void *scale = NULL;
    enum pz_status st;

    if (!pz_table_has(t, PZ_DERIVED "sessions/scale"))
        return make_scale(f, err);
    st = pz_table_get(t, PZ_DERIVED "sessions/scale", PZ_F32, f->n_items, &scale, NULL, err);
    f->scale = scale;
    return st;
}

static enum pz_status read_columns(struct pz_table *t, struct part *f, struct pz_err *err)
{
    const void *value = NULL, *trend = NULL;
    enum pz_status st = pz_table_get(t, "sessions/set", PZ_F64, SET_N, &value, NULL, err);

    if (st == PZ_OK)
        st = pz_csr_load(t, &event_columns, PZ_CSR_ANY, f->n_items, &f->events, err);
    if (st == PZ_OK)
        st = pz_csr_load(t, &at_columns, f->n_items, f->events.n, &f->at, err);
    if (st == PZ_OK)
        st = pz_table_get(t, "sessions/trend", PZ_F32, f->n_items, &trend, NULL, err);
    f->trend = trend;
    if (st == PZ_OK && !pz_table_is_flat(t) && !pz_numbers_good(f->trend, f->n_items, 0))
        st = pz_err_set(err, PZ_BAD_DATA, "sessions/trend: a number is damaged");
    if (st == PZ_OK)
        st = pz_scorer_check(&pz_sessions, value, err);
    if (st == PZ_OK) {
        memcpy(f->set, value, sizeof f->set);
        make_power(f);
        st = read_scale(t, f, err);
    }
    return st;
}

static enum pz_status load(struct pz_table *t, uint32_t n_items, void **part, struct pz_err *err)
{
    struct part *f = calloc(1, sizeof *f);
    enum pz_status st = f ? PZ_OK : pz_err_memory(err, "sessions", sizeof *f);

    if (st == PZ_OK) {
        f->n_items = n_items;
        st = read_columns(t, f, err);
    }
    return pz_part_hand_out(st, f, part_free, part);
}

/* ---- neighbours ---- */

struct met {
    uint32_t session; /* number + 1; 0: free */
    uint32_t anchor;  /* newest item of the history that it has */
    float sum;
};

struct scratch {
    struct met *table; /* [TABLE] */
    uint64_t *key;     /* [MOST] */
    uint32_t *met;     /* [MOST] places in the table */
};

static size_t scratch_bytes(const void *part)
{
    (void)part;
    return TABLE * sizeof(struct met) + MET_MAX * (sizeof(uint64_t) + sizeof(uint32_t));
}

static struct scratch scratch_of(void *scratch)
{
    struct met *table = scratch;
    uint64_t *key = (void *)(table + TABLE);

    return (struct scratch){ table, key, (uint32_t *)(key + MET_MAX) };
}

static struct met *find(const struct scratch *r, uint32_t session)
{
    /* Fibonacci hashing (Knuth, TAOCP 3, 6.4): the upper bits of a product with 2^32 divided by the
     * golden ratio. 10,000 entries at most in 32,768 places: searches stay short. */
    uint32_t at = (session * 2654435761u) >> (32 - BITS);

    while (r->table[at].session && r->table[at].session != session + 1)
        at = (at + 1) % TABLE;
    return &r->table[at];
}

/* Few sessions share a rare item, and those that do share more than it. */
static float rareness(const struct part *f, uint32_t item)
{
    return (float)pow(1 + (double)(f->at.ptr[item + 1] - f->at.ptr[item]), -RARE);
}

/* The weight of each of the newest events, 0 for items that stand nearer to the end too. Returns
 * how many. */
static size_t weigh(const struct part *f, const struct pz_query *q, float *weight)
{
    struct pz_recency age = { .q = q,
                              .exponent = f->set[SET_RECENCY],
                              .max = q->n_hist < DEPTH ? q->n_hist : DEPTH };

    for (size_t k = 1; k <= age.max; k++) {
        uint32_t b = q->hist[q->n_hist - k];

        weight[k] = (float)pz_recency_next(&age) *
                    pz_weight_damp(q->hist_weight[q->n_hist - k], q->event_power);
        for (size_t nearer = 1; nearer < k; nearer++)
            if (q->hist[q->n_hist - nearer] == b)
                weight[k] = 0;
        weight[k] = b < f->n_items ? weight[k] * rareness(f, b) : 0;
    }
    return age.max;
}

/* Meet the sessions of the newest events and choose the most similar: their places in r->met, by
 * the keys. */
static uint32_t choose(const struct part *f, const struct pz_query *q, const struct scratch *r)
{
    float weight[DEPTH + 1];
    size_t max = weigh(f, q, weight);
    uint32_t n = 0;

    memset(r->table, 0, TABLE * sizeof *r->table);
    for (size_t k = 1; k <= max; k++) {
        uint32_t b = q->hist[q->n_hist - k];

        for (uint64_t s = weight[k] > 0 ? f->at.ptr[b] : 0; weight[k] > 0 && s < f->at.ptr[b + 1];
             s++) {
            struct met *m = find(r, f->at.item[s]);

            if (!m->session) {
                /* Events come from the newest on, so that the first one met is the anchor. */
                *m = (struct met){ f->at.item[s] + 1, b, 0 };
                r->met[n++] = (uint32_t)(m - r->table);
            }
            m->sum += weight[k];
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        const struct met *m = &r->table[r->met[i]];

        /* Keys hold the order of meeting, which depends on the query alone: of equal sessions the
         * one that shares the newer event is taken. */
        r->key[i] =
            pz_trans_key(m->sum *
                             f->brief[f->events.ptr[m->session] - f->events.ptr[m->session - 1]],
                         i);
    }
    return pz_trans_select(r->key, n, (uint32_t)f->set[SET_NEIGHBOURS]);
}

/* One chosen session: its events, the place of its anchor, what of the history it has, and by how
 * much that counts: the most similar ones more. */
struct chosen {
    const uint32_t *item;
    const float *weight; /* NULL: all 1 */
    size_t n, anchor;
    float sum, scale;
};

static struct chosen chosen_at(const struct part *f, const struct scratch *r, uint32_t i)
{
    const struct met *m = &r->table[r->met[pz_trans_key_item(r->key[i])]];
    uint64_t from = f->events.ptr[m->session - 1], n = f->events.ptr[m->session] - from;
    struct chosen c = { f->events.item + from,
                        f->events.value ? f->events.value + from : NULL,
                        (size_t)n,
                        0,
                        m->sum,
                        sqrtf(m->sum) * f->brief[n] };

    for (size_t k = 0; k < c.n; k++)
        /* The last place, when there are several. */
        c.anchor = c.item[k] == m->anchor ? k : c.anchor;
    return c;
}

static float gain(const struct part *f, const struct chosen *c, size_t place)
{
    float power = f->power[place > c->anchor ? place - c->anchor : c->anchor - place];

    return c->weight ? power * c->weight[place] : power;
}

static bool score(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    const struct part *f = part;
    struct scratch r = scratch_of(scratch);
    uint32_t n = choose(f, q, &r);

    for (uint32_t i = 0; i < n; i++) {
        struct chosen c = chosen_at(f, &r, i);

        for (size_t p = 0; p < c.n; p++)
            out[c.item[p]] += c.sum * c.scale * gain(f, &c, p) * f->scale[c.item[p]];
    }
    return n > 0;
}

static void explain(const void *part, const struct pz_query *q, uint32_t item, void *scratch,
                    float *contrib)
{
    const struct part *f = part;
    struct scratch r = scratch_of(scratch);
    uint32_t n = choose(f, q, &r);
    float weight[DEPTH + 1];
    size_t max = weigh(f, q, weight);

    memset(contrib, 0, q->n_hist * sizeof *contrib);
    for (uint32_t i = 0; i < n; i++) {
        struct chosen c = chosen_at(f, &r, i);
        float worth = 0;

        for (size_t p = 0; p < c.n; p++)
            worth += c.item[p] == item ? c.scale * gain(f, &c, p) * f->scale[item] : 0;
        for (size_t k = 1; k <= max && worth > 0; k++) {
            bool has = false;

            for (size_t p = 0; p < c.n && !has; p++)
                has = c.item[p] == q->hist[q->n_hist - k];
            contrib[q->n_hist - k] += has ? weight[k] * worth : 0;
        }
    }
}

/* A list of sessions by item and one of items by session. */
static enum pz_status cost(const struct pz_corpus *c, const double *value, struct pz_fit_cost *out,
                           struct pz_err *err)
{
    double n = (double)c->ptr[c->n_users];

    (void)value;
    (void)err;
    out->term[0] = n;
    out->kept = 8 * n + 8.0 * c->n_users + 16.0 * c->n_items;
    return PZ_OK;
}

static enum pz_suits suits(const struct pz_setup *setup)
{
    return setup->newest_users ? PZ_SUITS : PZ_SUITS_IF_ASKED;
}

const struct pz_scorer pz_sessions = {
    .name = "sessions",
    .meaning = "what those had whose events are like the newest",
    .settings = settings,
    .n_settings = SET_N,
    /* Neighbours know nothing of coming back to an item: more of them drowns what transitions know
     * of that, which validation cannot see where the recipe leaves out what was seen (Diginetica,
     * MRR@20: .201 at .3, .189 at 1). */
    .max_weight = 0.4,
    .suits = suits,
    .fit = fit,
    .cost = cost,
    .save = save,
    .derive = derive,
    .load = load,
    .free = part_free,
    .set = set,
    .scratch_bytes = scratch_bytes,
    .score = score,
    .explain = explain,
};
