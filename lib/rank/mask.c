/* SPDX-License-Identifier: Apache-2.0 */
/* Mask: the set of items that may be recommended. Each rule takes items out of it. */
#include <string.h>

#include "base/str.h"
#include "base/time.h"
#include "filter/filter.h"
#include "filter/why.h"
#include "rank/ranker.h"

static bool is_type(const struct pz_past *event, const char *type)
{
    return strcmp(type, "*") == 0 ||
           (event->type && pz_str_same_word(type, strlen(type), event->type, event->n_type));
}

bool pz_rank_is_seen(const struct pz_ranker *r, const struct pz_past *event)
{
    const struct pz_rules *rules = &r->req->rules;

    if (rules->seen_age_s > 0 && event->time < r->now - rules->seen_age_s)
        return false;
    for (size_t i = 0; i < rules->n_seen_types; i++)
        if (is_type(event, rules->seen_type[i]))
            return true;
    return rules->n_seen_types == 0 && event->weight > 0;
}

enum pz_seen pz_rank_seen(const struct pz_model *m, const struct pz_rules *rules, bool is_list)
{
    if (rules->seen != PZ_SEEN_DEFAULT)
        return rules->seen;
    if (rules->n_seen_types > 0 || rules->seen_age_s > 0)
        return PZ_SEEN_EXCLUDE;
    return m->recipe->exclude_seen && !is_list ? PZ_SEEN_EXCLUDE : PZ_SEEN_KEEP;
}

/* Items of the past are taken out, or are all there is. */
static void mask_seen(struct pz_ranker *r, uint64_t *set)
{
    enum pz_seen seen = pz_rank_seen(r->m, &r->req->rules, r->req->n_rank > 0);

    pz_bits_fill(set, r->m->items.n, seen != PZ_SEEN_ONLY);
    for (size_t i = 0; i < r->n_past && seen != PZ_SEEN_KEEP; i++) {
        if (!pz_rank_is_seen(r, &r->past[i]))
            continue;
        if (seen == PZ_SEEN_ONLY)
            pz_bits_add(set, r->past[i].item);
        else
            pz_bits_remove(set, r->past[i].item);
    }
}

/* Who asks what, when: live becomes what filters may see of the live events. */
static struct pz_filter_env filter_env(const struct pz_ranker *r, struct pz_live *live)
{
    static const struct pz_live nothing;
    const struct pz_request *req = r->req;

    *live = req->live ? *req->live : nothing;
    while (live->n_events > 0 && !pz_rank_counts(r, &live->event[live->n_events - 1]))
        live->n_events--;
    return (struct pz_filter_env){ .user_id = req->user_id,
                                   .item_id = req->item_id,
                                   .live = live,
                                   .history = req->history,
                                   .n_history = req->n_history,
                                   .now = req->now ? req->now : pz_time_now() };
}

enum pz_status pz_rank_filter(struct pz_ranker *r, const struct pz_filter *filter,
                              const struct pz_filter_values *values, uint64_t *set,
                              struct pz_err *err)
{
    struct pz_live live;
    struct pz_filter_env env = filter_env(r, &live);

    if (pz_filter_of_users(filter))
        return pz_err_set(err, PZ_USAGE,
                          "the filter is about users; items need INCLUDE or EXCLUDE ItemID");
    if (!r->filter_work && !(r->filter_work = pz_filter_work_new()))
        return pz_err_memory(err, "a filter", 1e3);
    return pz_filter_apply(filter, values, &env, r->filter_work, set, err);
}

enum pz_status pz_rank_filter_why(struct pz_ranker *r, uint32_t item, const char **text, size_t *n,
                                  struct pz_err *err)
{
    struct pz_live live;
    struct pz_filter_query q = { r->req->filter, r->req->filter_values, filter_env(r, &live),
                                 r->filter_work };

    *n = 0;
    return q.filter ? pz_filter_why(&q, item, r->open, text, n, err) : PZ_OK;
}

enum pz_status pz_rank_mask(struct pz_ranker *r, struct pz_err *err)
{
    const struct pz_request *req = r->req;

    mask_seen(r, r->promotable);
    memcpy(r->allowed, r->promotable, r->words * sizeof *r->allowed);
    return req->filter ? pz_rank_filter(r, req->filter, req->filter_values, r->allowed, err)
                       : PZ_OK;
}
