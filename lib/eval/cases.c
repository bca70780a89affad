/* SPDX-License-Identifier: Apache-2.0 */
/* Test cases: see cases.h. Ids become C strings once per dataset; cases point to them, and one
 * list of a user's history serves all their cases, each of which sees its beginning.
 *
 * Ground truth is what the split holds out and the model's event rules count, each item once,
 * with its greatest gain; gains that are all alike are left out, as they say nothing. Everything
 * lives in one arena, which pz_cases_clear frees. */
#include "eval/cases.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/split.h"

void pz_cases_clear(struct pz_cases *cases)
{
    pz_arena_clear(&cases->arena);
    free(cases->c);
    memset(cases, 0, sizeof *cases);
}

static void *take(struct pz_cases *cases, uint64_t n, size_t each)
{
    return n < SIZE_MAX / 2 / each ? pz_arena_take(&cases->arena, (size_t)n * each + 1) : NULL;
}

/* Every string of a dictionary with a NUL behind it. */
static const char **strings(struct pz_cases *cases, const struct pz_dict *dict)
{
    const char **list = take(cases, dict->n, sizeof *list);
    char *bytes = take(cases, (dict->n ? dict->offset[dict->n] : 0) + dict->n, 1);

    for (uint32_t i = 0; list && bytes && i < dict->n; i++) {
        size_t len;
        const char *s = pz_dict_get(dict, i, &len);

        memcpy(bytes, s, len);
        bytes[len] = '\0';
        list[i] = bytes;
        bytes += len + 1;
    }
    return bytes ? list : NULL;
}

/* The ids of a dataset as strings. */
struct names {
    const char **item, **user, **event;
};

static bool name_all(struct pz_cases *cases, const struct pz_dataset *ds, struct names *names)
{
    names->item = strings(cases, &ds->items);
    names->user = strings(cases, &ds->users);
    names->event = strings(cases, &ds->events);
    return names->item && names->user && names->event;
}

static struct pz_live_event event_at(const struct pz_dataset *ds, const struct names *names,
                                     uint64_t p)
{
    return (struct pz_live_event){ .item_id = names->item[ds->item[p]],
                                   .event_type = ds->event ? names->event[ds->event[p]] : NULL,
                                   .value = ds->value ? (double)ds->value[p] : NAN,
                                   .time = ds->time[p] };
}

/* ---- one user ---- */

/* What making cases works with. Items are those of the test dataset. */
struct maker {
    const struct pz_cases_source *from;
    const struct pz_model *m;
    struct pz_cases *cases;
    struct names test, old; /* of the test dataset, of the histories' dataset */
    uint32_t *of_model; /* [m->items.n] the model's items in the test dataset, PZ_NONE: not there */
    uint32_t *of_history; /* [history->items.n] likewise */
    uint32_t *mark,
        *repeat; /* [test items] the case + 1 of which the item is ground truth; and which
                              * has it in its history */
};

static bool is_truth(const struct pz_cases_source *from, uint64_t p)
{
    return !from->role || (from->role[p] & PZ_ROLE_TRUTH);
}

static bool has_role(const struct pz_cases_source *from, uint32_t u, int what)
{
    bool has = false;

    for (uint64_t p = from->test->ptr[u]; p < from->test->ptr[u + 1] && !has; p++)
        has = (from->role[p] & what) != 0;
    return has;
}

/* Add an item unless it is there, where the greater gain counts; lists of ground truth are short.
 */
static void add_truth(struct pz_case *c, const char **item, float *gain, const char *id, float g)
{
    size_t i = 0;

    while (i < c->n_truth && item[i] != id)
        i++;
    if (i == c->n_truth) {
        item[c->n_truth] = id;
        gain[c->n_truth++] = 0;
    }
    gain[i] = g > gain[i] ? g : gain[i];
}

/* The ground truth of a user: what is held out and counts by the model's event rules. */
static bool take_truth(struct maker *k, uint32_t u, struct pz_case *c, int64_t *oldest)
{
    const struct pz_dataset *ds = k->from->test;
    uint64_t n = ds->ptr[u + 1] - ds->ptr[u];
    const char **item = take(k->cases, n, sizeof *item);
    float *gain = take(k->cases, n, sizeof *gain);

    *oldest = INT64_MAX;
    for (uint64_t p = ds->ptr[u]; item && gain && p < ds->ptr[u + 1]; p++) {
        struct pz_live_event e = event_at(ds, &k->test, p);
        /* What an unasked threshold keeps from teaching happened all the same. */
        double g = is_truth(k->from, p) ? fabs(pz_model_event_weight(k->m, e.event_type, e.value))
                                        : 0;

        k->cases->held.n_events += is_truth(k->from, p);
        k->cases->held.n_counted += g > 0;
        if (!(g > 0))
            continue;
        add_truth(c, item, gain, e.item_id, (float)g);
        k->mark[ds->item[p]] = (uint32_t)k->cases->n + 1;
        *oldest = e.time < *oldest ? e.time : *oldest;
    }
    c->truth = item;
    c->gain = gain;
    c->now = *oldest;
    return item && gain;
}

/* What a history tells of its user's ground truth, see struct pz_held_out. */
struct told {
    bool tied, amid, timeless;
    int64_t newest; /* time of its newest event */
};

/* An event of the history: is its item ground truth, too? */
static void look_back(struct maker *k, struct pz_case *c, uint32_t item, int64_t time,
                      int64_t oldest, struct told *told)
{
    uint32_t now = (uint32_t)k->cases->n + 1;

    c->n_history++;
    told->newest = time > told->newest ? time : told->newest;
    told->tied |= time == oldest;
    told->amid |= time > oldest && oldest != 0;
    told->timeless |= time > oldest && oldest == 0;
    if (item == PZ_NONE || k->mark[item] != now || k->repeat[item] == now)
        return;
    k->repeat[item] = now;
    k->cases->held.n_repeats++;
}

static bool counts(const struct pz_model *m, const struct pz_live_event *e)
{
    return pz_model_event_weight(m, e->event_type, e->value) != 0;
}

/* A history that the roles give, or that of the user of that name in a dataset, which may lack
 * them. */
static bool take_past(struct maker *k, uint32_t u, struct pz_case *c, int64_t oldest,
                      struct told *told)
{
    const struct pz_dataset *ds = k->from->history ? k->from->history : k->from->test;
    const struct names *names = k->from->history ? &k->old : &k->test;
    uint32_t user = k->from->history ? pz_dict_find_str(&ds->users, c->user_id) : u;
    uint64_t from = user == PZ_NONE ? 0 : ds->ptr[user],
             end = user == PZ_NONE ? 0 : ds->ptr[user + 1];
    struct pz_live_event *past = take(k->cases, end - from, sizeof *past);

    for (uint64_t p = from; p < end && past; p++) {
        if (!k->from->history && !(k->from->role[p] & PZ_ROLE_HISTORY))
            continue;
        past[c->n_past] = event_at(ds, names, p);
        if (counts(k->m, &past[c->n_past]))
            look_back(k, c, k->from->history ? k->of_history[ds->item[p]] : ds->item[p],
                      ds->time[p], oldest, told);
        c->n_past++;
    }
    c->past = past;
    return past != NULL;
}

static void look_at_model(struct maker *k, struct pz_case *c, int64_t oldest, struct told *told)
{
    const struct pz_model *m = k->m;
    uint32_t u = pz_dict_find_str(&m->users, c->user_id);

    for (uint64_t p = u == PZ_NONE ? 0 : m->ptr[u]; u != PZ_NONE && p < m->ptr[u + 1]; p++)
        if (m->weight[p] != 0)
            look_back(k, c, m->item[p] < m->items.n ? k->of_model[m->item[p]] : PZ_NONE, m->time[p],
                      oldest, told);
}

static bool make_case(struct maker *k, uint32_t u)
{
    struct pz_cases *cases = k->cases;
    struct pz_case *c = &cases->c[cases->n];
    int64_t oldest;
    struct told told = { false, false, false, 0 };
    bool good;

    *c = (struct pz_case){ .user_id = k->test.user[u] };
    c->use_model = k->from->role ? has_role(k->from, u, PZ_ROLE_TRAIN) : !k->from->history;
    good = take_truth(k, u, c, &oldest);
    if (!good || c->n_truth == 0)
        return good;
    if (c->use_model)
        look_at_model(k, c, oldest, &told);
    else
        good = take_past(k, u, c, oldest, &told);
    /* Nobody knows when it was: then it is what came next. A history given beside the model may
     * count time its own way. */
    if (c->use_model && c->now == 0)
        c->now = told.newest;
    cases->held.n_items += c->n_truth;
    cases->held.n_tied += told.tied;
    cases->held.n_amid += told.amid;
    cases->held.n_timeless += told.timeless;
    cases->n++;
    return good;
}

/* Gains that are all alike say nothing. */
static void drop_gains(struct pz_cases *cases)
{
    float first = cases->n ? cases->c[0].gain[0] : 0;

    for (size_t i = 0; i < cases->n && !cases->weighed; i++)
        for (size_t t = 0; t < cases->c[i].n_truth; t++)
            cases->weighed |= cases->c[i].gain[t] != first;
    for (size_t i = 0; i < cases->n && !cases->weighed; i++)
        cases->c[i].gain = NULL;
}

/* Where each id of one dictionary is in another; NULL: memory is out. */
static uint32_t *map_items(const struct pz_dict *from, const struct pz_dict *to)
{
    uint32_t *map = pz_mem_array(from->n, sizeof *map);

    for (uint32_t i = 0; map && i < from->n; i++) {
        size_t n;
        const char *id = pz_dict_get(from, i, &n);

        map[i] = pz_dict_find(to, id, n);
    }
    return map;
}

static bool start(struct maker *k)
{
    const struct pz_dataset *test = k->from->test, *history = k->from->history;

    k->cases->c = pz_mem_array(test->users.n, sizeof *k->cases->c);
    k->of_model = map_items(&k->m->items, &test->items);
    k->mark = pz_mem_array(test->items.n, sizeof *k->mark);
    k->repeat = pz_mem_array(test->items.n, sizeof *k->repeat);
    if (history)
        k->of_history = map_items(&history->items, &test->items);
    return k->cases->c && k->of_model && k->mark && k->repeat && (!history || k->of_history) &&
           name_all(k->cases, test, &k->test) && (!history || name_all(k->cases, history, &k->old));
}

enum pz_status pz_cases_make(const struct pz_cases_source *from, const struct pz_model *m,
                             struct pz_cases *cases, struct pz_err *err)
{
    struct maker k = { .from = from, .m = m, .cases = cases };
    bool good;

    memset(cases, 0, sizeof *cases);
    good = start(&k);
    for (uint32_t u = 0; u < from->test->users.n && good; u++)
        good = make_case(&k, u);
    free(k.of_model);
    free(k.of_history);
    free(k.mark);
    free(k.repeat);
    if (!good)
        return pz_err_memory(err, "test cases", 64.0 * (double)from->test->n_interactions);
    drop_gains(cases);
    return PZ_OK;
}

/* ---- what a model has learned already ---- */

static bool has_event(const struct pz_model *m, uint32_t user, uint32_t item, int64_t time)
{
    uint64_t low = m->ptr[user], high = m->ptr[user + 1];

    while (low < high) { /* the first event at `time` or later */
        uint64_t middle = low + (high - low) / 2;

        if (m->time[middle] < time)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < m->ptr[user + 1] && m->time[low] == time; low++)
        if (m->item[low] == item)
            return true;
    return false;
}

enum pz_status pz_cases_learned(const struct pz_cases_source *from, const struct pz_model *m,
                                uint64_t *n, struct pz_err *err)
{
    const struct pz_dataset *ds = from->test;
    uint32_t *of_test = map_items(&ds->items, &m->items), *user = map_items(&ds->users, &m->users);

    *n = 0;
    for (uint32_t u = 0; of_test && user && u < ds->users.n; u++)
        for (uint64_t p = ds->ptr[u]; user[u] != PZ_NONE && p < ds->ptr[u + 1]; p++)
            *n += is_truth(from, p) && of_test[ds->item[p]] != PZ_NONE &&
                  has_event(m, user[u], of_test[ds->item[p]], ds->time[p]);
    free(user);
    free(of_test);
    return of_test && user ? PZ_OK : pz_err_memory(err, "test cases", 8.0 * ds->items.n);
}

/* ---- cold items ---- */

struct cold {
    const struct pz_dataset *ds;
    const uint8_t *role;
    struct names names;
    int64_t *first; /* [n_items] time of the item's first interaction, INT64_MAX: none */
    uint32_t *had;  /* [n_items] 1 + the last user who had the item, 0: nobody yet */
    struct pz_cases *cases;
    size_t cap;
};

/* One list of the user's history serves all their cases: each sees its beginning. */
static bool cold_user(struct cold *c, uint32_t u)
{
    const int64_t week = 7 * 86400;
    const struct pz_dataset *ds = c->ds;
    uint64_t from = ds->ptr[u], end = ds->ptr[u + 1];
    struct pz_live_event *past = take(c->cases, end - from, sizeof *past);
    size_t n = 0;

    for (uint64_t p = from; past && p < end; p++) {
        struct pz_cases *to = c->cases;
        bool again = c->had[ds->item[p]] == u + 1;

        c->had[ds->item[p]] = u + 1;
        if (!(c->role[p] & PZ_ROLE_TRUTH)) {
            past[n++] = event_at(ds, &c->names, p);
            continue;
        }
        if (n == 0 || again)
            continue;
        if (!pz_mem_grow(&to->c, &c->cap, to->n + 1, sizeof *to->c))
            return false;
        to->c[to->n++] = (struct pz_case){ .user_id = c->names.user[u],
                                           .past = past,
                                           .n_past = n,
                                           .truth = &c->names.item[ds->item[p]],
                                           .n_truth = 1,
                                           .now = ds->time[p],
                                           .early = ds->time[p] - c->first[ds->item[p]] < week };
    }
    return past != NULL;
}

/* The list of cold items, and when each item came to the users. */
static bool find_cold(struct cold *c)
{
    const struct pz_dataset *ds = c->ds;
    uint8_t *cold = pz_mem_array(ds->items.n, 1);
    const char **among = take(c->cases, ds->items.n, sizeof *among);

    c->first = take(c->cases, ds->items.n, sizeof *c->first);
    c->had = take(c->cases, ds->items.n, sizeof *c->had);
    for (uint32_t i = 0; c->first && c->had && i < ds->items.n; i++) {
        c->first[i] = INT64_MAX;
        c->had[i] = 0;
    }
    for (uint64_t p = 0; cold && c->first && p < ds->n_interactions; p++) {
        cold[ds->item[p]] |= (c->role[p] & PZ_ROLE_TRUTH) != 0;
        if (ds->time[p] < c->first[ds->item[p]])
            c->first[ds->item[p]] = ds->time[p];
    }
    for (uint32_t i = 0; cold && among && i < ds->items.n; i++)
        if (cold[i])
            among[c->cases->n_among++] = c->names.item[i];
    c->cases->among = among;
    free(cold);
    return cold && among && c->first && c->had;
}

enum pz_status pz_cases_from_cold(const struct pz_dataset *ds, const uint8_t *role,
                                  struct pz_cases *cases, struct pz_err *err)
{
    struct cold c = { .ds = ds, .role = role, .cases = cases };
    bool good;

    memset(cases, 0, sizeof *cases);
    good = name_all(cases, ds, &c.names) && find_cold(&c);
    for (uint32_t u = 0; u < ds->users.n && good; u++)
        good = cold_user(&c, u);
    return good ? PZ_OK : pz_err_memory(err, "test cases", 64.0 * (double)ds->n_interactions);
}
