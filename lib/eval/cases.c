/* SPDX-License-Identifier: Apache-2.0 */
/* Test cases: see evaluate.h. Ids become C strings once per dataset; cases point to them. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/split.h"
#include "eval/evaluate.h"

static void *own(struct pz_cases *cases, void *p)
{
    if (p && !pz_mem_grow(&cases->owned, &cases->cap_owned, cases->n_owned + 1, sizeof(void *))) {
        free(p);
        return NULL;
    }
    if (p)
        cases->owned[cases->n_owned++] = p;
    return p;
}

void pz_cases_clear(struct pz_cases *cases)
{
    for (size_t i = 0; i < cases->n_owned; i++)
        free(cases->owned[i]);
    free(cases->owned);
    free(cases->c);
    memset(cases, 0, sizeof *cases);
}

/* Every string of a dictionary with a NUL behind it. */
static const char **strings(struct pz_cases *cases, const struct pz_dict *dict)
{
    const char **list = own(cases, pz_mem_array(dict->n, sizeof *list));
    char *bytes = own(cases, pz_mem_array((dict->n ? dict->offset[dict->n] : 0) + dict->n, 1));

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

/* Add an item to list[0..n) unless it is there; truth lists are short. */
static size_t add_new(const char **list, size_t n, const char *item)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == item)
            return n;
    list[n] = item;
    return n + 1;
}

static enum pz_status split_user(const struct pz_dataset *ds, const uint8_t *role, uint32_t u,
                                 const char **item, struct pz_cases *cases)
{
    uint64_t n = ds->ptr[u + 1] - ds->ptr[u];
    const char **list = own(cases, pz_mem_array(2 * n, sizeof *list)), **truth;
    struct pz_case *c = &cases->c[cases->n];

    if (!list)
        return PZ_TRY_AGAIN;
    truth = list + n;
    c->history = list;
    c->truth = truth;
    for (uint64_t p = ds->ptr[u]; p < ds->ptr[u + 1]; p++) {
        if (role[p] & PZ_ROLE_HISTORY)
            list[c->n_history++] = item[ds->item[p]];
        if (role[p] & PZ_ROLE_TRUTH)
            c->n_truth = add_new(truth, c->n_truth, item[ds->item[p]]);
        c->use_model |= (role[p] & PZ_ROLE_TRAIN) != 0;
    }
    if (c->use_model) /* the model has it, with weights and times */
        c->n_history = 0;
    if (c->n_truth > 0)
        cases->n++;
    else
        memset(c, 0, sizeof *c);
    return PZ_OK;
}

static bool has_truth(const struct pz_dataset *ds, const uint8_t *role, uint32_t u)
{
    for (uint64_t p = ds->ptr[u]; p < ds->ptr[u + 1]; p++)
        if (role[p] & PZ_ROLE_TRUTH)
            return true;
    return false;
}

enum pz_status pz_cases_from_split(const struct pz_dataset *ds, const uint8_t *role,
                                   struct pz_cases *cases, struct pz_err *err)
{
    const char **item, **user;
    enum pz_status st = PZ_OK;

    memset(cases, 0, sizeof *cases);
    cases->c = pz_mem_array(ds->users.n, sizeof *cases->c);
    item = strings(cases, &ds->items);
    user = strings(cases, &ds->users);
    if (!cases->c || !item || !user)
        st = PZ_TRY_AGAIN;
    for (uint32_t u = 0; u < ds->users.n && st == PZ_OK; u++)
        if (has_truth(ds, role, u)) {
            cases->c[cases->n].user_id = user[u];
            st = split_user(ds, role, u, item, cases);
        }
    return st == PZ_OK ? PZ_OK : pz_err_memory(err, "test cases", 1e6);
}

/* ---- cold items ---- */

struct cold {
    const struct pz_dataset *ds;
    const uint8_t *role;
    const char **item, **user; /* ids */
    int64_t *first;            /* [n_items] time of the item's first interaction, INT64_MAX: none */
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
    const char **list = own(c->cases, pz_mem_array(end - from, sizeof *list));
    size_t n = 0;

    for (uint64_t p = from; list && p < end; p++) {
        struct pz_cases *to = c->cases;

        if (!(c->role[p] & PZ_ROLE_TRUTH)) {
            list[n++] = c->item[ds->item[p]];
            continue;
        }
        if (n == 0 || had_before(ds, from, p))
            continue;
        if (!pz_mem_grow(&to->c, &c->cap, to->n + 1, sizeof *to->c))
            return false;
        to->c[to->n++] = (struct pz_case){ .user_id = c->user[u],
                                           .history = list,
                                           .n_history = n,
                                           .truth = &c->item[ds->item[p]],
                                           .n_truth = 1,
                                           .early = ds->time[p] - c->first[ds->item[p]] < week };
    }
    return list != NULL;
}

/* The list of cold items, and when each item came to the users. */
static bool find_cold(struct cold *c)
{
    const struct pz_dataset *ds = c->ds;
    uint8_t *cold = pz_mem_array(ds->items.n, 1);
    const char **among = own(c->cases, pz_mem_array(ds->items.n, sizeof *among));

    c->first = own(c->cases, pz_mem_array(ds->items.n, sizeof *c->first));
    for (uint32_t i = 0; c->first && i < ds->items.n; i++)
        c->first[i] = INT64_MAX;
    for (uint64_t p = 0; cold && c->first && p < ds->n_inter; p++) {
        cold[ds->item[p]] |= (c->role[p] & PZ_ROLE_TRUTH) != 0;
        if (ds->time[p] < c->first[ds->item[p]])
            c->first[ds->item[p]] = ds->time[p];
    }
    for (uint32_t i = 0; cold && among && i < ds->items.n; i++)
        if (cold[i])
            among[c->cases->n_among++] = c->item[i];
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
    c.item = strings(cases, &ds->items);
    c.user = strings(cases, &ds->users);
    good = c.item && c.user && find_cold(&c);
    for (uint32_t u = 0; u < ds->users.n && good; u++)
        good = cold_user(&c, u);
    return good ? PZ_OK : pz_err_memory(err, "test cases", 1e6);
}

static size_t take_history(const struct pz_dataset *history, const char *user_id, const char **item,
                           const char **out)
{
    uint32_t u = pz_dict_find_str(&history->users, user_id);
    size_t n = 0;

    for (uint64_t p = u == PZ_NONE ? 0 : history->ptr[u]; u != PZ_NONE && p < history->ptr[u + 1]; p++)
        out[n++] = item[history->item[p]];
    return n;
}

static size_t history_size(const struct pz_dataset *history, const char *user_id)
{
    uint32_t u = history ? pz_dict_find_str(&history->users, user_id) : PZ_NONE;

    return u == PZ_NONE ? 0 : (size_t)(history->ptr[u + 1] - history->ptr[u]);
}

enum pz_status pz_cases_from_test(const struct pz_dataset *test, const struct pz_dataset *history,
                                  struct pz_cases *cases, struct pz_err *err)
{
    const char **item, **user, **old = NULL;
    bool good;

    memset(cases, 0, sizeof *cases);
    cases->c = pz_mem_array(test->users.n, sizeof *cases->c);
    item = strings(cases, &test->items);
    user = strings(cases, &test->users);
    if (history)
        old = strings(cases, &history->items);
    good = cases->c && item && user && (!history || old);
    for (uint32_t u = 0; u < test->users.n && good; u++) {
        uint64_t n = test->ptr[u + 1] - test->ptr[u];
        struct pz_case *c = &cases->c[cases->n];
        const char **list =
            n ? own(cases, pz_mem_array(n + history_size(history, user[u]), sizeof *list)) : NULL;

        if (n == 0)
            continue;
        good = list != NULL;
        for (uint64_t p = test->ptr[u]; p < test->ptr[u + 1] && good; p++)
            c->n_truth = add_new(list, c->n_truth, item[test->item[p]]);
        c->user_id = user[u];
        c->truth = list;
        c->use_model = !history;
        if (history && good) {
            c->history = list + n;
            c->n_history = take_history(history, user[u], old, list + n);
        }
        cases->n++;
    }
    return good ? PZ_OK : pz_err_memory(err, "test cases", 1e6);
}
