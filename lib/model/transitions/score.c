/* SPDX-License-Identifier: Apache-2.0 */
/* Reading transitions out. V are the counts (kNN) or the ridge's coefficients, x and y the scales
 * by popularity, b_k the k-th last event of the history with weight w_k (damped as in training):
 *
 *   s_j = sum over k of  w_k k^-recency ( x_b V[b_k -> j] + sum over attributes a of b_k of  u_a
 *                        x_a V[a -> j] )
 *
 * a few thousand additions, no state for users (pz_recency gives k^-recency: alike for events of
 * one moment). Then, each step only where its setting is above 0:
 *   hop               the best HOP_ITEMS items i pass it on, s_j += hop * s_i x_i V[i -> j]: what
 *                     co-occurred with what co-occurs, which reaches items that never met the
 *                     history
 *   attribute_target  the same sum s_A for an attribute A as the next item's, divided by how many
 *                     interactions A has, goes to its items: s_j += attribute_target * (pop_j +
 *                     1)^attribute_pop * sum over A of j of  u_A max(s_A, 0) / (pop_A + 1)
 *   repeat            b_k itself gains repeat * L_k pop_b x_b (pop x = 1 with the ridge, whose
 *                     coefficients are shares), L_k the share of events that came back to the k-th
 *                     last item in training: what a session returned to twice, it returns to sooner
 *   target_norm, trend   s_j *= y_j: divided by popularity, multiplied by how recent the item's
 *                        events are
 *
 * Where histories have no order all their events weigh the same. Ridge coefficients may be
 * negative, and so may scores: evidence against an item. Scores are linear in the history's events
 * except through the choice of the hop's items and the cut at 0 of s_A, which explain takes as
 * given. */
#include <math.h>
#include <string.h>

#include "base/bits.h"
#include "base/simd.h"
#include "model/transitions/transitions.h"

static const struct pz_csr *lists_of(const struct pz_trans *t)
{
    return t->set[PZ_TRANS_RIDGE] > 0 ? &t->coef : &t->counts;
}

/* Events of the history that score. */
static size_t depth(const struct pz_trans *t, const struct pz_query *q)
{
    /* Without order all events weigh alike and none is the oldest: all count. */
    size_t max = (size_t)t->set[PZ_TRANS_HISTORY];

    return t->ordered && q->n_hist > max ? max : q->n_hist;
}

/* To be asked for the weights of a query's events. */
static struct pz_recency recency(const struct pz_trans *t, const struct pz_query *q)
{
    return (struct pz_recency){ .q = q,
                                .exponent = t->ordered ? t->set[PZ_TRANS_RECENCY] : 0,
                                .max = depth(t, q) };
}

/* The weight of the next older event. */
static float event_weight(struct pz_recency *age)
{
    double recent = pz_recency_next(age);

    return (float)(recent * (double)pz_weight_damp(age->q->hist_weight[age->q->n_hist - age->k],
                                                   age->q->event_power));
}

/* The sums of one query: of items, and of attributes behind them. */
struct sums {
    float *item;       /* [n_items] */
    float *attr;       /* [feats.n] */
    float *from;       /* [feats.n] weight of each attribute as a source */
    float *kind;       /* [feats.n_kinds] what an item of a kind gains by its attributes */
    uint64_t *touched; /* bits of items that are no longer 0; NULL: nobody asks */
};

static void touch(const struct sums *to, const uint32_t *item, size_t n)
{
    for (size_t k = 0; to->touched && k < n; k++)
        pz_bits_add(to->touched, item[k]);
}

/* out[item[k]] += w * value[k]; the items differ. */
static void add_list(const uint32_t *restrict item, const float *restrict value, size_t n, float w,
                     float *restrict out)
{
    size_t k = 0;

    for (; k + 4 <= n; k += 4) {
        /* Four loads before the first store: the compiler may not do that by itself, since it
         * cannot know that the items differ, and what this loop waits for is memory. */
        float a = out[item[k]] + w * value[k], b = out[item[k + 1]] + w * value[k + 1];
        float c = out[item[k + 2]] + w * value[k + 2], d = out[item[k + 3]] + w * value[k + 3];

        out[item[k]] = a;
        out[item[k + 1]] = b;
        out[item[k + 2]] = c;
        out[item[k + 3]] = d;
    }
    for (; k < n; k++)
        out[item[k]] += w * value[k];
}

/* Add weight times the list of one item or feature. Features stand behind items in a list. */
static void add_row(const struct pz_trans *t, uint32_t row, float weight, const struct sums *to)
{
    const struct pz_csr *l = lists_of(t);
    float w = weight * t->source_scale[row];
    const uint32_t *item = l->item + l->ptr[row];
    const float *value = l->value + l->ptr[row];
    size_t n = l->ptr[row + 1] - l->ptr[row];

    /* Items ascend, so features are the end of a list. */
    while (n > 0 && item[n - 1] >= t->n_items) {
        n--;
        to->attr[item[n] - t->n_items] += w * value[n];
    }
    add_list(item, value, n, w, to->item);
    touch(to, item, n);
}

/* The factor of attributes as sources: the ridge has it in its coefficients. */
static float attr_factor(const struct pz_trans *t)
{
    return t->set[PZ_TRANS_RIDGE] > 0 ? 1 : (float)t->set[PZ_TRANS_ATTRIBUTES];
}

/* Attributes of many events are few: their weights are summed first, their rows added once. */
static void add_event(const struct pz_trans *t, uint32_t b, float weight, const struct sums *to)
{
    const struct pz_trans_feats *f = &t->feats;

    add_row(t, b, weight, to);
    for (uint64_t k = f->rows.ptr[b]; k < f->rows.ptr[b + 1]; k++)
        to->from[f->rows.item[k]] += weight * f->rows.value[k];
}

static void add_attrs(const struct pz_trans *t, const struct sums *to)
{
    for (uint32_t a = 0; a < t->feats.n; a++)
        if (to->from[a] > 0)
            add_row(t, t->n_items + a, attr_factor(t) * to->from[a], to);
}

PZ_KERNEL static void multiply(float *restrict out, const float *restrict scale, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] *= scale[i];
}

PZ_KERNEL static float largest(const float *x, size_t n)
{
    /* From 0: only positive scores pass anything on. */
    float top[16] = { 0 };
    size_t i = 0;

    for (; i + 16 <= n; i += 16)
        for (size_t k = 0; k < 16; k++)
            top[k] = x[i + k] > top[k] ? x[i + k] : top[k];
    for (; i < n; i++)
        top[0] = x[i] > top[0] ? x[i] : top[0];
    for (size_t k = 1; k < 16; k++)
        top[0] = top[k] > top[0] ? top[k] : top[0];
    return top[0];
}

/* The items of the hop and what they pass on. */
struct stars {
    uint32_t n, item[PZ_TRANS_HOP_ITEMS];
    float score[PZ_TRANS_HOP_ITEMS]; /* descending; ties: lower item first */
};

/* Chunks whose largest value does not reach the list are skipped: most do not. */
static void find_stars(const float *score, size_t n, const uint64_t *touched, struct stars *s)
{
    s->n = 0;
    for (size_t first = 0; first < n; first += 64) {
        size_t end = n - first < 64 ? n : first + 64;
        float bar = s->n == PZ_TRANS_HOP_ITEMS ? s->score[s->n - 1] : 0;

        if ((touched && !touched[first / 64]) || largest(score + first, end - first) <= bar)
            continue;
        for (size_t i = first; i < end; i++) {
            uint32_t at;

            if (score[i] <= 0 || (s->n == PZ_TRANS_HOP_ITEMS && score[i] <= s->score[s->n - 1]))
                continue;
            at = s->n < PZ_TRANS_HOP_ITEMS ? s->n++ : s->n - 1;
            for (; at > 0 && s->score[at - 1] < score[i]; at--) {
                s->score[at] = s->score[at - 1];
                s->item[at] = s->item[at - 1];
            }
            s->score[at] = score[i];
            s->item[at] = (uint32_t)i;
        }
    }
}

/* One step of the whole history, but for its attributes as sources: the sums before target scales.
 */
static bool first_step(const struct pz_trans *t, const struct pz_query *q, const struct sums *to)
{
    struct pz_recency age = recency(t, q);
    bool known = false;

    memset(to->attr, 0, t->feats.n * sizeof *to->attr);
    memset(to->from, 0, t->feats.n * sizeof *to->from);
    for (size_t k = 1; k <= age.max; k++) {
        uint32_t b = q->hist[q->n_hist - k];
        float weight = event_weight(&age);

        /* An item that came since the training, from live events: no row of its own. */
        if (b >= t->n_items)
            continue;
        known = known || t->pop[b] > 0 || t->feats.rows.ptr[b] < t->feats.rows.ptr[b + 1];
        add_event(t, b, weight, to);
    }
    return known;
}

static void second_step(const struct pz_trans *t, const struct stars *stars, const struct sums *to)
{
    for (uint32_t k = 0; k < stars->n; k++)
        add_row(t, stars->item[k], (float)t->set[PZ_TRANS_HOP] * stars->score[k], to);
}

/* Make attr[A] what each item of A gains: s_A / (pop_A + 1), never negative. */
static void share_attrs(const struct pz_trans *t, float *attr)
{
    float weight = (float)t->set[PZ_TRANS_ATTR_TARGET];

    for (uint32_t a = 0; a < t->feats.n; a++)
        attr[a] = attr[a] > 0 ? weight * attr[a] / (t->pop[t->n_items + a] + 1) : 0;
}

static float attrs_of(const struct pz_trans *t, const float *attr, uint32_t item)
{
    const struct pz_trans_feats *f = &t->feats;
    float sum = 0;

    for (uint64_t k = f->rows.ptr[item]; k < f->rows.ptr[item + 1]; k++)
        sum += f->rows.value[k] * attr[f->rows.item[k]];
    return sum;
}

static bool has_targets(const struct pz_trans *t)
{
    return t->set[PZ_TRANS_ATTR_TARGET] > 0 && t->feats.n > 0;
}

/* What items gain by their attributes, whose sums of a kind are made once. */
PZ_KERNEL static void add_kinds(float *restrict out, const float *restrict sum,
                                const uint32_t *restrict kind, const float *restrict scale,
                                size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] += sum[kind[i]] * scale[i];
}

/* Events of the history that may come back. */
static size_t lags(const struct pz_trans *t, const struct pz_query *q)
{
    if (t->set[PZ_TRANS_REPEAT] <= 0 || !t->ordered)
        return 0;
    return q->n_hist < PZ_TRANS_LAGS ? q->n_hist : PZ_TRANS_LAGS;
}

/* What the k-th last event gives to its own item, before target scales. */
static float repeat_gain(const struct pz_trans *t, const struct pz_query *q, size_t k)
{
    uint32_t b = q->hist[q->n_hist - k];
    float unit = t->set[PZ_TRANS_RIDGE] > 0 ? 1 : t->pop[b] * t->source_scale[b];

    return (float)t->set[PZ_TRANS_REPEAT] * t->repeat[k - 1] * unit;
}

static void scale_targets(const struct pz_trans *t, const struct sums *to)
{
    if (!to->touched) {
        multiply(to->item, t->target_scale, t->n_items);
        return;
    }
    for (size_t w = 0; w < pz_bits_words(t->n_items); w++)
        for (uint64_t bits = to->touched[w]; bits; bits &= bits - 1) {
            size_t i = w * 64 + (size_t)__builtin_ctzll(bits);

            to->item[i] *= t->target_scale[i];
        }
}

/* The second step, and what attributes as targets are worth. */
static void walk_on(const struct pz_trans *t, const struct sums *to, struct stars *stars)
{
    stars->n = 0;
    if (t->set[PZ_TRANS_HOP] > 0) {
        find_stars(to->item, t->n_items, to->touched, stars);
        second_step(t, stars, to);
    }
    if (has_targets(t))
        share_attrs(t, to->attr);
}

/* What items gain by their attributes, and by coming back, then the scales of targets. */
static void finish(const struct pz_trans *t, const struct pz_query *q, const struct sums *to)
{
    if (has_targets(t)) {
        add_kinds(to->item, to->kind, t->feats.kind, t->attr_scale, t->n_items);
        if (to->touched)
            pz_bits_fill(to->touched, t->n_items, true);
    }
    for (size_t k = 1; k <= lags(t, q); k++)
        if (q->hist[q->n_hist - k] < t->n_items) {
            to->item[q->hist[q->n_hist - k]] += repeat_gain(t, q, k);
            touch(to, &q->hist[q->n_hist - k], 1);
        }
    if (t->set[PZ_TRANS_TARGET_NORM] > 0 || t->set[PZ_TRANS_TREND] > 0)
        scale_targets(t, to);
}

/* The whole score; stars says where the hop went. */
static bool add_up(const struct pz_trans *t, const struct pz_query *q, const struct sums *to,
                   struct stars *stars)
{
    stars->n = 0;
    if (!first_step(t, q, to))
        return false;
    add_attrs(t, to);
    walk_on(t, to, stars);
    for (uint32_t c = 0; has_targets(t) && c < t->feats.n_kinds; c++)
        to->kind[c] = attrs_of(t, to->attr, t->feats.head[c]);
    finish(t, q, to);
    return true;
}

size_t pz_trans_scratch_bytes(const void *part)
{
    const struct pz_trans *t = part;

    return ((size_t)t->n_items + 2 * (size_t)t->feats.n + t->feats.n_kinds) * sizeof(float);
}

bool pz_trans_score_few(const void *part, const struct pz_query *q, void *scratch, float *out,
                        uint64_t *touched)
{
    const struct pz_trans *t = part;
    float *attr = scratch;
    struct sums sums = { out, attr, attr + t->feats.n, attr + 2 * (size_t)t->feats.n, touched };
    struct stars stars;

    return add_up(t, q, &sums, &stars);
}

bool pz_trans_score(const void *part, const struct pz_query *q, void *scratch, float *out)
{
    return pz_trans_score_few(part, q, scratch, out, NULL);
}

/* ---- several queries at once ---- */

/* Attributes are few, and the histories of several queries have the same ones: what their long
 * lists, and the lists of kinds, give is added up for LANES queries by one reading of them, a
 * vector of the sums of one item or attribute by query. Every sum has its terms in the order that
 * it has alone. Memory: where the queries' scratch has room for the items of explain. */
enum { LANES = PZ_SCORE_BLOCK };
typedef float lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float))));

struct block {
    const struct pz_trans *t;
    struct sums to[LANES]; /* [n] */
    size_t n;
    lanes *of_attr; /* [feats.n] */
    lanes *tile;    /* [tile_n] sums of some items or attributes */
    size_t tile_n;
};

/* From this many queries on that an attribute in use is of on average. */
static const double SHARED = 2;

static void set_lane(lanes *x, size_t k, float value)
{
    memcpy((char *)x + k * sizeof value, &value, sizeof value);
}

/* Sums of items, or of attributes, into the tile, or back. */
static void turn(const struct block *b, size_t first, size_t n, bool attr, bool back)
{
    for (size_t k = 0; k < b->n; k++) {
        float *sum = (attr ? b->to[k].attr : b->to[k].item) + first;

        if (back)
            for (size_t i = 0; i < n; i++)
                memcpy(sum + i, (char *)(b->tile + i) + k * sizeof *sum, sizeof *sum);
        else
            for (size_t i = 0; i < n; i++)
                set_lane(b->tile + i, k, sum[i]);
    }
}

/* Add w times the values of a list from place `at` on to the tile, whose first cell is of row
 * `first`, up to row `end`; returns where the next tile goes on. */
PZ_KERNEL static uint64_t add_to_tile(const struct pz_csr *l, uint64_t at, uint64_t stop,
                                      const lanes *w, size_t first, size_t end, lanes *tile)
{
    const uint32_t *item = l->item;
    const float *value = l->value;
    lanes weight = *w;

    for (; at < stop && item[at] < end; at++)
        tile[item[at] - first] += weight * value[at];
    return at;
}

/* One tile of all attributes in use. cursor: where their lists go on, PZ_NONE of the others. */
static void fill_tile(const struct block *b, size_t first, size_t n, bool attr, uint32_t *cursor)
{
    const struct pz_csr *l = lists_of(b->t);
    size_t row = attr ? b->t->n_items + first : first;

    turn(b, first, n, attr, false);
    for (uint32_t a = 0; a < b->t->feats.n; a++) {
        uint64_t start = l->ptr[b->t->n_items + a], stop = l->ptr[b->t->n_items + a + 1];

        if (cursor[a] != PZ_NONE)
            cursor[a] = (uint32_t)(add_to_tile(l, start + cursor[a], stop, &b->of_attr[a], row,
                                               row + n, b->tile) -
                                   start);
    }
    turn(b, first, n, attr, true);
}

static void fill_tiles(const struct block *b, size_t rows, bool attr, uint32_t *cursor)
{
    for (size_t first = 0; first < rows; first += b->tile_n)
        fill_tile(b, first, rows - first < b->tile_n ? rows - first : b->tile_n, attr, cursor);
}

/* The weights of attributes as sources; false: too few of them are of several queries. */
static bool weigh_attrs(const struct block *b)
{
    const struct pz_trans *t = b->t;
    double uses = 0, used = 0;

    for (uint32_t a = 0; a < t->feats.n; a++) {
        bool any = false;

        b->of_attr[a] = (lanes){ 0 };
        for (size_t k = 0; k < b->n; k++) {
            float from = b->to[k].from[a];

            if (!(from > 0))
                continue;
            set_lane(&b->of_attr[a], k, attr_factor(t) * from * t->source_scale[t->n_items + a]);
            uses++;
            any = true;
        }
        used += any;
    }
    return uses >= SHARED * used;
}

static void add_attrs_together(const struct block *b)
{
    const struct pz_trans *t = b->t;
    uint32_t *cursor = (uint32_t *)(void *)b->to[0].from; /* has been read by then */

    if (!weigh_attrs(b)) {
        for (size_t k = 0; k < b->n; k++)
            add_attrs(t, &b->to[k]);
        return;
    }
    for (uint32_t a = 0; a < t->feats.n; a++) {
        bool any = false;

        for (size_t k = 0; k < LANES; k++)
            any = any || b->of_attr[a][k] > 0;
        cursor[a] = any ? 0 : PZ_NONE;
    }
    fill_tiles(b, t->n_items, false, cursor);
    fill_tiles(b, t->feats.n, true, cursor);
}

/* attrs_of for all queries. */
PZ_KERNEL static void sum_kinds(const struct pz_trans_feats *f, const lanes *of_attr,
                                const struct sums *to, size_t n)
{
    for (uint32_t c = 0; c < f->n_kinds; c++) {
        lanes sum = { 0 };

        for (uint64_t k = f->rows.ptr[f->head[c]]; k < f->rows.ptr[f->head[c] + 1]; k++)
            sum += f->rows.value[k] * of_attr[f->rows.item[k]];
        for (size_t k = 0; k < n; k++)
            to[k].kind[c] = sum[k];
    }
}

static void score_together(const struct block *b, const struct pz_query *const *q)
{
    const struct pz_trans *t = b->t;
    struct stars stars;

    add_attrs_together(b);
    for (size_t k = 0; k < b->n; k++) {
        walk_on(t, &b->to[k], &stars);
        for (uint32_t a = 0; a < t->feats.n; a++)
            set_lane(&b->of_attr[a], k, b->to[k].attr[a]);
    }
    if (has_targets(t))
        sum_kinds(&t->feats, b->of_attr, b->to, b->n);
    for (size_t k = 0; k < b->n; k++)
        finish(t, q[k], &b->to[k]);
}

void pz_trans_score_block(const void *part, const struct pz_query *const *q, size_t n,
                          void *const *scratch, float *const *out, bool *said)
{
    const struct pz_trans *t = part;
    const struct pz_query *asked[LANES];
    struct block b = { .t = t, .of_attr = scratch[0], .tile = scratch[n - 1] };
    bool together = n > 1 && t->feats.n > 0 && (size_t)LANES * t->feats.n <= t->n_items;

    b.tile_n = t->n_items / LANES;
    for (size_t k = 0; k < n; k++) {
        float *attr = (float *)scratch[k] + t->n_items;
        struct sums *to = &b.to[b.n];
        struct stars stars;

        *to = (struct sums){ out[k], attr, attr + t->feats.n, attr + 2 * (size_t)t->feats.n, NULL };
        said[k] = together ? first_step(t, q[k], to) : add_up(t, q[k], to, &stars);
        if (said[k])
            asked[b.n++] = q[k];
    }
    if (together && b.n > 0)
        score_together(&b, asked);
}

/* ---- explaining ---- */

/* V[row -> column] times the row's scale, by binary search: lists ascend. */
static float entry(const struct pz_trans *t, uint32_t row, uint32_t column)
{
    const struct pz_csr *l = lists_of(t);
    uint64_t low = l->ptr[row], high = l->ptr[row + 1];

    while (low < high) {
        uint64_t mid = low + (high - low) / 2;

        if (l->item[mid] < column)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == l->ptr[row + 1] || l->item[low] != column)
        return 0;
    return l->value[low] * t->source_scale[row];
}

/* What one unit of an event of item b, its attributes included, gives to a column in one step. */
static float event_entry(const struct pz_trans *t, uint32_t b, uint32_t column)
{
    const struct pz_trans_feats *f = &t->feats;
    float sum = entry(t, b, column);

    for (uint64_t k = f->rows.ptr[b]; k < f->rows.ptr[b + 1]; k++)
        sum += attr_factor(t) * f->rows.value[k] * entry(t, t->n_items + f->rows.item[k], column);
    return sum;
}

/* The same over one step and two. */
static float path_entry(const struct pz_trans *t, const struct stars *stars, uint32_t b,
                        uint32_t column)
{
    float sum = event_entry(t, b, column);

    for (uint32_t k = 0; k < stars->n; k++)
        sum += (float)t->set[PZ_TRANS_HOP] * event_entry(t, b, stars->item[k]) *
               entry(t, stars->item[k], column);
    return sum;
}

/* What one unit of an event of b gives to item: itself and through attributes whose sum is
 * positive. */
static float event_share(const struct pz_trans *t, const struct stars *stars, const float *attr,
                         uint32_t b, uint32_t item)
{
    const struct pz_trans_feats *f = &t->feats;
    float sum = path_entry(t, stars, b, item), through = 0;

    for (uint64_t k = f->rows.ptr[item]; k < f->rows.ptr[item + 1]; k++)
        if (attr[f->rows.item[k]] > 0 && t->set[PZ_TRANS_ATTR_TARGET] > 0)
            through += f->rows.value[k] * path_entry(t, stars, b, t->n_items + f->rows.item[k]) /
                       (t->pop[t->n_items + f->rows.item[k]] + 1);
    sum += through * (float)t->set[PZ_TRANS_ATTR_TARGET] * t->attr_scale[item];
    return sum * t->target_scale[item];
}

void pz_trans_explain(const void *part, const struct pz_query *q, uint32_t item, void *scratch,
                      float *contrib)
{
    const struct pz_trans *t = part;
    float *attr = (float *)scratch + t->n_items;
    struct sums sums = { scratch, attr, attr + t->feats.n, attr + 2 * (size_t)t->feats.n, NULL };
    struct pz_recency age = recency(t, q);
    struct stars stars;

    memset(contrib, 0, q->n_hist * sizeof *contrib);
    memset(sums.item, 0, t->n_items * sizeof *sums.item);
    if (item >= t->n_items || !add_up(t, q, &sums, &stars))
        return;
    for (size_t k = 1; k <= age.max; k++) {
        uint32_t b = q->hist[q->n_hist - k];
        float weight = event_weight(&age);

        if (b < t->n_items)
            contrib[q->n_hist - k] = weight * event_share(t, &stars, sums.attr, b, item);
    }
    for (size_t k = 1; k <= lags(t, q); k++)
        if (q->hist[q->n_hist - k] == item)
            contrib[q->n_hist - k] += repeat_gain(t, q, k) * t->target_scale[item];
}
