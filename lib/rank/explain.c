/* SPDX-License-Identifier: Apache-2.0 */
/* Explanations: what each part of the model gave to an item, which items of the history that came
 * from, and what rules made of it.
 *
 * A part's own score enters the blend times weight / largest score; the same factor turns its
 * account of the history (struct pz_scorer, explain) into shares of the blend. They sum to what the
 * part gave where the part is additive. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "rank/ranker.h"

enum pz_status pz_explain_begin(struct pz_ranker *r, struct pz_err *err)
{
    size_t n = r->m->items.n, parts = r->m->n_parts;

    if (!r->raw)
        r->raw = pz_mem_array(n, sizeof *r->raw);
    if (!r->part_score)
        r->part_score = pz_mem_array(parts * n, sizeof *r->part_score);
    if (!r->part_unit)
        r->part_unit = pz_mem_array(parts, sizeof *r->part_unit);
    if (!r->contrib)
        r->contrib = pz_mem_array(2 * PZ_HIST_MAX, sizeof *r->contrib);
    return r->raw && r->part_score && r->part_unit && r->contrib
               ? PZ_OK
               : pz_err_memory(err, "explanations", 4.0 * (double)((parts + 1) * n));
}

/* The scale of a part: one more run of it (into the array of the fallback, which is not there yet)
 * gives its own scores beside the normalised ones. */
void pz_explain_keep(struct pz_ranker *r)
{
    uint32_t n = r->m->items.n;

    memcpy(r->raw, r->blend, n * sizeof *r->raw);
    for (size_t p = 0; p < r->m->n_parts; p++) {
        const struct pz_part *part = &r->m->part[p];
        const float *score = r->part_score + p * n;
        double weight = pz_part_weight(part, &r->q);
        uint32_t best = 0;

        r->part_unit[p] = 0;
        if (weight <= 0 || !(r->used >> p & 1))
            continue;
        pz_part_score(part, &r->q, n, r->scratch, r->fallback);
        for (uint32_t i = 1; i < n; i++)
            best = score[i] > score[best] ? i : best;
        if (r->fallback[best] > 0)
            r->part_unit[p] = (float)weight * score[best] / r->fallback[best];
    }
}

/* Shares of all events of the history, all parts together, into contrib[n_hist]. A part that knows
 * nothing of items that came since training says nothing of one, and skips events with them. */
static void add_up(struct pz_ranker *r, uint32_t item)
{
    float *sum = r->contrib, *one = r->contrib + PZ_HIST_MAX;
    uint32_t n_learned = pz_model_learned(r->m);

    memset(sum, 0, r->q.n_hist * sizeof *sum);
    for (size_t p = 0; p < r->m->n_parts; p++) {
        const struct pz_part *part = &r->m->part[p];
        bool all = part->scorer->extend != NULL;
        size_t k = 0;
        float unit;

        if (r->part_unit[p] == 0 || !part->scorer->explain || (!all && item >= n_learned))
            continue;
        part->scorer->explain(part->part, pz_part_query(part, &r->q), item, r->scratch, one);
        unit = r->part_unit[p] * pz_trend_factor(part->trend, r->q.now, item);
        for (size_t e = 0; e < r->q.n_hist; e++)
            if (all || r->q.hist[e] < n_learned)
                sum[e] += unit * one[k++];
    }
}

/* Put a cause in its place among the largest; what falls out at the end goes to the rest. */
static void insert_cause(struct pz_reason *reason, struct pz_cause c)
{
    for (size_t i = 0; i < reason->n_causes; i++)
        if (fabsf(c.share) > fabsf(reason->cause[i].share)) {
            struct pz_cause larger = c;

            c = reason->cause[i];
            reason->cause[i] = larger;
        }
    if (reason->n_causes < PZ_MAX_CAUSES)
        reason->cause[reason->n_causes++] = c;
    else
        reason->rest += c.share;
}

/* Events with one item are one cause, dated by the newest. */
static void fill_causes(struct pz_ranker *r, struct pz_reason *reason)
{
    const struct pz_query *q = &r->q;
    float *share = r->contrib;

    for (size_t e = q->n_hist; e-- > 0;) {
        struct pz_cause c = { q->hist[e], q->hist_time[e], share[e] };

        for (size_t k = 0; k < e; k++)
            if (q->hist[k] == c.item) {
                c.share += share[k];
                share[k] = 0;
            }
        if (c.share != 0)
            insert_cause(reason, c);
    }
}

/* 1 + the items of the set that come before this one by score, or, where that is 0, by the
 * fallback. */
static size_t place_of(struct pz_ranker *r, const float *score, uint32_t item)
{
    bool known = score[item] > 0;
    size_t before = 0;

    if (!known)
        pz_rank_fallback(r);
    for (uint32_t i = 0; i < r->m->items.n; i++) {
        float a = known || score[i] > 0 ? score[i] : r->fallback[i];
        float b = known ? score[item] : r->fallback[item];

        if (pz_bits_has(r->allowed, i) &&
            ((!known && score[i] > 0) || a > b || (a == b && i < item)))
            before++;
    }
    return before + 1;
}

static struct pz_reason explain_item(struct pz_ranker *r, uint32_t item)
{
    struct pz_reason reason = { .blend = r->raw[item],
                                .exploration = pz_rank_exploration(r, item),
                                .rotation = pz_rank_rotation(r, item),
                                .objective = pz_rank_objective(r, item),
                                .boost = pz_rank_boost(r, item),
                                .rank = (uint32_t)place_of(r, r->raw, item) };

    for (size_t p = 0; p < r->m->n_parts; p++)
        reason.part[p] = (float)pz_part_weight(&r->m->part[p], &r->q) *
                         r->part_score[p * r->m->items.n + item];
    add_up(r, item);
    fill_causes(r, &reason);
    return reason;
}

enum pz_status pz_explain(struct pz_ranker *r, struct pz_answer *answer, struct pz_err *err)
{
    if (!pz_mem_grow(&r->reason, &r->cap_reasons, answer->n + 1, sizeof *r->reason))
        return pz_err_memory(err, "explanations", (double)answer->n * sizeof *r->reason);
    for (size_t i = 0; i < answer->n; i++)
        r->reason[i] = answer->hit[i].item == PZ_NONE
                           ? (struct pz_reason){ .rotation = 1, .objective = 1, .boost = 1 }
                           : explain_item(r, answer->hit[i].item);
    answer->reason = r->reason;
    return PZ_OK;
}

/* ---- why not ---- */

/* The newest event that makes the item seen, or NULL. */
static const struct pz_past *seen_by(const struct pz_ranker *r, uint32_t item)
{
    for (size_t i = r->n_past; i-- > 0;)
        if (r->past[i].item == item && pz_rank_is_seen(r, &r->past[i]))
            return &r->past[i];
    return NULL;
}

static bool is_listed(const struct pz_ranker *r, const char *item_id)
{
    for (size_t i = 0; i < r->req->n_rank; i++)
        if (strcmp(r->req->rank[i], item_id) == 0)
            return true;
    return r->req->n_rank == 0;
}

static size_t count_allowed(const struct pz_ranker *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->words; i++)
        n += (size_t)__builtin_popcountll(r->allowed[i]);
    return n;
}

static enum pz_status judge_mask(struct pz_ranker *r, const char *item_id, uint32_t item,
                                 struct pz_why *out, struct pz_err *err)
{
    enum pz_seen rule = pz_rank_seen(r->m, &r->req->rules, r->req->n_rank > 0);
    const struct pz_past *event = rule == PZ_SEEN_KEEP ? NULL : seen_by(r, item);

    if (!is_listed(r, item_id))
        out->fate = PZ_FATE_UNLISTED;
    else if (r->q.task != PZ_TASK_RANK && r->req->item_id && strcmp(item_id, r->req->item_id) == 0)
        out->fate = PZ_FATE_ITSELF;
    else if (rule == PZ_SEEN_ONLY && !event)
        out->fate = PZ_FATE_NOT_SEEN;
    else if (rule == PZ_SEEN_EXCLUDE && event)
        out->fate = PZ_FATE_SEEN;
    else
        out->fate = PZ_FATE_FILTERED;
    if (out->fate == PZ_FATE_FILTERED)
        return pz_rank_filter_why(r, item, &out->condition, &out->n_condition, err);
    out->time = event ? event->time : 0;
    out->event_type = event ? event->type : NULL;
    out->n_type = event ? event->n_type : 0;
    return PZ_OK;
}

enum pz_status pz_rank_why(struct pz_ranker *r, const struct pz_answer *answer, const char *item_id,
                           struct pz_why *out, struct pz_err *err)
{
    uint32_t item = pz_dict_find_str(&r->m->items, item_id);

    *out = (struct pz_why){ .fate = PZ_FATE_UNKNOWN, .among = count_allowed(r) };
    if (!r->raw)
        return pz_err_set(err, PZ_INTERNAL, "the answer was not explained");
    if (item == PZ_NONE)
        return PZ_OK;
    out->reason = explain_item(r, item);
    for (size_t i = 0; i < answer->n; i++)
        if (answer->hit[i].item == item) {
            out->fate = PZ_FATE_LISTED;
            out->place = i + 1;
            return PZ_OK;
        }
    if (!pz_bits_has(r->allowed, item))
        return judge_mask(r, item_id, item, out, err);
    out->place = place_of(r, r->blend, item);
    out->fate = out->place <= answer->n ? PZ_FATE_DISPLACED : PZ_FATE_LATER;
    return PZ_OK;
}
