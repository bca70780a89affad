/* SPDX-License-Identifier: Apache-2.0 */
/* The corpus: see corpus.h.
 *
 * Rules are bound to the data's event types once, as a weight and a threshold by type; then two
 * passes: count what stays, fill. Weights are scaled so that the largest is 1: Personalize says
 * that only their ratios matter, and so "1 and 0.5" and "2 and 1" give the same model. */
#include "data/corpus.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"
#include "data/newest.h"
#include "data/order.h"
#include "data/shares.h"

static enum pz_status rule_option(const char *text, size_t n, struct pz_event_rule *rule,
                                  const char *whole, struct pz_err *err)
{
    double x;

    if (n > 7 && strncmp(text, "weight=", 7) == 0 && pz_str_to_double(text + 7, n - 7, &x) && x > 0)
        rule->weight = x;
    else if (n == 14 && strncmp(text, "threshold=auto", n) == 0)
        rule->threshold = NAN;
    else if (n > 10 && strncmp(text, "threshold=", 10) == 0 &&
             pz_str_to_double(text + 10, n - 10, &x))
        rule->threshold = x;
    else
        return pz_err_set(err, PZ_USAGE,
                          "--event %s: TYPE, TYPE:weight=W, TYPE:threshold=T or both with a comma; "
                          "W must be above 0, T is a number or auto",
                          whole);
    return PZ_OK;
}

/* room: where the type's text goes; moves on behind it. */
static enum pz_status parse_rule(const char *text, struct pz_event_rule *rule, char **room,
                                 struct pz_err *err)
{
    const char *colon = strrchr(text, ':'), *at;
    size_t n = colon ? (size_t)(colon - text) : strlen(text);
    enum pz_status st = PZ_OK;

    *rule = (struct pz_event_rule){ .type = NULL, .weight = 1, .threshold = -INFINITY };
    if (n == 0)
        return pz_err_set(err, PZ_USAGE, "--event \"%s\": the event type is missing", text);
    for (at = colon; at && *at && st == PZ_OK;) {
        size_t len = strcspn(++at, ",");

        st = rule_option(at, len, rule, text, err);
        at += len;
    }
    rule->type = memcpy(*room, text, n);
    *room += n + 1; /* zeroed memory */
    return st;
}

enum pz_status pz_event_rules_parse(const char *const *text, size_t n, struct pz_event_rule **rules,
                                    struct pz_err *err)
{
    size_t bytes = n * sizeof **rules;
    char *room;
    enum pz_status st = PZ_OK;

    for (size_t i = 0; i < n; i++)
        bytes += strlen(text[i]) + 1;
    *rules = pz_mem_array(bytes, 1);
    if (!*rules)
        return pz_err_memory(err, "event rules", (double)bytes);
    room = (char *)(*rules + n);
    for (size_t i = 0; i < n && st == PZ_OK; i++)
        st = parse_rule(text[i], &(*rules)[i], &room, err);
    return st;
}

/* For each event type: its weight (0: left out) and threshold. */
struct type_rules {
    float weight[PZ_MAX_EVENT_TYPES + 1];
    double threshold[PZ_MAX_EVENT_TYPES + 1];
    bool unasked; /* all rules alike */
};

/* The event types as C strings in one arena. NULL when memory is out. */
static const char **type_names(const struct pz_dataset *ds, struct pz_arena *arena)
{
    const char **name = pz_arena_take(arena, (ds->events.n + 1) * sizeof *name);

    for (uint32_t e = 0; name && e < ds->events.n; e++) {
        size_t len;
        const char *s = pz_dict_get(&ds->events, e, &len);

        name[e] = pz_arena_strndup(arena, s, len);
    }
    return name;
}

static enum pz_status unknown_type(const struct pz_dataset *ds, const char *type,
                                   struct pz_err *err)
{
    struct pz_arena arena = { 0 };
    struct pz_str list = { 0 };
    const char **name = type_names(ds, &arena);

    for (uint32_t e = 0; name && e < ds->events.n; e++)
        pz_str_addf(&list, "%s%s", e ? ", " : "", name[e] ? name[e] : "?");
    if (ds->events.n == 0)
        pz_err_set(err, PZ_USAGE, "--event %s: the data have no event types", type);
    else
        pz_err_set(err, PZ_USAGE,
                   "--event %s: the data have no such event type%s (they have: %.400s)", type,
                   pz_str_hint("", type, name, name ? ds->events.n : 0).text,
                   list.data ? list.data : "");
    pz_str_clear(&list);
    pz_arena_clear(&arena);
    return PZ_USAGE;
}

static enum pz_status bind_rules(const struct pz_dataset *ds, const struct pz_event_rule *rules,
                                 size_t n_rules, struct type_rules *out, struct pz_err *err)
{
    double largest = 0;

    for (size_t i = 0; i < n_rules; i++)
        largest = rules[i].weight > largest ? rules[i].weight : largest;
    out->unasked = n_rules > 0 && rules[0].unasked;
    for (int e = 0; e <= PZ_MAX_EVENT_TYPES; e++) {
        /* With rules that were asked for, only the types that they name are learned from. */
        out->weight[e] = n_rules && !out->unasked ? 0.0f : 1.0f;
        out->threshold[e] = out->unasked && !*rules[0].type ? rules[0].threshold : -INFINITY;
    }
    for (size_t i = 0; i < n_rules; i++) {
        bool found = rules[i].unasked;

        for (uint32_t e = 0; e < ds->events.n; e++) {
            size_t len;
            const char *s = pz_dict_get(&ds->events, e, &len);

            if (!pz_str_same_word(s, len, rules[i].type, strlen(rules[i].type)))
                continue;
            /* never rounded to 0, which would mean "left out" */
            out->weight[e] = fmaxf((float)(rules[i].weight / largest), FLT_MIN);
            out->threshold[e] = rules[i].threshold;
            found = true;
        }
        if (!found)
            return unknown_type(ds, rules[i].type, err);
    }
    return PZ_OK;
}

static bool is_below(const struct pz_dataset *ds, const struct type_rules *r, uint64_t p)
{
    return ds->value &&
           !pz_value_reaches((double)ds->value[p], r->threshold[ds->event ? ds->event[p] : 0]);
}

/* The weight of interaction p, 0 when it does not count. */
static float weight_of(const struct pz_dataset *ds, const struct type_rules *r, const uint8_t *keep,
                       uint64_t p)
{
    if ((keep && !keep[p]) || is_below(ds, r, p))
        return 0;
    return r->weight[ds->event ? ds->event[p] : 0];
}

/* Memory for the n events of own->c.ptr; the corpus borrows from it. Where they are those of all
 * users ranks have it in common. */
static enum pz_status take_memory(bool all, uint64_t n, bool has_events, bool has_context,
                                  struct pz_corpus_own *own, struct pz_err *err)
{
    static const size_t size[] = { 4, 8, 4, 1 };

    for (int i = 0; i < (has_events ? 4 : 3); i++) {
        void *column = all ? pz_ranks_room(n, size[i]) : pz_mem_room(n, size[i]);

        own->owned[i + 1] = column;
        if (!column)
            return pz_err_memory(err, "the corpus", 17.0 * (double)n);
    }
    if (has_context && !(own->owned[5] = pz_mem_array(1, sizeof(struct pz_attrs))))
        return pz_err_memory(err, "the corpus", 17.0 * (double)n);
    own->c.item = own->owned[1];
    own->c.time = own->owned[2];
    own->c.weight = own->owned[3];
    own->c.event = own->owned[4];
    return PZ_OK;
}

/* The users whose events this rank fills in: its share where all columns are in common. */
static struct pz_share to_fill(const struct pz_corpus_own *own, uint32_t n_users)
{
    const void *least = own->owned[4] ? own->owned[4] : own->owned[1];

    return pz_ranks_filled(least, n_users);
}

/* Rows of interactions' context, those that source [n] says. */
static enum pz_status take_context(const struct pz_attrs *in, const struct pz_source *source,
                                   uint64_t n, struct pz_corpus_own *own, struct pz_err *err)
{
    own->c.context = own->owned[5];
    return pz_attrs_concat(&in, 1, source, n, own->owned[5], err);
}

/* Where all of a dataset count nothing is copied: only weights are the corpus's own. */
static enum pz_status borrow(const struct pz_dataset *ds, const struct type_rules *r,
                             const uint8_t *keep, struct pz_corpus_own *own, struct pz_err *err)
{
    uint64_t n = ds->n_interactions;
    float *weight = ds->all_ptr ? pz_mem_room(n, sizeof *weight) : pz_ranks_room(n, sizeof *weight);
    struct pz_share mine = pz_ranks_filled(weight, n);

    own->owned[3] = weight;
    if (!weight)
        return pz_err_memory(err, "the corpus", 4.0 * (double)n);
    for (uint64_t p = mine.first; p < mine.end; p++)
        weight[p] = weight_of(ds, r, keep, p);
    pz_ranks_meet(weight);
    free(own->owned[0]);
    own->owned[0] = NULL;
    own->c.ptr = ds->ptr;
    own->c.item = ds->item;
    own->c.time = ds->time;
    own->c.weight = weight;
    own->c.event = ds->event;
    own->c.context = ds->context.n_attrs > 0 ? &ds->context : NULL;
    return PZ_OK;
}

/* Context rows of the kept interactions. */
static enum pz_status keep_context(const struct pz_dataset *ds, const struct type_rules *r,
                                   const uint8_t *keep, struct pz_corpus_own *own,
                                   struct pz_err *err)
{
    uint64_t n = own->c.ptr[ds->users.n], to = 0;
    struct pz_source *source = pz_mem_array(n, sizeof *source);
    enum pz_status st;

    if (!source)
        return pz_err_memory(err, "context columns", 16.0 * (double)n);
    for (uint64_t p = 0; p < ds->n_interactions; p++)
        if (weight_of(ds, r, keep, p) > 0)
            source[to++].row = p;
    st = take_context(&ds->context, source, n, own, err);
    free(source);
    return st;
}

/* Where the interactions that count of each user will be. */
static enum pz_status count_kept(const struct pz_dataset *ds, const struct type_rules *r,
                                 const uint8_t *keep, struct pz_corpus_own *own, struct pz_err *err)
{
    uint64_t *ptr = own->owned[0] = pz_mem_array((size_t)ds->users.n + 1, sizeof *ptr);

    if (!ptr)
        return pz_err_memory(err, "the corpus", 8.0 * ds->users.n);
    for (uint32_t u = 0; u < ds->users.n; u++) {
        ptr[u + 1] = ptr[u];
        for (uint64_t p = ds->ptr[u]; p < ds->ptr[u + 1]; p++)
            ptr[u + 1] += weight_of(ds, r, keep, p) > 0;
    }
    own->c.ptr = ptr;
    return PZ_OK;
}

/* The interactions that count. */
static enum pz_status copy_kept(const struct pz_dataset *ds, const struct type_rules *r,
                                const uint8_t *keep, struct pz_corpus_own *own, struct pz_err *err)
{
    const uint64_t *ptr = own->c.ptr;
    enum pz_status st = take_memory(!ds->all_ptr, ptr[ds->users.n], ds->event != NULL,
                                    ds->context.n_attrs > 0, own, err);
    struct pz_share mine = to_fill(own, ds->users.n);
    uint32_t *item = own->owned[1];
    int64_t *time = own->owned[2];
    float *weight = own->owned[3];
    uint8_t *event = own->owned[4];

    if (st != PZ_OK)
        return st;
    for (size_t u = mine.first; u < mine.end; u++)
        for (uint64_t p = ds->ptr[u], to = ptr[u]; p < ds->ptr[u + 1]; p++) {
            float w = weight_of(ds, r, keep, p);

            if (w <= 0)
                continue;
            item[to] = ds->item[p];
            time[to] = ds->time[p];
            weight[to] = w;
            if (event)
                event[to] = ds->event[p];
            to++;
        }
    pz_ranks_meet(item);
    return own->owned[5] ? keep_context(ds, r, keep, own, err) : PZ_OK;
}

/* The interactions that count, and what is said of all of them. */
static enum pz_status fill(const struct pz_dataset *ds, const struct type_rules *r,
                           const uint8_t *keep, struct pz_corpus_own *own, struct pz_err *err)
{
    struct pz_corpus *c = &own->c;
    uint64_t n = c->ptr[ds->users.n];
    enum pz_status st = n > 0 && n == ds->n_interactions ? borrow(ds, r, keep, own, err)
                                                         : copy_kept(ds, r, keep, own, err);

    c->n_users = ds->users.n;
    c->first_user = ds->first_user;
    c->end_user = ds->end_user;
    if (st == PZ_OK && ds->all_ptr)
        st = pz_shares_count(own, err);
    if (st == PZ_OK)
        st = pz_newest_of(c, &c->newest, &c->beyond, err);
    if (st == PZ_OK)
        c->ordered = pz_order_known(
            &(struct pz_histories_of){ ds->users.n, c->ptr, c->item, c->time, &ds->items, c });
    return st;
}

enum pz_status pz_corpus_make(const struct pz_dataset *ds, const struct pz_event_rule *rules,
                              size_t n_rules, const uint8_t *keep, struct pz_corpus_own *out,
                              struct pz_err *err)
{
    struct type_rules bound;
    enum pz_status st;

    memset(out, 0, sizeof *out);
    st = bind_rules(ds, rules, n_rules, &bound, err);
    if (st == PZ_OK)
        st = count_kept(ds, &bound, keep, out, err);
    if (st == PZ_OK) {
        st = fill(ds, &bound, keep, out, err);
        out->c.n_users = ds->users.n;
        out->c.n_items = ds->items.n;
        out->c.item_attrs = &ds->item_attrs;
        out->c.user_attrs = &ds->user_attrs;
    }
    if (st != PZ_OK)
        pz_corpus_clear(out);
    return st;
}

void pz_corpus_clear(struct pz_corpus_own *own)
{
    if (own->owned[5])
        pz_attrs_clear(own->owned[5]);
    for (size_t i = 0; i < sizeof own->owned / sizeof *own->owned; i++)
        pz_ranks_return(own->owned[i]);
    memset(own, 0, sizeof *own);
}

enum pz_status pz_corpus_weights(const struct pz_dataset *ds, const struct pz_event_rule *rules,
                                 size_t n_rules, float *weight, struct pz_err *err)
{
    struct type_rules bound;
    enum pz_status st = bind_rules(ds, rules, n_rules, &bound, err);

    for (uint64_t p = 0; p < ds->n_interactions && st == PZ_OK; p++)
        weight[p] = bound.unasked && is_below(ds, &bound, p) ? -1 : weight_of(ds, &bound, NULL, p);
    return st;
}

float pz_weight_damp(float weight, double power)
{
    /* The default makes .75 of a weight of .1: a weight says what is wanted, not how much there is
     * to learn from an event of its type. */
    return power > 0 ? powf(weight, (float)power) : sqrtf(sqrtf(sqrtf(weight)));
}

double pz_corpus_span(const struct pz_corpus *c)
{
    int64_t oldest = c->newest;
    struct pz_share users = pz_shares_begin(c, &oldest, sizeof oldest);

    for (uint64_t p = c->ptr[users.first]; p < c->ptr[users.end]; p++)
        oldest = c->time[p] < oldest ? c->time[p] : oldest;
    pz_shares_end(c, &oldest, sizeof oldest);
    return (double)(c->newest - oldest);
}

/* ---- what rests ---- */

static bool all_alike(const float *weight, uint64_t n)
{
    uint64_t p = 1;

    while (p < n && !(weight[p] < weight[0]) && !(weight[p] > weight[0]))
        p++;
    return p >= n;
}

bool pz_corpus_can_rest(const struct pz_corpus_own *own, const struct pz_dataset *ds)
{
    return own->c.n_users > 0 && own->c.time == ds->time && pz_ranks_n() == 1;
}

void pz_corpus_rest(struct pz_corpus_own *own, const struct pz_dataset *ds, unsigned what)
{
    float *weight = own->owned[3];
    uint64_t n;

    if (!pz_corpus_can_rest(own, ds))
        return;
    n = own->c.ptr[own->c.n_users];
    what = n > 0 ? what & ~own->resting : 0;
    if ((what & PZ_CORPUS_TIMES) && pz_dataset_rest_times(ds))
        own->resting |= PZ_CORPUS_TIMES;
    if ((what & PZ_CORPUS_WEIGHTS) && all_alike(weight, n)) {
        own->resting |= PZ_CORPUS_WEIGHTS;
        own->each = weight[0];
        pz_mem_give_back(weight, n, sizeof *weight);
    }
}

enum pz_status pz_corpus_wake(struct pz_corpus_own *own, const struct pz_dataset *ds, unsigned what,
                              struct pz_err *err)
{
    float *weight = own->owned[3];
    enum pz_status st = PZ_OK;

    what &= own->resting;
    for (uint64_t p = 0; (what & PZ_CORPUS_WEIGHTS) && p < own->c.ptr[own->c.n_users]; p++)
        weight[p] = own->each;
    if (what & PZ_CORPUS_TIMES)
        st = pz_dataset_wake_times(ds, err);
    if (st == PZ_OK)
        own->resting &= ~what;
    return st;
}

/* ---- a part of a corpus ---- */

static void copy_range(const struct pz_corpus *c, uint64_t from, uint64_t n, uint64_t at,
                       struct pz_corpus_own *out)
{
    memcpy((uint32_t *)out->owned[1] + at, c->item + from, n * sizeof *c->item);
    memcpy((int64_t *)out->owned[2] + at, c->time + from, n * sizeof *c->time);
    memcpy((float *)out->owned[3] + at, c->weight + from, n * sizeof *c->weight);
    if (c->event)
        memcpy((uint8_t *)out->owned[4] + at, c->event + from, n);
}

/* Context rows of the ranges' n events. */
static enum pz_status copy_context(const struct pz_corpus *c, const uint64_t *from,
                                   const uint64_t *to, uint64_t n, struct pz_corpus_own *out,
                                   struct pz_err *err)
{
    struct pz_source *source = pz_mem_array(n, sizeof *source);
    uint64_t at = 0;
    enum pz_status st;

    if (!source)
        return pz_err_memory(err, "a part of the corpus", 16.0 * (double)n);
    for (uint32_t u = 0; u < c->n_users; u++)
        for (uint64_t p = from[u]; p < to[u]; p++)
            source[at++].row = p;
    st = take_context(c->context, source, n, out, err);
    free(source);
    return st;
}

enum pz_status pz_corpus_ranges(const struct pz_corpus *c, const uint64_t *from, const uint64_t *to,
                                struct pz_corpus_own *out, struct pz_err *err)
{
    uint64_t *ptr = pz_mem_array((size_t)c->n_users + 1, sizeof *ptr);
    bool has_context = c->context && c->context->n_attrs > 0;
    struct pz_share mine;
    enum pz_status st = ptr ? PZ_OK : pz_err_memory(err, "the corpus", 8.0 * c->n_users);

    *out = (struct pz_corpus_own){ .c = *c, .owned = { ptr } };
    out->c.ptr = ptr;
    for (uint32_t u = 0; u < c->n_users && st == PZ_OK; u++)
        ptr[u + 1] = ptr[u] + (to[u] - from[u]);
    if (st == PZ_OK)
        st = take_memory(!c->all_ptr, ptr[c->n_users], c->event != NULL, has_context, out, err);
    mine = to_fill(out, c->n_users);
    for (size_t u = mine.first; u < mine.end && st == PZ_OK; u++)
        copy_range(c, from[u], to[u] - from[u], ptr[u], out);
    if (st == PZ_OK)
        pz_ranks_meet(out->owned[1]);
    if (st == PZ_OK && c->all_ptr)
        st = pz_shares_count(out, err);
    if (st == PZ_OK && has_context)
        st = copy_context(c, from, to, ptr[c->n_users], out, err);
    if (st != PZ_OK)
        pz_corpus_clear(out);
    return st;
}
