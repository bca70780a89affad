/* SPDX-License-Identifier: Apache-2.0 */
/* Filter expressions, from tokens to a tree, by recursive descent. The grammar is that of
 * pz-filter.5; AND binds tighter than OR, NOT tighter than AND. Words are keywords by place and
 * without regard to case, so that columns may be called like keywords.
 *
 * The depth of the tree is bounded, so that no text can exhaust the stack. The first fault ends it
 * and names the character where it is. Nodes and their texts live in the arena given. */
#include <string.h>

#include "base/str.h"
#include "filter/ast.h"
#include "filter/tokens.h"

struct parser {
    struct pz_filter_tokens t;
    int depth;
};

static bool at_word(const struct parser *p, const char *word)
{
    return p->t.token == PZ_TOKEN_WORD && !p->t.quoted &&
           pz_str_same_word(p->t.s, strlen(p->t.s), word, strlen(word));
}

static bool at_byte(const struct parser *p, char c)
{
    return p->t.token == PZ_TOKEN_OTHER && p->t.byte == c;
}

static bool take_word(struct parser *p, const char *word)
{
    bool is = at_word(p, word);

    if (is)
        pz_filter_next(&p->t);
    return is;
}

static bool take_byte(struct parser *p, char c)
{
    bool is = at_byte(p, c);

    if (is)
        pz_filter_next(&p->t);
    return is;
}

static void need_byte(struct parser *p, char c, const char *what)
{
    if (!take_byte(p, c))
        pz_filter_stop(&p->t, p->t.at, what);
}

/* True while the tree may grow deeper; every way in has its way out. */
static bool deeper(struct parser *p)
{
    /* Each level takes a few hundred bytes of stack in the parser, and again in every walk over the
     * tree. */
    if (++p->depth > PZ_FILTER_DEPTH)
        pz_filter_stop(&p->t, p->t.at, "nested too deep");
    return p->t.st == PZ_OK;
}

static void *make(struct parser *p, size_t bytes)
{
    void *x = pz_arena_take(p->t.arena, bytes);

    if (x)
        memset(x, 0, bytes);
    else if (p->t.st == PZ_OK)
        p->t.st = pz_err_memory(p->t.err, "a filter", (double)bytes);
    return x;
}

/* ---- values */
static struct pz_filter_expr *new_expr(struct parser *p, enum pz_filter_expr_kind kind, size_t at)
{
    struct pz_filter_expr *e = make(p, sizeof *e);

    if (e) {
        e->kind = kind;
        e->at = (uint32_t)at;
    }
    return e;
}

static struct pz_filter_expr *parse_sum(struct parser *p);

/* COLUMN or TABLE.COLUMN */
static struct pz_filter_expr *parse_ref(struct parser *p)
{
    struct pz_filter_expr *e = new_expr(p, PZ_EXPR_REF, p->t.at);

    if (!e)
        return NULL;
    e->text = p->t.s;
    pz_filter_next(&p->t);
    if (take_byte(p, '.')) {
        if (p->t.token != PZ_TOKEN_WORD)
            pz_filter_stop(&p->t, p->t.at, "a column is needed behind the dot");
        e->table = e->text;
        e->text = p->t.s;
        pz_filter_next(&p->t);
    }
    return e;
}

static struct pz_filter_expr *parse_word(struct parser *p)
{
    struct pz_filter_expr *e;

    if (at_word(p, "NOW") && pz_filter_before(&p->t, '(')) {
        e = new_expr(p, PZ_EXPR_NOW, p->t.at);
        pz_filter_next(&p->t);
        pz_filter_next(&p->t);
        need_byte(p, ')', "NOW() takes nothing");
        return e;
    }
    /* TRUE.X would be the column X of a table called TRUE. */
    if ((at_word(p, "TRUE") || at_word(p, "FALSE")) && p->t.text[p->t.next] != '.') {
        e = new_expr(p, PZ_EXPR_TRUTH, p->t.at);
        if (e) {
            e->text = p->t.s;
            e->num = at_word(p, "TRUE");
        }
        pz_filter_next(&p->t);
        return e;
    }
    return parse_ref(p);
}

static struct pz_filter_expr *parse_leaf(struct parser *p)
{
    enum pz_filter_expr_kind kind = p->t.token == PZ_TOKEN_NUMBER ? PZ_EXPR_NUMBER
                                    : p->t.token == PZ_TOKEN_TEXT ? PZ_EXPR_TEXT
                                                                  : PZ_EXPR_PLACE;
    struct pz_filter_expr *e;

    if (p->t.token == PZ_TOKEN_WORD)
        return parse_word(p);
    if (p->t.token != PZ_TOKEN_NUMBER && p->t.token != PZ_TOKEN_TEXT &&
        p->t.token != PZ_TOKEN_PLACE) {
        pz_filter_stop(&p->t, p->t.at,
                       "a value is needed: a number, a quoted text, $NAME, NOW() or TABLE.COLUMN");
        return NULL;
    }
    e = new_expr(p, kind, p->t.at);
    if (e) {
        e->text = p->t.s;
        e->num = p->t.num;
        e->is_time = kind == PZ_EXPR_NUMBER && p->t.is_time;
    }
    pz_filter_next(&p->t);
    return e;
}

static struct pz_filter_expr *parse_factor(struct parser *p)
{
    struct pz_filter_expr *e = NULL;
    size_t at = p->t.at;

    if (deeper(p)) {
        if (take_byte(p, '(')) {
            e = parse_sum(p);
            need_byte(p, ')', "a closing parenthesis is missing");
        } else if (take_byte(p, '-')) {
            if ((e = new_expr(p, PZ_EXPR_NEGATIVE, at)))
                e->a = parse_factor(p);
        } else {
            e = parse_leaf(p);
        }
    }
    p->depth--;
    return e;
}

/* The n-th operator of a chain, which is as deep as it is long. */
static struct pz_filter_expr *chain(struct parser *p, int n, enum pz_filter_expr_kind kind)
{
    struct pz_filter_expr *e = new_expr(p, kind, p->t.at);

    if (n >= PZ_FILTER_DEPTH)
        pz_filter_stop(&p->t, p->t.at, "the sum or product is too long");
    pz_filter_next(&p->t);
    return p->t.st == PZ_OK ? e : NULL;
}

static struct pz_filter_expr *parse_term(struct parser *p)
{
    struct pz_filter_expr *e = parse_factor(p);

    for (int n = 0; p->t.st == PZ_OK && (at_byte(p, '*') || at_byte(p, '/')); n++) {
        struct pz_filter_expr *both = chain(p, n,
                                            at_byte(p, '*') ? PZ_EXPR_MULTIPLY : PZ_EXPR_DIVIDE);

        if (!both)
            break;
        both->a = e;
        both->b = parse_factor(p);
        e = both;
    }
    return e;
}

static struct pz_filter_expr *parse_sum(struct parser *p)
{
    struct pz_filter_expr *e = parse_term(p);

    for (int n = 0; p->t.st == PZ_OK && (at_byte(p, '+') || at_byte(p, '-')); n++) {
        struct pz_filter_expr *both = chain(p, n, at_byte(p, '+') ? PZ_EXPR_ADD : PZ_EXPR_SUBTRACT);

        if (!both)
            break;
        both->a = e;
        both->b = parse_term(p);
        e = both;
    }
    return e;
}

/* (value, value, ...), [value, value, ...] or one value alone. */
static struct pz_filter_expr *parse_list(struct parser *p)
{
    struct pz_filter_expr *head = NULL, **tail = &head;
    bool square = take_byte(p, '[');

    if (!square && !take_byte(p, '('))
        return parse_sum(p);
    do {
        *tail = parse_sum(p);
        if (*tail)
            tail = &(*tail)->next;
    } while (p->t.st == PZ_OK && take_byte(p, ','));
    need_byte(p, square ? ']' : ')', "a comma or a closing parenthesis is missing in the list");
    return head;
}

/* ---- conditions */
static struct pz_filter_node *new_node(struct parser *p, enum pz_filter_node_kind kind, size_t at)
{
    struct pz_filter_node *n = make(p, sizeof *n);

    if (n) {
        n->kind = kind;
        n->at = (uint32_t)at;
    }
    return n;
}

static struct pz_filter_node *parse_or(struct parser *p);

static bool parse_comparison(struct parser *p, struct pz_filter_node *n)
{
    static const enum pz_filter_op ops[] = { PZ_OP_ANY,        PZ_OP_ANY,     PZ_OP_LESS,
                                             PZ_OP_LESS_EQUAL, PZ_OP_GREATER, PZ_OP_GREATER_EQUAL };

    if (p->t.token < PZ_TOKEN_EQUAL || p->t.token > PZ_TOKEN_GREATER_EQUAL)
        return false;
    n->op = ops[p->t.token - PZ_TOKEN_EQUAL];
    n->negated = p->t.token == PZ_TOKEN_UNEQUAL;
    n->scalar = true;
    pz_filter_next(&p->t);
    n->right = parse_sum(p);
    return true;
}

/* Behind HAS. */
static void parse_set_word(struct parser *p, struct pz_filter_node *n)
{
    n->negated = at_word(p, "NONE");
    if (take_word(p, "ALL"))
        n->op = PZ_OP_ALL;
    else if (take_word(p, "ONLY"))
        n->op = PZ_OP_ONLY;
    else if (take_word(p, "EXACTLY"))
        n->op = PZ_OP_EXACTLY;
    else if (!take_word(p, "ANY") && !take_word(p, "NONE"))
        pz_filter_stop(&p->t, p->t.at, "HAS needs ALL, ANY, NONE, ONLY or EXACTLY and a list");
    n->right = parse_list(p);
}

static struct pz_filter_node *parse_test(struct parser *p)
{
    struct pz_filter_node *n = new_node(p, PZ_NODE_TEST, p->t.at);

    if (!n)
        return NULL;
    n->left = parse_ref(p);
    if (take_word(p, "NOT_IN")) {
        n->negated = true;
        n->right = parse_list(p);
    } else if (take_word(p, "NOT")) {
        n->negated = true;
        if (!take_word(p, "IN"))
            pz_filter_stop(&p->t, p->t.at, "IN is needed behind NOT");
        n->right = parse_list(p);
    } else if (take_word(p, "IN")) {
        n->right = parse_list(p);
    } else if (take_word(p, "HAS")) {
        parse_set_word(p, n);
    } else if (take_word(p, "IS")) {
        n->op = PZ_OP_NULL;
        n->negated = take_word(p, "NOT");
        if (!take_word(p, "NULL"))
            pz_filter_stop(&p->t, p->t.at, "NULL is needed behind IS");
    } else if (!parse_comparison(p, n)) {
        n->op = PZ_OP_TRUE;
        if (p->t.token != PZ_TOKEN_END && !at_byte(p, ')') && !at_byte(p, '|') &&
            !at_byte(p, ';') && !at_word(p, "AND") && !at_word(p, "OR") && !at_word(p, "IF"))
            pz_filter_stop(
                &p->t, p->t.at,
                "an operator is needed: =, !=, <, <=, >, >=, IN, NOT IN, HAS or IS NULL");
    }
    return n;
}

/* COUNT(Interactions [WHERE condition]) op value */
static struct pz_filter_node *parse_count(struct parser *p)
{
    struct pz_filter_node *n = new_node(p, PZ_NODE_COUNT, p->t.at);

    pz_filter_next(&p->t);
    pz_filter_next(&p->t);
    if (!n)
        return NULL;
    if (!at_word(p, "Interactions") && !at_word(p, "Action_Interactions"))
        pz_filter_stop(&p->t, p->t.at, "COUNT(Interactions WHERE ...) is what can be counted");
    pz_filter_next(&p->t);
    if (take_word(p, "WHERE"))
        n->child = parse_or(p);
    need_byte(p, ')', "a closing parenthesis is missing behind COUNT");
    if (!parse_comparison(p, n))
        pz_filter_stop(&p->t, p->t.at, "COUNT(...) needs a comparison: =, !=, <, <=, > or >=");
    return n;
}

static struct pz_filter_node *parse_not(struct parser *p)
{
    struct pz_filter_node *n = NULL;
    size_t at = p->t.at;

    if (deeper(p)) {
        if (take_word(p, "NOT")) {
            if ((n = new_node(p, PZ_NODE_NOT, at)))
                n->child = parse_not(p);
        } else if (take_byte(p, '(')) {
            n = parse_or(p);
            need_byte(p, ')', "a closing parenthesis is missing");
        } else if (at_word(p, "COUNT") && pz_filter_before(&p->t, '(')) {
            n = parse_count(p);
        } else if (p->t.token == PZ_TOKEN_WORD) {
            n = parse_test(p);
        } else {
            pz_filter_stop(&p->t, p->t.at, "a condition is needed, as in Items.PRICE < 10");
        }
    }
    p->depth--;
    return n;
}

/* one [word one]...: a chain of `kind`, or the one alone. */
static struct pz_filter_node *parse_chain(struct parser *p, enum pz_filter_node_kind kind,
                                          const char *word,
                                          struct pz_filter_node *(*one)(struct parser *p))
{
    struct pz_filter_node *first = one(p), *all, *last = first;

    if (!first || !at_word(p, word) || !(all = new_node(p, kind, p->t.at)))
        return first;
    all->child = first;
    while (p->t.st == PZ_OK && take_word(p, word))
        if ((last->next = one(p)))
            last = last->next;
    return all;
}

static struct pz_filter_node *parse_and(struct parser *p)
{
    return parse_chain(p, PZ_NODE_AND, "AND", parse_not);
}

static struct pz_filter_node *parse_or(struct parser *p)
{
    return parse_chain(p, PZ_NODE_OR, "OR", parse_and);
}

/* ItemID, UserID or ActionID, or as Item.ID; NULL: something else. */
static const char *parse_target(struct parser *p)
{
    static const char *const names[][2] = { { "ItemID", "Item" },
                                            { "UserID", "User" },
                                            { "ActionID", "Action" } };
    const char *target = NULL, *word = p->t.token == PZ_TOKEN_WORD && !p->t.quoted ? p->t.s : "";
    bool dotted = false;

    for (size_t i = 0; i < 3 && !target; i++) {
        dotted = pz_str_same_name(word, names[i][1]);
        if (dotted || pz_str_same_name(word, names[i][0]))
            target = names[i][0];
    }
    pz_filter_next(&p->t);
    if (dotted && !(take_byte(p, '.') && take_word(p, "ID")))
        target = NULL;
    return target;
}

static struct pz_filter_clause *parse_clause(struct parser *p)
{
    size_t at;

    struct pz_filter_clause *c = make(p, sizeof *c);

    if (!c)
        return NULL;
    c->at = (uint32_t)p->t.at;
    c->include = at_word(p, "INCLUDE");
    if (!take_word(p, "INCLUDE") && !take_word(p, "EXCLUDE"))
        pz_filter_stop(&p->t, p->t.at, "INCLUDE or EXCLUDE is needed");
    at = p->t.at;
    if (!(c->target = parse_target(p)))
        pz_filter_stop(&p->t, at, "ItemID, UserID or ActionID is needed");
    if (!take_word(p, "WHERE"))
        pz_filter_stop(&p->t, p->t.at, "WHERE is needed");
    c->where = parse_or(p);
    if (take_word(p, "IF"))
        c->only_if = parse_or(p);
    if (take_byte(p, ';') && p->t.st == PZ_OK && p->t.token != PZ_TOKEN_END)
        pz_filter_stop(&p->t, p->t.at, "nothing can follow the semicolon at the end");
    if (p->t.st == PZ_OK && p->t.token != PZ_TOKEN_END && !at_byte(p, '|'))
        pz_filter_stop(&p->t, p->t.at, "AND, OR, IF or | is needed");
    return c;
}

enum pz_status pz_filter_parse(const char *text, struct pz_arena *arena,
                               struct pz_filter_clause **out, struct pz_err *err)
{
    struct parser p = { .t = { .text = text, .arena = arena, .err = err } };
    struct pz_filter_clause **tail = out;

    *out = NULL;
    if (!pz_str_is_utf8(text, strlen(text)))
        return pz_err_set(err, PZ_USAGE, "filter: the text is not UTF-8");
    pz_filter_next(&p.t);
    do {
        *tail = parse_clause(&p);
        if (*tail)
            tail = &(*tail)->next;
    } while (p.t.st == PZ_OK && take_byte(&p, '|'));
    return p.t.st;
}
