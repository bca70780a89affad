/* SPDX-License-Identifier: Apache-2.0 */
/* Writing answers: see write.h. Every format is appended to a text, which remembers that memory
 * was out; nothing here reads or writes files.
 *
 * JSON is written piece by piece rather than built as a tree, as a batch writes millions of
 * answers. Strings go through the one writer of JSON or of CSV cells, so that no id or title can
 * break a line or a record. What is null is left out of metadata, as Personalize has it. */
#include "answer/write.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/time.h"
#include "filter/filter.h"

static const char *hit_id(const struct pz_model *m, const struct pz_hit *h, size_t *n)
{
    if (h->item != PZ_NONE)
        return pz_dict_get(&m->items, h->item, n);
    *n = strlen(h->id);
    return h->id;
}

void pz_answer_header(struct pz_str *out, const struct pz_show *show, bool related, bool explained)
{
    static const char *const names[] = { "item_id", "rank", "score", "source" }, *const more[] = {
        "model_rank", "blend", "scores", "because", "rules"
    };
    char d = show->format == PZ_FORMAT_TSV ? '\t' : ',';

    if (show->format != PZ_FORMAT_CSV && show->format != PZ_FORMAT_TSV)
        return;
    pz_str_adds(out, related ? "for_item_id" : "user_id");
    if (show->wide) {
        for (uint32_t i = 1; i <= show->wide; i++)
            pz_str_addf(out, "%citem_%u", d, i);
        pz_str_addc(out, '\n');
        return;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        pz_str_addf(out, "%c%s", d, names[i]);
    for (size_t i = 0; i < show->columns.n; i++) {
        pz_str_addc(out, d);
        pz_str_add_csv(out, show->columns.column[i].name, strlen(show->columns.column[i].name), d);
    }
    for (size_t i = 0; explained && i < sizeof more / sizeof *more; i++)
        pz_str_addf(out, "%c%s", d, more[i]);
    pz_str_addc(out, '\n');
}

/* The columns of an item, each as a cell after the delimiter. */
static void add_column_cells(struct pz_str *out, const struct pz_columns *c, uint32_t item, char d)
{
    struct pz_str cell = { 0 };

    for (size_t k = 0; k < c->n; k++) {
        pz_str_reset(&cell);
        pz_columns_add(&cell, c, k, item);
        pz_str_addc(out, d);
        pz_str_add_csv(out, cell.len ? cell.data : "", cell.len, d);
    }
    out->failed |= cell.failed;
    pz_str_clear(&cell);
}

/* {"NAME":"VALUE",...}: strings, as Personalize has them; nulls are left out. */
static void add_metadata(struct pz_str *out, const struct pz_columns *c, uint32_t item)
{
    struct pz_str value = { 0 };
    const char *comma = "";

    pz_str_addc(out, '{');
    for (size_t k = 0; k < c->n; k++) {
        pz_str_reset(&value);
        pz_columns_add(&value, c, k, item);
        /* Personalize leaves null out of metadata. */
        if (value.len == 0)
            continue;
        pz_str_adds(out, comma);
        pz_json_add_string(out, c->column[k].name, strlen(c->column[k].name));
        pz_str_addc(out, ':');
        pz_json_add_string(out, value.data, value.len);
        comma = ",";
    }
    pz_str_addc(out, '}');
    out->failed |= value.failed;
    pz_str_clear(&value);
}

/* ---- reasons ---- */

/* The rules that changed an item's score or place, as NAME=VALUE. */
static size_t list_rules(const struct pz_reason *w, const struct pz_hit *h, char line[][64])
{
    size_t n = 0;

    if (w->exploration > 0)
        snprintf(line[n++], 64, "exploration=+%.4g", (double)w->exploration);
    if (w->rotation != 1)
        snprintf(line[n++], 64, "rotation=%.4g", (double)w->rotation);
    if (w->objective != 1)
        snprintf(line[n++], 64, "objective=%.4g", (double)w->objective);
    if (w->boost != 1)
        snprintf(line[n++], 64, "boost=%.4g", (double)w->boost);
    if (h && h->promotion)
        snprintf(line[n++], 64, "promotion=%.40s", h->promotion);
    return n;
}

/* The name of what gave the p-th share of a blend. */
static const char *share_name(const struct pz_model *m, size_t p)
{
    return p < m->n_parts ? m->part[p].scorer->name : "live";
}

/* Three cells of "a=1 b=2". */
static void add_reason_cells(struct pz_str *out, char d, const struct pz_model *m,
                             const struct pz_reason *w, const struct pz_hit *h)
{
    struct pz_str because = { 0 };
    char rule[5][64];
    size_t n = list_rules(w, h, rule);
    const char *space = "";

    pz_str_addf(out, "%c%u%c%.6g%c", d, w->rank, d, (double)w->blend, d);
    for (size_t p = 0; p <= m->n_parts; p++)
        if (w->part[p] != 0) {
            pz_str_addf(out, "%s%s=%.6g", space, share_name(m, p), (double)w->part[p]);
            space = " ";
        }
    pz_str_addc(out, d);
    for (size_t i = 0; i < w->n_causes; i++) {
        size_t len;
        const char *id = pz_dict_get(&m->items, w->cause[i].item, &len);

        pz_str_addf(&because, "%s%.*s=%.6g", i ? " " : "", (int)len, id, (double)w->cause[i].share);
    }
    if (w->rest != 0)
        pz_str_addf(&because, " rest=%.6g", (double)w->rest);
    pz_str_add_csv(out, because.data ? because.data : "", because.len, d);
    pz_str_addc(out, d);
    for (size_t i = 0; i < n; i++)
        pz_str_addf(out, "%s%s", i ? " " : "", rule[i]);
    pz_str_clear(&because);
}

/* The members of a reason, as "name":value,... */
static void add_reason_members(struct pz_str *out, const struct pz_model *m,
                               const struct pz_reason *w, const struct pz_hit *h)
{
    char rule[5][64], when[32];
    size_t n = list_rules(w, h, rule);
    const char *comma = "";

    pz_str_addf(out, "\"modelRank\":%u,\"blend\":", w->rank);
    pz_json_add_number(out, (double)w->blend, true);
    pz_str_adds(out, ",\"scores\":{");
    for (size_t p = 0; p <= m->n_parts; p++)
        if (w->part[p] != 0) {
            pz_str_addf(out, "%s\"%s\":", comma, share_name(m, p));
            pz_json_add_number(out, (double)w->part[p], true);
            comma = ",";
        }
    pz_str_adds(out, "},\"because\":[");
    for (size_t i = 0; i < w->n_causes; i++) {
        size_t len;
        const char *id = pz_dict_get(&m->items, w->cause[i].item, &len);

        pz_str_adds(out, i ? ",{\"itemId\":" : "{\"itemId\":");
        pz_json_add_string(out, id, len);
        pz_str_addf(out, ",\"time\":\"%s\",\"share\":", pz_time_format(w->cause[i].time, when));
        pz_json_add_number(out, (double)w->cause[i].share, true);
        pz_str_addc(out, '}');
    }
    pz_str_adds(out, "],\"rest\":");
    pz_json_add_number(out, (double)w->rest, true);
    pz_str_adds(out, ",\"rules\":[");
    for (size_t i = 0; i < n; i++) {
        pz_str_adds(out, i ? "," : "");
        pz_json_add_string(out, rule[i], strlen(rule[i]));
    }
    pz_str_addc(out, ']');
}

static void add_rows(struct pz_str *out, char d, const struct pz_show *show, const char *key,
                     const struct pz_answer *a)
{
    const struct pz_model *m = show->snap->model;

    for (size_t i = 0; i < a->n; i++) {
        size_t n;
        const char *id = hit_id(m, &a->hit[i], &n);

        pz_str_add_csv(out, key, strlen(key), d);
        pz_str_addc(out, d);
        pz_str_add_csv(out, id, n, d);
        pz_str_addf(out, "%c%zu%c", d, i + 1, d);
        if (!isnan(a->hit[i].score))
            pz_str_add_float(out, (float)a->hit[i].score);
        pz_str_addf(out, "%c%s", d, pz_origin_name(a->hit[i].source));
        add_column_cells(out, &show->columns, a->hit[i].item, d);
        if (a->reason)
            add_reason_cells(out, d, m, &a->reason[i], &a->hit[i]);
        pz_str_addc(out, '\n');
    }
}

/* One row an answer; every row has as many cells as the header. */
static void add_wide_row(struct pz_str *out, char d, const struct pz_show *show, const char *key,
                         const struct pz_answer *a)
{
    pz_str_add_csv(out, key, strlen(key), d);
    for (uint32_t i = 0; i < show->wide; i++) {
        size_t n = 0;
        const char *id = i < a->n ? hit_id(show->snap->model, &a->hit[i], &n) : "";

        pz_str_addc(out, d);
        pz_str_add_csv(out, id, n, d);
    }
    pz_str_addc(out, '\n');
}

static void add_list(struct pz_str *out, const char *name, const char *const *list, size_t n)
{
    pz_str_addf(out, "\"%s\":[", name);
    for (size_t i = 0; i < n; i++) {
        if (i)
            pz_str_addc(out, ',');
        pz_json_add_string(out, list[i], strlen(list[i]));
    }
    pz_str_addc(out, ']');
}

/* "NAME":"TEXT" with a comma in front of all but the first. */
static void add_text(struct pz_str *out, bool *first, const char *name, const char *text)
{
    if (!text)
        return;
    pz_str_addf(out, "%s\"%s\":", *first ? "" : ",", name);
    pz_json_add_string(out, text, strlen(text));
    *first = false;
}

static void add_input(struct pz_str *out, const struct pz_request *req)
{
    bool first = true;

    if (req->echo) {
        pz_str_addf(out, "{\"input\":%s", req->echo);
        return;
    }
    pz_str_adds(out, "{\"input\":{");
    add_text(out, &first, "userId", req->user_id);
    add_text(out, &first, "itemId", req->item_id);
    if (req->n_rank > 0) {
        pz_str_adds(out, first ? "" : ",");
        add_list(out, "itemList", req->rank, req->n_rank);
        first = false;
    }
    if (req->n_history > 0) {
        pz_str_adds(out, first ? "" : ",");
        add_list(out, "history", req->history, req->n_history);
    }
    pz_str_addc(out, '}');
}

static void add_batch_line(struct pz_str *out, const struct pz_show *show,
                           const struct pz_answered *answered)
{
    const struct pz_model *m = show->snap->model;
    const struct pz_request *req = &answered->req;
    const struct pz_answer *a = &answered->answer;
    char rid[PZ_RID_BYTES];
    bool scores = a->n > 0 && !isnan(a->hit[0].score);
    size_t n;

    add_input(out, req);
    pz_str_adds(out, ",\"output\":{\"recommendedItems\":[");
    for (size_t i = 0; i < a->n; i++) {
        const char *id = hit_id(m, &a->hit[i], &n);

        if (i)
            pz_str_addc(out, ',');
        pz_json_add_string(out, id, n);
    }
    pz_str_addc(out, ']');
    for (size_t i = 0; i < a->n && scores; i++) {
        pz_str_adds(out, i ? "," : ",\"scores\":[");
        /* Personalize's lists of scores are as long as those of items: what has none counts as 0
         * here. */
        pz_json_add_number(out, isnan(a->hit[i].score) ? 0 : a->hit[i].score, true);
    }
    pz_str_adds(out, scores ? "]" : "");
    for (size_t i = 0; i < a->n && show->columns.n > 0; i++) {
        pz_str_adds(out, i ? "," : ",\"metadata\":[");
        add_metadata(out, &show->columns, a->hit[i].item);
        pz_str_adds(out, i + 1 == a->n ? "]" : "");
    }
    for (size_t i = 0; i < a->n && a->reason; i++) {
        pz_str_adds(out, i ? ",{" : ",\"explanations\":[{");
        add_reason_members(out, m, &a->reason[i], &a->hit[i]);
        pz_str_adds(out, i + 1 == a->n ? "}]" : "}");
    }
    if (a->is_short)
        pz_str_adds(out, ",\"short\":true");
    if (req->probe > 0)
        pz_str_addf(out, ",\"probed\":%.5f", a->probed);
    pz_str_addf(out, ",\"recommendationId\":\"%s\"},\"error\":null}\n",
                pz_answered_rid(answered, rid));
}

static void add_hit(struct pz_str *out, const struct pz_show *show, const struct pz_hit *h,
                    const struct pz_reason *reason)
{
    const struct pz_model *m = show->snap->model;
    bool first = false;
    size_t n;
    const char *id = hit_id(m, h, &n);

    pz_str_adds(out, "{\"itemId\":");
    pz_json_add_string(out, id, n);
    if (!isnan(h->score)) {
        pz_str_adds(out, ",\"score\":");
        pz_json_add_number(out, h->score, true);
    }
    pz_str_addf(out, ",\"source\":\"%s\"", pz_origin_name(h->source));
    add_text(out, &first, "promotionName", h->promotion);
    if (show->columns.n > 0) {
        pz_str_adds(out, ",\"metadata\":");
        add_metadata(out, &show->columns, h->item);
    }
    if (reason) {
        pz_str_adds(out, ",\"explanation\":{");
        add_reason_members(out, m, reason, h);
        pz_str_addc(out, '}');
    }
    pz_str_addc(out, '}');
}

/* The rules in force, the recipe's own among them. */
static void add_rules(struct pz_str *out, const struct pz_model *m, const struct pz_request *req)
{
    static const char *const seen[] = { "default", "exclude", "keep", "only" };
    const struct pz_rules *rules = &req->rules;
    bool first = false;

    pz_str_addf(out, "\"rules\":{\"seen\":\"%s\"", seen[pz_rank_seen(m, rules, req->n_rank > 0)]);
    if (req->filter)
        add_text(out, &first, "filter", pz_filter_text(req->filter));
    if (rules->n_seen_types > 0) {
        pz_str_addc(out, ',');
        add_list(out, "seenTypes", rules->seen_type, rules->n_seen_types);
    }
    if (rules->seen_age_s > 0)
        pz_str_addf(out, ",\"seenAgeSeconds\":%lld", (long long)rules->seen_age_s);
    for (size_t i = 0; i < rules->n_caps; i++) {
        pz_str_adds(out, i ? "," : ",\"maxPer\":{");
        pz_json_add_string(out, rules->cap[i].column, strlen(rules->cap[i].column));
        pz_str_addf(out, ":%u%s", rules->cap[i].most, i + 1 == rules->n_caps ? "}" : "");
    }
    for (size_t i = 0; i < rules->n_promotions; i++) {
        pz_str_adds(out, i ? "," : ",\"promotions\":{");
        pz_json_add_string(out, rules->promotion[i].name, strlen(rules->promotion[i].name));
        pz_str_addf(out, ":%g%s", rules->promotion[i].percent,
                    i + 1 == rules->n_promotions ? "}" : "");
    }
    for (size_t i = 0; i < rules->n_boosts; i++) {
        pz_str_adds(out, i ? "," : ",\"boosts\":{");
        pz_json_add_string(out, rules->boost[i].text, strlen(rules->boost[i].text));
        pz_str_addf(out, ":%g%s", rules->boost[i].factor, i + 1 == rules->n_boosts ? "}" : "");
    }
    if (rules->diversity > 0)
        pz_str_addf(out, ",\"diversity\":%g", rules->diversity);
    add_text(out, &first, "diversityColumn", rules->diversity_column);
    if (rules->rotation > 0)
        pz_str_addf(out, ",\"rotation\":%g", rules->rotation);
    add_text(out, &first, "objective", rules->objective);
    if (rules->objective)
        pz_str_addf(out, ",\"objectivePower\":%.3g", rules->objective_power);
    pz_str_addc(out, '}');
}

static void add_object(struct pz_str *out, const struct pz_show *show,
                       const struct pz_answered *answered)
{
    const struct pz_request *req = &answered->req;
    const struct pz_answer *a = &answered->answer;
    char token[64], rid[PZ_RID_BYTES];
    bool first = true;

    pz_str_addc(out, '{');
    add_text(out, &first, "userId", req->user_id);
    add_text(out, &first, "itemId", req->item_id);
    pz_str_addf(out, "%s\"%s\":[", first ? "" : ",",
                req->n_rank > 0 ? "personalizedRanking" : "itemList");
    for (size_t i = 0; i < a->n; i++) {
        pz_str_adds(out, i ? "," : "");
        add_hit(out, show, &a->hit[i], a->reason ? &a->reason[i] : NULL);
    }
    pz_str_addf(out, "],\"recommendationId\":\"%s\",\"short\":%s,", pz_answered_rid(answered, rid),
                a->is_short ? "true" : "false");
    add_rules(out, show->snap->model, req);
    if (req->probe > 0)
        pz_str_addf(out, ",\"probed\":%.5f", a->probed);
    if (a->has_next)
        pz_str_addf(out, ",\"nextPageToken\":\"%s\"", pz_page_format(&a->next, token));
    pz_str_adds(out, "}\n");
}

void pz_answer_error(struct pz_str *out, const struct pz_request *req, const char *message)
{
    add_input(out, req);
    pz_str_adds(out, ",\"output\":null,\"error\":{\"errorMessage\":");
    pz_json_add_string(out, message, strlen(message));
    pz_str_adds(out, "}}\n");
}

void pz_answer_add(struct pz_str *out, const struct pz_show *show, const struct pz_answered *a)
{
    const struct pz_request *req = &a->req;
    bool related = req->item_id && !req->user_id;
    const char *key = related ? req->item_id : req->user_id ? req->user_id : "";

    if (show->format == PZ_FORMAT_JSON)
        add_object(out, show, a);
    else if (show->format == PZ_FORMAT_JSONL)
        add_batch_line(out, show, a);
    else if (show->format == PZ_FORMAT_TABLE)
        pz_answer_table(out, show, a);
    else
        (show->wide ? add_wide_row : add_rows)(out, show->format == PZ_FORMAT_TSV ? '\t' : ',',
                                               show, key, &a->answer);
}

/* ---- users ---- */

void pz_answer_segment_header(struct pz_str *out, const struct pz_show *show)
{
    if (show->format == PZ_FORMAT_CSV)
        pz_str_adds(out, "for_item_id,user_id,rank,score\n");
    else if (show->format == PZ_FORMAT_TSV)
        pz_str_adds(out, "for_item_id\tuser_id\trank\tscore\n");
}

static void add_segment_line(struct pz_str *out, const struct pz_question *q,
                             const struct pz_user_segment *s)
{
    bool first = true;

    if (q->echo) {
        pz_str_addf(out, "{\"input\":%s", q->echo);
    } else {
        pz_str_adds(out, "{\"input\":{");
        add_text(out, &first, "itemId", s->item_id);
        add_text(out, &first, "itemAttributes", s->where);
        pz_str_addc(out, '}');
    }
    pz_str_adds(out, ",\"output\":{\"recommendedUsers\":[");
    for (size_t i = 0; i < s->n; i++) {
        pz_str_adds(out, i ? "," : "");
        pz_json_add_string(out, s->user[i].user_id, strlen(s->user[i].user_id));
    }
    pz_str_adds(out, "],\"scores\":[");
    for (size_t i = 0; i < s->n; i++) {
        pz_str_adds(out, i ? "," : "");
        pz_json_add_number(out, s->user[i].share, true);
    }
    pz_str_adds(out, "]},\"error\":null}\n");
}

void pz_answer_segment(struct pz_str *out, const struct pz_show *show, const struct pz_question *q,
                       const struct pz_user_segment *s)
{
    const char *key = s->item_id ? s->item_id : "";
    char d = show->format == PZ_FORMAT_TSV ? '\t' : ',';

    if (show->format == PZ_FORMAT_JSON || show->format == PZ_FORMAT_JSONL) {
        add_segment_line(out, q, s);
        return;
    }
    for (size_t i = 0; i < s->n; i++) {
        pz_str_add_csv(out, key, strlen(key), d);
        pz_str_addc(out, d);
        pz_str_add_csv(out, s->user[i].user_id, strlen(s->user[i].user_id), d);
        pz_str_addf(out, "%c%zu%c", d, i + 1, d);
        pz_str_add_float(out, (float)s->user[i].share);
        pz_str_addc(out, '\n');
    }
}

/* ---- why not ---- */

static const char *const fate_name[] = { "listed",   "later",  "displaced", "seen",   "filtered",
                                         "not-seen", "itself", "unlisted",  "unknown" };

static void add_why_sentence(struct pz_str *out, const struct pz_request *req, const char *item_id,
                             const struct pz_why *v)
{
    char when[32];

    pz_str_addf(out, "%s: %s: ", item_id, fate_name[v->fate]);
    if (v->fate == PZ_FATE_LISTED)
        pz_str_addf(out, "place %zu of the answer; the model alone has it at %u of %zu", v->place,
                    v->reason.rank, v->among);
    else if (v->fate == PZ_FATE_LATER)
        pz_str_addf(out, "place %zu of %zu; %u were asked for", v->place, v->among, req->num);
    else if (v->fate == PZ_FATE_DISPLACED)
        pz_str_addf(out,
                    "place %zu of %zu by score, but promotions, --max-per, --diversify or earlier "
                    "pages put others first",
                    v->place, v->among);
    else if (v->fate == PZ_FATE_SEEN)
        pz_str_addf(out, "%.*s%sat %s, and the seen rule leaves out what was met", (int)v->n_type,
                    v->event_type ? v->event_type : "", v->n_type ? " " : "",
                    pz_time_format(v->time, when));
    else if (v->fate == PZ_FATE_FILTERED)
        pz_str_addf(out, "it does not pass the filter: %.*s", (int)v->n_condition, v->condition);
    else if (v->fate == PZ_FATE_NOT_SEEN)
        pz_str_adds(out, "only items of the history were asked for");
    else if (v->fate == PZ_FATE_ITSELF)
        pz_str_adds(out, "it is the item that others are related to");
    else if (v->fate == PZ_FATE_UNLISTED)
        pz_str_adds(out, "it is not in the list to order");
    else
        pz_str_adds(out, "no item of the model has this id");
    pz_str_addc(out, '\n');
}

void pz_answer_why(struct pz_str *out, enum pz_format format, const struct pz_model *m,
                   const struct pz_request *req, const char *item_id, const struct pz_why *v)
{
    bool first = false;
    char when[32];

    if (format != PZ_FORMAT_JSON && format != PZ_FORMAT_JSONL) {
        add_why_sentence(out, req, item_id, v);
        return;
    }
    pz_str_adds(out, "{\"itemId\":");
    pz_json_add_string(out, item_id, strlen(item_id));
    add_text(out, &first, "fate", fate_name[v->fate]);
    if (v->place > 0)
        pz_str_addf(out, ",\"place\":%zu", v->place);
    pz_str_addf(out, ",\"among\":%zu", v->among);
    if (v->fate == PZ_FATE_SEEN) {
        pz_str_addf(out, ",\"time\":\"%s\",\"eventType\":", pz_time_format(v->time, when));
        pz_json_add_string(out, v->event_type ? v->event_type : "", v->n_type);
    }
    if (v->fate == PZ_FATE_FILTERED) {
        pz_str_adds(out, ",\"condition\":");
        pz_json_add_string(out, v->condition, v->n_condition);
    }
    if (v->fate != PZ_FATE_UNKNOWN) {
        pz_str_adds(out, ",\"explanation\":{");
        add_reason_members(out, m, &v->reason, NULL);
        pz_str_addc(out, '}');
    }
    pz_str_adds(out, "}\n");
}
