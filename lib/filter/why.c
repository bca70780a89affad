/* SPDX-License-Identifier: Apache-2.0 */
/* Why a row does not pass: every clause, then every condition of a chain, is tried alone, as a
 * filter of its own that shares all but the tree. An EXCLUDE that covers the row is the answer,
 * else the first INCLUDE's condition that is not met.
 *
 * The answer is a piece of the filter's own text, without the AND, OR or bar that joins it to
 * the next. So it cannot differ from what the filter does, and costs a query only when somebody
 * asks why. */
#include "filter/why.h"

#include <string.h>

#include "base/bits.h"
#include "base/str.h"
#include "filter/ast.h"

/* Whether a clause alone, with `where` in place of its own conditions, as an INCLUDE or an EXCLUDE,
 * clears the row's bit. */
static enum pz_status clears(const struct pz_filter_query *q, const struct pz_filter_clause *clause,
                             struct pz_filter_node where, bool include, uint32_t row,
                             uint64_t *scratch, bool *cleared, struct pz_err *err)
{
    struct pz_filter_clause only = *clause;
    struct pz_filter one = *q->filter;
    size_t n_rows = one.of_users ? one.m->users.n : one.m->items.n;
    enum pz_status st;

    where.next = NULL;
    only.where = &where;
    only.include = include;
    only.next = NULL;
    one.clause = &only;
    pz_bits_fill(scratch, n_rows, false);
    pz_bits_add(scratch, row);
    st = pz_filter_apply(&one, q->values, &q->env, q->work, scratch, err);
    *cleared = !pz_bits_has(scratch, row);
    return st;
}

/* The text from one place up to another, without what joins the two. */
static size_t span(const char *text, size_t from, size_t to)
{
    static const char *const joints[] = { "AND", "OR", "|", "(" };
    bool cut = true;

    while (cut) {
        cut = false;
        while (to > from && strchr(" \t\r\n", text[to - 1]))
            cut = true, to--;
        for (size_t i = 0; i < sizeof joints / sizeof *joints; i++) {
            size_t n = strlen(joints[i]);

            if (to - from > n && pz_str_same_word(text + to - n, n, joints[i], n) &&
                (i >= 2 || strchr(" \t\r\n)", text[to - n - 1]))) {
                cut = true;
                to -= n;
            }
        }
    }
    return to - from;
}

/* Of an INCLUDE that does not cover the row: the first condition of its chain that is not met. */
static enum pz_status first_unmet(const struct pz_filter_query *q,
                                  const struct pz_filter_clause *clause, uint32_t row,
                                  uint64_t *scratch, const char **text, size_t *n,
                                  struct pz_err *err)
{
    const char *whole = q->filter->text;
    const struct pz_filter_node *chain = clause->where;
    size_t end = clause->next ? clause->next->at : strlen(whole);
    bool cleared = false;
    enum pz_status st = PZ_OK;

    *text = whole + clause->at;
    *n = span(whole, clause->at, end);
    if (chain->kind != PZ_NODE_AND)
        return PZ_OK;
    for (const struct pz_filter_node *c = chain->child; c && st == PZ_OK && !cleared; c = c->next) {
        st = clears(q, clause, *c, true, row, scratch, &cleared, err);
        if (st == PZ_OK && cleared && c->next) {
            *text = whole + c->at;
            *n = span(whole, c->at, c->next->at);
        } else if (st == PZ_OK && cleared) {
            *text = whole + c->at;
            *n = span(whole, c->at, end);
        }
    }
    return st;
}

enum pz_status pz_filter_why(const struct pz_filter_query *q, uint32_t row, uint64_t *scratch,
                             const char **text, size_t *n, struct pz_err *err)
{
    const char *whole = q->filter->text;
    const struct pz_filter_clause *unmet = NULL;
    bool included = false, cleared;
    enum pz_status st = PZ_OK;

    *n = 0;
    for (const struct pz_filter_clause *c = q->filter->clause; c && st == PZ_OK; c = c->next) {
        st = clears(q, c, *c->where, false, row, scratch, &cleared, err);
        if (st == PZ_OK && cleared && !c->include) {
            *text = whole + c->at;
            *n = span(whole, c->at, c->next ? c->next->at : strlen(whole));
            return PZ_OK;
        }
        included = included || (st == PZ_OK && cleared && c->include);
        if (st == PZ_OK && !cleared && c->include && !unmet) {
            st = clears(q, c, *c->where, true, row, scratch, &cleared, err);
            unmet = st == PZ_OK && cleared ? c : NULL;
        }
    }
    return st == PZ_OK && unmet && !included ? first_unmet(q, unmet, row, scratch, text, n, err)
                                             : st;
}
