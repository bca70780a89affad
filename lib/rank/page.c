/* SPDX-License-Identifier: Apache-2.0 */
/* Pages: page p answers the same question once the items of pages 0 .. p-1 are taken away, all of
 * them made from the history as it was for the first. So no item comes twice and none is lost,
 * whatever the user does in between. A token holds the page's number, the last live event that
 * counts, and a check: a token of another model, user, item, filter or length is refused. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "filter/filter.h"
#include "rank/ranker.h"
#include "table/hash.h"

static uint64_t mix_text(uint64_t h, const char *s)
{
    return pz_rng_mix(h ^ (s ? pz_hash64(s, strlen(s)) : 1));
}

uint32_t pz_page_check(const struct pz_ranker *r)
{
    const struct pz_model *m = r->m;
    uint64_t h = pz_rng_mix((uint64_t)pz_model_learned(m) << 32 | m->users.n);

    h = pz_rng_mix(h ^ (uint64_t)m->newest ^ m->n_interactions << 20);
    for (size_t i = 0; i < m->n_parts; i++)
        h = pz_rng_mix(h ^ pz_hash64(&m->part[i].weight, sizeof m->part[i].weight));
    h = mix_text(mix_text(h, r->req->user_id), r->req->item_id);
    h = mix_text(h, r->req->filter ? pz_filter_text(r->req->filter) : NULL);
    return (uint32_t)pz_rng_mix(h ^ r->req->num);
}

char *pz_page_format(const struct pz_page *page, char *buf)
{
    snprintf(buf, 64, "%" PRIx32 "-%" PRIx64 "-%08" PRIx32, page->number, page->live, page->check);
    return buf;
}

enum pz_status pz_page_parse(const char *token, struct pz_page *page, struct pz_err *err)
{
    int end = 0;

    if (sscanf(token, "%" SCNx32 "-%" SCNx64 "-%" SCNx32 "%n", &page->number, &page->live,
               &page->check, &end) != 3 ||
        token[end] != '\0' || page->number == 0)
        return pz_err_set(err, PZ_USAGE,
                          "\"%s\" is no page token; answers give one for their next page", token);
    return PZ_OK;
}
