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

static void add_input(struct pz_str *out, const struct pz_request *req)
{
    const char *key = req->user_id ? req->user_id : req->item_id;

    pz_str_adds(out, "{\"input\":{");
    if (key) {
        pz_str_addf(out, "\"%s\":", req->user_id ? "userId" : "itemId");
        pz_json_add_string(out, key, strlen(key));
    }
    for (size_t i = 0; i < req->n_rank; i++) {
        pz_str_adds(out, i ? "," : ",\"itemList\":[");
        pz_json_add_string(out, req->rank[i], strlen(req->rank[i]));
    }
    pz_str_adds(out, req->n_rank ? "]}" : "}");
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

static void add_object(struct pz_str *out, const struct pz_model *m, const struct pz_request *req,
                       const struct pz_answer *a)
{
    const char *key = req->user_id ? req->user_id : req->item_id;

    pz_str_addc(out, '{');
    if (key) {
        pz_str_addf(out, "\"%s\":", req->user_id ? "userId" : "itemId");
        pz_json_add_string(out, key, strlen(key));
        pz_str_addc(out, ',');
    }
    pz_str_adds(out, "\"itemList\":[");
    for (size_t i = 0; i < a->n; i++) {
        size_t n;
        const char *id = hit_id(m, &a->hit[i], &n);

        pz_str_adds(out, i ? ",{\"itemId\":" : "{\"itemId\":");
        pz_json_add_string(out, id, n);
        if (!isnan(a->hit[i].score)) {
            pz_str_adds(out, ",\"score\":");
            pz_json_add_number(out, a->hit[i].score, true);
        }
        pz_str_addf(out, ",\"source\":\"%s\"}", pz_origin_name(a->hit[i].source));
    }
    pz_str_addf(out, "],\"short\":%s}\n", a->is_short ? "true" : "false");
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
