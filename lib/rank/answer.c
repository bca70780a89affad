/* SPDX-License-Identifier: Apache-2.0 */
/* Writing answers: see answer.h. */
#include "rank/answer.h"

#include <math.h>
#include <string.h>

#include "base/json.h"

static const char *hit_id(const struct pz_model *m, const struct pz_hit *h, size_t *n)
{
    if (h->item != PZ_NONE)
        return pz_dict_get(&m->items, h->item, n);
    *n = strlen(h->id);
    return h->id;
}

void pz_answer_header(struct pz_str *out, enum pz_format format, bool related)
{
    char d = format == PZ_FORMAT_TSV ? '\t' : ',';

    if (format == PZ_FORMAT_CSV || format == PZ_FORMAT_TSV)
        pz_str_addf(out, "%s%citem_id%crank%cscore%csource\n", related ? "for_item_id" : "user_id", d,
                    d, d, d);
}

static void add_rows(struct pz_str *out, char d, const struct pz_model *m, const char *key,
                     const struct pz_answer *a)
{
    for (size_t i = 0; i < a->n; i++) {
        size_t n;
        const char *id = hit_id(m, &a->hit[i], &n);

        pz_str_add_csv(out, key, strlen(key), d);
        pz_str_addc(out, d);
        pz_str_add_csv(out, id, n, d);
        pz_str_addf(out, "%c%zu%c", d, i + 1, d);
        if (!isnan(a->hit[i].score))
            pz_str_add_float(out, (float)a->hit[i].score);
        pz_str_addf(out, "%c%s\n", d, pz_origin_name(a->hit[i].source));
    }
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

static void add_batch_line(struct pz_str *out, const struct pz_model *m,
                           const struct pz_request *req, const struct pz_answer *a)
{
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
        pz_json_add_number(out, isnan(a->hit[i].score) ? 0 : a->hit[i].score, true);
    }
    pz_str_adds(out, scores ? "]" : "");
    if (a->is_short)
        pz_str_adds(out, ",\"short\":true");
    pz_str_adds(out, "},\"error\":null}\n");
}

static void add_hit(struct pz_str *out, const struct pz_model *m, const struct pz_hit *h)
{
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
    pz_str_addc(out, '}');
}

/* The rules in force, the recipe's own among them. */
static void add_rules(struct pz_str *out, const struct pz_model *m, const struct pz_request *req)
{
    static const char *const seen[] = { "default", "exclude", "keep", "only" };
    const struct pz_rules *rules = &req->rules;
    bool first = false;

    pz_str_addf(out, "\"rules\":{\"seen\":\"%s\"",
                seen[pz_rank_seen(m, rules, req->n_rank > 0)]);
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
        pz_str_addf(out, ":%g%s", rules->promotion[i].percent, i + 1 == rules->n_promotions ? "}" : "");
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

static void add_object(struct pz_str *out, const struct pz_model *m, const struct pz_request *req,
                       const struct pz_answer *a)
{
    char token[64];
    bool first = true;

    pz_str_addc(out, '{');
    add_text(out, &first, "userId", req->user_id);
    add_text(out, &first, "itemId", req->item_id);
    pz_str_adds(out, first ? "\"itemList\":[" : ",\"itemList\":[");
    for (size_t i = 0; i < a->n; i++) {
        pz_str_adds(out, i ? "," : "");
        add_hit(out, m, &a->hit[i]);
    }
    pz_str_addf(out, "],\"short\":%s,", a->is_short ? "true" : "false");
    add_rules(out, m, req);
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

void pz_answer_add(struct pz_str *out, enum pz_format format, const struct pz_model *m,
                   const struct pz_request *req, const struct pz_answer *answer)
{
    bool related = req->item_id && !req->user_id;
    const char *key = related ? req->item_id : req->user_id ? req->user_id : "";

    if (format == PZ_FORMAT_JSON)
        add_object(out, m, req, answer);
    else if (format == PZ_FORMAT_JSONL)
        add_batch_line(out, m, req, answer);
    else
        add_rows(out, format == PZ_FORMAT_TSV ? '\t' : ',', m, key, answer);
}
