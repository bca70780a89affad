/* SPDX-License-Identifier: Apache-2.0 */
/* Habits: what a user has had and will have again. Groceries, music and jobs live by it, and the
 * order in which people come back is their own: "buy it again" ranks the user's own items by how
 * often and how lately they had them and by whether they are due (cf. Bhagat et al. 2018, Buy It
 * Again; Hu et al. 2020, TIFU-kNN, on personal frequency).
 *
 * r_i is the share of events of item i that the same user follows with another one, g_i the mean
 * logarithm of the seconds between the two, both shrunk towards those of all items by FEW events.
 * For an item that the history holds c times, first at t_1 and last at t_c, with damped event
 * weights that sum to w, asked for at `now`:
 *
 *   log G = ((c - 1) log((t_c - t_1) / (c - 1)) + PRIOR g_i) / (c - 1 + PRIOR)     its interval
 *   x     = (now - t_c) / G                                                        how due it is
 *   s_i   = r_i w^frequency min(x, 1)^due max(x, 1)^-recency
 *
 * Items outside the history score 0, so that where what was seen is hidden the part says nothing.
 * Intervals below a minute are one visit. Columns: habits/set f64; habits/share, habits/gap f32
 * [n_items]. Scores are never negative. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/shares.h"
#include "model/parts.h"
#include "table/lists.h"

enum { SET_FREQUENCY, SET_DUE, SET_RECENCY, SET_N };

static const double FEW = 10, PRIOR = 1, VISIT_S = 60;

static const struct pz_setting settings[SET_N] = {
    [SET_FREQUENCY] = { PZ_SETTING("frequency", "power of how often the user had the item"),
                        PZ_ALLOWED(1, 0, 4), PZ_SEARCHED(0, 2), PZ_READ_OUT,
                        PZ_JUDGED(PZ_JUDGED_ON_REPEAT) },
    [SET_DUE] = { PZ_SETTING("due", "power of the share of its interval that has passed"),
                  PZ_ALLOWED(0, 0, 4), PZ_SEARCHED(0, 1), PZ_READ_OUT,
                  PZ_JUDGED(PZ_JUDGED_ON_REPEAT) },
    [SET_RECENCY] = { PZ_SETTING("recency", "power of the intervals since that divides it"),
                      PZ_ALLOWED(0.5, 0, 4), PZ_SEARCHED(0, 2), PZ_READ_OUT,
                      PZ_JUDGED(PZ_JUDGED_ON_REPEAT) },
};

struct part {
    double set[SET_N];
    uint32_t n_items;
    const float *share, *gap; /* [n_items] r, g */
    float *own_share, *own_gap;
};

static void part_free(void *part)
{
    struct part *f = part;

    if (f) {
        free(f->own_share);
        free(f->own_gap);
    }
    free(f);
}

/* What intervals are made of, by item. */
struct sums {
    double *events, *repeats, *gaps; /* [n_items], in one block */
    int64_t *last;                   /* [n_items] when the user at hand had it, INT64_MIN: never */
};

static void count_user(const struct pz_corpus *c, uint32_t user, struct sums *s)
{
    for (uint64_t p = c->ptr[user]; p < c->ptr[user + 1]; p++) {
        uint32_t i = c->item[p];

        double w = (double)pz_weight_damp(c->weight[p], c->event_power);

        s->events[i] += w;
        if (s->last[i] > INT64_MIN) {
            s->repeats[i] += w;
            /* Logarithms: intervals spread over days and months, and the mean of a few would be
             * that of the longest. */
            s->gaps[i] += w * log(fmax((double)(pz_corpus_time(c, p) - s->last[i]), VISIT_S));
        }
        s->last[i] = pz_corpus_time(c, p);
    }
    for (uint64_t p = c->ptr[user]; p < c->ptr[user + 1]; p++)
        s->last[c->item[p]] = INT64_MIN;
}

static void fill(const struct sums *s, struct part *f)
{
    double events = 0, repeats = 0, gaps = 0, share, gap;

    for (uint32_t i = 0; i < f->n_items; i++) {
        events += s->events[i];
        repeats += s->repeats[i];
        gaps += s->gaps[i];
    }
    share = events > 0 ? repeats / events : 0;
    gap = repeats > 0 ? gaps / repeats : log(VISIT_S);
    for (uint32_t i = 0; i < f->n_items; i++) {
        f->own_share[i] = (float)((s->repeats[i] + FEW * share) / (s->events[i] + FEW));
        f->own_gap[i] = (float)((s->gaps[i] + FEW * gap) / (s->repeats[i] + FEW));
    }
}

static struct part *part_new(uint32_t n_items, const double *set)
{
    struct part *f = calloc(1, sizeof *f);

    if (!f)
        return NULL;
    memcpy(f->set, set, sizeof f->set);
    f->n_items = n_items;
    f->share = f->own_share = pz_mem_array(n_items, sizeof(float));
    f->gap = f->own_gap = pz_mem_array(n_items, sizeof(float));
    if (f->own_share && f->own_gap)
        return f;
    part_free(f);
    return NULL;
}

static enum pz_status fit(const struct pz_corpus *c, const struct pz_fit_cfg *cfg, void **part,
                          struct pz_err *err)
{
    size_t bytes = 3 * (size_t)c->n_items * sizeof(double);
    struct sums s = { .events = pz_mem_array(bytes, 1),
                      .last = pz_mem_array(c->n_items, sizeof(int64_t)) };
    struct part *f = part_new(c->n_items, cfg->value);
    struct pz_share users = { 0, 0 };
    bool good = s.events && s.last && f;

    if (good) {
        s.repeats = s.events + c->n_items;
        s.gaps = s.repeats + c->n_items;
        users = pz_shares_begin(c, s.events, bytes);
    }
    for (uint32_t i = 0; good && i < c->n_items; i++)
        s.last[i] = INT64_MIN;
    for (size_t u = users.first; u < users.end; u++)
        count_user(c, (uint32_t)u, &s);
    if (good) {
        pz_shares_end(c, s.events, bytes);
        fill(&s, f);
    }
    free(s.events);
    free(s.last);
    if (!good) {
        part_free(f);
        f = NULL;
    }
    *part = f;
    return good ? PZ_OK : pz_err_memory(err, "habits", 40.0 * c->n_items);
}

static enum pz_status save(const void *part, struct pz_writer *w, struct pz_err *err)
{
    const struct part *f = part;
    enum pz_status st = pz_writer_add(w, "habits/set", PZ_F64, f->set, SET_N, err);

    if (st == PZ_OK)
        st = pz_writer_add(w, "habits/share", PZ_F32, f->share, f->n_items, err);
    return st == PZ_OK ? pz_writer_add(w, "habits/gap", PZ_F32, f->gap, f->n_items, err) : st;
}

static enum pz_status load(struct pz_table *t, uint32_t n_items, void **part, struct pz_err *err)
{
    struct part *f = calloc(1, sizeof *f);
    const void *set = NULL, *share = NULL, *gap = NULL;
    enum pz_status st = f ? PZ_OK : pz_err_memory(err, "habits", sizeof *f);

    if (st == PZ_OK)
        st = pz_table_get(t, "habits/set", PZ_F64, SET_N, &set, NULL, err);
    if (st == PZ_OK)
        st = pz_table_get(t, "habits/share", PZ_F32, n_items, &share, NULL, err);
    if (st == PZ_OK)
        st = pz_table_get(t, "habits/gap", PZ_F32, n_items, &gap, NULL, err);
    if (st == PZ_OK) {
        memcpy(f->set, set, sizeof f->set);
        f->n_items = n_items;
        f->share = share;
        f->gap = gap;
        st = pz_scorer_check(&pz_habits, f->set, err);
    }
    if (st == PZ_OK && !pz_table_is_flat(t) &&
        !(pz_numbers_good(share, n_items, 0) && pz_numbers_good(gap, n_items, 0)))
        st = pz_err_set(err, PZ_BAD_DATA, "repeats: a number is damaged");
    return pz_part_hand_out(st, f, part_free, part);
}

static void set(void *part, size_t setting, double value)
{
    ((struct part *)part)->set[setting] = value;
}

/* By item: how often and when first and last; of the history's items only. */
struct had {
    uint32_t count;
    float mass; /* of the events' damped weights */
    int64_t first, last;
};

static size_t scratch_bytes(const void *part)
{
    return ((const struct part *)part)->n_items * sizeof(struct had);
}

static double worth(const struct part *f, uint32_t item, const struct had *h, int64_t now)
{
    double again = h->count - 1.0, interval = (double)f->gap[item], x;

    if (again > 0)
        interval = (again * log(fmax((double)(h->last - h->first) / again, VISIT_S)) +
                    PRIOR * interval) /
                   (again + PRIOR);
    /* A question asked before the last event (a replay) counts as asked at it. */
    x = fmax((double)(now - h->last), 0) / exp(interval);
    return (double)f->share[item] * pow((double)h->mass, f->set[SET_FREQUENCY]) *
           pow(fmin(x, 1), f->set[SET_DUE]) * pow(fmax(x, 1), -f->set[SET_RECENCY]);
}

static void add_event(struct had *h, const struct pz_query *q, size_t k)
{
    h->last = q->hist_time ? q->hist_time[k] : 0;
    h->first = h->count++ == 0 ? h->last : h->first;
    h->mass += pz_weight_damp(q->hist_weight[k], q->event_power);
}

static bool score(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    const struct part *f = part;
    struct had *had = scratch;

    for (size_t k = 0; k < q->n_hist; k++)
        /* Only what the history touches is made zero: the scratch is as long as the catalogue. */
        had[q->hist[k]] = (struct had){ 0 };
    for (size_t k = 0; k < q->n_hist; k++)
        add_event(&had[q->hist[k]], q, k);
    for (size_t k = 0; k < q->n_hist; k++)
        out[q->hist[k]] = (float)worth(f, q->hist[k], &had[q->hist[k]], q->now);
    return q->n_hist > 0;
}

/* Each time has a share by its weight. */
static void explain(const void *part, const struct pz_query *q, uint32_t item, void *scratch,
                    float *contrib)
{
    struct had h = { 0 };

    (void)scratch;
    memset(contrib, 0, q->n_hist * sizeof *contrib);
    for (size_t k = 0; k < q->n_hist; k++)
        if (q->hist[k] == item)
            add_event(&h, q, k);
    for (size_t k = 0; k < q->n_hist; k++)
        if (q->hist[k] == item)
            contrib[k] = (float)worth(part, item, &h, q->now) *
                         pz_weight_damp(q->hist_weight[k], q->event_power) / h.mass;
}

/* Whether a user had it before: histories are short, most of them. */
static bool had_before(const struct pz_corpus *c, uint64_t from, uint64_t p)
{
    for (uint64_t k = p > from + 100 ? p - 100 : from; k < p; k++)
        if (c->item[k] == c->item[p])
            return true;
    return false;
}

/* One event in a hundred at least comes back. */
static enum pz_suits suits(const struct pz_setup *setup)
{
    const struct pz_corpus *c = setup->corpus;
    uint64_t repeats = 0;
    struct pz_share users = pz_shares_begin(c, &repeats, sizeof repeats);

    for (size_t u = users.first; u < users.end; u++)
        for (uint64_t p = c->ptr[u]; p < c->ptr[u + 1]; p++)
            repeats += had_before(c, c->ptr[u], p);
    pz_shares_end(c, &repeats, sizeof repeats);
    return c->ordered && repeats * 100 >= pz_corpus_size(c) && repeats > 0 ? PZ_SUITS
                                                                           : PZ_SUITS_NEVER;
}

const struct pz_scorer pz_habits = {
    .name = "habits",
    .meaning = "what the user had and will have again",
    .settings = settings,
    .n_settings = SET_N,
    .of_history = true,
    .suits = suits,
    .fit = fit,
    .in_shares = true,
    .save = save,
    .load = load,
    .free = part_free,
    .set = set,
    .scratch_bytes = scratch_bytes,
    .score = score,
    .explain = explain,
};
