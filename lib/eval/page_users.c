/* SPDX-License-Identifier: Apache-2.0 */
/* Real users on the page: see page_users.h. Who is shown is decided by their place in the data, not
 * by chance, so that the same model and data give the same page. */
#include "eval/page_users.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "eval/svg.h"

enum { N_USERS = 5, N_PAST = 6, N_LIST = 10 };

/* The column that tells what an item is. *long_text: it describes rather than names. */
static const struct pz_attr *telling_column(const struct pz_model *m, bool *long_text)
{
    const struct pz_attr *a = pz_attrs_title(&m->item_attrs);

    *long_text = !a;
    a = a ? a : pz_attrs_find(&m->item_attrs, "DESCRIPTION");
    return a && !a->num ? a : NULL;
}

/* At most max bytes, cut between characters. */
static void short_text(struct pz_str *out, const char *s, size_t n, size_t max)
{
    size_t keep = n;
    char *copy;

    if (n > max)
        for (keep = max; keep > 0 && ((unsigned char)s[keep] & 0xc0) == 0x80;)
            keep--;
    copy = pz_mem_strndup(s, keep);
    pz_svg_text(out, copy ? copy : "");
    pz_str_adds(out, keep < n ? "…" : "");
    out->failed |= !copy;
    free(copy);
}

/* An item's title, or its id and how it is described. */
static void item_name(const struct pz_model *m, uint32_t item, struct pz_str *out)
{
    bool long_text;
    const struct pz_attr *a = telling_column(m, &long_text);
    size_t n;
    const char *s = pz_dict_get(&m->items, item, &n);

    if (!a || item >= m->item_attrs.n_rows || a->ptr[item] == a->ptr[item + 1]) {
        short_text(out, s, n, 80);
        return;
    }
    if (long_text) {
        short_text(out, s, n, 40);
        pz_str_adds(out, " <small>");
    }
    s = pz_dict_get(&a->values, a->code[a->ptr[item]], &n);
    short_text(out, s, n, long_text ? 44 : 80);
    pz_str_adds(out, long_text ? "</small>" : "");
}

static void id_name(const struct pz_model *m, const char *id, struct pz_str *out)
{
    uint32_t item = pz_dict_find_str(&m->items, id);

    if (item == PZ_NONE)
        pz_svg_text(out, id);
    else
        item_name(m, item, out);
}

/* The newest of a user's history, newest first. */
static void history(const struct pz_model *m, const struct pz_case *c, struct pz_str *out)
{
    uint32_t u = c->use_model ? pz_dict_find_str(&m->users, c->user_id) : PZ_NONE;
    uint64_t first = u == PZ_NONE ? 0 : m->ptr[u],
             n = u == PZ_NONE ? c->n_past : m->ptr[u + 1] - first;

    pz_str_adds(out, "<p><small>Before, newest first:</small> ");
    if (n == 0)
        pz_str_adds(out, "nothing");
    for (uint64_t i = 0; i < n && i < N_PAST; i++) {
        pz_str_adds(out, i ? " · " : "");
        if (u == PZ_NONE)
            id_name(m, c->past[n - 1 - i].item_id, out);
        else
            item_name(m, m->item[first + n - 1 - i], out);
    }
    if (n > N_PAST)
        pz_str_addf(out, " <small>and %llu more</small>", (unsigned long long)(n - N_PAST));
    pz_str_adds(out, "</p>\n");
}

static bool is_truth(const struct pz_model *m, const struct pz_case *c, uint32_t item)
{
    size_t n;
    const char *id = pz_dict_get(&m->items, item, &n);

    for (size_t t = 0; t < c->n_truth; t++)
        if (strlen(c->truth[t]) == n && memcmp(c->truth[t], id, n) == 0)
            return true;
    return false;
}

static void user(const struct pz_model *m, const struct pz_case *c, const uint32_t *item, size_t n,
                 struct pz_str *out)
{

    pz_str_adds(out, "<div class=\"user\"><h3>");
    pz_svg_text(out, c->user_id);
    pz_str_adds(out, "</h3>\n");
    history(m, c, out);
    pz_str_adds(out, "<p><small>Recommended:</small></p><ol>");
    for (size_t i = 0; i < n && i < N_LIST; i++) {
        bool hit = is_truth(m, c, item[i]);

        pz_str_adds(out, hit ? "<li class=\"hit\">" : "<li>");
        item_name(m, item[i], out);
        pz_str_adds(out, hit ? " ✓</li>" : "</li>");
    }
    pz_str_adds(out, "</ol>\n<p><small>What came next:</small> ");
    for (size_t t = 0; t < c->n_truth && t < N_PAST; t++) {
        pz_str_adds(out, t ? " · " : "");
        id_name(m, c->truth[t], out);
    }
    if (c->n_truth > N_PAST)
        pz_str_addf(out, " <small>and %zu more</small>", c->n_truth - N_PAST);
    pz_str_adds(out, "</p></div>\n");
}

/* Users from all over the data: the middle one of each fifth. */
enum pz_status pz_page_users(const struct pz_judgement *j, struct pz_str *out, struct pz_err *err)
{
    size_t n_cases = j->cases.n, n_want = n_cases < N_USERS ? n_cases : N_USERS, n;
    uint32_t longest = 0, *item;
    enum pz_status st = PZ_OK;

    for (size_t i = 0; i < j->v.how.n_k; i++)
        longest = j->v.how.k[i] > longest ? j->v.how.k[i] : longest;
    if (!(item = pz_mem_array(longest, sizeof *item)))
        return pz_err_memory(err, "the report", 4.0 * longest);
    pz_str_adds(out, "<h2>Five users</h2>\n<p class=\"dim\">Not chosen by success: the middle one "
                     "of each fifth of "
                     "the test users. ✓ is a held-out item.</p>\n");
    for (size_t i = 0; i < n_want && st == PZ_OK; i++) {
        size_t number = (2 * i + 1) * n_cases / (2 * n_want);

        st = pz_evaluate_list(j->model[0], &j->cases, &j->v.how, number, item, &n, err);
        if (st == PZ_OK)
            user(j->model[0], &j->cases.c[number], item, n, out);
    }
    free(item);
    return st;
}
