/* SPDX-License-Identifier: Apache-2.0 */
/* Test cases: see cases.h. Ids become C strings once per dataset; cases point to them. */
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

/* ---- truth ---- */

/* A list of truth while it grows. */
struct truth {
    const char **item; /* room for all of the user's interactions */
    float *gain;       /* likewise */
    size_t n;
};

/* Add an item unless it is there, where the greater gain counts; truth lists are short. */
static void add_truth(struct truth *t, const char *item, float gain)
{
    size_t i = 0;

    while (i < t->n && t->item[i] != item)
        i++;
    if (i == t->n) {
        t->item[t->n] = item;
        t->gain[t->n++] = 0;
    }
    t->gain[i] = gain > t->gain[i] ? gain : t->gain[i];
}

static bool truth_start(struct pz_cases *cases, uint64_t n, struct truth *t)
{
    *t = (struct truth){ take(cases, n, sizeof *t->item), take(cases, n, sizeof *t->gain), 0 };
    return t->item && t->gain;
}

/* ---- cases of a split ---- */

/* How many events of user u have one of the roles. */
static uint64_t count_role(const struct pz_dataset *ds, const uint8_t *role, uint32_t u, int what)
{
    uint64_t n = 0;

    for (uint64_t p = ds->ptr[u]; p < ds->ptr[u + 1]; p++)
        n += (role[p] & what) != 0;
    return n;
}

static bool split_user(const struct pz_dataset *ds, const uint8_t *role, uint32_t u,
                       const struct pz_model *m, const struct names *names, struct pz_cases *cases)
{
    bool own = count_role(ds, role, u, PZ_ROLE_TRAIN) > 0; /* the model has the history */
    struct pz_case *c = &cases->c[cases->n];
    struct pz_live_event *past = take(cases, own ? 0 : ds->ptr[u + 1] - ds->ptr[u], sizeof *past);
    struct truth truth;

    if (!past || !truth_start(cases, count_role(ds, role, u, PZ_ROLE_TRUTH), &truth))
        return false;
    *c = (struct pz_case){ .user_id = names->user[u], .use_model = own, .past = past };
    for (uint64_t p = ds->ptr[u]; p < ds->ptr[u + 1]; p++) {
        struct pz_live_event e = event_at(ds, names, p);
        double gain = role[p] & PZ_ROLE_TRUTH ? pz_model_event_weight(m, e.event_type, e.value) : 0;

        if (!own && (role[p] & PZ_ROLE_HISTORY))
            past[c->n_past++] = e;
        if (gain > 0 && truth.n == 0)
            c->now = e.time;
        if (gain > 0)
            add_truth(&truth, e.item_id, (float)gain);
    }
    c->truth = truth.item;
    c->gain = truth.gain;
    c->n_truth = truth.n;
    cases->n += c->n_truth > 0;
    return true;
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

enum pz_status pz_cases_from_split(const struct pz_dataset *ds, const uint8_t *role,
                                   const struct pz_model *m, struct pz_cases *cases,
                                   struct pz_err *err)
{
    struct names names;
    bool good;

    memset(cases, 0, sizeof *cases);
    cases->c = pz_mem_array(ds->users.n, sizeof *cases->c);
    good = name_all(cases, ds, &names) && cases->c;
    for (uint32_t u = 0; u < ds->users.n && good; u++)
        if (count_role(ds, role, u, PZ_ROLE_TRUTH) > 0)
            good = split_user(ds, role, u, m, &names, cases);
    if (!good)
        return pz_err_memory(err, "test cases", 64.0 * (double)ds->n_interactions);
    drop_gains(cases);
    return PZ_OK;
}

/* ---- cold items ---- */

struct cold {
    const struct pz_dataset *ds;
    const uint8_t *role;
    struct names names;
    int64_t *first; /* [n_items] time of the item's first interaction, INT64_MAX: none */
    struct pz_cases *cases;
    size_t cap;
};

static bool had_before(const struct pz_dataset *ds, uint64_t from, uint64_t p)
{
    for (uint64_t q = from; q < p; q++)
        if (ds->item[q] == ds->item[p])
            return true;
    return false;
}

/* One list of the user's history serves all his cases: each sees its beginning. */
static bool cold_user(struct cold *c, uint32_t u)
{
    const int64_t week = 7 * 86400;
    const struct pz_dataset *ds = c->ds;
    uint64_t from = ds->ptr[u], end = ds->ptr[u + 1];
    struct pz_live_event *past = take(c->cases, end - from, sizeof *past);
    size_t n = 0;

    for (uint64_t p = from; past && p < end; p++) {
        struct pz_cases *to = c->cases;

        if (!(c->role[p] & PZ_ROLE_TRUTH)) {
            past[n++] = event_at(ds, &c->names, p);
            continue;
        }
        if (n == 0 || had_before(ds, from, p))
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
    for (uint32_t i = 0; c->first && i < ds->items.n; i++)
        c->first[i] = INT64_MAX;
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
    return cold && among && c->first;
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

/* ---- cases of a test dataset ---- */

/* The history of the user of that name; the dataset may lack him. */
static bool take_past(const struct pz_dataset *history, const struct names *names,
                      struct pz_cases *cases, struct pz_case *c)
{
    uint32_t u = pz_dict_find_str(&history->users, c->user_id);
    uint64_t from = u == PZ_NONE ? 0 : history->ptr[u],
             end = u == PZ_NONE ? 0 : history->ptr[u + 1];
    struct pz_live_event *past = take(cases, end - from, sizeof *past);

    for (uint64_t p = from; p < end && past; p++)
        past[c->n_past++] = event_at(history, names, p);
    c->past = past;
    return past != NULL;
}

static bool test_user(const struct pz_dataset *test, uint32_t u, const struct names *names,
                      struct pz_cases *cases, struct pz_case *c)
{
    struct truth truth;

    if (!truth_start(cases, test->ptr[u + 1] - test->ptr[u], &truth))
        return false;
    for (uint64_t p = test->ptr[u]; p < test->ptr[u + 1]; p++)
        add_truth(&truth, names->item[test->item[p]], 1);
    *c = (struct pz_case){ .user_id = names->user[u],
                           .truth = truth.item,
                           .n_truth = truth.n,
                           .now = test->time[test->ptr[u]] };
    return true;
}

enum pz_status pz_cases_from_test(const struct pz_dataset *test, const struct pz_dataset *history,
                                  struct pz_cases *cases, struct pz_err *err)
{
    struct names names, old = { NULL, NULL, NULL };
    bool good;

    memset(cases, 0, sizeof *cases);
    cases->c = pz_mem_array(test->users.n, sizeof *cases->c);
    good = name_all(cases, test, &names) && (!history || name_all(cases, history, &old)) &&
           cases->c;
    for (uint32_t u = 0; u < test->users.n && good; u++) {
        struct pz_case *c = &cases->c[cases->n];

        if (test->ptr[u] == test->ptr[u + 1])
            continue;
        good = test_user(test, u, &names, cases, c);
        c->use_model = !history;
        if (good && history)
            good = take_past(history, &old, cases, c);
        cases->n++;
    }
    return good ? PZ_OK : pz_err_memory(err, "test cases", 64.0 * (double)test->n_interactions);
}
