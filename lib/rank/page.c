/* SPDX-License-Identifier: Apache-2.0 */
/* Pages: page p answers the same question once the items of pages 0 .. p-1 are taken away, all of
 * them made from the history as it was for the first. So no item comes twice and none is lost,
 * whatever the user does in between. A token holds the page's number, the last live event that
 * counts, whether the first page was about what comes next, which the clock decided, and a check of
 * the model and of everything that is asked, rules and values among it: a token of another question
 * is refused. */
#include "rank/page.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "filter/filter.h"
#include "table/hash.h"

static uint64_t mix_text(uint64_t h, const char *s)
{
    return pz_rng_mix(h ^ (s ? pz_hash64(s, strlen(s)) : 1));
}

static uint64_t mix_number(uint64_t h, double x)
{
    return pz_rng_mix(h ^ pz_hash64(&x, sizeof x));
}

static uint64_t mix_list(uint64_t h, const char *const *list, size_t n)
{
    h = mix_number(h, (double)n);
    for (size_t i = 0; i < n; i++)
        h = mix_text(h, list[i]);
    return h;
}

static uint64_t mix_filter(uint64_t h, const struct pz_filter *filter)
{
    return mix_text(h, filter ? pz_filter_text(filter) : NULL);
}

static uint64_t mix_model(uint64_t h, const struct pz_model *m)
{
    h = pz_rng_mix(h ^ ((uint64_t)pz_model_learned(m) << 32 | m->users.n));
    h = pz_rng_mix(h ^ (uint64_t)m->newest ^ m->n_interactions << 20);
    for (size_t i = 0; i < m->n_parts; i++) {
        h = mix_number(h, m->part[i].weight);
        for (enum pz_lists l = 0; l < PZ_LISTS; l++)
            h = mix_number(h, m->part[i].own[l].weight);
    }
    return h;
}

static uint64_t mix_rules(uint64_t h, const struct pz_rules *rules)
{
    h = mix_number(h, rules->seen);
    h = mix_list(h, rules->seen_type, rules->n_seen_types);
    h = mix_number(h, (double)rules->seen_age_s);
    for (size_t i = 0; i < rules->n_caps; i++)
        h = mix_number(mix_text(h, rules->cap[i].column), rules->cap[i].most);
    for (size_t i = 0; i < rules->n_promotions; i++) {
        h = mix_number(mix_text(h, rules->promotion[i].name), rules->promotion[i].percent);
        h = mix_filter(h, rules->promotion[i].filter);
    }
    for (size_t i = 0; i < rules->n_boosts; i++)
        h = mix_number(mix_filter(h, rules->boost[i].filter), rules->boost[i].factor);
    h = mix_text(mix_number(h, rules->diversity), rules->diversity_column);
    h = mix_number(mix_number(h, rules->rotation), (double)rules->rotation_half_life_s);
    return mix_number(mix_text(h, rules->objective), rules->objective_power);
}

uint32_t pz_page_check(const struct pz_model *m, const struct pz_request *req)
{
    uint64_t h = mix_rules(mix_model(0, m), &req->rules);

    h = mix_text(mix_text(h, req->user_id), req->item_id);
    h = mix_list(h, req->history, req->n_history);
    for (size_t i = 0; i < req->n_context; i++)
        h = mix_text(mix_text(h, req->context[i].key), req->context[i].value);
    h = pz_rng_mix(mix_filter(h, req->filter) ^ req->values_key);
    h = mix_number(mix_number(h, req->exploration_weight), req->exploration_cutoff_days);
    if (req->probe > 0)
        h = mix_number(h, req->probe);
    h = pz_rng_mix(h ^ (uint64_t)req->now ^ req->seed << 1);
    return (uint32_t)pz_rng_mix(h ^ req->num);
}

char *pz_page_format(const struct pz_page *page, char *buf)
{
    snprintf(buf, 64, "%" PRIx32 "-%" PRIx64 "-%08" PRIx32 "%s", page->number, page->live,
             page->check, page->next ? "n" : "");
    return buf;
}

enum pz_status pz_page_parse(const char *token, struct pz_page *page, struct pz_err *err)
{
    char own[64];
    int end = 0;
    bool good = sscanf(token, "%" SCNx32 "-%" SCNx64 "-%" SCNx32 "%n", &page->number, &page->live,
                       &page->check, &end) == 3;

    page->next = good && token[end] == 'n';
    /* only as answers write it: signs, blanks and numbers too large are no token */
    if (good && page->number > 0 && strcmp(token, pz_page_format(page, own)) == 0)
        return PZ_OK;
    return pz_err_set(err, PZ_USAGE,
                      "\"%s\" is no page token; answers give one for their next page", token);
}
