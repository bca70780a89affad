/* SPDX-License-Identifier: Apache-2.0 */
/* The tally of live events: see tally.h; counting itself is in tally_count.c. The file is a packed
 * table of the kind "rows", whose frames are checked as they are read, with a key that says what it
 * follows from:
 *
 *   1 VERSION store ID forgotten N after NUMBER model FINGERPRINT
 *
 * Whoever is forgotten makes it another: it is counted anew without them. That the store was
 * restored from a backup since shows in the last event that was counted. */
#include "campaign/tally.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/time.h"
#include "campaign/kept.h"
#include "campaign/layout.h"
#include "live/overlay.h"
#include "table/hash.h"

enum {
    FEW = 500, /* events that are counted in a millisecond or two */
    KEY_BYTES = 256,
    TWO = 2,             /* users that make an item more than a slip of the pen */
    MOST_ARRIVALS = 1000 /* which answers consider: those with the most users now */
};

/* How many events decide little: of all, whether an item has its share by chance; after one item,
 * whether its share is another there. */
static const double FEW_OF_ALL = 200, FEW_AFTER = 10;

void pz_tally_free(struct pz_tally *t)
{
    if (!t)
        return;
    pz_dict_clear(&t->ids);
    free(t->item);
    free(t->pair);
    free(t);
}

static enum pz_status no_memory(struct pz_err *err)
{
    return pz_err_memory(err, "live events of new items", 1e6);
}

static struct pz_tally *empty(const struct pz_view *v)
{
    struct pz_tally *t = calloc(1, sizeof *t);

    if (t) {
        t->upto = v->version.live_seen;
        t->n_learned = pz_model_learned(v->model);
    }
    return t;
}

/* ---- the file */

static bool make_key(char key[KEY_BYTES], const struct pz_view *v)
{
    char model[33];

    if (pz_table_fingerprint(v->model->table, model, NULL) != PZ_OK)
        return false;
    snprintf(key, KEY_BYTES, "1 %s store %s forgotten %" PRIu64 " after %" PRIu64 " model %s",
             PZ_VERSION, v->rows.store, v->rows.forgotten, v->version.live_seen, model);
    return true;
}

/* What stands in each of some records, as a column of the file. */
struct field {
    const char *name;
    enum pz_type type;
    size_t offset;
};

static const struct field of_item[] = {
    { "sum", PZ_F64, offsetof(struct pz_tally_item, sum) },
    { "square", PZ_F64, offsetof(struct pz_tally_item, square) },
    { "before", PZ_F64, offsetof(struct pz_tally_item, before) },
    { "users", PZ_U32, offsetof(struct pz_tally_item, users) },
    { .name = NULL },
};
static const struct field of_pair[] = {
    { "pair/item", PZ_U32, offsetof(struct pz_tally_pair, item) },
    { "pair/follower", PZ_U32, offsetof(struct pz_tally_pair, follower) },
    { "pair/weight", PZ_F64, offsetof(struct pz_tally_pair, weight) },
    { .name = NULL },
};

/* n records of so many bytes; *out: memory of their own. n PZ_ANY: as many as there are, into
 * *found. */
static enum pz_status read_records(struct pz_table *table, const struct field *field, size_t bytes,
                                   uint64_t n, void **out, uint64_t *found)
{
    enum pz_status st = PZ_OK;

    *out = NULL;
    for (const struct field *f = field; f->name && st == PZ_OK; f++) {
        size_t of = pz_type_bytes(f->type);
        const void *column = NULL;

        st = pz_table_get(table, f->name, f->type, n, &column, &n, NULL);
        if (st == PZ_OK && !*out && !(*out = pz_mem_array((size_t)n, bytes)))
            st = PZ_TRY_AGAIN;
        for (uint64_t i = 0; i < n && st == PZ_OK; i++)
            memcpy((char *)*out + i * bytes + f->offset, (const char *)column + i * of, of);
    }
    *found = n;
    return st;
}

static enum pz_status write_records(const struct field *field, const void *records, size_t bytes,
                                    size_t n, struct pz_writer *w)
{
    char *column = pz_mem_array(n, sizeof(double)); /* the widest */
    enum pz_status st = column ? PZ_OK : PZ_TRY_AGAIN;

    for (const struct field *f = field; f->name && st == PZ_OK; f++) {
        size_t of = pz_type_bytes(f->type);

        for (size_t i = 0; i < n; i++)
            memcpy(column + i * of, (const char *)records + i * bytes + f->offset, of);
        st = pz_writer_add(w, f->name, f->type, column, n, NULL);
    }
    free(column);
    return st;
}

static enum pz_status read_pairs(struct pz_table *table, struct pz_tally *t)
{
    void *pair = NULL;
    uint64_t n = 0;
    enum pz_status st = read_records(table, of_pair, sizeof *t->pair, PZ_ANY, &pair, &n);

    t->pair = pair;
    t->n_pairs = (size_t)n;
    for (size_t i = 0; i < t->n_pairs && st == PZ_OK; i++)
        if (t->pair[i].item >= t->n_learned + t->ids.n ||
            (t->pair[i].follower >= t->ids.n && t->pair[i].follower != PZ_NONE))
            st = PZ_BAD_DATA;
    return st;
}

static enum pz_status read_columns(struct pz_table *table, struct pz_tally *t)
{
    const void *number = NULL, *weight = NULL;
    void *item = NULL;
    uint64_t n = 0;
    struct pz_dict ids = { 0 };
    const struct pz_dict *in = &ids;
    enum pz_status st = pz_table_get(table, "numbers", PZ_U64, 3, &number, NULL, NULL);

    if (st == PZ_OK)
        st = pz_table_get(table, "weights", PZ_F64, 2, &weight, NULL, NULL);
    if (st == PZ_OK)
        st = pz_table_get_dict(table, "ids", &ids, NULL);
    if (st == PZ_OK)
        st = pz_dict_merge(&in, 1, &t->ids, NULL, NULL); /* a copy */
    if (st == PZ_OK)
        st = read_records(table, of_item, sizeof *t->item, ids.n, &item, &n);
    t->item = item;
    if (st != PZ_OK)
        return st;
    t->upto = ((const uint64_t *)number)[0];
    t->epoch = ((const uint64_t *)number)[1];
    t->check = ((const uint64_t *)number)[2];
    t->total = ((const double *)weight)[0];
    t->now = ((const double *)weight)[1];
    return read_pairs(table, t);
}

/* The tally of the file, or NULL. */
static struct pz_tally *load(const char *path, const struct pz_view *v, const char *key)
{
    struct pz_tally *t = empty(v);
    struct pz_table *table = NULL;
    char *found = NULL;
    enum pz_status st = t ? pz_table_open(path, "rows", &table, NULL) : PZ_TRY_AGAIN;

    if (st == PZ_OK)
        st = pz_table_get_text(table, "key", &found, NULL);
    if (st == PZ_OK && strcmp(found, key) != 0)
        st = PZ_NEGATIVE;
    if (st == PZ_OK)
        st = read_columns(table, t);
    free(found);
    pz_table_close(table);
    if (st == PZ_OK)
        return t;
    pz_tally_free(t);
    return NULL;
}

static enum pz_status write_columns(const struct pz_tally *t, const char *key, struct pz_writer *w)
{
    const uint64_t number[3] = { t->upto, t->epoch, t->check };
    const double weight[2] = { t->total, t->now };
    enum pz_status st = pz_writer_add_text(w, "key", key, NULL);

    if (st == PZ_OK)
        st = pz_writer_add(w, "numbers", PZ_U64, number, 3, NULL);
    if (st == PZ_OK)
        st = pz_writer_add(w, "weights", PZ_F64, weight, 2, NULL);
    if (st == PZ_OK)
        st = pz_writer_add_dict(w, "ids", &t->ids, NULL);
    if (st == PZ_OK)
        st = write_records(of_item, t->item, sizeof *t->item, t->ids.n, w);
    return st == PZ_OK ? write_records(of_pair, t->pair, sizeof *t->pair, t->n_pairs, w) : st;
}

/* Failures are nobody's concern: the next one counts again. */
static void save(const char *path, const struct pz_tally *t, const char *key)
{
    struct pz_writer *w = NULL;
    enum pz_status st = pz_writer_open(path, "rows", 1, &w, NULL);

    if (st == PZ_OK)
        st = write_columns(t, key, w);
    if (st == PZ_OK)
        pz_writer_commit(w, NULL);
    else
        pz_writer_abort(w);
}

/* ---- making */

static struct pz_tally *copy_of(const struct pz_tally *old)
{
    const struct pz_dict *in = &old->ids;
    struct pz_tally *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    *t = *old;
    t->ids = (struct pz_dict){ 0 };
    t->item = pz_mem_copy(old->item, in->n, sizeof *t->item);
    t->pair = pz_mem_copy(old->pair, old->n_pairs, sizeof *t->pair);
    if (t->item && t->pair && pz_dict_merge(&in, 1, &t->ids, NULL, NULL) == PZ_OK)
        return t;
    pz_tally_free(t);
    return NULL;
}

/* Count on from *t, or anew where it is of another past. */
static enum pz_status count(const struct pz_view *v, struct pz_tally **t, struct pz_err *err)
{
    bool same = false;
    enum pz_status st = *t ? pz_tally_count(*t, v->model, v->store, v->version.live_seen, &same,
                                            err)
                           : PZ_OK;

    if (st != PZ_OK || same)
        return st;
    pz_tally_free(*t);
    *t = empty(v);
    return *t ? pz_tally_count(*t, v->model, v->store, v->version.live_seen, &same, err)
              : no_memory(err);
}

enum pz_status pz_tally_make(const char *campaign, const struct pz_view *v,
                             const struct pz_tally *old, struct pz_tally **out, struct pz_err *err)
{
    char path[PZ_PATH_BYTES], key[KEY_BYTES];
    static struct pz_kept_pace pace;
    double start = pz_time_clock();
    bool named = make_key(key, v) &&
                 pz_layout_version(path, campaign, v->version.number, "/tally.pz", NULL) == PZ_OK;
    struct pz_tally *t = NULL;
    uint64_t was;
    enum pz_status st;

    *out = NULL;
    if (v->rows.last <= v->version.live_seen)
        return PZ_OK;
    if (old)
        t = copy_of(old);
    else if (named)
        t = load(path, v, key);
    was = t ? t->upto : v->version.live_seen;
    st = count(v, &t, err);
    if (st != PZ_OK) {
        pz_tally_free(t);
        return st;
    }
    if (named && t->upto >= was + FEW && pz_kept_may_write(&pace, start)) {
        save(path, t, key);
        pz_kept_wrote(&pace, start);
    }
    *out = t;
    return PZ_OK;
}

/* ---- what it says */

uint64_t pz_tally_mark(const struct pz_tally *t)
{
    uint64_t mark = 0;

    for (uint32_t i = 0; t && i < t->ids.n; i++)
        if (t->item[i].users >= TWO) {
            size_t n;
            const char *id = pz_dict_get(&t->ids, i, &n);

            mark = pz_rng_mix(mark ^ pz_hash64(id, n)) | 1;
        }
    return mark;
}

static bool is_put(const struct pz_overlay *const *put, size_t n, const char *id, size_t len)
{
    for (size_t i = 0; i < n; i++)
        if (put[i] && pz_dict_find(&put[i]->ids, id, len) != PZ_NONE)
            return true;
    return false;
}

enum pz_status pz_tally_rows(const struct pz_tally *t, const struct pz_overlay *const *put,
                             size_t n, struct pz_overlay **out, struct pz_err *err)
{
    struct pz_overlay *o = calloc(1, sizeof *o);
    struct pz_dict_builder *ids = pz_dict_builder_new();
    enum pz_status st = o && ids ? PZ_OK : no_memory(err);

    for (uint32_t i = 0; t && i < t->ids.n && st == PZ_OK; i++) {
        size_t len;
        const char *id = pz_dict_get(&t->ids, i, &len);

        if (t->item[i].users >= TWO && !is_put(put, n, id, len) &&
            pz_dict_builder_add(ids, id, len) == PZ_NONE)
            st = no_memory(err);
    }
    if (st == PZ_OK)
        st = pz_dict_builder_finish(ids, &o->ids, NULL, err);
    pz_dict_builder_free(ids);
    if (st == PZ_OK)
        o->attrs.n_rows = o->ids.n;
    if (st != PZ_OK || o->ids.n == 0) {
        pz_overlay_free(o);
        o = NULL;
    }
    *out = o;
    return st;
}

/* Of all that happened since the item came its share is as large or larger by a standard error; 0:
 * that is not known yet. The variance of a sum of independent weights is the sum of squares. */
static double share_of(const struct pz_tally *t, uint32_t i)
{
    const struct pz_tally_item *of = &t->item[i];
    double sure = of->sum - sqrt(of->square);

    return of->users >= TWO && sure > 0 ? sure / (t->total - of->before + FEW_OF_ALL * t->now) : 0;
}

struct shares {
    double *share, *sorted; /* [ids.n] */
    uint32_t *item;         /* [ids.n] the model's index, PZ_NONE: no arrival */
    uint32_t *arrival;      /* [ids.n] */
    uint32_t n;
};

static int descending(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;

    return a > b ? -1 : a < b;
}

/* Which unseen items are arrivals of the model. */
static bool choose(const struct pz_tally *t, const struct pz_model *m, struct shares *s)
{
    uint32_t n = t->ids.n;
    double least = 0;

    s->share = pz_mem_array(n, sizeof *s->share);
    s->sorted = pz_mem_array(n, sizeof *s->sorted);
    s->item = pz_mem_array(n, sizeof *s->item);
    s->arrival = pz_mem_array(n, sizeof *s->arrival);
    if (!s->share || !s->sorted || !s->item || !s->arrival)
        return false;
    for (uint32_t i = 0; i < n; i++)
        s->share[i] = s->sorted[i] = share_of(t, i);
    if (n > MOST_ARRIVALS) {
        qsort(s->sorted, n, sizeof *s->sorted, descending);
        least = s->sorted[MOST_ARRIVALS];
    }
    for (uint32_t i = 0; i < n; i++) {
        size_t len;
        const char *id = pz_dict_get(&t->ids, i, &len);

        s->item[i] = s->share[i] > least ? pz_dict_find(&m->items, id, len) : PZ_NONE;
        s->arrival[i] = s->n;
        s->n += s->item[i] != PZ_NONE;
    }
    return true;
}

/* Where pairs of an item of a history go: its index in the model; PZ_NONE: it is none. */
static uint32_t item_of(const struct pz_tally *t, const struct pz_model *m, uint32_t item)
{
    size_t len;
    const char *id = item < t->n_learned ? NULL : pz_dict_get(&t->ids, item - t->n_learned, &len);

    return id ? pz_dict_find(&m->items, id, len) : item;
}

/* A count less half a standard error: one user alone tells little. */
static float surely(double count)
{
    return (float)fmax(0, count - 0.5 * sqrt(count));
}

static bool fill_pairs(const struct pz_tally *t, const struct pz_model *m, const struct shares *s,
                       struct pz_arrivals *a)
{
    struct pz_followed *f = a->followed = pz_mem_array(t->n_pairs + 1, sizeof *f);
    struct pz_arrival_pair *pair = a->pair = pz_mem_array(t->n_pairs, sizeof *pair);
    uint64_t n = 0;

    if (!f || !pair)
        return false;
    for (size_t i = 0; i < t->n_pairs;) {
        uint32_t was = t->pair[i].item, item = item_of(t, m, was);
        struct pz_followed *to = &f[a->n_followed];

        *to = (struct pz_followed){ .item = item, .first = n };
        for (; i < t->n_pairs && t->pair[i].item == was; i++) {
            const struct pz_tally_pair *p = &t->pair[i];

            if (p->follower == PZ_NONE)
                to->total = p->weight;
            else if (item != PZ_NONE && s->item[p->follower] != PZ_NONE)
                pair[n++] = (struct pz_arrival_pair){ s->arrival[p->follower],
                                                      surely(p->weight / t->now) };
        }
        to->total /= t->now;
        a->n_followed += item != PZ_NONE;
    }
    f[a->n_followed].first = n;
    return true;
}

static bool fill(const struct pz_tally *t, const struct pz_model *m, const struct shares *s,
                 struct pz_arrivals *a)
{
    double first = t->total; /* what total was when pairs began to count */

    for (uint32_t i = 0; i < t->ids.n; i++)
        first = fmin(first, t->item[i].before);
    a->n = s->n;
    a->few = FEW_AFTER;
    a->item = pz_mem_array(s->n, sizeof *a->item);
    a->share = pz_mem_array(s->n, sizeof *a->share);
    a->lived = pz_mem_array(s->n, sizeof *a->lived);
    if (!a->item || !a->share || !a->lived)
        return false;
    for (uint32_t i = 0; i < t->ids.n; i++)
        if (s->item[i] != PZ_NONE) {
            a->item[s->arrival[i]] = s->item[i];
            a->share[s->arrival[i]] = s->share[i];
            a->lived[s->arrival[i]] = (t->total - t->item[i].before) / (t->total - first);
        }
    return fill_pairs(t, m, s, a);
}

enum pz_status pz_tally_arrivals(const struct pz_tally *t, const struct pz_model *m,
                                 struct pz_arrivals **out, struct pz_err *err)
{
    struct shares s = { .n = 0 };
    struct pz_arrivals *a = NULL;
    bool good = !t || t->ids.n == 0 || choose(t, m, &s);

    if (good && s.n > 0) {
        a = calloc(1, sizeof *a);
        good = a && fill(t, m, &s, a);
    }
    free(s.share);
    free(s.sorted);
    free(s.item);
    free(s.arrival);
    if (!good) {
        pz_arrivals_free(a);
        a = NULL;
    }
    *out = a;
    return good ? PZ_OK : no_memory(err);
}

/* ---- whether it is up to date */

struct search {
    const struct pz_model *m;
    bool found;
};

static enum pz_status look(void *context, int pass, uint64_t number, const struct pz_event *e,
                           struct pz_err *err)
{
    struct search *s = context;
    uint32_t item = e->item_id ? pz_dict_find_str(&s->m->items, e->item_id) : 0;

    (void)pass;
    (void)number;
    (void)err;
    s->found = e->item_id && item >= pz_model_learned(s->m);
    return s->found ? PZ_NEGATIVE : PZ_OK;
}

bool pz_tally_is_behind(const struct pz_model *m, struct pz_live_store *store, uint64_t after)
{
    struct search s = { m, false };

    pz_live_since(store, after, look, &s, NULL);
    return s.found;
}
