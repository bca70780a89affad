/* SPDX-License-Identifier: Apache-2.0 */
/* Explanations: what each part of the model gave to an item, which items of the history that came
 * from, and what rules made of it.
 *
 * A part's own score enters the blend times weight / largest score; the same factor turns its
 * account of the history (struct pz_scorer, explain) into shares of the blend. They sum to what the
 * part gave where the part is additive. */
#include "rank/explain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "rank/arrive.h"

enum pz_status pz_explanation_begin(struct pz_explanation *e, const struct pz_model *m,
                                    struct pz_err *err)
{
    size_t n = m->items.n, parts = m->n_parts;

    if (!e->raw)
        e->raw = pz_mem_array(n, sizeof *e->raw);
    if (!e->part_score)
        e->part_score = pz_mem_array(parts * n, sizeof *e->part_score);
    if (!e->part_unit)
        e->part_unit = pz_mem_array(parts, sizeof *e->part_unit);
    if (!e->contrib)
        e->contrib = pz_mem_array(2 * PZ_HIST_MAX, sizeof *e->contrib);
    return e->raw && e->part_score && e->part_unit && e->contrib
               ? PZ_OK
               : pz_err_memory(err, "explanations", 4.0 * (double)((parts + 1) * n));
}

/* The scale of a part: one more run of it (into the array of the fallback, which is not there yet)
 * gives its own scores beside the normalised ones. */
void pz_explanation_keep(struct pz_explanation *e, const struct pz_scored *scored)
{
    const struct pz_model *m = scored->asked->m;
    const struct pz_query *q = &scored->history->query;
    float *own = scored->scores->fallback;
    uint32_t n = m->items.n;

    memcpy(e->raw, scored->scores->blend, n * sizeof *e->raw);
    for (size_t p = 0; p < m->n_parts; p++) {
        const struct pz_part *part = &m->part[p];
        const float *score = e->part_score + p * n;
        double weight = pz_part_weight(part, q);
        uint32_t best = 0;

        e->part_unit[p] = 0;
        if (weight <= 0 || !(scored->scores->used >> p & 1))
            continue;
        pz_part_score(part, q, n, scored->scores->scratch, own);
        for (uint32_t i = 1; i < n; i++)
            best = score[i] > score[best] ? i : best;
        if (own[best] > 0)
            e->part_unit[p] = (float)weight * score[best] / own[best];
    }
}

/* Shares of all events of the history, all parts together, into contrib[n_hist]. A part that knows
 * nothing of items that came since training says nothing of one, and skips events with them. */
static void add_up(struct pz_explanation *e, const struct pz_scored *scored, uint32_t item)
{
    const struct pz_model *m = scored->asked->m;
    const struct pz_query *q = &scored->history->query;
    float *sum = e->contrib, *one = e->contrib + PZ_HIST_MAX;
    uint32_t n_learned = pz_model_learned(m);

    memset(sum, 0, q->n_hist * sizeof *sum);
    for (size_t p = 0; p < m->n_parts; p++) {
        const struct pz_part *part = &m->part[p];
        bool all = part->scorer->extend != NULL;
        size_t k = 0;
        float unit;

        if (e->part_unit[p] == 0 || !part->scorer->explain || (!all && item >= n_learned))
            continue;
        part->scorer->explain(part->part, pz_part_query(part, q), item, scored->scores->scratch,
                              one);
        unit = e->part_unit[p] * pz_trend_factor(part->trend, q->now, item);
        for (size_t i = 0; i < q->n_hist; i++)
            if (all || q->hist[i] < n_learned)
                sum[i] += unit * one[k++];
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
static void fill_causes(const struct pz_query *q, float *share, struct pz_reason *reason)
{
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

/* 1 + the allowed items that come before this one by score, or, where that is 0, by the fallback.
 */
static size_t place_of(const struct pz_scored *scored, const float *score, uint32_t item)
{
    bool known = score[item] > 0;
    const float *fallback = known ? NULL : pz_scored_fallback(scored);
    size_t before = 0;

    for (uint32_t i = 0; i < scored->mask->n; i++) {
        float a = known || score[i] > 0 ? score[i] : fallback[i];
        float b = known ? score[item] : fallback[item];

        if (pz_bits_has(scored->mask->allowed, i) &&
            ((!known && score[i] > 0) || a > b || (a == b && i < item)))
            before++;
    }
    return before + 1;
}

static struct pz_reason explain_item(struct pz_explanation *e, const struct pz_scored *scored,
                                     uint32_t item)
{
    const struct pz_model *m = scored->asked->m;
    const struct pz_adjustment *a = scored->adjustment;
    struct pz_reason reason = { .blend = e->raw[item],
                                .exploration = pz_adjustment_exploration(a, item),
                                .rotation = pz_adjustment_rotation(a, item),
                                .objective = pz_adjustment_objective(a, item),
                                .boost = pz_adjustment_boost(a, item),
                                .rank = (uint32_t)place_of(scored, e->raw, item) };

    for (size_t p = 0; p < m->n_parts; p++)
        reason.part[p] = (float)pz_part_weight(&m->part[p], &scored->history->query) *
                         e->part_score[p * m->items.n + item];
    add_up(e, scored, item);
    reason.part[m->n_parts] = pz_scores_arrived(scored, item, e->contrib, e->contrib + PZ_HIST_MAX);
    fill_causes(&scored->history->query, e->contrib, &reason);
    return reason;
}

enum pz_status pz_explanation_make(struct pz_explanation *e, const struct pz_scored *scored,
                                   const struct pz_hit *hit, size_t n, struct pz_err *err)
{
    if (!pz_mem_grow(&e->reason, &e->cap_reasons, n + 1, sizeof *e->reason))
        return pz_err_memory(err, "explanations", (double)n * sizeof *e->reason);
    for (size_t i = 0; i < n; i++)
        e->reason[i] = hit[i].item == PZ_NONE
                           ? (struct pz_reason){ .rotation = 1, .objective = 1, .boost = 1 }
                           : explain_item(e, scored, hit[i].item);
    return PZ_OK;
}

/* ---- why not ---- */

/* The newest event that makes the item seen, or NULL. */
static const struct pz_past *seen_by(const struct pz_scored *scored, uint32_t item)
{
    const struct pz_history *h = scored->history;

    for (size_t i = h->n_past; i-- > 0;)
        if (h->past[i].item == item &&
            pz_mask_is_seen(&scored->asked->req->rules, h->now, &h->past[i]))
            return &h->past[i];
    return NULL;
}

static bool is_listed(const struct pz_request *req, const char *item_id)
{
    for (size_t i = 0; i < req->n_rank; i++)
        if (strcmp(req->rank[i], item_id) == 0)
            return true;
    return req->n_rank == 0;
}

static bool is_itself(const struct pz_scored *scored, const char *item_id)
{
    const char *own = scored->asked->req->item_id;

    return scored->history->query.task != PZ_TASK_RANK && own && strcmp(item_id, own) == 0;
}

static enum pz_status judge_mask(const struct pz_scored *scored, const char *item_id, uint32_t item,
                                 struct pz_why *out, struct pz_err *err)
{
    const struct pz_request *req = scored->asked->req;
    enum pz_seen rule = pz_rank_seen(scored->asked->m, &req->rules, req->n_rank > 0);
    const struct pz_past *event = rule == PZ_SEEN_KEEP ? NULL : seen_by(scored, item);

    if (!is_listed(req, item_id))
        out->fate = PZ_FATE_UNLISTED;
    else if (is_itself(scored, item_id))
        out->fate = PZ_FATE_ITSELF;
    else if (rule == PZ_SEEN_ONLY && !event)
        out->fate = PZ_FATE_NOT_SEEN;
    else if (rule == PZ_SEEN_EXCLUDE && event)
        out->fate = PZ_FATE_SEEN;
    else
        out->fate = PZ_FATE_FILTERED;
    if (out->fate == PZ_FATE_FILTERED)
        return pz_mask_why(scored->mask, req, item, out, err);
    out->time = event ? event->time : 0;
    out->event_type = event ? event->type : NULL;
    out->n_type = event ? event->n_type : 0;
    return PZ_OK;
}

enum pz_status pz_explanation_why(struct pz_explanation *e, const struct pz_scored *scored,
                                  const struct pz_answer *answer, const char *item_id,
                                  struct pz_why *out, struct pz_err *err)
{
    uint32_t item = pz_dict_find_str(&scored->asked->m->items, item_id);

    *out = (struct pz_why){ .fate = PZ_FATE_UNKNOWN,
                            .among = pz_bits_count(scored->mask->allowed, scored->mask->n) };
    if (!e->raw)
        return pz_err_set(err, PZ_INTERNAL, "the answer was not explained");
    if (item == PZ_NONE)
        return PZ_OK;
    out->reason = explain_item(e, scored, item);
    for (size_t i = 0; i < answer->n; i++)
        if (answer->hit[i].item == item) {
            out->fate = PZ_FATE_LISTED;
            out->place = i + 1;
            return PZ_OK;
        }
    if (!pz_bits_has(scored->mask->allowed, item))
        return judge_mask(scored, item_id, item, out, err);
    out->place = place_of(scored, scored->scores->blend, item);
    out->fate = out->place <= answer->n ? PZ_FATE_DISPLACED : PZ_FATE_LATER;
    return PZ_OK;
}

void pz_explanation_clear(struct pz_explanation *e)
{
    free(e->raw);
    free(e->part_score);
    free(e->part_unit);
    free(e->contrib);
    free(e->reason);
}
