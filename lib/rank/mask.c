/* SPDX-License-Identifier: Apache-2.0 */
/* Mask: the set of items that may be recommended, a bit an item. Each rule takes items out of
 * it: what was seen first, then the request's filter, then the item asked about or what is not
 * on a list.
 *
 * What may be promoted is the set after the seen rule alone, as the request's filter does not
 * act on promotions. Only-seen works the other way: the set begins empty and the past adds to
 * it. Filters see the live events of the page's moment, not later ones. */
#include "rank/mask.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/time.h"
#include "filter/filter.h"
#include "filter/why.h"

static bool is_type(const struct pz_past *event, const char *type)
{
    return strcmp(type, "*") == 0 ||
           (event->type && pz_str_same_word(type, strlen(type), event->type, event->n_type));
}

bool pz_mask_is_seen(const struct pz_rules *rules, int64_t now, const struct pz_past *event)
{

    if (rules->seen_age_s > 0 && event->time < now - rules->seen_age_s)
        return false;
    for (size_t i = 0; i < rules->n_seen_types; i++)
        if (is_type(event, rules->seen_type[i]))
            return true;
    return rules->n_seen_types == 0 && event->weight != 0;
}

enum pz_seen pz_rank_seen(const struct pz_model *m, const struct pz_rules *rules, bool is_list)
{
    if (rules->seen == PZ_SEEN_AUTO && m->keep_seen)
        return PZ_SEEN_KEEP;
    if (rules->seen != PZ_SEEN_DEFAULT && rules->seen != PZ_SEEN_AUTO)
        return rules->seen;
    if (rules->n_seen_types > 0 || rules->seen_age_s > 0)
        return PZ_SEEN_EXCLUDE;
    return m->recipe->exclude_seen && !is_list ? PZ_SEEN_EXCLUDE : PZ_SEEN_KEEP;
}

/* Whether events of one type can count or not by their value. */
static bool value_tells(const struct pz_type_weight *w)
{
    return !isnan(w->threshold) && (w->weight != 0) != (w->below != 0);
}

static void put_row(const struct pz_live_run *run, size_t i, uint64_t *set, bool in)
{
    uint32_t item = pz_live_row_item(run, i);

    if (item != PZ_NONE)
        pz_bits_put(set, item, in);
}

/* Put in or take out items of rows that stand for several events. Where neither their time nor
 * their value tells, the answer for one row is that for all. */
static void put_run(const struct pz_asked *asked, const struct pz_live_run *run, int64_t now,
                    uint64_t *set, bool in)
{
    const struct pz_rules *rules = &asked->req->rules;
    const struct pz_type_weight weight = pz_model_type_weight(asked->m, run->event_type);
    bool each = rules->seen_age_s > 0 ||
                (rules->n_seen_types == 0 && run->value && value_tells(&weight)),
         seen = false;
    struct pz_past past;

    for (size_t i = 0; i < (each ? run->n : run->n > 0); i++) {
        pz_history_of_row(&weight, run, i, &past);
        seen = pz_mask_is_seen(rules, now, &past);
        if (each && seen)
            put_row(run, i, set, in);
    }
    for (size_t i = 0; !each && seen && i < run->n; i++)
        put_row(run, i, set, in);
}

/* Items of the past are taken out, or are all there is. */
static void mask_seen(const struct pz_asked *asked, const struct pz_history *h, uint64_t *set)
{
    enum pz_seen seen = pz_rank_seen(asked->m, &asked->req->rules, asked->req->n_rank > 0);
    bool only = seen == PZ_SEEN_ONLY;

    pz_bits_fill(set, asked->m->items.n, !only);
    if (seen == PZ_SEEN_KEEP)
        return;
    for (size_t i = 0; i < h->n_past; i++)
        if (pz_mask_is_seen(&asked->req->rules, h->now, &h->past[i]))
            pz_bits_put(set, h->past[i].item, only);
    for (const struct pz_live_run *run = h->run; run; run = run->next)
        put_run(asked, run, h->now, set, only);
}

/* Who asks what, when: live becomes what filters may see of the live events. */
static struct pz_filter_env filter_env(const struct pz_mask *mask, const struct pz_request *req,
                                       struct pz_live *live)
{
    static const struct pz_live nothing;

    *live = req->live ? *req->live : nothing;
    while (live->n_events > 0 && !pz_history_counts(req, &live->event[live->n_events - 1]))
        live->n_events--;
    live->run = pz_history_run(req);
    return (struct pz_filter_env){ .user_id = req->user_id,
                                   .item_id = req->item_id,
                                   .live = live,
                                   .live_item = mask->live_item,
                                   .history = req->history,
                                   .n_history = req->n_history,
                                   .now = req->now ? req->now : pz_time_now() };
}

enum pz_status pz_mask_filter(struct pz_mask *mask, const struct pz_request *req,
                              const struct pz_bound *filter, uint64_t *set, struct pz_err *err)
{
    struct pz_live live;
    struct pz_filter_env env = filter_env(mask, req, &live);

    if (pz_filter_of_users(filter->filter))
        return pz_err_set(err, PZ_USAGE,
                          "the filter is about users; items need INCLUDE or EXCLUDE ItemID");
    if (!mask->work && !(mask->work = pz_filter_work_new()))
        return pz_err_memory(err, "a filter", 1e3);
    return pz_filter_apply(filter->filter, filter->values, &env, mask->work, set, err);
}

enum pz_status pz_mask_why(const struct pz_mask *mask, const struct pz_request *req, uint32_t item,
                           struct pz_why *out, struct pz_err *err)
{
    struct pz_live live;
    struct pz_filter_query q = { req->filter, req->filter_values, filter_env(mask, req, &live),
                                 mask->work };

    out->n_condition = 0;
    return q.filter
               ? pz_filter_why(&q, item, mask->scratch, &out->condition, &out->n_condition, err)
               : PZ_OK;
}

enum pz_status pz_mask_make(struct pz_mask *mask, const struct pz_asked *asked,
                            const struct pz_history *h, struct pz_err *err)
{
    const struct pz_request *req = asked->req;
    struct pz_bound filter = { req->filter, req->filter_values };

    mask->live_item = h->live_item;
    mask_seen(asked, h, mask->promotable);
    mask->allowed = mask->promotable;
    if (!req->filter)
        return PZ_OK;
    mask->allowed = mask->own;
    memcpy(mask->allowed, mask->promotable, pz_bits_words(mask->n) * sizeof *mask->allowed);
    return pz_mask_filter(mask, req, &filter, mask->allowed, err);
}

void pz_mask_leave_out(struct pz_mask *mask, uint32_t item)
{
    if (item == PZ_NONE)
        return;
    pz_bits_remove(mask->allowed, item);
    pz_bits_remove(mask->promotable, item);
}

void pz_mask_keep_list(struct pz_mask *mask, const struct pz_asked *asked)
{
    pz_bits_fill(mask->scratch, mask->n, false);
    for (size_t i = 0; i < asked->req->n_rank; i++) {
        uint32_t item = pz_dict_find_str(&asked->m->items, asked->req->rank[i]);

        if (item != PZ_NONE)
            pz_bits_add(mask->scratch, item);
    }
    pz_bits_both(mask->own, mask->allowed, mask->scratch, mask->n);
    mask->allowed = mask->own;
}

bool pz_mask_init(struct pz_mask *mask, uint32_t n, struct pz_mem_slab *slab)
{
    *mask = (struct pz_mask){ .n = n,
                              .own = pz_bits_take(slab, n),
                              .promotable = pz_bits_take(slab, n),
                              .scratch = pz_bits_take(slab, n) };
    return mask->own && mask->promotable && mask->scratch;
}

void pz_mask_clear(struct pz_mask *mask)
{
    pz_filter_work_free(mask->work);
}
